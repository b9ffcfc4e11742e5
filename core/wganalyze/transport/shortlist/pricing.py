"""Pricing: for each row the columns of least reduced cost, block by block, so that no cost matrix is ever held.

What it finds need not be exact: exact costs decide which pairs are taken, and the certificate decides when all is done.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs.blocks import in_blocks
from wganalyze.transport.costs.device import full, gpu, nearest
from wganalyze.transport.costs.metrics import Array, Metric, cost_blocks, directions, flipped, paired_cost
from wganalyze.transport.costs.working import Flag, heed
from wganalyze.transport.shortlist import kernels

Indices = npt.NDArray[np.integer[Any]]
LOW_DIMENSION = 16
"""Up to here products are taken in float64: near points would drown in float32, and the products are cheap."""
SAMPLED = 64


class Pricing(Protocol):
    """The costs between two sets of points, divided by ``scale``, which brings them near 1."""

    scale: float

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        ...

    def nearest(self, v: Array, size: int) -> tuple[Indices, Array]:
        """For each row the ``size`` columns of least c - v: (n, size), -1 where there are fewer; and a bound (n,) below
        which no other column lies. Both up to the rounding of pricing."""
        ...

    def costs(self, i: Indices, j: Indices) -> Array:
        """The costs of pairs, exact up to float64."""
        ...

    def restricted(self, rows: Indices | None = None, columns: Indices | None = None) -> Self:
        """Some rows and columns of it."""
        ...

    def turned(self) -> Self:
        """With rows and columns exchanged."""
        ...

    def within(self) -> Self:
        """The costs among the rows themselves."""
        ...

    def sharp(self) -> Self:
        """The same in float64."""
        ...


def pricing(x: Array, y: Array, p: float, metric: Metric, stop: Flag) -> Pricing:
    """For x (n, d) and y (m, d) under metric ** p."""
    if metric == "cosine":  # 1 - cos is half the squared distance of the directions
        prices = Products.of(directions(x), directions(y), 2 * p, stop)
        prices.scale *= 0.5**p
        return prices
    if metric == "euclidean":
        return Products.of(x, y, p, stop)
    return Blocks.of(x, y, p, metric, stop)


@dataclass(frozen=True, eq=False)
class Side:
    """Points as given (n, d); the same centred, of unit size, in the precision of products; their squared norms."""

    given: Array
    points: Array
    squares: Array

    def __getitem__(self, index: Indices) -> Side:
        return Side(self.given[index], self.points[index], self.squares[index])


@dataclass(eq=False)
class Products:
    """Powers of Euclidean distances, by inner products; ``unit``: the length that counts as 1."""

    x: Side
    y: Side
    exponent: float
    unit: float
    scale: float
    stop: Flag

    @classmethod
    def of(cls, x: Array, y: Array, exponent: float, stop: Flag) -> Self:
        """From the points."""
        centre = y.mean(axis=0, dtype=np.float64)
        unit = float(np.sqrt(np.mean([_mean_square(side - centre) for side in (x, y)]))) or 1.0
        kind = np.float64 if x.shape[1] <= LOW_DIMENSION else np.float32
        return cls(*_sides(x, y, centre, unit, kind), exponent, unit, unit**exponent, stop)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        return len(self.x.points), len(self.y.points)

    def nearest(self, v: Array, size: int) -> tuple[Indices, Array]:
        """See ``Pricing``."""
        n, m = self.shape
        kind = self.x.points.dtype
        device = gpu(n * m * self.x.points.shape[1])
        if device is not None:
            with suppress(*full()):
                return nearest(self.x.points, self.y.points, v, self.exponent, min(size, m), device, self.stop)
        index, limit = np.empty((n, min(size, m)), np.int32), np.empty(n, kind)
        taken, columns = v.astype(kind), np.ascontiguousarray(self.y.points.T)

        def block(rows: slice) -> None:
            heed(self.stop)
            kernels.nearest_by_products(
                self.x.points[rows] @ columns, self.x.squares[rows], self.y.squares, taken, self.exponent, index[rows],
                limit[rows],
            )  # fmt: skip

        in_blocks(n, kind.itemsize * m, block)
        return index, limit.astype(np.float64)

    def costs(self, i: Indices, j: Indices) -> Array:
        """See ``Pricing``."""
        out = np.empty(len(i))

        def block(pairs: slice) -> None:
            heed(self.stop)
            kernels.pair_costs(self.x.given, self.y.given, i[pairs], j[pairs], self.exponent, self.unit, out[pairs])

        in_blocks(len(i), 16 * self.x.given.shape[1], block)
        return out

    def restricted(self, rows: Indices | None = None, columns: Indices | None = None) -> Self:
        """See ``Pricing``."""
        return self._with(self.x if rows is None else self.x[rows], self.y if columns is None else self.y[columns])

    def turned(self) -> Self:
        """See ``Pricing``."""
        return self._with(self.y, self.x)

    def within(self) -> Self:
        """See ``Pricing``."""
        return self._with(self.x, self.x)

    def sharp(self) -> Self:
        """See ``Pricing``."""
        if self.x.points.dtype == np.float64:
            return self
        x, y = self.x.given, self.y.given
        return self._with(*_sides(x, y, y.mean(axis=0, dtype=np.float64), self.unit, np.float64))

    def _with(self, x: Side, y: Side) -> Self:
        return type(self)(x, y, self.exponent, self.unit, self.scale, self.stop)


def _sides(x: Array, y: Array, centre: Array, unit: float, kind: Any) -> tuple[Side, Side]:
    def side(given: Array) -> Side:
        moved = given - centre
        moved /= unit
        points = moved.astype(kind, copy=False)
        return Side(given, points, np.einsum("ij,ij->i", points, points))

    return side(x), side(y)


def _mean_square(points: Array) -> float:
    return float(np.einsum("ij,ij->", points, points)) / len(points)


@dataclass(eq=False)
class Blocks:
    """Any metric, by blocks of the cost matrix."""

    x: Array
    y: Array
    p: float
    metric: Metric
    scale: float
    stop: Flag

    @classmethod
    def of(cls, x: Array, y: Array, p: float, metric: Metric, stop: Flag) -> Self:
        """From the points; the scale is the largest cost among some."""
        largest = max(float(costs.max()) for _, costs in cost_blocks(x[:SAMPLED], y[:SAMPLED], metric))
        return cls(x, y, p, metric, (largest or 1.0) ** p, stop)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        return len(self.x), len(self.y)

    def nearest(self, v: Array, size: int) -> tuple[Indices, Array]:
        """See ``Pricing``."""
        n, m = self.shape
        index, limit = np.empty((n, min(size, m)), np.int32), np.empty(n)
        for rows, costs in cost_blocks(self.x, self.y, self.metric):
            heed(self.stop)
            kernels.nearest_by_costs(costs**self.p / self.scale, v, index[rows], limit[rows])
        return index, limit

    def costs(self, i: Indices, j: Indices) -> Array:
        """See ``Pricing``."""
        return paired_cost(self.x[i], self.y[j], self.metric) ** self.p / self.scale

    def restricted(self, rows: Indices | None = None, columns: Indices | None = None) -> Self:
        """See ``Pricing``."""
        x, y = self.x if rows is None else self.x[rows], self.y if columns is None else self.y[columns]
        return type(self)(x, y, self.p, self.metric, self.scale, self.stop)

    def turned(self) -> Self:
        """See ``Pricing``."""
        return type(self)(self.y, self.x, self.p, flipped(self.metric), self.scale, self.stop)

    def within(self) -> Self:
        """See ``Pricing``."""
        return type(self)(self.x, self.x, self.p, self.metric, self.scale, self.stop)

    def sharp(self) -> Self:
        """See ``Pricing``."""
        return self
