"""The timetable at work: kept whole, each moment claimed once, runs that fail or vanish put right, and honest words about who starts the next one."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import stashport
from stashport.errors import BadRequest, DiskFull, NewerFile, PortError, UnknownEntry, Unreachable
from stashport.jobs import resident, schedule, scheduled, starters
from stashport.jobs.context import Context
from stashport.runs import history, plans, process, timetable
from stashport.runs.record import Run
from stashport.runs.state import State

UTC = dt.timezone.utc
MONDAY = dt.datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = dt.timedelta(hours=1)
LIB = Path(stashport.__file__).parents[1]


class Clock:
    """A time that stands until it is set."""

    def __init__(self, now=MONDAY):
        self.now = now

    def __call__(self):
        """The time."""
        return self.now


@pytest.fixture
def state(tmp_path):
    """A state folder."""
    return State(tmp_path / "state")


@pytest.fixture
def clock():
    """A clock that shows Monday noon."""
    return Clock()


@pytest.fixture
def done(monkeypatch):
    """Stands in for the jobs: a list of what they were given; `done.fail` is raised by the next ones."""

    class Done(list):
        fail = None

    calls = Done()

    def job_of(verb):
        def job(config, context):
            with Run.start(context.state, verb, config=config, version="1", run_id=context.run_id) as run:
                calls.append((verb, config, context.run_id))
                if calls.fail:
                    raise calls.fail
                run.count("scene", "created", 3)
            return run

        return job

    monkeypatch.setattr(scheduled, "job_of", job_of)
    return calls


def hourly(state, name="Hourly", since=MONDAY, **more):
    """An entry that is due at every full hour after `since`."""
    around = {key: more.pop(key) for key in ("notices", "max_wait") if key in more}
    return plans.add(state, timetable.Entry("", name, "backup", timetable.Schedule.parse("hourly"), since, **more), **around)


def the_plan(state):
    """The one plan there is."""
    (plan,) = plans.read(state).plans.values()
    return plan


def run(state, clock):
    """Run what is due, at the clock's time."""
    return scheduled.run_due(Context(state), clock=clock, zone=UTC)


def test_a_plan_is_kept_as_it_was(state):
    """Everything about an entry comes back from the file, and the file is for its owner only to enter."""
    made = hourly(state, config={"note": "ü"}, notices=({"kind": "deadman", "url": "https://x.example/1", "fail": True},), max_wait=5)
    assert the_plan(state) == made
    assert (state.folder.stat().st_mode & 0o077) == 0 or os.name == "nt"


def test_a_damaged_timetable_is_put_aside_and_said(state):
    """A changed byte, a cut file and an empty one are never believed: the next change puts the file aside, and until then as after it is said."""
    hourly(state)
    path = state.folder / plans.FILE
    whole = path.read_bytes()
    for k, bad in enumerate((whole.replace(b"Hourly", b"Hburly"), whole[:-20], b"", b"{}", b"\xff")):
        path.write_bytes(bad)
        found = plans.read(state)
        assert found.plans == {}
        assert "cannot be read" in found.problem or k
        hourly(state, "Again")
        aside = sorted(state.folder.glob("*.damaged*"))
        assert len(aside) == k + 1
        assert bad in [one.read_bytes() for one in aside]
        assert the_plan(state).entry.name == "Again"
        assert "was put aside as timetable.json.damaged" in plans.read(state).problem


def test_a_newer_timetable_is_left_alone(state):
    """A file of a later version is not read, not put aside and not written over."""
    from stashport.bundle import cards

    state.folder.mkdir()
    text = cards.dump({"format": plans.FORMAT, "version": 99, "plans": []})
    (state.folder / plans.FILE).write_bytes(text)
    assert "newer" in plans.read(state).problem.lower()
    with pytest.raises(NewerFile):
        hourly(state)
    assert (state.folder / plans.FILE).read_bytes() == text


