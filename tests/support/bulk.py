"""What is in a library, all of it, to compare what was loaded with what was to be: independent of the lists that the loading itself goes by."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path


def content(path, *, sequence=True):
    """Every row of every table with the number and the types that SQLite keeps for it; what ANALYZE gathers is left out."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.text_factory = bytes
        found = {}
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_stat%'").fetchall():
            columns = [row[1].decode() for row in db.execute(f"PRAGMA table_info(`{name.decode()}`)")]
            types = ",".join(f"typeof(`{column}`)" for column in columns)
            key = "name" if name == b"sqlite_sequence" else "rowid"
            found[name.decode()] = db.execute(f"SELECT {key},*,{types} FROM `{name.decode()}` ORDER BY {key}").fetchall()
        return found if sequence else {name: rows for name, rows in found.items() if name != "sqlite_sequence"}


def unlike(one, other):
    """The names of the tables that differ between two of these, images' bytes aside: those may lie in files."""
    one, other = ({**told, "blobs": [row[:2] for row in told["blobs"]]} for told in (one, other))
    return [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]


def pictures(folder):
    """What lies in a blobs folder."""
    return {path.name: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()} if folder else {}


def in_folder(folder):
    """The images of a library's folder by their checksums."""
    return lambda checksum: path.read_bytes() if folder and (path := Path(folder, checksum[:2], checksum[2:4], checksum)).is_file() else None
