"""A run and its record: results, counts, errors, stopping, full disks, and the list of runs."""

from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.errors import BadRequest, CannotWrite, DiskFull, Stopped, UnknownRun
from stashport.runs import items
from stashport.runs import record as record_module
from stashport.runs.lock import Lock
from stashport.runs.progress import SilentSink
from stashport.runs.record import OUTCOMES, Run, adds_up, list_runs, load, prune, request_stop
from stashport.runs.state import State

LIB = str(Path(record_module.__file__).parents[2])


class Watcher(SilentSink):
    """A sink that remembers."""

    def __init__(self):
        self.logged, self.told, self.closed = [], [], False

    def progress(self, progress):
        """Kept."""
        self.told.append(dict(progress))

    def log(self, level, text):
        """Kept."""
        self.logged.append((level, text))

    def close(self):
        """Kept."""
        self.closed = True


@pytest.fixture
def state(tmp_path):
    """An empty state folder."""
    return State(tmp_path / "state")


def begin(state, verb="export", **more):
    """A run of a test."""
    return Run.start(state, verb, config={"to": "a.json"}, version="0.1.0", **more)


def test_a_good_run_is_ok_and_its_record_whole(state):
    """What the verb told stands in run.json, the result is ok and the report is beside it."""
    with begin(state, source={"place": "http://nas:9999"}) as run:
        during = load(state, run.id)
        assert (during["state"], during["result"], run.result) == ("running", None, None)
        run.steps([("Reading tags", 1), ("Proving", 1)])
        run.phase("Reading tags", total=310)
        run.advance(310)
        run.count("tag", "created", 310)
        run.phase("Proving")
        run.output(Path("out") / "a.json", 1234, "library as JSON", sha256="ab")
        run.note("sentence", "Exported 310 tags.")
        run.source(schema=72)
    record = load(state, run.id)
    assert (record["state"], record["result"], run.exit_code) == ("finished", "ok", 0)
    assert record["counts"] == {"tag": {"in": 310, **dict.fromkeys(OUTCOMES, 0), "created": 310}}
    assert record["progress"]["fraction"] == 1.0
    assert record["source"] == {"place": "http://nas:9999", "schema": 72}
    assert record["outputs"] == [{"path": str(Path("out") / "a.json"), "size": 1234, "sha256": "ab", "what": "library as JSON"}]
    assert (record["config"], record["version"], record["error"]) == ({"to": "a.json"}, "0.1.0", None)
    assert {"report.html", "report.json", "run.json"} <= {path.name for path in run.folder.iterdir()}


@given(st.lists(st.tuples(st.sampled_from(["scene", "tag"]), st.sampled_from(OUTCOMES), st.integers(0, 9), st.booleans())))
def test_counts_always_add_up(tmp_path_factory, told):
    """Whatever mix of counts and items is told, `in` is the sum of the outcomes, for every kind."""
    run = begin(State(tmp_path_factory.getbasetemp() / "none"))
    run._items = items.Items(Path(os.devnull), run.warn)
    for kind, outcome, n, by_item in told:
        if by_item:
            run.item(kind, n, outcome, "because")
        else:
            run.count(kind, outcome, n)
    run._items.close()
    assert run.adds_up()
    assert sum(row["in"] for row in run.record["counts"].values()) == sum(1 if by_item else n for _, _, n, by_item in told)


def test_adds_up_sees_a_sum_that_is_wrong():
    """A record whose numbers were changed is found out."""
    assert adds_up({})
    assert not adds_up({"tag": {"in": 3, "created": 2}})


@pytest.mark.parametrize(
    ("tell", "result"),
    [
        (lambda run: run.count("tag", "failed"), "partial"),
        (lambda run: run.count("tag", "conflicts"), "partial"),
        (lambda run: run.item("tag", 1, "failed", "no name"), "partial"),
        (lambda run: run.warn("half of it is missing", incomplete=True), "partial"),
        (lambda run: run.warn("good to know"), "ok"),
        (lambda run: run.count("tag", "skipped"), "ok"),
    ],
)
def test_partly_done_is_never_ok(state, tell, result):
    """Anything failed, undecided or incomplete makes the result partial; skips and plain warnings do not."""
    with begin(state) as run:
        tell(run)
    assert (run.result, load(state, run.id)["result"]) == (result, result)
    assert run.exit_code == (3 if result == "partial" else 0)


