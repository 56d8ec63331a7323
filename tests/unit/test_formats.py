"""Formats: whatever a library holds is written, and read back as it was; what is written is what other programs take for that format."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from stashport import formats
from stashport.formats._cells import _escape, split
from stashport.model.fields import BY_NAME, BY_PLURAL, KINDS
from stashport.model.records import encode
from stashport.output.proof import prove
from support.records import HOSTILE, PACKINGS, ListReader, lines_of, option_sets, packings, read, sample, some_text, tables, write

COMPRESSIONS = ("none", "gzip", "zip")
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COMBINATIONS = [(name, options, compress) for name in formats.readable() for options in option_sets(name) for compress in packings(name)]


def said(combination):
    """A combination in words, for the list of tests."""
    name, options, compress = combination
    return "-".join([name, *(key for key, on in options.items() if on), compress])


@pytest.mark.parametrize("combination", COMBINATIONS, ids=said)
def test_sample_comes_back_from_every_combination(combination, tmp_path):
    """The sample library is the same after each format, with each of its options and each compression, and the file proves."""
    name, options, compress = combination
    path = write(tmp_path / "export", name, sample(), options=options, compress=compress)
    assert sorted(read(path)) == sorted(lines_of(sample()))
    assert prove(path).errors == []


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_records_come_back(kind, data):
    """Random records of each kind, with whatever their types allow, are the same after each format."""
    reader = ListReader({kind: data.draw(tables(BY_NAME[kind]))}, size=data.draw(st.integers(1, 3)))
    for name in formats.readable():
        compress = data.draw(st.sampled_from(packings(name)))
        options = data.draw(st.sampled_from(option_sets(name)))
        with tempfile.TemporaryDirectory() as folder:
            path = write(Path(folder, "export"), name, reader, options=options, compress=compress)
            assert read(path) == lines_of(reader)


@pytest.mark.parametrize("name", formats.readable())
def test_each_hostile_text_comes_back(name, tmp_path):
    """Each text of the list of hostile ones survives alone, in lists, beside an empty text, as a key and in free JSON."""
    wanted = {"tag": ("name", "aliases"), "performer": ("custom_fields", "stash_ids"), "saved_filter": ("object_filter",)}
    fields = {kind: tuple(f for f in BY_NAME[kind].fields if f.name in names) for kind, names in wanted.items()}
    records = {kind: [] for kind in wanted}
    for number, text in enumerate(HOSTILE, 1):
        records["tag"].append({"id": f"tag:{number}", "name": text, "aliases": ["", text, "", text, ""]})
        row = {"endpoint": text, "stash_id": None, "updated_at": text}
        records["performer"].append({"id": f"performer:{number}", "stash_ids": [row, row], "custom_fields": {text: text, "b": ""}})
        records["saved_filter"].append({"id": f"saved_filter:{number}", "object_filter": {text: [text, None]}})
    reader = ListReader({kind: (fields[kind], records[kind]) for kind in wanted})
    for number, options in enumerate(option_sets(name)):
        got = [json.loads(line) for line in read(write(tmp_path / str(number), name, reader, options=options))]
        assert [dict(sorted(r.items())) for r in got] == [dict(sorted(json.loads(line).items())) for line in lines_of(reader)]


@pytest.mark.parametrize("name", formats.readable())
@pytest.mark.parametrize("number", [0.0, -0.0, 5e-324, 1.7976931348623157e308, 0.1, -1e16, 1e22, 123456789.123456789, 2.0**53])
def test_floats_keep_every_bit(name, number, tmp_path):
    """A float is the same to its last bit, however large or small."""
    fields = tuple(f for f in BY_NAME["scene"].fields if f.name == "play_duration")
    reader = ListReader({"scene": (fields, [{"id": "scene:1", "play_duration": number}])})
    assert read(write(tmp_path / "x", name, reader)) == [encode({"id": "scene:1", "play_duration": number})]


@pytest.mark.parametrize("name", formats.readable())
def test_empty_batches_and_kinds_without_records(name, tmp_path):
    """A source that tells an empty batch first, or no record at all, makes a valid export."""
    fields = tuple(f for f in BY_NAME["tag"].fields if f.name == "name")

    class Halting(ListReader):
        def batches(self, kind, chosen, only=None):
            for batch in super().batches(kind, chosen, only):
                yield type(batch)(records=[])
                yield batch
                yield type(batch)(records=[])

    two = [{"id": "tag:1", "name": "a"}, {"id": "tag:2", "name": None}]
    path = write(tmp_path / "x", name, Halting({"tag": (fields, two), "studio": (BY_NAME["studio"].fields, [])}, size=1))
    assert read(path) == [encode(record) for record in two]
    proof = prove(path)
    assert (proof.errors, proof.counts.get("tags"), proof.counts.get("studios", 0)) == ([], 2, 0)
    if not path.is_dir() and name == "json":
        assert json.loads(path.read_bytes())["tags"] == two
    if not path.is_dir() and name == "ndjson":
        assert len(path.read_bytes().splitlines()) == 4


def test_absent_null_and_empty_stay_apart(tmp_path):
    """JSON and NDJSON keep an absent field absent for each record; null, an empty list and an empty map stay what they are."""
    fields = tuple(f for f in BY_NAME["tag"].fields if f.name in ("name", "aliases", "custom_fields"))
    records = [{"id": "tag:1", "name": None, "aliases": [], "custom_fields": {}}, {"id": "tag:2", "name": "x", "aliases": [""], "custom_fields": {"a": 1}}]
    reader = ListReader({"tag": (fields, records)})
    for name in formats.readable():
        assert read(write(tmp_path / name, name, reader)) == [encode(record) for record in records]
        without = ListReader({"tag": (fields[:1], [{"id": "tag:1", fields[0].name: None}])})
        assert read(write(tmp_path / f"{name}-absent", name, without)) == [encode({"id": "tag:1", fields[0].name: None})]


def test_json_is_json_for_everybody(tmp_path):
    """The JSON export is one document for Python's own reader: header first, a list a kind, counts last."""
    document = json.loads(write(tmp_path / "x.json", "json", sample()).read_text("utf-8"))
    kinds = [kind.plural for kind in sample().kinds()]
    assert list(document) == ["header", *kinds, "counts"]
    assert [encode(record) for name in kinds for record in document[name]] == lines_of(sample())
    assert document["counts"] == {name: len(document[name]) for name in kinds}


