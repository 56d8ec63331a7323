"""What the panel asks about a plan: pages of it in a form that it can show, and decisions that are kept beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stashport.change.merge import Change
from stashport.change.merge_fields import Clash
from stashport.change.plan_file import NAME, PlanWriter
from stashport.change.steps import CONFLICT, CREATE, SKIP, UPDATE, Step
from stashport.errors import BadRequest, PlanChanged, UnknownRun
from stashport.jobs.plan_view import decisions, kept_decisions, plan_page
from stashport.runs.record import Run
from stashport.runs.state import State

STEPS = [
    Step("scene", CREATE, "scene:1", "scene:-1", "new", record={"id": "scene:-1", "title": "t", "details": "x" * 5000}),
    Step("scene", UPDATE, "scene:2", "scene:7", "changed", "checksum", "why", changes=(Change("rating100", 20, 40, "was empty"),)),
    Step("scene", CONFLICT, "scene:3", "scene:8", clashes=(Clash("scene_markers", {"title": "a"}, {"title": "b"}, None, "differs"), Clash("title", "a", "b", "c", "x"),
                                                          Clash("scene_markers", {"title": "c"}, {"title": "d"}, None, "differs"))),
    Step("performer", CONFLICT, "performer:4", candidates=((4, 5), (6,)), reason="The same name"), *(Step("tag", SKIP, f"tag:{n}") for n in range(300)),
]  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A state folder."""
    return State(tmp_path / "state")


@pytest.fixture
def run(state: State) -> str:
    """A run that made a plan."""
    with Run.start(state, "restore", config={}, version="1") as found:
        with PlanWriter(found.folder / NAME) as plan:
            for step in STEPS:
                plan.add(step)
            sha256 = plan.finish({})
        found.note("plan", {"file": NAME, "sha256": sha256})
    return found.id


def test_pages(state: State, run: str) -> None:
    """Pages follow each other until there are no more; no page is longer than 200 steps; an answer is JSON."""
    first = plan_page({"run": run, "most": 3}, state)
    assert [one["number"] for one in first["steps"]] == [1, 2, 3]
    assert first["more"]
    rest = plan_page({"run": run, "most": "1000", "after": 3}, state)
    assert (len(rest["steps"]), rest["more"]) == (200, True)
    last = plan_page({"run": run, "action": SKIP, "kind": "tag", "after": rest["steps"][-1]["number"], "most": 200}, state)
    assert (len(last["steps"]), last["more"]) == (101, False)
    assert len(plan_page({"run": run}, state)["steps"]) == 50
    assert json.loads(json.dumps(last)) == last


def test_what_is_shown_of_a_step(state: State, run: str) -> None:
    """Fields with their labels and both values, clashes with the part by which they are decided, candidates; what is very long is cut."""
    new, changed, clashing, ambiguous = plan_page({"run": run, "most": 4}, state)["steps"]
    assert (new["target"], len(new["record"]) < 2100) == ("scene:-1", True)
    assert changed["changes"] == [{"field": "rating100", "label": "Rating", "before": 20, "after": 40, "reason": "was empty"}]
    assert (changed["tier"], changed["reason"], changed["record"]) == ("checksum", "why", None)
    assert [(one["field"], one["part"]) for one in clashing["clashes"]] == [("scene_markers", 0), ("title", 0), ("scene_markers", 1)]
    assert clashing["clashes"][1] | {"label": ""} == {"field": "title", "label": "", "part": 0, "mine": "a", "theirs": "b", "base": "c", "reason": "x"}
    assert [[one["number"] for one in ambiguous["candidates"][side]] for side in ("source", "target")] == [[4, 5], [6]]
    assert ambiguous["candidates"]["target"][0]["name"].endswith(" 6")


@pytest.mark.parametrize("given", [{"most": "many"}, {"after": []}, {"action": "explode"}])
def test_what_cannot_be_asked(state: State, run: str, given: dict[str, Any]) -> None:
    """Numbers that are none and unknown actions are refused."""
    with pytest.raises(BadRequest):
        plan_page({"run": run, **given}, state)


@pytest.mark.parametrize("name", ["", "nope", "../../etc", "20240101-000000-aaaa"])
def test_runs_that_are_none(state: State, name: str) -> None:
    """Neither a plan nor decisions of a run that is not there."""
    for ask in (plan_page, decisions):
        with pytest.raises(UnknownRun):
            ask({"run": name}, state)


def test_a_run_without_a_plan(state: State, run: str) -> None:
    """A plan that is gone, or damaged, is said to be."""
    path = state.run_folder(run) / NAME
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(PlanChanged):
        plan_page({"run": run, "most": 200}, state)
    path.unlink()
    with pytest.raises(PlanChanged):
        plan_page({"run": run}, state)


def test_decisions_are_kept(state: State, run: str) -> None:
    """They are kept, replaced and told; what is no decision is refused and changes nothing; without any there are none."""
    assert decisions({"run": run}, state) == {"decisions": {}}
    wish = {"pairs": [{"kind": "performer", "source": 4, "target": 6}], "fields": [
        {"kind": "scene", "source": 3, "field": "title", "take": "value", "value": "caf\udce9"}]}
    assert decisions({"run": run, "decisions": wish}, state) == {"decisions": wish}
    wrong: Any
    for wrong in ({"wishes": []}, ["x"], "x", {"fields": [{"kind": "scene", "source": 3, "field": "rating100", "take": "value", "value": "x"}]}):
        with pytest.raises(BadRequest):
            decisions({"run": run, "decisions": wrong}, state)
    assert kept_decisions(state, run) == wish
    assert decisions({"run": run, "decisions": {}}, state) == {"decisions": {}}


def test_damaged_decisions_are_not_taken_for_none(state: State, run: str) -> None:
    """What was decided and cannot be read is an error: without it, other things would be written than were meant."""
    decisions({"run": run, "decisions": {"new": [{"kind": "tag", "source": 1}]}}, state)
    path = state.run_folder(run) / "decisions.json"
    for damaged in (b"", path.read_bytes()[:-3], b"\xff", b"[1]"):
        path.write_bytes(damaged)
        with pytest.raises(BadRequest, match="decide again"):
            kept_decisions(state, run)
