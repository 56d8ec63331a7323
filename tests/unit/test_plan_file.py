"""Plans as files: what goes in comes out in the order in which it is applied; what is damaged, cut, another file or does not fit on the disk is refused."""

from __future__ import annotations

import json
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from stashport.change.merge import Change
from stashport.change.merge_fields import Clash
from stashport.change.plan_file import Plan, PlanWriter, checksum
from stashport.change.steps import ACTIONS, CONFLICT, CREATE, DEFERRED, DELETE, LINK, SKIP, UPDATE, Step, split
from stashport.errors import BadRequest, CannotWrite, DiskFull, PlanChanged
from stashport.model.fields import BY_NAME
from support.records import some_json, some_text

CHANGE = Change("title", "a", "b", "was empty")


def written(path: Path, *steps: Step | tuple[Step, int], **facts: Any) -> str:
    """A plan of these steps, each alone or with its phase; its SHA-256."""
    with PlanWriter(path) as plan:
        for one in steps:
            plan.add(*(one if isinstance(one, tuple) else (one,)))
        return plan.finish(facts)


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    """Every part of a step, and every fact, is as it was."""
    whole = Step("scene", UPDATE, "scene:5", "scene:17", "Name", "checksum", "why", counted=False, record={"id": "scene:17", "title": "b"}, changes=(CHANGE,),
                 clashes=(Clash("details", None, {"a": [1]}, None, "differs"),), candidates=((1, 2), ()))
    sha256 = written(tmp_path / "plan", whole, Step("tag", SKIP), losses={"x": {"number": 1}})
    with Plan(tmp_path / "plan", sha256) as plan:
        assert [step for _, step in plan.shown()] == [whole, Step("tag", SKIP)]
        assert plan.facts["losses"] == {"x": {"number": 1}}
    assert whole.before == {"id": "scene:17", "title": "a"}
    assert whole.after == {"id": "scene:17", "title": "b"}


@settings(max_examples=60, deadline=None)
@given(some_text(), some_text(), some_json())
def test_any_text(tmp_path_factory: pytest.TempPathFactory, name: str, text: str, value: Any) -> None:
    """Names, reasons and values of any characters, and of bytes that are no UTF-8, can be planned; values come out letter by letter."""
    path = tmp_path_factory.mktemp("plan") / "plan"
    written(path, Step("saved_filter", UPDATE, name=name, reason=text, changes=(Change("object_filter", text, value, text),)), config={"source": text})
    with Plan(path) as plan:
        [(_, step)] = plan.shown()
        assert step.changes == (Change("object_filter", text, value, text),)
        assert plan.fields() == {"saved_filter": {"object_filter": 1}}
        assert plan.facts["config"] == {"source": text}


def test_the_order_in_which_it_is_applied(tmp_path: Path) -> None:
    """By phase, then by kind, updates before creates before links before deletes, then as planned; what writes nothing is not there."""
    steps = [(Step("scene", CREATE, name="1"), 0), (Step("tag", LINK, name="2"), 1), (Step("tag", CREATE, name="3"), 0), (Step("tag", UPDATE, name="4"), 0),
             (Step("tag", CREATE, name="5"), 0), (Step("tag", CONFLICT, name="6"), 0), (Step("scene", UPDATE, name="7"), 2), (Step("scene", DELETE, name="8"), 0)]
    written(tmp_path / "plan", *steps)
    with Plan(tmp_path / "plan") as plan:
        found = list(plan.applied())
        assert "".join(step.name for _, step in found) == "4351827"
        assert [place for place, _ in found] == list(range(7)) == list(range(plan.count()))
        assert [step.name for _, step in plan.applied(after=4)] == ["2", "7"]
        assert list(plan.applied(after=6)) == []


def test_pages(tmp_path: Path) -> None:
    """A page after the other, by action and kind, each step once, in the order in which they were planned."""
    steps = [Step(kind, action, name=f"{n}") for n, (kind, action) in enumerate((kind, action) for _ in range(5) for kind in ("tag", "scene") for action in ACTIONS)]
    written(tmp_path / "plan", *steps)
    with Plan(tmp_path / "plan") as plan:
        for asked in ({}, {"kind": "tag"}, {"action": SKIP}, {"action": SKIP, "kind": "tag"}):
            found, after = [], 0
            while page := plan.shown(most=3, after=after, **asked):
                found += [step for _, step in page]
                after = page[-1][0]
            assert found == [step for step in steps if all(getattr(step, key) == value for key, value in asked.items())]
        assert list(plan.steps(SKIP, DEFERRED)) == [step for step in steps if step.action in (SKIP, DEFERRED)]
        with pytest.raises(BadRequest):
            plan.shown(action="explode")


def test_totals_count_each_record_once(tmp_path: Path) -> None:
    """Steps that do not count stand in no total; what takes no step does; fields are counted of links too, but not of those of new records."""
    changes = (CHANGE, Change("details", None, "x", ""))
    written(tmp_path / "plan", Step("scene", UPDATE, target="scene:1", changes=changes), Step("scene", LINK, target="scene:1", counted=False, changes=(CHANGE,)),
            Step("scene", CREATE), Step("scene", LINK, target="scene:-2", counted=False, changes=(CHANGE,)), Step("tag", CONFLICT),
            unchanged={"scene": {"unchanged": 7, "update": 1}, "tag": {"conflict": 1}})
    with Plan(tmp_path / "plan") as plan:
        assert plan.totals() == {"tag": {"conflict": 2}, "scene": {"unchanged": 7, "update": 2, "create": 1}}
        assert plan.fields() == {"scene": {"title": 2, "details": 1}}


