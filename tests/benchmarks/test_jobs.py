"""What several processes bring: 20 snapshots of a conv GAN, by one process and by two, in one run of this test."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest
import whole_run

import wganalyze

SHARE = 0.6
"""Of the time of one process that two may take, on two cores."""


@pytest.mark.bench
@pytest.mark.field
@pytest.mark.timeout(3600)
def test_two_processes(field: Path, tmp_path: Path) -> None:
    checkpoints = tmp_path / "ckpt"
    checkpoints.mkdir()
    whole_run.perturbed(checkpoints)
    networks = {role: f"{whole_run.FACTORIES}:Akanametov{role.title()}" for role in ("generator", "critic")}
    seconds: dict[int, float] = {}
    tables: dict[int, pd.DataFrame] = {}
    for jobs in (1, 2):
        begun = time.perf_counter()
        report = wganalyze.run(
            checkpoints,
            data=f"idx:{field / 'mnist-t10k/t10k-images-idx3-ubyte.gz'}",
            out=tmp_path / f"jobs-{jobs}",
            jobs=jobs,
            **networks,  # type: ignore[arg-type]
        )
        seconds[jobs] = time.perf_counter() - begun
        rows = report.measurements.sort_values(["snapshot", "analyzer", "metric", "method", "n", "space", "mode"])
        tables[jobs] = rows[["snapshot", "analyzer", "metric", "value", "ci_low", "ci_high"]].reset_index(drop=True)
    print(f"\n{report.measurements['snapshot'].nunique()} snapshots: {seconds} s")
    pd.testing.assert_frame_equal(tables[1], tables[2], check_exact=True)
    assert seconds[2] <= SHARE * seconds[1]
