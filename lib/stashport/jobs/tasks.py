"""Tasks: jobs that Stash's queue runs, on the Stash that started them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stashport import __version__
from stashport.jobs.context import Context
from stashport.runs.record import Run
from stashport.runs.state import State
from stashport.stash.connection import Connection

PLUGIN_ID = "stash_port"
_SETTINGS = "query StashPortOwnSettings{configuration{plugins}}"


def connect(server: dict[str, Any]) -> Connection:
    """The Stash that started us."""
    return Connection.from_plugin(server)


def with_server(job: Callable[[dict[str, Any], Context], Run], given: dict[str, Any], context: Context, server: dict[str, Any], *, verb: str) -> Run:
    """Run a job on that Stash.  What goes wrong before the job has a run record makes one, since the panel believes nothing else."""
    from stashport.errors import PortError

    try:
        connection = connect(server)
        context.place = connection
        given = _unlocked(given, context)
        ask_settings(context)
        return job(given, context)
    except PortError as error:
        if context.run_id and not context.state.run_folder(context.run_id).exists():
            with_record(context, given, error, verb)
        raise


def ask_settings(context: Context) -> None:
    """The plugin's own settings, from the Stash that is the source, unless they are known."""
    if isinstance(context.place, Connection) and not context.settings:
        context.settings = context.place.query(_SETTINGS)["configuration"]["plugins"].get(PLUGIN_ID) or {}


def _unlocked(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """What opens an encrypted vault, handed over beforehand: the configuration, which run records keep, goes on without its id.  Errors: BadRequest."""
    if "secret" not in given:
        return given
    from stashport.bundle.passphrase import Passphrase
    from stashport.runs.secrets import take

    context.passphrase = Passphrase(take(context.state, given["secret"]), source="the panel")
    return {key: value for key, value in given.items() if key != "secret"}


def look(mode: str, arguments: dict[str, Any], server: dict[str, Any], state: State) -> dict[str, Any]:
    """An operation that asks the server; its errors are part of the answer."""
    from stashport.errors import PortError
    from stashport.jobs.packages import use
    from stashport.jobs.preview import count, preview

    use(state)
    try:
        context = Context(state, connect(server))
        config = arguments.get("config") or {}
        if mode == "confirm":
            from stashport.jobs.restore_by_database import confirmed

            return {"ok": True, **confirmed({"run": arguments.get("run")}, context)}
        return {"ok": True, **(count(config, context) if mode == "count" else preview(config, context, int(arguments.get("limit") or 3)))}
    except PortError as error:
        return {"ok": False, "error": error.record()}


def with_record(context: Context, given: dict[str, Any], error: Exception, verb: str) -> None:
    """Keep an error that came too early in a run record."""
    import contextlib

    with contextlib.suppress(Exception), Run.start(context.state, verb, config=given, version=__version__, run_id=context.run_id):
        raise error
