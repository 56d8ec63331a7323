"""A run: its record `run.json`, which the panel reads while it works, and the object through which a verb tells what it does.

    with Run.start(state, "export", config=config, version=version, sinks=[sink]) as run:
        run.steps([("Reading tags", 1), ("Reading scenes", 20)])
        run.phase("Reading tags", total=310)
        run.advance(310)
        run.count("tag", "created", 310)

The record is whole at every moment.  At the end it says `ok`, `partial` or `failed`, and the report is written beside it.
A run is used by one thread.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
from typing import TYPE_CHECKING, Any

from stashport.atomic import file_error, write_text
from stashport.errors import OK, PARTIAL, BadRequest, PortError, Stopped
from stashport.runs import history, process
from stashport.runs.history import RECORD, STOP, adds_up, list_runs, load, prune, request_stop
from stashport.runs.items import Items
from stashport.runs.state import State, make_private
from stashport.runs.steps import Steps
from stashport.runs.wording import OUTCOMES, number, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from stashport.runs.lock import Lock
    from stashport.runs.progress import Sink

__all__ = ["OUTCOMES", "Run", "adds_up", "list_runs", "load", "prune", "request_stop"]

TELL_SECONDS = 0.2
SAVE_SECONDS = 1.0
STOP_SECONDS = 0.25
STRIDE = 8
"""So many items share one look at the clock when they come fast; few enough that a sudden slow one is not hidden for long."""
WARNINGS = 500


class Run:
    """One execution of a verb.  Made by `Run.start`, used as a context manager; `record` is what run.json holds.

    `lock`, when set, is kept alive as the run advances.  After the end, `result` is ok, partial or failed, and `exit_code` what the command
    line ends with.
    """

    def __init__(
        self, state: State, record: dict[str, Any], sinks: Iterable[Sink], clock: Callable[[], float], ticker: Callable[[], float]
    ) -> None:
        self.id: str = record["run"]
        self.folder: Path = state.run_folder(self.id)
        self.record = record
        self.lock: Lock | None = None
        self._state = state
        self._sinks = tuple(sinks)
        self._clock = clock
        self._ticker = ticker
        self._steps = Steps(ticker())
        self._items = Items(self.folder / "items.csv", self.warn)
        self._counts: dict[str, dict[str, int]] = record["counts"]
        self._incomplete = False
        self._done = 0
        self._look_at = 1
        self._glanced = self._next_tell = self._next_save = self._next_stop = float("-inf")

    @classmethod
    def start(
        cls,
        state: State,
        verb: str,
        *,
        config: Mapping[str, Any],
        version: str,
        source: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        sinks: Iterable[Sink] = (),
        clock: Callable[[], float] = time.time,
        ticker: Callable[[], float] = time.monotonic,
    ) -> Run:
        """A run that begins when its `with` block is entered.  `config` and `source` must be free of secrets: both are kept and shown.

        Entering raises BadRequest for a `run_id` that has run already, CannotWrite or DiskFull when the state folder takes no record.
        Errors: UnknownRun for a malformed `run_id`.
        """
        now = clock()
        record = history.blank() | process.here() | {"verb": verb, "state": "running", "version": version, "started": timestamp(now)}
        record |= {"run": run_id or state.new_run_id(dt.datetime.fromtimestamp(now, dt.timezone.utc))}
        record |= {"config": dict(config), "source": dict(source or {})}
        return cls(state, record, sinks, clock, ticker)

    def __enter__(self) -> Run:
        make_private(self.folder, self._state.folder)
        if (self.folder / RECORD).exists():
            raise BadRequest(what=f"The run {self.id} has been started already.")
        try:
            self._save(durable=False)
        except OSError as error:
            raise file_error(error, self.folder) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._finish(error)
        except Exception as problem:  # noqa: BLE001 - Whatever goes wrong while writing it down: the run's own end is what the caller must see.
            self._log("error", f"The record or the report of this run could not be written: {problem}")
        for sink in self._sinks:
            sink.close()

    # --- told by the verb -----------------------------------------------------------------------------------------------------------------

    def steps(self, steps: Iterable[tuple[str, float]]) -> None:
        """Declare the steps to come: (name, weight), the weight being the usual share of time."""
        self._steps.declare(steps)

    def phase(self, name: str, total: int | None = None) -> None:
        """Begin a step; `total` is the number of items in it, where that is known."""
        self._steps.enter(name, total, self._ticker())
        self._done, self._look_at = 0, 1
        self.record["phase"] = {"name": name, "started": timestamp(self._clock())}
        progress = self._progress()
        for sink in self._sinks:
            sink.phase(progress)
        self._tell()

    def advance(self, n: int = 1) -> None:
        """`n` more items of this step are done.  Cheap enough to be called for each."""
        self._done += n
        if self._done >= self._look_at:
            self._glance()

    def count(self, kind: str, outcome: str, n: int = 1) -> None:
        """`n` records of a kind ended as one of OUTCOMES; what came in is counted along."""
        try:
            row = self._counts[kind]
        except KeyError:
            row = self._counts[kind] = dict.fromkeys(("in", *OUTCOMES), 0)
        row[outcome] += n
        row["in"] += n

    def item(self, kind: str, item_id: object, outcome: str, reason: str) -> None:
        """One record, counted, with the reason for its outcome.  For what somebody may want to look up, not for each of a million."""
        self.count(kind, outcome)
        self._items.add(kind, item_id, outcome, reason)

    def warn(self, text: str, *, incomplete: bool = False) -> None:
        """Something to know.  `incomplete`: part of what was asked for is missing, so that the result is `partial`."""
        self._incomplete |= incomplete
        self.record["warnings_total"] += 1
        if len(self.record["warnings"]) < WARNINGS:
            self.record["warnings"].append(text[:2000])
        self._log("warning", text)

    def output(self, path: Path | str, size: int, what: str, *, sha256: str | None = None) -> None:
        """A file that the run left behind: where, its bytes, and what it is in a few words."""
        self.record["outputs"].append({"path": str(path), "size": size, "sha256": sha256, "what": what})

    def note(self, key: str, value: object) -> None:
        """Anything of the verb's own that JSON can hold; `sentence` becomes the first line of the report."""
        self.record["notes"][key] = value

    def keep(self) -> None:
        """Have all that was told so far on the disk, before something begins that can be taken up again.  Errors: CannotWrite, DiskFull."""
        try:
            self._save(durable=True)
        except OSError as error:
            raise file_error(error, self.folder) from error

    def source(self, **facts: object) -> None:
        """Facts about where the records come from, once they are known."""
        self.record["source"].update(facts)

    def check_stop(self) -> None:
        """To be called between batches, where stopping leaves nothing half done.  Errors: Stopped, when somebody asked for it."""
        now = self._ticker()
        if now >= self._next_stop:
            self._next_stop = now + STOP_SECONDS
            if (self.folder / STOP).exists():
                steps = self._steps
                of = f" of {number(steps.total)}" if steps.total is not None else ""
                raise Stopped(
                    where=f'in the step "{steps.name}", after {number(self._done)}{of}' if steps.name else "before its first step"
                )

    def adds_up(self) -> bool:
        """Whether what came in is what went out, for every kind."""
        return adds_up(self._counts)

    @property
    def result(self) -> str | None:
        """ok, partial or failed; None while it runs."""
        result: str | None = self.record["result"]
        return result

    @property
    def incomplete(self) -> bool:
        """Whether something was said already that makes the result partial."""
        return self._incomplete

    @property
    def exit_code(self) -> int:
        """What the command line ends with."""
        if self.record["error"] is not None:
            return int(self.record["error"]["exit_code"])
        return PARTIAL if self.result == "partial" else OK

    # --- the record -----------------------------------------------------------------------------------------------------------------------

    def _glance(self) -> None:
        now = self._ticker()
        self._look_at = self._done + (STRIDE if now - self._glanced < 0.005 else 1)
        self._glanced = now
        if now >= self._next_tell:
            self._tell()

    def _tell(self) -> None:
        """Tell the sinks, keep the lock alive, and save once a second."""
        now = self._ticker()
        self._next_tell = now + TELL_SECONDS
        progress = self._progress()
        for sink in self._sinks:
            sink.progress(progress)
        if self.lock is not None:
            self.lock.beat()
        if now >= self._next_save:
            with contextlib.suppress(OSError):  # The next second tries again.
                self._save(durable=False)

    def _progress(self) -> dict[str, Any]:
        self._steps.done = self._done
        return self._steps.progress(self._ticker())

    def _save(self, *, durable: bool) -> None:
        self._next_save = self._ticker() + SAVE_SECONDS
        self._items.flush()
        self.record.update(
            updated=timestamp(self._clock()),
            progress=self._progress(),
            steps=self._steps.record(),
            items=self._items.first,
            items_total=self._items.total,
            reasons=self._items.reasons(),
        )
        write_text(self.folder / RECORD, json.dumps(self.record, ensure_ascii=False, default=str, indent=1), durable=durable)

    def _finish(self, error: BaseException | None) -> None:
        counts = self._counts.values()
        if error is not None:
            self.record.update(result="failed", error=_error_record(error))
        elif self._incomplete or any(row["failed"] or row["conflicts"] for row in counts):
            self.record["result"] = "partial"
        else:
            self.record["result"] = "ok"
        self._items.close()
        self._steps.finish(self._ticker(), whole=error is None)
        self.record.update(state="finished", finished=timestamp(self._clock()))
        progress = self._progress()
        for sink in self._sinks:
            sink.progress(progress)
        if error is not None and not isinstance(error, (PortError, KeyboardInterrupt)):
            with contextlib.suppress(OSError):
                write_text(self.folder / "trace.txt", _trace(error))
        self._save(durable=True)
        from stashport.runs.report import write_report

        write_report(self.folder, self.record)

    def _log(self, level: str, text: str) -> None:
        for sink in self._sinks:
            sink.log(level, text)


def _trace(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def _error_record(error: BaseException) -> dict[str, object]:
    """The record's form of any exception; one that is not ours keeps its type's name."""
    if isinstance(error, PortError):
        return error.record()
    if isinstance(error, KeyboardInterrupt):
        return Stopped(where="from the keyboard").record()
    named = PortError(what=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    return {**named.record(), "error": type(error).__name__}
