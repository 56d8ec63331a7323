"""vault: set up an encrypted vault, prove that its secret is in your hands, change who opens it, forget it here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stashport.cli._common import Command, add_secrets, add_state, identities_of, passphrase_of, state_of


def _add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=text)
        add_state(added)
        added.add_argument("vault", metavar="PLACE", help="a folder, or the address of another store")
        return added

    setup = action("setup", "make an encrypted vault, its key and its recovery sheet")
    setup.add_argument("--sheet", required=True, metavar="FILE", help="where the recovery sheet goes: a page to print, then to keep away from this machine")
    setup.add_argument("--recipient", action="append", metavar="AGE1...", help="a key of yours that opens it, beside or instead of the passphrase")
    add_secrets(setup, "the new vault")
    confirm = action("confirm", "prove that you hold the secret; until then no backup goes in")
    confirm.add_argument("--last", required=True, metavar="XXXX", help="the last four characters of the key on the recovery sheet")
    add_secrets(confirm, "the vault")
    sheet = action("sheet", "print the recovery sheet again")
    sheet.add_argument("--sheet", required=True, metavar="FILE")
    add_secrets(sheet, "the vault")
    rewrap = action("rewrap", "another passphrase, or other recipients; key, sheet and backups stay")
    rewrap.add_argument("--new-passphrase-file", metavar="FILE", help="the new passphrase")
    rewrap.add_argument("--recipient", action="append", metavar="AGE1...")
    add_secrets(rewrap, "the vault, as it is now")
    action("forget", "forget, here, which vault was in this place; the vault itself is left alone")


def _run(arguments: argparse.Namespace) -> int:
    from stashport.jobs import vault_setup
    from stashport.jobs.context import Context

    context = Context(state_of(arguments))
    if arguments.action != "forget":
        context.passphrase = passphrase_of(arguments, confirm=arguments.action == "setup")
        context.identities = identities_of(arguments)
    if getattr(arguments, "new_passphrase_file", None):
        from stashport.bundle import passphrase

        context.new_passphrase = passphrase.from_file(Path(arguments.new_passphrase_file))
    given = {"vault": arguments.vault, "sheet": getattr(arguments, "sheet", None), "recipients": getattr(arguments, "recipient", None),
             "last": getattr(arguments, "last", None)}
    answer: dict[str, Any] = getattr(vault_setup, f"vault_{arguments.action}")({key: value for key, value in given.items() if value}, context)
    for line in _words(arguments.action, answer):
        print(line)
    return 0


def _words(action: str, answer: dict[str, Any]) -> list[str]:
    if action == "forget":
        return [f"Forgot what was known about {answer['place']}." if answer["forgotten"] else f"Nothing was known about {answer['place']}."]
    named = f"The vault {answer['place']} (key {answer['key']})"
    if action == "setup":
        return [f"{named} was made. Print {answer['sheet']}, keep it away from this machine, and delete the file.",
                f"Then: stash_port.py vault confirm {answer['place']} --last XXXX, with the passphrase or the key. Until then no backup goes in."]
    if action == "confirm":
        return [f"{named} opens with what you hold: backups go in from now on."]
    if action == "sheet":
        return [f"The recovery sheet of {answer['place']} is {answer['sheet']}."]
    return [f"{named} has its new locks; its recovery sheet stays good."]


COMMANDS = (Command("vault", "set up an encrypted vault, and who opens it", _add, _run),)
