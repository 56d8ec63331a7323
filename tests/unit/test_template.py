"""Templates: what they are made of, what stands in a record, the filters, the shipped examples, the errors, and how an export by one is proven."""

from __future__ import annotations

import html
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from stashport import formats
from stashport.bundle.scratch import folder
from stashport.errors import BadRequest, BadTemplate, DiskFull, MissingLibrary, NotProven, NotSupported, TemplateFailed, UnknownTemplate
from stashport.formats import template
from stashport.formats._names import Kept
from stashport.formats._template_filters import csv, duration, map_path, markdown, one_line, read_map
from stashport.formats._template_source import SHIPPED as SHIPPED_IN
from stashport.jobs import packages
from stashport.jobs.export_config import ExportConfig
from stashport.model.fields import BY_NAME, KINDS
from stashport.model.table import LISTS
from stashport.output.proof import prove_rendered
from support.records import HOSTILE, ListReader, run_export, sample, some_text, write

DOCS = Path(__file__).resolve().parents[2] / "docs" / "templates.md"
SHIPPED = sorted(path.name.partition(".")[0] for path in SHIPPED_IN.iterdir())


def made(tmp_path, text, reader=None, name="x", **options):
    """What a template makes of a library, the sample where none is given."""
    path = write(tmp_path / name, "template", reader or sample(), options={"template": text, **options})
    return path.read_bytes().decode("utf-8", "surrogateescape")


def scenes(*records):
    """A library of scenes with just these fields."""
    fields = tuple(f for f in BY_NAME["scene"].fields if f.name in records[0])
    return ListReader({"scene": (fields, [{"id": f"scene:{n}", **record} for n, record in enumerate(records, 1)])})


def said(tmp_path, expression, value=None, **options):
    """What an expression makes of `record.title`."""
    return made(tmp_path, "{% block scene %}{{ " + expression + " }}{% endblock %}", scenes({"title": value}), **options)


def test_blocks_are_rendered_in_order(tmp_path):
    """Header first, before and after each kind that has records, a block a record, the footer with the counts at last."""
    text = (
        "{% block footer %}end {{ counts.tags }} {{ counts.images }} {{ number }}{% endblock %}{% block scene %}s{{ number }},{% endblock %}"
        "{% block tag %}{{ record.id }} {{ kind }}{{ number }};{% endblock %}{% block header %}{{ header.made_by }}\n{% endblock %}"
        "{% block before_tags %}[{{ kind }} {% endblock %}{% block after_tags %}{{ number }}]\n{% endblock %}{% block before_settings %}never{% endblock %}"
    )
    assert made(tmp_path, text) == "a test\n[tag tag:1 tag1;tag:2 tag2;tag:3 tag3;3]\ns1,s2,s3,end 3 1 26"


def test_macros_and_names_outside_of_blocks_are_known_in_them(tmp_path):
    """What is set or defined at the top holds in every block; what a block sets holds in it alone."""
    text = (
        "{% set mark = '*' %}{% set body %}<b>{% endset %}{% macro line(x) %}{{ mark }}{{ x }}{% if caller is defined %}{{ caller() }}{% endif %}{% endmacro %}"
        "{% block scene %}{{ line(number) }}{{ body }}{% call line('c') %}!{% endcall %}{% set mine = mine|default(0) + 1 %}{{ mine }} {% endblock %}"
    )
    assert made(tmp_path, text) == "*1<b>*c!1 *2<b>*c!1 *3<b>*c!1 "


def test_a_record_has_every_field_of_its_kind(tmp_path):
    """What the source could not tell is null or empty, so that one template does for every source; a name that no kind has is an error with a proposal."""
    for kind in KINDS:
        names = " ".join("{{ record." + f.name + ("|length" if f.type in LISTS else " is none") + " }}" for f in kind.fields)
        reader = ListReader({kind.name: (kind.fields[:0], [{"id": f"{kind.name}:1"}])})
        assert set(made(tmp_path, f"{{% block {kind.name} %}}{names}{{% endblock %}}", reader, kind.name).split()) <= {"0", "true"}
    nulls = scenes({"title": None, "urls": None, "custom_fields": None})
    assert made(tmp_path, "{% block scene %}{{ record.title }}{% for u in record.urls %}x{% endfor %}{{ record.urls|length }}{% endblock %}", nulls) == "0"
    with pytest.raises(TemplateFailed, match='a scene has no field "titel"; did you mean title') as error:
        made(tmp_path, "{% block scene %}\n\n{{ record.titel }}{% endblock %}", name="y")
    assert error.value.details["line"] == 3


