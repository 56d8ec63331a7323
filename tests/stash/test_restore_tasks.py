"""Restoring as Stash runs it: tasks of the plugin, files that are scanned later, imports that have the queue first, and hooks of other plugins."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from stashport.cli import main
from stashport.errors import NotResumable
from stashport.jobs.backup import backup
from stashport.jobs.context import Context
from stashport.jobs.restore import restore, waiting
from stashport.runs.history import list_runs, load
from stashport.runs.secrets import keep
from stashport.runs.state import State
from stashport.stash.connection import Connection
from support.restoring import WITHOUT, Restoring, differing

SCENES = "{findScenes(filter:{per_page:-1}){scenes{title rating100 tags{name} files{path fingerprints{type value}}}}}"


def film(path: Path, number: int) -> Path:
    """A video of a second; each number gives another one, of other length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = f"testsrc=size=64x64:rate=10:duration={1 + number / 10}"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", made, "-y", str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def scan(stash: Any, folder: Path) -> None:
    """Have a folder scanned."""
    stash.gql("mutation($path:String!){configureGeneral(input:{stashes:[{path:$path,excludeVideo:false,excludeImage:false}]}){stashes{path}}}", {"path": str(folder)})
    stash.wait_for(stash.gql("mutation{metadataScan(input:{})}")["metadataScan"])


def run_task(stash: Any, mode: str, config: dict[str, Any]) -> dict[str, Any]:
    """Run a task of the plugin to its end; its run record."""
    state = state_of(stash)
    run = state.new_run_id()
    stash.wait_for(stash.task(mode=mode, run=run, config=config))
    return load(state, run)


def state_of(stash: Any) -> State:
    """Where the plugin keeps its runs."""
    return State(stash.folder / "stash-port")


@pytest.fixture
def first(libraries: Any, start_stash: Any, tmp_path: Path) -> Any:
    """A Stash that has scanned four films, with what a person wrote about them."""
    stash, folder = start_stash(libraries.empty()), tmp_path / "media"
    for number in range(4):
        film(folder / f"sub {number % 2}" / f"film {number}.mp4", number)
    scan(stash, folder)
    tag = stash.gql('mutation{tagCreate(input:{name:"seen"}){id}}')["tagCreate"]["id"]
    for one in stash.gql("{findScenes{scenes{id files{basename}}}}")["findScenes"]["scenes"]:
        title = f"about {one['files'][0]['basename']}"
        stash.gql("mutation($id:ID!,$title:String,$tag:ID!){sceneUpdate(input:{id:$id,title:$title,rating100:60,tag_ids:[$tag]}){id}}",
                  {"id": one["id"], "title": title, "tag": tag})
    return stash


def titles(stash: Any) -> dict[str, str]:
    """The titles of scenes by the names of their files."""
    return {Path(one["files"][0]["path"]).name: one["title"] for one in stash.gql(SCENES)["findScenes"]["scenes"] if one["files"]}


def test_waiting_for_files(first: Any, libraries: Any, start_stash: Any, tmp_path: Path) -> None:
    """Without files scenes wait; what a scan of another folder finds is restored by a follow-up run, and nothing else; twice does nothing."""
    vault, state = tmp_path / "vault", State(tmp_path / "state")
    assert backup({"vault": str(vault)}, Context(state, Connection(first.url))).result == "ok"
    moved = tmp_path / "elsewhere" / "films"
    second = start_stash(libraries.empty())
    sent: list[str] = []
    context = Context(state, Connection(second.url, tracer=lambda text, _: sent.append(text)))
    given = {"source": f"{vault}#latest", "paths": [f"{tmp_path / 'media'}={moved}"], **WITHOUT}
    run = restore(given, context)
    assert run.record["notes"]["waiting"] == 4
    assert "4 wait for their files" in run.record["notes"]["sentence"]
    assert second.gql("{findTags{count}}")["findTags"]["count"] == 1
    for number in range(3):
        (moved / f"sub {number % 2}").mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "media" / f"sub {number % 2}" / f"film {number}.mp4", moved / f"sub {number % 2}")
    scan(second, moved)
    second.gql('mutation{tagUpdate(input:{id:1,description:"by me"}){id}}')
    sent.clear()
    again = waiting({"run": run.id}, context)
    assert again.result == "ok", again.record["warnings"]
    assert titles(second) == {f"film {number}.mp4": f"about film {number}.mp4" for number in range(3)}
    assert again.record["notes"]["waiting"] == 1
    assert again.record["notes"]["verified"]["left"] == 0
    assert set(again.record["counts"]) == {"scene"}
    sent.clear()
    for one in (run.id, again.id):
        told = waiting({"run": one}, context)
        assert told.record["notes"]["waiting"] == 1
        assert "Nothing was changed" in told.record["notes"]["sentence"]
    assert [text for text in sent if text.lstrip().startswith("mutation") and "querySQL" not in text] == []
    shutil.copy(tmp_path / "media" / "sub 1" / "film 3.mp4", moved / "sub 1" / "renamed.mp4")
    scan(second, moved)
    asked = ["restore", "--waiting", again.id, "--into", second.url, "--state", str(state.folder), "-q", "--yes", "--no-copy", "without a copy"]
    assert main(asked) == 0
    assert titles(second)["renamed.mp4"] == "about film 3.mp4"
    with pytest.raises(NotResumable, match="nothing of it waits"):
        waiting({"run": list_runs(state)[0]["run"]}, context)


