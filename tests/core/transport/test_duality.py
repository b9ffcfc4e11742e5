"""Bounds from scores: below the assignment for any scores whatever, and tight for the best ones."""

from __future__ import annotations

import math
from dataclasses import astuple
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from wganalyze.transport import (
    METRICS,
    DualBounds,
    best_scaled_dual,
    c_transform_duals,
    cost_matrix,
    dual_bounds,
    duality,
    entropic_c_transform,
    information,
    pair_slope,
    penalised_dual,
    wasserstein,
)
from wganalyze.transport.duality import Costs
from wganalyze_plugins.funnel import Funnel

Array = npt.NDArray[np.float64]


def pair(seed: int, *, gridded: bool = False) -> tuple[Array, Array]:
    """Two small samples of equal sizes; on a grid, points coincide and distances are tied."""
    rng = np.random.default_rng(seed)
    n, dim = int(rng.integers(1, 15)), int(rng.integers(1, 5))
    x, y = rng.standard_normal((n, dim)), 0.5 + rng.standard_normal((n, dim))
    return (np.round(x), np.round(y)) if gridded else (x, y)


def scores(seed: int, x: Array, y: Array) -> tuple[Array, Array]:
    """Noise, a linear critic, or whole numbers with ties; of any size."""
    rng = np.random.default_rng([seed, 1])
    size = 10.0 ** rng.integers(-5, 5)
    kind = rng.integers(3)
    if kind == 0:
        return size * rng.standard_normal(len(x)), size * rng.standard_normal(len(y))
    if kind == 1:
        direction = rng.standard_normal(x.shape[1])
        return -size * x @ direction, -size * y @ direction
    return rng.integers(-2, 3, len(x)).astype(float), rng.integers(-2, 3, len(y)).astype(float)


def assignment(costs: Array) -> float:
    """W1 of samples of equal sizes."""
    return float(costs[linear_sum_assignment(costs)].mean())


SEEDS = st.integers(0, 10**6)


@given(SEEDS, st.booleans(), st.sampled_from(METRICS))
@settings(max_examples=300)
def test_every_bound_is_below_the_assignment_for_any_scores(seed: int, gridded: bool, metric: str) -> None:
    x, y = pair(seed, gridded=gridded and metric != "cosine")
    fx, fy = scores(seed, x, y)
    costs = cost_matrix(x, y, metric)
    bounds = dual_bounds(fx, fy, x, y, metric)
    # Rounding is that of the scores, which the transform adds and takes away again.
    top = assignment(costs) + 1e-14 * (costs.max() + max(1.0, bounds.best_scale) * np.abs([fx, fy]).max())
    assert bounds.c_first <= top
    assert bounds.c_second <= top
    assert bounds.c == max(bounds.c_first, bounds.c_second)
    assert bounds.zero <= top
    assert bounds.best <= top
    assert bounds.largest <= top
    assert bounds.pair is None or bounds.pair <= top
    assert bounds.best >= max(bounds.zero, bounds.pair if bounds.pair is not None else 0.0)
    assert bounds.raw == pytest.approx(fx.mean() - fy.mean())


@given(SEEDS, st.booleans())
def test_the_bounds_are_their_definitions(seed: int, gridded: bool) -> None:
    x, y = pair(seed, gridded=gridded)
    fx, fy = scores(seed, x, y)
    costs = cdist(x, y)
    bounds = dual_bounds(fx, fy, x, y)
    close: Any = {"rel": 1e-9, "abs": 1e-12 * float(1 + np.abs([fx, fy]).max())}
    assert bounds.c_first == pytest.approx(fx.mean() + (costs - fx[:, None]).min(axis=0).mean(), **close)
    assert bounds.c_second == pytest.approx((costs + fy[None]).min(axis=1).mean() - fy.mean(), **close)
    assert c_transform_duals(fx, fy, x, y) == (bounds.c_first, bounds.c_second)
    assert bounds.zero == pytest.approx(max(costs.min(axis=0).mean(), costs.min(axis=1).mean()), **close)
    rise = fx[:, None] - fy[None]
    slopes = [r / c if c > 0 else math.inf for r, c in zip(rise.ravel(), costs.ravel(), strict=True) if r > 0]
    assert bounds.slope == pytest.approx(max(slopes, default=0.0), rel=1e-9)
    assert pair_slope(fx, fy, x, y) == bounds.slope
    assert (bounds.pair is None) == (bounds.slope in (0, math.inf))


