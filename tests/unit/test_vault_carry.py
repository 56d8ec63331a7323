"""A backup that is carried away: one file, with everything inside, that needs no vault."""

from __future__ import annotations

import hashlib
import re

import pytest
from stashport import cli
from stashport.bundle.age_keys import Identity, new_identity
from stashport.bundle.passphrase import Passphrase
from stashport.bundle.reader import BundleReader
from stashport.bundle.rebuild import BLOBS, OwnImages, blobs_of, check_blobs, rebuild
from stashport.bundle.sevenzip import read_7z
from stashport.errors import AlreadyThere, BadRequest, BundleDamaged, OtherSecret, UnknownBackup, VaultClosed
from stashport.jobs.backup import backup
from stashport.jobs.carry import carry
from stashport.jobs.context import Context
from stashport.jobs.vault_setup import vault_confirm, vault_setup
from stashport.output.seal import opened
from stashport.runs.state import State
from stashport.stash.source import DatabaseFile
from support.miniature import PICTURES, sample_library, write_miniature
from support.place import tables


@pytest.fixture
def context(tmp_path):
    """A machine with a small library that has pictures."""
    path = write_miniature(tmp_path / "small.sqlite", sample_library(pictures=True), PICTURES, blobs=tmp_path / "blobs")
    return Context(State(tmp_path / "state"), DatabaseFile(path, tmp_path / "blobs"))


def test_it_is_one_file_that_restores_alone(context, tmp_path):
    """With the vault gone, database and images come out of the one file exactly as they were."""
    backup({"vault": str(tmp_path / "vault")}, context)
    run = carry({"vault": str(tmp_path / "vault"), "backup": "latest", "to": f"{tmp_path}/out/"}, context)
    (file,) = (tmp_path / "out").iterdir()
    assert run.result == "ok"
    assert file.name.endswith(".stashport.zip")
    (tmp_path / "vault").rename(tmp_path / "gone")
    (tmp_path / "new").mkdir()
    with file.open("rb") as stream, BundleReader(stream, "it") as reader:
        assert (reader.header["packs"], reader.header["carried"]["images"]) == ([], len(set(PICTURES)))
        assert reader.header["backup"]["kind"] == "full"
        assert check_blobs(reader, OwnImages(reader)) == []
        rebuilt = rebuild(reader, OwnImages(reader), tmp_path / "new")
        named = {told["checksum"] for told in blobs_of(reader)}
    assert tables(rebuilt.database) == tables(tmp_path / "small.sqlite")
    assert named == set(PICTURES)
    assert (rebuilt.images, rebuilt.missing) == (len(named), [])
    kept = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in rebuilt.blobs.rglob("*") if path.is_file()}
    assert all(name == digest for name, digest in kept.items())


def test_a_portable_backup_is_carried_too(context, tmp_path):
    """Its images, which records name more than once, are inside once each."""
    backup({"vault": str(tmp_path / "vault"), "kind": "portable"}, context)
    carry({"vault": str(tmp_path / "vault"), "to": str(tmp_path / "it.zip")}, context)
    with (tmp_path / "it.zip").open("rb") as stream, BundleReader(stream, "it") as reader:
        assert BLOBS in reader
        assert check_blobs(reader, OwnImages(reader)) == []
        assert reader.header["content"]["blobs"]["count"] == reader.header["carried"]["images"] > 0


def test_out_of_an_encrypted_vault_it_is_locked_anew(context, tmp_path):
    """It needs what opens the vault; it is locked for somebody else, or lies open only when that was said."""
    place, own = str(tmp_path / "vault"), new_identity()
    context.passphrase = Passphrase("the vault's words")
    sheet = vault_setup({"vault": place}, context)["sheet"].replace("<wbr>", "")
    key = sheet[sheet.index("AGE-SECRET-KEY-1") :][:74]
    context.passphrase = Passphrase(key)
    vault_confirm({"vault": place, "last": key[-4:]}, context)
    context.passphrase = None
    backup({"vault": place}, context)
    with pytest.raises(VaultClosed):
        carry({"vault": place, "to": str(tmp_path / "no.age"), "encrypt": {"recipients": [own[1]]}}, context)
    context.identities = (Identity(key),)
    with pytest.raises(BadRequest, match="plain"):
        carry({"vault": place, "to": str(tmp_path / "no.zip")}, context)
    carry({"vault": place, "to": str(tmp_path / "for.age"), "encrypt": {"recipients": [own[1]]}}, context)
    context.new_passphrase = Passphrase("for a friend")
    carry({"vault": place, "to": str(tmp_path / "words.age")}, context)
    context.new_passphrase = None
    carry({"vault": place, "to": str(tmp_path / "open.zip"), "plain": True}, context)
    for name, keys in (("for.age", {"identities": [Identity(own[0])]}), ("words.age", {"passphrase": Passphrase("for a friend")}), ("open.zip", None)):
        with (tmp_path / name).open("rb") as raw, (opened(raw, **keys) if keys else raw) as stream, BundleReader(stream, name) as reader:
            assert check_blobs(reader, OwnImages(reader)) == []
            assert reader.header["options"]["encryption"] == bool(keys)
    with (tmp_path / "for.age").open("rb") as raw, pytest.raises(OtherSecret):
        opened(raw, passphrase=Passphrase("the vault's words"))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["for.age", "open.zip", "small.sqlite", "words.age"]


