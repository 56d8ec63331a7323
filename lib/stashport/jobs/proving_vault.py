"""How good are the backups of a vault?  Each is held against its card, its file and the packs of images that it shares; each pack is read once."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stashport import errors
from stashport.bundle.packs import PackedImages, check_pack, file_of, names_of, public_name
from stashport.bundle.reader import BundleReader
from stashport.bundle.rebuild import BLOBS, blobs_of, kept_as
from stashport.bundle.vault import Backup
from stashport.errors import BundleDamaged, PortError, VaultClosed
from stashport.jobs.proving import prove_bundle
from stashport.jobs.vaults import Reached
from stashport.output.proof import Proof
from stashport.runs.record import Run

# What says that files are not as they were written; anything else says only that nothing can be told now.
DAMAGE = (
    errors.BundleDamaged, errors.NotABundle, errors.NotInBundle, errors.VaultDamaged, errors.BackupIncomplete, errors.DamagedEncryption,
    errors.NotEncrypted, errors.BadFile, errors.UnfitName, OSError,
)
_MISMADE = (KeyError, TypeError, ValueError, AttributeError)  # a card whose checksum fits, and which says something else than cards say
_PIECE = 1 << 20
_NAME = 33  # bytes a name takes in the list of a pack's images


class Prover:
    """Looks at backups of one vault, as deep as is asked for.

    scratch   a folder for the databases while SQLite looks at them
    Errors of all: those of the store, VaultClosed, MissingLibrary, NewerFile, DiskFull, CannotWrite, Stopped: when it cannot be told how good they are.
    """

    def __init__(self, reached: Reached, scratch: Path, run: Run) -> None:
        self._vault, self._unseal, self._key = reached.vault, reached.unseal, reached.key
        self._scratch, self._run = scratch, run
        self._packs: dict[tuple[str, str], list[str]] = {}

    def look(self, backup: Backup, level: str) -> Proof:
        """What is wrong with a backup; `level` is quick or full, see jobs/proving.py."""
        proof = self._look(backup, level)
        if proof.errors and self._vault.store.local is None and not backup.problem:
            self._packs.clear()  # a network can fail in the middle of a file: what is wrong in the file is wrong a second time
            proof = self._look(backup, level)
        return proof

    def _look(self, backup: Backup, level: str) -> Proof:
        proof = Proof()
        try:
            if backup.problem:
                raise BundleDamaged(place=backup.stem, reason=backup.problem)
            proof.errors += self._sizes(backup)
            if level == "full":
                self._full(backup, proof)
            elif backup.card["encrypted"] and self._unseal is None:
                proof.warnings.append("It is encrypted, and was looked at from outside only.")
            elif not proof.errors:
                with self.opened(backup) as reader:
                    proof.errors += [*_against_card(backup, reader), *reader.verify("quick")]
        except DAMAGE as error:
            proof.errors.append(reason_of(error))
        except _MISMADE as error:
            proof.errors.append(f"its card is none ({type(error).__name__}: {error})")
        return proof

    @contextlib.contextmanager
    def opened(self, backup: Backup) -> Iterator[BundleReader]:
        """Its file, which is really the one of this name.  Errors: also DAMAGE."""
        with contextlib.ExitStack() as stack:
            raw = stack.enter_context(self._vault.store.open(backup.file))
            if backup.card["encrypted"]:
                if self._unseal is None:
                    raise VaultClosed(place=self._vault.store.place, reason="neither a key nor a passphrase was given to open it")
                raw = stack.enter_context(self._unseal(raw))
            reader = stack.enter_context(BundleReader(raw, backup.file))
            if reader.header["id"].replace("-", "")[:12] != backup.id:
                raise BundleDamaged(place=backup.file, reason="it is another backup under this name")
            yield reader

    def images(self, backup: Backup) -> PackedImages:
        """Its images; a context manager."""
        return PackedImages(self._vault, backup.instance, backup.card["packs"], self._unseal)

    def image_bytes(self, backup: Backup) -> int:
        """How many bytes its images have at most."""
        return sum(int(self._vault.pack(backup.instance, pack)["bytes"]) for pack in backup.card["packs"])

    def _sizes(self, backup: Backup) -> list[str]:
        found = [self._size(backup.file, backup.card["file"]["size"])]
        for pack in backup.card["packs"]:
            try:
                card = self._vault.pack(backup.instance, pack)
                found.append(self._size(file_of(backup.instance, pack, card), card["file"]["size"]))
                found.append(self._size(f"{backup.instance}/packs/{pack}.names", card["names"]["count"] * _NAME))
            except DAMAGE as error:
                found.append(reason_of(error))
        return [problem for problem in found if problem]

    def _size(self, name: str, wanted: int) -> str:
        size = self._vault.store.size(name)
        return "" if size == wanted else f"{name} {'is not there' if size is None else f'has {size:,} bytes instead of {wanted:,}'}"

    def _sum(self, name: str, card: dict[str, Any]) -> list[str]:
        """Whether each byte of a file is the one that was written, as far as its card knows."""
        self._run.phase(f"Reading {name.rpartition('/')[2]}", total=card["file"]["size"])
        digest = hashlib.sha256()
        with self._vault.store.open(name) as file:
            while data := file.read(_PIECE):
                digest.update(data)
                self._run.advance(len(data))
                self._run.check_stop()
        return [] if digest.hexdigest() == card["file"]["sha256"] else [f"{name} is not what was written: its SHA-256 does not fit its card"]

    def _full(self, backup: Backup, proof: Proof) -> None:
        if self._vault.store.size(backup.file) is None:
            return
        proof.errors += self._sum(backup.file, backup.card)
        with self.opened(backup) as reader:
            found = prove_bundle(reader, None, self._scratch, self._run)
            proof.counts, proof.dangling = found.counts, found.dangling
            proof.warnings += found.warnings
            proof.errors += [*found.errors, *_against_card(backup, reader), *_counted(backup, found)]
            for pack in backup.card["packs"]:
                proof.errors += self._pack(backup.instance, pack)
            if BLOBS in reader and not proof.errors:
                proof.errors += self._named(backup, reader, proof)

    def _named(self, backup: Backup, reader: BundleReader, proof: Proof) -> list[str]:
        """Whether each image of a backup is in one of its packs, which were looked at before."""
        self._run.phase("Looking for the images", total=backup.card["images"]["count"])
        missing, lost, example = 0, 0, ""
        with self.images(backup) as images:
            for told in blobs_of(reader):
                if told.get("missing"):
                    missing += 1
                elif kept_as(told) in images:
                    proof.images += 1
                else:
                    lost, example = lost + 1, told["checksum"]
                self._run.advance()
                self._run.check_stop()
        if missing:
            proof.warnings.append(f"{missing:,} images were missing in Stash itself when this backup was made.")
        if lost:
            return [f"{lost:,} images are in none of its packs, for example {example}"]
        number = backup.card["images"]["count"]
        return [] if proof.images == number else [f"it has {proof.images:,} images where its card tells of {number:,}"]

    def _pack(self, instance: str, pack: str) -> list[str]:
        """What is wrong with a pack; looked at once."""
        if (instance, pack) not in self._packs:
            try:
                found = list(self._look_at_pack(instance, pack))
            except DAMAGE as error:
                found = [reason_of(error)]
            self._packs[instance, pack] = [f"pack {pack[:12]}: {problem}" for problem in found[:10]]
        return self._packs[instance, pack]

    def _look_at_pack(self, instance: str, pack: str) -> Iterator[str]:
        card = self._vault.pack(instance, pack)
        told = _Sum()
        for name in names_of(self._vault, instance, pack, card):
            told.add(name)
        yield from self._sum(file_of(instance, pack, card), card)
        self._run.phase(f"Looking at the pack {pack[:12]}", total=told.count)
        inside = _Sum()
        with PackedImages(self._vault, instance, [pack], self._unseal) as images:
            reader = images.pack(pack)
            if reader.header["source"]["instanceId"] != instance:
                yield "it is of another instance"
            for name in reader.all_names():
                inside.add(public_name(name.removeprefix("images/"), self._key))
            yield from check_pack(reader, self._advance)
        if inside != told:
            yield "the list of its images is not that of those inside"

    def _advance(self) -> None:
        self._run.advance()
        self._run.check_stop()


class _Sum:
    """Tells one set of names from another, whatever their order, without keeping them."""

    def __init__(self) -> None:
        self.count = self.total = 0

    def add(self, name: str) -> None:
        self.count += 1
        self.total += int.from_bytes(hashlib.sha256(name.encode()).digest(), "big")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sum) and (self.count, self.total) == (other.count, other.total)

    __hash__ = None  # type: ignore[assignment]  # it changes


def _against_card(backup: Backup, reader: BundleReader) -> list[str]:
    """Whether card and header are of one backup: both are read where only one of them can be."""
    card, header = backup.card, reader.header
    pairs = {
        "id": (card["id"], header["id"]), "time": (card["created"], header["timestamp"]), "kind": (card["kind"], header["backup"]["kind"]),
        "instance": (backup.instance, header["source"]["instanceId"]), "packs": (card["packs"], header["packs"]),
        "encryption": (card["encrypted"], header["options"]["encryption"]), "schema": (card["schema"], header["source"]["databaseVersion"]),
    }
    return [f"its card tells of another {name} ({one}) than its file ({other})" for name, (one, other) in pairs.items() if one != other]


def _counted(backup: Backup, proof: Proof) -> list[str]:
    counts = backup.card["counts"]
    return [
        f"it has {proof.counts.get(plural, 0):,} {plural} where its card tells of {counts.get(plural, 0):,}"
        for plural in sorted({*counts, *proof.counts}) if proof.counts.get(plural, 0) != counts.get(plural, 0)
    ]


def reason_of(error: BaseException) -> str:
    """What an error says, as a line among others."""
    return error.message if isinstance(error, PortError) else f"it cannot be read ({error})"
