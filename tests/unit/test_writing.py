"""Writing through Stash's API, as far as no Stash is needed: what is sent for what differs, and who is refused when a request is."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.errors import ServerError
from stashport.model.fields import BY_NAME, GALLERY, KINDS, PERFORMER, SCENE, TAG
from stashport.stash.writing import ApiWriter
from stashport.stash.writing_calls import MOST_BYTES, Answer, Calls, call, in_words, powers
from stashport.stash.writing_inputs import Inputs, InputTypes, Item, Slot, differs, seconds, sendable
from stashport.stash.writing_limits import CANNOT
from stashport.stash.writing_rows import CHAPTERS, MARKERS, paired, write_rows
from stashport.stash.writing_settings import with_secrets
from support.records import value

CREATE = call("tagCreate", "input:TagCreateInput!", "{id}")
LIST = call("scenesUpdate", "input:[SceneUpdateInput!]!", "{id}")
PLAY = call("sceneAddPlay", "id:ID!,times:[Timestamp!]", "{count}")


class Reply:
    """An answer of the server below: its status and what it tells."""

    def __init__(self, told, status=200):
        self.told, self.status_code = told, status


class Pretend:
    """A server that refuses what is called bad as Stash does: alone ("each"), as a whole ("422"), or as locked for some times."""

    url = "http://pretend"

    def __init__(self, *, locked=0, nullable=True):
        self.documents, self.done, self.locked, self.nullable = [], [], locked, nullable
        self._tracer = None

    def _parse(self, reply):
        return reply.told

    def _request(self, _method, _path, *, body, again):
        assert not again  # nothing that writes is sent twice by itself
        asked = json.loads(body)
        self.documents.append(asked["query"])
        inputs = list(asked["variables"].values())
        if isinstance(inputs[0], list):
            bad = [one for one in inputs[0] if one["bad"]]
            if bad:
                return Reply({"data": {"c0": None}, "errors": [{"message": "bad one", "path": ["c0"]}]})
            self.done += [one["n"] for one in inputs[0]]
            return Reply({"data": {"c0": []}})
        if any(one["bad"] == "422" for one in inputs):
            return Reply({"errors": [{"message": "X is not a valid enum", "path": ["variable", "input0", "gender"]}], "data": None}, 422)
        data, errors = {}, []
        for n, one in enumerate(inputs):
            if one["bad"] == "each":
                data[f"c{n}"] = None
                errors.append({"message": f"bad {one['n']}", "path": [f"c{n}"]})
            elif one["bad"] == "locked" and self.locked:
                self.locked -= 1
                data[f"c{n}"] = None
                errors.append({"message": "database is locked", "path": [f"c{n}"]})
            else:
                self.done.append(one["n"])
                data[f"c{n}"] = {"id": str(one["n"])}
        return Reply({"data": data if self.nullable or not errors else None, **({"errors": errors} if errors else {})})


def items_of(kinds):
    """Inputs with their number, and what is bad about them."""
    return [{"n": n, "bad": bad} for n, bad in enumerate(kinds)]


@given(st.lists(st.sampled_from(["", "", "", "each", "422"]), max_size=300))
def test_the_bad_ones_alone_are_refused(bad):
    """However a server refuses, each call has its own answer, in order, and every good one is carried out exactly once."""
    server = Pretend()
    answers = Calls(server).each(CREATE, [{"input": one} for one in items_of(bad)])
    assert [bool(answer.reason) for answer in answers] == [bool(one) for one in bad]
    assert [answer.value["id"] for answer in answers if not answer.reason] == [str(n) for n, one in enumerate(bad) if not one]
    assert sorted(server.done) == [n for n, one in enumerate(bad) if not one]


@given(st.lists(st.booleans(), max_size=500))
def test_a_refused_list_is_split(bad):
    """A list that is all or nothing comes apart until the bad ones are alone; the good ones are done once."""
    server = Pretend()
    reasons = Calls(server).lists(LIST, items_of(bad), make=lambda chunk: {"input": chunk})
    assert [bool(reason) for reason in reasons] == bad
    assert sorted(server.done) == [n for n, one in enumerate(bad) if not one]


def test_what_was_locked_is_sent_again_and_nothing_else(monkeypatch):
    """A call that found the database locked wrote nothing, while those beside it did: only it is repeated."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    server = Pretend(locked=3)
    answers = Calls(server).each(CREATE, [{"input": one} for one in items_of(["", "locked", "", "locked", "each"])])
    assert [bool(answer.reason) for answer in answers] == [False, False, False, False, True]
    assert sorted(server.done) == [0, 1, 2, 3]


