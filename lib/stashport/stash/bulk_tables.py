"""The tables that a library is loaded into, in the order of loading, and the SQL that reads their rows as JSON and writes them again.

Statements are made from this list alone, never from data.  A row travels as a JSON array in the order of `Table.sent`; SQLite makes it and takes it apart.
JSON cannot hold everything that a column can: a real number goes as [mantissa, exponent] of two, since SQLite does not always read decimal digits to the
nearest number; bytes go as ["hex"], and text that is no UTF-8 as ["hex", 0].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

SCHEMA = 75
"""The one schema that this list is of."""

# A column that refers to another table names it after ">".  The rows of a table may refer to tables above it, or to what _LATE says.
_LIST = """
blobs: checksum blob
tags: id name created_at updated_at ignore_auto_tag description image_blob>blobs favorite sort_name
tag_aliases: tag_id>tags alias
tags_relations: parent_id>tags child_id>tags
tag_stash_ids: tag_id>tags endpoint stash_id updated_at
studios: id name parent_id>studios created_at updated_at details rating ignore_auto_tag image_blob>blobs favorite
studio_aliases: studio_id>studios alias
studio_urls: studio_id>studios position url
studios_tags: studio_id>studios tag_id>tags
studio_stash_ids: studio_id>studios endpoint stash_id updated_at
performers: id name disambiguation gender birthdate ethnicity country eye_color height measurements fake_tits career_length tattoos piercings favorite
    created_at updated_at details death_date hair_color weight rating ignore_auto_tag image_blob>blobs penis_length circumcised birthdate_precision
    death_date_precision
performer_aliases: performer_id>performers alias
performer_urls: performer_id>performers position url
performers_tags: performer_id>performers tag_id>tags
performer_stash_ids: performer_id>performers endpoint stash_id updated_at
performer_custom_fields: performer_id>performers field value
groups: id name aliases duration date rating studio_id>studios director description created_at updated_at front_image_blob>blobs back_image_blob>blobs
    date_precision
group_urls: group_id>groups position url
groups_tags: group_id>groups tag_id>tags
groups_relations: containing_id>groups sub_id>groups order_index description
folders: id path parent_folder_id>folders mod_time created_at updated_at zip_file_id>files
files: id basename zip_file_id>files parent_folder_id>folders size mod_time created_at updated_at
video_files: file_id>files duration video_codec format audio_codec width height frame_rate bit_rate interactive interactive_speed
image_files: file_id>files format width height
files_fingerprints: file_id>files type fingerprint
video_captions: file_id>video_files language_code filename caption_type
scenes: id title details date rating studio_id>studios organized created_at updated_at code director resume_time play_duration cover_blob>blobs date_precision
scene_urls: scene_id>scenes position url
scenes_files: scene_id>scenes file_id>files primary
scenes_tags: scene_id>scenes tag_id>tags
performers_scenes: performer_id>performers scene_id>scenes
groups_scenes: group_id>groups scene_id>scenes scene_index
scene_stash_ids: scene_id>scenes endpoint stash_id updated_at
scenes_view_dates: scene_id>scenes view_date
scenes_o_dates: scene_id>scenes o_date
scene_markers: id title seconds primary_tag_id>tags scene_id>scenes created_at updated_at end_seconds
scene_markers_tags: scene_marker_id>scene_markers tag_id>tags
images: id title rating studio_id>studios o_counter organized created_at updated_at date code photographer details date_precision
image_urls: image_id>images position url
images_files: image_id>images file_id>files primary
images_tags: image_id>images tag_id>tags
performers_images: performer_id>performers image_id>images
galleries: id folder_id>folders title date details studio_id>studios rating organized created_at updated_at code photographer date_precision
gallery_urls: gallery_id>galleries position url
galleries_files: gallery_id>galleries file_id>files primary
galleries_tags: gallery_id>galleries tag_id>tags
performers_galleries: performer_id>performers gallery_id>galleries
galleries_images: gallery_id>galleries image_id>images cover
galleries_chapters: id title image_index gallery_id>galleries created_at updated_at
scenes_galleries: scene_id>scenes gallery_id>galleries
saved_filters: id name mode find_filter object_filter ui_options
"""
# What refers to rows that may come later: written as NULL, and set when all of them are there.
_LATE = {"studios": ("parent_id",), "folders": ("parent_folder_id", "zip_file_id"), "files": ("zip_file_id",)}
_REALS = {"video_files": ("duration", "frame_rate"), "performers": ("penis_length",), "scenes": ("resume_time", "play_duration"),
          "scene_markers": ("seconds", "end_seconds")}
_UNTYPED = {"files_fingerprints": ("fingerprint",), "performer_custom_fields": ("value",), "saved_filters": ("find_filter", "object_filter", "ui_options")}
# How much longer a row takes than others: indexes whose keys come in no order.
_SLOW = {"files_fingerprints": 6, "scene_urls": 2, "image_urls": 2, "galleries_images": 2, "folders": 2, "files": 2, "performers": 2, "scenes": 2}
# What of an object changes when a person uses it, beside updated_at, which does not follow everything.
_STAMPS = {
    "saved_filters": "hex(mode||'/'||name||'/'||coalesce(find_filter,'')||'/'||coalesce(object_filter,'')||'/'||coalesce(ui_options,''))",
    "images": "updated_at||' '||o_counter",
    "scenes": "updated_at||' '||CAST(resume_time*1000 AS INTEGER)||' '||CAST(play_duration*1000 AS INTEGER)",
}


@dataclass(frozen=True)
class Table:
    """One table.

    refers    column -> table
    late      the columns that are written as NULL at first
    reals     the columns of real numbers; `untyped` those that take any value as it is
    weight    how much longer a row takes than that of a plain table
    """

    name: str
    columns: tuple[str, ...]
    refers: dict[str, str]
    late: tuple[str, ...]
    reals: tuple[str, ...]
    untyped: tuple[str, ...]
    weight: int

    @property
    def is_object(self) -> bool:
        """Whether its rows are things of their own, with an id that is never used again."""
        return self.columns[0] == "id"

    @property
    def owner(self) -> str:
        """Of a table of relations: the column that says whose the row is."""
        return self.columns[0]

    @cached_property
    def key(self) -> str:
        """The column that is SQLite's number of the row: by it rows are read in chunks, and known again."""
        return "id" if self.is_object else "file_id" if self.name in ("video_files", "image_files") else "rowid"

    @cached_property
    def sent(self) -> tuple[str, ...]:
        """The columns that are written, the key first where it has no column; without it, a row sent twice could not be told."""
        return self.columns if self.key in self.columns else (self.key, *self.columns)

    @property
    def stamp(self) -> str:
        """An expression that changes with an object."""
        return _STAMPS.get(self.name, "updated_at")


