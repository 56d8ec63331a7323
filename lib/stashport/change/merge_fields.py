"""How the values of one field become one: a value as a whole, or item by item.  Pure, but that a Merging gathers what is left to decide.

The three sides of a value are the target's ("mine"), the other's ("theirs") and the base, which is a tuple of one value, or empty where there is none:
a base that is blank is something else than no base.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from stashport.change.alignment import Aligned, aligned
from stashport.change.values import TOLERANCE, blank, items, key, meaning, ordered, row_keys, same, told
from stashport.model.moments import instant
from stashport.model.records import Record
from stashport.model.table import LISTS, Field

UNDECIDED: Final = object()
Base = tuple[Any, ...]
_BY_ITEM = ("union", "larger")


@dataclass(frozen=True)
class Clash:
    """A field that needs a decision.  For a row of a list or an entry of a map, the values are those of this part alone, and `base` is None if it is new."""

    field: str
    mine: Any
    theirs: Any
    base: Any | None
    reason: str


Decide = Callable[[Clash], Any]


def newer_of(mine: Record, theirs: Record) -> str | None:
    """Which of two records was changed later, "mine" or "theirs"; None where that cannot be told."""
    here, there = instant(mine.get("updated_at")), instant(theirs.get("updated_at"))
    if here is None or there is None or here == there:
        return None
    return "mine" if here > there else "theirs"


@dataclass
class Merging:
    """The merging of one pair of records: what holds for all its fields, and the clashes that were found."""

    side: str = "a"
    tolerance: float = TOLERANCE
    newer: str | None = None
    decide: Decide | None = None
    clashes: list[Clash] = field(default_factory=list)

    def value(self, of: Field, rule: str, mine: Any, theirs: Any, base: Base = (), *, ask: bool = False) -> tuple[Any, str]:
        """(the value to have, why it is not the target's; "" where it was put together item by item)."""
        if rule == "keep":
            return mine, ""
        if of.type not in LISTS:
            return self._whole(of, rule, mine, theirs, base, ask=ask)
        of = told(of, mine, theirs, *base)
        if of.type == "map":
            return (self._entries if rule in _BY_ITEM else self._whole)(of, rule, mine, theirs, base, ask=ask)
        theirs, base = items(of, theirs, self.tolerance), (items(of, base[0], self.tolerance),) if base else ()
        if rule not in _BY_ITEM:
            after, reason = self._whole(of, rule, mine, theirs, base, ask=ask)
            return _respelled(of, after, mine) if after is not mine else mine, reason
        if ordered(of) and base:
            if same(of, mine, base[0]):
                return _respelled(of, theirs, mine), "changed there"
            if same(of, theirs, base[0]):
                return mine, ""
        return self._items(of, mine or [], theirs, base, ask=ask)

    def _whole(self, of: Field, rule: str, mine: Any, theirs: Any, base: Base, *, ask: bool) -> tuple[Any, str]:
        """The eight rows of three-way merging, and what the rule makes of those that they leave open."""
        if same(of, mine, theirs):
            return mine, ""
        unchanged = bool(base) and same(of, mine, base[0])
        if rule == "replace":
            if blank(theirs):
                return (theirs, "cleared there") if unchanged else (mine, "")
            return theirs, "replaced"
        if unchanged:
            return theirs, "cleared there" if blank(theirs) else "changed there"
        if base and same(of, theirs, base[0]):
            return mine, ""
        undecided = rule in ("fill", "union") and base  # changed on both sides: one of them, even if it is blank now, is lost
        if not undecided and blank(mine):
            return theirs, "was empty"
        if not undecided and blank(theirs):
            return mine, ""
        return self._chosen(of, rule, mine, theirs, base, ask=ask)

    def _chosen(self, of: Field, rule: str, mine: Any, theirs: Any, base: Base, *, ask: bool) -> tuple[Any, str]:
        if rule in ("a", "b"):
            return (mine, "") if rule == self.side else (theirs, f"{rule.upper()} is preferred")
        if rule in ("newer", "larger"):
            winner = self.newer if rule == "newer" else _larger(of, mine, theirs)
            if winner is None:
                return self._asked(Clash(of.name, mine, theirs, base[0] if base else None, f"neither is the {rule}"))
            return (mine, "") if winner == "mine" else (theirs, f"{rule} there")
        if base:
            return self._asked(Clash(of.name, mine, theirs, base[0], "changed on both sides"))
        return self._asked(Clash(of.name, mine, theirs, None, "differs")) if ask else (mine, "")

    def _asked(self, clash: Clash) -> tuple[Any, str]:
        answer = UNDECIDED if self.decide is None else self.decide(clash)
        if answer is UNDECIDED:
            self.clashes.append(clash)
            return clash.mine, ""
        return answer, "decided"

    def _entries(self, of: Field, rule: str, mine: Any, theirs: Any, base: Base, *, ask: bool) -> tuple[Any, str]:
        """A map, entry by entry."""
        here, there, before = mine or {}, theirs or {}, (base[0] or {}) if base else {}
        after: dict[str, Any] = {}
        for name in dict.fromkeys((*here, *there)):
            one, other, common = ({name: side[name]} if name in side else None for side in (here, there, before))
            chosen, _ = self._whole(of, rule, one, other, (common,) if base else (), ask=ask)
            after.update(chosen or {})
        return (mine, "") if same(of, mine, after) else (after, "")

    def _items(self, of: Field, mine: list[Any], theirs: list[Any], base: Base, *, ask: bool) -> tuple[Any, str]:
        """A set or a multiset, item by item: of each key the larger number, less what one side took out and the other left as it was."""
        if not mine and not base:  # nothing is there that any of it could be
            return list(theirs), ""
        rows = of.type == "rows"

        def holds(one: Any, other: Any) -> bool:
            return same(of, [one], [Merging(tolerance=self.tolerance).row(of, one, other, ())])

        found = []
        for triple in aligned(mine, theirs, base[0] if base else (), lambda item: key(of, item, self.tolerance), holds if rows else None):
            item = self._item(of, triple, ask=ask) if rows or None in triple[:2] else triple.mine
            if item is not None:
                found.append(item)
        return (mine, "") if same(of, mine, found) else (found, "")

    def _item(self, of: Field, triple: Aligned, *, ask: bool) -> Any:
        mine, theirs, base = triple[:3]
        if mine is not None and theirs is not None:
            return self.row(of, mine, theirs, (base,) if base is not None else (), ask=ask)
        item, elsewhere = (mine, triple.new_here) if theirs is None else (theirs, triple.new_there)
        if base is None:
            return item
        untouched = item is not None and not elsewhere and same(of, [item], [base])
        return None if untouched else item

    def row(self, of: Field, mine: Record, theirs: Record, base: Base, *, ask: bool = False) -> Record:
        """Two rows that are one thing, field by field, each by its own rule."""
        inner = Merging(side=self.side, tolerance=self.tolerance, newer=self.newer)
        after = dict(mine)
        for one in of.fields:
            before = (base[0][one.name],) if base else ()
            asks = ask and one.name not in row_keys(of)
            after[one.name], _ = inner.value(one, one.merge_rule, mine[one.name], theirs[one.name], before, ask=asks)
        if not inner.clashes:
            return after
        reason = "; ".join(f"{clash.field}: {clash.reason}" for clash in inner.clashes)
        chosen, decided = self._asked(Clash(of.name, mine, theirs, base[0] if base else None, reason))
        return chosen if decided else after


def _larger(of: Field, mine: Any, theirs: Any) -> str | None:
    """Numbers by size, true before false, times by their instant, texts and dates by length (the more exact date), then by their letters."""
    sizes: list[Any]
    if of.type in ("int", "float", "bool"):
        sizes = [mine, theirs]
    elif of.type == "time":
        sizes = [(instant(one) is not None, meaning(of, one)) for one in (mine, theirs)]
    elif of.type in ("text", "date"):
        sizes = [(len(one), one) for one in (mine, theirs)]
    elif of.type == "map":  # one entry of it
        sizes = [one for side in (mine, theirs) for one in side.values()]
        if any(not isinstance(one, (int, float)) for one in sizes):
            return None
    else:
        return None
    return "mine" if sizes[0] > sizes[1] else "theirs"


def _respelled(of: Field, after: Any, mine: Any) -> list[Any]:
    """A list with those items that mean the same as one of the target's written as there."""
    free: dict[Any, list[Any]] = {}
    for item in reversed(mine or ()):
        free.setdefault(meaning(of, [item]), []).append(item)
    return [found.pop() if (found := free.get(meaning(of, [item]))) else item for item in after or ()]
