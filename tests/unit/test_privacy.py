"""Privacy: what may be asked for, and that the lists of what leaves are complete and held to the table of fields."""

from __future__ import annotations

import json

import pytest
from stashport.errors import BadRequest, UnknownField
from stashport.model.fields import BY_NAME, KINDS
from stashport.model.privacy import Privacy
from stashport.model.privacy_rules import ANONYMOUS, ANONYMOUS_NAMES, CHANGES, KEPT_BACK, PROFILES, SHARE, WHOLLY, change_of
from stashport.model.pseudonyms import Pseudonyms
from stashport.model.records import Batch, IdSet
from stashport.model.settings import SECRET, SETTINGS, sounds_secret, without_secrets
from stashport.model.table import Field, Kind
from stashport.output.shuffle import shuffled

CLASSES = {"public", "personal", "path", "identifying", "secret"}


def named(kind: Kind) -> dict[str, Field]:
    """Every field of a kind, those in rows as list.field."""
    return {one.name: one for one in kind.fields} | {f"{one.name}.{inner.name}": inner for one in kind.fields for inner in one.fields}


def test_every_field_has_a_class_that_is_known() -> None:
    """A class that the profiles do not know would be a field that nobody has thought about."""
    assert {f.privacy for kind in KINDS for f in named(kind).values()} <= CLASSES


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_field_was_thought_about(kind: Kind) -> None:
    """A new field fails here until somebody puts it on the list of what may be shared, or gives it a class that stays at home."""
    left = {name for name, f in named(kind).items() if f.privacy == "public"} - SHARE.get(kind.name, frozenset())
    assert left == ({"section", "key"} if kind.name == "setting" else set())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_may_be_shared_is_in_the_table_and_of_a_class_that_may(kind: Kind) -> None:
    """The list by names and the classes agree: nothing personal or secret is on the list, and no name that is none."""
    fields, listed = named(kind), SHARE.get(kind.name, frozenset())
    assert listed <= set(fields)
    assert {fields[name].privacy for name in listed} <= {"public", "path", "identifying"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_anonymous_lets_out_is_public_and_shared_and_has_its_change(kind: Kind) -> None:
    """Anonymous lets out nothing that share keeps back; each field of it is either changed by name or kept back for a written reason."""
    fields, listed = named(kind), ANONYMOUS_NAMES.get(kind.name, frozenset())
    assert listed <= {name for name in SHARE.get(kind.name, ()) if fields[name].privacy == "public"}
    public = {name for name in SHARE.get(kind.name, ()) if fields[name].privacy == "public" and fields[name.partition(".")[0]].privacy == "public"}
    assert public - listed == {name.partition(".")[2] for name in KEPT_BACK if name.startswith(f"{kind.name}.")} & set(fields)
    for name, change in ANONYMOUS.get(kind.name, {}).items():
        assert (fields[name].type in ("ref", "refs")) == (change == "link"), name
        if fields[name].type in ("text", "texts"):
            assert change in ("url", "word", "language") or change[0].isupper(), f"{name}: a text leaves as it is"


def test_rules_name_nothing_that_is_not_there() -> None:
    """No list speaks of a kind, a field or a change that does not exist."""
    assert set(SHARE) | set(ANONYMOUS) | set(WHOLLY) <= set(BY_NAME)
    assert all(name.partition(".")[2] in BY_NAME[name.partition(".")[0]].by_name for name in KEPT_BACK)
    assert {change for changes in ANONYMOUS.values() for change in changes.values() if change[0].islower()} == {*CHANGES, "url"}


def test_a_field_nobody_has_thought_about_stays_inside() -> None:
    """A field that a later version adds to the table leaves in full only, whatever its class; one of an unknown class leaves nowhere."""
    new, strange = Field("new", "text"), Field("strange", "text", privacy="odd")
    for profile, expected in (("full", ("new",)), ("share", ()), ("anonymous", ())):
        privacy = Privacy.parse(profile)
        assert tuple(f.name for f in privacy.fields(BY_NAME["scene"], (new, strange))) == expected
        assert privacy.fields(Kind("gadget", "gadgets", "Gadget", "gadgets t", (new,)), (new,)) == ((new,) if profile == "full" else ())


@pytest.mark.parametrize(("given", "kinds", "without"), [
    ("full", {kind.name for kind in KINDS}, ""),
    ("share", set(SHARE) - {"folder"},
    "rating100 play_history o_history custom_fields organized favorite resume_time path created_at stash_ids fingerprints image cover_image"),
    ({"profile": "share", "keepPaths": True}, set(SHARE), "rating100 created_at mod_time stash_ids fingerprints"),
    ({"profile": "share", "keepIdentifying": True}, set(SHARE) - {"folder"}, "rating100 path basename parent_folder o_counter play_duration"),
    ("anonymous", set(ANONYMOUS), "rating100 path stash_ids fingerprints image cover_image front_image country tattoos sort_name custom_fields"),
    ({"anonymizeData": True}, set(ANONYMOUS), "path stash_ids"),
    ({"excludePersonalData": True}, {kind.name for kind in KINDS} - {"folder", "saved_filter", "setting"}, "rating100 path basename favorite updated_at"),
    ({"excludePersonalData": True, "keepPaths": True}, {kind.name for kind in KINDS} - {"saved_filter", "setting"}, "rating100 favorite mod_time"),
    ({"keepPaths": False}, {kind.name for kind in KINDS} - {"folder"}, "path basename"),
    ({"keepIdentifying": False}, {kind.name for kind in KINDS}, "stash_ids fingerprints image front_image back_image cover_image"),
    ({"excludeFields": ["details", "scene.code"]}, {kind.name for kind in KINDS}, "details"),
])  # fmt: skip
def test_profiles_let_out_what_they_say(given: object, kinds: set[str], without: str) -> None:
    """Each way of asking lets out these kinds, and of no kind these fields, nor anything like them in rows."""
    privacy = Privacy.parse(given)
    assert {kind.name for kind in privacy.kinds(KINDS)} == kinds
    left = {kind.name: privacy.fields(kind, kind.fields) for kind in KINDS}
    assert {f.name for fields in left.values() for one in fields for f in (one, *one.fields)}.isdisjoint(without.split())
    assert all(fields == () for name, fields in left.items() if name not in kinds)
    assert {name for name, fields in left.items() if fields} == kinds


def test_full_is_everything_as_it_is() -> None:
    """Without a wish nothing is left out, and records are not even looked at; settings alone are, for secrets."""
    for given in (None, {}, "full", {"profile": "full", "excludePersonalData": False, "anonymizeData": "false", "excludeFields": []}):
        privacy = Privacy.parse(given)
        assert privacy == Privacy()
        for kind in KINDS:
            assert privacy.fields(kind, kind.fields) == kind.fields
            assert (privacy.change(kind, kind.fields) is None) == (kind.name != "setting")


def test_excluded_fields_are_of_one_kind_or_of_all() -> None:
    """A name alone means every kind that has such a field; with a kind before it, only that one; a task's text of names works too."""
    assert Privacy.parse({"excludeFields": "scenes.details, tag.name"}).excludeFields == ("scenes.details", "tags.name")
    assert set(Privacy.parse({"excludeFields": ["director"]}).excludeFields) == {"groups.director", "scenes.director"}


@pytest.mark.parametrize("given", [
    "secret", "", 7, ["share"], {"profil": "share"}, {"profile": "open"}, {"profile": 3}, {"profile": ["share"]}, {"keepPaths": "perhaps"}, {"keepPaths": 1},
    {"excludeFields": 5}, {"excludeFields": [5]}, {"excludeFields": {"scenes": True}}, {"profile": "anonymous", "keepPaths": True},
    {"profile": "anonymous", "keepIdentifying": True}, {"profile": "share", "anonymizeData": True}, {"profile": "full", "anonymizeData": True}, {7: 8},
    {"key": "x"},
])  # fmt: skip
def test_what_cannot_be_is_refused(given: object) -> None:
    """What is unknown, of the wrong sort or at odds with itself is refused in words."""
    if given == "":
        assert Privacy.parse(given) == Privacy()  # the form's empty choice
        return
    with pytest.raises(BadRequest) as caught:
        Privacy.parse(given)
    assert "privacy" in caught.value.message


@pytest.mark.parametrize("name", ["detail", "scenes.detail", "scene", "scenes", "gadgets.details", "id", "scenes.scene_markers.title", "", "."])
def test_unknown_fields_are_refused(name: str) -> None:
    """A misspelt field would leave after all: it is refused."""
    with pytest.raises(UnknownField):
        Privacy.parse({"excludeFields": [name]})


def test_links_survive_and_numbers_can_be_told_back() -> None:
    """The change maps the id of a record and every reference to it alike, keeps a primary file first, and `originals` knows the way back."""
    privacy = Privacy.parse("anonymous", key=b"k")
    scene, tag = BY_NAME["scene"], BY_NAME["tag"]
    fields = tuple(f for f in scene.fields if f.name in ("tags", "files", "studio", "groups"))
    given = {"id": "scene:7", "tags": ["tag:1", "tag:2", "tag:3"], "files": ["file:9", "file:1", "file:2"], "studio": None,
             "groups": [{"group": f"group:{n}", "scene_index": n} for n in range(1, 9)]}
    change, change_tag = privacy.change(scene, fields), privacy.change(tag, ())
    assert change
    assert change_tag
    (new,) = change(Batch(records=[given])).records
    tags = {record["id"] for record in change_tag(Batch(records=[{"id": name} for name in given["tags"]])).records}
    assert set(new["tags"]) == tags
    assert len(tags) == 3
    assert new["files"][0] == change_file(privacy, "file:9")
    assert [int(row["group"][6:]) for row in new["groups"]] == sorted(int(row["group"][6:]) for row in new["groups"])
    numbers = IdSet()
    for name in tags:
        numbers.add(int(name[4:]))
    assert list(privacy.originals({"tag": numbers})["tag"]) == [1, 2, 3]
    assert list(Privacy().originals({"tag": numbers})["tag"]) == list(numbers)
    assert privacy.change(scene, fields)(Batch(records=[given])).lines == change(Batch(records=[given])).lines


def change_file(privacy: Privacy, identity: str) -> str:
    """The new id of a file."""
    change = privacy.change(BY_NAME["file"], ())
    assert change
    new: str = change(Batch(records=[{"id": identity}])).records[0]["id"]
    return new


def test_numbers_are_another_order_of_the_same_numbers() -> None:
    """No two ids become one, none becomes 0, all can be told back, and their set stays as small as a library's."""
    made = Pseudonyms(b"key")
    new = {made.number("scene", number) for number in range(1, 30_001)}
    assert len(new) == 30_000
    assert min(new) > 0
    assert max(new) < 1 << 24
    zero = made._unmixed("tag", 0, 0)
    assert made._mixed("tag", 0, zero) == 0
    for number in (1, 2, zero, (1 << 24) - 1, 1 << 24, 2**31 + 5, 2**40):
        assert made.original("tag", made.number("tag", number)) == number
    assert sum(made.number("scene", n) == made.number("tag", n) for n in range(1, 5000)) < 5


def test_shuffled_keeps_every_record_and_loses_their_order() -> None:
    """All records come out, by number, in batches that fit into memory."""
    privacy = Privacy.parse("anonymous")
    change = privacy.change(BY_NAME["tag"], BY_NAME["tag"].fields)
    assert change
    given = [change(Batch(records=[{"id": f"tag:{n}", "name": f"tag {n}"} for n in range(start, start + 400)])) for start in range(1, 2001, 400)]
    found = list(shuffled(given))
    assert [len(batch) for batch in found] == [500] * 4
    before, after = ([line for batch in batches for line in batch.lines] for batches in (given, found))
    assert sorted(before) == sorted(after)
    assert before != after
    assert list(shuffled([])) == []


@pytest.mark.parametrize(("name", "given", "expected"), [
    ("year", "2020-05-17", "2020"), ("year", "2020", "2020"), ("year", "soon", None), ("year", "2020-05-17T10:00", None), ("year", "٢٠٢٠", None), ("decade",
    "1987-11", "1980"),
    ("decade", 7, None), ("minutes", 59, 0), ("minutes", 599.9, 540.0), ("minutes", 1803.5, 1800.0), ("minutes", 2000, 1800), ("minutes", -1, None),
    ("minutes", float("nan"), None), ("minutes", "7", None), ("roughly", 734003200, 700000000), ("roughly", 0, 0), ("roughly", True, None), ("edge", 1918,
    1920),
    ("edge", 0, None), ("edge", 10**30, None), ("rate", 29.97, 30.0), ("rate", 23.976, 24.0), ("word", "FEMALE", "FEMALE"), ("word", "Jane Doe", "other"),
    ("word", None, None),
    ("language", "en", "en"), ("language", "english", None), ("number", 3, 3), ("number", True, None), ("number", "3", None), ("flag", False, False), ("flag",
    "no", None),
    ("link", "tag:3", None), ("url", 5, None), ("Text", 5, None), ("Text", None, None),
])  # fmt: skip
def test_coarse_values(name: str, given: object, expected: object) -> None:
    """Each change does what it says, gives nothing for what it does not know, and changes nothing a second time."""
    change = change_of(name, Pseudonyms(b""))
    assert change(given) == expected
    assert type(change(given)) is type(expected)
    assert change(change(given)) == expected


def test_addresses_keep_which_site_they_are_of() -> None:
    """Pages of one site stay pages of one site; its name, logins and what follows are gone."""
    url = Pseudonyms(b"k").url
    one, two = url("https://www.site.example/a?b"), url("http://ann:pw@site.example/c")
    assert one.rpartition("/")[0] == two.rpartition("/")[0]
    assert one != two
    assert url("no address") == url("no address") != url("another")
    assert "site" not in one


# --- settings: secrets leave in no profile ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [
    "apiKey", "api_key", "API-KEY", "token", "accessToken", "password", "passwd", "pass", "PIN", "secretThing", "cookies", "sessionId", "authHeader",
    "authorization",
    "webhookUrl", "stashdbApi", "jwt", "userPwd", "privateThing", "key", "sid", "signature", "otp",
])  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    """However it is spelled, a secret's name is known as one."""
    assert sounds_secret(name)


