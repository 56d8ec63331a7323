"""Canaries: a word of its own in every text column of a real library, secrets and paths in every text that may be shared, then looked for in every export.

The words that are found must be those that may leave, no more and no fewer; secrets, paths, names of hosts and e-mail addresses must be found nowhere.
"""

from __future__ import annotations

import gzip
import io
import json
import socket
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from stashport import formats
from stashport.jobs.context import Context
from stashport.jobs.export import export
from stashport.model.fields import KINDS
from stashport.output.proof import prove
from stashport.runs.state import State
from stashport.stash.connection import Connection
from stashport.stash.source import DatabaseFile, Opened, open_source
from support.stash import RealStash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.stash import Libraries

FORMATS = [name for name in formats.names() if formats.available(name)]
every_format = pytest.mark.parametrize("name", FORMATS)
# A template that leaves out nothing that it is given.
WHOLE = {"template": {"template": "".join(f"{{% block {kind.name} %}}{{{{ record|tojson }}}}\n{{% endblock %}}" for kind in KINDS)}}

# What may be shared, column by column, written down apart from the program's own list.
SHARED = {f"{table}.{column}" for table, columns in {
    "tags": "name sort_name description", "tag_aliases": "alias", "studios": "name details", "studio_aliases": "alias", "performer_aliases": "alias",
    "performers": "name disambiguation gender birthdate death_date ethnicity country eye_color hair_color measurements fake_tits circumcised career_length"
    " tattoos piercings details", "groups": "name aliases date director description", "groups_relations": "description", "image_files": "format",
    "video_files": "format video_codec audio_codec", "video_captions": "language_code caption_type", "scenes": "title code details director date",
    "scene_markers": "title", "images": "title code details photographer date", "galleries": "title code details photographer date",
    "galleries_chapters": "title",
    **dict.fromkeys(("studio_urls", "performer_urls", "group_urls", "scene_urls", "image_urls", "gallery_urls"), "url"),
}.items() for column in columns.split()}  # fmt: skip
PATHS = {"folders.path", "files.basename", "video_captions.filename"}
IDENTIFYING = {"files_fingerprints.type", "files_fingerprints.fingerprint"} | {
    f"{owner}_stash_ids.{column}" for owner in ("tag", "studio", "performer", "scene") for column in ("endpoint", "stash_id")
}
NEVER = {"blobs.checksum", *(f"{table}_blob" for table in ("tags.image", "studios.image", "performers.image", "scenes.cover", "groups.front_image",
"groups.back_image"))}
WORDS = {"video_files.format", "video_captions.language_code"}

PROFILES: dict[str, tuple[Any, set[str]]] = {
    "share": ("share", SHARED),
    "share with paths": ({"profile": "share", "keepPaths": True}, SHARED | PATHS),
    "share with ids": ({"profile": "share", "keepIdentifying": True}, SHARED | IDENTIFYING),
    "share without details": ({"profile": "share", "excludeFields": ["details"]}, {name for name in SHARED if not name.endswith(".details")}),
    "anonymous": ("anonymous", set()),
}
ABOUT_PATHS = ("posix", "home", "windows", "share", "relative", "file")

# What must not leave; {} is where the canary goes.  All of it is planted in each text that may be shared.
PLANTED = {
    "posix": "see /home/{} b/Videos/{} two.mp4", "home": "~/{}/x", "windows": r"D:\Users\{}\{} two.mkv", "share": r"\\{}\films\x y\z",
    "relative": "Videos/{}/x.mp4",
    "file": "file:///mnt/{}/x", "mail": "{}@mail.example", "login": "https://ann:{}@site.example/a", "user": "https://{}@site.example/a",
    "host": "http://{}.local:9999/scenes/4",
    "bare host": "{}.lan", "short host": "http://{}/x", "number": "http://192.168.7.31:9999/{}", "port": "http://nas.example:9999/{}", "key": "api_key={}",
    "key in address": "https://site.example/x?apikey={}&a=1", "token": "token: {}", "password": "Password = {}", "cookie": "Cookie: session={}; theme={}",
    "session": "sid={}",
    "bearer": "Authorization: Bearer {}", "web token": "eyJhbGciOiJIUzI1NiJ9.eyJ1aWQiOiJ4{}.c2lnbmF0dXJl", "hook": "https://chat.example/api/webhooks/1/{}",
    "mail in address": "https://site.example/?to={}@mail.example", "path in address": "https://site.example/?file=/home/{}/x.mp4",
}  # fmt: skip
PROSE = SHARED - {name for name in SHARED if name.endswith(("date", "_url", ".url")) or name.startswith(("video_", "image_f"))} - {"performers.gender"}


