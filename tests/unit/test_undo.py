"""A run that is taken back: exactly as before where nobody came between, and whatever somebody did since stays."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport.change.journal import Journal
from stashport.change.plan_file import Plan
from stashport.change.steps import SKIP
from stashport.errors import NotResumable
from stashport.model.fields import BY_NAME
from support import changes
from support.changes import applied, change, create, delete, link, planned_back, sample, undone, written

laws = settings(max_examples=int(os.environ.get("STASH_PORT_EXAMPLES", "15")))


@laws
@given(seed=st.integers(0, 2**32))
def test_taking_back_restores_exactly(seed, tmp_path_factory):
    """After any plan, with records that the server refuses in it, the way back leads to the very same library."""
    folder = tmp_path_factory.mktemp("undo")
    library = sample(folder / "library")
    before = changes.same_form(library.everything())
    written(folder, changes.random_steps(library, seed, refusals=True))
    applied(folder, library)
    _, told = undone(folder, library)
    assert changes.same_form(library.everything()) == before
    assert not told.warnings
    assert {outcome for _, outcome in told.counts} <= {"updated"}


def by_names(library):
    """The library with names instead of numbers: what was made again has another one."""
    records = changes.same_form(library.everything())
    names = {identity: f"{identity.partition(':')[0]} {record.get('name') or record.get('title')}" for identity, record in records.items()}

    def named(value):
        if isinstance(value, dict):
            return {key: named(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return sorted((named(one) for one in value), key=str)
        return names.get(value, value) if isinstance(value, str) else value

    return sorted((named(record) for record in records.values()), key=str)


@laws
@given(seed=st.integers(0, 2**32))
def test_taking_back_can_be_taken_back(seed, tmp_path_factory):
    """Undoing, and undoing that, gives what the plan made, but for the numbers of what was made again; and once more gives what was there at first."""
    folder = tmp_path_factory.mktemp("undo")
    library = sample(folder / "library")
    before = by_names(library)
    written(folder, changes.random_steps(library, seed, deletes=True))
    applied(folder, library)
    after = by_names(library)
    back, _ = undone(folder, library)
    assert by_names(library) == before
    forth, _ = undone(back, library)
    assert by_names(library) == after
    undone(forth, library)
    assert by_names(library) == before


@laws
@given(seed=st.integers(0, 2**32))
def test_times_come_back_where_they_can_be_written(seed, tmp_path_factory):
    """With a method that writes times, records that every write marks as changed get their old times back at the end, also those that the plan had set."""
    folder = tmp_path_factory.mktemp("undo")
    library = sample(folder / "library", exact=True)
    before = changes.same_form(library.everything())
    steps = changes.random_steps(library, seed)
    written(folder, [*steps, *((change(library, f"scene:{n}", counted=False, created_at=changes.DAYS[n], updated_at=changes.DAYS[0]), 3) for n in (1, 2))])
    told = applied(folder, library)
    assert not told.items
    assert library.get("scene:1")["created_at"] == changes.DAYS[1]
    assert library.get("scene:1")["updated_at"] == changes.DAYS[0]
    _, told = undone(folder, library)
    assert not [one for one in told.items if one[3] != "deleted"]
    assert changes.same_form(library.everything()) == before


@pytest.fixture
def library(tmp_path):
    """The sample library."""
    return sample(tmp_path / "library")


def skipped(folder):
    """What the plan in a folder leaves out: {record: reason}."""
    with Plan(folder / "plan.sqlite") as plan:
        return {step.target: step.reason for step in plan.steps(SKIP)}


def test_what_changed_since_stays(library, tmp_path):
    """A field that somebody has changed since keeps that, and so do the others of the step; other records are restored."""
    written(tmp_path, [(change(library, f"scene:{n}", title="planned", details="more"), 0) for n in (1, 2)])
    applied(tmp_path, library)
    library.edit("scene:1", title="edited")
    library.edit("scene:2", rating100=5)
    back, _ = undone(tmp_path, library)
    assert skipped(back) == {"scene:1": "changed since: title"}
    assert (library.get("scene:1")["title"], library.get("scene:1")["details"]) == ("edited", "more")
    assert (library.get("scene:2")["title"], library.get("scene:2")["details"], library.get("scene:2")["rating100"]) == ("scene 2", None, 5)


def test_what_changed_between_plan_and_undo_stays(library, tmp_path):
    """An edit after the way back was planned is not overwritten either, and is listed."""
    written(tmp_path, [(change(library, "scene:1", title="planned"), 0), (create("tag", 11, name="new"), 0)])
    applied(tmp_path, library)
    back = planned_back(tmp_path, library)
    library.edit("scene:1", title="edited")
    library.edit("tag:5", description="mine now")
    told = applied(back, library, exact_only=True)
    assert sorted(told.items) == [("scene", "scene:1", "skipped", "changed since the plan was made: title"),
                                  ("tag", "tag:5", "skipped", "changed since the plan was made: description")]  # fmt: skip
    assert library.get("scene:1")["title"] == "edited"
    assert library.get("tag:5")


def test_what_was_made_stays_when_something_uses_it(library, tmp_path):
    """A record that somebody uses or has changed stays, and so does what it needs itself; what only the run used goes."""
    steps = [create("tag", n, name=f"new {n}") for n in range(11, 16)]
    steps += [create("scene", 51, title="made", tags=["tag:-12"]), change(library, "scene:1", tags=["tag:-13"])]
    late = [link("tag", 12, parents=["tag:-14"])]
    written(tmp_path, [(step, 0) for step in steps] + [(step, 1) for step in late])
    applied(tmp_path, library)
    tags = {number: f"tag:{number - 6}" for number in range(11, 16)}
    library.edit("scene:2", tags=[tags[11]])
    library.edit("scene:6", details="somebody's work")
    criteria = {"tags": {"modifier": "INCLUDES", "value": {"items": [{"id": tags[15][4:], "label": "x"}], "excluded": [], "depth": 0}}}
    library.new("saved_filter", mode="SCENES", name="f", object_filter=criteria)
    back, _ = undone(tmp_path, library)
    assert skipped(back) == {
        tags[11]: "used by scene:2, which this run did not make", "scene:6": "changed since: details", tags[12]: "used by scene:6, which stays",
        tags[14]: f"used by {tags[12]}, which stays", tags[15]: "used by saved_filter:1, which this run did not make",
    }  # fmt: skip
    assert library.get(tags[13]) is None
    assert library.get("scene:1")["tags"] == ["tag:1", "tag:2"]


def test_a_reference_that_is_kept_by_a_refusal_counts_as_use(library, tmp_path):
    """Where taking back a record's tags is refused, the tag that the run made stays with it."""
    written(tmp_path, [(create("tag", 11, name="new"), 0), (change(library, "scene:1", tags=["tag:-11"]), 0)])
    applied(tmp_path, library)
    library.edit("scene:1", tags=["tag:5", "tag:4"])
    back, _ = undone(tmp_path, library)
    assert skipped(back) == {"scene:1": "changed since: tags", "tag:5": "used by scene:1, which this run did not make"}


