"""Plans for the library of target.py, random ones too, and short ways to apply them and take them back."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stashport.change.apply import apply
from stashport.change.journal import NAME, Journal
from stashport.change.merge import Change
from stashport.change.plan_file import Plan, PlanWriter, checksum
from stashport.change.steps import CREATE, DELETE, LINK, UPDATE, Step
from stashport.change.undo import undo_plan

from support.target import Library

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stashport.model.records import Record

Phased = list[tuple[Step, int]]
DAYS = [f"2024-05-0{day}T10:00:00Z" for day in range(1, 8)]


class Told:
    """What a run is told; the part of runs.record.Run that applying uses."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.items: list[tuple[str, str, str, str]] = []
        self.warnings: list[str] = []
        self.done = 0

    def advance(self, n: int = 1) -> None:
        """So many more are done."""
        self.done += n

    def check_stop(self) -> None:
        """Nobody asks for it."""

    def count(self, kind: str, outcome: str, n: int = 1) -> None:
        """Count."""
        self.counts[kind, outcome] += n

    def item(self, kind: str, item_id: object, outcome: str, reason: str) -> None:
        """Count, with a reason."""
        self.count(kind, outcome)
        self.items.append((kind, str(item_id), outcome, reason))

    def warn(self, text: str, *, incomplete: bool = False) -> None:
        """Keep what was warned of."""
        assert incomplete
        self.warnings.append(text)


def sample(path: Path, **options: Any) -> Library:
    """A library with some of everything."""
    library = Library(path, **options)
    for name in ("red", "green", "blue", "grey"):
        library.new("tag", name=name)
    library.new("studio", name="Studio", urls=["https://a.example"])
    library.new("performer", name="Ann")
    library.new("performer", name="Eve")
    for number in range(1, 6):
        markers = [{"title": "m", "seconds": 1.0, "end_seconds": None, "primary_tag": "tag:1", "tags": [], "created_at": None, "updated_at": None}]
        library.new("scene", title=f"scene {number}", tags=["tag:1", "tag:2"], performers=["performer:1"], play_history=DAYS[:2], scene_markers=markers)
    return library


def written(folder: Path, steps: Iterable[tuple[Step, int]]) -> str:
    """Write a plan; its checksum."""
    folder.mkdir(parents=True, exist_ok=True)
    with PlanWriter(folder / "plan.sqlite") as plan:
        for step, phase in steps:
            plan.add(step, phase)
        return plan.finish({"unchanged": {}})


def applied(folder: Path, library: Any, **options: Any) -> Told:
    """Apply the plan in a folder, or go on with it."""
    told = Told()
    path = folder / "plan.sqlite"
    sha = checksum(path)
    with Plan(path, sha) as plan, Journal(folder / NAME, sha) as journal:
        result = apply(plan, library, journal, told, **options)
        assert result.steps == told.done == plan.count()
        counted = sum(step.counted for _, step in plan.applied())
    assert told.counts.total() == counted
    return told


def undone(folder: Path, library: Any) -> tuple[Path, Told]:
    """Take back what the journal in a folder says; the folder of that run, and what it told."""
    back = planned_back(folder, library)
    return back, applied(back, library, exact_only=True)


def planned_back(folder: Path, library: Any) -> Path:
    """The folder with the plan that takes it back."""
    back = folder / "back"
    back.mkdir(exist_ok=True)
    with Journal(folder / NAME, reading=True) as journal, library.fresh() as reader:
        undo_plan(journal, back / "plan.sqlite", reader, cannot=library.writer.cannot)
    return back


def change(library: Library, identity: str, *, action: str = UPDATE, counted: bool = True, **values: Any) -> Step:
    """A step that changes fields of a record from what they are now."""
    there = library.get(identity) or {}
    changes = tuple(Change(name, there.get(name), value, "as in the source") for name, value in values.items())
    return Step(identity.partition(":")[0], action, source=identity, target=identity, counted=counted, record={"id": identity, **values}, changes=changes)


def create(kind: str, number: int, **values: Any) -> Step:
    """A step that makes the source's record of a number."""
    target = f"{kind}:-{number}"
    return Step(kind, CREATE, source=f"{kind}:{number}", target=target, name=str(values.get("name")), record={"id": target, **values})


def link(kind: str, number: int, **values: Any) -> Step:
    """A step that completes what was made."""
    target = f"{kind}:-{number}"
    changes = tuple(Change(name, [], value, "new") for name, value in values.items())
    return Step(kind, LINK, f"{kind}:{number}", target, counted=False, record={"id": target, **values}, changes=changes)


def delete(library: Library, identity: str) -> Step:
    """A step that deletes a record."""
    return Step(identity.partition(":")[0], DELETE, target=identity, record=library.get(identity))


