"""As much GraphQL as the stand-in needs: a parser, a check against recorded type lists, and the picking of what was selected.

A schema is {type: {field: "Type!(argument:Type, ...)"}}; a type that is not in it has no fields, or none that anybody asks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, dict[str, str]]
_TOKEN = re.compile(r'\s*,?\s*("(?:[^"\\]|\\.)*"|\.\.\.|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|[{}()\[\]:$!=]|$)')


class Refused(Exception):
    """The whole document is refused, with HTTP 422; the text is the message."""

    code = "GRAPHQL_VALIDATION_FAILED"


class Unparsable(Refused):
    """The document is no GraphQL."""

    code = "GRAPHQL_PARSE_FAILED"


class Failed(Exception):
    """One field failed while it was worked out: HTTP 200, errors, and no data."""


@dataclass
class Node:
    """One field of a selection, or an inline fragment (then `on` is its type)."""

    name: str = ""
    alias: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    selection: list[Node] | None = None
    on: str = ""


class Parser:
    """Reads one operation.  `variables` are put where the document names them."""

    def __init__(self, text: str, variables: dict[str, Any]) -> None:
        self._tokens = [match.group(1) for match in _TOKEN.finditer(text.strip())]
        self._variables, self._at = variables, 0
        if "".join(self._tokens) != re.sub(r"(\"(?:[^\"\\]|\\.)*\")|[\s,]+", r"\1", text):
            raise Unparsable("a character that was not expected")

    def _take(self, wanted: str = "") -> str:
        token = self._tokens[self._at]
        if not token or (wanted and token != wanted):
            raise Unparsable(f"Expected {wanted or 'Name'}, found {token or '<EOF>'}")
        self._at += 1
        return token

    def _is(self, token: str) -> bool:
        found = self._tokens[self._at] == token
        self._at += found
        return found

    def operation(self) -> tuple[str, list[Node]]:
        """("query" or "mutation", what it selects)."""
        sort = "query"
        if self._tokens[self._at] != "{":
            sort = self._take()
            if self._tokens[self._at] not in ("{", "("):
                self._take()
            if self._is("("):
                self._declarations()
        found = self._selection()
        if self._tokens[self._at]:
            raise Unparsable(f"Unexpected {self._tokens[self._at]}")
        return sort, found

    def _declarations(self) -> None:
        while not self._is(")"):
            self._take("$")
            name = self._take()
            self._take(":")
            required = False
            while self._tokens[self._at] not in ("$", ")"):
                required = self._take() == "!"
            if required and self._variables.get(name) is None:
                raise Refused("must be defined")

    def _selection(self) -> list[Node]:
        self._take("{")
        found = []
        while not self._is("}"):
            if self._is("..."):
                self._take("on")
                found.append(Node(on=self._take(), selection=self._selection()))
                continue
            alias = name = self._take()
            if self._is(":"):
                name = self._take()
            arguments = {}
            if self._is("("):
                while not self._is(")"):
                    key = self._take()
                    self._take(":")
                    arguments[key] = self._value()
            found.append(Node(name, alias, arguments, self._selection() if self._tokens[self._at] == "{" else None))
        return found

    def _value(self) -> Any:
        token = self._take()
        if token == "$":
            return self._variables.get(self._take())
        if token == "[":
            values = []
            while not self._is("]"):
                values.append(self._value())
            return values
        if token == "{":
            told = {}
            while not self._is("}"):
                key = self._take()
                self._take(":")
                told[key] = self._value()
            return told
        if token in ("true", "false", "null") or token[0] in '"-0123456789':
            return json.loads(token)
        return token


def innermost(told: str) -> str:
    """The name in a type: "[Tag!]!(a:Int)" -> "Tag"."""
    return told.partition("(")[0].strip("[]!")


def arguments_of(told: str) -> list[str]:
    """The names of a field's arguments: "Tag(id:ID, name:String)" -> ["id", "name"]."""
    inner = told.partition("(")[2].rstrip(")")
    return [one.split(":")[0].strip() for one in inner.split(",")] if inner else []


def check(nodes: list[Node], type_name: str, schema: Schema, *, seen: Callable[[str], None] = lambda _: None) -> None:
    """Refuse what the type does not have.  `seen` is told of every type whose fields are asked for."""
    known = schema.get(type_name)
    if known is None:
        return
    seen(type_name)
    for node in nodes:
        if node.on:
            check(node.selection or [], node.on, schema, seen=seen)
        elif not node.name.startswith("__"):
            if node.name not in known:
                raise Refused(f'Cannot query field "{node.name}" on type "{type_name}".')
            for argument in node.arguments:
                if argument not in arguments_of(known[node.name]):
                    raise Refused(f'Unknown argument "{argument}" on field "{type_name}.{node.name}".')
            inner = innermost(known[node.name])
            if node.selection is None and inner in schema:
                outer = known[node.name].split("(")[0]
                raise Refused(f'Field "{node.name}" of type "{outer}" must have a selection of subfields. Did you mean "{node.name} {{ ... }}"?')
            if node.selection is not None:
                check(node.selection, inner, schema, seen=seen)


def pick(value: Any, nodes: list[Node] | None) -> Any:
    """Of a tree of dicts and lists, what was selected."""
    if value is None or nodes is None:
        return value
    if isinstance(value, list):
        return [pick(one, nodes) for one in value]
    found: dict[str, Any] = {}
    for node in nodes:
        if node.on:
            if node.on == value.get("__typename"):
                found.update(pick(value, node.selection))
        elif node.name not in value:
            raise Failed(f"the stand-in cannot tell {node.name}")
        else:
            found[node.alias] = pick(value[node.name], node.selection)
    return found


def introspected(schema: Schema, name: str) -> dict[str, Any] | None:
    """What `__type(name:)` tells of a type."""
    if name not in schema:
        return None
    fields = [
        {"name": key, "type": _type(told.split("(")[0]), "args": [{"name": argument} for argument in arguments_of(told)]}
        for key, told in schema[name].items()
    ]
    return {"name": name, "fields": fields}


def _type(told: str) -> dict[str, Any]:
    if told.endswith("!"):
        return {"kind": "NON_NULL", "name": None, "ofType": _type(told[:-1])}
    if told.startswith("["):
        return {"kind": "LIST", "name": None, "ofType": _type(told[1:-1])}
    return {"kind": None, "name": told, "ofType": None}
