"""How good is a backup's file?  Reads it and says what is wrong: the one place that a new backup, `verify` and a trial restore go through.

quick   it is there, whole as far as its outline tells, and fits its card
full    every byte was read, decrypted, unpacked and held against its sums; records were parsed and counted, every reference resolved, every image
        held against its name, the database checked by SQLite itself
drill   full, and a Stash was started on what was restored from it (jobs/drill.py)
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stashport.atomic import check_writable, file_error
from stashport.bundle import records
from stashport.bundle.reader import BundleReader
from stashport.bundle.rebuild import BLOBS, DATABASE, Images, check_blobs
from stashport.bundle.vault import LEVELS
from stashport.output.proof import Proof, prove_reading
from stashport.runs.record import Run

_PIECE = 1 << 20
_KEPT = 10  # problems that a card names


def prove_bundle(reader: BundleReader, images: Images | None, scratch: Path, run: Run) -> Proof:
    """Look at every byte of a backup.

    images    where its images are
    scratch   a folder for the database while SQLite looks at it
    """
    progress = _progress(run)
    run.phase("Reading back", total=reader.header["members"]["count"])
    proof = Proof()
    proof.errors += reader.verify("full", lambda _: progress(1))
    if not proof.errors:
        run.phase("Reading the records back", total=sum(one["count"] for name, one in reader.header["content"].items() if name != "blobs"))
        found = prove_reading(records.read(reader), reader.place, progress)
        if found.dangling:  # so it is in the library itself: a backup leaves nothing out
            found.warnings += [f"In the library itself, {error}." for error in found.errors]
            found.errors.clear()
        proof = found
    if DATABASE in reader and not proof.errors:
        proof.errors += _database(reader, scratch, reader.header["backup"].get("damaged", ""))
    if images and BLOBS in reader and not proof.errors:
        run.phase("Looking at the images")
        proof.errors += check_blobs(reader, images, progress)
    return proof


def _progress(run: Run) -> Callable[[int], None]:
    def progress(number: int) -> None:
        run.advance(number)
        run.check_stop()

    return progress


def _database(reader: BundleReader, scratch: Path, damaged: str) -> list[str]:
    """What SQLite finds wrong with the database inside; nothing more is asked of one that was damaged already."""
    check_writable(scratch, reader.member(DATABASE).unpacked)
    with tempfile.TemporaryDirectory(prefix=".stash-port-", dir=scratch) as folder:
        path = Path(folder) / DATABASE
        try:
            with reader.open(DATABASE) as packed, path.open("wb") as file:
                shutil.copyfileobj(packed, file, _PIECE)
        except OSError as error:
            raise file_error(error, scratch) from error
        try:
            with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
                found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
                astray = itertools.islice(db.execute("PRAGMA foreign_key_check"), 5)
                found += [f"{row[0]}, row {row[1]}, refers to {row[2]}, which is not there" for row in astray]
        except sqlite3.DatabaseError as error:
            found = [str(error)]
    return [] if damaged else [f"the database inside: {one}" for one in found]


def judgement(before: dict[str, Any], level: str, problems: list[str], now: str) -> dict[str, Any]:
    """What the card of a proof says after another look.

    before   the card until now; {} for none
    What a deeper look found holds until one as deep says otherwise: `quick` neither takes away that a backup was once read as a whole, nor that something
    was wrong then.  When it was last good stays known.
    """
    deeper = bool(before) and LEVELS.index(before["level"]) > LEVELS.index(level)
    look: dict[str, Any] = {"level": level, "time": now}
    last = before.get("lastGood") or ({key: before.get(key) for key in look} if before.get("good") and before["level"] != "none" else None)
    if problems:
        return {**look, "good": False, "problems": problems[:_KEPT], "images": "all", "looked": look, "lastGood": last}
    if deeper:
        kept: dict[str, Any] = {key: before[key] for key in ("level", "time", "good", "problems", "images", "drill") if key in before}
        return {**kept, "looked": look, "lastGood": last}
    images = "sizes" if level == "quick" else "all"
    return {**look, "good": True, "problems": [], "images": images, "looked": look, "lastGood": look}
