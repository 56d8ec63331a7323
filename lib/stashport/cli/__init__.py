"""The door for people: the command line, a command a file.  Results go to standard output, everything else to standard error; exit codes: docs/exit-codes.md.

A module here whose name has no underscore in front is a command, or a few that belong together: its `COMMANDS` says what they are called, what they take
and what they do.  Nothing heavy is imported before a command is chosen.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from functools import cache

from stashport import __version__
from stashport.cli._common import EPILOG, Command
from stashport.errors import PortError, Stopped


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    arguments = _parser().parse_args(argv)
    try:
        code = _commands()[arguments.command].run(arguments)
    except PortError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(Stopped(where="from the keyboard").message, file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 141
    except Exception as error:  # noqa: BLE001 - the last place where it can be said in words; the run's folder holds the trace
        unnamed = PortError(what=f"{type(error).__name__}: {error}")
        print(f"{unnamed.message}\n{unnamed.hint}", file=sys.stderr)
        return unnamed.exit_code
    return code


@cache
def _commands() -> dict[str, Command]:
    """All commands by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return {command.name: command for name in names for command in importlib.import_module(f"{__name__}.{name}").COMMANDS}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stash_port.py", description="Makes a Stash library portable and safe.", epilog=EPILOG)
    parser.add_argument("--version", action="version", version=__version__)
    listed = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _commands().values():
        command.add(listed.add_parser(command.name, help=command.help, epilog=EPILOG if command.source else None))
    return parser
