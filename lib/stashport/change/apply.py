"""Applies a plan: batch by batch, each looked at afresh, written down, sent, and written down again.  Killed at any line, the next start goes on.

    with Plan(path, sha256) as plan, Journal(folder / NAME, sha256) as journal:
        apply(plan, target, journal, run, strategy="merge")

A batch is settled when it stands in the journal with its answers.  The one that was begun when a run was killed is looked at first: what it did is
found and not done again, what it did not is done now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple, Protocol

from stashport.change.batches import Work
from stashport.change.journal import Batch, Entry, Journal
from stashport.change.steps import CONFLICT, CREATE, DEFERRED, SKIP, Step
from stashport.model.reader import Reader

if TYPE_CHECKING:
    from stashport.change.merge import Strategy
    from stashport.change.plan_file import Plan
    from stashport.runs.record import Run
    from stashport.stash.writing import Writer

MOST_CREATED, MOST_CHANGED = 100, 200
_ENDED = {CONFLICT: "conflicts", DEFERRED: "skipped", SKIP: "skipped"}
_BAD = ("failed", "conflicts", "skipped")


class Target(Protocol):
    """A library that can be changed."""

    writer: Writer

    def fresh(self) -> AbstractContextManager[Reader]:
        """A reader that sees it as it is now."""
        ...


class Applied(NamedTuple):
    """What was done, earlier starts of the same run included: how many steps, and how many of them sent something."""

    steps: int
    written: int


def apply(
    plan: Plan,
    target: Target,
    journal: Journal,
    run: Run,
    *,
    strategy: Strategy = "merge",
    put_back: bool = False,
    exact_only: bool = False,
    check_queue: Callable[[], object] | None = None,
) -> Applied:
    """Do all that a plan writes, from where its journal ends.

    strategy      how records are planned again that somebody has changed since the plan was made
    put_back      then the source's values count as newly written, blanks too (as merge.merged has it with base=mine)
    exact_only    such records are left as they are, and listed
    check_queue   called before each batch; what it raises ends the run, which can be continued

    Each record is told to the run once, those of earlier starts too; records that are not in the steps that write are the business of `tell_rest`.
    Errors: those of the target's reader and writer; Stopped; DiskFull and CannotWrite for the journal.  After all of them it can be continued.
    """
    work = Work(target, journal, strategy, put_back=put_back, exact_only=exact_only)
    done = _Done(run)
    done.earlier(journal)
    begun = journal.open_batch()
    if begun is not None:
        last = begun.entries[-1].place
        steps = dict(takewhile(lambda one: one[0] <= last, plan.applied(after=journal.place())))
        done.batch(work.settle(begun, steps))
    for steps_of in batches(plan.applied(after=journal.place()), getattr(target.writer, "most_created", None)):
        run.check_stop()
        if check_queue is not None:
            check_queue()
        done.batch(work.do(steps_of))
    return Applied(done.steps, done.written)


def batches(steps: Iterable[tuple[int, Step]], most_created: Callable[[str], int] | None = None) -> Iterator[list[tuple[int, Step]]]:
    """Consecutive steps of one kind and action, not too many at once, and each record once.

    most_created   how many records of a kind the writer takes at once, where it needs many at a time
    """
    batch: list[tuple[int, Step]] = []
    seen: set[str] = set()
    for place, step in steps:
        if batch and not (_fits(batch, step, most_created) and step.target not in seen):
            yield batch
            batch, seen = [], set()
        batch.append((place, step))
        seen.add(step.target)
    if batch:
        yield batch


def _fits(batch: list[tuple[int, Step]], step: Step, most_created: Callable[[str], int] | None) -> bool:
    first = batch[0][1]
    most = MOST_CHANGED if step.action != CREATE else max(MOST_CREATED, most_created(step.kind) if most_created else 0)
    return (first.kind, first.action) == (step.kind, step.action) and len(batch) < most


def tell_rest(plan: Plan, run: Run) -> None:
    """Tell a run of all the records in a plan that nothing is written for, each with its reason."""
    for kind, counts in plan.facts.get("unchanged", {}).items():
        for action, number in counts.items():
            run.count(kind, _ENDED.get(action, "unchanged"), number)
    for step in plan.steps(*_ENDED):
        if step.counted:
            run.item(step.kind, step.target or step.source, _ENDED[step.action], step.reason)


class _Done:
    """Tells a run what was done."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.steps = self.written = 0

    def earlier(self, journal: Journal) -> None:
        """What stands in the journal already."""
        self.steps, self.written = journal.totals()
        for kind, outcome, number in journal.counts():
            self._run.count(kind, outcome, number)
        for kind, entry in journal.told():
            self._tell(kind, entry)
        self._run.advance(self.steps)

    def batch(self, batch: Batch) -> None:
        """A batch that was just settled."""
        self.steps += len(batch.entries)
        self.written += len(batch.written)
        for entry in batch.entries:
            if entry.reason:
                self._tell(batch.kind, entry)
            elif entry.counted:
                self._run.count(batch.kind, entry.outcome)
        self._run.advance(len(batch.entries))

    def _tell(self, kind: str, entry: Entry) -> None:
        if entry.counted:
            self._run.item(kind, entry.target or entry.source, entry.outcome, entry.reason)
        if entry.partial or (not entry.counted and entry.outcome in _BAD):
            self._run.warn(f"{kind} {entry.name or entry.target or entry.source}: {entry.reason}", incomplete=True)
