"""Nearest neighbours of samples among themselves, by brute force; what is kept of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from wganalyze import Samples, testing
from wganalyze_plugins import neighbours
from wganalyze_plugins.neighbours import own_neighbours, within


@given(
    n=st.integers(2, 30), dim=st.sampled_from([1, 3, 40]), offset=st.sampled_from([0.0, 1e4]), seed=st.integers(0, 99)
)
@settings(max_examples=40, deadline=None)
def test_they_are_those_of_brute_force(n: int, dim: int, offset: float, seed: int) -> None:
    points = offset + np.random.default_rng(seed).standard_normal((n, dim))
    k = min(3, n - 1)
    expected = np.sort(cdist(points, points) + np.diag(np.full(n, np.inf)), axis=1)[:, :k]
    np.testing.assert_allclose(within(points, k), expected, rtol=1e-7)


def test_a_sample_that_occurs_twice_has_a_neighbour_at_no_distance() -> None:
    points = np.random.default_rng(0).standard_normal((10, 40)).astype(np.float32)
    near = within(np.concatenate([points, points[:3]]), 2)
    assert (near[[0, 1, 2, 10, 11, 12], 0] == 0).all()
    assert (near[3:10] > 0).all()


def test_they_are_found_once_for_samples_with_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    study, asked = testing.shifted_gaussians(n=20), []
    find = within
    monkeypatch.setattr(neighbours, "within", lambda points, k: asked.append(k) or find(points, k))
    for k in (1, 3, 5):
        assert own_neighbours(study, study.real(), k).shape == (20, 5)
    assert asked == [5]
    assert own_neighbours(study, study.real(), 7).shape == (20, 7)
    loose = Samples(study.real().points[:4], (2,))
    assert own_neighbours(study, loose).shape == (4, 3)
    assert asked == [5, 7, 3]