@given(SEEDS, st.booleans())
def test_the_best_scale_is_the_best(seed: int, gridded: bool) -> None:
    """Against a fine grid of scales, on which no search can be stuck."""
    x, y = pair(seed, gridded=gridded)
    fx, fy = scores(seed, x, y)
    scale, best = best_scaled_dual(fx, fy, x, y)
    assert scale >= 0
    attained = c_transform_duals(scale * fx, scale * fy, x, y)
    assert best == pytest.approx(max(attained), rel=1e-9, abs=1e-13)
    size = float(np.abs([fx, fy]).max()) or 1.0
    others = [0.0, *(np.geomspace(1e-4, 1e4, 60) / size), *(scale * np.linspace(0.5, 2, 20))]
    on_grid = max(max(c_transform_duals(s * fx, s * fy, x, y)) for s in others)
    assert best >= on_grid - 1e-9 * abs(on_grid) - 1e-11


@given(SEEDS, st.booleans())
def test_each_side_is_concave_in_the_scale(seed: int, gridded: bool) -> None:
    x, y = pair(seed, gridded=gridded)
    fx, fy = scores(seed, x, y)
    size = float(np.abs([fx, fy]).max()) or 1.0
    a, b = np.random.default_rng([seed, 2]).uniform(0, 5, 2) / size
    at_a, at_b, middle = (c_transform_duals(s * fx, s * fy, x, y) for s in (a, b, (a + b) / 2))
    for side in (0, 1):
        assert middle[side] >= (at_a[side] + at_b[side]) / 2 - 1e-12


@given(SEEDS, st.floats(1e-3, 1e3), st.floats(-10, 10))
def test_the_best_bound_sees_neither_scale_nor_constant(seed: int, factor: float, constant: float) -> None:
    x, y = pair(seed)
    fx, fy = scores(seed, x, y)
    size = float(np.abs([fx, fy]).max()) or 1.0
    plain = dual_bounds(fx / size, fy / size, x, y)
    other = dual_bounds(factor * fx / size + constant, factor * fy / size + constant, x, y)
    assert other.best == pytest.approx(plain.best, rel=1e-6)
    assert other.slope == pytest.approx(factor * plain.slope, rel=1e-6, abs=1e-9)


# ---- known answers


@pytest.mark.parametrize(("dim", "width"), [(2, 4), (64, 16), (128, 4)])
def test_minus_u_of_a_funnel_is_a_perfect_critic(dim: int, width: int) -> None:
    """2206.07767: -u is an optimal potential of the pair, so that each of its bounds is the distance itself."""
    funnel = Funnel(f"{dim},{width},0")
    x, y = funnel.paired(300, np.random.default_rng(5))
    distance = float(np.linalg.norm(x - y, axis=1).mean())
    fx, fy = -funnel.potential(x), -funnel.potential(y)
    bounds = dual_bounds(fx, fy, x, y)
    assert bounds.raw == pytest.approx(distance, rel=1e-9)
    assert bounds.slope == pytest.approx(1, rel=1e-9)
    assert bounds.pair == pytest.approx(distance, rel=1e-9)
    assert bounds.c_first == pytest.approx(distance, rel=1e-9)
    assert bounds.c_second == pytest.approx(distance, rel=1e-9)
    assert bounds.best == pytest.approx(distance, rel=1e-9)
    # Shrunk or blown up it is as good.
    assert dual_bounds(7 * fx, 7 * fy, x, y).best == pytest.approx(distance, rel=1e-9)
    # At high dimension every point is nearest to its own image: there f = 0 is optimal too.
    if dim == 2:
        assert bounds.best_scale == pytest.approx(1, rel=1e-6)
        assert information(bounds, distance) == pytest.approx(1, rel=1e-6)
        turned = dual_bounds(-fx, -fy, x, y)
        assert turned.best == pytest.approx(turned.zero)
        assert information(turned, distance) == pytest.approx(0, abs=1e-9)
    else:
        assert bounds.zero == pytest.approx(distance, rel=1e-9)
        assert information(bounds, distance) is None


