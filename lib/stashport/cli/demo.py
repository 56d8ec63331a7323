"""demo: every format on a small sample library, without a Stash."""

from __future__ import annotations

import argparse
from pathlib import Path

from stashport.cli._common import Command, add_state


def _add(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--to", metavar="FOLDER", help="where to write (default: a new folder here)")


def _run(arguments: argparse.Namespace) -> int:
    from stashport.jobs.demo import demo

    for line in demo(Path(arguments.to) if arguments.to else None, Path(arguments.state) if arguments.state else None):
        print(line)
    return 0


COMMANDS = (Command("demo", "no Stash at hand: every format on a small sample library", _add, _run),)
