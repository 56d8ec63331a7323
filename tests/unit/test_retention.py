"""Retention: forty golden policies, a slow oracle that walks the calendar, laws over random timelines, and the odd hours and years by hand."""

from __future__ import annotations

import datetime as dt
import json
import re
import runpy
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stashport.bundle.retention import ALL, COUNTS, Item, Policy, apply
from stashport.errors import BadRequest

GOLDEN = Path(__file__).parents[1] / "golden"
DATA = json.loads((GOLDEN / "retention.json").read_text("utf-8"))
UTC = dt.timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")
START, NOW = dt.datetime(2024, 12, 20, tzinfo=UTC), dt.datetime(2026, 10, 26, 12, tzinfo=UTC)


def items_of(rows: list[dict]) -> list[Item]:
    """The backups of the golden file."""
    return [Item(**{**row, "time": dt.datetime.fromisoformat(row["time"])}) for row in rows]


def kept(items: list[Item], policy: Policy, *, now: dt.datetime = NOW, zone: dt.tzinfo = BERLIN, proven_now: bool = True) -> dict[str, tuple[str, ...]]:
    """The ids that are kept, with their reasons."""
    return {verdict.item.id: verdict.reasons for verdict in apply(items, policy, now=now, zone=zone, proven_now=proven_now) if verdict.keep}


def at(*when: str, zone: dt.tzinfo = BERLIN, proven: bool = True) -> list[Item]:
    """Backups at local times, their ids a, b, c ... in the order given."""
    return [Item("abcdefghij"[k], dt.datetime.fromisoformat(text).replace(tzinfo=zone), "x", proven, 100) for k, text in enumerate(when)]


# --- golden ---


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: json.dumps(case["policy"]))
def test_forty_golden_policies(case):
    """Each policy keeps of the fixed timeline what the golden file says, for the same reasons."""
    found = kept(items_of(DATA["items"]), Policy.parse(case["policy"]), now=dt.datetime.fromisoformat(DATA["now"]), zone=ZoneInfo(DATA["zone"]))
    assert {name: list(reasons) for name, reasons in found.items()} == case["kept"]


def test_the_golden_file_is_what_its_writer_writes_and_holds_every_reason():
    """The timeline is the seeded one, there are forty policies over 150 backups, and every sort of reason occurs."""
    writer = runpy.run_path(str(GOLDEN / "write_retention.py"))
    assert [writer["row"](item) for item in writer["timeline"]()] == DATA["items"]
    assert (len(DATA["items"]), [case["policy"] for case in DATA["cases"]]) == (150, writer["POLICIES"])
    assert len(DATA["cases"]) == 40
    first = {reason.split()[0].rstrip(":,") for case in DATA["cases"] for reasons in case["kept"].values() for reason in reasons}
    assert first == {*COUNTS, "within", "oldest", "newest", "newer", "pinned", "damaged", "holds", "no"}


# --- the oracle: walks back through the calendar, period by period, and asks what lies between its two midnights ---


def periods(name: str, newest: dt.datetime, oldest: dt.datetime, zone: dt.tzinfo):
    """The first instant of every calendar period, from the newest's back to the oldest's."""
    first = newest.replace(minute=0, second=0, microsecond=0)
    while name == "hourly":  # in the zones asked, an hour of the clock is an hour of UTC
        yield first
        if first <= oldest:
            return
        first -= dt.timedelta(hours=1)
    starts = {"daily": lambda _: True, "weekly": lambda d: d.weekday() == 0, "monthly": lambda d: d.day == 1, "yearly": lambda d: (d.month, d.day) == (1, 1)}[name]
    day = newest.astimezone(zone).date()
    while not starts(day) or midnight(day, zone) > oldest:
        if starts(day):
            yield midnight(day, zone)
        day -= dt.timedelta(days=1)
    yield midnight(day, zone)


def midnight(day: dt.date, zone: dt.tzinfo) -> dt.datetime:
    """The first instant of a local day."""
    return dt.datetime.combine(day, dt.time(), zone).astimezone(UTC)


def oracle(items: list[Item], policy: Policy, now: dt.datetime, zone: dt.tzinfo) -> set[str]:
    """The ids of one series that a policy keeps, found the slow way."""
    backups = sorted(((item.time.astimezone(UTC), item.id, item) for item in items), reverse=True)
    good = [(time, item) for time, _, item in backups if time <= now and not item.failed]
    keep = {item.id for time, _, item in backups if item.failed or item.pinned or time > now}
    if policy == Policy() or not any(item.proven for _, item in good):
        return {item.id for item in items}
    keep |= {good[0][1].id, next(item.id for _, item in good if item.proven)}
    keep |= {item.id for _, item in (good if policy.last == ALL else good[: policy.last])}
    for name in COUNTS[1:]:
        left = len(items) + 1 if getattr(policy, name) == ALL else getattr(policy, name)
        rest = good[:]
        for first in periods(name, good[0][0], good[-1][0], zone) if left else ():
            inside = []
            while rest and rest[0][0] >= first:
                inside.append(rest.pop(0)[1])
            if inside and left:
                keep.add(max(inside, key=lambda item: (item.proven, item.time.astimezone(UTC), item.id)).id)
                left -= 1
        if left:
            keep.add(good[-1][1].id)
    if policy.within is not None:
        keep |= {item.id for time, item in good if time >= good[0][0] - policy.within}
    for _, item in good:
        if item.id not in keep and item.records / 2 > good[0][1].records:
            keep.add(item.id)
            break
    return keep


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: json.dumps(case["policy"]))
def test_the_golden_file_is_what_the_oracle_says(case):
    """The calendar walked day by day, with no knowledge of the code, comes to the same backups for each golden policy."""
    items, now = items_of(DATA["items"]), dt.datetime.fromisoformat(DATA["now"])
    said = {name for series in ("nas", "laptop") for name in oracle([i for i in items if i.series == series], Policy.parse(case["policy"]), now, ZoneInfo(DATA["zone"]))}
    assert set(case["kept"]) == said


# --- laws ---

moments = st.one_of(
    st.integers(0, 690 * 86400).map(lambda second: START + dt.timedelta(seconds=second)),
    st.integers(0, 8 * 3600).map(lambda second: dt.datetime(2026, 10, 24, 20, tzinfo=UTC) + dt.timedelta(seconds=second)),
    st.integers(0, 5 * 86400).map(lambda second: dt.datetime(2025, 12, 28, tzinfo=UTC) + dt.timedelta(seconds=second)),
)
timelines = st.lists(
    st.builds(dict, time=moments, series=st.sampled_from("xy"), proven=st.booleans(), records=st.integers(0, 9), failed=st.sampled_from((False, False, False, True)),
              pinned=st.sampled_from((False, False, False, False, True))),
    max_size=25,
).map(lambda rows: [Item(f"b{place:02}", **row) for place, row in enumerate(rows)])  # fmt: skip
amounts = st.sampled_from((0, 0, 0, 1, 2, 5, 20, ALL))
policies = st.builds(Policy, **dict.fromkeys(COUNTS, amounts), within=st.none() | st.timedeltas(dt.timedelta(), dt.timedelta(days=500)))


@given(timelines, policies, st.sampled_from((BERLIN, ZoneInfo("America/New_York"), UTC)))
@settings(max_examples=200, deadline=None)
def test_random_timelines_are_judged_as_the_oracle_does(items, policy, zone):
    """For any timeline and policy the slow oracle keeps the same backups."""
    said = {name for series in "xy" for name in oracle([i for i in items if i.series == series], policy, NOW, zone)}
    assert set(kept(items, policy, zone=zone)) == said


@given(timelines, policies, st.booleans())
def test_what_is_never_removed(items, policy, proven_now):
    """The newest proven one, whatever is pinned, damaged or dated in the future stays under any policy; all stays after an unproven backup or without rules."""
    found = kept(items, policy, proven_now=proven_now)
    for series in "xy":
        proven = [item for item in items if item.series == series and item.proven and not item.failed and item.time <= NOW]
        if proven:
            assert max(proven, key=lambda item: (item.time, item.id)).id in found
    assert {item.id for item in items if item.pinned or item.failed or item.time > NOW} <= set(found)
    if not proven_now or policy == Policy():
        assert set(found) == {item.id for item in items}


@given(timelines, policies, policies)
def test_a_more_generous_policy_removes_no_more(items, policy, other):
    """With each rule at least as generous nothing more goes; the one without rules is the most generous of all."""
    counts = {name: ALL if ALL in both else max(both) for name in COUNTS for both in [(getattr(policy, name), getattr(other, name))]}
    spans = [span for span in (policy.within, other.within) if span is not None]
    wider = Policy() if Policy() in (policy, other) else Policy(**counts, within=max(spans, default=None))
    assert set(kept(items, policy)) | set(kept(items, other)) <= set(kept(items, wider))


@given(timelines, policies)
def test_removing_and_applying_again_removes_nothing(items, policy):
    """Once what goes is gone, the same policy at the same time keeps all the rest, for the same reasons."""
    found = kept(items, policy)
    assert kept([item for item in items if item.id in found], policy) == found


@given(timelines, policies, st.randoms())
def test_the_order_of_input_does_not_matter(items, policy, chance):
    """A shuffled list gets the same verdicts in the same order: by series, newest first."""
    shuffled = chance.sample(items, len(items))
    verdicts = apply(items, policy, now=NOW, zone=BERLIN, proven_now=True)
    assert apply(shuffled, policy, now=NOW, zone=BERLIN, proven_now=True) == verdicts
    order = [(item.series, -item.time.timestamp(), item.id) for item, _, _ in verdicts]
    assert [key[:2] for key in order] == sorted(key[:2] for key in order)
    assert all(verdict.keep == bool(verdict.reasons) for verdict in verdicts)


@given(timelines, policies)
def test_series_are_judged_by_themselves(items, policy):
    """What is kept of one library does not depend on the other in the same vault."""
    apart = [kept([item for item in items if item.series == series], policy) for series in "xy"]
    assert kept(items, policy) == {**apart[0], **apart[1]}


@given(timelines, policies)
def test_a_shrunken_library_never_evicts_all_that_was_full(items, policy):
    """If anything of more than twice the newest one's records would go, then a newer such one stays."""
    found = kept(items, policy)
    for gone in items:
        peers = [i for i in items if i.series == gone.series and not i.failed and i.time <= NOW]
        if gone.id not in found and gone.records > 2 * max(peers, key=lambda i: (i.time, i.id)).records:
            assert any(i.id in found and i.records > 2 * max(peers, key=lambda p: (p.time, p.id)).records and (i.time, i.id) > (gone.time, gone.id) for i in peers)


# --- by hand ---


def test_the_hour_that_comes_twice_is_two_hours():
    """On 25 October 2026 02:30 comes twice in Berlin: two hours of one day; sorted by instant even when the times carry the zone itself."""
    first, second = at("2026-10-25 02:50", "2026-10-25 02:10")
    second = Item(second.id, second.time.replace(fold=1), "x", proven=True, records=100)  # twenty minutes later, though its clock shows less
    assert list(kept([first, second], Policy(hourly=5))) == ["b", "a"]
    assert kept([first, second], Policy(hourly=5))["b"] == ("newest proven one", "hourly 2026-10-25 02:00 (the second of that name)")
    assert kept([first, second], Policy(daily=1)) == {"b": ("newest proven one", "daily 2026-10-25")}


def test_days_begin_at_local_midnight():
    """One instant apart at midnight is two days there, and one day elsewhere."""
    items = [Item("a", dt.datetime(2026, 3, 28, 22, 59, 59, tzinfo=UTC), "x", True, 1), Item("b", dt.datetime(2026, 3, 28, 23, tzinfo=UTC), "x", True, 1)]
    assert kept(items, Policy(daily=2)) == {"b": ("newest proven one", "daily 2026-03-29"), "a": ("daily 2026-03-28",)}
    assert list(kept(items, Policy(daily=1), zone=UTC)) == ["b"]


def test_weeks_are_those_of_iso_8601():
    """1 January 2021 lies in week 53 of 2020, with 31 December; Monday 4 January begins week 1."""
    items = at("2020-12-28 08:00", "2020-12-31 08:00", "2021-01-01 08:00", "2021-01-03 23:59", "2021-01-04 00:00")
    assert kept(items, Policy(weekly=2)) == {"e": ("newest proven one", "weekly 2021-W01"), "d": ("weekly 2020-W53",)}
    assert kept(items, Policy(yearly=2))["b"] == ("yearly 2020",)


def test_only_periods_with_a_backup_count():
    """A gap of months evicts nothing."""
    items = at("2024-01-01 08:00", "2025-06-01 08:00", "2025-06-02 08:00", "2026-10-01 08:00")
    assert list(kept(items, Policy(daily=3))) == ["d", "c", "b"]


def test_the_oldest_stays_until_the_places_are_filled():
    """With fewer months than asked for the very first backup stays, and goes once there are enough."""
    items = at("2026-08-02 08:00", "2026-08-30 08:00", "2026-09-30 08:00")
    assert kept(items, Policy(monthly=3))["a"] == ("oldest, until 3 monthly ones are there",)
    assert kept(items, Policy(monthly=ALL))["a"] == ("oldest, since all monthly ones are kept",)
    assert list(kept(items, Policy(monthly=2))) == ["c", "b"]


def test_backups_of_the_same_second_have_a_stable_order():
    """Of two at the same second the one whose id sorts later is the newer."""
    items = at("2026-08-02 08:00", "2026-08-02 08:00", "2026-08-02 08:00")
    assert kept(items, Policy(last=2)) == {"c": ("newest proven one", "last 1 of 2"), "b": ("last 2 of 2",)}


def test_a_proven_backup_stands_for_its_day_before_a_newer_unproven_one():
    """Of two that are not the newest of all the proven one is kept, though the other is newer; and with none proven at all nothing goes."""
    proven, unproven = at("2026-08-02 08:00")[0], Item("z", dt.datetime(2026, 8, 2, 20, tzinfo=UTC), "x", proven=False, records=100)
    last = at("2026-08-01 08:00", "2026-08-02 08:00", "2026-08-03 08:00")[2]
    assert kept([proven, unproven, last], Policy(daily=2)) == {"c": ("newest proven one", "daily 2026-08-03"), "a": ("daily 2026-08-02",)}
    assert kept([proven, unproven], Policy(daily=1)) == {"z": ("newest one",), "a": ("newest proven one", "daily 2026-08-02")}
    older = Item("y", dt.datetime(2026, 8, 1, 20, tzinfo=UTC), "x", proven=False, records=100)
    assert kept([unproven, older], Policy(last=1))["y"] == ("clean-up paused: no backup of this library is proven",)
    assert kept(at("2026-08-02 08:00", "2026-08-03 08:00"), Policy(last=1), proven_now=False)["a"] == ("clean-up paused: the new backup is not proven",)


def test_damaged_and_future_ones_fill_no_place():
    """A damaged backup and one from a wrong clock are kept with their reason, and the good one of that day still is."""
    good, damaged, future = at("2026-10-26 08:00", "2026-10-26 09:00", "2031-01-01 00:00")
    damaged = Item("b", damaged.time, "x", proven=True, records=100, failed=True)
    found = kept([good, damaged, future], Policy(last=1))
    assert found["a"] == ("newest proven one", "last 1 of 1")
    assert found["b"] == ("damaged: never removed by itself, and it counts for nothing",)
    assert found["c"] == ("newer than now (clock?)",)


def test_within_counts_from_the_newest_so_that_a_pause_evicts_nothing():
    """Where no backup was made for a year, the last month before that year is still whole."""
    items = at("2025-09-01 08:00", "2025-09-20 08:00", "2025-10-01 08:00")
    assert kept(items, Policy.parse({"keep-within": "30d"}))["a"] == ("within 30 days of the newest",)
    assert list(kept(items, Policy.parse({"keep-within": "2w"}))) == ["c", "b"]


def test_the_shrink_guard_speaks_in_numbers():
    """A library that fell from 4,000 records to 1,600 keeps the newest full backup; one that fell to exactly half does not."""
    full, newer, shrunk = (Item(name, dt.datetime(2026, 8, day, tzinfo=UTC), "x", proven=True, records=n) for name, day, n in (("a", 1, 5000), ("b", 2, 4000), ("c", 3, 1600)))
    assert kept([full, newer, shrunk], Policy(last=1)) == {
        "c": ("newest proven one", "last 1 of 1"), "b": ("holds more than twice the records of the newest: 4,000 against 1,600",)}  # fmt: skip
    assert list(kept([newer, Item("d", shrunk.time, "x", proven=True, records=2000)], Policy(last=1))) == ["d"]


# --- reading a policy ---


@given(policies)
def test_a_policy_survives_its_record(policy):
    """What record() gives, parse() reads; spans are kept by the hour."""
    if policy.within is not None:
        policy = Policy(**{name: getattr(policy, name) for name in COUNTS}, within=dt.timedelta(hours=1 + policy.within // dt.timedelta(hours=1)))
    assert Policy.parse(policy.record()) == policy
    assert policy.empty == (policy == Policy())


def test_the_page_tells_the_rules_and_reasons_that_there_are():
    """docs/backup.md names every rule, its example is read, and each reason of its second table is one that the code gives."""
    page = (Path(__file__).parents[2] / "docs" / "backup.md").read_text("utf-8").partition("## What is kept")[2].partition("\n## ")[0]
    assert all(f"`keep{name.capitalize()}`" in page for name in (*COUNTS, "within"))
    assert Policy.parse(json.loads(re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0])) == Policy(daily=7, weekly=4, monthly=12)
    def backup(name: str, day: int, **more) -> Item:
        return Item(name, dt.datetime(2026, 8, day, tzinfo=UTC), "x", **{"proven": True, "records": 4000} | more)

    shrunk = [backup("a", 1), backup("b", 2), backup("c", 3, records=1600), backup("d", 4, records=1600, proven=False)]
    odd = [backup("e", 5, failed=True, pinned=True), *at("2031-01-01 00:00")]
    unproven = [backup("f", 6, proven=False), backup("g", 7, proven=False)]
    spoken = {reason for vault, proven_now in ((shrunk + odd, True), (shrunk, False), (unproven, True))
              for reasons in kept(vault, Policy(last=1), proven_now=proven_now).values() for reason in reasons}  # fmt: skip
    told = {reason for _, reasons in re.findall(r"^\| (.+) \| (.+) \|$", page.partition("| Stays |")[2], re.MULTILINE) for reason in reasons.split("; ")}
    assert told == spoken - {"last 1 of 1"}


def test_spellings_of_a_policy():
    """Command line, task argument and JSON write the same rules."""
    wanted = Policy(last=7, daily=ALL, within=dt.timedelta(days=14))
    assert Policy.parse({"keep-last": 7, "keep-daily": -1, "keep-within": "2w"}) == wanted
    assert Policy.parse({"keepLast": "7", "keepDaily": "all", "keepWithin": " 14D ", "keepYearly": None}) == wanted
    assert wanted.record() == {"keepLast": 7, "keepDaily": "all", "keepWithin": "2w"}
    assert [Policy.parse({"keepWithin": text}).within.days for text in ("48h", "30d", "6m", "1y")] == [2, 30, 186, 366]


@pytest.mark.parametrize(("given_", "said"), [
    ({"keepLast": -2}, '"keepLast" is a whole number, or "all"'), ({"keepLast": True}, "whole number"), ({"keepLast": 1.5}, "whole number"),
    ({"keepLast": "many"}, "whole number"), ({"keepWithin": "30"}, 'for example "30d"'), ({"keepWithin": "0d"}, 'for example "30d"'),
    ({"keepWithin": 30}, 'for example "30d"'), ({"keepSecondly": 1}, 'no rule "keepSecondly"'), ({"keepLast": 1, "keep-last": 2}, "given twice"), ([7], "names with numbers"),
])  # fmt: skip
def test_a_wrong_policy_is_refused_with_an_example(given_, said):
    """What cannot be understood is named, never taken for no rule or for zero."""
    with pytest.raises(BadRequest) as refused:
        Policy.parse(given_)
    assert said in refused.value.message
