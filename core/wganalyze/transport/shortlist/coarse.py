"""Where to start: a smaller problem, of some points of each side with the mass of all that are near them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs.metrics import Array
from wganalyze.transport.shortlist.pricing import Pricing
from wganalyze.transport.shortlist.simplex import Flow

Indices = npt.NDArray[np.integer[Any]]
RATIO = 4
"""Points, to one of the smaller problem."""


def coarse_start(
    pricing: Pricing,
    a: Array,
    b: Array,
    solve: Callable[[Pricing, Array, Array], Flow],
    seed: int,
    ratio: int = RATIO,
) -> tuple[Array, Indices, Indices]:
    """v (m,), and the pairs of a coupling of a (n,) and b (m,), both near the optimal ones.

    ``solve`` finds the flow of the smaller problem, of one point in ``ratio``. v is the c-transform of its potential;
    the coupling moves the mass of each group of points as the flow moves that of its representative.
    """
    n, m = pricing.shape
    rng = np.random.default_rng([seed, n, m])
    chosen, among = (np.sort(rng.permutation(k)[: max(1, k // ratio)]) for k in (n, m))
    group, rows = _groups(pricing.within(), chosen)
    other, columns = _groups(pricing.turned().within(), among)
    flow = solve(
        pricing.restricted(rows, columns),
        np.bincount(group, weights=a).astype(np.float64),
        np.bincount(other, weights=b).astype(np.float64),
    )
    back = pricing.turned().restricted(columns=rows)
    at = back.nearest(flow.u, 1)[0][:, 0]
    v = back.costs(np.arange(m), at) - flow.u[at]
    return v, *refined(flow, group, other, a, b)


def _groups(among: Pricing, chosen: Indices) -> tuple[Indices, Indices]:
    """For each row the number of the nearest of ``chosen``; and those that are nearest to any."""
    nearest = among.restricted(columns=chosen).nearest(np.zeros(len(chosen)), 1)[0][:, 0]
    taken, group = np.unique(nearest, return_inverse=True)
    return group, chosen[taken]


def refined(flow: Flow, group: Indices, other: Indices, a: Array, b: Array) -> tuple[Indices, Indices]:
    """The pairs of a coupling of a and b whose mass between two groups is what ``flow`` has between them."""
    order, turn = np.argsort(group, kind="stable"), np.argsort(other, kind="stable")
    by_row = np.lexsort((flow.columns, flow.rows))
    at, piece, masses = _north_west(a[order], flow.masses[by_row])
    goal = flow.columns[by_row][piece]
    by_column = np.argsort(goal, kind="stable")
    piece, at_column, _ = _north_west(masses[by_column], b[turn])
    return order[at[by_column][piece]], turn[at_column]


def _north_west(a: Array, b: Array) -> tuple[Indices, Indices, Array]:
    from wganalyze.transport.coupling import joined

    coupling = joined(a, b)
    return coupling.row, coupling.col, coupling.data
