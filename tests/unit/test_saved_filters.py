"""Saved filters: what is kept becomes what Stash's own pages would ask for, and what they would not have kept is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stashport.errors import BadFilter
from stashport.model.saved_criteria import CRITERIA, MODES
from stashport.model.saved_filters import Named, convert, named, without

# [kind, saved filter, what the pages of Stash 0.30.1 made of it]: tests/stash/test_filters.py asks the pages again.
GOLDEN: list[tuple[str, dict[str, Any], dict[str, Any]]] = json.loads((Path(__file__).parents[1] / "golden" / "saved-filters.json").read_text("utf-8"))


def without_nulls(value: Any) -> Any:
    """A filter without the keys that say nothing."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", sorted(CRITERIA))
def test_conversion_is_what_the_pages_do(kind: str) -> None:
    """Every saved filter of the golden file becomes exactly what Stash's own page made of it."""
    for plural, saved, api in GOLDEN:
        if plural == kind:
            assert without_nulls(convert(plural, saved)) == without_nulls(api), saved


def test_every_criterion_and_every_word_was_tried() -> None:
    """The golden file holds each criterion of each page, and each word of each list."""
    tried = {(kind, name) for kind, saved, _ in GOLDEN for name in saved}
    assert tried == {(kind, name) for kind, forms in CRITERIA.items() for names in forms.values() for name in names.split()}
    text = json.dumps(GOLDEN, ensure_ascii=False)
    from stashport.model import saved_criteria as table

    for mapping in (table.GENDERS, table.CIRCUMCISED, table.ORIENTATIONS, table.RESOLUTIONS, table.LANGUAGES):
        assert all(f'"{word}"' in text and f'"{code}"' in text for word, code in mapping.items())
    assert set(MODES.values()) == set(CRITERIA)


@pytest.mark.parametrize(("kind", "saved", "said"), [
    ("scenes", {"titel": {"value": "a", "modifier": "EQUALS"}}, '"titel", which this version'),
    ("tags", {"o_counter": {}}, "does not know"),
    ("scenes", {"title": "a"}, "unexpected"), ("scenes", {"title": {"value": "a"}}, "unexpected"),
    ("scenes", {"title": {"value": 5, "modifier": "EQUALS"}}, "5"),
    ("scenes", {"rating100": {"value": 4, "modifier": "EQUALS"}}, "4"), ("scenes", {"o_counter": {"value": {"value": "many"}, "modifier": "EQUALS"}}, "many"),
    ("scenes", {"resolution": {"value": "999p", "modifier": "EQUALS"}}, "999p"),
    ("scenes", {"captions": {"value": "Klingon", "modifier": "INCLUDES"}}, "Klingon"),
    ("scenes", {"organized": {"value": "perhaps", "modifier": "EQUALS"}}, "perhaps"),
    ("scenes", {"created_at": {"value": {"value": "soon"}, "modifier": "LESS_THAN"}}, "soon"),
    ("scenes", {"tags": {"value": {"items": ["3"]}, "modifier": "INCLUDES"}}, "3"),
    ("scenes", {"tags": {"value": {"items": [{"id": "x"}]}, "modifier": "INCLUDES"}}, "x"),
    ("performers", {"gender": {"value": ["Robot"], "modifier": "INCLUDES"}}, "Robot"),
    ("performers", {"custom_fields": {"value": 1}}, "custom_fields"),
    ("scenes", {"orientation": {"value": ["Round"], "modifier": "EQUALS"}}, "Round"),
    ("scenes", {"phash_distance": {"value": [1], "modifier": "EQUALS"}}, "phash"),
])
def test_what_no_page_would_save_is_refused(kind: str, saved: dict[str, Any], said: str) -> None:
    """A criterion that is not known, or whose value makes no sense, is refused by its name: leaving it out would choose too much."""
    with pytest.raises(BadFilter) as caught:
        convert(kind, saved)
    assert said in caught.value.message


@pytest.mark.parametrize(("kind", "saved", "api"), [
    ("scenes", {"date": {"value": "2020-01-01", "value2": "2021-01-01", "modifier": "BETWEEN"}},
     {"date": {"value": "2020-01-01", "value2": "2021-01-01", "modifier": "BETWEEN"}}),
    ("scenes", {"duration": {"value": 60, "modifier": "GREATER_THAN"}}, {"duration": {"value": 60, "modifier": "GREATER_THAN"}}),
    ("scenes", {"tags": {"value": [{"id": 3, "label": "a"}], "modifier": "INCLUDES"}},
     {"tags": {"value": ["3"], "excludes": [], "modifier": "INCLUDES", "depth": 0}}),
    ("scenes", {"organized": {"value": True, "modifier": "EQUALS"}}, {"organized": True}),
    ("scenes", {"rating100": {"value": {"value": 80.0}, "modifier": "EQUALS"}}, {"rating100": {"value": 80, "modifier": "EQUALS"}}),
    ("scenes", None, {}),
])
def test_old_forms_keep_their_meaning(kind: str, saved: dict[str, Any] | None, api: dict[str, Any]) -> None:
    """Forms that older versions kept mean what they meant then, also where today's pages would lose a value without a word."""
    assert convert(kind, saved) == api


def test_named_records() -> None:
    """All records that a filter names are found, with their labels, and those to leave out are told from the others."""
    items = {"items": [{"id": "3", "label": "three"}], "excluded": [{"id": "4", "label": "four"}], "depth": 0}
    saved = {"tags": {"value": items, "modifier": "INCLUDES"}, "galleries": {"value": [{"id": "5", "label": "five"}], "modifier": "EXCLUDES"}}
    api = convert("scenes", saved)
    assert list(named("scenes", api, saved)) == [
        Named("tag", "3", "three", excluded=False), Named("tag", "4", "four", excluded=True), Named("gallery", "5", "five", excluded=True),
    ]
    parents = {"parents": {"value": [{"id": "1", "label": "one"}], "modifier": "INCLUDES"}}
    assert [one.kind for one in named("studios", convert("studios", parents), parents)] == ["studio"]
    assert without(api, {("tag", "4"), ("gallery", "5")}, "scenes") == {"tags": {"value": ["3"], "excludes": [], "modifier": "INCLUDES", "depth": 0}}
