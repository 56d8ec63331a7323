"""What belongs to a Stash beside its library: its configuration, the owner's style sheet, script and texts, own scrapers, and which packages are installed.

Secrets are kept apart: `config/` never holds any, `secrets/` holds the files as they are, and only where that was asked for.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stashport.bundle.members import unfit
from stashport.errors import ServerError
from stashport.model.scrub import without_secrets_in
from stashport.model.settings import without_secrets
from stashport.stash.connection import Connection
from stashport.stash.source import Opened, database_of

CONFIG, CUSTOM = "config.yml", ("custom.css", "custom.js", "custom-locales.json")
_LARGEST, _MOST = 4 << 20, 20_000
_ASKED = """query StashPortBelongings{systemStatus{configPath workingDir} configuration{general{scrapersPath generatedPath}}
    plugins:installedPackages(type:Plugin){package_id name version date sourceURL}
    scrapers:installedPackages(type:Scraper){package_id name version date sourceURL}}"""
# Logins of config.yml that go by names of their own; what else sounds secret goes as well.
_LOGINS = ("username", "password", "api_key", "jwt_secret_key", "session_store_key", "handy_key", "proxy")
_SECRETS = rb"(?:cookie|api[-_ ]?key|token|passw|passphrase|pwd|secret|credential|authorization|bearer|session)"
# A value after such a name; such a name as a value itself ("Key: Authorization" of a scraper's headers, its value on the next line); a browser's list.
_MAY_BE_SECRET = re.compile(
    rb"(?i)" + _SECRETS + rb"[\w-]{0,40}[\"']?\s*[:=]|\b(?:key|name|header)[\"']?\s*[:=]\s*[\"']?[\w-]{0,40}" + _SECRETS + rb"|HTTP Cookie File"
)


def _may_be_secret(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    return bool(_MAY_BE_SECRET.search(data)) or without_secrets_in(text) != text


class Thing(NamedTuple):
    """A member of a backup: its name, and the bytes or the file that it holds."""

    name: str
    data: bytes | Path


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):  # gone meanwhile: whoever opens it says so
        return path.stat().st_size
    return 0


class Belongings:
    """What is there; `not_inside` says of the rest why it is not.

    opened      the source; of a database file, the config.yml in the same folder counts as its own when it names that file
    secrets     whether files may come as they are, under `secrets/`
    generated   whether generated files come too
    """

    def __init__(self, opened: Opened, *, secrets: bool, generated: bool) -> None:
        self._secrets, self._generated = secrets, generated
        self.not_inside: dict[str, str] = {}
        self.warnings: list[str] = []
        self._told: dict[str, Any] = {}
        self._config: Path | None = None
        if opened.connection:
            self._ask(opened.connection)
        elif database := database_of(opened.reader):
            beside = database.path.resolve().parent / CONFIG
            with contextlib.suppress(OSError):
                if database.path.name.encode() in beside.read_bytes():
                    self._config = beside

    def _ask(self, connection: Connection) -> None:
        try:
            self._told = connection.query(_ASKED)
        except ServerError as error:
            self.warnings.append(f"The list of installed packages could not be had: {error.details.get('reason')}.")
            return
        status = self._told["systemStatus"]
        path = Path(status["workingDir"]) / status["configPath"]
        with contextlib.suppress(OSError, ValueError):
            if path.is_file():
                self._config = path.resolve()

    @property
    def folders(self) -> list[Path]:
        """The folders that are walked through."""
        return [folder for name in ("scrapersPath", *(["generatedPath"] if self._generated else [])) if (folder := self._place(name))]

    def things(self) -> Iterator[Thing]:
        """All of it.  What cannot be read is named in `not_inside`, with a warning."""
        if "plugins" in self._told:
            packages = {kind: self._told[kind] for kind in ("plugins", "scrapers")}
            yield Thing("config/packages.json", json.dumps(packages, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")
        else:
            self.not_inside["config/packages.json"] = "the source is a file, and knows no packages"
        if self._config is None:
            self.not_inside["config"] = "Stash's config.yml is not within reach here"
            return
        yield from self._settings(self._config)
        for name in CUSTOM:
            yield from self._file(self._config.parent / name, name)
        yield from self._folder("scrapersPath", "scrapers", _LARGEST)
        if self._generated:
            yield from self._folder("generatedPath", "generated", None)
        else:
            self.not_inside["generated"] = "generated files were not asked for: Stash makes them anew"

    def _settings(self, config: Path) -> Iterator[Thing]:
        data = self._read(config, CONFIG)
        if data is None:
            return
        if self._secrets:
            yield Thing(f"secrets/{CONFIG}", data)
        try:
            import yaml
        except ImportError:
            self.not_inside[f"config/{CONFIG}"] = "the Python package pyyaml is missing, without which its secrets cannot be told from the rest"
            self.warnings.append("config.yml was left out: run `stash_port.py check --install yaml`, and it will be kept without its secrets.")
            return
        try:
            told = yaml.safe_load(data)
        except (yaml.YAMLError, RecursionError) as error:
            self.left_out(f"config/{CONFIG}", f"it is no YAML ({str(error).splitlines()[0]})")
            return
        removed: list[str] = []
        clean = without_secrets({key: value for key, value in told.items() if key not in _LOGINS}, removed) if isinstance(told, dict) else {}
        removed += [key for key in _LOGINS if isinstance(told, dict) and told.get(key)]
        if removed:
            self.not_inside[f"config/{CONFIG}: {', '.join(sorted(removed))}"] = "secret" + (", kept apart in secrets/" if self._secrets else "")
        yield Thing(f"config/{CONFIG}", yaml.safe_dump(clean, allow_unicode=True, sort_keys=True).encode())

    def _file(self, path: Path, name: str) -> Iterator[Thing]:
        """A file of the owner's own; one that may hold a login is a secret."""
        if not path.is_file():
            return
        data = self._read(path, name)
        if data is None:
            return
        if not _may_be_secret(data):
            yield Thing(f"config/{name}", data)
        elif self._secrets:
            yield Thing(f"secrets/{name}", data)
        else:
            self.not_inside[f"config/{name}"] = "it may hold a login: take an encrypted backup, or ask for secrets"

    def _folder(self, setting: str, name: str, largest: int | None) -> Iterator[Thing]:
        folder = self._place(setting)
        if folder is None:
            self.not_inside[f"config/{name}" if largest else name] = "that folder is not within reach here"
            return
        number = 0
        for root, folders, files in os.walk(folder):
            folders[:] = sorted(one for one in folders if one not in (".git", "__pycache__"))
            for file in sorted(files):
                path = Path(root, file)
                inner = f"{name}/{path.relative_to(folder).as_posix()}"
                if path.is_symlink() or unfit(f"config/{inner}") or (largest and _size(path) > largest):
                    self.left_out(inner, "it is a link, very large, or has a name that a backup cannot hold")
                    continue
                number += 1
                if largest and number > _MOST:
                    self.left_out(inner, "there are too many files")
                    return
                if largest:
                    yield from self._file(path, inner)
                else:
                    yield Thing(inner, path)

    def _place(self, setting: str) -> Path | None:
        told = self._told.get("configuration", {}).get("general", {}).get(setting)
        folder = Path(self._told["systemStatus"]["workingDir"]) / told if told else None
        with contextlib.suppress(OSError):  # another user's folders may not be looked into
            return folder if folder and folder.is_dir() else None
        return None

    def _read(self, path: Path, name: str) -> bytes | None:
        try:
            if path.stat().st_size <= _LARGEST:
                return path.read_bytes()
            reason = "it is very large"
        except OSError as error:
            reason = error.strerror or str(error)
        self.left_out(f"config/{name}", reason)
        return None

    def left_out(self, name: str, reason: str) -> None:
        """Note that something is not inside, and why."""
        self.not_inside[name] = reason
        self.warnings.append(f"{name} was left out: {reason}.")
