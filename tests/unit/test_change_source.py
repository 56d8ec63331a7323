"""What a person names as the source of a change."""

from __future__ import annotations

from pathlib import Path

from stashport.jobs.backup import backup
from stashport.jobs.change_source import backup_of
from stashport.jobs.context import Context
from stashport.runs.state import State
from stashport.stash.source import DatabaseFile
from support.miniature import sample_library, write_miniature


def test_the_latest_is_no_copy_saved_before_a_change(tmp_path: Path) -> None:
    """#latest passes over what a restore or an undo has saved first: it would bring back what was to be mended.  By its id it is found, and alone it is taken."""
    context = Context(State(tmp_path / "state"), DatabaseFile(write_miniature(tmp_path / "library.sqlite", sample_library())))
    vault = str(tmp_path / "vault")
    notes = {}
    for note in ("before restoring 20260101-000000-aaaaaa", "", "before taking back 20260101-000000-bbbbbb"):
        notes[backup({"vault": vault, "note": note}, context).record["notes"]["backup"]["id"]] = note
        found = backup_of(f"{vault}#latest", context)
        assert found
        assert found.backup
        assert notes[found.backup.id] == ("" if len(notes) > 1 else note)
    copy = list(notes)[-1]
    named = backup_of(f"{vault}#{copy}", context)
    assert named
    assert named.backup
    assert named.backup.id == copy