def test_names_and_records_by_reference(tmp_path):
    """A reference tells its name, or its whole record, when that came earlier; else a name is the id, and a record is not there."""
    text = (
        "{% block scene %}{{ record.studio|name }}/{{ record.performers|name|join('+') }}/{{ record.files|lookup|map(attribute='basename')|join('+') }}/"
        "{{ (record.studio|lookup).urls|first if record.studio }}/{{ record.studio|lookup is none }}\n{% endblock %}"
        "{% block gallery %}{{ record.cover|name }}{{ record.cover|lookup is none }}{{ none|name }}{{ 'performer:99'|name }}{{ 'x'|name }} {% endblock %}"
    )
    assert made(tmp_path, text).splitlines()[:2] == [
        "image:1trueperformer:99x trueperformer:99x Lantern Pictures/Jane Doe+Jane Doe/first walk.mp4+first walk (copy).mp4/https://lantern.example/false",
        "//caf\udce9.mp4//true",
    ]


def test_names_are_kept_only_where_they_are_used(tmp_path):
    """A template that asks for no name keeps none on disk."""
    class Members:
        def open(self, name):
            return (tmp_path / name).open("wb")

    texts = ("{{ record.title }}", "{{ record.studio|name }}", "{{ [record.studio]|map('lookup')|list|length }}")
    writers = [template.write(Members(), {}, {"template": "{% block scene %}" + text + "{% endblock %}"}) for text in texts]
    assert [(w._names is not None, w._records is not None) for w in writers] == [(False, False), (True, False), (False, True)]
    for writer in writers:
        writer.finish({})


@given(st.dictionaries(st.tuples(st.sampled_from(["tag", "file"]), st.integers(0, 10**14 - 1)), st.binary(max_size=20)))
def test_kept_values_come_back(values):
    """What is kept by id comes back by that id, and by no other."""
    kept = Kept()
    kept.add((f"{kind}:{number}", value) for (kind, number), value in values.items())
    for (kind, number), value in values.items():
        assert kept.get(f"{kind}:{number}") == value
        assert (kept.get(f"scene:{number}"), kept.get(f"{kind}:{number + 1}")) == (None, values.get((kind, number + 1)))
    for strange in ("", "tag", "tag:", "tag:x", "x:1", "tag:-1", "tag:\u0661", "tag:" + "9" * 400, ":1"):
        assert kept.get(strange) is None
    kept.close()


def test_no_room_for_what_is_kept_is_a_full_disk():
    """When SQLite finds no room for names, that is told as any other full disk."""
    kept = Kept()
    kept._scratch.run("PRAGMA max_page_count=3")
    with pytest.raises(DiskFull, match=str(folder())):
        kept.add((f"tag:{number}", b"x" * 1000) for number in range(1000))


