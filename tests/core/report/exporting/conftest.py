"""Shared by the tests of exporting: a report of two trajectories, and its series."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.report.exporting.series import Exported, exported
from wganalyze.report.reading import open_report
from wganalyze.report.store import CellStore

WriteCell = Callable[..., str]
VALUES = {"a": {1: 0.1, 20: 1 / 3}, "b": {5: 2.5e-7}}
"""``values/m`` of the report, by run and step; its interval is half of it and twice of it."""


@pytest.fixture
def two_runs(report: Path, write_cell: WriteCell) -> Path:
    """Two trajectories: intervals, another space, a number that was skipped; and a snapshot without a step."""
    for run, steps in VALUES.items():
        for step, value in steps.items():
            interval = {"value": value, "ci_low": value / 2, "ci_high": value * 2}
            elsewhere = {"metric": "m", "value": 3.0, "embedding": "pca:2"}
            numbers = {"m": interval, "bare": 7.0, "gone": {"status": "skipped"}, "other": elsewhere}
            common = {"step": step, "direction": "lower", "unit": "px", "embedding": "pixels"}
            write_cell(report, f"{run}/step_{step}", numbers, analyzer="values", **common)
    write_cell(report, "lonely", {"m": 1.0}, analyzer="values", step=None, embedding="pixels")
    run = {"run_id": "r", "command": ["run", "ckpt"], "data": {"source": "ring8", "n": 50}, "snapshots": []}
    CellStore(report).layout.run.write_text(json.dumps(run))
    return report


@pytest.fixture
def series(two_runs: Path) -> Exported:
    """What the exporters are given."""
    return exported(open_report(two_runs))


@pytest.fixture
def numbers_of() -> Callable[[str], dict[int, dict[str, float]]]:
    """The numbers of a run by step and name."""

    def numbers(run: str) -> dict[int, dict[str, float]]:
        return {
            step: {
                "values/m": value,
                "values/m/ci_low": value / 2,
                "values/m/ci_high": value * 2,
                "values/bare": 7.0,
                "values/m/pca:2": 3.0,
            }
            for step, value in VALUES[run].items()
        }

    return numbers
