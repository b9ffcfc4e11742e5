"""Optimal transport over some pairs only, by POT's network simplex on sparse costs, from potentials to potentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs.metrics import Array
from wganalyze.transport.costs.working import Unfinished
from wganalyze.transport.shortlist import kernels
from wganalyze.transport.shortlist.pricing import Pricing

Indices = npt.NDArray[np.integer[Any]]
OPTIMAL = 1
PIVOTS = 200
"""Pivots for each point, at most, before the simplex starts again without potentials; then a hundred times as many."""
VISITS = 400
"""Visits of a row, at most, on the way to its potential."""
ARTIFICIAL = 1e-14
"""The simplex' own tolerance, to the cost of its artificial arcs: the largest cost times the number of points."""
ROUNDING = 1e-13


@dataclass(eq=False)
class Arcs:
    """Pairs (i, j) that may carry mass, each once, sorted, with their costs."""

    pricing: Pricing
    keys: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    costs: Array = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def ends(self) -> tuple[Indices, Indices]:
        """Rows and columns."""
        i, j = np.divmod(self.keys, self.pricing.shape[1])
        return i, j

    def add(self, i: Indices, j: Indices, u: Array | None = None, v: Array | None = None, below: Any = 0.0) -> int:
        """Take those pairs that are not there yet, and where potentials are given only of reduced cost < ``below``,
        a number or one for each row. Returns how many have a reduced cost < 0."""
        keys = np.sort(i.astype(np.int64) * self.pricing.shape[1] + j)
        keys = keys[np.diff(keys, prepend=-1) > 0]  # np.unique hashes, which takes longer
        at = np.searchsorted(self.keys, keys)
        known = self.keys[np.minimum(at, len(self.keys) - 1)] == keys if len(self.keys) else np.zeros(len(keys), bool)
        keys = keys[~known]
        if not len(keys):
            return 0
        i, j = np.divmod(keys, self.pricing.shape[1])
        costs = self.pricing.costs(i, j)
        violating = len(keys)
        if u is not None and v is not None:
            reduced = costs - u[i] - v[j]
            violating = int((reduced < -tolerance(u, v)).sum())
            wanted = reduced < (below[i] if np.ndim(below) else below)
            keys, costs = keys[wanted], costs[wanted]
        at = np.searchsorted(self.keys, keys)
        self.keys, self.costs = np.insert(self.keys, at, keys), np.insert(self.costs, at, costs)
        return violating


@dataclass(frozen=True, eq=False)
class Flow:
    """Mass on arcs: rows, columns and masses (k,); potentials u (n,), v (m,)."""

    rows: Indices
    columns: Indices
    masses: Array
    u: Array
    v: Array


def tolerance(u: Array, v: Array) -> float:
    """A reduced cost that is nothing but rounding."""
    return ROUNDING * (1 + float(np.abs(u).max()) + float(np.abs(v).max()))


def simplex(arcs: Arcs, a: Array, b: Array, u: Array, v: Array) -> Flow:
    """The cheapest flow from a (n,) to b (m,) over ``arcs``, which must allow one; Unfinished where none is found.

    Its potentials are those next to ``u`` and ``v``, the ones it starts from: a basis has others that are as good, but
    far from those of the pairs that are not among the arcs.
    """
    from ot.lp.emd_wrap import emd_c_sparse

    n, m = len(a), len(b)
    i, j = arcs.ends
    # Reduced costs have the same optimal flows, and are small: the simplex computes as exactly as its largest cost.
    reduced = arcs.costs - u[i] - v[j]
    top = float(np.abs(reduced).max()) or 1.0
    problem = (a, b, i.astype(np.uint64), j.astype(np.uint64), reduced / top)
    pivots = PIVOTS * (n + m)
    for limit, start in ((pivots, (np.zeros(n), np.zeros(m))), (100 * pivots, ())):
        rows, columns, masses, _, _, added, code = emd_c_sparse(*problem, limit, *start)
        if code == OPTIMAL:
            break
    else:
        raise Unfinished
    rows, columns = rows.astype(np.int64), columns.astype(np.int64)
    by_column = np.lexsort((rows, columns))
    used = np.searchsorted(arcs.keys, rows * m + columns)[by_column]
    new_u, new_v = np.empty(n), v.copy()
    settled = kernels.settle(
        np.searchsorted(i, np.arange(n + 1)), j, arcs.costs, np.searchsorted(columns[by_column], np.arange(m + 1)),
        rows[by_column], arcs.costs[used], new_u, new_v, ARTIFICIAL * (n + m) * top, VISITS * n,
    )  # fmt: skip
    if not settled:
        new_v = v + added * top
        new_u = np.minimum.reduceat(arcs.costs - new_v[j], np.searchsorted(i, np.arange(n)))
    return Flow(rows, columns, np.asarray(masses), new_u, new_v)
