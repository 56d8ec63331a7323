"""A whole database is put together beside another one: images, paths, damage, faults, config.yml, and the files beside a library."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport.bundle.header import new_header
from stashport.bundle.reader import BundleReader
from stashport.bundle.writer import BundleWriter
from stashport.change.paths import PathMap
from stashport.errors import (
    BadRequest,
    BundleDamaged,
    CannotSwitch,
    CannotWrite,
    ChangedSince,
    DiskFull,
    NewerDatabase,
    NotADatabase,
    NotInBundle,
    NotRestorable,
    ServerError,
    SettingFixed,
    Stopped,
    Unsound,
)
from stashport.jobs import restore_beside
from stashport.jobs.context import Context
from stashport.jobs.restore_belongings import restore_belongings, undo_belongings
from stashport.jobs.restore_beside import put_beside
from stashport.jobs.restore_database import FACTS, preview_database, restore_database, undo_database
from stashport.jobs.restore_source import BackupSource
from stashport.runs.record import Run, request_stop
from stashport.stash import switching
from stashport.stash.config_file import ConfigFile
from support.backups import Place, contents
from support.miniature import PICTURES


class There:
    """A place with a vault, and the home of another Stash, which is down: its database, its blobs folder and its config.yml."""

    def __init__(self, folder, made):
        shutil.copytree(made.folder, folder / "source")
        self.place = Place(folder / "source", made.identity, made.recipient)
        self.reached = self.place.reached()
        self.context = Context(self.place.state)
        self.source = BackupSource(self.context, self.reached, self.reached.vault.find("latest"))
        self.home = folder / "home"
        (self.home / "blobs").mkdir(parents=True)
        self.database = Path(shutil.copyfile(made.folder.parent / "other" / "stash-go.sqlite", self.home / "stash-go.sqlite"))
        self.config = self.home / "config.yml"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config.write_text(f"blobs_path: blobs\nblobs_storage: FILESYSTEM\n# mine\ndatabase: {self.database} # keep\nport: {self.port}\napi_key: secret\n")

    def run(self):
        """A run that is recorded."""
        return Run.start(self.context.state, "restore", config={}, version="0")

    def restored(self, source=None, **options):
        """Restore; the facts."""
        with self.run() as run:
            return restore_database(source or self.source, None, self.config, run, **options)

    def files(self):
        """Everything in the home, with its bytes, but for the name of an empty folder."""
        return {str(path.relative_to(self.home)): path.read_bytes() for path in self.home.rglob("*") if path.is_file()}

    def images(self):
        """The images in the blobs folder, by name."""
        return {path.name: path.read_bytes() for path in (self.home / "blobs").rglob("*") if path.is_file()}

    def lines(self):
        """(checksum, place) of each image of the backup."""
        with self.source.opened(None) as held:
            return [(told["checksum"], told["place"]) for told in held.listed()]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Places with a vault, made once: a plain one, and an encrypted one."""
    top = tmp_path_factory.mktemp("made")
    Place.made(top / "other", blobs=False)
    places = {encrypted: Place.made(top / str(encrypted), encrypted=encrypted) for encrypted in (False, True)}
    for place in places.values():
        assert place.backup().result == "ok"
    return places


@pytest.fixture
def there(tmp_path, made):
    """A plain one."""
    return There(tmp_path, made[False])


