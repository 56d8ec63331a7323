"""Opening a source: what a person may name, which reader is chosen, and what is said when it cannot be."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from stashport.errors import BadRequest, NoSuchSource, NotADatabase, NotReady, NotStash, NotSupported, PortError, UnknownSchema, Unreachable
from stashport.model.fields import GRAPHQL_CANNOT, SETTING, TAG
from stashport.model.records import encode
from stashport.stash import connection as connection_module
from stashport.stash.connection import Connection
from stashport.stash.source import DatabaseFile, Opened, open_source, place_of
from support.miniature import PICTURES, sample_library, write_miniature
from support.standin import StandIn


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files that must be empty in the end; pauses are none."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(connection_module, "PAUSES", (0.0,))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The sample library as a database file."""
    return write_miniature(tmp_path / "stash-go.sqlite", sample_library(pictures=True), PICTURES)


@pytest.fixture
def start() -> Iterator[Callable[..., StandIn]]:
    """A function that starts a server with the sample library."""
    with ExitStack() as stack:

        def started(**options: Any) -> StandIn:
            return stack.enter_context(StandIn(sample_library(pictures=True), pictures=PICTURES, **options))

        yield started


def change(path: Path, sql: str) -> None:
    """Run some SQL on a database."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(sql)
        db.commit()


def tags(opened: Opened) -> list[bytes]:
    """The lines of all tags, without images."""
    fields = tuple(f for f in opened.reader.fields(TAG) if f.type != "image")
    return [line for batch in opened.reader.batches(TAG, fields) for line in batch.lines]


def seen_through(opened: Opened) -> str:
    """Which reader reads; the facts must say the same."""
    assert opened.facts["reader"] == opened.reader.name
    return opened.reader.name


# --- what a person may name -----------------------------------------------------------------------------------------------------------


def test_an_address_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What begins as an address is one, with its key; everything else is a file, with its blobs."""
    monkeypatch.delenv("STASH_API_KEY", raising=False)
    (tmp_path / "key").write_text("the key")
    place = place_of("http://127.0.0.1:9999/stash/", api_key_file=str(tmp_path / "key"))
    assert isinstance(place, Connection)
    assert (place.url, place._key) == ("http://127.0.0.1:9999/stash", "the key")
    assert place_of("stash-go.sqlite", blobs="blobs") == DatabaseFile(Path("stash-go.sqlite"), Path("blobs"))
    assert place_of("ftp:stash.sqlite") == DatabaseFile(Path("ftp:stash.sqlite"))
    with pytest.raises(BadRequest):
        place_of("http://127.0.0.1:9999", api_key_file=str(tmp_path / "absent"))


def test_a_database_file(database: Path) -> None:
    """A file is read as a database, tells everything but settings, and says so; another reader is refused for it."""
    with open_source(DatabaseFile(database)) as opened:
        assert seen_through(opened) == "database"
        assert opened.absent == {"setting": "a database file holds no settings"}
        assert SETTING not in opened.reader.kinds()
        assert len(tags(opened)) == 3
    with pytest.raises(NotSupported), open_source(DatabaseFile(database), reader="graphql"):
        pass
    with pytest.raises(NoSuchSource), open_source(DatabaseFile(database.with_name("absent"))):
        pass


def test_what_is_open_already_is_passed_through(database: Path) -> None:
    """A source that somebody else opened stays open."""
    with open_source(DatabaseFile(database)) as opened:
        with open_source(opened) as same:
            assert same is opened
        assert len(tags(opened)) == 3


# --- which reader is chosen -----------------------------------------------------------------------------------------------------------


def test_the_database_beside_the_server_is_read(database: Path, start: Callable[..., StandIn]) -> None:
    """Where the server's database is on this machine it is read, and the settings come from the server: nothing is absent."""
    server = start(database=database, beside=True)
    for wish in ("auto", "database"):
        with open_source(Connection(server.url), reader=wish) as opened:
            assert seen_through(opened) == "database"
            assert (opened.absent, opened.remarks) == ({}, [])
            assert tags(opened) == [encode({k: v for k, v in record.items() if k != "image"}) for record in sample_library()["tag"]]
            assert opened.reader.count(SETTING) > 60
            assert [batch for batch in opened.reader.batches(SETTING, SETTING.fields) if batch.records]
            assert opened.reader.image(next(iter(PICTURES))) in PICTURES.values()
    with open_source(Connection(server.url), reader="graphql") as opened:
        assert seen_through(opened) == "graphql"
        assert opened.absent == GRAPHQL_CANNOT


