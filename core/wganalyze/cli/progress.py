"""How a run is shown while it goes: bars on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import click

from wganalyze.text import one_line

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from wganalyze.cells.measuring import Outcome
    from wganalyze.running.progress import Progress

SIGNS = {"ok": "ok", "failed": "FAILED", "skipped": "skipped"}


class Lines:
    """Plain lines on stderr."""

    def __init__(self, *, debug: bool):
        self.debug = debug
        self.total = self.finished = self.computed = 0
        self.begun = monotonic()
        self.place = self.snapshot = ""
        self.told: set[tuple[str, str]] = set()

    def note(self, line: str) -> None:
        """A line of its own."""
        click.echo(one_line(line), err=True)

    def begin(self, cells: int) -> None:
        """Remember how many cells there are."""
        self.total, self.finished, self.computed, self.begun = cells, 0, 0, monotonic()

    def cell(self, snapshot: str, analyzer: str) -> None:
        """Remember which cell comes."""
        self.snapshot = snapshot
        self.place = f"{snapshot} {analyzer}"

    def done(self, outcome: Outcome | None) -> None:
        """One line for a computed cell, with what the summary will say of it; reused ones are only counted."""
        self.finished += 1
        if outcome is None:
            return
        self.computed += 1
        said = self.once(outcome.message) or outcome.shown
        left = self.left()
        line = (
            f"[{self.finished}/{self.total}] {self.place} {SIGNS[outcome.status]} "
            f"({outcome.seconds:.1f} s{f', {left} left' if left else ''}){f': {said}' if said else ''}"
        )
        click.echo(one_line(line), err=True)
        if self.debug and outcome.trace:
            click.echo(outcome.trace, err=True)

    def once(self, message: str) -> str:
        """A message, which of one snapshot is told in full once: a network that is broken is so for all analyzers."""
        repeated = (self.snapshot, message) in self.told
        self.told.add((self.snapshot, message))
        return "the same" if message and repeated else message

    def left(self) -> str:
        """Time left, from how fast cells were computed until now, by however many processes."""
        if not self.computed or self.finished == self.total:
            return ""
        seconds = (monotonic() - self.begun) / self.computed * (self.total - self.finished)
        return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


class Bars(Lines):
    """A bar with the cell at work and the time left; headlines, failures and skips stand above it."""

    def __init__(self, bar: RichProgress, *, debug: bool):
        super().__init__(debug=debug)
        self.bar = bar
        self.task = bar.add_task("reading", total=None)

    def note(self, line: str) -> None:
        self.bar.console.print(line, markup=False, highlight=False)

    def begin(self, cells: int) -> None:
        super().begin(cells)
        self.bar.update(self.task, total=cells, description="")

    def cell(self, snapshot: str, analyzer: str) -> None:
        super().cell(snapshot, analyzer)
        left = self.left()
        self.bar.update(self.task, description=f"{self.place}{f', {left} left' if left else ''}")

    def done(self, outcome: Outcome | None) -> None:
        self.finished += 1
        if outcome is not None:
            self.computed += 1
            if outcome.status != "ok":
                self.note(f"{self.place} {SIGNS[outcome.status]}: {self.once(outcome.message)}")
            elif outcome.shown:
                self.note(f"{self.place}: {outcome.shown}")
            if self.debug and outcome.trace:
                self.note(outcome.trace)
        self.bar.advance(self.task)


@contextmanager
def make_progress(*, debug: bool = False) -> Iterator[Progress]:
    """The progress display that fits stderr."""
    if not sys.stderr.isatty():
        yield Lines(debug=debug)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = [
        BarColumn(30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    ]
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Bars(bar, debug=debug)
