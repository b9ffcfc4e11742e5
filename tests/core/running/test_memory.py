"""--memory: samples that fit are drawn, what does not is refused before it starts, and processes keep to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.data import FiniteSource
from wganalyze.errors import UsageError
from wganalyze.running.memory import PROCESS, most_points, problem_bytes
from wganalyze.running.sizes import largest_n, make_deal
from wganalyze.settings.facts import Said
from wganalyze.settings.values import jobs
from wganalyze.testing import Gaussian
from wganalyze.transport import wasserstein
from wganalyze.transport.limits import MEMORY_BYTES, memory_limit, within_memory
from wganalyze.transport.shortlist import bytes_held

G = 2**30
MakeRows = Callable[[int], FiniteSource]


@given(st.integers(1, 64), st.integers(1, 8), st.integers(1, 10), st.integers(1, 10**5))
def test_what_is_drawn_leaves_room_for_the_largest_problem(memory: int, jobs: int, replicates: int, width: int) -> None:
    said = Said(memory=memory * G, jobs=jobs, replicates=replicates)
    if memory <= jobs + 1:
        with pytest.raises(UsageError, match="a process takes 1 GiB before it has samples"):
            most_points(said, (width,), replicates)
        return
    n = most_points(said, (width,), replicates)
    assert n is not None
    deal = make_deal(Gaussian(width), Said(**said, n=min(n, 2000)), None)
    left = problem_bytes(said, deal)
    assert bytes_held(deal.n, deal.n, width) <= left
    assert jobs * left + (jobs + 1) * PROCESS <= memory * G


def test_fewer_samples_are_drawn_where_more_do_not_fit() -> None:
    wide = Gaussian(100_000)
    deal = make_deal(wide, Said(memory=2 * G), None)
    assert 2 <= deal.n < 2000
    assert deal.size_note == f"n = {deal.n}: the most that fits into --memory"
    assert largest_n(wide, Said(memory=2 * G), None, 5) == deal.n
    assert make_deal(wide, Said(memory=64 * G), None).n == 2000
    with pytest.raises(UsageError, match="no 2 samples of 10,000,000 numbers fit 11 times: say more"):
        make_deal(Gaussian(10**7), Said(memory=2 * G), None)
    with pytest.raises(UsageError, match=f"--n 2000: .* do not fit into --memory: at most --n {deal.n}, or fewer"):
        make_deal(wide, Said(memory=2 * G, n=2000), None)


def test_all_that_there_is_is_all_that_fits(distinct_rows: MakeRows) -> None:
    rows = distinct_rows(110_000)
    whole = make_deal(rows, Said(n="max"), None).n
    assert whole == 10_000
    part = make_deal(rows, Said(n="max", memory=G + 2**26), None)
    assert part.n < whole
    assert "fits into --memory" in part.size_note
    assert make_deal(rows, Said(n="max", memory=64 * G), None).n == whole


def test_data_that_allow_less_say_so(distinct_rows: MakeRows) -> None:
    assert "allow for 11 disjoint splits" in make_deal(distinct_rows(1100), Said(memory=4 * G), None).size_note


def test_a_cluster_has_memory_of_its_own() -> None:
    one = problem_bytes(Said(memory=4 * G), None)
    assert problem_bytes(Said(memory=4 * G, jobs=20, dask="slurm"), None) == one
    assert problem_bytes(Said(memory=4 * G, jobs=2, dask="local"), None) == (4 - 3) * G // 2
    many = Said(memory=1000 * G, dask="local")
    assert problem_bytes(many, None) == problem_bytes(Said(**many, jobs=jobs("auto")), None)
    assert problem_bytes(Said(), None) == MEMORY_BYTES


def test_how_many_processes_fit_is_said() -> None:
    with pytest.raises(UsageError, match=r"--memory 4G: .* 4 do: at most --jobs 2"):
        problem_bytes(Said(memory=4 * G, jobs=3), None)
    assert problem_bytes(Said(memory=4 * G, jobs=2), None) > 0
    with pytest.raises(UsageError, match=r"--memory 0\.5G: .* 1 do: say more"):
        problem_bytes(Said(memory=G // 2), None)


def test_problems_of_anybody_keep_to_it() -> None:
    """An analyzer need not know of it."""
    x = np.random.default_rng(0).normal(size=(3000, 2))
    with within_memory(1000), pytest.raises(MemoryError, match="the limit is"):
        wasserstein(x, x)
    assert memory_limit() == MEMORY_BYTES


def test_a_cell_whose_problem_does_not_fit_has_failed(trainer: Any, write_analyzers: Callable[..., None]) -> None:
    write_analyzers(
        large="""import numpy as np
        from wganalyze.transport import wasserstein
        x = np.arange(400_000.0).reshape(-1, 2)
        wasserstein(x, x + 1)"""
    )
    report = trainer.run("large", "snapshot", memory=G + 2**28)
    rows = report.measurements
    failed = rows[rows["status"] == "failed"]
    assert {*failed["analyzer"]} == {"large"}
    assert failed["message"].str.contains("out of memory .* the limit is 0.2 GiB").all()
    assert trainer.run("snapshot", memory=3 * G + 2**28, jobs=2).exit_code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="counts the memory of a process as Linux does")
@pytest.mark.parametrize(("memory", "more"), [(G + 2**28, []), (3 * G + 2**28, ["--jobs", "2"])], ids=["one", "jobs"])
def test_a_run_keeps_to_it(memory: int, more: list[str], trainer: Any, tmp_path: Path) -> None:
    """The whole of it, with the libraries: measured while it runs."""
    command = [
        sys.executable,
        "-m",
        "wganalyze",
        "run",
        str(trainer.folder),
        "--data",
        "digits",
        "--memory",
        str(memory),
    ]
    command += [part for role, net in trainer.nets.items() for part in (f"--{role}", net)]
    process = subprocess.Popen([*command, *more, "--out", str(tmp_path / "r")], stdout=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        with suppress(psutil.Error):  # one of them has ended
            own = psutil.Process(process.pid)
            most = max(most, sum(each.memory_full_info().pss for each in [own, *own.children(recursive=True)]))
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    assert process.returncode == 0
    assert 0 < most <= memory
