"""Loading a whole library into a real, empty Stash by SQL, and taking it back: every table equal, nothing twice, nothing of anybody else's touched."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time

import pytest
from stashport.errors import FoldersMeet, LoadBroken, Locked, NotFresh, OtherLoad, StashAtWork, UnknownTables, Unreachable
from stashport.model.fields import FILE, GALLERY, IMAGE, SCENE, TAG
from stashport.model.records import number_of
from stashport.stash import bulk_guard, bulk_load
from stashport.stash.bulk_load import load
from stashport.stash.bulk_proof import differences
from stashport.stash.bulk_undo import unload
from stashport.stash.connection import Connection
from stashport.stash.corrections import Corrections
from stashport.stash.database import DatabaseReader
from support.bulk import content, in_folder, pictures, unlike

FILES = {"blobs_storage": "FILESYSTEM"}
TAKEN = "INSERT INTO tags(name,created_at,updated_at) VALUES('theirs','2020-01-01T00:00:00Z','2020-01-01T00:00:00Z')"
SLEEP = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<8000000) SELECT count(*) FROM n"


def altered(library, folder, *statements):
    """A copy of a library's database with some statements run on it."""
    path = library.copy(folder).database
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(*statement) if isinstance(statement, tuple) else db.execute(statement)
    return path


class Counting(Connection):
    """A connection that counts what is sent to be written, and can be cut off at one of these: before it is sent, or before its answer comes."""

    dies_at, before, sent = -1, False, 0

    def mutate(self, document, variables=None):
        """Send it, or not."""
        if "execSQL" not in document:
            return super().mutate(document, variables)
        self.sent += 1
        if self.sent == self.dies_at and self.before:
            raise Unreachable(url=self.url, reason="cut off")
        answer = super().mutate(document, variables)
        if self.sent == self.dies_at:
            raise Unreachable(url=self.url, reason="cut off")
        return answer


class Steady(bulk_guard.Pace):
    """The same number of requests each time."""

    def __init__(self):
        super().__init__(500)

    def took(self, seconds, share=1.0):
        """Learn nothing."""


@pytest.fixture(scope="module")
def small(libraries):
    """A library with everything in it that is odd, half of its images in files."""
    return libraries.filled(scenes=150, hostile=True, blobs=True)


@pytest.fixture
def fresh(libraries, start_stash):
    """A function that starts an empty Stash; its content is known."""
    return lambda **config: start_stash(libraries.empty(), config=config)


@pytest.mark.parametrize("config", [FILES, {}], ids=["files", "database"])
def test_everything_arrives_and_goes_again(small, libraries, fresh, tmp_path, config):
    """Each row with its number, its types and its bytes, the counters, the images; Stash lists it; taken back, nothing is left of it."""
    stash = fresh(**config)
    connection = Connection(stash.url)
    loaded = load(small.database, connection, tmp_path / "journal", blobs=in_folder(small.blobs))
    source = content(small.database)
    assert unlike(source, content(stash.database)) == []
    assert loaded.rows == {name: len(source[name]) for name in loaded.rows}
    assert loaded.remarks == []
    assert loaded.longest < 0.5
    with contextlib.closing(sqlite3.connect(small.database)) as db:
        images = {checksum: data or pictures(small.blobs)[checksum] for checksum, data in db.execute("SELECT checksum,blob FROM blobs")}
    with contextlib.closing(sqlite3.connect(stash.database)) as db:
        inside = dict(db.execute("SELECT checksum,blob FROM blobs"))
    assert {**{name: data for name, data in inside.items() if data is not None}, **pictures(stash.blobs)} == images
    assert bool(pictures(stash.blobs)) == (inside[min(inside)] is None) == bool(config)
    assert stash.gql("{findScenes{count} findTags{count}}") == {"findScenes": {"count": loaded.rows["scenes"]}, "findTags": {"count": loaded.rows["tags"]}}
    assert differences(small.database, stash.database) == differences(small.database, connection) == []
    assert unload(tmp_path / "journal", connection) == []
    assert unlike(content(libraries.empty().database), content(stash.database)) == []
    assert list(stash.blobs.iterdir()) == []
    assert unload(tmp_path / "journal", connection) == []
    with pytest.raises(OtherLoad, match="taken back"):
        load(small.database, connection, tmp_path / "journal")