@pytest.mark.parametrize(("value", "expression", "wanted"), [
    ("2022-04-01", "record.title|date('%d.%m.%Y')", "01.04.2022"), ("2022-04", "record.title|date('%d.%m.%Y')", "2022-04"),
    ("2022", "record.title|date", "2022"),
    ("2021-03-04T05:06:07Z", "record.title|date", "2021-03-04"), ("2021-03-04T05:06:07+02:00", "record.title|date('%H:%M, %-'|replace('-', '%'))", "05:06, %"),
    ("2021-12-04", "record.title|date('%d %B %Y, %b')", "04 December 2021, Dec"), ("2021-99-99", "record.title|date('%B')", "2021-99-99"),
    (None, "record.title|date", ""), ("soon", "record.title|date", "soon"),
    (None, "3723.4|duration", "1:02:03"), (None, "59.6|duration", "1:00"), (None, "0|duration", "0:00"), (None, "none|duration", ""),
    (None, "90000|duration", "25:00:00"),
    (None, "734003200|size", "734.0 MB"), (None, "none|size", ""), (None, "1.5|round|string ~ 2.345|round(1)", "22.3"),
    (None, "'3'|int + '1.5'|float", "4.5"), (None, "'x'|int ~ ('9' * 5000)|int(7)", "07"), (None, "[1, 2.5]|sum", "3.5"),
    (None, "'%05.1f|%-4s|%x%%'|format(2.25, 'a', 255)", "002.2|a   |ff%"),
    ("a\nb", "record.title|oneline", "a b"), ("a\nb", "record.title|indent(2)", "a\n  b"), ("x", "record.title|center(5)", "  x  "),
    ('say "a", b', "record.title|csv", '"say ""a"", b"'), ("=1+1", "record.title|csv", "'=1+1"), ("=1+1", "record.title|csv(false)", "=1+1"),
    (None, "-5|csv", "-5"),
    ('"</', "record.title|json", '"\\"</"'), ("<&\"'\x00", "record.title|xml", "&lt;&amp;&#34;&#39;\ufffd"),
    ("*a* [b](c)", "record.title|markdown", r"\*a\* \[b\]\(c\)"),
    ("a very long title", "record.title|truncate(8)", "a very…"), ("a/é", "record.title|urlencode", "a/%C3%A9"), ("abc", "record.title[1:]|upper", "BC"),
    ("it's a", "record.title|title", "It's A"), ("a b", "record.title|wordcount", "2"), (" a ", "'[' ~ record.title|trim ~ ']'", "[a]"),
    ("ab", "record.title|replace('a', 'b')", "bb"),
    (None, "true ~ none ~ 1.0 ~ 5", "true1.05"), (None, "[3, 1, 2]|sort|join('-') ~ ['a', 'b']|first ~ [1, 1]|unique|list|length", "1-2-3a1"),
    (None, "record.tags|default('none', true)", "none"), (None, "record.title is none and record.nothing is undefined", "true"),
    ("a,b", "record.title.split(',')|join('+')", "a+b"),
    ("ab", "record.title.startswith('a') and 'b' in record.title", "true"), (None, "{'b': 1, 'a': 2}|dictsort|map('first')|join", "ab"),
    (None, "7 // 2 ~ 7 % 2 ~ 2**3 ~ -1", "318-1"),
    (None, "'a' + 'b' * 2", "abb"), (None, "([1] + ([2, 3]|reverse|list))|json", "[1,3,2]"), (None, "[{'a': 1}, {'a': 2}]|map(attribute='a')|max", "2"),
    ("<b>", "record.title|e", "&lt;b&gt;"),
    (None, "[{'a': 1, 'b': 2}, {'a': 1}]|groupby('a')|map(attribute='list')|first|length", "2"),
    ("ab", "record.title.zfill(4) ~ record.title.center(4)", "00ab ab "),
])
def test_filters_do_what_they_say(value, expression, wanted, tmp_path):
    """Each filter and operator of docs/templates.md on an example."""
    assert said(tmp_path, expression, value) == wanted


@pytest.mark.parametrize("value", [
    "[1]", "record", "record.items", "range", "{}", "range(3)", "record.urls|map('upper')", "nothing", "record.nothing", "nothing.x",
])
def test_what_has_no_text_is_an_error(value, tmp_path):
    """A list, an object, a function and what is not defined are not written as Python would."""
    with pytest.raises(TemplateFailed):
        said(tmp_path, value)


@given(some_text())
def test_escapes_hold_whatever_stands_in_a_text(text):
    """CSV cells, lines, JSON and Markdown keep their shape with hostile texts."""
    import csv as python_csv

    cell = csv(text, safe=False)
    if "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text):
        assert next(python_csv.reader(__import__("io").StringIO(f"{cell},b", newline=""), strict=True)) == [text, "b"]
    assert not csv(text).strip('"').startswith(("=", "+", "-", "@"))
    assert len(one_line(text).splitlines()) <= 1
    assert len(markdown(text).splitlines()) <= 1


