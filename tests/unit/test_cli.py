"""The command line: results on standard output and nothing else there, words on standard error, documented exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from stashport import __version__, cli
from stashport.jobs.sample import SampleReader
from stashport.stash import source
from stashport.stash.source import Opened
from support.records import everything_below, lines_of, read, sample

PROGRAM = Path(cli.__file__).parents[3] / "stash_port.py"


@pytest.fixture
def run(tmp_path, monkeypatch, capfdbinary):
    """Runs the command line in a folder of its own, on the sample library where the source is called `sample`; (code, stdout, stderr)."""
    real = source.place_of
    place_of = lambda text, **more: Opened(SampleReader(), {"type": "sample", "reader": "sample"}) if text == "sample" else real(text, **more)  # noqa: E731
    monkeypatch.setattr(source, "place_of", place_of)
    monkeypatch.setattr("stashport.stash.connection.time.sleep", lambda _: None)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def call(*arguments):
        try:
            code = cli.main([*arguments, "--state", str(tmp_path / "state")])
        except SystemExit as ended:
            code = ended.code
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return call


def program(*arguments, stdin=subprocess.DEVNULL, **more):
    """The real program in a process of its own."""
    return subprocess.run([sys.executable, PROGRAM, *arguments], stdin=stdin, capture_output="stdout" not in more, timeout=60, check=False, **more)


REFUSED = [
    (["export", "sample", "--format", "pdf"], 11, 'no format called "pdf"'), (["export", "sample", "--kinds", "movies"], 12, 'called "movies"'),
    (["export", "sample", "--fields", "scenes.titel"], 13, '"scenes.titel"'), (["export", "sample", "--fields", "title"], 10, "KIND.FIELD"),
    (["export", "sample", "--fields", ""], 0, ""), (["export", "sample", "--option", "bom"], 10, "--option"), (["export", "sample", "--option", "bom=yes"], 10, '"bom"'),
    (["export", "sample", "--option", "bom=perhaps", "--format", "csv"], 10, "perhaps"), (["export", "sample", "--related", "some"], 2, "invalid choice"),
    (["export", "sample", "--unknown"], 2, "unrecognized"), (["export"], 2, "SOURCE"), ([], 2, "COMMAND"), (["explode"], 2, "invalid choice"),
    (["export", "nowhere", "--to", "x"], 30, "nothing to read at nowhere"), (["export", "s" * 300, "--to", "x"], 30, "nothing to read"),
    (["export", ".", "--to", "x"], 30, "nothing to read"), (["export", "text", "--to", "x"], 34, "as an export of Stash Port"),
    (["export", "text.sqlite", "--to", "x"], 31, "not a Stash database"),
    (["export", "text", "--reader", "graphql", "--to", "x"], 16, "is a file"),
    (["export", "sample", "--to", "text"], 42, "exists already"), (["export", "sample", "--to", "text/x"], 40, "cannot be written"),
    (["export", "sample", "--to", "n" * 300], 40, "cannot be written"), (["export", "sample", "--to", "-", "--format", "csv"], 16, "one plain file"),
    (["export", "sample", "--to", "-", "--compress", "zip"], 16, "one plain file"), (["export", "sample", "--to", "-", "--json"], 10, "--json"),
    (["export", "sample", "--config", "nowhere.json"], 10, "cannot be read"), (["export", "sample", "--config", "text"], 10, "no JSON"),
    (["export", "sample", "--config", "list.json"], 10, "no names"), (["export", "sample", "--config", "unknown.json"], 10, 'unknown key "formt"'),
    (["export", "sample", "--config", "wrong.yaml"], 10, "no YAML"), (["export", "sample", "--config", "."], 10, "cannot be read"),
    (["export", "http://127.0.0.1:9", "--to", "x"], 20, "did not answer"), (["export", "http://127.0.0.1:9", "--api-key-file", "nowhere", "--to", "x"], 10, "nowhere"),
    (["report", "nothing"], 14, '"nothing"'), (["report", "20200101-000000-abcdef"], 14, "no run called"), (["check", "--install", "wings"], 10, '"wings"'),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "words"), REFUSED, ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "")
def test_what_is_refused(arguments, code, words, run):
    """Each bad input ends with the code of its class and a sentence on standard error; standard output stays empty, no file is made."""
    files = {"text": "text", "text.sqlite": "text", "list.json": "[1]", "unknown.json": '{"formt": "csv"}', "wrong.yaml": "a: [1", "export.json": "{}"}
    for name, text in files.items():
        Path(name).write_text(text)
    got, out, err = run(*arguments)
    assert got == code
    assert words in err
    assert "Traceback" not in err
    if code:
        assert out == b""
    assert set(os.listdir(".")) == set(files)
    assert Path("text").read_text() == "text"


def test_an_export_says_what_it_did(run):
    """A finished export prints its sentence and its path on standard output, and its steps elsewhere."""
    code, out, err = run("export", "sample", "--to", "x.json")
    sentence, path = out.decode().splitlines()
    assert code == 0
    assert sentence.startswith(f"Exported {len(lines_of(sample()))} records to x.json")
    assert path == str(Path("x.json").absolute())
    assert read(Path("x.json")) == lines_of(sample())
    assert "Step" in err
    assert run("export", "sample", "--to", "y.json", "--quiet")[2] == ""


@pytest.mark.parametrize("name", ["json", "ndjson"])
def test_standard_output_takes_the_export_and_nothing_else(name, run, tmp_path):
    """With `-`, given as an option or in a configuration, standard output is the export itself, byte for byte what a file would hold."""
    run("export", "sample", "--to", "x", "--format", name)
    Path("c.json").write_text(json.dumps({"to": "-", "format": name}))
    for arguments in (["--to", "-", "--format", name], ["--config", "c.json"]):
        code, out, _ = run("export", "sample", *arguments)
        (tmp_path / "out").write_bytes(out)
        assert code == 0
        assert read(tmp_path / "out") == lines_of(sample())
        moment = out.index(b'"created"')
        assert out[:moment] == Path("x").read_bytes()[:moment]


def test_json_is_the_run_record(run, tmp_path):
    """With --json standard output is the run's record, the same as the one that is kept."""
    code, out, _ = run("export", "sample", "--to", "x.json", "--json")
    told = json.loads(out)
    kept = json.loads((tmp_path / "state" / "runs" / told["run"] / "run.json").read_bytes())
    assert code == 0
    assert {key: told[key] for key in ("run", "verb", "result", "counts", "outputs", "config")} == {key: kept[key] for key in ("run", "verb", "result", "counts", "outputs", "config")}


