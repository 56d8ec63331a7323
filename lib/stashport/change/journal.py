"""What a run does to a library, on disk before and after it does it: so that it goes on where it was killed, and can be taken back.

An SQLite file.  Its batches are those that were sent to the library, in order; each is written down before it is sent (`begin`) and when its answers are
there (`end`), and both are on the disk when the call returns.  So at most the last batch can be one of which nobody knows what became of it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from stashport.atomic import file_error, sync_folder
from stashport.change.steps import CREATE, DELETE
from stashport.errors import NotResumable
from stashport.model.records import IdSet, Record, encode, number_of

NAME = "journal.sqlite"
FORMAT = 1
_TABLES = """CREATE TABLE fact (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE batch (number INTEGER PRIMARY KEY, kind TEXT, action TEXT, above INTEGER, ended INTEGER);
CREATE TABLE entry (place INTEGER PRIMARY KEY, batch INTEGER, source TEXT, target TEXT, name TEXT, counted INTEGER, outcome TEXT, reason TEXT,
    partial INTEGER, before BLOB, after BLOB);
CREATE INDEX entry_batch ON entry (batch);
CREATE TABLE made (kind TEXT, source INTEGER, target INTEGER, PRIMARY KEY (kind, source)) WITHOUT ROWID;
CREATE TABLE image (checksum TEXT PRIMARY KEY, data BLOB)"""
_ENDED = "FROM entry JOIN batch ON batch.number=entry.batch WHERE ended"
_BATCHES = "SELECT number, kind, action, above, ended FROM batch"
_ENTRIES = "SELECT place, source, target, name, counted, outcome, reason, partial, before, after FROM entry WHERE batch=? ORDER BY place"


@dataclass
class Entry:
    """One step of a plan, on its way through a batch.

    place, source, name, counted   of the step (steps.py); a create's `source` is the number by which the plan refers to it: "tag:-5"
    target    "tag:17": the record concerned; "" for one that is not there
    before    the fields concerned as they were right before, or the whole record that is deleted; None where nothing is written
    after     the same fields as they shall be, and once the batch has ended as they are; None for what is deleted
    outcome   one of runs.wording.OUTCOMES; "" as long as nobody knows
    reason    why, where there is something to be said
    partial   whether part of what was wanted is not there
    """

    place: int
    source: str = ""
    target: str = ""
    name: str = ""
    counted: bool = True
    outcome: str = ""
    reason: str = ""
    partial: bool = False
    before: Record | None = None
    after: Record | None = None


@dataclass
class Batch:
    """Entries of one kind and action that are sent together.  `above`: creates get higher numbers than this one."""

    kind: str
    action: str
    entries: list[Entry]
    above: int = 0
    ended: bool = False
    number: int = field(default=0)

    @property
    def written(self) -> list[Entry]:
        """The entries that are sent."""
        return [one for one in self.entries if one.before is not None or one.after is not None]


class Told(NamedTuple):
    """An entry that somebody may want to look up: one with a reason."""

    kind: str
    entry: Entry


class Journal:
    """The journal of one run.  A context manager.

    Errors: NotResumable for a file that is no journal or another plan's; DiskFull, CannotWrite.
    """

    def __init__(self, path: Path, plan_sha256: str = "", *, reading: bool = False) -> None:
        """Open the journal of the plan with this checksum, or make it; to read one that is there, of whatever plan, `reading`."""
        self.path = path
        there = path.is_file()
        if reading and not there:
            raise self._unusable("it has no journal")
        with self._told():
            mode = "?mode=rw" if reading else ""  # rw: what a killed process left half written is taken back by whoever opens it next
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}{mode}", uri=True, isolation_level=None)
        try:
            self._prepare(plan_sha256, reading=reading)
            if not there:
                sync_folder(path.parent)
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    # --- what was done ----------------------------------------------------------------------------------------------------------------------------------

    def begin(self, batch: Batch) -> None:
        """Write down what is about to be sent.  A batch that has a number already, of which nobody knows the answers, is written anew."""
        with self._transaction():
            if batch.number:
                self._db.execute("DELETE FROM entry WHERE batch=?", (batch.number,))
                self._db.execute("UPDATE batch SET above=? WHERE number=?", (batch.above, batch.number))
            else:
                row = (batch.kind, batch.action, batch.above)
                batch.number = int(self._db.execute("INSERT INTO batch (kind, action, above, ended) VALUES (?,?,?,0)", row).lastrowid or 0)
            self._db.executemany("INSERT INTO entry VALUES (?,?,?,?,?,?,?,?,?,?,?)", ((one.place, batch.number, *_row(one)) for one in batch.entries))

    def end(self, batch: Batch) -> None:
        """Write down what became of it."""
        batch.ended = True
        with self._transaction():
            self._db.execute("UPDATE batch SET ended=1 WHERE number=?", (batch.number,))
            changed = ((one.target, one.outcome, _text(one.reason), one.partial, _packed(one.after), one.place) for one in batch.entries)
            self._db.executemany("UPDATE entry SET target=?, outcome=?, reason=?, partial=?, after=? WHERE place=?", changed)
            if batch.action == CREATE:
                made = ((batch.kind, abs(number_of(one.source)), number_of(one.target)) for one in batch.entries if one.target)
                self._db.executemany("INSERT INTO made VALUES (?,?,?)", made)

    def keep_image(self, checksum: str, data: bytes) -> None:
        """Keep the bytes of an image that the library may lose; they are on the disk once the next batch has begun."""
        with self._told():
            if not self._db.in_transaction:
                self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("INSERT OR IGNORE INTO image VALUES (?,?)", (checksum, data))

    # --- what is known ----------------------------------------------------------------------------------------------------------------------------------

    def place(self) -> int:
        """The place of the last step that is settled; -1 at the beginning."""
        row = self._one(f"SELECT max(place) {_ENDED}")
        return -1 if row[0] is None else int(row[0])

    def open_batch(self) -> Batch | None:
        """The batch that was begun and not ended."""
        return next(self._batches("WHERE NOT ended"), None)

    def backwards(self) -> Iterator[Batch]:
        """All batches, the last one first, with their entries in the reverse of the order in which they were sent."""
        for batch in self._batches("ORDER BY number DESC"):
            batch.entries.reverse()
            yield batch

    def totals(self) -> tuple[int, int]:
        """(how many entries are settled, how many of them were sent)."""
        row = self._one(f"SELECT count(*), count(coalesce(before, after)) {_ENDED}")
        return int(row[0]), int(row[1])

    def counts(self) -> list[tuple[str, str, int]]:
        """(kind, outcome, number) of the counted entries about which there is nothing more to be said."""
        return self._all(f"SELECT kind, outcome, count(*) {_ENDED} AND counted AND reason='' GROUP BY kind, outcome")

    def told(self) -> Iterator[Told]:
        """The entries about which there is something to be said."""
        for batch in self._batches("WHERE ended ORDER BY number"):
            yield from (Told(batch.kind, one) for one in batch.entries if one.reason)

    def made(self, kind: str, source: int) -> int | None:
        """The number of the record that became of the source's record with that number."""
        row = self._one("SELECT target FROM made WHERE kind=? AND source=?", (kind, source))
        return None if row is None else int(row[0])

    def all_made(self, kind: str) -> IdSet:
        """The numbers of all records of a kind that were made."""
        found = IdSet()
        found.add_all(number for (number,) in self._all("SELECT target FROM made WHERE kind=?", (kind,)))
        return found

    def kinds_made(self) -> list[str]:
        """The kinds of which records were made, or may have been."""
        return [kind for (kind,) in self._all("SELECT DISTINCT kind FROM batch WHERE action=?", (CREATE,))]

    def all_deleted(self) -> dict[str, IdSet]:
        """The numbers of all records that were deleted, by kind; also of those of which nobody knows whether they were."""
        found: dict[str, IdSet] = {}
        for kind, target in self._db.execute("""SELECT kind, target FROM entry JOIN batch ON batch.number=entry.batch
            WHERE action=? AND before IS NOT NULL AND outcome IN ('updated','')""", (DELETE,)):  # fmt: skip
            found.setdefault(kind, IdSet()).add(number_of(target))
        return found

    def image(self, checksum: str) -> bytes | None:
        """The bytes of an image that was kept."""
        row = self._one("SELECT data FROM image WHERE checksum=?", (checksum,))
        return None if row is None else bytes(row[0])

    # --- the file ---------------------------------------------------------------------------------------------------------------------------------------

    def _prepare(self, plan_sha256: str, *, reading: bool) -> None:
        try:
            if not reading:
                # Beside SQLite's own journal: no other process looks at this file, and what is said to be written is.
                for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=PERSIST", "synchronous=FULL"):
                    self._db.execute(f"PRAGMA {pragma}")
                self._make(plan_sha256)
            facts = dict(self._all("SELECT key, value FROM fact"))
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise self._unusable("another process is working on it") from error
            if reading and "no such table" in str(error):
                raise self._unusable("it was killed before it wrote anything") from error
            raise self._failed(error) from error
        except sqlite3.DatabaseError as error:
            raise self._unusable(f"its journal cannot be read ({error})") from error
        if facts.get("format") != str(FORMAT):
            raise self._unusable("another version of Stash Port wrote its journal")
        if not reading and facts.get("plan") != plan_sha256:
            raise self._unusable("its journal belongs to another plan")

    def _make(self, plan_sha256: str) -> None:
        with self._transaction():
            if self._one("SELECT count(*) FROM sqlite_master")[0]:
                return
            for statement in _TABLES.split(";"):
                self._db.execute(statement)
            self._db.executemany("INSERT INTO fact VALUES (?,?)", (("format", str(FORMAT)), ("plan", plan_sha256)))

    def _batches(self, where: str) -> Iterator[Batch]:
        for number, kind, action, above, ended in self._all(f"{_BATCHES} {where}"):
            rows = self._all(_ENTRIES, (number,))
            yield Batch(kind, action, [_entry(row) for row in rows], above, bool(ended), number)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._told():
            if not self._db.in_transaction:
                self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> Exception:
        return file_error(OSError(errno.ENOSPC if "full" in str(error) else errno.EIO, str(error)), self.path)

    def _unusable(self, reason: str) -> NotResumable:
        return NotResumable(run=self.path.parent.name, reason=reason)

    def _all(self, statement: str, values: Iterable[object] = ()) -> list[Any]:
        return self._db.execute(statement, tuple(values)).fetchall()

    def _one(self, statement: str, values: Iterable[object] = ()) -> Any:
        return self._db.execute(statement, tuple(values)).fetchone()


def _packed(record: Record | None) -> bytes | None:
    return None if record is None else encode(record)


def _row(one: Entry) -> tuple[Any, ...]:
    return one.source, one.target, _text(one.name), one.counted, one.outcome, _text(one.reason), one.partial, _packed(one.before), _packed(one.after)


def _text(text: str) -> str:
    """Text for people; bytes in it that are none are shown as such."""
    return text.encode("utf-8", "backslashreplace").decode()


def _entry(row: tuple[Any, ...]) -> Entry:
    place, source, target, name, counted, outcome, reason, partial, before, after = row
    images = (json.loads(one) if one is not None else None for one in (before, after))
    return Entry(place, source, target, name, bool(counted), outcome, reason, bool(partial), *images)