@dataclass
class Canaries:
    """Words by the place that they were planted in."""

    words: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, tuple[str, str]] = field(default_factory=dict)

    def word(self, place: str) -> str:
        """A new word for a column."""
        return self.words.setdefault(place, f"zq{len(self.words) + len(self.secrets):05}k")

    def secret(self, place: str, sort: str) -> str:
        """A new word for a secret."""
        word = f"zq{len(self.words) + len(self.secrets):05}k"
        self.secrets[word] = (place, sort)
        return word

    def found(self, data: bytes) -> tuple[set[str], set[tuple[str, str]]]:
        """The columns and the secrets whose words stand in some bytes."""
        low = data.lower()
        return {place for place, word in self.words.items() if word.encode() in low}, {told for word, told in self.secrets.items() if word.encode() in low}


def plant_words(db: sqlite3.Connection, canaries: Canaries) -> None:
    """Put a word into one value of every text column of every table."""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' AND name<>'schema_migrations'")]
    for table in tables:
        columns = [(name, kind.upper()) for name, kind in db.execute(f"SELECT name, type FROM pragma_table_info('{table}')")]
        texts = [(name, kind) for name, kind in columns if any(part in kind for part in ("CHAR", "TEXT", "DATE", "BLOB")) and (table, name) != ("blobs",
        "blob")]
        for number, (column, kind) in enumerate(texts):
            word = canaries.word(f"{table}.{column}")
            if table == "saved_filters" and kind == "BLOB":
                value, new = "?", json.dumps({"q": word})
            else:  # a date is cut after ten characters
                value, new = ("?", word) if kind == "DATE" else (f"ifnull(CAST(`{column}` AS TEXT),'')||?", f" {word}")
            rows = f"SELECT rowid FROM `{table}` ORDER BY `{column}` IS NULL, rowid LIMIT 1 OFFSET {number % 3}"
            changed = db.execute(f"UPDATE `{table}` SET `{column}`={value} WHERE rowid=({rows})", (new,)).rowcount
            assert changed == 1, f"nothing to plant in: {table}.{column}"
            if f"{column}_precision" in dict(columns):  # a month's and a year's text is cut even earlier
                db.execute(f"UPDATE `{table}` SET `{column}_precision`=NULL WHERE `{column}`=?", (word,))


def plant_secrets(db: sqlite3.Connection, canaries: Canaries) -> None:
    """Put all that must not leave into one value of every text that may be shared, and into addresses of its own."""
    for place in sorted(PROSE):
        table, column = place.split(".")
        text = "".join(f"\n{phrase.replace('{}', canaries.secret(place, sort))} ;" for sort, phrase in PLANTED.items())
        rows = f"SELECT rowid FROM `{table}` ORDER BY `{column}` IS NULL, rowid DESC LIMIT 1"
        assert db.execute(f"UPDATE `{table}` SET `{column}`=ifnull(`{column}`,'')||? WHERE rowid=({rows})", (text,)).rowcount == 1
    for table in sorted(place[:-4] for place in SHARED if place.endswith(".url")):
        (owner,) = db.execute(f"SELECT name FROM pragma_table_info('{table}') WHERE cid=0").fetchone()
        for number, (sort, phrase) in enumerate(PLANTED.items()):
            url = phrase.replace("{}", canaries.secret(f"{table}.url", sort))
            db.execute(f"INSERT INTO {table}({owner},position,url) SELECT max({owner}),?,? FROM {table}", (100 + number, url))


