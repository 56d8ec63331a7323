"""Restoring into a real Stash: as planned, nothing twice, exactly, in parts, and back again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from stashport.errors import BundleDamaged, Locked, NotResumable, PlanChanged, PlanStale, Unsound
from stashport.jobs.backup import backup
from stashport.jobs.compare import compare
from stashport.jobs.context import Context
from stashport.jobs.export import export
from stashport.jobs.plan_view import plan_page
from stashport.jobs.restore import apply, restore
from stashport.jobs.taking_back import rollback
from stashport.runs.lock import Lock
from stashport.runs.state import State
from stashport.stash.connection import Connection
from stashport.stash.source import DatabaseFile
from support.backups import contents

WITHOUT = {"safety": False, "confirm": "without a copy"}


class Scene:
    """A Stash with a backup of it, and what has been sent to it since."""

    def __init__(self, stash: Any, folder: Path) -> None:
        self.stash, self.vault, self.state = stash, folder / "vault", State(folder / "state")
        self.sent: list[str] = []
        assert backup({"vault": str(self.vault)}, self.context()).result == "ok"

    def context(self, stash: Any = None) -> Context:
        """The Stash, or another one, as a job is given it."""
        return Context(self.state, Connection((stash or self.stash).url, tracer=lambda text, _: self.sent.append(text)))

    def restore(self, stash: Any = None, *, safe: bool = False, **given: Any) -> Any:
        """Restore the backup."""
        return restore({"source": f"{self.vault}#latest", **({} if safe else WITHOUT), **given}, self.context(stash))

    def back(self, run: Any, stash: Any = None, **given: Any) -> Any:
        """Take a run back."""
        return rollback({"run": run.id, **WITHOUT, **given}, self.context(stash))

    def counts(self) -> dict[str, int]:
        """How many records of each kind the Stash has, by plural name."""
        from stashport.model.fields import KINDS
        from stashport.stash.database import DatabaseReader

        with DatabaseReader(self.stash.database) as reader:
            return {kind.plural: reader.count(kind) for kind in KINDS if kind.table}

    def mutations(self) -> list[str]:
        """What was sent since the last time that was no question."""
        found = [text for text in self.sent if text.lstrip().startswith("mutation") and "querySQL" not in text]
        self.sent.clear()
        return found

    def damage(self) -> None:
        """Change what a careless person would."""
        self.stash.gql("""mutation {
            bulkSceneUpdate(input:{ids:[1,2,3,4,5,6,7,8,9],rating100:5,tag_ids:{mode:SET,ids:[1]}}){id}
            sceneUpdate(input:{id:"12",title:"changed"}){id}
            tagUpdate(input:{id:"3",name:"renamed",description:"x"}){id}
            scenesDestroy(input:{ids:[20,21],delete_file:false})
            performerUpdate(input:{id:"2",image:"data:image/gif;base64,R0lGODlhAQABAIAAAP8AAAAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw=="}){id}
            sceneAddO(id:4,times:["2020-01-01T00:00:00Z"]){count}
            tagCreate(input:{name:"made since"}){id} }""")


@pytest.fixture
def scene(libraries: Any, start_stash: Any, tmp_path: Path) -> Scene:
    """A Stash of 200 scenes."""
    return Scene(start_stash(libraries.filled(200, 3, blobs=True)), tmp_path)


def differing(one: Path, other: Path, *ignored: str) -> dict[str, dict[str, int]]:
    """What two database files tell otherwise, by kind and field, and how many records only one has."""
    run = compare({"ignore": list(ignored)}, Context(State(one.parent / "compared"), DatabaseFile(one)), DatabaseFile(other))
    table = run.record["notes"]["compared"]
    return {plural: told for plural, row in table.items() if (told := row["fields"] | {k: n for k, n in row["outcomes"].items() if n and k not in ("same", "differs")})}


def saved(scene: Scene, stash: Any = None) -> Path:
    """The database of a Stash as it is now, in a file of its own."""
    import sqlite3

    place = scene.state.folder / f"copy-{len(list(scene.state.folder.glob('copy-*')))}.sqlite"
    with sqlite3.connect((stash or scene.stash).database) as db, sqlite3.connect(place) as other:
        db.backup(other)
    return place


TIMES = ("scenes.updated_at", "tags.updated_at", "performers.updated_at")


def test_a_plan_writes_nothing_and_is_what_is_done(scene: Scene) -> None:
    """Planning sends no mutation; what it tells is what applying it does; the same again sends nothing; taking it back leads to what was there."""
    before = saved(scene)
    scene.damage()
    damaged = saved(scene)
    scene.mutations()
    plan = scene.restore(dryRun=True, strategy="exact")
    assert scene.mutations() == []
    told = plan.record["notes"]["plan"]
    assert told["totals"]["scenes"]["update"] == 10
    assert told["totals"]["scenes"]["create"] == 2
    assert told["totals"]["tags"]["update"] == 1
    assert told["rollback"]["rollbackOperations"]["delete"] == {"scenes": 2}
    run = apply({"run": plan.id, **WITHOUT}, scene.context())
    assert run.result == "ok", run.record["warnings"]
    assert run.record["notes"]["verified"]["left"] == 0
    assert run.adds_up()
    scene.mutations()
    found = differing(before, scene.stash.database, *TIMES)
    assert found.pop("tags") == {"only_b": 1}
    assert {f"{plural}.{field}" for plural, fields in found.items() for field in fields} <= {".".join(name.split(".")[:2]) for name in told["losses"]}
    again = scene.restore(strategy="exact")
    assert again.result == "ok"
    assert scene.mutations() == []
    assert again.record["notes"]["sentence"].startswith("Nothing was changed")
    undone = scene.back(run)
    assert undone.result == "ok", undone.record["warnings"]
    assert undone.adds_up()
    assert differing(damaged, scene.stash.database, *TIMES) == {}


def test_bulk_into_a_fresh_stash_is_exact(scene: Scene, libraries: Any, start_stash: Any) -> None:
    """Every row of every table is as it was, images too; the second time nothing is sent; taken back, the Stash is as fresh as before."""
    fresh = start_stash(libraries.empty())
    empty = contents(fresh.database, fresh.blobs)
    run = scene.restore(fresh, method="bulk", safe=True)
    assert run.result == "ok", run.record["warnings"]
    assert run.record["notes"]["verified"] == {"left": 0, "differences": [], "fields": {}}
    assert differing(scene.stash.database, fresh.database) == {}
    scene.mutations()
    assert scene.restore(fresh, method="bulk").result == "ok"
    assert scene.mutations() == []
    undone = scene.back(run, fresh)
    assert undone.result == "ok", undone.record["warnings"]
    fresh.stop()
    assert contents(fresh.database, fresh.blobs) == empty


def test_exactly_with_times(scene: Scene) -> None:
    """The method bulk on a library that is not fresh puts back times too; what was made since stays; and taken back, times are as they were before."""
    before = saved(scene)
    scene.damage()
    damaged = saved(scene)
    run = scene.restore(strategy="exact", method="bulk", kinds=["scenes", "tags", "performers"], related="none")
    assert run.result == "ok", run.record["warnings"]
    assert run.record["notes"]["plan"]["losses"].keys() <= {"scenes.stash_ids.updated_at.zone", "scenes.scene_markers.tags.primary", "scenes.captions"}
    assert differing(before, scene.stash.database) in ({"tags": {"only_b": 1}}, {"tags": {"only_b": 1}, "scenes": {"stash_ids": 1}})
    undone = scene.back(run)
    assert undone.result == "ok", undone.record["warnings"]
    assert differing(damaged, scene.stash.database) == {}


def test_only_the_ratings_of_one_studio(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly the chosen fields of the chosen records change, and of the backup no more is read than its header and the members of these kinds."""
    from stashport.bundle.reader import BundleReader

    before = saved(scene)
    asked = "{findScenes(filter:{per_page:-1}){scenes{id rating100 studio{id name child_studios{id}}}}}"
    scenes = scene.stash.gql(asked)["findScenes"]["scenes"]
    name = next(one["studio"]["name"] for one in scenes if one["studio"] and not one["studio"]["child_studios"] and one["rating100"])
    mine = [one for one in scenes if one["studio"] and one["studio"]["name"] == name and one["rating100"] not in (None, 7)]
    ids = json.dumps([one["id"] for one in scenes])
    scene.stash.gql(f"mutation{{bulkSceneUpdate(input:{{ids:{ids},rating100:7}}){{id}}}}")
    read: list[str] = []
    real = BundleReader.open
    monkeypatch.setattr(BundleReader, "open", lambda self, member: read.append(member) or real(self, member))
    run = scene.restore(fields={"scenes": ["rating100"]}, kinds=["scenes"], filters={"studios": [name]}, strategy="overwrite")
    assert run.result == "ok", run.record["warnings"]
    assert run.record["counts"]["scene"]["updated"] == len(mine) > 0
    assert set(read) == {"records/studios.ndjson", "records/scenes.ndjson"}
    found = differing(before, scene.stash.database, "scenes.updated_at")
    assert found == {"scenes": {"rating100": sum(1 for one in scenes if one["rating100"] != 7) - len(mine)}}