def test_a_moment_is_claimed_by_one_of_many_processes(state):
    """Eight processes that look at the same moment: one of them gets it."""
    plan = hourly(state, since=dt.datetime.now(UTC) - 3 * HOUR)
    code = f"""
import sys, time, datetime as dt
sys.path.insert(0, {str(LIB)!r})
from pathlib import Path
from stashport.jobs.scheduled import due_now
from stashport.runs import plans
from stashport.runs.state import State
state, now = State(Path({str(state.folder)!r})), dt.datetime.now(dt.timezone.utc)
(one,) = due_now(state, now, dt.timezone.utc)
print("ready", flush=True)
sys.stdin.readline()
print(plans.claim(state, {plan.entry.id!r}, one.moment, state.new_run_id(), "direct", now) is not None)
"""
    many = [subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    assert [one.stdout.readline() for one in many] == ["ready\n"] * 8
    for one in many:
        one.stdin.write("go\n")
        one.stdin.flush()
    assert sorted(one.communicate(timeout=30)[0] for one in many) == ["False\n"] * 7 + ["True\n"]


def test_what_is_due_is_run_once(state, clock, done):
    """Nothing before its time; at its time one run, at the next look none; after five missed hours one."""
    plan = hourly(state)
    assert run(state, clock) == {"runs": [], "result": "ok", "problems": []}
    clock.now += HOUR
    (first,) = run(state, clock)["runs"]
    assert first == {"id": plan.entry.id, "name": "Hourly", "run": done[0][2], "result": "ok"}
    assert run(state, clock)["runs"] == []
    clock.now += 5 * HOUR
    assert len(run(state, clock)["runs"]) == 1
    assert run(state, clock)["runs"] == []
    assert len(done) == 2
    entry = the_plan(state).entry
    assert (entry.last_due, entry.last_started, entry.last_finished, entry.last_good, entry.last_result) == (*[clock.now] * 4, "ok")
    assert the_plan(state).last_run == done[1][2]


def test_a_failed_run_is_written_down_and_comes_again_at_its_next_time(state, clock, done):
    """The other entries are run all the same, nothing is retried at once, and good runs are not forgotten."""
    hourly(state, "First")
    clock.now += HOUR
    run(state, clock)
    good = clock.now
    hourly(state, "Second", since=MONDAY)
    clock.now += HOUR
    done.fail = DiskFull(place="/secret/place", free="1 kB", needed="2 kB")
    told = run(state, clock)
    assert [one["result"] for one in told["runs"]] == ["failed", "failed"]
    assert told["result"] == "failed"
    assert told["runs"][0]["error"]["error"] == "DiskFull"
    assert run(state, clock)["runs"] == []
    first = next(plan for plan in plans.read(state).plans.values() if plan.entry.name == "First")
    assert (first.entry.last_result, first.entry.last_good) == ("failed", good)
    done.fail = None
    clock.now += HOUR
    assert [one["result"] for one in run(state, clock)["runs"]] == ["ok", "ok"]


def test_an_error_without_a_name_does_not_stop_the_others(state, clock, done):
    """A defect in a job is a failed run with a record, and the next entry is run."""
    hourly(state, "First")
    hourly(state, "Second")
    clock.now += HOUR
    done.fail = ZeroDivisionError("oh")
    told = run(state, clock)
    assert [one["result"] for one in told["runs"]] == ["failed", "failed"]
    assert all(history.load(state, one["run"])["error"]["error"] == "ZeroDivisionError" for one in told["runs"])


def test_an_error_before_the_record_makes_one(state, clock, monkeypatch):
    """A run that fails before its job has a record is in the history all the same."""

    def job_of(verb):
        def job(config, context):
            raise Unreachable(url="http://nas", reason="refused")

        return job

    monkeypatch.setattr(scheduled, "job_of", job_of)
    hourly(state)
    clock.now += HOUR
    (one,) = run(state, clock)["runs"]
    record = history.load(state, one["run"])
    assert (record["verb"], record["result"], record["error"]["error"]) == ("backup", "failed", "Unreachable")


def test_a_run_that_goes_on_is_not_started_again(state, clock, done):
    """While the last run of an entry is at work, its next moments pass; afterwards one run makes up for them."""
    plan = hourly(state)
    clock.now += HOUR
    (due,) = scheduled.due_now(state, clock(), UTC)
    run_id = state.new_run_id()
    assert plans.claim(state, plan.entry.id, due.moment, run_id, "direct", clock())
    clock.now += HOUR
    assert run(state, clock)["runs"] == []
    assert plans.claim(state, plan.entry.id, clock(), state.new_run_id(), "direct", clock()) is None
    assert plans.finish(state, plan.entry.id, run_id, "ok", clock())
    assert plans.finish(state, plan.entry.id, run_id, "failed", clock()) is None
    assert len(run(state, clock)["runs"]) == 1


def test_what_a_vanished_process_left_is_put_right(state, clock, done):
    """A claim whose run never began is due again; one that began has failed, or ended as its record says."""
    plan = hourly(state)
    clock.now += HOUR
    gone = {**process.here(), "mark": "another start"}

    def claimed(how):
        (due,) = scheduled.due_now(state, clock(), UTC)
        run_id = state.new_run_id()
        plans.claim(state, plan.entry.id, due.moment, run_id, how, clock())
        with plans.changing(state) as known:
            known[plan.entry.id] = replace(known[plan.entry.id], claim={**known[plan.entry.id].claim, "by": gone})
        return run_id

    claimed("queue")
    assert plans.settle(state, clock()) == []
    assert the_plan(state) == plan

    claimed("direct")
    assert [one.entry.last_result for one in plans.settle(state, clock())] == ["failed"]
    assert scheduled.due_now(state, clock(), UTC) == []

    clock.now += HOUR
    run_id = claimed("direct")
    with Run.start(state, "backup", config={}, version="1", run_id=run_id):
        pass
    assert [one.entry.last_result for one in plans.settle(state, clock())] == ["ok"]
    assert the_plan(state).entry.last_good == clock.now


def test_a_clock_that_was_wrong_does_not_stop_the_timetable(state, clock, done):
    """Times a year ahead, from a clock that was wrong when it ran, become now; the next hour is run."""
    hourly(state, since=MONDAY + 400 * 24 * HOUR, last_due=MONDAY + 401 * 24 * HOUR)
    run(state, clock)
    assert the_plan(state).entry.last_due == clock.now
    clock.now += HOUR
    assert len(run(state, clock)["runs"]) == 1


class Server:
    """Stands in for a connection to Stash whose queue does what the test wants."""

    def __init__(self, status="READY", reached=None):
        self.status, self.reached, self.queued, self.taken_out = status, reached, [], []

    def mutate(self, document, variables):
        """Queue a task, or take one out."""
        if "runPluginTask" in document:
            self.queued.append(variables)
            if self.reached:
                self.reached(variables["args"])
            return {"runPluginTask": str(len(self.queued))}
        self.taken_out.append(variables["id"])
        return {"stopJob": True}

    def query(self, document, variables=None):
        """How a job is."""
        return {"findJob": self.status and {"status": self.status}}


def through(state, clock, server, **more):
    """Run what is due through a queue."""
    return scheduled.run_due(Context(state), server, clock=clock, zone=UTC, **more)


def test_through_the_queue_a_task_is_named_and_carries_no_secret(state, clock, done):
    """The task has the entry, the run's id and the configuration; when the queue reaches it, it is run there and nowhere else."""
    plan = hourly(state, config={"note": "n"})
    clock.now += HOUR
    server = Server(reached=lambda args: scheduled.perform(args["entry"], args["mode"], args["config"], "queue", Context(state, run_id=args["run"]), clock=clock))
    (one,) = through(state, clock, server)["runs"]
    assert server.queued == [{"id": "stash_port", "text": "Stash Port: Hourly",
                              "args": {"mode": "backup", "config": {"note": "n"}, "run": one["run"], "entry": plan.entry.id}}]  # fmt: skip
    assert len(done) == 1
    assert the_plan(state).entry.last_result == "ok"


def test_a_full_queue_is_waited_for_only_so_long(state, clock, done, monkeypatch):
    """After its time the run is taken out of the queue and run beside it; the task that the queue reaches later does nothing."""
    plan = plans.add(state, timetable.Entry("", "Daily", "backup", timetable.Schedule.parse("daily 13:00"), MONDAY), max_wait=60)
    clock.now += HOUR
    server, waited = Server(), []

    def sleep(_):
        waited.append(clock.now)
        clock.now += dt.timedelta(minutes=30)

    monkeypatch.setattr(scheduled, "time", SimpleNamespace(sleep=sleep))
    (one,) = through(state, clock, server)["runs"]
    assert len(waited) == 2
    assert (one["result"], server.taken_out, len(done)) == ("ok", ["1"], 1)
    late = scheduled.perform(plan.entry.id, "backup", {}, "queue", Context(state, run_id=one["run"]), clock=clock)
    assert (late, len(done)) == ("skipped", 1)


@pytest.mark.parametrize(("status", "result"), [("CANCELLED", "cancelled"), ("FAILED", "failed"), (None, "failed"), ("FINISHED", "failed")])
def test_a_job_that_vanished_from_the_queue_is_written_down(state, clock, done, status, result):
    """Taken out by hand, lost, or ended without a word: the entry says so and its next moment is run."""
    hourly(state)
    clock.now += HOUR
    (one,) = through(state, clock, Server(status))["runs"]
    assert one["result"] == result
    assert the_plan(state).entry.last_result == result
    assert history.load(state, one["run"])["result"] == "failed"
    assert done == []


def test_a_server_that_takes_no_task_gives_the_claim_back(state, clock, done):
    """When Stash is away the moment stays due."""
    hourly(state)
    clock.now += HOUR

    class Away(Server):
        def mutate(self, document, variables):
            raise Unreachable(url="http://nas", reason="refused")

    with pytest.raises(Unreachable):
        through(state, clock, Away())
    assert len(scheduled.due_now(state, clock(), UTC)) == 1


def test_without_staying_it_is_only_queued(state, clock, done):
    """Where nobody can wait, as in the panel, what is due is queued and left."""
    hourly(state)
    clock.now += HOUR
    server = Server()
    assert [one["result"] for one in through(state, clock, server, stay=False)["runs"]] == ["queued"]
    assert the_plan(state).claim["how"] == "queue"


def test_the_timetable_is_edited(state):
    """Add, list, change, enable, next and remove, as the panel asks for them."""
    context = Context(state)
    added = schedule.schedule({"action": "add", "name": " Nightly ", "verb": "backup", "schedule": "daily 02:30", "config": {"note": "n"}}, context)
    entry = added["entry"]
    assert (entry["name"], entry["text"], entry["enabled"], len(entry["next"]), entry["maxWait"]) == ("Nightly", "every day at 02:30", True, 5, 60)
    assert added["remarks"][0].startswith("Nothing starts what is due")
    assert schedule.schedule({}, context)["entries"] == [entry | {"next": schedule.schedule({"action": "next", "id": entry["id"]}, context)["next"]}]
    changed = schedule.schedule({"action": "change", "id": entry["id"], "schedule": {"everyHours": 6}, "maxWait": 0}, context)["entry"]
    assert (changed["text"], changed["maxWait"], changed["config"]) == ("every 6 hours", 0, {"note": "n"})
    assert schedule.schedule({"action": "enable", "id": entry["id"], "enabled": False}, context)["entry"]["next"] == []
    assert schedule.schedule({"action": "due"}, context) == {"due": []}
    assert len(schedule.schedule({"action": "next", "schedule": "weekly", "n": 3}, context)["next"]) == 3
    assert schedule.schedule({"action": "run-due"}, context)["runs"] == []
    assert schedule.schedule({"action": "status"}, context)["scheduled"] == 0
    schedule.schedule({"action": "remove", "id": entry["id"]}, context)
    for action in ("remove", "change", "next", "enable"):
        with pytest.raises(UnknownEntry):
            schedule.schedule({"action": action, "id": entry["id"]}, context)


def test_enabling_again_makes_up_for_nothing(state, clock, monkeypatch):
    """What passed while an entry was switched off was not missed."""
    monkeypatch.setattr(schedule, "_now", clock)
    plan = hourly(state, enabled=False)
    clock.now += 10 * HOUR
    schedule.schedule({"action": "enable", "id": plan.entry.id}, Context(state))
    assert scheduled.due_now(state, clock(), UTC) == []
    schedule.schedule({"action": "change", "id": plan.entry.id, "name": "New name"}, Context(state))
    clock.now += HOUR
    assert len(scheduled.due_now(state, clock(), UTC)) == 1


GOOD = {"name": "n", "verb": "backup", "schedule": "daily"}


@pytest.mark.parametrize("wrong", [
    {"name": ""}, {"name": 5}, {"name": "x" * 81}, {"name": "a\nb"}, {"verb": "restore"}, {"verb": ["backup"]}, {"schedule": "now and then"}, {"schedule": None},
    {"config": "x"}, {"config": {"unknown": 1}}, {"enabled": "yes"}, {"maxWait": -1}, {"maxWait": True}, {"maxWait": 1.5}, {"other": 1}, {"notices": "x"},
    {"verb": "export", "config": {"encrypt": {"secret": "abc"}}}, {"verb": "export", "config": {"url": {"url": "https://x.example", "secret": "s"}}},
    {"verb": "verify", "config": {"a": [{"passphrase": "p"}]}}, {"verb": "verify", "config": {"apiKey": "p"}},
])  # fmt: skip
def test_what_cannot_be_scheduled_is_refused(state, wrong):
    """Wrong names, types and configurations, and every secret, are refused before anything is kept."""
    with pytest.raises(PortError):
        schedule.schedule({"action": "add", **GOOD, **wrong}, Context(state))
    assert plans.read(state).plans == {}


def test_unknown_actions_are_refused(state):
    """An action that there is not is named, with those that there are."""
    with pytest.raises(BadRequest, match="run-due"):
        schedule.schedule({"action": "explode"}, Context(state))


def beat(state, **more):
    """Write a heartbeat of this very process, now."""
    state.folder.mkdir(exist_ok=True)
    told = {**process.here(), "version": "1", "trouble": "", "stash": {}, "heartbeat": time.time(), **more}
    (state.folder / resident.HEARTBEAT).write_text(json.dumps(told))


def test_a_heartbeat_is_believed_only_from_the_living(state):
    """Alive is a process that is there and spoke lately; one that ended or is silent is dead; garbage is none."""
    assert starters.heartbeat(state)["resident"] == "none"
    beat(state)
    assert starters.heartbeat(state)["resident"] == "alive"
    beat(state, heartbeat=time.time() - 600)
    assert starters.heartbeat(state)["resident"] == "dead"
    beat(state, mark="another start")
    assert starters.heartbeat(state)["resident"] == "dead"
    (state.folder / resident.HEARTBEAT).write_text("{")
    assert starters.heartbeat(state)["resident"] == "none"


def test_who_starts_the_next_run_is_told_honestly(state):
    """Nobody; a resident process, which does not come back after a restart; one in trouble; a timer, which does, as long as its files are there."""
    assert starters.who_starts(state)["starts"] is False
    beat(state)
    who = starters.who_starts(state)
    assert (who["starts"], who["after_reboot"]) == (True, "no")
    assert "After a restart of Stash nothing does so" in who["text"]
    beat(state, trouble="Stash no longer lets it in.")
    who = starters.who_starts(state)
    assert (who["starts"], who["resident"]) == (False, "alive")
    assert "no longer lets it in" in who["text"]
    file = state.folder / "x.timer"
    file.touch()
    (state.folder / starters.INSTALLED).write_text(json.dumps({"kind": "systemd-system", "files": [str(file)]}))
    who = starters.who_starts(state)
    assert (who["starts"], who["after_reboot"]) == (True, "yes")
    file.unlink()
    assert starters.who_starts(state)["timer"] is None


def test_a_timer_is_believed_in_as_long_as_it_calls(state):
    """One that was installed but is silent is not; one that nobody knows of, on the machine around a container, is known by its calls."""
    file = state.folder / "x.timer"
    state.folder.mkdir()
    file.touch()
    installed = state.folder / starters.INSTALLED
    installed.write_text(json.dumps({"kind": "cron", "files": [str(file)]}))
    later = time.time() + 3600
    who = starters.who_starts(state, later)
    assert (who["starts"], who["after_reboot"]) == (False, "unknown")
    assert "has not looked for more than half an hour" in who["text"]
    assert schedule.schedule({"action": "run-due"}, Context(state))["runs"] == []
    assert starters.who_starts(state)["after_reboot"] == "yes"
    installed.unlink()
    assert starters.who_starts(state)["starts"] is False, "one call can have been a person's"
    schedule.schedule({"action": "run-due"}, Context(state))
    who = starters.who_starts(state)
    assert (who["starts"], who["after_reboot"], who["timer"]["kind"]) == (True, "unknown", "other")
    assert starters.who_starts(state, later)["starts"] is False


def test_a_glance_tells_what_the_panel_needs_and_is_fast(state, clock):
    """Due, overdue and next from small files alone; a hundred entries within milliseconds, and nothing is written."""
    hourly(state)
    clock.now += 3 * HOUR
    found = starters.glance(state, clock(), UTC)
    assert (found["due"], found["scheduled"], found["next"]) == (True, 1, "2026-03-02T16:00:00+00:00")
    assert [one["name"] for one in found["overdue"]] == ["Hourly"]
    with plans.changing(state) as known:
        plan = the_plan(state)
        known.update({f"{k:08}": replace(plan, entry=replace(plan.entry, id=f"{k:08}")) for k in range(9)})
    before = sorted((path, path.stat().st_mtime_ns) for path in state.folder.rglob("*"))
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        starters.glance(state, clock(), UTC)
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.005
    assert sorted((path, path.stat().st_mtime_ns) for path in state.folder.rglob("*")) == before


def test_a_glance_at_nothing_makes_no_folder(state, clock):
    """Where nothing was ever scheduled, looking leaves no trace."""
    assert starters.glance(state, clock(), UTC)["scheduled"] == 0
    assert not state.folder.exists()


def test_the_resident_process_is_not_started_for_nothing(state):
    """Without an enabled entry there is none; with a living one no second."""
    assert resident.ensure(state, {}) == {"running": False, "started": False}
    hourly(state)
    beat(state, version=stashport.__version__)
    assert resident.ensure(state, {}) == {"running": True, "started": False}


def test_what_the_resident_process_imports_is_light():
    """No HTTP library, no reader and no format: it lives as long as Stash does."""
    code = f"import sys; sys.path.insert(0, {str(LIB)!r}); import stashport.jobs.resident; print(' '.join(sys.modules))"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"requests", "http.client", "ssl", "sqlite3", "stashport.model.fields", "stashport.stash.connection", "asyncio"}


