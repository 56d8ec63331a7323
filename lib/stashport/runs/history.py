"""The runs that were: list them, open one, ask one to stop, clear the oldest away.  Imports next to nothing, since the panel asks often."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from stashport.atomic import file_error
from stashport.errors import UnknownRun
from stashport.runs import process
from stashport.runs.state import State, is_run_id
from stashport.runs.wording import seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

KEEP = 200
KEEP_JOURNALS = 30 * 24 * 3600
JOURNALS = ("journal.sqlite", "load.sqlite", "database.json", "belongings.ndjson")
"""What changes of a library are taken back from: of a plan, a load, a database put beside another one, and custom files."""
STOP = "stop"
RECORD = "run.json"
_LARGEST = 64_000_000
_SHAPE: dict[str, Any] = {
    "verb": "",
    "state": "finished",
    "result": None,
    "started": None,
    "updated": None,
    "finished": None,
    "version": "",
    "pid": None,
    "host": "",
    "config": {},
    "source": {},
    "phase": {},
    "steps": [],
    "progress": {},
    "counts": {},
    "items": [],
    "items_total": 0,
    "reasons": [],
    "warnings": [],
    "warnings_total": 0,
    "error": None,
    "outputs": [],
    "notes": {},
}


def blank() -> dict[str, Any]:
    """A record with every field and nothing in it."""
    return copy.deepcopy(_SHAPE)


def list_runs(state: State, limit: int = 50, *, clock: Callable[[], float] = time.time) -> list[dict[str, Any]]:
    """The records of the newest runs, newest first; damaged ones are among them and say so, and never raise."""
    records: list[dict[str, Any]] = []
    for run_id in _ids(state):
        if len(records) >= limit:
            break
        record = _record(state.run_folder(run_id), clock())
        if record is not None:
            records.append(record)
    return records


def load(state: State, run_id: str, *, clock: Callable[[], float] = time.time) -> dict[str, Any]:
    """The record of one run, in the same form.  Errors: UnknownRun."""
    record = _record(state.run_folder(run_id), clock())
    if record is None:
        raise UnknownRun(name=run_id)
    return record


def request_stop(state: State, run_id: str) -> None:
    """Ask a run to stop at its next safe place.  Errors: UnknownRun; CannotWrite."""
    folder = state.run_folder(run_id)
    if not folder.is_dir():
        raise UnknownRun(name=run_id)
    try:
        (folder / STOP).touch()
    except OSError as error:
        raise file_error(error, folder) from error


def prune(state: State, keep: int = KEEP, *, clock: Callable[[], float] = time.time) -> int:
    """Remove all but the newest run folders; the number removed.

    Never one that is at work, and for 30 days none that holds what is needed to take back or to go on with what was done to a library.
    """
    removed = 0
    for run_id in _ids(state)[keep:]:
        folder = state.run_folder(run_id)
        record = _record(folder, clock())
        if (record is None or record["state"] != "running") and not _wanted(folder, clock()):
            shutil.rmtree(folder, ignore_errors=True)
            removed += not folder.exists()
    return removed


def _wanted(folder: Path, now: float) -> bool:
    """Whether a journal was written here not long ago."""
    for name in JOURNALS:
        with contextlib.suppress(OSError):
            if now - (folder / name).stat().st_mtime < KEEP_JOURNALS:
                return True
    return False


def adds_up(counts: Mapping[str, Mapping[str, int]]) -> bool:
    """Whether for each kind what came in is what went out: created + updated + unchanged + skipped + conflicts + failed."""
    return all(row.get("in", 0) == sum(n for name, n in row.items() if name != "in") for row in counts.values())


def _ids(state: State) -> list[str]:
    """Ids of run folders, newest first: they begin with the second, and within one the folder's own time decides."""
    try:
        with os.scandir(state.folder / "runs") as found:
            times = [(entry.name[:15], entry.stat().st_mtime_ns, entry.name) for entry in found if is_run_id(entry.name)]
    except OSError:
        return []
    return [name for _, _, name in sorted(times, reverse=True)]


def _record(folder: Path, now: float) -> dict[str, Any] | None:
    """What a run's folder tells; None when it holds no record (yet)."""
    try:
        found = _read(folder / RECORD)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        empty = {**blank(), "run": folder.name}
        return _failed(empty, "DamagedRecord", f"The record of this run cannot be read: {error}", "Nothing can be said about this run.")
    record = {**blank(), **found, "run": folder.name}
    last_sign = seconds_of(record["updated"]) or seconds_of(record["started"]) or 0.0
    if record["state"] == "running" and process.ended(record, last_sign, now):
        record["finished"] = record["updated"]
        name = record["run"]
        hint = f"`resume {name}` goes on where it ended, and `rollback {name}` takes back what it did." if record["notes"].get("undo") else \
            "Start it again. Half-written files were left under no final name."
        return _failed(record, "Ended", "The program ended without saying why (killed, or the machine stopped)", hint)
    return record


def _read(path: Path) -> dict[str, Any]:
    """A record whose fields have the types that they should; ValueError for anything else."""
    if path.stat().st_size > _LARGEST:
        raise ValueError("it is too large")
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError("it holds no record")  # noqa: TRY004 - one error for every damage
    for name, usual in _SHAPE.items():
        if usual is not None and name in found and not isinstance(found[name], type(usual)):
            raise ValueError(f'its field "{name}" is broken')
    for row in found.get("counts", {}).values():
        if not isinstance(row, dict) or not all(isinstance(n, int) for n in row.values()):
            raise ValueError('its field "counts" is broken')
    if found.get("state") not in ("running", "finished"):
        raise ValueError('its field "state" is broken')
    return found


def _failed(record: dict[str, Any], name: str, message: str, hint: str) -> dict[str, Any]:
    error = {"error": name, "message": message, "hint": hint, "exit_code": 1}
    return {**record, "state": "finished", "result": "failed", "error": error}
