"""Carry: one backup of a vault as one file that needs no vault, with all its images inside; plain, or encrypted for whoever gets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stashport import __version__
from stashport.atomic import human_size
from stashport.bundle.making import Making
from stashport.bundle.packs import PackedImages
from stashport.bundle.passphrase import Passphrase
from stashport.bundle.reader import BundleReader
from stashport.bundle.rebuild import BLOBS, OwnImages, blobs_of, check_blobs, kept_as
from stashport.bundle.scratch import Scratch
from stashport.bundle.store import FolderStore
from stashport.bundle.store_url import shown
from stashport.bundle.vault import Backup, now_text
from stashport.errors import AlreadyThere, BadRequest, NotProven
from stashport.jobs.context import Context
from stashport.jobs.export_config import ExportConfig, flag
from stashport.jobs.proving_vault import Prover
from stashport.jobs.vaults import Reached, reach
from stashport.output.seal import Seal
from stashport.runs import secrets
from stashport.runs.record import Run
from stashport.runs.workspace import workspace

_KEYS = ("vault", "backup", "to", "encrypt", "overwrite", "plain", "compress")
_COMPRESSIONS = ("zip", "7z")
_OF_EXPORT = ("to", "encrypt", "overwrite")
_PIECE = 1 << 20


def carry(given: dict[str, Any], context: Context) -> Run:
    """Make the file; the finished run.

    given   {"vault": place, "backup": id or "latest", "to": file or folder, "encrypt": {"recipients": [...]} or {"secret": id}, "overwrite": bool,
            "plain": true, which what comes out of an encrypted vault has to be told before it lies open,
            "compress": "zip" (a bundle) or "7z", whose lock is the passphrase}
    What opens the vault is context.passphrase or context.identities; what locks the file may also be context.new_passphrase.
    Errors: BadRequest, UnknownBackup, VaultClosed, AlreadyThere, NotProven, and those of reading a backup and writing a bundle.
    """
    for key in given:
        if key not in _KEYS:
            raise BadRequest(what=f'The configuration has an unknown key "{key}"; known are {", ".join(_KEYS)}.')
    config = ExportConfig.parse({key: given[key] for key in _OF_EXPORT if key in given} | {"format": "bundle"})
    place, name, plain = str(given.get("vault") or ""), str(given.get("backup") or "latest"), flag("plain", given.get("plain", False))
    compress = given.get("compress") or "zip"
    if compress not in _COMPRESSIONS:
        raise BadRequest(what=f'"compress" is one of {", ".join(_COMPRESSIONS)}, not {compress!r}.')
    record = {"vault": shown(place), "backup": name, "to": config.to, "encrypt": sorted(config.encrypt), "overwrite": config.overwrite}
    record |= {"plain": plain, "compress": compress}
    with Run.start(context.state, "carry", config=record, version=__version__, run_id=context.run_id, sinks=context.sinks) as run:
        run.phase("Opening the backup")
        reached = reach(place, context)
        backup, (passphrase, recipients) = reached.vault.find(name), _locks(config, context)
        if compress == "7z" and recipients:
            raise BadRequest(what="A 7z archive is locked with a passphrase, not for recipients.")
        seal = Seal(recipients=recipients, passphrase=passphrase) if passphrase or recipients else None
        if reached.vault.encryption and seal is None and not plain:
            raise BadRequest(what="This backup is encrypted: say for whom the file is to be, or that it is to be plain, with all keys and passwords in it.")
        target = _target(config, context, backup, ending=".7z" if compress == "7z" else f".stashport.zip{'.age' if seal else ''}")
        with workspace(context.state, "carry") as folder:
            made = folder / "backup.stashport.zip" if compress == "7z" else target
            count = _carry(reached, backup, made, None if compress == "7z" else seal, folder, run)
            if compress == "7z":
                from stashport.jobs.carry_7z import to_7z

                to_7z(made, folder, target, passphrase, run, overwrite=config.overwrite)
        size = target.stat().st_size
        run.output(target, size, f"the backup {backup.id}{', encrypted' if seal else ''}")
        run.note("sentence", f"Carried the backup {backup.id} with {count:,} images to {target.name} ({human_size(size)}); read back and whole.")
    return run


def _locks(config: ExportConfig, context: Context) -> tuple[Passphrase | None, tuple[str, ...]]:
    """A passphrase, or recipients; neither for a plain file.  Errors: BadRequest for both."""
    passphrase = context.new_passphrase
    if config.encrypt.get("secret"):
        passphrase = Passphrase(secrets.take(context.state, config.encrypt["secret"]), source="the panel")
    recipients = tuple(config.encrypt.get("recipients", ()))
    if passphrase and recipients:
        raise BadRequest(what="The file is encrypted with a passphrase or for recipients, not both.")
    return passphrase, recipients


def _target(config: ExportConfig, context: Context, backup: Backup, *, ending: str) -> Path:
    """Errors: AlreadyThere."""
    name = f"stash-backup-{backup.stem.rpartition('/')[2]}{ending}"
    path = Path(config.to).expanduser().absolute() if config.to else context.exports().absolute() / name
    if config.to.endswith(("/", "\\")) or path.is_dir():
        path /= name
    if path.exists() and not config.overwrite:
        raise AlreadyThere(place=path)
    return path


def _carry(reached: Reached, backup: Backup, target: Path, seal: Seal | None, folder: Path, run: Run) -> int:
    """Write the bundle, read it back, give it its name; how many images are in it."""
    prover, store = Prover(reached, folder, run), FolderStore(target.parent)
    store.check(backup.card["file"]["size"] + prover.image_bytes(backup))
    with prover.opened(backup) as reader, prover.images(backup) as images:
        options = {"compression": reader.header["options"]["compression"], "encryption": seal is not None}
        with Making(store, target.name, {**reader.header, "options": options}, seal) as making:
            _copy(reader, making, run)
            count = _put_images(reader, images, making, run)
            making.finish(packs=[], carried={"vault": reached.vault.id, "backup": backup.stem, "time": now_text(), "images": count})
            run.phase("Reading back", total=making.told["size"])
            making.check(lambda made: _prove(made, run))
            store.put(making.path, target.name, lambda _: None)
    return count


def _copy(reader: BundleReader, making: Making, run: Run) -> None:
    """Everything but images, which a backup in a vault does not hold itself."""
    names = list(reader.all_names())
    run.phase("Copying the backup", total=sum(reader.member(name).unpacked for name in names))
    for name in names:
        with reader.open(name) as file, making.open(name) as member:
            while data := file.read(_PIECE):
                member.write(data)
                run.advance(len(data))
                run.check_stop()


def _put_images(reader: BundleReader, images: PackedImages, making: Making, run: Run) -> int:
    """Every image once; how many."""
    if BLOBS not in reader:
        return 0
    run.phase("Adding the images", total=reader.member(BLOBS).records or None)
    done, count = Scratch("CREATE TABLE done (name TEXT PRIMARY KEY) WITHOUT ROWID"), 0
    try:
        for told in blobs_of(reader):
            run.advance()
            run.check_stop()
            name = kept_as(told)
            if not told.get("missing") and done.run("INSERT OR IGNORE INTO done VALUES (?)", (name,)):
                making.bundle.add(f"images/{name}", images.get(name))
                count += 1
    finally:
        done.close()
    return count


def _prove(made: BundleReader, run: Run) -> None:
    def progress(number: int) -> None:
        run.advance(number)
        run.check_stop()

    problems = made.verify("full", progress)
    if not problems and BLOBS in made:
        problems = check_blobs(made, OwnImages(made), lambda _: run.check_stop())
    if problems:
        raise NotProven(reason="; ".join(problems[:3]))
