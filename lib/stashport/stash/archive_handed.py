"""What was given to Stash's import, and by which jobs: kept in a file, so that whoever comes back neither gives it again nor waits for what has ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stashport.atomic import write_text
from stashport.stash.connection import Connection

NAME = "handed-over.json"
_JOB = "query StashPortJob($id:ID!){findJob(input:{id:$id}){status}}"
_QUEUE = "query StashPortQueue{jobQueue{id status description}}"
_OPEN = ("READY", "RUNNING", "STOPPING")
_IMPORTING = "Importing..."


class HandedOver(Exception):
    """Stash imports when the task that is running now has ended: what called `create` must end, and a task that follows calls it again."""

    def __init__(self, job: str) -> None:
        super().__init__(f"Stash's import, job {job}, runs when this task has ended")
        self.job = job


class Handed:
    """The memory of one run, in a folder of its own.  Errors: CannotWrite and the like for the file, those of Connection."""

    def __init__(self, folder: Path, connection: Connection) -> None:
        self._file, self._connection = folder / NAME, connection
        self._jobs: dict[str, list[str]] = json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        self.keys = {key for keys in self._jobs.values() for key in keys}

    def add(self, job: str, keys: Iterable[str]) -> None:
        """A job was queued, with these records."""
        self._jobs[job] = list(keys)
        self.keys.update(self._jobs[job])
        write_text(self._file, json.dumps(self._jobs))

    def running(self) -> str | None:
        """The last import that waits or runs, of ours or of a start of ours that was killed before it could note it."""
        queue: list[dict[str, Any]] = self._connection.query(_QUEUE)["jobQueue"] or []
        found = [str(one["id"]) for one in queue if one["description"] == _IMPORTING and one["status"] in _OPEN]
        return found[-1] if found else None

    def open(self, job: str) -> bool:
        """Whether a job is still to run, or running."""
        return self._status(job) in _OPEN

    def ended(self, found: set[str]) -> set[str]:
        """The records of jobs that ran: something of theirs was found, or Stash knows how they ended.  The others were lost when Stash was restarted."""
        return {key for job, keys in self._jobs.items() if not found.isdisjoint(keys) or self._status(job) for key in keys}

    def _status(self, job: str) -> str | None:
        told = self._connection.query(_JOB, {"id": job})["findJob"]
        return str(told["status"]) if told else None


def key_of(kind: str, paths: Iterable[str]) -> str:
    """What a record is, in few letters."""
    return hashlib.blake2b("\0".join((kind, *paths)).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
