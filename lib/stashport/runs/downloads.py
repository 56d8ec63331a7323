"""Hands files to the browser: a link in the plugin's assets under a name that nobody can guess, or pieces where links cannot be made.

Stash serves the plugin's `downloads` folder, with a listing, to whoever may use Stash: an empty index.html hides the listing, and what is older than an
hour is removed whenever something new is offered.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import time
from pathlib import Path

from stashport.errors import NoSuchSource
from stashport.runs.history import load
from stashport.runs.state import State

CHUNK = 8 << 20
KEEP_SECONDS = 3600
ASSETS = "plugin/stash_port/assets/downloads"


def offer(state: State, plugin: Path, path: Path) -> str | None:
    """The address (relative to Stash's own) from which the browser can fetch a file, or None where links cannot be made."""
    if not path.is_file():
        raise NoSuchSource(place=path)
    folder = state.downloads
    _sweep(folder)
    try:
        (folder / "index.html").touch()
        link = plugin / "downloads"
        if not (link.is_symlink() and link.resolve() == folder.resolve()):
            if link.is_symlink():
                link.unlink()
            os.symlink(folder, link, target_is_directory=True)
        name = secrets.token_hex(16)
        (folder / name).mkdir(mode=0o700)
        (folder / name / "index.html").touch()
        os.symlink(path, folder / name / path.name)
    except OSError:
        return None
    return f"{ASSETS}/{name}/{path.name}"


def _sweep(folder: Path) -> None:
    for old in folder.iterdir():
        with contextlib.suppress(OSError):
            if old.is_dir() and time.time() - old.lstat().st_mtime > KEEP_SECONDS:
                shutil.rmtree(old)


def output_of(state: State, run_id: str, index: int) -> Path:
    """A file that a run left behind.  Errors: UnknownRun, NoSuchSource."""
    outputs = load(state, run_id).get("outputs") or []
    if not 0 <= index < len(outputs):
        raise NoSuchSource(place=f"run {run_id}, file {index}")
    path = Path(outputs[index]["path"])
    if not path.is_file():
        raise NoSuchSource(place=path)
    return path


def chunk(path: Path, index: int) -> str:
    """One piece of a file, in base64."""
    with path.open("rb") as file:
        file.seek(index * CHUNK)
        return base64.b64encode(file.read(CHUNK)).decode("ascii")
