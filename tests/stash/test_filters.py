"""Filters on a real Stash: what they choose is what Stash's own queries choose; a database file, and a bundle made of it, give the same."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from stashport.errors import BadFilter, DanglingFilter, NotSupported, PortError, UnknownSavedFilter
from stashport.jobs.context import Context
from stashport.jobs.export import export
from stashport.model.fields import BY_NAME, BY_PLURAL, KINDS
from stashport.model.filters import Filters
from stashport.model.saved_criteria import MODES
from stashport.output.export_file import ExportFile
from stashport.runs.state import State
from stashport.stash import filtering
from stashport.stash.connection import Connection
from stashport.stash.filter_types import FilterTypes
from stashport.stash.filtering import resolve
from stashport.stash.source import DatabaseFile, Opened, open_source
from support.stash import Libraries, RealStash, StashError

FIND = {
    "tags": ("findTags", "tag_filter", "TagFilterType"), "studios": ("findStudios", "studio_filter", "StudioFilterType"),
    "performers": ("findPerformers", "performer_filter", "PerformerFilterType"), "groups": ("findGroups", "group_filter", "GroupFilterType"),
    "galleries": ("findGalleries", "gallery_filter", "GalleryFilterType"), "scenes": ("findScenes", "scene_filter", "SceneFilterType"),
    "images": ("findImages", "image_filter", "ImageFilterType"), "files": ("findFiles", "file_filter", "FileFilterType"),
    "folders": ("findFolders", "folder_filter", "FolderFilterType"), "scene_markers": ("findSceneMarkers", "scene_marker_filter", "SceneMarkerFilterType"),
}
LISTED = [BY_PLURAL[plural] for plural in FIND if plural in BY_PLURAL]
PAGE_OF = {plural: mode for mode, plural in MODES.items() if mode != "MOVIES"}
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "saved-filters.json").read_text("utf-8"))
MEDIA = {"scenes", "images", "galleries"}
WITH = {"tags": {*MEDIA, "performers", "studios", "groups"}, "performers": MEDIA, "studios": {*MEDIA, "groups"}, "groups": {"scenes"},
        "galleries": {"scenes", "images"}, "date": {*MEDIA, "groups"}, "rating": {*MEDIA, "performers", "studios", "groups"}, "organized": MEDIA,
        "favorite": {"performers", "studios", "tags"}}


@pytest.fixture(scope="module")
def stash(libraries: Libraries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStash]:
    """A Stash over a library with everything odd in it."""
    with RealStash(tmp_path_factory.mktemp("filtered"), library=libraries.filled(hostile=True)) as started:
        yield started


@pytest.fixture(scope="module", autouse=True)
def read_types_once() -> Iterator[None]:
    """A run reads a server's types once; here there are hundreds of runs, all with the same Stash."""
    known: list[FilterTypes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filtering, "FilterTypes", lambda connection: known[0] if known else known.append(FilterTypes(connection)) or known[0])
        yield


@pytest.fixture(scope="module")
def online(stash: RealStash) -> Iterator[Opened]:
    """The running Stash as a source, read through its API."""
    with open_source(Connection(stash.url), reader="graphql") as opened:
        yield opened


@pytest.fixture(scope="module")
def offline(libraries: Libraries) -> Iterator[Opened]:
    """The same library as a file."""
    with open_source(DatabaseFile(libraries.filled(hostile=True).database)) as opened:
        yield opened


