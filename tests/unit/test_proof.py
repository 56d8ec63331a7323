"""The proof: what is wrong with an export is found, and what is wrong with the library itself is put right and told."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stashport import formats
from stashport.errors import NotProven
from stashport.jobs import export as export_module
from stashport.model.fields import BY_NAME, KINDS
from stashport.output.proof import Proof, prove, replaceable
from stashport.output.shape import checked
from support.records import ListReader, everything_below, lines_of, packings, read, run_export, sample, tables, write

NAMES = formats.readable()


def with_tags(*tags, names=("name", "parents")):
    """A library of tags: (number, parents)."""
    fields = tuple(f for f in BY_NAME["tag"].fields if f.name in names)
    return ListReader({"tag": (fields, [{"id": f"tag:{n}", "name": f"t{n}", "parents": [f"tag:{p}" for p in parents]} for n, parents in tags])})


@pytest.mark.parametrize("name", NAMES)
def test_dangling_references_are_found(name, tmp_path):
    """References that lead nowhere are counted once each, with examples, by kind."""
    path = write(tmp_path / "x", name, with_tags((1, [7, 8]), (2, [1, 7])))
    proof = prove(path)
    assert proof.errors == ["2 references lead nowhere: tag:7, tag:8"]
    assert list(proof.dangling["tag"]) == [7, 8]
    assert not proof.valid


@pytest.mark.parametrize("name", NAMES)
def test_references_in_rows_are_looked_up(name, tmp_path):
    """A reference inside a list of objects, and one inside that, is looked up as any other."""
    reader = sample()
    scene = reader.library["scene"][1][0]
    scene["scene_markers"][0]["primary_tag"] = "tag:70"
    scene["scene_markers"][1]["tags"] = ["tag:71"]
    scene["groups"][0]["group"] = "group:72"
    dangling = prove(write(tmp_path / "x", name, reader)).dangling
    assert {kind: list(numbers) for kind, numbers in dangling.items()} == {"tag": [70, 71], "group": [72]}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", [1, -1, 1000])
def test_counts_that_are_off_are_found(name, wrong, tmp_path):
    """A number that differs from what was written is an error, whether it is higher or lower, and whichever kind it is."""
    path = write(tmp_path / "x", name, sample())
    counts = {kind.plural: sample().count(kind) for kind in sample().kinds()}
    assert prove(path, counts).valid
    for plural in counts:
        errors = prove(path, {**counts, plural: counts[plural] + wrong}).errors
        assert len(errors) == 1
        assert plural in errors[0]
    assert not prove(path, {plural: number for plural, number in counts.items() if plural != "tags"}).valid


@pytest.mark.parametrize("name", NAMES)
def test_one_id_twice_is_found(name, tmp_path):
    """Two records with one id are an error, one after the other or far apart."""
    for number, tags in enumerate(([(1, []), (1, [])], [(1, []), (2, []), (1, [])])):
        errors = prove(write(tmp_path / str(number), name, with_tags(*tags))).errors
        assert errors == [f"{len(tags)} tags have {len({n for n, _ in tags})} different ids"]


def test_a_missing_end_is_found(tmp_path):
    """A file whose end was cut off cleanly, after a whole record, is an error."""
    path = write(tmp_path / "x", "ndjson", sample())
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    assert prove(path).errors == ["it has no end: it was cut off"]
    path.write_bytes(b"".join(lines[:-2]))
    assert not prove(path).valid


@pytest.mark.parametrize("name", NAMES)
def test_a_good_export_is_proven_and_counted(name, tmp_path):
    """The sample proves in every format; progress tells every record once."""
    seen = []
    proof = prove(write(tmp_path / "x", name, sample()), None, seen.append)
    assert proof == Proof(counts=proof.counts)
    assert sum(seen) == sum(proof.counts.values()) == len(lines_of(sample()))


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_the_table_allows_has_the_right_shape(name, data):
    """Random records of each kind, with every value that their types allow, are found well shaped."""
    if records := data.draw(tables(BY_NAME[name]))[1]:
        found = checked(BY_NAME[name], records)
        assert [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)] == records


def test_images_that_are_missing_are_warned_of(tmp_path):
    """An image that is named but not there is a warning, not an error; those that are there are counted."""
    fields = tuple(f for f in BY_NAME["tag"].fields if f.name == "image")
    there, gone = "0" * 32, "f" * 32
    reader = ListReader({"tag": (fields, [{"id": "tag:1", "image": f"md5:{there}"}, {"id": "tag:2", "image": f"md5:{gone}"}])}, images={there: b"\x89PNG"})
    for compress in ("none", "gzip", "zip"):
        path = tmp_path / compress
        run = run_export(reader, tmp_path / "state", to=path, format="json", images=True, compress=compress)
        assert run.result == "partial"
        proof = prove(path)
        assert (proof.images, proof.errors) == (1, [])
        assert gone in proof.warnings[0]
        assert any(gone in warning for warning in run.record["warnings"])


@pytest.mark.parametrize(("name", "compress"), [(name, compress) for name in NAMES for compress in packings(name) if compress != "gzip"])
def test_what_dangles_in_the_library_is_left_out_and_told(name, compress, tmp_path):
    """A library whose references lead nowhere is exported at the second attempt without them: partial, with a warning, and proven."""
    reader = sample()
    reader.library["scene"][1][0]["tags"].append("tag:404")
    reader.library["group"][1][0]["sub_groups"][0]["group"] = "group:405"
    path = tmp_path / "out" / "x"
    run = run_export(reader, tmp_path / "state", format=name, to=path, compress=compress)
    assert run.result == "partial"
    assert run.exit_code == 3
    warnings = " ".join(run.record["warnings"])
    assert "In the library itself, 1 references lead nowhere: tag:404" in warnings
    assert "group:405" in warnings
    assert prove(path).valid
    records = {record["id"]: record for record in map(json.loads, read(path))}
    assert records["scene:1"]["tags"] == ["tag:1", "tag:2"]
    assert [row["group"] for row in records["group:1"]["sub_groups"]] == ["group:3"]
    assert sorted(reader.library["scene"][1][0]["tags"]) == ["tag:1", "tag:2", "tag:404"]
    assert [name for name in everything_below(tmp_path / "out") if name.startswith(".stash")] == []


def test_what_does_not_read_back_never_gets_its_name(tmp_path, monkeypatch):
    """An export whose proof fails twice ends as NotProven, leaves nothing behind, and an older file of that name as it was."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").write_text("older")
    monkeypatch.setattr(export_module, "prove", lambda *_: Proof(errors=["it is not what it should be"]))
    with pytest.raises(NotProven, match="not what it should be"):
        run_export(sample(), tmp_path / "state", to=tmp_path / "out" / "x", overwrite=True)
    assert everything_below(tmp_path / "out") == ["x"]
    assert (tmp_path / "out" / "x").read_text() == "older"


def test_a_source_that_changes_its_mind_is_not_proven(tmp_path):
    """A reader that tells one record twice is found out, at the first attempt."""
    reader = sample()
    reader.library["tag"][1].append(reader.library["tag"][1][0])
    with pytest.raises(NotProven, match="different ids"):
        run_export(reader, tmp_path / "state", to=tmp_path / "out" / "x")
    assert everything_below(tmp_path / "out") == []


def test_only_an_export_may_be_replaced(tmp_path):
    """A folder is replaceable when it is empty or holds an export and nothing else; one file of somebody's own protects it."""
    empty = tmp_path / "empty"
    empty.mkdir()
    assert replaceable(empty)
    folder = write(tmp_path / "x", "csv", sample())
    assert replaceable(folder)
    assert replaceable(write(tmp_path / "z", "csv", sample(), compress="gzip"))
    for name in ("notes.txt", "my.csv", "deeper/a.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
        assert not replaceable(folder), name
        (folder / name).unlink()
    other = tmp_path / "other"
    other.mkdir()
    (other / "holiday.jpg").touch()
    assert not replaceable(other)
