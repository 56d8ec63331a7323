"""Matching two libraries: what is the same is found, what is not never is, and neither numbers, order nor side change the answer."""

from __future__ import annotations

import random
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stashport.change.match import Conflict, Matches, match
from stashport.change.paths import PathMap
from stashport.model.fields import BY_NAME, KINDS
from stashport.model.identity import IDENTITIES
from stashport.model.records import Record, number_of
from support.miniature import sample_library
from support.records import ListReader

BOX = "https://box.example/graphql"
Library = dict[str, list[Record]]
Link = tuple[str, str]


def reader(library: Library, *, size: int = 3) -> ListReader:
    """A source that holds these records; those of a kind tell the fields that any of them tells."""
    told = {}
    for kind in KINDS:
        if kind.name in library:
            names = {name for record in library[kind.name] for name in record}
            fields = tuple(f for f in kind.fields if f.name in names)
            told[kind.name] = (fields, [{"id": r["id"], **{f.name: r.get(f.name) for f in fields}} for r in library[kind.name]])
    return ListReader(told, size=size)


def matched(a: Library, b: Library, **more: Any) -> Matches:
    """The matches of two libraries."""
    return match(reader(a), reader(b), **more)


def links(kind: str, matches: Matches) -> set[tuple[int, int]]:
    """The pairs of a kind, without their tiers."""
    return {(x, y) for x, y, _ in matches.pairs(kind)}


def library(**records: list[dict[str, Any]]) -> Library:
    """A library of records numbered from 1 within each kind."""
    return {kind: [{"id": f"{kind}:{number}", **record} for number, record in enumerate(found, 1)] for kind, found in records.items()}


def renumbered(source: Library, seed: int) -> tuple[Library, dict[str, str]]:
    """The same library with other numbers in another order, and what became of each id."""
    rng = random.Random(seed)
    new = {}
    for kind, records in source.items():
        numbers = rng.sample(range(1, 10 * len(records) + 1), len(records))
        new |= {record["id"]: f"{kind}:{number}" for record, number in zip(records, numbers, strict=True)}

    def follow(value: Any) -> Any:
        if isinstance(value, str):
            return new.get(value, value)
        if isinstance(value, list):
            return [follow(one) for one in value]
        return {name: follow(one) for name, one in value.items()} if isinstance(value, dict) else value

    moved = {kind: sorted((follow(record) for record in records), key=lambda r: number_of(r["id"])) for kind, records in source.items()}
    return moved, new


# --- libraries in which much looks alike ---------------------------------------------------------------------------------------------------

FEW = st.sampled_from(["x", "X", "y", None])
IDS = st.lists(st.sampled_from("123").map(lambda one: {"endpoint": BOX, "stash_id": one}), max_size=2)
PRINTS = st.fixed_dictionaries({}, optional={"md5": st.sampled_from("ab"), "oshash": st.sampled_from("cd"), "phash": st.just("e")}).map(
    lambda found: [{"type": name, "value": value} for name, value in found.items()]
)


def some_of(kind: str, count: int) -> st.SearchStrategy[list[str]]:
    """A few references to records of a kind, each once."""
    return st.lists(st.integers(1, count).map(lambda number: f"{kind}:{number}"), max_size=2, unique=True) if count else st.just([])


@st.composite
def crowded(draw: st.DrawFn) -> Library:
    """A small library of things that are hard to tell apart."""

    def many(**fields: st.SearchStrategy[Any]) -> list[dict[str, Any]]:
        return draw(st.lists(st.fixed_dictionaries(fields), max_size=4))

    tags = many(name=FEW, aliases=st.lists(st.sampled_from("xyz"), max_size=1), stash_ids=IDS)
    people = many(name=FEW, disambiguation=st.sampled_from([None, "d"]), alias_list=st.just([]), birthdate=st.sampled_from([None, "1990", "1991"]), stash_ids=IDS)
    files = many(path=st.sampled_from(["/p", "/q", "/r"]), size=st.sampled_from([1, 2]), duration=st.just(5.0), fingerprints=PRINTS)
    scenes = many(title=FEW, date=st.sampled_from([None, "2020"]), urls=st.just([]), files=some_of("file", len(files)), stash_ids=IDS)
    groups = many(name=FEW, date=st.sampled_from([None, "2020", "2021"]), created_at=st.sampled_from(["2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"]))
    return library(tag=tags, performer=people, file=files, scene=scenes, group=groups)


