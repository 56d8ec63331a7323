"""`bundle.json`: what a bundle is, whence, what is inside, what is not, and what it takes to use it.

Its bytes are the one canonical spelling of what they mean: keys sorted, two blanks of indent, UTF-8, one line end at the end.  A key that is not known here
is left alone, so that later releases can add some without a new version of the format.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from typing import Any

from stashport import __version__
from stashport.bundle.members import LIST
from stashport.bundle.packing import SUFFIXES
from stashport.errors import BundleDamaged, NewerFile, NotABundle
from stashport.model.fields import FORMAT_VERSION
from stashport.model.records import to_bytes

FORMAT, VERSION = "stash-port bundle", 1
LONGEST = 16 << 20
ALWAYS = ("scenes", "performers", "studios", "tags", "files", "blobs")  # told of even when there are none

_NONE, _NOTHING = type(None), object()
_TEXT, _MAYBE = (str,), (str, _NONE)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# The keys that must be there, with the types of their values: a dict holds further keys, a list the types of its items.
_SHAPE: dict[str, Any] = {
    "format": _TEXT, "formatVersion": (int,), "recordsVersion": (int,), "id": _TEXT, "timestamp": _TEXT, "version": _TEXT,
    "source": {"stashVersion": _MAYBE, "databaseVersion": _MAYBE, "instanceId": _MAYBE},
    "content": {name: {"count": (int,), "size": (int,)} for name in ALWAYS} | {"files": {"included": (bool,), "count": (int,), "size": (int,)}},
    "options": {"compression": _TEXT, "encryption": (bool,), "integrity": {"algorithm": _TEXT, "checksum": _TEXT}},
    "restoration": {"compatible": (bool,), "requirements": [_TEXT], "warnings": [_TEXT]},
    "fields": {}, "notInside": {}, "choices": {}, "members": {"name": _TEXT, "count": (int,), "size": (int,)},
}


def new_header(
    *, source: dict[str, Any] | None = None, compression: str = "gzip", encrypted: bool = False, choices: dict[str, Any] | None = None,
    fields: dict[str, list[str]] | None = None, not_inside: dict[str, str] | None = None, requirements: list[str] | None = None,
    warnings: list[str] | None = None, compatible: bool = True, privacy: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What is known of a bundle before it is written; the writer adds content, members and checksum.

    source       stashVersion, databaseVersion, instanceId (None where it cannot be told), and what else is worth keeping
    fields       the fields of the records by plural name
    not_inside   field -> why it is not inside
    privacy      what was kept back from it, and what that means; no key of its own where nothing is known of that, as in a pack of images
    """
    now = dt.datetime.now(dt.timezone.utc)
    return {
        "format": FORMAT, "formatVersion": VERSION, "recordsVersion": FORMAT_VERSION, "id": str(uuid.uuid4()),
        "timestamp": now.isoformat(timespec="seconds").replace("+00:00", "Z"), "version": __version__,
        "source": {"stashVersion": None, "databaseVersion": None, "instanceId": None, **(source or {})},
        "options": {"compression": compression, "encryption": encrypted},
        "restoration": {"compatible": compatible, "requirements": requirements or [], "warnings": warnings or []},
        "fields": fields or {}, "notInside": not_inside or {}, "choices": choices or {}, **({"privacy": privacy} if privacy else {}),
    }


def completed(header: dict[str, Any], content: dict[str, Any], count: int, size: int, checksum: str) -> dict[str, Any]:
    """The header with what is known when all members are written."""
    options = {**header["options"], "integrity": {"algorithm": "SHA-256", "checksum": checksum}}
    return {**header, "content": full_content(content), "options": options, "members": {"name": LIST, "count": count, "size": size}}


def full_content(content: dict[str, Any]) -> dict[str, Any]:
    """Counts and sizes, with those of the kinds that are always told of, and whether files are told of."""
    whole = {**{name: {"count": 0, "size": 0} for name in ALWAYS}, **content}
    whole["files"] = {"included": "files" in content, **whole["files"]}
    return whole


def dump(header: dict[str, Any]) -> bytes:
    """The canonical spelling."""
    return to_bytes(json.dumps(header, ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False)) + b"\n"


def load(text: bytes, place: str) -> dict[str, Any]:
    """A header that this version can read.  Errors: NotABundle, NewerFile, BundleDamaged."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT or type(header.get("formatVersion")) is not int:
        raise NotABundle(place=place, reason="its bundle.json is not ours")
    if header["formatVersion"] > VERSION:
        raise NewerFile(place=place, version=header["formatVersion"], known=VERSION)
    if type(header.get("recordsVersion")) is int and header["recordsVersion"] > FORMAT_VERSION:
        raise NewerFile(place=place, version=f"{VERSION}, records {header['recordsVersion']}", known=f"{VERSION}, records {FORMAT_VERSION}")
    if reason := wrong(header) or ("" if _spelt(header, text) else "its spelling is not canonical"):
        raise BundleDamaged(place=place, reason=f"bundle.json: {reason}")
    return header


def wrong(header: dict[str, Any]) -> str:
    """What is wrong with a header; "" when nothing is."""
    if reason := _misshapen(header, _SHAPE, ""):
        return reason
    checks = (
        (header["formatVersion"] == VERSION and header["recordsVersion"] >= 1, "formatVersion"),
        (_UUID.fullmatch(header["id"]), "id"), (_TIME.fullmatch(header["timestamp"]), "timestamp"),
        (header["options"]["compression"] in SUFFIXES, "options.compression"),
        (header["options"]["integrity"]["algorithm"] == "SHA-256", "options.integrity.algorithm"),
        (_SHA256.fullmatch(header["options"]["integrity"]["checksum"]), "options.integrity.checksum"),
        (header["members"]["name"] == LIST and header["members"]["count"] >= 0 and header["members"]["size"] >= 0, "members"),
    )
    return next((f"{name} is none" for good, name in checks if not good), "")


def _misshapen(value: Any, shape: Any, where: str) -> str:
    if isinstance(shape, tuple):
        return "" if type(value) in shape else f"{where} is missing or of another type"
    if isinstance(shape, list):
        return "" if isinstance(value, list) and all(type(item) in shape[0] for item in value) else f"{where} is missing or of another type"
    if not isinstance(value, dict):
        return f"{where} is missing or of another type"
    return next((found for key, inner in shape.items() if (found := _misshapen(value.get(key, _NOTHING), inner, f"{where}.{key}".strip(".")))), "")


def _spelt(header: dict[str, Any], text: bytes) -> bool:
    try:
        return dump(header) == text
    except (ValueError, RecursionError):
        return False