def test_values_that_json_cannot_hold(small, fresh, tmp_path):
    """Numbers to the last bit, endless ones, bytes where text belongs, text that is no UTF-8, NUL, emoji, the largest whole numbers, and numbers of rows below 1."""
    reals = [0.1 + 0.2, 1954.564166, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e22, 1e15 + 0.5, 3.0, 1e300, 123456789.123456789]
    statements = [("INSERT INTO performer_custom_fields VALUES(2,?,?)", (f"real {value!r}", value)) for value in [*reals, float("inf"), float("-inf")]]
    statements += [("UPDATE video_files SET duration=? WHERE file_id=(SELECT file_id FROM video_files LIMIT 1 OFFSET ?)", (value, k)) for k, value in enumerate(reals)]
    values = [2**63 - 1, -(2**63), "5", "5.0", "nul \x00 in it", "👩‍👩‍👧\u2028", "[1,2]", "", b"", b"\x00\xff", "null"]
    statements += [("INSERT INTO performer_custom_fields VALUES(3,?,?)", (f"value {k}", value)) for k, value in enumerate(values)]
    statements += [
        "INSERT INTO performer_custom_fields VALUES(4,'broken',CAST(x'ff00c328' AS TEXT))",
        "UPDATE tags SET description=CAST(x'c3' AS TEXT) WHERE id=3", "UPDATE tags SET sort_name=x'00ff' WHERE id=4", "UPDATE images SET rating=3.5 WHERE id=7",
        "UPDATE folders SET path=path||CAST(x'2fff' AS TEXT) WHERE id=(SELECT max(id) FROM folders)",
        "INSERT INTO tags(id,name,created_at,updated_at) VALUES(-7,'below','2020-01-01T00:00:00Z','2020-01-01T00:00:00Z')",
        "UPDATE scenes SET details='' WHERE id=9", "UPDATE sqlite_sequence SET seq=seq+1000 WHERE name='scenes'", "DELETE FROM sqlite_sequence WHERE name='images'",
        "DELETE FROM saved_filters", "UPDATE saved_filters SET name='x'",
    ]  # fmt: skip
    source, stash = altered(small, tmp_path / "odd", *statements), fresh()
    load(source, Connection(stash.url), tmp_path / "journal", blobs=in_folder(small.blobs))
    assert unlike(content(source, sequence=False), content(stash.database, sequence=False)) == []
    assert differences(source, stash.database) == []
    assert differences(source, Connection(stash.url)) == []
    counters = [dict(content(path)["sqlite_sequence"][k][1:3] for k in range(len(content(path)["sqlite_sequence"]))) for path in (source, stash.database)]
    assert counters[1] == counters[0] | {b"images": content(source)["images"][-1][0]}
    with contextlib.closing(sqlite3.connect(stash.database)) as db, db:
        db.execute("UPDATE performer_custom_fields SET value=3 WHERE typeof(value)='real' AND value=3.0")
        db.execute("DELETE FROM scenes_o_dates WHERE rowid=1")
        db.execute("UPDATE blobs SET blob=x'00' WHERE rowid=2")
    told = differences(source, stash.database)
    assert len(told) == 3
    assert "'real' became 'integer'" in told[0] or "3.0" in told[0]
    assert len(differences(source, Connection(stash.url))) == 3


def test_images_that_are_nowhere_or_wrong(small, fresh, tmp_path):
    """A missing image stays a row, one that is not what its name says is kept as it is; both are told, and a name that is no checksum becomes no file."""
    wrong = ("INSERT INTO blobs VALUES(?,?)", ("../../escaped", b"bytes"))
    source, stash = altered(small, tmp_path / "odd", wrong, "UPDATE blobs SET blob=x'00' WHERE rowid=(SELECT min(rowid) FROM blobs WHERE blob IS NOT NULL)"), fresh(**FILES)
    lost = pictures(small.blobs).keys()
    loaded = load(source, Connection(stash.url), tmp_path / "journal")
    missing, differing, migrate = loaded.remarks
    assert missing.startswith(f"{len(lost)} images are in neither the library nor its files")
    assert differing.startswith("2 images are not what their checksum says (")
    assert "migrateBlobs" in migrate
    assert unlike(content(source), content(stash.database)) == []
    assert pictures(stash.blobs).keys().isdisjoint(lost)
    assert load(source, Connection(stash.url), tmp_path / "journal").remarks == loaded.remarks
    assert not list(tmp_path.rglob("escaped"))


