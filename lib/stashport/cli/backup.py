"""backup, backups, verify, forget, carry: make backups, look at them, take one away."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from stashport.cli._common import (
    Command,
    add_output,
    add_secrets,
    add_server,
    add_state,
    config_file,
    context_of,
    identities_of,
    passphrase_of,
    run_job,
    state_of,
)

_KEEP = ("last", "hourly", "daily", "weekly", "monthly", "yearly", "within")


def _add_vault(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--vault", metavar="PLACE", help="a folder, or the address of another store (default: the one that was chosen last)")


def _add_backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE")
    _add_vault(parser)
    add_server(parser)
    parser.add_argument("--kind", choices=("auto", "full", "portable"), help="portable: records, images and settings, without the database")
    parser.add_argument("--kinds", metavar="K,..", help="only these kinds of records: a part of the library, without the database")
    parser.add_argument("--compress", choices=("auto", "none", "gzip", "zstd"))
    parser.add_argument("--secrets", action="store_const", const=True, help="keys and passwords too (an encrypted vault keeps them anyway)")
    parser.add_argument("--generated", action="store_const", const=True, help="generated files too: sprites, previews")
    parser.add_argument("--proof", choices=("quick", "full", "drill"), help="how far the new backup is proven (default: full; drill: a trial restore)")
    parser.add_argument("--note", metavar="TEXT", help='a few words to find it by, such as "before upgrading Stash"')
    parser.add_argument("--new-instance", dest="instance", action="store_const", const="new", help="this library is no copy of the one that it looks like")
    for name in _KEEP:
        parser.add_argument(f"--keep-{name}", metavar="N" if name != "within" else "30d", help=f"keep {'everything' if name == 'within' else name} ...")
    parser.add_argument("--blobs", metavar="FOLDER", help="the blobs folder that belongs to a database file")
    parser.add_argument("--config", metavar="FILE", help="a configuration in JSON or YAML; options given here go before it")
    add_output(parser)


def _run_backup(arguments: argparse.Namespace) -> int:
    from stashport.jobs.backup import backup

    config = config_file(arguments.config) if arguments.config else {}
    names = ("vault", "kind", "kinds", "compress", "secrets", "generated", "proof", "note", "instance")
    config |= {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    keep = {f"keep-{name}": getattr(arguments, f"keep_{name}") for name in _KEEP if getattr(arguments, f"keep_{name}") is not None}
    if keep:
        config["keep"] = keep
    run = run_job(backup, config, context_of(arguments), arguments, "backup")
    if not arguments.json:
        print(run.record["notes"]["sentence"])
    return int(run.exit_code)


def _add_backups(parser: argparse.ArgumentParser) -> None:
    _add_vault(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def _run_backups(arguments: argparse.Namespace) -> int:
    from stashport.atomic import human_size
    from stashport.jobs.backups import listed
    from stashport.jobs.context import Context
    from stashport.runs.wording import count_of

    told = listed({"vault": arguments.vault}, Context(state_of(arguments)))
    if arguments.json:
        print(json.dumps(told, indent=1))
        return 0
    for one in told["backups"]:
        state = one["problem"] or {"none": "not proven", "failed": "BAD"}.get(one["level"], f"{one['level']} proof {str(one['proven'])[:10]}")
        held = f"{one['kind'] or '?':9} {one['records']:>10,} records  {human_size(one['size']):>9}"
        row = (one["id"], one["time"][:16].replace("T", " "), held, state)
        print("  ".join(filter(None, (*row, "pinned" if one["pinned"] else "", one["note"]))))
    held = f"{count_of(len(told['backups']), 'backup')} in {told['place']}, {human_size(told['size'])}."
    if told.get("as_of"):
        print(f"{told['problem']} This is what was there at {told['as_of']}.", file=sys.stderr)
    print(held if told["exists"] else f"There is no vault at {told['place']} yet.")
    return 0


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="?", default="", metavar="FILE|VAULT", help="a vault, or a file that Stash Port wrote (default: the usual vault)")
    add_state(parser)
    parser.add_argument("--backup", metavar="ID", help="latest, all, or the beginning of an id (default: latest)")
    parser.add_argument("--level", choices=("quick", "full", "drill"), help="drill: a trial restore into a Stash of its own (default: full)")
    add_secrets(parser, "what is encrypted")
    add_output(parser)


def _run_verify(arguments: argparse.Namespace) -> int:
    from stashport.jobs.verify import verify

    config = {name: getattr(arguments, name) for name in ("target", "backup", "level") if getattr(arguments, name)}
    run = run_job(verify, config, _opening(arguments), arguments, "verify")
    if not arguments.json:
        print(run.record["notes"]["sentence"])
    return int(run.exit_code)


def _opening(arguments: argparse.Namespace) -> Any:
    """A context with what opens an encrypted vault."""
    context = context_of(arguments)
    context.passphrase = passphrase_of(arguments, confirm=False)
    context.identities = identities_of(arguments)
    return context


def _add_forget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("backup", metavar="ID")
    _add_vault(parser)
    parser.add_argument("--sure", metavar="ID", help="the id in full once more, for the only one that is proven")


def _run_forget(arguments: argparse.Namespace) -> int:
    from stashport.jobs.backups import forget
    from stashport.jobs.context import Context

    done = forget({"vault": arguments.vault, "backup": arguments.backup, "sure": arguments.sure}, Context(state_of(arguments)))
    print(f"Deleted the backup {done['deleted']}" + (f", and {done['packs']} packs of images that no other needs." if done["packs"] else "."))
    return 0


def _add_carry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("backup", metavar="ID")
    _add_vault(parser)
    parser.add_argument("--to", required=True, metavar="FILE")
    add_secrets(parser, "the vault")
    parser.add_argument("--encrypt-to", action="append", metavar="AGE1...", help="encrypt the file for this recipient (age)")
    parser.add_argument("--new-passphrase-file", metavar="FILE", help="encrypt the file with the passphrase in this one")
    parser.add_argument("--compress", choices=("zip", "7z"), help="7z: plain files in that container, whose lock is not authenticated")
    parser.add_argument("--plain", action="store_true", help="out of an encrypted vault as a plain file, with all keys and passwords in it")
    add_output(parser)


def _run_carry(arguments: argparse.Namespace) -> int:
    from stashport.jobs.carry import carry

    config: dict[str, Any] = {"vault": arguments.vault, "backup": arguments.backup, "to": arguments.to, "plain": arguments.plain,
                              "compress": arguments.compress}
    if arguments.encrypt_to:
        config["encrypt"] = {"recipients": arguments.encrypt_to}
    context = _opening(arguments)
    if arguments.new_passphrase_file:
        from stashport.bundle import passphrase

        context.new_passphrase = passphrase.from_file(Path(arguments.new_passphrase_file))
    run = run_job(carry, config, context, arguments, "carry")
    if not arguments.json:
        print(run.record["notes"]["sentence"])
    return int(run.exit_code)


COMMANDS = (
    Command("backup", "make a proven backup of everything but the media", _add_backup, _run_backup, source=True),
    Command("backups", "list the backups of a vault", _add_backups, _run_backups),
    Command("verify", "say whether backups, or a file of ours, are good", _add_verify, _run_verify),
    Command("forget", "delete one backup", _add_forget, _run_forget),
    Command("carry", "take a backup out of its vault, as one file with its images", _add_carry, _run_carry),
)
