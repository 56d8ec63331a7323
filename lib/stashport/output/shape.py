"""Whether records have the shape that the table of fields gives them: no field that it does not know, and in each a value of its type."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from stashport.model.records import Record
from stashport.model.table import Field, Kind

_NONE = type(None)
_SCALARS: dict[str, frozenset[type]] = {
    **dict.fromkeys(("text", "date", "time", "ref", "image"), frozenset({str, _NONE})),
    "int": frozenset({int, _NONE}), "float": frozenset({float, int, _NONE}), "bool": frozenset({bool, _NONE}),
}
_LIST, _MAP, _TEXT = frozenset({list, _NONE}), frozenset({dict, _NONE}), frozenset({str})


def misshapen(kind: Kind, records: Collection[Record]) -> str:
    """What is wrong with the first of some records, for people; "" when nothing is.  Looks at whole columns: it must not cost more than reading."""
    if not set(map(type, records)) <= {dict}:
        return f"among its {kind.plural} is something that is no record"
    return next(_wrong(kind.plural, ("id", *kind.by_name), kind.fields, records), "")


def _wrong(where: str, known: Iterable[str], fields: tuple[Field, ...], rows: Collection[dict[str, Any]]) -> Iterator[str]:
    if strange := set(itertools.chain.from_iterable(rows)).difference(known):
        yield f"its {where} have a field {min(strange)!r}, which is not known here"
    for one in fields:
        if one.type == "json":
            continue
        name = f"{where}.{one.name}"
        column = [row.get(one.name) for row in rows]
        allowed = _SCALARS.get(one.type) or (_MAP if one.type == "map" else _LIST)
        if strange_types := set(map(type, column)) - allowed:
            yield f"{name} is a {min(t.__name__ for t in strange_types)} somewhere, where {one.type} is meant"
            return
        if one.type in ("texts", "times", "refs", "rows"):
            items = list(itertools.chain.from_iterable(filter(None, column)))
            if one.type != "rows":
                if set(map(type, items)) - _TEXT:
                    yield f"{name} holds something that is no text"
            elif set(map(type, items)) - {dict}:
                yield f"{name} holds something that is no row"
            elif items:
                yield from _wrong(name, (f.name for f in one.fields), one.fields, items)
