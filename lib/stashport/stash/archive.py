"""From records to the JSON that Stash's own import takes: what no mutation makes - folders, files, images, galleries of folders and zip files - and scenes.

The import knows tags, studios, performers, groups and galleries by name or path only, and takes some values for absent ones.  So a field is either carried
whole by the archive, or left for the API afterwards (`rest`).  Never in the archive: phashes (stored rounded), chapters (the gallery is lost), a name that
two records share (both are taken), a rating or an index of 0 (taken for none), a second marker at one second (taken for the first).
"""

from __future__ import annotations

import base64
import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from stashport.model.moments import instant
from stashport.model.records import Record, dumps

PARTS = {"folder": "files", "file": "files", "gallery": "galleries", "scene": "scenes", "image": "images"}
FILES = {"gallery": ("files",), "scene": ("files",), "image": ("visual_files",)}
_TEXTS = {name: name for name in ("title", "code", "details", "photographer", "director", "urls", "organized", "o_counter", "resume_time", "play_duration")}
_FILE = {name: name for name in ("format", "width", "height", "duration", "video_codec", "audio_codec", "frame_rate", "interactive", "interactive_speed")}
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINKS = {"studio": "studio", "performers": "performers", "tags": "tags", "groups": "movies", "galleries": "galleries"}


class Known(Protocol):
    """What the target knows, as its import refers to it.  Each answers None for what is not there, or not alone under that name."""

    def path(self, reference: str) -> str | None:
        """The path of a file or folder."""
        ...

    def name(self, reference: str) -> str | None:
        """The name of a tag, studio, performer or group."""
        ...

    def gallery(self, reference: str) -> Record | None:
        """{"folder_path": ...}, {"zip_files": [...]} or {"title": ...}."""
        ...

    def image(self, checksum: str) -> bytes | None:
        """The bytes of a picture."""
        ...


class Refused(Exception):
    """A record that the archive cannot carry; the reason is in words for people."""


@dataclass
class Entry:
    """A record as the import takes it.

    part    the folder of the archive
    body    the JSON
    rest    what the API has to write afterwards: field -> (as it will be after the import, as it shall be)
    """

    part: str
    body: dict[str, Any]
    rest: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def entry(record: Record, known: Known) -> Entry:
    """What the archive holds for a record of a folder, file, gallery, scene or image.  Errors: Refused."""
    kind = record["id"].partition(":")[0]
    made = Entry(PARTS[kind], {})
    if kind in ("folder", "file"):
        _file(record, known, made)
    else:
        _described(record, made)
        _filed(kind, record, known, made)
        _linked(kind, record, known, made)
        for name, make in _OWN.get(kind, ()):
            if record.get(name):
                make(record[name], known, made)
    for name in ("created_at", "updated_at", "mod_time"):
        if when := moment(record.get(name)):
            made.body[name] = when
    if _SURROGATE.search(dumps(made.body)):
        raise Refused("it holds bytes that are no text, which Stash's import would change")
    return made


def moment(text: str | None) -> str | None:
    """A stored time as the import reads it, the instant kept; None for what is none."""
    if text and _RFC3339.fullmatch(text):
        return text
    when = instant(text)
    return when.isoformat().replace("+00:00", "Z") if when else None


def path_trouble(path: str | None, windows: bool) -> str:
    """Why Stash's import would not store a path as it is; "" when it would."""
    if not path:
        return "its path is not told"
    if _SURROGATE.search(path):
        return "its path holds bytes that are no text, which Stash's import would change"
    if windows:
        return "" if re.match(r"[A-Za-z]:\\|\\\\", path) else f"{path} is no path of this Stash's system, which is Windows: a path mapping can change it"
    if path.startswith("/") and not path.startswith("//") and posixpath.normpath(path) == path:
        return ""
    return f"{path} is no path of this Stash's system: a path mapping can change it"


def pattern(path: str) -> re.Pattern[str] | None:
    """Stash's import searches for a path with "%" or "*" in it as a pattern: what that one matches.  None: it is searched for as it is."""
    if "%" not in path and "*" not in path:
        return None
    return re.compile("".join({"%": ".*", "*": ".*", "_": "."}.get(sign, re.escape(sign)) for sign in path), re.IGNORECASE | re.DOTALL | re.ASCII)


def _file(record: Record, known: Known, made: Entry) -> None:
    body = made.body
    body |= {"type": "folder" if record["id"].startswith("folder:") else record.get("type") or "file", "path": record["path"]}
    if record.get("zip_file"):
        inside = known.path(record["zip_file"])
        if not inside:
            raise Refused("the zip file that it lies in is not known there")
        if inside != record["path"]:  # else, with the zip file there, the import would take the folder for it, and leave it out
            body["zip_file"] = inside
    if body["type"] == "folder":
        return
    prints = record.get("fingerprints") or []
    carried = [row for row in prints if row["type"] != "phash"]
    body |= {key: record[name] for name, key in _FILE.items() if record.get(name) is not None}
    body |= {"size": record.get("size") or 0, "fingerprints": [{"type": row["type"], "fingerprint": row["value"]} for row in carried]}
    if record.get("bit_rate"):
        body["bitrate"] = record["bit_rate"]
    if len(carried) < len(prints):
        # One phash for each file is what the API can set.
        made.rest["fingerprints"] = (carried, [*carried, next(row for row in prints if row["type"] == "phash")])