def test_nothing_is_replaced_and_nothing_half_done_is_left(context, tmp_path):
    """What is there stays; a backup whose pack is damaged is not carried, and leaves no file; a wrong name and a wrong key of the configuration are said."""
    place, target = str(tmp_path / "vault"), tmp_path / "it.zip"
    backup({"vault": place}, context)
    target.write_text("mine")
    with pytest.raises(AlreadyThere):
        carry({"vault": place, "to": str(target)}, context)
    carry({"vault": place, "to": str(target), "overwrite": True}, context)
    with pytest.raises(UnknownBackup):
        carry({"vault": place, "backup": "ffff", "to": str(tmp_path / "x")}, context)
    with pytest.raises(BadRequest):
        carry({"vault": place, "colour": "red"}, context)
    (pack,) = (tmp_path / "vault").glob("*/packs/*.bundle")
    data = bytearray(pack.read_bytes())
    at = data.index(next(iter(PICTURES.values()))[:12])
    data[at + 9] ^= 1
    pack.write_bytes(data)
    with pytest.raises(BundleDamaged):
        carry({"vault": place, "to": str(tmp_path / "sub" / "x.zip")}, context)
    assert list((tmp_path / "sub").iterdir()) == []


def test_a_7z_archive_of_plain_files(context, tmp_path):
    """On wish it is a 7z archive with the same files, locked with a passphrase; recipients are refused, since 7z knows none."""
    pytest.importorskip("py7zr")
    backup({"vault": str(tmp_path / "vault")}, context)
    context.new_passphrase = Passphrase("correct horse")
    run = carry({"vault": str(tmp_path / "vault"), "to": str(tmp_path / "it.7z"), "compress": "7z"}, context)
    assert run.result == "ok"
    with pytest.raises(OtherSecret):
        read_7z(tmp_path / "it.7z", tmp_path / "closed")
    read_7z(tmp_path / "it.7z", tmp_path / "open", "correct horse")
    names = {path.relative_to(tmp_path / "open").as_posix() for path in (tmp_path / "open").rglob("*") if path.is_file()}
    assert {"bundle.json", "database.sqlite", "blobs.ndjson", "records/scenes.ndjson"} <= names
    assert {name for name in names if name.startswith("images/")} == {f"images/{checksum}" for checksum in PICTURES}
    context.new_passphrase = None
    with pytest.raises(BadRequest, match="not for recipients"):
        carry({"vault": str(tmp_path / "vault"), "to": str(tmp_path / "other.7z"), "compress": "7z", "encrypt": {"recipients": [new_identity()[1]]}}, context)
    assert not (tmp_path / "other.7z").exists()


def test_a_passphrase_from_the_environment(context, tmp_path, monkeypatch, capsys):
    """The command line takes a passphrase from a variable that is named, never from an argument; one that is not there is said."""
    monkeypatch.setenv("VAULT_WORDS", "correct horse battery")
    vault, state, sheet = tmp_path / "locked", ["--state", str(context.state.folder)], tmp_path / "sheet.html"
    assert cli.main(["vault", "setup", str(vault), "--sheet", str(sheet), "--passphrase-env", "VAULT_WORDS", *state]) == 0
    secret = re.search("AGE-SECRET-KEY-1[A-Z0-9]{50,}", re.sub("<[^>]*>|\\s", "", sheet.read_text("utf-8")))
    assert secret
    last = secret[0][70:74]
    assert cli.main(["vault", "confirm", str(vault), "--last", last, "--passphrase-env", "VAULT_WORDS", *state]) == 0
    assert cli.main(["vault", "confirm", str(vault), "--last", last, "--passphrase-env", "NO_SUCH", *state]) == 10
    assert "no environment variable NO_SUCH" in capsys.readouterr().err
