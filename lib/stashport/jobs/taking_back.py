"""Takes back what a run did to a library, and goes on where one was interrupted: both from its journal.

rollback   what was changed is changed back, what was made is deleted; what somebody has changed since stays, and is listed
resume     what the journal says is done is not done again
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from stashport import __version__
from stashport.change.journal import NAME, Journal
from stashport.change.plan_file import NAME as PLAN
from stashport.change.undo import undo_plan
from stashport.errors import BadRequest, NotResumable
from stashport.jobs.change_apply import LiveTarget, carry_out, kept_journal, locked, save_copy, verify
from stashport.jobs.change_source import opened_records
from stashport.jobs.change_writer import live_target
from stashport.jobs.changing import RUNNING, Ends, check_target, ends_of, facts_of_plan, sentence_of, waited
from stashport.jobs.context import Context
from stashport.jobs.export import quiet_memory
from stashport.jobs.following import followed
from stashport.jobs.hooks import warn_of_hooks
from stashport.jobs.restore import settings_too
from stashport.jobs.restore_by_database import go_on as go_on_with_database
from stashport.jobs.restore_by_database import has_facts
from stashport.jobs.restore_by_database import take_back as take_back_database
from stashport.jobs.restore_config import RestoreConfig
from stashport.jobs.restore_files import NOTE, custom_files, files_of, take_back_files
from stashport.jobs.restore_whole import JOURNAL, by_bulk
from stashport.jobs.restore_whole import take_back as take_back_load
from stashport.runs.history import load
from stashport.runs.record import Run
from stashport.runs.wording import count_of
from stashport.stash.source import Opened, open_source

_KEYS = ("run", "dryRun", "safety", "confirm", "force")
_ON = {"created": "created", "updated": "updated", "unchanged": "already the same", "skipped": "left out", "conflicts": "to decide", "failed": "failed"}
_BACK = _ON | {"created": "made again", "updated": "as before again", "unchanged": "as before already", "skipped": "left as they are"}


def rollback(given: dict[str, Any], context: Context) -> Run:
    """Take a run back: {"run", "dryRun", "safety", "confirm", "force"}; the finished run.  A run that took another back can be taken back like any other.

    force   of a restored database: go back also when it was changed since
    Errors: UnknownRun, NotResumable when it left nothing to take back, and those of writing.
    """
    record = _record(given, context)
    notes = record["notes"]
    if record["state"] == "running":
        raise NotResumable(run=record["run"], reason="it is still at work: stop it first, or wait for its end")
    if "undoes" in notes and not notes.get("journal"):
        raise NotResumable(run=record["run"], reason="it took back a whole library, or files alone, and keeps no journal of that: restore the backup again")
    if not (notes.get("journal") or notes.get("bulk") or has_facts(record, context) or files_of(record, context)):
        raise NotResumable(run=record["run"], reason="it wrote nothing, so there is nothing to take back")
    config = RestoreConfig.parse({key: given[key] for key in ("dryRun", "safety", "confirm") if key in given})
    method = str(record["config"].get("method") or "api")
    told = {"run": record["run"], "dryRun": config.dryRun, "safety": config.safety, "method": method}
    with Run.start(context.state, "rollback", config=told, version=__version__, run_id=context.run_id, sinks=context.sinks) as run, kept_journal(run):
        run.note("undoes", record["run"])
        if has_facts(record, context):
            take_back_database(record, config, bool(given.get("force")), context, run)
        elif context.place is None:
            raise BadRequest(what=RUNNING)
        elif notes.get("bulk"):
            if notes.get("journal"):  # of the settings that came with it
                _take_back(record, replace(config, method=method), context, run)
            first = run.record["notes"].get("sentence", "")
            take_back_load(record, config, context, run)
            run.note("sentence", f"{run.record['notes']['sentence']} {first}".strip())
        else:
            _take_back(record, replace(config, method=method), context, run)
        _files_too(record, config, context, run)
    return run


def _take_back(record: dict[str, Any], config: RestoreConfig, context: Context, run: Run) -> None:
    if not record["notes"].get("journal") and files_of(record, context):
        run.note("sentence", "Preview; nothing has been written." if config.dryRun else f"Took back {record['run']}.")
        return
    run.phase("Opening the library")
    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(_journal(record, context))
        ends = _target(context, run, stack)
        told = record["notes"].get("target") or {}
        ends.check({"place": told.get("place")} if record["notes"].get("bulk") else told)  # a loaded library is taken for the one that it came from
        if not config.dryRun:
            run.lock = stack.enter_context(locked(context.state, ends))
        live = live_target(config, ends, context, run, journal)
        told = _undo(journal, PLAN, ends, live, config, run)
        assert ends.target.connection
        warn_of_hooks(told, ends.target.connection, run)
        run.note("plan", told)
        if config.dryRun:
            run.note("sentence", f"Preview; nothing has been written: {sentence_of(told)}")
            return
        if told["writes"]:
            save_copy(config, context, run, "taking back")
        carry_out(told, run.folder, live, ends, config, run, exact_only=True)
        if told["writes"]:
            _look_again(journal, ends, live, config, run)
        run.note("sentence", _sentence(run, record["run"]))
        run.lock = None


def _files_too(record: dict[str, Any], config: RestoreConfig, context: Context, run: Run) -> None:
    """Custom files that the run put back; nothing for those that it took back."""
    sentence = run.record["notes"].get("sentence", "")
    if config.dryRun:
        number = files_of(record, context)
        more = f"{count_of(number, 'custom file')} would be taken back." if number else ""
    else:
        more = take_back_files(record, context, run)
    if record["notes"].get("files_taken_back"):
        run.warn("Custom files and scrapers stay as they are now: to have them again, restore them from the backup.")
    run.note("sentence", f"{sentence} {more}".strip())


def resume(given: dict[str, Any], context: Context) -> Run:
    """Go on where a run was interrupted: {"run"}; the finished run.  Errors: UnknownRun, NotResumable, and those of writing."""
    record = _record(given, context)
    notes = record["notes"]
    if record["state"] == "running":
        raise NotResumable(run=record["run"], reason="it is still at work")
    if record["result"] in ("ok", "partial") and not notes.get("handed_over"):
        raise NotResumable(run=record["run"], reason="it came to its end, and there is nothing left of it to go on with")
    whole = "undoes" not in notes and has_facts(record, context)
    if not whole and not notes.get("bulk") and not (notes.get("plan") and notes.get("journal")):
        raise NotResumable(run=record["run"], reason="it ended before it wrote anything: start it again")
    config = RestoreConfig.parse({"method": record["config"].get("method") or "api"}) if "undoes" in notes else _config(record)
    told = {"run": record["run"]}
    with Run.start(context.state, record["verb"], config={**record["config"], **told}, version=__version__, run_id=context.run_id, sinks=context.sinks) as run:
        for key in ("undoes", "plan_of", "plan", "safety", "waiting_of", "journal", "undo", "bulk", NOTE):
            if key in notes:
                run.note(key, notes[key])
        run.note("resumes", record["run"])
        run.keep()
        with kept_journal(run), followed(run, context):
            if whole:
                go_on_with_database(record, context, run)
            elif context.place is None:
                raise BadRequest(what=RUNNING)
            else:
                _go_on(record, config, context, run)
    return run


def _go_on(record: dict[str, Any], config: RestoreConfig, context: Context, run: Run) -> None:
    notes = record["notes"]
    run.phase("Opening both libraries")
    with contextlib.ExitStack() as stack:
        if "undoes" in notes:
            _go_on_taking_back(record, config, context, run, stack)
            return
        target = stack.enter_context(open_source(context.source()))
        source = stack.enter_context(opened_records(config.source, context, run, blobs=config.blobs, salvage=config.salvage))
        ends = ends_of(source, target, context, run)
        check_target(ends)
        run.lock = stack.enter_context(locked(context.state, ends))
        files = stack.enter_context(custom_files(config, context, run))
        stack.enter_context(quiet_memory())
        if notes.get("bulk"):
            by_bulk(config, ends, context, run, context.state.run_folder(notes["bulk"]["folder"]) / JOURNAL)
            settings_too(config, ends, context, run)
        else:
            folder = context.state.run_folder(notes["journal"])
            live = live_target(config, ends, context, run, folder=folder)
            carry_out(notes["plan"], folder, live, ends, config, run)
            verify(config, ends, live.writer, context, run, waited(context.state, record), notes["journal"])
            run.note("waiting", notes["plan"]["waiting"])
            run.note("sentence", f"Went on with {record['run']} and finished it: {_counts(run)}.")
        if files:
            files.put_back(target.connection)
        run.lock = None


def _go_on_taking_back(record: dict[str, Any], config: RestoreConfig, context: Context, run: Run, stack: contextlib.ExitStack) -> None:
    notes = record["notes"]
    ends, undone = _target(context, run, stack), load(context.state, notes["undoes"])
    kept = stack.enter_context(_journal(undone, context))
    run.lock = stack.enter_context(locked(context.state, ends))
    live = live_target(config, ends, context, run, kept, context.state.run_folder(notes["journal"]))
    carry_out(notes["plan"], context.state.run_folder(notes["journal"]), live, ends, config, run, exact_only=True)
    _look_again(kept, ends, live, config, run)
    run.note("sentence", f"Went on with {record['run']} and finished it: {_counts(run)}.")
    run.lock = None
    _files_too(undone, config, context, run)


def _undo(journal: Journal, name: str, ends: Ends, live: LiveTarget, config: RestoreConfig, run: Run) -> dict[str, Any]:
    """The plan that takes a journal back, made on what is there now."""
    run.phase("Planning")
    with live.fresh() as reader:
        path = run.folder / name
        path.unlink(missing_ok=True)
        facts = {"target": ends.instance, "place": ends.place, "run": run.id}
        sha256 = undo_plan(journal, path, reader, cannot=live.writer.cannot_change, creates=live.writer.creates, facts=facts)
    return facts_of_plan(path, sha256, config)


def _look_again(journal: Journal, ends: Ends, live: LiveTarget, config: RestoreConfig, run: Run) -> None:
    """Plan the same once more: nothing may be left to take back but what was said to stay."""
    left = _undo(journal, "verified.sqlite", ends, live, config, run)
    run.note("verified", {"left": left["writes"], "differences": [], "fields": left["fields"]})
    if left["writes"]:
        run.warn(f"Read again, {count_of(left['writes'], 'change')} could not be taken back: the report says why. "
                 "What had a passing reason is taken back by trying again.", incomplete=True)


def _target(context: Context, run: Run, stack: contextlib.ExitStack) -> Ends:
    """Taking back needs one library only."""
    target: Opened = stack.enter_context(open_source(context.source()))
    ends = ends_of(target, target, context, run)
    check_target(ends)
    return ends


def _record(given: dict[str, Any], context: Context) -> dict[str, Any]:
    if set(given) - set(_KEYS) or not given.get("run"):
        raise BadRequest(what="Name the run that is meant, and nothing else.")
    return load(context.state, str(given["run"]))


def _config(record: dict[str, Any]) -> RestoreConfig:
    return RestoreConfig.parse({key: value for key, value in record["config"].items() if key != "run"})


def _journal(record: dict[str, Any], context: Context) -> Journal:
    """The journal of a run.  Errors: NotResumable."""
    folder = context.state.run_folder(str(record["notes"].get("journal") or record["run"]))
    return Journal(folder / NAME, reading=True)


def _sentence(run: Run, undone: str) -> str:
    return f"Took back {undone}: {_counts(run, _BACK)}."


def _counts(run: Run, words: dict[str, str] = _ON) -> str:
    sums: dict[str, int] = {}
    for row in run.record["counts"].values():
        for name, number in row.items():
            sums[name] = sums.get(name, 0) + number
    told = [f"{sums[name]:,} {word}" for name, word in words.items() if sums.get(name)]
    return ", ".join(told) or "nothing was to be done"
