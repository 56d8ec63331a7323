"""What lies beside the records of a backup, on wish: custom files and scrapers are put back after the records, and taken back with them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from stashport.errors import Unsound
from stashport.jobs.change_source import backup_of, is_bundle_file
from stashport.jobs.context import Context
from stashport.jobs.restore_belongings import JOURNAL, PACKAGES, is_belonging, journal_of, restore_belongings, undo_belongings
from stashport.jobs.restore_config import RestoreConfig
from stashport.jobs.restore_source import Held
from stashport.jobs.salvage import damage
from stashport.runs.record import Run
from stashport.runs.wording import count_of
from stashport.stash.connection import Connection

NOTE = "custom_files"


class CustomFiles:
    """Those of an open backup; looked at, so that nothing is begun that cannot be finished.  Errors: Unsound for a damaged one without `salvage`."""

    def __init__(self, held: Held, config: RestoreConfig, context: Context, run: Run) -> None:
        assert held.reader
        self._reader, self._context, self._run = held.reader, context, run
        self._overwrite = config.exact or config.strategy == "overwrite"
        names = [name for name in held.reader.all_names() if is_belonging(name) or name == PACKAGES]
        damaged = {name: reason for name in names if (reason := damage(held.reader, name, run))}
        for name, reason in damaged.items():
            if not config.salvage:
                raise Unsound(number="Something", place=held.name, reason=f"{name}: {reason}")
            run.warn(f"Damaged: {name} ({reason}) is left out.", incomplete=True)
        self._skip = frozenset(damaged)
        self.number = sum(map(is_belonging, names))

    def put_back(self, connection: Connection | None) -> None:
        """Write them; what was done goes into the run's notes and its sentence.  Errors: those of restore_belongings."""
        run = self._run
        had = run.record["notes"].get("undo")
        folders = [*run.record["notes"].get(NOTE, {}).get("folders", ()), run.id]
        run.note(NOTE, {"folders": folders})
        run.note("undo", "possible")
        run.keep()
        told = restore_belongings(self._reader, connection, self._context.config_file, run, overwrite=self._overwrite, skip=self._skip)
        run.note(NOTE, {"folders": folders, "files": told["files"], "packages": told["packages"], "sentence": told["sentence"]})
        if had is None and not (run.folder / JOURNAL).exists():
            del run.record["notes"]["undo"]  # everything was there already
        run.note("sentence", f"{run.record['notes'].get('sentence', '')} Custom files: {told['sentence']}".strip())


@contextlib.contextmanager
def custom_files(config: RestoreConfig, context: Context, run: Run) -> Iterator[CustomFiles | None]:
    """The custom files of the source, as long as they are wanted; None where nobody asked for them, or the source has none.  Errors: those of CustomFiles."""
    backup = backup_of(config.source, context, config.blobs) if config.customFiles else None
    if backup is None or not (backup.backup or is_bundle_file(backup, context)):
        if config.customFiles:
            run.warn("Custom files and scrapers were asked for, and only a backup holds them: none are put back.", incomplete=True)
        yield None
        return
    with backup.opened(run, database=False) as held:
        yield CustomFiles(held, config, context, run)


def files_of(record: dict[str, Any], context: Context) -> int:
    """How many files a run, and those that it went on with, put somewhere."""
    return sum(len(journal_of(context.state.run_folder(name))) for name in record["notes"].get(NOTE, {}).get("folders", ()))


def take_back_files(record: dict[str, Any], context: Context, run: Run) -> str:
    """Take back what a run did to files; a sentence about it, "" when it did nothing to any.  Errors: those of undo_belongings."""
    if not files_of(record, context):
        return ""
    run.phase("Taking back custom files and scrapers")
    done = [one for name in reversed(record["notes"][NOTE]["folders"]) for one in undo_belongings(context.state.run_folder(name), run)]
    run.note("files_taken_back", done)
    back, left = sum(one["did"] in ("removed", "put back") for one in done), sum(one["did"] == "left" for one in done)
    return f"Custom files: {count_of(back, 'file')} taken back{f', {left:,} left as they are' if left else ''}."
