"""The bytes of a member: read where they are, unpacked, and held against what was told of them."""

from __future__ import annotations

import hashlib
import io
import zlib
from typing import Any, BinaryIO

from stashport.bundle.members import Member, logical
from stashport.bundle.packing import unpacker, unpacking_errors
from stashport.errors import BundleDamaged

BUFFER = 1 << 18
_PIECE = 1 << 16


class Section(io.RawIOBase):
    """A part of a stream, read through a place of its own."""

    def __init__(self, stream: BinaryIO, at: int, size: int) -> None:
        self._stream, self._at, self._end = stream, at, at + size

    def readable(self) -> bool:
        """As in Python's streams."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As in Python's streams."""
        data = self.take(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def take(self, most: int) -> bytes:
        """The next bytes, fewer than `most` where the section, or the file, ends."""
        self._stream.seek(self._at)
        data = self._stream.read(min(most, self._end - self._at))
        self._at += len(data)
        return data

    @property
    def left(self) -> int:
        """How many bytes are still to come."""
        return self._end - self._at


class Content(io.RawIOBase):
    """A member's bytes, unpacked; never more of them than were told, and the last only when the sums are right."""

    def __init__(self, stream: BinaryIO, at: int, member: Member, place: str) -> None:
        self._packed, self._member, self._place = Section(stream, at, member.size), member, place
        self._unpacks, self._sum, self._crc = unpacker(member.name), hashlib.sha256(), 0
        self._left, self._checked = member.unpacked, False

    def readable(self) -> bool:
        """As in Python's streams."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As in Python's streams."""
        data = self._next(min(len(buffer), self._left)) if self._left and len(buffer) else b""
        self._left -= len(data)
        if not self._left and not self._checked:
            self._check_end()
        buffer[: len(data)] = data
        return len(data)

    def check(self) -> None:
        """Read all of it, and count its records.  Errors: BundleDamaged."""
        records, last, whole = 0, b"\n", bytearray(BUFFER)
        while size := self.readinto(memoryview(whole)):
            if self._member.records is not None:
                records += whole.count(b"\n", 0, size)
                last = bytes(whole[size - 1 : size])
        if self._member.records is not None and (records != self._member.records or last != b"\n"):
            raise self._damage(f"holds {records:,} records where there should be {self._member.records:,}")

    def _next(self, most: int) -> bytes:
        """Some of its bytes, at least one."""
        while True:
            data, starved = b"", False
            if self._unpacks is None or self._unpacks.needs_input:
                data = self._take(most if self._unpacks is None else _PIECE)
                starved = not data
            found = self._unpack(data, most) if self._unpacks else data
            if found:
                return found
            if starved or (self._unpacks and self._unpacks.eof):
                raise self._damage("is cut off" if starved else "unpacks to less than it should")

    def _check_end(self) -> None:
        while self._unpacks and not self._unpacks.eof:
            data = self._take(_PIECE) if self._unpacks.needs_input else b""
            starved = self._unpacks.needs_input and not data
            if self._unpack(data, 1):
                raise self._damage("unpacks to more than it should")
            if starved and not self._unpacks.eof:
                raise self._damage("is cut off")
        if self._packed.left or (self._unpacks and self._unpacks.unused_data):
            raise self._damage("goes on after its end")
        if self._sum.digest() != self._member.sha256 or self._crc != self._member.crc:
            raise self._damage("is not what was written")
        self._checked = True

    def _take(self, most: int) -> bytes:
        data = self._packed.take(most)
        self._sum.update(data)
        self._crc = zlib.crc32(data, self._crc)
        return data

    def _unpack(self, data: bytes, most: int) -> bytes:
        assert self._unpacks
        try:
            return self._unpacks.decompress(data, max_length=most)
        except unpacking_errors() as error:
            raise self._damage(f"cannot be unpacked ({error})") from None

    def _damage(self, what: str) -> BundleDamaged:
        return BundleDamaged(place=self._place, reason=f"{logical(self._member.name)} {what}")

