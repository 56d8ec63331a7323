"""Reads a Stash database file, all of it as of one moment: one read transaction, no copy, never a write.

The SQL is made from the table of fields.  SQLite itself writes each record as canonical JSON, lists included: that is several times faster than putting
rows together here, and memory does not depend on the size of the library.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from stashport.errors import DatabaseDamaged, NoSuchSource, NotADatabase, UnknownSchema
from stashport.model.fields import KINDS, KNOWN_SCHEMAS
from stashport.model.records import Batch, IdSet, canonical, dumps, to_bytes
from stashport.model.table import Field, Join, Kind
from stashport.stash.blobs import Blobs

BATCH = 500
CHUNK = 20_000
_DAMAGED = (sqlite3.DatabaseError,)
_TEXT = functools.partial(str, encoding="utf-8", errors="surrogateescape")


class DatabaseReader:
    """Records from a database file.  Use as a context manager; everything read within it is of one moment.

    Errors: NoSuchSource, NotADatabase, UnknownSchema, DatabaseDamaged.
    """

    name = "database"

    def __init__(self, path: Path, blobs: Path | None = None) -> None:
        self.path = path
        self._db = open_database(path)
        self._blobs = Blobs(self._db, path, blobs)
        try:
            self.schema = self._begin()
            # SQLite knows JSON from text by a mark that does not survive everything in every version: asked once, by trying.
            kept = self._rows("SELECT json_object('a',(SELECT json_group_array(x) FROM (SELECT 1 x)),'b',CASE 1 WHEN 1 THEN json('true') END)")
            self._as_json = "" if kept == [('{"a":[1],"b":true}',)] else "json"
        except BaseException:
            self._db.close()
            raise

    def _begin(self) -> int:
        try:
            self._db.execute("BEGIN")
            version, dirty = self._db.execute("SELECT version, dirty FROM schema_migrations").fetchone()
        except _DAMAGED as error:
            kind = DatabaseDamaged if "malformed" in str(error) else NotADatabase
            raise kind(place=self.path, reason=error) from error
        except TypeError as error:
            raise NotADatabase(place=self.path, reason="it holds no schema version") from error
        if version not in KNOWN_SCHEMAS or dirty:
            raise UnknownSchema(place=self.path, version=f"{version}{' (unfinished migration)' if dirty else ''}", known=sorted(KNOWN_SCHEMAS))
        return int(version)

    def __enter__(self) -> DatabaseReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def renew(self) -> None:
        """End the moment that is read; the next reading begins another one.  A Stash that is written to cannot put its log away while one lasts."""
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")

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
        sql = self._sql(kind, fields)
        if only is None:
            yield from self._batches(f"{sql} ORDER BY t.id", ())
            return
        for chunk in _chunks(only, CHUNK):
            yield from self._batches(f"{sql} WHERE t.id IN (SELECT value FROM json_each(?)) ORDER BY t.id", (json.dumps(chunk),))

    def _batches(self, sql: str, arguments: tuple[object, ...]) -> Iterator[Batch]:
        try:
            cursor = self._db.execute(sql, arguments)
            while rows := cursor.fetchmany(BATCH):
                yield Batch(lines=[to_bytes(line) for (line,) in rows])
        except _DAMAGED as error:
            raise DatabaseDamaged(place=self.path, reason=error) from error

    def _sql(self, kind: Kind, fields: Sequence[Field]) -> str:
        """One statement that gives a whole record as JSON a row: nothing is put together outside SQLite."""
        main, _, joins = kind.table.partition(" t")
        # `rid` is the record's id under a name that no inner table has.
        source = [f"(SELECT id rid,* FROM {main}) t{joins}"]
        pairs = [f"'id','{kind.name}:'||t.id"]
        for f in fields:
            if f.column is not None:
                pairs.append(f"'{f.name}',{_SPELL.get(f.type, '{}').format(f.column)}")
                continue
            assert f.join is not None
            if self._indexed(f.join):
                pairs.append(f"'{f.name}',{self._as_json}(({_list(f, f'WHERE {f.join.owner}=rid')}))")
            else:
                # Without an index on its owner a list would be searched for anew for each record: it is gathered once instead.
                source.append(f"LEFT JOIN ({_list(f, '', f'{f.join.owner} o,')} GROUP BY o) {f.name} ON {f.name}.o=t.id")
                pairs.append(f"'{f.name}',json(coalesce({f.name}.v,'{_EMPTY.get(f.type, '[]')}'))")
        return f"SELECT json_object({','.join(pairs)}) FROM {' '.join(source)}"

    def _indexed(self, join: Join) -> bool:
        """Whether an index begins with the column by which the list is found."""
        alias, column = join.owner.split(".") if "." in join.owner else ("", join.owner)
        words = join.table.replace(",", " ").split()
        table = words[words.index(alias) - 1] if alias else words[0]
        indexes = self._rows(f"SELECT name FROM pragma_index_list('{table}') WHERE partial=0")
        return any(self._rows(f"SELECT name FROM pragma_index_info('{name}')")[0][0] == column for (name,) in indexes)

    def image(self, checksum: str) -> bytes | None:
        """The bytes of an image by its md5, from the database or else from the blobs folder; None when they are in neither."""
        return self._blobs.image(checksum)

    def _rows(self, sql: str, arguments: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return list(self._run(sql, arguments))

    def _run(self, sql: str, arguments: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(sql, arguments)
        except _DAMAGED as error:
            raise DatabaseDamaged(place=self.path, reason=error) from error


def open_database(path: Path) -> sqlite3.Connection:
    """A connection that can only read.  Errors: NoSuchSource, CannotRead."""
    there = False
    with contextlib.suppress(OSError, ValueError):  # a name that no file can have
        there = path.is_file()
    if not there:
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
    for name, function in _FUNCTIONS.items():
        connection.create_function(name, 1, function, deterministic=True)
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


def _list(field: Field, where: str, owner: str = "") -> str:
    """A list as a subquery: its rows, in order, gathered into one JSON text `v`."""
    join = field.join
    assert join is not None
    if field.type == "map":
        columns, gathered = "t.field a,t.value b", "json_group_object(a,json(port_value(b)))"
    elif field.fields:
        named = [(f, f"c{number}") for number, f in enumerate(field.fields)]
        columns = ",".join(f"{f.column} {name}" for f, name in named)
        gathered = f"json_group_array(json_object({','.join(_pair(f, name) for f, name in named)}))"
    else:
        columns, gathered = f"{join.value} a", "json_group_array(a)"
    # ORDER BY in the inner query decides the order in which the outer one gathers.
    return f"SELECT {owner and 'o,'}{gathered} v FROM (SELECT {owner}{columns} FROM {join.table} {where} ORDER BY {join.order})"


def _pair(field: Field, name: str) -> str:
    return f"'{field.name}',{_SPELL.get(field.type, '{}').format(name)}"


def _real(value: Any) -> str:
    # JSON knows no infinity and no NaN.
    return repr(float(value)) if isinstance(value, (int, float)) and math.isfinite(value) else "null"


def _value(value: Any) -> str:
    """A custom field's value: text or number."""
    return dumps(canonical(_as_text(value)))


def _json(value: Any) -> str:
    """Free JSON in one spelling; what is no JSON stays a text."""
    text = _as_text(value)
    if not text:
        return "null"
    with contextlib.suppress(ValueError, RecursionError):
        return dumps(canonical(json.loads(text)) or None)
    return dumps(text)


def _as_text(value: Any) -> Any:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


# How a column becomes JSON where SQLite's own spelling is not ours, or is none.
_SPELL = {
    "float": "json(port_real({}))",
    "bool": "CASE {0} WHEN 0 THEN json('false') WHEN 1 THEN json('true') END",
    "json": "json(port_json({}))",
    "refs": "json({})",
}
_EMPTY = {"map": "{}"}
_FUNCTIONS = {"port_real": _real, "port_value": _value, "port_json": _json}
