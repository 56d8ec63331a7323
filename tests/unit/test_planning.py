"""Plans: nothing is written while they are made, every record counts once, nothing refers to what is not there, and what was carried out is done."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stashport.change.paths import PathMap
from stashport.change.plan_file import Plan
from stashport.change.steps import CONFLICT, CREATE, DEFERRED, LINK, SKIP, UPDATE
from stashport.model.fields import BY_NAME, SETTING
from stashport.model.records import IdSet, number_of
from stashport.stash.database import DatabaseReader
from support.miniature import sample_library, write_miniature
from support.plans import Library, applied, full, planned, reader, small, steps, without
from support.records import ListReader

SAMPLE: Library = {**small(), **sample_library(pictures=True)}
TAG, BOX = BY_NAME["tag"], "https://box.example/graphql"
EDITED = ("tag", "studio", "performer", "group", "gallery", "scene")
WISHES: list[dict[str, Any]] = [{"strategy": "merge"}, {"strategy": "overwrite"}, {"strategy": "skip"}, {"strategy": "prompt"}, {"exact": True}]


def numbers(*found: int) -> IdSet:
    """A set of numbers."""
    one = IdSet()
    one.add_all(found)
    return one


def sums(plan: Plan) -> dict[str, int]:
    """How many records of each kind a plan counts."""
    return {kind: sum(counts.values()) for kind, counts in plan.totals().items()}


def sizes(library: Library) -> dict[str, int]:
    """How many records of each kind a library has, without kinds that it has none of."""
    return {kind: len(records) for kind, records in library.items() if records}


def edited(library: Library, rng: random.Random, side: str = "") -> Library:
    """A library after somebody worked in it: renamed, retitled, cleared, linked, deleted, made anew."""
    found = copy.deepcopy(library)
    for number in range(rng.randint(1, 12)):
        kind = BY_NAME[rng.choice(EDITED)]
        records = found[kind.name]
        if not records:
            continue
        record, what = rng.choice(records), rng.randrange(8)
        if what == 0:
            f = rng.choice([f for f in kind.fields if f.type == "text" and f.in_database and f.name not in ("name", "aliases")])
            known = f.name != "title" or record.get("files") or record.get("folder")  # by nothing else, where there is no file
            record[f.name] = rng.choice(["x", "y", " blanks ", None] if known else ["x", "y"])
        elif what == 1 and "name" in record:
            record["name"] = f"renamed {side}{number}"
        elif what == 2:
            found = without(found, record["id"])
        elif what == 3 and "name" in record:
            fresh = f"new {side}{number}"
            records.append(full(kind.name, id=f"{kind.name}:{max(number_of(one['id']) for one in records) + 1}", name=fresh))
        elif what == 4 and "rating100" in record:
            record["rating100"] = rng.choice([None, 20, 80])
        elif what == 5:
            f = rng.choice([f for f in kind.fields if f.type in ("texts", "times", "refs") and f.in_database and f.name not in ("files", "parents")])
            if f.type == "refs":
                others = [one["id"] for one in found[f.to] if one["id"] != record["id"]]
                record[f.name] = sorted(rng.sample(others, min(len(others), rng.randrange(4))), key=number_of)
            else:
                more = "2024-02-03T04:05:06Z" if f.type == "times" else f"https://more.example/{side}{number}"
                record[f.name] = [*record[f.name][rng.randrange(2) :], more]
        elif what == 6 and kind.name == "tag":
            record["parents"] = [one["id"] for one in rng.sample(records, min(2, len(records))) if number_of(one["id"]) < number_of(record["id"])]
        elif what == 7 and kind.name == "scene" and found["tag"]:
            row = dict.fromkeys(f.name for f in kind.by_name["scene_markers"].fields) | {"seconds": 5.5, "primary_tag": rng.choice(found["tag"])["id"], "tags": []}
            record["scene_markers"] = [*record["scene_markers"], row]
    return found


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.sampled_from(WISHES), st.booleans())
def test_what_was_carried_out_is_done(tmp_path_factory: pytest.TempPathFactory, rng: random.Random, wish: dict[str, Any], same: bool) -> None:
    """Whatever happened on both sides: the plan counts every record once, can be carried out step by step, and then there is nothing left to do."""
    folder = tmp_path_factory.mktemp("plans")
    source, target = edited(SAMPLE, rng, "there"), edited(SAMPLE, rng, "here")
    before = copy.deepcopy((source, target))
    with planned(source, target, folder, same=same, **wish) as plan:
        assert sums(plan) == sizes(source)
        after = applied(plan, target)
    with planned(source, after, folder, same=same, **wish) as again:
        assert [step for _, step in again.applied()] == []
        assert sums(again) == sizes(source)
    assert (source, target) == before


def test_the_same_library_needs_nothing(tmp_path: Path) -> None:
    """A library onto itself: every record is unchanged, whatever its numbers, and there is not one step."""
    for wish in WISHES:
        with planned(SAMPLE, SAMPLE, tmp_path, **wish) as plan:
            assert steps(plan) == []
            assert {kind: set(counts) for kind, counts in plan.totals().items()} == {
                kind: {"skip" if wish.get("strategy") == "skip" else "unchanged"} for kind in sizes(SAMPLE)}


def test_database_files_keep_every_byte(tmp_path: Path) -> None:
    """Two Stash databases are planned and not changed."""
    one, other = (write_miniature(tmp_path / name, library) for name, library in (("a.sqlite", SAMPLE), ("b.sqlite", edited(SAMPLE, random.Random(7)))))
    before = one.read_bytes(), other.read_bytes()
    with DatabaseReader(one) as a, DatabaseReader(other) as b, planned(a, b, tmp_path, create_files=True) as plan:
        assert plan.count() > 0
        assert sums(plan) == sizes(SAMPLE)
    assert (one.read_bytes(), other.read_bytes()) == before


def test_into_an_empty_library(tmp_path: Path) -> None:
    """With files made too, everything is created; references lead to what the plan made before, and the result is the source."""
    with planned(SAMPLE, small(), tmp_path, create_files=True) as plan:
        assert {kind: set(counts) for kind, counts in plan.totals().items()} == {kind: {"create"} for kind in sizes(SAMPLE)}
        after = applied(plan, small())
    assert sizes(after) == sizes(SAMPLE)
    with planned(SAMPLE, after, tmp_path) as again:
        assert steps(again) == []


# --- order ----------------------------------------------------------------------------------------------------------------------------------------------------


def test_the_order_of_steps(tmp_path: Path) -> None:
    """Updates come before creates of a kind, kinds in the order of the table, and what needs other records when all are there."""
    source = small(tag=[{"name": "old", "description": "d", "parents": ["tag:2"]}, {"name": "new", "aliases": ["alias"], "parents": ["tag:3"]}, {"name": "newer"}],
                   studio=[{"name": "child", "parent_studio": "studio:2"}, {"name": "parent"}])
    with planned(source, small(tag=[{"name": "old"}]), tmp_path) as plan:
        told = [(step.kind, step.action, step.name) for _, step in plan.applied()]
    assert told == [("tag", UPDATE, "old"), ("tag", CREATE, "new"), ("tag", CREATE, "newer"), ("studio", CREATE, "child"), ("studio", CREATE, "parent"),
                    ("tag", LINK, "old"), ("tag", LINK, "new"), ("studio", LINK, "child")]


def test_what_is_not_made_is_not_referred_to(tmp_path: Path) -> None:
    """A scene that is made refers to no gallery that waits; that this is lost is told."""
    source = small(folder=[{"path": "/g"}], gallery=[{"folder": "folder:1"}], scene=[{"title": "s", "galleries": ["gallery:1"]}])
    with planned(source, small(), tmp_path) as plan:
        assert "galleries" not in steps(plan, action=CREATE, kind="scene")[0].record
        assert plan.facts["losses"]["scenes.galleries"]["number"] == 1


def test_equal_letters_are_not_equal_records(tmp_path: Path) -> None:
    """Records that are the same letter by letter differ where the numbers in them stand for other records; a text that looks like a reference is none."""
    source = small(tag=[{"name": "a"}, {"name": "b"}], performer=[{"name": "p", "details": '"tag:1"'}], scene=[{"title": "s", "tags": ["tag:1"]}])
    target = small(tag=[{"name": "b"}, {"name": "a"}], performer=[{"name": "p", "details": '"tag:1"'}], scene=[{"title": "s", "tags": ["tag:1"]}])
    with planned(source, target, tmp_path, strategy="overwrite") as plan:
        assert [(step.kind, step.changes[0].after) for step in steps(plan)] == [("scene", ["tag:2"])]
    with planned(source, small(**{**source, "tag": [{"name": "z", "id": "tag:1"}]}), tmp_path, strategy="overwrite") as plan:
        assert [(step.kind, step.changes[0].after) for step in steps(plan, action=UPDATE)] == [("scene", ["tag:-1"])]


# --- names ----------------------------------------------------------------------------------------------------------------------------------------------------


def ids(number: str) -> list[dict[str, Any]]:
    """A list of one stash-box id."""
    return [{"endpoint": BOX, "stash_id": number, "updated_at": None}]


def test_a_name_that_is_taken_is_a_conflict(tmp_path: Path) -> None:
    """A tag whose name is another one's alias is not made; nothing refers to it, and its record counts once."""
    source = small(tag=[{"name": "Word", "stash_ids": ids("1")}, {"name": "child", "parents": ["tag:1"]}], scene=[{"title": "s", "tags": ["tag:1", "tag:2"]}])
    target = small(tag=[{"name": "Other", "aliases": ["wOrD"], "stash_ids": ids("2")}])
    with planned(source, target, tmp_path) as plan:
        [conflict] = steps(plan, action=CONFLICT)
        assert conflict.source == "tag:1"
        assert conflict.candidates == ((1,), ())
        assert 'alias of "Other"' in conflict.reason
        assert steps(plan, action=CREATE, kind="scene")[0].record["tags"] == ["tag:-2"]
        assert steps(plan, action=LINK) == []
        assert sums(plan) == {"tag": 2, "scene": 1}
        applied(plan, target)


