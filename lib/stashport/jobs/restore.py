"""Restore: records of a backup, or of any other source, into a running Stash; planned first, and all of it can be taken back.

restore    plan, and write unless only the plan was asked for
apply      write the plan of an earlier run, with what was decided about its conflicts
waiting    look again at what waited for its files
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stashport import __version__
from stashport.change.decisions import Decisions
from stashport.change.plan_file import Plan
from stashport.errors import BadRequest, NotResumable, PlanChanged, PlanStale
from stashport.jobs.change_apply import carry_out, kept_journal, locked, save_copy, verify
from stashport.jobs.change_source import opened_records
from stashport.jobs.change_writer import Whole, live_target, whole_at_once
from stashport.jobs.changing import RUNNING, Ends, check_target, ends_of, make_plan, sentence_of, waited, waiting_of
from stashport.jobs.context import Context
from stashport.jobs.decided import marked, settled, written_by
from stashport.jobs.export import quiet_memory
from stashport.jobs.following import followed
from stashport.jobs.hooks import warn_of_hooks
from stashport.jobs.plan_view import kept_decisions
from stashport.jobs.restore_config import RestoreConfig
from stashport.jobs.restore_files import custom_files
from stashport.jobs.salvage import SOURCE, look_at_images, refused
from stashport.runs.history import load
from stashport.runs.record import Run
from stashport.runs.wording import count_of
from stashport.stash.source import open_source

if TYPE_CHECKING:
    from stashport.model.records import IdSet


def restore(given: dict[str, Any], context: Context) -> Run:
    """Restore into context's Stash; the finished run.  `given` as RestoreConfig tells it.  Errors are kept in the run's record and raised."""
    config = RestoreConfig.parse(given)
    if config.waiting:
        return waiting({"run": config.waiting, **{key: given[key] for key in ("dryRun", "safety", "confirm") if key in given}}, context)
    with _started("restore", config, context) as run:
        if config.method == "database":
            from stashport.jobs.restore_by_database import by_database

            by_database(config, context, run)
        else:
            _records(config, context, run)
    return run


def apply(given: dict[str, Any], context: Context) -> Run:
    """Write the plan of a run: {"run", "decisions", "safety", "confirm"}; the finished run.

    With decisions, given here or kept beside the plan, the plan is made again; without, the very file that was shown is written.
    Errors: UnknownRun, NotResumable, PlanChanged, PlanStale and those of writing.
    """
    config, record = _earlier(given, context)
    decided = given.get("decisions") or kept_decisions(context.state, record["run"])
    if decided:
        Decisions(decided)
        with Plan(context.state.run_folder(record["run"]) / record["notes"]["plan"]["file"]) as plan:
            decided = settled(marked(decided, plan), context.state, record["run"])
    safety = RestoreConfig.parse({key: given[key] for key in ("safety", "confirm") if key in given}).safety
    config = replace(config, dryRun=False, decisions=decided, safety=safety)
    if not decided and (earlier := written_by(context.state, record["run"])):
        raise PlanChanged(place=record["run"], reason=f"the run {earlier} has written it already")
    with _started("restore", config, context) as run:
        run.note("plan_of", record["run"])
        _records(config, context, run, plan=None if decided else record, numbers=waited(context.state, record))
    return run


def waiting(given: dict[str, Any], context: Context) -> Run:
    """Look again at what waited for its files in a run, and write what can be written now: {"run"}; the finished run."""
    config, record = _earlier(given, context)
    told = record["notes"]["plan"]
    numbers = waiting_of(context.state.run_folder(record["run"]) / told["file"], told["sha256"])
    if not numbers:
        raise NotResumable(run=record["run"], reason="nothing of it waits for a file")
    asked = RestoreConfig.parse({key: given[key] for key in ("dryRun", "safety", "confirm") if key in given})
    safety = asked.safety if "safety" in given else config.safety
    config = replace(config, dryRun=asked.dryRun, safety=safety, decisions={}, settings=False, customFiles=False)
    with _started("restore", config, context) as run:
        run.note("waiting_of", record["run"])
        _records(config, context, run, numbers=numbers)
    return run


def _earlier(given: dict[str, Any], context: Context) -> tuple[RestoreConfig, dict[str, Any]]:
    """The configuration and the record of the run that is meant."""
    unknown = set(given) - {"run", "decisions", "safety", "confirm", "dryRun"}
    if unknown or not given.get("run"):
        raise BadRequest(what="Name the run whose plan is meant, and nothing else but decisions and safety.")
    record = load(context.state, str(given["run"]))
    if not record["notes"].get("plan"):
        whole = record["notes"].get("bulk") or record["notes"].get("database")
        raise NotResumable(run=record["run"], reason="it restored the whole library at once, and needed no plan for it" if whole else "it made no plan")
    return RestoreConfig.parse(record["config"]), record


@contextlib.contextmanager
def _started(verb: str, config: RestoreConfig, context: Context) -> Iterator[Run]:
    with Run.start(context.state, verb, config=config.record(), version=__version__, run_id=context.run_id, sinks=context.sinks) as run:
        run.phase("Opening both libraries")
        with kept_journal(run), followed(run, context):
            yield run


def _records(config: RestoreConfig, context: Context, run: Run, *, plan: dict[str, Any] | None = None, numbers: dict[str, IdSet] | None = None) -> None:
    """Both ends are open while it lasts; the target is locked from the plan to the last look."""
    if context.place is None:
        raise BadRequest(what=RUNNING)
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(open_source(context.source()))
        with refused(SOURCE, salvage=config.salvage):
            source = stack.enter_context(opened_records(config.source, context, run, blobs=config.blobs, salvage=config.salvage))
        stack.enter_context(quiet_memory())
        ends = ends_of(source, target, context, run)
        check_target(ends)
        if not config.dryRun:
            run.lock = stack.enter_context(locked(context.state, ends))
        with refused(SOURCE, salvage=config.salvage):
            files = stack.enter_context(custom_files(config, context, run))
        shown = plan is None or plan["notes"]["plan"].get("whole")  # a plan of single records that was shown is written as it is
        if shown and numbers is None and whole_at_once(config, ends, context, run):
            from stashport.jobs.restore_whole import by_bulk

            by_bulk(config, ends, context, run)
            settings_too(config, ends, context, run)
        elif plan and shown:
            raise PlanStale(reason="it was empty then, and is not now")
        else:
            _planned(config, ends, context, run, plan, numbers)
        if files and config.dryRun:
            more = f"{count_of(files.number, 'custom file')} would be looked at too, and put back where they are missing."
            run.note("sentence", f"{run.record['notes']['sentence']} {more}")
        elif files:
            files.put_back(target.connection)
        run.lock = None


def settings_too(config: RestoreConfig, ends: Ends, context: Context, run: Run) -> None:
    """After a whole library was loaded at once, Stash's settings, where they are wanted: what they name is there now."""
    if not config.settings:
        return
    loaded = run.record["notes"]["sentence"]
    with ends.fresh() as reader:
        _planned(config, replace(ends, target=replace(ends.target, reader=reader)), context, run, None, {})
    run.note("sentence", f"{loaded} Settings: {run.record['notes']['sentence']}")