def answer(matches: Matches, kind: str) -> tuple[set[tuple[int, int, str]], set[Conflict], set[tuple[int, int, str]], list[int], list[int]]:
    """Everything that was found for a kind."""
    found = set(matches.pairs(kind)), set(matches.conflicts(kind)), set(matches.suggestions(kind))
    return *found, list(matches.alone(kind, "a")), list(matches.alone(kind, "b"))


many_examples = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@many_examples
@given(crowded(), crowded())
def test_every_record_has_one_place(a: Library, b: Library) -> None:
    """Each record is in one pair, in one conflict, or alone; the ways of asking agree, and suggestions are about the unmatched."""
    with closing(matched(a, b)) as found:
        for kind in a:
            pairs = list(found.pairs(kind))
            torn = list(found.conflicts(kind))
            for place, source in enumerate((a, b)):
                side = "ab"[place]
                listed = [pair[place] for pair in pairs] + [n for c in torn for n in (c.a, c.b)[place]] + list(found.alone(kind, side))
                assert sorted(listed) == [number_of(record["id"]) for record in source[kind]]
            assert pairs == sorted(pairs)
            assert all(found.other(kind, x) == (y, tier) and found.back(kind, y) == (x, tier) for x, y, tier in pairs)
            assert all(c.a and c.b and c.reason.startswith("The same ") for c in torn)
            assert all(found.other(kind, x) is None and found.back(kind, y) is None for x, y, _ in found.suggestions(kind))
            counts = found.counts(kind)
            assert sum(counts.values()) == len(pairs) + len(torn) + sum(counts[name] for name in ("suggested", "alone_a", "alone_b"))


@many_examples
@given(crowded(), crowded())
def test_the_sides_are_no_matter(a: Library, b: Library) -> None:
    """Swapping the libraries mirrors pairs, conflicts, suggestions and what is alone."""
    with closing(matched(a, b)) as there, closing(matched(b, a)) as back:
        for kind in a:
            assert {(y, x, tier) for x, y, tier in there.pairs(kind)} == set(back.pairs(kind))
            assert {(c.b, c.a, c.tier) for c in there.conflicts(kind)} == {(c.a, c.b, c.tier) for c in back.conflicts(kind)}
            assert {(y, x, tier) for x, y, tier in there.suggestions(kind)} == set(back.suggestions(kind))
            assert list(there.alone(kind, "a")) == list(back.alone(kind, "b"))


@many_examples
@given(crowded(), crowded(), st.integers(0, 9))
def test_numbers_and_order_are_no_matter(a: Library, b: Library, seed: int) -> None:
    """Renumbering and shuffling one side changes nothing but the numbers."""
    moved, new = renumbered(b, seed)
    with closing(matched(a, b)) as before, closing(matched(a, moved)) as after:
        for kind in a:

            def follow(number: int, kind: str = kind) -> int:
                return number_of(new[f"{kind}:{number}"])

            assert {(x, follow(y), tier) for x, y, tier in before.pairs(kind)} == set(after.pairs(kind))
            assert {(c.a, tuple(sorted(map(follow, c.b))), c.tier, c.reason) for c in before.conflicts(kind)} == {
                (c.a, c.b, c.tier, c.reason) for c in after.conflicts(kind)
            }
            assert {(x, follow(y), tier) for x, y, tier in before.suggestions(kind)} == set(after.suggestions(kind))