def test_a_path_is_relative_to_the_server_s_folder(database: Path, start: Callable[..., StandIn]) -> None:
    """Stash may tell its database's and its blobs' place relative to the folder that it works in."""
    blobs = database.parent / "pictures"
    other = write_miniature(database.with_name("other.sqlite"), sample_library(pictures=True), PICTURES, blobs=blobs)
    server = start(database=Path(other.name), beside=True, settings={"general": {"blobsPath": blobs.name}})
    server.status["workingDir"] = str(database.parent)
    with open_source(Connection(server.url)) as opened:
        assert seen_through(opened) == "database"
        assert opened.reader.image(next(iter(PICTURES))) in PICTURES.values()


@pytest.mark.parametrize("path", ["/nowhere/stash-go.sqlite", "C:\\Stash\\stash-go.sqlite", "/" + "long/" * 2000 + "stash.sqlite", "/nul\0.sqlite", ""])
def test_another_machine_s_path_is_no_error(start: Callable[..., StandIn], path: str) -> None:
    """A path that means nothing here, or cannot even be looked at, leads to the API."""
    server = start(database=Path(path), beside=True)
    with open_source(Connection(server.url)) as opened:
        assert seen_through(opened) == "graphql"
        assert opened.absent == GRAPHQL_CANNOT


def test_another_library_under_the_same_path_is_not_taken(database: Path, start: Callable[..., StandIn]) -> None:
    """A container's path may mean another file here: when the counts differ it is not read, and an explicit wish for it is refused."""
    server = start(database=database, beside=True)
    change(database, "DELETE FROM tags WHERE id=3")
    with open_source(Connection(server.url)) as opened:
        assert seen_through(opened) == "graphql"
    with pytest.raises(NoSuchSource), open_source(Connection(server.url), reader="database"):
        pass


def test_an_unknown_schema_is_read_through_the_api(database: Path, start: Callable[..., StandIn]) -> None:
    """A schema of a version that is not known here is left to the API, and that is said; an explicit wish for the database is refused."""
    server = start(database=database, beside=True)
    change(database, "UPDATE schema_migrations SET version=999")
    with open_source(Connection(server.url)) as opened:
        assert seen_through(opened) == "graphql"
        assert any("schema 999" in remark for remark in opened.remarks)
    with pytest.raises(UnknownSchema), open_source(Connection(server.url), reader="database"):
        pass


# --- a database that has to be fetched ------------------------------------------------------------------------------------------------


def test_a_remote_database_is_fetched_on_wish(database: Path, start: Callable[..., StandIn], scratch: Path) -> None:
    """Stash's own backup is downloaded once, read like any database, said to be one, and gone afterwards."""
    server = start(database=database)
    with open_source(Connection(server.url), reader="database") as opened:
        assert seen_through(opened) == "database"
        assert "backup" in opened.remarks[0]
        assert len(list(scratch.iterdir())) == 1
        assert tags(opened) == [encode({k: v for k, v in record.items() if k != "image"}) for record in sample_library()["tag"]]
    assert sum(document.startswith("mutation") for _, document in server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [("cut", Unreachable), ("reset", Unreachable), ("500", Unreachable), ("html", NotADatabase), ("empty", NotADatabase), ("redirect", PortError)],
)
def test_a_download_that_fails(database: Path, start: Callable[..., StandIn], fault: str, error: type[PortError]) -> None:
    """Whatever comes in place of the backup is one of our errors, and nothing of it stays."""
    server = start(database=database, faults=f"ok ok ok {fault}")
    with pytest.raises(error), open_source(Connection(server.url), reader="database"):
        pass
    assert len(server.requests) == 4


def test_a_server_that_gives_no_backup(start: Callable[..., StandIn]) -> None:
    """A server that cannot make one says so."""
    with pytest.raises(PortError, match="cannot do backupDatabase"), open_source(Connection(start().url), reader="database"):
        pass


# --- servers that are not ready -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["SETUP", "NEEDS_MIGRATION"])
def test_a_server_that_waits_for_somebody(start: Callable[..., StandIn], status: str) -> None:
    """Before its set-up or a migration a Stash is not asked for more."""
    server = start()
    server.status["status"] = status
    with pytest.raises(NotReady, match=status), open_source(Connection(server.url)):
        pass
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", ["html", "empty"])
def test_another_server_at_the_address(start: Callable[..., StandIn], fault: str) -> None:
    """An answer that is not Stash's says that the address may be wrong."""
    with pytest.raises(NotStash), open_source(Connection(start(faults=fault + "+").url)):
        pass
