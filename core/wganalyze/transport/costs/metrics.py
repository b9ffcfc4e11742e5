"""Ground metrics: cost matrices and row blocks, in float64, accurate for near points and for data far from 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs.blocks import BLOCK_BYTES

Array = npt.NDArray[np.float64]


GroundMetric = Literal["euclidean", "l1", "cosine"]


Metric = str | Callable[[Array, Array], Any]
"""The name of a ground metric, or a cost: (a, d) and (b, d) float64 give (a, b), finite and not negative."""


METRICS: tuple[GroundMetric, ...] = get_args(GroundMetric)

DIFFERENCE_DIM = 16


NEAR = 1e-6


PAIRS = 32


def as_points(values: Any, name: str) -> Array:
    """(n, d) from an array or a tensor, float32 as it is and anything else in float64.

    ValueError for another shape, no rows, NaN or infinity.
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.numpy() if str(values.dtype) == "torch.float32" else values.double().numpy()
    points = np.asarray(values)
    if points.dtype != np.float32:
        points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or not points.size:
        raise ValueError(f"{name}: points are (n, d) with at least one of each, not {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError(f"{name}: NaN or infinity among the points")
    return np.ascontiguousarray(points)


def metric_name(metric: Metric) -> str:
    """For reports: "euclidean", or the name of the function."""
    return metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)


def flipped(metric: Metric) -> Metric:
    """The metric with its two sides exchanged; all but a function are symmetric."""
    if not callable(metric):
        return metric
    given = metric
    return lambda a, b: np.asarray(given(b, a)).T


def check_metric(metric: Metric, *points: Array) -> None:
    """ValueError for an unknown metric, or zero vectors under "cosine", which have no direction."""
    if callable(metric):
        return
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r}: choose one of {', '.join(METRICS)}")
    if metric == "cosine" and any((np.abs(p).max(axis=1) == 0).any() for p in points):
        raise ValueError("metric 'cosine': a zero vector has no direction")


def cost_matrix(x: Any, y: Any, metric: Metric = "euclidean") -> Array:
    """Ground costs c(x_i, y_j), (n, m) float64. "cosine" is 1 - cos, a cost and no metric."""
    x, y = as_points(x, "x"), as_points(y, "y")
    costs = np.empty((len(x), len(y)))
    for rows, block in cost_blocks(x, y, metric):
        costs[rows] = block
    return costs


def cost_blocks(
    x: Array, y: Array, metric: Metric = "euclidean", block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[slice, Array]]:
    """Row blocks of the cost matrix, each (b, m) of ``block_bytes`` or one row, so that n x m is never held."""
    check_metric(metric, x, y)
    if metric == "cosine":
        x, y = directions(x), directions(y)
    gram = metric in ("euclidean", "cosine") and x.shape[1] > DIFFERENCE_DIM
    # Costs depend on differences only: centring keeps the Gram form accurate for data at an offset. Differences
    # themselves are taken of the points as they are, since centring rounds them.
    centre = y.mean(axis=0, dtype=np.float64) if gram else np.zeros(0)
    moved = y - centre if gram else y
    squares = np.einsum("ij,ij->i", moved, moved) if gram else np.zeros(0)
    height = max(1, block_bytes // (8 * len(y)))
    for start in range(0, len(x), height):
        rows = slice(start, min(start + height, len(x)))
        if gram:
            distances = _euclidean_by_gram(x[rows], y, x[rows] - centre, moved, squares)
            yield rows, distances if metric == "euclidean" else distances**2 / 2
        else:
            yield rows, by_differences(x[rows], y, metric)


def by_differences(x: Array, y: Array, metric: Metric) -> Array:
    """(n, m): each cost right to its own last digits, also between near points; directions, for "cosine"."""
    from scipy.spatial.distance import cdist

    if callable(metric):
        given = (z.astype(np.float64, copy=False) for z in (x, y))
        costs = np.asarray(metric(*given), dtype=np.float64)
        if costs.shape != (len(x), len(y)) or not np.isfinite(costs).all() or (costs < 0).any():
            raise ValueError(
                f"metric {metric_name(metric)}: costs are ({len(x)}, {len(y)}) numbers for so many points, finite and "
                f"not negative; it gave {costs.shape}"
            )
        return costs
    if metric == "l1":
        return np.asarray(cdist(x, y, "cityblock"))
    distances = np.asarray(cdist(x, y))
    return distances if metric == "euclidean" else distances**2 / 2


def _euclidean_by_gram(given_x: Array, given_y: Array, x: Array, y: Array, squares: Array) -> Array:
    """|x|^2 + |y|^2 - 2 x.y, with near pairs, where it cancels, computed again by differences of the given points."""
    own = np.einsum("ij,ij->i", x, x)
    costs = x @ y.T
    costs *= -2
    costs += own[:, None]
    costs += squares[None]
    near = np.argwhere(costs < NEAR * np.maximum(own[:, None], squares[None]))
    np.maximum(costs, 0, out=costs)
    np.sqrt(costs, out=costs)
    for part in np.array_split(near, max(1, len(near) * x.shape[1] * 8 // BLOCK_BYTES)):
        difference = given_x[part[:, 0]].astype(np.float64) - given_y[part[:, 1]]
        costs[part[:, 0], part[:, 1]] = _norm(difference)
    return costs


def paired_cost(x: Array, y: Array, metric: Metric = "euclidean") -> Array:
    """c(x_i, y_i), (n,), by differences: the accurate form."""
    check_metric(metric, x, y)
    x, y = x.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
    if not len(x):
        return np.zeros(0)
    if callable(metric):
        parts = [slice(i, i + PAIRS) for i in range(0, len(x), PAIRS)]
        return np.concatenate([np.diagonal(by_differences(x[part], y[part], metric)) for part in parts])
    if metric == "cosine":
        return _norm(directions(x) - directions(y)) ** 2 / 2
    if metric == "l1":
        return np.asarray(np.abs(x - y).sum(axis=1))
    return _norm(x - y)


def farthest(x: Array, y: Array, metric: Metric) -> float:
    """An upper end of the costs between x and y."""
    if callable(metric):
        return max(float(costs.max()) for _, costs in cost_blocks(x, y, metric))
    if metric == "cosine":
        return 2.0
    centre = y.mean(axis=0, dtype=np.float64)[None]
    return sum(float(by_differences(side, centre, metric).max()) for side in (x, y)) * (1 + NEAR)


def _norm(difference: Array) -> Array:
    """Euclidean norms of rows, without underflow or overflow of the squares."""
    scale = np.abs(difference).max(axis=1, initial=0.0)
    safe = np.where(scale > 0, scale, 1.0)
    relative = difference / safe[:, None]
    relative *= relative
    return np.asarray(scale * np.sqrt(relative.sum(axis=1)))  # by pairs, to a few last digits in any dimension


def directions(points: Array) -> Array:
    """The points divided by their norms, float64."""
    points = points.astype(np.float64, copy=False)
    return np.asarray(points / _norm(points)[:, None])
