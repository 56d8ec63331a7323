#!/usr/bin/env python3
"""Measures restoring beside Stash's own importObjects of the same library, in one run, as ratios of objects a second.

    python3 bench/restore.py [--scenes 10000] [--images N] [--seed 1] [--parts native,api,create,bulk,others]

native   Stash's own: metadataExport, zipped, then importObjects into an empty Stash, from the request to the end of its job
api      through Stash's API onto a library whose files are scanned already and nothing else is known; and again, when nothing is left to do
create   through Stash's API into an empty one, where files are made known by importObjects too
bulk     table by table into an empty one: the load alone, and the whole command, with the copy of the library before and the look at every row after
others   what somebody waits who changes something every 20 ms, during api and bulk

Ours are whole processes, from their start to the verified end, without a copy first but for bulk.  Objects are tags, studios, performers, groups, scenes,
markers, images, galleries and chapters, the same number for all.  The machine is shared: trust the ratios, and run it again when they surprise you.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests"), str(ROOT / "lib")]

from run import MEASURE, measured, native_export  # noqa: E402 - the path has to be set first
from support.stash import Libraries, Library, RealStash, StashError, find_stash  # noqa: E402

OBJECTS = ("tags", "studios", "performers", "groups", "scenes", "scene_markers", "images", "galleries", "galleries_chapters")
_FILES = {
    "folders", "files", "files_fingerprints", "video_files", "image_files", "video_captions", "scenes", "scenes_files", "images", "images_files", "galleries",
    "galleries_files", "galleries_images", "schema_migrations",
}
_KEPT = {"id", "folder_id", "created_at", "updated_at"}
_IMPORT = """mutation($file:Upload!){importObjects(input:{file:$file,duplicateBehaviour:IGNORE,missingRefBehaviour:IGNORE})}"""
WITHOUT = ("--no-copy", "without a copy")


def scanned(library: Library, folder: Path) -> Library:
    """The library as a scan would have found it: files, folders, and scenes, images and galleries of which nothing is known."""
    made = library.copy(folder)
    with contextlib.closing(sqlite3.connect(made.database, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys=OFF")
        db.execute("BEGIN")
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'").fetchall():
            if name not in _FILES:
                db.execute(f"DELETE FROM `{name}`")
        db.execute("DELETE FROM galleries WHERE folder_id IS NULL AND id NOT IN (SELECT gallery_id FROM galleries_files)")
        db.execute("DELETE FROM scenes WHERE id NOT IN (SELECT scene_id FROM scenes_files)")
        db.execute("DELETE FROM galleries_images WHERE gallery_id NOT IN (SELECT id FROM galleries)")
        for name in ("scenes", "images", "galleries"):
            for _, column, _, required, default, _ in db.execute(f"PRAGMA table_info({name})").fetchall():
                if column not in _KEPT and not (required and default is None):
                    db.execute(f"UPDATE {name} SET `{column}`={default or 'NULL'}")
        db.execute("COMMIT")
        db.execute("ANALYZE")
    return made


def native_archive(stash: RealStash, place: Path) -> float:
    """Stash's full export as the archive that its import takes; the seconds that the export took."""
    seconds = native_export(stash)
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted((stash.folder / "metadata").rglob("*.json")):
            file.write(path, path.relative_to(stash.folder / "metadata"))
    return seconds


def native_import(stash: RealStash, place: Path) -> float:
    """Seconds of importObjects."""
    from stashport.stash.connection import Connection

    began = time.perf_counter()
    job = Connection(stash.url).upload(_IMPORT, {}, place, "file")["importObjects"]
    while True:
        found = stash.gql("query($id:ID!){findJob(input:{id:$id}){status}}", {"id": job})["findJob"]
        if not found or found["status"] in ("FINISHED", "FAILED", "CANCELLED"):
            return time.perf_counter() - began
        time.sleep(0.05)


