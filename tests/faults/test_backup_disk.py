"""A backup onto a disk that is full or broken, at each single operation: an error with a name, nothing bad listed, nothing let go, nothing left."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess

import pytest
from stashport.atomic import PREFIX
from stashport.errors import CannotWrite, DiskFull, NotProven, PortError
from support.backups import Place, contents
from support.faults import BROKEN, FULL, Disk

KEEP_ONE = {"keep": {"last": 1}}
KILLS = int(os.environ.get("STASH_PORT_KILLS", "10"))  # with 200 each single operation is tried, as in test_backup_kill.py


@pytest.fixture(params=[False, True], ids=["plain", "encrypted"])
def place(request, tmp_path):
    """A library with one backup, and changed since: the next backup has records and an image to add."""
    place = Place.made(tmp_path / "place", encrypted=request.param)
    place.backup()
    place.picture(b"another picture")
    place.change("another text")
    (place.folder / "work").mkdir()
    return place


def names(place):
    """The backups that are listed; each verifies."""
    assert place.problems(place.folder / "work") == []
    return [one.stem for one in place.reached().vault.backups()]


def temporaries(folder):
    """What is left of files on their way."""
    return [path for path in folder.rglob("*") if path.name.startswith((PREFIX, "backup-", "drill-", "verify-"))]


def test_a_disk_that_fails_at_any_operation_in_the_vault(place):
    """Whichever operation fails: DiskFull or CannotWrite, no temporary file, what is listed verifies, and the older backup stays, though one is to be kept."""
    kept = place.folder / "kept"
    shutil.copytree(place.vault_folder, kept)
    (old,) = names(place)
    with Disk(place.vault_folder, -1, lambda _: None) as disk:
        place.backup()
    total, unlisted = disk.count, 0
    for number in [*range(1, total - 30, 1 + total // 12 if KILLS < 200 else 1), *range(max(1, total - 30), total + 1)]:
        shutil.rmtree(place.vault_folder)
        shutil.copytree(kept, place.vault_folder)
        harm, kind = ((FULL, DiskFull), (BROKEN, CannotWrite))[number % 2]
        try:
            with Disk(place.vault_folder, number, harm) as disk:
                place.backup(**KEEP_ONE)
        except PortError as error:
            assert isinstance(error, (kind, NotProven)), f"{disk.failed} {number}: {error}"
        except OSError as error:
            raise AssertionError(f"{disk.failed} {number} has no name") from error
        else:
            continue  # a folder that is there already could not be made, or the new backup was whole before it failed
        found = names(place)
        assert temporaries(place.vault_folder) == [], f"{disk.failed} {number}"
        assert old in found, f"{disk.failed} {number}: it was let go, although its successor failed"
        unlisted += found == [old]
    assert unlisted > 15
    place.backup()
    newest = place.reached().vault.backups()[0]
    assert place.rebuilt(newest, place.folder / "out") == contents(place.database, place.blobs)


@pytest.mark.parametrize("harm", [FULL, BROKEN], ids=["full", "broken"])
def test_a_state_folder_that_fails_at_any_operation(harm, place):
    """Whichever operation in the state folder fails: the backup is made all the same, or ends with an error of a name; what is listed verifies."""
    state, done = place.folder / "state", 0
    with Disk(state, -1, lambda _: None) as disk:
        place.backup()
    for number in range(1, disk.count + 1, 1 + disk.count // 8 if KILLS < 200 else 1):
        before = names(place)
        try:
            with Disk(state, number, harm) as disk:
                place.backup()
            done += 1
        except PortError as error:
            assert isinstance(error, (DiskFull, CannotWrite)), f"{disk.failed} {number}: {error}"
            assert len(names(place)) in (len(before), len(before) + 1)
        except OSError as error:
            raise AssertionError(f"{disk.failed} {number} has no name") from error
        assert temporaries(state) == [], f"{disk.failed} {number}"
        assert set(before) <= set(names(place))
    assert done < disk.count


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


def test_a_real_disk_that_fills_up(small_disk, place, monkeypatch):
    """On a real file system that is filled by somebody else while the backup is written: DiskFull, and the older backup is all there is."""
    monkeypatch.setattr("stashport.bundle.store.check_writable", lambda *_: None)
    shutil.copytree(place.vault_folder, small_disk / "vault")
    shutil.rmtree(place.vault_folder)
    place.vault_folder.symlink_to(small_disk / "vault")
    before = names(place)
    free = os.statvfs(small_disk)
    (small_disk / "filler").write_bytes(b"x" * (free.f_bavail * free.f_bsize - (12 << 10)))
    with pytest.raises(DiskFull):
        place.backup(**KEEP_ONE)
    assert names(place) == before
    assert temporaries(small_disk) == []


def test_no_room_is_said_before_work_begins(place, monkeypatch):
    """A vault's disk that has less room than the database needs is refused at once; nothing is written."""
    before = sorted(place.vault_folder.rglob("*"))
    usage = shutil.disk_usage(place.folder)
    monkeypatch.setattr("stashport.atomic.shutil.disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DiskFull, match="needed"):
        place.backup()
    assert sorted(place.vault_folder.rglob("*")) == before


def test_a_disk_that_cannot_be_read_again(place, monkeypatch):
    """When the new file cannot be read back, the backup fails, is not listed, and nothing of it stays."""
    from stashport.bundle.making import Making

    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    before = names(place)
    monkeypatch.setattr(Making, "check", broken)
    with pytest.raises(PortError, match="Input/output"):
        place.backup(**KEEP_ONE)
    monkeypatch.undo()
    assert names(place) == before
    assert temporaries(place.vault_folder) == []
