"""Writing into a real Stash through its API: everything arrives but what is declared, twice is once, one bad record harms no other."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import sqlite3
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from stashport.errors import Unreachable
from stashport.model.fields import BY_NAME, FILE, GALLERY, GROUP, IMAGE, KINDS, PERFORMER, SAVED_FILTER, SCENE, SETTING, STUDIO, TAG
from stashport.model.records import IdSet, number_of
from stashport.stash.connection import Connection
from stashport.stash.database import DatabaseReader
from stashport.stash.graphql import GraphQLReader
from stashport.stash.writing import ApiWriter, Written
from stashport.stash.writing_inputs import differs, seconds
from support.stash import RealStash

PICTURES = {hashlib.md5(data).hexdigest(): data for data in (b"one picture", b"another picture", b"a third")}
FIRST, SECOND, THIRD = (f"md5:{checksum}" for checksum in PICTURES)
BOX = {"endpoint": "https://box.example/graphql", "stash_id": "6b2ee2ba-0000-4000-8000-0000000000aa", "updated_at": "2021-03-04T05:06:07+02:00"}
TIMES = {"created_at": "2001-02-03T04:05:06Z", "updated_at": "2002-03-04T05:06:07Z"}
ALWAYS = {"created_at", "updated_at"}


class Place:
    """A Stash of its own, a writer to it that counts its mutations, and what is in it."""

    def __init__(self, stash: RealStash, pictures=PICTURES.get):
        self.stash, self.documents = stash, []
        self.connection = Connection(stash.url, tracer=lambda document, _: self.documents.append(document))
        self.writer = ApiWriter(self.connection, pictures)

    def read(self, kind, only=None):
        """Records by id, all or some, from the database."""
        ids = None
        if only is not None:
            ids = IdSet()
            ids.add_all(map(number_of, only))
        with DatabaseReader(self.stash.database) as reader:
            return {record["id"]: record for batch in reader.batches(kind, reader.fields(kind), ids) for record in batch.records}

    def mutations(self):
        """How many mutations were sent since this was asked last."""
        sent = [document for document in self.documents if document.startswith("mutation")]
        self.documents.clear()
        return len(sent)

    def create(self, kind, *records):
        """Make records that nothing is wrong with; their ids."""
        done = self.writer.create(kind, records)
        assert [one.reason for one in done] == [""] * len(records)
        return [one.id for one in done]

    def update(self, kind, identity, **fields):
        """Change fields of a record from what is there."""
        mine = self.read(kind, [identity])[identity]
        [done] = self.writer.update(kind, [({"id": identity, **{name: mine[name] for name in fields}}, {"id": identity, **fields})])
        return done


@pytest.fixture
def place(libraries, start_stash):
    """A Stash with 300 scenes and everything that belongs to them."""
    return Place(start_stash(libraries.filled()))


@pytest.fixture
def empty(libraries, start_stash):
    """A Stash with nothing in it, in another time zone."""
    return Place(start_stash(libraries.empty(), time_zone="Asia/Kolkata"))


# --- what is lost is what is declared ---------------------------------------------------------------------------------------------------------------


def lost(kind, wanted, found):
    """What became otherwise than it was wanted, in the words of the list of limits."""
    told = set()
    for f in kind.fields:
        if f.name not in wanted or wanted[f.name] == found.get(f.name):
            continue
        one, other = wanted[f.name], found.get(f.name)
        if f.type == "text" and (one or "").strip() == (other or ""):
            told.add("text.blanks")
        elif f.type == "times" and Counter(seconds(one)) == Counter(seconds(other)):
            told.add(f"{f.name}.fractions")
        elif f.type == "rows" and one and other and len(one) == len(other):
            for row, result in zip(one, other, strict=True):
                for name in row:
                    if row[name] == result[name]:
                        continue
                    if name == "tags" and set(row[name]) - {row["primary_tag"]} == set(result[name]):
                        told.add(f"{f.name}.tags.primary")
                    elif f.name == "stash_ids" and name == "updated_at" and seconds([row[name]]) == seconds([result[name]]):
                        told.add("stash_ids.updated_at.zone")
                    else:
                        told.add(f"{f.name}.{name}")
        else:
            told.add(f.name)
    return told


def full(place):
    """Records with every field that their kinds have in this Stash, all of them told; kind -> record.  What they refer to is in the Stash."""
    some = {kind: min(place.read(kind), key=number_of) for kind in (TAG, STUDIO, PERFORMER, GROUP)}
    tag, studio, performer, group = (some[kind] for kind in (TAG, STUDIO, PERFORMER, GROUP))
    common = {**TIMES, "rating100": 77, "urls": ["https://b.example/2", "https://a.example/1"], "tags": [tag, "tag:3"]}
    named = {"stash_ids": [BOX], "image": FIRST, "favorite": True, "ignore_auto_tag": True, **TIMES}
    titled = {"title": "A title", "code": "C-1", "details": " padded ", "date": "2019-05", "organized": True, "studio": studio, "performers": [performer, "performer:2"]}
    return {
        "tag": {"name": "New tag", "sort_name": "sorted", "description": " padded ", "aliases": ["also", "Älso"], "parents": [tag], **named},
        "studio": {"name": "New studio", "aliases": ["also"], "details": " padded ", "parent_studio": studio, **common, **named},
        "performer": {
            "name": "New performer", "disambiguation": "the other", "alias_list": ["also"], "gender": "NON_BINARY", "birthdate": "1980", "death_date": "2020-02",
            "ethnicity": "e", "country": "CH", "eye_color": "e", "hair_color": "h", "height_cm": 170, "weight": 60, "measurements": "m", "fake_tits": "f",
            "penis_length": 12.345678901234567, "circumcised": "UNCUT", "career_length": "c", "tattoos": "t", "piercings": "p", "details": " padded ",
            "custom_fields": {"a": 5, "b": "text", "c": 0.1, "d": 2**53 + 1, "Ü": "%_"}, **common, **named,
        },
        "group": {
            "name": "New group", "aliases": "also", "date": "2019", "duration": 3600, "director": "d", "synopsis": " padded ", "studio": studio,
            "sub_groups": [{"group": "group:3", "description": "one"}, {"group": group, "description": None}], "front_image": FIRST, "back_image": SECOND, **common,
        },
        "gallery": {**titled, **common, "photographer": "p"},
        "scene": {
            **titled, **common, "director": "d", "stash_ids": [BOX], "cover_image": FIRST, "resume_time": 12.345678901234567, "play_duration": 98.76543210987654,
            "groups": [{"group": group, "scene_index": 3}, {"group": "group:2", "scene_index": None}], "galleries": ["gallery:1", "gallery:2"],
            "play_history": ["2020-01-01T10:00:00.75+02:00", "2020-01-01T10:00:00+02:00", "2021-01-01T00:00:00Z"], "o_history": ["2020-01-02T10:00:00.5Z"],
            "captions": [{"language_code": "en", "caption_type": "srt"}], "interactive": True, "interactive_speed": 5,
            "scene_markers": [
                {"title": "a", "seconds": 1.1, "end_seconds": None, "primary_tag": tag, "tags": [tag, "tag:3"], **TIMES},
                {"title": "b", "seconds": 1.1, "end_seconds": 954.5641660000001, "primary_tag": "tag:3", "tags": [], **TIMES},
                {"title": None, "seconds": 1.2, "end_seconds": None, "primary_tag": "tag:3", "tags": ["tag:4"], **TIMES},
            ],
        },
    }  # fmt: skip


def test_what_is_lost_is_what_is_declared(place):
    """A record with every field told, made through the API, differs exactly in what `cannot` lists; so do changes that Stash does not let be made."""
    wanted = full(place)
    missing = {kind.name: set() for kind in KINDS}
    for kind in (TAG, STUDIO, PERFORMER, GROUP, GALLERY, SCENE):
        record = wanted[kind.name]
        told_later = {"custom_fields", "files", "folder", "cover", "chapters"} if kind is not PERFORMER else set()
        with DatabaseReader(place.stash.database) as reader:
            assert {f.name for f in reader.fields(kind)} - record.keys() <= told_later
        [identity] = place.create(kind, record)
        missing[kind.name] |= lost(kind, record, place.read(kind, [identity])[identity])
        wanted[kind.name]["id"] = identity
    # What needs an image, a file or a change to be seen.
    gallery, scene = wanted["gallery"]["id"], wanted["scene"]["id"]
    shown = [identity for identity, record in place.read(IMAGE).items() if record["visual_files"]][:3]
    done = [place.update(IMAGE, one, **{**{k: v for k, v in wanted["gallery"].items() if k != "id"}, "o_counter": 3, "galleries": sorted({*place.read(IMAGE)[one]["galleries"], gallery}, key=number_of)}) for one in shown]
    assert done == [Written(one) for one in shown]
    missing["image"] |= lost(IMAGE, {**wanted["gallery"], "o_counter": 3}, place.read(IMAGE)[shown[0]])
    chapters = [{"title": "one", "image_index": 1, **TIMES}, {"title": "two", "image_index": 3, **TIMES}]
    assert place.update(GALLERY, gallery, chapters=chapters, cover=shown[1]) == Written(gallery)
    missing["gallery"] |= lost(GALLERY, {"chapters": chapters, "cover": shown[1]}, place.read(GALLERY)[gallery])
    for kind, identity, key, change in [
        (SCENE, scene, "cover_image.cleared", {"cover_image": None}), (SCENE, "scene:1", "files.removed", {"files": []}),
        (PERFORMER, wanted["performer"]["id"], "custom_fields.exponents", {"custom_fields": {"x": 1e22}}),
    ]:  # fmt: skip
        assert place.update(kind, identity, **change).reason, key
        missing[kind.name].add(key)
    for name in ("files", "folder"):
        [refused] = place.writer.create(GALLERY, [{"title": "x", name: ["file:1"] if name == "files" else "folder:1"}])
        assert refused.id is None
        missing["gallery"].add(name)
    scanned = next(r for r in place.read(GALLERY).values() if r["folder"] or r["files"])
    outside = next(r for r in place.read(IMAGE).values() if scanned["id"] not in r["galleries"])
    assert "cannot change contents" in place.update(IMAGE, outside["id"], galleries=[*outside["galleries"], scanned["id"]]).reason
    missing["image"] |= {"galleries.scanned", "visual_files"}
    for name in ("tag", "studio", "performer", "group", "gallery", "scene", "image"):
        assert missing[name] == set(place.writer.cannot(BY_NAME[name])), name


# --- twice is once ----------------------------------------------------------------------------------------------------------------------------------

KEPT = {"name", "aliases", "alias_list", "parents", "parent_studio", "sub_groups", "files", "folder", "visual_files", "captions", "interactive", "interactive_speed",
        "chapters", "cover", "galleries", *ALWAYS}  # fmt: skip


def stripped(value):
    """A value whose texts have no blanks at their ends, at any depth."""
    if isinstance(value, dict):
        return {key: stripped(inner) for key, inner in value.items()}
    return [stripped(inner) for inner in value] if isinstance(value, list) else value.strip() if isinstance(value, str) else value


def without_times(record):
    """A record without when it and its rows were made and changed, with times and texts in Stash's own spelling."""
    record = {name: stripped(inner) for name, inner in copy.deepcopy(record).items() if name not in ALWAYS}
    for name in ("scene_markers", "chapters"):
        for row in record.get(name) or ():
            row.pop("created_at")
            row.pop("updated_at")
            row["tags"] = [tag for tag in row.get("tags") or () if tag != row.get("primary_tag")]
    for row in record.get("stash_ids") or ():
        row["updated_at"] = seconds([row["updated_at"]])
    for name in ("play_history", "o_history"):
        if name in record:
            record[name] = sorted(seconds(record[name]))
    for name in ("scene_markers",):
        if name in record:
            record[name].sort(key=lambda row: json.dumps(row, sort_keys=True))
    return record


