"""The dense solver: scipy's cost on every matrix, and potentials that prove it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from wganalyze.transport.dense import assign

Array = npt.NDArray[np.float64]
ROUNDING = 1e-13


def solved(costs: Array) -> tuple[Array, Array, npt.NDArray[np.int32]]:
    n = len(costs)
    u, v, columns = np.empty(n), np.empty(n), np.empty(n, np.int32)
    assign(costs, u, v, columns)
    return u, v, columns


def check(costs: Array, u: Array, v: Array, columns: npt.NDArray[np.int32]) -> None:
    """A bijection as cheap as scipy's, and potentials feasible everywhere and tight on it."""
    n = len(costs)
    assert sorted(columns) == list(range(n))
    size = float(np.abs(costs).max())
    paid = costs[np.arange(n), columns]
    best = costs[linear_sum_assignment(costs)]
    assert paid.sum() == pytest.approx(best.sum(), rel=1e-12, abs=1e-15 * n * size)
    room = costs - u[:, None] - v[None]
    assert room.min() >= -ROUNDING * size
    np.testing.assert_allclose(room[np.arange(n), columns], 0, atol=ROUNDING * size)


def square(elements: st.SearchStrategy[Any], dtype: Any) -> st.SearchStrategy[npt.NDArray[Any]]:
    return st.integers(1, 9).flatmap(lambda n: arrays(dtype, (n, n), elements=elements))


@given(square(st.integers(0, 3), np.int64))
@settings(max_examples=200)
def test_ties_by_small_integers(costs: npt.NDArray[np.int64]) -> None:
    """In whole numbers nothing is rounded: cost, feasibility and tightness are exact."""
    exact = costs.astype(float)
    u, v, columns = solved(exact)
    assert exact[np.arange(len(costs)), columns].sum() == costs[linear_sum_assignment(costs)].sum() == u.sum() + v.sum()
    assert (u[:, None] + v[None] <= exact).all()


@given(square(st.floats(0, 1), np.float64))
@settings(max_examples=200)
def test_any_costs(costs: Array) -> None:
    check(costs, *solved(costs))


@given(square(st.floats(-1, 1), np.float64), st.integers(-150, 150))
@settings(max_examples=100)
def test_costs_of_either_sign_and_any_scale(costs: Array, decade: int) -> None:
    scaled = costs * 10.0**decade
    check(scaled, *solved(scaled))


@given(st.integers(0, 10**6), st.sampled_from([2, 30, 90]))
@settings(max_examples=60)
def test_larger_problems(seed: int, n: int) -> None:
    """Points of both sides in few places, on a grid, or anywhere."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, n, int(rng.integers(1, 6))))
    if rng.random() < 0.3:
        x, y = x[rng.integers(0, max(1, n // 8), n)], y[rng.integers(0, max(1, n // 8), n)]
    elif rng.random() < 0.3:
        x, y = np.round(x), np.round(y)
    costs = np.linalg.norm(x[:, None] - y[None], axis=2) ** rng.choice([1, 2, 3])
    check(costs, *solved(costs))


@pytest.mark.parametrize("n", [1, 2, 100])
@pytest.mark.parametrize("value", [0.0, 3.5, -1.0, 1e-300, 1e300])
def test_constant_costs(n: int, value: float) -> None:
    costs = np.full((n, n), value)
    check(costs, *solved(costs))


@pytest.mark.parametrize("n", [1, 2, 150])
def test_a_product_of_ranks_is_solved_by_opposite_orders(n: int) -> None:
    """Machol and Wien's c_ij = i j, where every search runs deep; the cheapest pairs the largest with the smallest."""
    ranks = np.arange(1.0, n + 1)
    costs = ranks[:, None] * ranks[None]
    u, v, columns = solved(costs)
    assert costs[np.arange(n), columns].sum() == ranks @ ranks[::-1]
    check(costs, u, v, columns)
