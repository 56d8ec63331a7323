"""age files in letters (armored): base64 in lines of 64 characters between two lines that say what it is.

Since all lines but the last have one length, any place can be reached without reading what is before it.  Only one spelling is accepted, but for
line ends of Windows and blanks around the whole.
"""

from __future__ import annotations

import binascii
import errno
import io
import os
from typing import Any, BinaryIO

from stashport.bundle.age_header import exactly
from stashport.errors import DamagedEncryption

BEGIN, END = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----"
BLANKS = b" \t\r\n"
MOST_BLANKS = 1024
_COLUMNS, _BYTES = 64, 48
_LINES = 1024  # read at once


class Unarmored(io.RawIOBase):
    """The bytes that an armored file stands for; from where the file stands to its end.  The file must be seekable.  Errors: DamagedEncryption."""

    def __init__(self, file: BinaryIO, place: str) -> None:
        self._file, self._place = file, place
        self._position, self._from, self._held = 0, 0, b""
        start = file.tell()
        head = exactly(file, MOST_BLANKS + len(BEGIN) + 2)
        blank = len(head) - len(head.lstrip(BLANKS))
        self._ending = b"\r\n" if head[blank + len(BEGIN) :].startswith(b"\r\n") else b"\n"
        if not head[blank:].startswith(BEGIN + self._ending):
            raise self._bad("its first line")
        self._start = start + blank + len(BEGIN) + len(self._ending)
        end = file.seek(0, os.SEEK_END)
        tail = self._at(max(self._start, end - MOST_BLANKS - len(END)), MOST_BLANKS + len(END)).rstrip(BLANKS)
        if not tail.endswith(END):
            raise self._bad("its last line is missing")
        held = min(end - self._start, MOST_BLANKS + len(END))
        body = end - self._start - held + len(tail) - len(END)  # the characters between the two lines
        self._row = _COLUMNS + len(self._ending)
        self._full, rest = divmod(body, self._row)
        if not rest:
            self._full, rest = self._full - 1, self._row
        letters = rest - len(self._ending)
        if body <= 0 or letters <= 0 or letters % 4:
            raise self._bad("its lines")
        self._last = rest
        self._size = self._full * _BYTES + len(self._rows(self._full, 1))

    def _bad(self, what: str) -> DamagedEncryption:
        return DamagedEncryption(place=self._place, reason=f"its letters are not as age writes them ({what})")

    def _at(self, position: int, count: int) -> bytes:
        self._file.seek(position)
        return exactly(self._file, count)

    def _rows(self, first: int, count: int) -> bytes:
        """What some lines stand for."""
        count = min(count, self._full + 1 - first)
        last = first + count > self._full
        wanted = self._row * (count - last) + (self._last if last else 0)
        text = self._at(self._start + first * self._row, wanted)
        lines = [text[k : k + self._row] for k in range(0, len(text), self._row)]
        letters = b"".join(line.removesuffix(self._ending) for line in lines)
        if len(letters) != wanted - count * len(self._ending):
            raise self._bad("a line")
        try:
            data = binascii.a2b_base64(letters)
        except binascii.Error:
            raise self._bad("a line") from None
        if binascii.b2a_base64(data, newline=False) != letters:
            raise self._bad("a line")
        return data

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Which byte would be read next."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go anywhere.  Errors: OSError for a place before the beginning."""
        place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if place < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._position = place
        return place

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer; less only at the end.  Errors: DamagedEncryption."""
        view, done = memoryview(buffer).cast("B"), 0
        while done < len(view) and self._position < self._size:
            offset = self._position - self._from
            if not 0 <= offset < len(self._held):
                row = self._position // _BYTES // _LINES * _LINES
                self._from, self._held = row * _BYTES, self._rows(row, _LINES)
                offset = self._position - self._from
            part = self._held[offset : offset + len(view) - done]
            view[done : done + len(part)] = part
            done, self._position = done + len(part), self._position + len(part)
        return done