@pytest.mark.parametrize("name", ["keyboardShortcuts", "keywords", "author", "authors", "hotkeys", "pinnedFilters", "bypass", "capital", "rapidScroll",
"columns", "monkey"])
def test_names_that_only_sound_like_secrets(name: str) -> None:
    """Words that merely hold such a word do not cost a setting."""
    assert not sounds_secret(name)


def test_secrets_go_from_free_maps_and_the_rest_stays() -> None:
    """By name, below such a name, beside such a name, in addresses, in JSON within a text, in scripts, and by their looks."""
    web_token = "eyJhbGciOiJIUzI1NiJ9.eyJ1aWQiOiJ4In0.c2lnbmF0dXJl"
    given = {
        "apiKey": "X1", "tokens": ["X2", "X3"], "auth": {"user": "X4", "on": True, "deep": [{"a": "X5"}], "number": 55501}, "pin": 55502,
        "list": [{"name": "apiKey", "value": "X6"}, {"name": "speed", "value": 3}], "url": "https://X7:X8@site.example/a",
        "hook": "https://discord.com/api/webhooks/1/X9",
        "json": '{"password":"X10","left":1}', "script": 'let a = get("token");\nconst apiKey = "X11";\nrun(a)', "odd": web_token,
        "line": "curl -H 'Authorization: Bearer X12'",
        "long": "d41d8cd98f00b204e9800998ecf8427e", "query": "https://site.example/?a=1&api_key=X13", "cookie_jar": "", "token_on": False,
        "kept": "plain", "number": 7, "nothing": None, "uuid": "6c9d2ba0-90f4-4d4a-8c5b-0f6f3f5b1c11", "jsonish": "{not json", "list2": [1, "two"],
    }  # fmt: skip
    removed: list[str] = []
    clean = json.loads(json.dumps(without_secrets(given, removed)))
    text = json.dumps(clean)
    assert "X" not in text
    assert all(part not in text for part in ("5550", "eyJ", "d41d8"))
    assert clean["auth"] == {"on": True, "deep": [{}]}
    assert clean["list"][1] == {"name": "speed", "value": 3}
    assert clean["url"] == "https://site.example/a"
    assert json.loads(clean["json"]) == {"left": 1}
    assert clean["script"] == 'let a = get("token");\nconst apiKey = "[secret]";\nrun(a)'
    for name in ("cookie_jar", "token_on", "kept", "number", "nothing", "uuid", "jsonish", "list2"):
        assert clean[name] == given[name]
    assert len(removed) == 16
    assert without_secrets(clean, []) == clean


