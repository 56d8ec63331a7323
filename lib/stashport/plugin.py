"""The door for Stash: one JSON document on standard input, one on standard output, log lines and progress on standard error.

Tasks run for long and are followed through their run record; operations answer the panel at once.  Those that need no server import nothing that does.
Stash shows a failed plugin task as finished: what counts is the run record, which is why a task's failure is also told as `error`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from stashport.errors import BadRequest, PortError


def main() -> int:
    """Read the input, do what it asks for, print the answer.  The exit code is 0: Stash loses the answer of a program that ends with another."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    # Stash takes everything on standard output for the answer: whatever else prints there is sent to standard error instead.
    os.dup2(2, 1)
    try:
        given = json.loads(sys.stdin.buffer.read() or b"{}")
        answer = _answer(given)
    except PortError as error:
        answer = {"error": f"{error.message} {error.hint}"}
    except Exception as error:  # noqa: BLE001 - the last place where it can be said in words
        answer = {"error": f"{type(error).__name__}: {error}"}
    with contextlib.suppress(BrokenPipeError), output:
        output.write(json.dumps(answer, ensure_ascii=True))
    return 0


def _answer(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise BadRequest(what="The plugin needs names with their values on its standard input.")
    server = given.get("server_connection") or {}
    arguments = given.get("args") or {}
    if not isinstance(server, dict) or not isinstance(arguments, dict):
        raise BadRequest(what='The plugin needs names with their values in "server_connection" and "args".')
    folder = Path(str(server.get("Dir") or ".")).absolute()
    plugin = Path(str(server.get("PluginDir") or Path(__file__).parents[2])).absolute()
    from stashport.runs.state import State

    state = State.beside(folder / "config.yml")
    mode = str(arguments.get("mode") or "")
    from stashport.jobs import operations

    if mode in operations.OPERATIONS:
        return {"output": operations.answer(mode, arguments, state, plugin)}
    if mode in ("count", "preview", "confirm"):
        from stashport.jobs.tasks import look

        return {"output": look(mode, arguments, server, state)}
    if mode in ("schedule", "catch-up", "resident-start"):
        from stashport.jobs.schedule import operation

        return {"output": operation(mode, arguments, server, state)}
    if mode not in (*_TASKS, "check"):
        raise BadRequest(what=f'The plugin was asked for "{mode}", which it does not know.')
    return _task(mode, arguments, server, state)


# The tasks that keep a run record: the module of jobs that has the function of this name.
_TASKS = {
    "export": "export", "backup": "backup", "verify": "verify", "carry": "carry",
    "restore": "restore", "apply": "restore", "waiting": "restore", "rollback": "taking_back", "resume": "taking_back",
}


def _task(mode: str, arguments: dict[str, Any], server: dict[str, Any], state: Any) -> dict[str, Any]:
    from stashport.jobs.context import Context
    from stashport.jobs.packages import use
    from stashport.runs.progress import StashSink

    use(state)
    sink = StashSink(sys.stderr.buffer)
    context = Context(state, sinks=(sink,), run_id=arguments.get("run"), in_queue=True)
    if mode in _TASKS and arguments.get("entry"):
        from stashport.jobs.scheduled import task

        return {"output": task(mode, arguments, context, server)}
    if mode in _TASKS:
        from importlib import import_module

        from stashport.jobs.resident import ensure
        from stashport.jobs.scheduled import leave_with
        from stashport.jobs.tasks import with_server

        ensure(state, server)
        leave_with(os.getppid(), context, str(context.run_id or ""))
        job = getattr(import_module(f"stashport.jobs.{_TASKS[mode]}"), mode)
        run = with_server(job, _config(arguments), context, server, verb=mode)
        sink.log("info", str(run.record["notes"].get("sentence", "")))
        return {"output": {"run": run.id, "result": run.result}}
    from stashport.jobs.check import check, wording
    from stashport.jobs.tasks import connect

    findings = check(context, connect=lambda: connect(server))
    for line in wording(findings):
        sink.log("info", line)
    return {"output": {"findings": findings}}


def _config(arguments: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a task: a map under `config`, or single keys (default arguments of a task in the manifest are texts)."""
    config = arguments.get("config")
    if isinstance(config, str):
        try:
            config = json.loads(config)
        except ValueError as error:
            raise BadRequest(what=f'The argument "config" is no JSON ({error}).') from error
    if config is not None and not isinstance(config, dict):
        raise BadRequest(what='The argument "config" needs names with their values.')
    return config or {key: value for key, value in arguments.items() if key not in ("mode", "run", "config")}
