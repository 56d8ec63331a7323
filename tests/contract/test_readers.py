"""Two readers, one answer: what the database and the API both tell is the same, byte for byte.

What GraphQL cannot tell, although the field is there:
- phashes of a file beyond the first
- the spelling of a time that was stored without "T" and zone ("2020-01-01 00:00:00"): the server reads it as UTC and spells it as RFC 3339
What it cannot tell at all is absent, and listed in GRAPHQL_CANNOT.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from stashport.model.fields import GRAPHQL_CANNOT, GRAPHQL_PARTIAL, KINDS
from stashport.model.records import IdSet, Record, encode, number_of
from stashport.model.table import Field, Kind
from stashport.stash.connection import Connection
from stashport.stash.database import DatabaseReader
from stashport.stash.graphql import GraphQLReader
from support.stash import Libraries, RealStash

CASES: dict[str, dict[str, Any]] = {
    "seed 2": {"seed": 2},
    "seed 3, images in files": {"seed": 3, "blobs": True},
    "seed 5, hostile, images in files": {"seed": 5, "hostile": True, "blobs": True},
}
Readers = tuple[DatabaseReader, GraphQLReader]
STORED = [kind for kind in KINDS if kind.table]
every_kind = pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.name)
_OLD_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)")


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def readers(request: pytest.FixtureRequest, libraries: Libraries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    """Both readers of one library."""
    library = libraries.filled(60, **request.param)
    with (
        RealStash(tmp_path_factory.mktemp("readers"), library=library) as stash,
        closing(GraphQLReader(Connection(stash.url))) as server,
        DatabaseReader(stash.database, stash.blobs) as database,
    ):
        yield database, server


def _records(reader: DatabaseReader | GraphQLReader, kind: Kind, fields: tuple[Field, ...], only: IdSet | None = None) -> list[Record]:
    return [record for batch in reader.batches(kind, fields, only) for record in batch.records]


def _as_the_server_tells(field: Field, value: Any) -> Any:
    """A value of the database as far as GraphQL can tell it."""
    if field.name == "fingerprints":
        phashes = [row for row in value if row["type"] == "phash"]
        return [row for row in value if row not in phashes[1:]]
    if field.type == "time" and value:
        return _OLD_TIME.sub(r"\1T\2Z", value)
    if field.type == "times":
        return sorted(_OLD_TIME.sub(r"\1T\2Z", one) for one in value)
    if field.type == "rows":
        return [{inner.name: _as_the_server_tells(inner, row[inner.name]) for inner in field.fields} for row in value]
    return value


def _both(readers: Readers, kind: Kind) -> tuple[Field, ...]:
    database, server = readers
    return tuple(f for f in database.fields(kind) if f in server.fields(kind))


@every_kind
def test_both_readers_tell_the_same(readers: Readers, kind: Kind) -> None:
    """Line by line, for every field that both can tell."""
    fields = _both(readers, kind)
    mine, theirs = (_records(reader, kind, fields) for reader in readers)
    mine = [{"id": record["id"], **{f.name: _as_the_server_tells(f, record[f.name]) for f in fields}} for record in mine]
    differences = [
        f"{a['id']}.{name}: {a[name]!r} in the database, {b[name]!r} over GraphQL"
        for a, b in zip(mine, theirs, strict=True) for name in a if encode({"": a[name]}) != encode({"": b[name]})
    ]
    assert differences == []
    assert [encode(record) for record in mine] == [encode(record) for record in theirs]
    assert [reader.count(kind) for reader in readers] == [len(mine)] * 2


@every_kind
def test_what_graphql_cannot_tell_is_listed(readers: Readers, kind: Kind) -> None:
    """A field that only the database tells stands in the list that every export over GraphQL carries, and nothing else does."""
    database, server = readers
    only_there = {f"{kind.name}.{f.name}" for f in database.fields(kind) if f not in server.fields(kind)}
    listed = {name for name in GRAPHQL_CANNOT if name.startswith(kind.name + ".")}
    assert only_there == listed - GRAPHQL_PARTIAL
    assert all(f.since for f in server.fields(kind) if f not in database.fields(kind))


@every_kind
def test_both_readers_choose_the_same(readers: Readers, kind: Kind) -> None:
    """A set of ids, far ones among them, gives the same records from both; the database passes over ids that are not there."""
    fields = tuple(f for f in _both(readers, kind) if f.type in ("text", "ref", "refs", "texts"))
    whole = _records(readers[0], kind, fields)
    chosen = IdSet()
    for record in whole[1::3]:
        chosen.add(number_of(record["id"]))
    assert _records(readers[0], kind, fields, chosen) == _records(readers[1], kind, fields, chosen) == whole[1::3]
    chosen.add(max(number_of(record["id"]) for record in whole) + 1)
    assert _records(readers[0], kind, fields, chosen) == whole[1::3]


def test_both_readers_give_the_same_images(readers: Readers) -> None:
    """Every image that a record names is had from both, from the database, its folder or the server, and is the bytes of its name."""
    seen = 0
    for kind in STORED:
        fields = tuple(f for f in kind.fields if f.type == "image")
        for record in _records(readers[1], kind, fields) if fields else ():
            for f in fields:
                if record[f.name]:
                    checksum = record[f.name][4:]
                    data = readers[0].image(checksum)
                    assert data is not None
                    assert hashlib.md5(data).hexdigest() == checksum
                    assert readers[1].image(checksum) in (data, None)  # None: had before, through another record
                    seen += 1
    assert seen > 50
