"""Reads a file of a remote store from any place: over all its pieces, in blocks, a few of which are kept."""

from __future__ import annotations

import bisect
import io
import itertools
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, cast

BLOCK = 2 << 20
KEPT = 4  # blocks: a bundle is opened by reading two of its lists side by side
_BUFFER = 1 << 18


class Remote(io.RawIOBase):
    """A seekable file.

    sections   (path, size) of what it consists of, in order
    fetch      gives the bytes of a path from one place to another, all of them
    """

    def __init__(self, sections: Sequence[tuple[str, int]], fetch: Callable[[str, int, int], bytes], block: int = BLOCK) -> None:
        self._sections, self._fetch, self._block = list(sections), fetch, block
        self._starts = [0, *itertools.accumulate(size for _, size in sections)]
        self._size, self._at = self._starts[-1], 0
        self._held: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Which byte would be read next."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go anywhere, also behind the end."""
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Some bytes; none only at the end.  Errors: as `fetch`."""
        view = memoryview(buffer).cast("B")
        if self._at >= self._size or not view:
            return 0
        section = bisect.bisect_right(self._starts, self._at) - 1
        number, offset = divmod(self._at - self._starts[section], self._block)
        data = self._part(section, number)[offset : offset + len(view)]
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _part(self, section: int, number: int) -> bytes:
        key = section, number
        if key not in self._held:
            path, size = self._sections[section]
            while len(self._held) >= KEPT:
                self._held.popitem(last=False)
            self._held[key] = self._fetch(path, number * self._block, min(size, (number + 1) * self._block))
        self._held.move_to_end(key)
        return self._held[key]

    def close(self) -> None:
        """Forget what was read."""
        self._held.clear()
        super().close()


def buffered(file: Remote) -> BinaryIO:
    """The same, with lines."""
    return cast("BinaryIO", io.BufferedReader(file, _BUFFER))
