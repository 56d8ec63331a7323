"""A remote store that fails: whatever call it is that fails, and however, what is listed is good, and the next backup goes on.

STASH_PORT_STORE_FAULTS=all tries every call of a backup, where otherwise a part of them has to do: every few, and from another one on each time.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal

import fsspec
import pytest
from stashport.bundle.retention import Policy
from stashport.errors import PortError, StoreFailed
from stashport.jobs.backup import backup
from stashport.jobs.keeping import clean_up
from stashport.jobs.proving_vault import Prover
from stashport.jobs.vaults import reach
from stashport.runs.record import Run
from support.place import Place
from support.stores import Failing, new_memory, remote

ALL = os.environ.get("STASH_PORT_STORE_FAULTS") == "all"
PIECE = 3000
WHERE = "memory://place"


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A machine and a store with one good backup; tests work on copies of both."""
    folder = tmp_path_factory.mktemp("begun")
    place, memory = Place(folder, blobs=True), new_memory()
    with using(memory, place):
        place.backup(vault=WHERE)
    return place, memory


@pytest.fixture
def copied(begun, tmp_path):
    """A function that makes a copy of both, with a library to which two pictures came."""

    def copy(name):
        place, memory = begun
        mine = Place(tmp_path / name, blobs=True) if (tmp_path / name).mkdir() is None else None
        shutil.copytree(place.state.folder, mine.state.folder)
        for path in mine.state.folder.glob("instances.json"):
            path.write_text(path.read_text().replace(str(place.database), str(mine.database)))
        return mine, same(memory)

    return copy


def same(memory):
    """A copy of a file system in memory."""
    fresh = new_memory()
    for path in memory.find(""):
        fresh.pipe_file(path, memory.cat_file(path))
    return fresh


