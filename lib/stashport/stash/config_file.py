"""Stash's config.yml, when no Stash is there to be asked: reads single settings, and changes one while every other byte stays what it was.

Only settings of the top level that stand on one line are understood, which those that matter here do when Stash itself wrote them.  Where somebody
spelt one in another of YAML's many ways, that is said, and nothing is guessed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import shutil
from pathlib import Path

from stashport.atomic import file_error, publish, temporary_beside
from stashport.errors import CannotSwitch

_LARGEST = 16 << 20
_VALUE = r"""(?P<value>"(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*'|[^\s"'#&*!|>%@`\[\]{},?\-][^\n]*?)"""
_PLAIN = re.compile(r"[A-Za-z/][\w/.-]*")
_ODD_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


class ConfigFile:
    """A config.yml.

    path   the file itself; a link is followed, as Stash does when it writes
    Errors: CannotSwitch when it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self.path = path.resolve()
            if not self.path.is_file() or self.path.stat().st_size > _LARGEST:
                raise CannotSwitch(database="another database", reason=f"{path} is no config.yml", instead="Name the file that Stash is started with.")
            self.text = self.path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CannotSwitch(database="another database", reason=f"{path} cannot be read ({error})",
                               instead="Run this as the user that Stash runs as.") from error

    def get(self, key: str) -> str | None:
        """A setting's text; None where it is not there, or not on one line."""
        found = self._find(key)
        return _meant(found["value"]) if found else None

    def _find(self, key: str) -> re.Match[str] | None:
        found = list(re.finditer(rf"(?m)^{re.escape(key)}:[ \t]+{_VALUE}(?P<rest>[ \t]+#[^\n]*?)?[ \t]*\r?$", self.text))
        return found[0] if len(found) == 1 else None

    def put(self, key: str, value: str) -> Path:
        """Change a setting in the file, durably; the copy of the file as it was.

        Errors: CannotSwitch when the file does not have it on one line of its own, or not alone; CannotWrite, DiskFull.
        """
        found = self._find(key)
        if found is None or _meant(found["value"]) is None:
            raise CannotSwitch(database=value, reason=f"{self.path} does not have `{key}:` on one line of its own, as Stash writes it",
                               instead=f"Change it yourself to `{key}: {_spelt(value)}`, and start Stash.")
        text = self.text[: found.start("value")] + _spelt(value) + self.text[found.end("value") :]
        _check(self.text, text, key, value)
        kept = self._keep()
        self._replace(self.path, text.encode())
        self.text = text
        return kept

    def _keep(self) -> Path:
        """A copy beside it, which is as private: it holds keys and passwords."""
        now = dt.datetime.now(dt.timezone.utc)
        kept = self.path.with_name(f"{self.path.name}.before-{now:%Y%m%d-%H%M%S}-{now.microsecond:06}")
        self._replace(kept, self.text.encode())
        return kept

    def _replace(self, target: Path, data: bytes) -> None:
        temporary = temporary_beside(target)
        try:
            with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(data)
            like(temporary, self.path)
            publish(temporary, target, overwrite=True)
        except OSError as error:
            raise file_error(error, target) from error
        finally:
            temporary.unlink(missing_ok=True)


def like(path: Path, model: Path) -> None:
    """Give a file or folder the mode of another one of its kind, and its owner where we may: what root restores, Stash must be able to write."""
    shutil.copymode(model, path)
    own(path, model)


def own(path: Path, model: Path) -> None:
    """Give a file or folder the owner of another one, where we may."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        told = model.stat()
        with contextlib.suppress(PermissionError):  # some network file systems let nobody do that
            os.chown(path, told.st_uid, told.st_gid)


def _meant(value: str) -> str | None:
    """What a YAML scalar of one line says; None for escapes that only YAML knows."""
    if value.startswith("'"):
        return value[1:-1].replace("''", "'")
    if value.startswith('"'):
        with contextlib.suppress(ValueError):
            return str(json.loads(value))
        return None
    return value.strip()


def _spelt(value: str) -> str:
    """A text as YAML: plain where nothing else could be meant, else in quotes."""
    if _PLAIN.fullmatch(value) and value.lower() not in _ODD_WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def _check(before: str, after: str, key: str, value: str) -> None:
    """Where YAML can be read here: that nothing but this setting has become another."""
    try:
        import yaml
    except ImportError:
        return
    told = []
    for text in (before, after):
        try:
            told.append(yaml.safe_load(text))
        except (yaml.YAMLError, RecursionError):
            told.append(None)
    if not isinstance(told[0], dict) or told[1] != {**told[0], key: value}:
        raise CannotSwitch(database=value, reason="config.yml would not say the same of everything else afterwards",
                           instead=f"Change `{key}:` in it yourself, and start Stash.")
