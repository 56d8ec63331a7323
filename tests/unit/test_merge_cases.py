"""Merging, differences and translation by example: each kind of list, names among aliases, decisions, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.change.alignment import aligned
from stashport.change.differences import differences
from stashport.change.merge import PRESETS, STRATEGIES, Change, Clash, merged, rule_of
from stashport.change.merge_fields import UNDECIDED
from stashport.change.translate import translated
from stashport.errors import BadFilter, BadRequest
from stashport.model.fields import BY_NAME, FILE, GALLERY, GROUP, IMAGE, KINDS, PERFORMER, SAVED_FILTER, SCENE, TAG
from stashport.model.records import reference_fields, references
from support.records import sample, value

TEN, TEN_ABROAD, ELEVEN = "2020-01-01T10:00:00Z", "2020-01-01T12:00:00+02:00", "2020-01-01T11:00:00Z"


def after(kind, field, mine, theirs, **options):
    """What a field is after a merge; its old value where nothing changes."""
    changes, _ = merged(kind, {"id": "x:1", field: mine}, {"id": "x:2", field: theirs}, **options)
    return changes[0].after if changes else mine


def marker(seconds, tag="tag:1", title=None, end=None, tags=(), made=TEN):
    """A marker as a reader tells it."""
    return {"title": title, "primary_tag": tag, "created_at": made, "updated_at": made, "seconds": seconds, "end_seconds": end, "tags": list(tags)}


def box(endpoint, number, when=TEN):
    """An id of a stash-box."""
    return {"endpoint": endpoint, "stash_id": number, "updated_at": when}


# --- lists --------------------------------------------------------------------------------------------------------------------------------------------


def test_urls_keep_their_order_and_the_first_one() -> None:
    """New URLs come after those that are there; the same ones in another order are no change, unless the list is to be replaced."""
    assert after(SCENE, "urls", ["b", "a"], ["c", "a", "b", "d"]) == ["b", "a", "c", "d"]
    assert after(SCENE, "urls", ["b", "a"], ["a", "b"]) == ["b", "a"]
    assert after(SCENE, "urls", ["b", "a"], ["a", "b"], strategy="replace") == ["a", "b"]
    assert after(SCENE, "urls", ["b", "a"], ["a", "b"], base={"urls": ["b", "a"]}) == ["a", "b"]


def test_aliases_differ_by_more_than_case_and_leave_the_name_out() -> None:
    """What Stash would refuse is not taken in: another case of an alias, or the name itself; what stands there is left alone."""
    mine = {"id": "tag:1", "name": "Outdoors", "aliases": ["Open Air"]}
    theirs = {"id": "tag:7", "name": "outdoors", "aliases": ["open air", "OUTDOORS", "Outside", "outside"]}
    assert merged(TAG, mine, theirs) == ([Change("aliases", ["Open Air"], ["Open Air", "Outside"], "1 more there")], [])
    assert merged(TAG, {**mine, "aliases": ["outdoors"]}, {**theirs, "aliases": []}) == ([], [])


def test_a_new_name_leaves_the_aliases() -> None:
    """Where a name is replaced by one that was an alias, it is an alias no more, even if only the name is told."""
    mine = {"id": "tag:1", "name": "Outdoors", "aliases": ["Outside", "Open air"]}
    changes, _ = merged(TAG, mine, {"id": "tag:7", "name": "outside"}, strategy="overwrite")
    assert [(change.field, change.after) for change in changes] == [("name", "outside"), ("aliases", ["Open air"])]


def test_stash_box_ids() -> None:
    """One id is one however its address is written; a scene has one id for each stash-box, others may have several."""
    mine, theirs = [box("https://Box.example/graphql", "1")], [box("https://box.example/graphql/", "1", ELEVEN), box("https://box.example/graphql", "2")]
    assert after(PERFORMER, "stash_ids", mine, theirs) == [*mine, theirs[1]]
    assert after(SCENE, "stash_ids", mine, theirs[1:]) == mine
    changes, (clash,) = merged(SCENE, {"stash_ids": mine}, {"stash_ids": theirs[1:]}, strategy="prompt")
    assert (changes, clash.mine, clash.theirs, clash.reason) == ([], mine[0], theirs[1], "stash_id: differs")


def test_rows_are_filled() -> None:
    """A scene's place in a group, and the words to a group in a group, come to where there are none."""
    assert after(SCENE, "groups", [{"group": "group:1", "scene_index": None}], [{"group": "group:1", "scene_index": 0}]) == [{"group": "group:1", "scene_index": 0}]
    one, two = {"group": "group:2", "description": None}, {"group": "group:3", "description": "b"}
    assert after(GROUP, "sub_groups", [one, two], [{**two, "description": "other"}, {**one, "description": "a"}]) == [{**one, "description": "a"}, two]


def test_markers_are_one_by_second_and_tag() -> None:
    """Markers of one second and one primary tag are one, filled with what is missing; another tag makes another marker."""
    mine = [marker(12.4, title="Start", tags=["tag:5"])]
    assert after(SCENE, "scene_markers", mine, [marker(12, end=20.0, tags=["tag:6"], made=ELEVEN)]) == [marker(12.4, title="Start", end=20.0, tags=["tag:5", "tag:6"])]
    assert len(after(SCENE, "scene_markers", mine, [marker(12.4, tag="tag:2")])) == 2
    assert len(after(SCENE, "scene_markers", mine, [marker(12.45)], tolerance=0)) == 2
    assert after(SCENE, "scene_markers", mine, [{**mine[0], "created_at": ELEVEN}], strategy="overwrite") == mine


def test_two_alike_markers_stay_two() -> None:
    """Of markers that are alike, the larger number stays, in whatever order they stand."""
    two = [marker(5.0, title="a"), marker(5.0, title="b")]
    assert after(SCENE, "scene_markers", two, two[::-1]) == two
    assert after(SCENE, "scene_markers", two[:1], two[::-1]) == two
    assert after(SCENE, "scene_markers", two, two[1:]) == two


def test_alike_markers_meet_the_one_that_tells_what_they_tell() -> None:
    """Among alike markers a copy meets the one that it says nothing new about, so that it fills no other; the order of the lists has no say."""
    two = [marker(5.0, title="a"), marker(5.0, title="b", end=8.0)]
    assert after(SCENE, "scene_markers", two, [marker(5.0, end=8.0)]) == two
    two = [marker(5.0, end=8.0), marker(5.0, end=9.0)]
    one, other = (after(SCENE, "scene_markers", mine, [marker(5.0, title="a")]) for mine in (two, two[::-1]))
    assert one == other[::-1] != two


def test_as_many_pairs_as_can_be() -> None:
    """Who could meet several leaves to another the only one whom it can meet; equal ones meet first."""
    holds = {("x", "v"), ("x", "w"), ("y", "v")}
    pairs = aligned("xy", "vw", "", lambda item: 0, lambda one, other: (one, other) in holds)
    assert [pair[:2] for pair in pairs] == [("x", "w"), ("y", "v")]
    assert [pair[:2] for pair in aligned("x", "vx", "", lambda item: 0, None)] == [("x", "x"), (None, "v")]


def test_a_marker_that_was_moved_moves() -> None:
    """With a base, a change of place is carried over, and a marker that was edited on one side survives being deleted on the other."""
    base = {"scene_markers": [marker(10.1)]}
    for moved in (marker(10.3), marker(17.0)):
        assert after(SCENE, "scene_markers", [marker(10.1)], [moved], base=base) == [moved]
        assert after(SCENE, "scene_markers", [moved], [marker(10.1)], base=base) == [moved]
    assert after(SCENE, "scene_markers", [marker(10.1)], [], base=base) == []
    assert after(SCENE, "scene_markers", [], [marker(10.1, title="new")], base=base) == [marker(10.1, title="new")]