def test_aliases_that_others_have(tmp_path: Path) -> None:
    """They are left out of what is made and of what is changed, which is told, and the rest comes over."""
    source = small(tag=[{"name": "made", "aliases": ["taken", "free"]}, {"name": "there", "aliases": ["TAKEN", "also free"]}])
    target = small(tag=[{"name": "there"}, {"name": "x", "aliases": ["Taken"], "stash_ids": ids("1")}])
    with planned(source, target, tmp_path) as plan:
        after = {tag["name"]: tag["aliases"] for tag in applied(plan, target)["tag"]}
        assert after == {"there": ["also free"], "x": ["Taken"], "made": ["free"]}
        assert "taken" in steps(plan, action=CREATE)[0].reason
        assert plan.facts["losses"]["tags.aliases"]["number"] == 1
    with planned(source, applied(plan_of(source, target, tmp_path), target), tmp_path) as again:
        assert again.count() == 0


def plan_of(source: Library, target: Library, folder: Path, **wish: Any) -> Plan:
    """A plan that stays open for the test."""
    return planned(source, target, folder, **wish)


def test_a_name_that_another_has_now(tmp_path: Path) -> None:
    """A tag that was renamed there, while another took its name here: a conflict about the name, and the rest of its changes come over."""
    source = small(tag=[{"name": "a", "description": "d", "stash_ids": ids("1")}])
    target = small(tag=[{"name": "b", "stash_ids": ids("1")}, {"name": "A", "stash_ids": ids("2")}])
    with planned(source, target, tmp_path, strategy="overwrite") as plan:
        [conflict] = steps(plan, action=CONFLICT)
        assert [clash.field for clash in conflict.clashes] == ["name"]
        assert [change.field for change in steps(plan, action=UPDATE)[0].changes] == ["description"]
        assert sums(plan) == {"tag": 1}
        applied(plan, target)