STRANGER: Library = {
    "tag": [{"id": "tag:900", "name": "unheard of", "aliases": ["nor this"], "stash_ids": []}],
    "performer": [{"id": "performer:900", "name": "Nobody", "stash_ids": [{"endpoint": BOX, "stash_id": "900"}], "birthdate": "1900"}],
    "file": [{"id": "file:900", "path": "/else/where", "size": 77, "fingerprints": [{"type": "md5", "value": "f" * 32}]}],
    "scene": [{"id": "scene:900", "title": "Unseen", "files": ["file:900"], "stash_ids": []}],
    "group": [{"id": "group:900", "name": "Unlisted", "date": "1901", "created_at": "2001-01-01T00:00:00Z"}],
}


@many_examples
@given(crowded(), crowded(), st.booleans())
def test_a_stranger_changes_nothing(a: Library, b: Library, first: bool) -> None:
    """Records that are like no other leave every answer as it was, and are alone themselves."""
    more = {kind: [*records, *STRANGER[kind]] for kind, records in (a if first else b).items()}
    with closing(matched(a, b)) as before, closing(matched(more, b) if first else matched(a, more)) as after:
        for kind in a:
            assert answer(before, kind)[:3] == answer(after, kind)[:3]
            assert 900 in after.alone(kind, "a" if first else "b")


@given(st.integers(0, 99))
@settings(max_examples=8)
def test_a_library_finds_itself(seed: int) -> None:
    """The sample library, renumbered and shuffled, is matched with itself record by record."""
    source = {kind: records for kind, records in sample_library().items() if kind != "setting"}
    moved, new = renumbered(source, seed)
    with closing(matched(source, moved)) as found:
        for kind, records in source.items():
            assert {f"{kind}:{x}": f"{kind}:{y}" for x, y in links(kind, found)} == {record["id"]: new[record["id"]] for record in records}


# --- the collision library ------------------------------------------------------------------------------------------------------------------


def prints(**values: str) -> list[dict[str, str]]:
    """Fingerprints by type."""
    return [{"type": name, "value": value} for name, value in values.items()]


def files_of(*files: tuple[str, int, list[dict[str, str]]]) -> list[dict[str, Any]]:
    """Files by path, size and fingerprints, all of one length."""
    return [{"path": path, "size": size, "duration": 4.0, "fingerprints": found} for path, size, found in files]


COLLIDING_A = library(
    tag=[{"name": "Beach", "aliases": ["Sea"]}, {"name": "Outdoor", "aliases": [], "stash_ids": [{"endpoint": BOX, "stash_id": "t1"}]}],
    performer=[{"name": "Jane Doe", "disambiguation": None, "birthdate": "1990-01-01"}, {"name": "Ann", "disambiguation": None, "birthdate": "1980"}],
    file=files_of(
        ("/a/one.mp4", 100, prints(oshash="aaaa")), ("/a/S01E01.mkv", 10, prints(oshash="b1")), ("/same/S01E02.mkv", 11, prints(oshash="b2")),
        ("/a/clip1.mp4", 5, prints(oshash="c1", phash="e")), ("/a/col.mp4", 7, prints(oshash="dd", md5="m1")),
    ),
    scene=[{"title": None, "files": [f"file:{n}"]} for n in range(1, 6)],
    gallery=[{"title": "Set", "date": "2020-01-01", "files": [], "folder": None}, {"title": "Set", "date": "2021-01-01", "files": [], "folder": None}],
    group=[{"name": "Vol. 1", "date": "2001-01-01", "studio": None}],
)  # fmt: skip
COLLIDING_B = library(
    tag=[{"name": "Sea", "aliases": []}, {"name": "Beach", "aliases": []}, {"name": "Field", "aliases": ["Outdoor"], "stash_ids": [{"endpoint": BOX, "stash_id": "t2"}]}],
    performer=[{"name": "Jane Doe", "disambiguation": "dancer", "birthdate": None}, {"name": "Ann", "disambiguation": None, "birthdate": "1995-05-05"}],
    file=files_of(
        ("/b/other.mp4", 200, prints(oshash="aaaa")), ("/b/S01E01.mkv", 10, prints(oshash="e1")), ("/same/S01E02.mkv", 11, prints(oshash="e2")),
        ("/b/clip9.mp4", 5, prints(oshash="c9", phash="e")), ("/b/col.mp4", 7, prints(oshash="dd", md5="m2")),
    ),
    scene=[{"title": None, "files": [f"file:{n}"]} for n in range(1, 6)],
    gallery=[{"title": "Set", "date": "2022-01-01", "files": [], "folder": None}, {"title": "Set", "date": "2023-01-01", "files": [], "folder": None}],
    group=[{"name": "Vol. 1", "date": "2005-01-01", "studio": None}],
)  # fmt: skip