def test_ndjson_is_a_document_a_line(tmp_path):
    """Each line of NDJSON is one JSON object, in UTF-8, ending in a line feed: header, records in canonical form, counts."""
    data = write(tmp_path / "x", "ndjson", sample()).read_bytes()
    assert data.endswith(b"\n")
    first, *records, last = data[:-1].split(b"\n")
    assert "format_version" in json.loads(first)["ndjson"]
    assert sum(json.loads(last)["counts"].values()) == len(records)
    assert records == lines_of(sample())
    assert data.decode("utf-8")


def tables_of(path):
    """Every table of an export as the csv module reads it."""
    return {file.name: list(csv.reader(io.StringIO(file.read_text("utf-8-sig", "surrogateescape"), newline=""), strict=True)) for file in path.glob("*.csv")}


def test_csv_is_rfc_4180(tmp_path):
    """The tables are rectangular for Python's csv module, lines end in CR LF, and no two columns share a title."""
    path = write(tmp_path / "x", "csv", sample())
    for name, rows in tables_of(path).items():
        assert {len(row) for row in rows} == {len(rows[0])}, name
        assert len(set(rows[0])) == len(rows[0]), name
        assert rows[0][0] == "id"
        data = (path / name).read_bytes()
        assert data.endswith(b"\r\n")
        assert b"\n" not in data.replace(b"\r\n", b"").replace(b"whatever the weather", b"") or '"' in data.decode()


def test_csv_mark_is_there_when_wanted_only(tmp_path):
    """With the option every table begins with the byte order mark, without it none does."""
    for bom in (True, False):
        path = write(tmp_path / str(bom), "csv", sample(), options={"bom": bom})
        assert {file.read_bytes().startswith(b"\xef\xbb\xbf") for file in path.glob("*.csv")} == {bom}


def test_csv_names_stand_beside_ids(tmp_path):
    """Columns for people tell the names of what is referred to, and only when they are asked for."""
    rows = tables_of(write(tmp_path / "x", "csv", sample()))["scenes.csv"]
    first = dict(zip(*rows[:2], strict=True))
    assert first["performers (names)"] == "Jane Doe; Jane Doe"
    assert first["studio (names)"] == "Lantern Pictures"
    plain = tables_of(write(tmp_path / "y", "csv", sample(), options={"names": False}))["scenes.csv"]
    assert not [title for title in plain[0] if "(" in title]


@settings(max_examples=30, deadline=None)
@given(st.lists(some_text() | st.sampled_from(RISKY), min_size=1, max_size=8))
@example([start + "cmd" for start in RISKY])
def test_safe_csv_leaves_no_formula(texts):
    """With `safe` no cell begins as a formula does, in no column; a cell that begins with a minus is a number and nothing but a number."""
    tag = BY_NAME["tag"]
    records = [{"id": f"tag:{n}", "name": text, "aliases": [text], "parents": [f"tag:{n}"], "custom_fields": {text: text}} for n, text in enumerate(texts, 1)]
    fields = tuple(f for f in tag.fields if f.name in ("name", "aliases", "parents", "custom_fields"))
    numbers = tuple(f for f in BY_NAME["scene"].fields if f.name in ("rating100", "play_duration", "title"))
    scene = {"id": "scene:1", "title": texts[0], "rating100": -5, "play_duration": -0.5}
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "x"), "csv", ListReader({"tag": (fields, records), "scene": (numbers, [scene])}), options={"safe": True, "names": True})
        cells = [cell.replace("\0", "") for file in path.glob("*.csv") for row in csv.reader(io.StringIO(
            file.read_text("utf-8", "surrogateescape").replace("\0", ""), newline="")) for cell in row]
    assert [cell for cell in cells if cell.startswith(RISKY) and not re.fullmatch(r"-[0-9.]+(e-?[0-9]+)?", cell)] == []