def test_from_a_plain_export(scene: Scene, tmp_path: Path) -> None:
    """JSON and NDJSON exports are sources like any other."""
    before = saved(scene)
    for number, name in enumerate(("json", "ndjson")):
        place = tmp_path / f"library.{name}"
        assert export({"to": str(place), "format": name, "images": False}, Context(scene.state, DatabaseFile(before))).result == "ok"
        scene.stash.gql(f'mutation{{sceneUpdate(input:{{id:"{30 + number}",title:"x"}}){{id}}}}')
        run = restore({"source": str(place), "strategy": "overwrite", **WITHOUT}, scene.context())
        assert run.record["counts"]["scene"]["updated"] == 1, run.record["counts"]
        assert differing(before, scene.stash.database, "scenes.updated_at") == {}


def test_refusals(scene: Scene, libraries: Any, start_stash: Any) -> None:
    """Another library, a changed plan file, a damaged backup and a run that is at work already: each is refused, and nothing is written."""
    plan = scene.restore(dryRun=True, strategy="exact")
    other = start_stash(libraries.filled(60, 9))
    with pytest.raises(PlanStale):
        apply({"run": plan.id, **WITHOUT}, scene.context(other))
    with pytest.raises(NotResumable):
        rollback({"run": plan.id}, scene.context())
    path = scene.state.run_folder(plan.id) / "plan.sqlite"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(PlanChanged):
        apply({"run": plan.id, **WITHOUT}, scene.context())
    instance = plan.record["notes"]["target"]["instance"]
    with Lock(scene.state.locks, f"write-{instance}", "another run"), pytest.raises(Locked):
        scene.restore(strategy="exact")
    (file,) = scene.vault.rglob("backups/*.bundle")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    scene.mutations()
    with pytest.raises((Unsound, BundleDamaged)):
        scene.restore(start_stash(libraries.empty()), method="bulk")
    assert scene.mutations() == []


