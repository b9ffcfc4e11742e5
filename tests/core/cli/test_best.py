"""``wganalyze best``: the best checkpoint of real networks, in the ways it can be told, and its files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Command = Callable[..., Any]
METRIC = "w2"


@pytest.fixture
def report(command: Command, trainer: Any) -> Any:
    """The report of a run over both snapshots, with three replicates."""
    assert command(*trainer.run("--only", "exact-w", "--replicates", "3")).code == 0
    return trainer.report


def test_the_best_is_named_with_its_files(command: Command, report: Path, trainer: Any, tmp_path: Path) -> None:
    answer = command("best", report, "--by", METRIC, "--copy-to", tmp_path / "best")
    assert (answer.code, answer.err) == (0, "")
    frame = pd.read_csv(io.StringIO(command("best", report, "--by", METRIC, "--format", "csv").out))
    best = frame[frame["overall_best"]].iloc[0]
    assert best["value"] == frame["value"].min()
    assert f"{report}: best by {METRIC} (lower is better)" in answer.out
    names = {path.name for path in (tmp_path / "best").iterdir()}
    assert names == {f"{role}_step_{best['step']}.pt" for role in "GD"}
    for name in names:
        assert (tmp_path / "best" / name).read_bytes() == (trainer.folder / name).read_bytes()


def test_json_is_the_frame(command: Command, report: Path) -> None:
    records = json.loads(command("best", report, "--format", "json").out)
    assert {record["snapshot"] for record in records} == {"step_2", "step_10"}
    assert sum(record["best"] for record in records) == 1


def test_errors_are_one_line(command: Command, report: Path, trainer: Any, tmp_path: Path) -> None:
    assert command("best", report, "--by", "w2_gaap").error.endswith("close to it: w2_gap, w1_gap, exact-w.w2_gap")
    assert "does not say which way is better" in command("best", report, "--by", "w1_floor").error
    assert "nothing was measured in it" in command("best", report, "--space", "nowhere").error
    (trainer.folder / "G_step_2.pt").unlink()
    (trainer.folder / "G_step_10.pt").unlink()
    answer = command("best", report, "--copy-to", tmp_path / "best")
    assert answer.code == 2
    assert "is not there any more" in answer.error
