"""K-Means by FAISS, on the GPU where it sees one, and what clusters say about a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from wganalyze import Study
    from wganalyze.transport import Array

ITERATIONS = 25
DEFAULT_K = 64
POINTS_PER_CENTROID = 4
REDO = 5


@dataclass(frozen=True, eq=False)
class Clustering:
    """``centroids`` (k, d); ``mass`` (k,), their shares of the points; ``objective``, the mean square distance."""

    centroids: Array
    mass: Array
    objective: float
    solver: str

    def __len__(self) -> int:
        return len(self.centroids)


def cluster(points: npt.NDArray[Any], k: int, *, seed: int, redo: int) -> Clustering:
    """K-Means of ``points`` (n, d), n >= k, on all of them; the best of ``redo`` starts, by the objective on all.

    FAISS would by itself start at random points, train on 256 points a centroid and report the objective of those; it
    works in float32, so that the points are centred first, and objective and shares are computed here.
    """
    import faiss

    values = np.asarray(points, np.float64)
    centre = values.mean(axis=0)
    gpu = faiss.get_num_gpus() > 0
    solver = faiss.Kmeans(
        values.shape[1],
        k,
        niter=ITERATIONS,
        nredo=redo,
        seed=seed + 1,
        min_points_per_centroid=1,
        max_points_per_centroid=len(values),
        # From random points two modes often share a centroid for good: 25 modes on a grid end 30 times too far.
        init_method=faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS,
        gpu=gpu,
    )
    solver.train(np.ascontiguousarray(values - centre, np.float32))
    centroids = np.asarray(solver.centroids, np.float64) + centre
    index, distance = nearest(values, centroids)
    mass = np.bincount(index, minlength=k) / len(values)
    where = "GPU" if gpu else "CPU"
    return Clustering(centroids, mass, float((distance**2).mean()), f"faiss {faiss.__version__} k-means on the {where}")


def real_clusters(study: Study, k: int, *, redo: int = REDO, seed: int = 0) -> Clustering:
    """Of all real samples in the split "fit"; computed once a run."""
    fit = study.real(study.fit_size, split="fit").points
    return study.cached(
        ("kmeans", len(fit), k, redo, seed), lambda: cluster(fit, k, seed=seed, redo=redo), scope="data"
    )


def usual_k(points: int) -> int:
    """64 clusters, or what so many points allow."""
    return min(DEFAULT_K, max(2, points // POINTS_PER_CENTROID))


def nearest(points: npt.NDArray[Any], targets: npt.NDArray[Any]) -> tuple[npt.NDArray[np.intp], Array]:
    """For each of ``points`` (n, d), the index of the nearest of ``targets`` (m, d) and its distance, in float64."""
    from wganalyze.transport import cost_blocks

    x, y = np.asarray(points, np.float64), np.asarray(targets, np.float64)
    index, distance = np.empty(len(x), np.intp), np.empty(len(x))
    for rows, costs in cost_blocks(x, y):
        index[rows] = costs.argmin(axis=1)
        distance[rows] = costs.min(axis=1)
    return index, distance


def matched_cosines(first: Array, second: Array, centre: Array) -> Array:
    """Cosines (k,) between centroids (k, d) matched one to one so that their sum is largest, about ``centre`` (d,).

    Entry i belongs to ``first[i]``. About a common centre: away from it, any two means of images look alike.
    """
    from scipy.optimize import linear_sum_assignment

    cosines = _directions(first - centre) @ _directions(second - centre).T
    rows, columns = linear_sum_assignment(-cosines)
    return np.asarray(cosines[rows, columns])


def _directions(vectors: Array) -> Array:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0))
