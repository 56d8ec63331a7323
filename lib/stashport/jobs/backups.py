"""The backups of a vault: list them, say what would be kept, pin one, delete one, carry the usual choices.  Reads cards only, so it needs no key."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Container
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from stashport.atomic import write_text
from stashport.bundle.retention import Policy
from stashport.bundle.store import Store
from stashport.bundle.vault import HEAD, Backup, Vault, now_text
from stashport.errors import BadRequest, NewerFile, NotAVault, StoreFailed, VaultDamaged
from stashport.jobs.backup import locked
from stashport.jobs.backup_config import BackupConfig
from stashport.jobs.context import Context
from stashport.jobs.keeping import foreseen
from stashport.jobs.vaults import place, store_at
from stashport.model.settings import sounds_secret
from stashport.runs.habits import habits, keep_habits
from stashport.runs.instances import known_instances
from stashport.runs.state import make_private


def listed(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """{place, exists, encrypted, key, size, backups: newest first, instances: names by id}; a place without a vault lists none.

    given   {"vault": place, "keep": policy}: with the latter each backup says whether it would be kept
    Of a store that cannot be reached, what it answered last time, with `as_of` and the `problem`.
    """
    store = store_at(place(str(given.get("vault") or ""), context), context)
    memory = context.state.folder / "listings" / f"{hashlib.sha256(store.place.encode()).hexdigest()[:16]}.json"
    try:
        told = _listed(store, given, context)
    except StoreFailed as error:
        with contextlib.suppress(OSError, ValueError):
            return {**json.loads(memory.read_text("utf-8")), "problem": f"{error.message} {error.hint}"}
        raise
    if store.local is None and not given.get("keep"):
        make_private(memory.parent, context.state.folder)
        with contextlib.suppress(OSError):  # it is only for the day on which the store does not answer
            write_text(memory, json.dumps({**told, "as_of": now_text()}), durable=False)
    return told


def _listed(store: Store, given: dict[str, Any], context: Context) -> dict[str, Any]:
    names = known_instances(context.state)
    if store.size(HEAD) is None:
        return {"place": store.place, "exists": False, "encrypted": False, "key": None, "size": 0, "backups": [], "instances": names}
    vault = Vault.open(store)
    backups = vault.backups()
    policy = Policy.parse(given.get("keep") or habits(context.state).get("keep") or {})
    fates = {fate["id"]: fate for instance in {one.instance for one in backups} for fate in foreseen(vault, instance, policy)}
    packs = {(one.instance, pack) for one in backups for pack in one.card.get("packs", ())}
    sizes: dict[tuple[str, str], int] = {}
    for pack in sorted(packs):
        with contextlib.suppress(VaultDamaged, NewerFile):  # the backups that need it say so
            sizes[pack] = vault.pack(*pack)["file"]["size"]
    encryption = vault.encryption
    return {
        "place": store.place, "exists": True, "encrypted": encryption is not None, "key": encryption and encryption.get("key"), "vault": vault.id,
        "size": sum(sizes.values()) + sum(one.card["file"]["size"] for one in backups if one.card), "imageSize": sum(sizes.values()),
        "backups": [_row(one, sizes) | {"keep": fates[one.id]["keep"], "reasons": fates[one.id]["reasons"]} for one in backups], "instances": names,
    }


def _row(one: Backup, packs: Container[tuple[str, str]]) -> dict[str, Any]:
    """A backup as the panel and the command line show it; `packs`: those whose card can be read."""
    card, proof = one.card, one.proof
    lost = [f"the card of the pack {pack} of its images is missing or damaged" for pack in card.get("packs", ()) if (one.instance, pack) not in packs]
    known = {key: card.get(key) for key in ("kind", "counts", "images", "stash", "schema", "encrypted", "damaged", "incomplete", "note", "run")}
    return {
        "id": one.id, "time": one.time.isoformat(), "instance": one.instance, "problem": one.problem, **known, "pinned": bool(card.get("pinned")),
        "size": card["file"]["size"] if card else 0, "records": sum(card.get("counts", {}).values()), "level": one.level, "proven": proof.get("time"),
        "images_proven": proof.get("images"), "problems": [*proof.get("problems", []), *lost],
    }


def forget(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """Delete one backup, and the images that no other needs.  {"vault", "backup": its id in full, "sure": the id again for the last proven one}.

    One whose card cannot be read goes too, when its id is given twice: its file may still be whole.  Errors: UnknownBackup, BadRequest, Locked.
    """
    vault, one = _find(given, context, unreadable=True)
    if one.problem and given.get("sure") != one.id:
        what = f"Nobody can say what the backup {one.id} holds, and its file may still be whole: {one.problem} To delete it all the same, say its id twice."
        raise BadRequest(what=what)
    with locked(context.state, vault, one.instance):
        proven = [other for other in vault.backups(one.instance) if other.proven]
        if proven == [one] and given.get("sure") != one.id:
            raise BadRequest(what=f"{one.id} is the only backup of this library that is proven. To delete it all the same, say its id twice.")
        vault.forget(one)
        packs = vault.collect(one.instance)
    return {"deleted": one.id, "packs": len(packs)}


def pin(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """Keep a backup for good, or not any longer: {"vault", "backup", "pinned": bool}."""
    vault, one = _find(given, context)
    with locked(context.state, vault, one.instance):
        told = {key: value for key, value in one.card.items() if key not in ("format", "version", "name", "checksum")}
        vault.write_card(one.stem, one.card["format"], **{**told, "pinned": bool(given.get("pinned"))})
    return {"backup": one.id, "pinned": bool(given.get("pinned"))}


def _find(given: dict[str, Any], context: Context, *, unreadable: bool = False) -> tuple[Vault, Backup]:
    """The vault and the backup that is named; with `unreadable` also one whose card cannot be read, if its id is given in full."""
    vault = Vault.open(store_at(place(str(given.get("vault") or ""), context)))
    name = str(given.get("backup") or "")
    if len(name) < 4:
        raise BadRequest(what="Name the backup by its id, or at least four letters of it.")
    try:
        return vault, vault.find(name)
    except VaultDamaged:
        found = [one for one in vault.backups() if unreadable and one.id == name]
        if len(found) != 1:
            raise
        return vault, found[0]


def choose_habits(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """Make a configuration the usual one, after checking it.  Errors: BadRequest, NotAVault when the place holds something else."""
    BackupConfig.parse(given)
    told = urlsplit(str(given.get("vault") or ""))
    if told.password or any(sounds_secret(name) for name, _ in parse_qsl(told.query)):
        raise BadRequest(what="The address of the store holds a login, which would be kept in plain text: leave it out. docs/vaults.md says where it belongs.")
    store = store_at(place(str(given.get("vault") or ""), context))
    if store.size(HEAD) is None:
        foreign = next((name for name in store.names("") if not name.startswith("keys/")), None)
        if foreign is not None:
            raise NotAVault(place=store.place, reason=f"there are other files in it, for example {foreign}")
    keep_habits(context.state, given)
    return {"habits": habits(context.state)}