def test_histories_take_the_larger_count_of_each_instant() -> None:
    """A history that comes twice, or in another zone, adds nothing; two plays in one second stay two."""
    assert after(SCENE, "play_history", [TEN], [TEN_ABROAD, ELEVEN]) == [TEN, ELEVEN]
    assert after(SCENE, "o_history", [TEN], [TEN, TEN]) == [TEN, TEN]
    assert after(SCENE, "o_history", [TEN_ABROAD], [TEN, TEN_ABROAD]) == [TEN_ABROAD, TEN]
    assert after(SCENE, "o_history", [TEN], [TEN_ABROAD, ELEVEN], strategy="replace") == [TEN, ELEVEN]
    assert after(SCENE, "o_history", [TEN, TEN], [TEN_ABROAD, "2020-01-01T10:00:00.7Z"]) == [TEN, TEN]


def test_counters_take_the_larger_and_flags_stay() -> None:
    """By default a counter never goes down, a flag stays as it is, and follows only the side that changed it."""
    assert after(IMAGE, "o_counter", 3, 5) == 5
    assert after(SCENE, "play_duration", 20.5, 10.0) == 20.5
    assert after(SCENE, "organized", False, True) is False
    assert after(SCENE, "organized", False, True, base={"organized": False}) is True
    assert after(SCENE, "organized", True, False, strategy="overwrite") is False
    assert after(SCENE, "rating100", 0, 80) == 0
    assert after(SCENE, "rating100", None, 0) == 0


def test_custom_fields_are_merged_by_name() -> None:
    """Entries that are missing come in, those that are there stay, and with a base each is a question of its own."""
    assert after(PERFORMER, "custom_fields", {"a": 1, "b": ""}, {"b": "x", "c": 2.5}) == {"a": 1, "b": "", "c": 2.5}
    changes, clashes = merged(PERFORMER, {"custom_fields": {"a": 1, "b": 1}}, {"custom_fields": {"a": 2, "b": 2}}, base={"custom_fields": {"a": 0, "b": 1}})
    assert changes[0].after == {"a": 1, "b": 2}
    assert clashes == [Clash("custom_fields", {"a": 1}, {"a": 2}, {"a": 0}, "changed on both sides")]
    assert after(PERFORMER, "custom_fields", {"a": 1}, {"a": 3}, strategy="larger") == {"a": 3}


# --- what is chosen -----------------------------------------------------------------------------------------------------------------------------------


def test_what_a_scan_finds_out_and_when_records_changed_are_left_alone() -> None:
    """No preset writes files, fingerprints, captions or times; a field that is named is written, if anyone may write it."""
    for kind, field in ((FILE, "fingerprints"), (FILE, "captions"), (FILE, "path"), (SCENE, "files"), (SCENE, "created_at"), (SCENE, "updated_at"), (GALLERY, "folder")):
        for preset in PRESETS:
            assert rule_of(kind, kind.by_name[field], preset)[0] == "keep"
    assert rule_of(SCENE, SCENE.by_name["created_at"], {"created_at": "replace"})[0] == "replace"
    assert rule_of(SCENE, SCENE.by_name["captions"], {"captions": "replace"})[0] == "keep"


def test_the_more_exact_name_of_a_strategy_counts() -> None:
    """scene.title before title, title before the rest, and the rest is merged if nothing is said."""
    title = SCENE.by_name["title"]
    assert rule_of(SCENE, title, {"scene.title": "newer", "title": "keep", "*": "overwrite"})[0] == "newer"
    assert rule_of(SCENE, title, {"title": "keep", "*": "overwrite"})[0] == "keep"
    assert rule_of(SCENE, title, {"*": "overwrite"})[0] == "replace"
    assert rule_of(SCENE, title, {"tags": "replace"}) == ("fill", False)
    assert rule_of(SCENE, title, {"title": "prompt"}) == ("fill", True)


