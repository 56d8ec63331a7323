"""The configuration of an export: the same keys for task arguments, the panel, --config files and the command line's options.

Every key has an effect; a key that is not known is refused, so that a misspelt one is not silently ignored.
"""

from __future__ import annotations

import difflib
import platform
import re
from dataclasses import dataclass, field
from typing import Any

from stashport import formats
from stashport.bundle.age_keys import Recipient
from stashport.errors import BadRequest, UnknownField, UnknownKind
from stashport.jobs.export_design import flattened
from stashport.model.fields import BY_NAME, BY_PLURAL, KINDS
from stashport.model.filters import Filters
from stashport.model.privacy import Privacy
from stashport.model.records import IdSet
from stashport.model.table import Kind
from stashport.output import COMPRESSIONS
from stashport.output.selection import RELATED
from stashport.output.upload import METHODS, check_url, shown
from stashport.stash.source import READERS

FILE_KINDS = frozenset({"file", "folder"})
_OF_THE_PANEL = ("clipboard",)  # in presets: what a page does with the file that it has downloaded


@dataclass(frozen=True)
class ExportConfig:
    """What is wanted.  `kinds` and `fields` by plural names; no kinds means all, no entry in `fields` means all fields of that kind."""

    format: str = "json"
    kinds: tuple[str, ...] = ()
    fields: dict[str, list[str]] = field(default_factory=dict)
    related: str = "none"
    includeFiles: bool = True  # noqa: N815 - the key's name in task arguments
    images: bool = False
    compress: str = "none"
    to: str = ""
    download: bool = False
    overwrite: bool = False
    options: dict[str, bool | str] = field(default_factory=dict)
    reader: str = "auto"
    filters: Filters = field(default_factory=lambda: Filters.parse({}))
    privacy: Privacy = field(default_factory=Privacy)
    ids: dict[str, IdSet] = field(default_factory=dict)
    encrypt: dict[str, Any] = field(default_factory=dict)
    encrypt7z: dict[str, Any] = field(default_factory=dict)
    url: dict[str, Any] = field(default_factory=dict)
    chunkSize: int = 0  # noqa: N815
    maxFileSize: int = 0  # noqa: N815

    @classmethod
    def parse(cls, given: dict[str, Any]) -> ExportConfig:
        """Check a configuration, flat or nested (export_design).  Errors: BadRequest, UnknownFormat, UnknownKind, UnknownField, BadFilter."""
        given = {key: value for key, value in flattened(given).items() if key not in _OF_THE_PANEL}
        known = set(cls.__dataclass_fields__)
        for key in given:
            if key not in known:
                raise BadRequest(what=f'The configuration has an unknown key "{key}"{_close(key, known)}.')
        values = {key: value for key, value in given.items() if value is not None}
        for key in ("includeFiles", "images", "download", "overwrite"):
            values[key] = flag(key, values.get(key, cls.__dataclass_fields__[key].default))
        if not isinstance(values.get("to", ""), str) or "\0" in values.get("to", ""):
            raise BadRequest(what=f'"to" needs the name of a file or a folder, not {values["to"]!r}.')
        values["kinds"] = tuple(kind_of(name).plural for name in _names(values.get("kinds", ())))
        values["fields"] = {kind_of(k).plural: _fields(kind_of(k), names) for k, names in _mapping("fields", values.get("fields")).items()}
        found = formats.get(str(values.get("format", "json")))
        allowed = {option.name: option for option in found.OPTIONS}
        options = _mapping("options", values.get("options"))
        for name in options:
            if name not in allowed:
                raise BadRequest(what=f'The format {found.NAME} has no option "{name}"{_close(name, set(allowed))}.')
        values["options"] = {name: _option(option, options.get(name, option.default)) for name, option in allowed.items()}
        filters = dict(_mapping("filters", values.get("filters")))
        values["ids"] = _ids(filters.pop("ids", None))
        values["filters"] = Filters.parse(filters)
        values["encrypt7z"] = _encrypt(values.get("encrypt7z"))
        values["privacy"] = Privacy.parse(values.get("privacy"), words=_host())
        values["encrypt"], values["url"] = _encrypt(values.get("encrypt")), _url(values.get("url"))
        for key in ("chunkSize", "maxFileSize"):
            values[key] = _number(key, values.get(key, 0))
        config = cls(**values)
        for key, value, possible in (("related", config.related, RELATED), ("compress", config.compress, COMPRESSIONS), ("reader", config.reader, READERS)):
            if value not in possible:
                raise BadRequest(what=f'"{key}" cannot be "{value}": it is one of {", ".join(possible)}.')
        return config

    def record(self) -> dict[str, Any]:
        """The form kept in the run record; it holds no secrets."""
        told = {key: list(value) if isinstance(value := getattr(self, key), tuple) else value for key in self.__dataclass_fields__}
        url = shown(str(self.url.get("url", "")))
        told["ids"] = {name: len(numbers) for name, numbers in self.ids.items()}
        told |= {"encrypt": sorted(self.encrypt), "encrypt7z": sorted(self.encrypt7z), "url": url}
        return told | {"filters": self.filters.record(), "privacy": self.privacy.record()}

    def chosen_kinds(self, possible: list[Kind]) -> list[Kind]:
        """The kinds asked for, of those that the source can tell, in the order of export."""
        names = set(self.kinds) or {kind.plural for kind in KINDS}
        return [kind for kind in possible if kind.plural in names and (self.includeFiles or kind.name not in FILE_KINDS)]


