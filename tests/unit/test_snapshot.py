"""The copy of a database: all of it but the images, of one moment, without a write to the source, and by pages where nothing else goes."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from stashport.errors import DatabaseDamaged, NoSuchSource, Stopped
from stashport.stash.snapshot import snapshot

SCHEMA = """
CREATE TABLE schema_migrations(version INTEGER, dirty BOOLEAN);
INSERT INTO schema_migrations VALUES(75, 0);
CREATE TABLE blobs(checksum TEXT PRIMARY KEY, blob BLOB);
CREATE TABLE "odd ""name"(id INTEGER PRIMARY KEY AUTOINCREMENT, "a column" TEXT COLLATE NOCASE, n INTEGER DEFAULT 3);
CREATE TABLE links(a INTEGER, b INTEGER, PRIMARY KEY(a, b)) WITHOUT ROWID;
CREATE TABLE plain(value TEXT);
CREATE INDEX "by column" ON "odd ""name"("a column");
CREATE UNIQUE INDEX part ON plain(value) WHERE value IS NOT NULL;
CREATE VIEW seen AS SELECT n FROM "odd ""name";
CREATE TRIGGER noticed AFTER INSERT ON plain BEGIN UPDATE "odd ""name" SET n=n+1; END;
PRAGMA user_version=7;
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A database with everything that a schema can have, in WAL mode."""
    path = tmp_path / "source.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(SCHEMA)
        db.executemany('INSERT INTO "odd ""name"("a column") VALUES(?)', [(f"row {n}",) for n in range(50)])
        db.execute('DELETE FROM "odd ""name" WHERE id>40')
        db.executemany("INSERT INTO plain VALUES(?)", [("z",), ("a",), (None,), ("m",)])
        db.execute("INSERT INTO links VALUES(2,1),(1,2)")
        db.execute("INSERT INTO blobs VALUES('aa',x'00112233'),('bb',NULL)")
        db.execute("ANALYZE")
        db.commit()
    return path


def content(path: Path) -> dict[str, object]:
    """Everything that a database says, in its own order."""
    with closing(sqlite3.connect(path)) as db:
        objects = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_autoindex%' ORDER BY type, name").fetchall()
        quoted = [(kind, name.replace('"', '""')) for kind, name, *_ in objects]
        rows = {name: db.execute(f'SELECT * FROM "{name}"').fetchall() for kind, name in quoted if kind == "table"}
        pragmas = {name: db.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id", "encoding", "page_size")}
    return {"objects": objects, "rows": rows, "pragmas": pragmas}


def test_all_but_the_images(source: Path, tmp_path: Path) -> None:
    """Tables, rows in their order, indexes, views, triggers, statistics and numbers to come are the source's; images are left out."""
    copy = snapshot(source, tmp_path / "copy.sqlite")
    assert (copy.reason, copy.damaged) == ("", False)
    wanted, found = content(source), content(copy.path)
    assert wanted["rows"]["blobs"] == [("aa", b"\x00\x11\x22\x33"), ("bb", None)]  # type: ignore[index]
    wanted["rows"]["blobs"] = [("aa", None), ("bb", None)]  # type: ignore[index]
    assert found == wanted
    with closing(sqlite3.connect(copy.path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_nothing_is_written_to_the_source(source: Path, tmp_path: Path) -> None:
    """A source that is open elsewhere keeps every byte, its WAL too."""
    with closing(sqlite3.connect(source)) as holder:
        holder.execute("INSERT INTO plain VALUES('in the WAL')")
        holder.commit()
        before = {path.name: path.read_bytes() for path in tmp_path.glob("source.sqlite*") if not path.name.endswith("-shm")}
        copy = snapshot(source, tmp_path / "copy.sqlite")
        assert {path.name: path.read_bytes() for path in tmp_path.glob("source.sqlite*") if not path.name.endswith("-shm")} == before
    with closing(sqlite3.connect(copy.path)) as db:
        assert db.execute("SELECT count(*) FROM plain WHERE value='in the WAL'").fetchone() == (1,)


def test_it_is_of_one_moment(source: Path, tmp_path: Path) -> None:
    """While somebody writes to two tables at once, the copy holds both halves of each change or none."""
    with closing(sqlite3.connect(source)) as db:
        db.executescript("CREATE TABLE first(n INTEGER); CREATE TABLE second(n INTEGER)")
    stop, wrote = threading.Event(), threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(source, timeout=30)) as db:
            number = 0
            while not stop.is_set():
                number += 1
                db.execute("INSERT INTO first VALUES(?)", (number,))
                db.execute("INSERT INTO second VALUES(?)", (number,))
                db.commit()
                wrote.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        wrote.wait(10)
        for number in range(5):
            copy = snapshot(source, tmp_path / f"copy-{number}.sqlite")
            with closing(sqlite3.connect(copy.path)) as db:
                counts = db.execute("SELECT (SELECT count(*) FROM first), (SELECT count(*) FROM second)").fetchone()
            assert counts[0] == counts[1] > 0
    finally:
        stop.set()
        thread.join()


def test_pages_where_tables_cannot_be_read(source: Path, tmp_path: Path) -> None:
    """A damaged database is copied page by page, and that is said."""
    with closing(sqlite3.connect(source)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page, size = db.execute("SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name='plain'").fetchone()
    data = bytearray(source.read_bytes())
    data[(page - 1) * size : (page - 1) * size + 50] = b"\xff" * 50
    source.write_bytes(data)
    copy = snapshot(source, tmp_path / "copy.sqlite")
    assert copy.damaged
    assert "malformed" in copy.reason
    assert copy.path.read_bytes()[(page - 1) * size : page * size] == data[(page - 1) * size : page * size]


def test_a_virtual_table_is_no_damage(source: Path, tmp_path: Path) -> None:
    """What cannot be copied table by table is copied by pages, without being called damaged."""
    with closing(sqlite3.connect(source)) as db:
        db.execute("CREATE VIRTUAL TABLE searched USING fts5(text)")
        db.execute("INSERT INTO searched VALUES('some words')")
        db.commit()
    copy = snapshot(source, tmp_path / "copy.sqlite")
    assert (bool(copy.reason), copy.damaged) == (True, False)
    with closing(sqlite3.connect(copy.path)) as db:
        assert db.execute("SELECT text FROM searched WHERE searched MATCH 'words'").fetchone() == ("some words",)


def test_what_is_no_database(tmp_path: Path) -> None:
    """A file that is none, and one that is not there, leave nothing behind."""
    (tmp_path / "text").write_bytes(b"no database at all, but long enough" * 100)
    with pytest.raises(DatabaseDamaged):
        snapshot(tmp_path / "text", tmp_path / "copy.sqlite")
    with pytest.raises(NoSuchSource):
        snapshot(tmp_path / "none", tmp_path / "copy.sqlite")
    assert [path.name for path in tmp_path.iterdir()] == ["text"]


def test_a_stop_leaves_nothing(source: Path, tmp_path: Path) -> None:
    """Stopped between two tables, the half copy is removed."""
    def stop() -> None:
        raise Stopped(where="here")

    with pytest.raises(Stopped):
        snapshot(source, tmp_path / "copy.sqlite", stop)
    assert not (tmp_path / "copy.sqlite").exists()
