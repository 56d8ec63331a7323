"""The nested shape of an export's configuration (format, target, data, options, privacy) as the flat keys that ExportConfig knows.

Both shapes may be mixed.  A passphrase in a configuration is refused in words: configurations are kept, shown and logged.
"""

from __future__ import annotations

from typing import Any

from stashport.errors import BadRequest

_OPTIONS = {"includeFiles": "includeFiles", "compression": "compress", "chunkSize": "chunkSize", "maxFileSize": "maxFileSize"}
_DATA_KEYS = {"include", "fields", "filter"}
_TARGETS = ("file", "url", "clipboard")


def flattened(given: dict[str, Any]) -> dict[str, Any]:
    """The same choices under flat keys.  Errors: BadRequest."""
    flat: dict[str, Any] = {}
    for key, value in given.items():
        if key == "data":
            _data(value, flat)
        elif key in ("options", "formatOptions"):
            _options(value, flat)
        elif key == "target":
            _target(value, given, flat)
        elif key == "format" and value == "custom":
            flat["format"] = "template"
        else:
            flat[key] = value
    return flat


def _data(given: Any, flat: dict[str, Any]) -> None:
    kinds, fields, filters = [], {}, {}
    for kind, wish in _mapping("data", given).items():
        for key in _mapping(f"data.{kind}", wish):
            if key not in _DATA_KEYS:
                raise BadRequest(what=f'"data.{kind}" has an unknown key "{key}"; known are {", ".join(sorted(_DATA_KEYS))}.')
        if wish.get("include", True) is not True:
            continue
        kinds.append(kind)
        if wish.get("fields"):
            fields[kind] = wish["fields"]
        if wish.get("filter"):
            filters[kind] = wish["filter"]
    if not kinds:
        raise BadRequest(what='"data" includes no kind of records.')
    flat["kinds"] = kinds
    if fields:
        flat["fields"] = fields
    if filters:
        flat.setdefault("filters", {})["filter"] = filters


def _options(given: Any, flat: dict[str, Any]) -> None:
    for key, value in _mapping("options", given).items():
        if key == "includeRelationships":
            if not isinstance(value, bool):
                raise BadRequest(what=f'"includeRelationships" is yes or no (true or false), not {value!r}.')
            flat["related"] = "direct" if value else "none"
        elif key == "encryption":
            _encryption(value, flat)
        elif key in _OPTIONS:
            flat[_OPTIONS[key]] = value
        else:
            flat.setdefault("options", {})[key] = value


def _encryption(given: Any, flat: dict[str, Any]) -> None:
    if given is None:
        return
    wish = _mapping("encryption", given)
    if wish.get("type") != "age":
        raise BadRequest(what=f'"encryption" has the type {wish.get("type")!r}: it is "age", the one that is authenticated.')
    key = wish.get("key")
    if not isinstance(key, str) or not key.startswith("age1"):
        raise BadRequest(what="A passphrase does not belong into a configuration, which is kept: give it with --passphrase-file, or a recipient as key.")
    flat["encrypt"] = {"recipients": [key]}


def _target(value: Any, given: dict[str, Any], flat: dict[str, Any]) -> None:
    if value not in _TARGETS:
        raise BadRequest(what=f'"target" cannot be {value!r}: it is one of {", ".join(_TARGETS)}.')
    if value == "url" and not given.get("url"):
        raise BadRequest(what='The target "url" needs the address under "url".')
    if value == "clipboard":
        flat["download"] = True


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(what=f'"{name}" needs names with their values, not {value!r}.')
    return value
