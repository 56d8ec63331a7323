"""The resident process: small, started by the plugin, it starts what is due while Stash runs, and ends with it.

It holds no HTTP library and asks nothing itself: whatever needs Stash is done by a worker, a process that lives for that long only and dies with this one.
Credentials are in memory and travel through pipes, never in arguments, the environment or a file.  There is one for each state folder (a lock), known to
others by its heartbeat, `resident.json`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from stashport import __version__
from stashport.atomic import write_text
from stashport.errors import Locked, PortError
from stashport.runs import plans, process, timetable
from stashport.runs.lock import Lock
from stashport.runs.state import State
from stashport.runs.zone import local_zone

HEARTBEAT = "resident.json"
STOP = "resident.stop"
NAP = 5.0
"""Seconds between two looks: a changed timetable, a changed clock and a machine that slept are seen within that time."""
PING = 900.0
"""Seconds after which Stash is asked something, at the latest: its session cookie lasts an hour and comes anew with each answer."""
AGAIN = 60.0
"""Seconds to wait after a worker failed."""
_CODE = "import sys;sys.path.insert(0,sys.argv[2]);from stashport.jobs.resident import main;sys.exit(main(sys.argv[1]))"
_LIB = str(Path(__file__).resolve().parents[2])


def start(state: State, server: dict[str, Any]) -> dict[str, Any]:
    """Start it, detached from this process, for the Stash that started us (`server` is its input's server_connection).

    {"pid"}; a second one that finds the lock taken ends at once.  Errors: CannotWrite for a state folder that takes no lock.
    """
    pid = os.getppid()
    # In a virtual environment of Windows the parent is a launcher that ends with us: there only Stash's answers tell.
    venv = sys.platform == "win32" and sys.prefix != sys.base_prefix
    stash = {} if venv else {"pid": pid, "mark": process.start_mark(pid) or ""}
    with contextlib.suppress(OSError):
        (state.locks / STOP).unlink(missing_ok=True)
    started = _spawn("resident", detached=True)
    _hand_over(started, {"state": str(state.folder), "server": server, "stash": stash})
    return {"pid": started.pid}


def stop(state: State) -> None:
    """Ask it to end, which it does within seconds, or when its worker has ended."""
    (state.locks / STOP).touch()


def _spawn(role: str, *, detached: bool = False) -> subprocess.Popen[bytes]:
    more: dict[str, Any] = {"start_new_session": True, "stdout": subprocess.DEVNULL} if detached else {"stdout": subprocess.PIPE}
    if sys.platform == "win32":
        alone = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        more["creationflags"] = alone if detached else subprocess.CREATE_NO_WINDOW
    folder = Path(sys.executable).anchor  # Another one could be on a disk that somebody wants to unmount.
    return subprocess.Popen([sys.executable, "-c", _CODE, f"stash-port-{role}", _LIB], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, **more)


def _hand_over(child: subprocess.Popen[bytes], told: dict[str, Any]) -> None:
    assert child.stdin
    with contextlib.suppress(BrokenPipeError), child.stdin:
        child.stdin.write(json.dumps(told).encode())


def main(role: str) -> int:
    """Be the resident process or its worker, with what to do on standard input."""
    given = json.loads(sys.stdin.buffer.read())
    state = State(Path(given["state"]))
    if role.endswith("worker"):
        from stashport.jobs.worker import work

        sys.stdout.write(json.dumps(work(state, given)))
        return 0
    try:
        with Lock(state.locks, "resident", "the resident process of Stash Port") as lock:
            Resident(state, given["server"], given["stash"], lock).run()
    except Locked:
        return 0
    return 0


class Resident:
    """What the process does between its start and its end."""

    def __init__(self, state: State, server: dict[str, Any], stash: dict[str, Any], lock: Lock) -> None:
        self.state, self.server, self.stash, self.lock = state, server, stash, lock
        self.worker: subprocess.Popen[bytes] | None = None
        self.trouble = ""
        self.pinged = time.monotonic()
        self.not_before = 0.0
        self.beaten: dict[str, Any] = {}
        self.zone = local_zone()
        self.ending = False
        self._exit = _exit_of(stash.get("pid"))

    def run(self) -> None:
        """Until Stash ends, nothing is scheduled any more, or somebody asks it to end."""
        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._end)
        try:
            while not self._over():
                self._look()
                self._nap()
        finally:
            self._end_worker()
            with contextlib.suppress(OSError):
                (self.state.folder / HEARTBEAT).unlink(missing_ok=True)

    def _end(self, _: int, __: FrameType | None) -> None:
        self.ending = True

    def _over(self) -> bool:
        pid = self.stash.get("pid")
        if self.ending or (pid and process.start_mark(pid) != self.stash["mark"]):
            return True
        if self.worker is None and (self.state.locks / STOP).exists():  # A backup that a worker is at is not cut off for that.
            return True
        found = plans.read(self.state)
        wanted = any(plan.entry.enabled or plan.claim for plan in found.plans.values())
        return not wanted and self.worker is None

    def _look(self) -> None:
        now = dt.datetime.now(dt.timezone.utc)
        self._collect()
        if self.worker is None and time.monotonic() >= self.not_before:
            if self._wanted(now):
                self._work("due")
            elif time.monotonic() - self.pinged >= PING:
                self._work("ping")
        try:
            self.lock.beat()
            self._beat(now)
        except Locked:  # It slept for so long that another one took over.
            self.ending = True

    def _wanted(self, now: dt.datetime) -> bool:
        known = plans.read(self.state).plans.values()
        if any(plan.claim is None and timetable.due(plan.entry, now, self.zone) for plan in known):
            return True
        if any(plan.claim and process.ended(plan.claim["by"], now.timestamp(), now.timestamp()) for plan in known):
            return True
        quiet = (plan for plan in known if plan.notices and not plan.noticed and plan.claim is None)
        return any(timetable.overdue(plan.entry, now, self.zone) for plan in quiet)

    def _work(self, what: str) -> None:
        self.worker = _spawn("worker")
        _hand_over(self.worker, {"state": str(self.state.folder), "server": self.server, "do": what, "parent": os.getpid()})

    def _collect(self) -> None:
        """What a worker that has ended brings back: the newest credentials, or why Stash could not be asked."""
        if self.worker is None or self.worker.poll() is None:
            return
        assert self.worker.stdout
        with self.worker.stdout as pipe:
            answer: dict[str, Any] = {"trouble": f"a worker ended with status {self.worker.returncode}"}
            with contextlib.suppress(ValueError):
                answer = json.loads(pipe.read())
        self.worker, self.trouble = None, str(answer.get("trouble") or "")
        self.server = {**self.server, **(answer.get("credentials") or {})}
        if self.trouble:
            self.not_before = time.monotonic() + AGAIN
            self.ending = bool(answer.get("gone")) and not self.stash
        else:
            self.pinged = time.monotonic()

    def _end_worker(self) -> None:
        if self.worker is not None and self.worker.poll() is None:
            self.worker.kill()  # It journals what it does: being killed loses nothing.
            self.worker.wait()

    def _beat(self, now: dt.datetime) -> None:
        """Written when something changed, and every ten seconds."""
        told = {"version": __version__, "trouble": self.trouble, "stash": self.stash}
        last = self.beaten.get("heartbeat", 0.0)
        if self.beaten and told == {key: self.beaten[key] for key in told} and 0 <= now.timestamp() - last < 10:
            return
        self.beaten = {**process.here(), **told, "heartbeat": now.timestamp()}
        with contextlib.suppress(OSError):  # A full disk passes; without a heartbeat others say honestly that they do not know.
            write_text(self.state.folder / HEARTBEAT, json.dumps(self.beaten), durable=False)

    def _nap(self) -> None:
        """Some seconds, or until Stash ends, where the system tells that at once."""
        if self._exit is None or self.worker is not None:
            time.sleep(NAP / 5 if self.worker is not None else NAP / 2)
        else:
            self._exit.poll(NAP * 1000)


def _exit_of(pid: object) -> Any:
    """Something to poll that wakes when a process ends; None where the system has none."""
    if isinstance(pid, int) and hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):
            poll = select.poll()
            poll.register(os.pidfd_open(pid), select.POLLIN)
            return poll
    return None


def ensure(state: State, server: dict[str, Any]) -> dict[str, Any]:
    """Start it if something is scheduled and it does not run; one of an older version, or in trouble with Stash, is replaced.

    {"running": whether it runs now, or will within moments; "started": whether this call started it}.  Never raises: what was asked for goes on without it.
    """
    from stashport.jobs.starters import heartbeat

    try:
        if not any(plan.entry.enabled for plan in plans.read(state).plans.values()):
            return {"running": False, "started": False}
        beat = heartbeat(state)
        if beat["resident"] == "alive":
            if beat["version"] == __version__ and not beat["trouble"]:
                return {"running": True, "started": False}
            stop(state)
            deadline = time.monotonic() + 2 * NAP
            while heartbeat(state)["resident"] == "alive" and time.monotonic() < deadline:
                time.sleep(0.1)
        start(state, server)
    except (PortError, OSError) as error:
        return {"running": False, "started": False, "problem": str(error)}
    return {"running": True, "started": True}
