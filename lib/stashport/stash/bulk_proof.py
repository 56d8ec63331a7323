"""Proves that what was loaded is what was to be loaded: counts and checks on the server, and every table row by row."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stashport.errors import DatabaseDamaged, LoadBroken, ServerError
from stashport.model.fields import KINDS
from stashport.stash.bulk_guard import Guarded
from stashport.stash.bulk_journal import Journal
from stashport.stash.bulk_source import BulkSource, Paths, counting
from stashport.stash.bulk_tables import BY_NAME, OBJECTS, TABLES, Table, quoted
from stashport.stash.connection import Connection
from stashport.stash.database import open_database

_ROWS = 5000
_SHOWN = 20
_IMAGE = ("blobs", "blob")


def prove(server: Guarded, counts: Mapping[str, int], log: Journal, *, large: bool) -> list[str]:
    """Count and check what is on the server after a load, and have it gather its statistics; remarks for people.

    Stash reports success also where a transaction could not be committed: only counting tells.
    Errors: LoadBroken.
    """
    remarks = []
    found = dict(zip(counts, server.ask(f"SELECT {counting()}")[0], strict=True))
    for name, number in counts.items():
        if found[name] == number:
            continue
        table = BY_NAME[name]
        ours = server.ask(f"SELECT count(*) FROM {quoted(name)} WHERE {table.key}<=CAST(? AS INTEGER)", [str(log.last(name, late=False))])[0][0]
        if ours != number:
            raise LoadBroken(reason=f"the table {name} has {ours} of {number} rows")
        remarks.append(f"{found[name] - number} rows were added to {name} by somebody else meanwhile.")
    if broken := server.ask('SELECT "table",count(*) FROM pragma_foreign_key_check GROUP BY 1'):
        raise LoadBroken(reason=f"{broken[0][1]} rows of {broken[0][0]} refer to what is not there")
    if (said := server.ask("PRAGMA quick_check")[0][0]) != "ok":
        raise LoadBroken(reason=f"SQLite's quick_check says: {said}")
    for names in [[table.name] for table in TABLES] if large else [[table.name for table in TABLES]]:
        server.run([f"ANALYZE {quoted(name)}" for name in names])
    return remarks + _lists(server.connection)


def _lists(connection: Connection) -> list[str]:
    """Whether Stash can list what it has now: one unreadable time among the records is enough for it to refuse a whole page."""
    wanted = {kind: f"{kind.find}(filter:{{per_page:25}}){{count {kind.listing}{{id created_at updated_at}}}}" for kind in KINDS if kind.listing}
    wanted |= {kind: f"{kind.find}{{id name find_filter{{q}} object_filter}}" for kind in KINDS if kind.find and not kind.listing}
    remarks: list[str] = []
    with contextlib.suppress(ServerError):
        connection.query(f"query StashPortListed{{{' '.join(wanted.values())}}}")
        return remarks
    for kind, asked in wanted.items():
        try:
            connection.query(f"query StashPortListed{{{asked}}}")
        except ServerError as error:
            remarks.append(f"Stash cannot list its {kind.label.lower()}, which are as they were in the source: {error.details.get('reason')}")
    return remarks


def differences(source: Path, target: Connection | Path, paths: Paths = lambda path: path) -> list[str]:
    """What differs between a library and what it was loaded into, row by row in every table; [] when nothing does.

    target   the running Stash, or its database file where that is within reach, which is faster
    At most 20 lines for each table.  Of images in files only the rows are compared, and of those in a database out of reach the length.
    Errors: those of BulkSource and Connection.
    """
    with BulkSource(source, paths) as one, contextlib.ExitStack() as stack:
        other = _Server(Guarded(target)) if isinstance(target, Connection) else stack.enter_context(_File(target))
        told: list[str] = []
        for table in TABLES:
            told += [f"{table.name}: {line}" for line in _limited(_table(one, other, table))]
        told += [f"blobs: {line}" for line in _limited(_images(one, other))]
        ours, theirs = dict(one.sequence()), other.sequence()
        names = [table.name for table in OBJECTS if ours.get(table.name) != theirs.get(table.name)]
        return told + [f"sqlite_sequence: {name} is {theirs.get(name)}, not {ours.get(name)}" for name in names]


def _limited(lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number == _SHOWN:
            yield "and more"
            return
        yield line


def _table(one: BulkSource, other: _Server | _File, table: Table) -> Iterator[str]:
    after = -(2**63)
    while True:
        last, number = one.chunk(table, after, _ROWS)
        end = last if number else 2**63 - 1
        mine, theirs = list(one.values(table, _columns(table), after, end)), other.values(table, after, end)
        if table.name == "folders":
            mine = [(row[0], row[1], one.mapped(row[2]), *row[3:]) for row in mine]
        if mine != theirs:  # text that is no UTF-8 does not survive an answer of Stash's as it is
            yield from _rows(mine, other.values(table, after, end, careful=True))
        if not number:
            return
        after = last


def _rows(mine: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> Iterator[str]:
    ours, others = {row[0]: row for row in mine}, {row[0]: row for row in theirs}
    for key in sorted(ours.keys() | others.keys()):
        if key not in others:
            yield f"row {key} is missing"
        elif key not in ours:
            yield f"row {key} is there in addition"
        elif ours[key] != others[key]:
            pairs = zip(ours[key], others[key], strict=True)
            yield f"row {key} differs: " + "; ".join(f"{one!r:.60} became {other!r:.60}" for one, other in pairs if one != other)


def _columns(table: Table) -> str:
    """The key, then all columns; where a column takes any type, its type too, since 3 and 3.0 are equal here.  Images are looked at by themselves."""
    columns = [quoted(column) for column in table.columns if (table.name, column) != _IMAGE]
    return ",".join([table.key, *columns, *(f"typeof({quoted(column)})" for column in table.untyped)])


def _images(one: BulkSource, other: _Server | _File) -> Iterator[str]:
    """Images that are in both databases."""
    after = -(2**63)
    while (found := one.chunk(BY_NAME["blobs"], after, 1))[1]:
        after, ((key, checksum, data),) = found[0], one.images(after, found[0])
        if data is not None and not other.has_image(key, data):
            yield f"the image {checksum} differs"


class _File:
    """The target's database file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _File:
        self._db = open_database(self._path)
        self._db.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def values(self, table: Table, after: int, last: int, *, careful: bool = False) -> list[tuple[Any, ...]]:
        try:
            sql = f"SELECT {_columns(table)} FROM {quoted(table.name)} WHERE {table.key}>? AND {table.key}<=? ORDER BY {table.key}"
            return self._db.execute(sql, (after, last)).fetchall()
        except sqlite3.DatabaseError as error:
            raise DatabaseDamaged(place=self._path, reason=error) from error

    def has_image(self, key: int, data: bytes) -> bool:
        found = self._db.execute("SELECT blob FROM blobs WHERE rowid=?", (key,)).fetchone()
        return found is None or found[0] is None or found[0] == data

    def sequence(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT name,seq FROM sqlite_sequence"))


class _Server:
    """The same over HTTP: rows as JSON, in which real numbers have as many digits as make them the same number here."""

    def __init__(self, server: Guarded) -> None:
        self._server = server

    def values(self, table: Table, after: int, last: int, *, careful: bool = False) -> list[tuple[Any, ...]]:
        columns = [_spelled(column, careful) for column in _columns(table).split(",")]
        where = f"{table.key}>CAST(? AS INTEGER) AND {table.key}<=CAST(? AS INTEGER)"
        sql = f"SELECT json_group_array(json_array({','.join(columns)})) FROM {quoted(table.name)} WHERE {where}"
        found = json.loads(self._server.ask(sql, [str(after), str(last)])[0][0])
        return sorted((tuple(_value(value) for value in row) for row in found), key=lambda row: int(row[0]))

    def has_image(self, key: int, data: bytes) -> bool:
        found = self._server.ask("SELECT length(blob) FROM blobs WHERE rowid=CAST(? AS INTEGER)", [str(key)])
        return not found or found[0][0] in (None, len(data))

    def sequence(self) -> dict[str, int]:
        return {name: seq for name, seq in self._server.ask("SELECT name,seq FROM sqlite_sequence")}  # noqa: C416 - rows are lists


def _spelled(column: str, careful: bool) -> str:
    if column.startswith("typeof"):
        return column
    text = f"WHEN 'text' THEN json_array(hex(CAST({column} AS BLOB)),0,0)" if careful else ""
    number, data = f"json_array(printf('%!.17g',{column}))", f"json_array(hex({column}),0)"
    return f"CASE typeof({column}) WHEN 'real' THEN {number} WHEN 'blob' THEN {data} {text} ELSE {column} END"


def _value(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if len(value) == 1:
        return float(value[0])
    data = bytes.fromhex(value[0])
    return data if len(value) == 2 else data.decode("utf-8", "surrogateescape")
