"""Runs and workers that are killed at random moments: what is committed stays, and the next one completes."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import psutil
import pytest
from tests.core.running.test_jobs import numbers
from tests.soak.conftest import Fleet, committed, full, kill, small

from wganalyze.processes import is_left
from wganalyze.report.reading import Report

ANALYZERS = ("--only", "snapshot,exact-w,kmeans")
LONGEST_S = 12.0


def die_of_one(fleet: Fleet, options: Sequence[str], chance: random.Random) -> set[str]:
    """One run that is killed, or one of its processes; the cells that are kept."""
    before = committed(fleet.report)
    process = fleet.begin(*ANALYZERS, *options)
    time.sleep(chance.uniform(0, LONGEST_S))
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    if children and chance.random() < 0.5:
        child = chance.choice(children)
        if child.is_running():
            child.send_signal(signal.SIGKILL)
        time.sleep(1)
    if process.poll() is None:
        kill(process)
    after = committed(fleet.report)
    assert before <= after, "a committed cell is gone"
    return after


@pytest.mark.parametrize(("count", "moments", "jobs"), [small(3, 1, 2), full(40, 200, 0), full(40, 200, 2)])
def test_at_most_what_was_being_computed_is_lost(
    count: int, moments: int, jobs: int, make_fleet: Callable[[int], Fleet], tmp_path: Path
) -> None:
    fleet, chance, options = make_fleet(count), random.Random(0), ("--jobs", str(jobs)) if jobs else ()
    assert fleet.begin(*ANALYZERS, out=tmp_path / "whole").wait() == 0
    whole = numbers(Report(tmp_path / "whole"))
    for _ in range(moments):
        kept = die_of_one(fleet, options, chance)
        if len(kept) >= len(committed(tmp_path / "whole")):  # all of it: from the start again
            assert fleet.begin(*ANALYZERS, *options).wait() == 0
            pd.testing.assert_frame_equal(numbers(Report(fleet.report)), whole, check_exact=True)
            fleet.report.rename(tmp_path / f"done-{time.monotonic_ns()}")
    assert fleet.begin(*ANALYZERS, *options).wait() == 0
    pd.testing.assert_frame_equal(numbers(Report(fleet.report)), whole, check_exact=True)
    assert [path for path in fleet.report.rglob(".*") if is_left(path)] == [], "drafts of the killed are swept"


@pytest.mark.parametrize(("count", "rounds"), [small(2, 1), full(40, 10)])
def test_several_at_once(count: int, rounds: int, make_fleet: Callable[[int], Fleet], tmp_path: Path) -> None:
    """Two runs and a watch into one report: no cell is lost, no view is torn."""
    fleet = make_fleet(count)
    assert fleet.begin(*ANALYZERS, out=tmp_path / "whole").wait() == 0
    whole = numbers(Report(tmp_path / "whole"))
    for each in range(rounds):
        out = tmp_path / f"report{each}"
        watch = fleet.begin(*ANALYZERS, "--until", str(count), "--every", "0.2s", verb="watch", out=out)
        runs = [fleet.begin(*ANALYZERS, *more, out=out) for more in ((), ("--jobs", "2"))]
        while any(run.poll() is None for run in (*runs, watch)):
            if (out / "measurements").is_dir():
                pd.read_parquet(out / "measurements")  # whole at any moment
            time.sleep(0.1)
        assert [run.returncode for run in (*runs, watch)] == [0, 0, 0]
        pd.testing.assert_frame_equal(numbers(Report(out)), whole, check_exact=True)
