"""The single-writer lock: one holder at any moment, stale ones taken over, also when many try at once."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stashport.errors import CannotWrite, Locked
from stashport.runs import lock as lock_module
from stashport.runs import process
from stashport.runs.lock import Lock, holder_of
from stashport.runs.wording import timestamp

LIB = str(Path(lock_module.__file__).parents[2])

ALL_OUT = """
import os, random, sys, time
from pathlib import Path
from stashport.errors import Locked
from stashport.runs.lock import Lock
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
while rounds:
    try:
        with Lock(folder, "write", "race"):
            os.close(os.open(folder / "inside", os.O_CREAT | os.O_EXCL))   # fails if somebody else is inside
            time.sleep(random.uniform(0, 0.002))
            os.unlink(folder / "inside")
        rounds -= 1
    except Locked:
        time.sleep(random.uniform(0, 0.01))
"""

ON_COMMAND = """
import sys
from pathlib import Path
from stashport.errors import Locked
from stashport.runs.lock import Lock
for _ in sys.stdin:
    try:
        with Lock(Path(sys.argv[1]), "write", "race"):
            print("got", flush=True)
            sys.stdin.readline()
    except Locked:
        print("locked", flush=True)
        sys.stdin.readline()
"""


def started(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A Python process that knows the package."""
    environment = {**os.environ, "PYTHONPATH": LIB}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def dead_process() -> dict[str, object]:
    """The identity of a process that has ended on this machine."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return {**process.here(), "pid": child.pid, "mark": "1"}


def plant(folder: Path, owner: dict[str, object], heartbeat: float) -> None:
    """A lock file left behind."""
    stamp = timestamp(heartbeat)
    content = {**owner, "what": "an old export", "token": "old", "started": stamp, "heartbeat": stamp}
    (folder / "write.lock").write_text(json.dumps(content))


def test_second_taker_is_told_who_holds_it(tmp_path):
    """A held lock is refused at once with what, where and since when; after release it is free and its file gone."""
    with Lock(tmp_path, "write", "export to a.json"):
        assert "export to a.json" in (holder_of(tmp_path, "write") or "")
        with pytest.raises(Locked, match=rf"export to a.json \(process {os.getpid()} on "):
            Lock(tmp_path, "write", "x").__enter__()
        with Lock(tmp_path, "other", "x"):
            pass
    assert holder_of(tmp_path, "write") is None
    assert not (tmp_path / "write.lock").exists()
    with Lock(tmp_path, "write", "y"):
        pass


def test_released_when_the_block_fails(tmp_path):
    """An exception inside gives the lock back."""
    with pytest.raises(ZeroDivisionError), Lock(tmp_path, "write", "x"):
        _ = 1 / 0
    assert not (tmp_path / "write.lock").exists()


def test_dead_holder_is_replaced_within_a_second(tmp_path):
    """A killed holder on this machine blocks nobody."""
    plant(tmp_path, dead_process(), time.time())
    began = time.monotonic()
    assert holder_of(tmp_path, "write") is None
    with Lock(tmp_path, "write", "x"):
        pass
    assert time.monotonic() - began < 1


@pytest.mark.skipif(not process.here()["mark"], reason="this system does not tell when a process started")
def test_reused_pid_does_not_keep_a_lock(tmp_path):
    """A living process that merely has the number of the dead holder is not the holder."""
    plant(tmp_path, {**process.here(), "mark": "1"}, time.time())
    with Lock(tmp_path, "write", "x"):
        pass


def test_living_holder_keeps_it_however_long_it_is_silent(tmp_path):
    """On this machine silence alone is no end: a long step of a living run keeps the lock."""
    plant(tmp_path, process.here(), time.time() - 90000)
    with pytest.raises(Locked):
        Lock(tmp_path, "write", "x").__enter__()


def test_other_host_only_after_half_an_hour(tmp_path):
    """A holder on another machine is trusted for 30 minutes after its last heartbeat, not longer."""
    beat = 1_800_000_000.0
    plant(tmp_path, {**process.here(), "host": "elsewhere"}, beat)
    with pytest.raises(Locked, match="elsewhere"):
        Lock(tmp_path, "write", "x", clock=lambda: beat + 1799).__enter__()
    with Lock(tmp_path, "write", "x", clock=lambda: beat + 1801):
        pass


@pytest.mark.parametrize("content", [b"", b'{"pid": 1', b"[]", b"\xff\xfe", b'{"heartbeat": 7}'])
def test_half_written_lock_blocks_for_a_minute_only(tmp_path, content, monkeypatch):
    """Where the file system has no locks, a lock file cut off by a crash is respected while it may still be written, then replaced."""
    def without(_):
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(lock_module, "_try_guard", without)
    path = tmp_path / "write.lock"
    path.write_bytes(content)
    with pytest.raises(Locked):
        Lock(tmp_path, "write", "x").__enter__()
    os.utime(path, (time.time() - 100,) * 2)
    with Lock(tmp_path, "write", "x"):
        pass


@pytest.mark.parametrize("content", [b"", b'{"pid": 1', b"[]", b"\xff\xfe"])
def test_half_written_lock_is_replaced_under_the_guard(tmp_path, content):
    """Whoever writes a lock holds the guard: with the guard in hand, what is cut off was left by a killed run, and keeps nobody out."""
    (tmp_path / "write.lock").write_bytes(content)
    with Lock(tmp_path, "write", "x"):
        pass


def test_beat_is_throttled_and_notices_a_takeover(tmp_path, monkeypatch):
    """The heartbeat is written at most every 10 s; a holder that was replaced meanwhile is stopped and leaves the new lock alone."""
    now = [100.0]
    monkeypatch.setattr(lock_module.time, "monotonic", lambda: now[0])
    wall = [1_800_000_000.0]
    with Lock(tmp_path, "write", "x", clock=lambda: wall[0]) as lock:
        path = tmp_path / "write.lock"
        before = path.read_bytes()
        wall[0] += 5
        now[0] += 5
        lock.beat()
        assert path.read_bytes() == before
        now[0] += 5.1
        lock.beat()
        assert json.loads(path.read_bytes())["heartbeat"] == timestamp(wall[0])
        plant(tmp_path, {**process.here(), "host": "elsewhere"}, wall[0])
        now[0] += 11
        with pytest.raises(Locked, match="elsewhere"):
            lock.beat()
    assert path.exists()


def test_a_folder_that_is_not_there_is_an_error_of_ours(tmp_path):
    """The operating system's error becomes CannotWrite."""
    with pytest.raises(CannotWrite):
        Lock(tmp_path / "none", "write", "x").__enter__()


def test_twenty_processes_never_hold_it_together(tmp_path):
    """20 processes x 20 rounds of taking and giving back: nobody is ever inside with somebody else."""
    children = [started(ALL_OUT, tmp_path, 20) for _ in range(20)]
    for child in children:
        child.communicate(timeout=120)
    assert [child.returncode for child in children] == [0] * 20
    assert not (tmp_path / "write.lock").exists()


def test_exactly_one_of_twenty_takes_over_a_stale_lock(tmp_path):
    """20 processes find the same dead holder's lock at once, 20 times over: one gets it each time."""
    dead = dead_process()
    children = [started(ON_COMMAND, tmp_path) for _ in range(20)]
    try:
        for _ in range(20):
            plant(tmp_path, dead, time.time())
            for child in children:
                child.stdin.write("go\n")
            answers = [child.stdout.readline().strip() for child in children]
            assert sorted(answers) == ["got"] + ["locked"] * 19
            for child in children:
                child.stdin.write("next\n")
            deadline = time.monotonic() + 10
            while (tmp_path / "write.lock").exists():
                assert time.monotonic() < deadline
                time.sleep(0.005)
    finally:
        for child in children:
            child.communicate(timeout=30)
    assert [child.returncode for child in children] == [0] * 20
