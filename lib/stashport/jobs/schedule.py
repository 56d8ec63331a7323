"""Schedule: what is run by itself, and when.  Shows and changes the timetable, says what comes next and who will start it, and starts what is due."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stashport.errors import BadRequest, PortError, UnknownEntry
from stashport.jobs import notices, starters
from stashport.jobs.context import Context
from stashport.runs import plans, timetable
from stashport.runs.state import State
from stashport.runs.zone import local_zone

Answer = dict[str, Any]
MODES = ("schedule", "catch-up", "resident-start")
MOST = 100
LONGEST_WAIT = 7 * 24 * 60
_SECRET = re.compile(r"secret|passphrase|password|token|identit(y|ies)|apikey", re.IGNORECASE)
_FIELDS = ("name", "verb", "schedule", "config", "enabled", "notices", "maxWait")


def schedule(given: dict[str, Any], context: Context) -> Answer:
    """Do one thing with the timetable: `action` is one of those below; without it, list.

    list                                      {entries, problem, starter}
    add      name verb schedule config ...    {entry, remarks}; optional: enabled, notices, maxWait (minutes behind others in Stash's queue)
    change   id and what is to be different   {entry, remarks}
    enable   id enabled                       {entry, remarks}
    remove   id                               {}
    next     schedule or id, n                {next: ISO times, text}
    due                                       {due: [{id, name, due}]}
    run-due                                   see jobs/scheduled.py: run_due
    install  kind write uninstall ...         see jobs/install_timer.py: install
    status                                    {overdue, next, due, scheduled, problem, starter}
    Errors: BadRequest, UnknownEntry, Locked, CannotWrite, DiskFull, and those of `install`.
    """
    action = str(given.get("action") or "list")
    if action not in ACTIONS:
        raise BadRequest(what=f'With the timetable one can {", ".join(ACTIONS)}, not "{action:.40}".')
    return ACTIONS[action](given, context)


def operation(mode: str, arguments: dict[str, Any], server: dict[str, Any], state: State) -> Answer:
    """The panel's three operations, whose errors are part of the answer.

    schedule        what `schedule` does, and the resident process is started where there is something for it to do
    catch-up        start what is due now, through the resident process or, where it cannot be started, by queueing it
    resident-start  start the resident process, if something is scheduled
    """
    from stashport.jobs.packages import use
    from stashport.jobs.resident import ensure

    use(state)
    try:
        if mode == "schedule":
            context = Context(state, _address(arguments, server))
            answer = schedule({key: value for key, value in arguments.items() if key != "mode"}, context)
            if arguments.get("action") in ("add", "change", "enable"):
                answer["resident"] = ensure(state, server)
                plan = _find(plans.read(state).plans, answer["entry"])
                answer["remarks"] = _remarks(plan, context, starts=answer["resident"]["running"])
            return {"ok": True, **answer}
        resident = ensure(state, server)
        if mode == "catch-up" and not resident["running"]:
            from stashport.jobs.scheduled import run_due
            from stashport.stash.connection import Connection

            connection = Connection.from_plugin(server)
            return {"ok": True, "resident": resident, **run_due(Context(state, connection), connection, stay=False)}
    except PortError as error:
        return {"ok": False, "error": error.record()}
    return {"ok": True, "resident": resident}


def told(plan: plans.Plan, now: dt.datetime, zone: dt.tzinfo) -> Answer:
    """An entry as the panel and --json show it: times in ISO 8601, `next` the next five, `overdue` in seconds or null."""
    entry = plan.entry
    times = {"lastDue": entry.last_due, "lastStarted": entry.last_started, "lastFinished": entry.last_finished, "lastGood": entry.last_good}
    late = timetable.overdue(entry, now, zone)
    return {
        "id": entry.id, "name": entry.name, "verb": entry.verb, "schedule": entry.schedule.record(), "text": entry.schedule.describe(),
        "config": dict(entry.config), "enabled": entry.enabled, "created": plan.created, "lastResult": entry.last_result, "lastRun": plan.last_run or None,
        "notices": [dict(one) for one in plan.notices], "maxWait": plan.max_wait, "running": plan.claim is not None,
        "next": starters.next_of(plan, now, zone) if entry.enabled else [], "overdue": int(late.total_seconds()) if late else None,
        **{name: time and time.isoformat() for name, time in times.items()},
    }


def _list(_: dict[str, Any], context: Context) -> Answer:
    now, zone, found = _now(), local_zone(), plans.read(context.state)
    entries = sorted(found.plans.values(), key=lambda plan: plan.entry.name.casefold())
    return {"entries": [told(plan, now, zone) for plan in entries], "problem": found.problem, "starter": starters.who_starts(context.state)}


def _add(given: dict[str, Any], context: Context) -> Answer:
    fields = _fields(given, {"action", *_FIELDS})
    for key in ("name", "verb", "schedule"):
        if key not in fields:
            raise BadRequest(what=f'A new entry of the timetable needs its "{key}".')
    if len(plans.read(context.state).plans) >= MOST:
        raise BadRequest(what=f"There are {MOST} entries in the timetable already. Remove one first.")
    notified, wait = fields.pop("notices", ()), fields.pop("max_wait", plans.MAX_WAIT)
    entry = timetable.Entry(id="", since=_now(), **fields)
    _check_config(entry.verb, entry.config)
    plan = plans.add(context.state, entry, notices=notified, max_wait=wait)
    return {"entry": told(plan, _now(), local_zone()), "remarks": _remarks(plan, context)}


def _change(given: dict[str, Any], context: Context) -> Answer:
    fields = _fields(given, {"action", "id", *_FIELDS})
    around = {key: fields.pop(key) for key in ("notices", "max_wait") if key in fields}
    with plans.changing(context.state) as known:
        plan = _find(known, given)
        entry = replace(plan.entry, **fields)
        _check_config(entry.verb, entry.config)
        if entry.schedule != plan.entry.schedule or (entry.enabled and not plan.entry.enabled):
            entry = replace(entry, since=_now())  # What came before this moment was not missed.
        known[entry.id] = plan = replace(plan, entry=entry, noticed="", **around)
    return {"entry": told(plan, _now(), local_zone()), "remarks": _remarks(plan, context)}


def _enable(given: dict[str, Any], context: Context) -> Answer:
    return _change({"id": given.get("id"), "enabled": given.get("enabled", True)}, context)


def _remove(given: dict[str, Any], context: Context) -> Answer:
    plans.remove(context.state, str(given.get("id")))
    return {}


def _next(given: dict[str, Any], context: Context) -> Answer:
    now, zone = _now(), local_zone()
    n = given.get("n", 5)
    if type(n) is not int or not 1 <= n <= 50:
        raise BadRequest(what='"n" is a whole number from 1 to 50.')
    if given.get("id"):
        plan = _find(plans.read(context.state).plans, given)
        return {"next": starters.next_of(plan, now, zone, n), "text": plan.entry.schedule.describe()}
    wanted = timetable.Schedule.parse(given.get("schedule"))
    return {"next": [moment.isoformat() for moment in wanted.upcoming(now, zone, n)], "text": wanted.describe()}


def _due(_: dict[str, Any], context: Context) -> Answer:
    from stashport.jobs.scheduled import due_now

    found = due_now(context.state, _now(), local_zone())
    return {"due": [{"id": one.plan.entry.id, "name": one.plan.entry.name, "due": one.moment.isoformat()} for one in found]}


def _run_due(_: dict[str, Any], context: Context) -> Answer:
    from stashport.jobs.scheduled import run_due

    starters.note_call(context.state)
    return run_due(context)


def _install(given: dict[str, Any], context: Context) -> Answer:
    from stashport.jobs.install_timer import install

    return install(given, context)


def _status(_: dict[str, Any], context: Context) -> Answer:
    return starters.glance(context.state, _now())


ACTIONS: dict[str, Callable[[dict[str, Any], Context], Answer]] = {
    "list": _list, "add": _add, "change": _change, "enable": _enable, "remove": _remove, "next": _next, "due": _due, "run-due": _run_due,
    "install": _install, "status": _status,
}  # fmt: skip


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


def _find(known: Mapping[str, plans.Plan], given: Mapping[str, Any]) -> plans.Plan:
    plan = known.get(str(given.get("id")))
    if plan is None:
        raise UnknownEntry(name=given.get("id"))
    return plan


def _fields(given: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    """What is given, checked, by the names of Entry and Plan."""
    for key in given:
        if key not in known:
            raise BadRequest(what=f'An entry of the timetable has no "{key}"; it has {", ".join(_FIELDS)}.')
    found: dict[str, Any] = {}
    if "name" in given:
        name = given["name"]
        if not isinstance(name, str) or not name.strip() or len(name) > 80 or not name.isprintable():
            raise BadRequest(what="An entry of the timetable needs a name of at most 80 characters.")
        found["name"] = name.strip()
    if "verb" in given:
        from stashport.jobs.scheduled import VERBS

        if given["verb"] not in VERBS:
            raise BadRequest(what=f'What is scheduled is one of {", ".join(VERBS)}, not {given["verb"]!r:.40}.')
        found["verb"] = given["verb"]
    if "schedule" in given:
        found["schedule"] = timetable.Schedule.parse(given["schedule"])
    if "config" in given:
        if not isinstance(given["config"], Mapping):
            raise BadRequest(what='"config" needs names with their values: the configuration of what is run.')
        found["config"] = dict(given["config"])
    if "enabled" in given:
        if not isinstance(given["enabled"], bool):
            raise BadRequest(what='"enabled" is true or false.')
        found["enabled"] = given["enabled"]
    if "notices" in given:
        found["notices"] = notices.parse(given["notices"])
    if "maxWait" in given:
        if type(given["maxWait"]) is not int or not 0 <= given["maxWait"] <= LONGEST_WAIT:
            raise BadRequest(what=f'"maxWait" is a number of minutes from 0 to {LONGEST_WAIT}.')
        found["max_wait"] = given["maxWait"]
    return found


def _check_config(verb: str, config: Mapping[str, Any]) -> None:
    """A configuration that would fail every night is refused now, and so is one that holds a secret: it would be kept, and stand in Stash's log."""
    _no_secrets(config)
    if verb == "backup":
        from stashport.jobs.backup_config import BackupConfig

        BackupConfig.parse(dict(config))
    elif verb == "export":
        from stashport.jobs.export_config import ExportConfig

        ExportConfig.parse(dict(config))


def _no_secrets(found: Any) -> None:
    for key, value in found.items() if isinstance(found, Mapping) else enumerate(found) if isinstance(found, (list, tuple)) else ():
        if isinstance(key, str) and _SECRET.search(key) and not key.lower().endswith("file") and isinstance(value, str) and value:
            raise BadRequest(what=f'"{key}" is a secret, and the timetable keeps none: encrypt for a recipient, or back up into an encrypted vault.')
        _no_secrets(value)


def _remarks(plan: plans.Plan, context: Context, *, starts: bool = False) -> list[str]:
    """What the owner of an entry should know: who will start it, unless somebody `starts` it for sure, and a vault that goes with its container."""
    who = starters.who_starts(context.state)
    found = [] if starts or who["starts"] or not plan.entry.enabled else [who["text"]]
    if plan.entry.verb == "backup" and starters.in_container():
        from stashport.jobs.vaults import place

        vault = place(str(plan.entry.config.get("vault") or ""), context)
        if "://" not in vault and not starters.on_a_mount(Path(vault).expanduser()):
            found.append(f"The vault {vault} is inside this container and goes when it is made anew: choose a folder that is mounted into it.")
    return found


def _address(arguments: Mapping[str, Any], server: dict[str, Any]) -> Any:
    """Only a timer needs to know where Stash is; asking it costs time."""
    if arguments.get("action") != "install" or arguments.get("source"):
        return None
    from stashport.stash.connection import Connection

    return Connection.from_plugin(server)