def test_json_is_printed_of_a_run_that_failed(run, tmp_path):
    """With --json a failed run's record, with its error, is on standard output, the message on standard error, and the exit code is the error's."""
    Path("there").write_text("text")
    code, out, err = run("export", "sample", "--to", "there", "--json")
    told = json.loads(out)
    kept = json.loads((tmp_path / "state" / "runs" / told["run"] / "run.json").read_bytes())
    assert (code, told["result"], told["error"]["error"], told["error"]["exit_code"]) == (42, "failed", "AlreadyThere", 42)
    assert (kept["error"], kept["state"]) == (told["error"], told["state"])
    assert "exists already" in err
    code, out, err = run("export", "sample", "--format", "pdf", "--json")
    told = json.loads(out)
    assert (code, told["run"], told["result"], told["error"]["error"]) == (11, None, "failed", "UnknownFormat")
    assert 'no format called "pdf"' in err


def test_a_partial_export_ends_with_three(run, monkeypatch):
    """An export that had to leave something out ends with code 3 and says why."""
    broken = sample()
    broken.library["scene"][1][0]["tags"].append("tag:404")
    monkeypatch.setattr(source, "place_of", lambda *_, **__: Opened(broken, {"type": "sample", "reader": "list"}))
    code, out, err = run("export", "any", "--to", "x.json")
    assert code == 3
    assert b"Exported" in out
    assert "tag:404" in err


def test_options_go_before_the_configuration(run):
    """What is given as an option replaces what the file says; YAML and JSON files mean the same."""
    Path("c.json").write_text(json.dumps({"format": "csv", "kinds": ["tags"], "to": "from-file", "options": {"bom": True}}))
    Path("c.yaml").write_text("format: csv\nkinds: [tags]\nto: from-file\noptions: {bom: true}\n")
    for name in ("c.json", "c.yaml"):
        code, _, err = run("export", "sample", "--config", name, "--to", f"to-{name}", "--option", "names=no", "--fields", "tags.name")
        assert code == 0, err
        assert Path(f"to-{name}", "tags.csv").read_bytes().startswith(b"\xef\xbb\xbfid,name\r\n")
        assert sorted(os.listdir(f"to-{name}")) == ["counts.json", "header.json", "tags.csv"]