def test_sides() -> None:
    """"a" and "b" prefer one of the twins, whichever is the target, and never a blank."""
    for side, strategy, wanted in (("a", "a", "mine"), ("a", "b", "theirs"), ("b", "a", "theirs"), ("b", "b", "mine")):
        assert after(SCENE, "title", "mine", "theirs", strategy=strategy, side=side) == wanted
        assert after(SCENE, "title", None, "theirs", strategy=strategy, side=side) == "theirs"
        assert after(SCENE, "title", "mine", None, strategy=strategy, side=side) == "mine"


def test_newer_goes_by_instants_and_asks_when_it_cannot_tell() -> None:
    """The later record wins by the clock, not by its text; one moment or none is for a person to decide."""
    mine, theirs = {"title": "mine", "updated_at": TEN_ABROAD}, {"title": "theirs", "updated_at": ELEVEN}
    assert merged(SCENE, mine, theirs, strategy="newer") == ([Change("title", "mine", "theirs", "newer there")], [])
    for when in (TEN, None, "odd"):
        assert merged(SCENE, mine, {**theirs, "updated_at": when}, strategy="newer") == ([], [Clash("title", "mine", "theirs", None, "neither is the newer")])


def test_prompt_asks_where_something_would_be_passed_over() -> None:
    """What is missing is filled and lists are united without a question; two different values are a clash, and stay until it is decided."""
    mine = {"title": "mine", "details": None, "tags": ["tag:1"], "organized": True, "play_duration": 1.0}
    theirs = {"title": "theirs", "details": "theirs", "tags": ["tag:2"], "organized": False, "play_duration": 2.0}
    changes, clashes = merged(SCENE, mine, theirs, strategy="prompt")
    assert [change.field for change in changes] == ["details", "play_duration", "tags"]
    assert [(clash.field, clash.mine, clash.theirs, clash.reason) for clash in clashes] == [("title", "mine", "theirs", "differs"), ("organized", True, False, "differs")]


def test_decisions_are_taken() -> None:
    """A decision is a value of its own, for a field or for one row of a list; what stays undecided stays a clash."""
    answers = {"title": "both", "scene_markers": marker(5.0, title="a and b")}
    mine, theirs = ({"title": one, "code": one, "scene_markers": [marker(5.0, title=one), marker({"a": 7.0, "b": 9.0}[one])]} for one in "ab")
    changes, clashes = merged(SCENE, mine, theirs, strategy="prompt", decide=lambda clash: answers.get(clash.field, UNDECIDED))
    assert [clash.field for clash in clashes] == ["code"]
    assert {change.field: change.after for change in changes} == {"title": "both", "scene_markers": [answers["scene_markers"], marker(7.0), marker(9.0)]}


@pytest.mark.parametrize("strategy", ["", "newest", {"title": "mine"}, {"*": "no"}])
def test_a_strategy_that_is_none_is_refused(strategy) -> None:
    """The message names those that there are."""
    with pytest.raises(BadRequest, match=f"choose one of.*{STRATEGIES[0]}"):
        merged(SCENE, {}, {}, strategy=strategy)


def test_rows_of_a_source_that_tells_less() -> None:
    """Markers without end, tags and times, as other programs tell them, change nothing of that and are found by what they tell."""
    mine = [marker(5.0, title="a", end=8.0, tags=["tag:5"])]
    assert after(SCENE, "scene_markers", mine, [{"seconds": 5.0, "primary_tag": "tag:1", "title": "b"}]) == mine
    assert differences(SCENE, {"scene_markers": mine}, {"scene_markers": [{"seconds": 5.0, "primary_tag": "tag:1", "title": "a"}]}) == []


