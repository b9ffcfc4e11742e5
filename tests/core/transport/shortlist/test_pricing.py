"""Prices are the costs of the brute-force matrix, by whatever way they are computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.core.transport.conftest import ground, uphill
from tests.core.transport.shortlist.conftest import all_costs

from wganalyze.transport.costs.metrics import Metric, metric_name
from wganalyze.transport.costs.working import Unfinished
from wganalyze.transport.shortlist.pricing import HELD_DIMENSION, LOW_DIMENSION, Blocks, Pricing, Products, pricing

Array = npt.NDArray[Any]


METRICS: tuple[Metric, ...] = ("euclidean", "cosine", "l1", uphill)
POWERS = (1.0, 2.0, 3.0)


def running() -> npt.NDArray[np.uint8]:
    return np.zeros(1, np.uint8)


def check(prices: Pricing, matrix: Array, v: Array, size: int, rounding: float) -> None:
    """Costs are those of the matrix to the last digits; lists are right to the rounding of pricing."""
    expected = matrix / prices.scale
    assert prices.shape == matrix.shape
    np.testing.assert_allclose(all_costs(prices), expected, rtol=1e-12, atol=1e-15)
    index, limit = prices.nearest(v, size)
    reduced = expected - v
    ranked = np.sort(reduced, axis=1)
    least = min(size, matrix.shape[1])
    assert index.shape == (len(matrix), least)
    assert (np.diff(np.sort(index, axis=1), axis=1) > 0).all()
    values = np.sort(np.take_along_axis(reduced, index.astype(np.intp), axis=1), axis=1)
    np.testing.assert_allclose(values, ranked[:, :least], rtol=0, atol=rounding)
    if least == matrix.shape[1]:
        assert np.isposinf(limit).all()
    else:
        np.testing.assert_allclose(limit, ranked[:, least], rtol=0, atol=rounding)


@pytest.mark.parametrize("dim", [2, LOW_DIMENSION, LOW_DIMENSION + 1, 60, HELD_DIMENSION])
@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("metric", METRICS, ids=metric_name)
def test_parts_and_turns_are_those_of_the_matrix(metric: Metric, p: float, dim: int) -> None:
    rng = np.random.default_rng(dim)
    x, y = 0.4 + rng.standard_normal((57, dim)), rng.standard_normal((301, dim))
    prices = pricing(x, y, p, metric, running())
    assert isinstance(prices, Products if metric in ("euclidean", "cosine") else Blocks)
    matrix, other = ground(x, y, metric) ** p, ground(x, x, metric) ** p
    exact = not isinstance(prices, Products) or dim <= LOW_DIMENSION
    rounding = 1e-11 if exact else 1e-3
    v = 0.3 * rng.standard_normal(301)
    check(prices, matrix, v, 9, rounding)
    check(prices, matrix, v, 500, rounding)
    rows, columns = np.array([50, 0, 7, 7]), rng.permutation(301)[:40]
    check(prices.restricted(rows), matrix[rows], v, 9, rounding)
    check(prices.restricted(columns=columns), matrix[:, columns], v[columns], 9, rounding)
    check(prices.restricted(rows, columns), matrix[np.ix_(rows, columns)], v[columns], 9, rounding)
    check(prices.turned(), matrix.T, v[:57], 9, rounding)
    check(prices.turned().restricted(columns=rows), matrix.T[:, rows], v[rows], 2, rounding)
    check(prices.turned().turned(), matrix, v, 9, rounding)
    # The distance of a point to itself is the square root of rounding.
    near = 1e-6 if exact else 1e-2
    check(prices.within(), other, v[:57], 9, near)
    check(prices.turned().within(), (ground(y, y, metric) ** p).T, v, 9, near)
    check(prices.sharp(), matrix, v, 9, 1e-11)
    check(prices.sharp().restricted(rows, columns), matrix[np.ix_(rows, columns)], v[columns], 9, 1e-11)


@pytest.mark.parametrize("metric", METRICS, ids=metric_name)
@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_the_scale_brings_costs_near_1_and_keeps_itself(metric: Metric, p: float, size: float) -> None:
    """The same for every part: potentials of one are potentials of another."""
    rng = np.random.default_rng(1)
    x, y = size * rng.standard_normal((30, 20)), size * (0.2 + rng.standard_normal((40, 20)))
    prices = pricing(x, y, p, metric, running())
    for part in (prices, prices.turned(), prices.within(), prices.restricted(np.arange(3))):
        assert part.scale == prices.scale
        assert 1e-2 < np.median(all_costs(part)) < 30


@pytest.mark.parametrize("metric", METRICS, ids=metric_name)
@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("dim", [4, 40])
def test_more_digits_are_of_the_same_costs(metric: Metric, p: float, kind: type[Any], dim: int) -> None:
    """Potentials that were found before are used on: another unit would shift all prices by more than it sharpens."""
    rng = np.random.default_rng(6)
    x, y = (rng.standard_normal((n, dim)).astype(kind) for n in (30, 40))
    prices = pricing(x, y, p, metric, running())
    sharp = prices.sharp()
    assert sharp.scale == pytest.approx(prices.scale, rel=1e-14)
    np.testing.assert_allclose(all_costs(sharp), all_costs(prices), rtol=1e-13, atol=0)
    expected = np.sort(all_costs(prices), axis=1)
    np.testing.assert_allclose(sharp.nearest(np.zeros(40), 1)[1], expected[:, 1], rtol=1e-12, atol=0)


@pytest.mark.parametrize("metric", ["euclidean", "l1"])
@pytest.mark.parametrize("dim", [3, 100])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_costs_of_near_duplicates_are_exact(metric: Metric, dim: int, kind: type[Any], offset: float) -> None:
    """Far from 0 the products of the two have nothing in common with their distance."""
    rng = np.random.default_rng(2)
    x = (offset + rng.standard_normal((80, dim))).astype(kind)
    y = (x + 1e-5 * rng.standard_normal((80, dim))).astype(kind)
    i = np.arange(80)
    difference = x.astype(float) - y.astype(float)
    size = np.linalg.norm(difference, axis=1) if metric == "euclidean" else np.abs(difference).sum(axis=1)
    for p in POWERS:
        prices = pricing(x, y, p, metric, running())
        for part in (prices, prices.turned(), prices.sharp()):
            np.testing.assert_allclose(part.costs(i, i), size**p / part.scale, rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_points_far_from_0_are_centred_before_they_are_multiplied(kind: type[Any]) -> None:
    rng = np.random.default_rng(3)
    x, y = (1e4 + rng.standard_normal((50, 100))).astype(kind), (1e4 + rng.standard_normal((70, 100))).astype(kind)
    check(pricing(x, y, 1, "euclidean", running()), ground(x, y), np.zeros(70), 5, 1e-3)


@pytest.mark.parametrize("metric", ["euclidean", "l1", uphill])
def test_points_that_all_coincide_cost_nothing(metric: Metric) -> None:
    points = np.full((5, 20), 0.1)
    prices = pricing(points, points, 1, metric, running())
    assert prices.scale > 0
    assert (all_costs(prices) == 0).all()
    assert (prices.nearest(np.arange(5.0), 1)[0] == 4).all()


def test_float32_prices_are_sharpened_from_the_points_as_given() -> None:
    """Two columns that float32 cannot tell apart: float64 lists the nearer."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((40, 50))
    y = np.concatenate([x + 1e-7, x])
    prices = pricing(x, y, 1, "euclidean", running())
    assert isinstance(prices, Products)
    assert prices.x.points.dtype == np.float32
    assert prices.sharp().x.points.dtype == np.float64
    index, limit = prices.sharp().nearest(np.zeros(80), 1)
    np.testing.assert_array_equal(index[:, 0], 40 + np.arange(40))
    np.testing.assert_allclose(limit * prices.scale, 1e-7 * np.sqrt(50), rtol=0.2)


