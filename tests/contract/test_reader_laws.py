"""What holds for everything that GraphQLReader reads, whichever server it reads from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pytest
from stashport.model.fields import KINDS
from stashport.model.records import Batch, IdSet, Record, number_of, references
from stashport.model.table import Kind
from stashport.stash import graphql
from stashport.stash.graphql import GraphQLReader

LISTED = [kind for kind in KINDS if kind.find]
every_kind = pytest.mark.parametrize("kind", LISTED, ids=lambda kind: kind.name)


def all_records(batches: Iterable[Batch]) -> list[Record]:
    """The records of all batches."""
    return [record for batch in batches for record in batch.records]


@every_kind
def test_every_record_once_in_the_order_of_ids(reader: GraphQLReader, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of any size give the same records: each once, ordered by id, as many as are counted."""
    whole = all_records(reader.batches(kind, ()))
    ids = [number_of(record["id"]) for record in whole]
    assert ids == sorted(set(ids))
    assert {record["id"].split(":")[0] for record in whole} == {kind.name}
    assert len(ids) == reader.count(kind) > 0
    assert list(reader.ids(kind)) == ids
    monkeypatch.setattr(graphql, "PAGE", 7 if len(ids) > 20 else 3)
    assert all_records(reader.batches(kind, ())) == whole


@every_kind
def test_a_record_has_exactly_the_fields_that_were_asked_for(reader: GraphQLReader, kind: Kind) -> None:
    """All fields that the reader says it can tell, some, or none: a record has those and its id, in the table's order."""
    fields = tuple(f for f in reader.fields(kind) if f.type != "image")
    for asked in (fields, fields[1::3], ()):
        for record in all_records(reader.batches(kind, asked)):
            assert list(record) == ["id", *(f.name for f in asked)]


@every_kind
def test_only_the_chosen_records_are_read(reader: GraphQLReader, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set of ids gives these records, as they are in the whole, in order, however many go into one question."""
    fields = tuple(f for f in reader.fields(kind) if f.type in ("text", "refs", "texts"))
    whole = all_records(reader.batches(kind, fields))
    chosen = IdSet()
    for record in whole[::2]:
        chosen.add(number_of(record["id"]))
    assert all_records(reader.batches(kind, fields, chosen)) == whole[::2]
    assert all_records(reader.batches(kind, fields, IdSet())) == []
    monkeypatch.setattr(graphql, "PAGE", 2)
    few = IdSet()
    for record in whole[:5]:
        few.add(number_of(record["id"]))
    assert all_records(reader.batches(kind, fields, few)) == whole[:5]


def test_every_reference_leads_to_a_record(reader: GraphQLReader) -> None:
    """Whatever a record refers to is among the records that can be read."""
    ids = {kind.name: reader.ids(kind) for kind in LISTED}
    for kind in LISTED:
        fields = [f for f in reader.fields(kind) if f.to or any(inner.to for inner in f.fields)]
        for record in all_records(reader.batches(kind, fields)):
            assert [found for found in references(record, fields) if number_of(found[1]) not in ids[found[0]]] == []


def test_images_are_the_bytes_that_records_name(reader: GraphQLReader) -> None:
    """An image is named by the checksum of its bytes, can be had once, and who has none says so."""
    named = 0
    for kind in LISTED:
        pictured = tuple(f for f in reader.fields(kind) if f.type == "image")
        if not pictured or kind.name == "scene":
            continue
        records = all_records(reader.batches(kind, pictured))
        checksums = {value[4:] for record in records for f in pictured if (value := record[f.name])}
        assert any(record[f.name] is None for record in records for f in pictured)
        for checksum in checksums:
            assert hashlib.md5(reader.image(checksum) or b"").hexdigest() == checksum
            assert reader.image(checksum) is None
        named += len(checksums)
    assert named > 0


def test_settings_have_no_secrets(reader: GraphQLReader) -> None:
    """Settings are read by an allow-list: no key, login or password is among them, and every one has its section and key in its id."""
    settings = all_records(reader.batches(KINDS[-1], KINDS[-1].fields))
    assert len(settings) > 60
    assert not {record["key"] for record in settings} & {"apiKey", "username", "password", "handyKey"}
    assert all(record["id"] == f"setting:{record['section']}.{record['key']}" for record in settings)
