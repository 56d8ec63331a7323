"""XML: what is written is valid by its own schema for eyes other than ours, and reads back the same; what is hostile or not allowed is refused in bounds."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from stashport import formats
from stashport.errors import BadFile, MissingLibrary, NewerFile
from stashport.formats import _xml_schema
from stashport.formats import xml as made_by
from stashport.formats._xml_read import unescape
from stashport.model.fields import BY_NAME, KINDS
from stashport.output.proof import prove
from support.records import HOSTILE, ListReader, lines_of, read, sample, some_text, tables, write

SHIPPED = Path(formats.__file__).with_name("library.xsd")
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
ROOT = f"{HEAD}<stashport format_version='1'>"
OPEN = f'{HEAD}<stashport {XSI} format_version="1"><header>{{"format_version":1}}</header>'
SHUT = "<counts/></stashport>"
FORBIDDEN = ["\x00", "\x08", "\x0b", "\x0c", "\r", "\x1f", "\ud800", "\udbff", "\udc80", "\udfff", "\ufffe", "\uffff"]


@pytest.fixture(scope="module")
def schema():
    """The schema, in libxml2's hands."""
    return etree.XMLSchema(etree.parse(str(SHIPPED)))


class Given:
    """An export that is one text."""

    place = "here"

    def __init__(self, text):
        self.data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")

    def names(self):
        """One file."""
        return ["x.xml"]

    def open(self, name):
        """Its bytes, or a file that makes them up as it is read."""
        return self.data if hasattr(self.data, "read") else io.BytesIO(self.data)


def records_in(text):
    """The records of a document."""
    return [record for _, batch in made_by.read(Given(text)).batches() for record in batch.records]


def tag(inside, attributes='id="tag:1"'):
    """A document with one tag."""
    return f"{OPEN}<tags><tag {attributes}>{inside}</tag></tags>{SHUT}"


def refused(text):
    """Why a document is refused."""
    with pytest.raises(BadFile) as error:
        records_in(text)
    assert "Traceback" not in error.value.message
    return error.value.details["reason"]


def test_the_shipped_schema_is_what_the_table_makes():
    """library.xsd is what the function makes of the table of fields today."""
    assert SHIPPED.read_text("utf-8") == _xml_schema.schema()


def test_the_sample_is_valid(schema, tmp_path):
    """The sample library, in which is what libraries in the wild hold, is valid by the schema."""
    schema.assertValid(etree.parse(str(write(tmp_path / "x.xml", "xml", sample()))))


def test_hostile_texts_are_valid_everywhere(schema, tmp_path):
    """Every hostile text in every place that takes one (field, item, row, key, value, JSON, id) makes a valid document that reads back the same."""
    names = {"tag": ("name", "aliases"), "performer": ("custom_fields", "stash_ids"), "saved_filter": ("object_filter",), "setting": ("section", "value")}
    fields = {kind: tuple(f for f in BY_NAME[kind].fields if f.name in chosen) for kind, chosen in names.items()}
    records = {kind: [] for kind in names}
    for number, text in enumerate([*HOSTILE, *FORBIDDEN, *(f"a{c}\\u000db" for c in FORBIDDEN), "]]>", "<!--", "&amp;", "&#13;", "\\u0041", " a "], 1):
        row = {"endpoint": text, "stash_id": None, "updated_at": text}
        records["tag"].append({"id": f"tag:{number}", "name": text, "aliases": ["", text, ""]})
        records["performer"].append({"id": f"performer:{number}", "stash_ids": [row, row], "custom_fields": {text: text, "b": "", "c": 1, "d": 1.0}})
        records["saved_filter"].append({"id": f"saved_filter:{number}", "object_filter": {text: [text, None]}})
        records["setting"].append({"id": f"setting:ui.{text}", "section": text, "value": text})
    # Field order within a record is the table's, as from every reader.
    reader = ListReader({kind: (fields[kind], [{"id": r["id"], **{f.name: r[f.name] for f in fields[kind]}} for r in records[kind]]) for kind in names})
    path = write(tmp_path / "x.xml", "xml", reader)
    schema.assertValid(etree.parse(str(path), etree.XMLParser(huge_tree=True)))
    assert read(path) == lines_of(reader)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_records_are_valid_and_come_back(kind, schema, data):
    """Random records of each kind make a valid document, and read back the same."""
    reader = ListReader({kind.name: data.draw(tables(kind))}, size=data.draw(st.integers(1, 3)))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "x.xml"), "xml", reader)
        schema.assertValid(etree.parse(str(path), etree.XMLParser(huge_tree=True)))
        assert read(path) == lines_of(reader)


