"""What is wanted of a plan, and what stands beside its steps once it is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stashport.change.births import SCANNED
from stashport.change.merge import Strategy
from stashport.change.paths import PathMap
from stashport.change.steps import SKIP
from stashport.model.fields import KINDS
from stashport.model.records import IdSet
from stashport.model.table import Kind


@dataclass(frozen=True)
class Wish:
    """What is wanted of a plan.

    kinds          names of the kinds; None: all that both sides tell
    only           numbers of the source's records by kind, where not all are meant
    along          names of the kinds that only come along: what the target has of them stays as it is
    fields         names of fields by kind, where not all are meant: then nothing of that kind is created
    strategy       as merge.rule_of takes it
    exact          put records back as the source has them, also where it tells nothing
    create_files   make files known to the target that it does not know
    settings       settings too, but for paths, which are each machine's own
    cannot         what the method of writing cannot write when it makes a record, by kind: names of fields with the reason
    cannot_change  the same for a record that is there; None: no other than when it makes one
    creates        whether it can make records of a kind
    """

    kinds: frozenset[str] | None = None
    only: Mapping[str, IdSet] = field(default_factory=dict)
    along: frozenset[str] = frozenset()
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    strategy: Strategy = "merge"
    exact: bool = False
    create_files: bool = False
    paths: PathMap = field(default_factory=lambda: PathMap(()))
    settings: bool = False
    cannot: Callable[[Kind], Mapping[str, str]] = lambda _: {}
    cannot_change: Callable[[Kind], Mapping[str, str]] | None = None
    creates: Callable[[Kind], bool] = lambda _: True

    def unchangeable(self, kind: Kind) -> Mapping[str, str]:
        """What cannot be written to a record that is there."""
        return (self.cannot_change or self.cannot)(kind)

    def merging(self) -> Strategy:
        """The strategy that merging takes: for `exact`, everything is replaced that can be written, times too where the method writes them."""
        if not self.exact:
            return self.strategy
        named = {"*": "replace"}
        for kind in KINDS:
            cannot = self.unchangeable(kind)
            named |= {f"{kind.name}.{f.name}": "replace" for f in kind.fields if f.type == "time" and f.name not in cannot and kind.name not in SCANNED}
        return named

    def not_created(self, kind: Kind) -> str:
        """Why no records of a kind are made; "" where they are."""
        if kind.name in self.fields:
            return "only single fields are wanted, and they are written to what is there already"
        if kind.name in SCANNED and not self.create_files:
            return "a scan makes files and folders known, and it has not found this one"
        return "" if self.creates(kind) else f"this way of writing makes no {kind.label.lower()}"


@dataclass
class Made:
    """What stands beside the steps.

    unchanged   records that take no step, by kind and action
    skipped     why those of them are left out that are: how many by kind and reason
    losses      what is lost, {"scenes.created_at": {number, reason}}
    """

    unchanged: dict[str, Counter[str]] = field(default_factory=dict)
    skipped: dict[str, Counter[str]] = field(default_factory=dict)
    losses: dict[str, dict[str, Any]] = field(default_factory=dict)

    def tally(self, kind: Kind, action: str, number: int = 1) -> None:
        """Count records that take no step."""
        if number:
            self.unchanged.setdefault(kind.name, Counter())[action] += number

    def skip(self, kind: Kind, reason: str, number: int = 1) -> None:
        """Count records that are left out, without a step for each."""
        self.tally(kind, SKIP, number)
        if number:
            self.skipped.setdefault(kind.name, Counter())[reason] += number

    def lose(self, kind: Kind, name: str, reason: str) -> None:
        """Count a field that cannot be written as the source tells it."""
        self.losses.setdefault(f"{kind.plural}.{name}", {"number": 0, "reason": reason})["number"] += 1

    def facts(self) -> dict[str, Any]:
        """What a plan keeps of it."""
        return {"unchanged": self.unchanged, "skipped": self.skipped, "losses": self.losses}
