"""Figures of a report: the lines that were declared and no others, at the numbers of the rows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from wganalyze.contracts.figure import Series
from wganalyze.contracts.measurement import Headline, Metric
from wganalyze.contracts.picture import Picture
from wganalyze.errors import UsageError
from wganalyze.report.reading import Report

WriteCell = Callable[..., str]
FIGURES = ("trajectory", "brackets", "critic", "modes", "sweep", "samples")
METRICS = (
    Metric("far", "Distance.", "m", "lower", headline=Headline("how far [95% CI]", interval=True, rank=1)),
    Metric("plain", "Of no direction.", headline=Headline("plain")),
    Metric("steep", "Slope.", "", "lower", headline=Headline("slope", end="low")),
    Metric("steepest", "Bound.", headline=Headline("slope", end="high")),
    Metric("own", "No headline.", direction="lower"),
)
SERIES = (
    Series("critic", "own", "loss", "distance"),
    Series("critic", "far", "truth", "distance", reference=True),
    Series("modes", "plain", "reached", "modes"),
    Series("sweep", "sizes.far", "generated", "distance", over="n"),
)
STEPS = (10, 20, 40)


def tell(
    report: Path, series: Sequence[Series] = (), runs: Sequence[str] = ("",), steps: Sequence[Any] = STEPS
) -> None:
    """Write into run.json what a run would."""
    path = report / "_run.json"
    record = json.loads(path.read_text()) if path.exists() else {}
    record["snapshots"] = [
        {"label": f"{run}/{step}" if run else str(step), "step": step if isinstance(step, int) else None}
        for run in runs
        for step in steps
    ]
    record["series"] = {"a": [asdict(each) for each in series]}
    path.write_text(json.dumps(record))


@pytest.fixture
def told(report: Path, write_cell: WriteCell, shot: Picture) -> Path:
    """One training run of three steps, with numbers of every kind."""
    for step in STEPS:
        far = {"value": 100.0 / step, "ci_low": 90.0 / step, "ci_high": 120.0 / step, "direction": "lower", "unit": "m"}
        steep = {"value": 0.5 * step, "direction": "lower"}
        numbers = {"far": far, "plain": step / 10, "steep": steep, "steepest": 2.0 * step, "own": 1.0 * step}
        sizes = [{"n": n, "far": 1.0 * n * step, "far_low": 0.5 * n, "far_high": 2.0 * n} for n in (20, 10)]
        write_cell(
            report, str(step), numbers, details={"sizes": sizes}, metrics=METRICS, pictures=[shot], step=step,
            step_unit="epoch",
        )  # fmt: skip
    tell(report, SERIES)
    return report


def lines(axes: Axes) -> dict[str, list[list[float]]]:
    """Of a panel: x and y by label."""
    return {
        str(line.get_label()): [list(map(float, np.asarray(of))) for of in (line.get_xdata(), line.get_ydata())]
        for line in axes.get_lines()
        if not str(line.get_label()).startswith("_")
    }


def drawn(figure: Figure) -> dict[str, dict[str, list[list[float]]]]:
    """Of a figure of one run: lines by title of the panel."""
    figure.savefig(BytesIO(), format="pdf")
    return {axes.get_ylabel(): lines(axes) for axes in figure.axes}


def test_the_trajectory_is_of_headlines_with_a_direction(told: Path) -> None:
    figure = Report(told).plot.trajectory()
    assert drawn(figure) == {"how far (m)": {"how far": [[10, 20, 40], [10, 5, 2.5]]}}
    (axes,) = figure.axes
    assert axes.get_xlabel() == "epoch"
    (band,) = axes.collections
    assert band.get_datalim(axes.transData).extents.tolist() == [10, 90 / 40, 40, 12]


def test_declared_series_take_the_place_of_a_headline(told: Path) -> None:
    series = (Series("trajectory", "far", "ours", "W"), Series("trajectory", "plain", "floor", "W", reference=True))
    tell(told, series)
    figure = Report(told).plot.trajectory()
    assert {panel: [*of] for panel, of in drawn(figure).items()} == {"W": ["ours", "floor"]}
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["ours", "floor"]  # type: ignore[union-attr]


def test_brackets_are_the_two_ends_on_a_logarithmic_scale(told: Path) -> None:
    figure = Report(told).plot.brackets()
    assert drawn(figure) == {
        "slope": {"at least": [[10, 20, 40], [5, 10, 20]], "at most": [[10, 20, 40], [20, 40, 80]]}
    }
    assert figure.axes[0].get_yscale() == "log"
    (between,) = figure.axes[0].collections
    assert between.get_datalim(figure.axes[0].transData).extents.tolist() == [10, 5, 40, 80]


def test_a_bracket_without_an_upper_end_shows_the_lower_one(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, "10", {"steep": 3.0, "steepest": {"value": None, "status": "skipped"}}, metrics=METRICS)
    tell(report)
    figure = Report(report).plot.brackets()
    assert drawn(figure) == {"slope": {"at least": [[1], [3]]}}
    assert not figure.axes[0].collections


def test_what_analyzers_declare_meets_in_a_panel(told: Path) -> None:
    critic = drawn(Report(told).plot.critic())
    assert critic == {"distance": {"loss": [[10, 20, 40], [10, 20, 40]], "truth": [[10, 20, 40], [10, 5, 2.5]]}}
    modes = Report(told).plot.modes()
    assert drawn(modes) == {"modes": {"reached": [[10, 20, 40], [1, 2, 4]]}}
    assert modes.axes[0].get_ylim()[0] == 0
    assert modes.axes[0].get_legend() is None


def test_a_sweep_is_of_one_snapshot(told: Path) -> None:
    """The last one, unless another is named; over the column that was declared, in its order."""
    figure = Report(told).plot.sweep()
    assert drawn(figure) == {"distance": {"generated": [[10, 20], [400, 800]]}}
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_xscale(), figure.axes[0].get_yscale()) == (
        "n",
        "log",
        "log",
    )
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["10", "20"]
    assert drawn(Report(told).plot.sweep("20")) == {"distance": {"generated": [[10, 20], [200, 400]]}}


def test_training_runs_stand_side_by_side(report: Path, write_cell: WriteCell, shot: Picture) -> None:
    for number, run in enumerate("ab"):
        for step in STEPS:
            far = {"value": 1.0 * step + number, "direction": "lower"}
            write_cell(report, f"{run}/{step}", {"far": far}, metrics=METRICS, step=step, pictures=[shot])
    tell(report, SERIES, "ab")
    plot = Report(report).plot
    figure = plot.trajectory()
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    assert [lines(axes)["how far"][1] for axes in figure.axes] == [[10, 20, 40], [11, 21, 41]]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert drawn(plot.trajectory(run="b")) == {"how far": {"how far": [[10, 20, 40], [11, 21, 41]]}}
    assert len(plot.samples().axes) == 6
    assert len(plot.samples(run="a").axes) == 3
    for name in FIGURES:
        with pytest.raises(UsageError, match="no training run is called 'c'; there are: a, b"):
            getattr(plot, name)(run="c")


def test_snapshots_without_a_step_stand_by_name(report: Path, write_cell: WriteCell) -> None:
    for place, name in enumerate(("first", "second")):
        write_cell(report, name, {"far": {"value": 1.0 + place, "direction": "lower"}}, metrics=METRICS, step=None)
    tell(report, (), steps=("first", "second"))
    figure = Report(report).plot.trajectory()
    assert drawn(figure) == {"how far": {"how far": [[0, 1], [1, 2]]}}
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["first", "second"]


def test_a_snapshot_without_a_step_has_no_place_among_others(told: Path, write_cell: WriteCell) -> None:
    write_cell(told, "last", {"far": {"value": 1.0, "direction": "lower"}}, metrics=METRICS, step=None)
    tell(told, SERIES, steps=(*STEPS, "last"))
    assert drawn(Report(told).plot.trajectory())["how far (m)"]["how far"] == [[10, 20, 40], [10, 5, 2.5]]


def test_pictures_by_step(told: Path, shot: Picture) -> None:
    figure = Report(told).plot.samples()
    assert [axes.get_title() for axes in figure.axes] == ["epoch 10", "epoch 20", "epoch 40"]
    pixels = np.asarray(Image.open(BytesIO(shot.png)).convert("RGB"))
    for axes in figure.axes:
        np.testing.assert_array_equal(axes.get_images()[0].get_array(), pixels)
    assert [axes.get_title() for axes in Report(told).plot.samples("shot", most=2).axes] == ["epoch 10", "epoch 40"]
    with pytest.raises(UsageError, match="no picture is called 'shots'; there are: shot"):
        Report(told).plot.samples("shots")


def test_the_picture_that_each_snapshot_has_is_shown_first(report: Path, write_cell: WriteCell, shot: Picture) -> None:
    once = Picture("once", "Of the data.", shot.png)
    for step, pictures in ((10, [once, shot]), (20, [shot])):
        write_cell(report, str(step), {"m": 1.0}, pictures=pictures, step=step)
    tell(report, steps=(10, 20))
    assert len(Report(report).plot.samples().axes) == 2
    assert len(Report(report).plot.samples("once").axes) == 1


def test_an_old_report_still_plots_what_it_can(told: Path) -> None:
    """Without declared series and without pictures: the headlines; of the rest one line says why not."""
    path = told / "_run.json"
    record = json.loads(path.read_text())
    del record["series"]
    path.write_text(json.dumps(record))
    plot = Report(told).plot
    assert [*drawn(plot.trajectory())] == ["how far (m)"]
    assert [*drawn(plot.brackets())] == ["slope"]
    for name in ("critic", "modes", "sweep"):
        with pytest.raises(UsageError, match=f"holds nothing for the figure '{name}': .* run again"):
            getattr(plot, name)()


def test_a_report_without_numbers(report: Path, write_cell: WriteCell) -> None:
    write_cell(report)
    for name in FIGURES:
        with pytest.raises(UsageError, match=r"holds (nothing for the figure|no pictures)") as caught:
            getattr(Report(report).plot, name)()
        assert "\n" not in str(caught.value)


def test_text_stays_text_and_colours_are_those_of_the_palette(told: Path) -> None:
    figure = Report(told).plot.critic()
    pdf, svg = BytesIO(), BytesIO()
    figure.savefig(pdf, format="pdf")
    figure.savefig(svg, format="svg")
    assert b"/Type3" not in pdf.getvalue()  # which publishers refuse
    assert b">epoch</text>" in svg.getvalue()
    assert [line.get_color() for line in figure.axes[0].get_lines()] == ["#0072B2", "#6b6b6b"]
    assert figure.get_figwidth() == pytest.approx(3.4)


def test_a_notebook_shows_it_and_no_state_is_left(told: Path) -> None:
    """It is no figure of pyplot, which would keep it, and show it twice."""
    import matplotlib

    before = dict(matplotlib.rcParams)
    figure: Any = Report(told).plot.trajectory()
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before
    assert figure.number is None if hasattr(figure, "number") else True


def test_without_matplotlib_the_pip_line_is_said(told: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        "import wganalyze\n"
        f"plot = wganalyze.open_report({str(told)!r}).plot\n"
        f"for name in {FIGURES!r}:\n"
        "    try:\n"
        "        getattr(plot, name)()\n"
        "    except wganalyze.UsageError as error:\n"
        "        print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    line = "report.plot draws with matplotlib, which is missing: pip install 'wganalyze[plot]'"
    assert run.stdout.splitlines() == [line] * len(FIGURES)


def test_it_says_what_it_draws(told: Path) -> None:
    plot = Report(told).plot
    assert [hasattr(plot, name) and f"{name}()" in repr(plot) for name in FIGURES] == [True] * len(FIGURES)


def test_a_report_is_opened_without_matplotlib(told: Path) -> None:
    code = f"import sys, wganalyze; wganalyze.open_report({str(told)!r}).plot; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
