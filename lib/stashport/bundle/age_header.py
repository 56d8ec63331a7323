"""The header of an age file: text in exactly one spelling, sealed with the file's own key.

    age-encryption.org/v1
    -> X25519 <argument>             a stanza: the file key, locked for one recipient
    <base64, the last line shorter than 64 characters, maybe empty>
    --- <seal over all before it>

Whatever deviates by a byte is refused, so that nobody can change a file and have it still open.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from typing import BinaryIO, NamedTuple

from stashport.errors import DamagedEncryption, NotEncrypted, NotSupported

MAGIC = b"age-encryption.org/"
VERSION = MAGIC + b"v1\n"
CHUNK, TAG, NONCE = 64 * 1024, 16, 16  # of the payload: a chunk, what its seal adds, and what stands before the first one
_COLUMNS = 64
_LARGEST = 1 << 20  # bytes in a header; one recipient takes about 100


class Stanza(NamedTuple):
    """The file key, locked in one way; the first argument names the way."""

    args: tuple[str, ...]
    body: bytes


class Header(NamedTuple):
    """What stands before the payload; `sealed` are the bytes that the seal covers."""

    stanzas: list[Stanza]
    sealed: bytes
    seal: bytes


class _Bad(Exception):
    """A header that is not as it must be."""


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    """32 bytes derived from a key: HKDF (RFC 5869) with SHA-256."""
    return hmac.digest(hmac.digest(salt, key, hashlib.sha256), info + b"\x01", hashlib.sha256)


def encode64(data: bytes) -> bytes:
    """Base64 without padding."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=")


def decode64(text: bytes) -> bytes:
    """The reverse, for text in the one right spelling.  Errors: ValueError."""
    data = binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    if encode64(data) != text:
        raise ValueError("not canonical")
    return data


def seal_of(sealed: bytes, file_key: bytes) -> bytes:
    """The seal of a header: an HMAC, whose key comes from the file key."""
    return hmac.digest(hkdf(file_key, b"", b"header"), sealed, hashlib.sha256)


def check_seal(header: Header, file_key: bytes, place: str) -> None:
    """Errors: DamagedEncryption when the header is not the one that was sealed."""
    if not hmac.compare_digest(seal_of(header.sealed, file_key), header.seal):
        raise DamagedEncryption(place=place, reason="the seal of its header does not fit")


def written(stanzas: list[Stanza], file_key: bytes) -> bytes:
    """The bytes of a header."""
    sealed = bytearray(VERSION)
    for stanza in stanzas:
        body = encode64(stanza.body)
        lines = [body[k : k + _COLUMNS] for k in range(0, len(body) + 1, _COLUMNS)]  # a full last line is followed by an empty one
        sealed += b"\n".join([b"-> " + " ".join(stanza.args).encode("ascii"), *lines, b""])
    sealed += b"---"
    return bytes(sealed) + b" " + encode64(seal_of(bytes(sealed), file_key)) + b"\n"


def chunk_nonce(number: int, last: bool) -> bytes:
    """What makes each chunk's seal its own."""
    return number.to_bytes(11, "big") + bytes([last])


def exactly(file: BinaryIO, count: int) -> bytes:
    """That many bytes, fewer only at the end: raw files give less than they are asked for."""
    data = file.read(count)
    if len(data) == count or not data:
        return data
    parts = [data]
    while data and (count := count - len(data)):
        data = file.read(count)
        parts.append(data)
    return b"".join(parts)


def read(file: BinaryIO, place: str) -> Header:
    """Read a header; the file stands behind it then.  Errors: NotEncrypted, NotSupported, DamagedEncryption."""
    first = file.readline(len(VERSION))
    if first != VERSION:
        raise _first_line(first, place)
    try:
        return _read(file)
    except (_Bad, ValueError) as error:  # binascii.Error is a ValueError
        reason = str(error) if isinstance(error, _Bad) else "its header has a part that is not in canonical base64"
        raise DamagedEncryption(place=place, reason=reason) from None


def _first_line(first: bytes, place: str) -> Exception:
    if not first:
        return NotEncrypted(place=place, reason="it is empty")
    if VERSION.startswith(first):
        return DamagedEncryption(place=place, reason="it ends within its first line")
    if first.startswith(b"-----BEGIN AGE"):
        return NotSupported(what=f"{place} is an age file in letters (armored), which cannot be read from a stream.", instead="Save it to a file first.")
    if first.startswith(MAGIC):
        return NotSupported(what=f"{place} is encrypted in a form of age that is newer than v1, or its first line was changed.",
                            instead="Open it with a current age, or take another copy.")
    return NotEncrypted(place=place, reason="it does not begin as an age file does")


def _read(file: BinaryIO) -> Header:
    raw, stanzas = bytearray(VERSION), []
    while (line := _line(file, raw)).startswith(b"-> "):
        args = line[3:].split(b" ")
        if not all(args) or any(not 33 <= c <= 126 for arg in args for c in arg):
            raise _Bad("a stanza of its header begins wrongly")
        body = bytearray()
        while True:
            part = _line(file, raw)
            if len(part) > _COLUMNS:
                raise _Bad("its header has a line that is too long")
            body += part
            if len(part) < _COLUMNS:
                break
        stanzas.append(Stanza(tuple(arg.decode("ascii") for arg in args), decode64(bytes(body))))
    if not line.startswith(b"--- ") or not stanzas:
        raise _Bad("its header has a line that belongs to nothing")
    seal = decode64(line[4:])
    if len(seal) != hashlib.sha256().digest_size:
        raise _Bad("the seal of its header has the wrong length")
    return Header(stanzas, bytes(raw[: -len(line) - 1]) + b"---", seal)


def _line(file: BinaryIO, raw: bytearray) -> bytes:
    """The next line without its end; `raw` collects all that was read."""
    line = file.readline(_LARGEST + 1 - len(raw))
    raw += line
    if len(raw) > _LARGEST:
        raise _Bad("its header is larger than any that is sensible")
    if not line.endswith(b"\n"):
        raise _Bad("it ends within its header")
    return line[:-1]
