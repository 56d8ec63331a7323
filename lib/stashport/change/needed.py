"""Finds out which of the records that a run made cannot go again: somebody has changed them since, or something refers to them that stays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from stashport.bundle.scratch import Scratch
from stashport.errors import BadFilter
from stashport.model.reader import Reader
from stashport.model.records import IdSet, Record, number_of, references
from stashport.model.saved_filters import convert, named
from stashport.model.table import Field, Kind

_TABLES = (
    "CREATE TABLE stays (kind TEXT, number INTEGER, reason TEXT, PRIMARY KEY (kind, number)) WITHOUT ROWID",
    "CREATE TABLE needs (kind TEXT, number INTEGER, other TEXT, other_number INTEGER, PRIMARY KEY (kind, number, other, other_number)) WITHOUT ROWID",
)
_SPREAD = """INSERT OR IGNORE INTO stays SELECT n.other, n.other_number, 'used by '||n.kind||':'||n.number||', which stays'
    FROM needs n JOIN stays s ON s.kind=n.kind AND s.number=n.number"""


class Needed:
    """`made`: the numbers of the records that the run made, by kind.  Memory does not grow with the library.  Errors: those of Scratch."""

    def __init__(self, made: Mapping[str, IdSet]) -> None:
        self._made = made
        self._work = Scratch(*_TABLES)

    def close(self) -> None:
        """Let go of the disk."""
        self._work.close()

    def stays(self, kind: str, number: int, reason: str) -> None:
        """Take in that a record that was made stays."""
        self._work.run("INSERT OR IGNORE INTO stays VALUES (?,?,?)", (kind, number, reason))

    def look(self, reader: Reader, after: Callable[[str], Record]) -> None:
        """Read what all records refer to.  `after` gives, for an id, the values that undoing will have given it by then."""
        made = {kind for kind, numbers in self._made.items() if len(numbers)}
        for kind in reader.kinds() if made else ():
            fields = tuple(f for f in reader.fields(kind) if _concerns(f, made) or (kind.name == "saved_filter" and f.name in ("mode", "object_filter")))
            for batch in reader.batches(kind, fields) if fields else ():
                for record in batch.records:
                    self._look(kind, fields, record, after)
        while self._work.run(_SPREAD) > 0:
            pass

    def reason(self, kind: str, number: int) -> str:
        """Why a record stays; "" when it can go."""
        row = self._work.one("SELECT reason FROM stays WHERE kind=? AND number=?", (kind, number))
        return str(row[0]) if row else ""

    def _look(self, kind: Kind, fields: Collection[Field], record: Record, after: Callable[[str], Record]) -> None:
        found = set(self._used({**record, **after(record["id"])}, fields))
        if not found:
            return
        number = number_of(record["id"])
        if number in self._made.get(kind.name, ()):
            self._work.many("INSERT OR IGNORE INTO needs VALUES (?,?,?,?)", ((kind.name, number, *one) for one in found))
            return
        for one in found:
            self.stays(*one, f"used by {record['id']}, which this run did not make")

    def _used(self, record: Record, fields: Collection[Field]) -> Iterator[tuple[str, int]]:
        """What a record refers to of what was made."""
        for kind, one in (*references(record, [f for f in fields if f.refers]), *_filtered_by(record)):
            number = number_of(one)
            if number in self._made.get(kind, ()):
                yield kind, number


def _concerns(field: Field, made: Collection[str]) -> bool:
    return field.to in made or any(_concerns(inner, made) for inner in field.fields)


def _filtered_by(record: Record) -> Iterable[tuple[str, str]]:
    """What a saved filter names: without that, it would choose other things."""
    criteria: dict[str, Any] | None = record.get("object_filter")
    if not criteria:
        return ()
    plural = str(record.get("mode")).lower()
    try:
        return [(one.kind, f"{one.kind}:{one.number}") for one in named(plural, convert(plural, criteria), criteria)]
    except (BadFilter, KeyError):  # what nobody can read names nobody; KeyError: a mode that is none
        return ()
