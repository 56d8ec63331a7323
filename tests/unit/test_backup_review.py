"""Backups where something goes against them: what must neither be lost, nor believed, nor told, nor keep the next backup from being made."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import resource
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from stashport.bundle.rebuild import rebuild
from stashport.bundle.retention import Policy
from stashport.errors import BackupIncomplete, Locked, PortError, VaultDamaged
from stashport.jobs import backup as making
from stashport.jobs import backups
from stashport.jobs.backup import locked
from stashport.jobs.context import Context
from stashport.jobs.keeping import judged
from stashport.runs.habits import latest, note_failed, note_proven
from stashport.runs.instances import recognise
from stashport.runs.state import State
from stashport.stash.belongings import Belongings, Thing
from stashport.stash.snapshot import snapshot
from stashport.stash.source import DatabaseFile, open_source
from support.miniature import PICTURES
from support.place import Place


@pytest.fixture
def plain(tmp_path: Path) -> Place:
    """A place with images in the database."""
    return Place(tmp_path)


def sql(place: Place, statement: str, *values: object) -> None:
    """Change the library a little."""
    with closing(sqlite3.connect(place.database)) as db:
        db.execute(statement, values)
        db.commit()


def add_image(place: Place, data: bytes) -> str:
    """Put an image into the library; its name."""
    name = hashlib.md5(data).hexdigest()
    sql(place, "INSERT INTO blobs VALUES (?,?)", name, data)
    return name


def packs_of(place: Place) -> Path:
    """The folder of the packs."""
    return place.place / place.listed()[0].instance / "packs"


def test_a_folder_that_cannot_be_listed_is_not_empty(plain: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the list of backups cannot be read, no pack is taken for one that nobody needs."""
    plain.backup()
    one, real = plain.listed()[0], os.scandir

    def failing(path: Any) -> Any:
        if Path(os.fsdecode(path)).name == "backups":
            raise OSError(5, "Input/output error", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", failing)
    with contextlib.suppress(PortError):
        plain.vault.collect(one.instance)
    monkeypatch.undo()
    assert [name.suffix for name in sorted(packs_of(plain).iterdir())] == [".bundle", ".json", ".names"]


def test_a_damaged_image_does_not_take_the_place_of_the_good_one(tmp_path: Path) -> None:
    """A portable backup that met a damaged image spoils no later backup."""
    place = Place(tmp_path)
    name, data = list(PICTURES.items())[-1]
    sql(place, "UPDATE blobs SET blob=? WHERE checksum=?", b"bad" + data, name)
    assert place.backup(kind="portable").result == "partial"
    sql(place, "UPDATE blobs SET blob=? WHERE checksum=?", data, name)
    place.backup()
    found = place.rebuilt(place.listed()[0], tmp_path / "out")
    with closing(sqlite3.connect(found.database)) as db:
        assert db.execute("SELECT blob FROM blobs WHERE checksum=?", (name,)).fetchone()[0] == data


def test_an_image_without_a_right_name_does_not_spoil_the_backup(plain: Place, tmp_path: Path) -> None:
    """An image whose name is none is said and left out; the rest comes back."""
    sql(plain, "INSERT INTO blobs VALUES ('../../etc/x', ?)", b"abc")
    assert plain.backup().result == "partial"
    assert plain.rebuilt(plain.listed()[0], tmp_path / "out").images == len(PICTURES)


@pytest.mark.parametrize("ending", [".json", ".names"])
def test_a_damaged_pack_does_not_keep_backups_from_being_made(plain: Place, tmp_path: Path, ending: str) -> None:
    """Where a pack's card or list is damaged, its images are packed anew."""
    plain.backup()
    path = next(packs_of(plain).glob("*" + ending))
    path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))
    run = plain.backup(keep={"keepLast": 1})
    assert run.result == "partial"
    assert plain.rebuilt(plain.listed()[0], tmp_path / "out").images == len(PICTURES)


def test_a_lost_pack_card_does_not_hide_the_backups(plain: Place) -> None:
    """Backups are listed, with what is wrong, also when a pack's card is gone."""
    plain.backup()
    next(packs_of(plain).glob("*.json")).unlink()
    rows = backups.listed({"vault": str(plain.place)}, plain.context)["backups"]
    assert len(rows) == 1
    assert any("pack" in problem for problem in rows[0]["problems"])


