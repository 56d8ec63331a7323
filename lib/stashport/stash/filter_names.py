"""What filters name, as numbers.  Names are looked up on this side, never by the server, whose comparisons take `_` and `%` for any characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

from stashport.errors import BadFilter
from stashport.model.fields import BY_NAME
from stashport.model.filter_checks import MODES, RELATED
from stashport.model.filters import Filters, Ids
from stashport.model.reader import Reader
from stashport.model.records import Record, number_of
from stashport.model.table import Kind

Exists = Callable[[Kind, int], bool]


def ids_of(filters: Filters, reader: Reader, exists: Exists) -> Ids:
    """The numbers of everything that filters name."""
    ids: Ids = {}
    for key, kind_name in RELATED.items():
        wanted = filters.get(key)
        if wanted:
            kind = BY_NAME[kind_name]
            found = _numbers(kind, key, {one for names in wanted.values() for one in names}, reader, exists)
            ids[key] = {mode: list(dict.fromkeys(found[one] for one in wanted[mode])) for mode in MODES if mode in wanted}
            against = set(ids[key].get("none", ()))
            if against.intersection(ids[key].get("all", ())) or (ids[key].get("any") and against.issuperset(ids[key]["any"])):
                raise BadFilter(what=f'"{key}" asks for one {kind_name} and against it, under two names: nothing can be both.')
    return ids


def _numbers(kind: Kind, key: str, wanted: set[str | int], reader: Reader, exists: Exists) -> dict[str | int, int]:
    found: dict[str | int, int] = {}
    for one in wanted:
        of, _, number = str(one).partition(":")
        if isinstance(one, int) or (of == kind.name and number.isdigit()):
            found[one] = one if isinstance(one, int) else int(number)
            if not exists(kind, found[one]):
                raise BadFilter(what=f'"{key}" asks for {kind.name}:{found[one]}, which is not in this library.')
    names = {str(one) for one in wanted if one not in found}
    if names:
        found.update(_by_name(kind, key, names, reader))
    return found


def _by_name(kind: Kind, key: str, names: set[str], reader: Reader) -> dict[str, int]:
    """Numbers by name: as it is written, else in any case, else as an alias."""
    fields = tuple(f for f in reader.fields(kind) if f.name in ("name", "title", "disambiguation", "aliases", "alias_list"))
    tiers: dict[str, list[dict[int, str]]] = {name: [{}, {}, {}] for name in names}
    folded: dict[str, list[str]] = {}
    for name in names:
        folded.setdefault(fold(name), []).append(name)
    near: dict[str, list[str]] = {name: [] for name in names}
    for batch in reader.batches(kind, fields):
        for record in batch.records:
            for tier, label in _labels(record):
                number, shown = number_of(record["id"]), _shown(record)
                for name in folded.get(fold(label), ()):
                    tiers[name][0 if tier == 0 and label == name else 1 if tier == 0 else 2][number] = shown
                for name in names:
                    if len(near[name]) < 5 and len(name) > 2 and (fold(name) in fold(label)):
                        near[name].append(shown)
    return {name: _only(kind, key, name, tiers[name], near[name]) for name in names}


def _only(kind: Kind, key: str, name: str, tiers: list[dict[int, str]], near: list[str]) -> int:
    found = next(filter(None, tiers), {})
    if len(found) == 1:
        return next(iter(found))
    if found:
        candidates = ", ".join(f"{kind.name}:{number} ({shown})" for number, shown in sorted(found.items())[:10])
        raise BadFilter(what=f'"{key}" names "{name}", which can be each of: {candidates}. Give the one that is meant, for example {kind.name}:{min(found)}.')
    close = f"; close to it: {', '.join(dict.fromkeys(near))}" if near else ""
    raise BadFilter(what=f'"{key}" names "{name}", and there is no {kind.name} of that name{close}.')


def _labels(record: Record) -> Iterator[tuple[int, str]]:
    """What a record is called: 0 and its name, 1 and another name of it."""
    name = record.get("name") or record.get("title")
    if name:
        yield 0, name
        if record.get("disambiguation"):
            yield 0, _shown(record)
    aliases = record.get("aliases") or record.get("alias_list") or []
    for alias in [aliases, *aliases.split(",")] if isinstance(aliases, str) else aliases:
        yield 1, alias.strip()


def _shown(record: Record) -> str:
    told_by = record.get("disambiguation")
    return f"{record.get('name') or record.get('title')}{f' ({told_by})' if told_by else ''}"


def fold(name: str) -> str:
    """A name as it is compared when case does not matter."""
    return unicodedata.normalize("NFC", name).casefold().strip()
