"""Opens what a person names as a source of records, and chooses the reader: the database file where it can be had and is known, else GraphQL."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from stashport.errors import DatabaseDamaged, NoSuchSource, NotReady, NotSupported, PortError, UnknownSchema
from stashport.model.fields import GRAPHQL_CANNOT, SCENE, TAG
from stashport.model.reader import Reader
from stashport.model.records import Batch, IdSet
from stashport.model.table import Field, Kind
from stashport.stash.connection import Connection, key_from_environment
from stashport.stash.database import DatabaseReader, open_database
from stashport.stash.graphql import GraphQLReader

READERS = ("auto", "database", "graphql")
_STATUS = """query StashPortStatus{
    systemStatus{status databasePath databaseSchema appSchema workingDir configPath} version{version} configuration{general{blobsPath}}
}"""


@dataclass
class Opened:
    """A source that is ready: its reader, what is known about it, and what to tell the person about the choice.

    file   its database file, where that is within reach, also when it is not what is read
    """

    reader: Reader
    facts: dict[str, Any]
    absent: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    connection: Connection | None = None
    file: DatabaseFile | None = None


class Beside:
    """The database of a running Stash, with its settings told by the server."""

    name = "database"

    def __init__(self, database: DatabaseReader, server: GraphQLReader) -> None:
        self._database, self.server = database, server

    def _of(self, kind: Kind) -> DatabaseReader | GraphQLReader:
        return self._database if kind.table else self.server

    def kinds(self) -> list[Kind]:
        """All kinds."""
        return [*self._database.kinds(), *(kind for kind in self.server.kinds() if not kind.table)]

    def fields(self, kind: Kind) -> tuple[Field, ...]:
        """The fields that can be told."""
        return self._of(kind).fields(kind)

    def count(self, kind: Kind) -> int:
        """How many records of a kind there are."""
        return self._of(kind).count(kind)

    def batches(self, kind: Kind, fields: tuple[Field, ...], only: IdSet | None = None) -> Iterator[Batch]:
        """Records in batches, ordered by id."""
        return self._of(kind).batches(kind, fields, only)

    def image(self, checksum: str) -> bytes | None:
        """The bytes of an image."""
        return self._database.image(checksum)


def database_of(reader: Reader) -> DatabaseReader | None:
    """The database that a reader reads, if it reads one."""
    found = reader._database if isinstance(reader, Beside) else reader  # noqa: SLF001 - the same room
    return found if isinstance(found, DatabaseReader) else None


@dataclass(frozen=True)
class DatabaseFile:
    """A Stash database file, and the blobs folder that belongs to it, if it has one."""

    path: Path
    blobs: Path | None = None


class OtherPlace(Protocol):
    """A source that is no Stash, and knows how to open itself: a file that Stash Port wrote."""

    def opened(self, reader: str) -> AbstractContextManager[Opened]:
        """The source, ready, for as long as it is wanted.  Errors: its own."""
        ...


Place = Connection | DatabaseFile | OtherPlace | Opened


def place_of(text: str, *, api_key_file: str | None = None, ca: str | None = None, blobs: str | None = None) -> Place:
    """What a person names as a source.  Errors: those of Connection; BadRequest for a key file that cannot be read."""
    if text.startswith(("http://", "https://")):
        return Connection(text, api_key=key_from_environment(api_key_file), ca=ca or True)
    return DatabaseFile(Path(text), Path(blobs) if blobs else None)


@contextmanager
def open_source(place: Place, *, reader: str = "auto") -> Iterator[Opened]:
    """Open a Stash, a database file or another place; what is open already is passed through.

    reader    auto, database or graphql
    Errors: NoSuchSource and those of the readers.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(place, Opened):
            yield place
        elif isinstance(place, Connection):
            yield _open_server(place, reader, stack)
        elif not isinstance(place, DatabaseFile):
            yield stack.enter_context(place.opened(reader))
        elif reader == "graphql":
            raise NotSupported(what=f"{place.path} is a file: it cannot be read through GraphQL.", instead="Leave out --reader.")
        else:
            database = stack.enter_context(DatabaseReader(place.path, place.blobs))
            facts = {"type": "database file", "schema": database.schema, "reader": "database"}
            yield Opened(database, facts, {"setting": "a database file holds no settings"}, file=place)


def server_status(connection: Connection) -> dict[str, Any]:
    """What a server says of itself.  Errors: NotReady while it waits for its set-up or a migration."""
    told = connection.query(_STATUS)
    if told["systemStatus"]["status"] != "OK":
        raise NotReady(url=connection.url, status=told["systemStatus"]["status"])
    return told


def _open_server(connection: Connection, wish: str, stack: contextlib.ExitStack) -> Opened:
    told = server_status(connection)
    status = told["systemStatus"]
    server = stack.enter_context(contextlib.closing(GraphQLReader(connection)))
    facts = {"type": "stash", "stash_version": told["version"]["version"], "schema": status["databaseSchema"], "reader": "graphql"}
    opened = Opened(server, facts, dict(GRAPHQL_CANNOT), connection=connection)
    if wish == "graphql":
        return opened
    path = Path(status["workingDir"]) / status["databasePath"]
    blobs = told["configuration"]["general"]["blobsPath"]
    try:
        if _is_here(path):
            if not _same_library(path, server):
                raise NoSuchSource(place=path)
            opened.file = DatabaseFile(path, Path(status["workingDir"]) / blobs if blobs else None)
            database = stack.enter_context(DatabaseReader(path, opened.file.blobs))
        elif wish == "database":
            database = stack.enter_context(DatabaseReader(_download(connection, stack)))
            opened.remarks.append("The database was read from a backup that Stash made for this run.")
        else:
            raise NoSuchSource(place=path)
    except PortError as error:
        if wish == "database":
            raise
        if isinstance(error, (UnknownSchema, DatabaseDamaged)):
            opened.remarks.append(f"{error.message} It was read through Stash's API instead.")
        return opened
    facts["reader"] = "database"
    opened.reader, opened.absent = Beside(database, server), {}
    return opened


def _is_here(path: Path) -> bool:
    """Whether there is such a file: another machine's path may be no name here, or one that may not be looked at."""
    with contextlib.suppress(OSError, ValueError):
        return path.is_file()
    return False


def _same_library(path: Path, server: GraphQLReader) -> bool:
    """Whether the file at the path that the server names is the server's: a path can mean another file in a container."""
    with contextlib.closing(open_database(path)) as db:
        try:
            return all(db.execute(f"SELECT count(*) FROM {kind.table.split()[0]}").fetchone() == (server.count(kind),) for kind in (TAG, SCENE))
        except sqlite3.DatabaseError as error:
            raise DatabaseDamaged(place=path, reason=error) from error


def _download(connection: Connection, stack: contextlib.ExitStack) -> Path:
    link = connection.mutate("mutation StashPortBackup{backupDatabase(input:{download:true})}")["backupDatabase"]
    if not link:
        raise NoSuchSource(place=f"{connection.url} (it gave no backup to download)")
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stash-port-"))
    path = Path(folder) / "stash.sqlite"
    with path.open("wb") as file:
        for piece in connection.download(link):
            file.write(piece)
    return path
