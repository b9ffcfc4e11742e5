"""The inner loops of shortlists do what plain numpy does, only sooner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from wganalyze.transport.shortlist import kernels
from wganalyze.transport.shortlist.kernels import WIDTH

Array = npt.NDArray[Any]
Nearest = Callable[[Array, Array, Array, float, int], tuple[Array, Array]]


def by_products(x: Array, y: Array, v: Array, exponent: float, size: int) -> tuple[Array, Array]:
    index, limit = np.full((len(x), size), -7, np.int32), np.empty(len(x), x.dtype)
    squares = ((x**2).sum(axis=1), (y**2).sum(axis=1))
    kernels.nearest_by_products(x @ y.T, *squares, v.astype(x.dtype), exponent, index, limit)
    return index, limit


def by_costs(x: Array, y: Array, v: Array, exponent: float, size: int) -> tuple[Array, Array]:
    index, limit = np.full((len(x), size), -7, np.int32), np.empty(len(x))
    kernels.nearest_by_costs(cdist(x, y) ** exponent, v.astype(float), index, limit)
    return index, limit


def check(nearest: Nearest, x: Array, y: Array, v: Array, exponent: float, size: int, rounding: float) -> None:
    """Values decide: of columns that tie, any may be listed."""
    index, limit = nearest(x, y, v, exponent, size)
    reduced = cdist(x.astype(float), y.astype(float)) ** exponent - v
    ranked = np.take_along_axis(reduced, np.argsort(reduced, axis=1), axis=1)
    least = min(size, len(y))
    assert (index[:, least:] == -1).all()
    listed = index[:, :least]
    assert listed.min() >= 0
    assert (np.diff(np.sort(listed, axis=1), axis=1) > 0).all(), "a column twice"
    values = np.sort(np.take_along_axis(reduced, listed, axis=1), axis=1)
    np.testing.assert_allclose(values, ranked[:, :least], rtol=0, atol=rounding)
    if size >= len(y):
        assert np.isposinf(limit).all()
    else:
        np.testing.assert_allclose(limit, ranked[:, size], rtol=0, atol=rounding)


@pytest.mark.parametrize("nearest", [by_products, by_costs])
@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
@pytest.mark.parametrize(("kind", "rounding"), [(np.float64, 1e-11), (np.float32, 1e-3)])
@pytest.mark.parametrize("m", [1, 2, WIDTH - 1, WIDTH, WIDTH + 1, 3 * WIDTH + 17])
def test_the_least_are_listed_and_the_next_bounds_the_rest(
    nearest: Nearest, exponent: float, kind: type[Any], rounding: float, m: int
) -> None:
    rng = np.random.default_rng(m)
    x, y = rng.standard_normal((13, 6)).astype(kind), rng.standard_normal((m, 6)).astype(kind)
    for size in (1, 2, 7, 32, m, m + 3):
        for v in (np.zeros(m), 3 * rng.standard_normal(m)):
            check(nearest, x, y, v, exponent, size, rounding)


@pytest.mark.parametrize("nearest", [by_products, by_costs])
@pytest.mark.parametrize("order", ["falling", "rising", "equal"])
def test_columns_in_any_order_and_with_ties(nearest: Nearest, order: str) -> None:
    """Falling values fill the heap with each column; equal ones must be listed once each."""
    m = 2 * WIDTH + 5
    x, y = np.zeros((2, 1)), np.zeros((m, 1))
    v = {"falling": np.arange(m), "rising": -np.arange(m), "equal": np.ones(m)}[order].astype(float)
    for size in (1, 5, 100, WIDTH, m - 1, m):
        check(nearest, x, y, v, 1.0, size, 0.0)


@pytest.mark.parametrize("nearest", [by_products, by_costs])
@pytest.mark.parametrize("size", [1, 4, 40])
def test_duplicates_are_columns_of_their_own(nearest: Nearest, size: int) -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(-1, 2, (WIDTH + 44, 2)).astype(float)
    x = rng.integers(-1, 2, (9, 2)).astype(float)
    check(nearest, x, y, np.zeros(len(y)), 1.0, size, 0.0)
    check(nearest, x, y, rng.integers(0, 3, len(y)).astype(float), 2.0, size, 0.0)


# ---- costs of pairs


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0, 2.5])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("unit", [1.0, 7.0, 1e-9])
def test_pair_costs_are_differences_in_float64(exponent: float, kind: type[Any], unit: float) -> None:
    rng = np.random.default_rng(2)
    x = (100 + rng.standard_normal((20, 33))).astype(kind)
    y = (x[:11] + 1e-4 * rng.standard_normal((11, 33))).astype(kind)
    i, j = rng.integers(0, 20, 200), rng.integers(0, 11, 200)
    out = np.full(200, np.nan)
    kernels.pair_costs(x, y, i, j, exponent, unit, out)
    expected = (np.linalg.norm(x[i].astype(float) - y[j].astype(float), axis=1) / unit) ** exponent
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=0)


# ---- potentials that an optimal flow proves


def settled(costs: Array, flow: Array, v: Array, most: int, tolerance: float = 1e-14) -> tuple[bool, Array, Array]:
    """All pairs are arcs, and those carry that ``flow`` (n, m) says."""
    n, m = costs.shape
    columns, rows = np.nonzero(flow.T)
    u, new = np.empty(n), v.copy()
    ended = kernels.settle(
        np.arange(n + 1) * m, np.tile(np.arange(m), n), costs.ravel(), np.searchsorted(columns, np.arange(m + 1)),
        rows, costs[rows, columns], u, new, tolerance, most,
    )  # fmt: skip
    return bool(ended), u, new


def assigned(costs: Array) -> Array:
    flow = np.zeros(costs.shape)
    flow[linear_sum_assignment(costs)] = 1
    return flow


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [1, 2, 25])
def test_potentials_of_an_optimal_flow_are_feasible_tight_and_below_the_start(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.random((size, size))
    flow = assigned(costs)
    for v in (np.zeros(size), rng.standard_normal(size), costs.min(axis=0)):
        ended, u, new = settled(costs, flow, v, 10**6)
        assert ended
        assert (new <= v).all()
        reduced = costs - u[:, None] - new
        assert reduced.min() >= -1e-12
        assert np.abs(reduced[flow > 0]).max() <= 1e-12
        # Strong duality: what the potentials prove is the cost of the assignment.
        assert u.sum() + new.sum() == pytest.approx((flow * costs).sum(), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_they_are_the_largest_below_the_start(seed: int) -> None:
    """What is below the start and optimal is below them: so is every optimal v' that is moved under the start."""
    rng = np.random.default_rng(seed)
    costs = rng.random((12, 12))
    flow = assigned(costs)
    start = rng.standard_normal(12)
    _, _, new = settled(costs, flow, start, 10**6)
    for _ in range(20):
        _, _, other = settled(costs, flow, rng.standard_normal(12), 10**6)
        other += (start - other).min()
        assert (other <= new + 1e-12).all()
    # And they stay where they are.
    np.testing.assert_allclose(settled(costs, flow, new, 10**6)[2], new, rtol=0, atol=1e-12)


def test_several_rows_may_carry_into_a_column() -> None:
    """2 columns take 3 rows' mass: potentials are tight on all four arcs that carry."""
    costs = np.array([[0.0, 4.0], [1.0, 2.0], [5.0, 1.0]])
    flow = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    ended, u, v = settled(costs, flow, np.zeros(2), 1000)
    assert ended
    np.testing.assert_allclose((costs - u[:, None] - v)[flow > 0], 0, atol=1e-15)
    assert (costs - u[:, None] - v).min() >= 0
    # c_20 - c_10 = 1 higher: v_1 = v_0 + 1, and the higher of the two is at its start.
    np.testing.assert_allclose(v, [-1, 0])


def test_it_gives_up_when_the_visits_run_out() -> None:
    rng = np.random.default_rng(3)
    costs = rng.random((30, 30))
    flow = assigned(costs)
    start = rng.standard_normal(30)
    assert not settled(costs, flow, start, 29)[0]  # each row waits once
    assert settled(costs, flow, start, 10**6)[0]


def test_a_flow_that_is_not_optimal_has_no_potentials() -> None:
    """A cycle of negative cost lowers them for ever: only the visits end it."""
    costs = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert not settled(costs, np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2), 10_000)[0]
