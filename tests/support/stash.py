"""A real Stash for the tests: found, started on a free port of the loopback, gone when the tests are gone.

path, why = find_stash()
libraries = Libraries(some_folder)
with RealStash(folder, library=libraries.filled(scenes=300)) as stash:
    stash.gql("{ findScenes { count } }")
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import http.cookiejar
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.library import fill

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGIN_PARTS = ("stash_port.yml", "stash_port.py", "manifest", "js", "lib")
DATABASE_NAME = "stash-go.sqlite"
NOWHERE = "http://127.0.0.1:9"  # the discard port: a proxy that refuses every connection
START_SECONDS = 60
STOP_SECONDS = 20

# Runs the rest of its command line such that the kernel ends it together with the process that asked for it. (A preexec_fn
# would do the same, but is not safe in a process with threads. The kernel watches the *thread* that starts the child.)
TIED_TO_PARENT = """\
import os, signal, sys
parent = int(sys.argv[1])
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class StashError(Exception):
    """Stash did not start, or answered a question with an error."""


@functools.cache
def find_stash() -> tuple[Path | None, str]:
    """Return the Stash program to test with and its version, or None and the reason why there is none."""
    named = os.environ.get("STASH_BIN")
    if named and not os.access(named, os.X_OK):
        return None, f"STASH_BIN is {named}, which is not a program"
    found = named or shutil.which("stash")
    if not found:
        return None, "no Stash: STASH_BIN is not set and no stash is on PATH"
    try:
        asked = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"{found} --version failed: {error}"
    if "Build" not in asked.stdout:
        return None, f"{found} is another program: {asked.stdout.strip()[:80]!r}"
    return Path(found).resolve(), asked.stdout.strip()


@dataclass(frozen=True)
class Library:
    """A Stash database on disk, the folder of its images when they are kept outside it, and how many rows each table has."""

    database: Path
    blobs: Path | None
    counts: dict[str, int]

    def copy(self, folder: Path) -> Library:
        """Copy the files into a folder, as a Stash that runs there would call them."""
        folder.mkdir(parents=True, exist_ok=True)
        database = Path(shutil.copyfile(self.database, folder / DATABASE_NAME))
        blobs = Path(shutil.copytree(self.blobs, folder / "blobs")) if self.blobs else None
        return Library(database, blobs, self.counts)


class Libraries:
    """Makes libraries and keeps each one that it made. What it returns is shared by all who ask: copy it, never write to it."""

    def __init__(self, folder: Path) -> None:
        """Keep everything in this folder."""
        self.folder = folder
        self.made: dict[tuple[Any, ...], Library] = {}

    def empty(self) -> Library:
        """Return a database as Stash itself makes it at its first start."""
        if () not in self.made:
            with RealStash(self.folder / "empty") as stash:
                stash.stop()
                self.made[()] = Library(stash.database, None, {})
        return self.made[()]

    def filled(
        self, scenes: int = 300, seed: int = 1, *, images: int | None = None, galleries: int | None = None, hostile: bool = False,
        blobs: bool = False,
    ) -> Library:
        """Return a library of this size; with blobs, its images lie in files beside the database as well as inside it."""
        key = (scenes, seed, images, galleries, hostile, blobs)
        if key not in self.made:
            start = self.empty().copy(self.folder / f"filled-{len(self.made)}")
            beside = start.database.parent / "blobs" if blobs else None
            counts = fill(start.database, scenes=scenes, seed=seed, images=images, galleries=galleries, hostile=hostile, blobs=beside)
            self.made[key] = Library(start.database, beside, counts)
        return self.made[key]


