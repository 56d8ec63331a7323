"""The keys of an encrypted vault: one X25519 identity of its own, locked for its owner, so that the host needs only the public half.

    keys/identity-passphrase.age   the secret key, for a passphrase
    keys/identity-recipients.age   the secret key, for keys that its owner has already (age allows no passphrase beside them)
    keys/naming.age                the key that images are named with, for the vault's own identity
    keys/probe.age                 a known text, likewise: what a secret is tested on

All of them are ordinary age files, and what the first two hold is an ordinary key file: stock `age` opens everything.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple, cast

from stashport.bundle.age_keys import Identity, Recipient, identities_in, new_identity
from stashport.bundle.age_reader import DecryptingReader
from stashport.bundle.age_writer import EncryptingWriter
from stashport.bundle.passphrase import Passphrase
from stashport.bundle.store import Store, read_small
from stashport.bundle.vault import Vault
from stashport.errors import BadRequest, OtherSecret, VaultClosed, VaultDamaged

FOR_PASSPHRASE, FOR_RECIPIENTS, NAMING, PROBE = (f"keys/{name}.age" for name in ("identity-passphrase", "identity-recipients", "naming", "probe"))
_SECRET = "AGE-SECRET-KEY-1"  # noqa: S105 - how a key begins
_NAMING_SIZE = 32
_SMALL = 1 << 16


class NewKeys(NamedTuple):
    """What a new vault begins with; `secret`, a text that shows itself to nobody, is for the recovery sheet only.

    encryption   {"recipient", "key": its short name, "passphrase": bool, "recipients": [...]}, for the vault's card
    """

    encryption: dict[str, Any]
    naming: bytes
    secret: Passphrase


def short_name(recipient: str) -> str:
    """Four hexadecimal digits that people can tell keys apart by."""
    return hashlib.sha256(recipient.encode()).hexdigest()[:4]


def create_keys(store: Store, *, passphrase: Passphrase | None = None, recipients: Sequence[str] = ()) -> NewKeys:
    """Make the keys of a vault that is about to be created, and put their locked files into its place.

    Errors: BadRequest when nobody could open it, BadRecipient, MissingLibrary, and those of the store.
    """
    if passphrase is None and not recipients:
        raise BadRequest(what="An encrypted vault needs a passphrase, or recipients (age1...): somebody must be able to open it.")
    text, recipient = new_identity()
    naming, secret = os.urandom(_NAMING_SIZE), Passphrase(text)
    encryption = {"recipient": recipient, "key": short_name(recipient), "passphrase": False, "recipients": []}
    for name in (FOR_PASSPHRASE, FOR_RECIPIENTS):  # of an attempt before
        store.delete(name)
    encryption |= _lock(store, secret, recipient, passphrase, recipients)
    store.write(NAMING, _sealed(naming.hex().encode() + b"\n", recipients=(recipient,)))
    store.write(PROBE, _sealed(_probe_text(recipient), recipients=(recipient,)))
    return NewKeys(encryption, naming, secret)


def open_secret(vault: Vault, *, passphrase: Passphrase | None = None, identities: Sequence[Identity] = ()) -> Passphrase:
    """The secret key of a vault as text: from its passphrase, from a key that it is locked for, or from itself, as a key or typed as passphrase.

    Errors: VaultClosed, WrongPassphrase, NoIdentity, OtherSecret, VaultDamaged, DamagedEncryption, BadIdentity.
    """
    encryption = _encryption(vault)
    typed = passphrase.reveal().strip().upper() if passphrase else ""
    if passphrase and typed.startswith(_SECRET):
        return _own(vault, typed)
    if own := next((one for one in identities if one.recipient == encryption["recipient"]), None):
        return Passphrase(own.reveal())
    if passphrase:
        if not encryption["passphrase"]:
            raise OtherSecret(place=vault.store.place, how="for keys, not with a passphrase", given="only a passphrase was given", wanted="the file of a key")
        return _unlocked(vault, FOR_PASSPHRASE, passphrase=passphrase)
    if not identities:
        raise VaultClosed(place=vault.store.place, reason="neither its passphrase nor a key was given")
    if not encryption["recipients"]:
        raise OtherSecret(place=vault.store.place, how="with a passphrase", given="only other keys were given", wanted="the passphrase, or the vault's own key")
    return _unlocked(vault, FOR_RECIPIENTS, identities=identities)


def open_identity(vault: Vault, *, passphrase: Passphrase | None = None, identities: Sequence[Identity] = ()) -> Identity:
    """What opens a vault's files.  Errors: as `open_secret`."""
    return Identity(open_secret(vault, passphrase=passphrase, identities=identities).reveal(), "The vault's own key")


