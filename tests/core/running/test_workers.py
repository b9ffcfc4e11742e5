"""Workers of a prepared run, as processes: they share its cells, some are killed, and the numbers are those of one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.core.running.test_jobs import KILLED, KILLED_ONCE, USUAL, assumed, numbers

import wganalyze
from wganalyze import UsageError
from wganalyze.cells.executors.board import Board
from wganalyze.cells.executors.claiming import TRIES
from wganalyze.cells.executors.events import Task
from wganalyze.exit_codes import ExitCode
from wganalyze.report.layout import Layout
from wganalyze.running.prepared import Prepared, standing

WriteAnalyzers = Callable[..., None]
LONG_S = 120.0


class Sweep:
    """A prepared run of a trainer's folder, and its workers."""

    def __init__(self, trainer: Any, report: Path):
        self.trainer, self.report = trainer, report
        self.workers: list[subprocess.Popen[str]] = []

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def verb(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "wganalyze", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=self.environment)

    def prepare(self, *only: str) -> str:
        """What was said, on both streams."""
        nets = [part for role, net in self.trainer.nets.items() for part in (f"--{role}", net)]
        quick = ["--data", "digits", "--n", "40", "--replicates", "2", "--only", ",".join(only), *nets]
        process = self.verb("run", str(self.trainer.folder), "--out", str(self.report), "--prepare", *quick)
        said = "".join(process.communicate())
        assert process.returncode == 0, said
        return said

    def begin(self, count: int) -> list[subprocess.Popen[str]]:
        """More workers."""
        more = [self.verb("worker", str(self.report)) for _ in range(count)]
        self.workers += more
        return more

    def end(self) -> list[int]:
        """The exit codes of all."""
        codes = []
        for worker in self.workers:
            said = worker.communicate(timeout=LONG_S)[1]
            assert "Traceback" not in said, said
            assert worker.returncode != ExitCode.USAGE, said
            codes.append(worker.returncode)
        return codes

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """True, or too late."""
        until = time.monotonic() + LONG_S
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.02)

    @property
    def found(self) -> wganalyze.Report:
        """The report as it is."""
        return wganalyze.open_report(self.report)


@pytest.fixture
def sweep(trainer: Any, tmp_path: Path) -> Any:
    """Its workers do not outlive a test."""
    made = Sweep(trainer, tmp_path / "sweep")
    yield made
    for worker in made.workers:
        worker.kill()


def test_two_of_four_are_killed(sweep: Sweep, trainer: Any, tmp_path: Path) -> None:
    said = sweep.prepare(*USUAL)
    assert f"{3 * len(USUAL)} cells are prepared" in said
    assert standing(sweep.report).status == "prepared"
    doomed = sweep.begin(4)[:2]
    sweep.wait_until(lambda: sum(standing(sweep.report).tally.values()) >= 2)
    for worker in doomed:
        worker.kill()
    codes = sweep.end()
    assert codes[:2] == [-9, -9]
    assert codes[2:] == [0, 0]
    assert standing(sweep.report).tally == Counter(ok=3 * len(USUAL))
    assert sweep.found.run["status"] == "complete"
    one = trainer.run(*USUAL, out=tmp_path / "one", jobs=1)
    pd.testing.assert_frame_equal(numbers(sweep.found), numbers(one), check_exact=True)
    assert assumed(sweep.found) == assumed(one)
    assert sweep.found.verdicts


def test_each_cell_is_computed_once(sweep: Sweep, write_analyzers: WriteAnalyzers, tmp_path: Path) -> None:
    log = tmp_path / "log"
    write_analyzers(
        counted=f"""with open({str(log)!r}, "a") as file:
            file.write(study.snapshot.label + "\\n")"""
    )
    sweep.prepare("counted", "snapshot")
    sweep.begin(3)
    assert sweep.end() == [0, 0, 0]
    assert sorted(log.read_text().split()) == ["step_10", "step_2", "step_30"]


