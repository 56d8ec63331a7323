#!/usr/bin/env python3
"""Measures whether memory grows with the library: whole export jobs, reading back included, of a few and of many records.

    python3 bench/memory.py [--records 10000,2000000] [--formats xml,template] [--folder DIR]

The records are made up as they are read, so no Stash and no database is needed; the files are (two million scenes take some 3 GB in XML).  Each export is
a process of its own, and what is told is the most memory that it ever held.  The last column is the growth from the fewest records to that row.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "bench")]

from stashport import formats  # noqa: E402 - the path has to be set first
from stashport.jobs.context import Context  # noqa: E402
from stashport.jobs.export import export  # noqa: E402
from stashport.jobs.sample import SampleReader  # noqa: E402
from stashport.model.fields import SCENE  # noqa: E402
from stashport.model.records import Batch, IdSet, Record, encode  # noqa: E402
from stashport.model.table import Field, Kind  # noqa: E402
from stashport.runs.state import State  # noqa: E402
from stashport.stash.source import Opened  # noqa: E402

SIZE = 500
# Each scene by its name, its studio's and its tags': what a template keeps of earlier records is part of what is measured.
TEMPLATE = "{% block scene %}{{ number }}. {{ record.title }} ({{ record.studio|name }}; {{ record.tags|map('name')|join(', ') }})\n{% endblock %}"
OPTIONS: dict[str, dict[str, Any]] = {"template": {"template": TEMPLATE}}


class ManyScenes(SampleReader):
    """The sample library with as many scenes as are wanted, each with a number of its own in its title."""

    name = "synthetic"

    def __init__(self, records: int) -> None:
        self._scenes = max(1, records - sum(super(ManyScenes, self).count(kind) for kind in self.kinds() if kind is not SCENE))

    def count(self, kind: Kind) -> int:
        """How many records of a kind there are."""
        return self._scenes if kind is SCENE else super().count(kind)

    def batches(self, kind: Kind, fields: tuple[Field, ...], only: IdSet | None = None) -> Iterator[Batch]:
        """Records in batches, ordered by id."""
        if kind is not SCENE:
            yield from super().batches(kind, fields, only)
            return
        models: list[Record] = [record for batch in super().batches(kind, fields) for record in batch.records]
        for start in range(1, self._scenes + 1, SIZE):
            numbers = range(start, min(start + SIZE, self._scenes + 1))
            given = [(number, models[number % len(models)]) for number in numbers]
            yield Batch(lines=[encode({**model, "id": f"scene:{number}", "title": f"{model['title']} {number}"}) for number, model in given])


def one(name: str, records: int, folder: Path) -> None:
    """The job itself, in a process of its own."""
    config = {"format": name, "to": str(folder / "out"), "options": OPTIONS.get(name, {}), "overwrite": True}
    run = export(config, Context(State(folder / "state"), Opened(ManyScenes(records), {"type": "synthetic", "reader": "synthetic"})))
    assert run.exit_code == 0, run.record


def main() -> None:
    """Run every format with every number of records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", default="10000,2000000")
    parser.add_argument("--formats", default=",".join(formats.names()))
    parser.add_argument("--folder", help="where the files go for as long as they are needed (default: the system's folder for such)")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sizes = sorted(map(int, arguments.records.split(",")))
    if arguments.one:
        one(arguments.formats, sizes[0], Path(arguments.folder))
        return
    from run import measured  # not in the processes that are measured

    for name in arguments.formats.split(","):
        least = 0.0
        for records in sizes:
            with tempfile.TemporaryDirectory(prefix="stash-port-bench-", dir=arguments.folder) as folder:
                began = time.perf_counter()
                _, peak = measured(sys.executable, __file__, "--one", "--formats", name, "--records", str(records), "--folder", folder)
                least = least or peak
                print(f"{name:10} {records:11,} records {time.perf_counter() - began:9.1f} s {peak:8.1f} MB  {peak / least - 1:+.1%}", flush=True)


if __name__ == "__main__":
    main()
