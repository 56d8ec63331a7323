"""What every verb that changes a library shares: both ends opened, the plan made, and its facts told.  Making a plan writes nothing to the target."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stashport.change.decisions import Decisions
from stashport.change.match import match
from stashport.change.paths import PathMap
from stashport.change.plan_file import NAME, Plan, PlanWriter
from stashport.change.planning import Planner
from stashport.change.steps import CONFLICT, CREATE, DEFERRED, DELETE, SKIP, UPDATE
from stashport.change.wish import Wish
from stashport.errors import BadRequest, PlanStale
from stashport.jobs.backup import instance_of, place_of, sample_of
from stashport.jobs.context import Context
from stashport.jobs.export import choose
from stashport.jobs.restore_config import RestoreConfig
from stashport.jobs.waiting_folders import folders_of
from stashport.model.fields import BY_NAME
from stashport.model.reader import Reader
from stashport.model.records import IdSet, number_of
from stashport.model.saved_filters import FILTERED_BY
from stashport.model.table import Kind
from stashport.runs.history import load
from stashport.runs.instances import alike
from stashport.runs.record import Run
from stashport.runs.state import State
from stashport.stash.database import DatabaseReader
from stashport.stash.source import Beside, Opened, database_of

if TYPE_CHECKING:
    from stashport.stash.writing import Writer

# Seconds for one record, measured: how long creating and updating take.
_CREATE = {"tag": 0.0013, "studio": 0.0011, "performer": 0.0012, "group": 0.0005, "gallery": 0.0005, "scene": 0.002, "image": 0.002, "file": 0.002}
_UPDATE = 0.001
_NAMED = ("tag", "studio", "performer", "group", "saved_filter")  # settings name records of these kinds
RUNNING = "A library is changed through its running Stash: name its address (with --into, on the command line)."
CHECKS = (
    "Everything that was to be written is read again and compared with the plan.",
    "Counts of all kinds are compared.",
    "References are looked at: each must point at a record that is there.",
)


@dataclass
class Ends:
    """The two ends of a change: `same` says that both are one Stash at two times; `instance` is our id of the target."""

    source: Opened
    target: Opened
    same: bool
    instance: str
    place: str = ""

    def check(self, told: Mapping[str, Any]) -> None:
        """Whether this is the target that was meant: {"instance" or "target", "place"}.  A copy of it is another one.  Errors: PlanStale."""
        meant, place = told.get("instance") or told.get("target"), str(told.get("place") or "")
        if meant not in (None, self.instance):
            raise PlanStale(reason="it is not the one that is written to now")
        if place and ("://" in place) == ("://" in self.place) and place != self.place:
            raise PlanStale(reason=f"it is at {place}, and this one, perhaps a copy of it, is at {self.place}")

    def let_go(self) -> None:
        """Hold on to no moment of a library that is in use: what is planned is planned."""
        for opened in (self.source, self.target):
            database = database_of(opened.reader) if opened.connection else None
            if database:
                database.renew()

    @contextlib.contextmanager
    def fresh(self) -> Iterator[Reader]:
        """The target as it is now: a database's reader sees the moment at which it was opened."""
        found = database_of(self.target.reader)
        if found is None or self.target.file is None:
            yield self.target.reader
            return
        with DatabaseReader(self.target.file.path, self.target.file.blobs) as database:
            yield Beside(database, self.target.reader.server) if isinstance(self.target.reader, Beside) else database


def ends_of(source: Opened, target: Opened, context: Context, run: Run) -> Ends:
    """Both ends, recognised, with what is known of them in the run's record."""
    instance = instance_of(context.state, target)
    told = source.facts.get("instance")
    same = told == instance.id or alike(sample_of(source.reader), sample_of(target.reader))
    run.source(**source.facts)
    place = place_of(target)
    where = {"url": target.connection.url if target.connection else "", "place": place}
    run.note("target", {**target.facts, "instance": instance.id, "name": instance.name, **where})
    for remark in (*source.remarks, *target.remarks, *([instance.remark] if instance.remark else []), *_left_out(source.reader, target.reader)):
        run.warn(remark)
    return Ends(source, target, same, instance.id, place)