@pytest.mark.parametrize("hostile", [False, True])
def test_changed_again_and_put_back(libraries, start_stash, hostile):
    """Every record takes over all fields of its neighbour; sent again nothing is; put back, all is as it was but for when it was changed."""
    library = libraries.filled(hostile=hostile)
    with DatabaseReader(library.database, library.blobs) as source:
        place = Place(start_stash(library), source.image)
        for kind in (TAG, STUDIO, PERFORMER, GROUP, GALLERY, IMAGE, SCENE):
            before = place.read(kind)
            ids = list(before)
            wanted = []
            for identity, other in zip(ids, [*ids[1:], ids[0]], strict=True):
                fields = {f.name: before[other][f.name] for f in kind.fields if f.name in before[other] and f.name not in KEPT}
                if fields.get("cover_image", "") is None:
                    del fields["cover_image"]
                if kind in (SCENE, GALLERY) and not fields.get("title"):
                    fields.pop("title", None)
                if kind is PERFORMER:
                    del fields["disambiguation"]
                wanted.append({"id": identity, **fields})
            done = place.writer.update(kind, [(before[one["id"]], one) for one in wanted])
            refused = {one["id"]: result.reason for one, result in zip(wanted, done, strict=True) if result.reason}
            assert hostile or not refused
            assert len(refused) < len(wanted) / 2, refused
            place.mutations()
            after = place.read(kind)
            for one in wanted:
                if one["id"] not in refused:
                    for f in kind.fields:
                        if f.name in one:
                            assert not differs(f, after[one["id"]][f.name], one[f.name]), (one["id"], f.name, after[one["id"]][f.name], one[f.name])
            place.writer.update(kind, [(after[one["id"]], one) for one in wanted if one["id"] not in refused])
            assert place.mutations() == 0, kind.name
            back = [{name: before[one["id"]][name] for name in one} for one in wanted]
            for one in back:
                if one.get("cover_image", "") is None:
                    del one["cover_image"]
            for one, result in zip(back, place.writer.update(kind, [(after[one["id"]], one) for one in back]), strict=True):
                if result.reason:
                    refused[one["id"]] = result.reason
            assert hostile or not refused
            again = place.read(kind)
            gone = {"cover_image"} if kind is SCENE else set()
            for identity, record in before.items():
                if identity not in refused:
                    one, other = without_times(record), without_times(again[identity])
                    assert {k: v for k, v in one.items() if k not in gone} == {k: v for k, v in other.items() if k not in gone}