def random_steps(library: Library, seed: int, *, size: int = 6, refusals: bool = False, deletes: bool = False) -> Phased:
    """Some of everything that a plan can hold, for the library of `sample`."""
    rnd = random.Random(seed)
    steps: list[Step] = []
    tags = list(range(11, 11 + rnd.randint(0, size)))
    pool = ["tag:1", "tag:2", "tag:3", *(f"tag:-{number}" for number in tags)]

    def some_tags() -> list[str]:
        return rnd.sample(pool, rnd.randint(1, min(3, len(pool))))

    steps += [create("tag", n, name="refused" if refusals and rnd.random() < 0.3 else f" new {n}", description=rnd.choice(["d", "e"])) for n in tags]
    steps += [change(library, f"tag:{n}", description=f"about {n}", favorite=True) for n in (1, 2, 3) if rnd.random() < 0.6]
    studios = [31] if rnd.random() < 0.7 else []
    steps += [create("studio", n, name=f"studio {n}", tags=some_tags(), urls=["https://b.example", "https://a.example"]) for n in studios]
    for number in range(1, 6):
        if rnd.random() < 0.7:
            values = {name: value for name, value in _scene(rnd, some_tags, studios).items() if rnd.random() < 0.6}
            steps += [change(library, f"scene:{number}", **values)] if values else []
    for number in range(51, 51 + rnd.randint(0, size)):
        steps.append(create("scene", number, **{**_scene(rnd, some_tags, studios), "title": rnd.choice([f"made {number}", "twice the same", ""])}))
    late: list[Step] = [link("tag", n, aliases=[f"alias {n}"], parents=rnd.sample([one for one in pool if one != f"tag:-{n}"], 1)) for n in tags if rnd.random() < 0.5]
    if rnd.random() < 0.5:
        late.append(change(library, "tag:3", aliases=["azure"], parents=["tag:1"]))
    if deletes:
        late += [delete(library, one) for one in ("tag:4", "performer:2") if rnd.random() < 0.6]
    return [(step, 0) for step in steps] + [(step, 1 if step.action != DELETE else 2) for step in late]


def _scene(rnd: random.Random, some_tags: Any, studios: list[int]) -> Record:
    row = {"title": rnd.choice(["x", None]), "seconds": rnd.choice([1.0, 7.5]), "end_seconds": None, "primary_tag": some_tags()[0], "tags": some_tags()}
    return {
        "title": f"title {rnd.randint(0, 3)}", "details": rnd.choice(["long", "short", " padded "]), "rating100": rnd.randint(1, 100), "tags": some_tags(),
        "studio": rnd.choice(["studio:1", *(f"studio:-{n}" for n in studios)]), "play_history": rnd.sample(DAYS, rnd.randint(0, 5)),
        "o_history": rnd.choice([[], DAYS[:3], [DAYS[0]] * 3]), "scene_markers": [row] if rnd.random() < 0.7 else [], "resume_time": float(rnd.randint(1, 9)),
        "cover_image": rnd.choice(["md5:aa", "md5:bb"]), "custom_fields": rnd.choice([{}, {"a": 1, "b": "x"}]),
    }  # fmt: skip


def expected(folder: Path, before: dict[str, Record]) -> dict[str, Record]:
    """What a library should be after a plan in which nothing is refused, by the simplest way there is."""
    empty = Library(Path(":memory:"))
    records = json.loads(json.dumps(before))
    highest = Counter({kind: max(int(one.partition(":")[2]) for one in before if one.startswith(kind)) for kind in ("tag", "studio", "scene", "performer")})
    made: dict[str, str] = {}
    with Plan(folder / "plan.sqlite") as plan:
        for _, step in plan.applied():
            text = json.dumps(step.record if step.action == CREATE else {"id": step.target, **{one.field: one.after for one in step.changes}})
            values = json.loads(re.sub(r"\b\w+:-\d+", lambda found: made.get(found[0], found[0]), text))
            if step.action == CREATE:
                highest[step.kind] += 1
                made[step.target] = values["id"] = f"{step.kind}:{highest[step.kind]}"
                records[values["id"]] = {**empty.get(empty.new(step.kind)), **values}
            elif step.action == DELETE:
                del records[step.target]
            else:
                records[values["id"]] |= values
    return same_form(records)


def same_form(records: dict[str, Record]) -> dict[str, Record]:
    """Records as they can be compared: sets and histories sorted, texts trimmed."""
    return {identity: {name: _form(name, value) for name, value in record.items()} for identity, record in records.items()}


def _form(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    return sorted(value) if name in ("tags", "parents", "play_history", "o_history", "performers", "aliases") else value
