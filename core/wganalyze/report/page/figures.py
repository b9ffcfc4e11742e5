"""The headline metrics over steps: which numbers share a chart, and how it is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wganalyze.report.format import spread
from wganalyze.report.headlines import Headlined, by_column
from wganalyze.report.page.chart import SMALL, draw, draw_rows
from wganalyze.report.page.drawing import REFERENCE, Figure, Figures, Panel, Series, described, text
from wganalyze.report.page.scales import across, domain, is_log
from wganalyze.report.page.tables import BETTER
from wganalyze.report.page.view import NOTHING, Trajectory, Value, View, short_names

FLOOR = "_floor"
"""What the name of a metric ends with that is the same between two samples of real data."""
TOGETHER = 6
"""Lines of one chart: more get a small chart for each trajectory."""


def figures(view: View) -> Figures | None:
    """A chart for each headline that has a number: over the steps, or, where no run has several, by snapshot.

    A floor stands in the chart of its metric.
    """
    columns = by_column(view.report.headlines)
    floors = {f"{each.metric}{FLOOR}" for group in columns.values() for each in group}
    stepped = any(len(each.steps) > 1 for each in view.trajectories)
    labels = [label for each in view.trajectories for label in each.labels] if stepped else view.labels
    charts, constant = [], []
    for title, group in columns.items():
        shown = [_shown(view, label, each).value for each in group for label in labels]
        values = {v for v in shown if math.isfinite(v)}
        if len(labels) < 2 or not values or all(each.metric in floors for each in group):
            continue
        if len(values) == 1 and all(map(math.isfinite, shown)):
            constant.append((title, text(values.pop(), bool(group[0].headline.share_of))))
        else:
            charts.append(_over_steps(view, title, group) if stepped else _by_snapshot(view, title, group))
    return Figures(charts, constant) if charts or constant else None


def _over_steps(view: View, title: str, group: Sequence[Headlined]) -> Figure:
    lines = {each.name: _lines(view, each, group) for each in view.trajectories}
    everything = [each for own in lines.values() for each in own]
    floor = _floor(view, group)
    log, percent = _scaled(group, [v for each in (*everything, *floor) for v in each.values])
    if sum(bool(each.name) for each in everything) <= TOGETHER:
        drawing = draw([*floor, *_styled(everything)], log=log, percent=percent)
        panels = [Panel("", "", described(lines, percent), drawing)]
    else:
        panels = _small(lines, floor, group, log, percent)
    units = view.report.summary["step_unit"].dropna()
    return _figure(view, title, group, panels, log, str(units.iloc[0]) if len(units) else "step")


def _by_snapshot(view: View, title: str, group: Sequence[Headlined]) -> Figure:
    """A row for each snapshot that is listed (and metric, where there are several); of a bracket for both its ends."""
    by_end = {each.headline.end: each for each in group}
    rows: list[tuple[str, Value]] = []
    for label, name in zip(view.listed, short_names(view.listed, view.name), strict=True):
        if {*by_end} == {"low", "high"}:
            low, high = (_shown(view, label, by_end[end]).value for end in ("low", "high"))
            rows.append((name, Value(low if math.isnan(high) else math.nan, low, high)))
        else:
            names = [name] if len(group) == 1 else [f"{name}: {each.metric}" for each in group]
            rows += zip(names, (_shown(view, label, each) for each in group), strict=True)
    floor = next((v for label in view.labels for v in (_floor_of(view, label, group),) if math.isfinite(v)), math.nan)
    log, percent = _scaled(group, [*(v for _, each in rows for v in (each.value, each.low, each.high)), floor])
    told = [f"{name}: {text(each.value, percent)} {spread(each.low, each.high)}".strip() for name, each in rows]
    shown = [(name, each.value, each.low, each.high) for name, each in rows]
    drawing = draw_rows(shown, reference=floor, log=log, percent=percent)
    return _figure(view, title, group, [Panel("", "", "; ".join(told), drawing)], log, "")


def _scaled(group: Sequence[Headlined], values: Sequence[float]) -> tuple[bool, bool]:
    """Is the scale logarithmic, and are its numbers percentages?"""
    bracket = any(each.headline.end for each in group)
    return is_log(values, wanted=bracket), all(each.headline.share_of for each in group)


def _figure(
    view: View, title: str, group: Sequence[Headlined], panels: Sequence[Panel], log: bool, x_title: str
) -> Figure:
    declared = view.declared.get(group[0].metric, {})
    share = bool(group[0].headline.share_of)
    notes = [text for text in (BETTER.get(str(declared.get("direction", "")), ""), _unit(declared, share)) if text]
    notes += ["logarithmic scale"] if log else []
    floored = any(math.isfinite(_floor_of(view, label, group)) for label in view.labels)
    names = [each.metric for each in group]
    names += [f"{name}{FLOOR}" for name in names if floored]
    legend = next((each.headline.legend for each in group if each.headline.legend), str(declared.get("help", "")))
    name, colon, rest = legend.partition(": ")
    if colon and name.lower() in title.lower():  # which stands above it
        legend = f"{rest[0].upper()}{rest[1:]}" if rest else name
    spoken = f"{title} over the steps" if x_title else f"{title} by snapshot"
    return Figure(title, spoken, legend, notes, view.evidence(view.labels[-1], names), panels, x_title)


def _lines(view: View, trajectory: Trajectory, group: Sequence[Headlined]) -> list[Series]:
    """One for each metric of a trajectory; of a bracket one for both ends, with the area between them."""
    ends = {each.headline.end: each for each in group if each.headline.end}
    columns = [[_shown(view, label, each) for label in trajectory.labels] for each in group]
    if {*ends} == {"low", "high"} and len(group) == 2:
        by_end = {each.headline.end: column for each, column in zip(group, columns, strict=True)}
        low, high = ([v.value for v in by_end[end]] for end in ("low", "high"))
        return [Series(trajectory.name, trajectory.steps, low, low, high), Series("", trajectory.steps, high)]
    found = []
    for each, column in zip(group, columns, strict=True):
        name = trajectory.name if len(group) == 1 else f"{trajectory.name}: {each.metric}"
        banded = each.headline.interval or any(math.isfinite(v.low) for v in column)
        low, high = ([v.low for v in column], [v.high for v in column]) if banded else ([], [])
        found.append(Series(name, trajectory.steps, [v.value for v in column], low, high))
    return found


def _shown(view: View, label: str, each: Headlined) -> Value:
    found = view.value(label, each.metric)
    if not each.headline.share_of:
        return found
    whole = view.value(label, each.headline.share_of).value
    return Value(found.value / whole, math.nan, math.nan) if whole > 0 else NOTHING


def _floor(view: View, group: Sequence[Headlined]) -> list[Series]:
    """The floor over all steps, where there is one."""
    found = {
        step: _floor_of(view, label, group)
        for trajectory in view.trajectories
        for step, label in zip(trajectory.steps, trajectory.labels, strict=True)
    }
    steps = sorted(step for step, value in found.items() if math.isfinite(value))
    return [Series("floor", steps, [found[step] for step in steps], colour=REFERENCE, dash=1)] if steps else []


def _floor_of(view: View, label: str, group: Sequence[Headlined]) -> float:
    """That of the first metric that has one; NaN: none does."""
    floors = (view.value(label, f"{each.metric}{FLOOR}") for each in group if not each.headline.share_of)
    return next((floor.value for floor in floors if floor is not NOTHING), math.nan)


def _styled(series: Sequence[Series]) -> list[Series]:
    """A colour and dashes for each name; the second line of a bracket is like its first."""
    found: list[Series] = []
    at = -1
    for each in series:
        at += bool(each.name)
        found.append(replace(each, colour=at, dash=at))
    return found


def _small(
    lines: Mapping[str, Sequence[Series]], floor: Sequence[Series], group: Sequence[Headlined], log: bool, percent: bool
) -> list[Panel]:
    """A small chart for each trajectory, with all others pale behind it, on the same axes."""
    everything = [each for group_lines in lines.values() for each in group_lines]
    values = [v for each in (*everything, *floor) for v in each.values]
    steps = [step for each in everything for step in each.x]
    pale = [replace(each, pale=True, low=(), high=()) for each in everything]
    quiet = [replace(each, name="") for each in floor]
    return [
        Panel(
            name,
            _last(own, percent),
            described({name: own}, percent),
            draw(
                [*pale, *quiet, *(replace(each, dash=at % max(1, len(group))) for at, each in enumerate(own))],
                size=SMALL,
                log=log,
                percent=percent,
                labelled=False,
                y_domain=domain(values, log=log),
                x_domain=across(steps),
                ticks=3,
            ),
        )
        for name, own in lines.items()
    ]


def _last(own: Sequence[Series], percent: bool) -> str:
    """The last numbers of the lines of a trajectory."""
    ends = [next((v for v in reversed([*each.y]) if math.isfinite(v)), math.nan) for each in own]
    return " – ".join(text(each, percent) for each in ends) if any(map(math.isfinite, ends)) else ""


def _unit(declared: Mapping[str, Any], percent: bool) -> str:
    unit = declared.get("unit", "")
    return "" if percent or not unit else f"in {unit}"
