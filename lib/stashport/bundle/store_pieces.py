"""Files that lie in pieces in a remote store: which pieces there are, and whether they are all."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PART, _WHOLE = re.compile(r"(.+)\.parts/(\d{4,})"), re.compile(r"(.+)\.parts/whole-(\d+)-(\d+)")


class CutFiles:
    """Takes the names in a store one after the other; pieces: by file, number -> size; told: by file, how many there should be, and of what size together."""

    def __init__(self) -> None:
        self.pieces: dict[str, dict[int, int]] = {}
        self.told: dict[str, tuple[int, int]] = {}

    def takes(self, name: str, size: int) -> bool:
        """Whether this is a part of one."""
        if match := _PART.fullmatch(name):
            self.pieces.setdefault(match[1], {})[int(match[2])] = size
        elif match := _WHOLE.fullmatch(name):
            self.told[match[1]] = int(match[2]), int(match[3])
        return match is not None

    def names(self, *, whole: bool) -> Iterator[str]:
        """Those that are whole, or those that are not."""
        for name in sorted(self.pieces.keys() | self.told.keys()):
            if self.is_whole(name) == whole:
                yield name

    def is_whole(self, name: str) -> bool:
        """Whether every piece of a file is there, and what says that these are all."""
        count, size = self.told.get(name, (0, 0))
        pieces = self.pieces.get(name, {})
        return count > 0 and sorted(pieces) == list(range(1, count + 1)) and sum(pieces.values()) == size
