"""The sandbox of templates: what was ever found to lead out of Jinja2's leads nowhere here, and whatever has no end is ended."""

from __future__ import annotations

import io
import os
import time

import pytest
from stashport.errors import BadTemplate, PortError, TemplateFailed, TemplateTooMuch
from stashport.formats import _budget, template
from stashport.model.fields import BY_NAME

TAG = {"id": "tag:1", "name": "Outdoors", "aliases": ["a", "b"], "parents": ["tag:1"], "custom_fields": {"a": 1}}


class Members:
    """Files in memory."""

    def __init__(self):
        self.files = {}

    def open(self, name):
        """A new one, which can be looked at after it was closed."""
        file = self.files[name] = io.BytesIO()
        file.close = lambda: None
        return file


def render(text, records=(TAG,), kind="tag", **options):
    """What a template makes of some records."""
    members = Members()
    writer = template.write(members, {"format_version": 1, "made_by": "a test"}, {"template": text, **options})
    writer.begin(BY_NAME[kind], BY_NAME[kind].fields)
    writer.write(_batch(list(records)))
    writer.finish({BY_NAME[kind].plural: len(records)})
    (made,) = members.files.values()
    return made.getvalue().decode("utf-8", "surrogateescape")


def _batch(records):
    from stashport.model.records import Batch

    return Batch(records=records)


def one(text, **more):
    """What a piece of a template makes of one tag."""
    return render(f"{{% block tag %}}{text}{{% endblock %}}", **more)


