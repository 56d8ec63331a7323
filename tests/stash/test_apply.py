"""A plan that is applied to a real Stash and taken back: everything that Stash's API can set is as it was before."""

from __future__ import annotations

import contextlib
import os
from itertools import pairwise

import pytest
from stashport.change.compare import name_of
from stashport.change.differences import differences
from stashport.change.journal import NAME, Journal
from stashport.change.merge import Change
from stashport.change.steps import CREATE, UPDATE, Step, split
from stashport.errors import Unreachable
from stashport.model.fields import BY_NAME
from stashport.stash.connection import Connection
from stashport.stash.database import DatabaseReader
from stashport.stash.writing import ApiWriter
from support.changes import applied, undone, written

KINDS = ("tag", "studio", "performer", "group", "gallery", "scene", "image", "saved_filter")
FAULTS = int(os.environ.get("STASH_PORT_FAULTS", "8"))
MADE = ("tag", "studio", "performer", "group", "scene")
UNIQUE = ("name", "aliases", "alias_list", "parents", "parent_studio", "sub_groups", "files", "folder", "visual_files", "cover", "stash_ids", "galleries", "mode", "chapters")


class Fragile(Connection):
    """A connection that is lost at the n-th request: before it is sent, or before its answer comes."""

    fails_at, sent, before = -1, 0, False

    def _request(self, *arguments, **options):
        self.sent += 1
        fails = self.sent == self.fails_at
        if fails and self.before:
            raise Unreachable(url=self.url, reason="a test")
        response = super()._request(*arguments, **options)
        if fails:
            raise Unreachable(url=self.url, reason="a test")
        return response


class Live:
    """A running Stash as a target, read from its database."""

    def __init__(self, stash):
        self.stash, self.pictures = stash, {}
        self.connection = Fragile(stash.url)
        self.writer = ApiWriter(self.connection, self.pictures.get)

    @contextlib.contextmanager
    def fresh(self):
        """The database as of now."""
        with DatabaseReader(self.stash.database, self.stash.blobs) as reader:
            yield reader

    def records(self, kind):
        """All records of a kind."""
        with self.fresh() as reader:
            found = [record for batch in reader.batches(BY_NAME[kind], reader.fields(BY_NAME[kind])) for record in batch.records]
            for record in found:
                for field in BY_NAME[kind].fields:
                    if field.type == "image" and record[field.name]:
                        self.pictures[record[field.name][4:]] = reader.image(record[field.name][4:])
        return found


def values_of(live, kind, record):
    """What of a record the API can set on another one."""
    cannot = live.writer.cannot(kind)
    names = [f.name for f in kind.fields if f.name not in UNIQUE and f.name not in cannot and f.write not in ("sql", "never") and f.name in record]
    return {name: record[name] for name in names if record[name] is not None or name not in ("title", "cover_image")}  # these are not cleared


def steps_of(live, everything):
    """Each record gets the values of the next one, and some are made anew that refer to each other."""
    for name in KINDS:
        kind = BY_NAME[name]
        for mine, theirs in pairwise(everything[name][:40]):
            values = values_of(live, kind, theirs)
            for field in ("title", "cover_image"):  # what was not there could not be taken away again
                if mine.get(field) is None:
                    values.pop(field, None)
            if name == "scene":
                values["tags"] = [*values["tags"], "tag:-9001"]
                values["performers"] = ["performer:-9003"]
            changes = [Change(field, mine[field], value, "test") for field, value in values.items()]
            for place, (phase, part) in enumerate(split(kind, changes).items()):
                yield Step(name, UPDATE, mine["id"], mine["id"], name_of(mine), counted=not place, record={"id": mine["id"], **values}, changes=tuple(part)), phase
        for number, theirs in enumerate(everything[name][:5] if name in MADE else (), 9000):
            values = {field: value for field, value in values_of(live, kind, theirs).items() if value not in (None, [], {})}
            values |= {"title" if name == "scene" else "name": f" made {number} "}
            values |= {"studio": "studio:-9002", "tags": ["tag:-9000"]} if name == "scene" else {}
            target = f"{name}:-{number}"
            yield Step(name, CREATE, f"{name}:{number}", target, f"made {number}", record={"id": target, **values}), 0


def prepared(live, folder):
    """A plan in a folder; what the library holds."""
    everything = {kind: live.records(kind) for kind in KINDS}
    written(folder, steps_of(live, everything))
    return everything


def taken_back(live, folder):
    """Take back what was done, with the pictures that the journal kept."""
    live.pictures.clear()
    with Journal(folder / NAME, reading=True) as journal:
        live.writer = ApiWriter(live.connection, journal.image)
        return undone(folder, live)[1]


def differing(live, everything):
    """What is not as it was before, but for when records were changed."""
    found = []
    for kind, records in everything.items():
        after = {record["id"]: record for record in live.records(kind)}
        found += after.keys() ^ {record["id"] for record in records}
        for record in records:
            told = differences(BY_NAME[kind], record, after.get(record["id"], record))
            found += [(record["id"], one) for one in told if one.field != "updated_at" and one.how == "value"]
    return found


def test_applied_and_taken_back(libraries, start_stash, tmp_path):
    """Several hundred changes and creates of every kind go in; taken back, no field that the API can set differs, and no record is more."""
    live = Live(start_stash(libraries.filled()))
    everything = prepared(live, tmp_path)
    told = applied(tmp_path, live)
    assert {outcome for _, outcome in told.counts} <= {"created", "updated", "unchanged"}, told.items[:5]
    assert sum(number for (_, outcome), number in told.counts.items() if outcome == "created") == 25
    assert not told.warnings, told.warnings[:5]
    assert len(differing(live, everything)) > 500
    told = taken_back(live, tmp_path)
    assert not [one for one in told.items if one[3] != "deleted"], told.items[:5]
    assert not told.warnings, told.warnings[:5]
    assert differing(live, everything) == []


def test_a_lost_connection_then_back(libraries, start_stash, tmp_path):
    """Whichever request is the one that is lost, before or after Stash carried it out: taken back, everything is as before; or else it goes on."""
    live = Live(start_stash(libraries.filled()))
    everything = prepared(live, tmp_path / "plain")
    live.connection.sent = 0
    applied(tmp_path / "plain", live)
    requests = live.connection.sent
    whole = {kind: live.records(kind) for kind in KINDS}
    taken_back(live, tmp_path / "plain")
    assert differing(live, everything) == []
    for number in range(1, requests + 1, max(1, requests // FAULTS)):
        folder = tmp_path / str(number)
        live.writer = ApiWriter(live.connection, live.pictures.get)
        prepared(live, folder)
        live.connection.sent, live.connection.fails_at, live.connection.before = 0, number, bool(number % 2)
        with pytest.raises(Unreachable):
            applied(folder, live)
        live.connection.fails_at = -1
        if number % 3 == 0:
            applied(folder, live)
            assert [len(live.records(kind)) for kind in KINDS] == [len(records) for records in whole.values()], number
        if (folder / NAME).is_file():
            taken_back(live, folder)
        assert differing(live, everything) == [], number