@contextlib.contextmanager
def using(fs, place, *, whole=True, root="p"):
    """Every vault is in this file system meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stashport.jobs.vaults.store_at", lambda text, context=None: remote(fs, root, place.state.folder, whole=whole, piece=PIECE, place=WHERE))
        yield


def judged(fs, place, **how):
    """Every backup that is listed, each found whole: every byte of it and of its images was read."""
    with using(fs, place, **how), Run.start(place.state, "verify", config={}, version="") as run:
        reached = reach(WHERE, place.context)
        (place.folder / "scratch").mkdir(exist_ok=True)
        found = reached.vault.backups()
        for one in found:
            proof = Prover(reached, place.folder / "scratch", run).look(one, "full")
            assert (one.problem, proof.errors) == ("", [])
        return [one.id for one in found]


def add_pictures(place):
    """The library gets two more pictures, so that the next backup has a pack to send."""
    import hashlib
    import sqlite3

    with contextlib.closing(sqlite3.connect(place.database)) as db:
        for number in range(2):
            data = random.Random(number).randbytes(PIECE)
            name = hashlib.md5(data).hexdigest()
            path = place.blobs / name[:2] / name[2:4] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            db.execute("INSERT INTO blobs(checksum) VALUES (?)", (name,))
        db.commit()


def some(number, parts):
    """Numbers from 1 to another one: all, or so many of them."""
    return range(1, number + 1) if ALL else sorted(random.sample(range(1, number + 1), parts))


def calls_of(copied):
    """How many calls one more backup makes."""
    place, memory = copied("counted")
    add_pictures(place)
    counting = Failing(memory, calls=Failing.CALLS)
    with using(counting, place):
        place.backup(vault=WHERE)
    return counting.count


@pytest.mark.parametrize("late", [False, True], ids=["not done", "done and not told"])
def test_a_network_that_goes_at_any_call(copied, late):
    """From the n-th call on nothing works, for every n of a backup: the run says so, what is listed is whole, and the next backup succeeds."""
    number = calls_of(copied)
    assert number > 30
    for fails_at in some(number, 6):
        place, memory = copied(f"{fails_at}-{late}")
        add_pictures(place)
        broken = Failing(memory, fails_at, late=late, calls=Failing.CALLS)
        with using(broken, place):
            try:
                run = place.backup(vault=WHERE)
                # No two backups make quite as many calls; and what fails when all is done but the clearing up is only a warning.
                assert broken.count < fails_at or any("could not be cleared away" in warning for warning in run.record["warnings"])
            except StoreFailed as error:
                assert "the network is gone" in error.message
        before = judged(memory, place)
        assert len(before) in (1, 2)
        with using(memory, place):
            assert place.backup(vault=WHERE).result == "ok"
        after = judged(memory, place)
        assert set(before) < set(after)
        assert [path for path in (place.state.folder / "uploads").rglob("*") if path.is_file()] == []
        shutil.rmtree(place.folder)


def test_a_network_that_stumbles(copied):
    """A single failure at any call is not even noticed."""
    number = calls_of(copied)
    for fails_at in some(number, 6):
        place, memory = copied(str(fails_at))
        add_pictures(place)
        with using(Failing(memory, fails_at, for_good=False, calls=Failing.CALLS), place):
            assert place.backup(vault=WHERE).result == "ok"
        assert len(judged(memory, place)) == 2
        shutil.rmtree(place.folder)


def test_the_pack_that_was_cut_off_is_not_sent_again(copied):
    """What arrived of a pack before the network went is not sent a second time, nor packed into another one."""
    place, memory = copied("x")
    add_pictures(place)
    broken = Failing(memory)

    def second_piece(path, data):
        if "/packs/" in path and path.endswith("0002"):
            raise OSError("the network is gone")
        return memory.pipe_file(path, data)

    broken.pipe_file = second_piece
    with using(broken, place), pytest.raises(StoreFailed):
        place.backup(vault=WHERE)
    again = Failing(memory)
    with using(again, place):
        run = place.backup(vault=WHERE)
    sent = [line for line in again.done if line.startswith("pipe_file") and "/packs/" in line]
    assert not any(line.endswith("0001") for line in sent)
    assert any(line.endswith("0002") for line in sent)
    assert run.record["notes"]["backup"]["images"]["new"] == 0
    assert len(judged(memory, place)) == 2


def test_clean_up_that_is_cut_off_leaves_whole_backups(copied):
    """Deleting an old backup and its images fails at any call: what is still listed is whole, and doing it again finishes it."""
    place, memory = copied("x")
    add_pictures(place)
    with using(memory, place):
        place.backup(vault=WHERE)
    for fails_at in range(1, 60):
        mine = same(memory)
        broken = Failing(mine, fails_at)
        policy = Policy.parse({"last": 1})
        try:
            with using(broken, place):
                vault = reach(WHERE, place.context).vault
                clean_up(vault, vault.backups()[0].instance, policy, proven_now=True)
        except StoreFailed:
            assert len(judged(mine, place)) in (1, 2)
        else:
            break
    assert fails_at > 2
    assert len(judged(mine, place)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that is killed at a chosen call is made by fork, which this system does not have")
def test_a_process_that_is_killed_at_any_call(copied, tmp_path):
    """SIGKILL before a call to the store: nothing half sent is listed, on a store where half-written files can be seen, and the next backup succeeds."""
    disk = fsspec.filesystem("file", skip_instance_cache=True)
    place, memory = copied("first")
    root = tmp_path / "root"
    for path in memory.find("p"):
        target = root / path.strip("/").removeprefix("p/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(memory.cat_file(path))
    add_pictures(place)
    counting = Failing(disk, calls=Failing.CHANGES)
    shutil.copytree(root, tmp_path / "counted")
    shutil.copytree(place.state.folder, tmp_path / "counted-state")
    with using(counting, place, whole=False, root=str(tmp_path / "counted")):
        place.backup(vault=WHERE)
    shutil.rmtree(place.state.folder)
    for fails_at in some(counting.count - 3, 5):
        mine = tmp_path / f"at-{fails_at}"
        shutil.copytree(root, mine)
        shutil.copytree(tmp_path / "counted-state", place.state.folder)
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException), using(_Deadly(disk, fails_at), place, whole=False, root=str(mine)):
                backup({"vault": WHERE}, place.context)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status)
        assert os.WTERMSIG(status) == signal.SIGKILL
        before = judged(disk, place, whole=False, root=str(mine))
        assert len(before) in (1, 2)
        with using(disk, place, whole=False, root=str(mine)):
            try:
                assert place.backup(vault=WHERE).result == "ok"
            except PortError as error:
                raise AssertionError(f"killed at {fails_at}: {error.message}") from error
        assert set(before) < set(judged(disk, place, whole=False, root=str(mine)))
        shutil.rmtree(place.state.folder)
        shutil.rmtree(mine)


class _Deadly(Failing):
    """Kills the process instead of raising."""

    @property
    def error(self):
        """Nobody gets it."""
        os.kill(os.getpid(), signal.SIGKILL)
        return OSError()

    @error.setter
    def error(self, _):
        """Whatever it should be."""
