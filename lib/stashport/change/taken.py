"""Names that are taken: a Stash has each name and alias of a tag, and of a studio, once; what would collide is found before it is sent.

Stash tells names apart but for the case of ASCII letters and outer blanks: "É" and "é" are two names there.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import replace

from stashport.bundle.scratch import Scratch
from stashport.change.merge import Change
from stashport.change.merge_fields import Clash
from stashport.model.reader import Reader
from stashport.model.records import Record, number_of
from stashport.model.table import Kind

UNIQUE = ("tag", "studio")
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class Names:
    """The names and aliases of a target's tags and studios, and of those that a plan creates (by their negative numbers); on disk."""

    def __init__(self, target: Reader) -> None:
        self._target = target
        self._read: set[str] = set()
        self._rows = Scratch("CREATE TABLE taken (kind TEXT, name TEXT, owner INTEGER, shown TEXT, PRIMARY KEY (kind, name)) WITHOUT ROWID")

    def close(self) -> None:
        """Let go of the disk."""
        self._rows.close()

    def clash(self, kind: Kind, owner: int, name: str | None) -> str:
        """Why a record cannot have a name; "" where it can."""
        found = self._owner(kind, name)
        return f'"{name}" is the name or an alias of "{found[1]}" in this library' if found and found[0] != owner else ""

    def take(self, kind: Kind, owner: int, name: str | None) -> None:
        """Take in the name of a new record, or the new one of a record."""
        self._add(kind, owner, str(name), [str(name)])

    def aliases(self, kind: Kind, owner: int, name: str | None, wanted: Iterable[str]) -> tuple[list[str], list[str]]:
        """(those of a record's aliases that it can have, those that others have); the first are taken in."""
        free: list[str] = []
        dropped: list[str] = []
        for alias in wanted:
            found = self._owner(kind, alias)
            (dropped if found and found[0] != owner else free).append(alias)
        self._add(kind, owner, str(name), free)
        return free, dropped

    def fit(self, kind: Kind, mine: Record, changes: Iterable[Change]) -> tuple[list[Change], list[Clash], list[str]]:
        """(the changes of a record that its names allow, a clash for a name that another has, aliases left out since others have them)."""
        own, name = number_of(mine["id"]), mine.get("name")
        kept: list[Change] = []
        clashes: list[Clash] = []
        dropped: list[str] = []
        for change in changes:
            if change.field == "name" and (reason := self.clash(kind, own, change.after)):
                clashes.append(Clash("name", change.before, change.after, None, reason))
                continue
            if change.field == "name":
                self._rows.run("DELETE FROM taken WHERE kind=? AND name=? AND owner=?", (kind.name, _key(name), own))
                self.take(kind, own, change.after)
                name = change.after
            elif change.field == "aliases":
                there = set(change.before or ())
                free, dropped = self.aliases(kind, own, name, [one for one in change.after or () if one not in there])
                after = [one for one in change.after or () if one in there or one in free]
                if set(after) == there:
                    continue
                change = replace(change, after=after)  # noqa: PLW2901 - the same change, without them
            kept.append(change)
        return kept, clashes, dropped

    def _owner(self, kind: Kind, name: str | None) -> tuple[int, str] | None:
        if kind.name not in self._read:
            self._read.add(kind.name)
            self._take_in(kind)
        row = self._rows.one("SELECT owner, shown FROM taken WHERE kind=? AND name=?", (kind.name, _key(name)))
        return (row[0], row[1]) if row else None

    def _take_in(self, kind: Kind) -> None:
        fields = tuple(f for f in self._target.fields(kind) if f.name in ("name", "aliases"))
        for batch in self._target.batches(kind, fields):
            for record in batch.records:
                self._add(kind, number_of(record["id"]), str(record["name"]), [str(record["name"]), *(record.get("aliases") or ())])

    def _add(self, kind: Kind, owner: int, shown: str, names: Iterable[str]) -> None:
        readable = shown.encode("utf-8", "replace").decode()
        self._rows.many("INSERT OR IGNORE INTO taken VALUES (?,?,?,?)", [(kind.name, _key(name), owner, readable) for name in names])


def _key(name: str | None) -> bytes:
    return (name or "").strip().translate(_SMALL).encode("utf-8", "surrogatepass")
