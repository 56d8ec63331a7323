"""The one place that talks to a Stash over HTTP.

Timeouts on everything; reads are tried again when the network or the database is busy, writes only when Stash says that its database was locked (then
nothing was written).  An answer with errors is an error, also when it brings part of the data.  The session cookie that Stash gives a plugin lasts an
hour, but each answer brings a fresh one: it is replaced by hand, or given up for the API key where the server has one.
"""

from __future__ import annotations

import hashlib
import io
import ipaddress
import json
import os
import random
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

from stashport.errors import BadRequest, MissingLibrary, NotAllowed, NotStash, PublicWithoutKey, ServerError, Unreachable

TIMEOUT = (10.0, 300.0)
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
LOCKED_SECONDS = 60.0
_CHECKSUM = re.compile(r"[0-9a-f]{32}")
Tracer = Callable[[str, dict[str, Any]], None]


class Connection:
    """A Stash at `url` (http://host:port or http://host:port/prefix).

    cookie    the value of Stash's session cookie, from the plugin's input
    ca        a file of certificates to trust, or False to trust any (only for Stash's own self-signed one on this machine)
    tracer    is told of every document and its variables; tests count mutations with it
    Errors: Unreachable, NotAllowed, PublicWithoutKey, ServerError, NotStash, MissingLibrary.
    """

    def __init__(self, url: str, *, cookie: str | None = None, api_key: str | None = None, ca: str | bool = True, tracer: Tracer | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadRequest(what=f"{url} is not the address of a Stash: it should look like http://localhost:9999.")
        self.url = url.rstrip("/")
        self._cookie, self._key, self._tracer = cookie, api_key, tracer
        local = _refuse_public(self.url, parts.hostname, bool(api_key))
        try:
            import requests  # what needs no server must not pay for it
        except ImportError as error:
            raise MissingLibrary(feature="Talking to a running Stash", package="requests", feature_name="http") from error
        self._requests = requests
        self._session = requests.Session()
        self._session.trust_env = not local
        self._session.verify = ca
        # Packing an answer costs more than sending it to the same machine.
        self._session.headers.update({"Accept-Encoding": "identity"} if local else {}, Accept="application/json")

    @classmethod
    def from_plugin(cls, given: dict[str, Any], **more: Any) -> Connection:
        """The Stash that started us, from the `server_connection` of its input."""
        host = str(given.get("Host") or "")
        if host in ("", "0.0.0.0", "::", "[::]"):  # noqa: S104 - addresses to listen on are no addresses to call
            host = "127.0.0.1"
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        scheme = given.get("Scheme") or "http"
        cookie = (given.get("SessionCookie") or {}).get("Value")
        if given.get("ApiKey"):
            return cls(f"{scheme}://{host}:{given.get('Port', 9999)}", api_key=given["ApiKey"], ca=False, **more)
        connection = cls(f"{scheme}://{host}:{given.get('Port', 9999)}", cookie=cookie, ca=False, **more)
        connection.use_own_key()
        return connection

    def credentials(self) -> dict[str, Any]:
        """What `from_plugin` takes to come back later: the API key, else the newest cookie.  It is secret, and never written down."""
        return {"ApiKey": self._key} if self._key else {"SessionCookie": {"Value": self._cookie}} if self._cookie else {}

    def use_own_key(self) -> None:
        """Change from the cookie to the server's API key, if it has one: that one does not expire."""
        key = self.query("query StashPortKey{configuration{general{apiKey}}}")["configuration"]["general"]["apiKey"]
        if key:
            self._key, self._cookie = key, None

    def query(self, document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run a GraphQL query; its data."""
        return self._run(document, variables or {}, read=True)

    def mutate(self, document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run a GraphQL mutation; its data."""
        return self._run(document, variables or {}, read=False)

    def upload(self, document: str, variables: dict[str, Any], file: Path, name: str) -> dict[str, Any]:
        """Run a mutation whose variable `name` is a file, which is sent as it is read; its data.  Errors: those of the file system too."""
        if self._tracer:
            self._tracer(document, variables)
        operation = json.dumps({"query": document, "variables": {**variables, name: None}})
        with file.open("rb") as opened:
            form = _Form({"operations": operation, "map": json.dumps({"0": [f"variables.{name}"]})}, opened, file.stat().st_size)
            answer = self._parse(self._request("POST", "/graphql", body=form, content=form.content, again=False))
        if answer.get("errors") or not isinstance(answer.get("data"), dict):
            raise ServerError(url=self.url, reason=str(answer.get("errors") or "an empty answer")[:400])
        data: dict[str, Any] = answer["data"]
        return data

    def _run(self, document: str, variables: dict[str, Any], *, read: bool) -> dict[str, Any]:
        if self._tracer:
            self._tracer(document, variables)
        body = json.dumps({"query": document, "variables": variables}).encode()
        deadline, wait = time.monotonic() + LOCKED_SECONDS, 0.1
        while True:
            response = self._request("POST", "/graphql", body=body, again=read)
            answer = self._parse(response)
            errors = answer.get("errors")
            if not errors and isinstance(answer.get("data"), dict):
                data: dict[str, Any] = answer["data"]
                return data
            reason = "; ".join(str(e.get("message", e)) if isinstance(e, dict) else str(e) for e in errors or ["an empty answer"])
            if "database is locked" not in reason or time.monotonic() > deadline:
                # The text of a failed SQL statement can hold the whole statement: only its end is of use.
                raise ServerError(url=self.url, reason=reason.rsplit("]: ", 1)[-1][:400])
            time.sleep(wait * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret
            wait = min(wait * 2, 5.0)

    def _parse(self, response: Any) -> dict[str, Any]:
        content = response.content
        try:
            answer = json.loads(content.decode("utf-8", "surrogateescape"))
        except ValueError as error:
            raise NotStash(url=self.url, reason=f"HTTP {response.status_code} and {len(content)} bytes that are no whole JSON") from error
        if not isinstance(answer, dict):
            raise NotStash(url=self.url, reason="a JSON answer of another shape")
        return answer

    def get(self, path: str) -> bytes:
        """The bytes behind an address of this server; only its path and query are used, since Stash may name itself by another host.

        What is not the file is an error: Stash's ETag is the checksum of the bytes, and without one an empty body or a page is no file.
        """
        response = self._file(self._request("GET", self._own(path)))
        data = bytes(response.content)
        tag = response.headers.get("etag", "").removeprefix("W/").strip('"')
        if _CHECKSUM.fullmatch(tag):
            if hashlib.md5(data, usedforsecurity=False).hexdigest() != tag:
                raise NotStash(url=self.url, reason=f"{path} brought other bytes than its ETag says")
        elif not data or response.headers.get("content-type", "").startswith("text/html"):
            raise NotStash(url=self.url, reason=f"{path} brought {'a page' if data else 'nothing'} where a file should be")
        return data

    def download(self, path: str) -> Iterator[bytes]:
        """The same in pieces, for large files; not checked and not tried again."""
        with self._file(self._request("GET", self._own(path), stream=True, again=False)) as response:
            try:
                yield from response.iter_content(1 << 20)
            except self._requests.RequestException as error:
                raise Unreachable(url=self.url, reason=_short(error)) from error

    def _file(self, response: Any) -> Any:
        if response.status_code != 200:
            raise NotStash(url=self.url, reason=f"HTTP {response.status_code} where a file should be")
        return response

    def _own(self, path: str) -> str:
        parts = urlsplit(urljoin(self.url + "/", path))
        prefix = urlsplit(self.url).path
        inner = parts.path.removeprefix(prefix) if parts.path.startswith(prefix + "/") else parts.path
        return inner + (f"?{parts.query}" if parts.query else "")

    def _request(
        self, method: str, path: str, *, body: bytes | _Form | None = None, content: str = "application/json", stream: bool = False, again: bool = True,
    ) -> Any:
        headers = {"Content-Type": content} if body is not None else {}
        reason = ""
        for pause in (*PAUSES, None) if again else (None,):
            if self._key:
                headers["ApiKey"] = self._key
            if self._cookie:
                headers["Cookie"] = f"session={self._cookie}"
            try:
                response = self._session.request(
                    method, self.url + path, data=body, headers=headers, timeout=TIMEOUT, stream=stream, allow_redirects=False,
                    verify=self._session.verify,  # said again: REQUESTS_CA_BUNDLE would go before the session's
                )
            except self._requests.RequestException as error:
                reason = _short(error)
            else:
                self._renew(response)
                if response.status_code < 500 or response.headers.get("content-type", "").startswith("application/json"):
                    return self._checked(response)
                reason = f"HTTP {response.status_code}"
            if pause is not None:
                time.sleep(pause)
        raise Unreachable(url=self.url, reason=reason)

    def _renew(self, response: Any) -> None:
        fresh = response.cookies.get("session")
        self._session.cookies.clear()
        if self._cookie and fresh:
            self._cookie = fresh

    def _checked(self, response: Any) -> Any:
        status = response.status_code
        if status in (401, 403) or (300 <= status < 400 and "login" in response.headers.get("location", "")):
            raise NotAllowed(url=self.url, status=status)
        if 300 <= status < 400:
            raise NotStash(url=self.url, reason=f"a redirect to {response.headers.get('location', 'elsewhere')}")
        if status == 404:
            raise NotStash(url=self.url, reason="nothing at this address (HTTP 404)")
        return response


class _Form:
    """A form with texts and then a file, read piece by piece.  Its length is told before: Stash keeps what has none in memory."""

    def __init__(self, texts: dict[str, str], file: BinaryIO, size: int) -> None:
        mark = secrets.token_hex(16)
        self.content = f"multipart/form-data; boundary={mark}"
        parts = "".join(f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in texts.items())
        head = f'{parts}--{mark}\r\nContent-Disposition: form-data; name="0"; filename="file"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode()
        tail = f"\r\n--{mark}--\r\n".encode()
        self.len = len(head) + size + len(tail)
        self._pieces: list[BinaryIO] = [io.BytesIO(head), file, io.BytesIO(tail)]

    def read(self, size: int = -1) -> bytes:
        """The next bytes, as of a file."""
        while self._pieces:
            if piece := self._pieces[0].read(size):
                return piece
            self._pieces.pop(0)
        return b""

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(1 << 20), b"")


def key_from_environment(file: str | None) -> str | None:
    """The API key from a file, or else from STASH_API_KEY; never from a command line, which others can read."""
    if file:
        try:
            return Path(file).read_text("utf-8").strip() or None
        except (OSError, UnicodeDecodeError) as error:
            raise BadRequest(what=f"The API key file {file} cannot be read: {error}.") from error
    return os.environ.get("STASH_API_KEY") or None


def _refuse_public(url: str, host: str, has_key: bool) -> bool:
    """True for this very machine.  Errors: PublicWithoutKey, Unreachable when the name is not known."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise Unreachable(url=url, reason=f"the name {host} is not known ({error})") from error
    addresses = [ipaddress.ip_address(str(address).split("%")[0]) for address in found]
    if not has_key and any(address.is_global for address in addresses):
        raise PublicWithoutKey(url=url)
    return all(address.is_loopback for address in addresses)


def _short(error: Exception) -> str:
    text = str(error)
    for known, plain in (("refused", "connection refused"), ("timed out", "no answer in time"), ("CERTIFICATE", "its certificate is not trusted (--ca FILE)"),
                         ("reset", "connection reset"), ("IncompleteRead", "the answer was cut off"), ("closed connection", "the connection was cut")):
        if known in text:
            return plain
    return f"{type(error).__name__}: {text[:200]}"
