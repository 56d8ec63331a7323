"""The records that two libraries share because they are one Stash at two times: known by number and time of creation, so that only the rest is looked at.

Numbers are never used again, and what was deleted and made anew has another time.  This is the rule `record` of model/identity.py, for all of a kind at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from stashport.bundle.scratch import Scratch
from stashport.model.identity_keys import born
from stashport.model.reader import Reader
from stashport.model.records import IdSet, number_of
from stashport.model.table import Kind


class VerySame(NamedTuple):
    """pairs: numbers that mean the same record on both sides; rest: the other numbers of each side."""

    pairs: IdSet
    rest: tuple[IdSet, IdSet]


def very_same(a: Reader, b: Reader, kind: Kind, progress: Callable[[Kind, int], object] | None) -> VerySame | None:
    """Those of a kind; None for a kind that does not tell when its records were made.  Errors: those of the readers and of Scratch."""
    if not all(any(f.name == "created_at" for f in reader.fields(kind)) for reader in (a, b)):
        return None
    pairs, rest = IdSet(), (IdSet(), IdSet())
    known = Scratch("CREATE TABLE born (number INTEGER PRIMARY KEY, at TEXT)")
    try:
        for batch in _born(a, kind, progress):
            known.many("INSERT OR IGNORE INTO born VALUES (?,?)", batch)
            rest[0].add_all(number for number, _ in batch)
        for batch in _born(b, kind, progress):
            for number, at in batch:
                row = known.one("SELECT at FROM born WHERE number=?", (number,)) if at else None
                (pairs if row and row[0] == at else rest[1]).add(number)
    finally:
        known.close()
    return VerySame(pairs, (rest[0].minus(pairs), rest[1]))


def _born(reader: Reader, kind: Kind, progress: Callable[[Kind, int], object] | None) -> Iterator[list[tuple[int, str]]]:
    fields = tuple(f for f in reader.fields(kind) if f.name == "created_at")
    for batch in reader.batches(kind, fields):
        yield [(number_of(record["id"]), born(record)) for record in batch.records]
        if progress:
            progress(kind, len(batch))