def test_runs_and_reports_are_listed(run):
    """`runs` lists the newest first, as words or as JSON, failed ones too; `report` tells sentence and place."""
    assert run("runs") == (0, b"No runs yet.\n", "")
    run("export", "sample", "--to", "x.json")
    run("export", "nowhere", "--to", "y.json")
    lines = run("runs")[1].decode().splitlines()
    assert "failed" in lines[0]
    assert "ok" in lines[1]
    listed = json.loads(run("runs", "--json")[1])
    assert [found["result"] for found in listed] == ["failed", "ok"]
    code, out, _ = run("report", listed[1]["run"])
    sentence, path = out.decode().splitlines()
    assert code == 0
    assert sentence.startswith("Exported")
    assert Path(path).is_file()


def test_help_and_version(run):
    """Every command explains itself; the version is the package's."""
    assert run("--version")[1].decode().strip() == __version__
    for command in cli._commands():
        code, out, _ = run(command, "--help")
        assert code == 0
        assert command in out.decode()


def test_an_error_without_a_name_is_told_in_words(run, monkeypatch):
    """A bug ends in a sentence, not in a trace, and with the code of what has no name."""
    monkeypatch.setitem(cli._commands(), "export", cli._commands()["export"]._replace(run=lambda _: 1 // 0))
    code, out, err = run("export", "sample")
    assert (code, out) == (1, b"")
    assert "ZeroDivisionError" in err
    assert "Traceback" not in err


def test_the_keyboard_stops_it(run, monkeypatch):
    """Ctrl-C ends with 130, as shells expect."""
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli._commands(), "runs", cli._commands()["runs"]._replace(run=interrupted))
    code, out, err = run("runs")
    assert (code, out) == (130, b"")
    assert "stopped" in err


def test_odd_bytes_in_names_do_no_harm(tmp_path):
    """A file name that is no UTF-8 is taken, and shown escaped, by the real program."""
    name = os.fsdecode(b"caf\xe9")
    done = program("export", name, "--to", "x", "--state", "state", cwd=tmp_path)
    assert done.returncode == 30
    assert b"caf\\udce9" in done.stderr
    assert done.stdout == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_standard_output_is_an_error(tmp_path):
    """When standard output takes nothing more, the program says so and ends with the code of a place that cannot be written."""
    script = tmp_path / "sample.py"
    script.write_text(SAMPLE.format(lib=str(PROGRAM.parent / "lib")))
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, script, tmp_path / "state"], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 40
    assert b"standard output" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


SAMPLE = """
import sys
sys.path.insert(0, {lib!r})
from stashport import cli
from stashport.jobs.sample import SampleReader
from stashport.stash import source
source.place_of = lambda *_, **__: source.Opened(SampleReader(), {{"type": "sample", "reader": "sample"}})
sys.exit(cli.main(["export", "sample", "--to", "-", "--state", sys.argv[1]]))
"""


@pytest.mark.skipif(os.name == "nt", reason="pipes end otherwise on Windows")
def test_a_reader_that_ends_early_is_an_error(tmp_path):
    """When the program that reads the export ends, it is said in words, and nothing is thrown about."""
    script = tmp_path / "sample.py"
    script.write_text(SAMPLE.format(lib=str(PROGRAM.parent / "lib")))
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run([sys.executable, script, tmp_path / "state"], stdout=write_end, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(write_end)
    assert done.returncode == 40
    assert b"has ended" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_commands_that_ask_nobody_import_no_http(tmp_path):
    """Listing runs imports neither requests nor SQLite: it must be quick on a small machine."""
    code = f"import sys; sys.path.insert(0, {str(PROGRAM.parent / 'lib')!r}); from stashport import cli; cli.main(['runs', '--state', {str(tmp_path)!r}]); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    for heavy in ("'requests'", "'sqlite3'", "'urllib3'", "'ssl'", "'asyncio'"):
        assert heavy not in loaded
    assert everything_below(tmp_path) == ["packages"] * (tmp_path / "packages").exists()
