"""The c-transform, min_j c(x_i, y_j)^p - v_j, in float64 from the points: what a certificate rests on.

Under the Euclidean ground metric most pairs are far from the minimum. Those are excluded by inner products in float32
with a bound on all of their rounding (Higham 2002, eq. 3.5: |fl(x.y) - x.y| <= d eps / (1 - d eps) |x| |y|, in any
order of summation); only the pairs that such products cannot exclude are computed, by differences in float64.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs import device as on_device
from wganalyze.transport.costs.blocks import BLOCK_BYTES, in_blocks
from wganalyze.transport.costs.compiled import ORDERED, kernel
from wganalyze.transport.costs.device import full, gpu
from wganalyze.transport.costs.metrics import Array, Metric, by_differences, directions
from wganalyze.transport.costs.window import WIDTH, less_potential
from wganalyze.transport.costs.working import Flag, heed

Indices = npt.NDArray[np.integer[Any]]


Mask = npt.NDArray[np.bool_]

LEAST_DIMENSION = 8
"""Below this, differences cost no more than products."""


MOST_DIMENSION = 10**6
"""Above this, the bound of float32 is worth nothing."""


OPEN = 40
"""Exact costs of a row, beyond which products in float64 are the shorter way."""


FEWEST = 64
"""With fewer points on a side there is little to save."""


MOST_DIFFERENCES = 10**8
"""Of coordinates, that are taken one by one there."""


def c_transform(
    x: Array,
    y: Array,
    v: Array,
    p: float = 1.0,
    metric: Metric = "euclidean",
    near: Indices | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Array:
    """u_i = min_j c(x_i, y_j)^p - v_j, (n,), for any v (m,); v_j = -inf leaves y_j out.

    ``near`` (n,): a j for each i that may attain it, which saves time and changes nothing; ``block_bytes``: what a
    block of rows takes.
    """
    return attained_transform(x, y, v, p, metric, near, block_bytes=block_bytes)[0]


def attained_transform(
    x: Array,
    y: Array,
    v: Array,
    p: float = 1.0,
    metric: Metric = "euclidean",
    near: Indices | None = None,
    stop: Flag | None = None,
    most: int = OPEN,
    block_bytes: int = BLOCK_BYTES,
) -> tuple[Array, Indices]:
    """The c-transform, and for each i a j that attains it; Unfinished once ``stop[0]`` is set.

    ``most``: exact costs of a row, beyond which its products are taken in float64.
    """
    stop = np.zeros(1, np.uint8) if stop is None else stop
    exponent, factor = p, 1.0
    if metric == "cosine":  # 1 - cos is half the squared distance of the directions
        x, y, exponent, factor, metric = directions(x), directions(y), 2 * p, 0.5**p, "euclidean"
    if metric != "euclidean" or (min(len(x), len(y)) < FEWEST and x.size * len(y) <= MOST_DIFFERENCES):
        return _by_blocks(x, y, v, exponent, metric, factor, stop, block_bytes)
    u, at = _euclidean(x, y, v / factor, exponent, near, stop, most, block_bytes)
    return factor * u, at


def _by_blocks(
    x: Array, y: Array, v: Array, p: float, metric: Metric, factor: float, stop: Flag, block_bytes: int
) -> tuple[Array, Indices]:
    u, at = np.empty(len(x)), np.empty(len(x), np.intp)
    height = max(1, block_bytes // (8 * len(y)))
    for start in range(0, len(x), height):
        heed(stop)
        rows = slice(start, start + height)
        values = factor * by_differences(x[rows], y, metric) ** p - v[None]
        at[rows] = values.argmin(axis=1)
        u[rows] = np.take_along_axis(values, at[rows, None], axis=1)[:, 0]
    return u, at


def _euclidean(
    x: Array, y: Array, v: Array, exponent: float, near: Indices | None, stop: Flag, most: int, block_bytes: int
) -> tuple[Array, Indices]:
    u, at = np.empty(len(x)), np.empty(len(x), np.intp)
    hints = np.full(len(x), -1, np.intp) if near is None else near.astype(np.intp)
    device = gpu(len(x) * y.size)
    # A GPU multiplies in float64: what float32 means there hangs on switches of the process (TF32, autocast).
    few = np.float64 if device is not None else np.float32
    rows: Any = slice(None)
    if device is not None or LEAST_DIMENSION <= x.shape[1] <= MOST_DIMENSION:
        many = np.zeros(len(x), np.bool_)
        _Exclusion(x, y, v, exponent, few, most, block_bytes).run(x, hints, u, at, many, stop, device)
        rows = np.flatnonzero(many)
        if not len(rows):
            return u, at
    # Where float32 leaves many pairs open, products in float64 leave few.
    rest_u, rest_at = u[rows], at[rows]
    none = np.zeros(len(rest_u), np.bool_)
    wide = _Exclusion(x, y, v, exponent, np.float64, len(y) + 1, block_bytes)
    wide.run(x[rows], hints[rows], rest_u, rest_at, none, stop)
    u[rows], at[rows] = rest_u, rest_at
    return u, at


class _Exclusion:
    """y (m, d) and v prepared for the exclusion of pairs by products in the precision ``kind``; x gives the scales.

    A row that would need more than ``most`` exact costs is given up.
    """

    def __init__(
        self, x: Array, y: Array, v: Array, exponent: float, kind: type[np.floating[Any]], most: int, block_bytes: int
    ):
        self._block_bytes = block_bytes
        self._centre = y.mean(axis=0, dtype=np.float64)
        self._unit = max(self._reach(x), self._reach(y)) or 1.0
        self._y, self._v, self._exponent, self._kind, self._most = y, v / self._unit**exponent, exponent, kind, most
        points = self._scaled(y)
        self._columns = points.T
        squares = np.einsum("ij,ij->i", points, points, dtype=np.float64)
        eps, d = float(np.finfo(kind).eps), y.shape[1]
        # Rounding to ``kind`` may lengthen x; d is an upper end of its squared norm in any case.
        farthest = min(self._farthest_square(x), float(d)) * (1 + 4 * eps)
        # Of the product, of the two roundings of each factor, and of the sums of three terms.
        error = (d * eps / (1 - d * eps) + 2 * eps) * 2 * np.sqrt(farthest * squares) + 8 * eps * (farthest + squares)
        self._offset = (squares - error).astype(kind)
        self._rounded = self._v.astype(kind)
        # Of the power, of v and of the difference, all in the same precision.
        largest = float(np.abs(self._v, where=np.isfinite(self._v), out=np.zeros_like(self._v)).max())
        longest = float((np.sqrt(farthest) + np.sqrt(squares.max())) ** exponent)
        self._slack = 16 * max(exponent, 1) * eps * (longest + largest)

    def run(self, x: Array, near: Indices, u: Array, at: Indices, many: Mask, stop: Flag, device: Any = None) -> None:
        """Fill ``u`` and ``at``, or ``many`` for rows that are given up; on ``device``, if it has the room."""
        if device is not None:
            with suppress(*full()):
                self._run_on(device, x, near, u, at, many, stop)
                return
            many[:] = False

        def block(rows: slice) -> None:
            heed(stop)
            points = self._scaled(x[rows])
            squares = np.einsum("ij,ij->i", points, points, dtype=np.float64).astype(self._kind)
            _least(
                points @ self._columns, x[rows], self._y, squares, self._offset, self._rounded, self._slack, self._v,
                self._exponent, self._unit, near[rows], self._most, u[rows], at[rows], many[rows],
            )  # fmt: skip

        operations = len(x) * self._y.size
        in_blocks(len(x), self._columns.itemsize * len(self._y), block, self._block_bytes, operations)

    def _run_on(self, device: Any, x: Array, near: Indices, u: Array, at: Indices, many: Mask, stop: Flag) -> None:
        there = on_device.Exclusion(
            self._y, self._columns.T, self._offset, self._v, self._slack, self._exponent, self._unit, device
        )
        row_bytes = 4 * self._columns.itemsize * len(self._y) + 64 * self._most * x.shape[1]
        height = max(1, on_device.BLOCK_BYTES // row_bytes)
        for start in range(0, len(x), height):
            heed(stop)
            rows = slice(start, min(start + height, len(x)))
            points = self._scaled(x[rows])
            squares = np.einsum("ij,ij->i", points, points, dtype=np.float64).astype(self._kind)
            least, at[rows], many[rows] = there.run(x[rows], points, squares, np.maximum(near[rows], 0), self._most)
            u[rows] = least * self._unit**self._exponent

    def _scaled(self, points: Array) -> Array:
        moved = points - self._centre
        moved /= self._unit
        return np.asarray(moved.astype(self._kind, copy=False))

    def _reach(self, points: Array) -> float:
        """The largest coordinate, from the centre."""
        return float(max((points.max(axis=0) - self._centre).max(), (self._centre - points.min(axis=0)).max()))

    def _farthest_square(self, x: Array) -> float:
        largest = np.zeros(1)

        def block(rows: slice) -> None:
            points = (x[rows] - self._centre) / self._unit
            largest[0] = max(largest[0], float(np.einsum("ij,ij->i", points, points).max()))

        in_blocks(len(x), 8 * x.shape[1], block, self._block_bytes)
        return float(largest[0])


@kernel()
def _exact(a: Any, b: Any, exponent: Any, unit: Any) -> Any:
    total = 0.0
    for k in range(len(a)):
        difference = (np.float64(a[k]) - np.float64(b[k])) / unit
        total += difference * difference
    return np.sqrt(total) if exponent == 1.0 else total if exponent == 2.0 else total ** (0.5 * exponent)


@kernel(fastmath=ORDERED)
def _least(products: Any, x: Any, y: Any, x_squares: Any, offset: Any, rounded: Any, slack: Any, v: Any, exponent: Any,
           unit: Any, near: Any, most: Any, u: Any, at: Any, many: Any) -> None:  # fmt: skip
    """u_i = min_j exact c_ij - v_j, ``at`` j; ``many``, where more than ``most`` exact costs would be needed.

    ``offset`` (m,): squared norms of y less all errors of the products; ``rounded``: v in their precision; ``slack``:
    how much more the bounds that they give may lie above the truth.
    """
    rows, m = products.shape
    bound = np.empty(WIDTH, products.dtype)
    for i in range(rows):
        own = x_squares[i]
        least, nearest, open_ = np.inf, 0, 0
        first = near[i]
        if first >= 0 and v[first] > -np.inf:
            least, nearest = _exact(x[i], y[first], exponent, unit) - v[first], first
        for start in range(0, m, WIDTH):
            product = products[i, start : start + WIDTH]
            square_of, taken = offset[start : start + WIDTH], rounded[start : start + WIDTH]
            count = len(product)
            lowest = less_potential(product, own, square_of, taken, exponent, bound)
            while lowest - slack < least:  # the best bound first: what it gives excludes most of the others
                best = 0
                for k in range(1, count):
                    if bound[k] < bound[best]:
                        best = k
                lowest = bound[best]
                if lowest - slack < least:
                    value = _exact(x[i], y[start + best], exponent, unit) - v[start + best]
                    if value < least:
                        least, nearest = value, start + best
                    bound[best] = np.inf
                    open_ += 1
                    if open_ > most:
                        many[i] = True
                        break
            if many[i]:
                break
        u[i] = least * unit**exponent
        at[i] = nearest
