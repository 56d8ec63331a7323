"""A file that Stash Port wrote as a source of records: a bundle, or what any format reads back (one file, a folder, a ZIP, in parts, packed, encrypted)."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol

from stashport.bundle import records as bundle_records
from stashport.bundle.reader import BundleReader, is_bundle
from stashport.errors import BadFile
from stashport.formats import Header
from stashport.model.fields import BY_PLURAL, KINDS
from stashport.model.records import Batch, IdSet, number_of
from stashport.model.table import Field, Kind
from stashport.output import parts
from stashport.output.proof import Ids, compare_fields, gather
from stashport.output.shape import checked
from stashport.output.source import Source

Unseal = Callable[[BinaryIO], BinaryIO]
LABEL = "an export of Stash Port"
ENDINGS = ("jpg", "png", "gif", "webp", "svg", "bin")  # of images that lie beside the records
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)
_MOST_UNKNOWN = 200  # what newer versions may add
_ORDER = {kind.name: number for number, kind in enumerate(KINDS)}
_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError)


class _Inside(Protocol):
    """What a file is, behind its header."""

    header: Header

    def count(self, kind: Kind) -> int: ...
    def of_kind(self, kind: Kind, only: IdSet | None) -> Iterator[Batch]: ...
    def image(self, checksum: str) -> bytes | None: ...
    def close(self) -> None: ...


class RecordsFile:
    """Records from a file that Stash Port wrote: a Reader, and a context manager.

    unseal    opens each file, where they are encrypted
    header    what the file says of itself
    unknown   fields ("scenes.mood") and kinds that its header names and that are not in the table of fields, since a newer version wrote it: left out
    Errors: NoSuchSource, BadFile, NewerFile, NotABundle, BundleDamaged, MissingLibrary and those of `unseal`; also while reading.
    """

    name = "file"

    def __init__(self, path: Path, unseal: Unseal | None = None) -> None:
        self._take(str(path), _bundle(path, unseal) or _Walked(Source(path, unseal)))

    @classmethod
    def of_bundle(cls, members: BundleReader, images: Callable[[str], bytes | None]) -> RecordsFile:
        """The records of a bundle that is open already, and stays its opener's to close; `images` gives the bytes of one."""
        records = cls.__new__(cls)
        records._take(members.place, _Opened(members, images))  # noqa: SLF001 - its own
        return records

    def _take(self, place: str, inside: _Inside) -> None:
        self.place, self._inside = place, inside
        self.is_bundle = isinstance(self._inside, (_Bundle, _Opened))
        self.header = self._inside.header
        try:
            told = _told_fields(self.header, self.place)
            self._strange = {plural: found for plural in told if (found := _strange(plural, told[plural]))}
            self.unknown = sorted([*(set(told) - set(BY_PLURAL)), *(f"{plural}.{name}" for plural, found in self._strange.items() for name in found)])
            self._told = {plural: [one for one in told[plural] if one not in self._strange.get(plural, ())] for plural in told if plural in BY_PLURAL}
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> RecordsFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._inside.close()

    def kinds(self) -> list[Kind]:
        """The kinds that the file tells of."""
        return [kind for kind in KINDS if kind.plural in self._told]

    def fields(self, kind: Kind) -> tuple[Field, ...]:
        """The fields that its records of a kind have."""
        names = self._told.get(kind.plural, ())
        return tuple(f for f in kind.fields if f.name in names)

    def count(self, kind: Kind) -> int:
        """How many records of a kind there are."""
        return self._inside.count(kind)

    def batches(self, kind: Kind, fields: tuple[Field, ...], only: IdSet | None = None) -> Iterator[Batch]:
        """Records in batches, in the order of the file; fields that it does not tell stay absent, in rows too."""
        told = {f.name: f for f in self.fields(kind)}
        names = ["id", *(f.name for f in fields if f.name in told)]
        narrowed = [f for f in fields if f.name in told and f.fields != told[f.name].fields]
        for batch in self._inside.of_kind(kind, only):
            with in_words(self.place):
                if strange := self._strange.get(kind.plural):
                    batch = Batch(records=[{name: value for name, value in one.items() if name not in strange} for one in batch.records])  # noqa: PLW2901
                look(kind, batch, self._told)
            found = batch.records if only is None else [record for record in batch.records if number_of(record["id"]) in only]
            records = [{name: record[name] for name in names} for record in found]
            for f in narrowed:
                inner = [one.name for one in f.fields]
                for record in records:
                    record[f.name] = [{name: row[name] for name in inner if name in row} for row in record[f.name] or ()]
            if records:
                yield Batch(records=records)

    def image(self, checksum: str) -> bytes | None:
        """The bytes of an image; None when they are not there, or are those of another one."""
        data = self._inside.image(checksum)
        return data if data is not None and hashlib.md5(data, usedforsecurity=False).hexdigest() == checksum else None


def _told_fields(header: Header, place: str) -> dict[str, list[str]]:
    """Which fields the records have, by plural name, as the header says.  Errors: BadFile."""
    told = header.get("fields")
    if not isinstance(told, dict) or not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in told.values()):
        raise BadFile(place=place, format=LABEL, reason="its header does not tell which fields its records have")
    names = {*told, *(name for plural in told for name in _strange(plural, told[plural]))} - set(BY_PLURAL)
    if odd := sorted(names)[_MOST_UNKNOWN:] or [name for name in names if not _NAME.fullmatch(name)]:
        raise BadFile(place=place, format=LABEL, reason=f"its header tells of {min(odd)[:60]!r}, which no version of Stash Port does")
    return told


