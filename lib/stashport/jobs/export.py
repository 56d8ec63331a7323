"""Export: records from a source, through a format, into files that were read back before they got their name."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stashport import __version__, formats
from stashport.atomic import discard, human_size, sweep
from stashport.errors import BadRequest, CannotWrite, NotProven, NotSupported
from stashport.jobs.context import Context
from stashport.jobs.export_config import FILE_KINDS, ExportConfig
from stashport.output.members import StandardOutput, Target
from stashport.output.proof import Proof, prove, replaceable
from stashport.output.selection import Selection, select
from stashport.output.writing import header_for, write_records
from stashport.runs.lock import Lock
from stashport.runs.history import prune
from stashport.runs.record import Run
from stashport.stash.source import Opened, open_source

_BYTES_A_RECORD = 700
_KEEP_FOR_BROWSER = 7 * 24 * 3600


def export(given: dict[str, Any], context: Context) -> Run:
    """Run an export; the finished run.  Errors are kept in the run's record and raised."""
    config = ExportConfig.parse(given)
    found = formats.get(config.format)
    if config.to == "-" and (found.FOLDER or config.images or config.compress != "none"):
        raise NotSupported(what="The standard output takes one plain file only.", instead="Leave out images and compression, or give a file with --to.")
    with Run.start(context.state, "export", config=config.record(), version=__version__, run_id=context.run_id, sinks=context.sinks) as run:
        run.phase("Opening the library")
        with open_source(context.source(), reader=config.reader) as opened, _quiet_memory():
            run.source(**opened.facts)
            for remark in opened.remarks:
                run.warn(remark)
            run.check_stop()
            selection = _select(config, opened)
            counts = {kind.name: _count(opened, selection, kind.name) for kind in selection.kinds}
            header = header_for(opened, selection, config.record())
            run.steps([*((f"Writing {kind.label.lower()}", 1 + counts[kind.name]) for kind in selection.kinds), ("Reading back", 1 + sum(counts.values()))])
            if config.to == "-":
                written = write_records(StandardOutput(), found, header, config.options, opened.reader, selection, counts, run)
                run.note("sentence", f"Exported {sum(written.values()):,} records to the standard output.")
            else:
                _export_to_files(config, context, opened, selection, header, counts, run)
            for name in getattr(getattr(opened.reader, "server", opened.reader), "removed_secrets", ()):
                run.warn(f"The setting {name} looks like a secret and was left out.")
    return run


def _export_to_files(
    config: ExportConfig, context: Context, opened: Opened, selection: Selection, header: formats.Header, counts: dict[str, int], run: Run
) -> None:
    found = formats.get(config.format)
    folder = found.FOLDER or config.images
    final = _final(config, context, found, folder=folder)
    if config.overwrite and final.is_dir() and not replaceable(final):
        raise CannotWrite(place=final, reason="it is a folder with other things in it than an export, and they would be lost")
    lock = Lock(context.state.locks, "output-" + hashlib.sha256(str(final).encode("utf-8", "replace")).hexdigest()[:16], f"an export to {final}")
    with lock:
        run.lock = lock
        for attempt in (1, 2):
            needed = sum(counts.values()) * _BYTES_A_RECORD * (1 if config.compress == "none" else 2)
            target = Target(final, folder=folder, compress=config.compress, overwrite=config.overwrite, needed=needed)
            with target:
                written = write_records(target, found, header, config.options, opened.reader, selection, counts, run, images=config.images)
            try:
                proof = _prove(target, selection, written, run)
                if proof.valid or attempt == 2 or not proof.dangling:
                    _finish(target, proof, selection, config, context, run)
                    break
            except BaseException:
                target.discard()
                raise
            target.discard()
            selection.missing = proof.dangling
            for error in proof.errors:
                run.warn(f"In the library itself, {error}. They were left out.", incomplete=True)
        run.lock = None


def _prove(target: Target, selection: Selection, written: dict[str, int], run: Run) -> Proof:
    run.phase("Reading back", total=sum(written.values()))

    def progress(number: int) -> None:
        run.advance(number)
        run.check_stop()

    return prove(target.temporary, written, progress)


def _finish(target: Target, proof: Proof, selection: Selection, config: ExportConfig, context: Context, run: Run) -> None:
    run.note("validation", {"valid": proof.valid, "errors": proof.errors, "warnings": proof.warnings})
    if not proof.valid:
        raise NotProven(reason="; ".join(proof.errors[:3]))
    for warning in proof.warnings:
        run.warn(warning, incomplete=True)
    target.publish()
    _tidy(target.final.parent, context)
    for kind in selection.kinds:
        run.count(kind.name, "created", proof.counts.get(kind.plural, 0))
    size, total = target.size(), sum(proof.counts.values())
    run.output(target.final, size, f"the export ({formats.get(config.format).LABEL})")
    run.note("download", config.download)
    images = f" and {proof.images:,} images" if config.images else ""
    run.note("sentence", f"Exported {total:,} records{images} to {target.final.name} ({human_size(size)}); read back and complete.")


def _tidy(folder: Path, context: Context) -> None:
    """Remove what killed runs left beside the export, what the browser was given long ago, and the oldest run records."""
    sweep(folder)
    prune(context.state)
    for old in context.for_browser().glob("stash-*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _KEEP_FOR_BROWSER:
                discard(old)


def _select(config: ExportConfig, opened: Opened) -> Selection:
    reader = opened.reader
    possible = [kind for kind in reader.kinds() if config.includeFiles or kind.name not in FILE_KINDS]
    kinds = config.chosen_kinds(possible)
    if not kinds:
        raise BadRequest(what="Nothing is left to export: this source tells none of the kinds that were chosen.")
    fields = {}
    for kind in possible:
        names = config.fields.get(kind.plural)
        fields[kind.name] = tuple(
            f for f in reader.fields(kind) if (names is None or f.name in names) and (config.images or f.type != "image")
        )
    return select(reader, kinds, fields, config.related, reachable=frozenset(kind.name for kind in possible))


def _count(opened: Opened, selection: Selection, name: str) -> int:
    ids = selection.ids[name]
    if ids is not None:
        return len(ids)
    kind = next(kind for kind in selection.kinds if kind.name == name)
    return opened.reader.count(kind)


def _final(config: ExportConfig, context: Context, found: formats.Format, *, folder: bool) -> Path:
    now = dt.datetime.now().astimezone()
    extension = "zip" if config.compress == "zip" else found.EXTENSION + (".gz" if config.compress == "gzip" else "")
    plain_folder = folder and config.compress != "zip"
    name = f"stash-{now:%Y%m%d-%H%M%S}-{found.NAME}" if plain_folder else f"stash-{now:%Y%m%d-%H%M%S}.{extension}"
    if not config.to:
        return (context.for_browser() if config.download else context.exports()) / name
    ends_as_folder = config.to.endswith(("/", "\\"))
    try:
        path = Path(config.to).expanduser()
        return path / name if ends_as_folder or (path.is_dir() and not plain_folder) else path
    except (OSError, RuntimeError) as error:  # a name that no file can have, or ~somebody who is not known
        raise CannotWrite(place=config.to, reason=error) from error


@contextlib.contextmanager
def _quiet_memory() -> Iterator[None]:
    """Millions of small objects come and go without cycles: looking for cycles among them costs as much as the work itself."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
