"""A whole database is restored beside the one of a real Stash, which is pointed at it and back."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
import yaml
from stashport.bundle.age_keys import new_identity
from stashport.errors import CannotSwitch, ChangedSince, NewerDatabase, NotRestorable, ServerError
from stashport.jobs.backup import backup
from stashport.jobs.carry import carry
from stashport.jobs.context import Context
from stashport.jobs.restore_belongings import restore_belongings, undo_belongings
from stashport.jobs.restore_database import confirm, restore_database, undo_database
from stashport.jobs.restore_source import BackupSource
from stashport.jobs.vaults import reach
from stashport.runs.record import Run
from stashport.runs.state import State
from stashport.stash.connection import Connection
from stashport.stash.source import DatabaseFile
from support.backups import Place, Quiet, contents
from support.stash import RealStash, StashError


class Scene:
    """A library with a backup of it in a vault, and another Stash to restore it into."""

    def __init__(self, folder, library, *, encrypted=False):
        self.folder, self.library = folder, library.copy(folder / "library")
        self.context = Context(State(folder / "state"), DatabaseFile(self.library.database, self.library.blobs))
        if encrypted:
            place = Place(folder / "library", *new_identity())
            assert place.backup().result == "ok"
            self.reached = place.reached()
        else:
            assert backup({"vault": str(folder / "vault")}, self.context).result == "ok"
            self.reached = reach(str(folder / "vault"), self.context)
        self.source = BackupSource(self.context, self.reached, self.reached.vault.find("latest"))

    def run(self):
        """A run that is recorded."""
        return Run.start(self.context.state, "restore", config={}, version="0")

    def restored(self, stash=None, config=None, source=None, **options):
        """Restore the backup; (facts, run)."""
        with self.run() as run:
            return restore_database(source or self.source, Connection(stash.url) if stash else None, config, run, **options), run

    def undone(self, facts, stash=None, config=None, **options):
        """Go back."""
        with self.run() as run:
            return undo_database(facts, Connection(stash.url) if stash else None, config, run, **options)

    def wanted(self):
        """What must come out of it."""
        return contents(self.library.database, None)

    def images(self, stash):
        """The bytes of all images as Stash serves them, by md5: asked of Stash itself."""
        found = stash.gql("{ findPerformers(filter:{per_page:-1}) { performers { image_path } } }")["findPerformers"]["performers"]
        return [Connection(stash.url).get(one["image_path"]) for one in found if "default=true" not in one["image_path"]]


def rows(database):
    """A library as it is, but for what Stash itself changes when it opens one."""
    return contents(database, None)


@pytest.fixture
def filled(libraries):
    """A library of 200 scenes, half of whose images lie in files."""
    return libraries.filled(200, 4, blobs=True)


def test_restored_confirmed_and_back_again(filled, libraries, start_stash, tmp_path):
    """Into a Stash with another library: it goes on until the restart, then has the backup row by row with its images; undo leads back to what it had."""
    scene, stash = Scene(tmp_path, filled), start_stash(libraries.filled(60, 2, blobs=True))
    before, mine = rows_of_running(stash), sorted(path.name for path in stash.blobs.rglob("*") if path.is_file())
    facts, run = scene.restored(stash)
    assert run.result == "ok"
    database = Path(facts["database"])
    assert database.parent == stash.database.parent
    assert database.suffix == ".sqlite"
    assert facts["restart"].startswith("Restart Stash now")
    assert confirm(Connection(stash.url), facts)["state"] == "waiting"
    assert rows_of_running(stash) == before
    assert rows(database) == scene.wanted()
    stash.restart()
    told = confirm(Connection(stash.url), facts)
    assert (told["state"], told["running"], told["differences"], told["images_missing"]) == ("restored", True, [], 0)
    assert told["counts"]["scenes"] == [200, 200]
    assert len(scene.images(stash)) > 5
    back = scene.undone(facts, stash)
    assert (back["changes"], back["images_missing"]) == ("", 0)
    stash.restart()
    assert rows_of_running(stash) == before
    assert confirm(Connection(stash.url), facts)["state"] == "other"
    assert database.is_file()
    assert set(mine) <= {path.name for path in stash.blobs.rglob("*") if path.is_file()}
    assert scene.undone(facts, stash)["sentence"].startswith("Stash is pointed at")
    assert stash.config_file.parent.joinpath("stash-go.sqlite").is_file()


def rows_of_running(stash):
    """The library of a running Stash, read from the file that it has open."""
    return rows(Path(stash.gql("{systemStatus{databasePath}}")["systemStatus"]["databasePath"]))


def test_an_encrypted_backup_into_a_stash_that_keeps_images_in_its_database(filled, libraries, start_stash, tmp_path):
    """Images that lay in files go into the database where this Stash reads no files; it serves every one of them."""
    scene, stash = Scene(tmp_path, filled, encrypted=True), start_stash(libraries.empty())
    facts, _ = scene.restored(stash)
    with contextlib.closing(sqlite3.connect(facts["database"])) as db:
        assert db.execute("SELECT count(*) FROM blobs WHERE blob IS NULL").fetchone() == (0,)
    differing = {name for name, digest in scene.wanted().items() if digest != rows(Path(facts["database"]))[name]}
    assert differing <= {"blobs"}
    assert not [path for path in stash.blobs.rglob("*") if path.is_file()]
    stash.restart()
    told = confirm(Connection(stash.url), facts)
    assert told["running"]
    assert told["differences"] == []
    assert len(scene.images(stash)) > 5


def test_what_was_changed_is_told_before_going_back(filled, libraries, start_stash, tmp_path):
    """Undo asks for force when the restored library was edited, played or deleted from, and says how much; images deleted meanwhile are named."""
    scene, stash = Scene(tmp_path, filled), start_stash(filled)
    facts, _ = scene.restored(stash)
    stash.restart()
    ids = [one["id"] for one in stash.gql("{findTags(filter:{per_page:3}){tags{id}}}")["findTags"]["tags"]]
    stash.gql('mutation($id:ID!){tagUpdate(input:{id:$id,description:"new"}){id}}', {"id": ids[0]})
    scenes = stash.gql("{findScenes(filter:{per_page:1}){scenes{id}}}")["findScenes"]["scenes"]
    stash.gql('mutation($id:ID!){sceneAddPlay(id:$id,times:["2026-01-02T03:04:05Z"]){count}}', {"id": scenes[0]["id"]})
    with pytest.raises(ChangedSince) as caught:
        scene.undone(facts, stash)
    assert "1 changed or new record, 1 new entry in lists" in caught.value.message
    for one in stash.gql("{findPerformers(filter:{per_page:-1}){performers{id}}}")["findPerformers"]["performers"]:
        stash.gql("mutation($id:ID!){performerDestroy(input:{id:$id})}", {"id": one["id"]})
    told = scene.undone(facts, stash, force=True)
    assert "deleted row" in told["changes"]
    assert told["images_missing"] > 0
    stash.restart()
    assert stash.gql("{findPerformers{count}}")["findPerformers"]["count"] > 0


def test_while_stash_is_down(filled, libraries, start_stash, tmp_path):
    """With its config.yml alone: refused while it runs, then one line of it is changed and a copy kept; Stash starts on the restored library, and back."""
    scene, stash = Scene(tmp_path, filled), start_stash(libraries.filled(60, 2, blobs=True))
    stash.gql('mutation{configureInterface(input:{language:"de-DE"}){language}}')  # Stash writes its config.yml as YAML
    config = stash.config_file
    with pytest.raises(CannotSwitch, match="something answers"):
        scene.restored(config=config)
    stash.stop()
    before, old = config.read_text(), rows(stash.database)
    facts, _ = scene.restored(config=config)
    assert yaml.safe_load(config.read_text()) == {**yaml.safe_load(before), "database": facts["database"]}
    assert len([1 for one, other in zip(before.splitlines(), config.read_text().splitlines(), strict=True) if one != other]) == 1
    assert Path(facts["config_copy"]).read_text() == before
    stash.start()
    assert confirm(Connection(stash.url), facts)["differences"] == []
    assert rows_of_running(stash) == scene.wanted()
    stash.stop()
    scene.undone(facts, config=config)
    assert yaml.safe_load(config.read_text())["database"] == str(stash.database)
    stash.start()
    assert rows_of_running(stash) == old


def test_a_carried_file_and_a_plain_database(filled, libraries, start_stash, tmp_path):
    """One file with its images inside, and a database file that its own Stash has open, are as good as a vault; what was there already is kept."""
    scene, stash = Scene(tmp_path, filled), start_stash(libraries.empty(), config={"blobs_storage": "FILESYSTEM"})
    run = carry({"vault": str(tmp_path / "vault"), "to": str(tmp_path / "one.stashport.zip")}, scene.context)
    assert run.result == "ok"
    with RealStash(tmp_path / "other", library=filled) as other:
        for source in (BackupSource(scene.context, path=tmp_path / "one.stashport.zip"), BackupSource(scene.context, path=other.database, blobs=other.blobs)):
            facts, _ = scene.restored(stash, source=source)
            assert rows(Path(facts["database"])) == scene.wanted()
            stash.restart()
            assert confirm(Connection(stash.url), facts)["running"]
            shutil.move(facts["database"], facts["database"] + ".kept")  # both are made within a second
            scene_images = facts["images"]
            stash.restart()
    assert scene_images["written"] == 0
    assert scene_images["kept"] > 20


def test_an_older_one_is_migrated_and_a_newer_one_refused(library, libraries, start_stash, tmp_path):
    """A backup from an older Stash says that Stash will ask to migrate, and undo works in that state; one from a newer Stash is refused in words."""
    with contextlib.closing(sqlite3.connect(library)) as db:
        (schema,) = db.execute("SELECT version FROM schema_migrations").fetchone()
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall():
            for (column,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall():
                if column.endswith("_precision"):
                    db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("UPDATE schema_migrations SET version=?", (schema - 1,))
        db.commit()
    newer = Path(shutil.copyfile(library, library.with_name("newer.sqlite")))
    with contextlib.closing(sqlite3.connect(newer)) as db:
        db.execute("UPDATE schema_migrations SET version=?", (schema + 1,))
        db.commit()
    stash, context = start_stash(libraries.empty()), Context(State(tmp_path / "state"))
    names = sorted(path.name for path in stash.folder.iterdir() if "-restored-" in path.name or path.name.startswith(".stash"))
    with Run.start(context.state, "restore", config={}, version="0") as run, pytest.raises(NewerDatabase, match=f"schema {schema + 1}"):
        restore_database(BackupSource(context, path=newer), Connection(stash.url), None, run)
    assert sorted(path.name for path in stash.folder.iterdir() if "-restored-" in path.name or path.name.startswith(".stash")) == names == []
    with Run.start(context.state, "restore", config={}, version="0") as run:
        facts = restore_database(BackupSource(context, path=library), Connection(stash.url), None, run)
        assert any("asks to migrate" in line for line in run.record["warnings"])
    stash.wait_until_ok = lambda: wait_for_status(stash, "NEEDS_MIGRATION")
    stash.restart()
    assert confirm(Connection(stash.url), facts)["state"] == "migration"
    with Run.start(context.state, "rollback", config={}, version="0") as run:
        assert undo_database(facts, Connection(stash.url), None, run)["changes"] == ""
    del stash.wait_until_ok
    stash.restart()
    assert rows_of_running(stash) == rows(libraries.empty().database)
    with Run.start(context.state, "restore", config={}, version="0") as run:
        facts = restore_database(BackupSource(context, path=library), Connection(stash.url), None, run)
    stash.wait_until_ok = lambda: wait_for_status(stash, "NEEDS_MIGRATION")
    stash.restart()
    stash.gql('mutation{migrate(input:{backupPath:""})}')
    wait_for_status(stash, "OK")
    told = confirmed_after_migrating(stash, facts)
    assert (told["state"], told["differences"]) == ("restored", [])


def confirmed_after_migrating(stash, facts):
    """What `confirm` says: a Stash that calls itself ready right after it migrated may answer with a nil pointer for a moment."""
    for _ in range(100):
        with contextlib.suppress(ServerError):
            return confirm(Connection(stash.url), facts)
        time.sleep(0.1)
    return confirm(Connection(stash.url), facts)


def wait_for_status(stash, wanted):
    """Until a Stash that may be about to migrate says so."""
    for _ in range(600):
        with contextlib.suppress(OSError, StashError):
            if stash.gql("{systemStatus{status}}")["systemStatus"]["status"] == wanted:
                return
        time.sleep(0.05)
    raise AssertionError(stash.log()[-2000:])


def test_a_stash_that_is_not_here(filled, start_stash, tmp_path):
    """Where the database of a server is not within reach, or is another file of the same path, nothing is written."""
    scene, stash = Scene(tmp_path, filled), start_stash(filled)
    hidden = stash.folder.with_name("elsewhere")
    stash.folder.rename(hidden)  # as if it ran in a container
    try:
        with pytest.raises(NotRestorable, match="not within reach"):
            scene.restored(stash)
        assert not stash.folder.exists()
    finally:
        hidden.rename(stash.folder)


def test_custom_files_and_scrapers_of_a_running_stash(filled, libraries, start_stash, tmp_path):
    """From one Stash's backup into another: missing files are written, other ones are kept with the backup's beside, scrapers are known at once; undone."""
    with RealStash(tmp_path / "first", library=filled) as first:
        (first.folder / "custom.css").write_text("body { color: red }")
        (first.folder / "custom.js").write_text("alert(1)")
        (first.folder / "scrapers" / "mine").mkdir()
        (first.folder / "scrapers" / "mine" / "Mine.yml").write_text(SCRAPER)
        context = Context(State(tmp_path / "state"), Connection(first.url))
        assert backup({"vault": str(tmp_path / "vault")}, context).result == "ok"
    reached = reach(str(tmp_path / "vault"), context)
    stash = start_stash(libraries.empty())
    (stash.folder / "custom.js").write_text("mine")
    source = BackupSource(context, reached, reached.vault.find("latest"))
    with source.opened(Quiet()) as held, Run.start(context.state, "restore", config={}, version="0") as run:
        told = restore_belongings(held.reader, Connection(stash.url), None, run)
    assert {one["member"]: one["did"] for one in told["files"]} == {
        "config/custom.css": "created", "config/custom.js": "beside", "config/scrapers/mine/Mine.yml": "created"}
    assert (stash.folder / "custom.js").read_text() == "mine"
    assert (stash.folder / "custom.js.from-backup").read_text() == "alert(1)"
    assert "Mine" in [one["id"] for one in stash.gql("{listScrapers(types:[SCENE]){id}}")["listScrapers"]]
    with Run.start(context.state, "rollback", config={}, version="0") as other:
        done = undo_belongings(run.folder, other)
    assert [one["did"] for one in done] == ["removed"] * 3
    assert not (stash.folder / "scrapers" / "mine").exists()
    assert sorted(path.name for path in stash.folder.glob("custom*")) == ["custom.js"]


SCRAPER = """name: Mine
sceneByURL:
  - action: scrapeXPath
    url: [example.invalid]
    scraper: one
xPathScrapers:
  one:
    scene:
      Title: //h1
"""
