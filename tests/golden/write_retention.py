"""Writes retention.json anew, a fixed timeline of backups and what forty policies keep of it: python tests/golden/write_retention.py

What comes out is what the code says, so look at the difference before it is kept; test_retention.py also asks a slow oracle that knows nothing of that code.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "lib")]

from stashport.bundle.retention import Item, Policy, apply  # noqa: E402

UTC = dt.timezone.utc
ZONE = "Europe/Berlin"
NOW = dt.datetime(2027, 1, 2, 12, 0, tzinfo=UTC)  # a Saturday of 2026-W53
DAY = dt.timedelta(days=1)
POLICIES: list[dict[str, object]] = [
    {}, {"keepLast": 1}, {"keepLast": 10}, {"keepLast": 100}, {"keepLast": "all"},
    {"keepHourly": 1}, {"keepHourly": 6}, {"keepHourly": 24}, {"keepHourly": 48}, {"keepHourly": "all"},
    {"keepDaily": 1}, {"keepDaily": 7}, {"keepDaily": 30}, {"keepDaily": 500}, {"keepDaily": "all"},
    {"keepWeekly": 1}, {"keepWeekly": 4}, {"keepWeekly": 20}, {"keepWeekly": 300}, {"keepWeekly": "all"},
    {"keepMonthly": 1}, {"keepMonthly": 12}, {"keepMonthly": 36}, {"keepMonthly": "all"},
    {"keepYearly": 1}, {"keepYearly": 5}, {"keepYearly": 20}, {"keepYearly": "all"},
    {"keepWithin": "12h"}, {"keepWithin": "7d"}, {"keepWithin": "6m"}, {"keepWithin": "2y"}, {"keepWithin": "50y"},
    {"keepDaily": 7, "keepWeekly": 4, "keepMonthly": 12},
    {"keepLast": 3, "keepDaily": 14, "keepYearly": 3},
    {"keepHourly": 24, "keepDaily": 30, "keepMonthly": 12},
    {"keepLast": 10, "keepHourly": 48, "keepDaily": 7, "keepWeekly": 4, "keepMonthly": 24, "keepYearly": 3},
    {"keepLast": 2, "keepWithin": "30d"}, {"keepWithin": "1w", "keepWeekly": 8, "keepYearly": "all"}, {"keepDaily": 7, "keepYearly": 2, "keepWithin": "3d"},
]  # fmt: skip


def timeline() -> list[Item]:
    """150 backups of two libraries over six years: dense of late, and in nights of a clock change and around new year; with every sort of odd one."""
    chance = random.Random(20261121)
    times = [NOW - chance.uniform(0, 3) * DAY for _ in range(25)]
    times += [NOW - DAY * (day + chance.random()) for day in range(3, 40)]
    times += [NOW - DAY * (7 * week + chance.uniform(0, 7)) for week in range(6, 26)]
    times += [NOW - DAY * (30 * month + chance.uniform(0, 30)) for month in range(6, 73)][::2]
    for start in (dt.datetime(2026, 10, 24, 22, 30, tzinfo=UTC), dt.datetime(2026, 3, 28, 23, 30, tzinfo=UTC)):
        times += [start + dt.timedelta(minutes=40 * step) for step in range(6)]
    times += [dt.datetime(2020, 12, 27, 12, tzinfo=UTC) + DAY * step for step in range(8)]
    times += [dt.datetime(2024, 12, 31, 22, 59, 59, tzinfo=UTC), dt.datetime(2024, 12, 31, 23, 0, tzinfo=UTC)]
    times += [NOW + DAY, NOW + 400 * DAY]
    times += [times[30], times[60]]  # within the same second
    whose = [("nas", time) for time in sorted(times)]
    whose += [("laptop", NOW - DAY * (20 * step + chance.random())) for step in reversed(range(150 - len(times)))]
    items = []
    for place, (series, time) in enumerate(whose):
        odd = {"proven": chance.random() < 0.9, "failed": chance.random() < 0.04, "pinned": chance.random() < 0.03}
        records = 1600 if place == len(whose) - 1 else chance.randint(3900, 4100) + 5 * place  # the laptop's newest has shrunk
        items.append(Item(f"b{place:03}", time.replace(microsecond=0), series, records=records, **odd))
    return items


def case(given: dict[str, object], items: list[Item]) -> dict[str, object]:
    """A policy, and what it keeps of a timeline, with the reasons."""
    verdicts = apply(items, Policy.parse(given), now=NOW, zone=ZoneInfo(ZONE), proven_now=True)
    return {"policy": given, "kept": {verdict.item.id: list(verdict.reasons) for verdict in verdicts if verdict.keep}}


def row(item: Item) -> dict[str, object]:
    """An item as it stands in the file."""
    return {**vars(item), "time": item.time.isoformat()}


def main() -> None:
    """Write the file: a line for each backup, and for each policy."""
    items = timeline()
    parts = [f'{{"zone": "{ZONE}", "now": "{NOW.isoformat()}", "items": [']
    parts.append(",\n".join(json.dumps(row(item)) for item in items))
    parts.append('], "cases": [')
    parts.append(",\n".join(json.dumps(case(given, items)) for given in POLICIES))
    parts.append("]}")
    (HERE / "retention.json").write_text("\n".join(parts) + "\n", "utf-8")


if __name__ == "__main__":
    main()
