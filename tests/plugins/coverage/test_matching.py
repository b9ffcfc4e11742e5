"""Clusters served under the optimal matching: by brute force, lost and flooded ones, and the level of the test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import binom

from wganalyze import Samples
from wganalyze.testing import shifted_gaussians
from wganalyze_plugins.clustering import Clustering
from wganalyze_plugins.coverage.matching import Service, overproduced, underserved

STUDY = shifted_gaussians(n=8)
"""For its transports only."""


def samples(points: np.ndarray) -> Samples:
    return Samples(points, points.shape[1:])


def clusters(centroids: np.ndarray) -> Clustering:
    return Clustering(centroids, np.full(len(centroids), 1 / len(centroids)), 0.0, "")


def service(reals: list[int], served: list[int], others: list[int] | None = None) -> Service:
    return Service(*(np.array(counts) for counts in (reals, served, served if others is None else others)))


@pytest.mark.parametrize("dim", [2, 20])
def test_they_are_those_of_an_assignment(dim: int) -> None:
    rng = np.random.default_rng(dim)
    x, y, centroids = (
        rng.standard_normal((40, dim)),
        0.3 + rng.standard_normal((40, dim)),
        rng.standard_normal((5, dim)),
    )
    found = Service.of(STUDY, samples(x), samples(y), clusters(centroids))
    rows, columns = linear_sum_assignment(cdist(x, y))
    own, other = (cdist(side, centroids).argmin(axis=1) for side in (x, y))
    for c in range(5):
        assert found.reals[c] == (own == c).sum()
        assert found.others[c] == (other == c).sum()
        assert found.served[c] == ((own[rows] == c) & (other[columns] == c)).sum()
    assert found.share == (own[rows] == other[columns]).mean()
    assert (found.strays == found.others - found.served).all()


def test_samples_that_occur_often_are_counted_as_often() -> None:
    """Equal points are merged before they are matched: masses are whole numbers again."""
    x = np.repeat([[0.0], [10.0]], [6, 3], axis=0)
    y = np.repeat([[0.1], [9.0]], [2, 7], axis=0)
    found = Service.of(STUDY, samples(x), samples(y), clusters(np.array([[0.0], [10.0]])))
    assert list(found.reals) == [6, 3]
    assert list(found.served) == [2, 3]
    assert list(found.strays) == [0, 4]


def test_replicates_are_added() -> None:
    total = Service.total([service([3, 1], [2, 1], [2, 2]), service([2, 2], [0, 1], [1, 3])])
    assert [list(total.reals), list(total.served), list(total.others)] == [[5, 3], [2, 2], [3, 5]]


@pytest.mark.parametrize(
    ("fakes", "reals", "clusters", "under"),
    [(0, 7, 1, True), (0, 6, 1, False), (0, 12, 64, False), (0, 13, 64, True), (20, 40, 1, False), (19, 40, 1, True)],
)
def test_chance_alone_underserves_no_cluster(fakes: int, reals: int, clusters: int, under: bool) -> None:
    """0.5^7 < 1% for one cluster, 64 0.5^13 for 64; less than half is asked for, too."""
    found = underserved(service([50] * clusters, [fakes] * clusters), service([50] * clusters, [reals] * clusters))
    assert found.all() == found.any() == under
    assert under == bool(fakes < reals / 2 and clusters * binom.cdf(fakes, fakes + reals, 0.5) <= 0.01)


@pytest.mark.parametrize(
    ("strays", "others", "held", "over"),
    [(20, 0, 10, True), (20, 0, 20, False), (16, 0, 10, False), (60, 45, 10, False), (200, 45, 100, True)],
)
def test_a_flooded_cluster_is_to_be_emptied_beyond_chance(strays: int, others: int, held: int, over: bool) -> None:
    found = overproduced(service([held], [0], [strays]), service([held], [0], [others]))
    assert bool(found[0]) == over


@pytest.mark.parametrize("mean", [2.0, 6.0, 30.0])
def test_poisson_counts_of_equal_laws_are_rarely_told_apart(mean: float) -> None:
    """The widest that the test is made for: what is served spreads less, since reals of a cluster bound it."""
    fake, real = np.random.default_rng(0).poisson(mean, (2, 4000, 64))
    found = [underserved(Service(a, a, a), Service(b, b, b)).any() for a, b in zip(fake, real, strict=True)]
    assert np.mean(found) < 0.01


@pytest.mark.parametrize("law", ["ring", "normal", "log-normal"])
def test_a_perfect_generator_serves_all_clusters(law: str) -> None:
    """200 runs of three replicates: at most so many alarms as 1% makes in all but .1% of such tests."""
    rng = np.random.default_rng(0)

    def draw(n: int) -> np.ndarray:
        z = rng.standard_normal((n, 2))
        if law == "ring":
            angle = rng.integers(0, 8, n) * np.pi / 4
            return 2 * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.02 * z
        return z if law == "normal" else np.exp(z)

    alarms = 0
    for _ in range(200):
        atoms = clusters(draw(8))
        parts = []
        for _ in range(3):
            x, y, other = (samples(draw(40)) for _ in range(3))
            parts.append([Service.of(STUDY, x, side, atoms) for side in (y, other)])
        fakes, reals = (Service.total(side) for side in zip(*parts, strict=True))
        alarms += bool(underserved(fakes, reals).any() or overproduced(fakes, reals).any())
    assert binom.sf(alarms - 1, 200, 0.01) > 0.001
