"""What a page says in words: by weight, with links to what it rests on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from wganalyze.report.page.findings import assumed, findings, missing
from wganalyze.report.page.view import View
from wganalyze.report.reading import open_report

WriteCell = Callable[..., str]


def seen(report: Path) -> View:
    """A report as a page reads it."""
    return View(open_report(report), "r1", "whole")


def test_information_is_folded_and_evidence_is_linked(report: Path, write_cell: WriteCell) -> None:
    told = [
        {"level": level, "code": level, "message": f"a {level}", "evidence": ["w1", "a fact"]}
        for level in ("info", "fault", "warning", "odd")
    ]
    write_cell(report, "a/s1", {"w1": 1.0}, findings=told[:1], step=1)
    write_cell(report, "a/s2", {"w1": 2.0}, findings=told, step=2)
    view = seen(report)
    found = findings(view)
    assert found is not None
    assert [line.level for line in found.loud] == ["fault", "warning", "odd"]
    (quiet,) = found.quiet
    assert (quiet.place, quiet.text, found.of_last) == ("a/s2 and 1 earlier", "a info", True)
    (name, anchor), fact = quiet.links
    (grid,) = view.tables[0].grids
    assert (name, anchor) == ("w1", grid.rows[1].cells[0].anchor)
    assert fact == ("a fact", "")


def test_what_is_missing_is_told_once_for_each_reason_failures_first(report: Path, write_cell: WriteCell) -> None:
    absent = {"value": None, "status": "skipped", "message": "no labels"}
    for label in ("a", "b", "c"):
        write_cell(report, label, {"x": absent, "y": absent, "z": 1.0}, step=None)
        write_cell(report, label, {"": {"message": f"{label}: no critic"}}, analyzer="k", status="skipped", step=None)
    write_cell(report, "c", {"": {"message": "ValueError: x"}}, analyzer="late", status="failed", step=None)
    found = missing(seen(report))
    assert found is not None
    assert [(line.level, line.place, line.text) for line in found.cells] == [
        ("failed", "late on c", "ValueError: x"),
        ("skipped", "k on a and 2 more", "no critic"),
    ]
    assert [(line.place, line.text, [name for name, _ in line.links]) for line in found.numbers] == [
        ("a on a and 2 more", "no labels", ["x", "y"])
    ]


def test_assumptions_are_told_once_for_all_alike(report: Path, write_cell: WriteCell) -> None:
    for label in ("a", "b"):
        write_cell(report, label, {"x": 1.0}, step=None)
    snapshots = [{"label": label, "assumptions": ["latent: normal"]} for label in ("a", "b", "gone")]
    (report / "_run.json").write_text(json.dumps({"snapshots": snapshots}))
    lines = assumed(seen(report))
    assert lines is not None
    assert [(line.place, line.text) for line in lines] == [("a, b", "latent: normal")]


def test_where_there_is_nothing_to_say_nothing_is_said(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, "a", {"x": 1.0})
    view = seen(report)
    assert (findings(view), missing(view), assumed(view)) == (None, None, None)