@given(st.floats(min_value=0, max_value=1e9))
def test_a_duration_is_the_seconds_it_was(seconds):
    """Hours, minutes and seconds add up."""
    parts = [int(part) for part in duration(seconds).split(":")]
    assert sum(part * 60**n for n, part in enumerate(reversed(parts))) == round(seconds)
    assert all(part < 60 for part in parts[1:])


@pytest.mark.parametrize(("pairs", "path", "wanted"), [
    ("/data=/mnt/nas", "/data/a/b.mp4", "/mnt/nas/a/b.mp4"), ("/data=/mnt/nas", "/database/a", "/database/a"), ("/data/=/mnt/", "/data/a", "/mnt/a"),
    ("/data=/mnt", "/data", "/mnt"), ("/data=/mnt;/data/x=/y", "/data/x/a", "/y/a"), ("/data=\\\\nas\\videos", "/data/a/b.mp4", "\\\\nas\\videos\\a\\b.mp4"),
    ("D:\\media=/mnt", "D:\\media\\a\\b.mp4", "/mnt/a/b.mp4"), ("D:\\=/mnt", "D:\\a", "/mnt/a"), ("/=Z:\\", "/a/b", "Z:\\a\\b"), ("", "/a", "/a"),
    ('{"/a=b;c": "/x"}', "/a=b;c/d", "/x/d"), ("/data=smb://nas/share", "/data/a", "smb://nas/share/a"), (" /data = /mnt \n /b=/c", "/b/x", "/c/x"),
])
def test_paths_are_mapped(pairs, path, wanted):
    """Whole parts of a path are mapped, the longest first, with the separators of the machine that it is for."""
    assert map_path(read_map(pairs), path) == wanted


@pytest.mark.parametrize("pairs", ["x", "=x", "x=", "a=b;c", "{", '{"a": 1}', '{"a": ""}', '{"": "a"}', "{" * 100_000])
def test_a_wrong_path_map_is_refused(pairs, tmp_path):
    """A map without FROM or TO is said to be wrong before anything is written."""
    with pytest.raises(BadRequest, match="path map"):
        said(tmp_path, "1", paths=pairs)


def test_shipped_templates_on_the_sample(tmp_path):
    """Each of the shipped examples makes what it is for."""
    assert SHIPPED == ["markdown", "playlist", "titles"]
    titles = ["Pictures", "Chosen by hand", "First walk", "@formula & <markup> 🎬", "Known without a file", "One"]
    assert made(tmp_path, "titles", name="t").splitlines() == titles
    listed = made(tmp_path, "markdown", name="m")
    assert "\n## Scenes\n\n- **First walk**, 2022-04-01, Lantern Pictures, rated 93/100\n  - with Jane Doe, Jane Doe\n  - Outdoors, Beach\n" in listed
    assert "- Small Lantern (Lantern Pictures)\n" in listed
    assert listed.endswith("\n\n3 scenes, 3 performers, 2 studios\n")
    played = made(tmp_path, "playlist", name="p", paths="/media=//nas/m")
    assert played.splitlines() == [
        "#EXTM3U", "#EXTINF:1804,First walk", "//nas/m/videos/first walk.mp4", "#EXTINF:1804,@formula & <markup> 🎬", "//nas/m/videos/caf\udce9.mp4",
    ]


def test_shipped_templates_are_texts_to_begin_with(tmp_path):
    """Each is offered by a title of its own, as a text that makes the same file, of the same kind, as its name does."""
    offered = {one["name"]: one["text"] for one in template.examples()}
    assert list(offered) == ["Markdown list", "M3U playlist", "Titles"]
    for name, (title, text) in zip(SHIPPED, offered.items(), strict=True):
        assert made(tmp_path, text, name=f"{name}-text") == made(tmp_path, name, name=name), title
        assert template.extension({"template": text}) == template.extension({"template": name})


@pytest.mark.parametrize(("remark", "extension"), [
    ("{# page.html.j2 #}", "html"), ("  {#- list.md.j2, mine: for the wiki -#}", "md"), ("{# a page, like page.html.j2 #}", "txt"), ("{# .j2 #}", "txt"), ("", "txt"),
    ("{# ../x.sh/y.j2 #}", "txt"), ("{# a.j2 #}", "txt"),
])  # fmt: skip
def test_a_text_can_name_its_file(remark, extension):
    """A template given as text makes the kind of file that its first remark begins with, else plain text."""
    assert template.extension({"template": remark + "{% block scene %}{% endblock %}"}) == extension


