"""Says which records of two libraries are the same thing: one to one, with the tier that says so, and what a person must decide.

What makes records candidates of each other stands in model/identity.py.  What is made of them:

- Rules are asked one after the other, the strongest first.  Among the records that no rule has decided yet, those that share keys under a rule form a
  cluster.  A cluster of one record here and one there is a pair, unless their facts contradict each other.
- Any larger cluster is ambiguous.  A weaker rule may still decide in it, if it is unambiguous itself and agrees: it pairs only records that also share a
  key under every rule under which they were ambiguous, and only when exactly one here and one there are left by all of these together.  Of two copies of
  a file here and two there, equal by content, the path finds the right one.  What such a pair leaves over is asked from the strongest rule on again.
- What no rule decides is a conflict.  It names all the records that the strongest ambiguous rule put into one cluster.
- Records of one conflict stay together for what refers to them: one scene here and one there that hold the same two copies are a pair by them.

Swapping the libraries mirrors the answer; numbers, and the order of records, change nothing.  Memory does not grow with the libraries.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import groupby
from typing import Any

from stashport.bundle.scratch import Scratch
from stashport.change.paths import PathMap, comparable
from stashport.change.resolving import Resolver
from stashport.change.very_same import very_same
from stashport.model.fields import BY_NAME, KINDS
from stashport.model.identity import IDENTITIES, RECORD, TIERS
from stashport.model.identity_keys import Lookup
from stashport.model.reader import Reader
from stashport.model.records import IdSet, number_of
from stashport.model.table import Kind

Remembered = Iterable[tuple[str, int, int]]
Progress = Callable[[Kind, int], object]
SIDES = ("a", "b")
_FOUND = (
    "CREATE TABLE record (side INTEGER, number INTEGER, PRIMARY KEY (side, number)) WITHOUT ROWID",
    "CREATE TABLE paired (side INTEGER, number INTEGER, other INTEGER, tier TEXT, PRIMARY KEY (side, number)) WITHOUT ROWID",
    "CREATE TABLE hint (a INTEGER, b INTEGER, tier TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID",
    "CREATE INDEX hint_back ON hint (b)",
    "CREATE TABLE torn (side INTEGER, number INTEGER, label INTEGER, rule INTEGER, PRIMARY KEY (side, number)) WITHOUT ROWID",
    "CREATE TABLE differs (a INTEGER, b INTEGER, fact TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID",
)
_ALONE = """SELECT number FROM record r WHERE side=%d AND NOT EXISTS (SELECT 1 FROM paired p WHERE p.side=r.side AND p.number=r.number)
    AND NOT EXISTS (SELECT 1 FROM torn t WHERE t.side=r.side AND t.number=r.number) ORDER BY number"""

_INSERT = {
    "record": "INSERT INTO record VALUES (?,?)",
    "paired": "INSERT INTO paired VALUES (?,?,?,?)",
    "hint": "INSERT INTO hint VALUES (?,?,?)",
    "torn": "INSERT INTO torn VALUES (?,?,?,?)",
    "differs": "INSERT INTO differs VALUES (?,?,?)",
}
_HINTS = ("SELECT json_group_array(a||'~'||b) FROM hint WHERE a=?", "SELECT json_group_array(a||'~'||b) FROM hint WHERE b=?")
_EARLIER = (
    "SELECT json_group_array(number||'>'||other) FROM earlier WHERE kind=? AND side=0 AND number=?",
    "SELECT json_group_array(other||'>'||number) FROM earlier WHERE kind=? AND side=1 AND number=?",
)


@dataclass(frozen=True)
class Conflict:
    """Records that might be the same, and which are which nobody knows: numbers on both sides, the tier at which it showed, and why in words."""

    kind: str
    a: tuple[int, ...]
    b: tuple[int, ...]
    tier: str
    reason: str


class Matches:
    """What belongs together in two libraries, on disk.  Numbers are those of records: the 17 of scene:17."""

    def __init__(self, remembered: Remembered = ()) -> None:
        self._kinds: dict[str, Scratch] = {}
        columns = "kind TEXT, side INTEGER, number INTEGER, other INTEGER, PRIMARY KEY (kind, side, number, other)"
        self._earlier = Scratch(f"CREATE TABLE earlier ({columns}) WITHOUT ROWID")
        both = (row for kind, a, b in remembered for row in ((kind, 0, a, b), (kind, 1, b, a)))
        self._earlier.many("INSERT OR IGNORE INTO earlier VALUES (?,?,?,?)", both)
        self._has_earlier = self._earlier.one("SELECT 1 FROM earlier") is not None

    @property
    def kinds(self) -> list[str]:
        """The kinds that were matched, by name: those that both sources tell, in the order of the table of fields."""
        return list(self._kinds)

    def other(self, kind: str, number: int) -> tuple[int, str] | None:
        """B's number for one of A's, and the tier; None where there is no pair."""
        return self._paired(kind, 0, number)

    def back(self, kind: str, number: int) -> tuple[int, str] | None:
        """A's number for one of B's, and the tier; None where there is no pair."""
        return self._paired(kind, 1, number)

    def pairs(self, kind: str) -> Iterator[tuple[int, int, str]]:
        """A's number, B's number, tier; in the order of A's numbers."""
        return self._rows(kind, "SELECT number, other, tier FROM paired WHERE side=0 ORDER BY number")

    def alone(self, kind: str, side: str) -> Iterator[int]:
        """The numbers of one side ("a", "b") that are neither in a pair nor in a conflict, in order."""
        return (number for (number,) in self._rows(kind, _ALONE % SIDES.index(side)))

    def conflicts(self, kind: str) -> Iterator[Conflict]:
        """What a person must decide."""
        rows = self._rows(kind, "SELECT label, rule, side, number FROM torn ORDER BY label, side, number")
        for (_, place), members in groupby(rows, key=lambda row: row[:2]):
            numbers: tuple[list[int], list[int]] = ([], [])
            for *_, side, number in members:
                numbers[side].append(number)
            yield self._conflict(kind, place, *map(tuple, numbers))

    def suggestions(self, kind: str) -> Iterator[tuple[int, int, str]]:
        """A's number, B's number, tier: what might be the same, where neither is in a pair; in the order of A's numbers."""
        return self._rows(kind, "SELECT a, b, tier FROM hint ORDER BY a, b")

    def counts(self, kind: str) -> dict[str, int]:
        """How many pairs each tier made (only tiers that did), and how many conflicts, suggestions and records alone on each side there are."""
        found = dict(self._rows(kind, "SELECT tier, count(*) FROM paired WHERE side=0 GROUP BY tier"))
        told = {tier: found[tier] for tier in TIERS if tier in found}
        [(conflicts,)] = self._rows(kind, "SELECT count(DISTINCT label) FROM torn")
        [(suggestions,)] = self._rows(kind, "SELECT count(*) FROM hint")
        alone = {f"alone_{side}": sum(1 for _ in self.alone(kind, side)) for side in SIDES}
        return {**told, "conflicts": conflicts, "suggested": suggestions, **alone}

    def close(self) -> None:
        """Let go of the disk."""
        for found in (self._earlier, *self._kinds.values()):
            found.close()

    def keep(self, kind: str, resolver: Resolver, same: IdSet) -> None:
        """Take over what was found for a kind; `same` are records that were known without looking closely, by the number that they have on both sides."""
        self._kinds[kind] = found = Scratch(*_FOUND)
        found.many(_INSERT["record"], ((side, number) for side in (0, 1) for number in same))
        found.many(_INSERT["paired"], ((side, number, number, RECORD.tier) for side in (0, 1) for number in same))
        for name, rows in resolver.tables():
            found.many(_INSERT[name], rows)

    def token(self, side: int, identity: str) -> tuple[str, str]:
        """What a record shares with its counterparts, and their tier; something of its own and "" where it has none.  `side` is 0 or 1."""
        kind, number = identity[: identity.index(":")], number_of(identity)
        if kind in self._kinds:
            if found := self._paired(kind, side, number):
                return f"={number if side == 0 else found[0]}", found[1]
            if torn := self._kinds[kind].one("SELECT label, rule FROM torn WHERE side=? AND number=?", (side, number)):
                return f"?{torn[0]}", IDENTITIES[kind].rules[torn[1]].tier
        return f"{SIDES[side]}{number}", ""

    def likely(self, side: int, identity: str) -> list[str]:
        """A token for each suggestion that a record is part of."""
        kind, number = identity[: identity.index(":")], number_of(identity)
        return _listed(self._kinds[kind].one(_HINTS[side], (number,))) if kind in self._kinds else []

    def earlier(self, side: int, identity: str) -> list[str]:
        """A token for each earlier match that a record was part of."""
        if not self._has_earlier:
            return []
        return _listed(self._earlier.one(_EARLIER[side], (identity[: identity.index(":")], number_of(identity))))

    def _paired(self, kind: str, side: int, number: int) -> tuple[int, str] | None:
        found = self._kinds[kind].one("SELECT other, tier FROM paired WHERE side=? AND number=?", (side, number)) if kind in self._kinds else None
        return (found[0], found[1]) if found else None

    def _rows(self, kind: str, statement: str) -> Iterator[Any]:
        return self._kinds[kind].rows(statement) if kind in self._kinds else iter(())

    def _conflict(self, kind: str, place: int, a: tuple[int, ...], b: tuple[int, ...]) -> Conflict:
        rule = IDENTITIES[kind].rules[place]
        differs = self._kinds[kind].one("SELECT fact FROM differs WHERE a=? AND b=?", (a[0], b[0])) if len(a) == len(b) == 1 else None
        what = f"The same {rule.says}"
        reason = f"{what}, but not the same {differs[0]}." if differs else f"{what}: {len(a)} in the first library and {len(b)} in the second."
        return Conflict(kind, a, b, rule.tier, reason)


