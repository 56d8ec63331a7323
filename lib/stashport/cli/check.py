"""check: what works, what is missing, and how to mend it."""

from __future__ import annotations

import argparse

from stashport.cli._common import Command, add_server, add_state, place_of, state_of


def _add(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    add_server(parser)
    parser.add_argument("source", nargs="?", default="", metavar="SOURCE")
    parser.add_argument("--install", metavar="FEATURE", help="install the Python package that a feature needs into the state folder")


def _run(arguments: argparse.Namespace) -> int:
    from stashport.jobs.check import check, wording
    from stashport.jobs.context import Context
    from stashport.jobs.packages import install

    state = state_of(arguments)
    if arguments.install:
        print(install(arguments.install, state))
        return 0
    findings = check(Context(state, place_of(arguments) if arguments.source else None))
    print("\n".join(wording(findings)))
    return 0 if all(finding["ok"] for finding in findings) else 1


COMMANDS = (Command("check", "say what works, what is missing and how to mend it", _add, _run, source=True),)
