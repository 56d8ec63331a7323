"""Writes a plan into a running Stash: a copy of the library first, then the plan with its journal, then everything is read again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stashport.change.apply import Applied, Target, apply, tell_rest
from stashport.change.journal import NAME, Journal
from stashport.change.plan_file import Plan
from stashport.change.steps import CREATE, UPDATE
from stashport.errors import PortError
from stashport.jobs.changing import Ends, make_plan
from stashport.jobs.context import Context
from stashport.jobs.decided import carried_out
from stashport.jobs.restore_config import RestoreConfig
from stashport.model.reader import Reader
from stashport.runs.lock import Lock
from stashport.runs.record import Run
from stashport.runs.state import State
from stashport.runs.wording import count_of

if TYPE_CHECKING:
    from stashport.model.records import IdSet
    from stashport.stash.connection import Connection
    from stashport.stash.writing import Writer



@dataclass
class LiveTarget:
    """A running Stash, as the engine sees it."""

    writer: Writer
    ends: Ends

    def fresh(self) -> contextlib.AbstractContextManager[Reader]:
        """The target as it is now."""
        return self.ends.fresh()


def own_job(context: Context, connection: Connection) -> str | None:
    """The id of the task of Stash's queue that this process is; None outside of it.  The queue is serial: the one that runs is ours."""
    if not context.in_queue:
        return None
    jobs = connection.query("query StashPortJobs{jobQueue{id status}}")["jobQueue"] or []
    return next((str(job["id"]) for job in jobs if job["status"] == "RUNNING"), None)


def locked(state: State, ends: Ends) -> Lock:
    """One run writes into a library at a time.  Errors of entering: Locked, CannotWrite, DiskFull."""
    return Lock(state.locks, f"write-{ends.instance}", "a run that changes this library")


def save_copy(config: RestoreConfig, context: Context, run: Run, what: str) -> None:
    """Back the library up before anything is written; where the copy lies goes into the run's notes.  Errors: those of the backup."""
    if run.record["notes"].get("safety"):
        return
    if not config.safety:
        run.warn("No copy of the library was saved first, as was asked for.")
        return
    from stashport.jobs.backup import backup

    run.phase("Saving a copy of today's library")
    inner = replace(context, sinks=(), run_id=None)
    try:
        made = backup({"note": f"before {what} {run.id}", "proof": "full"} | ({"vault": config.vault} if config.vault else {}), inner)
    except PortError:
        run.warn("The copy of today's library could not be saved, so nothing has been written. Make room, or name another place for it (--vault).")
        raise
    told = made.record["notes"]["backup"]
    run.note("safety", {"vault": told["vault"], "id": told["id"], "run": made.id})


def carry_out(plan: dict[str, Any], folder: Path, target: Target, ends: Ends, config: RestoreConfig, run: Run, *, exact_only: bool = False) -> Applied:
    """Write a plan that lies in a run's folder; the journal lies beside it.

    exact_only   a record that changed since is left alone, never merged: for taking a change back
    Errors: PlanChanged, PlanStale, Stopped, those of the journal and of the connection.
    """
    with Plan(folder / plan["file"], plan["sha256"]) as file:
        ends.check(file.facts)
        ends.let_go()
        tell_rest(file, run)
        if not plan["writes"]:
            return Applied(0, 0)
        run.phase("Writing", total=plan["writes"])
        run.note("journal", folder.name)
        run.note("undo", "possible")
        run.keep()
        with Journal(folder / NAME, plan["sha256"]) as journal:
            return apply(file, target, journal, run, strategy=config.strategy, put_back=config.exact, exact_only=exact_only)


def verify(
    config: RestoreConfig, ends: Ends, writer: Writer, context: Context, run: Run, waiting: dict[str, IdSet] | None = None, journal: str = ""
) -> None:
    """Plan the same once more on what is there now: what is still to be written was not written, and is told.

    waiting   the source's records that were meant, where it was those that had waited
    journal   the run whose journal says what was made, where it is not this one
    Errors: those of make_plan.
    """
    run.phase("Reading everything again")
    decisions = carried_out(config.decisions, context.state, journal or run.id)
    with ends.fresh() as reader:
        again = replace(ends, target=replace(ends.target, reader=reader))
        left = make_plan(replace(config, decisions=decisions), again, writer, run, waiting=waiting, name="verified.sqlite")
    differences = [f"{plural}: {row.get(CREATE, 0):,} not created, {row.get(UPDATE, 0):,} not as planned" for plural, row in left["totals"].items()
                   if row.get(CREATE) or row.get(UPDATE)]
    run.note("verified", {"left": left["writes"], "differences": differences, "fields": left["fields"]})
    if left["writes"]:
        told = "; ".join(differences[:5]) or "records that wait for a decision, and others that need them"
        run.warn(f"Read again, {count_of(left['writes'], 'change')} not there yet: {told}. A new run tries again.", incomplete=True)


@contextlib.contextmanager
def kept_journal(run: Run) -> Iterator[None]:
    """Say how an interrupted run goes on."""
    try:
        yield
    except (PortError, KeyboardInterrupt):
        if any(run.record["notes"].get(name) for name in ("journal", "bulk", "database")):
            run.warn(f"What was written is written down: `stash_port.py resume {run.id} --into STASH` goes on, `rollback {run.id}` takes it back.")
        raise