def test_answers_without_data_tell_who_was_refused():
    """Where one refusal takes all data with it, those that are not named were done."""
    answers = Calls(Pretend(nullable=False)).each(PLAY, [{"id": one, "times": one} for one in items_of(["", "", ""])])
    assert len(answers) == 3
    server = Pretend(nullable=False)
    assert [bool(a.reason) for a in Calls(server).each(CREATE, [{"input": one} for one in items_of(["", "each", ""])])] == [False, True, False]
    assert server.done == [0, 2]


@pytest.mark.parametrize("told", [{"errors": [{"message": "boom"}]}, {}, {"data": {"c0": 1}, "errors": [{"message": "boom"}]}])
def test_what_is_not_clear_is_an_error(told):
    """An answer that does not say what was done is never taken for a refusal of one record."""
    server = Pretend()
    server._request = lambda *_, **__: Reply(told)
    with pytest.raises(ServerError):
        Calls(server).each(CREATE, [{"input": {}}])


def test_documents_are_few():
    """However many calls there are, there is one document for each power of two."""
    server = Pretend()
    calls = Calls(server)
    for count in range(300):
        calls.each(CREATE, [{"input": one} for one in items_of([""] * count)])
    assert len(set(server.documents)) == 8


def test_large_inputs_go_in_small_requests():
    """Pictures count: a request is sent when it is large, not only when it has many calls."""
    server = Pretend()
    Calls(server).each(CREATE, ({"input": {"n": n, "bad": "", "image": "x" * MOST_BYTES}} for n in range(3)))
    assert len(server.documents) == 3


@given(st.integers(0, 5000))
def test_powers_add_up(number):
    """The powers of two are those of the number, each once, largest first."""
    found = list(powers(number))
    assert sum(found) == number
    assert found == sorted(set(found), reverse=True)


def test_a_call_is_one_constant_text():
    """A document names its variables by their place, and holds no value."""
    assert PLAY.document(2) == (
        "mutation StashPortWrite($id0:ID!,$times0:[Timestamp!],$id1:ID!,$times1:[Timestamp!])"
        "{c0:sceneAddPlay(id:$id0,times:$times0){count} c1:sceneAddPlay(id:$id1,times:$times1){count}}"
    )


@pytest.mark.parametrize(("said", "shown"), [
    ('converting date: failed to parse date "2020-13-45": [ParseDateStringAsTime failed]', 'Stash takes no date like "2020-13-45"'),
    ('converting death date: failed to parse date "soon": [x]', 'Stash takes no date like "soon"'),
    ("executing `INSERT ..` [secret 1]: UNIQUE constraint failed", "UNIQUE constraint failed"),
    ("tag with name 'plain' already exists", "tag with name 'plain' already exists"),
])  # fmt: skip
def test_reasons_are_in_words(said, shown):
    """What a server says is put so that people can use it; statements and their values are not shown."""
    assert in_words(said) == shown


@pytest.mark.parametrize("said", ["tag with name 'a_b' already exists", "name '50%' is used as alias for 'x'", "performer with name 'a_b' and disambiguation 'c' already exists"])
def test_wildcards_are_explained(said):
    """A name with % or _ may have met another one: the reason says so."""
    assert "as any letter" in in_words(said)


# --- what differs -----------------------------------------------------------------------------------------------------------------------------------


@given(st.data())
def test_nothing_differs_from_itself(data):
    """No value of any field of any kind has to be written to become what it is."""
    kind = data.draw(st.sampled_from(KINDS))
    of = data.draw(st.sampled_from(kind.fields))
    one = data.draw(value(of))
    if of.name in ("scene_markers", "chapters", "stash_ids"):
        one = json.loads(json.dumps(one)) if one else one
    assert not differs(of, one, one)
    assert not differs(of, json.loads(json.dumps(one)), one)


