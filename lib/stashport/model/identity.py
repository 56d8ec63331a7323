"""What says that two records in two libraries are the same thing: never an id, but the rules below, for each kind the strongest first.

A rule gives a record's keys, canonical texts; records that share a key are candidates under that rule.  What is made of candidates (one to one, never a
guess) says change/match.py.  The tiers are told to people, strongest first:

    record       the very record: the same number and time of creation, where both libraries are one Stash at two times (numbers are never used again)
    checksum     the same bytes: md5, or oshash and size; for what has files, a file that is the same by these
    stash_id     the same id at the same stash-box
    path         the same path, after mapping; for what has files or a folder, one that is the same by its path
    remembered   matched by an earlier run between these two libraries
    name         the same name, exactly, with what else tells namesakes apart (each kind's rules say what)
    folded       the same name but for case, Unicode composition and outer blanks
    alias        the name of one is an alias of the other
    suggested    never a match, only told: phash and duration, the same path with other content, the same name with another disambiguation

Facts are what may contradict a rule: two performers of one name with two birthdates are not taken for one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stashport.model import identity_keys as keys
from stashport.model.identity_keys import Facts, Keys, Lookup
from stashport.model.records import Record

TIERS = ("record", "checksum", "stash_id", "path", "remembered", "name", "folded", "alias", "suggested")


@dataclass(frozen=True)
class Rule:
    """One way of being the same.

    says     what such records have in common, after "the same": "oshash and size"
    unless   what becomes of candidates whose facts contradict each other: "conflict", "suggested"; "" where facts do not matter
    """

    tier: str
    says: str
    keys: Keys
    unless: str = ""


@dataclass(frozen=True)
class Identity:
    """The rules of a kind, the fields that they look at, and the facts that may contradict them."""

    fields: tuple[str, ...]
    rules: tuple[Rule, ...]
    facts: Callable[[Record, Lookup], Facts] | None = None


def contradiction(a: Facts, b: Facts) -> str:
    """The first fact that both tell and in which they have nothing in common; "" when there is none."""
    return next((name for name, values in sorted(a.items()) if name in b and not set(values) & set(b[name])), "")


RECORD = Rule("record", "record of this library", keys.by_record)
STASH_ID = Rule("stash_id", "stash-box id", keys.by_stash_id)
REMEMBERED = Rule("remembered", "earlier match", keys.by_memory)


def _named(aliases: str) -> tuple[Rule, ...]:
    """Tags and studios: a Stash has each name once.  What a stash-box tells apart is no match for its name, and not even a conflict for an alias."""
    return (
        RECORD,
        STASH_ID,
        REMEMBERED,
        Rule("name", "name", keys.by_all("name"), "conflict"),
        Rule("folded", "name but for case", keys.by_folded("name"), "conflict"),
        Rule("alias", "name as the other's alias", keys.by_alias(aliases), "suggested"),
    )


# A performer is a name with its disambiguation: "Jane Doe" and "Jane Doe (dancer)" are two people, until a person says otherwise.
_PERFORMER = (
    RECORD,
    STASH_ID,
    REMEMBERED,
    Rule("name", "name and disambiguation", keys.by_full_name, "conflict"),
    Rule("folded", "name and disambiguation but for case", keys.by_folded_full_name, "conflict"),
    Rule("alias", "name as the other's alias", keys.by_alias("alias_list"), "suggested"),
    Rule("suggested", "name", keys.by_folded("name")),
)

# Many groups may have one name: date and studio tell them apart where they are told.
_GROUP = (
    RECORD,
    REMEMBERED,
    Rule("name", "name and time of creation", keys.by_birth("name")),
    Rule("name", "name, date and studio", keys.by_all("name", "date", "studio")),
    Rule("name", "name and date", keys.by_all("name", "date"), "conflict"),
    Rule("name", "name and studio", keys.by_all("name", "studio"), "conflict"),
    Rule("name", "name", keys.by_all("name"), "conflict"),
    Rule("folded", "name but for case", keys.by_folded("name"), "conflict"),
)

# What lies at the same path with other content is another file, which may have taken the place of the first: told, not decided.
_FILE = (
    RECORD,
    Rule("checksum", "md5", keys.by_md5, "suggested"),
    Rule("checksum", "oshash and size", keys.by_oshash, "suggested"),
    Rule("path", "path and size", keys.by_path_and_size, "suggested"),
    Rule("path", "path", keys.by_path, "suggested"),
    REMEMBERED,
    Rule("suggested", "phash and duration", keys.by_looks),
)


def _of_files(field: str, *after_content: Rule, after_path: tuple[Rule, ...] = ()) -> tuple[Rule, ...]:
    """Scenes, images and galleries are what their files are; the first file is the primary one, and decides before the others."""
    return (
        RECORD,
        Rule("checksum", "primary file", keys.by_file(field, content=True, primary=True)),
        Rule("checksum", "file", keys.by_file(field, content=True, primary=False)),
        *after_content,
        Rule("path", "path of the primary file", keys.by_file(field, content=False, primary=True)),
        Rule("path", "path of a file", keys.by_file(field, content=False, primary=False)),
        *after_path,
        Rule("suggested", "likely file", keys.by_likeness(field)),
    )


def _without(places: Sequence[str], *more: str) -> tuple[Rule, ...]:
    """What has no file (and no folder) is known by its title and what stands with it; titles repeat, so that a title alone only suggests."""
    says = "title, date, studio and URLs" if more else "title, date and studio"
    born = keys.by_birth("title", "date", "studio", *more)
    return (
        REMEMBERED,
        Rule("name", "title (or what else is told) and time of creation", keys.without_files(places, born), "conflict"),
        Rule("name", says, keys.without_files(places, keys.by_title(*more)), "conflict"),
        Rule("suggested", "title", keys.without_files(places, keys.by_folded("title"))),
    )


IDENTITIES: dict[str, Identity] = {
    "tag": Identity(("name", "aliases", "stash_ids"), _named("aliases"), keys.box_facts),
    "studio": Identity(("name", "aliases", "stash_ids"), _named("aliases"), keys.box_facts),
    "performer": Identity(("name", "disambiguation", "alias_list", "birthdate", "stash_ids"), _PERFORMER, keys.performer_facts),
    "group": Identity(("name", "date", "studio", "created_at"), _GROUP, keys.group_facts),
    "folder": Identity(("path",), (RECORD, Rule("path", "path", keys.by_path), REMEMBERED)),
    "file": Identity(("path", "size", "duration", "fingerprints"), _FILE, keys.file_facts),
    "gallery": Identity(
        ("title", "date", "studio", "files", "folder", "created_at"),
        _of_files("files", after_path=(Rule("path", "folder", keys.by_folder), *_without(("files", "folder")))),
    ),
    "scene": Identity(
        ("title", "date", "studio", "urls", "files", "stash_ids", "created_at"),
        _of_files("files", STASH_ID, after_path=_without(("files",), "urls")),
        keys.box_facts,
    ),
    "image": Identity(("visual_files",), _of_files("visual_files", after_path=(REMEMBERED,))),
    "saved_filter": Identity(("mode", "name"), (REMEMBERED, Rule("name", "mode and name", keys.by_all("mode", "name")))),
    "setting": Identity(("section", "key"), (Rule("name", "section and key", keys.by_all("section", "key")),)),
}
