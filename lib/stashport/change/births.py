"""Which records of a source become new ones in the target, which wait for their files, and what belongs together after a person's decisions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from stashport.change.decisions import Decisions
from stashport.change.match import Conflict, Matches
from stashport.model.fields import BY_NAME
from stashport.model.reader import Reader
from stashport.model.records import IdSet, Record, number_of
from stashport.model.table import Kind

# What says that a record is about files: such records are made by a scan, so that without their files they must wait.
FILED: Mapping[str, tuple[str, ...]] = {"scene": ("files",), "image": ("visual_files",), "gallery": ("files", "folder")}
SCANNED = ("file", "folder")


class Pairing:
    """What belongs together: what was matched, and what a person said about it.

    A pair that was decided frees its two records of their other matches.  Decisions about records that are not there (any more) do not count.
    """

    def __init__(self, matches: Matches, decisions: Decisions) -> None:
        self._matches, self._decisions = matches, decisions
        self._decided: dict[str, dict[int, int]] = {}
        for name in matches.kinds:
            if told := decisions.pairs(name):
                here, there = self._there(name, "a", told), self._there(name, "b", told.values())
                self._decided[name] = {a: b for a, b in told.items() if a in here and b in there}
        self._taken = {name: frozenset(told.values()) for name, told in self._decided.items()}

    @property
    def kinds(self) -> list[str]:
        """The kinds that both sides tell."""
        return self._matches.kinds

    def other(self, kind: str, number: int) -> tuple[int, str] | None:
        """The target's number for one of the source's, and the tier; None where there is no pair."""
        decided = self._decided.get(kind)
        if decided and number in decided:
            return decided[number], "decided"
        if self._decisions.leave(kind, number) or self._decisions.new(kind, number):
            return None
        found = self._matches.other(kind, number)
        return None if found is None or found[0] in self._taken.get(kind, ()) else found

    def pairs(self, kind: str) -> Iterator[tuple[int, int]]:
        """The source's and the target's number of each pair."""
        decided = self._decided.get(kind, {})
        yield from decided.items()
        for number, other, _ in self._matches.pairs(kind):
            if number not in decided and other not in self._taken.get(kind, ()) and not self._said(kind, number):
                yield number, other

    def alone(self, kind: str) -> Iterator[int]:
        """The source's numbers that have no counterpart: nothing was found for them, they were said to be new, or another took what was found."""
        decided, taken = self._decided.get(kind, {}), self._taken.get(kind, frozenset())
        for number in self._matches.alone(kind, "a"):
            if number not in decided and not self._decisions.leave(kind, number):
                yield number
        if not self._decisions.about(kind):
            return
        for number, other, _ in self._matches.pairs(kind):
            if number not in decided and not self._decisions.leave(kind, number) and (other in taken or self._decisions.new(kind, number)):
                yield number
        for conflict in self._matches.conflicts(kind):
            nobody = taken.issuperset(conflict.b)
            for number in conflict.a:
                if number not in decided and not self._decisions.leave(kind, number) and (nobody or self._decisions.new(kind, number)):
                    yield number

    def conflicts(self, kind: str) -> Iterator[Conflict]:
        """What is still to decide: conflicts with a record of the source about which nothing was said."""
        decided, taken = self._decided.get(kind, {}), self._taken.get(kind, frozenset())
        for one in self._matches.conflicts(kind):
            a = tuple(n for n in one.a if n not in decided and not self._said(kind, n))
            b = tuple(n for n in one.b if n not in taken)
            if a and b:
                yield Conflict(kind, a, b, one.tier, one.reason)

    def left(self, kind: str) -> Collection[int]:
        """The source's numbers that were said to be left out."""
        return self._there(kind, "a", self._decisions.left(kind))

    def _there(self, kind: str, side: str, numbers: Collection[int]) -> set[int]:
        """Those of some numbers that a library has; a server that is asked for records that are gone answers with an error."""
        wanted = set(numbers)
        if not wanted:
            return wanted
        paired = self._matches.other if side == "a" else self._matches.back
        found = {n for n in wanted if paired(kind, n)}
        found.update(n for n in self._matches.alone(kind, side) if n in wanted)
        for conflict in self._matches.conflicts(kind):
            found |= wanted.intersection(conflict.a if side == "a" else conflict.b)
        return found

    def _said(self, kind: str, number: int) -> bool:
        return self._decisions.new(kind, number) or self._decisions.leave(kind, number)


