"""What a person decided about conflicts: read from a file or the panel, and asked while a plan is made anew.

    {"pairs":  [{"kind": "performer", "source": 5, "target": 17}],      these two are the same
     "new":    [{"kind": "performer", "source": 9}],                    this one is none of them: it is created
     "leave":  [{"kind": "performer", "source": 4}],                    this one is left out
     "fields": [{"kind": "scene", "source": 5, "field": "title", "part": 0, "take": "source"}],
     "like":   [{"kind": "scene", "field": "title", "take": "target"}]} the same for all like this

`take` is source, target, both, or value (with "value": ..; references in it are the target's).  `part` counts the clashes of one field from 0; without it,
all of them are meant.  `mark`, where it is there, says which clash was seen: it is not taken for another one that has come to the same place.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from stashport.change.merge_fields import UNDECIDED, Clash, Decide
from stashport.errors import BadRequest
from stashport.model.fields import BY_NAME, BY_PLURAL
from stashport.model.moments import instant
from stashport.model.records import dumps
from stashport.model.table import LISTS, Field, Kind
from stashport.output.shape import checked

TAKES = ("source", "target", "both", "value")
_NEEDED = {
    "pairs": {"kind", "source", "target"}, "new": {"kind", "source"}, "leave": {"kind", "source"}, "fields": {"kind", "source", "field", "take"},
    "like": {"kind", "field", "take"},
}


class Decisions:
    """Decisions by what they are about.  Errors: BadRequest for what is none."""

    def __init__(self, given: Mapping[str, Any] | None = None) -> None:
        self._pairs: dict[str, dict[int, int]] = {}
        self._new: set[tuple[str, int]] = set()
        self._leave: set[tuple[str, int]] = set()
        self._fields: dict[tuple[str, int, str, int | None], dict[str, Any]] = {}
        self._like: dict[tuple[str, str], dict[str, Any]] = {}
        for name, listed in (given or {}).items():
            if name in ("plan", "format"):
                continue
            if name not in _NEEDED or not isinstance(listed, list):
                raise BadRequest(what=f'Decisions hold lists named {", ".join(_NEEDED)}, not "{name}".')
            for one in listed:
                self._add(name, one)

    def __bool__(self) -> bool:
        return bool(self._pairs or self._new or self._leave or self._fields or self._like)

    def pairs(self, kind: str) -> Mapping[int, int]:
        """The target's number by the source's, for records that were said to be the same."""
        return self._pairs.get(kind, {})

    def left(self, kind: str) -> list[int]:
        """The numbers of the records that are left out, in order."""
        return sorted(number for name, number in self._leave if name == kind)

    def about(self, kind: str) -> bool:
        """Whether anything was said about which record of a kind is which."""
        return kind in self._pairs or any(name == kind for name, _ in (*self._new, *self._leave))

    def new(self, kind: str, source: int) -> bool:
        """Whether a record was said to be none of the target's."""
        return (kind, source) in self._new

    def leave(self, kind: str, source: int) -> bool:
        """Whether a record was said to be left out."""
        return (kind, source) in self._leave

    def asked(self, kind: str, source: int) -> Decide | None:
        """What merging asks about the clashes of one record, in their order; None where nothing was decided."""
        if not self._fields and not self._like:
            return None
        seen: dict[str, int] = {}

        def decide(clash: Clash) -> Any:
            part = seen.get(clash.field, 0)
            seen[clash.field] = part + 1
            keys = ((kind, source, clash.field, part), (kind, source, clash.field, None))
            own = (self._fields[key] for key in keys if key in self._fields)
            wish = next((one for one in own if one.get("mark") in (None, mark_of(clash))), self._like.get((kind, clash.field)))
            return UNDECIDED if wish is None else _taken(BY_NAME[kind].by_name[clash.field].type, clash, wish)

        return decide

    def _add(self, name: str, one: Any) -> None:
        if not isinstance(one, dict) or not _NEEDED[name] <= one.keys():
            raise BadRequest(what=f'A decision in "{name}" needs {", ".join(sorted(_NEEDED[name]))}: {str(one)[:80]}.')
        found = BY_NAME.get(str(one["kind"])) or BY_PLURAL.get(str(one["kind"]))
        if found is None:
            raise BadRequest(what=f'A decision is about the kind "{one["kind"]}", which is none.')
        kind = found.name
        if name in ("fields", "like"):
            field = found.by_name.get(str(one["field"]))
            if field is None:
                raise BadRequest(what=f'A decision is about {kind}.{str(one["field"])[:40]}, which is no field.')
            if one["take"] not in TAKES or (one["take"] == "value") != ("value" in one):
                raise BadRequest(what=f'A decision takes one of {", ".join(TAKES)} ("value" with the value), not {str(one["take"])[:40]!r}.')
            if "value" in one and not _fits(field, one["value"]):
                raise BadRequest(what=f'A decision gives {kind}.{field.name} the value {str(one["value"])[:40]!r}, which is none that it can have.')
        if name == "like":
            self._like[kind, one["field"]] = one
            return
        source = _number(one["source"])
        if name == "fields":
            self._fields[kind, source, one["field"], _number(one["part"]) if one.get("part") is not None else None] = one
        elif name == "pairs":
            target = _number(one["target"])
            if self._pairs.get(kind, {}).get(source, target) != target or any(a != source and b == target for a, b in self._pairs.get(kind, {}).items()):
                raise BadRequest(what=f"Decisions pair {kind}:{source} or {kind}:{target} with two records.")
            self._pairs.setdefault(kind, {})[source] = target
        else:
            (self._new if name == "new" else self._leave).add((kind, source))


