"""The export job: what may be asked for, what is refused and how, what its run says, and what it leaves behind."""

from __future__ import annotations

import json
import os

import pytest
from stashport import errors
from stashport.jobs.context import Context
from stashport.jobs.export import export
from stashport.jobs.export_config import ExportConfig
from stashport.jobs.sample import SampleReader
from stashport.runs.history import adds_up, list_runs, load
from stashport.runs.state import State
from stashport.stash.source import DatabaseFile, Opened
from support.records import everything_below, lines_of, read, run_export, sample

REFUSED = [
    ({"format": "pdf"}, errors.UnknownFormat), ({"format": "_lines"}, errors.UnknownFormat), ({"format": "../json"}, errors.UnknownFormat),
    ({"format": 5}, errors.UnknownFormat), ({"format": []}, errors.UnknownFormat),
    ({"kinds": "scene,movie"}, errors.UnknownKind), ({"kinds": ["tags", "x"]}, errors.UnknownKind), ({"kinds": [5]}, errors.BadRequest),
    ({"kinds": {"tags": 1}}, errors.BadRequest), ({"fields": {"movies": ["a"]}}, errors.UnknownKind),
    ({"fields": {"scenes": ["titel"]}}, errors.UnknownField), ({"fields": {"scenes": "title,tagz"}}, errors.UnknownField),
    ({"fields": ["title"]}, errors.BadRequest), ({"fields": {"scenes": 5}}, errors.BadRequest), ({"fields": {"scenes": [None]}}, errors.BadRequest),
    ({"kind": "scenes"}, errors.BadRequest), ({"Format": "json"}, errors.BadRequest), ({"": 1}, errors.BadRequest),
    ({"related": "some"}, errors.BadRequest), ({"related": []}, errors.BadRequest), ({"compress": "rar"}, errors.BadRequest), ({"compress": 1}, errors.BadRequest),
    ({"reader": "telepathy"}, errors.BadRequest), ({"images": "perhaps"}, errors.BadRequest), ({"overwrite": 1}, errors.BadRequest),
    ({"includeFiles": []}, errors.BadRequest), ({"options": {"bom": True}}, errors.BadRequest), ({"options": []}, errors.BadRequest),
    ({"format": "csv", "options": {"bomb": True}}, errors.BadRequest), ({"format": "csv", "options": {"bom": "x"}}, errors.BadRequest),
    ({"to": 5}, errors.BadRequest), ({"to": ["x"]}, errors.BadRequest), ({"to": "a\0b"}, errors.BadRequest),
    ({"kinds": "settings", "format": "json"}, errors.BadRequest), ({"kinds": "files", "includeFiles": False}, errors.BadRequest),
    ({"to": "-", "format": "csv"}, errors.NotSupported), ({"to": "-", "compress": "gzip"}, errors.NotSupported), ({"to": "-", "images": True}, errors.NotSupported),
]  # fmt: skip