def naming_key(vault: Vault, identity: Identity) -> bytes:
    """The key that images are named with.  Errors: VaultDamaged, DamagedEncryption."""
    text = _opened(vault, NAMING, identities=[identity]).strip()
    if len(text) != 2 * _NAMING_SIZE or text.strip(b"0123456789abcdef"):
        raise VaultDamaged(place=vault.store.place, name=NAMING, reason="it holds no key")
    return bytes.fromhex(text.decode("ascii"))


def try_secret(vault: Vault, identity: Identity) -> None:
    """Decrypt the vault's probe.  Errors: NoIdentity, VaultDamaged, DamagedEncryption."""
    if _opened(vault, PROBE, identities=[identity]) != _probe_text(_encryption(vault)["recipient"]):
        raise VaultDamaged(place=vault.store.place, name=PROBE, reason="it is the one of another vault")


def rewrap(vault: Vault, secret: Passphrase, *, passphrase: Passphrase | None = None, recipients: Sequence[str] = ()) -> dict[str, Any]:
    """Lock the secret key of a vault anew, for another passphrase or other recipients (or both); the identity stays, and so every backup.

    What is not given keeps its lock.  The new encryption part of the vault's card, which is the caller's to write.
    Errors: BadRequest, BadRecipient, BadIdentity, and those of the store.
    """
    if passphrase is None and not recipients:
        raise BadRequest(what="Give the new passphrase, or the new recipients.")
    encryption = _encryption(vault)
    _own(vault, secret.reveal())
    return {**encryption, **_lock(vault.store, secret, encryption["recipient"], passphrase, recipients)}


def _lock(store: Store, secret: Passphrase, recipient: str, passphrase: Passphrase | None, recipients: Sequence[str]) -> dict[str, Any]:
    key_file = f"# The key of a vault of Stash Port.\n# public key: {recipient}\n{secret.reveal()}\n".encode()
    done: dict[str, Any] = {}
    if passphrase is not None:
        store.write(FOR_PASSPHRASE, _sealed(key_file, passphrase=passphrase))
        done["passphrase"] = True
    if recipients:
        done["recipients"] = [Recipient(one).text for one in recipients]
        store.write(FOR_RECIPIENTS, _sealed(key_file, recipients=done["recipients"]))
    return done


def _encryption(vault: Vault) -> dict[str, Any]:
    if vault.encryption is None:
        raise BadRequest(what=f"The vault {vault.store.place} is not encrypted: nothing has to be opened.")
    return vault.encryption


def _probe_text(recipient: str) -> bytes:
    return f"Whoever reads this can open the backups of {recipient}.\n".encode()


def _sealed(data: bytes, **locks: Any) -> bytes:
    held = io.BytesIO()
    with EncryptingWriter(cast("BinaryIO", held), **locks) as file:
        file.write(data)
    return held.getvalue()


def _opened(vault: Vault, name: str, **keys: Any) -> bytes:
    place = f"{vault.store.place}/{name}"
    with DecryptingReader(cast("BinaryIO", io.BytesIO(read_small(vault.store, name, _SMALL))), place=place, **keys) as file:
        return file.read()


def _unlocked(vault: Vault, name: str, **keys: Any) -> Passphrase:
    text = _opened(vault, name, **keys).decode("utf-8", "replace")
    found = [line.strip() for line in text.splitlines() if line.strip().startswith(_SECRET)]
    if len(found) != 1:
        raise VaultDamaged(place=vault.store.place, name=name, reason="it holds no key")
    return _own(vault, found[0], name)


def _own(vault: Vault, text: str, name: str = "") -> Passphrase:
    """A key's text, when it is really that of this vault."""
    given = identities_in(text, "The key that was given")[0]
    if given.recipient != _encryption(vault)["recipient"]:
        if name:
            raise VaultDamaged(place=vault.store.place, name=name, reason="it holds the key of another vault")
        raise VaultClosed(place=vault.store.place, reason="the key that was given is the one of another vault")
    return Passphrase(text.strip())