# --- one bad record -----------------------------------------------------------------------------------------------------------------------------------


def test_one_bad_record_takes_no_other_with_it(empty):
    """Among a hundred good ones, those that Stash refuses come back with its reason, in their places; the others are made."""
    empty.create(TAG, {"name": "aXb"}, {"name": "taken"})
    bad = {10: ({"name": "taken"}, "already exists"), 40: ({"name": "a_b"}, "as any letter"), 77: ({"name": "Blank", "parents": ["tag:999"]}, "FOREIGN KEY"), 99: ({"name": None}, "without a name")}
    records = [bad[n][0] if n in bad else {"name": f"Tag {n}", "aliases": [f"alias {n}"]} for n in range(100)]
    done = empty.writer.create(TAG, records)
    assert [n for n, one in enumerate(done) if one.id is None] == sorted(bad)
    assert all(text in done[n].reason for n, (_, text) in bad.items()), [done[n].reason for n in bad]
    found = empty.read(TAG)
    assert [found[one.id]["name"] for n, one in enumerate(done) if n not in bad] == [f"Tag {n}" for n in range(100) if n not in bad]
    people = empty.writer.create(PERFORMER, [{"name": "A"}, {"name": "B", "gender": "OTHER"}, {"name": "C", "birthdate": "2020-13-45"}, {"name": "D"},
                                             {"name": "E", "birthdate": "2000-01-01", "death_date": "1990-01-01"}])  # fmt: skip
    assert [bool(one.id) for one in people] == [True, False, False, True, False]
    [scene, gallery] = empty.create(SCENE, {"title": "s"}) + empty.create(GALLERY, {"title": "g"})
    assert "title must be set" in empty.update(SCENE, scene, title=None).reason
    assert "title must not be empty" in empty.update(GALLERY, gallery, title=None).reason
    assert people[1].reason == 'Stash knows no gender "OTHER"'
    assert people[2].reason == 'Stash takes no date like "2020-13-45"'


