"""How SQLite works through DatabaseReader's statements on a database that Stash made: each table once, never once a record."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from stashport.model.records import IdSet
from stashport.stash.database import DatabaseReader


@contextmanager
def _traced(database: Path) -> Iterator[tuple[sqlite3.Connection, list[str]]]:
    """A reader's own connection, and every SELECT that reading everything sends over it, whole and by ids."""
    seen: dict[str, None] = {}
    with DatabaseReader(database) as reader:
        reader._db.set_trace_callback(seen.setdefault)
        for kind in reader.kinds():
            chosen = IdSet()
            for number in range(1, 30):
                chosen.add(number)
            for only in (None, chosen):
                for _ in reader.batches(kind, reader.fields(kind), only):
                    pass
            reader.count(kind)
        reader.image("0" * 32)
        reader._db.set_trace_callback(None)
        yield reader._db, [sql for sql in seen if sql.startswith("SELECT") and "pragma_" not in sql]


def _rescans(db: sqlite3.Connection, sql: str) -> Iterator[str]:
    """The lines of a plan that read a whole table again and again: an inner loop, or a subquery that depends on the row, without an index."""
    plan = {number: (parent, detail) for number, parent, _, detail in db.execute(f"EXPLAIN QUERY PLAN {sql}")}
    outer: set[int] = set()
    for number, (parent, detail) in plan.items():
        if not re.match(r"SCAN|SEARCH", detail):
            continue
        inner, above, correlated = parent in outer, parent, False
        while above:
            above, what = plan[above]
            correlated |= what.startswith("CORRELATED")
        outer.add(parent)
        if detail.startswith("SCAN") and (inner or correlated) and not re.match(r"SCAN (\(subquery|json_each|SUBQUERY)", detail):
            yield f"{detail}: {sql[:200]} [{number}]"
        if "AUTOMATIC" in detail and correlated:  # such an index is made anew for each record; beside the records it is made once
            yield f"{detail}: {sql[:200]} [{number}]"


@pytest.mark.parametrize("analyzed", [True, False])
def test_no_table_is_read_once_a_record(library: Path, *, analyzed: bool) -> None:
    """Every statement scans its first table at most and finds the rest by an index, with and without statistics."""
    if not analyzed:
        with closing(sqlite3.connect(library, isolation_level=None)) as db:
            db.execute("DELETE FROM sqlite_stat1")
    with _traced(library) as (db, statements):
        assert len(statements) >= 30
        assert [found for sql in statements for found in _rescans(db, sql)] == []


def test_the_plan_test_sees_a_rescan(library: Path) -> None:
    """Statements that do read a table once a record are found."""
    with closing(sqlite3.connect(library)) as db:
        for sql in (
            "SELECT 1 FROM scenes t LEFT JOIN files f ON f.size+0=t.id",
            "SELECT (SELECT count(*) FROM files WHERE size+0=t.id) FROM scenes t",
        ):
            assert list(_rescans(db, sql)) != []
