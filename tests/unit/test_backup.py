"""Backups of a small database: what goes in comes back, once, in order, with what is not inside named; and what is kept afterwards."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from stashport.bundle.rebuild import blobs_of, rebuild
from stashport.errors import BadRequest, BundleDamaged, Locked, NotAVault, NotSupported, StoreFailed, UnknownBackup, VaultDamaged, VaultInside
from stashport.jobs import backups
from stashport.jobs.backup import backup, locked
from stashport.jobs.backup_config import BackupConfig
from stashport.jobs.context import Context
from stashport.jobs.sample import SampleReader
from stashport.jobs.verify import verify
from stashport.model.fields import KINDS
from stashport.runs.habits import latest
from stashport.runs.state import State
from stashport.stash.source import Opened
from support.miniature import PICTURES, sample_library
from support.place import Place, tables


@pytest.fixture(params=[False, True], ids=["images in the database", "images in a folder"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place of its own for each test, in both ways of keeping images."""
    return Place(tmp_path, blobs=request.param)


@pytest.fixture
def plain(tmp_path: Path) -> Place:
    """A place with images in the database."""
    return Place(tmp_path)


def add_tag(place: Place, number: int) -> None:
    """Change the library a little."""
    with closing(sqlite3.connect(place.database)) as db:
        db.execute("INSERT INTO tags(id,name,created_at,updated_at) VALUES(?,?,'2024-01-01T00:00:00Z','2024-01-01T00:00:00Z')", (number, f"tag {number}"))
        db.commit()


def test_what_goes_in_comes_out(either: Place, tmp_path: Path) -> None:
    """The rebuilt database has every row of the source's, and every image where it was."""
    run = either.backup()
    assert (run.result, run.record["warnings"]) == ("ok", [])
    found = either.rebuilt(either.listed()[0], tmp_path / "out")
    assert tables(found.database) == tables(either.database)
    assert found.images == len(PICTURES)
    kept = {path.name: path.read_bytes() for path in found.blobs.rglob("*") if path.is_file()}
    assert kept == (PICTURES if either.blobs else {})


def test_the_source_is_not_written_to(plain: Place) -> None:
    """A backup leaves the database file as it was, byte for byte."""
    before = plain.database.read_bytes()
    plain.backup()
    assert plain.database.read_bytes() == before


def test_the_copy_inside_holds_no_images(plain: Place) -> None:
    """Images are in the pack only: not once more in each backup's database."""
    plain.backup()
    inside = plain.read(plain.listed()[0], "database.sqlite")
    assert not any(data in inside for data in PICTURES.values())


def test_the_header_tells_all_that_was_asked_for(plain: Place) -> None:
    """Every key of BackupMetadata is filled: counts and sizes by kind, source, options with checksum, what a restore needs."""
    plain.backup(note="first", compress="gzip")
    one = plain.listed()[0]
    header = plain.header(one)
    assert header["id"].replace("-", "").startswith(one.id)
    assert header["source"]["instanceId"] == one.instance
    assert header["source"]["databaseVersion"] == "75"
    for kind in KINDS:
        if kind.table:
            assert header["content"][kind.plural]["count"] == one.card["counts"][kind.plural]
    assert header["content"]["files"]["included"] is True
    assert all(header["content"][name]["size"] > 0 for name in ("scenes", "performers", "studios", "tags"))
    assert header["options"] == {"compression": "gzip", "encryption": False, "integrity": {"algorithm": "SHA-256", "checksum": header["options"]["integrity"]["checksum"]}}
    assert header["restoration"]["requirements"] == ["Stash with database schema 75 or newer"]
    assert header["backup"] == {"kind": "full", "instanceName": header["backup"]["instanceName"], "note": "first", "damaged": ""}
    assert "config" in header["notInside"]


