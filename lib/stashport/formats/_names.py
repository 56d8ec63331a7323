"""What was written earlier, by id: kept on disk, since every kind that follows may want it, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterable

from stashport.bundle.aside import Aside
from stashport.bundle.scratch import Scratch
from stashport.model.fields import KINDS

_NUMBER = {kind.name: number for number, kind in enumerate(KINDS)}
_SHIFT = 48


class Kept:
    """Values by id; `aside` hides them.  Errors: those of Scratch."""

    def __init__(self, aside: Aside | None = None) -> None:
        self._aside = aside
        self._scratch = Scratch("CREATE TABLE kept (id INTEGER PRIMARY KEY, value BLOB)")

    def add(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Keep values by id; ids that are no kind with a number are passed over, nothing refers to them."""
        rows = ((key, self._aside.hide(value) if self._aside else value) for identity, value in pairs if (key := _key(identity)) is not None)
        self._scratch.many("INSERT OR IGNORE INTO kept VALUES (?,?)", rows)

    def get(self, identity: str) -> bytes | None:
        """The value of an id, None when there is none."""
        key = _key(identity)
        row = self._scratch.one("SELECT value FROM kept WHERE id=?", (key,)) if key is not None else None
        if row is None:
            return None
        value: bytes = row[0]
        return self._aside.show(value) if self._aside else value

    def close(self) -> None:
        """Let go of the disk."""
        self._scratch.close()


def _key(identity: str) -> int | None:
    kind, _, number = identity.partition(":")
    if kind not in _NUMBER or not number.isdecimal() or not number.isascii() or len(number) > 14:
        return None
    return _NUMBER[kind] << _SHIFT | int(number)
