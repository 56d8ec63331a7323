"""From filters to the numbers of the records that they choose.

A running Stash answers through its own find queries; a database that is read anyway through SQL that means the same (filtering_sql.py); of any other source
the records themselves are looked at (filtering_records.py).
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Collection, Iterator
from typing import Any

from stashport.errors import BadFilter, DanglingFilter, NotSupported, ServerError, UnknownSavedFilter
from stashport.model.fields import BY_NAME
from stashport.model.filter_checks import FIELD, MARKERS, RELATED
from stashport.model.filters import Condition, Filters, criteria, is_filled, presence, within
from stashport.model.reader import Reader
from stashport.model.records import IdSet, number_of
from stashport.model.saved_criteria import MODES as PAGES
from stashport.model.saved_filters import convert, named, without
from stashport.model.table import Kind
from stashport.stash.connection import Connection
from stashport.stash.filter_names import fold, ids_of
from stashport.stash.filter_types import FilterTypes
from stashport.stash.filtering_records import ByRecords
from stashport.stash.filtering_sql import Offline
from stashport.stash.source import Opened, database_of

PAGE = 40_000  # each page costs Stash the whole query anew, and then the square of its length
_SAVED = "query StashPortSavedFilters{found:findSavedFilters{id mode name find_filter{q} object_filter}}"
_ARGUMENT = {"file": ("file_filter", "FileFilterType")}


def resolve(filters: Filters, kinds: list[Kind], opened: Opened) -> dict[str, IdSet]:
    """The numbers that the filters choose, by the name of the kind; a kind that no filter is about is not there.

    kinds   what is exported.  A named filter applies to each of them that has such a property, and must apply to one at least.
    opened  the source; what a person should know is added to its remarks
    Errors: BadFilter, UnknownSavedFilter, DanglingFilter, NotSupported (for a file), and those of the reader.
    """
    if not filters:
        return {}
    online, offline = _finders(opened)
    told = {kind.name: {f.name for f in opened.reader.fields(kind)} for kind in kinds if kind.table}
    for key in RELATED:  # before names are looked up among records that are not there
        if filters.get(key) and not any(FIELD.get(key, key) in names for names in told.values()):
            raise _about_nothing(key, kinds)
    ids = ids_of(filters, opened.reader, (offline or online).exists)  # type: ignore[union-attr]  # one of them is there
    conditions = {kind.name: list(filters.conditions(kind, told[kind.name], ids)) if kind.table else [] for kind in kinds}
    used = {condition.key for listed in conditions.values() for condition in listed}
    for key in filters.keys():  # noqa: SIM118 - not a dictionary
        if key not in used:
            raise _about_nothing(key, kinds)
    more = _written(filters, kinds, opened, online)
    chosen = {}
    for kind in kinds:
        finder = offline or online
        sets = [finder.find(kind, conditions[kind.name])] if finder and conditions[kind.name] else []
        sets += [online.search(kind, one) for one in more.get(kind.name, ()) if online]
        if sets:
            chosen[kind.name] = functools.reduce(_both, sets)
    if isinstance(offline, ByRecords):
        opened.remarks += offline.remarks
    return chosen


def _about_nothing(key: str, kinds: list[Kind]) -> BadFilter:
    return BadFilter(what=f'The filter "{key}" applies to none of what is exported here ({", ".join(kind.plural for kind in kinds)}).')


def _finders(opened: Opened) -> tuple[Online | None, Offline | ByRecords | None]:
    """Who can answer: the server; the database, where it is read anyway.  The latter goes first: it is faster, and of one moment with what is read."""
    online = Online(opened.connection, opened.reader) if opened.connection else None
    if database := database_of(opened.reader):
        return online, Offline(database)
    return online, None if online else ByRecords(opened.reader, opened.absent)


def _both(one: IdSet, other: IdSet) -> IdSet:
    return one.minus(one.minus(other))


class Written:
    """A Stash filter that a person wrote or saved: of a kind or of markers, with words for the search box, and what it is called in messages."""

    def __init__(self, plural: str, given: dict[str, Any], where: str, q: str = "") -> None:
        self.markers, self.given, self.where, self.q = plural == MARKERS, given, where, q


class Online:
    """Finds the records of a running Stash."""

    def __init__(self, connection: Connection, reader: Reader) -> None:
        self.connection, self._reader = connection, reader
        self._types: FilterTypes | None = None

    @property
    def types(self) -> FilterTypes:
        """What the server's filters may hold."""
        if self._types is None:
            self._types = FilterTypes(self.connection)
        return self._types

    def exists(self, kind: Kind, number: int) -> bool:
        """Whether there is a record of this number."""
        document = f"query StashPortExists($id:ID!){{found:find{kind.type}(id:$id){{id}}}}"
        with contextlib.suppress(ServerError):
            return self.connection.query(document, {"id": str(number)})["found"] is not None
        return False

    def search(self, kind: Kind, one: Written) -> IdSet:
        """The numbers that a written filter chooses.  Errors: BadFilter where the server refuses it."""
        type_name = "SceneMarkerFilterType" if one.markers else _argument(kind)[1]
        self.types.check(type_name, one.given, one.where)
        try:
            return self._fetch(kind, one.given, one.q, markers=one.markers)
        except ServerError as error:
            if "database is locked" in error.message:
                raise
            raise BadFilter(what=f"Stash refuses {one.where}: {error.details.get('reason')}.") from error

    def find(self, kind: Kind, conditions: list[Condition]) -> IdSet:
        """The numbers of the records that fulfil all conditions."""
        parts: list[dict[str, Any]] = []
        texts, times, read = [], [], []
        for condition in conditions:
            if condition.test == "text":
                texts.append(condition.value)
            elif condition.test in ("has", "misses"):
                assert condition.field is not None
                known = presence(condition.field, there=condition.test == "has") if kind.listing and kind.name not in ("file", "folder") else None
                if known and self.types.has(_argument(kind)[1], known[0]):
                    parts.append(known[1])
                else:
                    read.append(condition)
            else:
                parts += criteria(kind, condition)
                if condition.test == "within":
                    times.append(condition)
        found = None
        for number, (one, q) in enumerate(itertools.zip_longest(_merged(parts), texts)):
            fresh = self._fetch(kind, one or {}, q or "", times=() if number else times)
            found = fresh if found is None else _both(found, fresh)
        for condition in read:
            found = self._read(kind, condition, found)
        assert found is not None
        return found

    def _fetch(self, kind: Kind, given: dict[str, Any], q: str, *, times: Collection[Condition] = (), markers: bool = False) -> IdSet:
        find, listing = ("findSceneMarkers", MARKERS) if markers else (kind.find, kind.listing)
        argument, type_name = ("scene_marker_filter", "SceneMarkerFilterType") if markers else _argument(kind)
        selection = " ".join(["scene{id}" if markers else "id", *(c.field.name for c in times if c.field)])
        variables = f"$filter:{type_name},$q:String"
        query = f'{find}({argument}:$filter,filter:{{q:$q,page:$page,per_page:{PAGE},sort:"id",direction:ASC}}){{{listing}{{{selection}}}}}'
        count = f"query StashPortFilterCount({variables}){{found:{find}({argument}:$filter,filter:{{q:$q,per_page:0}}){{count}}}}"
        asked = {"filter": given, "q": q}
        for _ in range(3):
            found, rows, page = IdSet(), 0, 0
            while rows == page * PAGE:
                page += 1
                told = self.connection.query(f"query StashPortFilter({variables},$page:Int!){{found:{query}}}", {**asked, "page": page})["found"][listing]
                rows += len(told)
                for one in told:
                    if all(within(one[c.field.name], c.value) for c in times if c.field):
                        found.add(int((one["scene"] if markers else one)["id"]))
            # When something is made or deleted meanwhile, what comes after it moves over the edges of pages: once more from the start.
            if page == 1 or self.connection.query(count, asked)["found"]["count"] == rows:
                return found
        raise ServerError(url=self.connection.url, reason=f"the {kind.plural} change all the time; try again when other tasks have ended")

    def _read(self, kind: Kind, condition: Condition, only: IdSet | None) -> IdSet:
        """What Stash has no filter for is read and looked at."""
        field, found = condition.field, IdSet()
        assert field is not None
        for batch in self._reader.batches(kind, (field,), only):
            for record in batch.records:
                if is_filled(field, record[field.name]) == (condition.test == "has"):
                    found.add(number_of(record["id"]))
        return found


