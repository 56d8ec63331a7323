"""Writing age files, as a stream."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any, BinaryIO

from stashport.bundle.age_header import CHUNK, NONCE, chunk_nonce, hkdf, written
from stashport.bundle.age_keys import WORK_FACTOR, Recipient, library, lock_for, lock_with
from stashport.bundle.passphrase import Passphrase, made
from stashport.errors import BadRequest


class EncryptingWriter(io.BufferedIOBase):
    """A binary file that encrypts what is written to it into another one.

    Only `close` finishes the file; one that is left by an error, discarded or forgotten stays cut, and no reader takes it for whole.  It collects chunks
    itself: do not put a buffer around it, which would close it when forgotten.  `close_file` closes the other file with it.
    Errors: BadRequest, BadRecipient, BlankPassphrase, TooCostly, MissingLibrary; OSError from the other file.
    """

    def __init__(self, file: BinaryIO, *, passphrase: str | Passphrase | None = None, recipients: Sequence[str | Recipient] = (),
                 work_factor: int = WORK_FACTOR, close_file: bool = False) -> None:
        self._cipher: Any = None
        self._file, self._close_file, self._broken = file, close_file, False
        self._buffer, self._number, self._written = bytearray(), 0, 0
        if (passphrase is None) == (not recipients):
            raise BadRequest(what="Encryption takes either a passphrase or recipients.")
        of = library()
        file_key, nonce = os.urandom(16), os.urandom(NONCE)
        if passphrase is not None:
            stanzas = [lock_with(made(passphrase), file_key, work_factor)]
        else:
            stanzas = [lock_for(r if isinstance(r, Recipient) else Recipient(r), file_key) for r in recipients]
        self._cipher = of.Cipher(hkdf(file_key, nonce, b"payload"))
        self._put(written(stanzas, file_key) + nonce)

    def __repr__(self) -> str:
        return f"<encrypting writer, {self._written} bytes so far>"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        self._cipher = None  # Python closes what is forgotten, and that must not finish it

    def writable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """How many bytes were taken."""
        return self._written

    def write(self, data: Any, /) -> int:
        """Take bytes; what does not fill a chunk waits."""
        if self.closed or self._broken:
            raise ValueError("write to a closed or broken file")
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            if len(self._buffer) == CHUNK:  # more follows, so it is not the last one
                self._seal(last=False)
            part = view[done : done + CHUNK - len(self._buffer)]
            self._buffer += part
            done += len(part)
        self._written += len(view)
        return len(view)

    def _seal(self, *, last: bool) -> None:
        sealed = self._cipher.encrypt(chunk_nonce(self._number, last), bytes(self._buffer), None)
        self._number += 1
        self._buffer.clear()
        self._put(sealed)

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        self._broken = True
        while view:  # unbuffered files may take a part only
            taken = self._file.write(view)
            if not taken:
                raise OSError(errno.EIO, "the file takes nothing more")
            view = view[taken:]
        self._broken = False

    def close(self) -> None:
        """Finish the file.  Errors: OSError, also when a write before has failed."""
        if self.closed:
            return
        try:
            if self._cipher is not None:
                if self._broken:
                    raise OSError(errno.EIO, "it could not be written as a whole")
                self._seal(last=True)
                self._file.flush()
        finally:
            self.discard()

    def discard(self) -> None:
        """Close without finishing: what was written so far cannot be read as a whole file."""
        self._cipher = None
        self._buffer.clear()
        if not self.closed:
            super().close()
            if self._close_file:
                self._file.close()
