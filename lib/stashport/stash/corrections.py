"""Writes by SQL what Stash's API cannot: times of making and changing, checksums of files, captions, counters, and instants to the fraction of a second.

Only into records that exist, only what differs from what is there at that moment, under the guards of bulk_guard.py.  To be called after the API has
written the rest, since every change through it sets the time of changing anew.
"""

from __future__ import annotations

import collections
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from stashport.errors import ServerError
from stashport.model.moments import instant
from stashport.model.records import Record, number_of
from stashport.model.table import Kind
from stashport.stash.bulk_guard import Guarded
from stashport.stash.bulk_tables import quoted
from stashport.stash.connection import Connection

_MOST = 500
_TABLES = {"tag": "tags", "studio": "studios", "performer": "performers", "group": "groups", "folder": "folders", "file": "files", "scene": "scenes",
           "image": "images", "gallery": "galleries"}
_TIMES = ("created_at", "updated_at")
_HISTORIES = {"play_history": ("scenes_view_dates", "view_date"), "o_history": ("scenes_o_dates", "o_date")}
_CHECKSUMS = ("md5", "oshash")
_SECONDS = 0.0005
# One time that Stash cannot read makes it refuse every list that the record is in.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?")
_IDS = "(SELECT value FROM json_each(?))"
_PAIR = "SELECT value->>0 i,value->>1 a,value->>2 b FROM json_each(?)"


class _Rows(NamedTuple):
    """Rows of a record with times of their own, told apart by the other columns; `spelled` makes them comparable."""

    table: str
    owner: str
    columns: tuple[str, ...]
    spelled: Callable[[Any], tuple[Any, ...]]


_MARKERS = _Rows("scene_markers", "scene_id", ("printf('%!.17g',seconds)", "primary_tag_id", "title"),
                 lambda row: (round(float(row[0]) / _SECONDS), int(str(row[1]).rpartition(":")[2] or 0), row[2] or ""))
_CHAPTERS = _Rows("galleries_chapters", "gallery_id", ("image_index", "title"), lambda row: (int(row[0]), row[1] or ""))
_ROWS = {"scene_markers": (_MARKERS, ("seconds", "primary_tag", "title")), "chapters": (_CHAPTERS, ("image_index", "title"))}
_MORE = {"file": ("fingerprints", "captions"), "image": ("o_counter",), "scene": ("scene_markers", *_HISTORIES), "gallery": ("chapters",)}
Job = tuple[list[str], list[Any]]
"""Statements, and for each ? among them a list of rows (or of numbers)."""


