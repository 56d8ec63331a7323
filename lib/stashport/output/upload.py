"""Sends a finished, proven file to a URL: PUT or POST, with progress, tried again when the network or the server fails, never followed elsewhere.

With a secret, the header X-Stash-Port-Signature carries `sha256=` and the HMAC-SHA256 of the body in hex, so that the receiver knows whom it is from.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from stashport.errors import BadRequest, MissingLibrary, UploadFailed

TIMEOUT = (10.0, 60.0)
PAUSES = (1.0, 4.0, 15.0)
METHODS = ("PUT", "POST")
_PIECE = 1 << 18
_REFUSALS = {401: "a login is needed (HTTP 401)", 403: "it is not allowed (HTTP 403)", 413: "the file is too large for it (HTTP 413)"}
_KNOWN = (
    ("refused", "connection refused"), ("timed out", "no answer in time"), ("CERTIFICATE", "its certificate is not trusted"),
    ("resolve", "its name is not known"), ("reset", "the connection was cut"), ("aborted", "the connection was cut"),
)
_TYPES = {".json": "application/json", ".ndjson": "application/x-ndjson", ".zip": "application/zip", ".gz": "application/gzip", ".xml": "application/xml"}


def shown(url: str) -> str:
    """An address as it may be told: without login, query and fragment, which can hold secrets."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return urlunsplit((parts.scheme, host + (f":{parts.port}" if parts.port else ""), parts.path, "", ""))


def check_url(url: str) -> None:
    """Errors: BadRequest for what is no http(s) address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadRequest(what=f"{shown(url) or url[:40]} is no address that an export can be sent to: it begins with https:// or http://.")


def upload(path: Path, url: str, *, method: str = "PUT", secret: bytes | None = None, advance: Callable[[int], None] = lambda _: None) -> int:
    """Send a file; the status that the server answered.

    advance   called with the number of bytes of each piece that was sent; a stop is raised from there
    Errors: UploadFailed with the reason and what the server said; MissingLibrary.
    """
    try:
        import requests
    except ImportError as error:
        raise MissingLibrary(feature="Sending an export to a URL", package="requests", feature_name="http") from error
    headers = {"Content-Type": _TYPES.get(path.suffix, "application/octet-stream"), "Content-Length": str(path.stat().st_size)}
    if secret:
        headers["X-Stash-Port-Signature"] = f"sha256={_signature(path, secret)}"
    reason = ""
    for pause in (*PAUSES, None):
        try:
            with requests.request(
                method, url, data=_Body(path, advance), headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                status = answer.status_code
                if 200 <= status < 300:
                    return status
                reason = _refusal(status, answer.headers.get("location"))
        except requests.RequestException as error:
            status, reason = 0, _short(error)
        if pause is None or (400 <= status < 500 and status not in (408, 425, 429)) or 300 <= status < 400:
            break
        time.sleep(pause)
    raise UploadFailed(url=shown(url), reason=reason)


class _Body:
    """A file as a request's body: its length is known, and each piece is told."""

    def __init__(self, path: Path, advance: Callable[[int], None]) -> None:
        self._path, self._advance = path, advance
        self._size = path.stat().st_size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
                self._advance(len(piece))


def _signature(path: Path, secret: bytes) -> str:
    code = hmac.new(secret, digestmod=hashlib.sha256)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            code.update(piece)
    return code.hexdigest()


def _refusal(status: int, location: str | None) -> str:
    if location:
        return f"it sends on to {shown(location) or 'elsewhere'} (HTTP {status}), and exports are not sent on"
    return _REFUSALS.get(status, f"HTTP {status}")


def _short(error: Exception) -> str:
    text = str(error)
    return next((plain for word, plain in _KNOWN if word in text), type(error).__name__)
