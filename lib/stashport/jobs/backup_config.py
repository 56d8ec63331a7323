"""The configuration of a backup: the same keys for task arguments, the panel, the timetable, --config files and the command line's options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stashport.bundle.packing import best
from stashport.bundle.retention import Policy
from stashport.bundle.store_url import shown
from stashport.errors import BadRequest
from stashport.jobs.export_config import ExportConfig, flag

KINDS = ("auto", "full", "portable")
PROOFS = ("quick", "full", "drill")
COMPRESSIONS = ("auto", "none", "gzip", "zstd")
_OWN = ("vault", "kind", "compress", "secrets", "generated", "proof", "keep", "note", "instance")
_OF_EXPORT = ("kinds", "fields", "filters", "related", "includeFiles", "reader")
_NARROWING = ("kinds", "fields", "filters")


@dataclass(frozen=True)
class BackupConfig:
    """What is wanted.

    vault      where; "" for the usual place
    kind       full, portable, or auto: full where the database file can be had
    records    which records, as an export would choose them; a backup of some of them holds no database and is called filtered
    secrets    keys and passwords too; None: only where the vault is encrypted
    generated  generated files (sprites, previews) too
    keep       what is kept afterwards; a policy without rules keeps everything
    note       a few words of the owner's
    instance   "new": a library that looks like a copy of a known one gets a series of its own
    """

    records: ExportConfig
    vault: str = ""
    kind: str = "auto"
    compress: str = "auto"
    secrets: bool | None = None
    generated: bool = False
    proof: str = "full"
    keep: Policy = field(default_factory=Policy)
    note: str = ""
    instance: str = ""
    filtered: bool = False

    @classmethod
    def parse(cls, given: dict[str, Any]) -> BackupConfig:
        """Errors: BadRequest, and those of ExportConfig."""
        for key in given:
            if key not in (*_OWN, *_OF_EXPORT):
                raise BadRequest(what=f'The configuration has an unknown key "{key}"; known are {", ".join((*_OWN, *_OF_EXPORT))}.')
        told = {key: value for key, value in given.items() if value not in (None, "")}
        for key, possible in (("kind", KINDS), ("proof", PROOFS), ("compress", COMPRESSIONS)):
            if told.get(key, possible[0]) not in possible:
                raise BadRequest(what=f'"{key}" cannot be {told[key]!r}: it is one of {", ".join(possible)}.')
        for key in ("secrets", "generated"):
            if key in told:
                told[key] = flag(key, told[key])
        for key in ("vault", "note", "instance"):
            if not isinstance(told.get(key, ""), str) or "\0" in told.get(key, "") or len(told.get(key, "")) > 1000:
                raise BadRequest(what=f'"{key}" needs a text of at most 1,000 characters.')
        if told.get("instance", "new") != "new":
            raise BadRequest(what='"instance" can only be "new".')
        records = ExportConfig.parse({key: told.pop(key) for key in _OF_EXPORT if key in told} | {"format": "bundle", "images": True})
        filtered = any(given.get(key) for key in _NARROWING)
        if filtered and told.get("kind") == "full":
            raise BadRequest(what="A full backup holds everything: leave out kinds, fields and filters, or kind.")
        told["keep"] = Policy.parse(told.get("keep") or {})
        if told.get("compress", "auto") == "auto":
            told["compress"] = best()
        return cls(records=records, filtered=filtered, **told)

    def record(self) -> dict[str, Any]:
        """The form kept in the run record; it holds no secrets."""
        own = {key: getattr(self, key) for key in _OWN if key != "keep"}
        return {**own, "vault": shown(self.vault), "keep": self.keep.record(), "records": self.records.record(), "filtered": self.filtered}

