"""Which backups stay and which may go, each with its reasons: pure rules over what a vault lists; nothing is removed here.

Days, weeks (from Monday, as ISO 8601 counts them), months and years are those of the calendar in the zone of the user.  Only periods that have a
backup count, so that a month without backups evicts nothing.  Each library (series) is judged by itself.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from stashport.errors import BadRequest

ALL = -1
COUNTS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
_EXAMPLE = 'for example {"keepDaily": 7, "keepWeekly": 4, "keepMonthly": 12}'
# A month counts 31 days and a year 366: a span never keeps less than the calendar would.
_UNITS = {"y": (dt.timedelta(days=366), "year"), "m": (dt.timedelta(days=31), "month"), "w": (dt.timedelta(days=7), "week"),
          "d": (dt.timedelta(days=1), "day"), "h": (dt.timedelta(hours=1), "hour")}  # fmt: skip
_SPAN = re.compile(r"([0-9]{1,6})\s*([hdwmy])")


@dataclass(frozen=True)
class Policy:
    """How many to keep of each sort (-1 for all), and for how long before the newest one everything.  One that is empty removes nothing."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: dt.timedelta | None = None

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Policy:
        """The policy of {"keepLast": 7, "keepDaily": "all", "keepWithin": "30d"}; keys may be written keep-last as well.  Errors: BadRequest."""
        if not isinstance(given, Mapping):
            raise BadRequest(what=f"What is kept is given as names with numbers, {_EXAMPLE}, not {given!r:.80}.")
        found: dict[str, Any] = {}
        for key, value in given.items():
            name = re.sub(r"[-_]", "", str(key)).lower().removeprefix("keep")
            if name not in (*COUNTS, "within"):
                raise BadRequest(what=f'There is no rule "{key}" for what is kept: there are {", ".join(map(_key, COUNTS))} and keepWithin, {_EXAMPLE}.')
            if name in found:
                raise BadRequest(what=f'"{_key(name)}" is given twice, in two spellings: leave one out.')
            found[name] = _within(value) if name == "within" else _count(_key(name), value)
        return cls(**found)

    def record(self) -> dict[str, Any]:
        """The form that `parse` reads; rules that keep nothing are left out."""
        counts = {_key(name): "all" if count == ALL else count for name in COUNTS if (count := getattr(self, name))}
        if self.within is None:
            return counts
        number, unit = _span(self.within)
        return counts | {"keepWithin": f"{number}{unit}"}

    @property
    def empty(self) -> bool:
        """Whether no rule keeps anything: then everything stays."""
        return not self.record()


@dataclass(frozen=True)
class Item:
    """A backup as a vault lists it.

    `time` is aware; `series` is the id of the instance it is of; `records` counts its objects of all kinds; `proven` says that it was verified, `failed`
    that it is listed and known to be damaged.
    """

    id: str
    time: dt.datetime
    series: str
    proven: bool
    records: int
    failed: bool = False
    pinned: bool = False


class Verdict(NamedTuple):
    """What becomes of a backup, and every reason to keep it, in words; none for one that goes."""

    item: Item
    keep: bool
    reasons: tuple[str, ...]


def apply(items: Iterable[Item], policy: Policy, *, now: dt.datetime, zone: dt.tzinfo, proven_now: bool) -> list[Verdict]:
    """What a policy keeps, by series and newest first.

    `now` is aware, `zone` is where days begin.  `proven_now` says that the backup just made is proven: without that nothing goes.
    """
    series: dict[str, list[Item]] = {}
    for item in items:
        series.setdefault(item.series, []).append(item)
    return [verdict for name in sorted(series) for verdict in _judge(series[name], policy, _utc(now), zone, proven_now)]


