"""Writes a bundle into any stream that takes bytes in order: a file, or the encrypting one.

The size and the sum of a member stand in front of it, so what is written through `open` waits, packed, in memory or (beyond 4 MB) in a file without a name
until it is closed.  Nothing that was written is ever gone back to, several members can be open side by side, and a member that fails leaves no trace.
"""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

from stashport.bundle.archive import Directory, Entry, after, central_header, ending, local_header
from stashport.bundle.aside import Aside, Spool
from stashport.bundle.header import LONGEST, completed, dump, wrong
from stashport.bundle.members import HEADER, LIST, Index, Member, counts_records, line, real
from stashport.bundle.packing import Packer, packer
from stashport.errors import PortError

_PIECE = 1 << 20


class BundleWriter:
    """A bundle that is being written; use as a context manager, which lets go of what waits when it is left.

    stream   only `write` is asked of it; it is neither flushed nor closed
    header   from `new_header`
    spool    folder for what has to wait on disk; the system's own for temporary files without it
    aside    hides what waits there, for a bundle that is encrypted on its way
    Errors: MissingLibrary at once; OSError as the stream raises it, DiskFull and CannotWrite for what waits, after which the bundle cannot be finished.
    Only `close` finishes it.
    """

    def __init__(self, stream: BinaryIO, header: dict[str, Any], *, spool: Path | None = None, aside: Aside | None = None) -> None:
        self.header = header
        self.compression: str = header["options"]["compression"]
        packer(real("x", self.compression))
        self._stream, self._spool, self._aside = stream, spool, aside
        self._index, self._waiting = Index(), set[_Member]()
        self._at, self._broken, self._closed = 0, False, False

    def __enter__(self) -> BundleWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.discard()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._at

    def open(self, name: str) -> BinaryIO:
        """A new member; it stands in the file from when it is closed.  Leaving its `with` by an error leaves it out.  Errors: UnfitName."""
        self._must_be_open()
        name = real(name, self.compression)
        self._index.reserve(name)
        member = _Member(self, name, self._new_spool(), packer(name))
        self._waiting.add(member)
        return cast("BinaryIO", member)

    def add(self, name: str, data: bytes) -> None:
        """A new member whose bytes are all there: the quick way for images.  Errors: UnfitName."""
        self._must_be_open()
        name = real(name, self.compression)
        packs = packer(name)
        packed = packs.compress(data) + packs.flush() if packs else data
        records = data.count(b"\n") if counts_records(name) else None
        member = Member(name, len(packed), hashlib.sha256(packed).digest(), len(data), records, zlib.crc32(packed), self._at)
        self._index.add(member)
        self._put(local_header(member.entry) + packed if len(packed) < _PIECE else local_header(member.entry))
        if len(packed) >= _PIECE:
            self._put(packed)

    def close(self, **late: Any) -> dict[str, Any]:
        """Write the end; the finished header.  `late` takes the place of what the header said before: `notInside`, `restoration`, ..."""
        self._must_be_open()
        if self._waiting:
            raise ValueError(f"{len(self._waiting)} members are still open")
        with contextlib.closing(self._new_spool()) as listed:
            checksum, crc = hashlib.sha256(), 0
            for member in self._index:
                text = line(member)
                listed.write(text)
                checksum.update(text)
                crc = zlib.crc32(text, crc)
            entries = [Entry(LIST, listed.size, crc, self._at)]
            header = completed({**self.header, **late}, self._index.content(), len(self._index), listed.size, checksum.hexdigest())
            text = dump(header)
            if reason := wrong(header) or ("it is too large" if len(text) > LONGEST else ""):
                raise ValueError(f"no header for a bundle: {reason}")
            self._put(local_header(entries[0]))
            self._copy(listed)
        entries.append(Entry(HEADER, len(text), zlib.crc32(text), self._at))
        self._put(local_header(entries[1]) + text)
        start, waiting = self._at, bytearray()
        for member in self._index:
            waiting += central_header(member.entry)
            if len(waiting) >= _PIECE:
                self._put(bytes(waiting))
                waiting.clear()
        waiting += b"".join(map(central_header, entries))
        self._put(bytes(waiting))
        self._put(ending(Directory(len(self._index) + len(entries), start, self._at - start)))
        self._closed = True
        self.discard()
        return header

    def discard(self) -> None:
        """Let go of everything that waits; what the stream has taken is the caller's."""
        self._broken = self._broken or not self._closed
        for member in list(self._waiting):
            member.abandon()
        self._index.close()

    def _forget(self, member: _Member) -> None:
        self._waiting.discard(member)
        if not (self._broken or self._closed):
            self._index.release(member.name)

    def _must_be_open(self) -> None:
        if self._closed or self._broken:
            raise ValueError("this bundle is finished" if self._closed else "this bundle cannot be finished: writing it failed")

    def _new_spool(self) -> Spool:
        return Spool(self._spool, self._aside)

    def _put(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                taken = self._stream.write(left)
                self._at += taken
                left = left[taken:]
        except BaseException:
            self._broken = True
            raise

    def _copy(self, spool: Spool) -> None:
        for piece in spool.pieces():
            self._put(piece)

    def _take(self, member: Member, spool: Spool) -> None:
        """Put a member that was closed into the file."""
        self._must_be_open()
        member = member._replace(at=self._at)
        try:
            self._index.add(member, reserved=True)
        except PortError:
            self._broken = True
            raise
        self._put(local_header(member.entry))
        self._copy(spool)
        assert self._at == after(member.entry)


class _Member:
    """A member that is being written.  Not one of Python's own streams: those close themselves when they are forgotten, and half a member must not count."""

    def __init__(self, bundle: BundleWriter, name: str, spool: Spool, packs: Packer | None) -> None:
        self.name, self.mode, self.closed = name, "wb", False
        self._bundle, self._spool, self._packs = bundle, spool, packs
        self._sum, self._crc, self._size, self._unpacked = hashlib.sha256(), 0, 0, 0
        self._records = 0 if counts_records(name) else None

    def __enter__(self) -> _Member:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.close()
        else:
            self.abandon()

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    seekable = readable

    def flush(self) -> None:
        """What waits does so until the end."""

    def tell(self) -> int:
        return self._unpacked

    def write(self, data: Any, /) -> int:
        if self.closed:
            raise ValueError("this member is closed")
        whole = data if isinstance(data, bytes) else bytes(memoryview(data))
        self._unpacked += len(whole)
        if self._records is not None:
            self._records += whole.count(b"\n")
        self._keep(self._packs.compress(whole) if self._packs else whole)
        return len(whole)

    def _keep(self, packed: bytes) -> None:
        if packed:
            try:
                self._spool.write(packed)
            except PortError:
                self._bundle._broken = True  # noqa: SLF001 - two halves of one thing
                self.abandon()
                raise
            self._sum.update(packed)
            self._crc = zlib.crc32(packed, self._crc)
            self._size += len(packed)

    def close(self) -> None:
        if self.closed:
            return
        if self._packs:
            self._keep(self._packs.flush())
        member = Member(self.name, self._size, self._sum.digest(), self._unpacked, self._records, self._crc)
        try:
            self._bundle._take(member, self._spool)  # noqa: SLF001
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Forget it: nothing of it is in the bundle, unless it was taken."""
        if not self.closed:
            self.closed = True
            self._spool.close()
            self._bundle._forget(self)  # noqa: SLF001