@given(some_text() | st.text(alphabet="\\u000dx\r\x00", max_size=8))
def test_an_escape_is_undone(text):
    """Whatever was escaped is the same after unescaping, and holds nothing that XML forbids."""
    escaped = made_by._ESCAPED.sub(made_by._number, text)
    assert unescape(escaped) == text
    assert not made_by._FORBIDDEN.search(escaped)


def test_plain_backslashes_stay_readable(tmp_path):
    """A text without forbidden characters is written as it is, backslashes and all; only one with such characters is marked and escaped."""
    fields = tuple(f for f in BY_NAME["tag"].fields if f.name == "name")
    records = [{"id": "tag:1", "name": "C:\\new\\u0041"}, {"id": "tag:2", "name": "C:\\new\r\x01"}]
    text = write(tmp_path / "x", "xml", ListReader({"tag": (fields, records)})).read_text("utf-8")
    assert '<tag id="tag:1"><name>C:\\new\\u0041</name></tag>' in text
    assert '<tag id="tag:2"><name escaped="true">C:\\\\new\\u000d\\u0001</name></tag>' in text


def test_null_empty_and_absent_are_three_things(schema, tmp_path):
    """null, an empty list or text, and a field that is not there look different and come back different."""
    texts = [
        '<tag id="tag:1"><name xsi:nil="true"/><aliases xsi:nil="true"/></tag>', '<tag id="tag:1"><name></name><aliases/></tag>', '<tag id="tag:1"/>',
        '<tag id="tag:1"><aliases><item/></aliases><custom_fields/></tag>',
    ]
    wanted = [{"name": None, "aliases": None}, {"name": "", "aliases": []}, {}, {"aliases": [""], "custom_fields": {}}]
    for text, record in zip(texts, wanted, strict=True):
        document = f"{OPEN}<tags>{text}</tags><counts><tags>1</tags></counts></stashport>"
        assert records_in(document) == [{"id": "tag:1", **record}]
        schema.assertValid(etree.fromstring(document.encode()))


def test_other_tools_may_format_and_annotate(tmp_path):
    """Indentation between elements, comments, a byte order mark, CDATA, character references and a schema's location do no harm."""
    path = write(tmp_path / "x.xml", "xml", sample())
    text = re.sub(r"(</?(?:row|item|tags|stash_ids|entry)>)", r"\n  \1\n", path.read_text("utf-8"))
    text = text.replace("<item>\n  \n", "<item>")
    parsed = etree.fromstring(path.read_bytes())
    assert records_in(b"\xef\xbb\xbf" + etree.tostring(parsed, encoding="UTF-8", xml_declaration=True)) == records_in(path.read_bytes())
    noted = OPEN.replace("<stashport ", '<!-- a --><?b c?>\n<stashport xsi:noNamespaceSchemaLocation="library.xsd" ')
    document = f'{noted}\n<!-- x -->\n <tags>\n <tag id="tag:1">\n  <name>a<![CDATA[<&]]>&#x41;&lt;</name>\n </tag>\n</tags>{SHUT}'
    assert made_by.recognises(Given(document))
    assert records_in(document) == [{"id": "tag:1", "name": "a<&A<"}]