def test_a_name_that_is_becoming_free(tmp_path: Path) -> None:
    """What takes the name that another gives up in the same plan is a conflict first, since it would be written too early; the next plan does it."""
    source = small(tag=[{"name": "b", "stash_ids": ids("1")}, {"name": "c", "stash_ids": ids("2")}],
                   studio=[{"name": "c", "stash_ids": ids("2")}, {"name": "b", "stash_ids": ids("3")}])
    target = small(tag=[{"name": "a", "stash_ids": ids("1")}, {"name": "b", "stash_ids": ids("2")}], studio=[{"name": "b", "stash_ids": ids("2")}])
    with planned(source, target, tmp_path, strategy="overwrite") as plan:
        assert [(step.kind, bool(step.reason)) for step in steps(plan, action=CONFLICT)] == [("tag", True), ("studio", True)]
        after = applied(plan, target)
    with planned(source, after, tmp_path, strategy="overwrite") as plan:
        after = applied(plan, after)
    assert [sorted(one["name"] for one in after[kind]) for kind in ("tag", "studio")] == [["b", "c"], ["b", "c"]]


def test_an_alias_that_is_becoming_free(tmp_path: Path) -> None:
    """An alias that moved from one tag to another is taken from the first by one plan, which tells the loss, and given to the second by the next."""
    source, target = small(tag=[{"name": "a", "aliases": ["x"]}, {"name": "b"}]), small(tag=[{"name": "a"}, {"name": "b", "aliases": ["x"]}])
    with planned(source, target, tmp_path, exact=True) as plan:
        assert plan.facts["losses"]["tags.aliases"]["number"] == 1
        after = applied(plan, target)
    with planned(source, after, tmp_path, exact=True) as plan:
        assert [tag["aliases"] for tag in applied(plan, after)["tag"]] == [["x"], []]


def test_names_that_differ_only_as_stash_tells_them_apart(tmp_path: Path) -> None:
    """Two new tags of one name but for ASCII case are one too many; letters beyond ASCII, and the wildcards of LIKE, tell names apart."""
    source = small(tag=[{"name": name} for name in ("one", "ONE", "É", "é", "Straße", "STRASSE", "a_b", "aXb", "a%", "abc")])
    with planned(source, small(), tmp_path) as plan:
        assert [step.name for step in steps(plan, action=CONFLICT)] == ["ONE"]
        assert len(applied(plan, small())["tag"]) == 9


def test_performers_may_share_aliases(tmp_path: Path) -> None:
    """Only tags and studios have each alias once."""
    source = small(performer=[{"name": "a", "alias_list": ["x"]}, {"name": "b", "alias_list": ["x"]}])
    with planned(source, small(), tmp_path) as plan:
        assert [step.record["alias_list"] for step in steps(plan, action=CREATE)] == [["x"], ["x"]]


# --- files ----------------------------------------------------------------------------------------------------------------------------------------------------


