"""Reads a bundle from any stream that can be read at any place: a file, or the decrypting one.

Opening looks at the end, `bundle.json`, the list of members and ZIP's own list, and holds them against each other; a member's own header is looked at when
the member is opened, its bytes when they are read.  So nothing is used that was not looked at, and to open a large bundle is not to read all of it.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, BinaryIO, cast

from stashport.bundle.archive import Broken, Directory, Entry, after, begins_as_ours, central_header, local_header, read_at, read_central, read_ending
from stashport.bundle.content import BUFFER, Content, Section
from stashport.bundle.header import LONGEST, dump, full_content, load
from stashport.bundle.members import HEADER, LIST, LONGEST_LINE, Index, Member, logical, read_line
from stashport.errors import BadRequest, BundleDamaged, MissingLibrary, NotABundle, NotInBundle, PortError, UnfitName

LEVELS = ("quick", "full")
_MOST_PROBLEMS = 100


def read_header(stream: BinaryIO, place: str) -> dict[str, Any]:
    """The header alone, whatever the bundle's size: for lists of bundles.  Errors: NotABundle, NewerFile, BundleDamaged."""
    return _find_header(stream, place)[0]


def is_bundle(stream: BinaryIO) -> bool:
    """Whether a file is meant to be a bundle: damaged ones are, other ZIP files are not."""
    try:
        return begins_as_ours(stream) or _last_entry(stream, read_ending(stream)).name == HEADER
    except Broken:
        return False


def _last_entry(stream: BinaryIO, directory: Directory) -> Entry:
    """The header's entry: ZIP lists it last, with a number of 64 bits or without."""
    for size in (len(central_header(Entry(HEADER, 0, 0, at))) for at in (0, 1 << 32)):
        found = read_at(stream, max(0, directory.at + directory.size - size), size)
        try:
            entry = read_central(cast("BinaryIO", io.BytesIO(found)))
        except Broken:
            continue
        if entry.name == HEADER and after(entry) == directory.at and len(central_header(entry)) == size:
            return entry
    raise Broken(f"its last member is not {HEADER}")


def _find_header(stream: BinaryIO, place: str) -> tuple[dict[str, Any], Entry, Directory]:
    try:
        directory = read_ending(stream)
        entry = _last_entry(stream, directory)
    except Broken as error:
        known = BundleDamaged if begins_as_ours(stream) else NotABundle
        raise known(place=place, reason=error) from None
    before = local_header(entry)
    if entry.size > LONGEST or read_at(stream, entry.at, len(before)) != before:
        raise BundleDamaged(place=place, reason=f"what stands before {HEADER} is not what should")
    text = read_at(stream, entry.at + len(before), entry.size)
    if zlib.crc32(text) != entry.crc:
        raise BundleDamaged(place=place, reason=f"{HEADER} is not what was written")
    return load(text, place), entry, directory