@pytest.mark.parametrize("name", SHIPPED)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_shipped_templates_take_any_library(name, data, tmp_path_factory):
    """Hostile names, missing fields and dangling references: the examples work, and their lines stay lines."""
    text = st.none() | some_text()
    files = [{"id": f"file:{n}", "path": data.draw(text), "basename": data.draw(text), "duration": data.draw(st.none() | st.floats(0, 1e6))} for n in (1, 2)]
    scene = {"title": data.draw(text), "date": data.draw(text), "studio": data.draw(st.sampled_from([None, "studio:1", "studio:9"])),
             "performers": ["performer:1", "performer:8"], "files": ["file:1", "file:2", "file:7"], "rating100": data.draw(st.sampled_from([None, 0, 100]))}
    def chosen(kind, record):
        return tuple(f for f in BY_NAME[kind].fields if f.name in record)
    named = {"name": data.draw(text)}
    library = {
        "studio": (chosen("studio", named), [{"id": "studio:1", **named}]), "performer": (chosen("performer", named), [{"id": "performer:1", **named}]),
        "file": (chosen("file", files[0]), files), "scene": (chosen("scene", scene), [{"id": "scene:1", **scene}]),
    }
    got = made(tmp_path_factory.mktemp("x"), name, ListReader(library))
    if name == "titles":
        assert got.count("\n") == 1
    if name == "playlist":
        assert got.count("\n") == (3 if files[0]["path"] else 1)


def test_the_bytes_of_file_names_leave_as_they_came(tmp_path):
    """A name that is no UTF-8 is written with its own bytes; half a surrogate pair, which is no byte, becomes a question mark."""
    path = write(tmp_path / "x", "template", scenes({"title": "caf\udce9 \ud800 é"}), options={"template": "{% block scene %}{{ record.title }}{% endblock %}"})
    assert path.read_bytes() == b"caf\xe9 ? " + "é".encode()


@pytest.mark.parametrize(("ending", "escaped"), [("html", True), ("xml", True), ("svg", True), ("txt", False), ("md", False), ("m3u8", False)])
def test_markup_is_escaped_in_markup_only(ending, escaped, tmp_path):
    """In a template for HTML or XML every value is escaped by itself, joined or not, and only once; in others none is."""
    path = tmp_path / f"own.{ending}.j2"
    path.write_text("{% block scene %}<p>{{ record.title }}|{{ 'a' ~ record.title }}|{{ '<i>'|safe ~ record.title }}|{{ record.title|e }}</p>{% endblock %}")
    title = "<script>&\"'"
    one = html.escape(title).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") if escaped else title
    always = html.escape(title).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    assert made(tmp_path, str(path), scenes({"title": title})) == f"<p>{one}|a{one}|<i>{always}|{always}</p>"
    assert template.extension({"template": str(path)}) == ending


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(HOSTILE) | some_text(), min_size=1, max_size=4))
def test_a_page_of_hostile_texts_is_well_formed(tmp_path_factory, texts):
    """With the filter xml a document of any texts is XML that holds them."""
    text = "{% block header %}<a>{% endblock %}{% block scene %}<b>{{ record.title|xml }}</b>{% endblock %}{% block footer %}</a>{% endblock %}"
    got = made(tmp_path_factory.mktemp("x"), text, scenes(*({"title": one} for one in texts)))
    assert len(etree.fromstring(got.encode("utf-8", "replace"), etree.XMLParser(huge_tree=True))) == len(texts)


