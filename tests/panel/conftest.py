"""A browser for the panel's tests, and pages that fail their test when anything turned up in the console."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from support.stash import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.stash import RealStash

VERSION = re.search(r'const VERSION = "([^"]+)"', (REPOSITORY / "js/stash_port.js").read_text(encoding="utf-8"))[1]  # type: ignore[index]
SCENARIO = "scenario.json"
HOME = "/plugins/stash-port"


def find_chromium() -> str | None:
    """Return a Chromium that is installed, if there is one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless browser for the whole session."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright (pip install playwright)")
    program = find_chromium()
    if not program:
        pytest.skip("no Chromium on PATH")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """A function that opens an address in a fresh profile; the test fails if the console shows an error that `allow` does not match."""
    opened: list[tuple[Any, list[str]]] = []

    def open_one(url: str, *, width: int = 1280, height: int = 900, allow: str = "", permissions: tuple[str, ...] = ()) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, locale="en-GB", permissions=permissions)
        context.set_default_timeout(20_000)
        page, problems = context.new_page(), []

        def note(text: str) -> None:
            if not (allow and re.search(allow, text)):
                problems.append(text)

        page.on("console", lambda message: note(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: note(str(error)))
        opened.append((context, problems))
        page.goto(url)
        close_release_notes(page)
        return page

    yield open_one
    for context, _ in opened:
        context.close()
    assert [problem for _, problems in opened for problem in problems] == []


def close_release_notes(page: Any) -> None:
    """Close what a fresh Stash puts over its first page."""
    page.wait_for_selector(".top-nav")
    notes = page.locator(".modal.show .modal-footer button")
    page.wait_for_timeout(700)
    if notes.count():
        notes.last.click()
        page.wait_for_selector(".modal.show", state="detached")


def export_button(page: Any) -> Any:
    """Wait until the form knows the library's numbers; returns its button."""
    page.wait_for_selector(".sp-summary button:has-text('record')")
    return page.locator(".sp-summary button")


def numbers(text: str) -> int:
    """Return the number that a text begins with or holds, thousands separated as in English."""
    return int(re.search(r"[\d,]+", text)[0].replace(",", ""))  # type: ignore[index]


def unfold(page: Any, *sections: str) -> None:
    """Open sections of the export page that are folded at first."""
    for section in sections:
        page.click(f".sp-folded h2 button[aria-expanded=false]:text-is('{section}')")
        # While it unfolds, what lies below moves away under a press.
        page.wait_for_selector(f".sp-folded:has(h2 button:text-is('{section}')) > .collapse.show")


def started(page: Any, press: Callable[[], None]) -> dict[str, Any]:
    """Return the arguments of the task that a press of a button starts."""
    with page.expect_request(lambda request: "runPluginTask" in (request.post_data or "")) as sent:
        press()
    args: dict[str, Any] = json.loads(sent.value.post_data)["variables"]["args"]
    return args


def asked(folder: Path, mode: str) -> list[dict[str, Any]]:
    """Return what the pretended back end was asked in one mode, oldest first."""
    log = folder / "asked.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [args for args in map(json.loads, lines) if args["mode"] == mode]


def install_pretended(folder: Path, **scenario: Any) -> None:
    """Put the panel over the pretended back end into a plugin folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(REPOSITORY / "js", folder / "js")
    shutil.copy(REPOSITORY / "tests/panel/pretend.py", folder / "stash_port.py")
    (folder / "stash_port.yml").write_text(
        'name: Stash Port\nexec: [python3, "{pluginDir}/stash_port.py"]\ninterface: raw\n'
        f"ui: {{javascript: [js/stash_port.js], css: [js/stash_port.css], assets: {{/app/{VERSION}: js/app}}}}\n",
        encoding="utf-8",
    )
    set_scenario(folder, **scenario)


def set_scenario(folder: Path, **scenario: Any) -> None:
    """Say how it goes from now on.

    `seconds`, `ends` (ok, partial, failed, nothing), `text` and `times` of the file, `counting` seconds, `matches`; `answers` and `records` by mode, and the
    `steps` of a plan.
    """
    (folder / SCENARIO).write_text(json.dumps({"version": VERSION, **scenario}), encoding="utf-8")


@pytest.fixture(scope="module")
def pretended(libraries: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStash]:
    """A real Stash whose plugin has the panel over a back end that only pretends."""
    from support.stash import RealStash

    stash = RealStash(tmp_path_factory.mktemp("pretended"), library=libraries.filled())
    install_pretended(stash.plugin_folder)
    with stash:
        yield stash


@pytest.fixture(scope="module")
def installed(libraries: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStash]:
    """A real Stash with 300 scenes and this checkout as its plugin."""
    from support.stash import RealStash

    if not (REPOSITORY / "stash_port.py").exists():
        pytest.skip("stash_port.py is not there yet")
    with RealStash(tmp_path_factory.mktemp("installed"), library=libraries.filled(), plugin=True) as stash:
        yield stash
