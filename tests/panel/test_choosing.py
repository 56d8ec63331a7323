"""Which records leave: filters, saved filters, "Export these…" on Stash's own lists, and choices kept under a name. Over the pretended back end."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import HOME, asked, export_button, numbers, set_scenario, started, unfold

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.stash import RealStash

pytestmark = pytest.mark.real_stash
# Stash's cards ask for previews that this library does not have.
NO_MEDIA = "Failed to load resource"


def pick(page: Any, picker: str, *names: str) -> None:
    """Choose by typing in one of Stash's pickers."""
    page.click(f"#{picker}")
    for name in names:
        page.keyboard.type(name)
        page.locator(f".react-select__option:has-text({json.dumps(name)})").first.click()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")


def only(page: Any, *kinds: str) -> None:
    """Tick these kinds and no other."""
    page.click("label[for=sp-all]")
    for kind in kinds:
        page.click(f"label[for=sp-kind-{kind}]")


def save_filter(stash: RealStash, mode: str, name: str, object_filter: dict[str, Any], q: str = "") -> None:
    """Keep a filter in Stash, as its own page does."""
    given = {"mode": mode, "name": name, "find_filter": {"q": q}, "object_filter": object_filter, "ui_options": {}}
    stash.gql("mutation($input: SaveFilterInput!) { saveFilter(input: $input) { id } }", {"input": given})


WELL_RATED = {
    "rating100": {"modifier": "GREATER_THAN", "value": {"value": 40}},
    "tags": {"modifier": "INCLUDES", "value": {"items": [{"id": "6", "label": "six"}], "excluded": [], "depth": -1}},
}
WELL_RATED_FOR_THE_API = {
    "rating100": {"modifier": "GREATER_THAN", "value": 40},
    "tags": {"modifier": "INCLUDES", "value": ["6"], "excludes": [], "depth": -1},
}


