"""The door for people: the command line.  Results go to standard output, everything else to standard error; exit codes are in docs/exit-codes.md."""

from __future__ import annotations

import argparse
import json
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
    report = commands.add_parser("report", parents=[shared], help="where the report of a run is, and what it says in one line")
    report.add_argument("run", metavar="RUN")
    return parser


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("--to", metavar="FILE|FOLDER|-", help="where to write; - is the standard output (default: the export folder)")
    parser.add_argument("--format", help="json, ndjson, csv, or any other that is installed (default: json)")
    parser.add_argument("--kinds", metavar="K,..", help="which kinds of records (default: all)")
    parser.add_argument("--fields", metavar="KIND.FIELD,..", help="only these fields of the kinds named here")
    parser.add_argument("--related", choices=("none", "direct", "all"), help="what the chosen records refer to, too")
    parser.add_argument("--no-files", dest="includeFiles", action="store_const", const=False, help="leave out files and folders")
    parser.add_argument("--images", action="store_const", const=True, help="covers and portraits too")
    parser.add_argument("--compress", choices=("none", "gzip", "zip"))
    parser.add_argument("--overwrite", action="store_const", const=True, help="replace what is there")
    parser.add_argument("--option", action="append", metavar="NAME=yes|no", help="an option of the format")
    parser.add_argument("--reader", choices=("auto", "database", "graphql"))
    parser.add_argument("--blobs", metavar="FOLDER", help="the blobs folder that belongs to a database file")
    parser.add_argument("--config", metavar="FILE", help="a configuration in JSON or YAML; options given here go before it")
    parser.add_argument("--json", action="store_true", help="print the run record")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")


def _run_export(arguments: argparse.Namespace) -> int:
    from stashport.jobs.context import Context
    from stashport.jobs.export import export
    from stashport.runs.progress import SilentSink, TerminalSink

    context = Context(_state(arguments), _place(arguments), (SilentSink() if arguments.quiet else TerminalSink(sys.stderr),))
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
    for name in ("to", "format", "related", "includeFiles", "images", "compress", "overwrite", "reader", "kinds"):
        if getattr(arguments, name) is not None:
            config[name] = getattr(arguments, name)
    if arguments.fields:
        fields: dict[str, list[str]] = {}
        for name in arguments.fields.split(","):
            kind, dot, field = name.strip().partition(".")
            if not dot:
                raise BadRequest(what=f'--fields needs KIND.FIELD, not "{name}", for example scenes.title.')
            fields.setdefault(kind, []).append(field)
        config["fields"] = fields
    for option in arguments.option or ():
        name, _, value = option.partition("=")
        if value not in ("yes", "no"):
            raise BadRequest(what=f'--option needs NAME=yes or NAME=no, not "{option}".')
        config.setdefault("options", {})[name] = value == "yes"
    return config


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


_COMMANDS = {"export": _run_export, "check": _run_check, "demo": _run_demo, "runs": _run_runs, "report": _run_report}
