"""The configuration of a restore: what is no configuration is refused, what is one survives being kept, and it becomes the plan that was meant."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stashport.change.plan_file import Plan
from stashport.change.steps import CONFLICT, CREATE, SKIP, UPDATE
from stashport.errors import BadRequest, PortError, UnknownField, UnknownKind
from stashport.jobs.changing import Ends, ends_of, facts_of_plan, make_plan, sentence_of, waiting_of, wish_of
from stashport.jobs.context import Context
from stashport.jobs.restore_config import WITHOUT_COPY, RestoreConfig
from stashport.jobs.sources import place_of
from stashport.model.fields import BY_NAME
from stashport.model.records import number_of
from stashport.runs.record import Run
from stashport.runs.state import State
from stashport.stash.source import DatabaseFile, Opened, open_source
from support.miniature import sample_library, write_miniature
from support.plans import small, steps
from support.records import sample, write

WRITER: Any = SimpleNamespace(cannot=lambda _: {}, cannot_change=lambda _: {}, creates=lambda kind: kind.name not in ("file", "folder", "image"))
GIVEN: list[dict[str, Any]] = [
    {}, {"strategy": "exact"}, {"strategy": {"*": "overwrite", "scene.title": "keep", "rating100": "larger"}}, {"method": "bulk", "files": "create"},
    {"kinds": ["tags", "scenes"], "fields": {"scenes": ["rating100"]}, "related": "none"}, {"paths": ["/a=/b", "D:\\m=/data"]}, {"paths": "/a=/b; /c=/d;"},
    {"safety": False, "confirm": WITHOUT_COPY}, {"safety": "false", "confirm": WITHOUT_COPY, "dryRun": "true"}, {"source": "/vault#20240101", "salvage": True},
    {"decisions": {"pairs": [{"kind": "tag", "source": 1, "target": 2}]}}, {"source": "/exports/a#b.zip"}, {"settings": True, "waiting": "x", "vault": "/v"},
]  # fmt: skip


def same_as(one: RestoreConfig, other: RestoreConfig) -> bool:
    """Whether two configurations mean the same (filters are equal to themselves only)."""
    nobody = one.records.filters
    plain = [replace(config, records=replace(config.records, filters=nobody)) for config in (one, other)]
    return plain[0] == plain[1] and one.record() == other.record()


@pytest.mark.parametrize("given", GIVEN, ids=str)
def test_what_is_kept_is_the_same_configuration(given: dict[str, Any]) -> None:
    """From the form that stands in a run's record, through JSON, comes the same configuration."""
    config = RestoreConfig.parse(given)
    assert same_as(RestoreConfig.parse(json.loads(json.dumps(config.record()))), config)


@pytest.mark.parametrize("given", [
    {"sourse": "x"}, {"source": 5}, {"source": {"url": "x"}}, {"blobs": ["x"]}, {"vault": 1}, {"waiting": []}, {"method": "sql"}, {"method": ["api"]},
    {"files": "make"}, {"strategy": "exactly"}, {"strategy": ["merge"]}, {"strategy": {"*": "exact"}}, {"strategy": {"*": 5}}, {"strategy": {"scene.titel": "keep"}},
    {"strategy": {"film.title": "keep"}}, {"paths": "x"}, {"paths": [5]}, {"paths": 5}, {"paths": {"a": "b"}}, {"dryRun": "perhaps"}, {"settings": 1},
    {"safety": False}, {"safety": False, "confirm": "yes"}, {"decisions": ["x"]}, {"decisions": "x"}, {"decisions": {"wishes": []}}, {"kinds": ["films"]},
    {"fields": {"scenes": ["mood"]}}, {"fields": ["scenes.title"]}, {"related": "some"},
], ids=str)  # fmt: skip
def test_what_is_no_configuration(given: dict[str, Any]) -> None:
    """Unknown keys, values of other types, and what nobody can do are refused as a mistake of the request, before anything is opened."""
    with pytest.raises((BadRequest, UnknownKind, UnknownField)):
        RestoreConfig.parse(given)


def test_what_it_means() -> None:
    """Empty values count as not given; exact is replacing everything; nothing chosen is everything; single fields bring nothing along."""
    assert same_as(RestoreConfig.parse({"source": "", "kinds": [], "paths": "", "decisions": {}}), RestoreConfig.parse({}))
    exact = RestoreConfig.parse({"strategy": "exact"})
    assert (exact.strategy, exact.exact) == ("replace", True)
    assert RestoreConfig.parse({}).whole
    assert RestoreConfig.parse({"related": "direct"}).whole
    assert not RestoreConfig.parse({"kinds": ["tags"]}).whole
    assert not RestoreConfig.parse({"waiting": "run"}).whole
    assert RestoreConfig.parse({"kinds": ["scenes"]}).records.related == "all"
    assert RestoreConfig.parse({"kinds": ["scenes"], "fields": {"scenes": ["title"]}}).records.related == "none"


