"""Notices: who is told how a scheduled run ended, or that it is overdue.

A notice carries the entry's name, one word for the result, counts, and the kind of the error in general words: never titles, paths or secrets.  An address
can be a secret itself (a topic's name, the id in a path): only its host is told to anyone.  A notice that fails never fails the run.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from stashport import errors
from stashport.atomic import write_text
from stashport.errors import BadRequest, PortError
from stashport.output.upload import check_url
from stashport.runs import history, plans, timetable
from stashport.runs.report import write_report
from stashport.runs.state import State

KINDS = ("webhook", "ntfy", "deadman")
EVENTS = ("failed", "partial", "overdue", "ok")
USUAL = ("failed", "partial", "overdue")
TIMEOUT = 10.0
PAUSE = 1.0
MOST = 10
_WORDS = {"ok": "ended well", "partial": "ended, but is not complete", "failed": "failed", "cancelled": "was taken out of Stash's queue",
          "overdue": "is overdue"}  # fmt: skip


def parse(given: object) -> tuple[dict[str, Any], ...]:
    """Notices of an entry: a list of {kind, url, on, fail}.

    kind   webhook (JSON is posted), ntfy (text is posted), or deadman (the address is asked for when a run went well, and misses it otherwise)
    on     for webhook and ntfy: which of failed, partial, overdue and ok are told; all but ok without it
    fail   for deadman: whether `<url>/fail` is asked for when a run failed
    Errors: BadRequest.
    """
    if given in (None, ""):
        return ()
    if not isinstance(given, (list, tuple)) or len(given) > MOST:
        raise BadRequest(what=f'"notices" needs a list of at most {MOST}, for example [{{"kind": "ntfy", "url": "https://ntfy.sh/my-topic"}}].')
    return tuple(_one(one) for one in given)


def _one(given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping) or given.get("kind") not in KINDS or set(given) - {"kind", "url", "on", "fail"}:
        raise BadRequest(what=f'A notice has a "kind" ({", ".join(KINDS)}) and a "url", and may have "on", or for deadman "fail".')
    url = given.get("url")
    if not isinstance(url, str) or not url.isprintable() or len(url) > 2000:
        raise BadRequest(what='The "url" of a notice needs an address of at most 2,000 characters.')
    try:
        check_url(url)
    except (BadRequest, ValueError) as error:
        raise BadRequest(what="That is no address that a notice can be sent to: it begins with https:// or http://.") from error
    if given["kind"] == "deadman":
        return {"kind": "deadman", "url": url, "fail": given.get("fail") is True}
    on = given.get("on", USUAL)
    if not isinstance(on, (list, tuple)) or not all(event in EVENTS for event in on):
        raise BadRequest(what=f'"on" of a notice is a list of {", ".join(EVENTS)}.')
    return {"kind": given["kind"], "url": url, "on": sorted(set(on), key=EVENTS.index)}


def message(plan: plans.Plan, event: str, record: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    """What a notice may say: {app, entry, verb, event, text, error, reason, counts, run, time}."""
    error = str((record.get("error") or {}).get("error") or "")
    counts = {kind: row.get("in", 0) for kind, row in record.get("counts", {}).items()}
    text = f'Stash Port: "{plan.entry.name}" ({plan.entry.verb}) {_WORDS.get(event, event)}.'
    good = plan.entry.last_good
    if event == "overdue":
        text += f" It last went well on {good:%Y-%m-%d at %H:%M}." if good else " It has not gone well yet."
    reason = _reason(error) if event == "failed" else ""
    if counts and event in plans.GOOD:
        text += f" {sum(counts.values()):,} records."
    return {"app": "stash-port", "entry": plan.entry.name, "verb": plan.entry.verb, "event": event, "text": f"{text} {reason}".strip(), "error": error,
            "reason": reason, "counts": counts, "run": record.get("run") or "", "time": now.isoformat(timespec="seconds")}


def send(notices: Sequence[Mapping[str, Any]], told: Mapping[str, Any]) -> list[str]:
    """Send one message to all who want it; a sentence for each that did not get it.  Each has 10 seconds, twice."""
    problems = []
    for notice in notices:
        request = _request(notice, told)
        reason = request and _sent(*request)
        if reason:
            problems.append(f"The notice ({notice['kind']}) to {urlsplit(notice['url']).hostname} could not be sent: {reason}.")
    return problems


def tell(state: State, plan: plans.Plan, event: str, now: dt.datetime) -> list[str]:
    """Tell how the plan's last run ended; what could not be told is added to the warnings of its record, and returned."""
    if not plan.notices:
        return []
    record = {}
    with contextlib.suppress(PortError):
        record = history.load(state, plan.last_run)
    problems = send(plan.notices, message(plan, event, record, now))
    if problems and record.get("state") == "finished":
        record["warnings"] = [*record["warnings"], *problems]
        record["warnings_total"] += len(problems)
        folder = state.run_folder(plan.last_run)
        with contextlib.suppress(OSError):  # The run itself has ended and is recorded.
            write_text(folder / history.RECORD, json.dumps(record, ensure_ascii=False, default=str, indent=1))
            write_report(folder, record)
    return problems


