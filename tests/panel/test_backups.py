"""The page Backups over a real Stash: back up, verify, keep, schedule, lock, and the words for how it stands."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import HOME, VERSION, numbers, started

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.stash import RealStash

pytestmark = pytest.mark.real_stash
PAGE = f"{HOME}/backups"
PASSPHRASE = "correct horse battery"
NEW = "staple of another stable"
ROW = ".sp-backups tbody > tr:not(.sp-under)"


def state_of(stash: RealStash) -> Path:
    """Return the folder where the plugin keeps its state."""
    return stash.folder / "stash-port"


def back_up(page: Any) -> None:
    """Press the button and wait until it is done."""
    page.click(".card button:text-is('Back up now')")
    page.wait_for_selector(".sp-verdict:has-text('Done')")


def again(page: Any) -> None:
    """Back up once more, and close what is said about it."""
    before = page.locator(ROW).count()
    back_up(page)
    page.wait_for_function(f"document.querySelectorAll('{ROW}').length !== {before}")
    page.click("button:text-is('Close')")


def unfold(page: Any, title: str) -> None:
    """Open a section that is folded, and wait until it stands still."""
    page.click(f".sp-folded h2 button[aria-expanded=false]:text-is('{title}')")
    page.wait_for_selector(f".sp-folded:has(h2 button:text-is('{title}')) > .collapse.show")


def test_the_first_backup_and_its_proof(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """The first page says that there is none; the list then counts as Stash does, and verify and trial restore are kept with their day."""
    page = open_page(installed.url + HOME)
    page.click(".sp-state:has-text('No backup yet.') >> text=Make one now")
    page.wait_for_selector("h1:has-text('Backups')")
    page.click("label[for=sp-backup-what-upgrade]")
    args = started(page, lambda: page.click(".card button:text-is('Back up now')"))
    assert (args["mode"], args["config"]["note"]) == ("backup", "before upgrading Stash")
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    page.wait_for_selector(".sp-state-good:has-text('Last proven backup: today'):has-text('300 scenes')")
    row = page.locator(ROW)
    assert "before upgrading Stash" in row.inner_text()
    assert "Opened and counted, today" in row.inner_text()
    row.locator("button:has-text('records')").click()
    told = page.inner_text(".sp-under")
    for kind in ("scenes", "performers", "tags", "galleries"):
        (answer,) = installed.gql(f"{{ find{kind.capitalize()}(filter: {{per_page: 0}}) {{ count }} }}").values()
        assert numbers(told.split(f"{kind.capitalize()}:")[1]) == answer["count"]
    for level, words in (("Quick", "Opened and counted"), ("Trial restore", "Restored on trial and counted")):
        page.click(f"{ROW} .dropdown-toggle")
        page.click(f".dropdown-menu.show button:has-text('{level}')")
        page.wait_for_selector(".sp-sentence:has-text('1 good')")
        page.wait_for_selector(f"{ROW} >> text={words}, today")
        page.click("button:text-is('Close')")
    with page.expect_download() as coming:
        page.click("[aria-label^='Download as one file']")
    assert Path(coming.value.path()).read_bytes()[:4] == b"PK\x03\x04"
    page.click(".sp-tabs >> text=Export")
    page.wait_for_selector(".sp-state-good:has-text('Last proven backup: today')")


def test_what_is_kept(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """The preview says what goes before anything is saved, the marks say it afterwards, and the next good backup does exactly that."""
    page = open_page(installed.url + PAGE)
    page.wait_for_selector("h2:text-is('Backups')")
    while page.locator(ROW).count() < 3:
        again(page)
    unfold(page, "What is kept")
    assert [page.input_value(f"#sp-keep{name}") for name in ("Daily", "Weekly", "Monthly")] == ["7", "4", "12"]
    for name in ("Daily", "Weekly", "Monthly"):
        page.fill(f"#sp-keep{name}", "")
    page.fill("#sp-keepLast", "many")
    page.wait_for_selector(".sp-problem:has-text('keepLast')")
    assert page.is_disabled("button:text-is('Keep these')")
    page.fill("#sp-keepLast", "1")
    page.wait_for_selector("[role=status]:has-text('Deletes 2 of 3 backups after the next good one')")
    assert len(page.locator(ROW).all()) == 3
    assert "Due to go" not in page.inner_text(".sp-backups")
    page.click("button:text-is('Keep these')")
    page.wait_for_selector(f"{ROW}:nth-child(3) >> text=Due to go")
    assert json.loads((state_of(installed) / "backup.json").read_text("utf-8"))["keep"] == {"keepLast": "1"}
    assert "2 due to go" in page.get_attribute(".sp-chart > svg[role=img]", "aria-label")
    page.click("button:text-is('Show as a table')")
    assert page.locator("#sp-chart-table tbody tr").count() == 3
    page.click("[aria-label^='Pin'] >> nth=2")
    page.wait_for_selector(f"{ROW}:nth-child(3) >> text=pinned")
    back_up(page)
    page.wait_for_selector(".sp-sentence:has-text('2 older ones were deleted')")
    page.wait_for_function(f"document.querySelectorAll('{ROW}').length === 2")


def test_deleting_takes_two_steps(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """What goes is named; the only proven backup goes only for who types its id."""
    page = open_page(installed.url + PAGE)
    page.wait_for_selector("h2:text-is('Backups')")
    while page.locator(ROW).count() < 2:
        again(page)
    while (left := page.locator(ROW).count()) > 1:
        page.click("[aria-label^='Delete…'] >> nth=1")
        assert "300 scenes" in page.inner_text("[role=group][aria-label^='Delete the backup of']")
        page.click("button:has-text('Delete the backup of')")
        page.wait_for_function(f"document.querySelectorAll('{ROW}').length === {left - 1}")
    page.click("[aria-label^='Delete…']")
    page.wait_for_selector("text=It is the only proven backup")
    delete = page.locator("button:has-text('Delete the backup of')")
    assert delete.is_disabled()
    page.fill("[id^=sp-sure-]", page.inner_text(".sp-under label code"))
    delete.click()
    page.wait_for_selector("text=Nothing is in the vault yet.")


def test_one_whose_card_is_damaged(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """It is said that its file may still be whole; it goes, file and all, only for who types its id."""
    page = open_page(installed.url + PAGE)
    page.wait_for_selector("h2:text-is('Backups')")
    again(page)
    (card,) = (file for file in state_of(installed).glob("vault/*/backups/*.json") if not file.name.endswith(".proof.json"))
    card.write_text("{}", "utf-8")
    page.reload()
    page.click("[aria-label^='Delete…']")
    assert "The file itself may still be whole" in page.inner_text("[role=group][aria-label^='Delete the backup of']")
    delete = page.locator("button:has-text('Delete the backup of')")
    page.fill("[id^=sp-sure-]", card.stem[-12:-1])
    assert delete.is_disabled()
    page.fill("[id^=sp-sure-]", card.stem[-12:])
    delete.click()
    page.wait_for_selector("text=Nothing is in the vault yet.")
    assert not list(card.parent.glob("*"))


def set_up_a_timer(page: Any, units: Path) -> None:
    """Write systemd's files from the page, and take them away again; whether systemd answers here is told either way."""
    page.select_option("#sp-install-kind", "systemd-user")
    page.wait_for_selector("#sp-install code:has-text('OnCalendar')")
    assert not units.exists()
    page.click("button:text-is('Set it up')")
    told = page.locator("#sp-install [role=status]:has-text('Written: ')")
    told.wait_for()
    files = sorted(units.glob("stash-port-*"))
    assert [file.suffix for file in files] == [".service", ".timer"]
    assert all(str(file) in told.inner_text() for file in files)
    assert "systemctl --user enable --now" in told.inner_text()
    shown = page.locator("#sp-install code").all_inner_texts()
    assert [file.read_text("utf-8").strip() for file in files] == [text.strip() for text in shown[:2]]
    page.click("button:text-is('Take it away again')")
    page.wait_for_selector("#sp-install [role=status]:has-text('Changed or removed: ')")
    assert not list(units.glob("stash-port-*"))


