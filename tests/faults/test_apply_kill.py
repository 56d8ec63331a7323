"""Applying that is killed at any line, or met by a fault at any request: nothing is done twice, nothing is lost, and the way back leads to what was before.

STASH_PORT_KILLS sets how many random moments are tried; 100 are what the project promises by.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import support
from stashport.change.journal import NAME
from stashport.errors import ServerError
from support import changes
from support.changes import applied, sample, undone, written
from support.target import Library

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

KILLS = int(os.environ.get("STASH_PORT_KILLS", "4"))
TESTS = Path(support.__file__).parents[1]

# A process that has everything loaded, and forks a child for each line that it reads.  The child counts the lines of the engine and of the library as they
# are executed, and dies at one of them; it says how many there were when it lives.
NEST = f"""
import json, os, signal, sys
sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent / "lib")!r}]
from pathlib import Path
from support.changes import applied
from support.target import Library
counted = ("change/apply.py", "change/batches.py", "change/again.py", "change/journal.py", "support/target.py")
def work(folder, exact, dies_at):
    lines = 0
    def line(frame, event, _):
        nonlocal lines
        if event == "line":
            lines += 1
            if lines == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return line
    library = Library(folder.joinpath("library") if not exact else folder.parent.joinpath("library"))
    sys.settrace(lambda frame, event, _: line if frame.f_code.co_filename.endswith(counted) else None)
    told = applied(folder, library, exact_only=exact)
    sys.settrace(None)
    return lines, sorted(map(list, told.counts.items())), told.items
print("ready", flush=True)
for text in sys.stdin:
    folder, exact, dies_at = json.loads(text)
    inward, outward = os.pipe()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.write(outward, json.dumps(work(Path(folder), exact, dies_at)).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(outward)
    with open(inward, "rb") as told:
        answer = told.read()
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), answer.decode()]), flush=True)
"""


@pytest.fixture(scope="module")
def nest():
    """A function that has a child apply the plan in a folder and die at a line: None when it died, else what it told."""
    process = subprocess.Popen([sys.executable, "-c", NEST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"

    def run(folder, *, exact=False, dies_at=-1):
        process.stdin.write(json.dumps([str(folder), exact, dies_at]) + "\n")
        process.stdin.flush()
        code, told = json.loads(process.stdout.readline())
        assert code in (0, -9)
        return json.loads(told) if code == 0 else None

    yield run
    process.stdin.close()
    process.stdout.close()
    process.wait(30)


def prepared(folder, seed, **options):
    """A library and a plan for it in a folder; what the library holds."""
    folder.mkdir()
    library = sample(folder / "library", exact=bool(seed % 2))
    written(folder, changes.random_steps(library, seed, refusals=True, **options))
    before = library.everything()
    library.close()
    return before


def content(folder):
    """What the library in a folder holds."""
    library = Library(folder / "library")
    found = changes.same_form(library.everything())
    library.close()
    return found


def untimed(records):
    """Records without the time of their last change."""
    return {identity: {**record, "updated_at": None} for identity, record in records.items()}


def finished(nest, folder, rnd, lines, **options):
    """Kill it at a random line, and perhaps again when it goes on, until nobody kills it any more; what it told in the end."""
    nest(folder, dies_at=rnd.randint(1, lines), **options)
    while rnd.random() < 0.5:
        nest(folder, dies_at=rnd.randint(1, lines), **options)
    return nest(folder, **options)


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_anywhere_and_continued_is_as_if_nothing_had_been(seed, nest, tmp_path):
    """Library, counts and reasons are those of a run that nobody disturbed; and a way back that is itself killed restores what was there before."""
    prepared(tmp_path / "plain", seed, deletes=True)
    lines, *told = nest(tmp_path / "plain")
    whole = content(tmp_path / "plain")
    prepared(tmp_path / "killed", seed, deletes=True)
    assert finished(nest, tmp_path / "killed", random.Random(seed), lines)[1:] == told
    assert untimed(content(tmp_path / "killed")) == untimed(whole)


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_on_the_way_back(seed, nest, tmp_path):
    """Taking back goes on where it was killed, too, and ends at what was there before."""
    folder, rnd = tmp_path / "killed", random.Random(seed)
    before = changes.same_form(prepared(folder, seed))
    lines, *_ = nest(folder)
    library = Library(folder / "library")
    back = changes.planned_back(folder, library)
    library.close()
    finished(nest, back, rnd, lines, exact=True)
    assert content(folder) == before


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_and_taken_back_at_once(seed, nest, tmp_path):
    """A run that was killed can be taken back without being finished first: also what nobody saw an answer for."""
    before = changes.same_form(prepared(tmp_path / "plain", seed))
    lines, *_ = nest(tmp_path / "plain")
    for number, line in enumerate(random.Random(seed).sample(range(1, lines), 3)):
        folder = tmp_path / str(number)
        prepared(folder, seed)
        assert nest(folder, dies_at=line) is None
        if (folder / NAME).is_file() and not killed_early(folder):
            library = Library(folder / "library")
            undone(folder, library)
            library.close()
        assert content(folder) == before, line


def killed_early(folder):
    """Whether the journal has no tables yet."""
    import sqlite3

    with sqlite3.connect(folder / NAME) as db:
        return not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


class Fault:
    """Fails at the n-th of all requests."""

    def __init__(self, at):
        self.at, self.count = at, itertools.count(1)

    def __call__(self, what):
        """One more request."""
        if next(self.count) == self.at:
            raise ServerError(url="fake", reason=what)


@pytest.mark.parametrize("seed", range(2))
def test_a_fault_at_every_request_then_back(seed, tmp_path):
    """Whatever request fails, before or after it was carried out, the way back restores what was there before, and going on ends as it would have."""
    before = changes.same_form(prepared(tmp_path / "plain", seed))
    plain = Library(tmp_path / "plain" / "library", ticks := Fault(-1))
    applied(tmp_path / "plain", plain)
    whole, requests = content(tmp_path / "plain"), next(ticks.count)
    for number in range(1, requests, max(1, requests // 25)):
        folder = tmp_path / f"fault {number}"
        prepared(folder, seed)
        failing = Library(folder / "library", Fault(number))
        with pytest.raises(ServerError):
            applied(folder, failing)
        shutil.copytree(folder, folder / "copy")
        failing.tick = lambda _: None
        if (folder / NAME).is_file():
            undone(folder, failing)
        assert content(folder) == before, number
        copy = Library(folder / "copy" / "library")
        applied(folder / "copy", copy)
        assert untimed(content(folder / "copy")) == untimed(whole), number