def unnoticed(state: State, now: dt.datetime, zone: dt.tzinfo) -> list[plans.Plan]:
    """The overdue plans that are not at work, of which nobody was told yet, and somebody wants to be."""
    waiting = (plan for plan in plans.read(state).plans.values() if plan.notices and not plan.noticed and plan.claim is None)
    return [plan for plan in waiting if timetable.overdue(plan.entry, now, zone)]


def tell_overdue(state: State, now: dt.datetime, zone: dt.tzinfo) -> list[str]:
    """Tell of what is overdue, once for each time that it becomes so; what could not be told."""
    from dataclasses import replace

    wanted = {plan.entry.id for plan in unnoticed(state, now, zone)}
    if not wanted:
        return []
    with plans.changing(state) as known:
        mine = [plan for plan in known.values() if plan.entry.id in wanted and not plan.noticed]
        known.update({plan.entry.id: replace(plan, noticed=now.isoformat()) for plan in mine})
    return [problem for plan in mine for problem in send(plan.notices, message(plan, "overdue", {}, now))]


def _request(notice: Mapping[str, Any], told: Mapping[str, Any]) -> tuple[str, str, bytes | None, dict[str, str]] | None:
    """(method, address, body, headers); None for what this one does not want to know."""
    event, url = told["event"], notice["url"]
    if notice["kind"] == "deadman":
        if event in plans.GOOD:
            return "GET", url, None, {}
        return ("GET", _below(url, "fail"), None, {}) if event == "failed" and notice["fail"] else None
    if event not in notice["on"]:
        return None
    if notice["kind"] == "ntfy":
        priority = {"failed": "high", "overdue": "high", "ok": "low"}.get(event, "default")
        return "POST", url, told["text"].encode(), {"Title": "Stash Port", "Priority": priority, "Content-Type": "text/plain; charset=utf-8"}
    # Discord shows what stands in "content", Slack and Mattermost what stands in "text".
    return "POST", url, json.dumps({**told, "content": told["text"]}).encode(), {"Content-Type": "application/json"}


def _below(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/{name}", parts.query, ""))


def _sent(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> str:
    """Why it could not be sent; "" when it was."""
    try:
        import requests
    except ImportError:
        return "the Python package requests is missing (stash_port.py check --install http)"
    reason = ""
    for attempt in range(2):
        if attempt:
            time.sleep(PAUSE)
        try:
            with requests.request(method, url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
                if 200 <= answer.status_code < 300:
                    return ""
                reason = f"HTTP {answer.status_code}"
        except (requests.RequestException, ValueError) as error:
            reason = type(error).__name__  # Its text holds the address.
    return reason


def _reason(name: str) -> str:
    """What kind of error it was: the sentence of its class, without the names and paths that would be filled in."""
    found = getattr(errors, name, None)
    if not (isinstance(found, type) and issubclass(found, PortError)) or found in (BadRequest, PortError):
        return ""
    return re.sub(r"\s+", " ", re.sub(r"\{\w+\}", "...", found.template()[0]))