def test_only_an_empty_stash_is_loaded_into(small, libraries, fresh, tmp_path):
    """Anything in it, even a folder, is named; nothing is written, and the journal is no trap for a later try."""
    stash = fresh()
    stash.gql(f'mutation{{execSQL(sql:"{TAKEN}"){{rows_affected}}}}')
    before = content(stash.database)
    with pytest.raises(NotFresh, match="1 tags") as caught:
        load(small.database, Connection(stash.url), tmp_path / "journal")
    assert '"api"' in caught.value.hint
    assert content(stash.database) == before
    stash.gql('mutation{execSQL(sql:"DELETE FROM tags"){rows_affected}}')
    load(small.database, Connection(stash.url), tmp_path / "journal", blobs=in_folder(small.blobs))
    assert unlike(content(small.database), content(stash.database)) == []


@pytest.mark.parametrize("change", [
    "ALTER TABLE tags ADD COLUMN colour TEXT", "CREATE TRIGGER t AFTER INSERT ON tags BEGIN SELECT 1; END", "UPDATE schema_migrations SET dirty=1",
], ids=["column", "trigger", "dirty"])  # fmt: skip
def test_a_database_that_is_not_as_known_is_refused(small, fresh, tmp_path, change):
    """A column more, something that acts on its own, an unfinished migration: nothing is written."""
    stash = fresh()
    stash.gql("mutation($s:String!){execSQL(sql:$s){rows_affected}}", {"s": change})
    before = content(stash.database)
    with pytest.raises(UnknownTables):
        load(small.database, Connection(stash.url), tmp_path / "journal")
    assert content(stash.database) == before


def test_a_stash_at_work_is_left_alone(small, fresh, tmp_path, monkeypatch):
    """A task in the queue is refused at the start, but for our own; one that appears stops the load, which goes on afterwards."""
    stash, journal = fresh(), tmp_path / "journal"
    connection = Connection(stash.url)
    jobs: list[dict] = [{"id": "7", "status": "RUNNING", "description": "Scanning..."}]
    asked = connection.query
    monkeypatch.setattr(connection, "query", lambda document, *more: {"jobQueue": jobs} if "jobQueue" in document else asked(document, *more))
    monkeypatch.setattr(bulk_guard, "QUEUE_SECONDS", 0.0)
    with pytest.raises(StashAtWork, match="Scanning"):
        load(small.database, connection, journal)
    with pytest.raises(StashAtWork):
        jobs.append({"id": "8", "status": "READY", "description": "Generate"})
        load(small.database, connection, journal, own_job="7")
    del jobs[1:]

    def appear(done, _total):
        jobs.append({"id": "9", "status": "READY", "description": "behind us"})
        if done > 3000:
            jobs.append({"id": "10", "status": "RUNNING", "description": "Importing"})

    monkeypatch.setattr(bulk_load, "Pace", lambda: bulk_guard.Pace(300))
    with pytest.raises(StashAtWork, match="Importing"):
        load(small.database, connection, journal, blobs=in_folder(small.blobs), progress=appear, own_job="7")
    jobs.clear()
    load(small.database, connection, journal, blobs=in_folder(small.blobs))
    assert unlike(content(small.database), content(stash.database)) == []


def test_a_real_task_in_the_queue_is_seen(small, fresh, tmp_path):
    """Stash's own queue has the shape that is looked for."""
    stash, connection = fresh(), None
    connection = Connection(stash.url)
    busy = threading.Thread(target=lambda: stash.gql("mutation($s:String!){querySQL(sql:$s){rows}}", {"s": SLEEP}))
    busy.start()
    time.sleep(0.2)  # it holds the only writer, so that the task that is queued now cannot end at once
    stash.gql("mutation{metadataCleanGenerated(input:{dryRun:true})}")
    stash.gql("mutation{optimiseDatabase}")
    with pytest.raises(StashAtWork):
        load(small.database, connection, tmp_path / "journal")
    busy.join()


def test_a_damaged_file_of_the_same_name_is_replaced(small, fresh, tmp_path):
    """An image that is there already stays and is not taken away with the load; an empty file under its name is no image."""
    stash = fresh(**FILES)
    names = sorted(pictures(small.blobs))[:2]
    for name, data in zip(names, (pictures(small.blobs)[names[0]], b""), strict=True):
        place = stash.blobs / name[:2] / name[2:4] / name
        place.parent.mkdir(parents=True)
        place.write_bytes(data)
    load(small.database, Connection(stash.url), tmp_path / "journal", blobs=in_folder(small.blobs))
    assert pictures(stash.blobs).items() >= pictures(small.blobs).items()
    unload(tmp_path / "journal", Connection(stash.url))
    assert pictures(stash.blobs) == {names[0]: pictures(small.blobs)[names[0]]}


