"""The zone of this machine, at the edge: everything else is handed a zone."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LOCALTIME = Path("/etc/localtime")


class SystemZone(dt.tzinfo):
    """What the C library of this machine knows about its own zone: for Windows, and wherever Python finds no zone data."""

    def utcoffset(self, when: dt.datetime | None) -> dt.timedelta | None:
        """The offset; for a time that a day skips, that before the gap or (fold=1) that after it, as PEP 495 wants."""
        if when is None:
            return None
        local = when.replace(tzinfo=None, microsecond=0)
        return local - dt.datetime.fromtimestamp(local.timestamp(), dt.timezone.utc).replace(tzinfo=None)

    def dst(self, when: dt.datetime | None) -> dt.timedelta | None:
        """Unknown."""
        return None

    def tzname(self, when: dt.datetime | None) -> str | None:
        """What the system calls the zone at that time."""
        return None if when is None else when.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, when: dt.datetime) -> dt.datetime:
        """The local time of an instant."""
        instant = when.replace(tzinfo=dt.timezone.utc)
        local = instant.astimezone().replace(tzinfo=None)
        second = local.timestamp() != instant.timestamp()  # the clock shows what it showed an hour ago
        return local.replace(tzinfo=self, fold=int(second))


def local_zone(environment: Mapping[str, str] = os.environ, localtime: Path = LOCALTIME) -> dt.tzinfo:
    """The zone that TZ names, else that of /etc/localtime; where Python has no data for it, the one that the system itself reckons with."""
    try:
        if "TZ" in environment:
            return ZoneInfo(environment["TZ"].removeprefix(":"))
        _, found, name = str(localtime.resolve()).partition("/zoneinfo/")
        if found:
            return ZoneInfo(name)
        with localtime.open("rb") as file:
            return ZoneInfo.from_file(file)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return SystemZone()
