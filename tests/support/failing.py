"""A connection to a real Stash that fails at one request, in one of the ways in which servers and networks do."""

from __future__ import annotations

import json
import re
from typing import Any

import requests
from stashport.stash.connection import Connection

FAULTS = ("refused", "lost", "broken", "error", "locked a while", "locked", "timeout", "half", "forbidden")
"""What can happen to a request.

refused         the connection is refused, from now on
lost            it is carried out, but its answer is lost, and the server is gone from now on
broken          HTTP 500, from now on
error           the first thing that it asks for ends in an error of GraphQL and was not done, the rest was
locked a while  twice "database is locked", and then it works
locked          the same for ever
timeout         it is carried out, but the answer comes too late
half            it is carried out, and half of its answer comes
forbidden       the key or cookie is not accepted any more, from now on
"""


class Faulty(Connection):
    """A connection whose request number `at` fails; 0 for none.  `count` tells how many there were."""

    def __init__(self, url: str, fault: str = "", at: int = 0, **more: Any) -> None:
        super().__init__(url, **more)
        self.fault, self.at, self.count = fault, at, 0
        self.met: str = ""
        self._real, self._session.request = self._session.request, self._send  # type: ignore[method-assign]

    def _send(self, method: str, url: str, **options: Any) -> Any:
        self.count += 1
        if not self.at or self.count < self.at:
            return self._real(method, url, **options)
        first = self.count == self.at
        if first and isinstance(options.get("data"), bytes):
            self.met = " ".join(json.loads(options["data"])["query"].split())[:70]
        return getattr(self, f"_{self.fault.replace(' ', '_')}")(first, lambda **more: self._real(method, url, **{**options, **more}), options)

    def _refused(self, _first: bool, _send: Any, _options: Any) -> Any:
        raise requests.ConnectionError("Connection refused")

    def _lost(self, first: bool, send: Any, _options: Any) -> Any:
        if first:
            send()
        raise requests.ConnectionError("Connection reset by peer")

    def _timeout(self, first: bool, send: Any, _options: Any) -> Any:
        answer = send()
        if first:
            raise requests.ReadTimeout("Read timed out")
        return answer

    def _broken(self, _first: bool, _send: Any, _options: Any) -> Any:
        return _answer(500, b"Internal Server Error", "text/plain")

    def _forbidden(self, _first: bool, _send: Any, _options: Any) -> Any:
        return _answer(401, b"Unauthorized", "text/plain")

    def _half(self, first: bool, send: Any, _options: Any) -> Any:
        answer = send()
        if first:
            answer._content = answer.content[: len(answer.content) // 2]
        return answer

    def _error(self, first: bool, send: Any, options: Any) -> Any:
        if not first or not isinstance(options.get("data"), bytes):
            return send()
        asked = json.loads(options["data"])
        error = {"message": "internal system error", "path": ["c0"]}
        if "c0:" not in asked["query"]:
            return _json({"errors": [error], "data": None})
        asked["query"] = re.sub(r"c0:\w+\([^)]*\)", lambda found: f"{found[0]} @skip(if:true)", asked["query"], count=1)
        answer = send(data=json.dumps(asked).encode())
        told = answer.json()
        return _json({"errors": [*told.get("errors", ()), error], "data": {**(told.get("data") or {}), "c0": None}})

    def _locked(self, first: bool, send: Any, options: Any) -> Any:
        if not isinstance(options.get("data"), bytes) or "mutation" not in json.loads(options["data"])["query"][:20]:
            return send()
        aliases = re.findall(r"(c\d+):", json.loads(options["data"])["query"]) or ["x"]
        return _json({"errors": [{"message": "database is locked (5) (SQLITE_BUSY)", "path": [one]} for one in aliases], "data": None})

    def _locked_a_while(self, first: bool, send: Any, options: Any) -> Any:
        return self._locked(first, send, options) if self.count < self.at + 2 else send()


def _answer(status: int, content: bytes, kind: str) -> requests.Response:
    answer = requests.Response()
    answer.status_code, answer._content = status, content
    answer.headers["Content-Type"] = kind
    return answer


def _json(told: Any) -> requests.Response:
    return _answer(200, json.dumps(told).encode(), "application/json")
