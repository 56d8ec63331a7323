"""The settings of Stash's pages that name records: which filter a page opens with, and what stands on the front page.  In the target's numbers; pure."""

from __future__ import annotations

from typing import Any

from stashport.change.carried import carried
from stashport.change.paths import PathMap
from stashport.change.translate import Lookup
from stashport.model.fields import BY_NAME
from stashport.model.records import number_of
from stashport.model.settings import FREE_SECTIONS

NOT_THERE = "it names records that are not in this library (yet): restore the settings once more when they are"
_FILTER = BY_NAME["saved_filter"]


def is_free(identity: str) -> bool:
    """Whether a setting ("setting:ui.language") is one of those that are there only once somebody has set them."""
    return identity.partition(":")[2].partition(".")[0] in FREE_SECTIONS


def moved(identity: str, value: Any, lookup: Lookup) -> tuple[Any, bool]:
    """(the value in the target's numbers, whether part of it had to be left out).

    lookup   as translated takes it; what the plan still has to make counts as missing, since a setting is written as it stands here
    """
    there = _only_there(lookup)
    if identity == "setting:ui.defaultFilters" and isinstance(value, dict):
        kept = {view: found for view, one in value.items() if (found := _filter(view, one, there)) is not None}
        return kept, len(kept) < len(value)
    if identity == "setting:ui.frontPageContent" and isinstance(value, list):
        rows = [found for one in value if (found := _row(one, there)) is not None]
        return rows, len(rows) < len(value)
    return value, False


def _only_there(lookup: Lookup) -> Lookup:
    def found(reference: str) -> str | None:
        there = lookup(reference)
        return there if there is not None and number_of(there) > 0 else None

    return found


def _filter(view: str, one: Any, lookup: Lookup) -> Any:
    """A page's filter, which is written like a saved one."""
    if not isinstance(one, dict) or not isinstance(one.get("object_filter"), dict):
        return one
    told = {"id": "saved_filter:0", "mode": str(one.get("mode") or view).upper(), "object_filter": one["object_filter"]}
    record = carried(_FILTER, told, lookup, PathMap(())).record
    return None if record is None else {**one, "object_filter": record["object_filter"]}


def _row(one: Any, lookup: Lookup) -> Any:
    """A row of the front page: one that shows a saved filter names it by its number."""
    if not isinstance(one, dict) or not one.get("savedFilterId"):
        return one
    number = str(one["savedFilterId"])
    there = lookup(f"saved_filter:{number}") if number.isdigit() else None
    return None if there is None else {**one, "savedFilterId": number_of(there)}
