"""Over all pairs the sparse simplex finds what the dense solvers find, and potentials that prove it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import ot
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from wganalyze.transport.costs.working import Unfinished
from wganalyze.transport.shortlist.pricing import pricing
from wganalyze.transport.shortlist.simplex import Arcs, Flow, simplex, tolerance

Array = npt.NDArray[Any]


def arcs_of(costs: Array) -> Arcs:
    """No arc yet, at these costs between points that are their own numbers."""
    n, m = costs.shape

    def by_number(i: Array, j: Array) -> Array:
        return np.asarray(costs[np.ix_(i[:, 0].astype(int), j[:, 0].astype(int))])

    prices = pricing(np.arange(float(n))[:, None], np.arange(float(m))[:, None], 1.0, by_number, np.zeros(1, np.uint8))
    prices.scale = 1.0
    return Arcs(prices)


def full(costs: Array) -> Arcs:
    n, m = costs.shape
    arcs = arcs_of(costs)
    arcs.add(*np.divmod(np.arange(n * m), m))
    return arcs


# ---- arcs


def test_no_pair_is_taken_twice_and_all_are_sorted() -> None:
    rng = np.random.default_rng(0)
    costs = rng.random((11, 7))
    arcs = arcs_of(costs)
    pairs: set[tuple[int, int]] = set()
    for _ in range(6):
        i, j = rng.integers(0, 11, 20), rng.integers(0, 7, 20)
        before = len(pairs)
        pairs |= set(zip(i.tolist(), j.tolist(), strict=True))
        assert arcs.add(i, j) == len(pairs) - before
        rows, columns = arcs.ends
        assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == sorted(pairs)
        np.testing.assert_array_equal(arcs.costs, costs[rows, columns])
        assert len(arcs) == len(pairs)
    assert arcs.add(*arcs.ends) == 0
    assert arcs.add(np.empty(0, int), np.empty(0, int)) == 0
    assert len(arcs) == len(pairs)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint32])
def test_many_points_do_not_overflow_their_numbers(kind: type[Any]) -> None:
    points = np.zeros((60_000, 1))
    arcs = Arcs(pricing(points, points, 1.0, "euclidean", np.zeros(1, np.uint8)))
    arcs.add(np.array([59_999, 59_998], kind), np.array([59_999, 0], kind))
    np.testing.assert_array_equal(arcs.ends, [[59_998, 59_999], [0, 59_999]])


def test_pairs_are_taken_by_their_reduced_costs() -> None:
    rng = np.random.default_rng(1)
    costs, u, v = rng.random((9, 8)), rng.random(9) / 2, rng.random(8) / 2
    reduced = costs - u[:, None] - v
    i, j = np.divmod(np.arange(72), 8)
    for below in (0.0, 0.3, -0.2, np.linspace(-0.5, 0.5, 9)):
        arcs = arcs_of(costs)
        assert arcs.add(i, j, u, v, below) == (reduced < 0).sum()
        limit = np.broadcast_to(np.reshape(below, (-1, 1)), reduced.shape)
        np.testing.assert_array_equal(np.transpose(arcs.ends), np.argwhere(reduced < limit))
        # Those that are there do not count again.
        assert arcs.add(i, j, u, v) == (reduced < 0).sum() - (reduced < np.minimum(limit, 0)).sum()


def test_reduced_costs_that_are_rounding_violate_nothing() -> None:
    """But they are taken: an arc more costs nothing."""
    costs = np.full((2, 2), 5.0)
    u, v = np.full(2, 1000.0), np.full(2, -995.0)
    arcs = arcs_of(costs)
    assert arcs.add(np.array([0]), np.array([0]), u + tolerance(u, v) / 2, v) == 0
    assert arcs.add(np.array([0]), np.array([1]), u + 2 * tolerance(u, v), v) == 1
    assert len(arcs) == 2


# ---- the simplex


def check(flow: Flow, costs: Array, a: Array, b: Array) -> None:
    """Marginals, and potentials that are feasible on all pairs and tight where mass is: optimal without a solver."""
    plan = np.zeros(costs.shape)
    np.add.at(plan, (flow.rows, flow.columns), flow.masses)
    assert (flow.masses > 0).all()
    np.testing.assert_allclose(plan.sum(axis=1), a, rtol=1e-12, atol=1e-14 * a.sum())
    np.testing.assert_allclose(plan.sum(axis=0), b, rtol=1e-12, atol=1e-14 * a.sum())
    reduced = costs - flow.u[:, None] - flow.v
    assert reduced.min() >= -1e-11
    assert np.abs(reduced[flow.rows, flow.columns]).max() <= 1e-11


def started(costs: Array, a: Array, b: Array, u: Array | None = None, v: Array | None = None) -> Flow:
    n, m = costs.shape
    return simplex(full(costs), a, b, np.zeros(n) if u is None else u, np.zeros(m) if v is None else v)


@pytest.mark.parametrize("size", [1, 2, 17, 60])
@pytest.mark.parametrize("kind", ["random", "distances", "whole"])
def test_an_assignment_is_that_of_scipy(size: int, kind: str) -> None:
    rng = np.random.default_rng(size)
    points = rng.standard_normal((2, size, 3))
    costs = {
        "random": rng.random((size, size)), "distances": cdist(*points),
        "whole": rng.integers(0, 4, (size, size)).astype(float),
    }[kind]  # fmt: skip
    flow = started(costs, np.ones(size), np.ones(size))
    check(flow, costs, np.ones(size), np.ones(size))
    best = costs[linear_sum_assignment(costs)].sum()
    assert costs[flow.rows, flow.columns] @ flow.masses == pytest.approx(best, rel=1e-12, abs=1e-14)
    np.testing.assert_array_equal(flow.masses, 1)  # exactly


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (20, 33), (47, 12)])
@pytest.mark.parametrize("weights", ["uniform", "random"])
@pytest.mark.parametrize("seed", range(3))
def test_weights_and_unequal_sizes_are_those_of_pot(shape: tuple[int, int], weights: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.random(shape)
    a, b = (np.ones(k) if weights == "uniform" else rng.exponential(size=k) for k in shape)
    b *= a.sum() / b.sum()
    flow = started(costs, a, b)
    check(flow, costs, a, b)
    best = (ot.emd(a, b, costs) * costs).sum()
    assert costs[flow.rows, flow.columns] @ flow.masses == pytest.approx(best, rel=1e-12)
    assert a @ flow.u + b @ flow.v == pytest.approx(best, rel=1e-11)


@pytest.mark.parametrize("start", ["random", "far", "optimal", "constant"])
@pytest.mark.parametrize("seed", range(3))
def test_where_it_starts_changes_nothing_but_time(start: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs = cdist(rng.standard_normal((30, 2)), rng.standard_normal((40, 2)))
    a, b = rng.exponential(size=30), rng.exponential(size=40)
    b *= a.sum() / b.sum()
    plain = started(costs, a, b)
    u, v = {
        "random": (rng.standard_normal(30), rng.standard_normal(40)),
        "far": (1e3 * rng.standard_normal(30), 1e3 * rng.standard_normal(40)),
        "optimal": (plain.u, plain.v), "constant": (np.full(30, 7.0), np.full(40, -7.0)),
    }[start]  # fmt: skip
    flow = started(costs, a, b, u, v)
    # Potentials are as exact as the largest reduced cost.
    reduced = costs - flow.u[:, None] - flow.v
    assert reduced.min() >= -1e-11 * max(1, np.abs(u).max())
    spent, best = (costs[f.rows, f.columns] @ f.masses for f in (flow, plain))
    assert spent == pytest.approx(best, rel=1e-12)
    if start == "optimal":
        np.testing.assert_allclose(flow.v, plain.v, rtol=0, atol=1e-11)


def test_potentials_stay_next_to_those_it_starts_from() -> None:
    """Below the start, and no lower than they have to be: optimal ones that are lowered by 1 are not."""
    rng = np.random.default_rng(4)
    costs, ones = rng.random((25, 25)), np.ones(25)
    start = rng.random(25)
    flow = started(costs, ones, ones, np.zeros(25), start)
    assert (flow.v <= start).all()
    assert np.abs(flow.v - start).min() == 0


@pytest.mark.parametrize("size", [1e-9, 1e9])
def test_costs_of_any_size(size: float) -> None:
    rng = np.random.default_rng(5)
    costs, ones = rng.random((20, 20)), np.ones(20)
    flow = started(size * costs, ones, ones)
    check(Flow(flow.rows, flow.columns, flow.masses, flow.u / size, flow.v / size), costs, ones, ones)


def test_costs_that_are_all_0() -> None:
    check(
        started(np.zeros((4, 6)), np.full(4, 3.0), np.full(6, 2.0)), np.zeros((4, 6)), np.full(4, 3.0), np.full(6, 2.0)
    )


def test_only_arcs_carry() -> None:
    """The optimum over a band of arcs: all others at a prohibitive cost to the dense solver."""
    rng = np.random.default_rng(6)
    costs = rng.random((30, 30))
    away = np.abs(np.subtract.outer(np.arange(30), np.arange(30)))
    arcs = arcs_of(costs)
    i, j = np.nonzero(away <= 2)
    arcs.add(i, j)
    flow = simplex(arcs, np.ones(30), np.ones(30), np.zeros(30), np.zeros(30))
    dear = np.where(away <= 2, costs, 1000.0)
    check(flow, dear, np.ones(30), np.ones(30))
    assert costs[flow.rows, flow.columns].sum() == pytest.approx(dear[linear_sum_assignment(dear)].sum(), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_arcs_that_allow_no_flow(seed: int) -> None:
    """Rows 0 and 1 both need column 0, which takes one of them."""
    costs = np.random.default_rng(seed).random((4, 4))
    arcs = arcs_of(costs)
    i, j = np.divmod(np.arange(16), 4)
    arcs.add(i[(i > 1) | (j == 0)], j[(i > 1) | (j == 0)])
    with pytest.raises(Unfinished):
        simplex(arcs, np.ones(4), np.ones(4), np.zeros(4), np.zeros(4))
