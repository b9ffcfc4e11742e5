"""Several epsilons at once are each by itself, and their duals lie where 1910.03875 says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wganalyze.transport import METRICS, c_transform_duals, entropic_c_transform, entropic_c_transforms, wasserstein

SEEDS = st.integers(0, 10**6)


@given(SEEDS, st.sampled_from(METRICS), st.integers(1, 4))
@settings(max_examples=40)
def test_a_sweep_is_each_epsilon_by_itself(seed: int, metric: str, block: int) -> None:
    """In whatever blocks; and by the formula as it stands in the paper, where nothing overflows."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 12, 2)
    x, y, f = rng.standard_normal((n, 3)), rng.standard_normal((m, 3)), rng.standard_normal(n)
    epsilons = (0.1, 1.0, 30.0)
    sweep = entropic_c_transforms(f, x, y, epsilons, metric, block_bytes=8 * n * block)
    assert sweep.shape == (3, m)
    costs = np.concatenate([entropic_c_transforms(np.zeros(1), x[i : i + 1], y, (1.0,), metric) for i in range(n)])
    for epsilon, row in zip(epsilons, sweep, strict=True):
        assert row == pytest.approx(entropic_c_transform(f, x, y, epsilon, metric), rel=1e-12)
        assert row == pytest.approx(-epsilon * np.log(np.exp((f[:, None] - costs) / epsilon).mean(axis=0)), rel=1e-9)


@given(SEEDS, st.floats(-3, 3), st.floats(-2, 2))
@settings(max_examples=40)
def test_a_smoothed_dual_lies_between_the_c_transform_and_the_entropic_cost(
    seed: int, decade: float, size: float
) -> None:
    """At most W1 + eps log n: the optimal coupling of n points has that relative entropy, and costs W1."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 20))
    x, y, f = rng.standard_normal((n, 2)), 1 + rng.standard_normal((n, 2)), 10.0**size * rng.standard_normal(n)
    epsilon = 10.0**decade
    value = float(f.mean() + entropic_c_transform(f, x, y, epsilon).mean())
    hard, _ = c_transform_duals(f, np.zeros(n), x, y)
    room = 1e-9 * (1 + abs(value) + float(np.abs(f).max()))
    assert hard - room <= value <= hard + epsilon * math.log(n) + room
    assert value <= wasserstein(x, y).value + epsilon * math.log(n) + room


def test_it_may_exceed_w1() -> None:
    """So that it is no bound of it: far apart, all pairs count alike, and their mean cost is above W1."""
    x, y = np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]])
    assert entropic_c_transform(np.zeros(2), x, y, 100.0).mean() == pytest.approx(0.5, abs=1e-2)
    assert wasserstein(x, y).value == 0


def test_an_epsilon_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="epsilon = -1: choose a number above 0"):
        entropic_c_transforms(np.zeros(1), np.zeros((1, 1)), np.ones((1, 1)), (1.0, -1))
