"""Encrypted files: what is written reads back, from any place, and each thing that can be wrong has an error of its own."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport.bundle.age import HEAD, DecryptingReader, EncryptingWriter, Identity, Recipient, is_encrypted, new_identity
from stashport.errors import (
    BadIdentity,
    BadRecipient,
    BadRequest,
    BlankPassphrase,
    DamagedEncryption,
    MissingLibrary,
    NoIdentity,
    NotEncrypted,
    NotSupported,
    OtherSecret,
    TooCostly,
    WrongPassphrase,
)

CHUNK = 65536
SIZES = [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, (1 << 20) + 1]
KEY, TO = new_identity()
STEPS = [
    lambda file, number, size: file.seek(number % (size + 100)),
    lambda file, number, _: file.seek(max(0, file.tell() + number - CHUNK)),
    lambda file, number, size: file.seek(-(number % (size + 1)), os.SEEK_END),
    lambda file, number, _: file.read(number),
    lambda file, number, _: file.read(number % 100),
    lambda file, *_: file.readline(),
    lambda file, *_: file.tell(),
    lambda file, *_: file.read(),
]
LIBRARY = Path(__file__).resolve().parents[2] / "lib"


class Stream(io.BytesIO):
    """Bytes that come once, and a few at a time as from a socket."""

    def seekable(self):
        """No."""
        return False

    def seek(self, *_):
        """Not here."""
        raise io.UnsupportedOperation

    def read(self, count=-1):
        """Some of them."""
        return super().read(min(count, 5000) if count >= 0 else 5000)


class Grudging(io.RawIOBase):
    """A raw file that takes at most 1,000 bytes at a time."""

    def __init__(self):
        self.taken = bytearray()

    def writable(self):
        """Yes."""
        return True

    def write(self, data):
        """Take some."""
        part = bytes(data[:1000])
        self.taken += part
        return len(part)


def noise(size):
    """Bytes that cannot be mistaken for others."""
    return random.Random(size).randbytes(size)


def locked(data, **options):
    """Encrypt."""
    file = io.BytesIO()
    with EncryptingWriter(file, **(options or {"recipients": [TO]})) as writer:
        writer.write(data)
    return file.getvalue()


def unlocked(data, **options):
    """Decrypt."""
    with DecryptingReader(io.BytesIO(data), **(options or {"identities": [KEY]})) as reader:
        return reader.read()


@pytest.mark.parametrize("size", SIZES)
def test_every_size_reads_back_in_both_ways(size):
    """Around each border of a chunk a file and a stream give back what was written, and the file knows its size."""
    data = noise(size)
    sealed = locked(data)
    assert is_encrypted(sealed[:HEAD])
    assert unlocked(sealed) == data
    assert DecryptingReader(io.BytesIO(sealed), identities=[KEY]).size == size
    reader = DecryptingReader(Stream(sealed), identities=[KEY])
    assert not reader.seekable()
    assert reader.read() == data
    assert reader.read(1) == b""
    assert unlocked(locked(data, passphrase="p", work_factor=10), passphrase="p") == data


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3 * CHUNK), st.lists(st.integers(0, CHUNK + 10), max_size=8), st.randoms(use_true_random=False))
def test_any_writes_and_seeks_are_those_of_a_plain_file(size, writes, chance):
    """Written in pieces of any size, and read after any seeks, it behaves as the plain bytes do."""
    data, file = noise(size), io.BytesIO()
    with EncryptingWriter(file, recipients=[TO]) as writer:
        at = 0
        for count in [*writes, size]:
            part = data[at : at + count]
            assert writer.write(memoryview(part)) == len(part)
            at += len(part)
            assert writer.tell() == at
    reader, plain = DecryptingReader(io.BytesIO(file.getvalue()), identities=[KEY]), io.BytesIO(data)
    for _ in range(20):
        step, number = chance.choice(STEPS), chance.randrange(2 * CHUNK)
        assert step(reader, number, size) == step(plain, number, size)


def test_it_can_stand_between_a_format_and_a_file(tmp_path):
    """Formats like gzip and ZIP write through it and read through it, a ZIP from any place; lines come through a buffer; both files close together."""
    path = tmp_path / "x.zip.age"
    raw = path.open("wb")
    with EncryptingWriter(raw, recipients=[TO], close_file=True) as writer, zipfile.ZipFile(writer, "w") as archive:
        archive.writestr("a", noise(200_000))
        archive.writestr("b", gzip.compress(b"one\ntwo\n" * 20_000))
    assert raw.closed
    below = path.open("rb")
    with DecryptingReader(below, identities=[KEY], close_file=True) as reader, zipfile.ZipFile(reader) as archive:
        assert archive.read("a") == noise(200_000)
        with archive.open("b") as packed, gzip.open(packed, "rt") as lines:
            assert sum(1 for _ in lines) == 40_000
    assert below.closed
    buffered = io.BufferedReader(DecryptingReader(io.BytesIO(locked(b"one\ntwo\n" * 20_000)), identities=[KEY]))
    assert sum(1 for _ in buffered) == 40_000


def test_a_file_that_takes_little_at_once_gets_all():
    """Raw files may take a part of what they are given; the rest is given again."""
    file = Grudging()
    with EncryptingWriter(file, recipients=[TO]) as writer:
        writer.write(noise(100_000))
    assert unlocked(bytes(file.taken)) == noise(100_000)


def test_only_close_makes_a_whole_file():
    """Left by an error, discarded, forgotten, or never closed: what lies there is refused as cut, whatever was written."""
    for size in (0, 10, CHUNK, CHUNK + 1, 3 * CHUNK):
        ends = []
        file = io.BytesIO()
        with contextlib.suppress(KeyError), EncryptingWriter(file, recipients=[TO]) as writer:
            writer.write(noise(size))
            raise KeyError
        ends.append(file.getvalue())
        file = io.BytesIO()
        writer = EncryptingWriter(file, recipients=[TO])
        writer.write(noise(size))
        ends.append(file.getvalue())
        writer.discard()
        ends.append(file.getvalue())
        file = io.BytesIO()
        writer = EncryptingWriter(file, recipients=[TO])
        writer.write(noise(size))
        del writer
        ends.append(file.getvalue())
        for end in ends:
            with pytest.raises(DamagedEncryption):
                unlocked(end)
            with pytest.raises(DamagedEncryption):
                DecryptingReader(Stream(end), identities=[KEY]).read()


def test_a_writer_whose_disk_is_full_never_says_that_it_is_done():
    """When the file below fails, write fails, and so does close; nothing can be written any more."""

    class Full(io.BytesIO):
        def write(self, data):
            if self.tell() > 100_000:
                raise OSError(28, "No space left on device")
            return super().write(data)

    writer = EncryptingWriter(Full(), recipients=[TO])
    with pytest.raises(OSError, match="No space"):
        writer.write(noise(300_000))
    with pytest.raises(ValueError, match="broken"):
        writer.write(b"x")
    with pytest.raises(OSError, match="as a whole"):
        writer.close()
    assert writer.closed
    writer.close()


def test_a_stream_that_fails_in_the_middle_never_seems_to_end():
    """After an error of the stream below each further read fails as well, also when that stream goes on or says then that it is at its end."""

    class Breaking(Stream):
        broken = goes_on = False

        def read(self, count=-1):
            if self.tell() > 100_000 and not self.broken:
                self.broken = True
                raise OSError("connection reset")
            return super().read(count) if self.tell() < 150_000 or self.goes_on else b""

    for goes_on in (True, False):
        below = Breaking(locked(noise(300_000)))
        below.goes_on = goes_on
        reader = DecryptingReader(below, identities=[KEY])
        assert reader.read(CHUNK) == noise(300_000)[:CHUNK]
        for _ in range(3):
            with pytest.raises(OSError, match="reset"):
                reader.read(1)


def test_several_recipients_each_open_it():
    """Each of several recipients opens the file alone, whatever else is tried with it, and a stranger does not."""
    keys = [new_identity() for _ in range(4)]
    sealed = locked(b"for three", recipients=[keys[0][1], Recipient(keys[1][1]), keys[2][1]])
    for key, _ in keys[:3]:
        assert unlocked(sealed, identities=[keys[3][0], key]) == b"for three"
    assert unlocked(sealed, identities=[Identity(keys[1][0])], passphrase="not needed") == b"for three"
    with pytest.raises(NoIdentity, match="other keys than the 1 given"):
        unlocked(sealed, identities=[keys[3][0]])


def test_each_thing_that_is_wrong_has_its_own_error():
    """Wrong passphrase, wrong key, wrong kind of secret, damaged, cut, not encrypted, newer and blank are told apart."""
    secret, public = locked(b"x", passphrase="right", work_factor=10), locked(b"x")
    cases = [
        (WrongPassphrase, secret, {"passphrase": "wrong"}),
        (NoIdentity, public, {"identities": [new_identity()[0]]}),
        (OtherSecret, secret, {"identities": [KEY]}),
        (OtherSecret, secret, {}),
        (OtherSecret, public, {"passphrase": "right"}),
        (OtherSecret, public, {}),
        (DamagedEncryption, public[:-1], {"identities": [KEY]}),
        (DamagedEncryption, public + b"x", {"identities": [KEY]}),
        (DamagedEncryption, public[:5], {"identities": [KEY]}),
        (NotEncrypted, b"", {"identities": [KEY]}),
        (NotEncrypted, b'{"scenes": []}\n', {"passphrase": "right"}),
        (NotSupported, public.replace(b"/v1\n", b"/v2\n"), {"identities": [KEY]}),
        (NotSupported, b"age-encryption.org/v123\n" + public[22:], {"identities": [KEY]}),
        (BlankPassphrase, secret, {"passphrase": " \t"}),
        (BadIdentity, public, {"identities": [TO]}),
    ]
    for error, data, options in cases:
        with pytest.raises(error) as found:
            DecryptingReader(io.BytesIO(data), **options)
        assert type(found.value) is error
        assert found.value.hint
    for error, options in [(BlankPassphrase, {"passphrase": ""}), (BadRequest, {}), (BadRequest, {"passphrase": "a", "recipients": [TO]}),
                           (BadRecipient, {"recipients": ["age1xyz"]}), (BadRecipient, {"recipients": [KEY]})]:
        with pytest.raises(error):
            EncryptingWriter(io.BytesIO(), **options)


def test_a_place_is_named():
    """Errors name the file, or what the caller calls it."""
    with pytest.raises(NotEncrypted, match=r"Tuesday\.zip is not"):
        DecryptingReader(io.BytesIO(b"PK"), place="Tuesday.zip", passphrase="x")


def test_too_costly_a_passphrase_is_refused_at_once():
    """A header that asks for more than 1 GiB is refused before any memory is taken, however large the number is."""
    sealed = locked(b"x", passphrase="p", work_factor=10)
    for factor in (b"21", b"22", b"30", b"64", b"9" * 400):
        with pytest.raises(TooCostly) as found:
            unlocked(sealed.replace(b" 10\n", b" " + factor + b"\n", 1), passphrase="p")
        assert "memory" in found.value.message
    for factor in (9, 21, 30):
        with pytest.raises(ValueError, match="work factor"):
            locked(b"x", passphrase="p", work_factor=factor)


def test_no_memory_for_a_passphrase_is_an_error_of_ours(monkeypatch):
    """When the machine has not the memory that scrypt takes, that is said with the figure."""
    from cryptography.hazmat.primitives.kdf import scrypt

    class Poor:
        def __init__(self, **_):
            pass

        def derive(self, _):
            raise MemoryError

    monkeypatch.setattr(scrypt, "Scrypt", Poor)
    with pytest.raises(TooCostly, match="128 MiB"):
        EncryptingWriter(io.BytesIO(), passphrase="p")


def test_without_the_library_that_is_said(monkeypatch):
    """Where `cryptography` is missing, writing, reading and making keys say how to get it, and importing ours does not fail."""
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    for attempt in (lambda: EncryptingWriter(io.BytesIO(), recipients=[TO]), lambda: unlocked(locked.__doc__.encode()), new_identity):
        with pytest.raises(MissingLibrary, match="cryptography") as found:
            attempt()
        assert "check --install encryption" in found.value.hint


def test_importing_it_takes_no_library():
    """The module itself imports no package but ours, so that every command starts fast."""
    code = "import sys, stashport.bundle.age; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(LIBRARY)}, check=False).returncode == 0


def test_closed_and_streamed_files_refuse_as_files_do():
    """Reading, writing and seeking where that cannot be are the errors that Python's own files raise."""
    writer = EncryptingWriter(io.BytesIO(), recipients=[TO])
    assert writer.writable()
    assert not writer.seekable()
    assert not writer.readable()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"x")
    reader = DecryptingReader(Stream(locked(b"x")), identities=[KEY])
    for attempt in (lambda: reader.seek(0), lambda: reader.size):
        with pytest.raises(io.UnsupportedOperation):
            attempt()
    reader = DecryptingReader(io.BytesIO(locked(b"x")), identities=[KEY])
    with pytest.raises(OSError, match="nvalid"):
        reader.seek(-2, os.SEEK_END)
    reader.close()
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read(1)


def test_a_file_may_begin_in_the_middle_of_another():
    """Reading begins where the file stands, and its end is the other file's end."""
    file = io.BytesIO(b"before" + locked(noise(CHUNK)))
    file.seek(6)
    assert DecryptingReader(file, identities=[KEY]).read() == noise(CHUNK)


def test_two_files_of_the_same_content_have_nothing_in_common():
    """Every file has a key, shares and nonces of its own."""
    first, second = locked(b"same" * 100), locked(b"same" * 100)
    start = len(b"age-encryption.org/v1\n-> X25519 ")
    assert sum(a == b for a, b in zip(first[start:], second[start:], strict=True)) < len(first) // 4
