"""Settings that may leave Stash: by name only, and never a secret."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.model.settings import FREE_SECTIONS, SECRET, SETTINGS, TYPES, key_of, without_secrets

CLASSES = {"public", "personal", "path", "identifying"}


def test_every_setting_has_a_privacy_class():
    """Each setting of the list has one of the known classes, none of them secret, and each section is read from a type of the server or is free."""
    assert {privacy for section in SETTINGS.values() for privacy in section.values()} <= CLASSES
    assert set(TYPES) | set(FREE_SECTIONS) == set(SETTINGS)
    assert all(not SETTINGS[name] for name in FREE_SECTIONS)


def test_no_secret_is_on_the_list():
    """What is known as a secret stands in no list of what may leave, under no spelling of its key, alone or inside another setting."""
    listed = " ".join(selection for section in SETTINGS.values() for selection in section).lower()
    for names in SECRET.values():
        for name in names:
            assert name.lower() not in {key_of(selection).lower() for section in SETTINGS.values() for selection in section}
    for word in ("apikey", "api_key", "password", "token", "handykey", "jwt", "session_store"):
        assert word not in listed


def test_keys_are_the_first_word():
    """A setting's key is its selection without what is inside it."""
    assert key_of("stashes{path excludeVideo}") == "stashes"
    assert key_of("language") == "language"
    keys = [key_of(selection) for selection in SETTINGS["general"]]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("key", ["apiKey", "api_key", "token", "accessToken", "password", "Passwort-passw", "clientSecret", "credentials", "cookie", "authorization", "bearer", "sessionId", "webhook"])
def test_what_looks_like_a_secret_stays(key):
    """A text or number under a key that sounds like a secret is taken out, at any depth, and its path is told."""
    removed = []
    value = {"plugin": {key: "s3cr3t", "list": [{key: 12345}], "enabled": True}}
    kept = without_secrets(value, removed)
    assert "s3cr3t" not in json.dumps(kept)
    assert "12345" not in json.dumps(kept)
    assert any(path.startswith(f"plugin.{key}") for path in removed)
    assert any(path.startswith(f"plugin.list[0].{key}") for path in removed)
    assert kept["plugin"]["enabled"] is True


def test_harmless_values_under_such_keys_stay():
    """Switches, empty values, and words that merely sound like a secret, stay."""
    removed = []
    value = {"showKey": True, "apiKey": "", "token": None, "keyboard": {"next": "j"}, "author": "A. Writer", "keyword": "walk"}
    assert without_secrets(value, removed) == value
    assert removed == []


@pytest.mark.parametrize("url", ["https://user:pass@nas/stash", "smb://me:word@host", "see ftp://a:b@c for it"])
def test_logins_in_addresses_stay(url):
    """The login of an address does not leave, whatever its key is called, and its path is told."""
    removed = []
    kept = json.dumps(without_secrets({"proxy": url, "list": [url]}, removed))
    assert not any(login in kept for login in ("user:pass", "me:word", "a:b"))
    assert removed == ["proxy", "list[0]"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)))
def test_what_is_given_is_not_changed(value):
    """The copy is a copy; taking out twice takes out nothing more; a value without secrets is the same."""
    before = json.dumps(value)
    removed = []
    kept = without_secrets(value, removed)
    assert json.dumps(value) == before
    again = []
    assert without_secrets(kept, again) == kept
    assert again == []
    if not removed:
        assert kept == value
