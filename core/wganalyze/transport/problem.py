"""A transport problem, and what a solver says of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs.metrics import Array, Metric
from wganalyze.transport.masses import exact_masses, left_over

if TYPE_CHECKING:
    from scipy.sparse import coo_array

Indices = npt.NDArray[np.integer[Any]]

DENSE_SIZE = 600
"""Points a side up to which the cost matrix is the faster way."""


@dataclass(frozen=True, eq=False)
class Problem:
    """x (n, d) with weights a (n,) to y (m, d) with b (m,), each of sum 1, under the cost metric ** p."""

    x: Array
    y: Array
    a: Array
    b: Array
    p: float
    metric: Metric
    given: tuple[Array, Array] | None = None
    """The weights before they were normalised, which may be exact where these are rounded."""

    @cached_property
    def support(self) -> tuple[Indices, Indices]:
        """The numbers of the points that have weight, of x and of y."""
        return np.flatnonzero(self.a), np.flatnonzero(self.b)

    @cached_property
    def positive(self) -> Problem:
        """The same without points of weight 0: what a solver takes."""
        rows, columns = self.support
        if len(rows) == len(self.x) and len(columns) == len(self.y):
            return self
        given = None if self.given is None else (self.given[0][rows], self.given[1][columns])
        return Problem(self.x[rows], self.y[columns], self.a[rows], self.b[columns], self.p, self.metric, given)

    @cached_property
    def is_assignment(self) -> bool:
        """Equal sizes and equal weights: an optimal coupling is a bijection."""
        return len(self.x) == len(self.y) and bool(np.ptp(self.a) == 0) and bool(np.ptp(self.b) == 0)

    @property
    def choice(self) -> str:
        """The solver that is fastest here."""
        if max(len(self.x), len(self.y)) > DENSE_SIZE:
            return "shortlist"
        return "dense" if self.is_assignment else "pot"

    @property
    def masses(self) -> tuple[Array, Array]:
        """a and b to a total that keeps sums exact: as given, where their totals agree, or as whole numbers."""
        n, m = len(self.x), len(self.y)
        if np.ptp(self.a) == 0 and np.ptp(self.b) == 0:
            shared = math.gcd(n, m)
            return np.full(n, float(m // shared)), np.full(m, float(n // shared))
        whole = None if self.given is None else exact_masses(*self.given)
        if whole is not None:
            return whole
        return self.a * n, self.b * (n * self.a.sum() / self.b.sum())

    def left_over(self, rows: Indices, columns: Indices) -> float:
        """The mass that these pairs cannot carry, to the last digit."""
        return 0.0 if self.given is None or self.is_assignment else left_over(*self.given, rows, columns)


@dataclass(frozen=True, eq=False)
class Solution:
    """``coupling``: (n, m) triplets whose marginals are a and b; ``v``: (m,) a potential of y, feasible or not; ``u``:
    (n,) its c-transform, where the solver has asked for it."""

    coupling: coo_array
    v: Array
    solver: str
    u: Array | None = None
