"""The door for people: the command line.  Results go to standard output, everything else to standard error; exit codes are in docs/exit-codes.md."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from stashport import __version__
from stashport.errors import BadRequest, PortError, Stopped

_EPILOG = "SOURCE is http(s)://host:port[/prefix] of a running Stash, or a Stash database file. The API key comes from --api-key-file or STASH_API_KEY."


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    arguments = _parser().parse_args(argv)
    try:
        code: int = _COMMANDS[arguments.command](arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stash_port.py", description="Makes a Stash library portable and safe.", epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--state", metavar="FOLDER", help="where runs and reports are kept (default: a folder of yours)")
    server = argparse.ArgumentParser(add_help=False)
    server.add_argument("--api-key-file", metavar="FILE", help="a file that holds the API key")
    server.add_argument("--ca", metavar="FILE", help="certificates to trust for https")
    _export(commands.add_parser("export", parents=[shared, server], help="write a library, or parts of it, to a file", epilog=_EPILOG))
    check = commands.add_parser("check", parents=[shared, server], help="say what works, what is missing and how to mend it", epilog=_EPILOG)
    check.add_argument("source", nargs="?", default="", metavar="SOURCE")
    check.add_argument("--install", metavar="FEATURE", help="install the Python package that a feature needs into the state folder")
    demo = commands.add_parser("demo", parents=[shared], help="no Stash at hand: every format on a small sample library")
    demo.add_argument("--to", metavar="FOLDER", help="where to write (default: a new folder here)")
    runs = commands.add_parser("runs", parents=[shared], help="list the runs that are kept")
    runs.add_argument("--json", action="store_true", help="as JSON")
    decrypt = commands.add_parser("decrypt", help="open an encrypted export, as stock age does")
    decrypt.add_argument("file", metavar="FILE")
    decrypt.add_argument("--to", required=True, metavar="FILE", help="where to write what is in it")
    decrypt.add_argument("--identity-file", metavar="FILE", help="the key (AGE-SECRET-KEY-1...) for a recipient")
    decrypt.add_argument("--passphrase-file", metavar="FILE", help="the passphrase")
    decrypt.add_argument("--ask-passphrase", action="store_true", help="ask for the passphrase")
    report = commands.add_parser("report", parents=[shared], help="where the report of a run is, and what it says in one line")
    report.add_argument("run", metavar="RUN")
    return parser


def _export(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--json", action="store_true", help="print the run record")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")


def _run_export(arguments: argparse.Namespace) -> int:
    from stashport.jobs.context import Context
    from stashport.jobs.export import export
    from stashport.runs.progress import SilentSink, TerminalSink

    context = Context(_state(arguments), _place(arguments), (SilentSink() if arguments.quiet else TerminalSink(sys.stderr),))
    context.passphrase = _passphrase(arguments, confirm=True)
    context.url_secret = os.environ.get("STASH_PORT_URL_SECRET", "").encode() or None
    config = _config(arguments)
    if arguments.json and config.get("to") == "-":
        raise BadRequest(what="--json and the export itself cannot both go to the standard output.")
    run = export(config, context)
    if arguments.json:
        print(json.dumps(run.record, indent=1))
    elif config.get("to") != "-":
        print(run.record["notes"]["sentence"])
        for output in run.record["outputs"]:
            print(output["path"])
    return run.exit_code


def _config(arguments: argparse.Namespace) -> dict[str, Any]:
    config = _config_file(arguments.config) if arguments.config else {}
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


def _passphrase(arguments: argparse.Namespace, *, confirm: bool) -> Any:
    """From a file or asked for, never from the command line itself, which others on the machine can read."""
    if not (arguments.passphrase_file or arguments.ask_passphrase):
        return None
    from stashport.bundle import passphrase

    return passphrase.from_file(Path(arguments.passphrase_file)) if arguments.passphrase_file else passphrase.ask(confirm=confirm)


def _config_file(name: str) -> dict[str, Any]:
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


def _place(arguments: argparse.Namespace) -> Any:
    from stashport.stash.source import place_of

    return place_of(arguments.source, api_key_file=arguments.api_key_file, ca=arguments.ca, blobs=getattr(arguments, "blobs", None))


def _state(arguments: argparse.Namespace) -> Any:
    from stashport.jobs.packages import use
    from stashport.runs.state import State, default_folder

    state = State(Path(arguments.state).absolute() if arguments.state else default_folder())
    use(state)
    return state


def _run_check(arguments: argparse.Namespace) -> int:
    from stashport.jobs.check import check, wording
    from stashport.jobs.context import Context
    from stashport.jobs.packages import install

    state = _state(arguments)
    if arguments.install:
        print(install(arguments.install, state))
        return 0
    findings = check(Context(state, _place(arguments) if arguments.source else None))
    print("\n".join(wording(findings)))
    return 0 if all(finding["ok"] for finding in findings) else 1


def _run_demo(arguments: argparse.Namespace) -> int:
    from stashport.jobs.demo import demo

    for line in demo(Path(arguments.to) if arguments.to else None, Path(arguments.state) if arguments.state else None):
        print(line)
    return 0


def _run_decrypt(arguments: argparse.Namespace) -> int:
    from stashport.jobs.decrypt import decrypt

    keys = Path(arguments.identity_file) if arguments.identity_file else None
    print(decrypt(Path(arguments.file), Path(arguments.to), keys, _passphrase(arguments, confirm=False)))
    return 0


def _run_runs(arguments: argparse.Namespace) -> int:
    from stashport.runs.history import list_runs

    runs = list_runs(_state(arguments))
    if arguments.json:
        print(json.dumps(runs, indent=1))
        return 0
    for run in runs:
        sentence = (run.get("notes") or {}).get("sentence") or (run.get("error") or {}).get("message") or ""
        print(f"{run['run']}  {run.get('verb') or '?':8} {run.get('result') or run.get('state') or '?':8} {sentence}")
    if not runs:
        print("No runs yet.")
    return 0


def _run_report(arguments: argparse.Namespace) -> int:
    from stashport.runs.history import load

    state = _state(arguments)
    run = load(state, arguments.run)
    print((run.get("notes") or {}).get("sentence") or (run.get("error") or {}).get("message") or run.get("state"))
    print(state.run_folder(arguments.run) / "report.html")
    return 0


_NAMED = {"tag": "tags", "performer": "performers", "studio": "studios", "group": "groups", "gallery": "galleries"}
_COMMANDS = {"decrypt": _run_decrypt, "export": _run_export, "check": _run_check, "demo": _run_demo, "runs": _run_runs, "report": _run_report}
