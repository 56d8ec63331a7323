"""A small library that can be changed, for plans to be applied to: records in an SQLite file, so that it outlives a process that is killed.

It behaves as Stash does where that matters: a record is made and changed in several steps (what has mutations of its own comes later), histories are
written as differences, texts are trimmed, names are unique, references must lead somewhere, and what refers to a deleted record loses that reference.
`tick` is called before and after everything that a server would be asked; raising or dying there is a fault.  One that is `exact` takes times, too, and
otherwise sets when a record was changed.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stashport.model.fields import BY_NAME, KINDS
from stashport.model.records import Batch, dumps, keep_references, number_of, reference_fields, references, to_bytes
from stashport.stash.writing import Written

if TYPE_CHECKING:
    from stashport.model.records import IdSet, Record
    from stashport.model.table import Field, Kind

Tick = Callable[[str], object]
_EMPTY: dict[str, Any] = {"texts": [], "times": [], "refs": [], "rows": [], "map": {}, "bool": False}
PICTURE = b"picture"


class Library:
    """The library, and its own Target: `writer` is itself."""

    def __init__(self, path: Path, tick: Tick = lambda _: None, *, exact: bool = False) -> None:
        self.path, self.tick, self.sent = path, tick, 0
        self.writer = self
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA synchronous=OFF")  # of this process's death, not of the machine's
        self.db.execute("CREATE TABLE IF NOT EXISTS record (kind TEXT, number INTEGER, line BLOB, PRIMARY KEY (kind, number)) WITHOUT ROWID")
        self.db.execute("CREATE TABLE IF NOT EXISTS counter (kind TEXT PRIMARY KEY, last INTEGER)")
        if exact:
            self.db.execute("PRAGMA user_version=1")
        self.exact = bool(self.db.execute("PRAGMA user_version").fetchone()[0])

    # --- as a reader --------------------------------------------------------------------------------------------------------------------------------------

    name = "fake"

    @contextmanager
    def fresh(self) -> Iterator[Library]:
        """See it as it is."""
        yield self

    def kinds(self) -> list[Kind]:
        """All kinds with numbers."""
        return [kind for kind in KINDS if kind.table]

    def fields(self, kind: Kind) -> tuple[Field, ...]:
        """All fields of a kind."""
        return kind.fields

    def count(self, kind: Kind) -> int:
        """How many records there are."""
        return int(self.db.execute("SELECT count(*) FROM record WHERE kind=?", (kind.name,)).fetchone()[0])

    def batches(self, kind: Kind, fields: Sequence[Field], only: IdSet | None = None) -> Iterator[Batch]:
        """Records, ordered by number."""
        self.tick("read")
        where, names = "" if only is None else "AND number IN (SELECT value FROM json_each(?))", [f.name for f in fields]
        arguments = (kind.name,) if only is None else (kind.name, json.dumps(list(only)))
        rows = self.db.execute(f"SELECT line FROM record WHERE kind=? {where} ORDER BY number", arguments).fetchall()
        records = [json.loads(line) for (line,) in rows]
        if records:
            yield Batch(records=[{"id": record["id"], **{name: record[name] for name in names}} for record in records])

    def image(self, checksum: str) -> bytes | None:
        """Made up from its checksum."""
        return PICTURE + checksum.encode()

    # --- as a writer --------------------------------------------------------------------------------------------------------------------------------------

    def cannot(self, kind: Kind) -> dict[str, str]:
        """It sets times itself."""
        return {} if self.exact else {f.name: "now" for f in kind.fields if f.type == "time"}

    def cannot_change(self, kind: Kind) -> dict[str, str]:
        """The same."""
        return self.cannot(kind)

    def creates(self, kind: Kind) -> bool:
        """It makes everything."""
        return True

    def create(self, kind: Kind, records: Sequence[Record]) -> list[Written]:
        """Make records: first what belongs together, then the rest."""
        answers = []
        for record in records:
            self.tick("create")
            if reason := self._refused(kind, {}, record):
                answers.append(Written(None, reason))
                continue
            self.sent += 1
            soon = {name: value for name, value in record.items() if _soon(kind.by_name[name])}
            made = {"id": "", **{f.name: _EMPTY.get(f.type) for f in kind.fields}, **soon}
            identity = self.add(kind, made)
            self.tick("created")
            self._late(kind, identity, {}, record)
            answers.append(Written(identity))
        return answers

    def update(self, kind: Kind, changes: Sequence[tuple[Record, Record]]) -> list[Written]:
        """Change records: what differs."""
        answers = []
        for mine, wanted in changes:
            self.tick("update")
            assert mine.keys() == wanted.keys()
            there = self.get(mine["id"])
            if there is None or (reason := self._refused(kind, there, wanted)):
                answers.append(Written(None, "gone" if there is None else reason))
                continue
            different = {name: wanted[name] for name in wanted if name != "id" and wanted[name] != mine[name]}
            self.sent += bool(different)
            now = {"updated_at": f"2030-01-01T00:00:00.{self.sent:06}Z"} if self.exact and different else {}
            self.put(kind, {**there, **now, **{name: value for name, value in different.items() if _soon(kind.by_name[name])}})
            self.tick("updated")
            self._late(kind, mine["id"], mine, different)
            answers.append(Written(mine["id"]))
        return answers

    def delete(self, kind: Kind, ids: Sequence[str]) -> list[Written]:
        """Delete records, and what refers to them loses that."""
        for identity in ids:
            self.tick("delete")
            self.sent += 1
            self.db.execute("BEGIN")
            self.db.execute("DELETE FROM record WHERE kind=? AND number=?", (kind.name, number_of(identity)))
            for other in self.kinds():
                fields = reference_fields(other.fields)
                for record in self.records(other.name):
                    if any(one == identity for _, one in references(record, fields)):
                        keep_references(record, fields, lambda _, one, gone=identity: one != gone)
                        self._whole(record)
                        self.put(other, record)
            self.db.execute("COMMIT")
            self.tick("deleted")
        return [Written(one) for one in ids]

    def _late(self, kind: Kind, identity: str, mine: Record, wanted: Record) -> None:
        for name, value in wanted.items():
            if _soon(kind.by_name[name]):
                continue
            of, there = kind.by_name[name], self.get(identity)
            assert there is not None
            if of.type == "times":
                for step in _differences(there[name], mine.get(name) or [], value or []):
                    self.put(kind, {**there, name: step})
                    self.tick("history")
            else:
                self.put(kind, {**there, name: value})
            self.tick(name)

    def _refused(self, kind: Kind, there: Record, record: Record) -> str:
        name = record.get("name")
        if name and "refused" in name:
            return "the server does not want it"
        if name and kind.name == "tag" and any(one["name"] == name.strip() and one["id"] != there.get("id") for one in self.records("tag")):
            return "there is another one of that name"
        for _, one in references(record, reference_fields(kind.fields)):
            if self.get(one) is None:
                return f"{one} is not there"
        return ""

    @staticmethod
    def _whole(record: Record) -> None:
        if record.get("scene_markers"):
            record["scene_markers"] = [row for row in record["scene_markers"] if row["primary_tag"]]

    # --- what is in it ------------------------------------------------------------------------------------------------------------------------------------

    def add(self, kind: Kind, record: Record) -> str:
        """Put a record in under the next number; its id."""
        self.db.execute("BEGIN")
        row = self.db.execute("SELECT last FROM counter WHERE kind=?", (kind.name,)).fetchone()
        number = (row[0] if row else 0) + 1
        self.db.execute("INSERT OR REPLACE INTO counter VALUES (?,?)", (kind.name, number))
        times = dict.fromkeys(("created_at", "updated_at"), "2029-01-01T00:00:00Z") if self.exact and "updated_at" in kind.by_name else {}
        self.put(kind, {**record, **{name: record.get(name) or value for name, value in times.items()}, "id": f"{kind.name}:{number}"})
        self.db.execute("COMMIT")
        return f"{kind.name}:{number}"

    def new(self, kind: str, **values: Any) -> str:
        """Put a record with these values in; its id."""
        return self.add(BY_NAME[kind], {"id": "", **{f.name: _EMPTY.get(f.type) for f in BY_NAME[kind].fields}, **values})

    def put(self, kind: Kind, record: Record) -> None:
        """Store a record."""
        stored = {name: value.strip() or None if isinstance(value, str) else value for name, value in record.items()}
        line = to_bytes(dumps(stored))
        self.db.execute("INSERT OR REPLACE INTO record VALUES (?,?,?)", (kind.name, number_of(record["id"]), line))

    def edit(self, identity: str, **values: Any) -> None:
        """Somebody changes a record in the page."""
        there = self.get(identity)
        assert there is not None
        self.put(BY_NAME[identity.partition(":")[0]], {**there, **values})

    def get(self, identity: str) -> Record | None:
        """A record, or None."""
        kind = identity.partition(":")[0]
        row = self.db.execute("SELECT line FROM record WHERE kind=? AND number=?", (kind, number_of(identity))).fetchone()
        return None if row is None else json.loads(row[0])

    def records(self, kind: str) -> list[Record]:
        """All records of a kind."""
        return [json.loads(line) for (line,) in self.db.execute("SELECT line FROM record WHERE kind=? ORDER BY number", (kind,)).fetchall()]

    def everything(self) -> dict[str, Record]:
        """All records by their id."""
        return {record["id"]: record for kind in self.kinds() for record in self.records(kind.name)}

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()


def _soon(field: Field) -> bool:
    """Whether it is written together with the record itself."""
    return not field.write.startswith("mutation")


def _differences(there: list[str], mine: list[str], wanted: list[str]) -> Iterable[list[str]]:
    """The states of a history on its way, one instant after the other: what is stored, and what the writer believes to be stored."""
    add, drop = Counter(wanted) - Counter(mine), Counter(mine) - Counter(wanted)
    state = Counter(there)
    for one in sorted(add.elements()):
        state[one] += 1
        yield sorted(state.elements())
    for one in sorted(drop.elements()):
        state[one] -= 1
        yield sorted((+state).elements())
