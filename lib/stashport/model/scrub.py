r"""Takes out of free text what must not leave: secrets, paths, addresses of private machines, e-mail addresses, checksums of files.

What is found is replaced by a word in brackets, and only that: the text around it stays.  It knows shapes ("https://ann:pw@site.example",
"D:\Clips\x.mp4", "api_key=..."); a name or a secret that looks like any other word it cannot know, unless it is told (`words`).  Every repetition in
these expressions is bounded, so that no text, however made, takes long.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

SECRET, PATH, ADDRESS, MAIL, CHECKSUM, WORD = "[secret]", "[path]", "[address]", "[mail]", "[checksum]", "[removed]"
PLACEHOLDERS = frozenset({SECRET, PATH, ADDRESS, MAIL, CHECKSUM, WORD})

# What secrets are called.  A value after a strong name is one; weak names are also words of titles ("My Secret: Part 2"), their values must look the part.
_STRONG = r"(?:api|access|private|secret)[ _-]?key|token|passw(?:or)?d|passphrase|passcode|pwd|authorization|credentials?|client[ _-]?secret"
_WEAK = r"secret|cookie|session|sess|sid|auth|key|csrf|pin|signature|sig"
_QUOTED = r"\"[^\"\n]{1,4000}\"|'[^'\n]{1,4000}'"
_VALUE = rf"(?:(?:bearer|basic)\s{{1,4}})?(?:{_QUOTED}|\[secret\]|[^\s\"',;&]{{1,4000}})"
_AFTER_STRONG = rf"(?<![\w.-])([\w.-]{{0,40}}?(?:{_STRONG})[\w.-]{{0,40}}[\"']?\s{{0,4}}[:=]\s{{0,4}})"
_NAMED = re.compile(rf"(?i){_AFTER_STRONG}{_VALUE}")
_NAMED_IN_CODE = re.compile(rf"(?i){_AFTER_STRONG}(?:{_QUOTED})")
_NAMED_WEAKLY = re.compile(
    rf"(?i)(?<![\w.-])((?:[\w.-]{{0,40}}?[_.-])?(?:{_WEAK})(?:[_.-][\w.-]{{0,40}}|id|s)?[\"']?\s{{0,4}}(?:=|:(?=\s{{0,4}}[\"']?(?=\S{{6}})[^\s\"',;&]{{0,40}}\d))\s{{0,4}}){_VALUE}"
)
_COOKIES = re.compile(r"(?i)\b((?:set-)?cookie\s{0,4}:\s{0,4})[^\n=]{0,400}=[^\n]{0,8000}")
# What is a secret by its looks: private keys, JSON web tokens (Stash's own keys are some), bearer tokens, the marks of well-known services.
_TOKENS = re.compile(
    r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?s:.{0,4000}?)(?:-----END [A-Z ]{0,20}PRIVATE KEY-----|\Z)|\beyJ[\w-]{6,2000}\.[\w-]{4,4000}(?:\.[\w-]{0,2000})?"
    r"|(?i:\bbearer|\bbasic)\s{1,4}(?=[\w.~+/-]{0,400}\d)[\w.~+/-]{12,8000}=*|\b(?:sk|pk|rk)[-_][\w-]{16,400}|\bgh[opsur]_\w{20,400}|\bgithub_pat_\w{20,400}"
    r"|\bglpat-[\w-]{16,400}|\bxox[abeoprs]-[\w-]{10,400}|\bA(?:KIA|SIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,400}|\b\d{8,10}:AA[\w-]{30,400}|\bAGE-SECRET-KEY-\w{1,400}"
)
_LONG = re.compile(r"(?<![\w-])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{32,}={0,2}(?![\w-])")
_LONG_BUT_CHECKSUMS = re.compile(r"(?![0-9a-f]+(?!\w))" + _LONG.pattern)
_CHECKSUMS = re.compile(r"(?i)(?<![\w-])(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{16,}(?![\w-])")

_URL = re.compile(r"(?i)(?<![a-z0-9])([a-z][a-z0-9+.-]{1,20})(:/{2,3})(\[[^\s\]]{0,64}\][^\s<>\"'/?#]{0,16}|[^\s<>\"'/?#]{0,1000})([^\s<>\"']{0,8000})")
_HOOKS = re.compile(r"(?i)/api/webhooks/|/bot\d{6,}:|^/services/T\w+/B\w+/")
_PARAMETERS = re.compile(rf"(?i)([?&;#](?:[\w.%-]{{0,40}}(?:{_STRONG}|{_WEAK}|user(?:name)?|login)[\w.%-]{{0,40}})=)[^&#;\s]{{1,8000}}")
_PATH_PARAMETERS = re.compile(r"(?i)(=)(?:/|%2f|[a-z](?::|%3a)(?:/|\\|%2f|%5c)|\\\\|%5c%5c|~/)[^&#;\s]{1,8000}")
_MAIL_IN_URL = re.compile(r"(?i)[\w.+-]{1,64}(?:@|%40)[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}")

# Machines at home: names that no public server has, and services that lead to such a machine.
_HOMES = (
    r"(?:local|lan|home|internal|intranet|localdomain|localnet|corp|private|home\.arpa|fritz\.box|myfritz\.net|ts\.net|duckdns\.org|ddns\.net|dyndns\.(?:org|info)"
    r"|no-ip\.(?:org|com|biz|info)|hopto\.org|zapto\.org|sytes\.net|myds\.me|synology\.me|quickconnect\.to|myqnapcloud\.com|dedyn\.io|dynu\.(?:com|net)"
    r"|freeboxos\.fr|asuscomm\.com|ngrok(?:-free)?\.(?:io|app|dev)|trycloudflare\.com|plex\.direct|onion)"
)
_HOME = re.compile(rf"(?i)(?:^|\.){_HOMES}\.?$")
_NUMBERS = re.compile(r"[\d.]+|\[.*|0x[0-9a-f]+")
_TAIL = r"(?::\d{1,5})?(?:[/?#][^\s<>\"']{0,4000})?"
_ADDRESSES = re.compile(
    rf"(?i)(?<![\w.-])(?:localhost(?![\w-]){_TAIL}|(?:[\w-]{{1,64}}\.){{1,8}}{_HOMES}(?![\w-]){_TAIL}|(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?![\w.]){_TAIL}"
    r"|\[?(?=[0-9a-f:]{0,40}(?:[a-f]|::))(?:[0-9a-f]{1,4}:|:){2,8}[0-9a-f]{0,4}(?:%\w{1,16})?(?!\w)\]?(?::\d{1,5})?"
    r"|(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?!\w)|[a-z][\w.-]{0,64}:\d{2,5}/[^\s<>\"']{0,4000})"
)
_MAILS = re.compile(r"[^\s/:@<>\"']{1,64}:[^\s/@<>\"']{1,64}@[\w-][\w.-]{0,255}|[\w.+%-]{1,64}@[\w-]{1,64}(?:(?:\.[\w-]{1,64}){1,8}|(?=[:/]))")


def _path(separators: str) -> tuple[str, str]:
    """What a folder in a path looks like, and what its end.  Both may have spaces: a folder's before its separator, a file's before its ending."""
    name = rf"[^\s{separators}<>\"|]{{1,255}}"
    return rf"(?:{name}(?: {name}){{0,12}}[{separators}]){{%s}}", rf"(?:{name}(?: {name}){{0,12}}?\.\w{{2,5}}(?!\w)|(?:{name})?)"


_MEDIA = (
    r"\.(?:mp4|m4v|mkv|webm|avi|mov|wmv|flv|mpe?g|ts|vob|iso|jpe?g|png|gif|webp|avif|heic|bmp|tiff?|zip|cbz|cbr|rar|7z|srt|vtt|ass|funscript|nfo|sqlite|db"
    r"|ya?ml|json|txt|log)(?!\w)"
)
(_FOLDERS, _END), (_ANY_FOLDERS, _ANY_END) = _path("/"), _path(r"\\/")
_PATHS = re.compile(
    rf"(?i)(?<!\w)(?:[a-z]:[\\/]{_ANY_FOLDERS % '0,60'}{_ANY_END}|\\\\{_ANY_FOLDERS % '1,60'}{_ANY_END}|~[\w.-]{{0,64}}/{_FOLDERS % '0,60'}{_END}"
    rf"|/{_FOLDERS % '1,60'}{_END}|/?(?:[^\s\\/<>\"|:]{{1,255}}[\\/]){{1,60}}[^\s\\/<>\"|]{{1,255}}{_MEDIA}|/[^\s\\/<>\"|]{{1,255}}{_MEDIA}"
    rf"|(?:[^\s\\/<>\"|:]{{1,255}}\\){{2,60}}{_ANY_END})"
)
# Most texts are a few words, and most addresses a host and a page: these find out quickly that nothing below can be in them.
_WORTH_A_LOOK = re.compile(r"[/\\@:=]|[\w-]\.[\w-]|[\w-]{16}|(?i:bearer|basic)\s|-----BEGIN")
_REST_WORTH_A_LOOK = re.compile(r"[?&;#@%=:~]|[\w-]{16}|(?i:webhooks|/services/)")


class Scrubber:
    """Scrubs texts: always of secrets, logins, addresses and e-mail addresses; of paths and checksums unless they may stay; of `words` wherever they stand."""

    def __init__(self, *, paths: bool = False, checksums: bool = False, words: Iterable[str] = ()) -> None:
        self._steps = [(_MAILS, MAIL), (_TOKENS, SECRET), (_COOKIES, rf"\1{SECRET}"), (_NAMED, rf"\1{SECRET}"), (_NAMED_WEAKLY, rf"\1{SECRET}")]
        self._steps += [] if paths else [(_PATHS, PATH)]
        self._steps += [(_ADDRESSES, ADDRESS)]
        self._steps += [(_LONG_BUT_CHECKSUMS, SECRET)] if checksums else [(_CHECKSUMS, CHECKSUM), (_LONG, SECRET)]
        self._paths = paths
        listed = sorted({word for word in words if len(word) > 2}, key=len, reverse=True)
        self._words = re.compile(rf"(?i)(?<!\w)(?:{'|'.join(map(re.escape, listed))})(?!\w)") if listed else None

    def text(self, text: str) -> str:
        """A text without what must not leave."""
        if self._words:
            text = self._words.sub(WORD, text)
        if not _WORTH_A_LOOK.search(text):
            return text
        pieces, last = [], 0
        for found in _URL.finditer(text):
            pieces += [self._plain(text[last : found.start()]), self._url(found)]
            last = found.end()
        return "".join([*pieces, self._plain(text[last:])])

    def _plain(self, text: str) -> str:
        for pattern, instead in self._steps:
            text = pattern.sub(instead, text)
        return text

    def _url(self, found: re.Match[str]) -> str:
        scheme, slashes, authority, rest = found.groups()
        host, _, port = authority.rpartition("@")[2].partition(":") if "[" not in authority else (authority, "", "")
        if scheme.lower() not in ("http", "https") or private_host(host) or port not in ("", "80", "443"):
            return ADDRESS
        return f"{scheme}{slashes}{host}{_clean_rest(rest, paths=self._paths)}"


@functools.lru_cache(10_000)
def private_host(host: str) -> bool:
    """Whether a host is a machine at home: a number, a name without a dot, a name that no public server has, or one of a service for such machines."""
    return "." not in host.strip(".") or bool(_NUMBERS.fullmatch(host)) or bool(_HOME.search(host))


def _clean_rest(rest: str, *, paths: bool) -> str:
    """What follows the host in a URL, without secrets, e-mail addresses and local paths."""
    if not _REST_WORTH_A_LOOK.search(rest):
        return rest
    if _HOOKS.search(rest):
        return f"/{SECRET}"
    rest = _TOKENS.sub(SECRET, _PARAMETERS.sub(rf"\1{SECRET}", rest))
    rest = rest if paths else _PATH_PARAMETERS.sub(rf"\1{PATH}", rest)
    return _MAIL_IN_URL.sub(MAIL, rest)


def without_secrets_in(text: str) -> str:
    """A text of the settings without logins and secrets and otherwise as it was: it may be a script or a style sheet, which must go on working."""
    if _LONG.fullmatch(text.strip()):
        return SECRET
    text = _COOKIES.sub(rf"\1{SECRET}", _TOKENS.sub(SECRET, text))
    code = "\n" in text or len(text) > 400
    text = _NAMED_IN_CODE.sub(rf'\1"{SECRET}"', text) if code else _NAMED.sub(rf"\1{SECRET}", text)

    def cleaned(found: re.Match[str]) -> str:
        scheme, slashes, authority, rest = found.groups()
        rest = f"/{SECRET}" if _HOOKS.search(rest) else _PARAMETERS.sub(rf"\1{SECRET}", rest)
        return f"{scheme}{slashes}{authority.rpartition('@')[2]}{rest}"

    return _URL.sub(cleaned, text)
