"""Privacy on random records: whatever a source gives, nothing comes through that may not, and what comes through keeps its shape."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport.model.fields import BY_NAME
from stashport.model.privacy import Privacy
from stashport.model.privacy_rules import ANONYMOUS, ANONYMOUS_NAMES, CHANGES, SHARE, WORDS
from stashport.model.pseudonyms import Pseudonyms
from stashport.model.records import Batch, reference_fields, references
from stashport.output.shape import checked
from support.records import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stashport.model.records import Record
    from stashport.model.table import Field, Kind

any_kind = st.sampled_from([BY_NAME[name] for name in ANONYMOUS])
_PSEUDONYM = re.compile(r"[A-Z][a-z]+ [0-9a-z]{10}|https://(?:[0-9a-z]{10}|unknown)\.example/[0-9a-z]{10}")
EXAMPLES = 30


def changed(privacy: Privacy, kind: Kind, records: list[Record]) -> tuple[tuple[Field, ...], list[Record]]:
    """Records as they leave, and their fields; all fields of the kind are asked for."""
    fields = privacy.fields(kind, kind.fields)
    change = privacy.change(kind, fields)
    assert change
    return fields, change(Batch(records=json.loads(json.dumps(records)))).records


def texts(value: Any) -> Iterator[str]:
    """Every text in a value, but for names of fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def shape(value: Any) -> Any:
    """A value with every text, number and flag replaced by its type."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def names_in(records: list[Record]) -> set[str]:
    """The names of all fields of some records, those in rows as list.field."""
    columns = [(name, value) for record in records for name, value in record.items() if name != "id"]
    rows = [(name, row) for name, value in columns if isinstance(value, list) for row in value if isinstance(row, dict)]
    return {name for name, _ in columns} | {f"{name}.{inner}" for name, row in rows for inner in row}


@settings(max_examples=EXAMPLES, deadline=None)
@given(kind=any_kind, data=st.data())
def test_anonymous_lets_no_text_through(kind: Kind, data: st.DataObject) -> None:
    """Every text that leaves is a pseudonym, an id, a year or a word of a closed list; fields that are not on the list are not there, and no image."""
    records = data.draw(tables(kind))[1]
    _, found = changed(Privacy.parse("anonymous"), kind, records)
    assert names_in(found) <= ANONYMOUS_NAMES[kind.name]
    for text in (text for record in found for text in texts(record)):
        known = _PSEUDONYM.fullmatch(text) or re.fullmatch(r"[a-z]+:\d+|\d{4}|[a-z]{2,3}|00", text, re.ASCII)
        assert known or text in WORDS or text == "other"
    assert not found or checked(kind, found)


@settings(max_examples=EXAMPLES, deadline=None)
@given(kind=any_kind, data=st.data())
def test_share_lets_only_the_list_through(kind: Kind, data: st.DataObject) -> None:
    """Random records leave with no field that is not on the list, whatever fields they came with, and in the shape that formats expect."""
    records = data.draw(tables(kind))[1]
    allowed = {name for name in SHARE[kind.name] if (kind.by_name.get(name.partition(".")[0]) or kind.fields[0]).privacy == "public"} - {"captions.filename"}
    _, found = changed(Privacy.parse("share"), kind, records)
    assert names_in(found) <= allowed
    assert not found or checked(kind, found)
    assert len(found) == len(records)


@settings(max_examples=EXAMPLES, deadline=None)
@given(kind=any_kind, data=st.data())
def test_the_same_key_gives_the_same_and_another_key_nothing_in_common(kind: Kind, data: st.DataObject) -> None:
    """Within an export a thing keeps its pseudonym and number; between two exports no pseudonym and no id of a record is the same."""
    records = data.draw(tables(kind))[1]
    one, again, other = (changed(Privacy.parse("anonymous", key=key), kind, records)[1] for key in (b"one", b"one", b"other"))
    assert one == again
    first, second = ({text for record in found for text in texts(record) if _PSEUDONYM.fullmatch(text)} for found in (one, other))
    assert not first & second
    assert shape([{k: v for k, v in r.items() if k != "id"} for r in one]) == shape([{k: v for k, v in r.items() if k != "id"} for r in other])


@pytest.mark.parametrize("profile", ["share", "anonymous"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(kind=any_kind, data=st.data())
def test_the_shape_stays(kind: Kind, profile: str, data: st.DataObject) -> None:
    """What was null stays null, links stay links of the same number to the same things, and a second time changes no more than names and numbers."""
    records = data.draw(tables(kind))[1]
    privacy = Privacy.parse(profile, key=b"key")
    fields, found = changed(privacy, kind, records)
    again = changed(privacy, kind, found)[1]
    assert shape(again) == shape(found)
    other, links = Pseudonyms(b"key"), reference_fields(fields)
    for old, new in zip(records, found, strict=True):
        assert new["id"] == other.identity(old["id"])
        assert sorted(references(new, links)) == sorted((to, other.identity(name)) for to, name in references(old, [f for f in links if f.name in old]))
        assert all(new[f.name] is None for f in fields if f.name in old and old[f.name] is None and f.type not in ("texts", "refs", "rows"))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.sampled_from(["Ann", "ann", "Bea", "A.", "山田"]), min_size=2, max_size=6))
def test_same_text_same_pseudonym(names: list[str]) -> None:
    """Two performers with one name have one pseudonym, also where the one's name is the other's alias; different names have different ones."""
    kind = BY_NAME["performer"]
    records = [{"id": f"performer:{n}", "name": name, "alias_list": [names[0]]} for n, name in enumerate(names, 1)]
    _, found = changed(Privacy.parse("anonymous"), kind, records)
    assert len({record["name"] for record in found}) == len(set(names))
    assert all((record["name"] == record["alias_list"][0]) == (name == names[0]) for record, name in zip(found, names, strict=True))


def test_changes_that_anonymous_makes_are_all_used_somewhere() -> None:
    """No change is left over from a field that has gone."""
    assert set(CHANGES) <= {change for changes in ANONYMOUS.values() for change in changes.values()}


def test_what_is_in_rows_beside_their_fields_does_not_come_through() -> None:
    """A source that gives more than it was asked for, in a record or in its rows, gives it in vain."""
    kind = BY_NAME["scene"]
    record = {"id": "scene:1", "title": "T", "rating100": 5, "odd": "x", "scene_markers": [{"title": "m", "seconds": 1.0, "created_at": "2020", "odd": "x"}]}
    for profile in ("share", "anonymous"):
        (found,) = changed(Privacy.parse(profile), kind, [record])[1]
        assert set(found) == {"id", "title", "scene_markers"}
        assert set(found["scene_markers"][0]) == {"title", "seconds"}
