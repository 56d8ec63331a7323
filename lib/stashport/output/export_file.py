"""A file that Stash Port wrote, named as a source: how it is opened, where it is encrypted, and what is known of it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from stashport.errors import NoSuchSource, NotSupported
from stashport.formats import Header
from stashport.output.records_source import RecordsFile

if TYPE_CHECKING:
    from stashport.bundle.age_keys import Identity
    from stashport.bundle.passphrase import Passphrase
    from stashport.stash.source import Opened

DATABASE_ENDINGS = (".sqlite", ".sqlite3", ".db")
_DATABASE, _SEVEN = b"SQLite format 3\0", b"7z\xbc\xaf\x27\x1c"
_SEALED = (b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")
_IN_FOLDER = ("index.json", "header.json")
_BUFFER = 1 << 18
_LONGEST = 300


def may_be_written(path: Path) -> bool:
    """Whether something is there that is to be read as written by Stash Port: a file that neither is nor is called a database, or a folder of ours."""
    try:
        if path.is_dir():  # somebody's whole disk is not to be looked through for it
            return any(one.name.removesuffix(".gz") in _IN_FOLDER or one.name.startswith("library.") for one in path.iterdir())
        return path.is_file() and path.suffix.lower() not in DATABASE_ENDINGS and _first(path, _DATABASE) != _DATABASE
    except (OSError, ValueError):  # a name that no file can have, or one that may not be looked at: opening it says so
        return False


@dataclass(frozen=True)
class ExportFile:
    """A file, or a folder of files, that Stash Port wrote; with keys or a passphrase where it is encrypted."""

    path: Path
    identities: tuple[Identity, ...] = ()
    passphrase: Passphrase | None = None

    @contextmanager
    def opened(self, reader: str = "auto") -> Iterator[Opened]:
        """The source, ready.  Errors: NoSuchSource, NotSupported, those of RecordsFile, and those of bundle.age_reader."""
        from stashport.stash.source import Opened

        if reader != "auto":
            raise NotSupported(what=f"{self.path} is a file: there is one way to read it.", instead="Leave out --reader.")
        try:
            first = b"" if self.path.is_dir() else _first(self.path, _SEVEN)
        except (OSError, ValueError) as error:
            raise NoSuchSource(place=self.path) from error
        if first == _SEVEN:
            raise NotSupported(what=f"{self.path} is a 7z archive, which is not read as it is.", instead="Unpack it, and give the folder with what was in it.")
        unsealed = _Unsealed(self) if self.identities or self.passphrase or is_sealed(self.path) else None
        try:
            with RecordsFile(self.path, unsealed) as records:
                yield Opened(records, facts_of(records), {str(key): str(why) for key, why in _mapping(records.header.get("not_inside")).items()})
        finally:
            if unsealed:
                unsealed.close()


def facts_of(records: RecordsFile) -> dict[str, Any]:
    """What is known of the file, and of the library that it was made of in the first place; only what is plainly told."""
    header: Header = records.header
    before, privacy = _mapping(header.get("source")), _mapping(header.get("privacy"))
    told = {
        "schema": before.get("schema"), "stash_version": before.get("stash_version"), "instance": before.get("instance"),
        "file": Path(records.place).name, "written": header.get("created"), "made_by": header.get("made_by"),
        "origin": before.get("origin") or before.get("type"), "privacy": privacy.get("profile"),
    }
    plain = {key: value for key, value in told.items() if isinstance(value, (str, int)) and len(str(value)) <= _LONGEST}
    return {"type": "bundle" if records.is_bundle else "export file", "reader": records.name, **plain}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(path: Path, like: bytes) -> bytes:
    with path.open("rb") as file:
        return file.read(len(like))


def is_sealed(path: Path) -> bool:
    """Whether a file is encrypted."""
    return path.is_file() and _first(path, b" " * 64).lstrip().startswith(_SEALED)


class _Unsealed:
    """Opens encrypted files: each once, since trying a passphrase takes long on purpose, and then as often as wanted through places of their own."""

    def __init__(self, keys: ExportFile) -> None:
        self._keys = keys
        self._files: dict[str, tuple[BinaryIO, int]] = {}

    def __call__(self, file: BinaryIO) -> BinaryIO:
        """What is in a file, which is closed when this one is."""
        from stashport.output.seal import opened

        name = str(file.name)
        if name in self._files:
            file.close()
        else:
            inside = opened(file, passphrase=self._keys.passphrase, identities=self._keys.identities, place=name)
            self._files[name] = inside, inside.seek(0, os.SEEK_END)
        return cast("BinaryIO", io.BufferedReader(_View(*self._files[name]), _BUFFER))

    def close(self) -> None:
        """Forget what was opened."""
        for inside, _ in self._files.values():
            inside.close()


class _View(io.RawIOBase):
    """A seekable file, read from a place of its own; closing it leaves the other one open."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._at = file, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        self._file.seek(self._at)
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