def file(path: str, md5: str = "") -> dict[str, Any]:
    """A file, known by its path, and by its content if that is told."""
    return {"type": "video", "path": path, "size": 5, "fingerprints": [{"type": "md5", "value": md5}] if md5 else []}


def test_scenes_whose_file_is_known(tmp_path: Path) -> None:
    """A scene is made for a file that is there, with those of its files that are; without any it waits, and without files at all it is made."""
    source = small(file=[file("/a", "1"), file("/b", "2"), file("/c", "3")],
                   scene=[{"title": "known", "files": ["file:2", "file:1"]}, {"title": "unknown", "files": ["file:3"]}, {"title": "none"}])
    target = small(file=[file("/elsewhere", "2")])
    with planned(source, target, tmp_path) as plan:
        assert {step.name: step.record.get("files") for step in steps(plan, action=CREATE)} == {"known": ["file:1"], "none": None}
        assert [step.name for step in steps(plan, action=DEFERRED)] == ["unknown"]
        assert plan.totals()["file"] == {"unchanged": 1, "skip": 2}
        assert plan.facts["losses"]["scenes.files"]["number"] == 1
        assert [kind for kind, reason, number in plan.reasons(SKIP) if "a scan" in reason and number == 2] == ["file"]


def test_files_are_made_when_asked(tmp_path: Path) -> None:
    """With create_files, files, folders and what has them are made, at the paths where they lie now; where the method makes no files, they wait."""
    source = small(folder=[{"path": "/old"}, {"path": "/old/g"}], file=[file("/old/a")], gallery=[{"folder": "folder:2"}, {"title": "album"}],
                   scene=[{"files": ["file:1"]}], image=[{"visual_files": ["file:1"]}])
    with planned(source, small(), tmp_path, create_files=True, paths=PathMap.parse(["/old=/new"])) as plan:
        assert {kind: set(counts) for kind, counts in plan.totals().items()} == {kind: {"create"} for kind in sizes(source)}
        assert [step.record["path"] for step in steps(plan, action=CREATE) if step.kind in ("folder", "file")] == ["/new", "/new/g", "/new/a"]
    with planned(source, small(), tmp_path, create_files=True, creates=lambda kind: kind.name not in ("file", "folder", "image")) as plan:
        found = plan.totals()
        assert (found["scene"], found["image"], found["gallery"]) == ({"deferred": 1}, {"deferred": 1}, {"deferred": 1, "create": 1})
        assert found["file"] == {"skip": 1}
        assert "makes no files" in plan.reasons(SKIP)[-1][1]


def test_images_and_folders_of_galleries_wait_for_a_scan(tmp_path: Path) -> None:
    """Of a file or folder that is there Stash makes an image or a gallery when it scans: until then they wait."""
    source = small(folder=[{"path": "/g"}], file=[file("/a")], image=[{"visual_files": ["file:1"]}], gallery=[{"folder": "folder:1"}])
    with planned(source, small(folder=[{"path": "/g"}], file=[file("/a")]), tmp_path) as plan:
        assert [step.kind for step in steps(plan, action=DEFERRED)] == ["gallery", "image"]


def test_kinds_that_cannot_be_made(tmp_path: Path) -> None:
    """They are left out one by one, with the reason, and what refers to them does without."""
    source = small(group=[{"name": "g"}], scene=[{"title": "s", "groups": [{"group": "group:1", "scene_index": 1}]}])
    with planned(source, small(), tmp_path, creates=lambda kind: kind.name != "group") as plan:
        [left] = steps(plan, action=SKIP)
        assert (left.source, left.reason) == ("group:1", "this way of writing makes no groups")
        assert "groups" not in steps(plan, action=CREATE)[0].record


# --- narrowed ---------------------------------------------------------------------------------------------------------------------------------------------------


def test_single_fields_create_nothing(tmp_path: Path) -> None:
    """Only these fields change; what is not there is left out, which the plan says, and nothing waits."""
    source = small(file=[file("/a")], scene=[{"title": "a", "rating100": 80, "details": "d"}, {"title": "b", "rating100": 20}, {"title": "c", "files": ["file:1"]}])
    target = small(scene=[{"title": "a"}])
    for create in (False, True):
        with planned(source, target, tmp_path, kinds=frozenset({"scene"}), fields={"scene": frozenset({"rating100"})}, create_files=create) as plan:
            assert [[change.field for change in step.changes] for _, step in plan.applied()] == [["rating100"]]
            assert plan.totals() == {"scene": {"update": 1, "skip": 2}}
            assert {step.reason for step in steps(plan, action=SKIP)} == {"only single fields are wanted, and they are written to what is there already"}


def test_a_single_field_beside_the_name(tmp_path: Path) -> None:
    """Only aliases are wanted: one that is the target's own name is left out, though names are not read otherwise, and the name stays."""
    source, target = small(tag=[{"name": "A", "aliases": ["b", "c"], "stash_ids": ids("1")}]), small(tag=[{"name": "B", "stash_ids": ids("1")}])
    with planned(source, target, tmp_path, kinds=frozenset({"tag"}), fields={"tag": frozenset({"aliases"})}, strategy="overwrite") as plan:
        [step] = steps(plan)
        assert [(change.field, change.after) for change in step.changes] == [("aliases", ["c"])]


