"""Charts of what analyzers declare to belong together: a loss beside the distance, what is reached of all there is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wganalyze.report.page.chart import SMALL, draw
from wganalyze.report.page.drawing import REFERENCE, Figure, Key, Panel, Series, described
from wganalyze.report.page.scales import across, domain, is_log
from wganalyze.report.page.view import Trajectory, View

Declared = Mapping[str, Any]
WHOLE, PAIRED = (380.0, 230.0), (170.0, 150.0)
COLOURS, FIRST = 6, 2
"""Of the style sheet; the first ones stand for runs where these share a chart, and are left to them."""


def declared_figures(view: View, headlines: Sequence[Figure]) -> list[Figure]:
    """One for each panel of declared series over the steps that some run has, and that no headline's chart shows.

    Each run has a small chart of its own, all on the same axes. ``headlines``: the charts that there are.
    """
    drawn = [{name for name, _ in each.metrics} for each in headlines]
    panels: dict[tuple[str, str], list[Declared]] = {}
    for declared in view.report.run.get("series", {}).values():
        for series in declared:
            if not series.get("over"):
                panels.setdefault((series["figure"], series["panel"]), []).append(series)
    found: list[Figure] = []
    for (_, title), group in panels.items():
        names = [str(series["values"]) for series in group]
        lines = {each.name: [*_lines(view, each, group)] for each in view.trajectories if len(each.steps) > 1}
        lines = {name: own for name, own in lines.items() if any(each.colour != REFERENCE for each in own)}
        if lines and not any({*names} <= shown for shown in drawn):
            found.append(_figure(view, title, group, lines))
    return found


def _lines(view: View, run: Trajectory, group: Sequence[Declared]) -> Iterator[Series]:
    """Of one run, without those that have no number; a colour for each, grey for a reference."""
    for at, series in enumerate(group):
        points = [view.value(label, str(series["values"])) for label in run.labels]
        if any(math.isfinite(point.value) for point in points):
            low, high = [point.low for point in points], [point.high for point in points]
            place = (REFERENCE, 1) if series["reference"] else ((at + FIRST) % COLOURS, at % COLOURS)
            yield Series(str(series["label"]), run.steps, [p.value for p in points], low, high, *place)


def _figure(view: View, title: str, group: Sequence[Declared], lines: Mapping[str, Sequence[Series]]) -> Figure:
    everything = [each for own in lines.values() for each in own]
    values = [v for each in everything for v in each.values]
    steps = [step for each in everything for step in each.x]
    log = is_log(values)
    alone = len(lines) == 1
    panels = [
        Panel(
            "" if alone else name,
            "",
            described({name: own}),
            draw(
                own,
                size=WHOLE if alone else SMALL if len(lines) > 2 else PAIRED,
                log=log,
                labelled=False,
                y_domain=domain(values, log=log),
                x_domain=across(steps),
                ticks=5 if alone else 3,
            ),
        )
        for name, own in lines.items()
    ]
    keys = {each.name: Key(each.name, each.colour, each.dash) for each in everything}
    names = dict.fromkeys(str(series["values"]) for series in group if series["label"] in keys)
    return Figure(
        f"{title[:1].upper()}{title[1:]}",
        f"{title} over the steps",
        "",
        ["logarithmic scale"] if log else [],
        view.evidence(view.labels[-1], [*names]),
        panels,
        "step",
        [*keys.values()],
    )
