"""A bulk load, or its undo, that is killed at any moment: the next start goes on, nothing is there twice, and taken back nothing is left.

STASH_PORT_KILLS sets how many random moments are tried; 100 are what the project promises by.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import support
from stashport.stash.bulk_load import load
from stashport.stash.bulk_undo import unload
from stashport.stash.connection import Connection
from support.bulk import content, in_folder, pictures, unlike

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

KILLS = int(os.environ.get("STASH_PORT_KILLS", "6"))
TESTS = Path(support.__file__).parents[1]

# A process that has everything loaded, and forks a child for each line that it reads: quicker than starting Python each time.
NEST = f"""
import json, os, signal, sys, time
sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent / "lib")!r}]
from pathlib import Path
import requests
from stashport.stash import bulk_guard, bulk_load
from stashport.stash.bulk_undo import unload
from stashport.stash.connection import Connection
from support.bulk import in_folder
bulk_load.Pace = lambda: bulk_guard.Pace(400)
print("ready", flush=True)
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        code = 99
        try:
            connection, journal = Connection(job["url"]), Path(job["journal"])
            if job["undo"]:
                unload(journal, connection)
            else:
                bulk_load.load(Path(job["source"]), connection, journal, blobs=in_folder(job["blobs"]))
            code = 0
        finally:
            os._exit(code)
    if job["after"] is not None:
        time.sleep(job["after"])
        os.kill(child, signal.SIGKILL)  # it was not waited for yet, so that its number is still its own
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.fixture(scope="module")
def nest():
    """The process that forks children: a function that has a load or its undo made by one, and tells how it ended (negative: by a signal)."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen([sys.executable, "-c", NEST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout.readline() == "ready\n"

    def run(**job):
        process.stdin.write(json.dumps({name: value if value is None or isinstance(value, (bool, float)) else str(value) for name, value in job.items()}) + "\n")
        process.stdin.flush()
        return os.waitstatus_to_exitcode(int(process.stdout.readline()))

    yield run
    process.stdin.close()
    process.stdout.close()
    process.wait(30)


def test_killed_at_random_moments(libraries, start_stash, tmp_path, nest):
    """Load, killed; again, to its end: equal.  Undo, killed; again: as before.  Some are taken back right after the kill."""
    source = libraries.filled(scenes=150, hostile=True, blobs=True)
    stash = start_stash(libraries.empty(), config={"blobs_storage": "FILESYSTEM"})
    connection = Connection(stash.url)
    whole, empty = content(source.database), content(libraries.empty().database)
    job = {"url": stash.url, "source": source.database, "blobs": source.blobs}

    def timed(**more):
        begun = time.monotonic()
        assert nest(**job, **more, after=None) == 0
        return time.monotonic() - begun

    rounds = [(timed(journal=tmp_path / one, undo=False), timed(journal=tmp_path / one, undo=True)) for one in ("first", "second")]  # the first is slow
    loading, undoing = (min(took) for took in zip(*rounds, strict=True))
    chance, killed = random.Random(KILLS), {"load": 0, "undo": 0}
    for number in range(KILLS):
        journal = tmp_path / f"journal-{number}"
        for _ in range(1 + number % 2):  # some twice
            killed["load"] += nest(**job, journal=journal, undo=False, after=chance.uniform(0, loading)) == -signal.SIGKILL
        if number % 4 != 3:
            load(source.database, connection, journal, blobs=in_folder(source.blobs))
            assert unlike(whole, content(stash.database)) == [], number
            assert len(pictures(stash.blobs)) == len(whole["blobs"])
        killed["undo"] += nest(**job, journal=journal, undo=True, after=chance.uniform(0, undoing)) == -signal.SIGKILL
        assert unload(journal, connection) == []
        assert unlike(empty, content(stash.database)) == [], number
        assert list(stash.blobs.iterdir()) == []
    print(f"killed {killed}")
    assert killed["load"] >= max(1, KILLS // 4)
