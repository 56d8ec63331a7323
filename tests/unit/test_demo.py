"""The demo and the sample library behind it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import stashport
from stashport import formats
from stashport.errors import AlreadyThere, NotProven
from stashport.jobs import demo as demo_module
from stashport.jobs.demo import demo
from stashport.jobs.sample import SampleReader
from stashport.model.fields import KINDS
from stashport.model.records import IdSet, canonical, reference_fields, references
from stashport.output.proof import prove
from stashport.output.shape import checked

PROGRAM = Path(stashport.__file__).parents[2] / "stash_port.py"


def test_the_demo_writes_every_format_and_says_so(tmp_path):
    """Every format that is at hand is written, read back and named in one line each; the files prove."""
    lines = list(demo(tmp_path / "out", tmp_path / "state"))
    for name in filter(formats.available, formats.names()):
        assert any(formats.get(name).LABEL in line for line in lines)
    made = sorted((tmp_path / "out").iterdir())
    assert len(made) == len([name for name in formats.names() if formats.available(name)])
    assert {path for path in made if not prove(path).valid} <= {path for path in made if "template" in path.name or path.suffix in (".txt", ".html", ".md")}
    assert "Next:" in lines[-1]


def test_the_demo_replaces_nothing(tmp_path):
    """A second demo into the same folder is refused; without a folder each gets a new one."""
    list(demo(tmp_path / "out"))
    with pytest.raises(AlreadyThere):
        list(demo(tmp_path / "out"))


def test_the_demo_needs_nothing_but_python(tmp_path):
    """It runs isolated, without site packages and without a home, in folders of its own."""
    for _ in range(2):
        done = subprocess.run([sys.executable, "-I", "-S", str(PROGRAM), "demo"], cwd=tmp_path, env={"HOME": str(tmp_path), "PATH": ""}, capture_output=True, text=True, timeout=60, check=True)
        assert "each the same" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stash-port-demo", "stash-port-demo-2"]


def test_a_difference_is_never_passed_over(tmp_path, monkeypatch):
    """When a file holds something else than was written, the demo fails."""
    monkeypatch.setattr(demo_module, "_read", lambda _: [])
    with pytest.raises(NotProven):
        list(demo(tmp_path / "out"))


def sample_records():
    """(kind, fields, records) of the sample."""
    reader = SampleReader()
    for kind in reader.kinds():
        fields = reader.fields(kind)
        yield kind, fields, [record for batch in reader.batches(kind, fields) for record in batch.records]


def test_the_sample_has_the_shape_of_a_library():
    """Every record has its fields in the table's order with values of their types, free JSON in its one spelling, and every reference leads somewhere."""
    known, wanted = set(), set()
    for kind, fields, records in sample_records():
        checked(kind, records)
        for record in records:
            assert list(record) == ["id", *(f.name for f in fields)]
            known.add(record["id"])
            wanted |= {identity for _, identity in references(record, reference_fields(fields))}
            assert all(canonical(record[f.name]) == record[f.name] for f in fields if f.type == "json")
    assert wanted <= known
    assert {kind.name for kind in KINDS} - {kind.name for kind, _, _ in sample_records()} == {"setting"}


def test_the_sample_answers_for_some_ids_only():
    """As a source the sample gives the records that are asked for, and counts what it gives."""
    reader = SampleReader()
    only = IdSet()
    only.add(2)
    kind = reader.kinds()[0]
    assert [record["id"] for batch in reader.batches(kind, reader.fields(kind), only) for record in batch.records] == [f"{kind.name}:2"]
    assert all(reader.count(kind) == len(records) for kind, _, records in sample_records())
    assert reader.image("0" * 32) is None
