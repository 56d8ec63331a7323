"""Restoring in other ways than record by record from a sound backup: damaged ones, whole databases, custom files, settings, and runs that ended early."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stashport.cli import main
from stashport.errors import NotRestorable, NotResumable, PortError, SourceDamaged, Stopped
from stashport.jobs.context import Context
from stashport.jobs.restore import restore
from stashport.jobs.restore_by_database import confirmed
from stashport.jobs.taking_back import rollback
from stashport.runs.history import list_runs, load
from support.backups import contents
from support.restoring import WITHOUT, Restoring, differing, value_of

TIMES = ("scenes.updated_at", "tags.updated_at", "performers.updated_at")


@pytest.fixture
def small(libraries: Any, tmp_path: Path) -> Restoring:
    """A backup of a library of 60 scenes, half of whose images lie in files."""
    return Restoring(tmp_path, libraries.filled(60, 5, blobs=True))


def cover_of(library: Any) -> tuple[int, str]:
    """A scene with a cover that no other record shows, and that cover's md5."""
    sql = "SELECT id||' '||cover_blob FROM scenes WHERE cover_blob IS NOT NULL GROUP BY cover_blob HAVING count(*)=1 ORDER BY id"
    number, checksum = value_of(library.database, sql).split()
    return int(number), checksum


def test_damaged_records_and_images(small: Restoring, libraries: Any, start_stash: Any) -> None:
    """Refused before anything is written; with salvage the records come from the database, the damaged image is named and left out, the rest is there."""
    library = libraries.filled(60, 5, blobs=True)
    stash = start_stash(library)
    picture = value_of(library.database, "SELECT image_blob FROM performers WHERE image_blob IS NOT NULL ORDER BY id")
    owners = value_of(library.database, "SELECT group_concat(id) FROM performers WHERE image_blob=?", picture).split(",")
    small.damage_image(picture)
    gif = "data:image/gif;base64,R0lGODlhAQABAIAAAP8AAAAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw=="
    for one in owners:
        stash.gql("mutation($id:ID!,$image:String){performerUpdate(input:{id:$id,image:$image}){id}}", {"id": one, "image": gif})
    stash.gql('mutation{tagUpdate(input:{id:"3",description:"changed"}){id}}')
    damaged = small.copied(stash.database)
    with pytest.raises(SourceDamaged) as caught:
        small.restore(stash, strategy="exact")
    assert picture in caught.value.message
    assert small.mutations() == []
    small.damage("records/tags.ndjson")
    with pytest.raises(SourceDamaged):
        small.restore(stash, strategy="exact")
    assert small.mutations() == []
    assert differing(damaged, stash.database) == {}
    run = small.restore(stash, strategy="exact", salvage=True)
    assert run.result == "partial"
    warnings = "\n".join(run.record["warnings"])
    assert picture in warnings
    assert "tags are not what was written" in warnings
    assert "read from the backup's database instead" in warnings
    assert differing(library.database, stash.database, *TIMES) == {"performers": {"image": len(owners)}}


def test_a_kind_that_is_nowhere_whole(small: Restoring, libraries: Any, start_stash: Any) -> None:
    """Where the database is damaged too, that kind is left out, and what others say of it is not taken for empty; bulk goes record by record then."""
    library = libraries.filled(60, 5, blobs=True)
    stash = start_stash(library)
    stash.gql("mutation{bulkSceneUpdate(input:{ids:[1,2,3],rating100:7}){id}}")
    rated = small.copied(stash.database)
    small.damage("records/tags.ndjson", "database.sqlite")
    run = small.restore(stash, strategy="exact", salvage=True, kinds=["scenes"], related="none")
    assert run.result == "partial"
    assert "they are left out" in "\n".join(run.record["warnings"])
    assert differing(library.database, stash.database, "scenes.updated_at") == {}
    assert differing(rated, stash.database, "scenes.updated_at") == {"scenes": {"rating100": 3}}
    fresh = start_stash(libraries.empty())
    with pytest.raises(SourceDamaged):
        small.restore(fresh, method="bulk")
    run = small.restore(fresh, method="bulk", salvage=True)
    assert run.result == "partial"
    assert "one by one instead of the whole library at once" in "\n".join(run.record["warnings"])
    assert fresh.gql("{findPerformers{count} findTags{count}}") == {
        "findPerformers": {"count": library.counts["performers"]}, "findTags": {"count": 0}}