DTD = '<!DOCTYPE stashport [{}]>\n<stashport format_version="1"><header>{}</header><tags><tag id="tag:1"><name>&a;</name></tag></tags><counts/></stashport>'
LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize("dtd", [
    '<!ENTITY a "b">', '<!ENTITY a SYSTEM "file:///etc/passwd">', '<!ENTITY a SYSTEM "http://127.0.0.1:1/">', '<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;',
    '<!ENTITY a0 "ha">' + LAUGHS.replace("a11", "a"), f'<!ENTITY a "{"x" * 100_000}">', "<!ELEMENT stashport ANY>", '<!ATTLIST tag id CDATA "tag:1">',
    '<!NOTATION a SYSTEM "x"><!ENTITY b SYSTEM "y" NDATA a>', "",
])
def test_a_document_type_is_refused(dtd):
    """Entities of any sort, external or internal, multiplying or large, defaults for attributes: no document type is accepted at all."""
    assert "DTDForbidden" in refused(HEAD + DTD.format(dtd, '{"format_version":1}'))
    outside = HEAD + DTD.format(dtd, '{"format_version":1}').replace(f"[{dtd}]", 'SYSTEM "file:///etc/passwd"')
    assert "DTDForbidden" in refused(outside)


def test_an_entity_that_nobody_declared_is_refused():
    """&nbsp; and the like mean nothing without a document type."""
    assert "undefined entity" in refused(tag("<name>&nbsp;</name>"))


class Endless(io.RawIOBase):
    """A beginning, and then the same for ever, up to a limit that no reader may come near."""

    def __init__(self, start, repeated):
        self.start, self.repeated, self.given = start.encode(), repeated.encode() * 5000, 0

    def read(self, size=-1):
        """Some more of it."""
        data, self.start = (self.start, b"") if self.start else (self.repeated, b"")
        self.given += len(data)
        assert self.given < 300 << 20, "read on and on"
        return data


@pytest.mark.parametrize(("start", "repeated", "why"), [
    (OPEN + "<tags><tag id='tag:1'>", "<name>", "does not belong there"),
    (OPEN + "<tags><tag id='tag:1'><aliases>", "<item>", "where|does not belong"),
    ("", "<a>", "does not belong there"),
    (OPEN + "<tags><tag id='", "x" * 100, "a tag or a comment in it is longer than 1 MB"),
    (OPEN + "<tags><tag ", " a{}='b'", "a tag or a comment|not well-formed|duplicate"),
    (OPEN + "<!--", " a " * 50, "a tag or a comment in it is longer than 1 MB"),
    (OPEN + "<?a ", " a " * 50, "a tag or a comment in it is longer than 1 MB"),
    (OPEN + "<tags><tag id='tag:1'><", "x" * 100, "a tag or a comment in it is longer than 1 MB"),
    ("<stashport a='", "x" * 100, "a tag or a comment in it is longer than 1 MB"),
    (OPEN + "<tags><tag id='tag:1'><name>", "x" * 1000, "larger than 64 MB"),
    (OPEN + "<tags><tag id='tag:1'><aliases>", "<item/>" * 100, "larger than 64 MB"),
    (OPEN + "<tags><tag id='tag:1'><name><![CDATA[", "x" * 1000, "larger than 64 MB"),
    (f"{HEAD}<stashport format_version='1'><header>", "[" * 1000, "larger than 64 MB"),
], ids=lambda value: re.sub(r"[^a-z]+", "-", value[-30:]) if isinstance(value, str) else None)
def test_what_never_ends_is_refused(start, repeated, why):
    """Nesting, attributes, comments, instructions, names, texts and lists without an end: each is refused early, and says what it is."""
    endless = Endless(start, repeated)
    members = Given("")
    members.data = endless
    with pytest.raises(BadFile, match=why):
        for _ in made_by.read(members).batches():
            pass


def test_deep_json_in_a_field_is_refused():
    """Free JSON that is nested beyond measure is damage, not a crash."""
    deep = "[" * 100_000
    assert "recursion" in refused(f'{OPEN}<saved_filters><saved_filter id="saved_filter:1"><object_filter>{deep}</object_filter>').lower()
    assert refused(f"{HEAD}<stashport format_version='1'><header>{deep}</header>")


