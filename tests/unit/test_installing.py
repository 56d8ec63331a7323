"""Timers of the system: texts that the systems themselves understand, whatever is in a path, and nothing that is not ours written over or removed."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport.errors import BadRequest, NotOurs
from stashport.jobs import install_timer, starters
from stashport.jobs.context import Context
from stashport.runs import cron, installing
from stashport.runs.state import State

HARD = "a b'c\"d%e$f\\g;h&i#j`k!l(m)~*ü"
COMMAND = installing.Command(sys.executable, "/opt/port/stash_port.py", f"/srv/{HARD}/stash-port", "http://127.0.0.1:9999")
NAME = {"windows": "ä <b> & \"c\" d'e"}
words = st.text(st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"]) | st.just(" "), min_size=1, max_size=20)


def unit_of(kind, command=COMMAND, **more):
    """The timer's texts by the ending of their names."""
    return {path.suffix: text for path, text in installing.make(kind, command, **more).files.items()}


def as_systemd_reads(line):
    """The words of an ExecStart line, by the rules in systemd.service(5) and systemd.syntax(7): quotes, C escapes, %% and (but for the first word) $$."""
    found, k = [], 0
    while k < len(line):
        assert line[k] == '"'
        word, k = "", k + 1
        while line[k] != '"':
            if line[k] == "\\":
                assert line[k + 1] in '\\"'
                word, k = word + line[k + 1], k + 2
            elif line[k] == "%" or (line[k] == "$" and found):
                assert line[k + 1] == line[k], f"{line[k]} stands alone in {line}"
                word, k = word + line[k], k + 2
            else:
                word, k = word + line[k], k + 1
        found.append(word)
        k += 2
    return found


def as_cron_reads(line):
    """The schedule and the words of a crontab's line: cron turns backslash and % into %, and ends the command at any other %; a shell does the rest."""
    fields = line.split(" ", 5)
    pattern, command = cron.parse(" ".join(fields[:5])), fields[5]
    assert "%" not in command.replace("\\%", "")
    return pattern, shlex.split(command.replace("\\%", "%"))


@pytest.mark.parametrize("kind", ["systemd-user", "systemd-system"])
@given(word=words)
@settings(max_examples=60)
def test_systemd_runs_the_words_that_were_meant(kind, word):
    """Blanks, quotes, backslashes, % and $ in any path come back as they were."""
    command = installing.Command(f"/{word}/python", "/p.py", f"/{word}", word)
    service = unit_of(kind, command)[".service"]
    (line,) = [line for line in service.splitlines() if line.startswith("ExecStart=")]
    shell = ["/bin/sh", "-c", 'exec "$0" "$@"'] if set(word) & set("'\"\\") else []
    assert as_systemd_reads(line.removeprefix("ExecStart=")) == [*shell, *command.words()]


