r"""CSV: one table a kind, and one for each list of objects that records hold (scenes.scene_markers.csv); RFC 4180, UTF-8.

Cells: null and empty lists are empty; a list's items are joined by "|", with "|" in an item written as "\|", "\" as "\\" and an empty item as "\e".
With `safe`, a text that a spreadsheet would run as a formula, and one that begins with an apostrophe, gets an apostrophe in front; reading takes it off.
Columns named "... (names)" are there for people and are not read back.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from stashport.bundle.aside import Aside
from stashport.errors import BadFile
from stashport.formats import Header, Option, ReadMembers, WriteMembers, aside_of
from stashport.formats._cells import guarded, parsed, written
from stashport.formats._lines import BATCH, LONGEST, check_header
from stashport.formats._names import Kept
from stashport.model.fields import BY_PLURAL
from stashport.model.records import Batch, Record, dumps, to_bytes
from stashport.model.table import Field, Kind

NAME, LABEL, EXTENSION, FOLDER = "csv", "CSV", "csv", True
DESCRIPTION = "A folder of tables, one a kind; for spreadsheets, and to read back without loss."
OPTIONS = (
    Option("names", "Names beside ids", True, "Adds columns with the names of tags, performers and the like, for people."),
    Option("safe", "Safe for spreadsheets", True, "An apostrophe before texts that a spreadsheet would run as a formula."),
    Option("bom", "Byte order mark", False, "Helps Excel to see that the file is UTF-8."),
)
_NAMES = " (names)"
# Python 3.10's csv module refuses NUL, which titles can hold: there it goes through as half of a surrogate pair, which no decoded file holds.
_HIDDEN = "\ud800" if sys.version_info < (3, 11) else ""
_MAP = (Field("field", "text"), Field("value", "json"))


def _encode_surrogates(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    cut = error.object[error.start : error.end].replace(_HIDDEN or "\0", "\0")
    return cut.encode("utf-8", "surrogateescape"), error.end


codecs.register_error("csv-escape", _encode_surrogates)


class _Names:
    """Names by id, for people: they are wanted by every kind that follows."""

    def __init__(self, aside: Aside | None) -> None:
        self._kept = Kept(aside)

    def add(self, records: list[Record], key: str) -> None:
        self._kept.add((r["id"], r[key].encode("utf-8", "replace")) for r in records if r.get(key))

    def of(self, ids: list[str]) -> str:
        return b"; ".join(filter(None, map(self._kept.get, ids))).decode()

    def close(self) -> None:
        self._kept.close()


class _Table:
    def __init__(self, file: BinaryIO, fields: tuple[Field, ...], options: dict[str, bool], names: _Names | None) -> None:
        encoding = "utf-8-sig" if options.get("bom") else "utf-8"
        self._text = io.TextIOWrapper(file, encoding, errors="csv-escape", newline="")
        self._csv = csv.writer(self._text)
        self._names = names
        self.rows = 0
        self._refs = [f for f in fields if f.type in ("ref", "refs")] if names else []
        self._columns = [(f.name, written(f, safe=bool(options.get("safe")))) for f in fields]
        self._csv.writerow(["id", *(f.name for f in fields), *(f.name + _NAMES for f in self._refs)])

    def row(self, identity: str, values: Record) -> None:
        cells = [identity, *(function(values.get(name)) for name, function in self._columns)]
        for field in self._refs:
            value = values.get(field.name)
            assert self._names is not None
            cells.append(guarded(self._names.of([value] if isinstance(value, str) else value or [])))
        try:
            self._csv.writerow(cells)
        except csv.Error:
            self._csv.writerow([cell.replace("\0", _HIDDEN) for cell in cells])

    def close(self) -> None:
        self._text.close()


class _Writer:
    def __init__(self, members: WriteMembers, header: Header, options: dict[str, bool]) -> None:
        self._members, self._options = members, options
        self._names = _Names(aside_of(members)) if options.get("names") else None
        self._table: _Table | None = None
        self._sides: list[tuple[Field, _Table]] = []
        self._rows: dict[str, int] = {}
        self._kind = ""
        self._named = ""
        with members.open("header.json") as file:
            file.write(to_bytes(dumps({**header, "csv": {option.name: bool(options.get(option.name)) for option in OPTIONS}})))

    def begin(self, kind: Kind, fields: tuple[Field, ...]) -> None:
        self._close()
        self._kind = kind.plural
        main = tuple(f for f in fields if f.type not in ("rows", "map"))
        self._table = _Table(self._members.open(f"{kind.plural}.csv"), main, self._options, self._names)
        self._sides = []
        for f in fields:
            if f.type in ("rows", "map"):
                self._sides.append((f, _Table(self._members.open(f"{kind.plural}.{f.name}.csv"), _side_fields(f), self._options, self._names)))
        self._named = next((name for name in ("name", "title", "path") if name in kind.by_name), "")

    def write(self, batch: Batch) -> None:
        assert self._table is not None
        if self._names and self._named:
            self._names.add(batch.records, self._named)
        for record in batch.records:
            self._table.row(record["id"], record)
            for field, table in self._sides:
                value = record.get(field.name) or ()
                for row in [{"field": k, "value": v} for k, v in value.items()] if field.type == "map" and value else value:
                    table.row(record["id"], row)
                    table.rows += 1

    def _close(self) -> None:
        if self._table:
            self._table.close()
        for _, table in self._sides:
            table.close()
        self._rows.update({f"{self._kind}.{field.name}": table.rows for field, table in self._sides})

    def finish(self, counts: dict[str, int]) -> None:
        self._close()
        if self._names:
            self._names.close()
        with self._members.open("counts.json") as file:
            file.write(to_bytes(dumps({**counts, **self._rows})))


class _Reading:
    def __init__(self, members: ReadMembers) -> None:
        self._members = members
        self.header = check_header(self._json("header.json"), members.place, LABEL)
        written_with = self.header.get("csv")
        self._safe = isinstance(written_with, dict) and bool(written_with.get("safe"))
        self.counts: dict[str, int] | None = None
        self._sides: dict[str, int] = {}

    def _json(self, name: str) -> Any:
        try:
            with self._members.open(name) as file:
                return json.loads(file.read(8 << 20))
        except (KeyError, OSError, ValueError, RecursionError) as error:
            raise self._bad(f"{name} is missing or damaged ({error})") from error

    def _bad(self, reason: str) -> BadFile:
        return BadFile(place=self._members.place, format=LABEL, reason=reason)

    def batches(self) -> Iterator[tuple[Kind, Batch]]:
        tables = {name.removesuffix(".csv") for name in self._members.names() if name.endswith(".csv")}
        if strange := tables - {name for kind in BY_PLURAL.values() for name in _tables_of(kind)}:
            raise self._bad(f"its table {min(strange)[:60]!r} is not known here")
        for plural, kind in BY_PLURAL.items():
            if plural in tables:
                batch: list[Record] = []
                for record in self._records(kind, [f for f in kind.fields if f"{plural}.{f.name}" in tables]):
                    batch.append(record)
                    if len(batch) == BATCH:
                        yield kind, Batch(records=batch)
                        batch = []
                if batch:
                    yield kind, Batch(records=batch)
        counts = self._json("counts.json")
        if not isinstance(counts, dict):
            raise self._bad("counts.json holds no counts")
        if {name: number for name, number in counts.items() if "." in name} == self._sides:
            self.counts = {name: number for name, number in counts.items() if "." not in name}

    def _records(self, kind: Kind, sides: list[Field]) -> Iterator[Record]:
        walks = [(f, self._rows(f"{kind.plural}.{f.name}.csv", {g.name: g for g in _side_fields(f)})) for f in sides]
        self._sides.update({f"{kind.plural}.{f.name}": 0 for f in sides})
        heads = [next(walk, None) for _, walk in walks]
        for identity, main in self._rows(f"{kind.plural}.csv", kind.by_name):
            lists: Record = {}
            for index, (field, walk) in enumerate(walks):
                rows = []
                while (head := heads[index]) is not None and head[0] == identity:
                    rows.append(head[1])
                    heads[index] = next(walk, None)
                self._sides[f"{kind.plural}.{field.name}"] += len(rows)
                lists[field.name] = self._map(kind, field, rows) if field.type == "map" else rows
            found = {**main, **lists}
            yield {"id": identity, **{f.name: found[f.name] for f in kind.fields if f.name in found}}
        for (field, _), head in zip(walks, heads, strict=True):
            if head is not None:
                raise self._bad(f"{kind.plural}.{field.name}.csv has rows for {head[0][:40]!r}, which is not where it should be")

    def _rows(self, name: str, fields: dict[str, Field]) -> Iterator[tuple[str, Record]]:
        with self._members.open(name) as file, io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="") as text:
            try:
                lines = _Lines(text)
                reader = csv.reader(iter(lines), strict=True)
                titles = next(reader)
                self._check_titles(name, titles, fields)
                columns = [(i, title, parsed(fields[title], safe=self._safe)) for i, title in enumerate(titles) if title in fields and i]
                order = {f: n for n, f in enumerate(fields)}
                columns.sort(key=lambda column: order[column[1]])
                for row in reader:
                    if len(row) != len(titles):
                        raise self._bad(f"{name}, line {reader.line_num}: {len(row)} cells where {len(titles)} should be")
                    cells = [cell.replace(_HIDDEN, "\0") for cell in row] if lines.hid else row
                    yield cells[0], {title: parse(cells[i]) for i, title, parse in columns}
            except StopIteration as error:
                raise self._bad(f"{name}: it is empty") from error
            except (csv.Error, ValueError, KeyError, OSError, RecursionError) as error:
                raise self._bad(f"{name}: {error}") from error

    def _map(self, kind: Kind, field: Field, rows: list[Record]) -> Record:
        found: Record = {row["field"]: row.get("value") for row in rows if row.get("field")}
        if len(found) != len(rows):
            raise self._bad(f"{kind.plural}.{field.name}.csv has one field twice for a record, or a value without one")
        return found

    def _check_titles(self, name: str, titles: list[str], fields: dict[str, Field]) -> None:
        if titles[:1] != ["id"] or len(set(titles)) != len(titles):
            raise self._bad(f"{name}: its first title is not id, or it has one twice")
        for title in titles[1:]:
            if title not in fields and title.removesuffix(_NAMES) not in fields:
                raise self._bad(f"{name}: its column {title[:60]!r} is not known here")


class _Lines:
    """The lines of a table, none so long that it fills the memory; `hid` says that a NUL in them was hidden."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self.hid = text, False

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(LONGEST):
            if len(line) == LONGEST:
                raise csv.Error("a line is longer than 64 MB")
            if _HIDDEN and "\0" in line:
                line, self.hid = line.replace("\0", _HIDDEN), True
            yield line


def _tables_of(kind: Kind) -> list[str]:
    return [kind.plural, *(f"{kind.plural}.{f.name}" for f in kind.fields if f.type in ("rows", "map"))]


def _side_fields(field: Field) -> tuple[Field, ...]:
    return _MAP if field.type == "map" else field.fields


def write(members: WriteMembers, header: Header, options: dict[str, bool]) -> _Writer:
    """Begin a folder of tables."""
    return _Writer(members, header, options)


def read(members: ReadMembers) -> _Reading:
    """Begin to read one.  Errors: BadFile, NewerFile."""
    csv.field_size_limit(64 << 20)
    return _Reading(members)


def recognises(members: ReadMembers) -> bool:
    """A folder with a header and tables."""
    listed = members.names()
    return "header.json" in listed and any(name.removesuffix(".csv") in BY_PLURAL for name in listed)