class Corrections:
    """Corrections of a running Stash.

    own_job   the id of the job that we are
    Errors: those of Guarded, at the first writing.
    """

    def __init__(self, connection: Connection, own_job: str | None = None) -> None:
        self._server = Guarded(connection, own_job)
        self._checked = False

    def fields(self, kind: Kind) -> frozenset[str]:
        """The fields of a kind that this can write, each at least in part: of markers and chapters the times, of fingerprints md5 and oshash."""
        return frozenset((*_TIMES, *_MORE.get(kind.name, ()))) if kind.name in _TABLES else frozenset()

    def write(self, kind: Kind, changes: Sequence[tuple[Record, Record]]) -> list[str]:
        """Correct records: pairs (as it was read from the target, as it shall be), of which only the fields above are looked at.

        For each "" when it is as wanted now, or why it is not, in words.  A record that is refused takes no other with it.
        """
        if not self._checked:
            self._server.check()
            self._checked = True
        answers: list[str] = []
        for first in range(0, len(changes), _MOST):
            answers += self._batch(kind, changes[first : first + _MOST])
        return answers

    def _batch(self, kind: Kind, changes: Sequence[tuple[Record, Record]]) -> list[str]:
        wanted = {number_of(mine["id"]): {name: want[name] for name in self.fields(kind) & want.keys()} for mine, want in changes}
        before = {number_of(mine["id"]): mine for mine, _ in changes}
        reasons: dict[int, list[str]] = {number: [] for number in wanted}
        known = {row[0] for row in self._server.ask(f"SELECT id FROM {quoted(_TABLES[kind.name])} WHERE id IN {_IDS}", [json.dumps(list(wanted))])}
        for number, fields in wanted.items():
            if number not in known:
                reasons[number].append("it is not there any more")
            for name, value in list(fields.items()):
                if why := _unfit(name, value):
                    reasons[number].append(f"{name}: {why}")
                    del fields[name]
        self._write(kind, {number: fields for number, fields in wanted.items() if number in known}, before, reasons)
        return ["; ".join(reasons[number_of(mine["id"])]) for mine, _ in changes]

    def _write(self, kind: Kind, wanted: dict[int, Record], before: dict[int, Record], reasons: dict[int, list[str]]) -> None:
        """Halved until what Stash refuses is alone."""
        if not wanted:
            return
        try:
            for statements, arguments in self._jobs(kind, wanted, before, reasons):
                self._server.run(statements, [json.dumps(rows) for rows in arguments])
        except ServerError as error:
            if "database is locked" in str(error):
                raise  # not because of a record
            numbers = list(wanted)
            if len(numbers) == 1:
                reasons[numbers[0]].append(str(error.details.get("reason")))
                return
            for half in (numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]):
                self._write(kind, {number: wanted[number] for number in half}, before, reasons)

    def _jobs(self, kind: Kind, wanted: dict[int, Record], before: dict[int, Record], reasons: dict[int, list[str]]) -> list[Job]:
        jobs: list[Job] = []
        for name, (table, column) in _HISTORIES.items():
            jobs += self._history(table, column, {n: (before[n].get(name) or [], fields[name] or []) for n, fields in wanted.items() if name in fields})
        for name, (rows, keys) in _ROWS.items():
            told = {n: [([row.get(key) for key in keys], row) for row in fields[name] or ()] for n, fields in wanted.items() if name in fields}
            jobs += self._row_times(rows, told, reasons)
        jobs += self._sets("files_fingerprints", ("type", "fingerprint"), "type IN ('md5','oshash')", {
            n: {(row["type"], row["value"]) for row in fields["fingerprints"] or () if row["type"] in _CHECKSUMS}
            for n, fields in wanted.items() if "fingerprints" in fields
        })
        spoken = ("language_code", "filename", "caption_type")
        jobs += self._sets("video_captions", spoken, "1", {
            n: {tuple(row[key] or "" for key in spoken) for row in fields["captions"] or ()} for n, fields in wanted.items() if "captions" in fields
        })
        counters = [[n, fields["o_counter"] or 0] for n, fields in wanted.items() if "o_counter" in fields]
        if counters:
            jobs.append(([f"UPDATE images SET o_counter=j.a FROM ({_PAIR}) j WHERE images.id=j.i AND o_counter<>j.a"], [counters]))
        return jobs + self._times(_TABLES[kind.name], {n: fields for n, fields in wanted.items() if fields.keys() & set(_TIMES)})

    def _times(self, table: str, wanted: dict[int, Record]) -> list[Job]:
        return [_setting_times(table, [[n, *(fields.get(name) for name in _TIMES)] for n, fields in wanted.items()])] if wanted else []

    def _row_times(self, rows: _Rows, wanted: dict[int, list[tuple[list[Any], Record]]], reasons: dict[int, list[str]]) -> list[Job]:
        """Times of rows, found by what they are; of those that are alike the first gets the first."""
        if not wanted:
            return []
        sql = f"SELECT {rows.owner},id,{','.join(rows.columns)} FROM {rows.table} WHERE {rows.owner} IN {_IDS} ORDER BY id"
        there: dict[tuple[Any, ...], list[int]] = collections.defaultdict(list)
        for owner, number, *columns in self._server.ask(sql, [json.dumps(list(wanted))]):
            key = owner, *rows.spelled(columns)
            there[key].append(number)
        found = []
        for owner, told in wanted.items():
            for columns, row in told:
                key = owner, *rows.spelled(columns)
                alike = there[key]
                if not alike:
                    reasons[owner].append(f"its {'marker' if rows is _MARKERS else 'chapter'} at {columns[0]} is not there")
                elif row.keys() & set(_TIMES):
                    found.append([alike.pop(0), *(row.get(name) for name in _TIMES)])
        return [_setting_times(rows.table, found)] if found else []

    def _history(self, table: str, column: str, wanted: dict[int, tuple[list[str], list[str]]]) -> list[Job]:
        """Instants as they are spelled, as differences of multisets.

        What was added since the record was read stays, unless it is one of the wanted instants without its fraction of a second.
        """
        if not wanted:
            return []
        there: dict[int, collections.Counter[str]] = {n: collections.Counter() for n in wanted}
        for number, text in self._server.ask(f"SELECT scene_id,{column}||'' FROM {table} WHERE scene_id IN {_IDS}", [json.dumps(list(wanted))]):
            there[number][text] += 1
        gone, new = [], []
        for number, (mine, want) in wanted.items():
            missing = collections.Counter(want) - there[number]
            known, cut = set(mine), {_whole_second(text) for text in missing}
            for text, count in (there[number] - collections.Counter(want)).items():
                if text in known or _whole_second(text) in cut:
                    gone.append([number, text, count])
            new += [[number, text] for text in missing.elements()]
        nth = f"row_number() OVER (PARTITION BY scene_id,{column} ORDER BY rowid) n"
        numbered = f"SELECT rowid,scene_id s,{column} d,{nth} FROM {table} WHERE scene_id IN {_IDS}"
        removing = f"DELETE FROM {table} WHERE rowid IN (SELECT h.rowid FROM ({numbered}) h JOIN ({_PAIR}) j ON h.s=j.i AND h.d=j.a AND h.n<=j.b)"
        adding = f"INSERT INTO {table}(scene_id,{column}) SELECT value->>0,value->>1 FROM json_each(?)"
        return ([([removing], [[row[0] for row in gone], gone])] if gone else []) + ([([adding], [new])] if new else [])

    def _sets(self, table: str, columns: tuple[str, ...], where: str, wanted: dict[int, set[tuple[str, ...]]]) -> list[Job]:
        """Rows of a file that are a set: those of the files whose set differs are written anew."""
        if not wanted:
            return []
        there: dict[int, set[tuple[str, ...]]] = {number: set() for number in wanted}
        sql = f"SELECT file_id,{','.join(columns)} FROM {table} WHERE file_id IN {_IDS} AND {where}"
        for number, *values in self._server.ask(sql, [json.dumps(list(wanted))]):
            there[number].add(tuple(values))
        differ = [number for number in wanted if wanted[number] != there[number]]
        rows = [[number, *row] for number in differ for row in sorted(wanted[number])]
        if not differ:
            return []
        taken = ",".join(f"value->>{i}" for i in range(len(columns) + 1))
        removing = f"DELETE FROM {table} WHERE file_id IN {_IDS} AND {where}"
        return [([removing, f"INSERT INTO {table}(file_id,{','.join(columns)}) SELECT {taken} FROM json_each(?)"], [differ, rows])]