def path_of(blobs, checksum):
    """Where Stash keeps an image."""
    return blobs / checksum[:2] / checksum[2:4] / checksum


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_a_backup_becomes_the_library_row_by_row(encrypted, made, tmp_path):
    """From a plain and an encrypted vault: every table is what was backed up, images are where they were, one line of config.yml differs, and back."""
    there = There(tmp_path, made[encrypted])
    before = there.files()
    facts = there.restored()
    new = Path(facts["database"])
    assert contents(new, there.home / "blobs") == contents(there.place.database, there.place.blobs)
    assert new.parent == there.home
    assert new.name.startswith("stash-go-restored-")
    assert there.images() == {name: PICTURES[name] for name, place in there.lines() if place == "folder"}
    assert facts["images"] == {"written": 7, "kept": 0, "replaced": 0, "lost": 0, "missing": 0}
    after = there.files()
    assert after["config.yml"].decode() == before["config.yml"].decode().replace(str(there.database), str(new))
    assert after["stash-go.sqlite"] == before["stash-go.sqlite"]
    assert not [name for name in after if name.startswith(".stash-port") or name.endswith(("-wal", "-shm", "-journal"))]
    with there.run() as run:
        told = undo_database(facts, None, there.config, run)
    assert there.files()["config.yml"] == before["config.yml"]
    assert told["changes"] == ""
    assert new.is_file()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_what_root_restores_belongs_to_stash(there):
    """Restored by root for a Stash that runs as somebody else: that one owns the database, config.yml and the images, with the modes that were there."""
    for path in (there.home, *there.home.rglob("*")):
        os.chown(path, 4321, 4321)
    there.database.chmod(0o660)
    there.config.chmod(0o600)
    facts = there.restored()
    assert {path.stat().st_uid for path in there.home.rglob("*")} == {4321}
    assert stat.S_IMODE(Path(facts["database"]).stat().st_mode) == 0o660
    assert {stat.S_IMODE(path.stat().st_mode) for path in there.home.glob("config.yml*")} == {0o600}


def test_images_that_are_there_are_kept_and_damaged_ones_replaced(there):
    """A good image is never touched, a damaged one is replaced, a missing one written: by content, whatever the file's time."""
    names = [name for name, place in there.lines() if place == "folder"]
    good, bad = path_of(there.home / "blobs", names[0]), path_of(there.home / "blobs", names[1])
    for path, data in ((good, PICTURES[names[0]]), (bad, b"half")):
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    os.utime(good, (1, 1))
    facts = there.restored()
    assert good.stat().st_mtime == 1
    assert bad.read_bytes() == PICTURES[names[1]]
    assert (facts["images"]["kept"], facts["images"]["replaced"]) == (1, 1)


def test_an_image_that_stash_itself_had_damaged(there, tmp_path):
    """It comes back under its name as it was; where the target has the whole one, that is better and stays."""
    name, whole = hashlib.md5(b"whole").hexdigest(), b"whole"
    with contextlib.closing(sqlite3.connect(there.place.database)) as db:
        db.execute("INSERT INTO blobs VALUES (?,NULL)", (name,))
        db.commit()
    path_of(there.place.blobs, name).parent.mkdir(parents=True)
    path_of(there.place.blobs, name).write_bytes(b"broken")
    assert there.place.backup().result == "partial"
    source = BackupSource(there.context, there.place.reached(), there.place.reached().vault.find("latest"))
    mine = path_of(there.home / "blobs", name)
    there.restored(source)
    assert mine.read_bytes() == b"broken"
    mine.write_bytes(whole)
    facts = there.restored(source, folder=tmp_path / "second")
    assert mine.read_bytes() == whole
    assert facts["images"]["kept"] == 4


def test_a_stash_that_reads_no_files_gets_all_images_in_its_database(there):
    """Images of the blobs folder go into the database where the target would not look for files."""
    there.config.write_text(there.config.read_text().replace("FILESYSTEM", "DATABASE"))
    facts = there.restored()
    with contextlib.closing(sqlite3.connect(facts["database"])) as db:
        assert dict(db.execute("SELECT checksum, blob FROM blobs")) == PICTURES
    assert there.images() == {}


def test_a_damaged_backup_is_refused_and_salvaged_on_wish(there):
    """Before anything is written; with `salvage` the rest is restored, and each image that is lost is listed with the run."""
    (pack,) = there.place.vault_folder.rglob("packs/*.bundle")
    data = bytearray(pack.read_bytes())
    name, picture = next((name, picture) for name, picture in PICTURES.items())
    at = data.index(picture)
    data[at + 12] ^= 1
    pack.write_bytes(data)
    before = there.files()
    with pytest.raises(Unsound):
        there.restored()
    assert there.files() == before
    with there.run() as run:
        facts = restore_database(there.source, None, there.config, run, salvage=True)
    assert run.result == "partial"
    assert facts["images"]["lost"] == 1
    assert [(item["kind"], item["id"], item["outcome"]) for item in run.record["items"]] == [("image", name, "failed")]
    made = contents(Path(facts["database"]), there.home / "blobs")
    wanted = contents(there.place.database, there.place.blobs)
    assert {key for key in wanted if wanted[key] != made[key]} <= {"blobs", f"blobs/{name}"}


