"""A disk that is full or broken, at each single operation of an export: an error with a name, nothing under the final name, nothing left."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess

import pytest
from stashport.atomic import PREFIX
from stashport.errors import CannotWrite, DiskFull, NotProven, PortError
from stashport.output.proof import prove
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
