"""When scenes were played and liked, how far and how long, and how often images were: written as differences, so that a second time changes nothing.

Stash keeps an instant to the second, in UTC, and as often as it is sent; an empty list would mean "now".  How long a scene was played can only be added
to, or begun anew.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from stashport.stash.writing_calls import Calls, call
from stashport.stash.writing_inputs import Item, seconds
from stashport.stash.writing_rows import do

MOST_COUNTED = 10_000
_HISTORY = {"play_history": ("sceneAddPlay", "sceneDeletePlay", "sceneResetPlayCount"), "o_history": ("sceneAddO", "sceneDeleteO", "sceneResetO")}


def write_histories(name: str, calls: Calls, items: list[Item]) -> None:
    """Bring a history (play_history or o_history) to what it shall be."""
    add, delete, reset = _HISTORY[name]
    lacking: dict[int, Counter[str]] = {}
    extra: list[tuple[Item, Counter[str]]] = []
    emptied: list[tuple[Item, dict[str, Any]]] = []
    for item in items:
        mine, wanted = Counter(seconds(item.mine.get(name))), Counter(seconds(item.wanted[name]))
        if len(seconds(item.wanted[name])) < len(item.wanted[name] or ()):
            item.lacks(name, "not all of it are times")
        lacking[id(item)] = wanted - mine
        if mine - wanted:
            extra.append((item, mine - wanted))
    arguments = [(item, {"id": item.number, "times": sorted(over.elements())}) for item, over in extra]
    deleted = do(calls, call(delete, "id:ID!,times:[Timestamp!]", "{history}"), name, arguments)
    for (item, over), told in zip(extra, deleted, strict=True):
        left = Counter(seconds((told or {}).get("history")))
        # What was not stored by Stash itself can be spelled so that Stash does not find it: then the rest is put in anew.
        if stuck := (left - Counter(seconds(item.wanted[name]))) & over:
            emptied.append((item, {"id": item.number}))
            lacking[id(item)] += left - stuck
    do(calls, call(reset, "id:ID!"), name, emptied)
    sent = [(item, {"id": item.number, "times": sorted(lacking[id(item)].elements())}) for item in items if lacking[id(item)]]
    do(calls, call(add, "id:ID!,times:[Timestamp!]", "{count}"), name, sent)


def write_activity(calls: Calls, items: list[Item]) -> None:
    """Set resume_time and play_duration of scenes, as far as they are wanted; none of it counts as a change of the scene."""
    begun, saved = [], []
    for item in items:
        made: dict[str, Any] = {}
        if "resume_time" in item.wanted and (item.mine.get("resume_time") or 0.0) != (item.wanted["resume_time"] or 0.0):
            made["resume_time"] = item.wanted["resume_time"] or 0.0
        if "play_duration" in item.wanted:
            mine, wanted = item.mine.get("play_duration") or 0.0, item.wanted["play_duration"] or 0.0
            more = wanted - mine
            if more < 0 or mine + more != wanted:
                begun.append((item, {"id": item.number, "reset_resume": False, "reset_duration": True}))
                more = wanted
            if more:
                made["playDuration"] = more
        if made:
            saved.append((item, {"id": item.number, **made}))
    do(calls, call("sceneResetActivity", "id:ID!,reset_resume:Boolean,reset_duration:Boolean"), "play_duration", begun)
    do(calls, call("sceneSaveActivity", "id:ID!,resume_time:Float,playDuration:Float"), "resume_time", saved)


def write_counters(calls: Calls, items: list[Item]) -> None:
    """Count the o_counter of images up or down."""
    up: list[tuple[Item, dict[str, Any]]] = []
    down: list[tuple[Item, dict[str, Any]]] = []
    anew: list[tuple[Item, dict[str, Any]]] = []
    for item in items:
        mine, wanted = item.mine.get("o_counter") or 0, item.wanted["o_counter"] or 0
        call_one = (item, {"id": item.number})
        if wanted < mine and wanted <= mine - wanted:
            anew.append(call_one)
            mine = 0
        if abs(wanted - mine) > MOST_COUNTED:
            item.lacks("o_counter", f"Stash counts one by one, and this would be {abs(wanted - mine)} steps")
            continue
        (up if wanted > mine else down).extend([call_one] * abs(wanted - mine))
    for name, sent in (("imageResetO", anew), ("imageDecrementO", down), ("imageIncrementO", up)):
        do(calls, call(name, "id:ID!"), "o_counter", sent)