class _Side:
    """What rules must know of one library beyond the record: a Lookup.  Several rules ask for the same thing one after the other."""

    def __init__(self, side: str, matches: Matches, path: Callable[[str], str], *, same: bool) -> None:
        self.side, self.path, self.same = side, path, same
        place = SIDES.index(side)
        self.token: Callable[[str], tuple[str, str]] = lru_cache(100)(partial(matches.token, place))
        self.likely: Callable[[str], Iterable[str]] = lru_cache(100)(partial(matches.likely, place))
        self.remembered: Callable[[str], Iterable[str]] = partial(matches.earlier, place)


def match(
    a: Reader,
    b: Reader,
    *,
    paths: PathMap = PathMap(()),  # noqa: B008 - it cannot change
    remembered: Remembered = (),
    kinds: Iterable[str] | None = None,
    same: bool = False,
    needed: bool = True,
    progress: Progress | None = None,
) -> Matches:
    """Match the records of two libraries.  Nothing is written but tables that are forgotten with the answer.

    paths        where A's paths lie on B's machine
    remembered   (kind, A's number, B's number) of earlier matches; those of records that are gone are passed over
    kinds        names of the kinds that are wanted; what they refer to for their identity is matched with them.  None: all
    same         both are one Stash at two times: a record is known by its number and time of creation first
    needed       whether the kinds are matched too that `kinds` refer to for their identity: without them less is read, and less is found
    progress     called with a kind and the number of records that were just read of it, on either side
    A kind that one side does not tell is left out (see Matches.kinds): it says nothing about the other side.  So are settings, which have no numbers: the
    id of a setting is its identity.
    Errors: those of the readers and of Scratch.
    """
    matches = Matches(remembered)
    sides = _Side("a", matches, lambda path: comparable(paths.apply(path)[0]), same=same), _Side("b", matches, comparable, same=same)
    wanted = set(IDENTITIES if kinds is None else _with_needed(kinds) if needed else kinds)
    told = {kind.name for kind in a.kinds()} & {kind.name for kind in b.kinds()}
    try:
        for kind in KINDS:
            if kind.name in wanted & told and kind.table:
                known = very_same(a, b, kind, progress) if same else None
                resolver = Resolver(IDENTITIES[kind.name].rules)
                for reader, look, only in zip((a, b), sides, known.rest if known else (None, None), strict=True):
                    if only is None or len(only):
                        _take_in(resolver, reader, kind, look, progress, only)
                resolver.resolve()
                matches.keep(kind.name, resolver, known.pairs if known else IdSet())
                resolver.close()
    except BaseException:
        matches.close()
        raise
    return matches


