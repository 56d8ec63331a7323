"""Puts a backup together as a database file beside a Stash's own one, which is never opened for it; checked, made durable, and only then given its name.

Its images go where that Stash looks for them: what was in the database is in it again; what was in the blobs folder goes into the target's, unless that
Stash reads none, when it goes into the database.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stashport.atomic import check_writable, discard, file_error, publish, sweep, sync_file, temporary_beside
from stashport.bundle.rebuild import kept_as
from stashport.change.paths import comparable
from stashport.errors import AlreadyThere, DiskFull, NewerDatabase, NotRestorable, PortError
from stashport.jobs.restore_source import OTHERWISE, Held
from stashport.model.records import to_bytes
from stashport.runs.record import Run
from stashport.stash.config_file import like, own
from stashport.stash.switching import ENDINGS, Target

NEW_IMAGES = "new-images.txt"  # in the run's folder: the images that were written into the blobs folder, a name a line
_MARGIN = 64 << 20
_BATCH = 100
_RESTORED = re.compile(r"-restored-\d{8}-\d{6}(-\d+)?$")
Paths = Callable[[str], str]


class Put(NamedTuple):
    """What was put there.

    database   the new file
    schema     the version of its schema
    rows       how many rows each of its tables has
    images     how many were `written` into the blobs folder or the database, were there already (`kept`), took the place of a damaged one (`replaced`);
               `lost` were damaged or missing in the backup, `missing` in Stash itself when it was made
    moved      how many folders have another path
    problems   what SQLite found that refers to nothing, with `salvage`
    """

    database: Path
    schema: int
    rows: dict[str, int]
    images: dict[str, int]
    moved: int
    problems: list[str]


def put_beside(held: Held, target: Target, run: Run, folder: Path | None = None, *, paths: Paths | None = None, salvage: bool = False) -> Put:
    """Make the file; nothing of it is there when that fails, in the blobs folder neither.

    folder   where, when not beside the target's database
    paths    where a folder lies now
    Errors: NotRestorable, NewerDatabase, DiskFull, CannotWrite, Stopped, those of Held; without `salvage` those of the first image that is not whole.
    """
    database = place_for(target, folder)
    place = database.parent
    if database.exists():
        raise AlreadyThere(place=database)
    sweep(place)
    for one, (size, _) in room_for(held, place, target.blobs).items():
        check_writable(one, size)
    temporary, noted = temporary_beside(database), run.folder / NEW_IMAGES
    images = _Images(held, target.blobs, run, salvage, noted)
    try:
        try:
            held.write(temporary, run)
            with _working_on(temporary) as db:
                schema = _schema(db, held.name, target)
                images.put_all(db)
                moved = _move(db, paths, held.name) if paths else 0
                run.check_stop()
            run.phase("Looking at what was restored")
            rows, problems = _checked(temporary, held, salvage=salvage)
            if target.database.is_file():
                like(temporary, target.database)
            images.settle()
            run.check_stop()
            publish(temporary, database)
        except sqlite3.DatabaseError as error:
            if "full" in str(error):
                raise DiskFull(place=place, free="not enough", needed="more") from error
            raise NotRestorable(name=held.name, reason=f"its database cannot be used ({error})", instead=OTHERWISE) from error
        except OSError as error:
            raise file_error(error, place) from error
    except BaseException:
        for path in (temporary, *(temporary.with_name(temporary.name + end) for end in ("-journal", "-wal", "-shm"))):
            discard(path)
        images.take_back()
        raise
    return Put(database, schema, rows, images.counts, moved, problems)


def place_for(target: Target, folder: Path | None = None) -> Path:
    """The new file: in a folder, or beside the database that Stash has now."""
    now, current = dt.datetime.now(dt.timezone.utc), target.database
    ending = current.suffix if current.suffix in ENDINGS else ENDINGS[0]
    name, place = f"{_RESTORED.sub('', current.stem)}-restored-{now:%Y%m%d-%H%M%S}", folder or current.parent
    more = ("", *(f"-{number}" for number in range(2, 100)))  # two in one second
    return next((free for one in more if not (free := place / f"{name}{one}{ending}").exists()), place / f"{name}{ending}")


def _share(held: Held, blobs: Path | None) -> tuple[float, float]:
    """The shares of all images that go into the database, and as new ones into the blobs folder."""
    total, into, new = 0, 0, 0
    for told in held.listed():
        total += 1
        if blobs is None or told["place"] == "database":
            into += 1
        elif not _path(blobs, told["checksum"]).is_file():
            new += 1
    return (into / total, new / total) if total else (0.0, 0.0)


def room_for(held: Held, place: Path, blobs: Path | None) -> dict[Path, tuple[int, int]]:
    """The bytes that it takes, and those that are free, for each folder.

    Images are counted by their share of all: only their sum is known before they are read.
    """
    inside, beside = _share(held, blobs)
    room = {place: held.size + _MARGIN + int(held.image_bytes * inside)}
    images = int(held.image_bytes * beside)
    if blobs and images:
        there = next(one for one in (place, *place.parents) if one.exists())
        room[blobs] = images + (room[place] if there.stat().st_dev == blobs.stat().st_dev else 0)
    return {one: (size, _free(one)) for one, size in room.items()}


def _free(folder: Path) -> int:
    return shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.exists())).free


@contextlib.contextmanager
def _working_on(path: Path) -> Iterator[sqlite3.Connection]:
    """A file that nobody else knows yet, and that is thrown away when anything fails: no journal is needed for it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        for pragma in ("journal_mode=DELETE", "journal_mode=OFF", "synchronous=OFF"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("BEGIN")
        yield db
        db.execute("COMMIT")


def _schema(db: sqlite3.Connection, name: str, target: Target) -> int:
    """Errors: NotRestorable, NewerDatabase."""
    row = db.execute("SELECT version, dirty FROM schema_migrations").fetchone()
    if row is None or row[1]:
        raise NotRestorable(name=name, reason="its database is one that Stash never finished migrating", instead=OTHERWISE)
    if target.schema is not None and row[0] > target.schema:
        raise NewerDatabase(name=name, version=row[0], known=target.schema)
    return int(row[0])


def _checked(path: Path, held: Held, *, salvage: bool) -> tuple[dict[str, int], list[str]]:
    """How many rows each table has, and what refers to nothing.  Errors: NotRestorable."""
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        if found != "ok":
            raise NotRestorable(name=held.name, reason=f"its database is damaged: {found}", instead=OTHERWISE)
        astray = [f"{table}, row {row}, refers to {other}, which is not there" for table, row, other, _ in db.execute("PRAGMA foreign_key_check")]
        if astray and not salvage:
            raise NotRestorable(name=held.name, reason=f"{len(astray):,} rows of its database refer to nothing: {astray[0]}",
                                instead='Ask for it with "salvage" to restore it as it is, or restore its records by the method "api".')
        return row_counts(db), astray


def row_counts(db: sqlite3.Connection) -> dict[str, int]:
    """How many rows each table of a database has."""
    names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'").fetchall()]
    return {name: int(db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name in sorted(names)}  # noqa: S608 - names of its own tables


def _move(db: sqlite3.Connection, paths: Paths, name: str) -> int:
    """Give folders their new paths, and nothing else; how many.  Errors: NotRestorable when two of them would become one."""
    db.execute("CREATE TEMP TABLE moving (id INTEGER PRIMARY KEY, path BLOB, compared BLOB UNIQUE)")
    for number, path in db.execute("SELECT id, path FROM folders ORDER BY id"):
        new = paths(path)
        try:
            db.execute("INSERT INTO moving VALUES (?,?,?)", (number, to_bytes(new) if new != path else None, to_bytes(comparable(new))))
        except sqlite3.IntegrityError:
            raise NotRestorable(name=name, reason=f"two of its folders would both become {new}", instead="Change the path rules.") from None
    # In two steps: on the way, one folder's new path may be another one's old path.
    db.execute("UPDATE folders SET path='moving:'||id WHERE id IN (SELECT id FROM moving WHERE path IS NOT NULL)")
    return db.execute("UPDATE folders SET path=(SELECT CAST(m.path AS TEXT) FROM moving m WHERE m.id=folders.id)"
                      " WHERE id IN (SELECT id FROM moving WHERE path IS NOT NULL)").rowcount


def _path(blobs: Path, checksum: str) -> Path:
    return blobs / checksum[:2] / checksum[2:4] / checksum


class _Images:
    """Puts images where they belong, and can take back what it added to the blobs folder."""

    def __init__(self, held: Held, blobs: Path | None, run: Run, salvage: bool, noted: Path) -> None:
        self._held, self._blobs, self._run, self._salvage, self._noted = held, blobs, run, salvage, noted
        self.counts = dict.fromkeys(("written", "kept", "replaced", "lost", "missing"), 0)

    def put_all(self, db: sqlite3.Connection) -> None:
        self._run.phase("Putting images back")
        with self._noted.open("w", encoding="utf-8") as noted:
            for number, told in enumerate(self._held.listed()):
                if number % _BATCH == 0:
                    self._run.check_stop()
                outcome = "missing" if told.get("missing") else self._put(told, db, noted)
                self.counts[outcome] += 1
                self._run.advance()

    def _put(self, told: dict[str, Any], db: sqlite3.Connection, noted: Any) -> str:
        checksum, kept = str(told["checksum"]), kept_as(told)
        there = self._there(checksum) if self._blobs and told["place"] == "folder" else None
        if there in (checksum, kept):
            return "kept"
        try:
            data = self._held.get(kept)
            if hashlib.md5(data, usedforsecurity=False).hexdigest() != kept:
                raise NotRestorable(name=self._held.name, reason=f"the image {checksum} is damaged", instead="")
        except PortError as error:
            if not self._salvage:
                raise
            self._run.item("image", checksum, "failed", error.message)
            return "lost"
        if self._blobs is None or told["place"] == "database":
            db.execute("UPDATE blobs SET blob=? WHERE checksum=?", (data, checksum))
            return "written"
        if there is None:
            noted.write(f"{checksum}\n")
            noted.flush()
        self._write(_path(self._blobs, checksum), data)
        return "written" if there is None else "replaced"

    def _there(self, checksum: str) -> str | None:
        """The md5 of what the blobs folder holds under a name; None when there is nothing."""
        assert self._blobs
        try:
            return hashlib.md5(_path(self._blobs, checksum).read_bytes(), usedforsecurity=False).hexdigest()
        except FileNotFoundError:
            return None

    def _write(self, path: Path, data: bytes) -> None:
        """Whole or not at all, since a running Stash may look; made durable with all others by `settle`, or at once where that cannot be."""
        assert self._blobs
        for folder in (path.parent.parent, path.parent):
            if not folder.is_dir():
                folder.mkdir()
                like(folder, self._blobs)
        temporary = temporary_beside(path)
        try:
            temporary.write_bytes(data)
            own(temporary, self._blobs)
            if not hasattr(os, "sync"):
                sync_file(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def settle(self) -> None:
        """All that was written is on the disk before the database says that it is there."""
        if hasattr(os, "sync"):
            os.sync()

    def take_back(self) -> None:
        """Remove the images that were new; those that took the place of damaged ones stay.  A folder may keep its empty folders."""
        if self._blobs is None or not self._noted.is_file():
            return
        with self._noted.open(encoding="utf-8") as noted:
            for checksum in noted:
                with contextlib.suppress(OSError):
                    _path(self._blobs, checksum.strip()).unlink(missing_ok=True)


def missing_images(database: Path, blobs: Path | None) -> tuple[int, str]:
    """How many images a database knows whose bytes are neither in it nor in the blobs folder, and one of them.  A database that is broken tells of none."""
    count, example = 0, ""
    with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=30)) as db:
        db.execute("PRAGMA query_only=ON")
        for (checksum,) in db.execute("SELECT checksum FROM blobs WHERE blob IS NULL"):
            if blobs is None or not _path(blobs, checksum).is_file():
                count, example = count + 1, example or str(checksum)
    return count, example

