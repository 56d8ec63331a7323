"""The files of an export: one file, a folder of files, or a ZIP of them; plain or gzipped; written to and read from.

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
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, BinaryIO, cast

from stashport.atomic import check_writable, discard, file_error, publish, temporary_beside
from stashport.errors import AlreadyThere, BadFile, CannotWrite, NoSuchSource

COMPRESSIONS = ("none", "gzip", "zip")
_GZIP_LEVEL = 6
_BUFFER = 1 << 20


class Target:
    """Takes the members of an export.  `folder` says that there may be several.

    Use as a context manager around the writing, then `publish()`; leaving it by an error removes what was written.
    Errors: CannotWrite, DiskFull, AlreadyThere (before anything is written).
    """

    def __init__(self, final: Path, *, folder: bool, compress: str, overwrite: bool, needed: int = 0) -> None:
        self.final, self.overwrite = final.absolute(), overwrite
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
                self._zip = zipfile.ZipFile(self.temporary, "x", zipfile.ZIP_DEFLATED, compresslevel=_GZIP_LEVEL)
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
            raw = self._zip.fp
            self._zip.fp = None  # or it would still write its list of members
            with contextlib.suppress(OSError):
                raw.close()

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
            return aside.open("xb", _BUFFER)
        path = self.temporary / safe_name(name) if self._folder else self.temporary
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._gzip:
            raw = path.with_name(path.name + ".gz").open("xb", _BUFFER) if self._folder else path.open("xb", _BUFFER)
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=raw, mtime=0)
            packed.myfileobj = cast("Any", raw)  # closed with it
            return cast("BinaryIO", io.BufferedWriter(cast("Any", packed), _BUFFER))
        return path.open("xb", _BUFFER)

    def _close_zip(self) -> None:
        if not self._zip:
            return
        for name, aside in self._later:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            with aside.open("rb") as source, self._zip.open(info, "w", force_zip64=True) as member:
                shutil.copyfileobj(source, member, _BUFFER)
            aside.unlink()
        self._later.clear()
        self._zip.close()

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


class Source:
    """The members of an export, for reading: of a file, a folder, a ZIP, gzipped or not; found out by looking, not by name.

    Errors: NoSuchSource, BadFile.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.place = path, str(path)
        self._zip: zipfile.ZipFile | None = None
        if path.is_dir():
            found = sorted(f.relative_to(path).as_posix() for f in path.rglob("*") if f.is_file())
            self._real = {name.removesuffix(".gz"): name for name in found}
        elif not path.is_file():
            raise NoSuchSource(place=path)
        elif _begins(path, b"PK"):
            self._real = {name: name for name in self._open_zip()}
        else:
            self._real = {path.name.removesuffix(".gz"): path.name}

    def _open_zip(self) -> list[str]:
        try:
            self._zip = zipfile.ZipFile(self.path)
        except Exception as error:  # zipfile stumbles over damage in many ways
            raise BadFile(place=self.path, format="a ZIP", reason=error) from error
        names = self._zip.namelist()
        for name in names:
            safe_name(name, self.place)
        if len(set(names)) != len(names):
            raise BadFile(place=self.path, format="a ZIP", reason="two members have one name")
        return names

    def names(self) -> list[str]:
        """The members' names, without what compression adds; images, which no format reads, left out."""
        return [name for name in self._real if not name.startswith("images/")]

    def all_names(self) -> list[str]:
        """The members' names, images too."""
        return list(self._real)

    def open(self, name: str) -> BinaryIO:
        """A member, for reading, unpacked."""
        real = self._real[name]
        if self._zip:
            try:
                return _unpacked(self._zip.open(real))
            except Exception as error:  # as above
                raise BadFile(place=self.path, format="a ZIP", reason=f"{name}: {error}") from error
        path = self.path / real if self.path.is_dir() else self.path
        if _begins(path, b"\x1f\x8b"):
            return _unpacked(gzip.open(path, "rb"))
        return path.open("rb", _BUFFER)

    def close(self) -> None:
        """Let go of the file."""
        if self._zip:
            self._zip.close()


class _Unpacked(io.RawIOBase):
    """A packed stream whose damage is told as OSError, like that of any other file."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except Exception as error:  # EOFError, zlib.error, BadZipFile and what else comes out of unpacking
            raise OSError(f"it cannot be unpacked: {error}") from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _unpacked(stream: Any) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(cast("Any", _Unpacked(stream)), _BUFFER))


def _begins(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def safe_name(name: str, place: str = "") -> str:
    """A member's name that stays within its folder.  Errors: BadFile for any other."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or any(ord(c) < 32 for c in name):
        raise BadFile(place=place, format="an archive", reason=f"a member is called {name!r}")
    return name