def _setting_times(table: str, rows: list[Any]) -> Job:
    name = quoted(table)
    setting = f"created_at=coalesce(j.a,created_at),updated_at=coalesce(j.b,updated_at) FROM ({_PAIR}) j"
    differing = f"({name}.created_at<>coalesce(j.a,{name}.created_at) OR {name}.updated_at<>coalesce(j.b,{name}.updated_at))"
    return [f"UPDATE {name} SET {setting} WHERE {name}.id=j.i AND {differing}"], [rows]


def _whole_second(text: str) -> object:
    when = instant(text)
    return when.replace(microsecond=0) if when else text


def _unfit(name: str, value: Any) -> str:
    """Why a value would do harm; "" when it does not."""
    if name in _TIMES:
        return _no_time([value])
    if name in _HISTORIES:
        return _no_time(value or ())
    if name in _ROWS:
        return _no_time(row[key] for row in value or () for key in _TIMES if key in row)
    if name == "o_counter":
        return "" if value is None or (isinstance(value, int) and value >= 0) else f"{value!r} is no count"
    if name == "fingerprints":
        return next((f"{row['type']} is empty" for row in value or () if row.get("type") in _CHECKSUMS and not row.get("value")), "")
    return ""


def _no_time(values: Iterable[Any]) -> str:
    return next((f"{value!r} is no time" for value in values if not (isinstance(value, str) and _TIME.fullmatch(value) and instant(value))), "")
