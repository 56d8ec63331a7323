"""Tables that are too large for memory and are forgotten with the run: an SQLite database without a name, which SQLite removes by itself."""

from __future__ import annotations

import errno
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stashport.atomic import file_error
from stashport.errors import PortError

_SIZE = 500
_Values = tuple[object, ...]


class Scratch:
    """One transaction that never ends, so that no journal is kept; what fits into `cache` kB stays in memory.

    statements   what makes the tables
    Errors: DiskFull, CannotWrite, each naming the folder that SQLite keeps such files in; whoever meets one has nothing left to go on with.
    """

    def __init__(self, *statements: str, cache: int = 2000) -> None:
        import sqlite3  # not before it is wanted: the panel asks for the list of formats, and waits

        # Of a disk that is full or broken; a damaged file is the plain DatabaseError, whose other children are mistakes of ours.
        self._failure, self._damage = sqlite3.OperationalError, sqlite3.DatabaseError
        self._db = sqlite3.connect("", isolation_level=None)
        weakref.finalize(self, self._db.close)  # also when the work ends early
        for statement in (f"PRAGMA cache_size=-{cache}", "PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", *statements, "BEGIN"):
            self.run(statement)

    def run(self, statement: str, values: _Values = ()) -> int:
        """Do something; the number of rows that were changed."""
        try:
            return self._db.execute(statement, values).rowcount
        except self._damage as error:
            raise self._told(error) from error

    def many(self, statement: str, rows: Iterable[_Values]) -> None:
        """Do it for each row."""
        try:
            self._db.executemany(statement, rows)
        except self._damage as error:
            raise self._told(error) from error

    def one(self, statement: str, values: _Values = ()) -> tuple[Any, ...] | None:
        """The first row of an answer."""
        try:
            row: tuple[Any, ...] | None = self._db.execute(statement, values).fetchone()
        except self._damage as error:
            raise self._told(error) from error
        return row

    def rows(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """All rows of an answer, as they are asked for."""
        try:
            found = self._db.execute(statement)
            while rows := found.fetchmany(_SIZE):
                yield from rows
        except self._damage as error:
            raise self._told(error) from error

    def close(self) -> None:
        """Let go of the disk."""
        self._db.close()

    def _told(self, error: Exception) -> Exception:
        if type(error) not in (self._failure, self._damage):
            return error
        return disk_error(error)


def disk_error(error: Exception) -> PortError:
    """What an error of SQLite's means for the disk that its temporary files are on."""
    number = errno.ENOSPC if "full" in str(error) else errno.EIO
    return file_error(OSError(number, f"what is put aside there cannot be kept ({error})"), folder())


def folder() -> Path:
    """Where SQLite puts its temporary files: not in the same place as Python, unless it is told."""
    asked = () if os.name == "nt" else (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"), "/var/tmp", "/usr/tmp")  # noqa: S108 - SQLite's own list
    found = (path for path in map(Path, filter(None, asked)) if path.is_dir() and os.access(path, os.W_OK | os.X_OK))
    return next(found, None) or Path(tempfile.gettempdir())
