"""Decisions once they are made: what exactly each was about, and what has become of those that were carried out, so that none is carried out twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stashport.change.decisions import mark_of
from stashport.change.journal import NAME, Journal
from stashport.change.plan_file import Plan
from stashport.change.steps import CONFLICT
from stashport.errors import NotResumable
from stashport.model.fields import BY_NAME
from stashport.runs.history import list_runs
from stashport.runs.state import State


def marked(decisions: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """Decisions about single clashes, each with a mark of what it was about: parts are counted anew in every plan, and values change."""
    waiting = {_about(one): one for one in decisions.get("fields", ()) if one.get("part") is not None and "mark" not in one}
    if not waiting:
        return decisions
    marks: dict[tuple[str, int, str, int], str] = {}
    for step in plan.steps(CONFLICT):
        parts: dict[str, int] = {}
        for clash in step.clashes:
            part = parts.get(clash.field, 0)
            parts[clash.field] = part + 1
            about = step.kind, int(step.source.rpartition(":")[2]), clash.field, part
            if about in waiting:
                marks[about] = mark_of(clash)
    told = [{**one, "mark": marks[_about(one)]} if "mark" not in one and _about(one) in marks else one for one in decisions["fields"]]
    return {**decisions, "fields": told}


def settled(decisions: dict[str, Any], state: State, run: str) -> dict[str, Any]:
    """Decisions for a plan that is made again: what was said to be new, and was made since by runs that wrote this plan, is that record now."""
    new = [one for one in decisions.get("new", ()) if isinstance(one, dict)]
    pairs = list(decisions.get("pairs", ()))
    left = []
    for one in new:
        made = next((number for journal in _journals(state, run) if (number := _made(journal, one)) is not None), None)
        if made is None:
            left.append(one)
        else:
            pairs.append({"kind": one["kind"], "source": one["source"], "target": made})
    return {**decisions, "new": left, "pairs": pairs} if len(left) < len(new) else decisions


def carried_out(decisions: dict[str, Any], state: State, run: str) -> dict[str, Any]:
    """What of decisions still means something once they were carried out: which record is which."""
    told = settled(decisions, state, run)
    return {name: told[name] for name in ("pairs", "leave") if told.get(name)}


def written_by(state: State, run: str) -> str:
    """The run that has written a plan already, in whole or in part; "" where none has."""
    records = list_runs(state, 200)
    return next((one["run"] for one in records if one["notes"].get("plan_of") == run and (one["notes"].get("journal") or one["notes"].get("bulk"))), "")


def _journals(state: State, run: str) -> Iterator[Path]:
    """The journals of a run, of those that wrote its plan, and of those that went on with these."""
    family = {run}
    records = list_runs(state, 200)
    for record in reversed(records):
        if {record["notes"].get("plan_of"), record["notes"].get("resumes")} & family:
            family.add(record["run"])
    yield from (path for one in family if (path := state.run_folder(one) / NAME).is_file())


def _made(path: Path, one: dict[str, Any]) -> int | None:
    try:
        with Journal(path, reading=True) as journal:
            return journal.made(one["kind"] if one["kind"] in BY_NAME else "", int(str(one["source"]).rpartition(":")[2]))
    except NotResumable:
        return None


def _about(one: dict[str, Any]) -> tuple[str, int, str, int]:
    return str(one["kind"]), int(str(one["source"]).rpartition(":")[2]), str(one["field"]), int(one["part"]) if one.get("part") is not None else -1