def test_what_is_gone_is_no_matter(library, tmp_path):
    """Records that somebody has deleted since are listed where they had been changed, and forgotten where the run had made them."""
    written(tmp_path, [(change(library, "scene:1", tags=[]), 0), (change(library, "scene:2", title="x"), 0), (create("tag", 11, name="new"), 0)])
    applied(tmp_path, library)
    library.delete(BY_NAME["tag"], ["tag:5", "tag:2"])
    library.delete(BY_NAME["scene"], ["scene:2"])
    back, told = undone(tmp_path, library)
    assert skipped(back) == {"scene:2": "it is not there any more"}
    assert library.get("scene:1")["tags"] == ["tag:1"]
    with Plan(back / "plan.sqlite") as plan:
        (step,) = plan.steps("update")
        assert step.reason == "as it was before, but without tag:2: not there any more"
    assert told.counts == {("scene", "updated"): 1}


def test_two_steps_on_one_field_are_taken_back_in_turn(library, tmp_path):
    """What a later step changed again comes back through both values."""
    first = change(library, "scene:1", title="one")
    library.edit("scene:1", title="one")
    second = change(library, "scene:1", title="two")
    library.edit("scene:1", title="scene 1")
    written(tmp_path, [(first, 0), (second, 1)])
    applied(tmp_path, library)
    assert library.get("scene:1")["title"] == "two"
    undone(tmp_path, library)
    assert library.get("scene:1")["title"] == "scene 1"


