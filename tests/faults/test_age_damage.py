"""Encrypted files that were changed, cut, lengthened or rearranged: no byte of them is ever taken for what was written."""

from __future__ import annotations

import io
import random

import pytest
from stashport.bundle.age import DecryptingReader, EncryptingWriter, new_identity
from stashport.errors import DamagedEncryption, NoIdentity, NotEncrypted, NotSupported, OtherSecret, PortError, TooCostly, WrongPassphrase

CHUNK, SEALED = 65536, 65552
KEY, TO = new_identity()
DATA = random.Random(1).randbytes(2 * CHUNK + 1000)
FLIPS, CUTS = 2000, 500
REFUSALS = (DamagedEncryption, NotEncrypted, NotSupported, NoIdentity, OtherSecret, WrongPassphrase, TooCostly)


class Stream(io.BytesIO):
    """Bytes that come once."""

    def seekable(self):
        """No."""
        return False


def sealed_by(data=DATA, **options):
    """(encrypted, where its payload begins)."""
    file = io.BytesIO()
    with EncryptingWriter(file, **(options or {"recipients": [TO]})) as writer:
        writer.write(data)
    sealed = file.getvalue()
    return sealed, sealed.index(b"\n", sealed.index(b"\n--- ") + 1) + 17


def outcome(file, **options):
    """(what was given out before the end or an error, the error or None)."""
    given = bytearray()
    try:
        reader = DecryptingReader(file, **(options or {"identities": [KEY]}))
        while part := reader.read(CHUNK // 4):
            given += part
    except PortError as error:
        return bytes(given), error
    return bytes(given), None


def refused_in_every_way(bad, chance, damaged=()):
    """Read as a file, as a stream and from places at random: an error must come, and what comes before it must be genuine."""
    for kind in (io.BytesIO, Stream):
        given, error = outcome(kind(bad))
        assert isinstance(error, REFUSALS), "accepted"
        assert DATA.startswith(given), "a wrong byte was given out"
    try:
        reader = DecryptingReader(io.BytesIO(bad), identities=[KEY])
    except REFUSALS:
        return
    assert damaged, "opened though the damage is not within a chunk"
    for number in chance.sample(range(3), 3) * 2:
        reader.seek(number * CHUNK + 5)
        if number in damaged:
            with pytest.raises(DamagedEncryption):
                reader.read(100)
        else:
            assert reader.read(100) == DATA[number * CHUNK + 5 : number * CHUNK + 105]


def test_no_flipped_bit_is_accepted():
    """2,000 single bits: half anywhere in header and nonce, half in the payload; read whole, as a stream, and from any place: 0 accepted."""
    chance = random.Random(20260101)
    sealed, start = sealed_by()
    found = 0
    for number in range(FLIPS):
        bit = chance.randrange(start * 8) if number % 2 else chance.randrange(start * 8, len(sealed) * 8)
        bad = bytearray(sealed)
        bad[bit // 8] ^= 1 << bit % 8
        refused_in_every_way(bytes(bad), chance, {(bit // 8 - start) // SEALED} if bit // 8 >= start else ())
        found += 1
    assert found == FLIPS


def test_no_cut_is_accepted():
    """500 cuts, at random and at every border of header, nonce and chunks: 0 accepted."""
    chance = random.Random(20260102)
    sealed, start = sealed_by()
    borders = [start - 17, start - 16, start - 1, start, *(start + k * SEALED + d for k in range(3) for d in (-1, 0, 1, 15, 16, 17))]
    cuts = {cut for cut in borders if 0 <= cut < len(sealed)}
    cuts |= set(range(0, start, 3))
    while len(cuts) < CUTS:
        cuts.add(chance.randrange(len(sealed)))
    for cut in cuts:
        refused_in_every_way(sealed[:cut], chance)
    assert len(cuts) == CUTS


def test_no_bit_of_a_passphrase_header_is_accepted(monkeypatch):
    """Every single bit of the header of a passphrase file, and of its nonce and seals."""
    monkeypatch.setattr("stashport.bundle.age_keys.LARGEST_WORK_FACTOR", 14)  # a flipped bit can ask for much time
    sealed, start = sealed_by(b"short", passphrase="p", work_factor=10)
    found = 0
    for bit in range(len(sealed) * 8):
        bad = bytearray(sealed)
        bad[bit // 8] ^= 1 << bit % 8
        given, error = outcome(io.BytesIO(bytes(bad)), passphrase="p")
        assert isinstance(error, REFUSALS), bit
        assert given == b""
        found += 1
    assert found == len(sealed) * 8 > start * 8


def test_chunks_cannot_be_moved_left_out_doubled_added_or_borrowed():
    """Any other order or number of chunks, bytes behind the end, and a chunk or header of another file are refused."""
    chance = random.Random(3)
    sealed, start = sealed_by()
    other, other_start = sealed_by()
    head, parts = sealed[:start], [sealed[k : k + SEALED] for k in range(start, len(sealed), SEALED)]
    first, second, last = parts
    bad = [
        [second, first, last], [first, last], [second, last], [last], [first, first, second, last], [first, second, second, last], [first, second, last, last],
        [first, second], [first], [last, first, second], [], [first, second, last, b"\0"], [first, second, last, bytes(SEALED)], [*parts, head, *parts],
        [other[other_start : other_start + SEALED], second, last], [first, bytes(SEALED), last], [first, second[:-1], last], [bytes(SEALED), second, last],
    ]
    for order in bad:
        refused_in_every_way(head + b"".join(order), chance, {k for k, (part, right) in enumerate(zip(order, parts, strict=False)) if part != right})
    for mixed in (other[:other_start] + sealed[start:], head[:-16] + other[other_start - 16 : other_start] + sealed[start:]):
        refused_in_every_way(mixed, chance)


def test_a_file_that_shrinks_while_it_is_read_is_refused():
    """When the file below becomes shorter after opening, reading what is gone is an error, not an end."""
    sealed, start = sealed_by()
    file = io.BytesIO(sealed)
    reader = DecryptingReader(file, identities=[KEY])
    assert reader.read(10) == DATA[:10]
    file.truncate(start + SEALED)
    reader.seek(CHUNK)
    for _ in range(2):
        with pytest.raises(DamagedEncryption):
            reader.read(1)
    reader.seek(0)
    assert reader.read(CHUNK) == DATA[:CHUNK]


def test_random_bytes_are_never_accepted():
    """Rubbish, with and without the first line of an age file before it, is refused with an error of ours."""
    chance = random.Random(4)
    for number in range(500):
        rubbish = chance.randbytes(chance.randrange(400))
        if number % 3:
            rubbish = b"age-encryption.org/v1\n" + (b"-> X25519 " if number % 3 == 1 else b"") + rubbish
        for kind in (io.BytesIO, Stream):
            given, error = outcome(kind(rubbish), identities=[KEY], passphrase="p")
            assert isinstance(error, REFUSALS)
            assert given == b""
