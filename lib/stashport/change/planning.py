"""Makes a plan: what would be done to a target so that it takes in a source.  Reads both, and writes nothing but the plan.

For each kind in the order of the table: matched records are merged field by field, those without counterpart become creates, or wait for their files,
what nobody can decide becomes a conflict.  Memory does not grow with the libraries: the target's records wait in a scratch table.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from stashport.change.aside import Aside, number_in, rest_of
from stashport.change.births import SCANNED, Births, Pairing, opened_zips
from stashport.change.carried import GONE, carried
from stashport.change.compare import name_of
from stashport.change.decisions import Decisions
from stashport.change.losses import fitted, of_change, of_record
from stashport.change.match import Matches
from stashport.change.merge import Change, merged, rule_of
from stashport.change.plan_file import PlanWriter
from stashport.change.plan_settings import plan_settings
from stashport.change.steady import Steady, referred
from stashport.change.steps import CONFLICT, CREATE, DEFERRED, LATE, LINK, SKIP, UNCHANGED, UPDATE, Step, split
from stashport.change.taken import UNIQUE, Names
from stashport.change.values import blank
from stashport.change.wish import Made, Wish
from stashport.model.fields import KINDS, SETTING
from stashport.model.reader import Reader
from stashport.model.records import IdSet, Record, number_of
from stashport.model.table import LISTS, Field, Kind

FILES, INNER, MAIN, LATER, LAST = range(-2, 3)  # what lies in zip files comes after these
Progress = Callable[[Kind, int], object]
_NAMING = frozenset({"name", "title", "path"})
_THERE, _LEFT, _WAITS = "it is in this library already, and stays as it is", "it was decided to leave it out", "its file or folder is not in this library yet"
_FREED = "its name is another one's that this plan renames: plan again once that is done"
_OTHERS = "other records of the kind have it as their name or alias"


class Planner:
    """One plan on its way.  `make` does all of it.

    Errors: those of the readers and of Scratch; BadRequest for a strategy that is none.
    """

    def __init__(self, source: Reader, target: Reader, matches: Matches, wish: Wish, decisions: Decisions, plan: PlanWriter) -> None:
        self._source, self._target, self._wish, self._decisions, self._plan = source, target, wish, decisions, plan
        self._pairing = Pairing(matches, decisions)
        self._births = Births()
        self._names = Names(target)
        self.made = Made()
        told = {kind.name for kind in source.kinds()} & {kind.name for kind in target.kinds()}
        self.kinds = [kind for kind in KINDS if kind.name in told and kind.table and (wish.kinds is None or kind.name in wish.kinds)]
        self._strategy = wish.merging()
        self._lookup = lru_cache(50_000)(self._counterpart)
        self._opened: frozenset[str] = frozenset()
        self._steady = Steady(self._pairing, decisions, self._lookup)

    def make(self, progress: Progress) -> Made:
        """Plan everything; what is no step is in the result."""
        for kind in self.kinds:
            self._births.look(kind, self._source, self._pairing, self._wish.only.get(kind.name), possible=not self._wish.not_created(kind),
                              narrowed=kind.name in self._wish.fields, create_files=self._wish.create_files)
            if kind.name in UNIQUE:
                self._look_at_names(kind)
        for kind in self.kinds:
            self._conflicts(kind)
            self._pairs(kind, progress)
            self._others(kind, progress)
        if self._wish.settings and SETTING in self._source.kinds() and SETTING in self._target.kinds():
            plan_settings(self._source, self._target, self.made, self._plan, LATER, self._lookup)
        self._names.close()
        return self.made

    # --- what has no pair ---------------------------------------------------------------------------------------------------------------------------------

    def _look_at_names(self, kind: Kind) -> None:
        """New records whose names are taken are none: nothing may refer to them."""
        taken, new = IdSet(), self._births.new[kind.name]
        for batch in self._source.batches(kind, self._naming(kind), new) if len(new) else ():
            for record in batch.records:
                number = number_of(record["id"])
                if self._names.clash(kind, -number, record.get("name")):
                    taken.add(number)
                else:
                    self._names.take(kind, -number, record.get("name"))
        self._births.hold_back(kind.name, taken)

    def _conflicts(self, kind: Kind) -> None:
        only, ours, theirs = self._wish.only.get(kind.name), IdSet(), IdSet()
        for conflict in self._pairing.conflicts(kind.name):
            if any(only is None or n in only for n in conflict.a):
                ours.add_all(conflict.a)
                theirs.add_all(conflict.b)
        if not len(ours):
            return
        fields = self._naming(kind)
        with Aside(self._source, kind, fields, ours) as names, Aside(self._target, kind, fields, theirs) as others:
            for conflict in self._pairing.conflicts(kind.name):
                wanted = [n for n in conflict.a if only is None or n in only]
                if wanted:
                    about = names.record(wanted[0]) or {"id": f"{kind.name}:{wanted[0]}"}
                    called = {side: {n: name_of(one) for n in numbers if (one := aside.record(n))}
                              for side, aside, numbers in (("source", names, conflict.a), ("target", others, conflict.b))}
                    self._plan.add(Step(kind.name, CONFLICT, source=about["id"], tier=conflict.tier, reason=conflict.reason, name=name_of(about),
                                        candidates=(conflict.a, conflict.b), record=called))
                    self.made.tally(kind, CONFLICT, len(wanted) - 1)

    def _others(self, kind: Kind, progress: Progress) -> None:
        """What has no counterpart."""
        births, only = self._births, self._wish.only.get(kind.name)
        said = IdSet()
        said.add_all(n for n in self._pairing.left(kind.name) if only is None or n in only)
        reason = self._wish.not_created(kind)
        if kind.name not in self._wish.fields and kind.name in ("file", "folder") and reason:
            self.made.skip(kind, reason, len(births.left[kind.name]))  # what has these files waits for them, and is listed: that is enough
            births.left[kind.name] = IdSet()
        for numbers, action, why in ((births.waiting[kind.name], DEFERRED, _WAITS), (births.left[kind.name], SKIP, reason), (said, SKIP, _LEFT)):
            for batch in self._source.batches(kind, self._naming(kind), numbers) if len(numbers) else ():
                for record in batch.records:
                    self._plan.add(Step(kind.name, action, source=record["id"], name=name_of(record), reason=why))
                progress(kind, len(batch))
        if kind.name == "folder" and len(births.new[kind.name]):
            self._opened = opened_zips(self._source, births.new[kind.name])
        for numbers, do in ((births.apart[kind.name], self._apart), (births.new[kind.name], self._create)):
            for batch in self._source.batches(kind, self._source.fields(kind), numbers) if len(numbers) else ():
                for record in batch.records:
                    do(kind, record)
                progress(kind, len(batch))

    def _apart(self, kind: Kind, record: Record) -> None:
        number = number_of(record["id"])
        reason = self._names.clash(kind, -number, record.get("name")) or _FREED
        self._plan.add(Step(kind.name, CONFLICT, record["id"], name=name_of(record), reason=reason, candidates=((number,), ())))

    def _create(self, kind: Kind, record: Record) -> None:
        number = number_of(record["id"])
        about: dict[str, Any] = {"source": record["id"], "target": f"{kind.name}:-{number}", "name": name_of(record)}
        told, reason, lost = carried(kind, record, self._lookup, self._wish.paths)
        if told is None:
            self._plan.add(Step(kind.name, SKIP, reason=reason, **{**about, "target": ""}))
            return
        reason = "it is not in this library yet"
        if kind.name in UNIQUE and told.get("aliases"):
            told["aliases"], dropped = self._names.aliases(kind, -number, told.get("name"), told["aliases"])
            reason += f"; left out, since others have them: {', '.join(dropped)}" if dropped else ""
        for name in lost:
            self.made.lose(kind, name, GONE)
        theirs = self._fitted(kind, told, {})
        told = {name: value for name, value in theirs.items() if name != "id" and (not blank(value) or value == {})}
        cannot, writable = self._wish.cannot(kind), {f.name for f in self._target.fields(kind)}
        for f in (f for f in kind.fields if f.since and f.name in told and f.name not in writable):
            if not blank(told.pop(f.name)):
                self.made.lose(kind, f.name, f"this Stash has no such field: it came with {f.since}")
        for name in [*of_record(told, cannot), *({"zip_file.itself"} & cannot.keys() if record["id"] in self._opened else ())]:
            self.made.lose(kind, name, cannot[name])
            told.pop(name, None)
        late = {name: told.pop(name) for name in LATE.get(kind.name, ()) if name in told}
        times = {"updated_at": told["updated_at"]} if late and "updated_at" in told else {}
        self._plan.add(Step(kind.name, CREATE, reason=reason[:500], record={"id": about["target"], **told}, **about), self._phase(kind, record))
        for phase, part in ((LATER, late), (LAST, times)):
            if part:
                changes = tuple(Change(name, [] if kind.by_name[name].type in LISTS else None, value, "new") for name, value in part.items())
                self._plan.add(Step(kind.name, LINK, counted=False, record={"id": about["target"], **part}, changes=changes, **about), phase)

    def _phase(self, kind: Kind, record: Record) -> int:
        """When a record is made.  The folder that a zip file opens as comes before that file, of which it has the path."""
        if kind.name not in SCANNED:
            return MAIN
        return INNER if record.get("zip_file") and record["id"] not in self._opened else FILES

    # --- what has ---------------------------------------------------------------------------------------------------------------------------------------

    def _pairs(self, kind: Kind, progress: Progress) -> None:
        fields, only = self._merged_fields(kind), self._wish.only.get(kind.name)
        if not fields:
            number = sum(1 for one, _ in self._pairing.pairs(kind.name) if only is None or one in only)
            usual = self._strategy if isinstance(self._strategy, str) else self._strategy.get("*", "merge")
            if kind.name not in self._wish.along and usual in ("skip", "keep"):
                self.made.skip(kind, _THERE, number)
            else:
                self.made.tally(kind, UNCHANGED, number)
            return
        if next(self._pairing.pairs(kind.name), None) is None:
            return
        names = {f.name for f in fields} | self._beside(kind, fields)
        reading, theirs = ({f.name: f for f in reader.fields(kind) if f.name in names} for reader in (self._target, self._source))
        there = tuple(f for name, f in reading.items() if name in theirs)
        here = tuple(f for name, f in theirs.items() if name in reading)
        steady = all(self._steady.keeps_numbers(name) for name in referred(here))
        with Aside(self._target, kind, there) as aside:
            for batch in self._source.batches(kind, here, only):
                for line in batch.lines:
                    found = self._pairing.other(kind.name, number_in(kind, line))
                    if found:
                        self._pair(kind, line, found, aside.line(found[0]), fields, steady=steady)
                progress(kind, len(batch))

    def _pair(self, kind: Kind, line: bytes, found: tuple[int, str], there: bytes | None, fields: tuple[Field, ...], *, steady: bool) -> None:
        if there is None:  # gone while the target was read
            record = json.loads(line)
            self._plan.add(Step(kind.name, SKIP, record["id"], name=name_of(record), reason="it was deleted in the target while the plan was made"))
        elif kind.name != "saved_filter" and rest_of(kind, line) == rest_of(kind, there) and (steady or self._steady.same_references(kind, line)):
            self.made.tally(kind, UNCHANGED)  # most are: what is the same letter by letter need not be looked at
        else:
            self._matched(kind, json.loads(line), found[1], json.loads(there), fields)

    def _matched(self, kind: Kind, record: Record, tier: str, mine: Record, fields: tuple[Field, ...]) -> None:
        about: dict[str, Any] = {"source": record["id"], "target": mine["id"], "name": name_of(record), "tier": tier}
        told, reason, lost = carried(kind, record, self._lookup, self._wish.paths)
        if told is None:
            self._plan.add(Step(kind.name, SKIP, reason=reason, **about))
            return
        changing = {f.name for f in fields}
        for name in lost:
            if name in changing:
                self.made.lose(kind, name, GONE)
        theirs = self._fitted(kind, {name: value for name, value in told.items() if name in changing or name == "updated_at"}, mine)
        decide = self._decisions.asked(kind.name, number_of(record["id"]))
        changes, clashes = merged(kind, mine, theirs, base=mine if self._wish.exact else None, strategy=self._strategy, decide=decide)
        changes = [one for one in changes if one.field in changing]
        reason = f"{', '.join(dict.fromkeys(kind.by_name[clash.field].label.lower() for clash in clashes))}: both libraries tell it, and differently"
        if kind.name in UNIQUE:
            changes, taken, dropped = self._names.fit(kind, mine, changes)
            reason = taken[0].reason if taken else reason
            clashes = [*clashes, *taken]
            if dropped:
                self.made.lose(kind, "aliases", _OTHERS)
                theirs["aliases"] = [one for one in theirs["aliases"] if one not in dropped]
        if clashes:
            self._plan.add(Step(kind.name, CONFLICT, reason=reason, clashes=tuple(clashes), **about))
        possible = self._possible(kind, mine, changes)
        if possible and "updated_at" in changing and not any(one.field == "updated_at" for one in possible):  # every other change sets it
            possible.append(Change("updated_at", mine["updated_at"], theirs["updated_at"], "put back"))
        if possible:
            self._write(kind, possible, theirs, about, counted=not clashes)
        elif changes and not clashes:
            self.made.skip(kind, "what differs is nothing that this way of writing can change")
        elif not clashes:
            self.made.tally(kind, UNCHANGED)

    def _write(self, kind: Kind, changes: list[Change], theirs: Record, about: dict[str, Any], *, counted: bool) -> None:
        action = UPDATE
        for phase, part in split(kind, changes).items():
            wanted = {name: theirs[name] for name in ("updated_at",) if name in theirs}  # which "newer" asks for, should it be planned again
            wanted |= {one.field: one.after if one.reason == "decided" else theirs[one.field] for one in part if one.field in theirs}
            reason = ", ".join(dict.fromkeys(f"{one.field}: {one.reason}" for one in part))
            told: dict[str, Any] = {**about, "reason": reason[:500], "record": {"id": about["target"], **wanted}, "changes": tuple(part)}
            self._plan.add(Step(kind.name, action, counted=counted and action == UPDATE, **told), phase)
            action = LINK

    def _possible(self, kind: Kind, mine: Record, changes: list[Change]) -> list[Change]:
        """The changes that the method can write; the others are counted as lost."""
        cannot = self._wish.unchangeable(kind)
        possible = []
        for change in changes:
            lost = [] if change.field == "title" and (mine.get("files") or mine.get("folder")) else list(of_change(change, cannot))
            for name, _ in lost:
                self.made.lose(kind, name, cannot[name])
            if not any(wholly for _, wholly in lost):
                possible.append(change)
        return possible

    def _fitted(self, kind: Kind, theirs: Record, mine: Record) -> Record:
        """A record as the method can write it; what that takes from it is counted."""
        cannot = self._wish.unchangeable(kind) if mine else self._wish.cannot(kind)
        record, lost = fitted(theirs, mine, cannot)
        for name in lost:
            self.made.lose(kind, name, cannot[name])
        return record

    def _merged_fields(self, kind: Kind) -> tuple[Field, ...]:
        """The fields that may change: those that are wanted, that both sides tell, and that the strategy does not keep anyway."""
        told, wanted = {f.name for f in self._source.fields(kind)}, self._wish.fields.get(kind.name)
        if kind.name in self._wish.along:
            return ()
        named = [f for f in self._target.fields(kind) if f.name in told and (wanted is None or f.name in wanted)]
        return tuple(f for f in named if rule_of(kind, f, self._strategy)[0] != "keep")

    def _beside(self, kind: Kind, fields: tuple[Field, ...]) -> set[str]:
        """What is read beside the fields that may change: what people call a record, and what deciding about these fields needs."""
        names = {f.name for f in fields}
        beside = set(_NAMING) | ({"mode"} if kind.name == "saved_filter" else set())
        if any(rule_of(kind, f, self._strategy)[0] == "newer" for f in fields):
            beside.add("updated_at")
        if self._wish.exact and "title" in names and kind.name in ("scene", "gallery"):
            beside |= {"files", "folder"}
        return beside

    def _naming(self, kind: Kind) -> tuple[Field, ...]:
        return tuple(f for f in self._source.fields(kind) if f.name in _NAMING)

    # --- references -------------------------------------------------------------------------------------------------------------------------------------

    def _counterpart(self, reference: str) -> str | None:
        kind, number = reference.partition(":")[0], number_of(reference)
        pair = self._pairing.other(kind, number)
        return f"{kind}:{pair[0]}" if pair else f"{kind}:-{number}" if self._births.created(kind, number) else None