# Ways out of Jinja2's sandbox, and into Python, that are publicly known, with the numbers of those that have one.
ESCAPES = {
    "class": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "class of a list": "{{ [].__class__.__base__.__subclasses__() }}",
    "class of a record": "{{ record.__class__ }}",
    "item": "{{ record['__class__'] }}",
    "item of a text": "{{ ''['__class__'] }}",
    "put together": "{{ record['__cla' ~ 'ss__'] }}",
    "hidden": r"{{ record['\x5f\x5fclass\x5f\x5f'] }}",
    "CVE-2025-27516 attr": "{{ ''|attr('format') }}",
    "attr class": "{{ record|attr('__class__') }}",
    "attr joined": "{{ record|attr(['__cla', 'ss__']|join) }}",
    "map attribute": "{{ [record]|map(attribute='__class__')|list }}",
    "map attribute deep": "{{ [record]|map(attribute='name.__class__.__mro__')|list }}",
    "sort attribute": "{{ [record, record]|sort(attribute='__class__') }}",
    "groupby": "{{ [record]|groupby('__class__') }}",
    "selectattr": "{{ [record]|selectattr('__class__')|list }}",
    "rejectattr": "{{ [record]|rejectattr('__class__')|list }}",
    "unique attribute": "{{ [record]|unique(attribute='__class__')|list }}",
    "max attribute": "{{ [record]|max(attribute='__class__') }}",
    "sum attribute": "{{ [record]|sum(attribute='__class__') }}",
    "join attribute": "{{ [record]|join(',', attribute='__class__') }}",
    "map filter": "{{ ['__class__']|map('attr')|list }}",
    "CVE-2016-10745 format": "{{ '{0.__class__}'.format(record) }}",
    "format globals": "{{ '{0.__init__.__globals__}'.format(range) }}",
    "CVE-2019-10906 format_map": "{{ '{a.__class__.__mro__}'.format_map({'a': 42}) }}",
    "CVE-2024-56326 stored format": "{% set f = '{0.__class__}'.format %}{{ [record]|map(f)|list }}{{ f(record) }}",
    "format of a type": "{{ ''.__class__.format('{0.__class__}', record) }}",
    "percent": "{{ '%(__class__)s' % record }}",
    "format filter": "{{ '%(__class__)s'|format(**record) }}",
    "cycler": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "joiner": "{{ joiner.__init__.__globals__.os.popen('id').read() }}",
    "namespace": "{{ namespace.__init__.__globals__.os.popen('id').read() }}",
    "namespace made": "{% set n = namespace(a=1) %}{{ n }}",
    "lipsum": "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "dict": "{{ dict.__base__.__subclasses__() }}",
    "dict made": "{{ dict(a=1) }}",
    "self": "{{ self.__init__.__globals__.__builtins__.__import__('os').popen('id').read() }}",
    "self context": "{{ self._TemplateReference__context.cycler.__init__.__globals__.os }}",
    "self block": "{{ self.tag() }}",
    "super": "{{ super.__globals__ }}{{ super() }}",
    "caller": "{{ caller.__globals__ }}",
    "macro": "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "macro inside": "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}",
    "macro public": "{% macro m() %}{% endmacro %}{{ m.name.__class__ }}{{ m.arguments }}",
    "macro written": "{% macro m() %}{% endmacro %}{{ m }}",
    "loop": "{% for x in [1] %}{{ loop.__class__.__init__.__globals__ }}{% endfor %}",
    "loop inside": "{% for x in [1] %}{{ loop._iterator.gi_frame }}{% endfor %}",
    "loop function": "{% for x in [1] %}{{ loop.cycle.__self__ }}{% endfor %}",
    "generator": "{{ (record.aliases|map('upper')).gi_frame.f_globals }}",
    "generator code": "{{ (record.aliases|map('upper')).gi_code }}",
    "generator of a block": "{% set x = record.aliases|select %}{{ x.gi_yieldfrom }}",
    "method": "{{ record.items.__self__.__class__ }}",
    "method of a text": "{{ 'a'.upper.__self__ }}",
    "range": "{{ range.__globals__ }}",
    "undefined": "{{ nothing.__class__ }}",
    "undefined inside": "{{ nothing._fail_with_undefined_error.__globals__ }}",
    "undefined obj": "{{ record.nothing._undefined_obj }}",
    "undefined default": "{{ (nothing|default).__class__ }}",
    "flask config": "{{ config.items() }}",
    "flask request": "{{ request.application.__globals__ }}",
    "flask url_for": "{{ url_for.__globals__.os }}",
    "flask get_flashed_messages": "{{ get_flashed_messages.__globals__ }}",
    "ansible lookup": "{{ lookup('pipe', 'id') }}",
    "lookup of a path": "{{ ('../../etc/passwd'|lookup).name }}",
    "environment": "{{ environment.loader }}",
    "context": "{{ context.environment }}",
    "module": "{{ os.environ }}",
    "open": "{{ open('/etc/passwd').read() }}",
    "number": "{{ (1).__class__ }}",
    "number real": "{{ (1).real }}{{ (1).to_bytes(1000000000, 'big') }}",
    "float": "{{ 1.5.hex() }}",
    "change a record": "{{ record.update({'name': 1}) }}",
    "take from a record": "{{ record.pop('name') }}",
    "default of a record": "{{ record.setdefault('a', 1) }}",
    "change a list": "{{ record.aliases.append(1) }}",
    "sort a list": "{{ record.aliases.sort() }}",
    "pprint": "{{ record|pprint }}",
    "CVE-2024-22195 xmlattr": "{{ {'a b': 1}|xmlattr }}",
    "CVE-2020-28493 urlize": "{{ 'a'|urlize }}",
    "encode": "{{ 'a'.encode('zip') }}",
    "a function as a filter": "{{ record|call }}",
    "a filter by a name": "{{ record.aliases|map(record.name)|list }}",
    "date": "{{ '2020-01-01'|date('{0.__class__}%Z') }}",
}
NOT_IN_ONE_FILE = ["{% include '/etc/passwd' %}", "{% include ['a', 'b'] ignore missing %}", "{% import 'os' as os %}", "{% from 'os' import system %}"]


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("ending", ["", ".html"])
def test_no_known_way_leads_out(name, ending, tmp_path):
    """Each is refused with our error and the line; nothing of Python is in the message."""
    path = tmp_path / f"x{ending}.j2"
    path.write_text("{% block tag %}\n\n" + ESCAPES[name] + "\n{% endblock %}", "utf-8")
    with pytest.raises((TemplateFailed, BadTemplate)) as error:
        render(str(path))
    assert error.value.details["line"] == 3
    assert not [word for word in ("root:", "uid=", "<class", "<function", " object at ", "site-packages", "locals>") if word in error.value.message]


