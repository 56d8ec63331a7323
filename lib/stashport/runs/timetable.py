"""When runs are due: schedules as people write them, and what a timetable's entry has missed.

All of it is pure: the caller says what time it is and in which zone.  How times behave when the clock changes stands in runs/cron.py.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

from stashport.errors import BadRequest
from stashport.runs import cron

EXAMPLE = 'for example {"every": "day", "at": "02:30"}'
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LAST = 0  # the day of the month that stands for its last one
_WORDS = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month"}
_KEYS = {"hour": {"at"}, "day": {"at"}, "week": {"at", "weekday"}, "month": {"at", "day"}}
_DEFAULT_AT = {"hour": ":00", "day": "04:00", "week": "04:00", "month": "04:00"}
# A clock that is put back by less is waited for: what it shows again has had its runs.
_SET_BACK = dt.timedelta(days=1)


@dataclass(frozen=True)
class Schedule:
    """Moments that come again.  `every` is hour, day, week, month, hours (each `hours` real hours, from the last one on) or cron."""

    every: str
    hour: int = 0
    minute: int = 0
    weekdays: tuple[int, ...] = ()
    day: int = 1
    hours: int = 0
    cron: str = ""

    @classmethod
    def parse(cls, given: Any) -> Schedule:
        """A schedule from a mapping (every/at/weekday/day, everyHours or cron), a word (daily, weekly 03:00) or a cron expression.  Errors: BadRequest."""
        if isinstance(given, str):
            return cls._of_text(given.strip())
        if not isinstance(given, Mapping) or len({"every", "everyHours", "cron"} & set(given)) != 1:
            raise BadRequest(what=f'A schedule has one of "every", "everyHours" and "cron", {EXAMPLE}, not {given!r:.80}.')
        if "everyHours" in given:
            _only(given, {"everyHours"})
            return cls("hours", hours=_whole(given["everyHours"], "everyHours", 1, 8784, '{"everyHours": 6}'))
        if "cron" in given:
            _only(given, {"cron"})
            return cls._of_cron(str(given["cron"]))
        every = str(given["every"]).lower()
        if every not in _KEYS:
            raise BadRequest(what=f'"every" is hour, day, week or month, {EXAMPLE}, not {given["every"]!r:.80}.')
        _only(given, {"every"} | _KEYS[every])
        hour, minute = _time(given.get("at", _DEFAULT_AT[every]), every)
        weekdays = _weekdays(given.get("weekday", "monday")) if every == "week" else ()
        return cls(every, hour, minute, weekdays, _day(given.get("day", 1)))

    @classmethod
    def _of_text(cls, text: str) -> Schedule:
        word, _, at = text.lower().partition(" ")
        if word in _WORDS:
            return cls.parse({"every": _WORDS[word]} | ({"at": at.strip()} if at else {}))
        if text.startswith("@") or len(text.split()) > 2:
            return cls._of_cron(text)
        raise BadRequest(what=f'"{text:.80}" is no schedule: write hourly, daily, weekly or monthly (daily 02:30), or a cron expression, {cron.EXAMPLE}.')

    @classmethod
    def _of_cron(cls, text: str) -> Schedule:
        cron.parse(text)
        return cls("cron", cron=" ".join(text.split()))

    def record(self) -> dict[str, Any]:
        """The form that `parse` reads."""
        if self.every == "hours":
            return {"everyHours": self.hours}
        if self.every == "cron":
            return {"cron": self.cron}
        told: dict[str, Any] = {"every": self.every, "at": f":{self.minute:02}" if self.every == "hour" else self._at}
        if self.every == "week":
            told["weekday"] = [WEEKDAYS[day] for day in self.weekdays]
        if self.every == "month":
            told["day"] = "last" if self.day == LAST else self.day
        return told

    def describe(self) -> str:
        """The schedule in words, for example "every day at 02:30"."""
        if self.every == "hours":
            return "every hour" if self.hours == 1 else f"every {self.hours} hours"
        if self.every == "cron":
            return f'at the times of the cron expression "{self.cron}"'
        if self.every == "hour":
            return f"every hour, {self.minute} minutes past" if self.minute else "every hour, on the hour"
        if self.every == "day":
            return f"every day at {self._at}"
        if self.every == "week":
            *names, last = (WEEKDAYS[day].capitalize() for day in self.weekdays)
            return f"every {', '.join(names)}{' and ' if names else ''}{last} at {self._at}"
        short = " (the last day of a month that is shorter)" if self.day > 28 else ""
        return f"on {'the last day' if self.day == LAST else f'day {self.day}'} of every month{short} at {self._at}"

    def next_after(self, moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
        """The first moment after a given one (aware), in the zone."""
        if self.every == "hours":
            return (moment.astimezone(cron.UTC) + dt.timedelta(hours=self.hours)).astimezone(zone)
        return _pattern(self).after(moment, zone).astimezone(zone)

    def upcoming(self, moment: dt.datetime, zone: dt.tzinfo, n: int = 5) -> list[dt.datetime]:
        """The next n moments after a given one (aware), in the zone."""
        found: list[dt.datetime] = []
        for _ in range(n):
            found.append(self.next_after(found[-1] if found else moment, zone))
        return found

    def last_between(self, first: dt.datetime, until: dt.datetime, zone: dt.tzinfo) -> dt.datetime | None:
        """The last moment that is after `first` and not after `until` (both aware), in the zone; None if there is none."""
        if self.every == "hours":
            step, start = dt.timedelta(hours=self.hours), first.astimezone(cron.UTC)
            times = (until.astimezone(cron.UTC) - start) // step
            return (start + times * step).astimezone(zone) if times > 0 else None
        last = _pattern(self).before(until, zone, first)
        return last and last.astimezone(zone)

    @property
    def _at(self) -> str:
        return f"{self.hour:02}:{self.minute:02}"


@dataclass(frozen=True)
class Entry:
    """A line of the timetable; all times are aware.

    `since` is when it was made, changed or enabled last: nothing before that was missed.  `last_due` is the moment whose run was started last,
    `last_good` when a run last ended well.
    """

    id: str
    name: str
    verb: str
    schedule: Schedule
    since: dt.datetime
    config: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True
    last_due: dt.datetime | None = None
    last_started: dt.datetime | None = None
    last_finished: dt.datetime | None = None
    last_result: str | None = None
    last_good: dt.datetime | None = None

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Entry:
        """An entry from what `record` made.  Errors: BadRequest."""
        _only(given, {one.name for one in fields(cls)})
        try:
            times = {name: dt.datetime.fromisoformat(given[name]) for name in _TIMES if given.get(name)}
            return cls(**{**given, **times, "schedule": Schedule.parse(given["schedule"])})
        except (KeyError, TypeError, ValueError) as error:
            raise BadRequest(what=f"An entry of the timetable cannot be read: {error}.") from error

    def record(self) -> dict[str, Any]:
        """The form that `parse` reads: JSON, with times in ISO 8601."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        times = {name: told[name].isoformat() for name in _TIMES if told[name]}
        return told | times | {"schedule": self.schedule.record(), "config": dict(self.config)}


