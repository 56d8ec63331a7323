"""Which Stash is it?  An id of ours for each library that was met, so that backups of one never mix with those of another.

A library is recognised by a sample of what was made first in it (numbers and times of creation), and else by where it is.  A copy or a restored one has
the same sample in another place, which is said: whether it goes on as the same or as a new one is for its owner to decide.
"""

from __future__ import annotations

import json
import uuid
from typing import Any, NamedTuple

from stashport.atomic import file_error, write_text
from stashport.runs.state import State

_FILE = "instances.json"
_ENOUGH = 3  # a smaller sample says nothing


class Instance(NamedTuple):
    """id: ours; name: what people call it; remark: what its owner should know, or ""."""

    id: str
    name: str
    remark: str = ""


def recognise(state: State, place: str, sample: list[str], name: str = "", *, as_new: bool = False) -> Instance:
    """The instance that a library is, remembered for the next time.

    place     where it is: the database's path or the server's address
    sample    texts that its first records give, the same ones each time
    as_new    a copy is to go on as an instance of its own
    Errors: CannotWrite, DiskFull.
    """
    known = _load(state)
    there = next((one for one in known if one["place"] == place), None)
    twin = next((one for one in sorted(known, key=lambda one: one is not there) if alike(one["sample"], sample)), None)
    found, remark = there or twin, ""
    if there and twin and there is not twin:
        found, remark = twin, f"The library at {place} is now the one that was at {twin['place']}: it goes on as that one."
    elif there and not twin and len(there["sample"]) >= _ENOUGH and len(sample) >= _ENOUGH:
        found, remark = None, f"The library at {place} is another one than before: its backups are kept apart from the old one's."
        there["place"] = ""
    elif twin and not there:
        remark = f"This library was known at {twin['place']}, or is a copy of that one. Its backups go on in the same series; instance: new keeps them apart."
    if found is None or (as_new and found is not there):
        found, remark = {"id": str(uuid.uuid4()), "name": name}, "" if as_new else remark
        known.append(found)
    if len(sample) < _ENOUGH <= len(found.get("sample", ())):  # damaged or emptied: what it was known by is not forgotten for that
        sample = found["sample"]
    found.update(place=place, sample=sample, name=name or found["name"])
    for other in known:
        if other is not found and other["place"] == place:
            other["place"] = ""
    path = state.folder / _FILE
    try:
        state.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_text(path, json.dumps(known, indent=1))
    except OSError as error:
        raise file_error(error, path) from error
    return Instance(found["id"], found["name"] or place, remark)


def known_instances(state: State) -> dict[str, str]:
    """What the instances that were met are called, or where they are, by id."""
    return {one["id"]: one["name"] or one["place"] for one in _load(state)}


def _load(state: State) -> list[dict[str, Any]]:
    try:
        known = json.loads((state.folder / _FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    needed = {"id", "name", "place", "sample"}
    return [one for one in known if isinstance(one, dict) and needed <= one.keys()] if isinstance(known, list) else []


def alike(one: list[str], other: list[str]) -> bool:
    """Whether two samples are of one library: more than half of the smaller one is in both, since first records can have been deleted since."""
    smaller = min(len(one), len(other))
    return smaller >= _ENOUGH and 2 * len(set(one) & set(other)) > smaller
