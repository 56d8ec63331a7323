"""The checks of filters: which there are, which values each of them takes, and which of them no record can fulfil together.  Pure."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Collection
from typing import Any

from stashport.errors import BadFilter
from stashport.model.fields import BY_NAME, BY_PLURAL, KINDS
from stashport.model.moments import day_range, moment_range

MARKERS = "scene_markers"  # no kind of its own: markers belong to scenes, and a filter of markers chooses the scenes that have such markers
FILTERABLE = (*(kind.plural for kind in KINDS if kind.listing), MARKERS)
RELATED = {"tags": "tag", "performers": "performer", "studios": "studio", "groups": "group", "galleries": "gallery"}
SWITCH = {"tags": "subTags", "studios": "subStudios", "groups": "subGroups"}
# A plain list means what Stash's own pages start with.
_PLAIN = {"tags": "all", "performers": "all", "studios": "any", "groups": "any", "galleries": "all"}
MODES = ("any", "all", "none")
RANGES = {"date": ("dateFrom", "dateUntil"), "created_at": ("createdFrom", "createdUntil"), "updated_at": ("updatedFrom", "updatedUntil"),
           "rating100": ("ratingMin", "ratingMax")}
FLAGS = ("organized", "favorite")
KEYS = ("filter", "savedFilter", *RELATED, *SWITCH.values(), *(key for pair in RANGES.values() for key in pair), *FLAGS, "text", "has", "misses")
FIELD = {"studios": "studio"}
EVERY = "all"  # a search of every kind, beside those of single kinds


def close_to(name: str, known: Collection[str]) -> str:
    """The end of a message about a name that is not known."""
    found = difflib.get_close_matches(str(name), known, 1)
    return f"; did you mean {found[0]}?" if found else f"; known are {', '.join(known)}"


def plural_of(name: Any) -> str:
    """The kind whose filter is meant, by its plural name.  Errors: BadFilter."""
    text = str(name).lower()
    if text in (MARKERS, "markers", "scene_marker", "marker"):
        return MARKERS
    kind = BY_PLURAL.get(text) or BY_NAME.get(text)
    if kind is None or not kind.listing:
        raise BadFilter(what=f'There are no filters for "{name}"{close_to(text, FILTERABLE)}.')
    return kind.plural


def checked(key: str, value: Any) -> Any:
    """A filter's value in the one form that is kept.  Errors: BadFilter."""
    if key in RELATED:
        return _related(key, value)
    if key == "filter":
        return _by_kind(key, value)
    if key == "savedFilter":
        if not isinstance(value, dict):
            return _texts(key, value)
        return {plural_of(kind): _texts(f"{key}.{kind}", names) for kind, names in value.items() if names}
    if key in FLAGS or key in SWITCH.values():
        return _flag(key, value)
    if key in ("ratingMin", "ratingMax"):
        return _number(key, value)
    if key in ("has", "misses"):
        return [_field(key, name) for name in _texts(key, value)]
    if key == "text" and isinstance(value, dict):
        return _searches(value)
    if not isinstance(value, str):
        raise BadFilter(what=f'"{key}" needs a text, not {value!r}.')
    if key != "text":
        (day_range if key.startswith("date") else moment_range)(value, key)
    return value.strip() or {}


def _by_kind(key: str, value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict):
        raise BadFilter(what=f'"{key}" needs kinds with their Stash filters, such as {{"scenes": {{"organized": true}}}}, not {value!r}.')
    found = {}
    for name, one in value.items():
        plural = plural_of(name)
        if one and not isinstance(one, dict):
            raise BadFilter(what=f"{key}.{name} needs a Stash filter (an object), not {one!r}.")
        if one:
            found[plural] = copy.deepcopy(one)
    return found


def _searches(value: dict[Any, Any]) -> dict[str, str] | str:
    """Searches by kind; one for every kind alone is as if it stood without a kind."""
    found: dict[str, str] = {}
    for name, words in value.items():
        plural = EVERY if name == EVERY else plural_of(name)
        if plural == MARKERS:
            raise BadFilter(what='"text" searches records, and markers are none: give their filter under "filter" or "savedFilter".')
        if words is not None and not isinstance(words, str):
            raise BadFilter(what=f'"text.{plural}" needs a text, not {words!r}.')
        if words and words.strip():
            found[plural] = words.strip()
    return found[EVERY] if set(found) == {EVERY} else found


