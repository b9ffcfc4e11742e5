"""Feasible potentials, and the lower bound they prove: computed from the points, independently of any solver."""

from __future__ import annotations

import numpy as np

from wganalyze.errors import WganalyzeError
from wganalyze.transport.costs.metrics import Array, Metric, flipped
from wganalyze.transport.costs.transforms import c_transform


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
    return float(np.dot(a, u - u.mean()) + np.dot(b, v + u.mean()))
