"""Plans what becomes of settings: they have no numbers, and none is made or taken away.  What says where things lie is each machine's own."""

from __future__ import annotations

from stashport.change.merge import Change
from stashport.change.plan_file import PlanWriter
from stashport.change.setting_references import NOT_THERE, is_free, moved
from stashport.change.steps import UNCHANGED, UPDATE, Step
from stashport.change.translate import Lookup
from stashport.change.values import same
from stashport.change.wish import Made
from stashport.model.fields import SETTING
from stashport.model.reader import Reader
from stashport.model.records import Record
from stashport.model.settings import is_path

_WHY = "as in the source"


def plan_settings(source: Reader, target: Reader, made: Made, plan: PlanWriter, phase: int, lookup: Lookup) -> None:
    """Add a step for each setting that differs.

    lookup   gives the target's references for the source's, for settings that name records
    Errors: those of the readers and of the plan.
    """
    there: dict[str, Record] = {}
    for batch in target.batches(SETTING, SETTING.fields):
        there |= {record["id"]: record for record in batch.records}
    for batch in source.batches(SETTING, SETTING.fields):
        for record in batch.records:
            mine = there.get(record["id"])
            if mine is None and is_free(record["id"]):
                mine = {"id": record["id"], "value": None}
            if mine is None or is_path(record):
                made.skip(SETTING, "this Stash has no such setting" if mine is None else "paths are each machine's own")
                continue
            value, lost = moved(record["id"], record["value"], lookup)
            if lost:
                made.lose(SETTING, record["id"].partition(":")[2], NOT_THERE)
            if (lost and not value) or same(SETTING.by_name["value"], mine["value"], value):
                made.tally(SETTING, UNCHANGED)
                continue
            change = Change("value", mine["value"], value, _WHY)
            name = record["id"].partition(":")[2]
            told = {"id": record["id"], "value": value}
            plan.add(Step("setting", UPDATE, record["id"], record["id"], name, "name", _WHY, record=told, changes=(change,)), phase)
