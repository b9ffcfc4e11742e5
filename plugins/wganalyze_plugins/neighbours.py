"""Distances of samples to their nearest neighbours among themselves and among others, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wganalyze.transport import cost_blocks

if TYPE_CHECKING:
    from wganalyze import Points, Samples, Study
    from wganalyze.transport import Array

USUAL = 5
"""Neighbours that are kept of each sample: what analyzers ask for unless they are told otherwise."""


def own_neighbours(study: Study, samples: Samples, k: int = 1) -> Array:
    """Distances (n, max(k, USUAL)) of each sample to its nearest others, in their order; n > k.

    Computed once for each key of samples; a sample that occurs twice has a neighbour at distance 0.
    """
    most = min(max(k, USUAL), len(samples) - 1)

    def make() -> Array:
        return within(samples.points, most)

    if not samples.key:
        return make()
    return study.cached(("own neighbours", samples.key, most), make, scope="data" if samples.shared else "snapshot")


def within(points: Points, k: int) -> Array:
    """Distances (n, k) of ``points`` (n, d), n > k, to the k nearest of the others, in their order."""
    values = np.asarray(points, np.float64)
    near = np.empty((len(values), k))
    for rows, costs in cost_blocks(values, values):
        costs[np.arange(len(costs)), np.arange(rows.start, rows.stop)] = np.inf  # itself
        near[rows] = np.sort(np.partition(costs, k - 1, axis=1)[:, :k], axis=1)
    return near
