"""A throw-away Stash on a copy of a library: of this machine only, behind a key of its own, without media, plugins or network, and ended for sure.

    with ScratchStash(program, folder, database, blobs) as stash:
        stash.connection.query(...)

Everything that it reads and writes lies in one folder, which is its user's to remove.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from stashport.atomic import file_error
from stashport.errors import DrillFailed
from stashport.runs.workspace import end_process, note_started
from stashport.stash.connection import Connection

START_SECONDS, MIGRATION_SECONDS = 120.0, 4 * 3600.0
_NOWHERE = "http://127.0.0.1:9"  # a proxy that refuses everything: its looks for updates shall reach nobody
_VERSION = re.compile(r"v?\d+\.\d+\S* - .*Build")
_STATUS = "{systemStatus{status configPath databaseSchema appSchema}}"
_ENDED = ("FINISHED", "CANCELLED", "FAILED")
# The kernel ends it together with whoever started it.  (What Python runs in a child before it becomes another program is not safe beside threads.)
_TIED = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("its parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Program(NamedTuple):
    """A Stash that can be started."""

    path: str
    version: str


def find_program(named: str = "") -> Program | None:
    """The Stash to start: the one that runs us, then STASH_BIN, then the one that is named in the settings, then `stash` on PATH."""
    for path in (_parent(), os.environ.get("STASH_BIN"), named, shutil.which("stash")):
        version = _version(path) if path else ""
        if path and version:
            return Program(path, version)
    return None


def _parent() -> str | None:
    """The program of our parent process, where its name says that it is a Stash: no other one is asked for its version."""
    link = Path(f"/proc/{os.getppid()}/exe")
    with contextlib.suppress(OSError):
        named = str(link.readlink())
        if "stash" in Path(named).name.lower():
            return named if os.access(named, os.X_OK) else str(link)  # replaced by an update since it was started
    return None


def _version(path: str) -> str:
    try:
        asked = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    found = asked.stdout.strip()
    return found.split(" - ")[0] if _VERSION.match(found) else ""


class ScratchStash:
    """A Stash that runs within a `with` block.

    folder       a workspace of this run: private, and empty but for what is in it of the copy
    blobs        the folder of the copy's images; None when they are all in the database
    check_stop   called while waiting; may raise
    connection   to ask it
    migrated     (from, to) when it had to bring the copy's database to its own schema
    Errors: DrillFailed, CannotWrite, DiskFull.
    """

    def __init__(self, program: Program, folder: Path, database: Path, blobs: Path | None, check_stop: Callable[[], None] = lambda: None) -> None:
        self.program, self.folder, self._check_stop = program, folder, check_stop
        self.log, self._config = folder / "stash.log", folder / "config.yml"
        self.migrated: tuple[int, int] | None = None
        self._database, self._blobs = database, blobs
        self._key, self._port = secrets.token_hex(32), 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ScratchStash:
        try:
            self._start()
            self.connection = Connection(f"http://127.0.0.1:{self._port}", api_key=self._key)
            status = self._wait(("OK", "NEEDS_MIGRATION"), START_SECONDS)
            if status["status"] == "NEEDS_MIGRATION":
                self._migrate(status)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise file_error(error, self.folder) from error
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it at once, with all that it started: nobody needs what it would still write."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended, and macOS says so in its own way
                end_process(self._process.pid)
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        for name in ("generated", "cache", "metadata", "plugins", "scrapers", "tools"):
            (self.folder / name).mkdir()
        text = json.dumps(self._settings(), indent=1)  # JSON is YAML too
        self._config.touch(0o600)
        self._config.write_text(text, encoding="utf-8")
        tools, command = str(self.folder / "tools"), [self.program.path, "--config", str(self._config), "--nobrowser"]
        environment = {"HOME": str(self.folder), "PATH": tools, "TZ": "UTC", "TMPDIR": tools, "TMP": tools, "TEMP": tools}
        environment |= {"HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE, "NO_PROXY": "127.0.0.1,localhost"}
        environment |= {name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *command]
        with self.log.open("xb") as log:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            self._process = subprocess.Popen(command, cwd=self.folder, env=environment, start_new_session=True, **streams)
        note_started(self.folder, self._process.pid)

    def _settings(self) -> dict[str, Any]:
        own = {name: str(self.folder / name) for name in ("generated", "cache", "metadata")}
        return {
            **own, "host": "127.0.0.1", "port": self._port, "database": str(self._database), "stash": [],
            "blobs_path": str(self._blobs or self.folder / "blobs"), "blobs_storage": "FILESYSTEM" if self._blobs else "DATABASE",
            "plugins_path": str(self.folder / "plugins"), "scrapers_path": str(self.folder / "scrapers"),
            "plugins": {"package_sources": []}, "scrapers": {"package_sources": []},
            # With a user, every request needs this key; the password is no hash of anything, so that nobody can sign in.
            "username": "stash-port", "password": "-", "api_key": self._key,
            "jwt_secret_key": secrets.token_hex(32), "session_store_key": secrets.token_hex(32),
            "nobrowser": True, "notifications_enabled": False, "show_one_time_moved_notification": False, "logaccess": False,
        }

    def _migrate(self, status: dict[str, Any]) -> None:
        job = self.connection.mutate('mutation StashPortMigrate{migrate(input:{backupPath:""})}')["migrate"]
        deadline, about = time.monotonic() + MIGRATION_SECONDS, "query StashPortJob($id:ID!){findJob(input:{id:$id}){status error}}"
        while (told := self.connection.query(about, {"id": job})["findJob"]) and told["status"] not in _ENDED:
            self._check_stop()
            if time.monotonic() > deadline:
                raise DrillFailed(reason="the migration of the copy did not come to its end")
            time.sleep(0.2)
        if told and told["status"] != "FINISHED":
            raise DrillFailed(reason=f"the copy could not be migrated to schema {status['appSchema']}: {told['error']}")
        self._wait(("OK",), START_SECONDS)
        self.migrated = int(status["databaseSchema"]), int(status["appSchema"])

    def _wait(self, wanted: tuple[str, ...], patience: float) -> dict[str, Any]:
        """Its status, when it is one of those."""
        deadline, told = time.monotonic() + patience, "it did not answer"
        while time.monotonic() < deadline:
            self._check_stop()
            if self._process is None or self._process.poll() is not None:
                raise DrillFailed(reason=f"Stash {self.program.version} ended by itself: {self._last_line()}")
            status = self._status()
            if status and Path(status["configPath"]).resolve() != self._config.resolve():
                raise DrillFailed(reason="another program took the port that the trial Stash was to use")
            if status and status["status"] in wanted:
                return status
            told = f"its status is {status['status']}" if status else told
            time.sleep(0.05)
        raise DrillFailed(reason=f"Stash {self.program.version} was not ready after {patience:.0f} s: {told}; {self._last_line()}")

    def _status(self) -> dict[str, Any] | None:
        """What it says of itself; None while it does not answer."""
        ask = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        with contextlib.closing(ask), contextlib.suppress(OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            ask.request("POST", "/graphql", json.dumps({"query": _STATUS}), {"Content-Type": "application/json", "ApiKey": self._key})
            found: dict[str, Any] = json.loads(ask.getresponse().read(1 << 20))["data"]["systemStatus"]
            return found if isinstance(found["status"], str) and isinstance(found["configPath"], str) else None
        return None

    def _last_line(self) -> str:
        """The last thing in its log that is an error, or the last at all."""
        lines = [line for line in self.log.read_text("utf-8", "replace").splitlines() if line.strip()]
        grave = [line for line in lines if re.search(r"ERRO|FATA|panic|rror", line)]
        return re.sub(r"\x1b\[\d+m", "", (grave or lines or ["it said nothing"])[-1])[:300]