def test_what_collides_is_never_paired() -> None:
    """Equal oshash, base names, phashes, names, titles and aliases of different things: only the two tags that are the same are a pair."""
    with closing(matched(COLLIDING_A, COLLIDING_B)) as found:
        assert {kind: links(kind, found) for kind in found.kinds} == {
            "tag": {(1, 2)}, "performer": set(), "group": set(), "file": set(), "gallery": set(), "scene": set(),
        }  # fmt: skip
        assert set(found.suggestions("file")) == {(3, 3, "suggested"), (4, 4, "suggested"), (5, 5, "suggested")}
        assert set(found.suggestions("scene")) == {(3, 3, "suggested"), (4, 4, "suggested"), (5, 5, "suggested")}
        assert set(found.suggestions("performer")) == {(1, 1, "suggested"), (2, 2, "suggested")}
        assert set(found.suggestions("tag")) == {(2, 3, "suggested")}
        assert len(list(found.suggestions("gallery"))) == 4
        assert list(found.conflicts("performer")) == [Conflict("performer", (2,), (2,), "name", "The same name and disambiguation, but not the same birthdate.")]
        assert list(found.conflicts("group")) == [Conflict("group", (1,), (1,), "name", "The same name, but not the same date.")]


def copies(*paths: str) -> Library:
    """Files of one content at several paths."""
    return library(file=files_of(*((path, 9, prints(oshash="aa")) for path in paths)))


@pytest.mark.parametrize(
    ("here", "there", "pairs", "torn", "alone"),
    [
        (["/a", "/b"], ["/b", "/a"], {(1, 2), (2, 1)}, [], ([], [])),
        (["/a", "/b"], ["/a", "/c"], {(1, 1), (2, 2)}, [], ([], [])),
        (["/a", "/b"], ["/c", "/d"], set(), [((1, 2), (1, 2))], ([], [])),
        (["/a", "/b", "/c"], ["/a", "/d", "/e"], {(1, 1)}, [((2, 3), (2, 3))], ([], [])),
        (["/a", "/b"], ["/a"], {(1, 1)}, [], ([2], [])),
        (["/a", "/b"], ["/c"], set(), [((1, 2), (1,))], ([], [])),
        (["/a"], ["/z"], {(1, 1)}, [], ([], [])),
    ],
)
def test_among_copies_the_path_decides(here: list[str], there: list[str], pairs: set, torn: list, alone: tuple) -> None:
    """What the content leaves open the path settles; what then is left one to one is a pair by content, and the rest is a conflict."""
    with closing(matched(copies(*here), copies(*there))) as found:
        assert links("file", found) == pairs
        assert [(c.a, c.b) for c in found.conflicts("file")] == torn
        assert (list(found.alone("file", "a")), list(found.alone("file", "b"))) == alone


