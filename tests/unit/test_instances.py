"""Which library is it?  Known by what was made first in it, and else by its place; copies and exchanged ones are said."""

from __future__ import annotations

from pathlib import Path

import pytest
from stashport.runs.instances import known_instances, recognise
from stashport.runs.state import State

ONE = [f"tag:{n} 2020-01-0{n}T00:00:00Z" for n in range(1, 8)]
OTHER = [f"tag:{n} 2021-01-0{n}T00:00:00Z" for n in range(1, 8)]


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A state folder."""
    return State(tmp_path / "state")


def test_the_same_library_keeps_its_id(state: State) -> None:
    """Also when some of its first records were deleted, and others came."""
    first = recognise(state, "/a", ONE, "Living room")
    again = recognise(state, "/a", [*ONE[2:], "tag:99 2024-01-01T00:00:00Z"])
    assert (again.id, again.name, again.remark) == (first.id, "Living room", "")


def test_an_empty_library_is_known_by_its_place(state: State) -> None:
    """Where there is nothing to know it by, the place has to do, also when it was filled since."""
    first = recognise(state, "/a", [])
    assert recognise(state, "/a", ONE).id == first.id
    assert recognise(state, "/b", []).id != first.id


def test_a_copy_is_said(state: State) -> None:
    """The same content in another place goes on as the same one, with a remark; on wish as a new one, and stays so."""
    first = recognise(state, "/a", ONE)
    moved = recognise(state, "/b", ONE)
    assert moved.id == first.id
    assert "is a copy of that one" in moved.remark
    new = recognise(state, "/c", ONE, as_new=True)
    assert new.id != first.id
    assert recognise(state, "/c", ONE).id == new.id
    assert recognise(state, "/b", ONE).id == first.id


def test_another_library_in_the_same_place_is_another_one(state: State) -> None:
    """What was put in the place of a library is not taken for it."""
    first = recognise(state, "/a", ONE)
    second = recognise(state, "/a", OTHER)
    assert second.id != first.id
    assert "another one than before" in second.remark
    back = recognise(state, "/a", ONE)
    assert back.id == first.id


def test_a_damaged_memory_is_begun_anew(state: State) -> None:
    """A file that is no list of instances does not stop anything."""
    recognise(state, "/a", ONE)
    (state.folder / "instances.json").write_text("{broken", "utf-8")
    assert recognise(state, "/a", ONE).id in known_instances(state)
