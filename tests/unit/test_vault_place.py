"""Where a vault lies, and what speaks against it."""

from __future__ import annotations

from pathlib import Path

import pytest
from stashport.jobs import vault_place
from stashport.jobs.context import Context
from stashport.runs.known_vaults import Known, remember
from stashport.runs.state import State


@pytest.fixture
def state(tmp_path, monkeypatch):
    """The state folder of a Stash that runs in no container."""
    monkeypatch.setattr(vault_place, "in_container", lambda: False)
    (tmp_path / "stash").mkdir()
    return State(tmp_path / "stash" / "stash-port")


def test_too_close(state, tmp_path, monkeypatch):
    """In Stash's folder, by whatever name; on its disk, also where the folder is not there yet; and a store is never too close."""
    (tmp_path / "link").symlink_to(tmp_path / "stash")
    assert vault_place.near(str(state.folder / "vault"), state) == "stash"
    assert vault_place.near(str(tmp_path / "link" / "vault"), state) == "stash"
    assert vault_place.near(str(tmp_path / "elsewhere" / "vault"), state) == "disk"
    assert vault_place.near("s3://bucket/stash", state) == ""
    monkeypatch.setattr(vault_place, "in_container", lambda: True)
    monkeypatch.setattr(vault_place, "on_a_mount", lambda folder: folder == Path("/backups/stash"))
    assert vault_place.near(str(tmp_path / "elsewhere"), state) == "container"
    assert vault_place.near("/backups/stash", state) != "container"


def test_another_disk(state, tmp_path):
    """What lies on another device has nothing against it."""
    other = next((place for place in (Path("/dev/shm"), Path("/proc")) if place.exists() and place.stat().st_dev != tmp_path.stat().st_dev), None)
    if other is None:
        pytest.skip("everything here is on one device")
    assert vault_place.near(str(other / "vault"), state) == ""


def test_a_vault_that_is_gone(state, tmp_path):
    """A place where a vault was known and none is now is told from one where none was."""
    place = str(tmp_path / "disk" / "vault")
    assert vault_place.viewed({"vault": place}, Context(state))["missing"] is False
    remember(state, Known("e91ead5a-d3dd-4dd6-970f-1cc4d290de16", place))
    found = vault_place.viewed({"vault": place}, Context(state))
    assert (found["missing"], found["exists"], found["confirmed"]) == (True, False, None)