def test_a_named_error_is_kept_and_raised(state):
    """An error of ours stands in the record with message, hint and exit code, and still reaches the caller; there is no trace file."""
    with pytest.raises(DiskFull), begin(state) as run:
        run.phase("Reading")
        raise DiskFull(place="/srv", free="1 MB", needed="2 GB")
    record = load(state, run.id)
    assert (record["result"], record["error"]["error"], run.exit_code) == ("failed", "DiskFull", 41)
    assert "Free some space" in record["error"]["hint"]
    assert record["steps"][0]["state"] == "broken off"
    assert not (run.folder / "trace.txt").exists()


def test_an_unknown_error_leaves_its_trace_in_the_folder_only(state, capfd):
    """Any other exception is named in the record, its traceback is in trace.txt and never printed."""
    with pytest.raises(KeyError), begin(state) as run:
        _ = {}["nothing here"]
    error = load(state, run.id)["error"]
    assert (error["error"], error["exit_code"]) == ("KeyError", 1)
    assert "KeyError: 'nothing here'" in error["message"]
    assert "Traceback" in (run.folder / "trace.txt").read_text("utf-8")
    assert capfd.readouterr() == ("", "")


def test_stop_is_gentle_and_throttled(state):
    """A stop request is seen at the next check, at most four times a second, and makes a failed run with the error Stopped."""
    now = [0.0]
    with pytest.raises(Stopped), begin(state, ticker=lambda: now[0]) as run:
        run.phase("Reading scenes", 10000)
        run.check_stop()
        run.advance(4200)
        request_stop(state, run.id)
        now[0] += 0.2
        run.check_stop()
        now[0] += 0.1
        run.check_stop()
    error = load(state, run.id)["error"]
    assert error["message"] == 'The run was stopped on request in the step "Reading scenes", after 4,200 of 10,000.'
    assert (error["error"], run.result, run.exit_code) == ("Stopped", "failed", 4)


def test_ctrl_c_is_a_stop(state):
    """Ctrl+C is recorded as stopped, without a trace, and goes on to the caller."""
    with pytest.raises(KeyboardInterrupt), begin(state) as run:
        raise KeyboardInterrupt
    assert load(state, run.id)["error"]["error"] == "Stopped"
    assert not (run.folder / "trace.txt").exists()


def test_a_given_id_is_used_once_and_a_stop_before_the_start_counts(state):
    """The panel may make the id and even ask to stop before the run begins; the same id twice is refused."""
    run_id = state.new_run_id()
    state.run_folder(run_id).mkdir(parents=True)
    request_stop(state, run_id)
    with pytest.raises(Stopped), begin(state, run_id=run_id) as run:
        run.check_stop()
    with pytest.raises(BadRequest), begin(state, run_id=run_id):
        pass
    assert load(state, run_id)["error"]["error"] == "Stopped"
    with pytest.raises(UnknownRun):
        begin(state, run_id="../../etc")


def test_the_record_is_written_once_a_second_and_sinks_hear_five_times(state, monkeypatch):
    """However fast the run advances, run.json is replaced at most once a second and progress told at most five times."""
    writes, real = [], record_module.write_text
    monkeypatch.setattr(record_module, "write_text", lambda *given, **how: writes.append(how) or real(*given, **how))
    now, sink = [0.0], Watcher()
    with begin(state, sinks=[sink], ticker=lambda: now[0]) as run:
        run.phase("Reading", total=40000)
        for _ in range(40000):
            now[0] += 0.0001
            run.advance()
    assert 4 <= len(writes) <= 7
    assert [how["durable"] for how in writes] == [False] * (len(writes) - 1) + [True]
    assert 18 <= len(sink.told) <= 23
    assert sink.told[-1]["fraction"] == 1.0
    assert sink.closed


