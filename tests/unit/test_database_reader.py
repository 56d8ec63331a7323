"""DatabaseReader on the miniature: what goes in comes out, whichever way SQLite finds it, and what is no sound database is said to be none."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from stashport.errors import DatabaseDamaged, NoSuchSource, NotADatabase, PortError, UnknownSchema
from stashport.model.fields import BY_NAME, KINDS
from stashport.model.records import IdSet, Record, encode
from stashport.model.table import Kind
from stashport.stash import database
from stashport.stash.database import DatabaseReader
from support.miniature import PICTURES, Records, sample_library, write_miniature

STORED = [kind for kind in KINDS if kind.table]
every_kind = pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.name)


@pytest.fixture(scope="module", params=[False, True], ids=["without indexes", "with indexes"])
def miniature(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample library as a database; shared, not to be written to."""
    path = tmp_path_factory.mktemp("miniature") / "stash.sqlite"
    return write_miniature(path, sample_library(pictures=True), PICTURES, indexed=request.param)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The same, to be written to."""
    return write_miniature(tmp_path / "stash.sqlite", sample_library(), PICTURES)


def chosen(*numbers: int) -> IdSet:
    """A set of ids."""
    found = IdSet()
    for number in numbers:
        found.add(number)
    return found


def change(path: Path, *statements: str) -> None:
    """Run some SQL on a database."""
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def lines(path: Path, kind: Kind, fields: tuple[str, ...] | None = None, only: IdSet | None = None) -> list[bytes]:
    """The lines of a kind."""
    with DatabaseReader(path) as reader:
        asked = tuple(f for f in reader.fields(kind) if fields is None or f.name in fields)
        return [line for batch in reader.batches(kind, asked, only) for line in batch.lines]


def read_all(path: Path) -> None:
    """Read everything in a database."""
    with DatabaseReader(path) as reader:
        for kind in reader.kinds():
            list(reader.batches(kind, reader.fields(kind)))
            list(reader.ids(kind))


def values(path: Path, name: str, field: str) -> list[object]:
    """What a field holds, record by record."""
    with DatabaseReader(path) as reader:
        kind = BY_NAME[name]
        return [record[field] for batch in reader.batches(kind, (kind.by_name[field],)) for record in batch.records]


@every_kind
def test_what_went_in_comes_out(miniature: Path, kind: Kind) -> None:
    """Every record of the sample library, with pictures, comes back as the same bytes; broken file names too."""
    wanted = sample_library(pictures=True)[kind.name]
    assert lines(miniature, kind) == [encode(record) for record in wanted]
    with DatabaseReader(miniature) as reader:
        assert (reader.count(kind), len(reader.ids(kind))) == (len(wanted), len(wanted))


def test_a_broken_file_name_is_in_the_sample(miniature: Path) -> None:
    """A name that is no UTF-8 keeps its byte as an escape, in the path that is put together from it as well."""
    (line,) = lines(miniature, BY_NAME["file"], ("path", "basename"), chosen(3))
    assert line == rb'{"id":"file:3","path":"/media/videos/caf\udce9.mp4","basename":"caf\udce9.mp4"}'


@every_kind
@pytest.mark.parametrize("size", [1, 2, 500])
def test_only_chosen_ids_in_batches_of_any_size(miniature: Path, kind: Kind, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids that are there come in order, others are passed over, and neither batches nor chunks of ids change the lines."""
    monkeypatch.setattr(database, "BATCH", size)
    monkeypatch.setattr(database, "CHUNK", size)
    whole = lines(miniature, kind)
    assert lines(miniature, kind, only=chosen(1, 3, 77, 2**40)) == [whole[number] for number in (0, 2) if number < len(whole)]
    assert lines(miniature, kind, only=chosen()) == []
    with DatabaseReader(miniature) as reader:
        assert all(1 <= len(batch) <= size for batch in reader.batches(kind, ()))


@every_kind
def test_only_chosen_fields(miniature: Path, kind: Kind) -> None:
    """Each field alone, all of them but one, or none: the others do not change, and the order is the table's."""
    whole: list[Record] = sample_library(pictures=True)[kind.name]
    with DatabaseReader(miniature) as reader:
        names = [f.name for f in reader.fields(kind)]
    for asked in ((), *((name,) for name in names), *(tuple(n for n in names if n != name) for name in names)):
        wanted = [encode({key: value for key, value in record.items() if key == "id" or key in asked}) for record in whole]
        assert lines(miniature, kind, tuple(asked)) == wanted


def test_rows_of_lists_without_an_owner_are_passed_over(own: Path) -> None:
    """A damaged library holds rows of lists whose record is gone: before, between and after those that are there."""
    before = {kind.name: lines(own, kind) for kind in STORED}
    orphans = [f"({number},{number})" for number in (-5, 0, 99, 2**40)]
    change(
        own, *(f"INSERT INTO scenes_tags(scene_id,tag_id) VALUES {orphan}" for orphan in orphans), "INSERT INTO scene_urls VALUES (0,99,'https://gone.example')",
        "INSERT INTO performer_custom_fields(performer_id,field,value) VALUES (99,'gone',1)", "INSERT INTO scene_markers(scene_id,seconds) VALUES (99,1.0)",
    )
    assert {kind.name: lines(own, kind) for kind in STORED} == before


