"""Reads a Stash database file, all of it as of one moment: one read transaction, no copy, never a write.

The SQL is made from the table of fields.  A kind is one query for its columns and one for each list, all ordered by the record's id and walked side by
side, so that memory does not depend on the size of the library.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import math
import operator
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from stashport.errors import DatabaseDamaged, NoSuchSource, NotADatabase, UnknownSchema
from stashport.model.fields import KINDS, KNOWN_SCHEMAS
from stashport.model.records import Batch, IdSet, canonical, dumps, to_bytes
from stashport.model.table import Field, Join, Kind

BATCH = 500
_END = (1 << 63, "")
_last = operator.itemgetter(-1)
_DAMAGED = (sqlite3.DatabaseError,)
_TEXT = functools.partial(str, encoding="utf-8", errors="surrogateescape")


class DatabaseReader:
    """Records from a database file.  Use as a context manager; everything read within it is of one moment.

    Errors: NoSuchSource, NotADatabase, UnknownSchema, DatabaseDamaged.
    """

    name = "database"

    def __init__(self, path: Path, blobs: Path | None = None) -> None:
        self.path, self.blobs = path, blobs
        self._db = _open(path)
        try:
            self.schema = self._begin()
        except BaseException:
            self._db.close()
            raise

    def _begin(self) -> int:
        try:
            self._db.execute("BEGIN")
            version, dirty = self._db.execute("SELECT version, dirty FROM schema_migrations").fetchone()
        except _DAMAGED as error:
            raise NotADatabase(place=self.path, reason=error) from error
        except TypeError as error:
            raise NotADatabase(place=self.path, reason="it holds no schema version") from error
        if version not in KNOWN_SCHEMAS or dirty:
            raise UnknownSchema(place=self.path, version=f"{version}{' (unfinished migration)' if dirty else ''}", known=sorted(KNOWN_SCHEMAS))
        return int(version)

    def __enter__(self) -> DatabaseReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the transaction and let go of the file."""
        self._db.close()

    def kinds(self) -> list[Kind]:
        """The kinds that a database holds: all but settings."""
        return [kind for kind in KINDS if kind.table]

    def fields(self, kind: Kind) -> tuple[Field, ...]:
        """The fields of a kind that a database holds."""
        return tuple(f for f in kind.fields if f.in_database)

    def count(self, kind: Kind) -> int:
        """How many records of a kind there are."""
        return int(self._rows(f"SELECT count(*) FROM {_main(kind)}")[0][0])

    def ids(self, kind: Kind) -> IdSet:
        """The numbers of all records of a kind."""
        found = IdSet()
        for (number,) in self._run(f"SELECT id FROM {_main(kind)}"):
            found.add(number)
        return found

    def batches(self, kind: Kind, fields: Sequence[Field], only: IdSet | None = None) -> Iterator[Batch]:
        """Records in batches, ordered by id; `only` leaves the others out without reading them."""
        if only is None:
            yield from self._batches(kind, fields, "", ())
            return
        for chunk in _chunks(only, 4 * BATCH):
            yield from self._batches(kind, fields, "WHERE {} IN (SELECT value FROM json_each(?))", (json.dumps(chunk),))

    def _batches(self, kind: Kind, fields: Sequence[Field], where: str, arguments: tuple[object, ...]) -> Iterator[Batch]:
        shape = _Shape([f for f in fields if f.column is not None], f"'id','{kind.name}:'||t.id")
        walks = [_Walk(f, self._list(f, where, arguments)) for f in fields if f.column is None]
        template = shape.template + "".join(f',"{walk.name}":%s' for walk in walks) + "}"
        sql = f"SELECT {shape.sql},t.id FROM {kind.table} {where.format('t.id')} ORDER BY t.id"
        lines: list[bytes] = []
        try:
            for *values, number in self._db.execute(sql, arguments):
                shape.spell(values)
                for walk in walks:
                    values.append(walk.take(number) if walk.owner <= number else walk.empty)
                lines.append(to_bytes(template % tuple(values)))
                if len(lines) == BATCH:
                    yield Batch(lines=lines)
                    lines = []
        except _DAMAGED as error:
            raise DatabaseDamaged(place=self.path, reason=error) from error
        if lines:
            yield Batch(lines=lines)

    def _list(self, field: Field, where: str, arguments: tuple[object, ...]) -> Iterator[tuple[int, str]]:
        """(owner, JSON) of a list field, ordered by owner."""
        join = field.join
        assert join is not None
        condition = where.format(join.owner)
        if field.type == "map":
            sql = f"SELECT t.field,t.value,{join.owner} FROM {join.table} {condition} ORDER BY {join.owner},{join.order}"
            for owner, rows in itertools.groupby(self._db.execute(sql, arguments), key=_last):
                yield owner, dumps({name: canonical(_as_text(value)) for name, value, _ in rows})
            return
        shape = _Shape(field.fields)
        if shape.spelled:
            sql = f"SELECT {shape.sql},{join.owner} FROM {join.table} {condition} ORDER BY {join.owner},{join.order}"
            for owner, rows in itertools.groupby(self._db.execute(sql, arguments), key=_last):
                yield owner, "[" + ",".join((shape.template + "}") % tuple(shape.spell(list(row[:-1]))) for row in rows) + "]"
            return
        value = shape.sql if field.fields else join.value
        inner = f"SELECT {join.owner} o,{value} v FROM {join.table} {condition} ORDER BY {join.owner},{join.order}"
        member = "json(v)" if field.fields else "v"
        yield from self._db.execute(f"SELECT o,json_group_array({member}) FROM ({inner}) WHERE v IS NOT NULL GROUP BY o", arguments)

    def image(self, checksum: str) -> bytes | None:
        """The bytes of an image by its md5, from the database or else from the blobs folder; None when they are in neither."""
        found = self._rows("SELECT blob FROM blobs WHERE checksum=?", (checksum,))
        if found and found[0][0] is not None:
            return bytes(found[0][0])
        if self.blobs is not None:
            with contextlib.suppress(OSError):
                return (self.blobs / checksum[:2] / checksum[2:4] / checksum).read_bytes()
        return None

    def _rows(self, sql: str, arguments: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return list(self._run(sql, arguments))

    def _run(self, sql: str, arguments: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(sql, arguments)
        except _DAMAGED as error:
            raise DatabaseDamaged(place=self.path, reason=error) from error


class _Shape:
    """How some columns become JSON: SQLite writes those it spells as we do into one object; the others (`spelled`) are spelled here, so that a number
    reads the same whichever reader it came from.  `template` is the object, still open at its end.
    """

    def __init__(self, fields: Sequence[Field], first: str = "") -> None:
        plain = [f for f in fields if f.type not in _SPELL]
        self.spelled = [f for f in fields if f.type in _SPELL]
        pairs = ",".join(filter(None, [first, *(f"'{f.name}',{f.column}" for f in plain)]))
        self.sql = ",".join([f"json_object({pairs})", *(str(f.column) for f in self.spelled)])
        self.template = "%s" + "".join(f',"{f.name}":%s' for f in self.spelled)
        self._functions = [(position, _SPELL[f.type]) for position, f in enumerate(self.spelled, 1)]

    def spell(self, values: list[Any]) -> list[Any]:
        """Make a row's values ready for the template, in place."""
        values[0] = values[0][:-1]
        for position, function in self._functions:
            values[position] = function(values[position])
        return values


class _Walk:
    """A list field walked beside the records: `owner` is the record that the next value belongs to."""

    __slots__ = ("_stream", "_value", "empty", "name", "owner")

    def __init__(self, field: Field, stream: Iterator[tuple[int, str]]) -> None:
        self.name, self._stream = field.name, stream
        self.empty = "{}" if field.type == "map" else "[]"
        self.owner, self._value = next(stream, _END)

    def take(self, number: int) -> str:
        """The value for a record that comes at or after `owner`; owners that are no longer there (a damaged library) are passed over."""
        while self.owner < number:
            self.owner, self._value = next(self._stream, _END)
        if self.owner != number:
            return self.empty
        value = self._value
        self.owner, self._value = next(self._stream, _END)
        return value


def _open(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise NoSuchSource(place=path)
    try:
        # mode=ro cannot make the -shm file that a WAL database needs when nobody else has it open; rw with query_only can, and writes no data.
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=30)
    except sqlite3.OperationalError:
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=30)
        except sqlite3.OperationalError as error:
            raise NotADatabase(place=path, reason=error) from error
    connection.text_factory = _TEXT
    with contextlib.suppress(sqlite3.DatabaseError):
        connection.execute("PRAGMA query_only=ON")
    return connection


def _main(kind: Kind) -> str:
    return kind.table.split(" LEFT JOIN")[0]


def _chunks(numbers: Iterable[int], size: int) -> Iterator[list[int]]:
    chunk: list[int] = []
    for number in numbers:
        chunk.append(number)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _as_text(value: Any) -> Any:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _json(value: Any) -> str:
    if not value:
        return "null"
    with contextlib.suppress(ValueError):
        return dumps(canonical(json.loads(value)) or None)
    return dumps(value)


def _real(value: Any) -> str:
    # JSON knows no infinity and no NaN.
    return repr(float(value)) if value is not None and math.isfinite(value) else "null"


_SPELL: dict[str, Callable[[Any], str]] = {
    "float": _real,
    "bool": lambda value: "null" if value is None else "true" if value else "false",
    "json": _json,
    "refs": lambda value: value or "[]",
}