def test_bulk_without_a_damaged_image(small: Restoring, libraries: Any, start_stash: Any) -> None:
    """A whole library is loaded at once but for the image that is damaged, which is named."""
    _, cover = cover_of(libraries.filled(60, 5, blobs=True))
    small.damage_image(cover)
    fresh = start_stash(libraries.empty())
    with pytest.raises(SourceDamaged):
        small.restore(fresh, method="bulk")
    assert fresh.gql("{findScenes{count}}")["findScenes"]["count"] == 0
    run = small.restore(fresh, method="bulk", salvage=True)
    assert run.result == "partial"
    assert cover in "\n".join(run.record["warnings"])
    assert run.record["notes"]["bulk"]["rows"] > 1000
    assert fresh.gql("{findScenes{count}}")["findScenes"]["count"] == 60


def test_a_whole_database_there_and_back(small: Restoring, libraries: Any, start_stash: Any) -> None:
    """The method database as a run: previewed, done, confirmed after the restart, taken back with force; and resumed when it was killed before the switch."""
    stash = start_stash(libraries.filled(30, 2, blobs=True))
    before = contents(stash.database, None)
    told = small.restore(stash, method="database", dryRun=True)
    assert "would become" in told.record["notes"]["sentence"]
    assert small.mutations() == []
    with pytest.raises(NotRestorable, match="running Stash is no backup"):
        restore({"source": stash.url, "method": "database", **WITHOUT}, small.context(stash))
    run = small.restore(stash, method="database", safe=True)
    assert run.result == "ok"
    assert "Restart Stash now" in run.record["notes"]["sentence"]
    assert run.record["counts"]["scene"]["created"] == 60
    assert confirmed({"run": run.id}, small.context(stash))["state"] == "waiting"
    stash.restart()
    assert confirmed({"run": run.id}, small.context(stash))["running"]
    stash.gql('mutation{tagUpdate(input:{id:"3",description:"new"}){id}}')
    with pytest.raises(PortError, match="changed since"):
        small.back(run, stash)
    assert "would be pointed at" in small.back(run, stash, dryRun=True).record["notes"]["sentence"]
    undone = small.back(run, stash, force=True)
    assert undone.result == "ok"
    assert "Restart Stash now" in undone.record["notes"]["sentence"]
    with pytest.raises(NotResumable, match="keeps no journal"):
        small.back(undone, stash)
    stash.restart()
    assert contents(stash.database, None) == before
    with pytest.raises(NotResumable, match="came to its end"):
        small.resumed(run.id, stash)


