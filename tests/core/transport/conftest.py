"""Shared by the tests of transport: ground costs of scipy's own, and a cost that is no metric."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from wganalyze.transport.costs.metrics import Metric

Array = npt.NDArray[Any]


def uphill(x: Array, y: Array) -> Array:
    """A cost that is not symmetric, and no metric."""
    return np.asarray(cdist(x, y, "chebyshev") + np.maximum(x[:, :1] - y[None, :, 0], 0))


def ground(x: Array, y: Array, metric: Metric = "euclidean") -> Array:
    """By differences, in float64, of scipy's own."""
    x, y = x.astype(float), y.astype(float)
    if callable(metric):
        return np.asarray(metric(x, y))
    if metric == "cosine":
        x, y = (z / np.linalg.norm(z, axis=1)[:, None] for z in (x, y))
        return np.asarray(cdist(x, y, "sqeuclidean") / 2)
    return np.asarray(cdist(x, y, "cityblock" if metric == "l1" else "euclidean"))
