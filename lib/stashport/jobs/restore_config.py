"""The configuration of a restore: the same keys for task arguments, the panel, --config files and the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stashport.bundle.store_url import shown
from stashport.change.decisions import Decisions
from stashport.change.merge import PRESETS, check_strategy
from stashport.change.paths import PathMap
from stashport.errors import BadRequest
from stashport.jobs.export_config import ExportConfig, flag
from stashport.model.fields import KINDS

METHODS = ("api", "bulk", "database")
FILES = ("scan", "create")
WITHOUT_COPY = "without a copy"
"""What must be typed to write without saving a copy of the library first."""
_OF_EXPORT = ("kinds", "fields", "filters", "related")
_NAMES = {"*", *(name for kind in KINDS for f in kind.fields for name in (f.name, f"{kind.name}.{f.name}"))}


@dataclass(frozen=True)
class RestoreConfig:
    """What is to be restored, and how.

    source      a vault's place with #ID of a backup ("#latest"), a file or folder that Stash Port wrote, a Stash database or another Stash;
                "" for the newest backup in the usual vault
    blobs       the blobs folder of a database file
    records     which records and fields of these: kinds, fields, filters and related as for an export; nothing: all
    strategy    skip, overwrite, merge or prompt; exact: as in the backup, also where it tells nothing; or a strategy for each field
    method      api: through Stash's own interface; bulk: by guarded SQL, into a fresh library all at once, and else what the interface cannot write too;
                database: the whole database beside the current one
    paths       FROM=TO: where files lie now
    files       scan: what has no file in the library waits for a scan; create: files are made known as they were
    settings    Stash's settings too, but for paths
    customFiles custom.css, custom.js, custom-locales.json and scrapers too, put back after the records, and a list of the packages that are missing
    dryRun      make the plan and stop
    salvage     take what is whole of a damaged source
    safety      save a copy of the library first; without it, `confirm` must say "without a copy"
    waiting     the run whose waiting records are looked at again, and nothing else
    decisions   what was decided about conflicts (change/decisions.py)
    """

    source: str = ""
    blobs: str = ""
    records: ExportConfig = field(default_factory=ExportConfig)
    chosen: dict[str, Any] = field(default_factory=dict)
    strategy: str | dict[str, str] = "merge"
    exact: bool = False
    method: str = "api"
    paths: tuple[str, ...] = ()
    files: str = "scan"
    settings: bool = False
    customFiles: bool = False  # noqa: N815 - the key's name in task arguments
    dryRun: bool = False  # noqa: N815 - likewise
    salvage: bool = False
    safety: bool = True
    vault: str = ""
    waiting: str = ""
    decisions: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, given: dict[str, Any]) -> RestoreConfig:
        """Check a configuration.  Errors: BadRequest and those of ExportConfig."""
        known = {*(set(cls.__dataclass_fields__) - {"records", "chosen", "exact"}), *_OF_EXPORT, "confirm"}
        for key in given:
            if key not in known:
                raise BadRequest(what=f'The configuration has an unknown key "{key}"; known are {", ".join(sorted(known))}.')
        told = {key: value for key, value in given.items() if value not in (None, "") and key not in (*_OF_EXPORT, "confirm")}
        for key in ("source", "blobs", "vault", "waiting"):
            if not isinstance(told.get(key, ""), str):
                raise BadRequest(what=f'"{key}" is a text, not {str(told[key])[:60]!r}.')
        chosen = {key: given[key] for key in _OF_EXPORT if given.get(key)}
        chosen = chosen if chosen.keys() - {"related"} else {}  # alone it narrows nothing
        narrowed = bool(chosen.get("fields"))
        related = given.get("related") or ("none" if narrowed or not chosen else "all")
        records = ExportConfig.parse({"format": "bundle", "images": True, "privacy": "full", "related": related, **chosen})
        for key in ("settings", "customFiles", "dryRun", "salvage", "safety"):
            told[key] = flag(key, told.get(key, cls.__dataclass_fields__[key].default))
        for key, possible in (("method", METHODS), ("files", FILES)):
            if told.get(key, possible[0]) not in possible:
                raise BadRequest(what=f'"{key}" cannot be {told[key]!r}: it is one of {", ".join(possible)}.')
        strategy = told.pop("strategy", "merge")
        exact = strategy == "exact"
        strategy = "replace" if exact else strategy
        if not isinstance(strategy, (str, dict)) or (isinstance(strategy, dict) and not all(isinstance(one, str) for one in strategy.values())):
            raise BadRequest(what=f'"strategy" is one of exact, {", ".join(PRESETS)}, or names by field.')
        check_strategy(strategy)
        if strange := sorted(set(strategy if isinstance(strategy, dict) else ()) - _NAMES):
            raise BadRequest(what=f'"strategy" names {strange[0]!r}, which is no field: write scene.title, title, or * for the rest.')
        paths = told.pop("paths", ())
        paths = [one.strip() for one in paths.split(";") if one.strip()] if isinstance(paths, str) else paths
        if not isinstance(paths, (list, tuple)) or not all(isinstance(one, str) for one in paths):
            raise BadRequest(what='"paths" is a list of rules FROM=TO.')
        PathMap.parse(paths)
        if not isinstance(told.get("decisions", {}), dict):
            raise BadRequest(what='"decisions" needs names with their values.')
        Decisions(told.get("decisions"))
        if not told["safety"] and given.get("confirm") != WITHOUT_COPY:
            raise BadRequest(what=f'A copy of the library is saved before anything is written. To go without, "confirm" must say "{WITHOUT_COPY}".')
        return cls(records=records, chosen=chosen, strategy=strategy, exact=exact, paths=tuple(paths), **told)

    @property
    def whole(self) -> bool:
        """Whether all of the source is meant."""
        return not self.chosen and not self.waiting

    def record(self) -> dict[str, Any]:
        """The form that is kept in the run record, and from which the run can be taken up again; it holds no secrets."""
        told = {key: getattr(self, key) for key in self.__dataclass_fields__ if key not in ("records", "chosen", "exact")}
        source, mark, backup = self.source.rpartition("#") if "#" in self.source else (self.source, "", "")
        told |= {"source": f"{shown(source)}{mark}{backup}", "strategy": "exact" if self.exact else self.strategy, "paths": list(self.paths)}
        return told | self.chosen | ({} if self.safety else {"confirm": WITHOUT_COPY})