@pytest.mark.parametrize(("text", "line", "why"), [
    ("{% block scene %}\n{{ record.title \n{% endblock %}", 3, "expected token"), ("{% block scene %}\n{% if %}{% endblock %}", 2, "Expected an expression"),
    ("{% block scene %}", 1, "Unexpected end"), ("{% block scene %}\n\n{{ 1|nofilter }}{% endblock %}", 3, "nofilter"), ("{{ 1 }}", 1, "outside of all blocks"),
    ("{% block scene %}\n{% endblock %}\nhello\n{% block tag %}{% endblock %}", 3, "outside of all blocks"),
    ("{% block scenes %}{% endblock %}", 1, "did you mean scene?"),
    ("{% if true %}\n{% block scene %}{% endblock %}{% endif %}", 1, "only macros and set"), ("{% for x in [1] %}{% endfor %}", 1, "only macros and set"),
    ("{% set x = 1 %}", 1, "it has no block"), ("{%- -%}", 1, "cannot be used"),
    ("{% block scene %}{% endblock %}\n{% block scene %}{% endblock %}", 2, "twice"),
    ("{% block scene %}\n{% block tag %}{% endblock %}{% endblock %}", 2, "within another"), ("{% block scene %}\n{% do x %}{% endblock %}", 2, "unknown tag"),
    ("{% block scene %}\n{% for x in y recursive %}{% endfor %}{% endblock %}", 2, "recursive"), ("{# " + "x" * 300_000 + " #}{{", 1, "256 kB"),
    ("{% block scene required %}x{% endblock %}", 1, "cannot be used"), ("{% block scene %}{{ '\n\n' }}\n{{ ' }}{% endblock %}", 4, "cannot be used"),
])
def test_a_wrong_template_says_where(text, line, why, tmp_path):
    """What cannot be understood, or does not belong there, is refused with its line before any file is made."""
    with pytest.raises(BadTemplate, match=why) as error:
        made(tmp_path, text)
    assert error.value.details["line"] == line
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(("text", "line", "why"), [
    ("{% block scene %}\n{{ 1/0 }}{% endblock %}", 2, "division by zero"), ("{% block scene %}\n\n{{ nothing }}{% endblock %}", 3, "'nothing' is undefined"),
    ("{% macro m(x) %}\n{{ x.y.z }}{% endmacro %}\n{% block scene %}\n{{ m({}) }}{% endblock %}", 2, 'has no "y"'),
    ("{% block scene %}\n{{ [] }}{% endblock %}", 2, "a list cannot"),
    ("{% set x = nothing + 1 %}\n{% block scene %}{% endblock %}", 1, "undefined"),
    ("{% block header %}\n\n{{ record.title }}{% endblock %}", 3, "'record' is undefined"),
    ("{% block scene %}\n{{ 'a' + 1 }}{% endblock %}", 2, r"\+ does not work on a text and a number; texts are joined with ~"),
    ("{% block scene %}\n{{ 1() }}{% endblock %}", 2, "cannot be called"),
    ("{% block scene %}\n{{ [1][5] }}{% endblock %}", 2, "there is no 5 in a list"), ("{% block scene %}\n{{ 'a'|round }}{% endblock %}", 2, "failed at"),
    ("{% block scene %}\n{{ '2020-01-01'|date('%Q') }}{% endblock %}", 2, "no %Q"),
    ("{% block scene %}\n{{ record.urls|join(attribute='x') }}{% endblock %}", 2, "map"),
    ("{% block scene %}\n{{ 5 in 5 }}{% endblock %}", 2, "failed at"), ("{% block scene %}\n{% for a, b in [1] %}{% endfor %}{% endblock %}", 2, "failed at"),
    ("{% block scene %}\n{{ 'abc'.upper(1) }}{% endblock %}", 2, "this takes no"),
])
def test_a_template_that_fails_says_where(text, line, why, tmp_path):
    """What goes wrong with a record is told with the line of the template, and leaves no file."""
    with pytest.raises(TemplateFailed, match=why) as error:
        made(tmp_path, text)
    assert error.value.details["line"] == line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [
    "nothing", "/etc/passwd", "title", "x.j2", "\ud800.j2", "a/../b.j2", "", "~nobody-at-all/x.j2", "titles.txt.j2", "../templates/titles.txt.j2",
    "x" * 5000 + ".j2",
])
def test_only_templates_are_read(name, tmp_path, monkeypatch):
    """A name that is none of the shipped, and no file that ends in .j2, is refused: no other file is read."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownTemplate) as error:
        made(tmp_path, name)
    assert "titles" in error.value.hint


def test_files_that_are_no_templates_are_refused(tmp_path):
    """A folder, bytes that are no text, and a file that is too long are refused by name; a byte order mark and Windows' line ends are no matter."""
    (tmp_path / "folder.j2").mkdir()
    (tmp_path / "bytes.j2").write_bytes(b"\xff\xfe{")
    (tmp_path / "long.j2").write_text("x" * 300_000)
    for name in ("folder.j2", "bytes.j2", "long.j2"):
        with pytest.raises(UnknownTemplate, match=name):
            made(tmp_path, str(tmp_path / name))
    (tmp_path / "windows.txt.j2").write_bytes(b"\xef\xbb\xbf{% block scene %}\r\n{{ number }}\r\n{% endblock %}\r\n")
    assert made(tmp_path, str(tmp_path / "windows.txt.j2")) == "1\n2\n3\n"


