"""What several commands share: arguments, and what is made of them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from stashport.errors import BadRequest, PortError, UnknownRun

EPILOG = (
    "SOURCE is http(s)://host:port[/prefix] of a running Stash, a Stash database file, or a file or folder that Stash Port wrote (a bundle, or an export that"
    " reads back). The API key comes from --api-key-file or STASH_API_KEY."
)


class Command(NamedTuple):
    """A command: `add` gives its parser the arguments, `run` does it and gives the exit code; `source` says whether it takes a SOURCE."""

    name: str
    help: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    source: bool = False


def add_state(parser: argparse.ArgumentParser) -> None:
    """--state."""
    parser.add_argument("--state", metavar="FOLDER", help="where runs and reports are kept (default: a folder of yours)")


def add_server(parser: argparse.ArgumentParser) -> None:
    """What a running Stash needs."""
    parser.add_argument("--api-key-file", metavar="FILE", help="a file that holds the API key")
    parser.add_argument("--ca", metavar="FILE", help="certificates to trust for https")


def add_secrets(parser: argparse.ArgumentParser, what: str) -> None:
    """What opens something: a key or a passphrase."""
    parser.add_argument("--identity-file", metavar="FILE", help=f"the key (AGE-SECRET-KEY-1...) of {what}")
    parser.add_argument("--passphrase-file", metavar="FILE", help=f"the passphrase of {what}")
    parser.add_argument("--passphrase-env", metavar="NAME", help="the environment variable that holds the passphrase")
    parser.add_argument("--ask-passphrase", action="store_true", help="ask for the passphrase")


def add_output(parser: argparse.ArgumentParser) -> None:
    """How a run is shown."""
    parser.add_argument("--json", action="store_true", help="print the run record")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")


def place_of(arguments: argparse.Namespace) -> Any:
    from stashport.jobs import sources

    return sources.place_of(
        arguments.source, api_key_file=arguments.api_key_file, ca=arguments.ca, blobs=getattr(arguments, "blobs", None),
        identity_file=getattr(arguments, "source_identity_file", None), passphrase_file=getattr(arguments, "source_passphrase_file", None),
    )


def state_of(arguments: argparse.Namespace) -> Any:
    from stashport.jobs.packages import use
    from stashport.runs.state import State, default_folder

    state = State(Path(arguments.state).absolute() if arguments.state else default_folder())
    use(state)
    return state


def passphrase_of(arguments: argparse.Namespace, *, confirm: bool) -> Any:
    """From a file, an environment variable, or asked for; never from the command line itself, which others on the machine can read."""
    variable = getattr(arguments, "passphrase_env", None)
    if not (arguments.passphrase_file or variable or arguments.ask_passphrase):
        return None
    from stashport.bundle import passphrase

    if variable and not arguments.passphrase_file:
        return passphrase.from_environment(variable)
    return passphrase.from_file(Path(arguments.passphrase_file)) if arguments.passphrase_file else passphrase.ask(confirm=confirm)


def identities_of(arguments: argparse.Namespace) -> tuple[Any, ...]:
    """The keys in the file that was named."""
    from stashport.jobs import sources

    return sources.identities_of(Path(arguments.identity_file)) if arguments.identity_file else ()


def config_file(name: str) -> dict[str, Any]:
    try:
        text = Path(name).read_text("utf-8")
        if name.endswith((".yml", ".yaml")):
            from stashport.jobs.packages import need

            need("yaml")
            import yaml

            config = yaml.safe_load(text)
        else:
            config = json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(what=f"The configuration {name} cannot be read: {error}.") from error
    except ValueError as error:
        raise BadRequest(what=f"The configuration {name} is no JSON: {error}.") from error
    except Exception as error:
        if isinstance(error, PortError):
            raise
        raise BadRequest(what=f"The configuration {name} is no YAML: {error}.") from error
    if not isinstance(config, dict):
        raise BadRequest(what=f"The configuration {name} holds no names with values.")
    return config


def context_of(arguments: argparse.Namespace) -> Any:
    """What a job is given: state, source, how progress is shown."""
    from stashport.jobs.context import Context
    from stashport.runs.progress import SilentSink, TerminalSink

    place = place_of(arguments) if getattr(arguments, "source", None) else None
    return Context(state_of(arguments), place, (SilentSink() if arguments.quiet else TerminalSink(sys.stderr),))


def run_job(job: Callable[[dict[str, Any], Any], Any], config: dict[str, Any], context: Any, arguments: argparse.Namespace, verb: str) -> Any:
    """Run a job that keeps a record; the record is printed with --json, also that of a run that failed."""
    context.run_id = context.state.new_run_id()
    try:
        run = job(config, context)
    except PortError as error:
        if arguments.json:
            print(json.dumps(_failed(context.state, context.run_id, error, verb), indent=1))
        raise
    if arguments.json:
        print(json.dumps(run.record, indent=1))
    return run


def _failed(state: Any, run_id: str, error: PortError, verb: str) -> dict[str, Any]:
    """The record of a run that failed, or the same in small where the request was refused before there was one."""
    from stashport.runs.history import load

    try:
        return load(state, run_id)
    except UnknownRun:
        return {"run": None, "verb": verb, "result": "failed", "error": error.record()}
