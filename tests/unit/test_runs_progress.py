"""What a run tells while it works: Stash's log protocol, the terminal line, and the arithmetic of progress."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from stashport.runs.progress import LEVELS, LINES, SilentSink, StashSink, TerminalSink
from stashport.runs.steps import Steps

LIB = str(Path(__file__).parents[2] / "lib")


def progress(**changes):
    """A progress dictionary."""
    return {
        "phase": "Reading scenes",
        "step": 2,
        "steps": 5,
        "done": 4200,
        "total": 10000,
        "fraction": 0.42,
        "rate": 1240.0,
        "remaining": 200.0,
        **changes,
    }


@given(
    st.sampled_from(sorted(LEVELS)), st.text() | st.text(alphabet="\n\r\x00\x01é\ud800\U0001f600", max_size=60).map(lambda text: text * 200)
)
def test_any_text_becomes_lines_that_stash_can_read(level, text):
    """Whatever is logged: each line has the prefix and something after it, is valid UTF-8, and stays below 4096 bytes."""
    out = io.BytesIO()
    StashSink(out).log(level, text)
    lines = out.getvalue().split(b"\n")
    assert lines.pop() == b""
    assert len(lines) <= LINES + 1
    assert bool(lines) == bool(text.strip())
    for line in lines:
        assert line.startswith(b"\x01" + LEVELS[level].encode() + b"\x02")
        assert len(line) + 1 < 4096
        assert len(line) > 3
        rest = line[3:].decode("utf-8")
        assert not any(ord(char) < 32 for char in rest)


def test_a_long_line_is_cut_between_characters():
    """Cutting never splits a character and says that it cut."""
    for shift in range(4):
        out = io.BytesIO()
        StashSink(out).log("info", "x" * shift + "\U0001f600" * 3000)
        line = out.getvalue()
        assert len(line) < 4096
        assert line.decode("utf-8").endswith("\U0001f600...\n")


def test_progress_comes_at_most_five_times_a_second_but_its_end_always():
    """The bar is moved at most every 0.2 s; a finished one is always sent."""
    out, now = io.BytesIO(), [0.0]
    sink = StashSink(out, ticker=lambda: now[0])
    for i in range(1000):
        now[0] = i / 1000
        sink.progress(progress(fraction=i / 1000))
    assert out.getvalue().count(b"\n") == 5
    sink.progress(progress(fraction=1.0))
    assert out.getvalue().endswith(b"\x01p\x021.0000\n")


def test_text_streams_are_written_as_utf8_whatever_the_locale():
    """An ASCII stderr still gets UTF-8 bytes."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    StashSink(stream).log("info", "Zoë \udcff")
    assert raw.getvalue() == "\x01i\x02Zoë \\udcff\n".encode()


def test_a_reader_that_is_gone_does_not_end_the_program():
    """When Stash has closed stderr, the program goes on and ends with its own exit code."""
    script = "import sys, time\nfrom stashport.runs.progress import StashSink\ns = StashSink(sys.stderr)\nsys.stdin.read()\n"
    script += "for _ in range(3): s.log('info', 'x' * 4000)\nprint('still here', file=sys.stderr)\nsys.exit(7)"
    environment = {**os.environ, "PYTHONPATH": LIB}
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    child.stderr.close()
    child.stdin.close()
    assert child.wait(timeout=30) == 7


def test_without_a_terminal_there_is_a_line_for_each_step():
    """In a pipe or log: step lines and messages only, no carriage returns, whatever the encoding takes."""
    raw = io.BytesIO()
    sink = TerminalSink(io.TextIOWrapper(raw, encoding="ascii", newline="\n"))
    sink.phase(progress())
    sink.progress(progress())
    sink.log("warning", "Zoë\nis late")
    sink.log("debug", "unseen")
    sink.close()
    assert raw.getvalue() == b"Step 2 of 5: Reading scenes (10,000)\nWarning: Zo\\xeb\nWarning: is late\n"


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Yes."""
        return True


def test_on_a_terminal_one_line_is_drawn_and_taken_away():
    """The line tells step, percent, count, rate and time that remains; messages stand alone; nothing stays at the end."""
    screen = Screen()
    sink = TerminalSink(screen)
    sink.phase(progress(done=0, fraction=0.4, rate=0.0, remaining=None))
    sink.progress(progress())
    for part in ("Reading scenes", "42 %", "4,200 of 10,000", "1,240/s", "3 min"):
        assert part in screen.getvalue()
    sink.log("info", "hello")
    sink.close()
    assert on_screen(screen.getvalue()) == ["hello", ""]


def on_screen(written):
    """What a terminal would show, line by line."""
    shown = []
    for line in written.split("\n"):
        cells = ""
        for drawn in line.split("\r"):
            cells = drawn + cells[len(drawn) :]
        shown.append(cells.strip())
    return shown


def test_the_silent_sink_says_nothing(capfd):
    """SilentSink takes everything and writes nothing."""
    sink = SilentSink()
    sink.phase(progress())
    sink.progress(progress())
    sink.log("error", "x")
    sink.close()
    assert capfd.readouterr() == ("", "")


def test_fraction_weighs_the_steps():
    """Declared weights share the bar; the rate is that of the step, the time that remains that of the run."""
    steps = Steps(0.0)
    steps.declare([("a", 1), ("b", 3)])
    steps.enter("a", 10, 0.0)
    steps.done = 5
    assert steps.progress(1.0)["fraction"] == 0.125
    assert steps.progress(1.0)["remaining"] is None
    steps.enter("b", 100, 2.0)
    steps.done = 50
    told = steps.progress(10.0)
    assert (told["step"], told["steps"], told["fraction"], told["rate"], told["remaining"]) == (2, 2, 0.625, 6.2, 6.0)
    steps.finish(12.0, whole=True)
    assert steps.progress(12.0)["fraction"] == 1.0
    assert [step["state"] for step in steps.record()] == ["done", "done"]
    assert [step["seconds"] for step in steps.record()] == [2.0, 10.0]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.none() | st.integers(0, 50), st.integers(0, 80)), max_size=12), st.booleans())
def test_fraction_stays_between_none_and_all_and_never_goes_back(visits, declare):
    """Whatever steps are entered, declared or not, skipped or repeated, the fraction only grows and stays within 0..1."""
    steps, last, now = Steps(0.0), 0.0, 0.0
    if declare:
        steps.declare([(name, 1) for name in "abcd"])
    for name, total, done in visits:
        now += 1
        steps.enter(name, total, now)
        for done_now in (0, done):
            steps.done = done_now
            fraction = steps.progress(now)["fraction"]
            assert last <= fraction <= 1
            last = fraction
        assert steps.name == name
