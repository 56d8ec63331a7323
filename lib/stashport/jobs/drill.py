"""The trial restore of a backup: its database and images are put back in a throw-away place, a Stash is started on them, and what it tells is compared.

Counts of all kinds are held against the backup's, and so are some records of each kind, and the images of these.  Which ones is chosen by the backup's id,
so that two trials of one backup look at the same ones.  Where no Stash can be started, the same is asked of the database alone.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stashport.atomic import check_writable
from stashport.bundle.reader import BundleReader
from stashport.bundle.rebuild import DATABASE, Images, blobs_of, rebuild
from stashport.errors import BundleDamaged, DatabaseDamaged, DrillFailed, NotADatabase, UnknownSchema
from stashport.jobs.context import Context
from stashport.model.fields import KINDS
from stashport.model.records import IdSet, Record, encode, number_of
from stashport.model.table import Field, Kind
from stashport.runs.record import Run
from stashport.runs.workspace import workspace
from stashport.stash.database import DatabaseReader
from stashport.stash.graphql import GraphQLReader
from stashport.stash.scratch import Program, ScratchStash, find_program

SAMPLE = 20  # records of each kind
_MARGIN = 64 << 20
_LONGEST = 64 << 20
_EXAMPLES = 3
_OLD_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)")
Told = Callable[[Field, Any], Any]


@dataclass
class Drilled:
    """What came of it: `by` is the Stash that was started or "database"; counts and samples say what was compared; problems what differed."""

    by: str = "database"
    counts: dict[str, int] = field(default_factory=dict)
    sampled: int = 0
    images: int = 0
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def drill(reader: BundleReader, images: Images, image_bytes: int, folder: Path, program: Program | None, run: Run) -> Drilled:
    """Restore a full backup on trial.

    image_bytes   how many bytes its images have at most
    folder        a workspace, private and empty; what was restored is removed from it again
    program       the Stash to start; None for a comparison with the database alone
    Errors: DrillFailed, DiskFull, CannotWrite, Stopped, those of rebuild.
    """
    if DATABASE not in reader:
        raise DrillFailed(reason="this backup holds no database to start a Stash on")
    found, place = Drilled(), folder / "restored"
    place.mkdir(mode=0o700)
    try:
        run.phase("Restoring on trial")
        check_writable(place, reader.member(DATABASE).unpacked + image_bytes + _MARGIN)
        rebuilt = rebuild(reader, images, place, _progress(run))
        odd = {told["checksum"] for told in blobs_of(reader) if told.get("missing") or "is" in told}
        wanted = _Wanted(reader, odd)
        blobs = rebuilt.blobs if rebuilt.blobs.is_dir() else None
        _ask_the_database(rebuilt.database, blobs, wanted, found, run)
        if program is None:
            found.remarks.append("No Stash could be found to start: the trial was made with the database alone. STASH_BIN, or Stash on PATH, names one.")
        else:
            _ask_a_stash(ScratchStash(program, folder, rebuilt.database, blobs, run.check_stop), wanted, found, run)
        return found
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _progress(run: Run) -> Callable[[int], None]:
    def progress(number: int) -> None:
        run.advance(number)
        run.check_stop()

    return progress


class _Wanted:
    """What the backup's own records say: counts, and some of each kind."""

    def __init__(self, reader: BundleReader, odd: set[str]) -> None:
        self._reader, self.odd, self._seed = reader, odd, reader.header["id"]
        self.damaged = ", as it was in Stash when it was backed up" if reader.header["backup"].get("damaged") else ""
        self.kinds = [kind for kind in KINDS if kind.table and _member(kind) in reader]
        self._kept: dict[str, list[Record]] = {}

    def count(self, kind: Kind) -> int:
        """How many records of a kind it has."""
        return self._reader.member(_member(kind)).records or 0

    def fields(self, kind: Kind) -> set[str]:
        """The names of the fields that they have."""
        return set(self._reader.header["fields"].get(kind.plural, ()))

    def sample(self, kind: Kind) -> list[Record]:
        """Some of them, always the same ones."""
        if kind.name not in self._kept:
            number = self.count(kind)
            chosen = set(random.Random(f"{self._seed} {kind.name}").sample(range(number), min(SAMPLE, number)))  # noqa: S311 - no secret
            with self._reader.open(_member(kind)) as file:
                lines = (line for position, line in enumerate(iter(lambda: file.readline(_LONGEST), b"")) if position in chosen)
                self._kept[kind.name] = [json.loads(line) for line in lines]
        return self._kept[kind.name]


def _member(kind: Kind) -> str:
    return f"records/{kind.plural}.ndjson"


def _ask_the_database(path: Path, blobs: Path | None, wanted: _Wanted, found: Drilled, run: Run) -> None:
    """Byte by byte: it must be what the records were read from."""
    run.phase("Comparing with the restored database")
    if problem := _unsound(path):
        raise DrillFailed(reason=f"the restored database is damaged{wanted.damaged}: {problem}")
    try:
        reader = DatabaseReader(path, blobs)
    except UnknownSchema as error:
        found.remarks.append(error.message)
        return
    with reader:
        _compare(reader, wanted, found, lambda _, value: value, run)