def test_minus_u_is_good_where_the_exact_distance_of_samples_is_not() -> None:
    """At d = 128 the dual of unpaired samples is near the truth, and their exact W1 is far above it."""
    funnel = Funnel("128,4,0")
    x, _ = funnel.paired(400, np.random.default_rng(5))
    y = funnel.uniform(400, np.random.default_rng(6))
    truth = funnel.paired(4000, np.random.default_rng(7))
    distance = float(np.linalg.norm(truth[0] - truth[1], axis=1).mean())
    bounds = dual_bounds(-funnel.potential(x), -funnel.potential(y), x, y)
    assert bounds.raw == pytest.approx(distance, abs=0.15)
    assert bounds.zero > 10 * distance


def test_the_exact_potentials_reach_the_distance() -> None:
    x, y = np.random.default_rng(1).standard_normal((2, 150, 8))
    w = wasserstein(x, y)
    u, v = w.potentials
    bounds = dual_bounds(u, -v, x, y)
    for value in (bounds.c_first, bounds.c_second, bounds.best, bounds.largest):
        assert value == pytest.approx(w.value, rel=1e-9)
    assert information(bounds, w.value) == pytest.approx(1, rel=1e-6)


def test_two_diracs_are_seen_exactly_by_any_rising_critic() -> None:
    x, y = np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])
    bounds = dual_bounds(np.array([2.0]), np.array([1.0]), x, y)
    assert bounds == DualBounds(1.0, 0.2, 5.0, 5.0, 5.0, 5.0, 5.0, bounds.best_scale, (0, 0))
    assert information(bounds, 5.0) is None


def test_a_falling_critic_proves_no_more_than_zero() -> None:
    x, y = np.array([[0.0], [1.0]]), np.array([[4.0], [6.0]])
    bounds = dual_bounds(np.array([0.0, 0.0]), np.array([1.0, 1.0]), x, y)
    assert (bounds.raw, bounds.slope, bounds.pair) == (-1.0, 0.0, None)
    # One side: each x to its nearest y, (4 + 3) / 2; the other: each y to its nearest x, (3 + 5) / 2.
    assert (bounds.zero, bounds.best, bounds.best_scale) == (4.0, 4.0, 0.0)
    assert information(bounds, 4.5) == 0


def test_scores_that_differ_at_one_place_have_an_infinite_slope() -> None:
    x, y = np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])
    bounds = dual_bounds(np.array([0.0, 3.0]), np.array([1.0, 0.0]), x, y)
    assert bounds.slope == math.inf
    assert bounds.pair is None
    assert 0 <= bounds.best <= 1
    # The other way round, a fall over no distance binds nothing.
    assert dual_bounds(np.array([5.0, 1.0]), np.array([3.0, 0.0]), x, y).slope == 2.5
    assert pair_slope(np.array([1.0]), np.array([0.0]), np.array([[1e-320]]), np.array([[0.0]])) == math.inf


@pytest.mark.parametrize("fx", [[1.0], [np.nan, 0.0], [[0.0], [0.0]], [np.inf, 0.0]])
def test_scores_are_one_finite_number_for_each_point(fx: list[float]) -> None:
    points = np.array([[0.0], [1.0]])
    for function in (dual_bounds, c_transform_duals, best_scaled_dual, pair_slope):
        with pytest.raises(ValueError, match="one finite number for each"):
            function(np.array(fx), np.zeros(2), points, points)


# ---- passes over the costs


