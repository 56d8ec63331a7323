"""Plans in tests: made from libraries that stand in dicts, and carried out on such a library without any server."""

from __future__ import annotations

import copy
import itertools
import re
from contextlib import closing
from pathlib import Path
from typing import Any

from stashport.change.decisions import Decisions
from stashport.change.match import match
from stashport.change.plan_file import Plan, PlanWriter
from stashport.change.planning import Planner
from stashport.change.steps import CREATE
from stashport.change.values import same
from stashport.change.wish import Wish
from stashport.model.fields import BY_NAME, KINDS
from stashport.model.records import Record, keep_references, number_of, reference_fields, references

from support.records import ListReader

Library = dict[str, list[Record]]
_EMPTY: dict[str, Any] = {"texts": [], "times": [], "refs": [], "rows": [], "map": {}, "bool": False}
_BEFORE = 1000  # numbers up to here were given away before, and a Stash uses none again
_NEW = re.compile(r"[a-z_]+:-\d+")
_numbers = itertools.count()


def full(kind: str, **values: Any) -> Record:
    """A record with all fields that a database tells, empty but for these."""
    return {"id": "", **{f.name: copy.deepcopy(_EMPTY.get(f.type)) for f in BY_NAME[kind].fields if f.in_database}, **values}


def small(**records: list[dict[str, Any]]) -> Library:
    """A library of whole records, numbered from 1 within each kind unless they tell their id."""
    return {kind.name: [full(kind.name, **{"id": f"{kind.name}:{number}", **one}) for number, one in enumerate(records.get(kind.name, ()), 1)]
            for kind in KINDS if kind.table}


def reader(library: Library) -> ListReader:
    """A source that tells of all kinds, and of each what a database tells."""
    return ListReader({kind.name: (tuple(f for f in kind.fields if f.in_database), library.get(kind.name, [])) for kind in KINDS if kind.table}, size=3)


def planned(source: Any, target: Any, folder: Path, *, decisions: dict[str, Any] | None = None, same: bool = False, **wish: Any) -> Plan:
    """The plan that takes one library into another; both as readers or as dicts.  What is wished stands by its name in Wish."""
    a, b = (reader(one) if isinstance(one, dict) else one for one in (source, target))
    path, wanted = folder / f"plan-{next(_numbers)}.sqlite", Wish(**wish)
    with closing(match(a, b, paths=wanted.paths, same=same)) as matches, PlanWriter(path) as plan:
        made = Planner(a, b, matches, wanted, Decisions(decisions), plan).make(lambda *_: None)
        sha256 = plan.finish(made.facts())
    return Plan(path, sha256)


def steps(plan: Plan, *, action: str = "", kind: str = "") -> list[Any]:
    """The steps of a plan, in the order in which they were planned."""
    return [step for _, step in plan.shown(action=action, kind=kind, most=100_000)]


def applied(plan: Plan, library: Library) -> Library:
    """What becomes of a library when a plan is carried out, as strictly as a Stash would: every reference must lead somewhere, and every name be free."""
    found = copy.deepcopy(library)
    made: dict[str, str] = {}

    def resolved(value: Any) -> Any:
        if isinstance(value, str) and _NEW.fullmatch(value):
            return made[value]  # a KeyError: it is not there yet
        if isinstance(value, list):
            return [resolved(one) for one in value]
        if isinstance(value, dict):
            return {name: resolved(one) for name, one in value.items()}
        return value

    # Files lie in folders, and folders in zip files: one import makes them together.
    highest = {name: max((number_of(one["id"]) for one in found[name]), default=_BEFORE) for name in ("folder", "file")}
    for _, step in plan.applied():
        if step.kind in highest:
            highest[step.kind] += 1
            made[step.target] = f"{step.kind}:{highest[step.kind]}"
    for _, step in plan.applied():
        kind, records = BY_NAME[step.kind], found[step.kind]
        if step.action == CREATE:
            identity = made[step.target] = made.get(step.target) or f"{step.kind}:{max(_BEFORE, *(number_of(one['id']) for one in records), 0) + 1}"
            records.append({**full(step.kind), **resolved(step.record), "id": identity})
        else:
            target = made.get(step.target, step.target)
            [record] = [one for one in records if one["id"] == target]
            for change in step.changes:
                assert step.target in made or same(kind.by_name[change.field], record[change.field], change.before), (step, record[change.field])
                record[change.field] = resolved(change.after)
        if step.kind not in highest:
            check(found, kind.name)
    for name in highest:
        check(found, name)
    return found


def check(library: Library, name: str) -> None:
    """What a Stash holds of a kind: references to what is there, and names of tags and studios once."""
    kind = BY_NAME[name]
    there = {record["id"] for records in library.values() for record in records}
    for record in library[name]:
        assert {one for _, one in references(record, reference_fields(kind.fields))} <= there, record
    if name in ("tag", "studio"):
        owners: dict[str, str] = {}
        for record in library[name]:
            for text in (record["name"], *record["aliases"]):
                low = re.sub("[A-Z]", lambda found: found[0].lower(), text.strip())
                assert owners.setdefault(low, record["id"]) == record["id"], f"{text!r} is taken"


def without(library: Library, identity: str) -> Library:
    """A library without a record, and without what refers to it."""
    found = copy.deepcopy(library)
    for name, records in found.items():
        found[name] = [record for record in records if record["id"] != identity]
        for record in found[name]:
            keep_references(record, reference_fields(BY_NAME[name].fields), lambda _, one: one != identity)
            if "scene_markers" in record:
                record["scene_markers"] = [row for row in record["scene_markers"] if row["primary_tag"]]
    return found
