"""Compare: what differs between two Stashes, two files, or today's library and an earlier export or backup.  Nothing is written but the report."""

from __future__ import annotations

import contextlib
import csv
import json
from collections import Counter
from typing import Any, TextIO

from stashport import __version__
from stashport.atomic import discard, file_error, publish, temporary_beside
from stashport.change.compare import OUTCOMES, Compared, compared, kinds_of
from stashport.change.match import match
from stashport.change.paths import PathMap
from stashport.errors import BadRequest
from stashport.jobs.context import Context
from stashport.jobs.export import quiet_memory
from stashport.jobs.export_config import kind_of
from stashport.model.table import Kind
from stashport.runs.record import Run
from stashport.stash.source import Place, open_source

_KEYS = ("kinds", "ignore", "paths")
_COLUMNS = ("kind", "a", "b", "name", "outcome", "tier", "field", "how", "in_a", "in_b")
_LONGEST = 2000
_TOLD = {"same": "the same", "differs": "different", "only_a": "only in the first", "only_b": "only in the second", "undecided": "undecided"}


def compare(given: dict[str, Any], context: Context, other: Place) -> Run:
    """Compare context's source (A) with another one (B); the finished run.

    given   {"kinds": [..], "ignore": ["scenes.updated_at", ..], "paths": ["FROM=TO", ..] from A's paths to B's}
    In the record: notes.compared by plural name {outcomes, fields: how many records tell a field otherwise, tiers}; every difference is a row of the CSV that
    is the run's output.  Errors: BadRequest, UnknownKind, and those of both sources.
    """
    for key in given:
        if key not in _KEYS:
            raise BadRequest(what=f'The configuration has an unknown key "{key}"; known are {", ".join(_KEYS)}.')
    kinds = {kind_of(name).name for name in given.get("kinds") or ()}
    ignore = _ignored(given.get("ignore") or ())
    paths = PathMap.parse(given.get("paths") or ())
    with Run.start(context.state, "compare", config=given, version=__version__, run_id=context.run_id, sinks=context.sinks) as run:
        run.phase("Opening both libraries")
        with contextlib.ExitStack() as stack:
            a, b = (stack.enter_context(open_source(place)) for place in (context.source(), other))
            run.source(a=a.facts, b=b.facts)
            stack.enter_context(quiet_memory())
            for remark in (*a.remarks, *b.remarks):
                run.warn(remark)
            run.phase("Matching")

            def progress(_: Kind, number: int) -> None:
                run.advance(number)
                run.check_stop()

            matches = stack.enter_context(contextlib.closing(match(a.reader, b.reader, paths=paths, progress=progress)))
            table = {}
            final = run.folder / "differences.csv"
            made = temporary_beside(final)
            try:
                with made.open("w", encoding="utf-8", newline="", errors="backslashreplace") as file:
                    csv.writer(file).writerow(_COLUMNS)
                    for kind in (kind for kind in kinds_of(matches) if not kinds or kind.name in kinds):
                        run.phase(f"Comparing {kind.label.lower()}", total=a.reader.count(kind))
                        rows = compared(a.reader, b.reader, matches, kind, paths=paths, ignore=ignore.get(kind.name, ()))
                        table[kind.plural] = _tallied(kind, rows, file, run)
                publish(made, final)
            except OSError as error:
                raise file_error(error, final) from error
            finally:
                discard(made)
        run.output(final, final.stat().st_size, "every difference, a row each")
        run.note("compared", table)
        run.note("sentence", _sentence(table))
    return run


def _ignored(names: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name in names.split(",") if isinstance(names, str) else names:
        plural, dot, field = str(name).strip().partition(".")
        kind = kind_of(plural)
        if not dot or field not in kind.by_name:
            raise BadRequest(what=f'"ignore" names fields as KIND.FIELD, for example scenes.updated_at, not "{name}".')
        found.setdefault(kind.name, set()).add(field)
    return found


def _tallied(kind: Kind, rows: Any, file: TextIO, run: Run) -> dict[str, Any]:
    outcomes, fields, tiers = Counter[str](), Counter[str](), Counter[str]()
    writer = csv.writer(file)
    one: Compared
    for one in rows:
        run.advance()
        run.check_stop()
        outcomes[one.outcome] += 1
        tiers[one.tier] += bool(one.tier)
        start = (kind.plural, one.a, one.b, _safe(one.name), one.outcome, one.tier)
        if one.outcome != "same" and not one.differences:
            writer.writerow((*start, "", "", "", ""))
        for difference in one.differences:
            fields[difference.field] += 1
            writer.writerow((*start, difference.field, difference.how, _text(difference.mine), _text(difference.theirs)))
    return {"outcomes": {name: outcomes[name] for name in OUTCOMES}, "fields": dict(fields.most_common()), "tiers": {k: v for k, v in tiers.items() if k}}


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return _safe(text if len(text) <= _LONGEST else text[:_LONGEST] + " ...")


def _safe(text: str) -> str:
    """What a spreadsheet would take for a formula is made a text."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _sentence(table: dict[str, Any]) -> str:
    sums = Counter[str]()
    for row in table.values():
        sums.update(row["outcomes"])
    if not any(sums[name] for name in OUTCOMES if name != "same"):
        return f"The libraries are the same: {sums['same']:,} records, nothing differs."
    return ", ".join(f"{sums[name]:,} {_TOLD[name]}" for name in OUTCOMES if sums[name]) + "."


def lines(table: dict[str, Any]) -> list[str]:
    """The table for a terminal: a line a kind, and one for each field that differs."""
    found = []
    for plural, row in table.items():
        told = ", ".join(f"{number:,} {_TOLD[name]}" for name, number in row["outcomes"].items() if number) or "none on either side"
        found.append(f"{plural}: {told}")
        found += [f"    {field}: {number:,}" for field, number in row["fields"].items()]
    return found
