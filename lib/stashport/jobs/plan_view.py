"""What the panel asks about a plan: its steps, page by page, and what was decided about its conflicts.  Needs no server."""

from __future__ import annotations

import json
from typing import Any

from stashport.atomic import file_error, write_text
from stashport.change.decisions import Decisions
from stashport.change.merge_fields import Clash
from stashport.change.plan_file import NAME, Plan
from stashport.change.steps import Step
from stashport.errors import BadRequest
from stashport.jobs.decided import marked
from stashport.model.fields import BY_NAME
from stashport.runs.history import load
from stashport.runs.state import State

_DECISIONS = "decisions.json"
_MOST = 200
_LONGEST = 2000


def plan_page(given: dict[str, Any], state: State) -> dict[str, Any]:
    """{"run", "action", "kind", "after", "most"} -> {"steps": [...], "more": whether others follow}.  Errors: UnknownRun, PlanChanged, BadRequest."""
    run, most = str(given.get("run") or ""), min(_number(given.get("most"), 50), _MOST)
    told = load(state, run)["notes"].get("plan") or {}
    with Plan(state.run_folder(run) / told.get("file", NAME)) as plan:
        found = plan.shown(action=str(given.get("action") or ""), kind=str(given.get("kind") or ""), after=_number(given.get("after"), 0), most=most + 1)
    return {"steps": [_shown(number, step) for number, step in found[:most]], "more": len(found) > most}


def decisions(given: dict[str, Any], state: State) -> dict[str, Any]:
    """Keep decisions about a plan beside it, or tell those that are kept: {"run", "decisions"} -> {"decisions"}.  Errors: UnknownRun, BadRequest."""
    run = str(given.get("run") or "")
    load(state, run)
    path = state.run_folder(run) / _DECISIONS
    wish = given.get("decisions")
    if wish is not None:
        if not isinstance(wish, dict):
            raise BadRequest(what='"decisions" needs names with their values.')
        Decisions(wish)
        told = load(state, run)["notes"].get("plan")
        if told:
            with Plan(state.run_folder(run) / told["file"]) as plan:
                wish = marked(wish, plan)
        try:
            write_text(path, json.dumps(wish))
        except OSError as error:
            raise file_error(error, path) from error
    return {"decisions": kept_decisions(state, run)}


def kept_decisions(state: State, run: str) -> dict[str, Any]:
    """What was decided about a plan so far; {} for nothing.  Errors: UnknownRun; BadRequest when it cannot be read: then it must not count as nothing."""
    try:
        found = json.loads((state.run_folder(run) / _DECISIONS).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadRequest(what=f"What was decided about the plan of {run} cannot be read ({error}): decide again.") from error
    if not isinstance(found, dict):
        raise BadRequest(what=f"What was decided about the plan of {run} cannot be read: decide again.")
    return found


def _shown(number: int, step: Step) -> dict[str, Any]:
    fields = BY_NAME[step.kind].by_name
    parts: dict[str, int] = {}
    clashes = []
    for clash in step.clashes:
        part = parts.get(clash.field, 0)
        parts[clash.field] = part + 1
        clashes.append(_clash(clash, part, fields[clash.field].label))
    changes = [{"field": one.field, "label": fields[one.field].label, "before": _short(one.before), "after": _short(one.after), "reason": one.reason}
               for one in step.changes]
    told = {key: getattr(step, key) for key in ("kind", "action", "source", "target", "name", "tier", "reason")}
    record = None if step.candidates else _short(step.record)
    return {"number": number, **told, "record": record, "changes": changes, "clashes": clashes, "candidates": _candidates(step)}


def _candidates(step: Step) -> dict[str, list[dict[str, Any]]] | None:
    if step.candidates is None:
        return None
    names = step.record or {}
    return {side: [{"number": n, "name": names.get(side, {}).get(str(n), f"{step.kind} {n}")} for n in numbers]
            for side, numbers in zip(("source", "target"), step.candidates, strict=True)}


def _clash(clash: Clash, part: int, label: str) -> dict[str, Any]:
    values = {key: _short(getattr(clash, key)) for key in ("mine", "theirs", "base")}
    return {"field": clash.field, "label": label, "part": part, **values, "reason": clash.reason}


def _short(value: Any) -> Any:
    """A value as it is, unless it is very long: then its beginning as a text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value if len(text) <= _LONGEST else text[:_LONGEST] + " ..."


def _number(value: Any, usual: int) -> int:
    try:
        return max(0, int(value)) if value not in (None, "") else usual
    except (TypeError, ValueError) as error:
        raise BadRequest(what=f"{str(value)[:40]!r} is no number.") from error
