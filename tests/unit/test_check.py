"""The check: what works, what does not and how to mend it; it changes nothing."""

from __future__ import annotations

import pytest
from stashport import cli
from stashport.errors import BadRequest
from stashport.jobs import check as check_module
from stashport.jobs import packages
from stashport.jobs.check import check, wording
from stashport.jobs.context import Context
from stashport.jobs.packages import FEATURES
from stashport.jobs.sample import SampleReader
from stashport.jobs.schedule import schedule
from stashport.runs.habits import note_failed, note_proven
from stashport.runs.state import State
from stashport.stash.source import DatabaseFile, Opened
from support.records import everything_below


def find(findings, name):
    """The finding of that name."""
    return next(found for found in findings if found["name"] == name)


def test_a_good_place_needs_no_mending(tmp_path):
    """With everything there each finding is ok, tells what it found, and nothing is left in the folders."""
    findings = check(Context(State(tmp_path / "state"), Opened(SampleReader(), {"type": "sample", "reader": "database", "schema": 75})))
    assert [found["name"] for found in findings if not found["ok"] and found["name"] not in {f.use for f in FEATURES.values()}] == []
    assert "3 scenes" in find(findings, "Library")["text"]
    assert "free" in find(findings, "State folder")["text"]
    assert everything_below(tmp_path) == ["state", "state/exports"]
    assert all(line.startswith(("ok  ", "MEND")) for line in wording(findings))


def test_what_is_missing_comes_with_its_mend(tmp_path, monkeypatch):
    """A missing package, a folder that takes nothing, and a library that cannot be read are told with what to do."""
    monkeypatch.setattr(check_module, "present", lambda name: name != "http")
    (tmp_path / "state").write_text("a file")
    findings = check(Context(State(tmp_path / "state"), DatabaseFile(tmp_path / "nowhere")))
    assert find(findings, "Talking to a running Stash")["fix"] == "Run: stash_port.py check --install http"
    for name in ("State folder", "Export folder", "Library"):
        found = find(findings, name)
        assert not found["ok"]
        assert found["fix"]
    assert f"MEND  Library: There is nothing to read at {tmp_path / 'nowhere'}" in "\n".join(wording(findings))


def test_sqlite_without_json_is_told(tmp_path, monkeypatch):
    """A SQLite without JSON functions is found, and the other reader named."""
    class Bare:
        def connect(self, _):
            raise check_module.sqlite3.OperationalError("no such function: json_object")

        Error, sqlite_version = check_module.sqlite3.Error, "3.1"
        OperationalError = check_module.sqlite3.OperationalError

    monkeypatch.setattr(check_module, "sqlite3", Bare())
    found = find(check(Context(State(tmp_path / "state"))), "SQLite")
    assert not found["ok"]
    assert "--reader graphql" in found["fix"]


def test_the_command_ends_with_what_it_found(tmp_path, capsys):
    """`check` ends with 0 when nothing is to be mended for that source, else with 1, and prints a line for each finding."""
    code = cli.main(["check", str(tmp_path / "nowhere"), "--state", str(tmp_path / "state")])
    out = capsys.readouterr().out
    assert code == 1
    assert "MEND  Library" in out
    assert len(out.splitlines()) >= 5 + len(FEATURES)


def test_installing_asks_for_what_is_known(tmp_path, monkeypatch):
    """Only features that are known are installed, what is there is not installed again, and a failing pip is told with its last line."""
    with pytest.raises(BadRequest, match="wings"):
        packages.install("wings", State(tmp_path))
    assert packages.install("http", State(tmp_path)) == "requests is there already."
    monkeypatch.setattr(packages, "present", lambda _: False)
    monkeypatch.setattr(packages.subprocess, "run", lambda *_, **__: type("Done", (), {"returncode": 1, "stderr": "one\nERROR: no network\n"}))
    with pytest.raises(packages.InstallFailed, match="no network"):
        packages.install("http", State(tmp_path))


def test_installed_packages_are_found_after_pythons_own(tmp_path, monkeypatch):
    """The folder of installed packages goes to the end of the search path, once, and only when there is one."""
    import sys

    monkeypatch.setattr(sys, "path", [*sys.path])
    state = State(tmp_path)
    packages.use(state)
    assert str(tmp_path) not in " ".join(sys.path)
    folder = state.packages
    packages.use(state)
    packages.use(state)
    assert sys.path[-1] == str(folder)
    assert sys.path.count(str(folder)) == 1


def test_backups_and_their_schedule_are_told(tmp_path):
    """A failed backup and a schedule that nothing starts are there to be mended; the last proven one is named with its time."""
    context = Context(State(tmp_path / "state"))
    told = {"id": "abc", "time": "2026-01-02T03:04:05Z", "level": "full", "vault": "/v", "kind": "full", "records": 1234}
    note_proven(context.state, told)
    assert "2026-01-02T03:04:05Z: 1,234 records" in "\n".join(wording(check(context)))
    note_failed(context.state, {"time": "2026-01-03T03:04:05Z", "reason": "The disk is full.", "run": None})
    schedule({"action": "add", "name": "Nightly", "verb": "backup", "schedule": "daily"}, context)
    found = {finding["name"]: finding for finding in check(context)}
    assert "The disk is full." in found["Backups"]["text"]
    assert not found["Backups"]["ok"]
    assert not found["Schedule"]["ok"]
