"""Mapping paths: the longest rule wins, only whole names count, nothing mixes separators, and the way back leads back."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stashport.change.paths import PathMap, PathRule, comparable
from stashport.errors import BadRequest

NAMES = st.text("abAB é=.", min_size=1, max_size=3).filter(str.strip)
TAILS = st.lists(NAMES, max_size=3)
POSIX = TAILS.map(lambda names: "/" + "/".join(names))
WINDOWS = st.tuples(st.sampled_from(["C:", "d:", "\\\\nas\\media"]), TAILS).map(lambda found: "\\".join([found[0], *found[1]]) + ("" if found[1] else "\\"))
WHOLE = POSIX | WINDOWS
MAPS = st.lists(st.builds(PathRule, WHOLE, WHOLE), max_size=4).map(lambda rules: PathMap(tuple(rules)))


def below(path: str, names: list[str]) -> str:
    """A path some names further down, in the way of its own side."""
    mark = "/" if path.startswith("/") else "\\"
    return mark.join([path.rstrip(mark), *names]) if names else path


@pytest.mark.parametrize(
    ("rules", "path", "mapped"),
    [
        (["/data=/mnt/x"], "/data/a.mp4", "/mnt/x/a.mp4"),
        (["/data=/mnt/x"], "/data", "/mnt/x"),
        (["/data/=/mnt/x/"], "/data/a.mp4", "/mnt/x/a.mp4"),
        (["/data=/mnt/x"], "/database/a.mp4", None),
        (["/data=/mnt/x"], "/Data/a.mp4", None),
        (["/data=/x", "/data/b=/y"], "/data/b/c", "/y/c"),
        (["/data/b=/y", "/data=/x"], "/data/c", "/x/c"),
        (["/data=/x", "/data=/y"], "/data/c", "/x/c"),
        (["/=D:\\"], "/a/b.mp4", "D:\\a\\b.mp4"),
        (["D:\\=/data"], "d:\\A\\b.mp4", "/data/A/b.mp4"),
        (["D:\\Media=/data"], "d:/media/Sub\\b.mp4", "/data/Sub/b.mp4"),
        (["D:\\Media=/data"], "D:\\Mediathek\\b.mp4", None),
        (["\\\\NAS\\share=/data"], "\\\\nas\\Share\\x\\y.mp4", "/data/x/y.mp4"),
        (["\\\\nas\\share=/data"], "\\\\nas\\shared\\y.mp4", None),
        (["/data=\\\\nas\\share\\media"], "/data/x/y.mp4", "\\\\nas\\share\\media\\x\\y.mp4"),
        (["/data=E:\\m"], "/data/set.zip/inner/01.jpg", "E:\\m\\set.zip\\inner\\01.jpg"),
        (["/data=E:\\m"], "/data/a\\b.mp4", None),
        (["/data=/m"], "/data/a\\b.mp4", "/m/a\\b.mp4"),
        (["/a=b=/m"], "/a=b/c", "/m/c"),
        (["/data=/m"], "data/x", None),
    ],
)
def test_paths_go_where_the_rules_say(rules: list[str], path: str, mapped: str | None) -> None:
    """Boundaries, roots, shares, case, order, zip members, and names that the other side cannot hold."""
    found, rule = PathMap.parse(rules).apply(path)
    assert found == (path if mapped is None else mapped)
    assert (rule is None) == (mapped is None)


@given(MAPS, WHOLE, st.booleans())
def test_nothing_mixes_separators(rules: PathMap, path: str, mixed: bool) -> None:
    """Whatever is mapped has the separators of the side on which it lies, and lies below the target of the rule that is named."""
    if mixed and not path.startswith("/"):
        path = path[:3] + path[3:].replace("\\", "/")
    found, rule = rules.apply(path)
    if rule is None:
        assert found == path
    else:
        assert ("\\" in found) != found.startswith("/")
        assert "/" not in found or "\\" not in found
        assert comparable(found).startswith(comparable(rule.target).rstrip("/\\"))


@given(MAPS, st.integers(0, 3), TAILS)
def test_the_way_back_leads_back(rules: PathMap, place: int, names: list[str]) -> None:
    """Mapped there and back again is where it was, but for case on the Windows side, when no target lies within another."""
    assume(place < len(rules.rules) and not any(rules.overlaps()))
    path = below(rules.rules[place].source, names)
    there, rule = rules.apply(path)
    back, reverse = rules.inverse().apply(there)
    assert rule
    assert reverse
    assert comparable(back) == comparable(path)
    assert (reverse.target, reverse.source) == (rule.source, rule.target)


@given(MAPS, WHOLE)
def test_the_longest_rule_wins_whatever_the_order(rules: PathMap, path: str) -> None:
    """Among rules with different sources the order is no matter, and no other rule that fits is longer."""
    assume(len({comparable(below(rule.source, [])) for rule in rules.rules}) == len(rules.rules))
    _, rule = rules.apply(path)
    assert PathMap(rules.rules[::-1]).apply(path)[1] == rule
    for other in rules.rules:
        if rule and PathMap((other,)).apply(path)[1]:
            assert len(other.ends[0].names) <= len(rule.ends[0].names)


@given(WHOLE, TAILS)
def test_a_rule_touches_whole_names_only(path: str, names: list[str]) -> None:
    """What merely begins with the same letters is left alone; the folder itself and what is below it are not."""
    rule = PathMap((PathRule(path, "/elsewhere"),))
    assert rule.apply(below(path, names)) == ("/elsewhere" + "".join(f"/{name}" for name in names), rule.rules[0])
    if not path.endswith(("/", "\\")):
        assert rule.apply(path + "base") == (path + "base", None)


def test_rules_that_lead_into_each_other_are_found() -> None:
    """Two rules whose targets are equal or lie within each other are told, others are not."""
    rules = PathMap.parse(["/a=/x", "/b=/x/b", "/c=/xy", "D:\\=C:\\M", "E:\\=c:\\m"])
    found = [(str(outer), str(inner)) for outer, inner in rules.overlaps()]
    assert found == [("/a=/x", "/b=/x/b"), ("D:\\=C:\\M", "E:\\=c:\\m"), ("E:\\=c:\\m", "D:\\=C:\\M")]


@pytest.mark.parametrize("text", ["", "=", "/a", "/a=b", "a=/b", "/a=C:x", "\\\\nas=/x"])
def test_what_is_no_rule_is_refused_in_words(text: str) -> None:
    """Relative paths, half a share and missing halves are refused, with what to write instead."""
    with pytest.raises(BadRequest, match="FROM=TO") as caught:
        PathRule.parse(text)
    assert repr(text)[1:-1] in caught.value.message
    with pytest.raises(BadRequest, match="no whole path"):
        PathRule("relative", "/x")


@pytest.mark.parametrize(("one", "other", "same"), [("D:\\A\\b", "d:/a/B", True), ("/a/b", "/A/b", False), ("/a\\b", "/a/b", False), ("\\\\N\\s\\x", "\\\\n\\S\\X", True)])
def test_paths_compare_as_their_side_compares_them(one: str, other: str, same: bool) -> None:
    """Case and kind of separator mean nothing on the Windows side, and everything elsewhere."""
    assert (comparable(one) == comparable(other)) == same
