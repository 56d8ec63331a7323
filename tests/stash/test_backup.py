"""Backups of a real Stash: everything is inside, a Stash starts on what comes out again, and nothing of that is left."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import support
from stashport.bundle.age_keys import new_identity
from stashport.bundle.store import FolderStore
from stashport.bundle.vault import Vault
from stashport.errors import DrillFailed, VaultClosed
from stashport.jobs.backup import backup
from stashport.jobs.context import Context
from stashport.jobs.drill import SAMPLE
from stashport.jobs.proving_vault import Prover
from stashport.jobs.vaults import Reached
from stashport.jobs.verify import verify
from stashport.runs.state import State
from stashport.runs.workspace import workspace
from stashport.stash import scratch
from stashport.stash.connection import Connection
from stashport.stash.graphql import GraphQLReader
from stashport.stash.scratch import ScratchStash, find_program
from stashport.stash.source import DatabaseFile
from support.backups import Place, Quiet, contents

TESTS = Path(support.__file__).parents[1]


def restored(vault, folder):
    """What comes out of the newest backup of a vault, as `contents` tells it, and its card."""
    reached = Reached(Vault.open(FolderStore(vault)))
    one = reached.vault.backups()[0]
    place = Place(folder)
    return place.rebuilt(one, folder / "out", vault), one


@pytest.mark.parametrize("blobs", [False, True], ids=["images in the database", "images in files"])
def test_a_running_stash_there_and_back(blobs, libraries, start_stash, tmp_path):
    """Backup, full proof, trial restore: the counts are the server's for all kinds, and database and images come out as they were, row by row."""
    stash = start_stash(libraries.filled(200, 4, hostile=blobs, blobs=blobs))
    context = Context(State(tmp_path / "state"), Connection(stash.url))
    vault = tmp_path / "vault"
    assert backup({"vault": str(vault)}, context).result == "ok"
    for level in ("quick", "full", "drill"):
        run = verify({"target": str(vault), "level": level}, context)
        assert run.result == "ok", run.record["warnings"]
        (told,) = run.record["notes"]["verified"]
        assert told["good"]
    out, one = restored(vault, tmp_path / "restored")
    with contextlib.closing(GraphQLReader(Connection(stash.url))) as server:
        counts = {kind.plural: server.count(kind) for kind in server.kinds()}
    stored = {name: number for name, number in counts.items() if name != "settings"}
    assert one.card["counts"] == counts
    assert told["drill"]["counts"] == stored
    assert told["drill"]["sampled"] >= sum(min(SAMPLE, number) for number in stored.values()) - SAMPLE
    assert told["drill"]["images"] > 20
    assert told["drill"]["by"].startswith("Stash v")
    assert one.level == "drill"
    stash.stop()
    assert out == contents(stash.database, stash.blobs)
    assert len(out) > 40 + 20 * blobs
    assert list((tmp_path / "state" / "scratch").iterdir()) == []
    assert not any(path.name.startswith("trial") and path.stat().st_size == 0 for path in (tmp_path / "state").rglob("*"))


def test_a_running_stash_without_its_database(libraries, start_stash, tmp_path):
    """A portable backup, made of what the API tells alone, holds all that the server counts, with the images, and verifies."""
    stash = start_stash(libraries.filled(60))
    context = Context(State(tmp_path / "state"), Connection(stash.url))
    assert backup({"vault": str(tmp_path / "vault"), "kind": "portable", "reader": "graphql"}, context).result == "ok"
    run = verify({"target": str(tmp_path / "vault")}, context)
    assert run.result == "ok"
    (told,) = run.record["notes"]["verified"]
    with contextlib.closing(GraphQLReader(Connection(stash.url))) as server:
        assert told["counts"] == {kind.plural: server.count(kind) for kind in server.kinds()}
    assert told["images"] > 20


def test_an_encrypted_backup_is_tried(library, monkeypatch):
    """The trial restore opens an encrypted backup and its packs; without the key there is none."""
    place = Place(library.parent, *new_identity())
    assert place.backup().result == "ok"
    reached = place.reached()
    monkeypatch.setattr("stashport.jobs.verify.reach", lambda *_: reached)
    run = verify({"target": str(place.vault_folder), "level": "drill"}, Context(place.state))
    assert run.record["notes"]["verified"][0]["drill"]["counts"]["scenes"] == 300
    monkeypatch.setattr("stashport.jobs.verify.reach", lambda *_: reached._replace(unseal=None))
    with pytest.raises(VaultClosed):
        verify({"target": str(place.vault_folder), "level": "drill"}, Context(place.state))


