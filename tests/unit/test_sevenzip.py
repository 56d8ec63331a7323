"""7z archives: what is written reads back, what is wrong has an error of ours, and nothing gets out of the folder it is unpacked into."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import sys

import py7zr
import pytest
from stashport.bundle.passphrase import Passphrase
from stashport.bundle.sevenzip import Member, check_7z, list_7z, read_7z, write_7z
from stashport.errors import BadFile, BlankPassphrase, MissingLibrary, OtherSecret, PortError, WrongPassphrase

FILES = {"records/scenes.ndjson": b'{"rating100": 20}\n' * 20_000, "empty.txt": b"", "images/\u00e9\u65e5.bin": random.Random(1).randbytes(100_000)}
SECRET = "correct horse"
STOCK = shutil.which("7zz") or shutil.which("7z")


@pytest.fixture
def folder(tmp_path):
    """A folder of three files."""
    for name, data in FILES.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "in"


def files_in(folder):
    """What a folder holds."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def archive_of(path, *names, password=None):
    """An archive whose members are called so, whatever that leads to."""
    with py7zr.SevenZipFile(path, "w", password=password) as archive:
        for number, name in enumerate(names):
            archive.writef(io.BytesIO(b"x"), f"{number:04}")
            archive.files.files_list[-1]["filename"] = name
            archive.header.files_info.files[-1]["filename"] = name
    return path


@pytest.mark.parametrize("password", [None, SECRET, Passphrase("k\u00e4se 1 ")])
def test_what_is_written_reads_back(folder, tmp_path, password):
    """Files, empty ones and names of other scripts come back with and without a password, and their list is right."""
    path = tmp_path / "out.7z"
    write_7z(folder, path, password)
    expected = {Member(name, len(data)) for name, data in FILES.items()}
    assert set(list_7z(path, password)) == set(check_7z(path, password)) == set(read_7z(path, tmp_path / "out", password)) == expected
    assert files_in(tmp_path / "out") == FILES


def test_a_password_hides_contents_and_names(folder, tmp_path):
    """Neither a name nor a line of a member stands in the archive, and two archives of the same files differ."""
    write_7z(folder, tmp_path / "a.7z", SECRET)
    write_7z(folder, tmp_path / "b.7z", SECRET)
    data = (tmp_path / "a.7z").read_bytes()
    for text in ("scenes", "rating100", "records", SECRET):
        assert text.encode() not in data
        assert text.encode("utf-16-le") not in data
    assert data[32:1000] != (tmp_path / "b.7z").read_bytes()[32:1000]


def test_passwords_that_do_not_fit(folder, tmp_path):
    """Wrong, missing and blank passwords are three errors; one that is not needed does not disturb; none is shown."""
    path, plain = tmp_path / "a.7z", tmp_path / "b.7z"
    write_7z(folder, path, SECRET)
    write_7z(folder, plain)
    for error, password in ((WrongPassphrase, "wrong horse"), (OtherSecret, None), (BlankPassphrase, " ")):
        for job in (list_7z, check_7z, lambda *a: read_7z(a[0], tmp_path / "out", a[1])):
            with pytest.raises(error) as found:
                job(path, password)
            assert "horse" not in found.value.message
    assert len(check_7z(plain, "not needed")) == 3
    with pytest.raises(BlankPassphrase):
        write_7z(folder, tmp_path / "c.7z", "")


def test_contents_locked_by_another_tool_with_open_names(tmp_path):
    """An archive whose names are not encrypted lists without a password, and asks for one to unpack."""
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w", password=SECRET) as archive:
        archive.writestr("hello", "x.txt")
    assert list_7z(tmp_path / "a.7z") == [Member("x.txt", 5)]
    for password, error in ((None, OtherSecret), ("wrong", WrongPassphrase)):
        with pytest.raises(error):
            check_7z(tmp_path / "a.7z", password)
    assert check_7z(tmp_path / "a.7z", SECRET) == [Member("x.txt", 5)]


