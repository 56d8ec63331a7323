"""The keys and facts of which the rules of identity are made: what stands in a record, put into one spelling.  See identity.py for what they mean."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from stashport.model.moments import instant
from stashport.model.records import Record, dumps

Facts = Mapping[str, Sequence[str]]


class Lookup(Protocol):
    """What rules must know beyond the record: one for each of the two libraries.  `side` is a or b."""

    side: str
    same: bool
    """Whether both libraries are one Stash at two times."""

    def token(self, identity: str) -> tuple[str, str]:
        """What a record that was looked at before ("file:17") shares with its counterparts, and their tier; a token of its own and "" where it has none."""
        ...

    def likely(self, identity: str) -> Iterable[str]:
        """A token for each suggestion that a record is part of."""
        ...

    def remembered(self, identity: str) -> Iterable[str]:
        """A token for each earlier match that a record was part of."""
        ...

    def path(self, path: str) -> str:
        """A path, mapped, in the spelling in which paths are compared."""
        ...


Keys = Callable[[Record, Lookup], Iterable[str]]


def folded(text: str | None) -> str:
    """A name as it is compared when spelling does not matter: case, Unicode composition and outer blanks are taken out."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text or "").casefold()).strip()


def normal_endpoint(endpoint: str | None) -> str:
    """A stash-box's address in one spelling: its host has no case, and the last slash means nothing."""
    text = (endpoint or "").strip().rstrip("/")
    scheme, mark, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{host.lower()}{slash}{path}" if mark else text


def _key(*parts: object) -> str:
    return dumps(parts)


def _value(record: Record, look: Lookup, name: str) -> object:
    """A field as a part of a key; the studio is told by what it shares with its counterpart."""
    value = record.get(name) or None
    return look.token(value)[0] if value and name == "studio" else value


# --- keys ---------------------------------------------------------------------------------------------------------------------------------


def by_record(record: Record, look: Lookup) -> Iterator[str]:
    """The number and the time of creation, where both libraries are one Stash; a time that stands where there is none says nothing."""
    if look.same and (when := born(record)):
        yield _key(record["id"], when)


def born(record: Record) -> str:
    """When a record was made, to be compared; "" where nothing is said."""
    when = instant(record.get("created_at"))
    return when.isoformat() if when and when.year > 1970 else ""


def by_stash_id(record: Record, look: Lookup) -> Iterator[str]:
    """Each id at a stash-box."""
    for name, values in box_facts(record, look).items():
        yield from (_key(name, value) for value in values)


def by_memory(record: Record, look: Lookup) -> Iterable[str]:
    """The matches of earlier runs."""
    return look.remembered(record["id"])


def by_all(*names: str) -> Keys:
    """Fields that must all be told, exactly as they are."""

    def keys(record: Record, look: Lookup) -> Iterator[str]:
        values = [_value(record, look, name) for name in names]
        if all(values):
            yield _key(*values)

    return keys


def by_folded(name: str) -> Keys:
    """A text, as far as spelling matters."""
    return lambda record, _: filter(None, [folded(record.get(name))])


def by_full_name(record: Record, _: Lookup) -> Iterator[str]:
    """A performer's name and disambiguation, exactly."""
    if record.get("name"):
        yield _key(record["name"], record.get("disambiguation") or "")


def by_folded_full_name(record: Record, _: Lookup) -> Iterator[str]:
    """A performer's name and disambiguation, as far as spelling matters."""
    if folded(record.get("name")):
        yield _key(folded(record["name"]), folded(record.get("disambiguation")))


def by_alias(field: str) -> Keys:
    """The name on one side is an alias on the other; two equal aliases say nothing, and a name that needs a disambiguation says too little."""

    def keys(record: Record, look: Lookup) -> Iterator[str]:
        name, alias = ("1", "2") if look.side == "a" else ("2", "1")
        if folded(record.get("name")) and not record.get("disambiguation"):
            yield _key(name, folded(record["name"]))
        yield from (_key(alias, folded(one)) for one in record.get(field) or () if folded(one))

    return keys


def by_birth(name: str, *instead: str) -> Keys:
    """A name or title with the time of creation: copies of one library keep both.  Times before 1971 are what stands where there is none.

    instead   what takes the place of a title that is empty, all as it is, as long as something is told
    """

    def keys(record: Record, look: Lookup) -> Iterator[str]:
        values = [record[name]] if record.get(name) else [None, *(_value(record, look, other) for other in instead)]
        when = instant(record.get("created_at")) if any(values) else None
        if when and when.year > 1970:
            yield _key(*values, when.isoformat())

    return keys


