"""Which database a Stash opens at its next start: asked, pointed at another one, and proven to be so.

The setting is all that is changed.  A running Stash keeps the database that it has open until it is started again; one that is down finds its config.yml
changed.
"""

from __future__ import annotations

import contextlib
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stashport.errors import CannotSwitch, NotReady, ServerError, SettingFixed
from stashport.stash.config_file import ConfigFile
from stashport.stash.connection import Connection
from stashport.stash.source import open_source

ENDINGS = (".sqlite", ".sqlite3", ".db")  # those that Stash takes
_PLACES = """query StashPortPlaces{systemStatus{status databasePath databaseSchema appSchema workingDir configPath}
    configuration{general{databasePath blobsPath blobsStorage scrapersPath}}}"""
_POINT = "mutation StashPortPoint($path:String){configureGeneral(input:{databasePath:$path}){databasePath}}"
_PATIENCE = 2.0  # seconds


@dataclass(frozen=True)
class Target:
    """Where a Stash keeps what it owns, as seen from here.

    setting    the path of its database, as its configuration spells it
    database   that file
    opened     the file that a running Stash has open, which is another one between a switch and the next start; None when it is down
    blobs      the folder that it reads images from; None where it reads none, or where that folder is not within reach
    schema     the newest schema that it knows; None when that cannot be told
    status     OK, SETUP or NEEDS_MIGRATION; DOWN
    config     its config.yml, where it is within reach
    scrapers   the folder of its scrapers, where it is within reach
    """

    setting: str
    database: Path
    opened: Path | None
    blobs: Path | None
    schema: int | None
    status: str
    config: Path | None
    scrapers: Path | None

    @property
    def within_reach(self) -> bool:
        """Whether the folder of its database is here."""
        return self.database.parent.is_dir()


def ask(connection: Connection) -> Target:
    """What a running Stash says, whatever its status.

    Its paths are believed as they are told: whoever writes there has to see first that they mean the same here (`is_beside`).
    """
    told = connection.query(_PLACES)
    status, general = told["systemStatus"], told["configuration"]["general"]
    folder = Path(status["workingDir"])
    setting = str(general["databasePath"] or "")
    config = folder / str(status["configPath"] or "config.yml")
    return Target(
        setting=setting, database=folder / setting, opened=folder / status["databasePath"] if status["databasePath"] else None,
        blobs=_folder(folder, general["blobsPath"]) if general["blobsStorage"] == "FILESYSTEM" else None, schema=int(status["appSchema"]),
        status=str(status["status"]), config=config if _names(config, setting) else None, scrapers=_folder(folder, general["scrapersPath"]),
    )


def read(path: Path) -> Target:
    """What the config.yml of a Stash that is down says.  A path that is not whole is taken from the folder of config.yml.  Errors: CannotSwitch."""
    config = ConfigFile(path)
    folder, setting = config.path.parent, config.get("database")
    if not setting:
        raise CannotSwitch(database="another database", reason=f"{config.path} does not have `database:` on one line of its own, as Stash writes it",
                           instead="Write the path of the restored database into it yourself, and start Stash.")
    return Target(
        setting=setting, database=folder / setting, opened=None, schema=None, status="DOWN", config=config.path,
        blobs=_folder(folder, config.get("blobs_path")) if config.get("blobs_storage") == "FILESYSTEM" else None,
        scrapers=_folder(folder, config.get("scrapers_path")),
    )


def _folder(working: Path, told: str | None) -> Path | None:
    with contextlib.suppress(OSError, ValueError):  # another machine's path may be no name here
        return working / told if told and (working / told).is_dir() else None
    return None


def _names(config: Path, setting: str) -> bool:
    """Whether the file at a server's path of config.yml is the server's: in a container, that path can mean another file."""
    with contextlib.suppress(OSError, ValueError, CannotSwitch):
        return ConfigFile(config).get("database") == setting
    return False


def is_beside(connection: Connection) -> bool:
    """Whether the database that a server has open is within reach here, and really its own.  Errors: NotReady."""
    with open_source(connection) as opened:
        return opened.file is not None


def point(connection: Connection, setting: str) -> Target:
    """Point a running Stash at another database, for its next start; what it says of itself afterwards.

    Errors: SettingFixed when a flag or the environment says which one it opens; CannotSwitch when it does not keep the setting.
    """
    try:
        connection.mutate(_POINT, {"path": setting})
    except ServerError as error:
        reason = str(error.details["reason"])
        if re.search("overrid", reason):
            raise SettingFixed(reason=reason, database=setting) from error
        raise CannotSwitch(database=setting, reason=reason, instead="Look at Stash's log, and at Settings > System > Database path.") from error
    after = ask(connection)
    if after.setting != setting:
        raise CannotSwitch(database=setting, reason=f"it was told to, and still says {after.setting}",
                           instead="Set the database path yourself in Settings > System, and start Stash again.")
    return after


def point_file(path: Path, setting: str) -> Path:
    """Point a Stash that is down at another database; the copy of config.yml as it was.  Errors: CannotSwitch, CannotWrite, DiskFull."""
    refuse_running(path, setting)
    kept = ConfigFile(path).put("database", setting)
    if ConfigFile(path).get("database") != setting:
        raise CannotSwitch(database=setting, reason=f"{path} does not say so afterwards", instead=f"Put back {kept}, and change it yourself.")
    return kept


def refuse_running(path: Path, setting: str) -> None:
    """A Stash that runs would write its own settings over ours.  Errors: CannotSwitch when anything answers where this Stash would."""
    config = ConfigFile(path)
    host, port = config.get("host") or "0.0.0.0", config.get("port") or "9999"  # noqa: S104 - Stash's default
    host = "127.0.0.1" if host in ("0.0.0.0", "::", "[::]") else host.strip("[]")  # noqa: S104 - addresses to listen on are none to call
    with contextlib.suppress(OSError, ValueError, OverflowError), socket.create_connection((host, int(port)), _PATIENCE):
        raise CannotSwitch(database=setting, reason=f"something answers at {host}:{port}, where the Stash of {config.path} does when it runs",
                           instead="Stop Stash first, or give its address instead of its config.yml.")


def running(connection: Connection) -> Target:
    """As `ask`, for what needs a Stash that is ready.  Errors: NotReady."""
    told = ask(connection)
    if told.status != "OK":
        raise NotReady(url=connection.url, status=told.status)
    return told


def same(one: Path | None, other: Any) -> bool:
    """Whether two paths mean one file, whether or not it is there."""
    return one is not None and (one.resolve() == Path(other).resolve())