@pytest.mark.parametrize("password", [None, SECRET])
def test_accidents_are_found(folder, tmp_path, password):
    """Flipped bits (100, or 10 with a password) and cuts (60, or 5): an error of ours, or the contents that were written; with a password names may differ."""
    write_7z(folder, tmp_path / "good.7z", password)
    data, bad, chance = (tmp_path / "good.7z").read_bytes(), tmp_path / "bad.7z", random.Random(2)
    for number in range(160) if password is None else range(90, 105):
        changed = bytearray(data)
        if number < 100:
            bit = chance.randrange(len(data) * 8) if number % 2 else chance.randrange((len(data) - 250) * 8, len(data) * 8)
            changed[bit // 8] ^= 1 << bit % 8
        else:
            del changed[chance.randrange(len(data)) :]
        bad.write_bytes(changed)
        out = tmp_path / f"out{number}"
        try:
            read_7z(bad, out, password)
        except PortError as error:
            assert isinstance(error, (BadFile, WrongPassphrase))
        else:
            assert set(files_in(out).values()) == set(FILES.values())
            assert password or files_in(out) == FILES


@pytest.mark.parametrize("data", [b"", b"7z", b"PK\3\4" + bytes(100), b"7z\xbc\xaf\x27\x1c", b"7z\xbc\xaf\x27\x1c" + bytes(100)])
def test_what_is_no_archive_is_refused(tmp_path, data):
    """Empty, cut and foreign files are BadFile."""
    path = tmp_path / "x.7z"
    path.write_bytes(data)
    with pytest.raises(BadFile):
        list_7z(path)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "..", "C:x", "a\nb", "a//b", "x" * 1500, ""])
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    """A member that would leave the folder, or that no export has, refuses the whole archive before anything is unpacked."""
    path = archive_of(tmp_path / "x.7z", "good", name)
    for job in (list_7z, check_7z, lambda place: read_7z(place, tmp_path / "out")):
        with pytest.raises(BadFile):
            job(path)
    assert not (tmp_path / "out").exists() or files_in(tmp_path / "out") == {}
    assert {path.name for path in tmp_path.iterdir()} <= {"x.7z", "out"}


def test_two_members_of_one_name_are_refused(tmp_path):
    """Also when only capitals tell them apart, which some disks cannot."""
    for names in (("a", "a"), ("a", "A")):
        with pytest.raises(BadFile, match="one name"):
            list_7z(archive_of(tmp_path / "x.7z", *names))


def test_links_are_neither_written_nor_unpacked(folder, tmp_path):
    """A link in the folder is left out; an archive with a link is refused."""
    try:
        (folder / "link").symlink_to("/etc/passwd")
    except OSError:
        pytest.skip("no links can be made here")
    write_7z(folder, tmp_path / "a.7z")
    assert {member.name for member in list_7z(tmp_path / "a.7z")} == set(FILES)
    with py7zr.SevenZipFile(tmp_path / "b.7z", "w") as archive:
        archive.write(folder / "link", "link")
    with pytest.raises(BadFile, match="neither file nor folder"):
        list_7z(tmp_path / "b.7z")


def test_bombs_are_refused(folder, tmp_path, monkeypatch):
    """More bytes or more members than are sensible refuse the archive before unpacking."""
    write_7z(folder, tmp_path / "a.7z")
    with pytest.raises(BadFile, match="sensible"):
        check_7z(tmp_path / "a.7z", most_bytes=1000)
    monkeypatch.setattr("stashport.bundle.sevenzip.MOST_MEMBERS", 2)
    with pytest.raises(BadFile, match="sensible"):
        list_7z(tmp_path / "a.7z")


def test_it_never_writes_over_a_file(folder, tmp_path):
    """Neither the archive nor what is unpacked replaces anything."""
    write_7z(folder, tmp_path / "a.7z")
    with pytest.raises(FileExistsError):
        write_7z(folder, tmp_path / "a.7z")
    read_7z(tmp_path / "a.7z", tmp_path / "out")
    with pytest.raises(FileExistsError):
        read_7z(tmp_path / "a.7z", tmp_path / "out")


def test_without_the_library_that_is_said(folder, tmp_path, monkeypatch):
    """Where py7zr is missing, the error says how to get it."""
    monkeypatch.setitem(sys.modules, "py7zr", None)
    with pytest.raises(MissingLibrary, match="py7zr") as found:
        write_7z(folder, tmp_path / "a.7z")
    assert "check --install 7z" in found.value.hint


@pytest.mark.skipif(STOCK is None, reason="there is no `7z` or `7zz` on PATH (Debian, Ubuntu: apt-get install 7zip)")
def test_stock_7z_opens_ours_and_we_open_its(folder, tmp_path):
    """The usual program unpacks ours, with and without a password, and what it packs is unpacked here."""
    for password in (SECRET, None):
        option = [f"-p{password}"] if password else []
        ours, theirs, out = (tmp_path / f"{name}-{password}" for name in ("ours.7z", "theirs.7z", "out"))
        write_7z(folder, ours, password)
        subprocess.run([STOCK, "x", *option, f"-o{out}", ours], check=True, capture_output=True)
        assert files_in(out) == FILES
        subprocess.run([STOCK, "a", *option, *(["-mhe=on"] if password else []), theirs, "."], check=True, capture_output=True, cwd=folder)
        read_7z(theirs, tmp_path / f"again-{password}", password)
        assert files_in(tmp_path / f"again-{password}") == FILES
