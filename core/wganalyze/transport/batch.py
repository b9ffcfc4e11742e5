"""Exact Wasserstein distances of many mini-batches at once, each with its certificate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import prange

from wganalyze.transport.certificate import CertificateError
from wganalyze.transport.costs.compiled import ORDERED, PARALLEL, kernel
from wganalyze.transport.costs.metrics import (
    Array,
    Metric,
    as_points,
    check_metric,
    cost_matrix,
    directions,
    metric_name,
)
from wganalyze.transport.dense import assign
from wganalyze.transport.limits import MEMORY_BYTES, RELATIVE_GAP, ROUNDING

CHUNK_BYTES = 128 * 2**20
"""Of costs that are held at a time."""


@dataclass(frozen=True, eq=False)
class Transports:
    """B solved problems of n points a side.

    ``value``, ``lower`` (B,): W_p and what ``potentials`` (u, v), each (B, n), certify of it; ``columns`` (B, n): the y
    that each x is matched with.
    """

    value: Array
    lower: Array
    potentials: tuple[Array, Array]
    columns: npt.NDArray[np.int32]
    p: float
    metric: str
    scale: Array

    def __len__(self) -> int:
        return len(self.value)

    @property
    def gap(self) -> Array:
        """(B,): the true distances lie between ``lower`` and ``value``."""
        return np.maximum(self.value - self.lower, 0)

    @property
    def exact(self) -> npt.NDArray[np.bool_]:
        """(B,): is the gap within rounding, as that of ``Transport.exact``?"""
        return self.gap <= RELATIVE_GAP * self.value + ROUNDING * self.scale


def wasserstein_batch(
    xs: Any,
    ys: Any,
    p: float = 1,
    metric: Metric = "euclidean",
    memory: int = MEMORY_BYTES,
    chunk_bytes: int = CHUNK_BYTES,
) -> Transports:
    """W_p between xs[k] (n, d) and ys[k] (n, d) for all k, from arrays or tensors (B, n, d), uniform weights.

    In memory: the result, and ``chunk_bytes`` of costs at a time, or one problem of 16 n^2 bytes. ``memory``: bytes
    that a problem may take; MemoryError beyond, before it starts. ValueError as for ``wasserstein``, and for batches
    of different shapes.
    """
    xs, ys = (_batches(values, name) for values, name in ((xs, "xs"), (ys, "ys")))
    if xs.shape != ys.shape:
        raise ValueError(f"xs and ys are two (B, n, d) of one shape, not {xs.shape} and {ys.shape}")
    if not 1 <= p < math.inf:
        raise ValueError(f"p = {p}: Wasserstein distances need 1 <= p < infinity")
    count, n, _ = xs.shape
    if 16 * n * n > memory:
        raise MemoryError(
            f"one problem of {n} points needs 16 n^2 = {16 * n * n / 2**30:.1f} GiB, the limit is "
            f"{memory / 2**30:.0f} GiB; solve it by wasserstein"
        )
    check_metric(metric, xs.reshape(-1, xs.shape[2]), ys.reshape(-1, ys.shape[2]))
    u, v = np.empty((count, n)), np.empty((count, n))
    columns = np.empty((count, n), np.int32)
    value, lower, scale = np.empty(count), np.empty(count), np.ones(count)
    for part in _parts(count, n, chunk_bytes):
        x, y = xs[part], ys[part]
        costs = _costs(x, y, metric)
        if p != 1:
            np.power(costs, p, out=costs)
        with PARALLEL:
            _solve_all(costs, u[part], v[part], columns[part], value[part], lower[part])
        if metric != "cosine":
            with PARALLEL:
                _radii(x, scale[part])
    if (lower > value * (1 + RELATIVE_GAP) + ROUNDING * scale**p).any():
        raise CertificateError("a dual value exceeds the cost of its coupling: a fault of wganalyze; please report it")
    lower = np.clip(lower, 0, value)
    return Transports(value ** (1 / p), lower ** (1 / p), (u, v), columns, float(p), metric_name(metric), scale)


def _batches(values: Any, name: str) -> Array:
    shape = tuple(values.shape) if hasattr(values, "shape") else np.shape(values)
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"{name}: batches are (B, n, d) with at least one of each, not {shape}")
    flat = values.reshape(-1, shape[2]) if hasattr(values, "reshape") else np.reshape(values, (-1, shape[2]))
    return as_points(flat, name).reshape(shape)


def _parts(count: int, n: int, chunk_bytes: int) -> Iterator[slice]:
    height = max(1, chunk_bytes // (16 * n * n))
    for start in range(0, count, height):
        yield slice(start, min(start + height, count))


def _costs(x: Array, y: Array, metric: Metric) -> Array:
    """(B, n, n) float64."""
    if metric not in ("euclidean", "cosine"):
        return np.stack([cost_matrix(a, b, metric) for a, b in zip(x, y, strict=True)])
    if metric == "cosine":
        x, y = (directions(z.reshape(-1, z.shape[2])).reshape(z.shape) for z in (x, y))
    costs = np.empty((len(x), x.shape[1], y.shape[1]))
    with PARALLEL:
        _squares(x, y, costs)
    return np.sqrt(costs, out=costs) if metric == "euclidean" else np.divide(costs, 2, out=costs)


@kernel(parallel=True, fastmath=True)
def _squares(x: Any, y: Any, out: Any) -> None:
    """Squared distances by differences, four at a time, which costs little at the size of a mini-batch."""
    count, n, m = out.shape
    for b in prange(count):
        for i in range(n):
            for j in range(0, m - m % 4, 4):
                s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
                for k in range(x.shape[2]):
                    at = np.float64(x[b, i, k])
                    s0 += (at - np.float64(y[b, j, k])) ** 2
                    s1 += (at - np.float64(y[b, j + 1, k])) ** 2
                    s2 += (at - np.float64(y[b, j + 2, k])) ** 2
                    s3 += (at - np.float64(y[b, j + 3, k])) ** 2
                out[b, i, j], out[b, i, j + 1], out[b, i, j + 2], out[b, i, j + 3] = s0, s1, s2, s3
            for j in range(m - m % 4, m):
                s0 = 0.0
                for k in range(x.shape[2]):
                    s0 += (np.float64(x[b, i, k]) - np.float64(y[b, j, k])) ** 2
                out[b, i, j] = s0


@kernel(parallel=True)
def _radii(x: Any, out: Any) -> None:
    """The largest distance of a point from its batch's mean."""
    count, n, d = x.shape
    for b in prange(count):
        mean = np.zeros(d)
        for i in range(n):
            for k in range(d):
                mean[k] += x[b, i, k]
        largest = 0.0
        for i in range(n):
            square = 0.0
            for k in range(d):
                square += (x[b, i, k] - mean[k] / n) ** 2
            largest = max(largest, square)
        out[b] = np.sqrt(largest)


@kernel(parallel=True, fastmath=ORDERED)
def _solve_all(costs: Any, u: Any, v: Any, columns: Any, value: Any, lower: Any) -> None:
    """Solve each and certify it: u_i = min_j c_ij - v_j is taken anew, which is feasible whatever the solver did."""
    count, n, m = costs.shape
    for b in prange(count):
        assign(costs[b], u[b], v[b], columns[b])
        total, dual = 0.0, 0.0
        for i in range(n):
            least = np.inf
            for j in range(m):
                least = min(least, costs[b, i, j] - v[b, j])
            u[b, i] = least
            total += costs[b, i, columns[b, i]]
        for i in range(n):
            dual += u[b, i] + v[b, i]
        value[b] = total / n
        lower[b] = dual / n
