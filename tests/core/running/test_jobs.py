"""--jobs: several processes compute the cells; the numbers are the same, and what dies costs its cell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import wganalyze
from wganalyze import UsageError
from wganalyze.contracts.data import FiniteSource

WriteAnalyzers = Callable[..., None]

USUAL = ("snapshot", "exact-w", "kmeans", "critic-gap", "lipschitz", "minibatch")
NUMBERS = ["value", "ci_low", "ci_high", "certificate", "status", "message", "assumptions"]
KILLED = """if study.snapshot.label == 'step_10':
            import os
            os.kill(os.getpid(), 9)"""
KILLED_ONCE = """flag = Path({flag!r})
        if study.snapshot.label == 'step_10' and not flag.exists():
            import os
            flag.touch()
            os.kill(os.getpid(), 9)"""


SLEEP_S = 60
"""Of a cell that is interrupted."""


def numbers(report: wganalyze.Report) -> pd.DataFrame:
    """All measurements, in one order, without what differs between runs of the same."""
    rows = report.measurements.drop(columns=["run_id", "seconds", "cell"])
    rows["values"] = rows["values"].map(lambda values: None if values is None else tuple(values))
    return rows.sort_values(["snapshot", "analyzer", "metric", "method", "n", "space", "mode", "solver"]).reset_index(
        drop=True
    )


def assumed(report: wganalyze.Report) -> dict[str, list[str]]:
    """What is assumed of each snapshot."""
    return {entry["label"]: entry["assumptions"] for entry in report.run["snapshots"]}


@pytest.mark.parametrize("others", [2, 3])
def test_the_numbers_are_the_same_to_the_bit(others: int, trainer: Any, tmp_path: Path) -> None:
    one, many = (trainer.run(*USUAL, out=tmp_path / f"jobs-{jobs}", jobs=jobs) for jobs in (1, others))
    assert one.exit_code == many.exit_code == 0
    pd.testing.assert_frame_equal(numbers(one), numbers(many), check_exact=True)
    columns = ["snapshot", "analyzer", "code", "message", "level"]
    said = [report.findings.sort_values(columns)[columns].reset_index(drop=True) for report in (one, many)]
    pd.testing.assert_frame_equal(*said)
    assert assumed(one) == assumed(many)
    assert Counter(trainer.events.outcomes) == {"ok": 3 * len(USUAL)}


def test_this_process_says_the_same_to_rounding(trainer: Any, tmp_path: Path) -> None:
    """With all of its threads, of which some sums depend in their last digits."""
    here, there = trainer.run(*USUAL, out=tmp_path / "a"), trainer.run(*USUAL, out=tmp_path / "b", jobs=2)
    pd.testing.assert_frame_equal(numbers(here), numbers(there), rtol=1e-3)
    assert assumed(here) == assumed(there)


def test_what_is_of_the_data_is_computed_once(trainer: Any, write_analyzers: WriteAnalyzers, tmp_path: Path) -> None:
    log = tmp_path / "log"
    write_analyzers(
        counted=f"""def make():
            import os, time
            with open({str(log)!r}, "a") as file:
                file.write(f"{{os.getpid()}} ")
            time.sleep(0.2)
            return 1.0
        study.cached("of the data", make, scope="data")"""
    )
    trainer.run("counted", "snapshot", jobs=3)
    assert len(log.read_text().split()) == 1


def test_what_is_of_the_data_with_other_options_is_another(trainer: Any, write_plugin: Callable[..., Path]) -> None:
    """An analyzer need not name its options in the key: in one run they are what they are."""
    write_plugin(
        "scaled",
        "from dataclasses import dataclass\n"
        "from wganalyze import Analyzer, Measurement, Metric, hookimpl\n\n\n"
        "class Scaled(Analyzer):\n    '''Answers.'''\n\n    name = 'scaled'\n"
        "    metrics = (Metric('value', 'A value.'),)\n\n"
        "    @dataclass(frozen=True)\n    class Options:\n        by: float = 1.0\n\n"
        "    def measure(self, study):\n"
        "        yield Measurement('value', study.cached('scale', lambda: self.options.by, scope='data'))\n\n\n"
        "@hookimpl\ndef wganalyze_analyzers():\n    return [Scaled]\n",
    )
    for by in (2.0, 3.0):
        rows = trainer.run("scaled", options={"scaled.by": by}, jobs=1).measurements
        assert {*rows["value"]} == {by}


def test_a_second_run_computes_nothing(trainer: Any) -> None:
    trainer.run(*USUAL, jobs=2)
    trainer.run(*USUAL, jobs=2)
    assert set(trainer.events.outcomes) == {"reused"}
    trainer.run(*USUAL)
    assert set(trainer.events.outcomes) == {"reused"}


def test_a_process_that_dies_twice_of_a_cell_costs_that_cell(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(deadly=KILLED)
    report = trainer.run("deadly", "snapshot", jobs=2)
    assert report.exit_code == 1
    rows = report.measurements
    (failed,) = rows[rows["status"] == "failed"].to_dict("records")
    assert (failed["snapshot"], failed["analyzer"]) == ("step_10", "deadly")
    assert failed["message"] == "its process died twice (SIGKILL): out of memory? try a smaller --n"
    assert Counter(trainer.events.outcomes) == {"ok": 5, "failed": 1}
    assert report.run["status"] == "complete"


def test_a_process_that_dies_once_costs_nothing(trainer: Any, write_analyzers: WriteAnalyzers, tmp_path: Path) -> None:
    write_analyzers(deadly=KILLED_ONCE.format(flag=str(tmp_path / "flag")))
    report = trainer.run("deadly", "snapshot", jobs=2)
    assert report.exit_code == 0
    assert Counter(trainer.events.outcomes) == {"ok": 6}


def test_an_analyzer_that_fails_fails_there_as_here(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(broken="raise RuntimeError('it broke')")
    report = trainer.run("broken", "snapshot", jobs=2)
    rows = report.measurements
    assert set(rows.loc[rows["status"] == "failed", "message"]) == {"RuntimeError: it broke"}
    assert Counter(trainer.events.outcomes) == {"ok": 3, "failed": 3}


def test_objects_of_this_process_go_along(trainer: Any, distinct_rows: Callable[[int], FiniteSource]) -> None:
    """A source of one's own, as a notebook has it."""
    trainer.edit("64", "2")
    for step in trainer.steps:
        for file in (f"G_step_{step}.pt", f"D_step_{step}.pt"):
            (trainer.folder / file).unlink()
    import torch
    from torch import nn

    for step in (1, 2):
        torch.save(
            nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 2), nn.Tanh()).state_dict(),
            trainer.folder / f"G_step_{step}.pt",
        )
    report = trainer.run("exact-w", data=distinct_rows(400), critic=None, jobs=2)
    assert report.exit_code == 0