_TIMES = ("since", "last_due", "last_started", "last_finished", "last_good")


def wished(given: Any) -> Schedule | None:
    """The schedule of a configuration, where null and "none" mean: only by hand.  Errors: BadRequest."""
    return None if given is None or given in ("", "none") else Schedule.parse(given)


def due(entry: Entry, now: dt.datetime, zone: dt.tzinfo) -> dt.datetime | None:
    """The moment whose run is to be started now: the most recent one, however many were missed; None if nothing is due.

    A new entry waits for its next moment.  A clock that was set back makes nothing come again: see `settled`.
    """
    if not entry.enabled:
        return None
    return entry.schedule.last_between(max(_utc(entry.since), _utc(entry.last_due or entry.since)), now, zone)


def overdue(entry: Entry, now: dt.datetime, zone: dt.tzinfo) -> dt.timedelta | None:
    """The time since a run last ended well, if two moments and twice the interval between them have passed since; else None."""
    good, now = _utc(entry.last_good or entry.since), _utc(now)
    start = max(good, _utc(entry.since))
    if not entry.enabled or start > now:
        return None
    first, second = map(_utc, entry.schedule.upcoming(start, zone, 2))
    # Twice the interval alone would be up on the weekend of a schedule for working days; the second moment alone just after a run by hand.
    return now - good if now > max(second, start + 2 * (second - first)) else None


