"""What a method of writing cannot carry over, found in the records that a plan writes: so that it is told before, and not noticed afterwards.  Pure.

A method names fields ("created_at"), or parts of them in words that are looked up here ("scene_markers.created_at", "play_history.fractions").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from stashport.change.merge import Change
from stashport.change.values import blank
from stashport.model.records import Record

CLEARED, REMOVED = "cleared", "removed"
_WHOLLY = ".exponents"  # custom fields with such a number are left as they are
_PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:Z|\+00:00)")
Test = Callable[[Any], bool]

# Parts that are no field of a row: whether a value has what is lost.
_PARTS: dict[str, Test] = {
    "fractions": lambda value: any(not _PLAIN_TIME.fullmatch(str(one)) for one in value),
    "updated_at.zone": lambda value: any(row.get("updated_at") and not str(row["updated_at"]).endswith("Z") for row in value),
    "md5": lambda value: any(row.get("type") == "md5" for row in value),
    "oshash": lambda value: any(row.get("type") == "oshash" for row in value),
    "further": lambda value: max(Counter(row.get("type") for row in value).values()) > 1,
    "exponents": lambda value: any(isinstance(one, (int, float)) and "e" in repr(one) for one in value.values()),
    "zone": lambda value: not str(value).endswith("Z"),
    "repeated": lambda value: max(Counter(row.get("seconds") for row in value).values()) > 1,
    "tags.primary": lambda value: any(row.get("primary_tag") in (row.get("tags") or ()) for row in value),
}


def fitted(theirs: Record, mine: Record, cannot: Mapping[str, str]) -> tuple[Record, list[str]]:
    """(a record as the method stores it, the names of what is lost by that): else the same would be found to differ, and be written, again and again.

    What `mine`, the target's record, has already in that form stays as it is there.
    """
    record, lost = dict(theirs), []
    if "text.blanks" in cannot:
        for name, value in theirs.items():
            cut = _trimmed(value) if isinstance(value, (str, list)) else value
            if cut != value:
                there = mine.get(name)
                record[name] = there if there is not None and _trimmed(there) == cut else _as_there(cut, there)
                lost += [] if "text.blanks" in lost or record[name] == value else ["text.blanks"]
    markers = record.get("scene_markers")
    if markers and "scene_markers.tags.primary" in cannot and _has(markers, "tags.primary"):
        without = [[one for one in row.get("tags") or () if one != row.get("primary_tag")] for row in markers]
        record["scene_markers"] = [{**row, "tags": tags} if "tags" in row else row for row, tags in zip(markers, without, strict=True)]
        lost.append("scene_markers.tags.primary")
    return record, lost


def _as_there(rows: Any, there: Any) -> Any:
    """Rows whose texts are spelled as in those of the target that are the same but for blanks: some ways into a Stash leave these on."""
    if not isinstance(rows, list) or not isinstance(there, list):
        return rows
    spelled = {_known_by(row): row for row in there if isinstance(row, dict)}
    return [
        {**row, **{name: value for name, value in spelled.get(_known_by(row), {}).items() if isinstance(value, str) and value.strip() == row.get(name)}}
        if isinstance(row, dict) else row for row in rows
    ]


def _known_by(row: Record) -> str:
    """What a row is, but for its times and for blanks."""
    return repr(sorted((name, _trimmed(value)) for name, value in row.items() if not name.endswith("_at")))


def _trimmed(value: Any) -> Any:
    """A value without blanks at the ends of its texts: of a text itself, of those in a list, and of those in its rows."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, list):
        return [one for one in map(_trimmed, value) if one is not None]
    return {name: _trimmed(one) if isinstance(one, str) else one for name, one in value.items()} if isinstance(value, dict) else value


def of_record(record: Record, cannot: Mapping[str, str]) -> Iterator[str]:
    """The names of what is lost when a record is made."""
    for name in cannot:
        outer, _, part = name.partition(".")
        if outer == "text":
            if any(isinstance(value, str) and value != value.strip() for value in record.values()):
                yield name
        elif part == "above":
            if blank(record.get(outer)):  # the topmost folder that the source knows
                yield name
        elif part == "completed":
            indexed = any(row.get("scene_index") == 0 for row in record.get("groups") or ())
            if record.get("cover") or record.get("chapters") or record.get("rating100") == 0 or indexed:
                yield name
        elif not blank(record.get(outer)) and record[outer] is not False and (not part or _has(record[outer], part)):
            yield name


def of_change(change: Change, cannot: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """(the names of what is lost when a field is changed, whether nothing of the change can be written)."""
    if change.field in cannot:
        yield change.field, True
    elif blank(change.after) and f"{change.field}.{CLEARED}" in cannot:
        yield f"{change.field}.{CLEARED}", True
    else:
        if f"{change.field}.{REMOVED}" in cannot and set(change.before or ()) - set(change.after or ()):
            yield f"{change.field}.{REMOVED}", set(change.after or ()) <= set(change.before or ())
        about = _by_field(tuple(cannot))
        concerned = {name: cannot[name] for outer in (change.field, "text") for name in about.get(outer, ())}
        yield from ((name, name.endswith(_WHOLLY)) for name in of_record({change.field: change.after}, concerned))


@lru_cache(100)
def _by_field(names: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.partition(".")[0], []).append(name)
    return found


def _has(value: Any, part: str) -> bool:
    test = _PARTS.get(part)
    if test is not None:
        return test(value)
    return isinstance(value, list) and any(isinstance(row, dict) and row.get(part) is not None for row in value)