def test_an_empty_library(libraries, fresh, tmp_path):
    """Nothing is loaded from nothing, and taken back."""
    stash = fresh()
    assert sum(load(libraries.empty().database, Connection(stash.url), tmp_path / "journal").rows.values()) == 0
    assert unload(tmp_path / "journal", Connection(stash.url)) == []
    assert unlike(content(libraries.empty().database), content(stash.database)) == []


def test_cut_off_at_every_request(libraries, fresh, tmp_path, monkeypatch):
    """Whether the request arrived or not: the next call goes on, nothing is there twice; and every load is taken back without a trace."""
    small = libraries.filled(scenes=40, images=30, galleries=10, blobs=True)
    monkeypatch.setattr(bulk_load, "Pace", Steady)
    stash = fresh(**FILES)
    empty, whole = content(libraries.empty().database), content(small.database)
    counting = Counting(stash.url)
    load(small.database, counting, tmp_path / "journal-0", blobs=in_folder(small.blobs))
    total = counting.sent
    assert 5 < total < 20
    for number in range(1, total + 1):
        unload(tmp_path / f"journal-{number - 1}", Connection(stash.url))
        assert unlike(empty, content(stash.database)) == [], number
        cut = Counting(stash.url)
        cut.dies_at, cut.before = number, number % 2 == 0
        journal = tmp_path / f"journal-{number}"
        with pytest.raises(Unreachable):
            load(small.database, cut, journal, blobs=in_folder(small.blobs))
        if number % 3:
            load(small.database, Connection(stash.url), journal, blobs=in_folder(small.blobs))
            assert unlike(whole, content(stash.database)) == [], number
            assert len(pictures(stash.blobs)) == len(whole["blobs"])


def test_two_loads_at_once(small, fresh, tmp_path):
    """With the same journal the second is turned away; with one of its own it finds that the Stash is not empty any more."""
    stash, seen = fresh(), []

    def second(_done, _total):
        if seen:
            return
        for name, error in (("journal", Locked), ("other", NotFresh)):
            with pytest.raises(error):
                load(small.database, Connection(stash.url), tmp_path / name)
            seen.append(name)

    load(small.database, Connection(stash.url), tmp_path / "journal", blobs=in_folder(small.blobs), progress=second)
    assert seen == ["journal", "other"]
    assert unlike(content(small.database), content(stash.database)) == []


def test_what_others_add_meanwhile_is_beyond_ours(small, fresh, tmp_path, monkeypatch):
    """A record that somebody makes during the load gets an id above all that are to come; it is told, and stays when the load is taken back."""
    monkeypatch.setattr(bulk_load, "Pace", Steady)
    stash, made = fresh(), []

    def meanwhile(_done, _total):
        if not made:
            made.append(int(stash.gql('mutation{performerCreate(input:{name:"theirs"}){id}}')["performerCreate"]["id"]))

    loaded = load(small.database, Connection(stash.url), tmp_path / "journal", blobs=in_folder(small.blobs), progress=meanwhile)
    assert made[0] == 2**32 + 2
    assert loaded.remarks == ["1 rows were added to performers by somebody else meanwhile."]
    assert differences(small.database, stash.database) == [f"performers: row {made[0]} is there in addition", f"sqlite_sequence: performers is {made[0]}, not {made[0] - 1}"]
    assert unload(tmp_path / "journal", Connection(stash.url)) == []
    assert stash.gql("{findPerformers{performers{name}} findScenes{count}}") == {"findPerformers": {"performers": [{"name": "theirs"}]}, "findScenes": {"count": 0}}


def test_going_on_with_something_else_is_refused(small, libraries, fresh, tmp_path):
    """Another library, another Stash, or one from which rows have gone meanwhile."""
    stash = fresh()
    cut = Counting(stash.url)
    cut.dies_at = 3
    with pytest.raises(Unreachable):
        load(small.database, cut, tmp_path / "journal", blobs=in_folder(small.blobs))
    changed = altered(small, tmp_path / "changed", "UPDATE tags SET updated_at='2031-01-01T00:00:00Z' WHERE id=5")
    with pytest.raises(OtherLoad, match="library"):
        load(changed, Connection(stash.url), tmp_path / "journal")
    with pytest.raises(OtherLoad, match="Stash"):
        load(small.database, Connection(fresh().url), tmp_path / "journal")
    stash.gql('mutation{execSQL(sql:"DELETE FROM tag_aliases WHERE rowid=1"){rows_affected}}')
    with pytest.raises(OtherLoad, match="rows"):
        load(small.database, Connection(stash.url), tmp_path / "journal")


