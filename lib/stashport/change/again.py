"""What a planned step comes to when it is its turn: is the record still as the plan saw it, and what has become of what the plan itself makes.  Pure."""

from __future__ import annotations

import copy
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from stashport.change.merge import Change
from stashport.change.merge_fields import Clash
from stashport.change.steps import TIMES
from stashport.change.translate import translated
from stashport.change.values import meaning, same, told
from stashport.errors import BadFilter
from stashport.model.fields import KINDS
from stashport.model.records import Record, keep_references, number_of, reference_fields, references
from stashport.model.table import LISTS, Field, Kind

CREATED, UPDATED, UNCHANGED, SKIPPED, CONFLICTS, FAILED = "created", "updated", "unchanged", "skipped", "conflicts", "failed"
PlanAgain = Callable[[Record, Collection[str]], tuple[list[Change], list[Clash]]]
_FAR = 10**15
_PENDING = re.compile("-[0-9]+")
_LIES = ("files", "visual_files", "folder")
_REFERRING = {kind.name: reference_fields(kind.fields) for kind in KINDS}


class Judged(NamedTuple):
    """What becomes of a change.

    outcome    what it ended as; "" when there is something to be sent
    reason     why it is not what was planned
    before     the fields that this run changes, as they were before it did; with "id"
    after      the same fields as they shall be
    mine       the fields to be sent, as they are now; with "id"
    """

    outcome: str
    reason: str
    before: Record
    after: Record
    mine: Record


def judged(
    kind: Kind, before: Record, after: Record, fresh: Record, *, begun: bool = False, refused: str = CONFLICTS, again: PlanAgain | None = None
) -> Judged:
    """Look at a change again, now that the record has been read afresh.

    before, after   what the plan says, or, when it was `begun` by a run that was killed, what that run wrote into its journal
    again           plans the fields that somebody else has changed meanwhile; where it is None, or leaves something open, nothing is written, and
                    the outcome is `refused`
    A field that the reader cannot tell is taken to be as the plan saw it.  When a record was changed says nothing: what the plan itself did changed that.
    """
    names = [f.name for f in kind.fields if f.name in after]
    now = {name: fresh.get(name, before[name]) for name in names}
    odd = [name for name in names if name not in TIMES and not expected(kind.by_name[name], now[name], before[name], after[name], begun=begun)]
    was = {name: before[name] if begun and name not in odd else now[name] for name in names}
    wanted, outcome, reason = dict(after), "", ""
    if odd:
        reason = f"changed since the plan was made: {labels(kind, odd)}"
        changes, clashes = again(fresh, odd) if again else ([], odd)
        if clashes:
            wanted, outcome = now, refused
        else:
            wanted |= {name: now[name] for name in odd} | {change.field: change.after for change in changes if change.field in odd}
            reason += "; planned again"
    # Of rows that were written already nobody knows whether their times were, which do not count as a difference: they are sent once more.
    rows = {name for name in names if begun and not outcome and kind.by_name[name].type == "rows"}
    if begun:  # the texts that it wrote are there without the blanks at their ends
        wanted |= {name: now[name] for name in names if name not in rows and agree(kind.by_name[name], _trimmed(now[name]), _trimmed(wanted[name]))}
    sent = [name for name in names if name in rows or not agree(kind.by_name[name], now[name], wanted[name])]
    changed = [name for name in names if not agree(kind.by_name[name], was[name], wanted[name])] if begun else sent
    if not outcome and not sent:
        outcome = UPDATED if changed else UNCHANGED
    parts = ((was, changed), (wanted, changed), (now, sent))
    return Judged(outcome, reason, *({"id": fresh["id"], **{name: side[name] for name in chosen}} for side, chosen in parts))


def agree(field: Field, one: Any, other: Any) -> bool:
    """Whether two values mean the same, as far as both tell it."""
    return same(told(field, one, other), one, other)


def labels(kind: Kind, names: Iterable[str]) -> str:
    """Names of fields for people."""
    return ", ".join(kind.by_name[name].label.lower() for name in names)


def expected(field: Field, now: Any, before: Any, after: Any, *, begun: bool) -> bool:
    """Whether a value is one that the plan, or the run that had `begun` with it, left there."""
    if agree(field, now, before) or agree(field, now, after):
        return True
    return begun and between(field, *map(_trimmed, (now, before, after)))


