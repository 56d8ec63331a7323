"""An export in numbered parts, each valid on its own, with an index that names them all.

A part ends when it holds `chunk` records, or before it would grow beyond `largest` bytes (unpacked; a single record that is larger makes a part that is).
References may lead from one part to another: they are whole over all parts together.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from stashport import formats
from stashport.errors import BadFile
from stashport.formats import Format, Header, Reading, ReadMembers, WriteMembers, Writer
from stashport.model.records import Batch, dumps, to_bytes
from stashport.model.table import Field, Kind

INDEX = "index.json"
SMALLEST = 10_000
_ROOM = 0.9


class PartsWriter:
    """A Writer that begins a new part whenever the one at hand is full."""

    def __init__(self, made_by: Format, members: WriteMembers, header: Header, options: dict[str, Any], chunk: int, largest: int) -> None:
        self._made_by, self._members, self._header, self._options = made_by, members, header, options
        self._chunk, self._largest = chunk or 1 << 62, int(largest * _ROOM) if largest else 1 << 62
        self._parts: list[dict[str, Any]] = []
        self._kind: tuple[Kind, tuple[Field, ...]] | None = None
        self._told = 0
        self._open()

    def _open(self) -> None:
        number = len(self._parts) + 1
        self._into = _Numbered(self._members, number, folder=self._made_by.FOLDER)
        self._counts: dict[str, int] = {}
        self._records, self._told = 0, 0
        self._writer: Writer = self._made_by.write(self._into, {**self._header, "part": number}, self._options)
        if self._kind:
            self._begin(*self._kind)

    def begin(self, kind: Kind, fields: tuple[Field, ...]) -> None:
        """Records of this kind follow."""
        self._kind = kind, fields
        self._begin(kind, fields)

    def _begin(self, kind: Kind, fields: tuple[Field, ...]) -> None:
        self._counts.setdefault(kind.plural, 0)
        self._writer.begin(kind, fields)

    def write(self, batch: Batch) -> None:
        """Some records, over as many parts as they need."""
        assert self._kind is not None
        lines, at = batch.lines, 0
        while at < len(lines):
            if self._records and (self._records >= self._chunk or not self._fits(len(lines[at]))):
                self._close()
                self._open()
            end, size = at, 0
            while end < len(lines) and self._records + end - at < self._chunk and (end == at or self._fits(size + len(lines[end]))):
                size += len(lines[end])
                end += 1
            self._writer.write(Batch(lines=lines[at:end]))
            self._told += size
            self._records += end - at
            self._counts[self._kind[0].plural] += end - at
            at = end

    def _fits(self, more: int) -> bool:
        # How much a format makes of a record is learnt from what it made so far; before that, room is left for twice its JSON.
        written = self._into.size
        growth = max(1.0, written / self._told) if self._told > SMALLEST else 2.0
        return max(written, self._told * growth) + more * growth + 500 < self._largest

    def _close(self) -> None:
        self._writer.finish(self._counts)
        self._parts.append({"part": len(self._parts) + 1, "files": self._into.files(), "counts": self._counts})

    def finish(self, counts: dict[str, int]) -> None:
        """Close the last part and write the index."""
        self._close()
        with self._members.open(INDEX) as file:
            file.write(to_bytes(dumps({"stash_port_parts": self._made_by.NAME, "parts": self._parts, "counts": counts})) + b"\n")


class _Numbered:
    """The members of one part: in a folder of its own, or with its number in the name; hashed and measured as they are written."""

    def __init__(self, members: WriteMembers, number: int, *, folder: bool) -> None:
        self._members, self._number, self._folder = members, number, folder
        self.aside = formats.aside_of(members)
        self._files: list[tuple[str, _Measured]] = []

    def open(self, name: str) -> BinaryIO:
        path = PurePosixPath(name)
        full = f"part-{self._number:04}/{name}" if self._folder else f"{path.stem}-{self._number:04}{path.suffix}"
        file = _Measured(self._members.open(full))
        self._files.append((full, file))
        return cast("BinaryIO", file)

    @property
    def size(self) -> int:
        return sum(file.size for _, file in self._files)

    def files(self) -> list[dict[str, Any]]:
        return [{"name": name, "size": file.size, "sha256": file.hash.hexdigest()} for name, file in self._files]


class _Measured(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file, self.size, self.hash = file, 0, hashlib.sha256()

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def write(self, data: Any) -> int:
        """Write, measure and hash."""
        self._file.write(data)
        self.size += len(data)
        self.hash.update(data)
        return len(data)

    def close(self) -> None:
        """Close what is behind it, too."""
        if not self.closed:
            self._file.close()
        super().close()


class _Parts:
    """All parts, read one after the other."""

    def __init__(self, source: ReadMembers, index: dict[str, Any]) -> None:
        self._source, self._index = source, index
        self.counts: dict[str, int] | None = None
        self.header: Header = self._reading(self._index["parts"][0])[1].header

    def _reading(self, part: dict[str, Any]) -> tuple[Format, Reading]:
        names = [str(file["name"]) for file in part["files"]]
        for file in part["files"]:
            self._check(file)
        members = _View(self._source, names)
        found = formats.get(str(self._index["stash_port_parts"]))
        return found, found.read(members)

    def _check(self, told: dict[str, Any]) -> None:
        code = hashlib.sha256()
        with self._source.open(str(told["name"])) as file:
            while piece := file.read(1 << 20):
                code.update(piece)
        if code.hexdigest() != told["sha256"]:
            raise BadFile(place=self._source.place, format="parts", reason=f"{told['name']} is not as it was written")

    def batches(self) -> Iterator[tuple[Kind, Batch]]:
        total: dict[str, int] = {}
        for part in self._index["parts"]:
            _, reading = self._reading(part)
            yield from reading.batches()
            if reading.counts != part["counts"]:
                raise BadFile(place=self._source.place, format="parts", reason=f"part {part['part']} does not hold what the index says")
            for plural, number in part["counts"].items():
                total[plural] = total.get(plural, 0) + number
        if total != self._index["counts"]:
            raise BadFile(place=self._source.place, format="parts", reason="the parts together do not hold what the index says")
        self.counts = total


class _View:
    """Some members of a source, as if they were all: a part's own folder is left out of their names."""

    def __init__(self, source: ReadMembers, names: list[str]) -> None:
        self.place, self._source = source.place, source
        self._names = {name.split("/", 1)[-1]: name for name in names}

    def names(self) -> list[str]:
        return list(self._names)

    def open(self, name: str) -> BinaryIO:
        return self._source.open(self._names[name])

    def raw(self) -> BinaryIO:
        return self._source.open(next(iter(self._names.values())))


def reading(source: ReadMembers) -> Reading:
    """The records of a source: of its parts, where it has an index, else of the one export that it is.  Errors: BadFile, NewerFile."""
    if INDEX not in source.names():
        return formats.detect(source).read(source)
    try:
        with source.open(INDEX) as file:
            index = json.loads(file.read(64 << 20))
        return _Parts(source, index)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OSError, RecursionError) as error:
        raise BadFile(place=source.place, format="parts", reason=f"its index is damaged ({error})") from error
