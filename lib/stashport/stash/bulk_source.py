"""The database that a library is loaded from: read within one transaction, in chunks of rows that SQLite itself writes as JSON."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stashport.errors import DatabaseDamaged, FoldersMeet, NotADatabase, UnknownTables
from stashport.stash.bulk_guard import table_info
from stashport.stash.bulk_tables import BY_NAME, OBJECTS, SCHEMA, TABLES, Table, late_condition, late_reading, odd, quoted, reading
from stashport.stash.database import open_database

Paths = Callable[[str], str]


class BulkSource:
    """A Stash database file, as of the moment in which it was opened; never written.  Use as a context manager.

    paths   where a folder of the source lies on the target
    Errors: NoSuchSource, NotADatabase, UnknownTables for another schema, DatabaseDamaged.
    """

    def __init__(self, path: Path, paths: Paths) -> None:
        self.path, self._paths = path, paths
        self._db = open_database(path)
        try:
            self._db.create_function("port_exact", 1, exact, deterministic=True)
            self._db.create_function("port_path", 1, self._path)
            self._db.execute("BEGIN")
            self._check_schema()
            self.info = table_info(self._db)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise NotADatabase(place=path, reason=error) from error
        except BaseException:
            self._db.close()
            raise

    def _check_schema(self) -> None:
        version, dirty = self._db.execute("SELECT version,dirty FROM schema_migrations").fetchone() or (None, False)
        if version != SCHEMA or dirty:
            raise UnknownTables(reason=f"the library to load has schema {version}{' (an unfinished migration)' if dirty else ''}, and {SCHEMA} is known")

    def __enter__(self) -> BulkSource:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _path(self, path: bytes) -> bytes:
        return self._paths(path.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "JSON cannot hold" in str(error):
                raise
            raise DatabaseDamaged(place=self.path, reason=error) from error
        except sqlite3.DatabaseError as error:
            raise DatabaseDamaged(place=self.path, reason=error) from error

    def counts(self) -> dict[str, int]:
        """The number of rows of each table."""
        return dict(zip((table.name for table in TABLES), self._rows(f"SELECT {counting()}")[0], strict=True))

    def fingerprint(self) -> str:
        """The same for the same content, also in another file: numbers of rows, their keys, and the last change of every kind of object."""
        told = [self._rows(f"SELECT max({table.key}),total({table.key}),{_last(table)} FROM {quoted(table.name)}") for table in TABLES]
        return hashlib.sha256(json.dumps([self.counts(), told, self.sequence()], default=str).encode("utf-8", "surrogateescape")).hexdigest()

    def sequence(self) -> list[tuple[str, int]]:
        """The last id that was ever given to an object of each table."""
        given = dict(self._rows("SELECT name,seq FROM sqlite_sequence"))
        last = {table.name: self._rows(f"SELECT coalesce(max(id),0) FROM {quoted(table.name)}")[0][0] for table in OBJECTS}
        return [(name, max(given.get(name, 0), highest)) for name, highest in last.items() if name in given or highest]

    def more_tables(self) -> list[str]:
        """Tables that no Stash of this schema has."""
        known = {"schema_migrations", *BY_NAME}
        return sorted({row[0] for row in self.info if row[0] not in known and not row[0].startswith("sqlite_")})

    def chunk(self, table: Table, after: int, rows: int, *, late: bool = False) -> tuple[int, int]:
        """The next rows of a table: the key of the last one, and how many these are (0: there are no more)."""
        where = f" AND ({late_condition(table)})" if late else ""
        sql = f"SELECT max(k),count(*) FROM (SELECT {table.key} k FROM {quoted(table.name)} WHERE {table.key}>?{where} ORDER BY k LIMIT ?)"
        last, number = self._rows(sql, after, rows)[0]
        return last or after, number

    def content(self, table: Table, after: int, last: int) -> tuple[str, bool]:
        """The rows as one JSON text, and whether it is in the careful form."""
        with contextlib.suppress(sqlite3.OperationalError, UnicodeEncodeError):
            text, strange = self._select(table, f"json_group_array({reading(table, careful=False)}),max({odd(table)})", after, last)
            text.encode()  # text that is no UTF-8 comes with halves of characters in it
            if not strange:
                return text, False
        return self._select(table, f"json_group_array({reading(table, careful=True)})", after, last)[0], True

    def late(self, table: Table, after: int, last: int) -> str:
        """What is to be set afterwards, as one JSON text."""
        return str(self._select(table, f"json_group_array({late_reading(table)})", after, last, f" AND ({late_condition(table)})")[0])

    def stamps(self, table: Table, after: int, last: int) -> str:
        """[id, stamp] of objects, as one JSON text."""
        text = self._select(table, f"json_group_array(json_array(id,{table.stamp}))", after, last)[0]
        return str(text)

    def _select(self, table: Table, what: str, after: int, last: int, more: str = "") -> tuple[Any, ...]:
        return self._rows(f"SELECT {what} FROM {quoted(table.name)} WHERE {table.key}>? AND {table.key}<=?{more}", after, last)[0]

    def values(self, table: Table, columns: str, after: int, last: int) -> Iterator[tuple[Any, ...]]:
        """Rows as they are, by their keys."""
        yield from self._rows(f"SELECT {columns} FROM {quoted(table.name)} WHERE {table.key}>? AND {table.key}<=? ORDER BY {table.key}", after, last)

    def images(self, after: int, last: int) -> Iterator[tuple[int, str, bytes | None]]:
        """(key, checksum, bytes or None) of the images between two keys; one in memory at a time."""
        for key, checksum in self._rows("SELECT rowid,checksum FROM blobs WHERE rowid>? AND rowid<=? ORDER BY rowid", after, last):
            yield key, checksum, self._rows("SELECT blob FROM blobs WHERE rowid=?", key)[0][0]

    def mapped(self, path: str) -> str:
        """Where a folder of the source lies on the target."""
        return self._paths(path)

    def check_paths(self) -> None:
        """Errors: FoldersMeet when two folders of the source would be one on the target."""
        seen: dict[str, str] = {}
        for (path,) in self._rows("SELECT path FROM folders"):
            target = self._paths(path)
            if target in seen:
                raise FoldersMeet(first=seen[target], second=path, path=target)
            seen[target] = path

    def fault(self) -> str:
        """What in the source itself does not fit together, in words; "" when nothing is found."""
        found = self._rows('SELECT "table",count(*) FROM pragma_foreign_key_check GROUP BY 1')
        return "; ".join(f"{number} rows of {table} refer to what is not there" for table, number in found)


def counting() -> str:
    """The numbers of rows of all tables, as columns of one SELECT."""
    return ",".join(f"(SELECT count(*) FROM {quoted(table.name)})" for table in TABLES)


def _last(table: Table) -> str:
    return "max(updated_at)" if "updated_at" in table.columns else "0"


def exact(value: float) -> str:
    """A real number as JSON that SQLite reads back to the bit: "3.0", or [mantissa, exponent] of two."""
    if math.isinf(value):
        return "[1,1024]" if value > 0 else "[-1,1024]"
    if value.is_integer() and abs(value) < 1e15:
        return repr(value)
    mantissa, exponent = math.frexp(value)
    whole, exponent = int(mantissa * 2**53), exponent - 53
    if exponent < -1074:  # below that there is no power of two; the bits that are shifted out are zeros
        whole, exponent = whole >> (-1074 - exponent) if whole > 0 else -(-whole >> (-1074 - exponent)), -1074
    return f"[{whole},{exponent}]"
