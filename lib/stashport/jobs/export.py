"""Export: records from a source, through a format, into files that were read back before they got their name."""

from __future__ import annotations

import contextlib
import gc
import hashlib
from collections.abc import Iterator
from typing import Any

from stashport import __version__, formats
from stashport.atomic import human_size
from stashport.errors import BadRequest, NotProven, NotSupported
from stashport.jobs.context import Context
from stashport.jobs.delivery import Delivery, pack, plan, send, tidy
from stashport.jobs.export_config import FILE_KINDS, ExportConfig
from stashport.model.reader import Reader
from stashport.model.records import IdSet, number_of
from stashport.model.table import Kind
from stashport.output.members import StandardOutput, Target
from stashport.output.proof import Proof, prove, prove_rendered
from stashport.output.selection import Selection, select
from stashport.output.upload import shown
from stashport.output.writing import header_for, write_records
from stashport.runs.lock import Lock
from stashport.runs.record import Run
from stashport.stash.filtering import resolve
from stashport.stash.source import Opened, open_source

_BYTES_A_RECORD = 700


def export(given: dict[str, Any], context: Context) -> Run:
    """Run an export; the finished run.  Errors are kept in the run's record and raised."""
    config = ExportConfig.parse(given)
    found = formats.get(config.format)
    formats.need(found)
    if not formats.reads_back(found) and (config.chunkSize or config.maxFileSize):
        raise NotSupported(what=f"{found.LABEL} makes one file: it cannot come in parts.", instead="Leave out chunkSize and maxFileSize.")
    to_stdout = config.to == "-"
    if to_stdout and (found.FOLDER or config.images or config.compress != "none" or config.encrypt or config.url or config.chunkSize or config.maxFileSize):
        raise NotSupported(what="The standard output takes one plain file only.", instead="Leave out images, parts and compression, or give a file with --to.")
    with Run.start(context.state, "export", config=config.record(), version=__version__, run_id=context.run_id, sinks=context.sinks) as run:
        run.phase("Opening the library")
        with open_source(context.source(), reader=config.reader) as opened, quiet_memory():
            run.source(**opened.facts)
            selection = choose(config, opened)
            for remark in opened.remarks:
                run.warn(remark)
            run.check_stop()
            counts = counted(opened, selection)
            header = header_for(opened, selection, config.record(), config.privacy)
            run.steps([*((f"Writing {kind.label.lower()}", 1 + counts[kind.name]) for kind in selection.kinds), ("Reading back", 1 + sum(counts.values()))])
            if to_stdout:
                written = write_records(StandardOutput(), found, header, config.options, opened.reader, selection, counts, run, privacy=config.privacy)
                run.note("sentence", f"Exported {sum(written.values()):,} records to the standard output.")
            else:
                _to_files(config, context, opened, selection, header, counts, run)
            for name in config.privacy.removed:
                run.warn(f"The setting {name} looks like a secret and was left out.")
    return run


def choose(config: ExportConfig, opened: Opened) -> Selection:
    """What is exported: the kinds and fields that were asked for, may leave and can be told, the records that the filters choose, and what these refer to."""
    reader = opened.reader
    possible = [kind for kind in config.privacy.kinds(reader.kinds()) if config.includeFiles or kind.name not in FILE_KINDS]
    kinds = config.chosen_kinds(possible)
    if not kinds:
        raise BadRequest(what="Nothing is left to export: this source, or the privacy that was chosen, gives none of the kinds that were asked for.")
    fields = {}
    with_images = config.images and config.privacy.images
    for kind in possible:
        names = config.fields.get(kind.plural)
        told = [f for f in reader.fields(kind) if (names is None or f.name in names) and (with_images or f.type != "image")]
        fields[kind.name] = config.privacy.fields(kind, told)
    base = resolve(config.filters, kinds, opened)
    for kind in kinds:
        if kind.name in config.ids:
            there = config.ids[kind.name] if kind.name in base else config.ids[kind.name].minus(config.ids[kind.name].minus(_all(reader, kind)))
            base[kind.name] = there.minus(there.minus(base[kind.name])) if kind.name in base else there
    return select(reader, kinds, fields, config.related, reachable=frozenset(kind.name for kind in possible), base=base)


