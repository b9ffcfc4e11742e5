"""Equal points are one point with their mass: a smaller problem, whose solution is spread over them again.

A generator that collapsed or that memorised, images with few values, labels: samples often hold the same point many
times, and each tie costs a solver a round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs.metrics import Array
from wganalyze.transport.coupling import joined
from wganalyze.transport.problem import DENSE_SIZE, Problem, Solution

Indices = npt.NDArray[np.integer[Any]]

WORTH = 0.9
"""Of all pairs, those of distinct points at most, for merging to be worth it."""


@dataclass(frozen=True, eq=False)
class Merged:
    """``problem``: that of the distinct points; ``of_x`` (n,), ``of_y`` (m,): which of them each point is."""

    problem: Problem
    of_x: Indices
    of_y: Indices

    @classmethod
    def of(cls, problem: Problem) -> Merged | None:
        """None where the points are weighted, few, or nearly all distinct."""
        n, m = len(problem.x), len(problem.y)
        uniform = np.ptp(problem.a) == 0 and np.ptp(problem.b) == 0
        if max(n, m) <= DENSE_SIZE or not uniform:
            return None
        first_x, of_x = distinct(problem.x)
        first_y, of_y = distinct(problem.y)
        if len(first_x) * len(first_y) > WORTH * n * m:
            return None
        # Whole numbers with one total, so that no rounding moves mass between the points.
        shared = math.gcd(n, m)
        a = np.bincount(of_x).astype(np.float64) * (m // shared)
        b = np.bincount(of_y).astype(np.float64) * (n // shared)
        x, y = problem.x[first_x], problem.y[first_y]
        return cls(Problem(x, y, a / a.sum(), b / b.sum(), problem.p, problem.metric, (a, b)), of_x, of_y)

    def spread(self, solution: Solution) -> Solution:
        """The solution of the problem itself: the mass of distinct points is dealt out among those that are equal."""
        from scipy.sparse import coo_array

        n, m = len(self.of_x), len(self.of_y)
        shared = math.gcd(n, m)
        total = n * (m // shared)
        moved = np.rint(np.asarray(solution.coupling.data, np.float64) * total)
        rows, columns, moved = (side[moved > 0] for side in (solution.coupling.row, solution.coupling.col, moved))
        # Both sides in the order of the distinct points: then mass that moves in order stays with its own.
        by_row = np.argsort(rows, kind="stable")
        points = np.argsort(self.of_x, kind="stable")
        out = joined(np.full(n, float(m // shared)), np.asarray(moved[by_row], np.float64))
        keep = out.data > 0
        from_x, flow, mass = points[out.row[keep]], by_row[out.col[keep]], out.data[keep]
        by_column = np.argsort(columns[flow], kind="stable")
        targets = np.argsort(self.of_y, kind="stable")
        into = joined(mass[by_column], np.full(m, float(n // shared)))
        keep = into.data > 0
        pairs = from_x[by_column[into.row[keep]]], targets[into.col[keep]]
        coupling = coo_array((into.data[keep] / total, pairs), shape=(n, m))
        u = None if solution.u is None else solution.u[self.of_x]
        return Solution(coupling, solution.v[self.of_y], f"{solution.solver}, equal points merged", u)


def distinct(points: Array) -> tuple[Indices, Indices]:
    """The numbers of the first of equal rows of (n, d), and for each row which of them it equals, bit by bit."""
    rows = np.ascontiguousarray(points)
    word = np.uint64 if rows.dtype == np.float64 else np.uint32
    draws = np.random.default_rng(0).integers(0, np.iinfo(word).max, rows.shape[1], word, endpoint=True)
    words: npt.NDArray[Any] = rows.view(word)
    half: Any = word(4 * words.itemsize)
    # Whole numbers have no low bits, which alone would come through a product.
    digest = (((words ^ (words >> half)) * (draws | word(1)) >> half) ^ words) @ draws
    order = np.argsort(digest, kind="stable")
    new = np.ones(len(rows), bool)
    alike = np.flatnonzero(digest[order[1:]] == digest[order[:-1]]) + 1
    new[alike] = [not np.array_equal(rows[order[k]], rows[order[k - 1]]) for k in alike]
    group = np.empty(len(rows), np.intp)
    group[order] = np.cumsum(new) - 1
    return order[new], group
