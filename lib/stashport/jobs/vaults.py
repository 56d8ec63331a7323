"""From what a person names as a vault to one that is open: its store, what seals its files, and what opens them."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from stashport.bundle.making import Wrapping
from stashport.bundle.store import FolderStore, Store
from stashport.bundle.store_url import is_url
from stashport.bundle.vault import HEAD, Vault
from stashport.errors import BadRequest, OtherVault, VaultClosed, VaultUnconfirmed
from stashport.jobs.context import Context
from stashport.runs.habits import habits
from stashport.runs.known_vaults import Known, known_at, known_vault, remember

if TYPE_CHECKING:
    from stashport.bundle.age_keys import Identity


class Reached(NamedTuple):
    """A vault with what this run may do in it.

    seal     what encrypts new files; None for a plain vault
    key      what names images; None for a plain vault
    unseal   what opens files that are there; None for a plain vault, and where neither key nor passphrase was given
    """

    vault: Vault
    seal: Wrapping | None = None
    key: bytes | None = None
    unseal: Callable[[BinaryIO], BinaryIO] | None = None


def place(text: str, context: Context) -> str:
    """Where the vault is: as given, as chosen once, or in the state folder."""
    return text or str(habits(context.state).get("vault") or "").strip() or str(context.state.folder / "vault")


def store_at(text: str, context: Context | None = None) -> Store:
    """The store at a place: a folder, or s3://, sftp://, webdav(s):// and what else fsspec knows.

    context   whose state folder keeps what is on its way; needed by whoever writes large files
    Errors: NotAVault, BadRequest, MissingLibrary, StoreFailed.
    """
    if not is_url(text):
        return FolderStore(Path(text.removeprefix("file://")).expanduser())
    from stashport.bundle.store_remote import connect

    return connect(text, context.state.folder if context else Path(tempfile.gettempdir()))


def reach(text: str, context: Context, *, create: bool = False) -> Reached:
    """The vault at a place.  With `create`, for whoever writes to it: a new, plain one where there is none.

    Errors: NotAVault, VaultDamaged; OtherVault when it is not the one that was known here; for an encrypted one VaultClosed, VaultUnconfirmed, and those
    of vault_keys.open_secret.
    """
    state, store = context.state, store_at(place(text, context), context)
    there = known_at(state, store.place)
    new = create and store.size(HEAD) is None
    if new and there:
        raise OtherVault(place=store.place, reason="a vault was here before, and now there is none: perhaps a disk or a share is not mounted")
    vault = Vault.create(store) if new else Vault.open(store)
    known = known_vault(state, vault.id)
    _same(vault, there, known)
    if vault.encryption is None:
        if create and context.passphrase:
            raise BadRequest(what=f"A passphrase was given, but the vault {store.place} is not encrypted: set up an encrypted one in another place.")
        if create and (known is None or known.place != store.place):
            remember(state, Known(vault.id, store.place))
        return Reached(vault)
    return _encrypted(vault, known, context, create=create)


def _same(vault: Vault, there: Known | None, known: Known | None) -> None:
    """Errors: OtherVault."""
    place, recipient = vault.store.place, (vault.encryption or {}).get("recipient")
    if there and there.id != vault.id:
        raise OtherVault(place=place, reason="another vault was here before")
    if known and known.recipient != recipient:
        reason = "it was encrypted, and now it says that it is not" if recipient is None else "it is encrypted for another key than before"
        raise OtherVault(place=place, reason=reason)


def _encrypted(vault: Vault, known: Known | None, context: Context, *, create: bool) -> Reached:
    from stashport.output.seal import Seal, opened

    identity = identity_of(vault, context)
    if identity and (known is None or not known.confirmed or known.place != vault.store.place):
        known = admit(vault, identity, context, confirmed=known is None or known.confirmed)
    if create and known is None:
        raise VaultClosed(place=vault.store.place, reason="this machine does not know it yet: open it here once")
    if create and known and not known.confirmed:
        raise VaultUnconfirmed(place=vault.store.place)
    assert vault.encryption
    unseal = functools.partial(opened, identities=[identity]) if identity else None
    return Reached(vault, Seal(recipients=(vault.encryption["recipient"],)), bytes.fromhex(known.naming) if known and known.naming else None, unseal)


def identity_of(vault: Vault, context: Context) -> Identity | None:
    """What opens an encrypted vault; None where neither key nor passphrase was given.  Errors: as vault_keys.open_secret."""
    from stashport.bundle.vault_keys import open_identity

    if not (context.passphrase or context.identities):
        return None
    return open_identity(vault, passphrase=context.passphrase, identities=context.identities)


def admit(vault: Vault, identity: Identity, context: Context, *, confirmed: bool) -> Known:
    """Remember an encrypted vault that was opened here, so that this machine can go on without its secret."""
    from stashport.bundle.vault_keys import naming_key

    known = Known(vault.id, vault.store.place, identity.recipient, naming_key(vault, identity).hex(), confirmed)
    remember(context.state, known)
    return known
