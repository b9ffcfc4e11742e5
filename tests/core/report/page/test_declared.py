"""Charts of what analyzers declare to belong together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from wganalyze.report.page.declared import declared_figures
from wganalyze.report.page.drawing import REFERENCE, Figure
from wganalyze.report.page.view import View
from wganalyze.report.reading import open_report

WriteCell = Callable[..., str]


def series(values: str, label: str, panel: str = "counts", **more: Any) -> dict[str, Any]:
    """As run.json has it."""
    return {"figure": "modes", "values": values, "label": label, "panel": panel, "over": "", "reference": False, **more}


def charts(report: Path, *declared: Mapping[str, Any], headlines: tuple[Figure, ...] = ()) -> list[Figure]:
    """The charts of a report whose analyzer declares these series."""
    (report / "_run.json").write_text(json.dumps({"series": {"a": declared[:1], "b": declared[1:]}}))
    return declared_figures(View(open_report(report), "r1", "whole"), headlines)


def test_series_of_one_panel_meet_whichever_analyzer_declares_them(report: Path, write_cell: WriteCell) -> None:
    for step in (1, 2):
        write_cell(report, f"s{step}", {"lost": step, "found": 5 - step, "all": 8}, step=step)
    declared = (series("lost", "not found"), series("found", "found"), series("all", "there are", reference=True))
    (figure,) = charts(report, *declared)
    (panel,) = figure.panels
    assert (figure.title, figure.spoken) == ("Counts", "counts over the steps")
    assert [key.name for key in figure.keys] == ["not found", "found", "there are"]
    assert figure.keys[2].colour == REFERENCE
    assert len({key.colour for key in figure.keys}) == 3
    assert [(mark.colour, mark.dash) for mark in panel.drawing.lines] == [(k.colour, k.dash) for k in figure.keys]
    assert panel.desc.startswith("not found: 1.000 at step 1, 2.000 at step 2.")
    assert [name for name, anchor in figure.metrics if anchor] == ["lost", "found", "all"]


def test_each_run_has_a_chart_on_the_same_axes(report: Path, write_cell: WriteCell) -> None:
    for run in ("a", "b"):
        for step in (1, 2):
            write_cell(report, f"{run}/s{step}", {"lost": step + (run == "b")}, step=step)
    (figure,) = charts(report, series("lost", "not found"))
    assert [panel.name for panel in figure.panels] == ["a", "b"]
    assert figure.panels[0].drawing.y_ticks == figure.panels[1].drawing.y_ticks


def test_what_was_not_measured_or_stands_alone_or_elsewhere_is_not_drawn(report: Path, write_cell: WriteCell) -> None:
    for step in (1, 2):
        write_cell(report, f"s{step}", {"all": 8, "lost": step}, step=step)
    write_cell(report, "other/s1", {"lost": 1}, step=1)
    assert charts(report, series("absent", "a"), series("all", "there are", reference=True)) == []
    assert charts(report, series("table.lost", "a", over="n")) == []
    (figure,) = charts(report, series("lost", "a"))
    assert len(figure.panels) == 1
    assert charts(report, series("lost", "a"), headlines=(figure,)) == []


def test_one_step_is_drawn_in_the_middle_of_its_axis(report: Path, write_cell: WriteCell) -> None:
    """Also where two snapshots claim it."""
    for label in ("s", "t"):
        write_cell(report, f"run/{label}", {"lost": 3.0}, step=7)
    (figure,) = charts(report, series("lost", "not found"))
    drawing = figure.panels[0].drawing
    left, _, right, _ = drawing.frame
    assert [text for _, text in drawing.x_ticks] == ["7"]
    assert drawing.x_ticks[0][0] == pytest.approx((left + right) / 2)