class BundleReader:
    """A bundle, its header and its members.  Where formats read from, it stands for their files; images are not among those.

    stream   stays the caller's to close
    Errors: NotABundle, NewerFile, BundleDamaged.
    """

    def __init__(self, stream: BinaryIO, place: str) -> None:
        self._stream, self.place = stream, place
        self.header, last, directory = _find_header(stream, place)
        self._index = Index()
        try:
            self._look(last, directory)
        except (Broken, UnfitName) as error:
            self.close()
            raise BundleDamaged(place=place, reason=error) from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> BundleReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the list of members."""
        self._index.close()

    def _look(self, last: Entry, directory: Directory) -> None:
        """Hold ZIP's list against ours, line by line."""
        told, options = self.header["members"], self.header["options"]
        listed = Entry(LIST, told["size"], 0, last.at - told["size"] - len(local_header(Entry(LIST, told["size"], 0, 0))))
        if directory.members != told["count"] + 2 or listed.at < 0:
            raise Broken("it has more or fewer members than it tells of")
        entries = io.BufferedReader(Section(self._stream, directory.at, directory.size), BUFFER)
        lines = io.BufferedReader(Section(self._stream, last.at - listed.size, listed.size), BUFFER)
        at, checksum, crc = 0, hashlib.sha256(), 0
        for _ in range(told["count"]):
            entry = read_central(entries)
            if entry.at != at:
                raise Broken(f"{entry.name!r} is not where the one before it ends")
            at = after(entry)
            if at > listed.at:
                raise Broken(f"{entry.name!r} reaches into what follows it")
            text = lines.readline(LONGEST_LINE)
            checksum.update(text)
            crc = zlib.crc32(text, crc)
            self._index.add(read_line(text, entry))
        listed = listed._replace(crc=crc)
        if at != listed.at or lines.read(1) or checksum.hexdigest() != options["integrity"]["checksum"]:
            raise Broken(f"{LIST} is not what was written")
        if read_central(entries) != listed or read_central(entries) != last or entries.read(1):
            raise Broken("its lists of members do not end as they should")
        self._check_local(listed)
        if dump(full_content(self._index.content())) != dump(self.header["content"]):
            raise Broken(f"{HEADER} counts otherwise than {LIST}")

    def _check_local(self, entry: Entry) -> int:
        """Where a member's bytes begin."""
        before = local_header(entry)
        if read_at(self._stream, entry.at, len(before)) != before:
            raise Broken(f"what stands before {entry.name!r} is not what should")
        return entry.at + len(before)

    def names(self) -> list[str]:
        """The members' names, without what packing adds; images, which no format reads, left out."""
        return [name for name in self.all_names() if not name.startswith("images/")]

    def all_names(self) -> Iterator[str]:
        """The members' names, images too, in the order of the file."""
        return (logical(member.name) for member in self._index)

    def member(self, name: str) -> Member:
        """What is known of a member.  Errors: NotInBundle."""
        found = self._index.find(name)
        if found is None:
            raise NotInBundle(place=self.place, name=name)
        return found

    def __contains__(self, name: str) -> bool:
        return self._index.find(name) is not None

    def open(self, name: str) -> BinaryIO:
        """A member, for reading, unpacked.  The last of its bytes is given only when all of them were found to be what was written.

        Errors: NotInBundle, MissingLibrary; BundleDamaged, also while reading.
        """
        return cast("BinaryIO", io.BufferedReader(self._open(self.member(name)), BUFFER))

    def read(self, name: str, most: int = 256 << 20) -> bytes:
        """A whole member.  Errors: as `open`; BundleDamaged when it tells of more than `most` bytes."""
        member = self.member(name)
        if member.unpacked > most:
            raise BundleDamaged(place=self.place, reason=f"{name} is larger than it can be ({member.unpacked:,} bytes)")
        with io.BufferedReader(self._open(member), BUFFER) as file:
            return file.read()

    def _open(self, member: Member) -> Content:
        return Content(self._stream, self._begin(member), member, self.place)

    def _begin(self, member: Member) -> int:
        try:
            return self._check_local(member.entry)
        except Broken as error:
            raise BundleDamaged(place=self.place, reason=error) from None

    def verify(self, level: str = "quick", progress: Callable[[int], None] = lambda _: None) -> list[str]:
        """What is wrong; nothing when it is good.

        level      quick: each member stands where it should; full: each byte is read, unpacked, held against its sums, and records are counted
        progress   called with the number of packed bytes of each member; a stop is raised from there
        """
        if level not in LEVELS:
            raise BadRequest(what=f"There is no level {level!r} of verifying a bundle: {', '.join(LEVELS)}.")
        found: list[str] = []
        for member in self._index:
            try:
                if level == "full":
                    self._open(member).check()
                else:
                    self._begin(member)
            except MissingLibrary:
                raise
            except (PortError, OSError) as error:
                found.append(str(error.details.get("reason", error)) if isinstance(error, BundleDamaged) else str(error))
                if len(found) == _MOST_PROBLEMS:
                    return [*found, "and perhaps more"]
            progress(member.size)
        return found
