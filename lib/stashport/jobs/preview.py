"""What an export would hold, before it is made: counts with filters, and a few records as they would leave.  Writes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from stashport.jobs.context import Context
from stashport.jobs.export import choose
from stashport.jobs.export_config import ExportConfig
from stashport.model.records import IdSet, number_of
from stashport.model.table import Kind
from stashport.output.selection import Selection
from stashport.stash.source import Opened, open_source

MOST = 20
_LONGEST = 200


def count(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """{counts: by plural name, remarks}."""
    with open_source(context.source()) as opened:
        selection = choose(ExportConfig.parse(given), opened)
        return {"counts": {kind.plural: _number(opened, selection, kind) for kind in selection.kinds}, "remarks": opened.remarks}


def preview(given: dict[str, Any], context: Context, limit: int = 3) -> dict[str, Any]:
    """{records: [{kind, before, after}], notes}: a few records as they are, and as they would leave."""
    config = ExportConfig.parse(given)
    with open_source(context.source()) as opened:
        selection = choose(config, opened)
        kinds = sorted(selection.kinds, key=lambda kind: _INTERESTING.get(kind.name, 9))
        limit = max(1, min(limit, MOST))
        each = -(-limit // min(limit, len(kinds)))
        records: list[dict[str, Any]] = []
        for kind in itertools.islice(kinds, limit):
            only = _first(opened, selection, kind, each)
            if not len(only):
                continue
            fields = selection.fields[kind.name]
            told = tuple(f for f in opened.reader.fields(kind) if f.type != "image")
            before = next(iter(opened.reader.batches(kind, told, only))).records
            after = selection.trim(kind)(next(iter(opened.reader.batches(kind, fields, only))))
            change = config.privacy.change(kind, fields)
            left = (change(after) if change else after).records
            records += [{"kind": kind.plural, "before": _short(one), "after": _short(two)} for one, two in zip(before, left, strict=True)]
        return {"records": records[:limit], "notes": [config.privacy.header()["means"], *opened.remarks]}


_INTERESTING = {"scene": 0, "performer": 1, "image": 2, "gallery": 3, "studio": 4, "tag": 5}


def _number(opened: Opened, selection: Selection, kind: Kind) -> int:
    ids = selection.ids[kind.name]
    return opened.reader.count(kind) if ids is None else len(ids)


def _first(opened: Opened, selection: Selection, kind: Kind, number: int) -> IdSet:
    """The first few records that would be exported."""
    found = IdSet()
    ids: Iterable[int] | None = selection.ids[kind.name]
    if ids is None and kind.table:
        batch = next(iter(opened.reader.batches(kind, ())), None)
        ids = (number_of(record["id"]) for record in batch.records) if batch else None
    found.add_all(itertools.islice(ids or (), number))
    return found


def _short(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value[:_LONGEST] + "..." if isinstance(value, str) and len(value) > _LONGEST else value for key, value in record.items()}
