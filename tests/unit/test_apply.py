"""A plan that is applied: what comes out of it, what happens to records that have changed meanwhile, and what the run is told."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport.change.apply import apply, batches, tell_rest
from stashport.change.journal import Journal
from stashport.change.plan_file import Plan
from stashport.change.steps import CONFLICT, CREATE, SKIP, Step
from stashport.errors import Stopped
from stashport.model.fields import BY_NAME
from stashport.runs.record import Run
from stashport.runs.state import State
from support import changes
from support.changes import applied, change, create, delete, link, sample, written

laws = settings(max_examples=int(os.environ.get("STASH_PORT_EXAMPLES", "15")))


@laws
@given(seed=st.integers(0, 2**32))
def test_a_plan_does_what_it_says(seed, tmp_path_factory):
    """Whatever a plan holds, the library is afterwards what the simplest way of applying it would make of it."""
    folder = tmp_path_factory.mktemp("plan")
    library = sample(folder / "library")
    before = library.everything()
    written(folder, changes.random_steps(library, seed, deletes=True))
    told = applied(folder, library)
    assert changes.same_form(library.everything()) == changes.expected(folder, before)
    assert not told.warnings
    assert not [one for one in told.items if one[3] != "deleted"]


@laws
@given(seed=st.integers(0, 2**32))
def test_a_plan_that_was_applied_sends_nothing_again(seed, tmp_path_factory):
    """The same changes and links once more, as a new plan and a new journal, find everything done."""
    folder = tmp_path_factory.mktemp("plan")
    library = sample(folder / "library")
    steps = [(step, phase) for step, phase in changes.random_steps(library, seed) if step.action == "update" and ":-" not in str(step.record)]
    written(folder, steps)
    applied(folder, library)
    sent = library.sent
    again = folder / "again"
    written(again, steps)
    told = applied(again, library)
    assert library.sent == sent
    assert {outcome for _, outcome in told.counts} <= {"unchanged"}


@pytest.fixture
def library(tmp_path):
    """The sample library."""
    return sample(tmp_path / "library")


def test_what_was_done_already_counts_as_unchanged(library, tmp_path):
    """A record that somebody has brought to the wanted values is left alone."""
    written(tmp_path, [(change(library, "scene:1", title="wanted"), 0)])
    library.edit("scene:1", title="wanted")
    assert applied(tmp_path, library).counts == {("scene", "unchanged"): 1}
    assert library.sent == 0


def test_a_record_that_changed_is_planned_again(library, tmp_path):
    """Somebody's edit since the plan stays where the strategy keeps it, and what the plan adds is added to it."""
    written(tmp_path, [(change(library, "scene:1", tags=["tag:1", "tag:2", "tag:3"], title="planned"), 0)])
    library.edit("scene:1", tags=["tag:1", "tag:4"], title="edited")
    told = applied(tmp_path, library)
    there = library.get("scene:1")
    assert (there["title"], sorted(there["tags"])) == ("edited", ["tag:1", "tag:2", "tag:3", "tag:4"])
    assert told.items == [("scene", "scene:1", "updated", "changed since the plan was made: title, tags; planned again")]


def test_a_record_that_changed_can_become_a_conflict(library, tmp_path):
    """Where the strategy asks a person, nothing of the record is written, and it is listed."""
    written(tmp_path, [(change(library, "scene:1", title="planned", details="more"), 0), (change(library, "scene:2", title="planned"), 0)])
    library.edit("scene:1", title="edited")
    told = applied(tmp_path, library, strategy="prompt")
    assert (library.get("scene:1")["title"], library.get("scene:1")["details"]) == ("edited", None)
    assert library.get("scene:2")["title"] == "planned"
    assert told.counts == {("scene", "conflicts"): 1, ("scene", "updated"): 1}
    assert told.items[0][3] == "changed since the plan was made: title"


def test_exactly_or_not_at_all(library, tmp_path):
    """With exact_only, a record that changed is left as it is, whatever the strategy."""
    written(tmp_path, [(change(library, "scene:1", title="planned", details="more"), 0)])
    library.edit("scene:1", title="edited")
    told = applied(tmp_path, library, exact_only=True, strategy="overwrite")
    assert library.get("scene:1")["details"] is None
    assert told.items == [("scene", "scene:1", "skipped", "changed since the plan was made: title")]


