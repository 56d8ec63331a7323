"""Two readers, one answer: what the database and the API both tell is the same, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from stashport.model.fields import KINDS
from stashport.model.records import Record, encode
from stashport.model.table import Field, Kind
from stashport.stash.connection import Connection
from stashport.stash.database import DatabaseReader
from stashport.stash.graphql import GraphQLReader
from support.stash import Libraries, Library, RealStash

CASES = {
    "seed 2": {"seed": 2},
    "seed 3, images in files": {"seed": 3, "blobs": True},
    "seed 4, hostile": {"seed": 4, "hostile": True},
    "seed 5, hostile, images in files": {"seed": 5, "hostile": True, "blobs": True},
}


def _records(reader: DatabaseReader | GraphQLReader, kind: Kind, fields: tuple[Field, ...]) -> list[Record]:
    return [record for batch in reader.batches(kind, fields) for record in batch.records]


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def readers(request: pytest.FixtureRequest, libraries: Libraries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DatabaseReader, GraphQLReader]]:
    """Both readers of one library."""
    library: Library = libraries.filled(60, **request.param)
    with RealStash(tmp_path_factory.mktemp("readers"), library=library) as stash, closing(GraphQLReader(Connection(stash.url))) as server:
        with DatabaseReader(stash.database, stash.blobs) as database:
            yield database, server


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.table], ids=lambda kind: kind.name)
def test_both_readers_tell_the_same(readers: tuple[DatabaseReader, GraphQLReader], kind: Kind) -> None:
    """Line by line, for every field that both can tell."""
    database, server = readers
    told = server.fields(kind)
    both = tuple(f for f in database.fields(kind) if f in told)
    mine, theirs = (_records(reader, kind, both) for reader in readers)
    differences = [
        f"{a['id']}.{name}: {a[name]!r} in the database, {b[name]!r} over GraphQL"
        for a, b in zip(mine, theirs, strict=True) for name in a if a[name] != b[name] or type(a[name]) is not type(b[name])
    ]
    assert differences == []
    assert [encode(a) for a in mine] == [encode(b) for b in theirs]
    assert database.count(kind) == server.count(kind) == len(mine)
