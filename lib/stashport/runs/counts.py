"""The numbers of a report: a table by kind that adds up, and one bar that shows its shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stashport.runs.history import adds_up
from stashport.runs.markup import cell, section, table, text
from stashport.runs.wording import ONLY_READING, OUTCOMES, count_of, noun, number, totals

if TYPE_CHECKING:
    from collections.abc import Mapping

_LABELS = {
    "created": ("+", "Created"),
    "updated": ("~", "Updated"),
    "unchanged": ("=", "Already the same"),
    "skipped": ("\u2013", "Left out"),
    "conflicts": ("?", "To decide"),
    "failed": ("!", "Failed"),
}


def counts_section(record: Mapping[str, Any]) -> str:
    """Bar and table of a run's counts; columns that are zero throughout are left out."""
    counts, sums, labels = record["counts"], totals(record), labels_of(record)
    shown = [outcome for outcome in OUTCOMES if sums[outcome]]
    title = "Records until then" if record["result"] == "failed" else "Records"
    if not shown:
        return section(title, "<p>No record was touched.</p>")
    by_kind = len(shown) == 1  # One outcome for all: the only shares there are to show are those of the kinds.
    shades = _shades(counts) if by_kind else {}
    head = '<th scope="col">Kind</th><th scope="col" class="n">Came in</th>'
    for outcome in shown:
        sign, word = labels[outcome]
        key = "" if by_kind else f'<span class="key {_css(outcome)}"></span>'
        mark = f'<span class="{"" if by_kind else "sign"}" aria-hidden="true">{key}{sign}</span>'
        head += f'<th scope="col" class="n">{mark} {word}</th>'
    rows = []
    for kind, row in counts.items():
        key = f'<span class="key created" style="opacity:{shades[kind]}" aria-hidden="true"></span>' if kind in shades else ""
        cells = "".join(cell(row.get(column, 0)) for column in ("in", *shown))
        rows.append(f'<th scope="row">{key}{text(noun(str(kind), 2).capitalize())}</th>{cells}')
    came = sum(row.get("in", 0) for row in counts.values())
    foot = '<th scope="row">Together</th>' + "".join(cell(n) for n in (came, *(sums[outcome] for outcome in shown)))
    if by_kind:
        shares = (
            [(row[shown[0]], "created", shades[kind], noun(str(kind), row[shown[0]])) for kind, row in counts.items()] if shades else []
        )
    else:
        shares = [(sums[outcome], _css(outcome), 1.0, labels[outcome][1].lower()) for outcome in shown]
    body = _bar(shares) + table("Records by kind", head, rows, foot if len(rows) > 1 else "")
    if not adds_up(counts):
        body += "<p><strong>These numbers do not add up: what came in is not what went out. Please report it.</strong></p>"
    return section(title, body, note="every row adds up to what came in" if adds_up(counts) and not by_kind else "")


def _shades(counts: Mapping[str, Any]) -> dict[str, float]:
    """A shade for each kind, the fullest for the largest; none for a single kind."""
    ordered = sorted(counts, key=lambda kind: -counts[kind].get("in", 0))
    return {kind: round(max(0.78**i, 0.12), 2) for i, kind in enumerate(ordered)} if len(ordered) > 1 else {}


def _bar(shares: list[tuple[int, str, float, str]]) -> str:
    """Shares as (number, class, shade, name): the finding is in the title, the table says the same.  Small shares are widened."""
    shares = [share for share in shares if share[0] > 0]
    everything = sum(n for n, _, _, _ in shares)
    if not shares:
        return ""
    widths = [max(1000 * n / everything, 4.0) for n, _, _, _ in shares]
    scale, at, parts = 1000 / sum(widths), 0.0, []
    for (_, css, shade, _), width in zip(shares, widths, strict=True):
        place = f'x="{at:.1f}" width="{max(width * scale - 1.5, 1):.1f}" height="16"'
        parts.append(f'<rect class="{css}" fill-opacity="{shade}" {place}/>')
        if css in ("failed-bar", "conflicts"):
            parts.append(f'<rect fill="url(#hatch)" {place}/>')
        at += width * scale
    finding = f"Of {count_of(everything, 'record')}: " + ", ".join(f"{number(n)} {name}" for n, _, _, name in shares)
    return (
        f'<svg class="bar" role="img" viewBox="0 0 1000 16" preserveAspectRatio="none"><title>{text(finding)}</title>'
        '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        f'<rect width="2" height="6" fill="#fff" fill-opacity=".55"/></pattern></defs>{"".join(parts)}</svg>'
    )


def labels_of(record: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """What a verb that only reads has created is written to a file; if it failed, there is no file, and it was only read."""
    if record["verb"] not in ONLY_READING:
        return _LABELS
    return {**_LABELS, "created": ("+", "Read" if record["result"] == "failed" else "Written")}


def _css(outcome: str) -> str:
    return "failed-bar" if outcome == "failed" else outcome
