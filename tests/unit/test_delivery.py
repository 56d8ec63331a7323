"""Where an export goes: parts, encryption, 7z, a URL; and the nested shape of its configuration."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading

import pytest
from stashport import formats
from stashport.bundle.age_keys import new_identity
from stashport.bundle.passphrase import Passphrase
from stashport.bundle.reader import read_header
from stashport.errors import AlreadyThere, BadFile, BadRequest, NotSupported, PortError, UploadFailed
from stashport.jobs.context import Context
from stashport.jobs.decrypt import decrypt
from stashport.jobs.export import export
from stashport.jobs.export_config import ExportConfig
from stashport.jobs.preview import count, preview
from stashport.jobs.sample import SampleReader
from stashport.model.privacy import Privacy
from stashport.output import upload as uploading
from stashport.output.parts import reading
from stashport.output.proof import prove
from stashport.output.source import Source
from stashport.runs import presets, secrets
from stashport.runs.state import State
from stashport.stash.source import Opened
from support.records import lines_of, read

WORDS = "correct horse"


@pytest.fixture
def context(tmp_path):
    """A context over the sample library."""
    return Context(State(tmp_path / "state"), Opened(SampleReader(), {"type": "sample", "reader": "sample"}))


# --- parts ---


@pytest.mark.parametrize("name", ["json", "ndjson", "csv", "xml", "bundle"])
def test_parts_are_valid_on_their_own_and_whole_together(name, context, tmp_path):
    """With chunkSize every part holds at most so many records, reads alone, and all together are the library."""
    target = tmp_path / "parts"
    export({"format": name, "chunkSize": 4, "to": str(target)}, context)
    index = json.loads((target / "index.json").read_bytes())
    assert len(index["parts"]) == 7
    assert sum(sum(part["counts"].values()) for part in index["parts"]) == 26
    for part in index["parts"]:
        assert sum(part["counts"].values()) <= 4
        alone = target / part["files"][0]["name"]
        assert len(read(alone if alone.parent == target else alone.parent)) == sum(part["counts"].values())
    assert prove(target).errors == []


def test_no_part_is_larger_than_allowed(context, tmp_path):
    """With maxFileSize no file of an export is larger, but for one that a single record fills."""
    for name in ("json", "ndjson", "xml"):
        export({"format": name, "maxFileSize": 8000, "to": str(tmp_path / name)}, context)
        sizes = [path.stat().st_size for path in (tmp_path / name).iterdir() if path.name != "index.json"]
        assert len(sizes) > 1
        assert max(sizes) <= 8000


def test_a_part_that_was_changed_or_lost_is_noticed(context, tmp_path):
    """A byte in one part, a missing part and a damaged index all make the whole not valid."""
    target = tmp_path / "parts"
    export({"format": "ndjson", "chunkSize": 6, "to": str(target)}, context)
    part = target / "library-0002.ndjson"
    good = part.read_bytes()
    part.write_bytes(good.replace(b"a", b"b", 1))
    assert prove(target).errors
    part.unlink()
    assert prove(target).errors
    part.write_bytes(good)
    assert prove(target).errors == []
    (target / "index.json").write_text("{}")
    assert prove(target).errors


# --- encryption ---


@pytest.mark.parametrize(("name", "ending"), [("json", "json"), ("csv", "zip"), ("bundle", "stashport.zip")])
def test_a_passphrase_seals_and_opens(name, ending, context, tmp_path):
    """What is exported with a passphrase is no clear text, and opens with it as the same library."""
    context.passphrase = Passphrase(WORDS)
    sealed, opened = tmp_path / f"x.{ending}.age", tmp_path / f"x.{ending}"
    export({"format": name, "to": str(sealed)}, context)
    assert sealed.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert b"Jane Doe" not in sealed.read_bytes()
    decrypt(sealed, opened, None, Passphrase(WORDS))
    assert sorted(read(opened)) == sorted(lines_of(SampleReader()))


def test_recipients_can_open_it_and_the_key_of_the_run_is_gone(context, tmp_path):
    """An export for a recipient is proven with a key of the run's own, opens with the recipient's, and has two locks."""
    identity, recipient = new_identity()
    (tmp_path / "key").write_text(identity)
    export({"encrypt": {"recipients": [recipient]}, "to": str(tmp_path / "x.age")}, context)
    assert (tmp_path / "x.age").read_bytes().count(b"-> X25519") == 2
    decrypt(tmp_path / "x.age", tmp_path / "x.json", tmp_path / "key", None)
    assert sorted(read(tmp_path / "x.json")) == sorted(lines_of(SampleReader()))
    with pytest.raises(AlreadyThere):
        decrypt(tmp_path / "x.age", tmp_path / "x.json", tmp_path / "key", None)


def test_what_waits_beside_a_sealed_zip_is_sealed_too(context, tmp_path, monkeypatch):
    """Tables that are put aside while an encrypted ZIP is written are never clear text on the disk."""
    context.passphrase = Passphrase(WORDS)
    seen = []
    real = formats.get("csv").write

    def watched(members, header, options):
        writer = real(members, header, options)
        finish = writer.finish

        def look(counts):
            writer._close()
            seen.extend(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
            finish(counts)

        writer.finish = look
        return writer

    monkeypatch.setattr(formats.get("csv"), "write", watched)
    export({"format": "csv", "compress": "zip", "to": str(tmp_path / "x.zip.age")}, context)
    assert len(seen) > 3
    assert not any(b"scene:1" in data for data in seen)


@pytest.mark.parametrize("profile", ["full", "share", "anonymous"])
@pytest.mark.parametrize("name", formats.readable())
def test_the_head_of_every_format_tells_the_privacy(name, profile, context, tmp_path):
    """Whoever reads an export finds the profile, what was chosen with it, and what it means, in the same words in each format."""
    wish = Privacy.parse({"profile": profile, "excludeFields": ["details"]})
    export({"format": name, "to": str(tmp_path / "x"), "privacy": wish.record()}, context)
    source = Source(tmp_path / "x")
    assert reading(source).header["privacy"] == wish.header()
    source.close()


@pytest.mark.parametrize("sealed", [True, False])
def test_the_head_of_a_bundle_tells_that_it_was_encrypted(sealed, context, tmp_path):
    """A bundle that was taken out of its encryption still says that it was in one."""
    identity, recipient = new_identity()
    (tmp_path / "key").write_text(identity)
    export({"format": "bundle", "encrypt": {"recipients": [recipient]} if sealed else {}, "to": str(tmp_path / "x")}, context)
    if sealed:
        decrypt(tmp_path / "x", tmp_path / "y", tmp_path / "key", None)
    with (tmp_path / ("y" if sealed else "x")).open("rb") as file:
        assert read_header(file, "it")["options"]["encryption"] is sealed


def test_seven_zip_holds_the_same(context, tmp_path):
    """A 7z archive of tables unpacks to an export that proves; with age it is refused."""
    from stashport.bundle.sevenzip import read_7z

    export({"format": "csv", "compress": "7z", "to": str(tmp_path / "x.7z")}, context)
    read_7z(tmp_path / "x.7z", tmp_path / "x")
    assert sorted(read(tmp_path / "x")) == sorted(lines_of(SampleReader()))
    with pytest.raises(AlreadyThere):
        export({"format": "csv", "compress": "7z", "to": str(tmp_path / "x.7z")}, context)
    context.passphrase = Passphrase(WORDS)
    with pytest.raises(NotSupported):
        export({"compress": "7z", "to": str(tmp_path / "y.7z")}, context)


def test_secrets_are_used_once(context, tmp_path):
    """A passphrase from the panel lies in a file of its owner's, is used once, and is nowhere in the run record."""
    name = secrets.keep(context.state, WORDS)
    path = context.state.secrets / name
    assert path.stat().st_mode & 0o077 == 0
    run = export({"encrypt": {"secret": name}, "to": str(tmp_path / "x.age")}, context)
    assert not path.exists()
    assert WORDS not in json.dumps(run.record)
    with pytest.raises(BadRequest):
        secrets.take(context.state, name)
    for bad in ("../../etc/passwd", WORDS, None, 5):
        with pytest.raises(BadRequest):
            secrets.take(context.state, bad)