@pytest.fixture
def backed_up(library, tmp_path):
    """A database of 300 scenes, with a backup of it; (vault, context)."""
    context = Context(State(tmp_path / "state"), DatabaseFile(library))
    assert backup({"vault": str(tmp_path / "vault")}, context).result == "ok"
    return tmp_path / "vault", context


def test_a_trial_notices_what_differs(backed_up, monkeypatch):
    """A Stash that comes up with other records than the backup's, fewer of them, or another image fails the trial, and each difference is named."""
    vault, context = backed_up
    real = ScratchStash._start

    def other(self):
        with contextlib.closing(sqlite3.connect(self._database)) as db:
            db.execute("UPDATE performers SET name = name || '!'")
            db.execute("UPDATE studios SET image_blob=(SELECT image_blob FROM tags WHERE image_blob IS NOT NULL LIMIT 1) WHERE image_blob IS NOT NULL")
            db.execute("DELETE FROM scene_markers_tags")
            db.execute("DELETE FROM saved_filters")
            db.commit()
        real(self)

    monkeypatch.setattr(ScratchStash, "_start", other)
    with pytest.raises(DrillFailed):
        verify({"target": str(vault), "level": "drill"}, context)
    one = Vault.open(FolderStore(vault)).backups()[0]
    problems = " ".join(one.proof["problems"])
    for wanted in ("records differ: 20, for example performer:", "0 saved_filters where the backup has", "other images", "records are not there"):
        assert wanted in problems, wanted
    assert "database: " not in problems
    assert one.level == "failed"
    assert one.proof["lastGood"]["level"] == "full"


def test_without_a_stash_the_database_is_asked(backed_up, monkeypatch):
    """Where no Stash can be started the trial is made with the database alone, which is said."""
    vault, context = backed_up
    monkeypatch.setattr("stashport.jobs.drill.find_program", lambda _: None)
    run = verify({"target": str(vault), "level": "drill"}, context)
    assert run.result == "ok"
    (told,) = run.record["notes"]["verified"]
    assert told["drill"]["by"] == "database"
    assert told["drill"]["counts"]["scenes"] == 300
    assert any("No Stash could be found" in warning for warning in run.record["warnings"])


@pytest.mark.real_stash
def test_where_the_program_comes_from(monkeypatch, tmp_path):
    """STASH_BIN goes before the setting, the setting before PATH; what is no Stash is passed over."""
    real = find_program()
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\necho 'v9.9.9 - Official Build - today'\n")
    liar = tmp_path / "stash"
    liar.write_text("#!/bin/sh\necho hello\n")
    for path in (other, liar):
        path.chmod(0o755)
    monkeypatch.delenv("STASH_BIN", raising=False)
    assert find_program(str(other)) == (str(other), "v9.9.9")
    assert find_program(str(liar)).path == real.path
    monkeypatch.setenv("STASH_BIN", str(other))
    assert find_program(str(liar)).version == "v9.9.9"
    monkeypatch.setenv("STASH_BIN", str(liar))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program("") is None


