"""What makes two records the same: which keys each kind has, what they leave out, and what contradicts them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.model.fields import KINDS
from stashport.model.identity import IDENTITIES, TIERS, contradiction
from stashport.model.identity_keys import folded, normal_endpoint
from support.records import value

BOX = "https://box.example/graphql"


class Plain:
    """A library in which every record has a counterpart of the same number, matched by content but for those that are named."""

    def __init__(self, side: str = "a", **tiers: str) -> None:
        self.side, self.tiers, self.same = side, tiers, False

    def token(self, identity: str) -> tuple[str, str]:
        """The id itself."""
        return identity, self.tiers.get(identity.replace(":", ""), "checksum")

    def likely(self, identity: str) -> list[str]:
        """One suggestion each."""
        return [f"{identity}~"]

    def remembered(self, identity: str) -> list[str]:
        """Nothing."""
        return []

    def path(self, path: str) -> str:
        """As it is."""
        return path


def keys(kind: str, tier: str, record: dict[str, Any], look: Plain | None = None) -> set[str]:
    """The keys of a record under the rules of a tier, each with its rule's place."""
    rules = IDENTITIES[kind].rules
    record = {"id": f"{kind}:1", **record}
    return {f"{place} {key}" for place, rule in enumerate(rules) if rule.tier == tier for key in rule.keys(record, look or Plain())}


