"""ZIP as our files are: one spelling for everything, so that a reader makes each byte again from what it means, and compares.

Members are stored (what is packed is packed before), one right after the other from the first byte of the file, then the list of them in the same order,
then the end.  All names are UTF-8, all times 1980-01-01, there are no comments, and no extra fields but ZIP64's, which stand exactly where a number
does not fit without them.  Sizes and sums stand in front of each member, not behind it: that is what the simplest of programs understand, and
what tools that rescue a cut file look for.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, NamedTuple

MOST_16, MOST_32 = 0xFFFF, 0xFFFFFFFF
_UTF8, _STORED, _DATE = 0x0800, 0, 0x0021
_PLAIN, _ZIP64 = 20, 45  # the version of ZIP that a reader must know
_UNIX, _MODE = 3 << 8, 0o100600 << 16  # as made on Unix, else unzip takes names for those of DOS, and for the owner's eyes
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_LAST = _END64.size + _LOCATOR.size + _END.size
# What each local header begins with, but for the version, which size decides.
_OURS = _LOCAL.pack(b"PK\x03\x04", _PLAIN, _UTF8, _STORED, 0, _DATE, 0, 0, 0, 0, 0)[6:14]


class Broken(Exception):
    """The bytes are not those that we would have written; the text says where."""


class Entry(NamedTuple):
    """What a ZIP tells of a member: `at` is where its local header begins."""

    name: str
    size: int
    crc: int
    at: int


class Directory(NamedTuple):
    """Where the list of members is."""

    members: int
    at: int
    size: int


def _extra(*numbers: int) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""


def local_header(entry: Entry) -> bytes:
    """What stands before a member's bytes."""
    large = entry.size >= MOST_32
    name, extra = entry.name.encode(), _extra(entry.size, entry.size) if large else b""
    size = MOST_32 if large else entry.size
    version = _ZIP64 if large else _PLAIN
    return _LOCAL.pack(b"PK\x03\x04", version, _UTF8, _STORED, 0, _DATE, entry.crc, size, size, len(name), len(extra)) + name + extra


def central_header(entry: Entry) -> bytes:
    """A member's place in the list of all."""
    large, far = entry.size >= MOST_32, entry.at >= MOST_32
    name, extra = entry.name.encode(), _extra(*(entry.size, entry.size) * large, *(entry.at,) * far)
    size, at = MOST_32 if large else entry.size, MOST_32 if far else entry.at
    version = _ZIP64 if extra else _PLAIN
    fixed = _CENTRAL.pack(
        b"PK\x01\x02", _UNIX | version, version, _UTF8, _STORED, 0, _DATE, entry.crc, size, size, len(name), len(extra), 0, 0, 0, _MODE, at)
    return fixed + name + extra


def after(entry: Entry) -> int:
    """Where the next thing begins."""
    return entry.at + _LOCAL.size + len(entry.name.encode()) + (20 if entry.size >= MOST_32 else 0) + entry.size


def ending(directory: Directory) -> bytes:
    """What stands at the end of the file."""
    count, at, size = directory
    ends = b""
    if count >= MOST_16 or at >= MOST_32 or size >= MOST_32:
        ends = _END64.pack(b"PK\x06\x06", _END64.size - 12, _UNIX | _ZIP64, _ZIP64, 0, 0, count, count, size, at)
        ends += _LOCATOR.pack(b"PK\x06\x07", 0, at + size, 1)
    short = min(count, MOST_16)
    return ends + _END.pack(b"PK\x05\x06", 0, 0, short, short, min(size, MOST_32), min(at, MOST_32), 0)


def read_ending(stream: BinaryIO) -> Directory:
    """Where the list of members is.  Errors: Broken."""
    whole = stream.seek(0, os.SEEK_END)
    last = read_at(stream, max(0, whole - _LAST), min(whole, _LAST))
    if len(last) < _END.size or last[-_END.size :][:4] != b"PK\x05\x06":
        raise Broken("its end is not the end of a ZIP")
    _, _, _, _, count, size, at, _ = _END.unpack(last[-_END.size :])
    if len(last) == _LAST and (count == MOST_16 or MOST_32 in (at, size)):
        _, _, _, _, _, _, _, count, size, at = _END64.unpack(last[: _END64.size])
    directory = Directory(count, at, size)
    wanted = ending(directory)
    if not last.endswith(wanted) or at + size + len(wanted) != whole:
        raise Broken("its last bytes do not fit to what is before them")
    return directory


def read_central(stream: BinaryIO) -> Entry:
    """The next member of the list, read from where the stream is.  Errors: Broken."""
    fixed = _exactly(stream, _CENTRAL.size)
    _, _, _, _, _, _, _, crc, size, _, length, more, _, _, _, _, at = _CENTRAL.unpack(fixed)
    raw = _exactly(stream, length)
    extra = _exactly(stream, more)
    numbers = list(struct.unpack_from(f"<{(more - 4) // 8}Q", extra, 4)) if more in (12, 20, 28) else []
    if size == MOST_32 and len(numbers) > 1:
        size, numbers = numbers[0], numbers[2:]
    if at == MOST_32 and numbers:
        at = numbers[0]
    try:
        entry = Entry(raw.decode(), size, crc, at)
    except UnicodeDecodeError:
        raise Broken(f"a member is called {raw!r}, which is no UTF-8") from None
    if central_header(entry) != fixed + raw + extra:
        raise Broken(f"{entry.name!r} is not listed as it should be")
    return entry


def begins_as_ours(stream: BinaryIO) -> bool:
    """Whether a file begins as our files do: what is wrong with it is damage, then."""
    first = read_at(stream, 0, 14)
    return first[:4] == b"PK\x03\x04" and first[6:] == _OURS


def read_at(stream: BinaryIO, at: int, size: int) -> bytes:
    """Some bytes from a place, fewer only where the file ends."""
    stream.seek(at)
    parts, left = [], size
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    found = stream.read(size)
    if len(found) != size:
        raise Broken("its list of members is cut off")
    return found
