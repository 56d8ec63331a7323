"""The method database as a run: the restored library lies beside the one in use, Stash is pointed at it, and pointed back when that is taken back."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stashport.errors import BadRequest, NotRestorable
from stashport.jobs.backup import instance_of
from stashport.jobs.change_apply import save_copy
from stashport.jobs.change_source import backup_of
from stashport.jobs.context import Context
from stashport.jobs.restore_config import RestoreConfig
from stashport.jobs.restore_database import FACTS, confirm, go_on_with_database, preview_database, restore_database, undo_database
from stashport.jobs.restore_files import custom_files
from stashport.jobs.restore_source import BackupSource
from stashport.jobs.restore_whole import mapped
from stashport.model.fields import KINDS
from stashport.runs.history import load
from stashport.runs.lock import Lock
from stashport.runs.record import Run
from stashport.stash.connection import Connection
from stashport.stash.source import open_source

_CHOSEN = "The method database restores the whole library, and nothing can be chosen of it: leave out kinds, fields and filters, or use another method."
_SETTINGS = ("Stash keeps its settings in config.yml and not in its database: they stay as they are. "
             "When Stash has been restarted, restore them with kinds: settings, and another method.")


def by_database(config: RestoreConfig, context: Context, run: Run) -> None:
    """Put the backup's database beside the one in use, and point Stash at it.  Errors: BadRequest, and those of restore_database."""
    if config.chosen:
        raise BadRequest(what=_CHOSEN)
    connection = _connection(context)
    backup = _backup(config, context)
    if config.dryRun:
        told = preview_database(backup, connection, context.config_file, run)
        run.note("database_plan", told)
        run.note("sentence", f"Preview; nothing has been written: {told['sentence']}")
        return
    if config.settings:
        run.warn(_SETTINGS, incomplete=True)
    with _locked(context, run), custom_files(config, context, run) as files:
        if connection:
            save_copy(config, context, run, "restoring")
        facts = restore_database(backup, connection, context.config_file, run, salvage=config.salvage, paths=mapped(config) if config.paths else None)
        _told(facts, run)
        if files:
            files.put_back(connection)


def go_on(record: dict[str, Any], context: Context, run: Run) -> None:
    """Finish a run that was killed when the restored database was there.  Errors: those of go_on_with_database."""
    config = RestoreConfig.parse({key: value for key, value in record["config"].items() if key != "run"})
    connection = _connection(context)
    with _locked(context, run), custom_files(config, context, run) as files:
        _told(go_on_with_database(facts_of(record, context), connection, context.config_file, run), run)
        if files:
            files.put_back(connection)


def take_back(record: dict[str, Any], config: RestoreConfig, force: bool, context: Context, run: Run) -> None:
    """Point Stash back at the database that it had.  Errors: those of undo_database."""
    facts, connection = facts_of(record, context), _connection(context)
    if config.dryRun:
        told = f"Stash would be pointed at {facts['before']} again, and {facts['database']} would stay as it is."
        run.note("sentence", f"Preview; nothing has been written: {told}")
        return
    with _locked(context, run):
        undone = undo_database(facts, connection, context.config_file, run, force=force)
    run.note("database_undone", undone)
    run.note("sentence", undone["sentence"] + (f" {undone['restart']}" if undone["restart"] else ""))


def confirmed(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """After the restart: whether Stash runs on the library that a run restored: {"run"} -> as restore_database.confirm.

    Errors: UnknownRun, BadRequest for a run that restored no database, and those of the server.
    """
    record = load(context.state, str(given.get("run") or ""))
    connection = _connection(context)
    if not has_facts(record, context):
        raise BadRequest(what=f"The run {record['run']} restored no whole database: there is no restart to look after.")
    if connection is None:
        raise BadRequest(what="Whether Stash runs on the restored library can be asked of a running one only: give its address.")
    return confirm(connection, facts_of(record, context))


def has_facts(record: dict[str, Any], context: Context) -> bool:
    """Whether a run put a restored database somewhere, also one that was killed afterwards."""
    return bool(record["notes"].get("database")) or (context.state.run_folder(record["run"]) / FACTS).is_file()


def facts_of(record: dict[str, Any], context: Context) -> dict[str, Any]:
    """What a run knows of the database that it restored."""
    told: dict[str, Any] = record["notes"].get("database") or json.loads((context.state.run_folder(record["run"]) / FACTS).read_text("utf-8"))
    return told


def _told(facts: dict[str, Any], run: Run) -> None:
    run.note("database", facts)
    run.note("undo", "possible")
    for kind in KINDS:
        if kind.table and (number := facts["rows"].get(kind.table.split()[0], 0)):
            run.count(kind.name, "created", number)
    run.note("sentence", f"The restored library is ready in {facts['database']}. {facts['restart']}")


def _connection(context: Context) -> Connection | None:
    return context.place if isinstance(context.place, Connection) else None


def _backup(config: RestoreConfig, context: Context) -> BackupSource:
    found = backup_of(config.source, context, config.blobs)
    if found is None:
        what = "a running Stash is no backup" if "://" in config.source else "there is no such file"
        raise NotRestorable(name=config.source, reason=what, instead="Give a backup (VAULT#ID), a backup that was carried away, or a Stash database file.")
    return found


@contextlib.contextmanager
def _locked(context: Context, run: Run) -> Iterator[None]:
    """One run changes a Stash at a time.  Errors: Locked, CannotWrite, and those of open_source."""
    if (connection := _connection(context)) is not None:
        with open_source(connection) as opened:
            instance = instance_of(context.state, opened)
        run.note("target", {**opened.facts, "instance": instance.id, "name": instance.name, "url": connection.url})
        name = f"write-{instance.id}"
    elif context.config_file is not None:
        run.note("target", {"type": "config.yml", "name": str(context.config_file), "url": ""})
        name = f"write-{hashlib.sha256(str(Path(context.config_file).resolve()).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
    else:
        raise BadRequest(what="To restore a whole database, give the address of a Stash, or the config.yml of one that is down.")
    with Lock(context.state.locks, name, "a run that changes this library") as lock:
        run.lock = lock
        yield
        run.lock = None
