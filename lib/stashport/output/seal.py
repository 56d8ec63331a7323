"""How an export is encrypted on its way into a file, and opened again to prove it: age version 1, through bundle.age_writer and age_reader.

Proof needs to read what was written, but the machine that encrypts for a recipient cannot: so a key of this run's own, which lives in memory only and is
forgotten with it, is one more recipient.  With a passphrase, age allows nothing else beside it, and the passphrase itself is at hand.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

from stashport.bundle.age_keys import new_identity
from stashport.bundle.age_reader import DecryptingReader
from stashport.bundle.age_writer import EncryptingWriter
from stashport.bundle.passphrase import Passphrase

_BUFFER = 1 << 18


class Seal:
    """For recipients, or with a passphrase."""

    def __init__(self, *, recipients: tuple[str, ...] = (), passphrase: Passphrase | None = None) -> None:
        self._passphrase = passphrase
        self._identity, own = new_identity()
        self._recipients = (*recipients, own)

    def wrap(self, file: BinaryIO) -> BinaryIO:
        """A file that encrypts into another one, which is closed with it."""
        if self._passphrase is not None:
            return cast("BinaryIO", EncryptingWriter(file, passphrase=self._passphrase, close_file=True))
        return cast("BinaryIO", EncryptingWriter(file, recipients=self._recipients, close_file=True))

    def unwrap(self, file: BinaryIO) -> BinaryIO:
        """What this run encrypted, as a seekable file; the other one is closed with it."""
        keys: dict[str, Any] = {"identities": [self._identity]} if self._passphrase is None else {"passphrase": self._passphrase}
        return opened(file, **keys)


def opened(file: BinaryIO, *, passphrase: Passphrase | None = None, identities: Any = (), place: str = "") -> BinaryIO:
    """What an encrypted file holds, as a seekable file.  Errors: as DecryptingReader."""
    reader = DecryptingReader(file, passphrase=passphrase, identities=identities, place=place, close_file=True)
    return cast("BinaryIO", io.BufferedReader(cast("Any", reader), _BUFFER))
