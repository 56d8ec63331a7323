"""Stores that fsspec reaches: S3, SFTP, WebDAV and others; see store.Store for what they promise.

A small file is one file.  A larger one is kept in pieces, so that an upload that was cut off goes on where it stopped:

    <name>.parts/00001 ...                its bytes in order
    <name>.parts/whole-<count>-<size>     written last: without it, or with a piece missing, there is no file of this name

`cat <name>.parts/0*` puts it together by hand.  What is being sent waits in the state folder (store_pending) until it has arrived.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from stashport.atomic import PREFIX, check_writable, sweep, temporary_beside
from stashport.bundle.store import After, Progress
from stashport.bundle.store_pending import Pending, Waiting
from stashport.bundle.store_pieces import CutFiles
from stashport.bundle.store_reading import Remote, buffered
from stashport.bundle.store_url import Address, address, file_system
from stashport.errors import PortError, StoreFailed, VaultDamaged

PIECE = 8 << 20  # in memory while it is sent, up to three times over
PAUSES = (0.5, 3.0)  # seconds before the second and the third try
_FINAL = ("PermissionError", "NotADirectoryError", "IsADirectoryError", "NoCredentialsError", "AuthenticationException", "BadHostKeyException")


def connect(text: str, state: Path) -> FsspecStore:
    """The store at an address.

    state   the folder of the host's own state, where files wait that are being sent
    Errors: BadRequest, MissingLibrary, StoreFailed.
    """
    found = address(text)
    return FsspecStore(found, lambda: file_system(found), state)


class FsspecStore:
    """A place that fsspec reaches.

    opened   gives the file system: at first use, and again after a try that failed, since connections break
    piece    from which size on, and in what, files are cut
    pauses   seconds before each further try
    """

    def __init__(self, found: Address, opened: Callable[[], Any], state: Path, *, piece: int = PIECE, pauses: tuple[float, ...] = PAUSES) -> None:
        self.local: Path | None = None
        self.place, self._root, self._secrets, self._direct = found.shown, found.root, found.secrets, found.whole
        self._opened, self._fs = opened, cast("Any", None)
        self._piece, self._pauses = piece, pauses
        self._work = state / "scratch"
        self.pending = Pending(state, self.place)

    def check(self, needed: int) -> None:
        """See Store: a file is sent, read and deleted; the space that counts is that of the state folder, where files are made."""
        check_writable(self._work, needed)
        name, data = f"{PREFIX}probe-{secrets.token_hex(4)}", secrets.token_bytes(32)
        self.write(name, data)
        with self.open(name) as file:
            if file.read() != data:
                raise StoreFailed(place=self.place, what="keeping a test file", reason="it gave other bytes back")
        self.delete(name)

    def names(self, folder: str) -> Iterator[str]:
        """See Store."""
        cut = CutFiles()
        for name, size in self._walk(folder):
            if not cut.takes(name, size) and not name.rpartition("/")[2].startswith(PREFIX):
                yield name
        yield from cut.names(whole=True)

    def _unfinished(self, folder: str) -> list[str]:
        """Files that miss a piece, and temporary ones of runs that were killed."""
        cut, found = CutFiles(), []
        for name, size in self._walk(folder.rstrip("/")):
            if not cut.takes(name, size) and name.rpartition("/")[2].startswith(PREFIX):
                found.append(name)
        return [*found, *cut.names(whole=False)]

    def _walk(self, folder: str) -> Iterator[tuple[str, int]]:
        """Files below a folder with their sizes.  fsspec's own way takes a folder that could not be listed for an empty one."""
        base = self._path("")
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            for one in self._listed(here):
                name = str(one["name"]).strip("/").removeprefix(base.strip("/")).strip("/")
                if one["type"] == "directory":
                    if name != here:
                        waiting.append(name)
                elif name:
                    yield name, int(one["size"] or 0)

    def _listed(self, folder: str) -> list[dict[str, Any]]:
        found = self._try(f"listing {folder or 'it'}", lambda fs: fs.ls(self._path(folder), detail=True), missing=[])
        return cast("list[dict[str, Any]]", found)

    def size(self, name: str) -> int | None:
        """See Store."""
        info = self._try(f"looking for {name}", lambda fs: fs.info(self._path(name)), missing=None)
        if info is not None and info["type"] != "directory":
            return int(info["size"])
        parts = self._parts(name)
        return sum(parts) if parts is not None else None

    def _parts(self, name: str) -> list[int] | None:
        """The sizes of a file's pieces, when all are there."""
        cut = self._pieces(name)
        return [cut.pieces[name][number] for number in sorted(cut.pieces[name])] if cut.is_whole(name) else None

    def _pieces(self, name: str) -> CutFiles:
        cut = CutFiles()
        for one in self._listed(f"{name}.parts"):
            cut.takes(f"{name}.parts/{str(one['name']).rstrip('/').rpartition('/')[2]}", int(one["size"] or 0))
        return cut

    def open(self, name: str) -> BinaryIO:
        """See Store; reads ahead by a few megabytes at most."""
        info = self._try(f"looking for {name}", lambda fs: fs.info(self._path(name)), missing=None)
        if info is not None and info["type"] != "directory":
            sections = [(self._path(name), int(info["size"]))]
        else:
            parts = self._parts(name)
            if parts is None:
                raise VaultDamaged(place=self.place, name=name, reason="it is not there")
            sections = [(self._path(f"{name}.parts/{number:05}"), size) for number, size in enumerate(parts, 1)]

        def fetch(path: str, start: int, end: int) -> bytes:
            data = self._try(f"reading {name}", lambda fs: fs.cat_file(path, start=start, end=end), missing=None)
            if data is None or len(data) != end - start:
                raise VaultDamaged(place=self.place, name=name, reason="it was cut off or deleted while it was read")
            return bytes(data)

        return buffered(Remote(sections, fetch))

    def workplace(self, name: str) -> Path:
        """In the state folder."""
        check_writable(self._work, 0)
        sweep(self._work)
        return temporary_beside(self._work / "file")

    def put(self, made: Path, name: str, progress: Progress, after: After = ()) -> None:
        """See Store.  When it fails, the file waits in the state folder until `settle`."""
        self._send(self.pending.take(made, name, after), progress)

    def settle(self, folder: str, *, finish: bool) -> list[str]:
        """See Store.  What else is unfinished below the folder is deleted: nobody waits for it any more."""
        finished = []
        for waiting in self.pending.waiting(folder):
            if finish and waiting.after:
                self._send(waiting, lambda _: None)
                finished.append(waiting.name)
            else:
                self.delete(waiting.name)
                self.pending.done(waiting.name)
        for name in self._unfinished(folder) if finish else ():
            self.delete(name)
        return finished

    def _send(self, waiting: Waiting, progress: Progress) -> None:
        size = waiting.file.stat().st_size
        with waiting.file.open("rb") as file:
            if size <= self._piece:
                self.write(waiting.name, file.read())
                progress(size)
            else:
                self._send_pieces(file, size, waiting.name, progress)
        for name, data in waiting.after:
            self.write(name, data)
        self.pending.done(waiting.name)

    def _send_pieces(self, file: BinaryIO, size: int, name: str, progress: Progress) -> None:
        there = self._pieces(name).pieces.get(name, {})
        count = -(-size // self._piece)
        for number in range(1, count + 1):
            length = min(self._piece, size - (number - 1) * self._piece)
            if there.get(number) != length:
                file.seek((number - 1) * self._piece)
                self.write(f"{name}.parts/{number:05}", file.read(length))
            progress(length)
        self.write(f"{name}.parts/whole-{count}-{size}", b"all pieces are there: put one behind the other they are the file\n")

    def write(self, name: str, data: bytes) -> None:
        """See Store.  Where a file that is being written could be seen, it gets its name only afterwards."""
        self._try(f"sending {name}", lambda fs: self._write(fs, self._path(name), data))

    def _write(self, fs: Any, path: str, data: bytes) -> None:
        parent = path.rpartition("/")[0]
        target = path if self._direct else f"{parent}/{PREFIX}{secrets.token_hex(6)}".lstrip("/" if not parent else "")
        if parent and not self._direct:
            fs.makedirs(parent, exist_ok=True)
        fs.pipe_file(target, data)
        size = fs.info(target)["size"]
        if size != len(data):
            raise OSError(f"{size} of {len(data)} bytes arrived")
        if target != path:
            _rename(fs, target, path)

    def delete(self, name: str) -> None:
        """See Store; of a file in pieces first what says that it is whole."""
        self._remove(name)
        parts = [str(one["name"]).rstrip("/").rpartition("/")[2] for one in self._listed(f"{name}.parts")]
        for part in sorted(parts, key=lambda part: not part.startswith("whole-")):
            self._remove(f"{name}.parts/{part}")
        if parts and not self._direct:
            self._try(f"deleting {name}", lambda fs: fs.rmdir(self._path(f"{name}.parts")), missing=None)

    def _remove(self, name: str) -> None:
        def remove(fs: Any) -> None:
            if fs.info(self._path(name))["type"] != "directory":
                fs.rm_file(self._path(name))

        self._try(f"deleting {name}", remove, missing=None)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}".rstrip("/") if self._root not in ("", "/") else f"{self._root}{name}"

    def _try(self, what: str, do: Callable[[Any], Any], **missing: Any) -> Any:
        """Do something with the file system, again when it fails.

        missing   what it gives when the file is not there; without it that is a failure like others
        Errors: StoreFailed.
        """
        for pause in (*self._pauses, None):
            try:
                if self._fs is None:
                    self._fs = self._opened()
                    self._release = weakref.finalize(self, _close, self._fs)
                return do(self._fs)
            except PortError:
                raise
            except Exception as error:  # noqa: BLE001 - each store has errors of its own
                if isinstance(error, FileNotFoundError) and "missing" in missing:
                    return missing["missing"]
                if pause is None or _is_final(error):
                    raise StoreFailed(place=self.place, what=what, reason=self._reason(error)) from None  # the cause could hold the login
                if self._fs is not None:
                    self._release()
                self._fs = None
                time.sleep(pause)
        raise AssertionError

    def _reason(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}"
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return re.sub(r"//[^/@\s]*@", "//", text)


def _is_final(error: Exception) -> bool:
    """Whether trying again changes nothing, or would even lock the account."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return type(error).__name__ in _FINAL or status in (401, 403)


def _close(fs: Any) -> None:
    """Close the connections of those file systems that do not by themselves."""
    client = getattr(fs, "client", None)
    for one in (getattr(fs, "ftp", None), getattr(client, "http", None), client):
        if one is not None and hasattr(one, "close"):
            one.close()


def _rename(fs: Any, made: str, path: str) -> None:
    """Give a file its name, in the place of one that has it."""
    if hasattr(fs, "client") and hasattr(fs.client, "move"):  # WebDAV: fsspec's own way refuses where there is one
        fs.client.move(made, path, overwrite=True)
        return
    if not hasattr(fs, "ftp") and fs.protocol not in ("file", ("file", "local")):
        with contextlib.suppress(FileNotFoundError):
            fs.rm_file(path)
    fs.mv(made, path)