def test_a_second_backup_shares_the_images(plain: Place) -> None:
    """An image is kept once, however many backups there are; both backups find it."""
    plain.backup()
    add_tag(plain, 900)
    run = plain.backup()
    assert run.record["notes"]["backup"]["images"] == {"count": len(PICTURES), "new": 0, "newBytes": 0}
    first, second = plain.listed()
    assert first.card["packs"] == second.card["packs"]
    assert len(list(plain.vault.packs(first.instance))) == 1
    assert first.card["counts"]["tags"] == second.card["counts"]["tags"] + 1


def test_a_lost_pack_is_made_anew(plain: Place) -> None:
    """When the file of a pack is gone, the next backup keeps its images again, and says so."""
    plain.backup()
    next(plain.place.rglob("packs/*.bundle")).unlink()
    run = plain.backup()
    assert run.result == "partial"
    assert "missing or cut off" in run.record["warnings"][0]
    assert run.record["notes"]["backup"]["images"]["new"] == len(PICTURES)


def test_a_missing_image_is_said_and_named(tmp_path: Path) -> None:
    """An image that is on neither side does not stop a backup, which is partial and lists it."""
    place = Place(tmp_path, blobs=True)
    assert place.blobs
    gone = next(path for path in sorted(place.blobs.rglob("*")) if path.is_file())
    gone.unlink()
    run = place.backup()
    assert run.result == "partial"
    one = place.listed()[0]
    assert one.card["incomplete"] is True
    with ExitStack() as stack:
        told = {line["checksum"]: line for line in blobs_of(place.opened(one, stack)[0])}
    assert told[gone.name] == {"checksum": gone.name, "place": "folder", "missing": True}
    assert place.rebuilt(one, tmp_path / "out").missing == [gone.name]


def test_a_damaged_image_is_kept_as_it_is(tmp_path: Path) -> None:
    """An image whose bytes are not those of its name comes back byte for byte, and the backup says that it is damaged."""
    place = Place(tmp_path, blobs=True)
    assert place.blobs
    bad = next(path for path in sorted(place.blobs.rglob("*")) if path.is_file())
    bad.write_bytes(b"half of it")
    assert place.backup().result == "partial"
    found = place.rebuilt(place.listed()[0], tmp_path / "out")
    assert next(found.blobs.rglob(bad.name)).read_bytes() == b"half of it"


def test_a_swapped_image_is_not_put_back(plain: Place, tmp_path: Path) -> None:
    """Rebuilding refuses an image whose bytes are not those that were backed up."""
    plain.backup()
    one = plain.listed()[0]

    class Wrong:
        """Has one image for all names."""

        def get(self, checksum: str) -> bytes:
            return b"another image"

    (tmp_path / "out").mkdir()
    with ExitStack() as stack, pytest.raises(BundleDamaged, match="is not the one that was backed up"):
        rebuild(plain.opened(one, stack)[0], Wrong(), tmp_path / "out")


def test_a_damaged_database_is_kept_and_said(plain: Place) -> None:
    """A database that cannot be read through is copied page by page; the backup says so and does not count as proven for what is kept."""
    with closing(sqlite3.connect(plain.database)) as db:
        page, size = db.execute("SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name='scenes'").fetchone()
    data = bytearray(plain.database.read_bytes())
    data[(page - 1) * size : (page - 1) * size + 64] = b"\xff" * 64
    plain.database.write_bytes(data)
    run = plain.backup()
    assert run.result == "partial"
    assert any("The database is damaged" in warning for warning in run.record["warnings"])
    one = plain.listed()[0]
    assert one.card["damaged"] is True
    assert not one.proven
    assert latest(plain.state) == {}
    assert len(plain.read(one, "database.sqlite")) == len(data)


