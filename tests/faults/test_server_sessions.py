"""Sessions that end sooner than an export: each answer's fresh cookie carries it through."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from stashport.errors import NotAllowed
from stashport.jobs.context import Context
from stashport.jobs.export import export
from stashport.output.proof import prove
from stashport.runs.state import State
from stashport.stash.connection import Connection
from support.miniature import PICTURES, sample_library
from support.standin import StandIn
from support.stash import Libraries, RealStash

LOGIN = ("somebody", "a password")
KINDS = ["tags", "studios", "performers", "groups", "saved_filters"]


def _slow(seconds: float) -> Any:
    """A tracer that makes every question wait."""
    return lambda *_: time.sleep(seconds)


def _export(connection: Connection, tmp_path: Path, **more: Any) -> tuple[float, Any]:
    """Export through GraphQL; (seconds, run)."""
    started = time.monotonic()
    context = Context(State(tmp_path / "state"), connection)
    run = export({"to": str(tmp_path / "library.json"), "reader": "graphql", "kinds": KINDS, **more}, context)
    return time.monotonic() - started, run


def test_an_export_outlives_its_session(tmp_path: Path) -> None:
    """An export that takes several times as long as a session is whole, and the cookie that it began with is worth nothing any more."""
    with StandIn(sample_library(pictures=True), pictures=PICTURES, login=LOGIN, session_seconds=1.0) as server:
        first = server.sign_in()
        took, run = _export(Connection(server.url, cookie=first, tracer=_slow(0.15)), tmp_path, to=str(tmp_path / "library"), images=True)
        assert (took > 1.5, run.result) == (True, "ok")
        assert prove(tmp_path / "library").valid
        with pytest.raises(NotAllowed):
            Connection(server.url, cookie=first).query("{version{version}}")


def test_a_session_that_ends_while_nothing_is_asked(tmp_path: Path) -> None:
    """A pause longer than a session ends the export with the refusal, and leaves nothing."""
    with StandIn(sample_library(), login=LOGIN, session_seconds=0.2) as server:
        with pytest.raises(NotAllowed):
            _export(Connection(server.url, cookie=server.sign_in(), tracer=_slow(0.3)), tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_a_session_that_is_ended_in_the_middle(tmp_path: Path) -> None:
    """A server that forgets its sessions, as a restarted one may, ends the export with the refusal, wherever it happens."""
    with StandIn(sample_library(), login=LOGIN) as server:
        _export(Connection(server.url, cookie=server.sign_in()), tmp_path)
        (tmp_path / "library.json").unlink()
        for number in range(len(server.requests)):
            server.set_faults("")
            server.watch = lambda now, _, number=number: server.sessions.clear() if now == number else None
            with pytest.raises(NotAllowed):
                _export(Connection(server.url, cookie=server.sign_in()), tmp_path)
            assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_an_export_outlives_the_session_of_a_real_stash(libraries: Libraries, tmp_path: Path) -> None:
    """The same with a Stash whose sessions last for three seconds and that has no key."""
    with RealStash(tmp_path / "stash", library=libraries.filled(), login=LOGIN, api_key=False, max_session_age=3) as stash:
        (jar,) = (one.cookiejar for one in stash.opener.handlers if hasattr(one, "cookiejar"))
        first = next(cookie.value for cookie in jar if cookie.name == "session")
        took, run = _export(Connection(stash.url, cookie=first, tracer=_slow(0.35)), tmp_path)
        assert (took > 4.0, run.result) == (True, "ok")
        assert prove(tmp_path / "library.json").valid
        with pytest.raises(NotAllowed):
            Connection(stash.url, cookie=first).query("{version{version}}")
