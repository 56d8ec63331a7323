"""From the fields of a record to the input of a mutation: what differs, in the server's names and spelling.  Pure but for the bytes of images.

Stash's rules: what is left out stays as it is, null clears, a list replaces; null where a value is needed breaks the whole call, so it is left out.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stashport.model.moments import instant
from stashport.model.records import Record, canonical
from stashport.model.table import Field, Kind
from stashport.stash.connection import Connection

ImageSource = Callable[[str], bytes | None]
_TYPES = """query StashPortInputs{__schema{types{kind name enumValues(includeDeprecated:true){name}
    inputFields{name type{kind name ofType{kind name ofType{kind name ofType{name}}}}}}}}"""
_NEEDED = ("name", "mode")
_BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


class Slot(NamedTuple):
    """A field of an input: the name of its type, and whether it must be there."""

    type: str
    needed: bool


@dataclass(frozen=True)
class InputTypes:
    """What the server's mutations take.  inputs: type -> field -> Slot; enums: type -> names."""

    inputs: dict[str, dict[str, Slot]]
    enums: dict[str, frozenset[str]]

    @classmethod
    def of(cls, connection: Connection) -> InputTypes:
        """Ask a server, in one query."""
        types = connection.query(_TYPES)["__schema"]["types"]
        inputs = {t["name"]: {f["name"]: _slot(f["type"]) for f in t["inputFields"]} for t in types if t["inputFields"]}
        return cls(inputs, {t["name"]: frozenset(v["name"] for v in t["enumValues"]) for t in types if t["enumValues"]})

    def trimmed(self, type_name: str, value: Any) -> Any:
        """A value without what this server's input does not know, at any depth."""
        if isinstance(value, list):
            return [self.trimmed(type_name, one) for one in value]
        known = self.inputs.get(type_name)
        if known is None or not isinstance(value, dict):
            return value
        return {key: self.trimmed(known[key].type, inner) for key, inner in value.items() if key in known}


@dataclass
class Item:
    """A record on its way to the server: what is there, what shall be, and what was said about it.

    refused    nothing of it was written, for the first of `reasons`; else reasons name single fields that were not
    """

    mine: Record
    wanted: Record
    id: str | None = None
    refused: bool = False
    reasons: list[str] = field(default_factory=list)

    @property
    def new(self) -> bool:
        """Whether it was made just now, so that nothing is there but what was sent."""
        return not self.mine

    @property
    def number(self) -> str:
        """The server's id: the "17" of scene:17."""
        return local(self.id or "")

    def refuse(self, reason: str) -> None:
        """Nothing of it is written."""
        self.refused = True
        self.reasons.insert(0, reason)

    def lacks(self, name: str, reason: str) -> None:
        """One field is not written, or not wholly."""
        if reason:
            self.reasons.append(f"{name}: {reason}")


def trimmed(text: str | None) -> str:
    """A text as Stash keeps it: what Go takes for blank is cut off at its ends."""
    return (text or "").strip(_BLANKS)


def local(identity: str) -> str:
    """The "17" of scene:17."""
    return identity.partition(":")[2]


def differs(of: Field, mine: Any, wanted: Any) -> bool:
    """Whether a field must be written for `mine` to become `wanted`, as far as Stash's API can do it."""
    if mine == wanted and of.type not in ("json", "map"):
        return False
    if of.type in ("json", "map"):
        return repr(canonical(mine or {})) != repr(canonical(wanted or {}))
    if of.type == "bool":
        return wanted is not None and bool(mine) != wanted
    if of.name == "stash_ids":
        return _other_ids(mine or [], wanted or [])
    return bool(_meaning(of, mine) != _meaning(of, wanted))


def marker_key(row: Record) -> Hashable:
    """What a marker is; Stash keeps the primary tag out of its tags."""
    tags = frozenset(row.get("tags") or ()) - {row.get("primary_tag")}
    return trimmed(row.get("title")), row.get("seconds"), row.get("end_seconds"), row.get("primary_tag"), tags


def chapter_key(row: Record) -> Hashable:
    """What a chapter is."""
    return row.get("title") or "", row.get("image_index")


def _meaning(of: Field, value: Any) -> Any:
    if of.type == "text":
        return trimmed(value)
    if of.type == "float" and of.name in ("resume_time", "play_duration"):
        return value or 0.0
    if of.type == "texts":
        texts = [trimmed(one) for one in value or ()]
        return texts if of.join is not None and of.join.order == "position" else sorted(texts)
    if of.type == "refs":
        first = value[:1] if value and of.join is not None and "primary" in of.join.order else []
        return first, frozenset(value or ())
    if of.type == "times":
        return Counter(seconds(value))
    if of.name == "scene_markers":
        return Counter(map(marker_key, value or ()))
    if of.name == "chapters":
        return Counter(map(chapter_key, value or ()))
    if of.type == "rows":
        rows = [tuple(_meaning(one, row.get(one.name)) for one in of.fields) for row in value or ()]
        return rows if not of.sort else Counter(rows)
    return value


