"""The timetable as it is kept: `timetable.json` in the state folder, changed by one process at a time and written as a whole.

A moment that is due is *claimed* before its run is started, so that it is run once however many look at once: the resident process, a timer of the system
and an opened panel.  A claim says which run it is for and which process watches over it; when that one is gone, `settle` puts things right.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from stashport.atomic import file_error, write_text
from stashport.bundle import cards
from stashport.errors import BadRequest, Locked, PortError, UnknownEntry, UnknownRun, VaultDamaged
from stashport.runs import history, process
from stashport.runs.lock import Lock
from stashport.runs.state import State, make_private
from stashport.runs.timetable import Entry, settled

FILE = "timetable.json"
FORMAT = "stash-port timetable"
MAX_WAIT = 60
"""Minutes for which a run waits behind others in Stash's queue before it is run beside it."""
PATIENCE = 10.0
GOOD = ("ok", "partial")


@dataclass(frozen=True)
class Plan:
    """An entry with what surrounds it.

    last_run   the id of the run that was started last
    notices    whom to tell, as jobs/notices.py reads it
    max_wait   minutes
    noticed    when somebody was told last that it is overdue; "" for never, or since it was well
    claim      the run that was started and has not ended: {run, due, before, how, by, at, begun}; `how` is queue, beside (the queue) or direct;
               `before` is what the claim changed
    """

    entry: Entry
    created: str
    last_run: str = ""
    notices: tuple[Mapping[str, Any], ...] = ()
    max_wait: int = MAX_WAIT
    noticed: str = ""
    claim: Mapping[str, Any] | None = None

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Plan:
        """A plan from what `record` made.  Errors: BadRequest."""
        try:
            return cls(**{**given, "entry": Entry.parse(given["entry"]), "notices": tuple(given["notices"])})
        except (KeyError, TypeError) as error:
            raise BadRequest(what=f"The timetable cannot be read: {error}.") from error

    def record(self) -> dict[str, Any]:
        """The form that `parse` reads."""
        return {**vars(self), "entry": self.entry.record(), "notices": [dict(one) for one in self.notices], "claim": self.claim and dict(self.claim)}


class Timetable(NamedTuple):
    """plans: by id; problem: why the file cannot be read, or that a damaged one was put aside, in words; else ""."""

    plans: dict[str, Plan]
    problem: str = ""


def read(state: State) -> Timetable:
    """The timetable as it is, without a lock and without changing anything.  Never raises."""
    try:
        plans = _load(state.folder / FILE)
    except (PortError, OSError) as error:
        return Timetable({}, f"The timetable {FILE} cannot be read: {error}")
    try:
        aside = sorted(state.folder.glob(f"{FILE}.damaged*"))
    except OSError:
        aside = []
    told = f"A damaged timetable was put aside as {aside[-1].name}. Enter what is missing again, then delete that file." if aside else ""
    return Timetable(plans, told)


@contextlib.contextmanager
def changing(state: State, patience: float = PATIENCE) -> Iterator[dict[str, Plan]]:
    """The plans by id; what is changed in the mapping is written when the block ends well.  A damaged file is put aside first.

    Errors: Locked when others do not let go for `patience` seconds; NewerFile; CannotWrite, DiskFull.
    """
    path = state.folder / FILE
    with contextlib.ExitStack() as stack:
        deadline = time.monotonic() + patience
        while True:
            try:
                stack.enter_context(Lock(state.locks, "timetable", "a change of the timetable"))
                break
            except Locked:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        try:
            plans = _load(path)
        except (VaultDamaged, BadRequest):
            _put_aside(path)
            plans = {}
        before = dict(plans)
        yield plans
        if plans != before:
            make_private(state.folder, state.folder)
            card = {"format": FORMAT, "version": cards.VERSION, "plans": [plan.record() for plan in plans.values()]}
            try:
                write_text(path, cards.dump(card).decode("ascii"))
            except OSError as error:
                raise file_error(error, path) from error


def add(state: State, entry: Entry, *, notices: tuple[Mapping[str, Any], ...] = (), max_wait: int = MAX_WAIT) -> Plan:
    """Put an entry into the timetable under a new id.  Errors: those of `changing`."""
    with changing(state) as plans:
        entry = replace(entry, id=_free_id(plans))
        plans[entry.id] = Plan(entry, entry.since.isoformat(), notices=notices, max_wait=max_wait)
        return plans[entry.id]


def remove(state: State, plan_id: str) -> None:
    """Take an entry out; a run of it that was started goes on.  Errors: UnknownEntry, and those of `changing`."""
    with changing(state) as plans:
        if plans.pop(plan_id, None) is None:
            raise UnknownEntry(name=plan_id)


