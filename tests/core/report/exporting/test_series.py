"""A report as series: one for each trajectory, metric and space, each step once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.errors import UsageError
from wganalyze.report.exporting.series import Exported, Point, by_step, exported, safe
from wganalyze.report.reading import open_report

WriteCell = Callable[..., str]
NumbersOf = Callable[[str], dict[int, dict[str, float]]]


def test_every_number_at_a_step_is_in_one_series(series: Exported, numbers_of: NumbersOf) -> None:
    assert {run: by_step(own) for run, own in series.by_run().items()} == {run: numbers_of(run) for run in "ab"}
    assert len({(each.run, each.name) for each in series.series}) == len(series.series) == 6
    first = next(each for each in series.series if (each.run, each.name) == ("a", "values/m"))
    assert first.points == (Point(1, 0.1, 0.05, 0.2), Point(20, 1 / 3, 1 / 6, 2 / 3))
    assert (first.unit, first.direction, first.has_interval) == ("px", "lower", True)


def test_what_has_no_step_is_named(series: Exported) -> None:
    assert series.left_out == ["lonely"]


def test_facts_are_short_texts(series: Exported) -> None:
    assert series.facts == {"run_id": "r", "command": "run ckpt", "data.source": "ring8", "data.n": "50"}


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["m"], {"values/m", "values/m/pca:2"}),
        (["values/*"], {"values/m", "values/m/pca:2", "values/bare"}),
        (["b*", "values/m"], {"values/bare", "values/m"}),
    ],
)
def test_metrics_are_chosen_by_pattern(patterns: list[str], names: set[str], two_runs: Path) -> None:
    assert {each.name for each in exported(open_report(two_runs), patterns).series} == names


def test_nothing_to_export_is_a_usage_error(two_runs: Path, report: Path) -> None:
    with pytest.raises(UsageError, match=r"no number of w1 at a training step; wganalyze show .* lists them"):
        exported(open_report(two_runs), ["w1"])


def test_snapshots_beside_each_other_are_one_run_called_after_the_report(report: Path, write_cell: WriteCell) -> None:
    for step in (30, 4):
        write_cell(report, f"step_{step}", {"m": float(step)}, step=step)
    (only,) = exported(open_report(report)).series
    assert only.run == "ckpt-report"
    assert [point.step for point in only.points] == [4, 30]


def test_several_numbers_of_one_metric_are_told_apart_by_what_differs(report: Path, write_cell: WriteCell) -> None:
    numbers = {
        "small": {"metric": "m", "value": 1.0, "n": 16, "mode": "eval", "method": "of 16"},
        "large": {"metric": "m", "value": 2.0, "n": 64, "mode": "eval", "method": "of 64"},
        "train": {"metric": "o", "value": 3.0, "n": 64, "mode": "train"},
        "eval": {"metric": "o", "value": 4.0, "n": 64, "mode": "eval"},
    }
    for step in (1, 2):
        write_cell(report, f"s{step}", numbers, step=step)
    names = {each.name: len(each.points) for each in exported(open_report(report)).series}
    assert names == {"a/m/n-16": 2, "a/m/n-64": 2, "a/o/mode-train": 2, "a/o/mode-eval": 2}


def test_names_that_every_tracker_takes() -> None:
    assert safe("exact-w/w1_lower/train.py:Net 2 = é") == "exact-w/w1_lower/train.py_Net_2____"