def _unsound(path: Path) -> str:
    """The first thing that SQLite finds wrong with a database, images and all."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else found


def _ask_a_stash(stash: ScratchStash, wanted: _Wanted, found: Drilled, run: Run) -> None:
    run.phase(f"Starting Stash {stash.program.version}")
    try:
        with stash:
            found.by = f"Stash {stash.program.version}"
            if stash.migrated:
                before, after = stash.migrated
                found.remarks.append(f"The Stash here is newer than the backup: the copy was migrated from schema {before} to {after} first, which went well.")
            with contextlib.closing(GraphQLReader(stash.connection, scratch=stash.folder)) as server:
                run.phase("Comparing with what Stash tells")
                about_server = Drilled()
                _compare(server, wanted, about_server, _as_a_server_tells, run)
                _compare_images(server, wanted, about_server, run)
        found.counts, found.sampled, found.images = about_server.counts, about_server.sampled, about_server.images
        # A migration may change records on purpose.
        (found.remarks if stash.migrated else found.problems).extend(about_server.problems)
    finally:
        with contextlib.suppress(OSError):  # it is only there to be looked at after a failure
            shutil.copyfile(stash.log, run.folder / "trial.log")


def _compare(reader: DatabaseReader | GraphQLReader, wanted: _Wanted, found: Drilled, told: Told, run: Run) -> None:
    known = {kind.name for kind in reader.kinds()}
    for kind in wanted.kinds:
        if kind.name not in known:
            found.remarks.append(f"This Stash cannot tell its {kind.plural}.")
            continue
        run.check_stop()
        number = found.counts[kind.plural] = reader.count(kind)
        if number != wanted.count(kind):
            found.problems.append(f"{reader.name}: {number:,} {kind.plural} where the backup has {wanted.count(kind):,}")
        names = wanted.fields(kind)
        fields = tuple(f for f in reader.fields(kind) if f.name in names and f.type != "image")
        sample, other = {record["id"]: record for record in wanted.sample(kind)}, []
        for record in _chosen(reader, kind, fields, sample):
            original = sample.pop(record["id"])
            differing = [f.name for f in fields if encode({"": record[f.name]}) != encode({"": told(f, original[f.name])})]
            found.sampled += 1
            if differing:
                other.append(f"{record['id']} in {', '.join(differing)}")
        found.problems += _said(f"{reader.name}: records differ", other) + _said(f"{reader.name}: records are not there", list(sample))


def _compare_images(server: GraphQLReader, wanted: _Wanted, found: Drilled, run: Run) -> None:
    """The images of the sampled records, as the server gives them, each by its md5; those that Stash itself had lost are left out."""
    for kind in wanted.kinds:
        names = wanted.fields(kind)
        fields = tuple(f for f in server.fields(kind) if f.name in names and f.type == "image")
        sample = {}
        for record in wanted.sample(kind) if fields else ():
            named = {record[f.name][4:] for f in fields if record[f.name]}
            if named and not named & wanted.odd:
                sample[record["id"]] = record
        other = []
        for record in _chosen(server, kind, fields, sample):
            run.check_stop()
            for f in fields:
                if sample[record["id"]][f.name] != record[f.name]:
                    other.append(f"{record['id']}, {f.name}")
                elif record[f.name]:
                    found.images += 1
                    server.image(record[f.name][4:])  # its bytes wait for nobody
        found.problems += _said("graphql: other images", other)


def _chosen(reader: DatabaseReader | GraphQLReader, kind: Kind, fields: tuple[Field, ...], sample: dict[str, Record]) -> Iterator[Record]:
    only = IdSet()
    for identity in sample:
        only.add(number_of(identity))
    if sample:
        for batch in reader.batches(kind, fields, only):
            yield from batch.records


def _said(what: str, which: list[str]) -> list[str]:
    """A line about some records; none about none."""
    return [f"{what}: {len(which)}, for example {'; '.join(which[:_EXAMPLES])}"] if which else []


def _as_a_server_tells(told: Field, value: Any) -> Any:
    """A value of the database as far as Stash's API tells it: one phash of a file, and old times spelt as RFC 3339."""
    if told.name == "fingerprints":
        phashes = [row for row in value if row["type"] == "phash"]
        return [row for row in value if row not in phashes[1:]]
    if told.type == "time" and value:
        return _OLD_TIME.sub(r"\1T\2Z", value)
    if told.type == "times":
        return sorted(_OLD_TIME.sub(r"\1T\2Z", one) for one in value)
    if told.type == "rows":
        return [{inner.name: _as_a_server_tells(inner, row[inner.name]) for inner in told.fields} for row in value]
    return value


def on_trial(reader: BundleReader, images: Images, image_bytes: int, context: Context, run: Run, result: dict[str, Any]) -> dict[str, Any]:
    """What a trial restore adds to the result of a proof: {problems, warnings, drill}.

    Errors: those of `drill`, but for what speaks against the backup: that is a problem.
    """
    program = find_program(str(context.settings.get("stashBinary") or "").strip())
    with workspace(context.state, "drill") as folder:
        try:
            found = drill(reader, images, image_bytes, folder, program, run)
        except (DrillFailed, BundleDamaged, DatabaseDamaged, NotADatabase) as error:
            return {"problems": [str(error.details["reason"])]}
    told = {"by": found.by, "counts": found.counts, "sampled": found.sampled, "images": found.images}
    return {"drill": told, "problems": found.problems, "warnings": [*result["warnings"], *found.remarks]}
