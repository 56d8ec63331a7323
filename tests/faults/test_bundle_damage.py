"""Bundles that are damaged, cut, put together otherwise, or made to harm: not one is taken for whole."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import random
import zlib
from collections import deque

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stashport.bundle import archive, members
from stashport.bundle.archive import Directory, Entry
from stashport.bundle.header import completed, dump, new_header
from stashport.bundle.packing import packer
from stashport.bundle.reader import BundleReader, read_header
from stashport.bundle.writer import BundleWriter
from stashport.errors import BundleDamaged, DiskFull, NewerFile, NotABundle

TAGS = b'{"id":"tag:1"}\n{"id":"tag:2"}\n'
REFUSALS = (BundleDamaged, NotABundle, NewerFile)


def made(seed=0, number=2, compression="gzip"):
    """A bundle of some random members."""
    chance, out = random.Random(seed), io.BytesIO()
    header = {**new_header(compression=compression), "id": f"{seed:08x}-2222-4333-8444-555555555555", "timestamp": "2026-01-02T03:04:05Z"}
    with BundleWriter(out, header) as bundle:
        bundle.add("records/tags.ndjson", TAGS)
        for count in range(number):
            picture = b"%d " % count + chance.randbytes(chance.randrange(100))
            bundle.add("images/" + hashlib.md5(picture).hexdigest(), picture)
        bundle.add("config/custom.css", b"body { color: %d }" % seed * 9)
        bundle.close()
    return out.getvalue()


def accepted(data):
    """Whether a bundle is taken for whole: opened, and verified without a problem.  Anything but an error of ours is a failure of the test."""
    try:
        with BundleReader(io.BytesIO(data), "it") as bundle:
            return not bundle.verify("full")
    except REFUSALS:
        return False


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_every_flipped_byte_is_found(compression):
    """Each byte of a small bundle, changed in one bit, in the one that capitals differ by, and in all: none is accepted."""
    whole = made(compression=compression)
    assert accepted(whole)
    wrong = []
    for at in range(len(whole)):
        for change in (1 << at % 8, 0x20, 0xFF):
            data = bytearray(whole)
            data[at] ^= change
            if accepted(bytes(data)):
                wrong.append((at, change))
    assert wrong == []


def test_every_cut_is_found():
    """A bundle that ends at any byte before its last, or begins after its first, is refused."""
    whole = made()
    assert [at for at in range(len(whole)) if accepted(whole[:at])] == []
    assert [at for at in range(1, len(whole)) if accepted(whole[at:])] == []


@pytest.mark.parametrize("more", [b"\0", b"\n", b"PK", bytes(22), bytes(1000), b"PK\x05\x06" + bytes(18)])
def test_nothing_stands_before_between_or_after(more):
    """Bytes that are put anywhere, also ones that look like the end of a ZIP, are found."""
    whole = made()
    chance = random.Random(len(more))
    places = [0, len(whole), len(whole) - 22, *(chance.randrange(len(whole)) for _ in range(40))]
    assert [at for at in places if accepted(whole[:at] + more + whole[at:])] == []
    assert not accepted(whole + whole)


def test_every_piece_taken_out_is_found():
    """A bundle that lacks any one byte is refused."""
    whole = made()
    assert [at for at in range(len(whole)) if accepted(whole[:at] + whole[at + 1 :])] == []


WHOLE, OTHER = made(7, 40), made(8, 40)
PLACES = st.integers(0, len(WHOLE) - 1)
LENGTHS = st.integers(1, 300)


@st.composite
def mutations(draw):
    """A bundle with some bytes changed, taken out, doubled, moved, or out of another bundle."""
    data = bytearray(WHOLE)
    for _ in range(draw(st.integers(1, 3))):
        at, size = draw(PLACES), draw(LENGTHS)
        what = draw(st.sampled_from(["flip", "cut", "take", "double", "move", "other", "zero", "insert"]))
        if what == "flip":
            data[at % len(data)] ^= draw(st.integers(1, 255))
        elif what == "cut":
            del data[max(1, at) :]
        elif what == "take":
            del data[at : at + size]
        elif what == "double":
            data[at:at] = data[at : at + size]
        elif what == "move":
            piece = bytes(data[at : at + size])
            del data[at : at + size]
            to = draw(PLACES)
            data[to:to] = piece
        elif what == "other":
            data[at : at + size] = OTHER[at : at + size]
        elif what == "zero":
            data[at : at + size] = bytes(len(data[at : at + size]))
        else:
            data[at:at] = draw(st.binary(min_size=1, max_size=50))
        if not data:
            break
    return bytes(data)


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=mutations())
def test_random_mutations_are_found(data):
    """Whatever is done to a bundle of 40 members at random, the result is refused, unless it is the bundle or the other one again."""
    assert accepted(data) == (data in (WHOLE, OTHER))


# --- bundles that are consistent in themselves, but for one thing ---


def packed(name, data):
    """Bytes as a member of this name holds them."""
    packs = packer(name)
    return packs.compress(data) + packs.flush() if packs else data


def forged(contents, *, told=None, entries=lambda found: found, late=lambda header: header, text=dump, between=b"", count=None, extra=b""):
    """A bundle as somebody would make it who knows the format: all sums are right.

    contents  (name, packed bytes, unpacked size, records)
    told      by name: what our list says otherwise
    entries   changes ZIP's list; late changes the header
    """
    out, found, lines, listed_index = bytearray(), [], b"", members.Index()
    for name, data, unpacked, records in contents:
        entry = Entry(name, len(data), zlib.crc32(data), len(out))
        out += archive.local_header(entry) + data + between
        found.append(entry)
        one = members.Member(name, len(data), hashlib.sha256(data).digest(), unpacked, records)
        lines += members.line(one._replace(**(told or {}).get(name, {})))
    kept = {"blobs": {"count": sum(e.name.startswith("images/") for e in found), "size": sum(e.size for e in found if e.name.startswith("images/"))}}
    for name, data, _, records in contents:
        if records is not None and members.counts_records(name):
            kept[members.RECORDS.fullmatch(members.logical(name))[1]] = {"count": (told or {}).get(name, {}).get("records", records), "size": len(data)}
    listed_index.close()
    header = late(completed(new_header(), kept, len(contents) if count is None else count, len(lines), hashlib.sha256(lines).hexdigest()))
    for name, data in ((members.LIST, lines), (members.HEADER, text(header))):
        found.append(Entry(name, len(data), zlib.crc32(data), len(out)))
        out += archive.local_header(found[-1]) + data
    central = b"".join(map(archive.central_header, entries(found))) + extra
    return bytes(out) + central + archive.ending(Directory(len(found), len(out), len(central)))


def plain(*names, data=b"data"):
    """Members that are stored as they are."""
    return [(name, data, len(data), None) for name in names]


def reason(data):
    """Why a bundle is refused."""
    try:
        with BundleReader(io.BytesIO(data), "it") as bundle:
            return "; ".join(bundle.verify("full")) or "it is not"
    except REFUSALS as error:
        return str(error)


def test_the_forger_can_make_a_good_one():
    """What the following tests change is accepted unchanged."""
    name = "records/tags.ndjson.gz"
    assert accepted(forged([*plain("a", "b/c", "images/" + "0" * 32), (name, packed(name, TAGS), len(TAGS), 2)]))
    assert accepted(forged([]))


BAD_NAMES = ["../a", "a/../../b", "/etc/passwd", "a\\..\\b", "c:/a", "a/", "./a", "a//b", "CON", "nul.txt", "a.", "a\x00b", "e\u0301", "bundle.json",
             "MEMBERS.NDJSON", "a?b", "a\u202eb", ".gz", "a.gz.gz", "bundle.json.gz"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_lead_elsewhere_are_refused(name):
    """No name that is absolute, climbs, or means something else on some system is read, whoever wrote it."""
    assert "cannot be called" in reason(forged(plain("x", name)))


@pytest.mark.parametrize("names", [("a", "a"), ("a", "A"), ("a.gz", "a"), ("images/a", "Images/a"), ("a/b", "a"), ("a", "a/b")])
def test_doubled_names_are_refused(names):
    """Two members with one name, on whatever system, are refused."""
    assert "cannot be called" in reason(forged([(name, packed(name, b"data"), 4, None) for name in names]))


def test_swapped_members_are_refused():
    """Two members of one size whose bytes, or places in ZIP's list, are exchanged are found."""
    contents = [("a", b"one", 3, None), ("b", b"two", 3, None)]
    whole = forged(contents)
    assert "is not what was written" in reason(whole.replace(b"one", b"***", 1).replace(b"two", b"one", 1).replace(b"***", b"two", 1))
    assert not accepted(forged(contents, entries=lambda e: [e[1], e[0], *e[2:]]))
    assert not accepted(forged(contents, entries=lambda e: [e[0]._replace(crc=e[1].crc), e[1]._replace(crc=e[0].crc), *e[2:]]))
    assert not accepted(forged(contents, entries=lambda e: [e[0]._replace(at=e[1].at), e[1]._replace(at=e[0].at), *e[2:]]))


