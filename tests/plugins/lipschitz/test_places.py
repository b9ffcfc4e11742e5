"""Where gradients are looked at: the samples of all replicates, and points between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.samples import Samples
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import shifted_gaussians
from wganalyze_plugins.lipschitz.places import PLACES, WITHOUT_DATA, distribution, interpolate, sample_places

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""


def test_three_places_with_the_samples_of_every_replicate() -> None:
    study = shifted_gaussians(n=50, replicates=3)
    found = sample_places(study, 100)
    assert tuple(found) == PLACES
    for samples in found.values():
        assert not isinstance(samples, str)
        assert [len(s) for s in samples] == [50, 50, 50]
        assert not np.array_equal(samples[0].points, samples[1].points)
    assert found["real"][1] is study.real(replicate=1)  # under its key, gradients are shared
    few, again = sample_places(study, 20)["interpolate"], sample_places(study, 20)["interpolate"]
    assert not isinstance(few, str)
    assert not isinstance(again, str)
    assert [len(s) for s in few] == [20] * 3
    assert np.array_equal(few[0].points, again[0].points)


def test_without_a_generator_there_are_real_samples_alone(change: Call) -> None:
    lone = change(shifted_gaussians(), make_generator=None, missing={"generator": "none was given"})
    found = sample_places(lone, 100)
    assert not isinstance(found["real"], str)
    assert found["fake"] == found["interpolate"] == "no generator: none was given"


def test_without_data_there_are_generated_samples_alone() -> None:
    study = SnapshotStudy(shifted_gaussians().snapshot, None)
    found = sample_places(study, 100)
    assert isinstance(found["real"], str)
    assert "--data" in found["real"]
    assert found["interpolate"] == found["real"]
    assert [len(s) for s in found["fake"]] == [WITHOUT_DATA]


@given(n=st.integers(1, 30), d=st.integers(2, 6), seed=st.integers(0, 99))
def test_interpolates_lie_on_their_segment_at_one_alpha_for_each_sample(n: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = Samples(rng.standard_normal((n, d)), (d,))
    y = Samples(rng.standard_normal((n, d)), (d,), labels=np.arange(n), key=("y",))
    found = interpolate(x, y, np.random.default_rng(seed))
    alpha = (found.points - y.points) / (x.points - y.points)
    np.testing.assert_allclose(alpha, np.broadcast_to(alpha[:, :1], (n, d)), atol=1e-6)
    assert ((alpha > -1e-9) & (alpha < 1 + 1e-9)).all()
    assert n == 1 or len(np.unique(alpha[:, 0].round(12))) > 1
    assert found.labels is y.labels
    assert found.key == ()


def test_alpha_is_uniform() -> None:
    n = 4000
    ends = Samples(np.zeros((n, 1)), (1,)), Samples(np.ones((n, 1)), (1,))
    found = np.sort(interpolate(*ends, np.random.default_rng(0)).points[:, 0])
    assert np.abs(found - (np.arange(n) + 0.5) / n).max() < 1.63 / np.sqrt(n)  # Kolmogorov, 1%


def test_a_distribution_in_numbers() -> None:
    row = distribution("real", np.arange(101.0))
    assert row == {
        "place": "real",
        "count": 101,
        "mean": 50,
        "deviation": np.arange(101.0).std(),
        "least": 0,
        "q05": 5,
        "q25": 25,
        "median": 50,
        "q75": 75,
        "q95": 95,
        "largest": 100,
    }


def test_gradients_at_every_place_are_computed_once() -> None:
    study = shifted_gaussians(n=40, replicates=2)
    for most in (10, 100):
        for found in sample_places(study, most).values():
            assert not isinstance(found, str)
            assert len({samples.key for samples in found}) == 2
            for samples in found:
                assert samples.key
                assert study.gradient(samples) is study.gradient(samples)
    keys = [samples.key for most in (10, 100) for found in sample_places(study, most).values() for samples in found]
    assert len(set(keys)) == len(keys)
