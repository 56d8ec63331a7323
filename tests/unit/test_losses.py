"""What a method cannot carry over: found in records and in changes before anything is written, and never found where nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest
from stashport.change.losses import fitted, of_change, of_record
from stashport.change.merge import Change
from stashport.model.fields import KINDS
from stashport.stash.writing_limits import CANNOT
from support.plans import full

ALL = {name: reason for told in CANNOT.values() for name, reason in told.items()}


@pytest.mark.parametrize(("name", "lost", "kept"), [
    ("created_at", {"created_at": "2020-01-01T00:00:00Z"}, {"created_at": None}),
    ("interactive", {"interactive": True}, {"interactive": False}),
    ("captions", {"captions": [{"language_code": "de"}]}, {"captions": []}),
    ("scene_markers.created_at", {"scene_markers": [{"created_at": None}, {"created_at": "2020"}]}, {"scene_markers": [{"created_at": None}]}),
    ("play_history.fractions", {"play_history": ["2020-01-01T00:00:00.5Z"]}, {"play_history": ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00+00:00"]}),
    ("play_history.fractions", {"play_history": ["2020-01-01T00:00:00+02:00"]}, {"play_history": []}),
    ("stash_ids.updated_at.zone", {"stash_ids": [{"updated_at": "2020-01-01T00:00:00+02:00"}]}, {"stash_ids": [{"updated_at": "2020-01-01T00:00:00Z"}, {}]}),
    ("fingerprints.md5", {"fingerprints": [{"type": "md5"}]}, {"fingerprints": [{"type": "phash"}]}),
    ("fingerprints.oshash", {"fingerprints": [{"type": "oshash"}]}, {"fingerprints": [{"type": "phash"}]}),
    ("fingerprints.further", {"fingerprints": [{"type": "phash"}] * 2}, {"fingerprints": [{"type": "phash"}, {"type": "md5"}]}),
    ("custom_fields.exponents", {"custom_fields": {"a": 1e22}}, {"custom_fields": {"a": 1.5, "b": "1e22"}}),
    ("scene_markers.tags.primary", {"scene_markers": [{"primary_tag": "tag:1", "tags": ["tag:1"]}]}, {"scene_markers": [{"primary_tag": "tag:1", "tags": ["tag:2"]}]}),
    ("text.blanks", {"title": "a "}, {"title": "a b", "tags": [" x "]}),
])  # fmt: skip
def test_each_loss_of_a_record(name: str, lost: dict[str, Any], kept: dict[str, Any]) -> None:
    """It is found where it is, alone, and not where nothing is lost."""
    assert list(of_record(lost, {name: "why"})) == [name]
    assert list(of_record(kept, {name: "why"})) == []
    assert list(of_record(lost, {})) == []


@pytest.mark.parametrize(("name", "change", "found"), [
    ("title", ("title", "a", "b"), [("title", True)]),
    ("title.cleared", ("title", "a", None), [("title.cleared", True)]), ("title.cleared", ("title", "a", "b"), []),
    ("files.removed", ("files", ["file:1", "file:2"], ["file:1"]), [("files.removed", True)]), ("files.removed", ("files", ["file:1"], ["file:1", "file:2"]), []),
    ("files.removed", ("files", ["file:1"], ["file:2"]), [("files.removed", False)]),
    ("play_history.fractions", ("play_history", [], ["2020-01-01T00:00:00.5Z"]), [("play_history.fractions", False)]),
    ("custom_fields.exponents", ("custom_fields", {}, {"a": 1e22, "b": 1}), [("custom_fields.exponents", True)]),
    ("scene_markers.created_at", ("scene_markers", [], [{"created_at": "2020"}]), [("scene_markers.created_at", False)]),
])  # fmt: skip
def test_each_loss_of_a_change(name: str, change: tuple[str, Any, Any], found: list[tuple[str, bool]]) -> None:
    """A change says what of it is lost, and whether anything of it is left to write."""
    assert list(of_change(Change(*change, "why"), {name: "why"})) == found


def test_no_list_of_a_method_breaks_on_any_field() -> None:
    """All that the API cannot write, asked of every field of every kind, empty and full, lists of rows and maps too."""
    values = {"texts": ["a "], "times": ["x"], "refs": ["tag:1"], "rows": [{}], "map": {"a": 1e22}, "bool": True, "int": 5, "float": 5.5, "json": {"a": 1}}
    for kind in KINDS:
        removed = {f"{f.name}.removed": "why" for f in kind.fields if f.type in ("texts", "times", "refs")}
        record = {f.name: values.get(f.type, " x ") for f in kind.fields}
        assert set(of_record(record, ALL | removed)) <= set(ALL)
        assert list(of_record({**full(kind.name), "id": "x"}, ALL)) == []
        for f in kind.fields:
            for before, after in ((None, record[f.name]), (record[f.name], None), (record[f.name], record[f.name])):
                list(of_change(Change(f.name, before, after, ""), ALL | removed))


def test_a_record_as_the_method_stores_it() -> None:
    """Texts lose their outer blanks and markers their second mention of the primary tag; what is there in that form stays; nothing given is changed."""
    rows = [{"primary_tag": "tag:1", "tags": ["tag:1", "tag:2"], "seconds": 1.0}, {"primary_tag": "tag:1", "seconds": 2.0}]
    theirs = {"title": " a", "code": "b", "details": " ", "scene_markers": rows}
    record, lost = fitted(theirs, {"title": "a  "}, {"text.blanks": "", "scene_markers.tags.primary": ""})
    assert record == {"title": "a  ", "code": "b", "details": None, "scene_markers": [{**rows[0], "tags": ["tag:2"]}, rows[1]]}
    assert lost == ["text.blanks", "scene_markers.tags.primary"]
    assert fitted(theirs, {}, {}) == (theirs, [])
    assert theirs["scene_markers"] == [{"primary_tag": "tag:1", "tags": ["tag:1", "tag:2"], "seconds": 1.0}, {"primary_tag": "tag:1", "seconds": 2.0}]