def _judge(items: list[Item], policy: Policy, now: dt.datetime, zone: dt.tzinfo, proven_now: bool) -> list[Verdict]:
    """The verdicts on one series."""
    ordered = sorted(items, key=lambda item: (_utc(item.time), item.id), reverse=True)
    reasons: dict[int, list[str]] = {id(item): [] for item in ordered}

    def keep(item: Item, reason: str) -> None:
        reasons[id(item)].append(reason)

    def free(candidates: list[Item]) -> list[Item]:
        return [item for item in candidates if not reasons[id(item)]]

    # What is damaged, or dated in the future by a wrong clock, must not fill the place of a good one: both are kept and do not count.
    counted = [item for item in ordered if not item.failed and _utc(item.time) <= now]
    for item in ordered:
        if item.pinned:
            keep(item, "pinned")
        if item.failed:
            keep(item, "damaged: never removed by itself, and it counts for nothing")
        if _utc(item.time) > now:
            keep(item, "newer than now (clock?)")
    proven = [item for item in counted if item.proven]
    for item in counted[:1] if counted[:1] != proven[:1] else []:
        keep(item, "newest one")
    for item in proven[:1]:
        keep(item, "newest proven one")
    _keep_by_count(counted, policy, zone, keep)
    if policy.within is not None:
        number, unit = _span(policy.within)
        for item in counted:
            if _utc(counted[0].time) - _utc(item.time) <= policy.within:
                keep(item, f"within {number} {_UNITS[unit][1]}{'s' * (number != 1)} of the newest")
    for item in free(ordered) if policy.empty else []:
        keep(item, "no rule says what may go")
    larger = [item for item in free(counted) if item.records > 2 * counted[0].records]
    if larger:
        keep(larger[0], f"holds more than twice the records of the newest: {larger[0].records:,} against {counted[0].records:,}")
    if not proven_now or not proven:
        why = "no backup of this library is proven" if proven_now else "the new backup is not proven"
        for item in free(ordered):
            keep(item, f"clean-up paused: {why}")
    return [Verdict(item, bool(reasons[id(item)]), tuple(reasons[id(item)])) for item in ordered]


def _keep_by_count(counted: list[Item], policy: Policy, zone: dt.tzinfo, keep: Callable[[Item, str], None]) -> None:
    """Keep the last ones, and one of each period: its newest proven one, or else its newest."""
    for place, item in enumerate(counted if policy.last == ALL else counted[: policy.last], 1):
        keep(item, f"last {place}, all are kept" if policy.last == ALL else f"last {place} of {policy.last}")
    for name, period in _PERIODS.items():
        wanted = getattr(policy, name)
        groups: dict[str, list[Item]] = {}
        for item in counted if wanted else []:
            groups.setdefault(period(_utc(item.time).astimezone(zone)), []).append(item)
        chosen = {label: next((item for item in group if item.proven), group[0]) for label, group in groups.items()}
        for label in list(chosen)[: None if wanted == ALL else wanted]:
            keep(chosen[label], f"{name} {label}")
        # While places are free the oldest stays too, or a young vault would forget how it began.
        if groups and (wanted == ALL or len(groups) < wanted) and counted[-1] not in chosen.values():
            keep(counted[-1], f"oldest, since all {name} ones are kept" if wanted == ALL else f"oldest, until {wanted} {name} ones are there")


def _hour(local: dt.datetime) -> str:
    return f"{local:%Y-%m-%d %H}:00" + (" (the second of that name)" if local.fold else "")


def _week(local: dt.datetime) -> str:
    year, week, _ = local.isocalendar()
    return f"{year}-W{week:02}"


# The name of the period that a local time lies in; two times lie in the same one when its name is the same.
_PERIODS: dict[str, Callable[[dt.datetime], str]] = {
    "hourly": _hour,
    "daily": lambda local: f"{local:%Y-%m-%d}",
    "weekly": _week,
    "monthly": lambda local: f"{local:%Y-%m}",
    "yearly": lambda local: f"{local:%Y}",
}


def _utc(time: dt.datetime) -> dt.datetime:
    """The instant in UTC: two times of one zone would be compared by their clocks, which are wrong in the hour that comes twice."""
    return time.astimezone(dt.timezone.utc)


def _key(name: str) -> str:
    return f"keep{name.capitalize()}"


def _count(key: str, given: Any) -> int:
    text = "0" if given is None else str(given).strip().lower()
    if text in ("all", "-1"):
        return ALL
    if isinstance(given, (bool, float)) or not re.fullmatch(r"[0-9]{1,6}", text):
        raise BadRequest(what=f'"{key}" is a whole number, or "all", {_EXAMPLE}, not {given!r:.80}.')
    return int(text)


def _within(given: Any) -> dt.timedelta | None:
    if given is None:
        return None
    match = _SPAN.fullmatch(given.strip().lower()) if isinstance(given, str) else None
    if match is None or not int(match[1]):
        raise BadRequest(what=f'"keepWithin" is a number with h, d, w, m or y (hours to years), for example "30d" or "6m", not {given!r:.80}.')
    return int(match[1]) * _UNITS[match[2]][0]


def _span(within: dt.timedelta) -> tuple[int, str]:
    """A span in the largest unit that fits: (6, "m")."""
    unit = next((unit for unit, (length, _) in _UNITS.items() if not within % length), "h")
    return within // _UNITS[unit][0], unit