def test_settings_leave_without_secrets_and_without_paths_where_these_stay() -> None:
    """Also in full: keys in any section, unknown settings, what Stash keeps secret; the run can say out of which settings something was taken."""
    setting = BY_NAME["setting"]
    given = {
        "general.stashBoxes": [{"endpoint": "https://u:S1@box.example", "name": "box", "api_key": "S2"}], "general.apiKey": "S3", "general.unknown": "S4",
        "interface.css": "b{}", "interface.handyKey": "S5", "plugins.thing": {"token": "S6", "folder": "/srv/media/things", "speed": 2},
        "ui.notes": "at /home/ann/x.mp4",
        "general.databasePath": "/srv/stash.sqlite", "dlna.whitelistedIPs": ["10.0.0.7"], "general.parallelTasks": 2, "odd": "S7",
    }  # fmt: skip
    records = [{"id": f"setting:{name}", "section": name.partition(".")[0], "key": name.partition(".")[2], "value": value} for name, value in given.items()]
    for wish, paths in (({}, True), ({"keepPaths": False, "keepIdentifying": False}, False)):
        privacy = Privacy.parse(wish)
        change = privacy.change(setting, setting.fields)
        assert change
        found = {record["id"][8:]: record["value"] for record in change(Batch(records=json.loads(json.dumps(records)))).records}
        text = json.dumps(found)
        assert list(found) == list(given)
        assert not any(f"S{n}" in text for n in range(1, 8))
        assert ("/srv/stash.sqlite" in text, "/srv/media" in text, "/home/ann" in text, "10.0.0.7" in text) == (paths,) * 4
        assert found["plugins.thing"]["speed"] == found["general.parallelTasks"] == 2
        assert privacy.removed == ["general.stashBoxes[0].endpoint", "general.stashBoxes[0].api_key", "plugins.thing.token"]
    assert all(f"{section}.{name}" not in SETTINGS.get(section, {}) for section, names in SECRET.items() for name in names)