def test_only_some_records(tmp_path: Path) -> None:
    """Records that are not wanted count nowhere, in conflicts neither, and a conflict is named after one that is wanted."""
    source = small(performer=[{"name": "twin"}, {"name": "TWIN"}, {"name": "c"}, {"name": "d"}])
    target = small(performer=[{"name": "Twin"}, {"name": "c", "details": "x"}])
    with planned(source, target, tmp_path, only={"performer": numbers(2, 3)}) as plan:
        assert plan.totals() == {"performer": {"conflict": 1, "unchanged": 1}}
        assert steps(plan)[0].source == "performer:2"
        assert steps(plan)[0].name == "TWIN"
    with planned(source, target, tmp_path, only={"performer": numbers(2, 4)}, strategy="skip") as plan:
        assert plan.totals() == {"performer": {"conflict": 1, "create": 1}}
    with planned(source, target, tmp_path) as plan:
        assert plan.totals() == {"performer": {"conflict": 2, "unchanged": 1, "create": 1}}


def test_what_only_comes_along_stays_as_it_is(tmp_path: Path) -> None:
    """Kinds that come along are created where they lack, and not changed where they are."""
    source = small(tag=[{"name": "a", "description": "d"}, {"name": "b"}], scene=[{"title": "s", "tags": ["tag:1", "tag:2"]}])
    with planned(source, small(tag=[{"name": "a"}]), tmp_path, kinds=frozenset({"tag", "scene"}), along=frozenset({"tag"})) as plan:
        assert [(step.kind, step.action, step.name) for _, step in plan.applied()] == [("tag", CREATE, "b"), ("scene", CREATE, "s")]


def test_skip_leaves_what_is_there(tmp_path: Path) -> None:
    """With `skip`, what is there counts as skipped, with the reason, whether or not others are made."""
    for library, expected in ((small(tag=[{"name": "a"}, {"name": "b"}]), {"skip": 1, "create": 1}), (small(tag=[{"name": "a"}]), {"skip": 1})):
        for strategy in ("skip", {"*": "skip"}):
            with planned(library, small(tag=[{"name": "A", "description": "mine"}]), tmp_path, strategy=strategy) as plan:
                assert plan.totals() == {"tag": expected}
                assert plan.reasons(SKIP) == [("tag", "it is in this library already, and stays as it is", 1)]


# --- saved filters and markers ------------------------------------------------------------------------------------------------------------------------------------


def saved(items: list[int], excluded: Iterable[int] = (), *, name: str = "f", mode: str = "SCENES", mood: Any = None) -> dict[str, Any]:
    """A saved filter by tags, and on wish by a mood."""
    more = {"mood": mood} if mood else {}
    listed, out = ([{"id": str(one), "label": f"tag {one}"} for one in some] for some in (items, excluded))
    return {"mode": mode, "name": name, "object_filter": {"tags": {"value": {"items": listed, "excluded": out, "depth": 0}, "modifier": "INCLUDES_ALL"}, **more}}


def test_saved_filters_use_the_numbers_of_the_target(tmp_path: Path) -> None:
    """What a filter asks for gets the target's numbers, new ones too; what it leaves out and is not there needs no naming."""
    source = small(tag=[{"name": "a"}, {"name": "b"}], saved_filter=[saved([1, 2], name="both"), saved([1], [9], name="not gone"), saved([], [9], name="only gone")])
    with planned(source, small(tag=[{"id": "tag:7", "name": "a"}]), tmp_path) as plan:
        made = {step.name: step.record["object_filter"] for step in steps(plan, action=CREATE, kind="saved_filter")}
    assert [one["id"] for one in made["both"]["tags"]["value"]["items"]] == ["7", "-2"]
    assert [one["id"] for one in made["not gone"]["tags"]["value"]["items"]] == ["7"]
    assert made["not gone"]["tags"]["value"]["excluded"] == []
    assert made["only gone"] == {}


@pytest.mark.parametrize("there", [True, False])
def test_saved_filters_that_would_choose_other_things_are_skipped(tmp_path: Path, *, there: bool) -> None:
    """One that asks for what is not there, or for what is not known here by a number, is left out with its reason, whether it would be made or changed."""
    odd = {"value": [{"id": "1", "label": "good"}], "modifier": "INCLUDES"}
    source = small(saved_filter=[saved([9], name="gone"), saved([], name="odd", mood=odd), saved([1], name="no mode", mode="MOODS")])
    target = small(saved_filter=[{"mode": one["mode"], "name": one["name"], "object_filter": {}} for one in source["saved_filter"]] if there else [])
    with planned(source, target, tmp_path, strategy="overwrite") as plan:
        found = {step.name: step.reason for step in steps(plan, action=SKIP)}
        assert set(found) == {"gone", "odd", "no mode"}
        assert "not in this library" in found["gone"]
        assert "does not know" in found["odd"]
        assert plan.count() == 0


