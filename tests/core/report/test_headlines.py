"""The summary: one line per snapshot, in the order of the steps; and figures short enough to read."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.errors import UsageError
from wganalyze.report.format import number, spread
from wganalyze.report.headlines import HEADLINES, select
from wganalyze.report.html import to_html
from wganalyze.report.reading import open_report

WriteCell = Callable[..., str]


@pytest.fixture
def filled(report: Path, write_cell: WriteCell) -> Path:
    """Three snapshots in two folders; one of them failed."""
    w1 = {"value": 6.5, "ci_low": 6.4, "ci_high": 6.6, "n": 64, "space": "euclidean", "certificate": "exact"}
    write_cell(report, "gp/G_1000", {"w1": w1, "w1_floor": 2.75}, analyzer="exact-w", step=1000)
    write_cell(report, "gp/G_1000", {"dual_raw": 7.0, "own": 1.0}, analyzer="critic-gap", step=1000)
    write_cell(report, "gp/G_900", {"w1": {**w1, "value": 9.5}}, analyzer="exact-w", step=900)
    failed = {"": {"message": "broken <b>"}}
    write_cell(report, "clip/G_2000", failed, analyzer="exact-w", step=2000, status="failed")
    write_cell(report, "clip/G_2000", {"w1": {"status": "skipped", "message": "none"}}, analyzer="other", step=2000)
    return report


def test_there_is_one_line_per_snapshot_by_folder_and_step(filled: Path) -> None:
    summary = open_report(filled).summary
    assert summary["snapshot"].tolist() == ["clip/G_2000", "gp/G_900", "gp/G_1000"]
    assert summary["step"].tolist() == [2000, 900, 1000]
    assert set(HEADLINES) <= set(summary.columns)
    line: Any = summary.set_index("snapshot").loc["gp/G_1000"]
    assert (line["w1"], line["w1_ci_low"], line["w1_ci_high"], line["w1_floor"], line["dual_raw"]) == (
        6.5,
        6.4,
        6.6,
        2.75,
        7.0,
    )
    assert (line["n"], line["space"]) == (64, "euclidean")
    assert math.isnan(line["lipschitz_upper"])
    # Neither a failed nor a skipped row is a number.
    assert summary.iloc[0][list(HEADLINES)].isna().all()


def test_snapshots_without_steps_are_listed_too(report: Path, write_cell: WriteCell) -> None:
    for label in ("b", "a"):
        write_cell(report, label, {"w1": 1.0}, step=None)
    write_cell(report, "c_10", {"w1": 1.0}, step=10)
    write_cell(report, "c_9", {"w1": 1.0}, step=9)
    assert open_report(report).summary["snapshot"].tolist() == ["c_9", "c_10", "a", "b"]


def test_a_line_is_about_one_setting(report: Path, write_cell: WriteCell) -> None:
    """A report keeps what earlier runs measured at another n or on other data; they are not put side by side."""
    setting = {"seed": 0, "data_id": "d", "n": 100}
    write_cell(report, "s", {"w1": {"value": 7.0, **setting}, "w1_pvalue": {"value": 0.5, **setting}}, analyzer="w")
    write_cell(report, "s", {"dual_raw": {"value": 2.0, **setting, "n": 60}}, analyzer="other n")
    write_cell(report, "s", {"dual_ratio": {"value": 3.0, **setting, "data_id": "e"}}, analyzer="other data")
    bracket = {"lipschitz_lower": {"value": 4.0, **setting, "n": None}, "w1_floor": {"value": 5.0, **setting}}
    write_cell(report, "s", bracket, analyzer="same")
    line = open_report(report).summary.iloc[0]
    assert (line["w1"], line["lipschitz_lower"], line["w1_floor"]) == (7.0, 4.0, 5.0)
    assert line[["dual_raw", "dual_ratio"]].isna().all()


def test_two_numbers_of_one_name_give_one_line(report: Path, write_cell: WriteCell) -> None:
    write_cell(report, "s", {"w1": 1.0}, analyzer="one")
    write_cell(report, "s", {"w1": 1.0}, analyzer="two")
    assert open_report(report).summary["w1"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("metrics", "snapshots", "expected"),
    [
        (["w1"], [], [("clip/G_2000", "w1"), ("gp/G_1000", "w1"), ("gp/G_900", "w1")]),
        (["w1*"], ["gp/*"], [("gp/G_1000", "w1"), ("gp/G_1000", "w1_floor"), ("gp/G_900", "w1")]),
        (["own", "dual_*"], [], [("gp/G_1000", "dual_raw"), ("gp/G_1000", "own")]),
        (["*"], ["gp/G_90?"], [("gp/G_900", "w1")]),
    ],
)
def test_rows_are_chosen_by_wildcards(
    metrics: list[str], snapshots: list[str], expected: list[tuple[str, str]], filled: Path
) -> None:
    chosen = select(open_report(filled), metrics, snapshots)
    assert sorted(zip(chosen["snapshot"], chosen["metric"], strict=True)) == expected
    assert list(chosen.index) == list(range(len(expected)))


def test_the_summary_is_cut_to_snapshots(filled: Path) -> None:
    assert select(open_report(filled), [], ["clip/*"])["snapshot"].tolist() == ["clip/G_2000"]
    assert len(select(open_report(filled))) == 3


def test_a_label_is_found_by_its_own_name_whatever_it_holds(report: Path, write_cell: WriteCell) -> None:
    for label in ("run[1]/G*.pt", "run1/G.pt"):
        write_cell(report, label, {"w1": 1.0})
    assert select(open_report(report), [], ["run[1]/G*.pt"])["snapshot"].tolist() == ["run1/G.pt", "run[1]/G*.pt"]
    assert select(open_report(report), [], ["run[[]1]*"])["snapshot"].tolist() == ["run[1]/G*.pt"]


@pytest.mark.parametrize(
    ("metrics", "snapshots", "message"),
    [
        (["w3", "x*"], [], r"--metric w3,x\*: nothing in the report matches; there are: dual_raw, own, w1, w1_floor$"),
        ([], ["nope"], "--snapshot nope: nothing in the report matches; there are: clip/G_2000, gp/G_1000, gp/G_900$"),
        (["own"], ["clip/*"], r"--snapshot clip/\*: .* there are: gp/G_1000$"),
    ],
)
def test_what_matches_nothing_is_answered_with_what_there_is(
    metrics: list[str], snapshots: list[str], message: str, filled: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        select(open_report(filled), metrics, snapshots)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (math.nan, "-"),
        (0.0, "0.000"),
        (6.5432, "6.543"),
        (-6.5432, "-6.543"),
        (65.432, "65.43"),
        (654.32, "654.3"),
        (6543.2, "6543"),
        (99999, "99999"),
        (123456, "1.23e+05"),
        (0.001, "0.001"),
        (0.0005, "5.00e-04"),
        (math.inf, "inf"),
    ],
)
def test_a_number_has_three_to_five_digits(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(-1e300, 1e300))
def test_a_number_is_read_back_within_its_digits(value: float) -> None:
    read = float(number(value))
    assert read == pytest.approx(value, rel=5.01e-3, abs=5.01e-4 if 1e-3 <= abs(value) < 0.1 else 0)
    assert len(number(value)) <= 10


def test_an_interval_has_both_ends_or_is_nothing() -> None:
    assert spread(6.4, 6.6) == "[6.400, 6.600]"
    assert spread(None, 1.0) == spread(1.0, None) == spread(math.nan, 1.0) == spread(1.0, math.nan) == ""


def test_the_notebook_view_shows_numbers_findings_and_no_foreign_markup(report: Path, write_cell: WriteCell) -> None:
    finding = {"level": "warning", "message": "a <script>", "evidence": ["w1", "w1_floor"]}
    write_cell(report, "<b>s", {"w1": {"value": 6.54321, "n": 2000}}, findings=[finding], step=1000)
    write_cell(report, "t", {"dual_raw": 1.0}, step=None)
    text = to_html(open_report(report))
    assert "<script>" not in text
    assert "<b>s" not in text
    assert "a &lt;script&gt; <i>(w1, w1_floor)</i>" in text
    for shown in ("<td>6.543</td>", "<td>1000</td>", "<td>2000</td>", "<td>-</td>"):
        assert shown in text
    assert open_report(report)._repr_html_() == text