@pytest.fixture(scope="module")
def bundled(offline: Opened, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The same library as a bundle, of which nothing but its records is there to answer."""
    folder = tmp_path_factory.mktemp("bundled")
    run = export({"format": "bundle", "to": str(folder / "library.stashport.zip")}, Context(State(folder / "state"), offline))
    assert run.result == "ok"
    with open_source(ExportFile(folder / "library.stashport.zip")) as opened:
        yield opened


def asked(stash: RealStash, plural: str, api: dict[str, Any], q: str = "") -> set[int]:
    """What Stash itself answers to a filter; for markers, the scenes that they are in."""
    find, argument, type_name = FIND[plural]
    listing = "scene{id}" if plural == "scene_markers" else "id"
    document = f"query($f:{type_name},$q:String){{found:{find}({argument}:$f,filter:{{q:$q,per_page:-1}}){{{plural}{{{listing}}}}}}}"
    told = stash.gql(document, {"f": api, "q": q})["found"][plural]
    return {int((one.get("scene") or one)["id"]) for one in told}


def chosen(given: dict[str, Any], plurals: list[str], opened: Opened) -> dict[str, set[int]]:
    """What our filters choose, by plural names."""
    found = resolve(Filters.parse(given), [BY_PLURAL[plural] for plural in plurals], opened)
    return {BY_NAME[name].plural: set(ids) for name, ids in found.items()}


# --- Stash filters as JSON --------------------------------------------------------------------------------------------------------------------------


def some_ids(rng: random.Random, most: int) -> list[str]:
    """One to three numbers of records, not all of which need to be there."""
    return [str(rng.randint(1, most)) for _ in range(rng.randint(1, 3))]


def criterion(rng: random.Random, plural: str, depth: int) -> dict[str, Any]:
    """One random criterion for a kind."""
    number = {"value": rng.randint(0, 4), "value2": rng.randint(2, 6), "modifier": rng.choice(["EQUALS", "NOT_EQUALS", "GREATER_THAN", "LESS_THAN", "BETWEEN"])}
    words = {"value": rng.choice(["ba", "a b", "%", "e", '"a b"', "Jane"]), "modifier": rng.choice(["INCLUDES", "EXCLUDES", "IS_NULL", "NOT_NULL", "EQUALS"])}
    regex = {"value": rng.choice(["^[A-M]", "[0-9]$", "é|ü"]), "modifier": rng.choice(["MATCHES_REGEX", "NOT_MATCHES_REGEX"])}
    rated = {"value": rng.randint(1, 100), "modifier": rng.choice(["GREATER_THAN", "LESS_THAN", "IS_NULL", "NOT_NULL"])}
    day = {"value": f"{rng.randint(1990, 2020)}-06-01", "modifier": rng.choice(["GREATER_THAN", "LESS_THAN", "IS_NULL"])}
    made = {"value": f"20{rng.randint(17, 24)}-06-01T00:00", "modifier": rng.choice(["GREATER_THAN", "LESS_THAN"])}
    tree = {"value": some_ids(rng, 20), "excludes": rng.choice([[], some_ids(rng, 20)]), "depth": rng.choice([0, 1, -1]),
            "modifier": rng.choice(["INCLUDES", "INCLUDES_ALL", "EXCLUDES", "IS_NULL", "NOT_NULL"])}
    people = {"value": some_ids(rng, 60), "modifier": rng.choice(["INCLUDES", "INCLUDES_ALL", "EXCLUDES", "IS_NULL", "EQUALS"])}
    common = [{"created_at": made}, {"updated_at": made}]
    media = [{"title": words}, {"title": regex}, {"code": words}, {"details": words}, {"rating100": rated}, {"organized": rng.random() < 0.5}, {"date": day},
             {"tags": tree}, {"performers": people}, {"performer_tags": tree}, {"tag_count": number}, {"performer_count": number},
             {"studios": {**tree, "modifier": "INCLUDES"}}, {"path": {"value": "0", "modifier": "INCLUDES"}}, {"url": words}, {"is_missing": "tags"}]
    deeper = {"performers_filter": {"rating100": rated}, "tags_filter": {"name": words}, "studios_filter": {"favorite": True}} if depth else {}
    own: dict[str, list[dict[str, Any]]] = {
        "scenes": [*media, {"has_markers": "true"}, {"o_counter": number}, {"play_count": number}, {"interactive": True},
                   {"groups": {**tree, "modifier": "INCLUDES"}},
                   {"resolution": {"value": "FULL_HD", "modifier": "LESS_THAN"}}, {"duplicated": {"duplicated": True}}, {"duration": {**number, "value": 2000}},
                   {"stash_id_endpoint": {"endpoint": "https://box-one.example/graphql", "modifier": "NOT_NULL"}}],
        "images": [*media, {"galleries": {"value": some_ids(rng, 15), "modifier": "EXCLUDES"}}, {"o_counter": number}, {"photographer": words}],
        "galleries": [*media, {"has_chapters": "true"}, {"image_count": number}, {"is_zip": True},
                      {"scenes": {"value": some_ids(rng, 99), "modifier": "INCLUDES"}}],
        "performers": [{"name": words}, {"gender": {"value_list": ["MALE", "FEMALE"], "modifier": "INCLUDES"}},
                       {"birth_year": {"value": 1975, "modifier": "LESS_THAN"}},
                       {"aliases": words}, {"filter_favorites": True}, {"tags": tree}, {"rating100": rated}, {"scene_count": number}, {"height_cm": rated},
                       {"custom_fields": [{"field": "score", "modifier": "NOT_NULL"}]}],
        "studios": [{"name": words},
                    {"parents": {"value": some_ids(rng, 8), "modifier": "INCLUDES"}}, {"tags": tree}, {"rating100": rated}, {"child_count": number}],
        "groups": [{"name": words}, {"tags": tree}, {"studios": {**tree, "modifier": "INCLUDES"}}, {"sub_group_count": number}, {"date": day},
                   {"rating100": rated}, {"containing_groups": {**tree, "modifier": "INCLUDES"}}],
        "tags": [{"name": words}, {"name": regex}, {"parents": {**tree, "modifier": "INCLUDES"}}, {"children": {**tree, "modifier": "INCLUDES_ALL"}},
                 {"scene_count": {**number, "value": 90}}, {"favorite": True}, {"aliases": words}],
        "files": [{"path": {"value": "0", "modifier": "INCLUDES"}}, {"basename": words}, {"scene_count": number}, {"mod_time": made}],
        "folders": [{"path": words}, {"gallery_count": number}, {"mod_time": made}],
        "scene_markers": [{"tags": tree}, {"scene_tags": tree}, {"performers": {**people, "modifier": "INCLUDES"}}, {"scene_date": day},
                          {"duration": {"value": 5.5, "modifier": "GREATER_THAN"}}],
    }
    picked: dict[str, Any] = rng.choice([*own[plural], *common, *([{key: value} for key, value in deeper.items()] if plural in MEDIA else [])])
    return picked


def stash_filter(rng: random.Random, plural: str, depth: int = 2) -> dict[str, Any]:
    """A random filter: one to three criteria, and sometimes another filter beside them."""
    api: dict[str, Any] = {}
    for _ in range(rng.randint(1, 3)):
        api.update(criterion(rng, plural, depth))
    if depth and plural != "scene_markers" and rng.random() < 0.4:
        api[rng.choice(["AND", "OR", "NOT"])] = stash_filter(rng, plural, depth - 1)
    return api


def test_random_stash_filters(stash: RealStash, online: Opened) -> None:
    """300 random Stash filters over all kinds, three kinds at a time: our ids are those that Stash gives; what it refuses is refused in words."""
    rng, compared, matched, refused = random.Random(4), 0, 0, 0
    while compared < 300:
        plurals = [plural for plural in rng.sample(sorted(FIND), 3) if plural != "scene_markers"]
        given = {plural: stash_filter(rng, plural) for plural in plurals}
        if "scenes" in plurals and rng.random() < 0.3:
            given["scene_markers"] = stash_filter(rng, "scene_markers")
        try:
            expected = {plural: asked(stash, plural, api) for plural, api in given.items()}
        except StashError:
            refused += 1
            with pytest.raises(BadFilter):
                chosen({"filter": given}, plurals, online)
            continue
        if "scene_markers" in expected:
            expected["scenes"] &= expected.pop("scene_markers")
        assert chosen({"filter": given}, plurals, online) == expected, given
        compared += len(given)
        matched += sum(map(bool, expected.values()))
    print(f"{compared} Stash filters: {matched} choose something; {refused} sets Stash itself refuses")
    assert matched > 100  # filters that choose nothing prove little
    assert refused < 60


# --- named filters ----------------------------------------------------------------------------------------------------------------------------------


def related(key: str, mode: str, numbers: list[str], *, deep: bool) -> dict[str, Any]:
    """The Stash filter for a named one, written by hand."""
    modifier = {"any": "INCLUDES", "all": "INCLUDES_ALL", "none": "EXCLUDES"}[mode]
    return {key: {"value": numbers, "modifier": modifier, **({"depth": -1 if deep else 0} if key in ("tags", "studios", "groups") else {})}}


def named_filter(rng: random.Random) -> tuple[dict[str, Any], list[tuple[str, list[dict[str, Any]], str]]]:
    """One random named filter, and by hand: the name of its property, and the Stash filters (or the words) that must all hold."""
    key = rng.choice(["tags", "tags", "performers", "studios", "groups", "galleries", "date", "rating", "organized", "favorite", "text"])
    if key in ("organized", "favorite"):
        wanted = rng.random() < 0.5
        return {key: wanted}, [(key, [{key: wanted}], "")]
    if key == "text":
        q = rng.choice(["ba", "Jane", "a OR zim", "-a", '"no. 2"', "scene 000001", "%", "0 -1", "1 2 | 3", "日本", "ü", "mark 1", "Chapter", "aka", "_", "'"])
        return {"text": q}, [("text", [{}], q)]
    if key == "rating":
        low, high = rng.choice([(20, 70), (50, None), (None, 30)])
        apis = [{"rating100": {"value": low - 1, "modifier": "GREATER_THAN"}}] if low else []
        apis += [{"rating100": {"value": high + 1, "modifier": "LESS_THAN"}}] if high else []
        return {"ratingMin": low, "ratingMax": high}, [(key, apis, "")]
    if key == "date":
        year = rng.randint(1985, 2020)
        since = [{"date": {"value": f"{year - 1}-12-31", "modifier": "GREATER_THAN"}}]
        until = [{"date": {"value": f"{year + 6}-01-01", "modifier": "LESS_THAN"}}]
        return rng.choice([({"dateFrom": str(year)}, [(key, since, "")]), ({"dateUntil": f"{year + 5}-12"}, [(key, until, "")]),
                           ({"dateFrom": f"{year}-01-01", "dateUntil": str(year + 5)}, [(key, since + until, "")])])
    numbers = list(dict.fromkeys(some_ids(rng, {"tags": 24, "performers": 64, "studios": 8, "groups": 36, "galleries": 15}[key])))
    mode, deep, one = rng.choice(["any", "all", "none"]), rng.random() < 0.6, {"tags": "tag", "performers": "performer", "studios": "studio"}.get(key)
    sets = [[number] for number in numbers] if key == "studios" and mode == "all" else [numbers]
    switch = {"tags": "subTags", "studios": "subStudios", "groups": "subGroups"}.get(key)
    kind = one or {"groups": "group", "galleries": "gallery"}[key]
    given = {key: {mode: [f"{kind}:{number}" for number in numbers]}, **({switch: deep} if switch else {})}
    return given, [(key, [related(key, mode, one_set, deep=deep) for one_set in sets], "")]


def by_hand(stash: RealStash, plural: str, rules: list[tuple[str, list[dict[str, Any]], str]]) -> set[int] | None:
    """What the rules choose of a kind, each of them asked alone; None when none of them is about it."""
    found: set[int] | None = None
    for key, apis, q in rules:
        if key == "text" or plural in WITH[key]:
            for api in apis:
                real = {"filter_favorites": api["favorite"]} if plural == "performers" and key == "favorite" else api
                ids = asked(stash, plural, real, q)
                found = ids if found is None else found & ids
    return found


def test_random_named_filters(stash: RealStash, online: Opened, offline: Opened, bundled: Opened) -> None:
    """Random named filters, up to three at once: what Stash answers to each of them alone, taken together, is what we find on the server and in the files."""
    rng, compared, matched = random.Random(7), 0, 0
    plurals = [plural for plural in FIND if plural in BY_PLURAL]
    while compared < 400:
        given, rules = {}, []
        for _ in range(rng.choice([1, 1, 2, 3])):
            more, why = named_filter(rng)
            if not given.keys() & more.keys():
                given |= more
                rules += why
        expected = {plural: ids for plural in plurals if (ids := by_hand(stash, plural, rules)) is not None}
        assert chosen(given, plurals, online) == expected, given
        assert chosen(given, plurals, offline) == expected, given
        assert chosen(given, plurals, bundled) == expected, given
        compared += len(expected)
        matched += sum(map(bool, expected.values()))
    print(f"{compared} named filters, on the server, in the database and in the bundle: {matched} choose something")
    assert matched > 200


@pytest.mark.parametrize(("low", "high"), [
    ("2019-03-04", None), (None, "2020"), ("2018-01-01T10:00:00+05:45", "2021-06"), ("2021-05-05T05:05:05Z", "2021-05-05T05:05:05Z"),
    ("2020-01-01T00:00:00Z", None),
])
def test_times_are_instants(online: Opened, offline: Opened, bundled: Opened, low: str | None, high: str | None) -> None:
    """Created and updated mean instants, whatever offsets are stored, on the server and in the files."""
    first = dt.datetime.fromisoformat(low).astimezone() if low else None
    units = {4: "%Y", 7: "%Y-%m", 20: "%Y-%m-%dT%H:%M:%SZ"}
    for key, field_name in (("created", "created_at"), ("updated", "updated_at")):
        given = {f"{key}From": low, f"{key}Until": high}
        on, off = chosen(given, list(BY_PLURAL)[:-2], online), chosen(given, list(BY_PLURAL)[:-2], offline)
        assert on == off == chosen(given, list(BY_PLURAL)[:-2], bundled)
        for kind in LISTED:
            expected = set()
            for batch in online.reader.batches(kind, (kind.by_name[field_name],)):
                for record in batch.records:
                    when = dt.datetime.fromisoformat(record[field_name])
                    when = when if when.tzinfo else when.replace(tzinfo=dt.timezone.utc)
                    zone = dt.timezone.utc if high and high.endswith("Z") else None
                    before = high is None or when.astimezone(zone).strftime(units[len(high)]) <= high
                    if (first is None or when >= first) and before:
                        expected.add(int(record["id"].split(":")[1]))
            assert on[kind.plural] == expected, (kind.name, key)


def test_has_and_misses_every_field(online: Opened, offline: Opened, bundled: Opened) -> None:
    """For every field that can be empty: those that have it and those that miss it are all records, and server and files say the same."""
    everything = {kind.name: {int(r["id"].split(":")[1]) for batch in offline.reader.batches(kind, ()) for r in batch.records} for kind in KINDS if kind.table}
    compared = in_bundle = 0
    for kind in KINDS:
        told = {f.name for f in online.reader.fields(kind)} & {f.name for f in offline.reader.fields(kind)}
        for field in kind.fields:
            if field.name not in told or field.type == "bool":
                continue
            name = f"{kind.plural}.{field.name}"
            on = [chosen({key: name}, [kind.plural], online)[kind.plural] for key in ("has", "misses")]
            off = [chosen({key: name}, [kind.plural], offline)[kind.plural] for key in ("has", "misses")]
            assert on == off, name
            if field.name in {f.name for f in bundled.reader.fields(kind)}:
                assert on == [chosen({key: name}, [kind.plural], bundled)[kind.plural] for key in ("has", "misses")], name
                in_bundle += 1
            assert on[0] | on[1] == everything[kind.name], name
            assert not on[0] & on[1], name
            compared += 1
    print(f"{2 * compared} times has and misses, on the server and in the database; {2 * in_bundle} in the bundle")
    assert compared > 120
    assert in_bundle > 110


SEARCHES = ["", "ba", "ba den", "JANE", '"Jane Doe"', "a OR b", "a | b c", "-ba", "-ba -den", '"a b', 'a "', "OR", "a OR", "x or y or z", '-"Jane Doe" 2', "%",
            "a_b", "\\",            "'", "0012", "é", "É", "videos/00000", "0 1  2", "-", "--a", '""', '"" OR ""', "-scene", "mark 0 | Chapter"]


@pytest.mark.parametrize("q", SEARCHES)
def test_searches(stash: RealStash, online: Opened, offline: Opened, bundled: Opened, q: str) -> None:
    """The search box means the same here as there, odd ways to write a search included."""
    plurals = [kind.plural for kind in LISTED]
    try:
        expected = {plural: asked(stash, plural, {}, q) for plural in plurals}
    except StashError:
        expected = {}
    on = {} if not expected else chosen({"text": q}, plurals, online)
    if q and expected:
        assert on == expected
        assert chosen({"text": q}, plurals, offline) == expected
        assert chosen({"text": q}, plurals, bundled) == expected
        assert not bundled.remarks


def test_searches_of_some_kinds(stash: RealStash, online: Opened, offline: Opened, bundled: Opened) -> None:
    """Words for one kind narrow that kind alone; beside words for every kind both must be there, everywhere the same."""
    alone = {"scenes": asked(stash, "scenes", {}, "2 -7")}
    both = {"scenes": asked(stash, "scenes", {}, "ba") & alone["scenes"], "performers": asked(stash, "performers", {}, "ba"), "tags": asked(stash, "tags", {}, "ba")}
    rated = {"scenes": asked(stash, "scenes", {"rating100": {"value": 19, "modifier": "GREATER_THAN"}}) & both["scenes"]}
    assert all({**both, **alone, **rated}.values())
    assert both["scenes"] < alone["scenes"]
    for opened in (online, offline, bundled):
        assert chosen({"text": {"scenes": "2 -7"}}, ["scenes", "performers", "tags"], opened) == alone
        assert chosen({"text": {"scenes": "2 -7", "all": "ba"}}, ["scenes", "performers", "tags"], opened) == both
        assert chosen({"text": {"scenes": "2 -7", "all": "ba"}, "ratingMin": 20}, ["scenes"], opened) == rated
        with pytest.raises(BadFilter, match='"text performers" applies to none'):
            chosen({"text": {"performers": "a", "scenes": "a"}}, ["scenes"], opened)


# --- names ------------------------------------------------------------------------------------------------------------------------------------------


def test_names(start_stash: Callable[..., RealStash]) -> None:
    """A name is looked up as written, then in any case, then among aliases, never with wildcards; what can be several things is asked back."""
    stash = start_stash()
    make = "mutation($a:TagCreateInput!){tagCreate(input:$a){id}}"
    tags = {name: stash.gql(make, {"a": {"name": name, "aliases": aliases}})["tagCreate"]["id"] for name, aliases in (
        ("a_b", []), ("aXb2", []), ("Straße", ["Way"]), ("Zoo", ["Tierpark"]), ("Noé", []), ("100%", []))}
    person = "mutation($a:PerformerCreateInput!){performerCreate(input:$a){id}}"
    people = [stash.gql(person, {"a": {"name": "Jane", "disambiguation": told, "alias_list": aliases}})["performerCreate"]["id"] for told, aliases in (
        ("", ["Janie"]), ("two", ["Janie"]), ("three", ["J"]))]
    scene = 'mutation($t:[ID!],$p:[ID!]){sceneCreate(input:{title:"x",tag_ids:$t,performer_ids:$p}){id}}'
    scenes = {name: int(stash.gql(scene, {"t": [number]})["sceneCreate"]["id"]) for name, number in tags.items()}
    of_people = [int(stash.gql(scene, {"p": [number]})["sceneCreate"]["id"]) for number in people]
    with open_source(Connection(stash.url), reader="graphql") as opened:
        for name, meant in (("a_b", "a_b"), ("A_B", "a_b"), ("STRASSE", "Straße"), ("tierpark", "Zoo"), ("noe\u0301", "Noé"), ("100%", "100%"),
                            (" Zoo ", "Zoo"), (f"tag:{tags['Zoo']}", "Zoo"), (int(tags["Zoo"]), "Zoo")):
            assert chosen({"tags": [name]}, ["scenes"], opened) == {"scenes": {scenes[meant]}}, name
        assert chosen({"performers": ["Jane (two)", "J"]}, ["scenes"], opened) == {"scenes": set()}
        assert chosen({"performers": {"any": ["Jane (two)", "j"]}}, ["scenes"], opened) == {"scenes": set(of_people[1:])}
        for given, said in (({"performers": "Jane"}, f"performer:{people[0]} (Jane), performer:{people[1]} (Jane (two))"),
                            ({"performers": "janie"}, "can be each of"),
                            ({"tags": "Tier"}, "close to it: Zoo"), ({"tags": "a%"}, "no tag of that name"), ({"tags": "tag:999"}, "tag:999, which is not in"),
                            ({"tags": [999]}, "not in this library"), ({"tags": {"all": ["Zoo"], "none": ["Tierpark"]}}, "under two names")):
            with pytest.raises(BadFilter) as caught:
                chosen(given, ["scenes"], opened)
            assert said in caught.value.message


@pytest.mark.parametrize("which", ["offline", "bundled"])
def test_names_in_a_file(request: pytest.FixtureRequest, which: str) -> None:
    """Names and numbers are looked up in a file in the same way."""
    offline: Opened = request.getfixturevalue(which)
    name = next(record["name"] for batch in offline.reader.batches(BY_NAME["tag"], (BY_NAME["tag"].by_name["name"],)) for record in batch.records)
    assert chosen({"tags": [name.upper()]}, ["scenes"], offline) == chosen({"tags": ["tag:1"]}, ["scenes"], offline)
    with pytest.raises(BadFilter, match="tag:77777"):
        chosen({"tags": [77777]}, ["scenes"], offline)


# --- saved filters ----------------------------------------------------------------------------------------------------------------------------------


def save(stash: RealStash, plural: str, name: str, saved: Any, q: str = "", over: str | None = None) -> str:
    """Save a filter as Stash's page does, over another one if that is named; its number."""
    order = {"q": q, "page": 3, "per_page": 2, "sort": "date"}
    found = {"id": over, "mode": PAGE_OF[plural], "name": name, "find_filter": order, "object_filter": saved, "ui_options": {}}
    return stash.gql("mutation($a:SaveFilterInput!){saveFilter(input:$a){id}}", {"a": found})["saveFilter"]["id"]


def test_saved_filters_choose_what_their_page_shows(libraries: Libraries, start_stash: Callable[..., RealStash]) -> None:
    """Every saved filter of the golden file, saved in a real Stash: we find what that Stash finds for the filter that its own page makes of it."""
    stash = start_stash(libraries.filled())
    number, matched, refused = None, 0, 0
    with open_source(Connection(stash.url), reader="graphql") as opened:
        for plural, saved, api in GOLDEN:
            kind = "scenes" if plural == "scene_markers" else plural
            number = save(stash, plural, "golden", saved, over=number)
            try:
                expected: set[int] | None = asked(stash, plural, api)
            except StashError:
                expected = None
            found = None
            with contextlib.suppress(BadFilter):
                found = chosen({"savedFilter": {plural: "golden"}}, [kind], opened)[kind]
            assert found == expected, (plural, saved, api)
            matched += bool(expected)
            refused += expected is None
    assert matched > 400
    assert refused < 40
    print(f"{len(GOLDEN)} saved filters: {matched} choose something, {refused} Stash itself refuses")


def test_saved_filters_by_name(stash: RealStash, online: Opened) -> None:
    """A saved filter's search counts, its pages do not; a plain name means the saved filter of each kind; other filters are added to it."""
    save(stash, "scenes", "Both", {"organized": {"value": "true", "modifier": "EQUALS"}}, q="ba")
    save(stash, "performers", "Both", {"filter_favorites": {"value": "true", "modifier": "EQUALS"}})
    number = save(stash, "scenes", "BOTH", {})
    markers = {"tags": {"value": {"items": [{"id": "1", "label": "one"}], "excluded": [], "depth": 0}, "modifier": "INCLUDES"}}
    save(stash, "scene_markers", "marked", markers)
    scenes, performers = asked(stash, "scenes", {"organized": True}, "ba"), asked(stash, "performers", {"filter_favorites": True})
    assert chosen({"savedFilter": "Both"}, ["scenes", "performers"], online) == {"scenes": scenes, "performers": performers}
    assert chosen({"savedFilter": "Both"}, ["scenes"], online) == {"scenes": scenes}
    assert chosen({"savedFilter": {"performers": ["both"]}}, ["scenes", "performers"], online) == {"performers": performers}
    assert chosen({"savedFilter": f"saved_filter:{number}"}, ["scenes"], online) == {"scenes": asked(stash, "scenes", {})}
    marked = asked(stash, "scene_markers", {"tags": {"value": ["1"], "modifier": "INCLUDES"}})
    assert chosen({"savedFilter": ["marked", "Both"], "filter": {"scenes": {"o_counter": {"value": 5, "modifier": "LESS_THAN"}}}, "ratingMin": 20},
                  ["scenes", "tags"], online) == {"scenes": marked & scenes & asked(stash, "scenes", {"rating100": {"value": 19, "modifier": "GREATER_THAN"}})}
    with pytest.raises(UnknownSavedFilter, match="Boht") as unknown:
        chosen({"savedFilter": "Boht"}, ["performers"], online)
    assert '"Both" (performers)' in unknown.value.hint
    with pytest.raises(BadFilter, match="can be each of"):
        chosen({"savedFilter": "bOTH"}, ["scenes"], online)
    with pytest.raises(BadFilter, match="not exported here"):
        chosen({"savedFilter": {"studios": "Both"}}, ["scenes"], online)


def test_saved_filters_with_what_is_gone(stash: RealStash, online: Opened) -> None:
    """A saved filter that asks for a deleted record is refused, with the record's label; one that only leaves it out says so and goes on."""
    gone, here = {"id": "7777", "label": "gone for good"}, {"id": "1", "label": "here"}
    forms = {"tags": ["scenes", "groups"], "studios": ["scenes"], "performers": ["images"], "galleries": ["scenes"], "scenes": ["galleries"],
             "groups": ["scenes"], "parents": ["tags", "studios"]}
    for name, plurals in forms.items():
        for plural in plurals:
            value = [gone] if name in ("galleries", "scenes") or plural == "studios" else {"items": [gone], "excluded": [], "depth": 0}
            number = save(stash, plural, f"gone {name}", {name: {"value": value, "modifier": "INCLUDES"}})
            with pytest.raises(DanglingFilter, match=r"7777.*gone for good"):
                chosen({"savedFilter": f"saved_filter:{number}"}, [plural], online)
    save(stash, "scenes", "without", {"tags": {"value": {"items": [here], "excluded": [gone], "depth": 0}, "modifier": "INCLUDES"}})
    assert chosen({"savedFilter": "without"}, ["scenes"], online) == {"scenes": asked(stash, "scenes", {"tags": {"value": ["1"], "modifier": "INCLUDES"}})}
    assert "tag:7777" in online.remarks.pop()
    save(stash, "scenes", "odd", {"colour": {"value": "red", "modifier": "EQUALS"}})
    with pytest.raises(BadFilter, match="colour"):
        chosen({"savedFilter": "odd"}, ["scenes"], online)


# --- what is refused, and how it is asked -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "plurals", "said"), [
    ({"filter": {"scenes": {"titel": {"value": "a", "modifier": "EQUALS"}}}}, ["scenes"], 'the filter for scenes has no "titel"; did you mean title'),
    ({"filter": {"scenes": {"title": {"value": "a"}}}}, ["scenes"], "scenes.title.modifier is missing"),
    ({"filter": {"scenes": {"title": {"value": 5, "modifier": "EQUALS"}}}}, ["scenes"], "scenes.title.value needs a text"),
    ({"filter": {"scenes": {"title": {"value": "a", "modifier": "EQUAL"}}}}, ["scenes"], "did you mean EQUALS"),
    ({"filter": {"scenes": {"rating100": {"value": True, "modifier": "EQUALS"}}}}, ["scenes"], "needs a whole number"),
    ({"filter": {"scenes": {"tags": {"value": [1.5], "modifier": "INCLUDES"}}}}, ["scenes"], r"tags.value\[0\] needs an id"),
    ({"filter": {"scenes": {"tags": "a"}}}, ["scenes"], "needs an object with value"),
    ({"filter": {"scenes": {"AND": {"organized": True}, "NOT": {"organized": True}}}}, ["scenes"], "AND and NOT side by side"),
    ({"filter": {"scenes": {"OR": {"date": {"value": "a", "modifier": "LIKE"}}}}}, ["scenes"], "scenes.OR.date.modifier cannot be 'LIKE'"),
    ({"filter": {"scenes": {"title": {"value": "(", "modifier": "MATCHES_REGEX"}}}}, ["scenes"], "Stash refuses the filter for scenes: .*missing closing"),
    ({"filter": {"performers": {"filter_favorites": True}}}, ["scenes"], "not exported here"),
    ({"filter": {"scene_markers": {"tags": {"value": ["1"], "modifier": "INCLUDES"}}}}, ["tags"], "not exported here"),
    ({"ratingMin": 5}, ["tags", "files"], 'The filter "ratingMin" applies to none'),
    ({"has": "scenes.title"}, ["tags"], 'The filter "has scenes.title" applies to none'),
])
def test_what_is_refused(online: Opened, given: dict[str, Any], plurals: list[str], said: str) -> None:
    """A filter that Stash would not take, or that applies to nothing, is refused in words that say where it is wrong."""
    with pytest.raises(BadFilter, match=said):
        chosen(given, plurals, online)


