"""What a critic's scores prove about W1: dual bounds on one pair of samples, for any function.

Scores f(x_i), f(y_j) are float64 and oriented so that the first sample is the one scored high. Every bound holds for
the sample W1 under the ground metric given; all are computed in row blocks of the cost matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wganalyze.transport.metrics import Array, cost_blocks

GOLDEN_STEPS = 80


@dataclass(frozen=True)
class DualBounds:
    """Estimates and bounds of the sample W1 from scores (SCIENCE: Kantorovich duality; Mallasto et al. 1910.03875).

    ``raw``: mean f(x) - mean f(y), no bound. ``slope``: K_pair = max (f(x_i) - f(y_j))+ / c(x_i, y_j), infinite where
    c = 0 and f(x) > f(y). ``pair``: raw / K_pair, a lower bound (None where K_pair is 0 or infinite).
    ``c_first``/``c_second``: mean f(x) + mean f^c(y), and its twin: lower bounds for any f. ``zero``: the same for
    f = 0. ``best``: the largest over scales s f, at ``best_scale``; never below ``pair`` or ``zero``.
    """

    raw: float
    slope: float
    pair: float | None
    c_first: float
    c_second: float
    zero: float
    best: float
    best_scale: float

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
    raw = float(fx.mean() - fy.mean())
    slope = pair_slope(fx, fy, x, y, metric)
    usable = 0 < slope < np.inf
    pair = raw / slope if usable else None
    first, second = c_transform_duals(fx, fy, x, y, metric)
    zero = max(c_transform_duals(np.zeros_like(fx), np.zeros_like(fy), x, y, metric))
    best_scale, best = best_scaled_dual(fx, fy, x, y, metric, slope if usable else None)
    if pair is not None and pair > best:
        best, best_scale = pair, 1 / slope
    return DualBounds(raw, slope, pair, first, second, zero, max(best, zero), best_scale if best >= zero else 0.0)


def pair_slope(fx: Array, fy: Array, x: Array, y: Array, metric: str = "euclidean") -> float:
    """K_pair = max_ij (f(x_i) - f(y_j))+ / c(x_i, y_j); infinite where c = 0 and f(x_i) > f(y_j)."""
    steepest = 0.0
    for rows, costs in cost_blocks(x, y, metric):
        rise = np.maximum(fx[rows, None] - fy[None], 0)
        if ((costs == 0) & (rise > 0)).any():
            return float("inf")
        steepest = max(steepest, float(np.divide(rise, costs, out=np.zeros_like(rise), where=costs > 0).max()))
    return steepest


def c_transform_duals(fx: Array, fy: Array, x: Array, y: Array, metric: str = "euclidean") -> tuple[float, float]:
    """mean f(x) + mean_j min_i (c_ij - f(x_i)), and mean_i min_j (c_ij + f(y_j)) - mean f(y): bounds for any f."""
    on_y = np.full(len(y), np.inf)
    on_x = np.empty(len(x))
    for rows, costs in cost_blocks(x, y, metric):
        np.minimum(on_y, (costs - fx[rows, None]).min(axis=0), out=on_y)
        on_x[rows] = (costs + fy[None]).min(axis=1)
    return float(fx.mean() + on_y.mean()), float(on_x.mean() - fy.mean())


def best_scaled_dual(
    fx: Array, fy: Array, x: Array, y: Array, metric: str = "euclidean", slope: float | None = None
) -> tuple[float, float]:
    """(s, value) with the largest c-transform dual of s f over s >= 0.

    Each side is concave in s (a mean of minima of affine functions), so each is searched by golden section; whatever
    point the search stops at, its value is a bound.
    """

    def dual(scale: float, side: int) -> float:
        return c_transform_duals(scale * fx, scale * fy, x, y, metric)[side]

    spread = max(float(np.ptp(fx)), float(np.ptp(fy)))
    if spread == 0:
        return 0.0, max(dual(0.0, side) for side in (0, 1))
    found: list[tuple[float, float]] = []
    for side in (0, 1):
        high = _beyond_maximum(lambda s, side=side: dual(s, side), 1 / slope if slope else 1 / spread)
        found.append(_golden(lambda s, side=side: dual(s, side), high))
    value, scale = max((value, scale) for scale, value in found)
    return scale, value


def _beyond_maximum(function: object, start: float) -> float:
    """A scale at which a concave function of s >= 0 falls already."""
    assert callable(function)
    high, value = start, function(start)
    for _ in range(200):
        further = function(2 * high)
        if further <= value:
            return 2 * high
        high, value = 2 * high, further
    return high


def _golden(function: object, high: float) -> tuple[float, float]:
    """Maximum of a concave function on [0, high] by golden section: (argument, value)."""
    assert callable(function)
    ratio = (5**0.5 - 1) / 2
    low, left, right = 0.0, high * (1 - ratio), high * ratio
    at_left, at_right = function(left), function(right)
    best = max((function(0.0), 0.0), (at_left, left), (at_right, right))
    for _ in range(GOLDEN_STEPS):
        if at_left < at_right:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = function(right)
            best = max(best, (at_right, right))
        else:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = function(left)
            best = max(best, (at_left, left))
        if high - low <= 1e-9 * high:
            break
    return best[1], best[0]


def information(bounds: DualBounds, w1: float) -> float | None:
    """(D_c - D_0) / (W1 - D_0): 0 where the critic says no more than f = 0, 1 where it is optimal; None at W1 = D_0."""
    room = w1 - bounds.zero
    return None if room <= 1e-9 * abs(w1) else (bounds.best - bounds.zero) / room


def entropic_c_transform(f: Array, x: Array, y: Array, epsilon: float, metric: str = "euclidean") -> Array:
    """f^{c,eps}(y_j) = -eps log((1/n) sum_i exp((f(x_i) - c(x_i, y_j)) / eps)), (m,) (1910.03875, eq. 12).

    0 <= f^{c,eps} - f^c <= eps log n, so that it bounds the entropic cost and is NO lower bound of W1.
    """
    from scipy.special import logsumexp

    total = np.full(len(y), -np.inf)
    for rows, costs in cost_blocks(x, y, metric):
        total = np.logaddexp(total, logsumexp((f[rows, None] - costs) / epsilon, axis=0))
    return np.asarray(-epsilon * (total - np.log(len(x))))


def penalised_dual(w1: float, penalty: float) -> float:
    """The raw dual W + W^2 / (2 lambda) of a critic penalised by lambda (|grad f| - 1)^2, between two Diracs.

    Their slope is 1 + W / (2 lambda). A heuristic for anything else: it fails for overlapping supports.
    """
    return w1 + w1**2 / (2 * penalty)