def settled(entry: Entry, now: dt.datetime) -> Entry:
    """The entry as it should be kept when the clock was wrong: times more than a day ahead of now become now, or it would wait for them for ever.

    The entry itself when there is nothing to mend.  To be asked, and what it gives stored, before `due`.
    """
    ahead: dict[str, Any] = {name: now for name in _TIMES if (time := getattr(entry, name)) and _utc(time) - _utc(now) > _SET_BACK}
    return replace(entry, **ahead) if ahead else entry


def _utc(time: dt.datetime) -> dt.datetime:
    """Two times of one zone are compared and subtracted by their clocks; in UTC by the time that passed."""
    return time.astimezone(cron.UTC)


@lru_cache(maxsize=64)
def _pattern(schedule: Schedule) -> cron.Pattern:
    if schedule.every == "cron":
        return cron.parse(schedule.cron)
    hours = tuple(range(24)) if schedule.every == "hour" else (schedule.hour,)
    if schedule.every == "month":
        return cron.Pattern((schedule.minute,), hours, days=frozenset({schedule.day or 31}), clamp=True)
    weekdays = schedule.weekdays if schedule.every == "week" else range(7)
    return cron.Pattern((schedule.minute,), hours, weekdays=frozenset(weekdays))


def _only(given: Mapping[str, Any], known: set[str]) -> None:
    unknown = [str(key) for key in given if key not in known]
    if unknown:
        raise BadRequest(what=f"A schedule cannot have {json.dumps(unknown[0])} beside {', '.join(sorted(known))}: {EXAMPLE}.")


def _whole(given: Any, key: str, low: int, high: int, example: str) -> int:
    text = str(given).strip()
    if isinstance(given, (bool, float)) or not re.fullmatch(r"[0-9]{1,5}", text) or not low <= int(text) <= high:
        raise BadRequest(what=f'"{key}" is a whole number from {low} to {high}, for example {example}, not {given!r:.80}.')
    return int(text)


def _time(given: Any, every: str) -> tuple[int, int]:
    """Hour and minute of "02:30"; in every hour only the minute counts, ":30"."""
    match = re.fullmatch(r"([01]?[0-9]|2[0-3])?:([0-5][0-9])", str(given).strip())
    if match is None or (match[1] is None) != (every == "hour"):
        wanted = 'the minute, for example ":30"' if every == "hour" else 'a time of the day, for example "02:30" or "14:00"'
        quotes = " (YAML takes 14:30 for a number: put it in quotes)" if isinstance(given, int) else ""
        raise BadRequest(what=f'"at" is {wanted} in a schedule for every {every}, not {given!r:.80}{quotes}.')
    return int(match[1] or 0), int(match[2])


def _weekdays(given: Any) -> tuple[int, ...]:
    found = set()
    for name in given if isinstance(given, (list, tuple)) and given else [given]:
        short = [day for day, known in enumerate(WEEKDAYS) if str(name).strip().lower() in (known, known[:3])]
        if not short:
            raise BadRequest(what=f'"weekday" is one of {", ".join(WEEKDAYS)}, or a list of them, for example ["monday", "friday"], not {given!r:.80}.')
        found.update(short)
    return tuple(sorted(found))


def _day(given: Any) -> int:
    return LAST if str(given).strip().lower() == "last" else _whole(given, "day", 1, 31, '{"every": "month", "day": 1}, or "last"')
