"""Filters by name: what a person asks for, checked, and what each of them means for one kind of record.

A configuration's filters become a `Filters`; for one kind it gives `Condition`s, which become Stash's own filters (`criteria`, here), SQL
(stash/filtering_sql.py) or a look at records (filter_records.py).  Pure: names are looked up, and ids found, in stash/filtering.py.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stashport.errors import BadFilter
from stashport.model.filter_checks import EVERY, FIELD, FLAGS, KEYS, MODES, RANGES, RELATED, SWITCH, checked, close_to, refuse_contradictions
from stashport.model.moments import WIDE, day_range, instant, moment_range
from stashport.model.table import Field, Kind

_COUNTERS = frozenset({"o_counter", "play_duration", "resume_time"})  # 0 is their nothing
_ENDS = (-(2**31), 2**31 - 1)
FIRST_DAY, LAST_DAY = "0000-00-00", "9999-99-99"  # never a bare year: SQLite would take it for a number

Ids = dict[str, dict[str, list[int]]]


@dataclass(frozen=True)
class Condition:
    """One thing that records of a kind must fulfil.

    key    the filter that it comes from, as a person wrote it
    test   any, all, none (value: numbers of related records, and whether those below them count), between (two texts or numbers, both included),
           within (two instants, the second excluded; either may be None), is (true or false), has, misses, text
    """

    key: str
    test: str
    value: Any = None
    field: Field | None = None


class Filters:
    """What was asked for, checked.  False when that is nothing."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._asked = asked

    @classmethod
    def parse(cls, given: dict[str, Any]) -> Filters:
        """Check filters as they stand in a configuration; what is empty is as if it were not there.  Errors: BadFilter."""
        asked: dict[str, Any] = {}
        for key, value in given.items():
            if key not in KEYS:
                raise BadFilter(what=f'There is no filter called "{key}"{close_to(key, KEYS)}.')
            if value is not None and value not in ("", [], (), {}):
                asked[key] = checked(key, value)
        asked = {key: asked[key] for key in KEYS if key in asked and asked[key] != {}}
        refuse_contradictions(asked)
        return cls(asked)

    def record(self) -> dict[str, Any]:
        """The form kept in the run record; `parse` makes the same filters of it."""
        return copy.deepcopy(self._asked)

    def __bool__(self) -> bool:
        return any(key not in SWITCH.values() for key in self._asked)

    def get(self, key: str) -> Any:
        """What was asked for under a key; None for nothing."""
        return self._asked.get(key)

    def conditions(self, kind: Kind, told: Collection[str], ids: Ids) -> Iterator[Condition]:
        """What the named filters mean for a kind; those that it has no property for are left out.

        told  the names of the fields that the source can tell
        ids   numbers of the related records: key -> any, all or none -> numbers
        """
        for key, wanted in ids.items():
            field = kind.by_name.get(FIELD.get(key, key))
            if field and field.name in told:
                deep = bool(self._asked.get(SWITCH.get(key, ""), True)) and key in SWITCH
                yield from (Condition(key, mode, (tuple(wanted[mode]), deep), field) for mode in MODES if wanted.get(mode))
        for name, (low, high) in RANGES.items():
            key = low if low in self._asked else high
            if key in self._asked and name in told:
                yield self._range(key, kind.by_name[name], self._asked.get(low), self._asked.get(high))
        for key in FLAGS:
            if key in self._asked and key in told:
                yield Condition(key, "is", self._asked[key], kind.by_name[key])
        if kind.listing:
            yield from (Condition(key, "text", words) for key, of, words in self._texts() if of in (EVERY, kind.plural))
        for key in ("has", "misses"):
            for name in self._asked.get(key, ()):
                of, _, field_name = name.rpartition(".")
                if of in ("", kind.plural) and field_name in told:
                    yield Condition(f"{key} {name}", key, None, kind.by_name[field_name])

    def _texts(self) -> Iterator[tuple[str, str, str]]:
        """The searches: what messages call each, the kind that it is for (or EVERY), and its words."""
        asked = self._asked.get("text", {})
        for of, words in ({EVERY: asked} if isinstance(asked, str) else asked).items():
            yield "text" if of == EVERY else f"text {of}", of, words

    @staticmethod
    def _range(key: str, field: Field, low: Any, high: Any) -> Condition:
        if field.type == "date":
            return Condition(key, "between", (day_range(low)[0] if low else FIRST_DAY, day_range(high)[1] if high else LAST_DAY), field)
        if field.type == "time":
            return Condition(key, "within", (moment_range(low)[0] if low else None, moment_range(high)[1] if high else None), field)
        return Condition(key, "between", (_ENDS[0] if low is None else low, _ENDS[1] if high is None else high), field)

    def keys(self) -> Iterator[str]:
        """The named filters that were asked for, as conditions call them."""
        for key in (*RELATED, *FLAGS):
            if key in self._asked:
                yield key
        yield from (key for key, _, _ in self._texts())
        for low, high in RANGES.values():
            if low in self._asked or high in self._asked:
                yield low if low in self._asked else high
        for key in ("has", "misses"):
            yield from (f"{key} {name}" for name in self._asked.get(key, ()))