def _take_in(resolver: Resolver, reader: Reader, kind: Kind, look: Lookup, progress: Progress | None, only: IdSet | None) -> None:
    """Read a kind on one side, with the fields that its rules look at; `only` leaves out what is known already."""
    identity, side = IDENTITIES[kind.name], SIDES.index(look.side)
    fields = tuple(f for f in reader.fields(kind) if f.name in identity.fields or (look.same and f.name == "created_at"))
    for batch in reader.batches(kind, fields, only):
        records: list[tuple[int, int, str]] = []
        keys: list[tuple[int, int, int, bytes]] = []
        for record in batch.records:
            number = number_of(record["id"])
            records.append((side, number, json.dumps(identity.facts(record, look), sort_keys=True) if identity.facts else ""))
            for place, rule in enumerate(identity.rules):
                keys.extend((place, side, number, _hash(key)) for key in rule.keys(record, look))
        resolver.add(records, keys)
        if progress:
            progress(kind, len(batch))


def _with_needed(kinds: Iterable[str]) -> set[str]:
    """These kinds and those that their rules refer to."""
    wanted, more = set(), set(kinds)
    while more:
        wanted |= more
        more = {field.to for name in more for field in BY_NAME[name].fields if field.to and field.name in IDENTITIES[name].fields} - wanted
    return wanted


def _hash(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _listed(row: tuple[Any, ...] | None) -> list[str]:
    assert row
    found: list[str] = json.loads(row[0])
    return found
