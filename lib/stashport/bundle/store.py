"""Where a vault's files are: a folder here; other places through bundle/store_remote.py.

A store knows names and bytes, not backups.  What it is given arrives whole under its name or not at all.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from stashport.atomic import PREFIX, check_writable, discard, file_error, publish, sync_folder, temporary_beside
from stashport.errors import NotAVault, StoreFailed, VaultDamaged

Progress = Callable[[int], None]
After = Sequence[tuple[str, bytes]]
SMALL = 16 << 20


class Store(Protocol):
    """A place that keeps files by name; names are relative, with `/`.

    place      what people call it; holds no secrets
    local      its folder, where it is one
    Errors of all: CannotWrite, DiskFull, StoreFailed.
    """

    place: str
    local: Path | None

    def check(self, needed: int) -> None:
        """Prove that it takes files, `needed` bytes of them as far as that can be told."""
        ...

    def names(self, folder: str) -> Iterator[str]:
        """The names of all files below a folder, with it; in any order."""
        ...

    def size(self, name: str) -> int | None:
        """A file's size; None when it is not there."""
        ...

    def open(self, name: str) -> BinaryIO:
        """A file for reading, seekable.  Errors: VaultDamaged when it is not there."""
        ...

    def workplace(self, name: str) -> Path:
        """A free local name under which the file `name` can be made."""
        ...

    def put(self, made: Path, name: str, progress: Progress, after: After = ()) -> None:
        """Take a finished local file, which is gone afterwards, then small ones that belong to it, in order.

        progress   gets the number of bytes of each piece that went on its way
        """
        ...

    def settle(self, folder: str, *, finish: bool) -> list[str]:
        """Bring to an end what an earlier run had on its way below a folder: files that came with others are finished, with `finish`; the rest is dropped.

        The names of those that were finished.
        """
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, or replace it, as a whole."""
        ...

    def delete(self, name: str) -> None:
        """Delete a file; none is fine."""
        ...


def read_small(store: Store, name: str, most: int = SMALL) -> bytes:
    """A whole small file.  Errors: VaultDamaged when it is not there or larger than it can be."""
    with store.open(name) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise VaultDamaged(place=store.place, name=name, reason="it is larger than it can be")
    return data


class FolderStore:
    """A folder on this machine, or one that is mounted here; see Store."""

    def __init__(self, folder: Path) -> None:
        self.local: Path | None = folder.absolute()
        self._folder, self.place = folder.absolute(), str(folder.absolute())
        if os.path.lexists(self._folder) and not self._folder.is_dir():
            raise NotAVault(place=self.place, reason="it is a file")

    def check(self, needed: int) -> None:
        """See Store."""
        check_writable(self._folder, needed)

    def names(self, folder: str) -> Iterator[str]:
        """See Store; temporary files are left out.  A folder that cannot be listed is not empty: what it holds must not be taken for gone."""

        def refused(error: OSError) -> None:
            others = not folder and isinstance(error, PermissionError) and Path(error.filename).parent == self._folder  # lost+found and its like
            if not others and not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                raise StoreFailed(place=self.place, what=f"listing {folder or 'its files'}", reason=error.strerror or error) from error

        for root, _, files in os.walk(self._folder / folder if folder else self._folder, onerror=refused):
            for name in files:
                if not name.startswith(PREFIX):
                    yield Path(root, name).relative_to(self._folder).as_posix()

    def size(self, name: str) -> int | None:
        """See Store."""
        with contextlib.suppress(OSError):
            path = self._folder / name
            return path.stat().st_size if path.is_file() else None
        return None

    def open(self, name: str) -> BinaryIO:
        """See Store."""
        try:
            return (self._folder / name).open("rb", 1 << 18)
        except OSError as error:
            raise VaultDamaged(place=self.place, name=name, reason=error.strerror or error) from error

    def workplace(self, name: str) -> Path:
        """In the folder itself, so that it only has to be renamed."""
        target = self._folder / name
        try:
            missing = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
            target.parent.mkdir(parents=True, exist_ok=True)
            for folder in missing:  # or a power cut takes the new folder, with what was synced into it
                sync_folder(folder.parent)
        except OSError as error:
            raise file_error(error, target.parent) from error
        return temporary_beside(target)

    def put(self, made: Path, name: str, progress: Progress, after: After = ()) -> None:
        """See Store."""
        size = made.stat().st_size
        try:
            publish(made, self._folder / name, overwrite=True)
        except OSError as error:
            raise file_error(error, self._folder) from error
        progress(size)
        for other, data in after:
            self.write(other, data)

    def settle(self, folder: str, *, finish: bool) -> list[str]:
        """See Store; here a file is moved in one step, and never on its way."""
        return []

    def write(self, name: str, data: bytes) -> None:
        """See Store."""
        made = self.workplace(name)
        try:
            made.write_bytes(data)
            self.put(made, name, lambda _: None)
        except OSError as error:
            raise file_error(error, self._folder) from error
        finally:
            discard(made)

    def delete(self, name: str) -> None:
        """See Store."""
        path = self._folder / name
        try:
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_folder(path.parent)
        except OSError as error:
            raise file_error(error, path) from error
