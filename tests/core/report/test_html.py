"""A report in a notebook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wganalyze.contracts.evidence import Sentence
from wganalyze.report.html import to_html
from wganalyze.report.reading import open_report
from wganalyze.report.verdict import RunVerdict

WriteCell = Callable[..., str]


def test_the_notebook_view_shows_numbers_findings_and_no_foreign_markup(report: Path, write_cell: WriteCell) -> None:
    finding = {"level": "warning", "message": "a <script>", "evidence": ["w1", "w1_floor"]}
    write_cell(report, "<b>s", {"w1": {"value": 6.54321, "n": 2000}}, findings=[finding], step=1000)
    write_cell(report, "t", {"dual_raw": 1.0}, step=None)
    opened = open_report(report)
    text = to_html(str(report), [], opened.summary, opened.told)
    assert "<script>" not in text
    assert "<b>s" not in text
    assert "a &lt;script&gt; <i>(w1, w1_floor)</i>" in text
    for shown in ("<td>6.543</td>", "<td>1000</td>", "<td>2000</td>", "<td>-</td>"):
        assert shown in text
    assert opened._repr_html_() == text


def test_verdicts_stand_first_and_fold_the_findings_away(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, "gp/s", {"w1": 1.0}, findings=[{"message": "odd"}])
    opened = open_report(report)
    verdict = RunVerdict("<i>gp", ("gp/s",), (Sentence("It is < 2."),))
    text = to_html("r", [verdict], opened.summary, opened.told)
    assert "<p><b>&lt;i&gt;gp</b>: It is &lt; 2.</p><table" in text
    assert "<details><summary>findings: 1</summary><ul><li>" in text