def test_pictures_are_kept_with_the_journal(library, tmp_path):
    """Stash throws away a picture that no record has: those that a run replaces or deletes can be had from its journal."""
    library.edit("scene:1", cover_image="md5:old")
    library.edit("performer:2", image="md5:face")
    written(tmp_path, [(change(library, "scene:1", cover_image="md5:new"), 0), (change(library, "scene:2", cover_image="md5:new"), 0),
                       (delete(library, "performer:2"), 1)])  # fmt: skip
    applied(tmp_path, library)
    with Journal(tmp_path / "journal.sqlite", reading=True) as journal:
        assert [journal.image(one) for one in ("old", "face", "new")] == [b"pictureold", b"pictureface", None]


def test_what_cannot_be_made_again_is_listed(library, tmp_path):
    """A method that makes no such records leaves what was deleted where it is: gone, and said."""
    written(tmp_path, [(delete(library, "performer:2"), 1)])
    applied(tmp_path, library)
    (tmp_path / "back").mkdir()
    with Journal(tmp_path / "journal.sqlite", reading=True) as journal:
        changes.undo_plan(journal, tmp_path / "back" / "plan.sqlite", library, creates=lambda _: False)
    assert skipped(tmp_path / "back") == {"performer:2": "this method of writing cannot make it again"}


def test_what_was_taken_back_leaves_nothing_to_take_back(library, tmp_path):
    """Planned once more, there is nothing left to write: neither of what was made, nor of what was deleted and is there again."""
    steps = [(change(library, "scene:1", title="x"), 0), (create("tag", 11, name="new"), 0), (delete(library, "performer:2"), 1)]
    written(tmp_path, steps)
    applied(tmp_path, library)
    undone(tmp_path, library)
    assert library.get("performer:3")["name"] == "Eve"
    with Plan(planned_back(tmp_path, library) / "plan.sqlite") as plan:
        assert plan.count() == 0
        assert plan.facts["unchanged"] == {"scene": {"unchanged": 1}, "tag": {"unchanged": 1}, "performer": {"unchanged": 1}}


def test_what_somebody_has_made_again_is_referred_to(library, tmp_path):
    """A deleted record that is there again under another number is not made twice, and what referred to it refers to that one."""
    steps = [(change(library, f"scene:{number}", performers=[]), 0) for number in range(1, 6)]
    written(tmp_path, [*steps, (delete(library, "performer:1"), 1)])
    applied(tmp_path, library)
    library.new("performer", name="Ann")
    undone(tmp_path, library)
    assert library.get("scene:3")["performers"] == ["performer:3"]
    assert [one["name"] for one in library.records("performer")] == ["Eve", "Ann"]


def test_what_the_run_made_in_place_of_what_it_deleted(library, tmp_path):
    """A record that the run itself made with the texts of a deleted one is not taken for that one come back: it goes, and the old one is made again."""
    written(tmp_path, [(delete(library, "performer:2"), 0), (create("performer", 11, name="Eve", rating100=5), 1)])
    applied(tmp_path, library)
    undone(tmp_path, library)
    assert [(one["name"], one["rating100"]) for one in library.records("performer")] == [("Ann", None), ("Eve", None)]


def test_what_goes_batch_by_batch_comes_back_whole(library, tmp_path, monkeypatch):
    """A record that loses a reference because the way back deletes what it refers to first is made again with that reference."""
    monkeypatch.setattr("stashport.change.apply.MOST_CHANGED", 1)
    steps = [(create("tag", 11, name="child"), 0), (create("tag", 12, name="parent"), 0), (link("tag", 11, parents=["tag:-12"]), 1)]
    written(tmp_path, steps)
    applied(tmp_path, library)
    back, _ = undone(tmp_path, library)
    undone(back, library)
    tags = {one["name"]: one for one in library.records("tag")}
    assert tags["child"]["parents"] == [tags["parent"]["id"]]


def test_without_a_journal_there_is_no_way_back(tmp_path):
    """A run that wrote nothing has no journal, and says so."""
    with pytest.raises(NotResumable, match="no journal"):
        Journal(tmp_path / "journal.sqlite", reading=True)
