"""restore, plan, apply, resume, confirm, rollback: change a library, and take it back."""

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
from stashport.errors import BadRequest

_MOST_REASONS = 12  # the commonest; `plan` shows each step with its own


def _add_into(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--into", metavar="STASH", dest="source", required=True,
                        help="the Stash that is written to: http(s)://host:port[/prefix], or for the method database the config.yml of one that is down")
    add_state(parser)
    add_server(parser)


def _add_restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("backup", metavar="SOURCE", nargs="?", default="",
                        help="VAULT#ID or VAULT#latest, a file or folder that Stash Port wrote, a Stash database (default: the newest in the usual vault)")
    _add_into(parser)
    add_secrets(parser, "the backup, where it is encrypted")
    parser.add_argument("--blobs", metavar="FOLDER", help="the blobs folder that belongs to a database file")
    parser.add_argument("--only", metavar="KIND[.FIELD],..", help="only these kinds, or only these fields of them: scenes.rating100")
    parser.add_argument("--filter", metavar="JSON", help='only what these choose: {"studios": ["Name"]}, as for an export')
    parser.add_argument("--related", choices=("none", "direct", "all"), help="what the chosen records refer to comes along where it is missing")
    parser.add_argument("--strategy", metavar="S", help="merge (default), skip, overwrite, exact, prompt; or FIELD=S,..")
    parser.add_argument("--method", choices=("api", "bulk", "database"))
    parser.add_argument("--path", action="append", metavar="FROM=TO", help="where the media lie now (may be given again)")
    parser.add_argument("--files", choices=("scan", "create"), help="create: make files known that this library does not have (default: they wait for a scan)")
    parser.add_argument("--custom-files", action="store_const", const=True, help="custom.css, custom.js, custom-locales.json and scrapers too")
    parser.add_argument("--waiting", metavar="RUN", help="write what waited for its files in that run and has them now, and nothing else")
    parser.add_argument("--settings", action="store_const", const=True, help="Stash's settings too, but for paths")
    parser.add_argument("--salvage", action="store_const", const=True, help="take what is whole of a damaged backup")
    parser.add_argument("--vault", metavar="PLACE", help="where the copy goes that is saved first")
    parser.add_argument("--config", metavar="FILE", help="a configuration in JSON or YAML; options given here go before it")
    _add_writing(parser)


def _add_writing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="make the plan, and write nothing")
    parser.add_argument("--yes", action="store_true", help="write without asking")
    parser.add_argument("--no-copy", metavar="WORDS", help='save no copy of the library first; WORDS must be "without a copy"')
    add_output(parser)