def _related(key: str, value: Any) -> dict[str, list[str | int]]:
    modes = value if isinstance(value, dict) else {_PLAIN[key]: value}
    for mode in modes:
        if mode not in MODES:
            raise BadFilter(what=f'"{key}" knows any, all and none, not "{mode}".')
    found = {}
    for mode in MODES:
        names = modes.get(mode)
        listed = [names] if isinstance(names, (str, int)) else names or []
        if not isinstance(listed, (list, tuple)) or not all(isinstance(one, (str, int)) and not isinstance(one, bool) for one in listed):
            raise BadFilter(what=f'"{key}" needs names or ids, not {names!r}.')
        kept = list(dict.fromkeys(one.strip() if isinstance(one, str) else one for one in listed))
        if "" in kept:
            raise BadFilter(what=f'"{key}" holds an empty name.')
        if kept:
            found[mode] = kept
    return found


def _texts(key: str, value: Any) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) and name.strip() for name in names):
        raise BadFilter(what=f'"{key}" needs one name or a list of names, not {value!r}.')
    return list(dict.fromkeys(name.strip() for name in names))


def _field(key: str, name: str) -> str:
    of, _, field_name = name.rpartition(".")
    kinds = [BY_PLURAL[of] if of in BY_PLURAL else BY_NAME.get(of)] if of else KINDS
    found = [kind.by_name[field_name] for kind in kinds if kind and field_name in kind.by_name]
    if not found:
        known = sorted({f.name for kind in kinds if kind for f in kind.fields} or BY_PLURAL)
        raise BadFilter(what=f'"{key}" names "{name}", which is no field{close_to(field_name, known) if kinds[0] else close_to(of, known)}.')
    if all(field.type == "bool" for field in found):
        raise BadFilter(what=f'"{key}" asks whether a field is filled; {name} is yes or no and always filled.')
    return f"{BY_NAME[of].plural}.{field_name}" if of in BY_NAME else name


def _flag(key: str, value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise BadFilter(what=f'"{key}" is yes or no (true or false), not {value!r}.')
    return value


def _number(key: str, value: Any) -> int:
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise BadFilter(what=f'"{key}" is a whole number from 0 to 100, not {value!r}.')
    return value


def refuse_contradictions(asked: dict[str, Any]) -> None:
    """Refuse what no record can fulfil."""
    for name, (low, high) in RANGES.items():
        first, last = asked.get(low), asked.get(high)
        if first is None or last is None:
            continue
        empty = first > last if name == "rating100" else day_range(first)[0] > day_range(last)[1] if name == "date" else (
            moment_range(first)[0] >= moment_range(last)[1])
        if empty:
            raise BadFilter(what=f'"{low}" ({first}) is after "{high}" ({last}): nothing can be both.')
    for key in RELATED:
        wanted = asked.get(key) or {}
        both = [one for one in wanted.get("none", ()) if one in wanted.get("all", ()) or wanted.get("any") == [one]]
        if both:
            raise BadFilter(what=f'"{key}" asks for {both[0]} and against it: nothing can be both.')
    valued = {FIELD.get(key, key): key for key in RELATED if {"any", "all"} & set(asked.get(key) or ())}
    valued |= {name: low if asked.get(low) is not None else high for name, (low, high) in RANGES.items() if {low, high} & set(asked)}
    for name in asked.get("misses") or ():
        field_name = name.rpartition(".")[2]
        if any(one in (name, field_name) or (name == field_name and one.endswith(f".{name}")) for one in asked.get("has") or ()):
            raise BadFilter(what=f"{name} is asked to be filled and to be empty: nothing can be both.")
        if field_name in valued:
            raise BadFilter(what=f'"{valued[field_name]}" asks for a value of {name}, and "misses" for none: nothing can be both.')
