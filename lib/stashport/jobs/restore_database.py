"""Restore by the method `database`: the backup becomes a database file beside the one in use, Stash is pointed at it, and asked to be started again.

Nothing that is there is changed but one setting, so that going back is to change that setting again.  What undo and the look after the restart need is
returned as plain data, for the notes of the run.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from stashport.atomic import write_text
from stashport.errors import BadRequest, CannotSwitch, ChangedSince, NotRestorable, PortError
from stashport.jobs.restore_beside import Paths, Put, missing_images, place_for, put_beside, room_for, row_counts
from stashport.jobs.restore_source import BackupSource, Held, validated
from stashport.model.fields import KINDS
from stashport.runs.record import Run
from stashport.runs.wording import count_of, timestamp
from stashport.stash import switching
from stashport.stash.connection import Connection
from stashport.stash.database import open_database
from stashport.stash.graphql import GraphQLReader
from stashport.stash.switching import Target

FACTS = "database.json"  # in the run's folder: what this returns
_RESTART = "Restart Stash now: until then it goes on with the library that it has open."
_START = "Start Stash now: it opens the restored library."


def restore_database(
    backup: BackupSource, connection: Connection | None, config_file: Path | None, run: Run, *,
    salvage: bool = False, paths: Paths | None = None, folder: Path | None = None, checked: bool = False,
) -> dict[str, Any]:
    """Put a backup beside a Stash's database and point that Stash at it; facts for the run's notes, which undo and `confirm` need.

    connection    the Stash, when it runs; else `config_file` is the config.yml of one that is down
    salvage       restore what is whole of a damaged backup, and list the rest
    paths         where a folder of the backup lies on this machine
    folder        where the file goes, when not beside the one in use
    checked       every byte of the backup was looked at just now
    Errors: Unsound for a damaged backup; NotRestorable, NewerDatabase, DiskFull, CannotWrite before anything was changed; SettingFixed and CannotSwitch
    when the file is there and Stash could not be pointed at it.
    """
    run.phase("Asking Stash for its places")
    target = _target(connection, config_file, backup)
    with backup.opened(run) as held:
        problems = [] if checked and not salvage else validated(held, run, salvage=salvage)
        if target.schema is None:
            target = _with_schema_of_today(target, run)
        put = put_beside(held, target, run, folder, paths=paths, salvage=salvage)
        differing = _against(held, put)
    for line in [*put.problems[:10], *differing]:
        run.warn(line)
    run.output(put.database, put.database.stat().st_size, "the restored database")
    now = timestamp(int(time.time()))  # Stash keeps times in whole seconds
    facts: dict[str, Any] = {
        "database": str(put.database), "before": target.setting, "before_file": str(target.database), "time": now,
        "schema": put.schema, "app_schema": target.schema, "rows": put.rows, "changed": _recent(put.database, now), "images": put.images,
        "moved": put.moved, "problems": problems, "online": connection is not None, "blobs": str(target.blobs or ""),
        "config": str(target.config or config_file or ""), "config_copy": "",
    }
    write_text(run.folder / FACTS, json.dumps(facts, indent=1))  # before the switch, so that a run that is killed can be undone too
    return point_at(facts, connection, config_file, target, run)


def go_on_with_database(facts: dict[str, Any], connection: Connection | None, config_file: Path | None, run: Run) -> dict[str, Any]:
    """Point a Stash at the restored database of a run that was killed when that was ready; the facts, as of restore_database.

    Errors: NotRestorable when the file is not there any more, CannotSwitch when Stash was pointed elsewhere meanwhile; as switching.point.
    """
    run.phase("Asking Stash for its places")
    target = switching.ask(connection) if connection else switching.read(config_file) if config_file else None
    if target is None:
        raise BadRequest(what="To go on, give the address of the Stash, or the config.yml of one that is down.")
    database = Path(facts["database"])
    if not database.is_file():
        raise NotRestorable(name=str(database), reason="that file is not there any more", instead="Restore the backup again.")
    if target.setting not in (facts["before"], facts["database"]):
        raise CannotSwitch(database=facts["database"], reason=f"it was pointed at {target.setting} since, which this restore does not know",
                           instead="Restore the backup again, or set the database path yourself in Settings > System.")
    return point_at(facts, connection, config_file, target, run)


def point_at(facts: dict[str, Any], connection: Connection | None, config_file: Path | None, target: Target, run: Run) -> dict[str, Any]:
    """Point Stash at the restored database, unless it is already; the facts with what there is to say of it.  Errors: as switching.point."""
    run.phase("Pointing Stash at it")
    if target.setting != facts["database"]:
        facts["config_copy"] = _point(connection, config_file, facts["database"])
    facts["restart"], facts["remarks"] = _RESTART if connection else _START, _remarks(facts, target)
    for remark in facts["remarks"]:
        run.warn(remark)
    write_text(run.folder / FACTS, json.dumps(facts, indent=1))
    return facts


def preview_database(backup: BackupSource, connection: Connection | None, config_file: Path | None, run: Run, *, folder: Path | None = None) -> dict[str, Any]:
    """What restore_database would do, without doing it or looking at every byte: {"database", "before", "room": {folder: [needed, free]}, "sentence"}.

    Errors: as restore_database, but for what only a look at every byte can tell.
    """
    run.phase("Asking Stash for its places")
    target = _target(connection, config_file, backup)
    with backup.opened(run) as held:
        database = place_for(target, folder)
        room = {str(one): told for one, told in room_for(held, database.parent, target.blobs).items()}
    sentence = f"{backup.name} would become {database}, and Stash would be pointed at it; {target.database} would stay as it is."
    return {"database": str(database), "before": target.setting, "room": room, "sentence": sentence}


def _target(connection: Connection | None, config_file: Path | None, backup: BackupSource) -> Target:
    """Errors: BadRequest, NotRestorable, NotReady, CannotSwitch."""
    if connection:
        target = switching.running(connection)
        if not switching.is_beside(connection):
            raise NotRestorable(name=backup.name, reason=f"the database of the Stash at {connection.url} is not within reach here",
                                instead='Run this on the machine where Stash runs, as its task; or use the method "bulk" or "api".')
    elif config_file:
        target = switching.read(config_file)
        switching.refuse_running(config_file, "the restored database")
    else:
        raise BadRequest(what="To restore a whole database, give the address of a Stash, or the config.yml of one that is down.")
    try:
        str(target.database).encode()
    except UnicodeEncodeError:
        raise NotRestorable(name=backup.name, reason=f"Stash cannot be told the name of {target.database}: it is no UTF-8",
                            instead="Rename that folder first.") from None
    if not target.within_reach:
        raise NotRestorable(name=backup.name, reason=f"the folder {target.database.parent}, where this Stash keeps its database, is not here",
                            instead="Run this where Stash runs: in its container, for example.")
    if switching.same(backup.path, target.database) or (target.opened and switching.same(backup.path, target.opened)):
        raise BadRequest(what=f"{backup.path} is the very database that this Stash has: there is nothing to restore.")
    return target


def _with_schema_of_today(target: Target, run: Run) -> Target:
    """A Stash that is down cannot say what it knows; its own database is of the schema that it brought it to."""
    try:
        with contextlib.closing(open_database(target.database)) as db:
            (version,) = db.execute("SELECT version FROM schema_migrations").fetchone()
        return replace(target, schema=int(version))
    except (sqlite3.DatabaseError, TypeError, ValueError, PortError):
        run.warn(f"Whether this Stash is new enough for the backup cannot be told: its own database {target.database} cannot be read.")
        return target


def _against(held: Held, put: Put) -> list[str]:
    """Where the backup's own list of records says another number than the database that was in it."""
    told, tables = held.counts(), {kind.plural: kind.table.split()[0] for kind in KINDS if kind.table}
    return [f"The backup tells of {told[name]:,} {name}, and its database has {put.rows.get(table, 0):,}: the database was restored."
            for name, table in tables.items() if name in told and told[name] != put.rows.get(table, 0)]


