"""Filters held against records mean what they mean in SQL: SQLite itself is asked, and a database of the sample library."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport.model.fields import BY_NAME, BY_PLURAL, KINDS
from stashport.model.filter_records import SEARCHED, file_words, searched_path
from stashport.model.filters import Filters
from stashport.model.searching import Search, words
from stashport.model.trees import Trees
from stashport.stash.database import DatabaseReader
from stashport.stash.filtering import resolve
from stashport.stash.filtering_sql import _SEARCHED
from stashport.stash.source import Opened
from support.miniature import sample_library, write_miniature
from support.records import ListReader, sample

LETTERS = st.text("aAbBéÉ%_ .\\[]^*-1", max_size=6)
LISTED = [kind for kind in KINDS if kind.listing]


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """The sample library, as a database and as records."""
    path = write_miniature(tmp_path_factory.mktemp("twins") / "stash-go.sqlite", sample_library(), {})
    with DatabaseReader(path) as database:
        yield Opened(database, {}), Opened(sample(), {})


def chosen(given_filters, plurals, opened):
    """What filters choose, by plural names."""
    found = resolve(Filters.parse(given_filters), [BY_PLURAL[plural] for plural in plurals], opened)
    return {name: sorted(ids) for name, ids in found.items()}


@settings(max_examples=300)
@given(texts=st.lists(st.none() | LETTERS, min_size=1, max_size=3), word=st.text("aAbéÉ%_.\\[", min_size=1, max_size=3))
def test_a_word_is_found_as_sqlite_finds_it(texts, word):
    """Percent and underline, letters with and without accents, and what patterns elsewhere are made of: LIKE and we agree."""
    search = Search(f'"{word}"')
    with closing(sqlite3.connect(":memory:")) as db:
        expected = any(db.execute("SELECT ? LIKE ?", (text, f"%{word}%")).fetchone()[0] for text in texts)
    assert bool(search.bits(*texts)) == expected
    assert search.matches(search.bits(*texts), []) == expected


@settings(max_examples=200)
@given(own=LETTERS, lists=st.lists(st.lists(LETTERS, max_size=3), max_size=2), q=st.lists(st.text("ab1%-", min_size=1, max_size=2) | st.just("OR"), max_size=4))
def test_all_words_must_be_in_one_row(own, lists, q):
    """A search over lists of texts is what SQLite says of their joined rows."""
    text = " ".join(q)
    search = Search(text)
    must, sets, must_not = words(text)
    with closing(sqlite3.connect(":memory:")) as db:
        for number, one in enumerate(lists):
            db.execute(f"CREATE TABLE l{number}(x)")
            db.executemany(f"INSERT INTO l{number} VALUES (?)", [(item,) for item in one])
        columns = ["o.x", *(f"l{number}.x" for number in range(len(lists)))]
        clauses = [" OR ".join(f"{column} LIKE '%{word}%'" for word in one for column in columns) for one in [*([word] for word in must), *filter(None, sets)]]
        clauses += [f"coalesce({column},'') NOT LIKE '%{word}%'" for word in must_not for column in columns]
        joins = " ".join(f"LEFT JOIN l{number} ON 1" for number in range(len(lists)))
        where = " AND ".join(f"({clause})" for clause in clauses) or "1"
        expected = bool(db.execute(f"SELECT count(*) FROM (SELECT ? x) o {joins} WHERE {where}", (own,)).fetchone()[0])
    assert search.matches(search.bits(own), [frozenset(map(search.bits, one)) for one in lists]) == expected


def test_where_is_searched_is_the_same_in_sql_and_in_records():
    """Both tables name the same kinds, and every field that is searched is one of its kind."""
    assert set(SEARCHED) == set(_SEARCHED) == {kind.name for kind in LISTED}
    assert all(name in BY_NAME[kind].by_name for kind, names in SEARCHED.items() for name in names)


@pytest.mark.parametrize(("path", "seen"), [
    ("/a/b.mp4", "/a/b.mp4"), ("/b.mp4", "//b.mp4"), ("C:\\b.mp4", "C:\\\\b.mp4"), ("C:\\a\\b.mp4", "C:\\a\\b.mp4"), ("b.mp4", "b.mp4"), (None, None),
])
def test_a_path_as_a_search_sees_it(path, seen):
    """Stash's search puts a separator behind every folder, also behind a root."""
    assert searched_path(path) == seen


