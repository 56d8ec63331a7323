"""Writes golden files of today's format version anew: python tests/golden/write.py [FORMAT ..]

Only before that version is released, or for a format that is new: what people hold in their hands must stay readable.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "lib"), str(HERE.parent)]

from stashport import formats  # noqa: E402
from stashport.jobs.sample import SampleReader  # noqa: E402
from stashport.model.fields import FORMAT_VERSION  # noqa: E402
from support.records import lines_of, packings, run_export  # noqa: E402


def made(name: str, folder: Path, state: Path) -> list[Path]:
    """The golden files of a format, written into a folder: plain, and packed each way."""
    paths = []
    found = formats.get(name)
    for compress in packings(name):
        ending = {"none": "", "gzip": ".gz", "zip": ".zip"}[compress]
        paths.append(folder / (f"library-{name}{ending}" if found.FOLDER else f"library.{found.EXTENSION}{ending}"))
        run_export(SampleReader(), state, format=name, to=paths[-1], compress=compress, overwrite=True)
    return paths


def main() -> None:
    """Replace the files of the formats that are named, or of all."""
    folder = HERE / f"v{FORMAT_VERSION}"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as state:
        for name in sys.argv[1:] or formats.readable():
            print(*made(name, folder, Path(state)))
    (folder / "records.ndjson").write_bytes(b"\n".join(lines_of(SampleReader())) + b"\n")


if __name__ == "__main__":
    main()
