"""A line chart as geometry: what a template writes down as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from wganalyze.report.page.drawing import REFERENCE, Drawing, Mark, Series
from wganalyze.report.page.scales import Scale, across, domain, tick_labels

Point = tuple[float, float]

MOST_POINTS = 240
"""Of one line: more are not told apart on a page."""
MOST_DOTS = 16
DIGIT, LETTER = 6.6, 7.6
"""Widths in pixels, about: of a digit at a tick, of a bold letter in a label."""
LINE = 13.0
LONGEST_LABEL, LONGEST_NAME, LONGEST_ABOVE = 15, 24, 52
ROW, TALL_ROW = 18.0, 34.0
SMALL = (170.0, 108.0)
"""The size of one of many charts."""


def draw(
    series: Sequence[Series],
    *,
    size: Point = (380.0, 230.0),
    log: bool = False,
    percent: bool = False,
    labelled: bool = True,
    y_domain: tuple[float, float] | None = None,
    x_domain: tuple[float, float] | None = None,
    ticks: int = 5,
) -> Drawing:
    """Lines over steps, each named at its end; ``y_domain`` and ``x_domain``: where several charts share their axes."""
    width, height = size
    named = [each for each in series if each.name and not each.pale] if labelled else []
    room = max([0.0, *(LETTER * min(len(each.name), LONGEST_LABEL) + 10 for each in named)])
    low, high = y_domain or domain((v for each in series for v in each.values), log=log)
    probe = Scale(low, high, 0, 1, log)
    steps = {step for each in series for step in each.x}
    texts = tick_labels(probe.ticks(ticks), log=log, percent=percent)
    left = 10 + DIGIT * max([2, *map(len, texts)])
    frame = (left, 8.0, width - max(room, 10.0), height - 22.0)
    y = Scale(low, high, frame[3], frame[1], log)
    x = Scale(*(x_domain or across([step for each in series for step in each.x])), frame[0] + 4, frame[2] - 4)
    x_ticks = _whole(x.ticks(4)) if len(steps) > 1 else [*steps]
    kept = [_thinned(each) for each in series]
    return Drawing(
        width,
        height,
        frame,
        [*zip(map(x, x_ticks), tick_labels(x_ticks), strict=True)],
        [*zip(map(y, probe.ticks(ticks)), texts, strict=True)],
        [mark for each in kept if (mark := _band(each, x, y)) is not None],
        [Mark(each.colour, path, each.dash, pale=each.pale) for each in kept if (path := _line(each, x, y))],
        [Mark(each.colour, x=px, y=py) for each in kept if not each.pale for px, py in _dots(each, x, y)],
        _labels(kept, x, y, frame) if named else [],
    )


def draw_rows(
    rows: Sequence[tuple[str, float, float, float]],
    *,
    reference: float = math.nan,
    reference_name: str = "floor",
    colours: Sequence[int] = (),
    points: Sequence[Sequence[float]] = (),
    above: bool = False,
    width: float = 380.0,
    log: bool = False,
    percent: bool = False,
) -> Drawing:
    """A dot with its interval for each (name, number, low, high), one under another; ``reference``: a line across.

    ``colours``: of each row. ``points``: of each row what its number is made of, small below it. ``above``: names stand
    above their rows, where there is more room for them.
    """
    names = [_cut(name, LONGEST_ABOVE if above else LONGEST_NAME) for name, *_ in rows]
    left = 10.0 if above else 10 + DIGIT * max([2, *map(len, names)])
    row, middle = (TALL_ROW, 0.7) if above else (ROW, 0.6)
    frame = (left, 8.0, width - 14, 16 + row * len(rows))
    behind = [*points] or [()] * len(rows)
    low, high = domain(
        [*(v for _, *values in rows for v in values), *(v for own in behind for v in own), reference], log=log
    )
    x = Scale(low, high, frame[0] + 4, frame[2] - 4, log)
    ticks = x.ticks(4)
    places = [frame[1] + row * (at + middle) for at in range(len(rows))]
    inks = [*colours] or [0] * len(rows)
    upright = Mark(REFERENCE, line([(x(reference), frame[1]), (x(reference), frame[3])]))
    whiskers = [
        Mark(ink, line([(x(low), y), (x(high), y)]))
        for ink, (_, _, low, high), y in zip(inks, rows, places, strict=True)
    ]
    dots = [Mark(ink, x=x(value), y=y) for ink, (_, value, *_), y in zip(inks, rows, places, strict=True)]
    small = [
        Mark(ink, x=x(v), y=y + 6, pale=True) for ink, own, y in zip(inks, behind, places, strict=True) for v in own
    ]
    shown = upright.path and reference_name
    labels = [Mark(REFERENCE, text=reference_name, x=x(reference) + 4, y=frame[3] - 4)] if shown else []
    if above:
        labels += [Mark(REFERENCE, text=name, x=frame[0] + 4, y=y - 7) for name, y in zip(names, places, strict=True)]
    return Drawing(
        width,
        frame[3] + 22,
        frame,
        [*zip(map(x, ticks), tick_labels(ticks, log=log, percent=percent), strict=True)],
        [] if above else [*zip(places, names, strict=True)],
        lines=[mark for mark in (upright, *whiskers) if mark.path],
        dots=[mark for mark in (*small, *dots) if math.isfinite(mark.x)],
        labels=labels,
    )


def line(points: Iterable[Point]) -> str:
    """The path through points; a point that is NaN breaks it, and one between two breaks is left out."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if all(map(math.isfinite, point)):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return "".join("M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in run) for run in runs if len(run) > 1)