def test_a_backup_without_its_images_or_without_a_database(there, tmp_path):
    """A file that was copied out of its vault lacks its images: refused, salvaged without them; a portable backup is refused in words."""
    copy = tmp_path / "alone.bundle"
    (bundle,) = there.place.vault_folder.rglob("backups/*.bundle")
    shutil.copyfile(bundle, copy)
    with pytest.raises(Unsound, match="its images lie in the vault"):
        there.restored(BackupSource(there.context, path=copy))
    assert there.restored(BackupSource(there.context, path=copy), salvage=True)["images"]["lost"] == 7
    assert there.place.backup(kind="portable").result == "ok"
    with pytest.raises(NotRestorable, match="it holds no database"):
        there.restored(BackupSource(there.context, there.reached, there.reached.vault.find("latest")))


def test_paths_are_mapped_and_nothing_else(there):
    """Folders lie elsewhere, also where two change places, and no other table changes; two that would become one are refused, nothing written."""
    with contextlib.closing(sqlite3.connect(there.place.database)) as db:
        found = [row[0] for row in db.execute("SELECT path FROM folders ORDER BY id")]
    swap = {found[0]: found[1], found[1]: found[0]}
    facts = there.restored(paths=lambda path: swap.get(path, "/new" + path))
    with contextlib.closing(sqlite3.connect(facts["database"])) as db:
        assert [row[0] for row in db.execute("SELECT path FROM folders ORDER BY id")] == [swap.get(path, "/new" + path) for path in found]
    made, wanted = contents(Path(facts["database"]), there.home / "blobs"), contents(there.place.database, there.place.blobs)
    assert {key for key in wanted if made[key] != wanted[key]} == {"folders"}
    assert facts["moved"] == len(found)
    before = there.files()
    with pytest.raises(NotRestorable, match="would both become /one"):
        there.restored(folder=there.home / "blobs", paths=lambda path: "/one")
    assert there.files() == before
    rules = PathMap.parse([f"{found[0]}=C:\\Media"])
    with pytest.raises(NotRestorable, match="would both become"):  # on the Windows side, case means nothing
        there.restored(folder=there.home / "blobs", paths=lambda path: rules.apply(path)[0] if path == found[0] else "c:\\media")


class Failing:
    """The sixth image cannot be had, for one reason or another."""

    def __init__(self, held, error):
        self._held, self._error, self.count = held, error, 0

    def __getattr__(self, name):
        return getattr(self._held, name)

    def get(self, checksum):
        """As the real one, five times."""
        self.count += 1
        if self.count > 5:
            raise self._error
        return self._held.get(checksum)


def target_of(there):
    """The target, as config.yml tells of it."""
    return switching.read(there.config)


@pytest.mark.parametrize("error", [
    NotInBundle(place="x", name="y"), OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EIO, "I/O error"),
    sqlite3.OperationalError("database or disk is full"), Stopped(where="here"), KeyboardInterrupt(),
], ids=lambda error: type(error).__name__ + str(getattr(error, "errno", "")))
def test_what_fails_leaves_nothing(error, there):
    """Whatever happens while images are put back: no file, no image and no temporary one is left, and what was there stays."""
    before = there.files()
    wanted = {OSError: (DiskFull, CannotWrite), sqlite3.OperationalError: (DiskFull,)}.get(type(error), (type(error),))
    with contextlib.suppress(KeyboardInterrupt), there.run() as run, there.source.opened(run) as held, pytest.raises(wanted):
        put_beside(Failing(held, error), target_of(there), run)
    assert there.files() == before


def test_a_full_disk_is_told_before(there, monkeypatch):
    """Where, how much is free and how much is needed, before anything is written."""
    before = there.files()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=1, used=1, free=1000))
    with pytest.raises(DiskFull) as caught:
        there.restored(checked=True)
    assert str(there.home) in caught.value.message
    assert there.files() == before


def test_a_preview_writes_nothing(there):
    """It names the file that would be made and the room that it takes, and nothing is changed."""
    before = there.files()
    with there.run() as run:
        told = preview_database(there.source, None, there.config, run)
    assert there.files() == before
    assert told["before"] == str(there.database)
    assert Path(told["database"]).parent == there.home
    assert {Path(name) for name in told["room"]} == {there.home, there.home / "blobs"}
    assert all(free > needed > 0 for needed, free in told["room"].values())


