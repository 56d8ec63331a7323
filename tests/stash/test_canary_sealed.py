"""The canaries again, where an export is packed as 7z, comes in numbered parts, or is encrypted: opened, it holds what may leave; closed, nothing at all.

What the runs leave behind in the state folder (record, log, report, secrets that were handed over) is searched as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from stashport.bundle.age_keys import new_identity
from stashport.bundle.age_reader import DecryptingReader
from stashport.bundle.sevenzip import read_7z
from stashport.jobs.context import Context
from stashport.jobs.export import export
from stashport.output.proof import prove
from stashport.runs import secrets
from stashport.runs.state import State
from stashport.stash.source import DatabaseFile, open_source

from .test_canary import NEVER, PROFILES, WHOLE, planted, unpacked

if TYPE_CHECKING:
    from .test_canary import Canaries

__all__ = ["planted"]  # the fixture

pytest.importorskip("cryptography", reason="no cryptography (pip install cryptography)")
pytest.importorskip("py7zr", reason="no py7zr (pip install py7zr)")

PASSPHRASE = "zqpassphrase correct horse"
IDENTITY, RECIPIENT = new_identity()


class Variant(NamedTuple):
    """A configuration, and how what it makes is closed: "7z", "7z lock", "recipient", "passphrase", or not at all."""

    config: dict[str, Any]
    closed: str = ""


VARIANTS = {
    "parts by number": Variant({"format": "ndjson", "chunkSize": 50}),
    "parts by size, zipped": Variant({"format": "csv", "maxFileSize": 30_000, "compress": "zip"}),
    "bundles in parts": Variant({"format": "bundle", "chunkSize": 100}),
    "7z": Variant({"format": "json", "compress": "7z"}, "7z"),
    "7z with its lock": Variant({"format": "csv", "compress": "7z"}, "7z lock"),
    "7z of parts": Variant({"format": "xml", "compress": "7z", "chunkSize": 100}, "7z"),
    "age, plain JSON": Variant({"format": "json"}, "recipient"),
    "age, a bundle": Variant({"format": "bundle"}, "recipient"),
    "age, tables": Variant({"format": "csv"}, "recipient"),
    "age, a template": Variant({"format": "template", "options": WHOLE["template"]}, "recipient"),
    "age, parts": Variant({"format": "ndjson", "chunkSize": 50}, "recipient"),
    "age, by passphrase": Variant({"format": "ndjson"}, "passphrase"),
}


def opened(path: Path, closed: str, folder: Path) -> Path:
    """What an export holds, as a file or a folder that anybody could read."""
    inside = folder / "inside"
    if closed.startswith("7z"):
        inside.mkdir()
        read_7z(path, inside, PASSPHRASE if "lock" in closed else None)
        return inside
    if not closed:
        return path
    keys: dict[str, Any] = {"identities": [IDENTITY]} if closed == "recipient" else {"passphrase": PASSPHRASE}
    with path.open("rb") as file, DecryptingReader(file, **keys) as plain:
        inside.write_bytes(plain.read())
    return inside


@pytest.mark.parametrize("profile", ["full", "share", "anonymous"])
@pytest.mark.parametrize("name", VARIANTS)
def test_canaries_packed_and_sealed(planted: tuple[Path, Canaries], tmp_path: Path, name: str, profile: str) -> None:
    """Opened, an export holds the words that may leave and no others; encrypted, none; record, log, report and secrets hold no word and no passphrase."""
    database, canaries = planted
    variant, state = VARIANTS[name], State(tmp_path / "state")
    handed = {"secret": secrets.keep(state, PASSPHRASE)} if variant.closed in ("7z lock", "passphrase") else {"recipients": [RECIPIENT]}
    seal = {"7z lock": {"encrypt7z": handed}, "passphrase": {"encrypt": handed}, "recipient": {"encrypt": handed}}.get(variant.closed, {})
    wish = PROFILES[profile][0] if profile in PROFILES else profile
    with open_source(DatabaseFile(database)) as source:
        run = export({**variant.config, **seal, "to": str(tmp_path / "out"), "privacy": wish}, Context(state, source))
    assert run.exit_code == 0

    inside = opened(tmp_path / "out", variant.closed, tmp_path)
    columns, planted_secrets = canaries.found(b"\n".join(unpacked(inside)))
    if profile == "full":
        assert (columns, planted_secrets) == (set(canaries.words) - NEVER, set(canaries.secrets.values()))
    else:
        assert (columns, planted_secrets) == (PROFILES[profile][1], set())
    if variant.config["format"] != "template":
        assert prove(inside).errors == []
    if variant.closed in ("7z lock", "passphrase", "recipient"):
        data = (tmp_path / "out").read_bytes()
        assert canaries.found(data) == (set(), set())
        assert not any(word in data for word in (b'"id"', b"records/", b".csv", b"library", PASSPHRASE.encode()))

    left = b"\n".join(unpacked(state.folder))
    assert run.id.encode() in left
    assert b"report.html" in left
    assert canaries.found(left) == (set(), set())
    assert PASSPHRASE.encode() not in left
    assert PASSPHRASE not in str(run.record)
