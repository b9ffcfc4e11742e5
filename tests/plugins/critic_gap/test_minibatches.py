"""Batches beside large samples: the loss does not depend on the size, their W1 does, and bounds stay below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wganalyze.testing import shifted_gaussians

Call = Callable[..., Any]


@pytest.mark.parametrize("dim", [2, 16])
def test_the_loss_of_batches_is_that_of_samples_and_their_w1_is_larger(critique: Call, values: Call, dim: int) -> None:
    outcome = critique(shifted_gaussians(1, dim, n=256, replicates=4), batch=64)
    small, large = outcome.rows["batches"]
    assert [(row["size"], row["batches"]) for row in (small, large)] == [(64, 16), (256, 4)]
    assert small["dual_raw"] == pytest.approx(large["dual_raw"], rel=1e-9)  # 64 divides n
    assert small["w1"] > large["w1"]
    for row in (small, large):
        assert row["dual_c"] <= row["w1"] * (1 + 1e-9)
        assert row["w1_low"] < row["w1"] < row["w1_high"]
        assert row["mode"] == "eval"
    found = values(outcome)
    assert (large["dual_raw"], large["dual_c"]) == pytest.approx((found["dual_raw"], found["dual_c"]))


@pytest.mark.parametrize(("n", "batch", "sizes"), [(40, 64, [40]), (60, 32, [60]), (64, 32, [32, 64]), (40, 0, [40])])
def test_batches_are_of_samples_that_hold_two(critique: Call, n: int, batch: int, sizes: list[int]) -> None:
    rows = critique(shifted_gaussians(n=n), batch=batch).rows["batches"]
    assert [row["size"] for row in rows] == sizes