def share(kind: str, tier: str, one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two records, one on each side, have a key of a tier in common."""
    return bool(keys(kind, tier, one, Plain("a")) & keys(kind, tier, other, Plain("b")))


def print_of(**values: str) -> list[dict[str, str]]:
    """Fingerprints by type."""
    return [{"type": name, "value": found} for name, found in values.items()]


def test_every_kind_has_rules_and_the_fields_that_they_look_at() -> None:
    """Kinds, fields and tiers are those of the tables; rules stand in the order of the tiers but where the primary decides."""
    assert list(IDENTITIES) == [name for name in IDENTITIES if name in {kind.name for kind in KINDS}]
    for kind in KINDS:
        identity = IDENTITIES[kind.name]
        assert set(identity.fields) <= set(kind.by_name)
        places = [TIERS.index(rule.tier) for rule in identity.rules]
        assert places == sorted(places)
        assert {rule.unless for rule in identity.rules} <= {"", "conflict", "suggested"}


@given(st.data())
def test_keys_and_facts_come_of_any_record(data: st.DataObject) -> None:
    """Whatever stands in a record, and whatever its source does not tell, rules and facts take it, and say the same twice."""
    kind = data.draw(st.sampled_from(KINDS))
    identity = IDENTITIES[kind.name]
    told = data.draw(st.sets(st.sampled_from(identity.fields)))
    record = {"id": f"{kind.name}:1", **{name: data.draw(value(kind.by_name[name])) for name in sorted(told)}}
    found = [list(rule.keys(record, Plain())) for rule in identity.rules]
    assert found == [list(rule.keys(record, Plain())) for rule in identity.rules]
    assert all(isinstance(key, str) for listed in found for key in listed)
    facts = identity.facts(record, Plain()) if identity.facts else {}
    assert contradiction(facts, facts) == ""


@pytest.mark.parametrize(
    ("kind", "tier", "one", "other", "same"),
    [
        ("tag", "name", {"name": "Beach"}, {"name": "Beach"}, True),
        ("tag", "name", {"name": "Beach"}, {"name": "beach"}, False),
        ("tag", "folded", {"name": " BEACH "}, {"name": "beach"}, True),
        ("tag", "folded", {"name": "Caf\u00e9"}, {"name": "CAFE\u0301"}, True),
        ("tag", "folded", {"name": "a_b"}, {"name": "axb"}, False),
        ("tag", "folded", {"name": "50%"}, {"name": "50 percent"}, False),
        ("tag", "alias", {"name": "Sea", "aliases": ["Beach"]}, {"name": "BEACH"}, True),
        ("tag", "alias", {"name": "Beach"}, {"name": "Sea", "aliases": ["beach "]}, True),
        ("tag", "alias", {"name": "Sea", "aliases": ["x"]}, {"name": "Sand", "aliases": ["x"]}, False),
        ("tag", "alias", {"name": "Sea"}, {"name": "Sea"}, False),
        ("performer", "name", {"name": "Jane Doe"}, {"name": "Jane Doe", "disambiguation": None}, True),
        ("performer", "name", {"name": "Jane Doe"}, {"name": "Jane Doe", "disambiguation": "dancer"}, False),
        ("performer", "folded", {"name": "Jane Doe", "disambiguation": "Dancer"}, {"name": "jane doe", "disambiguation": "dancer"}, True),
        ("performer", "folded", {"name": "Jane Doe"}, {"name": "jane doe", "disambiguation": "dancer"}, False),
        ("performer", "suggested", {"name": "Jane Doe"}, {"name": "jane doe", "disambiguation": "dancer"}, True),
        ("performer", "alias", {"name": "JD", "alias_list": ["Jane Doe"]}, {"name": "Jane Doe"}, True),
        ("performer", "alias", {"name": "JD", "alias_list": ["Jane Doe"]}, {"name": "Jane Doe", "disambiguation": "dancer"}, False),
        ("studio", "stash_id", {"stash_ids": [{"endpoint": BOX, "stash_id": "AB-1"}]}, {"stash_ids": [{"endpoint": f" {BOX}/", "stash_id": "ab-1"}]}, True),
        ("studio", "stash_id", {"stash_ids": [{"endpoint": BOX, "stash_id": "1"}]}, {"stash_ids": [{"endpoint": "https://o.example", "stash_id": "1"}]}, False),
        ("file", "checksum", {"size": 9, "fingerprints": print_of(oshash="AA")}, {"size": 9, "fingerprints": print_of(oshash="aa")}, True),
        ("file", "checksum", {"size": 9, "fingerprints": print_of(oshash="aa")}, {"size": 8, "fingerprints": print_of(oshash="aa")}, False),
        ("file", "checksum", {"fingerprints": print_of(oshash="aa")}, {"fingerprints": print_of(oshash="aa")}, False),
        ("file", "checksum", {"fingerprints": print_of(md5="aa")}, {"size": 8, "fingerprints": print_of(md5="aa")}, True),
        ("file", "checksum", {"size": 0, "fingerprints": print_of(md5="aa", oshash="0")}, {"size": 0, "fingerprints": print_of(md5="aa", oshash="0")}, False),
        ("file", "checksum", {"size": 9, "fingerprints": print_of(phash="aa")}, {"size": 9, "fingerprints": print_of(phash="aa")}, False),
        ("file", "path", {"path": "/a/S01E01.mkv", "size": 1}, {"path": "/b/S01E01.mkv", "size": 1}, False),
        ("file", "suggested", {"duration": 10.2, "fingerprints": print_of(phash="aa")}, {"duration": 10.9, "fingerprints": print_of(phash="aa")}, True),
        ("file", "suggested", {"duration": 10.9, "fingerprints": print_of(phash="aa")}, {"duration": 11.2, "fingerprints": print_of(phash="aa")}, True),
        ("file", "suggested", {"duration": 10.2, "fingerprints": print_of(phash="aa")}, {"duration": 90.0, "fingerprints": print_of(phash="aa")}, False),
        ("scene", "checksum", {"files": ["file:1", "file:2"]}, {"files": ["file:2"]}, True),
        ("scene", "name", {"title": "T", "files": []}, {"title": "T", "files": []}, True),
        ("scene", "name", {"title": "T", "files": []}, {"title": "T", "files": ["file:9"]}, False),
        ("scene", "name", {"title": "T"}, {"title": "T"}, False),
        ("scene", "name", {"title": "T", "files": [], "urls": ["u"]}, {"title": "T", "files": [], "urls": ["v"]}, False),
        ("gallery", "path", {"folder": "folder:3"}, {"folder": "folder:3"}, True),
        ("gallery", "name", {"title": "T", "files": [], "folder": None}, {"title": "T", "files": [], "folder": "folder:3"}, False),
        ("gallery", "name", {"title": "T", "files": [], "folder": None, "date": "2020"}, {"title": "T", "files": [], "folder": None}, False),
        ("group", "name", {"name": "G", "created_at": "2020-01-01T12:00:00Z"}, {"name": "G", "created_at": "2020-01-01T13:00:00+01:00"}, True),
        ("image", "checksum", {"visual_files": ["file:1"]}, {"visual_files": ["file:1"]}, True),
        ("saved_filter", "name", {"mode": "SCENES", "name": "n"}, {"mode": "IMAGES", "name": "n"}, False),
        ("setting", "name", {"section": "ui", "key": "x"}, {"section": "ui", "key": "x"}, True),
    ],
)
def test_what_records_share(kind: str, tier: str, one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    """Each rule on a pair that it means and one that it does not; the sides are no matter."""
    assert share(kind, tier, one, other) == same
    assert share(kind, tier, other, one) == same


def test_a_scene_is_what_its_primary_file_is_first() -> None:
    """The rule of the primary file stands before that of any file; files that were matched by their path speak under the path's tier."""
    record = {"files": ["file:1", "file:2"]}
    assert [key.split()[1] for key in sorted(keys("scene", "checksum", record))] == ["file:1", "file:1", "file:2"]
    assert keys("scene", "path", record) == set()
    assert [key.split()[1] for key in sorted(keys("scene", "path", record, Plain(file1="path")))] == ["file:1", "file:1"]
    assert keys("scene", "checksum", {"files": ["file:3"]}, Plain(file3="")) == set()


@pytest.mark.parametrize(
    ("kind", "one", "other", "fact"),
    [
        ("performer", {"birthdate": "1990-01-02"}, {"birthdate": "1990-01-03"}, "birthdate (day)"),
        ("performer", {"birthdate": "1990-01-02"}, {"birthdate": "1991"}, "birthdate"),
        ("performer", {"birthdate": "1990-01-02"}, {"birthdate": "1990"}, ""),
        ("performer", {"birthdate": "1990-01-02"}, {"birthdate": None}, ""),
        ("tag", {"stash_ids": [{"endpoint": BOX, "stash_id": "1"}]}, {"stash_ids": [{"endpoint": BOX, "stash_id": "2"}]}, f"id at {BOX}"),
        ("tag", {"stash_ids": [{"endpoint": BOX, "stash_id": "1"}]}, {"stash_ids": [{"endpoint": BOX, "stash_id": s} for s in "12"]}, ""),
        ("group", {"studio": "studio:1"}, {"studio": "studio:2"}, "studio"),
        ("file", {"fingerprints": print_of(oshash="aa", md5="b")}, {"fingerprints": print_of(oshash="aa", md5="c")}, "md5"),
        ("file", {"fingerprints": print_of(oshash="aa")}, {"fingerprints": print_of(md5="c")}, ""),
    ],
)
def test_what_contradicts(kind: str, one: dict[str, Any], other: dict[str, Any], fact: str) -> None:
    """Only what both tell can contradict, and only as far as both tell it."""
    facts = IDENTITIES[kind].facts
    assert facts
    assert contradiction(facts(one, Plain()), facts(other, Plain())) == fact
    assert contradiction(facts(other, Plain()), facts(one, Plain())) == fact


@given(st.text(max_size=8))
def test_spelling_is_taken_out_once(text: str) -> None:
    """What has been folded stays as it is, and neither blanks nor case come back."""
    assert folded(f"\t{text} ") == folded(text)
    assert folded(folded(text)) == folded(text)
    assert folded(text.upper().lower()) == folded(text.upper())


@pytest.mark.parametrize(("one", "other"), [("HTTPS://Box.Example/graphql/", BOX), (" https://box.example/graphql", BOX), ("box/", "box"), (None, "")])
def test_addresses_have_one_spelling(one: str | None, other: str) -> None:
    """Case of the host and a slash at the end do not make another stash-box; case of the path does."""
    assert normal_endpoint(one) == normal_endpoint(other)
    assert normal_endpoint("https://box.example/GraphQL") != normal_endpoint(BOX)
