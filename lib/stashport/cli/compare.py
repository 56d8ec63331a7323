"""compare: what differs between two libraries."""

from __future__ import annotations

import argparse

from stashport.cli._common import Command, add_output, add_server, add_state, context_of, run_job


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="the first library")
    parser.add_argument("other", metavar="SOURCE", help="the second one: a running Stash, a database, or a file that Stash Port wrote")
    add_state(parser)
    add_server(parser)
    parser.add_argument("--kinds", metavar="K,..", help="only these kinds of records")
    parser.add_argument("--ignore", metavar="KIND.FIELD,..", help="differences in these fields do not count")
    parser.add_argument("--path", action="append", metavar="FROM=TO", help="where the first library's paths lie in the second one (may be given again)")
    add_output(parser)


def _run(arguments: argparse.Namespace) -> int:
    from stashport.jobs.compare import compare, lines
    from stashport.jobs.sources import place_of

    other = place_of(arguments.other, api_key_file=arguments.api_key_file, ca=arguments.ca)
    kinds = [name.strip() for name in arguments.kinds.split(",")] if arguments.kinds else None
    config = {key: value for key, value in (("kinds", kinds), ("ignore", arguments.ignore), ("paths", arguments.path)) if value}
    run = run_job(lambda given, context: compare(given, context, other), config, context_of(arguments), arguments, "compare")
    table = run.record["notes"]["compared"]
    if not arguments.json:
        for line in (*lines(table), run.record["notes"]["sentence"], run.record["outputs"][0]["path"]):
            print(line)
    differs = any(number for row in table.values() for name, number in row["outcomes"].items() if name != "same")
    return 1 if differs else int(run.exit_code)


COMMANDS = (Command("compare", "say what differs between two libraries", _add, _run, source=True),)
