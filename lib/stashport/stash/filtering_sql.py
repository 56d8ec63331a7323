"""Named filters on a database file: SQL made from the table of fields, with the meaning that the same filters have on a server."""

from __future__ import annotations

import json
from typing import Any

from stashport.model.filters import FIRST_DAY, LAST_DAY, Condition, within
from stashport.model.moments import WIDE
from stashport.model.records import IdSet
from stashport.model.searching import words
from stashport.model.table import Field, Kind
from stashport.model.trees import Trees, field_target
from stashport.stash.database import DatabaseReader

_PATH = "d.path||CASE WHEN instr(d.path,'\\') AND NOT instr(d.path,'/') THEN '\\' ELSE '/' END||f.basename"
_FILES = "LEFT JOIN files f ON f.id=l.file_id LEFT JOIN folders d ON d.id=f.parent_folder_id LEFT JOIN files_fingerprints p ON p.file_id=l.file_id"
_OF_GALLERY = "LEFT JOIN folders g ON g.id=t.folder_id LEFT JOIN galleries_chapters c ON c.gallery_id=t.id"
# Where Stash's search box looks: rows to join, and columns; all words must be found in one joined row.
_SEARCHED = {
    "scene": (f"LEFT JOIN scenes_files l ON l.scene_id=t.id {_FILES} LEFT JOIN scene_markers m ON m.scene_id=t.id",
              ("t.title", "t.details", _PATH, "p.fingerprint", "m.title")),
    "image": (f"LEFT JOIN images_files l ON l.image_id=t.id {_FILES}", ("t.title", _PATH, "p.fingerprint")),
    "gallery": (f"LEFT JOIN galleries_files l ON l.gallery_id=t.id {_FILES} {_OF_GALLERY}",
                ("t.title", "g.path", _PATH, "p.fingerprint", "c.title")),
    "performer": ("LEFT JOIN performer_aliases a ON a.performer_id=t.id", ("t.name", "a.alias")),
    "studio": ("LEFT JOIN studio_aliases a ON a.studio_id=t.id", ("t.name", "a.alias")),
    "tag": ("LEFT JOIN tag_aliases a ON a.tag_id=t.id", ("t.name", "a.alias", "t.sort_name")),
    "group": ("", ("t.name", "t.aliases")),
    "file": ("JOIN files f ON f.id=t.id LEFT JOIN folders d ON d.id=f.parent_folder_id", (_PATH,)),
    "folder": ("", ("t.path",)),
}

Sql = tuple[str, list[Any]]


class Offline:
    """Finds the records of a database file."""

    def __init__(self, reader: DatabaseReader) -> None:
        self._reader = reader
        self._trees = Trees(reader)

    def exists(self, kind: Kind, number: int) -> bool:
        """Whether there is a record of this number."""
        return bool(self._rows(f"SELECT 1 FROM {kind.table} WHERE t.id=?", [number]))

    def find(self, kind: Kind, conditions: list[Condition]) -> IdSet:
        """The numbers of the records that fulfil all conditions."""
        clauses, arguments, checks = [], [], []
        for condition in conditions:
            clause, values = self._clause(kind, condition)
            clauses.append(clause)
            arguments += values
            if condition.test == "within":
                assert condition.field is not None
                checks.append((f",{condition.field.column}", condition.value))
        found = IdSet()
        for number, *times in self._reader._run(  # noqa: SLF001 - the reader's own transaction: what is found and what is read are of one moment
            f"SELECT t.id{''.join(column for column, _ in checks)} FROM {kind.table} WHERE {' AND '.join(clauses)}", arguments
        ):
            if all(within(time, bounds) for time, (_, bounds) in zip(times, checks, strict=True)):
                found.add(number)
        return found

    def _rows(self, sql: str, arguments: list[Any]) -> list[tuple[Any, ...]]:
        return list(self._reader._run(sql, arguments))  # noqa: SLF001 - as above

    def _clause(self, kind: Kind, condition: Condition) -> Sql:
        if condition.test == "text":
            return _search(kind, condition.value)
        field, value = condition.field, condition.value
        assert field is not None
        if condition.test in ("has", "misses"):
            return f"{'' if condition.test == 'has' else 'NOT '}({_filled(field)})", []
        if condition.test == "is":
            return f"({field.column})=?", [int(value)]
        if condition.test == "between":
            # A date is compared as it is stored, with its day, whatever its precision.
            return f"{f't.{field.name}' if field.type == 'date' else field.column} BETWEEN ? AND ?", list(value)
        if condition.test == "within":
            wide = [None if one is None else f"{one + sign * WIDE:%Y-%m-%dT%H:%M}" for one, sign in zip(value, (-1, 1), strict=True)]
            return f"{field.column} BETWEEN ? AND ?", [wide[0] or FIRST_DAY, wide[1] or LAST_DAY]
        numbers, deep = value
        sets = [self._trees.below(field_target(field), number) if deep else {number} for number in numbers]
        if condition.test == "all":
            parts = [_refers(field, one) for one in sets]
            return " AND ".join(clause for clause, _ in parts), [argument for _, arguments in parts for argument in arguments]
        clause, arguments = _refers(field, set().union(*sets))
        return (clause if condition.test == "any" else f"coalesce(NOT ({clause}),1)"), arguments


def _refers(field: Field, numbers: set[int]) -> Sql:
    wanted, among = [json.dumps(sorted(numbers))], "IN (SELECT value FROM json_each(?))"
    # The table writes references as 'tag:'||tag_id; the bare number is what the indexes hold.
    prefix = f"'{field_target(field)}:'||"
    if field.type == "ref":
        return f"({str(field.column).removeprefix(prefix)} {among})", wanted
    assert field.join is not None
    column = field.join.value or next(str(inner.column) for inner in field.fields if inner.name == field.about)
    return f"t.id IN (SELECT {field.join.owner} FROM {field.join.table} WHERE {column.removeprefix(prefix)} {among})", wanted


def _filled(field: Field) -> str:
    """SQL for what `is_filled` says of a record."""
    if field.join is not None:
        blank = f" WHERE trim({field.join.value})!=''" if field.type == "texts" else ""
        return f"t.id IN (SELECT {field.join.owner} FROM {field.join.table}{blank})"
    if field.type in ("refs", "rows"):  # a list that a column puts together
        return f"coalesce({field.column},'[]')!='[]'"
    if field.type in ("int", "float"):
        zero = " AND t.{0}!=0" if field.name in ("o_counter", "resume_time", "play_duration") else ""
        return f"({field.column}) IS NOT NULL{zero.format(field.name)}"
    nothing = "'','{}'" if field.type == "json" else "''"
    return f"trim(coalesce({field.column},'')) NOT IN ({nothing})"


# --- the search box -----------------------------------------------------------------------------------------------------------------------------------


def _search(kind: Kind, text: str) -> Sql:
    joins, columns = _SEARCHED[kind.name]
    must, sets, must_not = words(text)
    clauses, arguments = [], []
    for one in filter(None, [*([word] for word in must), *sets]):
        clauses.append("(" + " OR ".join(f"{column} LIKE ?" for _ in one for column in columns) + ")")
        arguments += [f"%{word}%" for word in one for _ in columns]
    for word in must_not:
        clauses += [f"coalesce({column},'') NOT LIKE ?" for column in columns]
        arguments += [f"%{word}%"] * len(columns)
    main = kind.table.split(" LEFT JOIN")[0]
    return f"t.id IN (SELECT t.id FROM {main} {joins} WHERE {' AND '.join(clauses) or '1'})", arguments
