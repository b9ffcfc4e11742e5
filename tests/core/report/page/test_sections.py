"""The sections of a page: verdicts, the summary, and where the numbers come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wganalyze.report.page.sections import AT_A_GLANCE, provenance, summary, verdicts
from wganalyze.report.page.view import View
from wganalyze.report.reading import open_report

WriteCell = Callable[..., str]
WriteReport = Callable[..., Path]


def seen(report: Path) -> View:
    """A report as a page reads it."""
    return View(open_report(report), "r1", "whole")


def test_a_verdict_names_its_numbers_at_the_last_snapshot(write_report: WriteReport) -> None:
    view = seen(write_report())
    first, second = verdicts(view)
    assert (first.run, list(first.sentences)) == ("lr=1/wgan", ["Far."])
    assert [name for name, _ in first.links] == ["w1", "w1_floor"]
    texts = {cell.anchor: row.label for t in view.tables for g in t.grids for row in g.rows for cell in row.cells}
    assert [texts[anchor] for each in (first, second) for _, anchor in each.links] == [
        *["lr=1/wgan/step_3000"] * 2,
        *["lr=1/gp/step_3000"] * 2,
    ]


def test_the_summary_has_what_show_has(write_report: WriteReport) -> None:
    found = summary(seen(write_report()))
    assert found is not None
    assert found.columns == ["W1 [95% CI]", "floor", "dual", "best (f=0)", "Lipschitz K"]
    assert [[line[0] for line in group] for group in found.groups] == [
        ["lr=1/gp/step_10", "lr=1/gp/step_3000"],
        ["lr=1/wgan/step_10", "lr=1/wgan/step_3000"],
    ]
    assert found.groups[1][1][1:] == ("3000", ["3.003 [2.903, 3.103]", "2.500", "1.502", "33%", "[1.500, 301.5]"])
    assert found.last == []


def test_a_long_summary_shows_the_last_snapshot_of_each_run_first(report: Path, write_cell: WriteCell) -> None:
    for step in range(AT_A_GLANCE):
        write_cell(report, f"a/s{step}", {"x": 1.0}, step=step)
    assert summary(seen(report)).last == []  # type: ignore[union-attr]
    write_cell(report, "lone.pt", {"x": 1.0}, step=None)
    found = summary(seen(report))
    assert found is not None
    assert {line[0] for group in found.last for line in group} == {f"a/s{AT_A_GLANCE - 1}", "lone.pt"}
    assert sum(map(len, found.groups)) == found.count == AT_A_GLANCE + 1


def test_provenance_is_exact(write_report: WriteReport) -> None:
    found = provenance(seen(write_report()))
    facts = dict(found.facts)
    assert found.command == "wganalyze run 'a b'"
    assert (facts["data"], facts["seed"], facts["samples"]) == ("digits", "7", "n = 100")
    assert (facts["held out"], facts["digest of the data"]) == ("yes", "d1")
    assert found.versions == [("torch", "2.13.0")]
    assert found.files[0] == ("lr=1/wgan/step_10", ["/data/lr=1/wgan/step_10.pt"], "f" * 64)


def test_a_call_from_python_is_shown_as_one(write_report: WriteReport) -> None:
    words = ["wganalyze.run", "ckpt", "data='digits'", "n=100"]
    assert provenance(seen(write_report(command=words))).command == "wganalyze.run(ckpt, data='digits', n=100)"