def test_what_was_decided_is_done_once(scene: Scene, libraries: Any, start_stash: Any, tmp_path: Path) -> None:
    """Two groups of one name and two dates: one is said to be new; writing the same plan with the same decision again makes it no second time."""
    scene.stash.gql('mutation{groupCreate(input:{name:"Twin",date:"1990-01-01"}){id}}')
    place = tmp_path / "library.json"
    assert export({"to": str(place), "format": "json", "kinds": ["groups"], "images": False}, scene.context()).result == "ok"
    other = start_stash(libraries.empty())
    time.sleep(1.1)  # what has one name and was made in one second counts as one
    other.gql('mutation{groupCreate(input:{name:"Twin",date:"1980-01-01"}){id}}')
    plan = restore({"source": str(place), "dryRun": True, "kinds": ["groups"], "related": "none", **WITHOUT}, scene.context(other))
    (told,) = plan_page({"run": plan.id, "action": "conflict"}, scene.state)["steps"]
    assert [one["name"] for side in ("source", "target") for one in told["candidates"][side]] == ["Twin", "Twin"]
    decided = {"new": [{"kind": "group", "source": told["candidates"]["source"][0]["number"]}]}
    runs = [apply({"run": plan.id, "decisions": decided, **WITHOUT}, scene.context(other)) for _ in range(3)]
    assert [run.result for run in runs] == ["ok", "ok", "ok"]
    groups = plan.record["notes"]["plan"]["totals"]["groups"]["create"]
    assert [run.record["counts"]["group"]["created"] for run in runs] == [groups + 1, 0, 0]
    assert other.gql('{findGroups(group_filter:{name:{value:"Twin",modifier:EQUALS}}){count}}')["findGroups"]["count"] == 2


def test_a_whole_library_that_was_shown(scene: Scene, libraries: Any, start_stash: Any) -> None:
    """The plan of a whole library shows every record as new, with nothing lost; it is loaded as a whole, and refused once the Stash is no longer empty."""
    fresh, used = start_stash(libraries.empty()), start_stash(libraries.empty())
    plans = [scene.restore(stash, method="bulk", dryRun=True) for stash in (fresh, used)]
    told = plans[0].record["notes"]["plan"]
    assert (told["whole"], told["losses"], told["waiting"]) == (True, {}, 0)
    assert {plural: row["create"] for plural, row in told["totals"].items()} == {
        plural: n for plural, n in scene.counts().items() if n}
    run = apply({"run": plans[0].id, **WITHOUT}, scene.context(fresh))
    assert run.result == "ok", run.record["warnings"]
    assert differing(scene.stash.database, fresh.database) == {}
    used.gql('mutation{tagCreate(input:{name:"somebody\'s"}){id}}')
    with pytest.raises(PlanStale):
        apply({"run": plans[1].id, **WITHOUT}, scene.context(used))
    assert used.gql("{findTags{count}}")["findTags"]["count"] == 1