def test_configuration_beside_a_database(plain: Place) -> None:
    """The config.yml that names the database is kept without its secrets, and custom files with it; both are named when they are left out."""
    secret = "jwt_secret_key: 0123456789abcdef0123456789abcdef\nusername: ann\npassword: $2a$10$abcdefghijklmnopqrstuv\n"
    (plain.folder / "config.yml").write_text(f"database: {plain.database}\nport: 9998\n{secret}", "utf-8")
    (plain.folder / "custom.css").write_text("body { color: red }", "utf-8")
    (plain.folder / "custom.js").write_text("const token = 'abc';", "utf-8")
    plain.backup()
    one = plain.listed()[0]
    kept = plain.read(one, "config/config.yml")
    assert b"9998" in kept
    assert not any(word in kept for word in (b"0123456789abcdef", b"ann", b"$2a$10"))
    assert plain.read(one, "config/custom.css") == b"body { color: red }"
    left_out = plain.header(one)["notInside"]
    assert "config/custom.js" in left_out
    assert "config/config.yml: jwt_secret_key, password, username" in left_out
    plain.backup(secrets=True)
    two = plain.listed()[0]
    assert plain.read(two, "secrets/config.yml") == (plain.folder / "config.yml").read_bytes()
    assert plain.read(two, "secrets/custom.js") == b"const token = 'abc';"


def test_a_filtered_backup(plain: Place) -> None:
    """A backup of some kinds holds these, the images that they name and no database, and is a series of its own."""
    plain.backup()
    plain.backup(kinds=["tags", "performers"])
    one = plain.listed()[0]
    assert one.card["kind"] == "filtered"
    assert set(one.card["counts"]) == {"tags", "performers"}
    assert "database.sqlite" not in plain.names(one)
    assert one.card["series"].startswith("filtered-")
    assert one.card["images"]["count"] > 0


def test_a_portable_backup(plain: Place) -> None:
    """On wish no database is inside: records and images only."""
    plain.backup(kind="portable")
    one = plain.listed()[0]
    assert one.card["kind"] == "portable"
    named = {value for records in sample_library(pictures=True).values() for record in records for value in record.values() if str(value).startswith("md5:")}
    assert one.card["images"]["count"] == len(named) > 3
    assert "database.sqlite" not in plain.names(one)


def test_another_library_at_the_same_path_is_another_series(plain: Place) -> None:
    """Backups of one library never mix with those of another that took its place."""
    plain.backup()
    with closing(sqlite3.connect(plain.database)) as db:
        for table in ("tags", "performers", "studios", "scenes", "files"):
            db.execute(f"UPDATE {table} SET created_at='2001-01-01T00:00:0'||(id%10)||'Z'")
        db.commit()
    run = plain.backup()
    assert any("another one than before" in warning for warning in run.record["warnings"])
    assert len({one.instance for one in plain.listed()}) == 2


def test_a_moved_library_goes_on_in_its_series(plain: Place) -> None:
    """The same library elsewhere is recognised and said to be; on wish it begins a series of its own."""
    plain.backup()
    moved = plain.folder / "moved"
    moved.mkdir()
    plain.database = Path(shutil.move(plain.database, moved / "stash-go.sqlite"))
    run = plain.backup()
    assert any("or is a copy of that one" in warning for warning in run.record["warnings"])
    assert len({one.instance for one in plain.listed()}) == 1
    plain.database = Path(shutil.copy(plain.database, plain.folder / "copy.sqlite"))
    plain.backup(instance="new")
    assert len({one.instance for one in plain.listed()}) == 2


def test_what_is_not_kept_goes_after_a_good_one(plain: Place) -> None:
    """Older backups are deleted by the policy once the new one is proven, and their images with the last that needs them."""
    plain.backup()
    with closing(sqlite3.connect(plain.database)) as db:
        gone = db.execute("SELECT checksum FROM blobs ORDER BY checksum").fetchone()[0]
        db.execute("DELETE FROM blobs WHERE checksum=?", (gone,))
        new = b"\x89PNG a new picture"
        db.execute("INSERT INTO blobs(checksum,blob) VALUES(?,?)", (hashlib.md5(new).hexdigest(), new))
        db.commit()
    run = plain.backup(keep={"keepLast": 1})
    assert len(run.record["notes"]["cleanUp"]["removed"]) == 1
    only = plain.listed()
    assert len(only) == 1
    assert len(list(plain.place.rglob("*.bundle"))) == 3  # the backup, the old pack that it still needs, its own
    assert "were deleted" in run.record["notes"]["sentence"]