@pytest.mark.parametrize(("kind", "name", "mine", "wanted", "expected"), [
    (TAG, "description", None, "  ", False), (TAG, "description", "a", " a ", False), (TAG, "description", "a", "b", True), (TAG, "favorite", True, None, False),
    (TAG, "aliases", ["b", "a"], ["a", "b"], False), (SCENE, "urls", ["b", "a"], ["a", "b"], True), (SCENE, "tags", ["tag:1", "tag:2"], ["tag:2", "tag:1"], False),
    (SCENE, "files", ["file:1", "file:2"], ["file:2", "file:1"], True), (SCENE, "resume_time", 0.0, None, False), (SCENE, "rating100", 0, None, True),
    (SCENE, "play_history", ["2020-01-01T10:00:00Z"], ["2020-01-01T12:00:00.9+02:00"], False),
    (SCENE, "play_history", ["2020-01-01T10:00:00Z"], ["2020-01-01T10:00:00Z"] * 2, True), (PERFORMER, "custom_fields", {"a": 5}, {"a": 5.0}, False),
    (PERFORMER, "custom_fields", {"a": 5}, {"a": "5"}, True), (PERFORMER, "custom_fields", {}, {"a": 1}, True),
])  # fmt: skip
def test_what_counts_as_different(kind, name, mine, wanted, expected):
    """Blank texts, trimmed texts, sets in another order and instants in another spelling are no reason to write."""
    assert differs(kind.by_name[name], mine, wanted) is expected


def test_ids_of_stash_boxes_count_with_their_time():
    """Another time is written; a time that is not told, or the same instant, is not."""
    of = TAG.by_name["stash_ids"]

    def row(when):
        return [{"endpoint": "e", "stash_id": "s", "updated_at": when}]

    assert not differs(of, row("2020-01-01T10:00:00Z"), row("2020-01-01T12:00:00+02:00"))
    assert differs(of, row("2020-01-01T10:00:00Z"), row("2020-01-01T10:00:01Z"))
    assert not differs(of, row("2020-01-01T10:00:00Z"), row(None))
    assert differs(of, [], row(None))


def test_instants_are_sent_in_utc_to_the_second():
    """Whatever the spelling, what is sent is what Stash stores; an early year keeps its four digits."""
    assert seconds(["2020-01-01T10:00:00.999+02:00", "0999-01-01T00:00:00Z", "never"]) == ["2020-01-01T08:00:00Z", "0999-01-01T00:00:00Z"]


# --- inputs -----------------------------------------------------------------------------------------------------------------------------------------

TYPES = InputTypes(
    {
        "PerformerUpdateInput": {"id": Slot("ID", True), **{f.write: Slot("String", False) for f in PERFORMER.fields}, "gender": Slot("GenderEnum", False),
                                 "custom_fields": Slot("CustomFieldsInput", False)},
        "GalleryCreateInput": {"title": Slot("String", True), "tag_ids": Slot("ID", False)},
        "Deep": {"inner": Slot("Inner", False), "plain": Slot("Map", False)}, "Inner": {"known": Slot("Int", False)},
    },
    {"GenderEnum": frozenset({"MALE", "FEMALE"})},
)  # fmt: skip


def made(kind, type_name, wanted, image=lambda _: b"bytes"):
    """The input for some fields, and the item with what was said."""
    item = Item({"id": f"{kind.name}:7"}, wanted, f"{kind.name}:7")
    return Inputs(TYPES, image).main(kind, item, type_name, [kind.by_name[name] for name in wanted]), item


def test_an_input_has_the_servers_names_and_spelling():
    """References are bare numbers, null clears, what may not be null is left out, custom fields replace all others."""
    wanted = {"name": None, "favorite": None, "birthdate": None, "tags": ["tag:3", "tag:4"], "alias_list": None, "custom_fields": None, "image": "md5:x"}
    found, item = made(PERFORMER, "PerformerUpdateInput", wanted)
    assert found == {
        "id": "7", "birthdate": None, "tag_ids": ["3", "4"], "alias_list": [], "custom_fields": {"full": {}}, "image": "data:image/any;base64,Ynl0ZXM=",
    }  # fmt: skip
    assert not item.refused
    assert not item.reasons