def test_no_secrets_are_kept() -> None:
    """The address of a vault is kept without login and query."""
    kept = RestoreConfig.parse({"source": "https://me:secret@nas.example/vault?key=hidden#latest"}).record()
    assert kept["source"] == "https://nas.example/vault#latest"


# --- what becomes of it -------------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Any]:
    """Makes plans from one database into another, each in a run of its own: plan(given, source, target) -> (facts, run)."""
    with contextlib.ExitStack() as stack:

        def plan(given: dict[str, Any], source: Path, target: Path, **more: Any) -> tuple[dict[str, Any], Run]:
            config, context = RestoreConfig.parse(given), Context(State(tmp_path / "state"), DatabaseFile(target))
            with open_source(place_of(str(source))) as a, open_source(DatabaseFile(target)) as b, \
                    Run.start(context.state, "restore", config=config.record(), version="1") as run:
                ends = ends_of(a, b, context, run)
                return make_plan(config, ends, WRITER, run, **more), run

        stack.callback(lambda: None)
        yield plan


def database(path: Path, library: dict[str, list[dict[str, Any]]]) -> Path:
    """A database file."""
    return write_miniature(path, library)


def opened(told: dict[str, Any], run: Run) -> Plan:
    """The plan of a run."""
    return Plan(run.folder / told["file"], told["sha256"])


def test_only_ratings_of_the_scenes_of_one_studio(tmp_path: Path, bench: Any) -> None:
    """Exactly these fields of exactly these records change; all others are not even counted."""
    studios, born = [{"name": "one"}, {"name": "two"}], "2020-01-01T00:00:00Z"
    scenes = [{"title": f"{n}", "studio": f"studio:{1 + n % 2}", "rating100": 50, "details": "d", "created_at": born} for n in range(6)]
    source = database(tmp_path / "a.sqlite", small(studio=studios, scene=scenes))
    target = database(tmp_path / "b.sqlite", small(studio=studios, scene=[{**one, "rating100": 10, "details": "other"} for one in scenes]))
    given = {"kinds": ["scenes"], "fields": {"scenes": ["rating100"]}, "filters": {"studios": ["two"]}, "strategy": "overwrite"}
    told, _ = bench(given, source, target)
    assert told["totals"] == {"scenes": {"update": 3}}
    assert told["fields"] == {"scenes": {"rating100": 3}}
    assert "3 to update" in sentence_of(told)


def test_saved_filters_alone_find_what_they_name(tmp_path: Path, bench: Any) -> None:
    """Restoring saved filters alone, their tags are matched, though no field of a saved filter refers to tags."""
    criteria = {"tags": {"value": {"items": [{"id": "1", "label": "a"}], "excluded": [], "depth": 0}, "modifier": "INCLUDES_ALL"}}
    wanted = {"mode": "SCENES", "name": "f", "find_filter": {}, "object_filter": criteria, "ui_options": {}}
    source = database(tmp_path / "a.sqlite", small(tag=[{"name": "a"}], saved_filter=[wanted]))
    target = database(tmp_path / "b.sqlite", small(tag=[{"id": "tag:7", "name": "a"}]))
    told, run = bench({"kinds": ["saved_filters"], "related": "none"}, source, target)
    with opened(told, run) as plan:
        [step] = steps(plan)
        assert (step.action, step.record["object_filter"]["tags"]["value"]["items"][0]["id"]) == (CREATE, "7")


def test_what_is_told_of_a_plan(tmp_path: Path, bench: Any) -> None:
    """Totals, conflicts, what waits, reasons, seconds and the parts of a rollback plan stand in the facts, which are those of the file."""
    library = sample_library()
    source = database(tmp_path / "a.sqlite", library)
    target = database(tmp_path / "b.sqlite", small(performer=[{"name": library["performer"][0]["name"], "birthdate": "1901-01-01"}]))
    told, run = bench({"safety": False, "confirm": WITHOUT_COPY}, source, target)
    assert told["waiting"] == sum(row.get("deferred", 0) for row in told["totals"].values()) > 0
    assert told["conflicts"] == sum(row.get(CONFLICT, 0) for row in told["totals"].values())
    assert {kind: sum(row.values()) for kind, row in told["totals"].items()} == {BY_NAME[kind].plural: len(found) for kind, found in library.items() if found}
    assert sum(number for _, _, number in told["reasons"][SKIP]) == sum(row.get(SKIP, 0) for row in told["totals"].values()) > 0
    assert told["rollback"]["rollbackOperations"]["delete"] == {kind: row[CREATE] for kind, row in told["totals"].items() if row.get(CREATE)}
    assert told["rollback"]["backupLocation"]
    assert told["rollback"]["verificationSteps"]
    assert told["seconds"] >= 0
    with opened(told, run) as plan:
        assert told["writes"] == plan.count() == len(list(plan.applied()))
        deferred = {(step.kind, number_of(step.source)) for step in steps(plan, action="deferred")}
    found = waiting_of(run.folder / told["file"], told["sha256"])
    assert {(kind, number) for kind, numbers in found.items() for number in numbers} == deferred
    again, _ = bench({}, source, target, waiting=found)
    assert sum(sum(row.values()) for row in again["totals"].values()) == len(deferred)


