"""Keys of age files: recipients, identities and passphrases, and how each of them locks the key of one file.

X25519 from https://age-encryption.org/v1: whoever writes needs only the recipient (`age1...`), whoever reads the identity (`AGE-SECRET-KEY-1...`).
A passphrase goes through scrypt, which is slow and takes much memory on purpose.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from types import SimpleNamespace

from stashport.bundle import bech32
from stashport.bundle.age_header import Stanza, decode64, encode64, hkdf
from stashport.bundle.passphrase import Passphrase
from stashport.errors import BadIdentity, BadRecipient, DamagedEncryption, MissingLibrary, NoIdentity, OtherSecret, TooCostly, WrongPassphrase

# 2**17 * 1 KiB = 128 MiB of memory for each guess, which OWASP names first for scrypt.  age's own 18 takes 256 MiB: with that, a box with 512 MB (or a
# container so limited) could be killed in the middle of a backup.  Each step down halves what guessing costs, and a short passphrase is weak at any of them.
WORK_FACTOR = 17
LARGEST_WORK_FACTOR = 20  # 1 GiB; a file that asks for more is refused before any of it is spent
SMALLEST_WORK_FACTOR = 10
_FILE_KEY = 16
_LOCKED = _FILE_KEY + 16
_NONCE = bytes(12)  # each wrap key locks one thing only
_X25519_INFO = b"age-encryption.org/v1/X25519"
_SCRYPT_SALT = b"age-encryption.org/v1/scrypt"


def library() -> SimpleNamespace:
    """What is needed of the package `cryptography`.  Errors: MissingLibrary."""
    try:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    except ImportError as error:
        raise MissingLibrary(feature="Encryption", package="cryptography", feature_name="encryption") from error
    return SimpleNamespace(InvalidTag=InvalidTag, Private=X25519PrivateKey, Public=X25519PublicKey, Cipher=ChaCha20Poly1305, Scrypt=Scrypt,
                           raw=serialization)


class Recipient:
    """Somebody to encrypt for: `age1...`.  Errors: BadRecipient."""

    def __init__(self, text: str) -> None:
        text = text.strip()
        if text.upper().startswith("AGE-SECRET-KEY-"):
            raise BadRecipient(which="What was given", reason="it is a secret key; its recipient is wanted, which may be known to all")
        shown = f'"{text[:80]}"' if text.startswith("age1") else "What was given"
        if text.startswith("ssh-") or re.match(r"age1[0-9a-z]+1", text):  # a second 1: the prefix of a plugin or a post-quantum key
            raise BadRecipient(which=shown, reason="it is of a kind that Stash Port does not know; only X25519 keys can be used here")
        try:
            prefix, self.key = bech32.decode(text)
        except ValueError as error:
            raise BadRecipient(which=shown, reason=error) from None
        if prefix != "age" or len(self.key) != 32:
            raise BadRecipient(which=shown, reason="it is a key for something else")
        self.text = text

    def __repr__(self) -> str:
        return f"<recipient {self.text}>"


class Identity:
    """A key to decrypt with: `AGE-SECRET-KEY-1...`; `recipient` is its public half.  Shows its secret to nobody.  Errors: BadIdentity."""

    __slots__ = ("_private", "recipient")

    def __init__(self, text: str, which: str = "What was given as key") -> None:
        if text.strip().startswith("age1"):
            raise BadIdentity(which=which, reason="it is a recipient, which can only encrypt")
        try:
            prefix, secret = bech32.decode(text.strip())
        except ValueError as error:
            raise BadIdentity(which=which, reason=error) from None
        if prefix != "age-secret-key-" or len(secret) != 32:
            raise BadIdentity(which=which, reason="it is of a kind that Stash Port does not know, or no key of age")
        of = library()
        self._private = of.Private.from_private_bytes(secret)
        self.recipient = bech32.encode("age", _public(of, self._private))

    def __repr__(self) -> str:
        return f"<identity of {self.recipient}>"

    def __reduce__(self) -> str:
        raise TypeError("an identity is not to be stored")

    def reveal(self) -> str:
        """The secret itself, as text."""
        form = library().raw
        secret = self._private.private_bytes(form.Encoding.Raw, form.PrivateFormat.Raw, form.NoEncryption())
        return bech32.encode("age-secret-key-", secret).upper()

    def wrap_key(self, share: bytes) -> bytes:
        """The key of a stanza.  Errors: ValueError for a share that would make it a known one."""
        of = library()
        secret = self._private.exchange(of.Public.from_public_bytes(share))
        return hkdf(secret, share + _public(of, self._private), _X25519_INFO)


def _public(of: SimpleNamespace, private: object) -> bytes:
    key: bytes = private.public_key().public_bytes(of.raw.Encoding.Raw, of.raw.PublicFormat.Raw)  # type: ignore[attr-defined]
    return key


def new_identity() -> tuple[str, str]:
    """A fresh pair: the identity, to be kept, and its recipient.  Errors: MissingLibrary."""
    text = bech32.encode("age-secret-key-", os.urandom(32)).upper()
    return text, Identity(text).recipient


def identities_in(text: str, which: str = "A line of the key file") -> list[Identity]:
    """The keys of a key file as age-keygen writes it; lines that begin with # are remarks.  Errors: BadIdentity."""
    found = [Identity(line, which) for line in _lines(text)]
    if not found:
        raise BadIdentity(which=which, reason="there is no line that is not a remark")
    return found