def test_nothing_is_read_back():
    """A template's output is taken for no format, and reading it is refused in words."""
    with pytest.raises(NotSupported, match="cannot be read back"):
        template.read(None)
    assert not template.recognises(None)
    assert "template" not in formats.readable()


@pytest.mark.parametrize(("compress", "name"), [("none", "x.md"), ("gzip", "x.md.gz"), ("zip", "x.zip")])
def test_an_export_by_a_template_is_proven_as_far_as_can_be(compress, name, tmp_path):
    """The job writes through the template, holds the file to what was made for it, and says no more than that."""
    run = run_export(sample(), tmp_path / "state", format="template", to=tmp_path / name, compress=compress, options={"template": "markdown"})
    assert run.result == "ok"
    assert run.record["notes"]["sentence"].endswith("; the file holds what the template made, byte for byte.")
    ((member, (size, code)),) = run.record["notes"]["rendered"].items()
    assert (member, len(code)) == ("library.md", 64)
    assert prove_rendered(tmp_path / name, {member: (size, code)}, {"tags": 3}).errors == []
    for wrong in ({member: (size + 1, code)}, {member: (size, "0" * 64)}, {}, {member: (size, code), "other": (0, "")}):
        assert prove_rendered(tmp_path / name, wrong, {}).errors
    if compress == "none":
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-1])
        assert prove_rendered(tmp_path / name, {member: (size, code)}, {}).errors == ["library.md does not hold what was made for it"]


def test_an_export_that_the_disk_changed_is_not_published(tmp_path, monkeypatch):
    """When the file holds something else than what was made, it gets no name."""
    real = template._Writer.finish

    def spoiled(self, counts):
        real(self, counts)
        self.rendered = {name: (size + 1, code) for name, (size, code) in self.rendered.items()}

    monkeypatch.setattr(template._Writer, "finish", spoiled)
    with pytest.raises(NotProven):
        run_export(sample(), tmp_path / "state", format="template", to=tmp_path / "x.txt")
    assert not (tmp_path / "x.txt").exists()


def test_the_name_of_an_export_follows_the_template(tmp_path):
    """Without a name of its own the file gets the extension of what the template makes; a template that is not known is refused before anything is read."""
    run = run_export(sample(), tmp_path / "state", format="template", to=f"{tmp_path}/", options={"template": "playlist"})
    assert run.record["outputs"][0]["path"].endswith(".m3u8")
    with pytest.raises(UnknownTemplate):
        run_export(sample(), tmp_path / "state", format="template", to=f"{tmp_path}/", options={"template": "playlists"})


def test_options_may_be_texts():
    """A text option takes a text and nothing else, a yes-or-no option as before; the panel is told which is which."""
    config = ExportConfig.parse({"format": "template", "options": {"paths": "/a=/b"}})
    assert config.options == {"template": "titles", "paths": "/a=/b"}
    assert json.dumps(config.record())
    for wrong in (True, 1, None, ["titles"], "a\0b"):
        with pytest.raises(BadRequest, match='"template" needs a text'):
            ExportConfig.parse({"format": "template", "options": {"template": wrong}})
    with pytest.raises(BadRequest, match="yes or no"):
        ExportConfig.parse({"format": "csv", "options": {"names": "maybe"}})
    with pytest.raises(BadRequest, match="no option"):
        ExportConfig.parse({"format": "template", "options": {"tempalte": "x"}})
    assert {option.kind for name in formats.names() for option in formats.get(name).OPTIONS} == {"boolean", "text"}


