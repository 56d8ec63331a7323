"""What differs between two records of one thing, told as people see it: another value, another order, or only another way to write the same.  Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from stashport.change.alignment import aligned
from stashport.change.values import TOLERANCE, items, key, meaning, ordered, same, spelling, told
from stashport.model.records import Record
from stashport.model.table import LISTS, Field, Kind


@dataclass(frozen=True)
class Difference:
    """A field that two records tell differently.

    how          "value": something else is meant; "order": the same items in another stored order; "times": only when rows were made or changed;
                 "spelling": the same, stored otherwise (the zone or precision of a time, the case of an alias, repeats in a set)
    only_mine, only_theirs, changed
                 for lists and maps whose value differs: items without counterpart, and pairs (mine, theirs) of one thing with other details;
                 an entry of a map is a map of one
    """

    field: str
    mine: Any
    theirs: Any
    how: str
    only_mine: tuple[Any, ...] = ()
    only_theirs: tuple[Any, ...] = ()
    changed: tuple[tuple[Any, Any], ...] = ()


def differences(kind: Kind, mine: Record, theirs: Record, *, fields: Collection[str] | None = None, tolerance: float = TOLERANCE) -> list[Difference]:
    """What differs, in the order of the table: of all fields or of those named, and only of what both records tell.

    References must be those of one library (translate.py).  `tolerance` (seconds) says which markers are counterparts; their times are compared exactly.
    """
    found = []
    for field in kind.fields:
        if field.name in mine and field.name in theirs and (fields is None or field.name in fields):
            one, other = mine[field.name], theirs[field.name]
            if field.type not in ("map", "json") and one == other:
                continue
            of = told(field, one, other)
            if how := _how(of, one, other):
                parts = _parts(of, one, other, tolerance) if how == "value" and of.type in LISTS else ((), (), ())
                found.append(Difference(field.name, one, other, how, *parts))
    return found


def _how(of: Field, one: Any, other: Any) -> str:
    if not same(of, one, other):
        return "order" if ordered(of) and one and other and _unordered(of, one) == _unordered(of, other) else "value"
    if meaning(of, one, times=True) != meaning(of, other, times=True):
        return "times"
    return "spelling" if spelling(of, one) != spelling(of, other) else ""


def _unordered(of: Field, value: list[Any]) -> frozenset[Any]:
    return frozenset(meaning(of, [item]) for item in value)


def _parts(of: Field, one: Any, other: Any, tolerance: float) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[tuple[Any, Any], ...]]:
    if of.type == "map":
        here, there = ([{name: value} for name, value in (side or {}).items()] for side in (one, other))
        pairs = aligned(here, there, (), lambda entry: next(iter(entry)), None)
    else:
        pairs = aligned(items(of, one, tolerance), items(of, other, tolerance), (), lambda item: key(of, item, tolerance), None)
    changed = [(a, b) for a, b, *_ in pairs if a is not None and b is not None and not (same(of, a, b) if of.type == "map" else same(of, [a], [b]))]
    return (
        tuple(pair.mine for pair in pairs if pair.theirs is None),
        tuple(pair.theirs for pair in pairs if pair.mine is None),
        tuple(changed),
    )
