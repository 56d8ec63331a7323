r"""Says where a path lies on another machine: rules FROM=TO, of which the longest that fits wins.

Paths are compared and put together by their parts, never as text, so that /data says nothing about /database, and no result mixes separators.  On the
Windows side (C:\..., \\server\share\...) case means nothing and / is as good as \; what lies inside a zip file has a path like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from stashport.errors import BadRequest

_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/]|$)")
_SHARE = re.compile(r"\\\\[^\\/]+[\\/]+[^\\/]+")


@dataclass(frozen=True)
class _Parts:
    r"""A path in parts.  root: "" for /, else C: or \\server\share."""

    root: str
    names: tuple[str, ...]

    @property
    def windows(self) -> bool:
        return bool(self.root)

    @cached_property
    def compared(self) -> tuple[str, ...]:
        """The parts as they are compared."""
        parts = (self.root, *self.names)
        return tuple(part.lower() for part in parts) if self.windows else parts

    @property
    def text(self) -> str:
        if not self.windows:
            return "/" + "/".join(self.names)
        return "\\".join([self.root, *self.names]) if self.names or len(self.root) > 2 else self.root + "\\"


def _parts(path: str) -> _Parts | None:
    """A path in parts; None for one that does not begin at a root."""
    if path.startswith("/"):
        return _Parts("", tuple(filter(None, path.split("/"))))
    found = _DRIVE.match(path) or _SHARE.match(path)
    if found is None:
        return None
    root = "\\\\" + "\\".join(re.split(r"[\\/]+", found[0][2:])) if found[0].startswith("\\") else found[0]
    return _Parts(root, tuple(filter(None, re.split(r"[\\/]", path[found.end() :]))))


def comparable(path: str) -> str:
    """A path in the spelling in which two are compared: on the Windows side without case, with one kind of separator."""
    parts = _parts(path)
    return parts.text.lower() if parts and parts.windows else path


@dataclass(frozen=True)
class PathRule:
    """What lies below `source` lies below `target` on the other side.  Errors: BadRequest for a path that does not begin at a root."""

    source: str
    target: str

    def __post_init__(self) -> None:
        for path in (self.source, self.target):
            if _parts(path) is None:
                raise BadRequest(what=f"{path!r} is no whole path: it must begin with /, a drive like C:\\ or a share like \\\\server\\share.")

    @classmethod
    def parse(cls, text: str) -> PathRule:
        """A rule from FROM=TO; a folder's name may hold = itself, as long as one reading makes two whole paths.  Errors: BadRequest."""
        cuts = [(text[:i].strip(), text[i + 1 :].strip()) for i, letter in enumerate(text) if letter == "="]
        found = next(((source, target) for source, target in cuts if _parts(source) and _parts(target)), None)
        if found is None:
            raise BadRequest(what=f"{text!r} is no path rule: write FROM=TO with two whole paths, like D:\\Media=/data/media.")
        return cls(*found)

    @cached_property
    def ends(self) -> tuple[_Parts, _Parts]:
        """Both paths in parts."""
        source, target = _parts(self.source), _parts(self.target)
        assert source
        assert target
        return source, target

    def __str__(self) -> str:
        return f"{self.source}={self.target}"


@dataclass(frozen=True)
class PathMap:
    """Rules in the order in which they were given; of two that fit equally the first one wins."""

    rules: tuple[PathRule, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> PathMap:
        """A map from texts FROM=TO.  Errors: BadRequest."""
        return cls(tuple(map(PathRule.parse, texts)))

    @cached_property
    def _longest_first(self) -> list[PathRule]:
        return sorted(self.rules, key=lambda rule: -len(rule.ends[0].names))

    def apply(self, path: str) -> tuple[str, PathRule | None]:
        r"""Where a path lies on the other side, and the rule that says so; unchanged and None where no rule fits.

        No rule fits a path with \ in a name, which Linux allows, when it would have to go to Windows, which does not.
        """
        parts = _parts(path) if self.rules else None
        if parts is None:
            return path, None
        for rule in self._longest_first:
            source, target = rule.ends
            length = len(source.compared)
            if parts.windows == source.windows and parts.compared[:length] == source.compared:
                rest = parts.names[length - 1 :]
                if target.windows and any("\\" in name for name in rest):
                    return path, None
                return _Parts(target.root, target.names + rest).text, rule
        return path, None

    def inverse(self) -> PathMap:
        """The way back.  It leads every mapped path to where it came from as long as no two targets lie within each other; see `overlaps`."""
        return PathMap(tuple(PathRule(rule.target, rule.source) for rule in self.rules))

    def overlaps(self) -> Iterator[tuple[PathRule, PathRule]]:
        """Rules, two at a time, of which the second leads into what the first leads to: two files might end in one place."""
        for outer in self.rules:
            for inner in self.rules:
                ends = outer.ends[1].compared, inner.ends[1].compared
                if outer is not inner and outer.ends[1].windows == inner.ends[1].windows and ends[1][: len(ends[0])] == ends[0]:
                    yield outer, inner