def seconds(history: list[str] | None) -> list[str]:
    """Instants as Stash stores them: in UTC, to the second.  What is no time is left out."""
    found = (instant(text) for text in history or ())
    return [when.replace(microsecond=0, tzinfo=None).isoformat() + "Z" for when in found if when is not None]


def _other_ids(mine: list[Record], wanted: list[Record]) -> bool:
    here, there = ({(row["endpoint"], row["stash_id"]): seconds([row.get("updated_at") or ""]) for row in rows} for rows in (mine, wanted))
    return here.keys() != there.keys() or any(when and when != here[key] for key, when in there.items())


class Inputs:
    """Makes inputs for one server.  `image` gives the bytes for an md5, or None."""

    def __init__(self, types: InputTypes, image: ImageSource) -> None:
        self.types, self._image = types, image

    def main(self, kind: Kind, item: Item, type_name: str, fields: list[Field]) -> dict[str, Any]:
        """The input that makes or changes a record, with these of its fields.  Says in the item what cannot be; refuses it where all of it cannot."""
        slots = self.types.inputs.get(type_name, {})
        made: dict[str, Any] = {"id": item.number} if item.id and "id" in slots else {}
        for of in fields:
            value = item.wanted[of.name]
            if value is None and (of.type == "bool" or of.name in _NEEDED):
                continue
            slot = slots[of.write]
            enum = self.types.enums.get(slot.type)
            if enum and value is not None and value not in enum:
                item.refuse(f'Stash knows no {of.label.lower()} "{value}"')
                continue
            if of.type == "image":
                uri = self._uri(of, item)
                if uri != "":
                    made[of.write] = uri
                continue
            if of.name == "custom_fields" and (bad := _unsendable(value)):
                item.lacks(of.name, f'the number of "{bad}" would be stored as 0, as Stash reads numbers like 1e+22')
                continue
            if _broken(value):
                item.lacks(of.name, "it holds bytes that are no text, which are replaced")
            if kind.name == "gallery" and of.name == "title":
                value = value or ""  # null would be taken for nothing said
            made[of.write] = {"full": value or {}} if slot.type == "CustomFieldsInput" else sendable(of, value)
        for name, slot in slots.items():
            if slot.needed and made.get(name) is None and not item.refused:
                item.refuse(f"Stash takes no {kind.name.replace('_', ' ')} without a {name.replace('_', ' ')}")
        return made

    def _uri(self, of: Field, item: Item) -> str | None:
        value = item.wanted[of.name]
        if value is None:
            if of.name == "cover_image":
                item.lacks(of.name, "Stash replaces the cover of a scene, but does not take it away")
                return ""
            return None
        data = self._image(local(value))
        if not data:
            item.lacks(of.name, "the picture's bytes are not there")
            return ""
        return "data:image/any;base64," + base64.b64encode(data).decode()


def sendable(of: Field, value: Any) -> Any:
    """A value as the server's inputs take it: numbers for references, the inputs' names in rows."""
    if of.type == "ref":
        return local(value) if value else None
    if of.type == "refs":
        return [local(one) for one in value or ()]
    if of.type == "rows":
        rows = [{one.write: sendable(one, row.get(one.name)) for one in of.fields} for row in value or ()]
        return [{key: inner for key, inner in row.items() if not (key == "updated_at" and inner is None)} for row in rows]
    if of.type in ("texts", "map"):
        return value or ([] if of.type == "texts" else {})
    if of.type == "float" and of.name == "play_duration":
        return value or 0.0
    return value


def _slot(told: dict[str, Any]) -> Slot:
    needed = told["kind"] == "NON_NULL"
    while told.get("ofType"):
        told = told["ofType"]
    return Slot(str(told["name"]), needed)


def _unsendable(fields: dict[str, Any] | None) -> str:
    """The first custom field with a number that has an exponent and no point: Stash takes such a one for a whole number, and that for 0."""
    return next((key for key, value in (fields or {}).items() if isinstance(value, float) and "e" in repr(value) and "." not in repr(value)), "")


def _broken(value: Any) -> bool:
    if isinstance(value, str):
        return any("\ud800" <= sign <= "\udfff" for sign in value)
    if isinstance(value, dict):
        return any(map(_broken, value.values()))
    return isinstance(value, list) and any(map(_broken, value))
