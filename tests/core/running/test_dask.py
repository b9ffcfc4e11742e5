"""--dask: workers of a real scheduler compute the cells; the numbers are the same, and one that dies costs nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distributed import Client, LocalCluster
from tests.core.running.test_jobs import KILLED, KILLED_ONCE, SLEEP_S, USUAL, assumed, interrupted, numbers

from wganalyze import UsageError, WganalyzeError
from wganalyze.cells.executors.dask import Analysis, _work
from wganalyze.cells.executors.events import Task

WriteAnalyzers = Callable[..., None]


def wait_until(condition: Callable[[], bool]) -> None:
    """True, or too late."""
    until = time.monotonic() + 2 * SLEEP_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def client() -> Iterator[Client]:
    """Of a cluster that somebody else began: two processes of two threads each."""
    with LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster, Client(cluster) as made:
        yield made


def test_the_numbers_are_the_same_to_the_bit(trainer: Any, client: Client, tmp_path: Path) -> None:
    """Whoever has more threads in his process, too."""
    one = trainer.run(*USUAL, out=tmp_path / "one", jobs=1)
    many = trainer.run(*USUAL, out=tmp_path / "many", dask=client.scheduler.address)  # type: ignore[union-attr]
    assert one.exit_code == many.exit_code == 0
    pd.testing.assert_frame_equal(numbers(one), numbers(many), check_exact=True)
    assert assumed(one) == assumed(many)
    trainer.run(*USUAL, out=tmp_path / "many", dask=client)
    assert trainer.events.outcomes == ["reused"] * len(trainer.events.outcomes)
    assert client.status == "running", "it is not ours to close"
    assert client.run(lambda dask_worker: [name for name in dask_worker.plugins if "wganalyze" in name]) == {
        address: [] for address in client.scheduler_info()["workers"]
    }


def test_each_cell_is_computed_once(trainer: Any, write_analyzers: WriteAnalyzers, tmp_path: Path) -> None:
    log = tmp_path / "log"
    write_analyzers(
        counted=f"""with open({str(log)!r}, "a") as file:
            file.write(study.snapshot.label + "\\n")""",
        data=f"""def make():
            with open({str(log)!r}, "a") as file:
                file.write("data\\n")
            return 1.0
        study.cached("of the data", make, scope="data")""",
    )
    report = trainer.run("counted", "data", dask="local", jobs=4)
    assert report.exit_code == 0
    assert sorted(log.read_text().split()) == ["data", "step_10", "step_2", "step_30"]


def test_a_worker_that_dies_costs_nothing(trainer: Any, write_analyzers: WriteAnalyzers, tmp_path: Path) -> None:
    write_analyzers(deadly=KILLED_ONCE.format(flag=str(tmp_path / "flag")))
    report = trainer.run("deadly", "snapshot", dask="local", jobs=3)
    assert (tmp_path / "flag").exists()
    assert report.exit_code == 0
    assert Counter(trainer.events.outcomes) == {"ok": 6}


def test_the_cell_that_two_died_of_has_failed(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(deadly=KILLED)
    report = trainer.run("deadly", "snapshot", dask="local", jobs=2)
    assert report.exit_code == 1
    rows = report.measurements
    (failed,) = rows[rows["status"] == "failed"].to_dict("records")
    assert (failed["snapshot"], failed["analyzer"]) == ("step_10", "deadly")
    assert failed["message"] == "2 workers died of it: out of memory? try a smaller --n"
    assert Counter(trainer.events.outcomes) == {"ok": 5, "failed": 1}


def test_all_workers_die_at_once_of_a_cell_each(trainer: Any, write_analyzers: WriteAnalyzers, tmp_path: Path) -> None:
    """There is none then that could take what they had."""
    flags = tmp_path / "flags"
    flags.mkdir()
    write_analyzers(
        deadly=f"""import os, time
        mine = Path({str(flags)!r}) / study.snapshot.label
        if not mine.exists():
            mine.touch()
            while len([*mine.parent.iterdir()]) < 2:
                time.sleep(0.01)
            os.kill(os.getpid(), 9)"""
    )
    report = trainer.run("deadly", dask="local", jobs=2)
    assert report.exit_code == 0
    assert Counter(trainer.events.outcomes) == {"ok": 3}


def test_ctrl_c_ends_it_at_once_and_the_next_run_goes_on(
    trainer: Any, write_analyzers: WriteAnalyzers, tmp_path: Path
) -> None:
    kept, _ = interrupted(trainer, write_analyzers, tmp_path / "begun", "--dask", "local", "--jobs", "2")
    trainer.run("snapshot", dask="local", jobs=2)
    assert trainer.events.outcomes.count("reused") >= kept


def test_a_worker_that_does_not_see_the_folder_says_so(client: Client) -> None:
    analysis = Analysis("wganalyze-elsewhere", b"")
    analysis._folder = Path("/nowhere")
    client.register_plugin(analysis)
    future = client.submit(_work, analysis.name, Task("a", "b"))
    with pytest.raises(WganalyzeError, match="does not see /nowhere, where the run was begun"):
        future.result()


def test_a_scheduler_that_goes_away(trainer: Any, write_analyzers: WriteAnalyzers, tmp_path: Path) -> None:
    """What was done is kept, and one line says what is wrong."""
    flag, address = tmp_path / "begun", tmp_path / "scheduler.json"
    write_analyzers(slow=f"Path({str(flag)!r}).touch(); import time; time.sleep({SLEEP_S})")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    begin = [sys.executable, "-m", "distributed.cli.dask_"]
    commands = [
        [*begin[:2], f"{begin[2]}scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(address)],
        [*begin[:2], f"{begin[2]}worker", "--scheduler-file", str(address), "--nthreads", "1", "--no-dashboard"],
    ]
    silent = subprocess.DEVNULL
    processes = [subprocess.Popen(each, env=environment, stdout=silent, stderr=silent) for each in commands]
    try:
        wait_until(address.exists)
        there = json.loads(address.read_text())["address"]
        killer = threading.Thread(target=lambda: (wait_until(flag.exists), processes[0].kill()))
        killer.start()
        with pytest.raises(
            WganalyzeError, match=r"--dask: the scheduler at tcp.* is gone; .* the same command goes on"
        ):
            trainer.run("snapshot", "slow", dask=there)
        killer.join()
    finally:
        for process in processes:
            process.kill()
            process.wait()
    kept = trainer.events.outcomes.count("ok")
    assert kept >= 1
    assert json.loads((trainer.report / "_run.json").read_text())["status"].startswith("stopped: --dask")
    trainer.run("snapshot")
    assert trainer.events.outcomes.count("reused") >= kept


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"dask": "tcp://127.0.0.1:9"}, r"--dask tcp://127.0.0.1:9: no scheduler answers there"),
        ({"dask": "nowhere"}, "write local, slurm, or the address of a scheduler"),
        ({"dask": 3}, "write local, slurm, or the address of a scheduler"),
        ({"dask": "slurm"}, "say with --jobs how many workers"),
        ({"dask": "tcp://a:1", "jobs": 2}, "leave --jobs out"),
    ],
)
def test_a_cluster_that_is_none(
    options: dict[str, Any], problem: str, trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wganalyze.cells.executors.clusters.CONNECT_S", 1)
    with pytest.raises(UsageError, match=problem):
        trainer.run("snapshot", **options)