@pytest.mark.parametrize("text", [*NOT_IN_ONE_FILE, "{% extends '/etc/passwd' %}"])
def test_a_template_reaches_no_other_file(text):
    """Including, importing and extending are refused when the template is read, before any record, wherever they stand."""
    inside = "{% block tag %}" + text + "{% endblock %}"
    for whole in (inside, text + "{% block tag %}{% endblock %}", "{% block tag %}{% if false %}" + text + "{% endif %}{% endblock %}"):
        with pytest.raises(BadTemplate):
            render(whole)


def test_a_name_with_braces_is_only_a_name(tmp_path):
    """CVE-2024-56201: a file's name becomes no part of the code that the template is compiled to."""
    path = tmp_path / "{os.mkdir('made')}'''\n.txt.j2"
    path.write_text("{% block tag %}{% endblock %}{% block tag %}{% endblock %}{% break %}", "utf-8")
    os.chdir(tmp_path)
    with pytest.raises(BadTemplate):
        render(str(path))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("text", [
    "{{ record.__class__ is defined }}", "{{ record.__class__|default('x') }}", "{% if record.__class__ %}{% endif %}", "{% set x = record.__class__ %}",
])
def test_what_is_hidden_cannot_even_be_asked_for(text):
    """Names that begin with an underscore are refused, not just undefined."""
    with pytest.raises(TemplateFailed, match="does not reach"):
        one(text)


