"""Damaged, cut, newer and hostile files: always an error with a name, or a proof that is not valid; never another exception, never silence."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import shutil
import sys
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport import formats
from stashport.errors import BadFile, NewerFile, PortError
from stashport.formats import _lines
from stashport.formats import csv as csv_format
from stashport.formats import ndjson as ndjson_format
from stashport.model.fields import BY_NAME, FORMAT_VERSION
from stashport.output.proof import prove
from support.records import HEADER, ListReader, read, sample, write

PLAIN = ["json", "ndjson"]


def small():
    """Three records of two kinds that refer to one another."""
    tag = tuple(f for f in BY_NAME["tag"].fields if f.name in ("name", "favorite", "parents", "custom_fields"))
    scene = tuple(f for f in BY_NAME["scene"].fields if f.name in ("title", "rating100", "tags", "play_duration", "scene_markers"))
    tags = [{"id": "tag:1", "name": 'a "b", é', "favorite": True, "parents": [], "custom_fields": {"k": 1}},
            {"id": "tag:2", "name": None, "favorite": False, "parents": ["tag:1"], "custom_fields": {}}]
    marker = {"title": "m", "primary_tag": "tag:2", "created_at": "2020-01-01T00:00:00Z", "updated_at": None, "seconds": 1.5, "end_seconds": None, "tags": ["tag:1"]}
    scenes = [{"id": "scene:7", "title": "t", "rating100": 5, "play_duration": 0.5, "tags": ["tag:1", "tag:2"], "scene_markers": [marker]}]
    return ListReader({"tag": (tag, tags), "scene": (scene, scenes)})


def look(path):
    """The errors that a proof or an error of ours tells of a file; any other exception is a failure of the test."""
    try:
        return prove(path).errors
    except PortError as error:
        assert type(error) is not PortError
        return [error.message]


def look_only_reading(path):
    """True when reading without a proof ends well, False when it ends in an error of ours."""
    try:
        read(path)
    except PortError as error:
        assert type(error) is not PortError
        return False
    return True


@pytest.mark.parametrize("compress", ["none", "gzip", "zip"])
@pytest.mark.parametrize("name", PLAIN)
def test_a_file_cut_anywhere_is_never_whole(name, compress, tmp_path):
    """A file cut at any of its bytes is refused."""
    data = write(tmp_path / "whole", name, small(), compress=compress).read_bytes()
    assert look(tmp_path / "whole") == []
    cut = tmp_path / "cut"
    last = data.rstrip(b"\n")
    for length in range(len(last)):
        cut.write_bytes(data[:length])
        assert look(cut), f"cut at {length} of {len(data)}"


def same_but_for_the_last_cell(cut, whole):
    """Whether two tables have the same cells, apart from the very last one."""
    one, two = ([cell for row in csv.reader(io.StringIO(data.decode("utf-8", "ignore"), newline="")) for cell in [*row, ""]] for data in (cut, whole))
    return one[:-2] == two[:-2]


def test_a_table_cut_anywhere_is_never_whole(tmp_path):
    """A folder of tables with one file cut at any of its bytes, or gone, is refused, unless only the last cell of a table is shorter by that."""
    whole = write(tmp_path / "whole", "csv", small())
    for file in sorted(whole.iterdir()):
        data = file.read_bytes()
        for length in range(len(data.rstrip(b"\r\n"))):
            file.write_bytes(data[:length])
            assert look(whole) or same_but_for_the_last_cell(data[:length], data), f"{file.name} cut at {length}"
        file.unlink()
        assert look(whole), f"without {file.name}"
        file.write_bytes(data)
    assert look(whole) == []


@pytest.mark.parametrize(("name", "compress"), [(name, compress) for name in ("json", "ndjson", "csv") for compress in ("gzip", "zip")])
def test_a_flipped_bit_in_a_packed_file_is_found(name, compress, tmp_path):
    """Packed exports carry checksums: a flipped bit is an error, or it was in a time stamp and the records are the same."""
    whole = write(tmp_path / "whole", name, small(), compress=compress)
    wanted = read(whole)
    file = whole if whole.is_file() else whole / "scenes.csv.gz"
    data = file.read_bytes()
    rng = random.Random(1)
    for at in range(0, len(data), 1 + len(data) // 1000):
        file.write_bytes(data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :])
        errors = look(whole)
        assert errors or read(whole) == wanted, f"byte {at}"


@pytest.mark.parametrize("name", formats.readable())
def test_flipped_bytes_never_surprise(name, tmp_path):
    """In plain files a changed byte may make another text, but never an exception without a name, and never a lost or doubled record."""
    whole = write(tmp_path / "whole", name, small())
    rng = random.Random(2)
    for file in [whole] if whole.is_file() else sorted(whole.iterdir()):
        data = file.read_bytes()
        for _ in range(250 if whole.is_file() else 40):
            at = rng.randrange(len(data))
            file.write_bytes(data[:at] + bytes([rng.choice(b'\x00\xff"\n,{}[]:\\01') ^ rng.choice((0, 1))]) + data[at + 1 :])
            if not look(whole):
                assert len(read(whole)) == 3
            look_only_reading(whole)
        file.write_bytes(data)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=60) | st.sampled_from([b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x1f\x8b", b"\x1f\x8b\x08" + bytes(20)]), front=st.sampled_from([b"", b'{"header":', b'{"ndjson":', b"PK"]))
def test_any_bytes_are_refused_with_a_name(data, front, tmp_path_factory):
    """Random bytes, alone or behind what a format begins with, are refused."""
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(front + data)
    assert look(path)
    assert not look_only_reading(path)


def documents():
    """(what, JSON document) for each way in which a document can be wrong."""
    good = json.loads('{"header":{},"tags":[{"id":"tag:1","name":"a","parents":[]}],"settings":[{"id":"setting:a.b","value":1}],"counts":{"tags":1,"settings":1}}')
    good["header"] = {**HEADER, "fields": {"tags": ["name", "parents"], "settings": ["value"]}}

    def changed(path, value):
        document = json.loads(json.dumps(good))
        *way, last = path
        inner = document
        for step in way:
            inner = inner[step]
        inner[last] = value
        return document

    yield "header is a list", changed(["header"], [])
    yield "no version", changed(["header"], {})
    yield "version is text", changed(["header", "format_version"], "1")
    yield "version is true", changed(["header", "format_version"], True)
    yield "version is 0", changed(["header", "format_version"], 0)
    yield "newer", changed(["header", "format_version"], FORMAT_VERSION + 1)
    yield "unknown part", changed(["stashes"], [])
    yield "unknown kind", changed(["tags", 0, "id"], "stash:1")
    yield "other kind", changed(["tags", 0, "id"], "scene:1")
    yield "no number", changed(["tags", 0, "id"], "tag:x")
    yield "strange digit", changed(["tags", 0, "id"], "tag:²")
    yield "wrong sign", changed(["tags", 0, "id"], "tag:-1")
    yield "id is a number", changed(["tags", 0, "id"], 1)
    yield "id is null", changed(["tags", 0, "id"], None)
    yield "id is a list", changed(["tags", 0, "id"], [])
    yield "no id", changed(["tags", 0], {"name": "a"})
    yield "doubled", changed(["tags"], [good["tags"][0]] * 2) | {"counts": {"tags": 2, "settings": 1}}
    yield "doubled setting", changed(["settings"], good["settings"] * 2) | {"counts": {"tags": 1, "settings": 2}}
    yield "record is a list", changed(["tags", 0], [])
    yield "record is a number", changed(["tags", 0], 5)
    yield "part is an object", changed(["tags"], {})
    yield "part is null", changed(["tags"], None)
    yield "unknown field", changed(["tags", 0, "nome"], "a")
    yield "field is missing", changed(["tags", 0], {"id": "tag:1", "name": "a"})
    yield "header tells no fields", changed(["header", "fields"], None)
    yield "header tells fields of other kinds", changed(["header", "fields"], {"settings": ["value"]})
    yield "text is a number", changed(["tags", 0, "name"], 5)
    yield "text is an object", changed(["tags", 0, "name"], {})
    yield "flag is a number", changed(["tags", 0, "favorite"], 1)
    yield "list is a text", changed(["tags", 0, "aliases"], "ab")
    yield "list of numbers", changed(["tags", 0, "aliases"], [1])
    yield "rows are texts", changed(["tags", 0, "stash_ids"], ["a"])
    yield "row with more", changed(["tags", 0, "stash_ids"], [{"stash": 1}])
    yield "row with less sense", changed(["tags", 0, "stash_ids"], [{"endpoint": 1}])
    yield "map is a list", changed(["tags", 0, "custom_fields"], [])
    yield "reference to nothing", changed(["tags", 0, "parents"], ["tag:9"])
    yield "reference to another kind", changed(["tags", 0, "parents"], ["scene:1"])
    yield "reference is a number", changed(["tags", 0, "parents"], [1])
    yield "reference is a list", changed(["tags", 0, "parents"], [[]])
    yield "image is a number", changed(["tags", 0, "image"], 7)
    yield "counts off by one", changed(["counts", "tags"], 2)
    yield "counts are text", changed(["counts", "tags"], "1")
    yield "counts forget a kind", changed(["counts"], {"tags": 1})
    yield "counts are a list", changed(["counts"], [1])
    yield "counts are null", changed(["counts"], None)
    yield "more after the counts", {**good, "tags2": []}


@pytest.mark.parametrize(("what", "document"), list(documents()), ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("name", PLAIN)
def test_wrong_documents_are_refused(name, what, document, tmp_path):
    """Each thing that can be wrong in a document makes its proof fail, or is refused at once."""
    path = tmp_path / "x"
    if name == "json":
        path.write_text(json.dumps(document))
    else:
        records = [record for part, records in document.items() if part not in ("header", "counts") for record in records or ()]
        if what in ("part is an object", "part is null", "unknown part", "more after the counts"):
            records.append({})
        path.write_text("".join(json.dumps(line) + "\n" for line in [{"ndjson": document["header"]}, *records, {"counts": document["counts"]}]))
    errors = look(path)
    assert errors, what
    assert all("Error" not in error for error in errors)
    look_only_reading(path)
    if what == "newer":
        with pytest.raises(NewerFile):
            read(path)


@pytest.mark.parametrize(("text", "reason"), [
    ('{"header":%s,"tags":[}', "json"), ('{"header":%s,[1]:2}', "part"), ('{"header":%s,5:[]}', "part"), ('{"header":%s,"tags":[1.5e5]}', "no record"),
    ('{"header":%s,"tags":[] "counts":{}}', "should be"), ('{"header":%s,"counts":{}} x', "end"), ('{"header":%s,"counts":{},"tags":[]}', "end"),
    ('{"header":%s,"counts":{}}{}', "end"), ('{"header":%s', "end"), ('{"header"', "cannot be read"), ('{"header":%s,"tags":[{"id":"tag:1"},]}', "json"),
    ('{"header":%s,"tags":[NaN],"counts":{}}', "no record"), ('{"header":%s,"tags":["\\ud800"],"counts":{"tags":1}}', "no record"),
])
def test_wrong_json_is_refused(text, reason, tmp_path):
    """What is no JSON, or goes on after its end, is told in words."""
    path = tmp_path / "x"
    path.write_text(text.replace("%s", json.dumps(HEADER)))
    assert reason in " ".join(look(path)).lower()
    look_only_reading(path)


@pytest.mark.parametrize("name", ["json", "ndjson", "csv"])
def test_huge_nesting_is_refused(name, tmp_path):
    """A value nested a hundred thousand times is refused, wherever it stands."""
    deep = "[" * 100_000 + "]" * 100_000
    path = tmp_path / "x"
    if name == "csv":
        path = write(path, "csv", sample())
        for file, text in (("saved_filters.csv", f'id,object_filter\r\nsaved_filter:1,"{deep}"\r\n'), ("header.json", deep), ("counts.json", deep)):
            kept = (path / file).read_bytes()
            (path / file).write_text(text)
            assert look(path), file
            assert not look_only_reading(path), file
            (path / file).write_bytes(kept)
        return
    for text in (f'{{"header":{deep}}}', f'{{"header":{json.dumps(HEADER)},"tags":[{deep}]}}', f'{{"ndjson":{json.dumps(HEADER)}}}\n{deep}\n', f'{{"ndjson":{deep}}}\n'):
        path.write_text(text)
        assert look(path)
        assert not look_only_reading(path)


@pytest.mark.parametrize(("file", "text"), [
    ("scenes.csv", "id,nome\r\nscene:1,x\r\n"), ("scenes.csv", "id,title,title\r\nscene:1,x,y\r\n"), ("scenes.csv", "title\r\nscene:1\r\n"), ("scenes.csv", ""),
    ("scenes.csv", "\r\n\r\n"), ("scenes.csv", 'id,title\r\nscene:1,"x\r\n'), ("scenes.csv", 'id,title\r\nscene:1,"x"y\r\n'), ("scenes.csv", "id,title\r\nscene:1\r\n"),
    ("scenes.csv", "id,rating100\r\nscene:1,many\r\n"), ("scenes.csv", "id,resume_time\r\nscene:1,nan\r\n"), ("scenes.csv", "id,resume_time\r\nscene:1,1e999\r\n"),
    ("scenes.csv", "id,organized\r\nscene:1,perhaps\r\n"), ("scenes.csv", "id,title\r\nscene:1,a\r\nscene:1,b\r\n"), ("scenes.csv", "id,rating100\r\nscene:1," + "9" * 5000),
    ("scenes.groups.csv", "id,group,scene_index\r\nscene:9,group:2,1\r\n"), ("scenes.groups.csv", "id,group,scene_index\r\nscene:1,group:2,x\r\n"),
    ("performers.custom_fields.csv", "id,field,value\r\nperformer:1,a,{\r\n"), ("performers.custom_fields.csv", "id,value\r\nperformer:1,1\r\n"),
    ("header.json", "[]"), ("header.json", "{}"), ("header.json", ""), ("header.json", '{"format_version":1e3}'), ("header.json", '{"format_version":99}'),
    ("counts.json", "[]"), ("counts.json", "{}"), ("counts.json", "null"), ("counts.json", ""), ("counts.json", '{"tags":{}}'),
])  # fmt: skip
def test_wrong_tables_are_refused(file, text, tmp_path):
    """Each thing that can be wrong in a table, its titles, the header and the counts makes the proof fail."""
    path = write(tmp_path / "x", "csv", sample())
    (path / file).write_text(text, newline="")
    assert look(path), text[:40]
    look_only_reading(path)


def test_odd_but_harmless_headers_are_read(tmp_path):
    """A header with parts of other types than usual is read as far as it is needed."""
    path = write(tmp_path / "x", "csv", sample(), options={"safe": False}, header={**HEADER, "images": "x"})
    header = json.loads((path / "header.json").read_text())
    for value in (None, 5, "safe", []):
        (path / "header.json").write_text(json.dumps({**header, "csv": value}))
        assert look_only_reading(path)


@pytest.mark.parametrize("front", ['{"header":{"a":"', '{"ndjson":{"a":"', '{"ndjson":' + json.dumps(HEADER) + '}\n{"id":"tag:1","name":"', '{"header":' + json.dumps(HEADER) + ',"tags":[{"id":"'])
def test_bombs_end_at_a_limit(front, tmp_path, monkeypatch):
    """A packed file that grows without end inside one value is given up after the limit, not when memory is gone."""
    limit, size = 1 << 16, 50 << 20
    monkeypatch.setattr(_lines, "LONGEST", limit)
    monkeypatch.setattr(_lines, "CHUNK", 1 << 12)
    monkeypatch.setattr(ndjson_format, "LONGEST", limit)
    path = tmp_path / "bomb"
    with gzip.open(path, "wb", 1) as file:
        file.write(front.encode())
        for _ in range(size >> 20):
            file.write(b"x" * (1 << 20))
    taken = [0]

    def counted(self, size=-1, real=gzip.GzipFile.read):
        data = real(self, size)
        taken[0] += len(data)
        return data

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    assert "larger than 64 MB" in look(path)[0] or "longer than 64 MB" in look(path)[0]
    assert taken[0] < size // 4


def test_a_bomb_in_a_table_ends_at_a_limit(tmp_path, monkeypatch):
    """A table whose one line never ends is given up after the limit, and so is a cell that never ends."""
    monkeypatch.setattr(csv_format, "LONGEST", 1 << 16)
    for text in ("id,title\r\nscene:1," + "x" * (1 << 18), "id" + ",x" * (1 << 18)):
        path = write(tmp_path / str(len(text)), "csv", sample())
        (path / "scenes.csv").write_text(text)
        assert "longer than 64 MB" in look(path)[0]


def test_ids_far_apart_take_no_memory(tmp_path):
    """Ids that no library has, each far from the other, are refused before they fill the memory."""
    path = tmp_path / "x"
    with path.open("w") as file:
        file.write(json.dumps({"ndjson": {**HEADER, "fields": {"tags": []}}}) + "\n")
        file.writelines(f'{{"id":"tag:{number << 17}"}}\n' for number in range(60_000))
        file.write('{"counts":{"tags":60000}}\n')
    assert "apart" in look(path)[0]


@pytest.mark.parametrize("names", [["../evil"], ["/evil"], ["a\\b"], ["C:evil"], ["a/../../b"], ["library.json", "library.json"], ["a\nb"]])
def test_zips_with_hostile_names_are_refused(names, tmp_path):
    """Members that would lie outside, or two with one name, make a ZIP that is not even looked into."""
    path = tmp_path / "x.zip"
    with pytest.warns(UserWarning, match="Duplicate") if len(set(names)) < len(names) else memory_of_nothing(), zipfile.ZipFile(path, "w") as packed:
        for name in names:
            packed.writestr(zipfile.ZipInfo(name), "{}")
    with pytest.raises(BadFile):
        read(path)


def memory_of_nothing():
    """A context that does nothing."""
    import contextlib

    return contextlib.nullcontext()


def test_zips_that_cannot_be_unpacked_are_refused(tmp_path):
    """An encrypted member, an unknown packing and a wrong checksum are told as damage."""
    whole = write(tmp_path / "whole", "ndjson", small(), compress="zip").read_bytes()
    name = whole.index(b"library.ndjson")
    central = whole.rindex(b"PK\x01\x02")
    flags_local, flags_central = name - 30 + 6, central + 8
    for at_local, at_central, value in ((flags_local, flags_central, 1), (flags_local + 2, flags_central + 2, 99)):
        data = bytearray(whole)
        data[at_local] |= value
        data[at_central] |= value
        (tmp_path / "x").write_bytes(data)
        assert look(tmp_path / "x")
        assert not look_only_reading(tmp_path / "x")


def test_packed_garbage_is_refused(tmp_path):
    """A stream that stops being one in its middle is damage, in each format's first and last look."""
    for text in (b'{"ndjson":', b'{"header":', b""):
        path = tmp_path / "x"
        packed = gzip.compress(text + b" " * 100_000, mtime=0)
        path.write_bytes(packed[:30] + zlib.compress(b"other")[2:] + packed[30:])
        assert look(path)
        assert not look_only_reading(path)


def test_a_folder_that_is_no_export_is_refused(tmp_path):
    """An empty folder, one with other files and one with half an export are refused."""
    assert look(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    assert look(tmp_path)
    whole = write(tmp_path / "x", "csv", sample())
    for file in whole.glob("*.csv"):
        file.unlink()
    assert look(whole)
    shutil.rmtree(whole)


def test_recursion_limit_is_the_usual_one():
    """The tests of nesting mean something: Python's own limit holds."""
    assert sys.getrecursionlimit() < 100_000