def test_who_is_told(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """Notices and the longest wait of an entry are kept as they were set, come back for a change, and only their hosts are listed."""
    page = open_page(installed.url + PAGE)
    unfold(page, "Schedule")
    save = "button:text-is('Back up by itself')"
    page.wait_for_selector(f"{save}:enabled")
    page.click("button:text-is('Being told, and waiting')")
    for number, kind in enumerate(("webhook", "ntfy", "deadman")):
        page.click("#sp-when-more button:has-text('notice') >> nth=-1")
        page.select_option(f"#sp-notice-{number}-kind", kind)
    assert page.is_disabled(save)
    page.wait_for_selector("text=The address of a notice begins with https://")
    for number, url in enumerate(("https://hooks.example/T0P", "https://ntfy.example/topic", "http://ping.example/one")):
        page.fill(f"#sp-notice-{number}-url", url)
    for event in ("failed", "partial", "overdue"):
        page.click(f"label[for=sp-notice-1-{event}]")
    assert page.is_disabled(save)
    page.click("label[for=sp-notice-1-ok]")
    page.click("label[for=sp-notice-2-fail]")
    page.fill("#sp-when-wait", "10081")
    assert page.is_disabled(save)
    page.fill("#sp-when-wait", "5")
    page.click(save)
    page.wait_for_selector("text=Tells hooks.example, ntfy.example and ping.example.")
    assert "T0P" not in page.inner_text(".sp-page")
    (kept,) = json.loads((state_of(installed) / "timetable.json").read_text("utf-8"))["plans"]
    assert kept["max_wait"] == 5
    assert kept["notices"] == [
        {"kind": "webhook", "url": "https://hooks.example/T0P", "on": ["failed", "partial", "overdue"]},
        {"kind": "ntfy", "url": "https://ntfy.example/topic", "on": ["ok"]},
        {"kind": "deadman", "url": "http://ping.example/one", "fail": True},
    ]
    page.click("label[for^=sp-entry-]")
    page.click("button[aria-label^='Change Back up']")
    assert page.input_value("#sp-when-wait") == "5"
    page.click("[aria-label='Remove notice 1']")
    page.click("button:text-is('Save')")
    page.wait_for_selector("text=Tells ntfy.example and ping.example.")
    page.wait_for_selector(".sp-preset:has-text('Off.')")
    page.click("button[aria-label^='Remove Back up']")
    page.click("button:text-is('Remove')")
    page.wait_for_selector(save)


def test_a_schedule(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """The next five dates are shown before it is saved; who starts it is said; and a timer of the machine is shown, set up and taken away."""
    page = open_page(installed.url + PAGE)
    unfold(page, "Schedule")
    page.wait_for_selector(".sp-dates li")
    page.select_option("#sp-when-every", "cron")
    page.fill("#sp-when-cron", "61 * * * *")
    page.wait_for_selector(".sp-problem[role=alert]")
    page.select_option("#sp-when-every", "week")
    page.click("label[for=sp-when-wednesday]")
    page.fill("#sp-when-at", "04:12")
    page.wait_for_selector("text=Every Wednesday and Sunday at 04:12")
    times = page.locator(".sp-dates time").evaluate_all("all => all.map(one => one.getAttribute('datetime'))")
    assert len(times) == 5
    assert all("T04:12:00" in time for time in times)
    with page.expect_response(lambda one: '"action":"add"' in (one.request.post_data or "")) as added:
        page.click("button:text-is('Back up by itself')")
    answer = added.value.json()["data"]["runPluginOperation"]
    assert answer["resident"]["running"] is True
    assert not [remark for remark in answer["remarks"] if "Nothing starts" in remark]
    page.wait_for_selector("strong:text-is('Back up every Wednesday and Sunday at 04:12')")
    page.wait_for_selector(".sp-state:has-text('Next backup')")
    page.wait_for_selector("[role=status]:has-text('A process beside Stash starts what is due')")
    page.wait_for_selector("text=After a restart of the machine: no")
    page.click("button:text-is('A timer of the machine, which needs nobody')")
    for kind, words in (("systemd-user", "OnCalendar"), ("cron", "schedule run-due"), ("docker", "docker exec"), ("windows", "<Task ")):
        page.select_option("#sp-install-kind", kind)
        page.wait_for_selector(f"#sp-install code:has-text('{words}')")
        assert page.locator("#sp-install button:text-is('Set it up')").count() == (kind in ("systemd-user", "cron"))
    set_up_a_timer(page, installed.folder / ".config/systemd/user")
    page.click("button[aria-label^='Change Back up']")
    page.click("label[for=sp-when-sunday]")
    page.wait_for_selector("text=Every Wednesday at 04:12, by the clock")
    page.click("button:text-is('Save')")
    page.wait_for_selector("strong:text-is('Back up every Wednesday at 04:12')")
    page.click("label[for^=sp-entry-]")
    page.wait_for_selector(".sp-folded:has-text('None: nothing is backed up by itself')")
    page.click("button[aria-label^='Remove Back up']")
    page.click("button:text-is('Remove')")
    page.wait_for_selector("button:text-is('Back up by itself')")


def lock_anew(page: Any, key: str) -> None:
    """Give the vault another passphrase: the old one opens it no longer, and the sheet that is printed with the new one is that of the same key."""
    page.click("button:text-is('Another passphrase, or other keys')")
    for secret in (NEW, PASSPHRASE):  # At first the wrong one.
        page.fill("#sp-rekey-secret", secret)
        page.fill("#sp-rekey-passphrase", NEW)
        page.fill("#sp-rekey-passphrase-again", NEW)
        page.click("button:text-is('Change it')")
        page.wait_for_selector("#sp-rekey .sp-problem" if secret == NEW else "[role=status]:has-text('from now on the new passphrase opens the vault')")
    page.fill("#sp-key-test", PASSPHRASE)
    page.click("button:text-is('Test it')")
    page.wait_for_selector("form:has(#sp-key-test) .sp-problem")
    page.fill("#sp-key-test", NEW)
    page.click("button:text-is('Test it')")
    page.wait_for_selector("[role=status]:has-text('It opens the vault.')")
    with page.expect_download() as coming:
        page.click("button:text-is('Download it')")
    assert key in Path(coming.value.path()).read_text("utf-8").replace("<wbr>", "")
    page.click("button:text-is('Put it away')")


def test_an_encrypted_vault(installed: RealStash, open_page: Callable[..., Any], tmp_path: Path) -> None:
    """Its sheet is shown once and tested before anything is backed up; no secret is in a task, in a run's record or in the browser."""
    page = open_page(installed.url + PAGE)
    unfold(page, "Encryption")
    page.fill("#sp-key-place", str(tmp_path / "vault"))
    page.fill("#sp-key-passphrase", PASSPHRASE)
    page.fill("#sp-key-passphrase-again", PASSPHRASE)
    page.click("button:text-is('Make the key')")
    page.wait_for_selector("h3:has-text('Two steps are left')")
    assert page.is_disabled("#sp-key-last")
    with page.expect_download() as coming:
        page.click("button:text-is('Download it')")
    sheet = Path(coming.value.path()).read_text("utf-8")
    key = re.search(r'class="secret">(.*?)</p>', sheet)[1].replace("<wbr>", "")  # type: ignore[index]
    page.fill("#sp-key-secret", PASSPHRASE)
    page.fill("#sp-key-last", "0000")
    page.click("button:text-is('Confirm')")
    page.wait_for_selector(".sp-problem:has-text('not the last four characters')")
    page.fill("#sp-key-last", key[-4:].lower())
    page.click("button:text-is('Confirm')")
    page.wait_for_selector("[role=status]:has-text('This key opens the vault')")
    back_up(page)
    page.wait_for_selector(f"{ROW} >> text=Opened, decrypted and counted, today")
    page.click(f"{ROW} .dropdown-toggle")
    page.click(".dropdown-menu.show button:has-text('Full')")
    page.fill("#sp-unlock", "wrong")
    page.click("button:text-is('Go on')")
    page.wait_for_selector(".sp-verdict:has-text('Failed')")
    page.click("button:text-is('Close')")
    page.click(f"{ROW} .dropdown-toggle")
    page.click(".dropdown-menu.show button:has-text('Full')")
    page.fill("#sp-unlock", key)
    config = started(page, lambda: page.click("button:text-is('Go on')"))["config"]
    page.wait_for_selector(".sp-sentence:has-text('1 good')")
    assert re.fullmatch("[0-9a-f]{32}", config["secret"])
    lock_anew(page, key)
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, history.state])")
    written = [file.read_bytes() for folder in (state_of(installed), tmp_path) for file in folder.rglob("*") if file.is_file()]
    for secret in (key, PASSPHRASE, NEW):
        assert secret not in kept
        assert not [data for data in written if secret.encode() in data]
        assert secret not in installed.log()


