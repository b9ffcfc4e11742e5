"""Of a smaller problem: a coupling of the whole, and potentials that prove most of the distance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.spatial.distance import cdist
from tests.core.transport.shortlist.conftest import all_costs

from wganalyze.transport.costs.metrics import Metric, metric_name
from wganalyze.transport.shortlist.coarse import RATIO, coarse_start, refined
from wganalyze.transport.shortlist.pricing import Pricing, pricing
from wganalyze.transport.shortlist.simplex import Arcs, Flow, simplex

Array = npt.NDArray[Any]


def whole(prices: Pricing, a: Array, b: Array) -> Flow:
    """Of the smaller problem, by all its pairs."""
    n, m = prices.shape
    arcs = Arcs(prices)
    arcs.add(*np.divmod(np.arange(n * m), m))
    return simplex(arcs, a, b, np.zeros(n), np.zeros(m))


def prices_of(x: Array, y: Array, p: float = 1.0, metric: Metric = "euclidean") -> Pricing:
    return pricing(x, y, p, metric, np.zeros(1, np.uint8))


def allows(rows: Array, columns: Array, a: Array, b: Array) -> bool:
    """Is there a coupling of a and b on these pairs? The simplex answers, at costs of 0."""
    n, m = len(a), len(b)
    arcs = Arcs(prices_of(np.zeros((n, 1)), np.zeros((m, 1))))
    arcs.add(rows, columns)
    flow = simplex(arcs, a, b, np.zeros(n), np.zeros(m))
    plan = coo_array((flow.masses, (flow.rows, flow.columns)), shape=(n, m))
    return bool(np.allclose(plan.sum(axis=1), a, rtol=1e-12) and np.allclose(plan.sum(axis=0), b, rtol=1e-12))


# ---- from groups to their points


@pytest.mark.parametrize("weights", ["uniform", "random"])
@pytest.mark.parametrize("seed", range(5))
def test_refined_pairs_join_the_groups_that_the_flow_joins_and_carry_all_mass(weights: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m, groups, others = 40, 60, 7, 5
    group = rng.permutation(np.append(np.arange(groups), rng.integers(0, groups, n - groups)))
    other = rng.permutation(np.append(np.arange(others), rng.integers(0, others, m - others)))
    a = np.full(n, 3.0) if weights == "uniform" else rng.exponential(size=n)
    b = np.full(m, 2.0) if weights == "uniform" else rng.exponential(size=m)
    b *= a.sum() / b.sum()
    flow = whole(
        prices_of(rng.random((groups, 2)), rng.random((others, 2))),
        np.bincount(group, weights=a), np.bincount(other, weights=b),
    )  # fmt: skip
    rows, columns = refined(flow, group, other, a, b)
    assert allows(rows, columns, a, b)
    assert set(rows) == set(range(n))
    assert set(columns) == set(range(m))
    # Few pairs, and each of them within a pair of groups that the flow joins; every such pair of groups has some.
    assert len(rows) <= n + m + 2 * len(flow.rows)
    joined = set(zip(flow.rows.tolist(), flow.columns.tolist(), strict=True))
    found = set(zip(group[rows].tolist(), other[columns].tolist(), strict=True))
    if weights == "uniform":  # whole numbers: no crumbs
        assert found == joined
    assert found >= joined


def test_a_group_of_each_point_gives_the_flow_itself() -> None:
    rng = np.random.default_rng(1)
    flow = whole(prices_of(rng.random((9, 3)), rng.random((9, 3))), np.ones(9), np.ones(9))
    rows, columns = refined(flow, np.arange(9), np.arange(9), np.ones(9), np.ones(9))
    order = np.argsort(flow.rows)
    np.testing.assert_array_equal(np.sort(rows), np.arange(9))
    np.testing.assert_array_equal(columns[np.argsort(rows)], flow.columns[order])


# ---- the start


@pytest.mark.parametrize("dim", [3, 30])
@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("metric", ["euclidean", "l1"], ids=metric_name)
def test_it_proves_most_of_the_distance(dim: int, p: float, metric: Metric) -> None:
    """And no more than all of it: v and its c-transform are potentials."""
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((400, dim)), 2 + rng.standard_normal((400, dim))
    prices = prices_of(x, y, p, metric)
    ones = np.ones(400)
    v, rows, columns = coarse_start(prices, ones, ones, whole, 0)
    costs = all_costs(prices)
    best = costs[linear_sum_assignment(costs)].sum()
    proved = (costs - v).min(axis=1).sum() + v.sum()
    assert 0.9 * best <= proved <= best * (1 + 1e-12)
    assert allows(rows, columns, ones, ones)


@pytest.mark.parametrize("shape", [(200, 90), (90, 200), (5, 300), (3, 3), (1, 1)])
def test_unequal_sizes_and_weights(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    n, m = shape
    x, y = rng.standard_normal((n, 4)), 3 + rng.standard_normal((m, 4))
    a, b = rng.exponential(size=n), rng.exponential(size=m)
    b *= a.sum() / b.sum()
    prices = prices_of(x, y)
    v, rows, columns = coarse_start(prices, a, b, whole, 0)
    assert v.shape == (m,)
    assert allows(rows, columns, a, b)
    proved = a @ (all_costs(prices) - v).min(axis=1) + b @ v
    best = (whole(prices, a, b).masses * prices.costs(*_ends(whole(prices, a, b)))).sum()
    assert 0.7 * best <= proved <= best * (1 + 1e-12)


def _ends(flow: Flow) -> tuple[Array, Array]:
    return flow.rows, flow.columns


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "l1"])
def test_it_is_the_same_each_time_and_another_at_another_level(metric: str) -> None:
    rng = np.random.default_rng(4)
    prices, ones = (
        prices_of(rng.standard_normal((150, 20)), 1 + rng.standard_normal((150, 20)), 1.0, metric),
        np.ones(150),
    )
    first, again, other = (coarse_start(prices, ones, ones, whole, seed) for seed in (0, 0, 1))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert (first[0] != other[0]).any()


def test_the_smaller_problem_has_all_mass_and_a_quarter_of_the_points() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((200, 3)), rng.standard_normal((120, 3))
    a, b = rng.exponential(size=200), rng.exponential(size=120)
    b *= a.sum() / b.sum()
    seen: list[tuple[int, int]] = []

    def smaller(prices: Pricing, mass: Array, wanted: Array) -> Flow:
        seen.append(prices.shape)
        assert mass.sum() == pytest.approx(a.sum(), rel=1e-12)
        assert wanted.sum() == pytest.approx(a.sum(), rel=1e-12)
        assert min(mass.min(), wanted.min()) > 0
        return whole(prices, mass, wanted)

    coarse_start(prices_of(x, y), a, b, smaller, 0)
    # A representative is nearest to itself at least.
    assert seen == [(200 // RATIO, 120 // RATIO)]


def test_with_every_point_chosen_it_is_the_solution() -> None:
    rng = np.random.default_rng(6)
    x, y, ones = rng.standard_normal((60, 5)), 1 + rng.standard_normal((60, 5)), np.ones(60)
    prices = prices_of(x, y)
    v, rows, columns = coarse_start(prices, ones, ones, whole, 0, ratio=1)
    costs = cdist(x, y) / prices.scale
    best = costs[linear_sum_assignment(costs)].sum()
    assert costs[rows, columns].sum() == pytest.approx(best, rel=1e-12)
    assert (costs - v).min(axis=1).sum() + v.sum() == pytest.approx(best, rel=1e-12)


def test_copies_of_one_point_share_a_representative() -> None:
    x, y, ones = np.zeros((50, 20)), np.full((50, 20), 1.0), np.ones(50)
    v, rows, columns = coarse_start(prices_of(x, y), ones, ones, whole, 0)
    assert np.ptp(v) == 0
    assert allows(rows, columns, ones, ones)
