"""The report: true first sentence, numbers that add up, nothing executable, well-formed."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.errors import DiskFull
from stashport.runs.history import blank
from stashport.runs.report import page, write_report
from stashport.runs.wording import OUTCOMES, sentence

HOSTILE = '</style></title></script><img src=x onerror="alert(1)"><svg/onload=alert(1)>\'"&\u202e\x00\n'
VOID = {"meta", "br", "rect"}


class Strict(HTMLParser):
    """Collects tags, attributes and text, and fails on tags that do not close in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self._open = [], [], [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        """Open."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Open and close."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        """Close what was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data):
        """Text."""
        self.words.append(data)


def record(**changes):
    """A finished export."""
    row = dict.fromkeys(OUTCOMES, 0)
    base = {
        "run": "20260101-000000-abcdef",
        "verb": "export",
        "result": "ok",
        "started": "2026-01-01T00:00:00.000Z",
        "finished": "2026-01-01T00:00:03.000Z",
        "counts": {"scene": {"in": 15000, **row, "created": 15000}, "tag": {"in": 412, **row, "created": 412}},
        "outputs": [{"path": "/srv/out/library.json", "size": 12_400_000, "sha256": None, "what": "library as JSON"}],
    }
    return {**blank(), **base, **changes}


def changed(**outcomes):
    """Counts of one kind."""
    return {"scene": {"in": sum(outcomes.values()), **dict.fromkeys(OUTCOMES, 0), **outcomes}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Exported 15,412 records to library.json (12.4 MB) in 3 s."),
        ({"outputs": []}, "Exported 15,412 records in 3 s."),
        ({"notes": {"sentence": "Exported all of it."}}, "Exported all of it."),
        (
            {"result": "partial", "counts": changed(created=7, failed=3)},
            "Exported 7 records to library.json (12.4 MB) in 3 s, but 3 failed.",
        ),
        (
            {"result": "partial", "counts": changed(created=7)},
            "Exported 7 records to library.json (12.4 MB) in 3 s, but not everything is there: see the warnings.",
        ),
        ({"counts": changed(skipped=3)}, "Nothing was exported: 3 left out."),
        ({"verb": "import", "counts": changed(created=12, unchanged=9800)}, "Imported in 3 s: 12 created, 9,800 already the same."),
        ({"verb": "import", "counts": changed(unchanged=9800)}, "Nothing was changed by this import: 9,800 already the same."),
        ({"verb": "sync", "counts": {}}, "Nothing was changed by this sync."),
        ({"result": None, "state": "running", "progress": {"phase": "Reading scenes"}}, "Export is running: Reading scenes."),
    ],
)
def test_the_first_sentence_is_true(changes, said):
    """The sentence tells what was done in numbers, and never calls nothing a success."""
    assert sentence(record(**changes)) == said


def test_a_failed_run_never_keeps_its_happy_sentence():
    """A sentence given before the failure is not shown after it."""
    error = DiskFull(place="/srv", free="1 MB", needed="2 GB").record()
    told = sentence(record(result="failed", error=error, notes={"sentence": "Exported all of it."}))
    assert told.startswith("Export failed: The disk of /srv is full")


def test_the_page_holds_what_was_told():
    """Numbers, labels, files and settings are on the page; empty columns are not; export says Written."""
    words = "".join(Strict(page(record(config={"format": "json", "overwrite": False, "filter": {"a": [1]}}))).words)
    for part in ("15,412", "Written", "Scenes", "Together", "/srv/out/library.json", "12.4 MB", "format", "What was asked for"):
        assert part in words
    assert not any(part in words for part in ("Created", "Updated", "Left out", "To decide", "do not add up"))


def test_error_page_says_what_to_do_next(tmp_path):
    """A failure shows message, hint and, if there is one, the way to the trace."""
    error = DiskFull(place="/srv", free="1 MB", needed="2 GB").record()
    (tmp_path / "trace.txt").write_text("x")
    path = write_report(tmp_path, record(result="failed", error=error))
    text = path.read_text("utf-8")
    for part in ("Failed", "The disk of /srv is full", "Free some space", "exit code 41", 'href="trace.txt"'):
        assert part in text


def test_numbers_that_do_not_add_up_are_shown_as_such():
    """The page does not hide a wrong sum."""
    assert "do not add up" in page(record(counts={"tag": {"in": 5, "created": 3}}))


def test_the_rest_of_the_items_is_pointed_to():
    """With more than 500 items the page says how many there are and where."""
    items = [{"kind": "scene", "id": str(i), "outcome": "skipped", "reason": "already there"} for i in range(500)]
    reasons = [{"kind": "scene", "outcome": "skipped", "reason": "already there", "n": 12345}]
    words = "".join(Strict(page(record(items=items, items_total=12345, reasons=reasons))).words)
    assert "The first 500 of 12,345. All of them stand in items.csv" in words


def hostile(text):
    """A record with a text in every place that takes one."""
    item = {"kind": text, "id": text, "outcome": text, "reason": text}
    return record(
        verb=text,
        version=text,
        host=text,
        result="partial",
        started=text,
        counts={text: {"in": 2, **dict.fromkeys(OUTCOMES, 0), "created": 1, "failed": 1}, "tag": {"in": 1, "failed": 1}},
        items=[item],
        items_total=1,
        reasons=[{**item, "n": 2}],
        warnings=[text],
        warnings_total=1,
        error={"error": text, "message": text, "hint": text, "exit_code": text},
        outputs=[{"path": text, "size": 1, "sha256": text, "what": text}],
        config={text: text, "nested": {text: [text]}, "list": [text]},
        source={text: text},
        notes={"sentence": text},
    )


def test_hostile_names_stay_text(tmp_path):
    """A name that is markup adds no tag, no attribute and no script to the page."""
    calm, wild = Strict(page(hostile("calm"))), Strict(page(hostile(HOSTILE)))
    assert calm.tags == wild.tags
    assert [name for name, _ in calm.attributes] == [name for name, _ in wild.attributes]
    assert not {"script", "img", "iframe", "link", "object"} & set(wild.tags)
    assert not any(name.startswith("on") for name, _ in wild.attributes)
    assert {value for name, value in wild.attributes if name == "href"} <= {"items.csv", "trace.txt"}
    written = write_report(tmp_path, hostile(HOSTILE)).read_text("utf-8")
    assert "<img" not in written
    assert "http://" not in written
    assert "https://" not in written
    assert json.loads((tmp_path / "report.json").read_bytes())["warnings"] == [HOSTILE]


@given(st.text())
def test_any_text_makes_the_same_page_structure(text):
    """No text at all changes what the page is made of, and every page encodes as UTF-8."""
    made = page(hostile(text or "x"))
    made.encode("utf-8")
    assert Strict(made).tags == Strict(page(hostile("calm"))).tags or not text.strip()


def test_the_bar_has_its_finding_in_words():
    """The picture is an image with a title that says the same as the table; a single number needs no picture."""
    made = page(record(verb="import", counts=changed(created=12, unchanged=9800, failed=3)))
    assert 'role="img"' in made
    assert "<title>Of 9,815 records: 12 created, 9,800 already the same, 3 failed</title>" in made
    assert "<svg" not in page(record(counts=changed(created=12)))
    assert "<title>Of 15,412 records: 15,000 scenes, 412 tags</title>" in page(record())


def test_a_bare_record_makes_a_page(tmp_path):
    """Fields that are missing are shown as nothing, not as a crash."""
    assert write_report(tmp_path, {"verb": "check", "state": "finished", "result": "ok"}).is_file()