def _run_restore(arguments: argparse.Namespace) -> int:
    from stashport.jobs.restore import restore

    config = config_file(arguments.config) if arguments.config else {}
    names = ("blobs", "related", "method", "files", "settings", "salvage", "vault", "waiting")
    config |= {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    config |= {"source": arguments.backup} if arguments.backup else {}
    config |= {"customFiles": True} if arguments.custom_files else {}
    config |= {"paths": arguments.path} if arguments.path else {}
    config |= _only(arguments.only) | _filter(arguments.filter) | _strategy(arguments.strategy) | _safety(arguments)
    context = _context(arguments)
    return _plan_then_write(restore, config, context, arguments)


def _context(arguments: argparse.Namespace) -> Any:
    """What the job is given; a Stash that is down is named by its config.yml."""
    path = Path(arguments.source)
    down = path.suffix in (".yml", ".yaml") or path.is_dir()
    into, arguments.source = arguments.source, "" if down else arguments.source
    context = context_of(arguments)
    arguments.source = into
    if down:
        context.config_file = (path / "config.yml" if path.is_dir() else path).absolute()
        if not context.config_file.is_file():
            raise BadRequest(what=f"There is no {context.config_file}: name the address of a running Stash, or the config.yml of one that is down.")
    context.passphrase, context.identities = passphrase_of(arguments, confirm=False), identities_of(arguments)
    return context


def _plan_then_write(job: Any, config: dict[str, Any], context: Any, arguments: argparse.Namespace) -> int:
    """With --yes at once; else the plan is shown, and on a terminal it is asked for."""
    if arguments.yes and not arguments.dry_run:
        return _told(run_job(job, config, context, arguments, "restore"), arguments)
    run = run_job(job, {**config, "dryRun": True}, context, arguments, "restore")
    plan = run.record["notes"].get("plan")
    if not arguments.json:
        for line in _plan_lines(run.record):
            print(line)
    if arguments.dry_run or (plan and not plan["writes"] and not config.get("customFiles")):
        return int(run.exit_code)
    planned = plan is not None and run.record["verb"] == "restore"
    if arguments.json or not sys.stdin.isatty():
        how = f"`stash_port.py apply {run.id} --into {arguments.source} --yes` writes this plan" if planned else "The same command with --yes does it"
        print(f"Nothing has been written. {how}.", file=sys.stderr)
        return int(run.exit_code)
    if input(f"Write {plan['writes']:,} changes into {arguments.source}? Type yes: " if plan else "Do it? Type yes: ").strip().lower() != "yes":
        print("Nothing has been written.")
        return 0
    return _write(run.id, {}, context, arguments) if planned else _told(run_job(job, config, context, arguments, "restore"), arguments)


def _write(run_id: str, decided: dict[str, Any], context: Any, arguments: argparse.Namespace) -> int:
    from stashport.jobs.restore import apply

    return _told(run_job(apply, {"run": run_id, "decisions": decided, **_safety(arguments)}, context, arguments, "restore"), arguments)


def _told(run: Any, arguments: argparse.Namespace) -> int:
    if not arguments.json:
        print(run.record["notes"]["sentence"])
        print(run.folder / "report.html")
    return int(run.exit_code)


def _plan_lines(record: dict[str, Any]) -> list[str]:
    plan = record["notes"].get("plan") or {}
    lines = []
    for plural, row in plan.get("totals", {}).items():
        lines.append(f"{plural}: " + (", ".join(f"{number:,} {action}" for action, number in row.items() if number) or "nothing"))
        lines += [f"    {field}: {number:,}" for field, number in plan["fields"].get(plural, {}).items()]
    lines += [f"not carried over: {name} ({told['number']:,}): {told['reason']}" for name, told in plan.get("losses", {}).items()]
    for action, rows in plan.get("reasons", {}).items():
        lines += [f"{action}: {kind}, {number:,}: {reason}" for kind, reason, number in rows[:_MOST_REASONS]]
        lines += [f"{action}: and more, for other reasons"] if len(rows) > _MOST_REASONS else []
    return [*lines, record["notes"]["sentence"]]


def _only(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    kinds: list[str] = []
    fields: dict[str, list[str]] = {}
    for name in filter(None, (one.strip() for one in text.split(","))):
        plural, dot, field = name.partition(".")
        if plural not in kinds:
            kinds.append(plural)
        if dot:
            fields.setdefault(plural, []).append(field)
    return {"kinds": kinds} | ({"fields": fields} if fields else {})


def _filter(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        return {"filters": json.loads(text)}
    except ValueError as error:
        raise BadRequest(what=f"--filter is no JSON: {error}.") from error


def _strategy(text: str | None) -> dict[str, Any]:
    if not text or "=" not in text:
        return {"strategy": text} if text else {}
    pairs = [one.partition("=") for one in text.split(",")]
    return {"strategy": {name.strip(): value.strip() for name, _, value in pairs}}


def _safety(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"safety": False, "confirm": arguments.no_copy} if arguments.no_copy else {}


def _add_apply(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the run that made the plan")
    _add_into(parser)
    add_secrets(parser, "the backup, where it is encrypted")
    parser.add_argument("--decisions", metavar="FILE", help="what was decided about conflicts, in JSON or YAML")
    _add_writing(parser)


def _run_apply(arguments: argparse.Namespace) -> int:
    context = _context(arguments)
    decided = config_file(arguments.decisions) if arguments.decisions else {}
    return _write(arguments.run, decided, context, arguments)


def _add_rollback(parser: argparse.ArgumentParser) -> None:
    _add_again(parser)
    parser.add_argument("--force", action="store_true", help="leave a restored database also when it was changed since it was restored")


def _add_again(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the run that is meant")
    _add_into(parser)
    add_secrets(parser, "the backup, where it is encrypted")
    _add_writing(parser)


def _run_rollback(arguments: argparse.Namespace) -> int:
    from stashport.jobs.taking_back import rollback

    force = {"force": True} if arguments.force else {}
    return _plan_then_write(rollback, {"run": arguments.run, **force, **_safety(arguments)}, _context(arguments), arguments)


def _run_resume(arguments: argparse.Namespace) -> int:
    from stashport.jobs.taking_back import resume

    return _told(run_job(resume, {"run": arguments.run}, _context(arguments), arguments, "restore"), arguments)


def _add_confirm(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the run that restored a whole database")
    _add_into(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(quiet=True)


def _run_confirm(arguments: argparse.Namespace) -> int:
    from stashport.errors import OK, PARTIAL
    from stashport.jobs.restore_by_database import confirmed

    told = confirmed({"run": arguments.run}, context_of(arguments))
    print(json.dumps(told, ensure_ascii=False, indent=1) if arguments.json else told["sentence"])
    return OK if told["running"] and not told["differences"] else PARTIAL


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the run that made the plan")
    add_state(parser)
    parser.add_argument("--action", help="only steps of this action: create, update, conflict, deferred, skip, delete")
    parser.add_argument("--kind", help="only records of this kind")
    parser.add_argument("--after", type=int, default=0, metavar="N", help="go on after the step with this number")
    parser.add_argument("--json", action="store_true", help="as JSON")


def _run_plan(arguments: argparse.Namespace) -> int:
    from stashport.jobs.plan_view import plan_page
    from stashport.runs.history import load

    state = state_of(arguments)
    asked = {"run": arguments.run, "action": arguments.action, "kind": arguments.kind, "after": arguments.after, "most": 200}
    page = plan_page(asked, state)
    if arguments.json:
        print(json.dumps(page, ensure_ascii=False, indent=1))
        return 0
    for line in _plan_lines(load(state, arguments.run)):
        print(line)
    for step in page["steps"]:
        print(f'{step["number"]:>7} {step["action"]:<9} {step["source"] or step["target"]:<12} {step["name"]}: {step["reason"]}')
        for one in step["changes"]:
            print(f"          - {one['label']}: {json.dumps(one['before'], ensure_ascii=False)}\n          + {json.dumps(one['after'], ensure_ascii=False)}")
        for one in step["clashes"]:
            name = one["field"] + (f" (part {one['part']})" if one["part"] else "")
            print(f"          ? {name}: here {json.dumps(one['mine'], ensure_ascii=False)}, there {json.dumps(one['theirs'], ensure_ascii=False)}")
    if page["more"]:
        print(f"More: --after {page['steps'][-1]['number']}")
    return 0


COMMANDS = (
    Command("restore", "put records of a backup back into a running Stash", _add_restore, _run_restore, source=True),
    Command("plan", "look at a plan", _add_plan, _run_plan),
    Command("apply", "write a plan that was made", _add_apply, _run_apply, source=True),
    Command("resume", "go on where a run was interrupted", _add_again, _run_resume, source=True),
    Command("confirm", "whether Stash runs on the database that was restored", _add_confirm, _run_confirm, source=True),
    Command("rollback", "take back what a run did", _add_rollback, _run_rollback, source=True),
)