def _left_out(source: Reader, target: Reader) -> Iterator[str]:
    """What the source tells and cannot come over: what a newer version wrote, and what the target's Stash does not have."""
    if unknown := getattr(source, "unknown", None):
        yield f"The source tells what this version of Stash Port does not know, and what is left out: {', '.join(unknown)}. A newer Stash Port takes it along."
    there = {kind.name: {f.name for f in target.fields(kind)} for kind in target.kinds()}
    lacking = [kind.plural for kind in source.kinds() if kind.table and kind.name not in there]
    for kind in (kind for kind in source.kinds() if kind.name in there):
        lacking += [f"{kind.plural}.{f.name}" for f in source.fields(kind) if f.since and f.name not in there[kind.name]]
    if lacking:
        yield f"The source tells what this library's Stash has no place for, and what is left out: {', '.join(lacking)}."


def wish_of(config: RestoreConfig, ends: Ends, writer: Writer, waiting: dict[str, IdSet] | None = None) -> Wish:
    """What is wanted of the plan.  Errors: those of choose."""
    fields = {kind: frozenset(config.records.fields[BY_NAME[kind].plural]) for kind in BY_NAME if BY_NAME[kind].plural in config.records.fields}
    kinds: frozenset[str] | None = None
    along: frozenset[str] = frozenset()
    only: dict[str, IdSet] = {}
    if waiting is not None:
        kinds, only = frozenset(waiting), waiting
    elif config.chosen:
        selection = choose(config.records, ends.source)
        only = {name: numbers for name, numbers in selection.ids.items() if numbers is not None}
        kinds = frozenset(selection.ids)
        asked = {kind.name for kind in config.records.chosen_kinds(list(BY_NAME.values()))}
        along = frozenset(kinds - asked) if config.records.kinds else frozenset()
        if fields:
            kinds = kinds & (frozenset(fields) | (asked if config.records.kinds else frozenset()))
    return Wish(kinds=kinds, only=only, along=along, fields=fields, strategy=config.strategy, exact=config.exact, create_files=config.files == "create",
                paths=PathMap.parse(config.paths), settings=config.settings, cannot=writer.cannot, cannot_change=writer.cannot_change, creates=writer.creates)


def make_plan(config: RestoreConfig, ends: Ends, writer: Writer, run: Run, *, waiting: dict[str, IdSet] | None = None, name: str = NAME) -> dict[str, Any]:
    """Make a plan in the run's folder; what is known of it, for the run's record (see `facts_of_plan`).  Errors: those of matching and planning."""
    wish = wish_of(config, ends, writer, waiting)

    def progress(_: Kind, number: int) -> None:
        run.advance(number)
        run.check_stop()

    run.phase("Matching")
    matches = match(ends.source.reader, ends.target.reader, paths=wish.paths, kinds=_matched(wish), same=ends.same, needed=not wish.fields or not ends.same,
                    progress=progress)
    with contextlib.closing(matches), PlanWriter(run.folder / name) as plan:
        run.phase("Planning")
        made = Planner(ends.source.reader, ends.target.reader, matches, wish, Decisions(config.decisions), plan).make(progress)
        facts = {**made.facts(), "target": ends.instance, "place": ends.place, "config": config.record(), "run": run.id}
        sha256 = plan.finish(facts)
    told = facts_of_plan(run.folder / name, sha256, config)
    if told["waiting"]:
        told["folders"] = folders_of(ends.source.reader, waiting_of(run.folder / name, sha256))
    return told