def test_overlapping_members_and_gaps_are_refused():
    """No member lies within another one, shares bytes with it, or has anything before it but the one before."""
    contents = plain("a", "b")
    assert not accepted(forged(contents, entries=lambda e: [e[0], e[1]._replace(at=0), *e[2:]]))
    assert "is not where" in reason(forged(contents, entries=lambda e: [e[0]._replace(at=1), *e[1:]]))
    assert not accepted(forged(contents, between=b"\0"))
    assert not accepted(forged(contents, entries=lambda e: [e[0]._replace(size=e[0].size + 40), *e[1:]]))
    assert not accepted(forged(contents, extra=archive.central_header(Entry("c", 0, 0, 0))))
    assert not accepted(forged(contents, extra=b"\0"))
    assert not accepted(forged(contents, entries=lambda e: e[1:]))


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_bombs_do_not_go_off(ending):
    """A member that unpacks to more, or to less, than was told is refused, after at most the told size."""
    name = f"x/bomb{ending}"
    data = packed(name, bytes(50_000_000))
    assert len(data) < 60_000
    for told, word in ((10, "to more"), (0, "to more"), (49_999_999, "to more"), (50_000_001, "cut off|to less")):
        file = forged([(name, data, told, None)])
        with BundleReader(io.BytesIO(file), "it") as bundle:
            with pytest.raises(BundleDamaged, match=word), bundle.open("x/bomb") as member:
                deque(iter(lambda: member.read(1 << 20), b""), maxlen=0)
            assert len(bundle.verify("full")) == 1
    with BundleReader(io.BytesIO(forged([(name, data, 50_000_000, None)])), "it") as bundle, pytest.raises(BundleDamaged, match="larger"):
        bundle.read("x/bomb", most=1_000_000)


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("change", ["twice", "more", "short", "empty", "foreign"])
def test_packed_members_are_one_stream_and_no_more(ending, change):
    """A second stream, bytes behind the end, a missing end, no bytes at all and another header are refused, though all sums are right."""
    name = f"x/a{ending}"
    good = packed(name, b"data" * 99)
    bad = {"twice": good + packed(name, b""), "more": good + b"\0", "short": good[:-1], "empty": b"", "foreign": good[:4] + b"\1" + good[5:]}[change]
    assert not accepted(forged([(name, bad, 396, None)]))
    assert not accepted(forged([(name, bad, 0, None)]))


