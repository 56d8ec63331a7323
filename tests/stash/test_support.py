"""The ground of the other tests: a real Stash starts, shows what the library maker made, and ends."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from support.library import TABLES, fill
from support.stash import REPOSITORY, Libraries, RealStash, StashError

COUNTED = {
    "scenes": "findScenes", "images": "findImages", "galleries": "findGalleries", "performers": "findPerformers", "studios": "findStudios",
    "tags": "findTags", "groups": "findGroups", "scene_markers": "findSceneMarkers", "files": "findFiles", "folders": "findFolders",
}


def counted(stash: RealStash) -> dict[str, int]:
    """Ask Stash how many objects of each kind it has."""
    answer = stash.gql("{" + " ".join(f"{kind}: {query}(filter: {{per_page: 0}}) {{ count }}" for kind, query in COUNTED.items()) + "}")
    return {kind: answer[kind]["count"] for kind in COUNTED}


def dump(database: Path) -> list[str]:
    """Write a database out, row by row."""
    with closing(sqlite3.connect(database)) as db:
        db.text_factory = lambda raw: raw.decode(errors="surrogateescape")
        return [repr(row) for name, _, _ in TABLES for row in db.execute(f"SELECT * FROM `{name}`")]


def test_stash_counts_what_was_made(shared_stash: RealStash, libraries: Libraries) -> None:
    """Stash finds as many objects of each kind as the maker made."""
    made = libraries.filled().counts
    assert counted(shared_stash) == {kind: made[kind] for kind in COUNTED}


def test_stash_reads_every_object_of_a_hostile_library(libraries: Libraries, start_stash) -> None:
    """Even broken text, odd times and huge ids are read by Stash, so our reader must read them."""
    library = libraries.filled(hostile=True)
    stash = start_stash(library)
    everything = "{per_page: -1}"
    found = stash.gql(
        f"{{ findScenes(filter: {everything}) {{ scenes {{ id title created_at play_history files {{ path mod_time }} tags {{ id }} }} }}"
        f" findTags(filter: {everything}) {{ tags {{ id created_at }} }}"
        f" findPerformers(filter: {everything}) {{ performers {{ id custom_fields }} }} }}"
    )
    scenes = {scene["id"]: scene for scene in found["findScenes"]["scenes"]}
    assert len(scenes) == library.counts["scenes"]
    assert scenes[str(2**40)]["tags"] == [{"id": str(2**31 + 5)}]
    assert len(scenes["2"]["title"]) == 10_000
    assert scenes["1"]["files"][0]["path"].endswith("/broken \udcff \udcc3(.mp4")
    assert len(found["findTags"]["tags"]) == library.counts["tags"]
    assert len(found["findPerformers"]["performers"]) == library.counts["performers"]


def test_the_same_arguments_make_the_same_library(libraries: Libraries, tmp_path: Path) -> None:
    """A library is a function of its arguments, and another seed is another library."""
    databases = [libraries.empty().copy(tmp_path / str(k)).database for k in range(3)]
    for database, seed in zip(databases, (7, 7, 8), strict=True):
        fill(database, scenes=200, seed=seed, hostile=True)
    first, same, other = map(dump, databases)
    assert first == same
    assert first != other


def test_every_column_is_filled_somewhere(library: Path) -> None:
    """No table with a user's work is empty, and no column of one has a single value, unless it says what belongs to what."""
    with closing(sqlite3.connect(library)) as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")}
        assert names == {name for name, _, _ in TABLES} | {"blobs", "schema_migrations"}
        dull = [
            f"{name}.{column}"
            for name in sorted(names - {"schema_migrations"})
            for (column,) in db.execute("SELECT name FROM pragma_table_info(?)", (name,))
            if db.execute(f"SELECT count(DISTINCT quote(`{column}`)) FROM `{name}`").fetchone()[0] < 2
        ]
        assert dull == []


