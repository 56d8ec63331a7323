"""Operations: what the panel asks for is answered at once, and what cannot be is told in the answer."""

from __future__ import annotations

import base64
import os
import time
from pathlib import Path

import pytest
from stashport.jobs.operations import OPERATIONS, answer
from stashport.runs import downloads
from stashport.runs.history import STOP
from stashport.runs.state import State
from support.records import run_export, sample


@pytest.fixture
def state(tmp_path):
    """A state folder."""
    return State(tmp_path / "state")


@pytest.fixture
def plugin(tmp_path):
    """The plugin's folder."""
    (tmp_path / "plugin").mkdir()
    return tmp_path / "plugin"


@pytest.fixture
def run(state, tmp_path):
    """A run that is over, with one file."""
    return run_export(sample(), state.folder, to=tmp_path / "x y&é.json")


def ask(state, plugin, mode, **arguments):
    """The answer, which must say whether it is one."""
    found = answer(mode, arguments, state, plugin)
    assert found["ok"] is True, found
    return found


def test_runs_are_summed_up(state, plugin, run):
    """The list tells each run's result, sentence and counts, newest first, as many as are asked for."""
    (told,) = ask(state, plugin, "runs")["runs"]
    assert (told["run"], told["result"]) == (run.id, "ok")
    assert told["sentence"].startswith("Exported")
    assert ask(state, plugin, "runs", limit=0)["runs"] == ask(state, plugin, "runs", limit="5")["runs"]
    assert ask(state, plugin, "hello")["runs"][0]["run"] == run.id
    assert ask(state, plugin, "run", run=run.id)["run"]["counts"]["scene"]["created"] == 3


def test_the_greeting_offers_templates(state, plugin):
    """The page is told the shipped templates as texts to begin with, and nothing of that kind for other formats."""
    told = {one["name"]: one["examples"] for one in ask(state, plugin, "hello")["formats"]}
    assert [one["name"] for one in told.pop("template")] == ["Markdown list", "M3U playlist", "Titles"]
    assert set(map(len, told.values())) == {0}


def test_stopping_leaves_a_sign(state, plugin, run):
    """Asking a run to stop leaves the sign that it looks for."""
    ask(state, plugin, "stop", run=run.id)
    assert (state.run_folder(run.id) / STOP).exists()


def test_a_file_is_offered_by_a_link_nobody_guesses(state, plugin, run):
    """A download is a link in the plugin's assets, another one each time, without a listing, and leads to the file itself."""
    urls = set()
    for _ in range(2):
        told = ask(state, plugin, "download", run=run.id, output=0)
        assert (told["name"], told["size"]) == ("x y&é.json", os.path.getsize(run.record["outputs"][0]["path"]))
        urls.add(told["url"])
    assert len(urls) == 2
    for url in urls:
        inside = url.removeprefix("plugin/stash_port/assets/")
        assert len(inside.split("/")[1]) == 32
        path = plugin / inside
        assert path.read_bytes() == Path(run.record["outputs"][0]["path"]).read_bytes()
        assert (path.parent / "index.html").read_bytes() == (plugin / "downloads" / "index.html").read_bytes() == b""


def test_old_downloads_are_cleared_away(state, plugin, run):
    """What was offered more than an hour ago is gone when something new is offered; the file itself stays."""
    first = plugin / ask(state, plugin, "download", run=run.id)["url"].removeprefix("plugin/stash_port/assets/")
    past = time.time() - downloads.KEEP_SECONDS - 60
    os.utime(first.parent, (past, past))
    ask(state, plugin, "download", run=run.id)
    assert not first.exists()
    assert Path(run.record["outputs"][0]["path"]).exists()


def test_where_links_cannot_be_made_pieces_are_given(state, plugin, run, monkeypatch):
    """Without links the file comes in pieces that make it up exactly, and the report comes as its text."""
    def refuse(*_, **__):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(downloads, "CHUNK", 1000)
    told = ask(state, plugin, "download", run=run.id)
    pieces = [base64.b64decode(ask(state, plugin, "chunk", run=run.id, output=0, index=index)["data"]) for index in range(told["chunks"])]
    assert b"".join(pieces) == Path(run.record["outputs"][0]["path"]).read_bytes()
    assert all(len(piece) == 1000 for piece in pieces[:-1])
    assert ask(state, plugin, "report", run=run.id)["html"].lower().startswith("<!doctype html")


WRONG = [
    ("run", {"run": "nothing"}), ("run", {"run": "../../etc"}), ("run", {"run": 5}), ("run", {"run": "20200101-000000-abcdef"}), ("stop", {"run": None}),
    ("stop", {"run": "20200101-000000-abcdef"}), ("report", {"run": "/etc/passwd"}), ("report", {"run": "20200101-000000-abcdef"}),
    ("download", {"run": "20200101-000000-abcdef"}), ("download", {"output": 7}), ("download", {"output": -1}), ("download", {"output": "x"}),
    ("chunk", {"index": "x"}), ("chunk", {"index": -1}), ("chunk", {"output": 9}), ("runs", {"limit": "many"}), ("runs", {"limit": {"a": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "arguments"), WRONG, ids=str)
def test_wrong_questions_are_answered_in_words(mode, arguments, state, plugin, run):
    """A question about what is not there, or with arguments of the wrong sort, is answered with an error that has a name and a hint."""
    given = arguments if "run" in arguments else {"run": run.id, **arguments}
    found = answer(mode, given, state, plugin)
    assert found["ok"] is False
    assert set(found["error"]) >= {"error", "message", "hint"}
    assert "Traceback" not in found["error"]["message"]


def test_a_file_that_is_gone_is_said(state, plugin, run):
    """A file that somebody moved away is NoSuchSource, not a broken link."""
    Path(run.record["outputs"][0]["path"]).unlink()
    for mode in ("download", "chunk"):
        assert answer(mode, {"run": run.id}, state, plugin)["error"]["error"] == "NoSuchSource"


def test_a_state_folder_that_takes_nothing_is_told(state, plugin):
    """When the state folder cannot be written the first answer says so, with what to do, and still tells the rest."""
    state.folder.write_text("a file in its place")
    found = ask(state, plugin, "hello")
    assert found["state"]["writable"] is False
    assert "cannot be written" in found["state"]["problem"]
    assert found["kinds"]


def test_every_operation_was_tried():
    """No operation is left out by this module."""
    assert {"hello", "runs", "run", "stop", "report", "download", "chunk"} <= set(OPERATIONS)
