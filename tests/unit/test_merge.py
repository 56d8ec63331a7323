"""Laws and tables of merging.  MERGE_EXAMPLES=10000 tries each law that often."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport.change.merge import PRESETS, STRATEGIES, merged, rule_of
from stashport.change.values import ROW_KEYS, blank, is_aliases, items, key, ordered, same
from stashport.model.fields import BY_NAME, KINDS, SCENE
from stashport.model.table import LISTS
from support import records

laws = settings(max_examples=int(os.environ.get("MERGE_EXAMPLES", "50")))
SYMMETRIC = ("union", "larger", "newer")
KEEPS_BOTH = ("keep", "fill", "union", "newer", "larger", "a", "merge", "prompt", "skip")
EARLY, LATE = "2020-01-01T10:00:00Z", "2021-06-01T08:30:00+02:00"
POOLS = {
    "text": [None, "a", "b", "longer"], "int": [None, 0, 1, 2], "float": [None, 0.0, 1.4, 1.6, 2.25], "bool": [None, False, True],
    "date": [None, "2020", "2020-05", "2020-05-17"], "json": [None, {"a": 1}, {"a": 1, "b": None}, {"a": True}], "image": [None, "md5:1", "md5:2"],
    "time": [None, EARLY, "2020-01-01T12:00:00+02:00", "2020-01-01T10:00:00.25Z", LATE, "odd"],
}  # fmt: skip


def small(field):
    """Values of a field from pools so small that records agree often."""
    if field.name == "name":
        return st.sampled_from(["own", "Own", "other"])  # never an alias: who refuses what is said by tests of their own
    if field.type in POOLS:
        return st.sampled_from(POOLS[field.type])
    if field.type in ("ref", "refs"):
        one = st.sampled_from([f"{field.to}:{number}" for number in (1, 2, 3)])
        return st.none() | one if field.type == "ref" else st.lists(one, max_size=3)
    if field.type == "texts":
        return st.lists(st.sampled_from(["a", "A", "b", "c", ""]), max_size=3)
    if field.type == "times":
        return st.lists(st.sampled_from(POOLS["time"][1:]), max_size=4)
    if field.type == "map":
        return st.dictionaries(st.sampled_from("xyz"), st.sampled_from([0, 1, 2.5, "", "t"]), max_size=3)
    return st.lists(st.fixed_dictionaries({inner.name: small(inner) for inner in field.fields}), max_size=3)


@cache
def wide(kind_name, name):
    """Values of a field from pools or from anywhere; sets without repeats, as every library has them."""
    field = BY_NAME[kind_name].by_name[name]
    anywhere = records.value(field)
    if is_aliases(field):
        anywhere = anywhere.map(lambda texts: [f"{text}!" for text in texts])  # no name, as above
    found = small(field) if name == "name" else small(field) | small(field) | anywhere
    return found.map(lambda value: items(field, value)) if field.type in ("texts", "refs", "rows") else found


@cache
def record(kind_name, names):
    """Records of a kind with these fields."""
    return st.fixed_dictionaries({"id": st.just(f"{kind_name}:1"), **{name: wide(kind_name, name) for name in names}})


@st.composite
def several(draw, count, only=None):
    """(a kind, so many records of it with the same few fields)."""
    kind = BY_NAME[draw(st.sampled_from(list(BY_NAME)))]
    choice = [field.name for field in kind.fields if only is None or only(field)] or [field.name for field in kind.fields]
    names = draw(st.sets(st.sampled_from(choice), min_size=1, max_size=3)) | {"updated_at"}
    made = record(kind.name, tuple(field.name for field in kind.fields if field.name in names))
    return kind, [draw(made) for _ in range(count)]


def result(kind, mine, theirs, **options):
    """The target's record after a merge."""
    return {**mine, **{change.field: change.after for change in merged(kind, mine, theirs, **options)[0]}}


def written(kind, strategy="replace"):
    """The fields of a kind that a strategy for all may write."""
    return [field for field in kind.fields if rule_of(kind, field, strategy)[0] != "keep"]