def _all(reader: Reader, kind: Kind) -> IdSet:
    """The numbers of all records of a kind: what was asked for by id may be gone."""
    found = IdSet()
    for batch in reader.batches(kind, ()):
        found.add_all(number_of(record["id"]) for record in batch.records)
    return found


def _to_files(
    config: ExportConfig, context: Context, opened: Opened, selection: Selection, header: formats.Header, counts: dict[str, int], run: Run
) -> None:
    delivery = plan(config, context)
    if delivery.remark:
        run.warn(delivery.remark)
    final = delivery.final
    lock = Lock(context.state.locks, "output-" + hashlib.sha256(str(final).encode("utf-8", "replace")).hexdigest()[:16], f"an export to {final}")
    with lock:
        run.lock = lock
        for attempt in (1, 2):
            target, written = _write(config, delivery, opened, selection, header, counts, run)
            try:
                proof = _prove(target, delivery, formats.get(config.format), written, run)
                if proof.valid or attempt == 2 or not proof.dangling:
                    _finish(target, delivery, proof, selection, config, context, run)
                    break
            except BaseException:
                target.discard()
                raise
            target.discard()
            selection.missing = config.privacy.originals(proof.dangling)
            for error in proof.errors:
                run.warn(f"In the library itself, {error}. They were left out.", incomplete=True)
        run.lock = None


def _write(
    config: ExportConfig, delivery: Delivery, opened: Opened, selection: Selection, header: formats.Header, counts: dict[str, int], run: Run
) -> tuple[Target, dict[str, int]]:
    needed = sum(counts.values()) * _BYTES_A_RECORD * (1 if delivery.compress == "none" and not delivery.packed else 2)
    overwrite = config.overwrite or delivery.packed  # the archive is what is held to the wish, not the folder before it
    target = Target(delivery.final, folder=delivery.folder, compress=delivery.compress, overwrite=overwrite, needed=needed, seal=delivery.seal)
    with target:
        written = write_records(
            target, formats.get(config.format), header, config.options, opened.reader, selection, counts, run, images=config.images and config.privacy.images,
            privacy=config.privacy, chunk=config.chunkSize, largest=config.maxFileSize,
        )
    return target, written


def _prove(target: Target, delivery: Delivery, found: formats.Format, written: dict[str, int], run: Run) -> Proof:
    run.phase("Reading back", total=sum(written.values()))
    unseal = delivery.seal.unwrap if delivery.seal else None
    if not formats.reads_back(found):
        return prove_rendered(target.temporary, run.record["notes"]["rendered"], written, unseal)

    def progress(number: int) -> None:
        run.advance(number)
        run.check_stop()

    return prove(target.temporary, written, progress, unseal)


def _finish(
    target: Target, delivery: Delivery, proof: Proof, selection: Selection, config: ExportConfig, context: Context, run: Run
) -> None:
    run.note("validation", {"valid": proof.valid, "errors": proof.errors, "warnings": proof.warnings})
    if not proof.valid:
        raise NotProven(reason="; ".join(proof.errors[:3]))
    for warning in proof.warnings:
        run.warn(warning, incomplete=True)
    if delivery.packed:
        pack(target.temporary, delivery.final, overwrite=config.overwrite, password=delivery.password)
    else:
        target.publish()
    tidy(target.final.parent, context)
    for kind in selection.kinds:
        run.count(kind.name, "created", proof.counts.get(kind.plural, 0))
    size, found = target.size(), formats.get(config.format)
    place = target.final.name
    run.output(target.final, size, f"the export ({found.LABEL}{', encrypted' if delivery.seal else ''})")
    run.note("download", config.download)
    if config.url:
        send(delivery.final, config, context, run)
        place = shown(config.url["url"])
        run.record["outputs"].clear()
    images = f" and {proof.images:,} images" if config.images else ""
    proven = "read back and complete" if formats.reads_back(found) else "the file holds what the template made, byte for byte"
    run.note("sentence", f"Exported {sum(proof.counts.values()):,} records{images} to {place} ({human_size(size)}); {proven}.")


def counted(opened: Opened, selection: Selection) -> dict[str, int]:
    """How many records will be written, by the name of the kind."""
    return {kind.name: opened.reader.count(kind) if (ids := selection.ids[kind.name]) is None else len(ids) for kind in selection.kinds}


@contextlib.contextmanager
def quiet_memory() -> Iterator[None]:
    """Millions of small objects come and go without cycles: looking for cycles among them costs as much as the work itself."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