def _host() -> tuple[str, ...]:
    """This machine's name, where it is one that no ordinary text holds: a host called "video" must not take that word out of everything."""
    name = platform.node()
    return (name,) if len(name) > 3 and any(c.isdigit() or c in "-." for c in name) else ()


def _encrypt(given: Any) -> dict[str, Any]:
    """{"recipients": [...]} or {"secret": id} of a passphrase that the panel handed over."""
    wish = _mapping("encrypt", given)
    if set(wish) - {"recipients", "secret"} or len(wish) > 1:
        raise BadRequest(what='"encrypt" holds either "recipients" (age1...) or the "secret" of a passphrase; passphrases themselves do not belong there.')
    if "secret" in wish and not wish["secret"]:
        raise BadRequest(what="The passphrase of the encryption is missing: give it, or turn encryption off.")
    if "recipients" in wish:
        wish = {"recipients": [str(Recipient(text).text) for text in _names(wish["recipients"])]}
        if not wish["recipients"]:
            raise BadRequest(what='"encrypt" names no recipients.')
    return wish


def _ids(given: Any) -> dict[str, IdSet]:
    """{"scenes": ["12", ...]}: single records, by the name of their kind."""
    found = {}
    for name, listed in _mapping("filters.ids", given).items():
        numbers = found[kind_of(name).name] = IdSet()
        for one in _names([str(item) for item in listed] if isinstance(listed, list) else listed):
            number = one.rpartition(":")[2]
            if not (number.isascii() and number.isdigit()) or len(number) > 18:
                raise BadRequest(what=f'"filters.ids" names {one[:40]!r}, which is no id of {name}.')
            numbers.add(int(number))
    return found


def _url(given: Any) -> dict[str, Any]:
    wish = {"url": given} if isinstance(given, str) else _mapping("url", given)
    if not wish:
        return {}
    if set(wish) - {"url", "method", "secret"}:
        raise BadRequest(what='"url" holds an address ("url"), a "method" (PUT or POST) and the "secret" of its signature.')
    check_url(str(wish.get("url", "")))
    if wish.get("method", "PUT") not in METHODS:
        raise BadRequest(what=f'The method of a URL cannot be {wish["method"]!r}: it is one of {", ".join(METHODS)}.')
    return wish


def _number(key: str, value: Any) -> int:
    """A whole number, or a size like "20 MB"."""
    found = re.fullmatch(r"\s*([0-9]+)\s*(|[kKMG]B?)\s*", str(value))
    if isinstance(value, bool) or not found:
        raise BadRequest(what=f'"{key}" is a whole number, or a size like 20MB, not {value!r}.')
    return int(found[1]) * {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3}[found[2][:1].upper()]


def kind_of(name: str) -> Kind:
    """A kind by its plural or singular name.  Errors: UnknownKind."""
    found = BY_PLURAL.get(str(name).lower()) or BY_NAME.get(str(name).lower())
    if found is None:
        raise UnknownKind(name=name, known=list(BY_PLURAL))
    return found


def _fields(kind: Kind, names: Any) -> list[str]:
    for name in _names(names):
        if name not in kind.by_name:
            close = difflib.get_close_matches(name, kind.by_name, 3) or ["none"]
            raise UnknownField(name=f"{kind.plural}.{name}", close=close)
    return _names(names)


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) for name in value):
        raise BadRequest(what=f"A list of names is needed where {value!r} was given.")
    return list(value)


def _mapping(key: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(what=f'"{key}" needs names with their values, not {value!r}.')
    return value


def _option(option: formats.Option, value: Any) -> bool | str:
    if option.kind != "text":
        return flag(option.name, value)
    if not isinstance(value, str) or "\0" in value:
        raise BadRequest(what=f'"{option.name}" needs a text, not {value!r}.')
    return value


def flag(key: str, value: Any) -> bool:
    """Yes or no.  Errors: BadRequest."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"  # tasks' default arguments can only be texts
    if not isinstance(value, bool):
        raise BadRequest(what=f'"{key}" is yes or no (true or false), not {value!r}.')
    return value


def _close(name: str, known: set[str]) -> str:
    found = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {found[0]}?" if found else f"; known are {', '.join(sorted(known))}"
