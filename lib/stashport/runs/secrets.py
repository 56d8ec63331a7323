"""Passphrases on their way from the panel to a task: a file that only its owner can read, named by an id that means nothing, read once.

Stash keeps the arguments of tasks in its log: they carry the id only.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from pathlib import Path

from stashport.errors import BadRequest
from stashport.runs.state import State

KEEP_SECONDS = 3600
LONGEST = 4096
_ID = re.compile(r"[0-9a-f]{32}")


def keep(state: State, value: str) -> str:
    """Put a secret away for one task; its id.  Errors: BadRequest for one that is empty or very long."""
    if not value.strip() or len(value) > LONGEST:
        raise BadRequest(what="A passphrase must not be blank, or longer than 4,096 characters.")
    folder = _folder(state)
    name = secrets.token_hex(16)
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(value.encode("utf-8", "surrogatepass"))
    return name


def take(state: State, name: object) -> str:
    """The secret with this id, which is gone afterwards.  Errors: BadRequest."""
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise BadRequest(what="That is no id of a secret: secrets themselves do not belong into a configuration.")
    path = _folder(state) / name
    try:
        value = path.read_bytes().decode("utf-8", "surrogatepass")
        path.unlink()
    except OSError as error:
        raise BadRequest(what="The passphrase was used already, or more than an hour ago. Give it again.") from error
    return value


def _folder(state: State) -> Path:
    folder = state.secrets
    for old in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > KEEP_SECONDS:
                old.unlink()
    return folder