def test_unknown_criteria_without_numbers_come_over(tmp_path: Path) -> None:
    """A criterion that is not known here and names no record means the same everywhere."""
    source = small(saved_filter=[saved([], name="odd", mood={"value": "good", "modifier": "EQUALS"})])
    with planned(source, small(), tmp_path) as plan:
        assert steps(plan, action=CREATE)[0].record["object_filter"] == source["saved_filter"][0]["object_filter"]


def test_a_filter_of_which_one_field_is_wanted(tmp_path: Path) -> None:
    """Only the criteria are wanted: they get the target's numbers all the same."""
    source = small(tag=[{"name": "a"}], saved_filter=[saved([1])])
    target = small(tag=[{"id": "tag:7", "name": "a"}], saved_filter=[{"mode": "SCENES", "name": "f", "object_filter": {}}])
    with planned(source, target, tmp_path, kinds=frozenset({"saved_filter"}), fields={"saved_filter": frozenset({"object_filter"})}) as plan:
        assert [one["id"] for one in steps(plan)[0].changes[0].after["tags"]["value"]["items"]] == ["7"]


def test_a_marker_needs_its_primary_tag(tmp_path: Path) -> None:
    """A marker whose primary tag does not come over stays out, which is told; other markers come."""
    rows: list[dict[str, Any]] = [{"title": t, "seconds": s, "end_seconds": None, "primary_tag": f"tag:{n}", "tags": [], "created_at": None, "updated_at": None}
                                  for t, s, n in (("gone", 1.0, 2), ("here", 2.0, 1))]
    source = small(tag=[{"name": "a"}, {"name": "b", "stash_ids": ids("1")}], scene=[{"title": "s", "scene_markers": rows}])
    with planned(source, small(tag=[{"name": "x", "aliases": ["b"], "stash_ids": ids("2")}]), tmp_path) as plan:
        assert [row["title"] for row in steps(plan, action=CREATE, kind="scene")[0].record["scene_markers"]] == ["here"]
        assert plan.facts["losses"]["scenes.scene_markers"]["number"] == 1


# --- exact, and what a method cannot write --------------------------------------------------------------------------------------------------------------------------


def test_exact_clears_and_removes(tmp_path: Path) -> None:
    """What the source tells to be empty is cleared, list items that were added since go; times change only where the method writes them."""
    born = {"created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"}
    source = small(tag=[{"name": "t", **born}, {"name": "u", **born}], scene=[{"title": "s", "tags": ["tag:1"], "rating100": None, "play_history": [], **born}])
    later = {"created_at": "2020-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z"}
    scene = {"title": "s", "details": "since", "tags": ["tag:1", "tag:2"], "rating100": 20, "play_history": ["2024-01-01T00:00:00Z"], **later}
    target = small(tag=[{"name": "t", **born}, {"name": "u", **born}], scene=[scene])
    expected = {"details": None, "tags": ["tag:1"], "rating100": None, "play_history": []}
    for cannot, times in ((lambda _: {}, {"updated_at": "2020-01-01T00:00:00Z"}), (lambda _: {"updated_at": "Stash sets it"}, {})):
        with planned(source, target, tmp_path, exact=True, cannot=cannot) as plan:
            changed = {change.field: change.after for _, step in plan.applied() for change in step.changes}
            assert changed == {**expected, **times}
    with planned(source, target, tmp_path, strategy="overwrite") as plan:
        assert {change.field: change.after for _, step in plan.applied() for change in step.changes} == {"tags": ["tag:1"]}


def test_what_a_method_cannot_write_is_counted_and_not_planned(tmp_path: Path) -> None:
    """A field that cannot be written is no change; a record of which nothing else differs is skipped with the reason, and the loss is told."""
    source, target = small(tag=[{"name": "t", "description": "d"}, {"name": "new", "description": "e"}]), small(tag=[{"name": "t"}])
    with planned(source, target, tmp_path, cannot=lambda _: {"description": "nobody can"}) as plan:
        assert [(step.action, step.name, "description" in (step.record or {})) for _, step in plan.applied()] == [(CREATE, "new", False)]
        assert plan.facts["losses"] == {"tags.description": {"number": 2, "reason": "nobody can"}}
        assert plan.totals() == {"tag": {"skip": 1, "create": 1}}
        assert "this way of writing" in plan.reasons(SKIP)[0][1]


