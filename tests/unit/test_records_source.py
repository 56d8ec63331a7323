"""A file that Stash Port wrote as a source: the same records, fields and images as what it was made of, in every format, packed, in parts and encrypted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport import cli, formats
from stashport.bundle import age_reader
from stashport.bundle.age_keys import Identity, new_identity
from stashport.bundle.passphrase import Passphrase
from stashport.bundle.records import header_from
from stashport.bundle.writer import BundleWriter
from stashport.errors import (
    BadFile,
    BadFilter,
    BadRequest,
    BundleDamaged,
    NewerFile,
    NoIdentity,
    NoSuchSource,
    NotEncrypted,
    NotSupported,
    OtherSecret,
    PortError,
    WrongPassphrase,
)  # fmt: skip
from stashport.jobs.context import Context
from stashport.jobs.export import export
from stashport.jobs.preview import count, preview
from stashport.jobs.sources import place_of
from stashport.model.fields import BY_NAME, KINDS
from stashport.model.records import IdSet
from stashport.output import parts, writing
from stashport.output.export_file import ExportFile
from stashport.output.records_source import ENDINGS, RecordsFile
from stashport.runs.state import State
from stashport.stash.source import DatabaseFile, Opened, open_source
from support.miniature import PICTURES, sample_library, write_miniature
from support.records import HEADER, ListReader, lines_of, packings, run_export, sample, tables, write

TAG, SCENE, STUDIO = BY_NAME["tag"], BY_NAME["scene"], BY_NAME["studio"]
SAVED = [(name, packing) for name in formats.readable() for packing in packings(name)]
NAMES = formats.readable()


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """The sample library as a database with pictures, which no test writes to."""
    return DatabaseFile(write_miniature(tmp_path_factory.mktemp("library") / "stash-go.sqlite", sample_library(pictures=True), PICTURES))


def export_from(place, folder, **config):
    """Export from a place to a file of this folder; its path."""
    target = folder / config.pop("to", "out")
    run = export({**config, "to": str(target)}, Context(State(folder / "state"), place, passphrase=config.pop("passphrase", None)))
    assert run.result == "ok", run.record["warnings"]
    return target


def numbers(*found):
    """A set of numbers."""
    made = IdSet()
    made.add_all(found)
    return made


# --- the same records -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "packing"), SAVED)
def test_every_format_gives_back_what_was_written(tmp_path, name, packing):
    """Kinds, fields, counts and every line are those of the source, in every format and however it is packed; asked for twice, also backwards."""
    source = sample()
    with RecordsFile(write(tmp_path / "out", name, source, compress=packing)) as found:
        assert found.kinds() == source.kinds()
        assert {kind.name: found.fields(kind) for kind in KINDS} == {kind.name: source.fields(kind) if kind in source.kinds() else () for kind in KINDS}
        assert [found.count(kind) for kind in KINDS] == [source.count(kind) if kind in source.kinds() else 0 for kind in KINDS]
        assert lines_of(found) == lines_of(source)
        for kind in reversed(found.kinds()):
            lines = [line for batch in found.batches(kind, found.fields(kind)) for line in batch.lines]
            assert lines == [line for batch in source.batches(kind, source.fields(kind)) for line in batch.lines]


@settings(max_examples=15)
@given(made=st.lists(st.sampled_from([kind for kind in KINDS if kind.table]), min_size=1, max_size=4, unique=True).flatmap(
    lambda kinds: st.fixed_dictionaries({kind.name: tables(kind) for kind in kinds})), name=st.sampled_from(NAMES))
def test_random_records_come_back(tmp_path_factory, made, name):
    """Whatever texts, numbers and references records hold, a file gives them back byte for byte."""
    source = ListReader(made)
    with RecordsFile(write(tmp_path_factory.mktemp("random") / "out", name, source)) as found:
        assert lines_of(found) == lines_of(source)


@pytest.mark.parametrize("name", NAMES)
def test_only_what_is_asked_for(tmp_path, name):
    """Some numbers and some fields, in the order in which they are asked for; what the file does not tell stays absent; a kind it does not have is none."""
    with RecordsFile(write(tmp_path / "out", name, sample())) as found:
        asked = (TAG.by_name["parents"], TAG.by_name["name"], TAG.by_name["image"])
        records = [r for batch in found.batches(TAG, asked, numbers(3, 1, 77)) for r in batch.records]
        assert [list(record) for record in records] == [["id", "parents", "name"]] * 2
        assert [record["id"] for record in records] == ["tag:1", "tag:3"]
        assert [r for batch in found.batches(TAG, (), numbers(2)) for r in batch.records] == [{"id": "tag:2"}]
        assert list(found.batches(TAG, asked, IdSet())) == []
        assert list(found.batches(BY_NAME["setting"], ())) == []


@pytest.mark.parametrize("name", NAMES)
def test_numbered_parts_are_one_source(tmp_path, database, name):
    """An export in parts gives the same records as the source, images too where they lie beside them; a part that was changed is refused."""
    out = export_from(database, tmp_path, format=name, chunkSize=4, images=True)
    with open_source(database) as before, RecordsFile(out) as found:
        assert lines_of(found) == lines_of(before.reader)
        checksum = next(iter(found.batches(TAG, TAG.fields))).records[0]["image"][4:]
        assert found.image(checksum) == PICTURES[checksum]
    part = next(path for path in sorted(out.rglob("*0002*")) if path.is_file() or path.is_dir())
    victim = part if part.is_file() else next(path for path in part.iterdir() if path.is_file())
    victim.write_bytes(victim.read_bytes()[:-3] + b"\n\n\n")
    with pytest.raises(PortError), RecordsFile(out) as found:
        lines_of(found)


def test_a_file_is_walked_through_no_more_often_than_needed(tmp_path, monkeypatch):
    """Kinds asked for in their order take one way through the file after the look at its end; one that lies behind takes another."""
    walks = []
    real = parts.reading
    monkeypatch.setattr(parts, "reading", lambda source: walks.append(1) or real(source))
    with RecordsFile(write(tmp_path / "out", "json", sample())) as found:
        lines_of(found)
        assert len(walks) == 2
        list(found.batches(TAG, ()))
        assert len(walks) == 3
        one, other = found.batches(SCENE, ()), found.batches(TAG, ())  # side by side: each has a way of its own
        mixed = [next(one).records[0]["id"], next(other).records[0]["id"]]
        assert mixed == ["scene:1", "tag:1"]


def test_kinds_in_another_order(tmp_path):
    """A document whose kinds were put into another order, or one of them in two places, is read all the same."""
    path = write(tmp_path / "out.json", "json", sample())
    document = json.loads(path.read_bytes())
    kinds = [name for name in document if name not in ("header", "counts")]
    shuffled = {"header": document["header"], **{name: document[name] for name in reversed(kinds)}}
    text = json.dumps(shuffled)[:-1] + f', "tags": {json.dumps([{**document["tags"][0], "id": "tag:9"}])}'
    path.write_text(text + f', "counts": {json.dumps({**document["counts"], "tags": 4})}}}')
    with RecordsFile(path) as found:
        assert [record["id"] for batch in found.batches(TAG, ()) for record in batch.records] == ["tag:1", "tag:2", "tag:3", "tag:9"]
        assert len(lines_of(found)) == len(lines_of(sample())) + 1


def test_a_bundle_opens_the_member_that_is_asked_for(tmp_path):
    """Damage in one kind of a bundle is found when that kind is read, and does not stand in the way of another."""
    path = write(tmp_path / "out", "bundle", sample())
    data = path.read_bytes()
    at = data.index(b"records/scenes.ndjson") + 80
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    with RecordsFile(path) as found:
        assert len([r for batch in found.batches(TAG, TAG.fields) for r in batch.records]) == 3
        with pytest.raises(BundleDamaged):
            list(found.batches(SCENE, SCENE.fields))


def test_lines_spelt_otherwise_are_found_too(tmp_path):
    """A bundle whose lines another program wrote, with blanks where we have none, gives the records that are asked for and no others."""
    with (tmp_path / "b.zip").open("wb") as file:
        bundle = BundleWriter(file, header_from({**HEADER, "fields": {"tags": ["name"]}}))
        with bundle.open("records/tags.ndjson") as member:
            for n in (1, 2, 30):
                member.write(json.dumps({"id": f"tag:{n}", "name": str(n)}).encode() + b"\n")
        bundle.close()
    with RecordsFile(tmp_path / "b.zip") as found:
        assert [r for batch in found.batches(TAG, TAG.fields, numbers(2, 3)) for r in batch.records] == [{"id": "tag:2", "name": "2"}]
        assert found.count(TAG) == 3


# --- images ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "packing"), [("bundle", "none"), ("json", "none"), ("ndjson", "gzip"), ("csv", "zip")])
def test_images_come_from_the_file(tmp_path, database, name, packing):
    """Every image is there, byte for byte; one that is not there, or is another one, is none."""
    with RecordsFile(export_from(database, tmp_path, format=name, compress=packing, images=True)) as found:
        assert {checksum: found.image(checksum) for checksum in PICTURES if found.image(checksum)} == {
            record[f.name][4:]: PICTURES[record[f.name][4:]]
            for kind in found.kinds() for f in found.fields(kind) if f.type == "image" for batch in found.batches(kind, (f,)) for record in batch.records
            if record[f.name]
        }  # fmt: skip
        assert found.image("0" * 32) is None


def test_an_image_that_was_changed_is_none(tmp_path, database):
    """The name of an image is the sum of its bytes, and is held against them."""
    out = export_from(database, tmp_path, images=True)
    victim = next((out / "images").iterdir())
    victim.write_bytes(b"another")
    with RecordsFile(out) as found:
        assert found.image(victim.stem) is None


def test_images_are_looked_for_under_the_names_that_are_written():
    """The endings that exports give to images are those that are looked for."""
    assert {writing._extension(magic) for magic, _ in writing._MAGIC} | {"bin"} == set(ENDINGS)


# --- encrypted ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "packing"), [("bundle", "none"), ("json", "none"), ("ndjson", "gzip"), ("csv", "zip"), ("xml", "none")])
def test_an_encrypted_file_is_opened_with_its_key(tmp_path, name, packing):
    """The key gives the same records; no key, another key and a passphrase each have their error, as has a key for what is not encrypted."""
    secret, recipient = new_identity()
    path = tmp_path / "out.age"
    assert run_export(sample(), tmp_path / "state", to=path, format=name, compress=packing, encrypt={"recipients": [recipient]}).result == "ok"
    with open_source(ExportFile(path, (Identity(secret),))) as opened:
        assert lines_of(opened.reader) == lines_of(sample())
    for keys, error in (((), OtherSecret), ((Identity(new_identity()[0]),), NoIdentity)):
        with pytest.raises(error), open_source(ExportFile(path, keys)):
            pass
    with pytest.raises(OtherSecret), open_source(ExportFile(path, passphrase=Passphrase("a b c"))):
        pass
    with pytest.raises(NotEncrypted), open_source(ExportFile(write(tmp_path / "plain", name, sample()), (Identity(secret),))):
        pass


def test_a_passphrase_is_tried_once(tmp_path, monkeypatch):
    """A passphrase opens the file; trying it takes long on purpose, and is done once, however often the file is read; a wrong one is told."""
    tried = []
    real = age_reader.unlock
    path = tmp_path / "out.age"
    context = Context(State(tmp_path / "state"), Opened(sample(), {"type": "sample", "reader": "list"}), passphrase=Passphrase("correct horse"))
    assert export({"to": str(path), "format": "csv", "compress": "zip"}, context).result == "ok"
    monkeypatch.setattr(age_reader, "unlock", lambda *given: tried.append(1) or real(*given))
    with open_source(ExportFile(path, passphrase=Passphrase("correct horse"))) as opened:
        assert lines_of(opened.reader) == lines_of(opened.reader) == lines_of(sample())
    assert len(tried) == 1
    with pytest.raises(WrongPassphrase), open_source(ExportFile(path, passphrase=Passphrase("wrong horse"))):
        pass


# --- what is not as it should be --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_file_gives_nothing(tmp_path, name):
    """A file that was cut, anywhere, is one of our errors before any of its records is used."""
    whole = write(tmp_path / "whole", name, sample(), compress="zip" if formats.get(name).FOLDER else "none")
    data = whole.read_bytes()
    for cut in (1, len(data) // 3, len(data) // 2, len(data) - 2):
        path = tmp_path / "cut"
        path.write_bytes(data[:cut])
        seen = []
        with pytest.raises(PortError) as caught, RecordsFile(path) as found:
            for batch in found.batches(TAG, TAG.fields):
                seen += batch.records
        assert not seen
        assert 30 <= caught.value.exit_code < 80


def test_a_newer_and_a_foreign_file(tmp_path):
    """A file of a later version, somebody else's file and folder, and none at all have their own errors."""
    with pytest.raises(NewerFile):
        RecordsFile(write(tmp_path / "newer", "json", sample(), header={**HEADER, "format_version": 99}))
    (tmp_path / "other").write_text('{"title": "of somebody"}')
    with pytest.raises(BadFile, match="it is none of"):
        RecordsFile(tmp_path / "other")
    with pytest.raises(NoSuchSource):
        RecordsFile(tmp_path / "nowhere")
    with pytest.raises(NoSuchSource), open_source(ExportFile(tmp_path / "nowhere")):
        pass
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "photo.jpg").write_bytes(b"x")
    with pytest.raises(NoSuchSource), open_source(place_of(str(tmp_path / "folder"))):
        pass
    (tmp_path / "x.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(30))
    with pytest.raises(NotSupported, match="7z"), open_source(ExportFile(tmp_path / "x.7z")):
        pass


@pytest.mark.parametrize(("change", "said"), [
    (lambda d: d["tags"][1].pop("name"), "other fields than its header says"), (lambda d: d["tags"][1].update(id="tag:x"), "is no id of a tag"),
    (lambda d: d["tags"][1].update(parents=["studio:1"]), "is no id of a tag"), (lambda d: d["tags"][1].update(name=5), "is a int somewhere"),
    (lambda d: d["counts"].update(tags=9), "9 tags"), (lambda d: d["header"].update(fields=None), "does not tell which fields"),
    (lambda d: d["header"]["fields"].update(tags="name"), "does not tell which fields"), (lambda d: d["header"]["fields"].update({"<b>": []}), "'<b>'"),
    (lambda d: d["header"]["fields"]["tags"].append("no name"), "'no name'"), (lambda d: d["tags"][1].update(mood=1), "'mood'"),
    (lambda d: d["header"]["fields"]["tags"].extend(f"x{n}" for n in range(300)), "which no version"),
    (lambda d: d["header"]["fields"].pop("tags"), "does not tell which fields its tags have"),
])
def test_records_that_somebody_changed_are_refused_in_words(tmp_path, change, said):
    """What is not as the header and the table of fields say is a bad file, and never breaks anything further on."""
    path = write(tmp_path / "out.json", "json", sample())
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(BadFile) as caught, RecordsFile(path) as found:
        list(found.batches(TAG, ()))
    assert said in caught.value.message


# --- exports from files -----------------------------------------------------------------------------------------------------------------------


def without(document, *keys):
    """A document whose header lacks what differs from run to run."""
    return {**document, "header": {key: value for key, value in document["header"].items() if key not in keys}}


@pytest.mark.parametrize("name", NAMES)
def test_a_detour_changes_nothing(tmp_path, database, name):
    """Database to JSON, and database to any format to JSON, are the same document; the file says where it was read and what from."""
    config = {"format": "json", "images": True}
    straight = export_from(database, tmp_path, to="straight", **config)
    between = export_from(database, tmp_path, to="between", format=name, images=True)
    round_about = export_from(place_of(str(between)), tmp_path, to="round", **config)
    one, other = (json.loads((path / "library.json").read_bytes()) for path in (straight, round_about))
    assert without(one, "created", "source") == without(other, "created", "source")
    assert {path.name: path.read_bytes() for path in (straight / "images").iterdir()} == {path.name: path.read_bytes() for path in (round_about / "images").iterdir()}
    facts = other["header"]["source"]
    assert (facts["type"], facts["reader"], facts["schema"], facts["origin"]) == ("bundle" if name == "bundle" else "export file", "file", 75, "database file")
    again = export_from(place_of(str(round_about)), tmp_path, to="again", format="bundle")
    with open_source(place_of(str(again))) as opened:
        assert (opened.facts["origin"], opened.facts["schema"], opened.absent) == ("database file", 75, {"setting": "a database file holds no settings"})


def test_a_header_s_odd_facts_are_left_out(tmp_path):
    """What a header tells of its source is taken over where it is a short text or a number, and nothing else of it."""
    header = {**HEADER, "source": {"type": ["odd"], "schema": {"a": 1}, "stash_version": "x" * 1000, "instance": "abc"}, "privacy": 5, "not_inside": ["x"]}
    with open_source(ExportFile(write(tmp_path / "a.json", "json", sample(), header=header))) as opened:
        assert opened.facts == {"type": "export file", "reader": "file", "file": "a.json", "made_by": "a test", "instance": "abc"}
        assert opened.absent == {}
    assert export_from(place_of(str(tmp_path / "a.json")), tmp_path, to="b", format="bundle")


def test_filters_related_and_ids_on_a_file(tmp_path, database):
    """Named filters, what the chosen records refer to, ids, counts and a preview work on a bundle as on the database that it was made of."""
    bundle = place_of(str(export_from(database, tmp_path, to="b", format="bundle")))
    for config in (
        {"filters": {"tags": ["Outdoors"]}, "kinds": ["scenes"], "related": "all"}, {"filters": {"text": {"scenes": "formula"}}, "related": "direct"},
        {"filters": {"studios": ["small lantern"], "subStudios": False}, "kinds": ["galleries"]}, {"filters": {"ids": {"scenes": ["2", "77"]}}},
        {"filters": {"performers": {"none": ["Jane Doe (the first)"]}, "has": "scenes.files"}, "kinds": ["scenes"], "related": "all"},
    ):  # fmt: skip
        found = [without(json.loads(export_from(place, tmp_path, to=f"{n}.json", overwrite=True, **config).read_bytes()), "created", "source")
                 for n, place in enumerate((database, bundle))]
        assert found[0] == found[1], config
        contexts = [Context(State(tmp_path / "state"), place) for place in (database, bundle)]
        assert count(config, contexts[0])["counts"] == count(config, contexts[1])["counts"]
        assert preview(config, contexts[0])["records"] == preview(config, contexts[1])["records"]


@pytest.mark.parametrize("before", ["share", "anonymous"])
def test_what_privacy_took_out_stays_out(tmp_path, database, before):
    """A file from which something was kept back can be exported again in every profile and format; nothing breaks where the rows have fewer columns."""
    first = place_of(str(export_from(database, tmp_path, to="first", format="bundle", privacy=before)))
    for name in NAMES:
        for privacy in ("full", "share", "anonymous"):
            export_from(first, tmp_path, to=f"{name}-{privacy}", format=name, privacy=privacy)
    with open_source(first) as opened, open_source(place_of(str(tmp_path / "json-full"))) as again:
        assert opened.facts["privacy"] == before
        assert lines_of(again.reader) == lines_of(opened.reader)


def test_what_a_file_does_not_hold_cannot_be_asked_for(tmp_path, database):
    """A filter about a field that is not in the file is refused; a search says where it could not look; what lies below is not guessed."""
    def chosen(config, **made):
        bundle = place_of(str(export_from(database, tmp_path, to="b.zip", format="bundle", overwrite=True, **made)))
        return export({"to": str(tmp_path / "o.json"), "overwrite": True, **config}, Context(State(tmp_path / "state"), bundle))

    for config, made, said in (
        ({"filters": {"ratingMin": 5}}, {"fields": {"scenes": ["title"]}, "kinds": ["scenes"]}, '"ratingMin" applies to none'),
        ({"filters": {"createdFrom": "2020"}}, {"fields": {"scenes": ["title"]}, "kinds": ["scenes"]}, '"createdFrom" applies to none'),
        ({"filters": {"tags": ["Outdoors"]}}, {"kinds": ["scenes"]}, '"tags" applies to none'),
        ({"filters": {"tags": ["Outdoors"]}, "kinds": ["scenes"]}, {"kinds": ["scenes", "tags"], "fields": {"tags": ["name"]}}, '"subTags" to false'),
        ({"filters": {"tags": ["tag:9"]}, "kinds": ["scenes"]}, {}, "tag:9, which is not in"),
        ({"filters": {"text": "a"}}, {"kinds": ["scenes"], "fields": {"scenes": ["code"]}}, '"text" looks for words in'),
        ({"filters": {"has": "settings.value"}}, {}, "applies to none"),
    ):  # fmt: skip
        with pytest.raises(BadFilter) as caught:
            chosen(config, **made)
        assert said in caught.value.message
    run = chosen({"filters": {"tags": ["Outdoors"], "subTags": False}, "kinds": ["scenes"]}, kinds=["scenes", "tags"], fields={"tags": ["name"]})
    assert run.result == "ok"
    run = chosen({"filters": {"text": "walk"}, "kinds": ["scenes"]}, includeFiles=False, fields={"scenes": ["title"]})
    (said,) = (warning for warning in map(str, run.record["warnings"]) if "Stash would have looked" in warning)
    assert "scene.details, scene.scene_markers, scene.files" in said


# --- naming it --------------------------------------------------------------------------------------------------------------------------------


def test_what_is_taken_for_what(tmp_path, database):
    """A database is known by its name or its first bytes, whatever it is called; anything else that is there was written by us; the rest is nothing."""
    shutil.copy(database.path, tmp_path / "copy.backup")
    assert isinstance(place_of(str(database.path)), DatabaseFile)
    assert isinstance(place_of(str(tmp_path / "copy.backup")), DatabaseFile)
    assert isinstance(place_of(str(tmp_path / "nowhere.json")), DatabaseFile)
    assert isinstance(place_of("x" * 5000), DatabaseFile)
    assert place_of(str(write(tmp_path / "a.json", "json", sample()))) == ExportFile(tmp_path / "a.json")
    assert isinstance(place_of(str(write(tmp_path / "csv", "csv", sample()))), ExportFile)
    with pytest.raises(NotSupported, match="no database"):
        place_of(str(tmp_path / "a.json"), blobs="blobs")
    with pytest.raises(BadRequest, match="Keys open a file"):
        place_of(str(database.path), identity_file="key")
    with pytest.raises(BadRequest, match="cannot be read"):
        place_of(str(tmp_path / "a.json"), identity_file=str(tmp_path / "nowhere"))
    with pytest.raises(NotSupported, match="one way to read"), open_source(ExportFile(tmp_path / "a.json"), reader="database"):
        pass


def test_the_command_line_takes_files(tmp_path, capsys, monkeypatch):
    """From one command to the next: a bundle for a key, opened with the key's file, filtered, and checked."""
    monkeypatch.chdir(tmp_path)
    secret, recipient = new_identity()
    write(tmp_path / "a.ndjson", "ndjson", sample())
    Path("key.txt").write_text(f"# a key\n{secret}\n")
    state = ["--state", "state", "-q"]
    assert cli.main(["export", "a.ndjson", "--format", "bundle", "--to", "b.zip.age", "--encrypt-to", recipient, *state]) == 0
    assert cli.main(["export", "b.zip.age", "--to", "c.json", *state]) == OtherSecret.exit_code
    assert cli.main(["export", "b.zip.age", "--source-identity-file", "key.txt", "--to", "c.json", "--kinds", "scenes", "--text", "walk", *state]) == 0
    assert [record["title"] for record in json.loads(Path("c.json").read_bytes())["scenes"]] == ["First walk"]
    capsys.readouterr()
    cli.main(["check", "a.ndjson", "--state", "state"])
    said = capsys.readouterr().out
    assert "3 scenes" in said
    assert "from a file written on" in said


def test_what_a_newer_version_added_is_left_out_and_listed(tmp_path):
    """Fields and kinds that the header names and that are not known here do not come through; everything else does."""
    path = write(tmp_path / "out.json", "json", sample())
    document = json.loads(path.read_bytes())
    document["header"]["fields"]["tags"].append("mood")
    document["header"]["fields"]["films"] = ["name"]
    for tag in document["tags"]:
        tag["mood"] = "good"
    path.write_text(json.dumps(document))
    with RecordsFile(path) as found, RecordsFile(write(tmp_path / "plain.json", "json", sample())) as plain:
        assert found.unknown == ["films", "tags.mood"]
        assert plain.unknown == []
        assert lines_of(found) == lines_of(plain)