def test_a_weaker_rule_decides_only_within_the_candidates() -> None:
    """Two tags share an id of a stash-box with one: the name picks among them, but never one from outside."""
    shared = [{"endpoint": BOX, "stash_id": "1"}]
    a = library(tag=[{"name": "One", "stash_ids": shared}, {"name": "Two", "stash_ids": shared}])
    with closing(matched(a, library(tag=[{"name": "Two", "stash_ids": shared}]))) as found:
        assert links("tag", found) == {(2, 1)}
        assert list(found.alone("tag", "a")) == [1]
    with closing(matched(a, library(tag=[{"name": "Three", "stash_ids": shared}, {"name": "Two", "stash_ids": []}]))) as found:
        assert links("tag", found) == set()
        assert [(c.a, c.b, c.tier) for c in found.conflicts("tag")] == [((1, 2), (1,), "stash_id")]
        assert list(found.alone("tag", "b")) == [2]


def test_a_stronger_rule_decides_before_a_weaker_one() -> None:
    """A tag that was renamed and one that took its name: the stash-box id tells which is which, and nobody is matched twice."""
    ids = [[{"endpoint": BOX, "stash_id": n}] for n in "12"]
    a = library(tag=[{"name": "Old", "stash_ids": ids[0]}])
    b = library(tag=[{"name": "New", "stash_ids": ids[0]}, {"name": "Old", "stash_ids": []}])
    with closing(matched(a, b)) as found:
        assert list(found.pairs("tag")) == [(1, 1, "stash_id")]
        assert list(found.alone("tag", "b")) == [2]


def test_equal_names_are_conflicts() -> None:
    """Groups may share a name: what date and time of creation do not tell apart is for a person to decide."""
    with closing(matched(library(group=[{"name": "G", "date": None}] * 2), library(group=[{"name": "G", "date": None}]))) as found:
        [conflict] = found.conflicts("group")
        assert (conflict.a, conflict.b, conflict.tier) == ((1, 2), (1,), "name")
        assert conflict.reason == "The same name: 2 in the first library and 1 in the second."
    born = [{"name": "G", "created_at": f"2020-01-0{day}T00:00:00Z"} for day in (1, 2)]
    with closing(matched(library(group=born), library(group=born[::-1]))) as found:
        assert links("group", found) == {(1, 2), (2, 1)}


def test_a_chain_of_candidates_is_one_conflict() -> None:
    """Records that hang together by one stash-box id after the other are decided together, and no record stands in two conflicts."""

    def tags(*ids: str) -> Library:
        return library(tag=[{"name": None, "stash_ids": [{"endpoint": BOX, "stash_id": one} for one in listed]} for listed in ids])

    with closing(matched(tags("1", "23", "45", "9"), tags("12", "34", "5", "8"))) as found:
        assert [(c.a, c.b) for c in found.conflicts("tag")] == [((1, 2, 3), (1, 2, 3))]
        assert (list(found.alone("tag", "a")), list(found.alone("tag", "b"))) == ([4], [4])


def test_what_is_matched_is_no_longer_suggested() -> None:
    """Two files with one oshash and two md5s are a suggestion, until one of them is found to be another file by its path."""
    one = ("/p", 9, prints(oshash="o", md5="m1"))
    other = ("/q", 9, prints(oshash="o", md5="m2"))
    with closing(matched(library(file=files_of(one)), library(file=files_of(other)))) as found:
        assert list(found.suggestions("file")) == [(1, 1, "suggested")]
    with closing(matched(library(file=files_of(one)), library(file=files_of(other, ("/p", 9, []))))) as found:
        assert list(found.pairs("file")) == [(1, 2, "path")]
        assert list(found.suggestions("file")) == []


def test_what_holds_copies_is_known_by_them() -> None:
    """A scene here and one there that hold the same undecided copies are a pair; where there are two on a side they are a conflict."""
    a = copies("/a", "/b") | library(scene=[{"files": ["file:1", "file:2"]}])
    b = copies("/c", "/d")
    with closing(matched(a, b | library(scene=[{"files": ["file:2", "file:1"]}]))) as found:
        assert list(found.pairs("scene")) == [(1, 1, "checksum")]
    with closing(matched(a, b | library(scene=[{"files": ["file:1"]}, {"files": ["file:2"]}]))) as found:
        assert [(c.a, c.b) for c in found.conflicts("scene")] == [((1,), (1, 2))]


