"""Setting up an encrypted vault, in two steps: keys and recovery sheet are made, then its owner shows that the secret is in their hands.

Until then no backup is taken into it.  Secrets come as objects (context.passphrase, context.identities) or, from the panel, as the id of one
(`secret`); they are never part of a configuration, a run record or a log.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

from stashport.atomic import file_error
from stashport.bundle.passphrase import Passphrase
from stashport.bundle.vault import HEAD, Vault
from stashport.errors import AlreadyThere, BadRequest, OtherVault, VaultClosed
from stashport.jobs.context import Context
from stashport.jobs.recovery_sheet import recovery_sheet
from stashport.jobs.vaults import admit, place, reach, store_at
from stashport.runs import secrets
from stashport.runs.known_vaults import Known, forget_at, known_at, known_vault, remember

UNCONFIRMED, CONFIRMED = "unconfirmed", "confirmed"
_LAST = 4


def vault_setup(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """Make an encrypted vault in an empty place: {place, vault, key, recipient, state: "unconfirmed", sheet}.

    given     {"vault": place, "recipients": [age1...], "secret": id of the passphrase, "sheet": file for the recovery sheet}
    sheet     the page itself, to be shown once; or the name of the file that was asked for
    A set-up that was never confirmed and holds no backup is begun again.
    Errors: BadRequest, NotAVault, OtherVault, AlreadyThere for the file, BadRecipient, MissingLibrary, and those of the store.
    """
    from stashport.bundle.vault_keys import create_keys

    passphrase = _secret(given, "secret", context) or context.passphrase
    store = store_at(place(str(given.get("vault") or ""), context), context)
    there, is_vault = known_at(context.state, store.place), store.size(HEAD) is not None
    if there and not is_vault:
        raise OtherVault(place=store.place, reason="a vault was here before, and now there is none: perhaps a disk or a share is not mounted")
    if is_vault:
        _begin_again(Vault.open(store), context)
    foreign = next((name for name in store.names("") if not name.startswith("keys/")), None)
    if foreign is not None:
        raise BadRequest(what=f"An encrypted vault begins in an empty place, and {store.place} holds other files, for example {foreign}.")
    store.check(0)
    target = _new_file(str(given.get("sheet") or ""))
    keys = create_keys(store, passphrase=passphrase, recipients=_recipients(given))
    vault = Vault.create(store, keys.encryption)
    remember(context.state, Known(vault.id, store.place, keys.encryption["recipient"], keys.naming.hex()))
    return {**_told(vault, UNCONFIRMED), "sheet": _sheet(vault, keys.secret, target)}


def vault_confirm(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """Prove that the owner holds the secret: {..., state: "confirmed"}.

    given   {"vault": place, "last": the last four characters of the key on the recovery sheet, "secret": id of the passphrase or of the whole key}
    A file in the vault is decrypted with what was given, on top of that.
    Errors: BadRequest for other characters; VaultClosed, WrongPassphrase, NoIdentity and others of vault_keys.open_secret; OtherVault.
    """
    from stashport.bundle.age_keys import Identity
    from stashport.bundle.vault_keys import try_secret

    vault = reach(str(given.get("vault") or ""), _without_secrets(context)).vault
    secret = _opened(vault, given, context)
    if str(given.get("last") or "").strip().upper() != secret.reveal()[-_LAST:]:
        raise BadRequest(what="These are not the last four characters of the key on the recovery sheet.")
    identity = Identity(secret.reveal())
    try_secret(vault, identity)
    admit(vault, identity, context, confirmed=True)
    return _told(vault, CONFIRMED)


def vault_sheet(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """Print the recovery sheet again, from the passphrase or a key: {"vault", "secret", "sheet"} as in `vault_setup`.  Errors: as `vault_confirm`."""
    vault = reach(str(given.get("vault") or ""), _without_secrets(context)).vault
    target = _new_file(str(given.get("sheet") or ""))
    secret = _opened(vault, given, context)
    return {**_told(vault, _state(vault, context)), "sheet": _sheet(vault, secret, target)}


def vault_rewrap(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """Another passphrase, or other recipients, for the same vault; its key, its sheet and its backups stay as they are.

    given   {"vault", "secret": id of the old passphrase or of the key, "newSecret": id of the new passphrase, "recipients": [...]}
    The old passphrase still opens copies of the vault that were made before.  Errors: as `vault_confirm`, BadRecipient.
    """
    from stashport.bundle.cards import dump
    from stashport.bundle.vault_keys import rewrap

    passphrase = _secret(given, "newSecret", context) or context.new_passphrase  # First: what fails below must not leave it lying about.
    vault = reach(str(given.get("vault") or ""), _without_secrets(context)).vault
    secret = _opened(vault, given, context)
    encryption = rewrap(vault, secret, passphrase=passphrase, recipients=_recipients(given))
    if encryption != vault.encryption:
        vault.store.write(HEAD, dump({**vault.card, "encryption": encryption}))
        vault = Vault.open(vault.store)
    return _told(vault, _state(vault, context))


def vault_forget(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """Forget, here, which vault was in a place; what was on its way there is dropped, the vault itself is left alone.  {"vault"} -> {place, forgotten}."""
    store = store_at(place(str(given.get("vault") or ""), context), context)
    store.settle("", finish=False)
    return {"place": store.place, "forgotten": forget_at(context.state, store.place)}


def _begin_again(vault: Vault, context: Context) -> None:
    """Take an unfinished set-up away.  Errors: BadRequest for every other vault."""
    known = known_vault(context.state, vault.id)
    others = [name for name in vault.store.names("") if not name.startswith("keys/") and name != HEAD]
    if vault.encryption is None or known is None or known.confirmed or others:
        kind = "an encrypted vault" if vault.encryption else "a vault that is not encrypted"
        raise BadRequest(what=f"{vault.store.place} is {kind} already: choose another place for a new one.")
    forget_at(context.state, vault.store.place)
    vault.store.delete(HEAD)


def _secret(given: dict[str, Any], key: str, context: Context) -> Passphrase | None:
    name = given.get(key)
    return Passphrase(secrets.take(context.state, name), source="the panel") if name else None


def _opened(vault: Vault, given: dict[str, Any], context: Context) -> Passphrase:
    """The vault's key, from whatever opens it."""
    from stashport.bundle.vault_keys import open_secret

    return open_secret(vault, passphrase=_secret(given, "secret", context) or context.passphrase, identities=context.identities)


