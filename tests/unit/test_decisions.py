"""Decisions about conflicts: each way of taking a value, for one record and for all alike; and what is no decision is refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from stashport.change.decisions import Decisions
from stashport.change.merge import merged
from stashport.change.merge_fields import UNDECIDED, Clash
from stashport.errors import BadRequest
from stashport.model.fields import BY_NAME


def about(take: str, clash: Clash, *, kind: str = "scene", **more: Any) -> Any:
    """What a decision about one clash gives."""
    decide = Decisions({"fields": [{"kind": kind, "source": 5, "field": clash.field, "take": take, **more}]}).asked(kind, 5)
    assert decide is not None
    return decide(clash)


def clash(field: str, mine: Any, theirs: Any) -> Clash:
    """A clash."""
    return Clash(field, mine, theirs, None, "differs")


def test_each_way_of_taking() -> None:
    """The source's value, the target's, both, or another one."""
    one = clash("details", "mine", "theirs")
    assert about("source", one) == "theirs"
    assert about("target", one) == "mine"
    assert about("both", one) == "mine\ntheirs"
    assert about("both", clash("details", "mine\ntheirs", "theirs")) == "mine\ntheirs"
    assert about("value", one, value="other") == "other"
    assert about("value", one, value=None) is None
    assert about("both", clash("urls", ["a", "b"], ["b", "c"])) == ["a", "b", "c"]
    assert about("both", clash("rating100", 20, 40)) is UNDECIDED


def test_parts_are_counted_by_field() -> None:
    """The n-th clash of a field has its own decision; one without a part holds for the others; other records and fields are not concerned."""
    rows = [clash("scene_markers", {"title": f"mine {n}"}, {"title": f"theirs {n}"}) for n in range(3)]
    wish = {"kind": "scenes", "source": "scene:5", "field": "scene_markers"}
    decisions = Decisions({"fields": [{**wish, "part": 1, "take": "target"}, {**wish, "take": "source"}]})
    decide = decisions.asked("scene", 5)
    assert decide is not None
    assert [decide(one)["title"] for one in rows] == ["theirs 0", "mine 1", "theirs 2"]
    for other in (decisions.asked("scene", 6), decisions.asked("image", 5)):
        assert other is not None
        assert other(rows[0]) is UNDECIDED
    assert decide(clash("title", "a", "b")) is UNDECIDED


def test_the_same_for_all_like_this() -> None:
    """A decision for all alike holds where nothing was said about the record itself."""
    decisions = Decisions({"like": [{"kind": "scene", "field": "title", "take": "source"}], "fields": [
        {"kind": "scene", "source": 2, "field": "title", "take": "target"}]})
    answers = [decide(clash("title", "m", "t")) for n in (1, 2) if (decide := decisions.asked("scene", n))]
    assert answers == ["t", "m"]


def test_a_row_need_not_tell_everything() -> None:
    """What a given row does not tell stays as it is in the target's."""
    row = {"title": "m", "seconds": 5.0, "primary_tag": "tag:1", "tags": []}
    assert about("value", clash("scene_markers", row, {**row, "title": "t"}), value={"title": "x"}) == {**row, "title": "x"}
    assert about("value", clash("scene_markers", row, {**row, "title": "t"}), value=[{"title": "x"}]) is UNDECIDED


def test_merging_takes_what_was_decided() -> None:
    """With `prompt` a clash that was decided is a change, and the others stay clashes."""
    kind = BY_NAME["scene"]
    decide = Decisions({"fields": [{"kind": "scene", "source": 5, "field": "rating100", "take": "value", "value": 33}]}).asked("scene", 5)
    mine, theirs = {"id": "scene:1", "title": "a", "rating100": 20}, {"id": "scene:5", "title": "b", "rating100": 40}
    changes, clashes = merged(kind, mine, theirs, strategy="prompt", decide=decide)
    assert [(one.field, one.after, one.reason) for one in changes] == [("rating100", 33, "decided")]
    assert [one.field for one in clashes] == ["title"]