def test_lists_are_split_too(place):
    """Of 300 scenes changed at once, only those with what Stash refuses are left as they were, each with the reason."""
    before = place.read(SCENE)
    wanted = [{"id": one, "code": f"code {n}", "date": "1066" if n % 50 else "no date", "rating100": 50} for n, one in enumerate(before)]
    wanted.append({"id": "scene:99999", "code": "nowhere", "date": None, "rating100": None})
    done = place.writer.update(SCENE, [(before.get(one["id"], {"id": one["id"]}), one) for one in wanted])
    assert [bool(one.id) for one in done] == [bool(n % 50) and n < len(before) for n in range(len(wanted))]
    assert done[0].reason == 'Stash takes no date like "no date"'
    assert "not found" in done[-1].reason
    after = place.read(SCENE)
    assert all(after[one["id"]]["code"] == (one["code"] if n % 50 else before[one["id"]]["code"]) for n, one in enumerate(wanted[:-1]))


def test_a_locked_database_doubles_nothing(empty):
    """While another program holds the database, calls wait and are repeated; each record is made once, with its history once."""
    held, release = threading.Event(), threading.Event()

    def hold():
        with contextlib.closing(sqlite3.connect(empty.stash.database, isolation_level=None, timeout=30)) as other:
            while not release.is_set():
                other.execute("BEGIN IMMEDIATE")
                held.set()
                time.sleep(0.12)
                other.execute("ROLLBACK")
                time.sleep(0.03)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    threading.Timer(2, release.set).start()
    try:
        done = empty.writer.create(SCENE, [{"title": f"Scene {n}", "play_history": ["2020-01-01T00:00:00Z"] * 2, "play_duration": 5.5} for n in range(150)])
    finally:
        release.set()
        thread.join()
    assert {one.reason for one in done} == {""}
    found = empty.read(SCENE)
    assert sorted(one["title"] for one in found.values()) == sorted(f"Scene {n}" for n in range(150))
    assert {(len(one["play_history"]), one["play_duration"]) for one in found.values()} == {(2, 5.5)}


