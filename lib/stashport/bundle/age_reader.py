"""Reading age files, from any place or as a stream."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from stashport.bundle.age_armor import BEGIN, BLANKS, MOST_BLANKS, Unarmored
from stashport.bundle.age_header import CHUNK, NONCE, TAG, check_seal, chunk_nonce, exactly, hkdf
from stashport.bundle.age_header import read as read_header
from stashport.bundle.age_keys import Identity, library, unlock
from stashport.bundle.passphrase import Passphrase, made
from stashport.errors import DamagedEncryption

_SEALED = CHUNK + TAG


class DecryptingReader(io.RawIOBase):
    """What an encrypted file holds, as a binary file; seekable when the other one is.

    No byte is given out before its chunk was found whole.  Of a seekable file the end is checked on opening, so that `size` is true and a file that was cut
    is refused at once; of a stream it is checked when it is reached: until then what was read is genuine, but may not be all.
    Every read fills what it is asked for unless the end comes first.  For reading lines put an `io.BufferedReader` around it.
    Errors: NotEncrypted, WrongPassphrase, NoIdentity, OtherSecret, DamagedEncryption (also while reading), TooCostly, BlankPassphrase, MissingLibrary.
    """

    def __init__(self, file: BinaryIO, *, passphrase: str | Passphrase | None = None, identities: Sequence[str | Identity] = (),
                 place: str = "", close_file: bool = False) -> None:
        self._place = place or str(getattr(file, "name", "The file"))
        self._file, self._close_file = file, close_file
        self._position, self._held_number, self._held = 0, -1, b""
        self._ahead, self._number, self._ended = b"", 0, False  # of a stream
        self._failed: BaseException | None = None
        of = library()
        seekable = file.seekable()
        if seekable and _is_armored(file):
            self._file = file = cast("BinaryIO", Unarmored(file, self._place))
        header = read_header(file, self._place)
        keys = [key if isinstance(key, Identity) else Identity(key) for key in identities]
        file_key = unlock(header.stanzas, self._place, None if passphrase is None else made(passphrase), keys)
        check_seal(header, file_key, self._place)
        nonce = exactly(file, NONCE)
        if len(nonce) < NONCE:
            raise DamagedEncryption(place=self._place, reason="it ends behind its header")
        self._cipher, self._invalid = of.Cipher(hkdf(file_key, nonce, b"payload")), of.InvalidTag
        self._size: int | None = None
        if seekable:
            self._measure()

    def __repr__(self) -> str:
        return f"<decrypting reader of {self._place}>"

    def _measure(self) -> None:
        """Learn size and number of chunks from the other file's size, and believe it only when the last chunk says that it is the last."""
        self._start = self._file.tell()
        sealed = self._file.seek(0, os.SEEK_END) - self._start
        self._chunks = max(1, -(-sealed // _SEALED))
        self._size = max(0, sealed - self._chunks * TAG)
        self._hold(self._chunks - 1)

    @property
    def size(self) -> int:
        """The number of bytes, of a seekable file."""
        if self._size is None:
            raise io.UnsupportedOperation("the size of a stream is not known")
        return self._size

    def _hold(self, number: int) -> None:
        """Decrypt a chunk of a seekable file."""
        if number == self._held_number:
            return
        last = number == self._chunks - 1
        self._file.seek(self._start + number * _SEALED)
        wanted = _SEALED if not last else self.size + self._chunks * TAG - number * _SEALED
        self._held = self._opened(exactly(self._file, wanted), number, last=last)
        self._held_number = number

    def _opened(self, sealed: bytes, number: int, *, last: bool) -> bytes:
        try:
            data: bytes = self._cipher.decrypt(chunk_nonce(number, last), sealed, None)
        except (self._invalid, ValueError):
            raise self._damaged(number, last=last) from None
        if not data and number:  # age never writes an empty chunk behind others
            raise self._damaged(number, last=last)
        return data

    def _damaged(self, number: int, *, last: bool) -> DamagedEncryption:
        where = "its end" if last else f"about byte {number * CHUNK:,} of what it holds"
        return DamagedEncryption(place=self._place, reason=f"the seal at {where} does not fit")

    def _next(self) -> bytes:
        """The next chunk of a stream; one byte more is always read, to know which one is the last.  Nothing when that was given already."""
        if self._ended:
            return b""
        sealed = self._ahead + exactly(self._file, _SEALED + 1 - len(self._ahead))
        last = len(sealed) <= _SEALED
        data = self._opened(sealed[:_SEALED], self._number, last=last)
        self._ahead, self._number, self._ended = sealed[_SEALED:], self._number + 1, last
        return data

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Whether the other file is."""
        return self._size is not None

    def tell(self) -> int:
        """Which byte would be read next."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go anywhere, also behind the end, where nothing can be read.  Errors: OSError for a place before the beginning."""
        if self._size is None:
            raise io.UnsupportedOperation("a stream cannot be read from elsewhere")
        place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if place < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._position = place
        return place

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer; less only at the end.  Errors: DamagedEncryption, and then the same again at each further try."""
        if self.closed:
            raise ValueError("read of a closed file")
        view, done = memoryview(buffer).cast("B"), 0
        while done < len(view):
            part = self._part(len(view) - done)
            if not part:
                break
            view[done : done + len(part)] = part
            done += len(part)
            self._position += len(part)
        return done

    def _part(self, most: int) -> bytes:
        """The next bytes, from one chunk."""
        if self._size is not None:
            if self._position >= self._size:
                return b""
            number, offset = divmod(self._position, CHUNK)
            self._hold(number)
            return self._held[offset : offset + most]
        if self._failed:
            raise self._failed
        offset = self._position - self._held_number  # of a stream it is where the chunk begins
        if self._held_number < 0 or offset >= len(self._held):
            try:
                self._held = self._next()
            except BaseException as error:  # a chunk that was read in part is lost: there is no going on
                self._failed = error
                raise
            self._held_number, offset = self._position, 0
        return self._held[offset : offset + most]

    def close(self) -> None:
        """Forget what was decrypted."""
        if not self.closed:
            self._held = b""
            super().close()
            if self._close_file:
                self._file.close()


def _is_armored(file: BinaryIO) -> bool:
    start = file.tell()
    first = exactly(file, MOST_BLANKS + len(BEGIN))
    file.seek(start)
    return first.lstrip(BLANKS).startswith(BEGIN)