def keys(field, value):
    """What a list holds, without order and details: a set, or a multiset where repeats count."""
    if field.type == "map":
        return set(value or {})
    found = Counter(key(field, item) for item in value or ())
    return found if field.type == "times" or field.name in ("scene_markers", "chapters") else set(found)


def is_list(field):
    """Whether a field is one of items."""
    return field.type in LISTS


@laws
@given(several(2), st.sampled_from(KEEPS_BOTH))
def test_merging_again_changes_nothing(drawn, strategy):
    """What came of a merge has nothing more to take from either side; nothing is sent twice."""
    kind, (mine, theirs) = drawn
    after = result(kind, mine, theirs, strategy=strategy)
    assert merged(kind, after, theirs, strategy=strategy)[0] == []
    assert merged(kind, after, mine, strategy=strategy)[0] == []


@laws
@given(several(2), st.sampled_from(("replace", "overwrite", "b")))
def test_what_takes_theirs_takes_it_once(drawn, strategy):
    """The strategies that prefer the other side have nothing to do the second time."""
    kind, (mine, theirs) = drawn
    assert merged(kind, result(kind, mine, theirs, strategy=strategy), theirs, strategy=strategy)[0] == []


@laws
@given(several(3), st.sampled_from(("merge", "union", "larger", "newer", "fill")))
def test_merging_again_from_the_same_base_changes_nothing(drawn, strategy):
    """A run that is taken up again, with the base of before, finds nothing left to do."""
    kind, (mine, theirs, base) = drawn
    after = result(kind, mine, theirs, base=base, strategy=strategy)
    assert merged(kind, after, theirs, base=base, strategy=strategy)[0] == []
    assert merged(kind, after, mine, base=base, strategy=strategy)[0] == []


@laws
@given(several(2, is_list), st.sampled_from(("union", "larger")))
def test_unions_are_commutative(drawn, strategy):
    """Two lists give the same items whichever takes in the other."""
    kind, (mine, theirs) = drawn
    one, other = result(kind, mine, theirs, strategy=strategy), result(kind, theirs, mine, strategy=strategy)
    for field in written(kind):
        if is_list(field) and field.name in mine:
            assert keys(field, one[field.name]) == keys(field, other[field.name])


@laws
@given(several(3, is_list), st.sampled_from(("union", "larger")))
def test_unions_are_associative(drawn, strategy):
    """Three libraries come to the same items in whatever order they meet."""
    kind, (a, b, c) = drawn
    left = result(kind, result(kind, a, b, strategy=strategy), c, strategy=strategy)
    right = result(kind, a, result(kind, b, c, strategy=strategy), strategy=strategy)
    for field in written(kind):
        if is_list(field) and field.name in a:
            assert keys(field, left[field.name]) == keys(field, right[field.name])


@laws
@given(several(2), st.sampled_from(SYMMETRIC))
def test_symmetric_strategies_do_not_care_who_is_the_target(drawn, strategy):
    """Sides swapped, the value is the same, or both ways round a person is asked."""
    kind, (mine, theirs) = drawn
    (_, here), (_, there) = merged(kind, mine, theirs, strategy=strategy), merged(kind, theirs, mine, strategy=strategy)
    assert [clash.field for clash in here] == [clash.field for clash in there]
    one, other = result(kind, mine, theirs, strategy=strategy), result(kind, theirs, mine, strategy=strategy)
    asked = {clash.field for clash in here}
    for field in written(kind):
        if field.name in mine and field.name not in asked and not (is_list(field) or strategy == "union"):
            assert same(field, one[field.name], other[field.name])
        if field.name in mine and is_list(field) and field.name not in asked:
            assert keys(field, one[field.name]) == keys(field, other[field.name])


@laws
@given(several(2, lambda field: field.type in ("int", "float", "bool", "text", "date")))
def test_larger_is_the_larger(drawn):
    """Neither side's value is larger than the one that stays, and no one is asked about numbers and texts."""
    kind, (mine, theirs) = drawn
    after, (_, clashes) = result(kind, mine, theirs, strategy="larger"), merged(kind, mine, theirs, strategy="larger")
    for field in written(kind):
        if field.name in mine and field.type in ("int", "float", "bool"):
            assert after[field.name] == max((v for v in (mine[field.name], theirs[field.name]) if v is not None), default=None)
            assert field.name not in {clash.field for clash in clashes}