# --- a URL ---


@pytest.fixture
def receiver(monkeypatch):
    """A server that keeps what it is sent, and answers with the codes of `answers`, the last one for ever."""
    monkeypatch.setattr(uploading, "PAUSES", (0, 0))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.got.append((self.command, dict(self.headers), body))
            code = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "http://elsewhere.example/secret?token=1")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_PUT

        def log_message(self, *_):
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.answers = [], [201]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://user:word@127.0.0.1:{server.server_port}/in?token=hidden"
    yield server
    server.shutdown()
    server.server_close()


def test_an_export_is_sent_and_signed(receiver, context, tmp_path):
    """The proven file arrives whole, with the signature of its bytes, after failures of the server; the address is told without what may be secret in it."""
    receiver.answers = [500, 503, 200]
    context.url_secret = b"shared"
    run = export({"url": {"url": receiver.url, "method": "POST"}}, context)
    command, headers, body = receiver.got[-1]
    assert (command, len(receiver.got)) == ("POST", 3)
    assert headers["X-Stash-Port-Signature"] == "sha256=" + hmac.new(b"shared", body, hashlib.sha256).hexdigest()
    (tmp_path / "got.json").write_bytes(body)
    assert sorted(read(tmp_path / "got.json")) == sorted(lines_of(SampleReader()))
    told = json.dumps(run.record)
    assert "hidden" not in told
    assert "word@" not in told
    assert not list((context.state.folder / "exports" / "to-send").glob("stash-*"))


