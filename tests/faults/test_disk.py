"""A disk that is full or broken, at each single operation of an export: an error with a name, nothing under the final name, nothing left."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest
from stashport.atomic import PREFIX
from stashport.bundle import scratch
from stashport.errors import CannotWrite, DiskFull, NotProven, PortError
from stashport.model.fields import TAG
from stashport.output.proof import prove
from stashport.runs.history import list_runs
from stashport.runs.state import State
from support.faults import BROKEN, FULL, Disk
from support.records import duplicate, everything_below, lines_of, read, run_export, sample

CASES = [("json", "none"), ("ndjson", "gzip"), ("csv", "none"), ("csv", "zip")]
MOST = 600


def never(_):
    """No harm at all."""


def old_export(out, name, compress):
    """An older export of other records, to be replaced."""
    reader = sample()
    del reader.library["saved_filter"]
    run_export(reader, out.parent / "old-state", format=name, compress=compress, to=out / "x")
    return read(out / "x")


def operations(tmp_path, below, **config):
    """How many operations an export takes below a folder."""
    with Disk(below, -1, never) as disk:
        run_export(sample(), tmp_path / "state-0", to=tmp_path / "out-0" / "x", **config)
    return disk.count


@pytest.mark.parametrize("there", [False, True], ids=["new", "overwriting"])
@pytest.mark.parametrize(("name", "compress"), CASES)
def test_a_disk_that_fails_at_any_operation(name, compress, there, tmp_path):
    """Whichever operation below the target fails, the error is DiskFull or CannotWrite; the old export stands, or none; no temporary file stays."""
    number, step = 1, 1 + 2 * (name == "csv")
    while number < MOST:
        harm, kind = ((FULL, DiskFull), (BROKEN, CannotWrite))[number // step % 2]
        out = tmp_path / f"out-{number}"
        out.mkdir()
        wanted = old_export(out, name, compress) if there else None
        done = False
        try:
            with Disk(out, number, harm) as disk:
                run_export(sample(), tmp_path / f"state-{number}", format=name, compress=compress, to=out / "x", overwrite=there)
            done = True
        except PortError as error:
            assert isinstance(error, (kind, NotProven)), f"{disk.failed} {number}: {error}"
        except OSError as error:
            raise AssertionError(f"{disk.failed} {number} has no name") from error
        left = os.listdir(out)
        assert [entry for entry in left if entry.startswith(PREFIX)] == [], f"{disk.failed} {number}"
        found = read(out / "x") if "x" in left else None
        assert found is None or prove(out / "x").valid
        if done:  # making a folder that is there already may fail
            assert (found == lines_of(sample()), left) == (True, ["x"]), f"{disk.failed} {number}"
        else:
            assert found == wanted or (last_sync(disk) and found == lines_of(sample())), f"{disk.failed} {number}"
        shutil.rmtree(out)
        if not disk.failed:
            break
        number += step
    assert done
    assert not disk.failed, "no export ever came to its end"


def last_sync(disk):
    """Whether it was the sync of the folder after the last rename that failed: the new export is whole and in its place then."""
    return disk.failed == "fsync"


@pytest.mark.parametrize("harm", [FULL, BROKEN], ids=["full", "broken"])
def test_a_state_folder_that_fails_at_any_operation(harm, tmp_path):
    """Whichever operation in the state folder fails: the export is done all the same, or ends with an error of a name and without a file."""
    total = 2 + operations(tmp_path, tmp_path / "state-0", format="json")
    for number in range(1, total + 1):
        out = tmp_path / f"out-{number}"
        try:
            with Disk(tmp_path / f"state-{number}", number, harm) as disk:
                run_export(sample(), tmp_path / f"state-{number}", format="json", to=out / "x")
        except PortError as error:
            assert isinstance(error, (DiskFull, CannotWrite)), f"{disk.failed} {number}: {error}"
            assert not out.exists() or os.listdir(out) == [], f"{disk.failed} {number}"
        except OSError as error:
            raise AssertionError(f"{disk.failed} {number} has no name") from error
        else:
            assert everything_below(out) == ["x"]
            assert prove(out / "x").valid


def big():
    """A library of some megabytes."""
    reader = sample()
    fields, scenes = reader.library["scene"]
    reader.library["scene"] = (fields, duplicate(scenes, 1500, "scene"))
    return reader


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 2 MB, where this user may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, text=True, check=False) if shutil.which("mount") else None
    if done is None or done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip() if done else 'there is no mount'}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(("name", "compress"), CASES)
def test_a_real_disk_that_fills_up(name, compress, small_disk, tmp_path):
    """On a real file system without room the export ends as DiskFull, before or while writing, and an older one is untouched."""
    with (small_disk / "filler").open("wb") as file:
        file.write(b"x" * ((2 << 20) - (300 << 10)))
    run_export(sample(), tmp_path / "state", format=name, compress=compress, to=small_disk / "x")
    before = read(small_disk / "x")
    with pytest.raises(DiskFull):
        run_export(big(), tmp_path / "state", format=name, compress=compress, to=small_disk / "x", overwrite=True)
    assert sorted(os.listdir(small_disk)) == ["filler", "x"]
    assert read(small_disk / "x") == before


@pytest.mark.parametrize(("name", "compress"), CASES)
def test_a_disk_that_fills_up_although_there_was_room(name, compress, small_disk, tmp_path, monkeypatch):
    """When somebody else takes the room after it was looked at, the export ends as DiskFull and leaves nothing."""
    monkeypatch.setattr("stashport.output.members.check_writable", lambda *_: None)
    (small_disk / "filler").write_bytes(b"x" * ((2 << 20) - (12 << 10)))
    with pytest.raises(DiskFull) as raised:
        run_export(big(), tmp_path / "state", format=name, compress=compress, to=small_disk / "x")
    assert os.listdir(small_disk) == ["filler"]
    assert raised.value.__cause__.errno == errno.ENOSPC


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
@pytest.mark.parametrize("limit", [0, 1, 4096, 10_000, 60_000])
def test_a_limit_on_the_size_of_files(limit, tmp_path):
    """A limit that the system sets on the size of files is a full disk at each size."""
    import resource
    import signal

    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    out = tmp_path / "out"
    out.mkdir()
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(DiskFull):
            run_export(big(), tmp_path / "state", format="json", to=out / "x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert os.listdir(out) == []


def test_reading_back_from_a_broken_disk_is_not_proven(tmp_path, monkeypatch):
    """When what was written cannot be read again, the export is not proven and leaves nothing."""
    from stashport.output import source

    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(source.Source, "open", broken)
    with pytest.raises(NotProven, match="Input/output"):
        run_export(sample(), tmp_path / "state", format="ndjson", to=tmp_path / "out" / "x")
    assert os.listdir(tmp_path / "out") == []


# --- the disk that holds what is put aside: not the one that was chosen, and the error must say so ---

LOOKUP = "{% block scene %}{{ record.tags|map('lookup')|map(attribute='name')|join }}{% endblock %}"
ASIDE = {
    "a new order": {"format": "json", "privacy": "anonymous"}, "names": {"format": "csv"}, "records": {"format": "template", "options": {"template": LOOKUP}},
    "images": {"format": "json", "images": True}, "members": {"format": "bundle", "images": True},
}


def pictured():
    """A library of many tags, each with an image of its own."""
    reader = sample()
    fields, tags = reader.library["tag"]
    tags = [{**one, "name": f"{one['name']} {one['id']} {'long ' * 20}", "image": f"md5:{number:032x}"} for number, one in enumerate(duplicate(tags, 200, "tag"))]
    reader.library["tag"] = ((*fields, next(f for f in TAG.fields if f.type == "image")), tags)
    reader.images = {one["image"][4:]: b"\x89PNG" for one in tags}
    return reader


class BrokenDatabase:
    """A database whose disk breaks at some operation."""

    def __init__(self, real, countdown):
        self.real, self.countdown = real, countdown

    def __getattr__(self, name):
        found = getattr(self.real, name)
        if name not in ("execute", "executemany", "fetchone", "fetchmany"):
            return found

        def called(*arguments):
            self.countdown[0] -= 1
            if not self.countdown[0]:
                raise sqlite3.OperationalError("disk I/O error")
            answer = found(*arguments)
            return BrokenDatabase(answer, self.countdown) if isinstance(answer, sqlite3.Cursor) else answer

        return called


def ends(out, state, config, kind):
    """The export ends in the error of this kind, which names the folder for what is put aside, and its record tells it; nothing is left."""
    with pytest.raises((kind, NotProven)) as raised:
        run_export(pictured(), state, to=out / "x", **config)
    assert str(scratch.folder()) in raised.value.message
    assert os.listdir(out) == []
    (record,) = list_runs(State(state))
    assert (record["result"], record["error"]["message"]) == ("failed", raised.value.message)


@pytest.mark.parametrize("case", ASIDE)
def test_no_room_for_what_is_put_aside(case, tmp_path, monkeypatch):
    """When SQLite finds no room for its temporary file, that is DiskFull, of the folder that this file is in."""
    made = scratch.Scratch.__init__

    def small(self, *statements, **options):
        made(self, *statements, **options)
        self.run("PRAGMA max_page_count=4")

    monkeypatch.setattr(scratch.Scratch, "__init__", small)
    (tmp_path / "out").mkdir()
    ends(tmp_path / "out", tmp_path / "state", ASIDE[case], DiskFull)


@pytest.mark.parametrize("case", ASIDE)
def test_a_broken_disk_for_what_is_put_aside(case, tmp_path, monkeypatch):
    """Whichever operation on a temporary table fails, first, last or between, it is CannotWrite, of the folder that it is in."""
    real, count = sqlite3.connect, [10**9]

    def connect(name, **more):
        return BrokenDatabase(real(name, **more), count) if not name else real(name, **more)

    monkeypatch.setattr(sqlite3, "connect", connect)
    run_export(pictured(), tmp_path / "whole", to=tmp_path / "whole" / "x", **ASIDE[case])
    total = 10**9 - count[0]
    assert total > 8
    for number in sorted({1, 3, 6, *range(7, total, max(1, total // 6)), total}):
        count[0] = number
        out = tmp_path / f"out-{number}"
        out.mkdir()
        ends(out, tmp_path / f"state-{number}", ASIDE[case], CannotWrite)
        assert count[0] <= 0


def test_a_real_disk_for_what_is_put_aside_that_fills_up(small_disk, tmp_path):
    """A real file system that has no room for SQLite's temporary file: DiskFull, naming it, and nothing is left on the other disk."""
    work = "run_export(big(), Path(sys.argv[1]), to=Path(sys.argv[2]), format='json', privacy='anonymous')"
    program = f"import sys\nfrom pathlib import Path\nfrom faults.test_disk import big\nfrom support.records import run_export\n{work}"
    (small_disk / "filler").write_bytes(b"x" * ((2 << 20) - (200 << 10)))
    (tmp_path / "out").mkdir()
    env = os.environ | {"SQLITE_TMPDIR": str(small_disk), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "state"), str(tmp_path / "out" / "x")], env=env, capture_output=True, text=True, check=False)
    assert f"DiskFull: The disk of {small_disk} is full" in done.stderr
    assert os.listdir(tmp_path / "out") == []
    assert os.listdir(small_disk) == ["filler"]