def test_the_library_holds_the_cases_that_go_wrong(library: Path) -> None:
    """Each case that exports are known to lose is in the smallest library."""
    cases = {
        "a file with several phashes": "SELECT 1 FROM files_fingerprints WHERE type = 'phash' GROUP BY file_id HAVING count(*) > 1",
        "two files with one checksum": "SELECT 1 FROM files_fingerprints WHERE type = 'md5' GROUP BY fingerprint HAVING count(*) > 1",
        "scenes that look alike": "SELECT 1 FROM files_fingerprints WHERE type = 'phash' GROUP BY fingerprint HAVING count(*) > 1",
        "captions of a secondary file": "SELECT 1 FROM video_captions JOIN scenes_files USING (file_id) WHERE NOT `primary`",
        "a play counted twice at one instant": "SELECT 1 FROM scenes_view_dates GROUP BY scene_id, view_date HAVING count(*) > 1",
        "namesakes": "SELECT 1 FROM performers GROUP BY name HAVING count(*) > 1 AND count(disambiguation) < count(*)",
        "two markers at one second": "SELECT 1 FROM scene_markers GROUP BY scene_id, seconds HAVING count(*) > 1",
        "a gallery of a folder": "SELECT 1 FROM galleries JOIN galleries_images ON gallery_id = galleries.id WHERE folder_id IS NOT NULL",
        "a gallery of two zips": "SELECT 1 FROM galleries_files GROUP BY gallery_id HAVING count(*) > 1",
        "a gallery of the user": "SELECT 1 FROM galleries WHERE folder_id IS NULL AND id NOT IN (SELECT gallery_id FROM galleries_files)",
        "a folder inside a zip": "SELECT 1 FROM folders JOIN folders zip ON zip.id = folders.parent_folder_id WHERE zip.zip_file_id",
        "an image inside a zip": "SELECT 1 FROM images_files JOIN files ON file_id = id WHERE zip_file_id IS NOT NULL",
        "an image with two files": "SELECT 1 FROM images_files GROUP BY image_id HAVING count(*) > 1",
        "a moving image": "SELECT 1 FROM images_files JOIN video_files USING (file_id)",
        "a scene with three files": "SELECT 1 FROM scenes_files GROUP BY scene_id HAVING count(*) > 2",
        "a scene with no file": "SELECT 1 FROM scenes WHERE id NOT IN (SELECT scene_id FROM scenes_files)",
        "a tag with two parents": "SELECT 1 FROM tags_relations GROUP BY child_id HAVING count(*) > 1",
        "a group in two groups": "SELECT 1 FROM groups_relations GROUP BY sub_id HAVING count(*) > 1",
        "groups of one name": "SELECT 1 FROM groups GROUP BY name HAVING count(*) > 1",
        "a whole float": "SELECT 1 FROM performer_custom_fields WHERE typeof(value) = 'real' AND value = round(value)",
        "an integer": "SELECT 1 FROM performer_custom_fields WHERE typeof(value) = 'integer'",
        "a number as text": "SELECT 1 FROM performer_custom_fields WHERE value = '1999' AND typeof(value) = 'text'",
        "a date that is a year": "SELECT 1 FROM scenes WHERE date_precision = 2",
        "a time east of Greenwich": "SELECT 1 FROM scenes WHERE created_at LIKE '%+05:45'",
        "two stash-boxes": "SELECT 1 FROM scene_stash_ids GROUP BY scene_id HAVING count(*) > 1",
        "a chosen cover": "SELECT 1 FROM galleries_images WHERE cover",
        "the number 0 in a group": "SELECT 1 FROM groups_scenes WHERE scene_index = 0",
        "a formula": "SELECT 1 FROM tags WHERE name LIKE '=%'",
    }
    with closing(sqlite3.connect(library)) as db:
        assert [case for case, query in cases.items() if not db.execute(query).fetchone()] == []


def test_pictures_in_files_are_served(libraries: Libraries, start_stash) -> None:
    """With a blobs folder half of the pictures are files, and Stash shows those too."""
    stash = start_stash(libraries.filled(60, blobs=True))
    with closing(sqlite3.connect(f"file:{stash.database}?mode=ro", uri=True)) as db:
        stored = db.execute("SELECT performers.id, checksum, blob FROM performers JOIN blobs ON checksum = image_blob").fetchall()
    assert {blob is None for _, _, blob in stored} == {True, False}
    for number, checksum, _ in stored:
        with stash.opener.open(f"{stash.url}/performer/{number}/image", timeout=30) as answer:
            assert answer.headers["ETag"].strip('"') == checksum


