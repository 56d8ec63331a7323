"""Whether references mean the same on both sides as they stand, so that records that are equal letter by letter need not be looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from stashport.change.births import Pairing
from stashport.change.decisions import Decisions
from stashport.model.fields import KINDS
from stashport.model.table import Field, Kind

_REFERENCE = re.compile(f'"({"|".join(kind.name for kind in KINDS)}):(\\d+)"'.encode())


class Steady:
    """`lookup` gives the target's reference for one of the source's."""

    def __init__(self, pairing: Pairing, decisions: Decisions, lookup: Callable[[str], str | None]) -> None:
        self._pairing, self._decisions, self._lookup = pairing, decisions, lookup
        self.keeps_numbers = lru_cache(None)(self._keeps_numbers)

    def _keeps_numbers(self, kind: str) -> bool:
        """Whether all records of a kind have the same numbers on both sides."""
        found = self._pairing
        if next(found.alone(kind), None) is not None or next(found.conflicts(kind), None) is not None or self._decisions.left(kind):
            return False
        return all(one == other for one, other in found.pairs(kind))

    def same_references(self, kind: Kind, line: bytes) -> bool:
        """Whether all that a record refers to has the same number there.  A text that looks like a reference costs time, and nothing else."""
        own = len(kind.name) + len('{"id":"')
        return all(self._lookup(one := found[0][1:-1].decode()) == one for found in _REFERENCE.finditer(line, own))


def referred(fields: Iterable[Field]) -> set[str]:
    """The kinds that fields refer to."""
    return {f.to for f in fields if f.to} | {name for f in fields for name in referred(f.fields)}