def test_a_server_that_is_gone_is_an_error(empty):
    """What became of a request that brought no answer is not known: that is raised, not told as a refusal."""
    empty.stash.kill()
    with pytest.raises(Unreachable):
        empty.writer.create(TAG, [{"name": "a"}])


# --- rows and histories -------------------------------------------------------------------------------------------------------------------------------


def test_markers_keep_their_ids(empty):
    """A moved marker stays itself, two in one second stay two, what is too much goes and what lacks comes."""
    tag, other = empty.create(TAG, {"name": "a"}, {"name": "b"})

    def marker(second, primary=tag, title="m", end=None):
        return {"title": title, "seconds": second, "end_seconds": end, "primary_tag": primary, "tags": [], **TIMES}

    [scene] = empty.create(SCENE, {"title": "s", "scene_markers": [marker(1.0), marker(1.0), marker(30.0, other), marker(60.0, end=70.0)]})
    numbered = f"{{ findScene(id: {scene[6:]}) {{ scene_markers {{ id title seconds end_seconds primary_tag {{ id }} }} }} }}"
    first = {one["id"]: one for one in empty.stash.gql(numbered)["findScene"]["scene_markers"]}
    assert [one["seconds"] for one in first.values()] == [1, 1, 30, 60]
    assert empty.update(SCENE, scene, scene_markers=[marker(1.0), marker(1.0), marker(1.0), marker(60.25, title="moved")]) == Written(scene)
    then = {one["id"]: one for one in empty.stash.gql(numbered)["findScene"]["scene_markers"]}
    assert [(one["title"], one["seconds"], one["end_seconds"]) for one in then.values()] == [("m", 1, None), ("m", 1, None), ("m", 1, None), ("moved", 60.25, None)]
    assert then.keys() == first.keys()  # the one of another tag was written over, since one lacked and one was too much
    assert empty.update(SCENE, scene, scene_markers=[]) == Written(scene)
    assert empty.read(SCENE)[scene]["scene_markers"] == []
    done = empty.update(SCENE, scene, scene_markers=[marker(5.0, end=1.0), marker(6.0)], code="kept")
    assert done.id == scene
    assert "end_seconds" in done.reason
    assert [row["seconds"] for row in empty.read(SCENE)[scene]["scene_markers"]] == [6.0]
    assert empty.read(SCENE)[scene]["code"] == "kept"


def test_histories_are_multisets(empty):
    """Repeats are kept, differences are sent, an empty history never becomes "now", and what Stash cannot find by its text goes all the same."""
    twice = ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "2021-06-01T12:00:00+02:00"]
    [scene, blank] = empty.create(SCENE, {"title": "s", "play_history": twice, "o_history": twice[2:]}, {"title": "none", "play_history": [], "o_history": []})
    stored = empty.read(SCENE)
    assert stored[scene]["play_history"] == ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "2021-06-01T10:00:00Z"]
    assert stored[blank]["play_history"] == stored[blank]["o_history"] == []
    empty.mutations()
    assert empty.update(SCENE, scene, play_history=twice, o_history=twice[2:]) == Written(scene)
    assert empty.mutations() == 0
    assert empty.update(SCENE, scene, play_history=["2020-01-01T00:00:00Z", "2022-01-01T00:00:00Z"], o_history=[]) == Written(scene)
    assert empty.read(SCENE)[scene]["play_history"] == ["2020-01-01T00:00:00Z", "2022-01-01T00:00:00Z"]
    assert empty.read(SCENE)[scene]["o_history"] == []
    odd = f"INSERT INTO scenes_view_dates(scene_id, view_date) VALUES ({scene[6:]}, '2019-01-01 00:00:00'), ({scene[6:]}, '2019-01-01T02:00:00.5+02:00')"
    empty.stash.gql("mutation($sql: String!) { execSQL(sql: $sql) { rows_affected } }", {"sql": odd})
    assert empty.update(SCENE, scene, play_history=["2022-01-01T00:00:00Z"]) == Written(scene)
    assert empty.read(SCENE)[scene]["play_history"] == ["2022-01-01T00:00:00Z"]


