"""What a bulk load is about to do and has done, on disk before it is done: an SQLite file that survives a kill and a power cut.

Rows are loaded in requests; a request writes chunks (a table, and the keys of its rows from above `after` to `last`), all or none.  With the rows of objects
goes a stamp of each, by which a later undo sees who changed it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stashport.atomic import human_size
from stashport.errors import BadFile, CannotWrite, DiskFull, Locked

_MADE = """
CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE chunks(request INTEGER, tbl TEXT, late INTEGER, after INTEGER, last INTEGER, rows INTEGER, stamps BLOB);
CREATE INDEX chunk ON chunks(tbl, late, last);
CREATE TABLE images(checksum TEXT PRIMARY KEY);
"""


class Chunk(NamedTuple):
    """Rows of one table.  late: only what was left NULL is set; stamps: JSON text of [[id, stamp], ..] or ""."""

    table: str
    late: bool
    after: int
    last: int
    rows: int
    stamps: str = ""


class Journal:
    """Use as a context manager; one process at a time.  Errors: Locked, CannotWrite, DiskFull, BadFile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._errors():
            self._db = sqlite3.connect(path, isolation_level=None, timeout=0.2)
        try:
            with self._errors():
                for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
                    self._db.execute(f"PRAGMA {setting}")
                with self._whole():
                    if not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                        for statement in filter(str.strip, _MADE.split(";")):
                            self._db.execute(statement)
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @property
    def facts(self) -> dict[str, Any]:
        """What was noted about the load as a whole."""
        with self._errors():
            return {name: json.loads(value) for name, value in self._db.execute("SELECT name,value FROM facts")}

    def note(self, **facts: Any) -> None:
        """Note facts, durably, all or none."""
        with self._errors(), self._whole():
            self._db.executemany("INSERT OR REPLACE INTO facts VALUES(?,?)", [(name, json.dumps(value)) for name, value in facts.items()])

    def begin(self, request: int, chunks: Sequence[Chunk]) -> None:
        """What the next request will write; with it the one before is known to be done."""
        rows = [(request, *chunk[:5], zlib.compress(chunk.stamps.encode("utf-8", "surrogatepass"), 1) if chunk.stamps else None) for chunk in chunks]
        with self._errors(), self._whole():
            self._db.executemany("INSERT INTO chunks VALUES(?,?,?,?,?,?,?)", rows)
            self._db.execute("INSERT OR REPLACE INTO facts VALUES('begun',?)", (str(request),))
            self._db.execute("INSERT OR REPLACE INTO facts VALUES('done',?)", (str(request - 1),))

    def forget(self, request: int) -> None:
        """A request that wrote nothing."""
        with self._errors(), self._whole():
            self._db.execute("DELETE FROM chunks WHERE request=?", (request,))
            self._db.execute("INSERT OR REPLACE INTO facts VALUES('begun',?)", (str(request - 1),))

    def chunks(self, request: int) -> list[Chunk]:
        """What a request writes."""
        with self._errors():
            return [Chunk(*row) for row in self._db.execute("SELECT tbl,late,after,last,rows FROM chunks WHERE request=?", (request,))]

    def of_table(self, table: str) -> Iterator[tuple[int, int, list[tuple[int, str]]]]:
        """(after, last, [(id, stamp), ..]) of what was written to a table, highest first."""
        with self._errors():
            found = self._db.execute("SELECT after,last,stamps FROM chunks WHERE tbl=? AND NOT late ORDER BY last DESC", (table,)).fetchall()
        for after, last, stamps in found:
            yield after, last, [tuple(pair) for pair in json.loads(zlib.decompress(stamps).decode("utf-8", "surrogatepass"))] if stamps else []

    def last(self, table: str, *, late: bool) -> int:
        """The key up to which a table was written; rows begin above the smallest number that SQLite has, and so does this."""
        with self._errors():
            found = self._db.execute("SELECT max(last) FROM chunks WHERE tbl=? AND late=?", (table, late)).fetchone()[0]
        return -(2**63) if found is None else int(found)

    def rows(self) -> dict[str, int]:
        """The number of rows written to each table."""
        with self._errors():
            return dict(self._db.execute("SELECT tbl,sum(rows) FROM chunks WHERE NOT late GROUP BY tbl"))

    def new_images(self, checksums: Sequence[str]) -> None:
        """Files that will be written, which were not there before."""
        with self._errors(), self._whole():
            self._db.executemany("INSERT OR IGNORE INTO images VALUES(?)", [(checksum,) for checksum in checksums])

    def images(self) -> list[str]:
        """The files that were or may have been written."""
        with self._errors():
            return [row[0] for row in self._db.execute("SELECT checksum FROM images")]

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                raise Locked(holder=f"another load or its undo ({self.path})") from error
            if "full" in str(error):
                raise DiskFull(place=self.path, free=human_size(0), needed="more") from error
            if isinstance(error, sqlite3.OperationalError):
                raise CannotWrite(place=self.path, reason=error) from error
            raise BadFile(place=self.path, format="journal", reason=error) from error