def _trimmed(value: Any) -> Any:
    """A value as Stash stores it, which cuts blanks off at the ends of texts."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return [_trimmed(one) for one in value]
    return {name: _trimmed(one) for name, one in value.items()} if isinstance(value, dict) else value


def between(field: Field, now: Any, before: Any, after: Any) -> bool:
    """Whether a value is one of two, or a list on its way from one to the other: nothing in it that neither has, and of what both have no less."""
    if field.type == "map":
        now, before, after = (side or {} for side in (now, before, after))
        return all(now.get(name) in (before.get(name), after.get(name)) for name in {*now, *before, *after})
    if field.type not in LISTS:
        return agree(field, now, before) or agree(field, now, after)
    field = told(field, now, before, after)
    have, had, wanted = (Counter(meaning(field, [item]) for item in side or ()) for side in (now, before, after))
    return all(min(had[one], wanted[one]) <= have[one] <= max(had[one], wanted[one]) for one in have | had | wanted)


def changed_fields(kind: Kind, recorded: Record, fresh: Record) -> list[str]:
    """The fields in which a record is no longer as it was recorded, as far as both tell.  Times do not count, nor what a scan finds out.

    What is gone from its references does not count either: that record was deleted, and nobody did anything to this one.
    """
    left = {one for _, one in references(fresh, _REFERRING[kind.name])}
    recorded = copy.deepcopy(recorded)
    keep_references(recorded, _REFERRING[kind.name], lambda _, one: one in left)
    watched = (f for f in kind.fields if f.type != "time" and f.write != "never" and f.name in recorded and f.name in fresh)
    return [f.name for f in watched if not agree(f, recorded[f.name], fresh[f.name])]


# --- what the plan itself makes -----------------------------------------------------------------------------------------------------------------------------


def resolved(kind: Kind, record: Record, made: Callable[[str, int], int | None], mode: str = "") -> tuple[Record, list[str]]:
    """(a record whose references all are the target's, those that could not be made, as "tag:-5").

    made   gives the number that became of one of the source's
    mode   of a saved filter that does not tell it itself
    """
    criteria = record.get("object_filter")
    spread = _spread(criteria)
    if spread == criteria and not any(":-" in one for _, one in references(record, _REFERRING[kind.name])):
        return record, []
    whole, lost = redirected(kind, {**record, "object_filter": spread} if criteria else record, lambda one: _made(one, made), mode)
    return whole, [f"{one.partition(':')[0]}:-{number - _FAR}" if (number := number_of(one)) > 0 else one for one in lost]


def redirected(kind: Kind, record: Record, lookup: Callable[[str], str | None], mode: str = "") -> tuple[Record, list[str]]:
    """(a record with other references, those for which `lookup` has none).

    What leads nowhere is left out: a field that is one reference is not told then, a marker goes with its primary tag.
    """
    told = {**record, "mode": record.get("mode") or mode} if record.get("object_filter") else record
    try:
        whole, lost = translated(kind, told, lookup)
    except (BadFilter, KeyError):  # criteria that nobody knows stay as they are; KeyError: a mode that is none
        return record, []
    for name in [name for name in whole if name not in record or (whole[name] is None and record[name] is not None)]:
        del whole[name]
    if lost and whole.get("scene_markers"):
        whole["scene_markers"] = [row for row in whole["scene_markers"] if row["primary_tag"]]
    return whole, lost


def _spread(criteria: Any) -> Any:
    """A saved filter in which all ids are plain numbers, as those who read filters expect them: -5 becomes one that no record has."""
    if isinstance(criteria, list):
        return [_spread(one) for one in criteria]
    if not isinstance(criteria, dict):
        return criteria
    return {name: str(_FAR - int(value)) if name == "id" and _PENDING.fullmatch(str(value)) else _spread(value) for name, value in criteria.items()}


def _made(reference: str, made: Callable[[str, int], int | None]) -> str | None:
    name, number = reference.partition(":")[0], number_of(reference)
    if 0 <= number <= _FAR:
        return reference
    found = made(name, number - _FAR if number > 0 else -number)
    return None if found is None else f"{name}:{found}"


def twins(kind: Kind, wanted: Sequence[Record], found: Iterable[Record]) -> dict[int, Record]:
    """Which of the records that were found is which of those that were to be made: place in `wanted` -> record.

    They are known by their texts, which every method of writing sets at once, and by their files; equal ones in order.  Stash cuts blanks off.
    """
    waiting: dict[tuple[str, ...], dict[Hashable, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, record in enumerate(wanted):
        names = tuple(f.name for f in kind.fields if f.name in record and (f.name in _LIES or (f.type == "text" and _at_once(f))))
        waiting[names][_texts(record, names)].append(place)
    pairs: dict[int, Record] = {}
    for record in found:
        for names, places in waiting.items():
            if free := places.get(_texts(record, names)):
                pairs[free.pop(0)] = record
                break
    return pairs


def _at_once(field: Field) -> bool:
    return field.write != "sql" and " " not in field.write


def _texts(record: Record, names: tuple[str, ...]) -> Hashable:
    told = (record.get(name) or "" for name in names)
    return tuple(tuple(sorted(value)) if isinstance(value, list) else value.strip() for value in told)