@pytest.mark.parametrize(("data", "records"), [(TAGS, 1), (TAGS, 3), (TAGS[:-1], 1), (TAGS[:-1], 2), (b"", 1), (b"x", 0)])
def test_records_are_counted(data, records):
    """A count that is not that of the lines, and a last line without an end, are found."""
    name = "records/tags.ndjson"
    assert "records" in reason(forged([(name, data, len(data), records)]))


@pytest.mark.parametrize(("told", "name"), [
    ({"name": "b"}, "a"), ({"size": 5}, "a"), ({"unpacked": 5}, "a"), ({"records": 0}, "a"), ({"sha256": bytes(32)}, "a"), ({"sha256": bytes(31)}, "a"),
    ({"size": '"4"'}, "a"), ({"size": -4}, "a"), ({"size": 1 << 64}, "a"), ({"records": True}, "a"), ({"unpacked": "04"}, "a"),
    ({"records": None}, "records/tags.ndjson")])
def test_our_list_and_that_of_zip_say_the_same(told, name):
    """A line of our list that differs from ZIP's, is spelt otherwise, or says what cannot be is refused."""
    assert not accepted(forged([(name, b"data", 4, 1 if name.startswith("records/") else None)], told={name: told}))


def test_the_list_is_bound_to_the_header():
    """A header that counts otherwise, or names another sum, does not go with the list: an old header does not open newer members."""
    first, second = forged(plain("a", "b")), forged(plain("a", "c"))
    assert len(first) == len(second)
    start = first.index(b'{\n  "choices"') - 41
    assert not accepted(first[:start] + second[start:])
    assert not accepted(forged(plain("a"), count=2))
    assert not accepted(forged(plain("a"), late=lambda h: {**h, "members": {**h["members"], "size": h["members"]["size"] - 1}}))
    assert "counts otherwise" in reason(forged(plain("a"), late=lambda h: {**h, "content": {**h["content"], "galleries": {"count": 0, "size": 0}}}))
    name = "records/galleries.ndjson"
    for count in (1.0, True):
        changed_count = {"galleries": {"count": count, "size": 3}}
        assert "counts otherwise" in reason(forged([(name, b"{}\n", 3, 1)], late=lambda h, c=changed_count: {**h, "content": {**h["content"], **c}}))
    assert "counts otherwise" in reason(forged(plain("images/a"), late=lambda h: {**h, "content": {**h["content"], "blobs": {"count": 0, "size": 4}}}))


