"""One format a file: each can write records and read back what it wrote.

A module here whose name has no underscore in front *is* a format; adding the file is all there is to adding one.  It provides

    NAME LABEL EXTENSION DESCRIPTION      texts; EXTENSION without dot
    FOLDER                                whether it makes several files
    OPTIONS                               tuple of Option
    write(members, header, options)       -> Writer
    read(members)                         -> Reading
    recognises(members)                   whether these files look like this format

Members are the files of an export (see output.members): formats never open a path themselves.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Any, BinaryIO, NamedTuple, Protocol

from stashport.errors import BadFile, UnknownFormat
from stashport.model.records import Batch
from stashport.model.table import Field, Kind

Header = dict[str, Any]


class Option(NamedTuple):
    """A yes-or-no choice of a format."""

    name: str
    label: str
    default: bool
    help: str


class WriteMembers(Protocol):
    """Where a format puts its files."""

    def open(self, name: str) -> BinaryIO:
        """A new file; the caller closes it."""
        ...


class ReadMembers(Protocol):
    """Where a format finds its files."""

    place: str

    def names(self) -> list[str]:
        """The files' names."""
        ...

    def open(self, name: str) -> BinaryIO:
        """One of them, for reading from its start."""
        ...


class Writer(Protocol):
    """Takes records kind by kind."""

    def begin(self, kind: Kind, fields: tuple[Field, ...]) -> None:
        """Records of this kind, with these fields, follow."""
        ...

    def write(self, batch: Batch) -> None:
        """Some records of the kind begun last."""
        ...

    def finish(self, counts: dict[str, int]) -> None:
        """All records were written: `counts` by plural name closes the export, and shows a reader that it is whole."""
        ...


class Reading(Protocol):
    """What was read: the header at once, the records as they come, the counts when all have come."""

    header: Header
    counts: dict[str, int] | None

    def batches(self) -> Iterator[tuple[Kind, Batch]]:
        """All records, in the order of the file."""
        ...


class Format(Protocol):
    """What a module here provides."""

    NAME: str
    LABEL: str
    EXTENSION: str
    DESCRIPTION: str
    FOLDER: bool
    OPTIONS: tuple[Option, ...]

    def write(self, members: WriteMembers, header: Header, options: dict[str, bool]) -> Writer:
        """Begin to write."""
        ...

    def read(self, members: ReadMembers) -> Reading:
        """Begin to read."""
        ...

    def recognises(self, members: ReadMembers) -> bool:
        """Whether these files look like this format."""
        ...


@cache
def names() -> tuple[str, ...]:
    """The names of all formats, the usual one first."""
    found = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return tuple(sorted(found, key=lambda name: (name != "json", name)))


def get(name: str) -> Format:
    """A format by its name.  Errors: UnknownFormat."""
    if name not in names():
        raise UnknownFormat(name=name, known=names())
    module: Any = importlib.import_module(f"{__name__}.{name}")
    found: Format = module
    return found


def detect(members: ReadMembers) -> Format:
    """The format of some files.  Errors: BadFile when they are of none."""
    for name in names():
        found = get(name)
        if found.recognises(members):
            return found
    raise BadFile(place=members.place, format="an export of Stash Port", reason=f"it is none of {', '.join(names())}")
