"""Days and instants as people write them: `2024`, `2024-05`, `2024-05-17`, `2024-05-17 10:00`, with or without an offset."""

from __future__ import annotations

import datetime as dt
import re

from stashport.errors import BadFilter

WIDE = dt.timedelta(hours=26)  # more than any two clocks on earth are apart
_DAY = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE)


def day_range(text: str, key: str = "date") -> tuple[str, str]:
    """The first and the last day of what is written: a day, a month or a year.  Errors: BadFilter."""
    first, after = _days(text, key)
    return first.isoformat(), (after - dt.timedelta(days=1)).isoformat()


def moment_range(text: str, key: str = "time") -> tuple[dt.datetime, dt.datetime]:
    """The first instant of what is written, and the first one after it, in UTC; without an offset it is meant in this machine's zone.  Errors: BadFilter."""
    match = _MOMENT.fullmatch(text.strip())
    try:
        if match is None:
            first, after = _days(text, key)
            return _utc(dt.datetime.combine(first, dt.time())), _utc(dt.datetime.combine(after, dt.time()))
        when = instant(text, local=True)
        assert when is not None
    except (ValueError, OverflowError) as error:
        raise BadFilter(what=f'"{key}" is {text!r}, which is no time: {error}.') from error
    return when, when + (dt.timedelta(seconds=1) if match[3] else dt.timedelta(minutes=1))


def instant(text: str | None, *, local: bool = False) -> dt.datetime | None:
    """A stored time in UTC, None for what is none.  Without an offset it is in UTC, as SQLite writes it, or else in this machine's zone."""
    match = _MOMENT.fullmatch((text or "").strip())
    if match is None:
        return None
    day, minute, second, fraction, offset = match.groups()
    offset = (offset or "").upper()
    try:
        when = dt.datetime.fromisoformat(f"{day}T{minute}:{second or '00'}").replace(microsecond=int((fraction or "0")[:6].ljust(6, "0")))
        if not offset:
            return _utc(when) if local else when.replace(tzinfo=dt.timezone.utc)
        if offset == "Z":
            return when.replace(tzinfo=dt.timezone.utc)
        ahead = dt.timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
        return (when - ahead if offset[0] == "+" else when + ahead).replace(tzinfo=dt.timezone.utc)
    except (ValueError, OverflowError):
        if local:
            raise
        return None


def _days(text: str, key: str) -> tuple[dt.date, dt.date]:
    match = _DAY.fullmatch(text.strip())
    if match is None:
        raise BadFilter(what=f'"{key}" is {text!r}: write it as 2024, 2024-05 or 2024-05-17.')
    try:
        year, month, day = (int(part) if part else 0 for part in match.groups())
        first = dt.date(year, month or 1, day or 1)
        if day:
            return first, first + dt.timedelta(days=1)
        return first, dt.date(year + (not month or month == 12), month % 12 + 1 if month else 1, 1)
    except (ValueError, OverflowError) as error:
        raise BadFilter(what=f'"{key}" is {text!r}, which is no date: {error}.') from error


def _utc(naive: dt.datetime) -> dt.datetime:
    return naive.astimezone(dt.timezone.utc)
