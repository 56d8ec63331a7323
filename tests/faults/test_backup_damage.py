"""Vaults whose files were changed: every change is reported by verify, and nothing wrong ever comes out of a backup.

STASH_PORT_MUTATIONS sets how many changes are tried for each sort of vault; 10,000 are what the project promises by.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import zipfile
from collections import Counter

import pytest
from stashport.bundle.vault import HEAD
from stashport.errors import PortError
from support.backups import Place, contents

NUMBER = int(os.environ.get("STASH_PORT_MUTATIONS", "60"))
SORTS = (".bundle", ".bundle.age", ".names", ".proof.json", ".json")


class Vault:
    """A vault of two backups of different content with a pack each, what came out of both while it was whole, and its files' bytes."""

    def __init__(self, folder, encrypted):
        self.place = place = Place.made(folder, encrypted=encrypted)
        place.backup()
        place.picture(b"another picture")
        place.change("another text")
        place.backup()
        self.root, self.work = place.vault_folder, folder / "work"
        self.work.mkdir()
        self.backups = place.reached().vault.backups()
        self.wanted = {one.stem: place.rebuilt(one, folder / f"out-{number}") for number, one in enumerate(self.backups)}
        there = sorted(path for path in self.root.rglob("*") if path.is_file() and path.suffix != ".guard")  # what lasts of a lock holds nothing
        self.files = {path.relative_to(self.root).as_posix(): path.read_bytes() for path in there}
        assert place.problems(self.work) == []
        assert len({str(one) for one in self.wanted.values()}) == 2
        assert self.wanted[self.backups[0].stem] == contents(place.database, place.blobs)

    def sort(self, name):
        """The sort of file that a name is of: those of one sort can be taken for each other."""
        return name.split("/")[1:2], next((ending for ending in SORTS if name.endswith(ending)), "")

    def wrong(self, changed):
        """What is wrong after these files were changed (name -> bytes, None for none): nothing that was not said, and nothing that comes out changed."""
        found = []
        try:
            for name, data in changed.items():
                (self.root / name).write_bytes(data) if data is not None else (self.root / name).unlink()
            if not self.place.problems(self.work):
                found.append("verify has nothing to say")
            found += self.wrong_objects()
        finally:
            for name in changed:
                (self.root / name).write_bytes(self.files[name])
            for leftover in self.work.iterdir():
                shutil.rmtree(leftover)
        return found

    def wrong_objects(self):
        """Backups out of which something else comes than was put in; an error is fine."""
        try:
            listed = self.place.reached().vault.backups()
        except PortError:
            return
        for number, one in enumerate(listed):
            try:
                if not one.problem and self.place.rebuilt(one, self.work / str(number)) != self.wanted[one.stem]:
                    yield f"another library came out of {one.stem}"
            except PortError:
                pass


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "encrypted"])
def vault(request, tmp_path_factory):
    """One for all tests: each puts back what it changed."""
    return Vault(tmp_path_factory.mktemp("vault"), request.param)


def flip(vault, chance):
    """One byte of one file becomes another."""
    name = pick(vault, chance)
    data = bytearray(vault.files[name])
    data[chance.randrange(len(data))] ^= chance.randrange(1, 256)
    return {name: bytes(data)}


def cut(vault, chance):
    """A file loses its end, or its beginning."""
    name = pick(vault, chance)
    data = vault.files[name]
    at = chance.choice((chance.randrange(len(data)), len(data) - 1 - chance.randrange(min(40, len(data)))))
    return {name: data[:at] if chance.random() < 0.8 else data[-at:] if at else b""}


def append(vault, chance):
    """A file goes on after its end."""
    name = pick(vault, chance)
    more = chance.choice((b"\0", b"\n", b" ", chance.randbytes(chance.randrange(1, 100)), vault.files[name]))
    return {name: vault.files[name] + more}


