"""Comparing two libraries: what is the same whatever its number, what differs and in which field, what is on one side only; nothing is written to either."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from stashport import cli
from stashport.errors import BadRequest
from stashport.jobs.compare import compare
from stashport.jobs.context import Context
from stashport.jobs.export import export
from stashport.jobs.sources import place_of
from stashport.model.fields import BY_NAME
from stashport.runs.record import Run
from stashport.runs.state import State
from stashport.stash.source import DatabaseFile
from support.miniature import sample_library, write_miniature


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A library."""
    return write_miniature(tmp_path / "first.sqlite", sample_library())


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """The same one."""
    return write_miniature(tmp_path / "second.sqlite", sample_library())


def change(path: Path, *statements: str) -> None:
    """Run some SQL on a database."""
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def compared(one: Path, other: Path, **given: Any) -> Run:
    """The run that compares two database files."""
    return compare(given, Context(State(one.parent / "state"), DatabaseFile(one)), DatabaseFile(other))


def outcomes(run: Run, plural: str) -> dict[str, int]:
    """What came of a kind, without what did not occur."""
    return {name: number for name, number in run.record["notes"]["compared"][plural]["outcomes"].items() if number}


def rows(run: Run) -> list[dict[str, str]]:
    """The rows of the CSV."""
    with Path(run.record["outputs"][0]["path"]).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_library_is_the_same_as_itself(first: Path, second: Path) -> None:
    """Nothing differs between a library and its copy, and the sentence says so."""
    run = compared(first, second)
    assert rows(run) == []
    assert "nothing differs" in run.record["notes"]["sentence"]
    for name, records in sample_library().items():
        assert outcomes(run, BY_NAME[name].plural) == ({"same": len(records)} if records else {})


def test_each_change_is_told_in_its_field(first: Path, second: Path) -> None:
    """A changed title, a tag that is gone, a new tag: each is told once, with both values, and nothing else."""
    scene = first_number(second, "scenes")
    change(second, f"UPDATE scenes SET title='=another' WHERE id={scene}", "INSERT INTO tags(id,name) VALUES(990,'brand new')")
    run = compared(first, second)
    assert outcomes(run, "tags")["only_b"] == 1
    assert run.record["notes"]["compared"]["scenes"]["fields"] == {"title": 1}
    told = [(row["kind"], row["outcome"], row["field"], row["in_b"]) for row in rows(run)]
    assert told == [("tags", "only_b", "", ""), ("scenes", "differs", "title", "'=another")]


def test_numbers_mean_nothing(first: Path, second: Path) -> None:
    """With other numbers on one side, and all that refers to them, the libraries are still the same."""
    with closing(sqlite3.connect(second)) as db:
        db.execute("UPDATE tags SET id=id+1000")
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall():
            columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
            for column in {"tag_id", "primary_tag_id"} & set(columns):
                db.execute(f"UPDATE {table} SET {column}={column}+1000")
            if table == "tags_relations":
                db.execute("UPDATE tags_relations SET parent_id=parent_id+1000, child_id=child_id+1000")
        db.commit()
    run = compared(first, second, ignore=["saved_filters.object_filter"])
    assert [row for row in rows(run) if row["kind"] != "saved_filters"] == []


def test_what_only_one_side_has(first: Path, second: Path) -> None:
    """A record that one side lacks is told as such, and so is the reference to it."""
    with closing(sqlite3.connect(second)) as db:
        owner, tag = db.execute("SELECT scene_id, tag_id FROM scenes_tags ORDER BY scene_id, tag_id LIMIT 1").fetchone()
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall():
            columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
            if "tag_id" in columns:
                db.execute(f"DELETE FROM {table} WHERE tag_id={tag}")
        db.execute(f"DELETE FROM tags WHERE id={tag}")
        db.commit()
    found = rows(compared(first, second, kinds=["tags", "scenes"]))
    assert ("tags", str(tag), "only_a") in {(row["kind"], row["a"], row["outcome"]) for row in found}
    scene = next(row for row in found if row["kind"] == "scenes" and row["a"] == str(owner) and row["field"] == "tags")
    assert f'"tag:-{tag}"' in scene["in_a"]


def test_media_that_moved(first: Path, second: Path) -> None:
    """Paths that differ by a rule are the same with it, and different without."""
    with closing(sqlite3.connect(second)) as db:
        (old,) = db.execute("SELECT min(path) FROM folders").fetchone()
    top = "/" + old.strip("/").split("/")[0]
    change(second, f"UPDATE folders SET path='/moved'||substr(path,{len(top) + 1}) WHERE path LIKE '{top}%'")
    assert rows(compared(first, second, kinds=["folders", "files"])) != []
    assert [row for row in rows(compared(first, second, kinds=["folders", "files"], paths=[f"{top}=/moved"])) if row["field"] == "path"] == []


def test_fields_that_do_not_count(first: Path, second: Path) -> None:
    """What is ignored is not told; a name that is no field is refused."""
    change(second, f"UPDATE scenes SET title='x' WHERE id={first_number(second, 'scenes')}")
    assert rows(compared(first, second, ignore="scenes.title")) == []
    with pytest.raises(BadRequest):
        compared(first, second, ignore=["scenes"])
    with pytest.raises(BadRequest):
        compared(first, second, kindz=["tags"])


def test_a_file_of_ours_is_a_library_too(first: Path, tmp_path: Path) -> None:
    """Today's library compared with an earlier export of it."""
    context = Context(State(tmp_path / "state"), DatabaseFile(first))
    export({"to": str(tmp_path / "earlier.zip"), "format": "bundle"}, context)
    change(first, "UPDATE tags SET description='changed since' WHERE id=(SELECT min(id) FROM tags)")
    run = compare({}, context, place_of(str(tmp_path / "earlier.zip")))
    assert [(row["kind"], row["field"], row["in_a"]) for row in rows(run)] == [("tags", "description", "changed since")]


def test_neither_is_written_to(first: Path, second: Path) -> None:
    """Both files keep every byte."""
    before = first.read_bytes(), second.read_bytes()
    compared(first, second)
    assert (first.read_bytes(), second.read_bytes()) == before


def test_the_command(first: Path, second: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 0 when nothing differs and with 1 when something does, and prints a line a kind."""
    state = ["--state", str(first.parent / "state"), "-q"]
    assert cli.main(["compare", str(first), str(second), *state]) == 0
    change(second, "INSERT INTO tags(id,name) VALUES(990,'brand new')")
    assert cli.main(["compare", str(first), str(second), *state]) == 1
    assert "only in the second" in capsys.readouterr().out


def first_number(path: Path, table: str) -> int:
    """The smallest id in a table."""
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute(f"SELECT min(id) FROM {table}").fetchone()[0])
