"""One batch of a plan: read afresh, judged, written down, sent, read back, written down.  The engine of apply.py."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from stashport.change.again import CONFLICTS, CREATED, FAILED, SKIPPED, UNCHANGED, UPDATED, changed_fields, judged, labels, resolved, twins
from stashport.change.births import SCANNED
from stashport.change.journal import Batch, Entry, Journal
from stashport.change.merge import Change, Strategy, merged
from stashport.change.merge_fields import Clash
from stashport.change.setting_references import is_free
from stashport.change.steps import CREATE, DELETE, Step
from stashport.model.fields import BY_NAME
from stashport.model.reader import Reader
from stashport.model.records import IdSet, Record, number_of
from stashport.model.table import Kind

if TYPE_CHECKING:
    from stashport.change.apply import Target
    from stashport.stash.writing import Written

GONE = "it is not there any more"
DELETED = "deleted"
LOST_FILTER = "what it filters by could not be made"
CHANGED_AT = "updated_at"
_ALONG = ("name", "mode", CHANGED_AT)  # what is asked beside the fields that change

Sent = dict[int, tuple[Record, Record]]
"""By place: what is sent for an entry, (as it is, as it shall be)."""


class Work:
    """The way of batches into one target."""

    def __init__(self, target: Target, journal: Journal, strategy: Strategy, *, put_back: bool, exact_only: bool) -> None:
        self._target, self._journal, self._strategy = target, journal, strategy
        self._put_back, self._exact_only = put_back, exact_only
        self._highest: dict[str, int] = {}

    def do(self, steps: list[tuple[int, Step]]) -> Batch:
        """A batch from its steps."""
        first = steps[0][1]
        entries = [Entry(place, step.source or step.target, step.target, step.name, step.counted) for place, step in steps]
        return self._settled(Batch(first.kind, first.action, entries), dict(steps))

    def settle(self, batch: Batch, steps: Mapping[int, Step]) -> Batch:
        """A batch that was begun and whose answers nobody has seen."""
        return self._settled(batch, steps)

    def _settled(self, batch: Batch, steps: Mapping[int, Step]) -> Batch:
        kind = BY_NAME[batch.kind]
        with self._target.fresh() as reader:
            if batch.action == CREATE:
                sent = self._creates(kind, batch, steps, reader)
            elif batch.action == DELETE:
                sent = self._deletes(kind, batch, steps, reader)
            else:
                sent = self._changes(kind, batch, steps, reader)
        self._journal.begin(batch)
        if sent:
            self._send(kind, batch, sent)
            self._read_back(kind, [one for one in batch.entries if one.place in sent])
        self._journal.end(batch)
        return batch

    # --- before it is sent ------------------------------------------------------------------------------------------------------------------------------

    def _changes(self, kind: Kind, batch: Batch, steps: Mapping[int, Step], reader: Reader) -> Sent:
        for entry in batch.entries:
            if ":-" in entry.target:
                made = self._journal.made(kind.name, -number_of(entry.target))
                entry.target = "" if made is None else f"{kind.name}:{made}"
        names = {change.field for step in steps.values() for change in step.changes}
        fresh = read(reader, kind, {*names, *_ALONG}, [one.target for one in batch.entries])
        sent: Sent = {}
        for entry in batch.entries:
            step = steps[entry.place]
            if entry.outcome:
                continue  # settled before the run was killed
            if not entry.target:
                entry.outcome, entry.reason = SKIPPED, "it was not made, so that nothing can be added to it"
            elif entry.target not in fresh:
                entry.outcome, entry.reason = SKIPPED, GONE
            else:
                self._change(kind, entry, step, fresh[entry.target], sent, begun=bool(batch.number))
        self._keep_images(kind, batch, reader)
        return sent

    def _change(self, kind: Kind, entry: Entry, step: Step, fresh: Record, sent: Sent, *, begun: bool) -> None:
        wanted, lost = resolved(kind, step.after, self._journal.made, fresh.get("mode") or "")
        if lost and kind.name == "saved_filter":
            entry.outcome, entry.reason = SKIPPED, LOST_FILTER
            return
        before, after, changed_at = step.before, wanted, fresh.get(CHANGED_AT)
        if begun and entry.before is not None and entry.after is not None:
            changed_at = entry.before.get(CHANGED_AT)
            before, after = ({name: side[name] for name in side if name in step.after} for side in (entry.before, entry.after))

        def again(mine: Record, fields: Collection[str]) -> tuple[list[Change], list[Clash]]:
            base = mine if self._put_back else None
            source, _ = resolved(kind, step.record or {}, self._journal.made, fresh.get("mode") or "")
            theirs = {name: value for name, value in source.items() if name in fields or name in _ALONG}
            return merged(kind, mine, theirs, base=base, strategy=self._strategy)

        refused = SKIPPED if self._exact_only else CONFLICTS
        plans = again if step.record is not None and not self._exact_only else None
        entry.outcome, entry.reason, entry.before, entry.after, mine = judged(kind, before, after, fresh, begun=begun, refused=refused, again=plans)
        if len(entry.before) == 1:  # nothing but its id
            entry.before = entry.after = None
            _left_out(entry, lost)
            return
        if not entry.outcome:
            sent[entry.place] = (mine, {name: entry.after[name] for name in mine})
        if changed_at is not None and CHANGED_AT not in entry.before and CHANGED_AT not in self._target.writer.cannot_change(kind):
            entry.before, entry.after = ({**side, CHANGED_AT: changed_at} for side in (entry.before, entry.after))  # where it can be put back
        _left_out(entry, lost)

    def _creates(self, kind: Kind, batch: Batch, steps: Mapping[int, Step], reader: Reader) -> Sent:
        found: dict[int, Record] = {}
        if batch.number:
            found = made_meanwhile(kind, batch, reader, self._journal, but=self._looked_up)
        else:
            batch.above = self._above(kind, reader)
            for entry in batch.entries:
                record, lost = resolved(kind, steps[entry.place].record or {}, self._journal.made)
                entry.target, entry.after = "", {name: value for name, value in record.items() if name != "id"}
                if lost and kind.name == "saved_filter":
                    entry.after, entry.outcome, entry.reason = None, SKIPPED, LOST_FILTER
                if kind.name not in SCANNED:  # where files and folders lie follows from their paths
                    _left_out(entry, lost)
        sent = {}
        for place, entry in enumerate(batch.entries):
            if entry.after is not None:
                mine = found.get(place, {})
                entry.target = mine.get("id", "")
                sent[entry.place] = ({name: mine.get(name) for name in ("id", *entry.after)}, {"id": mine.get("id"), **entry.after})
        return sent

    def _looked_up(self, kind: Kind, record: Record) -> bool:
        """Whether the writer finds by itself what an earlier start of the run made of a record: `create` makes only what lacks then."""
        looks_up = getattr(self._target.writer, "looks_up", None)
        return looks_up is not None and bool(looks_up(kind, record))

    def _above(self, kind: Kind, reader: Reader) -> int:
        if kind.name not in self._highest:
            self._highest[kind.name] = highest(reader, kind)
        return self._highest[kind.name]

    def _deletes(self, kind: Kind, batch: Batch, steps: Mapping[int, Step], reader: Reader) -> Sent:
        fresh = read(reader, kind, {f.name for f in kind.fields}, [one.target for one in batch.entries])
        sent: Sent = {}
        for entry in batch.entries:
            there = fresh.get(entry.target)
            if entry.outcome:
                continue
            if there is None:
                entry.outcome, entry.reason = (UPDATED, DELETED) if entry.before is not None else (UNCHANGED, GONE)
            elif odd := changed_fields(kind, steps[entry.place].record or {}, there):
                entry.before, entry.outcome, entry.reason = None, SKIPPED, f"changed since the plan was made: {labels(kind, odd)}"
            else:
                entry.before = entry.before or {**there, **(steps[entry.place].record or {})}  # with what it referred to and lost in this very run
                sent[entry.place] = (there, there)
        self._keep_images(kind, batch, reader)
        return sent

    def _keep_images(self, kind: Kind, batch: Batch, reader: Reader) -> None:
        """Stash throws an image away as soon as no record has it."""
        names = [f.name for f in kind.fields if f.type == "image"]
        for entry in batch.entries:
            for name in names:
                value = (entry.before or {}).get(name)
                if value and value != (entry.after or {}).get(name):
                    data = reader.image(value.partition(":")[2])
                    if data is not None:
                        self._journal.keep_image(value.partition(":")[2], data)

    # --- sending ----------------------------------------------------------------------------------------------------------------------------------------

    def _send(self, kind: Kind, batch: Batch, sent: Sent) -> None:
        writer, entries = self._target.writer, [one for one in batch.entries if one.place in sent]
        if batch.action == DELETE:
            answer(entries, writer.delete(kind, [one.target for one in entries]), UPDATED)
            for one in entries:
                if one.outcome == UPDATED:
                    one.reason = one.reason or DELETED
            return
        if batch.action != CREATE:
            answer(entries, writer.update(kind, [sent[one.place] for one in entries]), UPDATED)
            return
        new, half = [one for one in entries if not one.target], [one for one in entries if one.target]
        if half:  # a run was killed while it made them: they are there, but perhaps not all that belongs to them
            answers = writer.update(kind, [sent[one.place] for one in half])
            answer(half, [told._replace(id=one.target) for one, told in zip(half, answers, strict=True)], CREATED)
        if new:
            answer(new, writer.create(kind, [one.after or {} for one in new]), CREATED)
        self._highest[kind.name] = max([self._highest.get(kind.name, batch.above), *(number_of(one.target) for one in entries if one.target)])

    def _read_back(self, kind: Kind, entries: list[Entry]) -> None:
        """The values as they really are now: Stash cuts, sorts and completes.  Images are what was sent: reading them would take long."""
        entries = [one for one in entries if one.after is not None and one.target]
        whole = any(one.outcome == CREATED for one in entries)
        names = {f.name for f in kind.fields if f.type != "image" and (whole or any(f.name in (one.after or {}) for one in entries))}
        if not entries or not names:
            return
        with self._target.fresh() as reader:
            fresh = read(reader, kind, names, [one.target for one in entries])
        for one in entries:
            found = fresh.get(one.target, {})
            one.after = {**(one.after or {}), **{name: value for name, value in found.items() if whole or name in (one.after or {})}}


def made_meanwhile(
    kind: Kind, batch: Batch, reader: Reader, journal: Journal, *, but: Callable[[Kind, Record], bool] = lambda *_: False,
) -> dict[int, Record]:
    """What of a batch of creates is there although nobody has seen the answers: place in the batch -> record.  `but`: those that are not looked for."""
    top, known = highest(reader, kind), journal.all_made(kind.name)
    if top <= batch.above:
        return {}
    new = IdSet()
    new.add_all(number for number in range(batch.above + 1, top + 1) if number not in known)
    places = [place for place, one in enumerate(batch.entries) if one.after is not None and not but(kind, one.after)]
    wanted = [batch.entries[place].after or {} for place in places]
    names = {name for record in wanted for name in record}
    there = (record for found in reader.batches(kind, tuple(f for f in reader.fields(kind) if f.name in names), new) for record in found.records)
    return {places[place]: record for place, record in twins(kind, wanted, there).items()}


def read(reader: Reader, kind: Kind, names: Collection[str], ids: Iterable[str]) -> dict[str, Record]:
    """Records by their ids, with some of their fields, as far as they are there and the reader can tell them."""
    wanted = {one for one in ids if one}
    only = None
    if kind.table:  # what has no table has no numbers either: settings
        only = IdSet()
        only.add_all(number_of(one) for one in wanted)
    if not wanted:
        return {}
    fields = tuple(f for f in reader.fields(kind) if f.name in names)
    found = {record["id"]: record for batch in reader.batches(kind, fields, only) for record in batch.records if record["id"] in wanted}
    unset = {one: {"id": one, "value": None} for one in wanted if not kind.table and is_free(one)}
    return unset | found


def highest(reader: Reader, kind: Kind) -> int:
    """The highest number that a record of a kind has; 0 where there is none."""
    found = 0
    for batch in reader.batches(kind, ()):
        found = max(found, *(number_of(record["id"]) for record in batch.records))
    return found


def answer(entries: Iterable[Entry], answers: Iterable[Written], outcome: str) -> None:
    """Take a writer's answers to what became of each entry."""
    for entry, told in zip(entries, answers, strict=True):
        entry.outcome = FAILED if told.id is None else outcome
        entry.target = told.id or entry.target
        entry.partial = entry.partial or bool(told.id and told.reason)
        entry.reason = "; ".join(filter(None, (entry.reason, told.reason)))


def _left_out(entry: Entry, lost: Collection[str]) -> None:
    if lost and entry.outcome in ("", UPDATED, UNCHANGED):
        named = ", ".join(sorted(one.replace(":-", " ") for one in lost)[:5]) + (" ..." if len(lost) > 5 else "")
        entry.partial = True
        entry.reason = "; ".join(filter(None, (entry.reason, f"without what could not be made ({named} of the source)")))
