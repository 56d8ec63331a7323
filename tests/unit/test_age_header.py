"""Headers have one spelling, stanzas of others are passed over, and armored files are read as strictly."""

from __future__ import annotations

import base64
import io
import re

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from stashport.bundle import age_header
from stashport.bundle.age import DecryptingReader, EncryptingWriter, is_encrypted, new_identity
from stashport.bundle.age_header import Stanza
from stashport.bundle.age_keys import Recipient, lock_for, lock_with
from stashport.bundle.passphrase import Passphrase
from stashport.errors import DamagedEncryption, NotEncrypted, NotSupported, PortError

KEY, TO = new_identity()
FILE_KEY = bytes(range(16))
PAYLOAD = b"hello"

# made by age 1.1.1, for the key that age's specification shows
THEIR_KEY = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
THEIRS = b"""-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBUOWQvb2ZYVDNHRVFXWVJv
Z25tNzk2RnFuTkttYVplb2p0ME5Zck9udFVzCjI1MDBQRCtka3B3T3NJTHgxK1ps
UDVDU3AxNkJkMVJPaTdQOVFGc1NsZVEKLS0tIDMzYWE5emtSaTgxdDh2azY0anND
WW5zOHkwR0gvTkZMMElCWUZPSy9pblkKBI797uZOK2TbC++oeYaOjl7N6PUQW3TB
jeqgUpUW88bcVvjRd0+Sn/CqVCLT/zCywNXeAdGnobbiu/Y6jFAhslVh
-----END AGE ENCRYPTED FILE-----
"""


def sealed_payload(*chunks):
    """Nonce and payload under FILE_KEY, in these chunks."""
    cipher = ChaCha20Poly1305(age_header.hkdf(FILE_KEY, bytes(16), b"payload"))
    chunks = chunks or (PAYLOAD,)
    return bytes(16) + b"".join(cipher.encrypt(age_header.chunk_nonce(k, k == len(chunks) - 1), part, None) for k, part in enumerate(chunks))


def file_of(lines):
    """A file with these lines as its stanzas, correctly sealed."""
    sealed = b"age-encryption.org/v1\n" + lines + b"---"
    return sealed + b" " + age_header.encode64(age_header.seal_of(sealed, FILE_KEY)) + b"\n" + sealed_payload()


def lines_of(*stanzas):
    """Stanzas as they stand in a file."""
    return age_header.written(list(stanzas), FILE_KEY)[22:].rpartition(b"---")[0]


def read(data):
    """Decrypt."""
    return DecryptingReader(io.BytesIO(data), identities=[KEY]).read()


def armored(data, ending=b"\n"):
    """The same in letters."""
    text = base64.b64encode(data)
    rows = [b"-----BEGIN AGE ENCRYPTED FILE-----", *(text[k : k + 64] for k in range(0, len(text), 64)), b"-----END AGE ENCRYPTED FILE-----", b""]
    return ending.join(rows)


MINE = lines_of(lock_for(Recipient(TO), FILE_KEY))
SHARE, BODY = re.fullmatch(rb"-> X25519 (\S{43})\n(\S{43})\n", MINE).groups()


def unlike(text):
    """The same bytes in base64, spelled otherwise: the last character has bits that mean nothing."""
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-1] + letters[letters.index(text[-1:]) + 1 :][:1]


@pytest.mark.parametrize("others", [
    lines_of(Stanza(("grease",), b"")),
    lines_of(Stanza(("x-grease", "a", "b!~"), bytes(48))),
    lines_of(Stanza(("ssh-ed25519", "abcd", "efgh"), bytes(100))),
    lines_of(lock_for(Recipient(new_identity()[1]), bytes(16)), Stanza(("X255199",), bytes(95))),
])
def test_stanzas_of_others_are_passed_over(others):
    """Unknown stanzas before and after ours, with bodies of any length, do not disturb."""
    for lines in (others + MINE, MINE + others, others + MINE + others):
        assert read(file_of(lines)) == PAYLOAD


