"""A plan as a file: steps in the order in which they are applied, and what was known when it was made.  An SQLite file, written once, then only read.

Whoever applies it names its SHA-256, so that what was shown is what is done.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stashport.atomic import file_error
from stashport.change.steps import ACTIONS, SKIP, WRITING, Step, parsed
from stashport.errors import BadRequest, DiskFull, PlanChanged
from stashport.model.fields import KINDS
from stashport.model.records import dumps, to_bytes

NAME = "plan.sqlite"
FORMAT = 1
_ORDER = {kind.name: number for number, kind in enumerate(KINDS)}
_RANK = {action: number for number, action in enumerate(WRITING)}
_COLUMNS = ("kind", "action", "source", "target", "name", "tier", "reason", "counted")
_TABLES = """CREATE TABLE fact (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE step (number INTEGER PRIMARY KEY, phase INTEGER, place INTEGER, kind TEXT, action TEXT, source TEXT, target TEXT, name TEXT, tier TEXT,
    reason TEXT, counted INTEGER, body TEXT);
CREATE INDEX step_shown ON step (action, kind, number);
CREATE INDEX step_applied ON step (phase, place, number) WHERE place IS NOT NULL"""
_INSERT = f"INSERT INTO step (phase, place, {', '.join(_COLUMNS)}, body) VALUES ({', '.join('?' * (len(_COLUMNS) + 3))})"  # noqa: S608 - our own names
_SELECT = f"SELECT number, {', '.join(_COLUMNS)}, body FROM step"  # noqa: S608 - our own names
_BATCH = 500


class PlanWriter:
    """A plan that is being made, at a path that is not there yet.  A context manager: what is not finished is removed.

    Errors: CannotWrite, DiskFull.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[tuple[Any, ...]] = []
        try:
            path.unlink(missing_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise _told(error, path) from error
        for statement in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", *_TABLES.split(";"), "BEGIN"):
            self._run(statement)
        self._finished = False

    def __enter__(self) -> PlanWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        if not self._finished:
            self.path.unlink(missing_ok=True)

    def add(self, step: Step, phase: int = 0) -> None:
        """Put a step in.  `phase`: steps of a lower one are applied before; within one, by kind, updates first, and then in the order in which they came."""
        place = _ORDER[step.kind] * 10 + _RANK[step.action] if step.action in _RANK else None
        columns = [_readable(value) if isinstance(value := getattr(step, name), str) else value for name in _COLUMNS]
        self._waiting.append((phase, place, *columns, to_bytes(dumps(step.body())).decode()))
        if len(self._waiting) >= _BATCH:
            self._flush()

    def finish(self, facts: Mapping[str, Any]) -> str:
        """Write what is known besides the steps, and close the file; its SHA-256 in hexadecimal."""
        self._flush()
        for key, value in {"format": FORMAT, **facts}.items():
            self._run("INSERT INTO fact VALUES (?,?)", (key, json.dumps(value)))
        self._run("COMMIT")
        self._db.close()
        self._finished = True
        return checksum(self.path)

    def _flush(self) -> None:
        rows, self._waiting = self._waiting, []
        try:
            self._db.executemany(_INSERT, rows)
        except sqlite3.OperationalError as error:
            raise _told(error, self.path) from error

    def _run(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        try:
            self._db.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise _told(error, self.path) from error


class Plan:
    """A plan that was made.  Errors: PlanChanged for a file that is none, or not the one with `sha256`."""

    def __init__(self, path: Path, sha256: str | None = None) -> None:
        self.path = path
        try:
            if sha256 is not None and checksum(path) != sha256:
                raise PlanChanged(place=path, reason="it is not the file that was made")
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
            self.facts: dict[str, Any] = {key: json.loads(value) for key, value in self._db.execute("SELECT key, value FROM fact")}
        except (OSError, ValueError, sqlite3.Error) as error:
            raise PlanChanged(place=path, reason=f"it cannot be read ({error})") from error
        if self.facts.get("format") != FORMAT:
            self._db.close()
            raise PlanChanged(place=path, reason="another version of Stash Port made it")

    def __enter__(self) -> Plan:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(statement, values)
        except sqlite3.DatabaseError as error:
            raise PlanChanged(place=self.path, reason=f"it cannot be read ({error})") from error

    def applied(self, after: int = -1) -> Iterator[tuple[int, Step]]:
        """(place in the order, step) of all that is written, in the order in which it is applied; `after` leaves out all up to that place."""
        rows = self._rows(f"{_SELECT} WHERE place IS NOT NULL ORDER BY phase, place, number")
        for place, row in enumerate(rows):
            if place > after:
                yield place, _step(row)

    def shown(self, *, action: str = "", kind: str = "", after: int = 0, most: int = 100) -> list[tuple[int, Step]]:
        """(number, step) of a page of the plan, by action and kind where they are given, in the order in which they were planned.  Errors: BadRequest."""
        if action and action not in ACTIONS:
            raise BadRequest(what=f'A plan has no steps "{action}": choose one of {", ".join(ACTIONS)}.')
        wanted = [("number > ?", after)] + ([("action = ?", action)] if action else []) + ([("kind = ?", kind)] if kind else [])
        where = " AND ".join(text for text, _ in wanted)
        rows = self._rows(f"{_SELECT} WHERE {where} ORDER BY number LIMIT {int(most)}", [value for _, value in wanted])
        return [(row[0], _step(row)) for row in rows]

    def steps(self, *actions: str) -> Iterator[Step]:
        """All steps with these actions, in the order in which they were planned."""
        rows = self._rows(f"{_SELECT} WHERE action IN ({','.join('?' * len(actions))}) ORDER BY number", actions)
        return (_step(row) for row in rows)

    def totals(self) -> dict[str, dict[str, int]]:
        """By kind: how many records each action stands for, unchanged ones too."""
        found: dict[str, dict[str, int]] = {kind: dict(counts) for kind, counts in self.facts.get("unchanged", {}).items()}
        for kind, action, number in self._rows("SELECT kind, action, count(*) FROM step WHERE counted GROUP BY kind, action"):
            counts = found.setdefault(kind, {})
            counts[action] = counts.get(action, 0) + number
        return {kind: found[kind] for kind in _ORDER if kind in found}

    def count(self) -> int:
        """How many steps are written."""
        return int(next(self._rows("SELECT count(*) FROM step WHERE place IS NOT NULL"))[0])

    def reasons(self, action: str) -> list[tuple[str, str, int]]:
        """(kind, reason, number) of the records of an action, the most frequent first; of those that were left out, also of what has no step."""
        rows = self._rows("SELECT kind, reason, count(*) n FROM step WHERE action=? GROUP BY kind, reason ORDER BY n DESC LIMIT 100", (action,))
        found = Counter({(kind, reason): number for kind, reason, number in rows})
        if action == SKIP:
            found.update({(kind, reason): number for kind, told in self.facts.get("skipped", {}).items() for reason, number in told.items()})
        return [(kind, reason, number) for (kind, reason), number in found.most_common(100)]

    def fields(self) -> dict[str, dict[str, int]]:
        """By kind: how many records get another value of each field."""
        rows = self._rows("""SELECT kind, json_extract(c.value,'$[0]') f, count(*) FROM step, json_each(body,'$.changes') c
            WHERE action IN ('update','link') AND target NOT LIKE '%:-%' GROUP BY kind, f ORDER BY 3 DESC""")
        found: dict[str, dict[str, int]] = {}
        for kind, field, number in rows:
            found.setdefault(kind, {})[field] = number
        return found


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def _step(row: tuple[Any, ...]) -> Step:
    columns = dict(zip(_COLUMNS, row[1:-1], strict=True))
    return parsed({**columns, "counted": bool(columns["counted"])}, json.loads(row[-1]))


def _readable(text: str) -> str:
    """A text for people; bytes in it that were no UTF-8 (file names can hold any) as escapes."""
    return to_bytes(text).decode()


def _told(error: Exception, path: Path) -> Exception:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    if isinstance(error, sqlite3.Error):
        return DiskFull(place=path.parent, free="not enough", needed="more") if "full" in str(error) else file_error(OSError(5, str(error)), path)
    return file_error(error, path) if isinstance(error, OSError) else error