def test_a_file_that_is_no_database(there, tmp_path):
    """Neither a bundle nor a database: said so, nothing written; and what is there already is not restored onto itself."""
    path = tmp_path / "x.json"
    path.write_text("{}")
    before = there.files()
    with pytest.raises(NotADatabase):
        there.restored(BackupSource(there.context, path=path))
    with pytest.raises(BadRequest, match="nothing to restore"):
        there.restored(BackupSource(there.context, path=there.database))
    assert there.files() == before


KILLED = """
import sys
from pathlib import Path
from stashport.bundle.store import FolderStore
from stashport.bundle.vault import Vault
from stashport.jobs.context import Context
from stashport.jobs.restore_database import restore_database
from stashport.jobs.restore_source import BackupSource
from stashport.jobs.vaults import Reached
from stashport.runs.record import Run
from stashport.runs.state import State
context, reached = Context(State(Path(sys.argv[1]))), Reached(Vault.open(FolderStore(Path(sys.argv[2]))))
with Run.start(context.state, "restore", config={}, version="0") as run:
    print(run.folder, flush=True)
    restore_database(BackupSource(context, reached, reached.vault.find("latest")), None, Path(sys.argv[3]), run)
"""


def test_killed_at_any_moment(there):
    """What is found after a SIGKILL is whole: Stash is pointed at the old library or at one that is the backup row by row, and undo leads back."""
    command = [sys.executable, "-c", KILLED, str(there.place.state.folder), str(there.place.vault_folder), str(there.config)]
    environment = {**os.environ, "PYTHONPATH": str(Path(restore_beside.__file__).parents[2])}
    before, wanted = there.files(), contents(there.place.database, None)
    for number in range(int(os.environ.get("PORT_KILLS", "6"))):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
            folder = Path(child.stdout.readline().strip())
            time.sleep(0.07 * (number * 0.381966 % 1))  # spread over the tenth of a second that it takes
            child.kill()
        assert (there.home / "stash-go.sqlite").read_bytes() == before["stash-go.sqlite"]
        setting = Path(yaml.safe_load(there.config.read_text())["database"])
        for path in there.home.glob("*-restored-*"):
            assert contents(path, None) == wanted
        if setting != there.database:
            with there.run() as run:
                undo_database(json.loads((folder / FACTS).read_text()), None, there.config, run)
        assert there.config.read_bytes() == before["config.yml"]
        for path in there.home.glob("*-restored-*"):
            path.unlink()
    facts = there.restored()
    assert contents(Path(facts["database"]), there.home / "blobs") == contents(there.place.database, there.place.blobs)


def test_a_stop_is_heeded(there):
    """Somebody who presses Stop has the state of before."""
    before = there.files()
    with pytest.raises(Stopped), there.run() as run:
        request_stop(there.context.state, run.id)
        restore_database(there.source, None, there.config, run)
    assert there.files() == before


def test_schemas(there):
    """A newer database than this Stash's own is refused, an unfinished one too; where it cannot be told, that is said."""
    with contextlib.closing(sqlite3.connect(there.database)) as db:
        db.execute("UPDATE schema_migrations SET version=version-1")
        db.commit()
    before = there.files()
    with pytest.raises(NewerDatabase):
        there.restored()
    assert there.files() == before
    there.database.unlink()
    with there.run() as run:
        restore_database(there.source, None, there.config, run)
    assert "cannot be told" in run.record["warnings"][0]
    with contextlib.closing(sqlite3.connect(there.place.database)) as db:
        db.execute("UPDATE schema_migrations SET dirty=1")
        db.commit()
    with pytest.raises(NotRestorable, match="never finished migrating"):
        there.restored(BackupSource(there.context, path=there.place.database, blobs=there.place.blobs), folder=there.home / "blobs")


def test_rows_that_refer_to_nothing(there):
    """A database file with such rows is refused; with `salvage` it is restored as it is, and they are told."""
    with contextlib.closing(sqlite3.connect(there.place.database)) as db:
        db.executescript("CREATE TABLE mine (scene INTEGER REFERENCES scenes(id)); INSERT INTO mine VALUES (987654)")
    source = BackupSource(there.context, path=there.place.database, blobs=there.place.blobs)
    with pytest.raises(NotRestorable, match="mine, row 1, refers to scenes"):
        there.restored(source)
    with there.run() as run:
        restore_database(source, None, there.config, run, salvage=True)
    assert any("mine, row 1" in line for line in run.record["warnings"])