def _table(line: str) -> Table:
    name, _, told = line.partition(": ")
    pairs = [column.partition(">") for column in told.split()]
    refers = {column: to for column, _, to in pairs if to}
    more = _LATE.get(name, ()), _REALS.get(name, ()), _UNTYPED.get(name, ())
    return Table(name, tuple(column for column, _, _ in pairs), refers, *more, _SLOW.get(name, 1))


TABLES = tuple(_table(line) for line in _LIST.replace("\n    ", " ").strip().splitlines())
BY_NAME = {table.name: table for table in TABLES}
OBJECTS = tuple(table for table in TABLES if table.is_object)
# An order in which objects can go: no search for what refers to them has to look through a large table that has no index for it.
UNLOADING = ("saved_filters", "galleries_chapters", "scene_markers", "groups", "scenes", "galleries", "images", "performers", "studios", "tags", "files",
             "folders")
IMAGE_COLUMNS = tuple((table.name, column) for table in TABLES for column, to in table.refers.items() if to == "blobs")

_EXACT = """CASE typeof({c}) WHEN 'real' THEN json(port_exact({c})) ELSE {c} END"""
_ANY = """CASE typeof({c}) WHEN 'real' THEN json(port_exact({c})) WHEN 'blob' THEN json_array(hex({c}))
    WHEN 'text' THEN json_array(hex(CAST({c} AS BLOB)),0) ELSE {c} END"""
_REAL_IN = """CASE json_type(value,'$[{i}]') WHEN 'array' THEN (value->>'$[{i}][0]')*pow(2.0,value->>'$[{i}][1]') ELSE value->>{i} END"""
_ANY_IN = """CASE json_type(value,'$[{i}]') WHEN 'array' THEN CASE
    WHEN json_type(value,'$[{i}][0]')='integer' THEN (value->>'$[{i}][0]')*pow(2.0,value->>'$[{i}][1]')
    WHEN json_array_length(value,'$[{i}]')=1 THEN unhex(value->>'$[{i}][0]') ELSE CAST(unhex(value->>'$[{i}][0]') AS TEXT) END ELSE value->>{i} END"""


def quoted(name: str) -> str:
    """A name from the list above, as SQL takes it."""
    return f"`{name}`"


def reading(table: Table, *, careful: bool) -> str:
    """The expression for one row as a JSON array; `careful` spells every value so that JSON can hold it.

    It uses the functions port_exact and port_path, which the source's connection has.  The bytes of images are left out.
    """
    return f"json_array({','.join(_read(table, column, careful) for column in table.sent)})"


def odd(table: Table) -> str:
    """A condition for rows that only the careful form carries over: real numbers where none belong."""
    checked = [column for column in table.columns if column not in table.reals and column != table.key and not (table.name == "blobs" and column == "blob")]
    return " OR ".join(f"typeof({quoted(column)})='real'" for column in checked) or "0"


def _read(table: Table, column: str, careful: bool) -> str:
    name = column if column == "rowid" else quoted(column)
    if column in table.late or (table.name, column) == ("blobs", "blob"):
        return "NULL"
    if (table.name, column) == ("folders", "path"):
        name = f"CAST(port_path(CAST({name} AS BLOB)) AS TEXT)"
    if column == table.key:
        return name
    return _ANY.format(c=name) if careful else _EXACT.format(c=name) if column in table.reals else name


def inserting(table: Table, *, careful: bool) -> str:
    """INSERT of rows that `reading` made, from one argument: an array of them."""
    forms = [_ANY_IN if careful and column != table.key else _REAL_IN if column in table.reals else "value->>{i}" for column in table.sent]
    if table.name == "blobs":
        forms[-1] = "unhex(value->>{i})"
    values = ",".join(form.format(i=i) for i, form in enumerate(forms))
    return f"INSERT INTO {quoted(table.name)}({','.join(map(quoted, table.sent))}) SELECT {values} FROM json_each(?)"


def late_reading(table: Table) -> str:
    """The expression for what is set afterwards, as a JSON array."""
    return f"json_array(id,{','.join(map(quoted, table.late))})"


def late_condition(table: Table) -> str:
    """The rows that have something to be set afterwards."""
    return " OR ".join(f"{quoted(column)} IS NOT NULL" for column in table.late)


def late_setting(table: Table) -> str:
    """UPDATE of what was left NULL; sent twice it does the same."""
    found = ",".join(f"value->>{i} v{i}" for i in range(len(table.late) + 1))
    setting = ",".join(f"{quoted(column)}=j.v{i}" for i, column in enumerate(table.late, 1))
    return f"UPDATE {quoted(table.name)} SET {setting} FROM (SELECT {found} FROM json_each(?)) j WHERE {quoted(table.name)}.id=j.v0"
