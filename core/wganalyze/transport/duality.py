"""What a critic's scores prove about W1: dual bounds on one pair of samples, for any function.

Scores f(x_i), f(y_j) are float64 and oriented so that the first sample is the one scored high. Every bound holds for
the sample W1 under the ground metric given; all are computed in row blocks of the cost matrix.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, NoReturn

import numpy as np

from wganalyze.transport.costs.blocks import BLOCK_BYTES
from wganalyze.transport.costs.metrics import Array, cost_blocks

HELD_BYTES = 2**32
"""Of costs that are held; more are computed again in each pass."""
PASSES = 200
RELATIVE_PROOF = 1e-10


@dataclass(frozen=True)
class DualBounds:
    """Estimates and bounds of the sample W1 from scores (SCIENCE: Kantorovich duality; Mallasto et al. 1910.03875).

    ``raw``: mean f(x) - mean f(y), no bound. ``slope``: K_pair = max (f(x_i) - f(y_j))+ / c(x_i, y_j), infinite where
    c = 0 and f(x) > f(y); ``steepest``: the (i, j) of it. ``pair``: raw / K_pair, a lower bound (None where K_pair is 0
    or infinite). ``c_first``/``c_second``: mean f(x) + mean f^c(y), and its twin: lower bounds for any f. ``zero``: the
    same for f = 0. ``best``: the largest over scales s f, at ``best_scale``; never below ``pair`` or ``zero``.
    """

    raw: float
    slope: float
    pair: float | None
    c_first: float
    c_second: float
    zero: float
    best: float
    best_scale: float
    steepest: tuple[int, int]

    @property
    def c(self) -> float:
        """The better of the two c-transform sides."""
        return max(self.c_first, self.c_second)

    @property
    def largest(self) -> float:
        """The largest certified lower bound among them."""
        return max(self.best, self.c, self.zero, self.pair if self.pair is not None else 0.0)


def dual_bounds(fx: Array, fy: Array, x: Array, y: Array, metric: str = "euclidean") -> DualBounds:
    """All bounds of scores ``fx`` (n,) at x (n, d) and ``fy`` (m,) at y (m, d)."""
    return _dual_bounds(*_scored(fx, fy, x, y, metric))


def _dual_bounds(fx: Array, fy: Array, costs: Costs) -> DualBounds:
    raw = float(fx.mean() - fy.mean())
    slope, steepest = _pair_slope(fx, fy, costs)
    pair = raw / slope if 0 < slope < np.inf else None
    first, second = (line.value for line in _lines(fx, fy, costs, (1.0, 1.0)))
    zero = max(line.value for line in _lines(fx, fy, costs, (0.0, 0.0)))
    best_scale, best = _best_scaled(fx, fy, costs, slope)
    if pair is not None and pair > best:
        best, best_scale = pair, 1 / slope
    scale = best_scale if best >= zero else 0.0
    return DualBounds(raw, slope, pair, first, second, zero, max(best, zero), scale, steepest)


class Costs:
    """The row blocks of a cost matrix, for many passes: held up to ``held_bytes``, else computed in each."""

    def __init__(self, x: Array, y: Array, metric: str, block_bytes: int = BLOCK_BYTES, held_bytes: int = HELD_BYTES):
        self._blocks = partial(cost_blocks, x, y, metric, block_bytes)
        self._held = list(self._blocks()) if 8 * len(x) * len(y) <= held_bytes else None

    def __iter__(self) -> Iterator[tuple[slice, Array]]:
        return self._blocks() if self._held is None else iter(self._held)


def _scored(fx: Array, fy: Array, x: Array, y: Array, metric: str) -> tuple[Array, Array, Costs]:
    """Scores in float64 and costs; ValueError unless there is one finite score for each point."""
    fx, fy = np.asarray(fx, dtype=np.float64), np.asarray(fy, dtype=np.float64)
    for scores, points in ((fx, x), (fy, y)):
        if scores.shape != (len(points),) or not np.isfinite(scores).all():
            raise ValueError(f"scores {scores.shape} of {len(points)} points: one finite number for each")
    return fx, fy, Costs(x, y, metric)


def pair_slope(fx: Array, fy: Array, x: Array, y: Array, metric: str = "euclidean") -> float:
    """K_pair = max_ij (f(x_i) - f(y_j))+ / c(x_i, y_j); infinite where c = 0 and f(x_i) > f(y_j)."""
    return _pair_slope(*_scored(fx, fy, x, y, metric))[0]


def _pair_slope(fx: Array, fy: Array, costs: Costs) -> tuple[float, tuple[int, int]]:
    slope, steepest = 0.0, (0, 0)
    for rows, block in costs:
        rise = np.maximum(fx[rows, None] - fy[None], 0)
        # A rise over no distance is infinite, and so is one over a distance too small for the quotient.
        with np.errstate(divide="ignore", over="ignore"):
            slopes = np.divide(rise, block, out=np.zeros_like(rise), where=rise > 0)
        if slopes.max() > slope:
            i, j = divmod(int(slopes.argmax()), len(fy))
            slope, steepest = float(slopes[i, j]), (rows.start + i, j)
    return slope, steepest


def c_transform_duals(fx: Array, fy: Array, x: Array, y: Array, metric: str = "euclidean") -> tuple[float, float]:
    """mean f(x) + mean_j min_i (c_ij - f(x_i)), and mean_i min_j (c_ij + f(y_j)) - mean f(y): bounds for any f."""
    first, second = _lines(*_scored(fx, fy, x, y, metric), (1.0, 1.0))
    return first.value, second.value


def best_scaled_dual(
    fx: Array, fy: Array, x: Array, y: Array, metric: str = "euclidean", slope: float | None = None
) -> tuple[float, float]:
    """(s, value) with the largest c-transform dual of s f over s >= 0; ``slope``: K_pair, where it is known.

    Each side is concave and piecewise linear in s (a mean of minima of affine functions), so it lies below the lines
    that touch it: the search ends where such lines prove that it can rise by no more than 1e-10 of its value.
    """
    return _best_scaled(*_scored(fx, fy, x, y, metric), slope or 0.0)


class Line(NamedTuple):
    """A line above a concave function of the scale s that touches it at ``scale``."""

    scale: float
    value: float
    slope: float


def _lines(fx: Array, fy: Array, costs: Costs, scales: tuple[float, float]) -> tuple[Line, Line]:
    """The two c-transform duals of s f, each at its own scale s, in one pass over the costs."""
    s, t = scales
    lowest, at_lowest = np.full(len(fy), np.inf), np.zeros(len(fy), dtype=np.intp)
    on_x, at_y = np.empty(len(fx)), np.empty(len(fx), dtype=np.intp)
    for rows, block in costs:
        lifted = block - s * fx[rows, None]
        index = lifted.argmin(axis=0)
        least = np.take_along_axis(lifted, index[None], axis=0)[0]
        lower = least < lowest
        lowest[lower], at_lowest[lower] = least[lower], index[lower] + rows.start
        np.add(block, t * fy[None], out=lifted)
        at_y[rows] = lifted.argmin(axis=1)
        on_x[rows] = np.take_along_axis(lifted, at_y[rows, None], axis=1)[:, 0]
    return (
        Line(s, float(s * fx.mean() + lowest.mean()), float(fx.mean() - fx[at_lowest].mean())),
        Line(t, float(on_x.mean() - t * fy.mean()), float(fy[at_y].mean() - fy.mean())),
    )


def _best_scaled(fx: Array, fy: Array, costs: Costs, slope: float) -> tuple[float, float]:
    spread = max(float(np.ptp(fx)), float(np.ptp(fy)))
    start = 1 / slope if 0 < slope < np.inf else 1 / spread if spread > 0 else 1.0
    noise = 4 * float(np.finfo(float).eps * max(np.abs(fx).max(), np.abs(fy).max()))
    searches = [_search(start, noise), _search(start, noise)]
    scales = [next(search) for search in searches]
    best = Line(0.0, -np.inf, 0.0)
    # The two sides walk together, since a pass over the costs serves both; one that is done stands still.
    for _ in range(PASSES):
        lines = _lines(fx, fy, costs, (scales[0], scales[1]))
        best = max(best, *lines, key=lambda line: line.value)
        following = [search.send(line) for search, line in zip(searches, lines, strict=True)]
        if following == scales:
            break
        scales = following
    return best.scale, best.value


def _search(start: float, noise: float) -> Generator[float, Line, NoReturn]:
    """Asks for lines of a concave function of s >= 0 until they prove its maximum; from then on it asks for the same.

    ``noise``: the rounding of a slope, and of a value over its scale.
    """
    low = yield 0.0
    high = low
    if low.slope > noise:
        high = yield start
        while high.slope > noise:
            low = high
            high = yield 2 * high.scale
    best = max(low, high, key=lambda line: line.value)
    while low.slope > noise and high.slope < -noise:
        # Two lines, one rising and one falling, meet above the maximum.
        rise = high.value - low.value - high.slope * (high.scale - low.scale)
        meet = low.scale + rise / (low.slope - high.slope)
        ceiling = low.value + low.slope * (meet - low.scale)
        proved = ceiling <= best.value + RELATIVE_PROOF * abs(best.value) + noise * high.scale
        if proved or not low.scale < meet < high.scale:
            break
        line = yield meet
        best = max(best, line, key=lambda line: line.value)
        low, high = (line, high) if line.slope > 0 else (low, line)
    while True:
        yield best.scale


def information(bounds: DualBounds, w1: float) -> float | None:
    """(D_c - D_0) / (W1 - D_0): 0 where the critic says no more than f = 0, 1 where it is optimal; None at W1 = D_0."""
    room = w1 - bounds.zero
    return None if room <= 1e-9 * abs(w1) else (bounds.best - bounds.zero) / room


def penalised_dual(w1: float, penalty: float) -> float:
    """The raw dual W + W^2 / (2 lambda) of a critic penalised by lambda (|grad f| - 1)^2, between two Diracs.

    Their slope is 1 + W / (2 lambda). A heuristic for anything else: it fails for overlapping supports.
    """
    return w1 + w1**2 / (2 * penalty)
