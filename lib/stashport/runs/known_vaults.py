"""The vaults that this machine knows: what an encrypted one needs here, and what tells a vault from another that was put in its place.

One file a vault in the state folder, for its owner only.  Of an encrypted vault it holds the public half of its key and the key that images are named
with: enough to write backups, nothing that opens one.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import NamedTuple

from stashport.atomic import file_error, write_text
from stashport.runs.state import State, make_private

_ID = re.compile("[0-9a-f-]{36}")


class Known(NamedTuple):
    """place: where it was last; recipient, naming (hex): None for a plain vault; confirmed: whether its owner showed that they hold its secret."""

    id: str
    place: str
    recipient: str | None = None
    naming: str | None = None
    confirmed: bool = False


def remember(state: State, known: Known) -> None:
    """Write down what is known of a vault.  Errors: CannotWrite, DiskFull."""
    folder = state.folder / "vaults"
    make_private(folder, state.folder)
    path = folder / f"{known.id}.json"
    try:
        write_text(path, json.dumps(known._asdict(), indent=1))
        path.chmod(0o600)  # the folder above keeps others out meanwhile
    except OSError as error:
        raise file_error(error, path) from error


def known_vault(state: State, vault: str) -> Known | None:
    """What is known of the vault with this id; None also where the file cannot be read, which leaves a vault to be opened with its secret again."""
    return _load(state.folder / "vaults" / f"{vault}.json") if _ID.fullmatch(vault) else None


def known_at(state: State, place: str) -> Known | None:
    """The vault that was last at a place."""
    found = (_load(path) for path in sorted((state.folder / "vaults").glob("*.json")))
    return next((one for one in found if one and one.place == place), None)


def forget_at(state: State, place: str) -> int:
    """Forget the vaults that were at a place; how many.  Errors: CannotWrite."""
    number = 0
    while known := known_at(state, place):
        path = state.folder / "vaults" / f"{known.id}.json"
        try:
            path.unlink()
        except OSError as error:
            raise file_error(error, path) from error
        number += 1
    return number


def _load(path: Path) -> Known | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        known = Known(**json.loads(path.read_text("utf-8")))
        texts = all(isinstance(one, str) for one in (known.id, known.place, known.recipient or "", known.naming or ""))
        if texts and f"{known.id}.json" == path.name and bool(known.recipient) == bool(known.naming):
            return known
    return None
