"""Weights without rounding: a little mass left over, between far groups, may cost more than all the rest."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
WHOLE = 2**53
"""Below this, whole numbers are float64."""


def exact_masses(a: Array, b: Array) -> tuple[Array, Array] | None:
    """The same weights to one total, without rounding; None where that cannot be."""
    total_a, total_b = (sum(map(Fraction, side.tolist()), Fraction()) for side in (a, b))
    if total_a == total_b:
        return a, b
    if all((side == np.rint(side)).all() for side in (a, b)) and total_a * total_b < WHOLE:
        return a * float(total_b), b * float(total_a)
    return None


def left_over(a: Array, b: Array, rows: npt.NDArray[Any], columns: npt.NDArray[Any]) -> float:
    """The share of all mass that pairs (rows, columns) cannot carry from a (n,) to b (m,), each as its part of 1.

    That is what the groups of points that pairs connect have too much of: in exact arithmetic, where float64 sees none.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, size = len(a), len(a) + len(b)
    graph = coo_array((np.ones(len(rows)), (rows, n + columns)), shape=(size, size))
    count, group = connected_components(graph, directed=False)
    of_a, of_b = ([Fraction(mass) for mass in side.tolist()] for side in (a, b))
    total_a, total_b = sum(of_a, Fraction()), sum(of_b, Fraction())
    left = [Fraction()] * count
    for of, mass in zip(group, [mass * total_b for mass in of_a] + [-mass * total_a for mass in of_b], strict=True):
        left[of] += mass
    return float(sum(mass for mass in left if mass > 0) / (total_a * total_b))
