"""A small Stash database without a Stash, for machines that have none.

It has only the tables and columns that our table of fields names, found by reading its SQL, and is filled by turning that SQL around.  Nothing of
Stash's own schema is written down here: what the field table does not say is not in the miniature.

    write_miniature(path, sample_library(pictures=True))
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from stashport.jobs.sample import SampleReader
from stashport.model.fields import KINDS, KNOWN_SCHEMAS
from stashport.model.records import Record, dumps, number_of
from stashport.model.table import Field, Kind

Records = dict[str, list[Record]]
"""The records of a library by the name of their kind."""

_ALIASED = re.compile(r"(?:^|\bFROM|\bJOIN)\s*(\w+)(?:\s+(?!ON\b|WHERE\b|LEFT\b|JOIN\b|ORDER\b)(\w+))?")
_OWN = re.compile(r"\b([a-z])\.(\w+)=t\.id")
_QUALIFIED = re.compile(r'\b([a-z])\."?(\w+)"?')
_BARE = re.compile(r'(?<![\w.])"?([a-z_]+)"?(?![\w.(])')
_INNER = re.compile(r"SELECT (\w+) FROM (\w+) WHERE (\w+)=t\.id(?: AND (\w+)=1)?")

PICTURES = {hashlib.md5(data).hexdigest(): data for data in (b"\x89PNG\r\n\x1a\n" + bytes([n]) * (20 + n) for n in range(7))}


def sample_library(*, pictures: bool = False) -> Records:
    """The sample library of the demo, on wish with a picture on the first record of every kind that can have one."""
    reader, found, waiting = SampleReader(), {}, list(PICTURES)
    for kind in reader.kinds():
        fields = tuple(f for f in kind.fields if f.in_database)
        plain = tuple(f for f in fields if f.type != "image")
        records = [record for batch in reader.batches(kind, plain) for record in batch.records]
        found[kind.name] = [{"id": r["id"], **{f.name: r.get(f.name) for f in fields if pictures or f.type != "image"}} for r in records]
        for f in fields:
            if pictures and f.type == "image":
                found[kind.name][0][f.name] = f"md5:{waiting.pop()}"
    return found


def write_miniature(path: Path, records: Records, pictures: dict[str, bytes] | None = None, *, blobs: Path | None = None, indexed: bool = False) -> Path:
    """Make a database file that holds these records; pictures go into a folder when one is given.

    With indexes each list is found by its owner through one, as in Stash's own databases most are; the reader works in two ways accordingly.
    """
    with closing(sqlite3.connect(path)) as db:
        for table, columns in sorted(_schema().items()):
            listed = ",".join("id INTEGER PRIMARY KEY" if name == "id" else f'"{name}"' for name in sorted(columns))
            db.execute(f"CREATE TABLE {table}({listed})")
        for number, (table, owner) in enumerate(_owners() if indexed else ()):
            db.execute(f"CREATE INDEX by_owner_{number} ON {table}({owner})")
        db.execute("CREATE TABLE schema_migrations(version, dirty)")
        db.execute("INSERT INTO schema_migrations VALUES (?,0)", (max(KNOWN_SCHEMAS),))
        db.execute("CREATE TABLE blobs(checksum PRIMARY KEY, blob)")
        for checksum, data in (PICTURES if pictures is None else pictures).items():
            db.execute("INSERT INTO blobs VALUES (?,?)", (checksum, None if blobs else data))
            if blobs:
                (blobs / checksum[:2] / checksum[2:4]).mkdir(parents=True)
                (blobs / checksum[:2] / checksum[2:4] / checksum).write_bytes(data)
        late: list[tuple[str, tuple[object, ...]]] = []
        for kind in KINDS:
            for record in records.get(kind.name, ()):
                _fill(db, kind, record, late)
        for sql, values in late:
            db.execute(sql, values)
        db.commit()
    return path


# --- the schema, read out of the field table ----------------------------------------------------------------------------------------------


def _schema() -> dict[str, set[str]]:
    """Every table that the field table names, with its columns."""
    found: dict[str, set[str]] = {}
    for kind in KINDS:
        if not kind.table:
            continue
        _note(found, kind.table, kind.table + " t.id")
        for f in kind.fields:
            if f.column is not None:
                _note(found, kind.table, f.column)
            elif f.join is not None:
                inner = " ".join(str(one.column) for one in f.fields) + (" t.value" if f.type == "map" else "")
                _note(found, f.join.table, f"{f.join.table} {f.join.owner} {f.join.order} {inner}")
                if not _aliases(f.join.table).keys() - {""}:
                    found.setdefault(f.join.table, set()).update(_bare(f"{f.join.owner} {f.join.order} {f.join.value}"))
    return found


def _owners() -> Iterator[tuple[str, str]]:
    """(table, column) by which each list is found."""
    for f in (f for kind in KINDS for f in kind.fields if f.join):
        alias, _, column = f.join.owner.rpartition(".")
        yield _aliases(f.join.table)[alias], column


def _note(found: dict[str, set[str]], tables: str, sql: str) -> None:
    """Note the columns that some SQL over these tables names."""
    sql = re.sub(r"'[^']*'", "''", sql)
    aliases = _aliases(tables)
    for table in aliases.values():
        found.setdefault(table, set())
    for alias, column in _QUALIFIED.findall(sql):
        found[aliases[alias]].add(column)
    for inner in re.findall(r"\(SELECT .*\)", sql):
        for _, table, *_ in _INNER.findall(inner):
            found.setdefault(table, set()).update(_bare(inner) - {table})


def _aliases(tables: str) -> dict[str, str]:
    return {alias: table for table, alias in _ALIASED.findall(tables)}


def _bare(sql: str) -> set[str]:
    return set(_BARE.findall(re.sub(r"'[^']*'", "''", sql)))


# --- records turned into rows -------------------------------------------------------------------------------------------------------------


def _fill(db: sqlite3.Connection, kind: Kind, record: Record, late: list[tuple[str, tuple[object, ...]]]) -> None:
    number, aliases = number_of(record["id"]), _aliases(kind.table)
    keys = {"t": "id", **dict(_OWN.findall(kind.table))}
    beside = {"video": "v", "image": "i"}.get(record.get("type") or "") if kind.name == "file" else None
    rows: dict[str, dict[str, object]] = {alias: {keys[alias]: number} for alias in ("t", beside) if alias}
    for f in kind.fields:
        if f.name in record and f.column is not None:
            for alias, column, value in _stored(f, record[f.name], keys):
                if alias in rows and column != keys[alias]:
                    rows[alias][column] = value
            late += _late(f, number, record[f.name])
        elif f.name in record and f.join is not None and "JOIN" not in f.join.table:
            _fill_list(db, f, number, record[f.name], late)
    for alias, row in rows.items():
        _insert(db, aliases[alias], row)


def _stored(field: Field, value: Any, own: dict[str, str]) -> Iterator[tuple[str, str, object]]:
    """(alias, column, value) of a column field; nothing for what is put together from other records."""
    sql = re.sub(r"'[^']*'", "''", str(field.column))
    found = list(dict.fromkeys(_QUALIFIED.findall(sql)))
    if _INNER.search(sql) or any(alias not in own for alias, _ in found):
        return
    if field.type == "date":
        (alias, column), (_, precision) = found
        yield alias, column, None if value is None else value + "-01-01"[len(value) - 10 :] if len(value) < 10 else value
        yield alias, precision, None if value is None else {10: 0, 7: 1, 4: 2}[len(value)]
        return
    for alias, column in found:
        yield alias, column, _raw(field, value)


def _raw(field: Field, value: Any) -> object:
    if isinstance(value, str) and field.type == "ref":
        return number_of(value)
    if isinstance(value, str) and field.type == "image":
        return value[4:]
    if field.type == "json" and value is not None:
        return dumps(value)
    return value


def _late(field: Field, number: int, value: Any) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Statements for what an inner SELECT reads; they run when every table is filled."""
    found = _INNER.search(str(field.column))
    for one in (value if isinstance(value, list) else [value]) if found and value else ():
        column, table, owner, mark = found.groups() if found else ("",) * 4
        if mark:
            yield f"UPDATE {table} SET {mark}=1 WHERE {owner}=? AND {column}=?", (number, number_of(one))
        else:
            yield f"INSERT INTO {table}({owner},{column}) VALUES (?,?)", (number, number_of(one))


