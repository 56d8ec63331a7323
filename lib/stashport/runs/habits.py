"""How this library is backed up (place, what is kept, proof) and how that went last: two small files that the panel reads at every opening."""

from __future__ import annotations

import json
import time
from typing import Any

from stashport.atomic import file_error, write_text
from stashport.runs.state import State
from stashport.runs.wording import timestamp

_HABITS, _LATEST = "backup.json", "latest-backup.json"
KEYS = ("vault", "keep", "proof", "compress", "secrets", "generated", "kind")


def habits(state: State) -> dict[str, Any]:
    """The usual configuration of a backup, as far as it was chosen; holds no secrets."""
    return {key: value for key, value in _load(state, _HABITS).items() if key in KEYS}


def keep_habits(state: State, config: dict[str, Any]) -> None:
    """Make this the usual configuration.  The caller has checked it.  Errors: CannotWrite, DiskFull."""
    _save(state, _HABITS, {key: value for key, value in config.items() if key in KEYS})


def latest(state: State) -> dict[str, Any]:
    """{"proven": {id, time, level, vault, kind, records}, "failed": {time, reason, run}}: the last good one, and a failure since, if there was one."""
    return _load(state, _LATEST)


def note_proven(state: State, told: dict[str, Any]) -> None:
    """Remember a backup that was just proven, unless a newer one is known, and that not by a wrong clock; a failure before it is forgotten."""
    known = latest(state).get("proven") or {}
    if str(known.get("time", "")) <= str(told["time"]) or str(known["time"]) > timestamp(time.time()):
        _save(state, _LATEST, {"proven": told})


def note_failed(state: State, told: dict[str, Any]) -> None:
    """Remember that one failed."""
    _save(state, _LATEST, {**latest(state), "failed": told})


def _load(state: State, name: str) -> dict[str, Any]:
    try:
        found = json.loads((state.folder / name).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _save(state: State, name: str, content: dict[str, Any]) -> None:
    path = state.folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_text(path, json.dumps(content, indent=1))
    except OSError as error:
        raise file_error(error, path) from error
