"""The files of an export: one file, a folder or a ZIP, plain or gzipped; nothing outside, nothing half, nothing lost."""

from __future__ import annotations

import gzip
import os
import zipfile
from pathlib import Path

import pytest
from stashport.errors import AlreadyThere, BadFile, CannotWrite, NoSuchSource
from stashport.output.members import Target
from stashport.output.source import Source, safe_name
from support.records import PACKINGS, everything_below

CASES = [(folder, compress) for folder in (False, True) for compress in PACKINGS]


def put(path, *, folder, compress, overwrite=False, text=b"one"):
    """Write and publish one member, or two where there may be several."""
    with Target(path, folder=folder, compress=compress, overwrite=overwrite) as target:
        for name in ("a.json", "images/b.png") if folder else ("a.json",):
            with target.open(name) as file:
                file.write(text)
    target.publish()
    return target


def texts(path):
    """The members of an export and what is in them."""
    source = Source(path)
    try:
        return {name: source.open(name).read() for name in source.all_names()}
    finally:
        source.close()


@pytest.mark.parametrize(("folder", "compress"), CASES)
def test_members_come_back(folder, compress, tmp_path):
    """What was written under a name is read under it, and nothing but the export is left in the folder."""
    path = tmp_path / "x"
    target = put(path, folder=folder, compress=compress)
    found = texts(path)
    assert set(found.values()) == {b"one"}
    if folder:
        assert set(found) == {"a.json", "images/b.png"}
    assert os.listdir(tmp_path) == ["x"]
    assert target.size() == sum(f.stat().st_size for f in ([path] if path.is_file() else path.rglob("*")) if f.is_file())


@pytest.mark.parametrize(("folder", "compress"), CASES)
def test_what_is_there_stays(folder, compress, tmp_path):
    """Without leave to overwrite, a file, a folder or a dangling link of that name is an error at once, and stays as it was."""
    for number, make in enumerate((Path.touch, Path.mkdir, lambda path: path.symlink_to("nowhere"))):
        path = tmp_path / str(number)
        make(path)
        before = path.lstat()
        with pytest.raises(AlreadyThere):
            Target(path, folder=folder, compress=compress, overwrite=False)
        assert path.lstat() == before
    assert everything_below(tmp_path) == ["0", "1", "2"]


@pytest.mark.parametrize(("folder", "compress"), CASES)
@pytest.mark.parametrize(("old_folder", "old_compress"), CASES)
def test_anything_is_replaced_by_anything(folder, compress, old_folder, old_compress, tmp_path):
    """With leave to overwrite, an export of any shape is replaced by one of any other, and nothing of the old one is left."""
    path = tmp_path / "x"
    put(path, folder=old_folder, compress=old_compress)
    put(path, folder=folder, compress=compress, overwrite=True, text=b"two")
    assert set(texts(path).values()) == {b"two"}
    assert os.listdir(tmp_path) == ["x"]


def test_a_link_is_replaced_not_what_it_leads_to(tmp_path):
    """Overwriting a link puts the export in its place; the file or folder at its end is not touched."""
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").touch()
    for end in ("file", "folder"):
        for folder in (False, True):
            path = tmp_path / f"link-{end}-{folder}"
            path.symlink_to(end)
            put(path, folder=folder, compress="none", overwrite=True)
            assert not path.is_symlink()
            assert set(texts(path).values()) == {b"one"}
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert os.listdir(tmp_path / "folder") == ["mine"]


@pytest.mark.parametrize(("folder", "compress"), CASES)
@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_an_error_while_writing_leaves_nothing(folder, compress, error, tmp_path):
    """Whatever goes wrong in the middle of a member, neither it nor the members that wait are left, and the error goes on."""
    def half_way():
        with Target(tmp_path / "x", folder=folder, compress=compress, overwrite=False) as target:
            target.open("a.json").write(b"half")
            if folder:
                target.open("b.json").write(b"half")
            raise error

    with pytest.raises(type(error)):
        half_way()
    assert os.listdir(tmp_path) == []


