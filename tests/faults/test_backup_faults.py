"""What can be wrong with a library, or with the place for its backups, when a backup is made: said, and never taken for good."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import threading

import pytest
from stashport.bundle.reader import BundleReader
from stashport.bundle.rebuild import DATABASE, blobs_of
from stashport.errors import CannotWrite, DatabaseDamaged, DrillFailed, Locked, NewerFile, NotAVault, OtherVault, PortError, VaultInside
from stashport.jobs import backup as backup_job
from stashport.jobs.backup import locked
from stashport.jobs.context import Context
from stashport.jobs.verify import verify
from support.backups import Place, Quiet, contents
from support.miniature import PICTURES

CHECKSUMS = list(PICTURES)


@pytest.fixture
def place(tmp_path):
    """A library, and no backup yet."""
    place = Place.made(tmp_path / "place")
    (place.folder / "work").mkdir()
    return place


def verified(place, **more):
    """Verify the newest backup; the run."""
    return verify({"target": str(place.vault_folder), **more}, Context(place.state))


def newest(place):
    """The backup that was made last."""
    return place.reached().vault.backups()[0]


def test_images_that_are_missing(place):
    """An image that is in neither place is told by name, the result is partial; the backup is good for what it holds."""
    lost = CHECKSUMS[1]
    (place.blobs / lost[:2] / lost[2:4] / lost).unlink()
    run = place.backup()
    assert run.result == "partial"
    assert any(lost in warning for warning in run.record["warnings"])
    assert newest(place).card["incomplete"]
    looked = verified(place)
    assert looked.result == "ok"
    assert "1 images were missing" in looked.record["warnings"][0]
    assert place.rebuilt(newest(place), place.folder / "out") == contents(place.database, place.blobs)


def test_images_that_are_damaged_and_mended(place):
    """An image whose bytes are not those of its name is kept as it is, by each backup; once it is mended, the next backup keeps the right one."""
    odd = CHECKSUMS[1]
    path = place.blobs / odd[:2] / odd[2:4] / odd
    good = path.read_bytes()
    path.write_bytes(b"damaged")
    for _ in range(2):
        run = place.backup()
        assert run.result == "partial"
        assert any(odd in warning and "damaged" in warning for warning in run.record["warnings"])
        assert verified(place).result == "ok"
    assert run.record["notes"]["backup"]["images"]["new"] == 0
    assert place.rebuilt(newest(place), place.folder / "odd") == contents(place.database, place.blobs)
    path.write_bytes(good)
    assert place.backup().result == "ok"
    assert place.problems(place.folder / "work") == []
    found = place.rebuilt(newest(place), place.folder / "mended")
    assert found[f"blobs/{odd}"] == odd
    assert found == contents(place.database, place.blobs)


def root_of(database, table):
    """The page on which a table begins, and the size of pages."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE type='table' AND name=?", (table,)).fetchone()
        return page, db.execute("PRAGMA page_size").fetchone()[0]


@pytest.mark.parametrize("table", ["scenes", "tags", "files", "scenes_tags"])
def test_a_database_that_is_damaged(place, table, monkeypatch):
    """A database with a page that is none is backed up page by page, said loudly, the result partial; no older one goes for it, and a trial fails."""
    place.backup()
    old = newest(place)
    page, size = root_of(place.database, table)
    with place.database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 100)
    run = place.backup(keep={"last": 1})
    assert run.result == "partial"
    assert any("damaged" in warning for warning in run.record["warnings"])
    assert newest(place).card["damaged"]
    assert newest(place).stem != old.stem
    assert old.stem in [one.stem for one in place.reached().vault.backups()]
    assert verified(place).result == "ok"
    monkeypatch.setattr("stashport.jobs.drill.find_program", lambda _: None)
    with pytest.raises(DrillFailed, match="damaged, as it was in Stash"):
        verified(place, level="drill")
    with place.reached().vault.store.open(newest(place).file) as file, BundleReader(file, "it") as reader:
        assert reader.read(DATABASE)[100:] == place.database.read_bytes()[100:]  # what stands before that counts copies


