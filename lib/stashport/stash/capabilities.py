"""What a server can do: read once from its own schema, never from its version number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stashport.model.fields import EXCLUDED, KINDS
from stashport.model.settings import TYPES
from stashport.model.table import Field, Kind
from stashport.stash.connection import Connection

_NAMED = "type{name ofType{name ofType{name ofType{name}}}}"
_ARGUMENTS = dict.fromkeys(("Query", "Mutation"), " args{name}")
_ASKED = (*EXCLUDED, "VideoFile", "ImageFile", *TYPES.values(), "Query", "Mutation")


@dataclass(frozen=True)
class Capabilities:
    """types: type -> field -> name of the field's type; arguments: query or mutation -> names of its arguments."""

    types: dict[str, dict[str, str]]
    arguments: dict[str, frozenset[str]]

    @classmethod
    def of(cls, connection: Connection) -> Capabilities:
        """Ask a server, in one query."""
        parts = [f'{name}:__type(name:"{name}"){{fields(includeDeprecated:true){{name {_NAMED}{_ARGUMENTS.get(name, "")}}}}}' for name in _ASKED]
        data = connection.query(f"query StashPortTypes{{{' '.join(parts)}}}")
        types, arguments = {}, {}
        for name, told in data.items():
            fields = (told or {}).get("fields") or []
            types[name] = {f["name"]: _innermost(f["type"]) for f in fields}
            arguments.update({f["name"]: frozenset(a["name"] for a in f["args"]) for f in fields if "args" in f})
        return cls(types, arguments)

    def kinds(self) -> list[Kind]:
        """The kinds that this server can list."""
        return [kind for kind in KINDS if not kind.find or kind.find in self.arguments]

    def fields(self, kind: Kind) -> tuple[Field, ...]:
        """The fields of a kind that this server can tell."""
        return tuple(f for f in kind.fields if self.selection(f, kind.type)) if kind.find else kind.fields

    def selection(self, field: Field, type_name: str) -> str:
        """What to ask for one field; "" when the server does not know it.  Within rows, what the server does not know is left out."""
        if field.gql is not None:
            owner = "VideoFile" if field.gql.startswith("...on VideoFile") else type_name
            first = field.gql.removeprefix("...on VideoFile{").split("{")[0].split("}")[0].strip()
            return field.gql if first == "__typename" or first in self.types.get(owner, ()) else ""
        if field.name not in self.types.get(type_name, ()):
            return ""
        if field.type != "rows":
            return field.selection
        inner = self.types[type_name][field.name]
        names = [self.selection(f, inner) for f in field.fields]
        return f"{field.name}{{{' '.join(filter(None, [*names, 'id' if 'id' in field.sort else '']))}}}"


def _innermost(told: dict[str, Any]) -> str:
    while told.get("ofType"):
        told = told["ofType"]
    return str(told.get("name") or "")