def test_a_whole_database_killed_before_the_switch(small: Restoring, libraries: Any, start_stash: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is not restored again: resume points Stash at it, and rollback works for the killed run as well."""
    stash = start_stash(libraries.filled(30, 2, blobs=True))
    with monkeypatch.context() as patch:
        patch.setattr("stashport.jobs.restore_database.switching.point", _killed)
        with pytest.raises(KeyboardInterrupt):
            small.restore(stash, method="database")
    (killed,) = (one["run"] for one in list_runs(small.state) if one["verb"] == "restore")
    assert rollback({"run": killed, **WITHOUT}, small.context(stash)).record["notes"]["sentence"].startswith("Stash is pointed at")
    run = small.resumed(killed, stash)
    assert run.result == "ok"
    stash.restart()
    assert confirmed({"run": run.id}, small.context(stash))["running"]
    assert small.back(run, stash).result == "ok"


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


def test_a_whole_database_while_stash_is_down(small: Restoring, libraries: Any, start_stash: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """By command, with config.yml in place of an address: preview, restore, confirm, rollback; refused while it runs and for other methods."""
    stash = start_stash(libraries.filled(30, 2, blobs=True))
    stash.gql('mutation{configureInterface(input:{language:"de-DE"}){language}}')  # Stash writes its config.yml as YAML
    common = ["--into", str(stash.config_file), "--state", str(small.state.folder)]
    asked = ["restore", small.source, *common, "--method", "database", "--custom-files", "-q"]
    assert main([*asked, "--yes"]) == 112
    stash.stop()
    assert main(["restore", small.source, *common, "-q", "--yes"]) == 10
    assert main([*asked, "--dry-run"]) == 0
    capsys.readouterr()
    assert main([*asked, "--yes", "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    assert "Start Stash now" in run["notes"]["sentence"]
    stash.start()
    assert main(["confirm", run["run"], "--into", stash.url, "--state", str(small.state.folder)]) == 0
    assert "Stash runs on the restored library" in capsys.readouterr().out
    stash.stop()
    assert main(["rollback", run["run"], *common, "--yes", "-q"]) == 0
    assert "old library" in capsys.readouterr().out
    stash.start()
    assert stash.gql("{findScenes{count}}")["findScenes"]["count"] == 30


def test_runs_that_write_nothing_or_ended_early(small: Restoring, libraries: Any, start_stash: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No journal and no undo where nothing was written; a run at work is not taken back; a rollback is; a load that was cut off is gone on with."""
    library = libraries.filled(60, 5, blobs=True)
    stash = start_stash(library)
    run = small.restore(stash, strategy="exact")
    assert run.record["notes"]["sentence"].startswith("Nothing was changed")
    assert not {"journal", "undo"} & set(run.record["notes"])
    assert not (run.folder / "journal.sqlite").exists()
    with pytest.raises(NotResumable, match="wrote nothing"):
        small.back(run, stash)
    stash.gql("mutation{bulkSceneUpdate(input:{ids:[1,2,3],rating100:7}){id}}")
    damaged = small.copied(stash.database)
    run = small.restore(stash, strategy="exact")
    assert run.record["notes"]["undo"] == "possible"
    with pytest.raises(NotResumable, match="came to its end"):
        small.resumed(run.id, stash)
    with monkeypatch.context() as patch, pytest.raises(NotResumable, match="still at work"):
        patch.setattr("stashport.jobs.taking_back.load", lambda *_: {**run.record, "state": "running"})
        small.back(run, stash)
    undone = small.back(run, stash)
    assert differing(damaged, stash.database, "scenes.updated_at") == {}
    assert small.back(undone, stash).result == "ok"
    assert differing(library.database, stash.database, "scenes.updated_at") == {}
    fresh = start_stash(libraries.empty())
    killed = _cut_off(small, fresh, monkeypatch)
    resumed = small.resumed(killed, fresh)
    assert resumed.result == "ok", resumed.record["warnings"]
    assert differing(library.database, fresh.database) == {}
    assert small.back(resumed, fresh).result == "ok"
    assert fresh.gql("{findScenes{count} findTags{count}}") == {"findScenes": {"count": 0}, "findTags": {"count": 0}}


def _cut_off(small: Restoring, stash: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A load that ended in the midst of writing; its run."""
    from stashport.runs.record import Run

    real, asked = Run.check_stop, []

    def stop(run: Run) -> None:
        if run.record["phase"].get("name") == "Writing":
            asked.append(run.id)
            if value_of(stash.database, "SELECT count(*) FROM tags"):
                raise Stopped(where="in a test")
        real(run)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(Run, "check_stop", stop)
        small.restore(stash, method="bulk")
    assert value_of(stash.database, "SELECT count(*) FROM saved_filters") == 0
    assert any("goes on" in one for one in load(small.state, asked[0])["warnings"])
    return asked[0]


def test_the_copy_comes_first(small: Restoring, libraries: Any, start_stash: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the copy of today's library cannot be saved, nothing is written, and that is said; to go without takes the very words."""
    import shutil

    stash = start_stash(libraries.filled(60, 5, blobs=True))
    stash.gql("mutation{bulkSceneUpdate(input:{ids:[1,2,3],rating100:7}){id}}")
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("stashport.atomic.shutil.disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(PortError, match="is full"):
            small.restore(stash, strategy="exact", safe=True, vault=str(tmp_path / "other"))
    assert [one for one in small.mutations() if "backupDatabase" not in one] == []
    (run,) = (one for one in list_runs(small.state) if one["verb"] == "restore")
    assert any("so nothing has been written" in one for one in run["warnings"])
    assert not {"journal", "undo"} & set(run["notes"])
    common = ["restore", small.source, "--into", stash.url, "--state", str(small.state.folder), "--strategy", "exact", "-q", "--yes"]
    assert main([*common, "--no-copy", "yes"]) == 10
    assert main([*common, "--no-copy", "without a copy"]) == 0
    assert differing(libraries.filled(60, 5, blobs=True).database, stash.database, "scenes.updated_at") == {}


def test_down_needs_the_method_database(small: Restoring) -> None:
    """Without an address, records cannot be written: said in words."""
    with pytest.raises(PortError, match="running Stash"):
        restore({"source": small.source, **WITHOUT}, Context(small.state))