@pytest.mark.parametrize("damage", ["missing", "other"])
def test_a_database_file_with_bad_images(damage, there):
    """Of a plain database the images in its folder are looked at too."""
    name = next(name for name, place in there.lines() if place == "folder")
    path = path_of(there.place.blobs, name)
    path.unlink() if damage == "missing" else path.write_bytes(b"x")
    source = BackupSource(there.context, path=there.place.database, blobs=there.place.blobs)
    with pytest.raises(Unsound, match=name):
        there.restored(source)
    assert there.restored(source, salvage=True)["images"]["lost"] == 1


def test_going_back_is_refused_where_it_would_surprise(there):
    """Records changed since, a setting that leads elsewhere by now, an old database that is gone: each is said; asked again it is done, once."""
    facts = there.restored()
    made = Path(facts["database"])
    with contextlib.closing(sqlite3.connect(made)) as db:
        db.execute("UPDATE tags SET updated_at='2999-01-01T00:00:00Z' WHERE id=(SELECT min(id) FROM tags)")
        db.execute("DELETE FROM scenes_view_dates WHERE rowid=(SELECT min(rowid) FROM scenes_view_dates)")
        db.commit()

    def undone(**options):
        with there.run() as run:
            return undo_database(facts, None, there.config, run, **options)

    with pytest.raises(ChangedSince, match="1 changed or new record, 1 deleted row"):
        undone()
    there.database.rename(there.home / "away")
    with pytest.raises(CannotSwitch, match="not there any more"):
        undone(force=True)
    (there.home / "away").rename(there.database)
    text = there.config.read_text()
    there.config.write_text(text.replace(str(made), "/elsewhere.sqlite"))
    with pytest.raises(CannotSwitch, match=r"pointed at /elsewhere\.sqlite since"):
        undone(force=True)
    there.config.write_text(text)
    assert undone(force=True)["changes"]
    assert "already" in undone()["sentence"]
    with pytest.raises(BadRequest), there.run() as run:
        undo_database({**facts, "config": ""}, None, None, run)


def test_facts_are_kept_before_the_switch(there, monkeypatch):
    """A run that is killed while it points Stash at the file can be undone: what it takes is in its folder already."""
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(switching, "point_file", killed)
    with pytest.raises(KeyboardInterrupt), there.run() as run:
        restore_database(there.source, None, there.config, run)
    assert '"before"' in (run.folder / FACTS).read_text()


# --- config.yml ---


@pytest.mark.parametrize("line", [
    "database: /old/one.sqlite", "database:   '/old/it''s one.sqlite'   # why", 'database: "/old/\\u00e9 one.sqlite"', "database: C:\\Users\\a b\\one.sqlite",
    "database: one.sqlite\r",
])
def test_one_line_of_config_changes(line, tmp_path):
    """However it was spelt: every other byte stays, the comment too, and so do the mode and a link to the file."""
    text = f"# top\r\na:\n    database: no\n{line}\nkey: secret # x\n"
    real = tmp_path / "real.yml"
    real.write_bytes(text.encode())
    real.chmod(0o640)
    link = tmp_path / "config.yml"
    link.symlink_to(real)
    kept = ConfigFile(link).put("database", "/new/a b.sqlite")
    assert kept.read_bytes() == text.encode()
    value = yaml.safe_load(text.replace("\r", ""))["database"]
    assert ConfigFile(kept).get("database") == value
    assert yaml.safe_load(real.read_text())["database"] == "/new/a b.sqlite"
    changed = [(one, other) for one, other in zip(text.split("\n"), real.read_bytes().decode().split("\n"), strict=True) if one != other]
    assert len(changed) == 1
    assert ("# why" in changed[0][1]) == ("# why" in line)
    assert link.is_symlink()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (real, kept)] == [0o640, 0o640]


