"""Frechet's distance by closed forms and by roots of matrices, KID by its double sum; what leaves them as they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import ortho_group

from wganalyze_plugins.quality.distances import frechet, kernel_between, kernel_within, kid


def by_roots(x: np.ndarray, y: np.ndarray) -> float:
    """As FID is usually computed: Heusel et al. 1706.08500, eq. 6, with scipy's root of the product."""
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.real(sqrtm(first @ second))
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root))


def with_moments(mean: np.ndarray, covariance: np.ndarray, n: int, seed: int) -> np.ndarray:
    """(n, d) points whose sample moments are exactly these."""
    z = np.random.default_rng(seed).standard_normal((n, len(mean)))
    z -= z.mean(axis=0)
    white = np.linalg.cholesky(np.linalg.inv(np.cov(z, rowvar=False)))
    return np.asarray(mean + z @ white @ np.linalg.cholesky(covariance).T)


@pytest.mark.parametrize("dim", [2, 5])
def test_a_shift_and_two_scales_along_common_axes(dim: int) -> None:
    """|shift|^2 + sum (a_i - b_i)^2: Bures' distance of covariances that commute."""
    a, b, shift = np.arange(1, dim + 1.0), np.arange(dim, 0.0, -1), np.full(dim, 0.5)
    axes = ortho_group.rvs(dim, random_state=0)
    x = with_moments(np.zeros(dim), axes @ np.diag(a**2) @ axes.T, 50, 0)
    y = with_moments(shift, axes @ np.diag(b**2) @ axes.T, 40, 1)
    assert frechet(x, y) == pytest.approx(shift @ shift + ((a - b) ** 2).sum(), rel=1e-9)


def test_covariances_that_do_not_commute() -> None:
    """Bures in the plane: tr (AB)^(1/2) = (tr AB + 2 (det AB)^(1/2))^(1/2)."""
    a, b = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, -0.7], [-0.7, 3.0]])
    x, y = with_moments(np.zeros(2), a, 30, 0), with_moments(np.zeros(2), b, 30, 1)
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    assert frechet(x, y) == pytest.approx(np.trace(a) + np.trace(b) - 2 * root, rel=1e-9)


@pytest.mark.parametrize(("n", "m", "dim"), [(40, 30, 4), (40, 3, 4), (3, 40, 4), (6, 5, 9), (2, 2, 50), (7, 7, 7)])
def test_it_is_that_of_roots_on_either_side_of_the_dimension(n: int, m: int, dim: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n, dim)), 2 + 3 * rng.standard_normal((m, dim))
    if min(n, m) > dim:
        assert frechet(x, y) == pytest.approx(by_roots(x, y), rel=1e-9)
    # A root of a singular product is off by the root of rounding, if scipy finds one at all: eigenvalues do better.
    product = np.cov(x, rowvar=False) @ np.cov(y, rowvar=False)
    root = np.sqrt(np.maximum(np.linalg.eigvals(product).real, 0)).sum()
    traces = np.trace(np.cov(x, rowvar=False)) + np.trace(np.cov(y, rowvar=False))
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + traces - 2 * root
    assert frechet(x, y) == pytest.approx(expected, rel=1e-5)


def test_dimensions_without_spread_change_nothing() -> None:
    """So that the route for d > n is the other one."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 4)), rng.standard_normal((20, 4)) + 1
    wide = [np.concatenate([side, np.full((len(side), 60), 7.0)], axis=1) for side in (x, y)]
    assert frechet(*wide) == pytest.approx(frechet(x, y), rel=1e-9)


@given(n=st.integers(2, 12), m=st.integers(2, 12), dim=st.integers(1, 8), seed=st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_it_is_a_distance_that_turns_and_shifts_leave(n: int, m: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, dim)), 1 + rng.standard_normal((m, dim))
    turn = ortho_group.rvs(dim, random_state=seed) if dim > 1 else -np.eye(1)
    value = frechet(x, y)
    assert value == pytest.approx(frechet(y, x), rel=1e-9)
    assert value == pytest.approx(frechet(100 + x @ turn, 100 + y @ turn), rel=1e-7)
    assert 4 * value == pytest.approx(frechet(2 * x, 2 * y), rel=1e-9)
    assert value >= ((x.mean(0) - y.mean(0)) ** 2).sum() * (1 - 1e-9)
    assert frechet(x, x) == pytest.approx(0, abs=1e-9)


def test_float32_points_far_from_zero_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(0)
    x, y = (1000 + rng.standard_normal((2, 50, 3))).astype(np.float32)
    assert frechet(x, y) == pytest.approx(frechet(x.astype(float) - 1000, y.astype(float) - 1000), rel=1e-7)


# ---- KID


def polynomial(a: np.ndarray, b: np.ndarray) -> float:
    return float((a @ b / len(a) + 1) ** 3)


@given(n=st.integers(2, 7), m=st.integers(2, 7), dim=st.integers(1, 5), seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_kid_is_its_double_sum(n: int, m: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, dim)), 1 + rng.standard_normal((m, dim))
    own = np.mean([polynomial(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    other = np.mean([polynomial(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    between = np.mean([polynomial(a, b) for a in x for b in y])
    assert kernel_within(x) == pytest.approx(own)
    assert kernel_between(x, y) == pytest.approx(between)
    assert kid(x, y) == pytest.approx(own + other - 2 * between, abs=1e-9)


def test_kid_of_equal_laws_is_zero_on_average() -> None:
    """The biased sum of the same samples, with its diagonal, is not: the test can see a bias."""
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((1500, 2, 12, 3))
    values = np.array([kid(x, y) for x, y in draws])
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert abs(values.mean()) < 3 * error
    biased = np.array([kernel_between(x, x) + kernel_between(y, y) - 2 * kernel_between(x, y) for x, y in draws])
    assert biased.mean() > 10 * error


def test_kid_of_a_shift_is_what_the_moments_say() -> None:
    """d = 1, N(0, 1) against N(s, 1): k = 1 + 3xy + 3 x^2 y^2 + x^3 y^3, so the squares of differences of moments."""
    s = 0.5
    rng = np.random.default_rng(0)
    values = np.array([kid(rng.standard_normal((60, 1)), s + rng.standard_normal((60, 1))) for _ in range(3000)])
    expected = 3 * s**2 + 3 * (s**2) ** 2 + (s**3 + 3 * s) ** 2
    assert values.mean() == pytest.approx(expected, abs=3 * values.std() / np.sqrt(len(values)))


def test_points_are_left_as_they_are() -> None:
    x = np.ones((3, 2))
    kid(x, x)
    frechet(x, x)
    assert (x == 1).all()
