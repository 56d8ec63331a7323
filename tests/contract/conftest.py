"""Two servers for one contract: the stand-in, which is everywhere, and a real Stash, where there is one."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

import pytest
from stashport.model.records import number_of
from stashport.stash.connection import Connection
from stashport.stash.database import DatabaseReader
from stashport.stash.graphql import GraphQLReader
from support.miniature import PICTURES, Records, sample_library
from support.standin import StandIn
from support.stash import Libraries, RealStash

BOTH = ["stand-in", pytest.param("real Stash", marks=pytest.mark.real_stash)]
LOGIN = ("somebody", "a password")


class Said(NamedTuple):
    """An HTTP answer as it came."""

    status: int
    sort: str
    location: str
    body: bytes
    tag: str | None = None

    def message(self) -> str:
        """The first error in it."""
        return str(json.loads(self.body)["errors"][0]["message"])


class Server(NamedTuple):
    """One of the two: where it is, and what opens it."""

    url: str
    api_key: str = ""

    def connect(self, **more: Any) -> Connection:
        """The product's connection to it."""
        return Connection(self.url, **{"api_key": self.api_key or None, **more})

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> Said:
        """Ask without the product: nothing is followed, nothing is tried again."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
        request = urllib.request.Request(self.url + path, data=body, headers={"Content-Type": "application/json", **headers})
        try:
            with opener.open(request, timeout=30) as answer:
                return Said(answer.status, answer.headers.get("Content-Type", ""), answer.headers.get("Location", ""), answer.read(), answer.headers["ETag"])
        except urllib.error.HTTPError as error:
            with error:
                return Said(error.code, error.headers.get("Content-Type", ""), error.headers.get("Location", ""), error.read())

    def gql(self, document: str, variables: dict[str, Any] | None = None, **headers: str) -> Said:
        """Ask a GraphQL question, with what opens the server unless other headers are given."""
        body = json.dumps({"query": document, "variables": variables or {}}).encode()
        return self.ask("/graphql", body, **(headers or ({"ApiKey": self.api_key} if self.api_key else {})))


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@pytest.fixture(scope="session")
def small_stash(libraries: Libraries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStash]:
    """A real Stash with a small library, only for tests that write nothing to it."""
    with RealStash(tmp_path_factory.mktemp("small"), library=libraries.filled(60)) as stash:
        yield stash


@pytest.fixture(scope="module", params=BOTH)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """An open server with a library."""
    if request.param == "stand-in":
        with StandIn(sample_library(pictures=True), pictures=PICTURES) as standin:
            yield Server(standin.url)
    else:
        yield Server(request.getfixturevalue("small_stash").url)


@pytest.fixture(scope="module", params=BOTH)
def locked_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that wants a login, with a key and a library of its own."""
    if request.param == "stand-in":
        with StandIn(sample_library(), login=LOGIN, api_key="the key") as standin:
            yield Server(standin.url, standin.api_key)
    else:
        with RealStash(tmp_path_factory.mktemp("locked"), library=request.getfixturevalue("libraries").empty(), login=LOGIN) as stash:
            yield Server(stash.url, stash.api_key)


@pytest.fixture
def reader(server: Server) -> Iterator[GraphQLReader]:
    """The product's reader of the server."""
    with closing(GraphQLReader(server.connect())) as found:
        yield found


@pytest.fixture(scope="module")
def twin(libraries: Libraries) -> Iterator[StandIn]:
    """A stand-in that holds what the small Stash holds."""
    library = libraries.filled(60)
    with DatabaseReader(library.database, library.blobs) as found:
        records: Records = {kind.name: [r for b in found.batches(kind, found.fields(kind)) for r in b.records] for kind in found.kinds()}
        named = {r[f.name][4:] for kind in found.kinds() for f in kind.fields if f.type == "image" for r in records[kind.name] if r[f.name]}
        pictures = {checksum: found.image(checksum) or b"" for checksum in named}
    with StandIn(records, pictures=pictures) as standin:
        yield standin


@pytest.fixture(scope="module")
def collect() -> Callable[[str], list[tuple[str, dict[str, Any]]]]:
    """A function that lists every document that reading a whole server sends, each with its variables."""

    def collected(url: str) -> list[tuple[str, dict[str, Any]]]:
        from stashport.stash import source

        seen: dict[str, tuple[str, dict[str, Any]]] = {}
        connection = Connection(url, tracer=lambda document, variables: seen.setdefault(f"{document}{variables}", (document, variables)))
        source.server_status(connection)
        connection.use_own_key()
        with closing(GraphQLReader(connection)) as reading:
            reading._image = lambda _: None  # addresses are asked for, pictures are not fetched
            for kind in reading.kinds():
                reading.count(kind)
                first = None
                for batch in reading.batches(kind, reading.fields(kind)):
                    first = first or batch.records[0]["id"]
                if kind.table and first:
                    only = reading.ids(kind)
                    list(reading.batches(kind, (), only))
                    assert number_of(first) in only
        return list(seen.values())

    return collected