def unpacked(path: Path) -> Iterator[bytes]:
    """Everything that a file or folder holds, also within archives: names and contents."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        yield file.relative_to(path).as_posix().encode("utf-8", "replace")
        if file.is_file():
            yield from _unpacked(file.read_bytes())


def _unpacked(data: bytes) -> Iterator[bytes]:
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from _unpacked(archive.read(name))
    elif data.startswith(b"\x1f\x8b"):
        yield from _unpacked(gzip.decompress(data))
    else:
        yield data


def written(opened: Opened, wish: Any, name: str, compress: str, folder: Path) -> Path:
    """An export of everything, by the job."""
    to = folder / f"out.{name}.{compress}"
    compress = "none" if getattr(formats.get(name), "PACKS_ITSELF", False) else compress
    export({"format": name, "compress": compress, "to": str(to), "privacy": wish, "options": WHOLE.get(name, {})}, Context(State(folder / "state"), opened))
    return to


@pytest.fixture(scope="module")
def planted(libraries: Libraries, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Canaries]:
    """A library with a word in every text column, and all that must not leave in every text that may be shared."""
    library = libraries.filled(40).copy(tmp_path_factory.mktemp("planted"))
    canaries = Canaries()
    with closing(sqlite3.connect(library.database, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys=OFF")
        plant_words(db, canaries)
        plant_secrets(db, canaries)
    return library.database, canaries


@every_format
@pytest.mark.parametrize(("profile", "compress"), [
    *((profile, "none") for profile in PROFILES), *((profile, compress) for profile in ("share", "anonymous") for compress in ("gzip", "zip")),
])  # fmt: skip
def test_only_what_may_leaves_a_real_library(planted: tuple[Path, Canaries], tmp_path: Path, profile: str, compress: str, name: str) -> None:
    """The words that are found are those of columns that may leave, all of them; of secrets, paths, hosts and addresses none; and all references resolve."""
    database, canaries = planted
    wish, allowed = PROFILES[profile]
    with open_source(DatabaseFile(database)) as opened:
        path = written(opened, wish, name, compress, tmp_path)
    assert not formats.reads_back(formats.get(name)) or prove(path).errors == []
    columns, secrets = canaries.found(b"\n".join(unpacked(path)))
    assert columns == allowed
    chosen = ABOUT_PATHS if profile == "share with paths" else ()
    assert {told for told in secrets if told[1] not in chosen and not (chosen and told[1] == "path in address")} == set()
    data = b"\n".join(unpacked(path))
    for word in (str(tmp_path), str(database.parent), socket.gethostname(), "192.168.7.31"):
        assert len(word) < 4 or word.encode() not in data


@every_format
def test_full_holds_every_word_of_the_library(planted: tuple[Path, Canaries], tmp_path: Path, name: str) -> None:
    """The search itself works: in full every column's word is found, paths and personal ones too, but for checksums of pictures that were not asked for."""
    database, canaries = planted
    with open_source(DatabaseFile(database)) as opened:
        path = written(opened, "full", name, "zip", tmp_path)
    columns, secrets = canaries.found(b"\n".join(unpacked(path)))
    assert columns == set(canaries.words) - NEVER
    assert secrets == set(canaries.secrets.values())
    assert set(canaries.words) >= SHARED | PATHS | IDENTIFYING | NEVER | WORDS


@pytest.mark.parametrize(("wish", "pictures"), [("anonymous", False), ("share", False), ({"profile": "share", "keepIdentifying": True}, True), ("full", True)])
def test_pictures_leave_only_where_they_may(libraries: Libraries, tmp_path: Path, wish: Any, pictures: bool) -> None:
    """Pictures were asked for each time: in anonymous there is none and no checksum of one, in share only with keepIdentifying."""
    database = libraries.filled(40).database
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        checksums = [checksum.encode() for (checksum,) in db.execute("SELECT checksum FROM blobs")]
    with open_source(DatabaseFile(database)) as opened:
        export({"format": "json", "compress": "zip", "to": str(tmp_path / "out.zip"), "privacy": wish, "images": True}, Context(State(tmp_path / "state"),
        opened))
    data = b"\n".join(unpacked(tmp_path / "out.zip"))
    assert any(checksum in data for checksum in checksums) == pictures
    assert (b"\x89PNG" in data, b"images/" in data) == (pictures, pictures)


@pytest.mark.parametrize("wish", ["share", "anonymous"])
def test_an_export_is_no_key_to_the_next(planted: tuple[Path, Canaries], tmp_path: Path, wish: str) -> None:
    """Two exports of one library share no number of a record but by chance, and no pseudonym at all."""
    found = []
    for turn in ("one", "two"):
        (tmp_path / turn).mkdir()
        with open_source(DatabaseFile(planted[0])) as opened:
            lines = written(opened, wish, "ndjson", "none", tmp_path / turn).read_bytes().splitlines()[1:-1]
        found.append([json.loads(line) for line in lines])
    ids, names = ([{record.get(name) for record in records if record.get(name)} for records in found] for name in ("id", "name"))
    assert len(ids[0] & ids[1]) < len(ids[0]) / 100
    assert bool(names[0] & names[1]) == (wish == "share")


# --- a running Stash: its settings, over both readers -----------------------------------------------------------------------------------------------------