def test_putting_back_takes_blanks_too(library, tmp_path):
    """Planned again with put_back, a value that somebody has entered since yields to a blank of the source."""
    library.edit("scene:1", details="old")
    written(tmp_path, [(change(library, "scene:1", details=None), 0)])
    library.edit("scene:1", details="newer")
    applied(tmp_path, library, strategy="overwrite", put_back=True)
    assert library.get("scene:1")["details"] is None


def test_what_is_gone_is_skipped(library, tmp_path):
    """A record that was deleted meanwhile is listed, and the others of its batch are written."""
    written(tmp_path, [(change(library, "scene:1", title="planned"), 0), (change(library, "scene:2", title="planned"), 0)])
    library.delete(BY_NAME["scene"], ["scene:1"])
    told = applied(tmp_path, library)
    assert told.items == [("scene", "scene:1", "skipped", "it is not there any more")]
    assert library.get("scene:2")["title"] == "planned"


def test_what_was_refused_takes_only_its_own_references_along(library, tmp_path):
    """One create that the server refuses: what refers to it is written without it and says so, and its rows and links are left out."""
    marker = {"title": "m", "seconds": 2.0, "end_seconds": None, "primary_tag": "tag:-11", "tags": []}
    steps = [create("tag", 11, name="refused"), create("tag", 12, name="fine"), create("studio", 31, name="refused")]
    steps += [change(library, "scene:1", tags=["tag:-11", "tag:-12"], studio="studio:-31", scene_markers=[marker]), link("tag", 11, parents=["tag:1"])]
    steps += [create("scene", 51, title="new", tags=["tag:-11"], studio="studio:-31"), link("tag", 12, parents=["tag:-11"])]
    library.edit("scene:1", studio="studio:1")
    steps[3] = change(library, "scene:1", tags=["tag:-11", "tag:-12"], studio="studio:-31", scene_markers=[marker])
    written(tmp_path, [(step, 1 if step.action == "link" else 0) for step in steps])
    told = applied(tmp_path, library)
    scene, made = library.get("scene:1"), library.get("scene:6")
    assert (scene["tags"], scene["studio"], scene["scene_markers"]) == (["tag:5"], "studio:1", [])
    assert (made["tags"], made["studio"], library.get("tag:5")["parents"]) == ([], None, [])
    reasons = {one[1]: one[3] for one in told.items}
    assert reasons["tag:11"] == "the server does not want it"
    assert reasons["scene:1"] == reasons["scene:6"] == "without what could not be made (studio 31, tag 11 of the source)"
    assert "tag tag:11: it was not made, so that nothing can be added to it" in told.warnings


def test_a_saved_filter_that_lost_a_criterion_is_not_made(library, tmp_path):
    """A filter without the tag that it asks for would show everything: it is left out."""
    criteria = {"tags": {"modifier": "INCLUDES", "value": {"items": [{"id": "-11", "label": "x"}], "excluded": [], "depth": 0}}}
    fine = {"tags": {"modifier": "INCLUDES", "value": {"items": [{"id": "-12", "label": "x"}], "excluded": [], "depth": 0}}}
    steps = [create("tag", 11, name="refused"), create("tag", 12, name="fine")]
    steps += [create("saved_filter", n, mode="SCENES", name=f"f{n}", object_filter=one) for n, one in ((1, criteria), (2, fine))]
    written(tmp_path, [(step, 0) for step in steps])
    told = applied(tmp_path, library)
    (made,) = library.records("saved_filter")
    assert made["object_filter"]["tags"]["value"]["items"] == [{"id": "5", "label": "x"}]
    assert ("saved_filter", "saved_filter:1", "skipped", "what it filters by could not be made") in told.items


def test_a_record_is_deleted_only_as_it_was(library, tmp_path):
    """What somebody has changed since the plan was made stays."""
    written(tmp_path, [(delete(library, "performer:1"), 0), (delete(library, "performer:2"), 0)])
    library.edit("performer:2", name="Evelyn")
    told = applied(tmp_path, library)
    assert library.get("performer:1") is None
    assert library.get("performer:2")["name"] == "Evelyn"
    assert told.items[1][2:] == ("skipped", "changed since the plan was made: name")


