"""What every test of faults needs: no pauses, little patience, and folders in which nothing may stay behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from stashport.stash import connection


@pytest.fixture(autouse=True)
def hurry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and attempts of a test; patience is short only where it is tried, since a busy machine is slow too."""
    monkeypatch.setattr(connection, "PAUSES", (0.0,) * 3)
    monkeypatch.setattr(connection, "TIMEOUT", (5.0, 0.2 if "timeout" in request.node.name else 20.0))
    monkeypatch.setattr(connection, "LOCKED_SECONDS", 0.2)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files: empty again in the end."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []
