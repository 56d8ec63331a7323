"""When runs are due: a year minute by minute in four zones, cron against a slow reading of the clock, missed runs, wrong clocks, and how it is written."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import re
import shutil
import time
import zoneinfo
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stashport.errors import BadRequest
from stashport.runs import cron
from stashport.runs.timetable import Entry, Schedule, due, overdue, settled, wished
from stashport.runs.zone import SystemZone, local_zone

UTC = dt.timezone.utc
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
ZONES = {name: ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")}
BERLIN = ZONES["Europe/Berlin"]

# name: (schedule, whether a local time is one of its own, how often in 2026)
KINDS = {
    "hour": ({"every": "hour", "at": ":30"}, lambda t: t.minute == 30, 8760),
    "day": ({"every": "day", "at": "02:30"}, lambda t: (t.hour, t.minute) == (2, 30), 365),
    "early": ({"every": "day", "at": "01:45"}, lambda t: (t.hour, t.minute) == (1, 45), 365),
    "week": ({"every": "week", "weekday": ["sun", "wednesday"], "at": "02:00"}, lambda t: (t.hour, t.minute) == (2, 0) and t.weekday() in (2, 6), 104),
    "month": ({"every": "month", "day": 31, "at": "02:15"}, lambda t: (t.hour, t.minute) == (2, 15) and (t + DAY).day == 1, 12),
    "cron": ({"cron": "30 2 * * 1-5"}, lambda t: (t.hour, t.minute) == (2, 30) and t.weekday() < 5, 261),
    "quarter": ({"cron": "*/15 2 * * *"}, lambda t: t.hour == 2 and t.minute % 15 == 0, 4 * 365),
}
# Four quarters of a skipped hour become one; of a skipped half hour two join the third. A doubled half hour has one more "30 past".
OTHERWISE = {("quarter", "Europe/Berlin"): -3, ("quarter", "America/New_York"): -3, ("quarter", "Australia/Lord_Howe"): -2, ("hour", "Australia/Lord_Howe"): 1}


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0, *, zone: dt.tzinfo = BERLIN, fold: int = 0) -> dt.datetime:
    """A local time, in Berlin unless said otherwise."""
    return dt.datetime(year, month, day, hour, minute, fold=fold, tzinfo=zone)


def utc(*parts: int) -> dt.datetime:
    """A time in UTC."""
    return dt.datetime(*parts, tzinfo=UTC)


def clock(zone: dt.tzinfo, start: dt.datetime, end: dt.datetime):
    """A clock on the wall, read every minute: (instant, what it shows, whether it shows that for the second time, the minutes it skipped)."""
    now, before = start, (start - MINUTE).astimezone(zone).replace(tzinfo=None)
    latest = max((start - MINUTE * k).astimezone(zone).replace(tzinfo=None) for k in range(1, 1600))
    while now <= end:
        shown = now.astimezone(zone).replace(tzinfo=None)
        skipped = [before + MINUTE * k for k in range(1, int((shown - before) / MINUTE))] if shown - before > MINUTE else []
        yield now, shown, shown <= latest, skipped
        before, latest, now = shown, max(shown, latest), now + MINUTE


def read_off(matches, hourly: bool, zone: dt.tzinfo, start: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
    """The instants at which a schedule must run, read off that clock."""
    return [now for now, shown, again, skipped in clock(zone, start, end)
            if (matches(shown) and (hourly or not again)) or (not hourly and any(map(matches, skipped)))]  # fmt: skip


@cache
def year_of(zone: str) -> dict[str, list[dt.datetime]]:
    """What the clock of a zone tells for every kind of schedule in 2026, minute by minute."""
    found: dict[str, list[dt.datetime]] = {name: [] for name in KINDS}
    for now, shown, again, skipped in clock(ZONES[zone], *bounds(ZONES[zone])):
        if shown.minute % 15 and not skipped:
            continue  # none of these kinds has other minutes
        for name, (_, matches, _) in KINDS.items():
            if (matches(shown) and (name == "hour" or not again)) or (name != "hour" and any(map(matches, skipped))):
                found[name].append(now)
    return found


def bounds(zone: dt.tzinfo) -> tuple[dt.datetime, dt.datetime]:
    """The first and the last minute of 2026."""
    return local(2026, 1, 1, zone=zone).astimezone(UTC), local(2026, 12, 31, 23, 59, zone=zone).astimezone(UTC)


def entry(schedule: dict, since: dt.datetime, **more) -> Entry:
    """An entry of a timetable."""
    return Entry("e1", "Nightly", "backup", Schedule.parse(schedule), since, **more)


# --- a year ---


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_year_minute_by_minute(kind, zone):
    """Every schedule comes when the clock on the wall says so, as often as the calendar has it, and never twice for one local time."""
    given_, _, count = KINDS[kind]
    first, last = bounds(ZONES[zone])
    schedule, now, found = Schedule.parse(given_), first - MINUTE, []
    while (now := schedule.next_after(now, ZONES[zone])) <= last:
        found.append(now)
    assert [moment.astimezone(UTC) for moment in found] == year_of(zone)[kind]
    assert len(found) == count + OTHERWISE.get((kind, zone), 0)
    if kind != "hour":
        assert len({moment.replace(tzinfo=None) for moment in found}) == len(found)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_every_hour_is_an_hour_that_passes(zone):
    """Where clocks change by whole hours, hourly runs are one hour apart all year round, on both nights of the change too."""
    times = year_of(zone)["hour"]
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {HOUR}


@pytest.mark.parametrize("kind", ["day", "cron", "hours"])
def test_a_fake_clock_that_ticks_and_sleeps_for_a_year(kind):
    """A process that looks every half hour, sleeps now and then, and once for nine days, starts each moment once or, when it missed some, their last one."""
    given_ = {"everyHours": 7} if kind == "hours" else KINDS[kind][0]
    line, (now, last) = entry(given_, local(2026, 1, 1)), bounds(BERLIN)
    moments = [utc(2025, 12, 31, 23) + 7 * HOUR * k for k in range(1, 1300)] if kind == "hours" else year_of("Europe/Berlin")[kind]
    started, looks = [], 0
    while now < last:
        now, looks = now + (9 * DAY if looks == 5000 else 17 * HOUR if looks % 400 == 399 else 30 * MINUTE), looks + 1
        moment = due(line, now, BERLIN)
        missed = [m for m in moments if (line.last_due or line.since) < m <= now] if moment or looks % 50 == 0 else []
        assert (moment and moment.astimezone(UTC)) == (missed[-1] if missed else None)
        if moment:
            started.append(moment)
            line = Entry(**{**vars(line), "last_due": moment})
            assert due(line, now, BERLIN) is None
    assert len(set(started)) == len(started) > 200


# --- cron against a slow reading of the clock ---

WINDOWS = [
    (BERLIN, utc(2026, 3, 28, 12)), (BERLIN, utc(2026, 10, 24, 12)), (ZONES["America/New_York"], utc(2026, 10, 31, 12)),
    (ZONES["Australia/Lord_Howe"], utc(2026, 4, 4, 2)), (ZONES["Australia/Lord_Howe"], utc(2026, 10, 3, 2)), (UTC, utc(2027, 12, 30)), (UTC, utc(2028, 2, 28)),
    (ZoneInfo("America/Havana"), utc(2026, 3, 7, 12)),  # from 00:00 to 01:00
    (ZoneInfo("Pacific/Apia"), utc(2011, 12, 29, 2)),  # a whole day was left out
    (ZoneInfo("America/St_Johns"), utc(2010, 11, 6, 12)),  # from 00:01 back to 23:01 of the day before
]  # fmt: skip
NAMES = {"month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], "weekday": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]}


@st.composite
def fields(draw, low: int, high: int, names: str = ""):
    """A field of a cron expression, and the numbers that it means."""
    texts, numbers = [], set()
    for _ in range(draw(st.integers(1, 3))):
        shape = draw(st.sampled_from(("*", "*/n", "a", "a", "a-b", "a-b/n")))
        a, b = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
        n = draw(st.integers(1, 20)) if "n" in shape else 1
        first, last = (low, high) if "*" in shape else (a, a if shape == "a" else b)
        said = [NAMES[names][k - low] if names and draw(st.booleans()) and k - low < len(NAMES[names]) else str(k) for k in (a, b)]
        base = {"*": "*", "a": said[0]}.get(shape[:3].partition("/")[0], "-".join(said))
        texts.append(base + (f"/{n}" if "n" in shape else ""))
        numbers |= {value for value in range(low, high + 1) if first <= value <= last and (value - first) % n == 0}
    return ",".join(texts), numbers


expressions = st.tuples(fields(0, 59), fields(0, 23), fields(1, 31), fields(1, 12, "month"), fields(0, 7, "weekday"))


def reading(parts) -> tuple[str, object, bool]:
    """The text of an expression, whether it has a local time, and whether it is one of every hour."""
    (minute, hour, day, month, weekday), text = [numbers for _, numbers in parts], " ".join(part for part, _ in parts)
    free = parts[2][0][0] == "*" or parts[4][0][0] == "*"

    def matches(t: dt.datetime) -> bool:
        by_day, by_weekday = t.day in day, t.isoweekday() in weekday or (t.isoweekday() == 7 and 0 in weekday)
        return t.minute in minute and t.hour in hour and t.month in month and (by_day and by_weekday if free else by_day or by_weekday)

    return text, matches, len(hour) == 24


@given(expressions, st.sampled_from(WINDOWS), st.integers(0, 3 * 1440))
@settings(max_examples=120, deadline=None)
@example([("7", {7}), ("2", {2}), ("*", set(range(1, 32))), ("*", set(range(1, 13))), ("*", set(range(8)))], WINDOWS[0], 1000)
@example([("30", {30}), ("23", {23}), ("*", set(range(1, 32))), ("*", set(range(1, 13))), ("*", set(range(8)))], WINDOWS[-1], 1000)
@example([("1", {1}), ("*", set(range(24))), ("*", set(range(1, 32))), ("*", set(range(1, 13))), ("*", set(range(8)))], WINDOWS[-1], 1000)
@example([("0", {0}), ("12", {12}), ("*", set(range(1, 32))), ("*", set(range(1, 13))), ("*", set(range(8)))], WINDOWS[-2], 1000)
@example([("0", {0}), ("1", {1}), ("13", {13}), ("*", set(range(1, 13))), ("fri", {5})], WINDOWS[5], 1000)
def test_cron_is_what_the_clock_says(parts, window, minutes):
    """For any expression, in nights of odd changes too: the moments of three days, and the last one before any minute, are those read off minute by minute."""
    (zone, start), (text, matches, hourly) = window, reading(parts)
    if not any(min(parts[2][1]) <= longest for month, longest in enumerate(cron._LONGEST, 1) if month in parts[3][1]) and (parts[2][0][0] == "*" or parts[4][0][0] == "*"):
        with pytest.raises(BadRequest, match="none of its months"):
            cron.parse(text)
        return
    pattern, end = cron.parse(text), start + 3 * DAY
    wanted = read_off(matches, hourly, zone, start + MINUTE, end)
    found, now = [], start
    while len(found) <= len(wanted) and (now := pattern.after(now, zone)) <= end:
        found.append(now)
    assert found == wanted
    asked = start + minutes * MINUTE
    assert pattern.before(asked, zone, start) == max((moment for moment in wanted if moment <= asked), default=None)


def test_days_that_overlap_at_midnight():
    """St John's once went from 00:01 back to 23:01: an hourly run falls on both days in turn, and each is found from before and from behind."""
    zone, halves = WINDOWS[-1][0], cron.parse("0,30 * * * *")
    wanted = [utc(2010, 11, 7, 2) + k * 30 * MINUTE for k in range(5)]  # 23:30, 00:00, 23:30, 00:00, 00:30
    assert [moment.astimezone(zone).strftime("%d %H:%M") for moment in wanted] == ["06 23:30", "07 00:00", "06 23:30", "07 00:00", "07 00:30"]
    for earlier, later in itertools.pairwise(wanted):
        assert (halves.after(earlier, zone), halves.before(later - MINUTE, zone, earlier - MINUTE)) == (later, earlier)
    assert cron.parse("30 * * * *").before(utc(2010, 11, 7, 3, 15), zone, utc(2010, 11, 7, 2, 30)) == utc(2010, 11, 7, 3)


def test_cron_waits_for_rare_days():
    """29 February, and 29 February when it is a Sunday, are found however far they are."""
    rare, rarer = cron.parse("0 12 29 2 *"), cron.parse("0 12 29 2 */7")
    assert rare.after(utc(2026, 1, 1), UTC) == utc(2028, 2, 29, 12)
    assert rare.after(utc(2097, 1, 1), UTC) == utc(2104, 2, 29, 12)
    assert rarer.after(utc(2026, 1, 1), UTC) == utc(2032, 2, 29, 12)
    assert rarer.after(utc(2088, 3, 1), UTC) == utc(2128, 2, 29, 12)


@pytest.mark.parametrize("name", cron.NICKNAMES)
def test_nicknames_are_known_by_their_meaning(name):
    """@daily and the like come as often in a year as their name says."""
    schedule, first = Schedule.parse(name), utc(2025, 12, 31, 23, 59)
    wanted = {"@yearly": 1, "@annually": 1, "@monthly": 12, "@weekly": 52, "@daily": 365, "@midnight": 365, "@hourly": 8760}[name]
    assert sum(moment < utc(2027, 1, 1) for moment in schedule.upcoming(first, UTC, wanted + 1)) == wanted


@pytest.mark.parametrize(("text", "said"), [
    ("30 2 * *", "neither five fields"), ("0 30 2 * * 1", "neither five fields"), ("@reboot", "neither five fields"), ("60 2 * * *", "from 0 to 59"),
    ("0 24 * * *", "from 0 to 23"), ("0 0 0 * *", "from 1 to 31"), ("0 0 * 13 *", "from 1 to 12"), ("0 0 * * 8", "from 0 to 7"), ("0 0 * * moon", '"moon" cannot be read'),
    ("0 0 * * foo", '"foo" is no weekday'), ("x 0 * * *", "cannot be read"), ("0 0 L * *", "cannot be read"), ("5/15 0 * * *", "as in 5-59/15"), ("*/0 * * * *", "step of 0"),
    ("0 0 20-10 * *", "runs backwards"), ("0 0 30 2 *", "none of its months"), ("0 0 31 4,6 *", "none of its months"), ("1,,2 0 * * *", "cannot be read"), ("-5 0 * * *", "cannot be read"),
])  # fmt: skip
def test_a_wrong_expression_is_refused_with_an_example(text, said):
    """What is wrong with which field is said, and how a right one looks."""
    with pytest.raises(BadRequest) as refused:
        Schedule.parse({"cron": text})
    assert said in refused.value.message
    assert "30 2 * * 1-5" in refused.value.message


@pytest.mark.parametrize(("text", "month", "days"), [
    ("0 0 13 * fri", 11, [6, 13, 20, 27]), ("0 0 */10 * mon", 5, [11]), ("0 0 13 * */5", 11, [13]), ("0 0 13 * */5", 10, []), ("0 0 31 2 mon", 2, [2, 9, 16, 23]),
])  # fmt: skip
def test_day_of_the_month_or_weekday(text, month, days):
    """One of the two is enough where both are restricted; a field that begins with * narrows the other, as in Vixie's cron."""
    assert [day for day in range(1, 29) if cron.parse(text).has(dt.date(2026, month, day))] == days


def test_weeks_end_on_sunday_in_ranges_of_names():
    """fri-sun goes over the end of cron's week, as 5-7 does."""
    assert cron.parse("0 0 * * fri-sun") == cron.parse("0 0 * * 5-7") == cron.parse("0 0 * * FRI,sat,0")


# --- clock changes by hand ---


def test_the_skipped_and_the_doubled_hour():
    """02:30 of 29 March becomes 03:00; of the two 02:30 of 25 October the first is taken; Lord Howe's half hour likewise."""
    nightly = Schedule.parse({"every": "day", "at": "02:30"})
    assert nightly.next_after(local(2026, 3, 29), BERLIN).isoformat() == "2026-03-29T03:00:00+02:00"
    assert Schedule.parse("daily 02:07").next_after(local(2026, 3, 29), BERLIN).isoformat() == "2026-03-29T03:00:00+02:00"
    assert [moment.isoformat() for moment in nightly.upcoming(local(2026, 10, 25), BERLIN, 2)] == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
    howe = ZONES["Australia/Lord_Howe"]
    assert Schedule.parse("daily 02:15").next_after(local(2026, 10, 4, zone=howe), howe).isoformat() == "2026-10-04T02:30:00+11:00"


def test_hours_are_counted_in_real_time():
    """Every 6 hours is six hours that pass, though the clock was put forward or back meanwhile."""
    times = Schedule.parse({"everyHours": 6}).upcoming(local(2026, 10, 24, 22), BERLIN, 3)
    assert [moment.strftime("%d %H:%M") for moment in times] == ["25 03:00", "25 09:00", "25 15:00"]


def test_day_31_is_the_last_day_of_shorter_months():
    """A month without that day runs on its last one; "last" is the same as 31."""
    for day in (31, "last"):
        times = Schedule.parse({"every": "month", "day": day, "at": "04:00"}).upcoming(local(2028, 1, 1), BERLIN, 4)
        assert [moment.day for moment in times] == [31, 29, 31, 30]
    assert [moment.day for moment in Schedule.parse({"every": "month", "day": 30}).upcoming(local(2027, 1, 1), BERLIN, 3)] == [30, 28, 30]


# --- due and overdue ---


def test_a_new_entry_waits_for_its_next_moment():
    """Made at noon, a nightly entry is not due before the night; a disabled one never is."""
    line = entry({"every": "day", "at": "02:30"}, local(2026, 5, 4, 12))
    assert due(line, local(2026, 5, 4, 23, 59), BERLIN) is None
    assert due(line, local(2026, 5, 5, 2, 30), BERLIN) == local(2026, 5, 5, 2, 30)
    assert due(Entry(**{**vars(line), "enabled": False}), local(2026, 5, 9), BERLIN) is None


def test_a_changed_schedule_missed_nothing_before_the_change():
    """Moving a nightly run to 11:00 at noon does not start one at once: `since` is the time of the change."""
    line = entry({"every": "day", "at": "11:00"}, local(2026, 5, 4, 12), last_due=local(2026, 5, 4, 2, 30))
    assert due(line, local(2026, 5, 4, 12, 1), BERLIN) is None


@given(st.sampled_from([kind[0] for kind in KINDS.values()] + [{"everyHours": 5}]),
       st.lists(st.integers(-1500, 3000), min_size=5, max_size=40), st.sampled_from([utc(2026, 3, 28), utc(2026, 10, 24)]))  # fmt: skip
@settings(deadline=None)
def test_no_clock_makes_a_moment_come_twice(schedule, steps, start):
    """Whatever jumps a clock makes, any way forward and up to a day back: what was started is never started again, and each moment is later than the last."""
    line, now, latest, started = entry(schedule, start), start, start, []
    for step in steps:
        now = max(now + step * MINUTE, latest - DAY)
        latest, line = max(now, latest), settled(line, now)
        moment = due(line, now, BERLIN)
        if moment:
            assert moment <= now
            started.append(moment.astimezone(UTC))
            line = Entry(**{**vars(line), "last_due": moment})
    assert started == sorted(set(started))


def test_a_clock_from_the_future_does_not_stop_the_timetable():
    """A run under a clock that was years ahead would be waited for; once settled, the next regular moment is due, and not the one before."""
    line = entry({"every": "day", "at": "02:30"}, local(2026, 1, 1), last_due=local(2031, 1, 1, 2, 30), last_good=local(2031, 1, 1, 2, 40))
    now = local(2026, 5, 4, 12)
    assert due(line, local(2026, 5, 5, 2, 30), BERLIN) is None
    mended = settled(line, now)
    assert (due(mended, now, BERLIN), due(mended, local(2026, 5, 5, 2, 30), BERLIN)) == (None, local(2026, 5, 5, 2, 30))
    assert overdue(mended, local(2026, 5, 8), BERLIN) == 3 * DAY + 12 * HOUR
    slightly = entry({"every": "day"}, local(2026, 1, 1), last_due=now + HOUR)
    assert settled(slightly, now) is slightly


def test_overdue_after_two_missed_moments_and_twice_the_interval():
    """A nightly run is overdue on the second night, a weekday one not on the weekend, and one by hand just before the moment changes nothing."""
    night = entry({"every": "day", "at": "02:30"}, local(2026, 1, 1), last_good=local(2026, 5, 4, 2, 40))
    assert overdue(night, local(2026, 5, 6, 2, 40), BERLIN) is None
    assert overdue(night, local(2026, 5, 6, 2, 41), BERLIN) == 2 * DAY + MINUTE
    by_hand = entry({"every": "day", "at": "02:30"}, local(2026, 1, 1), last_good=local(2026, 5, 4, 2, 29))
    assert overdue(by_hand, local(2026, 5, 6, 2, 20), BERLIN) is None
    friday = entry({"cron": "30 2 * * 1-5"}, local(2026, 1, 1), last_good=local(2026, 5, 8, 2, 40))
    assert overdue(friday, local(2026, 5, 11, 23), BERLIN) is None
    assert overdue(friday, local(2026, 5, 12, 2, 31), BERLIN) == 3 * DAY + 23 * HOUR + 51 * MINUTE
    changed = Entry(**{**vars(night), "since": local(2026, 5, 20)})  # counted from the change, told from the last good run
    assert overdue(changed, local(2026, 5, 21, 12), BERLIN) is None
    assert overdue(changed, local(2026, 5, 22, 2, 40), BERLIN) == 18 * DAY
    six = entry({"everyHours": 6}, local(2026, 10, 24, 22))  # never ran; the clock is put back in that night
    assert overdue(six, local(2026, 10, 25, 9), BERLIN) is None
    assert overdue(six, local(2026, 10, 25, 9, 1), BERLIN) == 12 * HOUR + MINUTE
    assert overdue(Entry(**{**vars(night), "enabled": False}), local(2027, 1, 1), BERLIN) is None


# --- reading and writing ---

WORDS = {
    '{"every": "hour"}': "every hour, on the hour", '{"every": "hour", "at": ":05"}': "every hour, 5 minutes past", '{"every": "day", "at": "2:30"}': "every day at 02:30",
    '{"every": "week"}': "every Monday at 04:00", '{"every": "week", "weekday": ["fri", "Monday", "wed"], "at": "23:59"}': "every Monday, Wednesday and Friday at 23:59",
    '{"every": "month"}': "on day 1 of every month at 04:00", '{"every": "month", "day": "last", "at": "00:00"}': "on the last day of every month at 00:00",
    '{"every": "month", "day": 30}': "on day 30 of every month (the last day of a month that is shorter) at 04:00", '{"everyHours": 6}': "every 6 hours",
    '{"everyHours": 1}': "every hour", '{"cron": " 30  2 * * 1-5 "}': 'at the times of the cron expression "30 2 * * 1-5"', '"@daily"': 'at the times of the cron expression "@daily"',
    '"hourly"': "every hour, on the hour", '"daily"': "every day at 04:00", '"Daily 02:30"': "every day at 02:30", '"weekly 03:00"': "every Monday at 03:00",
    '"monthly"': "on day 1 of every month at 04:00", '"30 2 * * 1-5"': 'at the times of the cron expression "30 2 * * 1-5"',
}  # fmt: skip


@pytest.mark.parametrize("text", WORDS)
def test_schedules_are_read_told_in_words_and_kept(text):
    """Each way to write a schedule is understood, described in plain words, and survives its record as JSON."""
    schedule = Schedule.parse(json.loads(text))
    assert schedule.describe() == WORDS[text]
    assert Schedule.parse(json.loads(json.dumps(schedule.record()))) == schedule


def test_the_page_reads_schedules_as_the_program_does():
    """Every schedule in the table of docs/schedule.md is understood, and told in the words that stand beside it."""
    page = (Path(__file__).parents[2] / "docs" / "schedule.md").read_text("utf-8")
    rows = re.findall(r"^\| `(.+)` \| (.+) \|$", page, re.MULTILINE)
    assert len(rows) >= 11
    for text, words in rows:
        assert Schedule.parse(json.loads(text)).describe() == words


def test_a_configuration_without_a_schedule():
    """`schedule: null`, as configurations have it by default, means only by hand."""
    assert wished(None) is None is wished("none")
    assert wished("daily") == Schedule.parse("daily")


@pytest.mark.parametrize(("given_", "said"), [
    ({}, 'one of "every"'), ({"every": "day", "cron": "@daily"}, 'one of "every"'), (7, 'one of "every"'), (None, 'one of "every"'), ({"every": "fortnight"}, "hour, day, week or month"),
    ({"every": "day", "weekday": "monday"}, 'cannot have "weekday"'), ({"every": "day", "att": "02:30"}, 'cannot have "att"'), ({"everyHours": 6, "at": "02:30"}, 'cannot have "at"'),
    ({"every": "day", "at": "24:00"}, 'a time of the day, for example "02:30"'), ({"every": "day", "at": ":30"}, "a time of the day"), ({"every": "hour", "at": "02:30"}, 'for example ":30"'),
    ({"every": "day", "at": 870}, "put it in quotes"), ({"every": "week", "weekday": "funday"}, "monday, tuesday"), ({"every": "week", "weekday": []}, "monday, tuesday"),
    ({"every": "month", "day": 32}, "from 1 to 31"), ({"every": "month", "day": 0}, "from 1 to 31"), ({"everyHours": 0}, "from 1 to"), ({"everyHours": 1.5}, "whole number"),
    ({"everyHours": True}, "whole number"), ("sometimes", "hourly, daily, weekly or monthly"), ("daily 25:00", "a time of the day"),
])  # fmt: skip
def test_a_wrong_schedule_is_refused_with_an_example(given_, said):
    """What is wrong is named, and how it should look."""
    with pytest.raises(BadRequest) as refused:
        Schedule.parse(given_)
    assert said in refused.value.message


def test_an_entry_survives_its_record():
    """A line of the timetable comes back from JSON as it was; one that is no entry is refused in words."""
    line = entry({"every": "week"}, local(2026, 5, 4), config={"vault": "/backups"}, last_due=utc(2026, 5, 5), last_result="ok")
    told = json.loads(json.dumps(line.record()))
    assert Entry.parse(told) == line
    for wrong in ({**told, "since": "yesterday"}, {**told, "extra": 1}, {"id": "x"}):
        with pytest.raises(BadRequest):
            Entry.parse(wrong)


# --- the zone of this machine ---


@pytest.fixture
def machine_zone(monkeypatch):
    """Put the C library of this process into a zone, for the length of a test."""

    def put(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield put
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", ZONES)
def test_the_system_zone_reckons_as_the_zone_data_does(name, machine_zone):
    """Through both changes of a year the fallback gives the same local times, offsets and moments as zoneinfo."""
    machine_zone(name)
    zone, system = ZONES[name], SystemZone()
    for start in (utc(2026, 3, 28), utc(2026, 4, 4), utc(2026, 10, 3), utc(2026, 10, 24), utc(2026, 10, 31)):
        for step in range(0, 2 * 1440, 15):
            instant = start + step * MINUTE
            ours, theirs = instant.astimezone(system), instant.astimezone(zone)
            assert (ours.replace(tzinfo=None), ours.fold, ours.utcoffset()) == (theirs.replace(tzinfo=None), theirs.fold, theirs.utcoffset())
            assert ours.astimezone(UTC) == instant
        for text in ("daily 02:30", "daily 01:45", "*/20 2 * * *", "hourly"):
            ours, theirs = (Schedule.parse(text).upcoming(start, which, 6) for which in (system, zone))
            assert [moment.isoformat() for moment in ours] == [moment.isoformat() for moment in theirs]


def test_where_the_zone_comes_from(tmp_path):
    """TZ first, then /etc/localtime as a link or a copy; without either, or with a TZ that only the C library reads, the system's own."""
    assert local_zone({"TZ": "Asia/Tokyo"}) == ZoneInfo("Asia/Tokyo") == local_zone({"TZ": ":Asia/Tokyo"})
    assert isinstance(local_zone({"TZ": "CET-1CEST"}), SystemZone)
    assert isinstance(local_zone({"TZ": "../../etc/passwd"}), SystemZone)
    assert isinstance(local_zone({"TZ": ""}), SystemZone)
    assert isinstance(local_zone({}, tmp_path / "none"), SystemZone)
    data = next(path for folder in zoneinfo.TZPATH if os.path.exists(path := os.path.join(folder, "Europe/Berlin")))
    (tmp_path / "link").symlink_to(data)
    shutil.copy(data, tmp_path / "copy")
    (tmp_path / "broken").write_text("no zone")
    assert local_zone({}, tmp_path / "link") == BERLIN
    assert local(2026, 7, 1, zone=local_zone({}, tmp_path / "copy")).utcoffset() == 2 * HOUR
    assert isinstance(local_zone({}, tmp_path / "broken"), SystemZone)
