"""What the tests of a disturbed restore share: a Stash whose library was spoilt, what an undisturbed restore makes of it, and what is in a library.

As in:

    place = Disturbed(libraries, start_stash, tmp_path, "api")     a Stash, and the library that is restored into it
    place.restore(Faulty(place.stash.url, "half", 7), **place.given_more)
    place.went_on(place.last())
    assert place.complete() == []
    place.take_back()
    assert place.left() == {}
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stashport.jobs.compare import compare
from stashport.jobs.context import Context
from stashport.jobs.restore import restore
from stashport.jobs.taking_back import resume, rollback
from stashport.runs.record import Run
from stashport.runs.state import State
from stashport.stash.connection import Connection
from stashport.stash.source import DatabaseFile

from support.failing import Faulty
from support.stash import REPOSITORY, Library, RealStash

WITHOUT = {"safety": False, "confirm": "without a copy"}
RESTORES: dict[str, dict[str, Any]] = {
    "api": {"method": "api", "strategy": "exact"},
    "bulk": {"method": "bulk", "strategy": "exact"},
    "files": {"method": "api", "strategy": "exact", "files": "create"},
    "fresh": {"method": "bulk"},
}
"""Through Stash's API; the same with what only SQL can write; with files that Stash has to be told of; and a whole library at once into an empty Stash."""

SPOIL = """mutation($markers:[ID!]!,$tags:[ID!]!,$performers:[ID!]!,$groups:[ID!]!) {
    bulkSceneUpdate(input:{ids:[1,2,3,4,5,6,7,8,9],rating100:5,tag_ids:{mode:SET,ids:[1]},performer_ids:{mode:SET,ids:[]}}){id}
    imagesUpdate(input:[{id:"2",title:"changed",rating100:3},{id:"3",organized:true,tag_ids:["5"]}]){id}
    galleriesUpdate(input:[{id:"2",title:"changed"},{id:"3",details:"x",studio_id:null}]){id}
    tag3:tagUpdate(input:{id:"3",name:"renamed",description:"x",parent_ids:[]}){id}
    tag4:tagUpdate(input:{id:"4",aliases:["another name"],favorite:true}){id}
    studioUpdate(input:{id:"2",details:"changed",urls:["https://changed.example"]}){id}
    performerUpdate(input:{id:"2",image:"data:image/gif;base64,R0lGODlhAQABAIAAAP8AAAAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==",country:"FR"}){id}
    bulkPerformerUpdate(input:{ids:[3,4,5,6,7,8],gender:MALE,details:"the same for all"}){id}
    groupUpdate(input:{id:"2",synopsis:"changed",sub_groups:[]}){id}
    sceneAddO(id:4,times:["2020-01-01T00:00:00Z"]){count}
    sceneAddPlay(id:5,times:["2020-01-01T00:00:00Z","2020-01-02T00:00:00Z"]){count}
    sceneMarkersDestroy(ids:$markers)
    scenesDestroy(input:{ids:[20,21,22,23,24,25,26,27,28,29,30,31,32],delete_file:false})
    imagesDestroy(input:{ids:[5,6,7],delete_file:false})
    galleryDestroy(input:{ids:[5,6]})
    performersDestroy(ids:$performers)
    groupsDestroy(ids:$groups)
    studiosDestroy(ids:[4,5,6])
    tagsDestroy(ids:$tags)
    tagCreate(input:{name:"made since"}){id} }"""


def spoil(stash: RealStash) -> None:
    """Do to a library what a careless person would, and more: something of every kind is changed, and something deleted."""
    with contextlib.closing(sqlite3.connect(stash.database)) as db:
        markers = [one for (one,) in db.execute("SELECT id FROM scene_markers ORDER BY id LIMIT 5")]
        tags = [one for (one,) in db.execute("SELECT id FROM tags WHERE id>5 AND id NOT IN (SELECT primary_tag_id FROM scene_markers) LIMIT 6")]
    stash.gql(SPOIL, {"markers": markers, "tags": tags, "performers": list(range(20, 50)), "groups": list(range(5, 25))})


