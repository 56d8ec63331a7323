"""Puts back what a backup holds beside the library: custom.css, custom.js, custom-locales.json and the scrapers; and lists the packages that are missing.

What is missing is written.  What is there and says something else is left as it is, with the backup's put beside it, unless it was asked to be overwritten.
Each file is noted, with what was there before, before it is touched: undo needs nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stashport.atomic import file_error, publish, sync_file, temporary_beside
from stashport.bundle.members import unfit
from stashport.bundle.reader import BundleReader
from stashport.errors import BadRequest, BundleDamaged, PortError
from stashport.runs.record import Run
from stashport.runs.wording import count_of
from stashport.stash import switching
from stashport.stash.belongings import CUSTOM
from stashport.stash.config_file import like, own
from stashport.stash.connection import Connection
from stashport.stash.switching import Target

JOURNAL, BEFORE = "belongings.ndjson", "belongings"  # in the run's folder: a line a file, and the files that were overwritten
_LARGEST = 64 << 20
PACKAGES, _SCRAPERS = "config/packages.json", "scrapers/"
_INSTALLED = """query StashPortPackages{plugins:installedPackages(type:Plugin){package_id} scrapers:installedPackages(type:Scraper){package_id}}"""
_RELOAD = "mutation StashPortReload{reloadScrapers}"
_PRESS = {"plugins": "Settings > Plugins > Available plugins", "scrapers": "Settings > Metadata providers > Available scrapers"}


def restore_belongings(
    reader: BundleReader, connection: Connection | None, config_file: Path | None, run: Run, *, overwrite: bool = False, skip: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Write the files, and tell what to install; facts for the run's notes.

    connection    the Stash, when it runs; else `config_file` is the config.yml of one that is down
    overwrite     whether a file that says something else is replaced
    skip          members that are damaged, and left out
    {"files": [{"path", "member", "did": "created", "overwritten", "beside", "unchanged" or "left", "sha256" of what is there now, "before": the file in
    the run's folder that holds what was there, or null, "folders": those that were made for it, "reason"}], "packages": [{"kind", "id", "name", "version",
    "source", "press"}], "sentence"}
    Errors: BadRequest, BundleDamaged, CannotWrite, DiskFull, Stopped, and those of the server.
    """
    run.phase("Putting back custom files and scrapers")
    target = switching.ask(connection) if connection else switching.read(config_file) if config_file else None
    if target is None:
        raise BadRequest(what="To put files back, give the address of a Stash, or the config.yml of one that is down.")
    files = []
    for member, told in _members(reader, target):
        run.check_stop()
        place = "it is damaged in the backup" if member in skip else told
        fate = {"path": "", "member": member, "did": "left", "sha256": "", "before": None, "folders": [], "reason": place} if isinstance(place, str) else \
            _put(reader, member, place[0], place[1], run, overwrite=overwrite)
        if fate["did"] == "left":
            run.warn(f"{member.partition('/')[2]} was not put back: {fate['reason']}.", incomplete=True)
        elif fate["did"] == "beside":
            run.warn(f"{fate['reason']} is there with other content and was left as it is; the backup's is beside it: {Path(fate['path']).name}.")
        run.item("file", member, {"created": "created", "overwritten": "updated", "unchanged": "unchanged"}.get(fate["did"], "skipped"),
                 fate["reason"] or fate["did"])
        files.append(fate)
    if connection and any(one["did"] in ("created", "overwritten") and one["member"].partition("/")[2].startswith(_SCRAPERS) for one in files):
        connection.mutate(_RELOAD)
    packages = missing_packages(reader, connection) if PACKAGES not in skip else []
    written, beside = (sum(one["did"] in did for one in files) for did in (("created", "overwritten"), ("beside",)))
    sentence = f"{count_of(written, 'file')} put back, {count_of(beside, 'file')} put beside others, {count_of(len(packages), 'package')} to install."
    return {"files": files, "packages": packages, "sentence": sentence}


def is_belonging(member: str) -> bool:
    """Whether a member of a backup is a file that can be put back."""
    top, _, inner = member.partition("/")
    return top in ("config", "secrets") and (inner in CUSTOM or inner.startswith(_SCRAPERS))


def _members(reader: BundleReader, target: Target) -> Iterator[tuple[str, tuple[Path, Path] | str]]:
    """(member, (folder that it must stay in, place) or why it has none); files that may hold a login lie under `secrets/`."""
    for member in reader.all_names():
        if not is_belonging(member):
            continue
        inner = member.partition("/")[2]
        base = target.scrapers if inner.startswith(_SCRAPERS) else target.config.parent if target.config else None
        if reason := unfit(member):
            yield member, f"its name is unfit: {reason}"
        elif base is None:
            yield member, f"the folder of {'scrapers' if inner.startswith(_SCRAPERS) else 'config.yml'} of this Stash is not within reach here"
        else:
            place = base.joinpath(*inner.removeprefix(_SCRAPERS).split("/"))
            inside = place.parent.resolve().is_relative_to(base.resolve())
            yield member, (base, place) if inside else f"{place.parent} leads out of {base}"