def criteria(kind: Kind, condition: Condition) -> list[dict[str, Any]]:
    """The Stash filters that together say what a condition says; `has`, `misses` and `text` have other ways (`presence`, the search box)."""
    field, test, value = condition.field, condition.test, condition.value
    assert field is not None
    if test in MODES:
        numbers, deep = value
        modifier = {"any": "INCLUDES", "all": "INCLUDES_ALL", "none": "EXCLUDES"}[test]
        depth = {"depth": -1 if deep else 0} if condition.key in SWITCH else {}
        # A record has one studio, which several can only ask for one after the other.
        sets = [[number] for number in numbers] if field.type == "ref" and test == "all" else [list(numbers)]
        return [{condition.key: {"value": [str(number) for number in one], "modifier": modifier, **depth}} for one in sets]
    if test == "is":
        return [{"filter_favorites" if (kind.name, field.name) == ("performer", "favorite") else field.name: value}]
    if test == "within":
        # Stash compares times as texts, whatever their offsets: asked for with room to spare, and looked at again afterwards.
        value = [None if one is None else f"{one + sign * WIDE:%Y-%m-%dT%H:%M}" for one, sign in zip(value, (-1, 1), strict=True)]
        value = (value[0] or FIRST_DAY, value[1] or LAST_DAY)
    return [{field.name: {"value": value[0], "value2": value[1], "modifier": "BETWEEN"}}]


_PRESENCE = {"urls": "url", "alias_list": "aliases", "studio": "studios", "parent_studio": "parents", "stash_ids": "stash_id_endpoint",
             "scene_markers": "has_markers", "chapters": "has_chapters", "play_history": "play_count", "o_history": "o_counter",
             "files": "file_count", "visual_files": "file_count", "cover_image": "cover"}
# What Stash asks of all files of a scene, or only to the second, while a record tells it of the first, or exactly.
_READ = frozenset({"interactive_speed", "resume_time", "play_duration", "captions", "custom_fields"})


def presence(field: Field, *, there: bool) -> tuple[str, dict[str, Any]] | None:
    """The criterion that says whether a field is filled, and the Stash filter with it; None where Stash has none that says exactly this."""
    name, modifier = _PRESENCE.get(field.name, field.name), "NOT_NULL" if there else "IS_NULL"
    if field.name in _READ:
        return None
    if field.type == "image":
        missing = {"is_missing": name}
        return "is_missing", {"NOT": missing} if there else missing
    if name.startswith("has_"):
        return name, {name: str(there).lower()}
    if name.endswith(("_count", "o_counter")):
        return name, {name: {"value": 0, "modifier": "GREATER_THAN" if there else "EQUALS"}}
    if name == "gender":
        return name, {name: {"modifier": modifier}}
    if field.type in ("text", "texts", "date", "time", "int", "float"):
        return name, {name: {"value": [] if name == "circumcised" else 0 if field.type in ("int", "float") else "", "modifier": modifier}}
    return name, {name: {"modifier": modifier}}


def is_filled(field: Field, value: Any) -> bool:
    """Whether a record's value is something: blanks, empty lists and a counter's 0 are nothing."""
    if isinstance(value, str):
        return bool(value.strip(" "))
    if isinstance(value, list) and field.type == "texts":
        return any(one.strip(" ") for one in value)
    return value not in (None, [], {}) and not (field.name in _COUNTERS and value == 0)


def within(value: str | None, bounds: tuple[datetime | None, datetime | None]) -> bool:
    """Whether a stored time lies between two instants, the second excluded."""
    low, high = bounds
    when = instant(value)
    return when is not None and (low is None or when >= low) and (high is None or when < high)
