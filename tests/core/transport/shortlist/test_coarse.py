"""Coarse potentials are those of a transport between representatives, extended to all columns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from wganalyze.transport.shortlist.coarse import coarse_potentials, extend
from wganalyze.transport.shortlist.pricing import Geometry


@pytest.mark.parametrize("dim", [3, 40])
@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_extension_is_the_c_transform_over_the_chosen_rows(dim: int, exponent: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 90, dim))
    geometry = Geometry(x, y, exponent)
    costs = (cdist(x, y) / geometry.unit) ** exponent
    for rows in (np.arange(90), np.array([4, 88, 17]), np.array([2])):
        u = rng.standard_normal(len(rows))
        expected = (costs[rows] - u[:, None]).min(axis=0)
        np.testing.assert_allclose(extend(geometry, rows, u), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_with_all_points_chosen_they_are_nearly_optimal(exponent: float) -> None:
    """Then the coarse problem is the problem, up to mass where points share their nearest."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((80, 20)), 0.5 + rng.standard_normal((80, 20))
    geometry = Geometry(x, y, exponent)
    costs = (cdist(x, y) / geometry.unit) ** exponent
    v = coarse_potentials(geometry, 80)
    proved = (costs - v[None]).min(axis=1).mean() + v.mean()
    best = costs[linear_sum_assignment(costs)].mean()
    assert 0.9 * best <= proved <= best * (1 + 1e-12)


def test_a_few_hundred_points_prove_most_of_the_distance() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((600, 10)), 2 + rng.standard_normal((600, 10))
    geometry = Geometry(x, y, 1.0)
    costs = cdist(x, y) / geometry.unit
    best = costs[linear_sum_assignment(costs)].mean()
    v = coarse_potentials(geometry, 150)
    assert 0.9 * best <= (costs - v[None]).min(axis=1).mean() + v.mean() <= best * (1 + 1e-12)
    np.testing.assert_array_equal(coarse_potentials(geometry, 150), v)
