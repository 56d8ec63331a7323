"""What a value means: when two values say the same, what is blank, and which items of two lists are one and the same thing.  Pure.

Every relation here is an equivalence: same(a, b) and same(b, c) give same(a, c).  Merging rests on that: "no more than so many seconds apart" is none,
and what three libraries come to would depend on the order in which they met.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any

from stashport.model.identity_keys import folded, normal_endpoint
from stashport.model.moments import instant
from stashport.model.records import canonical, dumps
from stashport.model.table import Field

# Half the width of the stretch of time within which two markers of one primary tag are the same, in seconds.  Stretches stand around whole multiples: with
# 0.5 they are the whole seconds, so that a copy that was rounded to seconds on its way (as other programs do) always meets its original.
TOLERANCE = 0.5

# What tells one row of a list from another.  In the lists of REPEATED, two rows may have the same: then they are told apart by their number.
ROW_KEYS = {
    "stash_ids": ("endpoint", "stash_id"), "fingerprints": ("type", "value"), "captions": ("language_code", "caption_type"),
    "groups": ("group",), "sub_groups": ("group",), "scene_markers": ("seconds", "primary_tag"), "chapters": ("image_index", "title"),
}  # fmt: skip
REPEATED = frozenset({"scene_markers", "chapters"})
_FREE = ("json", "map")
_FRACTION = re.compile(r"\.(\d+)")


def blank(value: Any) -> bool:
    """Whether nothing is said: null, an empty text, an empty list.  0 and false are values."""
    return value is None or value in ("", [], {})


def ordered(field: Field) -> bool:
    """Whether the order of a list is stored and means something, such as which URL is the first."""
    if field.type == "texts":
        return field.join is not None and field.join.order == "position"
    return field.type == "rows" and bool(field.about) and not field.sort


def is_aliases(field: Field) -> bool:
    """Whether a list of texts is a set of other names, which differ by more than case."""
    return field.type == "texts" and not ordered(field)


def same(field: Field, one: Any, other: Any) -> bool:
    """Whether two values of a field mean the same."""
    if field.type not in _FREE and one == other:  # in free JSON, true is not 1
        return True
    return meaning(field, one) == meaning(field, other)


def meaning(field: Field, value: Any, *, times: bool = False) -> Hashable:
    """What a value says, to be compared.

    Blank values are None, times are instants, sets have no order and no repeats, histories are multisets of whole seconds (which is what Stash stores),
    free JSON is in one spelling, and ids of a
    stash-box are as model/identity.py compares them.  When a row was made and changed is left out unless `times` is set.
    """
    if blank(value):
        return None
    if field.type == "time":
        return _exact_instant(value)
    if field.type in _FREE:
        return dumps(canonical(value))
    if field.name == "endpoint":
        return normal_endpoint(value)
    if field.name == "stash_id":
        return str(value).strip().lower()
    if field.type == "rows":
        inner = [one for one in field.fields if times or one.merge != "keep"]
        return _collected(field, [tuple(meaning(one, row.get(one.name), times=times) for one in inner) for row in value])
    if field.type in ("texts", "refs", "times"):
        return _collected(field, [key(field, item) for item in value])
    return _hashable(value)


def spelling(field: Field, value: Any) -> Hashable:
    """A value as it is stored: with the offset and precision of its times and the case of its aliases; sets still have no order."""
    if blank(value) or field.type in _FREE:
        return meaning(field, value)
    if not isinstance(value, list):
        return _hashable(value)
    names = [one.name for one in field.fields]
    items = [dumps([item.get(name) for name in names]) if names else item for item in value]
    return tuple(items) if ordered(field) else frozenset(Counter(items).items())


def key(field: Field, item: Any, tolerance: float = TOLERANCE) -> Hashable:
    """What tells an item of a list from the others: two items with one key are the same thing, perhaps with different details.

    URLs as they are written; aliases folded; references; instants to the second; rows by `row_keys`, as far as they are told, of which the time of a
    marker counts by stretches of twice the tolerance (in seconds; 0: exactly).
    """
    if field.type == "texts":
        return str(item) if ordered(field) else folded(item)
    if field.type == "times":
        when = instant(item)
        return str(item) if when is None else when.replace(microsecond=0)
    if field.type != "rows":
        return str(item)
    names = row_keys(field)
    return tuple(_part(one, item.get(one.name), tolerance) for one in field.fields if one.name in names)


def row_keys(field: Field) -> tuple[str, ...]:
    """The names by which rows are told apart.  A scene has one id for each stash-box (Stash has a key there), other records may have several."""
    names = ROW_KEYS[field.name]
    return names[:1] if field.name == "stash_ids" and field.join is not None and field.join.table.startswith("scene_") else names


def items(field: Field, value: Any, tolerance: float = TOLERANCE) -> list[Any]:
    """The items of a list, without repeats where they mean nothing."""
    if field.type == "times" or field.name in REPEATED:
        return list(value or ())
    first: dict[Hashable, Any] = {}
    for item in value or ():
        first.setdefault(key(field, item, tolerance), item)
    return list(first.values())


def told(field: Field, *values: Any) -> Field:
    """A field of rows with the inner fields that every row of all these values tells: what a source cannot tell is never a difference."""
    if field.type != "rows":
        return field
    missing = {one.name for one in field.fields for value in values for row in value or () if one.name not in row}
    return dataclasses.replace(field, fields=tuple(one for one in field.fields if one.name not in missing)) if missing else field


def _hashable(value: Any) -> Hashable:
    found: Hashable = dumps(value) if isinstance(value, (dict, list)) else value
    return found


def _part(field: Field, value: Any, tolerance: float) -> Hashable:
    if field.name == "seconds" and tolerance > 0 and value is not None:
        place: float = value / (2 * tolerance)
        return math.floor(place + 0.5) if math.isfinite(place) else meaning(field, value)
    return meaning(field, value)


def _collected(field: Field, meanings: Iterable[Hashable]) -> Hashable:
    if field.type == "times" or field.name in REPEATED:
        return frozenset(Counter(meanings).items())
    if ordered(field):
        return tuple(dict.fromkeys(meanings))
    if field.type == "refs" and field.join is not None and "primary" in field.join.order:
        first, *rest = meanings
        return first, frozenset(rest)
    return frozenset(meanings)


def _exact_instant(text: str) -> Hashable:
    when = instant(text)
    if when is None:
        return text
    fraction = _FRACTION.search(text)
    return when, fraction[1][6:].rstrip("0") if fraction else ""  # the digits that a datetime has no room for
