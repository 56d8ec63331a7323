"""Brings the images of a library over: into the blobs folder of the target where that is within reach, else into its database."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stashport.atomic import PREFIX, file_error, publish, sync_folder
from stashport.stash.bulk_guard import LARGEST
from stashport.stash.bulk_journal import Chunk, Journal
from stashport.stash.bulk_source import BulkSource

_CHECKSUM = re.compile(r"[0-9a-f]{32}")
_ROWS = 500
_TOLD = 10


class ImageRows:
    """The rows of the table `blobs`, a request at a time; files are written before the row that says by holding nothing that there is one.

    blobs     the bytes of an image that the source's database does not hold, or None
    folder    the target's blobs folder; None: the bytes go into the table
    remarks   what to tell: images that are nowhere, or are not what their name says
    files     how many are in files, `in_table` how many are not
    Errors: DiskFull, CannotWrite.
    """

    def __init__(self, source: BulkSource, blobs: Callable[[str], bytes | None], folder: Path | None, journal: Journal) -> None:
        self._source, self._blobs, self._folder, self._journal = source, blobs, folder, journal
        self._missing: list[str] = []
        self._wrong: list[str] = []
        self.files = self.in_table = 0

    def requests(self, after: int) -> Iterator[tuple[Chunk, str]]:
        """Chunks with their JSON, from above a key on; what a chunk needs on disk is there when it comes.  The others are only looked at, to be told of."""
        rows: list[list[Any]] = []
        size, began = 0, after
        for key, checksum, inside in self._source.images(-(2**63), 2**63 - 1):
            data = self._bytes(checksum, inside)
            filed = data is not None and self._folder is not None and bool(_CHECKSUM.fullmatch(checksum))
            self.files += filed
            self.in_table += data is not None and not filed
            if key <= after:
                continue
            if data is not None and filed:
                self._write(checksum, data)
                data = None
            length = 64 + 2 * len(data or b"")
            if rows and (size + length > LARGEST or len(rows) == _ROWS):
                yield self._chunk(began, rows)
                began, rows, size = int(rows[-1][0]), [], 0
            rows.append([key, checksum, None if data is None else data.hex()])
            size += length
        if rows:
            yield self._chunk(began, rows)

    @staticmethod
    def _chunk(after: int, rows: list[list[Any]]) -> tuple[Chunk, str]:
        return Chunk("blobs", False, after, rows[-1][0], len(rows), json.dumps([row[:2] for row in rows])), json.dumps(rows)

    @property
    def remarks(self) -> list[str]:
        """In words, for people."""
        told = [("are in neither the library nor its files: Stash will show none", self._missing), ("are not what their checksum says", self._wrong)]
        return [f"{len(found)} images {what} ({', '.join(found[:_TOLD])}{', ...' if len(found) > _TOLD else ''})." for what, found in told if found]

    def _bytes(self, checksum: str, inside: bytes | None) -> bytes | None:
        data = self._blobs(checksum) if inside is None else bytes(inside)
        if data is None:
            self._missing.append(checksum)
        elif hashlib.md5(data, usedforsecurity=False).hexdigest() != checksum:
            self._wrong.append(checksum)
        return data

    def _write(self, checksum: str, data: bytes) -> None:
        assert self._folder
        path = place(self._folder, checksum)
        try:
            if path.is_file() and path.read_bytes() == data:
                return
            self._journal.new_images([checksum])
            for folder in (path.parent.parent, path.parent):
                if not folder.is_dir():
                    folder.mkdir(mode=0o755)
                    sync_folder(folder.parent)
            temporary = _unfinished(path)
            temporary.write_bytes(data)
            publish(temporary, path, overwrite=True)  # what is there under this name and is not this image is damaged
        except OSError as error:
            raise file_error(error, path) from error


def place(folder: Path, checksum: str) -> Path:
    """Where Stash keeps an image."""
    return folder / checksum[:2] / checksum[2:4] / checksum


def _unfinished(path: Path) -> Path:
    """Always the same name, so that what a killed run left is written over, or found and removed."""
    return path.with_name(PREFIX + path.name)


def usable(folder: Path) -> bool:
    """Whether images can be written into a blobs folder."""
    with contextlib.suppress(OSError, ValueError):
        folder.mkdir(parents=True, exist_ok=True)
        return os.access(folder, os.W_OK | os.X_OK)
    return False


def remove(folder: Path, checksum: str) -> None:
    """Take a file away again, and the folders that are empty then.  Errors: CannotWrite."""
    path = place(folder, checksum)
    try:
        path.unlink(missing_ok=True)
        _unfinished(path).unlink(missing_ok=True)
    except OSError as error:
        raise file_error(error, path) from error
    for above in (path.parent, path.parent.parent):
        with contextlib.suppress(OSError):  # others lie in it, or it went already
            above.rmdir()
