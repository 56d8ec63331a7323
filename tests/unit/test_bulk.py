"""The parts of bulk loading that need no Stash: the list of tables, the spelling of values, the pace, the guards and the journal."""

from __future__ import annotations

import json
import math
import sqlite3
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.errors import BadFile, DiskFull, LoadBroken, Locked, NotADatabase, ServerError, StashAtWork, UnknownTables
from stashport.stash import bulk_guard
from stashport.stash.bulk_guard import LARGEST, LEAST, MOST, Guarded, Pace, check_space
from stashport.stash.bulk_journal import Chunk, Journal
from stashport.stash.bulk_load import _OPENING
from stashport.stash.bulk_proof import prove
from stashport.stash.bulk_source import BulkSource, exact
from stashport.stash.bulk_tables import BY_NAME, OBJECTS, TABLES, UNLOADING, inserting, late_setting, quoted
from stashport.stash.bulk_undo import _USES, unload

NUMBERS = st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1)
# This machine's SQLite stands in for Stash's, and some lose what follows a NUL; Stash's own is tried with one in the tests with a real Stash.
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00")) | st.sampled_from(["[1,2]", "null", "5", "👩‍👩‍👧"])
CUSTOM = BY_NAME["performer_custom_fields"]


def test_what_is_referred_to_is_loaded_first():
    """Each reference leads to a table further up, or is set afterwards; nothing is taken away before what refers to it."""
    seen = set()
    for table in TABLES:
        for column, to in table.refers.items():
            assert to in seen or column in table.late or (to == table.name and column in table.late), (table.name, column)
        seen.add(table.name)
    assert sorted(UNLOADING) == sorted(table.name for table in OBJECTS)
    strict = {("scene_markers", "tags"), ("scene_markers", "scenes"), ("files", "folders")}
    assert all(UNLOADING.index(one) < UNLOADING.index(other) for one, other in strict)
    assert {use.owner for use in _USES} | {use.to for use in _USES} <= {table.name for table in OBJECTS}
    assert ("scenes", "scenes_tags", "scene_id", "tag_id", "tags") in _USES
    assert ("tags", "tags_relations", "child_id", "parent_id", "tags") in _USES


@given(st.floats(allow_nan=False))
def test_real_numbers_go_to_the_last_bit(value):
    """What is written for a real number gives the same one, computed as SQLite does."""
    told = json.loads(exact(value))
    if isinstance(told, list):
        try:
            again = told[0] * math.pow(2.0, told[1])
        except OverflowError:
            again = math.inf * told[0]
        assert all(isinstance(part, int) and abs(part) <= 2**53 for part in told)
    else:
        again = told
        assert isinstance(told, float)
    assert again == value
    assert sqlite3.connect(":memory:").execute("SELECT ?", (again,)).fetchone() == (value,)


@pytest.fixture(scope="module")
def workbench(tmp_path_factory):
    """A source with one table, and a function that carries its rows over as Stash would: values in, what arrived out."""
    path = tmp_path_factory.mktemp("source") / "source.sqlite"
    create = "CREATE TABLE performer_custom_fields(performer_id INTEGER,field TEXT,value BLOB)"
    with sqlite3.connect(path, isolation_level=None) as db:
        db.executescript(f"CREATE TABLE schema_migrations(version,dirty); INSERT INTO schema_migrations VALUES(75,0); {create}")
    target = sqlite3.connect(":memory:", isolation_level=None)
    target.create_function("unhex", 1, lambda text: None if text is None else bytes.fromhex(text))
    target.execute(create)

    def carried(values):
        for one in (db, target):
            one.execute("DELETE FROM performer_custom_fields")
        db.executemany("INSERT INTO performer_custom_fields VALUES(?,?,?)", [(k, "f", value) for k, value in enumerate(values)])
        with BulkSource(path, lambda path: path) as source:
            last, number = source.chunk(CUSTOM, -(2**63), 1000)
            assert number == len(values)
            text, careful = source.content(CUSTOM, -(2**63), last)
        target.execute(inserting(CUSTOM, careful=careful), (text,))
        asked = "SELECT rowid,value,typeof(value) FROM performer_custom_fields ORDER BY rowid"
        return careful, db.execute(asked).fetchall(), target.execute(asked).fetchall()

    yield carried
    db.close()
    target.close()


