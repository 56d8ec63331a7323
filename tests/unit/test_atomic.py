"""Files that are whole or not there."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

import pytest
from stashport import atomic
from stashport.atomic import PREFIX, check_writable, discard, file_error, human_size, publish, sweep, temporary_beside, write_text
from stashport.errors import AlreadyThere, CannotWrite, DiskFull
from support.records import everything_below


def made(folder, *, is_folder, text="new"):
    """Something finished under a temporary name."""
    path = temporary_beside(folder / "x")
    if is_folder:
        (path / "deeper").mkdir(parents=True)
        (path / "deeper" / "a").write_text(text)
    else:
        path.write_text(text)
    return path


def text_of(path):
    """What stands in a file, or in the file of a folder."""
    return (path / "deeper" / "a").read_text() if path.is_dir() else path.read_text()


def test_temporary_names_are_ours_and_free(tmp_path):
    """A temporary name lies beside its target, begins with our prefix, and is another one each time."""
    names = {temporary_beside(tmp_path / "x") for _ in range(50)}
    assert len(names) == 50
    assert {name.parent for name in names} == {tmp_path}
    assert all(name.name.startswith(PREFIX) for name in names)


@pytest.mark.parametrize("is_folder", [False, True])
def test_publish_gives_the_final_name(is_folder, tmp_path):
    """A finished file or folder gets its name, and its temporary name is gone."""
    publish(made(tmp_path, is_folder=is_folder), tmp_path / "x")
    assert text_of(tmp_path / "x") == "new"
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize("is_folder", [False, True])
@pytest.mark.parametrize("old_folder", [False, True])
def test_publish_replaces_only_when_allowed(is_folder, old_folder, tmp_path):
    """What is there stays without leave, and is replaced as a whole with it, files by folders and folders by files too."""
    publish(made(tmp_path, is_folder=old_folder, text="old"), tmp_path / "x")
    new = made(tmp_path, is_folder=is_folder)
    with pytest.raises(AlreadyThere):
        publish(new, tmp_path / "x")
    assert text_of(tmp_path / "x") == "old"
    assert text_of(new) == "new"
    publish(new, tmp_path / "x", overwrite=True)
    assert text_of(tmp_path / "x") == "new"
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize(("is_folder", "old_folder"), [(False, False), (True, True), (True, False), (False, True)])
def test_a_failed_rename_leaves_the_old_one(is_folder, old_folder, tmp_path, monkeypatch):
    """When the last rename fails, the older file or folder is under its name again, and the new one under its temporary one."""
    publish(made(tmp_path, is_folder=old_folder, text="old"), tmp_path / "x")
    new = made(tmp_path, is_folder=is_folder)

    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(atomic, "_replace", refuse)
    with pytest.raises(OSError, match="Input/output"):
        publish(new, tmp_path / "x", overwrite=True)
    assert text_of(tmp_path / "x") == "old"
    assert sorted(os.listdir(tmp_path)) == sorted(["x", new.name])


def test_a_replaced_folder_is_never_swept(tmp_path, monkeypatch):
    """Between the two renames of replacing a folder, the old one stands under a name that no sweep removes and a person recognises."""
    publish(made(tmp_path, is_folder=True, text="old"), tmp_path / "x")
    seen = []

    def killed(*_):
        seen.extend(os.listdir(tmp_path))
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic, "_replace", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(made(tmp_path, is_folder=True), tmp_path / "x", overwrite=True)
    (old,) = (name for name in seen if not name.startswith(PREFIX))
    assert old.startswith("x.old-")
    assert text_of(tmp_path / old) == "old"


def test_everything_is_synced_before_it_gets_its_name(tmp_path, monkeypatch):
    """Each file, each folder in it and, after the rename, the folder above are synced."""
    synced = []
    real = os.fsync

    def fsync(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}") if Path("/proc/self/fd").exists() else "")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    new = made(tmp_path, is_folder=True)
    publish(new, tmp_path / "x")
    if synced[0]:
        assert set(synced) == {str(new), str(new / "deeper"), str(new / "deeper" / "a"), str(tmp_path)}
        assert synced[-1] == str(tmp_path)


@pytest.mark.parametrize("text", ["", "plain\n", "é\r\n🎬", "lone \udce9 half"])
@pytest.mark.parametrize("durable", [True, False])
def test_small_files_are_replaced_as_a_whole(text, durable, tmp_path):
    """A small text replaces another; what is no Unicode is escaped; nothing else is left."""
    for _ in range(2):
        write_text(tmp_path / "x", text, durable=durable)
    assert (tmp_path / "x").read_bytes().decode() == text.encode("utf-8", "backslashreplace").decode()
    assert os.listdir(tmp_path) == ["x"]


def test_a_small_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    """When syncing fails the older text stands, and no temporary file is left."""
    write_text(tmp_path / "x", "old")

    def refuse(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="space"):
        write_text(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_the_sweep_takes_only_what_is_old_and_ours(tmp_path):
    """What killed runs left more than a day ago goes, files and folders; what is younger, or not ours, stays."""
    yesterday = time.time() - atomic.STALE_SECONDS - 60
    for name in (f"{PREFIX}old", f"{PREFIX}young", "library.json", "library.old-1234"):
        (tmp_path / name).write_text("x")
    (tmp_path / f"{PREFIX}folder").mkdir()
    (tmp_path / f"{PREFIX}folder" / "a").write_text("x")
    for name in (f"{PREFIX}old", f"{PREFIX}folder", "library.json", "library.old-1234"):
        os.utime(tmp_path / name, (yesterday, yesterday))
    assert sweep(tmp_path) == 2
    assert sorted(os.listdir(tmp_path)) == sorted([f"{PREFIX}young", "library.json", "library.old-1234"])
    assert sweep(tmp_path / "nowhere") == 0


def test_discard_removes_links_but_not_what_they_lead_to(tmp_path):
    """Removing a temporary link leaves what it leads to; removing what is not there is no error."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").touch()
    (tmp_path / "link").symlink_to("folder")
    discard(tmp_path / "link")
    discard(tmp_path / "nowhere")
    assert everything_below(tmp_path) == ["folder", "folder/mine"]


