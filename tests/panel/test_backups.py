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


def test_a_schedule(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """The next five dates are shown before it is saved; who starts it is said, and so is what a timer of the machine would look like."""
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
    page.click("button:text-is('Back up by itself')")
    page.wait_for_selector("strong:text-is('Back up every Wednesday and Sunday at 04:12')")
    page.wait_for_selector(".sp-state:has-text('Next backup')")
    page.wait_for_selector("[role=status]:has-text('A process beside Stash starts what is due')")
    page.wait_for_selector("text=After a restart of the machine: no")
    page.click("button:text-is('A timer of the machine, which needs nobody')")
    for kind, words in (("systemd-user", "OnCalendar"), ("cron", "schedule run-due"), ("docker", "docker exec"), ("windows", "<Task ")):
        page.select_option("#sp-install-kind", kind)
        page.wait_for_selector(f"#sp-install code:has-text('{words}')")
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
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, history.state])")
    written = [file.read_bytes() for folder in (state_of(installed), tmp_path) for file in folder.rglob("*") if file.is_file()]
    for secret in (key, PASSPHRASE):
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
    assert args["config"] == {"kind": "auto", "kinds": ["performers", "tags", "studios"]}
    page.wait_for_selector(f"{ROW} >> text=A part")
    page.wait_for_selector(".sp-state:has-text('No backup yet.')")
    shutil.rmtree(tmp_path)
    page.reload()
    page.wait_for_selector(".sp-warn:has-text('Perhaps a disk or a share is not mounted')")


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