def recipients_in(text: str) -> list[Recipient]:
    """The recipients of a file, one a line; lines that begin with # are remarks.  Errors: BadRecipient."""
    return [Recipient(line) for line in _lines(text)]


def _lines(text: str) -> Iterable[str]:
    stripped = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return (line for line in stripped if line and not line.startswith("#"))


def lock_for(recipient: Recipient, file_key: bytes) -> Stanza:
    """A file key, locked for a recipient.  Errors: BadRecipient for a key that everybody could open."""
    of = library()
    private = of.Private.generate()
    share = _public(of, private)
    try:
        secret = private.exchange(of.Public.from_public_bytes(recipient.key))
    except ValueError:
        raise BadRecipient(which=recipient.text, reason="it would keep nothing secret") from None
    wrap_key = hkdf(secret, share + recipient.key, _X25519_INFO)
    return Stanza(("X25519", encode64(share).decode()), of.Cipher(wrap_key).encrypt(_NONCE, file_key, None))


def lock_with(passphrase: Passphrase, file_key: bytes, work_factor: int) -> Stanza:
    """A file key, locked with a passphrase.  Errors: TooCostly."""
    if not SMALLEST_WORK_FACTOR <= work_factor <= LARGEST_WORK_FACTOR:
        raise ValueError(f"a work factor is from {SMALLEST_WORK_FACTOR} to {LARGEST_WORK_FACTOR}")
    salt = os.urandom(16)
    wrap_key = _scrypt(passphrase.reveal().encode("utf-8", "surrogatepass"), salt, work_factor, "The new file")
    return Stanza(("scrypt", encode64(salt).decode(), str(work_factor)), library().Cipher(wrap_key).encrypt(_NONCE, file_key, None))


def _scrypt(secret: bytes, salt: bytes, work_factor: int, place: str) -> bytes:
    try:
        key: bytes = library().Scrypt(salt=_SCRYPT_SALT + salt, length=32, n=1 << work_factor, r=8, p=1).derive(secret)
    except MemoryError:
        raise TooCostly(place=place, memory=_memory(work_factor), limit="there is not so much") from None
    return key


def _memory(work_factor: int) -> str:
    size = work_factor - 10  # in MiB, as a power of two
    return f"{1 << size} MiB" if size < 10 else f"{1 << size - 10} GiB" if size < 30 else "more than a million GiB"


def unlock(stanzas: Sequence[Stanza], place: str, passphrase: Passphrase | None, identities: Sequence[Identity]) -> bytes:
    """The file key.  Stanzas of other kinds are passed over.

    Errors: DamagedEncryption, OtherSecret, WrongPassphrase, NoIdentity, TooCostly.
    """
    if any(stanza.args[0] == "scrypt" for stanza in stanzas):
        if len(stanzas) != 1:
            raise DamagedEncryption(place=place, reason="a passphrase and other keys stand side by side in its header, which must not be")
        salt, work_factor = _scrypt_parts(stanzas[0], place)
        if passphrase is None:
            raise OtherSecret(place=place, how="with a passphrase", given="only keys were given" if identities else "none was given", wanted="the passphrase")
        return _unlock_with(passphrase, stanzas[0].body, salt, work_factor, place)
    shares = [(_share(stanza, place), stanza.body) for stanza in stanzas if stanza.args[0] == "X25519"]
    if not identities:
        given = "only a passphrase was given" if passphrase else "none was given"
        raise OtherSecret(place=place, how="for keys, not with a passphrase", given=given, wanted="the file of a key that it was encrypted for")
    of = library()
    for identity in identities:
        for share, body in shares:
            try:
                wrap_key = identity.wrap_key(share)
            except ValueError:
                raise _damaged(place) from None
            if found := _opened(of, wrap_key, body):
                return found
    raise NoIdentity(place=place, count=len(identities))


def _opened(of: SimpleNamespace, wrap_key: bytes, body: bytes) -> bytes | None:
    try:
        file_key: bytes = of.Cipher(wrap_key).decrypt(_NONCE, body, None)
    except of.InvalidTag:
        return None
    return file_key


def _damaged(place: str) -> DamagedEncryption:
    return DamagedEncryption(place=place, reason="a stanza of its header is not as it must be")


def _share(stanza: Stanza, place: str) -> bytes:
    try:
        share = decode64(stanza.args[1].encode()) if len(stanza.args) == 2 else b""
    except ValueError:
        share = b""
    if len(share) != 32 or len(stanza.body) != _LOCKED:  # the length is checked first, or one body could fit several keys
        raise _damaged(place)
    return share


def _scrypt_parts(stanza: Stanza, place: str) -> tuple[bytes, int]:
    try:
        salt = decode64(stanza.args[1].encode()) if len(stanza.args) == 3 else b""
    except ValueError:
        salt = b""
    if len(salt) != 16 or len(stanza.body) != _LOCKED or not re.fullmatch("[1-9][0-9]*", stanza.args[2]):
        raise _damaged(place)
    work_factor = int(stanza.args[2][:4])  # longer ones are too large in any case
    if work_factor > LARGEST_WORK_FACTOR:
        raise TooCostly(place=place, memory=_memory(work_factor), limit=f"Stash Port tries up to {_memory(LARGEST_WORK_FACTOR)}")
    return salt, work_factor


def _unlock_with(passphrase: Passphrase, body: bytes, salt: bytes, work_factor: int, place: str) -> bytes:
    of = library()
    for spelling in passphrase.spellings():
        if found := _opened(of, _scrypt(spelling, salt, work_factor, place), body):
            return found
    raise WrongPassphrase(place=place)