WRONG = {
    "no stanza": b"",
    "blank at the end": MINE.replace(b"\n", b" \n", 1),
    "two blanks": MINE.replace(b"X25519 ", b"X25519  "),
    "carriage return": MINE.replace(b"\n", b"\r\n"),
    "empty line": b"\n" + MINE,
    "no argument": b"-> \n\n" + MINE,
    "control character": b"-> a\x01\n\n" + MINE,
    "tab": b"-> a\tb\n\n" + MINE,
    "letter beyond ASCII": "-> é\n\n".encode() + MINE,
    "padded": MINE.replace(BODY, BODY + b"="),
    "share spelled otherwise": MINE.replace(SHARE, unlike(SHARE)),
    "body spelled otherwise": MINE.replace(BODY, unlike(BODY)),
    "body too short": MINE.replace(BODY, BODY[:-3]),
    "body too long": MINE.replace(BODY, BODY + b"AAAA"),
    "share too short": MINE.replace(SHARE, SHARE[:-3]),
    "share of zeros": MINE.replace(SHARE, b"A" * 43),
    "third argument": MINE.replace(SHARE, SHARE + b" x"),
    "no share": MINE.replace(b" " + SHARE, b""),
    "line too long": lines_of(Stanza(("x",), bytes(96))).replace(b"A\nA", b"AA", 1) + MINE,
    "lines too short": b"-> x\nAAAA\nAAAA\n" + MINE,
    "last line missing": b"-> x\n" + b"A" * 64 + b"\n" + MINE,
    "bad letters": b"-> x\nAA-A\n" + MINE,
    "scrypt beside a key": MINE + b"-> scrypt " + b"A" * 22 + b" 10\n" + BODY + b"\n",
}


@pytest.mark.parametrize("lines", WRONG.values(), ids=WRONG)
def test_only_one_spelling_is_accepted(lines):
    """A header that says the same in another way, or more than it may, is refused though its seal is right."""
    with pytest.raises(DamagedEncryption):
        read(file_of(lines))


@pytest.mark.parametrize("args", [b"10", b"%s", b"%s 010", b"%s +10", b"%s 0", b"%s -1", b"%s 1e1", b"%s 0x10", b"%s 10 10", b"%s= 10", b"AAAA 10",
                                  b"%s \xd9\xa1"])
def test_scrypt_stanzas_have_one_spelling(args):
    """Salt and work factor are written in one way only; foreign digits, signs and leading zeros are none."""
    stanza = b"-> scrypt " + args.replace(b"%s", b"A" * 22) + b"\n" + BODY + b"\n"
    with pytest.raises(DamagedEncryption):
        DecryptingReader(io.BytesIO(file_of(stanza)), passphrase="x")


def test_the_seal_covers_every_byte_and_has_one_spelling():
    """A stanza that was added without the key, and a seal written otherwise, are found."""
    good = file_of(MINE)
    assert read(good) == PAYLOAD
    seal = re.search(rb"--- (\S{43})\n", good)[1]
    for bad in (good.replace(b"--- ", b"-> x\n\n--- "), good.replace(seal, unlike(seal)), good.replace(b"--- ", b"---"), good.replace(b"--- ", b"---  "),
                good.replace(seal, seal + b" "), good.replace(seal, b""), good.replace(seal, b"A" * 43), good.replace(seal, b"A" * 40)):
        assert bad != good
        with pytest.raises(DamagedEncryption):
            read(bad)


def test_a_passphrase_stands_alone():
    """A passphrase stanza that would open the file is refused beside any other, before or after it, and beside a second one."""
    mine, lock = Passphrase("p"), lines_of(lock_with(Passphrase("p"), FILE_KEY, 10))
    assert DecryptingReader(io.BytesIO(file_of(lock)), passphrase=mine).read() == PAYLOAD
    for lines in (lock + MINE, MINE + lock, lock + lock, lock + lines_of(Stanza(("x-grease",), b"")), lines_of(Stanza(("x-grease",), b"")) + lock):
        with pytest.raises(DamagedEncryption, match="side by side"):
            DecryptingReader(io.BytesIO(file_of(lines)), passphrase=mine, identities=[KEY])


@pytest.mark.parametrize("seekable", [True, False])
def test_an_empty_chunk_behind_others_is_refused(seekable):
    """The end stands in the last chunk that holds anything; another spelling of the same file, with an empty one behind it, is refused."""
    file = io.BytesIO(file_of(MINE)[: -len(sealed_payload())] + sealed_payload(bytes(65536), b""))
    file.seekable = lambda: seekable
    with pytest.raises(DamagedEncryption):
        DecryptingReader(file, identities=[KEY]).read()


