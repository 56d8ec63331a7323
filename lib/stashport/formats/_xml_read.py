"""Takes the events of an XML parser and makes records of them: strictly what the schema allows, a batch at a time, in bounded memory."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from stashport.formats._lines import BATCH, LONGEST
from stashport.formats._xml_schema import INSTANCE, ROOT
from stashport.model.fields import BY_PLURAL, KINDS
from stashport.model.records import Batch, Record
from stashport.model.table import Field, Kind

_OF_INSTANCE = f"{INSTANCE}}}"  # as the parser spells names of that namespace
_NIL = f"{_OF_INSTANCE}nil"
_WHOLE = re.compile(r"-?[0-9]{1,400}")
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,9})?")
_ESCAPE = re.compile(r"\\(?:(\\)|u([0-9a-fA-F]{4})|)")
_PER_TAG = 128


class _Node:
    """What may stand in an element, and what becomes of it: a text (`parse` is set), a list, or an object with named fields."""

    def __init__(
        self, parse: Callable[[str], Any] | None = None, *, of: dict[str, tuple[int, _Node]] | None = None, item: tuple[str, _Node] | None = None
    ) -> None:
        self.parse, self.item = parse, item
        self.named = of or {}
        self.nillable = self.may_escape = self.typed = False
        self.needed = 0
        self.done: Callable[[Any], Any] | None = None


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no whole number")
    return int(text)


def _number(text: str) -> float:
    if not (found := _NUMBER.fullmatch(text)):
        raise ValueError(f"{text[:40]!r} is no number")
    value = float(text) if found[1] or found[2] else int(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]!r} is no number that can be held")
    return value


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _json(text: str) -> Any:
    return json.loads(text, parse_int=_whole, parse_constant=_constant)


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return text == "true"


def unescape(text: str) -> str:
    """The text that was written with escapes.  Errors: ValueError for a backslash that begins none."""

    def one(match: re.Match[str]) -> str:
        if match[1]:
            return "\\"
        if not match[2]:
            raise ValueError("a backslash that begins no escape, in a text that is marked as escaped")
        return chr(int(match[2], 16))

    return _ESCAPE.sub(one, text)


def _text() -> _Node:
    node = _Node(str)
    node.may_escape = True
    return node


_PARSE: dict[str, Callable[[str], Any]] = {"int": _whole, "float": _number, "bool": _truth, "json": _json}
TYPED: dict[str, Callable[[str], Any]] = {"int": _whole, "float": _number, "json": _json}


def _entries(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    found = {pair["key"]: pair["value"] for pair in pairs}
    if len(found) != len(pairs):
        raise ValueError("one key stands twice")
    return found


def _field(field: Field) -> _Node:
    if field.type in ("texts", "times", "refs"):
        node = _Node(item=("item", _text()))
    elif field.type == "rows":
        node = _Node(item=("row", _fields(field.fields)))
    elif field.type == "map":
        value = _text()
        value.typed = True
        entry = _Node(of={"key": (0, _text()), "value": (1, value)})
        entry.needed = 2
        node = _Node(item=("entry", entry))
        node.done = _entries
    elif field.type in _PARSE:
        node = _Node(_PARSE[field.type])
    else:
        node = _text()
    node.nillable = True
    return node


def _fields(fields: tuple[Field, ...]) -> _Node:
    return _Node(of={field.name: (number, _field(field)) for number, field in enumerate(fields)})


class _Frame:
    """An element that is open."""

    __slots__ = ("escaped", "kind", "last", "name", "nil", "node", "parse", "value")

    def __init__(self, name: str, node: _Node) -> None:
        self.name, self.node, self.last = name, node, -1
        self.value: Any = [] if node.parse or node.item else {}
        self.parse = node.parse
        self.escaped = self.nil = False


class Collector:
    """The target of a parser.  Errors: ValueError, with what is wrong, from each of its events."""

    def __init__(self, check: Callable[[Any], dict[str, Any]]) -> None:
        self.header: dict[str, Any] | None = None
        self.counts: dict[str, int] | None = None
        self.moved = False
        self._check = check
        self._size = 0
        self._ready: list[tuple[Kind, list[Record]]] = []
        self._records: list[Record] = []
        header, counts = _Node(_json), _Node(of={kind.plural: (number, _Node(_whole)) for number, kind in enumerate(KINDS)})
        kinds = {kind.plural: (number, _Node(item=(kind.name, _fields(kind.fields)))) for number, kind in enumerate(KINDS, 1)}
        root = _Node(of={"header": (0, header), **kinds, "counts": (len(KINDS) + 1, counts)})
        self._stack = [_Frame("", _Node(of={ROOT: (0, root)}))]

    def attend(self, expat: Any) -> None:
        """Take the events straight from the parser's engine: what lies between costs a third of the time."""
        expat.ordered_attributes = False
        expat.StartElementHandler, expat.EndElementHandler, expat.CharacterDataHandler = self.start, self.end, self.data

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self.moved = True
        above = self._stack[-1]
        if above.node.item:
            if name != above.node.item[0]:
                raise ValueError(f"an element <{name[:60]}> where <{above.node.item[0]}> should be")
            node = above.node.item[1]
        else:
            number, node = above.node.named.get(name, (-2, above.node))
            if number <= above.last:
                raise ValueError(f"an element <{name[:60]}> that does not belong there, is there twice, or is out of its order")
            above.last = number
        if above.nil:
            raise ValueError(f"<{above.name}> is said to be empty, and is not")
        frame = _Frame(name, node)
        if above.node.item and len(self._stack) == 3:
            self._size = 0
            frame.value = {"id": self._identity(attributes)}
        elif len(self._stack) == 1:
            self._root(attributes)
        elif attributes:
            self._attributes(frame, attributes)
        self._stack.append(frame)
        self._grow(_PER_TAG)

    def _root(self, attributes: dict[str, str]) -> None:
        version = attributes.pop("format_version", "")
        if not all(name.startswith(_OF_INSTANCE) for name in attributes):
            raise ValueError("its root has attributes that are not known here")
        self._check({"format_version": int(version) if _WHOLE.fullmatch(version) else None})

    def _identity(self, attributes: dict[str, str]) -> str:
        escaped = attributes.pop("escaped", "false")
        identity = attributes.pop("id", None)
        if identity is None or attributes:
            raise ValueError("a record without an id, or with attributes that are not known here")
        return unescape(identity) if _truth(escaped) else identity

    def _attributes(self, frame: _Frame, attributes: dict[str, str]) -> None:
        for name, value in attributes.items():
            if name == "escaped" and frame.node.may_escape:
                frame.escaped = _truth(value)
            elif name == _NIL and frame.node.nillable:
                frame.nil = _truth(value)
            elif name == "type" and frame.node.typed and value in TYPED:
                frame.parse = TYPED[value]
            else:
                raise ValueError(f"an attribute {name[:60]!r} that does not belong to <{frame.name}>")

    def _grow(self, by: int) -> None:
        self._size += by
        if self._size > LONGEST:
            raise ValueError("one record in it is larger than 64 MB")

    def data(self, text: str) -> None:
        """Some text of the innermost element."""
        self.moved = True
        frame = self._stack[-1]
        if frame.parse:
            frame.value.append(text)
            self._grow(len(text))
        elif not text.isspace():
            raise ValueError(f"text {text.strip()[:40]!r} between elements")

    def end(self, name: str) -> None:
        """The innermost element ends."""
        self.moved = True
        frame = self._stack.pop()
        above = self._stack[-1]
        value = frame.value
        if frame.parse:
            text = "".join(value)
            if frame.nil and text:
                raise ValueError(f"<{name}> is said to be empty, and is not")
            value = None if frame.nil else frame.parse(unescape(text) if frame.escaped else text)
        elif frame.nil:
            value = None
        elif frame.node.needed and len(value) != frame.node.needed:
            raise ValueError(f"<{name}> lacks something")
        elif frame.node.done:
            value = frame.node.done(value)
        depth = len(self._stack)
        if depth > 2:
            if above.node.item is None:
                above.value[name] = value
            elif depth > 3:
                above.value.append(value)
            else:
                self._records.append(value)
                if len(self._records) == BATCH:
                    self._flush(above.name)
        elif depth == 2:
            self._part(name, value)
        elif self.counts is None:
            raise ValueError("its counts are missing: it was cut off")

    def _part(self, name: str, value: Any) -> None:
        if name == "header":
            self.header = self._check(value)
        elif self.header is None:
            raise ValueError("it does not begin with a header of Stash Port")
        elif name == "counts":
            self.counts = value
        else:
            self._flush(name)

    def _flush(self, plural: str) -> None:
        if self._records:
            self._ready.append((BY_PLURAL[plural], self._records))
            self._records = []

    def take(self) -> Iterator[tuple[Kind, Batch]]:
        """The batches that are full, or of which the kind has ended."""
        ready, self._ready = self._ready, []
        for kind, records in ready:
            yield kind, Batch(records=records)

    def close(self) -> None:
        """The document has ended, and is whole."""
