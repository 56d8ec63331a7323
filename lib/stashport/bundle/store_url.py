"""Addresses of places that are no folder: s3://bucket/path, sftp://user@host/path, webdavs://host/path, and whatever else fsspec can open.

A login may stand in the address (user:password@), but better in the environment or in the usual file of each store; it is never part of what is shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from stashport.errors import BadRequest, MissingLibrary

USER, PASSWORD = "STASH_PORT_STORE_USER", "STASH_PORT_STORE_PASSWORD"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters at least: C:// is a Windows disk
_PACKAGES = {"s3": "s3fs", "sftp": "paramiko", "webdav": "webdav4"}
_S3_KEYS = {"endpoint", "region", "profile"}
_TIMEOUT = 60
_NO_MEMORY = {"use_listings_cache": False}  # other machines write there as well


class Address(NamedTuple):
    """What it takes to open a store.

    protocol  as fsspec calls it; options: for its file system; root: the folder there; shown: for people; secrets: texts that no message may hold
    whole     a file appears there as a whole or not at all, so that no temporary name is needed
    """

    protocol: str
    options: dict[str, Any]
    root: str
    shown: str
    secrets: tuple[str, ...]
    whole: bool = False


def is_url(text: str) -> bool:
    """Whether a place is an address, and not a folder."""
    return bool(_URL.match(text)) and not text.lower().startswith("file://")


def shown(text: str) -> str:
    """A place as it may be told: without login and query."""
    return _parse(text).shown if is_url(text) else text


def _parse(text: str) -> Address:
    parts = urlsplit(text)
    try:
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        raise BadRequest(what="The address of the vault is none: its port is no number.") from None
    if parts.scheme == "s3":
        host = parts.netloc.rpartition("@")[2]  # buckets keep their spelling
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    root = unquote(parts.path).rstrip("/")
    told = f"{parts.scheme}://{host}{port if parts.scheme != 's3' else ''}{root}"
    secrets = tuple(one for one in (password, parts.password or "") if one)
    return Address(parts.scheme, {"user": user, "password": password, "host": host, "port": parts.port if parts.scheme != "s3" else None}, root, told, secrets)


def address(text: str) -> Address:
    """Where a store is and what opens it.  Errors: BadRequest."""
    found, query = _parse(text), dict(parse_qsl(urlsplit(text).query))
    makers: dict[str, Callable[[Address, dict[str, str]], Address]] = {"s3": _s3, "s3a": _s3, "sftp": _sftp, "ssh": _sftp}
    makers |= dict.fromkeys(("webdav", "webdavs", "dav", "davs"), _webdav)
    made = makers.get(found.protocol, _other)(found, query)
    if query:
        raise BadRequest(what=f"The address of the vault has a part that is not known here: {', '.join(query)}.")
    return made


def _login(found: Address) -> tuple[str, str, tuple[str, ...]]:
    user = found.options["user"] or os.environ.get(USER, "")
    password = found.options["password"] or os.environ.get(PASSWORD, "")
    return user, password, (*found.secrets, *((password,) if password else ()))


def _s3(found: Address, query: dict[str, str]) -> Address:
    """Keys, region and endpoint: from the address, else as every S3 program takes them (AWS_... variables, ~/.aws)."""
    told = {key: query.pop(key) for key in _S3_KEYS & query.keys()}
    if not found.options["host"]:
        raise BadRequest(what="An S3 address names a bucket: s3://bucket/folder.")
    options: dict[str, Any] = _NO_MEMORY | {"config_kwargs": {"connect_timeout": 10, "read_timeout": _TIMEOUT, "retries": {"max_attempts": 2}}}
    if found.options["user"]:
        options |= {"key": found.options["user"], "secret": found.options["password"]}
    if "endpoint" in told:
        options["endpoint_url"] = told["endpoint"]
    if "region" in told:
        options["client_kwargs"] = {"region_name": told["region"]}
    if "profile" in told:
        options["profile"] = told["profile"]
    secrets = (*found.secrets, *((found.options["user"],) if found.options["user"] else ()))
    return Address("s3", options, found.options["host"] + found.root, found.shown, secrets, whole=True)


def _sftp(found: Address, _: dict[str, str]) -> Address:
    """Keys from the agent and ~/.ssh; the host must be known to ~/.ssh/known_hosts, since a password must not be told to a stranger."""
    user, password, secrets = _login(found)
    options: dict[str, Any] = {"host": found.options["host"], "port": found.options["port"] or 22, "timeout": 10, "banner_timeout": 20, "auth_timeout": 20}
    options |= {"username": user} if user else {}
    options |= {"password": password} if password else {}
    return Address("sftp", options, found.root or ".", found.shown, secrets)


def _webdav(found: Address, _: dict[str, str]) -> Address:
    user, password, secrets = _login(found)
    scheme = "https" if found.protocol.endswith("s") else "http"
    port = f":{found.options['port']}" if found.options["port"] else ""
    options: dict[str, Any] = {"base_url": f"{scheme}://{found.options['host']}{port}", "timeout": _TIMEOUT}
    options |= {"auth": (user, password)} if user else {}
    return Address("webdav", options, found.root.lstrip("/"), found.shown, secrets)


def _other(found: Address, query: dict[str, str]) -> Address:
    """Any other store takes the address as it stands; what login it needs, it finds by its own custom."""
    if found.options["password"]:
        raise BadRequest(what=f"For {found.protocol}:// the login belongs into the usual configuration of that store, not into the address.")
    whole = found.protocol in ("memory", "gs", "gcs", "abfs", "az")
    return Address(found.protocol, dict(_NO_MEMORY), found.options["host"] + found.root, found.shown, (), whole)


def file_system(found: Address) -> Any:
    """The file system of a store, not shared with anybody and without a memory of what it listed.  Errors: MissingLibrary, and whatever it raises."""
    try:
        import fsspec
    except ImportError as error:
        raise MissingLibrary(feature="A vault that is not a folder", package="fsspec", feature_name="stores") from error
    try:
        kind = fsspec.get_filesystem_class(found.protocol)
        return kind(**(_host_keys(found.options) if found.protocol == "sftp" else found.options), skip_instance_cache=True)
    except ImportError as error:
        package = _PACKAGES.get(found.protocol, f"fsspec[{found.protocol}]")
        name = found.protocol if found.protocol in _PACKAGES else "stores"
        raise MissingLibrary(feature=f"A vault at {found.protocol}://", package=package, feature_name=name) from error
    except ValueError as error:
        raise BadRequest(what=f"There is no kind of place called {found.protocol}://: {error}.") from error


def _host_keys(options: dict[str, Any]) -> dict[str, Any]:
    """Fsspec's own choices either know no host or trust every one: this refuses those that are not in the user's known_hosts."""
    import paramiko

    class Known(paramiko.RejectPolicy):  # type: ignore[misc]
        """Looks the host up where ssh does."""

        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
            """Errors: SSHException."""
            client.load_system_host_keys()
            if not client._system_host_keys.check(hostname, key):  # noqa: SLF001 - paramiko has no other way to ask
                super().missing_host_key(client, hostname, key)

    return {**options, "host_key_policy": Known}
