"""The panel in a real browser against a real Stash: once over the real back end, once over one that pretends (slow, partial, broken)."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.stash import REPOSITORY

from .conftest import HOME, VERSION, export_button, numbers, set_scenario, started, unfold
from .proxy import prefix_proxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.stash import RealStash

pytestmark = pytest.mark.real_stash


# --- over the real back end ---------------------------------------------------------------------------------------------------------------


def test_the_counts_are_those_of_the_library(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """Beside each kind stands what Stash counts, and the button adds them up."""
    page = open_page(installed.url + HOME)
    button = export_button(page)
    kinds = ("tags", "scenes", "images", "galleries", "files", "performers")
    asked = " ".join(f"{kind}: find{kind.capitalize()}(filter: {{per_page: 0}}) {{ count }}" for kind in kinds)
    for kind, answer in installed.gql(f"{{ {asked} }}").items():
        row = page.locator(".sp-kind", has=page.locator(f"#sp-kind-{kind}"))
        assert numbers(row.locator(".sp-count").inner_text()) == answer["count"]
    before = numbers(button.inner_text())
    page.uncheck("#sp-kind-scenes", force=True)
    assert before - numbers(button.inner_text()) == 300


def test_the_export_arrives_as_the_command_line_writes_it(installed: RealStash, open_page: Callable[..., Any], tmp_path: Path) -> None:
    """Panel and command line are two doors to the same job, and the panel says which command it is."""
    page = open_page(installed.url + HOME)
    export_button(page)
    page.click("button[aria-label^='Scenes:']")
    page.click("label[for=sp-field-scenes-details]")
    page.click("label[for=sp-kind-tags]")
    page.click("label[for=sp-related-direct]")
    unfold(page, "More")
    page.click("button:has-text('The same on the command line')")
    command = shlex.split(page.inner_text("#sp-command code"))
    with page.expect_download() as coming:
        export_button(page).click()
    got = tmp_path / "panel.json"
    coming.value.save_as(got)
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    written = tmp_path / "line.json"
    assert command[:2] == ["python3", "stash_port.py"]
    subprocess.run([sys.executable, REPOSITORY / command[1], *command[2:], "--to", written], check=True, capture_output=True)
    assert without_the_moment(got) == without_the_moment(written)
    page.click("text=Details")
    page.wait_for_selector("h2:has-text('Numbers')")
    with page.context.expect_page() as opening:
        page.click("button:has-text('Report')")
    opening.value.wait_for_selector("h1")


def without_the_moment(file: Path) -> Any:
    """Return an export without what tells when and by which run it was written."""
    whole = json.loads(file.read_bytes())
    for key in ("exported", "created", "run", "id", "timestamp", "header"):
        whole.pop(key, None)
    return whole


def test_under_a_path_prefix_and_without_websockets(installed: RealStash, open_page: Callable[..., Any]) -> None:
    """Addresses keep the prefix, and asking replaces the job stream."""
    with prefix_proxy(installed.port) as url:
        page = open_page(url + HOME, allow="(?i)websocket")
        with page.expect_download() as coming:
            export_button(page).click()
        assert Path(coming.value.path()).stat().st_size > 1000
        page.click("text=Details")
        page.wait_for_selector("h2:has-text('Numbers')")
        assert "/stash/plugins/stash-port/runs/" in page.url
        page.reload()
        page.wait_for_selector("h2:has-text('Numbers')")


def test_the_version_in_the_address_is_the_plugins() -> None:
    """The pages are asked for where stash_port.yml puts them."""
    manifest = REPOSITORY / "stash_port.yml"
    if not manifest.exists():
        pytest.skip("stash_port.yml is not there yet")
    text = manifest.read_text(encoding="utf-8")
    assert f"/app/{VERSION}" in text
    assert re.search(rf"^version: *\"?{re.escape(VERSION)}\"? *$", text, re.MULTILINE)


# --- over the pretended one ---------------------------------------------------------------------------------------------------------------


def test_both_ways_in_and_only_one_question(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """The entry in the tools appears once, and opening the panel costs one process."""
    page = open_page(pretended.url + "/settings?tab=tools")
    page.wait_for_selector("a.btn:has-text('Stash Port')")
    assert page.locator("a.btn:has-text('Stash Port')").count() == 1
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data) if "runPluginOperation" in (request.post_data or "") else None)
    page.click("a.stash-port-bar:visible")
    export_button(page)
    page.wait_for_timeout(1500)
    assert len(asked) == 1
    assert '"hello"' in asked[0]
    assert page.url.endswith(HOME + "/export")
    page.click(".sp-tabs >> text=Runs")
    page.wait_for_selector("h1:has-text('Runs')")


def test_a_reload_in_the_middle_finds_the_run_again(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """Nothing is lost by reloading or leaving; the file comes once."""
    set_scenario(pretended.plugin_folder, seconds=6)
    page = open_page(pretended.url + HOME)
    export_button(page).click()
    bar = page.locator("[role=progressbar]")
    page.wait_for_selector("[role=status]:has-text('Step 1 of 2: Reading tags')")
    page.reload()
    bar.wait_for()
    page.wait_for_selector("[role=status]:has-text('Step 2 of 2: Reading scenes')")
    assert " of 15,412" in bar.get_attribute("aria-valuetext")
    page.click(".sp-tabs >> text=Runs")
    page.wait_for_selector("td:has-text('Running')")
    with page.expect_download() as coming:
        page.click(".sp-tabs >> text=Export")
        page.wait_for_selector(".sp-verdict:has-text('Done')")
    assert Path(coming.value.path()).read_bytes() == bytes(range(256)) * 1000
    page.reload()
    export_button(page)


def test_stop_and_the_run_says_so(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """A stopped run is not shown as done."""
    set_scenario(pretended.plugin_folder, seconds=20)
    page = open_page(pretended.url + HOME)
    export_button(page).click()
    page.wait_for_selector("[role=status]:has-text('Step 1')")
    page.click("button:has-text('Stop')")
    page.wait_for_selector(".sp-verdict:has-text('Stopped')")
    assert page.locator(".text-success").count() == 0


LESS = [
    ("partial", "Partly done", "covers of 4 scenes"),
    ("failed", "Failed", "Free some space"),
    ("nothing", "", "without leaving a record"),
]


@pytest.mark.parametrize(("ends", "word", "reason"), LESS)
def test_less_than_all_is_never_green(pretended: RealStash, open_page: Callable[..., Any], ends: str, word: str, reason: str) -> None:
    """What is partly done, failed or unknown never looks like success."""
    set_scenario(pretended.plugin_folder, ends=ends)
    page = open_page(pretended.url + HOME)
    export_button(page).click()
    page.wait_for_selector(f".sp-run:has-text('{reason}')")
    assert word in page.locator(".sp-run").inner_text()
    assert page.locator(".sp-run .text-success, .sp-run.sp-ok").count() == 0
    assert page.locator("[role=alert]").count() == (0 if ends == "partial" else 1)
    page.locator(".sp-run button:has-text('Export again'), .sp-run button:has-text('Back')").click()
    export_button(page)


def test_what_is_sent_is_what_was_chosen(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """The configuration is what the page shows, and the next visit finds the choice again."""
    set_scenario(pretended.plugin_folder)
    page = open_page(pretended.url + HOME)
    export_button(page)
    page.click("button[aria-label^='Scenes:']")
    page.click("label[for=sp-field-scenes-details]")
    page.click("label[for=sp-kind-images]")
    page.click("label[for=sp-related-direct]")
    page.click("label[for=sp-compress-gzip]")
    page.click("label[for=sp-option-indent]")
    page.click("label[for=sp-place-server]")
    page.fill(".sp-server-path input", "/exports/mine.json.gz")
    said = "with what they refer to, without 1 field, as one JSON file, indented, gzip, to /exports/mine.json.gz on the server"
    assert said in page.inner_text(".sp-readback")
    args = started(page, export_button(page).click)
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", args["run"])
    assert args["mode"] == "export"
    assert args["config"] == {
        "format": "json", "kinds": ["tags", "studios", "performers", "groups", "files", "folders", "scenes", "galleries", "settings"],
        "fields": {"scenes": ["name", "rating", "path"]}, "related": "direct", "includeFiles": True, "images": False, "compress": "gzip",
        "formatOptions": {"indent": True}, "download": False, "to": "/exports/mine.json.gz",
    }  # fmt: skip
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    page.click("button:has-text('Export again')")
    export_button(page)
    assert not page.is_checked("#sp-kind-images")


def test_with_the_keyboard_alone(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """From the first tab to the file without a mouse."""
    set_scenario(pretended.plugin_folder)
    page = open_page(pretended.url + HOME)
    export_button(page)
    page.focus(".sp-tabs a")

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        pytest.fail(f"Tab never comes to {selector}")

    tab_to("#sp-kind-images")
    page.keyboard.press("Space")
    assert not page.is_checked("#sp-kind-images")
    tab_to("[aria-controls=sp-fields-settings]")
    page.keyboard.press("Enter")
    tab_to("#sp-field-settings-name")
    tab_to("input[name=sp-format]")
    page.keyboard.press("ArrowDown")
    assert page.is_checked("#sp-format-csv")
    tab_to(".sp-summary button")
    with page.expect_download():
        page.keyboard.press("Enter")
    tab_to(".sp-outputs button")


def test_every_control_has_a_name_and_a_phone_has_room(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """No nameless control, no id twice, one heading, and no sideways scrolling at 360 pixels."""
    set_scenario(pretended.plugin_folder)
    page = open_page(pretended.url + HOME, width=360, height=740)
    export_button(page)
    page.click("button[aria-label^='Scenes:']")
    page.click("label[for=sp-format-template]")
    page.click("label[for=sp-place-url]")
    page.click("label[for=sp-sign]")
    unfold(page, "Presets", "Filters", "Privacy", "Encryption", "More")
    page.click("[aria-controls=sp-privacy-more]")
    page.click("label[for=sp-encrypt-passphrase]")
    page.click("button:has-text('Show three records')")
    page.wait_for_selector(".sp-preview")
    page.wait_for_selector("#sp-saved-scenes")
    page.wait_for_selector("#sp-field-scenes-name")
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
    page.click("label[for=sp-encrypt-none]")
    page.click("label[for=sp-format-json]")
    page.click("label[for=sp-place-server]")
    page.wait_for_selector(".sp-server-path input[aria-label]")
    page.click("label[for=sp-place-browser]")
    with page.expect_download():
        export_button(page).click()
    page.click("text=Details")
    page.wait_for_selector("h2:has-text('Numbers')")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.click("text=All runs")
    page.wait_for_selector("td:has-text('Done')")
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_waiting_behind_another_task_and_taken_back(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """A run that has not begun says what it waits for, and Stop takes it out of the queue."""
    set_scenario(pretended.plugin_folder, seconds=8)
    first = pretended.task(mode="export", run="20200101-000000-abcdef", config={})
    page = open_page(pretended.url + HOME)
    export_button(page).click()
    page.wait_for_selector("[role=status]:has-text('Waiting for another task')")
    page.click("button:has-text('Stop')")
    export_button(page)
    pretended.gql("mutation($id: ID!) { stopJob(job_id: $id) }", {"id": first})
    pretended.wait_for(first)
    (pretended.folder / "pretended/20200101-000000-abcdef.json").unlink()


def test_a_broken_page_leaves_stash_alone(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """An exception in a page of ours, or pages that do not load, say so and end where the panel ends."""
    page = open_page(pretended.url, allow=".")
    page.route("**/app/*/words.js", lambda route: route.fulfill(status=404))
    page.click("a.stash-port-bar:visible")
    page.wait_for_selector("[role=alert]:has-text('could not be loaded')")
    page.unroute("**/app/*/words.js")
    page.route("**/graphql", broken)
    page.reload()
    page.wait_for_selector("[role=alert]:has-text('This page of Stash Port broke')")
    page.unroute("**/graphql")
    page.click(".top-nav a[href$='/tags'] >> visible=true")
    page.wait_for_selector(".tag-card")


def broken(route: Any) -> None:
    """Answer the panel's greeting with nonsense, and let everything else through."""
    if "runPluginOperation" in (route.request.post_data or ""):
        route.fulfill(json={"data": {"runPluginOperation": {"ok": True, "version": VERSION, "kinds": 1, "formats": [], "runs": []}}})
    else:
        route.continue_()
