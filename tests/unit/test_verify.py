"""Verify: what is looked at and how deep, what is told and kept, for vaults and for single files; and what the card of a proof says after another look."""

from __future__ import annotations

import io
import json
import shutil

import pytest
from stashport.bundle.rebuild import BLOBS, blobs_of, kept_as
from stashport.bundle.vault import PROOF
from stashport.bundle.writer import BundleWriter
from stashport.errors import BadRequest, DrillFailed, NotAVault, Stopped, StoreFailed, UnknownBackup, Unsound, VaultClosed
from stashport.jobs.context import Context
from stashport.jobs.proving import judgement
from stashport.jobs.proving_vault import Prover
from stashport.jobs.verify import verify
from stashport.output.seal import Seal
from stashport.runs.history import list_runs, request_stop
from stashport.runs.progress import SilentSink
from support.backups import Place, Quiet
from support.records import run_export, sample


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A library with two backups of different content."""
    place = Place.made(tmp_path_factory.mktemp("made") / "place")
    place.backup()
    place.picture(b"another picture")
    place.change("another text")
    place.backup()
    return place


@pytest.fixture
def place(made, tmp_path):
    """A copy of it for each test."""
    return Place(shutil.copytree(made.folder, tmp_path / "place"))


def look(place, **config):
    """Verify something in the vault; the run."""
    return verify({"target": str(place.vault_folder), **config}, Context(place.state))


def backups(place):
    """The backups, newest first."""
    return place.reached().vault.backups()


def damage(place, name):
    """Change one byte in the middle of a file of the vault."""
    path = place.vault_folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("given", [{"what": 1}, {"level": "deep"}, {"level": 3}, {"target": ["x"]}, {"backup": "a\0b"}])
def test_what_is_refused(given, place):
    """A wrong configuration is told as such, before anything is looked at."""
    with pytest.raises(BadRequest):
        look(place, **given)


def test_what_is_looked_at(place):
    """The latest backup, one by the beginning of its id, or all; none of that name, and no vault, are errors."""
    newest, older = backups(place)
    for wanted, found in (({}, [newest]), ({"backup": older.id[:6]}, [older]), ({"backup": "all"}, [newest, older]), ({"instance": newest.instance}, [newest])):
        told = look(place, **wanted).record["notes"]["verified"]
        assert [one["id"] for one in told] == [one.id for one in found]
        assert all(one["good"] for one in told)
    with pytest.raises(UnknownBackup):
        look(place, backup="nothing")
    with pytest.raises(UnknownBackup):
        look(place, backup="all", instance="0" * 36)
    with pytest.raises(NotAVault):
        look(place, target=str(place.folder))


def test_what_is_told_and_kept(place):
    """A look at the whole of it tells counts and images, says so in a sentence and as an item, and is kept beside the backup with its date."""
    run = look(place)
    (told,) = run.record["notes"]["verified"]
    newest = backups(place)[0]
    assert told["counts"] == {name: number for name, number in newest.card["counts"].items() if number}
    assert told["images"] == newest.card["images"]["count"] == 8
    assert (newest.level, newest.proof["images"]) == ("full", "all")
    assert run.record["notes"]["sentence"].startswith("Looked at 1 backup in ")
    assert run.record["items"][0]["reason"] == "good (full)"
    json.dumps(run.record)


@pytest.mark.parametrize("level", ["quick", "full"])
@pytest.mark.parametrize("sort", ["bundle", "card"])
def test_damage_is_told(place, level, sort):
    """A damaged backup fails the run and is named, the other one is good; what was last good stays known, and the card of the proof says `failed`."""
    newest = backups(place)[0]
    look(place)
    if sort == "bundle":
        (place.vault_folder / newest.file).write_bytes((place.vault_folder / newest.file).read_bytes()[:-1])
    else:
        damage(place, f"{newest.stem}.json")
    with pytest.raises(Unsound, match="1 of 2 backups") as raised:
        look(place, backup="all", level=level)
    assert newest.id in raised.value.message
    record = list_runs(place.state, 1)[0]
    assert record["result"] == "failed"
    with pytest.raises(Unsound, match="The backup"):
        look(place, backup=newest.id, level=level)
    if sort == "bundle":
        now = backups(place)[0]
        assert now.level == "failed"
        assert not now.proven
        assert now.proof["lastGood"]["level"] == "full"
        assert now.proof["problems"]


def test_a_byte_that_only_a_whole_look_finds(place):
    """A byte changed within a member: quick does not see it, full does; after that quick alone does not take it back, but full on a mended file does."""
    newest = backups(place)[0]
    whole = (place.vault_folder / newest.file).read_bytes()
    damage(place, newest.file)
    assert look(place, level="quick").result == "ok"
    with pytest.raises(Unsound, match="SHA-256"):
        look(place)
    assert look(place, level="quick").result == "ok"
    assert backups(place)[0].level == "failed"
    (place.vault_folder / newest.file).write_bytes(whole)
    assert look(place).result == "ok"
    assert backups(place)[0].level == "full"


def test_a_damaged_card_of_a_proof_is_made_anew(place):
    """What is damaged there says nothing about the backup, which can still be found; that it was so is told, and a new card is written."""
    newest = backups(place)[0]
    damage(place, f"{newest.stem}.proof.json")
    assert backups(place)[0].level == "none"
    assert place.reached().vault.find("latest").stem == newest.stem
    run = look(place)
    assert "damaged" in run.record["warnings"][0]
    assert backups(place)[0].level == "full"
    assert "lost" not in backups(place)[0].proof


def test_each_pack_is_read_once(place, monkeypatch):
    """Two backups share a pack: it is read once however many are looked at."""
    opened = []
    store = type(place.reached().vault.store)
    real = store.open

    def counted(self, name):
        opened.append(name)
        return real(self, name)

    monkeypatch.setattr(store, "open", counted)
    look(place, backup="all")
    packs = {name for name in opened if "/packs/" in name and name.endswith(".bundle")}
    assert len(packs) == 2
    sums = [name for name in opened if name in packs]
    assert len(sums) <= 2 * len(packs) + 3  # its sum, its images, and the lists of those for the backups


def test_what_cannot_be_told_is_no_damage(place, monkeypatch):
    """A store that fails, and a stop, end the run with their own error and leave the card of the proof as it was."""
    before = backups(place)[0].proof
    store = type(place.reached().vault.store)

    def failing(self, name):
        if name.endswith(".bundle"):
            raise StoreFailed(place=self.place, what="reading", reason="no route")
        return real(self, name)

    real = store.open
    monkeypatch.setattr(store, "open", failing)
    with pytest.raises(StoreFailed):
        look(place)
    monkeypatch.undo()
    run_id = place.state.new_run_id()

    class Stopping(SilentSink):
        """Asks for a stop as soon as the run has begun."""

        def phase(self, progress):
            request_stop(place.state, run_id)

    with pytest.raises(Stopped):
        verify({"target": str(place.vault_folder)}, Context(place.state, sinks=(Stopping(),), run_id=run_id))
    assert backups(place)[0].proof == before
    assert list((place.state.folder / "scratch").iterdir()) == []


def test_a_network_that_fails_in_the_middle(place, monkeypatch):
    """What came wrong once from another machine is asked for again, before anything is called damaged; what is wrong there is wrong twice."""
    newest, work = backups(place)[0], place.folder / "work"
    work.mkdir()
    store = type(place.reached().vault.store)
    real, left = store.open, [1]

    def failing(self, name):
        if name.endswith(".bundle") and left[0]:
            left[0] -= 1
            return io.BytesIO(b"something else")
        return real(self, name)

    monkeypatch.setattr(store, "open", failing)
    for local, number, good in ((place.vault_folder, 1, False), (None, 1, True), (None, 99, False)):
        left[0] = number
        reached = place.reached()
        reached.vault.store.local = local
        assert Prover(reached, work, Quiet()).look(newest, "full").valid is good


def test_a_backup_that_was_deleted_meanwhile(place, monkeypatch):
    """A backup that somebody deletes while it is looked at is passed over, and no card of a proof is left for it."""
    newest = backups(place)[0]
    real = Prover.look

    def deleting(self, backup, level):
        place.reached().vault.forget(newest)
        return real(self, backup, level)

    monkeypatch.setattr(Prover, "look", deleting)
    run = look(place)
    assert run.record["items"][0]["reason"] == "it was deleted meanwhile"
    assert not (place.vault_folder / f"{newest.stem}.proof.json").exists()


def test_an_encrypted_vault_without_its_key(tmp_path):
    """Without a key, quick looks from outside and says so; full says that the vault is closed, and calls nothing damaged."""
    place = Place.made(tmp_path / "place", encrypted=True)
    place.backup()
    (tmp_path / "work").mkdir()
    (one,) = backups(place)
    prover = Prover(place.reached()._replace(unseal=None), tmp_path / "work", Quiet())
    proof = prover.look(one, "quick")
    assert proof.valid
    assert "from outside" in proof.warnings[0]
    with pytest.raises(VaultClosed):
        prover.look(one, "full")


def test_a_trial_of_what_has_no_database(place):
    """A portable backup is read as a whole instead of starting a Stash on it; that is said, and its level is `full`."""
    place.backup(kind="portable")
    run = look(place, level="drill")
    assert "no database" in run.record["warnings"][0]
    assert backups(place)[0].level == "full"


def test_a_trial_that_fails(place, monkeypatch):
    """When only the trial fails, that is the error: the files themselves are whole."""

    def failing(*_):
        raise DrillFailed(reason="it did not start")

    monkeypatch.setattr("stashport.jobs.drill.drill", failing)
    with pytest.raises(DrillFailed, match="did not start"):
        look(place, level="drill")
    assert backups(place)[0].level == "failed"
    assert backups(place)[0].proof["lastGood"]["level"] == "full"


# --- single files --------------------------------------------------------------------------------------------------------------------------


def test_a_backups_file_alone(place):
    """The file of a backup, taken out of its vault, is good, but for its images, which are elsewhere: that is said."""
    alone = place.folder / "alone.bundle"
    shutil.copyfile(place.vault_folder / backups(place)[0].file, alone)
    for level in ("quick", "full"):
        run = look(place, target=str(alone), level=level)
        assert run.result == "ok"
    assert any("packs" in warning for warning in run.record["warnings"])
    with alone.open("r+b") as file:
        file.seek(2000)
        file.write(b"changed")
    with pytest.raises(Unsound, match=r"alone\.bundle"):
        look(place, target=str(alone))


def test_a_backup_that_carries_its_images(place):
    """A backup with its images inside is looked at with these: one that is another than its name says, or is not there, is found."""
    for change, wanted in ((None, ""), ("other", "is not the one"), ("none", "holds no images/")):
        path = place.folder / f"carried-{change}.bundle"
        carried(place, path, change)
        if not wanted:
            run = look(place, target=str(path))
            assert run.record["notes"]["verified"][0]["good"]
            continue
        with pytest.raises(Unsound, match=wanted):
            look(place, target=str(path))


def carried(place, path, change):
    """Write the newest backup as one file, on wish with one image changed or left out."""
    one = backups(place)[0]
    prover = Prover(place.reached(), place.folder, Quiet())
    with prover.opened(one) as reader, prover.images(one) as images, path.open("wb") as out, BundleWriter(out, reader.header) as bundle:
        for name in reader.names():
            bundle.add(name, reader.read(name))
        for number, told in enumerate(blobs_of(reader)):
            data = images.get(kept_as(told))
            if number or change != "none":
                bundle.add(f"images/{kept_as(told)}", data if number or change != "other" else b"other bytes")
        assert BLOBS in reader
        bundle.close()


@pytest.mark.parametrize(("name", "compress"), [("json", "none"), ("csv", "zip"), ("ndjson", "gzip"), ("bundle", "none")])
def test_an_export(name, compress, tmp_path):
    """An export that reads back is verified as such; a damaged one fails, an encrypted one needs its key."""
    run_export(sample(), tmp_path / "state", format=name, compress=compress, to=tmp_path / "x")
    place = Place(tmp_path)
    assert look(place, target=str(tmp_path / "x")).result == "ok"
    data = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(data[: len(data) // 2])
    with pytest.raises(Unsound):
        look(place, target=str(tmp_path / "x"))
    with (tmp_path / "sealed").open("wb") as file, Seal().wrap(file) as sealed:
        sealed.write(data)
    with pytest.raises(VaultClosed):
        look(place, target=str(tmp_path / "sealed"))


# --- the card of a proof -------------------------------------------------------------------------------------------------------------------

GOOD = {"level": "full", "good": True, "time": "T1", "problems": [], "images": "all"}
BAD = {"level": "full", "good": False, "time": "T1", "problems": ["p"], "images": "all", "lastGood": {"level": "drill", "time": "T0"}}


@pytest.mark.parametrize(("before", "level", "problems", "wanted"), [
    ({}, "quick", [], {"level": "quick", "good": True, "time": "T2", "lastGood": {"level": "quick", "time": "T2"}}),
    ({}, "full", ["x"], {"level": "full", "good": False, "time": "T2", "lastGood": None}),
    (GOOD, "quick", [], {"level": "full", "good": True, "time": "T1", "looked": {"level": "quick", "time": "T2"}, "lastGood": {"level": "full", "time": "T1"}}),
    (GOOD, "full", [], {"level": "full", "good": True, "time": "T2"}),
    (GOOD, "drill", [], {"level": "drill", "good": True, "time": "T2"}),
    (GOOD, "quick", ["x"], {"level": "quick", "good": False, "time": "T2", "lastGood": {"level": "full", "time": "T1"}}),
    (BAD, "quick", [], {"level": "full", "good": False, "time": "T1", "problems": ["p"], "lastGood": {"level": "drill", "time": "T0"}}),
    (BAD, "full", [], {"level": "full", "good": True, "time": "T2", "problems": []}),
    (BAD, "full", ["y"], {"good": False, "time": "T2", "problems": ["y"], "lastGood": {"level": "drill", "time": "T0"}}),
])
def test_what_holds_after_another_look(before, level, problems, wanted):
    """A shallow look takes nothing from a deep one, good or bad; a failure keeps what was last good; a look as deep decides."""
    now = judgement(before, level, problems, "T2")
    assert {key: now.get(key) for key in wanted} == wanted
    assert now["looked"] == {"level": level, "time": "T2"}
    assert {"level", "good", "time", "problems", "images", "looked", "lastGood"} <= now.keys()


def test_a_trial_stays_known(place):
    """What a trial restore compared is still told after a quick look."""
    newest = backups(place)[0]
    told = judgement({}, "drill", [], "T1") | {"drill": {"by": "Stash"}}
    place.reached().vault.write_card(f"{newest.stem}.proof", PROOF, by="a test", **told)
    look(place, level="quick")
    assert backups(place)[0].level == "drill"
    assert backups(place)[0].proof["drill"] == {"by": "Stash"}
