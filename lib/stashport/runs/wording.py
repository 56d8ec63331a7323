"""Numbers, durations and sentences as people read them, and text from outside made fit for one line.

Every page, log line and report takes its words from here, so that a count or a duration reads the same wherever it is met.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from stashport.atomic import human_size

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTCOMES = ("created", "updated", "unchanged", "skipped", "conflicts", "failed")
ONLY_READING = ("export", "backup", "verify", "compare", "check")
"""Verbs that write to no library; what they call created is a record written to a file."""

_PLURALS = {"gallery": "galleries", "library": "libraries"}
_PAST = {
    "export": "exported",
    "backup": "backed up",
    "verify": "checked",
    "compare": "compared",
    "restore": "restored",
    "import": "imported",
    "migrate": "migrated",
    "sync": "synced",
    "rollback": "taken back",
}
_TOLD = {
    "created": "created",
    "updated": "updated",
    "unchanged": "already the same",
    "skipped": "left out",
    "conflicts": "waiting for your decision",
    "failed": "failed",
}
# Control characters, line separators, switches of the writing direction, and halves of surrogate pairs (which no encoding takes).
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    """Text from outside with everything escaped that could break a line, move a cursor or fail to encode."""
    return _UNFIT.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def number(value: float) -> str:
    """12480 -> '12,480'."""
    return f"{value:,.0f}"


def noun(kind: str, n: int) -> str:
    """('saved_filter', 2) -> 'saved filters'."""
    word = kind.replace("_", " ")
    return word if n == 1 else _PLURALS.get(word, word + "s")


def count_of(n: int, kind: str) -> str:
    """(12480, 'scene') -> '12,480 scenes'."""
    return f"{number(n)} {noun(kind, n)}"


def duration(seconds: float) -> str:
    """Seconds as text in at most two units: '0.4 s', '59 s', '3 min 20 s', '2 h 5 min', '3 days 4 h'."""
    if seconds < 0.95:
        return f"{max(seconds, 0.1):.1f} s"
    whole = round(seconds)
    for unit, size, smaller, smaller_size in (("day", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            large, rest = divmod(whole, size)
            head = count_of(large, unit) if unit == "day" else f"{large} {unit}"
            return f"{head} {rest // smaller_size} {smaller}" if rest >= smaller_size else head
    return f"{whole} s"


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC, with milliseconds."""
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(text: object) -> float | None:
    """A timestamp of ours as seconds since 1970; None for anything else."""
    try:
        return dt.datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def moment(text: object) -> str:
    """'2026-05-03T04:12:09.120Z' -> '3 May 2026, 04:12:09 UTC'; what is no time is given back as it is."""
    seconds = seconds_of(text)
    if seconds is None:
        return str(text)
    time = dt.datetime.fromtimestamp(seconds, dt.timezone.utc)
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[time.month - 1]
    return f"{time.day} {month} {time.year}, {time:%H:%M:%S} UTC"


def took(record: Mapping[str, Any]) -> float | None:
    """Seconds from a run's start to its end; None while it runs."""
    began, ended = seconds_of(record.get("started")), seconds_of(record.get("finished"))
    return None if began is None or ended is None else max(0.0, ended - began)


def totals(record: Mapping[str, Any]) -> dict[str, int]:
    """The counts of a run summed over all kinds, by outcome."""
    return {outcome: sum(int(row.get(outcome) or 0) for row in record["counts"].values()) for outcome in OUTCOMES}


def sentence(record: Mapping[str, Any]) -> str:
    """One true sentence about a run.

    A sentence that the verb gave (`notes.sentence`) is taken, but never for a run that failed: it may have been given before the failure.
    """
    verb = str(record.get("verb") or "run")
    if record.get("state") == "running":
        phase = record["progress"].get("phase")
        return f"{verb.capitalize()} is running" + (f": {phase}." if phase else ".")
    if record.get("result") == "failed":
        error = record.get("error") or {}
        message = str(error.get("message") or "no reason is known")
        return message if error.get("error") == "Stopped" else f"{verb.capitalize()} failed: {message}"
    given = record.get("notes", {}).get("sentence")
    return str(given) if given else _told(verb, record)


def _told(verb: str, record: Mapping[str, Any]) -> str:
    """The sentence made from counts, outputs and times."""
    sums, past, seconds = totals(record), _PAST.get(verb, f"{verb}: done"), took(record)
    within = f" in {duration(seconds)}" if seconds is not None else ""
    listed = ", ".join(f"{number(sums[outcome])} {_TOLD[outcome]}" for outcome in OUTCOMES if sums[outcome])
    if verb in ONLY_READING:
        read = sums["created"] + sums["updated"] + sums["unchanged"]
        if read:
            bad = [f"{number(sums[outcome])} {_TOLD[outcome]}" for outcome in ("failed", "conflicts") if sums[outcome]]
            if not bad and record.get("result") == "partial":
                bad = ["not everything is there: see the warnings"]
            but = f", but {' and '.join(bad)}" if bad else ""
            return f"{past.capitalize()} {count_of(read, 'record')}{_target(record)}{within}{but}."
        return f"Nothing was {past}: {listed}." if listed else f"{verb.capitalize()} ended{within}."
    if sums["created"] + sums["updated"]:
        return f"{past.capitalize()}{within}: {listed}."
    return f"Nothing was changed by this {verb}" + (f": {listed}." if listed else ".")


def _target(record: Mapping[str, Any]) -> str:
    outputs = record.get("outputs") or []
    if not outputs:
        return ""
    size = human_size(sum(int(output.get("size") or 0) for output in outputs))
    name = re.split(r"[\\/]", str(outputs[0].get("path", "")).rstrip("/\\"))[-1]
    return f" to {name} ({size})" if len(outputs) == 1 else f" to {number(len(outputs))} files ({size})"
