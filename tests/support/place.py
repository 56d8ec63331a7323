"""A library, a state folder and a plain vault: what the plain tests of backups work on, without a Stash."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from stashport.bundle.packs import PackedImages
from stashport.bundle.reader import BundleReader
from stashport.bundle.rebuild import Rebuilt, check_blobs, rebuild
from stashport.bundle.store import FolderStore
from stashport.bundle.vault import Backup, Vault
from stashport.jobs.backup import backup
from stashport.jobs.context import Context
from stashport.runs.record import Run
from stashport.runs.state import State
from stashport.stash.source import DatabaseFile

from support.miniature import PICTURES, sample_library, write_miniature


class Place:
    """A library, a state folder and a vault."""

    def __init__(self, folder: Path, *, blobs: bool = False) -> None:
        """With the images in the database, or in a folder."""
        self.folder, self.state, self.place = folder, State(folder / "state"), folder / "vault"
        self.blobs = folder / "blobs" if blobs else None
        self.database = write_miniature(folder / "stash-go.sqlite", sample_library(pictures=True), PICTURES, blobs=self.blobs)

    @property
    def context(self) -> Context:
        """What a job is given."""
        return Context(self.state, DatabaseFile(self.database, self.blobs))

    def backup(self, **given: Any) -> Run:
        """Make a backup."""
        return backup({"vault": str(self.place), **given}, self.context)

    @property
    def vault(self) -> Vault:
        """The vault."""
        return Vault.open(FolderStore(self.place))

    def listed(self) -> list[Backup]:
        """Its backups, newest first."""
        return self.vault.backups()

    def header(self, one: Backup) -> dict[str, Any]:
        """The header of one."""
        with ExitStack() as stack:
            return self.opened(one, stack)[0].header

    def names(self, one: Backup) -> list[str]:
        """The members of one."""
        with ExitStack() as stack:
            return list(self.opened(one, stack)[0].all_names())

    def read(self, one: Backup, name: str) -> bytes:
        """A member of one."""
        with ExitStack() as stack:
            return self.opened(one, stack)[0].read(name)

    def rebuilt(self, one: Backup, folder: Path) -> Rebuilt:
        """The library of one, put back together and looked at."""
        folder.mkdir()
        with ExitStack() as stack:
            reader, images = self.opened(one, stack)
            assert check_blobs(reader, images) == []
            return rebuild(reader, images, folder)

    def opened(self, one: Backup, stack: ExitStack) -> tuple[BundleReader, PackedImages]:
        """A backup and its images, until the stack is left."""
        reader = stack.enter_context(BundleReader(stack.enter_context(self.vault.store.open(one.file)), one.file))
        return reader, stack.enter_context(PackedImages(self.vault, one.instance, one.card["packs"], None))


def tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with closing(sqlite3.connect(path)) as db:
        db.text_factory = bytes
        names = [name.decode() for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")]
        return {name: sorted(db.execute(f"SELECT * FROM {name}"), key=repr) for name in names}
