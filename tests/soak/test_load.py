"""Many checkpoints: memory does not grow, and what a person reads is there at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import pandas as pd
import psutil
import pytest
from tests.soak.conftest import CHEAPEST, Fleet, full, small

from wganalyze.cli import call

GROWTH_BYTES = 20_000
"""Of memory for each cell, at most: what the views keep of it."""


def memory_of(process: psutil.Process) -> int:
    """Bytes; 0 once it has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


@pytest.mark.parametrize(("count", "seconds"), [small(30, None), full(3334, 2.0)])
def test_ten_thousand_cells(count: int, seconds: float | None, make_fleet: Callable[[int], Fleet]) -> None:
    """``seconds``: what show, page and pandas may take each, by the CPU."""
    fleet = make_fleet(count)
    process = fleet.begin("--only", CHEAPEST)
    watched, held = psutil.Process(process.pid), list[int]()
    while process.poll() is None:
        held.append(memory_of(watched))
        time.sleep(0.2)
    assert process.returncode == 0
    cells = count * len(CHEAPEST.split(","))
    third = len(held) // 3
    if seconds is not None:
        grown = median(held[-third:]) - median(held[third : 2 * third])
        print(f"memory: {held[third] / 2**20:.0f} MiB, {grown / (cells / 3):+.0f} bytes a cell")
        assert grown <= GROWTH_BYTES * cells / 3
    page = fleet.folder.with_name("page.html")
    reading = {
        "pandas": lambda: len(pd.read_parquet(fleet.report / "measurements")) >= cells,
        "show": lambda: call(["show", str(fleet.report)]) == 0,
        "page": lambda: call(["page", str(fleet.report), "--out", str(page)]) == 0,
    }
    for name, read in reading.items():
        begun = time.process_time()
        assert read(), name
        spent = time.process_time() - begun
        print(f"{name}: {spent:.2f} s of CPU")
        assert seconds is None or spent <= seconds, name
    rows = pd.read_parquet(fleet.report / "measurements")
    assert rows.groupby(["snapshot", "analyzer"]).ngroups >= cells
    assert page.stat().st_size < 3e6
