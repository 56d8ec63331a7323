"""Golden files: what was written once is read for ever, and what is written today is what was written then."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest
from stashport import formats
from stashport.formats._cells import split
from stashport.jobs.sample import SampleReader
from stashport.model.fields import FORMAT_VERSION
from stashport.output.proof import prove
from support.records import lines_of, read

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
TODAY = GOLDEN / f"v{FORMAT_VERSION}"
DOCS = GOLDEN.parents[1] / "docs" / "formats.md"
CHANGES = re.compile(rb'"(created|made_by)":"[^"]*"|"choices":\{.*?\},"images"')


def exports():
    """Every golden export of every version."""
    return sorted(path for folder in GOLDEN.glob("v*") for path in folder.iterdir() if path.name != "records.ndjson")


@pytest.mark.parametrize("path", exports(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_golden_file_is_read_for_ever(path):
    """A file of any version that ever was is detected, proves, and holds the records that were put into it."""
    assert prove(path).errors == []
    wanted = (path.parent / "records.ndjson").read_bytes().splitlines()
    assert sorted(read(path)) == sorted(wanted)


def files_of(path):
    """The files of an export by name, without the moment, the version and the configuration with which it was made."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return {file.name: CHANGES.sub(b"", file.read_bytes()) for file in files}


@pytest.mark.parametrize("name", formats.readable())
def test_what_is_written_today_is_the_same_byte_for_byte(name, tmp_path):
    """The sample library makes the golden files of today's version, to the byte; those that zlib packed are held by what is in them."""
    for path in runpy.run_path(str(GOLDEN / "write.py"))["made"](name, tmp_path, tmp_path / "state"):
        assert (TODAY / path.name).exists(), f"run: python tests/golden/write.py {name}"
        if path.suffix not in (".gz", ".zip"):
            assert files_of(path) == files_of(TODAY / path.name)
        assert sorted(read(path)) == sorted(read(TODAY / path.name))


def test_the_golden_records_are_the_sample():
    """The golden files of today's version hold the sample library as it is now."""
    assert (TODAY / "records.ndjson").read_bytes().splitlines() == lines_of(SampleReader())


@pytest.mark.parametrize("name", formats.names())
def test_the_documents_tell_of_every_format(name):
    """docs/formats.md has a chapter for each format and names each of its options."""
    found, text = formats.get(name), DOCS.read_text("utf-8")
    assert f"## {found.LABEL}\n" in text
    for option in found.OPTIONS:
        assert f"`{option.name}`" in text


def test_examples_in_the_docs_are_real():
    """Each example of docs/formats.md stands, line for line, in a golden file; `...` stands for what was left out of a line."""
    text = DOCS.read_text("utf-8")
    examples = re.findall(r"<!-- from (\S+) -->\n```\w*\n(.*?)```", text, re.DOTALL)
    assert {name.partition("/")[0] for name, _ in examples} >= {"library.json", "library.ndjson", "library-csv"}
    for name, example in examples:
        lines = (TODAY / name).read_bytes().decode("utf-8", "backslashreplace").replace("\r\n", "\n").split("\n")
        for line in example.splitlines():
            pattern = re.compile(".*".join(re.escape(part) for part in line.split("...")))
            assert any(pattern.fullmatch(real) for real in lines), f"{name}: {line}"


def test_a_list_in_the_docs_is_split_as_they_say():
    """The cell with every escape that docs/formats.md shows means the items that it says."""
    cell, items = re.search(r"The cell `(.+?)` holds the items (.+?)\.\n", DOCS.read_text("utf-8")).groups()
    assert split(cell) == [json.loads(f'"{item}"'.replace("\\", "\\\\")) for item in re.findall(r"`(.*?)`", items.replace("an empty one", "``"))]