def test_the_place(installed: RealStash, open_page: Callable[..., Any], tmp_path: Path) -> None:
    """What is in a place is said before it is used; a vault that was known there and is gone is not taken for a new one."""
    page = open_page(installed.url + PAGE)
    unfold(page, "Place")
    page.click("label[for=sp-vault-folder]")
    page.fill("[aria-label='Folder of the vault']", "")
    assert page.is_disabled("button:text-is('Look what is there')")
    page.fill("[aria-label='Folder of the vault']", str(tmp_path))
    page.click("button:text-is('Look what is there')")
    page.wait_for_selector("[role=status]:has-text('There is no vault yet: the first backup makes one.')")
    page.click("button:text-is('Use this place')")
    page.wait_for_selector(f".sp-folded:has(h2:has-text('Place')) .sp-section-head:has-text('{tmp_path}')")
    page.wait_for_selector("text=There is no vault yet: the first backup makes it.")
    page.click("label[for=sp-backup-what-part]")
    page.click("label[for=sp-backup-kind-scenes]")
    args = started(page, lambda: page.click(".card button:text-is('Back up now')"))
    assert args["config"] == {"kind": "auto", "kinds": ["tags", "studios", "performers"]}
    page.wait_for_selector(f"{ROW} >> text=A part")
    page.wait_for_selector(".sp-state:has-text('No backup yet.')")
    shutil.rmtree(tmp_path)
    page.reload()
    page.wait_for_selector(".sp-warn:has-text('Perhaps a disk or a share is not mounted')")