def test_paths_are_mapped_and_compared_as_their_side_does() -> None:
    """A file without a checksum is found on another machine by its mapped path; a path that merely begins alike is not."""
    a = library(file=[{"path": "/data/x/A.mp4", "size": 1}, {"path": "/database/A.mp4", "size": 1}], folder=[{"path": "/data/x"}])
    b = library(file=[{"path": "d:\\media\\X\\a.mp4", "size": 1}, {"path": "D:\\Mediabase\\A.mp4", "size": 1}], folder=[{"path": "D:\\MEDIA\\x"}])
    rules = PathMap.parse(["/data=D:\\Media"])
    with closing(matched(a, b, paths=rules)) as found:
        assert (links("file", found), links("folder", found)) == ({(1, 1)}, {(1, 1)})
    with closing(matched(b, a, paths=rules.inverse())) as found:
        assert (links("file", found), links("folder", found)) == (set(), {(1, 1)})  # on this way case matters
    with closing(matched(a, b)) as found:
        assert links("file", found) == set()


def test_earlier_matches_are_remembered() -> None:
    """What was matched before stays so under another name, unless a stronger rule says otherwise or a record is gone."""
    a = library(tag=[{"name": "Old"}, {"name": "Same"}, {"name": "X", "stash_ids": [{"endpoint": BOX, "stash_id": "1"}]}])
    b = library(tag=[{"name": "Same"}, {"name": "Newer"}, {"name": "Y", "stash_ids": [{"endpoint": BOX, "stash_id": "1"}]}])
    with closing(matched(a, b, remembered=[("tag", 1, 2), ("tag", 3, 1), ("tag", 2, 99), ("scene", 1, 1)])) as found:
        assert list(found.pairs("tag")) == [(1, 2, "remembered"), (2, 1, "name"), (3, 3, "stash_id")]
    with closing(matched(a, b, remembered=[("tag", 1, 1), ("tag", 1, 2)])) as found:
        assert found.other("tag", 1) is None


def test_only_what_both_tell_is_matched() -> None:
    """A kind that one side does not tell says nothing about the other; asked-for kinds bring those that they are known by."""
    a = library(tag=[{"name": "x"}], file=[], folder=[], studio=[], scene=[{"title": "x", "files": []}], performer=[{"name": "x"}])
    b = {kind: records for kind, records in a.items() if kind != "tag"}
    seen: list[tuple[str, int]] = []
    with closing(matched(a, b, progress=lambda kind, number: seen.append((kind.name, number)))) as found:
        assert found.kinds == ["studio", "performer", "folder", "file", "scene"]
        assert (list(found.alone("tag", "a")), list(found.pairs("tag")), found.other("tag", 1)) == ([], [], None)
        assert seen == [("performer", 1), ("performer", 1), ("scene", 1), ("scene", 1)]
    with closing(matched(a, a, kinds=["scene"])) as found:
        assert found.kinds == ["studio", "file", "scene"]
    with closing(matched(a, b, kinds=["tag"])) as found:
        assert found.kinds == []


def test_crowds_are_not_suggested() -> None:
    """What more than ten share on one side is no suggestion: memory and attention are both limited."""
    black = [(f"/{n}", n + 1, prints(phash="0")) for n in range(11)]
    with closing(matched(library(file=files_of(*black)), library(file=files_of(("/x", 99, prints(phash="0")))))) as found:
        assert list(found.suggestions("file")) == []
    with closing(matched(library(file=files_of(*black[:10])), library(file=files_of(("/x", 99, prints(phash="0")))))) as found:
        assert len(list(found.suggestions("file"))) == 10