def test_which_record_is_which() -> None:
    """Pairs, new ones and those left out, by singular or plural, with numbers or ids."""
    decisions = Decisions({"pairs": [{"kind": "performers", "source": "performer:5", "target": 17}, {"kind": "performer", "source": 5, "target": 17}],
                           "new": [{"kind": "tag", "source": 9}], "leave": [{"kind": "tag", "source": 4}, {"kind": "tag", "source": 3}], "plan": "x", "format": 1})
    assert decisions.pairs("performer") == {5: 17}
    assert decisions.pairs("tag") == {}
    assert (decisions.new("tag", 9), decisions.new("tag", 4), decisions.leave("tag", 4)) == (True, False, True)
    assert decisions.left("tag") == [3, 4]
    assert [decisions.about(kind) for kind in ("performer", "tag", "scene")] == [True, True, False]
    assert decisions
    assert not Decisions({})
    assert Decisions().asked("scene", 1) is None


FIELD: dict[str, Any] = {"kind": "scene", "source": 1, "field": "title", "take": "source"}
WRONG: list[Any] = [
    {"fields": {}}, {"wishes": []}, {"pairs": None}, {"pairs": ["x"]}, {"pairs": [{"kind": "tag", "source": 1}]}, {"new": [{"kind": "tag"}]},
    {"new": [{"kind": "film", "source": 1}]}, {"new": [{"kind": ["tag"], "source": 1}]}, {"new": [{"kind": "tag", "source": -1}]},
    {"new": [{"kind": "tag", "source": "x"}]}, {"new": [{"kind": "tag", "source": 1.5}]}, {"new": [{"kind": "tag", "source": "9" * 19}]},
    {"new": [{"kind": "tag", "source": "\u0661"}]}, {"new": [{"kind": "tag", "source": None}]},
    {"pairs": [{"kind": "tag", "source": 1, "target": 2}, {"kind": "tag", "source": 3, "target": 2}]},
    {"pairs": [{"kind": "tag", "source": 1, "target": 2}, {"kind": "tag", "source": 1, "target": 3}]},
    *({"fields": [{**FIELD, **one}]} for one in (
        {"field": "mood"}, {"field": ["title"]}, {"take": "mine"}, {"take": ["source"]}, {"take": "value"}, {"value": "x"}, {"part": "first"}, {"part": -1})),
    {"like": [{"kind": "scene", "field": "title", "take": "value"}]},
]


@pytest.mark.parametrize("given", WRONG, ids=str)
def test_what_is_no_decision(given: dict[str, Any]) -> None:
    """Unknown lists, kinds, fields and ways, numbers that are none, and contradictions are refused."""
    with pytest.raises(BadRequest):
        Decisions(given)


@pytest.mark.parametrize(("kind", "field", "right", "wrong"), [
    ("scene", "title", ["x", None], [5, [], {}, True]), ("scene", "rating100", [50, None], ["50", 5.5, True, [50]]),
    ("scene", "organized", [True, False], ["yes", 1]), ("scene", "date", ["2020", "2020-02", "2020-02-29", None], ["2021-02-29", "20200101", "x", "2020-1-1", "02020"]),
    ("scene", "studio", ["studio:5", None], ["tag:5", "5", 5, "studio:-5", "studio:x"]), ("scene", "tags", [["tag:1"], []], ["tag:1", ["studio:1"], [1]]),
    ("scene", "urls", [["https://x"], []], ["x", [5]]), ("scene", "play_history", [["2020-01-01T00:00:00Z"]], [["yesterday"], "2020-01-01T00:00:00Z"]),
    ("scene", "scene_markers", [[{"title": "x"}], {"title": "x"}, []], ["x", [5], [{"mood": "x"}], [{"seconds": "5"}], {"primary_tag": "studio:1"}]),
    ("scene", "cover_image", ["md5:" + "0" * 32, None], ["http://x", "md5:x"]), ("performer", "penis_length", [5, 5.5], ["5"]),
    ("performer", "custom_fields", [{"a": 1}], [[1], "x"]), ("saved_filter", "object_filter", [{"a": 1}, None], []), ("tag", "name", ["x"], [None, ""]),
    ("tag", "created_at", ["2020-01-01T00:00:00Z"], ["soon"]),
])  # fmt: skip
def test_a_value_must_be_one_that_the_field_can_have(kind: str, field: str, right: list[Any], wrong: list[Any]) -> None:
    """A decided value of another type, form or kind is refused when it is given, for one record and for all alike."""
    for name, more in (("fields", {"source": 1}), ("like", {})):
        for value in right:
            assert Decisions({name: [{"kind": kind, "field": field, "take": "value", "value": value, **more}]})
        for value in wrong:
            with pytest.raises(BadRequest):
                Decisions({name: [{"kind": kind, "field": field, "take": "value", "value": value, **more}]})