@pytest.mark.parametrize("n", [3, 300])
def test_few_passes_prove_the_best_scale(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden section took 90 passes for each side."""
    passes = 0
    lines = duality._lines

    def counted(*arguments: object) -> object:
        nonlocal passes
        passes += 1
        return lines(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(duality, "_lines", counted)
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((n, 16)), 0.3 + rng.standard_normal((n, 16))
    best_scaled_dual(-x.sum(axis=1), -y.sum(axis=1), x, y)
    assert passes <= 30


@given(SEEDS)
def test_nothing_to_prove_ends_at_once(seed: int) -> None:
    """Identical samples and constant scores are flat in the scale, where rounding could look like a slope."""
    lines, passes = duality._lines, 0

    def counted(*arguments: object) -> object:
        nonlocal passes
        passes += 1
        return lines(*arguments)  # type: ignore[arg-type]

    x, y = pair(seed)
    noise, _ = scores(seed, x, y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duality, "_lines", counted)
        assert dual_bounds(noise, noise[::-1], x, x[::-1]).best <= 1e-12
        dual_bounds(np.full(len(x), 0.1), np.full(len(y), 0.3), x, y)
    assert passes <= 20


def test_costs_are_held_or_computed_again_with_the_same_result() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((57, 20)), rng.standard_normal((57, 20))
    fx, fy = -x[:, 0], -y[:, 0]
    held = dual_bounds(fx, fy, x, y)
    in_blocks = partial(Costs, x, y, "euclidean", block_bytes=8 * 57 * 10)
    blocks = duality._dual_bounds(fx, fy, in_blocks())
    again = duality._dual_bounds(fx, fy, in_blocks(held_bytes=0))
    assert again == blocks
    assert again.steepest == held.steepest
    assert astuple(again)[:-1] == pytest.approx(astuple(held)[:-1], rel=1e-9)
    i, j = again.steepest
    assert (fx[i] - fy[j]) / np.linalg.norm(x[i] - y[j]) == pytest.approx(again.slope, rel=1e-9)


# ---- the entropic transform, and the penalty


@given(SEEDS, st.floats(-2, 2), st.integers(1, 4))
def test_the_entropic_transform_lies_above_the_c_transform_by_at_most_eps_log_n(
    seed: int, decade: float, block: int
) -> None:
    """1910.03875: 0 <= f^{c,eps} - f^c <= eps log n; with the sign often seen in public code both fail."""
    x, y = pair(seed)
    f, _ = scores(seed, x, y)
    epsilon = 10.0**decade
    soft = entropic_c_transform(f, x, y, epsilon, block_bytes=8 * len(y) * block)
    hard = (cdist(x, y) - f[:, None]).min(axis=0)
    rounding = 1e-12 * (1 + np.abs(f).max())
    assert (soft - hard >= -rounding).all()
    assert (soft - hard <= epsilon * math.log(len(x)) + rounding).all()


def test_the_entropic_transform_bounds_are_attained() -> None:
    """Lower: all (f - c) equal; upper: one of them alone counts."""
    x, y = np.array([[-1.0], [1.0]]), np.array([[0.0]])
    assert entropic_c_transform(np.zeros(2), x, y, 0.3) == pytest.approx(1.0)
    assert entropic_c_transform(np.array([0.0, 1e3]), x, y, 0.3) == pytest.approx(1 - 1e3 + 0.3 * math.log(2))
    with pytest.raises(ValueError, match="epsilon = 0"):
        entropic_c_transform(np.zeros(2), x, y, 0)


@pytest.mark.parametrize(("w1", "penalty"), [(5.008, 10.0), (30.008, 10.0), (1.0, 0.1)])
def test_the_penalised_dual_is_the_optimum_between_two_diracs(w1: float, penalty: float) -> None:
    """A slope s on the segment: raw dual s W, at the maximum of s W - lambda (s - 1)^2."""
    slopes = np.linspace(0, 20, 2_000_001)
    best = slopes[np.argmax(slopes * w1 - penalty * (slopes - 1) ** 2)]
    assert best == pytest.approx(1 + w1 / (2 * penalty), abs=1e-5)
    assert penalised_dual(w1, penalty) == pytest.approx(best * w1, rel=1e-5)


@pytest.mark.parametrize(("w1", "trained"), [(5.008, 6.263), (30.008, 75.06)])
def test_the_penalised_dual_is_what_training_reached(w1: float, trained: float) -> None:
    """Critics trained in 1-D with lambda = 10."""
    assert penalised_dual(w1, 10) == pytest.approx(trained, rel=5e-4)
