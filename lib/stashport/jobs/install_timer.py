"""Set up a timer of the system, or take it away: shown first, written only when that was asked for, and never over a file that is not ours."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stashport.atomic import discard, file_error, publish, temporary_beside, write_text
from stashport.errors import BadRequest, NotOurs
from stashport.jobs.context import Context
from stashport.jobs.starters import INSTALLED, in_container
from stashport.runs import installing
from stashport.runs.state import State

PROGRAM = Path(__file__).resolve().parents[3] / "stash_port.py"
Runner = Callable[[list[str], str], str]
"""Runs a program with a text on its standard input and returns what it prints.  Errors: OSError, subprocess.SubprocessError."""
_KEYS = {"action", "kind", "source", "apiKeyFile", "minutes", "container", "user", "write", "uninstall", "python"}


def run_program(words: list[str], text: str) -> str:
    """The usual runner."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def install(given: dict[str, Any], context: Context, *, run: Runner = run_program, home: Path | None = None) -> dict[str, Any]:
    """Show, write or remove a timer.

    given   kind (what fits this machine, without it), source, apiKeyFile, minutes, container, user, python; write and uninstall: do it
    {kind, texts: {place: text}, commands: what is to be run, written: places, done: commands that were run, todo: [what is left, why], remarks}
    Errors: BadRequest, NotOurs, CannotWrite, DiskFull.
    """
    for key in given:
        if key not in _KEYS:
            raise BadRequest(what=f'A timer has no "{key}"; known are {", ".join(sorted(_KEYS - {"action"}))}.')
    command = installing.Command(
        str(given.get("python") or sys.executable or "python3"), str(PROGRAM), str(context.state.folder.absolute()), _source(given, context),
        str(given.get("apiKeyFile") or ""),
    )
    kind = str(given.get("kind") or installing.default_kind(container=in_container()))
    minutes = given.get("minutes") or installing.MINUTES
    timer = installing.make(kind, command, minutes=minutes, container=str(given.get("container") or "stash"), user=str(given.get("user") or ""), home=home)
    told: dict[str, Any] = {"kind": kind, "texts": timer.texts, "commands": [" ".join(words) for words in timer.commands], "written": [], "done": [],
                            "todo": [], "remarks": list(timer.remarks)}  # fmt: skip
    if given.get("uninstall") is True:
        _remove(timer, command, context.state, run, told)
    elif given.get("write") is True:
        _write(timer, command, minutes, context.state, run, told)
    return told


def _source(given: dict[str, Any], context: Context) -> str:
    if given.get("source"):
        return str(given["source"])
    place: Any = context.place
    named = getattr(place, "url", None) or getattr(place, "path", None)
    if not named:
        raise BadRequest(what='A timer needs its "source": the address of Stash, or its database file.')
    return str(named)


def _write(timer: installing.Timer, command: installing.Command, minutes: int, state: State, run: Runner, told: dict[str, Any]) -> None:
    if timer.kind == "docker":
        told["todo"].append("Put one of the texts where it belongs: nothing was written.")
        return
    for path in timer.files:
        if path.exists() and not installing.is_ours(path):
            raise NotOurs(place=path)
    if timer.kind == "cron":
        try:
            run(["crontab", "-"], installing.with_block(_crontab(run), command, minutes))
        except (OSError, subprocess.SubprocessError) as error:
            told["todo"].append(f"Put the lines into your crontab with `crontab -e`: {_short(error)}.")
            return
        told["written"].append("your crontab")
    for path, text in timer.files.items():
        _put(path, installing.encoded(timer.kind, text))
        told["written"].append(str(path))
    _run_all(timer.commands, run, told)
    state.folder.mkdir(parents=True, exist_ok=True)
    # Where something is left to be done it does not run yet; once somebody has done it, its calls will show that it does.
    kept = {"kind": timer.kind, "files": [str(path) for path in timer.files], "place": "your crontab", "unfinished": bool(told["todo"])}
    write_text(state.folder / INSTALLED, json.dumps(kept))


def _remove(timer: installing.Timer, command: installing.Command, state: State, run: Runner, told: dict[str, Any]) -> None:
    ours = [path for path in timer.files if path.exists()]
    for path in ours:
        if not installing.is_ours(path):
            raise NotOurs(place=path)
    if timer.kind == "cron":
        try:
            before = _crontab(run)
            after = installing.without_block(before, command.name)
            if after != before:
                run(["crontab", "-"], after)
                told["written"].append("your crontab")
        except (OSError, subprocess.SubprocessError) as error:
            told["todo"].append(f"Take the lines out of your crontab with `crontab -e`: {_short(error)}.")
    if ours:
        _run_all(timer.undo, run, told)
    for path in ours:
        try:
            path.unlink()
        except OSError as error:
            raise file_error(error, path) from error
        told["written"].append(str(path))
    if not told["todo"]:
        (state.folder / INSTALLED).unlink(missing_ok=True)


def _put(path: Path, data: bytes) -> None:
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        publish(temporary, path, overwrite=True)
    except OSError as error:
        raise file_error(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            discard(temporary)


def _run_all(commands: tuple[tuple[str, ...], ...], run: Runner, told: dict[str, Any]) -> None:
    for words in commands:
        try:
            run(list(words), "")
            told["done"].append(" ".join(words))
        except (OSError, subprocess.SubprocessError) as error:
            told["todo"].append(f"Run `{' '.join(words)}`: {_short(error)}.")


def _crontab(run: Runner) -> str:
    """The crontab as it is; empty where there is none yet (crontab then says so, and fails)."""
    try:
        return run(["crontab", "-l"], "")
    except subprocess.CalledProcessError as error:
        if "no crontab" in str(error.stderr).lower():
            return ""
        raise


def _short(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return (str(error.stderr or "").strip().splitlines() or [f"it ended with status {error.returncode}"])[-1].rstrip(".")[:200]
    return "there is no such program here" if isinstance(error, FileNotFoundError) else type(error).__name__
