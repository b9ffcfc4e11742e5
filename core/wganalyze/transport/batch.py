"""Exact Wasserstein distances of many mini-batches at once, each with its certificate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import prange

from wganalyze.transport.certificate import UNIT, CertificateError, certain, claimed, upper_end, within_rounding
from wganalyze.transport.costs.compiled import ORDERED, in_parallel, kernel
from wganalyze.transport.costs.metrics import (
    Array,
    Metric,
    as_points,
    by_differences,
    check_metric,
    directions,
    metric_name,
)
from wganalyze.transport.dense import assign
from wganalyze.transport.limits import RELATIVE_GAP, ROUNDING, memory_limit

CHUNK_BYTES = 128 * 2**20
"""Of costs that are held at a time."""

REFINEMENTS = 4
"""Solutions of problems that are not exact yet, at most."""


@dataclass(frozen=True, eq=False)
class Transports:
    """B solved problems of n points a side.

    ``value``, ``lower`` (B,): W_p and what ``potentials`` (u, v), each (B, n), certify of it, less what rounding may
    have added; ``columns`` (B, n): the y that each x is matched with.
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
        return within_rounding(self.value, self.lower, self.p, self.scale)


def wasserstein_batch(
    xs: Any,
    ys: Any,
    p: float = 1,
    metric: Metric = "euclidean",
    memory: int | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> Transports:
    """W_p between xs[k] (n, d) and ys[k] (n, d) for all k, from arrays or tensors (B, n, d), uniform weights.

    In memory: the result, and ``chunk_bytes`` of costs at a time, or one problem of 16 n^2 bytes. ``memory``: bytes
    that a problem may take (None: those of the run, else 12 GiB); MemoryError beyond, before it starts. ValueError as
    for ``wasserstein``, and for batches of different shapes.
    """
    xs, ys = (_batches(values, name) for values, name in ((xs, "xs"), (ys, "ys")))
    if xs.shape != ys.shape:
        raise ValueError(f"xs and ys are two (B, n, d) of one shape, not {xs.shape} and {ys.shape}")
    if not 1 <= p < math.inf:
        raise ValueError(f"p = {p}: Wasserstein distances need 1 <= p < infinity")
    count, n, _ = xs.shape
    memory = memory_limit() if memory is None else memory
    if 16 * n * n > memory:
        raise MemoryError(
            f"one problem of {n} points needs 16 n^2 = {16 * n * n / 2**30:.1f} GiB, the limit is "
            f"{memory / 2**30:.1f} GiB; solve it by wasserstein"
        )
    check_metric(metric, xs.reshape(-1, xs.shape[2]), ys.reshape(-1, ys.shape[2]))
    u, v = np.empty((count, n)), np.empty((count, n))
    columns = np.empty((count, n), np.int32)
    value, lower, scale = np.empty(count), np.empty(count), np.empty(count)
    for part in _parts(count, n, min(chunk_bytes, memory)):
        x, y = (_directions(z) if metric == "cosine" else z for z in (xs[part], ys[part]))
        with in_parallel():
            _radii(x, scale[part])
        if metric == "cosine":
            scale[part] = np.minimum(1, 2 * scale[part] ** 2)
        costs = _costs(x, y, metric)
        if p != 1:
            np.power(costs, p, out=costs)
        batches = _Batches(xs[part], ys[part], costs, float(p), metric, scale[part])
        batches.solve(u[part], v[part], columns[part], value[part], lower[part])
    return Transports(value, lower, (u, v), columns, float(p), metric_name(metric), scale)


@dataclass(eq=False)
class _Batches:
    """Some problems: points (b, n, d), costs ** p (b, n, n), and sizes (b,) that rounding is measured by."""

    x: Array
    y: Array
    costs: Array
    p: float
    metric: Metric
    scale: Array

    def solve(self, u: Array, v: Array, columns: npt.NDArray[np.int32], value: Array, lower: Array) -> None:
        """Fill these, as ``Transports`` has them."""
        with in_parallel():
            _solve_all(self.costs, u, v, columns, value, lower)
        value[:], lower[:] = self._bracket(np.arange(len(value)), u, columns, value, lower)
        wanting = np.arange(len(value))
        for _ in range(REFINEMENTS):
            exact = within_rounding(value[wanting], lower[wanting], self.p, self.scale[wanting])
            wanting = wanting[~exact & (value[wanting] > 0)]
            if not len(wanting):
                return
            wanting = self._refine(wanting, u, v, columns, value, lower)

    def _refine(self, wanting: Any, u: Array, v: Array, columns: Any, value: Array, lower: Array) -> Any:
        """Solve these again, under costs up to twice the total of their bijection; which of them got better.

        A solver rounds to the largest cost, which may be far above the value; see ``solvers.Capped``.
        """
        ceiling = 2 * np.take_along_axis(self.costs[wanting], columns[wanting, :, None], axis=2).sum(axis=(1, 2))
        wanting, ceiling = wanting[ceiling > 0], ceiling[ceiling > 0]
        costs = self.costs[wanting]
        capped = np.minimum(costs, ceiling[:, None, None]) / ceiling[:, None, None]
        new_u, new_v, new_columns = u[wanting], v[wanting], columns[wanting]
        new_value, new_lower = value[wanting], lower[wanting]
        with in_parallel():
            _solve_all(capped, new_u, new_v, new_columns, new_value, new_lower)
        new_u, new_v = new_u * ceiling[:, None], new_v * ceiling[:, None]
        paid = np.take_along_axis(costs, new_columns[..., None], axis=2)[..., 0].mean(axis=1)
        new_value, new_lower = self._bracket(wanting, new_u, new_columns, paid, new_lower * ceiling)
        cheaper, higher = new_value < value[wanting], new_lower > lower[wanting]
        better = (new_value < value[wanting] * (1 - RELATIVE_GAP)) | (new_lower > lower[wanting] * (1 + RELATIVE_GAP))
        value[wanting[cheaper]], columns[wanting[cheaper]] = new_value[cheaper], new_columns[cheaper]
        lower[wanting[higher]] = new_lower[higher]
        u[wanting[higher]], v[wanting[higher]] = new_u[higher], new_v[higher]
        np.minimum(lower, value, out=lower)
        return wanting[better]

    def _bracket(self, which: Any, u: Array, columns: Any, cost: Array, dual: Array) -> tuple[Array, Array]:
        """W_p from above and below, from a cost and a dual value in powers."""
        n, d = self.x.shape[1:]
        value = cost ** (1 / self.p)
        if self.metric == "cosine":
            equal = np.zeros(len(value), np.bool_)
            for k in np.flatnonzero(value == 0):
                equal[k] = np.array_equal(self.x[which[k]], self.y[which[k]][columns[k]])
            value = upper_end(value, equal, d, self.metric)
        # The sum over pairs (i, columns[i]) is one of small numbers: n units, and those of each u_i.
        lower = certain(dual, 2 * UNIT * np.abs(u).mean(axis=1), d + n, self.p, self.metric)
        allowed = value**self.p * (1 + RELATIVE_GAP) + ROUNDING * self.scale[which] ** self.p
        if (lower**self.p > allowed).any():
            raise CertificateError(
                "a dual value exceeds the cost of its coupling: a fault of wganalyze; please report it"
            )
        return value, claimed(value, lower, d + n)


def _batches(values: Any, name: str) -> Array:
    shape = tuple(values.shape) if hasattr(values, "shape") else np.shape(values)
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"{name}: batches are (B, n, d) with at least one of each, not {shape}")
    flat = values.reshape(-1, shape[2]) if hasattr(values, "reshape") else np.reshape(values, (-1, shape[2]))
    return as_points(flat, name).reshape(shape)


def _directions(batches: Array) -> Array:
    return directions(batches.reshape(-1, batches.shape[2])).reshape(batches.shape)


def _parts(count: int, n: int, chunk_bytes: int) -> Iterator[slice]:
    height = max(1, chunk_bytes // (16 * n * n))
    for start in range(0, count, height):
        yield slice(start, min(start + height, count))


def _costs(x: Array, y: Array, metric: Metric) -> Array:
    """(B, n, n) float64; directions, for "cosine"."""
    if metric not in ("euclidean", "cosine"):
        return np.stack([by_differences(a, b, metric) for a, b in zip(x, y, strict=True)])
    costs = np.empty((len(x), x.shape[1], y.shape[1]))
    with in_parallel():
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
        for i in range(n):  # by pairs, which cost little, so that no digits are lost
            dual += u[b, i] + v[b, columns[b, i]]
        value[b] = total / n
        lower[b] = dual / n
