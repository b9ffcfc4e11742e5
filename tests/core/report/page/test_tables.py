"""Every number by analyzer: what it is, how it was made, and which of several."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wganalyze.contracts.measurement import Metric
from wganalyze.report.page.tables import AnalyzerTable
from wganalyze.report.page.view import View
from wganalyze.report.reading import open_report

WriteCell = Callable[..., str]
METRICS = (
    Metric("w1", "The distance.", unit="m", direction="lower", source="Villani 2009"),
    Metric("p", "Chance.", correction="holm"),
    Metric("never", "Not measured."),
)


def tables(report: Path) -> list[AnalyzerTable]:
    """Of a report."""
    return View(open_report(report), "r1", "whole").tables


def test_a_metric_is_described_as_declared_and_as_made(report: Path, write_cell: WriteCell) -> None:
    row = {"value": 3.0, "n": 100, "space": "euclidean", "method": "simplex", "certificate": "exact", "message": "so"}
    write_cell(report, "s", {"w1": row, "p_holm": 0.5, "new": {"value": 1.0, "certificate": "none"}}, metrics=METRICS)
    (table,) = tables(report)
    w1, p, new = table.definitions
    assert (w1.metric, w1.help, w1.unit, w1.better, w1.source) == (
        "w1", "The distance.", "m", "lower is better", "Villani 2009",
    )  # fmt: skip
    facts = [("n", "100"), ("space", "euclidean"), ("method", "simplex"), ("certificate", "exact")]
    assert (list(w1.facts), list(w1.notes)) == (facts, ["so"])
    assert p.help == "Chance. Corrected by Holm over the snapshots of the run."
    assert (new.metric, new.help, list(new.facts)) == ("new", "", [])
    assert table.count == 3


def test_what_differs_between_snapshots_is_not_listed_without_end(report: Path, write_cell: WriteCell) -> None:
    for at in range(5):
        write_cell(report, f"s{at}", {"w1": {"value": 1.0, "method": f"m{at}", "message": f"note {at}"}}, step=at)
    (definition,) = tables(report)[0].definitions
    assert dict(definition.facts)["method"] == "m0; m1 and 3 more"
    assert list(definition.notes) == ["note 0", "note 1", "and 3 more notes"]


def test_a_row_is_a_snapshot_and_an_absent_number_an_empty_cell(report: Path, write_cell: WriteCell) -> None:
    absent = {"value": None, "status": "skipped", "message": "why"}
    write_cell(report, "a", {"w1": {"value": 1.0, "ci_low": 0.5, "ci_high": 1.5}, "own": absent}, step=1)
    write_cell(report, "b", {"own": 2.0}, step=2)
    (grid,) = tables(report)[0].grids
    assert [column.metric for column in grid.columns] == ["w1", "own"]
    assert [(row.label, [(cell.text, cell.interval) for cell in row.cells]) for row in grid.rows] == [
        ("a", [("1.000", "[0.500, 1.500]"), ("", "")]),
        ("b", [("", ""), ("2.000", "")]),
    ]
    assert [bool(cell.anchor) for row in grid.rows for cell in row.cells] == [True, False, False, True]


def test_each_space_has_a_grid_and_each_analyzer_a_table(report: Path, write_cell: WriteCell) -> None:
    for space in ("pixels", "features"):
        write_cell(report, "s", {"w1": 1.0}, embedding=space, key=space.encode().hex().ljust(32, "0"))
        write_cell(report, "s", {"w1": 1.0}, embedding=space, analyzer=f"other {space}")
    names = [(table.analyzer, [grid.space for grid in table.grids]) for table in tables(report)]
    assert ("other pixels", ["pixels"]) in names
    anchors = [each.anchor for table in tables(report) for each in (table, *table.definitions)]
    assert len(anchors) == len({*anchors})