def test_a_writable_place_is_tried_and_left_clean(tmp_path):
    """A place is tried by writing there; its folders are made, and nothing of the trial is left."""
    check_writable(tmp_path / "new" / "deeper", 1)
    assert everything_below(tmp_path) == ["new", "new/deeper"]


def test_places_that_take_nothing_are_told(tmp_path):
    """A place below a file is CannotWrite, one without room DiskFull with the numbers."""
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="errno"):
        check_writable(tmp_path / "file" / "below", 0)
    with pytest.raises(DiskFull, match=r"free, about 9\.0 TB needed") as raised:
        check_writable(tmp_path, 9_000_000_000_000)
    assert human_size(shutil.disk_usage(tmp_path).free)[-2:] in raised.value.message


@pytest.mark.parametrize(("number", "kind"), [
    (errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EFBIG, DiskFull), (errno.EACCES, CannotWrite), (errno.EROFS, CannotWrite), (errno.EIO, CannotWrite),
    (errno.ENAMETOOLONG, CannotWrite), (errno.EISDIR, CannotWrite), (errno.ESTALE, CannotWrite),
])  # fmt: skip
def test_errors_of_the_system_get_a_name(number, kind, tmp_path):
    """Each error of the operating system becomes the one that says what it means for the person who chose the place."""
    error = file_error(OSError(number, os.strerror(number)), tmp_path / "nowhere" / "x")
    assert type(error) is kind
    assert str(tmp_path) in error.message


@pytest.mark.parametrize(("size", "words"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (4_321_000, "4.3 MB"), (7e9, "7.0 GB"), (3.2e15, "3200.0 TB")])
def test_sizes_for_people(size, words):
    """Sizes are told in units of a thousand."""
    assert human_size(size) == words