def test_each_filter_is_sent_and_said(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """What is set in the filters is what the task gets, and the sentence has all of it in words."""
    set_scenario(pretended.plugin_folder, matches=7)
    found = pretended.gql("{ tags: findTags(ids: [3, 9]) { all: tags { id name } } studios: findStudios(ids: [2]) { all: studios { id name } } }")
    tags, studio = found["tags"]["all"], found["studios"]["all"][0]
    page = open_page(pretended.url + HOME)
    export_button(page)
    only(page, "scenes", "performers")
    unfold(page, "Filters")
    pick(page, "sp-filter-tags", *(tag["name"] for tag in tags))
    page.select_option("#sp-filter-tags-mode", "any")
    page.click("label[for=sp-filter-tags-below]")
    pick(page, "sp-filter-studios", studio["name"])
    page.fill("#sp-filter-text", "mo")
    page.fill("#sp-filter-dateFrom-first", "2001-02-03")
    page.fill("#sp-filter-createdFrom-last", "2030-01-01")
    page.fill("#sp-filter-rating-first", "20")
    page.fill("#sp-filter-rating-last", "80")
    page.select_option("#sp-filter-organized", "no")
    page.select_option("#sp-filter-favorite", "yes")
    pick(page, "sp-filter-has", "Details")
    page.wait_for_selector(".sp-summary button:has-text('14 records')")
    said = page.inner_text(".sp-readback")
    for words in (
        f"with the tag “{tags[0]['name']}” or “{tags[1]['name']}”,", f"of the studio “{studio['name']}” (or below)", "with the text “mo”",
        "2001 or later", "2030 or earlier", "rated 20 to 80", "that are not organized", "that are favourites", "with details of performers",
    ):  # fmt: skip
        assert words in said
    wanted = {
        "tags": {"any": [f"tag:{tag['id']}" for tag in tags]}, "subTags": False, "studios": ["studio:2"], "subStudios": True, "text": "mo", "dateFrom": "2001-02-03",
        "createdUntil": "2030-01-01", "ratingMin": 20, "ratingMax": 80, "organized": False, "favorite": True, "has": ["performers.details"],
    }  # fmt: skip
    assert asked(pretended.plugin_folder, "count")[-1]["config"] == {"kinds": ["performers", "scenes"], "includeFiles": True, "filters": wanted}
    assert started(page, export_button(page).click)["config"]["filters"] == wanted
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    page.click("button:has-text('Export again')")
    assert page.inner_text(".sp-readback").endswith(said.partition("only those")[2])


def test_impossible_filters_are_refused_in_words(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """A range that ends before it begins, a rating that is none: said at once, nothing is asked."""
    set_scenario(pretended.plugin_folder, matches=0)
    page = open_page(pretended.url + HOME)
    button = export_button(page)
    unfold(page, "Filters")
    for field, value, reason in (
        ("dateFrom-first", "2020-01-02", ""), ("dateFrom-last", "2020-01-01", "the first day is after the last"), ("dateFrom-last", "", ""),
        ("rating-last", "101", "from 0 to 100"), ("rating-last", "10", ""), ("rating-first", "20", "lowest rating is above"),
    ):  # fmt: skip
        page.fill(f"#sp-filter-{field}", value)
        if reason:
            page.wait_for_selector(f"#sp-reason:has-text('{reason}')")
            assert button.is_disabled()
    page.fill("#sp-filter-rating-first", "5")
    page.wait_for_selector("#sp-reason:has-text('Nothing in your library matches')")
    page.click("text=Clear all filters")
    export_button(page)


def test_counting_is_one_at_a_time_and_the_last_wins(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """However fast somebody types, questions follow each other, and the number shown is that of the last."""
    set_scenario(pretended.plugin_folder, counting=1.5, matches=5)
    before = len(asked(pretended.plugin_folder, "count"))
    page = open_page(pretended.url + HOME)
    export_button(page)
    only(page, "scenes")
    unfold(page, "Filters")
    at_work = {"now": 0, "most": 0}

    def is_count(request: Any) -> bool:
        return '"mode":"count"' in (request.post_data or "")

    def note(request: Any, by: int) -> None:
        if is_count(request):
            at_work["now"] += by
            at_work["most"] = max(at_work["most"], at_work["now"])

    page.on("request", lambda request: note(request, 1))
    page.on("requestfinished", lambda request: note(request, -1))
    page.fill("#sp-filter-text", "a")
    page.wait_for_timeout(800)
    for text in ("ab", "abc", "abcd"):
        page.fill("#sp-filter-text", text)
        page.wait_for_timeout(100)
    page.wait_for_selector(".sp-summary button:has-text('5 records')")
    texts = [args["config"]["filters"]["text"] for args in asked(pretended.plugin_folder, "count")[before:]]
    assert texts == ["a", "abcd"]
    assert at_work == {"now": 0, "most": 1}


def test_a_saved_filter_is_converted_by_stash_itself(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """The number beside the kind is Stash's own, the task gets the API's form, and a changed or deleted one is noticed at the next visit."""
    set_scenario(pretended.plugin_folder)
    save_filter(pretended, "SCENES", "Well rated", WELL_RATED)
    page = open_page(pretended.url + HOME)
    export_button(page)
    only(page, "scenes")
    unfold(page, "Filters")
    page.select_option("#sp-saved-scenes", "Well rated")
    count = "query($f: SceneFilterType) { findScenes(filter: {per_page: 0}, scene_filter: $f) { count } }"
    there = pretended.gql(count, {"f": WELL_RATED_FOR_THE_API})["findScenes"]["count"]
    assert 0 < there < 300
    page.wait_for_selector(f".sp-summary button:text-is('Export {there} records')")
    assert "in the saved filter “Well rated”" in page.inner_text(".sp-readback")
    assert asked(pretended.plugin_folder, "count") == [] or asked(pretended.plugin_folder, "count")[-1]["config"]["filters"].get("filter") is None
    config = started(page, export_button(page).click)["config"]
    assert config["filters"] == {"filter": {"scenes": WELL_RATED_FOR_THE_API}}
    page.wait_for_selector(".sp-verdict:has-text('Done')")

    saved = pretended.gql("{ findSavedFilters(mode: SCENES) { id name } }")["findSavedFilters"]
    which = next(one["id"] for one in saved if one["name"] == "Well rated")
    change = {"id": which, "mode": "SCENES", "name": "Well rated", "find_filter": {"q": ""}, "object_filter": {"rating100": WELL_RATED["rating100"]}}
    pretended.gql("mutation($input: SaveFilterInput!) { saveFilter(input: $input) { id } }", {"input": change})
    page.reload()
    rated = {"rating100": WELL_RATED_FOR_THE_API["rating100"]}
    there = pretended.gql(count, {"f": rated})["findScenes"]["count"]
    page.wait_for_selector(f".sp-summary button:text-is('Export {there} records')")
    pretended.gql("mutation($id: ID!) { destroySavedFilter(input: {id: $id}) }", {"id": which})
    page.reload()
    page.wait_for_selector("#sp-reason:has-text('no saved filter “Well rated” of scenes any more')")
    page.select_option("#sp-saved-scenes", "")
    page.wait_for_selector(".sp-summary button:text-is('Export 300 records')")


def test_the_text_of_a_saved_filter_is_for_its_own_kind(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """A saved filter's search text is shown beside it, and narrows its own kind alone; what is typed into the box narrows every kind as well."""
    set_scenario(pretended.plugin_folder, matches=7)
    save_filter(pretended, "PERFORMERS", "Janes", {"gender": {"modifier": "INCLUDES", "value": ["Female", "Transgender Male"]}}, q="jane")
    page = open_page(pretended.url + HOME)
    export_button(page)
    only(page, "performers", "scenes")
    unfold(page, "Presets", "Filters")
    page.select_option("#sp-saved-performers", "Janes")
    gender = {"gender": {"modifier": "INCLUDES", "value_list": ["FEMALE", "TRANSGENDER_MALE"]}}
    asks = 'query($f: PerformerFilterType) { findPerformers(filter: {per_page: 0, q: "jane"}, performer_filter: $f) { count } }'
    there = pretended.gql(asks, {"f": gender})["findPerformers"]["count"]
    page.wait_for_selector(f".sp-kind:has(#sp-kind-performers) .sp-count:text-is('{there}')")
    assert page.inner_text(".sp-kind:has(#sp-kind-scenes) .sp-count") == "300"
    assert page.input_value("#sp-filter-text") == ""
    assert "With its text “jane”, for performers alone." in page.inner_text("#sp-filters, .sp-field:has(#sp-saved-performers)")
    assert "in the saved filter “Janes” with its text “jane” (performers)" in page.inner_text(".sp-readback")

    page.fill("#sp-filter-text", "mo")
    page.wait_for_selector(".sp-summary button:has-text('14 records')")
    wanted = {"filter": {"performers": gender}, "text": {"all": "mo", "performers": "jane"}}
    assert asked(pretended.plugin_folder, "count")[-1]["config"]["filters"] == wanted
    page.fill("#sp-preset-name", "Janes and all")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]:has-text('“Janes and all” is saved.')")
    assert asked(pretended.plugin_folder, "savePreset")[-1]["config"]["filters"] == {"savedFilter": {"performers": "Janes"}, "text": "mo"}
    page.click("[aria-label='Delete Janes and all…']")
    page.click("text=Delete preset")
    page.wait_for_selector(".sp-preset", state="detached")
    page.fill("#sp-filter-text", "")
    page.wait_for_selector(f".sp-kind:has(#sp-kind-performers) .sp-count:text-is('{there}')")
    assert started(page, export_button(page).click)["config"]["filters"] == {"filter": {"performers": gender}, "text": {"performers": "jane"}}
    page.wait_for_selector(".sp-verdict:has-text('Done')")


PLAIN = '("type":"organized","modifier":"EQUALS","value":"true")'
FAVOURITE = '("type":"filter_favorites","modifier":"EQUALS","value":"true")'
LISTS: list[tuple[str, str, dict[str, Any], str, str]] = [
    (f"/performers?c={FAVOURITE}", "performers", {"filter_favorites": True}, "", "Favo"),
    (f"/scenes?q=a&c={PLAIN}", "scenes", {"organized": True}, "a", "Organized is true"),
    ("/performers/4/scenes", "scenes", {"performers": {"value": ["4"], "excludes": [], "modifier": "INCLUDES_ALL"}}, "", "Performers include"),
    ("/performers/4/images", "images", {"performers": {"value": ["4"], "excludes": [], "modifier": "INCLUDES_ALL"}}, "", "Performers include"),
    ("/groups", "groups", {}, "", "all groups"),
    ("/studios", "studios", {}, "", "all studios"),
    ("/tags?q=a", "tags", {}, "a", "the text “a”"),
    ("/galleries", "galleries", {}, "", "all galleries"),
]


def export_these(page: Any) -> None:
    """Press the entry in the list's menu."""
    entry = page.locator("text=Export these… >> visible=true")
    page.locator("[id*=more-menu]:visible, .scene-list-operations .dropdown-toggle:visible").last.click()
    entry.click()
    page.wait_for_selector(".sp-from-list")


@pytest.mark.parametrize(("address", "kind", "wanted", "text", "words"), LISTS, ids=[row[0].partition("?")[0] for row in LISTS])
def test_export_these(
    pretended: RealStash, open_page: Callable[..., Any], address: str, kind: str, wanted: dict[str, Any], text: str, words: str
) -> None:
    """A list of Stash's opens the export page for exactly what it shows, and a reload changes nothing."""
    set_scenario(pretended.plugin_folder, matches=7)
    page = open_page(pretended.url + address, allow=NO_MEDIA)
    page.wait_for_selector(".card")
    find, singular = f"find{kind.capitalize()}", "gallery" if kind == "galleries" else kind.removesuffix("s")
    asks = f"query($f: {singular.capitalize()}FilterType, $q: String) {{ {find}(filter: {{per_page: 0, q: $q}}, {singular}_filter: $f) {{ count }} }}"
    there = pretended.gql(asks, {"f": wanted, "q": text})[find]["count"]
    export_these(page)
    for again in (False, True):
        if again:
            page.reload()
        export_button(page)
        if wanted or not text:  # a text alone is counted by the back end
            page.wait_for_selector(f".sp-kind:has(#sp-kind-{kind}) .sp-count:text-is('{there}')")
        assert page.locator(".sp-kind input:checked").evaluate_all("boxes => boxes.map(box => box.id)") == [f"sp-kind-{kind}"]
        assert words in page.inner_text(".sp-from-list") + page.inner_text(".sp-readback")
    config = started(page, export_button(page).click)["config"]
    assert config["kinds"] == [kind]
    assert config.get("filters", {}) == ({"filter": {kind: wanted}} if wanted else {}) | ({"text": text} if text else {})
    page.wait_for_selector(".sp-verdict:has-text('Done')")


@pytest.mark.parametrize("mode", ["performers", "scenes", "scenes as a table"])
def test_export_what_is_ticked(pretended: RealStash, open_page: Callable[..., Any], mode: str) -> None:
    """Ticked rows win over the filter, in cards and in tables; the choice made before is there again afterwards."""
    kind = mode.partition(" ")[0]
    page = open_page(f"{pretended.url}/{kind}{'?disp=1' if 'table' in mode else ''}", allow=NO_MEDIA)
    boxes = page.locator("tbody input[type=checkbox]" if "table" in mode else ".card input[type=checkbox]")
    page.wait_for_selector("tbody tr a" if "table" in mode else ".card a")
    expected = []
    for row in (1, 3):
        link = page.locator("tbody tr" if "table" in mode else f".{kind.removesuffix('s')}-card").nth(row).locator(f"a[href*='/{kind}/']").first
        expected.append(re.search(r"/(\d+)", link.get_attribute("href"))[1])
        boxes.nth(row).click(force=True)
    export_these(page)
    page.wait_for_selector(".sp-summary button:text-is('Export 2 records')")
    assert "2 " + kind + " ticked in Stash's list" in page.inner_text(".sp-from-list")
    config = started(page, export_button(page).click)["config"]
    assert config["kinds"] == [kind]
    assert sorted(config["filters"].pop("ids").pop(kind)) == sorted(expected)
    assert config["filters"] == {}
    page.wait_for_selector(".sp-verdict:has-text('Done')")
    page.click(".sp-tabs >> text=Export")
    page.click("button:has-text('Export again')")
    assert numbers(export_button(page).inner_text()) > 1000


def test_a_selection_that_cannot_be_read_is_said(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """If Stash hides which scenes are ticked, the page says that it took them all."""
    page = open_page(pretended.url + "/scenes", allow=NO_MEDIA)
    page.wait_for_selector(".scene-card")
    page.locator(".scene-card input[type=checkbox]").nth(1).click(force=True)
    page.evaluate("() => { const keys = Object.keys; Object.keys = of => of instanceof Node ? [] : keys(of); }")
    export_these(page)
    page.wait_for_selector(".sp-warn:has-text('does not tell which')")
    assert numbers(export_button(page).inner_text()) == 300


def test_presets(pretended: RealStash, open_page: Callable[..., Any]) -> None:
    """Saved, used after a reload, replaced and deleted in two steps; never with a secret, and the page still opens with one question."""
    set_scenario(pretended.plugin_folder, matches=7)
    save_filter(pretended, "SCENES", "For a preset", WELL_RATED)
    tags = [tag["name"] for tag in pretended.gql("{ findTags(ids: [3, 9]) { tags { name } } }")["findTags"]["tags"]]
    page = open_page(pretended.url + HOME)
    export_button(page)
    only(page, "scenes", "performers")
    unfold(page, "Presets", "Filters", "Privacy", "Encryption")
    pick(page, "sp-filter-tags", *tags)
    page.select_option("#sp-saved-scenes", "For a preset")
    page.click("label[for=sp-profile-share]")
    page.click("label[for=sp-encrypt-passphrase]")
    page.fill("#sp-passphrase", "correct horse battery")
    page.fill("#sp-passphrase-again", "correct horse battery")
    page.click("label[for=sp-compress-zip]")
    page.wait_for_selector(".sp-summary button:has-text('14 records')")
    said = page.inner_text(".sp-readback").partition("only those")[2]
    page.fill("#sp-preset-name", "For friends")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]:has-text('“For friends” is saved.')")
    kept = asked(pretended.plugin_folder, "savePreset")[-1]
    assert "horse" not in json.dumps(kept)
    assert kept["config"]["filters"] == {"tags": ["tag:3", "tag:9"], "subTags": True, "savedFilter": {"scenes": "For a preset"}}
    assert kept["config"]["encrypt"] == {"secret": ""}

    page.evaluate("localStorage.clear()")
    questions: list[str] = []
    page.on("request", lambda request: questions.append(request.post_data) if "runPluginOperation" in (request.post_data or "") else None)
    page.goto(pretended.url + "/settings?tab=tools")
    page.evaluate("localStorage.clear()")
    page.click("a.stash-port-bar:visible")
    assert numbers(export_button(page).inner_text()) > 1000
    assert len(questions) == 1
    unfold(page, "Presets")
    page.wait_for_selector(f".sp-preset:has-text('with the tags “{tags[0]}” and “{tags[1]}” (or below)')")
    page.click("[aria-label='Use For friends']")
    page.wait_for_selector("#sp-reason:has-text('Type a passphrase')")
    page.wait_for_selector(".sp-summary button:has-text('14 records')")
    assert page.inner_text(".sp-readback").partition("only those")[2] == said
    assert page.input_value("#sp-passphrase") == ""

    page.click("[aria-label='Delete For friends…']")
    page.wait_for_selector("text=Delete “For friends” for good?")
    page.keyboard.press("Enter")  # the focus is on "Keep it"
    assert page.locator(".sp-preset").count() == 1
    page.click("[aria-label='Delete For friends…']")
    page.click("text=Delete preset")
    page.wait_for_selector(".sp-preset", state="detached")
    assert asked(pretended.plugin_folder, "deletePreset")[-1]["name"] == "For friends"