# --- differences --------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "field", "mine", "theirs", "how"), [
    (SCENE, "created_at", TEN, TEN_ABROAD, "spelling"), (SCENE, "created_at", TEN, "2020-01-01T10:00:00.000000001Z", "value"), (SCENE, "created_at", TEN, "2020-01-01T10:00:00.000Z", "spelling"),
    (SCENE, "tags", ["tag:1", "tag:2"], ["tag:2", "tag:1"], ""), (SCENE, "urls", ["a", "b"], ["b", "a"], "order"), (SCENE, "urls", ["a"], ["b"], "value"),
    (SCENE, "play_history", [TEN, ELEVEN], [ELEVEN, TEN_ABROAD], "spelling"), (SCENE, "play_history", [TEN, TEN], [TEN], "value"),
    (SCENE, "date", "2020", "2020-01-01", "value"), (SCENE, "rating100", 0, None, "value"), (SCENE, "title", None, "", ""), (SCENE, "organized", False, None, "value"),
    (SCENE, "play_duration", 0.1 + 0.2, 0.3, "value"), (TAG, "aliases", ["a"], ["A"], "spelling"), (SCENE, "scene_markers", [marker(1.0)], [marker(1.0, made=ELEVEN)], "times"),
    (SCENE, "scene_markers", [marker(1.0)], [marker(1.25)], "value"), (SCENE, "files", ["file:1", "file:2"], ["file:2", "file:1"], "value"),
    (SCENE, "files", ["file:1", "file:2", "file:3"], ["file:1", "file:3", "file:2"], ""), (SAVED_FILTER, "object_filter", {"a": True}, {"a": 1}, "value"),
    (SAVED_FILTER, "object_filter", {"a": 5.0, "b": None}, {"a": 5}, ""), (PERFORMER, "custom_fields", {"a": 1, "b": 2}, {"b": 2, "a": 1}, ""),
    (GROUP, "sub_groups", [{"group": "group:1", "description": None}, {"group": "group:2", "description": None}],
     [{"group": "group:2", "description": None}, {"group": "group:1", "description": None}], "order"),
])  # fmt: skip
def test_how_values_differ(kind, field, mine, theirs, how) -> None:
    """Meaning, order, times of rows and mere spelling are told apart, the same way from both sides."""
    for one, other in ((mine, theirs), (theirs, mine)):
        assert [difference.how for difference in differences(kind, {field: one}, {field: other})] == ([how] if how else [])


def test_lists_tell_what_differs_in_them() -> None:
    """Items on one side only, and pairs that are one thing with other details."""
    mine, theirs = [marker(1.0, title="a"), marker(5.0)], [marker(9.0), marker(1.0, title="b")]
    (found,) = differences(SCENE, {"scene_markers": mine}, {"scene_markers": theirs})
    assert (found.only_mine, found.only_theirs, found.changed) == ((mine[1],), (theirs[0],), ((mine[0], theirs[1]),))
    (found,) = differences(PERFORMER, {"custom_fields": {"a": 1, "b": 1}}, {"custom_fields": {"b": 2, "c": 3}})
    assert (found.only_mine, found.only_theirs, found.changed) == (({"a": 1},), ({"c": 3},), (({"b": 1}, {"b": 2}),))


def test_fields_can_be_chosen_and_absent_ones_do_not_differ() -> None:
    """Only what both tell, and only what was asked for."""
    mine, theirs = {"title": "a", "code": "a", "details": "a"}, {"title": "b", "code": "b"}
    assert [one.field for one in differences(SCENE, mine, theirs)] == ["title", "code"]
    assert [one.field for one in differences(SCENE, mine, theirs, fields={"code", "details"})] == ["code"]


@given(st.data())
def test_no_difference_of_meaning_is_no_change(data) -> None:
    """What compare does not call another value or another order, no merge writes."""
    field = data.draw(st.sampled_from([(kind.name, one.name) for kind in KINDS for one in kind.fields]))
    kind = BY_NAME[field[0]]
    mine, theirs = ({field[1]: data.draw(value(kind.by_name[field[1]]))} for _ in range(2))
    found = differences(kind, mine, theirs)
    assert differences(kind, mine, mine) == []
    if not any(one.how in ("value", "order") for one in found):
        assert [merged(kind, mine, theirs, strategy=strategy) for strategy in (*STRATEGIES, *PRESETS)] == [([], [])] * (len(STRATEGIES) + len(PRESETS))


