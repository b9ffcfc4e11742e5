"""Feasible potentials, and the lower bound they prove: computed from the points, independently of any solver.

A bound is claimed as far as rounding lets it be. Costs are taken by differences, so that they are right to a few last
digits of their own, however near the points: feasible potentials of such costs, shrunk by those digits, are feasible.
What the potentials themselves lose is counted by their sizes. Directions, under "cosine", are right to last digits of
1 and not of their distance h = sqrt(2 (1 - cos)); by Minkowski's inequality W in terms of h is off by no more than h.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.errors import WganalyzeError
from wganalyze.transport.costs.metrics import Array, Metric, directions, flipped
from wganalyze.transport.costs.transforms import c_transform
from wganalyze.transport.limits import RELATIVE_GAP, ROUNDING

UNIT = 2.0**-53
"""The largest relative error of one operation in float64 (Higham 2002, 2.2)."""
OPERATIONS = 8
"""On the way to a cost or a potential, at most, beside the sum over coordinates."""
DIRECTION = 32 * UNIT
"""That the distance of two directions may be off by: their norms are summed pairwise, which leaves 13 units to each.
In one dimension a direction is a sign, which is exact."""


class CertificateError(WganalyzeError):
    """A dual value above the cost of a coupling: one of the two is computed wrongly, and neither may be believed."""


def feasible_potentials(
    x: Array, y: Array, u: Array, *, p: float = 1.0, metric: Metric = "euclidean"
) -> tuple[Array, Array]:
    """Potentials (n,), (m,) with u_i + v_j <= c(x_i, y_j)^p, from any u: v = u^c, then u = v^c.

    The double c-transform never lowers the dual value (Villani 2009, prop. 5.8).
    """
    v = c_transform(y, x, u, p, flipped(metric))
    return c_transform(x, y, v, p, metric), v


def dual_value(u: Array, v: Array, a: Array, b: Array) -> float:
    """sum a u + sum b v, summed so that rounding stays at the last digit."""
    middle = float(np.dot(a, u))  # points without weight may be far away
    return math.fsum(np.concatenate([a * (u - middle), b * (v + middle)]))


def potential_rounding(u: Array, v: Array, a: Array, b: Array) -> float:
    """How far ``dual_value`` may lie above the dual of feasible potentials, for those that a c-transform rounded."""
    return OPERATIONS * UNIT * float(np.dot(a, np.abs(u)) + np.dot(b, np.abs(v)))


def certain(dual: Any, slack: Any, d: int, p: float, metric: Metric) -> Any:
    """W_p that a ``dual`` in costs ** p proves between points of d coordinates, where it may be ``slack`` too large.

    Numbers or arrays. Of a cost that is a function it is supposed that it is as accurate as a sum of d terms.
    """
    power = np.maximum(dual - slack, 0.0) / (1 + p * (d + OPERATIONS) * UNIT)
    root = power ** (1 / p)
    return root if metric != "cosine" or d == 1 else np.maximum(np.sqrt(2 * root) - DIRECTION, 0.0) ** 2 / 2


def claimed(value: Any, lower: Any, d: int) -> Any:
    """The lower end of W_p beside ``value``: a dual above the cost is as wrong as it is above, and roots round too.

    x ** (1 / p) is off by the rounding of 1 / p, as many times as log x has.
    """
    units = d + OPERATIONS + np.abs(np.log(np.where(value > 0, value, 1.0)))
    return np.maximum(np.minimum(lower, 2 * value - lower), 0.0) * (1 - units * UNIT)


def upper_end(value: Any, equal: Any, d: int, metric: Metric) -> Any:
    """``value``, or what it may be at most where directions do not tell it to 1e-9; ``equal``: pairs of equal points
    need no directions."""
    if metric != "cosine" or d == 1:
        return value
    distance = np.sqrt(2 * value)
    known = equal | (RELATIVE_GAP * distance >= 4 * DIRECTION)
    return np.where(known, value, (distance + DIRECTION) ** 2 / 2)


def within_rounding(value: Any, lower: Any, p: float, scale: Any) -> npt.NDArray[np.bool_]:
    """Are W_p and its lower end equal up to rounding: 1e-9 value, and for p = 1 also 1e-14 ``scale``?

    For p > 1 rounding of costs ** p says nothing of a small W_p, so that only its own digits count.
    """
    return np.asarray(value - lower <= RELATIVE_GAP * value + (ROUNDING * scale if p == 1 else 0.0))


def size_of(x: Array, metric: Metric) -> float:
    """What rounding is measured by for p = 1: max|x_i - mean|; under "cosine" the largest cost within that of the
    directions, at most 1."""
    points = directions(x) if metric == "cosine" else x
    radius = float(np.linalg.norm(points - points.mean(axis=0, dtype=np.float64), axis=1).max())
    return min(1.0, 2 * radius**2) if metric == "cosine" else radius