def counted(database: Path) -> int:
    """How many objects there are."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        return sum(int(db.execute(f"SELECT count(*) FROM `{name}`").fetchone()[0]) for name in OBJECTS)


def restored(state: Path, backup: str, stash: RealStash, *more: str) -> tuple[float, float, dict[str, Any]]:
    """(seconds, MB, the run's record) of a restore as a process of its own."""
    known = set(state.glob("runs/*"))
    command = [str(ROOT / "stash_port.py"), "restore", backup, "--into", stash.url, "--state", str(state), "-q", "--yes", *more]
    done = subprocess.run([sys.executable, "-c", MEASURE, sys.executable, *command], capture_output=True, text=True, check=True)
    seconds, peak, _ = done.stdout.split()
    records = [json.loads((path / "run.json").read_text("utf-8")) for path in set(state.glob("runs/*")) - known]
    record = next(one for one in records if one["verb"] == "restore")
    if record["result"] != "ok":
        print(f"    {record['result']}: {record['error'] or record['warnings'][:4]}")
    return float(seconds), int(peak) / 1000, record


def again(backup: str, stash: RealStash, folder: Path, **more: Any) -> tuple[int, str]:
    """(how many mutations a second restore sends, what it says)."""
    from stashport.jobs.context import Context
    from stashport.jobs.restore import restore
    from stashport.runs.state import State
    from stashport.stash.connection import Connection

    sent: list[str] = []
    context = Context(State(folder), Connection(stash.url, tracer=lambda text, _: sent.append(text)))
    run = restore({"source": backup, "safety": False, "confirm": WITHOUT[1], **more}, context)
    return sum(1 for text in sent if text.startswith("mutation") and "querySQL" not in text), str(run.record["notes"]["sentence"])


@contextlib.contextmanager
def somebody(stash: RealStash) -> Iterator[list[float]]:
    """Somebody who changes something every 20 ms: how long each change took.  It is of a tag that is not there: to find that out, Stash waits to write."""
    other, took, ended = RealStash.__new__(RealStash), [], threading.Event()
    other.__dict__ = {**stash.__dict__}

    def work() -> None:
        while not ended.wait(0.02):
            began = time.perf_counter()
            with contextlib.suppress(StashError, OSError):
                other.gql('mutation{tagUpdate(input:{id:"999999999",name:"x"}){id}}')
            took.append(time.perf_counter() - began)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield took
    finally:
        ended.set()
        thread.join()


class Table:
    """Prints a row for each measurement, with its ratio to Stash's own import."""

    def __init__(self, objects: int) -> None:
        self.objects, self.native = objects, 0.0

    def row(self, what: str, seconds: float, memory: float | None = None, goal: str = "") -> None:
        """What it was, how long it took, and what was promised."""
        ratio = f"{self.native / seconds:6.2f} x native{f' (promised: {goal})' if goal else ''}" if self.native else ""
        print(f"{what:62} {seconds:8.2f} s {self.objects / seconds:9,.0f}/s {'' if memory is None else f'{memory:6.1f} MB'} {ratio}", flush=True)


def waits(took: list[float]) -> str:
    """The longest of them and some that are usual."""
    told = sorted(1000 * one for one in took)
    return f"{len(told)} changes: median {told[len(told) // 2]:.0f} ms, p95 {told[len(told) * 95 // 100]:.0f} ms, longest {told[-1]:.0f} ms"


def phases(record: dict[str, Any]) -> str:
    """How long each phase of a run took."""
    told = [(one.get("name") or one.get("phase"), one.get("seconds")) for one in record["steps"]]
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in told if seconds)


