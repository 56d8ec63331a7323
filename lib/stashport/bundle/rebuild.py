"""Puts a Stash database back together: the one from a backup, and its images where they were, in the database or in the blobs folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from stashport.atomic import file_error
from stashport.bundle.reader import BundleReader
from stashport.errors import BundleDamaged, DiskFull, PortError

DATABASE, BLOBS = "database.sqlite", "blobs.ndjson"
_PIECE = 1 << 20
_BATCH = 200
_LONGEST = 400
MD5 = re.compile("[0-9a-f]{32}")


class Images(Protocol):
    """Where the images are."""

    def get(self, checksum: str) -> bytes:
        """The bytes of one; an error of ours when it is not there or not whole."""
        ...


class Rebuilt(NamedTuple):
    """database: the file; blobs: the folder of those that were not in it; images: how many were put back; missing: those that the backup itself misses."""

    database: Path
    blobs: Path
    images: int
    missing: list[str]


class OwnImages:
    """The images of a backup that was carried away as one file, which holds them itself."""

    def __init__(self, reader: BundleReader) -> None:
        self._reader = reader

    def get(self, checksum: str) -> bytes:
        """See Images.  Errors: NotInBundle, BundleDamaged."""
        return self._reader.read(f"images/{checksum}")


def blobs_of(reader: BundleReader) -> Iterator[dict[str, Any]]:
    """The images that belong to a backup: {checksum, place: "database" or "folder"}, with `is` where the bytes were not those of the name, and `missing`.

    Errors: BundleDamaged.
    """
    with reader.open(BLOBS) as file:
        while line := file.readline(_LONGEST):
            told = None
            with contextlib.suppress(ValueError, RecursionError):
                told = json.loads(line)
            known = isinstance(told, dict) and MD5.fullmatch(str(told.get("checksum"))) and told.get("place") in ("database", "folder")
            if not known or not isinstance(told, dict) or not MD5.fullmatch(kept_as(told)):
                raise BundleDamaged(place=reader.place, reason=f"{BLOBS} holds a line that is none")
            yield told


def kept_as(told: dict[str, Any]) -> str:
    """The md5 under which the bytes of an image are kept: that of the bytes themselves, where it is not that of its name."""
    return str(told.get("is", told["checksum"]))


def rebuild(reader: BundleReader, images: Images, folder: Path, progress: Callable[[int], None] = lambda _: None) -> Rebuilt:
    """Make the database file and the blobs folder of a full backup in a folder that is there.

    progress   called with the number of images put back; a stop is raised from there
    Errors: NotInBundle for a backup without a database; BundleDamaged, DiskFull, CannotWrite, and those of `images`.
    """
    database, blobs = folder / "stash-go.sqlite", folder / "blobs"
    try:
        with reader.open(DATABASE) as packed, database.open("xb") as file:
            shutil.copyfileobj(packed, file, _PIECE)
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous=OFF")
            db.execute("BEGIN")
            number, missing = 0, []
            for told in blobs_of(reader):
                if told.get("missing"):
                    missing.append(told["checksum"])
                    continue
                data = _bytes_of(told, images, reader.place)
                if told["place"] == "database":
                    db.execute("UPDATE blobs SET blob=? WHERE checksum=?", (data, told["checksum"]))
                else:
                    path = blobs / told["checksum"][:2] / told["checksum"][2:4] / told["checksum"]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
                number += 1
                if number % _BATCH == 0:
                    progress(_BATCH)
            db.execute("COMMIT")
        return Rebuilt(database, blobs, number, missing)
    except OSError as error:
        raise file_error(error, folder) from error
    except sqlite3.DatabaseError as error:
        if "full" in str(error):
            raise DiskFull(place=folder, free="not enough", needed="more") from error
        raise BundleDamaged(place=reader.place, reason=f"its database cannot be used ({error})") from error


def _bytes_of(told: dict[str, Any], images: Images, place: str) -> bytes:
    data = images.get(kept_as(told))
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != kept_as(told):
        raise BundleDamaged(place=place, reason=f"the image {told['checksum']} is not the one that was backed up")
    return data


def check_blobs(reader: BundleReader, images: Images, progress: Callable[[int], None] = lambda _: None) -> list[str]:
    """What is wrong with the images of a backup: each is read, unpacked and held against its name.  At most 100 of the reasons."""
    found: list[str] = []
    for told in blobs_of(reader):
        if not told.get("missing"):
            try:
                _bytes_of(told, images, reader.place)
            except PortError as error:
                found.append(error.message)
        progress(1)
        if len(found) == 100:
            break
    return found
