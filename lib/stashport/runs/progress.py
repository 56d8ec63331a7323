"""Where a run tells how far it is while it works: Stash's task queue and log, a person's terminal, or nowhere.

A sink never raises: whoever looked on may be gone, and the work goes on without them.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TextIO

from stashport.runs.wording import duration, number, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LEVELS = {"trace": "t", "debug": "d", "info": "i", "warning": "w", "error": "e"}
LINE_BYTES = 4095
"""Stash stops listening for good at a line of 64 KiB; 4 KiB is also what a pipe takes in one piece."""
LINES = 50


class Sink(Protocol):
    """What a run tells about itself while it works.  `progress` is the dictionary of `Steps.progress`; levels are the keys of LEVELS."""

    def phase(self, progress: Mapping[str, Any]) -> None:
        """A step begins."""

    def progress(self, progress: Mapping[str, Any]) -> None:
        """The step goes on; comes at most five times a second."""

    def log(self, level: str, text: str) -> None:
        """Something worth reading."""

    def close(self) -> None:
        """The run has ended; the last call."""


class SilentSink:
    """Says nothing."""

    def phase(self, progress: Mapping[str, Any]) -> None:
        """Nothing."""

    def progress(self, progress: Mapping[str, Any]) -> None:
        """Nothing."""

    def log(self, level: str, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class StashSink:
    """Stash's plugin protocol on stderr: a line is byte 1, a letter for the level, byte 2, text.

    `stream` may be binary, or text, whose bytes are then written past its encoding.
    """

    def __init__(self, stream: TextIO | BinaryIO, *, ticker: Callable[[], float] = time.monotonic) -> None:
        self._stream: Any = getattr(stream, "buffer", stream)
        self._ticker = ticker
        self._next = float("-inf")
        self._gone = False

    def phase(self, progress: Mapping[str, Any]) -> None:
        """Log the step, and move the bar at once."""
        self.log("info", _step(progress))
        self._send("p", f"{progress['fraction']:.4f}")

    def progress(self, progress: Mapping[str, Any]) -> None:
        """Move the bar in the task queue, at most five times a second; its end always."""
        now = self._ticker()
        if now >= self._next or progress["fraction"] >= 1:
            self._next = now + 0.2
            self._send("p", f"{progress['fraction']:.4f}")

    def log(self, level: str, text: str) -> None:
        """One line in Stash's log for each line of the text; empty ones are left out, long ones cut, and no more than 50 are sent."""
        lines = [line for line in text.splitlines() if line.strip()]
        for line in lines[:LINES]:
            self._send(LEVELS[level], one_line(line))
        if len(lines) > LINES:
            self._send(LEVELS[level], f"({number(len(lines) - LINES)} more lines)")

    def close(self) -> None:
        """Nothing is left to say."""

    def _send(self, level: str, text: str) -> None:
        if self._gone:
            return
        try:
            self._stream.write(_cut(f"\x01{level}\x02{text}".encode("utf-8", "backslashreplace")) + b"\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._gone = True
            self._hush()

    def _hush(self) -> None:
        """Point a broken stderr at nothing, or Python's last flush of it turns a good exit code into 120."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            descriptor = self._stream.fileno()
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, descriptor)
            os.close(nothing)


def _cut(line: bytes) -> bytes:
    """A line that fits with its end of line, cut between characters."""
    if len(line) < LINE_BYTES:
        return line
    return line[: LINE_BYTES - 4].decode("utf-8", "ignore").encode() + b"..."


class TerminalSink:
    """One line that is drawn anew on a terminal; elsewhere (a log, a pipe, cron) a line for each step and none in between."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._live = bool(getattr(stream, "isatty", lambda: False)())
        self._shown = ""
        self._last: Mapping[str, Any] | None = None
        plain = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "") != "utf8"
        self._full, self._empty = ("#", "-") if plain else ("\u2588", "\u2591")

    def phase(self, progress: Mapping[str, Any]) -> None:
        """Name the step."""
        if self._live:
            self.progress(progress)
        else:
            self._write(_step(progress) + "\n")

    def progress(self, progress: Mapping[str, Any]) -> None:
        """Draw the line: step, bar, percent, count, rate, time that remains."""
        if self._live:
            self._last = progress
            self._draw(self._line(progress))

    def log(self, level: str, text: str) -> None:
        """A line above the bar; details (trace, debug) are for Stash's log only."""
        if level in ("trace", "debug"):
            return
        prefix = "" if level == "info" else level.capitalize() + ": "
        self._draw("")
        for line in text.splitlines():
            self._write(prefix + one_line(line) + "\n")
        if self._last is not None:
            self._draw(self._line(self._last))

    def close(self) -> None:
        """Take the bar away; the last word belongs to whoever tells the result."""
        self._last = None
        self._draw("")

    def _line(self, progress: Mapping[str, Any]) -> str:
        filled = int(progress["fraction"] * 20)
        counted = number(progress["done"])
        parts = [
            one_line(str(progress["phase"])),
            self._full * filled + self._empty * (20 - filled),
            f"{progress['fraction'] * 100:.0f} %",
            f"{counted} of {number(progress['total'])}" if progress["total"] is not None else counted if progress["done"] else "",
            f"{number(progress['rate'])}/s" if progress["rate"] >= 1 else "",
            f"{duration(progress['remaining'])} left" if progress["remaining"] is not None else "",
        ]
        return "  ".join(part for part in parts if part)[: shutil.get_terminal_size().columns - 1]

    def _draw(self, line: str) -> None:
        """Blanks, not an escape sequence, wipe what stood there: old Windows consoles print those."""
        if line != self._shown:
            self._write("\r" + line.ljust(len(self._shown)) + ("" if line else "\r"))
            self._shown = line

    def _write(self, text: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()


def _step(progress: Mapping[str, Any]) -> str:
    total = f" ({number(progress['total'])})" if progress["total"] is not None else ""
    return f"Step {progress['step']} of {progress['steps']}: {one_line(str(progress['phase']))}{total}"
