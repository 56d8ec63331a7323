"""What an archive for Stash's import holds, and what it leaves to the API; the order of records; uploads that are sent as they are read."""

from __future__ import annotations

import json
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.errors import ImportStalled, ServerError, UploadRefused
from stashport.model.fields import FILE, FOLDER, SCENE
from stashport.model.moments import instant
from stashport.model.records import Record
from stashport.stash import archive_writer
from stashport.stash.archive import Entry, Refused, entry, moment, path_trouble, pattern, write
from stashport.stash.archive_handed import Handed, key_of
from stashport.stash.archive_target import Target, parent
from stashport.stash.archive_work import Work, taken
from stashport.stash.archive_writer import ArchiveWriter
from stashport.stash.connection import Connection

if TYPE_CHECKING:
    from stashport.stash.writing import ApiWriter


class Here:
    """A target with some names and files; everything else is unknown."""

    names: ClassVar[dict[str, str]] = {"tag:1": "One", "tag:2": "Two", "performer:1": "Ada", "studio:1": "House", "group:1": "Series"}
    galleries: ClassVar[dict[str, Record]] = {"gallery:1": {"folder_path": "/g"}}

    def path(self, reference: str) -> str | None:
        """Files 1 to 9."""
        return f"/m/{reference[5:]}.mp4" if re.fullmatch(r"file:-?[1-9]", reference) else None

    def name(self, reference: str) -> str | None:
        """Some names."""
        return self.names.get(reference)

    def gallery(self, reference: str) -> Record | None:
        """One gallery."""
        return self.galleries.get(reference)

    def image(self, checksum: str) -> bytes | None:
        """One picture."""
        return b"picture" if checksum == "aa" else None


def _scene(**more: object) -> Entry:
    return entry({"id": "scene:-1", "files": ["file:1"], **more}, Here())


