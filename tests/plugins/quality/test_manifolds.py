"""Precision, recall, density and coverage: by brute force, by what is expected of equal laws, and on cases in mind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from wganalyze_plugins.neighbours import within
from wganalyze_plugins.quality.manifolds import Overlap, expected_coverage


def overlap(x: np.ndarray, y: np.ndarray, k: int = 3, balls: int = 5) -> Overlap:
    near, near_y = (within(side, max(k, balls)) for side in (x, y))
    return Overlap.of(x, y, near[:, k - 1], near_y[:, k - 1], near[:, balls - 1], balls)


def radius(points: np.ndarray, i: int, k: int) -> float:
    """Distance to the k-th nearest other point."""
    others = np.delete(points, i, axis=0)
    return float(np.sort(np.linalg.norm(others - points[i], axis=1))[k - 1])


@given(n=st.integers(6, 14), m=st.integers(6, 14), dim=st.sampled_from([1, 2, 20]), seed=st.integers(0, 999))
@settings(max_examples=40, deadline=None)
def test_they_are_those_of_the_formulas(n: int, m: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, dim)), 0.5 + 1.5 * rng.standard_normal((m, dim))
    apart = cdist(x, y)
    real, fake = ([radius(side, i, 3) for i in range(len(side))] for side in (x, y))
    balls = [radius(x, i, 5) for i in range(n)]
    found = overlap(x, y)
    assert found.precision == np.mean([any(apart[i, j] <= real[i] for i in range(n)) for j in range(m)])
    assert found.recall == np.mean([any(apart[i, j] <= fake[j] for j in range(m)) for i in range(n)])
    inside = [[apart[i, j] <= balls[i] for j in range(m)] for i in range(n)]
    assert found.density == pytest.approx(np.sum(inside) / (5 * m))
    assert found.coverage == np.mean([any(row) for row in inside])


@pytest.mark.parametrize(("dim", "k"), [(1, 1), (2, 5), (20, 3)])
def test_coverage_and_density_of_equal_laws_are_what_is_expected(dim: int, k: int) -> None:
    """Of any law: normal here, its cube there."""
    n, rng = 30, np.random.default_rng(0)
    draws = rng.standard_normal((400, 2, n, dim))
    for law in (draws, draws**3):
        found = [overlap(x, y, balls=k) for x, y in law]
        for values, expected in (
            ([f.coverage for f in found], expected_coverage(n, k)),
            ([f.density for f in found], 1.0),
        ):
            assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values) / np.sqrt(len(values)))


def test_expected_coverage_tends_to_its_limit() -> None:
    assert expected_coverage(10**7, 5) == pytest.approx(1 - 0.5**5, abs=1e-6)
    assert expected_coverage(6, 5) == pytest.approx(1 - (5 * 4 * 3 * 2 * 1) / (11 * 10 * 9 * 8 * 7))


def test_a_lost_half_is_seen_by_recall_and_an_outlier_by_precision() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.standard_normal((100, 2)), 50 + rng.standard_normal((100, 2))])
    half = overlap(x, rng.standard_normal((200, 2)))
    assert half.precision > 0.9
    assert half.recall < 0.55
    assert 0.4 < half.coverage < 0.55
    other = overlap(x, np.concatenate([x[:100] + 0.01, 500 + rng.standard_normal((100, 2))]))
    assert other.precision == pytest.approx(0.5, abs=0.01)


def test_copies_and_one_point() -> None:
    x = np.random.default_rng(0).standard_normal((50, 20))
    assert overlap(x, x) == Overlap(1.0, 1.0, pytest.approx(overlap(x, x).density), 1.0)
    assert overlap(x, x).density == pytest.approx(6 / 5)  # itself, and the five that set the radius
    point = overlap(x, np.zeros((50, 20)))
    assert point.recall == 0
    assert point.precision == 1
