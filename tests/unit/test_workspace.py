"""Folders for what is only needed meanwhile: private, gone afterwards, and cleared away for those that were killed, with what they had started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from stashport.atomic import STALE_SECONDS
from stashport.errors import CannotWrite
from stashport.runs import process
from stashport.runs.state import State
from stashport.runs.workspace import clear, note_started, workspace


def test_private_and_gone(tmp_path):
    """Only its owner can look into it, and it is gone afterwards, also after an error."""
    state = State(tmp_path / "state")
    with workspace(state, "backup") as folder:
        assert folder.name.startswith("backup-")
        assert folder.stat().st_mode & 0o077 == 0 or os.name == "nt"
        (folder / "deep").mkdir()
    with pytest.raises(KeyError), workspace(state, "backup") as folder:
        raise KeyError
    assert list((tmp_path / "state" / "scratch").iterdir()) == []


def test_one_that_is_at_work_is_left_alone(tmp_path):
    """Folders of living runs stay when another one begins."""
    state = State(tmp_path / "state")
    with workspace(state, "backup") as one, workspace(state, "verify") as other:
        assert clear(one.parent) == 0
        assert one.exists()
        assert other.exists()


def test_what_a_killed_run_left_goes_with_what_it_started(tmp_path):
    """The folder of a process that has ended is removed; the process that it had started is ended, and no other that has its number now."""
    state = State(tmp_path / "state")
    sleeper = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) for _ in range(2)]
    try:
        left = []
        for number, child in enumerate(sleeper):
            with workspace(state, "drill") as folder:
                left.append(folder.rename(folder.parent / f"left-{number}"))
            note_started(left[-1], child.pid)
            (left[-1] / "owner.json").write_text(json.dumps({**process.here(), "pid": 2**22 + 1, "mark": "1"}))
        noted = json.loads((left[1] / "started.json").read_text())
        (left[1] / "started.json").write_text(json.dumps({**noted, "mark": "another start"}))
        with workspace(state, "drill"):
            assert not any(folder.exists() for folder in left)
        assert sleeper[0].wait(10) != 0
        assert sleeper[1].poll() is None
    finally:
        for child in sleeper:
            child.kill()
            child.wait()


def test_folders_that_do_not_say_whose_they_are(tmp_path):
    """A run that was killed before it could say so may as well be just about to: its folder stays for a minute; that of another machine for a day."""
    top = tmp_path / "state" / "scratch"
    for name, owner in (("unknown", None), ("elsewhere", {"host": "another", "pid": 1, "space": "", "mark": "1"})):
        (top / name).mkdir(parents=True)
        if owner:
            (top / name / "owner.json").write_text(json.dumps(owner))
    assert clear(top) == 0
    for seconds in (70, STALE_SECONDS + 60):
        for folder in top.iterdir():
            os.utime(folder, (time.time() - seconds,) * 2)
        assert clear(top) == 1


def test_a_state_folder_that_takes_nothing(tmp_path):
    """Where no folder can be made, that is said by name."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CannotWrite), workspace(State(tmp_path / "file" / "state"), "backup"):
        pass