@pytest.mark.parametrize("text", [
    "other: 1\n", "database: |\n  /a\n", "database: &x /a\nb: *x\n", "database: a\ndatabase: b\n", '{"database": "/a"}\n', 'database: "\\x41"\n', "database:\n  /a\n",
    "database: /a\nother: [\n",
])
def test_another_spelling_is_left_alone(text, tmp_path):
    """What is not on one line of its own is not guessed at: the person is told what to write, and no byte changes."""
    path = tmp_path / "config.yml"
    path.write_text(text)
    with pytest.raises(CannotSwitch) as caught:
        ConfigFile(path).put("database", "/new.sqlite")
    assert "database" in caught.value.hint
    assert path.read_text() == text
    assert os.listdir(tmp_path) == ["config.yml"]


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20).map(str.strip).filter(bool))
@settings(max_examples=60)
def test_every_path_can_be_written_and_read(tmp_path_factory, value):
    """Whatever a folder is called: YAML and we read back what was put."""
    path = tmp_path_factory.mktemp("config") / "config.yml"
    path.write_text("database: /old.sqlite\nport: 1\n")
    ConfigFile(path).put("database", value)
    assert yaml.safe_load(path.read_text("utf-8")) == {"database": value, "port": 1}
    assert ConfigFile(path).get("database") == value


def test_a_stash_that_answers_is_not_gone_behind(there):
    """Something that listens where this Stash would: nothing is changed."""
    before = there.files()
    with socket.create_server(("127.0.0.1", there.port)), pytest.raises(CannotSwitch, match="something answers"):
        there.restored()
    assert there.files() == before


class Server:
    """A Stash that says what it is told to."""

    url = "http://localhost:1"

    def __init__(self, *, error="", keeps=True, setting="/old.sqlite"):
        self.error, self.keeps, self.setting = error, keeps, setting

    def query(self, _document, _variables=None):
        """Its places."""
        status = {"status": "OK", "databasePath": "/old.sqlite", "databaseSchema": 75, "appSchema": 75, "workingDir": "/", "configPath": "/nowhere.yml"}
        general = {"databasePath": self.setting, "blobsPath": "", "blobsStorage": "DATABASE", "scrapersPath": None}
        return {"systemStatus": status, "configuration": {"general": general}}

    def mutate(self, _document, variables):
        """Point it somewhere."""
        if self.error:
            raise ServerError(url=self.url, reason=self.error)
        if self.keeps:
            self.setting = variables["path"]


def test_a_setting_that_does_not_take():
    """Set by a flag: which, and what to do; refused for another reason; not kept although nothing was said; and one that takes."""
    with pytest.raises(SettingFixed) as caught:
        switching.point(Server(error="cannot set overridden value: database"), "/new.sqlite")
    assert "/new.sqlite" in caught.value.hint
    with pytest.raises(CannotSwitch, match="invalid database path"):
        switching.point(Server(error="invalid database path, use extension db"), "/new.txt")
    with pytest.raises(CannotSwitch, match=r"still says /old\.sqlite"):
        switching.point(Server(keeps=False), "/new.sqlite")
    assert switching.point(Server(), "/new.sqlite").setting == "/new.sqlite"


# --- files beside the library ---


def bundle_with(path, members):
    """A bundle of these members."""
    with path.open("wb") as file:
        writer = BundleWriter(file, new_header())
        for name, data in members.items():
            with writer.open(name) as member:
                member.write(data)
        writer.close()
    return path


@pytest.fixture
def belongings(there, tmp_path):
    """Restore members into the home; (result, run)."""
    (there.home / "scrapers").mkdir()
    there.config.write_text(there.config.read_text() + "scrapers_path: scrapers\n")

    def restore(members, **options):
        path = bundle_with(tmp_path / "some.bundle", members)
        with path.open("rb") as file, BundleReader(file, str(path)) as reader, there.run() as run:
            return restore_belongings(reader, None, there.config, run, **options), run

    return restore


MEMBERS = {
    "config/config.yml": b"database: /evil\n", "config/custom.css": b"a {}", "config/custom.js": b"1", "config/custom-locales.json": b"{}",
    "config/scrapers/a/b.yml": b"name: b", "secrets/scrapers/login.yml": b"cookie: x", "secrets/config.yml": b"x", "config/other.txt": b"x",
    "config/packages.json": b'{"plugins":[{"package_id":"p","name":"P","version":"1","sourceURL":"https://example.invalid/i.yml"}],"scrapers":[]}',
}