@pytest.mark.parametrize(("config", "wanted"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_is_refused(config, wanted, tmp_path):
    """Each wrong configuration is an error of its class, told in a sentence, and leaves nothing where the export would have been."""
    out = tmp_path / "out"
    out.mkdir()
    given = {"to": str(out / "x"), **config}
    with pytest.raises(wanted) as raised:
        export(given, Context(State(tmp_path / "state"), Opened(SampleReader(), {"type": "sample", "reader": "sample"})))
    assert type(raised.value) is wanted
    one_sentence(raised.value)
    assert everything_below(out) == []


def one_sentence(error):
    """An error's message and hint are words for a person, without a place that was not filled."""
    assert error.message
    assert error.hint.endswith((".", "?")) or "stash_port.py" in error.hint
    assert "\n" not in error.message + error.hint
    assert "Traceback" not in error.message


def test_close_names_are_offered():
    """A name that is nearly right is answered with the right one."""
    for config, wanted in (({"kindz": 1}, "kinds"), ({"format": "csv", "options": {"safer": True}}, "safe")):
        with pytest.raises(errors.BadRequest, match=f"did you mean {wanted}"):
            ExportConfig.parse(config)
    with pytest.raises(errors.UnknownField) as raised:
        ExportConfig.parse({"fields": {"scenes": ["titel"]}})
    assert "title" in raised.value.hint


def test_the_texts_of_tasks_are_understood():
    """Default arguments of a task are texts: "true", "false" and lists with commas mean what they say; null means what holds anyway."""
    config = ExportConfig.parse({"images": "true", "overwrite": "False", "kinds": " scenes , tag", "fields": {"tag": "name"}, "compress": None, "to": None})
    assert (config.images, config.overwrite, config.kinds, config.fields) == (True, False, ("scenes", "tags"), {"tags": ["name"]})
    assert (config.compress, config.to) == ("none", "")
    json.dumps(config.record())


PLACES = [
    ("file/x", errors.CannotWrite), ("file/deeper/x", errors.CannotWrite), ("n" * 300, errors.CannotWrite), ("~nobody-of-this-name/x", errors.CannotWrite),
    ("there", errors.AlreadyThere), ("link", errors.AlreadyThere), ("folder/there", errors.AlreadyThere),
]


@pytest.mark.parametrize(("place", "wanted"), PLACES, ids=lambda value: str(value)[:30])
def test_places_that_cannot_be_written(place, wanted, tmp_path, monkeypatch):
    """A place that takes no file, or holds one already, is refused before anything is written, and nothing is changed there."""
    out = tmp_path / "out"
    (out / "folder").mkdir(parents=True)
    for name in ("file", "there", "folder/there"):
        (out / name).write_text("mine")
    (out / "link").symlink_to("nowhere")
    before = everything_below(out)
    monkeypatch.chdir(out)
    with pytest.raises(wanted) as raised:
        run_export(sample(), tmp_path / "state", to=place)
    one_sentence(raised.value)
    assert everything_below(out) == before
    assert (out / "there").read_text() == (out / "file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write(tmp_path):
    """A folder that the user may not write to is CannotWrite."""
    out = tmp_path / "out"
    out.mkdir(mode=0o500)
    with pytest.raises(errors.CannotWrite):
        run_export(sample(), tmp_path / "state", to=out / "x")
    out.chmod(0o700)


@pytest.mark.parametrize(("make", "wanted"), [
    (lambda path: None, errors.NoSuchSource), (lambda path: path.mkdir(), errors.NoSuchSource), (lambda path: path.write_bytes(b""), errors.NotADatabase),
    (lambda path: path.write_bytes(b"text" * 500), errors.NotADatabase), (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000), errors.NotADatabase),
])
def test_sources_that_cannot_be_read(make, wanted, tmp_path):
    """What is no Stash database is an error of its class, kept in the run's record, and nothing is written."""
    make(tmp_path / "source")
    with pytest.raises(wanted) as raised:
        export({"to": str(tmp_path / "out" / "x")}, Context(State(tmp_path / "state"), DatabaseFile(tmp_path / "source")))
    one_sentence(raised.value)
    (run,) = list_runs(State(tmp_path / "state"))
    assert (run["result"], run["error"]["error"]) == ("failed", wanted.__name__)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_somebodys_own_is_never_replaced(tmp_path):
    """Overwriting is for exports: a folder that holds anything else is refused and stays as it is; an export is replaced."""
    out = tmp_path / "out"
    (out / "album").mkdir(parents=True)
    (out / "album" / "photo.jpg").write_text("mine")
    with pytest.raises(errors.CannotWrite, match="other things"):
        run_export(sample(), tmp_path / "state", format="csv", to=out / "album", overwrite=True)
    assert everything_below(out) == ["album", "album/photo.jpg"]
    for _ in range(2):
        run_export(sample(), tmp_path / "state", format="csv", to=out / "csv", overwrite=True)
    (out / "csv" / "notes.txt").touch()
    with pytest.raises(errors.CannotWrite):
        run_export(sample(), tmp_path / "state", format="csv", to=out / "csv", overwrite=True)
    assert (out / "csv" / "notes.txt").exists()


def test_the_record_adds_up(tmp_path):
    """The counts of the run, those in the file, those in the sentence and the records in the file are the same; sizes are those on disk."""
    path = tmp_path / "x.json"
    run = run_export(sample(), tmp_path / "state", to=path)
    record = load(State(tmp_path / "state"), run.id)
    document = json.loads(path.read_bytes())
    assert record["result"] == "ok"
    assert run.exit_code == 0
    assert adds_up(record["counts"])
    told = {name: row["created"] for name, row in record["counts"].items()}
    assert sum(told.values()) == sum(document["counts"].values()) == len(lines_of(sample()))
    assert {kind.plural: told[kind.name] for kind in sample().kinds()} == document["counts"]
    assert f"Exported {len(lines_of(sample()))} records" in record["notes"]["sentence"]
    (output,) = record["outputs"]
    assert (output["path"], output["size"]) == (str(path), path.stat().st_size)
    assert record["source"]["type"] == "sample"
    assert record["notes"]["validation"] == {"valid": True, "errors": [], "warnings": []}
    assert (State(tmp_path / "state").run_folder(run.id) / "report.html").is_file()


def test_the_header_says_what_was_chosen_and_what_is_not_inside(tmp_path):
    """The header tells version, source, choices, fields and what was left out with its reason; no place, and nothing of the machine."""
    path = tmp_path / "x.json"
    run_export(sample(), tmp_path / "state", to=path, kinds=["scenes"], fields={"scenes": ["title", "studio"]})
    header = json.loads(path.read_bytes())["header"]
    assert header["format_version"] == 1
    assert header["choices"]["kinds"] == ["scenes"]
    assert header["fields"] == {"scenes": ["title"]}
    assert header["not_inside"]["scene.studio"] == "studios are not exported"
    assert str(tmp_path) not in json.dumps(header)


def test_without_a_place_it_goes_to_the_export_folder(tmp_path):
    """Without a place the export lands in the state folder's exports, or in the folder that the plugin's settings name."""
    run = run_export(sample(), tmp_path / "state")
    assert run.record["outputs"][0]["path"].startswith(str(tmp_path / "state" / "exports" / "stash-"))
    context = Context(State(tmp_path / "state"), Opened(SampleReader(), {"type": "sample", "reader": "sample"}), settings={"outputFolder": str(tmp_path / "mine")})
    assert export({"format": "csv", "compress": "zip"}, context).record["outputs"][0]["path"].startswith(str(tmp_path / "mine" / "stash-"))


@pytest.mark.parametrize(("form", "compress", "ending"), [("json", "none", ".json"), ("json", "gzip", ".json.gz"), ("csv", "zip", ".zip"), ("csv", "none", "-csv")])
def test_a_folder_as_place_gets_a_name_of_ours(form, compress, ending, tmp_path):
    """A place that ends in a slash, or that is a folder, takes a file of a name of ours, which tells moment and format."""
    (tmp_path / "there").mkdir()
    places = [f"{tmp_path}/new/", *([str(tmp_path / "there")] if ending != "-csv" else [])]
    for to in places:
        path = run_export(sample(), tmp_path / "state", to=to, format=form, compress=compress).record["outputs"][0]["path"]
        assert path.startswith(to)
        assert path.endswith(ending)


def test_two_runs_do_not_write_to_one_place(tmp_path):
    """While one run writes to a place, another is told who does, and leaves it alone."""
    from stashport.jobs import export as export_module

    path = tmp_path / "x.json"

    class Interrupting(type(sample())):
        def batches(self, *arguments):
            with pytest.raises(errors.Locked):
                run_export(sample(), tmp_path / "state", to=path)
            return super().batches(*arguments)

    assert export_module
    run = run_export(Interrupting(sample().library), tmp_path / "state", to=path)
    assert run.result == "ok"
    assert read(path) == lines_of(sample())


def test_a_stop_leaves_nothing(tmp_path, monkeypatch):
    """A run that is asked to stop ends as Stopped with its code, leaves no file, and an older one as it was."""
    from stashport.runs import record as record_module
    from stashport.runs.history import request_stop

    monkeypatch.setattr(record_module, "STOP_SECONDS", 0)
    path = tmp_path / "out" / "x.json"
    path.parent.mkdir()
    path.write_text("older")
    state = State(tmp_path / "state")

    class Stopping(type(sample())):
        def batches(self, kind, fields, only=None):
            if kind.name == "scene":
                request_stop(state, list_runs(state)[0]["run"])
            return super().batches(kind, fields, only)

    with pytest.raises(errors.Stopped) as raised:
        run_export(Stopping(sample().library), tmp_path / "state", to=path, overwrite=True)
    assert raised.value.exit_code == errors.STOPPED
    assert everything_below(path.parent) == ["x.json"]
    assert path.read_text() == "older"


def test_a_bug_is_no_success(tmp_path):
    """An exception without a name in a reader leaves nothing behind, and the run says failed, with the trace beside it."""

    class Broken(type(sample())):
        def batches(self, kind, fields, only=None):
            if kind.name == "scene":
                raise ZeroDivisionError("oh")
            return super().batches(kind, fields, only)

    with pytest.raises(ZeroDivisionError):
        run_export(Broken(sample().library), tmp_path / "state", to=tmp_path / "out" / "x", format="csv", compress="zip")
    assert everything_below(tmp_path / "out") == []
    (run,) = list_runs(State(tmp_path / "state"))
    assert (run["result"], run["error"]["error"]) == ("failed", "ZeroDivisionError")
    assert "ZeroDivisionError" in (State(tmp_path / "state").run_folder(run["run"]) / "trace.txt").read_text()
