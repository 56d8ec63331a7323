"""7z archives, through py7zr: for people who want that container.

Its encryption is NOT authenticated: AES-256-CBC without a seal, and nothing but CRC-32, which an attacker can mend.  It hides contents and names from those
who have not the password; it does not prove that they are what was written.  py7zr also derives the key without a salt, so that one round of guessing
serves against every archive that it wrote, and writes the list of members of an archive with a password without even a CRC: an accident there can rename
or lose one unnoticed.  Backups use `age` instead; docs/encryption.md tells people so.
"""

from __future__ import annotations

import contextlib
import lzma
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple

from stashport.bundle.passphrase import Passphrase, made
from stashport.errors import BadFile, MissingLibrary, OtherSecret, PortError, WrongPassphrase

MAGIC = b"7z\xbc\xaf\x27\x1c"
MOST_MEMBERS = 500_000
MOST_BYTES = 1 << 40  # of all members together; whoever knows how much is sensible says less
_PRESET = 3  # of LZMA2: about 30 MB of memory where py7zr's own choice takes 150
_LONGEST_NAME = 1000


class Member(NamedTuple):
    """A file in an archive."""

    name: str
    size: int


def _py7zr() -> ModuleType:
    """Errors: MissingLibrary."""
    try:
        import py7zr
    except ImportError as error:
        raise MissingLibrary(feature="A 7z archive", package="py7zr", feature_name="7z") from error
    module: ModuleType = py7zr
    return module


def write_7z(folder: Path, target: Path, password: str | Passphrase | None = None) -> None:
    """Put the files of a folder into a new archive; with a password, names are hidden as well as contents.

    The target is written in place: give a temporary name, and publish it afterwards.
    Errors: BlankPassphrase, MissingLibrary; OSError, and FileExistsError when the target is there.
    """
    library = _py7zr()
    filters: list[dict[str, int]] = [{"id": lzma.FILTER_LZMA2, "preset": _PRESET}]
    text = None if password is None else made(password).reveal()
    if text is not None:
        filters.append({"id": library.FILTER_CRYPTO_AES256_SHA256})
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    with target.open("xb+") as file, library.SevenZipFile(file, "w", filters=filters, password=text, header_encryption=text is not None) as archive:
        if text is None:  # py7zr packs the list of members without any checksum; unpacked, it has one (but could not be encrypted)
            archive.set_encoded_header_mode(False)
        for path in files:
            archive.write(path, path.relative_to(folder).as_posix())


def list_7z(path: Path, password: str | Passphrase | None = None, most_bytes: int = MOST_BYTES) -> list[Member]:
    """The files in an archive; their names stay within a folder, and none is a link.  Errors: as `read_7z`."""
    with _opened(path, password) as archive:
        return _members(archive, path, most_bytes)


def check_7z(path: Path, password: str | Passphrase | None = None, most_bytes: int = MOST_BYTES) -> list[Member]:
    """Unpack everything to nowhere, and compare the CRC-32 of each file.  Errors: as `read_7z`."""
    return _unpack(path, None, password, most_bytes)


def read_7z(path: Path, folder: Path, password: str | Passphrase | None = None, most_bytes: int = MOST_BYTES) -> list[Member]:
    """Unpack everything into a folder, which should be empty and is made if need be.

    Errors: BadFile, WrongPassphrase (or damage: 7z cannot tell), OtherSecret when it needs a password, BlankPassphrase, MissingLibrary; OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return _unpack(path, folder, password, most_bytes)


@contextlib.contextmanager
def _opened(path: Path, password: str | Passphrase | None) -> Iterator[Any]:
    library = _py7zr()
    text = None if password is None else made(password).reveal()
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise BadFile(place=path, format="a 7z archive", reason="it does not begin as one")
        file.seek(0)
        locked = True
        try:
            # given as a file, since py7zr would unpack a path in threads and lose their errors
            with library.SevenZipFile(file, "r", password=text) as archive:
                locked = archive.needs_password()
                yield archive
        except (PortError, OSError, MemoryError):
            raise
        except library.PasswordRequired:
            raise OtherSecret(place=path, how="with a password", given="none was given", wanted="the password") from None
        except Exception as error:  # LZMAError, CrcError, Bad7zFile, and what else damage does to it
            if text is not None and locked:
                raise WrongPassphrase(place=path) from None
            raise BadFile(place=path, format="a 7z archive", reason=f"{type(error).__name__}: {error}"[:200]) from error


def _members(archive: Any, path: Path, most_bytes: int) -> list[Member]:
    """Errors: BadFile for what no export holds."""
    found = archive.list()
    files = [Member(info.filename, info.uncompressed) for info in found if info.is_file]
    if len(found) > MOST_MEMBERS or sum(member.size for member in files) > most_bytes:
        raise BadFile(place=path, format="a 7z archive", reason="it holds more than is sensible")
    if any(not info.is_file and not info.is_directory for info in found):
        raise BadFile(place=path, format="a 7z archive", reason="it holds something that is neither file nor folder")
    names = [member.name for member in files]
    bad = next((info.filename for info in found if not _is_safe(info.filename)), None)
    if bad is not None:
        raise BadFile(place=path, format="a 7z archive", reason=f"a member is called {bad[:80]!r}")
    if len({name.casefold() for name in names}) != len(names):
        raise BadFile(place=path, format="a 7z archive", reason="two members have one name")
    return files


def _is_safe(name: str) -> bool:
    parts = PurePosixPath(name).parts
    if not 0 < len(name) <= _LONGEST_NAME or name.startswith("/") or "//" in name:
        return False
    return not any(part in ("..", ".") for part in parts) and not any(c in '\\:<>"|?*' or ord(c) < 32 for c in name)


def _unpack(path: Path, folder: Path | None, password: str | Passphrase | None, most_bytes: int) -> list[Member]:
    with _opened(path, password) as archive:
        members = _members(archive, path, most_bytes)
        with contextlib.closing(_Outputs(path, folder, {member.name: member.size for member in members})) as outputs:
            archive.extractall(factory=outputs)
    return members


class _Outputs:
    """Makes the files that py7zr unpacks into (its `WriterFactory`)."""

    def __init__(self, archive: Path, folder: Path | None, sizes: dict[str, int]) -> None:
        self._archive, self._folder, self._sizes = archive, folder, sizes
        self._last: BinaryIO | None = None

    def create(self, name: str) -> _Output:
        self.close()
        file = None
        if self._folder is not None:
            place = self._folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            self._last = file = place.open("xb")
        return _Output(self._archive, file, self._sizes[name])

    def close(self) -> None:
        """Close what an error left open."""
        if self._last:
            self._last.close()


class _Output:
    """A file to unpack into, or nowhere, that takes no more than was announced (py7zr's `Py7zIO`)."""

    def __init__(self, archive: Path, file: BinaryIO | None, most: int) -> None:
        self._archive, self._file, self._most, self._size = archive, file, most, 0

    def write(self, data: bytes | bytearray) -> int:
        self._size += len(data)
        if self._size > self._most:
            raise BadFile(place=self._archive, format="a 7z archive", reason="a member is larger than was announced")
        return self._file.write(data) if self._file else len(data)

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        """Nothing waits here."""

    def size(self) -> int:
        return self._size

    def close(self) -> None:
        if self._file:
            self._file.close()
