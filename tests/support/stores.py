"""Stores for tests, and a file system that fails when it is told to."""

from __future__ import annotations

import fsspec
from stashport.bundle.store import FolderStore
from stashport.bundle.store_remote import FsspecStore
from stashport.bundle.store_url import Address

PIECE = 1000


class Failing:
    """A file system whose n-th change, or n-th call of any kind, raises `error`; and all later ones too with `for_good`, as when the network is gone.

    `error` is made before the call is done, or after it with `late`: it was done then, and nobody knows.
    """

    CHANGES = ("pipe_file", "mv", "rm_file", "makedirs", "rmdir")
    CALLS = (*CHANGES, "info", "ls", "cat_file")

    def __init__(self, fs, fails_at=0, *, error=None, for_good=True, late=False, calls=CHANGES) -> None:
        self._fs, self.fails_at, self.for_good, self.late, self.calls = fs, fails_at, for_good, late, calls
        self.error = error or OSError("the network is gone")
        self.count = 0
        self.done: list[str] = []

    def __getattr__(self, name):
        found = getattr(self._fs, name)
        if name not in self.calls:
            return found

        def call(*arguments, **options):
            self.count += 1
            fails = self.fails_at and (self.count == self.fails_at or (self.for_good and self.count > self.fails_at))
            if fails and not self.late:
                raise self.error
            given = found(*arguments, **options)
            self.done.append(f"{name} {arguments[0]}")
            if fails:
                raise self.error
            return given

        return call


def remote(fs, root, state, *, whole=True, piece=PIECE, place="memory://place"):
    """A store over a file system that is there, with small pieces and without pauses."""
    return FsspecStore(Address("memory", {}, root, place, (), whole), lambda: fs, state, piece=piece, pauses=(0.0, 0.0))


def some_store(kind, folder):
    """A store of a kind: "folder", "memory" (files appear as a whole) or "disk" (they do not, and get a temporary name first)."""
    if kind == "folder":
        return FolderStore(folder / "place")
    if kind == "memory":
        return remote(new_memory(), "place", folder / "state")
    return remote(fsspec.filesystem("file", skip_instance_cache=True), str(folder / "place"), folder / "state", whole=False, place=f"disk://{folder}")


def new_memory():
    """A file system in memory that nobody else sees: fsspec has one for all."""
    kind = fsspec.get_filesystem_class("memory")
    fs = type("Memory", (kind,), {"store": {}, "pseudo_dirs": [""]})
    return fs(skip_instance_cache=True)
