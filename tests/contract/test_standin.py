"""The stand-in is held to a real Stash: the same names, the same answers to every document that the product sends, the same refusals."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from contract.conftest import LOGIN, Said, Server
from stashport.stash.capabilities import Capabilities
from stashport.stash.connection import Connection
from support.standin import StandIn
from support.stash import RealStash

Documents = Callable[[str], list[tuple[str, dict[str, Any]]]]
_ADDRESS = re.compile(r"^https?://[^/]+(/[^?]*)\?t=\d+")
REFUSED = {
    "an unknown query": ("{nosuch}", 422, 'Cannot query field "nosuch" on type "Query"'),
    "an unknown field": ("{findTags{tags{nosuch}}}", 422, 'Cannot query field "nosuch" on type "Tag"'),
    "an unknown field of a file": ("{findFiles{files{...on VideoFile{nosuch}}}}", 422, 'Cannot query field "nosuch" on type "VideoFile"'),
    "an unknown argument": ("{findTags(bad:1){count}}", 422, 'Unknown argument "bad" on field "Query.findTags"'),
    "no selection": ("{findTags}", 422, "must have a selection of subfields"),
    "half a document": ("{version{version} ", 422, "found <EOF>"),
    "a variable without value": ("query($a:Int!){findTags(filter:{page:$a}){count}}", 422, "must be defined"),
    "an unknown tag": ('{findTags(ids:["999999"]){count}}', 200, "tag with id 999999 not found"),
    "an unknown scene": ('{findScenes(ids:["1","999999"]){count}}', 200, "scene with id 999999 not found"),
    "an id twice": ('{findScenes(ids:["1","1"]){count}}', 200, "duplicate id found: 1"),
    "an unknown order": ('{findTags(filter:{sort:"nosuch"}){count}}', 200, "invalid sort: nosuch"),
}


def _plain(told: Any, path: tuple[str, ...] = ()) -> Any:
    """An answer without what may differ: hosts and times in addresses, the ids of rows, the order of nested lists, empty or null."""
    if isinstance(told, dict):
        rows = path[-1:] in (("scene_markers",), ("chapters",))
        return {key: _plain(value, (*path, key)) for key, value in told.items() if not (rows and key == "id")} or None
    if isinstance(told, list):
        plain = [_plain(one, path) for one in told]
        if not plain:
            return None
        return plain if path[:2] == ("data", "found") and len(path) == 3 else sorted(plain, key=json.dumps)  # the order of a page counts
    return _ADDRESS.sub(r"\1", told) or None if isinstance(told, str) else told


def _differences(mine: Any, real: Any, path: str = "") -> Iterator[str]:
    """Where two answers differ."""
    if isinstance(mine, dict) and isinstance(real, dict) and mine.keys() == real.keys():
        for key in mine:
            yield from _differences(mine[key], real[key], f"{path}/{key}")
    elif isinstance(mine, list) and isinstance(real, list) and len(mine) == len(real):
        for number, pair in enumerate(zip(mine, real, strict=True)):
            yield from _differences(*pair, f"{path}[{number}]")
    elif mine != real:
        yield f"{path}: {mine!r} here, {real!r} there"


def _shape(told: Any, path: str = "") -> Iterator[str]:
    """Where in an answer there is a value of which sort; nulls, empty lists and free maps tell nothing."""
    if isinstance(told, dict):
        for key, value in told.items():
            if path not in ("/data/configuration/ui", "/data/configuration/plugins"):
                yield from _shape(value, f"{path}/{key}")
    elif isinstance(told, list):
        for one in told:
            yield from _shape(one, path + "[]")
    elif told is not None:
        yield f"{path} {'number' if type(told) in (int, float) else type(told).__name__}"


def test_the_same_names_are_known(twin: StandIn, small_stash: RealStash) -> None:
    """Introspection of the stand-in tells what a real Stash tells; if not, record standin_types.json anew."""
    mine, real = Capabilities.of(Connection(twin.url)), Capabilities.of(Connection(small_stash.url))
    assert mine.arguments == real.arguments
    assert mine.types == real.types


def test_every_document_is_answered_alike(twin: StandIn, small_stash: RealStash, collect: Documents) -> None:
    """With the same library in it, the stand-in gives a real Stash's answer to each document that the product sends."""
    documents = collect(small_stash.url)
    assert len(documents) > 40
    for document, variables in documents:
        mine, real = (Server(url).gql(document, variables) for url in (twin.url, small_stash.url))
        assert (mine.status, mine.sort) == (real.status, real.sort), document
        mine_told, real_told = (json.loads(said.body.decode("utf-8", "surrogateescape")) for said in (mine, real))
        if "configuration{" in document:
            assert set(_shape(real_told)) <= set(_shape(mine_told)), document
        else:
            assert list(_differences(_plain(mine_told), _plain(real_told))) == [], document