def _without_secrets(context: Context) -> Context:
    """For looking which vault it is: what opens it is tried by the step itself, once."""
    return Context(context.state, settings=context.settings)


def _recipients(given: dict[str, Any]) -> list[str]:
    found = given.get("recipients") or []
    if not isinstance(found, (list, tuple)) or not all(isinstance(one, str) for one in found):
        raise BadRequest(what='"recipients" is a list of public keys (age1...).')
    return list(found)


def _state(vault: Vault, context: Context) -> str:
    known = known_vault(context.state, vault.id)
    return CONFIRMED if known and known.confirmed else UNCONFIRMED


def _told(vault: Vault, state: str) -> dict[str, Any]:
    if vault.encryption is None:
        raise VaultClosed(place=vault.store.place, reason="its card does not say for whom")
    return {"place": vault.store.place, "vault": vault.id, "state": state, **vault.encryption}


def _new_file(name: str) -> Path | None:
    if not name:
        return None
    path = Path(name).expanduser().absolute()
    if os.path.lexists(path):
        raise AlreadyThere(place=path)
    return path


def _sheet(vault: Vault, secret: Passphrase, target: Path | None) -> str:
    """The page, or the name of the file that it was written to, for its owner's eyes only."""
    page = recovery_sheet(vault, secret, dt.datetime.now(dt.timezone.utc))
    if target is None:
        return page
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise file_error(error, target) from error
    return str(target)
