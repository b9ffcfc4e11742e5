"""Exact transport from shortlists: the simplex over few pairs, and pricing for those that it lacks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs.metrics import Array, Metric
from wganalyze.transport.costs.transforms import attained_transform
from wganalyze.transport.costs.working import Flag, Unfinished
from wganalyze.transport.shortlist.coarse import RATIO, coarse_start
from wganalyze.transport.shortlist.pricing import Pricing, pricing
from wganalyze.transport.shortlist.simplex import Arcs, Flow, simplex, tolerance

Indices = npt.NDArray[np.integer[Any]]
COORDINATE_BYTES = 20
"""A coordinate: a copy in float32, one in float64, and one in which a block of rows is multiplied by columns."""
ARC_BYTES = 300
"""An arc: its key, cost and ends here, and what the simplex has of it."""


@dataclass(frozen=True)
class Tuning:
    """What time and memory depend on, and no result but by its rounding."""

    listed: int = 32
    """Columns that a row lists at first."""
    active: int = 16
    """Arcs of the simplex, to one point, at first."""
    base: int = 100
    """Up to so many points a side the costs are taken whole."""
    ratio: int = RATIO
    """Points, to one of the smaller problem."""
    repeats: int = 3
    """Rounds that bring no new arc."""
    rough: int = 1
    """Passes of pricing in a smaller problem, which need not be exact."""
    passes: int = 60
    """Passes of pricing, at most."""
    proofs: int = 60
    """Passes of proof, at most; Unfinished beyond."""
    held: int = 48
    """Arcs that are held, to one point; beyond that those of largest reduced cost go."""
    steps: int = 64
    """Bounds that are tried on how far the potentials have risen."""
    whole: float = 0.5
    """Where more than this share of rows and columns would be priced, all rows are."""


TUNING = Tuning()


def bytes_held(n: int, m: int, d: int) -> int:
    """What n and m points take at most: copies in float32 and, where that is not enough, in float64; and the arcs."""
    return (n + m) * (COORDINATE_BYTES * d + TUNING.held * ARC_BYTES)


@dataclass(frozen=True, eq=False)
class Solved:
    """``flow``: in the cost of the points; ``u``: the c-transform of ``flow.v``; ``rounds`` of the simplex, ``arcs`` at
    the end."""

    flow: Flow
    u: Array
    rounds: int
    arcs: int


def solve(
    x: Array, y: Array, a: Array, b: Array, p: float, metric: Metric, stop: Flag, tuning: Tuning = TUNING
) -> Solved:
    """The optimal flow from x (n, d) with masses a to y (m, d) with b; Unfinished where it takes too many rounds."""
    prices = pricing(x, y, p, metric, stop)
    search = Search(prices, a, b, tuning)
    search.run(tuning.passes)
    scale = prices.scale
    near = np.zeros(len(x), np.intp)
    for _ in range(tuning.proofs):
        flow = search.flow
        near[flow.rows] = flow.columns
        # The certificate has the last word: what its transform finds beyond the lists is added, until it finds none.
        v = flow.v * scale
        u, at = attained_transform(x, y, v, p, metric, near, stop)
        missed = np.flatnonzero(u / scale < flow.u - tolerance(flow.u, flow.v))
        if not search.arcs.add(missed, at[missed], flow.u, flow.v):
            return Solved(Flow(flow.rows, flow.columns, flow.masses, u, v), u, search.rounds, len(search.arcs))
        search.improve()
        search.sharpen()
        search.run(tuning.passes)
    raise Unfinished


class Search:
    """Pairs that may carry mass, and the best flow over them.

    ``limit`` (n,): no pair that row i does not have has a smaller c - v, up to the rounding of pricing.
    """

    def __init__(self, prices: Pricing, a: Array, b: Array, tuning: Tuning, level: int = 0):
        self._pricing, self._a, self._b, self._tuning = prices, a, b, tuning
        n, m = prices.shape
        self.arcs = Arcs(prices)
        self.rounds = 0
        if max(n, m) <= tuning.base:
            index = np.arange(n * m)
            rows, columns = np.divmod(index, m)
            self.arcs.add(rows, columns)
            v = np.zeros(m)
            self._limit = np.full(n, np.inf)
        else:
            below = partial(_roughly, tuning=tuning, level=level + 1)
            v, rows, columns = coarse_start(prices, a, b, below, level, tuning.ratio)
            listed, self._limit = prices.nearest(v, tuning.listed)
            self.arcs.add(*_pairs(np.arange(n), listed))
            self.arcs.add(rows, columns)
        i, j = self.arcs.ends
        u = np.minimum.reduceat(self.arcs.costs - v[j], np.searchsorted(i, np.arange(n)))
        self.flow = Flow(rows, columns, np.empty(0), u, v)
        self._at = v
        self.improve()

    def improve(self) -> None:
        """The best flow over the pairs that are there, from those of least reduced cost and what these lack."""
        n, m = self._pricing.shape
        arcs = self.arcs
        i, j = arcs.ends
        carrying = np.searchsorted(arcs.keys, self.flow.rows * m + self.flow.columns)
        reduced = arcs.costs - self.flow.u[i] - self.flow.v[j]
        few = self._tuning.active * (n + m)
        active = _least(reduced, few)
        active[carrying] = True
        again = 0
        while again < self._tuning.repeats:
            part = Arcs(self._pricing, arcs.keys[active], arcs.costs[active])
            self.flow = simplex(part, self._a, self._b, self.flow.u, self.flow.v)
            self.rounds += 1
            reduced = arcs.costs - self.flow.u[i] - self.flow.v[j]
            lacking = reduced < -tolerance(self.flow.u, self.flow.v)
            if not lacking.any():
                return
            # What is there already and still lacking is rounding, which a smaller part does not have.
            again += not (lacking & ~active).any()
            few *= 2
            active |= lacking | _least(reduced, few)

    def run(self, passes: int) -> None:
        """Price and improve, until pricing finds nothing or ``passes`` are over."""
        for _ in range(passes):
            if not self.price():
                return
            self.improve()

    def sharpen(self) -> None:
        """Price with more digits from now on."""
        self._pricing = self._pricing.sharp()
        self._limit[:] = -np.inf

    def price(self) -> int:
        """Add pairs whose reduced cost is negative, or may soon be; how many are negative.

        Since c - v rises by no less than -r where v rises by r, a row whose limit is far enough away needs no pricing,
        but for the columns that rise by more than most.
        """
        n = self._pricing.shape[0]
        u, v = self.flow.u, self.flow.v
        if np.isposinf(self._limit).all():
            return 0
        rise, room = v - self._at, self._limit - u
        most, rows, columns = _least_work(rise, room, self._tuning)
        margin = max(most - float(np.median(rise)), 0.0)
        self._at = v
        self._limit -= most
        negative = self._take(np.arange(n), columns, margin) if len(columns) else 0
        negative += self._take(rows, None, margin) if len(rows) else 0
        self._prune()
        return negative

    def _prune(self) -> None:
        """Hold ``held`` arcs to a point at most; the limits hear of the others."""
        n, m = self._pricing.shape
        most = self._tuning.held * (n + m)
        if len(self.arcs) <= most:
            return
        i, j = self.arcs.ends
        reduced = self.arcs.costs - self.flow.u[i] - self.flow.v[j]
        kept = _least(reduced, most // 2)
        kept[np.searchsorted(self.arcs.keys, self.flow.rows * m + self.flow.columns)] = True
        np.minimum.at(self._limit, i[~kept], reduced[~kept] + self.flow.u[i[~kept]])
        self.arcs.keys, self.arcs.costs = self.arcs.keys[kept], self.arcs.costs[kept]

    def _take(self, rows: Indices, columns: Indices | None, margin: float) -> int:
        """List columns for ``rows``, all or some; pairs up to ``margin`` above 0 are added, so that the next is far."""
        u, v = self.flow.u, self.flow.v
        whole = len(rows) == self._pricing.shape[0]
        part = self._pricing.restricted(None if whole else rows, columns)
        listed, limit = part.nearest(v if columns is None else v[columns], self._tuning.listed)
        i, j = _pairs(rows, listed)
        negative = self.arcs.add(i, j if columns is None else columns[j], u, v, margin)
        limit = np.minimum(limit, u[rows] + margin)
        self._limit[rows] = limit if columns is None else np.minimum(self._limit[rows], limit)
        return negative


def _roughly(prices: Pricing, a: Array, b: Array, tuning: Tuning, level: int) -> Flow:
    search = Search(prices, a, b, tuning, level)
    search.run(tuning.rough)
    return search.flow


def _least(values: Array, count: int) -> npt.NDArray[np.bool_]:
    """Which ``count`` are the least; among equals, any."""
    if count >= len(values):
        return np.ones(len(values), np.bool_)
    least = np.zeros(len(values), np.bool_)
    least[np.argpartition(values, count)[:count]] = True
    return least


def _pairs(rows: Indices, listed: Indices) -> tuple[Indices, Indices]:
    i, j = np.repeat(rows, listed.shape[1]), listed.ravel()
    return i[j >= 0], j[j >= 0]


def _least_work(rise: Array, room: Array, tuning: Tuning) -> tuple[float, Indices, Indices]:
    """A bound on the rise of most columns; the rows whose room is less than that, and the columns that rise more."""
    steps = np.unique(np.quantile(rise, 1 - np.geomspace(1e-6, 1, tuning.steps)))
    steps = np.append(steps, rise.max())
    sorted_rise, sorted_room = np.sort(rise), np.sort(room)
    rows = np.searchsorted(sorted_room, steps) / len(room)
    columns = 1 - np.searchsorted(sorted_rise, steps, side="right") / len(rise)
    best = int(np.argmin(rows + columns))
    if rows[best] + columns[best] > tuning.whole:
        return float(rise.max()), np.arange(len(room)), np.empty(0, np.intp)
    most = float(steps[best])
    return most, np.flatnonzero(room < most), np.flatnonzero(rise > most)
