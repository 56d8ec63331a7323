"""What every source of records can do, whatever it reads from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from stashport.model.records import Batch, IdSet
from stashport.model.table import Field, Kind


class Reader(Protocol):
    """What every source of records can do; see DatabaseReader and GraphQLReader."""

    name: str

    def kinds(self) -> list[Kind]:
        """The kinds that it can tell."""
        ...

    def fields(self, kind: Kind) -> tuple[Field, ...]:
        """The fields of a kind that it can tell."""
        ...

    def count(self, kind: Kind) -> int:
        """How many records of a kind there are."""
        ...

    def batches(self, kind: Kind, fields: tuple[Field, ...], only: IdSet | None = None) -> Iterator[Batch]:
        """Records in batches, ordered by id."""
        ...

    def image(self, checksum: str) -> bytes | None:
        """The bytes of an image."""
        ...
