"""Fixtures for every test, and the line that says how many tests a real Stash has seen."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from support.stash import Libraries, Library, RealStash, find_stash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Machines are slow at times, and that proves nothing; and where nobody watches, the same examples are tried each time.
settings.register_profile("port", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("port")

NEEDS_STASH = {"libraries", "empty_database", "library", "shared_stash", "real_stash", "start_stash"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for a real Stash, and skip it, with the reason, where there is none."""
    path, why = find_stash()
    for item in items:
        if NEEDS_STASH.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.real_stash)
        if path is None and item.get_closest_marker("real_stash"):
            item.add_marker(pytest.mark.skip(reason=why))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many of the tests that need a real Stash ran; a skipped one proves nothing."""
    ran, skipped, reasons = set(), set(), set()
    for outcome, reports in terminalreporter.stats.items():
        for report in reports:
            if not isinstance(report, pytest.TestReport) or "real_stash" not in report.keywords:
                continue
            if outcome == "skipped":
                skipped.add(report.nodeid)
                reasons.add(report.longrepr[2].removeprefix("Skipped: "))
            elif report.when == "call" or outcome == "error":
                ran.add(report.nodeid)
    why = f" ({'; '.join(sorted(reasons))})" if reasons else ""
    terminalreporter.write_line(f"real-Stash tests: {len(ran)} ran, {len(skipped)} skipped{why}")


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Libraries:
    """Libraries in Stash's own schema, each made once; never write to one, copy it."""
    return Libraries(tmp_path_factory.mktemp("libraries"))


@pytest.fixture
def empty_database(libraries: Libraries, tmp_path: Path) -> Path:
    """A database file as Stash makes it at its first start."""
    return libraries.empty().copy(tmp_path / "empty").database


@pytest.fixture
def library(libraries: Libraries, tmp_path: Path) -> Path:
    """A database file with 300 scenes and everything that belongs to them."""
    return libraries.filled().copy(tmp_path / "library").database


@pytest.fixture(scope="session")
def shared_stash(libraries: Libraries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStash]:
    """A Stash with 300 scenes that runs during the whole session: only for tests that write nothing to it."""
    with RealStash(tmp_path_factory.mktemp("shared"), library=libraries.filled()) as stash:
        yield stash


@pytest.fixture
def start_stash(tmp_path: Path) -> Iterator[Callable[..., RealStash]]:
    """A function that starts another Stash, with the arguments of RealStash but for the folder; all end with the test."""
    started: list[RealStash] = []

    def start(library: Library | None = None, **options: Any) -> RealStash:
        stash = RealStash(tmp_path / f"stash-{len(started)}", library=library, **options)
        started.append(stash)
        stash.start()
        return stash

    yield start
    for stash in started:
        stash.kill()


@pytest.fixture
def real_stash(libraries: Libraries, start_stash: Callable[..., RealStash]) -> RealStash:
    """A Stash of the test's own, with 300 scenes and this checkout as its plugin."""
    return start_stash(libraries.filled(), plugin=True)
