"""export: write a library, or parts of it, to a file."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from stashport.cli._common import Command, add_output, add_server, add_state, config_file, context_of, passphrase_of, run_job
from stashport.errors import BadRequest

_NAMED = {"tag": "tags", "performer": "performers", "studio": "studios", "group": "groups", "gallery": "galleries"}


def _add(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    add_server(parser)
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("--to", metavar="FILE|FOLDER|URL|-", help="where to write; - is the standard output (default: the export folder)")
    parser.add_argument("--format", help="json, ndjson, csv, or any other that is installed (default: json)")
    parser.add_argument("--kinds", metavar="K,..", help="which kinds of records (default: all)")
    parser.add_argument("--fields", metavar="KIND.FIELD,..", help="only these fields of the kinds named here")
    parser.add_argument("--related", choices=("none", "direct", "all"), help="what the chosen records refer to, too")
    parser.add_argument("--no-files", dest="includeFiles", action="store_const", const=False, help="leave out files and folders")
    parser.add_argument("--images", action="store_const", const=True, help="covers and portraits too")
    parser.add_argument("--compress", choices=("none", "gzip", "zip", "7z"))
    parser.add_argument("--overwrite", action="store_const", const=True, help="replace what is there")
    parser.add_argument("--option", action="append", metavar="NAME=VALUE", help="an option of the format: yes, no, or a text")
    parser.add_argument("--reader", choices=("auto", "database", "graphql"))
    parser.add_argument("--blobs", metavar="FOLDER", help="the blobs folder that belongs to a database file")
    parser.add_argument("--source-identity-file", metavar="FILE", help="the key (AGE-SECRET-KEY-1...) that opens SOURCE, where it is encrypted")
    parser.add_argument("--source-passphrase-file", metavar="FILE", help="the passphrase that opens SOURCE")
    parser.add_argument("--filter", metavar="JSON|@FILE", help="Stash's own filters, by kind: {\"scenes\": {...}}")
    parser.add_argument("--saved-filter", action="append", metavar="NAME", help="a filter that is saved in Stash")
    for name in ("tag", "performer", "studio", "group", "gallery"):
        parser.add_argument(f"--{name}", action="append", metavar="NAME", help=f"only what has this {name} (may be given again)")
    parser.add_argument("--text", metavar="WORDS", help="only what Stash's search finds by these words")
    parser.add_argument("--from", dest="dateFrom", metavar="DATE", help="only what is dated then or later")
    parser.add_argument("--until", dest="dateUntil", metavar="DATE", help="only what is dated then or earlier")
    parser.add_argument("--rating", metavar="N", type=int, help="only what is rated N of 100 or better")
    parser.add_argument("--organized", action="store_const", const=True, help="only what is marked as organized")
    parser.add_argument("--favorite", action="store_const", const=True, help="only favourites")
    parser.add_argument("--has", action="append", metavar="FIELD", help="only what has something in this field")
    parser.add_argument("--misses", action="append", metavar="FIELD", help="only what has nothing in this field")
    parser.add_argument("--privacy", choices=("full", "share", "anonymous"), help="what may leave (default: full)")
    parser.add_argument("--encrypt-to", action="append", metavar="AGE1...", help="encrypt for this recipient (age)")
    parser.add_argument("--passphrase-file", metavar="FILE", help="encrypt with the passphrase in this file (age)")
    parser.add_argument("--ask-passphrase", action="store_true", help="encrypt with a passphrase that is asked for")
    parser.add_argument("--chunk", dest="chunkSize", metavar="N", help="numbered parts of at most N records")
    parser.add_argument("--max-size", dest="maxFileSize", metavar="SIZE", help="numbered parts of at most this size, such as 20MB")
    parser.add_argument("--method", choices=("PUT", "POST"), help="how to send to a URL (default: PUT)")
    parser.add_argument("--config", metavar="FILE", help="a configuration in JSON or YAML; options given here go before it")
    add_output(parser)


def _run(arguments: argparse.Namespace) -> int:
    from stashport.jobs.export import export

    context = context_of(arguments)
    context.passphrase = passphrase_of(arguments, confirm=True)
    context.url_secret = os.environ.get("STASH_PORT_URL_SECRET", "").encode() or None
    config = _config(arguments)
    if arguments.json and config.get("to") == "-":
        raise BadRequest(what="--json and the export itself cannot both go to the standard output.")
    run = run_job(export, config, context, arguments, "export")
    if not arguments.json and config.get("to") != "-":
        print(run.record["notes"]["sentence"])
        for output in run.record["outputs"]:
            print(output["path"])
    return int(run.exit_code)


def _config(arguments: argparse.Namespace) -> dict[str, Any]:
    config = config_file(arguments.config) if arguments.config else {}
    for name in ("to", "format", "related", "includeFiles", "images", "compress", "overwrite", "reader", "kinds", "privacy", "chunkSize", "maxFileSize"):
        if getattr(arguments, name) is not None:
            config[name] = getattr(arguments, name)
    if (arguments.to or "").startswith(("http://", "https://")):
        config["url"] = {"url": config.pop("to"), "method": arguments.method or "PUT"}
    if arguments.encrypt_to:
        config["encrypt"] = {"recipients": arguments.encrypt_to}
    if filters := _filters(arguments):
        config["filters"] = {**(config.get("filters") or {}), **filters}
    if arguments.fields:
        fields: dict[str, list[str]] = {}
        for name in arguments.fields.split(","):
            kind, dot, field = name.strip().partition(".")
            if not dot:
                raise BadRequest(what=f'--fields needs KIND.FIELD, not "{name}", for example scenes.title.')
            fields.setdefault(kind, []).append(field)
        config["fields"] = fields
    for option in arguments.option or ():
        name, equals, value = option.partition("=")
        if not equals:
            raise BadRequest(what=f'--option needs NAME=VALUE, for example NAME=yes, not "{option}".')
        config.setdefault("options", {})[name] = {"yes": True, "no": False}.get(value, value)
    return config


def _filters(arguments: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(arguments, name) for name in ("text", "dateFrom", "dateUntil", "organized", "favorite", "has", "misses")}
    given |= {plural: getattr(arguments, name) for name, plural in _NAMED.items()} | {"savedFilter": arguments.saved_filter, "ratingMin": arguments.rating}
    if arguments.filter:
        text = arguments.filter
        try:
            given["filter"] = json.loads(Path(text[1:]).read_text("utf-8") if text.startswith("@") else text)
        except (OSError, ValueError) as error:
            raise BadRequest(what=f"--filter needs JSON, or @ and the name of a file with it: {error}.") from error
    return {key: value for key, value in given.items() if value is not None}


COMMANDS = (Command("export", "write a library, or parts of it, to a file", _add, _run, source=True),)
