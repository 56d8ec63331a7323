"""A failure at every request of a restore into a real Stash: what the run says is so, going on ends as if nothing had been, and the way back leads to before.

STASH_PORT_FAULTS=all lets every request fail, the ways of failing taking turns; `each` every request in every way; else each way is tried at some request.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3

import pytest
from stashport.errors import PortError
from stashport.stash import writing_calls
from support.changing import RESTORES, Disturbed
from support.failing import FAULTS, Faulty

EXTENT = os.environ.get("STASH_PORT_FAULTS", "")


@pytest.fixture(autouse=True)
def little_patience(monkeypatch):
    """A database that stays locked is given up soon."""
    monkeypatch.setattr(writing_calls, "LOCKED_SECONDS", 0.2)


def chosen(requests, seed):
    """Pairs (way of failing, number of the request); without EXTENT, the methods share the ways."""
    if EXTENT == "each":
        return [(fault, at) for at in range(1, requests + 1) for fault in FAULTS]
    if EXTENT == "all":
        return [(FAULTS[(at + seed) % len(FAULTS)], at) for at in range(1, requests + 1)]
    ways, rnd = FAULTS[seed :: len(RESTORES)], random.Random(seed)
    return [(fault, rnd.randint(1 + n * requests // len(ways), (n + 1) * requests // len(ways))) for n, fault in enumerate(ways)]


@pytest.mark.parametrize("method", ["api", "bulk", "fresh", "files"])
def test_a_restore_that_fails_at_any_request(libraries, start_stash, tmp_path, method):
    """Failed or partial is said, never ok for what is not there; going on completes it as if nothing had been; taken back, it is as it was before."""
    place = Disturbed(libraries, start_stash, tmp_path, method)
    told, wrong = {"ok": 0, "partial": 0, "failed": 0}, []
    for number, (fault, at) in enumerate(chosen(place.requests, list(RESTORES).index(method))):
        connection = Faulty(place.stash.url, fault, at)
        with contextlib.suppress(PortError):
            place.restore(connection, **place.given_more)
        record, case = place.last(), f"{fault} at {at} of {place.requests} ({connection.met})"
        told[record["result"]] += 1
        problems = []
        if record["result"] == "ok" and place.complete():
            problems.append(f"it says ok, but {place.complete()}")
        if record["result"] == "failed" and not (record.get("error") or {}).get("message"):
            problems.append("it failed, and does not say why")
        try:
            if number % 2:
                last = place.went_on(record)
                if last["result"] != "ok":
                    problems.append(f"went on, and was {last['result']}: {last['warnings'][-2:]}")
                problems += place.complete()
            place.take_back()
            problems += [f"taken back, but {left}" for left in [place.left()] if left]
        except (PortError, sqlite3.Error) as error:
            problems.append(f"{place.last()['verb']}: {error!r}")
        if problems:
            wrong.append(f"{case}: {record['result']}: {problems}")
            print(wrong[-1])
            place.reset()
    print(f"{method}: {place.requests} requests, {sum(told.values())} tried: {told}")
    assert wrong == []