def _fill_list(db: sqlite3.Connection, field: Field, number: int, values: Any, late: list[tuple[str, tuple[object, ...]]]) -> None:
    join = field.join
    assert join is not None
    table, owner, order = join.table.split()[0], join.owner.removeprefix("t."), join.order.removeprefix("t.")
    if field.type == "map":
        for name, value in values.items():
            _insert(db, table, {owner: number, order: name, "value": value})
        return
    for position, value in enumerate(values):
        row: dict[str, object] = {owner: number}
        if order in ("position", "order_index"):
            row[order] = position
        if '"primary"' in order:
            row["primary"] = int(position == 0)
        if field.type != "rows":
            row[join.value.rpartition("|")[2]] = number_of(value) if field.type == "refs" else value
        for inner in field.fields:
            for _, column, stored in _stored(inner, value[inner.name], {"t": ""}):
                row[column] = int.from_bytes(int(stored, 16).to_bytes(8, "big"), "big", signed=True) if _is_phash(value, column) else stored
        key = _insert(db, table, row)
        for inner in field.fields:
            late += _late(inner, key, value[inner.name])


def _is_phash(row: Record, column: str) -> bool:
    return column == "fingerprint" and row["type"] == "phash"


def _insert(db: sqlite3.Connection, table: str, row: dict[str, object]) -> int:
    names, values = ",".join(f'"{name}"' for name in row), [_bytes_if_broken(value) for value in row.values()]
    marks = ",".join("CAST(? AS TEXT)" if isinstance(value, bytes) else "?" for value in values)
    return int(db.execute(f"INSERT INTO {table}({names}) VALUES ({marks})", values).lastrowid or 0)


def _bytes_if_broken(value: object) -> object:
    """A text that holds bytes that are no UTF-8, as it was before it was decoded."""
    if isinstance(value, str) and any("\udc80" <= c <= "\udcff" for c in value):
        return value.encode("utf-8", "surrogateescape")
    return value