def test_an_empty_database_has_stash_s_schema(empty_database: Path) -> None:
    """The empty database was made by Stash, and only the maker's tables are in it."""
    with closing(sqlite3.connect(empty_database)) as db:
        assert db.execute("SELECT version, dirty FROM schema_migrations").fetchall() == [(75, 0)]
        assert sum(db.execute(f"SELECT count(*) FROM `{name}`").fetchone()[0] for name, _, _ in TABLES) == 0


def test_only_an_empty_database_is_filled(library: Path) -> None:
    """A library that holds something is refused."""
    with pytest.raises(ValueError, match="not empty"):
        fill(library, scenes=10)


def test_a_login_locks_everybody_else_out(start_stash) -> None:
    """With a login there is an API key, gql() uses it, and who has neither is refused; it holds after a restart."""
    stash = start_stash(login=("me", "a password"))
    stash.restart()
    general = stash.gql("{ configuration { general { username apiKey } } }")["configuration"]["general"]
    assert general == {"username": "me", "apiKey": stash.api_key}
    body, headers = b'{"query": "{ version { version } }"}', {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{stash.url}/graphql", data=body, headers=headers)
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30)
    refused.value.close()


def test_a_login_without_a_key_uses_the_cookie(start_stash) -> None:
    """Without an API key gql() signs in as the login page does, and the session is as short as asked."""
    stash = start_stash(login=("me", "a password"), api_key=False, max_session_age=77)
    general = stash.gql("{ configuration { general { apiKey maxSessionAge } } }")["configuration"]["general"]
    assert general == {"apiKey": "", "maxSessionAge": 77}


def test_settings_and_time_zone_reach_stash(start_stash) -> None:
    """What is given as config is in Stash's configuration, and times are written in the zone that was asked for."""
    settings = {"stash_port": {"outputDir": "/x"}}
    stash = start_stash(config={"language": "de-DE", "plugins": {"settings": settings}}, time_zone="Asia/Kathmandu")
    asked = stash.gql('mutation { tagCreate(input: {name: "x"}) { created_at } configureInterface(input: {}) { language } }')
    assert asked["configureInterface"]["language"] == "de-DE"
    assert asked["tagCreate"]["created_at"].endswith("+05:45")
    assert stash.gql("{ configuration { plugins } }")["configuration"]["plugins"] == settings


def test_stopping_closes_the_database(start_stash) -> None:
    """After stop() the database is one whole file, and what was written is in it."""
    stash = start_stash()
    stash.gql('mutation { tagCreate(input: {name: "kept"}) { id } }')
    stash.stop()
    assert not stash.database.with_name(stash.database.name + "-wal").exists()
    with closing(sqlite3.connect(stash.database)) as db:
        assert db.execute("SELECT name FROM tags").fetchall() == [("kept",)]


def test_an_error_is_raised_with_the_log(start_stash) -> None:
    """A question with an error raises, and so does a Stash that cannot start, with the end of its log."""
    with pytest.raises(StashError, match="nosuchfield"):
        start_stash().gql("{ nosuchfield }")
    with pytest.raises(StashError, match=r"(?s)did not start.*unable to open"):
        start_stash(config={"database": "/proc/nowhere.sqlite"})


@pytest.mark.real_stash
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_nothing_survives_a_killed_test_process(tmp_path: Path) -> None:
    """When the process that started a Stash is killed, so that it can clean nothing up, Stash ends with it."""
    script = (
        "import pathlib, sys, time; from support.stash import RealStash\n"
        "stash = RealStash(pathlib.Path(sys.argv[1])); stash.start(); print(stash.process.pid, flush=True); time.sleep(60)"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "tests")}
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True) as starter:
        stash = int(starter.stdout.readline())
        assert Path(f"/proc/{stash}/exe").exists()
        starter.send_signal(signal.SIGKILL)
        starter.wait()
    handle = os.pidfd_open(stash) if Path(f"/proc/{stash}").exists() else None
    if handle is not None:
        import select

        assert select.select([handle], [], [], 10)[0], "Stash outlived the process that started it"
        os.close(handle)
