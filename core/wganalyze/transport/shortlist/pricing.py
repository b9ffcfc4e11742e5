"""Pricing: for each row the columns of least reduced cost, found block by block by matrix products in float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.compiled import PARALLEL
from wganalyze.transport.shortlist import kernels

Array = npt.NDArray[Any]
LOW_DIMENSION = 16
"""Up to here products are taken in float64: near points would drown in float32, and the products are cheap."""
BLOCK_BYTES = 32 * 2**20


LISTED = 256
"""Columns that a row lists."""


def bytes_held(n: int, d: int) -> int:
    """What shortlists of n points take: lists, two copies of the points in the precision of products, one block."""
    size = min(LISTED, max(n - 1, 1))
    return n * (size * 16 + 64) + 2 * n * d * (8 if d <= LOW_DIMENSION else 4) + BLOCK_BYTES


@dataclass(eq=False)
class Geometry:
    """Two point sets of equal size, centred and brought to unit radius, with a power of a distance as their cost.

    ``px``, ``py``: the points as given, (n, d), from which exact costs are computed, divided by ``unit``. ``exponent``:
    the cost is the distance to this power.
    """

    px: Array
    py: Array
    exponent: float
    unit: float = field(init=False)

    def __post_init__(self) -> None:
        centre = self.py.mean(axis=0, dtype=np.float64)
        kind = np.float64 if self.px.shape[1] <= LOW_DIMENSION else np.float32
        x, y = self.px - centre, self.py - centre
        squares = np.concatenate([np.einsum("ij,ij->i", p, p, dtype=np.float64) for p in (x, y)])
        self.unit = float(np.sqrt(squares.mean())) or 1.0
        self.x, self.y = ((p / self.unit).astype(kind) for p in (x, y))
        # Squared distances in Gram form are taken less by the bound of Higham 2002, eq. 3.5, relative to squared radii.
        self.rounding = (self.px.shape[1] + 4) * float(np.finfo(kind).eps)
        self.x_squares, self.y_squares = (np.einsum("ij,ij->i", p, p, dtype=np.float64) for p in (self.x, self.y))

    @property
    def n(self) -> int:
        """Points on each side."""
        return len(self.px)

    def blocks(self, rows: Array) -> Iterator[tuple[Array, Array]]:
        """(rows of the block, inner products (b, n)) for consecutive parts of ``rows``."""
        height = max(1, BLOCK_BYTES // (self.x.itemsize * self.n))
        transposed = self.y.T
        everything = len(rows) == self.n
        out = np.empty((min(height, len(rows)), self.n), self.x.dtype)
        for start in range(0, len(rows), height):
            part = rows[start : start + height]
            left = self.x[start : start + height] if everything else self.x[part]
            yield part, np.matmul(left, transposed, out=out[: len(part)])


@dataclass(eq=False)
class Shortlists:
    """The lists of all rows; see ``kernels`` for what each array means."""

    geometry: Geometry
    size: int

    def __post_init__(self) -> None:
        n, size = self.geometry.n, min(self.size, self.geometry.n - 1)
        self.size = size
        self.index = np.empty((n, size), np.int32)
        self.key = np.empty((n, size), np.float32)
        self.cost = np.empty((n, size))
        self.limit = np.empty(n)
        self.count = np.zeros(n, np.int32)
        self.priced = 0

    def price(self, rows: Array, v: Array, size: int) -> None:
        """List the ``size`` best columns of ``rows`` under the column potentials ``v``."""
        g = self.geometry
        kind = g.x.dtype.type
        less = kind(1 - g.rounding)
        x_squares, y_squares = (s.astype(kind) * less for s in (g.x_squares, g.y_squares))
        # A key is a float32: its rounding, and that of v, is taken off.
        slack = 2e-7 * (float(np.abs(v).max(initial=0.0)) + float(2 * np.sqrt(g.x_squares.max())) ** g.exponent)
        v32 = v.astype(np.float32)
        for part, block in g.blocks(rows):
            with PARALLEL:
                kernels.list_columns(
                    block, part, x_squares, y_squares, g.exponent, v32, slack, min(size, self.size),
                    self.index, self.key, self.cost, self.limit, self.count,
                )  # fmt: skip
        self.priced += len(rows)

    @property
    def lists(self) -> tuple[Array, ...]:
        """What the kernels take."""
        return self.index, self.key, self.cost, self.limit, self.count
