"""Puts the records of an anonymous export in the order of their new numbers, which is as good as any: the old order would tell which was added when."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from stashport.model.records import Batch, number_of

_SIZE = 500


def shuffled(batches: Iterable[Batch]) -> Iterator[Batch]:
    """All records of a kind by their numbers.  They wait on disk, not in memory, until the last one has come."""
    waiting = sqlite3.connect("", isolation_level=None)
    try:
        waiting.execute("CREATE TABLE records (number INTEGER PRIMARY KEY, line BLOB)")
        waiting.execute("BEGIN")
        for batch in batches:
            numbers = (number_of(record["id"]) for record in batch.records)
            waiting.executemany("INSERT INTO records VALUES (?,?)", zip(numbers, batch.lines, strict=True))
        found = waiting.execute("SELECT line FROM records ORDER BY number")
        while rows := found.fetchmany(_SIZE):
            yield Batch(lines=[line for (line,) in rows])
    finally:
        waiting.close()
