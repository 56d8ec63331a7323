"""The files of an export: one file, a folder of files, or a ZIP of them; plain, gzipped or encrypted.

Everything is written under a temporary name beside the target; `publish` proves nothing by itself, it only gives the final name.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import sys
import zipfile
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

from stashport.atomic import check_writable, discard, file_error, publish, temporary_beside
from stashport.bundle.aside import Aside
from stashport.errors import AlreadyThere, CannotWrite
from stashport.output.seal import Seal
from stashport.output.source import safe_name

_GZIP_LEVEL = 6
_BUFFER = 1 << 20


class Target:
    """Takes the members of an export.  `folder` says that there may be several.

    aside    where it is encrypted: what hides whatever has to be kept on disk for a while
    Use as a context manager around the writing, then `publish()`; leaving it by an error removes what was written.
    Errors: CannotWrite, DiskFull, AlreadyThere (before anything is written).
    """

    def __init__(self, final: Path, *, folder: bool, compress: str, overwrite: bool, needed: int = 0, seal: Seal | None = None) -> None:
        self.final, self.overwrite = final.absolute(), overwrite
        self._seal = seal
        self.aside = Aside() if seal else None
        self._gzip = compress == "gzip"
        try:
            os.lstat(self.final)
        except FileNotFoundError:
            pass
        except OSError as error:  # a name that is too long, or that leads through a file
            raise file_error(error, self.final) from error
        else:
            if not overwrite:
                raise AlreadyThere(place=self.final)
        check_writable(self.final.parent, needed)
        self.temporary = temporary_beside(self.final)
        self._zip: zipfile.ZipFile | None = None
        self._later: list[tuple[str, Path]] = []
        self._busy: BinaryIO | None = None
        self._opened: list[BinaryIO] = []
        self._folder = folder and compress != "zip"
        try:
            if compress == "zip":
                self._under = self._new(self.temporary, self._seal)
                self._zip = zipfile.ZipFile(self._under, "w", zipfile.ZIP_DEFLATED, compresslevel=_GZIP_LEVEL)
            elif self._folder:
                self.temporary.mkdir()
        except OSError as error:
            raise file_error(error, self.final.parent) from error

    def __enter__(self) -> Target:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            try:
                self._close_zip()
                return
            except OSError as late:
                error = late
        self._let_go()
        self.discard()
        if isinstance(error, OSError):
            raise file_error(error, self.final.parent) from error

    def _let_go(self) -> None:
        """Close what is still open: Windows removes no open file.  That the last bytes fit nowhere does not matter any more."""
        for file in reversed(self._opened):
            with contextlib.suppress(OSError, ValueError):
                file.close()
        if self._zip and self._zip.fp:
            self._zip.fp = None  # or it would still write its list of members
            with contextlib.suppress(OSError):
                getattr(self._under, "discard", self._under.close)()

    def open(self, name: str) -> BinaryIO:
        """A new member."""
        file = self._open(name)
        self._opened = [other for other in self._opened if not other.closed]
        self._opened.append(file)
        return file

    def _open(self, name: str) -> BinaryIO:
        if self._zip:
            if self._busy is None or self._busy.closed:
                info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                self._busy = cast("BinaryIO", io.BufferedWriter(cast("Any", self._zip.open(info, "w", force_zip64=True)), _BUFFER))
                return self._busy
            # A ZIP takes one member at a time: those that are written side by side wait in files of their own.
            aside = temporary_beside(self.final)
            self._later.append((name, aside))
            return self._new(aside, self.aside)
        path = self.temporary / safe_name(name) if self._folder else self.temporary
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._gzip:
            raw = self._new(path.with_name(path.name + ".gz") if self._folder else path, self._seal)
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=raw, mtime=0)
            packed.myfileobj = cast("Any", raw)  # closed with it
            return cast("BinaryIO", io.BufferedWriter(cast("Any", packed), _BUFFER))
        return self._new(path, self._seal)

    @staticmethod
    def _new(path: Path, seal: Seal | Aside | None) -> BinaryIO:
        file: BinaryIO = path.open("xb", _BUFFER)
        return seal.wrap(file) if seal else file

    def _close_zip(self) -> None:
        if not self._zip:
            return
        for name, aside in self._later:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            raw = cast("BinaryIO", aside.open("rb"))
            with self.aside.unwrap(raw) if self.aside else raw as source, self._zip.open(info, "w", force_zip64=True) as member:
                shutil.copyfileobj(source, member, _BUFFER)
            aside.unlink()
        self._later.clear()
        self._zip.close()
        self._under.close()

    def publish(self) -> None:
        """Give what was written its final name, durably."""
        try:
            publish(self.temporary, self.final, overwrite=self.overwrite)
        except OSError as error:
            raise file_error(error, self.final.parent) from error

    def discard(self) -> None:
        """Remove everything that was written."""
        for _, aside in self._later:
            discard(aside)
        discard(self.temporary)

    def size(self) -> int:
        """Bytes written, all members together."""
        path = self.temporary if os.path.lexists(self.temporary) else self.final
        return sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) if path.is_dir() else path.stat().st_size


class StandardOutput:
    """The members of a format with a single file, straight to the standard output: no name to protect, nothing to prove afterwards."""

    def open(self, name: str) -> BinaryIO:
        """The standard output, kept open when the format closes it."""
        return cast("BinaryIO", io.BufferedWriter(cast("Any", _Unclosed(sys.stdout.buffer)), _BUFFER))


class _Unclosed(io.RawIOBase):
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            return self._stream.write(data)
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        if not self.closed:
            try:
                self._stream.flush()
            except OSError as error:
                raise self._failed(error) from error
            finally:
                super().close()

    def _failed(self, error: OSError) -> CannotWrite:
        """What is still waiting to be written goes nowhere, or Python's last flush would fail as well and end with another code."""
        with contextlib.suppress(OSError, ValueError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())
            os.close(nothing)
        ended = isinstance(error, BrokenPipeError)
        return CannotWrite(place="The standard output", reason="the program that reads it has ended" if ended else error.strerror)
