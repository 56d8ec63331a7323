"""Puts the records of an anonymous export in the order of their new numbers, which is as good as any: the old order would tell which was added when."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from stashport.bundle.aside import Aside
from stashport.bundle.scratch import Scratch
from stashport.model.records import Batch, number_of

_SIZE = 500


def shuffled(batches: Iterable[Batch], aside: Aside | None = None) -> Iterator[Batch]:
    """All records of a kind by their numbers.  They wait on disk, not in memory, until the last one has come; `aside` hides them there.

    Errors: those of Scratch.
    """
    waiting = Scratch("CREATE TABLE records (number INTEGER PRIMARY KEY, line BLOB)")
    try:
        for batch in batches:
            numbers = (number_of(record["id"]) for record in batch.records)
            lines = map(aside.hide, batch.lines) if aside else batch.lines
            waiting.many("INSERT INTO records VALUES (?,?)", zip(numbers, lines, strict=True))
        found = waiting.rows("SELECT line FROM records ORDER BY number")
        while rows := list(itertools.islice(found, _SIZE)):
            yield Batch(lines=[aside.show(line) if aside else line for (line,) in rows])
    finally:
        waiting.close()
