"""The exact assignment of two samples of equal size, from shortlists: never an n x n matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.compiled import PARALLEL
from wganalyze.transport.shortlist import kernels as compiled
from wganalyze.transport.shortlist.coarse import coarse_potentials
from wganalyze.transport.shortlist.pricing import LISTED, Geometry, Shortlists
from wganalyze.transport.working import Unfinished

Array = npt.NDArray[Any]
kernels: Any = compiled  # their arguments come in bundles, which no type checker counts

COARSE_LEAST, COARSE, COARSE_WIDE, COARSE_MOST = 200, 1000, 1500, 2500
"""Points of a side in the coarse problem: a fifth of all, up to 1,000, and from ten times that on a tenth."""
WIDE = 256
"""From this dimension on, pricing costs more than a finer start."""
BIDS = 8
"""Bids a row in the row reduction."""
GENEROSITY = 2.0
"""How near to its limit, in units of the path's length, a row is priced anew with those that bind it."""
HOPELESS, EARLY = 0.01, 4
"""Where more than this share of the rows is still free after so many sweeps, the points are of a kind (images of two
scenes, a curve) on which shortlists are slow: samples of generators and of their data come to a tenth of it."""
SWEEPS, STALLS = 400, 12
"""Sweeps at most, and at most in a row that match nobody: where many columns are equal, no list tells them apart."""
PRICED = 30
"""Rows that may be priced, over the number of rows."""


@dataclass(frozen=True, eq=False)
class Matching:
    """``columns`` (n,): the column of each row; ``u``, ``v``: potentials in the cost of the points."""

    columns: Array
    u: Array
    v: Array
    sweeps: int
    priced: int


def _coarse_size(n: int, d: int) -> int:
    return max(COARSE_LEAST, min(n // 5, COARSE_WIDE if d >= WIDE else COARSE), min(n // 10, COARSE_MOST))


def match(
    px: Array,
    py: Array,
    exponent: float = 1.0,
    stop: Array | None = None,
    coarse: int | None = None,
    patient: bool = True,
) -> Matching:
    """The cheapest bijection of two (n, d) samples under |x - y| ** exponent; Unfinished where it takes too long.

    ``patient`` False: give up early where another solver would be faster.
    """
    stop = np.zeros(1, np.uint8) if stop is None else stop
    geometry = Geometry(px, py, exponent)
    n = geometry.n
    lists = Shortlists(geometry, LISTED)
    v = coarse_potentials(geometry, min(_coarse_size(n, px.shape[1]) if coarse is None else coarse, n))
    points: Any = (geometry.px, geometry.py, geometry.exponent, geometry.unit)
    held: Any = lists.lists
    u = np.empty(n)
    x, y = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    rows = np.arange(n)
    lists.price(rows, v, LISTED)
    with PARALLEL:
        kernels.raise_rows(*points, rows, *held, u, v)
    kernels.match_tight(lists.index, lists.cost, lists.count, u, v, x, y, 1e-12)
    wanting = np.zeros(n, np.uint8)
    kernels.bid(*points, *held, u, v, x, y, 0.0, BIDS * n, wanting)
    free, stalled = n, 0
    for sweep in range(SWEEPS):
        hopeless = not patient and sweep >= EARLY and free > HOPELESS * n
        if hopeless or stalled > STALLS or lists.priced > PRICED * n or stop[0]:
            break
        if wanting.any():
            lists.price(np.flatnonzero(wanting), v, LISTED)
        wanting[:] = 0
        left = kernels.augment(*points, *held, u, v, x, y, wanting, GENEROSITY, stop)
        stalled = stalled + 1 if left == free else 0
        free = left
        if left == 0:
            scale = geometry.unit**exponent
            return Matching(x, u * scale, v * scale, sweep, lists.priced)
    raise Unfinished
