"""The state folder, process identity, and the words of numbers and durations."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.errors import CannotWrite, UnknownRun
from stashport.runs import process, wording
from stashport.runs.state import State, default_folder, is_run_id, python_tag


def test_folders_appear_when_asked_for_and_are_private(tmp_path):
    """Making a State touches nothing; its folders are made on demand for their owner only."""
    state = State(tmp_path / "stash" / "stash-port")
    assert not state.folder.exists()
    made = [state.runs, state.downloads, state.locks, state.packages]
    assert all(path.is_dir() for path in made)
    assert state.packages.name == python_tag()
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in [*made, state.folder, state.packages.parent]} == {0o700}


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path):
    """A file where the state folder should be is CannotWrite, with the place."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="file"):
        _ = State(tmp_path / "file").runs


@given(st.text())
def test_no_text_is_a_run_id_unless_it_has_the_exact_form(text):
    """Whatever is accepted as a run id is 22 plain characters: no path can be smuggled in."""
    state = State(Path("somewhere"))
    if is_run_id(text):
        assert len(text) == 22
        assert text.isascii()
    else:
        with pytest.raises(UnknownRun):
            state.run_folder(text)


@pytest.mark.parametrize(
    "bad",
    ["", "..", "../x", "20260101-000000-abcdef\n", "20260101-000000-ABCDEF", "20260101-000000-abcdef/..", "\uff120260101-000000-abcdef"],
)
def test_tricky_run_ids_are_refused(bad):
    """Path tricks, a trailing newline, capitals and foreign digits are no run ids."""
    with pytest.raises(UnknownRun):
        State(Path("x")).run_folder(bad)


def test_run_ids_sort_by_time_in_utc(tmp_path):
    """Ids begin with the UTC time whatever the time zone of `now`."""
    state = State(tmp_path)
    east = dt.timezone(dt.timedelta(hours=9))
    early, late = (state.new_run_id(dt.datetime(2026, 5, 3, hour, 4, 5, tzinfo=east)) for hour in (8, 10))
    assert early.startswith("20260502-230405-")
    assert late.startswith("20260503-010405-")
    assert early < late
    assert is_run_id(early)


def test_default_folder_follows_the_environment(monkeypatch, tmp_path):
    """XDG_STATE_HOME is used when absolute and ignored when relative, as its specification says."""
    if sys.platform in ("win32", "darwin"):
        pytest.skip("XDG is for Linux and the BSDs")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "stash-port"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert default_folder() == Path.home() / ".local" / "state" / "stash-port"
    assert State.beside(tmp_path / "config.yml").folder == tmp_path / "stash-port"


def test_a_dead_process_has_no_mark_and_this_one_has():
    """A process that ended is seen as ended, this one and its parent as alive, nonsense as nobody."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert process.start_mark(child.pid) is None
    assert process.start_mark(os.getpid())
    assert process.start_mark(os.getppid()) is not None
    assert [process.start_mark(odd) for odd in (0, -1, None, "1", 2**70)] == [None] * 5


@pytest.mark.skipif(sys.platform != "linux", reason="zombies are looked up in /proc")
def test_a_zombie_has_ended():
    """A killed child that nobody waited for yet counts as ended."""
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    try:
        assert process.start_mark(child.pid) is None
    finally:
        child.wait()
        child.stdout.close()


def test_a_reused_pid_and_other_places():
    """Same number with another start is ended; another host is judged by its silence; an older life of this host by when it began."""
    me, now = process.here(), 4_000_000_000.0
    assert not process.ended(me, 0, now)
    assert process.ended({**me, "pid": 2**22 + 5}, now, now)
    if me["mark"]:
        assert process.ended({**me, "mark": "1"}, now, now)
    other = {**me, "host": "elsewhere"}
    assert not process.ended(other, now - process.SILENCE, now)
    assert process.ended(other, now - process.SILENCE - 1, now)
    if me["space"]:
        restarted = {**me, "space": "another boot"}
        assert process.ended(restarted, 1000.0, 1001.0)
        assert not process.ended(restarted, now - 1, now)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.1 s"),
        (0.42, "0.4 s"),
        (0.96, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86400, "1 day"),
        (273600, "3 days 4 h"),
    ],
)
def test_durations_read_well(seconds, said):
    """Durations have at most two units, and none that is zero."""
    assert wording.duration(seconds) == said


@given(st.floats(min_value=0, max_value=1e9))
def test_durations_never_say_sixty(seconds):
    """No unit ever reaches the next one: never '60 s' or '24 h'."""
    words = wording.duration(seconds).replace(",", "").split()
    pairs = dict(zip(words[1::2], map(float, words[::2]), strict=True))
    assert pairs.get("s", 0) < 60
    assert pairs.get("min", 0) < 60
    assert pairs.get("h", 0) < 24


@given(st.text())
def test_one_line_is_one_line_that_encodes(text):
    """Whatever comes from outside becomes one line of valid UTF-8 without control characters."""
    line = wording.one_line(text)
    line.encode("utf-8")
    assert len(line.splitlines()) <= 1
    assert not set(line) & set(map(chr, [*range(32), *range(127, 160), 0x202E, 0x2066]))


def test_times_go_there_and_back():
    """A timestamp is RFC 3339 in UTC and reads back as the same instant; anything else reads as None."""
    assert wording.timestamp(1_767_225_600.1234) == "2026-01-01T00:00:00.123Z"
    assert wording.seconds_of("2026-01-01T00:00:00.123Z") == 1_767_225_600.123
    assert [wording.seconds_of(odd) for odd in (None, "", "yesterday", 5, {})] == [None] * 5
    assert wording.moment("2026-05-03T04:12:09.000Z") == "3 May 2026, 04:12:09 UTC"
    assert wording.count_of(2, "gallery") == "2 galleries"
    assert wording.count_of(1, "saved_filter") == "1 saved filter"
