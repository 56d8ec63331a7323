"""Records: one spelling, references that are found and taken out, and sets of ids."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport.model.fields import BY_NAME, KINDS
from stashport.model.records import (
    Batch,
    IdSet,
    canonical,
    choose_fields,
    encode,
    keep_references,
    number_of,
    reference_fields,
    references,
    sort_key,
)
from support.records import HOSTILE, some_json, some_text, tables

NUMBERS = st.sets(st.integers(0, 2**20) | st.integers(0, 2**34), max_size=30)


def filled(numbers):
    """A set with these numbers in it."""
    ids = IdSet()
    for number in numbers:
        ids.add(number)
    return ids


@given(NUMBERS, NUMBERS)
def test_a_set_of_ids_is_a_set(one, two):
    """Adding, asking, counting, walking, subtracting and joining are those of Python's own sets; walking is in order."""
    a, b = filled(one), filled(two)
    assert list(a) == sorted(one)
    assert len(a) == len(one)
    assert all(number in a for number in one)
    assert all((number in a) == (number in one) for number in two)
    assert list(a.minus(b)) == sorted(one - two)
    a.update(b)
    assert list(a) == sorted(one | two)
    assert list(b) == sorted(two)
    many = IdSet()
    many.add_all(one)
    assert list(many) == sorted(one)


def test_a_set_of_ids_refuses_to_fill_the_memory():
    """Ids so far apart that each would take a page end in ValueError, by either way of adding."""
    with pytest.raises(ValueError, match="apart"):
        filled(range(0, 1 << 40, 1 << 17))
    with pytest.raises(ValueError, match="apart"):
        IdSet().add_all(range(0, 1 << 40, 1 << 17))


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_fits_on_a_line_of_utf_8(text):
    """Whatever a text holds, its record is one line of UTF-8 that says the same."""
    line = encode({"id": "tag:1", "name": text})
    assert b"\n" not in line
    assert b"\r" not in line
    assert json.loads(line.decode("utf-8"))["name"] == text


@given(some_json())
def test_canonical_is_settled(value):
    """The one spelling of free JSON is its own one spelling, says the same as JSON does, and has its keys in order at every depth."""
    assert canonical(value) == value
    assert json.dumps(canonical(json.loads(json.dumps(value)))) == json.dumps(value)

    def in_order(inner):
        if isinstance(inner, dict):
            return list(inner) == sorted(inner) and all(map(in_order, inner.values()))
        return all(map(in_order, inner)) if isinstance(inner, list) else True

    assert in_order(value)


def test_canonical_spells_alike_what_is_alike():
    """5.0 is 5, nulls in objects are left out, nulls in lists stay; what is no whole number stays a fraction."""
    assert json.dumps(canonical({"b": 5.0, "a": None, "c": [None, {"x": None}], "d": 0.5, "e": 1e300})) == '{"b": 5, "c": [null, {}], "d": 0.5, "e": 1e+300}'


@given(st.lists(st.dictionaries(st.sampled_from(["id", "name"]), some_text(), min_size=1), max_size=4))
def test_a_batch_is_the_same_from_lines_or_from_records(records):
    """A batch made of lines tells the records, one made of records tells the lines, and both know their length."""
    lines = [encode(record) for record in records]
    assert Batch(lines=lines).records == records
    assert Batch(records=records).lines == lines
    assert len(Batch(lines=lines)) == len(Batch(records=records)) == len(records)


def test_ids_sort_by_kind_then_number():
    """scene:9 comes before scene:10; ids without a number come by their name."""
    ids = ["scene:10", "setting:b", "scene:9", "setting:a", "image:1"]
    assert sorted(ids, key=sort_key) == ["image:1", "scene:9", "scene:10", "setting:a", "setting:b"]
    assert number_of("scene:17") == 17


def naive(value):
    """Every text in a record that looks like the id of a record."""
    if isinstance(value, dict):
        return [found for inner in value.values() for found in naive(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in naive(inner)]
    kind, colon, number = str(value).partition(":")
    return [(kind, value)] if colon and kind in BY_NAME and number.isdigit() else []


def known_texts(kind, record):
    """A record with its texts replaced, so that none looks like an id by chance."""
    plain = {"text", "date", "time", "texts", "times", "json", "map", "image"}
    copy = json.loads(json.dumps(record))
    for field in kind.fields:
        if field.name in copy and field.type in plain:
            copy[field.name] = None
        elif field.type == "rows":
            for row in copy.get(field.name) or ():
                row.update({inner.name: None for inner in field.fields if inner.type in plain})
    return copy


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_every_reference_is_found_and_can_be_taken_out(name, data):
    """What a record refers to is all that looks like an id in it; what is taken out is what was not wanted, counted, and nothing else."""
    kind = BY_NAME[name]
    fields = reference_fields(kind.fields)
    for record in data.draw(tables(kind))[1]:
        clean = known_texts(kind, record)
        told = list(references(clean, fields))
        assert sorted(told) == sorted(naive({key: value for key, value in clean.items() if key != "id"}))
        lost = {identity for _, identity in told if sum(map(ord, identity)) % 2}
        before = json.dumps(clean)
        removed = keep_references(clean, fields, lambda _, identity: identity not in lost)  # noqa: B023
        assert list(references(clean, fields)) == [pair for pair in told if pair[1] not in lost]
        assert removed == sum(identity in lost for _, identity in told)
        if not lost:
            assert json.dumps(clean) == before
            assert removed == 0


def test_a_row_that_lost_what_it_is_about_goes():
    """A sub-group without its group says nothing and goes; a marker without its primary tag stays, without it."""
    group = {"id": "group:1", "sub_groups": [{"group": "group:2", "description": "a"}, {"group": "group:3", "description": None}]}
    assert keep_references(group, reference_fields(BY_NAME["group"].fields), lambda _, identity: identity != "group:2") == 1
    assert group["sub_groups"] == [{"group": "group:3", "description": None}]
    scene = {"id": "scene:1", "scene_markers": [{"primary_tag": "tag:1", "tags": ["tag:1", "tag:2"], "seconds": 1.0}]}
    assert keep_references(scene, reference_fields(BY_NAME["scene"].fields), lambda _, identity: identity != "tag:1") == 2
    assert scene["scene_markers"] == [{"primary_tag": None, "tags": ["tag:2"], "seconds": 1.0}]


def test_fields_are_chosen_in_the_order_of_the_table():
    """The fields of a choice come in the table's order, whatever the order of the choice; no choice means all."""
    kind = BY_NAME["scene"]
    assert [f.name for f in choose_fields(kind, ["tags", "title", "nothing"])] == ["title", "tags"]
    assert choose_fields(kind, None) == kind.fields