def test_files_are_put_back_and_taken_back(there, belongings):
    """Missing ones are written, other ones stay with the backup's beside, equal ones are let be, config.yml is never touched; undo leads to the byte."""
    (there.home / "custom.css").write_bytes(b"mine")
    (there.home / "custom.js").write_bytes(b"1")
    before = there.files()
    told, run = belongings(MEMBERS)
    assert {one["member"]: one["did"] for one in told["files"]} == {
        "config/custom.css": "beside", "config/custom.js": "unchanged", "config/custom-locales.json": "created", "config/scrapers/a/b.yml": "created",
        "secrets/scrapers/login.yml": "created"}
    new = {name: data for name, data in there.files().items() if name not in before}
    assert new == {"custom.css.from-backup": b"a {}", "custom-locales.json": b"{}", "scrapers/a/b.yml": b"name: b", "scrapers/login.yml": b"cookie: x"}
    assert stat.S_IMODE((there.home / "scrapers/login.yml").stat().st_mode) == 0o600
    (package,) = told["packages"]
    assert "Settings > Plugins" in package["press"]
    assert "https://example.invalid/i.yml" in package["press"]
    again, _ = belongings(MEMBERS)
    assert {one["did"] for one in again["files"]} == {"unchanged"}
    with there.run() as other:
        undo_belongings(run.folder, other)
    assert there.files() == before
    assert not (there.home / "scrapers" / "a").exists()


def test_overwriting_is_asked_for_and_undone(there, belongings):
    """With `overwrite` the old file is kept with the run, its mode too; one that was changed since is left, the others go back."""
    for name in ("custom.css", "custom.js"):
        (there.home / name).write_bytes(b"mine " + name.encode())
        (there.home / name).chmod(0o640)
    before = there.files()
    told, run = belongings(MEMBERS, overwrite=True)
    assert [one["did"] for one in told["files"] if "custom.css" in one["path"]] == ["overwritten"]
    assert (there.home / "custom.css").read_bytes() == b"a {}"
    assert stat.S_IMODE((there.home / "custom.css").stat().st_mode) == 0o640
    (there.home / "custom.js").write_bytes(b"newer")
    with there.run() as other:
        done = undo_belongings(run.folder, other)
    assert other.result == "partial"
    assert {Path(one["path"]).name: one["did"] for one in done}["custom.js"] == "left"
    assert there.files() == {**before, "custom.js": b"newer"}
    with there.run() as other:
        assert {one["did"] for one in undo_belongings(run.folder, other)} == {"nothing", "left"}


def test_nothing_leads_out_of_the_folder(there, belongings, tmp_path):
    """Links in the scrapers folder are not followed out of it, a link is never written through, a folder in a file's place is told."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "custom.css").write_bytes(b"kept")
    (there.home / "scrapers" / "a").symlink_to(tmp_path / "outside")
    (there.home / "custom.css").symlink_to(tmp_path / "outside" / "custom.css")
    (there.home / "custom.js").mkdir()
    told, run = belongings(MEMBERS, overwrite=True)
    done = {one["member"]: (one["did"], one["reason"]) for one in told["files"]}
    assert done["config/scrapers/a/b.yml"][0] == "left"
    assert "leads out of" in done["config/scrapers/a/b.yml"][1]
    assert done["config/custom.css"][0] == "beside"
    assert done["config/custom.js"][0] == "left"
    assert run.result == "partial"
    assert {path.name: path.read_bytes() for path in (tmp_path / "outside").iterdir()} == {"custom.css": b"kept"}


def test_a_hostile_list_of_packages(belongings):
    """A list that is none says so, whatever it is."""
    for text in (b"[]", b"null", b'{"plugins":[1]}', b'{"plugins":[{}]}', b"{", b"[" * 100_000):
        with pytest.raises(BundleDamaged):
            belongings({"config/packages.json": text})


def test_two_in_one_second_have_two_names(tmp_path):
    """The name of a restored database is free, also when another one was restored in the same second; the mark of an earlier restore is not kept in it."""
    from types import SimpleNamespace

    from stashport.jobs.restore_beside import place_for

    target, names = SimpleNamespace(database=tmp_path / "stash-go-restored-20260101-000000-2.sqlite"), []
    for _ in range(3):
        place = place_for(target)
        assert not place.exists()
        assert place.name.startswith("stash-go-restored-2")
        assert place.name.count("restored") == 1
        place.touch()
        names.append(place)
    assert len(set(names)) == 3
