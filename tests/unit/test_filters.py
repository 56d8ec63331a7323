"""Named filters: which are taken, which are refused and in which words, and what they mean for each kind."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.errors import BadFilter
from stashport.model.fields import BY_NAME, KINDS
from stashport.model.filter_checks import KEYS
from stashport.model.filters import Condition, Filters, criteria, is_filled, presence, within
from stashport.model.moments import day_range, instant, moment_range
from stashport.model.searching import words

UTC = dt.timezone.utc
NAMES = st.one_of(st.text("ab:,é%_ ", min_size=1).filter(str.strip), st.integers(1, 99))
RELATED = st.one_of(NAMES, st.lists(NAMES, max_size=3), st.dictionaries(st.sampled_from(["any", "none"]), st.lists(NAMES, min_size=1, max_size=2), max_size=1))
DAYS = st.one_of(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)).map(str), st.sampled_from(["2020", "2020-02", "1999-12"]))
GIVEN = st.fixed_dictionaries({}, optional={
    **dict.fromkeys(("tags", "performers", "studios", "groups", "galleries"), RELATED),
    **dict.fromkeys(("subTags", "subStudios", "subGroups", "organized", "favorite"), st.one_of(st.booleans(), st.sampled_from(["true", "false"]))),
    "dateFrom": DAYS, "createdUntil": DAYS, "updatedFrom": st.sampled_from(["2020-01-01T10:00:00+02:00", "2020-01-01 10:00"]),
    "ratingMin": st.integers(0, 50), "ratingMax": st.integers(50, 100), "has": st.sampled_from(["tags", "scenes.title", ["date", "urls"]]),
    "text": st.text() | st.dictionaries(st.sampled_from(["all", "scenes", "performer"]), st.text(max_size=3) | st.none()),
    "misses": st.sampled_from([[], "details", "images.photographer"]), "savedFilter": st.sampled_from(["one", ["one", "two"], {"scenes": "one"}, {}]),
    "filter": st.sampled_from([{}, {"scene": {"organized": True}}, {"scene_markers": {"tags": {"value": [1], "modifier": "INCLUDES"}}}]),
})


def refused(given_filters: dict[str, Any]) -> str:
    """The words with which filters are refused."""
    with pytest.raises(BadFilter) as caught:
        Filters.parse(given_filters)
    return caught.value.message


@given(GIVEN)
def test_the_record_makes_the_same_filters(given_filters: dict[str, Any]) -> None:
    """What the run record keeps is JSON and means what was asked for; filters are false when nothing was."""
    filters = Filters.parse(given_filters)
    assert Filters.parse(filters.record()).record() == filters.record()
    assert bool(filters) == bool({*filters.record()} - {"subTags", "subStudios", "subGroups"})


@given(st.dictionaries(st.sampled_from(KEYS), st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                                                         lambda x: st.lists(x, max_size=2) | st.dictionaries(st.text(max_size=4), x, max_size=2))))
def test_anything_else_is_refused_in_words(given_filters: dict[str, Any]) -> None:
    """Whatever stands in a configuration, it is taken or refused, and nothing breaks."""
    try:
        filters = Filters.parse(given_filters)
    except BadFilter as error:
        filters, said = None, error
    if filters is None:
        assert said.exit_code == 17
        assert said.message.endswith((".", "..."))
    else:
        assert Filters.parse(filters.record()).record() == filters.record()


@pytest.mark.parametrize(("given_filters", "said"), [
    ({"tag": "a"}, "did you mean tags"),
    ({"filter": []}, None), ({"filter": "x"}, "needs kinds"), ({"filter": {"scnes": {}}}, "did you mean scenes"), ({"filter": {"scenes": [1]}}, "an object"),
    ({"filter": {"settings": {"a": 1}}}, "no filters for"),
    ({"tags": {"some": ["a"]}}, "any, all and none"), ({"tags": [True]}, "names or ids"), ({"tags": ["a", " "]}, "empty name"), ({"tags": 1.5}, "names or ids"),
    ({"dateFrom": "yesterday"}, "write it as"), ({"dateFrom": "2020-13"}, "no date"), ({"createdFrom": "2020-01-01T25:00"}, "no time"),
    ({"ratingMin": 101}, "0 to 100"), ({"ratingMin": "5 stars"}, "0 to 100"), ({"organized": "maybe"}, "yes or no"), ({"text": 5}, "needs a text"),
    ({"text": {"scenes": 5}}, '"text.scenes" needs a text'), ({"text": {"scnes": "a"}}, "did you mean scenes"), ({"text": {"settings": "a"}}, "no filters for"),
    ({"text": {"scene_markers": "a"}}, "markers are none"), ({"text": {"scene": "a", "all": ""}}, None),
    ({"has": "tgas"}, "did you mean tags"), ({"has": "scenes.tgas"}, "did you mean tags"), ({"has": "scnes.tags"}, "did you mean scenes"),
    ({"has": "organized"}, "yes or no"), ({"savedFilter": [1]}, "one name"),
    ({"dateFrom": "2021", "dateUntil": "2020"}, "is after"), ({"ratingMin": 60, "ratingMax": 50}, "is after"),
    ({"createdFrom": "2020-01-02", "createdUntil": "2020-01-01"}, "is after"),
    ({"has": "tags", "misses": ["scenes.tags"]}, "nothing can be both"), ({"has": "scenes.tags", "misses": "tags"}, "nothing can be both"),
    ({"tags": "a", "misses": "tags"}, "nothing can be both"), ({"studios": "a", "misses": "studio"}, "nothing can be both"),
    ({"dateFrom": "2020", "misses": "date"}, "nothing can be both"), ({"ratingMin": 1, "misses": "rating100"}, "nothing can be both"),
    ({"tags": {"all": ["a", "b"], "none": ["b"]}}, "nothing can be both"),
    ({"dateFrom": "2020", "dateUntil": "2020"}, None), ({"ratingMin": 50, "ratingMax": 50}, None), ({"has": "images.tags", "misses": "scenes.tags"}, None),
    ({"studios": {"none": ["a"]}, "misses": "studio"}, None), ({"tags": {"any": ["a", "b"], "none": ["b"]}}, None),
])
def test_what_is_refused_and_why(given_filters: dict[str, Any], said: str | None) -> None:
    """Misspelt, mistyped and contradictory filters are refused, each with the word that helps; what only looks odd is taken."""
    if said is None:
        Filters.parse(given_filters)
    else:
        assert said in refused(given_filters)


@pytest.mark.parametrize(("text", "first", "last"), [
    ("2020", "2020-01-01", "2020-12-31"), ("2020-02", "2020-02-01", "2020-02-29"), ("2020-12", "2020-12-01", "2020-12-31"),
    (" 2020-02-29 ", "2020-02-29", "2020-02-29"),
])
def test_days(text: str, first: str, last: str) -> None:
    """A year or a month means all its days."""
    assert day_range(text) == (first, last)


@pytest.mark.parametrize(("text", "first", "seconds"), [
    ("2020-01-01T10:00:00Z", "2020-01-01T10:00:00", 1), ("2020-01-01 10:00:00+02:00", "2020-01-01T08:00:00", 1),
    ("2020-01-01T10:00-0330", "2020-01-01T13:30:00", 60),
    ("2020-01-01T23:59:59.5z", "2020-01-01T23:59:59.500000", 1),
])
def test_moments(text: str, first: str, seconds: int) -> None:
    """A time means all of the second or the minute that is written, at the offset that it has."""
    start = dt.datetime.fromisoformat(first).replace(tzinfo=UTC)
    assert moment_range(text) == (start, start + dt.timedelta(seconds=seconds))


@given(st.integers(0, 2**32), st.integers(-12 * 4, 14 * 4))
def test_stored_times_are_instants(seconds: int, quarters: int) -> None:
    """Any offset that Stash stores is read as the instant that it means; without one, a time is in UTC, as SQLite writes it."""
    when = dt.datetime.fromtimestamp(seconds, dt.timezone(dt.timedelta(minutes=15 * quarters)))
    assert instant(when.isoformat()) == when
    assert instant(when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")) == when
    assert within(when.isoformat(), (when, when + dt.timedelta(seconds=1)))
    assert not within(when.isoformat(), (None, when))
    assert not within("never", (None, None))


def test_which_kinds_have_which_property() -> None:
    """A named filter means something exactly for the kinds whose records have the property."""
    ids = {key: {"any": [1]} for key in ("tags", "performers", "studios", "groups", "galleries")}
    filters = Filters.parse({"dateFrom": "2020", "createdFrom": "2020", "ratingMin": 1, "organized": True, "favorite": True, "text": "a", "has": "urls"})
    found: dict[str, set[str]] = {}
    for kind in KINDS:
        for condition in filters.conditions(kind, set(kind.by_name) - ({"organized"} if kind.name == "studio" else set()), ids):
            found.setdefault(condition.key, set()).add(kind.name)
    media = {"scene", "image", "gallery"}
    assert found == {
        "tags": {*media, "performer", "studio", "group"}, "performers": media, "studios": {*media, "group"},
        "groups": {"scene"}, "galleries": {"scene", "image"},
        "dateFrom": {*media, "group"}, "createdFrom": {kind.name for kind in KINDS} - {"saved_filter", "setting"}, "organized": media,
        "ratingMin": {*media, "performer", "studio", "group"}, "favorite": {"performer", "studio", "tag"},
        "text": {kind.name for kind in KINDS if kind.listing}, "has urls": {*media, "performer", "studio", "group"},
    }


def test_words_for_one_kind_are_for_that_kind() -> None:
    """A search by kind holds for its kind alone, beside one for every kind; one for every kind alone is the plain text; blanks are no search."""
    filters = Filters.parse({"text": {"performer": " jane ", "all": "a", "tags": " "}})
    assert filters.record() == {"text": {"performers": "jane", "all": "a"}}
    found = {kind.name: [(c.key, c.value) for c in filters.conditions(kind, (), {})] for kind in KINDS if kind.name in ("performer", "scene", "setting")}
    assert found == {"performer": [("text performers", "jane"), ("text", "a")], "scene": [("text", "a")], "setting": []}
    assert list(filters.keys()) == ["text performers", "text"]
    assert Filters.parse({"text": {"all": " a "}}).record() == {"text": "a"}
    assert not Filters.parse({"text": {"all": " ", "scenes": None}})


def test_criteria_in_stash_words() -> None:
    """Named filters become Stash's own: a list with its modifier, everything below included, a range with both its ends."""
    scene = BY_NAME["scene"]
    tags = Condition("tags", "none", ((3, 4), True), scene.by_name["tags"])
    assert criteria(scene, tags) == [{"tags": {"value": ["3", "4"], "modifier": "EXCLUDES", "depth": -1}}]
    studios = Condition("studios", "all", ((3, 4), False), scene.by_name["studio"])
    assert criteria(scene, studios) == [{"studios": {"value": [number], "modifier": "INCLUDES_ALL", "depth": 0}} for number in "34"]
    performers = Condition("performers", "any", ((3,), False), scene.by_name["performers"])
    assert criteria(scene, performers) == [{"performers": {"value": ["3"], "modifier": "INCLUDES"}}]
    assert criteria(BY_NAME["performer"], Condition("favorite", "is", True, BY_NAME["performer"].by_name["favorite"])) == [{"filter_favorites": True}]
    created = Condition("createdFrom", "within", (dt.datetime(2020, 1, 3, 4, tzinfo=UTC), None), scene.by_name["created_at"])
    assert criteria(scene, created) == [{"created_at": {"value": "2020-01-02T02:00", "value2": "9999-99-99", "modifier": "BETWEEN"}}]


