"""The report of a run: one page that needs nothing else (no script, no network, no fonts), and the same facts as JSON.

The order is that of the reader's questions: what happened, what to do, how many, what is missing, which items, which files, what was asked.
Everything that comes from a library or from outside goes through `text`, and there is no other way into the page.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stashport.atomic import file_error, human_size, write_text
from stashport.runs.counts import counts_section, labels_of
from stashport.runs.history import blank
from stashport.runs.markup import heads, lines, section, table, text
from stashport.runs.style import CSS
from stashport.runs.wording import count_of, duration, moment, noun, number, sentence, took

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HTML, JSON, ITEMS, TRACE = "report.html", "report.json", "items.csv", "trace.txt"
_RESULTS = {
    "ok": ("\u2713", "Done"),
    "partial": ("!", "Partly done"),
    "failed": ("\u2715", "Failed"),
    "running": ("\u2026", "Still running"),
}
_REASONS_SHOWN = 30
# Belt and braces: even if something slipped through unescaped, the browser would neither run nor load it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def write_report(run_folder: Path, record: Mapping[str, Any]) -> Path:
    """Write report.html and report.json for a run record; the path of the page.  Errors: CannotWrite, DiskFull."""
    record = {**blank(), "run": run_folder.name, **record}
    told = {**record, "sentence": sentence(record)}
    try:
        write_text(run_folder / JSON, json.dumps(told, ensure_ascii=False, default=str, indent=1))
        write_text(run_folder / HTML, page(record, has_trace=(run_folder / TRACE).is_file()))
    except OSError as error:
        raise file_error(error, run_folder) from error
    return run_folder / HTML


def page(record: Mapping[str, Any], *, has_trace: bool = False) -> str:
    """The whole page."""
    sections = (
        _error(record, has_trace),
        counts_section(record),
        _warnings(record),
        _reasons(record),
        _items(record),
        _outputs(record),
        _facts("What was asked for", record["config"]),
        _facts("Where it came from", record["source"]),
    )
    title = f"{str(record['verb']).capitalize()} report, {moment(record['started'])}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{text(title)}</title><style>{CSS}</style></head>\n<body><main>\n{_header(record)}\n"
        + "\n".join(section for section in sections if section)
        + f"\n{_footer(record)}\n</main></body></html>\n"
    )


def _header(record: Mapping[str, Any]) -> str:
    result = str(record["result"]) if record["result"] in _RESULTS else "running"
    sign, word = _RESULTS[result]
    if (record["error"] or {}).get("error") == "Stopped":
        sign, word = "\u25a0", "Stopped"
    seconds = took(record)
    facts = [str(record["verb"]).capitalize(), moment(record["started"]), f"took {duration(seconds)}" if seconds is not None else ""]
    line = " \u00b7 ".join(text(fact) for fact in facts if fact)
    return (
        f'<header class="{result}"><p class="word"><span aria-hidden="true">{sign}</span> {word}</p>'
        f'<h1>{text(sentence(record))}</h1><p class="facts">{line}</p></header>'
    )


def _error(record: Mapping[str, Any], has_trace: bool) -> str:
    """What to do next; what happened is the first sentence of the page already."""
    error = record["error"]
    if not error:
        return ""
    trace = f' \u00b7 for a bug report: <a href="{TRACE}">{TRACE}</a>' if has_trace else ""
    facts = f'<p class="soft">{text(error.get("error"))}, exit code {text(error.get("exit_code"))}{trace}</p>'
    return section("What to do now", f"<p>{text(error.get('hint') or 'Start it again.')}</p>{facts}")


def _warnings(record: Mapping[str, Any]) -> str:
    warnings = record["warnings"]
    if not warnings:
        return ""
    rest = record["warnings_total"] - len(warnings)
    more = f"<p>And {text(count_of(rest, 'warning'))} more.</p>" if rest > 0 else ""
    items = "".join(f"<li>{text(warning)}</li>" for warning in warnings)
    return section("Good to know", f"<ul>{items}</ul>{more}", note=count_of(len(warnings) + max(rest, 0), "warning"))


def _outcome(record: Mapping[str, Any], outcome: object) -> str:
    sign, word = labels_of(record).get(str(outcome), ("", str(outcome)))
    return f'<td class="tight"><span aria-hidden="true">{sign}</span> {text(word)}</td>'


def _reasons(record: Mapping[str, Any]) -> str:
    """Only when they say more than the items themselves: when one reason stands for several."""
    reasons = record["reasons"]
    if not reasons or all(reason["n"] == 1 for reason in reasons):
        return ""
    rows = [
        f'<td class="n first">{number(reason["n"])}</td><td>{text(noun(str(reason["kind"]), reason["n"]))}</td>'
        f'{_outcome(record, reason["outcome"])}<td class="any">{text(reason["reason"])}</td>'
        for reason in reasons[:_REASONS_SHOWN]
    ]
    rest = len(reasons) - len(rows)
    more = f"<p>And {text(count_of(rest, 'other reason'))}; {ITEMS} has them all.</p>" if rest else ""
    head = '<th scope="col" class="n first">Number</th>' + heads("Kind", "Outcome", "Reason")
    return section("Why", table("Reasons", head, rows) + more)


def _items(record: Mapping[str, Any]) -> str:
    items, total = record["items"], record["items_total"]
    if not items:
        return ""
    where = f'<a href="{ITEMS}">{ITEMS}</a>'
    more = (
        f"<p>The first {number(len(items))} of {number(total)}. All of them stand in {where}, beside this page.</p>"
        if total > len(items)
        else ""
    )
    rows = (
        f"<td>{text(noun(str(item.get('kind')), 1))}</td><td><code>{text(item.get('id'))}</code></td>"
        f'{_outcome(record, item.get("outcome"))}<td class="any">{text(item.get("reason"))}</td>'
        for item in items
    )
    listed = table("Items", heads("Kind", "Id", "Outcome", "Reason"), rows)
    return section("Items", more + listed, note=count_of(total, "item"))


def _outputs(record: Mapping[str, Any]) -> str:
    if not record["outputs"]:
        return ""
    rows = []
    for output in record["outputs"]:
        digest = f'<br><span class="soft">SHA-256 <code>{text(output["sha256"])}</code></span>' if output.get("sha256") else ""
        path = f'<td class="any"><code>{text(output.get("path"))}</code>{digest}</td>'
        rows.append(
            f'{path}<td class="tight">{text(output.get("what"))}</td><td class="n">{text(human_size(output.get("size") or 0))}</td>'
        )
    return section("Files", table("Files", heads("Path", "What it is") + '<th scope="col" class="n">Size</th>', rows))


def _facts(title: str, facts: Mapping[str, Any]) -> str:
    """Settings as they were given, nested ones as JSON."""
    rows = []
    for name, value in facts.items():
        if value is None or value in ("", [], {}):
            continue
        if isinstance(value, (list, tuple)) and all(isinstance(one, (str, int, float)) for one in value):
            shown = text(", ".join(map(str, value)))
        elif isinstance(value, (dict, list, tuple)):
            shown = f"<pre>{lines(json.dumps(value, ensure_ascii=False, default=str, indent=2))}</pre>"
        else:
            shown = text("yes" if value is True else "no" if value is False else value)
        rows.append(f'<th scope="row">{text(str(name).replace("_", " "))}</th><td class="any">{shown}</td>')
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return section(title, f'<table class="facts"><tbody>{body}</tbody></table>') if rows else ""


def _footer(record: Mapping[str, Any]) -> str:
    facts = (
        f"Run {record['run']}",
        f"Stash Port {record['version']}" if record["version"] else "",
        f"process {record['pid']} on {record['host']}" if record["host"] else "",
        f"from {moment(record['started'])}",
        f"to {moment(record['finished'])}" if record["finished"] else "",
    )
    line = " \u00b7 ".join(fact for fact in facts if fact)
    return f"<footer>{text(line)}</footer>"
