"""One format a file: each can write records and read back what it wrote.

A module here whose name has no underscore in front *is* a format; adding the file is all there is to adding one.  It provides

    NAME LABEL EXTENSION DESCRIPTION      texts; EXTENSION without dot
    FOLDER                                whether it makes several files
    OPTIONS                               tuple of Option
    write(members, header, options)       -> Writer
    read(members)                         -> Reading
    recognises(members)                   whether these files look like this format

and, where they apply,

    NEEDS                                 a Need: the package that it cannot do without
    READS = False                         what it writes is for people and cannot be read back (read refuses, recognises says no); its writer keeps
                                          in `rendered` the size and SHA-256 of each member, to which the files are held instead
    PACKS_ITSELF = True                   it compresses what it writes; its writer takes images by `image(checksum, data)`, before `finish`
    extension(options)                    the extension, where it depends on the options.  Errors: as `write`
    examples()                            texts to begin its text with: [{"name", "text"}]

Members are the files of an export (see output.members): formats never open a path themselves.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

from stashport.errors import BadFile, MissingLibrary, UnknownFormat
from stashport.model.records import Batch
from stashport.model.table import Field, Kind

if TYPE_CHECKING:
    from stashport.bundle.aside import Aside

Header = dict[str, Any]
Options = dict[str, Any]


class Option(NamedTuple):
    """A choice of a format; `kind` is "boolean" (yes or no) or "text"."""

    name: str
    label: str
    default: bool | str
    help: str
    kind: str = "boolean"


class Need(NamedTuple):
    """A package that a format cannot do without: the feature that `check --install` knows it by, what is imported, and what it is called."""

    feature: str
    module: str
    package: str


class WriteMembers(Protocol):
    """Where a format puts its files."""

    def open(self, name: str) -> BinaryIO:
        """A new file; the caller closes it."""
        ...


def aside_of(members: WriteMembers) -> Aside | None:
    """What hides whatever a writer has to keep on the host's disk for a while, where the export is encrypted; None where it is not."""
    found: Aside | None = getattr(members, "aside", None)
    return found


class ReadMembers(Protocol):
    """Where a format finds its files."""

    place: str

    def names(self) -> list[str]:
        """The files' names."""
        ...

    def open(self, name: str) -> BinaryIO:
        """One of them, for reading from its start."""
        ...

    def raw(self) -> BinaryIO:
        """The one file that holds them all, as it is (opened where it was encrypted), seekable.  Errors: BadFile where they are several files."""
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

    def write(self, members: WriteMembers, header: Header, options: Options) -> Writer:
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


def need(found: Format) -> None:
    """Errors: MissingLibrary when the package of a format is not there."""
    wanted: Need | None = getattr(found, "NEEDS", None)
    if wanted and importlib.util.find_spec(wanted.module) is None:
        raise MissingLibrary(feature=found.LABEL, package=wanted.package, feature_name=wanted.feature)


def available(name: str) -> bool:
    """Whether a format has the package that it needs.  Errors: UnknownFormat."""
    wanted: Need | None = getattr(get(name), "NEEDS", None)
    return wanted is None or importlib.util.find_spec(wanted.module) is not None


def reads_back(found: Format) -> bool:
    """Whether a format reads what it wrote."""
    return bool(getattr(found, "READS", True))


def extension(found: Format, options: Options) -> str:
    """The extension of what a format makes with some options."""
    told: Callable[[Options], str] | None = getattr(found, "extension", None)
    return told(options) if told else found.EXTENSION


def examples(found: Format) -> list[dict[str, str]]:
    """What somebody who writes an option's text can begin with, by `name` and `text`."""
    told: Callable[[], list[dict[str, str]]] | None = getattr(found, "examples", None)
    return told() if told else []


def readable() -> tuple[str, ...]:
    """The names of the formats that can write here, and read back what they wrote."""
    return tuple(name for name in names() if reads_back(get(name)) and available(name))


def detect(members: ReadMembers) -> Format:
    """The format of some files.  Errors: BadFile when they are of none."""
    for name in names():
        found = get(name)
        try:
            if found.recognises(members):
                return found
        except OSError as error:
            raise BadFile(place=members.place, format="an export of Stash Port", reason=error) from error
    raise BadFile(place=members.place, format="an export of Stash Port", reason=f"it is none of {', '.join(names())}")
