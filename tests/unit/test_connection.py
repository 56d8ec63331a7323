"""The connection to a Stash: whom it may call, what opens the door, what is tried again and what never."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from stashport.errors import BadRequest, NotAllowed, NotStash, PublicWithoutKey, ServerError, Unreachable
from stashport.stash import connection as module
from stashport.stash.connection import Connection, key_from_environment
from support.miniature import PICTURES, sample_library
from support.standin import StandIn

VERSION, LOCKED = "{version{version}}", "mutation{backupDatabase(input:{download:true})}"
PICTURE = "/tag/1/image"


@pytest.fixture(autouse=True)
def hurry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and attempts of a test; patience is short only where it is tried, since a busy machine is slow too."""
    monkeypatch.setattr(module, "PAUSES", (0.0,) * 3)
    monkeypatch.setattr(module, "TIMEOUT", (5.0, 0.2 if "timeout" in request.node.name else 20.0))
    monkeypatch.setattr(module, "LOCKED_SECONDS", 0.25)


def names(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name mean these addresses, and let nothing reach the network."""

    def looked_up(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in addresses]

    def called(*_: Any, **__: Any) -> None:
        pytest.fail("a packet was sent")

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    monkeypatch.setattr(socket.socket, "connect", called)
    monkeypatch.setattr(requests.Session, "send", called)


# --- whom it calls --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["localhost:9999", "ftp://nas", "http://", "stash", "http:///graphql"])
def test_what_is_no_address(url: str) -> None:
    """An address needs http or https and a host."""
    with pytest.raises(BadRequest, match="not the address of a Stash"):
        Connection(url)


@pytest.mark.parametrize("addresses", [("93.184.216.34",), ("2606:2800:220:1::1",), ("192.168.1.5", "93.184.216.34"), ("::ffff:8.8.8.8",)])
def test_a_public_address_needs_a_key(monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]) -> None:
    """A Stash without a login locks itself when it is asked from outside: without a key nothing at all is sent there, with one it may be asked."""
    names(monkeypatch, *addresses)
    with pytest.raises(PublicWithoutKey):
        Connection("https://stash.example")
    with pytest.raises(PublicWithoutKey):
        Connection("https://stash.example", cookie="some cookie")
    assert Connection("https://stash.example", api_key="key")._session.trust_env


@pytest.mark.parametrize(("address", "local"), [("127.0.0.1", True), ("::1", True), ("192.168.1.5", False), ("10.1.2.3", False), ("fe80::1%eth0", False)])
def test_private_addresses_need_no_key(monkeypatch: pytest.MonkeyPatch, address: str, *, local: bool) -> None:
    """Addresses at home may be asked without a key; only this very machine goes without the proxies and the packing."""
    names(monkeypatch, address)
    connection = Connection("http://nas:9999/")
    assert connection.url == "http://nas:9999"
    assert connection._session.trust_env is not local
    assert (connection._session.headers["Accept-Encoding"] == "identity") is local


def test_an_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that nobody knows is unreachable, and said to be unknown."""

    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match=r"the name .* is not known"):
        Connection("http://nowhere.invalid:9999")


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:7"), ("", "http://127.0.0.1:7"), ("::", "http://127.0.0.1:7"), ("::1", "http://[::1]:7"), ("127.0.0.1", "http://127.0.0.1:7")],
)
def test_the_stash_that_started_the_plugin(monkeypatch: pytest.MonkeyPatch, host: str, url: str) -> None:
    """The host that Stash listens on is made one that can be called; the cookie comes along, and may be missing."""
    monkeypatch.setattr(Connection, "use_own_key", lambda _: None)
    for cookie in ({"Value": "abc"}, None):
        connection = Connection.from_plugin({"Scheme": "http", "Host": host, "Port": 7, "SessionCookie": cookie})
        assert (connection.url, connection._cookie) == (url, "abc" if cookie else None)


# --- what opens the door --------------------------------------------------------------------------------------------------------------