def test_an_unknown_name_of_an_enum_is_refused_before_it_is_sent():
    """A gender that the server does not know would have the whole request refused."""
    _, item = made(PERFORMER, "PerformerUpdateInput", {"gender": "OTHER"})
    assert item.refused
    assert item.reasons == ['Stash knows no gender "OTHER"']


def test_what_must_be_there_is_asked_for():
    """A gallery without title is refused with words."""
    _, item = made(GALLERY, "GalleryCreateInput", {"tags": []})
    assert item.refused
    assert item.reasons == ["Stash takes no gallery without a title"]


def test_fields_that_cannot_be_sent_are_named():
    """Missing pictures, numbers that would become 0 and bytes that are no text are told, and the rest is sent."""
    found, item = made(PERFORMER, "PerformerUpdateInput", {"image": "md5:x", "custom_fields": {"a": 1e22}, "details": "caf\udce9"}, lambda _: None)
    assert found == {"id": "7", "details": "caf\udce9"}
    assert not item.refused
    assert sorted(reason.split(":")[0] for reason in item.reasons) == ["custom_fields", "details", "image"]


def test_rows_are_sent_with_the_inputs_names():
    """A scene's groups and a group's sub-groups name groups by number; a time that is not told is left out."""
    assert sendable(SCENE.by_name["groups"], [{"group": "group:2", "scene_index": None}]) == [{"group_id": "2", "scene_index": None}]
    assert sendable(BY_NAME["group"].by_name["sub_groups"], [{"group": "group:2", "description": "d"}]) == [{"group_id": "2", "description": "d"}]
    assert sendable(TAG.by_name["stash_ids"], [{"endpoint": "e", "stash_id": "s", "updated_at": None}]) == [{"endpoint": "e", "stash_id": "s"}]


def test_what_an_input_does_not_know_is_left_out():
    """At any depth, but free maps stay as they are."""
    assert TYPES.trimmed("Deep", {"inner": [{"known": 1, "new": 2}], "plain": {"any": 1}, "other": 1}) == {"inner": [{"known": 1}], "plain": {"any": 1}}


# --- rows -------------------------------------------------------------------------------------------------------------------------------------------


def marker(second, tag=1, title="", **more):
    """A marker of a scene."""
    return {"title": title, "seconds": float(second), "end_seconds": None, "primary_tag": f"tag:{tag}", "tags": [], **more}


MARKERS_DRAWN = st.lists(st.builds(marker, st.sampled_from([0, 0.2, 1, 1.4, 5]), st.integers(1, 2), st.sampled_from(["a", "b"])), max_size=6)


@given(MARKERS_DRAWN, MARKERS_DRAWN)
def test_rows_are_paired_one_to_one(here, wanted):
    """Every row is paired, removed or made exactly once; equal rows are left alone; rows are made or removed only when the other side has run out."""
    numbered = [{**row, "id": str(n)} for n, row in enumerate(here)]
    pairs, extra, lacking = paired(numbered, wanted, MARKERS.key, MARKERS.near)
    equal = Counter(map(MARKERS.key, here)) & Counter(map(MARKERS.key, wanted))
    assert len(pairs) + len(extra) == len(here) - equal.total()
    assert Counter(MARKERS.key(row) for _, row in pairs) + Counter(map(MARKERS.key, lacking)) == Counter(map(MARKERS.key, wanted)) - equal
    assert len({row["id"] for row, _ in pairs} | {row["id"] for row in extra}) == len(pairs) + len(extra)
    assert not (extra and lacking)


def test_a_marker_that_was_moved_a_little_is_the_same_marker():
    """The nearest of one primary tag keeps its id, though another could be written over as well."""
    here = [marker(10, 1, "x", id="1"), marker(10.3, 1, "y", id="2"), marker(10.1, 2, "z", id="3")]
    pairs, extra, lacking = paired(here, [marker(10.25, 1, "new")], MARKERS.key, MARKERS.near)
    assert [(one["id"], other["title"]) for one, other in pairs] == [("2", "new")]
    assert [row["id"] for row in extra] == ["1", "3"]
    assert lacking == []


