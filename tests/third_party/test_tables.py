"""A stranger's data source in 30 lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wganalyze import open_report
from wganalyze.cli import call


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """700 points in the plane."""
    path = tmp_path / "points.txt"
    np.savetxt(path, np.random.default_rng(0).standard_normal((700, 2)))
    return path


def test_it_is_short(lines: Callable[[str], int]) -> None:
    assert lines("tables") <= 30


def test_it_is_listed_with_its_help(install: Callable[[str], None], provides: Callable[[str], dict[str, Any]]) -> None:
    install("tables")
    source = provides("tables")
    assert (source["kind"], source["name"]) == ("data", "table")
    assert source["help"] == "table:FILE, a point on each line, its coordinates separated by blanks"


def test_a_run_takes_its_points(install: Callable[[str], None], checkpoints: Path, table: Path) -> None:
    install("tables")
    arguments = ["--only", "snapshot", "--only", "exact-w", "--latent-law", "normal"]
    assert call(["run", str(checkpoints), "--data", f"table:{table}", *arguments]) == 0
    rows = open_report(checkpoints.with_name(f"{checkpoints.name}-report")).measurements
    values = rows.drop_duplicates("metric").set_index("metric")
    assert values.loc["w1", "n"] == 700 // 11
    assert values.loc["w1_floor", "value"] > 0
    used = np.loadtxt(table)
    assert used.min() <= values.loc["real_min", "value"] < values.loc["real_max", "value"] <= used.max()


@pytest.mark.parametrize(("content", "reason"), [(None, "not found"), ("1 2\n3 x\n", "'x'")])
def test_a_bad_file_is_one_line(
    install: Callable[[str], None],
    checkpoints: Path,
    tmp_path: Path,
    content: str | None,
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install("tables")
    path = tmp_path / "bad.txt"
    if content is not None:
        path.write_text(content)
    assert call(["run", str(checkpoints), "--data", f"table:{path}"]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(f"Error: --data table:{path}: ")
    assert reason in error
