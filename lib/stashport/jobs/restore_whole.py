"""Restores a whole library at once, table by table into a fresh Stash (the method bulk); and takes that back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stashport.bundle.rebuild import kept_as
from stashport.change.paths import PathMap
from stashport.errors import BadRequest, PortError, Unsound
from stashport.jobs.change_apply import locked, own_job, save_copy
from stashport.jobs.change_source import backup_of
from stashport.jobs.changing import RUNNING, Ends, ends_of
from stashport.jobs.context import Context
from stashport.jobs.restore_config import RestoreConfig
from stashport.jobs.restore_source import Held
from stashport.jobs.salvage import SOURCE, packs_tried, refused
from stashport.model.fields import KINDS
from stashport.runs.record import Run
from stashport.runs.wording import count_of
from stashport.runs.workspace import workspace
from stashport.stash.bulk_load import load
from stashport.stash.bulk_proof import differences
from stashport.stash.bulk_undo import unload
from stashport.stash.connection import Connection
from stashport.stash.source import open_source
from stashport.stash.switching import is_beside

if TYPE_CHECKING:
    from collections.abc import Callable

JOURNAL = "load.sqlite"
_NAMED = 50


def by_bulk(config: RestoreConfig, ends: Ends, context: Context, run: Run, journal: Path | None = None) -> None:
    """Load every table of the backup's database into a fresh Stash, and hold what is there then against it, row by row.

    journal   of a load that was begun, and goes on
    Errors: Unsound for a damaged backup (before anything was written), NotRestorable without a database, and those of load.
    """
    backup = backup_of(config.source, context, config.blobs)
    assert backup
    assert ends.target.connection
    run.steps([("Unpacking the database", 5), ("Looking at the images", 5), ("Saving a copy of today's library", 20), ("Writing", 40), ("Comparing", 15)])
    with workspace(context.state, "bulk") as folder, backup.opened(run) as held:
        source = folder / "library.sqlite"
        with refused(SOURCE, salvage=config.salvage):
            held.write(source, run)
            images = _Images(held, run, salvage=config.salvage)
        if journal is None:
            save_copy(config, context, run, "restoring")
        _load(source, images.get, ends.target.connection, journal or run.folder / JOURNAL, config, context, run)
        run.phase("Comparing")
        beside = ends.target.file.path if ends.target.file and is_beside(ends.target.connection) else ends.target.connection
        told = differences(source, beside, mapped(config))
    run.note("verified", {"left": len(told), "differences": told[:200], "fields": {}})
    for line in told[:10]:
        run.warn(f"Not as in the backup: {line}", incomplete=True)
    records = sum(row["created"] for row in run.record["counts"].values())
    same = "every row is as in the backup" if not told else f"{count_of(len(told), 'line')} of differences, in the report"
    run.note("sentence", f"Restored and read again: {count_of(records, 'record')} in {run.record['notes']['bulk']['seconds']:.1f} s; {same}.")


def _load(
    source: Path, image: Callable[[str], bytes | None], connection: Connection, journal: Path, config: RestoreConfig, context: Context, run: Run
) -> None:
    run.phase("Writing")
    run.note("bulk", {"folder": journal.parent.name})
    run.note("undo", "possible")
    run.keep()
    before = 0

    def progress(done: int, _: int) -> None:
        nonlocal before
        run.advance(done - before)
        before = done

    loaded = load(source, connection, journal, blobs=image, paths=mapped(config), progress=progress, check_stop=run.check_stop,
                  own_job=own_job(context, connection))
    for remark in loaded.remarks:
        run.warn(remark)
    for kind in KINDS:
        if number := loaded.rows.get(kind.plural, 0):
            run.count(kind.name, "created", number)
    told = {"rows": sum(loaded.rows.values()), "requests": loaded.requests, "seconds": round(loaded.seconds, 2), "longest": round(loaded.longest, 3)}
    run.note("bulk", {"folder": journal.parent.name, **told})


class _Images:
    """The images of a backup, all of them looked at before anything is written.  Errors: Unsound without `salvage`."""

    def __init__(self, held: Held, run: Run, *, salvage: bool) -> None:
        self._held, self._names = held, {}
        run.phase("Looking at the images")
        problems = packs_tried(held.get) if salvage and held.reader else []
        for told in held.listed():
            run.check_stop()
            run.advance()
            if told.get("missing"):
                continue
            try:
                held.get(kept_as(told))
                self._names[told["checksum"]] = kept_as(told)
            except PortError as error:
                problems.append(error.message)
        if problems and not salvage:
            raise Unsound(number="Something", place=held.name, reason="; ".join(problems[:3]))
        for problem in problems[:_NAMED]:
            run.warn(f"Damaged, and left out: {problem}", incomplete=True)
        if len(problems) > _NAMED:
            run.warn(f"Damaged, and left out: {len(problems) - _NAMED:,} images more.", incomplete=True)

    _names: dict[str, str]

    def get(self, checksum: str) -> bytes | None:
        """The bytes of one; None where the backup itself lacks it."""
        return self._held.get(self._names[checksum]) if checksum in self._names else None


def take_back(record: dict[str, Any], config: RestoreConfig, context: Context, run: Run) -> None:
    """Take back a run that loaded a whole library.  Errors: those of unload."""
    notes = record["notes"]
    run.phase("Opening the library")
    with open_source(context.source()) as target:
        ends = ends_of(target, target, context, run)
        ends.check({"place": (notes.get("target") or {}).get("place")})  # what was loaded made it look like the library that it is from
        connection = ends.target.connection
        if connection is None:
            raise BadRequest(what=RUNNING)
        rows = notes["bulk"].get("rows", 0)
        if config.dryRun:
            told = f"the {rows:,} rows that were loaded" if rows else "what was loaded until it ended"
            run.note("sentence", f"Preview; nothing has been written: {told} would go, but for what was changed or is used since.")
            return
        with locked(context.state, ends) as lock:
            run.lock = lock
            save_copy(config, context, run, "taking back")
            run.phase("Deleting")
            journal = context.state.run_folder(notes["bulk"]["folder"]) / JOURNAL
            left = unload(journal, connection, check_stop=run.check_stop, own_job=own_job(context, connection))
            for one in left:
                run.item(one.table, one.id, "skipped", one.reason)
            run.lock = None
    run.note("sentence", f"Took back {record['run']}: what was loaded is gone{f', but for {len(left):,} that stay' if left else ''}.")


def mapped(config: RestoreConfig) -> Callable[[str], str]:
    """Where a path of the source lies on the target's machine."""
    paths = PathMap.parse(config.paths)
    return lambda path: paths.apply(path)[0]
