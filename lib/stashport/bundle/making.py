"""A file of a vault while it is made: a bundle, sealed where the vault is encrypted, under a temporary name until it was read back.

Order is everything: the file, then what belongs to it, then its card.  Whatever is killed between leaves files that no card speaks of, and never a card
without its file.  The next backup uses such packs.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, BinaryIO, Protocol, cast

from stashport.atomic import discard, file_error
from stashport.bundle.aside import Aside
from stashport.bundle.reader import BundleReader
from stashport.bundle.store import After, Progress, Store
from stashport.bundle.writer import BundleWriter

_BUFFER = 1 << 20


class Wrapping(Protocol):
    """What encrypts a file, and opens what it encrypted itself."""

    def wrap(self, file: BinaryIO, /) -> BinaryIO:
        """A file that encrypts into another."""
        ...

    def unwrap(self, file: BinaryIO, /) -> BinaryIO:
        """What was encrypted, seekable."""
        ...


class Making:
    """Use as a context manager: what was not put into the store when it is left is removed.

    stem     the file's name in the store, without its ending
    header   from bundle.header.new_header
    seal     None for a plain file
    Errors: CannotWrite, DiskFull, and those of BundleWriter.
    """

    def __init__(self, store: Store, stem: str, header: dict[str, Any], seal: Wrapping | None) -> None:
        self.name = f"{stem}.bundle{'.age' if seal else ''}"
        self._store, self._seal = store, seal
        self.path = store.workplace(self.name)
        try:
            self._file: BinaryIO = self.path.open("xb", _BUFFER)
        except OSError as error:
            raise file_error(error, self.path.parent) from error
        self._summed = _Summed(self._file)
        self._stream = seal.wrap(cast("BinaryIO", self._summed)) if seal else cast("BinaryIO", self._summed)
        self.aside = Aside() if seal else None
        self.bundle = BundleWriter(self._stream, header, spool=self.path.parent, aside=self.aside)
        self.header = header

    def __enter__(self) -> Making:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bundle.discard()
        self._summed.abandoned = True
        with contextlib.suppress(OSError):  # it would write what nobody wants any more, and a full disk refuses that
            self._file.close()
        discard(self.path)
        if isinstance(error, OSError):
            raise file_error(error, self.path.parent) from error

    def open(self, name: str) -> BinaryIO:
        """A new member of the bundle."""
        return self.bundle.open(name)

    @property
    def told(self) -> dict[str, Any]:
        """What its card says of the file: size and SHA-256."""
        return {"size": self._summed.size, "sha256": self._summed.sum.hexdigest()}

    def finish(self, **late: Any) -> dict[str, Any]:
        """Write the end; the finished header."""
        self.header = self.bundle.close(**late)
        if self._seal:
            self._stream.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self.header

    def check(self, look: Callable[[BundleReader], None]) -> None:
        """Read it back from the disk, decrypted, before it gets its name.  Errors: as `look` raises them, and those of BundleReader."""
        with self.path.open("rb", _BUFFER) as raw, (self._seal.unwrap(raw) if self._seal else raw) as stream, BundleReader(stream, self.name) as reader:
            look(reader)

    def put(self, progress: Progress, after: After = ()) -> None:
        """Into the store, under its name; then what belongs to it."""
        self._store.put(self.path, self.name, progress, after)


class _Summed(io.RawIOBase):
    """Passes bytes on, and knows their number and their sum."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sum, self.size, self.abandoned = hashlib.sha256(), 0, False

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        if self.abandoned:
            return len(data)  # an encrypting stream that is let go of writes its end: there is nobody to read it
        self._file.write(data)
        self.sum.update(data)
        self.size += len(data)
        return len(data)

