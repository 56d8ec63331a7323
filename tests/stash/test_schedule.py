"""The timetable at work beside a real Stash: backups that start by themselves, in its queue, and nothing that outlives it."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from stashport.jobs.scheduled import due_now, utc_now
from stashport.jobs.starters import heartbeat
from stashport.runs import plans, timetable
from stashport.runs.state import State

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are counted in /proc")
GONE_SECONDS = 10


def state_of(stash):
    """The state folder beside a Stash."""
    return State.beside(stash.config_file)


def ours(stash):
    """The processes that run the plugin of this Stash: {pid: command line}."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(stash.plugin_folder) in words and state != "Z":
            found[int(folder.name)] = words
    return found


def wait(condition, seconds):
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def runs(stash):
    """The records of the backups that there are, newest first."""
    return [one for one in stash.operation(mode="runs")["runs"] if one["verb"] == "backup"]


def ended(stash):
    """How many backups have ended."""
    return sum(one["state"] == "finished" for one in runs(stash))


def entry(stash):
    """The one entry of the timetable."""
    return stash.operation(mode="schedule", action="list")["entries"][0]


def scheduled(stash, cron="* * * * *", **more):
    """Put a backup into the timetable, as the panel does."""
    answer = stash.operation(mode="schedule", action="add", name="Every minute", verb="backup", schedule={"cron": cron}, **more)
    assert answer["ok"], answer
    assert answer["resident"]["running"]
    return answer["entry"]


def overdue(state, **more):
    """Put a yearly backup into the timetable whose moment is a few hours ago."""
    now = utc_now()
    passed = (now - dt.timedelta(hours=3)).astimezone(dt.timezone.utc)
    yearly = timetable.Schedule.parse(f"{passed.minute} {passed.hour} {passed.day} {passed.month} *")
    plans.add(state, timetable.Entry("", "Missed", "backup", yearly, since=now - dt.timedelta(days=2)), **more)


@pytest.fixture
def blocked(real_stash):
    """A task that Stash's queue is at, and that does not go on: the number of its process."""
    before = set(ours(real_stash))
    while True:  # The task is short: it has to be caught at work.
        real_stash.task(mode="check")
        wait(lambda: set(ours(real_stash)) - before, 5)
        for pid in set(ours(real_stash)) - before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.1)
                if pid in ours(real_stash):
                    yield pid
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                    return


def figure(pid, name):
    """A size in kB that the kernel tells of a process."""
    return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name))


@linux
def test_two_backups_are_made_by_themselves_and_nothing_outlives_stash(real_stash):
    """Each minute a task in Stash's queue makes a backup; one small resident process does it, and it ends when Stash is asked to stop."""
    scheduled(real_stash)
    assert wait(lambda: heartbeat(state_of(real_stash))["resident"] == "alive", 10)
    assert wait(lambda: ended(real_stash) >= 2, 130), real_stash.log()[-3000:]
    assert [one["result"] for one in runs(real_stash)][:2] == ["ok", "ok"]
    minutes = [one["started"][:16] for one in runs(real_stash)]
    assert len(set(minutes)) == len(minutes), "a minute was run twice"
    queued = " ".join(f'j{k}: findJob(input: {{id: "{k}"}}) {{ description }}' for k in range(1, 6))
    jobs = [job["description"] for job in real_stash.gql(f"{{ {queued} }}").values() if job]
    assert jobs.count("Running plugin task: Stash Port: Every minute") >= 2, jobs
    assert wait(lambda: entry(real_stash)["lastResult"] == "ok" and not entry(real_stash)["running"], 10)
    assert entry(real_stash)["lastRun"] == runs(real_stash)[0]["run"]
    residents = [pid for pid, words in ours(real_stash).items() if "stash-port-resident" in words]
    assert len(residents) == 1
    assert figure(residents[0], "VmHWM") < 30_000
    assert "session" not in Path(f"/proc/{residents[0]}/cmdline").read_text().lower()

    real_stash.process.send_signal(signal.SIGTERM)
    assert wait(lambda: not ours(real_stash), GONE_SECONDS), ours(real_stash)
    assert heartbeat(state_of(real_stash))["resident"] == "none"


