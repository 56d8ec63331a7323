"""Parts of restoring that need no Stash: what is kept to take back, what is whole of a damaged backup, hooks, and settings that name records."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.bundle.reader import BundleReader
from stashport.change.merge import Change
from stashport.change.plan_file import Plan, PlanWriter
from stashport.change.setting_references import is_free, moved
from stashport.change.steps import CREATE, UPDATE, Step
from stashport.errors import BackupIncomplete, BadFile, BadRequest, BundleDamaged, NotInBundle, NotResumable, Unsound
from stashport.jobs.carry import carry
from stashport.jobs.change_source import opened_records
from stashport.jobs.context import Context
from stashport.jobs.hooks import times_of
from stashport.jobs.restore import apply, restore, waiting
from stashport.jobs.restore_config import RestoreConfig
from stashport.jobs.salvage import damage, look_at_images, packs_tried, salvaged
from stashport.jobs.taking_back import resume, rollback
from stashport.model.fields import BY_NAME
from stashport.runs.history import JOURNALS, KEEP_JOURNALS, load, prune
from stashport.runs.record import Run
from stashport.runs.state import State
from support.backups import PICTURES, Place, Quiet

PICTURE, DATA = next(iter(PICTURES.items()))


class Told(Quiet):
    """A run that remembers what it was told."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str, *, incomplete: bool = False) -> None:
        """Keep it."""
        assert incomplete
        self.warnings.append(text)


def run_of(state: State, verb: str = "restore", **notes: Any) -> Run:
    """A run that is over, with these notes."""
    with Run.start(state, verb, config={}, version="0") as run:
        for name, value in notes.items():
            run.note(name, value)
    return run


# --- runs ----------------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", JOURNALS)
def test_what_can_be_taken_back_is_kept(tmp_path: Path, name: str) -> None:
    """Clearing away leaves a run that has a journal, for 30 days after it was written last."""
    state = State(tmp_path)
    plain, wanted = run_of(state), run_of(state)
    (wanted.folder / name).write_bytes(b"x")
    assert prune(state, keep=0) == 1
    assert (plain.folder.exists(), wanted.folder.exists()) == (False, True)
    old = time.time() - KEEP_JOURNALS - 1
    os.utime(wanted.folder / name, (old, old))
    assert prune(state, keep=0) == 1
    assert not wanted.folder.exists()


def test_what_cannot_be_taken_back_or_gone_on_with(tmp_path: Path) -> None:
    """Each refusal names the run and why; nothing is begun for it."""
    state = State(tmp_path)
    context = Context(state)
    nothing, over, undone = run_of(state), run_of(state, plan={"file": "p"}, journal="x"), run_of(state, "rollback", undoes="x")
    for run, job, why in (
        (nothing, rollback, "wrote nothing"), (nothing, resume, "came to its end"), (over, resume, "came to its end"), (undone, rollback, "no journal of that"),
        (nothing, apply, "made no plan"), (nothing, waiting, "made no plan"), (run_of(state, bulk={"rows": 1}), waiting, "needed no plan"),
    ):
        before = len(list((state.folder / "runs").iterdir()))
        with pytest.raises(NotResumable, match=why) as caught:
            job({"run": run.id}, context)
        assert run.id in caught.value.message
        assert len(list((state.folder / "runs").iterdir())) == before


def test_a_run_that_is_at_work(tmp_path: Path) -> None:
    """It is neither taken back nor gone on with; when its process was killed, it is."""
    state = State(tmp_path)
    with Run.start(state, "restore", config={}, version="0") as run:
        run.note("journal", run.id)
        run.keep()
        for job in (rollback, resume):
            with pytest.raises(NotResumable, match="still at work"):
                job({"run": run.id}, Context(state))
    assert load(state, run.id)["state"] == "finished"


def test_without_an_address(tmp_path: Path) -> None:
    """Records are written into a running Stash: said for restoring and taking back alike."""
    place = Place.made(tmp_path)
    place.backup()
    for job, asked in ((restore, {"source": f"{place.vault_folder}#latest"}), (rollback, {"run": run_of(place.state, journal="x").id})):
        with pytest.raises(BadRequest, match="running Stash"):
            job(asked, Context(place.state))


def test_the_option_for_custom_files() -> None:
    """It is off, is kept in the record, and takes yes or no only."""
    assert RestoreConfig.parse({}).customFiles is False
    config = RestoreConfig.parse({"customFiles": True})
    assert RestoreConfig.parse(config.record()).record() == config.record()
    with pytest.raises(BadRequest):
        RestoreConfig.parse({"customFiles": "perhaps"})


# --- what is whole -------------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path: Path) -> Any:
    """The file of a small backup."""
    place = Place.made(tmp_path / "place")
    assert place.backup().result == "ok"
    (found,) = place.vault_folder.rglob("backups/*.bundle")
    return place, found


