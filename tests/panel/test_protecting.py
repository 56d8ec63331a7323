"""What leaves, locked how, and to where: privacy with its preview, encryption, an address, the clipboard, parts, templates."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support.stash import REPOSITORY

from .conftest import HOME, asked, export_button, set_scenario, started, unfold
from .test_choosing import WELL_RATED, only, pick, save_filter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.stash import RealStash

pytestmark = pytest.mark.real_stash
RECIPIENT = "age1" + "qpzry9x8gf2tvdw0s3jn54khce6mua7l" + "qpzry9x8gf2tvdw0s3jn54khce"


def test_privacy_and_its_preview(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """Three records as they would leave; what is removed is said in a word, and an old preview says that it is old."""
    set_scenario(pretended.plugin_folder)
    page = open_page(pretended.url + HOME)
    export_button(page)
    only(page, "performers")
    unfold(page, "Privacy")
    page.click("button:has-text('Show three records')")
    page.wait_for_selector(".sp-preview caption:has-text('Performer: leaves as it is')")
    page.click("label[for=sp-profile-anonymous]")
    page.wait_for_selector("[role=status]:has-text('You have changed something since')")
    page.click("[aria-controls=sp-privacy-more]")
    for switch, on in (("personal", True), ("anonymize", True), ("keep-paths", False), ("keep-identifying", False)):
        assert page.is_checked(f"#sp-{switch}") is on
        assert page.is_disabled(f"#sp-{switch}") is (switch != "anonymize")
    pick(page, "sp-exclude", "Details")
    page.click("button:has-text('Show again')")
    page.wait_for_selector("[role=status]:has-text('Nothing has been written')")
    assert page.locator(".sp-preview").count() == 3
    table = page.locator(".sp-preview").first
    assert table.locator("caption").inner_text() == "Performer: 3 fields removed, 1 changed"
    rows = {row[0]: row[1:] for row in table.locator("tbody tr").evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))")}
    assert rows["Path"] == ["/home/jane/videos/one.mp4", "removed"]
    assert rows["Tags"] == ["tag:3", "the same"]
    assert rows["Name"][0] == "Jane Doe"
    assert rows["Name"][1].split() == ["changed:", "Performer", "1"]
    assert "anonymous, without the field details" in page.inner_text(".sp-readback")
    config = asked(pretended.plugin_folder, "preview")[-1]
    assert config["limit"] == 3
    assert config["config"]["privacy"] == {"profile": "anonymous", "excludeFields": ["details"]}
    assert started(page, export_button(page).click)["config"]["privacy"] == config["config"]["privacy"]
    page.wait_for_selector(".sp-verdict:has-text('Done')")


def test_the_fine_switches(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """Each is sent where it has an effect and said in the sentence; a kind that privacy keeps here is not counted."""
    set_scenario(pretended.plugin_folder, matches=7)
    page = open_page(pretended.url + HOME)
    export_button(page)
    unfold(page, "Privacy")
    page.click("[aria-controls=sp-privacy-more]")
    page.click("label[for=sp-personal]")
    page.wait_for_selector(".sp-summary button:text-is('Export 63 records')")
    page.wait_for_selector(".sp-kind:has(#sp-kind-settings):has-text('stays here')")
    assert "without what is personal and paths, as one" in page.inner_text(".sp-readback")
    page.click("label[for=sp-keep-paths]")
    assert "without what is personal (but with paths), as one" in page.inner_text(".sp-readback")
    config = started(page, export_button(page).click)["config"]
    assert config["privacy"] == {"profile": "full", "excludePersonalData": True, "keepPaths": True}
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    page.click("button:has-text('Export again')")
    page.click("label[for=sp-profile-share]")
    page.click("label[for=sp-images]")
    assert "with images" not in page.inner_text(".sp-readback")
    page.click("label[for=sp-keep-identifying]")
    assert "safe to share (but with paths and what identifies), as one JSON file with images, in one zip" in page.inner_text(".sp-readback")
    config = started(page, export_button(page).click)["config"]
    assert config["privacy"] == {"profile": "share", "keepPaths": True, "keepIdentifying": True}
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    page.click("button:has-text('Export again')")
    page.click("label[for=sp-anonymize]")
    assert page.is_checked("#sp-profile-anonymous")
    assert started(page, export_button(page).click)["config"]["privacy"] == "anonymous"
    page.wait_for_selector(".sp-verdict:has-text('Done')")


def test_a_passphrase_is_typed_twice_and_kept_nowhere(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """It goes through one operation and nowhere else: not into the task, not into what the browser keeps."""
    set_scenario(pretended.plugin_folder)
    page = open_page(pretended.url + HOME)
    button = export_button(page)
    unfold(page, "Encryption")
    page.click("label[for=sp-encrypt-passphrase]")
    for first, second, reason in (
        ("", "", "Type a passphrase"), ("   ", "   ", "Type a passphrase"), ("Tr0ub4dor", "", "a second time"), ("Tr0ub4dor", "Tr0ub4dors", "differ"),
    ):  # fmt: skip
        page.fill("#sp-passphrase", first)
        page.fill("#sp-passphrase-again", second)
        page.wait_for_selector(f"#sp-reason:has-text('{reason}')")
        assert button.is_disabled()
    page.fill("#sp-passphrase-again", "Tr0ub4dor")
    page.wait_for_selector("#sp-passphrase-state:has-text('The two are the same')")
    assert page.get_attribute("#sp-passphrase", "type") == "password"
    page.click("button:has-text('Show it')")
    assert page.get_attribute("#sp-passphrase", "type") == "text"
    assert "encrypted with a passphrase" in page.inner_text(".sp-readback")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data) if "Tr0ub4dor" in (request.post_data or "") else None)
    config = started(page, button.click)["config"]
    assert config["encrypt"] == {"secret": "0123456789abcdef"}
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    assert [json.loads(body)["variables"]["args"] for body in sent] == [{"mode": "secret", "value": "Tr0ub4dor"}]
    assert "Tr0ub4dor" not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, history.state])")
    page.click("button:has-text('Export again')")
    page.wait_for_selector("#sp-reason:has-text('Type a passphrase')")
    page.reload()
    page.wait_for_selector("#sp-reason:has-text('Type a passphrase')")


def test_recipients_and_7z(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """Recipients are looked at before anything starts; 7z says what its own lock is worth, and leaving 7z never leaves the file open."""
    page = open_page(pretended.url + HOME)
    export_button(page)
    unfold(page, "Encryption")
    page.click("label[for=sp-encrypt-recipients]")
    page.wait_for_selector("#sp-reason:has-text('Name at least one recipient')")
    page.fill("#sp-recipients", f"{RECIPIENT}\nage1nonsense")
    page.wait_for_selector("#sp-reason:has-text('This is no age recipient: age1nonsense')")
    page.fill("#sp-recipients", f"{RECIPIENT}\n\n{RECIPIENT}\n")
    page.wait_for_selector("#sp-reason", state="detached")
    assert "encrypted for 2 recipients" in page.inner_text(".sp-readback")
    config = started(page, export_button(page).click)["config"]
    assert config["encrypt"] == {"recipients": [RECIPIENT, RECIPIENT]}
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    page.click("button:has-text('Export again')")

    page.click("label[for=sp-compress-7z]")
    page.wait_for_selector("#sp-reason:has-text('A 7z archive takes a passphrase only')")
    assert "encryption is not authenticated" in page.inner_text("#sp-compress-7z-help")
    page.click("label[for=sp-encrypt-7z]")
    page.fill("#sp-passphrase", "horse")
    page.fill("#sp-passphrase-again", "horse")
    config = started(page, export_button(page).click)["config"]
    assert (config["compress"], config["encrypt7z"], config.get("encrypt")) == ("7z", {"secret": "0123456789abcdef"}, None)
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    page.click("button:has-text('Export again')")
    page.click("label[for=sp-compress-gzip]")
    assert page.is_checked("#sp-encrypt-passphrase")
    page.click("label[for=sp-compress-7z]")
    assert page.is_checked("#sp-encrypt-7z")


def test_to_an_address_signed_and_in_parts(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """An address is looked at first; the signing secret goes the way of all secrets; what was sent elsewhere has no download button."""
    page = open_page(pretended.url + HOME)
    export_button(page)
    page.click("label[for=sp-place-url]")
    for address, reason in (
        ("", "Write the address"), ("nas/in", "not complete"), ("ftp://nas/in", "begins with https"), ("https://me:pw@nas/in", "Stash's log"),
    ):  # fmt: skip
        page.fill("#sp-url", address)
        page.wait_for_selector(f'#sp-reason:has-text("{reason}")')
    page.fill("#sp-url", "https://nas.example/in/export.json")
    page.select_option("#sp-method", "POST")
    page.click("label[for=sp-sign]")
    page.wait_for_selector("#sp-reason:has-text('secret for the signature')")
    page.fill("#sp-signature", "shared")
    unfold(page, "More")
    page.fill("#sp-chunk", "none")
    page.wait_for_selector("#sp-reason:has-text('whole number')")
    page.fill("#sp-chunk", "5000")
    page.fill("#sp-max-size", "25")
    said = "JSON files of at most 5,000 records and at most 25 MB, in one zip, sent by POST to https://nas.example/in/export.json, signed."
    assert said in page.inner_text(".sp-readback")
    page.click("button:has-text('The same on the command line')")
    assert page.inner_text("#sp-command code >> nth=0").endswith(" --config export.json")
    assert json.loads(page.inner_text("#sp-command code >> nth=1"))["url"] == {"url": "https://nas.example/in/export.json", "method": "POST"}
    config = started(page, export_button(page).click)["config"]
    assert config["url"] == {"url": "https://nas.example/in/export.json", "method": "POST", "secret": "0123456789abcdef"}
    assert (config["chunkSize"], config["maxFileSize"], config["download"], config.get("to")) == (5000, "25MB", False, None)
    assert asked(pretended.plugin_folder, "secret")[-1]["value"] == "shared"
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    assert page.locator(".sp-outputs, button:has-text('Download')").count() == 0


def test_to_the_clipboard(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """A small text lands there by itself; a large one does not, and says why; several files and locked ones cannot."""
    set_scenario(pretended.plugin_folder, text='{"title": "smörgåsbord ☕"}')
    page = open_page(pretended.url + HOME, permissions=("clipboard-read", "clipboard-write"))
    export_button(page)
    page.click("label[for=sp-compress-gzip]")
    page.click("label[for=sp-place-clipboard]")
    assert page.is_checked("#sp-compress-none")
    unfold(page, "Encryption")
    page.click("label[for=sp-encrypt-recipients]")
    page.fill("#sp-recipients", RECIPIENT)
    page.wait_for_selector("#sp-reason:has-text('An encrypted file is no text')")
    page.click("label[for=sp-encrypt-none]")
    page.click("label[for=sp-format-csv]")
    page.wait_for_selector("#sp-reason:has-text('The clipboard takes one file')")
    page.click("label[for=sp-format-json]")
    config = started(page, export_button(page).click)["config"]
    assert (config["download"], config["compress"]) == (True, "none")
    page.wait_for_selector("[role=status]:has-text('It is in your clipboard')")
    assert page.evaluate("navigator.clipboard.readText()") == '{"title": "smörgåsbord ☕"}'
    page.click("button:has-text('Export again')")
    set_scenario(pretended.plugin_folder, text="0123456789", times=500_001)
    export_button(page).click()
    page.wait_for_selector("[role=alert]:has-text('too large for the clipboard: 5 MB, and 5 MB')")
    assert page.evaluate("navigator.clipboard.readText()") == '{"title": "smörgåsbord ☕"}'
    set_scenario(pretended.plugin_folder)


def test_a_preset_remembers_the_clipboard(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """A preset that was saved with the clipboard as its place brings it back, not a download."""
    page = open_page(pretended.url + HOME, permissions=("clipboard-read", "clipboard-write"))
    export_button(page)
    unfold(page, "Presets")
    page.click("label[for=sp-place-clipboard]")
    page.fill("#sp-preset-name", "To paste")
    page.click("text=Save as a preset")
    page.wait_for_selector("[role=status]:has-text('“To paste” is saved.')")
    page.click("label[for=sp-place-browser]")
    page.click("[aria-label='Use To paste']")
    page.wait_for_selector("#sp-place-clipboard:checked")
    page.click("[aria-label='Delete To paste…']")
    page.click("text=Delete preset")
    page.wait_for_selector(".sp-preset", state="detached")
    config = asked(pretended.plugin_folder, "savePreset")[-1]["config"]
    assert (config["download"], config["clipboard"]) == (True, True)


def test_without_https_there_is_no_clipboard(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """It is not offered where the browser would refuse it."""
    page = open_page(pretended.url)
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
    page.goto(pretended.url + HOME)
    export_button(page)
    assert page.locator("#sp-place-url").count() == 1
    assert page.locator("#sp-place-clipboard").count() == 0


def test_a_template_with_examples(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """Texts are options too; an empty template is refused, an example fills it."""
    page = open_page(pretended.url + HOME)
    export_button(page)
    page.click("label[for=sp-format-template]")
    page.wait_for_selector("#sp-reason:has-text('Write the template first')")
    page.click("button:text-is('Titles')")
    assert "{{ scene.title }}" in page.input_value("#sp-option-template")
    page.fill("#sp-option-extension", "m3u8")
    config = started(page, export_button(page).click)["config"]
    assert config["formatOptions"]["extension"] == "m3u8"
    assert config["formatOptions"]["template"].startswith("{% for scene")
    page.wait_for_selector(".sp-verdict:has-text('Done')")


# --- over the real back end ---------------------------------------------------------------------------------------------------------------


def opened_by_the_command_line(file: Path, passphrase: str, folder: Path) -> Any:
    """Decrypt an export with our own command line and return what it holds."""
    secret, plain = folder / "passphrase.txt", folder / "plain.json"
    secret.write_text(passphrase, encoding="utf-8")
    command = [sys.executable, REPOSITORY / "stash_port.py", "decrypt", file, "--to", plain, "--passphrase-file", secret]
    subprocess.run(command, check=True, capture_output=True)
    return json.loads(plain.read_bytes())


def test_two_tags_and_a_saved_filter_encrypted_and_opened(installed: RealStash, open_page: Callable[..., Any], tmp_path: Path) -> None:
    """Two tags and a saved filter, privacy preview, encrypted download, opened by the command line."""
    save_filter(installed, "SCENES", "Well rated", {"rating100": WELL_RATED["rating100"]})
    tags = installed.gql("{ findTags(ids: [3, 9]) { tags { name } } }")["findTags"]["tags"]
    page = open_page(installed.url + HOME)
    page.set_default_timeout(10_000)
    export_button(page)
    only(page, "scenes")
    unfold(page, "Filters", "Privacy", "Encryption")
    pick(page, "sp-filter-tags", *(tag["name"] for tag in tags))
    page.select_option("#sp-filter-tags-mode", "any")
    page.select_option("#sp-saved-scenes", "Well rated")
    wanted = {"rating100": {"modifier": "GREATER_THAN", "value": 40}, "tags": {"modifier": "INCLUDES", "value": ["3", "9"], "depth": -1}}
    found = installed.gql("query($f: SceneFilterType) { findScenes(filter: {per_page: 0}, scene_filter: $f) { count } }", {"f": wanted})
    there = found["findScenes"]["count"]
    assert 0 < there < 300
    page.wait_for_selector(f".sp-summary button:text-is('Export {there} records')")
    page.click("label[for=sp-profile-share]")
    page.click("button:has-text('Show three records')")
    page.wait_for_selector(".sp-preview")
    assert page.locator(".sp-preview").count() == 3
    assert page.locator(".sp-preview td:has-text('removed')").count() > 0
    page.click("label[for=sp-encrypt-passphrase]")
    page.fill("#sp-passphrase", "correct horse battery staple")
    page.fill("#sp-passphrase-again", "correct horse battery staple")
    with page.expect_download() as coming:
        export_button(page).click()
    locked = tmp_path / coming.value.suggested_filename
    coming.value.save_as(locked)
    assert locked.suffix == ".age"
    assert locked.read_bytes().startswith(b"age-encryption.org/v1")
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    whole = opened_by_the_command_line(locked, "correct horse battery staple", tmp_path)
    scenes = whole["scenes"]  # whose numbers are others in each export
    assert len(scenes) == there
    assert all("title" in scene and "rating100" not in scene for scene in scenes)
