"""Makes, from the journal of a run, the plan that takes it back: in the reverse order, to exactly the values that were there before.

Applied with `exact_only`, it is itself a run with a journal, and can be taken back.  What somebody has changed since stays as it is and is listed; so do
records that the run made and that something uses which it did not make.  What the run deleted is made again, under other numbers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stashport.bundle.scratch import Scratch
from stashport.change.again import FAILED, agree, changed_fields, expected, labels, redirected
from stashport.change.batches import GONE, made_meanwhile, read
from stashport.change.journal import Batch, Entry, Journal
from stashport.change.merge import Change
from stashport.change.needed import Needed
from stashport.change.plan_file import PlanWriter
from stashport.change.steps import CREATE, DELETE, LATE, LINK, SKIP, TIMES, UNCHANGED, UPDATE, Step
from stashport.change.values import blank
from stashport.model.fields import BY_NAME
from stashport.model.reader import Reader
from stashport.model.records import IdSet, Record, encode, number_of, reference_fields, references
from stashport.model.table import Kind

_TABLES = (
    "CREATE TABLE later (id TEXT PRIMARY KEY, record BLOB) WITHOUT ROWID",
    "CREATE TABLE times (id TEXT PRIMARY KEY, name TEXT, before BLOB, after BLOB) WITHOUT ROWID",
    "CREATE TABLE reborn (id TEXT PRIMARY KEY, now TEXT) WITHOUT ROWID",
    "CREATE TABLE born (id TEXT PRIMARY KEY, phase INTEGER, name TEXT, record BLOB)",
)
_KNOWN = "Stash goes on knowing it, until its task Clean finds that nothing is there"
_STAYS = {"file": _KNOWN, "folder": _KNOWN}
_TAKEN_BACK, _AGAIN = "as it was before", "made again, under another number"


def undo_plan(
    journal: Journal,
    path: Path,
    reader: Reader,
    *,
    cannot: Callable[[Kind], Mapping[str, str]] = lambda _: {},
    creates: Callable[[Kind], bool] = lambda _: True,
    facts: Mapping[str, Any] | None = None,
) -> str:
    """Write the plan to `path`; its SHA-256.

    reader    of the library as it is now
    cannot, creates   those of the writer: what was deleted can only be made again as far as it can write it
    facts     what else the plan shall tell
    Errors: those of the reader, of the journal and of Scratch; CannotWrite, DiskFull.
    """
    with PlanWriter(path) as plan:
        undo = _Undo(journal, reader, plan, cannot, creates)
        try:
            undo.make()
        finally:
            undo.close()
        return plan.finish({**(facts or {}), "unchanged": undo.unchanged})


class _Undo:
    def __init__(
        self, journal: Journal, reader: Reader, plan: PlanWriter, cannot: Callable[[Kind], Mapping[str, str]], creates: Callable[[Kind], bool]
    ) -> None:
        self._journal, self._reader, self._plan, self._cannot, self._creates = journal, reader, plan, cannot, creates
        self._made = {kind: journal.all_made(kind) for kind in journal.kinds_made()}
        self._deleted = journal.all_deleted()
        self._counted: dict[str, IdSet] = {}
        self._work = Scratch(*_TABLES)
        self._needed = Needed(self._made)
        self._phase = self._last = 0
        self.unchanged: dict[str, Counter[str]] = {}

    def close(self) -> None:
        """Let go of the disk."""
        self._work.close()
        self._needed.close()

    def make(self) -> None:
        """All steps: what was changed and deleted, and then, knowing that, what was made."""
        first = None
        for batch in self._journal.backwards():
            first = batch.number if first is None else first
            self._phase, self._last = first - batch.number, first
            kind = BY_NAME[batch.kind]
            if not batch.ended:
                self._find_out(kind, batch)
            if batch.action == CREATE:
                self._births(kind, batch)
            elif batch.action == DELETE:
                self._deaths(kind, batch)
            else:
                self._changes(kind, batch)
        self._needed.look(self._reader, self._later)
        for identity, phase, name, line in self._work.rows("SELECT id, phase, name, record FROM born"):
            about: dict[str, Any] = {"kind": identity.partition(":")[0], "target": identity, "name": name}
            if reason := _STAYS.get(about["kind"]) or self._needed.reason(about["kind"], number_of(identity)):
                self._plan.add(Step(action=SKIP, reason=reason, **about), phase)
            else:
                self._plan.add(Step(action=DELETE, reason="the run made it", record=json.loads(line), **about), phase)

        self._put_times_back()

    def _put_times_back(self) -> None:
        """Last of all, since every other change sets them."""
        for identity, name, line, told in self._work.rows("SELECT id, name, before, after FROM times"):
            now, times = json.loads(line), json.loads(told)
            kind = BY_NAME[identity.partition(":")[0]]
            if not self._later(identity) and all(agree(kind.by_name[one], now.get(one), value) for one, value in times.items()):
                continue  # nothing else is changed, and they are what they were
            changes = tuple(Change(one, now.get(one), value, _TAKEN_BACK) for one, value in times.items())
            counted = self._first(kind, identity)
            self._plan.add(Step(kind.name, UPDATE, target=identity, name=name, reason=_TAKEN_BACK, counted=counted, changes=changes), self._last + 1)

    def _times(self, identity: str) -> Record:
        row = self._work.one("SELECT after FROM times WHERE id=?", (identity,))
        found: Record = json.loads(row[0]) if row else {}
        return found

    # --- a batch of which nobody saw the answers ----------------------------------------------------------------------------------------------------------

    def _find_out(self, kind: Kind, batch: Batch) -> None:
        """Complete its entries by what is there now."""
        if batch.action == CREATE:
            for place, record in made_meanwhile(kind, batch, self._reader, self._journal).items():
                batch.entries[place].target, batch.entries[place].after = record["id"], {name: value for name, value in record.items() if name != "id"}
                self._made[kind.name].add(number_of(record["id"]))
            return
        names = {name for one in batch.entries for name in one.after or {}}
        fresh = read(self._reader, kind, names, [one.target for one in batch.entries])
        for one in batch.entries:
            there = fresh.get(one.target)
            if batch.action == DELETE:
                one.outcome = FAILED if there is not None else one.outcome
            elif there is not None and one.before is not None and one.after is not None:
                for name in one.after.keys() - {"id"}:
                    now = there.get(name, one.after[name])
                    if expected(kind.by_name[name], now, one.before[name], one.after[name], begun=True):
                        one.after[name] = now

    # --- what was changed ---------------------------------------------------------------------------------------------------------------------------------

    def _changes(self, kind: Kind, batch: Batch) -> None:
        entries = [one for one in batch.entries if one.before is not None and one.after is not None]
        names = {"mode", *(name for one in entries for name in one.after or {})}
        fresh = read(self._reader, kind, names, [one.target for one in entries])
        there = self._there(kind, (one.before or {} for one in entries), fresh)
        for one in entries:
            later = self._later(one.target)
            if kind.table and number_of(one.target) in self._made.get(kind.name, ()):
                self._remember(one.target, {**(one.after or {}), **later})  # it goes as a whole: this is what it should look like until then
            elif one.target not in fresh:
                self._skip(kind, one, GONE)
            else:
                self._change(kind, one, {**fresh[one.target], **later}, later, there)

    def _change(self, kind: Kind, one: Entry, now: Record, later: Record, there: set[str]) -> None:
        before, after = one.before or {}, one.after or {}
        fields = [f for f in kind.fields if f.name in after and f.name not in TIMES]
        names = [f.name for f in fields if not agree(f, now.get(f.name, after[f.name]), before[f.name])]
        odd = [name for name in names if not agree(kind.by_name[name], now.get(name, after[name]), after[name])]
        if odd:
            self._skip(kind, one, f"changed since: {labels(kind, odd)}")
            return
        restored, lost = self._as_now(kind, {name: before[name] for name in names}, there, now.get("mode") or "")
        changes = tuple(Change(name, now.get(name, after[name]), restored[name], _TAKEN_BACK) for name in names if name in restored)
        times = {name: before[name] for name in TIMES if name in after and name not in self._cannot(kind)}
        known = self._times(one.target)
        if times and (changes or known or not fields):  # a later batch saw what an earlier one had left
            self._work.run("INSERT OR REPLACE INTO times VALUES (?,?,?,?)", (one.target, one.name, encode(now), encode({**known, **times})))
        if changes:
            reason = _TAKEN_BACK + (f", but without {', '.join(lost[:5])}: not there any more" if lost else "")
            self._remember(one.target, {**later, **{name: before[name] for name in names}})
            counted = self._first(kind, one.target)
            self._plan.add(Step(kind.name, UPDATE, target=one.target, name=one.name, reason=reason, counted=counted, changes=changes), self._phase)
        elif fields and self._first(kind, one.target):
            self._tally(kind)

    # --- what was made and deleted --------------------------------------------------------------------------------------------------------------------------

    def _births(self, kind: Kind, batch: Batch) -> None:
        entries = [one for one in batch.entries if one.target and one.after is not None]
        fresh = read(self._reader, kind, {name for one in entries for name in one.after or {}}, [one.target for one in entries])
        for one in entries:
            there = fresh.get(one.target)
            if there is None:
                self._tally(kind)
                continue
            if odd := changed_fields(kind, {**(one.after or {}), **self._later(one.target)}, there):
                self._needed.stays(kind.name, number_of(one.target), f"changed since: {labels(kind, odd)}")
            self._work.run("INSERT OR REPLACE INTO born VALUES (?,?,?,?)", (one.target, self._phase, one.name, encode(there)))

    def _deaths(self, kind: Kind, batch: Batch) -> None:
        entries = [one for one in batch.entries if one.before is not None and one.outcome != FAILED]
        there = self._there(kind, (one.before or {} for one in entries), {})
        again = self._there_again(kind, entries)
        for place, one in enumerate(entries):
            if place in again:
                self._work.run("INSERT OR REPLACE INTO reborn VALUES (?,?)", (one.target, again[place]["id"]))
                self._tally(kind)
                continue
            if not self._creates(kind):
                self._skip(kind, one, "this method of writing cannot make it again")
                continue
            cannot = self._cannot(kind)
            told = {name: value for name, value in (one.before or {}).items() if not blank(value) and name not in cannot}
            record, _ = self._as_now(kind, told, there)
            number = number_of(one.target)
            about: dict[str, Any] = {"kind": kind.name, "source": one.target, "target": f"{kind.name}:-{number}", "name": one.name, "reason": _AGAIN}
            late, times = ([Change(name, None, record[name], _AGAIN) for name in names if name in record] for names in (LATE.get(kind.name, ()), TIMES))
            soon = {name: value for name, value in record.items() if name not in LATE.get(kind.name, ())}
            self._plan.add(Step(action=CREATE, record={**soon, "id": about["target"]}, **about), self._phase)
            for phase, part in ((self._last, late), (self._last + 1, times if late else [])):
                if part:
                    self._plan.add(Step(action=LINK, counted=False, changes=tuple(part), **about), phase)

    def _there_again(self, kind: Kind, entries: list[Entry]) -> dict[int, Record]:
        """Those that somebody has made again already, place -> record: later, with the same texts and files."""
        told = [f.name for f in kind.fields if f.type in ("text", "refs")]
        wanted = [Entry(one.place, after={name: value for name, value in (one.before or {}).items() if name in told}) for one in entries]
        above = max((number_of(one.target) for one in entries), default=0)
        return made_meanwhile(kind, Batch(kind.name, CREATE, wanted, above), self._reader, self._journal) if wanted else {}

    # --- what is known ------------------------------------------------------------------------------------------------------------------------------------

    def _there(self, kind: Kind, records: Any, fresh: Mapping[str, Record]) -> set[str]:
        """Those of the records' references that are there now."""
        fields = reference_fields(kind.fields)
        known = {one for record in fresh.values() for _, one in references(record, fields)}
        asked: dict[str, set[str]] = {}
        for record in records:
            for name, one in references(record, fields):
                if one not in known:
                    asked.setdefault(name, set()).add(one)
        for name, ids in asked.items():
            known |= read(self._reader, BY_NAME[name], (), ids).keys()
        return known

    def _again(self, reference: str) -> bool:
        """Whether the plan makes again what is referred to."""
        return number_of(reference) in self._deleted.get(reference.partition(":")[0], ())

    def _as_now(self, kind: Kind, record: Record, there: set[str], mode: str = "") -> tuple[Record, list[str]]:
        """(values of old with references as they are now, those that lead nowhere): to what is made again by a minus."""

        def lookup(reference: str) -> str | None:
            if reference in there:
                return reference
            if self._again(reference):
                now = self._work.one("SELECT now FROM reborn WHERE id=?", (reference,))
                return str(now[0]) if now else reference.replace(":", ":-")
            return reference if kind.name == "saved_filter" else None

        return redirected(kind, record, lookup, mode)

    def _later(self, identity: str) -> Record:
        """The values that a record will have, or should have now, by what the steps after this one did to it."""
        row = self._work.one("SELECT record FROM later WHERE id=?", (identity,))
        found: Record = json.loads(row[0]) if row else {}
        return found

    def _remember(self, identity: str, record: Record) -> None:
        self._work.run("INSERT OR REPLACE INTO later VALUES (?,?)", (identity, encode(record)))

    def _skip(self, kind: Kind, one: Entry, reason: str) -> None:
        counted = self._first(kind, one.target)
        self._plan.add(Step(kind.name, SKIP, target=one.target, name=one.name, reason=reason, counted=counted), self._phase)

    def _tally(self, kind: Kind) -> None:
        """Count a record that is as it was before already."""
        self.unchanged.setdefault(kind.name, Counter())[UNCHANGED] += 1

    def _first(self, kind: Kind, identity: str) -> bool:
        """Whether a record comes by for the first time: it counts once."""
        if not kind.table:
            return True
        seen, number = self._counted.setdefault(kind.name, IdSet()), number_of(identity)
        if number in seen:
            return False
        seen.add(number)
        return True
