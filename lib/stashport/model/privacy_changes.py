"""What becomes of the values that leave: scrubbed for `share` (and for `full` with something left out), replaced or made coarse for `anonymous`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stashport.model.privacy_rules import ANONYMOUS, change_of
from stashport.model.pseudonyms import Pseudonyms
from stashport.model.records import Batch, Record, sort_key
from stashport.model.scrub import PLACEHOLDERS, Scrubber
from stashport.model.table import Field, Kind

Change = Callable[[Any], Any]
_NO_PROSE = frozenset({"image", "time", "times"})


class Changes:
    """The changes of one profile.  Each takes whatever value a source may give, keeps null null and a list a list, and done twice gives the same shape."""

    def __init__(self, profile: str, pseudonyms: Pseudonyms, scrubber: Scrubber) -> None:
        self.profile, self.pseudonyms, self.scrubber = profile, pseudonyms, scrubber

    def of_kind(self, kind: Kind, fields: Sequence[Field]) -> Callable[[Batch], Batch]:
        """The change of batches of a kind.  Fields that are not among `fields`, and what is in rows beside their fields, do not come through."""
        changes = [(one.name, self._of(kind, one)) for one in fields]
        identity = self.pseudonyms.identity if self.profile != "full" else _same

        def changed(batch: Batch) -> Batch:
            return Batch(records=[
                {"id": identity(record["id"]), **{name: change(record[name]) for name, change in changes if name in record}} for record in batch.records
            ])  # fmt: skip

        return changed

    def _of(self, kind: Kind, one: Field, before: str = "") -> Change:
        if one.type == "rows":
            return self._rows(kind, one)
        if one.type in ("ref", "refs"):
            return self._refs(one) if self.profile != "full" else _same
        single: Change
        if self.profile == "anonymous":
            single = change_of(ANONYMOUS[kind.name][before + one.name], self.pseudonyms)
        elif one.type in _NO_PROSE or one.privacy == "path":  # a path leaves only where it was asked for, and then as it is
            single = _same
        else:
            single = self._scrubbed
        if one.type != "texts":
            return single
        ordered = one.join is not None and one.join.order == "position"

        def several(values: Any) -> Any:
            new = [text for value in values or () if isinstance(text := single(value), str) and text not in PLACEHOLDERS]
            return new if ordered else sorted(set(new))

        return several

    def _rows(self, kind: Kind, one: Field) -> Change:
        changes = [(f.name, self._of(kind, f, f"{one.name}.")) for f in one.fields]
        by = one.sort[0] if one.sort and any(f.name == one.sort[0] and f.type == "ref" for f in one.fields) else ""

        def several(rows: Any) -> Any:
            new: list[Record] = [{name: change(row[name]) for name, change in changes if name in row} for row in rows or ()]
            return sorted(new, key=lambda row: sort_key(row[by] or "")) if by else new

        return several

    def _refs(self, one: Field) -> Change:
        identity = self.pseudonyms.identity
        if one.type == "ref":
            return lambda value: identity(value) if value else None
        first = 1 if one.join is not None and "primary" in one.join.order else 0

        def several(values: Any) -> Any:
            new = [identity(value) for value in values or ()]
            return new[:first] + sorted(new[first:], key=sort_key)

        return several

    def _scrubbed(self, value: Any) -> Any:
        return scrubbed(value, self.scrubber)


def scrubbed(value: Any, scrubber: Scrubber) -> Any:
    """Any JSON with its texts scrubbed; a text of which nothing is left is null."""
    if isinstance(value, str):
        return scrubber.text(value) or None
    if isinstance(value, dict):
        return {scrubber.text(key): scrubbed(inner, scrubber) for key, inner in value.items()}
    return [scrubbed(inner, scrubber) for inner in value] if isinstance(value, list) else value


def _same(value: Any) -> Any:
    return value