def _remarks(facts: dict[str, Any], target: Target) -> list[str]:
    found = []
    if target.schema and facts["schema"] < target.schema:
        found.append(f"The backup is from an older Stash (schema {facts['schema']}): this one (schema {target.schema}) asks to migrate it, once. Say yes.")
    if target.opened and not switching.same(target.opened, target.database):
        found.append(f"Stash was already pointed at another database ({target.setting}) than it has open: undo points it there again.")
    if target.blobs and _keeps_files(target.database):
        found.append("Both libraries share the folder of images. Until you are sure that you keep the restored one, do not let Stash clean generated files "
                     "with “Blob files”: it would remove the images of the other library.")
    for name, text in (("lost", "were damaged or missing in the backup"), ("missing", "were missing in Stash already when the backup was made")):
        if facts["images"][name]:
            found.append(f"{count_of(facts['images'][name], 'image')} {text}: Stash shows none in their place.")
    return found


def _keeps_files(database: Path) -> bool:
    """Whether a library has images in the folder; of one that cannot be read, nobody needs them."""
    with contextlib.suppress(sqlite3.DatabaseError, PortError), contextlib.closing(open_database(database)) as db:
        return db.execute("SELECT 1 FROM blobs WHERE blob IS NULL LIMIT 1").fetchone() is not None
    return False


def _point(connection: Connection | None, config_file: Path | None, setting: str) -> str:
    """The copy of config.yml that was made, if it was Stash's to be down."""
    if connection:
        switching.point(connection, setting)
        return ""
    assert config_file
    return str(switching.point_file(config_file, setting))


def _recent(database: Path, since: str) -> dict[str, int]:
    """How many rows of each table that has one bear a time of change from a moment on."""
    with contextlib.closing(open_database(database)) as db:
        tables = [row[0] for row in db.execute("SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type='table' AND c.name='updated_at'")]
        asked = 'SELECT count(*) FROM "{}" WHERE julianday(updated_at)>=julianday(?)'
        return {name: int(db.execute(asked.format(name), (since,)).fetchone()[0]) for name in sorted(tables)}


