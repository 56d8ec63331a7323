"""Whether records have the shape that the table of fields gives them: no field that it does not know, and in each a value of its type.

Records are looked at by columns, many at a time: that must not cost more than reading them.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from stashport.model.records import Record
from stashport.model.table import Field, Kind

Columns = dict[str, Sequence[Any]]
_NONE = type(None)
_SCALARS: dict[str, frozenset[type]] = {
    **dict.fromkeys(("text", "date", "time", "ref", "image"), frozenset({str, _NONE})),
    "int": frozenset({int, _NONE}), "float": frozenset({float, int, _NONE}), "bool": frozenset({bool, _NONE}),
}
_LIST, _MAP, _TEXT = frozenset({list, _NONE}), frozenset({dict, _NONE}), frozenset({str})


def columns(rows: Collection[Record]) -> Columns:
    """The values of some records by field; None where one has no such field.  Records of one export have the same fields, which is quick."""
    shapes = set(map(tuple, rows))
    if len(shapes) == 1:
        return dict(zip(shapes.pop(), zip(*map(dict.values, rows), strict=True), strict=True))
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(itertools.chain.from_iterable(shapes))}


def gathered(column: Sequence[Any]) -> list[Any]:
    """The items of a column of lists, all together."""
    return list(itertools.chain.from_iterable(filter(None, column)))


def checked(kind: Kind, records: Collection[Record]) -> Columns:
    """The columns of some records.  Errors: ValueError with what is wrong with them, for people."""
    if not set(map(type, records)) <= {dict}:
        raise ValueError(f"among its {kind.plural} is something that is no record")
    found = columns(records)
    if set(map(type, found.get("id", [None]))) != {str}:
        raise ValueError(f"among its {kind.plural} is a record without an id")
    if wrong := next(_wrong(kind.plural, kind.fields, {name: column for name, column in found.items() if name != "id"}), ""):
        raise ValueError(wrong)
    return found


def _wrong(where: str, fields: tuple[Field, ...], found: Columns) -> Iterator[str]:
    by_name = {f.name: f for f in fields}
    for name, column in found.items():
        one = by_name.get(name)
        if one is None:
            yield f"its {where} have a field {name!r}, which is not known here"
            return
        if one.type == "json":
            continue
        allowed = _SCALARS.get(one.type) or (_MAP if one.type == "map" else _LIST)
        if strange := set(map(type, column)) - allowed:
            yield f"{where}.{name} is a {min(t.__name__ for t in strange)} somewhere, where {one.type} is meant"
            return
        if one.type in ("texts", "times", "refs", "rows"):
            yield from _wrong_items(f"{where}.{name}", one, gathered(column))


def _wrong_items(where: str, one: Field, items: list[Any]) -> Iterator[str]:
    types = set(map(type, items))
    if one.type != "rows":
        if types - _TEXT:
            yield f"{where} holds something that is no text"
    elif types - {dict}:
        yield f"{where} holds something that is no row"
    elif items:
        yield from _wrong(where, one.fields, columns(items))