def test_paths_of_windows(first: Any, libraries: Any, start_stash: Any, tmp_path: Path) -> None:
    """A backup from Windows, whose files have no checksums that would tell, is mapped to where they lie here."""
    import sqlite3
    from contextlib import closing

    first.stop()
    with closing(sqlite3.connect(first.database)) as db:
        for number, path in db.execute("SELECT id,path FROM folders").fetchall():
            db.execute("UPDATE folders SET path=? WHERE id=?", (path.replace(str(tmp_path), "D:").replace("/", "\\"), number))
        db.execute("DELETE FROM files_fingerprints")
        db.commit()
    from stashport.stash.source import DatabaseFile

    vault, state = tmp_path / "vault", State(tmp_path / "state")
    assert backup({"vault": str(vault)}, Context(state, DatabaseFile(first.database))).result == "ok"
    second = start_stash(libraries.empty())
    scan(second, tmp_path / "media")
    run = restore({"source": f"{vault}#latest", "paths": [f"D:\\media={tmp_path / 'media'}"], **WITHOUT}, Context(state, Connection(second.url)))
    assert run.record["notes"]["waiting"] == 0, run.record["notes"]["plan"]["reasons"]
    assert titles(second) == {f"film {number}.mp4": f"about film {number}.mp4" for number in range(4)}


def test_tasks_of_the_plugin(libraries: Any, start_stash: Any, tmp_path: Path) -> None:
    """restore, apply and rollback through Stash's queue, by API and with SQL: the runs end well, and our own task is no stranger to its guard."""
    library = libraries.filled(60, 5)
    stash = start_stash(library, plugin=True)
    scene = Restoring(tmp_path, library)
    stash.gql("mutation{bulkSceneUpdate(input:{ids:[1,2,3],rating100:7}){id}}")
    damaged = scene.copied(stash.database)
    plan = run_task(stash, "restore", {"source": scene.source, "strategy": "exact", "method": "bulk", "dryRun": True})
    assert plan["result"] == "ok", plan["error"]
    assert plan["notes"]["plan"]["writes"] > 0
    done = run_task(stash, "apply", {"run": plan["run"]})
    assert done["result"] == "ok", (done["error"], done["warnings"])
    assert done["notes"]["safety"]["id"]
    assert differing(library.database, stash.database) == {}
    undone = run_task(stash, "rollback", {"run": done["run"], **WITHOUT})
    assert undone["result"] == "ok", (undone["error"], undone["warnings"])
    assert differing(damaged, stash.database) == {}
    refused = run_task(stash, "waiting", {"run": plan["run"], **WITHOUT})
    assert refused["error"]["error"] == "NotResumable"
    assert run_task(stash, "resume", {"run": done["run"]})["error"]["error"] == "NotResumable"
    fresh = start_stash(libraries.empty(), plugin=True)
    loaded = run_task(fresh, "restore", {"source": scene.source, "method": "bulk"})
    assert loaded["result"] == "ok", (loaded["error"], loaded["warnings"])
    assert differing(library.database, fresh.database) == {}
    told = fresh.operation(mode="confirm", run=loaded["run"])
    assert told["ok"] is False
    assert "restored no whole database" in told["error"]["message"]