def _described(record: Record, made: Entry) -> None:
    for name, key in _TEXTS.items():
        if record.get(name):
            made.body[key] = record[name]
    if (date := record.get("date")) is not None:
        _put(made, "date", "date", date if _DATE.fullmatch(date) else None, date)
    if (rating := record.get("rating100")) is not None:
        _put(made, "rating100", "rating", rating or None, rating)


def _filed(kind: str, record: Record, known: Known, made: Entry) -> None:
    """What says which record it is: its files, or its folder."""
    paths = {reference: known.path(reference) for name in FILES[kind] for reference in record.get(name) or ()}
    if kind == "gallery" and record.get("folder"):
        paths[record["folder"]] = made.body["folder_path"] = known.path(record["folder"])
    if not all(paths.values()):
        raise Refused("a file that it belongs to is not known there, or shares its path's pattern with another")
    made.body["zip_files" if kind == "gallery" else "files"] = [path for reference, path in paths.items() if reference.startswith("file:")]


def _linked(kind: str, record: Record, known: Known, made: Entry) -> None:
    for name, key in _LINKS.items():
        told = record.get(name)
        if not told:
            continue
        if name == "galleries":
            found = {one: known.gallery(one) for one in told}
            carried = [one for one in told if found[one]] if kind == "image" or all(found.values()) else []
            made.body[key] = [found[one] for one in carried]
            if len(carried) < len(told):
                made.rest[name] = (carried, told)
        elif name == "groups":
            _put(made, name, key, _groups(told, known), told)
        elif name == "studio":
            _put(made, name, key, known.name(told), told)
        else:
            names = [known.name(one) for one in told]
            _put(made, name, key, names if all(names) else None, told)


def _groups(rows: list[Record], known: Known) -> list[dict[str, Any]] | None:
    found = [{"movieName": known.name(row["group"]), "scene_index": row.get("scene_index")} for row in rows]
    if any(not one["movieName"] or one["scene_index"] == 0 for one in found):
        return None
    return [{key: value for key, value in one.items() if value is not None} for one in found]


def _put(made: Entry, name: str, key: str, carried: Any, wanted: Any) -> None:
    """Into the archive, or left for the API."""
    if carried is not None:
        made.body[key] = carried
    else:
        made.rest[name] = ([] if isinstance(wanted, list) else None, wanted)


def _cover(value: str, known: Known, made: Entry) -> None:
    data = known.image(value.partition(":")[2])
    _put(made, "cover_image", "cover", base64.b64encode(data).decode() if data else None, value)


def _history(name: str) -> Callable[[list[str], Known, Entry], None]:
    def put(value: list[str], _: Known, made: Entry) -> None:
        made.body[name] = [when for one in value if (when := moment(one))]
    return put


def _stash_ids(rows: list[Record], _: Known, made: Entry) -> None:
    carried = [{"endpoint": row["endpoint"], "stash_id": row["stash_id"], "updated_at": moment(row.get("updated_at"))} for row in rows]
    whole = len({row["endpoint"] for row in rows}) == len(rows) and all(one["updated_at"] for one in carried)
    _put(made, "stash_ids", "stash_ids", carried if whole else None, rows)


def _markers(rows: list[Record], known: Known, made: Entry) -> None:
    carried, bodies = [], []
    seen: set[float] = set()
    for row in rows:
        names = [known.name(tag) for tag in (row["primary_tag"], *(row.get("tags") or ())) if tag]
        if row["seconds"] in seen or not names or not all(names) or row.get("primary_tag") is None:
            continue
        seen.add(row["seconds"])
        carried.append(row)
        end = row.get("end_seconds")
        times = {name: when for name in ("created_at", "updated_at") if (when := moment(row.get(name)))}
        bodies.append({"title": row.get("title") or "", "seconds": repr(row["seconds"]), "primary_tag": names[0], "tags": names[1:], **times}
                      | ({} if end is None else {"end_seconds": repr(end)}))
    made.body["markers"] = bodies
    if len(carried) < len(rows):
        made.rest["scene_markers"] = (carried, rows)


def _later(name: str) -> Callable[[Any, Known, Entry], None]:
    def put(value: Any, _: Known, made: Entry) -> None:
        _put(made, name, name, None, value)
    return put


_OWN: dict[str, tuple[tuple[str, Callable[[Any, Known, Entry], None]], ...]] = {
    "scene": (("cover_image", _cover), ("play_history", _history("play_history")), ("o_history", _history("o_history")),
              ("stash_ids", _stash_ids), ("scene_markers", _markers), ("custom_fields", _later("custom_fields"))),
    "gallery": (("cover", _later("cover")), ("chapters", _later("chapters")), ("custom_fields", _later("custom_fields"))),
    "image": (("custom_fields", _later("custom_fields")),),
}


def write(place: Path, entries: Iterator[Entry], most: int, most_bytes: int) -> int:
    """Write an archive of the next entries, until it has so many or so large ones; their number.  Errors: OSError.

    Members are numbered, since the import goes by the order of their names.
    """
    number = size = 0
    with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as archive:
        for number, one in enumerate(entries, 1):
            data = dumps(one.body).encode()
            archive.writestr(f"{one.part}/{number:08}.json", data)
            size += len(data)
            if number == most or size >= most_bytes:
                break
    return number