def test_how_long_a_scene_was_played_is_exact(empty):
    """Up, down and to nothing, to the last bit, and without making it a changed scene."""
    [scene] = empty.create(SCENE, {"title": "s", "play_duration": 1954.564166, "resume_time": 0.1})
    changed = empty.read(SCENE)[scene]["updated_at"]
    time.sleep(1.1)
    for duration, resume in ((1954.5641660000001, 0.30000000000000004), (0.1, 0.1), (1e-9, 5000.0), (0.0, 0.0), (3.0, None)):
        assert empty.update(SCENE, scene, play_duration=duration, resume_time=resume) == Written(scene)
        found = empty.read(SCENE)[scene]
        assert (found["play_duration"], found["resume_time"], found["updated_at"]) == (duration, resume or 0.0, changed)


def test_images_are_counted(place):
    """An image's counter goes up, down and to nothing; twice is once."""
    one, other = list(place.read(IMAGE))[:2]
    for count in (7, 3, 40, 1, 0):
        assert place.update(IMAGE, one, o_counter=count) == Written(one)
        assert place.read(IMAGE)[one]["o_counter"] == count
    place.mutations()
    place.update(IMAGE, one, o_counter=0)
    assert place.mutations() == 0
    assert "steps" in place.update(IMAGE, other, o_counter=1_000_000).reason


def test_galleries_keep_their_cover(place):
    """An image that changes its galleries stays the cover of those that it is in; a cover from elsewhere is refused, and the old one stays."""
    one, other = list(place.read(IMAGE))[:2]
    mine = {identity: place.read(IMAGE)[identity]["galleries"] for identity in (one, other)}
    gallery, second = place.create(GALLERY, {"title": "g"}, {"title": "h"})
    assert place.update(IMAGE, one, galleries=[*mine[one], gallery], title="t") == Written(one)
    assert place.update(GALLERY, gallery, cover=one) == Written(gallery)
    assert place.update(IMAGE, one, galleries=[*mine[one], gallery, second]) == Written(one)
    assert place.read(GALLERY)[gallery]["cover"] == one
    assert "not in this gallery" in place.update(GALLERY, gallery, cover=other).reason
    assert place.read(GALLERY)[gallery]["cover"] == one
    assert place.update(GALLERY, gallery, cover=None) == Written(gallery)
    assert place.read(GALLERY)[gallery]["cover"] is None
    assert place.update(IMAGE, one, galleries=mine[one]) == Written(one)
    assert place.read(IMAGE)[one]["galleries"] == mine[one]


def test_groups_get_no_picture_of_stashs_own(empty):
    """A back image alone comes alone; a parent's sub-groups keep their order; pictures are cleared."""
    first, second = empty.create(GROUP, {"name": "a"}, {"name": "b"})
    rows = [{"group": second, "description": "x"}, {"group": first, "description": None}]
    [group] = empty.create(GROUP, {"name": "c", "back_image": SECOND, "sub_groups": rows})
    found = empty.read(GROUP)[group]
    assert (found["front_image"], found["back_image"], found["sub_groups"]) == (None, SECOND, rows)
    assert empty.update(GROUP, group, sub_groups=rows[::-1], back_image=None, front_image=THIRD) == Written(group)
    found = empty.read(GROUP)[group]
    assert (found["front_image"], found["back_image"], found["sub_groups"]) == (THIRD, None, rows[::-1])


def test_fingerprints_of_files(place):
    """A phash is set, replaced and removed, with its highest bit; what a scan finds is left alone, and said."""
    file, record = next(iter(place.read(FILE).items()))
    fixed = [row for row in record["fingerprints"] if row["type"] != "phash"]
    for phash in ("f0e1d2c3b4a59687", "1", None):
        wanted = fixed + [{"type": "phash", "value": phash}] * (phash is not None)
        assert place.update(FILE, file, fingerprints=wanted) == Written(file)
        assert place.read(FILE)[file]["fingerprints"] == wanted
    assert "scan" in place.update(FILE, file, fingerprints=[{"type": "md5", "value": "0" * 32}]).reason
    assert "one phash" in place.update(FILE, file, fingerprints=[*fixed, {"type": "phash", "value": "1"}, {"type": "phash", "value": "2"}]).reason


