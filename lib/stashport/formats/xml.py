r"""XML: one document, an element a record, fields named as everywhere; library.xsd beside this file is its schema.

null is xsi:nil="true", an empty list an element without items, an absent field no element.  What XML 1.0 cannot hold (control characters, lone surrogates,
U+FFFE, U+FFFF), and the carriage return, which every reader of XML changes, are written as \uXXXX in a text that is marked with escaped="true"; in such a
text a backslash is written twice.  Free JSON is JSON text, with JSON's own escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from stashport.errors import BadFile
from stashport.formats import Header, Need, Option, Options, ReadMembers, WriteMembers, need
from stashport.formats._lines import check_header
from stashport.formats._xml_read import Collector
from stashport.formats._xml_schema import INSTANCE, ROOT
from stashport.model.fields import FORMAT_VERSION
from stashport.model.records import Batch, dumps
from stashport.model.table import Field, Kind

NAME, LABEL, EXTENSION, FOLDER = "xml", "XML", "xml", False
DESCRIPTION = "One document with a schema; for programs that want XML, and to read back without loss."
OPTIONS: tuple[Option, ...] = ()
NEEDS = Need("xml", "defusedxml", "defusedxml")
MEMBER = "library.xml"

_CHUNK = 1 << 16
_LONGEST_TAG = 1 << 20
_FORBIDDEN = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPED = re.compile(r"[^\t\n\x20-\x5b\x5d-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_ATTRIBUTE = re.compile(r"[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile("[&<>]")
_Write = Callable[[Any], str]


def _number(match: re.Match[str]) -> str:
    return "\\\\" if match[0] == "\\" else f"\\u{ord(match[0]):04x}"


def _markup(text: str) -> str:
    if _SPECIAL.search(text):
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text


def _text(name: str, attributes: str = "") -> _Write:
    plain, escaped, end = f"<{name}{attributes}>", f'<{name}{attributes} escaped="true">', f"</{name}>"

    def write(value: Any) -> str:
        if _FORBIDDEN.search(value):
            return f"{escaped}{_markup(_ESCAPED.sub(_number, value))}{end}"
        return f"{plain}{_markup(value)}{end}"

    return write


def _json(value: Any) -> str:
    return _markup(_FORBIDDEN.sub(_number, dumps(value)))


def _field(field: Field) -> _Write:
    name = field.name
    nil = f'<{name} xsi:nil="true"/>'
    if field.type in ("texts", "times", "refs"):
        item = _text("item")
        return lambda value: nil if value is None else f"<{name}>{''.join(map(item, value))}</{name}>"
    if field.type == "rows":
        row = _object(field.fields)
        return lambda value: nil if value is None else f"<{name}>{''.join([f'<row>{row(one)}</row>' for one in value])}</{name}>"
    if field.type == "map":
        return lambda value: nil if value is None else f"<{name}>{''.join([_entry(*pair) for pair in value.items()])}</{name}>"
    if field.type in ("int", "float"):
        return lambda value: nil if value is None else f"<{name}>{value!r}</{name}>"
    if field.type == "bool":
        return lambda value: nil if value is None else f"<{name}>{'true' if value else 'false'}</{name}>"
    if field.type == "json":
        return lambda value: nil if value is None else f"<{name}>{_json(value)}</{name}>"
    text = _text(name)
    return lambda value: nil if value is None else text(value)


_key, _value = _text("key"), _text("value")


def _entry(key: str, value: Any) -> str:
    if isinstance(value, str):
        written = _value(value)
    elif type(value) in (int, float):
        written = f'<value type="{type(value).__name__}">{value!r}</value>'
    else:
        written = f'<value type="json">{_json(value)}</value>'
    return f"<entry>{_key(key)}{written}</entry>"


def _object(fields: tuple[Field, ...]) -> _Write:
    columns = [(field.name, _field(field)) for field in fields]
    return lambda record: "".join([write(record[name]) for name, write in columns if name in record])


def _identity(identity: str) -> str:
    if _IN_ATTRIBUTE.search(identity):
        identity, mark = re.sub(f"\\\\|{_IN_ATTRIBUTE.pattern}", _number, identity), ' escaped="true"'
    else:
        mark = ""
    return f'id="{_markup(identity).replace(chr(34), "&quot;")}"{mark}'


class _Writer:
    def __init__(self, members: WriteMembers, header: Header) -> None:
        self._file = members.open(MEMBER)
        self._kind = ""
        self._put('<?xml version="1.0" encoding="UTF-8"?>\n')
        self._put(f'<{ROOT} xmlns:xsi="{INSTANCE}" format_version="{header.get("format_version", FORMAT_VERSION)}">\n<header>{_json(header)}</header>\n')

    def _put(self, text: str) -> None:
        self._file.write(text.encode())

    def begin(self, kind: Kind, fields: tuple[Field, ...]) -> None:
        self._end()
        self._kind, self._name = kind.plural, kind.name
        self._write = _object(fields)
        self._put(f"<{kind.plural}>\n")

    def write(self, batch: Batch) -> None:
        name, write = self._name, self._write
        self._put("".join([f"<{name} {_identity(record['id'])}>{write(record)}</{name}>\n" for record in batch.records]))

    def _end(self) -> None:
        if self._kind:
            self._put(f"</{self._kind}>\n")
            self._kind = ""

    def finish(self, counts: dict[str, int]) -> None:
        self._end()
        self._put(f"<counts>{''.join([f'<{name}>{number}</{name}>' for name, number in counts.items()])}</counts>\n</{ROOT}>\n")
        self._file.close()


class _Reading:
    def __init__(self, members: ReadMembers) -> None:
        from defusedxml.ElementTree import DefusedXMLParser, ParseError

        self._damage = (ParseError, ValueError, KeyError, OSError, EOFError, RecursionError)
        self._place = members.place
        self._file = members.open(members.names()[0])
        self._collector = Collector(lambda header: check_header(header, members.place, LABEL))
        self._parser = DefusedXMLParser(target=self._collector, encoding="utf-8", forbid_dtd=True)
        self._collector.attend(self._parser.parser)
        self._silent = 0
        self.counts: dict[str, int] | None = None
        while self._collector.header is None and self._feed():
            pass
        if self._collector.header is None:
            raise self._bad("it does not begin with a header of Stash Port")
        self.header: Header = self._collector.header

    def _bad(self, reason: object) -> BadFile:
        return BadFile(place=self._place, format=LABEL, reason=reason)

    def _feed(self) -> bool:
        """Read on; False at the end.  Errors: BadFile."""
        try:
            data = self._file.read(_CHUNK)
            self._collector.moved = False
            if data:
                self._parser.feed(data)
            else:
                self._parser.close()
        except self._damage as error:
            raise self._bad(f"line {self._parser.parser.CurrentLineNumber}: {error}") from error
        # A tag, or a comment, of which the end never comes: the parser would keep all of it in memory.
        self._silent = 0 if self._collector.moved else self._silent + len(data)
        if self._silent > _LONGEST_TAG:
            raise self._bad(f"line {self._parser.parser.CurrentLineNumber}: a tag or a comment in it is longer than 1 MB")
        return bool(data)

    def batches(self) -> Iterator[tuple[Kind, Batch]]:
        with self._file:
            going = True
            while going:
                going = self._feed()
                yield from self._collector.take()
        self.counts = self._collector.counts


def write(members: WriteMembers, header: Header, options: Options) -> _Writer:
    """Begin a document."""
    return _Writer(members, header)


def read(members: ReadMembers) -> _Reading:
    """Begin to read one.  Errors: BadFile, NewerFile, MissingLibrary."""
    import sys

    need(sys.modules[__name__])
    return _Reading(members)


def recognises(members: ReadMembers) -> bool:
    """A single file with our root element."""
    listed = members.names()
    if len(listed) != 1:
        return False
    with members.open(listed[0]) as file:
        start = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"<") and f"<{ROOT} ".encode() in start
