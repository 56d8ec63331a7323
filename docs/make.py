#!/usr/bin/env python3
"""Makes docs/fields.md from the table of fields: python3 docs/make.py.  A test holds the file to what this prints."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent / "lib"))

from stashport.model.fields import EXCLUDED, KINDS  # noqa: E402 - the path has to be set first
from stashport.model.settings import FREE_SECTIONS, SECRET, SETTINGS, key_of  # noqa: E402
from stashport.model.table import Field, Kind  # noqa: E402

_INTRO = """# Fields

What Stash Port knows of a library: every kind of record and every field of it. This page is made from the table that the program itself works with
(`lib/stashport/model/fields.py`), by `python3 docs/make.py`.

- **Type**: `text`, `int`, `float`, `bool`, `date` (`2020-05-17`, or `2020-05`, or `2020`), `time` (as stored, with its offset), `ref` and `refs` (the id of
  another record of the same export, like `tag:3`), `texts`, `times` (a history; repeats count), `rows` (a list of objects, listed below them), `map`, `json`,
  `image` (`md5:` and Stash's checksum of the picture; only when images are exported).
- **Written**: how it gets into a Stash: the name in Stash's API; `mutation X` where it has one of its own; `sql` where only the bulk method can; `never`
  where it is derived or comes from a scan.
- **Merge**: what happens by default when both sides have a value.
- **Privacy**: `public`, `personal`, `path` (tells about your disks), `identifying` (lets others recognise the same thing).
- **Read over**: `both` readers, or `database` alone where Stash's API does not tell it, or `API` alone where no database schema known here holds it.
"""


def page() -> str:
    """The whole page."""
    parts = [_INTRO, *(_kind(kind) for kind in KINDS if kind.table), _settings(), _excluded()]
    return "\n".join(parts)


def _kind(kind: Kind) -> str:
    lines = [f"## {kind.label}", "", f"A record's id is `{kind.name}:` and a number; ids are local to one library.", "",
             "| Field | Type | Written | Merge | Privacy | Read over | |", "|---|---|---|---|---|---|---|"]
    for one in kind.fields:
        lines.append(_row(one))
        lines += [_row(inner, f"{one.name}.") for inner in one.fields]
    return "\n".join([*lines, ""])


def _row(one: Field, before: str = "") -> str:
    kind = f"{one.type} → {one.to}" if one.to else one.type
    over = "database" if one.selection == "" else "both" if one.in_database or before else "API"
    notes = "; ".join(filter(None, [f"since Stash {one.since}" if one.since else "", one.note]))
    written = "" if before else one.write
    return f"| `{before}{one.name}` | {kind} | {written} | {'' if before else one.merge_rule} | {'' if before else one.privacy} | {'' if before else over} | {notes} |"


def _settings() -> str:
    lines = ["## Settings", "", "A record's id is `setting:<section>.<key>`; its `value` is JSON. Told by a running Stash only. This is a list of what may leave:",
             "a setting that is not on it stays where it is.", "", "| Section | Keys |", "|---|---|"]
    for section, listed in SETTINGS.items():
        keys = "all, but for keys that look like secrets" if section in FREE_SECTIONS else ", ".join(f"`{key_of(selection)}`" for selection in listed)
        lines.append(f"| {section} | {keys} |")
    secret = "; ".join(f"`{section}.{key}` ({why})" for section, keys in SECRET.items() for key, why in keys.items())
    return "\n".join([*lines, "", f"Never exported: {secret}; the keys of stash-boxes.", ""])


def _excluded() -> str:
    lines = ["## Left out on purpose", "", "What Stash's API also shows, and why it is not a field of its own here. Whatever ends with `_count` is counted by the server.", "",
             "| | Why |", "|---|---|"]
    lines += [f"| `{kind}.{name}` | {why} |" for kind, names in EXCLUDED.items() for name, why in names.items()]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    (DOCS / "fields.md").write_text(page(), encoding="utf-8")