def test_batches_are_of_one_sort_and_not_too_large():
    """Consecutive steps of one kind and action go together, each record once."""
    steps = [Step("tag", "update", target=f"tag:{n}") for n in range(1, 451)] + [Step("tag", "update", target="tag:450")]
    steps += [Step("tag", CREATE, target=f"tag:-{n}") for n in range(1, 151)] + [Step("scene", CREATE, target="scene:-1")]
    assert [len(batch) for batch in batches(enumerate(steps))] == [200, 200, 50, 1, 100, 50, 1]


def test_a_real_run_adds_up_and_lists_what_was_not_plain(library, tmp_path):
    """Counts of steps, of records left out and of the unchanged add up in the record of a run, with a reason for each that is listed."""
    steps = [change(library, "scene:1", title="x"), create("tag", 11, name="refused"), Step("scene", SKIP, source="scene:9", reason="nothing to do"),
             Step("scene", CONFLICT, source="scene:8", target="scene:2", reason="title"), Step("scene", "deferred", source="scene:7", reason="no file")]  # fmt: skip
    with changes.PlanWriter(tmp_path / "plan.sqlite") as plan:
        for step in steps:
            plan.add(step)
        sha = plan.finish({"unchanged": {"scene": {"unchanged": 3, "skip": 1}}})
    with Plan(tmp_path / "plan.sqlite", sha) as plan, Run.start(State(tmp_path / "state"), "restore", config={}, version="1") as run:
        with Journal(run.folder / "journal.sqlite", sha) as journal:
            apply(plan, library, journal, run)
        tell_rest(plan, run)
    scene = {name: number for name, number in run.record["counts"]["scene"].items() if number}
    assert scene == {"in": 8, "updated": 1, "unchanged": 3, "skipped": 3, "conflicts": 1}
    assert run.adds_up()
    assert run.result == "partial"
    assert {one["reason"] for one in run.record["items"]} == {"the server does not want it", "nothing to do", "title", "no file"}


def test_a_stopped_run_goes_on(library, tmp_path):
    """A gentle stop comes between batches; applied again, the rest is done and everything is told once."""
    written(tmp_path, [(change(library, "tag:1", description="x"), 0), (change(library, "scene:1", title="x"), 0)])
    asked = []

    def stop():
        asked.append(1)
        if len(asked) == 2:
            raise Stopped(where="here")

    with pytest.raises(Stopped):
        applied(tmp_path, library, check_queue=stop)
    assert library.get("tag:1")["description"] == "x"
    assert library.get("scene:1")["title"] != "x"
    assert applied(tmp_path, library).counts == {("tag", "updated"): 1, ("scene", "updated"): 1}
    assert library.sent == 2


def test_settings_have_no_numbers(tmp_path):
    """A setting is changed, and changed back, by its id, as it is read: all at once."""
    from contextlib import contextmanager

    from stashport.change.merge import Change
    from stashport.model.records import Batch
    from stashport.stash.writing import Written

    class Settings:
        def __init__(self):
            self.writer, self.values = self, {"setting:general.a": 1, "setting:general.b": 2}

        @contextmanager
        def fresh(self):
            yield self

        def kinds(self):
            return [BY_NAME["setting"]]

        def cannot(self, kind):
            return {}

        cannot_change = cannot

        def fields(self, kind):
            return kind.fields

        def batches(self, kind, fields, only=None):
            assert only is None
            yield Batch(records=[{"id": one, "value": value} for one, value in self.values.items()])

        def update(self, kind, pairs):
            for mine, wanted in pairs:
                assert mine["value"] == self.values[mine["id"]]
                self.values[mine["id"]] = wanted["value"]
            return [Written(wanted["id"]) for _, wanted in pairs]

    step = Step("setting", "update", "setting:general.a", "setting:general.a", changes=(Change("value", 1, 5, ""),), record={"value": 5})
    written(tmp_path, [(step, 1)])
    library = Settings()
    applied(tmp_path, library)
    assert library.values == {"setting:general.a": 5, "setting:general.b": 2}
    changes.undone(tmp_path, library)
    assert library.values == {"setting:general.a": 1, "setting:general.b": 2}
