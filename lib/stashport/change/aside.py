"""One side's records, on disk until their counterparts come by: two libraries are read one after the other, and memory grows with neither."""

from __future__ import annotations

import json
from types import TracebackType

from stashport.bundle.scratch import Scratch
from stashport.model.reader import Reader
from stashport.model.records import IdSet, Record
from stashport.model.table import Field, Kind


class Aside:
    """The records of a kind with these fields, all or only some.  A context manager.  Errors: those of the reader and of Scratch."""

    def __init__(self, reader: Reader, kind: Kind, fields: tuple[Field, ...], only: IdSet | None = None) -> None:
        self._rows = Scratch("CREATE TABLE record (number INTEGER PRIMARY KEY, line BLOB)")
        for batch in reader.batches(kind, fields, only):
            self._rows.many("INSERT INTO record VALUES (?,?)", [(number_in(kind, line), line) for line in batch.lines])

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._rows.close()

    def line(self, number: int) -> bytes | None:
        """One of them on its canonical line."""
        row = self._rows.one("SELECT line FROM record WHERE number=?", (number,))
        found: bytes | None = row[0] if row else None
        return found

    def record(self, number: int) -> Record | None:
        """One of them."""
        line = self.line(number)
        found: Record | None = json.loads(line) if line is not None else None
        return found


def number_in(kind: Kind, line: bytes) -> int:
    """The number of the record on a canonical line."""
    start = len(kind.name) + len('{"id":":')
    return int(line[start : line.index(b'"', start)])


def rest_of(kind: Kind, line: bytes) -> bytes:
    """A canonical line from behind the record's number."""
    return line[line.index(b'"', len(kind.name) + len('{"id":":')) :]
