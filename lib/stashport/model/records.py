"""Records: their canonical JSON, their references, and sets of their ids.

A record is a dict: "id" ("scene:17") first, then the fields in the order of the table.  An absent field has no key.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from stashport.model.table import Field, Kind

Record = dict[str, Any]

dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _escape_surrogates(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(f"\\u{ord(c):04x}" for c in error.object[error.start : error.end]), error.end


codecs.register_error("json-escape", _escape_surrogates)


def to_bytes(text: str) -> bytes:
    r"""JSON text in UTF-8.  Bytes that were no UTF-8 (file names can hold any) came as lone surrogates and leave as \udcXX escapes."""
    return text.encode("utf-8", "json-escape")


def encode(record: Record) -> bytes:
    """Canonical JSON on one line."""
    return to_bytes(dumps(record))


class Batch:
    """Some records of one kind, as canonical lines or as dicts: what is asked for is made from what is there."""

    __slots__ = ("_lines", "_records")

    def __init__(self, *, lines: list[bytes] | None = None, records: list[Record] | None = None) -> None:
        self._lines, self._records = lines, records

    def __len__(self) -> int:
        return len(self._lines if self._lines is not None else self._records or ())

    @property
    def lines(self) -> list[bytes]:
        """Canonical JSON, a line each, without the line's end."""
        if self._lines is None:
            self._lines = [encode(record) for record in self._records or ()]
        return self._lines

    @property
    def records(self) -> list[Record]:
        """Dicts.  Whoever changes them makes a new Batch of them."""
        if self._records is None:
            self._records = [json.loads(line) for line in self._lines or ()]
        return self._records


def canonical(value: Any) -> Any:
    """Free JSON in one spelling: keys sorted, 5.0 as 5, nulls within objects left out (Stash adds and drops them at will)."""
    if isinstance(value, dict):
        return {key: canonical(value[key]) for key in sorted(value) if value[key] is not None}
    if isinstance(value, list):
        return [canonical(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value


def number_of(identity: str) -> int:
    """The 17 of scene:17."""
    return int(identity[identity.index(":") + 1 :])


def sort_key(identity: str) -> tuple[str, int, str]:
    """Orders ids by kind, then by number."""
    kind, _, local = identity.partition(":")
    return (kind, int(local), "") if local.isdigit() else (kind, -1, local)


def reference_fields(fields: tuple[Field, ...]) -> list[Field]:
    """The fields that refer to other records, directly or in their rows."""
    return [f for f in fields if f.refers]


def references(record: Record, fields: list[Field]) -> Iterator[tuple[str, str]]:
    """(kind, id) of everything that a record refers to; `fields` as from `reference_fields`."""
    for field in fields:
        value = record.get(field.name)
        if not value:
            continue
        if field.type == "ref":
            yield field.to, value
        elif field.type == "refs":
            for one in value:
                yield field.to, one
        else:
            for row in value:
                yield from references(row, reference_fields(field.fields))


def keep_references(record: Record, fields: list[Field], wanted: Callable[[str, str], bool]) -> int:
    """Take out, in place, the references for which `wanted(kind, id)` is false; the number taken out.  Rows that have lost what they are about go too."""
    removed = 0
    for field in fields:
        value = record.get(field.name)
        if not value:
            continue
        if field.type == "ref":
            if not wanted(field.to, value):
                record[field.name] = None
                removed += 1
        elif field.type == "refs":
            kept = [one for one in value if wanted(field.to, one)]
            removed += len(value) - len(kept)
            record[field.name] = kept
        else:
            inner = reference_fields(field.fields)
            whole = []
            for row in value:
                lost = keep_references(row, inner, wanted)
                removed += lost
                if not (lost and field.about and row[field.about] is None):
                    whole.append(row)
            record[field.name] = whole
    return removed


_MOST_PAGES = 1 << 14  # a thousand million records that are numbered one after the other


class IdSet:
    """A set of non-negative numbers as bits in pages of 65,536: 8 kB a page, whatever the library's size."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def add(self, number: int) -> None:
        """Put a number in."""
        page = self._pages.get(number >> 16)
        if page is None:
            if len(self._pages) >= _MOST_PAGES:
                raise ValueError("ids as far apart as these are no library's")
            page = self._pages[number >> 16] = bytearray(8192)
        page[(number >> 3) & 8191] |= 1 << (number & 7)

    def add_all(self, numbers: Iterable[int]) -> None:
        """Put many numbers in."""
        pages = self._pages
        for number in numbers:
            high = number >> 16
            if high not in pages:
                if len(pages) >= _MOST_PAGES:
                    raise ValueError("ids as far apart as these are no library's")
                pages[high] = bytearray(8192)
            pages[high][(number >> 3) & 8191] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        page = self._pages.get(number >> 16)
        return page is not None and bool(page[(number >> 3) & 8191] & (1 << (number & 7)))

    def __len__(self) -> int:
        return sum(int.from_bytes(page, "little").bit_count() for page in self._pages.values())

    def __iter__(self) -> Iterator[int]:
        for high in sorted(self._pages):
            page = self._pages[high]
            for index, byte in enumerate(page):
                if byte:
                    for bit in range(8):
                        if byte & (1 << bit):
                            yield high << 16 | index << 3 | bit

    def minus(self, other: IdSet) -> IdSet:
        """The numbers that are in this set only."""
        result = IdSet()
        for high, page in self._pages.items():
            rest = int.from_bytes(page, "little")
            if high in other._pages:
                rest &= ~int.from_bytes(other._pages[high], "little")
            if rest:
                result._pages[high] = bytearray(rest.to_bytes(8192, "little"))
        return result

    def update(self, other: IdSet) -> None:
        """Put all of another set in."""
        for high, page in other._pages.items():
            mine = int.from_bytes(self._pages.get(high, b""), "little") | int.from_bytes(page, "little")
            self._pages[high] = bytearray(mine.to_bytes(8192, "little"))


def choose_fields(kind: Kind, names: list[str] | None) -> tuple[Field, ...]:
    """The fields of a kind with these names, in the table's order; all of them for None."""
    return kind.fields if names is None else tuple(f for f in kind.fields if f.name in names)
