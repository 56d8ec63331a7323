"""Images in packs: each backup adds one with the images that no earlier pack of its instance holds, so that a daily backup costs what changed.

An image is known by its md5, which is Stash's own name of it; in an encrypted vault by a keyed hash of that, so that nobody who sees the vault can tell
whether it holds a certain image.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, BinaryIO

from stashport.bundle import cards
from stashport.bundle.header import new_header
from stashport.bundle.making import Making, Wrapping
from stashport.bundle.reader import BundleReader
from stashport.bundle.scratch import Scratch
from stashport.bundle.store import Progress
from stashport.bundle.vault import PACK, Vault, new_card, now_text
from stashport.errors import BackupIncomplete, BundleDamaged, NotInBundle, VaultDamaged

_NAME = re.compile(rb"[0-9a-f]{32}\n")
_MOST_OPEN = 16
_PLACE = "SELECT pack FROM places WHERE name=?"
Unseal = Callable[[BinaryIO], BinaryIO]


def public_name(checksum: str, key: bytes | None) -> str:
    """What an image is called outside of an encrypted file; `key` is None for a plain vault."""
    return checksum if key is None else hmac.digest(key, checksum.encode(), "sha256").hex()[:32]


def file_of(instance: str, pack: str, card: dict[str, Any]) -> str:
    """The name of a pack's file."""
    return f"{instance}/packs/{pack}.bundle{'.age' if card['encrypted'] else ''}"


class Packing:
    """Takes the images of one backup: known ones are only looked up, new ones go into a pack, which is made when the first one comes.

    used    ids of the packs that hold the images so far
    lost    ids of the packs that have a card, and whose file is missing or cut off, or whose card or list is damaged
    seen    how many images came; count, bytes: those of them that were new
    Errors: VaultDamaged, and those of Making.
    """

    def __init__(self, vault: Vault, instance: str, seal: Wrapping | None, key: bytes | None) -> None:
        self._vault, self._instance, self._seal, self._key = vault, instance, seal, key
        self._known = Scratch("CREATE TABLE names (name TEXT PRIMARY KEY, pack TEXT, fresh INTEGER) WITHOUT ROWID")
        self._making: Making | None = None
        self._id = secrets.token_hex(16)
        self.used: set[str] = set()
        self.seen = self.count = self.bytes = 0
        self.lost: list[str] = []
        vault.store.settle(f"{instance}/", finish=True)
        for pack, card in vault.packs(instance):
            try:
                if not card or vault.store.size(file_of(instance, pack, card)) != card["file"]["size"]:
                    self.lost.append(pack)  # its images are packed anew, where they can still be had
                    continue
                self._known.many("INSERT OR IGNORE INTO names VALUES (?,?,0)", ((name, pack) for name in names_of(vault, instance, pack, card)))
            except VaultDamaged:
                self.lost.append(pack)
                self._known.run("DELETE FROM names WHERE pack=?", (pack,))

    def __enter__(self) -> Packing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._known.close()
        if self._making:
            self._making.__exit__(kind, error, trace)

    def has(self, checksum: str) -> bool:
        """Whether an image is in a pack; that pack is one of those used from then on."""
        row = self._known.one("SELECT pack FROM names WHERE name=?", (public_name(checksum, self._key),))
        if row:
            self.used.add(row[0])
            self.seen += 1
        return row is not None

    def add(self, checksum: str, data: bytes) -> None:
        """Put a new image in: one that `has` does not know."""
        if self._making is None:
            header = new_header(source={"instanceId": self._instance}, compression="none", encrypted=self._seal is not None, choices={"pack": self._id})
            self._making = Making(self._vault.store, f"{self._instance}/packs/{self._id}", header, self._seal)
        self._making.bundle.add(f"images/{checksum}", data)
        self._known.many("INSERT INTO names VALUES (?,?,1)", [(public_name(checksum, self._key), self._id)])
        self.used.add(self._id)
        self.seen += 1
        self.count += 1
        self.bytes += len(data)

    def finish(self, progress: Progress) -> None:
        """The pack, if there is one, is read back and put into the vault; its card comes last."""
        if self._making is None:
            return
        making, stem = self._making, f"{self._instance}/packs/{self._id}"
        making.finish()
        making.check(_whole)
        names = "".join(f"{name}\n" for (name,) in self._known.rows("SELECT name FROM names WHERE fresh ORDER BY name")).encode()
        told = {"file": making.told, "names": {"count": self.count, "sha256": hashlib.sha256(names).hexdigest()}, "bytes": self.bytes}
        card = new_card(stem, PACK, created=now_text(), encrypted=self._seal is not None, **told)
        making.put(progress, [(f"{stem}.names", names), (f"{stem}.json", cards.dump(card))])


    def check(self) -> None:
        """Whether all packs that are used are still there: another machine may have deleted some since.  Errors: BackupIncomplete."""
        there = set(self._vault.store.names(f"{self._instance}/packs"))
        for pack in sorted(self.used):
            for name in (f"{self._instance}/packs/{pack}.json", file_of(self._instance, pack, {"encrypted": self._seal is not None})):
                if name not in there:
                    raise BackupIncomplete(name=name, reason="a pack of its images was deleted while it was made")


