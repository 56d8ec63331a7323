#!/usr/bin/env python3
"""Measures a full backup beside the least that it could be: VACUUM INTO, a bare reading of all records, and packing the same bytes with the same codec.

    python3 bench/backup.py [--scenes 10000] [--images N] [--database FILE [--blobs FOLDER]] [--compress gzip] [--pictures N]

Everything runs one after the other in one go, each as a process of its own; the proof of the backup is shown apart.  A second backup, after ten scenes
were changed, shows what a day costs.  --pictures adds so many pictures of 40 kB, as years of covers would.  Needs a Stash only to make the database.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from hashlib import md5
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests"), str(ROOT / "lib")]

from run import measured  # noqa: E402 - the path has to be set first

PROOF = ("Reading back", "Reading the records back", "Looking at the images")
BARE = """
import sys
from pathlib import Path
from stashport.stash.database import DatabaseReader
with DatabaseReader(Path(sys.argv[1])) as reader, open(sys.argv[2], "wb") as file:
    for kind in reader.kinds():
        for batch in reader.batches(kind, reader.fields(kind)):
            file.write(b"\\n".join(batch.lines) + b"\\n")
"""
PACK = """
import sys
from stashport.bundle.packing import packer, SUFFIXES
for name in sys.argv[2:]:
    packs = packer("x" + SUFFIXES[sys.argv[1]])
    with open(name, "rb") as file, open(name + ".packed", "wb") as out:
        while data := file.read(1 << 20):
            out.write(packs.compress(data) if packs else data)
        out.write(packs.flush() if packs else b"")
"""
VACUUM = "import sqlite3,sys; sqlite3.connect(sys.argv[1]).execute('VACUUM INTO ?', (sys.argv[2],))"


def add_pictures(database: Path, number: int) -> None:
    """Put pictures that do not compress into the database."""
    rng = random.Random(4)
    with closing(sqlite3.connect(database)) as db:
        for _ in range(number):
            data = b"\xff\xd8\xff" + rng.randbytes(40_000)
            db.execute("INSERT OR IGNORE INTO blobs VALUES(?,?)", (md5(data, usedforsecurity=False).hexdigest(), data))
        db.commit()


def change(database: Path) -> None:
    """What ten edits and one new cover do."""
    with closing(sqlite3.connect(database)) as db:
        db.execute("UPDATE scenes SET title='changed', updated_at='2026-01-01T00:00:00Z' WHERE id IN (SELECT id FROM scenes LIMIT 10)")
        db.commit()


def backup(database: Path, vault: Path, state: Path, *more: str) -> tuple[float, float, dict[str, Any]]:
    """(seconds, MB, record) of a backup as a command of its own."""
    command = [sys.executable, str(ROOT / "stash_port.py"), "backup", str(database), "--vault", str(vault), "--state", str(state), "-q", *more]
    seconds, memory = measured(*command)
    records = [json.loads(path.read_text("utf-8")) for path in (state / "runs").glob("*/run.json")]
    return seconds, memory, max(records, key=lambda record: str(record["run"]))


def main() -> None:
    """Make or take a database, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=10_000)
    parser.add_argument("--images", type=int)
    parser.add_argument("--database", type=Path)
    parser.add_argument("--blobs", type=Path)
    parser.add_argument("--compress", default="gzip")
    parser.add_argument("--pictures", type=int, default=0)
    asked = parser.parse_args()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    os.environ.update(environment)
    with tempfile.TemporaryDirectory(prefix="stash-port-bench-") as name:
        folder = Path(name)
        if asked.database:
            database = Path(shutil.copy(asked.database, folder / "stash-go.sqlite"))
        else:
            from support.stash import Libraries

            more = {} if asked.images is None else {"images": asked.images}
            database = Libraries(folder / "libraries").filled(scenes=asked.scenes, **more).copy(folder).database
        add_pictures(database, asked.pictures)
        os.sync()
        vacuumed, records = folder / "vacuumed.sqlite", folder / "records.ndjson"
        least = {
            "VACUUM INTO": measured(sys.executable, "-c", VACUUM, str(database), str(vacuumed))[0],
            "bare reading of all records": measured(sys.executable, "-c", BARE, str(database), str(records))[0],
        }
        sizes = {path.name: path.stat().st_size for path in (vacuumed, records)}
        least[f"packing these {sum(sizes.values()) / 1e6:.0f} MB ({asked.compress})"] = measured(
            sys.executable, "-c", PACK, asked.compress, str(vacuumed), str(records))[0]
        for path in folder.glob("*.packed"):
            path.unlink()
        total = sum(least.values())
        for what, seconds in least.items():
            print(f"{what:56} {seconds:8.2f} s")
        print(f"{'the least, together':56} {total:8.2f} s")
        blobs = ("--blobs", str(asked.blobs)) if asked.blobs else ()
        vault, state = folder / "vault", folder / "state"
        began = time.perf_counter()
        seconds, memory, record = backup(database, vault, state, "--compress", asked.compress, *blobs)
        proof = sum(step["seconds"] or 0 for step in record["steps"] if step["name"] in PROOF)
        size = sum(path.stat().st_size for path in vault.rglob("*.bundle"))
        print(f"{'full backup, without its proof':56} {seconds - proof:8.2f} s {memory:7.1f} MB {(seconds - proof) / total:.2f} times the least")
        print(f"{'its proof':56} {proof:8.2f} s   vault {size / 1e6:.1f} MB, result {record['result']}")
        images = sum(path.stat().st_size for path in vault.rglob("packs/*.bundle"))
        change(database)
        again, memory, record = backup(database, vault, state, "--compress", asked.compress, *blobs)
        added = sum(path.stat().st_size for path in vault.rglob("packs/*.bundle")) - images
        share = f"adds {added / max(images, 1):.2%} of the {images / 1e6:.1f} MB of images"
        print(f"{'the next one, after ten scenes changed':56} {again:8.2f} s {memory:7.1f} MB {share}")
        print(f"({time.perf_counter() - began:.0f} s in all)")
        subprocess.run(["sync"], check=False)


if __name__ == "__main__":
    main()