@given(st.lists(NUMBERS | TEXTS | st.binary() | st.none(), min_size=1, max_size=8))
def test_every_value_arrives_as_it_is(workbench, values):
    """Numbers, texts with anything in them, bytes and nothing: the same value of the same type, under the same number."""
    careful, sent, arrived = workbench(values)
    assert arrived == sent
    assert careful == any(isinstance(value, (float, bytes)) for value in values)


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 1)), max_size=30))
def test_the_pace_keeps_within_bounds(requests):
    """Whatever requests take, there are neither too few nor too many rows in the next; a slow one makes it fewer, and only a full one makes it more."""
    pace = Pace()
    for seconds, share in requests:
        before = pace.rows
        pace.took(seconds, share)
        assert LEAST <= pace.rows <= MOST
        if share == 1 and seconds > 2 * bulk_guard.GOAL:
            assert pace.rows < before or before == LEAST
        if share <= 0.5:
            assert pace.rows <= before
    assert pace.longest == max([seconds for seconds, _ in requests], default=0.0)


class Pretend:
    """A server that notes what it is sent, and answers what it is told to."""

    url = "http://stash.example"

    def __init__(self, *answers, jobs=()):
        self.sent, self.answers, self.jobs = [], list(answers), list(jobs)

    def query(self, document, variables=None):
        """The queue, or nothing."""
        return {"jobQueue": self.jobs, "systemStatus": {"databasePath": "x", "workingDir": "/"}}

    def mutate(self, document, variables):
        """Note it."""
        self.sent.append(variables)
        return {"querySQL": {"rows": self.answers.pop(0)}} if "querySQL" in document else {"execSQL": {}}


@pytest.mark.parametrize("statement", ["COMMIT", "begin", "ATTACH 'x' AS y", "VACUUM", "PRAGMA foreign_keys=OFF", "PRAGMA writable_schema=1", "ROLLBACK", "SAVEPOINT a"])
def test_what_reaches_beyond_the_transaction_is_never_sent(statement):
    """Neither to be run, nor as a question."""
    server = Pretend()
    for run in (lambda: Guarded(server).run([f"UPDATE tags SET name=1; {statement}"]), lambda: Guarded(server).ask(statement), lambda: Guarded(server).ask(f"SELECT 1; {statement}")):
        with pytest.raises(ValueError, match="not sent"):
            run()
    assert server.sent == []


def test_requests_are_bounded_and_assert_the_schema():
    """Each says which schema it is for; arguments fit; a large one goes alone; a question cannot write."""
    server = Pretend()
    guarded = Guarded(server)
    guarded.run(["DELETE FROM tags WHERE id IN (SELECT value FROM json_each(?))"], ["[1]"])
    assert server.sent[0]["s"].startswith("SELECT json_extract('{}','port: schema '||version) FROM schema_migrations WHERE version<>75 OR dirty; DELETE")
    guarded.run(["DELETE FROM tags WHERE name=?"], ["x" * (LARGEST + 1)])
    for statements, arguments in ((["SELECT ?"], []), (["SELECT ?", "SELECT ?"], ["x" * LARGEST, "x"])):
        with pytest.raises(ValueError, match="not sent"):
            guarded.run(statements, arguments)
    with pytest.raises(ValueError, match="could write"):
        guarded.ask("DELETE FROM tags RETURNING id")
    assert len(server.sent) == 2


def test_every_statement_of_ours_is_constant_and_allowed():
    """Made from the list of tables alone, with one argument, and let through by the guards."""
    server = Pretend()
    for table in TABLES:
        for careful in (False, True):
            Guarded(server).run([inserting(table, careful=careful)], ["[]"])
        if table.late:
            Guarded(server).run([late_setting(table)], ["[]"])
    Guarded(server).run(_OPENING, ["[]", "[]"])


@pytest.mark.parametrize(("jobs", "own", "starting", "refused"), [
    ([], None, True, False), ([("1", "RUNNING")], None, False, True), ([("1", "RUNNING")], "1", True, False), ([("1", "RUNNING"), ("2", "READY")], "1", True, True),
    ([("1", "RUNNING"), ("2", "READY")], "1", False, False), ([("2", "READY")], None, False, True), ([("1", "RUNNING"), ("2", "STOPPING")], "1", False, True),
])  # fmt: skip
def test_the_queue_is_looked_at(jobs, own, starting, refused):
    """Any job but ours refuses the start; while ours is running only those that wait behind it are let be."""
    server = Guarded(Pretend(jobs=[{"id": number, "status": status, "description": "Scan"} for number, status in jobs]), own)
    if not refused:
        server.look(starting=starting)
        return
    with pytest.raises(StashAtWork):
        server.look(starting=starting)


@pytest.mark.parametrize("found", [[], [[74, False]], [[75, True]], [[76, False]]])
def test_another_schema_is_refused(found):
    """An older or newer one, an unfinished migration, none at all."""
    with pytest.raises(UnknownTables):
        Guarded(Pretend(found)).check()


