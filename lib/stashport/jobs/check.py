"""Check: what works here, what does not, and the one command that mends it.  Changes nothing."""

from __future__ import annotations

import contextlib
import platform
import shutil
import sqlite3
from collections.abc import Callable
from typing import Any

from stashport.atomic import check_writable, human_size
from stashport.errors import PortError
from stashport.jobs.context import Context
from stashport.jobs.packages import FEATURES, Feature, present
from stashport.stash.connection import Connection
from stashport.stash.source import Opened, open_source

Finding = dict[str, Any]
_COUNTED = ("scene", "image", "performer", "tag")


def check(context: Context, connect: Callable[[], Connection] | None = None) -> list[Finding]:
    """Findings: {name, ok, text, fix}; `fix` is what to do when it is not ok.  `connect` makes the connection where the door has one."""
    findings = [_python(), _sqlite(), *_packages(), _place("State folder", context.state.folder), _place("Export folder", context.exports())]
    if connect or context.place:
        findings += _source(context, connect)
    return [*findings, _backups(context), *_schedule(context)]


def wording(findings: list[Finding]) -> list[str]:
    """One line for each finding, with its mend."""
    return [f"{'ok  ' if f['ok'] else 'MEND'}  {f['name']}: {f['text']}{'' if f['ok'] else ' ' + f['fix']}" for f in findings]


def _finding(name: str, text: str, *, ok: bool = True, fix: str = "") -> Finding:
    return {"name": name, "ok": ok, "text": text, "fix": fix}


def _python() -> Finding:
    return _finding("Python", f"{platform.python_version()} on {platform.system()}")


def _sqlite() -> Finding:
    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as database:
            database.execute("SELECT json_group_array(1), json_object('a', 1)")
    except sqlite3.Error as error:
        return _finding("SQLite", f"{sqlite3.sqlite_version}, without JSON ({error}).", ok=False, fix="Use a newer Python, or --reader graphql.")
    return _finding("SQLite", f"{sqlite3.sqlite_version}")


def _packages() -> list[Finding]:
    return [
        _finding(f.use, f"{f.package} is {_there(name, f, there=there)}", ok=there or f.rare, fix=f"Run: stash_port.py check --install {name}")
        for name, f in FEATURES.items()
        for there in [present(name)]
    ]


def _there(name: str, feature: Feature, *, there: bool) -> str:
    return "there" if there else f"not there; who wants that installs it: stash_port.py check --install {name}" if feature.rare else "missing."


def _place(name: str, folder: Any) -> Finding:
    try:
        check_writable(folder, 50 << 20)
    except PortError as error:
        return _finding(name, error.message, ok=False, fix=error.hint)
    return _finding(name, f"{folder} can be written, {human_size(shutil.disk_usage(folder).free)} free")


def _backups(context: Context) -> Finding:
    from stashport.runs.habits import latest

    told = latest(context.state)
    if failed := told.get("failed"):
        return _finding("Backups", f"The last one, at {failed['time']}, failed: {failed['reason']}", ok=False, fix="Mend that, and back up again.")
    if not (good := told.get("proven")):
        return _finding("Backups", "none yet; the task Back up now, or `stash_port.py backup`, makes one")
    return _finding("Backups", f"the last proven one is of {good['time']}: {good['records']:,} records, in {good['vault']}")


def _schedule(context: Context) -> list[Finding]:
    """Whether something will start the next run, where anything is scheduled."""
    import datetime as dt

    from stashport.jobs.starters import glance

    told = glance(context.state, dt.datetime.now(dt.timezone.utc))
    if not told["scheduled"] and not told["problem"]:
        return []
    starter = told["starter"]
    found = [_finding("Schedule", starter["text"], ok=starter["starts"], fix="Until then nothing runs by itself.")]
    found += [_finding("Schedule", told["problem"], ok=False, fix="Set up again what is missing.")] if told["problem"] else []
    return [*found, *(_finding("Overdue", f"{one['name']} has not ended well for too long.", ok=False, fix="See its last run.") for one in told["overdue"])]


def _source(context: Context, connect: Callable[[], Connection] | None) -> list[Finding]:
    try:
        with open_source(connect() if connect else context.source()) as opened:
            return [_library(opened), _reader(opened)]
    except PortError as error:
        return [_finding("Library", error.message, ok=False, fix=error.hint)]


def _library(opened: Opened) -> Finding:
    facts = opened.facts
    version = f"Stash {facts['stash_version']}, " if facts.get("stash_version") else ""
    kinds = [kind for kind in opened.reader.kinds() if kind.name in _COUNTED]
    counts = ", ".join(f"{opened.reader.count(kind):,} {kind.label.lower()}" for kind in kinds)
    return _finding("Library", f"{version}schema {facts.get('schema') or 'not told'}: {counts}")


def _reader(opened: Opened) -> Finding:
    if opened.facts["reader"] == "database":
        return _finding("Reading", "straight from the database file, which is fast and complete")
    if opened.facts["reader"] == "file":
        written = opened.facts.get("written") or "a day that it does not tell"
        return _finding("Reading", f"from a file written on {written}; its header lists {len(opened.absent)} fields that are not in it")
    why = " ".join(opened.remarks) or "The database file is not within reach."
    return _finding("Reading", f"through Stash's API. {why} {len(opened.absent)} fields cannot be told that way; the header of each export lists them")
