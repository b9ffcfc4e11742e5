"""Samples and splits, and the affine map into the critic's input space."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.samples import Preprocessing, Samples, Split
from wganalyze.errors import DataError


def points(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Normal points."""
    return np.random.default_rng(seed).standard_normal((n, d))


# Preprocessing


def test_a_range_is_mapped_end_to_end() -> None:
    to = Preprocessing.to_range((0, 255), -1, 1)
    values = np.array([[0, 255, 127.5]], np.float64)
    np.testing.assert_allclose(to.apply(values, (3,)), [[-1, 1, 0]], atol=1e-6)
    assert to.name == "[-1, 1]"
    assert to.apply(np.array([[0, 255]], np.uint8), (2,)).dtype == np.float32


@given(
    st.floats(-100, 100),
    st.floats(0.1, 100),
    st.floats(-100, 100),
    st.floats(0.1, 100),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_range_keeps_proportions(a: float, wide: float, low: float, width: float, s: float, t: float) -> None:
    to = Preprocessing.to_range((a, a + wide), low, low + width)
    mapped = to.apply(np.array([[a, a + wide, a + s * wide, a + t * wide]]), (4,))[0].astype(float)
    expected = np.array([low, low + width, low + s * width, low + t * width])
    np.testing.assert_allclose(mapped, expected, atol=1e-4 * (1 + abs(low) + width))


def test_normalisation_is_per_channel_as_in_torchvision() -> None:
    mean, std = np.array([0.1, 0.5, 0.9]), np.array([0.5, 0.25, 2.0])
    to = Preprocessing.normalize((0, 255), mean.tolist(), std.tolist())
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 2)).astype(np.uint8)
    expected = (images / 255 - mean[:, None, None]) / std[:, None, None]
    mapped = to.apply(images.reshape(5, -1), (3, 4, 2))
    np.testing.assert_allclose(mapped.reshape(images.shape), expected, rtol=1e-5, atol=1e-6)


def test_one_mean_serves_all_channels() -> None:
    to = Preprocessing.normalize((0, 1), [0.5], [0.5])
    values = np.random.default_rng(0).random((3, 12))
    np.testing.assert_allclose(to.apply(values, (3, 2, 2)), 2 * values - 1, atol=1e-6)


@pytest.mark.parametrize("shape", [(12,), (4, 3), (2, 2, 3)])
def test_channels_that_do_not_match_the_samples(shape: tuple[int, ...]) -> None:
    to = Preprocessing.normalize((0, 1), [0.5] * 3, [0.5] * 3)
    with pytest.raises(DataError, match=r"3 channels to normalise, but a sample has the shape"):
        to.apply(np.zeros((2, 12)), shape)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Preprocessing.to_range((0, 1), 1, -1),
        lambda: Preprocessing.to_range((0, 1), 1, 1),
        lambda: Preprocessing.normalize((0, 1), [0.5], [0.0]),
        lambda: Preprocessing.normalize((0, 1), [0.5, 0.5], [0.5]),
        lambda: Preprocessing.normalize((0, 1), [float("nan")], [0.5]),
        lambda: Preprocessing((0.0,), (-1.0,)),
        lambda: Preprocessing((0.0, 1.0), (1.0,)),
    ],
)
def test_a_map_that_cannot_be_inverted_is_refused(make: Callable[[], Preprocessing]) -> None:
    with pytest.raises(ValueError, match="needs"):
        make()


def test_as_stored_changes_nothing() -> None:
    x = points(4, 3).astype(np.float32)
    np.testing.assert_array_equal(Preprocessing().apply(x, (3,)), x)


# Splits


@given(
    st.tuples(st.sampled_from(["x", "x2", "fit", "latent"]), st.integers(0, 20), st.integers(0, 5)),
    st.tuples(st.sampled_from(["x", "x2", "fit", "latent"]), st.integers(0, 20), st.integers(0, 5)),
)
def test_every_split_has_random_numbers_of_its_own(a: tuple[str, int, int], b: tuple[str, int, int]) -> None:
    first, second = (int(Split(name, replicate).rng(seed, "z").integers(2**63)) for name, replicate, seed in (a, b))
    assert (first == second) is (a == b)


# Samples


def test_taken_samples_keep_labels_and_lose_their_key() -> None:
    samples = Samples(points(10, 3), (3,), np.arange(10), ("real", "x", 0, 10), shared=True)
    for index in (slice(2, 5), [4, 1], np.array([7, 7])):
        taken = samples.take(index)
        np.testing.assert_array_equal(taken.points, samples.points[index])
        assert taken.labels is not None
        np.testing.assert_array_equal(taken.labels, np.arange(10)[index])
        assert taken.key == ()
    assert (len(samples), samples.dim) == (10, 3)
    assert Samples(points(4, 2), (2,)).take([0]).labels is None


def test_other_points_keep_labels_and_lose_the_key() -> None:
    samples = Samples(points(4, 3), (3,), np.arange(4), ("real",))
    moved = samples.with_points(samples.points + 1)
    assert moved.key == ()
    assert moved.labels is samples.labels
    np.testing.assert_array_equal(moved.points, samples.points + 1)


def test_concatenation_keeps_labels_where_every_part_has_them() -> None:
    a, b = Samples(points(3, 2), (2,), np.arange(3), ("a",)), Samples(points(2, 2, 1), (2,), np.arange(2))
    both = Samples.concatenate([a, b])
    np.testing.assert_array_equal(both.points, np.concatenate([a.points, b.points]))
    assert both.labels is not None
    assert both.labels.tolist() == [0, 1, 2, 0, 1]
    assert both.key == ()
    assert Samples.concatenate([a, Samples(points(2, 2), (2,))]).labels is None
