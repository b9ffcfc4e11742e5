"""What is written for a tracker is read back with the tracker's own library, offline."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wganalyze.report.exporting.series import Exported, safe
from wganalyze.report.exporting.targets import export

pytestmark = pytest.mark.formats
NumbersOf = Callable[[str], dict[int, dict[str, float]]]


def made_safe(numbers: dict[int, dict[str, float]]) -> dict[int, dict[str, float]]:
    """With names of letters, digits and ``_ - . /``."""
    return {step: {safe(name): value for name, value in own.items()} for step, own in numbers.items()}


def test_tensorboard_reads_what_was_written(series: Exported, numbers_of: NumbersOf, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    out = tmp_path / "out"
    (out / "a").mkdir(parents=True)
    mine = out / "a" / "events.out.tfevents.0.trainer"
    mine.write_bytes(b"")
    for _ in range(2):  # the second replaces the first, and nobody else's
        assert export(series, "tensorboard", out) == f"tensorboard --logdir {out}"
    assert mine.exists()
    assert {path.name for path in out.iterdir()} == {"a", "b"}
    for run in "ab":
        events = accumulator.EventAccumulator(str(out / run), size_guidance={"scalars": 0})
        events.Reload()
        found: dict[int, dict[str, float]] = {}
        for tag in events.Tags()["scalars"]:
            for event in events.Scalars(tag):
                assert tag not in found.get(event.step, {})
                found.setdefault(event.step, {})[tag] = event.value
        expected = made_safe(numbers_of(run))
        assert found.keys() == expected.keys()
        for step, own in expected.items():
            assert found[step] == pytest.approx(own, rel=1e-6), "float32, as TensorBoard stores scalars"
        assert "custom_scalars__config__" in events.Tags()["tensors"]


def records(path: Path) -> Iterator[Any]:
    """The records of a .wandb file: a log of LevelDB, in blocks of 32 KiB, of W&B's protobuf messages."""
    from wandb.proto import wandb_internal_pb2

    data, place, whole = path.read_bytes(), 7, b""
    assert data[:4] == b":W&B"
    while place + 7 <= len(data):
        left = 2**15 - place % 2**15
        if left < 7:
            place += left
            continue
        _, size, kind = struct.unpack("<IHB", data[place : place + 7])
        whole += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # full, or last
            yield wandb_internal_pb2.Record.FromString(whole)
            whole = b""


def test_wandb_reads_what_was_written(series: Exported, numbers_of: NumbersOf, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    assert export(series, "wandb", tmp_path) == f"wandb sync {tmp_path}/wandb/offline-run-*"
    files = sorted(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 2
    found = {}
    for path in files:
        run, steps = None, {}
        for record in records(path):
            if record.HasField("run"):
                run = record.run
            elif record.HasField("history"):
                items = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
                steps[record.history.step.num] = {k: json.loads(v) for k, v in items.items() if not k.startswith("_")}
        assert run is not None
        assert run.project == "ckpt-report"
        assert {each.key: json.loads(each.value_json) for each in run.config.update}["data.source"] == "ring8"
        found[run.display_name] = steps
    assert found == {run: numbers_of(run) for run in "ab"}


def test_mlflow_reads_what_was_written(series: Exported, numbers_of: NumbersOf, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    shown = export(series, "mlflow", tmp_path / "out")
    address = shown.removeprefix("mlflow ui --backend-store-uri ")
    client = mlflow.MlflowClient(tracking_uri=address)
    experiment = client.get_experiment_by_name("ckpt-report")
    found = {}
    for run in client.search_runs([experiment.experiment_id]):
        steps: dict[int, dict[str, float]] = {}
        for key in run.data.metrics:
            for metric in client.get_metric_history(run.info.run_id, key):
                steps.setdefault(metric.step, {})[key] = metric.value
        assert run.data.params["data.source"] == "ring8"
        assert run.info.status == "FINISHED"
        found[run.info.run_name] = steps
    assert found == {run: made_safe(numbers_of(run)) for run in "ab"}


READ = """
import json, sys
from trackio.sqlite_storage import SQLiteStorage
runs = SQLiteStorage.get_runs("ckpt-report")
print(json.dumps({run: SQLiteStorage.get_logs("ckpt-report", run) for run in runs}))
"""


def test_trackio_reads_what_was_written(two_runs: Path, numbers_of: NumbersOf, tmp_path: Path) -> None:
    """In processes of their own, since trackio chooses its folder when it is imported."""
    pytest.importorskip("trackio")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "wganalyze", "export", str(two_runs), "--to", "trackio", str(out)]
    for _ in range(2):
        subprocess.run(command, check=True, capture_output=True)
    reader = [sys.executable, "-c", READ]
    environment = {**os.environ, "TRACKIO_DIR": str(out)}
    told = subprocess.run(reader, check=True, capture_output=True, text=True, env=environment).stdout
    found = {
        run: {row["step"]: {k: v for k, v in row.items() if k not in ("step", "timestamp")} for row in rows}
        for run, rows in json.loads(told.splitlines()[-1]).items()
    }
    assert found == {run: numbers_of(run) for run in "ab"}
