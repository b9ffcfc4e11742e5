"""What a figure is made of, before it is written down as SVG: its numbers, its marks in pixels, its words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wganalyze.report.format import number

REFERENCE = -1
"""The colour of a floor."""


@dataclass(frozen=True)
class Series:
    """Numbers over steps, all of one length; NaN where there is none.

    ``low``, ``high``: ends of a band around the numbers; empty: none. ``colour``: which of the page's colours; -1: that
    of a reference, such as a floor. ``dash``: which pattern. ``pale``: in the background, for comparison.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    colour: int = 0
    dash: int = 0
    pale: bool = False

    @property
    def values(self) -> list[float]:
        """Everything that the y-axis has to hold."""
        return [*self.y, *self.low, *self.high]


@dataclass(frozen=True)
class Mark:
    """One element of a chart: a path, or a text at (x, y)."""

    colour: int
    path: str = ""
    dash: int = 0
    text: str = ""
    x: float = 0.0
    y: float = 0.0
    pale: bool = False


@dataclass(frozen=True)
class Drawing:
    """A chart in pixels. ``x_ticks``, ``y_ticks``: (pixel, text). ``frame``: left, top, right, bottom of its inside."""

    width: float
    height: float
    frame: tuple[float, float, float, float]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    bands: Sequence[Mark] = ()
    lines: Sequence[Mark] = ()
    dots: Sequence[Mark] = ()
    labels: Sequence[Mark] = ()


@dataclass(frozen=True)
class Panel:
    """One drawing; ``name``: of the trajectory, where each has its own, and ``last``: its last number.

    ``desc``: what is to be seen, in words.
    """

    name: str
    last: str
    desc: str
    drawing: Drawing


@dataclass(frozen=True)
class Figures:
    """``charts``, and what needs none: ``constant``, (title, number) of a headline that is the same everywhere."""

    charts: Sequence[Figure]
    constant: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Key:
    """What a colour and a dash stand for in every panel of a figure."""

    name: str
    colour: int
    dash: int


@dataclass(frozen=True)
class Figure:
    """The chart of one headline. ``metrics``: (name, anchor) of the numbers that it shows.

    ``spoken``: its title for those who do not see it. ``x_title``: "" where it says nothing.
    """

    title: str
    spoken: str
    legend: str
    notes: Sequence[str]
    metrics: Sequence[tuple[str, str]]
    panels: Sequence[Panel]
    x_title: str
    keys: Sequence[Key] = ()


def described(lines: Mapping[str, Sequence[Series]], percent: bool = False) -> str:
    """What a chart shows, in words: of each line where it begins and ends."""
    told = []
    for each in (one for own in lines.values() for one in own if one.name):
        points = [(x, y) for x, y in zip(each.x, each.y, strict=True) if math.isfinite(y)]
        if points:
            (first, start), (last, end) = points[0], points[-1]
            begins = f"{each.name}: {text(start, percent)} at step {first}"
            ends = f", {text(end, percent)} at step {last}" if last != first else ""
            told.append(f"{begins}{ends}.")
    return " ".join(told)


def text(value: float, percent: bool) -> str:
    """A number, or (``percent``) a share."""
    return f"{value:.0%}" if percent and math.isfinite(value) else number(value)
