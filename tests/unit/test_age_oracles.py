"""Ours, stock `age` and pyrage open each other's files.

Stock age asks for passphrases on a terminal only; it gets one from Python's `pty`, in a process of its own.
"""

from __future__ import annotations

import io
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import tracemalloc
import warnings

import pytest
from stashport.bundle.age import DecryptingReader, EncryptingWriter, Identity, new_identity
from stashport.errors import WrongPassphrase

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pyrage = pytest.importorskip("pyrage", reason="pyrage is not installed")

CHUNK = 65536
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, (1 << 20) + 1, 27_000_000]
AGE = shutil.which("age")
needs_age = pytest.mark.skipif(AGE is None, reason="there is no `age` on PATH (Debian, Ubuntu: apt-get install age)")
needs_pty = pytest.mark.skipif(os.name != "posix", reason="only POSIX has terminals to pretend")
KEY, TO = new_identity()
TYPIST = """
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen = b""
while True:
    try:
        part = os.read(terminal, 1000)
    except OSError:
        break
    if not part:
        break
    seen += part
    if b": " in seen:
        seen = seen.rpartition(b": ")[2]
        os.write(terminal, os.fsencode(sys.argv[1]) + b"\\n")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def noise(size):
    """Bytes that cannot be mistaken for others."""
    return random.Random(size).randbytes(size)


def ours(data, **options):
    """Encrypt with Stash Port."""
    file = io.BytesIO()
    with EncryptingWriter(file, **options) as writer:
        writer.write(data)
    return file.getvalue()


def age(*arguments, data=None):
    """Run stock age."""
    return subprocess.run([AGE, *arguments], input=data, capture_output=True, check=True).stdout


def age_typing(passphrase, *arguments):
    """Run stock age, typing a passphrase at each of its questions."""
    return subprocess.run([sys.executable, "-c", TYPIST, passphrase, AGE, *map(str, arguments)], timeout=120, check=False).returncode


@pytest.fixture
def key_file(tmp_path):
    """Our key, as a file for age."""
    path = tmp_path / "key.txt"
    path.write_text(f"# ours\n{KEY}\n")
    return path


@needs_age
@pytest.mark.parametrize("size", SIZES)
def test_stock_age_opens_ours_and_we_open_its(size, key_file):
    """Around every border of a chunk, and at 27 MB, both directions give the same bytes, by a recipient."""
    data = noise(size)
    assert age("--decrypt", "--identity", str(key_file), data=ours(data, recipients=[TO])) == data
    theirs = age("--encrypt", "--recipient", TO, data=data)
    assert DecryptingReader(io.BytesIO(theirs), identities=[KEY]).read() == data
    letters = age("--encrypt", "--armor", "--recipient", new_identity()[1], "--recipient", TO, data=data[:100_000])
    assert DecryptingReader(io.BytesIO(letters), identities=[KEY]).read() == data[:100_000]


@pytest.mark.parametrize("size", SIZES)
def test_pyrage_opens_ours_and_we_open_its(size):
    """The same with pyrage, by a recipient both ways, and by a passphrase from us to it."""
    data = noise(size)
    identity, recipient = pyrage.x25519.Identity.from_str(KEY), pyrage.x25519.Recipient.from_str(TO)
    assert pyrage.decrypt(ours(data, recipients=[TO]), [identity]) == data
    assert DecryptingReader(io.BytesIO(pyrage.encrypt(data, [recipient])), identities=[KEY]).read() == data
    if size <= 1 << 21:
        assert pyrage.passphrase.decrypt(ours(data, passphrase="käse 1", work_factor=10), "käse 1") == data


def test_we_open_pyrage_s_passphrases():
    """A file that pyrage locked with a passphrase opens with it, and with no other."""
    theirs = pyrage.passphrase.encrypt(noise(CHUNK), "käse 1")
    assert DecryptingReader(io.BytesIO(theirs), passphrase="käse 1").read() == noise(CHUNK)
    with pytest.raises(WrongPassphrase):
        DecryptingReader(io.BytesIO(theirs), passphrase="kase 1")


@needs_age
@needs_pty
@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1])
def test_stock_age_opens_our_passphrases(size, tmp_path):
    """A passphrase of ours, with blanks and accents, typed into stock age, opens our file."""
    path, out = tmp_path / "x.age", tmp_path / "out"
    path.write_bytes(ours(noise(size), passphrase=" käse 1 ", work_factor=12))
    assert age_typing(" käse 1 ", "--decrypt", "-o", out, path) == 0
    assert (out.read_bytes() if size else b"") == noise(size)  # age makes no file of nothing
    assert age_typing("käse 1", "--decrypt", "-o", tmp_path / "no", path) != 0


@needs_age
@needs_pty
def test_our_default_passphrase_lock_opens_in_stock_age_and_its_opens_here(tmp_path):
    """The work factors that both use without being told are understood by the other."""
    path, out = tmp_path / "x.age", tmp_path / "out"
    path.write_bytes(ours(b"default", passphrase="two words"))
    assert re.search(rb"-> scrypt \S{22} 17\n", path.read_bytes())
    assert age_typing("two words", "--decrypt", "-o", out, path) == 0
    assert out.read_bytes() == b"default"
    theirs = tmp_path / "theirs.age"
    assert age_typing("two words", "--passphrase", "-o", theirs, out) == 0
    assert re.search(rb"-> scrypt \S{22} 18\n", theirs.read_bytes())
    with theirs.open("rb") as file:
        assert DecryptingReader(file, passphrase="two words").read() == b"default"


@needs_age
def test_several_recipients_of_either_tool(tmp_path):
    """Each of five recipients opens the file in stock age and in pyrage; five of theirs open here."""
    pairs = [new_identity() for _ in range(5)]
    recipients = [to for _, to in pairs]
    sealed = ours(b"for five", recipients=recipients)
    theirs = age("--encrypt", *(f"--recipient={to}" for to in recipients), data=b"from age")
    for number, (key, _) in enumerate(pairs):
        path = tmp_path / f"{number}.txt"
        path.write_text(key + "\n")
        assert age("--decrypt", "-i", str(path), data=sealed) == b"for five"
        assert pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(key)]) == b"for five"
        assert DecryptingReader(io.BytesIO(theirs), identities=[key]).read() == b"from age"


def test_keys_of_each_are_keys_of_all(tmp_path):
    """Keys that pyrage and age-keygen make have the same recipient here, and ours have the same there."""
    for _ in range(20):
        pair = pyrage.x25519.Identity.generate()
        assert Identity(str(pair)).recipient == str(pair.to_public())
        key, to = new_identity()
        assert str(pyrage.x25519.Identity.from_str(key).to_public()) == to
    if keygen := shutil.which("age-keygen"):
        made = subprocess.run([keygen], capture_output=True, text=True, check=True).stdout
        assert Identity(made.split()[-1]).recipient == re.search("age1[0-9a-z]+", made)[0]
        asked = subprocess.run([keygen, "-y"], input=KEY + "\n", capture_output=True, text=True, check=True).stdout
        assert asked.strip() == TO


def test_memory_stays_small():
    """200 MB pass through writer and reader at the same time, as streams, with a few chunks in memory."""
    block, count, seen = noise(1 << 20), 200, 0
    reading, writing = os.pipe()
    tracemalloc.start()
    try:
        feeder = threading.Thread(target=_feed, args=(writing, block, count))
        feeder.start()
        with os.fdopen(reading, "rb") as file:
            reader = DecryptingReader(file, identities=[KEY])
            assert not reader.seekable()
            while part := reader.read(1 << 20):
                assert part == block
                seen += len(part)
        feeder.join()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen == count << 20
    assert peak < 6 << 20


def _feed(descriptor, block, count):
    """Write blocks, encrypted, into a pipe."""
    with os.fdopen(descriptor, "wb") as file, EncryptingWriter(file, recipients=[TO]) as writer:
        for _ in range(count):
            writer.write(block)
