"""Loads a whole library into a Stash that is still empty, exactly: the same ids, times and order, every table equal.

Table by table, in requests of about 50 ms, each journalled before it is sent; killed at any moment, the next call with the same journal goes on.  Ids are
kept: the counters from which Stash takes new ones are set first, so that what others create meanwhile lies beyond.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stashport.errors import LoadBroken, NotFresh, OtherLoad, PortError, ServerError
from stashport.stash.bulk_blobs import ImageRows, usable
from stashport.stash.bulk_guard import LARGEST, LEAST, Guarded, Pace, check_space
from stashport.stash.bulk_journal import Chunk, Journal
from stashport.stash.bulk_proof import prove
from stashport.stash.bulk_source import BulkSource, Paths, counting
from stashport.stash.bulk_tables import BY_NAME, OBJECTS, TABLES, Table, inserting, late_setting, quoted
from stashport.stash.connection import Connection
from stashport.stash.database import open_database

_LARGE = 500_000
_EMPTY = " OR ".join(f"EXISTS(SELECT 1 FROM {quoted(table.name)})" for table in TABLES)
_OPENING = (
    f"SELECT json_extract('{{}}','port: not fresh') WHERE {_EMPTY}",
    "DELETE FROM sqlite_sequence WHERE name IN (SELECT value->>0 FROM json_each(?))",
    "INSERT INTO sqlite_sequence(name,seq) SELECT value->>0,value->>1 FROM json_each(?)",
)


@dataclass
class Loaded:
    """What was loaded.

    rows      table -> number of rows
    images    those that are in files; the others are in the database
    longest   seconds of the longest request that wrote rows
    remarks   what a person should know
    """

    rows: dict[str, int]
    images: int = 0
    requests: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    remarks: list[str] = field(default_factory=list)


def load(
    source: Path,
    connection: Connection,
    journal: Path,
    *,
    blobs: Callable[[str], bytes | None] = lambda _: None,
    paths: Paths = lambda path: path,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    check_stop: Callable[[], None] = lambda: None,
    own_job: str | None = None,
) -> Loaded:
    """Load a Stash database file into an empty Stash, or go on with a load that was begun with this journal.

    blobs        the bytes of an image by its md5, where the source's database does not hold them
    paths        where a folder of the source lies on the target
    progress     called with the number of rows written, and of all
    check_stop   called between requests; may raise
    own_job      the id of the job that we are
    Errors: NotFresh, OtherLoad, LoadBroken, FoldersMeet, those of BulkSource, Guarded, Journal and ImageRows.
    """
    with BulkSource(source, paths) as opened, Journal(journal) as log:
        work = _Load(opened, Guarded(connection, own_job), log, progress, check_stop)
        return work.run(blobs)


class _Load:
    def __init__(self, source: BulkSource, server: Guarded, log: Journal, progress: Callable[[int, int], None], check_stop: Callable[[], None]) -> None:
        self.source, self.server, self.log = source, server, log
        self._progress, self._check_stop = progress, check_stop
        self._pace, self._done, self._request = Pace(), 0, 0
        self._counts = source.counts()
        self._waiting: list[tuple[Chunk, str, str]] = []
        self._flying: tuple[Future[float], list[Chunk]] | None = None
        self._sender = ThreadPoolExecutor(1)

    def run(self, blobs: Callable[[str], bytes | None]) -> Loaded:
        begun = time.monotonic()
        facts = self.log.facts
        if facts.get("state") in ("closing", "unloaded"):
            raise OtherLoad(reason="it was taken back, or its taking back was begun")
        told = self.server.check(self.source.info)
        self.source.check_paths()
        mark = {"source": self.source.fingerprint(), "database": told["systemStatus"]["databasePath"]}
        for name, value in mark.items():
            if facts.get(name, value) != value:
                raise OtherLoad(reason=f"the {'library' if name == 'source' else 'Stash'} is not the one with which it was begun")
        file = check_space(told, 2 * self.source.path.stat().st_size) if facts.get("state") != "loaded" else None
        if facts.get("state") in (None, "opening"):
            self._open(facts, mark, told, file)
        else:
            self._settle(facts)
        facts = self.log.facts
        folder = Path(facts["folder"]) if facts["folder"] else None
        images = ImageRows(self.source, blobs, folder, self.log)
        large = sum(self._counts.values()) > _LARGE
        if large:
            self.server.larger_cache()
        try:
            with self._sender:  # in the end it waits for the request that is on its way
                self._rows(images)
        finally:
            if large:
                with contextlib.suppress(PortError):  # Stash forgets it by itself, and what went wrong matters more
                    self.server.usual_cache()
        remarks = [*images.remarks, *prove(self.server, self._counts, self.log, large=large)]
        self.log.note(state="loaded", done=self._request)
        if images.in_table and facts["storage"] == "FILESYSTEM":
            remarks.append("The images are in Stash's database for now: run Settings > Tasks > Migrate blobs (migrateBlobs) to have them moved into files.")
        if more := self.source.more_tables():
            remarks.append(f"The source has tables that no Stash has, which were left out: {', '.join(more)}.")
        return Loaded(self._counts, images.files, self.server.requests, time.monotonic() - begun, self._pace.longest, remarks)

    def _open(self, facts: dict[str, Any], mark: dict[str, Any], told: dict[str, Any], file: Path | None) -> None:
        """Take possession of an empty target."""
        found = [(table.name, number) for table, number in zip(TABLES, self.server.ask(f"SELECT {counting()}")[0], strict=True) if number]
        if found:
            raise NotFresh(url=self.server.connection.url, found=", ".join(f"{number} {name}" for name, number in found[:8]))
        ours = self.source.sequence()
        before = facts["before"] if "before" in facts else self.server.ask("SELECT name,seq FROM sqlite_sequence")
        general = told["configuration"]["general"]
        self.log.note(state="opening", before=before, sequence=ours, storage=general["blobsStorage"], **mark)
        try:
            self.server.run(_OPENING, [json.dumps([[table.name] for table in OBJECTS]), json.dumps(ours)])
        except ServerError as error:
            if "port: not fresh" in str(error):
                raise NotFresh(url=self.server.connection.url, found="somebody has just begun to add to it") from error
            raise
        folder = Path(told["systemStatus"]["workingDir"]) / general["blobsPath"] if general["blobsStorage"] == "FILESYSTEM" and general["blobsPath"] else None
        reached = file is not None and _is_target(file, ours) and folder is not None and usable(folder)
        self.log.note(state="loading", folder=str(folder) if reached else "", begun=0, done=0)

    def _settle(self, facts: dict[str, Any]) -> None:
        """What became of the request that was sent last is asked of the server: all of it is there, or nothing."""
        self._request = facts["begun"]
        if facts["begun"] > facts["done"] and not self._there(self.log.chunks(self._request)):
            self.log.forget(self._request)
            self._request -= 1
        written = self.log.rows()
        counted = ",".join(f"(SELECT count(*) FROM {quoted(name)} WHERE {BY_NAME[name].key}<=CAST(? AS INTEGER))" for name in written)
        found = self.server.ask(f"SELECT {counted}", [str(self.log.last(name, late=False)) for name in written])[0] if written else []
        for (name, number), there in zip(written.items(), found, strict=True):
            if number != there:
                raise OtherLoad(reason=f"{name} had {number} of our rows, and has {there} now")
        self._done = sum(written.values())

    def _there(self, chunks: list[Chunk]) -> bool:
        """Whether chunks were written.  Errors: OtherLoad when some were, and others not."""
        if chunks[0].late:
            return False  # done again, it does the same
        found = []
        for chunk in chunks:
            table = BY_NAME[chunk.table]
            sql = f"SELECT count(*) FROM {quoted(table.name)} WHERE {table.key}>CAST(? AS INTEGER) AND {table.key}<=CAST(? AS INTEGER)"
            found.append(self.server.ask(sql, [str(chunk.after), str(chunk.last)])[0][0])
        if any(found) and found != [chunk.rows for chunk in chunks]:
            raise OtherLoad(reason=f"of the last request, {sum(found)} of {sum(chunk.rows for chunk in chunks)} rows are there")
        return bool(sum(found))

    def _rows(self, images: ImageRows) -> None:
        blobs = BY_NAME["blobs"]
        for chunk, content in images.requests(self.log.last("blobs", late=False)):
            self._waiting.append((chunk, inserting(blobs, careful=False), content))
            self._send()
        self._landed()
        for table in TABLES[1:]:
            for chunk, careful, content in self._chunks(table, late=False):
                self._add(table, chunk, inserting(table, careful=careful), content)
        self._send()
        self._landed()
        for table in TABLES:
            for chunk, _, content in self._chunks(table, late=True) if table.late else ():
                self._add(table, chunk, late_setting(table), content)
        self._send()
        self._landed()

    def _chunks(self, table: Table, *, late: bool) -> Iterator[tuple[Chunk, bool, str]]:
        """Chunks of a table as large as the next request still has room for."""
        after = self.log.last(table.name, late=late)
        while True:
            wanted = self._room() // table.weight
            last, number = self.source.chunk(table, after, wanted, late=late)
            if not number:
                return
            content, careful = self._content(table, after, last, late=late)
            while number > 1 and len(content) > LARGEST:
                last, number = self.source.chunk(table, after, max(1, number * LARGEST // (len(content) + LARGEST // 4)), late=late)
                content, careful = self._content(table, after, last, late=late)
            stamps = self.source.stamps(table, after, last) if table.is_object and not late else ""
            yield Chunk(table.name, late, after, last, number, stamps), careful, content
            after = last

    def _content(self, table: Table, after: int, last: int, *, late: bool) -> tuple[str, bool]:
        return (self.source.late(table, after, last), False) if late else self.source.content(table, after, last)

    def _room(self) -> int:
        used = sum(_weight(chunk) for chunk, _, _ in self._waiting)
        if used and self._pace.rows - used < LEAST:
            self._send()
            used = 0
        return self._pace.rows - used

    def _add(self, table: Table, chunk: Chunk, statement: str, content: str) -> None:
        if self._waiting and sum(len(told) for _, _, told in self._waiting) + len(content) > LARGEST:
            self._send()
        self._waiting.append((chunk, statement, content))
        self._room()

    def _send(self) -> None:
        """Send what waits as one request, noted before; while Stash writes it, the next one is put together."""
        if not self._waiting:
            return
        self._landed()
        self._check_stop()
        chunks = [chunk for chunk, _, _ in self._waiting]
        self._request += 1
        self.log.begin(self._request, chunks)
        statements, contents = [statement for _, statement, _ in self._waiting], [content for _, _, content in self._waiting]
        self._flying = self._sender.submit(self.server.run, statements, contents), chunks
        self._waiting = []

    def _landed(self) -> None:
        """Wait for the request that was sent.  That it is done is noted together with the next one."""
        if self._flying is None:
            return
        (answer, chunks), self._flying = self._flying, None
        try:
            self._pace.took(answer.result(), sum(_weight(chunk) for chunk in chunks) / self._pace.rows)
        except ServerError as error:
            if not self._there(chunks):  # a request of a run that was killed may have come to its end meanwhile
                self.log.forget(self._request)
                tables = ", ".join(dict.fromkeys(chunk.table for chunk in chunks))
                raise LoadBroken(reason=f"Stash refused rows of {tables}: {self.source.fault() or error.details.get('reason')}") from error
        self._done += sum(chunk.rows for chunk in chunks if not chunk.late)
        self._progress(self._done, sum(self._counts.values()))


def _weight(chunk: Chunk) -> int:
    return chunk.rows * BY_NAME[chunk.table].weight


def _is_target(file: Path, sequence: list[tuple[str, int]]) -> bool:
    """Whether a file is the target's database, and not another one at the same path of another machine: it has the counters that were just set there."""
    with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(open_database(file)) as db:
        return set(sequence) <= set(db.execute("SELECT name,seq FROM sqlite_sequence"))
    return False