def test_the_cookie_is_replaced_not_added() -> None:
    """Each answer brings a fresh cookie: the next request carries that one alone, and the key never goes with it."""
    with StandIn(sample_library(), login=("me", "secret")) as server:
        connection = Connection(server.url, cookie=server.sign_in())
        sent = []
        send = connection._session.send
        connection._session.send = lambda request, **more: sent.append(request.headers) or send(request, **more)
        for _ in range(3):
            connection.query(VERSION)
        assert [headers["Cookie"].count("session=") for headers in sent] == [1] * 3
        assert len({headers["Cookie"] for headers in sent}) == 3
        assert not any("ApiKey" in headers for headers in sent)


def test_the_key_of_the_server_replaces_the_cookie() -> None:
    """Where the server has a key, that is used from then on; where it has none, the cookie stays."""
    for key in ("the key", ""):
        with StandIn(sample_library(), login=("me", "secret"), api_key=key) as server:
            connection = Connection(server.url, cookie=server.sign_in())
            connection.use_own_key()
            assert (connection._key or "") == key
            assert (connection._cookie is None) is bool(key)
            assert connection.query(VERSION)


@pytest.mark.parametrize("opened", [{}, {"api_key": "wrong"}, {"cookie": "wrong"}])
def test_a_refused_login(opened: dict[str, str]) -> None:
    """Refusal is one error, not tried again, for documents as for images."""
    with StandIn(sample_library(pictures=True), login=("me", "secret"), api_key="the key") as server:
        connection = Connection(server.url, **opened)
        with pytest.raises(NotAllowed):
            connection.query(VERSION)
        with pytest.raises(NotAllowed):
            connection.get(PICTURE)
        assert len(server.requests) == 2


def test_the_key_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file goes before STASH_API_KEY; an empty one is no key; one that cannot be read is an error."""
    monkeypatch.setenv("STASH_API_KEY", "from there")
    (tmp_path / "key").write_text(" from here\n")
    (tmp_path / "none").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert key_from_environment(str(tmp_path / "key")) == "from here"
    assert key_from_environment(str(tmp_path / "none")) is None
    assert key_from_environment(None) == "from there"
    for name in ("absent", "binary", "."):
        with pytest.raises(BadRequest, match="cannot be read"):
            key_from_environment(str(tmp_path / name))


# --- what is tried again --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["500", "502", "reset", "timeout", "cut", "locked"])
def test_reads_are_tried_again(fault: str) -> None:
    """What a network or a busy server does to a question now and then is not the person's business."""
    with StandIn(sample_library(pictures=True), pictures=PICTURES, faults=f"{fault} {fault} ok {fault}") as server:
        connection = Connection(server.url)
        assert connection.query(VERSION)
        assert connection.get(PICTURE)
        assert len(server.requests) == 5


@pytest.mark.parametrize(("fault", "reason"), [("500", "HTTP 500"), ("reset", "reset"), ("timeout", "no answer in time"), ("cut", "cut")])
def test_reads_are_given_up_in_the_end(fault: str, reason: str) -> None:
    """A fault that stays ends in one error that says what it was, after as many attempts as there are pauses."""
    with StandIn(sample_library(), faults=fault + "+") as server:
        with pytest.raises(Unreachable, match=reason):
            Connection(server.url).query(VERSION)
        assert len(server.requests) == len(module.PAUSES) + 1


@pytest.mark.parametrize("fault", ["500", "502", "reset", "timeout", "cut"])
def test_a_mutation_is_not_tried_again_on_a_fault_of_the_network(fault: str) -> None:
    """It may have been carried out: it is sent once and its fate is said to be unknown."""
    with StandIn(sample_library(), faults=fault) as server:
        with pytest.raises(Unreachable):
            Connection(server.url).mutate(LOCKED)
        assert len(server.requests) == 1


def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    """Stash says that its database was locked when nothing was written: a mutation is sent again, and given up after a while."""
    (tmp_path / "stash.sqlite").write_bytes(b"a database")
    with StandIn(sample_library(), faults="locked locked", database=tmp_path / "stash.sqlite") as server:
        assert Connection(server.url).mutate(LOCKED)["backupDatabase"]
        assert len(server.requests) == 3
        server.set_faults("locked+")
        with pytest.raises(ServerError, match="database is locked"):
            Connection(server.url).mutate(LOCKED)
        assert len(server.requests) > 2


