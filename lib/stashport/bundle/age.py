"""Encrypted files in the age v1 format (https://age-encryption.org/v1), which stock `age` opens and writes as well.

A header locks the file's own key for passphrase or recipients; then come chunks of 64 KiB, each sealed with its number and with whether it is the last
one.  So a changed, missing, moved or added byte is found, memory stays small, and any place can be read without what is before it.

This is the front; the parts are `age_writer`, `age_reader`, `age_header`, `age_keys`, `age_armor` and `passphrase`.
"""

from __future__ import annotations

from stashport.bundle.age_armor import BEGIN, BLANKS, MOST_BLANKS
from stashport.bundle.age_header import MAGIC
from stashport.bundle.age_keys import WORK_FACTOR, Identity, Recipient, identities_in, new_identity, recipients_in
from stashport.bundle.age_reader import DecryptingReader
from stashport.bundle.age_writer import EncryptingWriter
from stashport.bundle.passphrase import Passphrase

__all__ = ["HEAD", "WORK_FACTOR", "DecryptingReader", "EncryptingWriter", "Identity", "Passphrase", "Recipient", "identities_in", "is_encrypted",
           "new_identity", "recipients_in"]

HEAD = MOST_BLANKS + len(BEGIN)  # bytes that is_encrypted wants to see


def is_encrypted(first_bytes: bytes) -> bool:
    """Whether a file that begins so is an age file, in bytes or in letters; HEAD bytes are enough to tell."""
    return first_bytes.startswith(MAGIC) or first_bytes.lstrip(BLANKS).startswith(BEGIN)