def test_nothing_goes_after_a_bad_one(tmp_path: Path) -> None:
    """A backup that is partial removes nothing, whatever the policy says."""
    place = Place(tmp_path, blobs=True)
    place.backup()
    assert place.blobs
    next(path for path in place.blobs.rglob("*") if path.is_file()).unlink()
    for pack in place.place.rglob("packs/*"):
        pack.unlink()
    assert place.backup(keep={"keepLast": 1}).result == "partial"
    assert len(place.listed()) == 2


def test_two_at_once(plain: Place) -> None:
    """A second backup of the same library into the same vault is refused while the first is at work."""
    plain.backup()
    with locked(plain.state, plain.vault, plain.listed()[0].instance), pytest.raises(Locked):
        plain.backup()
    assert len(plain.listed()) == 1


def test_a_folder_with_other_things_is_no_vault(plain: Place) -> None:
    """A vault is never begun among somebody's own files."""
    plain.place.mkdir()
    (plain.place / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(NotAVault, match=r"holiday\.jpg"):
        plain.backup()
    assert [path.name for path in plain.place.iterdir()] == ["holiday.jpg"]


def test_a_vault_does_not_hold_itself(tmp_path: Path) -> None:
    """A vault inside the blobs folder is refused before anything is written there."""
    place = Place(tmp_path, blobs=True)
    assert place.blobs
    place.place = place.blobs / "vault"
    with pytest.raises(VaultInside):
        place.backup()
    assert not place.place.exists()


def test_full_needs_a_database(tmp_path: Path) -> None:
    """A full backup of what is no database is refused in words."""
    sample = Opened(SampleReader(), {"type": "sample", "reader": "sample"})
    with pytest.raises(NotSupported, match="needs the database file"):
        backup({"vault": str(tmp_path / "vault"), "kind": "full"}, Context(State(tmp_path / "state"), sample))


@pytest.mark.parametrize(
    "given", [{"vautl": "x"}, {"kind": "half"}, {"proof": "hope"}, {"compress": "rar"}, {"secrets": "perhaps"}, {"note": 7}, {"instance": "old"},
              {"kind": "full", "kinds": ["tags"]}, {"keep": {"keepSometimes": 3}}],
    ids=lambda given: next(iter(given)),
)
def test_configurations_that_cannot_be(given: dict[str, Any]) -> None:
    """What is not known or contradicts itself is refused before anything begins."""
    with pytest.raises(BadRequest):
        BackupConfig.parse(given)


def test_listing_and_deleting(plain: Place) -> None:
    """The list tells of each backup; one is deleted by its id, the only proven one only when that is said twice."""
    plain.backup(note="one")
    plain.backup(note="two")
    told = backups.listed({"vault": str(plain.place), "keep": {"keepLast": 1}}, plain.context)
    assert [(row["note"], row["level"], row["keep"]) for row in told["backups"]] == [("two", "full", True), ("one", "full", False)]
    assert told["size"] == sum(path.stat().st_size for path in plain.place.rglob("*.bundle"))
    first, last = told["backups"][1]["id"], told["backups"][0]["id"]
    assert backups.forget({"vault": str(plain.place), "backup": first}, plain.context) == {"deleted": first, "packs": 0}
    with pytest.raises(BadRequest, match="only backup"):
        backups.forget({"vault": str(plain.place), "backup": last}, plain.context)
    assert backups.forget({"vault": str(plain.place), "backup": last, "sure": last}, plain.context)["packs"] == 1
    assert [path.name for path in plain.place.rglob("*") if path.is_file() and path.suffix != ".guard"] == ["stash-port-vault.json"]
    with pytest.raises(UnknownBackup):
        backups.forget({"vault": str(plain.place), "backup": last}, plain.context)


def test_a_pinned_one_stays(plain: Place) -> None:
    """What is pinned is kept for good."""
    plain.backup()
    first = plain.listed()[0]
    backups.pin({"vault": str(plain.place), "backup": first.id, "pinned": True}, plain.context)
    plain.backup(keep={"keepLast": 1})
    assert len(plain.listed()) == 2
    assert plain.listed()[1].card["pinned"] is True
    assert plain.listed()[1].proven


def test_no_secret_and_no_title_in_the_cards(plain: Place) -> None:
    """Whoever sees the vault learns counts and sizes from its cards, no titles and no paths."""
    plain.backup()
    titles = [record["title"] for record in sample_library()["scene"] if record.get("title")]
    for path in plain.place.rglob("*.json"):
        text = path.read_text("utf-8")
        assert json.loads(text)
        assert not any(title in text for title in titles)
        assert str(plain.folder) not in text


def test_a_quick_proof_is_called_quick(plain: Place) -> None:
    """On wish only the outline is looked at, and the backup is not called proven for it."""
    plain.backup(proof="quick")
    one = plain.listed()[0]
    assert (one.level, one.proven) == ("quick", False)


def test_only_a_proven_one_of_everything_is_remembered(plain: Place) -> None:
    """A part of the library, or one whose outline was looked at, is not what people are told to have as their last proven backup."""
    plain.backup(kinds=["tags"])
    plain.backup(proof="quick")
    assert latest(plain.state) == {}
    plain.backup()
    assert latest(plain.state)["proven"]["records"] > 0


def test_a_drill_comes_with_the_backup(plain: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """On wish the new backup is restored on trial at once; here on the database alone, since there is no Stash to start."""
    from stashport.jobs import drill

    monkeypatch.setattr(drill, "find_program", lambda *_, **__: None)
    plain.backup(proof="drill")
    assert plain.listed()[0].level == "drill"


def test_listing_without_the_store(plain: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that does not answer is listed as it was when it last did, with the date and the problem."""
    pytest.importorskip("fsspec")
    place = "memory://listing-without-the-store"
    backup({"vault": place}, plain.context)
    before = backups.listed({"vault": place}, plain.context)

    def fails(*_: object) -> None:
        raise StoreFailed(place=place, what="listing", reason="no route")

    monkeypatch.setattr(backups, "_listed", fails)
    after = backups.listed({"vault": place}, plain.context)
    assert after["backups"] == before["backups"] != []
    assert after["as_of"]
    assert "no route" in after["problem"]


@pytest.mark.parametrize("vault", ["s3://key:secret@bucket/folder", "s3://bucket/folder?secret_access_key=abc"])
def test_no_login_among_the_usual_choices(plain: Place, vault: str) -> None:
    """An address that holds a login is not kept in a file that anybody's backup of the state folder would carry away."""
    with pytest.raises(BadRequest, match="holds a login"):
        backups.choose_habits({"vault": vault}, plain.context)


@pytest.mark.parametrize("damage", [b"{}", b'{"format": "stash-port backup", "version": 999}'], ids=["damaged", "of a newer version"])
def test_an_unreadable_card_is_deleted_when_that_is_said_twice(plain: Place, damage: bytes) -> None:
    """Its file may still be whole, so one id is not enough, nor the beginning of one; then all its files go, the packs that others need stay."""
    plain.backup()
    plain.backup()
    newest, one = plain.listed()
    (plain.place / f"{one.stem}.json").write_bytes(damage)
    before = sorted(path for path in plain.place.rglob("*") if path.is_file())
    given = {"vault": str(plain.place), "backup": one.id}
    for sure in (None, one.id[:6], newest.id):
        with pytest.raises(BadRequest, match="may still be whole"):
            backups.forget({**given, "sure": sure}, plain.context)
    with pytest.raises(VaultDamaged):
        backups.forget({**given, "backup": one.id[:6], "sure": one.id}, plain.context)
    with pytest.raises(VaultDamaged):
        backups.pin({**given, "pinned": True}, plain.context)
    assert sorted(path for path in plain.place.rglob("*") if path.is_file()) == before
    assert backups.forget({**given, "sure": one.id}, plain.context) == {"deleted": one.id, "packs": 0}
    assert [left.id for left in plain.listed()] == [newest.id]
    assert not [path for path in plain.place.rglob("*") if one.id in path.name]
    assert verify({"target": str(plain.place)}, plain.context).result == "ok"