def test_titles_can_go_where_there_is_a_file(tmp_path: Path) -> None:
    """Without file and folder a scene or gallery keeps its title, as Stash has it; with one it loses it."""
    born = {"created_at": "2020-01-01T00:00:00Z"}
    media = {"file": [file("/a", "1")], "folder": [{"path": "/g"}]}
    source = small(**media, scene=[{"files": ["file:1"], **born}, {"date": "2020", **born}], gallery=[{"folder": "folder:1", **born}])
    target = small(**media, scene=[{"files": ["file:1"], "title": "t", **born}, {"date": "2020", "title": "u", **born}], gallery=[
        {"folder": "folder:1", "title": "v", **born}])
    with planned(source, target, tmp_path, exact=True, same=False, cannot=lambda _: {"title.cleared": "it keeps it"}) as plan:
        assert [(step.target, [one.after for one in step.changes]) for _, step in plan.applied() if step.action == UPDATE] == [("gallery:1", [None]), ("scene:1", [None])]
    with planned(source, target, tmp_path, exact=True, same=True, cannot=lambda kind: {"title.cleared": "it keeps it"} if kind.name == "scene" else {}) as plan:
        assert [step.target for _, step in plan.applied() if step.action == UPDATE] == ["gallery:1", "scene:1"]
        assert plan.facts["losses"]["scenes.title.cleared"]["number"] == 1


def test_newer_wins_by_the_time_of_change(tmp_path: Path) -> None:
    """With `newer` for one field alone, the times of change are read beside it, and are not changed themselves."""
    old, new = {"updated_at": "2020-01-01T00:00:00Z"}, {"updated_at": "2024-01-01T00:00:00Z"}
    source = small(tag=[{"name": "a", "description": "theirs", **new}, {"name": "b", "description": "theirs", **old}])
    target = small(tag=[{"name": "a", "description": "mine", **old}, {"name": "b", "description": "mine", **new}])
    with planned(source, target, tmp_path, fields={"tag": frozenset({"description"})}, strategy={"description": "newer"}) as plan:
        assert [(step.name, [one.field for one in step.changes]) for step in steps(plan)] == [("a", ["description"])]


def test_blanks_at_the_ends_of_texts(tmp_path: Path) -> None:
    """Where the method cuts them off, a text that differs by them alone is no change; one that is written is planned without them."""
    source, target = small(tag=[{"name": "t", "description": "same "}, {"name": "u", "description": " other"}]), small(tag=[
        {"name": "t", "description": "same"}, {"name": "u"}])
    with planned(source, target, tmp_path, strategy="overwrite", cannot=lambda _: {"text.blanks": "cut"}) as plan:
        assert [[(one.field, one.after) for one in step.changes] for _, step in plan.applied()] == [[("description", "other")]]


# --- decisions --------------------------------------------------------------------------------------------------------------------------------------------------------

TWINS = small(performer=[{"name": "twin", "details": "1"}, {"name": "TWIN", "details": "2"}], scene=[{"title": "s", "performers": ["performer:1", "performer:2"]}])


def test_a_decided_pair(tmp_path: Path) -> None:
    """What was said to be the same is, for what refers to it too; the other one of the conflict is nobody's and is made."""
    target = small(performer=[{"name": "Twin"}], scene=[{"title": "s"}])
    with planned(TWINS, target, tmp_path, decisions={"pairs": [{"kind": "performer", "source": 1, "target": 1}]}) as plan:
        assert [(step.action, step.source, step.tier) for step in steps(plan, kind="performer")] == [(UPDATE, "performer:1", "decided"), (CREATE, "performer:2", "")]
        assert steps(plan, kind="scene")[0].changes[0].after == ["performer:1", "performer:-2"]
        assert sums(plan) == sizes(TWINS)


def test_new_and_left_out(tmp_path: Path) -> None:
    """`new` makes a record, also of one that was matched; `leave` leaves it out with the reason; what was not decided stays a conflict."""
    target = small(performer=[{"name": "Twin"}], scene=[{"title": "s"}])
    with planned(TWINS, target, tmp_path, decisions={"new": [{"kind": "performer", "source": 1}], "leave": [{"kind": "scene", "source": 1}]}) as plan:
        assert plan.totals() == {"performer": {"create": 1, "conflict": 1}, "scene": {"skip": 1}}
        assert steps(plan, action=CONFLICT)[0].candidates == ((2,), (1,))
        assert steps(plan, action=SKIP)[0].reason == "it was decided to leave it out"
    with planned(small(tag=[{"name": "a"}]), small(group=[{"name": "g"}]), tmp_path, decisions={"new": [{"kind": "group", "source": 1}]}) as plan:
        assert plan.totals() == {"tag": {"create": 1}}
    source = small(group=[{"name": "g"}])
    with planned(source, source, tmp_path, decisions={"new": [{"kind": "group", "source": 1}]}) as plan:
        assert plan.totals() == {"group": {"create": 1}}


def test_a_pair_frees_the_target_of_its_other_match(tmp_path: Path) -> None:
    """A record whose counterpart was given to another has none any more, and is made; it still counts."""
    source, target = small(group=[{"name": "a"}, {"name": "b"}]), small(group=[{"name": "a"}])
    with planned(source, target, tmp_path, decisions={"pairs": [{"kind": "group", "source": 2, "target": 1}]}, strategy="overwrite") as plan:
        assert [(step.action, step.name) for _, step in plan.applied()] == [(UPDATE, "b"), (CREATE, "a")]
        assert sums(plan) == {"group": 2}