def test_odd_values_are_read(own: Path) -> None:
    """Numbers that JSON does not know are null, whole floats keep their fraction, custom fields keep their sort, free JSON that is none stays text."""
    change(
        own, "UPDATE scenes SET resume_time=9e999, play_duration=3", "DELETE FROM performer_custom_fields",
        "INSERT INTO performer_custom_fields(performer_id,field,value) VALUES (1,'a',9007199254740993),(1,'b',2.0),(1,'c','2.0'),(1,'d',1e22)",
        "UPDATE saved_filters SET object_filter='{not json', ui_options='[]'",
    )
    assert values(own, "scene", "resume_time") == [None] * 3
    assert b'"play_duration":3.0' in lines(own, BY_NAME["scene"], ("play_duration",))[0]
    assert lines(own, BY_NAME["performer"], ("custom_fields",))[0] == (
        b'{"id":"performer:1","custom_fields":{"a":9007199254740993,"b":2,"c":"2.0","d":1e+22}}'
    )
    assert values(own, "saved_filter", "object_filter") == ["{not json"]
    assert values(own, "saved_filter", "ui_options") == [None]


@pytest.mark.parametrize("outside", [False, True], ids=["in the database", "in the blobs folder"])
def test_images(tmp_path: Path, *, outside: bool) -> None:
    """The bytes of an image by its checksum, wherever they are; None for one that is nowhere."""
    blobs = tmp_path / "blobs" if outside else None
    path = write_miniature(tmp_path / "stash.sqlite", sample_library(pictures=True), PICTURES, blobs=blobs)
    with DatabaseReader(path, blobs) as reader:
        assert {checksum: reader.image(checksum) for checksum in PICTURES} == PICTURES
        assert reader.image("0" * 32) is None
    with DatabaseReader(path) as reader:
        assert (reader.image(next(iter(PICTURES))) is None) is outside


def test_everything_is_of_one_moment(own: Path) -> None:
    """What is written while a reader is open is not seen by it, not even between two kinds; and it does not keep others from writing."""
    change(own, "PRAGMA journal_mode=WAL")
    with DatabaseReader(own) as reader:
        before = [line for batch in reader.batches(BY_NAME["tag"], ()) for line in batch.lines]
        change(own, "INSERT INTO tags(id,name) VALUES (9,'late')", "INSERT INTO scenes(id,title) VALUES (9,'late')")
        assert [line for batch in reader.batches(BY_NAME["tag"], ()) for line in batch.lines] == before
        assert reader.count(BY_NAME["scene"]) == 3
    assert len(lines(own, BY_NAME["tag"])) == 4


def test_nothing_is_written(own: Path) -> None:
    """Reading leaves the file as it was, and the connection refuses to write."""
    before = own.read_bytes()
    with DatabaseReader(own) as reader:
        for kind in STORED:
            list(reader.batches(kind, reader.fields(kind)))
        with pytest.raises(sqlite3.OperationalError):
            reader._db.execute("DELETE FROM tags")
    assert own.read_bytes() == before
    assert [path.name for path in own.parent.iterdir()] == [own.name]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _garble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    path.write_bytes(data)


UNSOUND: dict[str, tuple[Callable[[Path], object], type[PortError]]] = {
    "absent": (Path.unlink, NoSuchSource),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), NoSuchSource),
    "empty": (lambda path: path.write_bytes(b""), NotADatabase),
    "another file": (lambda path: path.write_text("title,date\n" * 1000), NotADatabase),
    "a database of something else": (lambda path: change(path, "DROP TABLE schema_migrations"), NotADatabase),
    "without a version": (lambda path: change(path, "DELETE FROM schema_migrations"), NotADatabase),
    "an older schema": (lambda path: change(path, "UPDATE schema_migrations SET version=48"), UnknownSchema),
    "a newer schema": (lambda path: change(path, "UPDATE schema_migrations SET version=999"), UnknownSchema),
    "a migration that was cut off": (lambda path: change(path, "UPDATE schema_migrations SET dirty=1"), UnknownSchema),
    "a column that is missing": (lambda path: change(path, "ALTER TABLE scenes DROP COLUMN code"), DatabaseDamaged),
    "a table that is missing": (lambda path: change(path, "DROP TABLE scenes_tags"), DatabaseDamaged),
    "cut off": (_cut, DatabaseDamaged),
    "zeroed behind its first page": (_garble, DatabaseDamaged),
}


@pytest.mark.parametrize(("spoil", "error"), UNSOUND.values(), ids=UNSOUND)
def test_what_is_no_sound_database(own: Path, spoil: Callable[[Path], object], error: type[PortError]) -> None:
    """Each way in which a file can be no sound database of Stash is an error of its own, and names the file."""
    spoil(own)
    with pytest.raises(error) as caught:
        read_all(own)
    assert str(own) in caught.value.message


def test_an_empty_library_is_no_error(tmp_path: Path) -> None:
    """A library without a single record is read as such."""
    nothing: Records = {}
    path = write_miniature(tmp_path / "stash.sqlite", nothing, {})
    assert [lines(path, kind) for kind in STORED] == [[]] * len(STORED)
