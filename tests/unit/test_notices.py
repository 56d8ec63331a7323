"""Notices: what is sent to whom, what is never sent, and that one that fails harms nothing."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from stashport.errors import BadRequest, CannotWrite, ServerError
from stashport.jobs import notices, scheduled
from stashport.jobs.context import Context
from stashport.runs import history, plans, timetable
from stashport.runs.record import Run
from stashport.runs.state import State

UTC = dt.timezone.utc
NOW = dt.datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TITLE, PATH = "Planted title", "/planted/path"


@pytest.fixture
def state(tmp_path):
    """A state folder."""
    return State(tmp_path)


@pytest.fixture
def receiver():
    """A server of this machine: `url`, `got` as (method, path, headers, body), and `statuses` that it answers with in turn (200 after that)."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.got.append((self.command, self.path, dict(self.headers), body))
            status = server.statuses.pop(0) if server.statuses else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.statuses = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(notices, "PAUSE", 0)


def plan_of(state, given, days=1):
    """A plan of a nightly backup with these notices, made some days ago."""
    entry = timetable.Entry("", "Nightly", "backup", timetable.Schedule.parse("daily 02:30"), NOW - dt.timedelta(days=days))
    return plans.add(state, entry, notices=notices.parse(given))


def ran(state, plan, result, monkeypatch, error=None):
    """A run of the plan, that ends as wished, in the way that scheduled runs are made."""

    def job_of(verb):
        def job(config, context):
            with Run.start(context.state, verb, config={"note": TITLE}, version="1", run_id=context.run_id) as run:
                run.count("scene", "created", 12)
                run.note("sentence", f"{TITLE} {PATH}")
                if result == "partial":
                    run.warn(f"{TITLE} {PATH}", incomplete=True)
                if error:
                    raise error
            return run

        return job

    monkeypatch.setattr(scheduled, "job_of", job_of)
    (one,) = scheduled.run_due(Context(state), clock=lambda: NOW, zone=UTC)["runs"]
    assert one["result"] == result
    return one["run"]


def told(receiver):
    """What arrived: (method, path, text or JSON)."""
    return [(method, path, body.decode()) for method, path, _, body in receiver.got]


def test_each_kind_is_told_of_a_failure(state, receiver, monkeypatch):
    """A webhook gets JSON, ntfy a text with a title and a priority, the dead-man's address is asked for below /fail: none with a title or a path."""
    plan = plan_of(state, [{"kind": "webhook", "url": f"{receiver.url}/hook"}, {"kind": "ntfy", "url": f"{receiver.url}/topic"},
                           {"kind": "deadman", "url": f"{receiver.url}/ping?a=b", "fail": True}])  # fmt: skip
    run_id = ran(state, plan, "failed", monkeypatch, CannotWrite(place=PATH, reason=f"{TITLE}: no"))
    (hook, topic, ping) = told(receiver)
    assert ping == ("GET", "/ping/fail?a=b", "")
    assert topic[:2] == ("POST", "/topic")
    headers = receiver.got[1][2]
    assert (headers["Title"], headers["Priority"]) == ("Stash Port", "high")
    assert topic[2].startswith('Stash Port: "Nightly" (backup) failed.')
    sent = json.loads(hook[2])
    assert {key: sent[key] for key in ("app", "entry", "verb", "event", "error", "counts", "run")} == {
        "app": "stash-port", "entry": "Nightly", "verb": "backup", "event": "failed", "error": "CannotWrite", "counts": {"scene": 12}, "run": run_id,
    }  # fmt: skip
    assert sent["text"] == sent["content"] == topic[2]
    everything = repr(receiver.got)
    assert TITLE not in everything
    assert "planted" not in everything


@pytest.mark.parametrize(("result", "paths"), [("ok", ["/ping", "/wants-ok"]), ("partial", ["/ping", "/hook"]), ("failed", ["/hook"])])
def test_who_wants_to_know_what(state, receiver, monkeypatch, result, paths):
    """Without a wish a webhook hears of what is not well; a dead-man's address only of what is, so that silence raises its alarm."""
    plan = plan_of(state, [{"kind": "deadman", "url": f"{receiver.url}/ping"}, {"kind": "webhook", "url": f"{receiver.url}/hook"},
                           {"kind": "webhook", "url": f"{receiver.url}/wants-ok", "on": ["ok"]}])  # fmt: skip
    ran(state, plan, result, monkeypatch, ServerError(url="x", reason="y") if result == "failed" else None)
    assert [path for _, path, _ in told(receiver)] == paths


