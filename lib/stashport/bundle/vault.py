"""A vault: where backups are kept, each of them a file, and the packs of images that they share.

    stash-port-vault.json                            what this is, and for whom it is encrypted
    keys/                                            the encrypted vault's own key, locked (bundle/vault_keys.py)
    <instance>/backups/<time>-<id>.bundle[.age]      a backup without its images
    <instance>/backups/<time>-<id>.json              its card: written last, so that a backup that has one is whole
    <instance>/backups/<time>-<id>.proof.json        how far it was proven, and when
    <instance>/packs/<id>.bundle[.age]               the images that no earlier pack held
    <instance>/packs/<id>.names                      which these are, a name a line
    <instance>/packs/<id>.json                       its card, again last
    <instance>/backups.lock, backups.guard           of a vault in a folder: who changes it now (runs/lock.py)

What belongs to one instance of Stash lies in a folder of its own: series never mix, and one never evicts another.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stashport.atomic import sweep
from stashport.bundle import cards
from stashport.bundle.cards import Card
from stashport.bundle.store import Store, read_small
from stashport.errors import NewerFile, NotAVault, UnknownBackup, VaultDamaged

HEAD = "stash-port-vault.json"
VAULT, BACKUP, PACK, PROOF = "stash-port vault", "stash-port backup", "stash-port pack", "stash-port proof"
LEVELS = ("none", "quick", "full", "drill")  # of proof, each more than the one before
_BACKUP_CARD = re.compile(r"([0-9a-f-]{36})/backups/(\d{8}-\d{6}-\d{3}Z-[0-9a-f]{12})\.json")
_PACK_CARD = re.compile(r"([0-9a-f-]{36})/packs/([0-9a-f]{32})\.json")


@dataclass(frozen=True)
class Backup:
    """A backup as its card tells of it.

    stem      its files' name without ending, with the folders before it
    proof     the card of its last proof; {} for none
    problem   what is wrong with the card itself; everything else is empty then
    """

    stem: str
    card: Card = field(default_factory=dict)
    proof: Card = field(default_factory=dict)
    problem: str = ""

    @property
    def id(self) -> str:
        """As people say it: the last part of its name."""
        return self.stem.rpartition("-")[2]

    @property
    def instance(self) -> str:
        """The instance of Stash that it is of."""
        return self.stem.partition("/")[0]

    @property
    def time(self) -> dt.datetime:
        """When it was begun, by its name."""
        return dt.datetime.strptime(self.stem.rpartition("/")[2][:20], "%Y%m%d-%H%M%S-%fZ").replace(tzinfo=dt.timezone.utc)

    @property
    def file(self) -> str:
        """The name of the file itself."""
        return f"{self.stem}.bundle{'.age' if self.card['encrypted'] else ''}"

    @property
    def level(self) -> str:
        """How far it was proven: one of LEVELS, or `failed`."""
        return "none" if not self.proof else str(self.proof["level"]) if self.proof["good"] else "failed"

    @property
    def proven(self) -> bool:
        """Whether every byte of it was found good, and the library itself was not damaged when it was made."""
        return self.level in ("full", "drill") and not self.card.get("damaged")


class Vault:
    """An existing vault.  Errors of all: VaultDamaged, NewerFile, and those of the store."""

    def __init__(self, store: Store, card: Card) -> None:
        self.store, self.card = store, card

    @classmethod
    def open(cls, store: Store) -> Vault:
        """Errors: NotAVault."""
        if store.size(HEAD) is None:
            raise NotAVault(place=store.place, reason="it holds no " + HEAD)
        return cls(store, cards.load(read_small(store, HEAD), VAULT, store.place, HEAD))

    @classmethod
    def create(cls, store: Store, encryption: dict[str, Any] | None = None) -> Vault:
        """A new one, in an empty place.  Errors: NotAVault when something else is there."""
        foreign = next((name for name in store.names("") if not name.startswith("keys/")), None)
        if foreign is not None:
            raise NotAVault(place=store.place, reason=f"there are other files in it, for example {foreign}")
        card = {"format": VAULT, "version": cards.VERSION, "id": str(uuid.uuid4()), "created": now_text(), "encryption": encryption}
        store.settle("", finish=False)  # meant for the vault that was here before
        store.write(HEAD, cards.dump(card))
        return cls.open(store)

    @property
    def id(self) -> str:
        """Its own id."""
        return str(self.card["id"])

    @property
    def encryption(self) -> dict[str, Any] | None:
        """{"recipient": the public half of its key, "key": what people call it}, or None for a plain one."""
        found: dict[str, Any] | None = self.card["encryption"]
        return found

    def backups(self, instance: str | None = None) -> list[Backup]:
        """All that are complete, or those of one instance, newest first."""
        names = set(self.store.names(f"{instance}/backups" if instance else ""))
        found = [self._backup(name.removesuffix(".json"), names) for name in names if _BACKUP_CARD.fullmatch(name)]
        return sorted(found, key=lambda one: one.stem.partition("/backups/")[::-1], reverse=True)

    def _backup(self, stem: str, names: set[str]) -> Backup:
        try:
            card = self._card(f"{stem}.json", BACKUP)
        except (VaultDamaged, NewerFile) as error:  # not StoreFailed: a network that fails says nothing about a backup
            return Backup(stem, problem=error.message)
        if card.get("name") != stem:
            return Backup(stem, problem="its card is that of another backup")
        return Backup(stem, card, self._proof(stem) if f"{stem}.proof.json" in names else {})

    def _proof(self, stem: str) -> Card:
        """The card of a proof; one that is damaged says nothing against the backup, and nothing for it either."""
        lost = {"name": stem, "level": "none", "good": True, "lost": True}
        try:
            proof = self._card(f"{stem}.proof.json", PROOF)
        except (VaultDamaged, NewerFile):
            return lost
        return proof if proof.get("name") == stem and proof.get("level") in LEVELS and isinstance(proof.get("good"), bool) else lost

    def find(self, text: str, instance: str | None = None) -> Backup:
        """The one that a person means: "latest", or the beginning of an id.  Errors: UnknownBackup, VaultDamaged."""
        listed = self.backups(instance)
        found = listed[:1] if text in ("", "latest") else [one for one in listed if one.id.startswith(text) or one.stem.rpartition("/")[2] == text]
        if len(found) != 1:
            raise UnknownBackup(name=text or "latest", place=self.store.place)
        if found[0].problem:
            raise VaultDamaged(place=self.store.place, name=f"{found[0].stem}.json", reason=found[0].problem)
        return found[0]

    def packs(self, instance: str) -> Iterator[tuple[str, Card]]:
        """The packs of an instance that are complete: id and card, which is {} where it is not what was written."""
        for name in sorted(self.store.names(f"{instance}/packs")):
            if match := _PACK_CARD.fullmatch(name):
                card: Card = {}
                with contextlib.suppress(VaultDamaged, NewerFile):
                    card = self.pack(instance, match[2])
                yield match[2], card

    def pack(self, instance: str, pack: str) -> Card:
        """The card of a pack."""
        name = f"{instance}/packs/{pack}.json"
        card = self._card(name, PACK)
        if card.get("name") != name.removesuffix(".json"):
            raise VaultDamaged(place=self.store.place, name=name, reason="it is the card of another pack")
        return card

    def _card(self, name: str, made_for: str) -> Card:
        return cards.load(read_small(self.store, name), made_for, self.store.place, name)

    def write_card(self, name: str, made_for: str, **told: Any) -> Card:
        """Write the card of the file whose name without ending is `name`, under that name."""
        card = new_card(name, made_for, **told)
        self.store.write(f"{name}.json", cards.dump(card))
        return card

    def tidy(self, instance: str) -> None:
        """Remove the temporary files that killed backups of an instance left in a folder more than a day ago.

        Finished files without a card stay: where a vault is being copied, cards may come later than what they speak of.
        """
        for part in ("", instance, f"{instance}/backups", f"{instance}/packs") if self.store.local else ():
            sweep(self.store.local / part)  # type: ignore[operator]

    def forget(self, backup: Backup) -> None:
        """Delete a backup: the card first, so that what is half deleted is not listed.  Its images stay until `collect`."""
        for ending in (".json", ".proof.json", ".bundle", ".bundle.age"):
            self.store.delete(backup.stem + ending)

    def collect(self, instance: str) -> list[str]:
        """Delete the packs that no backup needs any more; their ids.  Nothing goes while the card of any backup cannot be read."""
        backups = self.backups(instance)
        if any(one.problem for one in backups):
            return []
        needed = {pack for one in backups for pack in one.card["packs"]}
        unused = [pack for pack, _ in self.packs(instance) if pack not in needed]
        for pack in unused:
            for ending in (".json", ".names", ".bundle", ".bundle.age"):
                self.store.delete(f"{instance}/packs/{pack}{ending}")
        return unused


def new_card(name: str, made_for: str, **told: Any) -> Card:
    """The card of the file whose name without ending is `name`."""
    return {"format": made_for, "version": cards.VERSION, "name": name.removesuffix(".proof"), **told}


def now_text() -> str:
    """This moment, as cards tell it."""
    return dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def new_stem(instance: str, identity: str, now: dt.datetime) -> str:
    """The name of a new backup; `identity` is the id in its header."""
    utc = now.astimezone(dt.timezone.utc)
    return f"{instance}/backups/{utc:%Y%m%d-%H%M%S}-{utc.microsecond // 1000:03}Z-{identity.replace('-', '')[:12]}"
