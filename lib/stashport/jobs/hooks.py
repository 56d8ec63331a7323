"""The hooks of other plugins: Stash runs each of them for each record that is written through its API, and waits for it."""

from __future__ import annotations

from typing import Any

from stashport.change.steps import CREATE, DELETE, UPDATE
from stashport.jobs.tasks import PLUGIN_ID
from stashport.model.fields import BY_PLURAL
from stashport.runs.record import Run
from stashport.runs.wording import duration
from stashport.stash.connection import Connection

LARGE = 500
SECONDS = 0.15  # at least: a program is started each time
_HOOKS = "query StashPortHooks{plugins{id name enabled hooks{name hooks}}}"
_EVENTS = {CREATE: "Create", UPDATE: "Update", DELETE: "Destroy"}


def hooks_of(connection: Connection) -> list[dict[str, Any]]:
    """The hooks of other plugins that are switched on: {plugin, name, events: ["Scene.Update.Post", ...]}."""
    told = connection.query(_HOOKS)["plugins"] or []
    return [{"plugin": one["name"], "name": hook["name"], "events": hook["hooks"] or []}
            for one in told if one["enabled"] and one["id"] != PLUGIN_ID for hook in one["hooks"] or ()]


def times_of(events: list[str], plan: dict[str, Any]) -> int:
    """How often a hook runs for what a plan writes, at least: markers count once for each scene whose markers change."""
    found = 0
    for plural, row in plan["totals"].items():
        name = BY_PLURAL[plural].name.title().replace("_", "")
        names = (name, "Movie") if name == "Group" else (name,)  # what listens to Stash's older name for groups runs too
        found += sum(row.get(action, 0) for action, event in _EVENTS.items() for one in names if f"{one}.{event}.Post" in events)
    markers = plan["fields"].get("scenes", {}).get("scene_markers", 0)
    return int(found + markers * any(event.startswith("SceneMarker.") for event in events))


def warn_of_hooks(plan: dict[str, Any], connection: Connection, run: Run) -> None:
    """Say before a large change which other plugins run for what is written, how often, and how long that takes about."""
    hooks = [{**one, "times": times, "seconds": round(times * SECONDS)} for one in hooks_of(connection) if (times := times_of(one["events"], plan))]
    plan["hooks"] = hooks
    times = sum(one["times"] for one in hooks)
    if times > LARGE:
        names = ", ".join(sorted({one["plugin"] for one in hooks}))
        run.warn(f"Stash starts other plugins for what is written ({names}): {times:,} times, which takes about {duration(times * SECONDS)} or more on top. "
                 "If that is not wanted, switch these plugins off in Settings > Plugins until this is done.")