@linux
def test_a_full_queue_is_waited_for_only_so_long(real_stash, blocked):
    """A backup behind a job that does not end is run beside the queue after its time, once, and its place in the queue is given up."""
    state = state_of(real_stash)
    overdue(state, max_wait=0)
    assert real_stash.operation(mode="catch-up")["ok"]
    assert wait(lambda: ended(real_stash) == 1, 30), real_stash.log()[-3000:]
    assert wait(lambda: entry(real_stash)["lastResult"] == "ok", 5), runs(real_stash)
    queue = real_stash.gql("{ jobQueue { description status } }")["jobQueue"]
    assert [job["status"] for job in queue if "Missed" in job["description"]] in ([], ["CANCELLED"])
    assert [one["result"] for one in runs(real_stash)] == ["ok"]


@linux
def test_nothing_outlives_a_stash_that_is_killed(real_stash, blocked):
    """Killed while the resident process and its worker wait behind a queue that is busy, Stash leaves neither; what was claimed is due again."""
    state = state_of(real_stash)
    overdue(state)
    real_stash.operation(mode="resident-start")
    assert wait(lambda: any(plan.claim for plan in plans.read(state).plans.values()), 20)
    assert wait(lambda: len(ours(real_stash)) == 3, 10), "the job that blocks the queue, the resident process and its worker"
    real_stash.process.send_signal(signal.SIGKILL)
    assert wait(lambda: set(ours(real_stash)) <= {blocked}, GONE_SECONDS), ours(real_stash)
    assert plans.settle(state, utc_now()) == []
    assert len(due_now(state, utc_now(), dt.timezone.utc)) == 1


@linux
def test_a_scheduled_run_ends_with_stash(real_stash):
    """A backup that is at work when Stash is killed stops or ends within seconds; it is never listed half done, and the timetable knows how it ended."""
    state = state_of(real_stash)
    overdue(state)
    real_stash.operation(mode="resident-start")
    assert wait(lambda: any((state.folder / "runs").glob("*/run.json")), 20)
    real_stash.process.send_signal(signal.SIGKILL)
    assert wait(lambda: not ours(real_stash), GONE_SECONDS), ours(real_stash)
    plans.settle(state, utc_now())
    (plan,) = plans.read(state).plans.values()
    assert plan.claim is None
    assert plan.entry.last_result in ("ok", "failed")


@linux
def test_one_resident_process_however_many_start_it(real_stash):
    """Started many times at once there is one, and it ends when nothing is scheduled any more."""
    made = scheduled(real_stash, "0 0 1 1 *")
    for _ in range(3):
        assert real_stash.operation(mode="resident-start")["resident"]["running"]
    assert wait(lambda: len(ours(real_stash)) == 1, 10), ours(real_stash)
    assert real_stash.operation(mode="schedule", action="remove", id=made["id"])["ok"]
    assert wait(lambda: not ours(real_stash), GONE_SECONDS), ours(real_stash)


@linux
def test_a_resident_process_that_was_killed_is_started_again(real_stash):
    """Its end is seen in the heartbeat, and the panel's catch-up starts another one."""
    scheduled(real_stash, "0 0 1 1 *")
    state = state_of(real_stash)
    assert wait(lambda: heartbeat(state)["resident"] == "alive", 10)
    os.kill(next(iter(ours(real_stash))), signal.SIGKILL)
    assert wait(lambda: heartbeat(state)["resident"] == "dead", 5)
    assert not real_stash.operation(mode="schedule", action="status")["starter"]["starts"]
    assert real_stash.operation(mode="catch-up")["resident"] == {"running": True, "started": True}
    assert wait(lambda: heartbeat(state)["resident"] == "alive", 10)


@linux
@pytest.mark.parametrize("key", [False, True])
def test_a_stash_with_a_password_lets_it_in_again(libraries, start_stash, key):
    """With a session's cookie, and with the server's own key, one worker after the other gets in; neither is found in the state folder or on a command line."""
    stash = start_stash(libraries.filled(), plugin=True, login=("me", "a password"), api_key=key)
    state = state_of(stash)
    overdue(state)
    assert stash.operation(mode="resident-start")["resident"]["running"]
    for count in (1, 2):
        assert wait(lambda count=count: ended(stash) == count, 30), stash.log()[-3000:]
        assert wait(lambda: not any(plan.claim for plan in plans.read(state).plans.values()), 5)
        assert not heartbeat(state)["trouble"]
        if count == 1:
            overdue(state)
    assert [one["result"] for one in runs(stash)] == ["ok", "ok"]
    if key:
        kept = b"".join(path.read_bytes() for path in state.folder.rglob("*.json") if path.is_file()) + " ".join(ours(stash).values()).encode()
        assert stash.api_key.encode() not in kept