@pytest.mark.parametrize("inside", [
    "<nom>x</nom>", "<name>x</name><name>y</name>", "<aliases/><name>x</name>", "x", "<name><b/></name>", "<name>a<b>c</b></name>", '<name nil="true"/>',
    '<name xsi:nil="yes"/>', '<name xsi:nil="true">x</name>', '<aliases xsi:nil="true"><item/></aliases>', "<aliases>x</aliases>", "<aliases><name/></aliases>",
    '<name escaped="true">\\x</name>', '<name escaped="true">\\</name>', '<name escaped="true">\\u00</name>', '<name escaped="1">x</name>',
    '<name xml:lang="en">x</name>', "<favorite>yes</favorite>", "<favorite>1</favorite>", "<favorite/>", '<favorite escaped="true">true</favorite>',
    "<custom_fields><entry><key>a</key></entry></custom_fields>", "<custom_fields><entry><value>a</value><key>a</key></entry></custom_fields>",
    "<custom_fields><entry><key>a</key><value type='bool'>1</value></entry></custom_fields>",
    "<stash_ids><row><endpoint>a</endpoint><endpoint>a</endpoint></row></stash_ids>", "<stash_ids><row><nom/></row></stash_ids>",
])
def test_what_the_schema_forbids_is_refused(inside, schema):
    """Unknown, repeated or displaced elements, stray texts, wrong attributes and values: both the schema and our reader say no."""
    assert refused(tag(inside))
    assert not schema.validate(etree.fromstring(tag(inside).encode())) or "escaped" in inside  # an escape's inside is ours to check


def test_what_only_our_reader_sees_is_refused():
    """A key that stands twice, numbers that are none, ids that are missing: refused."""
    entry = "<entry><key>a</key><value>1</value></entry>"
    assert "twice" in refused(tag(f"<custom_fields>{entry}{entry}</custom_fields>"))
    for kind, value in (("int", "1.0"), ("int", ""), ("float", "x"), ("json", "{"), ("float", "1e999")):
        assert refused(tag(entry.replace("<value>1", f'<value type="{kind}">{value}').join(("<custom_fields>", "</custom_fields>"))))
    for number in ("", " 1", "1_0", "٣", "0x1", "1e5", "1.5", "9" * 5000, "NaN", "--1", "+1"):
        assert refused(f'{OPEN}<scenes><scene id="scene:1"><rating100>{number}</rating100></scene></scenes>{SHUT}')
    for number in ("NaN", "INF", "1e999", "1.", ".5", "1e", "0x1p3", "1,5"):
        assert refused(f'{OPEN}<scenes><scene id="scene:1"><play_duration>{number}</play_duration></scene></scenes>{SHUT}')
    for attributes in ("", 'name="x"', 'id="tag:1" name="x"', 'id="\\u" escaped="true"', 'id="a" escaped="yes"'):
        assert refused(tag("", attributes))
    for value in ("{", "NaN", "[1,]", '{"a":Infinity}', "1" * 5000):
        assert refused(f'{OPEN}<settings><setting id="setting:a"><value>{value}</value></setting></settings>{SHUT}')


@pytest.mark.parametrize("document", [
    "", "<", "x", HEAD, "<stashport/>", "<other/>", f"{ROOT}</stashport>", f"{ROOT}<counts/></stashport>",
    f'{ROOT}<tags/><header>{{"format_version":1}}</header><counts/></stashport>', f"{OPEN}<tags/><tags/>{SHUT}", f"{OPEN}<scenes/><tags/>{SHUT}",
    f"{OPEN}<films/>{SHUT}", f"{OPEN}</stashport>", f"{OPEN}{SHUT}<stashport/>", f"{OPEN}{SHUT}x", f"{OPEN}<counts/><tags/></stashport>",
    f"{OPEN}<tags><scene id='scene:1'/></tags>{SHUT}", f"{OPEN}<counts><tags>x</tags></counts></stashport>",
    f"{OPEN}<counts><films>1</films></counts></stashport>", OPEN.replace('format_version="1"', 'format_version="1" x="y"') + SHUT,
    OPEN.replace("{", "[") + SHUT, OPEN.replace('format_version="1"', 'format_version="x"') + SHUT,
])
def test_documents_of_another_shape_are_refused(document):
    """No root, no header, kinds twice or out of order, something after the end, another root: refused, each with a sentence."""
    assert refused(document)


