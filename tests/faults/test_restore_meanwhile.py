"""What others do while a restore is planned or written: nothing of theirs is lost, what cannot be done is said, and everything else is done."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess

import pytest
from stashport.errors import DiskFull, Locked, NotAllowed, PortError, StashAtWork
from stashport.jobs.restore import apply
from stashport.runs.state import State
from stashport.stash import bulk_guard
from stashport.stash.connection import Connection
from support.changing import WITHOUT, Disturbed, Spoilt, unlike
from support.failing import Faulty
from support.stash import RealStash

SLEEPER = """name: sleeper
exec: [python, "{pluginDir}/sleeper.py"]
interface: raw
tasks: [{name: sleep, description: sleeps}]
"""


@pytest.fixture(scope="module")
def shared(libraries, tmp_path_factory):
    """A spoilt library for all tests here."""
    started = []

    def start(library, **options):
        started.append(RealStash(tmp_path_factory.mktemp("stash"), library=library, **options))
        started[-1].start()
        return started[-1]

    yield Disturbed(libraries, start, tmp_path_factory.mktemp("meanwhile"), "api")
    for stash in started:
        stash.kill()


@pytest.fixture
def place(shared):
    """The spoilt library, as it is at the beginning."""
    shared.reset()
    return shared


def meanwhile(place, when, act):
    """A connection through which something happens right before the first document that holds a text is sent."""
    waiting = [act]

    def tracer(text, _):
        if waiting and when in text:
            waiting.pop()()

    return Connection(place.stash.url, tracer=tracer)


def applied(place, plan):
    """Write a plan that was made."""
    return apply({"run": plan.id, **WITHOUT}, place.context())


def reasons(run, kind=""):
    """(outcome, reason) of the records about which there is something to be said."""
    return [(one["outcome"], one["reason"]) for one in run.record["items"] if not kind or one["kind"] == kind]


SCENE = "query($id:ID!){findScene(id:$id){title rating100 details}}"


def scene(place, number):
    """A scene as it is now."""
    return place.stash.gql(SCENE, {"id": number})["findScene"]


# --- edits ------------------------------------------------------------------------------------------------------------------------------------------------


def emptied(place):
    """Take the title from a scene that has one in the source, too."""
    place.stash.gql('mutation{sceneUpdate(input:{id:"40",title:""}){id}}')


@pytest.mark.parametrize("strategy", ["merge", "overwrite", "exact", "prompt"])
def test_a_record_that_somebody_edits_before_the_plan_is_written(place, strategy):
    """By merge and prompt an edit stays as it is; by overwrite and exact the backup wins, as was asked for, and the record says that it was planned again."""
    emptied(place)
    plan = place.restore(dryRun=True, strategy=strategy, kinds=["scenes"], related="none")
    place.stash.gql('mutation{sceneUpdate(input:{id:"40",title:"edited meanwhile",details:"mine"}){id}}')
    run = applied(place, plan)
    told = [reason for _, reason in reasons(run, "scene") if "changed since the plan was made" in reason]
    assert told, run.record["items"][:5]
    title = scene(place, 40)["title"]
    assert (title == "edited meanwhile") is (strategy in ("merge", "prompt"))
    if strategy == "prompt":
        assert run.result == "partial"
        assert run.record["counts"]["scene"]["conflicts"] >= 1
    assert run.adds_up()


def test_a_record_that_somebody_deletes_before_the_plan_is_written(place):
    """It is left out with a reason, what refers to it is written without it, and everything else is done."""
    plan = place.restore(dryRun=True, **place.given_more)
    place.stash.gql('mutation{scenesDestroy(input:{ids:["1","2"],delete_file:false}) performersDestroy(ids:["3"])}')
    run = applied(place, plan)
    assert ("skipped", "it is not there any more") in reasons(run, "scene")
    assert ("skipped", "it is not there any more") in reasons(run, "performer")
    assert run.record["counts"]["scene"]["updated"] > 30
    assert run.adds_up()
    again = place.restore(**place.given_more)
    assert again.result == "ok", again.record["warnings"]
    # A scene that was made anew has the times of its stash ids in UTC: Stash keeps no other.
    assert [one for one in place.complete() if one != "scenes: {'stash_ids': 1}"] == []


def test_a_name_that_somebody_takes_before_the_plan_is_written(place):
    """The create is refused with Stash's reason and no other; the next run finds the record by its name and completes it."""
    plan = place.restore(dryRun=True, **place.given_more)
    with contextlib.closing(sqlite3.connect(place.source.database)) as db:
        names = db.execute("SELECT id,name FROM tags ORDER BY id").fetchall()
    there = {int(tag["id"]) for tag in place.stash.gql("{allTags{id}}")["allTags"]}
    wanted = next(name for number, name in names if number not in there)
    place.stash.gql("mutation($name:String!){tagCreate(input:{name:$name}){id}}", {"name": wanted})
    run = applied(place, plan)
    assert run.result == "partial"
    failed = [reason for outcome, reason in reasons(run, "tag") if outcome == "failed"]
    assert len(failed) == 1, run.record["items"]
    assert "already" in failed[0]
    again = place.restore(**place.given_more)
    assert again.result == "ok", again.record["warnings"]
    assert place.complete() == []
    place.take_back()


