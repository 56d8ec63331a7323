"""How two records of one thing become one: what is written to the target's record, and what a person must decide.  Pure.

Three questions, asked of each field: may it be merged at all (`rule_of`), what do the three sides say (target, other side, and, where there is one, the
base: what both had when they last agreed), and does the strategy decide what these leave open.  Both records and the base must use the references of
the target (translate.py), and only what both sides tell is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import Any

from stashport.change.merge_fields import Clash, Decide, Merging, newer_of
from stashport.change.values import TOLERANCE, is_aliases, same
from stashport.errors import BadRequest
from stashport.model.identity_keys import folded
from stashport.model.records import Record
from stashport.model.table import Field, Kind

STRATEGIES = ("keep", "fill", "replace", "union", "newer", "larger", "a", "b")

# What the presets of a whole run do with each field; None: what the table of fields says for it.
PRESETS: dict[str, str | None] = {"skip": "keep", "overwrite": "replace", "merge": None, "prompt": None}

Strategy = Mapping[str, str] | str
_SCANNED = ("file", "folder")


@dataclass(frozen=True)
class Change:
    """A field of the target's record that gets another value, and why."""

    field: str
    before: Any
    after: Any
    reason: str


def check_strategy(strategy: Strategy) -> None:
    """Whether a strategy is one: a name, or names by field.  Errors: BadRequest."""
    for field, name in ({"*": strategy} if isinstance(strategy, str) else strategy).items():
        if name not in STRATEGIES and name not in PRESETS:
            raise BadRequest(what=f'"{name}" is no way to merge {field.replace("*", "records")}: choose one of {", ".join((*PRESETS, *STRATEGIES))}.')


def rule_of(kind: Kind, field: Field, strategy: Strategy = "merge") -> tuple[str, bool]:
    """(the strategy that holds for a field, whether a person is asked where it would only let the target's value stand).

    `strategy` is a preset or a strategy for all fields, or a mapping of these by "scene.title", by "title" and, for the rest, by "*" ("merge" when it is
    not there); the more exact name counts.  What no one may write is kept.  So are, unless the field itself is named: what a scan finds out (files,
    folders, and which files a record has) and when records were made and changed.
    """
    named = strategy if isinstance(strategy, Mapping) else {"*": strategy}
    own = named.get(f"{kind.name}.{field.name}") or named.get(field.name)
    if field.write == "never" or (not own and (field.type == "time" or kind.name in _SCANNED or field.to == "file")):
        return "keep", False
    name = own or named.get("*", "merge")
    rule = PRESETS.get(name, name) or field.merge_rule
    if name in ("merge", "prompt") and rule == "keep":
        rule = "fill"  # a flag that is told is never blank: without a base this keeps it, and with one it follows the side that changed it
    return rule, name == "prompt"


def merged(
    kind: Kind,
    mine: Record,
    theirs: Record,
    *,
    base: Record | None = None,
    strategy: Strategy = "merge",
    side: str = "a",
    tolerance: float = TOLERANCE,
    decide: Decide | None = None,
) -> tuple[list[Change], list[Clash]]:
    """What the target's record `mine` needs to take in `theirs`: (changes, in the order of the table; what is left to decide).

    `base` is the record on which both sides last agreed: a side that has not changed since yields to the one that has, and only so does a blank ever
    beat a value.  (With `base=mine`, all of `theirs` counts as newly written: that is how a record is put back exactly, with "replace".)
    `side` says which of the twins the target is, for the strategies "a" and "b".  `tolerance` is that of values.key.  `decide` is asked for each clash
    and returns the value to take (in the form of the clash's own `mine`), or UNDECIDED; then nothing of it changes.
    Values that mean the same are never a change, however they are written.  Errors: BadRequest for a strategy that is none.
    """
    check_strategy(strategy)
    changes: list[Change] = []
    merging = Merging(side=side, tolerance=tolerance, newer=newer_of(mine, theirs), decide=decide)
    after: Record = dict(mine)
    for field in kind.fields:
        if field.name not in mine:
            continue
        before, reason = mine[field.name], ""
        incoming = theirs.get(field.name, before)
        if not same(field, before, incoming):
            rule, ask = rule_of(kind, field, strategy)
            told = (base[field.name],) if base is not None and field.name in base else ()
            after[field.name], reason = merging.value(field, rule, before, incoming, told, ask=ask)
        if is_aliases(field) and (lacking := _without_name(mine, after, field)) != after[field.name]:
            after[field.name] = lacking
        if not same(field, before, after[field.name]):
            changes.append(Change(field.name, before, after[field.name], reason or _counted(before or (), after[field.name] or ())))
    return changes, merging.clashes


def _without_name(mine: Record, after: Record, field: Field) -> list[str]:
    """Aliases without the record's own name, which Stash refuses among them; what stood there before stays, as long as the name does."""
    own, before = folded(after.get("name")), mine[field.name] or ()
    renamed = own != folded(mine.get("name"))
    return [one for one in after[field.name] or () if not own or folded(one) != own or (not renamed and one in before)]


def _counted(before: Sized, after: Sized) -> str:
    more = len(after) - len(before)
    return f"{more} more there" if more > 0 else f"{-more} fewer" if more else "other details there"