def _matched(wish: Wish) -> frozenset[str] | None:
    """The kinds that are matched: those that are wanted, and what the wanted fields refer to."""
    if wish.kinds is None:
        return None
    found = set(wish.kinds) | (set(_NAMED) if wish.settings else set())
    for name in wish.kinds:
        wanted = wish.fields.get(name)
        if name == "saved_filter" and (wanted is None or "object_filter" in wanted):
            found |= FILTERED_BY
        for f in BY_NAME[name].fields:
            if wanted is None or f.name in wanted:
                found |= {f.to} if f.to else {inner.to for inner in f.fields if inner.to}
    return frozenset(found)


def facts_of_plan(path: Path, sha256: str, config: RestoreConfig) -> dict[str, Any]:
    """What is shown of a plan before anything is written: {file, sha256, totals, fields, losses, conflicts, waiting, writes, seconds, rollback}."""
    with Plan(path, sha256) as plan:
        totals = plan.totals()
        deletes = {BY_NAME[kind].plural: row[DELETE] for kind, row in totals.items() if row.get(DELETE)}
        creates = {BY_NAME[kind].plural: row[CREATE] for kind, row in totals.items() if row.get(CREATE)}
        updates = {BY_NAME[kind].plural: row[UPDATE] for kind, row in totals.items() if row.get(UPDATE)}
        seconds = sum(row.get(CREATE, 0) * _CREATE.get(kind, 0.001) + row.get(UPDATE, 0) * _UPDATE for kind, row in totals.items())
        return {
            "file": path.name, "sha256": sha256, "totals": {BY_NAME[kind].plural: row for kind, row in totals.items()},
            "fields": {BY_NAME[kind].plural: row for kind, row in plan.fields().items()}, "losses": plan.facts.get("losses", {}),
            "conflicts": _sum(totals, CONFLICT), "waiting": _sum(totals, DEFERRED), "writes": plan.count(), "seconds": round(seconds, 1),
            "reasons": {action: plan.reasons(action) for action in (CONFLICT, DEFERRED, SKIP)},
            # The parts of a rollback plan: where the copy lies is known once it is made.
            "rollback": {
                "backupLocation": "" if config.safety else "no copy: it was refused",
                "rollbackOperations": {"delete": creates, "put back": updates, "create again": deletes},
                "verificationSteps": list(CHECKS),
            },
        }


def waiting_of(path: Path, sha256: str) -> dict[str, IdSet]:
    """The numbers of the source's records that wait for their files, by kind."""
    found: dict[str, IdSet] = {}
    with Plan(path, sha256) as plan:
        for step in plan.steps(DEFERRED):
            found.setdefault(step.kind, IdSet()).add(number_of(step.source))
    return found


def waited(state: State, record: dict[str, Any]) -> dict[str, IdSet] | None:
    """What `waiting_of` told when a run began that looks again at what waited; None for any other run.  Errors: UnknownRun, PlanChanged."""
    if "waiting_of" not in record["notes"]:
        return None
    first = load(state, record["notes"]["waiting_of"])
    return waiting_of(state.run_folder(first["run"]) / first["notes"]["plan"]["file"], first["notes"]["plan"]["sha256"])


def sentence_of(plan: dict[str, Any]) -> str:
    """A plan in one sentence."""
    sums = {action: sum(row.get(action, 0) for row in plan["totals"].values()) for action in (CREATE, UPDATE, DELETE, CONFLICT, DEFERRED, SKIP, "unchanged")}
    told = [f"{sums[action]:,} {word}" for action, word in ((CREATE, "to create"), (UPDATE, "to update"), (DELETE, "to delete"), (CONFLICT, "to decide"),
                                                            (DEFERRED, "waiting for their files"), (SKIP, "left out"), ("unchanged", "already the same"))
            if sums[action]]
    return ", ".join(told) + "." if told else "There is nothing to do."


def _sum(totals: dict[str, dict[str, int]], action: str) -> int:
    return sum(row.get(action, 0) for row in totals.values())


def check_target(ends: Ends) -> None:
    """A change is written into a running Stash.  Errors: BadRequest."""
    if ends.target.connection is None:
        raise BadRequest(what=RUNNING)
