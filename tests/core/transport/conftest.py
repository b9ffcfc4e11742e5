"""Shared by the tests of transport: ground costs of scipy's own, a cost that is no metric, and W to 60 digits."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from wganalyze.transport.costs.metrics import Metric

Array = npt.NDArray[Any]


def uphill(x: Array, y: Array) -> Array:
    """A cost that is not symmetric, and no metric."""
    return np.asarray(cdist(x, y, "chebyshev") + np.maximum(x[:, :1] - y[None, :, 0], 0))


def optimum(
    x: Array, y: Array, p: float = 1, metric: str = "euclidean", a: Array | None = None, b: Array | None = None
) -> Decimal:
    """W_p of these very points to 60 digits, with whole numbers for weights, by the Hungarian method over copies."""
    with localcontext(prec=90):
        copies_x, copies_y = (
            [tuple(map(Decimal, z.tolist())) for z, copies in zip(points, weights, strict=True) for _ in range(copies)]
            for points, weights in (
                (x.astype(float), _copies(x, a, y, b)),
                (y.astype(float), _copies(y, b, x, a)),
            )
        )
        costs = [[_cost(one, other, metric) ** Decimal(p) for other in copies_y] for one in copies_x]
        return (_assigned(costs) / len(costs)) ** (1 / Decimal(p))


def _copies(x: Array, a: Array | None, y: Array, b: Array | None) -> list[int]:
    own, other = (np.ones(len(z), int) if w is None else w for z, w in ((x, a), (y, b)))
    return [int(w) for w in own * (math.lcm(int(own.sum()), int(other.sum())) // int(own.sum()))]


def _cost(x: tuple[Decimal, ...], y: tuple[Decimal, ...], metric: str) -> Decimal:
    if metric == "l1":
        return sum((abs(s - t) for s, t in zip(x, y, strict=True)), Decimal())
    if metric == "cosine":
        x, y = (tuple(s / _norm(z) for s in z) for z in (x, y))
    square = sum(((s - t) ** 2 for s, t in zip(x, y, strict=True)), Decimal())
    return square / 2 if metric == "cosine" else square.sqrt()


def _norm(z: tuple[Decimal, ...]) -> Decimal:
    return abs(z[0]) if len(z) == 1 else sum((t * t for t in z), Decimal()).sqrt()  # a sign is exact


def _assigned(costs: list[list[Decimal]]) -> Decimal:
    """The least total: shortest augmenting paths, a row at a time."""
    n = len(costs)
    u, v = [Decimal()] * n, [Decimal()] * (n + 1)
    row = [-1] * (n + 1)
    for start in range(n):
        row[n], at = start, n
        room, before, done = [Decimal("inf")] * n, [n] * n, [False] * (n + 1)
        while row[at] >= 0:
            done[at], i = True, row[at]
            for j in range(n):
                if not done[j] and costs[i][j] - u[i] - v[j] < room[j]:
                    room[j], before[j] = costs[i][j] - u[i] - v[j], at
            following = min((j for j in range(n) if not done[j]), key=lambda j: room[j])
            step = room[following]
            for j in range(n + 1):
                if done[j]:
                    u[row[j]] += step
                    v[j] -= step
                elif j < n:
                    room[j] -= step
            at = following
        while at != n:
            row[at] = row[before[at]]
            at = before[at]
    return sum((costs[row[j]][j] for j in range(n)), Decimal())


def ground(x: Array, y: Array, metric: Metric = "euclidean") -> Array:
    """By differences, in float64, of scipy's own."""
    x, y = x.astype(float), y.astype(float)
    if callable(metric):
        return np.asarray(metric(x, y))
    if metric == "cosine":
        x, y = (z / np.linalg.norm(z, axis=1)[:, None] for z in (x, y))
        return np.asarray(cdist(x, y, "sqeuclidean") / 2)
    return np.asarray(cdist(x, y, "cityblock" if metric == "l1" else "euclidean"))