def test_files_are_made_by_stashs_own_import(libraries: Any, start_stash: Any, tmp_path: Path) -> None:
    """In the queue, the import can only run when our task has ended: it ends in part and says so, another one goes on behind it, and everything is there."""
    library = libraries.filled(60, 5)
    scene = Restoring(tmp_path, library)
    fresh = start_stash(libraries.empty(), plugin=True)
    one = run_task(fresh, "restore", {"source": scene.source, "files": "create", **WITHOUT})
    seen = [one]
    while seen[-1]["notes"].get("handed_over"):
        assert seen[-1]["result"] == "partial", seen[-1]["error"]
        assert "goes on by itself" in seen[-1]["notes"]["sentence"]
        told = seen[-1]["notes"]["handed_over"]
        fresh.wait_for(told["task"])
        seen.append(load(state_of(fresh), told["next"]))
        assert len(seen) < 10
    assert len(seen) > 1
    last = seen[-1]
    assert last["error"] is None
    assert "finished it" in last["notes"]["sentence"]
    assert last["result"] == "ok", last["warnings"]
    assert last["notes"]["verified"]["left"] == 0
    found = differing(library.database, fresh.database)
    losses = {name.split(".")[1] for name in one["notes"]["plan"]["losses"]} | {"mod_time"}
    assert not [name for name, row in found.items() if "only_a" in row], found
    assert set(found["images"]) <= losses
    assert fresh.gql("{findScenes{count} findImages{count}}") == {
        "findScenes": {"count": library.counts["scenes"]}, "findImages": {"count": library.counts["images"]}}


HOOK = """name: Busy
exec: [python3, "{pluginDir}/busy.py"]
interface: raw
hooks:
  - name: after
    description: does nothing
    triggeredBy: [Scene.Update.Post, Tag.Create.Post]
"""


def test_hooks_of_other_plugins(libraries: Any, start_stash: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before much is written, the plan says which other plugins run for it, how often, and about how long that takes."""
    library = libraries.filled(60, 5)
    scene, stash = Restoring(tmp_path, library), start_stash(library)
    (stash.folder / "plugins" / "busy").mkdir()
    (stash.folder / "plugins" / "busy" / "busy.yml").write_text(HOOK)
    (stash.folder / "plugins" / "busy" / "busy.py").write_text("print('{}')")
    stash.gql("mutation{reloadPlugins}")
    ids = json.dumps(list(range(1, 61)))
    stash.gql(f'mutation{{bulkSceneUpdate(input:{{ids:{ids},code:"x"}}){{id}}}}')
    monkeypatch.setattr("stashport.jobs.hooks.LARGE", 50)
    run = scene.restore(stash, strategy="exact", dryRun=True)
    (hook,) = run.record["notes"]["plan"]["hooks"]
    assert (hook["plugin"], hook["name"], hook["times"]) == ("Busy", "after", 60)
    (said,) = [one for one in run.record["warnings"] if "Busy" in one]
    assert "60 times" in said
    assert "9 s" in said


def test_a_passphrase_goes_along(libraries: Any, start_stash: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task opens an encrypted vault with a passphrase that was handed over, and so does the one that follows behind an import; no argument holds it."""
    secret = "correct horse battery zqx"
    stash = start_stash(libraries.filled(30, 2), plugin=True)
    vault = sealed_vault(tmp_path, stash, secret, monkeypatch)
    fresh = start_stash(libraries.empty(), plugin=True)
    given = {"source": f"{vault}#latest", "files": "create", "kinds": ["scenes"], "related": "all", **WITHOUT}
    refused = run_task(fresh, "restore", given)
    assert refused["error"]["error"] == "VaultClosed"
    run = run_task(fresh, "restore", {**given, "secret": keep(state_of(fresh), secret)})
    while told := run["notes"].get("handed_over"):
        fresh.wait_for(told["task"])
        run = load(state_of(fresh), told["next"])
    assert run["error"] is None
    assert run["notes"]["verified"]["left"] == 0
    assert fresh.gql("{findScenes{count}}")["findScenes"]["count"] == 30
    assert secret not in fresh.log()
    assert not any(secret in path.read_text("utf-8", "replace") for path in state_of(fresh).folder.rglob("*") if path.is_file())


def sealed_vault(folder: Path, stash: Any, secret: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An encrypted vault with a backup of a Stash, whose passphrase takes next to no time to try."""
    from stashport.bundle.age_writer import EncryptingWriter
    from stashport.bundle.passphrase import Passphrase
    from stashport.jobs.vault_setup import vault_confirm, vault_setup

    context = Context(State(folder / "state"), Connection(stash.url))
    context.passphrase = Passphrase(secret)
    usual = EncryptingWriter.__init__.__kwdefaults__
    monkeypatch.setattr("stashport.bundle.age_writer.EncryptingWriter.__init__.__kwdefaults__", {**usual, "work_factor": 10})
    sheet = vault_setup({"vault": str(folder / "sealed")}, context)["sheet"]
    key = re.findall("AGE-SECRET-KEY-1[A-Z0-9]+", sheet.replace("<wbr>", ""))[0]
    vault_confirm({"vault": str(folder / "sealed"), "last": key[-4:]}, context)
    assert backup({"vault": str(folder / "sealed")}, context).result == "ok"
    return folder / "sealed"
