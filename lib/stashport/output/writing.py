"""Writes the selected records, and their images, through a format."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stashport import __version__
from stashport.bundle.scratch import Scratch
from stashport.formats import Format, Header, Options, WriteMembers, Writer, aside_of, reads_back
from stashport.model.fields import FORMAT_VERSION
from stashport.model.privacy import Privacy
from stashport.model.reader import Reader
from stashport.model.records import Batch
from stashport.model.table import Field
from stashport.output.parts import PartsWriter
from stashport.output.selection import Selection
from stashport.output.shuffle import shuffled

if TYPE_CHECKING:
    from stashport.runs.record import Run
    from stashport.stash.source import Opened

_MAGIC = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG", "png"), (b"GIF8", "gif"), (b"RIFF", "webp"), (b"<svg", "svg"), (b"<?xml", "svg"))


def header_for(opened: Opened, selection: Selection, choices: dict[str, Any], privacy: Privacy) -> Header:
    """What stands at the head of an export: by what it was made, from what, what was chosen, and what is not in it."""
    pictures = bool(choices.get("images")) and privacy.images
    return {
        "format_version": FORMAT_VERSION,
        "made_by": f"Stash Port {__version__}",
        "created": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "source": opened.facts,
        "choices": privacy.choices({**choices, "images": pictures}),
        "privacy": privacy.header(),
        "images": pictures,
        "fields": {kind.plural: [f.name for f in selection.fields[kind.name]] for kind in selection.kinds},
        "not_inside": {**opened.absent, **selection.left_out},
    }


def write_records(
    members: WriteMembers, made_by: Format, header: Header, options: Options, reader: Reader, selection: Selection, counts: dict[str, int],
    run: Run, *, images: bool = False, privacy: Privacy | None = None, chunk: int = 0, largest: int = 0,
) -> dict[str, int]:
    """Write everything; the number of records by plural name.  Stops gently between batches.

    chunk, largest   records and bytes a file, where the export is to come in numbered parts
    """
    writer: Writer = PartsWriter(made_by, members, header, options, chunk, largest) if chunk or largest else made_by.write(members, header, options)
    written: dict[str, int] = {}
    pictures = _Images(reader, members) if images else None
    for kind in selection.kinds:
        fields = selection.fields[kind.name]
        run.phase(f"Writing {kind.label.lower()}", total=counts[kind.name])
        writer.begin(kind, fields)
        number, trim = 0, selection.trim(kind)
        change = (privacy.change(kind, fields) if privacy else None) or _as_it_is
        pictured = [f for f in fields if f.type == "image"] if pictures else []
        batches = map(change, map(trim, reader.batches(kind, fields, selection.ids[kind.name])))
        for batch in shuffled(batches, aside_of(members)) if privacy and privacy.profile == "anonymous" else batches:
            run.check_stop()
            writer.write(batch)
            if pictured and pictures:
                pictures.note(batch, pictured)
            number += len(batch)
            run.advance(len(batch))
        written[kind.plural] = number
    own = getattr(writer, "image", None)
    if pictures and own:
        pictures.write(run, own)
    writer.finish(written)
    if not reads_back(made_by):
        run.note("rendered", getattr(writer, "rendered", {}))
    if pictures and not own:
        pictures.write(run, pictures.beside)
    return written


def _as_it_is(batch: Batch) -> Batch:
    return batch


class _Images:
    """The images that records name, each once; which were noted is kept on disk, not in memory."""

    def __init__(self, reader: Reader, members: WriteMembers) -> None:
        self._reader, self._members = reader, members
        self._aside = aside_of(members)
        # By a mark that tells nothing, where nothing may be told, and then in the order of these marks.
        self._scratch = Scratch("CREATE TABLE images (mark BLOB PRIMARY KEY, checksum BLOB) WITHOUT ROWID")

    def note(self, batch: Batch, fields: list[Field]) -> None:
        aside, named = self._aside, {value[4:].encode() for record in batch.records for f in fields if (value := record.get(f.name))}
        rows = ((aside.mark(one), aside.hide(one)) if aside else (one, one) for one in named)
        self._scratch.many("INSERT OR IGNORE INTO images VALUES (?,?)", rows)

    def beside(self, checksum: str, data: bytes) -> None:
        """Put an image into a file of its own beside the records."""
        with self._members.open(f"images/{checksum}.{_extension(data)}") as file:
            file.write(data)

    def write(self, run: Run, put: Callable[[str, bytes], None]) -> None:
        total = self._scratch.one("SELECT count(*) FROM images") or (0,)
        run.phase("Writing images", total=total[0])
        for (noted,) in self._scratch.rows("SELECT checksum FROM images ORDER BY mark"):
            checksum = (self._aside.show(noted) if self._aside else noted).decode()
            run.check_stop()
            data = self._reader.image(checksum)
            if data is None:
                run.warn(f"The image md5:{checksum} is named, but the source does not hold it.", incomplete=True)
            else:
                put(checksum, data)
            run.advance()


def _extension(data: bytes) -> str:
    return next((extension for magic, extension in _MAGIC if data.startswith(magic)), "bin")
