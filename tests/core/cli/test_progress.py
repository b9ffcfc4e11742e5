"""How a run is shown: a line for each computed cell in a log, a bar on a terminal."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from wganalyze.cells.measuring import Outcome
from wganalyze.cli import progress
from wganalyze.cli.progress import Bars, Lines, make_progress


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the display takes for the time, its only number."""
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def follow(lines: Lines, clock: list[float]) -> None:
    """A run of five cells: two are reused."""
    lines.note("read this")
    lines.begin(5)
    outcomes = [
        Outcome("ok", seconds=2.0),
        None,
        Outcome("failed", "it broke", seconds=4.0, trace="Traceback: here"),
        Outcome("skipped", "no critic", seconds=0.0),
        None,
    ]
    for i, outcome in enumerate(outcomes):
        lines.cell(f"step_{i}", "exact-w")
        clock[0] += outcome.seconds if outcome else 0.0
        lines.done(outcome)


def test_a_line_for_each_computed_cell(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    follow(Lines(debug=False), clock)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "read this",
        "[1/5] step_0 exact-w ok (2.0 s, 8 s left)",
        "[3/5] step_2 exact-w FAILED (4.0 s, 6 s left): it broke",
        "[4/5] step_3 exact-w skipped (0.0 s, 2 s left): no critic",
    ]


def test_a_trace_only_with_debug(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    follow(Lines(debug=True), clock)
    assert "Traceback: here" in capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(("seconds", "left"), [(10.0, "10 s"), (89.0, "89 s"), (90.0, "2 min"), (3600.0, "60 min")])
def test_time_left(seconds: float, left: str, clock: list[float]) -> None:
    """By the time that has passed, whatever cells took: several processes compute several at once."""
    lines = Lines(debug=False)
    lines.begin(2)
    assert lines.left() == ""
    lines.cell("s", "a")
    clock[0] += seconds
    lines.done(Outcome("ok", seconds=2 * seconds))
    assert lines.left() == left
    lines.done(None)
    assert lines.left() == ""


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Stderr as a terminal of 120 columns."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    yield stream


def test_a_bar_on_a_terminal(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as stream, make_progress() as bars:
        assert isinstance(bars, Bars)
        follow(bars, clock)
        bars.note("a [red]name[/red]")
        assert bars.bar.tasks[0].completed == bars.bar.tasks[0].total == 5
        assert bars.bar.tasks[0].description == "step_4 exact-w, 2 s left"
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    for line in ("read this", "step_2 exact-w FAILED: it broke", "step_3 exact-w skipped: no critic"):
        assert line in text
    assert "a [red]name[/red]" in text
    assert "step_0 exact-w ok" not in text
    assert "Traceback" not in text


def test_lines_where_stderr_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with make_progress(debug=True) as lines:
        assert type(lines) is Lines
        assert lines.debug