class Births:
    """Numbers of the source's records by what becomes of those that the target lacks.

    new       they are created
    waiting   they have no file there yet
    left      they are left out: nothing of the kind is created
    apart     they would be created, but their name is taken: a person decides
    """

    def __init__(self) -> None:
        self.new: dict[str, IdSet] = {}
        self.waiting: dict[str, IdSet] = {}
        self.left: dict[str, IdSet] = {}
        self.apart: dict[str, IdSet] = {}

    def look(self, kind: Kind, source: Reader, pairing: Pairing, only: IdSet | None, *, possible: bool, narrowed: bool, create_files: bool) -> None:
        """Decide for all records of a kind, files before what has files.

        only           the numbers that are wanted; None: all
        possible       whether records of the kind can be created at all
        narrowed       whether only single fields are wanted: then nothing is created, nor waits for it
        create_files   whether what a scan would make is made
        """
        new, waiting, left, _ = (by_kind.setdefault(kind.name, IdSet()) for by_kind in (self.new, self.waiting, self.left, self.apart))
        alone = IdSet()
        alone.add_all(n for n in pairing.alone(kind.name) if only is None or n in only)
        if narrowed or kind.name not in FILED:
            (new if possible and not narrowed else left).update(alone)
            return
        fields = tuple(f for f in source.fields(kind) if f.name in FILED[kind.name])
        for batch in source.batches(kind, fields, alone) if len(alone) else ():
            for record in batch.records:
                where = waiting if self._waits(kind, record, pairing, create_files=create_files) else new if possible else left
                where.add(number_of(record["id"]))

    def _waits(self, kind: Kind, record: Record, pairing: Pairing, *, create_files: bool) -> bool:
        """Whether a scan must come first.  A scene can be made for any file that is there; images, and what lies in a folder, a scan makes itself."""
        told: list[str] = [one for name in FILED[kind.name] for one in _listed(record.get(name))]
        if not told:
            return kind.name == "image"
        here = any(pairing.other(one.partition(":")[0], number_of(one)) or self.created(one.partition(":")[0], number_of(one)) for one in told)
        return not here or not (kind.name == "scene" or create_files)

    def created(self, kind: str, number: int) -> bool:
        """Whether a record of the source becomes a new one."""
        return kind in self.new and number in self.new[kind]

    def hold_back(self, kind: str, numbers: IdSet) -> None:
        """Records whose names are taken are not created."""
        self.apart[kind] = numbers
        self.new[kind] = self.new[kind].minus(numbers)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def opened_zips(source: Reader, folders: IdSet) -> frozenset[str]:
    """The ids of those folders that are zip files opened: they have the path of the file that they lie in."""
    folder, file = BY_NAME["folder"], BY_NAME["file"]
    lying: dict[int, list[tuple[str, str]]] = {}
    for batch in source.batches(folder, tuple(f for f in source.fields(folder) if f.name in ("path", "zip_file")), folders):
        for record in batch.records:
            if record.get("zip_file"):
                lying.setdefault(number_of(record["zip_file"]), []).append((record["id"], record["path"]))
    zips, found = IdSet(), set()
    zips.add_all(lying)
    for batch in source.batches(file, tuple(f for f in source.fields(file) if f.name == "path"), zips) if lying else ():
        for record in batch.records:
            found |= {one for one, path in lying[number_of(record["id"])] if path == record["path"]}
    return frozenset(found)
