"""The table of fields is held to a live Stash: whatever the server has is in the table or left out for a written reason, and the other way round."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stashport.model.fields import EXCLUDED, KINDS
from stashport.model.settings import SECRET, SETTINGS, TYPES, key_of
from stashport.model.table import Field
from stashport.stash.connection import Connection
from support.standin_graphql import Parser, innermost
from support.standin_record import whole_schema
from support.stash import RealStash

Schema = dict[str, dict[str, str]]
FILES = ("VideoFile", "ImageFile", "BasicFile")

# What stands in EXCLUDED for other versions of Stash than the one that the tests run with; a new release makes the second test fail, and then it goes.
OTHER_VERSIONS = {"Folder.parent_folders"}

# Parts of settings that are not exported, and why.
PARTS_LEFT_OUT = {
    "StashBox.api_key": "a secret",
    "ScraperSource.stash_box_index": "deprecated: stash_box_endpoint",
}


@pytest.fixture(scope="module")
def schema(small_stash: RealStash) -> Schema:
    """Every type of a live Stash."""
    return whole_schema(Connection(small_stash.url))


def _told(fields: tuple[Field, ...], type_name: str, schema: Schema) -> Iterator[tuple[str, str, Field]]:
    """(type, field, our field) of everything that the table selects."""
    for f in fields:
        if f.selection.startswith("..."):
            for part in f.selection.removeprefix("...on ").split("...on "):
                yield part.split("{")[0], f.name, f
        elif f.selection and not f.selection.startswith("__"):
            yield type_name, f.server_name, f
            if f.type == "rows" and f.server_name in schema[type_name]:
                yield from _told(f.fields, innermost(schema[type_name][f.server_name]), schema)
            if f.name == "find_filter":
                yield from (("SavedFindFilterType", part, f) for part in f.selection.partition("{")[2].rstrip("}").split())


def _table(schema: Schema) -> dict[str, dict[str, Field]]:
    """By type, the server's fields that the table has."""
    found: dict[str, dict[str, Field]] = {}
    for kind in KINDS:
        for type_name, name, f in _told(kind.fields, kind.type, schema) if kind.find else ():
            found.setdefault(type_name, {})[name] = f
    for name in FILES:
        found[name] = {**found.get(name, {}), **found["BaseFile"]}
    return found


def test_every_field_of_the_server_is_told_or_left_out_for_a_reason(schema: Schema) -> None:
    """A release of Stash that adds a field makes this fail, not somebody's backup."""
    table, unknown = _table(schema), []
    for type_name in [*EXCLUDED, *FILES]:
        reasons = EXCLUDED["BaseFile"] if type_name in FILES else EXCLUDED[type_name]
        unknown += [
            f"{type_name}.{name}" for name in schema[type_name]
            if name not in table.get(type_name, ()) and name not in reasons and not name.endswith("_count")
        ]
    assert unknown == []


def test_nothing_is_left_out_that_the_server_does_not_have(schema: Schema) -> None:
    """Reasons for leaving out what is not there would hide what comes under that name later."""
    surplus = {f"{type_name}.{name}" for type_name, reasons in EXCLUDED.items() for name in reasons if name not in schema[type_name]}
    assert surplus == OTHER_VERSIONS
    assert all(reason.strip() for reasons in EXCLUDED.values() for reason in reasons.values())


def test_nothing_is_in_the_table_and_left_out_too(schema: Schema) -> None:
    """A field is told or left out, not both; a gallery's cover is left out for what the server makes of it."""
    table = _table(schema)
    assert [f"{t}.{name}" for t, reasons in EXCLUDED.items() for name in reasons if name in table.get(t, ())] == []


def test_the_server_knows_everything_in_the_table(schema: Schema) -> None:
    """But for what a later version brought, each field that the table would ask for is one of the server's."""
    missing = {f"{t}.{name}" for t, fields in _table(schema).items() for name, f in fields.items() if name not in schema[t] and not f.since}
    assert missing == set()


def test_every_type_of_rows_is_looked_at(schema: Schema) -> None:
    """A type that the table's rows lead to is among those whose fields are checked."""
    assert set(_table(schema)) - set(EXCLUDED) == set(FILES)


@pytest.mark.parametrize("section", TYPES)
def test_every_setting_is_told_or_secret(schema: Schema, section: str) -> None:
    """Each setting of the server is on the allow-list or among the secrets, none is on both, and the secrets exist."""
    listed, secret = {key_of(selection) for selection in SETTINGS[section]}, set(SECRET.get(section, ()))
    assert listed & secret == set()
    assert set(schema[TYPES[section]]) - listed - secret == set()
    assert listed - set(schema[TYPES[section]]) == set()
    assert secret - set(schema[TYPES[section]]) == set()


def test_every_part_of_a_setting_is_told(schema: Schema) -> None:
    """Settings that have parts are asked for with all of them, but for a few that are left out for a reason."""
    left_out: set[str] = set()

    def compare(selection: str, type_name: str) -> None:
        _, nodes = Parser("{" + selection + "}", {}).operation()
        waiting = [(node, type_name) for node in nodes]
        while waiting:
            node, owner = waiting.pop()
            inner = innermost(schema[owner][node.name])
            if node.selection is None:
                assert inner not in schema, f"{owner}.{node.name} has parts"
                continue
            left_out.update(f"{inner}.{name}" for name in schema[inner] if name not in {one.name for one in node.selection})
            waiting += [(one, inner) for one in node.selection]

    for section, type_name in TYPES.items():
        for selection in SETTINGS[section]:
            compare(selection, type_name)
    assert left_out == set(PARTS_LEFT_OUT)


def test_there_is_no_section_of_settings_besides(schema: Schema) -> None:
    """The configuration has the sections that are read, and no others."""
    assert set(schema["ConfigResult"]) == set(SETTINGS)
