"""A stand-in for a Stash: an HTTP server inside the test's own process that speaks the part of Stash's API that the product uses.

    with StandIn(sample_library(pictures=True), pictures=PICTURES, faults="ok ok 500 reset") as server:
        Connection(server.url)

Its answers come from records, through the table of fields; what names the API knows comes from standin_types.json (see standin_record.py).
tests/contract holds it to a real Stash.

Faults are a text with one word for each request, in the order in which they come; after its end all is well.  A word with a + behind it
holds for all requests from there on.
    ok          a good answer
    500 502     HTTP 500 or 502 with a text, as a crashed server or a reverse proxy gives
    reset       the connection is reset before anything is answered
    timeout     nothing is answered for longer than any client in a test waits
    cut         the head and the first half of a good answer, then the connection ends
    partial     GraphQL: the good answer with its first field null, and errors beside it; else as cut
    locked      GraphQL: "database is locked", as Stash says when another task writes; else as 500
    401         refused, with an empty body, as when a session has ended
    empty       HTTP 200 with no body
    html        HTTP 200 with a page, as a reverse proxy's login gives
    redirect    HTTP 302 to the login page
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import ssl
import struct
import threading
import time
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from stashport.model.fields import KNOWN_SCHEMAS

from support.miniature import Records
from support.standin_graphql import Failed, Node, Parser, Refused, Schema, check, introspected, pick
from support.standin_objects import Objects
from support.standin_record import TYPES_FILE

FAULTS = ("500", "502", "reset", "timeout", "cut", "partial", "locked", "401", "empty", "html", "redirect")
PAGE = b"<!DOCTYPE html><html><head><title>Please sign in</title></head><body>a page</body></html>"


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes = b""
    sort: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


_REFUSED = Answer(401, sort="")


class StandIn:
    """The server; `url` is its address, prefix included.  Everything may be changed while it runs.

    records          the library, by kind; pictures: the bytes of its images by their md5
    login            (user, password): without them, a key or a cookie everything is refused; session_seconds: how long a cookie holds
    prefix           the path below which a reverse proxy shows it; told_host: the host that it believes to be called by
    tls              an SSLContext of a server
    database         the file that backupDatabase gives out, and that systemStatus names when `beside` is set
    watch            called before each request with its number (from 0) and its document ("" for other addresses)
    """

    def __init__(
        self, records: Records, *, pictures: dict[str, bytes] | None = None, faults: str = "", login: tuple[str, str] | None = None, api_key: str = "",
        session_seconds: float = 3600, prefix: str = "", told_host: str = "", tls: ssl.SSLContext | None = None, database: Path | None = None,
        beside: bool = False, settings: dict[str, Any] | None = None, watch: Callable[[int, str], None] | None = None,
    ) -> None:
        self.schema: Schema = json.loads(TYPES_FILE.read_text("utf-8"))
        self.objects, self.images = Objects(records, self.schema), pictures or {}
        self.login, self.api_key, self.session_seconds, self.prefix, self.told_host = login, api_key, session_seconds, prefix, told_host
        self.database, self.beside, self.settings, self.watch = database, beside, settings or {}, watch
        self.status = {"status": "OK", "databaseSchema": max(KNOWN_SCHEMAS), "appSchema": max(KNOWN_SCHEMAS), "workingDir": "/", "configPath": ""}
        self.requests: list[tuple[str, str]] = []
        self.sessions: dict[str, float] = {}
        self._downloads: dict[str, bytes] = {}
        self._lock, self._ended = threading.Lock(), threading.Event()
        self.set_faults(faults)
        self._http = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"standin": self}))
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._http.server_address[1]}{prefix}"

    def __enter__(self) -> StandIn:
        """Begin to answer."""
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, whatever is being answered."""
        self._ended.set()
        self._http.shutdown()
        self._http.server_close()

    def set_faults(self, script: str) -> None:
        """Begin a new script of faults, and forget the requests so far."""
        self._faults = script.split()
        if unknown := {word.removesuffix("+") for word in self._faults} - {"ok", *FAULTS}:
            raise ValueError(f"no such faults: {unknown}")
        self.requests.clear()

    def sign_in(self) -> str:
        """A fresh session's cookie."""
        value = secrets.token_hex(16)
        self.sessions[value] = time.monotonic()
        return value

    # --- answering ----------------------------------------------------------------------------------------------------------------------

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[str, Answer]:
        """(fault, the good answer); a fault that is an answer in itself is already in place of it."""
        document = ""
        with contextlib.suppress(ValueError, AttributeError):
            document = str(json.loads(body).get("query") or "")
        with self._lock:
            number = len(self.requests)
            self.requests.append((f"{method} {target}", document))
            fault = next((word[:-1] for word in self._faults[: number + 1] if word.endswith("+")), "")
            fault = fault or (self._faults[number] if number < len(self._faults) else "ok")
            if self.watch:
                self.watch(number, document)
            if fault == "timeout":
                return fault, Answer(200)
            good = self._good(method, target, headers, body)
        graphql = good.sort == "application/json" and good.status == 200
        if fault in ("500", "502") or (fault == "locked" and not graphql):
            return "ok", Answer(502 if fault == "502" else 500, b"something went wrong\n")
        if fault == "locked":
            return "ok", _json(200, {"errors": [{"message": "database is locked", "path": ["found"]}], "data": None})
        if fault == "partial" and graphql:
            data = json.loads(good.body.decode("utf-8", "surrogateescape"))["data"]
            return "ok", _json(200, {"errors": [{"message": "one thing failed"}], "data": {**data, next(iter(data)): None}})
        whole = {"401": _REFUSED, "empty": Answer(200, sort=""), "html": Answer(200, PAGE, "text/html"), "redirect": _to_login(target)}
        return ("cut" if fault == "partial" else fault), whole.get(fault, good)

    def _good(self, method: str, target: str, headers: Any, body: bytes) -> Answer:
        parts = urllib.parse.urlsplit(target)
        if self.prefix and not parts.path.startswith(self.prefix + "/"):
            return Answer(404, b"<html>nothing here</html>", "text/html")
        path = parts.path.removeprefix(self.prefix)
        if path == "/login" and method == "POST":
            given = urllib.parse.parse_qs(body.decode())
            if self.login != (given.get("username", [""])[0], given.get("password", [""])[0]):
                return Answer(401, b"Username or password is invalid\n")
            return Answer(200, headers=self._cookie())
        allowed, renewed = self._who(headers, urllib.parse.parse_qs(parts.query))
        if not allowed:
            asked_with_key = bool(headers.get("ApiKey"))
            return _REFUSED if path == "/graphql" or asked_with_key else _to_login(target)
        told = f"http://{self.told_host or headers.get('Host', '')}{self.prefix}"
        page = self._page(path, body, told)
        return page._replace(headers=page.headers + renewed)

    def _who(self, headers: Any, query: dict[str, list[str]]) -> tuple[bool, tuple[tuple[str, str], ...]]:
        """Whether the request may pass, and the fresh cookie that a session gets with each answer."""
        key = headers.get("ApiKey") or query.get("apikey", [""])[0]
        if key:
            return key == self.api_key, ()
        cookies = [one.strip().partition("=") for one in (headers.get("Cookie") or "").split(";")]
        value = next((value for name, _, value in cookies if name == "session"), "")
        if time.monotonic() - self.sessions.get(value, float("-inf")) < self.session_seconds:
            return True, self._cookie()
        return self.login is None, ()

    def _cookie(self) -> tuple[tuple[str, str], ...]:
        return (("Set-Cookie", f"session={self.sign_in()}; Path=/; Max-Age={max(1, int(self.session_seconds))}; SameSite=Lax"),)

    def _page(self, path: str, body: bytes, told: str) -> Answer:
        if path == "/graphql":
            return self._graphql(body, told)
        if path in self._downloads:
            return Answer(200, self._downloads[path], "application/octet-stream")
        checksum = self.objects.pictures().get(path)
        if checksum in self.images:
            return Answer(200, self.images[checksum], "image/png", (("ETag", f'"{checksum}"'),))
        return Answer(404, b"Not Found\n")

    def _graphql(self, body: bytes, told: str) -> Answer:
        try:
            asked = json.loads(body)
        except ValueError:
            return _json(400, {"errors": [{"message": "json request body could not be decoded"}], "data": None})
        try:
            sort, nodes = Parser(asked["query"], asked.get("variables") or {}).operation()
            check(nodes, sort.capitalize(), self.schema)
        except Refused as error:
            return _json(422, {"errors": [{"message": str(error), "extensions": {"code": error.code}}], "data": None})
        try:
            return _json(200, {"data": {node.alias: pick(self._root(node, told), node.selection) for node in nodes}})
        except Failed as error:
            return _json(200, {"errors": [{"message": str(error), "path": [nodes[0].alias]}], "data": None})

    def _root(self, node: Node, told: str) -> Any:
        if node.name in self.objects.by_query:
            return self.objects.find(self.objects.by_query[node.name], node.arguments, told)
        if node.name == "__type":
            return introspected(self.schema, node.arguments["name"])
        if node.name == "version":
            return {"version": "v0.30.1-standin"}
        if node.name == "systemStatus":
            return {**self.status, "databasePath": str(self.database) if self.database and self.beside else "/nowhere/stash-go.sqlite"}
        if node.name == "configuration":
            general = {"apiKey": self.api_key, "username": self.login[0] if self.login else "", "blobsPath": "", **self.settings.get("general", {})}
            return self.objects.configuration({**self.settings, "general": general})
        if node.name == "backupDatabase" and self.database and node.arguments["input"].get("download"):
            path = f"/downloads/{secrets.token_hex(4)}/{self.database.name}"
            self._downloads[path] = self.database.read_bytes()
            return told + path
        raise Failed(f"the stand-in cannot do {node.name}")


def _json(status: int, told: object) -> Answer:
    return Answer(status, json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogateescape"), "application/json")


def _to_login(target: str) -> Answer:
    return Answer(302, b"<a>Found</a>\n", "text/html", (("Location", "/login?returnURL=" + urllib.parse.quote(target, safe="")),))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that went away is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    standin: StandIn

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self._do("GET")

    def do_POST(self) -> None:
        self._do("POST")

    def _do(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault, answer = self.standin.answer(method, self.path, self.headers, body)
        if fault == "timeout":
            self.standin._ended.wait(30)
            self.close_connection = True
            return
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in (*((("Content-Type", answer.sort),) if answer.sort else ()), ("Content-Length", str(len(answer.body))), *answer.headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if fault == "cut" else answer.body)
        self.wfile.flush()
        self.close_connection |= fault == "cut"