def test_what_cannot_be_sent_is_said_in_one_line(trainer: Any, distinct_rows: Callable[[int], FiniteSource]) -> None:
    source = distinct_rows(400)
    source.lock = threading.Lock()  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match=r"cannot be sent to another process .*; name it as MODULE:NAME"):
        trainer.run("exact-w", data=source, jobs=2)


@pytest.mark.parametrize("jobs", [0, -1, "many", True, 1.5])
def test_a_number_that_is_none(jobs: Any, trainer: Any) -> None:
    with pytest.raises(UsageError, match="write a number of processes from 1 on, or auto"):
        trainer.run(jobs=jobs)


def test_with_infer_one_process_does_it_and_says_so(trainer: Any) -> None:
    trainer.run(jobs=2, infer=True)
    assert any(note.startswith("--jobs: with --infer") for note in trainer.events.notes)


def interrupted(trainer: Any, write_analyzers: WriteAnalyzers, flag: Path, *more: str) -> tuple[int, str]:
    """A run of the command line that is interrupted within a long cell: how many cells it kept, and what it said."""
    write_analyzers(slow=f"Path({str(flag)!r}).touch(); import time; time.sleep({SLEEP_S})")
    command = [sys.executable, "-m", "wganalyze", "run", str(trainer.folder), "--data", "digits", "--n", "40"]
    command += ["--replicates", "2", "--only", "snapshot,slow", *more]
    command += [part for role, net in trainer.nets.items() for part in (f"--{role}", net)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True) as run:
        until = time.monotonic() + 2 * SLEEP_S
        while not flag.exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        begun = time.monotonic()
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to all of them
        assert run.wait(SLEEP_S) == 130
        seconds = time.monotonic() - begun
        assert run.stderr is not None
        said = run.stderr.read()
    assert seconds < SLEEP_S / 3, "it does not wait for cells"
    assert "Traceback" not in said
    record = json.loads((trainer.report / "_run.json").read_text())
    assert record["status"] == "interrupted"
    return record["cells"]["ok"], said


def test_ctrl_c_ends_it_at_once_and_the_next_run_goes_on(
    trainer: Any, write_analyzers: WriteAnalyzers, tmp_path: Path
) -> None:
    kept, said = interrupted(trainer, write_analyzers, tmp_path / "begun", "--jobs", "2")
    assert kept >= 1
    assert "leaked" not in said
    trainer.run("snapshot", jobs=2)
    assert trainer.events.outcomes.count("reused") >= kept  # one may have been done that nobody heard of
