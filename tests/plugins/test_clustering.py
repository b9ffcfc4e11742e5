"""Clustering: FAISS against scikit-learn and the definition of K-Means; nearest points and matchings by brute force."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans as Peer
from sklearn.datasets import load_digits, make_blobs

from wganalyze.contracts.samples import Split
from wganalyze_plugins.clustering import Clustering, cluster, matched_cosines, nearest, usual_k
from wganalyze_plugins.toys import Grid25

Array = npt.NDArray[np.float64]
SEEDS = st.integers(0, 10**6)


def blobs(k: int, n: int, spread: float = 1.0, dim: int = 6) -> Array:
    """k well-separated clouds."""
    return np.asarray(make_blobs(n, dim, centers=k, cluster_std=spread, random_state=1)[0], np.float64)


def objective(points: Array, centroids: Array) -> float:
    """The mean square distance to the nearest centroid."""
    return float((cdist(points, centroids).min(axis=1) ** 2).mean())


# ---- K-Means


@pytest.mark.parametrize(
    ("points", "k"),
    [
        (blobs(8, 4000), 8),
        (blobs(8, 600), 12),
        (Grid25().draw(2000, Split("fit"), offset=0, seed=0).values, 25),
        (load_digits().data, 10),
    ],
    ids=["blobs", "more clusters than blobs", "grid25", "digits"],
)
def test_the_objective_is_that_of_scikit_learn(points: Array, k: int) -> None:
    """Within a percent; from random starts, as FAISS makes them by default, grid25 ends 30 times above."""
    found = cluster(points, k, seed=0, redo=5)
    peer = Peer(k, n_init=5, random_state=0).fit(points)
    assert found.objective <= 1.01 * peer.inertia_ / len(points)
    assert found.objective == pytest.approx(objective(points, found.centroids), rel=1e-6)
    assert len(found) == k
    assert found.centroids.shape == (k, points.shape[1])


def test_every_centroid_is_the_mean_of_all_its_points() -> None:
    """1,000 points a centroid: FAISS would take 256 of them, and be off by a sixteenth of the deviation."""
    points = blobs(4, 4000)
    found = cluster(points, 4, seed=0, redo=5)
    nearest_one = cdist(points, found.centroids).argmin(axis=1)
    means = np.stack([points[nearest_one == i].mean(axis=0) for i in range(4)])
    assert np.allclose(found.centroids, means, rtol=0, atol=1e-5)
    assert np.array_equal(found.mass, np.bincount(nearest_one, minlength=4) / 4000)


@given(SEEDS, st.integers(2, 60), st.data())
@settings(max_examples=30)
def test_masses_are_shares_of_the_points(seed: int, n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, n))
    points = np.round(np.random.default_rng(seed).standard_normal((n, 3)), 1)  # some coincide
    found = cluster(points, k, seed=0, redo=2)
    assert found.mass.sum() == pytest.approx(1)
    assert (found.mass >= 0).all()
    assert np.isfinite(found.centroids).all()
    assert found.objective <= points.var(axis=0).sum() * (1 + 1e-6) + 1e-9


def test_as_many_clusters_as_points_leave_nothing() -> None:
    points = np.random.default_rng(0).standard_normal((40, 5))
    found = cluster(points, 40, seed=0, redo=1)
    assert found.objective < 1e-12
    assert np.array_equal(found.mass, np.full(40, 1 / 40))


def test_points_that_are_all_the_same_have_one_place() -> None:
    found = cluster(np.ones((50, 3)), 8, seed=0, redo=5)
    assert found.objective == 0
    assert np.array_equal(found.centroids, np.ones((8, 3)))
    assert sorted(found.mass) == [0] * 7 + [1]


@pytest.mark.parametrize("offset", [1e3, -1e6])
def test_data_far_from_0_are_clustered_as_near_it(offset: float) -> None:
    """In float32 a distance of 1 at 1e6 would be gone."""
    points = blobs(8, 2000)
    near, far = (cluster(points + shift, 8, seed=0, redo=5) for shift in (0.0, offset))
    assert far.objective == pytest.approx(near.objective, rel=1e-6)
    assert np.allclose(far.centroids - offset, near.centroids, atol=1e-4)
    assert np.array_equal(far.mass, near.mass)


def test_a_seed_fixes_everything_and_another_one_starts_elsewhere() -> None:
    points = np.random.default_rng(0).standard_normal((500, 8))
    first, again, other = (cluster(points, 20, seed=seed, redo=2) for seed in (0, 0, 1))
    assert np.array_equal(first.centroids, again.centroids)
    assert (first.objective, first.solver) == (again.objective, again.solver)
    assert not np.array_equal(first.centroids, other.centroids)


def test_more_starts_are_no_worse() -> None:
    points = np.random.default_rng(0).standard_normal((400, 4))
    found = [cluster(points, 30, seed=0, redo=redo).objective for redo in (1, 5, 20)]
    assert sorted(found, reverse=True) == found
    assert found[0] > found[-1]


@pytest.mark.parametrize(("gpus", "where"), [(0, "CPU"), (1, "GPU")])
def test_the_solver_says_where_it_ran(gpus: int, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU is taken where FAISS sees one; the run itself stays on what this machine has."""
    asked: list[Any] = []
    original = faiss.Kmeans

    def on_cpu(*arguments: Any, gpu: bool, **more: Any) -> Any:
        asked.append(gpu)
        return original(*arguments, gpu=False, **more)

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: gpus)
    monkeypatch.setattr(faiss, "Kmeans", on_cpu)
    found = cluster(blobs(2, 20), 2, seed=0, redo=1)
    assert found.solver == f"faiss {faiss.__version__} k-means on the {where}"
    assert asked == [gpus > 0]