def test_every_cut_is_noticed(tmp_path):
    """A document that is cut off anywhere is not read as whole."""
    data = write(tmp_path / "x.xml", "xml", sample()).read_bytes().rstrip()
    for end in range(0, len(data), 211):
        with pytest.raises(BadFile):
            records_in(data[:end])


@pytest.mark.parametrize("encoding", ["latin-1", "utf-7", "ebcdic-cp-us", "no-such"])
def test_what_is_no_utf8_is_refused(encoding):
    """Bytes are taken as UTF-8, whatever the document declares: what is none is refused, and no declaration makes texts mean something else."""
    document = tag("<name>é</name>").replace("UTF-8", encoding).encode()
    assert records_in(document) == [{"id": "tag:1", "name": "é"}]
    assert refused(document.replace("é".encode(), b"\xe9"))
    assert refused(document.replace("é".encode(), b"\xed\xa0\x80"))
    assert refused(document.replace("é".encode(), b"\xc0\x80"))


@pytest.mark.parametrize("where", ["root", "header"])
def test_a_newer_version_is_said_to_be_newer(where):
    """A document of a later format version is told apart from a damaged one, before anything that this version does not know."""
    later = OPEN.replace('format_version="1"', 'format_version="2"').replace("</header>", "</header><new/>")
    document = later if where == "root" else OPEN.replace(":1}", ":2}")
    with pytest.raises(NewerFile):
        records_in(document + SHUT)


def test_without_the_library_it_is_named(monkeypatch, tmp_path):
    """Where defusedxml is missing, reading says so and what to do; the format counts as not available; other formats are not touched."""
    path = write(tmp_path / "x.xml", "xml", sample())
    find = formats.importlib.util.find_spec
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name, *rest: None if name == "defusedxml" else find(name, *rest))
    with pytest.raises(MissingLibrary, match="defusedxml") as error:
        read(path)
    assert "check --install xml" in error.value.hint
    assert "defusedxml" in prove(path).errors[0]
    assert not formats.available("xml")
    assert "xml" not in formats.readable()
    assert formats.available("json")


def test_it_recognises_its_own_only(tmp_path):
    """Another XML document, SVG, HTML and text are not taken for an export."""
    for text in ("<svg/>", "<html><stash/></html>", "<library/>", "stashport ", "<stashport2 />", "", "\ufeff", '{"header":'):
        assert not made_by.recognises(Given(text))
    assert formats.detect(Given(OPEN + SHUT)).NAME == "xml"


MEASURE = """
import sys, resource, tempfile, json, gc
from pathlib import Path
from stashport.formats import xml
from stashport.model.fields import BY_NAME
from stashport.model.records import Batch
from stashport.output.members import Target
from stashport.formats import detect
gc.disable()
number = int(sys.argv[1])
tag = BY_NAME["tag"]
class One:
    place = "here"
    def __init__(self, path): self.path = path
    def names(self): return ["x.xml"]
    def open(self, name): return open(self.path, "rb")
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "x.xml")
    with Target(path, folder=False, compress="none", overwrite=False) as target:
        writer = xml.write(target, {"format_version": 1}, {})
        writer.begin(tag, tag.fields)
        for start in range(0, number, 500):
            numbers = range(start, start + 500)
            writer.write(Batch(records=[{"id": f"tag:{n}", "name": f"name {n}", "favorite": False, "aliases": ["a", str(n)]} for n in numbers]))
        writer.finish({"tags": number})
    target.publish()
    found = sum(len(batch) for _, batch in xml.read(One(path)).batches())
    assert found == number
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_library():
    """A hundred thousand records are written and read back at the peak memory of ten thousand."""
    lib = Path(formats.__file__).parents[2]
    peaks = []
    for number in (10_000, 100_000):
        done = subprocess.run([sys.executable, "-c", MEASURE, str(number)], env={"PYTHONPATH": str(lib)}, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] * 1.1 + 1024, peaks