def test_images_are_served_alike(twin: StandIn, small_stash: RealStash) -> None:
    """The stand-in serves the bytes and the ETag that a real Stash serves under the same address, and neither has one where there is no record."""
    for path in [*list(twin.objects.pictures())[:20], "/scene/999999/screenshot"]:
        mine, real = Server(twin.url).ask(path), Server(small_stash.url).ask(path)
        assert (mine.status, mine.body, mine.tag) == (real.status, real.body, real.tag), path


@pytest.mark.parametrize(("document", "status", "message"), REFUSED.values(), ids=REFUSED)
def test_refusals(server: Server, document: str, status: int, message: str) -> None:
    """What cannot be answered is refused with the same status and words, and brings no data."""
    said = server.gql(document)
    assert (said.status, said.sort) == (status, "application/json")
    assert message in said.message()
    assert json.loads(said.body)["data"] is None


def test_what_is_no_json_is_refused(server: Server) -> None:
    """A body that is no JSON is a bad request, told in JSON."""
    said = server.ask("/graphql", b"no json")
    assert (said.status, said.sort) == (400, "application/json")
    assert "could not be decoded" in said.message()


@pytest.mark.parametrize("paging", ["page:99,per_page:5", "per_page:0"])
def test_pages_beyond_the_end_are_empty(server: Server, paging: str) -> None:
    """A page after the last one, and one of size 0, are empty and still tell the count."""
    found, whole = (json.loads(server.gql(f"{{findTags(filter:{{{one}}}){{count tags{{id}}}}}}").body)["data"]["findTags"] for one in (paging, "per_page:-1"))
    assert found == {"count": len(whole["tags"]), "tags": []}


def test_ids_keep_their_order(server: Server) -> None:
    """Records asked for by id come in the order of the question, all of them on wish, counted."""
    told = json.loads(server.gql('{findScenes(ids:["2","1"],filter:{per_page:-1}){count scenes{id}}}').body)["data"]["findScenes"]
    assert told == {"count": 2, "scenes": [{"id": "2"}, {"id": "1"}]}


def test_a_wrong_key_is_refused_even_where_none_is_needed(server: Server) -> None:
    """An open server refuses a key that is not its own, without a word."""
    assert server.gql("{version{version}}", ApiKey="wrong") == Said(401, "", "", b"")


@pytest.mark.parametrize("headers", [{"X-None": ""}, {"ApiKey": "wrong"}, {"Cookie": "session=wrong"}], ids=["nothing", "key", "cookie"])
def test_a_locked_server_refuses(locked_server: Server, headers: dict[str, str]) -> None:
    """Without a key or cookie, and with wrong ones, GraphQL is refused and says nothing."""
    assert locked_server.gql("{version{version}}", **headers) == Said(401, "", "", b"")


def test_a_locked_server_sends_other_addresses_to_the_login(locked_server: Server) -> None:
    """Images without key or cookie lead to the login page, with a wrong key they are refused, with the right one they are looked up."""
    said = locked_server.ask("/tag/999999/image")
    assert (said.status, said.location) == (302, "/login?returnURL=%2Ftag%2F999999%2Fimage")
    assert locked_server.ask("/tag/999999/image", ApiKey="wrong").status == 401
    assert locked_server.ask("/tag/999999/image", ApiKey=locked_server.api_key).status == 404


def test_signing_in_gives_a_cookie_that_each_answer_renews(locked_server: Server) -> None:
    """The login page gives a cookie for the right password only; what it opens gives a fresh one, which the connection takes over."""
    wrong = locked_server.ask("/login", f"username={LOGIN[0]}&password=no".encode(), **{"Content-Type": "application/x-www-form-urlencoded"})
    assert wrong.status == 401
    connection = locked_server.connect(api_key=None, cookie=sign_in(locked_server.url))
    before = connection._cookie
    time.sleep(1.1)  # a cookie holds the second in which it was made
    assert connection.query("{version{version}}")["version"]["version"]
    assert connection._cookie not in (None, before)
    assert connection.query("{version{version}}")["version"]["version"]


def test_the_own_key_replaces_the_cookie(locked_server: Server) -> None:
    """A server that has a key tells it to who is signed in, and it opens the server from then on."""
    connection = locked_server.connect(api_key=None, cookie=sign_in(locked_server.url))
    connection.use_own_key()
    assert (connection._key, connection._cookie) == (locked_server.api_key, None)
    assert connection.query("{version{version}}")["version"]["version"]


def sign_in(url: str) -> str:
    """The cookie that the login page gives."""
    import requests

    form = {"username": LOGIN[0], "password": LOGIN[1], "returnURL": "/"}
    with requests.post(f"{url}/login", data=form, allow_redirects=False, timeout=30) as answer:
        return answer.cookies["session"]
