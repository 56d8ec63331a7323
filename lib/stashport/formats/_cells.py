"""Cells of CSV: how each type of value is written into one, and read back from it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from stashport.model.records import dumps
from stashport.model.table import Field

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")


def guarded(text: str) -> str:
    """A text that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(_RISKY) else text


def _escape(item: str) -> str:
    return item.replace("\\", "\\\\").replace("|", "\\|") or "\\e"


def split(cell: str) -> list[str]:
    """The items of a list's cell; the reverse of joining them."""
    if not cell:
        return []
    items, item, characters = [], [], iter(cell)
    for c in characters:
        if c == "\\":
            follow = next(characters, "")
            item.append("" if follow == "e" else follow)
        elif c == "|":
            items.append("".join(item))
            item = []
        else:
            item.append(c)
    return [*items, "".join(item)]


def written(field: Field, *, safe: bool) -> Callable[[Any], str]:
    """A function from a field's value to its cell."""
    guard = guarded if safe else str
    if field.type in ("texts", "times", "refs"):
        return lambda value: guard("|".join(map(_escape, value or ())))
    if field.type in ("int", "float"):
        return lambda value: "" if value is None else repr(value)
    if field.type == "bool":
        return lambda value: "" if value is None else "true" if value else "false"
    if field.type == "json":
        return lambda value: "" if value is None else guard(dumps(value))
    return lambda value: "" if value is None else guard(value)


def _finite(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"{cell} is no number")
    return value


def parsed(field: Field, *, safe: bool) -> Callable[[str], Any]:
    """A function from a cell to the field's value, the reverse of `written`.  Errors: ValueError, KeyError."""
    def plain(cell: str) -> str:
        return cell[1:] if safe and cell[:1] == "'" else cell

    if field.type in ("texts", "times", "refs"):
        return lambda cell: split(plain(cell))
    if field.type == "int":
        return lambda cell: int(cell) if cell else None
    if field.type == "float":
        return lambda cell: _finite(cell) if cell else None
    if field.type == "bool":
        return lambda cell: {"": None, "true": True, "false": False}[cell.lower()]
    if field.type == "json":
        return lambda cell: json.loads(plain(cell)) if cell else None
    return lambda cell: plain(cell) or None
