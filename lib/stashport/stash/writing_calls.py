"""Sends many mutations at once and keeps apart which of them were done: one answer for each, whatever became of the others.

Two ways.  `each` puts aliased calls of one mutation into one document; Stash does them one after the other, each in a transaction of its own, and says
by its alias which was refused.  `lists` uses the mutations that take a list and do all of it or nothing.  A request that is refused as a whole is split
until the bad one is alone.  Documents are constant: a call has one for each power of two, so that Stash, which keeps the documents it has seen, does not
fill up with them.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from stashport.errors import ServerError
from stashport.stash.connection import LOCKED_SECONDS, Connection

MOST_CALLS = 128  # a power of two
MOST_LISTED = 100  # one call is one transaction: 200 scenes took up to half a second on a busy machine
MOST_BYTES = 2_000_000
_PARSED = re.compile(r'converting (?:[\w ]+): failed to parse date "(.*?)": \[')
_NAMED = re.compile(r"name '(.*?)'(?: and disambiguation| already| is used)")
_T = TypeVar("_T")


class Answer(NamedTuple):
    """What came back for one call: its value, or the reason why it was refused."""

    value: Any
    reason: str = ""


class Call(NamedTuple):
    """A query or mutation as it is called: "sceneAddPlay", (("id", "ID!"), ("times", "[Timestamp!]")), "{count}"."""

    name: str
    arguments: tuple[tuple[str, str], ...]
    selection: str = ""
    operation: str = "mutation"

    def document(self, count: int) -> str:
        """A document with `count` calls; the variables of the third are named id2, times2."""
        variables = ",".join(f"${name}{n}:{type_name}" for n in range(count) for name, type_name in self.arguments)
        calls = " ".join(
            f"c{n}:{self.name}({','.join(f'{name}:${name}{n}' for name, _ in self.arguments)}){self.selection}" for n in range(count)
        )
        return f"{self.operation} StashPortWrite({variables}){{{calls}}}"


def call(name: str, arguments: str, selection: str = "", operation: str = "mutation") -> Call:
    """Write a Call short, as in "tagCreate", "input:TagCreateInput!", "{id}"."""
    pairs = tuple((part.split(":", 1)[0], part.split(":", 1)[1]) for part in arguments.split(","))
    return Call(name, pairs, selection, operation)


class Calls:
    """Calls to one Stash.  Errors: those of Connection, also when it is not clear whether something was written; then what is there must be read again."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def each(self, what: Call, sent: Iterable[dict[str, Any]], *, most: int = MOST_CALLS) -> list[Answer]:
        """One call for each set of arguments, in order; `most` is how many go into one request."""
        answers: list[Answer] = []
        for chunk in _chunks(sent, most, _weight):
            start = 0
            for size in powers(len(chunk)):
                answers += self._together(what, chunk[start : start + size])
                start += size
        return answers

    def lists(self, what: Call, sent: Iterable[_T], *, most: int = MOST_LISTED, make: Callable[[list[_T]], dict[str, Any]]) -> list[str]:
        """A call for many items at once, all or nothing; for each item "" or the reason why it was refused.  `make` gives the arguments."""
        reasons: list[str] = []
        for chunk in _chunks(sent, most, _weight):
            reasons += self._all_or_nothing(what, chunk, make)
        return reasons

    def _together(self, what: Call, sent: list[dict[str, Any]]) -> list[Answer]:
        variables = {f"{name}{n}": one.get(name) for n, one in enumerate(sent) for name, _ in what.arguments}
        done, data, refused = self._ask(what.document(len(sent)), variables)
        if not done:
            if len(sent) == 1:
                return [Answer(None, refused[""])]
            half = len(sent) // 2
            return self._together(what, sent[:half]) + self._together(what, sent[half:])
        answers = [Answer(data.get(f"c{n}"), refused.get(f"c{n}", "")) for n in range(len(sent))]
        locked = [n for n, answer in enumerate(answers) if _locked(answer.reason)]
        for n, again in zip(locked, self._again(what, [sent[n] for n in locked]), strict=True):
            answers[n] = again
        return answers

    def _again(self, what: Call, sent: list[dict[str, Any]]) -> list[Answer]:
        """What found the database locked wrote nothing: it is sent again, alone, while the others stand."""
        return [self._patiently(partial(self._once, what, one)) for one in sent]

    def _once(self, what: Call, one: dict[str, Any]) -> Answer:
        _, data, refused = self._ask(what.document(1), {f"{name}0": one.get(name) for name, _ in what.arguments})
        return Answer(data.get("c0"), next(iter(refused.values()), ""))

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        deadline, wait = time.monotonic() + LOCKED_SECONDS, 0.1
        while True:
            answer = ask()
            if not _locked(answer.reason):
                return answer
            if time.monotonic() > deadline:
                raise ServerError(url=self.connection.url, reason=answer.reason)
            time.sleep(wait * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret
            wait = min(wait * 2, 5.0)

    def _all_or_nothing(self, what: Call, items: list[_T], make: Callable[[list[_T]], dict[str, Any]]) -> list[str]:
        reason = self._patiently(lambda: self._once(what, make(items))).reason
        if not reason or len(items) == 1:
            return [reason] * len(items)
        half = len(items) // 2
        return self._all_or_nothing(what, items[:half], make) + self._all_or_nothing(what, items[half:], make)

    def _ask(self, document: str, variables: dict[str, Any]) -> tuple[bool, dict[str, Any], dict[str, str]]:
        """(whether the calls were tried at all, data by alias, reasons by alias; "" for the whole).  Connection would raise, and lose who was refused."""
        connection = self.connection
        if connection._tracer:  # noqa: SLF001 - the same room
            connection._tracer(document, variables)  # noqa: SLF001
        response = connection._request("POST", "/graphql", body=json.dumps({"query": document, "variables": variables}).encode(), again=False)  # noqa: SLF001
        told = connection._parse(response)  # noqa: SLF001
        data: dict[str, Any] = told.get("data") or {}
        refused: dict[str, str] = {}
        for error in told.get("errors") or ():
            path = (error.get("path") if isinstance(error, dict) else None) or [""]
            alias = str(path[0]) if path[0] != "variable" else ""
            refused.setdefault(alias, in_words(str(error.get("message", error)) if isinstance(error, dict) else str(error)))
        if "" in refused and (response.status_code != 422 or data):
            raise ServerError(url=connection.url, reason=refused[""])
        if not refused and not data:
            raise ServerError(url=connection.url, reason="an empty answer")
        return "" not in refused, data, refused


def powers(count: int) -> Iterator[int]:
    """The powers of two of which a number consists, largest first: 100 is 64, 32 and 4."""
    while count:
        size = 1 << (count.bit_length() - 1)
        yield size
        count -= size


def in_words(reason: str) -> str:
    """A server's reason as people can use it, bounded."""
    # The text of a failed SQL statement can hold the whole statement: only its end is of use.
    reason = reason.rsplit("]: ", 1)[-1][:400] if "executing `" in reason or "querying `" in reason else reason[:400]
    if found := _PARSED.search(reason):
        return f'Stash takes no date like "{found[1]}"'
    if (found := _NAMED.search(reason)) and any(sign in found[1] for sign in "%_"):
        return (
            f'Stash says: {reason}. When it looks for equal names, it reads "_" as any letter and "%" as any letters, so that it may have met another name '
            "that only looks like this one: give one of the two another name"
        )
    return reason


def _locked(reason: str) -> bool:
    return "database is locked" in reason


def _chunks(sent: Iterable[_T], most: int, weight: Callable[[Any], int]) -> Iterator[list[_T]]:
    chunk: list[_T] = []
    size = 0
    for one in sent:
        chunk.append(one)
        size += weight(one)
        if len(chunk) == most or size >= MOST_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _weight(one: Any) -> int:
    """About how many bytes a value takes in a request: images are what counts."""
    if isinstance(one, str):
        return len(one)
    if isinstance(one, dict):
        return sum(map(_weight, one.values()))
    return sum(map(_weight, one)) if isinstance(one, Sequence) else 8
