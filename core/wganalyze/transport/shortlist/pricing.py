"""Pricing: for each row the columns of least reduced cost, block by block, so that no cost matrix is ever held.

What it finds need not be exact: exact costs decide which pairs are taken, and the certificate decides when all is done.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
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
HELD_PAIRS, HELD_DIMENSION = 2**24, 256
"""Inner products of at most so many pairs are held, of points of so many numbers, which take longer to multiply."""


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
class Inner:
    """The inner products of two sides, (n, m), made once; ``made``: shared with its transpose."""

    x: Array
    y: Array
    is_turned: bool = False
    made: list[Array] = field(default_factory=list)

    @classmethod
    def worth(cls, x: Side, y: Side) -> Inner | None:
        """Where they are few, and take longer to make than to read."""
        few = len(x.points) * len(y.points) <= HELD_PAIRS
        return cls(x.points, y.points) if few and x.points.shape[1] >= HELD_DIMENSION else None

    def make(self) -> None:
        """Make them, where nobody has."""
        if self.made:
            return
        made = np.empty((len(self.x), len(self.y)), self.x.dtype)

        def block(part: slice) -> None:
            np.matmul(self.x[part], self.y.T, out=made[part])

        in_blocks(len(made), made.itemsize * len(self.y), block, operations=made.size * self.x.shape[1])
        self.made.append(made)

    def of(self, rows: Indices | slice, columns: Indices | None) -> Array:
        """Those of some rows and columns."""
        made = self.made[0].T if self.is_turned else self.made[0]
        part = made[rows]
        return np.ascontiguousarray(part if columns is None else part[:, columns])

    def turned(self) -> Inner:
        """With rows and columns exchanged."""
        return replace(self, is_turned=not self.is_turned)


@dataclass(eq=False)
class Products:
    """Powers of Euclidean distances, by inner products; ``unit``: the length that counts as 1.

    ``held``: the products of all points, of which these are ``rows`` and ``columns``; None: made anew each time.
    """

    x: Side
    y: Side
    exponent: float
    unit: float
    scale: float
    stop: Flag
    held: Inner | None = None
    rows: Indices | None = None
    columns: Indices | None = None

    @classmethod
    def of(cls, x: Array, y: Array, exponent: float, stop: Flag) -> Self:
        """From the points."""
        centre = y.mean(axis=0, dtype=np.float64)
        unit = float(np.sqrt(np.mean([_mean_square(side - centre) for side in (x, y)]))) or 1.0
        kind = np.float64 if x.shape[1] <= LOW_DIMENSION else np.float32
        sides = _sides(x, y, centre, unit, kind)
        return cls(*sides, exponent, unit, unit**exponent, stop, Inner.worth(*sides))

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
        taken = v.astype(kind)
        if self.held is not None:
            self.held.make()

        def block(rows: slice) -> None:
            heed(self.stop)
            kernels.nearest_by_products(
                self._products(rows), self.x.squares[rows], self.y.squares, taken, self.exponent, index[rows],
                limit[rows],
            )  # fmt: skip

        in_blocks(n, kind.itemsize * m, block, operations=n * m * self.x.points.shape[1])
        return index, limit.astype(np.float64)

    def _products(self, rows: slice) -> Array:
        if self.held is None:
            return self.x.points[rows] @ self.y.points.T
        return self.held.of(rows if self.rows is None else self.rows[rows], self.columns)

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
        part = self._with(self.x if rows is None else self.x[rows], self.y if columns is None else self.y[columns])
        part.held, part.rows, part.columns = self.held, _taken(self.rows, rows), _taken(self.columns, columns)
        return part

    def turned(self) -> Self:
        """See ``Pricing``."""
        turned = self._with(self.y, self.x)
        turned.held = None if self.held is None else self.held.turned()
        turned.rows, turned.columns = self.columns, self.rows
        return turned

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


def _taken(of: Indices | None, index: Indices | None) -> Indices | None:
    """The numbers, in the whole, of some of a part."""
    return of if index is None else index if of is None else of[index]


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
