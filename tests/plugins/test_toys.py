"""The 2-D laws: moments in closed form, modes and their labels, and the seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wganalyze.contracts.samples import Split
from wganalyze.errors import DataError
from wganalyze_plugins.toys import Grid25, Ring8, SwissRoll, Toy

N = 20_000
RING = np.array([[2 * math.cos(math.pi * k / 4), 2 * math.sin(math.pi * k / 4)] for k in range(8)])
GRID = np.array([[x, y] for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)], float)
LAWS = [Ring8, Grid25, SwissRoll]


def drawn(law: type[Toy], n: int = N, split: Split | None = None, seed: int = 0) -> np.ndarray:
    """(n, 2) points."""
    return law().draw(n, split or Split("x"), offset=0, seed=seed).values


MIXTURES = pytest.mark.parametrize(("law", "centres", "deviation"), [(Ring8, RING, 0.02), (Grid25, GRID, 0.05)])


@MIXTURES
def test_labels_name_the_nearest_mode(law: type[Toy], centres: np.ndarray, deviation: float) -> None:
    found = law().draw(N, Split("x"), offset=0, seed=0)
    nearest = np.linalg.norm(found.values[:, None] - centres, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(found.labels, nearest)
    assert found.labels is not None
    assert found.labels.dtype == np.int64
    assert law().classes == len(centres)


@MIXTURES
def test_every_mode_is_a_round_gaussian_as_likely_as_any(law: type[Toy], centres: np.ndarray, deviation: float) -> None:
    found = law().draw(N, Split("x"), offset=0, seed=0)
    assert found.labels is not None
    counts = np.bincount(found.labels, minlength=len(centres))
    assert stats.chisquare(counts).pvalue > 1e-3
    for mode, centre in enumerate(centres):
        away = (found.values[found.labels == mode] - centre) / deviation
        assert np.abs(away.mean(axis=0)).max() < 5 / math.sqrt(counts[mode])
        assert np.abs(np.cov(away.T) - np.eye(2)).max() < 6 * math.sqrt(2 / counts[mode])
    squared = np.sum((found.values - centres[found.labels]) ** 2, axis=1) / deviation**2
    assert stats.kstest(squared, stats.chi2(2).cdf).pvalue > 1e-3


def test_moments_of_the_ring() -> None:
    points = drawn(Ring8)
    radius = np.linalg.norm(points, axis=1)
    assert abs(np.mean(radius**2) - (4 + 2 * 0.02**2)) < 5 * 4 * 0.02 / math.sqrt(N)
    assert np.abs(points.mean(axis=0)).max() < 5 * math.sqrt(2 / N)


def test_moments_of_the_grid() -> None:
    points = drawn(Grid25)
    assert np.abs(points.mean(axis=0)).max() < 5 * math.sqrt(8 / N)
    assert np.abs(points.var(axis=0) - (8 + 0.05**2)).max() < 5 * 8 / math.sqrt(N)


def test_moments_of_the_swiss_roll() -> None:
    """t is uniform on [3 pi / 2, 9 pi / 2]; E t cos t = 2 and E t sin t = 2 / (3 pi)."""
    points = drawn(SwissRoll)
    spread = 5 * points.std(axis=0) / math.sqrt(N)
    assert (np.abs(points.mean(axis=0) - np.array([2, 2 / (3 * math.pi)]) / 7.5) < spread).all()


def test_the_swiss_roll_lies_along_its_curve() -> None:
    points = drawn(SwissRoll, 2000)
    t = np.linspace(1.5 * math.pi, 4.5 * math.pi, 4000)
    curve = np.stack([t * np.cos(t), t * np.sin(t)], axis=1) / 7.5
    away = np.linalg.norm(points[:, None] - curve, axis=2).min(axis=1) * 7.5 / 0.25
    assert away.max() < 5
    assert abs(np.sqrt(np.mean(away**2)) - 1) < 0.1, "normal noise across the curve, of deviation .25"


@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=30)
@given(
    a=st.tuples(st.sampled_from(["x", "x2", "fit"]), st.integers(0, 4), st.integers(0, 3)),
    b=st.tuples(st.sampled_from(["x", "x2", "fit"]), st.integers(0, 4), st.integers(0, 3)),
)
def test_draws_depend_on_seed_and_split_alone(law: type[Toy], a: tuple[str, int, int], b: tuple[str, int, int]) -> None:
    first, second = (drawn(law, 20, Split(name, replicate), seed) for name, replicate, seed in (a, b))
    if a == b:
        np.testing.assert_array_equal(first, second)
    else:
        assert not np.intersect1d(first, second).size


def test_two_laws_do_not_share_their_noise() -> None:
    ring, grid = (law().draw(100, Split("x"), offset=0, seed=0) for law in (Ring8, Grid25))
    assert ring.labels is not None
    assert grid.labels is not None
    noise = (ring.values - RING[ring.labels]) / 0.02, (grid.values - GRID[grid.labels]) / 0.05
    assert np.abs(noise[0] - noise[1]).max() > 1


@pytest.mark.parametrize("law", LAWS)
def test_a_law_without_end(law: type[Toy]) -> None:
    source = law()
    assert (source.size, source.shape, source.value_range, source.held_out) == (None, (2,), None, True)
    moved = source.draw(10, Split("x"), offset=10**9, seed=0).values
    np.testing.assert_array_equal(moved, drawn(law, 10))
    assert len({other.digest for other in (Ring8(), Grid25(), SwissRoll())}) == 3
    with pytest.raises(DataError, match=f"--data {law.name}:9: {law.name} takes no argument"):
        law("9")
