"""The members of a bundle: their names, their lines in `members.ndjson`, and an index of them that does not grow in memory.

A member is asked for without what packing adds to its name: `records/scenes.ndjson` stands in the file as `records/scenes.ndjson.gz`.  Names are held
apart as the fussiest file system would, so that a bundle can be unpacked everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple

from stashport.bundle.archive import Broken, Entry
from stashport.bundle.packing import SUFFIXES
from stashport.bundle.scratch import Scratch
from stashport.errors import UnfitName

LIST, HEADER = "members.ndjson", "bundle.json"
AS_THEY_ARE = ("images/", "generated/")  # folders of what is packed already
LONGEST_LINE = 4096
RECORDS = re.compile(r"records/([a-z_]+)\.ndjson")
_LONGEST_NAME = 250
_LINE = re.compile(rb'\{"name":"[^"]+","size":\d{1,18},"sha256":"([0-9a-f]{64})","unpacked":(\d{1,18}),"records":(\d{1,18}|null)\}\n')
_IMAGE = re.compile(r"images/[0-9a-f]{32}")
_NOT_IN_NAMES = frozenset('\\:*?"<>|')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_CACHE_KB = 8000


class Member(NamedTuple):
    """A member as the list tells of it, and where it is; `records` is None for what holds no records."""

    name: str
    size: int
    sha256: bytes
    unpacked: int
    records: int | None
    crc: int = 0
    at: int = 0

    @property
    def entry(self) -> Entry:
        """The part of it that the ZIP tells."""
        return Entry(self.name, self.size, self.crc, self.at)


def logical(name: str) -> str:
    """A member's name without what packing adds."""
    return name.removesuffix(".gz") if name.endswith(".gz") else name.removesuffix(".zst")


def real(name: str, compression: str) -> str:
    """The name that a member has in the file.  Errors: UnfitName."""
    if logical(name) != name:
        raise UnfitName(name=name, reason="its ending is that of a packed file")
    return name if name.startswith(AS_THEY_ARE) else name + SUFFIXES[compression]


def counts_records(name: str) -> bool:
    """Whether a member's lines are records."""
    return name.startswith("records/") and RECORDS.fullmatch(logical(name)) is not None


def unfit(name: str) -> str:
    """What is wrong with a name that a member is asked for by; "" when nothing is."""
    if _IMAGE.fullmatch(name):  # nearly all are
        return ""
    if not name or len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        return f"it is empty or longer than {_LONGEST_NAME} bytes"
    if not name.isprintable() or _NOT_IN_NAMES.intersection(name):
        return "it holds a character that some systems cannot have in names"
    if unicodedata.normalize("NFC", name) != name:
        return "its accents are not composed (NFC)"
    for part in name.split("/"):
        if not part or part[-1] in ". " or part[0] == " " or _DEVICES.fullmatch(part):
            return "it is absolute, leads out of its folder, or is one that some systems cannot have"
    if logical(name) != name:
        return "its ending is that of a packed file"
    return "it is one of the bundle's own" if name.casefold() in (LIST, HEADER) else ""


def line(member: Member) -> bytes:
    """A member's line in the list: canonical JSON; nothing in a fit name has to be escaped."""
    records = "null" if member.records is None else member.records
    told = f'{{"name":"{member.name}","size":{member.size},"sha256":"{member.sha256.hex()}","unpacked":{member.unpacked},"records":{records}}}\n'
    return told.encode()


def read_line(text: bytes, entry: Entry) -> Member:
    """The member that a line of the list tells of, which must be the one that the ZIP lists in its place.  Errors: Broken."""
    match = _LINE.fullmatch(text)
    if match:
        records = None if match[3] == b"null" else int(match[3])
        member = Member(entry.name, entry.size, bytes.fromhex(match[1].decode()), int(match[2]), records, entry.crc, entry.at)
        packed = logical(entry.name) != entry.name
        if line(member) == text and counts_records(entry.name) == (records is not None) and (packed or member.unpacked == member.size):
            return member
    raise Broken(f"{LIST} does not tell of {entry.name!r} as it should")


class Index:
    """All members of a bundle, on disk where they are many: 500,000 take about 120 MB there, and 8 MB of memory.  Errors: those of Scratch."""

    def __init__(self) -> None:
        self._count, self._folder = 0, ""
        self._scratch = Scratch(
            "CREATE TABLE names (key TEXT PRIMARY KEY, position INTEGER) WITHOUT ROWID",
            ("CREATE TABLE members (position INTEGER PRIMARY KEY, name TEXT, size INTEGER, sha256 BLOB, unpacked INTEGER, records INTEGER,"
             " crc INTEGER, at INTEGER)"),
            cache=_CACHE_KB,
        )

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Member]:
        return map(Member._make, self._scratch.rows("SELECT name, size, sha256, unpacked, records, crc, at FROM members ORDER BY position"))

    def find(self, name: str) -> Member | None:
        """The member that is asked for by this name."""
        if unfit(name):
            return None
        asked = "SELECT m.name, size, sha256, unpacked, records, crc, at FROM names n JOIN members m USING (position) WHERE key=?"
        row = self._scratch.one(asked, (name.casefold(),))
        return Member._make(row) if row and logical(row[0]) == name else None

    def reserve(self, name: str, position: int | None = None) -> None:
        """Take a name, or say why it cannot be.  Errors: UnfitName."""
        asked = logical(name)
        if reason := unfit(asked):
            raise UnfitName(name=name, reason=reason)
        key = asked.casefold()
        folder = key.rpartition("/")[0]
        if folder != self._folder:
            parts = folder.split("/") if folder else []
            for end in range(1, len(parts) + 1):
                parent = "/".join(parts[:end])
                self._scratch.run("INSERT OR IGNORE INTO names VALUES (?, -1)", (parent,))
                if self._scratch.one("SELECT position FROM names WHERE key=?", (parent,)) != (-1,):
                    raise UnfitName(name=name, reason="another file has the name of its folder")
            self._folder = folder
        if not self._scratch.run("INSERT OR IGNORE INTO names VALUES (?, ?)", (key, position)):
            raise UnfitName(name=name, reason="there is one of that name already, capitals, accents and packing aside")

    def release(self, name: str) -> None:
        """Give a name back that was only taken."""
        self._scratch.run("DELETE FROM names WHERE key=? AND position IS NULL", (logical(name).casefold(),))

    def add(self, member: Member, *, reserved: bool = False) -> None:
        """Put the next member in.  Errors: UnfitName."""
        if reserved:
            self._scratch.run("UPDATE names SET position=? WHERE key=?", (self._count, logical(member.name).casefold()))
        else:
            self.reserve(member.name, self._count)
        self._scratch.run("INSERT INTO members VALUES (?,?,?,?,?,?,?,?)", (self._count, *member))
        self._count += 1

    def content(self) -> dict[str, Any]:
        """Counts and sizes for each kind that has records here, and for the images, as the header tells them."""
        found: dict[str, Any] = {}
        for name, size, records in self._scratch.rows("SELECT name, size, records FROM members WHERE records IS NOT NULL ORDER BY position"):
            match = RECORDS.fullmatch(logical(name))
            assert match
            found[match[1]] = {"count": records, "size": size}
        count, size = self._scratch.one("SELECT count(*), coalesce(sum(size), 0) FROM members WHERE name GLOB 'images/*'") or (0, 0)
        return {**found, "blobs": {"count": count, "size": size}}

    def close(self) -> None:
        """Let it go."""
        self._scratch.close()
