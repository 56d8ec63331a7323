"""Backup: everything that Stash knows, into a vault, read back before it is listed; then what is not kept any longer goes."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

from stashport import __version__
from stashport.atomic import file_error, human_size
from stashport.bundle.making import Making
from stashport.bundle.packs import Packing
from stashport.bundle.reader import BundleReader
from stashport.bundle.records import header_from
from stashport.bundle.vault import BACKUP, PROOF, Vault, new_stem, now_text
from stashport.errors import BackupIncomplete, BadFile, BundleDamaged, DatabaseDamaged, NotProven, NotSupported, PortError
from stashport.formats import Header
from stashport.jobs.backup_config import BackupConfig
from stashport.jobs.backup_content import check_outside, copied, held, put_belongings, put_database, put_images, put_records, reading
from stashport.jobs.context import Context
from stashport.jobs.export import choose, counted, quiet_memory
from stashport.jobs.keeping import clean_up
from stashport.jobs.proving import prove_bundle
from stashport.jobs.vaults import Reached, place, reach, store_at
from stashport.model.fields import KINDS
from stashport.model.reader import Reader
from stashport.output.proof import Proof
from stashport.output.writing import header_for
from stashport.runs.habits import habits, note_failed, note_proven
from stashport.runs.instances import Instance, recognise
from stashport.runs.lock import Lock
from stashport.runs.record import Run
from stashport.runs.state import State
from stashport.runs.workspace import workspace
from stashport.stash.belongings import Belongings
from stashport.stash.snapshot import Snapshot
from stashport.stash.source import Opened, open_source

_SAMPLED = ("tag", "performer", "studio", "scene", "file")
_SAMPLE = 6
_PART = {"config": "this is a backup of a part of the library"}


def backup(given: dict[str, Any], context: Context) -> Run:
    """Make a backup; the finished run.  Errors are kept in the run's record and raised."""
    config = BackupConfig.parse({**habits(context.state), **given})
    try:
        return _run(config, context)
    except PortError as error:
        note_failed(context.state, {"time": now_text(), "reason": error.message, "run": context.run_id})
        raise


def _run(config: BackupConfig, context: Context) -> Run:
    with Run.start(context.state, "backup", config=config.record(), version=__version__, run_id=context.run_id, sinks=context.sinks) as run:
        run.phase("Opening the library")
        with open_source(context.source(), reader=config.records.reader) as opened, quiet_memory():
            run.source(**opened.facts)
            for remark in opened.remarks:
                run.warn(remark)
            images = opened.file.blobs if opened.file else None
            check_outside(store_at(place(config.vault, context), context).local, [images] if images else [])  # before a vault is made there
            reached = reach(config.vault, context, create=True)
            instance = instance_of(context.state, opened, as_new=config.instance == "new")
            if instance.remark:
                run.warn(instance.remark)
            with locked(context.state, reached.vault, instance.id) as lock, workspace(context.state, "backup") as folder:
                run.lock = lock
                _Backup(config, context, opened, reached, instance, folder, run).make()
                run.lock = None
    return run


def locked(state: State, vault: Vault, instance: str) -> Lock:
    """The lock of whoever changes the backups of an instance in a vault.

    It lies in the vault where that is a folder, since others may write there with a state folder of their own.  Errors: CannotWrite, DiskFull.
    """
    if not vault.store.local:
        return Lock(state.locks, "vault-" + hashlib.sha256(f"{vault.id}{instance}".encode()).hexdigest()[:16], "a backup")
    folder = vault.store.local / instance
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise file_error(error, folder) from error
    return Lock(folder, "backups", "a backup")


def instance_of(state: State, opened: Opened, *, as_new: bool = False) -> Instance:
    """Which Stash this is, by when its first records were made."""
    return recognise(state, place_of(opened), sample_of(opened.reader), as_new=as_new)


def place_of(opened: Opened) -> str:
    """Where a library is: its database's path where that is within reach, else its server's address."""
    return str(opened.file.path.resolve()) if opened.file else opened.connection.url if opened.connection else "a file"


