"""What differs between two libraries: every record of both, matched, with the fields that they tell otherwise.  Reads, and decides nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import NamedTuple

from stashport.bundle.scratch import Scratch
from stashport.change.differences import Difference, differences
from stashport.change.match import Matches
from stashport.change.paths import PathMap
from stashport.change.translate import translated
from stashport.model.fields import BY_NAME
from stashport.model.reader import Reader
from stashport.model.records import Record, encode, number_of
from stashport.model.table import Field, Kind

SAME, DIFFERS, ONLY_A, ONLY_B, UNDECIDED = "same", "differs", "only_a", "only_b", "undecided"
OUTCOMES = (SAME, DIFFERS, ONLY_A, ONLY_B, UNDECIDED)
_PATHS = {"file": ("path",), "folder": ("path",)}


class Compared(NamedTuple):
    """One thing, as both libraries have it.

    a, b         its numbers there; None where it is not
    outcome      one of OUTCOMES; undecided: nobody knows which of several it is
    tier         what says that the two are the same
    name         what people call it
    differences  mine is what A has, theirs what B has; references are B's, and those to what only A has carry a minus: "tag:-5"
    """

    a: int | None
    b: int | None
    outcome: str
    tier: str = ""
    name: str = ""
    differences: tuple[Difference, ...] = ()


def compared(
    a: Reader, b: Reader, matches: Matches, kind: Kind, *, paths: PathMap, fields: Collection[str] | None = None, ignore: Collection[str] = ()
) -> Iterator[Compared]:
    """All records of a kind: A's in their order, then those that only B has.  Memory does not grow with the library: B's wait in a file.

    fields, ignore   names of fields: only these (None: all that both can tell), and not these
    Errors: those of the readers and of Scratch.
    """
    told = {f.name for f in a.fields(kind)}
    common = tuple(f for f in b.fields(kind) if f.name in told and f.name not in ignore and (fields is None or f.name in fields) and _known(f, matches))
    waiting = Scratch("CREATE TABLE record (number INTEGER PRIMARY KEY, line BLOB)")
    undecided = {side: Scratch("CREATE TABLE record (number INTEGER PRIMARY KEY)") for side in "ab"}
    try:
        for conflict in matches.conflicts(kind.name):
            for side, numbers in (("a", conflict.a), ("b", conflict.b)):
                undecided[side].many("INSERT OR IGNORE INTO record VALUES (?)", ((number,) for number in numbers))
        for batch in b.batches(kind, common):
            waiting.many("INSERT INTO record VALUES (?,?)", [(number_of(record["id"]), encode(record)) for record in batch.records])
        for batch in a.batches(kind, common):
            for record in batch.records:
                yield _one(record, kind, matches, waiting, undecided["a"], paths)
        for (number, line) in waiting.rows("SELECT number, line FROM record"):
            if matches.back(kind.name, number) is None:
                outcome = UNDECIDED if undecided["b"].one("SELECT 1 FROM record WHERE number=?", (number,)) else ONLY_B
                yield Compared(None, number, outcome, name=name_of(json.loads(line)))
    finally:
        for scratch in (waiting, *undecided.values()):
            scratch.close()


def _known(field: Field, matches: Matches) -> bool:
    """Whether what a field refers to was matched; else nothing can be said about it."""
    if field.to:
        return field.to in matches.kinds
    return all(_known(inner, matches) for inner in field.fields)


def _one(record: Record, kind: Kind, matches: Matches, waiting: Scratch, undecided: Scratch, paths: PathMap) -> Compared:
    number, name = number_of(record["id"]), name_of(record)
    found = matches.other(kind.name, number)
    if found is None:
        return Compared(number, None, UNDECIDED if undecided.one("SELECT 1 FROM record WHERE number=?", (number,)) else ONLY_A, name=name)
    other, tier = found
    row = waiting.one("SELECT line FROM record WHERE number=?", (other,))
    assert row

    def lookup(reference: str) -> str:
        target = reference.partition(":")[0]
        pair = matches.other(target, number_of(reference))
        return f"{target}:{pair[0]}" if pair else f"{target}:-{number_of(reference)}"

    mine, _ = translated(kind, record, lookup)
    for field in _PATHS.get(kind.name, ()):
        if mine.get(field):
            mine[field] = paths.apply(mine[field])[0]
    differing = tuple(differences(kind, mine, json.loads(row[0])))
    return Compared(number, other, DIFFERS if differing else SAME, tier, name, differing)


def name_of(record: Record) -> str:
    """What people call a record: its name, title or path, as far as it was read."""
    return next((str(record[key]) for key in ("name", "title", "path", "key") if record.get(key)), str(record["id"]))


def kinds_of(matches: Matches) -> list[Kind]:
    """The kinds that can be compared."""
    return [BY_NAME[name] for name in matches.kinds]
