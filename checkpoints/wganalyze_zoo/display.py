"""How a training is shown while it goes: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wganalyze import one_line
from wganalyze_zoo.training.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

EVERY = 5.0
"""Seconds between two lines of a log, at least."""


class Lines(Progress):
    """Plain lines on stderr."""

    def __init__(self) -> None:
        self.name, self.place = "", Path()
        self.first = self.step = self.steps = 0
        self.start = self.told = 0.0

    def note(self, line: str) -> None:
        """A line of its own."""
        click.echo(one_line(line), err=True)

    def begin(self, name: str, folder: Path, done: int, steps: int) -> None:
        self.name, self.place, self.first, self.step, self.steps = name, folder, done, done, steps
        self.start = self.told = time.monotonic()
        after = f", from step {done} on" if done else ""
        self.note(f"{folder}: training {name} for {steps} steps{after}")

    def stepped(self, step: int) -> None:
        self.step = step
        if time.monotonic() - self.told > EVERY:
            self.told = time.monotonic()
            self.note(f"{self.place}: step {step} of {self.steps}, {self.left()} left")

    def saved(self, path: Path, step: int, estimate: float) -> None:
        claim = "" if math.isnan(estimate) else f", the method claims {estimate:.3f}"
        self.note(f"{self.place}: step {step} written{claim} ({time.monotonic() - self.start:.0f} s)")

    def ended(self, outcome: str, step: int) -> None:
        if outcome == "nan":
            self.note(f"{self.place}: stopped behind step {step}: a loss or a weight is no finite number (nan)")

    def left(self) -> str:
        """The time left at the pace so far."""
        made = max(self.step - self.first, 1)
        seconds = (time.monotonic() - self.start) / made * (self.steps - self.step)
        return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


class Bar(Lines):
    """A bar with the time left; what is written stands above it."""

    def __init__(self, bar: RichProgress) -> None:
        super().__init__()
        self.bar = bar
        self.task = bar.add_task("", total=None)

    def note(self, line: str) -> None:
        self.bar.console.print(one_line(line), markup=False, highlight=False)

    def begin(self, name: str, folder: Path, done: int, steps: int) -> None:
        super().begin(name, folder, done, steps)
        self.bar.update(self.task, total=steps, completed=done)

    def stepped(self, step: int) -> None:
        self.step = step
        self.bar.update(self.task, completed=step, description=f"{self.name}, {self.left()} left")


@contextmanager
def make_progress() -> Iterator[Lines]:
    """The display that fits stderr."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = [BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False)]
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Bar(bar)
