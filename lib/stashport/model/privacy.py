"""What may leave: which kinds and fields of records, in which form, and what an export says about it.

Pure, and the only place that decides.  A job asks `kinds` and `fields` before it reads, puts every batch through `change` before it is written, and
clears what it says at the head of the export with `choices`.  See privacy_rules.py for the lists, privacy_changes.py and
scrub.py for what becomes of the values.
"""

from __future__ import annotations

import dataclasses
import difflib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from stashport.errors import BadRequest, UnknownField
from stashport.model.fields import BY_NAME, BY_PLURAL, KINDS
from stashport.model.privacy_changes import Changes, scrubbed
from stashport.model.privacy_rules import ANONYMOUS, ANONYMOUS_NAMES, KEPT_BACK, PROFILES, SHARE, WHOLLY, called
from stashport.model.pseudonyms import Pseudonyms
from stashport.model.records import Batch, IdSet, Record
from stashport.model.scrub import Scrubber
from stashport.model.settings import FREE_SECTIONS, SETTINGS, key_of, without_secrets
from stashport.model.table import Field, Kind

_FLAGS = ("excludePersonalData", "anonymizeData", "keepPaths", "keepIdentifying")
_WHY = {"personal": "personal", "path": "a path", "identifying": "identifying", "secret": "a secret"}
# What the head of an export may repeat of what was chosen; the other keys can hold places, secrets and words of the user.
_HEAD = frozenset({"format", "kinds", "fields", "related", "includeFiles", "images", "reader", "chunkSize", "maxSize", "maxFileSize"})
_NEVER_IN_HEAD = frozenset({
    "to", "target", "url", "headers", "download", "overwrite", "options", "compress", "encrypt", "encryption", "password", "passphrase", "recipients", "config",
    "name", "privacy",
})  # fmt: skip