def test_mounts_of_a_container_are_told_apart(tmp_path):
    """A folder on a mount outlives its container; one on the container's own disk does not; blanks in names are escaped."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text("1 0 0:1 / / rw - overlay o rw\n2 1 0:2 / /proc rw - proc p rw\n3 1 8:1 /x /my\\040data rw - ext4 /dev/sda rw\n")
    assert starters.on_a_mount(Path("/my data/vault"), mounts)
    assert starters.on_a_mount(Path("/my data"), mounts)
    assert not starters.on_a_mount(Path("/my dataset"), mounts)
    assert not starters.on_a_mount(Path("/root/.stash/vault"), mounts)
    assert starters.on_a_mount(Path("/root"), tmp_path / "none")


def test_a_vault_inside_a_container_is_warned_of(state, monkeypatch):
    """In Docker, a vault that is not on a mount is said when the backup is scheduled."""
    monkeypatch.setattr(starters, "in_container", lambda: True)
    monkeypatch.setattr(starters, "on_a_mount", lambda folder: False)
    remarks = schedule.schedule({"action": "add", **GOOD, "config": {"vault": "/vault"}}, Context(state))["remarks"]
    assert any("The vault /vault is inside this container" in remark for remark in remarks)


def test_a_timer_that_was_not_switched_on_starts_nothing(tmp_path):
    """A timer whose last commands failed is there to be taken away again, and is not believed to start anything."""
    state = State(tmp_path / "state")
    state.folder.mkdir()
    told = {"kind": "systemd-user", "files": [], "place": "", "unfinished": True}
    (state.folder / starters.INSTALLED).write_text(json.dumps(told), "utf-8")
    who = starters.who_starts(state)
    assert who["timer"]["kind"] == "systemd-user"
    assert not who["starts"]
    assert "not switched on" in who["text"]
    (state.folder / starters.INSTALLED).write_text(json.dumps({**told, "unfinished": False}), "utf-8")
    assert starters.who_starts(state)["starts"]