def test_two_markers_in_one_second_stay_two():
    """Equal rows are counted, not merged."""
    pairs, extra, lacking = paired([marker(3, id="1")], [marker(3), marker(3)], MARKERS.key, MARKERS.near)
    assert (pairs, extra, len(lacking)) == ([], [], 1)


@pytest.mark.parametrize("answer", [Answer(None, "an internal error"), Answer(None)])
def test_rows_are_not_made_where_it_is_not_known_what_is_there(answer):
    """When the rows of a record cannot be read, none is made: they would stand there twice."""
    asked = []

    class Deaf(Calls):
        def each(self, what, sent, *, most=1):
            asked.append((what.operation, list(sent)))
            return [answer for _ in asked[-1][1]]

    item = Item({"id": "scene:1"}, {"scene_markers": [marker(1)]}, "scene:1")
    write_rows(MARKERS, Deaf(Pretend()), [item])
    assert [sent for operation, sent in asked if operation == "mutation"] == [[], [], []]
    assert item.reasons[0].startswith("scene_markers: ")


def test_chapters_are_known_by_their_image():
    """A chapter with another title at the same image is that chapter."""
    pairs, _, _ = paired([{"id": "1", "title": "a", "image_index": 1}, {"id": "2", "title": "b", "image_index": 2}],
                         [{"title": "c", "image_index": 2}, {"title": "d", "image_index": 1}], CHAPTERS.key, CHAPTERS.near)  # fmt: skip
    assert sorted((one["id"], other["title"]) for one, other in pairs) == [("1", "d"), ("2", "c")]


# --- settings and limits ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("here", "wanted", "expected"), [
    ({"apiKey": "k", "a": 1}, {"a": 2}, {"apiKey": "k", "a": 2}), ({"apiKey": "k"}, {"apiKey": "other"}, {"apiKey": "other"}),
    ({"deep": {"token": "t", "b": 1}}, {"deep": {"b": 2}, "new": 3}, {"deep": {"token": "t", "b": 2}, "new": 3}), ({"a": 1, "b": 2}, {"a": 1}, {"a": 1}),
    (None, {"a": 1}, {"a": 1}), ([{"name": "x", "password": "p"}], [{"name": "x"}], [{"name": "x", "password": "p"}]), ({"token": "t"}, None, None),
])  # fmt: skip
def test_secrets_that_are_here_stay(here, wanted, expected):
    """A value that came without secrets does not delete those that are set, and what is not secret is set as it is wanted."""
    assert with_secrets(here, wanted) == expected


def test_the_list_of_limits_fits_the_table():
    """Every kind has its list, every entry names a field, and nothing that can only be written by SQL is missing from it."""
    assert CANNOT.keys() == {kind.name for kind in KINDS}
    for kind in KINDS:
        heads = {name.split(".")[0] for name in CANNOT[kind.name]}
        assert heads <= {"text", *kind.by_name}
        assert {f.name for f in kind.fields if f.write == "sql"} <= heads
        for f in kind.fields:
            assert {f"{f.name}.{one.name}" for one in f.fields if one.write == "sql"} <= CANNOT[kind.name].keys() or f.name in CANNOT[kind.name]


def test_what_is_found_by_a_scan_is_not_made():
    """Kinds and galleries that only a scan can make are refused one by one, without asking the server."""

    class Can:
        arguments = dict.fromkeys(["galleryCreate", "tagCreate"], frozenset())

    writer = ApiWriter.__new__(ApiWriter)
    writer._calls, writer._can, writer._types = Calls(Pretend()), Can(), TYPES
    writer._inputs = Inputs(TYPES, lambda _: None)
    for name in ("file", "folder", "image", "setting"):
        assert not writer.creates(BY_NAME[name])
        assert [done.id for done in writer.create(BY_NAME[name], [{}, {}])] == [None, None]
    refused = writer.create(GALLERY, [{"title": "a", "folder": "folder:1"}, {"title": "b", "files": ["file:1"]}])
    assert all(done.id is None and "scan" in done.reason for done in refused)
