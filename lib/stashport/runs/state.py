"""The state folder: runs, files for download, installed packages and locks; never inside the plugin's own folder, which an update replaces.

Beside Stash it is `stash-port` in the folder of Stash's config.yml; without a Stash it is where the system keeps a user's state.  Folders
are made when they are first asked for, readable by their owner only: reports hold paths and titles.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import secrets
import sys
from pathlib import Path

from stashport.atomic import file_error
from stashport.errors import UnknownRun

NAME = "stash-port"
RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
"""Date and time (UTC) and six random hex digits: sorts by time, and is safe as a file name and in a URL."""


def default_folder() -> Path:
    """The state folder of a person who names none and has no Stash beside it, by the custom of each system."""
    if sys.platform == "win32":
        base = _absolute("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = _absolute("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return base / NAME


def _absolute(variable: str) -> Path | None:
    """A folder named by the environment; relative ones are to be ignored, says the XDG specification."""
    path = Path(os.environ.get(variable, ""))
    return path if path.is_absolute() else None


def is_run_id(text: str) -> bool:
    """Whether a text can be the id of a run."""
    return RUN_ID.fullmatch(text) is not None


class State:
    """The state folder and what stands in it.  Making one touches nothing; asking for a sub-folder makes it.

    Errors of the sub-folders: CannotWrite, DiskFull.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def beside(cls, config_file: Path) -> State:
        """The state folder of the Stash whose config.yml this is."""
        return cls(config_file.parent / NAME)

    @property
    def runs(self) -> Path:
        """One folder for each run."""
        return self._made("runs")

    @property
    def downloads(self) -> Path:
        """Files that wait for a browser to fetch them."""
        return self._made("downloads")

    @property
    def secrets(self) -> Path:
        """Passphrases that wait for the task that they are for."""
        return self._made("secrets")

    @property
    def locks(self) -> Path:
        """Who is writing now."""
        return self._made("locks")

    @property
    def packages(self) -> Path:
        """Where `pip install --target` puts packages: a folder for each Python and platform, since compiled ones fit only their own."""
        return self._made("packages", python_tag())

    def run_folder(self, run_id: str) -> Path:
        """The folder of a run, which need not exist.  Errors: UnknownRun for anything that is no run id, and so for every path trick."""
        if not is_run_id(run_id):
            raise UnknownRun(name=run_id)
        return self.folder / "runs" / run_id

    def new_run_id(self, now: dt.datetime | None = None) -> str:
        """An unused id for a run that starts at `now` (an aware time; the default is this moment)."""
        time = (now or dt.datetime.now(dt.timezone.utc)).astimezone(dt.timezone.utc)
        while True:
            run_id = f"{time:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
            if not self.run_folder(run_id).exists():
                return run_id

    def _made(self, *names: str) -> Path:
        path = self.folder.joinpath(*names)
        make_private(path, self.folder)
        return path


def make_private(path: Path, top: Path) -> None:
    """Make a folder and those above it, from `top` on with mode 0700; what exists keeps its mode.  Errors: CannotWrite, DiskFull."""
    try:
        top.parent.mkdir(parents=True, exist_ok=True)
        for folder in reversed([path, *(above for above in path.parents if above.is_relative_to(top))]):
            folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise file_error(error, path) from error


def python_tag() -> str:
    """What compiled packages must fit, for example 'cpython-311-linux-x86_64' or 'cpython-312-linux-aarch64-musl'."""
    import platform
    import sysconfig

    flags = "t" if "t" in getattr(sys, "abiflags", "") else ""
    parts = [(sys.implementation.cache_tag or "python") + flags, sys.platform, platform.machine().lower()]
    if "musl" in str(sysconfig.get_config_var("SOABI")):
        parts.append("musl")
    return "-".join(part for part in parts if part)
