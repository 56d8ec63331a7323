"""What is put aside on the host's disk while an encrypted export is written: nobody can read it there, and it comes back as it was."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.bundle.age_keys import library, new_identity
from stashport.bundle.aside import Aside, Spool
from stashport.bundle.header import new_header
from stashport.bundle.reader import BundleReader
from stashport.bundle.writer import BundleWriter
from support.records import ListReader, run_export, sample

pytest.importorskip("cryptography", reason="no cryptography (pip install cryptography)")

WORD = b"zqcanary"
TEXT = WORD + b" in a record\n"


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_hidden_value_comes_back(one, other):
    """A value is shown as it was hidden, never hidden twice in the same way, and opened by no other run's keys; marks are equal only for equal values."""
    aside = Aside()
    hidden = aside.hide(one)
    assert aside.show(hidden) == one
    assert aside.hide(one) != hidden
    assert len(one) < 4 or one not in hidden
    assert (aside.mark(one) == aside.mark(other)) == (one == other)
    assert Aside().mark(one) != aside.mark(one)
    with pytest.raises(library().InvalidTag):
        Aside().show(hidden)


@given(st.lists(st.binary(max_size=3000), max_size=5), st.booleans())
def test_what_waits_comes_back_in_order(parts, sealed):
    """A spool gives back what it took, hidden or not, and knows its size."""
    with contextlib.closing(Spool(aside=Aside() if sealed else None)) as spool:
        for part in parts:
            spool.write(part)
        assert spool.size == len(b"".join(parts))
        assert b"".join(spool.pieces()) == b"".join(parts)


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """The files that temporary ones were, kept so that they can be looked at."""
    kept = []

    def made(*_, **__):
        kept.append(tmp_path / f"spool-{len(kept)}")
        return kept[-1].open("w+b", buffering=0)

    monkeypatch.setattr(tempfile, "TemporaryFile", made)
    return lambda: b"".join(path.read_bytes() for path in kept)


@pytest.mark.parametrize("sealed", [True, False])
def test_the_spool_of_an_encrypted_bundle_cannot_be_read(sealed, on_disk):
    """A member of more than 4 MB waits on disk without one of its words there, and is whole in the bundle; without encryption its words are found."""
    out, data = io.BytesIO(), TEXT * 300_000
    with BundleWriter(out, new_header(compression="none"), aside=Aside() if sealed else None) as bundle:
        with bundle.open("a") as member:
            for start in range(0, len(data), 99_999):
                member.write(data[start : start + 99_999])
        for number in range(30_000):  # the list of members is long enough to wait on disk as well
            bundle.add(f"images/{number:032x}", b"")
        bundle.close()
    assert len(on_disk()) > 4 << 20
    assert (WORD in on_disk(), b'"sha256"' in on_disk()) == (not sealed, not sealed)
    with BundleReader(out, "it") as read_back:
        assert read_back.read("a") == data
        assert len(list(read_back.all_names())) == 30_001


class Looking(ListReader):
    """A library of many tags, which looks at all files without a name when the last tag has been taken."""

    def __init__(self, tags, name):
        reader = sample()
        model = reader.library["tag"][1][0]
        many = [{**model, "id": f"tag:{number}", "name": f"{name()} {number}", "aliases": [], "parents": []} for number in range(1, tags + 1)]
        super().__init__({**reader.library, "tag": (reader.library["tag"][0], many)})
        self.seen = b""

    def batches(self, kind, fields, only=None):
        """As in a list; then look."""
        yield from super().batches(kind, fields, only)
        if kind.name == "tag":
            for entry in Path("/proc/self/fd").iterdir():
                with contextlib.suppress(OSError):
                    if re.search(r" \(deleted\)$", os.readlink(entry)):
                        self.seen += entry.read_bytes()


LONG = lambda: WORD.decode() * 60  # noqa: E731
NOISE = lambda: os.urandom(700).hex()  # noqa: E731
LOOKUP = "{% block scene %}{{ record.tags|map('lookup')|map(attribute='name')|join }}{% endblock %}"
CASES = {
    "bundle": (10_000, NOISE, b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", {"format": "bundle"}),
    "names in CSV": (8_000, LONG, WORD, {"format": "csv", "compress": "zip"}),
    "records for a template": (8_000, LONG, WORD, {"format": "template", "options": {"template": LOOKUP}}),
    "the new order of an anonymous export": (15_000, LONG, b'"id":"tag:', {"format": "json", "privacy": "anonymous"}),
    "the same in parts": (13_000, LONG, WORD, {"format": "csv", "chunkSize": 7_000, "compress": "zip"}),
}


@pytest.mark.skipif(sys.platform != "linux", reason="files without a name can be looked at on Linux only")
@pytest.mark.parametrize("case", CASES)
def test_nothing_that_waits_can_be_read_while_an_export_is_encrypted(case, tmp_path):
    """In the middle of a real export the files without a name hold what is exported; when it is encrypted they are there too, and hold none of it."""
    tags, name, told, config = CASES[case]
    for encrypt in ({}, {"recipients": [new_identity()[1]]}):
        reader = Looking(tags, name)
        run = run_export(reader, tmp_path / "state", to=tmp_path / f"out-{len(encrypt)}", encrypt=encrypt, **config)
        assert run.exit_code == 0
        assert len(reader.seen) > 10_000
        assert (told in reader.seen) == (not encrypt)
