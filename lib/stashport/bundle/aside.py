"""What is put aside on the host's own disk while an export is written, and must not be readable there when the export itself is encrypted."""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from stashport.atomic import file_error

_IN_MEMORY = 4 << 20
_PIECE = 1 << 20
_LENGTH = 4
_NONCE = 12


class Aside:
    """Encrypts what is put aside, with keys that are made here, are in memory only and are forgotten with it.  Errors: MissingLibrary."""

    def __init__(self) -> None:
        from stashport.bundle.age_keys import library, new_identity  # only where something is encrypted

        self._identity, self._own = new_identity()
        self._cipher = library().Cipher(os.urandom(32))
        self._key, self._number = os.urandom(32), 0

    def wrap(self, file: BinaryIO) -> BinaryIO:
        """A file that encrypts into another one, which is closed with it."""
        from stashport.bundle.age_writer import EncryptingWriter

        return cast("BinaryIO", EncryptingWriter(file, recipients=(self._own,), close_file=True))

    def unwrap(self, file: BinaryIO) -> BinaryIO:
        """What such a file holds; the other one is closed with it."""
        from stashport.bundle.age_reader import DecryptingReader

        return cast("BinaryIO", DecryptingReader(file, identities=[self._identity], close_file=True))

    def hide(self, data: bytes) -> bytes:
        """A value, encrypted: 28 bytes longer, and different each time."""
        self._number += 1
        nonce = self._number.to_bytes(_NONCE, "big")
        sealed: bytes = self._cipher.encrypt(nonce, data, None)
        return nonce + sealed

    def show(self, data: bytes) -> bytes:
        """A value that was hidden."""
        shown: bytes = self._cipher.decrypt(data[:_NONCE], data[_NONCE:], None)
        return shown

    def mark(self, data: bytes) -> bytes:
        """The same 16 bytes for the same value, which tell nobody what it is."""
        return hashlib.blake2b(data, key=self._key, digest_size=16).digest()


class Spool:
    """Bytes that wait until they are read again, once and in order: in memory, beyond 4 MB in a file without a name.

    folder   where that file is; the system's own for such files without it
    aside    hides what is in it
    Errors: DiskFull, CannotWrite, when it is made, written or read.
    """

    def __init__(self, folder: Path | None = None, aside: Aside | None = None) -> None:
        self._folder, self._aside = folder, aside
        self._waiting = bytearray()
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder) if folder else None)  # noqa: SIM115 - closed with this
        weakref.finalize(self, self._file.close)  # also when writing ends early
        self.size = 0

    def write(self, data: bytes) -> None:
        """Take bytes."""
        self.size += len(data)
        try:
            if self._aside is None:
                self._file.write(data)
            else:
                self._waiting += data
                if len(self._waiting) >= _PIECE:
                    self._hide()
        except OSError as error:
            raise file_error(error, self._place) from error

    def pieces(self) -> Iterator[bytes]:
        """All of it, in the order in which it came."""
        try:
            self._hide()
            self._file.seek(0)
            if self._aside is None:
                yield from iter(lambda: self._file.read(_PIECE), b"")
            else:
                while length := self._file.read(_LENGTH):
                    yield self._aside.show(self._file.read(int.from_bytes(length, "big")))
        except OSError as error:
            raise file_error(error, self._place) from error

    def close(self) -> None:
        """Forget it."""
        self._waiting.clear()
        self._file.close()

    def _hide(self) -> None:
        if self._aside is not None and self._waiting:
            sealed = self._aside.hide(bytes(self._waiting))
            self._file.write(len(sealed).to_bytes(_LENGTH, "big") + sealed)
            self._waiting.clear()

    @property
    def _place(self) -> Path:
        return self._folder or Path(tempfile.gettempdir())