@laws
@given(several(2))
def test_fill_never_loses_a_value(drawn):
    """Whatever the target tells stands; what it does not tell comes from the other side."""
    kind, (mine, theirs) = drawn
    after = result(kind, mine, theirs, strategy="fill")
    for field in written(kind):
        if field.name in mine:
            wanted = theirs if blank(mine[field.name]) else mine
            assert same(field, after[field.name], wanted[field.name])


@laws
@given(several(2))
def test_merging_loses_nothing_of_lists(drawn):
    """By default every item of both sides is in the result."""
    kind, (mine, theirs) = drawn
    after = result(kind, mine, theirs)
    for field in written(kind, "merge"):
        if is_list(field) and field.name in mine:
            mine_keys, their_keys, all_keys = (keys(field, side[field.name]) for side in (mine, theirs, after))
            assert mine_keys | their_keys == all_keys


@laws
@given(several(3), st.sampled_from(("keep", "skip")), st.booleans())
def test_keep_changes_nothing(drawn, strategy, based):
    """Not even what a base would allow."""
    kind, (mine, theirs, base) = drawn
    assert merged(kind, mine, theirs, base=base if based else None, strategy=strategy) == ([], [])


@laws
@given(several(2), st.sampled_from(("replace", "overwrite")))
def test_replace_makes_equal(drawn, strategy):
    """All that the other side tells is there afterwards; what it leaves blank is not, unless the base says that it was cleared."""
    kind, (mine, theirs) = drawn
    after, exact = result(kind, mine, theirs, strategy=strategy), result(kind, mine, theirs, strategy=strategy, base=mine)
    for field in written(kind):
        if field.name in mine:
            assert same(field, after[field.name], mine[field.name] if blank(theirs[field.name]) else theirs[field.name])
            assert same(field, exact[field.name], theirs[field.name])


def atoms(field, value):
    """Every single value in a value, with where it stands."""
    if field.type == "rows":
        return {atom for row in value or () for inner in field.fields for atom in atoms(inner, row[inner.name])}
    if field.type == "map":
        return {(name, repr(one)) for name, one in (value or {}).items()}
    return {(field.name, repr(one)) for one in (value if isinstance(value, list) else [value])}


@laws
@given(several(3), st.sampled_from((*STRATEGIES, *PRESETS)), st.booleans())
def test_nothing_is_invented(drawn, strategy, based):
    """Each value of the result stood on one of the two sides, to the letter; the base only decides."""
    kind, (mine, theirs, base) = drawn
    for change in merged(kind, mine, theirs, base=base if based else None, strategy=strategy)[0]:
        field = kind.by_name[change.field]
        assert atoms(field, change.after) <= atoms(field, mine[field.name]) | atoms(field, theirs[field.name])
        assert change.before == mine[field.name]
        assert not same(field, change.before, change.after)
        assert change.reason


def otherwise(field, value, chance):
    """A value that means the same and is written in another way."""
    if field.type in LISTS and value and field.type != "map" and not ordered(field) and not (field.join and "primary" in field.join.order):
        value = chance.sample(value, len(value))
    if field.type == "rows":
        return [{inner.name: otherwise(inner, row[inner.name], chance) for inner in field.fields} for row in value]
    if field.type == "times":
        return [{EARLY: "2020-01-01T12:00:00+02:00"}.get(one, one) for one in value]
    if field.type == "time":
        return {EARLY: "2020-01-01T12:00:00.000+02:00"}.get(value, value)
    return value


@laws
@given(several(2), st.sampled_from((*STRATEGIES, *PRESETS)), st.randoms(use_true_random=False), st.booleans())
def test_what_means_the_same_is_no_change(drawn, strategy, chance, based):
    """Another zone, another order of a set, the very same record: nothing is sent and nobody is asked."""
    kind, (mine, base) = drawn
    again = {"id": mine["id"], **{field.name: otherwise(field, mine[field.name], chance) for field in kind.fields if field.name in mine}}
    for theirs in (mine, again):
        assert merged(kind, mine, theirs, base=base if based else None, strategy=strategy) == ([], [])