def test_beside_its_server_a_database_answers_too(stash: RealStash, online: Opened) -> None:
    """Where the database lies beside the Stash, it answers the named filters and the server the others: the same ids."""
    given = {"tags": "tag:3", "misses": "resume_time", "filter": {"scenes": {"organized": False}}, "createdFrom": "2018"}
    with open_source(Connection(stash.url)) as opened:
        assert opened.reader.name == "database"
        found = chosen(given, ["scenes", "images"], opened)
    assert found == chosen(given, ["scenes", "images"], online)
    assert found["scenes"]


@pytest.mark.parametrize("which", ["offline", "bundled"])
def test_a_file_takes_named_filters_only(request: pytest.FixtureRequest, which: str) -> None:
    """What only a running Stash can answer is refused for a file, with what to do instead."""
    offline: Opened = request.getfixturevalue(which)
    for given in ({"filter": {"scenes": {"organized": True}}}, {"savedFilter": "everything"}):
        with pytest.raises(NotSupported) as caught:
            chosen(given, ["scenes"], offline)
        assert "running Stash" in caught.value.hint


def test_pages_are_put_together(stash: RealStash, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids come in pages, through documents that never change; whole pages, short ones and none at all."""
    seen: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(filtering, "PAGE", 25)
    with open_source(Connection(stash.url, tracer=lambda document, variables: seen.append((document, variables))), reader="graphql") as opened:
        for numbers in ([1, 2], [2, 3], [3]):
            tags = {"value": [str(number) for number in numbers], "modifier": "INCLUDES", "depth": -1}
            expected = {plural: asked(stash, plural, {"tags": tags}) for plural in ("scenes", "images")}
            assert chosen({"tags": {"any": numbers}}, ["scenes", "images"], opened) == expected
        nothing = {"id": {"value": 100, "modifier": "LESS_THAN"}, "title": {"value": "zzz", "modifier": "EQUALS"}}
        assert chosen({"filter": {"scenes": nothing}}, ["scenes"], opened) == {"scenes": set()}
        assert chosen({"filter": {"scenes": {"id": {"value": 51, "modifier": "LESS_THAN"}}}}, ["scenes"], opened) == {"scenes": set(range(1, 51))}
    asked_for = [(document, variables) for document, variables in seen if "StashPortFilter" in document]
    assert len(asked_for) > 20
    assert len({document for document, _ in asked_for}) == 4  # two kinds, their pages and their counts


def test_a_library_that_changes_meanwhile(stash: RealStash, monkeypatch: pytest.MonkeyPatch) -> None:
    """When records come or go between two pages, it is read again from the start; when that never ends, it is said."""
    monkeypatch.setattr(filtering, "PAGE", 25)
    with open_source(Connection(stash.url), reader="graphql") as opened:
        assert opened.connection
        real, wrong = opened.connection.query, [1]

        def query(document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
            data = real(document, variables)
            if "StashPortFilterCount" in document:
                data["found"]["count"] += wrong.pop() if wrong else 0
            return data

        monkeypatch.setattr(opened.connection, "query", query)
        assert chosen({"organized": True}, ["scenes"], opened) == {"scenes": asked(stash, "scenes", {"organized": True})}
        assert not wrong
        wrong[:] = [1] * 1000
        with pytest.raises(PortError, match="change all the time"):
            chosen({"organized": True}, ["scenes"], opened)


# --- the pages of Stash themselves ------------------------------------------------------------------------------------------------------------------

ORACLE = """(() => { const P = window.PluginApi, h = P.React.createElement;
const Page = () => P.hooks.useLoadComponents([P.loadableComponents.Tags]) ? null : h("div", {style: {display: "none"}}, h(P.components.TagList,
    {alterQuery: false, filterHook: f => { window.Filter = f.constructor; f.itemsPerPage = 0; return f; }}));
P.register.route("/plugins/oracle", Page); })();"""
CONVERT = """all => all.map(([mode, saved]) => { const f = new window.Filter(mode);
    f.configureFromSavedFilter({find_filter: {}, object_filter: saved, ui_options: {}}); return JSON.parse(JSON.stringify(f.makeFilter())); })"""


@pytest.mark.real_stash
def test_the_golden_file_is_what_the_pages_make(tmp_path: Path) -> None:
    """The pages of the Stash at hand still make of every saved filter what the golden file holds."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright (pip install playwright)")
    import shutil

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not program:
        pytest.skip("no Chromium on PATH")
    stash = RealStash(tmp_path)
    folder = tmp_path / "plugins" / "oracle"
    folder.mkdir()
    (folder / "oracle.js").write_text(ORACLE)
    (folder / "oracle.yml").write_text("name: oracle\nui: {javascript: [oracle.js]}\n")

    def asked() -> list:
        with playwright.sync_playwright() as started:
            browser = started.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            page = browser.new_page()
            page.goto(f"{stash.url}/plugins/oracle")
            page.wait_for_function("!!window.Filter")
            told = page.evaluate(CONVERT, [[PAGE_OF[plural], saved] for plural, saved, _ in GOLDEN])
            browser.close()
            return told

    # In a thread of its own: the tests of the panel keep a browser of theirs in this one.
    with stash, ThreadPoolExecutor(1) as thread:
        assert thread.submit(asked).result() == [api for _, _, api in GOLDEN]