class RealStash:
    """One running Stash with everything that it owns inside one folder. Use it in a with statement, or start() and kill() it."""

    def __init__(
        self,
        folder: Path,
        *,
        library: Library | None = None,
        plugin: bool = False,
        login: tuple[str, str] | None = None,
        api_key: bool = True,
        max_session_age: int | None = None,
        time_zone: str = "UTC",
        config: dict[str, Any] | None = None,
    ) -> None:
        """Prepare a folder: a copy of the library (else Stash makes an empty one), this checkout as its plugin, the configuration.

        A login is set at the first start; then an API key is made too, unless api_key is false, and gql() uses what there is.
        config is merged over config.yml by Stash's own key names. Images are kept in files when the library has a blobs folder.
        """
        path, why = find_stash()
        if path is None:
            raise StashError(why)
        self.program = path
        self.folder = folder.resolve()
        self.database = self.folder / DATABASE_NAME
        self.blobs = self.folder / "blobs"
        self.plugin_folder = self.folder / "plugins" / "stash_port"
        self.config_file = self.folder / "config.yml"
        self.log_file = self.folder / "stash.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.login = login
        self.wants_key = api_key
        self.api_key = ""
        self.time_zone = time_zone
        self.process: subprocess.Popen[bytes] | None = None
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)

        for name in ("generated", "cache", "metadata", "blobs", "plugins", "scrapers"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        if library:
            shutil.copyfile(library.database, self.database)
            if library.blobs:
                shutil.copytree(library.blobs, self.blobs, dirs_exist_ok=True)
        if plugin:
            copy_plugin(self.plugin_folder)
        settings: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "database": str(self.database),
            "generated": str(self.folder / "generated"),
            "cache": str(self.folder / "cache"),
            "metadata": str(self.folder / "metadata"),
            "blobs_path": str(self.blobs),
            "blobs_storage": "FILESYSTEM" if library and library.blobs else "DATABASE",
            "plugins_path": str(self.folder / "plugins"),
            "scrapers_path": str(self.folder / "scrapers"),
            "plugins": {"package_sources": []},
            "scrapers": {"package_sources": []},
            "python_path": sys.executable,
            "nobrowser": True,
            "notifications_enabled": False,
            "show_one_time_moved_notification": False,
            "logaccess": False,
        }
        if max_session_age is not None:
            settings["max_session_age"] = max_session_age
        merge(settings, config or {})
        self.config_file.write_text(json.dumps(settings, indent=1), encoding="utf-8")  # JSON is YAML too

    def __enter__(self) -> RealStash:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it at once: nobody reads its files after this."""
        self.kill()

    def start(self) -> None:
        """Start Stash and wait until it answers that all is well."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("STASH_") and not k.lower().endswith("_proxy")}
        environment |= {"HOME": str(self.folder), "TZ": self.time_zone}
        # Stash's own look for updates shall reach nobody
        environment |= {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1,localhost"}
        shim = [sys.executable, "-I", "-S", "-c", TIED_TO_PARENT, str(os.getpid())]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*shim, str(self.program), "--config", str(self.config_file)],
                cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        atexit.register(self.kill)
        self.wait_until_ok()
        if self.login and not self.api_key:
            self.secure(*self.login)

    def wait_until_ok(self) -> None:
        """Ask for the system's status until it is OK; whatever else it turns out to be is an error with the end of the log."""
        deadline = time.monotonic() + START_SECONDS
        problem: object = "no answer"
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                problem = f"it ended with status {self.process and self.process.returncode}"
                break
            try:
                status = self.gql("{ systemStatus { status databaseSchema appSchema } }")["systemStatus"]
            except (OSError, StashError) as error:
                problem = error
                time.sleep(0.03)
                continue
            if status["status"] == "OK":
                return
            problem = status
            break
        self.kill()
        raise StashError(f"Stash did not start: {problem}\n{self.log()[-3000:]}")

    def secure(self, user: str, password: str) -> None:
        """Lock the server with a name and a password, once, and get what opens it again."""
        if not self.gql("{ configuration { general { username } } }")["configuration"]["general"]["username"]:
            lock = "mutation($input: ConfigGeneralInput!) { configureGeneral(input: $input) { username } }"
            self.gql(lock, {"input": {"username": user, "password": password}})
        self.sign_in()
        if self.wants_key:
            self.api_key = self.gql("mutation { generateAPIKey(input: {}) }")["generateAPIKey"]

    def sign_in(self) -> None:
        """Get a session cookie, as the login page does."""
        user, password = self.login or ("", "")
        form = urllib.parse.urlencode({"username": user, "password": password, "returnURL": "/"}).encode()
        with self.opener.open(urllib.request.Request(f"{self.url}/login", data=form), timeout=30) as answer:
            answer.read()

    def stop(self) -> None:
        """Ask Stash to end, as a service manager does, so that its database is closed and whole; kill it if it does not."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End Stash and every process that it started, at once."""
        atexit.unregister(self.kill)
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        self.process = None

    def restart(self) -> None:
        """Stop it and start it again, on the same port."""
        self.stop()
        self.start()

    def log(self) -> str:
        """Return everything that Stash printed so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""

    def gql(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask one GraphQL question and return its data; any error in the answer is raised."""
        headers = {"Content-Type": "application/json"} | ({"ApiKey": self.api_key} if self.api_key else {})
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", data=body, headers=headers)
        try:
            with self.opener.open(request, timeout=120) as answer:
                reply = json.loads(answer.read().decode("utf-8", "surrogateescape"))  # Stash sends names of files byte by byte
        except urllib.error.HTTPError as error:
            with error:
                raise StashError(f"{error.code}: {error.read().decode(errors='replace')}") from None
        if reply.get("errors"):
            raise StashError(json.dumps(reply["errors"]))
        data: dict[str, Any] = reply["data"]
        return data

    def operation(self, **args: object) -> Any:
        """Run the plugin and wait for what it returns."""
        asked = "mutation($id: ID!, $args: Map) { runPluginOperation(plugin_id: $id, args: $args) }"
        return self.gql(asked, {"id": "stash_port", "args": args})["runPluginOperation"]

    def task(self, name: str | None = None, **args: object) -> str:
        """Queue a task of the plugin and return the id of its job."""
        asked = "mutation($id: ID!, $name: String, $args: Map) { runPluginTask(plugin_id: $id, task_name: $name, args_map: $args) }"
        job: str = self.gql(asked, {"id": "stash_port", "name": name, "args": args})["runPluginTask"]
        return job

    def wait_for(self, job: str, seconds: float = 120) -> dict[str, Any] | None:
        """Wait until a job has ended and return it; None when Stash has forgotten it, which it does after ten more."""
        asked = "query($id: ID!) { findJob(input: {id: $id}) { status description error progress } }"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found: dict[str, Any] | None = self.gql(asked, {"id": job})["findJob"]
            if found is None or found["status"] in {"FINISHED", "CANCELLED", "FAILED"}:
                return found
            time.sleep(0.05)
        raise StashError(f"job {job} did not end within {seconds} s\n{self.log()[-3000:]}")


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    """Lay one tree of settings over another."""
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def copy_plugin(folder: Path) -> None:
    """Copy what a user installs into a folder: the files of this checkout that git tracks, and those that it would."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PLUGIN_PARTS]
    listed = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).exists():  # a tracked file may have been deleted
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
