"""schedule: what is run by itself, when, and what starts it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from stashport.cli._common import Command, add_server, add_state, config_file, place_of, state_of
from stashport.errors import OK, PARTIAL


def _add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str, *, server: bool = False) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=text)
        add_state(added)
        added.add_argument("--json", action="store_true", help="as JSON")
        if server:
            add_server(added)
            added.add_argument("source", metavar="SOURCE")
        return added

    action("list", "show the timetable, and who will start the next run")
    add = action("add", "put something into the timetable")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--when", required=True, metavar="WHEN", help='"daily 04:00", "weekly", "30 2 * * 1-5", or JSON: see docs/schedule.md')
    add.add_argument("--verb", default="backup", choices=("backup", "verify", "export"))
    add.add_argument("--config", metavar="FILE", help="its configuration, in JSON or YAML")
    add.add_argument("--notify", action="append", metavar="JSON", help='who is told: {"kind": "ntfy", "url": "..."}: see docs/schedule.md')
    for name, text in (("remove", "take an entry out"), ("enable", "switch it on"), ("disable", "switch it off")):
        action(name, text).add_argument("id", metavar="ID")
    action("next", "the next five dates of a schedule").add_argument("when", metavar="WHEN")
    action("due", "what would be started now")
    action("run-due", "run what is due, once each", server=True)
    install = action("install", "show, and with --write set up, a timer of the system", server=True)
    install.add_argument("--kind", choices=("systemd-user", "systemd-system", "cron", "windows", "docker"))
    install.add_argument("--minutes", type=int, metavar="N", help="how often it looks whether something is due")
    install.add_argument("--container", metavar="NAME", help="the container that Stash runs in")
    install.add_argument("--user", metavar="NAME", help="whom a timer of the system runs as")
    install.add_argument("--write", action="store_true", help="set it up")
    install.add_argument("--uninstall", action="store_true", help="take it away again")
    action("status", "is something overdue, and will something start the next run")


def _run(arguments: argparse.Namespace) -> int:
    from stashport.jobs.context import Context
    from stashport.jobs.schedule import schedule

    context = Context(state_of(arguments), place_of(arguments) if getattr(arguments, "source", None) else None)
    answer = schedule({key: value for key, value in _given(arguments).items() if value is not None}, context)
    print(json.dumps(answer, indent=1) if arguments.json else "\n".join(_words(arguments.action, answer)))
    return {"failed": 1, "partial": PARTIAL}.get(str(answer.get("result")), OK)


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    match arguments.action:
        case "add":
            config = config_file(arguments.config) if arguments.config else {}
            told = [_json(one) for one in arguments.notify or ()]
            return {"action": "add", "name": arguments.name, "verb": arguments.verb, "schedule": _json(arguments.when), "config": config, "notices": told}
        case "enable" | "disable":
            return {"action": "change", "id": arguments.id, "enabled": arguments.action == "enable"}
        case "next":
            return {"action": "next", "schedule": _json(arguments.when)}
        case "install":
            names = ("source", "kind", "minutes", "container", "user", "write", "uninstall")
            return {"action": "install", "apiKeyFile": arguments.api_key_file, **{name: getattr(arguments, name) for name in names}}
    return {"action": arguments.action, "id": getattr(arguments, "id", None)}


def _json(text: str) -> Any:
    return json.loads(text) if text.lstrip().startswith("{") else text


def _words(action: str, answer: dict[str, Any]) -> list[str]:
    if action == "list":
        rows = [f"{one['id']}  {one['name']}: {one['verb']} {one['text']}{'' if one['enabled'] else ' (switched off)'}; last: {one['lastResult'] or 'never'}"
                for one in answer["entries"]]
        return [*(rows or ["Nothing is scheduled."]), *([answer["problem"]] if answer["problem"] else []), answer["starter"]["text"]]
    if action == "next":
        return [answer["text"], *answer["next"]]
    if action == "due":
        return [f"{one['id']}  {one['name']}: since {one['due']}" for one in answer["due"]] or ["Nothing is due."]
    if action == "run-due":
        return [*(f"{one['name']}: {one['result']} (run {one['run']})" for one in answer["runs"]), *answer["problems"]] or ["Nothing is due."]
    if action == "install":
        shown = [line for place, text in answer["texts"].items() for line in (f"--- {place}", text)]
        return [*shown, *(f"$ {one}" for one in answer["commands"]), *(f"Written: {one}" for one in answer["written"]), *answer["todo"], *answer["remarks"]]
    if action == "status":
        return [*(f"Overdue: {one}" for one in answer["overdue"]), f"Next: {answer['next'] or 'nothing'}", answer["starter"]["text"]]
    entry = answer.get("entry")
    return [f"{entry['id']}  {entry['name']}: {entry['text']}; next: {', '.join(entry['next'][:2]) or 'never'}", *answer["remarks"]] if entry else ["Done."]


COMMANDS = (Command("schedule", "what is run by itself, and when", _add, _run),)
