"""The bundle: one strict file of records, images and a header with the hash of every part; what backups and restore are made of, and for sharing."""

from __future__ import annotations

from collections.abc import Iterator

from stashport.bundle import records
from stashport.bundle.reader import BundleReader
from stashport.bundle.writer import BundleWriter
from stashport.formats import Header, Option, Options, ReadMembers, WriteMembers, aside_of
from stashport.model.records import Batch
from stashport.model.table import Field, Kind

NAME, LABEL, EXTENSION, FOLDER = "bundle", "Bundle", "stashport.zip", False
DESCRIPTION = "One checked file with records and pictures, each part hashed; to share, to keep, and to read back without loss."
OPTIONS: tuple[Option, ...] = ()
PACKS_ITSELF = True
MEMBER = "library.stashport.zip"


class _Writer:
    """Images come before the end: `image` takes them."""

    def __init__(self, members: WriteMembers, header: Header) -> None:
        self._file = members.open(MEMBER)
        aside = aside_of(members)
        self._bundle = BundleWriter(self._file, records.header_from(header, encrypted=aside is not None), aside=aside)
        self._records = records.write(self._bundle)

    def begin(self, kind: Kind, fields: tuple[Field, ...]) -> None:
        self._records.begin(kind, fields)

    def write(self, batch: Batch) -> None:
        self._records.write(batch)

    def image(self, checksum: str, data: bytes) -> None:
        self._bundle.add(f"images/{checksum}", data)

    def finish(self, counts: dict[str, int]) -> None:
        self._records.finish(counts)
        self._bundle.close()
        self._file.close()


class _Reading:
    def __init__(self, members: ReadMembers) -> None:
        self._bundle = BundleReader(members.raw(), members.place)
        self._reading = records.read(self._bundle)
        self.header = self._reading.header

    @property
    def counts(self) -> dict[str, int] | None:
        return self._reading.counts

    def batches(self) -> Iterator[tuple[Kind, Batch]]:
        yield from self._reading.batches()
        problems = self._bundle.verify("full")
        if problems:
            raise ValueError(problems[0])


def write(members: WriteMembers, header: Header, options: Options) -> _Writer:
    """Begin a bundle."""
    return _Writer(members, header)


def read(members: ReadMembers) -> _Reading:
    """Begin to read one.  Errors: those of BundleReader."""
    return _Reading(members)


def recognises(members: ReadMembers) -> bool:
    """A ZIP with the header of a bundle."""
    return "bundle.json" in members.names()
