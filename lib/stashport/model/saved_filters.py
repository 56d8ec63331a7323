"""Saved filters: Stash keeps them as its pages do, and its queries want them otherwise; this is the way from the one to the other.  Pure.

A criterion that is not in the table, or holds a value that Stash's own pages could not have put there, is refused: one that was left out
without a word would choose too much.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from stashport.errors import BadFilter
from stashport.model.saved_criteria import CIRCUMCISED, CRITERIA, GENDERS, LANGUAGES, ORIENTATIONS, RESOLUTIONS

_REFERS = {"tags": "tag", "scene_tags": "tag", "performer_tags": "tag", "children": "tag", "studios": "studio", "groups": "group",
           "containing_groups": "group", "sub_groups": "group", "performers": "performer", "galleries": "gallery", "scenes": "scene"}
FILTERED_BY = frozenset(_REFERS.values())
"""The kinds of records that saved filters can name."""
_KEEPS_EXCLUDES = frozenset({"groups", "containing_groups", "sub_groups"})
_EMPTY = ("IS_NULL", "NOT_NULL")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d)?")


@dataclass(frozen=True)
class Named:
    """A record that a criterion names: its kind and number, what it was called when the filter was saved, and whether it is one to leave out."""

    kind: str
    number: str
    label: str
    excluded: bool


def convert(plural: str, object_filter: dict[str, Any] | None) -> dict[str, Any]:
    """The Stash filter for a saved filter of a kind ("scenes", .. "scene_markers").  Errors: BadFilter."""
    forms = {name: form for form, names in CRITERIA[plural].items() for name in names.split()}
    found = {}
    for name, criterion in (object_filter or {}).items():
        if name not in forms:
            raise BadFilter(what=f'A saved filter of {plural} asks for "{name}", which this version of Stash Port does not know.')
        form = forms[name]
        if form != "custom" and not isinstance(criterion, dict):
            raise _odd(name, criterion)
        new = "groups" if name == "movies" else name
        found[new] = _CONVERT[form](new, criterion)
    return found


def named(plural: str, converted: dict[str, Any], object_filter: dict[str, Any] | None) -> Iterator[Named]:
    """Every record that a converted filter names, with the labels that the saved filter has for them."""
    labels = {str(one.get("id")): str(one.get("label") or "") for one in _labelled(object_filter)}
    for name, criterion in converted.items():
        kind = {"parents": "studio" if plural == "studios" else "tag"}.get(name) or _REFERS.get(name)
        if kind and isinstance(criterion, dict):
            for key in ("value", "excludes"):
                excluded = key == "excludes" or criterion["modifier"] == "EXCLUDES"
                yield from (Named(kind, number, labels.get(number, ""), excluded) for number in criterion.get(key) or ())


def without(converted: dict[str, Any], gone: set[tuple[str, str]], plural: str) -> dict[str, Any]:
    """A converted filter without excluded records that are gone, (kind, number) each: leaving out what is not there changes nothing."""
    result = {}
    for name, criterion in converted.items():
        kind = {"parents": "studio" if plural == "studios" else "tag"}.get(name) or _REFERS.get(name)
        if kind and isinstance(criterion, dict):
            kept = {key: [one for one in criterion.get(key) or () if (kind, one) not in gone] for key in ("value", "excludes") if key in criterion}
            criterion = {**criterion, **kept}  # noqa: PLW2901 - the same criterion, cleaned
            if criterion["modifier"] not in _EMPTY and not any(kept.values()):
                continue
        result[name] = criterion
    return result


def _labelled(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "id" in value:
            yield value
        for inner in value.values():
            yield from _labelled(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _labelled(inner)


# --- one function a form ------------------------------------------------------------------------------------------------------------------------------


def _odd(name: str, value: Any) -> BadFilter:
    return BadFilter(what=f'A saved filter holds something unexpected for "{name}": {value!r}. Open it in Stash and save it again.')


def _modifier(name: str, criterion: dict[str, Any]) -> str:
    modifier = criterion.get("modifier")
    if not isinstance(modifier, str):
        raise _odd(name, criterion)
    return modifier


def _text(name: str, criterion: dict[str, Any]) -> dict[str, Any]:
    value = criterion.get("value")
    if value is not None and not isinstance(value, str):
        raise _odd(name, value)
    return {"value": value or "", "modifier": _modifier(name, criterion)}


def _pair(name: str, criterion: dict[str, Any]) -> tuple[Any, Any]:
    """The one or two values of a range; older versions kept them bare."""
    value = criterion.get("value")
    if isinstance(value, dict):
        return value.get("value"), value.get("value2")
    if name == "rating100" and value is not None:
        raise _odd(name, value)  # a bare rating was one of stars or of tenths, as a setting said then
    return value, criterion.get("value2")


def _number(name: str, criterion: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"modifier": _modifier(name, criterion)}
    for key, one in zip(("value", "value2"), _pair(name, criterion), strict=True):
        if isinstance(one, bool) or not isinstance(one, (int, float, type(None))):
            raise _odd(name, one)
        whole = int(one) if isinstance(one, float) and one.is_integer() else one
        if key == "value" or whole is not None:
            found[key] = whole or 0
    return found


def _date(name: str, criterion: dict[str, Any]) -> dict[str, Any]:
    value, value2 = _pair(name, criterion)
    if not isinstance(value, (str, type(None))) or not isinstance(value2, (str, type(None))):
        raise _odd(name, criterion)
    return {"modifier": _modifier(name, criterion), "value": value or "", **({} if value2 is None else {"value2": value2})}


def _time(name: str, criterion: dict[str, Any]) -> dict[str, Any]:
    found = _date(name, criterion)
    for key in ("value", "value2"):
        text = found.get(key, "").strip()
        if text and not _TIME.fullmatch(text):
            raise _odd(name, text)
        if text:
            found[key] = text.replace(" ", "T")
        elif key == "value2":
            found.pop(key, None)
    return found


def _is_true(name: str, criterion: dict[str, Any]) -> bool:
    value = criterion.get("value")
    if value not in ("true", "false", True, False):
        raise _odd(name, value)
    return value in ("true", True)


def _word(name: str, criterion: dict[str, Any]) -> str:
    value = criterion.get("value")
    if name.startswith("has_"):
        return str(_is_true(name, criterion)).lower()
    if not isinstance(value, str):
        raise _odd(name, value)
    return value


def _numbers(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, dict) and str(one.get("id", "")).isdigit() for one in value):
        raise _odd(name, value)
    return [str(one["id"]) for one in value]


def _ids(name: str, criterion: dict[str, Any]) -> dict[str, Any]:
    return {"value": _numbers(name, criterion.get("value") or []), "modifier": _modifier(name, criterion)}


def _list(name: str, criterion: dict[str, Any]) -> dict[str, Any]:
    modifier, value = _modifier(name, criterion), criterion.get("value") or {}
    if isinstance(value, list):
        value = {"items": value}
    if not isinstance(value, dict):
        raise _odd(name, value)
    items, excluded = _numbers(name, value.get("items") or []), _numbers(name, value.get("excluded") or [])
    if modifier == "EXCLUDES" and name not in _KEEPS_EXCLUDES:
        items, excluded, modifier = [], [*excluded, *items], "INCLUDES"
    elif modifier not in ("INCLUDES", "INCLUDES_ALL"):
        excluded = []
    return {"value": items, "excludes": excluded, "modifier": modifier}


def _tree(name: str, criterion: dict[str, Any]) -> dict[str, Any]:
    found, value = _list(name, criterion), criterion.get("value")
    depth = (value.get("depth") or 0) if isinstance(value, dict) else 0
    if isinstance(depth, bool) or not isinstance(depth, (int, float)):
        raise _odd(name, depth)
    return {**found, "depth": 0 if found["modifier"] == "EQUALS" else int(depth)}


def _of(words: dict[str, str], name: str, value: Any) -> str:
    known = {key.casefold(): code for key, code in words.items()} | {code.casefold(): code for code in words.values()}
    if str(value).casefold() not in known:
        raise _odd(name, value)
    return known[str(value).casefold()]


def _words(words: dict[str, str], name: str, criterion: dict[str, Any]) -> list[str]:
    value = criterion.get("value") or []
    return [_of(words, name, one) for one in ([value] if isinstance(value, str) else value)]


def _captions(name: str, criterion: dict[str, Any]) -> dict[str, Any]:
    modifier, value = _modifier(name, criterion), criterion.get("value")
    return {"value": "" if modifier in _EMPTY and not value else _of(LANGUAGES, name, value), "modifier": modifier}


def _stash_id(name: str, criterion: dict[str, Any]) -> dict[str, Any]:
    value = criterion.get("value") or {}
    value = {"stashID": value} if isinstance(value, str) else value
    if not isinstance(value, dict):
        raise _odd(name, value)
    number = value.get("stashID") or value.get("stash_id") or ""
    return {"endpoint": value.get("endpoint") or "", "stash_id": number, "modifier": _modifier(name, criterion)}


def _phash(name: str, criterion: dict[str, Any]) -> dict[str, Any]:
    value = criterion.get("value") or {}
    value = {"value": value} if isinstance(value, str) else value
    if not isinstance(value, dict):
        raise _odd(name, value)
    return {"value": value.get("value") or "", "modifier": _modifier(name, criterion), "distance": int(value.get("distance") or 0)}


def _custom(name: str, criterion: Any) -> list[Any]:
    if not isinstance(criterion, list):
        raise _odd(name, criterion)
    return criterion


_CONVERT: dict[str, Callable[[str, Any], Any]] = {
    "text": _text, "number": _number, "date": _date, "time": _time, "flag": _is_true, "word": _word, "ids": _ids, "list": _list, "tree": _tree,
    "gender": lambda name, one: {"value_list": _words(GENDERS, name, one), "modifier": _modifier(name, one)},
    "circumcised": lambda name, one: {"value": _words(CIRCUMCISED, name, one), "modifier": _modifier(name, one)},
    "orientation": lambda name, one: {"value": _words(ORIENTATIONS, name, one)},
    "resolution": lambda name, one: {"value": _of(RESOLUTIONS, name, one.get("value")), "modifier": _modifier(name, one)},
    "captions": _captions, "stash_id": _stash_id, "phash": _phash, "duplicated": lambda name, one: {"duplicated": _is_true(name, one)}, "custom": _custom,
}