@pytest.mark.parametrize(("field", "value", "carried"), [
    ("performers", ["performer:1"], {"performers": ["Ada"]}), ("performers", ["performer:1", "performer:2"], None),
    ("tags", ["tag:1", "tag:2"], {"tags": ["One", "Two"]}), ("tags", ["tag:9"], None), ("studio", "studio:1", {"studio": "House"}), ("studio", "studio:2", None),
    ("groups", [{"group": "group:1", "scene_index": 3}], {"movies": [{"movieName": "Series", "scene_index": 3}]}),
    ("groups", [{"group": "group:1", "scene_index": None}], {"movies": [{"movieName": "Series"}]}),
    ("groups", [{"group": "group:1", "scene_index": 0}], None), ("groups", [{"group": "group:2", "scene_index": 1}], None),
    ("galleries", ["gallery:1"], {"galleries": [{"folder_path": "/g"}]}), ("rating100", 80, {"rating": 80}), ("rating100", 0, None),
    ("date", "2020-05", {"date": "2020-05"}), ("date", "in May", None), ("cover_image", "md5:aa", {"cover": "cGljdHVyZQ=="}), ("cover_image", "md5:bb", None),
    ("stash_ids", [{"endpoint": "e", "stash_id": "s", "updated_at": None}], None),
    ("stash_ids", [{"endpoint": "e", "stash_id": s, "updated_at": "2020-01-01T00:00:00Z"} for s in "ab"], None),
    ("stash_ids", [{"endpoint": "e", "stash_id": "s", "updated_at": "2020-01-01 00:00:00"}],
     {"stash_ids": [{"endpoint": "e", "stash_id": "s", "updated_at": "2020-01-01T00:00:00Z"}]}),
    ("play_history", ["2020-01-01 00:00:00", "2020-01-01T00:00:00+02:00"], {"play_history": ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00+02:00"]}),
])  # fmt: skip
def test_a_field_is_carried_whole_or_left_to_the_api(field: str, value: Any, carried: Record | None) -> None:
    """What the import would take for something else, or not at all, is not in the archive, and the API is told all of it."""
    made = _scene(**{field: value})
    assert made.body == {"files": ["/m/1.mp4"], **(carried or {})}
    assert {name: wanted for name, (_, wanted) in made.rest.items()} == ({} if carried else {field: value})


def test_markers_at_one_second_are_left_to_the_api() -> None:
    """The import makes one marker for each second, so the second one there, and one whose tag has no name of its own, are not for it."""
    rows = [
        {"title": None, "seconds": 1.5, "end_seconds": None, "primary_tag": "tag:1", "tags": ["tag:2"], "created_at": "2020-01-01T00:00:00Z"},
        {"title": "again", "seconds": 1.5, "end_seconds": 2.0, "primary_tag": "tag:2", "tags": []},
        {"title": "nameless", "seconds": 3.0, "end_seconds": None, "primary_tag": "tag:9", "tags": []},
        {"title": "end", "seconds": 4.0, "end_seconds": 5.25, "primary_tag": "tag:2", "tags": []},
    ]
    made = _scene(scene_markers=rows)
    assert made.body["markers"] == [
        {"title": "", "seconds": "1.5", "primary_tag": "One", "tags": ["Two"], "created_at": "2020-01-01T00:00:00Z"},
        {"title": "end", "seconds": "4.0", "primary_tag": "Two", "tags": [], "end_seconds": "5.25"},
    ]
    assert made.rest == {"scene_markers": ([rows[0], rows[3]], rows)}


def test_a_phash_is_never_in_the_archive() -> None:
    """Stash's import would round it; the API sets the first one."""
    prints = [{"type": "md5", "value": "aa"}, {"type": "phash", "value": "1"}, {"type": "phash", "value": "2"}]
    made = entry({"id": "file:-1", "type": "video", "path": "/m/1.mp4", "size": 5, "fingerprints": prints, "bit_rate": 7, "duration": 2.0}, Here())
    assert made.body == {
        "type": "video", "path": "/m/1.mp4", "size": 5, "bitrate": 7, "duration": 2.0, "fingerprints": [{"type": "md5", "fingerprint": "aa"}],
    }
    assert made.rest == {"fingerprints": (prints[:1], prints[:2])}


def test_images_go_into_the_galleries_that_are_known() -> None:
    """Galleries of folders and zip files hold their images by the import alone; those that it cannot find are for the API."""
    made = entry({"id": "image:-1", "visual_files": ["file:1"], "galleries": ["gallery:1", "gallery:2"], "o_counter": 3}, Here())
    assert made.body == {"files": ["/m/1.mp4"], "o_counter": 3, "galleries": [{"folder_path": "/g"}]}
    assert made.rest == {"galleries": (["gallery:1"], ["gallery:1", "gallery:2"])}


@pytest.mark.parametrize("record", [
    {"id": "image:-1", "visual_files": ["file:77"]}, {"id": "gallery:-1", "folder": "folder:1"}, {"id": "file:-1", "path": "/z.zip/a", "zip_file": "file:77"},
    {"id": "scene:-1", "files": ["file:1"], "title": "\udcff"},
])  # fmt: skip
def test_what_cannot_be_carried_is_refused(record: Record) -> None:
    """A record whose file is not known, or that holds bytes that are no text, is not in the archive at all."""
    with pytest.raises(Refused):
        entry(record, Here())


@pytest.mark.parametrize(("path", "windows", "trouble"), [
    ("/m/a b.mp4", False, ""), ("/", False, ""), ("/m//a.mp4", False, "mapping"), ("/m/../a.mp4", False, "mapping"), ("m/a.mp4", False, "mapping"),
    ("C:\\m\\a.mp4", False, "mapping"), ("C:\\m\\a.mp4", True, ""), ("\\\\nas\\a.mp4", True, ""), ("/m/a.mp4", True, "mapping"), (None, False, "not told"),
    ("/m/\udcff", False, "no text"),
])  # fmt: skip
def test_paths_of_another_system_are_refused(path: str | None, windows: bool, trouble: str) -> None:
    """Stash would put such a file into a folder of its own making."""
    told = path_trouble(path, windows)
    assert trouble in told
    assert bool(told) == bool(trouble)


def test_patterns_are_what_stash_reads() -> None:
    """A name with "%" or "*" finds others, whatever their case; others find themselves alone."""
    assert pattern("/m/a_b.mp4") is None
    wild = pattern("/m/100%_x*.mp4")
    assert wild is not None
    assert wild.fullmatch("/M/100 of 1x and more.MP4")
    assert not wild.fullmatch("/m/100.mp4")


@given(st.datetimes(timezones=st.timezones(), allow_imaginary=False))
def test_moments_keep_their_instant(when: Any) -> None:
    """Whatever zone a time is written in, the import reads the same instant, to the second."""
    text = when.replace(microsecond=0).isoformat()
    told = moment(text)
    assert instant(told) == instant(text)
    assert told is None or re.fullmatch(r".{10}T.{8}(Z|[+-]\d\d:\d\d)", told)


def test_records_are_ordered_as_they_need_each_other() -> None:
    """Folders, the one that a zip file opens as too; zip files; folders and files inside, which are recognised by their path; then what belongs to them."""
    records: list[Record] = [
        {"id": "image:-1", "visual_files": ["file:-2"]}, {"id": "file:-2", "path": "/m/a.zip/x/1.jpg"}, {"id": "folder:-2", "path": "/m/a.zip/x"},
        {"id": "scene:-2", "title": "no file"}, {"id": "file:-1", "path": "/m/a.zip"}, {"id": "gallery:-1", "files": ["file:-1"]}, {"id": "folder:-1", "path": "/m"},
        {"id": "folder:-3", "path": "/m/a.zip", "zip_file": "file:-1"}, {"id": "gallery:-2", "title": "no file"},
    ]
    work = Work(FOLDER, records)
    ordered = [task.record["id"] for task in work.tasks]
    assert ordered == ["folder:-1", "folder:-3", "file:-1", "folder:-2", "file:-2", "gallery:-1", "image:-1"]
    assert {task.record["id"]: task.record.get("zip_file") for task in work.tasks if task.kind == "file"} == {"file:-1": None, "file:-2": "file:-1"}
    assert [task.record["id"] for task in work.left] == ["scene:-2", "gallery:-2"]
    assert [taken(SCENE.name, {"files": []}), taken(FILE.name, {}), taken("tag", {"name": "x"})] == [False, True, False]


def test_archives_are_split(tmp_path: Path) -> None:
    """By number and by size, nothing lost and nothing twice, members in the order of their names."""
    entries = iter([Entry("files", {"path": f"/{n}", "cover": "x" * (500 if n == 7 else 1)}) for n in range(10)])
    held = []
    while write(tmp_path / "a.zip", entries, 4, 400):
        with zipfile.ZipFile(tmp_path / "a.zip") as archive:
            held.append([json.loads(archive.read(name))["path"] for name in sorted(archive.namelist())])
    assert held == [["/0", "/1", "/2", "/3"], ["/4", "/5", "/6", "/7"], ["/8", "/9"]]


def test_what_was_handed_over_is_remembered(tmp_path: Path) -> None:
    """By whoever comes back to the same folder."""
    connection: Any = None
    Handed(tmp_path, connection).add("5", [key_of("file", ["/a"])])
    later = Handed(tmp_path, connection)
    later.add("6", [key_of("scene", ["/a"])])
    assert Handed(tmp_path, connection).keys == {key_of("file", ["/a"]), key_of("scene", ["/a"])}
    assert Handed(tmp_path / "other", connection).keys == set()


@pytest.mark.parametrize(("path", "folder"), [("/a/b", "/a"), ("/a", "/"), ("C:\\a\\b", "C:\\a"), ("/a/b\\c", "/a")])
def test_parents(path: str, folder: str) -> None:
    """The folder of a path, of either system."""
    assert parent(path) == folder


class _Server(BaseHTTPRequestHandler):
    answer: ClassVar[dict[str, Any]] = {"data": {"importObjects": "9"}}
    seen: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        """Keep what came and answer."""
        self.seen.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        body = json.dumps(self.answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_an_upload_is_sent_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form with the operation, the map and the file, its length told before; what the server refuses is an error."""
    data = bytes(range(256)) * 20_000
    (tmp_path / "a.zip").write_bytes(data)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told: list[str] = []
    try:
        connection = Connection(f"http://127.0.0.1:{server.server_port}", tracer=lambda document, _: told.append(document))
        assert connection.upload("mutation($f:Upload!)", {"x": 1}, tmp_path / "a.zip", "f") == {"importObjects": "9"}
        headers, body = _Server.seen[0]
        mark = headers["Content-Type"].split("boundary=")[1].encode()
        parts = [part.split(b"\r\n\r\n", 1) for part in body.split(b"--" + mark)[1:-1]]
        assert [json.loads(part[1]) for part in parts[:2]] == [
            {"query": "mutation($f:Upload!)", "variables": {"x": 1, "f": None}}, {"0": ["variables.f"]},
        ]
        assert parts[2][1] == data + b"\r\n"
        assert body.endswith(b"--" + mark + b"--\r\n")
        monkeypatch.setattr(_Server, "answer", {"errors": [{"message": "too large"}], "data": None})
        with pytest.raises(ServerError, match="too large"):
            connection.upload("mutation($f:Upload!)", {}, tmp_path / "a.zip", "f")
    finally:
        server.shutdown()
        server.server_close()
    assert told == ["mutation($f:Upload!)"] * 2


class _Stash:
    """As much of a connection as waiting and uploading need."""

    url = "http://stash"

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses

    def query(self, document: str, _: dict[str, Any] | None = None) -> dict[str, Any]:
        """A job that runs for ever and makes nothing."""
        if "findJob" in document:
            return {"findJob": {"status": "RUNNING"}}
        return {"scene": {"count": 0}}

    def upload(self, *_: object) -> dict[str, Any]:
        """Take it or not."""
        if self.refuses:
            raise ServerError(url=self.url, reason="http: request body too large")
        return {"importObjects": "7"}


def _writer(stash: _Stash, folder: Path) -> ArchiveWriter:
    connection, api = cast("Connection", stash), cast("ApiWriter", None)
    return ArchiveWriter(connection, api, lambda _: None, folder, in_queue=False)


def test_an_import_that_makes_nothing_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is meant by nothing is the number of records, since Stash tells no progress."""
    monkeypatch.setattr(archive_writer, "STALLED_SECONDS", 0.1)
    with pytest.raises(ImportStalled, match="job 7"):
        _writer(_Stash(), tmp_path)._wait("7")


def test_an_archive_that_is_refused_is_an_error_that_says_how_large_it_was(tmp_path: Path) -> None:
    """And the archive does not stay behind, refused or not."""
    entries = [Entry("files", {"path": "/a"})]
    assert _writer(_Stash(), tmp_path)._upload(iter(entries)) == "7"
    assert _writer(_Stash(), tmp_path)._upload(iter([])) is None
    with pytest.raises(UploadRefused, match=r"\d+ bytes: .*too large"):
        _writer(_Stash(refuses=True), tmp_path)._upload(iter(entries))
    assert list(tmp_path.iterdir()) == []


class _Listing:
    """A connection to a Stash with one folder and two files in it."""

    def query(self, document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the lookups ask."""
        if "systemStatus" in document:
            return {"systemStatus": {"os": "linux"}}
        if "findFolders" in document:
            return {"found": {"folders": [{"id": "1", "path": "/Videos"}, {"id": "2", "path": "/other"}]}}
        ids = (variables or {})["ids"]
        return {"found": {"files": [{"id": "1", "path": "/Videos/100 percent.mp4"}, {"id": "2", "path": "/Videos/plain.mp4"}] if "1" in ids else []}}


@pytest.mark.parametrize(("path", "confused"), [
    ("/videos/100%.mp4", True), ("/videos/99%.mp4", False), ("/other/100%.mp4", False), ("/%/plain.mp4", True), ("/new/5%.mp4", True), ("/Videos/plain.mp4", False),
])  # fmt: skip
def test_a_path_that_the_import_would_confuse_is_not_used(path: str, confused: bool) -> None:
    """With a file that is there, or with one that is about to be made; in the folders that the import would search, and in no others."""
    records: list[Record] = [{"id": "file:-1", "path": path}, {"id": "file:-2", "path": "/new/55.mp4"}]
    target = Target(cast("Connection", _Listing()), records, lambda _: None)
    assert target.confused(path) == confused
    assert target.path("file:-1") == (None if confused else path)
    assert target.known_path("file:-1") == path