DOUBLED = "".join(f"{{% set a{n} = a{n - 1} ~ a{n - 1} %}}" for n in range(1, 60))
NESTED = "".join(f"{{% set a{n} = [a{n - 1}, a{n - 1}] %}}" for n in range(1, 60))
NESTED_TWICE = "".join(f"{{% set b{n} = [b{n - 1}, b{n - 1}] %}}" for n in range(1, 60))
LONG = "{% set a = 'x' * 2000000 %}"
BOMBS = {
    "text": "{{ 'a' * 10**10 }}",
    "text written": "{% set x = 'a' * 10**10 %}",
    "list": "{{ ([1] * 10**10)|length }}",
    "power": "{{ 9**999999999 }}",
    "powers": "{{ 9**9**9**9**9 }}",
    "power of a float": "{{ 2.0**99999999 }}",
    "product": "{% set a = 2**1000 %}{{ a*a*a*a*a*a }}",
    "doubled": "{% set a0 = 'xxxxxxxxxx' %}" + DOUBLED,
    "doubled by +": "{% set a0 = 'xxxxxxxxxx' %}" + DOUBLED.replace("~", "+"),
    "nested": "{% set a0 = [1] %}" + NESTED + "{{ a59|json }}",
    "nested and compared": "{% set a0 = [1] %}{% set b0 = [1] %}" + NESTED + NESTED_TWICE + "{{ a59 == b59 }}",
    "nested by +": "{% set a0 = [1] %}" + DOUBLED.replace("~", "+"),
    "nested objects": "{% set a0 = {} %}" + NESTED.replace("[", "{'a': ").replace(",", ", 'b':").replace("]", "}") + "{{ a59|json }}",
    "sliced": LONG + "{% set b = [" + "a[1:]," * 50 + "] %}",
    "repeated in a list": LONG + "{% set b = [" + "a," * 50 + "] %}",
    "repeated as arguments": LONG + "{% macro m() %}{{ varargs|json|length }}{% endmacro %}{{ m(" + "a," * 50 + ") }}",
    "repeated as named arguments": LONG + "{% macro m() %}{{ kwargs|json }}{% endmacro %}{{ m(" + ",".join(f"a{n}=a" for n in range(50)) + ") }}",
    "range": "{% for i in range(10**12) %}{% endfor %}",
    "range listed": "{{ range(10**12)|list }}",
    "range of steps": "{{ range(0, 10**30, 7)|first }}",
    "loops": "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "loops with text": "{% for i in range(100000) %}{% for j in range(100000) %}text{% endfor %}{% endfor %}",
    "loops in a set block": "{% set x %}{% for i in range(100000) %}{% for j in range(100000) %}text{% endfor %}{% endfor %}{% endset %}",
    "loops in a filter block": "{% filter upper %}{% for i in range(100000) %}{% for j in range(100000) %}text{% endfor %}{% endfor %}{% endfilter %}",
    "loops with a condition": "{% for i in range(100000) if i < 0 %}{% else %}{% for i in range(100000) if [i]|list|sum %}{% endfor %}{% endfor %}"
    "{% for i in range(100000) %}{% for j in range(100000) if j < 0 %}{% endfor %}{% endfor %}",
    "loops over text": "{% for i in 'x' * 3000000 %}{% for j in 'x' * 3000000 %}{% endfor %}{% endfor %}",
    "loops of calls": "{% macro m() %}{% endmacro %}{% for i in range(100000) %}{% for j in range(100000) %}{{ m() }}{% endfor %}{% endfor %}",
    "lazy loops": "{% for i in range(100000) %}{% set x = range(100000)|map('string')|map('upper')|select|list %}{% endfor %}",
    "recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "recursion twice": "{% macro m(n) %}{{ m(n+1) }}{{ m(n+1) }}{% endmacro %}{{ m(0) }}",
    "recursion with a bottom": "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "recursion by a caller": "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
    "center": "{{ 'x'.center(10**10) }}",
    "center filter": "{{ 'x'|center(10**10) }}",
    "zfill": "{{ 'x'.zfill(10**10) }}",
    "ljust": "{{ 'x'.ljust(10**10) }}",
    "indent": "{{ 'x'|indent(10**9) }}",
    "indent lines": r"{{ ('x\n' * 1000000)|indent(1000) }}",
    "replace": "{{ ('x' * 1000000)|replace('x', 'y' * 1000000) }}",
    "replace nothing": "{{ ('x' * 1000000).replace('', 'y' * 1000000) }}",
    "join": "{{ range(100000)|join('y' * 1000000) }}",
    "join method": "{{ ('y' * 1000000).join('x' * 1000000) }}",
    "escape": "{{ ('<' * 4000000)|e|e|e }}",
    "xml": "{{ ('<' * 4000000)|xml|xml|xml }}",
    "urlencode": "{{ ('<' * 4000000)|urlencode|urlencode }}",
    "round": "{{ 5|round(-1000000000) }}",
    "split": "{{ ('x ' * 4000000).split()|length }}",
    "many widths": "{{ range(100000)|map('string')|map('center', 1000)|list|length }}",
    "format width": "{{ '%1000d'|format(1) * 10000 }}",
    "lookup": "{% for i in range(100000) %}{% for j in range(100000) %}{{ 'tag:1'|lookup|length }}{% endfor %}{% endfor %}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_whatever_has_no_end_is_ended(name, monkeypatch):
    """Each ends in one of our errors, soon and without filling the memory."""
    monkeypatch.setattr(_budget, "SECONDS", 0.3)
    started = time.thread_time()
    with pytest.raises((TemplateTooMuch, TemplateFailed)) as error:
        one("\n" + BOMBS[name])
    assert time.thread_time() - started < 3
    assert error.value.details["line"] >= 2
    assert isinstance(error.value, TemplateTooMuch) or "does not work on" in error.value.message or "too large" in error.value.message


@pytest.mark.parametrize("text", ["%1000000000d", "%.1000000000f", "%-01000000000s", "%*d", "%(a)s", "%1000000000%", "%c", "%"])
def test_formats_are_narrow(text):
    """The filter format knows small widths and four letters; everything else is an error."""
    with pytest.raises((TemplateTooMuch, TemplateFailed)):
        one("{{ '" + text + "'|format(1) }}")
    with pytest.raises(TemplateFailed, match="filter format"):
        one("{{ '" + text + "' % 1 }}")


@pytest.mark.parametrize("text", [
    "(" * 5000 + "1" + ")" * 5000, "[" * 5000 + "]" * 5000, "1" + "+1" * 20000, "not " * 20000 + "1", "'a'" + "~'a'" * 3000 + "|" + "|".join(["e"] * 20000),
    "x" + ".a" * 20000, "-" * 20000 + "1", "1 if " * 5000 + "1" + " else 1" * 5000,
])
def test_source_that_is_nested_beyond_measure_is_an_error(text):
    """The parser's and the compiler's own limits end in our error, not in a crash."""
    with pytest.raises((BadTemplate, TemplateFailed, TemplateTooMuch)):
        one("{{ " + text + " }}")


def test_statements_nested_beyond_measure_are_an_error():
    """So do loops and conditions."""
    for start, end in (("{% for x in [1] %}", "{% endfor %}"), ("{% if 1 %}", "{% endif %}"), ("{% filter e %}", "{% endfilter %}")):
        for times in (25, 3000):
            try:
                one(start * times + "x" + end * times)
            except PortError as error:
                assert isinstance(error, (BadTemplate, TemplateFailed, TemplateTooMuch))


def test_a_record_has_a_budget_of_its_own(monkeypatch):
    """What one record used up is there again for the next; what all records use up together has an end, too."""
    records = [{**TAG, "id": f"tag:{n}"} for n in range(1, 40)]
    text = "{% block tag %}{{ 'x' * 5000000 }}{% endblock %}"
    monkeypatch.setattr(template, "BYTES", 10**9)
    assert len(render("{% block tag %}{{ ('x' * 4000000)|length }}{% endblock %}", records)) == 7 * 39
    monkeypatch.setattr(template, "BYTES", 10_000_000)
    with pytest.raises(TemplateTooMuch, match="bytes for each record"):
        render(text.replace("5000000", "4000000"), records)
    monkeypatch.setattr(template, "SECONDS", 0.0)
    monkeypatch.setattr(template, "SECONDS_A_RECORD", 0.001)
    with pytest.raises(TemplateTooMuch, match="seconds on each record"):
        render("{% block tag %}{% for i in range(20000) %}{% endfor %}{% endblock %}", records)


def test_header_and_footer_and_macros_are_bounded_too(monkeypatch):
    """No part of a template is without a budget."""
    monkeypatch.setattr(_budget, "SECONDS", 0.2)
    loops = "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}"
    for text in (
        "{% block header %}@{% endblock %}", "{% block footer %}@{% endblock %}", "{% block before_tags %}@{% endblock %}",
        "{% block after_tags %}@{% endblock %}", "{% set x %}@{% endset %}{% block tag %}{% endblock %}",
        "{% set x = ('a' * 10**10) %}{% block tag %}{% endblock %}",
    ):
        with pytest.raises(TemplateTooMuch):
            render(text.replace("@", loops))


def test_what_is_given_stays_as_it_was():
    """A template changes no record: what comes after it sees what was there before."""
    record = {**TAG, "aliases": ["b", "a"]}
    assert one("{% set record = 1 %}{% for x in [2] %}{% set number = 9 %}{% endfor %}{{ record }}{{ number }}", records=(record,)) == "11"
    assert record == {**TAG, "aliases": ["b", "a"]}
