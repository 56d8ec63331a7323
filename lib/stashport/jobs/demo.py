"""Demo: every format on the sample library, read back and compared; needs nothing but Python."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from stashport import formats
from stashport.atomic import human_size
from stashport.errors import NotProven
from stashport.jobs.context import Context
from stashport.jobs.export import export
from stashport.jobs.sample import SampleReader
from stashport.model.records import encode
from stashport.output.source import Source
from stashport.runs.state import State
from stashport.stash.source import Opened


def demo(folder: Path | None = None, state: Path | None = None) -> Iterator[str]:
    """Write the sample in every format below `folder` (a new one here when none is given); lines that say what was done.

    Errors: those of export; NotProven when a file reads back as something else.
    """
    reader = SampleReader()
    folder = (folder or _new_folder()).absolute()
    with tempfile.TemporaryDirectory(prefix="stash-port-") as scratch:
        context = Context(State(state or Path(scratch)), Opened(reader, {"type": "sample", "reader": "sample"}))
        wanted = [encode(record) for kind in reader.kinds() for batch in reader.batches(kind, reader.fields(kind)) for record in batch.records]
        yield f"A sample library of {len(wanted)} records of {len(reader.kinds())} kinds goes to {folder}"
        for name in formats.names():
            found = formats.get(name)
            if not formats.available(name):
                yield f"  {found.LABEL:8} left out: it needs a package, see stash_port.py check"
                continue
            target = folder / (f"library-{name}" if found.FOLDER else f"library.{found.EXTENSION}")
            run = export({"format": name, "to": str(target)}, context)
            told = "not to be read back: the file holds what was made for it"
            if formats.reads_back(found):
                got = _read(target)
                if sorted(got) != sorted(wanted):
                    raise NotProven(reason=f"{target} holds {len(got)} records, and not those that were written")
                told = f"read back: {len(got)} records, each the same"
            size = run.record["outputs"][0]["size"]
            yield f"  {found.LABEL:8} {target.name:20} {human_size(size):>8}  {told}"
        yield "Next: export a library of yours with: python3 stash_port.py export SOURCE --to FILE"


def _read(target: Path) -> list[bytes]:
    source = Source(target)
    try:
        return [encode(record) for _, batch in formats.detect(source).read(source).batches() for record in batch.records]
    finally:
        source.close()


def _new_folder() -> Path:
    for number in range(1, 1000):
        folder = Path(f"stash-port-demo{f'-{number}' if number > 1 else ''}")
        if not folder.exists():
            return folder
    return Path("stash-port-demo")
