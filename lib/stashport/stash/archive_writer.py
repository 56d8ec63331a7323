"""Makes records that no mutation makes: gives Stash's own import an archive, waits or hands over, and looks up what came of it.

`create` may be given several kinds at once, told apart by their ids, and then one record may refer to another by its id: folders that lie in zip files and
these files, galleries and their images.  First it looks up what is there: called again, it makes only what lacks.  The import tells its errors to Stash's
log alone, so that nothing counts as made that was not found afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from stashport.atomic import discard, file_error, human_size, temporary_beside
from stashport.errors import ImportStalled, ServerError, UploadRefused
from stashport.model.fields import BY_NAME
from stashport.model.records import IdSet, Record, number_of
from stashport.model.table import Kind
from stashport.stash.archive import PARTS, Entry, write
from stashport.stash.archive_handed import Handed, HandedOver
from stashport.stash.archive_target import Target
from stashport.stash.archive_work import Task, Work, known_by, taken
from stashport.stash.connection import Connection
from stashport.stash.graphql import GraphQLReader
from stashport.stash.writing import Writer, Written
from stashport.stash.writing_inputs import ImageSource

AT_ONCE = 2000
MOST, MOST_BYTES = 20_000, 64_000_000
STALLED_SECONDS = 600.0
_IMPORT = """mutation StashPortImport($file:Upload!,$same:ImportDuplicateEnum!,$missing:ImportMissingRefEnum!){
    importObjects(input:{file:$file,duplicateBehaviour:$same,missingRefBehaviour:$missing})}"""
_COUNTS = f"query StashPortMade{{{' '.join(f'{kind}:{BY_NAME[kind].find}(filter:{{per_page:0}}){{count}}' for kind in PARTS)}}}"
_NOT_TAKEN = "Stash's import did not take it; Stash's log says why"
_COPIED = "Stash's import sets it to the time of creation"
_ZONE = "Stash's import keeps it in the server's time zone: the instant stays"
_COMPLETED = "Stash sets it to the time of the change where a record is completed after the import (a name that two share, a rating or an index of 0)"
_TIMES = {"created_at.zone": _ZONE, "updated_at.zone": _ZONE}
_CARRIED = frozenset({
    "created_at", "updated_at", "files", "folder", "visual_files", "galleries.scanned", "scene_markers.created_at", "scene_markers.updated_at",
    "scene_markers.tags.primary", "interactive", "interactive_speed", "text.blanks",
})  # fmt: skip
_CANNOT = {
    "folder": {
        "updated_at": _COPIED, "created_at.zone": _ZONE, "mod_time.zone": _ZONE,
        "parent_folder.above": "Stash makes every folder above a library known, up to the root",
        "zip_file.itself": "the folder that a zip file opens as is not noted to lie in it; what is below it is",
    },
    "file": {
        "updated_at": _COPIED, "created_at.zone": _ZONE, "mod_time.zone": _ZONE, "captions": "Stash finds them itself, when it scans",
        "fingerprints.further": "Stash's API sets one phash for each file",
    },
    "gallery": {**_TIMES, "updated_at.completed": _COMPLETED},
    "scene": {
        **_TIMES, "updated_at.completed": _COMPLETED,
        "scene_markers.repeated": "of several markers at one second Stash's import makes the first only: the others get the time when they are made",
    },
    "image": {**_TIMES, "updated_at.completed": _COMPLETED},
}  # fmt: skip


class ArchiveWriter:
    """A Writer that makes what Stash's API cannot: records with files.  Everything else is left to the API's.

    folder      where archives are written and what was handed over is kept: one of the run's own
    in_queue    this is a task of Stash's own, so that its import runs only when this has ended: then HandedOver is raised
    progress    is told how many records were made, again and again
    Errors: those of Connection; ImportStalled, UploadRefused; DiskFull and CannotWrite for the folder; HandedOver.
    """

    def __init__(
        self, connection: Connection, api: Writer, image: ImageSource, folder: Path, *, in_queue: bool, progress: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._connection, self._api, self._image, self._folder = connection, api, image, folder
        self._in_queue, self._progress = in_queue, progress
        self._handed = Handed(folder, connection)

    def cannot(self, kind: Kind) -> dict[str, str]:
        """Field, or "field.part" -> why this method cannot write it."""
        if kind.name in ("folder", "file"):
            return dict(_CANNOT[kind.name])
        carried = _CARRIED if kind.name in PARTS else ()
        return {name: reason for name, reason in self._api.cannot(kind).items() if name not in carried} | _CANNOT.get(kind.name, {})

    def cannot_change(self, kind: Kind) -> dict[str, str]:
        """What is there is changed by the API."""
        return self._api.cannot_change(kind)

    def creates(self, kind: Kind) -> bool:
        """Whether it can make new records of a kind at all."""
        return kind.name in PARTS or self._api.creates(kind)

    def most_created(self, kind: str) -> int:
        """How many records of a kind `create` takes at once: each call is one import, and in the queue one more task."""
        return AT_ONCE if kind in PARTS else 0

    def looks_up(self, kind: Kind, record: Record) -> bool:
        """Whether `create` finds by itself what an earlier start made of a record."""
        return taken(kind.name, record)

    def update(self, kind: Kind, changes: Sequence[tuple[Record, Record]]) -> list[Written]:
        """Change records, by the API."""
        return self._api.update(kind, changes)

    def delete(self, kind: Kind, ids: Sequence[str]) -> list[Written]:
        """Delete records, by the API."""
        return self._api.delete(kind, ids)

    def create(self, kind: Kind, records: Sequence[Record]) -> list[Written]:
        """Make records of a kind, or of several that are told apart by their ids; those that have no files or folder by the API."""
        work = Work(kind, records)
        if work.tasks:
            target = Target(self._connection, [task.record for task in work.tasks], self._image)
            self._wait_for_others()
            self._find(work, target)
            self._import(work, target)
        for name in dict.fromkeys(task.kind for task in work.left):
            self._left(BY_NAME[name], [task for task in work.left if task.kind == name], work)
        return work.answers()

    def _left(self, kind: Kind, tasks: list[Task], work: Work) -> None:
        """What the import does not make: that without files, and scenes that an archive cannot hold, with those of their files that are there."""
        wanted = [work.resolved(task.record) for task in tasks]
        sent = []
        for task, record in zip(tasks, wanted, strict=True):
            if taken(kind.name, task.record) and not taken(kind.name, record):
                task.answer = Written(None, "its file could not be made known")
            else:
                sent.append((task, record))
        for (task, record), answer in zip(sent, self._api.create(kind, [record for _, record in sent]), strict=True):
            lost = taken(kind.name, task.record) and len(known_by(kind.name, record)) < len(known_by(kind.name, task.record))
            task.answer = answer._replace(reason="; ".join(filter(None, (answer.reason, "not all of its files could be made known" if lost else ""))))

    # --- what is there already ----------------------------------------------------------------------------------------------------------------------

    def _find(self, work: Work, target: Target) -> None:
        """What is there: of an earlier start it lacks at most what the API completes; of somebody else it gets what differs."""
        work.look_up(target, {})
        foreign: list[Task] = []
        for task in work.tasks:
            if task.id and task.key in self._handed.keys:
                task.made = True
            elif task.id:
                foreign.append(task)
        for name in dict.fromkeys(task.kind for task in foreign):
            self._complete_foreign(BY_NAME[name], [task for task in foreign if task.kind == name], work)

    def _complete_foreign(self, kind: Kind, tasks: list[Task], work: Work) -> None:
        names = {name for task in tasks for name in task.record} - {"id", *(f.name for f in kind.fields if f.type == "time" or f.write == "never")}
        there = self._fresh(kind, tasks, names)
        pairs = []
        for task in tasks:
            mine, wanted = there.get(task.id or "", {}), work.resolved(task.record)
            told = [name for name in mine if name in wanted and name != "id"]
            pairs.append(({"id": task.id, **{name: mine[name] for name in told}}, {"id": task.id, **{name: wanted[name] for name in told}}))
        for task, answer in zip(tasks, self._api.update(kind, pairs), strict=True):
            task.answer = answer

    def _fresh(self, kind: Kind, tasks: list[Task], names: Iterable[str]) -> dict[str, Record]:
        """Some fields of what was found, as they are now."""
        reader = GraphQLReader(self._connection, scratch=self._folder)
        try:
            fields = tuple(f for f in reader.fields(kind) if f.name in names)
            only = IdSet()
            only.add_all(number_of(task.id or "") for task in tasks)
            return {record["id"]: record for batch in reader.batches(kind, fields, only) for record in batch.records} if fields and tasks else {}
        finally:
            reader.close()

    # --- what lacks ---------------------------------------------------------------------------------------------------------------------------------

    def _import(self, work: Work, target: Target) -> None:
        """Everything is queued at once, since one archive refers to another's records by their paths; then each is looked at as it ends."""
        lacking = [task for task in work.tasks if task.answer is None and not task.id]
        ended = self._handed.ended({task.key for task in work.tasks if task.id}) if lacking else set()
        for task in lacking:
            if task.key in ended:
                task.answer = Written(None, _NOT_TAKEN)
        before = {name: target.last(name) for name in ("gallery", "scene", "image")}
        queued: list[tuple[str, list[Task]]] = []
        some: list[Task] = []
        entries = _entries(work, target, [task for task in lacking if task.answer is None], some)
        while job := self._upload(entries):
            self._handed.add(job, [task.key for task in some])
            queued.append((job, some.copy()))
            some.clear()
        if queued and self._in_queue:
            raise HandedOver(queued[-1][0])
        self._complete(work, [task for task in work.tasks if task.id and task.answer is None], target)
        for job, tasks in queued:
            self._wait(job)
            target.forget()
            work.look_up(target, before, tasks)
            for task in tasks:
                if task.id and task.kind in before:
                    before[task.kind] = max(before[task.kind], number_of(task.id))
            self._complete(work, tasks, target)

    def _complete(self, work: Work, tasks: list[Task], target: Target) -> None:
        """What the archive could not carry is written by the API."""
        for task in tasks:
            task.answer = Written(task.id) if task.id else Written(None, _NOT_TAKEN)
        for name in dict.fromkeys(task.kind for task in tasks):
            self._complete_kind(BY_NAME[name], [task for task in tasks if task.kind == name and task.id], work, target)

    def _complete_kind(self, kind: Kind, tasks: list[Task], work: Work, target: Target) -> None:
        earlier = [task for task in tasks if task.rest is None]  # what an earlier start had imported, and perhaps completed
        for task in earlier:
            task.rest = work.rest(task, target)
        there = self._fresh(kind, [task for task in earlier if task.rest], {name for task in earlier for name in task.rest or ()})
        some, pairs = [task for task in tasks if task.rest], []
        for task in some:
            mine, wanted = ({name: pair[n] for name, pair in (task.rest or {}).items()} for n in (0, 1))
            mine |= {name: value for name, value in there.get(task.id or "", {}).items() if name in mine}
            pairs.append((work.resolved({"id": task.id, **mine}), work.resolved({"id": task.id, **wanted})))
        for task, answer in zip(some, self._api.update(kind, pairs), strict=True):
            task.answer = Written(task.id, answer.reason)
            task.rest = None

    # --- Stash's import -----------------------------------------------------------------------------------------------------------------------------

    def _upload(self, entries: Iterator[Entry]) -> str | None:
        """Queue an import of the next entries; its job, or None when there are no more."""
        place = temporary_beside(self._folder / "import.zip")
        try:
            if not write(place, entries, MOST, MOST_BYTES):
                return None
            told = self._connection.upload(_IMPORT, {"same": "IGNORE", "missing": "FAIL"}, place, "file")
        except OSError as error:
            raise file_error(error, place) from error
        except ServerError as error:
            raise UploadRefused(size=human_size(place.stat().st_size), reason=error) from error
        finally:
            discard(place)
        return str(told["importObjects"])

    def _wait_for_others(self) -> None:
        """An import that waits or runs may be ours, of a start that was killed: nothing is given twice."""
        while job := self._handed.running():
            if self._in_queue:
                raise HandedOver(job)
            self._wait(job)

    def _wait(self, job: str) -> None:
        counts: Any = None
        deadline, pause = time.monotonic() + STALLED_SECONDS, 0.05
        while self._handed.open(job):
            told = self._connection.query(_COUNTS)
            now = [one["count"] for one in told.values()]
            if now != counts:
                counts, deadline = now, time.monotonic() + STALLED_SECONDS
                self._progress(sum(now))
            elif time.monotonic() > deadline:
                raise ImportStalled(job=job, minutes=round(STALLED_SECONDS / 60))
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)


def _entries(work: Work, target: Target, tasks: Iterable[Task], some: list[Task]) -> Iterator[Entry]:
    """What archives hold, one after the other; `some` gets the records that they are for."""
    for task in tasks:
        made = work.entry(task, target)
        if made is not None:
            some.append(task)
            yield made


def _scanned(kind: Kind) -> set[str]:
    return {f.name for f in kind.fields if f.type == "time" or f.write == "never"}


__all__ = ["ArchiveWriter", "HandedOver"]
