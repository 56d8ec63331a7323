"""Folders for what is only needed while a run lasts, in the state folder; what killed runs left behind is cleared away by the next one.

Each folder says whose it is, by more than the number of a process, and which other process was started for it: that one must not outlive its run.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stashport.atomic import STALE_SECONDS, file_error
from stashport.runs import process
from stashport.runs.state import State, make_private

_OWNER, _STARTED = "owner.json", "started.json"
_NAMELESS_SECONDS = 60


@contextlib.contextmanager
def workspace(state: State, what: str) -> Iterator[Path]:
    """A new private folder, gone with everything in it when it is left.  Errors: CannotWrite, DiskFull."""
    top = state.folder / "scratch"
    make_private(top, state.folder)
    clear(top)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{what}-", dir=top))
    except OSError as error:
        raise file_error(error, top) from error
    try:
        _note(folder / _OWNER, process.here())
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def note_started(folder: Path, pid: int) -> None:
    """Remember a process that was started for the run of this folder, so that it can be ended should the run be killed.  Errors: CannotWrite, DiskFull."""
    _note(folder / _STARTED, {**process.here(), "pid": pid, "mark": process.start_mark(pid) or ""})


def clear(top: Path) -> int:
    """End and remove what runs left that were killed; the number of folders removed.  What belongs to a living run is left alone."""
    removed = 0
    for folder in top.iterdir():
        with contextlib.suppress(OSError):  # somebody else clears too
            if folder.is_dir() and not folder.is_symlink() and _left_behind(folder):
                _end(_read(folder / _STARTED))
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    return removed


def _left_behind(folder: Path) -> bool:
    now, owner = time.time(), _read(folder / _OWNER)
    made = folder.stat().st_mtime
    if not owner:  # killed before it could say whose it is, or just about to
        return now - made > _NAMELESS_SECONDS
    if owner.get("host") != process.here()["host"]:
        return now - made > STALE_SECONDS
    return process.ended(owner, made, now)


def _end(noted: dict[str, Any]) -> None:
    me, pid = process.here(), noted.get("pid")
    if not isinstance(pid, int) or not noted.get("mark") or any(noted.get(key) != me[key] for key in ("host", "space")):
        return
    if process.start_mark(pid) == noted["mark"]:
        with contextlib.suppress(OSError):
            end_process(pid)


def end_process(pid: int) -> None:
    """End a process that leads a group of its own, and that group, at once.  Errors: ProcessLookupError when it is gone."""
    if hasattr(os, "killpg"):
        os.killpg(pid, signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGTERM)  # which ends it at once where there are no groups


def _note(path: Path, told: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(told), encoding="utf-8")
    except OSError as error:
        raise file_error(error, path) from error


def _read(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    return {}