def claim(state: State, plan_id: str, due: dt.datetime, run_id: str, how: str, now: dt.datetime) -> Plan | None:
    """Take the moment `due` of an entry for a run; None when it was taken already, or while the entry's last run goes on."""
    with changing(state) as plans:
        plan = plans.get(plan_id)
        if plan is None or not plan.entry.enabled or plan.claim is not None or (plan.entry.last_due and plan.entry.last_due >= due):
            return None
        before = {"last_due": _text(plan.entry.last_due), "last_started": _text(plan.entry.last_started), "last_run": plan.last_run}
        taken = {"run": run_id, "due": due.isoformat(), "before": before, "how": how, "by": process.here(), "at": now.isoformat(), "begun": how == "direct"}
        plans[plan_id] = replace(plan, entry=replace(plan.entry, last_due=due, last_started=now), last_run=run_id, claim=taken)
        return plans[plan_id]


def begin(state: State, plan_id: str, run_id: str, how: str) -> bool:
    """Say that this process runs it now; False when it must not: its claim is gone, or it was begun by another way."""
    with changing(state) as plans:
        plan = _claimed(plans, plan_id, run_id)
        if plan is None or plan.claim is None or plan.claim["how"] != how or (plan.claim["begun"] and how != "direct"):
            return False
        plans[plan_id] = replace(plan, claim={**plan.claim, "begun": True, "by": process.here()})
        return True


def take_over(state: State, plan_id: str, run_id: str) -> bool:
    """Change a claim from the queue to beside it; False when the queue has begun it meanwhile."""
    with changing(state) as plans:
        plan = _claimed(plans, plan_id, run_id)
        if plan is None or plan.claim is None or plan.claim["begun"] or plan.claim["how"] != "queue":
            return False
        plans[plan_id] = replace(plan, claim={**plan.claim, "how": "beside"})
        return True


def finish(state: State, plan_id: str, run_id: str, result: str, now: dt.datetime) -> Plan | None:
    """Write down how a run ended (ok, partial, failed or cancelled); the plan for the one process that did so, None for any other."""
    with changing(state) as plans:
        plan = _claimed(plans, plan_id, run_id)
        if plan is None:
            return None
        plans[plan_id] = _finished(plan, result, now)
        return plans[plan_id]


def withdraw(state: State, plan_id: str, run_id: str) -> None:
    """Give a claim back whose run never began: its moment is due again."""
    with changing(state) as plans:
        plan = _claimed(plans, plan_id, run_id)
        if plan is not None:
            plans[plan_id] = _withdrawn(plan)


def settle(state: State, now: dt.datetime) -> list[Plan]:
    """Put right what processes that are gone left behind, and times of a clock that was wrong; the plans whose runs were found to have ended."""
    stale = {plan.entry.id: plan for plan in read(state).plans.values() if settled(plan.entry, now) != plan.entry or _orphaned(plan, now)}
    if not stale:
        return []
    ended = []
    with changing(state) as plans:
        for plan_id, plan in plans.items():
            if plan_id in stale:
                right = replace(plan, entry=settled(plan.entry, now))
                if right.claim is not None and _orphaned(right, now):
                    right = _finished(right, _result(state, right.claim["run"]), now) if right.claim["begun"] else _withdrawn(right)
                    ended += [right] if plan.claim and plan.claim["begun"] else []
                plans[plan_id] = right
    return ended


def _load(path: Path) -> dict[str, Plan]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise file_error(error, path) from error
    found = [Plan.parse(one) for one in cards.load(data, FORMAT, str(path.parent), path.name)["plans"]]
    return {plan.entry.id: plan for plan in found}


def _put_aside(path: Path) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    if aside.exists():
        aside = path.with_name(f"{aside.name}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}")
    try:
        path.rename(aside)
    except OSError as error:
        raise file_error(error, path) from error


def _free_id(plans: Mapping[str, Plan]) -> str:
    while (found := secrets.token_hex(4)) in plans:
        pass
    return found


def _claimed(plans: Mapping[str, Plan], plan_id: str, run_id: str) -> Plan | None:
    plan = plans.get(plan_id)
    return plan if plan and plan.claim and plan.claim["run"] == run_id else None


def _finished(plan: Plan, result: str, now: dt.datetime) -> Plan:
    good = now if result in GOOD else plan.entry.last_good
    return replace(plan, entry=replace(plan.entry, last_finished=now, last_result=result, last_good=good), claim=None,
                   noticed="" if result in GOOD else plan.noticed)


def _withdrawn(plan: Plan) -> Plan:
    """As it was before the claim."""
    before = plan.claim["before"] if plan.claim else {}
    times: dict[str, Any] = {name: before[name] and dt.datetime.fromisoformat(before[name]) for name in ("last_due", "last_started")}
    return replace(plan, entry=replace(plan.entry, **times), last_run=before["last_run"], claim=None)


def _text(moment: dt.datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _orphaned(plan: Plan, now: dt.datetime) -> bool:
    return plan.claim is not None and process.ended(plan.claim["by"], dt.datetime.fromisoformat(plan.claim["at"]).timestamp(), now.timestamp())


def _result(state: State, run_id: str) -> str:
    try:
        return history.load(state, run_id)["result"] or "failed"
    except UnknownRun:
        return "failed"
