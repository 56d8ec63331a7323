"""Scheduled runs: those that are due are started once each, through Stash's own queue or right here, and written down when they end."""

from __future__ import annotations

import datetime as dt
import importlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from stashport.errors import BadRequest, PortError
from stashport.jobs import notices
from stashport.jobs.context import Context
from stashport.jobs.tasks import PLUGIN_ID, ask_settings, with_record
from stashport.runs import history, plans, process, timetable
from stashport.runs.record import Run
from stashport.runs.zone import local_zone
from stashport.stash.connection import Connection

VERBS = ("backup", "verify", "export")
LOOK_SECONDS = 2.0
LEAVE_SECONDS = 4.0
_QUEUE = "mutation StashPortRunDue($id:ID!,$text:String,$args:Map){runPluginTask(plugin_id:$id,description:$text,args_map:$args)}"
_JOB = "query StashPortJob($id:ID!){findJob(input:{id:$id}){status}}"
_TAKE_OUT = "mutation StashPortTakeOut($id:ID!){stopJob(job_id:$id)}"
Report = dict[str, Any]
Clock = Callable[[], dt.datetime]


class Due(NamedTuple):
    """A plan with the moment that is due."""

    plan: plans.Plan
    moment: dt.datetime


def utc_now() -> dt.datetime:
    """This moment."""
    return dt.datetime.now(dt.timezone.utc)


def job_of(verb: str) -> Callable[[dict[str, Any], Context], Run]:
    """The job behind a verb that can be scheduled.  Errors: BadRequest."""
    if verb not in VERBS:
        raise BadRequest(what=f'What is scheduled is one of {", ".join(VERBS)}, not "{verb}".')
    found: Callable[[dict[str, Any], Context], Run] = getattr(importlib.import_module(f"stashport.jobs.{verb}"), verb)
    return found


def due_now(state: Any, now: dt.datetime, zone: dt.tzinfo) -> list[Due]:
    """What is to be started now, the longest due first."""
    found = [Due(plan, moment) for plan in plans.read(state).plans.values() if plan.claim is None and (moment := timetable.due(plan.entry, now, zone))]
    return sorted(found, key=lambda one: one.moment.astimezone(dt.timezone.utc))


def run_due(context: Context, server: Connection | None = None, *, stay: bool = True, clock: Clock = utc_now, zone: dt.tzinfo | None = None) -> Report:
    """Run each entry that is due, once: through the queue of the Stash `server` where there is one, else here, one after the other.

    stay    wait until what was queued has begun, and run beside the queue what has waited for too long
    {"runs": [{id, name, run, result}], "result": ok, partial or failed, "problems": [...]}; result of a run that goes on in the queue is "queued".
    A run that fails is written down and told; it does not keep the others from being run.
    """
    zone = zone or local_zone()
    for plan in plans.settle(context.state, clock()):
        notices.tell(context.state, plan, str(plan.entry.last_result), clock())
    runs = _through_queue(context, server, clock, zone, stay) if server else [_here(context, one, clock) for one in due_now(context.state, clock(), zone)]
    ran = [run for run in runs if run]
    worst = next((word for word in ("failed", "partial") if any(run["result"] == word for run in ran)), "ok")
    # Last, since what has just been made up for is overdue no more.
    return {"runs": ran, "result": worst, "problems": notices.tell_overdue(context.state, clock(), zone)}


def perform(plan_id: str, verb: str, config: dict[str, Any], how: str, context: Context, *, clock: Clock = utc_now) -> str:
    """Run a claimed entry in this process, as `context.run_id`, and write down how it ended; its result, or "skipped" when it is not ours to run.

    Errors of the run are kept in its record, and raised after they were written down and told.
    """
    run_id = str(context.run_id)
    if not plans.begin(context.state, plan_id, run_id, how):
        return "skipped"
    result = "failed"
    try:
        ask_settings(context)
        run = job_of(verb)(config, context)
        result = run.result or "failed"
    except PortError as error:
        if not context.state.run_folder(run_id).exists():
            with_record(context, config, error, verb)
        raise
    finally:
        plan = plans.finish(context.state, plan_id, run_id, result, clock())
        if plan:
            notices.tell(context.state, plan, result, clock())
    return result


def task(verb: str, arguments: dict[str, Any], context: Context, server: dict[str, Any]) -> Report:
    """A scheduled run that Stash's queue has reached: the arguments are those that `run_due` gave; {run, result}.  Ends with the Stash that runs it."""
    plan_id, run_id, config = arguments.get("entry"), arguments.get("run"), arguments.get("config")
    if not isinstance(plan_id, str) or not isinstance(run_id, str) or not isinstance(config, dict):
        raise BadRequest(what="A scheduled run needs its entry, the id of its run and its configuration.")
    context.run_id = run_id
    leave_with(os.getppid(), context, run_id)
    context.place = Connection.from_plugin(server)
    result = perform(plan_id, verb, config, "queue", context)
    told = "It waited for too long, and was run beside the queue." if result == "skipped" else history.load(context.state, run_id)["notes"].get("sentence")
    for sink in context.sinks:
        sink.log("info", str(told or result))
    return {"run": run_id, "result": result}