# --- what an export says about itself -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_the_head_of_an_export_says_nothing_of_places_and_secrets(profile: str) -> None:
    """Of what was chosen the head repeats names only; in full also filters, but no target, key, path or login."""
    chosen = {
        "format": "json", "kinds": ["scenes"], "fields": {"scenes": ["title"]}, "to": "/srv/X1", "url": "https://a:X2@nas.local/X3", "target": {"url": "X4"},
        "apiKeyFile": "X5",
        "encrypt": {"passphrase": "X6"}, "filter": {"scenes": {"path": {"value": "/srv/media/X7"}, "title": {"value": "beach"}}}, "passphrase": "X8",
        "options": {"template": "X9"},
        "signatureHeader": "X10", "download": "X11",
    }  # fmt: skip
    privacy = Privacy.parse(profile, key=b"X12", words=["X13"])
    text = json.dumps([privacy.choices({**chosen, "filters": {"name": "on X13"}}), privacy.header(), privacy.record(), repr(privacy)])
    assert "X" not in text
    assert ("beach" in text) == (profile == "full")
    assert '"kinds": ["scenes"]' in text
    assert privacy.header()["profile"] == privacy.record()["profile"] == profile


def test_two_exports_have_two_keys() -> None:
    """The key is drawn anew for each export and belongs neither to what is compared nor to what is shown."""
    one, two = Privacy.parse("anonymous"), Privacy.parse("anonymous")
    assert one.key != two.key
    assert one == two
    assert len(one.key) == 32
    assert not one.images
    assert not Privacy.parse("share").images
    assert Privacy.parse({"profile": "share", "keepIdentifying": True}).images


@pytest.mark.parametrize("profile", PROFILES)
def test_the_account_names_every_field_once(profile: str) -> None:
    """What people are told leaves is what leaves, and all the rest is told to stay, with a reason."""
    privacy = Privacy.parse(profile)
    for kind in KINDS:
        part = privacy.account()[kind.plural]
        left = {name for one in privacy.fields(kind, kind.fields) for name in (one.name, *(f"{one.name}.{f.name}" for f in one.fields))}
        assert set(part["leaves"]) == left
        assert all({*part["leaves"].values(), *part["stays"].values()})
        below = {name for name in named(kind) if name.partition(".")[0] in part["stays"]}
        assert {*part["leaves"], *part["stays"]} | below == set(named(kind))