def test_what_a_format_needs_can_be_installed():
    """Every package that a format needs is a feature that `check --install` knows, under the same name."""
    for needs in filter(None, (getattr(formats.get(name), "NEEDS", None) for name in formats.names())):
        feature = packages.FEATURES[needs.feature]
        assert (feature.module, feature.package) == (needs.module, needs.package)


def test_without_jinja_the_package_is_named(monkeypatch, tmp_path):
    """Where Jinja2 is missing, or older than 3.0, an export by template says so before it begins; the demo leaves the format out."""
    from stashport.jobs.demo import demo

    find = formats.importlib.util.find_spec
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name, *rest: None if name in ("jinja2", "defusedxml") else find(name, *rest))
    with pytest.raises(MissingLibrary, match="Jinja2") as error:
        run_export(sample(), tmp_path / "state", format="template", to=tmp_path / "x.txt")
    assert "check --install templates" in error.value.hint
    told = list(demo(tmp_path / "demo", tmp_path / "state"))
    assert len([line for line in told if "left out" in line]) == 2
    assert len([line for line in told if "each the same" in line]) == len(formats.readable())
    for module in [name for name in sys.modules if name.startswith(("jinja2", "stashport.formats._budget", "stashport.formats._sandbox", "stashport.formats._template_f"))]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingLibrary, match=r"3\.0 or later"):
        said(tmp_path, "1")


def test_the_documents_name_every_filter_block_and_option():
    """docs/templates.md names all filters of ours, all blocks, all options, and its examples work."""
    from stashport.formats._budget import Budget
    from stashport.formats._template_filters import filters

    text = DOCS.read_text("utf-8")
    for name in [*filters(Budget(), [], str, str), *("header", "footer"), *(option.name for option in template.OPTIONS), *SHIPPED]:
        assert f"`{name}`" in text, name


def test_examples_in_the_documents_work(tmp_path):
    """Every example of docs/templates.md that is a whole template renders the sample."""
    import re

    examples = re.findall(r"```jinja\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert len(examples) >= 3
    for number, example in enumerate(examples):
        assert made(tmp_path, example, name=str(number)).strip()


MEASURE = """
import sys, resource, gc, json
from stashport.formats import template
from stashport.model.fields import BY_NAME
from stashport.model.records import Batch
gc.disable()
class Members:
    def open(self, name): return open("/dev/null", "wb")
number, text = int(sys.argv[1]), sys.argv[2]
writer = template.write(Members(), {"format_version": 1}, {"template": text})
for kind, more in (("file", {"path": "/a/b.mp4", "basename": "b.mp4", "duration": 5.0}), ("scene", {"title": "a", "files": ["file:1"], "urls": ["x"]})):
    writer.begin(BY_NAME[kind], ())
    for start in range(1, number // 2, 500):
        writer.write(Batch(lines=[json.dumps({"id": f"{kind}:{n}", **more}).encode() for n in range(start, start + 500)]))
writer.finish({})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
CIRCLES = (
    "{% block scene %}{% macro m(x) %}{% call m2() %}{{ x }}{% endcall %}{% endmacro %}{% macro m2() %}{{ caller() }}{% endmacro %}"
    "{{ m(number) }}{% endblock %}"
)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the peak of memory this way")
@pytest.mark.parametrize(("text", "numbers"), [("playlist", (10_000, 100_000)), (CIRCLES, (2_000, 20_000))], ids=["playlist", "circles"])
def test_memory_does_not_grow_with_the_library(text, numbers):
    """A hundred thousand records go through a template at the peak memory of ten thousand, names and records by reference and circles of macros included."""
    lib = Path(formats.__file__).parents[2]
    peaks = []
    for number in numbers:
        done = subprocess.run([sys.executable, "-c", MEASURE, str(number), text], env={"PYTHONPATH": str(lib)}, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] * 1.1 + 2048, peaks
