"""A disk that fails: the n-th operation that changes something below a folder ends in an error of the system, or in the death of the process."""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_EVENTS = {"os.rename": "rename", "os.mkdir": "mkdir", "open": "open"}


class Disk:
    """Counts what is done below a folder and, at the number `fails_at`, does `harm` instead.  Armed within a `with` block.

    Opening for writing, making folders and renaming are seen by an audit hook, writing and syncing by the functions themselves.
    """

    def __init__(self, folder: Path, fails_at: int, harm: Callable[[str], None]) -> None:
        self.folder, self.fails_at, self.harm = str(folder), fails_at, harm
        self.count, self.failed = 0, ""

    def tick(self, what: str) -> None:
        """One more operation."""
        self.count += 1
        if self.count == self.fails_at:
            self.failed = what
            self.harm(what)

    def __enter__(self) -> Disk:
        """Begin to count."""
        self._real = (io.open, os.fsync)
        builtins.open = io.open = self._open  # type: ignore[assignment]
        os.fsync = self._fsync  # type: ignore[assignment]
        _hook(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Count no more."""
        _hook(None)
        builtins.open = io.open = self._real[0]
        os.fsync = self._real[1]

    def concerns(self, path: object) -> bool:
        """Whether a path lies in the folder."""
        return isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith(self.folder)  # type: ignore[arg-type]

    def _fsync(self, descriptor: int) -> None:
        link = f"/proc/self/fd/{descriptor}"
        if not os.path.islink(link) or self.concerns(os.readlink(link)):
            self.tick("fsync")  # without doing it: that would take most of the time

    def _open(self, file: Any, mode: str = "r", buffering: int = -1, *more: Any, **options: Any) -> Any:
        if not (set(mode) & set("wxa+") and self.concerns(file)):
            return self._real[0](file, mode, buffering, *more, **options)
        raw = _Writing(file, mode.replace("b", "").replace("t", ""), self)
        if buffering == 0:
            return raw
        size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
        buffered = io.BufferedRandom(raw, size) if "+" in mode else io.BufferedWriter(raw, size)
        if "b" in mode:
            return buffered
        names = ("encoding", "errors", "newline")
        return io.TextIOWrapper(buffered, **{**dict(zip(names, more)), **{name: options[name] for name in names if name in options}})  # noqa: B905


class _Writing(io.FileIO):
    def __init__(self, file: Any, mode: str, disk: Disk) -> None:
        super().__init__(file, mode)
        self._disk = disk

    def write(self, data: Any) -> int:
        self._disk.tick("write")
        return super().write(data) or 0


_armed: list[Disk | None] = []


def _hook(disk: Disk | None) -> None:
    """Point the audit hook, of which there is one for the life of the process, at a disk or at none."""
    if not _armed:
        _armed.append(None)
        sys.addaudithook(_audit)
    _armed[0] = disk


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS or (disk := _armed[0]) is None or not disk.concerns(arguments[0]):
        return
    if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        return
    disk.tick(_EVENTS[event])


def error(number: int) -> Callable[[str], None]:
    """An error of the system as harm."""

    def harm(what: str) -> None:
        raise OSError(number, f"{os.strerror(number)} ({what})")

    return harm


def die(_: str) -> None:
    """The death of the process as harm."""
    os.kill(os.getpid(), signal.SIGKILL)


FULL, BROKEN = error(errno.ENOSPC), error(errno.EIO)
