"""The files of an export, for reading: of one file, a folder of files or a ZIP; plain, gzipped or encrypted; found out by looking, not by name."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from stashport.errors import BadFile, NoSuchSource, PortError

_BUFFER = 1 << 20


class Source:
    """The members of an export, for reading: of a file, a folder, a ZIP, gzipped or not; found out by looking, not by name.

    Errors: NoSuchSource, BadFile.
    """

    def __init__(self, path: Path, unseal: Callable[[BinaryIO], BinaryIO] | None = None) -> None:
        self.path, self.place, self._unseal = path, str(path), unseal
        self._zip: zipfile.ZipFile | None = None
        self._opened: list[BinaryIO] = []
        try:
            is_folder, is_file = path.is_dir(), path.is_file()
        except (OSError, ValueError) as error:  # a name that no file can have
            raise NoSuchSource(place=path) from error
        if is_folder:
            found = sorted(f.relative_to(path).as_posix() for f in path.rglob("*") if f.is_file())
            self._real = {name.removesuffix(".gz"): name for name in found}
        elif not is_file:
            raise NoSuchSource(place=path)
        else:
            try:
                packed = self._begins(path, b"PK")
                self._real = {name: name for name in self._open_zip()} if packed else {path.name.removesuffix(".gz"): path.name}
            except BaseException:
                self.close()
                raise

    def _open_zip(self) -> list[str]:
        try:
            self._zip = zipfile.ZipFile(self._raw(self.path))
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

    def __contains__(self, name: str) -> bool:
        return name in self._real

    def open(self, name: str) -> BinaryIO:
        """A member, for reading, unpacked; closed with this source at the latest."""
        file = self._open(name)
        self._opened = [other for other in self._opened if not other.closed]
        self._opened.append(file)
        return file

    def _open(self, name: str) -> BinaryIO:
        real = self._real[name]
        if self._zip:
            try:
                return _unpacked(self._zip.open(real))
            except Exception as error:  # as above
                raise BadFile(place=self.path, format="a ZIP", reason=f"{name}: {error}") from error
        path = self.path / real if self.path.is_dir() else self.path
        if self._begins(path, b"\x1f\x8b"):
            return _unpacked(gzip.open(self._raw(path), "rb"))
        return self._raw(path)

    def _raw(self, path: Path) -> BinaryIO:
        file: BinaryIO = path.open("rb", _BUFFER)
        self._opened.append(file)
        return self._unseal(file) if self._unseal else file

    def _begins(self, path: Path, magic: bytes) -> bool:
        with self._raw(path) as file:
            return file.read(len(magic)) == magic

    def raw(self) -> BinaryIO:
        """The one file that this is.  Errors: BadFile for a folder."""
        if self.path.is_dir():
            raise BadFile(place=self.path, format="one file", reason="it is a folder")
        return self._raw(self.path)

    def close(self) -> None:
        """Let go of all files."""
        for file in self._opened:
            file.close()
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
        except PortError:
            raise
        except Exception as error:  # EOFError, zlib.error, BadZipFile and what else comes out of unpacking
            raise OSError(f"it cannot be unpacked: {error}") from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _unpacked(stream: Any) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(cast("Any", _Unpacked(stream)), _BUFFER))


def safe_name(name: str, place: str = "") -> str:
    """A member's name that stays within its folder.  Errors: BadFile for any other."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or any(ord(c) < 32 for c in name):
        raise BadFile(place=place, format="an archive", reason=f"a member is called {name!r}")
    return name
