"""How matplotlib draws a chart for a paper; imported only where one is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter
from PIL import Image

from wganalyze.report.plotting.charts import Chart, Line

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito 2008: told apart by the colour-blind."""
MARKERS = ("o", "s", "^", "D", "v", "P")
"""And in print without colours."""
GREY = "#6b6b6b"
COLUMN, MORE, HEIGHT = 3.4, 1.9, 1.75
"""Inches: width of a column of a paper; of each run beyond the first; height of a panel."""
STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.2,
    "lines.markersize": 3,
    "legend.framealpha": 0.75,
    "legend.edgecolor": "none",
    "legend.borderpad": 0.2,
    "pdf.fonttype": 42,  # text stays text, in the fonts that publishers take
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "savefig.dpi": 300,
    "figure.dpi": 150,
}


class PaperFigure(Figure):
    """A figure that keeps its style when it is saved, and shows itself in a notebook."""

    def savefig(self, *arguments: Any, **said: Any) -> None:
        """As matplotlib's, with text as text in PDF and SVG."""
        with rc_context(STYLE):
            super().savefig(*arguments, **said)

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=150)
        return buffer.getvalue()


def draw(chart: Chart) -> PaperFigure:
    """Its panels below each other, its runs side by side."""
    with rc_context(STYLE):
        rows, columns = len(chart.panels), len(chart.runs)
        figure = PaperFigure(figsize=(COLUMN + MORE * (columns - 1), HEIGHT * rows + 0.25), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharex="col", sharey="row")
        for down, panel in enumerate(chart.panels):
            for right, run in enumerate(chart.runs):
                axes = grid[down, right]
                _cell(axes, chart, chart.cells.get((panel, run), ()))
                if right == 0:
                    axes.set_ylabel(panel)
                    if len(axes.get_legend_handles_labels()[0]) > 1:
                        axes.legend()
                if down == 0 and columns > 1:
                    axes.set_title(run)
                if down == rows - 1:
                    axes.set_xlabel(chart.across)
        return figure


def _cell(axes: Axes, chart: Chart, lines: Sequence[Line]) -> None:
    if chart.bracket and len(lines) == 2:
        low, high = (dict(zip(line.x, line.y, strict=True)) for line in lines)
        steps = sorted({*low} & {*high})
        ends = [[end[step] for step in steps] for end in (low, high)]
        axes.fill_between(steps, ends[0], ends[1], color=COLOURS[0], alpha=0.15, linewidth=0)
    own = 0
    for line in lines:
        if line.reference:
            style: dict[str, Any] = {"color": GREY, "linestyle": (0, (4, 2)), "linewidth": 0.9}
        else:
            style = {"color": COLOURS[own % len(COLOURS)], "marker": MARKERS[own % len(MARKERS)]}
            own += not chart.bracket
        if chart.bracket:
            style["marker"] = "^" if line is lines[0] else "v"
        axes.plot(line.x, line.y, label=line.label, **style)
        if np.isfinite(line.low).any():
            axes.fill_between(line.x, line.low, line.high, color=style["color"], alpha=0.18, linewidth=0)
    if chart.ticks:
        axes.set_xticks(range(len(chart.ticks)), chart.ticks, rotation=30, ha="right")
    if chart.from_zero:
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    if chart.log_x:
        axes.set_xscale("log")
        _plain_ticks(axes.xaxis, sorted({float(x) for line in lines for x in line.x}))
    if chart.log_y:
        axes.set_yscale("log")
        _plain_ticks(axes.yaxis)
        if chart.bracket and axes.get_ylim()[0] < 1 < axes.get_ylim()[1]:
            axes.axhline(1, color=GREY, linewidth=0.5, zorder=0)


def _plain_ticks(axis: Axis, at: Sequence[float] = ()) -> None:
    """Numbers as they are read (20, and not 2 x 10^1): at these places, else at round ones."""
    low, high = axis.get_view_interval()
    axis.set_minor_locator(NullLocator())
    if at:
        axis.set_ticks(at)
    else:
        axis.set_major_locator(MaxNLocator(4) if high < 10 * low else LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def lay_out(shots: Mapping[str, Sequence[tuple[str, bytes]]], caption: str) -> PaperFigure:
    """Pictures (title and PNG) side by side, a row for each run; ``caption`` below them."""
    with rc_context(STYLE):
        rows, columns = len(shots), max(map(len, shots.values()))
        figure = PaperFigure(figsize=(max(COLUMN, 1.15 * columns), 1.35 * rows + 0.3), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for down, (run, row) in enumerate(shots.items()):
            for right, axes in enumerate(grid[down]):
                axes.set_axis_off()
                if right < len(row):
                    title, png = row[right]
                    axes.imshow(np.asarray(Image.open(BytesIO(png)).convert("RGB")), interpolation="antialiased")
                    axes.set_title(title)
            if rows > 1:
                first = grid[down, 0]
                first.text(-0.04, 0.5, run, rotation=90, ha="right", va="center", transform=first.transAxes)
        figure.supxlabel(caption, fontsize=6, color=GREY, wrap=True)
        return figure
