"""What is restored beside the records: settings with the numbers in them, custom files; and sources other than a full backup in a plain vault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stashport.bundle.passphrase import Passphrase
from stashport.cli import main
from stashport.jobs.backup import backup
from stashport.jobs.carry import carry
from stashport.jobs.context import Context
from stashport.jobs.restore import restore
from stashport.jobs.vault_setup import vault_confirm, vault_setup
from stashport.runs.state import State
from stashport.stash.connection import Connection
from support.restoring import WITHOUT, Restoring, differing

SET = """mutation($front:Any,$filters:Any){
    configureInterface(input:{language:"de-DE",soundOnPreview:true,menuItems:["scenes","tags"]}){language}
    configureGeneral(input:{parallelTasks:7,previewAudio:false,galleryCoverRegex:"cover.png",excludes:["^/no"]}){parallelTasks}
    configureDefaults(input:{deleteFile:true}){deleteFile}
    plug:configurePlugin(plugin_id:"other",input:{some:"value",many:3})
    a:configureUISetting(key:"frontPageContent",value:$front)
    b:configureUISetting(key:"defaultFilters",value:$filters)
    c:configureUISetting(key:"ratingSystemOptions",value:{type:"decimal"}) }"""
ASKED = """{configuration{ui plugins interface{language soundOnPreview menuItems} defaults{deleteFile}
    general{parallelTasks previewAudio galleryCoverRegex excludes databasePath}}}"""
FILTERS = "{findSavedFilters{id name mode object_filter} findTags(filter:{per_page:-1}){tags{id name}}}"


def names_of(stash: Any, value: Any) -> Any:
    """A filter's value with the names of tags instead of their numbers, as far as it names tags."""
    tags = {one["id"]: one["name"] for one in stash.gql(FILTERS)["findTags"]["tags"]}
    items = value["tags"]["value"]
    return [[tags[one["id"]] for one in items[key]] for key in ("items", "excluded")]


def tagged(stash: Any) -> dict[str, Any]:
    """What the saved filters of scenes ask for by tags."""
    found = stash.gql(FILTERS)["findSavedFilters"]
    return {one["name"]: names_of(stash, one["object_filter"]) for one in found if one["mode"] == "SCENES" and "tags" in (one["object_filter"] or {})}


@pytest.fixture
def first(libraries: Any, start_stash: Any) -> Any:
    """A Stash with 40 scenes, and settings of every section."""
    stash = start_stash(libraries.filled(40, 6, blobs=True))
    saved = next(one for one in stash.gql(FILTERS)["findSavedFilters"] if one["name"] == "tagged" and one["mode"] == "SCENES")
    front = [{"__typename": "SavedFilter", "savedFilterId": int(saved["id"])}, {"__typename": "CustomFilter", "mode": "SCENES", "sortBy": "date"}]
    filters = {"scenes": {"mode": "SCENES", "find_filter": {"sort": "date"}, "object_filter": {"tags": saved["object_filter"]["tags"]}, "ui_options": {}}}
    stash.gql(SET, {"front": front, "filters": filters})
    (stash.folder / "custom.css").write_text("body { color: red }")
    (stash.folder / "scrapers" / "notes.txt").write_text("scraped")
    return stash


