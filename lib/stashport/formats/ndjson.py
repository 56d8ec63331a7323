"""NDJSON: the header, then a record a line, then the counts; for streaming, searching and large libraries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from stashport.errors import BadFile
from stashport.formats import Header, Option, ReadMembers, WriteMembers
from stashport.formats._lines import BATCH, LONGEST, check_header
from stashport.model.fields import BY_NAME
from stashport.model.records import Batch, dumps, to_bytes
from stashport.model.table import Field, Kind

NAME, LABEL, EXTENSION, FOLDER = "ndjson", "NDJSON", "ndjson", False
DESCRIPTION = "One record a line; to search, stream and compare."
OPTIONS: tuple[Option, ...] = ()
MEMBER = "library.ndjson"


class _Writer:
    def __init__(self, members: WriteMembers, header: Header) -> None:
        self._file = members.open(MEMBER)
        self._file.write(to_bytes(dumps({"ndjson": header})) + b"\n")

    def begin(self, kind: Kind, fields: tuple[Field, ...]) -> None:
        """A record's id tells its kind."""

    def write(self, batch: Batch) -> None:
        if len(batch):
            self._file.write(b"\n".join(batch.lines) + b"\n")

    def finish(self, counts: dict[str, int]) -> None:
        self._file.write(to_bytes(dumps({"counts": counts})) + b"\n")
        self._file.close()


class _Reading:
    def __init__(self, members: ReadMembers) -> None:
        self._place = members.place
        self._file = members.open(members.names()[0])
        self.counts: dict[str, int] | None = None
        first = next(self._values(self._file), None)
        self.header = check_header(first.get("ndjson") if isinstance(first, dict) else None, self._place, LABEL)

    def _values(self, file: BinaryIO) -> Iterator[Any]:
        number = 0
        try:
            while line := file.readline(LONGEST):
                number += 1
                if not line.endswith(b"\n"):
                    raise self._bad(f"line {number} is cut off or longer than 64 MB")
                if line.strip():
                    yield json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._bad(f"line {number + (number == 0)} is no JSON ({error})") from error
        except (OSError, EOFError) as error:
            raise self._bad(f"damaged after line {number} ({error})") from error

    def _bad(self, reason: str) -> BadFile:
        return BadFile(place=self._place, format=LABEL, reason=reason)

    def batches(self) -> Iterator[tuple[Kind, Batch]]:
        batch: list[Any] = []
        current: Kind | None = None
        with self._file as file:
            for value in self._values(file):
                if not isinstance(value, dict) or self.counts is not None:
                    raise self._bad("something follows its end" if self.counts is not None else "a line that is no record")
                identity = value.get("id")
                if identity is None and "counts" in value:
                    self.counts = value["counts"]
                    continue
                kind = BY_NAME.get(str(identity).partition(":")[0])
                if kind is None:
                    raise self._bad(f"a record of an unknown kind: {str(identity)[:60]!r}")
                if batch and (kind is not current or len(batch) == BATCH):
                    assert current is not None
                    yield current, Batch(records=batch)
                    batch = []
                current = kind
                batch.append(value)
        if batch and current is not None:
            yield current, Batch(records=batch)


def write(members: WriteMembers, header: Header, options: dict[str, bool]) -> _Writer:
    """Begin a file."""
    return _Writer(members, header)


def read(members: ReadMembers) -> _Reading:
    """Begin to read one.  Errors: BadFile, NewerFile."""
    return _Reading(members)


def recognises(members: ReadMembers) -> bool:
    """A single file whose first line is our header."""
    listed = members.names()
    if len(listed) != 1:
        return False
    with members.open(listed[0]) as file:
        return b"".join(file.read(64).removeprefix(b"\xef\xbb\xbf").split()).startswith(b'{"ndjson":')