# --- others at work -----------------------------------------------------------------------------------------------------------------------------------------


def test_two_restores_at_once(place):
    """The second is refused by name of the first, writes nothing, and does not harm it."""
    refused = []

    def second():
        with pytest.raises(Locked) as found:
            place.restore(**place.given_more)
        refused.append(str(found.value))

    run = place.restore(meanwhile(place, "mutation StashPortWrite", second), **place.given_more)
    assert refused
    assert run.result == "ok", run.record["warnings"]
    assert place.complete() == []


def test_stash_is_restarted_while_it_is_written_to(place):
    """Either nobody notices, or the run ends by saying so and can be gone on with: in the end everything is there once."""
    for when in ("performerCreate", "scenesUpdate", "sceneAddPlay"):
        try:
            place.restore(meanwhile(place, when, place.stash.restart), **place.given_more)
        except PortError:
            place.resume(place.last()["run"])
        assert place.complete() == [], when
        place.take_back()
        assert place.left() == {}, when


def test_a_key_that_is_not_accepted_any_more(place):
    """The run ends by saying so; with the key put right it goes on."""
    with pytest.raises(NotAllowed):
        place.restore(Faulty(place.stash.url, "forbidden", place.requests // 2), **place.given_more)
    record = place.last()
    assert record["result"] == "failed"
    assert any("resume" in warning for warning in record["warnings"])
    assert place.resume(record["run"]).result == "ok"
    assert place.complete() == []


def test_a_task_that_begins_during_a_bulk_load(libraries, start_stash, tmp_path, monkeypatch):
    """The load stops and names the task; when that has ended, it goes on to the same library as ever."""
    monkeypatch.setattr(bulk_guard, "QUEUE_SECONDS", 0.0)
    fresh = Disturbed(libraries, start_stash, tmp_path, "fresh")
    folder = fresh.stash.folder / "plugins" / "sleeper"
    folder.mkdir()
    (folder / "sleeper.yml").write_text(SLEEPER)
    (folder / "sleeper.py").write_text("import time\ntime.sleep(3)\nprint('{}')\n")
    fresh.stash.gql("mutation{reloadPlugins}")
    jobs = []

    def tracer(_, variables):
        if not jobs and "INTO `scenes`" in str(variables.get("s")):
            jobs.append(fresh.stash.gql('mutation{runPluginTask(plugin_id:"sleeper",task_name:"sleep",description:"sleeping")}')["runPluginTask"])

    with pytest.raises(StashAtWork, match="sleep"):
        fresh.restore(Connection(fresh.stash.url, tracer=tracer), **fresh.given_more)
    record = fresh.last()
    assert record["result"] == "failed"
    assert any("resume" in warning for warning in record["warnings"]), record["warnings"]
    fresh.stash.wait_for(jobs[0])
    assert fresh.resume(record["run"]).result == "ok"
    assert fresh.complete() == []


# --- what a server does not take ----------------------------------------------------------------------------------------------------------------------------


class Odd(Spoilt):
    """An empty Stash, and a source with something odd in it."""

    def __init__(self, libraries, start_stash, folder, *statements):
        super().__init__(libraries, start_stash, folder, fresh=True)
        self.source = self.source.copy(folder / "odd")
        with contextlib.closing(sqlite3.connect(self.source.database)) as db:
            for statement in statements:
                db.execute(statement)
            db.commit()


TIMES = "'2020-01-01T00:00:00Z','2020-01-01T00:00:00Z'"


def test_names_that_look_alike_to_stash(libraries, start_stash, tmp_path):
    """Stash reads "_" and "%" in a name as any letters: what it refuses for that is left out by itself, with a reason that a person can act upon."""
    names = ("axb", "a_b", "100 percent", "100%", "%", "_")
    place = Odd(libraries, start_stash, tmp_path, *(f"INSERT INTO tags(name,created_at,updated_at) VALUES('{name}',{TIMES})" for name in names))
    run = place.restore(kinds=["tags"], related="none")
    there = {tag["name"] for tag in place.stash.gql("{allTags{name}}")["allTags"]}
    failed = [reason for outcome, reason in reasons(run, "tag") if outcome == "failed"]
    assert {"axb", "100 percent"} <= there
    assert len(there) == 30 - len(failed)
    assert (run.result == "partial") is bool(failed)
    assert all("give one of the two another name" in reason for reason in failed), failed
    assert run.adds_up()


def test_values_that_stash_refuses(libraries, start_stash, tmp_path):
    """A date, a gender or a country that is none costs that record, or that field, alone: it is listed with a reason, all others are done, and it says partial."""
    place = Odd(
        libraries, start_stash, tmp_path, "UPDATE performers SET gender='ALIEN' WHERE id=3", "UPDATE performers SET birthdate='2020-13-45',birthdate_precision=0 WHERE id=4",
        "UPDATE performers SET country='Atlantis and the rest of it' WHERE id=5", "UPDATE groups SET date='yesterday' WHERE id=3",
    )
    run = place.restore(kinds=["performers", "groups"], related="none")
    assert run.result == "partial"
    assert run.adds_up()
    told = [reason for outcome, reason in reasons(run) if reason]
    assert run.record["counts"]["performer"]["created"] >= 60
    assert run.record["counts"]["group"]["created"] >= 35
    assert any("ALIEN" in reason or "gender" in reason.lower() for reason in told), told
    assert any("date" in reason for reason in told), told


# --- no room ------------------------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 3 MB, where this user may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, text=True, check=False) if shutil.which("mount") else None
    if done is None or done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip() if done else 'there is no mount'}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder, left):
    """Leave so many bytes of a disk."""
    free = os.statvfs(folder)
    (folder / "filler").write_bytes(b"x" * max(0, free.f_bavail * free.f_bsize - left))


def _nobody():
    """The number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize("when", ["query StashPortTypes", "mutation StashPortWrite", "scenesUpdate"])
def test_a_disk_that_fills_up(place, small_disk, when):
    """No room for the plan, or for the journal: DiskFull; nothing was written that the journal does not know, and with room made it goes on."""
    state, place.state = place.state, State(small_disk / "state")
    try:
        with pytest.raises(DiskFull):
            place.restore(meanwhile(place, when, lambda: fill(small_disk, 8 << 10)), **place.given_more)
        (small_disk / "filler").unlink()
        if when == "query StashPortTypes":
            assert unlike(place.before, place.now()) == {}
        record = place.last()
        if record["notes"].get("journal"):
            if record["state"] == "running":  # its end could not be written down either; it has ended with its process, which is ours
                path = place.state.run_folder(record["run"]) / "run.json"
                path.write_text(json.dumps({**record, "pid": _nobody()}))
            place.resume(record["run"])
        else:
            place.restore(**place.given_more)
        assert place.complete() == []
    finally:
        place.state = state