def test_empty_is_what_stash_calls_empty() -> None:
    """Blanks, empty lists and counters at 0 are nothing; a plain 0 is something; what Stash has no exact filter for is read."""
    scene, image, group = (BY_NAME[name].by_name for name in ("scene", "image", "group"))
    for field, nothing, something in ((scene["title"], [None, "", "  "], [" x"]), (scene["tags"], [[]], [["tag:1"]]), (scene["urls"], [[], [" "]], [["u"]]),
                                      (image["o_counter"], [0, None], [1]), (group["duration"], [None], [0, 5])):
        assert not any(is_filled(field, value) for value in nothing)
        assert all(is_filled(field, value) for value in something)
    assert presence(scene["resume_time"], there=True) is None
    assert presence(scene["cover_image"], there=True) == ("is_missing", {"NOT": {"is_missing": "cover"}})
    assert presence(scene["scene_markers"], there=False) == ("has_markers", {"has_markers": "false"})


@pytest.mark.parametrize(("text", "found"), [
    ("a b", (["a", "b"], [], [])), ('"a b" c', (["a b", "c"], [], [])), ("a -b", (["a"], [], ["b"])), ('-"a b"', ([], [], ["a b"])),
    ("a OR b or c d", (["d"], [["a", "b", "c"]], [])), ("a | b", ([], [["a", "b"]], [])), ("OR a", (["OR", "a"], [], [])), ('"a', (['"a'], [], [])),
    ("", ([], [], [])), ('""', ([], [], [])), ("-", (["-"], [], [])), ("a  b", (["a", "b"], [], [])),
])
def test_words_of_a_search(text: str, found: tuple[list[str], list[list[str]], list[str]]) -> None:
    """A search is taken apart as Stash's box does it."""
    assert words(text) == found