def changed(header, path, value):
    """A header with another value at a place; one without it for a value of ...."""
    copy = json.loads(json.dumps(header))
    *way, last = path.split(".")
    inner = copy
    for step in way:
        inner = inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return copy


def as_json(header):
    """A header as `dump` spells it, whatever it is."""
    return json.dumps(header, sort_keys=True, indent=2).encode() + b"\n"


def leaves(header, before=""):
    """The places of a header."""
    for key, value in header.items():
        yield before + key
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{key}.")


@pytest.mark.parametrize("path", sorted(leaves(completed(new_header(), {}, 0, 0, "0" * 64))))
def test_headers_of_another_shape_are_refused(path):
    """Each key of the header has to be there, and of its type; nothing of another type makes the reader stumble."""
    for value in (..., [], {}, [0], "", "x", -1, 1.5, 1e400, True, None):
        good = completed(new_header(), {}, 0, 0, hashlib.sha256(b"").hexdigest())
        data = forged([], late=lambda header, value=value: changed(header, path, value), text=as_json)
        fits = value is not ... and type(value) is type(_at(good, path)) and path.split(".")[0] in ("choices", "fields", "notInside")
        free = path == "version" and isinstance(value, str)
        source = path.startswith("source.") and (value is None or isinstance(value, str))
        lists = path.startswith("restoration.") and value == (True if path.endswith("compatible") else [])
        encrypted = path == "options.encryption" and value is True
        assert accepted(data) == (fits or free or source or lists or encrypted), (path, value)


def _at(header, path):
    for step in path.split("."):
        header = header[step]
    return header


@pytest.mark.parametrize("spell", [
    lambda h: json.dumps(h).encode(), lambda h: dump(h)[:-1], lambda h: dump(h) + b"\n", lambda h: b"\xef\xbb\xbf" + dump(h),
    lambda h: dump(h).replace(b'"choices": {},', b'"choices": {},\n  "choices": {},'), lambda h: dump({**h, "x": 5}).replace(b"5\n", b"5e0\n"),
    lambda h: dump({**h, "x": "a"}).replace(b'"a"', b'"\\u0061"')])
def test_a_header_has_one_spelling(spell):
    """White space, escapes, doubled keys, numbers and byte order marks that mean the same are refused."""
    assert "spelling" in reason(forged([], text=spell)) or "not ours" in reason(forged([], text=spell))


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b"[" * 100_000, b'{"format":"stash-port bundle"}', b"\xff", b"9" * 5000])
def test_a_header_that_is_none(text):
    """What is no header of ours is no bundle; nesting and numbers without end are no danger."""
    assert "not ours" in reason(forged([], text=lambda _: text))


def test_a_newer_bundle_is_named_as_such():
    """A later version of the format, or of the records, is told with both versions, whatever else is different in it; the same from the header alone."""
    for change in ({"formatVersion": 2}, {"formatVersion": 3, "options": "x", "content": None}, {"recordsVersion": 9}):
        data = forged(plain("a"), late=lambda header, change=change: {**header, **change})
        for act in (BundleReader, read_header):
            with pytest.raises(NewerFile, match=str(max(v for v in change.values() if isinstance(v, int)))):
                act(io.BytesIO(data), "it")
    assert not accepted(forged([], late=lambda header: {**header, "formatVersion": 0}))


def test_a_key_that_is_not_known_is_no_damage():
    """Later releases may add keys to the header."""
    assert accepted(forged([], late=lambda header: {**header, "somethingNew": {"a": [1]}}))


def test_the_last_byte_comes_only_when_all_are_right():
    """A reader who asks for exactly the told number of bytes of a changed member never gets the last of them."""
    data = b"0123456789" * 100_000
    whole = forged([("a", data, len(data), None)])
    bad = bytearray(whole)
    bad[50] ^= 1
    with BundleReader(io.BytesIO(bytes(bad)), "it") as bundle:
        with bundle.open("a") as member:
            assert len(member.read(1000)) == 1000
        with bundle.open("a") as member, pytest.raises(BundleDamaged):
            member.read(len(data))
        with pytest.raises(BundleDamaged):
            bundle.read("a")