@laws
@given(several(2), several(1))
def test_what_a_source_cannot_tell_changes_nothing(drawn, other):
    """A field that one side does not have is left alone, whatever the strategy."""
    kind, (mine, theirs) = drawn
    for strategy in (*STRATEGIES, *PRESETS):
        assert merged(kind, mine, {"id": theirs["id"]}, strategy=strategy) == ([], [])
        assert merged(kind, {"id": mine["id"]}, theirs, strategy=strategy) == ([], [])


# --- with a base --------------------------------------------------------------------------------------------------------------------------------------

TABLE = [  # base, mine, theirs -> result; None: a person decides, and until then mine stays
    ("x", "x", "x", "x"), ("x", "y", "x", "y"), ("x", "x", "y", "y"), ("x", "y", "y", "y"),
    ("x", "y", "z", None), ("x", "x", "", ""), ("x", "", "x", ""), ("x", "y", "", None), ("", "", "y", "y"), ("", "y", "z", None), ("x", "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("base", "mine", "theirs", "wanted"), TABLE)
@pytest.mark.parametrize(("field", "values"), [("title", {"": None, "x": "X", "y": "Y", "z": "Z"}), ("rating100", {"": None, "x": 0, "y": 20, "z": 100}),
                                               ("date", {"": None, "x": "2020", "y": "2020-05", "z": "2020-05-01"})])
def test_three_ways_to_a_scalar(base, mine, theirs, wanted, field, values):
    """A side that did not change yields; the same change on both is none; different changes are a clash; a blank counts only if it was cleared."""
    sides = [{"id": "scene:1", field: values[one]} for one in (base, mine, theirs)]
    changes, clashes = merged(SCENE, sides[1], sides[2], base=sides[0])
    assert (len(clashes) == 1) == (wanted is None)
    after = changes[0].after if changes else sides[1][field]
    assert after == values[mine if wanted is None else wanted]


@laws
@given(*[st.sets(st.sampled_from(["tag:1", "tag:2", "tag:3", "tag:4"])) for _ in range(3)])
def test_three_ways_to_a_set(mine, theirs, base):
    """What either side put in is in; what either side took out is out."""
    sides = [{"id": "scene:1", "tags": sorted(one)} for one in (mine, theirs, base)]
    assert set(result(SCENE, *sides[:2], base=sides[2])["tags"]) == (mine & theirs) | (mine - base) | (theirs - base)


@laws
@given(*[st.integers(0, 4) for _ in range(3)])
def test_three_ways_to_a_history(mine, theirs, base):
    """Of each instant: the count of the side that changed it; with both, the larger one, and the smaller one only if both took some out."""
    sides = [{"id": "scene:1", "play_history": [EARLY] * one} for one in (mine, theirs, base)]
    wanted = theirs if mine == base else mine if theirs == base else min(mine, theirs) if max(mine, theirs) < base else max(mine, theirs)
    assert len(result(SCENE, *sides[:2], base=sides[2])["play_history"]) == wanted


@laws
@given(several(3, is_list))
def test_three_ways_are_symmetric(drawn):
    """With sides swapped, lists come to the same items, base or not."""
    kind, (mine, theirs, base) = drawn
    one, other = result(kind, mine, theirs, base=base, strategy="union"), result(kind, theirs, mine, base=base, strategy="union")
    for field in written(kind):
        if is_list(field) and field.name in mine and field.type not in ("rows", "map"):
            assert keys(field, one[field.name]) == keys(field, other[field.name])


def test_every_row_has_its_identity():
    """A list of rows that is added to the table of fields must say what tells its rows apart."""
    lists = [field for kind in KINDS for field in kind.fields if field.type == "rows"]
    assert {field.name for field in lists} == set(ROW_KEYS)
    for field in lists:
        assert set(ROW_KEYS[field.name]) <= {inner.name for inner in field.fields}