def test_a_part_by_filters(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """A saved filter and a studio choose as they do on the export page: the numbers, the task and the backup agree with Stash's own."""
    rated = {"rating100": {"modifier": "GREATER_THAN", "value": 40}, "studios": {"modifier": "INCLUDES", "value": ["2"], "depth": -1}}
    question = "query($f: SceneFilterType) { findScenes(scene_filter: $f) { count } findStudio(id: 2) { name } }"
    told = installed.gql(question, {"f": rated})
    matching, studio = told["findScenes"]["count"], told["findStudio"]["name"]
    assert 0 < matching < 300
    given = {"mode": "SCENES", "name": "Well rated", "find_filter": {}, "ui_options": {}}
    given["object_filter"] = {"rating100": {"modifier": "GREATER_THAN", "value": {"value": 40}}}
    installed.gql("mutation($input: SaveFilterInput!) { saveFilter(input: $input) { id } }", {"input": given})
    (state_of(installed) / "backup.json").unlink(missing_ok=True)  # Back to the usual place.
    page = open_page(installed.url + PAGE)
    page.click("label[for=sp-backup-what-part]")
    for kind in ("performers", "tags", "studios"):
        page.click(f"label[for=sp-backup-kind-{kind}]")
    page.wait_for_selector("label[for=sp-backup-kind-scenes]:has-text('(300)')")
    page.click("button:text-is('Only some of these records')")
    page.select_option("#sp-saved-scenes", "Well rated")
    page.click("#sp-filter-studios")
    page.keyboard.type(studio)
    page.locator(f".react-select__option:has-text({json.dumps(studio)})").first.click()
    page.wait_for_selector(f"label[for=sp-backup-kind-scenes]:has-text('({matching})')")
    page.click("label[for=sp-related-direct]")
    words = page.inner_text("#sp-backup-words")
    for part in ("scenes, only those in the saved filter “Well rated” and of the studio", studio, "with what they refer to", f"({matching} records chosen)"):
        assert part in words
    args = started(page, lambda: page.click(".card button:text-is('Back up now')"))
    assert args["config"] == {
        "kind": "auto", "kinds": ["scenes"], "related": "direct",
        "filters": {"studios": ["studio:2"], "subStudios": True, "filter": {"scenes": {"rating100": {"modifier": "GREATER_THAN", "value": 40}}}},
    }
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    page.locator(f"{ROW}:has-text('A part') button:has-text('record')").first.click()
    assert numbers(page.inner_text(".sp-under").split("Scenes:")[1]) == matching
    assert "Performers:" in page.inner_text(".sp-under")


def test_the_words_for_how_it_stands(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """Red when the last one failed or it is overdue, with the last good one beside it; and nothing is wider than a phone."""
    latest = state_of(installed) / "latest-backup.json"
    latest.parent.mkdir(exist_ok=True)
    told = {"id": "a1b2c3d4e5f6", "time": "2026-05-03T04:12:00Z", "level": "full", "vault": "/v", "kind": "full", "records": 12480}
    failed = {"time": "2026-05-04T04:12:00Z", "reason": "The disk that holds /v is full.", "run": None}
    latest.write_text(json.dumps({"proven": told, "failed": failed}), "utf-8")
    page = open_page(installed.url + HOME, width=360, height=740)
    page.wait_for_selector(".sp-state-bad:has-text('The last backup failed'):has-text('The disk that holds /v is full.'):has-text('12,480 records')")
    page.click(".sp-state >> text=Back up now")
    page.wait_for_selector("h1:has-text('Backups')")
    for title in ("Schedule", "What is kept", "Place", "Encryption"):
        unfold(page, title)
    page.wait_for_selector(".sp-dates li")
    page.click("button:text-is('Being told, and waiting')")
    page.click("button:text-is('Add a notice')")
    page.click("button:text-is('A timer of the machine, which needs nobody')")
    page.wait_for_selector("#sp-install code")
    page.click("label[for=sp-backup-what-part]")
    page.click("button:text-is('Only some of these records')")
    page.wait_for_selector("#sp-filter-text")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    module = f"plugin/stash_port/assets/app/{VERSION}/backups_words.js"
    say = f"([news, now]) => import(new URL('{module}', document.baseURI).href).then(words => words.backupState(news, null, Date.parse(now)))"
    starter = {"starts": True}
    glance = {"overdue": [{"id": "1", "name": "Nightly", "seconds": 200000}], "next": None, "due": False, "scheduled": 1, "starter": starter}
    late = page.evaluate(say, [{"habits": {}, "proven": told, "schedule": glance}, "2026-05-06T12:00:00Z"])
    assert late["level"] == "bad"
    assert late["text"].startswith("Overdue. Last proven backup: ")
    assert "Nightly should have run since." in late["more"]
    good = page.evaluate(say, [{"habits": {}, "proven": told, "schedule": {**glance, "overdue": []}}, "2026-05-04T12:00:00Z"])
    assert (good["level"], "yesterday, " in good["text"]) == ("good", True)
    assert page.evaluate(say, [{"habits": {}}, "2026-05-04T12:00:00Z"])["level"] == "none"
