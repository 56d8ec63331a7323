"""Named filters held against records, with the meaning that they have on a server and in SQL.  Pure.

What a condition needs beside the record itself (what lies below a tag, what stands in the files of a scene) it is given: stash/filtering_records.py reads
that from the source before the records come.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from stashport.model.filters import Condition, is_filled, within
from stashport.model.records import Record, number_of, references
from stashport.model.searching import Found, Search
from stashport.model.table import Field, Kind

# Where Stash's search box looks, by kind: the record's own texts, lists of texts, rows with a title, and files and folders that it refers to.
SEARCHED: dict[str, tuple[str, ...]] = {
    "scene": ("title", "details", "scene_markers", "files"), "image": ("title", "visual_files"), "gallery": ("title", "chapters", "files", "folder"),
    "performer": ("name", "alias_list"), "studio": ("name", "aliases"), "tag": ("name", "sort_name", "aliases"), "group": ("name", "aliases"),
    "file": ("path",), "folder": ("path",),
}

Test = Callable[[Record], bool]
FoundIn = Callable[[str], Found]
"""The words that a file or a folder holds, by its id."""


def test_of(condition: Condition, sets: list[set[int]]) -> Test:
    """Whether a record fulfils a condition, as a function; `text` has its own, `search_of`.

    sets   for any, all and none: the numbers that count for each number of the condition, itself and what lies below it
    """
    field, value = condition.field, condition.value
    assert field is not None
    name = field.name
    if condition.test in ("has", "misses"):
        there = condition.test == "has"
        return lambda record: is_filled(field, record[name]) == there
    if condition.test == "is":
        return lambda record: record[name] is value
    if condition.test == "within":
        return lambda record: within(record[name], value)
    if condition.test == "between":
        low, high = value
        if field.type == "date":
            return lambda record: record[name] is not None and low <= _day(record[name]) <= high
        return lambda record: record[name] is not None and low <= record[name] <= high
    listed = [field]
    if condition.test == "all":
        return lambda record: all(not one.isdisjoint(_numbers(record, listed)) for one in sets)
    together = set().union(*sets)
    wanted = condition.test == "any"
    return lambda record: together.isdisjoint(_numbers(record, listed)) != wanted


def _numbers(record: Record, fields: list[Field]) -> set[int]:
    """What a record refers to in these fields."""
    return {number_of(identity) for _, identity in references(record, fields)}


def _day(date: str) -> str:
    """A date as Stash compares it: a year is its first of January."""
    return (date + "-01-01")[:10] if len(date) < 10 else date


def search_of(kind: Kind, search: Search, told: Collection[str], in_file: FoundIn, in_folder: FoundIn) -> Test:
    """Whether a search finds a record, as a function; `told` are the names of the fields that its records have."""
    fields = [kind.by_name[name] for name in SEARCHED[kind.name] if name in told]
    own = [f.name for f in fields if f.type == "text"]
    lists = [_listed(f, search, in_folder if f.to == "folder" else in_file) for f in fields if f.type != "text"]
    path_of = searched_path if kind.name == "file" else None

    def found(record: Record) -> bool:
        texts = [path_of(record[name]) for name in own] if path_of else [record[name] for name in own]
        return search.matches(search.bits(*texts), [words(record) for words in lists])

    return found


def _listed(field: Field, search: Search, found_in: FoundIn) -> Callable[[Record], Found]:
    name = field.name
    if field.type == "ref":
        return lambda record: found_in(record[name]) if record[name] else frozenset()
    if field.type == "refs":
        return lambda record: frozenset().union(*map(found_in, record[name]))
    if field.type == "rows":
        return lambda record: frozenset(search.bits(row.get("title") or "") for row in record[name])
    return lambda record: frozenset(map(search.bits, record[name]))


def file_words(record: Record, search: Search) -> Found:
    """What a search finds in a file's path and fingerprints, each of which is a row of its own; what the record does not have counts for nothing."""
    path = search.bits(searched_path(record.get("path")))
    return frozenset(path | search.bits(_searched_code(one)) for one in record.get("fingerprints") or ()) or frozenset((path,))


def searched_path(path: str | None) -> str | None:
    r"""A path as a search sees it, which puts a separator even behind a root that is one: /a.mp4 is //a.mp4, and C:\a.mp4 is C:\\a.mp4."""
    if path is None:
        return None
    folder = path[: max(path.rfind("/"), path.rfind("\\")) + 1]
    return path.replace(folder, folder + folder[-1], 1) if folder == "/" or (len(folder) == 3 and folder[1] == ":") else path


def _searched_code(fingerprint: dict[str, Any]) -> str | None:
    """A fingerprint as it is stored: the perceptual one as a signed number of 64 bits, which a search reads in decimal."""
    value: str | None = fingerprint.get("value")
    if fingerprint.get("type") != "phash" or not value:
        return value
    try:
        number = int(value, 16)
    except ValueError:
        return value
    return str(number - (1 << 64) if number >> 63 else number)