def exchange(vault, chance):
    """Two parts of a file change places; for a bundle that can be read as it is, now and then two members do, or their names."""
    name = pick(vault, chance)
    data = vault.files[name]
    if name.endswith(".bundle") and chance.random() < 0.5:
        return {name: exchange_members(data, vault.root / name, chance)}
    size = chance.randrange(1, 1 + len(data) // 3)
    one = chance.randrange(len(data) - 2 * size + 1)
    other = chance.randrange(one + size, len(data) - size + 1)
    return {name: data[:one] + data[other : other + size] + data[one + size : other] + data[one : one + size] + data[other + size :]}


def exchange_members(data, path, chance):
    """Two members of a ZIP with names of one length get each other's name, everywhere."""
    with zipfile.ZipFile(path) as file:
        names = [info.filename.encode() for info in file.infolist()]
    pairs = [pair for pair in itertools.combinations(names, 2) if len(pair[0]) == len(pair[1])]
    if not pairs:
        return data + b"\0"
    one, other = chance.choice(pairs)
    return data.replace(one, b"\1" * len(one)).replace(other, one).replace(b"\1" * len(one), other)


def swap(vault, chance):
    """Two files of one sort, of the two backups or of their packs, change places."""
    one, other = two(vault, chance)
    return {one: vault.files[other], other: vault.files[one]}


def replay(vault, chance):
    """A file is replaced by the one of the other backup, or loses what belongs to it: its card stays, say, and the file goes."""
    one, other = two(vault, chance)
    return {one: vault.files[other]} if chance.random() < 0.7 or one.endswith(".json") else {one: None}


MUTATIONS = (flip, flip, flip, flip, cut, append, exchange, swap, replay)


def pick(vault, chance):
    """A file; large ones and small ones alike."""
    return chance.choice(list(vault.files))


def two(vault, chance):
    """Two files of one sort."""
    pairs = [pair for pair in itertools.combinations(vault.files, 2) if vault.sort(pair[0]) == vault.sort(pair[1]) and HEAD not in pair]
    return chance.sample(chance.choice(pairs), 2)


def test_every_change_is_reported_and_nothing_wrong_comes_out(vault):
    """Seeded changes of any file of a vault, cards and packs too: verify reports each, and a restore brings the original or an error."""
    wrong, tried = [], Counter()
    for seed in range(NUMBER):
        chance = random.Random(seed)
        changed = {}
        while all(vault.files[name] == data for name, data in changed.items()):  # some exchanges change nothing
            mutation = chance.choice(MUTATIONS)
            changed = mutation(vault, chance)
        tried[mutation.__name__] += 1
        wrong += [(seed, mutation.__name__, sorted(changed), found) for found in vault.wrong(changed)]
    print(f"{NUMBER} changes: {dict(tried)}")
    assert wrong == []
    assert NUMBER < 60 or len(tried) == len(set(MUTATIONS))
    assert vault.place.problems(vault.work) == []


def test_every_byte_of_the_small_files_counts(vault):
    """Each single byte of the cards and lists of names, changed: reported."""
    small = [name for name in vault.files if not name.endswith((".bundle", ".age"))]
    step = 7 if NUMBER < 1000 else 1
    for name in small:
        data = vault.files[name]
        for at in range(len(name) % step, len(data), step):
            (vault.root / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            assert vault.place.problems(vault.work, "quick" if name.endswith(".json") else "full"), (name, at)
        (vault.root / name).write_bytes(data)


def test_a_file_that_is_gone(vault):
    """Each file of the vault, when it is gone, is missed; but for the card of a backup, which then is not listed, and of a proof, which then is none."""
    for name, data in vault.files.items():
        (vault.root / name).unlink()
        try:
            if name.endswith(".proof.json"):
                assert [one.level for one in vault.place.reached().vault.backups()].count("none") == 1
            elif "/backups/" in name and name.endswith(".json"):
                assert len(vault.place.reached().vault.backups()) == 1
            elif name != HEAD:
                assert vault.place.problems(vault.work, "quick"), name
                assert vault.place.problems(vault.work), name
        finally:
            (vault.root / name).write_bytes(data)