@dataclass(frozen=True)
class Privacy:
    """A profile and what was chosen beside it.  Make it with `parse`.

    excludePersonalData, excludeFields    leave out more
    keepPaths, keepIdentifying            whether paths, and checksums, stash-box ids and pictures, may leave
    key      what pseudonyms are made from: drawn for each export, so that two cannot be put together by them
    words    what must not stand in any text: the host's name, keys that are known
    removed  the settings out of which secrets were taken, as `change` meets them
    """

    profile: str = "full"
    excludePersonalData: bool = False  # noqa: N815 - keys of task arguments, as in export_config.py
    excludeFields: tuple[str, ...] = ()  # noqa: N815
    keepPaths: bool = True  # noqa: N815
    keepIdentifying: bool = True  # noqa: N815
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False, compare=False)
    words: tuple[str, ...] = field(default=(), repr=False, compare=False)
    removed: list[str] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def parse(cls, given: object, *, key: bytes | None = None, words: Iterable[str] = ()) -> Privacy:
        """What a person chose: a profile's name, or {profile, excludePersonalData, anonymizeData, excludeFields, keepPaths, keepIdentifying}.

        Errors: BadRequest, UnknownField.
        """
        wish: dict[Any, Any] = {} if given is None else {"profile": given} if isinstance(given, str) else given if isinstance(given, dict) else {"": given}
        for name in wish:
            if name not in ("profile", "excludeFields", *_FLAGS):
                close = difflib.get_close_matches(str(name), ("profile", "excludeFields", *_FLAGS), 1)
                hint = f"; did you mean {close[0]}?" if close else f"; known are profile, excludeFields, {', '.join(_FLAGS)}."
                raise BadRequest(what=f'"privacy" is full, share, anonymous, or these with choices: it has no "{name}"{hint}')
        flags = {name: _flag(name, wish.get(name)) for name in _FLAGS}
        profile: Any = wish.get("profile") or ("anonymous" if flags["anonymizeData"] else "full")
        if not isinstance(profile, str) or profile not in PROFILES:
            raise BadRequest(what=f'"privacy" cannot be {profile!r}: it is one of {", ".join(PROFILES)}.')
        if flags["anonymizeData"] and profile != "anonymous":
            raise BadRequest(what=f'"privacy" has the profile {profile} and asks for anonymizeData: choose one of them.')
        for name in ("keepPaths", "keepIdentifying"):
            if flags[name] and profile == "anonymous":
                raise BadRequest(what=f'"privacy" is anonymous, and {name} would undo that: choose one of them.')
        personal = bool(flags["excludePersonalData"])
        return cls(
            profile, personal, _excluded(wish.get("excludeFields")),
            keepPaths=bool(profile == "full" and not personal if flags["keepPaths"] is None else flags["keepPaths"]),
            keepIdentifying=bool(profile == "full" if flags["keepIdentifying"] is None else flags["keepIdentifying"]),
            key=key or secrets.token_bytes(32), words=tuple(words),
        )  # fmt: skip

    @cached_property
    def _classes(self) -> frozenset[str]:
        personal = self.profile == "full" and not self.excludePersonalData
        chosen = {"personal": personal, "path": self.keepPaths, "identifying": self.keepIdentifying}
        return frozenset({"public", *(name for name, wanted in chosen.items() if wanted)})

    @property
    def plain(self) -> bool:
        """Whether records leave as they are read."""
        return self.profile == "full" and "personal" in self._classes and self.keepPaths

    @property
    def images(self) -> bool:
        """Whether pictures may leave, where they are asked for: they show people, so it takes keepIdentifying."""
        return self.keepIdentifying

    def allows(self, kind: Kind) -> bool:
        """Whether records of a kind may leave."""
        listed = {"share": SHARE, "anonymous": ANONYMOUS_NAMES}.get(self.profile)
        return (listed is None or kind.name in listed) and WHOLLY.get(kind.name, "public") in self._classes

    def kinds(self, kinds: Iterable[Kind]) -> list[Kind]:
        """Those whose records may leave."""
        return [kind for kind in kinds if self.allows(kind)]

    def fields(self, kind: Kind, fields: Iterable[Field]) -> tuple[Field, ...]:
        """The fields that may leave, without what may not leave in their rows; none for a kind that stays."""
        if not self.allows(kind):
            return ()
        found = []
        for one in fields:
            if self._why_not(kind, one):
                continue
            inner = tuple(f for f in one.fields if not self._why_not(kind, f, f"{one.name}."))
            found.append(one if inner == one.fields else dataclasses.replace(one, fields=inner))
        return tuple(found)

    def _why_not(self, kind: Kind, one: Field, before: str = "") -> str:
        """Why a field stays; "" when it may leave."""
        name = before + one.name
        if not before and f"{kind.plural}.{name}" in self.excludeFields:
            return "left out on request"
        if one.privacy not in self._classes:
            return _WHY.get(one.privacy, "of a class that is not known")
        listed = {"share": SHARE, "anonymous": ANONYMOUS_NAMES}.get(self.profile)
        return "" if listed is None or name in listed[kind.name] else KEPT_BACK.get(f"{kind.name}.{name}", "not on the list")

    def change(self, kind: Kind, fields: Sequence[Field]) -> Callable[[Batch], Batch] | None:
        """What every batch goes through before it is written; None: nothing.  `fields` as `fields` gave them.  Keeps the number and order of records."""
        if kind.name == "setting":
            return lambda batch: Batch(records=[self._setting(record) for record in batch.records])
        return None if self.plain else self._changes.of_kind(kind, self.fields(kind, fields))

    def originals(self, ids: dict[str, IdSet]) -> dict[str, IdSet]:
        """The library's own numbers of records, by kind, from those of an export that went through `change`."""
        found: dict[str, IdSet] = {kind: IdSet() for kind in ids}
        for kind, numbers in ids.items():
            for number in numbers:
                found[kind].add(self._changes.pseudonyms.original(kind, number))
        return ids if self.profile == "full" else found

    @cached_property
    def _changes(self) -> Changes:
        return Changes(self.profile, Pseudonyms(self.key), Scrubber(paths=self.keepPaths, checksums=self.keepIdentifying, words=self.words))

    def _setting(self, record: Record) -> Record:
        """A setting without secrets, and without paths where these stay; settings that are not on the list of those that may leave are emptied."""
        section, _, key = record["id"].partition(":")[2].partition(".")
        value, removed = record.get("value"), list[str]()
        if section in FREE_SECTIONS:
            kept = without_secrets({key: value}, removed, section)
            value = kept.get(key) if isinstance(kept, dict) else None
        else:
            known = {key_of(selection): privacy for selection, privacy in SETTINGS.get(section, {}).items()}
            value = without_secrets(value, removed, f"{section}.{key}") if known.get(key) in self._classes else None
        self.removed.extend(name for name in removed if name not in self.removed)
        if not self.keepPaths:
            value = scrubbed(value, self._changes.scrubber)
        return {**record, "value": value} if "value" in record else record

    def record(self) -> dict[str, Any]:
        """The form kept in the run record; it holds no secret."""
        names = ("profile", "excludePersonalData", "excludeFields", "keepPaths", "keepIdentifying")
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in names}

    def header(self) -> dict[str, Any]:
        """What the head of an export says: the choices, and what they mean for whoever reads it."""
        return {**self.record(), "means": PROFILES[self.profile]}

    def choices(self, choices: dict[str, Any]) -> dict[str, Any]:
        """What the head of an export may repeat of what was chosen: for others the names of formats, kinds and fields only; never places or secrets."""
        if self.profile != "full":
            return {name: value for name, value in choices.items() if name in _HEAD}
        clean = without_secrets({name: value for name, value in choices.items() if name not in _NEVER_IN_HEAD}, [])
        return dict(scrubbed(clean, Scrubber(checksums=True, words=self.words)))

    def account(self, kinds: Iterable[Kind] = KINDS) -> dict[str, dict[str, dict[str, str]]]:
        """By kind: what `leaves`, each field with its form, and what `stays`, each with the reason; for people."""
        told: dict[str, dict[str, dict[str, str]]] = {}
        for kind in kinds:
            part: dict[str, dict[str, str]] = {"leaves": {}, "stays": {}}
            told[kind.plural] = part
            for name, one, before in _named(kind):
                why = self._why_not(kind, one, before) if self.allows(kind) else _WHY.get(WHOLLY.get(kind.name, ""), "not on the list")
                if why:
                    part["stays"][name] = why
                elif before.rstrip(".") not in part["stays"]:
                    part["leaves"][name] = self._form(kind, one, name)
        return told

    def _form(self, kind: Kind, one: Field, name: str) -> str:
        if self.profile == "anonymous":
            return called(ANONYMOUS[kind.name][name]) if name in ANONYMOUS[kind.name] else "rows"
        if one.type == "rows":
            return "rows"
        return "searched for secrets" if kind.name == "setting" or (not self.plain and one.type in ("text", "texts", "map", "json")) else "as it is"


