"""Timers of the system that start what is due: systemd, cron, Windows and Docker.  Here are their texts; nothing is touched.

A file of ours says so in its first lines; one that does not is never written over and never removed.  All of them run `schedule run-due` every few minutes:
what is due, and when, stands in the timetable alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from stashport.errors import BadRequest

KINDS = ("systemd-user", "systemd-system", "cron", "windows", "docker")
MINUTES = 5
MARK = "Made by Stash Port"
_ABOUT = f"{MARK} (stash_port.py schedule install), which also removes it. Starts the runs that are due in its timetable."


@dataclass(frozen=True)
class Command:
    """What a timer runs.  python: the interpreter; program: stash_port.py; state: the state folder; source: as on the command line."""

    python: str
    program: str
    state: str
    source: str
    key_file: str = ""

    def words(self) -> list[str]:
        """Program and arguments.  Errors: BadRequest for what no timer can be told."""
        key = ["--api-key-file", self.key_file] if self.key_file else []
        words = [self.python, self.program, "schedule", "run-due", "--state", self.state, *key, self.source]
        for word in words:
            if not word or not word.isprintable():
                raise BadRequest(what=f"A timer cannot be told {word!r:.100}: it is empty, or holds a line break or another sign that cannot be seen.")
        return words

    @property
    def name(self) -> str:
        """A name that differs for each state folder."""
        return f"stash-port-{hashlib.sha256(self.state.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Timer:
    """What would be set up.

    kind      one of KINDS
    files     place -> text; empty where the person writes it
    texts     title -> text, to be shown: files, and what belongs elsewhere
    commands  what to run after the files are there
    undo      what to run before they are removed
    remarks   what else to know
    """

    kind: str
    files: dict[Path, str]
    texts: dict[str, str]
    commands: tuple[tuple[str, ...], ...] = ()
    undo: tuple[tuple[str, ...], ...] = ()
    remarks: tuple[str, ...] = ()


def make(kind: str, command: Command, *, minutes: int = MINUTES, container: str = "stash", user: str = "", home: Path | None = None) -> Timer:
    """A timer that looks every so many minutes.

    container   for docker: its name
    user        for systemd-system: who runs it; root without it
    home        for systemd-user: the person's folder
    Errors: BadRequest.
    """
    if type(minutes) is not int or not 1 <= minutes <= 30 or 60 % minutes:
        raise BadRequest(what=f'"minutes" is 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30, not {minutes!r:.40}.')
    if kind in ("systemd-user", "systemd-system"):
        return _systemd(kind, command, minutes, user, home or Path.home())
    if kind == "cron":
        return Timer(kind, {}, {"your crontab": cron_block(command, minutes)})
    if kind == "windows":
        return _windows(command, minutes)
    if kind == "docker":
        return _docker(command, minutes, container)
    raise BadRequest(what=f'A timer is one of {", ".join(KINDS)}, not "{kind}".')


def systemd_word(word: str, *, first: bool = False) -> str:
    """A word of a systemd command line: quoted, with its specifiers and variables doubled (the program itself knows no variables)."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return '"' + (word if first else word.replace("$", "$$")) + '"'


def _systemd(kind: str, command: Command, minutes: int, user: str, home: Path) -> Timer:
    if user and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}", user):
        raise BadRequest(what=f'"user" is no name of a user: {user!r:.40}.')
    mine = kind == "systemd-user"
    folder = home / ".config" / "systemd" / "user" if mine else Path("/etc/systemd/system")
    first, *rest = command.words()
    if set(first) & set("'\"\\"):  # systemd takes no program whose path has such a sign; a shell does, and is replaced by it.
        first, rest = "/bin/sh", ["-c", 'exec "$0" "$@"', first, *rest]
    start = " ".join([systemd_word(first, first=True), *map(systemd_word, rest)])
    runs_as = f"User={user}\n" if user and not mine else ""
    service = f"# {_ABOUT}\n[Unit]\nDescription=Stash Port: runs that are due\n\n[Service]\nType=oneshot\n{runs_as}ExecStart={start}\n"
    every = f"OnCalendar=*:0/{minutes}" if minutes > 1 else "OnCalendar=*:*"
    timer = (
        f"# {_ABOUT}\n[Unit]\nDescription=Stash Port: looks every {minutes} min for runs that are due\n\n"
        f"[Timer]\n{every}\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
    )
    files = {folder / f"{command.name}.service": service, folder / f"{command.name}.timer": timer}
    control = ("systemctl", "--user") if mine else ("systemctl",)
    remarks = ("A user's timers run while that user is logged in; `loginctl enable-linger` lets them run always.",) if mine else ()
    commands = ((*control, "daemon-reload"), (*control, "enable", "--now", f"{command.name}.timer"))
    undo = ((*control, "disable", "--now", f"{command.name}.timer"),)
    return Timer(kind, files, {str(path): text for path, text in files.items()}, commands, undo, remarks)


