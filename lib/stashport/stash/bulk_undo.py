"""Takes a bulk load back: removes exactly what its journal says was loaded, and leaves what somebody has used or changed since, with all that it refers to.

Nothing is noted while it works: what is gone is not found again, so that it can be killed and repeated at any moment.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stashport.errors import OtherLoad
from stashport.stash import bulk_blobs
from stashport.stash.bulk_guard import Guarded, Pace
from stashport.stash.bulk_journal import Journal
from stashport.stash.bulk_tables import BY_NAME, IMAGE_COLUMNS, OBJECTS, TABLES, UNLOADING, Table, quoted
from stashport.stash.connection import Connection

_FEW = 2000
# Whose a row of a table of relations is, where it is not what its first column says.
_OWNERS = {"tags_relations": "child_id", "performers_scenes": "scene_id", "groups_scenes": "scene_id", "performers_images": "image_id",
           "performers_galleries": "gallery_id"}
# What nothing would find quickly that refers to what goes: removed, or let go of, before.
_FIRST = {
    "tags": ("DELETE FROM tags_relations WHERE child_id IN ({})", "DELETE FROM tag_stash_ids WHERE tag_id IN ({})"),
    "files": ("UPDATE files SET zip_file_id=NULL WHERE zip_file_id IN ({})", "UPDATE folders SET zip_file_id=NULL WHERE zip_file_id IN ({})"),
}
_IDS = "SELECT value->>0 FROM json_each(?)"
_USED = " UNION ALL ".join(f"SELECT {column} FROM {quoted(table)} WHERE {column} IS NOT NULL" for table, column in IMAGE_COLUMNS)


class Left(NamedTuple):
    """An object that was loaded and is still there."""

    table: str
    id: int
    reason: str


class _Use(NamedTuple):
    """Objects of `owner` refer to objects of `to`: rows of `table` say so, `key` -> `column`."""

    owner: str
    table: str
    key: str
    column: str
    to: str


def _uses() -> Iterator[_Use]:
    objects = {table.name for table in OBJECTS}
    for table in TABLES:
        key = "id" if table.is_object else _OWNERS.get(table.name, table.owner)
        owner = table.name if table.is_object else table.refers.get(key, "")
        for column, to in table.refers.items():
            if column != key and to in objects and owner in objects:
                yield _Use(owner, table.name, key, column, to)
    # What lies within something else, and goes with it.
    yield _Use("scenes", "scene_markers", "scene_id", "id", "scene_markers")
    yield _Use("galleries", "galleries_chapters", "gallery_id", "id", "galleries_chapters")
    yield _Use("images", "galleries_images", "image_id", "gallery_id", "galleries")


_USES = tuple(_uses())


def unload(
    journal: Path,
    connection: Connection,
    *,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    check_stop: Callable[[], None] = lambda: None,
    own_job: str | None = None,
) -> list[Left]:
    """Remove what a load wrote, whether it came to its end or not; what was left, and why.

    progress   called with the number of objects removed, and of all
    Errors: OtherLoad for a journal of another Stash; those of Guarded and Journal.
    """
    with Journal(journal) as log:
        facts = log.facts
        if "state" not in facts:
            return []
        if facts["state"] == "unloaded":
            return [Left(*left) for left in facts["left"]]
        server = Guarded(connection, own_job)
        told = server.check()
        if told["systemStatus"]["databasePath"] != facts["database"]:
            raise OtherLoad(reason="this is not the Stash that it was loaded into")
        work = _Unload(server, log, facts, check_stop)
        if facts["state"] in ("loading", "loaded"):
            work.find_kept()
            work.remove(progress)
        left = work.left() if facts["state"] != "opening" else []
        # From here on new objects may get the ids of those that are gone: none of ours is looked for any more.
        log.note(state="closing")
        work.restore_counters({one.table for one in left})
        log.note(state="unloaded", left=left)
        return left


class _Unload:
    def __init__(self, server: Guarded, log: Journal, facts: dict[str, Any], check_stop: Callable[[], None]) -> None:
        self._server, self._log, self._facts, self._check_stop = server, log, facts, check_stop
        self._last = dict(facts["sequence"])
        self._kept: dict[str, dict[int, str]] = {table.name: {} for table in OBJECTS}

    def find_kept(self) -> None:
        """What was changed, what newer objects use, and what these use in turn."""
        fresh: dict[str, list[int]] = {table.name: self._keep(table.name, self._changed(table)) for table in OBJECTS}
        newest = self._server.ask("SELECT " + ",".join(f"(SELECT coalesce(max(id),0) FROM {quoted(table.name)})" for table in OBJECTS))[0]
        newer = {table.name for table, highest in zip(OBJECTS, newest, strict=True) if highest > self._last.get(table.name, 0)}
        for use in _USES:
            if use.owner in newer:
                where = f"{use.key}>CAST(? AS INTEGER)"
                fresh[use.to] += self._keep(use.to, self._used(use, where, str(self._last.get(use.owner, 0))))
        while any(fresh.values()):
            self._check_stop()
            found: dict[str, list[int]] = {name: [] for name in fresh}
            for use in _USES:
                for ids in _slices(fresh[use.owner], _FEW):
                    found[use.to] += self._keep(use.to, self._used(use, f"{use.key} IN ({_IDS})", json.dumps([[one] for one in ids])))
            fresh = found

    def _keep(self, table: str, found: Iterable[tuple[int, str]]) -> list[int]:
        """Note objects that stay; those of them that are new to the list."""
        kept, last = self._kept[table], self._last.get(table, 0)
        new = {number: reason for number, reason in found if number not in kept and number <= last}
        kept.update(new)
        return list(new)

    def _used(self, use: _Use, where: str, argument: str) -> list[tuple[int, str]]:
        sql = f"SELECT {use.column},min({use.key}) FROM {quoted(use.table)} WHERE {where} AND {use.column} IS NOT NULL GROUP BY +{use.column}"
        return [(number, f"it belongs to {use.owner} {owner}, which stays") for number, owner in self._server.ask(sql, [argument])]

    def _changed(self, table: Table) -> Iterator[tuple[int, str]]:
        sql = f"SELECT json_group_array(json_array(id,{table.stamp})) FROM {quoted(table.name)} WHERE id>CAST(? AS INTEGER) AND id<=CAST(? AS INTEGER)"
        for after, last, stamps in self._log.of_table(table.name):
            loaded = dict(stamps)
            for number, stamp in json.loads(self._server.ask(sql, [str(after), str(last)])[0][0]):
                if loaded.get(number) != stamp:
                    yield number, "it was changed since"
        if table.name == "scenes":
            for history in ("scenes_view_dates", "scenes_o_dates"):
                newer = f"SELECT DISTINCT scene_id FROM {history} WHERE rowid>CAST(? AS INTEGER)"
                for (number,) in self._server.ask(newer, [str(self._log.last(history, late=False))]):
                    yield number, "it was played since"

    def remove(self, progress: Callable[[int, int], None]) -> None:
        """Remove all that does not stay, what refers to others first; images last."""
        total, done, pace = sum(number for name, number in self._log.rows().items() if name in self._kept), 0, Pace(1000)
        for name in UNLOADING:
            table, kept = BY_NAME[name], self._kept[name]
            first = [statement.format(_IDS) for statement in _FIRST.get(name, ())]
            # Only as it was loaded: what is changed in this very moment stays as well.
            sql = f"""DELETE FROM {quoted(name)} WHERE id IN (SELECT {quoted(name)}.id FROM (SELECT value->>0 i,value->>1 s FROM json_each(?)) j
                JOIN {quoted(name)} ON {quoted(name)}.id=j.i WHERE {table.stamp}=j.s)"""
            for _, _, stamps in self._log.of_table(name):
                going = [pair for pair in reversed(stamps) if pair[0] not in kept]
                while going:
                    self._check_stop()
                    some, going = going[: pace.rows], going[pace.rows :]
                    argument = json.dumps(some)
                    pace.took(self._server.run(["PRAGMA defer_foreign_keys=ON", *first, sql], [argument] * (len(first) + 1)), len(some) / pace.rows)
                    done += len(some)
                    progress(done, total)
        self._remove_images()

    def _remove_images(self) -> None:
        sql = f"DELETE FROM blobs WHERE checksum IN ({_IDS}) AND checksum NOT IN ({_USED})"
        for _, _, stamps in self._log.of_table("blobs"):
            for some in _slices(stamps, 100):
                self._check_stop()
                self._server.run([sql], [json.dumps([[checksum] for _, checksum in some])])
        folder = self._facts.get("folder", "")
        for some in _slices(self._log.images(), _FEW):
            there = self._server.ask(f"SELECT checksum FROM blobs WHERE checksum IN ({_IDS})", [json.dumps([[checksum] for checksum in some])])
            for checksum in set(some) - {row[0] for row in there}:
                bulk_blobs.remove(Path(folder), checksum)

    def left(self) -> list[Left]:
        """What was loaded and is still there."""
        numbers = ",".join(f"(SELECT count(*) FROM {quoted(table.name)} WHERE id<=CAST(? AS INTEGER))" for table in OBJECTS)
        there = self._server.ask(f"SELECT {numbers}", [str(self._last.get(table.name, 0)) for table in OBJECTS])[0]
        found = []
        for table in itertools.compress(OBJECTS, there):
            sql = f"SELECT id FROM {quoted(table.name)} WHERE id<=CAST(? AS INTEGER) ORDER BY id"
            for (number,) in self._server.ask(sql, [str(self._last.get(table.name, 0))]):
                found.append(Left(table.name, number, self._kept[table.name].get(number, "it was changed while the load was taken back")))
        return found

    def restore_counters(self, used: set[str]) -> None:
        """Set the counters for new ids back, where nobody has got a new one since and nothing was left."""
        before = dict(self._facts["before"])
        names = [table.name for table in OBJECTS if table.name not in used]
        rows = json.dumps([[name, before.get(name), self._last.get(name)] for name in names])
        self._server.run([
            """UPDATE sqlite_sequence SET seq=j.b FROM (SELECT value->>0 n,value->>1 b,value->>2 o FROM json_each(?)) j
                WHERE name=j.n AND seq=j.o AND j.b IS NOT NULL""",
            "DELETE FROM sqlite_sequence WHERE EXISTS(SELECT 1 FROM json_each(?) WHERE value->>0=name AND value->>2=seq AND value->>1 IS NULL)",
            """INSERT INTO sqlite_sequence(name,seq) SELECT value->>0,value->>1 FROM json_each(?) WHERE value->>1 IS NOT NULL AND value->>2 IS NULL
                AND value->>0 NOT IN (SELECT name FROM sqlite_sequence)""",
        ], [rows] * 3)


def _slices(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(itertools.islice(rest, size)):
        yield some