def by_title(*more: str) -> Keys:
    """Title, date, studio and what else is named: as they are, also where they are empty."""

    def keys(record: Record, look: Lookup) -> Iterator[str]:
        if record.get("title"):
            yield _key(*(_value(record, look, name) for name in ("title", "date", "studio", *more)))

    return keys


def without_files(places: Sequence[str], keys: Keys) -> Keys:
    """Keys for records of which it is told that these fields, which say where it lies, are empty."""
    return lambda record, look: keys(record, look) if all(name in record and not record[name] for name in places) else ()


def by_file(field: str, *, content: bool, primary: bool) -> Keys:
    """The files that are the same by their content, or else by anything else: the first, or all of them."""

    def keys(record: Record, look: Lookup) -> Iterator[str]:
        for identity in (record.get(field) or ())[: 1 if primary else None]:
            token, tier = look.token(identity)
            if tier and (tier == "checksum") == content:
                yield token

    return keys


def by_folder(record: Record, look: Lookup) -> Iterable[str]:
    """The folder that it is made of."""
    return [look.token(record["folder"])[0]] if record.get("folder") else []


def by_likeness(field: str) -> Keys:
    """The suggestions that its files are part of."""
    return lambda record, look: (token for identity in record.get(field) or () for token in look.likely(identity))


def by_md5(record: Record, _: Lookup) -> Iterable[str]:
    """Empty files have all the same content, and are not the same file for that."""
    return _checksums(record).get("md5", ()) if record.get("size") != 0 else ()


def by_oshash(record: Record, _: Lookup) -> Iterator[str]:
    """It reads the two ends of a file only: without the size it says too little."""
    if record.get("size"):
        yield from (_key(value, record["size"]) for value in _checksums(record).get("oshash", ()))


def by_path_and_size(record: Record, look: Lookup) -> Iterator[str]:
    """Path and size."""
    if record.get("path") and record.get("size") is not None:
        yield _key(look.path(record["path"]), record["size"])


def by_path(record: Record, look: Lookup) -> Iterable[str]:
    """The path."""
    return [look.path(record["path"])] if record.get("path") else []


def by_looks(record: Record, _: Lookup) -> Iterator[str]:
    """Phash and duration, in overlapping steps of a second: durations that differ by less than a second share one."""
    if record.get("duration"):
        whole = int(record["duration"])
        for value in _fingerprints(record, "phash"):
            yield from (_key(value, whole), _key(value, whole + 1))


# --- facts --------------------------------------------------------------------------------------------------------------------------------


def box_facts(record: Record, _: Lookup) -> dict[str, list[str]]:
    """The ids at each stash-box."""
    found: dict[str, list[str]] = {}
    for row in record.get("stash_ids") or ():
        if row.get("stash_id"):
            found.setdefault(f"id at {normal_endpoint(row.get('endpoint'))}", []).append(row["stash_id"].strip().lower())
    return found


def performer_facts(record: Record, look: Lookup) -> Facts:
    """Birthdate and ids at stash-boxes."""
    return _date_facts("birthdate", record.get("birthdate")) | box_facts(record, look)


def group_facts(record: Record, look: Lookup) -> Facts:
    """Date and studio."""
    studio = _value(record, look, "studio")
    return _date_facts("date", record.get("date")) | ({"studio": [str(studio)]} if studio else {})


def file_facts(record: Record, _: Lookup) -> Facts:
    """What is known of the content."""
    return _checksums(record)


def _checksums(record: Record) -> dict[str, list[str]]:
    return {name: values for name in ("md5", "oshash") if (values := _fingerprints(record, name))}


def _fingerprints(record: Record, name: str) -> list[str]:
    return [row["value"].lower() for row in record.get("fingerprints") or () if row["type"] == name and row["value"]]


def _date_facts(name: str, value: str | None) -> dict[str, list[str]]:
    """A date as far as it is told: a year contradicts another year, not a day in it."""
    lengths = {4: name, 7: f"{name} (month)", 10: f"{name} (day)"}
    return {label: [value[:length]] for length, label in lengths.items() if value and len(value) >= length}
