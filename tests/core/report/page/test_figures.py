"""The headlines over steps: what shares a chart, and on which scale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.contracts.measurement import Headline, Metric
from wganalyze.report.page.drawing import Figure, Figures
from wganalyze.report.page.figures import TOGETHER, figures
from wganalyze.report.page.view import View
from wganalyze.report.reading import open_report

WriteCell = Callable[..., str]
WriteReport = Callable[..., Path]
OWN = (Metric("own", "Mine.", unit="nats", direction="lower", headline=Headline("Own", "own: what I made", rank=1)),)


def drawn(report: Path) -> Figures:
    """The figures of a report."""
    found = figures(View(open_report(report), "r1", "whole"))
    assert found is not None
    return found


def chart(report: Path, title: str) -> Figure:
    """One of them, by its title."""
    return next(each for each in drawn(report).charts if each.title == title)


def test_headlines_of_one_title_share_a_chart_and_a_floor_stands_with_its_metric(write_report: WriteReport) -> None:
    report = write_report()
    assert [each.title for each in drawn(report).charts] == ["W1 [95% CI]", "dual", "best (f=0)", "Lipschitz K"]
    w1 = chart(report, "W1 [95% CI]")
    (panel,) = w1.panels
    assert [name for name, _ in w1.metrics] == ["w1", "w1_floor"]
    assert all(anchor for _, anchor in w1.metrics)
    assert [mark.text for mark in panel.drawing.labels] == ["floor", "gp", "wgan"]
    assert len(panel.drawing.bands) == 2
    assert w1.legend == "The distance"
    assert panel.desc == "gp: 5.000 at step 10, 4.003 at step 3000. wgan: 4.000 at step 10, 3.003 at step 3000."


def test_two_runs_are_told_apart_by_colour_and_by_dashes_in_every_chart(write_report: WriteReport) -> None:
    for figure in drawn(write_report()).charts:
        lines = [mark for mark in figure.panels[0].drawing.lines if mark.colour >= 0]
        assert len({mark.colour for mark in lines}) == len({mark.dash for mark in lines}) == 2


def test_a_bracket_is_a_band_on_a_log_scale(write_report: WriteReport) -> None:
    figure = chart(write_report(), "Lipschitz K")
    (panel,) = figure.panels
    assert "logarithmic scale" in figure.notes
    assert [text for _, text in panel.drawing.y_ticks] == ["10", "100"]
    assert len(panel.drawing.bands) == 2
    assert len(panel.drawing.lines) == 4  # two ends each
    assert len(panel.drawing.labels) == 2


def test_a_share_is_a_percentage(write_report: WriteReport) -> None:
    figure = chart(write_report(), "best (f=0)")
    (panel,) = figure.panels
    assert all(text.endswith(" %") for _, text in panel.drawing.y_ticks)
    assert "wgan: 25% at step 10, 33% at step 3000." in panel.desc


def test_many_runs_get_a_small_chart_each_on_the_same_axes(report: Path, write_cell: WriteCell) -> None:
    names = [f"run{at}" for at in range(TOGETHER + 1)]
    for at, name in enumerate(names):
        for step in (1, 2):
            write_cell(report, f"{name}/s{step}", {"own": at + step}, step=step, metrics=OWN)
    (figure,) = drawn(report).charts
    assert [panel.name for panel in figure.panels] == names
    assert [panel.last for panel in figure.panels][:2] == ["2.000", "3.000"]
    assert len({tuple(panel.drawing.y_ticks) for panel in figure.panels}) == 1
    for panel in figure.panels:
        lines = panel.drawing.lines
        assert (len(lines), sum(mark.pale for mark in lines)) == (len(names) + 1, len(names))


def test_what_is_the_same_everywhere_is_said_and_not_drawn(report: Path, write_cell: WriteCell) -> None:
    for step in (1, 2):
        write_cell(report, f"s{step}", {"own": 0.25}, step=step, metrics=OWN)
    found = drawn(report)
    assert (list(found.charts), list(found.constant)) == ([], [("Own", "0.250")])


def test_one_snapshot_needs_no_chart(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, "s1", {"own": 0.25}, step=1, metrics=OWN)
    assert figures(View(open_report(report), "r1", "whole")) is None


@pytest.mark.parametrize("step", [None, 7])
def test_snapshots_without_a_course_stand_under_one_another(
    step: int | None, report: Path, write_cell: WriteCell
) -> None:
    for at, name in enumerate(("x/a", "y/b")):
        number = {"value": 0.5 + at, "ci_low": 0.25, "ci_high": 2.0}
        write_cell(report, name, {"own": number, "own_floor": 0.125}, step=step, metrics=OWN)
    (figure,) = drawn(report).charts
    (panel,) = figure.panels
    assert (figure.notes, figure.legend) == (["lower is better", "in nats"], "What I made")
    assert [text for _, text in panel.drawing.y_ticks] == ["x/a", "y/b"]
    assert len(panel.drawing.dots) == 2
    assert len(panel.drawing.lines) == 3  # two intervals and the floor
    assert panel.desc == "x/a: 0.500 [0.250, 2.000]; y/b: 1.500 [0.250, 2.000]"


def test_a_bracket_without_steps_is_a_stroke_and_an_open_one_a_dot(
    report: Path, write_cell: WriteCell, wgan_metrics: tuple[Metric, ...]
) -> None:
    write_cell(report, "a", {"lipschitz_lower": 1.0, "lipschitz_upper": 100.0}, step=None, metrics=wgan_metrics)
    write_cell(report, "b", {"lipschitz_lower": 10.0}, step=None)
    (panel,) = chart(report, "Lipschitz K").panels
    assert (len(panel.drawing.lines), len(panel.drawing.dots)) == (1, 1)


@pytest.mark.parametrize(("values", "log"), [((1.0, 100.0), True), ((1.0, 2.0), False), ((-1.0, 100.0), False)])
def test_numbers_far_apart_stand_on_a_log_scale(
    values: tuple[float, float], log: bool, report: Path, write_cell: WriteCell
) -> None:
    for step, value in enumerate(values, 1):
        write_cell(report, f"s{step}", {"own": value}, step=step, metrics=OWN)
    assert ("logarithmic scale" in drawn(report).charts[0].notes) is log