def flipped(path: Path, *names: str) -> None:
    """Change a byte of members."""
    data = bytearray(path.read_bytes())
    with path.open("rb") as file, BundleReader(file, str(path)) as reader:
        for name in names:
            member = reader.member(name)
            data[reader._begin(member) + member.size // 2] ^= 1
    path.write_bytes(data)


def image(checksum: str) -> bytes:
    """Images of which none is damaged."""
    if checksum not in PICTURES:
        raise NotInBundle(place="here", name=checksum)
    return PICTURES[checksum]


def test_records_come_from_the_database(bundle: Any, tmp_path: Path) -> None:
    """Where records of a kind are damaged and the database is whole, every kind is told, with all of its fields."""
    _, path = bundle
    with path.open("rb") as file, BundleReader(file, str(path)) as reader, salvaged(reader, image, tmp_path, Told()) as (records, whole):  # type: ignore[arg-type]
        wanted = {kind.name: [record for batch in records.batches(kind, kind.fields) for record in batch.records] for kind in records.kinds() if kind.table}
        assert {kind.name for kind in whole.kinds()} == {kind.name for kind in records.kinds()}
    (tmp_path / "again").mkdir()
    flipped(path, "records/scenes.ndjson")
    told = Told()
    with path.open("rb") as file, BundleReader(file, str(path)) as reader, salvaged(reader, image, tmp_path / "again", told) as (_, whole):  # type: ignore[arg-type]
        for kind in (one for one in whole.kinds() if one.table):
            found = [record for batch in whole.batches(kind, kind.fields) for record in batch.records]
            assert len(found) == len(wanted[kind.name]) == whole.count(kind)
            assert {one["id"] for one in found} == {one["id"] for one in wanted[kind.name]}
        assert whole.image(PICTURE) == DATA
    assert any("scenes" in one and "database instead" in one for one in told.warnings)


def test_a_kind_without_records_is_not_an_empty_one(bundle: Any, tmp_path: Path) -> None:
    """Without tags and without the database, there are no tags, and no field refers to them: nothing is taken for untagged."""
    _, path = bundle
    flipped(path, "records/tags.ndjson", "database.sqlite")
    told = Told()
    with path.open("rb") as file, BundleReader(file, str(path)) as reader, salvaged(reader, image, tmp_path, told) as (_, whole):  # type: ignore[arg-type]
        assert damage(reader, "records/tags.ndjson", told)  # type: ignore[arg-type]
        assert "tag" not in {kind.name for kind in whole.kinds()}
        assert whole.count(BY_NAME["tag"]) == 0
        assert list(whole.batches(BY_NAME["tag"], BY_NAME["tag"].fields)) == []
        scene = BY_NAME["scene"]
        names = {f.name for f in whole.fields(scene)}
        assert not {"tags", "scene_markers"} & names
        assert {"title", "performers"} <= names
        found = [record for batch in whole.batches(scene, scene.fields) for record in batch.records]
        assert found
        assert not any({"tags", "scene_markers"} & record.keys() for record in found)
    assert any("left out" in one for one in told.warnings)


@pytest.mark.parametrize("carried", [False, True])
def test_any_backup_can_be_salvaged(bundle: Any, tmp_path: Path, *, carried: bool) -> None:
    """One in a vault and one that was carried away: refused when damaged, and read as far as it is whole where that is asked for."""
    place, path = bundle
    context, text = Context(place.state), f"{place.vault_folder}#latest"
    if carried:
        path = tmp_path / "one.stashport.zip"
        assert carry({"vault": str(place.vault_folder), "to": str(path)}, context).result == "ok"
        text = str(path)
    flipped(path, "records/tags.ndjson")
    told = Told()
    with pytest.raises((Unsound, BundleDamaged, BadFile)), opened_records(text, context, told) as opened:  # type: ignore[arg-type]
        list(opened.reader.batches(BY_NAME["tag"], opened.reader.fields(BY_NAME["tag"])))
    assert told.warnings == []
    with opened_records(text, context, told, salvage=True) as opened:  # type: ignore[arg-type]
        tags = [record for batch in opened.reader.batches(BY_NAME["tag"], opened.reader.fields(BY_NAME["tag"])) for record in batch.records]
        assert len(tags) == opened.reader.count(BY_NAME["tag"]) > 0
        assert opened.facts["instance"]
    assert any("tags" in one for one in told.warnings)


def test_one_bad_pack_does_not_hide_the_others() -> None:
    """Every pack is opened once, and each one that cannot be is named once."""
    packs: list[Exception] = [BackupIncomplete(name="one", reason="gone"), BundleDamaged(place="two", reason="bent")]

    def get(_: str) -> bytes:
        raise packs.pop(0) if packs else NotInBundle(place="packs", name="x")

    found = packs_tried(get)
    assert len(found) == 2
    assert packs == []


def planned(path: Path) -> Plan:
    """A plan that writes one image twice, and another one."""
    other = list(PICTURES)[1]
    with PlanWriter(path) as plan:
        plan.add(Step("tag", CREATE, "tag:5", "tag:-5", record={"id": "tag:-5", "name": "n", "image": f"md5:{PICTURE}"}), 0)
        plan.add(Step("tag", UPDATE, "tag:6", "tag:6", changes=(Change("image", f"md5:{'0' * 32}", f"md5:{PICTURE}", "x"),)), 0)
        plan.add(Step("performer", UPDATE, "performer:6", "performer:6", changes=(Change("image", None, f"md5:{other}", "x"), Change("name", "a", "b", "x"))), 0)
        plan.add(Step("tag", UPDATE, "tag:7", "tag:7", changes=(Change("image", f"md5:{PICTURE}", None, "x"),)), 0)
        sha = plan.finish({"unchanged": {}})
    return Plan(path, sha)


def test_images_are_read_before_they_are_written(tmp_path: Path) -> None:
    """Those that a plan writes, each once and no other; one that is missing is named, one that is damaged refuses all."""
    asked: list[str] = []
    told = Told()
    with planned(tmp_path / "plan.sqlite") as plan:
        look_at_images(plan, lambda one: asked.append(one) or PICTURES[one], told, "the backup")  # type: ignore[arg-type, func-returns-value]
        assert sorted(asked) == sorted(list(PICTURES)[:2])
        assert told.warnings == []
        look_at_images(plan, lambda one: None if one == PICTURE else b"x", told, "the backup")  # type: ignore[arg-type]
        (line,) = told.warnings
        assert PICTURE in line

        def bent(_: str) -> bytes:
            raise BundleDamaged(place="pack", reason="bent")

        with pytest.raises(Unsound, match="bent"):
            look_at_images(plan, bent, told, "the backup")  # type: ignore[arg-type]


# --- hooks and settings --------------------------------------------------------------------------------------------------------------------------------


def test_how_often_hooks_run() -> None:
    """Only for what they wait for; groups under their older name too, and markers at least once for each scene."""
    plan = {"totals": {"scenes": {"create": 2, "update": 3, "unchanged": 9}, "groups": {"create": 4}, "tags": {"delete": 1}}, "fields": {"scenes": {"scene_markers": 2}}}
    for events, times in ((["Scene.Update.Post"], 3), (["Scene.Create.Post", "Scene.Update.Post"], 5), (["Movie.Create.Post"], 4), (["Group.Create.Post"], 4),
                          (["Tag.Destroy.Post"], 1), (["SceneMarker.Create.Post"], 2), (["Performer.Create.Post", "Tag.Merge.Post"], 0), ([], 0)):
        assert times_of(events, plan) == times


FILTER = {"mode": "SCENES", "object_filter": {"tags": {"modifier": "INCLUDES", "value": {"items": [{"id": "3", "label": "x"}], "excluded": [], "depth": 0}}}}


def test_settings_that_name_records() -> None:
    """Numbers are the target's; what is not there, or still has to be made, is left out and said; everything else stays as it is."""
    there = {"tag:3": "tag:30", "saved_filter:8": "saved_filter:80", "saved_filter:9": "saved_filter:-9"}.get
    value, lost = moved("setting:ui.defaultFilters", {"scenes": FILTER, "tags": {"find_filter": {}}}, there)
    assert not lost
    assert value["scenes"]["object_filter"]["tags"]["value"]["items"] == [{"id": "30", "label": "x"}]
    assert value["tags"] == {"find_filter": {}}
    assert moved("setting:ui.defaultFilters", {"scenes": FILTER}, lambda _: None) == ({}, True)
    rows = [{"savedFilterId": 8}, {"mode": "SCENES"}, {"savedFilterId": 9}, {"savedFilterId": 10}, {"savedFilterId": "x"}]
    assert moved("setting:ui.frontPageContent", rows, there) == ([{"savedFilterId": 80}, {"mode": "SCENES"}], True)
    assert moved("setting:ui.other", {"savedFilterId": 8}, there) == ({"savedFilterId": 8}, False)
    assert [is_free(one) for one in ("setting:ui.x", "setting:plugins.x", "setting:general.ui", "scene:5")] == [True, True, False, False]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["savedFilterId", "mode", "object_filter", "tags", "value", "items", "id"]), inner, max_size=3), max_leaves=8))
def test_settings_of_any_shape(value: Any) -> None:
    """Whatever a page has put there, it comes through or is left out, without a failure."""
    for name in ("setting:ui.defaultFilters", "setting:ui.frontPageContent"):
        found, lost = moved(name, value, lambda _: None)
        assert lost or found == value
