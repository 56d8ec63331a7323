"""Chooses how a change is written: through Stash's API, with what only SQL can write besides, or a whole library at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stashport.jobs.change_apply import LiveTarget, own_job
from stashport.jobs.change_source import DATABASE, backup_of, has_database
from stashport.jobs.changing import Ends
from stashport.jobs.context import Context
from stashport.jobs.restore_config import RestoreConfig
from stashport.jobs.salvage import damage
from stashport.model.fields import KINDS
from stashport.model.table import Kind
from stashport.runs.record import Run
from stashport.stash.writing import ApiWriter

if TYPE_CHECKING:
    from pathlib import Path

    from stashport.change.journal import Journal
    from stashport.jobs.restore_source import BackupSource
    from stashport.stash.writing import Writer


def live_target(config: RestoreConfig, ends: Ends, context: Context, run: Run, kept: Journal | None = None, folder: Path | None = None) -> LiveTarget:
    """The running Stash with its writer.

    kept     the journal of a run that is taken back: it kept the images that the run replaced
    folder   where the journal lies, of an earlier run too: what was given to Stash's import is remembered beside it
    """
    connection = ends.target.connection
    assert connection

    def image(checksum: str) -> bytes | None:
        return (kept.image(checksum) if kept else None) or ends.source.reader.image(checksum)

    writer: Writer = ApiWriter(connection, image)
    if config.files == "create":
        from stashport.stash.archive_writer import ArchiveWriter

        writer = ArchiveWriter(connection, writer, image, folder or run.folder, in_queue=context.in_queue, progress=lambda _: run.check_stop())
    if config.method == "bulk":
        from stashport.stash.corrections import Corrections
        from stashport.stash.exact_writer import ExactWriter

        writer = ExactWriter(writer, Corrections(connection, own_job(context, connection)))
    return LiveTarget(writer, ends)


class Whole:
    """Stands for the load of a whole library where it is planned: that makes every record, as it is."""

    def __init__(self, writer: Writer) -> None:
        self.create, self.update, self.delete = writer.create, writer.update, writer.delete

    def cannot(self, kind: Kind) -> dict[str, str]:
        """Nothing."""
        return {}

    cannot_change = cannot

    def creates(self, kind: Kind) -> bool:
        """Everything."""
        return bool(kind.table)


def whole_at_once(config: RestoreConfig, ends: Ends, context: Context, run: Run) -> bool:
    """Whether the whole library goes into a fresh one by the method bulk, table by table."""
    if config.method != "bulk" or not config.whole or config.dryRun:
        return False
    if any(ends.target.reader.count(kind) for kind in KINDS if kind.table):
        return False
    backup = backup_of(config.source, context, config.blobs)
    if backup is None or not has_database(backup, run):
        return False
    return not config.salvage or _sound(backup, run)


def _sound(backup: BackupSource, run: Run) -> bool:
    """Whether the database of a backup, which is damaged perhaps, is whole."""
    with backup.opened(run) as held:
        problem = damage(held.reader, DATABASE, run) if held.reader else ""
    if problem:
        run.warn(f"Damaged: the backup's database ({problem}). The records are restored one by one instead of the whole library at once.", incomplete=True)
    return not problem