def _planned(config: RestoreConfig, ends: Ends, context: Context, run: Run, plan: dict[str, Any] | None, numbers: dict[str, IdSet] | None) -> None:
    live = live_target(config, ends, context, run)
    whole = config.dryRun and numbers is None and whole_at_once(replace(config, dryRun=False), ends, context, run)
    if plan is None:
        with refused(SOURCE, salvage=config.salvage):
            planned, writer = (replace(config, files="create"), Whole(live.writer)) if whole else (config, live.writer)
            told = make_plan(planned, ends, writer, run, waiting=numbers)
    else:
        told = plan["notes"]["plan"]
        _take_over(context, plan["run"], told, run)
    assert ends.target.connection
    warn_of_hooks(told, ends.target.connection, run)
    run.note("plan", told)
    if config.dryRun:
        told["whole"] = whole
        run.note("sentence", f"Preview; nothing has been written: {sentence_of(told)}")
        return
    if told["writes"]:
        if ends.source.connection is None:  # what a running Stash serves is whole
            with Plan(run.folder / told["file"], told["sha256"]) as file, refused(SOURCE, salvage=config.salvage):
                look_at_images(file, ends.source.reader.image, run, "the source")
        save_copy(config, context, run, "restoring")
        if run.record["notes"].get("safety"):
            told["rollback"]["backupLocation"] = "{vault}#{id}".format(**run.record["notes"]["safety"])
    carry_out(told, run.folder, live, ends, config, run)
    if told["writes"]:
        verify(config, ends, live.writer, context, run, numbers)
    run.note("waiting", told["waiting"])
    run.note("sentence", _sentence(run, told))


def _take_over(context: Context, run_id: str, told: dict[str, Any], run: Run) -> None:
    """The plan that was shown, into the folder of the run that writes it."""
    import shutil

    from stashport.atomic import file_error

    try:
        shutil.copyfile(context.state.run_folder(run_id) / told["file"], run.folder / told["file"])
    except OSError as error:
        raise file_error(error, run.folder) from error


def _sentence(run: Run, told: dict[str, Any]) -> str:
    sums: dict[str, int] = {}
    for row in run.record["counts"].values():
        for name, number in row.items():
            sums[name] = sums.get(name, 0) + number
    if not told["writes"]:
        done = "Nothing was changed" + ("" if told["conflicts"] or told["waiting"] else ": everything is already as it should be")
    else:
        done = f"Restored and read again: {count_of(sums.get('created', 0), 'record')} created, {sums.get('updated', 0):,} updated"
    left = [f"{sums.get('unchanged', 0):,} already the same"] if sums.get("unchanged") else []
    left += [f"{told['conflicts']:,} to decide"] if told["conflicts"] else []
    left += [f"{told['waiting']:,} wait for their files"] if told["waiting"] else []
    left += [f"{sums['failed']:,} failed"] if sums.get("failed") else []
    return f"{'; '.join([done, *left])}."
