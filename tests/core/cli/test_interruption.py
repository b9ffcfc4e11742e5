"""Ctrl-C and SIGKILL in the middle of a run, in a process of its own: what was done is kept; the next run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from wganalyze import open_report

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter on Windows")

WritePlugin = Callable[..., Path]

SOURCE = '''
import time
from pathlib import Path

from wganalyze import Analyzer, Finding, Measurement, Metric, hookimpl


class Patient(Analyzer):
    """Waits at step 10 while a file tells it to."""

    name = "patient"
    metrics = (Metric("value", "A value."),)

    def measure(self, study):
        yield Measurement("value", float(study.snapshot.step))
        yield Finding("info", "code", "a finding", ("value",))
        while study.snapshot.step == 10 and Path("WAIT").exists():
            Path("WAITING").touch()
            time.sleep(0.02)


@hookimpl
def wganalyze_analyzers():
    return [Patient]
'''


class Process:
    """A run that waits in the middle: at the analyzer "patient", the second of step 10."""

    def __init__(self, trainer: Any, write_plugin: WritePlugin, folder: Path) -> None:
        self.trainer = trainer
        self.wait, self.waiting = folder / "wait", folder / "waiting"
        source = SOURCE.replace("WAITING", str(self.waiting)).replace("WAIT", str(self.wait))
        self.site = write_plugin("patient_plugin", source).parent
        self.wait.touch()

    def arguments(self, *more: str) -> list[str]:
        """The command line."""
        code = "from wganalyze.cli import main; main()"
        return [sys.executable, "-c", code, *self.trainer.run("--only", "patient", *more)]

    def stop(self, number: signal.Signals, *more: str) -> tuple[int, str]:
        """Start, wait until it waits, send a signal; its exit code and what it wrote to stderr."""
        self.waiting.unlink(missing_ok=True)
        process = subprocess.Popen(
            self.arguments(*more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment
        )
        while not self.waiting.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
        return process.returncode, err

    def finish(self, *more: str) -> subprocess.CompletedProcess[str]:
        """The same command, without waiting."""
        self.wait.unlink()
        return subprocess.run(
            self.arguments(*more), capture_output=True, text=True, env=self.environment, timeout=120, check=False
        )

    @property
    def environment(self) -> dict[str, str]:
        """With the plugin on the path."""
        return {**os.environ, "PYTHONPATH": str(self.site)}


@pytest.fixture
def process(trainer: Any, write_plugin: WritePlugin, tmp_path: Path) -> Process:
    """The run, not yet started."""
    return Process(trainer, write_plugin, tmp_path)


def done(report: Path) -> list[tuple[str, str]]:
    """The cells of a report that have numbers."""
    rows = open_report(report).measurements
    return sorted(set(zip(rows["snapshot"], rows["analyzer"], strict=True)))


BEFORE = [("step_10", "snapshot"), ("step_2", "patient"), ("step_2", "snapshot")]


def test_ctrl_c(process: Process) -> None:
    code, err = process.stop(signal.SIGINT)
    assert code == 130
    lines = [line for line in err.splitlines() if line]
    assert lines[-1] == "Interrupted: what was done is kept; the same command goes on from there."
    assert "Traceback" not in err
    report = process.trainer.report
    rows = pd.read_parquet(report / "measurements")  # the views are up to date, by plain pandas
    assert sorted(set(zip(rows["snapshot"], rows["analyzer"], strict=True))) == BEFORE
    assert json.loads((report / "_run.json").read_text())["status"] == "interrupted"
    assert done(report) == BEFORE
    result = process.finish()
    assert result.returncode == 0
    assert f"3 of 4 cells were reused from {report}" in result.stderr.splitlines()
    assert done(report) == sorted([*BEFORE, ("step_10", "patient")])


def test_a_kill_loses_at_most_the_cell_at_work(process: Process) -> None:
    code, _ = process.stop(signal.SIGKILL)
    assert code == -signal.SIGKILL
    report = process.trainer.report
    assert done(report) == BEFORE
    result = process.finish()
    assert result.returncode == 0
    assert f"3 of 4 cells were reused from {report}" in result.stderr.splitlines()
    assert done(report) == sorted([*BEFORE, ("step_10", "patient")])
    opened = open_report(report)
    numbers = opened.measurements[opened.measurements["analyzer"] == "patient"]
    findings = opened.findings[opened.findings["analyzer"] == "patient"]
    assert sorted(numbers["cell"]) == sorted(findings["cell"])
    assert list(report.rglob(".*")) == []


def test_a_stop_keeps_earlier_results_in_view(process: Process) -> None:
    process.wait.unlink()
    assert (
        subprocess.run(process.arguments(), env=process.environment, capture_output=True, check=False).returncode == 0
    )
    process.wait.touch()
    code, _ = process.stop(signal.SIGINT, "--seed", "5")
    assert code == 130
    rows = open_report(process.trainer.report).measurements
    seeds = {(row.snapshot, row.analyzer): row.seed for row in rows.itertuples()}
    assert seeds == {**dict.fromkeys(BEFORE, 5), ("step_10", "patient"): 1}
