"""Files on their way to a remote store: each waits in the state folder, beside a note that says where it belongs, until all of it has arrived."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from pathlib import Path
from typing import NamedTuple

from stashport.atomic import STALE_SECONDS, discard, file_error, publish, write_text
from stashport.bundle.store import After


class Waiting(NamedTuple):
    """A file that waits: its name in the store, where it is now, and what follows it there."""

    name: str
    file: Path
    after: After


class Pending:
    """What waits for one place.  Errors of all: CannotWrite, DiskFull.

    state   the folder of the host's own state
    place   as it is shown
    """

    def __init__(self, state: Path, place: str) -> None:
        self._place, self._folder = place, state / "uploads" / hashlib.sha256(place.encode()).hexdigest()[:16]

    def take(self, made: Path, name: str, after: After) -> Waiting:
        """Let a finished file wait, with the texts that are to follow it."""
        data, note = self._paths(name)
        told = {"name": name, "size": made.stat().st_size, "place": self._place, "after": [[other, text.decode("ascii")] for other, text in after]}
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_text(note, json.dumps(told))
            publish(made, data, overwrite=True)
        except OSError as error:
            raise file_error(error, self._folder) from error
        return Waiting(name, data, tuple(after))

    def waiting(self, folder: str) -> list[Waiting]:
        """What waits, is whole and belongs below a folder; what is half there and older than a day goes."""
        found = []
        for note in sorted(self._folder.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                told = json.loads(note.read_text("utf-8"))
                data, _ = self._paths(told["name"])
                if data.stat().st_size == told["size"]:
                    found.append(Waiting(told["name"], data, tuple((other, text.encode("ascii")) for other, text in told["after"])))
        known = {path for one in found for path in self._paths(one.name)}
        for path in self._folder.glob("*"):
            with contextlib.suppress(OSError):
                if path not in known and time.time() - path.stat().st_mtime > STALE_SECONDS:
                    discard(path)
        return [one for one in found if one.name.startswith(folder)]

    def done(self, name: str) -> None:
        """It has arrived, or was given up."""
        data, note = self._paths(name)
        try:
            discard(data)
            discard(note)
        except OSError as error:
            raise file_error(error, self._folder) from error

    def _paths(self, name: str) -> tuple[Path, Path]:
        stem = hashlib.sha256(name.encode()).hexdigest()[:32]
        return self._folder / f"{stem}.data", self._folder / f"{stem}.json"
