"""What a plan consists of: steps, each about one record, in words that apply, undo, the panel and the report share.

    create      a record that the target lacks: `record` holds its fields
    update      fields of a record that is there get other values: `changes`
    link        the same, for what can only be written once other records are there (parents, aliases, covers ...); belongs to a create or update
    delete      a record goes; only undoing, and syncing where it is asked for, does that
    conflict    a person must decide: `clashes` by field, or `candidates` where nobody knows which record it is
    deferred    it cannot be written yet: its file is not in the target
    skip        it is left out, for the reason that is told

References in `record` and in what changes hold after are the target's; those to records that the plan itself creates are negative: "tag:-5" is what becomes
of the source's tag 5.  What is unchanged is no step: it is counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stashport.change.merge import Change
from stashport.change.merge_fields import Clash
from stashport.model.records import Record
from stashport.model.table import Kind

CREATE, UPDATE, LINK, DELETE, CONFLICT, DEFERRED, SKIP, UNCHANGED = "create", "update", "link", "delete", "conflict", "deferred", "skip", "unchanged"
ACTIONS = (CREATE, UPDATE, LINK, DELETE, CONFLICT, DEFERRED, SKIP)
WRITING = (UPDATE, CREATE, LINK, DELETE)

# What can only be written once all records of all kinds are there: other records of the same kind, names that others may still hold, images of a gallery.
LATE = {
    "tag": ("aliases", "parents"), "studio": ("aliases", "parent_studio"), "group": ("sub_groups",), "gallery": ("cover", "chapters"),
}


TIMES = ("created_at", "updated_at")  # every other change sets the latter


@dataclass(frozen=True)
class Step:
    """One step.

    kind, name     of the record; the name is what people call it
    source         "scene:5" in the source; "" where no source says so
    target         "scene:17" in the target; "scene:-5" for what a create of the same plan makes; "" for what is not there
    tier           what says that the two are the same
    reason         why, in words
    counted        whether it stands for its record in counts: each record counts once, however many steps it takes
    record         create: the fields; update and link: what the source says of the fields that change, for planning again when the target's changed;
                   conflict with candidates: what these are called, {"source": {number: name}, "target": ..}
    changes        update, link: the fields, before and after
    clashes        conflict: fields that need a decision
    candidates     conflict: numbers that might be the same, ([in the source], [in the target])
    """

    kind: str
    action: str
    source: str = ""
    target: str = ""
    name: str = ""
    tier: str = ""
    reason: str = ""
    counted: bool = True
    record: Record | None = None
    changes: tuple[Change, ...] = ()
    clashes: tuple[Clash, ...] = ()
    candidates: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    @property
    def before(self) -> Record:
        """The fields that change, as they are."""
        return {"id": self.target, **{change.field: change.before for change in self.changes}}

    @property
    def after(self) -> Record:
        """The fields that change, as they shall be."""
        return {"id": self.target, **{change.field: change.after for change in self.changes}}

    def body(self) -> dict[str, Any]:
        """What does not stand in the columns of a plan; `parsed` reads it."""
        told: dict[str, Any] = {}
        if self.record is not None:
            told["record"] = self.record
        if self.changes:
            told["changes"] = [[one.field, one.before, one.after, one.reason] for one in self.changes]
        if self.clashes:
            told["clashes"] = [[one.field, one.mine, one.theirs, one.base, one.reason] for one in self.clashes]
        if self.candidates is not None:
            told["candidates"] = self.candidates
        return told


def parsed(columns: dict[str, Any], body: dict[str, Any]) -> Step:
    """A step from what a plan keeps of it."""
    found = body.get("candidates")
    return Step(
        **columns,
        record=body.get("record"),
        changes=tuple(Change(*one) for one in body.get("changes", ())),
        clashes=tuple(Clash(*one) for one in body.get("clashes", ())),
        candidates=(tuple(found[0]), tuple(found[1])) if found else None,
    )


def phase_of(kind: Kind, name: str) -> int:
    """When a field is written: at once (0), when all records are there (1), or when nothing else changes the record any more (2)."""
    return 2 if name in TIMES else 1 if name in LATE.get(kind.name, ()) else 0


def split(kind: Kind, changes: Iterable[Change]) -> dict[int, list[Change]]:
    """Changes of a record by when they are written, in that order."""
    parts: dict[int, list[Change]] = {}
    for one in sorted(changes, key=lambda one: phase_of(kind, one.field)):
        parts.setdefault(phase_of(kind, one.field), []).append(one)
    return parts
