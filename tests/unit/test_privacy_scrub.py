"""What is searched for in texts: secrets, paths, private addresses, e-mail addresses and checksums go, everything else stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stashport.model.scrub import PLACEHOLDERS, Scrubber, private_host, without_secrets_in
from support.records import some_text

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ1aWQiOiJ4In0.c2lnbmF0dXJl"
scrub = Scrubber(words=["tower-7", "no"]).text

GONE = {
    # paths
    r"see D:\Users\Ann Smith\My clip one.mp4 there": "see [path] there", r"\\nas\share\x y\z and": "[path] and", "C:/Media/x.mkv": "[path]",
    "in /home/ann smith/Videos/secret file.mp4, later": "in [path], later", "at ~/x/y": "at [path]", "from /mnt/user/media": "from [path]",
    "Location:/mnt/user/x": "Location:[path]", "(/srv/media/a.mp4)": "[path])", "/x.mp4 alone": "[path] alone", "Videos/private/x.mp4": "[path]",
    r"Videos\private\zz": "[path]", "file:///mnt/a/b": "[address]",
    # addresses
    "http://nas.local:9999/scenes/4 end": "[address] end", "http://192.168.7.31/x": "[address]", "http://tower/x": "[address]", "my-nas.lan": "[address]",
    "https://me.duckdns.org/stash": "[address]", "http://x.example:9999/a": "[address]", "http://[fe80::1]:9999/x": "[address]", "10.0.0.5:9999/x": "[address]",
    "fe80::1ff:fe23:4567:890a": "[address]", "00:1A:2b:3c:4d:5e": "[address]", "localhost:9999": "[address]", "mediabox:9999/scenes/3": "[address]",
    "smb://nas/share/x": "[address]", "ftp://ftp.site.example/x": "[address]",
    # people
    "write to ann@mail.example now": "write to [mail] now", "ssh ann@nas:/mnt/x": "ssh [mail]:[path]", "ann:pw@site.example": "[mail]",
    # secrets
    "https://ann:pw@site.example/x?a=1": "https://site.example/x?a=1", "https://ann@site.example/": "https://site.example/",
    "https://site.example/x?api_key=abc&u=2#t": "https://site.example/x?api_key=[secret]&u=2#t",
    "https://cdn.example/v?Expires=1&Signature=ab": "https://cdn.example/v?Expires=1&Signature=[secret]",
    "https://site.example/?file=/home/a/c.mp4&mail=ann%40x.example": "https://site.example/?file=[path]&mail=[mail]",
    f"https://site.example/#{TOKEN}": "https://site.example/#[secret]",
    "https://hooks.example/api/webhooks/1/abc": "https://hooks.example/[secret]", "Cookie: session=ab; theme=dark\nnext": "Cookie: [secret]\nnext",
    "session=abc; csrftoken=qq": "session=[secret]; csrftoken=[secret]", "password: hunter": "password: [secret]", '{"token":"abc"}': '{"token":[secret]}',
    "X-Api-Key: abc": "X-Api-Key: [secret]", "Authorization: Bearer abc": "Authorization: [secret]", f"key {TOKEN} key": "key [secret] key",
    "the secret = 'x y'": "the secret = [secret]",
    "bearer abcdefgh12345678": "[secret]", "ghp_abcdefghijklmnopqrst1234": "[secret]", "sid: a1b2c3d4": "sid: [secret]",
    "use Abcdefghijklmnopqrstuvwxyz0123456789 now": "use [secret] now",
    "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----.": "[secret].",
    # checksums, and words that were told
    "md5 d41d8cd98f00b204e9800998ecf8427e": "md5 [checksum]", "oshash 1f2e3d4c5b6a7988": "oshash [checksum]", "on Tower-7 today": "on [removed] today",
}  # fmt: skip
STAYS = (
    "", "Outdoors", "My Secret: Part 2", "My Secret: Part two", "The Key: 2020 edition", "12:30:45", "Ratio 16:9, 1.2.3", "and/or w/ a/b", "AC/DC 4/5 stars",
    "tokens of love",
    "6c9d2ba0-90f4-4d4a-8c5b-0f6f3f5b1c11", "Vol. 1: Ann & Bea (2020)", "https://www.site.example/en/scenes/1?page=2#top", "see www.site.example/a/b/c.html",
    "S@ra @home",
    "She said: yes = yes", "first walk.mp4", "C: the movie", "No. 5 - no", "1:02:03:04", "Cookie time", "a\\b", "~", "/", "//",
    "山田/太郎", "Sessions, sessions",
    "caf\udce9", "x" * 5000, "LP-001", "Abcdefghijklmnopqrstuvwxyzabcdefghijklmnop", "5/6/2020", "https://site.example",
)  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), GONE.items())
def test_goes(text: str, expected: str) -> None:
    """What must not leave is replaced, and only that; a second time changes nothing."""
    assert scrub(text) == expected
    assert scrub(expected) == expected


@pytest.mark.parametrize("text", STAYS)
def test_stays(text: str) -> None:
    """Titles, names, public addresses and numbers stay as they are."""
    assert scrub(text) == text


def test_what_was_chosen_stays() -> None:
    """Where paths or checksums may leave, they stay in texts too; secrets never do."""
    free = Scrubber(paths=True, checksums=True).text
    text = "/srv/media/a.mp4 d41d8cd98f00b204e9800998ecf8427e"
    assert free(text) == text
    assert free(f"{text} password=x {TOKEN}") == f"{text} password=[secret] [secret]"
    assert free("Abcdefghijklmnopqrstuvwxyz0123456789") == "[secret]"


@pytest.mark.parametrize("host", ["nas", "localhost", "10.0.0.1", "nas.local", "a.b.LAN", "fritz.box", "me.myds.me", "[::1]", "", "me.ts.net.", "8.8.8.8"])
def test_hosts_at_home(host: str) -> None:
    """Names and numbers that lead to a machine at home."""
    assert private_host(host)


@pytest.mark.parametrize("host", ["site.example", "www.site.co.uk", "local.example", "lan.site.example", "duckdns.org.example"])
def test_public_hosts(host: str) -> None:
    """Public names, also those with such a word in them."""
    assert not private_host(host)


@given(st.lists(some_text() | st.sampled_from([*GONE, "://", "@", ":", "/", "\\", "key=", "=", "token"]), max_size=6).map("".join))
def test_any_text_comes_through_once(text: str) -> None:
    """No text breaks it, and texts of which nothing was taken are the very same."""
    found = scrub(text)
    assert found == text or any(word in found for word in PLACEHOLDERS) or "@" in text
    without_secrets_in(text)


@pytest.mark.parametrize("hard", [
    "a", "-", "/a ", "a/", " a", "a.", ":a", "a@", "key", "token-", "\\a", "http://", "1.", "ab:", "cookie:", "-----BEGIN PRIVATE KEY-----", "eyJaaaaaa-",
    "~/", "key=", "\\\\a b ",
    "bearer ", "token ", "[", "http://a.b/?key=", "::",
])  # fmt: skip
def test_no_text_takes_long(hard: str) -> None:
    """Thirty thousand characters made to be hard are through in a moment."""
    started = time.process_time()
    scrub("/" + hard * (30_000 // len(hard)))
    without_secrets_in(hard * (30_000 // len(hard)))
    assert time.process_time() - started < 3
