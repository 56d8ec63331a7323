"""One call of the archive writer: what each record is known by, in which order they are imported, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stashport.model.fields import BY_NAME
from stashport.model.records import Record
from stashport.model.table import Field, Kind
from stashport.stash.archive import FILES, PARTS, Entry, Refused, entry, path_trouble, pattern
from stashport.stash.archive_handed import key_of
from stashport.stash.archive_target import Target, parent
from stashport.stash.writing import Written

_ORDER = {kind: place for place, kind in enumerate(PARTS)}
_SAME = "another of these records belongs to the same file"


@dataclass
class Task:
    """A record on its way.

    id       what it is in the target, when it was found there
    made     whether an import of this run made it
    rest     what the API writes after the import: field -> (as it is then, as it shall be); None while that is not known
    answer   what became of it
    """

    kind: str
    record: Record
    key: str = ""
    id: str | None = None
    made: bool = False
    rest: dict[str, tuple[Any, Any]] | None = None
    answer: Written | None = None


class Work:
    """Records that shall be made: `tasks` by the import, in its order, `left` by the API when that has ended."""

    def __init__(self, kind: Kind, records: Sequence[Record]) -> None:
        self._all: list[Task] = []
        for number, told in enumerate(records, 1):
            record = told if told.get("id") else {**told, "id": f"{kind.name}:-{10**9 + number}"}
            self._all.append(Task(record["id"].partition(":")[0], record))
        paths = {task.record["path"]: task.record["id"] for task in self._all if task.kind == "file" and task.record.get("path")}
        for task in self._all:
            if task.kind in ("file", "folder") and not task.record.get("zip_file") and (inside := _zip_of(task, paths)):
                task.record = {**task.record, "zip_file": inside}
        self.tasks = sorted((task for task in self._all if taken(task.kind, task.record)), key=lambda task: _place(task, paths))
        self.left = [task for task in self._all if not taken(task.kind, task.record)]
        self._by_id = {task.record["id"]: task for task in self._all}

    def answers(self) -> list[Written]:
        """What became of each, in the order in which they were given."""
        return [task.answer or Written(None, "it was not reached") for task in self._all]

    def entry(self, task: Task, target: Target) -> Entry | None:
        """What the archive holds for a record; None when it cannot hold it: a scene is then left to the API, anything else has its answer."""
        if task.kind in ("file", "folder") and (trouble := path_trouble(task.record.get("path"), target.windows)):
            task.answer = Written(None, trouble)
            return None
        try:
            made = entry(task.record, target)
        except Refused as error:
            if task.kind == "scene":
                self.left.append(task)
            else:
                task.answer = Written(None, str(error))
            return None
        task.rest, task.made = made.rest, True
        return made

    def rest(self, task: Task, target: Target) -> dict[str, tuple[Any, Any]]:
        """What the API writes for a record that an earlier start has imported."""
        try:
            return entry(task.record, target).rest
        except Refused:
            return {}

    def look_up(self, target: Target, after: dict[str, int], tasks: Sequence[Task] | None = None) -> None:
        """Find what is there, of all of them or of some; `after` tells the highest numbers that there were before, by kind."""
        some = self.tasks if tasks is None else tasks
        by_kind: dict[str, list[Task]] = {kind: [task for task in some if task.kind == kind] for kind in PARTS}
        folders = target.folders() if by_kind["folder"] else {}
        files = target.files([task.record["path"] for task in by_kind["file"] if task.record.get("path")]) if by_kind["file"] else {}
        for task in (*by_kind["folder"], *by_kind["file"]):
            task.key = task.key or key_of(task.kind, [task.record.get("path") or ""])
            task.id = (folders if task.kind == "folder" else files).get(task.record.get("path") or "")
        for kind in ("gallery", "scene", "image"):
            belongs = {task.record["id"]: [self._there(one) for one in known_by(kind, task.record)] for task in by_kind[kind]}
            owners = target.owners(kind, {one for some in belongs.values() for one in some}, after.get(kind, 0))
            seen: set[str] = set()
            for task in by_kind[kind]:
                own = belongs[task.record["id"]]
                task.key = task.key or key_of(kind, [target.known_path(one) or "" for one in known_by(kind, task.record)])
                task.id = next((owners[one] for one in own if one in owners), None)
                if tasks is None and seen.intersection(own):
                    task.id, task.answer = None, Written(None, _SAME)
                seen.update(own)

    def _there(self, reference: str) -> str:
        """The target's id for what may be one of these records."""
        task = self._by_id.get(reference)
        return task.id if task and task.id else reference

    def resolved(self, record: Record) -> Record:
        """A record whose references to other ones of these are the target's; what was not made is left out."""
        kind = BY_NAME[record["id"].partition(":")[0]]
        return {name: self._resolved(kind.by_name[name], value) if name in kind.by_name else value for name, value in record.items()}

    def _resolved(self, of: Field, value: Any) -> Any:
        if not value or not of.refers:
            return value
        if of.type == "ref":
            found = self._there(value)
            return None if ":-" in found else found
        if of.type == "refs":
            return [found for one in value if ":-" not in (found := self._there(one))]
        return [{name: self._resolved(inner, row[name]) if (inner := _inner(of, name)) else row[name] for name in row} for row in value]


def taken(kind: str, record: Record) -> bool:
    """Whether the import makes a record: one that is a file or a folder, or belongs to one."""
    return kind in ("file", "folder") or (kind in PARTS and bool(known_by(kind, record)))


def known_by(kind: str, record: Record) -> list[str]:
    """The references to files and to a folder that say which scene, image or gallery it is."""
    found = [one for name in FILES[kind] for one in record.get(name) or ()]
    return found + ([record["folder"]] if kind == "gallery" and record.get("folder") else [])


def _inner(of: Field, name: str) -> Field | None:
    return next((one for one in of.fields if one.name == name), None)


def _zip_of(task: Task, files: dict[str, str]) -> str | None:
    """The file that a path leads through, which then is the zip file that it lies in; of these records."""
    path = task.record.get("path") or ""
    within = path if task.kind == "folder" else parent(path)
    while within and within != parent(within):
        if within in files:
            return files[within]
        within = parent(within)
    return None


def _place(task: Task, files: dict[str, str]) -> tuple[int, int, bool, int]:
    """Folders before what is in them, zip files before what is in these; a name that is a pattern before the names that it would find.

    The folder that a zip file opens as has the file's own path: the import takes it for the file, and leaves it out, once that is there.
    """
    path = task.record.get("path") or ""
    inside = bool(task.record.get("zip_file")) and not (task.kind == "folder" and path in files)
    if task.kind in ("folder", "file"):
        return 0, 2 * inside + (task.kind == "file"), task.kind == "file" and pattern(path) is None, path.count("/") + path.count("\\")
    return _ORDER[task.kind], 0, False, 0