def test_one_bad_member_does_not_hide_the_others():
    """Verifying goes on after damage, names each damaged member, and stops listing after a hundred."""
    whole = bytearray(made(3, 150))
    with BundleReader(io.BytesIO(bytes(whole)), "it") as bundle:
        found = [(name, bundle.member(name)) for name in bundle.all_names()]
    hit = [(name, member) for name, member in found if member.size and name.startswith("images/")]
    for _, member in hit[:3]:
        whole[archive.after(member.entry) - 1] ^= 1
    with BundleReader(io.BytesIO(bytes(whole)), "it") as bundle:
        assert bundle.verify("quick") == []
        assert [problem.split()[0] for problem in bundle.verify("full")] == [name for name, _ in hit[:3]]
    for _, member in hit[3:]:
        whole[member.at] ^= 1
    with BundleReader(io.BytesIO(bytes(whole)), "it") as bundle:
        assert len(bundle.verify("quick")) == 101


# --- streams that fail ---


class Full(io.RawIOBase):
    """A disk that is full after some writes, or after some bytes."""

    def __init__(self, writes=10**9, size=10**9):
        self.data, self.writes, self.room = bytearray(), writes, size

    def write(self, data):
        """Take what fits."""
        self.writes -= 1
        if self.writes < 0 or not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = bytes(data[: self.room])
        self.room -= len(taken)
        self.data += taken
        return len(taken)


def write_into(stream):
    """A bundle, written the usual way."""
    with BundleWriter(stream, new_header()) as bundle:
        with bundle.open("records/tags.ndjson") as member:
            member.write(TAGS)
        for number in range(3):
            bundle.add(f"images/{number}", b"%d" % number)
        bundle.close()


@pytest.mark.parametrize("what", ["writes", "size"])
def test_a_full_disk_at_any_write_is_told(what):
    """The error of the disk reaches the caller, whichever write it hits, and what was written until then is not taken for a bundle."""
    whole = Full()
    write_into(whole)
    steps = 10**9 - whole.writes if what == "writes" else len(whole.data)
    assert steps > (5 if what == "writes" else 1000)
    for number in range(steps):
        stream = Full(**{what: number})
        with pytest.raises(OSError, match="No space left") as caught:
            write_into(stream)
        assert caught.value.errno == errno.ENOSPC
        assert not accepted(bytes(stream.data))


def test_a_bundle_whose_stream_failed_cannot_be_finished():
    """After an error of the stream nothing more is written, even if there would be room again."""
    stream = Full(size=10)
    with BundleWriter(stream, new_header()) as bundle:
        with pytest.raises(OSError, match="No space"):
            bundle.add("images/a", b"data")
        stream.room = 10**6
        for act in (bundle.close, lambda: bundle.add("images/b", b""), lambda: bundle.open("c")):
            with pytest.raises(ValueError, match="writing it failed"):
                act()
    assert len(stream.data) == 10


def test_a_full_disk_for_what_waits_is_told(monkeypatch, tmp_path):
    """When the folder for what waits is full, that is what is told, of that folder, and the bundle cannot be finished without that member."""
    out = io.BytesIO()
    monkeypatch.setattr("tempfile.SpooledTemporaryFile", lambda *_, **__: io.BufferedRandom(FullFile(), 1))
    with BundleWriter(out, new_header(compression="none"), spool=tmp_path) as bundle:
        member = bundle.open("a")
        with pytest.raises(DiskFull, match=str(tmp_path)):
            member.write(b"data" * 1000)
        with pytest.raises(ValueError, match="writing it failed"):
            bundle.close()
    assert out.getvalue() == b""


class FullFile(Full):
    """A full disk under a buffer."""

    def __init__(self):
        super().__init__(size=0)

    def readable(self):
        """It could be."""
        return True

    def writable(self):
        """It says so."""
        return True

    def seekable(self):
        """It could be."""
        return True

    def seek(self, at, whence=0):
        """There is nothing."""
        return 0

    def tell(self):
        """There is nothing."""
        return 0


def test_a_disk_that_cannot_be_read_is_told():
    """An error while reading reaches the caller; in verifying it is a problem of that member."""
    data = made()

    class Failing(io.BytesIO):
        """Fails to read the first member's bytes."""

        failing = False

        def read(self, size=-1):
            if self.failing and self.tell() == 52:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    stream = Failing(data)
    with BundleReader(stream, "it") as bundle:
        stream.failing = True
        assert archive.after(bundle.member("records/tags.ndjson").entry) - bundle.member("records/tags.ndjson").size == 52
        with pytest.raises(OSError, match="Input/output"):
            bundle.read("records/tags.ndjson")
        assert bundle.verify("full") == ["[Errno 5] Input/output error"]