def _put(reader: BundleReader, member: str, base: Path, place: Path, run: Run, *, overwrite: bool) -> dict[str, Any]:
    """What became of one file.  Errors: BundleDamaged, CannotWrite, DiskFull."""
    fate: dict[str, Any] = {"path": str(place), "member": member, "did": "unchanged", "sha256": "", "before": None, "folders": [], "reason": ""}
    data = reader.read(member, _LARGEST)
    fate["sha256"] = hashlib.sha256(data).hexdigest()
    try:
        there = _there(place)
    except OSError as error:
        return fate | {"did": "left", "reason": f"{place} cannot be read ({error.strerror or error})"}
    if there == data:
        return fate
    if there is not None and (not overwrite or place.is_symlink()):
        beside = _beside(place, data)
        fate |= {"path": str(beside), "did": "beside", "reason": str(place)}
        if _there(beside) == data:
            return fate | {"did": "unchanged", "reason": "an earlier run put it beside already"}
        place = beside
    elif there is not None:
        kept = run.folder / BEFORE / f"{fate['sha256'][:16]}-{len(list((run.folder / BEFORE).glob('*')))}"
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(there)
        sync_file(kept)
        fate |= {"did": "overwritten", "before": kept.name}
    else:
        fate["did"] = "created"
    fate["folders"] = [str(one) for one in place.parents if one.is_relative_to(base) and not one.exists()]
    _note(run, fate)
    _write(place, data, base, private=member.startswith("secrets/"))
    return fate


def _there(place: Path) -> bytes | None:
    """The bytes of a file; None when there is nothing.  Errors: OSError, for a folder too."""
    return place.read_bytes() if os.path.lexists(place) else None


def _beside(place: Path, data: bytes) -> Path:
    """A name beside a file for the backup's: free, or that of the same bytes."""
    number = 1
    while True:
        found = place.with_name(f"{place.name}.from-backup{'' if number == 1 else f'-{number}'}")
        if not os.path.lexists(found) or (found.is_file() and found.read_bytes() == data):
            return found
        number += 1


def _note(run: Run, fate: dict[str, Any]) -> None:
    """On the disk before anything is done, so that a run that is killed can be undone too."""
    try:
        with (run.folder / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(json.dumps(fate) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise file_error(error, run.folder) from error


def _write(place: Path, data: bytes, model: Path, *, private: bool = False) -> None:
    """Whole or not at all; owned by whom the folder belongs to.  Errors: CannotWrite, DiskFull."""
    temporary = temporary_beside(place)
    try:
        for folder in reversed([one for one in place.parents if not one.exists()]):
            folder.mkdir()
            own(folder, model)
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o644), "wb") as file:
            file.write(data)
        if place.exists():
            like(temporary, place)
        else:
            own(temporary, model)
        publish(temporary, place, overwrite=True)
    except OSError as error:
        raise file_error(error, place) from error
    finally:
        temporary.unlink(missing_ok=True)


def missing_packages(reader: BundleReader, connection: Connection | None) -> list[dict[str, Any]]:
    """The packages that the backup's Stash had installed and this one lacks, or all when it cannot be asked; with where to press.

    Errors: BundleDamaged, and those of the server.
    """
    if PACKAGES not in reader:
        return []
    have = connection.query(_INSTALLED) if connection else {}
    found = []
    try:
        told = json.loads(reader.read(PACKAGES, _LARGEST))
        listed = {kind: [(str(one["package_id"]), str(one["name"]), str(one.get("version") or ""), str(one.get("sourceURL") or ""))
                         for one in told.get(kind) or ()] for kind in _PRESS}
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise BundleDamaged(place=reader.place, reason=f"{PACKAGES} is no list of packages") from error
    for kind, press in _PRESS.items():
        installed = {one["package_id"] for one in have.get(kind, ())}
        for identity, name, version, source in listed[kind]:
            if identity not in installed:
                where = f"{press}: choose {name}, then Install." + (f" Its source is {source}." if source else "")
                found.append({"kind": kind, "id": identity, "name": name, "version": version, "source": source, "press": where})
    return found


def journal_of(folder: Path) -> list[dict[str, Any]]:
    """What a run noted of its files, from its folder; a line that was cut off by the end of the run was never acted on."""
    found: list[dict[str, Any]] = []
    with contextlib.suppress(FileNotFoundError), (folder / JOURNAL).open(encoding="utf-8") as file:
        for line in file:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found


def undo_belongings(folder: Path, run: Run) -> list[dict[str, str]]:
    """Take back what a run did to files, the last one first: [{"path", "did": "removed", "put back", "nothing" or "left", "reason"}].

    folder   that of the run; its journal says what was done
    A file that was changed since is left as it is.  Errors: CannotWrite, DiskFull, Stopped.
    """
    done = []
    for fate in reversed(journal_of(folder)):
        run.check_stop()
        place = Path(fate["path"])
        told = {"path": str(place), "did": "nothing", "reason": ""}
        try:
            there = _there(place)
            before = (folder / BEFORE / Path(fate["before"]).name).read_bytes() if fate["before"] else None
            if there == before:
                told["reason"] = "it is as it was already"
            elif there is None or hashlib.sha256(there).hexdigest() != fate["sha256"]:
                told |= {"did": "left", "reason": "it was changed since"}
            elif before is not None:
                _write(place, before, place.parent, private=fate["member"].startswith("secrets/"))
                told["did"] = "put back"
            else:
                place.unlink()
                told["did"] = "removed"
            for made in fate["folders"]:
                with contextlib.suppress(OSError):  # somebody else keeps something in it
                    Path(made).rmdir()
        except (OSError, PortError) as error:
            told |= {"did": "left", "reason": str(error)}
        if told["did"] == "left":
            run.warn(f"{place} was left as it is: {told['reason']}.", incomplete=True)
        done.append(told)
    return done
