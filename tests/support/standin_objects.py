"""Records turned back into the objects of Stash's API, by way of the table of fields."""

from __future__ import annotations

from typing import Any

from stashport.model.fields import KINDS
from stashport.model.records import Record, number_of
from stashport.model.settings import FREE_SECTIONS
from stashport.model.table import Field, Kind

from support.miniature import Records
from support.standin_graphql import Failed, Schema, innermost

_TYPENAMES = {"video": "VideoFile", "image": "ImageFile", "file": "BasicFile"}
_ADDRESSES = {
    "tag.image": "tag/{}/image", "studio.image": "studio/{}/image", "performer.image": "performer/{}/image", "group.front_image": "group/{}/frontimage",
    "group.back_image": "group/{}/backimage", "scene.cover_image": "scene/{}/screenshot",
}
_ALWAYS, _NEVER = {"scene.cover_image"}, {"group.back_image"}
"""Images whose address does not say that there is none: it is always told, or it is null."""


class Objects:
    """The objects of a library, made when asked for, so that a test may change `records` meanwhile."""

    def __init__(self, records: Records, schema: Schema) -> None:
        self.records, self.schema = records, schema
        self.by_query = {kind.find: kind for kind in KINDS if kind.find}

    def pictures(self) -> dict[str, str]:
        """The checksum of the image behind each address (its path)."""
        return {
            "/" + _ADDRESSES[f"{kind.name}.{f.name}"].format(number_of(record["id"])): record[f.name][4:]
            for kind in KINDS for f in kind.fields if f.type == "image" for record in self.records.get(kind.name, ()) if record.get(f.name)
        }

    def find(self, kind: Kind, arguments: dict[str, Any], base: str) -> Any:
        """What a find query answers."""
        records = list(self.records.get(kind.name, ()))
        if not kind.listing:
            return [self._object(kind, record, base) for record in records]
        arguments = {key: value for key, value in arguments.items() if value is not None}
        paging = {"page": 1, "per_page": 25, "sort": "id", "direction": "ASC", **arguments.pop("filter", {})}
        if unknown := set(paging) - {"page", "per_page", "sort", "direction"}:
            raise Failed(f"the stand-in knows no paging by {unknown}")
        if "ids" in arguments:
            records = self._by_ids(kind, records, arguments.pop("ids"))
        else:
            records.sort(key=lambda record: number_of(record["id"]), reverse=paging["direction"] == "DESC")
        for name, criteria in arguments.items():
            if name != kind.keyset:
                raise Failed(f"the stand-in knows no argument {name}")
            records = [record for record in records if _passes(criteria, record)]
        if paging["sort"] != "id":
            raise Failed(f"invalid sort: {paging['sort']}")
        count, size = len(records), paging["per_page"]
        if size >= 0:
            start = (max(1, paging["page"]) - 1) * size
            records = records[start : start + size]
        return {"count": count, kind.listing: [self._object(kind, record, base) for record in records]}

    def _by_ids(self, kind: Kind, records: list[Record], ids: list[str]) -> list[Record]:
        by_number = {number_of(record["id"]): record for record in records}
        seen: set[str] = set()
        for one in ids:
            if one in seen:
                raise Failed(f"validating ids: duplicate id found: {one}")
            seen.add(one)
            if int(one) not in by_number:
                raise Failed(f"{kind.name} with id {one} not found")
        return [by_number[int(one)] for one in ids]

    def _object(self, kind: Kind, record: Record, base: str) -> dict[str, Any]:
        told = self._fields(kind.fields, record)
        told |= {"id": str(number_of(record["id"])), "__typename": _TYPENAMES[record["type"]] if "type" in record else kind.type}
        for f in kind.fields:
            if f.type == "image":
                outer, _, inner = f.selection.rstrip("}").partition("{")
                address = self._address(f"{kind.name}.{f.name}", record, base, has=bool(record.get(f.name)))
                told[outer] = {inner: address} if inner else address
        return told

    def _address(self, name: str, record: Record, base: str, *, has: bool) -> str | None:
        if not has and name in _NEVER:
            return None
        suffix = "" if has or name in _ALWAYS else "&default=true"
        return f"{base}/{_ADDRESSES[name].format(number_of(record['id']))}?t=1700000000{suffix}"

    def _fields(self, fields: tuple[Field, ...], record: Record) -> dict[str, Any]:
        told: dict[str, Any] = {"__typename": ""}
        for f in fields:
            if f.selection and f.type != "image" and f.name in record:
                name = f.name if f.selection.startswith("...") else f.server_name
                told[name] = self._value(f, record[f.name])
        return told

    def _value(self, field: Field, value: Any) -> Any:
        if value is None:
            return "" if field.type == "text" else None
        if field.type == "ref":
            return self._reference(value)
        if field.type == "refs":
            return [self._reference(one) for one in value]
        if field.name == "find_filter":
            return {"q": None, "page": None, "per_page": None, "sort": None, "direction": None, **value}
        if field.type != "rows":
            return value
        rows = [{**self._fields(field.fields, row), "id": str(number)} for number, row in enumerate(value, 1)]
        if field.name == "fingerprints":  # the server makes a map of them by their type
            return [row for row in rows if row["type"] != "phash"] + [row for row in rows if row["type"] == "phash"][:1]
        return rows

    def _reference(self, identity: str) -> dict[str, Any]:
        kind, number = identity.split(":")
        typename = ""
        if kind == "file":
            found = next((record for record in self.records.get("file", ()) if record["id"] == identity), {"type": "video"})
            typename = _TYPENAMES[found["type"]]
        return {"id": number, "__typename": typename}

    def configuration(self, told: dict[str, Any]) -> dict[str, Any]:
        """Every setting, each with some value of its type; `told` are those whose value matters."""
        found = {name: self._of_type(sort) for name, sort in self.schema["ConfigResult"].items() if name not in FREE_SECTIONS}
        for section, values in {"ui": {}, "plugins": {}, **told}.items():
            found[section] = {**found.get(section, {}), **values}
        return found

    def _of_type(self, told: str) -> Any:
        name = innermost(told)
        if told.startswith("["):
            return [self._of_type(name)]
        if name in self.schema:
            return {key: self._of_type(sort) for key, sort in self.schema[name].items()}
        return {"Int": 1, "Float": 0.5, "Boolean": True}.get(name, "a text")


def _passes(criteria: dict[str, Any], record: Record) -> bool:
    if set(criteria) == {"is_missing"} and criteria["is_missing"] == "cover":
        return not record.get("cover_image")
    if set(criteria) == {"id"} and criteria["id"]["modifier"] == "GREATER_THAN":
        return number_of(record["id"]) > criteria["id"]["value"]
    raise Failed(f"the stand-in knows no filter {criteria}")
