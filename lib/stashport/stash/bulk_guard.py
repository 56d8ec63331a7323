"""What stands between us and another person's database: every statement that we send goes through `Guarded`, and nothing else does.

Only a schema that is known, in tables that are exactly as known, while no task of Stash is at work; statements only from our own list, data only as JSON
arguments; every request asserts the schema within its own transaction, and none is large or long.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stashport.atomic import human_size
from stashport.errors import DiskFull, StashAtWork, UnknownTables
from stashport.stash.bulk_tables import BY_NAME, SCHEMA, TABLES
from stashport.stash.connection import Connection

LARGEST = 2_000_000
GOAL = 0.05
LEAST, MOST = 200, 20_000
QUEUE_SECONDS = 1.0
_EXEC = "mutation StashPortBulk($s:String!,$a:[Any]){execSQL(sql:$s,args:$a){rows_affected}}"
_ASK = "mutation StashPortAsk($s:String!,$a:[Any]){querySQL(sql:$s,args:$a){rows}}"
_ASSERT = f"SELECT json_extract('{{}}','port: schema '||version) FROM schema_migrations WHERE version<>{SCHEMA} OR dirty; "
_INFO = """SELECT m.name,p.name,p.type,p."notnull",p.dflt_value,p.pk FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type='table'
    ORDER BY m.name,p.cid"""
_STATUS = "query StashPortTarget{systemStatus{databasePath workingDir} configuration{general{blobsStorage blobsPath}}}"
# What would end the transaction that we stand in, or reach beyond this database.
_FORBIDDEN = re.compile(r"\b(?:COMMIT|ROLLBACK|BEGIN|SAVEPOINT|RELEASE|ATTACH|DETACH|VACUUM|load_extension|writefile)\b", re.IGNORECASE)
_PRAGMA = re.compile(r"\bPRAGMA\s+(?!(?:cache_size|defer_foreign_keys|foreign_key_check|quick_check)\b)", re.IGNORECASE)


class Pace:
    """How many rows go into the next request, so that none takes much longer than `GOAL` seconds."""

    def __init__(self, rows: int = 2000) -> None:
        self.rows, self.longest = rows, 0.0

    def took(self, seconds: float, share: float = 1.0) -> None:
        """Learn from a request; `share` of the rows that were allowed were in it."""
        self.longest = max(self.longest, seconds)
        factor = GOAL * max(share, 0.02) / max(seconds, 0.001)
        # A request that was far from full says nothing for a larger one.
        factor = min(factor, 2.0 if share > 0.5 else 1.0)
        self.rows = int(min(MOST, max(LEAST, self.rows * max(0.3, factor))))


class Guarded:
    """A running Stash whose database may be written to by SQL, after `check`.

    own_job   the id of the job that we are, which may stand in the queue
    Errors: those of Connection; StashAtWork, UnknownTables.
    """

    def __init__(self, connection: Connection, own_job: str | None = None) -> None:
        self.connection, self._own = connection, own_job
        self._next_look = 0.0
        self.requests = 0
        self._cache: int | None = None

    def check(self, source: Sequence[Sequence[Any]] | None = None) -> dict[str, Any]:
        """All guards, before anything is written; what the server says of itself.

        source   the answer to `table_info` of the database that rows will come from: its tables must be those of the target to the letter
        """
        self.look(starting=True)  # first, since a task that writes would make the questions below wait for its end
        told = self.connection.query(_STATUS)
        if (found := self.ask("SELECT version,dirty FROM schema_migrations")) != [[SCHEMA, False]]:
            unfinished = ", from a migration that did not come to its end" if any(row[1] for row in found) else ""
            raise UnknownTables(reason=f"its database has schema {found[0][0] if found else 'unknown'}{unfinished}, and {SCHEMA} is the one that is known")
        here = self.ask(_INFO)
        known, first = _by_table(here), _by_table(source) if source is not None else None
        for table in TABLES:
            columns = known.get(table.name, [])
            if {column[0] for column in columns} != set(table.columns):
                raise UnknownTables(reason=f"its table {table.name} has the columns {', '.join(str(c[0]) for c in columns) or '(none)'}")
            if first is not None and first.get(table.name) != columns:
                raise UnknownTables(reason=f"its table {table.name} is not declared as that of the source")
        if triggers := self.ask("SELECT name FROM sqlite_master WHERE type='trigger'"):
            raise UnknownTables(reason=f"something was added to its database that acts on its own (the trigger {triggers[0][0]})")
        return told

    def look(self, *, starting: bool = False) -> None:
        """Refuse while a task is at work, or waits; asked of the server once a second at most.

        While our own job is running, those that wait behind it have to: they matter at the start only.
        """
        if time.monotonic() < self._next_look and not starting:
            return
        jobs = self.connection.query("query StashPortQueue{jobQueue{id status description}}")["jobQueue"] or []
        running = any(job["id"] == self._own and job["status"] == "RUNNING" for job in jobs)
        for job in jobs:
            if job["id"] != self._own and (starting or not (running and job["status"] == "READY")):
                raise StashAtWork(url=self.connection.url, job=job["description"] or job["id"])
        self._next_look = time.monotonic() + QUEUE_SECONDS

    def run(self, statements: Sequence[str], arguments: Sequence[str] = ()) -> float:
        """Run statements in one transaction, all or nothing; the seconds that it took.

        arguments   JSON texts, one for each ? in order; one that is too large must be alone in its request
        Errors: ServerError; then nothing of it was written.  Unreachable; then it may have been.
        """
        sql = "; ".join(statements)
        _check_statement(sql)
        if len(arguments) != sql.count("?") or (len(arguments) > 1 and sum(map(len, arguments)) > LARGEST):
            raise ValueError("not sent to Stash: a request whose arguments do not fit, or are too large")
        self.look()
        begun = time.monotonic()
        self.connection.mutate(_EXEC, {"s": _ASSERT + sql, "a": list(arguments)})
        self.requests += 1
        return time.monotonic() - begun

    def ask(self, sql: str, arguments: Sequence[str] = ()) -> list[list[Any]]:
        """The rows of one SELECT or checking PRAGMA."""
        _check_statement(sql)
        if not sql.startswith(("SELECT ", "PRAGMA ")):
            raise ValueError("not sent to Stash: a question that could write")
        rows: list[list[Any]] = self.connection.mutate(_ASK, {"s": sql, "a": list(arguments)})["querySQL"]["rows"] or []
        return rows

    def larger_cache(self) -> None:
        """Let Stash's writing connection keep more pages at hand, until `usual_cache`.  Stash forgets it by itself after 30 s without a write."""
        if self._cache is None:
            self._cache = int(self.ask("PRAGMA cache_size")[0][0])
        self.run(["PRAGMA cache_size=-64000"])

    def usual_cache(self) -> None:
        """As it was: Stash's own default is 2 MB, and what a killed run of ours may have left is not taken for it."""
        if self._cache is not None:
            self.run([f"PRAGMA cache_size={-2000 if self._cache == -64000 else self._cache}"])
            self._cache = None


def _check_statement(sql: str) -> None:
    if found := _FORBIDDEN.search(sql) or _PRAGMA.search(sql):
        raise ValueError(f"not sent to Stash: a statement with {found[0]}")


def table_info(db: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """What `check` compares, of a database file."""
    return db.execute(_INFO).fetchall()


def _by_table(rows: Sequence[Sequence[Any]]) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for name, *column in rows:
        found.setdefault(name, []).append((column[0], *map(str, column[1:])))
    return {name: columns for name, columns in found.items() if name in BY_NAME}


def check_space(told: dict[str, Any], needed: int) -> Path | None:
    """The server's database file where it seems to be within reach, after a look at the free space of its disk; None where it is not.

    Errors: DiskFull.
    """
    path = Path(told["systemStatus"]["workingDir"], told["systemStatus"]["databasePath"])
    with contextlib.suppress(OSError, ValueError):
        if path.is_file():
            free = shutil.disk_usage(path.parent).free
            if free < needed:
                raise DiskFull(place=path, free=human_size(free), needed=human_size(needed))
            return path
    return None