def test_slow_items_are_told_soon_after_fast_ones(state):
    """When a fast step turns slow, the next progress comes after a handful of items, not after thousands."""
    now, sink = [0.0], Watcher()
    with begin(state, sinks=[sink], ticker=lambda: now[0]) as run:
        run.phase("Reading")
        for _ in range(100000):
            now[0] += 0.000001
            run.advance()
        before = len(sink.told)
        for _ in range(record_module.STRIDE):
            now[0] += 1
            run.advance()
        assert len(sink.told) > before


def test_advance_is_cheap(state):
    """A million calls cost well under a second of their own (about 0.1 s on a usual machine)."""
    with begin(state) as run:
        run.phase("Reading", total=1_000_000)
        began = time.perf_counter()
        for _ in range(1_000_000):
            run.advance()
        assert time.perf_counter() - began < 1.5


def test_advancing_keeps_the_lock_alive(state, monkeypatch):
    """A run that was given its lock beats it."""
    beats = []
    monkeypatch.setattr(Lock, "beat", lambda lock: beats.append(lock.path.name))
    with begin(state) as run, Lock(state.locks, "write", "export") as lock:
        run.lock = lock
        run.phase("Reading")
    assert beats == ["write.lock"]


def test_items_are_all_in_the_csv_and_the_first_500_in_the_record(state):
    """Every item is streamed to items.csv, formulas made harmless; the record holds 500, the total, and the reasons counted."""
    with begin(state) as run:
        for i in range(700):
            run.item("scene", i, "skipped", "=HYPERLINK(1)" if i == 3 else "already there")
        run.item("tag", "a\nb", "failed", 'quote " and \udcff')
    record = load(state, run.id)
    assert (len(record["items"]), record["items_total"], record["counts"]["scene"]["in"]) == (500, 701, 700)
    assert record["reasons"][0] == {"kind": "scene", "outcome": "skipped", "reason": "already there", "n": 699}
    with (run.folder / "items.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 702
    assert rows[4] == ["scene", "3", "skipped", "'=HYPERLINK(1)"]
    assert rows[-1] == ["tag", "a\\nb", "failed", 'quote " and \\udcff']


def test_reasons_stay_few(state):
    """A million different reasons do not grow the record: beyond 200 they are counted together."""
    with begin(state) as run:
        for i in range(1000):
            run.item("scene", i, "skipped", f"reason {i}")
    reasons = load(state, run.id)["reasons"]
    assert len(reasons) == items.REASONS + 1
    assert reasons[0]["reason"] == "other reasons"
    assert sum(reason["n"] for reason in reasons) == 1000


def full_disk(*_given, **_how):
    """Stand-in for a write that finds no room."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_hides_no_error(state, monkeypatch):
    """When the record cannot be written at the end, the run's own error is still the one raised, and sinks are told and closed."""
    sink = Watcher()
    with pytest.raises(ZeroDivisionError), begin(state, sinks=[sink]) as run:
        monkeypatch.setattr(record_module, "write_text", full_disk)
        run.phase("Reading")
        _ = 1 / 0
    assert run.result == "failed"
    assert sink.logged[-1][0] == "error"
    assert "could not be written" in sink.logged[-1][1]
    assert sink.closed


def test_a_full_disk_at_the_end_does_not_undo_a_good_run(state, monkeypatch):
    """Without an error of its own the run ends as it did, although nobody could write it down."""
    with begin(state) as run:
        monkeypatch.setattr(record_module, "write_text", full_disk)
        run.note("odd", {1, 2})
    assert run.result == "ok"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_disk_for_items_is_told_once(state):
    """When items.csv cannot grow, the run goes on, says it once and counts on."""
    sink = Watcher()
    with begin(state, sinks=[sink]) as run:
        run._items.path = Path("/dev/full")
        for i in range(20000):
            run.item("scene", i, "skipped", "already there")
    assert run.record["counts"]["scene"]["in"] == 20000
    assert len(sink.logged) == len(run.record["warnings"]) == 1


def test_a_state_folder_that_takes_nothing_is_an_error_before_the_work(tmp_path):
    """A run whose record cannot be begun does not begin."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite), begin(State(tmp_path / "file")):
        raise AssertionError


def test_a_killed_run_is_shown_as_ended(state):
    """A run that was killed reads as failed with that reason, at once; its file still says running."""
    script = "import sys, time\nfrom pathlib import Path\nfrom stashport.runs.record import Run\nfrom stashport.runs.state import State\n"
    script += (
        "with Run.start(State(Path(sys.argv[1])), 'export', config={}, version='1') as run:\n  print(run.id, flush=True)\n  time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": LIB}
    child = subprocess.Popen([sys.executable, "-c", script, str(state.folder)], stdout=subprocess.PIPE, text=True, env=environment)
    run_id = child.stdout.readline().strip()
    assert list_runs(state)[0]["state"] == "running"
    child.kill()
    child.communicate()
    record = list_runs(state)[0]
    assert (record["run"], record["state"], record["result"]) == (run_id, "finished", "failed")
    assert "ended without saying why" in record["error"]["message"]
    assert json.loads((state.run_folder(run_id) / "run.json").read_bytes())["state"] == "running"


def test_a_silent_run_of_another_host_is_not_running_for_ever(state):
    """Half an hour after the last sign of life, a run on a machine that cannot be asked counts as ended."""
    run = begin(state, clock=lambda: 1_800_000_000.0)
    run.record["host"] = "elsewhere"
    run.__enter__()
    assert load(state, run.id, clock=lambda: 1_800_001_000.0)["state"] == "running"
    assert load(state, run.id, clock=lambda: 1_800_002_000.0)["result"] == "failed"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"state": "odd"}',
        b'{"state": "finished", "counts": []}',
        b"\xff\xfe\x00",
        b"[" * 100000,
        b'{"state": "finished", "counts": {"tag": 3}}',
    ],
)
def test_damaged_records_are_listed_as_such(state, damage):
    """Any damage shows as a failed run whose record cannot be read, and never as a crash."""
    with begin(state) as run:
        pass
    (run.folder / "run.json").write_bytes(damage)
    (record,) = list_runs(state)
    assert (record["run"], record["result"], record["error"]["error"]) == (run.id, "failed", "DamagedRecord")
    assert load(state, run.id)["counts"] == {}


def test_the_list_is_newest_first_and_limited(state):
    """Runs come newest first, at most as many as asked for; other folders are no runs, and an unknown run is an error."""
    ids = [f"20260101-00000{i}-abcdef" for i in range(5)]
    for run_id in ids:
        with begin(state, run_id=run_id):
            pass
    (state.runs / "notes").mkdir()
    state.run_folder("20270101-000000-abcdef").mkdir()
    assert [record["run"] for record in list_runs(state, limit=3)] == ids[:1:-1]
    for act in (load, request_stop):
        with pytest.raises(UnknownRun):
            act(state, "20250101-000000-abcdef")
    assert list_runs(State(state.folder / "none")) == []


def test_prune_keeps_the_newest_and_whatever_is_at_work(state):
    """The oldest run folders go, except one that still runs."""
    ids = [f"20260101-00000{i}-abcdef" for i in range(6)]
    with begin(state, run_id=ids[0]):
        for run_id in ids[1:]:
            with begin(state, run_id=run_id):
                pass
        assert prune(state, keep=2) == 3
        assert [record["run"] for record in list_runs(state)] == [ids[5], ids[4], ids[0]]


def test_listing_runs_imports_little():
    """The module that lists runs brings neither the report nor the run with it."""
    script = "import sys, stashport.runs.history\nprint([name for name in sys.modules if name.startswith('stashport.runs')])"
    out = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": LIB}, capture_output=True, text=True, check=True
    ).stdout
    assert not any(name in out for name in ("report", "style", "record", "progress"))


@given(st.dictionaries(st.text(), st.text() | st.floats() | st.none() | st.binary()))
def test_whatever_is_noted_leaves_a_record_that_reads_back(tmp_path_factory, notes):
    """No note (surrogates, infinities, bytes) makes a record that cannot be read."""
    state = State(tmp_path_factory.mktemp("state"))
    with begin(state) as run:
        for key, value in notes.items():
            run.note(key, value)
    assert load(state, run.id)["result"] == "ok"