def test_scenes_take_files(place):
    """A scene is made with the files of one that was deleted, the first of them first; another can be added and put first."""
    records = place.read(SCENE)
    one, other, third = [record for record in records.values() if len(record["files"]) == 1][:3]
    assert place.writer.delete(SCENE, [one["id"], other["id"], third["id"]]) == [Written(one["id"]), Written(other["id"]), Written(third["id"])]
    files = [other["files"][0], one["files"][0]]
    [scene] = place.create(SCENE, {"title": None, "files": files})
    assert place.read(SCENE)[scene]["files"] == files
    assert place.update(SCENE, scene, files=[*third["files"], *sorted(files, key=number_of)]) == Written(scene)
    assert place.read(SCENE)[scene]["files"] == [*third["files"], *sorted(files, key=number_of)]


# --- saved filters, settings, deleting ------------------------------------------------------------------------------------------------------------------


def test_saved_filters(empty):
    """They are made, changed in part, and left alone when nothing differs; names stand once for each page."""
    record = {"mode": "SCENES", "name": "n", "find_filter": {"direction": "DESC", "sort": "date", "per_page": 40}, "ui_options": {"zoom": 2, "deep": {"x": [1.5, "a"]}},
              "object_filter": {"tags": {"modifier": "INCLUDES", "value": {"items": [{"id": "1", "label": "a"}], "depth": 0}}}}  # fmt: skip
    [one, bare] = empty.create(SAVED_FILTER, record, {"mode": "TAGS", "name": "bare", "find_filter": None, "object_filter": None, "ui_options": None})
    found = empty.read(SAVED_FILTER)
    assert found[one] == {"id": one, **record}
    assert found[bare]["find_filter"] is None
    assert empty.update(SAVED_FILTER, one, name="other") == Written(one)
    assert empty.read(SAVED_FILTER)[one] == {"id": one, **record, "name": "other"}
    [again] = empty.writer.create(SAVED_FILTER, [{**record, "name": "other"}])
    assert (again.id, "UNIQUE" in again.reason) == (None, True)
    assert empty.writer.delete(SAVED_FILTER, [one, bare, one]) == [Written(one), Written(bare), Written(one)]
    assert empty.read(SAVED_FILTER) == {}


def settings_of(place):
    """All settings by id."""
    reader = GraphQLReader(place.connection)
    return {record["id"]: record for batch in reader.batches(SETTING, SETTING.fields) for record in batch.records}


def test_settings_one_by_one(empty):
    """Each of them is set alone and put back; what is secret, and everything else, stays."""
    secret = """mutation($boxes: [StashBoxInput!]) {
        configurePlugin(plugin_id: "p", input: {apiKey: "k", a: 1}) configureUI(partial: {mine: {token: "t", x: 1}}) configureGeneral(input: {stashBoxes: $boxes}) { apiKey }
    }"""
    empty.stash.gql(secret, {"boxes": [{"endpoint": "https://box.example/graphql", "api_key": "k" * 40, "name": "b"}]})
    before = settings_of(empty)
    wanted = {
        "general.parallelTasks": 3, "general.previewSegmentDuration": 1.25, "general.excludes": ["x$"], "general.maxTranscodeSize": "FULL_HD",
        "general.videoFileNamingAlgorithm": "MD5", "general.calculateMD5": True, "interface.language": "de-DE", "interface.css": "a{}", "interface.menuItems": ["scenes"],
        "interface.imageLightbox": {"displayMode": "FIT_X", "slideshowDelay": 9000}, "interface.disableDropdownCreate": {"performer": True, "tag": True}, "dlna.serverName": "here",
        "scraping.excludeTagPatterns": ["y"], "defaults.deleteFile": True, "defaults.scan": {"rescan": True, "scanGenerateCovers": True},
        "defaults.identify": {"options": {"setOrganized": True}, "sources": [{"source": {"scraper_id": "s"}}]}, "defaults.autoTag": {"performers": ["*"], "studios": [], "tags": []},
        "ui.new": {"deep": [1, {"a": 2.5}]}, "ui.mine": {"x": 2}, "plugins.p": {"a": 2, "b": "c"},
        "general.stashBoxes": [{"endpoint": "https://box.example/graphql", "name": "renamed", "max_requests_per_minute": 0}],
    }  # fmt: skip

    for key in ("interface.imageLightbox", "interface.disableDropdownCreate"):
        wanted[key] = before[f"setting:{key}"]["value"] | wanted[key]

    def changes(target, now):
        return [(now.get(f"setting:{key}", {"id": f"setting:{key}", "value": None}), {"id": f"setting:{key}", "value": value}) for key, value in target.items()]

    done = empty.writer.update(SETTING, changes(wanted, before))
    assert {one.id: one.reason for one in done} == {f"setting:{key}": "" for key in wanted}
    after = settings_of(empty)
    for key, value in wanted.items():
        found = after[f"setting:{key}"]["value"]
        assert (value.items() <= found.items()) if isinstance(value, dict) else value == found, (key, value, found)
    assert {key for key in after if after[key] != before.get(key)} == {f"setting:{key}" for key in wanted}
    kept = empty.stash.gql("{ configuration { ui plugins general { stashBoxes { api_key } } } }")["configuration"]
    assert (kept["plugins"]["p"]["apiKey"], kept["ui"]["mine"]["token"], kept["general"]["stashBoxes"]) == ("k", "t", [{"api_key": "k" * 40}])
    empty.mutations()
    exact = {key: after[f"setting:{key}"]["value"] for key in wanted}
    empty.writer.update(SETTING, changes(exact, after))
    assert empty.mutations() == 0
    clearable = {key: before[f"setting:{key}"]["value"] for key in wanted if (before.get(f"setting:{key}") or {}).get("value") is not None}
    told = {one.id: one.reason for one in empty.writer.update(SETTING, changes(clearable, after)) if one.reason}
    assert told == {"setting:interface.imageLightbox": "value: Stash's API changes displayMode, but does not clear it"}
    left = {f"setting:{key}" for key in wanted.keys() - clearable.keys()} | told.keys()
    assert {key for key, record in settings_of(empty).items() if record != before.get(key)} == left


