"""Potentials made from anything are feasible, and what they prove is never too much."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from tests.core.transport.conftest import optimum

from wganalyze.transport import METRICS, cost_matrix, dual_value, feasible_potentials, wasserstein, wasserstein_batch
from wganalyze.transport.costs.transforms import c_transform

Array = npt.NDArray[Any]
Claims = list[tuple[float, float, bool]]
SOLVERS = ("auto", "shortlist", "pot")


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


# ---- claims against W to 60 digits


def brackets(x: Array, y: Array, p: float, metric: str, a: Any = None, b: Any = None) -> Claims:
    """Value, lower and exact of every solver, and of batches where the weights are equal."""
    found = [wasserstein(x, y, p, a, b, metric=metric, solver=solver) for solver in SOLVERS]
    claims = [(w.value, w.lower, w.exact) for w in found]
    if a is None and len(x) == len(y):
        many = wasserstein_batch(np.stack([x, y]), np.stack([y, x]), p, metric)
        claims += zip(many.value.tolist(), many.lower.tolist(), many.exact.tolist(), strict=True)
    return claims


def check(truth: Decimal, claims: Claims, proved: bool | None = None, size: float = 0) -> None:
    """Nothing is claimed above the truth, and what is called exact is so; ``proved``: it must be, or must not be."""
    for value, lower, exact in claims:
        assert Decimal(lower) <= truth
        assert Decimal(value) >= truth * Decimal(1 - 1e-11)
        if exact:
            assert value == pytest.approx(float(truth), rel=1e-9, abs=1e-14 * size)
        assert proved is None or exact == proved


def clusters(spread: float, dim: int, seed: int, single: bool = False) -> tuple[Array, Array]:
    """Three points a side in each of two tight clusters, or one in each of six; y is shuffled."""
    rng = np.random.default_rng([seed, dim])
    places = np.arange(6)[:, None] if single else np.repeat([0, 1], 3)[:, None]
    x, y = places + spread * rng.standard_normal((2, 6, dim))
    return x, y[rng.permutation(6)]


@pytest.mark.parametrize("spread", [1e-6, 1e-8])
@pytest.mark.parametrize("dim", [1, 2, 20])
@pytest.mark.parametrize("p", [2, 3, 1.5])
@pytest.mark.parametrize("metric", ["euclidean", "l1"])
def test_tight_clusters_are_solved_and_proved_to_their_own_digits(
    spread: float, dim: int, p: float, metric: str
) -> None:
    for seed in range(3):
        for single in (False, True):
            x, y = clusters(spread, dim, seed, single)
            check(optimum(x, y, p, metric), brackets(x, y, p, metric), proved=True)


@pytest.mark.parametrize("spread", [1e-6, 1e-8])
@pytest.mark.parametrize("dim", [1, 2, 20])
@pytest.mark.parametrize("p", [2, 3])
def test_a_point_in_two_halves_of_its_mass(spread: float, dim: int, p: float) -> None:
    for seed in range(3):
        x, y = clusters(spread, dim, seed)
        split = np.vstack([y[:1] + spread * np.random.default_rng(seed).standard_normal(dim), y])
        a, b = np.full(6, 2), np.array([1, 1, 2, 2, 2, 2, 2])
        truth = optimum(x, split, p, a=a, b=b)
        check(truth, brackets(x, split, p, "euclidean", a, b), proved=True)
        # In thirds and sixths, which float64 rounds, the same; and beside points without weight.
        check(truth, brackets(x, split, p, "euclidean", a / 3, b / 3))
        far = np.full((1, dim), 7.0)
        idle = [(np.vstack([z, far]), np.append(w, 0)) for z, w in ((x, a), (split, b))]
        (x0, a0), (y0, b0) = idle
        check(truth, brackets(x0, y0, p, "euclidean", a0, b0), proved=True)


def test_mass_that_rounding_leaves_over_is_moved_or_nothing_is_called_exact() -> None:
    """.1 + .1 + .1 is not .3: 2e-17 of the mass, at distance 1, costs as much as the rest at 1e-8."""
    x, y = np.array([[0.0], [0.0], [0.0], [1.0]]), np.array([[1e-8], [1 + 1e-8]])
    for solver in SOLVERS:
        w = wasserstein(x, y, 2, [0.1, 0.1, 0.1, 0.7], [0.3, 0.7], solver=solver)
        assert not w.exact
        assert w.lower <= 1.0928353166e-8 <= w.value
        whole = wasserstein(x, y, 2, [1, 1, 1, 7], [3, 7], solver=solver)
        assert whole.exact
        assert whole.value == pytest.approx(1e-8, rel=1e-7)


@pytest.mark.parametrize("metric", ["euclidean", "l1"])
@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("dim", [1, 2, 20])
def test_where_all_costs_are_tiny(metric: str, offset: float, dim: int) -> None:
    rng = np.random.default_rng(dim)
    x = 1e-7 * rng.standard_normal((6, dim)) + offset
    y = x + 1e-7 * rng.standard_normal((6, dim))
    check(optimum(x, y, 3, metric), brackets(x, y, 3, metric), proved=True)
    check(optimum(x[:4], y, 3, metric), brackets(x[:4], y, 3, metric), proved=True)


@pytest.mark.parametrize(("offset", "size", "proved"), [(0, 1, True), (1e3, 1, True), (1e6, 1, None), (1, 1e-8, False),
                                                        (1e6, 1e-3, False), (1e6, 1e-8, False)])  # fmt: skip
@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("dim", [2, 5, 20])
def test_cosine_claims_no_more_digits_than_directions_have(
    offset: float, size: float, proved: bool | None, p: float, dim: int
) -> None:
    for seed in range(3):
        x, y = offset + size * np.random.default_rng([seed, dim]).standard_normal((2, 6, dim))
        check(optimum(x, y, p, "cosine"), brackets(x, y, p, "cosine"), proved)


@given(
    st.integers(0, 10**6), st.sampled_from([1.0, 1.5, 2.0, 3.0, 4.0]), st.sampled_from(METRICS), st.booleans(),
    st.lists(st.integers(-9, 0), min_size=3, max_size=3), st.integers(-12, 12),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_clusters_of_clusters_at_any_scale(
    seed: int, p: float, metric: str, weighted: bool, decades: list[int], decade: int
) -> None:
    rng = np.random.default_rng(seed)
    n, m = (int(k) for k in rng.integers(1, 6, 2))
    dim = int(rng.choice([1, 2, 5, 20]))
    places = rng.standard_normal((3, dim))[rng.integers(0, 3, 6)]
    places += 10.0 ** decades[0] * rng.standard_normal((3, dim))[rng.integers(0, 3, 6)]
    x, y = (10.0**decade * (places + 10.0**k * rng.standard_normal((6, dim))) for k in decades[1:])
    x, y = x[:n], rng.permutation(y[: m if weighted else n])
    a, b = (rng.integers(1, 4, len(z)) if weighted else None for z in (x, y))
    size = float(np.linalg.norm(x - x.mean(axis=0), axis=1).max()) if p == 1 else 0.0
    if metric == "cosine":
        size = float(p == 1)
    check(optimum(x, y, p, metric, a, b), brackets(x, y, p, metric, a, b), size=size)


def test_what_is_too_large_to_hold_is_not_called_exact() -> None:
    """Not refined for want of memory: the bracket stands, and says what it is."""
    rng = np.random.default_rng(0)
    x, y = np.arange(80)[:, None] + 1e-8 * rng.standard_normal((2, 80, 2))
    few = wasserstein(x, y, 2, solver="dense", memory=5 * 8 * 80 * 80 - 1)
    done = wasserstein(x, y, 2)
    assert done.exact
    assert not few.exact
    assert few.lower <= done.lower <= done.value <= few.value