@pytest.mark.parametrize(("answers", "tries"), [([500], 3), ([404], 1), ([302], 1), ([413], 1)])
def test_a_server_that_will_not_take_it_is_told_of(answers, tries, receiver, context):
    """What cannot be sent is tried again only where that can help, never sent on elsewhere, and kept here."""
    receiver.answers = answers
    with pytest.raises(UploadFailed) as caught:
        export({"url": receiver.url}, context)
    assert len(receiver.got) == tries
    assert "token" not in caught.value.message
    assert len(list((context.state.folder / "exports" / "to-send").glob("stash-*"))) == 1


def test_a_server_that_is_not_there_or_hangs_is_told_of(context, monkeypatch):
    """No answer at all, and an answer that never comes, end in one error."""
    import socket

    monkeypatch.setattr(uploading, "PAUSES", ())
    monkeypatch.setattr(uploading, "TIMEOUT", (0.5, 0.5))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for url in (f"http://127.0.0.1:{silent.getsockname()[1]}/", "http://127.0.0.1:9/"):
            with pytest.raises(UploadFailed):
                export({"url": url}, context)


# --- configuration ---

DESIGN = {
    "format": "json", "target": "file",
    "data": {
        "scenes": {"include": True, "fields": ["title", "tags"], "filter": None}, "performers": {"include": True, "fields": [], "filter": None},
        "studios": {"include": False, "fields": [], "filter": None}, "tags": {"include": True, "fields": [], "filter": None},
    },
    "options": {"includeRelationships": True, "includeFiles": False, "compression": "gzip", "encryption": None, "chunkSize": 1000, "maxFileSize": 1000000},
    "privacy": {"excludePersonalData": True, "anonymizeData": False, "excludeFields": ["scenes.details"]},
}


def test_the_nested_shape_has_an_effect_in_every_key():
    """Each key of the nested configuration sets what it is about."""
    config = ExportConfig.parse(DESIGN)
    assert config.kinds == ("scenes", "performers", "tags")
    assert config.fields == {"scenes": ["title", "tags"]}
    assert (config.related, config.includeFiles, config.compress, config.chunkSize, config.maxFileSize) == ("direct", False, "gzip", 1000, 1000000)
    assert config.privacy.excludePersonalData
    assert config.privacy.excludeFields == ("scenes.details",)
    assert ExportConfig.parse({"format": "custom"}).format == "template"
    assert ExportConfig.parse({"target": "clipboard"}).download
    assert ExportConfig.parse({"data": {"scenes": {"filter": {"organized": True}}}}).filters
    assert ExportConfig.parse({"privacy": {"anonymizeData": True}}).privacy.profile == "anonymous"


@pytest.mark.parametrize(
    "given",
    [
        {"target": "moon"}, {"target": "url"}, {"data": {"scenes": {"includes": True}}}, {"data": {"scenes": {"include": False}}}, {"data": 5},
        {"options": {"includeRelationships": "maybe"}}, {"options": {"encryption": {"type": "7z", "key": "x"}}},
        {"options": {"encryption": {"type": "age", "key": "my passphrase"}}}, {"encrypt": {"passphrase": "x"}}, {"encrypt": {"recipients": []}}, {"encrypt": {"secret": ""}},
        {"encrypt": {"recipients": ["age1nonsense"]}}, {"url": "ftp://x"}, {"url": {"url": "http://x", "method": "GET"}}, {"chunkSize": -1},
        {"maxFileSize": "big"}, {"chunkSize": True}, {"privacy": {"anonymise": True}}, {"filters": {"nothing": 1}}, {"format": "xml", "options": {"no": True}},
    ],
    ids=str,
)
def test_what_has_no_meaning_is_refused(given):
    """Each wrong value is one clear error, never silence."""
    with pytest.raises(PortError) as caught:
        ExportConfig.parse(given)
    assert caught.value.exit_code != 1


