#!/usr/bin/env python3
"""Makes what the program itself knows best: docs/fields.md, and the table in docs/changes.md.  python3 docs/make.py; a test holds the files to what this makes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent / "lib"))

from stashport.model.fields import EXCLUDED, KINDS  # noqa: E402 - the path has to be set first
from stashport.model.settings import FREE_SECTIONS, SECRET, SETTINGS, key_of  # noqa: E402
from stashport.model.table import Field, Kind  # noqa: E402
from stashport.stash import writing_limits  # noqa: E402
from stashport.stash.corrections import Corrections  # noqa: E402
from stashport.stash.exact_writer import ExactWriter  # noqa: E402

MARK = "<!-- the table: made by docs/make.py -->\n"
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


# Parts of fields that plans name in a word of their own.
PARTS = {
    "text.blanks": "blanks at the ends of texts",
    "fractions": "fractions of seconds and time zones of",
    "zone": "the time zone of",
    "cleared": "clearing",
    "null": "removing",
    "removed": "taking one out of",
    "further": "more than one of a type of",
    "exponents": "numbers such as `1e+22` in",
    "primary": "the primary tag among",
    "scanned": "those of folders and zip files in",
    "secrets": "keys and passwords in",
}


def limits() -> str:
    """What Stash's API cannot set and why, and whether the method `bulk` can: the table at the end of docs/changes.md."""
    api: Any = writing_limits
    nobody: Any = None
    exact = ExactWriter(api, Corrections(nobody))
    found: dict[tuple[str, str, str], list[str]] = {}
    for kind in KINDS:
        left = exact.cannot(kind)
        for name, why in writing_limits.cannot(kind).items():
            found.setdefault((_limit(name), why, "no" if name in left else "yes"), []).append(kind.label.lower())
    rows: dict[tuple[str, str, str], list[str]] = {}
    for (name, why, bulk), kinds in found.items():
        rows.setdefault((", ".join(kinds), why, bulk), []).append(name)
    lines = ["| What | Of | Why | `bulk` |", "|---|---|---|---|"]
    lines += [f"| {', '.join(names)} | {kinds} | {why} | {bulk} |" for (kinds, why, bulk), names in rows.items()]
    return "\n".join([*lines, ""])


def _limit(name: str) -> str:
    """The name of a limit for people."""
    if name in PARTS:
        return PARTS[name]
    field, _, part = name.rpartition(".")
    return f"{PARTS[part]} `{field}`" if part in PARTS else f"`{name}`"


def changes() -> str:
    """docs/changes.md with the table of today."""
    before, mark, _ = (DOCS / "changes.md").read_text("utf-8").partition(MARK)
    return before + mark + limits()


if __name__ == "__main__":
    (DOCS / "fields.md").write_text(page(), encoding="utf-8")
    (DOCS / "changes.md").write_text(changes(), encoding="utf-8")
