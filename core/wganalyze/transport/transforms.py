"""The c-transform, min_j c(x_i, y_j)^p - v_j, in float64 from the points: what a certificate rests on.

Under the Euclidean ground metric most pairs are far from the minimum. Those are excluded by inner products in float32
with a bound on all of their rounding (Higham 2002, eq. 3.5: |fl(x.y) - x.y| <= d eps / (1 - d eps) |x| |y|, in any
order of summation); only the pairs that such products cannot exclude are computed, by differences in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import prange

from wganalyze.transport.compiled import ORDERED, PARALLEL, kernel
from wganalyze.transport.metrics import Array, Metric, cost_blocks, directions

Indices = npt.NDArray[np.integer[Any]]

BLOCK_BYTES = 32 * 2**20
LEAST_DIMENSION = 8
"""Below this, differences cost no more than products."""
MOST_DIMENSION = 10**6
"""Above this, the bound of float32 is worth nothing."""
FEWEST = 64
"""With fewer points on a side there is nothing to save."""


def c_transform(
    x: Array, y: Array, v: Array, p: float = 1.0, metric: Metric = "euclidean", near: Indices | None = None
) -> Array:
    """u_i = min_j c(x_i, y_j)^p - v_j, (n,), for any v (m,); v_j = -inf leaves y_j out.

    ``near`` (n,): a j for each i that may attain it, which saves time and changes nothing.
    """
    exponent, factor = p, 1.0
    if metric == "cosine":  # 1 - cos is half the squared distance of the directions
        x, y, exponent, factor, metric = directions(x), directions(y), 2 * p, 0.5**p, "euclidean"
    if metric != "euclidean" or min(len(x), len(y)) < FEWEST:
        return _by_blocks(x, y, v, p if factor == 1.0 else exponent, metric, factor)
    return factor * _euclidean(x, y, v / factor, exponent, near)


def _by_blocks(x: Array, y: Array, v: Array, p: float, metric: Metric, factor: float) -> Array:
    u = np.empty(len(x))
    for rows, costs in cost_blocks(x, y, metric):
        u[rows] = (factor * costs**p - v[None]).min(axis=1)
    return u


def _euclidean(x: Array, y: Array, v: Array, exponent: float, near: Indices | None) -> Array:
    centre = y.mean(axis=0, dtype=np.float64)
    d = x.shape[1]
    low = d < LEAST_DIMENSION or d > MOST_DIMENSION
    xc, yc = x - centre, y - centre
    unit = float(max(np.abs(xc).max(), np.abs(yc).max())) or 1.0
    kind = np.float64 if low else np.float32
    a, b = (xc / unit).astype(kind), np.ascontiguousarray((yc / unit).astype(kind).T)
    del xc, yc
    a_squares = np.einsum("ij,ij->i", a, a, dtype=np.float64)
    b_squares = np.einsum("ij,ij->j", b, b, dtype=np.float64)
    eps = float(np.finfo(kind).eps)
    # Of the product, of the two roundings of each factor to float32, and of the sum of three terms.
    error = (d * eps / (1 - d * eps) + 2 * eps) * 2 * np.sqrt(a_squares.max()) * np.sqrt(b_squares) + 4 * eps * (
        a_squares.max() + b_squares
    )
    offset = (b_squares - error).astype(kind)
    scaled = v / unit**exponent
    u = np.empty(len(x))
    hints = np.full(len(x), -1, np.intp) if near is None else near.astype(np.intp)
    height = max(1, BLOCK_BYTES // (a.itemsize * len(y)))
    for start in range(0, len(x), height):
        rows = slice(start, min(start + height, len(x)))
        products = a[rows] @ b
        with PARALLEL:
            _least(products, x[rows], y, a_squares[rows], offset, scaled, exponent, unit, hints[rows], u[rows])
    return u


@kernel()
def _exact(a: Any, b: Any, exponent: Any, unit: Any) -> Any:
    total = 0.0
    for k in range(len(a)):
        difference = (np.float64(a[k]) - np.float64(b[k])) / unit
        total += difference * difference
    return np.sqrt(total) if exponent == 1.0 else total if exponent == 2.0 else total ** (0.5 * exponent)


@kernel(parallel=True, fastmath=ORDERED)
def _least(products: Any, x: Any, y: Any, x_squares: Any, offset: Any, v: Any, exponent: Any, unit: Any, near: Any,
           u: Any) -> None:  # fmt: skip
    """u_i = min_j exact c_ij - v_j; ``offset`` (m,): squared norms of y less all errors, so that bounds are low."""
    rows, m = products.shape
    width = 256
    for i in prange(rows):
        bound = np.empty(width)
        found = np.inf
        first = near[i]
        if first >= 0 and v[first] > -np.inf:
            found = _exact(x[i], y[first], exponent, unit) - v[first]
        for start in range(0, m, width):
            stop = min(width, m - start)
            least = np.inf
            if exponent == 1.0:
                for k in range(stop):
                    square = x_squares[i] + offset[start + k] - 2.0 * products[i, start + k]
                    bound[k] = np.sqrt(max(square, 0.0)) - v[start + k]
                    least = min(least, bound[k])
            else:
                for k in range(stop):
                    square = max(x_squares[i] + offset[start + k] - 2.0 * products[i, start + k], 0.0)
                    bound[k] = (square if exponent == 2.0 else square ** (0.5 * exponent)) - v[start + k]
                    least = min(least, bound[k])
            while least < found:  # the best bound first: what it gives excludes most of the others
                at = 0
                for k in range(1, stop):
                    if bound[k] < bound[at]:
                        at = k
                least = bound[at]
                if least < found:
                    found = min(found, _exact(x[i], y[start + at], exponent, unit) - v[start + at])
                    bound[at] = np.inf
        u[i] = found * unit**exponent
