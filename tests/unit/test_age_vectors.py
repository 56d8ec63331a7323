"""The published test vectors of age, C2SP/CCTV: AGE_VECTORS names the folder that holds them (`age/testdata` there); they are not kept here."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from stashport.bundle.age import DecryptingReader
from stashport.bundle.age_header import hkdf
from stashport.errors import DamagedEncryption, NoIdentity, NotEncrypted, NotSupported, OtherSecret, PortError, TooCostly, WrongPassphrase

FOLDER = os.environ.get("AGE_VECTORS", "")
VECTORS = sorted(Path(FOLDER).iterdir()) if FOLDER else []
HEADER = (DamagedEncryption, NotEncrypted, NotSupported, TooCostly)
EXPECTED = {
    "no match": (NoIdentity, OtherSecret, WrongPassphrase),
    "HMAC failure": (DamagedEncryption,),
    "header failure": HEADER,
    "armor failure": HEADER,
    "payload failure": (DamagedEncryption,),
}


class Vector(NamedTuple):
    """One vector: what is said about it, and its file."""

    said: dict[str, str]
    identities: list[str]
    data: bytes


def vector(path: Path) -> Vector:
    """Read a vector."""
    head, _, data = path.read_bytes().partition(b"\n\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\n")]
    said = {key: value for key, value in lines}  # noqa: C416 - pairs
    if said.get("compressed") == "zlib":
        data = zlib.decompress(data)
    identities = [value for key, value in lines if key == "identity"]
    if any(identity.startswith("AGE-SECRET-KEY-PQ-") for identity in identities):
        pytest.skip("post-quantum keys are not built")
    return Vector(said, identities, data)


class Stream(io.BytesIO):
    """Bytes that come once."""

    def seekable(self) -> bool:
        """No."""
        return False


def opened(file: io.BytesIO, case: Vector) -> tuple[bytes, PortError | None]:
    """(what was given out, how it ended)."""
    given = bytearray()
    try:
        reader = DecryptingReader(file, passphrase=case.said.get("passphrase"), identities=case.identities)
        while part := reader.read(4096):
            given += part
    except PortError as error:
        return bytes(given), error
    return bytes(given), None


def released(case: Vector) -> bytes:
    """What the reference gives out: all chunks that open, up to the one that says it is the last; its hash stands in the vector."""
    if "payload" not in case.said:
        return b""
    data = case.data
    if case.said.get("armored") == "yes":
        data = base64.b64decode(b"".join(line for line in data.split() if b"-" not in line and line not in (b"AGE", b"ENCRYPTED")))
    start = data.index(b"\n", data.index(b"\n--- ") + 1) + 1
    cipher = ChaCha20Poly1305(hkdf(bytes.fromhex(case.said["file key"]), data[start : start + 16], b"payload"))
    given, number, last = b"", 0, False
    for at in range(start + 16, len(data), 65552):
        sealed = data[at : at + 65552]
        for last in (False, True) if len(sealed) == 65552 else (True,):
            with contextlib.suppress(InvalidTag):
                part = cipher.decrypt(number.to_bytes(11, "big") + bytes([last]), sealed, None)
                break
        else:
            break
        if last and number and not part:
            break
        given, number = given + part, number + 1
        if last:
            break
    assert hashlib.sha256(given).hexdigest() == case.said["payload"]
    return given


@pytest.mark.skipif(not FOLDER, reason="AGE_VECTORS names no folder with the vectors of C2SP/CCTV")
@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.name)
@pytest.mark.parametrize("file", [io.BytesIO, Stream])
def test_published_vectors_end_as_they_should(path, file):
    """Each vector opens, or fails in the way that it stands for; what was given out before failing is genuine."""
    case = vector(path)
    if file is Stream and case.said.get("armored") == "yes":
        pytest.skip("armored files are not read from a stream")
    given, error = opened(file(case.data), case)
    expected = case.said["expect"]
    if expected == "success":
        assert error is None
    else:
        assert isinstance(error, EXPECTED[expected]), repr(error)
    genuine = released(case)
    assert genuine.startswith(given)
    assert given == genuine or expected != "success"