def test_rules_are_asked_of_every_kind_in_the_order_of_the_table() -> None:
    """What a kind is known by is matched before it, so that its rules find what they look up."""
    order = [kind.name for kind in KINDS]
    for kind, identity in IDENTITIES.items():
        needed = {f.to for f in BY_NAME[kind].fields if f.name in identity.fields and f.to}
        assert all(order.index(other) < order.index(kind) for other in needed)


# --- one Stash at two times -----------------------------------------------------------------------------------------------------------------

MORNING, NOON = "2024-01-01T08:00:00Z", "2024-01-01T12:00:00Z"


def test_a_record_is_known_by_its_number_and_birth() -> None:
    """In one Stash at two times, what was renamed, retitled or moved is the very record, whatever else looks alike, and however its time is written."""
    a = library(tag=[{"name": "a", "created_at": MORNING}, {"name": "b", "created_at": MORNING}], file=[{"path": "/x", "created_at": MORNING}],
                scene=[{"title": "s", "files": [], "created_at": MORNING}])
    b = library(tag=[{"name": "b", "created_at": "2024-01-01T09:00:00+01:00"}, {"name": "new", "created_at": MORNING}],
                file=[{"path": "/moved/x", "created_at": MORNING}], scene=[{"title": "t", "files": [], "created_at": MORNING}])
    with closing(matched(a, b, same=True)) as found:
        assert list(found.pairs("tag")) == [(1, 1, "record"), (2, 2, "record")]
        assert list(found.pairs("file")) == list(found.pairs("scene")) == [(1, 1, "record")]
    with closing(matched(a, b)) as found:
        assert list(found.pairs("tag")) == [(2, 1, "name")]


def test_what_was_deleted_and_made_anew_is_not_mistaken() -> None:
    """A record that was made anew has another number and another time: it is found by its name, and its old number is nobody's."""
    a = library(tag=[{"name": "a", "created_at": MORNING}, {"name": "b", "created_at": MORNING}])
    b = library(tag=[{"id": "tag:2", "name": "b", "created_at": MORNING}, {"id": "tag:3", "name": "a", "created_at": NOON}])
    with closing(matched(a, b, same=True)) as found:
        assert list(found.pairs("tag")) == [(1, 3, "name"), (2, 2, "record")]


def test_clones_that_went_their_own_ways() -> None:
    """Two copies of one Stash give the same number to different things: the time of creation tells them apart, and other rules find what is the same."""
    common = [{"name": "common", "created_at": MORNING}]
    a = library(tag=[*common, {"name": "mine", "created_at": NOON}, {"name": "shared", "created_at": "2024-02-01T00:00:00Z"}])
    b = library(tag=[*common, {"name": "shared", "created_at": "2024-03-01T00:00:00Z"}, {"name": "theirs", "created_at": "2024-04-01T00:00:00Z"}])
    with closing(matched(a, b, same=True)) as found:
        assert list(found.pairs("tag")) == [(1, 1, "record"), (3, 2, "name")]
        assert (list(found.alone("tag", "a")), list(found.alone("tag", "b"))) == ([2], [3])


@pytest.mark.parametrize("when", [None, "", "soon", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_a_time_that_says_nothing(when: str | None) -> None:
    """Where no time of creation is known, equal numbers mean nothing."""
    a, b = (library(tag=[{"name": name, "created_at": when}]) for name in ("a", "b"))
    with closing(matched(a, b, same=True)) as found:
        assert list(found.pairs("tag")) == []


def test_without_what_is_referred_to_less_is_read() -> None:
    """With needed=False only the kinds that are wanted are matched; the others are as if they had not been told."""
    scenes = library(file=files_of(("/x", 1, prints(md5="a"))), scene=[{"files": ["file:1"], "created_at": MORNING}])
    with closing(matched(scenes, scenes, same=True, kinds=["scene"], needed=False)) as found:
        assert found.kinds == ["scene"]
        assert list(found.pairs("scene")) == [(1, 1, "record")]
    with closing(matched(scenes, scenes, kinds=["scene"])) as found:
        assert list(found.pairs("scene")) == [(1, 1, "checksum")]
