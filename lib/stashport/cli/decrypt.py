"""decrypt: open an encrypted file, as stock age does."""

from __future__ import annotations

import argparse
from pathlib import Path

from stashport.cli._common import Command, add_secrets, passphrase_of


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--to", required=True, metavar="FILE", help="where to write what is in it")
    add_secrets(parser, "the file")


def _run(arguments: argparse.Namespace) -> int:
    from stashport.jobs.decrypt import decrypt

    keys = Path(arguments.identity_file) if arguments.identity_file else None
    print(decrypt(Path(arguments.file), Path(arguments.to), keys, passphrase_of(arguments, confirm=False)))
    return 0


COMMANDS = (Command("decrypt", "open an encrypted export, as stock age does", _add, _run),)
