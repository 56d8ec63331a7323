"""docs/privacy.md says what the program does.  Run this file as a program to write its table anew."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.insert(0, str(DOCS.parent / "lib"))

from stashport.model.fields import KINDS  # noqa: E402 - as a program it has to find the package first
from stashport.model.privacy import Privacy  # noqa: E402
from stashport.model.privacy_rules import PROFILES  # noqa: E402
from stashport.model.scrub import PLACEHOLDERS  # noqa: E402

PAGE = DOCS / "privacy.md"
MARK = "<!-- the table: made by tests/unit/test_privacy_docs.py -->\n"


def table() -> str:
    """What leaves by field, as Markdown."""
    share, chosen, anonymous = (
        Privacy.parse(wish).account() for wish in ("share", {"profile": "share", "keepPaths": True, "keepIdentifying": True}, "anonymous")
    )
    lines = ["| Field | `share` | `anonymous` |", "|---|---|---|"]
    for kind in KINDS:
        for name, form in chosen[kind.plural]["leaves"].items():
            if form == "rows":
                continue
            shared = "yes" if name in share[kind.plural]["leaves"] else "chosen"
            lines.append(f"| `{kind.plural}.{name}` | {shared} | {anonymous[kind.plural]['leaves'].get(name, '')} |")
    return "\n".join([*lines, ""])


def test_the_table_is_what_the_program_does() -> None:
    """docs/privacy.md has the table that the lists give today."""
    assert PAGE.read_text("utf-8").partition(MARK)[2] == table()


def test_every_profile_and_choice_is_explained() -> None:
    """The page names every profile, every choice, and every word that stands in for something; its example can be used."""
    text = PAGE.read_text("utf-8")
    words = {*PROFILES, *Privacy().record(), "anonymizeData", *PLACEHOLDERS}
    assert [word for word in words if f"`{word}`" not in text] == []
    example = json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])
    assert Privacy.parse(example["privacy"]).profile == "share"


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text("utf-8").partition(MARK)[0] + MARK + table(), encoding="utf-8")
