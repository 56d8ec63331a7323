"""What a backup is filled with: the database's copy, records, images, and what belongs to Stash beside them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from stashport.atomic import check_writable
from stashport.bundle import records as bundle_records
from stashport.bundle.making import Making
from stashport.bundle.packs import Packing
from stashport.bundle.rebuild import BLOBS, DATABASE, MD5
from stashport.errors import DatabaseDamaged, UnfitName, UnknownSchema, VaultInside
from stashport.formats import Header, Options
from stashport.output.selection import Selection
from stashport.output.writing import write_records
from stashport.runs.record import Run
from stashport.stash.belongings import Belongings
from stashport.stash.blobs import Blobs
from stashport.stash.database import DatabaseReader, open_database
from stashport.stash.snapshot import Snapshot, snapshot
from stashport.stash.source import Beside, DatabaseFile, Opened

_PIECE = 1 << 20


def copied(file: DatabaseFile, scratch: Path, run: Run) -> Snapshot:
    """The copy of the database that everything of a full backup comes from.  Errors: as `snapshot`."""
    run.phase("Copying the database")
    check_writable(scratch, file.path.stat().st_size)
    copy = snapshot(file.path, scratch / DATABASE, run.check_stop)
    if copy.damaged:
        run.warn(f"The database is damaged ({copy.reason}). Its pages were copied as they are: what is whole in it can be got out of this backup. "
                 "Do not trust it more than Stash itself; take an older backup to restore from.", incomplete=True)
    elif copy.reason:
        run.warn(f"The database was copied page by page, images and all: {copy.reason}.")
    return copy


@contextlib.contextmanager
def reading(opened: Opened, copy: Snapshot | None, run: Run) -> Iterator[Opened | None]:
    """The source that records come from: the copy, so that all of the backup is of one moment; None where it is damaged."""
    if copy is None or opened.file is None:
        yield opened
        return
    if copy.damaged:
        yield None
        return
    try:
        reader = DatabaseReader(copy.path, opened.file.blobs)
    except UnknownSchema as error:
        run.warn(f"{error.message} The records were read through Stash's API, a moment later than the database.")
        yield opened
        return
    with reader:
        yield replace(opened, reader=Beside(reader, opened.reader.server) if isinstance(opened.reader, Beside) else reader)


def put_database(making: Making, copy: Snapshot, run: Run) -> None:
    """The copy, packed."""
    run.phase("Keeping the database", total=copy.path.stat().st_size)
    with copy.path.open("rb") as file, making.open(DATABASE) as member:
        while data := file.read(_PIECE):
            member.write(data)
            run.advance(len(data))
            run.check_stop()


def put_records(
    making: Making, packing: Packing, opened: Opened, selection: Selection, counts: dict[str, int], header: Header, run: Run, *, pictures: bool
) -> dict[str, int]:
    """The records; with `pictures` also the images that they name, which a full backup has from the database.  How many of each kind."""
    with contextlib.ExitStack() as stack:
        pictured = stack.enter_context(_Pictured(making, packing, run)) if pictures else None
        made_by: Any = _Records(making, pictured)
        return write_records(making, made_by, header, {}, opened.reader, selection, counts, run, images=pictures)


@contextlib.contextmanager
def held(file: DatabaseFile) -> Iterator[Blobs]:
    """The images of the database as of now: one that Stash deletes from it afterwards can still be had until this is left."""
    with contextlib.closing(open_database(file.path)) as live:
        with contextlib.suppress(sqlite3.DatabaseError):  # of a damaged one each image is tried by itself
            live.execute("BEGIN")
            live.execute("SELECT 1 FROM blobs LIMIT 1").fetchone()
        yield Blobs(live, file.path, file.blobs)


def put_images(making: Making, packing: Packing, copy: Snapshot, blobs: Blobs, run: Run) -> None:
    """Every image that the copy knows, whether a record names it or not; and the list of where each of them was."""
    with contextlib.closing(open_database(copy.path)) as db, making.open(BLOBS) as member:
        listed = Blobs(db, copy.path, None)
        try:
            run.phase("Keeping images", total=listed.count())
            for checksum in listed.checksums():
                run.check_stop()
                if not MD5.fullmatch(checksum):
                    run.warn(f"An image cannot be kept: its name {checksum!r:.80} is no MD5, so that Stash itself cannot find it.", incomplete=True)
                    continue
                member.write(_line(_kept(checksum, blobs, packing, run)))
                run.advance()
        except DatabaseDamaged as error:
            run.warn(f"Not all images could be listed, let alone kept: {error.message}", incomplete=True)


def _kept(checksum: str, blobs: Blobs, packing: Packing, run: Run) -> dict[str, Any]:
    told: dict[str, Any] = {"checksum": checksum, "place": "folder"}
    try:
        told["place"] = blobs.place(checksum)
        if packing.has(checksum):
            return told
        data = blobs.image(checksum)
    except DatabaseDamaged as error:
        data = blobs.in_folder(checksum)
        if data is None:
            run.warn(f"The image {checksum} cannot be kept: it is in a damaged part of the database ({error.details['reason']}).", incomplete=True)
            return {**told, "missing": True}
    if data is None:
        run.warn(f"The image {checksum} is neither in the database nor in the blobs folder: it cannot be kept.", incomplete=True)
        return {**told, "missing": True}
    return _put(told, data, packing, run)


def _put(told: dict[str, Any], data: bytes, packing: Packing, run: Run) -> dict[str, Any]:
    """Put an image into a pack that is in none under its name; the line that tells of it."""
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != told["checksum"]:
        run.warn(f"The image {told['checksum']} is damaged in Stash itself: its bytes are not those of its name. It was kept as it is.", incomplete=True)
        told["is"] = found
    if found == told["checksum"] or not packing.has(found):
        packing.add(found, data)  # under what it is: should Stash mend its image, the next backup keeps that one too
    return told


def put_belongings(making: Making, found: Belongings, run: Run) -> dict[str, str]:
    """Configuration, custom files, scrapers, lists of packages; what is not inside, with the reason."""
    for thing in found.things():
        run.check_stop()
        try:
            file = io.BytesIO(thing.data) if isinstance(thing.data, bytes) else thing.data.open("rb")
        except OSError as error:  # it was deleted meanwhile, or is not for us to read
            found.left_out(thing.name, error.strerror or str(error))
            continue
        with file:
            try:
                member = making.open(thing.name)
            except UnfitName as error:
                found.left_out(thing.name, str(error.details["reason"]))
                continue
            with member:
                shutil.copyfileobj(file, member, _PIECE)
    for warning in found.warnings:
        run.warn(warning)
    return found.not_inside


def check_outside(vault: Path | None, folders: list[Path]) -> None:
    """Refuse a vault that lies in what is backed up: it would hold itself.  Errors: VaultInside."""
    for folder in folders if vault else ():
        if vault and vault.resolve().is_relative_to(folder.resolve()):
            raise VaultInside(place=vault, folder=folder)


class _Pictured:
    """Takes the images of a backup without a database, which its records name."""

    def __init__(self, making: Making, packing: Packing, run: Run) -> None:
        self._making, self._packing, self._run = making, packing, run
        self._member: Any = None

    def __enter__(self) -> _Pictured:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._member is not None and kind is None:
            self._member.close()

    def __call__(self, checksum: str, data: bytes) -> None:
        if self._member is None:
            self._member = self._making.open(BLOBS)
        told: dict[str, Any] = {"checksum": checksum, "place": "folder"}
        self._member.write(_line(told if self._packing.has(checksum) else _put(told, data, self._packing, self._run)))


class _Records:
    """The part of a format that writing records asks for."""

    READS = True

    def __init__(self, making: Making, pictured: _Pictured | None) -> None:
        self._making, self._pictured = making, pictured

    def write(self, members: Any, header: Header, options: Options) -> Any:
        writer: Any = bundle_records.write(self._making.bundle)
        if self._pictured:
            writer.image = self._pictured
        return writer


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


