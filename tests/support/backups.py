"""Small vaults for tests: a library of some kilobytes, backups of it, plain or encrypted, what verifies them and what comes out of them again."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from stashport.bundle.age_keys import new_identity
from stashport.bundle.packs import PackedImages
from stashport.bundle.rebuild import rebuild
from stashport.bundle.store import FolderStore
from stashport.bundle.vault import HEAD, Backup, Vault
from stashport.errors import PortError
from stashport.jobs.backup import backup
from stashport.jobs.context import Context
from stashport.jobs.proving_vault import Prover
from stashport.jobs.vaults import Reached
from stashport.output.seal import Seal, opened
from stashport.runs.state import State
from stashport.stash.source import DatabaseFile

from support.miniature import PICTURES, sample_library, write_miniature

if TYPE_CHECKING:
    from stashport.runs.record import Run

KEY = bytes(range(32))


class Quiet:
    """A run that nobody follows."""

    def phase(self, *_: object, **__: object) -> None:
        """Nothing."""

    def advance(self, _: int = 1) -> None:
        """Nothing."""

    def check_stop(self) -> None:
        """Nothing."""


@dataclass
class Place:
    """A folder with a library, a state folder and a vault; `identity` opens what is sealed in it."""

    folder: Path
    identity: Any = None
    recipient: str = ""

    @classmethod
    def made(cls, folder: Path, *, encrypted: bool = False, blobs: bool = True) -> Place:
        """A new one: half of its images in the database, or all of them where `blobs` is off."""
        folder.mkdir(parents=True, exist_ok=True)
        place = cls(folder, *(new_identity() if encrypted else ()))
        write_miniature(place.database, sample_library(pictures=True), blobs=place.blobs if blobs else None, indexed=True)
        if blobs:
            with closing(sqlite3.connect(place.database)) as db:
                for checksum, data in list(PICTURES.items())[::2]:
                    db.execute("UPDATE blobs SET blob=? WHERE checksum=?", (data, checksum))
                    (place.blobs / checksum[:2] / checksum[2:4] / checksum).unlink()
                db.commit()
        return place

    database = property(lambda self: self.folder / "stash-go.sqlite")
    blobs = property(lambda self: self.folder / "blobs")
    state = property(lambda self: State(self.folder / "state"))
    vault_folder = property(lambda self: self.folder / "vault")

    def reached(self, folder: Path | None = None) -> Reached:
        """The vault, or a copy of it in another folder, with all that opens it."""
        store = FolderStore(folder or self.vault_folder)
        if store.size(HEAD) is None:
            Vault.create(store, {"recipient": self.recipient, "key": "test"} if self.identity else None)
        vault = Vault.open(store)
        if not self.identity:
            return Reached(vault)
        return Reached(vault, Seal(recipients=(self.recipient,)), KEY, lambda file: opened(file, identities=[self.identity]))

    def backup(self, **config: Any) -> Run:
        """Make a backup."""
        context = Context(self.state, DatabaseFile(self.database, self.blobs))
        if not self.identity:
            return backup({"vault": str(self.vault_folder), **config}, context)
        with mock.patch("stashport.jobs.backup.reach", return_value=self.reached()):
            return backup({"vault": str(self.vault_folder), **config}, context)

    def picture(self, data: bytes) -> str:
        """Put one more image into the database; its md5."""
        checksum = hashlib.md5(data).hexdigest()
        with closing(sqlite3.connect(self.database)) as db:
            db.execute("INSERT OR REPLACE INTO blobs VALUES (?,?)", (checksum, data))
            db.commit()
        return checksum

    def change(self, text: str) -> None:
        """Change a record."""
        with closing(sqlite3.connect(self.database)) as db:
            db.execute("UPDATE tags SET description=? WHERE id=(SELECT min(id) FROM tags)", (text,))
            db.commit()

    def problems(self, scratch: Path, level: str = "full", folder: Path | None = None) -> list[str]:
        """All that `verify` finds wrong in the vault, also what it only remarks on about cards."""
        try:
            reached = self.reached(folder)
            prover, found = Prover(reached, scratch, Quiet()), []  # type: ignore[arg-type]
            for one in reached.vault.backups():
                proof = prover.look(one, level)
                found += [*proof.errors, *(["the card of its proof is damaged"] if one.proof.get("lost") else [])]
            return found
        except PortError as error:
            return [error.message]

    def rebuilt(self, one: Backup, target: Path, folder: Path | None = None) -> dict[str, str]:
        """What comes out of a backup, as `contents` tells it.  Errors: those of rebuild."""
        reached = self.reached(folder)
        prover = Prover(reached, target, Quiet())  # type: ignore[arg-type]
        target.mkdir(parents=True, exist_ok=True)
        with prover.opened(one) as reader, PackedImages(reached.vault, one.instance, one.card["packs"], reached.unseal) as images:
            made = rebuild(reader, images, target)
        return contents(made.database, made.blobs)


def contents(database: Path, blobs: Path | None) -> dict[str, str]:
    """A library as it is: a digest of each table with all of its rows, of the schema, and of each image in the folder."""
    found = {}
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        db.text_factory = bytes
        schema = db.execute("SELECT type,name,tbl_name,sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type,name").fetchall()
        found["schema"] = _digest(schema)
        for name in [row[1].decode() for row in schema if row[0] == b"table"]:
            order = ",".join(str(n + 1) for n in range(len(db.execute(f'SELECT * FROM "{name}" LIMIT 0').description)))
            found[name] = _digest(db.execute(f'SELECT * FROM "{name}" ORDER BY {order}'))
        found["user_version"] = str(db.execute("PRAGMA user_version").fetchone())
        empty = {row[0].decode() for row in db.execute("SELECT checksum FROM blobs WHERE blob IS NULL")}
    for checksum in sorted(empty) if blobs else ():
        path = blobs / checksum[:2] / checksum[2:4] / checksum  # type: ignore[operator]
        found[f"blobs/{checksum}"] = hashlib.md5(path.read_bytes()).hexdigest() if path.exists() else "missing"
    return found


def _digest(rows: Any) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr(row).encode())
    return digest.hexdigest()