def test_settings_that_are_refused(empty):
    """Unknown ones, those that cannot be cleared, bad values and stash-boxes without a key are told, each for itself."""
    before = settings_of(empty)
    asked = {"general.apiKey": "x", "general.nothing": 1, "general.maxTranscodeSize": None, "general.excludes": ["("], "general.logLevel": "Debug",
             "general.stashBoxes": [{"endpoint": "https://new.example", "name": "n"}]}  # fmt: skip
    empty.stash.gql('mutation { configureGeneral(input: {stashBoxes: [{endpoint: "https://old.example/graphql", api_key: "%s", name: "o"}]}) { apiKey } }' % ("k" * 40))
    done = empty.writer.update(SETTING, [(before.get(f"setting:{key}", {"id": f"setting:{key}", "value": 0}), {"id": f"setting:{key}", "value": value}) for key, value in asked.items()])
    reasons = dict(zip(asked, done, strict=True))
    assert all(reasons[key].id is None for key in ("general.apiKey", "general.nothing", "general.excludes"))
    assert "key of https://new.example" in reasons["general.stashBoxes"].reason
    faster = [{"endpoint": "https://old.example/graphql", "name": "p", "max_requests_per_minute": 9}]
    [limited] = empty.writer.update(SETTING, [({"id": "setting:general.stashBoxes", "value": []}, {"id": "setting:general.stashBoxes", "value": faster})])
    assert "max_requests_per_minute" in limited.reason
    assert settings_of(empty)["setting:general.stashBoxes"]["value"] == [{**faster[0], "max_requests_per_minute": 0}]
    assert reasons["general.logLevel"] == Written("setting:general.logLevel")


def test_deleting(place):
    """Records go and their files stay; a tag that markers need stays, with Stash's reason; what is gone already is done."""
    files = len(place.read(FILE))
    needed = next(row["primary_tag"] for record in place.read(SCENE).values() for row in record["scene_markers"])
    tags = [needed, *place.create(TAG, {"name": "x"}, {"name": "y"}), "tag:99999"]
    done = place.writer.delete(TAG, tags)
    assert [one.id for one in done] == [None, *tags[1:]]
    assert "primary tag" in done[0].reason
    for kind in (SCENE, IMAGE, GALLERY, GROUP, PERFORMER, STUDIO):
        ids = list(place.read(kind))
        assert place.writer.delete(kind, ids) == [Written(one) for one in ids]
        assert place.read(kind) == {}
    assert len(place.read(FILE)) == files
    assert [one.id for one in place.writer.delete(FILE, ["file:1"])] == [None]


def test_documents_are_few(empty):
    """However many records are written, Stash sees a constant set of documents."""
    for count in (1, 2, 3, 50, 77, 130):
        empty.create(TAG, *({"name": f"{count} {n}"} for n in range(count)))
    made = {document for document in empty.documents if "tagCreate" in document}
    assert len(made) <= 8
    assert Path(empty.stash.database).exists()
