"""Clusters of the real data: centroids as a generator, and batches that take their share of every cluster."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from wganalyze_zoo.networks import CentroidGenerator

RESTARTS = 5
FITTED = 1 << 14
"""Points that are clustered, at most."""
WEISZFELD_STEPS, ROUNDS = 20, 50
NEAR = 1e-9
"""A point at its median weighs as if it were this far, in units of the data's spread."""


def cluster(points: Tensor, k: int, seed: int) -> tuple[Tensor, Tensor]:
    """K-Means: centroids (k, d), and the cluster of each of the points (n, d); the same on any number of cores."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    values = points.cpu().double().numpy()
    with threadpool_limits(1):
        fitted = KMeans(min(k, len(values)), n_init=RESTARTS, random_state=seed).fit(values[:FITTED])
        labels = fitted.predict(values)
    return torch.from_numpy(fitted.cluster_centers_), torch.from_numpy(labels.astype(np.int64))


def masses(labels: Tensor, k: int) -> Tensor:
    """The share of each of k clusters, (k,)."""
    return torch.bincount(labels, minlength=k).double() / len(labels)


def kmeans(points: Tensor, k: int, seed: int) -> CentroidGenerator:
    """The k means that are W2-nearest to the points (n, d), as far as Lloyd's steps find them."""
    centroids, labels = cluster(points, k, seed)
    return CentroidGenerator.of(centroids, masses(labels, len(centroids)))


def kmedians(points: Tensor, k: int, seed: int) -> CentroidGenerator:
    """The k medians that are W1-nearest to the points (n, d), from K-Means by turns of assignment and Weiszfeld."""
    centres, labels = cluster(points, k, seed)
    values = points.cpu().double()
    spread = float((values - values.mean(0)).norm(dim=1).mean()) or 1.0
    for _ in range(ROUNDS):
        centres = torch.stack(
            [
                weiszfeld(values[labels == i], centre, NEAR * spread) if bool((labels == i).any()) else centre
                for i, centre in enumerate(centres)
            ]
        )
        nearest = torch.cdist(values, centres).argmin(1)
        if torch.equal(nearest, labels):
            break
        labels = nearest
    return CentroidGenerator.of(centres, masses(labels, len(centres)))


def weiszfeld(points: Tensor, median: Tensor, near: float) -> Tensor:
    """Towards the geometric median (d,) of points (n, d): means weighted by 1 / distance, none below ``near``."""
    for _ in range(WEISZFELD_STEPS):
        weights = 1 / (points - median).norm(dim=1).clamp(min=near)
        median = (weights[:, None] * points).sum(0) / weights.sum()
    return median


def in_order_of_clusters(points: Tensor, k: int, seed: int) -> Tensor:
    """The points (n, ...) with those of one K-Means cluster behind each other.

    Cut into b equal runs, of which one point each is drawn, they give batches of b that take within one point of its
    share of every cluster, and in which each point is as likely as any other.
    """
    _, labels = cluster(points.flatten(1), k, seed)
    return points[labels.argsort(stable=True).to(points.device)]