def kept_indices(rows: Sequence[Sequence[float]], most: int = MOST_POINTS) -> list[int]:
    """Which positions to draw: of each of a few stretches its ends, the extremes of every row, and a gap in the first.

    ``rows``: of one length. All, where they are at most ``most``.
    """
    count = len(rows[0])
    if count <= most:
        return [*range(count)]
    stretches = max(1, most // (2 + 2 * len(rows)))
    bounds = [round(each * count / stretches) for each in range(stretches + 1)]
    kept: set[int] = set()
    for first, end in pairwise(bounds):
        inside = range(first, end)
        kept |= {first, end - 1}
        for row in rows:
            finite = [each for each in inside if math.isfinite(row[each])]
            if finite:
                kept |= {min(finite, key=row.__getitem__), max(finite, key=row.__getitem__)}
        kept |= set([each for each in inside if math.isnan(rows[0][each])][:1])
    return sorted(kept)


def spaced(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions in [low, high] near the wanted ones, in their order, ``gap`` apart; evenly where there is no room."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    if len(order) > 1:
        gap = min(gap, (high - low) / (len(order) - 1))
    places = [min(max(wanted[each], low), high) for each in order]
    for at in range(1, len(places)):
        places[at] = max(places[at], places[at - 1] + gap)
    limit = high
    for at in reversed(range(len(places))):
        places[at] = min(places[at], limit)
        limit = places[at] - gap
    found = [0.0] * len(places)
    for position, place in zip(order, places, strict=True):
        found[position] = place
    return found


def _whole(ticks: list[float]) -> list[float]:
    """Steps are whole numbers."""
    return [each for each in ticks if abs(each - round(each)) < 1e-6]


def _thinned(series: Series) -> Series:
    rows = [row for row in (series.y, series.low, series.high) if row]
    indices = kept_indices(rows)
    x, y, low, high = (
        [row[each] for each in indices] if row else [] for row in (series.x, series.y, series.low, series.high)
    )
    return replace(series, x=x, y=y, low=low, high=high)


def _line(series: Series, x: Scale, y: Scale) -> str:
    return line(zip(map(x, series.x), map(y, series.y), strict=True))


def _band(series: Series, x: Scale, y: Scale) -> Mark | None:
    """The area between the ends of the band, and a stroke where it is but one step wide."""
    if not series.low or series.pale:
        return None
    columns: list[list[tuple[float, float, float]]] = [[]]
    for step, low, high in zip(series.x, series.low, series.high, strict=True):
        column = (x(step), y(low), y(high))
        if all(map(math.isfinite, column)):
            columns[-1].append(column)
        elif columns[-1]:
            columns.append([])
    parts = []
    for run in filter(None, columns):
        if len(run) == 1:
            px, bottom, top = run[0]
            run = [(px - 1.5, bottom, top), (px + 1.5, bottom, top)]
        outline = [*((px, top) for px, _, top in run), *((px, bottom) for px, bottom, _ in reversed(run))]
        parts.append(f"{line(outline)}Z")
    return Mark(series.colour, "".join(parts)) if parts else None


def _dots(series: Series, x: Scale, y: Scale) -> list[Point]:
    """All points of a short line; of a long one those that stand alone."""
    points = [(x(step), y(value)) for step, value in zip(series.x, series.y, strict=True)]
    there = [math.isfinite(py) for _, py in points]
    alone = [not any(there[max(0, at - 1) : at] + there[at + 1 : at + 2]) for at in range(len(points))]
    return [
        p for p, here, lone in zip(points, there, alone, strict=True) if here and (lone or len(points) <= MOST_DOTS)
    ]


def _labels(kept: Sequence[Series], x: Scale, y: Scale, frame: tuple[float, float, float, float]) -> list[Mark]:
    """Names at the ends of the lines, moved apart; a hair joins a name to an end that is far from it."""
    ends = [(each, _end(each, x, y)) for each in kept if each.name and not each.pale]
    shown = [(each, end) for each, end in ends if end is not None]
    places = spaced([end[1] for _, end in shown], LINE, frame[1] + 4, frame[3] - 4)
    marks = []
    for (each, end), place in zip(shown, places, strict=True):
        hair = ""
        if abs(place - end[1]) > 3 or frame[2] - end[0] > 8:
            hair = line([(end[0] + 4, end[1]), (frame[2] + 2, place)])
        marks.append(Mark(each.colour, hair, text=_cut(each.name, LONGEST_LABEL), x=frame[2] + 5, y=place + 4))
    return marks


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _end(series: Series, x: Scale, y: Scale) -> Point | None:
    points = [(x(step), y(value)) for step, value in zip(series.x, series.y, strict=True)]
    return next((point for point in reversed(points) if math.isfinite(point[1])), None)
