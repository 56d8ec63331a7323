"""A library that changes while it is read: nothing that was there all along is missing, nothing comes twice, and reading ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from stashport.errors import ServerError
from stashport.model.fields import BY_NAME
from stashport.model.records import Record, number_of
from stashport.stash import graphql
from stashport.stash.connection import Connection
from stashport.stash.graphql import GraphQLReader
from support.standin import StandIn

SIZE = 11
Change = Callable[[list[Record]], None]


def _records(kind: str) -> list[Record]:
    return [{"id": f"{kind}:{number}", "title" if kind == "scene" else "name": f"number {number}"} for number in range(1, SIZE + 1)]


def _add(records: list[Record]) -> None:
    number = max(number_of(record["id"]) for record in records) + 1
    records.append({**records[0], "id": f"{records[0]['id'].split(':')[0]}:{number}"})


CHANGES: dict[str, Change] = {
    "the first is deleted": lambda records: records.pop(0),
    "one in the middle is deleted": lambda records: records.pop(len(records) // 2),
    "the last is deleted": lambda records: records.pop(),
    "many are deleted": lambda records: records.__delitem__(slice(0, 5)),
    "one is added": _add,
    "one is deleted and one added": lambda records: (records.pop(0), _add(records)),
    "two are deleted and two added": lambda records: (records.pop(0), records.pop(3), _add(records), _add(records)),
}
when_and_what = pytest.mark.parametrize(("number", "change"), list(itertools.product(range(5), CHANGES.values())),
                                        ids=[f"{what}, before page {when}" for when, what in itertools.product(range(5), CHANGES)])


@pytest.fixture
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A server with a few tags and scenes, read by pages of three."""
    monkeypatch.setattr(graphql, "PAGE", 3)
    with StandIn({"tag": _records("tag"), "scene": _records("scene")}) as standin:
        yield standin


@pytest.mark.parametrize("name", ["tag", "scene"])
@when_and_what
def test_a_change_between_two_pages(server: StandIn, name: str, number: int, change: Change) -> None:
    """Whichever page it comes before: all records that are there at the beginning and at the end are read, each once, in order."""
    records = server.objects.records[name]
    before = {record["id"] for record in records}
    with closing(GraphQLReader(Connection(server.url))) as reader:
        server.set_faults("")
        server.watch = lambda now, _: change(records) if now == number else None
        read = [record["id"] for batch in reader.batches(BY_NAME[name], ()) for record in batch.records]
    stayed = before & {record["id"] for record in records}
    assert stayed - set(read) == set()
    assert [number_of(one) for one in read] == sorted({number_of(one) for one in read})


def test_a_server_that_counts_more_than_it_tells(server: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that end before the count says are an error after some pages, not a loop without end."""
    find = server.objects.find

    def counted(*arguments: object) -> object:
        found = find(*arguments)
        return {**found, "count": found["count"] + 1}

    monkeypatch.setattr(server.objects, "find", counted)
    server.watch = lambda now, _: pytest.fail("it does not end") if now > 50 else None
    with closing(GraphQLReader(Connection(server.url))) as reader, pytest.raises(ServerError):
        list(reader.batches(BY_NAME["tag"], ()))
