"""Will something start the next run?  Told honestly, from what is kept in the state folder; light enough for the panel's first question."""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
import json
import os
import time
from pathlib import Path
from typing import Any

from stashport.atomic import write_text
from stashport.runs import plans, process, timetable
from stashport.runs.state import State
from stashport.runs.zone import local_zone

INSTALLED = "schedule-installed.json"
CALLED = "schedule-called.json"
QUIET = 35 * 60.0
"""Seconds without a call of `schedule run-due` after which a timer is not believed in: the slowest one looks every 30 minutes."""
SILENT = 60.0
"""Seconds without a heartbeat after which the resident process is not believed to work, even if its process is there."""


def heartbeat(state: State, now: float | None = None) -> dict[str, Any]:
    """{resident: alive, dead (it ended without a word, or hangs) or none, version, trouble, since: seconds since its last sign or None}.  Never raises."""
    none = {"resident": "none", "version": "", "trouble": "", "since": None}
    found = _json(state.folder / "resident.json")
    if not found:
        return none
    now = time.time() if now is None else now
    last = found.get("heartbeat")
    last = float(last) if isinstance(last, (int, float)) else 0.0
    alive = not process.ended(found, last, now) and abs(now - last) < SILENT
    return {"resident": "alive" if alive else "dead", "version": found.get("version", ""), "trouble": str(found.get("trouble") or ""), "since": now - last}


def installed(state: State) -> dict[str, Any] | None:
    """What `schedule install` wrote for this state folder and is still there: {kind, place, survives, unfinished}; None if there is nothing."""
    found = _json(state.folder / INSTALLED)
    if not found or not found.get("kind"):
        return None
    files = [Path(str(one)) for one in found.get("files") or ()]
    with contextlib.suppress(OSError):
        if all(path.exists() for path in files):
            return {"kind": str(found["kind"]), "place": ", ".join(map(str, files)) or str(found.get("place", "")), "survives": _survives(str(found["kind"])),
                    "unfinished": bool(found.get("unfinished"))}
    return None


def note_call(state: State) -> None:
    """Remember that `schedule run-due` was called: all that can be seen from here of a timer outside of this container."""
    with contextlib.suppress(OSError):  # Only the answer to "who starts the next run" is poorer without it.
        state.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_text(state.folder / CALLED, json.dumps({"time": time.time(), "before": _calls(state)[0]}), durable=False)


def who_starts(state: State, now: float | None = None) -> dict[str, Any]:
    """Who starts the next run.

    {resident, trouble, timer: {kind, place, survives, unfinished} or None, after_reboot: yes, no or unknown, starts: bool, text}; the kind of a timer that
    was not installed from here, but calls, is "other".
    """
    now = time.time() if now is None else now
    beat, timer = heartbeat(state, now), installed(state)
    alive = beat["resident"] == "alive" and not beat["trouble"]
    last, before = _calls(state)
    called = now - last < QUIET
    unfinished = timer is not None and not called and timer["unfinished"]
    silent = timer is not None and not called and (unfinished or now - _written(state.folder / INSTALLED) > QUIET)
    if timer is None and called and last - before < QUIET:  # One call alone can have been a person's.
        timer = {"kind": "other", "place": "", "survives": "unknown", "unfinished": False}
    after = timer["survives"] if timer and not silent else "unknown" if silent else "no"
    if unfinished and not alive:
        text = "A timer was written, but is not switched on yet: nothing starts what is due until what was left to do is done."
    elif silent and not alive:
        text = "A timer was set up, but has not looked for more than half an hour: nothing starts what is due. Set it up again with `schedule install`."
    elif timer and timer["kind"] == "other":
        text = "Something keeps calling `schedule run-due`, and so starts what is due. Whether it does so after a restart cannot be seen from here."
    elif timer and after == "yes":
        text = f"A timer of this machine ({timer['kind']}) starts what is due, after a restart too."
    elif timer and not silent:
        text = f"A timer ({timer['kind']}) starts what is due. After a restart of the machine it may wait for a login: `loginctl enable-linger` mends that."
    elif alive:
        text = "A process beside Stash starts what is due, as long as Stash runs. After a restart of Stash nothing does so until Stash Port is opened."
    elif beat["trouble"]:
        text = f"Nothing starts what is due: the process that should is in trouble. {beat['trouble']}"
    else:
        text = "Nothing starts what is due, until Stash Port is opened in Stash. `stash_port.py schedule install` sets up a timer that needs nobody."
    starts = alive or (timer is not None and not silent)
    return {"resident": beat["resident"], "trouble": beat["trouble"], "timer": timer, "after_reboot": after, "starts": starts, "text": text}


def glance(state: State, now: dt.datetime, zone: dt.tzinfo | None = None) -> dict[str, Any]:
    """The timetable in short, from two or three small files and within milliseconds.

    {overdue: [{id, name, seconds}], next: ISO time or None, due: whether something is to be started, scheduled: how many, problem, starter: who_starts}
    """
    known, zone = plans.read(state), zone or local_zone()
    enabled = [plan for plan in known.plans.values() if plan.entry.enabled]
    late = [(plan, timetable.overdue(plan.entry, now, zone)) for plan in enabled]
    return {
        "overdue": [{"id": plan.entry.id, "name": plan.entry.name, "seconds": int(time.total_seconds())} for plan, time in late if time],
        "next": min((plan.entry.schedule.next_after(_from(plan, now), zone).isoformat() for plan in enabled), key=dt.datetime.fromisoformat, default=None),
        "due": any(plan.claim is None and timetable.due(plan.entry, now, zone) is not None for plan in enabled),
        "scheduled": len(enabled), "problem": known.problem, "starter": who_starts(state, now.timestamp()),
    }


def next_of(plan: plans.Plan, now: dt.datetime, zone: dt.tzinfo, n: int = 5) -> list[str]:
    """The next moments of an entry, in ISO 8601."""
    return [moment.isoformat() for moment in plan.entry.schedule.upcoming(_from(plan, now), zone, n)]


def in_container() -> bool:
    """Whether this process runs in Docker or Podman."""
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def on_a_mount(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Whether a folder lies on something that was mounted into this container, and so outlives it; True where that cannot be told."""
    try:
        points = [line.split(" ")[4].encode().decode("unicode_escape") for line in mounts.read_text("ascii", "replace").splitlines()]
        real = os.path.realpath(folder)
    except (OSError, IndexError, UnicodeDecodeError):
        return True
    return any(point != "/" and (real == point or real.startswith(point.rstrip("/") + "/")) for point in points)


def _from(plan: plans.Plan, now: dt.datetime) -> dt.datetime:
    """Every so many hours is counted from the last time; what is behind by more than that is due now."""
    if plan.entry.schedule.every != "hours":
        return now
    last = plan.entry.last_due or plan.entry.since
    return last if plan.entry.schedule.next_after(last, dt.timezone.utc) > now else now


def _calls(state: State) -> tuple[float, float]:
    """When `schedule run-due` was called last, and the time before; 0 for never."""
    told = _json(state.folder / CALLED)
    last, before = (float(value) if isinstance(value, (int, float)) else 0.0 for value in (told.get("time"), told.get("before")))
    return last, before


def _written(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _survives(kind: str) -> str:
    if kind != "systemd-user":
        return "yes"
    with contextlib.suppress(OSError, KeyError):
        return "yes" if (Path("/var/lib/systemd/linger") / getpass.getuser()).exists() else "unknown"
    return "unknown"


def _json(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_bytes())
        return found if isinstance(found, dict) else {}
    return {}