def test_parts_of_what_cannot_come_in_parts_are_refused(context):
    """A template and the standard output make one file."""
    for given in ({"format": "template", "chunkSize": 5}, {"to": "-", "chunkSize": 5}, {"to": "-", "url": "http://127.0.0.1:9"}):
        with pytest.raises(PortError):
            export(given, context)


def test_an_index_that_lies_is_damage(context, tmp_path):
    """Counts in the index are held against the parts."""
    target = tmp_path / "parts"
    export({"format": "ndjson", "chunkSize": 6, "to": str(target)}, context)
    index = json.loads((target / "index.json").read_bytes())
    index["counts"]["scenes"] += 1
    (target / "index.json").write_text(json.dumps(index))
    assert prove(target).errors
    with pytest.raises(BadFile):
        read(target)


def test_single_records_are_chosen_by_id(context, tmp_path):
    """filters.ids chooses these records, without those that are gone; what is no id is refused."""
    export({"kinds": ["scenes"], "filters": {"ids": {"scenes": ["1", "scene:3", "99"]}}, "to": str(tmp_path / "x.json")}, context)
    assert [json.loads(line)["id"] for line in read(tmp_path / "x.json")] == ["scene:1", "scene:3"]
    for bad in ({"scenes": ["x"]}, {"moons": ["1"]}, {"scenes": "one"}, 5):
        with pytest.raises(PortError):
            ExportConfig.parse({"filters": {"ids": bad}})


def test_the_lock_of_7z_needs_its_password(context, tmp_path):
    """A 7z archive with a password opens with it only, and that lock is for 7z only."""
    from stashport.bundle.sevenzip import read_7z

    export({"format": "csv", "compress": "7z", "encrypt7z": {"secret": secrets.keep(context.state, WORDS)}, "to": str(tmp_path / "x.7z")}, context)
    with pytest.raises(PortError):
        read_7z(tmp_path / "x.7z", tmp_path / "a")
    read_7z(tmp_path / "x.7z", tmp_path / "b", WORDS)
    assert sorted(read(tmp_path / "b")) == sorted(lines_of(SampleReader()))
    with pytest.raises(NotSupported):
        export({"encrypt7z": {"secret": secrets.keep(context.state, WORDS)}, "to": str(tmp_path / "x.json")}, context)


# --- presets and previews ---


def test_presets_are_kept_without_secrets(context):
    """A preset comes back as it was, but for what is secret; it can be replaced and deleted."""
    presets.save(context.state, "mine", {"format": "csv", "encrypt": {"secret": "x"}, "url": {"url": "http://x", "secret": "y"}})
    assert presets.presets(context.state) == [{"name": "mine", "config": {"format": "csv", "encrypt": {"secret": ""}, "url": {"url": "http://x", "secret": ""}}}]
    presets.delete(context.state, "mine")
    assert presets.presets(context.state) == []
    for name, config in (("", {}), ("x" * 81, {}), ("a\nb", {}), ("x", 5), (None, {})):
        with pytest.raises(BadRequest):
            presets.save(context.state, name, config)
    with pytest.raises(BadRequest):
        presets.delete(context.state, "mine")


def test_a_preset_for_the_clipboard_is_a_configuration(context):
    """What the page does with its download is kept in a preset, and means nothing to an export of the same preset."""
    config = {"format": "csv", "download": True, "clipboard": True}
    presets.save(context.state, "mine", config)
    (kept,) = presets.presets(context.state)
    assert kept["config"] == config
    assert ExportConfig.parse(kept["config"]).record() == ExportConfig.parse({"format": "csv", "download": True}).record()


def test_a_preview_shows_records_as_they_leave(context):
    """Before and after differ where the profile changes something, and nothing is written."""
    told = preview({"privacy": "anonymous"}, context)
    assert len(told["records"]) == 3
    assert len(preview({"kinds": ["scenes"]}, context)["records"]) == 3
    scene = next(row for row in told["records"] if row["kind"] == "scenes")
    assert scene["before"]["title"] == "First walk"
    assert "First walk" not in json.dumps(scene["after"])
    assert count({"kinds": ["scenes"]}, context)["counts"] == {"scenes": 3}
    assert not context.state.folder.exists()