def changes_since(facts: dict[str, Any]) -> str:
    """What has been changed in the restored database since it was put there, in words; "" for nothing that can be seen.

    Records that say when they were changed are counted, and lists by how much longer or shorter they are.
    """
    database = Path(facts["database"])
    if not database.is_file():
        return ""
    recent = _recent(database, facts["time"])
    with contextlib.closing(open_database(database)) as db:
        rows = row_counts(db)
    changed = sum(max(0, number - facts["changed"].get(name, 0)) for name, number in recent.items())
    longer = sum(max(0, rows.get(name, 0) - number) for name, number in facts["rows"].items() if name not in recent)
    gone = sum(max(0, number - rows.get(name, 0)) for name, number in facts["rows"].items())
    parts = [(changed, "changed or new record"), (longer, "new entry in lists" if longer == 1 else "new entries in lists"), (gone, "deleted row")]
    return ", ".join(f"{number:,} {what}{'s' if number != 1 and not what.endswith('lists') else ''}" for number, what in parts if number)


def undo_database(facts: dict[str, Any], connection: Connection | None, config_file: Path | None, run: Run, *, force: bool = False) -> dict[str, Any]:
    """Point Stash back at the database that it had; facts for the run's notes.  The restored file stays where it is.

    facts   what restore_database returned
    force   also when the restored library was changed since
    Errors: ChangedSince; CannotSwitch when the old database is not there any more, or Stash was pointed elsewhere meanwhile; as switching.point.
    """
    run.phase("Asking Stash for its places")
    config = config_file or (Path(facts["config"]) if facts["config"] else None)
    target = switching.ask(connection) if connection else switching.read(config) if config else None
    if target is None:
        raise BadRequest(what="To go back to the old database, give the address of a Stash, or the config.yml of one that is down.")
    told = {"database": facts["before"], "restored": facts["database"], "restart": "", "changes": "", "images_missing": 0}
    if target.setting == facts["before"]:
        told["sentence"] = f"Stash is pointed at {facts['before']} already. The restored library is still in {facts['database']}."
        return told
    if not switching.same(Path(facts["database"]), target.database):
        raise CannotSwitch(database=facts["before"], reason=f"it was pointed at {target.setting} since, which this restore does not know",
                           instead="Set the database path yourself in Settings > System if the old one is wanted.")
    old = Path(facts["before_file"])
    if not old.is_file():
        raise CannotSwitch(database=facts["before"], reason="that file is not there any more", instead="Put it back, or restore a backup of it.")
    told["changes"] = changes_since(facts)
    if told["changes"] and not force:
        raise ChangedSince(reason=told["changes"], database=facts["database"])
    blobs = target.blobs or (Path(facts["blobs"]) if facts["blobs"] else None)
    told["images_missing"], example = missing_images(old, blobs)
    if told["images_missing"]:
        run.warn(f"{count_of(told['images_missing'], 'image')} of the old library, for example {example}, are not in the folder of images any more: Stash "
                 "deleted them while the restored library was in use. Restore them from the backup that was made before.", incomplete=True)
    run.phase("Pointing Stash back")
    told["config_copy"] = _point(connection, config, facts["before"])
    told["restart"] = _RESTART if connection else "Start Stash now: it opens the old library."
    told["sentence"] = f"Stash is pointed at {facts['before']} again. The restored library stays in {facts['database']}."
    return told


def confirm(connection: Connection, facts: dict[str, Any]) -> dict[str, Any]:
    """After the restart: whether the running library is the restored one.

    {"running": bool, "state": "restored", "waiting" (for the restart), "migration", or "other", "counts": {plural: [now, restored]}, "differences": [...],
    "images_missing": n, "sentence": ...}
    """
    target = switching.ask(connection)
    told: dict[str, Any] = {"running": False, "state": "other", "counts": {}, "differences": [], "images_missing": 0}
    database = Path(facts["database"])
    if not switching.same(target.opened, database):
        waits = switching.same(target.database, database)
        told["state"] = "waiting" if waits else "other"
        told["sentence"] = _RESTART if waits else f"Stash has {target.opened} open, and is pointed at {target.setting}: not at the restored {database}."
        return told
    if target.status != "OK":
        told["state"] = "migration"
        told["sentence"] = "Stash has the restored library, which is from an older version: open Stash in a browser and let it migrate it."
        return told
    with contextlib.closing(GraphQLReader(connection)) as server:
        for kind in (one for one in server.kinds() if one.table):
            told["counts"][kind.plural] = [server.count(kind), facts["rows"].get(kind.table.split()[0], 0)]
    told["differences"] = [f"{now:,} {name} where {then:,} were restored" for name, (now, then) in told["counts"].items() if now != then]
    if database.is_file():
        told["images_missing"], _ = missing_images(database, target.blobs)
    if told["images_missing"] > facts["images"]["lost"] + facts["images"]["missing"]:
        told["differences"].append(f"{count_of(told['images_missing'], 'image')} cannot be found in the folder of images any more")
    told |= {"running": True, "state": "restored"}
    records = sum(now for now, _ in told["counts"].values())
    told["sentence"] = f"Stash runs on the restored library: {records:,} records" + (
        f"; {'; '.join(told['differences'][:3])}." if told["differences"] else ", as many of each kind as were restored.")
    return told
