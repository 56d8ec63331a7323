"""A backup that is killed at any moment: what is listed verifies, older backups too, and the next backup goes on as if nothing had been.

STASH_PORT_KILLS sets how many random moments are tried; 200 are what the project promises by, and then each single operation is tried too.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import support
from stashport.atomic import PREFIX
from support.backups import Place, contents
from support.faults import Disk

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

KILLS = int(os.environ.get("STASH_PORT_KILLS", "10"))
TESTS = Path(support.__file__).parents[1]

# A process that has everything loaded, and forks a child for each line that it reads: quicker than starting Python each time.
NEST = f"""
import json, os, signal, sys, time
sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent / "lib")!r}]
from pathlib import Path
from support.backups import Place
from support.faults import Disk, die
import stashport.runs.report
print("ready", flush=True)
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        code = 99
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            place = Place(Path(job["folder"]), job["identity"], job["recipient"])
            with Disk(Path(job["below"]), job["dies_at"], die):
                code = place.backup(**job["config"]).exit_code
        finally:
            os._exit(code)
    if job["after"] is not None:
        time.sleep(job["after"])
        os.kill(child, signal.SIGKILL)  # it was not waited for yet, so that its number is still its own
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.fixture(scope="module")
def nest():
    """The process that forks children: a function that has a backup made by one, and tells how it ended (negative: by a signal)."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen([sys.executable, "-c", NEST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout.readline() == "ready\n"

    def run(place, *, below=None, dies_at=-1, after=None, **config):
        keys = {"identity": place.identity, "recipient": place.recipient}
        job = {"folder": str(place.folder), "below": str(below or place.folder / "nowhere"), "dies_at": dies_at, "config": config, "after": after, **keys}
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        return os.waitstatus_to_exitcode(int(process.stdout.readline()))

    yield run
    process.stdin.close()
    process.stdout.close()
    process.wait(30)


@pytest.fixture(params=[False, True], ids=["plain", "encrypted"])
def place(request, tmp_path):
    """A library with one backup, and changed since: the next backup has records and an image to add."""
    place = Place.made(tmp_path / "place", encrypted=request.param)
    place.backup()
    place.picture(b"another picture")
    place.change("another text")
    return place


def listed(place):
    """How many backups are listed: each of them verifies, to its last byte."""
    work = place.folder / "work"
    work.mkdir(exist_ok=True)
    assert place.problems(work) == []
    return len(place.reached().vault.backups())


def operations(place, below, **config):
    """How many operations a backup takes below a folder."""
    with Disk(below, -1, lambda _: None) as disk:
        assert place.backup(**config).result == "ok"
    return disk.count


def afterwards(place):
    """Another backup can be made: it is listed, and what comes out of it is the library."""
    before = listed(place)
    for lock in (place.folder / "state" / "locks").glob("*.lock"):
        if not lock.read_bytes():  # killed between making and filling it: it holds for a minute, since nobody knows whose it is
            os.utime(lock, (0, 0))
    assert place.backup().result == "ok"
    assert listed(place) == before + 1
    newest = place.reached().vault.backups()[0]
    assert place.rebuilt(newest, place.folder / "out") == contents(place.database, place.blobs)


def test_killed_before_each_operation_in_the_vault(nest, place):
    """Killed before any single open, write, sync, mkdir or rename in the vault: the new backup is listed and whole, or not at all; the older one verifies."""
    kept = place.folder / "kept"
    shutil.copytree(place.vault_folder, kept)
    total = operations(place, place.vault_folder)
    found, killed = [], 0
    for number in [*range(1, total - 24, 1 + total // 12 if KILLS < 200 else 1), *range(max(1, total - 24), total + 1)]:  # each single one near the end
        shutil.rmtree(place.vault_folder)
        shutil.copytree(kept, place.vault_folder)
        killed += nest(place, below=place.vault_folder, dies_at=number) == -signal.SIGKILL
        found.append(listed(place))
        assert found[-1] in (1, 2), number
    assert killed > 20
    assert found == sorted(found)  # it is listed from a certain operation on, and stays so
    assert set(found) == {1, 2}
    afterwards(place)


def test_killed_while_it_cleans_up(nest, place):
    """Killed before any single operation of a backup that lets older ones go: whatever is still listed verifies."""
    place.backup()
    place.picture(b"a third picture")
    kept = place.folder / "kept"
    shutil.copytree(place.vault_folder, kept)
    policy = {"keep": {"last": 1}}
    total = operations(place, place.vault_folder, **policy)
    assert listed(place) == 1
    for number in range(max(1, total - 24), total + 1, 2 if KILLS < 200 else 1):
        shutil.rmtree(place.vault_folder)
        shutil.copytree(kept, place.vault_folder)
        nest(place, below=place.vault_folder, dies_at=number, **policy)
        assert 1 <= listed(place) <= 3
    afterwards(place)


def test_killed_before_operations_in_the_state_folder(nest, place):
    """Killed before any operation in the state folder: nothing half is listed, the next backup is not kept out, and the copy of the database is cleared."""
    state = place.folder / "state"
    total = operations(place, state)
    for number in range(2, total, 1 + total // 8 if KILLS < 200 else 1):
        nest(place, below=state, dies_at=number)
        listed(place)
    for left in (state / "scratch").iterdir():
        if not any(left.iterdir()) or not (left / "owner.json").read_bytes():  # killed before it could say whose it is: it stays for a minute
            assert {one.name for one in left.iterdir()} <= {"owner.json"}
            os.utime(left, (0, 0))
    afterwards(place)
    assert list((state / "scratch").iterdir()) == []


def test_killed_at_random_moments(nest, place):
    """A backup killed again and again, wherever it is: every listed one verifies each time, and in the end one comes to its end."""
    chance, killed, began = random.Random(7), 0, time.monotonic()
    assert nest(place) == 0
    took = time.monotonic() - began
    for number in range(KILLS):
        place.change(f"text {number}")
        place.picture(b"picture %d" % number)
        killed += nest(place, after=chance.uniform(0, took * 1.1)) == -signal.SIGKILL
        listed(place)
    print(f"killed {killed} of {KILLS}, {listed(place)} listed")
    assert killed > KILLS // 4
    afterwards(place)


def test_what_killed_backups_left_is_ours_and_goes(nest, place):
    """A killed backup leaves temporary files under names of ours, and those go with the first backup a day later."""
    total = operations(place, place.vault_folder)
    for number in range(2, total - 6, 1 + total // 8):
        nest(place, below=place.vault_folder, dies_at=number)
    left = [path for path in place.vault_folder.rglob("*") if path.name.startswith(PREFIX)]
    assert left
    known = {path.stat().st_ino for path in left}
    past = time.time() - 2 * 24 * 3600
    for path in place.vault_folder.rglob("*"):
        if path.is_file():
            os.utime(path, (past, past))
    afterwards(place)
    assert [path for path in place.vault_folder.rglob("*") if path.stat().st_ino in known and path.name.startswith(PREFIX)] == []