def main() -> None:
    """Fill a library, back it up, export it, and bring it back in every way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=10_000)
    parser.add_argument("--images", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", default="native,api,create,bulk,others")
    asked = parser.parse_args()
    program, why = find_stash()
    if program is None:
        raise SystemExit(f"no Stash to measure with: {why}")
    with tempfile.TemporaryDirectory(prefix="stash-port-bench-") as name:
        folder = Path(name)
        libraries = Libraries(folder / "libraries")
        more: dict[str, Any] = {} if asked.images is None else {"images": asked.images}
        library = libraries.filled(scenes=asked.scenes, seed=asked.seed, **more)
        table = Table(counted(library.database))
        load = f"{os.getloadavg()[0]:.1f}"
        print(f"{why}; Python {sys.version.split()[0]}; {os.cpu_count()} cores, load {load}; {asked.scenes:,} scenes, {table.objects:,} objects")
        vault, state, archive = folder / "vault", folder / "state", folder / "native.zip"
        with RealStash(folder / "source", library=library) as stash:
            command = [sys.executable, str(ROOT / "stash_port.py"), "backup", stash.url, "--vault", str(vault), "--state", str(state), "-q"]
            table.row("backup, ours", *measured(*command))
            if "native" in asked.parts:
                table.row("metadataExport", native_archive(stash, archive))
        Bench(folder, libraries, library, f"{vault}#latest", state, table).run(asked.parts, archive)


class Bench:
    """All ways of bringing the library back."""

    def __init__(self, folder: Path, libraries: Libraries, library: Library, backup: str, state: Path, table: Table) -> None:
        self.folder, self.empty, self.library, self.backup, self.state, self.table = folder, libraries.empty(), library, backup, state, table

    def run(self, parts: str, archive: Path) -> None:
        """The parts that were asked for."""
        if "native" in parts:
            with RealStash(self.folder / "native", library=self.empty) as stash:
                seconds = native_import(stash, archive)
                self.table.native = seconds
                self.table.row("importObjects (Stash's own)", seconds)
        bare = scanned(self.library, self.folder / "bare")
        if "api" in parts:
            self.api(bare)
        if "create" in parts:
            with RealStash(self.folder / "create", library=self.empty) as stash:
                seconds, memory, record = restored(self.state, self.backup, stash, "--files", "create", *WITHOUT)
                self.table.row("api, files made known, into an empty library", seconds, memory, "0.9")
                print(f"    {phases(record)}")
                print("    again: {} mutations: {}".format(*again(self.backup, stash, self.state, files="create")))
        if "bulk" in parts:
            self.bulk()
        if "others" in parts:
            self.others(bare)

    def api(self, bare: Library) -> None:
        """Onto what was scanned, and again."""
        with RealStash(self.folder / "api", library=bare) as stash:
            seconds, memory, record = restored(self.state, self.backup, stash, *WITHOUT)
            self.table.row("api, onto a library whose files are scanned", seconds, memory, "1.5")
            print(f"    {phases(record)}")
            seconds, memory, record = restored(self.state, self.backup, stash, *WITHOUT)
            self.table.row("the same again", seconds, memory)
            print("    again: {} mutations (promised: 0): {}".format(*again(self.backup, stash, self.state)))

    def bulk(self) -> None:
        """The load, and the whole command."""
        with RealStash(self.folder / "bulk", library=self.empty) as stash:
            seconds, memory, record = restored(self.state, self.backup, stash, "--method", "bulk", "--vault", str(self.folder / "copies"))
            told = record["notes"]["bulk"]
            self.table.row(f"bulk, the load with journal and counts ({told['rows']:,} rows)", told["seconds"], None, "25")
            self.table.row("bulk, the whole command", seconds, memory, "8")
            print(f"    {phases(record)}; longest request {told['longest'] * 1000:.0f} ms; {record['notes']['sentence']}")
            print("    again: {} mutations (promised: 0): {}".format(*again(self.backup, stash, self.state, method="bulk")))

    def others(self, bare: Library) -> None:
        """What somebody else waits meanwhile; promised: never longer than 0.5 s."""
        for name, library, more in (("bulk", self.empty, ("--method", "bulk")), ("api", bare, ())):
            with RealStash(self.folder / f"others-{name}", library=library) as stash, somebody(stash) as took:
                restored(self.state, self.backup, stash, *more, *WITHOUT)
            print(f"somebody's changes during {name}: {waits(took)} (promised: 500 ms)")


if __name__ == "__main__":
    main()