@pytest.mark.parametrize("method", ["api", "bulk"])
def test_settings_and_custom_files_there_and_back(first: Any, libraries: Any, start_stash: Any, tmp_path: Path, method: str) -> None:
    """Settings but paths, filters with other numbers in them, and custom files arrive; the second time nothing is sent; taken back, all is as before."""
    scene = Restoring(tmp_path, first)
    second = start_stash(libraries.empty())
    if method == "api":
        second.gql("mutation{" + "".join(f't{n}:tagCreate(input:{{name:"mine {n}"}}){{id}}' for n in range(5)) + "}")
        second.gql('mutation{saveFilter(input:{mode:SCENES,name:"mine",find_filter:{},object_filter:{},ui_options:{}}){id}}')
    before, plain = second.gql(ASKED)["configuration"], second.gql("{findTags{count}}")
    (second.folder / "custom.js").write_text("mine")
    given: dict[str, Any] = {"method": method, "settings": True, "customFiles": True, "strategy": "exact"}
    run = scene.restore(second, **given)
    assert run.record["error"] is None
    assert "Custom files: 1 file put back" in run.record["notes"]["sentence"]
    assert tagged(second) == tagged(first)
    assert (second.folder / "custom.css").read_text() == "body { color: red }"  # Stash tells it as a setting, and keeps it in this file
    assert (second.folder / "scrapers" / "notes.txt").read_text() == "scraped"
    run2 = scene.restore(second, settings=True, kinds=["settings"])  # those that name what the first run has made
    assert set(run2.record["counts"]) <= {"setting"}
    there, wanted = second.gql(ASKED)["configuration"], first.gql(ASKED)["configuration"]
    assert there["general"].pop("databasePath") == str(second.database)
    wanted["general"].pop("databasePath")
    filters, rows = there["ui"].pop("defaultFilters"), there["ui"].pop("frontPageContent")
    mine, theirs = wanted["ui"].pop("defaultFilters"), wanted["ui"].pop("frontPageContent")
    assert names_of(second, filters["scenes"]["object_filter"]) == names_of(first, mine["scenes"]["object_filter"])
    names = [{int(one["id"]): one["name"] for one in stash.gql(FILTERS)["findSavedFilters"]} for stash in (second, first)]
    assert [names[0].get(one.get("savedFilterId")) for one in rows] == [names[1].get(one.get("savedFilterId")) for one in theirs]
    assert there == wanted
    scene.mutations()
    last = scene.restore(second, **given)
    # Chapters of galleries whose images wait for their files: Stash refuses them until then.
    assert [one for one in scene.mutations() if "galleryChapterCreate" not in one] == [], last.record["notes"]["sentence"]
    for one in (run2, run):
        if one.record["notes"].get("undo"):
            back = scene.back(one, second)
            assert back.record["error"] is None
    after = second.gql(ASKED)["configuration"]
    assert {key: value for key, value in after["ui"].items() if value} == {key: value for key, value in before["ui"].items() if value}
    assert (after["general"], after["interface"], after["defaults"]) == (before["general"], before["interface"], before["defaults"])
    assert not (second.folder / "scrapers" / "notes.txt").exists()
    assert second.gql("{findTags{count}}") == plain


def test_other_sources(libraries: Any, start_stash: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A portable backup, one that was carried away, an encrypted vault by command with its passphrase, and a running Stash: images and all."""
    library = libraries.filled(40, 6, blobs=True)
    stash, target, state = start_stash(library), start_stash(library), State(tmp_path / "state")
    context = Context(state, Connection(stash.url))
    monkeypatch.setenv("SECRET_WORDS", "correct horse battery")
    sealed = replace_passphrase(context, str(tmp_path / "sealed"))
    assert backup({"vault": str(tmp_path / "portable"), "kind": "portable"}, context).result == "ok"
    assert backup({"vault": str(tmp_path / "full")}, context).result == "ok"
    assert carry({"vault": str(tmp_path / "full"), "to": str(tmp_path / "one.stashport.zip")}, context).result == "ok"
    assert backup({"vault": sealed}, Context(state, Connection(stash.url), passphrase=Passphrase("correct horse battery"))).result == "ok"
    for number, source in enumerate((str(tmp_path / "portable") + "#latest", str(tmp_path / "one.stashport.zip"), stash.url)):
        harm(target, number)
        run = restore({"source": source, "strategy": "exact", **WITHOUT}, Context(state, Connection(target.url)))
        assert run.result == "ok", (source, run.record["warnings"])
        assert differing(library.database, target.database, "scenes.updated_at", "performers.updated_at") == {}, source
    harm(target, 7)
    common = ["restore", f"{sealed}#latest", "--into", target.url, "--state", str(state.folder), "--strategy", "exact", "-q", "--yes", "--no-copy", "without a copy"]
    assert main(common) == 88 or main(common) != 0
    assert main([*common, "--passphrase-env", "SECRET_WORDS"]) == 0
    assert differing(library.database, target.database, "scenes.updated_at", "performers.updated_at") == {}


def harm(stash: Any, number: int) -> None:
    """Change a scene, and a performer's picture."""
    gif = "data:image/gif;base64,R0lGODlhAQABAIAAAP8AAAAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw=="
    stash.gql(f'mutation{{sceneUpdate(input:{{id:"{3 + number}",title:"harmed"}}){{id}} performerUpdate(input:{{id:"2",image:{json.dumps(gif)}}}){{id}}}}')


def replace_passphrase(context: Context, place: str) -> str:
    """An encrypted vault."""
    import re

    own = Context(context.state, passphrase=Passphrase("correct horse battery"))
    sheet = vault_setup({"vault": place}, own)["sheet"].replace("<wbr>", "")
    vault_confirm({"vault": place, "last": re.findall("AGE-SECRET-KEY-1[A-Z0-9]+", sheet)[0][-4:]}, own)
    return place
