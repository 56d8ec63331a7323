"""What is to be said about where a vault lies: too close to what it protects, gone with a container, or not yet shown to be openable."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from stashport.jobs.backups import listed
from stashport.jobs.context import Context
from stashport.jobs.starters import in_container, on_a_mount
from stashport.runs.known_vaults import known_at, known_vault
from stashport.runs.state import State


def viewed(given: dict[str, Any], context: Context) -> dict[str, Any]:
    """What `backups.listed` answers, with what is to be said about the vault itself.

    near       see below
    confirmed  of an encrypted vault, whether its owner showed that they hold its secret; None for one that this machine has not opened yet
    missing    a vault was known here, and now there is none
    """
    found = listed(given, context)
    known = known_vault(context.state, str(found.get("vault"))) if found["encrypted"] else None
    missing = not found["exists"] and known_at(context.state, found["place"]) is not None
    return {**found, "near": near(found["place"], context.state), "confirmed": known.confirmed if known else None, "missing": missing}


def near(place: str, state: State) -> str:
    """What speaks against a place: "container" (it goes when the container is made anew), "stash" (in the folder of Stash), "disk" (on its disk), or ""."""
    if "://" in place:
        return ""
    folder = Path(place).expanduser().absolute()
    if in_container() and not on_a_mount(folder):
        return "container"
    home = state.folder.absolute().parent  # where Stash's config.yml is
    if folder.resolve().is_relative_to(home.resolve()):
        return "stash"
    with contextlib.suppress(OSError):
        there = next(one for one in (folder, *folder.parents) if one.exists())
        return "disk" if there.stat().st_dev == home.stat().st_dev else ""
    return ""