def test_members_of_a_zip_may_be_written_side_by_side(tmp_path):
    """A ZIP takes members that are open at the same time, in any order of closing, as a folder does."""
    path = tmp_path / "x.zip"
    with Target(path, folder=True, compress="zip", overwrite=False) as target:
        files = {name: target.open(name) for name in ("a", "b", "c")}
        for part in (b"1", b"2"):
            for name, file in files.items():
                file.write(name.encode() + part)
        for name in ("b", "a", "c"):
            files[name].close()
        with target.open("d") as file:
            file.write(b"d")
    target.publish()
    assert texts(path) == {"a": b"a1a2", "b": b"b1b2", "c": b"c1c2", "d": b"d"}
    with zipfile.ZipFile(path) as packed:
        assert {info.date_time for info in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert os.listdir(tmp_path) == ["x.zip"]


BAD_NAMES = ["", "..", "../x", "a/../../x", "/x", "//x", "a\\b", "..\\x", "C:x", "c:/x", "a\nb", "a\x00b", "a/..", "a:stream"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_lead_out_are_refused(name):
    """A member's name that leaves its folder on any system is refused."""
    with pytest.raises(BadFile):
        safe_name(name)


@pytest.mark.parametrize("name", ["a", "a.json", "images/0a.jpg", "a..b", "...", "a b", "é"])
def test_plain_names_pass(name):
    """Names that stay within the folder pass as they are."""
    assert safe_name(name) == name


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a\\b", "C:x"])
def test_no_member_is_written_outside(name, tmp_path):
    """A folder takes no member whose name leads out of it, and the attempt leaves nothing."""
    def write():
        with Target(tmp_path / "in" / "x", folder=True, compress="none", overwrite=False) as target:
            target.open(name)

    with pytest.raises(BadFile):
        write()
    assert everything_below(tmp_path) == ["in"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [["a", "a"], *([name] for name in BAD_NAMES if name and "\0" not in name)])
def test_hostile_zips_are_refused(names, tmp_path):
    """A ZIP with a name twice, or with one that leads out, is not opened at all."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for name in names:
            packed.writestr(name, b"")
    with pytest.raises(BadFile):
        Source(path)


def test_what_a_file_is_shows_in_its_bytes(tmp_path):
    """Whether a file is packed is found out by looking, not by its name."""
    (tmp_path / "plain.gz").write_bytes(b"text")
    (tmp_path / "packed.txt").write_bytes(gzip.compress(b"text"))
    assert set(texts(tmp_path / "plain.gz").values()) == set(texts(tmp_path / "packed.txt").values()) == {b"text"}


def test_closing_a_source_closes_its_files(tmp_path):
    """Files that were opened through a source do not outlive it, packed or not: Windows removes no open file."""
    for folder, compress in CASES:
        path = tmp_path / f"{folder}{compress}"
        put(path, folder=folder, compress=compress)
        source = Source(path)
        files = [source.open(name) for name in source.all_names()]
        source.close()
        assert all(file.closed for file in files)


@pytest.mark.parametrize("path", ["nowhere", "file/below", "x" * 300])
def test_nothing_to_read_is_said(path, tmp_path):
    """A place with nothing at it is NoSuchSource."""
    (tmp_path / "file").touch()
    with pytest.raises(NoSuchSource):
        Source(tmp_path / path)


@pytest.mark.parametrize("path", ["file/x", "file/below/x", "y" * 300, "folder/" + "z" * 300])
def test_places_that_take_nothing_are_refused_before_the_work(path, tmp_path):
    """A place below a file, or with a name that no file can have, is refused when the target is made."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(CannotWrite):
        Target(tmp_path / path, folder=False, compress="none", overwrite=True)
    assert everything_below(tmp_path) == ["file", "folder"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_locked_is_refused(tmp_path):
    """A folder without the right to write is CannotWrite, and tells the user that tried."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(CannotWrite, match=f"user {os.geteuid()}"):
            Target(tmp_path / "x", folder=False, compress="none", overwrite=False)
    finally:
        tmp_path.chmod(0o700)