def test_the_stash_that_runs_us_comes_first(start_stash, monkeypatch):
    """As a plugin of Stash, the very program that runs us is the one to start, whatever else is named."""
    stash = start_stash()
    monkeypatch.setattr(os, "getppid", lambda: stash.process.pid)
    monkeypatch.setenv("STASH_BIN", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_program("/nowhere either").path == str(stash.program)


def test_an_older_database_is_migrated(library, tmp_path):
    """A database of an older schema than the Stash here is migrated on the copy, which is told; a newer one is refused in words."""
    with contextlib.closing(sqlite3.connect(library)) as db:
        (schema,) = db.execute("SELECT version FROM schema_migrations").fetchone()
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall():
            for (column,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall():
                if column.endswith("_precision"):
                    db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("UPDATE schema_migrations SET version=?", (schema - 1,))
        db.commit()
    with workspace(State(tmp_path / "state"), "drill") as folder, ScratchStash(find_program(), folder, library, None) as stash:
        assert stash.migrated == (schema - 1, schema)
        assert GraphQLReader(stash.connection).count(next(kind for kind in GraphQLReader(stash.connection).kinds() if kind.name == "scene")) == 300
    with contextlib.closing(sqlite3.connect(library)) as db:
        db.execute("UPDATE schema_migrations SET version=?", (schema + 1,))
        db.commit()
    with (
        workspace(State(tmp_path / "state"), "drill") as folder,
        pytest.raises(DrillFailed, match=f"schema version {schema + 1} is incompatible"),
        ScratchStash(find_program(), folder, library, None),
    ):
        pass


def test_the_trial_stash_lets_nobody_in(library, tmp_path):
    """It listens on the loopback only, and answers nobody without its key; its folder is for its owner's eyes."""
    with workspace(State(tmp_path / "state"), "drill") as folder, ScratchStash(find_program(), folder, library, None) as stash:
        assert folder.stat().st_mode & 0o077 == 0
        with pytest.raises(Exception, match="refused the login"):
            Connection(stash.connection.url).query("{systemStatus{status}}")
        asked = stash.connection.query("{configuration{general{stashes{path} pluginsPath} plugins}}")["configuration"]
        assert asked == {"general": {"stashes": [], "pluginsPath": str(folder / "plugins")}, "plugins": {}}
        assert listening(stash._process.pid) == {f"0100007F:{stash._port:04X}"}
    assert not folder.exists()


def listening(pid):
    """The addresses that a process listens on, in the kernel's spelling."""
    sockets = {os.readlink(link)[8:-1] for link in Path(f"/proc/{pid}/fd").iterdir() if os.readlink(link).startswith("socket:")}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            parts = line.split()
            if parts[3] == "0A" and parts[9] in sockets:
                found.add(parts[1])
    return found


KILLED = f"""
import sys
sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent / "lib")!r}]
from pathlib import Path
from stashport.jobs.context import Context
from stashport.jobs.verify import verify
from stashport.runs.state import State
from stashport.stash import scratch
real = scratch.ScratchStash._wait
def wait(self, *more):
    found = real(self, *more)
    print(self._process.pid, flush=True)
    sys.stdin.read()
scratch.ScratchStash._wait = wait
verify({{"target": sys.argv[1], "level": "drill"}}, Context(State(Path(sys.argv[2]))))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is the next run that ends it")
@pytest.mark.parametrize("tied", [True, False], ids=["by the kernel", "by the next run"])
def test_killed_in_the_middle_of_a_trial(backed_up, tied, monkeypatch):
    """When the one who made the trial is killed, its Stash ends: by the kernel, or else by the next run, which also removes what was left."""
    vault, context = backed_up
    program = KILLED if tied else KILLED.replace("real = ", "scratch.sys = type('other', (), {'platform': 'other'})\nreal = ", 1)
    ours = subprocess.Popen([sys.executable, "-c", program, str(vault), str(context.state.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stash = int(ours.stdout.readline())
    assert alive(stash)
    ours.send_signal(signal.SIGKILL)
    ours.wait()
    for file in (ours.stdin, ours.stdout):
        file.close()
    if tied:
        assert gone(stash)
    left = list((context.state.folder / "scratch").iterdir())
    assert len(left) == 2
    if not tied:
        assert alive(stash)
    with workspace(context.state, "verify"):
        assert gone(stash)
        assert not any(folder.exists() for folder in left)
    with Prover(Reached(Vault.open(FolderStore(vault))), vault, Quiet()).opened(Vault.open(FolderStore(vault)).backups()[0]):
        pass


def alive(pid):
    """Whether a process of this number runs, and is a Stash."""
    with contextlib.suppress(OSError):
        return b"stash" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def gone(pid):
    """Whether it ends within some seconds."""
    deadline = time.monotonic() + 5
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_program_that_ends_by_itself(library, tmp_path):
    """A Stash that ends at once, or never gets ready, is an error that says so, and nothing stays."""
    broken = tmp_path / "stash"
    broken.write_text("#!/bin/sh\necho 'FATA no such luck'\nexit 3\n")
    broken.chmod(0o755)
    state = State(tmp_path / "state")
    with workspace(state, "drill") as folder, pytest.raises(DrillFailed, match="no such luck"), ScratchStash(scratch.Program(str(broken), "v1"), folder, library, None):
        pass
    assert list((state.folder / "scratch").iterdir()) == []