def _argument(kind: Kind) -> tuple[str, str]:
    return _ARGUMENT.get(kind.name, (f"{kind.name}_filter", f"{kind.type}FilterType"))


def _merged(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Filters that ask for different things in as few as possible: side by side they must all be fulfilled."""
    merged: list[dict[str, Any]] = []
    for part in parts:
        free = next((one for one in merged if not one.keys() & part.keys()), None)
        if free is None:
            merged.append(dict(part))
        else:
            free.update(part)
    return merged


# --- filters that a person wrote in Stash's own form, or saved there --------------------------------------------------------------------------------


def _written(filters: Filters, kinds: list[Kind], opened: Opened, online: Online | None) -> dict[str, list[Written]]:
    """The written and the saved filters, by the name of the kind that they choose from."""
    found: dict[str, list[Written]] = {}
    given, saved = filters.get("filter") or {}, filters.get("savedFilter")
    if (given or saved) and online is None:
        raise NotSupported(what="Stash's own filters and saved filters are answered by a running Stash; this is a file.",
                           instead="Export from the running Stash, or use the named filters, which work on files too.")
    by_plural = {kind.plural: kind.name for kind in kinds}
    by_plural |= {MARKERS: "scene"} if "scenes" in by_plural else {}
    for plural, one in given.items():
        if plural not in by_plural:
            raise BadFilter(what=f"There is a filter for {plural}, which are not exported here ({', '.join(kind.plural for kind in kinds)}).")
        found.setdefault(by_plural[plural], []).append(Written(plural, one, f"the filter for {plural}"))
    if saved:
        assert online is not None
        for plural, one in _saved(saved, by_plural, online, opened):
            found.setdefault(by_plural[plural], []).append(one)
    return found


def _saved(wanted: Any, by_plural: dict[str, str], finder: Online, opened: Opened) -> Iterator[tuple[str, Written]]:
    told = [{**one, "plural": PAGES.get(one["mode"], "")} for one in finder.connection.query(_SAVED)["found"]]
    here = [one for one in told if one["plural"] in by_plural]
    asked = {"": wanted} if isinstance(wanted, list) else wanted
    for plural, names in asked.items():
        if plural and plural not in by_plural:
            raise BadFilter(what=f"There is a saved filter for {plural}, which are not exported here.")
        for name in names:
            for one in _by_title(name, [one for one in here if plural in ("", one["plural"])]):
                yield one["plural"], _usable(one, finder, opened)


def _by_title(name: str, saved: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The saved filters of a name: one a kind."""
    number = name.removeprefix("saved_filter:")
    found = [one for one in saved if name != number and str(one["id"]) == number]
    found = found or [one for one in saved if one["name"] == name] or [one for one in saved if fold(one["name"]) == fold(name)]
    if not found:
        raise UnknownSavedFilter(name=name, known=[f'"{one["name"]}" ({one["plural"]})' for one in saved] or "none")
    if len({one["plural"] for one in found}) < len(found):
        listed = ", ".join(f'saved_filter:{one["id"]} ("{one["name"]}", {one["plural"]})' for one in found)
        raise BadFilter(what=f'The saved filter "{name}" can be each of: {listed}. Give the one that is meant.')
    return found


def _usable(saved: dict[str, Any], finder: Online, opened: Opened) -> Written:
    plural, where = saved["plural"], f'the saved filter "{saved["name"]}" of {saved["plural"]}'
    converted = convert(plural, saved["object_filter"])
    gone = [one for one in named(plural, converted, saved["object_filter"]) if not finder.exists(BY_NAME[one.kind], int(one.number))]
    lost = [one for one in gone if not one.excluded]
    if lost:
        raise DanglingFilter(name=saved["name"], missing=[f'{one.kind}:{one.number} ("{one.label}")' for one in lost])
    if gone:
        listed = ", ".join(f'{one.kind}:{one.number} ("{one.label}")' for one in gone)
        opened.remarks.append(f"{where[0].upper()}{where[1:]} leaves out {listed}, which is no longer there: that changes nothing.")
        converted = without(converted, {(one.kind, one.number) for one in gone}, plural)
    return Written(plural, converted, where, (saved.get("find_filter") or {}).get("q") or "")
