"""The door for Stash: one JSON document in, one out, log lines on standard error that Stash understands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import stashport

PROGRAM = Path(stashport.__file__).parents[2] / "stash_port.py"
LIB = PROGRAM.parent / "lib"


def start(folder, stdin, *, code=None, **more):
    """What the program says and how it ends, when it is started as Stash does; `code` runs instead of it."""
    command = [sys.executable, str(PROGRAM)] if code is None else [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(LIB)!r})\n{code}"]
    data = stdin if isinstance(stdin, bytes) else json.dumps(stdin).encode()
    return subprocess.run(command, input=data, capture_output=True, cwd=folder, timeout=60, check=False, **more)


def given(folder, **arguments):
    """The input that Stash gives to a task or an operation."""
    connection = {"Scheme": "http", "Host": "127.0.0.1", "Port": 9, "SessionCookie": None, "Dir": str(folder), "PluginDir": str(folder / "plugin")}
    return {"server_connection": connection, "args": arguments}


def answer(done):
    """The one document on standard output."""
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert set(document) in ({"output"}, {"error"})
    assert b"\n" not in done.stdout
    assert done.stdout.isascii()
    return document


def log_lines(done):
    """The lines on standard error, each in the form of Stash's protocol: byte 1, a letter, byte 2, text."""
    lines = done.stderr.splitlines()
    for line in lines:
        assert len(line) < 4096
        assert line[:1] == b"\x01"
        assert line[1:2] in b"tdiwep"
        assert line[2:3] == b"\x02"
    return [line[3:].decode() for line in lines]


@pytest.mark.parametrize("stdin", [b"", b"{}", b"null", b"[]", b"5", b'"text"', b"{", b"\xff\xfe", b"not json", b"\0", b'{"args": []}', b'{"args": {"mode": 5}}',
                                   b'{"args": {"mode": "explode"}}', b'{"server_connection": "x"}', b'{"args": "x"}', b"[" * 100_000,
                                   b'{"args": {"mode": "hello"}, "server_connection": {"Dir": "/dev/null"}}'])  # fmt: skip
def test_garbage_is_answered_in_words(stdin, tmp_path):
    """Whatever comes on standard input, one document goes out, its error is a text without a trace, and the program ends well."""
    document = answer(start(tmp_path, stdin))
    if "error" in document:
        assert isinstance(document["error"], str)
        assert len(document["error"]) > 10
    assert "Traceback" not in json.dumps(document)


def test_hello_tells_what_the_panel_needs(tmp_path):
    """The first operation tells version, kinds with their fields, formats with their options, places and the last runs."""
    output = answer(start(tmp_path, given(tmp_path, mode="hello")))["output"]
    assert output["ok"] is True
    assert output["version"] == stashport.__version__
    assert {kind["plural"] for kind in output["kinds"]} >= {"tags", "scenes", "settings"}
    assert output["formats"][0]["name"] == "json"
    assert all(isinstance(option["help"], str) for found in output["formats"] for option in found["options"])
    assert output["runs"] == []
    assert output["folder"] == str(tmp_path / "stash-port" / "exports")


def test_a_print_inside_does_not_spoil_the_answer(tmp_path):
    """What a library prints, in Python or below it, goes to standard error; standard output holds the answer alone."""
    code = """
import os, subprocess
from stashport.jobs import operations
def noisy(*_):
    print("loud")
    sys.stdout.write("louder\\n"); sys.stdout.flush()
    os.write(1, b"loudest\\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"])
    return {"noise": "\\u00e9\\udce9"}
operations.OPERATIONS["hello"] = noisy
from stashport.plugin import main
sys.exit(main())
"""
    done = start(tmp_path, given(tmp_path, mode="hello"), code=code)
    assert answer(done)["output"]["noise"] == "é\udce9"
    for word in (b"loud", b"louder", b"loudest", b"from a child"):
        assert word in done.stderr


@pytest.mark.parametrize("mode", ["hello", "runs", "run", "stop"])
def test_operations_import_nothing_heavy(mode, tmp_path):
    """An operation that needs no server loads neither an HTTP library nor SQLite, nor anything else that takes long."""
    code = "from stashport.plugin import main\nmain()\nsys.stderr.write('|'.join(sorted(sys.modules)))"
    done = start(tmp_path, given(tmp_path, mode=mode, run="20200101-000000-abcdef"), code=code)
    answer(done)
    loaded = set(done.stderr.decode().split("|"))
    heavy = {"requests", "urllib3", "ssl", "http.client", "sqlite3", "asyncio", "multiprocessing", "stashapi", "cryptography", "jinja2", "yaml", "hypothesis"}
    assert loaded & heavy == set()


def test_a_task_that_fails_tells_why_everywhere(tmp_path):
    """A task without a server to talk to ends with an error in the answer and in a record of the run that the panel asks for."""
    run = "20260101-000000-abcdef"
    code = "import time; time.sleep = lambda _: None\nfrom stashport.plugin import main\nsys.exit(main())"
    done = start(tmp_path, given(tmp_path, mode="export", run=run, format="json"), code=code)
    document = answer(done)
    assert "did not answer" in document["error"]
    log_lines(done)
    record = answer(start(tmp_path, given(tmp_path, mode="run", run=run)))["output"]["run"]
    assert (record["result"], record["error"]["error"]) == ("failed", "Unreachable")


@pytest.mark.parametrize("config", ["{", "[]", '"x"', 5, ["a"]])
def test_a_configuration_that_is_none_is_refused(config, tmp_path):
    """A configuration that is no map is refused in words, before any server is asked."""
    assert '"config"' in answer(start(tmp_path, given(tmp_path, mode="export", config=config)))["error"]


def test_long_texts_become_short_log_lines(tmp_path):
    """Lines in Stash's log stay below what its reader takes, whatever is logged, and no text can fake another line."""
    code = """
from stashport.runs.progress import StashSink
sink = StashSink(sys.stderr.buffer)
sink.log("info", "\\U0001f3ac" * 5000)
sink.log("warning", "one\\ntwo\\r\\n\\x01e\\x02fake\\n\\n")
"""
    lines = log_lines(start(tmp_path, b"", code=code))
    assert lines[0].endswith("...")
    assert lines[1:3] == ["one", "two"]
    assert "\x01" not in "".join(lines)


def test_a_terminal_or_an_argument_opens_the_other_door(tmp_path):
    """With an argument the program is the command line, whatever stands on standard input."""
    done = subprocess.run([sys.executable, str(PROGRAM), "--version"], input=b"{}", capture_output=True, cwd=tmp_path, timeout=60, check=True)
    assert done.stdout.decode().strip() == stashport.__version__
