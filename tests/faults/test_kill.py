"""An export that is killed at any moment: no half file under a final name, no export lost, and the next run goes on as if nothing had been."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import support
from stashport.atomic import PREFIX, STALE_SECONDS, sweep
from stashport.output.proof import prove
from stashport.runs.history import list_runs
from stashport.runs.state import State
from support.faults import Disk
from support.records import lines_of, read, run_export, sample

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

TESTS = Path(support.__file__).parents[1]
CASES = [("json", "none"), ("ndjson", "gzip"), ("csv", "none"), ("csv", "zip")]

# A process that has everything loaded and forks a child for each line that it reads: quicker than starting Python each time.
NEST = f"""
import json, os, sys
sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent / "lib")!r}]
from pathlib import Path
from stashport import cli, formats
from stashport.stash import source
from support.faults import Disk, die
from support.records import duplicate, run_export, sample
from stashport.jobs import export
for name in formats.names():
    formats.get(name)
reader = sample()
fields, scenes = reader.library["scene"]
big = sample()
big.library["scene"] = (fields, duplicate(scenes, 100, "scene"))
source.place_of = lambda *_, **__: source.Opened(big, {{"type": "sample", "reader": "list"}})
print("ready", flush=True)
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        code = 99
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            if "cli" in job:
                code = cli.main(job["cli"])
            else:
                with Disk(Path(job["below"]), job["dies_at"], die):
                    code = run_export(reader, Path(job["state"]), **job["config"]).exit_code
        finally:
            os._exit(code)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.fixture(scope="module")
def nest():
    """The process that forks children; a function that starts one for a job and tells how it ended (negative: by a signal)."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen([sys.executable, "-c", NEST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout.readline() == "ready\n"

    def run(job, *, after=None):
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        child = int(process.stdout.readline())
        if after is not None:
            time.sleep(after)
            with contextlib.suppress(ProcessLookupError):  # it was quicker
                os.kill(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(int(process.stdout.readline()))

    yield run
    process.stdin.close()
    process.stdout.close()
    process.wait(30)


def old_export(out, name, compress):
    """An older export of other records, to be replaced; its records."""
    reader = sample()
    del reader.library["saved_filter"]
    run_export(reader, out.parent / "old-state", format=name, compress=compress, to=out / "x")
    return read(out / "x")


def look_after_the_kill(out, old, new):
    """What must hold in a folder whatever the moment of the kill."""
    left = sorted(os.listdir(out))
    asides = [name for name in left if name.startswith("x.old-")]
    assert all(name == "x" or name.startswith(PREFIX) or name in asides for name in left), left
    for name in ["x"] if "x" in left else asides:
        assert prove(out / name).valid, left
        assert read(out / name) in (old, new), left
    if old is not None:
        assert "x" in left or asides, "both the old and the new one are lost"
    return left


@pytest.mark.parametrize("there", [False, True], ids=["new", "overwriting"])
@pytest.mark.parametrize(("name", "compress"), CASES)
def test_killed_before_each_operation(name, compress, there, nest, tmp_path):
    """Killed before any single open, write, sync, mkdir or rename: the old export or the new one stands, whole; what is left is ours, and swept."""
    out = tmp_path / "out"
    out.mkdir()
    old = old_export(out, name, compress) if there else None
    kept = tmp_path / "kept"
    shutil.copytree(out, kept)
    state = tmp_path / "state"
    config = {"format": name, "compress": compress, "to": str(out / "x"), "overwrite": there}
    new, total = read_new(tmp_path, name, compress)
    killed = 0
    for number in [*range(1, total - 12, 1 + total // 30), *range(max(1, total - 12), total + 1)]:  # each single one near the end
        killed += nest({"below": str(out), "dies_at": number, "state": str(state), "config": config}) == -signal.SIGKILL
        look_after_the_kill(out, old, new)
        shutil.rmtree(out)
        shutil.copytree(kept, out)
    assert killed > 4
    assert nest({"below": str(out), "dies_at": total + 50, "state": str(state), "config": config}) == 0
    assert look_after_the_kill(out, old, new) == ["x"]
    assert read(out / "x") == new
    assert {run["error"]["error"] for run in list_runs(State(state), 500) if run["error"]} == {"Ended"}


def read_new(tmp_path, name, compress):
    """The records of the new export, in the order of its format, and how many operations it takes."""
    with Disk(tmp_path / "new", -1, lambda _: None) as disk:
        run_export(sample(), tmp_path / "new-state", format=name, compress=compress, to=tmp_path / "new" / "x")
    return read(tmp_path / "new" / "x"), disk.count


def test_killed_in_the_state_folder(nest, tmp_path):
    """Killed before any single operation in the state folder: the next run is not kept out, and the list of runs can be read."""
    out, state, number = tmp_path / "out", tmp_path / "state", 1
    out.mkdir()
    config = {"format": "json", "to": str(out / "x"), "overwrite": True}
    while nest({"below": str(state), "dies_at": number, "state": str(state), "config": config}) == -signal.SIGKILL:
        look_after_the_kill(out, None, lines_of(sample()))
        list_runs(State(state))
        run = run_export(sample(), state, **config)
        assert run.result == "ok"
        number += 3
        assert number < 200
    assert number > 10


@pytest.mark.parametrize(("name", "compress"), [("json", "none"), ("csv", "none")])
def test_killed_at_random_moments(name, compress, nest, tmp_path):
    """The command line's export of a larger library, killed at random moments, never leaves a file under its name that does not prove."""
    out, state = tmp_path / "out", tmp_path / "state"
    out.mkdir()
    old = old_export(out, name, compress)
    command = ["export", "any", "--to", str(out / "x"), "--format", name, "--compress", compress, "--overwrite", "--quiet", "--state", str(state)]
    first = time.monotonic()
    assert nest({"cli": [*command[:3], str(out / "whole"), *command[4:]]}) == 0
    took = time.monotonic() - first
    new = read(out / "whole")
    (shutil.rmtree if (out / "whole").is_dir() else os.remove)(out / "whole")
    rng, killed = random.Random(name), 0
    for _ in range(50):
        killed += nest({"cli": command}, after=rng.uniform(0, took * 1.1)) == -signal.SIGKILL
        left = look_after_the_kill(out, old, new)
        if "x" not in left:
            (aside,) = (entry for entry in left if entry.startswith("x.old-"))
            (out / aside).rename(out / "x")
    assert killed > 5
    for lock in (state / "locks").glob("*.lock"):
        if not lock.read_bytes():  # killed between making and filling it: it holds for a minute, since nobody knows whose it is
            os.utime(lock, (0, 0))
    assert nest({"cli": command}) == 0
    assert read(out / "x") == new


def test_what_a_killed_run_left_is_swept_after_a_day(nest, tmp_path):
    """Leftovers stay for a day, since they may be somebody's work, and are gone after it; the next export to that folder is not kept from it."""
    out, state = tmp_path / "out", tmp_path / "state"
    out.mkdir()
    for name, compress in CASES:
        config = {"format": name, "compress": compress, "to": str(out / f"{name}-{compress}")}
        assert nest({"below": str(out), "dies_at": 9, "state": str(state), "config": config}) == -signal.SIGKILL
    left = os.listdir(out)
    assert len(left) >= len(CASES)
    assert all(name.startswith(PREFIX) for name in left)
    assert sweep(out) == 0
    past = time.time() - STALE_SECONDS - 60
    for name in left:
        os.utime(out / name, (past, past))
    run_export(sample(), state, to=out / "y.json")
    assert os.listdir(out) == ["y.json"]