def test_a_source_that_does_not_fit_together_is_named(small, fresh, libraries, tmp_path):
    """A reference into nowhere is what Stash refuses: the tables are named, and what was loaded goes again."""
    stash = fresh()
    with pytest.raises(LoadBroken, match="1 rows of scenes_tags refer to what is not there"):
        load(altered(small, tmp_path / "broken", "INSERT INTO scenes_tags VALUES(3,99999)"), Connection(stash.url), tmp_path / "journal")
    assert unload(tmp_path / "journal", Connection(stash.url)) == []
    assert unlike(content(libraries.empty().database), content(stash.database)) == []


def test_paths_are_mapped(small, fresh, tmp_path):
    """Folders lie elsewhere, nothing else differs; two that would become one are refused before anything is written."""
    stash = fresh()
    with pytest.raises(FoldersMeet):
        load(small.database, Connection(stash.url), tmp_path / "journal", paths=lambda _: "/one")
    load(small.database, Connection(stash.url), tmp_path / "journal", blobs=in_folder(small.blobs), paths=lambda path: path.replace("/data/media", "/mnt/x"))
    there = content(stash.database)
    assert unlike(content(small.database), there) == ["folders"]
    moved = [(*row[:2], row[2].replace(b"/data/media", b"/mnt/x"), *row[3:]) for row in content(small.database)["folders"]]
    assert there["folders"] == moved
    assert differences(small.database, stash.database, lambda path: path.replace("/data/media", "/mnt/x")) == []


def test_what_is_used_since_stays_whole(small, fresh, tmp_path):
    """A changed scene, a played one and a gallery of somebody's own keep all that they refer to; everything else goes, and the counters stay."""
    stash = fresh()
    connection = Connection(stash.url)
    load(small.database, connection, tmp_path / "journal", blobs=in_folder(small.blobs))
    before = {record["id"]: record for record in records(stash.database, SCENE)}
    markers = {number: sum(len(record["scene_markers"]) for record in before.values() if record["id"] == number) for number in ("scene:20", "scene:21")}
    stash.gql('mutation{sceneUpdate(input:{id:20,code:"mine"}){id}}')
    stash.gql('mutation{sceneAddPlay(id:21,times:["2024-01-01T00:00:00Z"]){count}}')
    stash.gql("mutation{imageIncrementO(id:3)}")
    new = stash.gql('mutation{galleryCreate(input:{title:"own",tag_ids:[7],studio_id:4}){id}}')["galleryCreate"]["id"]
    left = unload(tmp_path / "journal", connection)
    reasons = {(one.table, one.id): one.reason for one in left}
    assert reasons["scenes", 20] == "it was changed since"
    assert reasons["scenes", 21] == "it was played since"
    assert reasons["images", 3] == "it was changed since"
    assert reasons["tags", 7] == f"it belongs to galleries {new}, which stays"
    assert ("studios", 4) in reasons
    after = {record["id"]: record for record in records(stash.database, SCENE)}
    assert {"scene:20", "scene:21"} <= after.keys()
    assert len(after) < len(before)
    for name in ("tags", "performers", "files", "groups", "galleries", "studio", "stash_ids", "cover_image", "scene_markers", "urls", "captions"):
        assert after["scene:20"][name] == before["scene:20"][name], name
        assert after["scene:21"][name] == before["scene:21"][name], name
    assert {number: len(after[number]["scene_markers"]) for number in markers} == markers
    assert stash.gql('mutation{querySQL(sql:"PRAGMA foreign_key_check"){rows}}')["querySQL"]["rows"] == []
    there = content(stash.database)
    assert {(name, row[0]) for name in ("scenes", "tags", "studios", "files", "folders") for row in there[name]} == {key for key in reasons if key[0] in ("scenes", "tags", "studios", "files", "folders")}
    assert unload(tmp_path / "journal", connection) == left
    assert int(stash.gql('mutation{tagCreate(input:{name:"later"}){id}}')["tagCreate"]["id"]) > 2**31


def records(path, kind):
    """The records of a database."""
    with DatabaseReader(path) as reader:
        return [record for batch in reader.batches(kind, reader.fields(kind)) for record in batch.records]


