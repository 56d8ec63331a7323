"""The worker of the resident process: does one thing with Stash and ends; it dies when the resident process does."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from stashport.errors import NotAllowed, PortError, Unreachable
from stashport.jobs.context import Context
from stashport.jobs.packages import use
from stashport.jobs.scheduled import leave_with, run_due
from stashport.runs.state import State
from stashport.stash.connection import Connection
from stashport.stash.source import server_status

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def work(state: State, given: dict[str, Any]) -> dict[str, Any]:
    """Do what the resident process asks for: "due" runs what is due, "ping" only asks Stash how it is.

    {"credentials": the newest ones, "trouble": why it could not be done or "", "gone": nobody answers there}
    """
    _tie(state, given["parent"])
    use(state)
    connection = None
    answer: dict[str, Any] = {"trouble": "", "gone": False}
    try:
        connection = Connection.from_plugin(given["server"])
        server_status(connection)
        if given["do"] == "due":
            run_due(Context(state, connection), connection)
    except NotAllowed:
        answer["trouble"] = "Stash no longer lets it in. Open Stash Port in Stash, which starts it anew."
    except PortError as error:
        answer.update(trouble=error.message, gone=isinstance(error, Unreachable))
    if connection is not None:
        answer["credentials"] = connection.credentials()
    return answer


def _tie(state: State, parent: int) -> None:
    """End with the resident process: at once where the kernel does it, else within seconds."""
    if sys.platform == "linux":
        import ctypes
        import signal

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    leave_with(parent, Context(state))