def test_the_same_library_needs_nothing(tmp_path: Path, bench: Any) -> None:
    """A library onto itself: nothing is planned, neither database changes, and that is the sentence."""
    source, target = (database(tmp_path / name, sample_library(pictures=True)) for name in ("a.sqlite", "b.sqlite"))
    before = source.read_bytes(), target.read_bytes()
    told, _ = bench({"strategy": "exact"}, source, target)
    assert (told["writes"], told["conflicts"], told["waiting"], told["seconds"]) == (0, 0, 0, 0)
    assert sentence_of(told).endswith("already the same.")
    assert sentence_of({"totals": {}}) == "There is nothing to do."
    assert (source.read_bytes(), target.read_bytes()) == before


def test_one_stash_at_two_times_is_recognised(tmp_path: Path, bench: Any) -> None:
    """From a database that is the target's own of earlier, a renamed tag is known by its number, and gets its name back."""
    library = sample_library()
    source, target = database(tmp_path / "a.sqlite", library), database(tmp_path / "b.sqlite", library)
    with contextlib.closing(sqlite3.connect(target)) as db:
        db.execute("UPDATE tags SET name='renamed' WHERE id=(SELECT min(id) FROM tags)")
        db.commit()
    told, run = bench({"strategy": "overwrite"}, source, target)
    with opened(told, run) as plan:
        assert [(step.action, step.tier, step.changes[0].field) for _, step in plan.applied()] == [(UPDATE, "record", "name")]


def test_what_cannot_come_over_is_a_warning(tmp_path: Path, bench: Any) -> None:
    """Fields of a newer version, and fields that the target's Stash does not have, are listed before anything is planned."""
    path = write(tmp_path / "newer.json", "json", sample())
    document = json.loads(path.read_bytes())
    document["header"]["fields"]["tags"].append("mood")
    document["tags"] = [{**tag, "mood": 1} for tag in document["tags"]]
    path.write_text(json.dumps(document))
    _, run = bench({}, path, database(tmp_path / "b.sqlite", small()))
    told = " ".join(run.record["warnings"][n]["text"] if isinstance(one, dict) else str(one) for n, one in enumerate(run.record["warnings"]))
    assert "tags.mood" in told
    assert ("scenes.custom_fields" in told) == any(f.name == "custom_fields" for f in sample().fields(BY_NAME["scene"]))
    _, run = bench({}, tmp_path / "b.sqlite", tmp_path / "b.sqlite")
    assert run.record["warnings"] == []


def test_single_fields_of_what_comes_along(tmp_path: Path) -> None:
    """Kinds that were not asked for only come along; with single fields of some, the others that were asked for are planned as a whole."""
    source = database(tmp_path / "a.sqlite", sample_library())
    with open_source(DatabaseFile(source)) as reader:
        ends = Ends(reader, Opened(reader.reader, {}), same=False, instance="x")
        wish = wish_of(RestoreConfig.parse({"kinds": ["scenes"]}), ends, WRITER)
        assert wish.kinds is not None
        assert wish.along == wish.kinds - {"scene"} != frozenset()
        assert "scene" not in wish.only
        wish = wish_of(RestoreConfig.parse({"kinds": ["scenes", "tags"], "fields": {"scenes": ["title"]}}), ends, WRITER)
        assert (wish.kinds, wish.fields) == (frozenset({"scene", "tag"}), {"scene": frozenset({"title"})})


def test_facts_of_a_plan_that_was_changed(tmp_path: Path, bench: Any) -> None:
    """Nothing is told of a plan that is not the one that was made."""
    source, target = database(tmp_path / "a.sqlite", sample_library()), database(tmp_path / "b.sqlite", small())
    told, run = bench({}, source, target)
    path = run.folder / told["file"]
    path.write_bytes(path.read_bytes() + b"x")
    for ask in (lambda: facts_of_plan(path, told["sha256"], RestoreConfig()), lambda: waiting_of(path, told["sha256"])):
        with pytest.raises(PortError, match="it is not the file that was made"):
            ask()
