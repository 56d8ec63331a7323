"""Takes what is whole of a damaged backup, and finds out before anything is written which images are not: nothing that does not verify is ever written.

Records come from the members that are whole.  Where one is damaged, a full backup has them all in its database too; else that kind is left out, and with
it every field that refers to it, since what is missing must not look like what is empty.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stashport.bundle.members import RECORDS
from stashport.bundle.reader import BundleReader
from stashport.bundle.rebuild import DATABASE
from stashport.errors import BadFile, BundleDamaged, NotInBundle, PortError, SourceDamaged, Unsound
from stashport.jobs.proving_vault import DAMAGE, reason_of
from stashport.model.fields import BY_NAME, BY_PLURAL
from stashport.model.records import Batch, IdSet
from stashport.model.table import Field, Kind
from stashport.output.records_source import RecordsFile
from stashport.runs.record import Run
from stashport.runs.wording import count_of
from stashport.stash.database import DatabaseReader

if TYPE_CHECKING:
    from stashport.change.plan_file import Plan
    from stashport.change.steps import Step

Image = Callable[[str], bytes | None]
SOURCE = "What is to be restored"
_PIECE, _NAMED = 1 << 20, 10
_NOWHERE = "0" * 32  # no image has this name: to look for it is to open every pack


class Salvaged:
    """A Reader of what is whole.

    records    the backup's records
    damaged    the kinds whose records are not, which are left out
    database   what tells of everything but settings, where it is needed and whole
    image      the bytes of an image, None for one that is damaged
    """

    name = "file"

    def __init__(self, records: RecordsFile, damaged: frozenset[str], database: DatabaseReader | None, image: Image) -> None:
        self._records, self._damaged, self._database, self.image = records, damaged, database, image

    def _of(self, kind: Kind) -> RecordsFile | DatabaseReader:
        return self._database if self._database and kind.table else self._records

    def kinds(self) -> list[Kind]:
        """The kinds that are whole."""
        tables = self._database.kinds() if self._database else [kind for kind in self._records.kinds() if kind.table]
        found = [*tables, *(kind for kind in self._records.kinds() if not kind.table)]
        return [kind for kind in found if self._whole(kind)]

    def fields(self, kind: Kind) -> tuple[Field, ...]:
        """Its fields, but for those that refer to what is left out."""
        return tuple(f for f in self._of(kind).fields(kind) if not self._lost(f)) if self._whole(kind) else ()

    def count(self, kind: Kind) -> int:
        """How many records of a kind there are."""
        return self._of(kind).count(kind) if self._whole(kind) else 0

    def batches(self, kind: Kind, fields: tuple[Field, ...], only: IdSet | None = None) -> Iterator[Batch]:
        """Records in batches, ordered by id."""
        told = {f.name for f in self.fields(kind)}
        return self._of(kind).batches(kind, tuple(f for f in fields if f.name in told), only) if self._whole(kind) else iter(())

    def _whole(self, kind: Kind) -> bool:
        return kind.name not in self._damaged or bool(self._database and kind.table)

    def _lost(self, field: Field) -> bool:
        return any(one.to and not self._whole(BY_NAME[one.to]) for one in (field, *field.fields))


@contextlib.contextmanager
def salvaged(reader: BundleReader, image: Callable[[str], bytes], folder: Path, run: Run) -> Iterator[tuple[RecordsFile, Salvaged]]:
    """What is whole of a bundle that can be opened; all that is not is said, and makes the result partial.

    image    the bytes of one by its md5, as bundle.rebuild.Images has it
    folder   has room for the database
    (the records as the bundle has them, for what is known of it; what is whole of them)
    """
    for problem in packs_tried(image):
        run.warn(f"Damaged: {problem}", incomplete=True)
    run.phase("Looking at the records")
    damaged = {BY_PLURAL[found[1]].name: reason for name in reader.names() if (found := RECORDS.fullmatch(name)) and found[1] in BY_PLURAL
               and (reason := damage(reader, name, run))}

    def get(checksum: str) -> bytes | None:
        try:
            return image(checksum)
        except DAMAGE:
            return None

    with contextlib.ExitStack() as stack:
        records = stack.enter_context(RecordsFile.of_bundle(reader, get))
        database = None
        if any(BY_NAME[name].table for name in damaged):
            database = _database(reader, folder, run, stack)
        for name, reason in damaged.items():
            what = BY_NAME[name].plural.replace("_", " ")
            told = "they are read from the backup's database instead" if database and BY_NAME[name].table else \
                "they are left out, and so is what other records say of them"
            run.warn(f"Damaged: the records of {what} are not what was written ({reason}): {told}.", incomplete=True)
        yield records, Salvaged(records, frozenset(damaged), database, records.image)


def _database(reader: BundleReader, folder: Path, run: Run, stack: contextlib.ExitStack) -> DatabaseReader | None:
    """The database of a full backup; None where there is none, or it is damaged too."""
    if DATABASE not in reader:
        return None
    path = folder / "salvaged.sqlite"
    try:
        with reader.open(DATABASE) as packed, path.open("xb") as file:
            while data := packed.read(_PIECE):
                file.write(data)
                run.check_stop()
        return stack.enter_context(DatabaseReader(path))
    except (*DAMAGE, PortError) as error:
        run.warn(f"Damaged: the backup's database ({reason_of(error)}).", incomplete=True)
        return None


@contextlib.contextmanager
def refused(name: str, *, salvage: bool) -> Iterator[None]:
    """What is found to be damaged before anything is written refuses the source, and says what can be done.  Errors: SourceDamaged without `salvage`."""
    try:
        yield
    except (Unsound, BundleDamaged, BadFile) as error:
        if salvage or isinstance(error, SourceDamaged):
            raise
        raise SourceDamaged(name=name, reason=error.message) from error


def damage(reader: BundleReader, name: str, run: Run) -> str:
    """Why a member is not what was written, every byte looked at; "" when it is."""
    try:
        with reader.open(name) as file:
            while file.read(_PIECE):
                run.check_stop()
    except BundleDamaged as error:
        return str(error.details["reason"])
    except DAMAGE as error:
        return reason_of(error)
    return ""


def packs_tried(image: Callable[[str], bytes]) -> list[str]:
    """Open every pack of a backup once: what is wrong with those that cannot be, so that no image of another pack suffers for it."""
    found: list[str] = []
    while True:
        try:
            image(_NOWHERE)
        except NotInBundle:
            return found
        except DAMAGE as error:
            if reason_of(error) in found:
                return found
            found.append(reason_of(error))


def look_at_images(plan: Plan, image: Image, run: Run, name: str) -> None:
    """Read every image that a plan writes, before it does.

    image   the bytes of one by its md5; None where there are none, which is said and makes the result partial; what it raises for a damaged one refuses all
    name    what the source is called
    Errors: Unsound for an image that is damaged; Stopped.
    """
    run.phase("Looking at the images that will be written")
    seen: set[bytes] = set()
    lacking = []
    for _, step in plan.applied():
        for checksum in _images_of(step):
            key = bytes.fromhex(checksum)
            if key in seen:
                continue
            seen.add(key)
            run.advance()
            run.check_stop()
            try:
                data = image(checksum)
            except DAMAGE as error:
                raise Unsound(number=name, place="its images", reason=f"the image {checksum}: {reason_of(error)}") from error
            if data is None:
                lacking.append(checksum)
    if lacking:
        told = ", ".join(lacking[:_NAMED]) + (" and others" if len(lacking) > _NAMED else "")
        run.warn(f"{count_of(len(lacking), 'image')} are damaged or missing in {name} and will not be written: {told}. What has them is restored without.",
                 incomplete=True)


def _images_of(step: Step) -> Iterator[str]:
    kind = BY_NAME[step.kind]
    values: dict[str, Any] = {name: value for name, value in (step.record or {}).items() if not step.changes} | {one.field: one.after for one in step.changes}
    for name, value in values.items():
        if name in kind.by_name and kind.by_name[name].type == "image" and value:
            yield str(value).partition(":")[2]