@pytest.mark.parametrize("status", [500, 404, 302])
def test_one_retry_and_then_a_warning_in_the_record(state, receiver, monkeypatch, status):
    """It is tried twice, never sent on elsewhere; the run stays well, and its record and report say that nobody was told, without the secret address."""
    receiver.statuses = [status, status]
    plan = plan_of(state, [{"kind": "deadman", "url": f"{receiver.url}/secret-id"}])
    record = history.load(state, ran(state, plan, "ok", monkeypatch))
    assert [path for _, path, _ in told(receiver)] == ["/secret-id"] * 2
    assert record["result"] == "ok"
    assert record["warnings"] == [f"The notice (deadman) to 127.0.0.1 could not be sent: HTTP {status}."]
    assert record["warnings_total"] == 1
    report = (state.run_folder(record["run"]) / "report.html").read_text("utf-8")
    assert "could not be sent" in report
    assert "secret-id" not in report + json.dumps(record)


def test_a_second_try_that_works_is_no_warning(state, receiver, monkeypatch):
    """A hiccup is passed over."""
    receiver.statuses = [503]
    plan = plan_of(state, [{"kind": "ntfy", "url": f"{receiver.url}/t", "on": ["ok"]}])
    assert history.load(state, ran(state, plan, "ok", monkeypatch))["warnings"] == []
    assert len(receiver.got) == 2


def test_nobody_there_and_nobody_who_answers_do_not_fail_the_run(state, monkeypatch):
    """A refused connection, a name that does not exist and a server that keeps silent end in a warning each, and in time."""
    import socket

    monkeypatch.setattr(notices, "TIMEOUT", 0.2)
    with socket.socket() as silent, socket.socket() as refused:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        refused.bind(("127.0.0.1", 0))
        addresses = [f"http://127.0.0.1:{one.getsockname()[1]}/secret" for one in (silent, refused)] + ["http://nobody.invalid/secret"]
        plan = plan_of(state, [{"kind": "webhook", "url": address, "on": ["ok"]} for address in addresses])
        begun = time.monotonic()
        record = history.load(state, ran(state, plan, "ok", monkeypatch))
    assert time.monotonic() - begun < 5
    assert record["result"] == "ok"
    assert len(record["warnings"]) == 3
    assert "secret" not in " ".join(record["warnings"])


def test_overdue_is_told_once(state, receiver):
    """Told when it becomes so, not at every look; a good run and another delay make it new."""
    plan = plan_of(state, [{"kind": "webhook", "url": f"{receiver.url}/hook"}, {"kind": "deadman", "url": f"{receiver.url}/ping", "fail": True}], days=9)
    for _ in range(3):
        assert notices.tell_overdue(state, NOW, UTC) == []
    ((_, path, body),) = told(receiver)
    assert (path, json.loads(body)["event"]) == ("/hook", "overdue")
    assert "has not gone well yet" in body
    with plans.changing(state) as known:
        known[plan.entry.id] = replace(known[plan.entry.id], noticed="", entry=replace(plan.entry, last_good=NOW))
    assert notices.tell_overdue(state, NOW, UTC) == []
    notices.tell_overdue(state, NOW + dt.timedelta(days=3), UTC)
    assert "It last went well on 2026-03-02 at 12:00." in told(receiver)[1][2]


def test_every_error_can_be_told_without_its_details():
    """The general words of each error hold no placeholder, and nothing that was filled in."""
    from stashport import errors

    for name in vars(errors):
        assert "{" not in notices._reason(name)
    assert notices._reason("DiskFull")
    assert notices._reason("ValueError") == ""


@pytest.mark.parametrize("wrong", [
    "x", [5], [{}], [{"kind": "mail", "url": "https://x.example"}], [{"kind": "ntfy"}], [{"kind": "ntfy", "url": "ftp://x.example/t"}],
    [{"kind": "ntfy", "url": "https:///t"}], [{"kind": "ntfy", "url": "https://x.example/a\nb"}], [{"kind": "ntfy", "url": "http://[x"}],
    [{"kind": "ntfy", "url": "https://x.example", "on": "failed"}], [{"kind": "ntfy", "url": "https://x.example", "on": ["never"]}],
    [{"kind": "ntfy", "url": "https://x.example", "more": 1}], [{"kind": "ntfy", "url": "https://x.example"}] * 11, [{"kind": "ntfy", "url": "file:///etc/x"}],
])  # fmt: skip
def test_wrong_notices_are_refused_without_repeating_the_address(wrong):
    """What is no notice is refused in words, and an address that may be a secret is not in them."""
    with pytest.raises(BadRequest) as caught:
        notices.parse(wrong)
    assert "x.example/" not in caught.value.message
