"""Export configurations that people saved under a name; one file in the state folder, without secrets."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from stashport.atomic import write_text
from stashport.errors import BadRequest
from stashport.runs.state import State

LONGEST_NAME = 80
MOST = 100
_FILE = "presets.json"
_NOT_KEPT = ("run",)
_WITH_SECRETS = ("encrypt", "encrypt7z", "url")


def presets(state: State) -> list[dict[str, Any]]:
    """[{name, config}], by name."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((state.folder / _FILE).read_text("utf-8"))
        return [{"name": name, "config": config} for name, config in sorted(found.items()) if isinstance(config, dict)]
    return []


def save(state: State, name: object, config: object) -> None:
    """Keep a configuration; one of the same name is replaced.  Errors: BadRequest."""
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadRequest(what=f"A preset needs a name of at most {LONGEST_NAME} characters.")
    if not isinstance(config, dict):
        raise BadRequest(what="A preset needs a configuration.")
    kept = {key: value for key, value in config.items() if key not in _NOT_KEPT}
    for part in _WITH_SECRETS:
        # That a secret is wanted is kept, as an empty text; the secret is not.
        if isinstance(kept.get(part), dict):
            kept[part] = {key: "" if key == "secret" else value for key, value in kept[part].items() if key in ("secret", "recipients", "url", "method")}
    found = {preset["name"]: preset["config"] for preset in presets(state)}
    if len(found) >= MOST and name not in found:
        raise BadRequest(what=f"There are {MOST} presets already. Delete one first.")
    _write(state, found | {name.strip(): kept})


def delete(state: State, name: object) -> None:
    """Forget a configuration.  Errors: BadRequest when there is none of that name."""
    found = {preset["name"]: preset["config"] for preset in presets(state)}
    if name not in found:
        raise BadRequest(what=f'There is no preset called "{name}".')
    _write(state, {key: value for key, value in found.items() if key != name})


def _write(state: State, found: dict[str, Any]) -> None:
    state.folder.mkdir(parents=True, exist_ok=True)
    write_text(state.folder / _FILE, json.dumps(found, ensure_ascii=False, indent=1))
