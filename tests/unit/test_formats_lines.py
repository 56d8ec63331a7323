"""The scanner: one JSON document, walked through in pieces of any size."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stashport.errors import BadFile
from stashport.formats import _lines
from stashport.formats._lines import Scanner
from support.records import some_json, some_text

CHUNKS = [1, 2, 3, 5, 7, 16, 33, 64]
SPACES = ["", " ", "\n", " \r\n\t "]


def scanner(text, chunk):
    """A scanner that gets so many bytes at a time."""
    _lines.CHUNK = chunk
    return Scanner(io.BytesIO(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")), "here", "JSON")


@pytest.fixture(autouse=True)
def usual_chunk(monkeypatch):
    """Whatever a test sets, the size of pieces is the usual one after it."""
    monkeypatch.setattr(_lines, "CHUNK", _lines.CHUNK)


@settings(max_examples=60, deadline=None)
@given(st.lists(some_json() | st.none(), max_size=5), st.sampled_from(CHUNKS), st.sampled_from(SPACES), st.booleans())
@example([12, 1.5, 1e50, -0.0, 1e-7, True, None, "", "\\", '"', [], {}], 1, "", True)
def test_values_are_the_same_across_borders(values, chunk, space, escaped):
    """An array of any values is read as it is, whatever the borders of pieces cut through, with or without white space and escapes."""
    text = "[" + space + ("," + space).join(json.dumps(value, ensure_ascii=escaped) + space for value in values) + "]"
    data = text.encode("utf-8", "backslashreplace")
    found = [item for batch in scanner(data, chunk).items() for item in batch]
    assert found == json.loads(data)


@pytest.mark.parametrize("chunk", range(1, 65))
def test_a_document_in_pieces_of_each_size(chunk):
    """The parts of a document are told one after the other, in pieces of 1 to 64 bytes."""
    scan = scanner('\ufeff {"header" : {"a":[1,2.5e+3,"é🎬"]},\n"tags":[{"id":"tag:1"},\n{"id":"tag:2"}], "counts":{"tags":2}} \n', chunk)
    scan.expect("{")
    assert scan.value() == "header"
    scan.expect(":")
    assert scan.value() == {"a": [1, 2500.0, "é🎬"]}
    scan.expect(",")
    assert scan.value() == "tags"
    scan.expect(":")
    assert list(scan.items()) == [[{"id": "tag:1"}, {"id": "tag:2"}]]
    scan.expect(",")
    assert scan.value() == "counts"
    scan.expect(":")
    assert scan.value() == {"tags": 2}
    scan.expect("}")
    assert scan.peek() == ""


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
@pytest.mark.parametrize("number", ["0", "-1", "12.25", "1e5", "1E+5", "1.5e-10", "123456789012345678901234567890"])
def test_a_number_is_whole_at_a_border(number, chunk):
    """A number that is cut by a border, or that ends the document, is not taken for a shorter one."""
    assert scanner(number, chunk).value() == json.loads(number)
    assert list(scanner(f"[{number},{number}]", chunk).items()) == [[json.loads(number)] * 2]


def test_items_come_in_batches(monkeypatch):
    """A long array comes in batches of the usual size, the last one shorter, and an empty one as none at all."""
    monkeypatch.setattr(_lines, "BATCH", 3)
    for separator in (",", ",\n", " , "):
        found = list(scanner("[" + separator.join(map(str, range(8))) + "]", 16).items())
        assert found == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert list(scanner("[ ]", 1).items()) == []


@given(some_text(), st.sampled_from(CHUNKS))
def test_large_texts_survive(text, chunk):
    """A text much longer than a piece is put together again."""
    long = text * (1 + 2000 // len(text))
    assert scanner(json.dumps(long), chunk).value() == long


@pytest.mark.parametrize("text", ["", " ", "[", "[1", "[1,", "[,1]", "[1 2]", "[1,]", '["a', '["\\', "nul", "{", '{"a"', "\x00", "[1}", "+1", "-", "'a'", "\u00a01"])
@pytest.mark.parametrize("chunk", [1, 1000])
def test_what_is_no_json_is_refused(text, chunk):
    """Cut or wrong text ends in BadFile, whatever the size of pieces."""
    scan = scanner(text, chunk)
    with pytest.raises(BadFile):
        list(scan.items()) if text.startswith("[") else scan.value()


@pytest.mark.parametrize("data", [b'"\xff"', b'"\xc3', b'"\xe2\x82"', b"\xff\xfe", b'"\xed\xa0\x80"'])
def test_what_is_no_utf_8_is_refused(data):
    """Bytes that are no UTF-8 are damage."""
    with pytest.raises(BadFile):
        scanner(data, 1).value()


def test_white_space_without_end_takes_no_memory():
    """A document of nothing but blanks is walked through without being kept."""

    class Blanks(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            self.given += size
            return b" " * size if self.given < 4 << 20 else b""

    _lines.CHUNK = 1 << 14
    scan = Scanner(Blanks(), "here", "JSON")
    assert scan.peek() == ""
    assert len(scan._text) <= 1 << 15


def test_a_value_without_end_is_given_up(monkeypatch):
    """A value larger than the limit is refused before all of it was read."""
    monkeypatch.setattr(_lines, "LONGEST", 1 << 12)
    scan = scanner('["' + "x" * (1 << 16), 256)
    with pytest.raises(BadFile, match="larger than 64 MB"):
        list(scan.items())
    assert scan._stream.tell() < 1 << 15


def test_a_stream_that_fails_is_damage():
    """What the system says about a stream it cannot read on is told as damage."""

    class Failing(io.RawIOBase):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    with pytest.raises(BadFile, match="Input/output"):
        Scanner(Failing(), "here", "JSON").peek()
