"""JSON: one document with a header, a list of records for each kind (a record a line), and the counts at its end."""

from __future__ import annotations

from collections.abc import Iterator

from stashport.formats import Header, Option, ReadMembers, WriteMembers
from stashport.formats._lines import Scanner, check_header
from stashport.model.fields import BY_PLURAL
from stashport.model.records import Batch, dumps, to_bytes
from stashport.model.table import Field, Kind

NAME, LABEL, EXTENSION, FOLDER = "json", "JSON", "json", False
DESCRIPTION = "One document with everything; for programs, and to read back without loss."
OPTIONS: tuple[Option, ...] = ()
MEMBER = "library.json"


class _Writer:
    def __init__(self, members: WriteMembers, header: Header) -> None:
        self._file = members.open(MEMBER)
        self._file.write(b'{"header":' + to_bytes(dumps(header)))
        self._open = False
        self._separator = b""

    def begin(self, kind: Kind, fields: tuple[Field, ...]) -> None:
        self._end()
        self._file.write(f',\n"{kind.plural}":['.encode())
        self._open, self._separator = True, b"\n"

    def write(self, batch: Batch) -> None:
        if not len(batch):
            return
        self._file.write(self._separator + b",\n".join(batch.lines))
        self._separator = b",\n"

    def _end(self) -> None:
        if self._open:
            self._file.write(b"\n]")
            self._open = False

    def finish(self, counts: dict[str, int]) -> None:
        self._end()
        self._file.write(b',\n"counts":' + to_bytes(dumps(counts)) + b"}\n")
        self._file.close()


class _Reading:
    def __init__(self, members: ReadMembers) -> None:
        self._file = members.open(members.names()[0])
        self._scan = Scanner(self._file, members.place, LABEL)
        self._scan.expect("{")
        if self._scan.value() != "header":
            raise self._scan.bad("it does not begin with a header of Stash Port")
        self._scan.expect(":")
        self.header = check_header(self._scan.value(), members.place, LABEL)
        self.counts: dict[str, int] | None = None

    def batches(self) -> Iterator[tuple[Kind, Batch]]:
        scan = self._scan
        with self._file:
            while scan.peek() == ",":
                scan.expect(",")
                name = scan.value()
                scan.expect(":")
                if self.counts is not None or not isinstance(name, str):
                    raise scan.bad("something follows its end" if self.counts is not None else "a part without a name")
                if name in BY_PLURAL:
                    for items in scan.items():
                        yield BY_PLURAL[name], Batch(records=items)
                elif name == "counts":
                    self.counts = scan.value()
                else:
                    raise scan.bad(f"an unknown part {name!r}")
            scan.expect("}")
            if scan.peek():
                raise scan.bad("something follows its end")


def write(members: WriteMembers, header: Header, options: dict[str, bool]) -> _Writer:
    """Begin a document."""
    return _Writer(members, header)


def read(members: ReadMembers) -> _Reading:
    """Begin to read one.  Errors: BadFile, NewerFile."""
    return _Reading(members)


def recognises(members: ReadMembers) -> bool:
    """A single file that begins with a header."""
    listed = members.names()
    if len(listed) != 1:
        return False
    with members.open(listed[0]) as file:
        return b"".join(file.read(64).removeprefix(b"\xef\xbb\xbf").split()).startswith(b'{"header":')