class Spoilt:
    """A Stash with a library of about 300 objects in which much was changed and deleted, or with an empty one, and the library as it was: the source."""

    def __init__(self, libraries: Any, start_stash: Callable[..., RealStash], folder: Path, *, fresh: bool = False) -> None:
        self.folder, self.state = folder, State(folder / "state")
        self.source: Library = libraries.filled(60, 3, blobs=True)
        options = {"config": {"blobs_storage": "FILESYSTEM"}}
        self.stash = start_stash(libraries.empty() if fresh else self.source, **options)
        if not fresh:
            spoil(self.stash)
        self.keep()

    def keep(self) -> None:
        """Take what is there now for what was there before."""
        self.stash.stop()
        self.kept = folder = self.folder / "kept"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with contextlib.closing(sqlite3.connect(self.stash.database)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(self.stash.database, folder / "library.sqlite")
        shutil.copytree(self.stash.blobs, folder / "blobs")
        self.before = tables(folder / "library.sqlite")
        self.stash.start()

    def reset(self) -> None:
        """The library and its images as they were before."""
        self.stash.kill()
        for path in self.stash.folder.glob(f"{self.stash.database.name}-*"):
            path.unlink()
        shutil.copyfile(self.kept / "library.sqlite", self.stash.database)
        shutil.rmtree(self.stash.blobs)
        shutil.copytree(self.kept / "blobs", self.stash.blobs)
        self.forget()
        self.stash.start()

    def forget(self) -> None:
        """Know of no run any more."""
        shutil.rmtree(self.state.folder, ignore_errors=True)

    def context(self, connection: Connection | None = None) -> Context:
        """The Stash as a job is given it."""
        return Context(self.state, connection or Connection(self.stash.url))

    def given(self, **more: Any) -> dict[str, Any]:
        """What a restore of the source is given."""
        return {"source": str(self.source.database), "blobs": str(self.source.blobs), **WITHOUT, **more}

    def restore(self, connection: Connection | None = None, **more: Any) -> Run:
        """Restore the source."""
        return restore(self.given(**more), self.context(connection))

    def resume(self, run: str, connection: Connection | None = None) -> Run:
        """Go on with a run."""
        return resume({"run": run}, self.context(connection))

    def rollback(self, run: str, connection: Connection | None = None) -> Run:
        """Take a run back."""
        return rollback({"run": run, **WITHOUT}, self.context(connection))

    def records(self) -> list[dict[str, Any]]:
        """The records of all runs, the newest first."""
        return [json.loads(path.read_text("utf-8")) for path in sorted(self.state.folder.glob("runs/*/run.json"), key=_written, reverse=True)]

    def last(self) -> dict[str, Any]:
        """The record of the newest run."""
        return self.records()[0]

    def journals(self) -> list[str]:
        """The runs whose journals tell what was written, the newest first: those that went on with one wrote into its."""
        found = dict.fromkeys(record["notes"].get("journal") or (record["notes"].get("bulk") or {}).get("folder") for record in self.records())
        return [run for run in found if run]

    def now(self) -> dict[str, list[Any]]:
        """Every row of every table as it is now."""
        return tables(self.stash.database)

    def copy(self, name: str) -> Path:
        """The library as it is now, in a file of its own."""
        place = self.folder / f"{name}.sqlite"
        with contextlib.closing(sqlite3.connect(self.stash.database)) as db, contextlib.closing(sqlite3.connect(place)) as other:
            db.backup(other)
        return place

    def command(self, verb: str, *arguments: str) -> list[str]:
        """The command line of a verb for this Stash, which asks nothing and saves no copy."""
        return [sys.executable, str(REPOSITORY / "stash_port.py"), verb, *arguments, "--into", self.stash.url, "--state", str(self.state.folder), "-q", "--yes",
                "--no-copy", WITHOUT["confirm"]]


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns


class Disturbed(Spoilt):
    """A library in which a restore can be disturbed; `whole` is what an undisturbed one makes of it, in so many requests."""

    def __init__(self, libraries: Any, start_stash: Callable[..., RealStash], folder: Path, method: str) -> None:
        super().__init__(libraries, start_stash, folder, fresh=method == "fresh")
        self.method, self.given_more = method, RESTORES[method]
        quiet = Faulty(self.stash.url)
        run = self.restore(quiet, **self.given_more)
        assert run.result == "ok", run.record["warnings"]
        self.requests = quiet.count
        self.whole_copy, self.whole = self.copy("whole"), self.now()
        self.rollback(run.id)
        assert self.left() == {}
        self.forget()

    def left(self) -> dict[str, list[Any]]:
        """What is not as it was before; nothing, where all was taken back."""
        return unlike(self.before, self.now(), frozenset() if self.method in ("bulk", "fresh") else SINCE)

    def complete(self) -> list[str]:
        """Why the library is not as an undisturbed run leaves it; nothing when it is."""
        now = self.now()
        found = [f"{name}: {number} rows instead of {sizes(self.whole)[name]}" for name, number in sizes(now).items() if number != sizes(self.whole)[name]]
        if self.method == "fresh":
            return found + [str(unlike(self.whole, now))] * (now != self.whole)
        told = differing(self.whole_copy, self.stash.database, *(NOT_BY_API if self.method != "bulk" else ()))
        if self.method != "bulk":  # what its rows say of when they were made
            for plural, field in (("scenes", "scene_markers"), ("galleries", "chapters")):
                told.get(plural, {}).pop(field, None)
        return found + [f"{plural}: {row}" for plural, row in told.items() if row]

    def went_on(self, record: dict[str, Any]) -> dict[str, Any]:
        """After a run that was disturbed: go on, or begin anew where there is nothing to go on with; the newest record."""
        if record["result"] == "failed" and (record["notes"].get("journal") or record["notes"].get("bulk")):
            self.resume(record["run"])
        elif record["result"] != "ok":
            self.restore(**self.given_more)
        return self.last()

    def take_back(self) -> None:
        """Take back all that was written in this case, the newest first."""
        for run in self.journals():
            self.rollback(run)
        self.forget()


# --- what is in a library -------------------------------------------------------------------------------------------------------------------------------

NOT_BY_API = tuple(f"{plural}.{name}" for plural in ("tags", "studios", "performers", "groups", "galleries", "scenes", "images") for name in ("created_at", "updated_at"))
SINCE = frozenset({"updated_at"})
"""What no API sets: every change sets it to now."""


def tables(path: Path) -> dict[str, list[Any]]:
    """Every row of every table, column by column, without the counters for new ids and what SQLite counts for itself."""
    found: dict[str, list[Any]] = {}
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'")]
        for name in names:
            found[name] = [dict(row) for row in db.execute(f"SELECT * FROM `{name}` ORDER BY rowid")]
    # Stash's API tells the order of groups in a group, and not by which numbers it is kept.
    places: Counter[int] = Counter()
    for row in sorted(found["groups_relations"], key=lambda row: (row["containing_id"], row["order_index"])):
        places[row["containing_id"]] += 1
        row["order_index"] = places[row["containing_id"]]
    return found


def unlike(one: dict[str, list[Any]], other: dict[str, list[Any]], ignored: frozenset[str] = frozenset()) -> dict[str, list[Any]]:
    """Rows that only one of two has, without the columns that are to be ignored: {table: [a few of them]}."""
    found = {}
    for name in one.keys() | other.keys():
        rows = [sorted(repr([(k, v) for k, v in row.items() if k not in ignored]) for row in side.get(name, ())) for side in (one, other)]
        if rows[0] != rows[1]:
            left, right = list(rows[0]), list(rows[1])
            for row in rows[0]:
                if row in right:
                    left.remove(row)
                    right.remove(row)
            found[name] = [f"- {row}" for row in left[:4]] + [f"+ {row}" for row in right[:4]]
    return found


def sizes(told: dict[str, list[Any]]) -> dict[str, int]:
    """How many rows each table has."""
    return {name: len(rows) for name, rows in told.items()}


def differing(one: Path, other: Path, *ignored: str) -> dict[str, Any]:
    """What two database files tell otherwise whatever their ids are: {plural: {field or outcome: number}}."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="compared-"))
        run = compare({"ignore": list(ignored)}, Context(State(Path(folder)), DatabaseFile(one)), DatabaseFile(other))
    table = run.record["notes"]["compared"]
    told = {plural: row["fields"] | {name: n for name, n in row["outcomes"].items() if n and name not in ("same", "differs")} for plural, row in table.items()}
    return {plural: row for plural, row in told.items() if row}


# --- a process that is killed ---------------------------------------------------------------------------------------------------------------------------


def killed(command: list[str], *, once: Callable[[], object] = lambda: True, after: float = 0.0) -> bool:
    """Start a process and kill it, so many seconds after `once` came true; False when it was quicker."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not once():
        time.sleep(0.002)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after)
    process.kill()  # does nothing to one that has ended, since nobody else can have got its number yet
    return process.wait() == -signal.SIGKILL


def timed(command: list[str], once: Callable[[], object]) -> float:
    """Run a command to its end; the seconds since `once` came true."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not once():
        time.sleep(0.002)
    began = time.monotonic()
    assert process.wait() in (0, 1, 2, 3), command
    return time.monotonic() - began