def test_the_cell_that_two_died_of_has_failed(sweep: Sweep, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(deadly=KILLED)
    sweep.prepare("deadly", "snapshot")
    sweep.begin(3)
    assert sorted(sweep.end()) == [-9, -9, 1]
    rows = sweep.found.measurements
    (failed,) = rows[rows["status"] == "failed"].to_dict("records")
    assert (failed["snapshot"], failed["analyzer"]) == ("step_10", "deadly")
    assert failed["message"] == "2 workers died of it: out of memory? try a smaller --n"
    assert standing(sweep.report).tally == Counter(ok=5, failed=1)
    assert len(rows[["snapshot", "analyzer"]].drop_duplicates()) == 6


def test_behind_a_cell_that_is_given_up_comes_its_own_snapshot(
    sweep: Sweep, write_analyzers: WriteAnalyzers, tmp_path: Path
) -> None:
    """One worker, which has another snapshot loaded when it comes to the cell that two have died of."""
    write_analyzers(deadly="yield Measurement('value', 2.0)", told="yield Measurement('value', study.snapshot.step)")
    sweep.prepare("deadly", "told")
    board = Board(Layout.of(sweep.report).board)
    board.folder.mkdir()
    for step in (2, 10, 30):
        task = Task(f"step_{step}", "deadly")
        for _ in range(TRIES if step == 10 else 0):
            board.begin(task)
    sweep.begin(1)
    assert sweep.end() == [1]
    rows = sweep.found.measurements
    told = rows[(rows["analyzer"] == "told") & (rows["value"] != 1)]
    assert dict(zip(told["snapshot"], told["value"], strict=True)) == {"step_2": 2, "step_10": 10, "step_30": 30}
    assert standing(sweep.report).tally == Counter(ok=5, failed=1)


def test_the_cell_that_one_died_of_is_computed(sweep: Sweep, write_analyzers: WriteAnalyzers, tmp_path: Path) -> None:
    write_analyzers(deadly=KILLED_ONCE.format(flag=str(tmp_path / "flag")))
    sweep.prepare("deadly", "snapshot")
    sweep.begin(2)
    assert sorted(sweep.end()) == [-9, 0]
    assert standing(sweep.report).tally == Counter(ok=6)


def test_one_that_is_asked_to_stop_puts_its_cell_back(
    sweep: Sweep, write_analyzers: WriteAnalyzers, tmp_path: Path
) -> None:
    """As often as it likes: nobody has died."""
    flag = tmp_path / "begun"
    write_analyzers(slow=f"Path({str(flag)!r}).touch(); import time; time.sleep(60)")
    sweep.prepare("slow")
    for _ in range(3):
        (worker,) = sweep.begin(1)
        sweep.wait_until(flag.exists)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(LONG_S) == 130
        flag.unlink()
    assert standing(sweep.report).at_work == {}
    assert standing(sweep.report).left == 3


def test_status(sweep: Sweep, write_analyzers: WriteAnalyzers, tmp_path: Path) -> None:
    flag = tmp_path / "begun"
    write_analyzers(slow=f"Path({str(flag)!r}).touch(); import time; time.sleep(60)")
    sweep.prepare("slow")
    process = sweep.verb("status", str(sweep.report))
    assert process.communicate()[0].splitlines() == [
        f"{sweep.report}: prepared; 0 of 3 cells are done",
        "  left: 3",
    ]
    assert process.returncode == 1
    (worker,) = sweep.begin(1)
    sweep.wait_until(flag.exists)
    first, at_work, left = sweep.verb("status", str(sweep.report)).communicate()[0].splitlines()
    assert first == f"{sweep.report}: running; 0 of 3 cells are done"
    assert at_work.startswith("  at work: step_")
    assert at_work.endswith(f":{worker.pid})")
    assert left == "  left: 2"


def test_status_of_a_run_of_this_process(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    """While it goes, and when it is over."""
    write_analyzers(asks="", told="raise RuntimeError('it broke')")
    found = []

    class Asking(type(trainer.events)):  # type: ignore[misc]
        def done(self, outcome: Any) -> None:
            found.append(standing(trainer.report))

    report = wganalyze.run(
        trainer.folder, progress=Asking(), data="digits", n=40, replicates=2, only=("asks", "told"), **trainer.nets
    )
    assert [(each.status, each.cells, sum(each.tally.values())) for each in found] == [
        ("running", 6, done) for done in range(1, 7)
    ]
    over = standing(report.path)
    assert (over.status, over.cells, over.tally, over.left) == ("complete", 6, Counter(ok=3, failed=3), 0)


def test_status_counts_cells_and_not_rows(trainer: Any) -> None:
    """A cell may have no row, and rows of an ok cell may be skipped."""
    (trainer.folder / "G_step_10.pt").write_bytes(b"cut short")
    trainer.run("snapshot", "pictures", "exact-w")
    found = standing(trainer.report)
    assert (found.cells, sum(found.tally.values()), found.left) == (9, 9, 0)
    assert found.tally == Counter(trainer.events.outcomes)


def test_status_is_of_the_last_run(sweep: Sweep, trainer: Any) -> None:
    sweep.prepare("snapshot")
    trainer.run("snapshot", out=sweep.report)
    found = standing(sweep.report)
    assert (found.status, found.tally) == ("complete", Counter(ok=3))


@pytest.mark.parametrize(("option", "problem"), [(["--jobs", "2"], "leave --jobs out"), (["--infer"], "init --infer")])
def test_what_a_prepared_run_does_not_take(option: list[str], problem: str, sweep: Sweep, trainer: Any) -> None:
    process = sweep.verb("run", str(trainer.folder), "--out", str(sweep.report), "--prepare", *option)
    said = process.communicate()[1]
    assert process.returncode == 2
    assert problem in said
    assert not sweep.report.exists()


def test_prepared_again_all_is_reused(sweep: Sweep) -> None:
    sweep.prepare("snapshot")
    sweep.begin(1)
    assert sweep.end() == [0]
    sweep.workers.clear()
    sweep.prepare("snapshot")
    assert standing(sweep.report).left == 3
    sweep.begin(1)
    assert sweep.end() == [0]
    assert standing(sweep.report).tally == Counter(reused=3)


def test_what_is_not_prepared_is_said(trainer: Any, tmp_path: Path) -> None:
    report = trainer.run("snapshot")
    with pytest.raises(UsageError, match="holds no prepared run; wganalyze run PATH --prepare makes one"):
        Prepared.read(report.path)
    Layout.of(report.path).tasks.write_text('{"path": 1}')
    with pytest.raises(UsageError, match=r"_tasks.json: is damaged; prepare the run again"):
        Prepared.read(report.path)
    with pytest.raises(UsageError, match="no report"):
        standing(tmp_path / "nowhere")


def test_what_changed_since_is_said(sweep: Sweep, trainer: Any) -> None:
    sweep.prepare("snapshot")
    (trainer.folder / "G_step_10.pt").unlink()
    (trainer.folder / "D_step_10.pt").unlink()
    (worker,) = sweep.begin(1)
    assert "step_10: its files are gone since the run was prepared; prepare it again" in worker.communicate()[1]
    file = Layout.of(sweep.report).tasks
    file.write_text(json.dumps({**json.loads(file.read_text()), "folder": "/nowhere"}))
    (worker,) = sweep.begin(1)
    assert "was prepared in /nowhere, which is not there" in worker.communicate()[1]


def test_two_runs_into_one_report_at_once(sweep: Sweep, trainer: Any) -> None:
    """No cell is lost, and no view is torn."""
    nets = [part for role, net in trainer.nets.items() for part in (f"--{role}", net)]
    quick = ["--data", "digits", "--n", "40", "--replicates", "2", "--out", str(sweep.report), *nets]
    runs = [
        sweep.verb("run", str(trainer.folder), "--only", only, *quick)
        for only in ("snapshot,exact-w", "kmeans,minibatch")
    ]
    sweep.workers += runs
    assert sweep.end() == [0, 0]
    rows = sweep.found.measurements
    assert {*rows["analyzer"]} == {"snapshot", "exact-w", "kmeans", "minibatch"}
    assert {*sweep.found.run["metrics"]} == {*rows["analyzer"]}
    assert len(rows[["snapshot", "analyzer"]].drop_duplicates()) == 12
    assert (rows["status"] == "ok").all()
    assert len(sweep.found.run["snapshots"]) == 3