def test_a_perceptual_hash_is_searched_in_decimal():
    """The stored number is what a search reads, with its sign; other fingerprints are texts; a file without any still has its path."""
    file = {"id": "file:1", "path": "/a/b", "fingerprints": [{"type": "phash", "value": "fffffffffffffffe"}, {"type": "oshash", "value": "ab12"}]}
    for text, there in (("-2", False), ('"-2"', True), ("fffe", False), ("ab12", True), ("b ab12", True), ('ab12 "-2"', False), ("/a/b", True)):
        search = Search(text)
        assert search.matches(0, [file_words(file, search)]) == there, text
    search = Search("/a/b")
    assert search.matches(0, [file_words({"id": "file:1", "path": "/a/b", "fingerprints": []}, search)])
    assert not search.matches(0, [file_words({"id": "file:1", "path": None, "fingerprints": [{"type": "phash", "value": "no number"}]}, search)])


def test_what_lies_below_ends_in_circles_too():
    """Tags below a tag, studios below a studio and groups inside a group are all found, once, also where the tree is none."""
    tags = [{"id": f"tag:{n}", "parents": [f"tag:{n - 1 or 4}"]} for n in range(1, 5)] + [{"id": "tag:5", "parents": []}]
    groups = [{"id": "group:1", "sub_groups": [{"group": "group:2", "description": None}]}, {"id": "group:2", "sub_groups": []}]
    studios = [{"id": "studio:1", "parent_studio": None}, {"id": "studio:2", "parent_studio": "studio:1"}]
    trees = Trees(ListReader({name: ((BY_NAME[name].by_name[field],), records) for name, field, records in (
        ("tag", "parents", tags), ("group", "sub_groups", groups), ("studio", "parent_studio", studios))}))
    assert (trees.below("tag", 2), trees.below("tag", 5)) == ({1, 2, 3, 4}, {5})
    assert (trees.below("group", 1), trees.below("group", 2), trees.below("studio", 1)) == ({1, 2}, {2}, {1, 2})


NAMED = st.fixed_dictionaries({}, optional={
    "tags": st.dictionaries(st.sampled_from(["any", "none"]), st.lists(st.integers(1, 3), min_size=1, max_size=1), min_size=1, max_size=1),
    "studios": st.sampled_from([[1], [2], {"none": [1]}, {"all": [1, 2]}]), "performers": st.sampled_from([[1], [1, 2], {"any": [2, 3]}]),
    "groups": st.sampled_from([[1], [2]]), "subTags": st.booleans(), "subGroups": st.booleans(), "dateFrom": st.sampled_from(["2020-06", "2022", "2022-04-02"]),
    "dateUntil": st.sampled_from(["2022-04-01", "2023"]), "createdFrom": st.sampled_from(["2021-03-04T05:06:07Z", "2022"]), "ratingMin": st.integers(50, 100),
    "organized": st.booleans(), "favorite": st.booleans(), "has": st.sampled_from(["scenes.title", "urls", "details"]),
    "text": st.sampled_from(["walk", "a OR o", "-walk", "mp4 -copy", "1f2e", '"9214364837600034816"', "jane", {"scenes": "start", "all": "e"}, "start again", "%"]),
})


@settings(max_examples=120)
@given(given_filters=NAMED)
def test_a_database_and_its_records_say_the_same(twins, given_filters):
    """Random named filters on the sample library choose the same from the database as from its records, or are refused in the same words."""
    said = []
    for opened in twins:
        try:
            said.append(chosen(given_filters, [kind.plural for kind in LISTED], opened))
        except Exception as error:  # noqa: BLE001 - whatever it is, both say it
            said.append(repr(error))
    assert said[0] == said[1]
