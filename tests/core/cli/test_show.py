"""``wganalyze show``: a report as a table, CSV or JSON, cut to metrics and snapshots."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from wganalyze import open_report

Command = Callable[..., Any]


@pytest.fixture
def report(command: Command, trainer: Any) -> Any:
    """The report of a run over both snapshots."""
    assert command(*trainer.run()).code == 0
    return trainer.report


def test_the_table_has_a_line_for_each_snapshot_and_the_findings(command: Command, report: Any) -> None:
    answer = command("show", report)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert [line.split("│")[1].strip() for line in lines if line.startswith("│")] == ["step_2", "step_10"]
    for column in ("real_min", "fake_max"):
        assert column in answer.out
    assert not any("│ - │" in " ".join(line.split()) for line in lines), "a column without a number"
    assert "latent law: standard normal" in answer.out


def test_run_ends_with_the_same_view(command: Command, trainer: Any) -> None:
    run = command(*trainer.run())
    assert run.out == command("show", trainer.report).out


def test_csv_and_json_are_the_summary(command: Command, report: Any) -> None:
    frame = pd.read_csv(io.StringIO(command("show", report, "--format", "csv").out))
    assert list(frame["snapshot"]) == ["step_2", "step_10"]
    assert {"step", "real_min", "fake_max", "n", "space"} <= set(frame.columns)
    records = json.loads(command("show", report, "--format", "json").out)
    assert [record["snapshot"] for record in records] == ["step_2", "step_10"]
    assert set(records[0]) == set(frame.columns)


@pytest.mark.parametrize(
    ("patterns", "metrics"),
    [
        (["real_min"], {"real_min"}),
        (["*_max"], {"real_max", "fake_max"}),
        (["real_min", "fake_min"], {"real_min", "fake_min"}),
    ],
)
def test_metrics_by_name_and_wildcard(command: Command, report: Any, patterns: list[str], metrics: set[str]) -> None:
    options = [text for pattern in patterns for text in ("--metric", pattern)]
    frame = pd.read_csv(io.StringIO(command("show", report, *options, "--format", "csv").out))
    assert set(frame["metric"]) == metrics
    rows = open_report(report).measurements
    expected = rows[rows["metric"].isin(metrics)]["value"]
    assert sorted(frame["value"]) == pytest.approx(sorted(expected))
    table = command("show", report, *options).out
    assert all(metric in table for metric in metrics)


def test_snapshots_by_name_and_wildcard(command: Command, report: Any) -> None:
    assert [r["snapshot"] for r in as_json(command("show", report, "--snapshot", "*_2", "--format", "json"))] == [
        "step_2"
    ]
    both = as_json(
        command("show", report, "--metric", "fake_min", "--snapshot", "step_10", "--format", "json")
    )  # fmt: skip
    assert [(record["snapshot"], record["metric"]) for record in both] == [("step_10", "fake_min")]
    lines = command("show", report, "--snapshot", "step_10").out.splitlines()
    assert [line.split("│")[1].strip() for line in lines if line.startswith("│")] == ["step_10"]
    assert not any(line.startswith(("step_2", "info    step_2")) for line in lines)


def as_json(answer: Any) -> Any:
    """What an answer holds."""
    return json.loads(answer.out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metric", "w9"], "--metric w9: nothing in the report matches; there are: "),
        (["--snapshot", "step_3"], "--snapshot step_3: nothing in the report matches; there are: step_10, step_2"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(
    command: Command, report: Any, options: list[str], message: str
) -> None:
    answer = command("show", report, *options)
    assert (answer.code, answer.out) == (2, "")
    assert answer.error.startswith(message)


def test_a_folder_that_is_no_report(command: Command, tmp_path: Any) -> None:
    answer = command("show", tmp_path)
    assert answer.code == 2
    assert (
        answer.error == f"{tmp_path}: no report (it has no _plan.json); wganalyze run PATH --out {tmp_path} makes one"
    )


def test_the_skipped_and_the_failed_are_shown_with_their_reason(
    command: Command, trainer: Any, write_plugin: Callable[..., Any]
) -> None:
    write_plugin("troubled", TROUBLED)
    run = command(*trainer.run("--only", "breaks,declines"))
    assert run.code == 1
    answer = command("show", trainer.report)
    assert answer.code == 0
    assert re.search(r"^failed breaks on step_\d+, step_\d+: RuntimeError: it broke$", answer.out, re.MULTILINE)
    assert re.search(r"^skipped declines on step_\d+, step_\d+: it cannot be said$", answer.out, re.MULTILINE)


TROUBLED = '''
from wganalyze import Analyzer, NotMeasurable, hookimpl


class Breaks(Analyzer):
    """Breaks."""

    name = "breaks"

    def measure(self, study):
        raise RuntimeError("it broke")
        yield


class Declines(Analyzer):
    """Declines."""

    name = "declines"

    def measure(self, study):
        raise NotMeasurable("it cannot be said")
        yield


@hookimpl
def wganalyze_analyzers():
    return [Breaks, Declines]
'''
