"""A monitor leaves a training as it is, bit for bit, and survives whatever goes wrong in it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import wganalyze
from wganalyze.errors import DataError, UsageError
from wganalyze.monitoring.monitor import Monitor

Training = Callable[..., dict[str, Tensor]]
WriteAnalyzers = Callable[..., None]
DATA = torch.randn(600, 2, generator=torch.Generator().manual_seed(1))
FACTORIES = """\
from torch import nn
from torch.nn.utils import parametrizations


def Generator():
    return nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))


def Critic():
    return nn.Sequential(parametrizations.spectral_norm(nn.Linear(2, 16)), nn.ReLU(), nn.Linear(16, 1))
"""


def nothing(step: int, generator: nn.Module, critic: nn.Module) -> None:
    """In the place of a monitor."""


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [key for key in a if not torch.equal(a[key], b[key])] == []


# The training


def test_training_is_the_same_to_the_bit(training: Training, tmp_path: Path) -> None:
    """With every analyzer, on data that are given, at every fourth step; and that is no matter of course."""
    alone = training(nothing)
    monitor = Monitor(tmp_path / "out", data=DATA, every=4, budget="60s", n=40, replicates=2)
    assert_same(training(monitor), alone)
    assert list(monitor.report.summary["step"]) == [0, 4, 8]
    assert set(monitor.report.measurements.query("status == 'ok'")["analyzer"]) >= {
        "exact-w",
        "lipschitz",
        "critic-gap",
    }

    def careless(step: int, generator: nn.Module, critic: nn.Module) -> None:
        generator(torch.randn(2, 3))

    assert any(not torch.equal(value, alone[key]) for key, value in training(careless).items())


def test_without_a_budget_and_where_nothing_can_be_differentiated(training: Training, tmp_path: Path) -> None:
    """Everything at its size; in inference mode, where Lightning calls at validation."""
    noisy = torch.utils.data.TensorDataset(DATA)
    monitor = Monitor(tmp_path / "out", data=noisy, every=3, budget=None, n=40, replicates=2, only=["snapshot"])
    assert_same(training(monitor), training(nothing))
    with torch.inference_mode():
        assert monitor(100, nn.Linear(3, 2), nn.Linear(2, 1)) is not None


# Steps


@given(st.integers(1, 7), st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_a_step_is_due_once_for_each_multiple(every: int, gaps: list[int]) -> None:
    """Also where steps are counted by threes: Lightning's are, with two critic steps for each of the generator's."""
    monitor = object.__new__(Monitor)
    monitor.every, monitor._last = every, None
    step, due = 0, 0
    for gap in [0, *gaps]:
        step += gap
        due += monitor.due(step)
        monitor._last = step
    assert 1 <= due <= step // every + 1
    if max(gaps) <= every:
        assert due == step // every + 1


def test_calls_between_do_nothing(tmp_path: Path) -> None:
    monitor = Monitor(tmp_path / "out", data=DATA, every=10, budget=None, n=20, replicates=2, only=["snapshot"])
    for step in (1, 5, 9):
        assert monitor(step, nn.Linear(3, 2), nn.Linear(2, 1)) is None
    assert not (tmp_path / "out").exists()
    assert monitor(12, nn.Linear(3, 2), nn.Linear(2, 1)) is not None


# What is written


def test_run_reads_the_checkpoints(training: Training, tmp_path: Path) -> None:
    """And finds what the monitor found."""
    quick: dict[str, Any] = {"n": 40, "replicates": 2, "only": ["exact-w", "critic-gap"]}
    monitor = Monitor(tmp_path / "out", data=DATA, every=5, budget=None, gradient_penalty=10, **quick)
    training(monitor)
    files = sorted(path.name for path in monitor.checkpoints.iterdir())
    steps = ["000000", "000005", "000010"]
    assert files == [
        *(f"{role}_step_{step}.pt" for role in ("critic", "generator") for step in steps),
        "wganalyze.toml",
    ]
    factories = tmp_path / "factories.py"
    factories.write_text(FACTORIES)
    nets = {"generator": f"{factories}:Generator", "critic": f"{factories}:Critic"}
    again = wganalyze.run(monitor.checkpoints, data=DATA, **quick, **nets)  # type: ignore[arg-type]
    assert again.exit_code == 0
    columns = ["snapshot", "step", "analyzer", "metric", "n"]
    ours, theirs = (
        report.measurements.query("metric != 'w1_pvalue_holm'").sort_values(columns, ignore_index=True)
        for report in (monitor.report, again)
    )
    # A run over three snapshots asks for more permutations.
    ours, theirs = (rows[~rows["metric"].str.contains("pvalue")].reset_index(drop=True) for rows in (ours, theirs))
    pd.testing.assert_frame_equal(ours[[*columns, "value"]], theirs[[*columns, "value"]])
    assert monitor.report.run["snapshots"][0]["files"] == [
        str(monitor.checkpoints / f"{role}_step_000000.pt") for role in ("generator", "critic")
    ]


def test_a_training_that_goes_on_goes_on_in_the_report(training: Training, tmp_path: Path) -> None:
    said: dict[str, Any] = {"data": DATA, "every": 6, "budget": "60s", "only": ["snapshot"]}
    first = Monitor(tmp_path / "out", **said)
    training(first)
    second = Monitor(tmp_path / "out", **said)
    second(12, nn.Linear(3, 2), nn.Linear(2, 1))
    assert list(second.report.summary["step"]) == [0, 6, 12]
    assert second.pace == first.pace
    assert second.report.measurements["n"].nunique() == 1


def test_files_are_brought_up_to_date_at_the_end(training: Training, tmp_path: Path) -> None:
    monitor = Monitor(tmp_path / "out", data=DATA, budget=None, n=20, replicates=2, only=["snapshot"])
    training(monitor, 5)
    monitor.close()
    rows = pd.read_parquet(tmp_path / "out" / "report" / "measurements")
    assert sorted(set(rows["step"])) == [0, 1, 2, 3, 4]


def test_nothing_is_saved_where_that_is_said(tmp_path: Path) -> None:
    monitor = Monitor(tmp_path / "out", data=DATA, save=False, budget=None, n=20, replicates=2, only=["snapshot"])
    assert monitor(0, nn.Linear(3, 2), nn.Linear(2, 1)) is not None
    assert not monitor.checkpoints.exists()


# What goes wrong


def test_an_error_is_a_line_and_a_failed_cell(
    training: Training, tmp_path: Path, write_analyzers: WriteAnalyzers, caplog: pytest.LogCaptureFixture
) -> None:
    write_analyzers(fragile="assert study.snapshot.step != 4, 'it broke'")
    monitor = Monitor(tmp_path / "out", data=DATA, every=4, budget=None, n=20, replicates=2, only=["fragile"])
    assert_same(training(monitor), training(nothing))
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines == ["wganalyze: step 4: fragile failed: AssertionError: it broke; training goes on"]
    rows = monitor.report.measurements.set_index("step")
    assert dict(rows["status"]) == {0: "ok", 4: "failed", 8: "ok"}


def test_what_fails_before_there_are_cells_fails_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = Monitor(tmp_path / "out", data=DATA, budget=None, n=20, replicates=2, only=["snapshot", "exact-w"])
    monkeypatch.setattr("wganalyze.monitoring.session.find_basis", lambda *_: 1 // 0)
    assert monitor(3, nn.Linear(3, 2), nn.Linear(2, 1)) is None
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.startswith("wganalyze: step 3: it could not be analysed (ZeroDivisionError")
    assert line.endswith("; training goes on")
    rows = monitor.report.measurements
    assert {*zip(rows["analyzer"], rows["status"], rows["step"], strict=True)} == {
        ("snapshot", "failed", 3),
        ("exact-w", "failed", 3),
    }
    monkeypatch.undo()
    assert monitor(4, nn.Linear(3, 2), nn.Linear(2, 1)) is not None


@pytest.mark.parametrize("place", ["report", "checkpoints"])
def test_a_folder_that_cannot_be_written(tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / place).write_text("a file in the way")
    monitor = Monitor(tmp_path / "out", data=DATA, budget=None, n=20, replicates=2, only=["snapshot"])
    report = monitor(0, nn.Linear(3, 2), nn.Linear(2, 1))
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines
    assert all(line.endswith("; training goes on") and "\n" not in line for line in lines)
    assert (report is None) == (place == "report")
    monitor.close()


def test_networks_that_are_none_are_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    monitor = Monitor(tmp_path / "out", data=DATA)
    assert monitor(0, "train:Generator", None) is None
    assert monitor(1) is None
    lines = [record.getMessage() for record in caplog.records]
    assert "generator: a str is no torch.nn.Module" in lines[0]
    assert "no network: pass generator=MODULE" in lines[1]


def test_what_is_asked_wrongly_is_said_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'evry'"):
        Monitor(tmp_path, evry=3)
    for every in (0, 1.5, True):
        with pytest.raises(UsageError, match=r"every=.*: write a whole number from 1 on"):
            Monitor(tmp_path, every=every)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"budget='soon': write a time, as 20s"):
        Monitor(tmp_path, budget="soon")
    with pytest.raises(DataError, match="--data nothing: no data source is called"):
        Monitor(tmp_path, data="nothing")
    with pytest.raises(DataError, match="--data object: a object is no data"):
        Monitor(tmp_path, data=object())
    with pytest.raises(UsageError, match="no report"):
        _ = Monitor(tmp_path).report


# Time


def test_what_has_no_time_is_left_out_and_said(
    tmp_path: Path, write_analyzers: WriteAnalyzers, caplog: pytest.LogCaptureFixture
) -> None:
    write_analyzers(quick="pass", slow="time.sleep(3)")
    monitor = Monitor(tmp_path / "out", budget="2s", only=["quick", "slow"])
    assert monitor(0, nn.Linear(3, 2)) is not None
    assert monitor.pace is not None
    assert [*monitor.pace.left_out] == ["slow"]
    assert set(monitor.report.measurements["analyzer"]) == {"quick"}
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert line == "wganalyze: in 2 s a call there is no time for slow (about 3 s); see budget="


def test_what_became_slow_waits_and_is_tried_again(tmp_path: Path, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(quick="pass", moody="time.sleep(4 * (study.snapshot.step == 1))")
    monitor = Monitor(tmp_path / "out", budget="3s", only=["quick", "moody"])
    for step in range(4):
        monitor(step, nn.Linear(3, 2))
    rows = monitor.report.measurements.set_index("analyzer")
    moody = rows.loc["moody"].sort_values("step")
    assert list(moody["status"]) == ["ok", "ok", "skipped", "ok"]
    assert moody["message"].iloc[2] == "no time was left of the 3 s of this call"
    assert set(rows.loc["quick"]["status"]) == {"ok"}


def test_more_time_gives_more_samples(tmp_path: Path) -> None:
    paces = []
    data = torch.randn(40_000, 2)
    for budget in ("0.5s", "10s"):
        monitor = Monitor(tmp_path / budget, data=data, budget=budget, only=["exact-w"])
        monitor(0, nn.Linear(3, 2), nn.Linear(2, 1))
        paces.append(monitor.pace)
    less, more = paces
    assert less is not None
    assert more is not None
    assert less.n < more.n
    rows = monitor.report.measurements
    assert {*rows["n_split"]} == {more.n}


def test_many_steps_can_be_told_apart_from_the_data(tmp_path: Path) -> None:
    """After Holm's correction for all of them, which a test with few permutations could never pass."""
    monitor = Monitor(tmp_path / "out", data=DATA, budget=None, n=30, replicates=2, only=["exact-w"])
    far = nn.Linear(3, 2)
    nn.init.constant_(far.bias, 9.0)
    for step in range(20):
        monitor(step, far)
    rows = monitor.report.measurements.query("metric == 'w1_pvalue_holm'")
    assert len(rows) == 20
    assert rows["value"].max() <= 0.05