def mark_of(clash: Clash) -> str:
    """What says that a clash is the one that was decided: a digest of what both sides had."""
    return hashlib.blake2b(dumps([clash.field, clash.mine, clash.theirs]).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _taken(kind: str, clash: Clash, wish: Mapping[str, Any]) -> Any:
    take = wish["take"]
    if take == "both":
        if kind == "text" and clash.mine and clash.theirs:  # once: what has both already stays
            return clash.mine if clash.mine.endswith(f"\n{clash.theirs}") else f"{clash.mine}\n{clash.theirs}"
        if kind in LISTS and isinstance(clash.mine, list) and isinstance(clash.theirs, list):
            return [*clash.mine, *(one for one in clash.theirs if one not in clash.mine)]
        return UNDECIDED
    if take == "value":
        return _in_form(clash, wish["value"])
    return clash.theirs if take == "source" else clash.mine


def _in_form(clash: Clash, value: Any) -> Any:
    """A value in the form of the clash's own: a whole field, or a row of it with all that a row has."""
    told = clash.mine if clash.mine is not None else clash.theirs
    if isinstance(told, list) != isinstance(value, list) and value is not None:
        return UNDECIDED
    return {**told, **value} if isinstance(told, dict) and isinstance(value, dict) and told.keys() >= value.keys() else value


def _fits(field: Field, value: Any) -> bool:
    """Whether a field can have a value; for lists of rows, one row will do, which need not tell everything."""
    whole = [value] if field.type == "rows" and isinstance(value, dict) else value
    if field.name == "name" and not value:
        return False
    try:
        checked(Kind("record", "records", "", "", (field,)), [{"id": "", field.name: whole}])
    except (ValueError, TypeError):
        return False
    return _well_formed(field, whole)


def _well_formed(field: Field, value: Any) -> bool:
    """What a type alone does not say: dates, times, references."""
    if value is None:
        return True
    if field.type == "rows":
        return all(_well_formed(inner, row[inner.name]) for row in value for inner in field.fields if inner.name in row)
    items = value if isinstance(value, list) else [value]
    if field.to:
        return all(re.fullmatch(rf"{field.to}:[0-9]{{1,18}}", one) for one in items)
    if field.type in ("time", "times"):
        return all(instant(one) is not None for one in items)
    if field.type == "image":
        return re.fullmatch("md5:[0-9a-f]{32}", value) is not None
    return field.type != "date" or _is_date(value)


def _is_date(text: str) -> bool:
    from datetime import date

    try:
        date.fromisoformat(text + "-01-01"[len(text) - 10 :] if len(text) in (4, 7) else text)
    except ValueError:
        return False
    return re.fullmatch(r"\d{4}(-\d\d){0,2}", text, re.ASCII) is not None


def _number(value: Any) -> int:
    text = str(value).rpartition(":")[2]
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadRequest(what=f"A decision names {str(value)[:40]!r}, which is no number of a record.")
    return int(text)
