"""Addresses that do not lead to a Stash, proxies and certificates in between: the command line says which, or gets through."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from stashport.cli import main
from stashport.errors import NotAllowed, NotReady, NotStash, PortError, PublicWithoutKey, Unreachable
from stashport.stash import connection
from stashport.stash.connection import Connection
from support.miniature import PICTURES, sample_library
from support.standin import StandIn
from support.stash import free_port

Export = Callable[..., tuple[int, str]]


@pytest.fixture
def export(tmp_path: Path, scratch: Path, capsys: pytest.CaptureFixture[str]) -> Export:
    """A function that exports everything from an address; (exit code, what was said of an error).  Whatever fails leaves nothing."""
    folder = tmp_path / "out"
    folder.mkdir()

    def exported(url: str, *more: str) -> tuple[int, str]:
        arguments = ["export", url, "--to", str(folder / "library.json"), "--state", str(tmp_path / "state"), "-q", "--overwrite"]
        code = main([*arguments, *more])
        assert [path.name for path in folder.iterdir()] == (["library.json"] if code == 0 else [])
        return code, capsys.readouterr().err

    return exported


@pytest.fixture
def start() -> Iterator[Callable[..., StandIn]]:
    """A function that starts a server with the sample library."""
    with ExitStack() as stack:

        def started(**options: Any) -> StandIn:
            return stack.enter_context(StandIn(sample_library(pictures=True), pictures=PICTURES, **options))

        yield started


def no_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test when anything is sent."""

    def called(*_: Any, **__: Any) -> None:
        pytest.fail("a packet was sent")

    monkeypatch.setattr(socket.socket, "connect", called)
    monkeypatch.setattr(requests.Session, "send", called)


def ends_in(error: type[PortError], told: tuple[int, str], *words: str) -> None:
    """Check an exit code, and that what was said is two lines: what, and what to do."""
    code, said = told
    assert code == error.exit_code, said
    assert len(said.splitlines()) == 2
    assert all(word in said for word in words), said


def test_nobody_listens(export: Export) -> None:
    """A port where nobody listens is said to refuse."""
    ends_in(Unreachable, export(f"http://127.0.0.1:{free_port()}"), "connection refused")


def test_an_unknown_name(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not known is said to be that, before anything is sent."""

    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    no_packets(monkeypatch)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    ends_in(Unreachable, export("http://nas.invalid:9999"), "the name nas.invalid is not known")


def test_a_public_address_without_a_key(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public address without a key is refused before a single packet."""
    no_packets(monkeypatch)
    monkeypatch.delenv("STASH_API_KEY", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 0))])
    ends_in(PublicWithoutKey, export("https://stash.example"), "STASH_API_KEY")


@pytest.mark.parametrize("told_host", ["", "stash.internal:9999"])
def test_a_reverse_proxy_with_a_prefix(export: Export, start: Callable[..., StandIn], told_host: str) -> None:
    """Below a proxy's prefix everything is found, images too, whatever the server believes to be called."""
    server = start(prefix="/some/stash", told_host=told_host)
    assert export(server.url + "/") == (0, "")
    assert all(path.split(" ")[1].startswith("/some/stash/") for path, _ in server.requests)


def test_a_prefix_that_is_missing(export: Export, start: Callable[..., StandIn]) -> None:
    """The proxy's own page where Stash should be says that the address may lack its prefix."""
    server = start(prefix="/some/stash")
    ends_in(NotStash, export(server.url.removesuffix("/some/stash")), "path prefix")


@pytest.mark.parametrize(("fault", "error"), [("html+", NotStash), ("redirect+", NotAllowed), ("401+", NotAllowed), ("empty+", NotStash)])
def test_something_else_answers(export: Export, start: Callable[..., StandIn], fault: str, error: type[PortError]) -> None:
    """A page, a login or nothing at all in place of Stash: one error, at once."""
    server = start(faults=fault)
    ends_in(error, export(server.url), server.url)
    assert len(server.requests) == 1


def test_a_key_that_is_missing_or_wrong(export: Export, start: Callable[..., StandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its key a locked server is not read; with it, from a file or the environment, it is."""
    server, file = start(login=("me", "secret"), api_key="the key"), tmp_path / "key"
    monkeypatch.delenv("STASH_API_KEY", raising=False)
    ends_in(NotAllowed, export(server.url), "--api-key-file")
    monkeypatch.setenv("STASH_API_KEY", "wrong")
    ends_in(NotAllowed, export(server.url))
    file.write_text("the key\n")
    assert export(server.url, "--api-key-file", str(file)) == (0, "")
    monkeypatch.setenv("STASH_API_KEY", "the key")
    assert export(server.url) == (0, "")
    assert not any("the key" in path.read_text("utf-8") for path in (tmp_path / "state").rglob("*") if path.is_file())


def test_a_server_that_waits_for_its_setup(export: Export, start: Callable[..., StandIn]) -> None:
    """A Stash that is not set up is said to be that."""
    server = start()
    server.status["status"] = "SETUP"
    ends_in(NotReady, export(server.url), "SETUP")


# --- certificates ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A file with a certificate of our own for 127.0.0.1, and the context of a server that shows it."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a Stash")]), dt.datetime.now(dt.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "ca.pem").write_bytes(made.public_bytes(encoding))
    (folder / "key.pem").write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return folder / "ca.pem", context


def test_a_certificate_of_one_s_own(export: Export, start: Callable[..., StandIn], certificates: tuple[Path, ssl.SSLContext]) -> None:
    """A certificate that nobody vouches for is refused, and said how to trust it; with --ca the whole export goes through."""
    ca, context = certificates
    server = start(tls=context)
    ends_in(Unreachable, export(server.url), "its certificate is not trusted (--ca FILE)")
    assert server.requests == []
    assert export(server.url, "--ca", str(ca)) == (0, "")


def test_the_environment_does_not_replace_the_certificates(
    start: Callable[..., StandIn], certificates: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE does not go before what was chosen here: a file, or none for a Stash's own certificate on this machine."""
    ca, context = certificates
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", requests.certs.where())
    server = start(tls=context)
    for chosen in (str(ca), False):
        opened = Connection(server.url, ca=chosen)
        opened._session.trust_env = True  # as for every other machine
        with pytest.warns(match="InsecureRequestWarning|Unverified") if chosen is False else ExitStack():
            assert opened.query("{version{version}}")


def test_plain_http_where_tls_is_spoken(export: Export, start: Callable[..., StandIn], certificates: tuple[Path, ssl.SSLContext]) -> None:
    """http:// to a port that speaks TLS is one error, as https:// to one that does not."""
    _, context = certificates
    ends_in(Unreachable, export(start(tls=context).url.replace("https:", "http:")))
    ends_in(Unreachable, export(start().url.replace("http:", "https:")))


def test_a_timeout_is_given_up_in_the_end(export: Export, start: Callable[..., StandIn]) -> None:
    """A server that takes the question and never answers is given up after all attempts."""
    server = start(faults="timeout+")
    ends_in(Unreachable, export(server.url), "no answer in time")
    assert len(server.requests) == len(connection.PAUSES) + 1
