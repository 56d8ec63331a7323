"""The images that Stash keeps: each by its md5, in the database's table `blobs` or, where that says so by holding nothing, in the blobs folder."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stashport.errors import DatabaseDamaged


class Blobs:
    """The images of an open database; the table is the same in every schema that has one.

    folder   the blobs folder that belongs to it, if there is one
    Errors: DatabaseDamaged.
    """

    def __init__(self, db: sqlite3.Connection, path: Path, folder: Path | None) -> None:
        self._db, self._path, self.folder = db, path, folder

    def checksums(self) -> Iterator[str]:
        """The md5 of every image, in order."""
        return (str(row[0]) for row in self._rows("SELECT checksum FROM blobs ORDER BY checksum"))

    def count(self) -> int:
        """How many these are."""
        return int(next(self._rows("SELECT count(*) FROM blobs"))[0])

    def place(self, checksum: str) -> str:
        """Where an image is: in the "database", or else in the blobs "folder"."""
        return "database" if next(self._rows("SELECT 1 FROM blobs WHERE checksum=? AND blob IS NOT NULL", checksum), None) else "folder"

    def image(self, checksum: str) -> bytes | None:
        """Its bytes; None when they are in neither."""
        found = next(self._rows("SELECT blob FROM blobs WHERE checksum=?", checksum), None)
        if found and found[0] is not None:
            return bytes(found[0])
        return self.in_folder(checksum)

    def in_folder(self, checksum: str) -> bytes | None:
        """Its bytes from the folder alone; None when they are not there."""
        if self.folder is not None:
            with contextlib.suppress(OSError):
                return (self.folder / checksum[:2] / checksum[2:4] / checksum).read_bytes()
        return None

    def _rows(self, sql: str, *values: str) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(sql, values)
        except sqlite3.DatabaseError as error:
            raise DatabaseDamaged(place=self._path, reason=error) from error
