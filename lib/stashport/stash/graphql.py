"""Reads a running Stash through its API: any version, any access.

Constant documents with variables, 500 records a page, ids for relations; the next page is fetched while this one is worked on.  Scenes, images and
galleries are paged by id; the other kinds by offset, in pages that overlap.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stashport.errors import ServerError
from stashport.model.records import Batch, IdSet, Record, canonical, sort_key
from stashport.model.settings import FREE_SECTIONS, SETTINGS, TYPES, key_of, without_secrets
from stashport.model.table import Field, Kind
from stashport.stash.capabilities import Capabilities
from stashport.stash.connection import Connection

PAGE = 500
_TYPES = {"VideoFile": "video", "ImageFile": "image"}


class GraphQLReader:
    """Records from a running Stash.  Errors: those of Connection.

    scratch   where images wait that were fetched; by default the system's folder for such files
    """

    name = "graphql"

    def __init__(self, connection: Connection, capabilities: Capabilities | None = None, scratch: Path | None = None) -> None:
        self.connection = connection
        self.can = capabilities or Capabilities.of(connection)
        self.removed_secrets: list[str] = []
        self._scratch = scratch
        self._images: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Remove the images that were fetched and not used."""
        if self._images:
            self._images.cleanup()

    def kinds(self) -> list[Kind]:
        """The kinds that this server can tell."""
        return self.can.kinds()

    def fields(self, kind: Kind) -> tuple[Field, ...]:
        """The fields of a kind that this server can tell."""
        return self.can.fields(kind)

    def count(self, kind: Kind) -> int:
        """How many records of a kind there are."""
        if not kind.listing:
            return sum(len(batch) for batch in self.batches(kind, self.fields(kind)))
        document = f"query StashPortCount{{found:{kind.find}(filter:{{per_page:0}}){{count}}}}"
        return int(self.connection.query(document)["found"]["count"])

    def ids(self, kind: Kind) -> IdSet:
        """The numbers of all records of a kind."""
        found = IdSet()
        for batch in self.batches(kind, ()):
            for record in batch.records:
                found.add(int(record["id"].split(":")[1]))
        return found

    def batches(self, kind: Kind, fields: Sequence[Field], only: IdSet | None = None) -> Iterator[Batch]:
        """Records in batches, ordered by id; `only` leaves the others out."""
        if not kind.find:
            yield Batch(records=self._settings(fields))
            return
        covered = self._without_cover() if any(f.name == "cover_image" for f in fields) else IdSet()
        readers = [(f, self._reader(f, kind, covered)) for f in fields]
        selection = " ".join(["id", *(self.can.selection(f, kind.type) for f in fields)])
        for page in self._pages(kind, selection, only):
            records = []
            for told in page:
                record: Record = {"id": f"{kind.name}:{told['id']}"}
                for field, read in readers:
                    record[field.name] = read(told)
                records.append(record)
            if records:
                yield Batch(records=records)

    # --- pages --------------------------------------------------------------------------------------------------------------------------------------

    def _pages(self, kind: Kind, selection: str, only: IdSet | None) -> Iterator[list[dict[str, Any]]]:
        if not kind.listing:
            told = self.connection.query(f"query StashPortAll{{found:{kind.find}{{{selection}}}}}")["found"]
            yield sorted((one for one in told if only is None or int(one["id"]) in only), key=_by_id)
        elif only is not None:
            yield from self._chosen(kind, selection, only)
        elif kind.keyset:
            yield from self._by_id(kind, selection)
        else:
            yield from self._by_offset(kind, selection)

    def _by_id(self, kind: Kind, selection: str) -> Iterator[list[dict[str, Any]]]:
        document = (
            f"query StashPortPage($after:Int!){{found:{kind.find}({kind.keyset}:{{id:{{value:$after,modifier:GREATER_THAN}}}},"
            f'filter:{{per_page:{PAGE},sort:"id",direction:ASC}}){{{kind.listing}{{{selection}}}}}}}'
        )

        def fetch(after: int) -> list[dict[str, Any]]:
            page: list[dict[str, Any]] = self.connection.query(document, {"after": after})["found"][kind.listing]
            return page

        with ThreadPoolExecutor(1) as ahead:
            page = fetch(0)
            while page:
                following = ahead.submit(fetch, int(page[-1]["id"])) if len(page) == PAGE else None
                yield page
                page = following.result() if following else []

    def _by_offset(self, kind: Kind, selection: str) -> Iterator[list[dict[str, Any]]]:
        """Each page begins with a record that was read already: then nothing is missed, whatever was deleted or added meanwhile."""
        document = (
            f'query StashPortPage($page:Int!,$size:Int!){{found:{kind.find}(filter:{{page:$page,per_page:$size,sort:"id",direction:ASC}})'
            f"{{count {kind.listing}{{{selection}}}}}}}"
        )
        position, last = 0, 0
        while True:
            # Pages start at multiples of their size: one is chosen that starts close before what comes next.
            before = max(0, position - 1)
            size = max(range(max(2, PAGE * 4 // 5), PAGE + 3), key=lambda size: size - before % size)
            start = before // size * size
            found = self.connection.query(document, {"page": start // size + 1, "size": size})["found"]
            page = found[kind.listing]
            if start and (not page or int(page[0]["id"]) > last):
                position = start  # records before it were deleted: a step back
                continue
            fresh = [one for one in page if int(one["id"]) > last]
            if fresh:
                last = int(fresh[-1]["id"])
                yield fresh
            position = start + len(page)
            if len(page) < size:
                if position < found["count"]:
                    raise ServerError(url=self.connection.url, reason=f"only {position} of {found['count']} {kind.plural} came")
                return

    def _chosen(self, kind: Kind, selection: str, only: IdSet) -> Iterator[list[dict[str, Any]]]:
        known = self.can.arguments.get(kind.find, frozenset())
        argument = next((name for name in ("ids", f"{kind.name}_ids") if name in known), "")
        if not argument:
            pages = self._by_id(kind, selection) if kind.keyset else self._by_offset(kind, selection)
            yield from ([one for one in page if int(one["id"]) in only] for page in pages)
            return
        sort = "ID!" if argument == "ids" else "Int!"
        document = f"query StashPortChosen($ids:[{sort}]){{found:{kind.find}({argument}:$ids,filter:{{per_page:-1}}){{{kind.listing}{{{selection}}}}}}}"
        chunk: list[int] = []
        for number in (*only, None):
            if number is not None:
                chunk.append(number)
            if chunk and (number is None or len(chunk) == PAGE):
                yield sorted(self._those(kind, document, chunk, as_text=argument == "ids"), key=_by_id)
                chunk = []

    def _those(self, kind: Kind, document: str, chunk: list[int], *, as_text: bool) -> list[dict[str, Any]]:
        """Records by their numbers.  One that is gone makes Stash refuse the whole question: it is halved until that one is alone."""
        try:
            found: list[dict[str, Any]] = self.connection.query(document, {"ids": [str(n) for n in chunk] if as_text else chunk})["found"][kind.listing]
        except ServerError as error:
            if "not found" not in str(error.details.get("reason")):
                raise
            middle = len(chunk) // 2
            return [one for half in (chunk[:middle], chunk[middle:]) for one in self._those(kind, document, half, as_text=as_text)] if middle else []
        return found

    # --- values -------------------------------------------------------------------------------------------------------------------------------------

    def _reader(self, field: Field, kind: Kind, covered: IdSet) -> Callable[[dict[str, Any]], Any]:
        if field.type == "image":
            outer, _, inner = field.selection.rstrip("}").partition("{")
            return lambda told: None if int(told["id"]) in covered else self._image(told[outer][inner] if inner else told[outer])
        if kind.name == "file" and field.name == "type":
            return lambda told: _TYPES.get(told["__typename"], "file")
        return value_reader(field)

    def _without_cover(self) -> IdSet:
        """Scenes always name a cover's address; those that have none are known by a filter."""
        found = IdSet()
        document = 'query StashPortCoverless{found:findScenes(scene_filter:{is_missing:"cover"},filter:{per_page:-1}){scenes{id}}}'
        for one in self.connection.query(document)["found"]["scenes"]:
            found.add(int(one["id"]))
        return found

    def _image(self, address: str | None) -> str | None:
        if not address or "default=true" in address:
            return None
        data = self.connection.get(address)
        checksum = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if self._images is None:
            self._images = tempfile.TemporaryDirectory(prefix="stash-port-", dir=self._scratch)
        (Path(self._images.name) / checksum).write_bytes(data)
        return f"md5:{checksum}"

    def image(self, checksum: str) -> bytes | None:
        """The bytes of an image that a record named; each can be had once."""
        if self._images is None:
            return None
        path = Path(self._images.name) / checksum
        data = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        return data

    # --- settings -----------------------------------------------------------------------------------------------------------------------------------

    def _settings(self, fields: Sequence[Field]) -> list[Record]:
        asked = {section: [s for s in listed if key_of(s) in self.can.types.get(TYPES.get(section, ""), ())] for section, listed in SETTINGS.items()}
        parts = [f"{section}{{{' '.join(listed)}}}" for section, listed in asked.items() if listed]
        told = self.connection.query(f"query StashPortSettings{{configuration{{{' '.join(parts)} {' '.join(FREE_SECTIONS)}}}}}")["configuration"]
        names = {f.name for f in fields}
        records = []
        for section in SETTINGS:
            values = told.get(section) or {}
            if section in FREE_SECTIONS:
                values = without_secrets(values, self.removed_secrets, section)
            for key in sorted(values):
                record = {"id": f"setting:{section}.{key}", "section": section, "key": key, "value": canonical(values[key])}
                records.append({name: value for name, value in record.items() if name == "id" or name in names})
        return records


def value_reader(field: Field) -> Callable[[dict[str, Any]], Any]:
    """A function from what GraphQL told (the object that holds the field) to the field's value in a record."""
    name, kind, to = field.server_name if not field.selection.startswith("...") else field.name, field.type, field.to
    if kind == "ref":
        return lambda told: f"{to}:{told[name]['id']}" if told.get(name) else None
    if kind == "refs":
        keep_first = field.join is not None and "primary" in field.join.order
        return lambda told: _refs(to, told.get(name) or [], keep_first)
    if kind == "rows":
        inner = [(f.name, value_reader(f)) for f in field.fields]
        return lambda told: _rows(told.get(name) or [], inner, field.sort)
    if kind == "texts":
        ordered = field.join is not None and field.join.order == "position"
        return lambda told: list(told.get(name) or []) if ordered else sorted(told.get(name) or [])
    if kind == "times":
        return lambda told: sorted(told.get(name) or [])
    if kind == "float":
        return lambda told: None if told.get(name) is None else float(told[name])
    if kind in ("json", "map"):
        return lambda told: canonical(told.get(name)) or ({} if kind == "map" else None)
    if kind in ("int", "bool"):
        return lambda told: told.get(name)
    return lambda told: told.get(name) or None


def _refs(to: str, told: list[dict[str, Any]], keep_first: bool) -> list[str]:
    numbers = [int(one["id"]) for one in told if one]
    first = numbers[:1] if keep_first else []
    return [f"{to}:{number}" for number in [*first, *sorted(numbers[len(first) :])]]


def _rows(told: list[dict[str, Any]], inner: list[tuple[str, Callable[[dict[str, Any]], Any]]], sort: tuple[str, ...]) -> list[Record]:
    found = [({name: read(one) for name, read in inner}, one) for one in told]
    if sort:
        found.sort(key=lambda pair: tuple(_sortable(int(pair[1]["id"]) if name == "id" else pair[0][name]) for name in sort))
    return [row for row, _ in found]


def _sortable(value: Any) -> Any:
    return sort_key(value) if isinstance(value, str) and ":" in value and value.split(":")[1].isdigit() else value


def _by_id(told: dict[str, Any]) -> int:
    return int(told["id"])
