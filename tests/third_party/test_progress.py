"""A stranger's claim in under 40 lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import wganalyze
from wganalyze.cli import call


def test_it_is_short(lines: Callable[[str], int]) -> None:
    assert lines("progress") < 40


def test_it_is_listed_with_its_statement(
    install: Callable[[str], None], provides: Callable[[str], dict[str, Any]]
) -> None:
    install("progress")
    claim = provides("progress")
    assert (claim["kind"], claim["name"]) == ("claim", "training-helps")
    assert claim["help"].startswith("Training brings samples nearer to the data (everybody; needs runs with two")


def _report(folder: Path, shifts: tuple[float, ...]) -> Path:
    (folder / "run").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for step, shift in enumerate(shifts, start=1):
        np.save(folder / "run" / f"step_{step}.npy", rng.standard_normal((400, 2)) + shift)
    sizes = ["--n", "40", "--replicates", "3", "--only", "exact-w", "--out", str(folder / "out")]
    assert call(["run", str(folder / "run"), "--data", "swissroll", *sizes]) == 0
    return folder / "out"


def test_it_is_supported_and_refuted(install: Callable[[str], None], tmp_path: Path) -> None:
    install("progress")
    answers = {}
    for name, shifts in (("nearer", (9.0, 0.0)), ("farther", (0.0, 9.0)), ("one", (1.0,))):
        (row,) = wganalyze.judge(_report(tmp_path / name, shifts), only=["training-helps"]).to_dict("records")
        answers[name] = (row["answer"], row["reason"])
    assert answers == {
        "nearer": ("supported", "from ONE seed: W1 fell in 100% of 1 runs"),
        "farther": ("refuted", "from ONE seed: W1 fell in 0% of 1 runs"),
        "one": ("not testable", "needs runs with two snapshots or more, and exact-w"),
    }