def _whole(reader: BundleReader) -> None:
    problems = reader.verify("full")
    if problems:
        raise BundleDamaged(place=reader.place, reason=problems[0])


def names_of(vault: Vault, instance: str, pack: str, card: dict[str, Any]) -> Iterator[str]:
    """The names of the images in a pack.  Errors: VaultDamaged."""
    name, digest, count = f"{instance}/packs/{pack}.names", hashlib.sha256(), 0
    with vault.store.open(name) as file:
        for line in file:
            if not _NAME.fullmatch(line):
                break
            digest.update(line)
            count += 1
            yield line[:-1].decode()
    if digest.hexdigest() != card["names"]["sha256"] or count != card["names"]["count"]:
        raise VaultDamaged(place=vault.store.place, name=name, reason="it does not fit its card")


class PackedImages:
    """The images of a backup, for reading: from the packs that its card names, each opened when it is needed, and only a few of them at once.

    unseal   opens an encrypted file; None for a plain vault
    Errors: BackupIncomplete, VaultDamaged, BundleDamaged, and those of the decrypting reader.
    """

    def __init__(self, vault: Vault, instance: str, packs: list[str], unseal: Unseal | None) -> None:
        self._vault, self._instance, self._unseal = vault, instance, unseal
        self._waiting = list(packs)
        self._places = Scratch("CREATE TABLE places (name TEXT PRIMARY KEY, pack TEXT) WITHOUT ROWID")
        self._open: dict[str, tuple[BundleReader, contextlib.ExitStack]] = {}  # the one that was used last comes last

    def __enter__(self) -> PackedImages:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            self._open.popitem()[1][1].close()
        self._places.close()

    def get(self, checksum: str) -> bytes:
        """The bytes of an image.  Errors: also NotInBundle."""
        reader = self._holder(f"images/{checksum}")
        if reader is None:
            raise NotInBundle(place=f"{self._vault.store.place} (its packs)", name=f"images/{checksum}")
        return reader.read(f"images/{checksum}")

    def __contains__(self, checksum: str) -> bool:
        return self._holder(f"images/{checksum}") is not None

    def _holder(self, name: str) -> BundleReader | None:
        row = self._places.one(_PLACE, (name,))
        while not row and self._waiting:
            pack = self._waiting.pop(0)
            self._places.many("INSERT OR IGNORE INTO places VALUES (?,?)", ((one, pack) for one in self.pack(pack).all_names()))
            row = self._places.one(_PLACE, (name,))
        return self.pack(row[0]) if row else None

    def pack(self, pack: str) -> BundleReader:
        """A pack, opened, until some others were.  Errors: BackupIncomplete when it is not there."""
        if pack in self._open:
            self._open[pack] = self._open.pop(pack)
            return self._open[pack][0]
        if len(self._open) >= _MOST_OPEN:
            self._open.pop(next(iter(self._open)))[1].close()
        card = self._vault.pack(self._instance, pack)
        name = file_of(self._instance, pack, card)
        size = self._vault.store.size(name)
        if size != card["file"]["size"]:
            reason = "it is not there" if size is None else f"it has {size:,} bytes instead of {card['file']['size']:,}"
            raise BackupIncomplete(name=name, reason=f"a pack of its images is missing or cut off: {reason}")
        with contextlib.ExitStack() as stack:
            raw = stack.enter_context(self._vault.store.open(name))
            if card["encrypted"]:
                assert self._unseal
                raw = stack.enter_context(self._unseal(raw))
            reader = stack.enter_context(BundleReader(raw, name))
            if reader.header["choices"].get("pack") != pack:
                raise BundleDamaged(place=name, reason="it is another pack under this name")
            self._open[pack] = reader, stack.pop_all()
        return reader


def check_pack(reader: BundleReader, progress: Callable[[], None] = lambda: None) -> Iterator[str]:
    """What is wrong in a pack: each image is read and held against its sums and its name.  Errors: those of BundleReader at the first that is damaged.

    progress   called for each image; a stop is raised from there
    """
    for name in reader.all_names():
        with reader.open(name) as file:
            digest = hashlib.md5(usedforsecurity=False)
            while data := file.read(1 << 20):
                digest.update(data)
        if name != f"images/{digest.hexdigest()}":
            yield f"{name} holds another image"
        progress()

