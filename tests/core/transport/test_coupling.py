"""A coupling that anybody can write down: the marginals decide, no costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.transport.coupling import joined


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6), st.sampled_from([1e-12, 1.0, 1e12]))
def test_marginals_are_those_of_any_weights(n: int, m: int, seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = size * rng.exponential(size=n), size * rng.exponential(size=m)
    b *= a.sum() / b.sum()
    coupling = joined(a, b)
    assert coupling.shape == (n, m)
    assert coupling.data.min() >= 0
    np.testing.assert_allclose(coupling.sum(axis=1), a, rtol=0, atol=1e-14 * a.sum())
    np.testing.assert_allclose(coupling.sum(axis=0), b, rtol=0, atol=1e-14 * a.sum())
    assert coupling.nnz <= n + m


@given(st.integers(1, 60), st.integers(1, 60))
def test_whole_numbers_stay_whole(n: int, m: int) -> None:
    """Uniform masses to a common total: no crumbs of rounding, and n + m entries less what n and m share."""
    coupling = joined(np.full(n, float(m)), np.full(m, float(n)))
    np.testing.assert_array_equal(coupling.sum(axis=1), m)
    np.testing.assert_array_equal(coupling.sum(axis=0), n)
    assert coupling.nnz == n + m - np.gcd(n, m)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 10**6))
def test_mass_moves_in_the_order_of_the_indices(n: int, m: int, seed: int) -> None:
    """On the line, with both sides sorted, that is the optimal coupling: it never crosses."""
    rng = np.random.default_rng(seed)
    a, b = rng.exponential(size=n), rng.exponential(size=m)
    coupling = joined(a, b * (a.sum() / b.sum()))
    assert (np.diff(coupling.row) >= 0).all()
    assert (np.diff(coupling.col) >= 0).all()


@given(st.integers(2, 30), st.integers(2, 30), st.integers(0, 10**6))
def test_points_without_mass_get_none(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 3, n).astype(float), rng.integers(0, 3, m).astype(float)
    a[rng.integers(n)] += 1
    b[rng.integers(m)] += 1
    a, b = a * b.sum(), b * a.sum()
    coupling = joined(a, b)
    moved = coupling.data > 0
    assert (a[coupling.row[moved]] > 0).all()
    assert (b[coupling.col[moved]] > 0).all()
    np.testing.assert_allclose(coupling.sum(axis=1), a, rtol=1e-14)
    np.testing.assert_allclose(coupling.sum(axis=0), b, rtol=1e-14)


@pytest.mark.parametrize("factor", [1 - 1e-13, 1 + 1e-13])
def test_totals_that_differ_by_rounding_lose_no_mass(factor: float) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.exponential(size=20), rng.exponential(size=30)
    b *= factor * a.sum() / b.sum()
    coupling = joined(a, b)
    np.testing.assert_allclose(coupling.sum(axis=1), a, rtol=0, atol=1e-13 * a.sum())
    np.testing.assert_allclose(coupling.sum(axis=0), b, rtol=0, atol=1e-12 * a.sum())
