"""Conditions put to reports of a stranger's analyzer."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from wganalyze.errors import UsageError
from wganalyze.report.questions.check_shown import show_check
from wganalyze.report.questions.checking import Check, check
from wganalyze.report.reading import Report
from wganalyze.report.store import CellStore, slot

WriteReport = Callable[..., Report]
SNAPSHOTS = {
    "run/s1": {"ugliness": [1.0, 1.1, 0.9], "charm": [9.0, 9.1, 9.2]},
    "run/s2": {"ugliness": [3.0, 3.1, 2.9], "charm": [5.0, 5.1, 5.2], "flat": {"value": 7.0}},
}


def outcomes(answer: Check) -> list[str]:
    return [each.outcome for each in answer.checked]


def test_the_last_snapshot_is_checked_with_its_interval(write_report: WriteReport) -> None:
    report = write_report("r", SNAPSHOTS)
    answer = check(report, ["ugliness < 3.5", "ugliness < 3.01", "ugliness < 2", "flat >= 7", "beauty.charm > 4"])
    assert outcomes(answer) == ["passed", "undecided", "failed", "passed", "passed"]
    assert {each.snapshot for each in answer.checked} == {"run/s2"}
    assert (answer.passed, answer.exit_code) == (False, 1)
    assert list(answer.frame["holds"]) == [True, False, False, True, True]


@pytest.mark.parametrize(("undecided", "code"), [("fail", 1), ("pass", 0)])
def test_undecided_counts_as_it_is_told(write_report: WriteReport, undecided: str, code: int) -> None:
    answer = check(write_report("r", SNAPSHOTS), ["ugliness < 3.01"], undecided=undecided)  # type: ignore[arg-type]
    assert outcomes(answer) == ["undecided"]
    assert answer.exit_code == code
    assert f"--undecided {undecided}" in answer.notes[-1]


def test_at_best_and_at_all(write_report: WriteReport) -> None:
    report = write_report("r", SNAPSHOTS)
    best = check(report, ["ugliness < 2"], at="best")
    assert [(each.snapshot, each.outcome) for each in best.checked] == [("run/s1", "passed")]
    assert "chosen on the samples" in best.notes[0]
    assert outcomes(check(report, ["ugliness < 2"], at="all")) == ["passed", "failed"]
    assert [each.snapshot for each in check(report, ["charm > 0"], at="best", by="charm").checked] == ["run/s1"]


def test_findings_of_the_snapshots_in_question(write_report: WriteReport, write_cell: Callable[..., str]) -> None:
    report = write_report("r", SNAPSHOTS)
    told = [{"level": "warning", "message": "it is ugly"}, {"level": "info", "message": "no"}]
    write_cell(report.path, "run/s2", {}, analyzer="taste", step=2, findings=told)
    write_cell(report.path, "run/s1", {}, analyzer="taste", step=1, findings=[{"level": "fault", "message": "worse"}])
    report = Report(report.path)
    answer = check(report, ["no fault", "no warning"])
    assert [(each.outcome, each.reason) for each in answer.checked] == [("passed", ""), ("failed", "it is ugly")]
    assert outcomes(check(report, ["no fault"], at="all")) == ["failed", "passed"]


def test_a_failed_cell_may_hide_a_fault(write_report: WriteReport, write_cell: Callable[..., str]) -> None:
    report = write_report("r", SNAPSHOTS)
    failed = {"": {"message": "out of memory", "value": None}}
    write_cell(report.path, "run/s2", failed, analyzer="taste", status="failed", step=2)
    answer = check(Report(report.path), ["no fault"])
    assert outcomes(answer) == ["undecided"]
    assert answer.checked[0].reason == "taste failed: what it would find is not known"


@pytest.mark.parametrize("undecided", ["fail", "pass"])
def test_what_was_not_measured_does_not_hold(
    write_report: WriteReport, write_cell: Callable[..., str], undecided: str
) -> None:
    report = write_report("r", SNAPSHOTS)
    failed = {"": {"message": "out of memory", "value": None}}
    write_cell(report.path, "run/s3", failed, analyzer="beauty", status="failed", step=3)
    answer = check(Report(report.path), ["ugliness < 99"], undecided=undecided)  # type: ignore[arg-type]
    assert [(each.outcome, each.reason) for each in answer.checked] == [
        ("not measured", "beauty failed: out of memory")
    ]
    assert answer.exit_code == 1


def test_every_number_of_a_metric_has_to_hold(write_report: WriteReport) -> None:
    report = write_report("r", SNAPSHOTS)
    frame = report.measurements
    small = frame[(frame["metric"] == "ugliness") & (frame["snapshot"] == "run/s2")]
    small = small.assign(n=10, value=9.0, ci_low=math.nan, ci_high=math.nan)
    report.__dict__["measurements"] = pd.concat([small, frame], ignore_index=True)
    answer = check(report, ["ugliness < 5"])
    assert [(each.outcome, each.reason) for each in answer.checked] == [("passed", "n = 50"), ("failed", "n = 10")]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("uglines < 1", "condition uglines: no metric of the report is called so; close to it: ugliness"),
        ("ugliness@pixels < 1", "condition ugliness@pixels: ugliness is about no space; leave @pixels out"),
        ("ugliness", "'ugliness': is no condition"),
    ],
)
def test_what_cannot_be_checked(write_report: WriteReport, condition: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(write_report("r", SNAPSHOTS), [condition])


def test_a_space_is_named_behind_the_metric(report: Path, write_cell: Callable[..., str]) -> None:
    for space, value in (("pixels", 1.0), ("features", 2.0)):
        key = space.ljust(32, "0")
        store = CellStore(report)
        write_cell(report, "s", {"far": {"value": value}}, analyzer="a", key=key, embedding=space)
        store.choose({slot("s", f"a@{space}"): key})
    opened = Report(report)
    for condition in ("far < 1.5", "far@features > 1.5", "a.far@features > 1.5"):
        assert outcomes(check(opened, [condition])) == ["passed"], condition
    assert outcomes(check(opened, ["far > 1.5"], space="features")) == ["passed"]
    with pytest.raises(UsageError, match=r"far was not measured in the space 'x'; it was measured in pixels, features"):
        check(opened, ["far@x > 1"])


def test_the_table_says_all(write_report: WriteReport) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, no_color=True)
    show_check(console, check(write_report("r", SNAPSHOTS), ["ugliness < 3.01", "no fault", "flat > 9"]), "r")
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for part in ("ugliness < 3.01", "undecided", "passed", "failed", "7.000", "1 of 3 hold"):
        assert part in text
