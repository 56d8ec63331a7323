"""Records in a bundle, as formats hand them over and take them: a member of NDJSON a kind, each record on a line of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from stashport.bundle.header import new_header
from stashport.bundle.members import RECORDS
from stashport.bundle.reader import BundleReader
from stashport.bundle.writer import BundleWriter
from stashport.errors import BadFile
from stashport.model.fields import BY_PLURAL
from stashport.model.records import Batch, IdSet
from stashport.model.table import Field, Kind

BATCH = 500
LONGEST = 64 << 20
_LABEL = "a bundle"
Header = dict[str, Any]  # of an export, as formats give and take it
_SOURCE = {"stashVersion": "stash_version", "databaseVersion": "schema", "instanceId": "instance"}


def header_from(export: Header, *, compression: str = "gzip", encrypted: bool = False, **more: Any) -> dict[str, Any]:
    """A bundle's header out of an export's; `more` as for `new_header`."""
    facts = dict(export.get("source") or {})
    told = {ours: facts.pop(theirs, None) for ours, theirs in _SOURCE.items()}
    source = {**{key: None if value is None else str(value) for key, value in told.items()}, **facts}
    kept = {"source": source, **{name: export.get(name) for name in ("choices", "fields", "not_inside", "privacy")}}
    return new_header(compression=compression, encrypted=encrypted, **{**kept, **more})


def export_header(header: dict[str, Any]) -> Header:
    """An export's header out of a bundle's."""
    source = {_SOURCE.get(key, key): value for key, value in header["source"].items() if value is not None}
    if str(source.get("schema", "")).isdigit():
        source["schema"] = int(source["schema"])
    told = {"privacy": header["privacy"]} if "privacy" in header else {}
    return told | {
        "format_version": header["recordsVersion"], "made_by": f"Stash Port {header['version']}", "created": header["timestamp"], "source": source,
        "choices": header["choices"], "images": header["content"]["blobs"]["count"] > 0, "fields": header["fields"], "not_inside": header["notInside"],
    }


class _Writer:
    """Writes the kinds one after the other; closing the bundle is left to whoever opened it, who may have images to add."""

    def __init__(self, members: BundleWriter) -> None:
        self._members = members
        self._file: BinaryIO | None = None

    def begin(self, kind: Kind, fields: tuple[Field, ...]) -> None:
        self._end()
        self._file = self._members.open(_member(kind))

    def write(self, batch: Batch) -> None:
        if len(batch) and self._file:
            self._file.write(b"\n".join(batch.lines) + b"\n")

    def finish(self, counts: dict[str, int]) -> None:
        self._end()

    def _end(self) -> None:
        if self._file:
            self._file.close()
        self._file = None


class _Reading:
    def __init__(self, members: BundleReader) -> None:
        self._members = members
        self.header = export_header(members.header)
        self.counts: dict[str, int] | None = None

    def batches(self) -> Iterator[tuple[Kind, Batch]]:
        counts = {}
        for name in self._members.names():
            match = RECORDS.fullmatch(name)
            if not match:
                continue
            kind = BY_PLURAL.get(match[1])
            if kind is None:
                raise self._bad(f"records of an unknown kind: {match[1]!r}")
            counts[kind.plural] = self._members.member(name).records or 0
            for batch in self.of_kind(kind):
                yield kind, batch
        self.counts = counts

    def count(self, kind: Kind) -> int:
        """How many records of a kind there are."""
        name = _member(kind)
        return self._members.member(name).records or 0 if name in self._members else 0

    def of_kind(self, kind: Kind, only: IdSet | None = None) -> Iterator[Batch]:
        """The records of a kind, or those of them with these numbers; no other kind is looked at, and no other record more than it takes to pass it over."""
        if _member(kind) in self._members:
            with self._members.open(_member(kind)) as file:
                for batch in self._batches(kind, file, only):
                    yield Batch(records=batch)

    def _batches(self, kind: Kind, file: BinaryIO, only: IdSet | None) -> Iterator[list[Any]]:
        batch: list[Any] = []
        number, start = 0, f"{kind.name}:"
        begun = f'{{"id":"{start}'.encode()  # as we write it; a line that is spelt otherwise is looked at whole
        while text := file.readline(LONGEST):
            number += 1
            if only is not None and text.startswith(begun):
                digits = text[len(begun) : text.find(b'"', len(begun))]
                if digits.isdigit() and int(digits) not in only:
                    continue
            try:
                record = json.loads(text) if text.endswith(b"\n") else None
            except (ValueError, RecursionError):
                record = None
            if not isinstance(record, dict) or not str(record.get("id")).startswith(start):
                raise self._bad(f"{kind.plural}, line {number}: no {kind.name}, or longer than 64 MB")
            batch.append(record)
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _bad(self, reason: str) -> BadFile:
        return BadFile(place=self._members.place, format=_LABEL, reason=reason)


def _member(kind: Kind) -> str:
    return f"records/{kind.plural}.ndjson"


def write(members: BundleWriter) -> _Writer:
    """Begin to write records into a bundle."""
    return _Writer(members)


def read(members: BundleReader) -> _Reading:
    """Begin to read the records of one."""
    return _Reading(members)


