"""A record of the source in the target's words, with what of it does not come over.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from stashport.change.births import SCANNED
from stashport.change.paths import PathMap
from stashport.change.translate import Lookup, translated
from stashport.errors import BadFilter
from stashport.model.records import Record, reference_fields, references
from stashport.model.saved_filters import convert, named
from stashport.model.table import Kind

GONE = "what it refers to is not in this library"
_LOST = "what it filters by is not in this library"
_UNKNOWN = "it filters by something that this version of Stash Port does not know, and names records there that may have other numbers here"
_ODD = (BadFilter, KeyError, TypeError, ValueError, AttributeError)  # criteria, or a mode, of some other make


class Carried(NamedTuple):
    """`record` is None for a saved filter that would choose other things there: `reason` says why.  `lost`: fields that refer to what is not there."""

    record: Record | None
    reason: str = ""
    lost: tuple[str, ...] = ()


def carried(kind: Kind, record: Record, lookup: Lookup, paths: PathMap) -> Carried:
    """A record with the target's references and paths; `lookup` as translated takes it."""
    if kind.name == "saved_filter" and record.get("object_filter"):
        return _filter(kind, record, lookup)
    theirs, unknown = translated(kind, record, lookup)
    lost: tuple[str, ...] = ()
    if unknown:
        gone = set(unknown)
        lost = tuple(f.name for f in reference_fields(kind.fields) if any(one in gone for _, one in references(record, [f])))
    if theirs.get("scene_markers"):  # a marker is nothing without its primary tag
        theirs["scene_markers"] = [row for row in theirs["scene_markers"] if row.get("primary_tag") or "primary_tag" not in row]
    if kind.name in SCANNED and theirs.get("path"):
        theirs["path"] = paths.apply(theirs["path"])[0]
    return Carried(theirs, lost=lost)


def _filter(kind: Kind, record: Record, lookup: Lookup) -> Carried:
    """What a filter leaves out and is not there either, it need not name; without what it asks for it would choose other things."""
    criteria, plural = record["object_filter"], str(record.get("mode")).lower()
    try:
        wanted = [f"{one.kind}:{one.number}" for one in named(plural, convert(plural, criteria), criteria) if not one.excluded]
    except _ODD:
        return Carried(None, _UNKNOWN) if any(_ids(criteria)) else Carried(record)
    if any(lookup(one) is None for one in wanted):
        return Carried(None, _LOST)
    theirs, _ = translated(kind, record, lookup)
    theirs["object_filter"] = {name: one for name, one in theirs["object_filter"].items() if any(_ids(one)) or not any(_ids(criteria[name]))}
    return Carried(theirs)


def _ids(value: Any) -> Iterator[str]:
    """Everything that looks like the number of a record; none of them is empty."""
    if isinstance(value, dict):
        if value.get("id"):
            yield str(value["id"])
        for inner in value.values():
            yield from _ids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _ids(inner)