@given(st.lists(st.text(alphabet="a|\\e,'", max_size=6), max_size=6))
def test_a_list_in_a_cell_comes_back(items):
    """Joining a list's items into a cell and splitting them again gives the same list."""
    assert split("|".join(map(_escape, items))) == items


@pytest.mark.parametrize(("name", "compress"), [(name, compress) for name in formats.readable() if len(packings(name)) > 1 for compress in packings(name)])
def test_the_same_records_make_the_same_bytes(name, compress, tmp_path):
    """Packing adds no time and no name: two exports of the same records are equal byte for byte."""
    one, two = (write(tmp_path / n, name, sample(), compress=compress) for n in ("one", "two"))
    files = sorted(path.relative_to(one) for path in one.rglob("*")) if one.is_dir() else [Path()]
    assert [(one / file).read_bytes() for file in files] == [(two / file).read_bytes() for file in files]


@pytest.mark.parametrize("name", [name for name in formats.readable() if "zip" in packings(name)])
def test_a_zip_is_a_zip_for_everybody(name, tmp_path):
    """Python's zipfile finds nothing wrong with a packed export."""
    with zipfile.ZipFile(write(tmp_path / "x.zip", name, sample(), compress="zip")) as packed:
        assert packed.testzip() is None


@pytest.mark.parametrize("name", ["json", "ndjson"])
def test_a_mark_and_white_space_in_front_are_no_damage(name, tmp_path):
    """Editors put a byte order mark or spaces in front: the file is still known and read."""
    path = write(tmp_path / "x", name, sample())
    path.write_bytes(b"\xef\xbb\xbf " + path.read_bytes())
    assert prove(path).valid
    assert read(path) == lines_of(sample())


FOURTH = '''"""Lines: a format of a test."""
import json
from stashport.errors import BadFile
from stashport.formats._lines import check_header
from stashport.model.fields import BY_NAME
from stashport.model.records import Batch, encode
NAME, LABEL, EXTENSION, FOLDER = "lined", "Lined", "lined", False
DESCRIPTION, OPTIONS = "of a test", ()
class _Writer:
    def __init__(self, members, header):
        self.file = members.open("library.lined")
        self.file.write(b"lined" + json.dumps(header).encode() + b"\\n")
    def begin(self, kind, fields): pass
    def write(self, batch):
        self.file.writelines(line + b"\\n" for line in batch.lines)
    def finish(self, counts):
        self.file.write(json.dumps(counts).encode() + b"\\n")
        self.file.close()
class _Reading:
    def __init__(self, members):
        with members.open(members.names()[0]) as file:
            first, *self.lines, last = file.read().splitlines()
        self.header, self.counts = check_header(json.loads(first[5:]), members.place, LABEL), json.loads(last)
    def batches(self):
        for line in self.lines:
            record = json.loads(line)
            yield BY_NAME[record["id"].partition(":")[0]], Batch(records=[record])
def write(members, header, options): return _Writer(members, header)
def read(members): return _Reading(members)
def recognises(members):
    if len(members.names()) != 1: return False
    with members.open(members.names()[0]) as file: return file.read(5) == b"lined"
'''


@pytest.fixture
def fourth(tmp_path, monkeypatch):
    """A folder with one more format in it, found beside the others during a test."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "lined.py").write_text(FOURTH, "utf-8")
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(folder)])
    formats.names.cache_clear()
    yield "lined"
    formats.names.cache_clear()
    sys.modules.pop("stashport.formats.lined", None)


def test_a_file_more_is_a_format_more(fourth, tmp_path, capsys):
    """A format added as one file is listed, exported to by the job and the command line's checks, packed, detected, read back and proven."""
    from stashport import cli
    from stashport.jobs.operations import answer
    from stashport.runs.state import State
    from support.records import run_export

    assert fourth in formats.names()
    hello = answer("hello", {}, State(tmp_path / "state"), tmp_path)
    assert "Lined" in [found["label"] for found in hello["formats"]]
    for compress in PACKINGS:
        run = run_export(sample(), tmp_path / "state", format=fourth, to=tmp_path / f"x-{compress}", compress=compress)
        assert run.result == "ok"
        assert read(tmp_path / f"x-{compress}") == lines_of(sample())
    assert cli.main(["export", str(tmp_path / "nowhere"), "--format", fourth, "--state", str(tmp_path / "state")]) == 30
    assert "nothing to read" in capsys.readouterr().err


def test_every_kind_of_value_is_tried():
    """The random records use every type of field that the table knows, and each kind of record."""
    used = {f.type for kind in KINDS for f in kind.fields} | {inner.type for kind in KINDS for f in kind.fields for inner in f.fields}
    assert used == {"text", "int", "float", "bool", "date", "time", "ref", "image", "json", "texts", "times", "refs", "rows", "map"}
    assert set(BY_PLURAL) == {kind.plural for kind in KINDS}
