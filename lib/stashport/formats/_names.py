"""What was written earlier, by id: kept on disk, since every kind that follows may want it, in memory that does not grow."""

from __future__ import annotations

import errno
import weakref
from collections.abc import Iterable
from typing import Any

from stashport.model.fields import KINDS

_NUMBER = {kind.name: number for number, kind in enumerate(KINDS)}
_SHIFT = 48


class Kept:
    """Values (texts or bytes) by id."""

    def __init__(self) -> None:
        import sqlite3  # not before it is wanted: the panel asks for the list of formats, and waits

        self._full = sqlite3.OperationalError
        self._db = sqlite3.connect("", isolation_level=None)
        weakref.finalize(self, self._db.close)  # also when writing ends early
        # A database without a name is a temporary file of SQLite's own: no crash is to be survived.  One transaction that never ends spares its journal.
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, value)")
        self._db.execute("BEGIN")

    def add(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """Keep values by id; ids that are no kind with a number are passed over, nothing refers to them."""
        rows = ((key, value) for identity, value in pairs if (key := _key(identity)) is not None)
        try:
            self._db.executemany("INSERT OR IGNORE INTO kept VALUES (?,?)", rows)
        except self._full as error:
            raise OSError(errno.ENOSPC, f"what is kept while writing found no room ({error})") from error

    def get(self, identity: str) -> Any:
        """The value of an id, None when there is none."""
        key = _key(identity)
        row = self._db.execute("SELECT value FROM kept WHERE id=?", (key,)).fetchone() if key is not None else None
        return row[0] if row else None

    def close(self) -> None:
        """Let go of the disk."""
        self._db.close()

    __del__ = close  # a run that failed leaves it open


def _key(identity: str) -> int | None:
    kind, _, number = identity.partition(":")
    if kind not in _NUMBER or not number.isdecimal() or not number.isascii() or len(number) > 14:
        return None
    return _NUMBER[kind] << _SHIFT | int(number)