def test_a_pack_that_went_meanwhile_is_noticed(plain: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """No backup is listed whose pack another machine deleted while it was made."""
    plain.backup()
    folder, real = packs_of(plain), making.put_belongings

    def meanwhile(*given: Any) -> Any:
        next(folder.glob("*.bundle")).unlink()
        return real(*given)

    monkeypatch.setattr(making, "put_belongings", meanwhile)
    with pytest.raises(BackupIncomplete):
        plain.backup()
    assert len(plain.listed()) == 1


def test_two_states_do_not_change_a_vault_at_once(plain: Place, tmp_path: Path) -> None:
    """Who deletes a backup with another state folder waits for the backup that is being made, since they share packs."""
    plain.backup()
    one, other = plain.listed()[0], Context(State(tmp_path / "other"), DatabaseFile(plain.database))
    with locked(plain.state, plain.vault, one.instance), pytest.raises(Locked):
        backups.forget({"vault": str(plain.place), "backup": one.id, "sure": one.id}, other)
    assert len(plain.listed()) == 1


def test_a_card_that_holds_no_number(plain: Place) -> None:
    """A card with NaN in it is a damaged card, and nothing worse."""
    plain.backup()
    (plain.place / f"{plain.listed()[0].stem}.json").write_bytes(b'{"format": NaN}')
    assert "checksum" in plain.listed()[0].problem


def test_a_backup_with_a_damaged_card_can_be_deleted(plain: Place) -> None:
    """The owner decides about a damaged one: it can be deleted by its id."""
    plain.backup()
    plain.backup()
    one = plain.listed()[1]
    (plain.place / f"{one.stem}.json").write_bytes(b"{}")
    backups.forget({"vault": str(plain.place), "backup": one.id, "sure": one.id}, plain.context)
    assert [left.id != one.id for left in plain.listed()] == [True]


def test_an_incomplete_backup_does_not_push_out_a_whole_one(plain: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two backups of a day the one that misses images does not stay in place of the whole one."""
    plain.backup()
    whole = plain.listed()[0]
    again = add_image(plain, b"new")
    sql(plain, "UPDATE blobs SET blob=NULL WHERE checksum=?", again)
    assert plain.backup().result == "partial"
    sql(plain, "DELETE FROM blobs WHERE checksum=?", again)
    told = [(one.id, fate.keep) for one, fate in _judged(plain, whole)]
    assert (whole.id, True) in told


def _judged(place: Place, one: Any) -> Any:
    return judged(place.vault, one.instance, Policy.parse({"keepDaily": 1}), proven_now=True)


def test_a_lost_pack_does_not_stop_the_clean_up_for_ever(plain: Place) -> None:
    """A backup that kept the images of a lost pack anew is whole: what is not kept any longer goes, and the lost pack with it."""
    plain.backup()
    next(packs_of(plain).glob("*.bundle")).unlink()
    plain.backup()
    plain.backup(keep={"keepLast": 1})
    assert len(plain.listed()) == 1
    assert not plain.listed()[0].card["incomplete"]
    assert len(list(packs_of(plain).glob("*.json"))) == 1


def test_a_clock_that_was_wrong_once(tmp_path: Path) -> None:
    """A backup dated in the future does not hide the ones after it, nor keep an old failure alive."""
    state = State(tmp_path)
    note_proven(state, {"id": "a", "time": "2999-01-01T00:00:00Z"})
    note_failed(state, {"time": "2026-01-01T00:00:00Z", "reason": "x", "run": "r"})
    note_proven(state, {"id": "b", "time": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")})
    assert latest(state)["proven"]["id"] == "b"
    assert "failed" not in latest(state)


def test_an_emptied_library_does_not_forget_who_it_was(tmp_path: Path) -> None:
    """An empty library in between does not let another one go on in the series of the first."""
    state, first, second = State(tmp_path), [f"1 {n}" for n in range(5)], [f"2 {n}" for n in range(5)]
    one = recognise(state, "place", first)
    recognise(state, "place", [])
    assert recognise(state, "place", second).id != one.id
    assert recognise(state, "elsewhere", first).id == one.id


def test_many_packs_need_few_open_files(plain: Place, tmp_path: Path) -> None:
    """A backup whose images lie in more packs than a process may have files open can be rebuilt."""
    for number in range(40):
        add_image(plain, b"image %d" % number)
        plain.backup(proof="quick")
    one, before = plain.listed()[0], resource.getrlimit(resource.RLIMIT_NOFILE)
    assert len(one.card["packs"]) == 40
    (tmp_path / "out").mkdir()
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 25, before[1]))
    try:
        with ExitStack() as stack:
            reader, images = plain.opened(one, stack)
            assert rebuild(reader, images, tmp_path / "out").images == len(PICTURES) + 40
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("text", [
    'driver:\n  cookies:\n    - CookieURL: "https://site.example"\n      Cookies:\n        - Name: sid\n          Value: "hush"\n',
    "driver:\n  headers:\n    - Key: Authorization\n      Value: hush\n",
    "driver:\n  headers:\n    - Key: ApiKey\n      Value: hush\n",
    "# Netscape HTTP Cookie File\n.site.example\tTRUE\t/\tTRUE\t0\tsid\thush\n",
    'tokens = ["hush"]\n', "passphrase = 'hush'\n", "PWD: hush\n", 'credentials = ("ann", "hush")\n',
    'fetch("https://ann:hush@site.example/x")\n',
])
def test_a_login_in_a_file_of_the_owners_is_found(text: str, tmp_path: Path) -> None:
    """What may hold a login stays out of a plain vault, however it is written."""
    assert [thing.name for thing in _custom(tmp_path, text)] == []


@pytest.mark.parametrize("text", ["body { color: red; }\n", "// keyboard shortcuts\nfor (const key of keys) press(key);\n", "name: Site\nsceneByURL:\n  - action: scrapeXPath\n"])
def test_what_holds_no_login_is_kept(text: str, tmp_path: Path) -> None:
    """Plain texts are not taken for secrets."""
    assert [thing.name for thing in _custom(tmp_path, text)] == ["config/custom.css"]


def _custom(folder: Path, text: str) -> list[Thing]:
    place = Place(folder)
    (folder / "config.yml").write_text(f"database: {place.database}\n")
    (folder / "custom.css").write_text(text)
    with open_source(DatabaseFile(place.database)) as opened:
        return [one for one in Belongings(opened, secrets=False, generated=False).things() if one.name.endswith("custom.css")]


def test_files_that_cannot_be_kept_do_not_stop_the_backup(plain: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two names that differ in capitals only, and a file that Stash deletes meanwhile, are named as not inside; the backup is made."""
    things = [Thing("config/scrapers/a.yml", b"1"), Thing("config/scrapers/A.yml", b"2"), Thing("generated/gone.mp4", tmp_path / "gone.mp4")]
    monkeypatch.setattr(Belongings, "things", lambda self: iter(things))
    run = plain.backup()
    assert {"config/scrapers/A.yml", "generated/gone.mp4"} <= plain.header(plain.listed()[0])["notInside"].keys()
    assert len(run.record["warnings"]) == 2


def test_a_busy_database_is_not_called_damaged(plain: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that another program holds is busy, which passes; nobody is told that it is damaged."""
    real = sqlite3.connect
    monkeypatch.setattr("stashport.stash.snapshot.sqlite3.connect", lambda *a, **k: real(*a, **{**k, "timeout": 0.1}))
    with closing(real(plain.database, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(PortError) as caught:
            snapshot(plain.database, tmp_path / "copy.sqlite")
    assert type(caught.value).__name__ != "DatabaseDamaged"


def test_a_good_backup_is_not_called_failed_because_of_the_clean_up(plain: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """When only the clean-up goes wrong, the backup is listed and the run is partial, not failed."""
    def failing(*given: Any, **more: Any) -> Any:
        raise VaultDamaged(place="there", name="x", reason="y")

    monkeypatch.setattr(making, "clean_up", failing)
    run = plain.backup()
    assert run.result == "partial"
    assert "failed" not in latest(plain.state)
