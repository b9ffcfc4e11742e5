"""The summary: one line per snapshot, in the order of the steps, with the headlines of what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from wganalyze.contracts.measurement import Headline, Metric
from wganalyze.errors import UsageError
from wganalyze.report.headlines import MOST, Headlined, by_column, headlined
from wganalyze.report.reading import open_report

WriteCell = Callable[..., str]
Metrics = tuple[Metric, ...]

# Which metrics the summary shows


def measured(**values: float | None) -> pd.DataFrame:
    """Rows of these metrics; None: it was skipped."""
    return pd.DataFrame(
        [
            {"metric": metric, "status": "skipped" if value is None else "ok", "correction": "none"}
            for metric, value in values.items()
        ]
    )


def declared(**metrics: Headline | None) -> dict[str, list[dict[str, Any]]]:
    """An analyzer for each metric, as run.json has them."""
    return {f"analyzer of {name}": [asdict(Metric(name, "help", headline=h))] for name, h in metrics.items()}


def names(headlines: list[Headlined]) -> list[str]:
    """Of the metrics."""
    return [each.metric for each in headlines]


def test_headlines_stand_by_their_rank() -> None:
    metrics = declared(c=Headline("C"), a=Headline("A", rank=3), b=Headline("B", rank=2), plain=None)
    headlines = headlined(measured(a=1.0, b=None, c=1.0, plain=1.0), metrics)
    assert names(headlines) == ["b", "a", "c"]
    assert headlines[1] == Headlined("a", Headline("A", rank=3))


def test_what_was_not_measured_has_no_column() -> None:
    metrics = declared(a=Headline("A"), b=Headline("B"))
    assert names(headlined(measured(b=1.0), metrics)) == ["b"]


def test_a_corrected_metric_is_shown_corrected() -> None:
    metrics = {"a": [asdict(Metric("p", "help", correction="holm", headline=Headline("p")))]}
    assert names(headlined(measured(p=0.1, p_holm=0.2), metrics)) == ["p_holm"]
    assert names(headlined(measured(p_holm=0.2), {})) == ["p_holm"]


def test_where_nothing_has_a_headline_the_metrics_are_shown_by_name() -> None:
    metrics = declared(unmeasured=Headline("U"), b=None, a=None)
    assert headlined(measured(b=1.0, absent=None, a=1.0), metrics) == [
        Headlined("b", Headline("b")),
        Headlined("a", Headline("a")),
    ]
    many = {f"m{i}": 1.0 for i in range(20)}
    assert names(headlined(measured(**many), {})) == [*many][:MOST]
    raw = measured(p=0.1, p_holm=0.2).assign(correction=["holm", "none"])
    assert names(headlined(raw, {})) == ["p_holm"], "a p-value is shown once, corrected"


def test_a_name_that_two_analyzers_give_is_shown_once() -> None:
    metrics = {
        "one": [asdict(Metric("w", "help", headline=Headline("second", rank=9)))],
        "two": [asdict(Metric("w", "help", headline=Headline("first", rank=1)))],
    }
    assert headlined(measured(w=1.0), metrics) == [Headlined("w", Headline("first", rank=1))]


def test_metrics_of_one_title_share_a_column() -> None:
    low, high, w = (Headlined(name, Headline(title)) for name, title in (("lo", "K"), ("hi", "K"), ("w", "W")))
    assert by_column([low, w, high]) == {"K": [low, high], "W": [w]}


# One line for each snapshot


@pytest.fixture
def filled(report: Path, write_cell: WriteCell, wgan_metrics: Metrics) -> Path:
    """Three snapshots in two folders; one of them failed."""
    w1 = {"value": 6.5, "ci_low": 6.4, "ci_high": 6.6, "n": 64, "space": "euclidean", "certificate": "exact"}
    write_cell(report, "gp/G_1000", {"w1": w1, "w1_floor": 2.75}, analyzer="exact-w", step=1000, metrics=wgan_metrics)
    write_cell(report, "gp/G_1000", {"dual_raw": 7.0, "own": 1.0}, analyzer="critic-gap", step=1000)
    write_cell(report, "gp/G_900", {"w1": {**w1, "value": 9.5}}, analyzer="exact-w", step=900)
    failed = {"": {"message": "broken <b>"}}
    write_cell(report, "clip/G_2000", failed, analyzer="exact-w", step=2000, status="failed")
    write_cell(report, "clip/G_2000", {"w1": {"status": "skipped", "message": "none"}}, analyzer="other", step=2000)
    return report


def test_there_is_one_line_per_snapshot_by_folder_and_step(filled: Path) -> None:
    opened = open_report(filled)
    summary = opened.summary
    assert summary["snapshot"].tolist() == ["clip/G_2000", "gp/G_900", "gp/G_1000"]
    assert summary["step"].tolist() == [2000, 900, 1000]
    assert names([*opened.headlines]) == ["w1", "w1_floor", "dual_raw"]
    numbers = ["w1", "w1_floor", "dual_raw", "w1_ci_low", "w1_ci_high"]
    assert list(summary.columns) == ["snapshot", "step", "step_unit", *numbers, "n", "space"]
    line: Any = summary.set_index("snapshot").loc["gp/G_1000"]
    assert (line["w1"], line["w1_ci_low"], line["w1_ci_high"], line["w1_floor"], line["dual_raw"]) == (
        6.5,
        6.4,
        6.6,
        2.75,
        7.0,
    )
    assert (line["n"], line["space"]) == (64, "euclidean")
    # Neither a failed nor a skipped row is a number.
    assert summary.iloc[0][numbers].isna().all()


def test_a_run_without_headlines_shows_its_numbers(report: Path, write_cell: WriteCell) -> None:
    for label in ("a", "b"):
        write_cell(report, label, {"mean": 1.0, "spread": 2.0, "absent": {"status": "skipped"}}, analyzer="stranger")
    summary = open_report(report).summary
    assert list(summary.columns) == ["snapshot", "step", "step_unit", "mean", "spread", "n", "space"]
    assert summary[["mean", "spread"]].to_numpy().tolist() == [[1.0, 2.0]] * 2


def test_snapshots_without_steps_are_listed_too(report: Path, write_cell: WriteCell) -> None:
    for label in ("b", "a"):
        write_cell(report, label, {"w1": 1.0}, step=None)
    write_cell(report, "c_10", {"w1": 1.0}, step=10)
    write_cell(report, "c_9", {"w1": 1.0}, step=9)
    assert open_report(report).summary["snapshot"].tolist() == ["c_9", "c_10", "a", "b"]


def setting(n: int = 100, n_split: int | None = 100, data: str = "d", seed: int = 0) -> dict[str, Any]:
    """What a cell was measured with."""
    return {"seed": seed, "data_id": data, "n": n, "n_split": n_split}


def test_a_line_is_about_one_setting(report: Path, write_cell: WriteCell, wgan_metrics: Metrics) -> None:
    """A report keeps what earlier runs measured at another n or on other data; they are not put side by side."""
    first = {"w1": {"value": 7.0, **setting()}, "w1_pvalue": {"value": 0.5, **setting(), "correction": "holm"}}
    write_cell(report, "s", first, analyzer="w", metrics=wgan_metrics)
    write_cell(report, "s", {"dual_raw": {"value": 2.0, **setting(60, 60)}}, analyzer="other n")
    write_cell(report, "s", {"dual_ratio": {"value": 3.0, **setting(data="e")}}, analyzer="other data")
    write_cell(report, "s", {"dual_zero": {"value": 3.0, **setting(seed=1)}}, analyzer="other seed")
    bracket = {"lipschitz_lower": {"value": 4.0, **setting(), "n": None}, "w1_floor": {"value": 5.0, **setting()}}
    write_cell(report, "s", bracket, analyzer="same")
    line = open_report(report).summary.iloc[0]
    assert (line["w1"], line["w1_pvalue_holm"], line["lipschitz_lower"], line["w1_floor"]) == (7.0, 0.5, 4.0, 5.0)
    assert line[["dual_raw", "dual_ratio", "dual_zero"]].isna().all()


def test_a_number_of_a_size_of_its_own_is_shown_beside_any(
    report: Path, write_cell: WriteCell, wgan_metrics: Metrics
) -> None:
    """A test that takes fewer than its run, a bracket of the critic alone."""
    write_cell(report, "s", {"w1": {"value": 7.0, **setting()}}, analyzer="w", metrics=wgan_metrics)
    write_cell(report, "s", {"dual_raw": {"value": 2.0, **setting(50, 60)}}, analyzer="few of another run")
    write_cell(report, "s", {"lipschitz_upper": {"value": 3.0, **setting(50, None)}}, analyzer="without data")
    line = open_report(report).summary.iloc[0]
    assert (line["dual_raw"], line["lipschitz_upper"]) == (2.0, 3.0)


def test_findings_of_another_setting_are_not_told(report: Path, write_cell: WriteCell, wgan_metrics: Metrics) -> None:
    told, untold = ({"message": text} for text in ("of this setting", "of another"))
    write_cell(report, "s", {"w1": {"value": 7.0, **setting()}}, analyzer="w", metrics=wgan_metrics, findings=[told])
    write_cell(report, "s", {"dual_raw": {"value": 2.0, **setting(60, 60)}}, analyzer="other", findings=[untold])
    opened = open_report(report)
    assert [line.message for line in opened.told] == ["of this setting"]
    assert len(opened.findings) == 2


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
    chosen = open_report(filled).select(metrics, snapshots)
    assert sorted(zip(chosen["snapshot"], chosen["metric"], strict=True)) == expected
    assert list(chosen.index) == list(range(len(expected)))


def test_the_summary_is_cut_to_snapshots(filled: Path) -> None:
    assert open_report(filled).select([], ["clip/*"])["snapshot"].tolist() == ["clip/G_2000"]
    assert len(open_report(filled).select()) == 3


def test_a_label_is_found_by_its_own_name_whatever_it_holds(report: Path, write_cell: WriteCell) -> None:
    for label in ("run[1]/G*.pt", "run1/G.pt"):
        write_cell(report, label, {"w1": 1.0})
    assert open_report(report).select([], ["run[1]/G*.pt"])["snapshot"].tolist() == ["run1/G.pt", "run[1]/G*.pt"]
    assert open_report(report).select([], ["run[[]1]*"])["snapshot"].tolist() == ["run[1]/G*.pt"]


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
        open_report(filled).select(metrics, snapshots)