def cron_line(words: list[str], minutes: int) -> str:
    """A line of a crontab: quoted for its shell, and % with a backslash, or cron would take it for a line break."""
    when = "*" if minutes == 1 else f"*/{minutes}"
    return f"{when} * * * * " + shlex.join(words).replace("%", "\\%")


def cron_block(command: Command, minutes: int = MINUTES) -> str:
    """Our lines in a crontab, with the marks that find them again."""
    return f"# {command.name}: {_ABOUT}\n{cron_line(command.words(), minutes)}\n# {command.name}: end\n"


def without_block(crontab: str, name: str) -> str:
    """A crontab without our lines; all others are kept as they are.  Errors: BadRequest when the end of ours is missing."""
    kept, inside = [], False
    for line in crontab.splitlines(keepends=True):
        if not inside and line.startswith(f"# {name}: {MARK}"):
            inside = True
        elif inside and line.rstrip() == f"# {name}: end":
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise BadRequest(what=f'In your crontab the line "# {name}: end" is missing. Take the lines of Stash Port out with `crontab -e`.')
    return "".join(kept)


def with_block(crontab: str, command: Command, minutes: int = MINUTES) -> str:
    """A crontab with our lines at its end."""
    kept = without_block(crontab, command.name)
    return kept + ("" if not kept or kept.endswith("\n") else "\n") + cron_block(command, minutes)


def _windows(command: Command, minutes: int) -> Timer:
    first, *rest = command.words()
    if any("%" in word for word in (first, *rest)):
        raise BadRequest(what="The Windows task scheduler would take the % in one of these paths for a variable: move what it belongs to.")
    text = (
        '<?xml version="1.0" encoding="UTF-16"?>\n'
        f"<!-- {_ABOUT} -->\n"
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\n'
        f"  <RegistrationInfo><Description>{escape(_ABOUT)}</Description></RegistrationInfo>\n"
        "  <Triggers><TimeTrigger><StartBoundary>2020-01-01T00:00:00</StartBoundary><Enabled>true</Enabled>"
        f"<Repetition><Interval>PT{minutes}M</Interval></Repetition></TimeTrigger></Triggers>\n"
        "  <Settings><MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy><StartWhenAvailable>true</StartWhenAvailable>"
        "<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries><StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>"
        "<ExecutionTimeLimit>PT0S</ExecutionTimeLimit><Hidden>true</Hidden></Settings>\n"
        f"  <Actions><Exec><Command>{escape(first)}</Command><Arguments>{escape(subprocess.list2cmdline(rest))}</Arguments></Exec></Actions>\n"
        "</Task>\n"
    )
    path = Path(command.state) / f"{command.name}.xml"
    task = f"Stash Port {command.name[-8:]}"
    return Timer("windows", {path: text}, {str(path): text}, (("schtasks", "/Create", "/TN", task, "/XML", str(path), "/F"),),
                 (("schtasks", "/Delete", "/TN", task, "/F"),))


def _docker(command: Command, minutes: int, container: str) -> Timer:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,100}", container):
        raise BadRequest(what=f'"container" is no name of a container: {container!r:.40}.')
    words = command.words()
    loop = f"while true; do {shlex.join(words)}; sleep {minutes * 60}; done"
    quoted = loop.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    compose = (
        f"# {_ABOUT}\n"
        "# Put this beside the service of your Stash. Both see the same folders; SOURCE is the address of Stash as other containers see it.\n"
        "services:\n"
        f"  {container}-port-timer:\n"
        "    image: stashapp/stash:latest\n"
        f"    volumes_from: [{container}]\n"
        f"    depends_on: [{container}]\n"
        "    restart: unless-stopped\n"
        f'    entrypoint: ["/bin/sh", "-c"]\n    command: ["{quoted}"]\n'
    )
    line = cron_line(["docker", "exec", container, *words], minutes)
    texts = {"the crontab of the machine that runs Docker": f"# {_ABOUT}\n{line}\n", "or your compose file": compose}
    return Timer("docker", {}, texts, remarks=("A container cannot set this up by itself: take one of the two texts, on the machine that runs Docker.",))


def is_ours(path: Path) -> bool:
    """Whether a file says in its beginning that we made it."""
    try:
        data = path.read_bytes()[:2000]
    except OSError:
        return False
    return MARK.encode() in data or MARK.encode("utf-16-le") in data


def encoded(kind: str, text: str) -> bytes:
    """The bytes of a file: Windows wants its tasks in UTF-16."""
    return text.encode("utf-16" if kind == "windows" else "utf-8")


def default_kind(*, container: bool) -> str:
    """What fits this machine best."""
    if container:
        return "docker"
    if os.name == "nt":
        return "windows"
    if Path("/run/systemd/system").is_dir():
        return "systemd-system" if hasattr(os, "getuid") and os.getuid() == 0 else "systemd-user"
    return "cron"