def test_pairs_with_what_is_not_there_do_not_count(tmp_path: Path) -> None:
    """A decision about a record that is gone on either side changes nothing: no reference leads into nowhere, and nobody is asked for it."""
    with planned(TWINS, TWINS, tmp_path, decisions={"leave": [{"kind": "performer", "source": 99}], "new": [{"kind": "scene", "source": 98}]}) as plan:
        assert plan.totals() == {"performer": {"unchanged": 2}, "scene": {"unchanged": 1}}
    target = small(performer=[{"name": "Twin"}], scene=[{"title": "s"}])
    for pair in ({"source": 1, "target": 99}, {"source": 99, "target": 1}):
        with planned(TWINS, target, tmp_path, decisions={"pairs": [{"kind": "performer", **pair}]}) as plan:
            assert plan.totals() == {"performer": {"conflict": 2}, "scene": {"unchanged": 1}}


def test_decided_fields(tmp_path: Path) -> None:
    """With `prompt`, a field that differs is a conflict until it is decided; then it is a change, and the record counts once either way."""
    source, target = small(scene=[{"title": "t", "details": "theirs", "director": "d"}]), small(scene=[{"title": "t", "details": "mine", "director": "e"}])
    with planned(source, target, tmp_path, strategy="prompt") as plan:
        assert [clash.field for clash in steps(plan)[0].clashes] == ["details", "director"]
        assert plan.totals() == {"scene": {"conflict": 1}}
    fields = [{"kind": "scene", "source": 1, "field": "details", "take": "value", "value": "decided"}]
    with planned(source, target, tmp_path, strategy="prompt", decisions={"fields": fields}) as plan:
        assert [(step.action, step.counted) for step in steps(plan)] == [(CONFLICT, True), (UPDATE, False)]
        assert [clash.field for clash in steps(plan)[0].clashes] == ["director"]
        assert steps(plan)[1].record == {"id": "scene:1", "details": "decided"}
        assert plan.fields() == {"scene": {"details": 1}}
    like = [{"kind": "scene", "field": "director", "take": "target"}]
    with planned(source, target, tmp_path, strategy="prompt", decisions={"fields": fields, "like": like}) as plan:
        assert plan.totals() == {"scene": {"update": 1}}


# --- one Stash at two times, settings ---------------------------------------------------------------------------------------------------------------------------------


def test_renamed_since(tmp_path: Path) -> None:
    """Onto the very Stash that it is from, a tag that was renamed since gets its name back, and then the time of its last change; it is not made again."""
    born = {"created_at": "2020-01-01T00:00:00Z"}
    source, target = small(tag=[{"name": "before", **born}]), small(tag=[{"name": "after", **born}])
    with planned(source, target, tmp_path, same=True, exact=True) as plan:
        assert [(step.action, step.tier, [one.field for one in step.changes]) for _, step in plan.applied()] == [
            (UPDATE, "record", ["name"]), (LINK, "record", ["updated_at"])]
    with planned(source, target, tmp_path, exact=True) as plan:
        assert plan.totals() == {"tag": {"create": 1}}


def test_settings_but_for_paths(tmp_path: Path) -> None:
    """Settings are changed where they differ; paths and what this Stash does not have are left out, and it is told; without asking nothing is."""

    def with_settings(*found: tuple[str, str, Any]) -> ListReader:
        library = reader(small())
        library.library["setting"] = (SETTING.fields, [{"id": f"setting:{s}.{k}", "section": s, "key": k, "value": v} for s, k, v in found])
        return library

    source = with_settings(("interface", "language", "de-DE"), ("general", "cachePath", "/there"), ("general", "logLevel", "Info"), ("general", "newer", 1))
    target = with_settings(("interface", "language", "en-GB"), ("general", "cachePath", "/here"), ("general", "logLevel", "Info"))
    with planned(source, target, tmp_path, settings=True) as plan:
        assert [(step.target, step.after["value"]) for _, step in plan.applied()] == [("setting:interface.language", "de-DE")]
        assert plan.totals() == {"setting": {"update": 1, "skip": 2, "unchanged": 1}}
        assert {reason for _, reason, _ in plan.reasons(SKIP)} == {"paths are each machine's own", "this Stash has no such setting"}
    with planned(source, target, tmp_path) as plan:
        assert plan.totals() == {}
    with planned(source, reader(small()), tmp_path, settings=True) as plan:
        assert plan.totals() == {}


def test_fields_that_the_target_does_not_have(tmp_path: Path) -> None:
    """What came with a newer Stash than the target's is not sent to it, and told as lost."""
    source = reader(small(scene=[{"title": "s"}]))
    fields, records = source.library["scene"]
    source.library["scene"] = (tuple(f for f in BY_NAME["scene"].fields if f in fields or f.name == "custom_fields"), [
        {**record, "custom_fields": {"mood": "good"}} for record in records])
    with planned(source, small(), tmp_path) as plan:
        assert "custom_fields" not in steps(plan)[0].record
        assert plan.facts["losses"]["scenes.custom_fields"]["number"] == 1
