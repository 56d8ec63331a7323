"""Which item of one list belongs to which item of another, and of what both sides had before.  Pure, and the same for every kind of list."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

from stashport.model.records import dumps

Holds = Callable[[Any, Any], bool] | None
_MOST_AT_ONE_KEY = 10_000  # pairs to be looked at; a scene with a hundred markers on one second of one tag is no one's


class Aligned(NamedTuple):
    """An item of the target, of the other side and of the base that are one and the same thing; None where a side has it not.

    new_here, new_there: whether that side has items with this key that the base has not.
    """

    mine: Any
    theirs: Any
    base: Any
    new_here: bool = False
    new_there: bool = False


def aligned(mine: Iterable[Any], theirs: Iterable[Any], base: Iterable[Any], key: Callable[[Any], Hashable], holds: Holds) -> list[Aligned]:
    """Every item of the three lists exactly once: what the target has in its order, then what is new in the order of the other side.

    Items with one key are paired one to one: equal ones first, then as many as can be where `holds(one, other)` (one tells all that the other does; None
    for items without parts), then the rest.  What is left over stands alone.  The order of the lists has no say in who is paired with whom.
    """
    groups: dict[Hashable, tuple[list[Any], list[Any], list[Any]]] = {}
    places: dict[int, int] = {}
    for side, listed in enumerate((list(mine), list(theirs), list(base))):
        for place, item in enumerate(listed):
            box = [item]  # equal items are still two
            groups.setdefault(key(item), ([], [], []))[side].append(box)
            places[id(box)] = place + side * 2**40
    found: list[tuple[int, Aligned]] = []
    for group in groups.values():
        here, there, before = (sorted(boxes, key=lambda box: dumps(box[0])) if len(boxes) > 1 else boxes for boxes in group)
        kept, added = _paired(here, before, holds)
        their_kept, their_added = _paired(there, before, holds)
        new, _ = _paired(added, their_added, holds)
        rest = [one for one in added if not any(one is other for other in new)]
        triples = [*zip(kept, their_kept, before, strict=True), *((one, other, None) for one, other in zip(new, their_added, strict=True)),
                   *((one, None, None) for one in rest)]  # fmt: skip
        for triple in triples:
            place = next(places[id(box)] for box in triple if box is not None)
            one, other, common = (box[0] if box is not None else None for box in triple)
            found.append((place, Aligned(one, other, common, bool(added), bool(their_added))))
    found.sort(key=lambda one: one[0])
    return [one for _, one in found]


def _paired(ones: list[Any], others: list[Any], holds: Holds) -> tuple[list[Any], list[Any]]:
    """(the partner of each of `others`, or None; those of `ones` that are nobody's)."""
    partner: list[Any] = [None] * len(others)
    free = list(ones)
    if not ones or not others:
        return partner, free
    for place, other in enumerate(others):
        at = next((k for k, one in enumerate(free) if one[0] == other[0]), None)
        if at is not None:
            partner[place] = free.pop(at)
    left = [place for place, one in enumerate(partner) if one is None]
    if left and free and holds is not None and len(left) * len(free) <= _MOST_AT_ONE_KEY:
        for place, at in _most([[k for k, one in enumerate(free) if holds(one[0], others[place][0])] for place in left]).items():
            partner[left[place]] = free[at]
        free = [one for one in free if not any(one is taken for taken in partner)]
    for place in left:
        if partner[place] is None and free:
            partner[place] = free.pop(0)
    return partner, free


def _most(choices: list[list[int]]) -> dict[int, int]:
    """As many pairs (place, choice) as can be, each choice once: the augmenting paths of Kuhn."""
    owner: dict[int, int] = {}

    def place_it(place: int, tried: set[int]) -> bool:
        for choice in choices[place]:
            if choice not in tried:
                tried.add(choice)
                if choice not in owner or place_it(owner[choice], tried):
                    owner[choice] = place
                    return True
        return False

    for place in range(len(choices)):
        place_it(place, set())
    return {place: choice for choice, place in owner.items()}
