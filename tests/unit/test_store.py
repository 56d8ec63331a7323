"""Stores: a folder and what fsspec reaches keep the same laws."""

from __future__ import annotations

import io
import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.bundle.store import read_small
from stashport.bundle.store_pending import Pending
from stashport.bundle.store_reading import Remote
from stashport.bundle.store_url import address, is_url, shown
from stashport.errors import BadRequest, MissingLibrary, StoreFailed, VaultDamaged
from stashport.jobs.context import Context
from stashport.jobs.packages import FEATURES
from stashport.jobs.vaults import store_at
from stashport.runs.state import State
from support.stores import PIECE, Failing, new_memory, remote, some_store

KINDS = ("folder", "memory", "disk")
NAME = "11111111-2222-4333-8444-555555555555/packs/0123456789abcdef0123456789abcdef.bundle"


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    """An empty store of each kind."""
    return some_store(request.param, tmp_path)


def put(store, name, data, after=()):
    """Put bytes through a file, as backups do; the sizes that progress was told of."""
    told = []
    made = store.workplace(name)
    made.write_bytes(data)
    store.put(made, name, told.append, after)
    assert not made.exists()
    return told


def content(store):
    """Everything in a store, by name."""
    found = {}
    for name in store.names(""):
        with store.open(name) as file:
            found[name] = file.read()
    return found


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7])
def test_what_is_put_comes_back(store, size):
    """Files of any size, in one or several pieces, are listed once, have their size, read back whole and are gone when deleted."""
    data = random.Random(size).randbytes(size)
    assert sum(put(store, NAME, data, [("a/card.json", b"{}\n")])) == size
    assert content(store) == {NAME: data, "a/card.json": b"{}\n"}
    assert store.size(NAME) == size
    assert list(store.names("a")) == ["a/card.json"]
    store.delete(NAME)
    assert store.size(NAME) is None
    assert list(store.names("")) == ["a/card.json"]


def test_it_is_read_from_any_place(store):
    """Seeking, reading lines and reading behind the end work as in a file, over the borders of pieces."""
    data = b"".join(b"line %d\n" % number for number in range(900))
    put(store, NAME, data)
    alike, choose = io.BytesIO(data), random.Random(5)
    with store.open(NAME) as file:
        assert list(file) == data.splitlines(keepends=True)
        for _ in range(200):
            place, size = choose.randrange(len(data) + 50), choose.randrange(3000)
            assert file.seek(place) == alike.seek(place)
            assert file.read(size) == alike.read(size)
        assert file.seek(0, os.SEEK_END) == len(data)


def test_small_files_are_replaced_as_a_whole(store):
    """`write` makes a file or replaces it; what is not there has no size, cannot be opened, and can be deleted all the same."""
    store.write("keys/probe.age", b"one")
    store.write("keys/probe.age", b"another one")
    assert read_small(store, "keys/probe.age") == b"another one"
    assert store.size("keys/none.age") is None
    with pytest.raises(VaultDamaged):
        store.open("keys/none.age")
    store.delete("keys/none.age")
    with pytest.raises(VaultDamaged):
        read_small(store, "keys/probe.age", 3)


def test_an_empty_place_can_be_looked_at_and_proven(store):
    """A place where nothing is yet lists nothing, and a check leaves nothing there."""
    assert list(store.names("")) == list(store.names("a/backups")) == []
    store.check(1000)
    assert list(store.names("")) == []
    assert store.settle("", finish=True) == []


@given(st.lists(st.integers(0, 40), max_size=5), st.integers(1, 9), st.randoms(use_true_random=False))
def test_reading_fetches_only_what_it_is_told_of(sizes, block, choose):
    """Whatever the pieces and the blocks, each place gives the bytes that are there, and no fetch reaches over the end of a piece."""
    parts = [(str(number), choose.randbytes(size)) for number, size in enumerate(sizes)]
    whole, held = b"".join(data for _, data in parts), dict(parts)

    def fetch(path, start, end):
        assert 0 <= start < end <= min(len(held[path]), start + block)
        return held[path][start:end]

    file = Remote([(path, len(data)) for path, data in parts], fetch, block)
    for _ in range(20):
        place = choose.randrange(len(whole) + 3)
        file.seek(place)
        got = file.read(7)
        assert got == whole[place : place + len(got)]
        assert got or place >= len(whole)
    file.seek(0)
    assert io.BufferedReader(file).read() == whole


