"""What a server's filters may hold, read from its own schema, so that a misspelt filter is refused in words before it is sent."""

from __future__ import annotations

from typing import Any

from stashport.errors import BadFilter
from stashport.model.filter_checks import close_to
from stashport.stash.connection import Connection

_OF = "kind name"
_TYPE = f"{{{_OF} ofType{{{_OF} ofType{{{_OF} ofType{{{_OF}}}}}}}}}"
_DOCUMENT = f"query StashPortInputs{{__schema{{types{{kind name inputFields{{name type{_TYPE}}} enumValues{{name}}}}}}}}"
_SCALARS: dict[str, tuple[type, ...]] = {"String": (str,), "Int": (int,), "Float": (int, float), "Boolean": (bool,), "ID": (str, int)}


class FilterTypes:
    """The input types of a server's schema."""

    def __init__(self, connection: Connection) -> None:
        types = connection.query(_DOCUMENT)["__schema"]["types"]
        self._fields = {one["name"]: {f["name"]: f["type"] for f in one["inputFields"] or ()} for one in types if one["kind"] == "INPUT_OBJECT"}
        self._words = {one["name"]: [word["name"] for word in one["enumValues"] or ()] for one in types if one["kind"] == "ENUM"}

    def has(self, type_name: str, field: str) -> bool:
        """Whether an input type has a field."""
        return field in self._fields.get(type_name, ())

    def check(self, type_name: str, value: Any, where: str) -> None:
        """Refuse a value that the server would not take.  Errors: BadFilter, which says where it is wrong."""
        self._check({"kind": "INPUT_OBJECT", "name": type_name}, value, where)

    def _check(self, kind: dict[str, Any], value: Any, where: str) -> None:
        if kind["kind"] == "NON_NULL":
            if value is None:
                raise BadFilter(what=f"{where} is missing.")
            self._check(kind["ofType"], value, where)
        elif value is None:
            return
        elif kind["kind"] == "LIST":
            for number, one in enumerate(value) if isinstance(value, list) else [(0, value)]:
                self._check(kind["ofType"], one, f"{where}[{number}]" if isinstance(value, list) else where)
        elif kind["kind"] == "INPUT_OBJECT":
            self._check_object(kind["name"], value, where)
        elif kind["kind"] == "ENUM":
            if value not in self._words[kind["name"]]:
                raise BadFilter(what=f"{where} cannot be {value!r}{close_to(str(value).upper(), self._words[kind['name']])}.")
        else:
            wanted = _SCALARS.get(kind["name"])
            if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted)):
                raise BadFilter(what=f"{where} needs {_an(kind['name'])}, not {value!r}.")

    def _check_object(self, type_name: str, value: Any, where: str) -> None:
        fields = self._fields.get(type_name, {})
        if not isinstance(value, dict):
            raise BadFilter(what=f"{where} needs an object with {', '.join(list(fields)[:4])}.., not {value!r}.")
        for name in value:
            if name not in fields:
                raise BadFilter(what=f'{where} has no "{name}"{close_to(name, list(fields))}.')
        operators = [name for name in ("AND", "OR", "NOT") if value.get(name) is not None and type_name.endswith("FilterType")]
        if len(operators) > 1:
            raise BadFilter(what=f"{where} holds {' and '.join(operators)} side by side, of which Stash takes one at a time: put one inside the other.")
        for name, kind in fields.items():
            if name in value or kind["kind"] == "NON_NULL":
                self._check(kind, value.get(name), f"{where}.{name}")


def _an(scalar: str) -> str:
    return {"String": "a text", "Int": "a whole number", "Float": "a number", "Boolean": "true or false"}.get(scalar, "an id")
