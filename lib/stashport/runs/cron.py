"""Times that come again, as cron writes them, and the instants at which they come in a zone.

A time that a day skips (the clock was put forward) comes at the first instant after the gap; one that a day has twice comes at the first of them.  What
comes in every hour follows the hours that really pass: it comes in both of two hours of one name, and not in one that is skipped.
"""

from __future__ import annotations

import bisect
import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache

from stashport.errors import BadRequest

UTC = dt.timezone.utc
DAY = dt.timedelta(days=1)
EXAMPLE = 'for example "30 2 * * 1-5": at 02:30 from Monday to Friday'
NICKNAMES = {"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
             "@midnight": "0 0 * * *", "@hourly": "0 * * * *"}  # fmt: skip
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FARTHEST = 366 * 41  # days: 29 February falls on a given weekday at least every 40 years


@dataclass(frozen=True)
class Pattern:
    """Minutes and hours of certain days.  `weekdays` counts from Monday = 0; `clamp` moves a day that a month lacks to its last one."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int] = frozenset(range(1, 32))
    months: frozenset[int] = frozenset(range(1, 13))
    weekdays: frozenset[int] = frozenset(range(7))
    either: bool = False  # a day of the month or a weekday is enough
    clamp: bool = False

    def has(self, day: dt.date) -> bool:
        """Whether this day is one of them."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.weekday() in self.weekdays
        if self.clamp and not by_day and (day + DAY).day == 1:
            by_day = max(self.days) > day.day
        return by_day or by_weekday if self.either else by_day and by_weekday

    def after(self, moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
        """The first instant after a moment (aware), in UTC."""
        moment = moment.astimezone(UTC)
        day = moment.astimezone(zone).date() - DAY
        for _ in range(_FARTHEST):
            later = _later(instants(self, day, zone), moment)
            if later:  # a clock that is put back over midnight makes two days overlap: the next one may hold an earlier instant
                return min(later[:1] + _later(instants(self, day + DAY, zone), moment)[:1])
            day += DAY
        raise BadRequest(what=f"These times never come: {self}.")

    def before(self, moment: dt.datetime, zone: dt.tzinfo, first: dt.datetime) -> dt.datetime | None:
        """The last instant that is after `first` and not after a moment (both aware), in UTC."""
        moment, first = moment.astimezone(UTC), first.astimezone(UTC)
        day, end = moment.astimezone(zone).date() + DAY, first.astimezone(zone).date() - DAY
        while day >= end:
            earlier = _not_later(instants(self, day, zone), moment)
            if earlier:
                last = max(earlier[-1:] + _not_later(instants(self, day - DAY, zone), moment)[-1:])
                return last if last > first else None
            day -= DAY
        return None


@lru_cache(maxsize=64)
def instants(pattern: Pattern, day: dt.date, zone: dt.tzinfo) -> tuple[dt.datetime, ...]:
    """The instants of a pattern on a local day, in UTC and in order."""
    if not pattern.has(day):
        return ()
    hourly = len(pattern.hours) == 24
    found = set()
    for hour in pattern.hours:
        for minute in pattern.minutes:
            local = dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
            first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
            if first > second:  # a gap: read with the offset before it, the time lies behind it, and with the one after it, before it
                if not hourly:
                    found.add(_end_of_gap(second, first, zone))
                continue
            found.update((first, second) if hourly else (first,))
    return tuple(sorted(found))


def _later(times: tuple[dt.datetime, ...], moment: dt.datetime) -> tuple[dt.datetime, ...]:
    return times[bisect.bisect_right(times, moment) :]


def _not_later(times: tuple[dt.datetime, ...], moment: dt.datetime) -> tuple[dt.datetime, ...]:
    return times[: bisect.bisect_right(times, moment)]


def _end_of_gap(before: dt.datetime, after: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """The instant between two, to the second, at which the zone changes its offset."""
    offset = after.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (before + dt.timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return before + dt.timedelta(seconds=high)


def parse(text: str) -> Pattern:
    """The pattern of five fields (minute, hour, day of the month, month, weekday), or of @daily and the like.  Errors: BadRequest."""
    fields = NICKNAMES.get(text.strip().lower(), text).split()
    if len(fields) != 5:
        known = ", ".join(NICKNAMES)
        raise BadRequest(what=f'The cron expression "{text:.80}" is neither five fields nor one of {known}: {EXAMPLE}.')
    minutes = _field(fields[0], "minute", 0, 59)
    hours = _field(fields[1], "hour", 0, 23)
    days = _field(fields[2], "day of the month", 1, 31)
    months = _field(fields[3], "month", 1, 12, _MONTHS)
    weekdays = _field(fields[4], "weekday", 0, 7, _DAYS)
    # As in Vixie's cron: with both restricted one of the two is enough, and a field that begins with * counts as not restricted.
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    if not either and not any(min(days) <= _LONGEST[month - 1] for month in months):
        raise BadRequest(what=f'The cron expression "{text}" asks for a day that none of its months has: {EXAMPLE}.')
    return Pattern(tuple(sorted(minutes)), tuple(sorted(hours)), frozenset(days), frozenset(months), frozenset((day - 1) % 7 for day in weekdays), either)


def _field(text: str, name: str, low: int, high: int, names: list[str] | None = None) -> set[int]:
    """The numbers of one field: lists of *, a, a-b, each of the first and last with /step."""
    found: set[int] = set()
    for part in text.lower().split(","):
        match = re.fullmatch(r"(?:(\*)|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:/([0-9]{1,2}))?", part)
        if match is None:
            raise _wrong(text, name, f'"{part}" cannot be read')
        star, first, last, step = match.groups()
        if step and not star and not last:
            raise _wrong(text, name, f'"{part}" needs a range before its step, as in {first}-{high}/{step}')
        start = low if star else _number(first, text, name, low, names)
        end = high if star else _number(last, text, name, low, names) if last else start
        if last == "sun" and end < start:  # Sunday is the end of the week as well: fri-sun
            end = 7
        if not low <= start <= high or not end <= high:
            raise _wrong(text, name, f"it goes from {low} to {high}")
        if end < start:
            raise _wrong(text, name, f'"{part}" runs backwards')
        if step and not int(step):
            raise _wrong(text, name, "a step of 0 leads nowhere")
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _number(word: str, text: str, name: str, low: int, names: list[str] | None) -> int:
    if word.isdigit():
        return int(word)
    if names is None or word not in names:
        raise _wrong(text, name, f'"{word}" is no {name}')
    return names.index(word) + low


def _wrong(text: str, name: str, why: str) -> BadRequest:
    return BadRequest(what=f'In a cron expression the {name} cannot be "{text}": {why}. Five fields are wanted, {EXAMPLE}.')
