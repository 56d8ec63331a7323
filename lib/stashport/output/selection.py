"""Which records go into an export: the kinds and fields that were chosen, and what these refer to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from stashport.model.fields import KINDS
from stashport.model.reader import Reader
from stashport.model.records import Batch, IdSet, Record, keep_references, reference_fields, references
from stashport.model.table import Field, Kind

RELATED = ("none", "direct", "all")
Fields = dict[str, tuple[Field, ...]]


@dataclass
class Selection:
    """What is exported: fields by kind, ids by kind (None: all), and the fields that were left out because what they refer to is not exported."""

    fields: Fields
    ids: dict[str, IdSet | None]
    left_out: dict[str, str] = field(default_factory=dict)
    closed: bool = True
    missing: dict[str, IdSet] = field(default_factory=dict)

    @property
    def kinds(self) -> list[Kind]:
        """The kinds, in the order of export."""
        return [kind for kind in KINDS if kind.name in self.fields]

    def has(self, kind: str, identity: str) -> bool:
        """Whether a record is part of the export."""
        chosen, number = self.ids.get(kind, _NOTHING), int(identity.rpartition(":")[2])
        return (chosen is None or number in chosen) and number not in self.missing.get(kind, _NOTHING)

    def trim(self, kind: Kind) -> Callable[[Batch], Batch]:
        """A function that takes references to what is not exported out of a batch; does nothing where there can be none."""
        fields = reference_fields(self.fields[kind.name])
        if (self.closed and not self.missing) or not fields:
            return lambda batch: batch

        def trimmed(batch: Batch) -> Batch:
            records: list[Record] = batch.records
            for record in records:
                keep_references(record, fields, self.has)
            return Batch(records=records)

        return trimmed


_NOTHING = IdSet()


def select(reader: Reader, kinds: list[Kind], fields: Fields, related: str, *, reachable: frozenset[str], base: dict[str, IdSet] | None = None) -> Selection:
    """Work out what is exported.

    kinds      what was asked for
    fields     the fields to export of every kind that may come in, as the reader can tell them
    related    none: only what was asked for; direct: also what that refers to; all: and what these refer to, to the end
    reachable  names of the kinds that may come in by reference
    base       ids of the kinds asked for where not all of them are meant
    """
    asked = {kind.name: (base or {}).get(kind.name) for kind in kinds}
    # Copies: what comes along is added to them.
    ids = {name: None if numbers is None else numbers.minus(_NOTHING) for name, numbers in asked.items()}
    if related != "none":
        by_name = {kind.name: kind for kind in KINDS}
        front: dict[str, IdSet | None] = dict(asked)
        while front:
            found = _targets(reader, front, fields, by_name)
            front = {}
            for name, numbers in found.items():
                known = ids.get(name, _NOTHING)
                fresh = numbers.minus(known) if known is not None and name in reachable else _NOTHING
                if not len(fresh):
                    continue
                if known is _NOTHING:
                    known = ids[name] = IdSet()
                assert known is not None
                known.update(fresh)
                front[name] = fresh
            if related == "direct":
                break
    return _settle(ids, fields, related)


def _targets(reader: Reader, front: dict[str, IdSet | None], fields: Fields, by_name: dict[str, Kind]) -> dict[str, IdSet]:
    found: dict[str, IdSet] = {}
    for name, only in front.items():
        referring = reference_fields(fields[name])
        if not referring:
            continue
        for batch in reader.batches(by_name[name], tuple(referring), only):
            for target, identity in {pair for record in batch.records for pair in references(record, referring)}:
                found.setdefault(target, IdSet()).add(int(identity.rpartition(":")[2]))
    return found


def _settle(ids: dict[str, IdSet | None], fields: Fields, related: str) -> Selection:
    chosen: Fields = {}
    left_out = {}
    inner_lost = False
    for name in ids:
        kept = []
        for one in fields[name]:
            about = one.to or (next(f.to for f in one.fields if f.name == one.about) if one.about else "")
            if about and about not in ids:
                left_out[f"{name}.{one.name}"] = f"{about}s are not exported"
            else:
                kept.append(one)
                inner_lost |= any(f.to and f.to not in ids for f in one.fields)
        chosen[name] = tuple(kept)
    partial = any(numbers is not None for numbers in ids.values())
    return Selection(chosen, ids, left_out, closed=not inner_lost and (related == "all" or not partial))