SECRET_SETTINGS = {
    "plugins": {"thing": {
        "apiKey": "{}", "tokens": ["{}", "{}"], "auth": {"user": "{}", "deep": [{"x": "{}"}]}, "stashdb_password": "{}", "cookie": "session={}",
        "webhookUrl": "{}",
        "server": "https://ann:{}@site.example/a", "query": "https://site.example/a?api_key={}", "hook": "https://chat.example/api/webhooks/1/{}",
        "json": '{"password": "{}", "n": 1}', "line": "Authorization: Bearer {}", "odd": "eyJhbGciOiJIUzI1NiJ9.eyJ1aWQiOiJ4{}.c2lnbmF0dXJl",
        "pairs": [{"name": "apiKey", "value": "{}"}], "long": "{}abcdefghijklmnopqrstuvwxyz0123456789",
    }},
    "ui": {"thing": {"token": "{}", "sessionId": "{}", "url": "http://ann:{}@nas:9999"}},
}  # fmt: skip
PLAIN_SETTINGS = {"thing2": {"speed": 3, "label": "zqplain", "folder": "/srv/zqfolder/x"}}


def _filled(tree: Any, canaries: Canaries, place: str) -> Any:
    if isinstance(tree, dict):
        return {key: _filled(value, canaries, f"{place}.{key}") for key, value in tree.items()}
    if isinstance(tree, list):
        return [_filled(value, canaries, f"{place}[]") for value in tree]
    return tree.replace("{}", canaries.secret(place, "setting"))


@pytest.fixture(scope="module")
def guarded(libraries: Libraries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealStash, Canaries]]:
    """A Stash with a login, keys of stash-boxes, secrets in the settings of plugins and of its pages, and all that must not leave in its texts."""
    folder = tmp_path_factory.mktemp("guarded")
    canaries = Canaries()
    library = libraries.filled(40).copy(folder / "library")
    with closing(sqlite3.connect(library.database, isolation_level=None)) as db:
        plant_secrets(db, canaries)
    secret = {name: canaries.secret(name, "setting") for name in ("user", "password", "handyKey", "box", "box address", "script", "argument")}
    boxes = [{"name": "box", "endpoint": f"https://ann:{secret['box address']}@box.example/graphql", "apikey": secret["box"]}]
    with RealStash(folder / "stash", library=library, login=(secret["user"], secret["password"]), config={"stash_boxes": boxes}) as stash:
        configure = "mutation($id: ID!, $input: Map!) { configurePlugin(plugin_id: $id, input: $input) }"
        for name, settings in (_filled(SECRET_SETTINGS["plugins"], canaries, "plugins") | PLAIN_SETTINGS).items():
            stash.gql(configure, {"id": name, "input": settings})
        stash.gql("mutation($input: Map!) { configureUI(input: $input) }", {"input": _filled(SECRET_SETTINGS["ui"], canaries, "ui")})
        script = f"go();\nconst apiKey = '{secret['script']}';\n"
        interface = {"handyKey": secret["handyKey"], "javascript": script, "javascriptEnabled": True}
        stash.gql("mutation($input: ConfigInterfaceInput!) { configureInterface(input: $input) { handyKey } }", {"input": interface})
        general = {"transcodeInputArgs": ["-headers", f"Authorization: Bearer {secret['argument']}"]}
        stash.gql("mutation($input: ConfigGeneralInput!) { configureGeneral(input: $input) { databasePath } }", {"input": general})
        canaries.secrets[stash.api_key.lower()] = ("the server's key", "setting")
        yield stash, canaries


@pytest.mark.parametrize("reader", ["database", "graphql"])
@pytest.mark.parametrize("profile", ["full", "full without paths", "share", "share with paths", "anonymous"])
def test_secrets_of_a_running_stash_leave_in_no_profile(guarded: tuple[RealStash, Canaries], tmp_path: Path, profile: str, reader: str) -> None:
    """No key, login, token or cookie of the settings leaves, over either reader, in full neither; what is no secret does; where paths stay, all of them do."""
    stash, canaries = guarded
    wish = {"full": "full", "full without paths": {"keepPaths": False}}.get(profile) or PROFILES[profile][0]
    with open_source(Connection(stash.url, api_key=stash.api_key), reader=reader) as opened:
        assert opened.facts["reader"] == reader
        paths = [written(opened, wish, name, "zip", tmp_path) for name in FORMATS]
    for name, path in zip(FORMATS, paths, strict=True):
        assert not formats.reads_back(formats.get(name)) or prove(path).errors == []
        data = b"\n".join(unpacked(path))
        _, secrets = canaries.found(data)
        assert {told for told in secrets if told[1] == "setting"} == set()
        chosen = {*ABOUT_PATHS, "path in address"} if profile == "share with paths" else set()
        assert profile == "full" or {told for told in secrets if told[1] not in chosen} == set()
        assert (b"zqplain" in data) == profile.startswith("full")
        assert (b"zqfolder" in data, str(stash.folder).encode() in data) == ((profile == "full"),) * 2
