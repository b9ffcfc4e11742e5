"""Clusters of the real data: centroids as a generator, and batches that take their share of every cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

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
        fitted: Any = KMeans(min(k, len(values)), n_init=cast(Any, RESTARTS), random_state=seed).fit(values[:FITTED])
        labels = np.asarray(fitted.predict(values), dtype=np.int64)
    return torch.from_numpy(fitted.cluster_centers_), torch.from_numpy(labels)


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


@dataclass(frozen=True)
class Strata:
    """Points (n, ...) in the order of their clusters; ``starts`` and ``sizes``, (n,): of the cluster of each."""

    points: Tensor
    starts: Tensor
    sizes: Tensor

    @classmethod
    def of(cls, points: Tensor, k: int, seed: int) -> Strata:
        """By K-Means with k clusters."""
        _, labels = cluster(points.flatten(1), k, seed)
        order = labels.argsort(stable=True)
        sizes = torch.bincount(labels)
        own = labels[order]
        return cls(points[order.to(points.device)], (sizes.cumsum(0) - sizes)[own], sizes[own])

    def draw(self, batch: int) -> Tensor:
        """Which points make up a batch, (b,): of every cluster its share, rounded up or down, at random.

        Systematic sampling of clusters (b equal steps from a random start), then any point of the cluster that was hit,
        so that each point is as likely as any other.
        """
        n = len(self.points)
        steps = (torch.arange(batch) + torch.rand(1, dtype=torch.float64)) * (n / batch)
        hit = steps.long().clamp(max=n - 1)
        within = (torch.rand(batch, dtype=torch.float64) * self.sizes[hit]).long()
        return self.starts[hit] + within