def test_free_space_is_asked_for(tmp_path, monkeypatch):
    """A disk that is too full is refused before anything is written; a database out of reach cannot be asked."""
    told = {"systemStatus": {"workingDir": str(tmp_path), "databasePath": "there.sqlite"}}
    assert check_space(told, 10**18) is None
    (tmp_path / "there.sqlite").touch()
    assert check_space(told, 1) == tmp_path / "there.sqlite"
    monkeypatch.setattr(bulk_guard.shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
    with pytest.raises(DiskFull):
        check_space(told, 6)


def test_the_journal_tells_what_was_begun_and_done(tmp_path):
    """Also to the next process; a request that wrote nothing is forgotten; a table begins below every number."""
    with Journal(tmp_path / "journal") as log:
        assert log.facts == {}
        assert log.last("tags", late=False) == -(2**63)
        log.note(state="loading", begun=0, done=0)
        log.begin(1, [Chunk("tags", False, -(2**63), 5, 3, '[[1,"a"],[4,"\udcff"],[5,"c"]]'), Chunk("tag_aliases", False, -(2**63), 9, 9)])
        log.begin(2, [Chunk("tags", False, 5, 9, 2, '[[8,"d"],[9,"e"]]')])
        log.begin(3, [Chunk("studios", True, -(2**63), 2, 2)])
        log.forget(3)
        log.new_images(["a", "b"])
        log.new_images(["b"])
    with Journal(tmp_path / "journal") as log:
        assert log.facts == {"state": "loading", "begun": 2, "done": 2}
        assert log.rows() == {"tags": 5, "tag_aliases": 9}
        assert log.last("tags", late=False) == 9
        assert log.last("studios", late=True) == -(2**63)
        assert list(log.of_table("tags")) == [(5, 9, [(8, "d"), (9, "e")]), (-(2**63), 5, [(1, "a"), (4, "\udcff"), (5, "c")])]
        assert log.chunks(1)[1] == Chunk("tag_aliases", False, -(2**63), 9, 9)
        assert sorted(log.images()) == ["a", "b"]
        with pytest.raises(Locked):
            Journal(tmp_path / "journal")


def test_a_journal_that_cannot_be_written(tmp_path):
    """A full disk is called that, and a file that is none is not touched."""
    with Journal(tmp_path / "journal") as log:
        log._db.execute("PRAGMA max_page_count=20")
        with pytest.raises(DiskFull):
            log.new_images([f"{number:032x}" for number in range(10_000)])
        assert log.images() == []
        log.new_images(["a"])
    (tmp_path / "other").write_text("something of somebody else's, and long enough to be no empty database" * 20)
    with pytest.raises(BadFile):
        Journal(tmp_path / "other")
    assert (tmp_path / "other").read_text().startswith("something")


def test_nothing_begun_is_nothing_to_take_back(tmp_path):
    """A journal in which nothing stands needs no server."""
    assert unload(tmp_path / "journal", Pretend()) == []


def test_what_is_not_there_afterwards_is_seen(tmp_path):
    """Rows that a failed commit lost, references that lead nowhere, a damaged file."""
    counts = {table.name: 2 for table in TABLES}
    right = [[2] * len(TABLES)]
    with Journal(tmp_path / "journal") as log:
        for answers, what in (
            ([[[2, 1, *[2] * (len(TABLES) - 2)]], [[1]]], "the table tags has 1 of 2 rows"),
            ([right, [["scenes_tags", 3]]], "3 rows of scenes_tags refer"),
            ([right, [], [["page 7 is never used"]]], "page 7"),
        ):
            with pytest.raises(LoadBroken, match=what):
                prove(Guarded(Pretend(*answers)), counts, log, large=False)


def test_a_list_that_stash_cannot_show_is_told(tmp_path):
    """The rows are as in the source, so that it is a remark; so are rows of others that came meanwhile."""
    server = Pretend([[3, *[2] * (len(TABLES) - 1)]], [[2]], [], [["ok"]])
    ask = server.query

    def query(document, variables=None):
        if "findScenes" in document:
            raise ServerError(url=server.url, reason="parsing time")
        return ask(document)

    server.query = query
    with Journal(tmp_path / "journal") as log:
        remarks = prove(Guarded(server), {table.name: 2 for table in TABLES}, log, large=True)
    assert remarks[0] == f"1 rows were added to {TABLES[0].name} by somebody else meanwhile."
    assert "cannot list its scenes" in remarks[1]
    assert [sent["s"].rpartition("; ")[2] for sent in server.sent[4:]] == [f"ANALYZE {quoted(table.name)}" for table in TABLES]


def test_what_is_no_source(tmp_path):
    """Another schema, and a file that is no Stash's database."""
    path = tmp_path / "a.sqlite"
    with sqlite3.connect(path) as db:
        db.executescript("CREATE TABLE schema_migrations(version,dirty); INSERT INTO schema_migrations VALUES(70,0)")
    db.close()
    with pytest.raises(UnknownTables, match="schema 70"):
        BulkSource(path, str)
    (tmp_path / "b.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(NotADatabase):
        BulkSource(tmp_path / "b.sqlite", str)
