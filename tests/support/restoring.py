"""A real Stash with a backup of it, and short ways to restore that, take it back, and damage what lies in the vault."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from stashport.bundle.reader import BundleReader
from stashport.jobs.backup import backup
from stashport.jobs.context import Context
from stashport.jobs.restore import restore
from stashport.jobs.taking_back import resume, rollback
from stashport.runs.state import State
from stashport.stash.connection import Connection
from stashport.stash.source import DatabaseFile

WITHOUT = {"safety": False, "confirm": "without a copy"}


class Restoring:
    """`source` is a running Stash or a library on disk, of which a backup is made in a vault; what is sent to any Stash is remembered."""

    def __init__(self, folder: Path, source: Any, **given: Any) -> None:
        self.folder, self.vault, self.state = folder, folder / "vault", State(folder / "state")
        self.sent: list[str] = []
        place = Connection(source.url) if hasattr(source, "url") else DatabaseFile(source.database, source.blobs)
        assert backup({"vault": str(self.vault), **given}, Context(self.state, place)).result == "ok"
        self.source = f"{self.vault}#latest"

    def context(self, stash: Any) -> Context:
        """A Stash as a job is given it."""
        return Context(self.state, Connection(stash.url, tracer=lambda text, _: self.sent.append(text)))

    def restore(self, stash: Any, *, safe: bool = False, **given: Any) -> Any:
        """Restore the backup."""
        return restore({"source": self.source, **({} if safe else WITHOUT), **given}, self.context(stash))

    def back(self, run: Any, stash: Any, **given: Any) -> Any:
        """Take a run back."""
        return rollback({"run": run.id, **WITHOUT, **given}, self.context(stash))

    def resumed(self, run_id: str, stash: Any) -> Any:
        """Go on with a run."""
        return resume({"run": run_id}, self.context(stash))

    def mutations(self) -> list[str]:
        """What was sent since the last time that was no question."""
        found = [text for text in self.sent if text.lstrip().startswith("mutation") and "querySQL" not in text]
        self.sent.clear()
        return found

    def bundle(self) -> Path:
        """The file of the backup."""
        (found,) = self.vault.rglob("backups/*.bundle")
        return found

    def damage(self, *names: str) -> None:
        """Change one byte in the middle of members of the backup."""
        path = self.bundle()
        data = bytearray(path.read_bytes())
        with path.open("rb") as file, BundleReader(file, str(path)) as reader:
            for name in names:
                member = reader.member(name)
                begin = reader._begin(member)
                data[begin + member.size // 2] ^= 1
        path.write_bytes(data)

    def damage_image(self, checksum: str) -> None:
        """Change one byte of an image in its pack."""
        for path in self.vault.rglob("packs/*.bundle"):
            data = bytearray(path.read_bytes())
            with path.open("rb") as file, BundleReader(file, str(path)) as reader:
                if f"images/{checksum}" in reader:
                    member = reader.member(f"images/{checksum}")
                    data[reader._begin(member) + member.size // 2] ^= 1
            path.write_bytes(data)

    def copied(self, database: Path) -> Path:
        """A database as it is now, in a file of its own."""
        place = self.folder / f"copy-{len(list(self.folder.glob('copy-*')))}.sqlite"
        with closing(sqlite3.connect(database)) as db, closing(sqlite3.connect(place)) as other:
            db.backup(other)
        return place


def differing(one: Path, other: Path, *ignored: str) -> dict[str, dict[str, int]]:
    """What two database files tell otherwise, by kind and field, and how many records only one has."""
    from stashport.jobs.compare import compare

    run = compare({"ignore": list(ignored)}, Context(State(one.parent / "compared"), DatabaseFile(one)), DatabaseFile(other))
    table = run.record["notes"]["compared"]
    found = {}
    for plural, row in table.items():
        told = row["fields"] | {name: number for name, number in row["outcomes"].items() if number and name not in ("same", "differs")}
        if told:
            found[plural] = told
    return found


def value_of(database: Path, sql: str, *arguments: Any) -> Any:
    """The first value that a question to a database file gives."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        return db.execute(sql, arguments).fetchone()[0]