@pytest.mark.parametrize("late", [False, True])
def test_an_upload_goes_on_where_it_stopped(tmp_path, late):
    """Cut off at any piece, nothing is listed; the next start sends only what is missing, and what belongs to the file after it."""
    data, after = random.Random(1).randbytes(5 * PIECE + 5), [("a/packs/x.names", b"n\n"), ("a/packs/x.json", b"{}\n")]
    for fails_at in range(1, 10):
        memory, state = new_memory(), tmp_path / f"{fails_at}"
        broken = Failing(memory, fails_at, late=late)
        with pytest.raises(StoreFailed, match="the network is gone"):
            put(remote(broken, "p", state), "a/packs/x.bundle", data, after)
        assert "a/packs/x.json" not in content(remote(memory, "p", state)) or (late and fails_at == 9)
        again = Failing(memory)
        store = remote(again, "p", state)
        assert store.settle("b/", finish=True) == []
        assert store.settle("a/", finish=True) == ["a/packs/x.bundle"]
        arrived = fails_at - (not late)
        assert sum(".parts/0" in line for line in again.done) == max(0, 6 - arrived)
        assert content(store) == {"a/packs/x.bundle": data, **dict(after)}
        assert store.pending.waiting("") == []
        assert [path for path in state.rglob("*") if path.is_file()] == []


def test_an_upload_that_nothing_follows_is_dropped(tmp_path):
    """A backup that was cut off is made anew at a later moment: its file goes, here and there, and so do pieces whose file is nowhere any more."""
    memory = new_memory()
    with pytest.raises(StoreFailed):
        put(remote(Failing(memory, 3), "p", tmp_path), "a/backups/x.bundle", bytes(5 * PIECE))
    with pytest.raises(StoreFailed):
        put(remote(Failing(memory, 3), "p", tmp_path / "lost"), "a/packs/y.bundle", bytes(5 * PIECE), [("a/packs/y.json", b"")])
    put(remote(memory, "p", tmp_path), "b/packs/z.bundle", bytes(5 * PIECE))
    store = remote(memory, "p", tmp_path)
    assert store.settle("a/", finish=True) == []
    assert {path.split("/")[2] for path in memory.find("p")} == {"b"} or {path.strip("/").split("/")[1] for path in memory.find("p")} == {"b"}
    assert store.pending.waiting("") == []


@pytest.mark.parametrize("harm", ["piece gone", "piece short", "end gone"])
def test_a_file_that_misses_a_piece_is_not_there(tmp_path, harm):
    """Whatever part of it is missing: it is not listed, has no size and cannot be opened."""
    memory = new_memory()
    store = remote(memory, "p", tmp_path)
    put(store, NAME, bytes(3 * PIECE))
    first = f"p/{NAME}.parts/00002"
    if harm == "piece short":
        memory.pipe_file(first, b"x")
    else:
        memory.rm_file(first if harm == "piece gone" else f"p/{NAME}.parts/whole-3-{3 * PIECE}")
    assert (list(store.names("")), store.size(NAME)) == ([], None)
    with pytest.raises(VaultDamaged):
        store.open(NAME)


def test_what_passes_is_tried_again(tmp_path):
    """One failure of each call is survived, a refusal is not tried again, and the message says what failed without the login."""
    memory = new_memory()
    for number in range(1, 40):
        store = remote(Failing(memory, number, for_good=False, calls=Failing.CALLS, error=ConnectionError("reset")), "p", tmp_path)
        put(store, NAME, bytes(2 * PIECE + 1))
        assert content(store) == {NAME: bytes(2 * PIECE + 1)}
    refused = Failing(memory, 1, error=PermissionError("no entry for https://me:hush-hush@host/x"))
    with pytest.raises(StoreFailed, match="no entry for https://host/x"):
        remote(refused, "p", tmp_path).write("a", b"")
    assert refused.count == 1


