"""Where a change takes its records from: a backup in a vault, or whatever else can be a source, opened and found whole before anything is planned."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from stashport.bundle.reader import BundleReader, is_bundle
from stashport.bundle.rebuild import DATABASE, Images
from stashport.bundle.vault import Backup
from stashport.errors import NotInBundle, PortError, Unsound
from stashport.jobs import sources
from stashport.jobs.context import Context
from stashport.jobs.proving_vault import Prover
from stashport.jobs.restore_source import BackupSource
from stashport.jobs.salvage import salvaged
from stashport.jobs.vaults import Reached, place, reach
from stashport.jobs.verify_file import opener
from stashport.output.export_file import facts_of
from stashport.output.records_source import RecordsFile
from stashport.runs.record import Run
from stashport.runs.workspace import workspace
from stashport.stash.source import DatabaseFile, Opened, open_source

LATEST = "latest"
COPIES = ("before restoring ", "before taking back ")
"""How the notes of copies begin that are saved before a change."""


def backup_of(text: str, context: Context, blobs: str = "") -> BackupSource | None:
    """The backup that is meant by VAULT#ID, "" (the newest in the usual vault), or a file; None for anything else that can be a source.

    Errors: those of vaults.reach and Vault.find.
    """
    vault, mark, name = text.rpartition("#")
    if not text or (mark and "://" not in name and not Path(text).exists()):
        reached = reach(vault if mark else "", context)
        return BackupSource(context, reached, _latest(reached) or reached.vault.find(LATEST) if name in ("", LATEST) else reached.vault.find(name))
    if "://" not in text and Path(text).is_file():
        return BackupSource(context, path=Path(text), blobs=Path(blobs) if blobs else None)
    return None


def _latest(reached: Reached) -> Backup | None:
    """The newest backup that is no copy saved before a change: restoring that one would bring back what was to be mended."""
    return next((one for one in reached.vault.backups() if not one.problem and not str(one.card.get("note") or "").startswith(COPIES)), None)


@contextlib.contextmanager
def opened_records(text: str, context: Context, run: Run, *, blobs: str = "", salvage: bool = False) -> Iterator[Opened]:
    """The records of a source, ready to be read more than once.

    salvage   a damaged backup is read as far as it goes, and what is wrong is said; else it is refused
    Errors: Unsound, and those of opening it.
    """
    backup = backup_of(text, context, blobs)
    if backup is None or (backup.backup is None and not (salvage and is_bundle_file(backup, context))):
        with open_source(_place(text, context, blobs)) as opened:
            yield opened
        return
    with workspace(context.state, "salvage" if salvage else "restore") as folder, contextlib.ExitStack() as stack:
        if backup.backup is None:
            held = stack.enter_context(backup.opened(run, database=False))
            assert held.reader
            yield _salvaged(held.reader, held.get, folder, run, stack)
            return
        assert backup.reached
        prover = Prover(backup.reached, folder, run)
        problems = prover.look(backup.backup, "quick").errors
        if problems and not salvage:
            raise Unsound(number="Something", place=backup.name, reason="; ".join(problems[:3]))
        for problem in problems:
            run.warn(f"Damaged: {problem}", incomplete=True)
        reader, images = stack.enter_context(prover.opened(backup.backup)), stack.enter_context(prover.images(backup.backup))
        more = {"file": backup.backup.stem, "vault": place(text.rpartition("#")[0], context)}
        if salvage:
            found = _salvaged(reader, images.get, folder, run, stack)
            yield replace(found, facts=found.facts | more)
            return
        records = RecordsFile.of_bundle(reader, _getter(reader, images))
        yield Opened(records, facts_of(records) | more)


def _salvaged(reader: BundleReader, image: Callable[[str], bytes], folder: Path, run: Run, stack: contextlib.ExitStack) -> Opened:
    records, whole = stack.enter_context(salvaged(reader, image, folder, run))
    return Opened(whole, facts_of(records))


def is_bundle_file(backup: BackupSource, context: Context) -> bool:
    """Whether a backup that is a file is a bundle, and not a database or another export.  Errors: VaultClosed, and those of opening an encrypted one."""
    assert backup.path
    with backup.path.open("rb") as file, opener(backup.path, context)(file) as inside:
        return is_bundle(inside)


def _getter(reader: BundleReader, images: Images) -> Any:
    """Bytes by checksum: a portable backup's are in packs, a full one's in the packs or in the database; what is missing is None."""

    def get(checksum: str) -> bytes | None:
        with contextlib.suppress(NotInBundle):
            return images.get(checksum)
        with contextlib.suppress(NotInBundle):
            return reader.read(f"images/{checksum}")
        return None

    return get


def _place(text: str, context: Context, blobs: str) -> Any:
    found = sources.place_of(text, blobs=blobs or None)
    if not isinstance(found, DatabaseFile) and hasattr(found, "identities"):
        from stashport.output.export_file import ExportFile

        return ExportFile(Path(text), context.identities, context.passphrase)
    return found


def has_database(backup: BackupSource, run: Run) -> bool:
    """Whether a backup holds a whole database."""
    if backup.backup is not None:
        return str(backup.backup.card.get("kind")) == "full"
    try:
        with backup.opened(run):
            return True
    except PortError:
        return False


__all__ = ["DATABASE", "backup_of", "has_database", "is_bundle_file", "opened_records"]