def sample_of(reader: Reader) -> list[str]:
    """What says which library this is: the numbers and times of creation of its first records."""
    found = []
    for kind in reader.kinds():
        fields = tuple(f for f in reader.fields(kind) if f.name == "created_at")
        if kind.name in _SAMPLED and fields:
            with contextlib.suppress(DatabaseDamaged, BundleDamaged, BadFile):  # what is left of it tells enough
                first = next(iter(reader.batches(kind, fields)), None)
                found += [f"{record['id']} {record['created_at']}" for record in (first.records[:_SAMPLE] if first else ())]
    return found


class _Backup:
    """One backup on its way."""

    def __init__(
        self, config: BackupConfig, context: Context, opened: Opened, reached: Reached, instance: Instance, folder: Path, run: Run
    ) -> None:
        self.config, self.context, self.opened, self.run = config, context, opened, run
        self.reached, self.vault, self.seal, self.key = reached, reached.vault, reached.seal, reached.key
        self.instance, self.scratch = instance, folder
        if config.kind == "full" and opened.file is None:
            raise NotSupported(what="A full backup needs the database file, which is not within reach here.",
                               instead="Take a portable backup, or run this on the machine that Stash runs on.")
        self.file = opened.file if config.kind != "portable" and not config.filtered else None
        secrets = self.seal is not None if config.secrets is None else config.secrets
        self.belongings = None if config.filtered else Belongings(opened, secrets=secrets, generated=config.generated)
        check_outside(self.vault.store.local, self.belongings.folders if self.belongings else [])
        self.kind = "full" if self.file else "filtered" if config.filtered else "portable"

    def make(self) -> None:
        """All of it, in such an order that a kill at any moment leaves nothing listed that is not whole."""
        self.vault.tidy(self.instance.id)
        self.vault.store.check(self.file.path.stat().st_size if self.file else 0)
        copy = copied(self.file, self.scratch, self.run) if self.file else None
        # Before anything else is read: between the copy and this moment Stash can delete an image, afterwards it cannot.
        with held(self.file) if self.file else contextlib.nullcontext() as blobs, reading(self.opened, copy, self.run) as opened:
            selection = choose(self.config.records, opened) if opened else None
            counts = counted(opened, selection) if opened and selection else {}
            self._steps(sum(counts.values()))
            privacy = self.config.records.privacy
            export = header_for(opened, selection, self.config.records.record(), privacy) if opened and selection else None
            header = self._header(export, copy)
            stem = new_stem(self.instance.id, header["id"], dt.datetime.now(dt.timezone.utc))
            with Making(self.vault.store, stem, header, self.seal) as making, Packing(self.vault, self.instance.id, self.seal, self.key) as packing:
                if copy:
                    put_database(making, copy, self.run)
                written = {}
                if opened and selection and export:
                    written = put_records(making, packing, opened, selection, counts, export, self.run, pictures=self.file is None)
                if copy and blobs:
                    put_images(making, packing, copy, blobs, self.run)
                left_out = put_belongings(making, self.belongings, self.run) if self.belongings else _PART
                packing.finish(lambda _: None)
                finished = making.finish(notInside={**header["notInside"], **left_out}, packs=sorted(packing.used),
                                         restoration=self._restoration())
                self._prove(making)
                self.run.phase("Storing", total=making.told["size"])
                making.put(self.run.advance)
                self._finish(making, packing, stem, finished, written, copy)

    def _steps(self, records: int) -> None:
        weights = (("Keeping the database", records // 4), ("Keeping images", records // 10), ("Reading back", records // 2),
                   ("Reading the records back", records), ("Storing", records // 20))
        self.run.steps([(name, 1 + weight) for name, weight in weights])

    def _header(self, export: Header | None, copy: Snapshot | None) -> dict[str, Any]:
        facts = {"source": {**self.opened.facts, "instance": self.instance.id}}
        why = {"not_inside": {"records": "the database is damaged, and records read from it could not be trusted"}, "choices": {}, "fields": {}}
        more = {"kind": self.kind, "instanceName": self.instance.name, "note": self.config.note, "damaged": copy.reason if copy and copy.damaged else ""}
        return {**header_from({**(export or why), **facts}, compression=self.config.compress, encrypted=self.seal is not None), "backup": more}

    def _restoration(self) -> dict[str, Any]:
        schema = self.opened.facts.get("schema")
        needs = [f"Stash with database schema {schema} or newer"] if self.file else ["a running Stash"]
        return {"compatible": True, "requirements": needs, "warnings": [str(one) for one in self.run.record["warnings"]][:50]}

    def _prove(self, making: Making) -> None:
        proof = Proof()

        def look(reader: BundleReader) -> None:
            nonlocal proof
            if self.config.proof == "quick":
                proof = Proof(errors=reader.verify("quick"))
                return
            proof = prove_bundle(reader, None, self.scratch, self.run)

        making.check(look)
        if not proof.valid:
            raise NotProven(reason="; ".join(proof.errors[:3]))
        for warning in proof.warnings:
            self.run.warn(warning)

    def _finish(self, making: Making, packing: Packing, stem: str, header: dict[str, Any], written: dict[str, int], copy: Snapshot | None) -> None:
        size = making.told["size"]
        try:
            packing.check()
        except BackupIncomplete:
            self.vault.store.delete(making.name)
            raise
        images = {"count": packing.seen, "new": packing.count, "newBytes": packing.bytes}
        self.vault.write_card(
            stem, BACKUP, id=header["id"], created=header["timestamp"], kind=self.kind, series=self._series(), encrypted=self.seal is not None,
            file=making.told, counts=written, images=images, packs=sorted(packing.used), stash=header["source"]["stashVersion"],
            schema=header["source"]["databaseVersion"], madeBy=__version__,
            damaged=bool(copy and copy.damaged), incomplete=self.run.incomplete, run=self.run.id, note=self.config.note,
        )
        # The images of earlier packs were read back when these were made; now only their size was looked at.
        self.vault.write_card(f"{stem}.proof", PROOF, level=self._level, good=True, images="new", time=now_text(), by=__version__)
        for kind in KINDS:
            if kind.plural in written:
                self.run.count(kind.name, "created", written[kind.plural])
        name = stem.rpartition("-")[2]
        self.run.note("backup", {"vault": self.vault.store.place, "name": stem, "id": name, "kind": self.kind, "images": images, "size": size})
        if self._level == "full" and not self.config.filtered and not (copy and copy.damaged):
            told = {"id": name, "time": header["timestamp"], "level": self._level, "vault": self.vault.store.place}
            note_proven(self.context.state, {**told, "kind": self.kind, "records": sum(written.values())})
        if self.config.proof == "drill":
            self._drill(stem)
        whole = not self.run.incomplete
        for pack in packing.lost:  # which says nothing against the new one
            self.run.warn(f"The pack {pack} of the vault is missing or cut off, or damaged: older backups lost images. This one keeps them anew.",
                          incomplete=True)
        kept = self._clean_up(proven=whole and self._level == "full")
        gone = f" {len(kept['removed']):,} older ones were deleted: {', '.join(kept['removed'])}." if kept["removed"] else ""
        told_of = f"{sum(written.values()):,} records and {packing.seen:,} images ({packing.count:,} of them new)"
        self.run.note("sentence", f"Backed up and checked: {told_of}, {human_size(size + packing.bytes)}, as {name} in {self.vault.store.place}.{gone}")

    def _clean_up(self, *, proven: bool) -> dict[str, Any]:
        """Older ones go by the rules.  The new one is whole and listed: that something goes wrong here takes nothing from it."""
        try:
            kept = clean_up(self.vault, self.instance.id, self.config.keep, proven_now=proven)
        except PortError as error:
            self.run.warn(f"The backup is good, but older ones could not be cleared away: {error.message}", incomplete=True)
            return {"removed": []}
        self.run.note("cleanUp", kept)
        return kept

    @property
    def _level(self) -> str:
        """How far it is proven when it is listed."""
        return "quick" if self.config.proof == "quick" else "full"

    def _drill(self, stem: str) -> None:
        if self.seal and not self.reached.unseal:
            self.run.warn("A trial restore needs what opens the encrypted vault, which is not kept here: this backup was proven full. "
                          "`stash_port.py verify --level drill` does it with the passphrase or the key.")
            return
        from stashport.jobs.verify import prove_again

        prove_again(stem.rpartition("/")[2], "drill", self.reached, self.context, self.run)

    def _series(self) -> str:
        """Backups of the same sort, of the same part of the library."""
        if not self.config.filtered:
            return self.kind
        return "filtered-" + hashlib.sha256(repr(sorted(self.config.records.record().items())).encode()).hexdigest()[:12]