def leave_with(pid: int, context: Context, run_id: str = "") -> None:
    """End this process when another one has ended: a run is asked to stop, and has some seconds to do so.  Stash leaves its plugins behind when it stops."""
    mark = process.start_mark(pid)
    if mark is None:
        return

    def watch() -> None:
        while process.start_mark(pid) == mark:
            time.sleep(LOOK_SECONDS)
        try:
            if run_id:
                history.request_stop(context.state, run_id)
                time.sleep(LEAVE_SECONDS)
        finally:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _here(context: Context, due: Due, clock: Clock) -> Report | None:
    """Run one entry in this process; None when another process took it."""
    entry, run_id = due.plan.entry, context.state.new_run_id()
    if not plans.claim(context.state, entry.id, due.moment, run_id, "direct", clock()):
        return None
    own = replace(context, run_id=run_id)
    told = {"id": entry.id, "name": entry.name, "run": run_id}
    try:
        return {**told, "result": perform(entry.id, entry.verb, dict(entry.config), "direct", own, clock=clock)}
    except PortError as error:
        return {**told, "result": "failed", "error": error.record()}
    except Exception as error:  # noqa: BLE001 - it is in the run's record; the other entries are still to be run
        return {**told, "result": "failed", "error": PortError(what=f"{type(error).__name__}: {error}").record()}


def _through_queue(context: Context, server: Connection, clock: Clock, zone: dt.tzinfo, stay: bool) -> list[Report | None]:
    """Queue what is due, and stay until each run has begun, or has waited long enough and is run here."""
    queue = _Queue(context, server, clock)
    while True:
        for one in due_now(context.state, clock(), zone):
            queue.add(one)
        if not queue.waiting or not stay:
            return list(queue.runs)
        queue.look()
        if queue.waiting:
            time.sleep(LOOK_SECONDS)


class _Queue:
    """The runs that were put into Stash's queue."""

    def __init__(self, context: Context, server: Connection, clock: Clock) -> None:
        self.context, self.server, self.clock = context, server, clock
        self.waiting: dict[str, tuple[plans.Plan, str, dt.datetime]] = {}
        self.runs: list[Report] = []

    def add(self, due: Due) -> None:
        """Claim one and queue it.  Errors: those of the connection; the claim is given back."""
        entry, state, run_id = due.plan.entry, self.context.state, self.context.state.new_run_id()
        plan = plans.claim(state, entry.id, due.moment, run_id, "queue", self.clock())
        if plan is None:
            return
        arguments = {"mode": entry.verb, "config": dict(entry.config), "run": run_id, "entry": entry.id}
        try:
            job = self.server.mutate(_QUEUE, {"id": PLUGIN_ID, "text": f"Stash Port: {entry.name}", "args": arguments})["runPluginTask"]
        except PortError:
            plans.withdraw(state, entry.id, run_id)
            raise
        self.waiting[run_id] = (plan, str(job), self.clock())
        self.runs.append({"id": entry.id, "name": entry.name, "run": run_id, "result": "queued"})

    def look(self) -> None:
        """See what became of those that wait."""
        known = plans.read(self.context.state).plans
        for run_id, (plan, job, since) in list(self.waiting.items()):
            now = known.get(plan.entry.id)
            if now is None or now.claim is None or now.claim["run"] != run_id or now.claim["begun"]:
                del self.waiting[run_id]
                continue
            status = (self.server.query(_JOB, {"id": job})["findJob"] or {}).get("status")
            if status == "READY" and self.clock() - since >= dt.timedelta(minutes=plan.max_wait):
                del self.waiting[run_id]
                self._beside(plan, run_id, job)
            elif status not in ("READY", "RUNNING", "STOPPING"):
                del self.waiting[run_id]
                self._gone(plan, run_id, str(status))

    def _beside(self, plan: plans.Plan, run_id: str, job: str) -> None:
        """It has waited long enough: reading does not disturb what the queue is at, so it is run beside it."""
        if not plans.take_over(self.context.state, plan.entry.id, run_id):
            return
        self.server.mutate(_TAKE_OUT, {"id": job})
        own = replace(self.context, place=self.server, run_id=run_id)
        try:
            result = perform(plan.entry.id, plan.entry.verb, dict(plan.entry.config), "beside", own, clock=self.clock)
        except PortError as error:
            result = "failed"
            self._tell(run_id, error=error.record())
        self._tell(run_id, result=result)

    def _gone(self, plan: plans.Plan, run_id: str, status: str) -> None:
        """Its job ended and the run never began: somebody took it out of the queue, or the program could not be started."""
        result = "cancelled" if status == "CANCELLED" else "failed"
        ended = plans.finish(self.context.state, plan.entry.id, run_id, result, self.clock())
        if ended:
            error = PortError(what=f"Stash's queue gave up the job before it began ({status}).")
            with_record(Context(self.context.state, run_id=run_id), dict(plan.entry.config), error, plan.entry.verb)
            notices.tell(self.context.state, ended, result, self.clock())
            self._tell(run_id, result=result)

    def _tell(self, run_id: str, **more: Any) -> None:
        next(run for run in self.runs if run["run"] == run_id).update(more)