def _strange(plural: str, names: list[str]) -> set[str]:
    return set(names) - set(BY_PLURAL[plural].by_name) if plural in BY_PLURAL else set()


def look(kind: Kind, batch: Batch, told: object) -> None:
    """Whether records are what the table of fields and the header say, and refer as they should.  Errors: ValueError, TypeError."""
    found, ids = checked(kind, batch.records), Ids()
    compare_fields(kind, batch.records, found, told)
    if kind.table:
        ids.add(kind.name, found["id"])
    gather(kind.fields, found, ids)
    ids.flush()


@contextlib.contextmanager
def in_words(place: str) -> Iterator[None]:
    """What reading damaged records can run into, as the one error that says so.  Errors: BadFile."""
    try:
        yield
    except _DAMAGE as error:
        raise BadFile(place=place, format=LABEL, reason=error) from error


def _bundle(path: Path, unseal: Unseal | None) -> _Bundle | None:
    """The bundle that a file is, also a damaged one."""
    if not path.is_file():
        return None
    raw: BinaryIO = path.open("rb")
    stream = raw
    try:
        stream = unseal(raw) if unseal else raw
        if is_bundle(stream):
            return _Bundle(stream, str(path))
    except BaseException:
        stream.close()
        raw.close()
        raise
    stream.close()
    raw.close()
    return None


class _Opened:
    """The records of an open bundle, whose images may be elsewhere."""

    def __init__(self, members: BundleReader, images: Callable[[str], bytes | None]) -> None:
        self._records, self.image = bundle_records.read(members), images
        self.header = self._records.header
        self.count, self.of_kind = self._records.count, self._records.of_kind

    def close(self) -> None:
        """Nothing here is ours."""


class _Bundle:
    """Finds each kind in a member of its own, and holds what it reads against the hashes."""

    def __init__(self, stream: BinaryIO, place: str) -> None:
        self._stream = stream
        self._members = BundleReader(stream, place)
        self._records = bundle_records.read(self._members)
        self.header = self._records.header

    def count(self, kind: Kind) -> int:
        return self._records.count(kind)

    def of_kind(self, kind: Kind, only: IdSet | None) -> Iterator[Batch]:
        return self._records.of_kind(kind, only)

    def image(self, checksum: str) -> bytes | None:
        name = f"images/{checksum}"
        return self._members.read(name) if name in self._members else None

    def close(self) -> None:
        self._members.close()
        self._stream.close()


class _Walked:
    """Walks through a file of any format in its own order, from kind to kind; a kind that lies behind takes a new walk.

    Before anything is used it is walked through once to its end, which alone tells that the file is whole.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._counts: dict[str, int] | None = None
        self._in_order = True
        self._waiting: _Walk | None = None
        try:
            self._first = parts.reading(source)
            self.header = self._first.header
        except BaseException:
            source.close()
            raise

    def _looked_through(self) -> dict[str, int]:
        """Counts by plural name, once all was found to be there.  Errors: BadFile."""
        if self._counts is None:
            found: dict[str, int] = {}
            before = 0
            with in_words(self._source.place):
                for kind, batch in self._first.batches():
                    found[kind.plural] = found.get(kind.plural, 0) + len(batch)
                    self._in_order &= before <= _ORDER[kind.name]
                    before = _ORDER[kind.name]
                told = self._first.counts
                if told is None:
                    raise ValueError("it has no end: it was cut off")
                if any(found.get(plural, 0) != told.get(plural, 0) for plural in {**told, **found}):
                    raise ValueError(f"it holds {_counted(found)}, and counts {_counted(told)} at its end")
            self._counts = found
        return self._counts

    def count(self, kind: Kind) -> int:
        return self._looked_through().get(kind.plural, 0)

    def of_kind(self, kind: Kind, only: IdSet | None) -> Iterator[Batch]:
        """All of them: the others must be read anyway."""
        if not self.count(kind):
            return
        walk, self._waiting = self._waiting, None
        if walk is None or not self._in_order or not walk.ahead or _ORDER[walk.ahead[0].name] > _ORDER[kind.name]:
            walk = _Walk(self._source)
        while walk.ahead:
            at, batch = walk.ahead
            if self._in_order and _ORDER[at.name] > _ORDER[kind.name]:
                break
            walk.go_on()
            if at is kind:
                yield batch
        self._waiting = walk

    def image(self, checksum: str) -> bytes | None:
        name = next((name for ending in ENDINGS if (name := f"images/{checksum}.{ending}") in self._source), None)
        if name is None:
            return None
        with in_words(self._source.place), self._source.open(name) as file:
            return file.read()

    def close(self) -> None:
        self._source.close()


class _Walk:
    """One way through a file; `ahead` is what comes next, None at the end."""

    def __init__(self, source: Source) -> None:
        self._place, self._batches = source.place, parts.reading(source).batches()
        self.ahead: tuple[Kind, Batch] | None = None
        self.go_on()

    def go_on(self) -> None:
        """Read what comes next."""
        with in_words(self._place):
            self.ahead = next(self._batches, None)


def _counted(counts: dict[str, Any]) -> str:
    return ", ".join(f"{number} {plural}" for plural, number in counts.items()) or "nothing"
