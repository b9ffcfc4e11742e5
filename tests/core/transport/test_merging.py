"""Equal points merged: the same distance and a coupling with the same marginals, proved as any other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wganalyze.transport import wasserstein
from wganalyze.transport.exact import as_problem
from wganalyze.transport.merging import Merged, distinct
from wganalyze.transport.problem import DENSE_SIZE

MANY = DENSE_SIZE + 100


def repeated(rng: np.random.Generator, n: int, places: int, dim: int, kind: Any = np.float64) -> npt.NDArray[Any]:
    """n points at so many places."""
    return rng.standard_normal((places, dim)).astype(kind)[rng.integers(0, places, n)]


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 9), st.sampled_from([np.float32, np.float64]))
def test_distinct_rows_are_those_of_numpy(seed: int, n: int, dim: int, kind: Any) -> None:
    points = repeated(np.random.default_rng(seed), n, 7, dim, kind)
    first, which = distinct(points)
    assert len(first) == len(np.unique(points, axis=0))
    assert np.array_equal(points[first][which], points)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("values", [2, 17, 256])
def test_equal_rows_of_whole_numbers_are_found_too(kind: Any, values: int) -> None:
    """Pixels: their low bits are all 0."""
    rng = np.random.default_rng(values)
    points = rng.integers(0, values, (700, 64)).astype(kind)[rng.integers(0, 700, 3000)]
    assert len(distinct(points)[0]) == len(np.unique(points, axis=0))


def test_the_first_of_equal_points_stands_for_them() -> None:
    points = np.array([[2.0, 1], [1, 2], [2, 1], [1, 2], [1, 1]])
    first, which = distinct(points)
    assert sorted(first) == [0, 1, 4]
    assert first[which].tolist() == [0, 1, 0, 1, 4]


@given(
    st.integers(0, 10**6),
    st.integers(MANY, MANY + 200),
    st.integers(MANY, MANY + 200),
    st.integers(1, 40),
    st.sampled_from([1.0, 2.0, 3.0]),
    st.sampled_from(["euclidean", "l1", "cosine"]),
)
@settings(max_examples=15)
def test_the_distance_is_that_without_merging(seed: int, n: int, m: int, places: int, p: float, metric: Any) -> None:
    rng = np.random.default_rng(seed)
    x, y = repeated(rng, n, places, 3), repeated(rng, m, 2 * places, 3)
    merged, plain = wasserstein(x, y, p, metric=metric), wasserstein(x, y, p, metric=metric, solver="shortlist")
    assert merged.solver.endswith(", equal points merged")
    assert "merged" not in plain.solver
    assert merged.exact
    assert merged.value == pytest.approx(plain.value, rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(merged.plan.sum(axis=1), 1 / n, rtol=1e-12)
    np.testing.assert_allclose(merged.plan.sum(axis=0), 1 / m, rtol=1e-12)


def test_a_collapsed_generator_has_one_coupling() -> None:
    x, y = np.random.default_rng(0).standard_normal((MANY, 5)), np.ones((MANY, 5))
    found = wasserstein(x, y)
    assert found.solver.endswith("merged")
    assert found.value == pytest.approx(np.linalg.norm(x - 1, axis=1).mean(), rel=1e-12)
    assert wasserstein(y, y.copy()).value == 0


def test_equal_samples_in_another_order_are_at_distance_0() -> None:
    x = repeated(np.random.default_rng(0), MANY, 50, 3)
    assert wasserstein(x, x[np.random.default_rng(1).permutation(MANY)]).value == 0


def test_what_is_not_worth_it_is_left() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, MANY, 3))
    assert Merged.of(as_problem(x, y)) is None  # all distinct
    small = repeated(rng, DENSE_SIZE, 5, 3)
    assert Merged.of(as_problem(small, small)) is None
    double = repeated(rng, MANY, 5, 3)
    assert Merged.of(as_problem(double, double)) is not None
    assert Merged.of(as_problem(double, double, a=np.arange(1.0, MANY + 1))) is None  # weights of their own
