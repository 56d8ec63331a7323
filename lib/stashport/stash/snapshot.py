"""A copy of a Stash database as of one moment, without the images that may be stored in it: those are kept apart, each once.

Table by table within one read transaction, as SQLite's own VACUUM INTO does it, but for the one column that is left empty.  Where that cannot be done (a
damaged database, one with tables that are not plain) its pages are copied as they are.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from stashport.atomic import file_error
from stashport.errors import DatabaseBusy, DatabaseDamaged, DiskFull, NoSuchSource

_PAGES = 4096
_BUSY, _LOCKED = 5, 6  # SQLite's numbers, which Python names from 3.11 on
_PAUSE, _PATIENCE = 0.25, 30.0  # seconds
_READING = frozenset({sqlite3.SQLITE_READ, sqlite3.SQLITE_SELECT, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_ATTACH,
                      sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_RECURSIVE})


class Snapshot(NamedTuple):
    """How it was copied: table by table without the images, or else, with the `reason`, page by page, images and all; `damaged` when that was the reason."""

    path: Path
    reason: str = ""
    damaged: bool = False


def snapshot(source: Path, target: Path, check_stop: Callable[[], None] = lambda: None) -> Snapshot:
    """Copy a database, which may be in use, to a file that is not there yet.

    check_stop   called between tables; may raise
    Errors: NoSuchSource, DiskFull, CannotWrite, DatabaseBusy; DatabaseDamaged when not even its pages can be copied.
    """
    try:
        try:
            _copy_tables(source, target, check_stop)
        except _Odd as odd:
            reason, damaged = str(odd), False
        except sqlite3.DatabaseError as error:
            if "full" in str(error) or "locked" in str(error):
                raise
            reason, damaged = str(error), True
        else:
            return Snapshot(target)
        target.unlink(missing_ok=True)
        _copy_pages(source, target, check_stop)
        return Snapshot(target, reason, damaged)
    except sqlite3.DatabaseError as error:
        target.unlink(missing_ok=True)
        if "full" in str(error):
            raise DiskFull(place=target.parent, free="not enough", needed="more") from error
        if "locked" in str(error):
            raise DatabaseBusy(place=source, reason=error) from error
        raise DatabaseDamaged(place=source, reason=error) from error
    except OSError as error:
        target.unlink(missing_ok=True)
        raise file_error(error, target) from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise


class _Odd(Exception):
    """It holds what cannot be copied table by table."""


def _address(source: Path) -> str:
    """rw, since a reader must be able to make the shared memory of a database in WAL mode; nothing is ever written through it."""
    if not source.is_file():
        raise NoSuchSource(place=source)
    return f"{source.absolute().as_uri()}?mode=rw"


def _only_reads(action: int, _first: str | None, _second: str | None, database: str | None, _trigger: str | None) -> int:
    return sqlite3.SQLITE_DENY if database == "source" and action not in _READING else sqlite3.SQLITE_OK


def _copy_tables(source: Path, target: Path, check_stop: Callable[[], None]) -> None:
    address = _address(source)
    with contextlib.closing(sqlite3.connect(target.absolute().as_uri() + "?mode=rwc", uri=True, isolation_level=None, timeout=30)) as db:
        db.execute("ATTACH ? AS source", (address,))
        db.set_authorizer(_only_reads)
        for pragma in ("page_size", "encoding"):
            db.execute(f"PRAGMA main.{pragma}='{db.execute(f'PRAGMA source.{pragma}').fetchone()[0]}'")
        db.execute("PRAGMA main.journal_mode=OFF")
        db.execute("PRAGMA main.synchronous=OFF")
        db.execute("BEGIN")
        objects = db.execute("SELECT type, name, sql, rootpage FROM source.sqlite_master ORDER BY rowid").fetchall()
        tables = [(name, sql) for kind, name, sql, _ in objects if kind == "table" and not name.startswith("sqlite_")]
        if any(sql.upper().startswith("CREATE VIRTUAL") for _, sql in tables):
            raise _Odd("it has tables that are not plain ones")
        for name, sql in tables:
            check_stop()
            db.execute(sql)
            columns = [(column, "NULL" if (name, column) == ("blobs", "blob") else _quoted(column))
                       for (column,) in db.execute("SELECT name FROM pragma_table_info(?, 'source')", (name,))]
            into, values = ",".join(_quoted(column) for column, _ in columns), ",".join(value for _, value in columns)
            db.execute(f"INSERT INTO main.{_quoted(name)} ({into}) SELECT {values} FROM source.{_quoted(name)}")
        for kind in ("index", "view", "trigger"):
            for found, _, sql, _ in objects:
                if found == kind and sql:
                    check_stop()
                    db.execute(sql)
        system = {name for kind, name, _, _ in objects if kind == "table" and name.startswith("sqlite_")}
        if "sqlite_stat1" in system:
            db.execute("ANALYZE main.sqlite_master")  # the one way to have the table made
        for name in system & {"sqlite_sequence", "sqlite_stat1"}:
            db.execute(f"DELETE FROM main.{name}")
            db.execute(f"INSERT INTO main.{name} SELECT * FROM source.{name}")
        for pragma in ("user_version", "application_id"):
            db.execute(f"PRAGMA main.{pragma}={db.execute(f'PRAGMA source.{pragma}').fetchone()[0]}")
        db.execute("COMMIT")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _copy_pages(source: Path, target: Path, check_stop: Callable[[], None]) -> None:
    with contextlib.closing(sqlite3.connect(_address(source), uri=True, timeout=30)) as one, contextlib.closing(sqlite3.connect(target)) as other:
        one.execute("PRAGMA query_only=ON")
        waited = 0

        def progress(status: int, _left: int, _total: int) -> None:
            nonlocal waited
            check_stop()
            waited = waited + 1 if status in (_BUSY, _LOCKED) else 0
            if waited * _PAUSE > _PATIENCE:  # it would try for ever
                raise sqlite3.OperationalError("database is locked")

        one.backup(other, pages=_PAGES, progress=progress, sleep=_PAUSE)
