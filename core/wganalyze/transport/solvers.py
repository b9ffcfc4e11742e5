"""The exact solvers, and which of them takes which problem.

``dense``: Jonker-Volgenant on a cost matrix, for small samples of equal size. ``shortlist``: POT's network simplex over
few pairs, to which pricing adds what they lack, for everything else: any size, weights and metric, no cost matrix.
``pot``: the network simplex over all pairs, the reference, and the way out where shortlists do not end.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs.metrics import Array, Metric, cost_matrix
from wganalyze.transport.costs.working import Flag, Unfinished
from wganalyze.transport.coupling import joined
from wganalyze.transport.limits import MEMORY_BYTES
from wganalyze.transport.shortlist import TUNING, Tuning, bytes_held
from wganalyze.transport.shortlist import solve as solve_by_shortlists

if TYPE_CHECKING:
    from scipy.sparse import coo_array


Indices = npt.NDArray[np.integer[Any]]


ITERATIONS = 10**9
"""Pivots of POT's simplex, at most: it is never to stop early."""


UNSHIPPED = 1e-12


MATRICES = {"dense": 2, "pot": 5}
"""Cost matrices of 8 n m bytes that a solver holds at once; POT's plan, and three inside its simplex: measured."""


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
        return Problem(self.x[rows], self.y[columns], self.a[rows], self.b[columns], self.p, self.metric)

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
        """a and b to a total that keeps sums exact where they are uniform: then they are whole numbers."""
        n, m = len(self.x), len(self.y)
        if np.ptp(self.a) == 0 and np.ptp(self.b) == 0:
            shared = math.gcd(n, m)
            return np.full(n, float(m // shared)), np.full(m, float(n // shared))
        return self.a * n, self.b * (n * self.a.sum() / self.b.sum())

    def bytes_held(self, solver: str) -> int:
        """The memory that a solver takes beyond the points, in bytes."""
        n, m = len(self.x), len(self.y)
        if solver == "shortlist":
            return bytes_held(n, m, self.x.shape[1])
        return MATRICES[solver] * 8 * n * m


@dataclass(frozen=True, eq=False)
class Solution:
    """``coupling``: (n, m) triplets whose marginals are a and b; ``v``: (m,) a potential of y, feasible or not; ``u``:
    (n,) its c-transform, where the solver has asked for it."""

    coupling: coo_array
    v: Array
    solver: str
    u: Array | None = None


Solver = Callable[[Problem, Flag], Solution]
"""Solves a problem without weights of 0; Unfinished where it does not end, or once ``stop[0]`` is set."""


def solve(problem: Problem, stop: Flag, solver: Solver, memory: int = MEMORY_BYTES) -> Solution:
    """By ``solver``; a shortlist that does not end is answered by POT, and the solution says so.

    MemoryError where POT would need more bytes than ``memory``.
    """
    try:
        return solver(problem, stop)
    except Unfinished:
        if stop[0]:
            raise KeyboardInterrupt from None
        if problem.bytes_held("pot") > memory:
            raise MemoryError(
                f"shortlists do not get to an end on these {len(problem.x)} points, and POT would need "
                f"{problem.bytes_held('pot') / 2**30:.1f} GiB; take fewer"
            ) from None
        return replace(by_pot(problem, stop), solver="pot, after shortlist did not finish")


def _scaled_costs(problem: Problem) -> tuple[Array, float]:
    """Costs metric ** p brought to a largest of 1, since solvers have absolute tolerances; and that largest."""
    costs = cost_matrix(problem.x, problem.y, problem.metric)
    top = float(costs.max())
    if top > 0:
        costs /= top
    if problem.p != 1:
        np.power(costs, problem.p, out=costs)
    return costs, top**problem.p


def by_assignment(problem: Problem, _: Flag) -> Solution:
    """The solver "dense"."""
    from wganalyze.transport.dense import assign

    costs, top = _scaled_costs(problem)
    n = len(costs)
    u, v, columns = np.empty(n), np.empty(n), np.empty(n, np.int32)
    assign(costs, u, v, columns)
    return Solution(_bijection(columns, problem), v * top, "dense")


def by_shortlists(problem: Problem, stop: Flag, tuning: Tuning = TUNING) -> Solution:
    """The solver "shortlist"."""
    from scipy.sparse import coo_array

    a, b = problem.masses
    solved = solve_by_shortlists(problem.x, problem.y, a, b, problem.p, problem.metric, stop, tuning)
    flow = solved.flow
    coupling = coo_array((flow.masses / a.sum(), (flow.rows, flow.columns)), shape=(len(a), len(b)))
    return Solution(coupling, flow.v, "shortlist", solved.u)


def _bijection(columns: npt.NDArray[np.int32], problem: Problem) -> coo_array:
    from scipy.sparse import coo_array

    n = len(columns)
    return coo_array((problem.a, (np.arange(n), columns)), shape=(n, n))


def by_pot(problem: Problem, _: Flag, iterations: int = ITERATIONS) -> Solution:
    """The solver "pot"; stopped after ``iterations``, it gives what it has."""
    import ot
    from scipy.sparse import coo_array

    a, b = problem.a, problem.b
    costs, top = _scaled_costs(problem)
    if top == 0:
        return Solution(joined(a, b), np.zeros(len(b)), "pot")
    with warnings.catch_warnings():
        # A solver that stops early is seen by the gap of the certificate, and reported by it.
        warnings.simplefilter("ignore")
        plan, log = ot.emd(a, b * (a.sum() / b.sum()), costs, numItermax=iterations, log=True)
    # Stopped early, it has not moved all mass yet: only a coupling's cost is an upper end.
    left, wanted = np.maximum(a - plan.sum(axis=1), 0), np.maximum(b - plan.sum(axis=0), 0)
    coupling = coo_array(plan)
    if left.sum() > UNSHIPPED and wanted.sum() > UNSHIPPED:
        coupling = coo_array(coupling + joined(left, wanted))
    return Solution(coupling, np.asarray(log["v"]) * top, "pot")


SOLVERS: Mapping[str, Solver] = {"dense": by_assignment, "shortlist": by_shortlists, "pot": by_pot}