def test_corrections_bring_what_the_api_cannot(libraries, start_stash):
    """Times, checksums, captions, counters, times of markers and chapters, fractions of seconds; twice is once, and one bad value harms no other."""
    stash = start_stash(libraries.filled(scenes=60, images=40, galleries=20))
    corrections = Corrections(Connection(stash.url))
    wanted, kinds = {}, (TAG, FILE, SCENE, IMAGE, GALLERY)
    for kind in kinds:
        names, changes = corrections.fields(kind), []
        for number, mine in enumerate(records(stash.database, kind)):
            want = {"id": mine["id"], "created_at": f"2001-02-03T04:05:{number % 60:02}.123456+02:00", "updated_at": "2002-03-04 05:06:07"}
            if kind is FILE:
                phashes = [row for row in mine["fingerprints"] if row["type"] == "phash"]
                want["fingerprints"] = [{"type": "md5", "value": f"{number:032x}"}, {"type": "oshash", "value": f"{number:016x}"}, *phashes]
                want["captions"] = [{"language_code": "xx", "filename": f"{number}.vtt", "caption_type": "vtt"}] if mine["type"] == "video" else []
            if kind is IMAGE:
                want["o_counter"] = number * 3
            if kind is SCENE:
                want["play_history"] = sorted([*mine["play_history"][1:], "2010-01-01T00:00:00.987654321Z", "2010-01-01T00:00:00.987654321Z"])
                want["o_history"] = []
                want["scene_markers"] = [{**row, "created_at": f"2003-01-01T00:00:{k:02}Z", "updated_at": "2004-01-01T00:00:00.5Z"} for k, row in enumerate(mine["scene_markers"])]
            if kind is GALLERY:
                want["chapters"] = [{**row, "created_at": f"2003-01-01T00:00:{k:02}Z", "updated_at": "2004-01-01T00:00:00.5Z"} for k, row in enumerate(mine["chapters"])]
            assert want.keys() - {"id"} == names
            changes.append(({name: mine[name] for name in want}, want))
        wanted[kind] = changes
        assert corrections.write(kind, changes) == [""] * len(changes)
    once = content(stash.database)
    for kind in kinds:
        found = {record["id"]: record for record in records(stash.database, kind)}
        for _, want in wanted[kind]:
            told = {name: found[want["id"]][name] for name in want}
            assert {name: normal(value) for name, value in told.items()} == {name: normal(value) for name, value in want.items()}
        assert corrections.write(kind, wanted[kind]) == [""] * len(wanted[kind])
    assert content(stash.database) == once
    good, bad = {"id": "tag:1", "created_at": "2011-01-01T00:00:00Z"}, {"id": "tag:2", "created_at": "yesterday"}
    answers = corrections.write(TAG, [(good, good), (bad, bad), ({"id": "tag:99999"}, {"id": "tag:99999", "updated_at": "2011-01-01T00:00:00Z"})])
    assert answers == ["", "created_at: 'yesterday' is no time", "it is not there any more"]
    image_file = next(record for record in records(stash.database, FILE) if record["type"] == "image")
    video_file = next(record for record in records(stash.database, FILE) if record["type"] == "video")
    caption = [{"language_code": "de", "filename": "a.srt", "caption_type": "srt"}]
    pairs = [(one, {"id": one["id"], "captions": caption}) for one in (image_file, video_file)]
    answers = corrections.write(FILE, pairs)
    assert "FOREIGN KEY" in answers[0]
    assert answers[1] == ""
    after = {record["id"]: record for record in records(stash.database, FILE)}
    assert after[video_file["id"]]["captions"] == caption
    stash.gql('mutation{sceneAddPlay(id:1,times:["2024-05-05T00:00:00Z","2012-02-02T00:00:00Z"]){count}}')
    mine, want = wanted[SCENE][[number_of(one["id"]) for _, one in wanted[SCENE]].index(1)]
    want = {"id": "scene:1", "play_history": [*want["play_history"], "2012-02-02T00:00:00.5Z"]}
    assert corrections.write(SCENE, [(mine, want)]) == [""]
    scene = next(record for record in records(stash.database, SCENE) if record["id"] == "scene:1")
    assert sorted(scene["play_history"]) == sorted([*want["play_history"], "2024-05-05T00:00:00Z"])


def normal(value):
    """Lists of rows in one order."""
    return sorted(json.dumps(one, sort_keys=True) for one in value) if isinstance(value, list) else value