def test_reasons(tmp_path: Path) -> None:
    """The most frequent reason first, of what was left out without a step too."""
    written(tmp_path / "plan", Step("tag", SKIP, reason="a"), Step("tag", SKIP, reason="b"), Step("tag", SKIP, reason="b"), skipped={"file": {"c": 5}, "tag": {"a": 3}})
    with Plan(tmp_path / "plan") as plan:
        assert plan.reasons(SKIP) == [("file", "c", 5), ("tag", "a", 4), ("tag", "b", 2)]
        assert plan.reasons(CONFLICT) == []


def test_any_byte_that_changes_is_noticed(tmp_path: Path) -> None:
    """A plan that is not, byte by byte, the one that was shown is not opened: changed, cut, another one, or gone."""
    path = tmp_path / "plan"
    sha256 = written(path, Step("tag", CREATE, name="a" * 5000))
    data = path.read_bytes()
    for damaged in (data[:-1], data[:1000], b"", data + b"x", *(data[:n] + bytes([data[n] ^ 1]) + data[n + 1 :] for n in range(0, len(data), 997))):
        path.write_bytes(damaged)
        with pytest.raises(PlanChanged):
            Plan(path, sha256)
    path.unlink()
    with pytest.raises(PlanChanged):
        Plan(path, sha256)
    with pytest.raises(PlanChanged):
        Plan(path)


def damaged_plans(data: bytes) -> Iterator[bytes]:
    """A plan cut off, overwritten in parts, and things that are none."""
    yield from (b"", b"x" * 5000, data[:200], data[:4096], data[: len(data) // 2])
    yield from (data[:n] + b"\xff" * 3000 + data[n + 3000 :] for n in range(0, len(data), 4096))


def test_a_damaged_plan_without_its_checksum(tmp_path: Path) -> None:
    """The panel reads plans without hashing them each time: damage is the same one error wherever it shows, and nothing else."""
    path = tmp_path / "plan"
    written(path, *(Step("tag", CREATE, name=f"{n}", record={"id": f"tag:-{n}", "description": "d" * 200}) for n in range(300)))
    refused = 0
    for damaged in damaged_plans(path.read_bytes()):
        path.write_bytes(damaged)
        try:
            with Plan(path) as plan:
                list(plan.applied())
                plan.totals()
                plan.fields()
        except PlanChanged:
            refused += 1
    assert refused > 5


def test_files_that_are_no_plans_of_this_version(tmp_path: Path) -> None:
    """Another database, and a plan of another version, are refused."""
    with closing(sqlite3.connect(tmp_path / "other")) as db:
        db.execute("CREATE TABLE tags (id)")
    with pytest.raises(PlanChanged):
        Plan(tmp_path / "other")
    written(tmp_path / "newer", format=99)
    with pytest.raises(PlanChanged, match="another version"):
        Plan(tmp_path / "newer")


def test_a_full_disk(tmp_path: Path) -> None:
    """Wherever the disk fills up, it is said, and no half plan stays behind."""
    steps = [Step("tag", CREATE, name=f"{n}", record={"id": f"tag:-{n}", "description": "d" * 500}) for n in range(1200)]
    ended = []
    for pages in (9, 20, 60, 120, 230):
        with pytest.raises(DiskFull), PlanWriter(tmp_path / "plan") as plan:
            plan._db.execute(f"PRAGMA max_page_count={pages}")
            for step in steps:
                plan.add(step)
            ended.append(pages)
            plan.finish({"filler": "x" * 300_000})
        assert list(tmp_path.iterdir()) == []
    assert 230 in ended
    assert 9 not in ended


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A folder that is not there, or in the way, is CannotWrite."""
    with pytest.raises(CannotWrite):
        PlanWriter(tmp_path / "nowhere" / "plan")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CannotWrite):
        PlanWriter(tmp_path / "folder")


def test_what_is_not_finished_is_removed(tmp_path: Path) -> None:
    """A plan whose making failed is not there; an earlier one of the name is gone too."""
    written(tmp_path / "plan", Step("tag", SKIP))
    with pytest.raises(KeyError), PlanWriter(tmp_path / "plan") as plan:
        plan.add(Step("tag", CREATE))
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow(tmp_path: Path) -> None:
    """A plan is written and read step by step."""

    def peak(count: int) -> int:
        tracemalloc.start()
        with PlanWriter(tmp_path / "plan") as plan:
            for n in range(count):
                plan.add(Step("tag", CREATE, name=f"{n}", record={"id": f"tag:-{n}", "description": "d" * 500}))
            plan.finish({})
        with Plan(tmp_path / "plan") as read:
            assert sum(1 for _ in read.applied()) == count
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(600)
    assert peak(6000) < 1.5 * peak(1500)


def test_the_checksum_is_that_of_the_file(tmp_path: Path) -> None:
    """What is returned at the end is what opening compares."""
    assert written(tmp_path / "plan", Step("tag", SKIP)) == checksum(tmp_path / "plan")


def test_changes_are_split_by_when_they_can_be_written() -> None:
    """What needs other records waits for them, and the time of change for everything else."""
    names = ("updated_at", "parents", "name", "aliases", "description")
    parts = split(BY_NAME["tag"], [Change(name, None, name, "") for name in names])
    assert {phase: [one.field for one in part] for phase, part in parts.items()} == {0: ["name", "description"], 1: ["parents", "aliases"], 2: ["updated_at"]}
    assert list(parts) == [0, 1, 2]
    assert json.loads(json.dumps(Step("tag", UPDATE, changes=(CHANGE,)).body())) == {"changes": [["title", "a", "b", "was empty"]]}
