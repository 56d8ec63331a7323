"""What a whole database is restored from: a backup in a vault, one that was carried away as a file, or a database file.

All three are opened to the same few questions: is it whole, what is its database, which images belong to it, and what are their bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stashport.bundle.reader import BundleReader, is_bundle
from stashport.bundle.rebuild import BLOBS, DATABASE, Images, OwnImages, blobs_of
from stashport.bundle.vault import Backup
from stashport.errors import BundleDamaged, DatabaseDamaged, NotABundle, NotADatabase, NotInBundle, NotRestorable, Unsound
from stashport.jobs.context import Context
from stashport.jobs.proving import prove_bundle
from stashport.jobs.proving_vault import Prover
from stashport.jobs.vaults import Reached
from stashport.jobs.verify_file import has_images, opener
from stashport.runs.record import Run
from stashport.runs.workspace import workspace
from stashport.stash.blobs import Blobs
from stashport.stash.database import open_database

_PIECE, _PAGES = 1 << 20, 4096
OTHERWISE = 'The methods "api" and "bulk" restore records from it.'


class Held(Protocol):
    """A backup that is open: its name, the bytes of its database (0 for none), and the bytes of its images at most.

    reader   the bundle that it is; None for a database file
    """

    name: str
    reader: BundleReader | None
    size: int
    image_bytes: int

    def problems(self, run: Run) -> list[str]:
        """What is wrong with it, every byte looked at."""
        ...

    def counts(self) -> dict[str, int]:
        """How many records of each kind it tells of, by plural name; {} where it does not."""
        ...

    def write(self, target: Path, run: Run) -> None:
        """Its database, into a file that is not there yet."""
        ...

    def listed(self) -> Iterator[dict[str, Any]]:
        """The images that belong to it and are not in that file, as bundle.rebuild.blobs_of tells of them."""
        ...

    def get(self, checksum: str) -> bytes:
        """The bytes of one by the name that they are kept under; an error of ours when it is not there or not whole."""
        ...


@dataclass(frozen=True)
class BackupSource:
    """A backup: one of a vault (`reached`, `backup`), or a file (`path`): carried away, or a database with its blobs folder (`blobs`).

    context   whose state folder has room for trials, and which knows what opens an encrypted file
    """

    context: Context
    reached: Reached | None = None
    backup: Backup | None = None
    path: Path | None = None
    blobs: Path | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return f"The backup {self.backup.id}" if self.backup else str(self.path)

    @contextlib.contextmanager
    def opened(self, run: Run, *, database: bool = True) -> Iterator[Held]:
        """Open it.

        database   whether it has to hold one; what lies beside the library can be had from any bundle
        Errors: NotRestorable when it holds none, NotADatabase for a file that is neither, VaultClosed, and those of reading a backup.
        """
        with contextlib.ExitStack() as stack:
            if self.backup is not None:
                assert self.reached is not None
                scratch = stack.enter_context(workspace(self.context.state, "restore"))
                prover = Prover(self.reached, scratch, run)
                reader = stack.enter_context(prover.opened(self.backup))
                images = stack.enter_context(prover.images(self.backup))
                yield _checked(_Bundle(self.name, reader, images, prover.image_bytes(self.backup), prover, self.backup), database)
                return
            assert self.path is not None
            stream = stack.enter_context(opener(self.path, self.context)(self.path.open("rb", _PIECE))) if self.path.is_file() else None
            if stream is not None and is_bundle(stream):
                scratch = stack.enter_context(workspace(self.context.state, "restore"))
                reader = stack.enter_context(BundleReader(stream, str(self.path)))
                yield _checked(_Carried(self.name, reader, scratch), database)
                return
            yield stack.enter_context(_File(self.name, self.path, self.blobs))


def _checked(held: _Bundle, database: bool) -> _Bundle:
    if database and not held.size:
        raise NotRestorable(name=held.name, reason="it holds no database, only records", instead=OTHERWISE)
    return held


class _Bundle:
    """A backup that is a bundle, with its images in packs."""

    def __init__(self, name: str, reader: BundleReader, images: Images, image_bytes: int, prover: Prover | None = None, backup: Backup | None = None) -> None:
        self.name, self.image_bytes = name, image_bytes
        self.reader: BundleReader | None = reader
        self._bundle = reader
        self._images, self._prover, self._backup = images, prover, backup
        self.size = reader.member(DATABASE).unpacked if DATABASE in reader else 0

    def problems(self, run: Run) -> list[str]:
        assert self._prover
        assert self._backup
        return self._prover.look(self._backup, "full").errors

    def counts(self) -> dict[str, int]:
        return {name: int(told["count"]) for name, told in self._bundle.header["content"].items() if name in self._bundle.header["fields"]}

    def write(self, target: Path, run: Run) -> None:
        run.phase("Unpacking the database", total=self.size)
        with self._bundle.open(DATABASE) as packed, target.open("xb") as file:
            while data := packed.read(_PIECE):
                file.write(data)
                run.advance(len(data))
                run.check_stop()

    def listed(self) -> Iterator[dict[str, Any]]:
        return blobs_of(self._bundle) if BLOBS in self._bundle else iter(())

    def get(self, checksum: str) -> bytes:
        return self._images.get(checksum)


class _Carried(_Bundle):
    """A backup that is one file, images and all."""

    def __init__(self, name: str, reader: BundleReader, scratch: Path) -> None:
        size = sum(reader.member(one).size for one in reader.all_names() if one.startswith("images/"))
        super().__init__(name, reader, OwnImages(reader), size)
        self._scratch = scratch

    def problems(self, run: Run) -> list[str]:
        if not has_images(self._bundle):
            return ["its images lie in the vault that it is from, which was not named", *self._bundle.verify("full", lambda _: run.check_stop())]
        return prove_bundle(self._bundle, OwnImages(self._bundle), self._scratch, run).errors


class _File:
    """A database file, which another Stash may have open.  A context manager."""

    def __init__(self, name: str, path: Path, blobs: Path | None) -> None:
        self.name = name
        self.reader: BundleReader | None = None
        self._path, self._db = path, open_database(path)
        self._blobs = Blobs(self._db, path, blobs)
        self.size, self.image_bytes = path.stat().st_size, 0
        try:
            self._db.execute("SELECT version FROM schema_migrations").fetchone()
        except sqlite3.DatabaseError as error:
            self._db.close()
            kind = DatabaseDamaged if "malformed" in str(error) else NotADatabase
            raise kind(place=path, reason=error) from error

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def problems(self, run: Run) -> list[str]:
        run.phase("Looking at the database")
        with self._told():
            found = [str(row[0]) for row in self._db.execute("PRAGMA quick_check(5)") if row[0] != "ok"]
        if found:
            return found
        run.phase("Looking at the images")
        for told in self.listed():
            run.check_stop()
            data = self._blobs.in_folder(told["checksum"])
            if data is None or hashlib.md5(data, usedforsecurity=False).hexdigest() != told["checksum"]:
                found.append(f"the image {told['checksum']} is {'missing' if data is None else 'damaged'}")
            else:
                self.image_bytes += len(data)
        return found

    def counts(self) -> dict[str, int]:
        return {}

    def write(self, target: Path, run: Run) -> None:
        run.phase("Copying the database")
        with self._told(), contextlib.closing(sqlite3.connect(target)) as other:
            self._db.backup(other, pages=_PAGES, progress=lambda *_: run.check_stop())

    def listed(self) -> Iterator[dict[str, Any]]:
        with self._told():
            for (checksum,) in self._db.execute("SELECT checksum FROM blobs WHERE blob IS NULL ORDER BY checksum"):
                yield {"checksum": checksum, "place": "folder"}

    def get(self, checksum: str) -> bytes:
        data = self._blobs.in_folder(checksum)
        if data is None:
            raise NotInBundle(place=self._path, name=f"image {checksum} in its blobs folder")
        return data

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise DatabaseDamaged(place=self._path, reason=error) from error


def validated(held: Held, run: Run, *, salvage: bool) -> list[str]:
    """Look at every byte before anything is written; what is wrong, with `salvage`.  Errors: Unsound without it."""
    try:
        problems = held.problems(run)
    except (BundleDamaged, NotABundle) as error:
        problems = [error.message]
    if problems and not salvage:
        raise Unsound(number="Something", place=held.name, reason="; ".join(problems[:3]))
    for problem in problems:
        run.warn(f"Damaged: {problem}", incomplete=True)
    return problems