# ---- nearest points


@given(SEEDS, st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 17, 40]), st.sampled_from([0.0, 1e3]))
@settings(max_examples=40)
def test_the_nearest_are_those_of_brute_force(seed: int, n: int, m: int, dim: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    points, targets = rng.standard_normal((n, dim)) + offset, rng.standard_normal((m, dim)) + offset
    targets[::3] = points[rng.integers(0, n, len(targets[::3]))]
    index, distance = nearest(points, targets)
    brute = np.linalg.norm(points[:, None] - targets[None], axis=2)
    assert np.allclose(distance, brute.min(axis=1), rtol=1e-9, atol=1e-12)
    assert np.allclose(brute[np.arange(n), index], brute.min(axis=1), rtol=1e-9, atol=1e-12)
    assert (distance[brute.min(axis=1) == 0] == 0).all()


# ---- matchings


@given(SEEDS, st.integers(1, 6), st.integers(1, 5))
@settings(max_examples=40)
def test_the_matching_is_the_best_of_all(seed: int, k: int, dim: int) -> None:
    first, second = np.random.default_rng(seed).standard_normal((2, k, dim))
    centre = np.random.default_rng([seed, 1]).standard_normal(dim)
    found = matched_cosines(first, second, centre)
    a, b = first - centre, second - centre
    cosines = (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    best = max(sum(cosines[i, j] for i, j in enumerate(order)) for order in permutations(range(k)))
    assert found.sum() == pytest.approx(best, rel=1e-9, abs=1e-12)
    assert (np.abs(found) <= 1 + 1e-12).all()


@given(SEEDS, st.integers(1, 30), st.integers(1, 20))
def test_centroids_match_themselves_in_any_order(seed: int, k: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    centroids, centre = rng.standard_normal((k, dim)), rng.standard_normal(dim)
    assert np.allclose(matched_cosines(centroids, centroids[rng.permutation(k)], centre), 1)


@given(SEEDS, st.integers(1, 20), st.integers(1, 10))
def test_an_order_changes_nothing_but_the_order(seed: int, k: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((2, k, dim))
    order, centre = rng.permutation(k), rng.standard_normal(dim)
    found = matched_cosines(first, second, centre)
    assert matched_cosines(first, second[order], centre).sum() == pytest.approx(found.sum(), abs=1e-9)
    assert matched_cosines(first[order], second, centre).sum() == pytest.approx(found.sum(), abs=1e-9)
    if dim > 1:  # on a line cosines are tied, and with them the matchings
        assert np.allclose(matched_cosines(first[order], second, centre), found[order])


def test_cosines_are_taken_about_the_centre() -> None:
    """Far from 0 any two points look alike; about their centre these are opposite."""
    centre = np.array([100.0, 100.0])
    first, second = np.array([[101.0, 100.0]]), np.array([[99.0, 100.0]])
    assert matched_cosines(first, second, centre) == pytest.approx([-1])
    assert matched_cosines(first, second, np.zeros(2)) == pytest.approx([1], abs=1e-3)


def test_a_centroid_at_the_centre_has_no_direction_and_no_similarity() -> None:
    first, second = np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    assert list(matched_cosines(first, second, np.zeros(2))) == [0, 1]


def test_a_clustering_is_as_long_as_it_has_centroids() -> None:
    assert len(Clustering(np.zeros((7, 2)), np.full(7, 1 / 7), 0.0, "by hand")) == 7


@pytest.mark.parametrize(("points", "k"), [(1, 2), (8, 2), (70, 17), (256, 64), (5000, 64)])
def test_the_usual_number_of_clusters(points: int, k: int) -> None:
    assert usual_k(points) == k
