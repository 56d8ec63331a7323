"""Bundles: what is written comes back, into any stream and through stock tools; one golden file of each kind fixes the format."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport.bundle import archive, members
from stashport.bundle.archive import Directory, Entry
from stashport.bundle.header import completed, dump, new_header
from stashport.bundle.packing import SUFFIXES, best, packer, unpacker
from stashport.bundle.reader import BundleReader, is_bundle, read_header
from stashport.bundle.records import export_header, header_from, read, write
from stashport.bundle.writer import BundleWriter
from stashport.errors import BadFile, BadRequest, BundleDamaged, CannotWrite, MissingLibrary, NotABundle, NotInBundle, UnfitName
from stashport.model.fields import BY_NAME, BY_PLURAL
from stashport.model.records import Batch
from support.records import lines_of, sample

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "bundle-v1"
PICTURE = b"\x89PNG not really"
CHECKSUM = hashlib.md5(PICTURE).hexdigest()
TAGS = b'{"id":"tag:1","name":"Sea"}\n{"id":"tag:2","name":"Na\xc3\xafve"}\n'
SCENES = b'{"id":"scene:7","title":"Harbour","tags":["tag:1"]}\n'
CONFIG = b"theme: dark\n"
SMALL = {"records/tags.ndjson": TAGS, "records/scenes.ndjson": SCENES, f"images/{CHECKSUM}": PICTURE, "config/custom.css": CONFIG}
FIXED = {"id": "11111111-2222-4333-8444-555555555555", "timestamp": "2026-01-02T03:04:05Z", "version": "0.1.0"}
SOURCE = {"stashVersion": "v0.28.1", "databaseVersion": "75", "instanceId": "99999999-8888-4777-8666-555555555555"}


def made(contents, *, compression="gzip", stream=None, **more):
    """A bundle with these members, as bytes."""
    stream = stream or io.BytesIO()
    header = {**new_header(compression=compression, source=SOURCE, fields={"tags": ["name"]}, not_inside={"scene.captions": "not asked for"}, **more), **FIXED}
    with BundleWriter(stream, header) as bundle:
        for name, data in contents.items():
            if name.startswith("images/"):
                bundle.add(name, data)
            else:
                with bundle.open(name) as member:
                    member.write(data)
        bundle.close()
    return stream.getvalue()


def opened(data):
    """A reader of a bundle in memory."""
    return BundleReader(io.BytesIO(data), "it")


@pytest.mark.parametrize("compression", SUFFIXES)
def test_what_is_written_comes_back(compression):
    """Each member is the same again, in the order of writing, with each compression."""
    with opened(made(SMALL, compression=compression)) as bundle:
        assert list(bundle.all_names()) == list(SMALL)
        assert bundle.names() == [name for name in SMALL if not name.startswith("images/")]
        assert {name: bundle.read(name) for name in SMALL} == SMALL
        assert bundle.verify("quick") == bundle.verify("full") == []
        assert ("records/tags.ndjson" in bundle, "records/tags.ndjson.gz" in bundle) == (True, False)


def test_header_has_the_shape_that_was_agreed():
    """Every key of BackupMetadata is filled, sizes and counts are those of the members, and the checksum is that of the list."""
    data = made(SMALL, choices={"kinds": ["tags", "scenes"]}, warnings=["w"], requirements=["Stash 0.28 or later"])
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        header = json.loads(file.read("bundle.json"))
        sizes = {info.filename: info.file_size for info in file.infolist()}
        listed = file.read("members.ndjson")
    assert header == {
        "format": "stash-port bundle", "formatVersion": 1, "recordsVersion": 1, **FIXED, "source": SOURCE,
        "content": {
            "tags": {"count": 2, "size": sizes["records/tags.ndjson.gz"]}, "scenes": {"count": 1, "size": sizes["records/scenes.ndjson.gz"]},
            "performers": {"count": 0, "size": 0}, "studios": {"count": 0, "size": 0}, "files": {"included": False, "count": 0, "size": 0},
            "blobs": {"count": 1, "size": len(PICTURE)},
        },
        "options": {"compression": "gzip", "encryption": False, "integrity": {"algorithm": "SHA-256", "checksum": hashlib.sha256(listed).hexdigest()}},
        "restoration": {"compatible": True, "requirements": ["Stash 0.28 or later"], "warnings": ["w"]},
        "fields": {"tags": ["name"]}, "notInside": {"scene.captions": "not asked for"}, "choices": {"kinds": ["tags", "scenes"]},
        "members": {"name": "members.ndjson", "count": 4, "size": len(listed)},
    }
    assert read_header(io.BytesIO(data), "it") == header
    for line, (name, content) in zip(listed.splitlines(), SMALL.items(), strict=True):
        told = json.loads(line)
        assert members.logical(told["name"]) == name
        assert (told["size"], told["unpacked"]) == (sizes[told["name"]], len(content))
        assert told["records"] == (content.count(b"\n") if name.startswith("records/") else None)
        assert line == json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("compression", SUFFIXES)
def test_golden_bundle_is_read_and_written_byte_for_byte(compression):
    """The files of version 1 stay readable, and the same content still makes the same bytes (packed ones as far as the packing library's version goes)."""
    golden = (GOLDEN / f"{compression}.zip").read_bytes()
    with opened(golden) as bundle:
        assert {name: bundle.read(name) for name in bundle.all_names()} == SMALL
        assert bundle.verify("full") == []
        fixed = bundle.header
    if compression == "none" or (compression == "gzip" and "ng" not in zlib.ZLIB_RUNTIME_VERSION):
        assert made(SMALL, compression=compression) == golden
    with opened(made(SMALL, compression=compression)) as bundle:
        unpacked = ("id", "timestamp", "version", "source", "fields", "notInside", "choices", "restoration", "format", "formatVersion", "recordsVersion")
        assert {key: bundle.header[key] for key in unpacked} == {key: fixed[key] for key in unpacked}
        assert bundle.header.keys() == fixed.keys()


def everything(folder):
    """The files below a folder, with what is in them."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("compression", SUFFIXES)
def test_stock_tools_open_it(compression, tmp_path):
    """Python's zipfile and unzip test it without a complaint, and unpack every member."""
    path = tmp_path / "it.zip"
    path.write_bytes(made({**SMALL, "config/Ünïcode 日本.txt": b"x"}, compression=compression))
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert file.namelist()[-2:] == ["members.ndjson", "bundle.json"]
        assert file.read(f"images/{CHECKSUM}") == PICTURE
        file.extractall(tmp_path / "python")
    unzip = shutil.which("unzip")
    if not unzip:
        pytest.skip("there is no unzip here")
    done = subprocess.run([unzip, "-t", path], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b""), done.stdout
    subprocess.run([unzip, "-q", path, "-d", tmp_path / "stock"], check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert everything(tmp_path / "stock") == everything(tmp_path / "python")


class Tube:
    """A stream that only takes bytes, and few at a time."""

    def __init__(self):
        self.data = bytearray()

    def write(self, data):
        """Take at most 1,000 bytes."""
        self.data += data[:1000]
        return min(len(data), 1000)

    def getvalue(self):
        """What was taken."""
        return bytes(self.data)


def test_a_stream_needs_only_to_take_bytes():
    """A stream that can neither seek nor tell, and takes less than it is given, gets the same bytes."""
    contents = {**SMALL, "config/large": os.urandom(70_000)}
    assert made(contents, stream=Tube()) == made(contents)


def test_it_goes_through_encryption():
    """Written into the encrypting stream and read, at any place, from the decrypting one, it is the same."""
    pytest.importorskip("cryptography")
    from stashport.bundle.age import DecryptingReader, EncryptingWriter, new_identity

    (identity, recipient), out = new_identity(), io.BytesIO()
    contents = {**SMALL, "config/large": os.urandom(300_000)}
    with EncryptingWriter(out, recipients=[recipient]) as stream, BundleWriter(stream, new_header(encrypted=True)) as bundle:
        for name, data in contents.items():
            bundle.add(name, data)
        bundle.close()
    with BundleReader(DecryptingReader(io.BytesIO(out.getvalue()), identities=[identity]), "it") as bundle:
        assert {name: bundle.read(name) for name in contents} == contents
        assert bundle.verify("full") == []
        assert bundle.header["options"]["encryption"] is True


def test_members_can_be_written_side_by_side():
    """Members that are open at once are whole, and stand in the order in which they were closed."""
    out = io.BytesIO()
    with BundleWriter(out, new_header()) as bundle:
        first, second = bundle.open("a"), bundle.open("b")
        for _ in range(1000):
            first.write(b"first ")
            second.write(b"second ")
        second.close()
        first.close()
        bundle.close()
    with opened(out.getvalue()) as read_back:
        assert read_back.names() == ["b", "a"]
        assert read_back.read("a") == b"first " * 1000


def test_text_can_be_written_into_a_member():
    """A member serves as the file under Python's text layer."""
    out = io.BytesIO()
    with BundleWriter(out, new_header()) as bundle:
        with io.TextIOWrapper(bundle.open("a.csv"), encoding="utf-8", newline="") as text:
            text.write("ä\r\n" * 10_000)
        bundle.close()
    with opened(out.getvalue()) as read_back:
        assert read_back.read("a.csv").decode() == "ä\r\n" * 10_000


def test_a_member_that_fails_leaves_no_trace():
    """Leaving a member by an error leaves it out, and its name is free again; forgetting to close one is told."""
    out = io.BytesIO()
    with BundleWriter(out, new_header()) as bundle:
        failing = bundle.open("a")
        failing.write(b"half")
        with pytest.raises(TypeError), failing:
            failing.write(None)
        with bundle.open("a") as member:
            member.write(b"whole")
        forgotten = bundle.open("b")
        with pytest.raises(ValueError, match="1 members are still open"):
            bundle.close()
        forgotten.close()
        bundle.close()
        with pytest.raises(ValueError, match="finished"):
            bundle.open("c")
        with pytest.raises(ValueError, match="closed"):
            forgotten.write(b"")
    with opened(out.getvalue()) as read_back:
        assert (read_back.names(), read_back.read("a")) == (["a", "b"], b"whole")


def test_what_waits_leaves_nothing_behind(tmp_path):
    """A large member that waits on disk does so in the folder that was given, without a name there, and goes with the bundle."""
    with BundleWriter(io.BytesIO(), new_header(compression="none"), spool=tmp_path) as bundle:
        member = bundle.open("a")
        member.write(bytes(5_000_000))
        assert os.name == "nt" or list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []
    assert member.closed
    with pytest.raises(CannotWrite), BundleWriter(io.BytesIO(), new_header(compression="none"), spool=tmp_path / "no") as bundle:
        bundle.open("a").write(bytes(5_000_000))


def test_a_bundle_that_is_not_closed_is_none():
    """Leaving the writer without closing it leaves nothing that a reader takes for whole."""
    out = io.BytesIO()
    with BundleWriter(out, new_header()) as bundle:
        bundle.add("a", b"a")
    with pytest.raises(BundleDamaged):
        opened(out.getvalue())


UNFIT = ["", "/a", "a/", "../a", "a/../b", "./a", "a//b", "a\\b", "c:a", "a\nb", "a\0b", "con", "x/NUL.txt", "a.", "a ", " a", "a*", "x" * 251,
         "e\u0301", "\ud800", "bundle.json", "Members.NDJSON", "a.gz", "a.zst", "a\u202eb"]


@pytest.mark.parametrize("name", UNFIT)
def test_names_that_are_not_safe_everywhere_are_refused(name):
    """No name leads elsewhere, cannot be made on some system, hides what it is, or is one of our own."""
    with BundleWriter(io.BytesIO(), new_header()) as bundle:
        for take in (bundle.open, lambda name: bundle.add(name, b"")):
            with pytest.raises(UnfitName):
                take(name)


ONE = [("a", "a"), ("a", "A"), ("ß", "SS"), ("x/a", "X/a"), ("a/b", "a"), ("a", "a/b"), ("a/b/c", "A/B"), ("A", "a/b/c")]


@pytest.mark.parametrize(("first", "second"), ONE)
def test_names_that_are_one_on_some_systems_are_refused(first, second):
    """Two members never have one name, whatever a file system thinks of capitals, and none is another one's folder."""
    with BundleWriter(io.BytesIO(), new_header()) as bundle:
        bundle.add(first, b"")
        with pytest.raises(UnfitName):
            bundle.add(second, b"")


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).map(lambda text: f"config/{text}").filter(
    lambda name: not members.unfit(name) and members.logical(name) == name)


@settings(max_examples=60, deadline=None)
@given(contents=st.dictionaries(NAMES, st.binary(max_size=300), max_size=6), compression=st.sampled_from(list(SUFFIXES)))
def test_any_content_comes_back(contents, compression):
    """Whatever fit names and bytes are put in come out; the same content makes the same bytes."""
    if len({name.casefold() for name in contents}) < len(contents) or any(a.casefold().startswith(b.casefold() + "/") for a in contents for b in contents):
        return
    data = made(contents, compression=compression)
    assert made(contents, compression=compression) == data
    with opened(data) as bundle:
        assert {name: bundle.read(name) for name in bundle.all_names()} == contents
        assert bundle.verify("full") == []
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 262143, 262144, 262145, 5_000_000])
@pytest.mark.parametrize("compression", SUFFIXES)
def test_sizes_around_the_buffers_come_back(size, compression):
    """Members whose sizes lie at the limits of the buffers, and those that wait on disk, are the same again, read whole or in pieces."""
    data = (b"0123456789abcdef" * (size // 16 + 1))[: size // 2] + os.urandom(size - size // 2)
    with opened(made({"x/data": data}, compression=compression)) as bundle:
        assert bundle.read("x/data") == data
        with bundle.open("x/data") as file:
            assert b"".join(iter(lambda: file.read(65521), b"")) == data
            assert file.read() == b""


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@settings(max_examples=40, deadline=None)
@given(pieces=st.lists(st.binary(max_size=200)), steps=st.lists(st.integers(1, 50), min_size=1), most=st.integers(1, 70))
def test_packing_in_any_pieces(compression, pieces, steps, most):
    """Packed and unpacked in whatever pieces, data stay the same, and no more is ever given than was asked for."""
    packs, unpacks, packed, out = packer(SUFFIXES[compression]), unpacker(SUFFIXES[compression]), b"", b""
    for piece in pieces:
        packed += packs.compress(piece)
    packed += packs.flush()
    while not unpacks.eof:
        step, packed = (packed[: steps[0]], packed[steps[0] :]) if unpacks.needs_input else (b"", packed)
        found = unpacks.decompress(step, max_length=most)
        assert len(found) <= most
        out += found
    assert (out, packed, unpacks.unused_data) == (b"".join(pieces), b"", b"")


def test_gzip_members_have_one_header():
    """No name, no time and no system stand in a gzip member, and Python's gzip reads it."""
    packs = packer("a.gz")
    packed = packs.compress(b"data") + packs.flush()
    assert packed[:10] == bytes.fromhex("1f8b08000000000000ff")
    assert gzip.decompress(packed) == b"data"


def test_without_zstd_it_says_what_is_missing(monkeypatch):
    """Where Python has no zstd, gzip is the best; writing zstd fails at once, and reading it when a member is opened, by name of the package."""
    data = made(SMALL, compression="zstd")
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    assert best() == "gzip"
    with pytest.raises(MissingLibrary, match=r"backports\.zstd"):
        BundleWriter(io.BytesIO(), new_header(compression="zstd"))
    with opened(data) as bundle:
        assert (bundle.verify("quick"), bundle.header["content"]["tags"]["count"]) == ([], 2)
        for act in (lambda: bundle.open("config/custom.css"), lambda: bundle.verify("full")):
            with pytest.raises(MissingLibrary, match=r"backports\.zstd"):
                act()


def test_asking_for_what_is_not_there():
    """A member, a level and a bundle that do not exist are three different errors; an encrypted or foreign file is no bundle."""
    with opened(made(SMALL)) as bundle:
        with pytest.raises(NotInBundle, match="no/such"):
            bundle.open("no/such")
        for name in ("RECORDS/tags.ndjson", "\ud800", "", "bundle.json", "records/tags.ndjson.gz"):
            with pytest.raises(NotInBundle):
                bundle.open(name)
        with pytest.raises(BadRequest, match="drill"):
            bundle.verify("drill")
        with pytest.raises(BundleDamaged, match="larger"):
            bundle.read("records/tags.ndjson", most=10)
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("bundle.json", "{}")
    for data in (b"", b"x" * 10, b"age-encryption.org/v1\n" * 9, other.getvalue(), b"PK\x05\x06" + bytes(18)):
        assert not is_bundle(io.BytesIO(data))
        with pytest.raises(NotABundle):
            opened(data)
    whole = made(SMALL)
    assert is_bundle(io.BytesIO(whole))
    assert is_bundle(io.BytesIO(whole[:-1]))
    assert is_bundle(io.BytesIO(b"x" + whole[1:]))


def test_verify_tells_of_progress_and_can_be_stopped():
    """Each member's packed size is told; what is raised from there ends it."""
    with opened(made(SMALL)) as bundle:
        seen = []
        bundle.verify("full", seen.append)
        assert seen == [bundle.member(name).size for name in SMALL]

        def stop(_):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            bundle.verify("full", stop)


def test_late_words_of_the_header():
    """What is only known at the end takes the place of what the header said before; what is no header is not written."""
    out = io.BytesIO()
    with BundleWriter(out, new_header()) as bundle:
        told = bundle.close(notInside={"a": "b"}, restoration={"compatible": False, "requirements": [], "warnings": ["w"]}, extra=[1])
    with opened(out.getvalue()) as read_back:
        assert read_back.header == told
        assert (told["notInside"], told["restoration"]["compatible"], told["extra"]) == ({"a": "b"}, False, [1])
    with BundleWriter(io.BytesIO(), new_header()) as bundle, pytest.raises(ValueError, match="timestamp"):
        bundle.close(timestamp="yesterday")


@pytest.mark.parametrize("entry", [
    Entry("a", 0, 0, 0), Entry("a/é", 5, 0xFFFFFFFF, 7), Entry("a", (1 << 32) - 2, 1, (1 << 32) - 2), Entry("a", (1 << 32) - 1, 1, 5),
    Entry("a", 5, 1, (1 << 32) - 1), Entry("a", 1 << 40, 1, 1 << 41)])
def test_headers_are_read_as_python_reads_them(entry):
    """Each header that we write means to Python's zipfile what it means to us, below, at and above the limits of 32 bits."""
    central = archive.central_header(entry)
    assert archive.read_central(io.BytesIO(central)) == entry
    start = 1 << 42

    class Sparse(io.BytesIO):
        """A file whose beginning nobody looks at."""

        def seek(self, at, whence=0):
            return super().seek(max(0, at - start) if whence == 0 else at, whence) + start

        def tell(self):
            return super().tell() + start

    with zipfile.ZipFile(Sparse(central + archive.ending(Directory(1, start, len(central))))) as file:
        info = file.infolist()[0]
        assert (info.filename, info.file_size, info.compress_size, info.CRC, info.header_offset) == (entry.name, entry.size, entry.size, entry.crc, entry.at)
        assert (info.date_time, info.compress_type, info.comment, info.external_attr >> 16) == ((1980, 1, 1, 0, 0, 0), 0, b"", 0o100600)
    local = archive.local_header(entry)
    assert archive.after(entry) == entry.at + len(local) + entry.size
    size, extra = struct.unpack_from("<L", local, 22)[0], local[30 + len(entry.name.encode()) :]
    assert (struct.unpack("<2H2Q", extra) if extra else (0, 0, size, size))[2:] == (entry.size, entry.size)


@pytest.mark.skipif(os.name == "nt", reason="Windows makes no holes in files by itself")
def test_beyond_four_gigabytes():
    """A bundle with a member of 5 GB (a hole in the file), and one behind it, opens here, in Python's zipfile and in unzip."""
    size = 5 << 30
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        out = file.file
        first = Entry("images/" + "0" * 32, size, 0x1234, 0)
        out.write(archive.local_header(first))
        out.truncate(out.tell() + size)
        out.seek(0, os.SEEK_END)
        sums = [b"\1" * 32, hashlib.sha256(PICTURE).digest()]
        second = Entry(f"images/{CHECKSUM}", len(PICTURE), zlib.crc32(PICTURE), out.tell())
        out.write(archive.local_header(second) + PICTURE)
        lines = b"".join(members.line(members.Member(e.name, e.size, s, e.size, None)) for e, s in zip((first, second), sums, strict=True))
        listed = Entry(members.LIST, len(lines), zlib.crc32(lines), out.tell())
        out.write(archive.local_header(listed) + lines)
        content = {"blobs": {"count": 2, "size": size + len(PICTURE)}}
        text = dump(completed(new_header(), content, 2, len(lines), hashlib.sha256(lines).hexdigest()))
        header = Entry(members.HEADER, len(text), zlib.crc32(text), out.tell())
        out.write(archive.local_header(header) + text)
        start = out.tell()
        central = b"".join(map(archive.central_header, (first, second, listed, header)))
        out.write(central + archive.ending(Directory(4, start, len(central))))
        out.flush()
        with BundleReader(out, "it") as bundle:
            assert bundle.verify("quick") == []
            assert bundle.read(f"images/{CHECKSUM}") == PICTURE
        with zipfile.ZipFile(file.name) as stock:
            assert stock.read(f"images/{CHECKSUM}") == PICTURE
            assert stock.getinfo(first.name).file_size == size
        if unzip := shutil.which("unzip"):
            assert subprocess.run([unzip, "-p", file.name, f"images/{CHECKSUM}"], capture_output=True, check=True).stdout == PICTURE


MANY = """
import hashlib, resource, sys, time
from stashport.bundle.header import new_header
from stashport.bundle.reader import BundleReader
from stashport.bundle.writer import BundleWriter
start = time.process_time()
with open(sys.argv[1], "wb") as file, BundleWriter(file, new_header()) as bundle:
    for number in range(int(sys.argv[2])):
        data = b"%d" % number
        bundle.add("images/" + hashlib.md5(data).hexdigest(), data)
    bundle.close()
with open(sys.argv[1], "rb") as file, BundleReader(file, "it") as bundle:
    problems = bundle.verify("full")
    assert bundle.read("images/" + hashlib.md5(b"77").hexdigest()) == b"77"
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time() - start, len(problems))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux tells it")
def test_many_members_take_little_memory_and_time(tmp_path):
    """100,000 small members are written, opened and verified in the memory that 1,000 take and 16 MB more, and other programs open them (ZIP64)."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    told = {}
    for number in (1000, 100_000):
        done = subprocess.run([sys.executable, "-c", MANY, tmp_path / "it.zip", str(number)], env=environment, capture_output=True, text=True, check=True)
        told[number] = [float(word) for word in done.stdout.split()]
    assert told[100_000][0] - told[1000][0] < 16 * 1024
    assert told[100_000][1] < 60
    assert told[100_000][2] == 0
    with zipfile.ZipFile(tmp_path / "it.zip") as file:
        assert len(file.infolist()) == 100_002
        assert file.read("images/" + hashlib.md5(b"99999").hexdigest()) == b"99999"
    if unzip := shutil.which("unzip"):
        assert subprocess.run([unzip, "-tqq", tmp_path / "it.zip"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("compression", SUFFIXES)
def test_records_go_in_and_come_out(compression):
    """The sample library is the same after a bundle, kind by kind, and an export's header comes back from the bundle's."""
    reader, out = sample(), io.BytesIO()
    export = {"format_version": 1, "made_by": "x", "created": "x", "source": {"type": "stash", "stash_version": "v0.28.1", "schema": 75, "reader": "database"},
              "choices": {"kinds": ["tags"]}, "images": True, "fields": {"tags": ["name"]}, "not_inside": {"a.b": "c"}}
    with BundleWriter(out, header_from(export, compression=compression)) as bundle:
        writer, counts = write(bundle), {}
        for kind in reader.kinds():
            writer.begin(kind, reader.fields(kind))
            for batch in reader.batches(kind, reader.fields(kind)):
                writer.write(batch)
                counts[kind.plural] = counts.get(kind.plural, 0) + len(batch)
        writer.finish(counts)
        bundle.add(f"images/{CHECKSUM}", PICTURE)
        bundle.close()
    with opened(out.getvalue()) as bundle:
        reading = read(bundle)
        found = [line for _, batch in reading.batches() for line in batch.lines]
        assert sorted(found) == sorted(lines_of(reader))
        assert {k: n for k, n in reading.counts.items() if n} == counts
        assert {**export, "made_by": "", "created": ""} == {**reading.header, "made_by": "", "created": ""}
        assert bundle.header["source"]["databaseVersion"] == "75"


@pytest.mark.parametrize(("name", "data", "word"), [
    ("records/tags.ndjson", b"[]\n", "line 1"), ("records/tags.ndjson", b'{"id":"tag:1"}\n{"id":"scene:1"}\n', "line 2"),
    ("records/tags.ndjson", b'{"id":"tag:1"', "line 1"), ("records/tags.ndjson", b"\n", "line 1"), ("records/ghosts.ndjson", b"", "unknown kind")])
def test_records_that_are_none_are_refused(name, data, word):
    """Lines that are no records of their kind, and kinds that are unknown, are told with the place."""
    with opened(made({name: data})) as bundle, pytest.raises(BadFile, match=word):
        list(read(bundle).batches())


def test_header_of_a_bundle_without_a_server():
    """What a source cannot tell of itself is null in the header and absent in the export's."""
    header = header_from({"source": {"type": "database file", "schema": 75}}, warnings=["w"])
    assert header["source"] == {"stashVersion": None, "databaseVersion": "75", "instanceId": None, "type": "database file"}
    whole = completed(header, {}, 0, 0, "0" * 64)
    assert export_header(whole)["source"] == {"type": "database file", "schema": 75}
    assert set(whole["content"]) >= {BY_NAME[kind].plural for kind in ("scene", "performer", "studio", "tag", "file")}
    assert set(whole["content"]) <= {*BY_PLURAL, "blobs"}
    assert len(Batch(records=[])) == 0


def shell_blocks():
    """The commands of docs/bundle.md."""
    return re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "bundle.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_the_page_about_the_format_is_right(compression, tmp_path):
    """Every command of docs/bundle.md works with stock tools, and takes out what was put in."""
    missing = [tool for tool in ("bash", "unzip", "gzip", "zstd", "jq", "sha256sum", "md5sum") if not shutil.which(tool)]
    if missing:
        pytest.skip(f"not here: {', '.join(missing)}")
    (tmp_path / "library.zip").write_bytes(made(SMALL, compression=compression))
    blocks = [block for block in shell_blocks() if compression == "gzip" or ".gz" not in block]
    blocks = [block for block in blocks if compression == "zstd" or ".zst" not in block]
    assert len(blocks) >= 4
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(blocks)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Naïve" in done.stdout
    assert "FAILED" not in done.stdout
    assert done.stdout.count(": OK") == len(SMALL) + 2
