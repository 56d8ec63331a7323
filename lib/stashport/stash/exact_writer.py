"""Writes through Stash's API, and by SQL what that cannot: times, captions, checksums, fractions of seconds.  The method bulk where a library is not fresh."""

from __future__ import annotations

from collections.abc import Sequence

from stashport.model.records import Record
from stashport.model.table import Kind
from stashport.stash.corrections import Corrections
from stashport.stash.writing import Writer, Written

# The parts of fields that corrections write; other parts of the same fields stay what the API makes of them.
_PARTS = ("", "created_at", "updated_at", "fractions", "md5", "oshash", "completed")


class ExactWriter:
    """A Writer made of two.  Errors: those of both."""

    def __init__(self, api: Writer, corrections: Corrections) -> None:
        self._api, self._corrections = api, corrections

    def cannot(self, kind: Kind) -> dict[str, str]:
        """What neither can write."""
        return self._left(kind, self._api.cannot(kind))

    def cannot_change(self, kind: Kind) -> dict[str, str]:
        """What neither can write to a record that is there."""
        return self._left(kind, self._api.cannot_change(kind))

    def _left(self, kind: Kind, cannot: dict[str, str]) -> dict[str, str]:
        fields = self._corrections.fields(kind)
        return {name: reason for name, reason in cannot.items() if not _covered(name, fields)}

    def creates(self, kind: Kind) -> bool:
        """As the API's."""
        return self._api.creates(kind)

    def most_created(self, kind: str) -> int:
        """As the other one's, where it says."""
        most_created = getattr(self._api, "most_created", None)
        return int(most_created(kind)) if most_created else 0

    def looks_up(self, kind: Kind, record: Record) -> bool:
        """As the other one's, where it does."""
        looks_up = getattr(self._api, "looks_up", None)
        return looks_up is not None and bool(looks_up(kind, record))

    def create(self, kind: Kind, records: Sequence[Record]) -> list[Written]:
        """Make records, then correct them."""
        answers = self._api.create(kind, records)
        return self._corrected(kind, answers, [({"id": one.id}, {**record, "id": one.id}) for one, record in zip(answers, records, strict=True)])

    def update(self, kind: Kind, changes: Sequence[tuple[Record, Record]]) -> list[Written]:
        """Change records, then correct them."""
        return self._corrected(kind, self._api.update(kind, changes), changes)

    def delete(self, kind: Kind, ids: Sequence[str]) -> list[Written]:
        """As the API's."""
        return self._api.delete(kind, ids)

    def _corrected(self, kind: Kind, answers: list[Written], changes: Sequence[tuple[Record, Record]]) -> list[Written]:
        fields = self._corrections.fields(kind)
        places = [place for place, one in enumerate(answers) if one.id and fields & changes[place][1].keys()]
        reasons = self._corrections.write(kind, [changes[place] for place in places]) if places else []
        told = list(answers)
        for place, reason in zip(places, reasons, strict=True):
            if reason:
                told[place] = Written(told[place].id, "; ".join(filter(None, (told[place].reason, reason))))
        return told


def _covered(name: str, fields: frozenset[str]) -> bool:
    outer, _, part = name.partition(".")
    return outer in fields and part in _PARTS