@given(word=words)
@settings(max_examples=60)
def test_cron_runs_the_words_that_were_meant(word):
    """The line's schedule is one that our own reader knows, and % keeps its meaning."""
    command = installing.Command("/usr/bin/python3", "/p.py", f"/{word}", word)
    pattern, found = as_cron_reads(installing.cron_block(command, 15).splitlines()[1])
    assert found == command.words()
    assert pattern.minutes == (0, 15, 30, 45)
    assert len(pattern.hours) == 24


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
@pytest.mark.parametrize(("minutes", "folder"), [(1, "plain"), (5, "100% $HOME ${x} of it;&"), (30, HARD)])
def test_systemd_itself_finds_no_fault(tmp_path, minutes, folder):
    """systemd-analyze verifies both units, with a program in a folder whose name has everything in it, and reads the calendar."""
    odd = tmp_path / folder
    odd.mkdir()
    python = odd / "python3"
    python.symlink_to(sys.executable)
    command = installing.Command(str(python), str(odd / "stash_port.py"), str(odd / "state"), "http://127.0.0.1:9999")
    timer = installing.make("systemd-user", command, minutes=minutes, home=tmp_path)
    for path, text in timer.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *map(str, timer.files)], capture_output=True, text=True, check=False, timeout=60)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if command.name in line]
    assert complaints == []
    calendar = next(line for line in unit_of("systemd-user", command, minutes=minutes)[".timer"].splitlines() if line.startswith("OnCalendar="))
    told = subprocess.run(["systemd-analyze", "calendar", calendar.removeprefix("OnCalendar=")], capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stderr
    assert f"*-*-* *:{'00/' if minutes > 1 else '*'}" in told.stdout


def test_units_say_what_they_must():
    """A oneshot service, a persistent timer that is wanted by timers.target, and the mark that they are ours."""
    for kind in ("systemd-user", "systemd-system"):
        texts = unit_of(kind, user="media")
        assert "\nType=oneshot\n" in texts[".service"]
        assert ("\nUser=media\n" in texts[".service"]) == (kind == "systemd-system")
        assert "\nOnCalendar=*:0/5\nPersistent=true\n" in texts[".timer"]
        assert "\nWantedBy=timers.target\n" in texts[".timer"]
        assert all(text.startswith(f"# {installing.MARK}") for text in texts.values())


def test_windows_gets_a_task_that_is_xml():
    """The XML parses, repeats in minutes, and its arguments are quoted as Windows programs read them."""
    command = installing.Command("C:\\Program Files\\Python\\python.exe", "C:\\x y\\stash_port.py", f"C:\\{NAME['windows']}", "http://127.0.0.1:9999")
    ((path, text),) = installing.make("windows", command, minutes=10).files.items()
    data = installing.encoded("windows", text)
    assert data[:2] in (b"\xff\xfe", b"\xfe\xff")
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    task = ET.fromstring(data.decode("utf-16").replace(' encoding="UTF-16"', ""))
    assert task.find(f".//{space}Interval").text == "PT10M"
    assert task.find(f".//{space}Command").text == command.python
    assert task.find(f".//{space}Arguments").text == subprocess.list2cmdline(command.words()[1:])
    assert path.suffix == ".xml"
    with pytest.raises(BadRequest, match="%"):
        installing.make("windows", installing.Command("py", "p", "C:\\%TEMP%", "s"))


def test_docker_gets_two_texts_and_writes_nothing():
    """A cron line for the host that goes into the container, and a compose snippet whose one service runs the same words."""
    timer = installing.make("docker", COMMAND, container="my-stash")
    assert timer.files == {}
    host, compose = timer.texts.values()
    _, found = as_cron_reads(host.splitlines()[1])
    assert found == ["docker", "exec", "my-stash", *COMMAND.words()]
    service = yaml.safe_load(compose)["services"]["my-stash-port-timer"]
    (script,) = service["command"]
    script = script.replace("$$", "$")
    inner = script.removeprefix("while true; do ").removesuffix("; sleep 300; done")
    assert shlex.split(inner) == COMMAND.words()
    assert service["volumes_from"] == ["my-stash"]
    assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0


def test_a_crontab_keeps_its_other_lines():
    """Ours are added at the end, replaced by newer ones, and taken out again without a trace."""
    for before in ("", "MAILTO=me\n0 1 * * * other\n", "0 1 * * * no line end"):
        once = installing.with_block(before, COMMAND)
        assert installing.with_block(once, COMMAND) == once
        other = installing.with_block(once, installing.Command("py", "p", "/other", "s"))
        assert other.count(installing.MARK) == 2
        assert installing.without_block(once, COMMAND.name).rstrip("\n") == before.rstrip("\n")
        assert installing.cron_block(COMMAND) not in installing.without_block(other, COMMAND.name)
    with pytest.raises(BadRequest, match="end"):
        installing.without_block(installing.cron_block(COMMAND).replace(": end", ""), COMMAND.name)


@pytest.mark.parametrize("wrong", [
    {"kind": "launchd"}, {"kind": "cron", "minutes": 7}, {"kind": "cron", "minutes": True}, {"kind": "docker", "container": "a; rm"},
    {"kind": "systemd-system", "user": "a\nb"}, {"kind": "cron", "source": "http://x\ny"}, {"kind": "cron", "unknown": 1}, {"kind": "cron", "source": ""},
])  # fmt: skip
def test_wrong_wishes_are_refused(tmp_path, wrong):
    """Unknown kinds, odd intervals, and everything that would break out of a line."""
    with pytest.raises(BadRequest):
        install_timer.install({"source": "http://127.0.0.1:9999", **wrong, "write": True}, Context(State(tmp_path)), run=lambda words, text: "")
    assert list(tmp_path.iterdir()) == []


class Machine:
    """Stands in for the programs of a machine: its crontab, and what was called; `broken` ones fail."""

    def __init__(self, crontab=None, broken=()):
        self.crontab, self.broken, self.called = crontab, broken, []

    def __call__(self, command, text):
        """Run one."""
        self.called.append(" ".join(command))
        if command[0] in self.broken:
            raise FileNotFoundError(command[0])
        if command == ["crontab", "-l"]:
            if self.crontab is None:
                raise subprocess.CalledProcessError(1, command, "", "no crontab for root\n")
            return self.crontab
        if command == ["crontab", "-"]:
            self.crontab = text
        return ""


def install(tmp_path, machine, **wish):
    """Set up a timer below a folder."""
    context = Context(State(tmp_path / "state"))
    return install_timer.install({"source": "http://127.0.0.1:9999", **wish}, context, run=machine, home=tmp_path)


def test_without_a_wish_to_write_it_is_only_shown(tmp_path):
    """The texts and where they go are told; nothing is written and nothing run."""
    machine = Machine()
    for kind in installing.KINDS:
        told = install(tmp_path, machine, kind=kind)
        assert told["texts"]
        assert (told["written"], told["done"]) == ([], [])
    assert machine.called == []
    assert list(tmp_path.iterdir()) == []


def test_systemd_is_written_enabled_known_and_removed(tmp_path):
    """The files are there, systemd is told, `status` knows of it; removing takes away just these."""
    machine = Machine()
    told = install(tmp_path, machine, kind="systemd-user", write=True)
    files = [Path(place) for place in told["written"]]
    assert [path.suffix for path in files] == [".service", ".timer"]
    assert machine.called == told["commands"] == told["done"]
    assert told["todo"] == []
    state = State(tmp_path / "state")
    who = starters.who_starts(state)
    assert (who["starts"], who["timer"]["kind"]) == (True, "systemd-user")
    install(tmp_path, machine, kind="systemd-user", write=True, minutes=10)
    assert "*:0/10" in files[1].read_text()
    (files[0].parent / "other.timer").write_text("x")
    install(tmp_path, machine, kind="systemd-user", uninstall=True)
    assert [path.name for path in files[0].parent.iterdir()] == ["other.timer"]
    assert starters.installed(state) is None


def test_what_is_not_ours_is_left_alone(tmp_path):
    """A unit of the same name that somebody else wrote is neither written over nor removed."""
    machine = Machine()
    (place, _) = install(tmp_path, machine, kind="systemd-user")["texts"]
    Path(place).parent.mkdir(parents=True)
    Path(place).write_text("[Unit]\n")
    for wish in ({"write": True}, {"uninstall": True}):
        with pytest.raises(NotOurs):
            install(tmp_path, machine, kind="systemd-user", **wish)
    assert Path(place).read_text() == "[Unit]\n"
    assert [path.name for path in Path(place).parent.iterdir()] == [Path(place).name]


def test_a_crontab_is_written_and_cleaned(tmp_path):
    """Also where there was none; other lines stay; without the program the person is told what to do."""
    machine = Machine()
    install(tmp_path, machine, kind="cron", write=True)
    assert installing.MARK in machine.crontab
    machine.crontab = "1 1 * * * other\n" + machine.crontab
    assert starters.who_starts(State(tmp_path / "state"))["after_reboot"] == "yes"
    install(tmp_path, machine, kind="cron", uninstall=True)
    assert machine.crontab == "1 1 * * * other\n"
    told = install(tmp_path, Machine(broken=("crontab",)), kind="cron", write=True)
    assert told["written"] == []
    assert told["todo"] == ["Put the lines into your crontab with `crontab -e`: there is no such program here."]
    assert starters.installed(State(tmp_path / "state")) is None


def test_a_machine_without_systemctl_is_told_what_to_run(tmp_path):
    """The files are written, and the commands that failed are left to the person."""
    told = install(tmp_path, Machine(broken=("systemctl",)), kind="systemd-user", write=True)
    assert len(told["written"]) == 2
    assert [line.startswith("Run `systemctl --user") for line in told["todo"]] == [True, True]


def test_windows_registers_its_task(tmp_path):
    """The XML is in the state folder in UTF-16, is known as ours, and schtasks is told."""
    machine = Machine()
    told = install(tmp_path / "no percent", machine, kind="windows", write=True)
    (place,) = told["written"]
    assert installing.is_ours(Path(place))
    assert machine.called[0].startswith("schtasks /Create /TN Stash Port ")
    install(tmp_path / "no percent", machine, kind="windows", uninstall=True)
    assert not Path(place).exists()


def test_the_source_is_that_of_the_context(tmp_path):
    """Without one, the address of the Stash that is spoken to, or the database's path, is taken."""
    from stashport.stash.source import DatabaseFile

    context = Context(State(tmp_path), DatabaseFile(Path("/x/stash.sqlite")))
    assert "/x/stash.sqlite" in json.dumps(install_timer.install({"kind": "cron"}, context))
    with pytest.raises(BadRequest, match="source"):
        install_timer.install({"kind": "cron"}, Context(State(tmp_path)))