def _named(kind: Kind) -> list[tuple[str, Field, str]]:
    """(name, field, what stands before its own name) of each field of a kind, those in rows after their list."""
    return [pair for one in kind.fields for pair in ((one.name, one, ""), *((f"{one.name}.{f.name}", f, f"{one.name}.") for f in one.fields))]


def _flag(name: str, value: object) -> bool | None:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value is not None and not isinstance(value, bool):
        raise BadRequest(what=f'"{name}" in "privacy" is yes or no (true or false), not {value!r}.')
    return value


def _excluded(given: object) -> tuple[str, ...]:
    """Names of fields, of one kind ("scenes.details") or of every kind that has one ("details"), as plural.field."""
    names: Any = [name.strip() for name in given.split(",") if name.strip()] if isinstance(given, str) else [] if given is None else given
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise BadRequest(what=f'"excludeFields" in "privacy" is a list of names, not {given!r}.')
    found: dict[str, None] = {}
    for name in names:
        of, _, last = name.rpartition(".")
        kinds = [kind for kind in ([BY_PLURAL.get(of) or BY_NAME.get(of)] if of else KINDS) if kind and last in kind.by_name]
        if not kinds:
            known = [f"{kind.plural}.{f}" for kind in KINDS for f in kind.by_name] if of else [f for kind in KINDS for f in kind.by_name]
            raise UnknownField(name=name, close=difflib.get_close_matches(name, known, 3) or ["none"])
        found.update(dict.fromkeys(f"{kind.plural}.{last}" for kind in kinds))
    return tuple(found)
