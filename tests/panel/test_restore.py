"""The page Restore: choose, look at the plan, decide, write, undo. Over a real Stash, and over a pretended back end for what is rare."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from stashport.model.fields import KINDS
from stashport.stash.database import DatabaseReader

from .conftest import HOME, asked, set_scenario, started, unfold

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.stash import RealStash

pytestmark = pytest.mark.real_stash
PAGE = f"{HOME}/restore"
NEVER_THE_SAME = ("created_at", "updated_at")
BACKUP = {
    "id": "0123456789ab", "time": "2026-05-03T04:12:00Z", "instance": "here", "problem": "", "kind": "full", "counts": {"scenes": 300, "tags": 24}, "encrypted": False,
    "pinned": False, "size": 5000, "records": 324, "level": "full", "proven": "2026-05-03T04:12:09Z", "problems": [], "keep": True, "reasons": ["latest"],
}  # fmt: skip
VAULT = {"place": "/backups", "exists": True, "encrypted": False, "key": None, "size": 5000, "backups": [BACKUP], "instances": {"here": "Living room"}}
ROLLBACK = {"backupLocation": "", "rollbackOperations": {"delete": {"tags": 1}, "put back": {"scenes": 2}}, "verificationSteps": ["Counts of all kinds are compared."]}
PLAN = {
    "file": "plan.sqlite", "sha256": "", "totals": {"tags": {"create": 1, "unchanged": 23}, "performers": {"conflict": 2}, "scenes": {"update": 2, "deferred": 41, "skip": 1}},
    "fields": {"scenes": {"details": 2}}, "losses": {"tags.created_at": {"number": 1, "reason": "Stash sets it itself"}}, "conflicts": 2, "waiting": 41, "writes": 3,
    "seconds": 90, "reasons": {"conflict": [], "deferred": [], "skip": [["scene", "it was deleted meanwhile", 1]]}, "rollback": ROLLBACK,
    "hooks": [{"plugin": "Renamer", "name": "on change"}],
}  # fmt: skip
NOTHING: dict[str, Any] = {"source": "", "target": "", "name": "", "tier": "", "reason": "", "record": None, "changes": [], "clashes": [], "candidates": None}


def step(number: int, kind: str, action: str, **more: Any) -> dict[str, Any]:
    """Return a step of a plan as the back end tells it."""
    return {**NOTHING, "number": number, "kind": kind, "action": action, **more}


STEPS = [
    step(1, "tag", "create", source="tag:5", target="tag:-5", name="New tag", record={"id": "tag:-5", "name": "New tag"}),
    step(2, "performer", "conflict", source="performer:7", name="Ann", reason="two of that name", candidates=[[7, 8], [1, 2]]),
    step(3, "performer", "conflict", source="performer:9", target="performer:3", name="Bo", reason="details: both tell it", clashes=[
        {"field": "details", "label": "Details", "part": 0, "mine": "Born in Rome, 1970", "theirs": "Born in Oslo, 1970", "base": None, "reason": "differs"}]),
    step(4, "scene", "update", source="scene:1", target="scene:1", name="Bar",
         changes=[{"field": "details", "label": "Details", "before": None, "after": "It rains", "reason": "was empty"}]),
    *(step(5 + n, "scene", "deferred", source=f"scene:{n + 50}", name=f"D:\\Video\\{n}\\clip.mp4", reason="its file is not here") for n in range(2)),
]  # fmt: skip


def plan_record(**more: Any) -> dict[str, Any]:
    """Return what a task that makes a plan leaves."""
    return {"verb": "restore", "notes": {"plan": PLAN, "target": {"name": "Living room"}}, "source": {"vault": "/backups", "written": "2026-05-03T04:12:00Z"}, **more}


def contents(database: Path) -> dict[str, dict[str, Any]]:
    """Return every record of a library, without the times that Stash sets itself."""
    found = {}
    with DatabaseReader(database) as reader:
        for kind in KINDS:
            if not kind.table:
                continue
            fields = tuple(field for field in reader.fields(kind) if field.name not in NEVER_THE_SAME)
            for batch in reader.batches(kind, fields):
                found.update({record["id"]: record for record in batch.records})
    return found


def make_plan(page: Any) -> None:
    """Press the button and wait for the plan."""
    page.click("button:text-is('Make a plan')")
    page.wait_for_selector("text=Preview. Nothing has been written.")


def conflict(page: Any, name: str) -> Any:
    """Return the card of a record that is to be decided."""
    return page.locator(f".sp-conflict:has-text({json.dumps(name)})")


def test_three_conflicts_decided_written_and_taken_back(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """One is decided field by field, one by the rule for all like it, one by hand against that rule; then undone, and the library is as it was before."""
    scenes = installed.gql('{ findScenes(filter: {per_page: -1, sort: "id"}) { scenes { id title rating100 details } } }')["findScenes"]["scenes"]
    three = [scene for scene in scenes if scene["title"] and scene["rating100"] and scene["title"].isascii()][:3]
    installed.wait_for(installed.task(mode="backup", run="20260503-041200-abcdef", config={"kind": "portable"}))
    for scene in three:
        changed = {"id": scene["id"], "title": f"Named anew {scene['id']}"} | ({"rating100": scene["rating100"] % 100 + 1} if scene is three[0] else {})
        installed.gql("mutation($scene: SceneUpdateInput!) { sceneUpdate(input: $scene) { id } }", {"scene": changed})
    gone = installed.gql('{ findPerformers(filter: {per_page: 1, sort: "id"}) { performers { id name } } }')["findPerformers"]["performers"][0]
    installed.gql("mutation($id: ID!) { performerDestroy(input: {id: $id}) }", {"id": gone["id"]})
    before = contents(installed.database)

    page = open_page(installed.url + HOME + "/backups", allow="Failed to load resource")
    page.click("[aria-label^='Restore the backup of']")
    page.wait_for_selector("#sp-source-backup")
    page.click("label[for=sp-strategy-prompt]")
    make_plan(page)
    assert contents(installed.database) == before
    assert "3" in page.inner_text("h2:has-text('records to decide')")
    first, second, third = (conflict(page, scene["title"]) for scene in three)
    title = first.locator(".sp-clash:has-text('Title')")
    title.locator("button:has-text(\"Take the backup's\")").click()
    title.locator("button:has-text('The same for all like this')").click()
    second.locator("text=By the rule for all like this").wait_for()
    third.locator("button:has-text(\"Keep this library's\")").click()
    rating = first.locator(".sp-clash:has-text('Rating')")
    rating.locator("button:has-text('Another value')").click()
    rating.locator("input").fill("hundred")
    assert rating.locator("button:text-is('Take this value')").is_disabled()
    rating.locator("input").fill("55")
    rating.locator("button:text-is('Take this value')").click()
    page.wait_for_selector("text=3 of 3 decided. Kept.")
    page.reload()
    page.wait_for_selector("text=3 of 3 decided. Kept.")
    args = started(page, lambda: page.click("button:has-text('your 4 decisions')"))
    assert args["mode"] == "apply"
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    page.wait_for_selector("text=Read again: everything that was planned is there.")
    page.wait_for_selector("text=The library as it was before is saved as the backup")
    after = contents(installed.database)
    ids = [f"scene:{scene['id']}" for scene in three]
    assert [after[one]["title"] for one in ids] == [three[0]["title"], three[1]["title"], f"Named anew {three[2]['id']}"]
    assert after[ids[0]]["rating100"] == 55
    assert gone["name"] in [record["name"] for one, record in after.items() if one.startswith("performer:")]

    page.click("button:text-is('Undo this run')")
    question = page.inner_text("[role=group][aria-label='Undo this run?']")
    assert "Deleted again: 1 performer." in question
    page.click("text=Look first what it would do")
    page.wait_for_selector("text=Preview. Nothing has been written.")
    assert contents(installed.database) == after
    while page.locator("[role=status]:has-text('that is all')").count() == 0:
        page.click("button:text-is('Show more'):enabled")
        page.wait_for_selector("[role=status]:has-text('shown')")
    assert page.locator(f".sp-line-gone:has-text({json.dumps(three[0]['title'])})").count() == 1
    page.click("button:has-text('Undo ') >> nth=-1")
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    assert contents(installed.database) == before


def test_only_one_field(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """Ratings alone are planned when nothing else is chosen, and without a copy only for who types so."""
    scene = installed.gql('{ findScenes(filter: {per_page: 1, sort: "rating", direction: DESC}) { scenes { id rating100 } } }')["findScenes"]["scenes"][0]
    installed.wait_for(installed.task(mode="backup", run="20260504-041200-abcdef", config={"kind": "portable"}))
    changed = {"id": scene["id"], "rating100": None, "details": "Written since"}
    installed.gql("mutation($scene: SceneUpdateInput!) { sceneUpdate(input: $scene) { id } }", {"scene": changed})
    before = contents(installed.database)
    page = open_page(installed.url + PAGE, allow="Failed to load resource")
    page.wait_for_selector("text=Opened and counted, today")
    page.click("label[for=sp-what-fields]")
    page.wait_for_selector("#sp-restore-reason:has-text('Choose at least one field')")
    page.fill("#sp-only-fields", "Scenes Rating")
    page.keyboard.press("Enter")
    make_plan(page)
    page.wait_for_selector(".sp-step:has-text('Rating')")
    assert page.locator(".sp-step").count() == 1
    page.click("label[for=sp-safety]")
    write = page.locator("button:has-text('Write 1 change')")
    assert write.is_disabled()
    page.fill("#sp-without", "without a copy")
    write.click()
    page.wait_for_selector(".sp-verdict")
    after = contents(installed.database)
    assert after.pop(f"scene:{scene['id']}") == before.pop(f"scene:{scene['id']}") | {"rating100": scene["rating100"]}
    assert after == before
    page.click(".sp-tabs >> text=Runs")
    page.click("a:text-is('Undo this run') >> nth=0")
    page.wait_for_selector("[role=group][aria-label='Undo this run?']")


def test_what_is_chosen_is_asked_for(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """Each choice of the form stands in the task and in the sentence; nothing is written before a plan was seen; an error is shown, and the choice is kept."""
    error = {"error": "Locked", "message": "Another run is at work here: a restore.", "hint": "Wait for it to end."}
    set_scenario(pretended.plugin_folder, answers={"backups": VAULT}, records={"restore": {"result": "failed", "error": error}})
    page = open_page(pretended.url + PAGE)
    page.wait_for_selector("label:text-is('The newest good backup')")
    page.wait_for_selector("text=300 scenes")
    page.click("label[for=sp-what-some]")
    page.wait_for_selector("#sp-restore-reason:has-text('Tick at least one kind')")
    page.click("label[for=sp-backup-kind-scenes]")
    page.click("text=Only some of these records")
    page.fill("#sp-filter-text", "rain")
    page.fill("#sp-filter-rating-first", "80")
    page.click("label[for=sp-strategy-exact]")
    unfold(page, "More")
    page.click("label[for=sp-restore-method-bulk]")
    page.click("text=Add a path rule")
    page.fill("#sp-path-0-from", "D:\\Video")
    page.wait_for_selector("#sp-restore-reason:has-text('A path rule needs both')")
    page.fill("#sp-path-0-to", "/data/video")
    said = page.inner_text("#sp-restore-words")
    for words in ("Scenes from the backup of May 3, 2026", "with the text “rain”", "rated 80 or more", "make them as in the backup", "with 1 path rule"):
        assert words in said
    args = started(page, lambda: page.click("button:text-is('Make a plan')"))
    assert args["mode"] == "restore"
    assert args["config"] == {
        "source": "/backups#0123456789ab", "method": "bulk", "dryRun": True, "paths": ["D:\\Video=/data/video"], "strategy": "exact", "files": "scan",
        "kinds": ["scenes"], "filters": {"text": "rain", "ratingMin": 80}, "related": "all",
    }  # fmt: skip
    page.wait_for_selector("text=Another run is at work here")
    page.wait_for_selector("text=Wait for it to end.")
    page.click("text=Back to the choice")
    assert page.input_value("#sp-path-0-from") == "D:\\Video"
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))
    page.click("label[for=sp-restore-method-database]")
    page.wait_for_selector("#sp-restore-reason:has-text('The whole database comes with everything')")
    page.click("label[for=sp-what-all]")
    page.click("label[for=sp-from-file]")
    page.fill("#sp-source-file", "/backups/one.stashport")
    args = started(page, lambda: page.click("button:text-is('Make a plan')"))
    assert args["config"] == {"source": "/backups/one.stashport", "method": "database", "dryRun": True, "paths": ["D:\\Video=/data/video"]}


def test_a_locked_vault_is_opened_for_each_run(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """What opens it is asked for before the task, again when it was wrong, and again before writing; the task gets only what it is known by."""
    wrong = {"error": "WrongPassphrase", "message": "The passphrase does not open the vault.", "hint": "Check capitals."}
    locked = {"backups": {**VAULT, "encrypted": True, "key": "4F2C"}}
    set_scenario(pretended.plugin_folder, answers=locked, records={"restore": {"result": "failed", "error": wrong}})
    page = open_page(pretended.url + PAGE)
    page.wait_for_selector("text=300 scenes")

    def unlock(secret: str) -> dict[str, Any]:
        page.fill("#sp-unlock", secret)
        return started(page, lambda: page.click("button:text-is('Go on')"))["config"]

    page.click("button:text-is('Make a plan')")
    first = unlock("not this one")
    assert first["secret"] == "0123456789abcdef"
    page.wait_for_selector("text=Check capitals.")
    set_scenario(pretended.plugin_folder, answers=locked, records={"restore": plan_record(), "apply": {"notes": {"sentence": "Restored."}}}, steps=STEPS)
    assert unlock("this one") == first
    page.wait_for_selector("text=Preview. Nothing has been written.")
    page.click("button:text-is('Write 3 changes')")
    assert unlock("this one")["secret"] == "0123456789abcdef"
    page.wait_for_selector(".sp-sentence:has-text('Restored.')")


def open_plan(pretended: RealStash, open_page: Callable[..., Any], **size: int) -> Any:
    """Return the page of a plan that was made over the pretended back end."""
    set_scenario(pretended.plugin_folder, answers={"backups": VAULT}, records={"restore": plan_record(), "apply": {"notes": {"sentence": "Restored."}}}, steps=STEPS)
    (pretended.plugin_folder / "decisions.json").unlink(missing_ok=True)
    page = open_page(pretended.url + PAGE, **size)
    page.wait_for_selector("text=300 scenes")
    make_plan(page)
    page.wait_for_selector(".sp-step")
    return page


def test_a_plan_says_what_it_would_do(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """Totals choose what the list shows; losses, hooks, what waits and where it was, how it is taken back: all before the button."""
    page = open_plan(pretended, open_page)
    text = page.inner_text(".sp-page")
    for words in ("From the backup of May 3, 2026", "into Living room", "Stash sets it itself", "1 scene left out: it was deleted meanwhile", "Renamer", "41 records without a file here"):
        assert words in text
    page.wait_for_selector("code:text-is('D:\\\\Video')")
    assert page.locator(".sp-step").inner_text().startswith("Tag New tag")
    page.click("[aria-label^='2 scenes: change']")
    page.wait_for_selector(".sp-line-new:has-text('It rains')")
    page.select_option("#sp-list-action", "deferred")
    page.wait_for_selector(".sp-step >> nth=1")
    page.click("text=How it is taken back")
    page.wait_for_selector("text=delete: 1 tag")
    page.click("text=Add a path rule")
    page.wait_for_selector("#sp-path-0-from")
    assert page.input_value("#sp-path-0-from") == "D:\\Video"


def test_decided_with_the_keyboard_alone(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """Who is who, and a text: decided by keys, kept on the server, and sent with the task; what differs is marked."""
    page = open_plan(pretended, open_page)
    page.wait_for_selector(".sp-value mark")
    assert page.locator(".sp-value mark").all_inner_texts() == ["Rome,", "Oslo,"]
    page.focus("text=Next undecided")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == "sp-which-performer-7"
    page.keyboard.press("Space")
    assert page.is_checked("#sp-which-performer-7-1")
    assert page.is_disabled("#sp-which-performer-8-1")
    page.focus("#sp-which-performer-8-new")
    page.keyboard.press("Space")
    page.wait_for_selector(".sp-conflict:has-text('Ann') >> text=Decided")
    page.focus("text=Next undecided")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.wait_for_selector("text=2 of 2 decided. Kept.")
    kept = asked(pretended.plugin_folder, "decisions")[-1]["decisions"]
    assert kept == {
        "pairs": [{"kind": "performer", "source": 7, "target": 1}], "new": [{"kind": "performer", "source": 8}], "leave": [], "like": [],
        "fields": [{"kind": "performer", "source": 9, "field": "details", "part": 0, "take": "source"}],
    }  # fmt: skip
    run = page.url.rsplit("/", 1)[1]
    args = started(page, lambda: page.click("button:text-is('Write 3 changes and your 3 decisions')"))
    assert (args["mode"], args["config"]) == ("apply", {"run": run, "decisions": kept})
    page.wait_for_selector(".sp-sentence:has-text('Restored.')")


def test_a_phone_has_room_for_a_plan(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """No nameless control, no id twice, one heading, and no sideways scrolling at 360 pixels."""
    page = open_plan(pretended, open_page, width=360, height=740)
    for button in ("Which fields change", "How it is taken back"):
        page.click(f"button:has-text('{button}')")
    page.click("button:has-text('Another value')")
    page.click("label[for=sp-safety]")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('.stash-port :is(input, select, textarea, button, a):not([type=hidden])')]
            .filter(e => !e.getAttribute('aria-label') && !(e.labels && [...e.labels].some(l => l.innerText.trim())) && !e.innerText.trim())
            .map(e => e.outerHTML)"""
    )
    assert nameless == []
    assert page.locator("h1").count() == 1
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_run_that_was_cut_off_goes_on(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """It offers to continue and to undo, names what cannot be undone, and says what is to be done about an old plan."""
    notes = {"plan": {**PLAN, "conflicts": 0, "waiting": 0}, "journal": "x", "undo": "possible", "target": {"name": "Living room"}}
    error = {"error": "Ended", "message": "The program ended without saying why", "hint": "Start it again."}
    cut = {"result": "failed", "error": error, "notes": notes, "counts": {"scene": {"in": 2, "updated": 2}}}
    old = {"result": "failed", "error": {"error": "PlanStale", "message": "The plan was made for another library."}, "notes": {"plan_of": "x"}}
    set_scenario(pretended.plugin_folder, answers={"backups": VAULT}, records={"apply": cut, "restore": old, "resume": {"notes": {"undo": "another run followed it"}}})
    for number, mode in enumerate(("apply", "restore")):
        pretended.wait_for(pretended.task(mode=mode, run=f"2026050{number + 1}-000000-abcdef", config={"source": "/backups#1"}))
    page = open_page(f"{pretended.url}{HOME}/runs/20260501-000000-abcdef")
    page.wait_for_selector("button:text-is('Undo this run')")
    args = started(page, lambda: page.click("button:text-is('Continue')"))
    assert (args["mode"], args["config"]) == ("resume", {"run": "20260501-000000-abcdef"})
    page.wait_for_selector("text=It cannot be undone: another run followed it")
    page.goto(f"{pretended.url}{HOME}/runs/20260502-000000-abcdef")
    page.click("text=Make the plan anew")
    page.wait_for_selector("h1:text-is('Restore')")
    assert page.input_value("#sp-source-file") == "/backups#1"