def test_endless_headers_are_refused():
    """A header without end is given up after a megabyte."""
    for part in (b"-> x\n\n" * 400_000, b"-> " + b"x" * 3_000_000, b"-> x\n" + (b"A" * 64 + b"\n") * 40_000):
        with pytest.raises(DamagedEncryption, match="larger"):
            read(b"age-encryption.org/v1\n" + part)


def test_what_is_written_is_the_one_spelling():
    """Bodies of every length are written in the way that is read."""
    for size in range(150):
        stanzas = [Stanza(("x", "y"), bytes(size))]
        header = age_header.read(io.BytesIO(age_header.written(stanzas, FILE_KEY)), "x")
        assert header.stanzas == stanzas
        assert header.seal == age_header.seal_of(header.sealed, FILE_KEY)


def test_a_file_that_stock_age_made_still_opens():
    """A kept file of age 1.1.1, in letters, for the key that age's specification shows."""
    assert DecryptingReader(io.BytesIO(THEIRS), identities=[THEIR_KEY]).read() == b"Stash Port reads what age writes.\n"


@pytest.mark.parametrize("size", [0, 7, 8, 9, 5000, 200_000])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_armored_files_read_as_others_from_any_place(size, ending):
    """In letters, with line ends of either kind and blanks around, it reads and seeks as the bytes do."""
    file, data = io.BytesIO(), bytes(k % 251 for k in range(size))
    with EncryptingWriter(file, recipients=[TO]) as writer:
        writer.write(data)
    text = b" \r\n\n" + armored(file.getvalue(), ending) + b"\t \n"
    assert is_encrypted(text)
    reader = DecryptingReader(io.BytesIO(text), identities=[KEY])
    assert reader.size == size
    for place in (size // 2, 0, max(0, size - 3)):
        reader.seek(place)
        assert reader.read(70_000) == data[place : place + 70_000]
    assert DecryptingReader(io.BytesIO(text.rstrip()), identities=[KEY]).read() == data


def test_armored_files_have_one_spelling():
    """Other line lengths, mixed line ends, headers, rubbish before or after, cut or empty ones are all refused."""
    good = armored(file_of(MINE))
    assert read(good) == PAYLOAD
    rows = good.split(b"\n")
    last = len(rows) - 3
    bad = [
        b"\n".join([rows[0], rows[1][:60], *rows[2:]]),
        b"\n".join([rows[0], rows[1] + rows[2], *rows[3:]]),
        b"\n".join([rows[0], rows[1] + b"\r", *rows[2:]]),
        b"\n".join([rows[0], b"Version: 1", b"", *rows[1:]]),
        b"\n".join([rows[0], b"", *rows[1:]]),
        b"\n".join([*rows[:2], b" " + rows[2], *rows[3:]]),
        b"\n".join([*rows[: last + 1], b"", *rows[last + 1 :]]),
        b"\n".join([*rows[:last], rows[last].rstrip(b"="), *rows[last + 1 :]]) if rows[last].endswith(b"=") else good[:-5],
        b"\n".join(rows[: last + 1]),
        b"\n".join([rows[0], *rows[last + 1 :]]),
        good[:-10],
        good + b"x",
        good + b"\n" * 2000 + b"x",
        good + b"\n" * 5000,
        good.replace(b"-----END AGE ENCRYPTED FILE-----", b"-----END PGP MESSAGE-----"),
        b"-----BEGIN AGE ENCRYPTED FILE-----",
        b"-----BEGIN AGE ENCRYPTED FILE-----\n-----END AGE ENCRYPTED FILE-----\n",
        good.replace(rows[2][:4], b"A-_A"),
    ]
    for text in bad:
        with pytest.raises(PortError) as found:
            read(text)
        assert isinstance(found.value, (DamagedEncryption, NotEncrypted)), text
    with pytest.raises(NotEncrypted):
        read(b"x" + good)


def test_armored_streams_are_refused_in_words():
    """What comes in letters and cannot be sought is not read, and that is said."""

    class Stream(io.BytesIO):
        def seekable(self):
            return False

    with pytest.raises(NotSupported, match="armored"):
        DecryptingReader(Stream(armored(file_of(MINE))), identities=[KEY])
