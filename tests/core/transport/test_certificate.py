"""Potentials made from anything are feasible, and what they prove is never too much."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from wganalyze.transport import METRICS, cost_matrix, dual_value, feasible_potentials
from wganalyze.transport.costs.transforms import c_transform


@given(st.sampled_from(METRICS), st.sampled_from([1.0, 1.5, 2.0]), st.floats(-3, 3), st.integers(0, 10**6))
def test_any_start_becomes_feasible_and_proves_a_lower_bound(metric: str, p: float, decade: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, dim = int(rng.integers(1, 12)), int(rng.integers(1, 20))
    x, y = rng.standard_normal((n, dim)), rng.standard_normal((n, dim))
    costs = cost_matrix(x, y, metric) ** p
    u, v = feasible_potentials(x, y, 10.0**decade * rng.standard_normal(n), p=p, metric=metric)
    room = costs - u[:, None] - v[None]
    slack = 1e-12 * (1 + 10.0**decade)
    assert room.min() >= -slack
    # Each potential touches: neither can be raised alone.
    assert room.min(axis=1).max() <= slack
    weights = np.full(n, 1 / n)
    best = costs[linear_sum_assignment(costs)].mean()
    assert dual_value(u, v, weights, weights) <= best + slack


def test_the_double_transform_never_lowers_the_dual() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 3)), rng.standard_normal((15, 3))
    a, b = np.full(20, 1 / 20), np.full(15, 1 / 15)
    u = rng.standard_normal(20)
    v = (cost_matrix(x, y) - u[:, None]).min(axis=0)
    before = dual_value(u, v, a, b)
    once = feasible_potentials(x, y, u)
    twice = feasible_potentials(x, y, once[0])
    assert before <= dual_value(*once, a, b) <= dual_value(*twice, a, b) + 1e-14


def test_a_start_of_minus_infinity_binds_nobody_and_is_raised() -> None:
    x, y = np.array([[0.0], [1.0], [5.0]]), np.array([[2.0], [3.0]])
    u, v = feasible_potentials(x, y, np.array([0.0, 0.5, -np.inf]))
    np.testing.assert_allclose(v, [0.5, 1.5])
    np.testing.assert_allclose(u, [1.5, 0.5, 0.5])


def test_they_are_the_transforms_whatever_the_blocks() -> None:
    rng = np.random.default_rng(1)
    x, y, u = rng.standard_normal((17, 20)), rng.standard_normal((9, 20)), rng.standard_normal(17)
    whole = feasible_potentials(x, y, u)
    v = c_transform(y, x, u, block_bytes=4 * 8 * 9)
    np.testing.assert_allclose(np.concatenate([c_transform(x, y, v, block_bytes=4 * 8 * 9), v]), np.concatenate(whole))


def test_the_dual_value_keeps_its_digits_under_a_large_constant() -> None:
    """u + t and v - t are the same potentials; summed plainly at t = 1e9, seven digits would be left."""
    rng = np.random.default_rng(2)
    u, v = rng.standard_normal(300), rng.standard_normal(200)
    a, b = rng.dirichlet(np.ones(300)), rng.dirichlet(np.ones(200))
    t = 2.0**30
    # Rounding of u + t itself, once, and not of the sums.
    u_far, v_far = u + t, v - t
    expected = float(a @ (u_far - t) + b @ (v_far + t))
    assert dual_value(u_far, v_far, a, b) == pytest.approx(expected, abs=1e-13 * t * 1e-2)