def test_errors_with_part_of_the_data_are_errors() -> None:
    """Half an answer is never taken for a whole one; the server's own words reach the person."""
    with StandIn(sample_library(), faults="partial") as server:
        connection = Connection(server.url)
        with pytest.raises(ServerError, match="one thing failed"):
            connection.query("{findTags{count} version{version}}")
        with pytest.raises(ServerError, match='Cannot query field "nosuch"'):
            connection.query("{nosuch}")
        assert len(server.requests) == 2


# --- addresses of files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "/stash", "/s", "/t"])
def test_files_are_fetched_from_where_the_connection_goes(prefix: str) -> None:
    """Stash may name itself by another host, with or without the prefix of its proxy: the bytes come from the address that was given."""
    with StandIn(sample_library(pictures=True), pictures=PICTURES, prefix=prefix, told_host="elsewhere.invalid:1") as server:
        connection = Connection(server.url)
        told = connection.query("{findTags{tags{image_path}}}")["findTags"]["tags"][0]["image_path"]
        assert told.startswith(f"http://elsewhere.invalid:1{prefix}/tag/1/image")
        for address in (told, told.replace(prefix + PICTURE, PICTURE), PICTURE, f"{prefix}{PICTURE}?t=1"):
            assert connection.get(address) in PICTURES.values()


@pytest.mark.parametrize("fault", ["html", "empty"])
def test_a_page_is_no_file(fault: str) -> None:
    """What a proxy puts in place of a file is refused, and not kept as an image."""
    with StandIn(sample_library(pictures=True), pictures=PICTURES, faults=fault) as server, pytest.raises(NotStash, match="where a file should be"):
        Connection(server.url).get(PICTURE)


def test_other_bytes_than_the_checksum_says() -> None:
    """Stash names each image's checksum beside it: bytes that do not fit are refused; odd bytes that do fit are taken, a page too."""
    page = b"<html>stored as an image by mistake</html>"
    library = sample_library(pictures=True)
    checksum = next(record["image"][4:] for record in library["tag"] if record["image"])
    with StandIn(library, pictures={checksum: b"changed on the way"}) as server:
        with pytest.raises(NotStash, match="other bytes"):
            Connection(server.url).get(PICTURE)
        library["tag"][0]["image"] = f"md5:{hashlib.md5(page).hexdigest()}"
        server.images = {hashlib.md5(page).hexdigest(): page}
        assert Connection(server.url).get(PICTURE) == page


@pytest.mark.parametrize("take", [lambda c: c.get("/tag/999/image"), lambda c: list(c.download("/downloads/nothing"))], ids=["get", "download"])
def test_a_file_that_is_not_there(take: Callable[[Connection], object]) -> None:
    """A missing file is an error, not the words that the server has for it."""
    with StandIn(sample_library()) as server, pytest.raises(NotStash, match="404"):
        take(Connection(server.url))


@pytest.mark.parametrize("fault", ["cut", "reset", "500", "401", "redirect", "timeout"])
def test_a_download_is_whole_or_an_error(tmp_path: Path, fault: str) -> None:
    """A large file comes in pieces and is not tried again: any fault on the way is one of our errors."""
    (tmp_path / "stash.sqlite").write_bytes(bytes(3 << 20))
    with StandIn(sample_library(), database=tmp_path / "stash.sqlite", faults=f"ok ok {fault}") as server:
        connection = Connection(server.url)
        link = connection.mutate(LOCKED)["backupDatabase"]
        assert sum(map(len, connection.download(link))) == 3 << 20
        with pytest.raises((Unreachable, NotAllowed)):
            list(connection.download(link))
        assert len(server.requests) == 3


def test_the_tracer_is_told_of_every_document() -> None:
    """Each document and its variables are told once, however often it is sent."""
    told: list[tuple[str, dict[str, Any]]] = []
    with StandIn(sample_library(), faults="500 ok") as server:
        connection = Connection(server.url, tracer=lambda document, variables: told.append((document, variables)))
        connection.query("query($a:Int!){findTags(filter:{page:$a}){count}}", {"a": 1})
    assert told == [("query($a:Int!){findTags(filter:{page:$a}){count}}", {"a": 1})]