@pytest.mark.parametrize("metric", METRICS, ids=metric_name)
def test_pricing_stops_when_it_is_told_to(metric: Metric) -> None:
    rng = np.random.default_rng(5)
    stop = running()
    prices = pricing(rng.standard_normal((20, 20)), rng.standard_normal((30, 20)), 1, metric, stop)
    parts = (prices, prices.turned(), prices.within(), prices.restricted(np.arange(4)), prices.sharp())
    for part in parts:
        part.nearest(np.zeros(part.shape[1]), 3)
    stop[0] = 1
    for part in parts:
        with pytest.raises(Unfinished):
            part.nearest(np.zeros(part.shape[1]), 3)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_costs_of_pairs_stop_when_they_are_told_to(metric: Metric) -> None:
    stop = running()
    prices = pricing(np.eye(20), 1 + np.eye(20), 1, metric, stop)
    stop[0] = 1
    with pytest.raises(Unfinished):
        prices.costs(np.arange(20), np.arange(20))


def test_products_of_many_numbers_are_made_once_and_others_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []
    matmul = np.matmul

    def counted(x: Array, y: Array, **more: Any) -> Array:
        calls.append((len(x), y.shape[1]))
        return np.asarray(matmul(x, y, **more))

    monkeypatch.setattr(np, "matmul", counted)
    rng = np.random.default_rng(0)
    for dim, made in ((HELD_DIMENSION - 1, 0), (HELD_DIMENSION, 40 * 50)):
        calls.clear()
        prices = pricing(rng.standard_normal((40, dim)), rng.standard_normal((50, dim)), 1, "euclidean", running())
        for part in (prices, prices.turned(), prices.restricted(np.arange(9), np.arange(7)), prices.turned().turned()):
            part.nearest(np.zeros(part.shape[1]), 3)
        assert sum(n * m for n, m in calls) == made
