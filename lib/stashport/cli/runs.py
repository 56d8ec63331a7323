"""runs, report: what was done."""

from __future__ import annotations

import argparse
import json

from stashport.cli._common import Command, add_state, state_of


def _add_runs(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def _add_report(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("run", metavar="RUN")


def _run_runs(arguments: argparse.Namespace) -> int:
    from stashport.runs.history import list_runs

    runs = list_runs(state_of(arguments))
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

    state = state_of(arguments)
    run = load(state, arguments.run)
    print((run.get("notes") or {}).get("sentence") or (run.get("error") or {}).get("message") or run.get("state"))
    print(state.run_folder(arguments.run) / "report.html")
    return 0


COMMANDS = (
    Command("runs", "list the runs that are kept", _add_runs, _run_runs),
    Command("report", "where the report of a run is, and what it says in one line", _add_report, _run_report),
)
