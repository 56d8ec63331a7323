"""Settings, one by one: never a whole section, so that what is not ours to know (keys, passwords, settings of a newer Stash) stays as it is.

Values came without what is secret.  Where a setting holds secrets here, they are kept: in a plugin's settings, in those of Stash's pages, and the keys
of stash-boxes.
"""

from __future__ import annotations

from typing import Any

from stashport.model.records import canonical
from stashport.model.settings import FREE_SECTIONS, SETTINGS, key_of, without_secrets
from stashport.stash.writing_calls import Call, Calls, call
from stashport.stash.writing_inputs import InputTypes, Item

_SECTIONS = {
    "general": ("configureGeneral", "ConfigGeneralInput"), "interface": ("configureInterface", "ConfigInterfaceInput"),
    "dlna": ("configureDLNA", "ConfigDLNAInput"), "scraping": ("configureScraping", "ConfigScrapingInput"),
    "defaults": ("configureDefaults", "ConfigDefaultSettingsInput"),
}  # fmt: skip
_PRESENT = "query StashPortSecrets{configuration{ui plugins general{stashBoxes{endpoint api_key name max_requests_per_minute}}}}"
_UI = call("configureUISetting", "key:String!,value:Any")
_UI_PART = call("configureUI", "partial:Map")
_PLUGIN = call("configurePlugin", "plugin_id:ID!,input:Map!")


def write_settings(calls: Calls, types: InputTypes, items: list[Item]) -> None:
    """Change settings; each item is one.  What is refused is tried once more after the others, since some settings need others first."""
    present = calls.connection.query(_PRESENT)["configuration"] if any(_holds_secrets(item) for item in items) else {}
    sent: dict[Call, list[tuple[Item, dict[str, Any]]]] = {}
    for item in items:
        made = _call_for(types, item, present)
        if made:
            sent.setdefault(made[0], []).append((item, made[1]))
    again = []
    for what, some in sent.items():
        for (item, arguments), answer in zip(some, calls.each(what, [arguments for _, arguments in some]), strict=True):
            if answer.reason:
                again.append((what, item, arguments, answer.reason))
    lone = len(items) == len(again) == 1
    for what, item, arguments, reason in again:
        second = calls.each(what, [arguments])[0].reason if not lone else reason
        if second:
            item.refuse(second)


def _holds_secrets(item: Item) -> bool:
    section, key = _place(item)
    return section in FREE_SECTIONS or key == "stashBoxes"


def _place(item: Item) -> tuple[str, str]:
    section, _, key = item.number.partition(".")
    return section, key


def _call_for(types: InputTypes, item: Item, present: dict[str, Any]) -> tuple[Call, dict[str, Any]] | None:
    section, key = _place(item)
    value = item.wanted["value"]
    if section in FREE_SECTIONS:
        here = (present.get(section) or {}).get(key)
        value = with_secrets(here, value)
        if section == "plugins":
            return (_PLUGIN, {"plugin_id": key, "input": value or {}})
        # Stash takes a key with a point for a path.
        return (_UI_PART, {"partial": {key: value}}) if "." in key else (_UI, {"key": key, "value": value})
    if key not in {key_of(listed) for listed in SETTINGS.get(section, ())}:
        item.refuse("Stash Port knows no such setting")
        return None
    name, type_name = _SECTIONS[section]
    slot = types.inputs.get(type_name, {}).get(key)
    if slot is None:
        item.refuse("this Stash's API does not set it")
        return None
    if value is None:
        item.refuse("Stash's API sets it to another value, but does not clear it")
        return None
    if section == "interface" and isinstance(value, dict) and (left := sorted((item.mine.get("value") or {}).keys() - value.keys())):
        item.lacks("value", f"Stash's API changes {', '.join(left)}, but does not clear it")
    if key == "stashBoxes":
        value = _boxes(item, value, present["general"]["stashBoxes"])
        if value is None:
            return None
    return call(name, f"input:{type_name}!", "{__typename}"), {"input": {key: types.trimmed(slot.type, value)}}


def _boxes(item: Item, wanted: list[dict[str, Any]], here: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Stash-boxes with the keys that are known here; None when nothing is to be sent."""
    keys = {box["endpoint"]: box["api_key"] for box in here}
    known = [{"name": "", **box, "api_key": keys[box["endpoint"]]} for box in wanted if keys.get(box["endpoint"])]
    for box in wanted:
        if not keys.get(box["endpoint"]):
            item.lacks("value", f"the key of {box['endpoint']} is not known here: add this stash-box in Stash's settings")
    if [(box["endpoint"], box["name"]) for box in known] == [(box["endpoint"], box["name"]) for box in here] or (wanted and not known):
        return None
    if any(box.get("max_requests_per_minute") for box in (*known, *here)):
        item.lacks("value", "max_requests_per_minute is not kept: Stash's API stores it where Stash does not read it")
    return known


def with_secrets(here: Any, wanted: Any) -> Any:
    """A value to be set, with the secrets that the present one has and that were taken out of the other on its way."""
    return _kept(here, without_secrets(here, []), wanted)


def _kept(here: Any, clean: Any, wanted: Any) -> Any:
    if canonical(clean) == canonical(wanted):
        return here
    if isinstance(here, dict) and isinstance(clean, dict) and isinstance(wanted, dict):
        hidden = {key: value for key, value in here.items() if key not in clean and key not in wanted}
        return hidden | {key: _kept(here.get(key), clean.get(key), value) for key, value in wanted.items()}
    return wanted
