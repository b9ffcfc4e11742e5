"""First potentials from a coarse problem: some points of each side, with the mass of all that are near them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.compiled import PARALLEL
from wganalyze.transport.metrics import cost_matrix
from wganalyze.transport.shortlist import kernels
from wganalyze.transport.shortlist.pricing import Geometry

Array = npt.NDArray[Any]
ITERATIONS = 10**9
ROWS = 2048


def coarse_potentials(geometry: Geometry, size: int, seed: int = 0) -> Array:
    """(n,) column potentials v: the c-transform of those that POT finds for ``size`` points of each side."""
    import ot

    rng = np.random.default_rng(seed)
    chosen_x, chosen_y = (rng.permutation(geometry.n)[:size] for _ in range(2))
    mass_x = _masses(geometry.x, geometry.x[chosen_x])
    mass_y = _masses(geometry.y, geometry.y[chosen_y])
    chosen_x, mass_x = chosen_x[mass_x > 0], mass_x[mass_x > 0]
    chosen_y, mass_y = chosen_y[mass_y > 0], mass_y[mass_y > 0]
    costs = cost_matrix(geometry.x[chosen_x], geometry.y[chosen_y]) ** geometry.exponent
    _, log = ot.emd(mass_x, mass_y, np.ascontiguousarray(costs), numItermax=ITERATIONS, log=True)
    return extend(geometry, chosen_x, np.asarray(log["u"]))


def extend(geometry: Geometry, rows: Array, u: Array) -> Array:
    """v_j = min over ``rows`` of c_ij - u_i, (n,), in the precision of pricing."""
    kind = geometry.x.dtype.type
    x_squares, y_squares = geometry.x_squares.astype(kind), geometry.y_squares.astype(kind)
    v = np.full(geometry.n, 1e30, kind)
    done = 0
    for part, block in geometry.blocks(rows):
        with PARALLEL:
            kernels.least_over_rows(
                block, x_squares[part], y_squares, geometry.exponent, u[done : done + len(part)].astype(kind), v
            )
        done += len(part)
    return v.astype(np.float64)


def _masses(points: Array, centres: Array) -> Array:
    """The share of ``points`` that is nearest to each of ``centres``."""
    squares = np.einsum("ij,ij->i", centres, centres) / 2
    counts = np.zeros(len(centres), np.intp)
    for start in range(0, len(points), ROWS):
        products = points[start : start + ROWS] @ centres.T
        counts += np.bincount((squares - products).argmin(axis=1), minlength=len(centres))
    return counts / len(points)