def test_a_table_of_images_that_is_damaged(place):
    """Images in a damaged part of the database are told one by one; those in the folder are kept."""
    page, size = root_of(place.database, "blobs")
    with place.database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 100)
    run = place.backup()
    assert run.result == "partial"
    told = [warning for warning in run.record["warnings"] if "damaged part" in warning]
    assert [checksum for checksum in CHECKSUMS if any(checksum in warning for warning in told)] == CHECKSUMS[::2]
    assert verified(place).result in ("ok", "partial")


def test_bytes_flipped_in_a_database(place):
    """Whatever byte of a database's pages is flipped: the backup is made, or there is an error with a name; what is listed verifies."""
    whole, made = place.database.read_bytes(), 0
    for at in range(5000, len(whole), len(whole) // 12):
        place.database.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            made += place.backup().result in ("ok", "partial")
        except PortError as error:
            assert isinstance(error, DatabaseDamaged), at
        assert place.problems(place.folder / "work") == [], at
    assert made > 6


def test_a_library_that_changes_meanwhile(place, monkeypatch):
    """While somebody writes to the database without a pause, the copy is of one moment: records, database and what was written together fit."""
    with contextlib.closing(sqlite3.connect(place.database)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        before = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("tags", "studios")]
    stop, written = threading.Event(), [0]

    def write():
        with contextlib.closing(sqlite3.connect(place.database, timeout=30)) as db:
            while not stop.is_set():
                number = written[0]
                with db:
                    db.execute("INSERT INTO tags(id,name) VALUES (?,?)", (10_000 + number, f"tag {number}"))
                    db.execute("INSERT INTO studios(id,name) VALUES (?,?)", (10_000 + number, f"studio {number}"))
                    db.execute("INSERT INTO blobs VALUES (?,?)", (hashlib.md5(b"%d" % number).hexdigest(), b"%d" % number))
                written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        runs = [place.backup() for _ in range(3)]
    finally:
        stop.set()
        writer.join()
    assert written[0] > 20
    assert {run.result for run in runs} == {"ok"}
    assert place.problems(place.folder / "work") == []
    for number, one in enumerate(place.reached().vault.backups()):
        added = one.card["counts"]["tags"] - before[0]
        assert one.card["counts"]["studios"] - before[1] == added > 0
        assert one.card["images"]["count"] == len(PICTURES) + added
        place.rebuilt(one, place.folder / f"out-{number}")
        with contextlib.closing(sqlite3.connect(place.folder / f"out-{number}" / "stash-go.sqlite")) as db:
            assert [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("tags", "studios")] == [one.card["counts"][name] for name in ("tags", "studios")]
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("SELECT count(*) FROM blobs WHERE blob IS NOT NULL").fetchone()[0] >= added


def test_a_second_backup_meanwhile(place):
    """While one backup is at work, a second one of the same library is turned away at once, and nothing is changed; afterwards it is made."""
    place.backup()
    one, vault = newest(place), place.reached().vault
    before = sorted(place.vault_folder.rglob("*"))
    with locked(place.state, vault, one.instance), pytest.raises(Locked, match="backup"):
        place.backup()
    assert sorted(place.vault_folder.rglob("*")) == before
    assert place.backup().result == "ok"


def test_a_vault_that_is_not_mounted(place):
    """A known vault whose folder is empty, or gone, is not made anew there: perhaps its disk is not mounted.  When it is back, all goes on."""
    place.backup()
    aside = place.folder / "aside"
    place.vault_folder.rename(aside)
    for there in (False, True):
        if there:
            place.vault_folder.mkdir()
        with pytest.raises(OtherVault, match="mounted"):
            place.backup()
        assert not place.vault_folder.exists() or list(place.vault_folder.iterdir()) == []
    place.vault_folder.rmdir()
    aside.rename(place.vault_folder)
    assert place.backup().result == "ok"
    assert len(place.reached().vault.backups()) == 2


@pytest.mark.parametrize(("name", "wanted"), [("file/vault", (CannotWrite, NotAVault)), ("file", NotAVault), ("full", NotAVault)])
def test_a_vault_that_cannot_be_written(place, name, wanted):
    """A place below a file, a file, and a folder of other things are refused, and left as they are."""
    (place.folder / "file").write_text("mine")
    (place.folder / "full").mkdir()
    (place.folder / "full" / "holiday.jpg").write_text("mine")
    with pytest.raises(wanted):
        backup_job.backup({"vault": str(place.folder / name)}, Context(place.state, backup_job_source(place)))
    assert (place.folder / "file").read_text() == (place.folder / "full" / "holiday.jpg").read_text() == "mine"
    assert os.listdir(place.folder / "full") == ["holiday.jpg"]


def backup_job_source(place):
    """The library as a source."""
    from stashport.stash.source import DatabaseFile

    return DatabaseFile(place.database, place.blobs)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_vault_without_the_right_to_write(place):
    """A vault that may only be read is refused for a backup; it can still be verified, and that what was found cannot be kept is said."""
    place.backup()
    for folder in (place.vault_folder, *(path for path in place.vault_folder.rglob("*") if path.is_dir())):
        folder.chmod(0o500)
    with pytest.raises(CannotWrite):
        place.backup()
    run = verified(place)
    assert run.result == "ok"
    assert any("could not be kept" in warning for warning in run.record["warnings"])
    for folder in (place.vault_folder, *(path for path in place.vault_folder.rglob("*") if path.is_dir())):
        folder.chmod(0o700)


def test_a_vault_that_is_part_of_what_is_backed_up(place):
    """A vault within the blobs folder is refused: each backup would hold the ones before it."""
    with pytest.raises(VaultInside):
        backup_job.backup({"vault": str(place.blobs / "vault")}, Context(place.state, backup_job_source(place)))
    assert not (place.blobs / "vault").exists()


def test_a_backup_of_a_newer_format(place, monkeypatch):
    """A backup that a newer Stash Port wrote is not called damaged: it cannot be looked at here, which is said, and its proof stays as it was."""
    from stashport.bundle import header

    monkeypatch.setattr(header, "VERSION", 2)
    place.backup()
    proof = newest(place).proof
    monkeypatch.undo()
    run = verified(place)
    assert run.result == "partial"
    assert "newer Stash Port" in run.record["warnings"][0]
    assert newest(place).proof == proof
    with pytest.raises(NewerFile):
        place.rebuilt(newest(place), place.folder / "out")


def test_a_pack_that_was_lost_is_made_up_for(place):
    """When a pack is gone, verify says which backups lost images; the next backup keeps these images anew and is good."""
    place.backup()
    (pack,) = [path for path in place.vault_folder.rglob("*.bundle") if path.parent.name == "packs"]
    pack.unlink()
    assert any("not there" in problem for problem in place.problems(place.folder / "work", "quick"))
    with pytest.raises(PortError):
        place.rebuilt(newest(place), place.folder / "out")
    shutil.rmtree(place.folder / "out")
    run = place.backup()
    assert any("pack" in warning for warning in run.record["warnings"])
    assert place.rebuilt(newest(place), place.folder / "out") == contents(place.database, place.blobs)
    assert verified(place).result == "ok"


def test_what_a_backup_knows_of_its_images(place):
    """Each image of the library is in the list of the backup, with the place where it was."""
    place.backup()
    prover_run = Quiet()
    from stashport.jobs.proving_vault import Prover

    with Prover(place.reached(), place.folder / "work", prover_run).opened(newest(place)) as reader:
        told = {one["checksum"]: one["place"] for one in blobs_of(reader)}
    assert told == {checksum: ("database" if number % 2 == 0 else "folder") for number, checksum in enumerate(CHECKSUMS)}