# --- translation --------------------------------------------------------------------------------------------------------------------------------------


def test_a_library_in_the_numbers_of_another() -> None:
    """Every reference of the sample gets its new number, the records stay as they were, and the way back leads to the beginning."""
    reader = sample()
    for kind, (fields, listed) in ((BY_NAME[name], found) for name, found in reader.library.items() if name != "saved_filter"):
        for record in listed:
            before = repr(record)
            there, unknown = translated(kind, record, lambda one: f"{one}000")
            assert unknown == []
            assert [one for _, one in references(there, reference_fields(fields))] == [f"{one}000" for _, one in references(record, reference_fields(fields))]
            assert repr(record) == before
            assert translated(kind, there, lambda one: one.removesuffix("000"))[0] == record


def test_what_the_target_does_not_have_does_not_come_through() -> None:
    """Unknown references are left out and told, each once; rows about them go, other rows lose only the reference."""
    record = {"id": "scene:1", "studio": "studio:9", "tags": ["tag:1", "tag:9"], "groups": [{"group": "group:9", "scene_index": 1}, {"group": "group:1", "scene_index": 2}],
              "scene_markers": [marker(1.0, tag="tag:1", tags=["tag:9"])]}
    there, unknown = translated(SCENE, record, {"tag:1": "tag:11", "group:1": "group:11"}.get)
    assert unknown == ["studio:9", "tag:9", "group:9"]
    assert there == {"id": "scene:1", "studio": None, "tags": ["tag:11"], "groups": [{"group": "group:11", "scene_index": 2}], "scene_markers": [marker(1.0, tag="tag:11")]}


def test_two_that_are_one_there_come_as_one() -> None:
    """Where two records of the source are one record of the target, it is referred to once."""
    there, _ = translated(SCENE, {"id": "scene:1", "tags": ["tag:2", "tag:1", "tag:3"]}, {"tag:1": "tag:9", "tag:2": "tag:9", "tag:3": "tag:8"}.get)
    assert there["tags"] == ["tag:9", "tag:8"]


def test_saved_filters_are_translated_inside() -> None:
    """The ids in a saved filter's criteria are numbers of its library, and become those of the target; what is not known is refused."""
    criteria = {"tags": {"value": {"items": [{"id": "1", "label": "Outdoors"}, {"id": "9", "label": "Gone"}], "excluded": [{"id": "2", "label": "x"}], "depth": 0}, "modifier": "INCLUDES"},
                "performers": {"value": {"items": [{"id": "1", "label": "Jane"}]}, "modifier": "INCLUDES"}, "rating100": {"value": {"value": 80}, "modifier": "GREATER_THAN"}}
    record = {"id": "saved_filter:1", "mode": "SCENES", "object_filter": criteria}
    there, unknown = translated(SAVED_FILTER, record, {"tag:1": "tag:11", "tag:2": "tag:12", "performer:1": "performer:21"}.get)
    assert unknown == ["tag:9"]
    assert there["object_filter"]["tags"]["value"] == {"items": [{"id": "11", "label": "Outdoors"}], "excluded": [{"id": "12", "label": "x"}], "depth": 0}
    assert there["object_filter"]["performers"]["value"] == {"items": [{"id": "21", "label": "Jane"}]}
    assert there["object_filter"]["rating100"] == criteria["rating100"]
    with pytest.raises(BadFilter):
        translated(SAVED_FILTER, {**record, "object_filter": {"new_thing": {"value": [{"id": "1"}]}}}, lambda one: one)


def test_the_page_names_every_way_to_merge() -> None:
    """docs/changes.md has a row for every preset and every strategy."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "changes.md").read_text("utf-8")
    firsts = " ".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    assert {*STRATEGIES, *PRESETS} <= set(re.findall(r"`(\w+)`", firsts))
