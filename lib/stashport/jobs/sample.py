"""A small library of ours, for the demo and for machines without a Stash: every kind, and what libraries in the wild hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stashport.model.fields import KINDS
from stashport.model.records import Batch, IdSet, Record, number_of
from stashport.model.table import Field, Kind

_T1, _T2, _T3 = "2021-03-04T05:06:07Z", "2023-07-01T12:00:00+02:00", "2024-12-31T23:59:59-05:00"
_TIMES = {"created_at": _T1, "updated_at": _T2}
_STASH_ID = [{"endpoint": "https://stash-box.example/graphql", "stash_id": "6c9d2ba0-90f4-4d4a-8c5b-0f6f3f5b1c11", "updated_at": _T2}]
_VIDEO = {"type": "video", "format": "mp4", "width": 1920, "height": 1080, "duration": 1803.5, "video_codec": "h264", "audio_codec": "aac", "frame_rate": 29.97,
          "bit_rate": 4800000, "interactive": False}

_SAMPLE: dict[str, list[dict[str, Any]]] = {
    "tag": [
        {"name": "Outdoors", "description": "Under the sky.\nWhatever the weather.", "aliases": ["Open air", "Outside"], "favorite": True},
        {"name": "Beach", "sort_name": "0001", "parents": ["tag:1"], "stash_ids": _STASH_ID},
        {"name": "=SUM(A1:A9)", "aliases": ["a|b", "back\\slash"], "parents": ["tag:1", "tag:2"]},
    ],
    "studio": [
        {"name": "Lantern Pictures", "urls": ["https://lantern.example", "https://lantern.example/en"], "rating100": 80, "tags": ["tag:1"], "favorite": True},
        {"name": "Small Lantern", "parent_studio": "studio:1", "aliases": ["Petite lanterne"], "details": 'A label of "Lantern".'},
    ],
    "performer": [
        {"name": "Jane Doe", "disambiguation": "the first", "gender": "FEMALE", "birthdate": "1990-05-17", "country": "FR", "height_cm": 170,
         "custom_fields": {"score": 7, "share": 0.25, "shelf": "row 3"}, "tags": ["tag:2"], "stash_ids": _STASH_ID, "favorite": True},
        {"name": "Jane Doe", "disambiguation": "the second", "birthdate": "1988", "alias_list": ["J. D.", "Дж. Доу"], "penis_length": None},
        {"name": "山田 太郎", "gender": "MALE", "birthdate": "1979-11", "death_date": "2020-02-29", "rating100": 100, "urls": ["https://people.example/山田"]},
    ],
    "group": [
        {"name": "Seasons", "date": "2022", "duration": 7200, "studio": "studio:1", "tags": ["tag:1"],
         "sub_groups": [{"group": "group:2", "description": "first part"}, {"group": "group:3", "description": None}]},
        {"name": "Spring", "director": "A. Director"}, {"name": "Summer", "synopsis": "Long days."},
    ],
    "folder": [
        {"path": "/media", "mod_time": _T1}, {"path": "/media/videos", "parent_folder": "folder:1", "mod_time": _T1},
        {"path": "/media/pictures.zip", "parent_folder": "folder:1", "zip_file": "file:4", "mod_time": _T1},
    ],
    "file": [
        {"path": "/media/videos/first walk.mp4", "basename": "first walk.mp4", "parent_folder": "folder:2", "size": 734003200, "mod_time": _T1, **_VIDEO,
         "fingerprints": [{"type": "oshash", "value": "1f2e3d4c5b6a7988"}, {"type": "phash", "value": "ffe0c0a080402010"}],
         "captions": [{"language_code": "en", "filename": "first walk.en.srt", "caption_type": "srt"}]},
        {"path": "/media/videos/first walk (copy).mp4", "basename": "first walk (copy).mp4", "parent_folder": "folder:2", "size": 734003200, "mod_time": _T1, **_VIDEO},
        {"path": "/media/videos/caf\udce9.mp4", "basename": "caf\udce9.mp4", "parent_folder": "folder:2", "size": 1, "mod_time": _T3, **_VIDEO},
        {"type": "file", "path": "/media/pictures.zip", "basename": "pictures.zip", "parent_folder": "folder:1", "size": 4096, "mod_time": _T1},
        {"type": "image", "path": "/media/pictures.zip/one.jpg", "basename": "one.jpg", "parent_folder": "folder:3", "zip_file": "file:4", "size": 2048,
         "mod_time": _T1, "format": "jpeg", "width": 800, "height": 1200},
    ],
    "gallery": [
        {"title": "Pictures", "files": ["file:4"], "cover": "image:1", "studio": "studio:2", "chapters": [{"title": "One", "image_index": 1, **_TIMES}]},
        {"title": "Chosen by hand", "photographer": "P. Hoto", "performers": ["performer:1"], "rating100": 60, "organized": True},
    ],
    "scene": [
        {"title": "First walk", "code": "LP-001", "details": 'She said: "tab\there, comma, and\nnew line".', "director": "A. Director", "date": "2022-04-01",
         "urls": ["https://lantern.example/1"], "studio": "studio:1", "performers": ["performer:1", "performer:2"], "tags": ["tag:1", "tag:2"],
         "groups": [{"group": "group:2", "scene_index": 1}], "galleries": ["gallery:1"], "files": ["file:1", "file:2"], "rating100": 93, "organized": True,
         "scene_markers": [{"title": "start", "seconds": 12.5, "end_seconds": 20.75, "primary_tag": "tag:1", "tags": ["tag:2"], **_TIMES},
                           {"title": "again", "seconds": 12.5, "end_seconds": None, "primary_tag": "tag:2", "tags": [], **_TIMES}],
         "play_history": [_T1, _T1, "2023-01-01T00:00:00Z"], "o_history": ["2023-01-01T00:10:00Z"], "resume_time": 321.0, "play_duration": 2400.125,
         "captions": [{"language_code": "en", "caption_type": "srt"}], "interactive": False, "stash_ids": _STASH_ID},
        {"title": "@formula & <markup> 🎬", "date": "2020-05", "files": ["file:3"], "tags": ["tag:3"], "interactive": False},
        {"title": "Known without a file", "performers": ["performer:3"], "interactive": False},
    ],
    "image": [{"title": "One", "visual_files": ["file:5"], "galleries": ["gallery:1", "gallery:2"], "o_counter": 2, "tags": ["tag:1"], "performers": ["performer:1"]}],
    "saved_filter": [{"mode": "SCENES", "name": "Top rated", "find_filter": {"direction": "DESC", "sort": "rating"},
                      "object_filter": {"rating100": {"modifier": "GREATER_THAN", "value": {"value": 80}}}, "ui_options": {"display_mode": 1}}],
}
_EMPTY = {"texts": list, "times": list, "refs": list, "rows": list, "map": dict}
_DEFAULT = {"bool": False, "float": 0.0}


class SampleReader:
    """The sample library as a source of records."""

    name = "sample"

    def kinds(self) -> list[Kind]:
        """All kinds but settings."""
        return [kind for kind in KINDS if kind.name in _SAMPLE]

    def fields(self, kind: Kind) -> tuple[Field, ...]:
        """The fields of a database, without images."""
        return tuple(f for f in kind.fields if f.in_database and f.type != "image")

    def count(self, kind: Kind) -> int:
        """How many records of a kind there are."""
        return len(_SAMPLE[kind.name])

    def batches(self, kind: Kind, fields: tuple[Field, ...], only: IdSet | None = None) -> Iterator[Batch]:
        """Records in batches, ordered by id."""
        found = [_record(kind, fields, number, given) for number, given in enumerate(_SAMPLE[kind.name], 1)]
        yield Batch(records=[record for record in found if only is None or number_of(record["id"]) in only])

    def image(self, checksum: str) -> bytes | None:
        """The sample has no images."""
        return None


def _record(kind: Kind, fields: tuple[Field, ...], number: int, given: dict[str, Any]) -> Record:
    times = {} if kind.name == "saved_filter" else _TIMES
    record: Record = {"id": f"{kind.name}:{number}"}
    for f in fields:
        empty = _EMPTY[f.type]() if f.type in _EMPTY else _DEFAULT.get(f.type) if kind.name != "file" else None
        value: Any = {**times, **given}.get(f.name, empty)
        record[f.name] = [{inner.name: row[inner.name] for inner in f.fields} for row in value] if f.type == "rows" else value
    return record
