"""Records in the references of another library: what is not translated does not come through, so that no number is ever taken for another one's.  Pure."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from stashport.model.records import Record, keep_references, number_of, reference_fields, references
from stashport.model.saved_filters import convert, named
from stashport.model.table import Field, Kind

Lookup = Callable[[str], str | None]


def translated(kind: Kind, record: Record, lookup: Lookup) -> tuple[Record, list[str]]:
    """(a copy of a record with the target's references, the references that the target has no counterpart for, each once).

    `lookup` gives the target's reference ("tag:17") for one of the record's own ("tag:5"), or None.  What is unknown is left out of the copy, and so are
    rows that are about it; a saved filter's criteria are translated too.  The record's own id stays.  Errors: BadFilter for criteria that are not known.
    """
    fields = reference_fields(kind.fields)
    known = {one: lookup(one) for _, one in references(record, fields)}
    result: Record = {**record, **{field.name: copy.deepcopy(record[field.name]) for field in fields if field.name in record}}
    keep_references(result, fields, lambda _, one: known[one] is not None)
    _rename(result, fields, known)
    if kind.name == "saved_filter" and record.get("object_filter"):
        result["object_filter"] = _filter(str(record.get("mode")).lower(), record["object_filter"], lookup, known)
    return result, [one for one, new in known.items() if new is None]


def _rename(record: Record, fields: list[Field], known: dict[str, str | None]) -> None:
    for field in fields:
        value = record.get(field.name)
        if not value:
            continue
        if field.type == "ref":
            record[field.name] = known[value]
        elif field.type == "refs":
            record[field.name] = list(dict.fromkeys(known[one] for one in value))
        else:
            for row in value:
                _rename(row, reference_fields(field.fields), known)


def _filter(plural: str, object_filter: dict[str, Any], lookup: Lookup, known: dict[str, str | None]) -> dict[str, Any]:
    result = {}
    for name, criterion in object_filter.items():
        kinds = {one.kind for one in named(plural, convert(plural, {name: criterion}), {name: criterion})}
        result[name] = _criterion(criterion, kinds.pop(), lookup, known) if kinds else criterion
    return result


def _criterion(value: Any, kind: str, lookup: Lookup, known: dict[str, str | None]) -> Any:
    if isinstance(value, list):
        return [one for one in (_criterion(one, kind, lookup, known) for one in value) if one is not None]
    if not isinstance(value, dict):
        return value
    if "id" not in value:
        return {name: _criterion(inner, kind, lookup, known) for name, inner in value.items()}
    new = known.setdefault(one := f"{kind}:{value['id']}", lookup(one))
    return {**value, "id": str(number_of(new))} if new is not None else None