def test_a_listing_that_fails_is_no_empty_place(tmp_path):
    """A store that cannot list says so: an empty answer would let clean-up take every image for one that nobody needs."""
    memory = new_memory()
    put(remote(memory, "p", tmp_path), NAME, b"x")
    with pytest.raises(StoreFailed):
        list(remote(Failing(memory, 1, calls=("ls",)), "p", tmp_path).names(""))


def test_what_waits_half_written_is_left_alone_for_a_day(tmp_path):
    """A note without its file, and a file without its note, count for nothing, and go when they are old."""
    made = tmp_path / "made"
    made.write_bytes(b"abc")
    pending = Pending(tmp_path, "x://y")
    kept = pending.take(made, "a/x", [("a/y", b"text")])
    folder = kept.file.parent
    (folder / "odd.json").write_text('{"name": "a/z", "size": 3, "after": []}')
    (folder / "odd.data").write_bytes(b"abc")
    assert pending.waiting("a/") == [kept]
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    assert pending.waiting("a/") == [kept]
    assert sorted(folder.iterdir()) == sorted([kept.file, kept.file.with_suffix(".json")])


def test_addresses_hide_their_secrets(monkeypatch):
    """Login and query are used and never shown; the bucket keeps its spelling; what is not known is refused."""
    found = address("s3://AKIA:to%2Fken@My.Bucket/a/b/?endpoint=http://127.0.0.1:5000&region=eu-1")
    assert (found.protocol, found.root, found.shown, found.whole) == ("s3", "My.Bucket/a/b", "s3://My.Bucket/a/b", True)
    assert (found.options["key"], found.options["secret"], found.options["endpoint_url"]) == ("AKIA", "to/ken", "http://127.0.0.1:5000")
    assert {"to/ken", "to%2Fken"} <= set(found.secrets)
    dav = address("webdavs://me:pw@nas:8443/dav/x")
    assert (dav.options["base_url"], dav.options["auth"], dav.root, dav.shown) == ("https://nas:8443", ("me", "pw"), "dav/x", "webdavs://nas:8443/dav/x")
    monkeypatch.setenv("STASH_PORT_STORE_PASSWORD", "from outside")
    ssh = address("sftp://me@nas/srv/x")
    assert (ssh.options["username"], ssh.options["password"], ssh.options["port"], ssh.root) == ("me", "from outside", 22, "/srv/x")
    assert ssh.secrets == ("from outside",)
    assert shown("s3://k:s@b/x?endpoint=y") == "s3://b/x"
    assert (shown("/a/b"), shown("C:\\a")) == ("/a/b", "C:\\a")
    assert [is_url(one) for one in ("/a", "C:\\a", "c://x", "file:///a", "s3://b", "~/x")] == [False, False, False, False, True, False]
    for wrong in ("s3:///x", "s3://b/x?colour=red", "sftp://h:port/", "gs://u:p@b/x", "memory://a?b=c"):
        with pytest.raises(BadRequest):
            address(wrong)


def test_places_lead_to_their_stores(tmp_path, monkeypatch):
    """A path and file:// are folders; an address is a store; a kind that nobody knows, or whose package is missing, is said with the command that mends it."""
    context = Context(State(tmp_path))
    assert store_at(str(tmp_path)).local == store_at(f"file://{tmp_path}").local == tmp_path
    assert store_at("memory://stash-port-test/a", context).place == "memory://stash-port-test/a"
    with pytest.raises(BadRequest, match="no kind of place"):
        store_at("telepathy://you", context).size("x")
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(MissingLibrary, match="fsspec") as caught:
        store_at("s3://bucket/x", context).size("x")
    assert caught.value.details["feature_name"] in FEATURES
