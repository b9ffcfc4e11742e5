"""The exact solvers, and which of them takes which problem.

``dense``: Jonker-Volgenant on a cost matrix, for small samples of equal size. ``shortlist``: POT's network simplex over
few pairs, to which pricing adds what they lack, for everything else: any size, weights and metric, no cost matrix.
``pot``: the network simplex over all pairs, the reference, and the way out where shortlists do not end.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs.metrics import (
    Array,
    by_differences,
    cost_matrix,
    directions,
    paired_cost,
)
from wganalyze.transport.costs.working import Flag, Unfinished, heed
from wganalyze.transport.coupling import joined
from wganalyze.transport.limits import MEMORY_BYTES
from wganalyze.transport.problem import Problem, Solution
from wganalyze.transport.shortlist import TUNING, Tuning, bytes_held
from wganalyze.transport.shortlist import solve as solve_by_shortlists

if TYPE_CHECKING:
    from scipy.sparse import coo_array, csr_array


Indices = npt.NDArray[np.integer[Any]]


ITERATIONS = 10**9
"""Pivots of POT's simplex, at most: it is never to stop early."""


UNSHIPPED = 1e-12


MATRICES = {"dense": 2, "pot": 5}
"""Cost matrices of 8 n m bytes that a solver holds at once; POT's plan, and three inside its simplex: measured."""


CAPPED_PAIRS = 4 * 10**6
"""Of points, whose costs are taken by differences and held."""


CAPPED_COORDINATES = 4 * 10**9
"""Of those pairs together."""


NARROW = 1e-7
"""Of a largest cost of 1: no reduced cost beyond is 0 but for the rounding of a solver."""


Solver = Callable[[Problem, Flag], Solution]
"""Solves a problem without weights of 0; Unfinished where it does not end, or once ``stop[0]`` is set."""


def bytes_needed(problem: Problem, solver: str) -> int:
    """The memory that a solver takes beyond the points, in bytes."""
    n, m = len(problem.x), len(problem.y)
    if solver == "shortlist":
        return bytes_held(n, m, problem.x.shape[1])
    return MATRICES[solver] * 8 * n * m


def solve(problem: Problem, stop: Flag, solver: Solver, memory: int = MEMORY_BYTES) -> Solution:
    """By ``solver``; a shortlist that does not end is answered by POT, and the solution says so.

    MemoryError where POT would need more bytes than ``memory``.
    """
    try:
        return solver(problem, stop)
    except Unfinished:
        if stop[0]:
            raise KeyboardInterrupt from None
        if bytes_needed(problem, "pot") > memory:
            raise MemoryError(
                f"shortlists do not get to an end on these {len(problem.x)} points, and POT would need "
                f"{bytes_needed(problem, 'pot') / 2**30:.1f} GiB; take fewer"
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
    costs, top = _scaled_costs(problem)
    coupling, v = assignment(problem, costs)
    return Solution(coupling, v * top, "dense")


def assignment(problem: Problem, costs: Array) -> tuple[coo_array, Array]:
    """The cheapest bijection under ``costs`` (n, n), and its potential of y."""
    from scipy.sparse import coo_array

    from wganalyze.transport.dense import assign

    n = len(costs)
    u, v, columns = np.empty(n), np.empty(n), np.empty(n, np.int32)
    assign(costs, u, v, columns)
    return coo_array((problem.a, (np.arange(n), columns)), shape=(n, n)), v


def by_shortlists(problem: Problem, stop: Flag, tuning: Tuning = TUNING) -> Solution:
    """The solver "shortlist"."""
    from scipy.sparse import coo_array

    a, b = problem.masses
    solved = solve_by_shortlists(problem.x, problem.y, a, b, problem.p, problem.metric, stop, tuning)
    flow = solved.flow
    coupling = coo_array((flow.masses / a.sum(), (flow.rows, flow.columns)), shape=(len(a), len(b)))
    return Solution(coupling, flow.v, "shortlist", solved.u)


def by_pot(problem: Problem, _: Flag, iterations: int = ITERATIONS) -> Solution:
    """The solver "pot"; stopped after ``iterations``, it gives what it has."""
    costs, top = _scaled_costs(problem)
    if top == 0:
        return Solution(joined(problem.a, problem.b), np.zeros(len(problem.b)), "pot")
    coupling, v = network_simplex(problem, costs, iterations)
    return Solution(coupling, v * top, "pot")


class Capped:
    """Solves a problem again, in a form that keeps the digits of a value far below the largest cost.

    A solver rounds to the largest cost, which for p > 1 may be 1e16 times the value: two tight clusters, where all mass
    stays in its own. But costs above the total of those that some coupling carries at do not help a better one: capped
    there, the others are near 1, and potentials that are feasible for capped costs are feasible for the costs.
    """

    def __init__(self, problem: Problem, memory: int):
        n, m = len(problem.x), len(problem.y)
        few = n * m <= CAPPED_PAIRS and n * m * problem.x.shape[1] <= CAPPED_COORDINATES
        self.fits = few and MATRICES["pot"] * 8 * n * m <= memory
        self._problem = problem
        self._costs: Array | None = None

    def ceiling(self, plan: csr_array) -> float:
        """Twice, in powers, what all carrying pairs of ``plan`` (n, m) cost together, as a cost."""
        pairs, problem = plan.tocoo(), self._problem
        paid = paired_cost(problem.x[pairs.row], problem.y[pairs.col], problem.metric)
        top = float(paid.max()) or 1.0
        return float(top * (2 * ((paid / top) ** problem.p).sum()) ** (1 / problem.p))

    def solve(self, problem: Problem, stop: Flag, ceiling: float) -> Solution:
        """The problem without points of weight 0, under costs up to ``ceiling``."""
        heed(stop)
        if self._costs is None:
            x, y = (directions(z) if problem.metric == "cosine" else z for z in (problem.x, problem.y))
            self._costs = by_differences(x, y, problem.metric)
        costs = (np.minimum(self._costs, ceiling) / ceiling) ** problem.p
        if problem.is_assignment:
            coupling, v = assignment(problem, costs)
        else:
            _, v = network_simplex(problem, costs)
            # The simplex has an absolute tolerance: what it left is a problem of its own, of small reduced costs.
            reduced = costs - v
            reduced -= reduced.min(axis=1, keepdims=True)
            coupling, more = network_simplex(problem, np.minimum(reduced, NARROW) / NARROW)
            v = v + NARROW * more
        return Solution(coupling, (v - np.median(v)) * ceiling**problem.p, "capped")


def network_simplex(problem: Problem, costs: Array, iterations: int = ITERATIONS) -> tuple[coo_array, Array]:
    """POT's coupling under ``costs`` (n, m), and its potential of y."""
    import ot
    from scipy.sparse import coo_array

    a, b = problem.masses
    with warnings.catch_warnings():
        # A solver that stops early is seen by the gap of the certificate, and reported by it.
        warnings.simplefilter("ignore")
        plan, log = ot.emd(a, b * (a.sum() / b.sum()), costs, numItermax=iterations, log=True)
    # Stopped early, it has not moved all mass yet: only a coupling's cost is an upper end.
    left, wanted = np.maximum(a - plan.sum(axis=1), 0), np.maximum(b - plan.sum(axis=0), 0)
    coupling = coo_array(plan)
    if min(left.sum(), wanted.sum()) > UNSHIPPED * a.sum():
        coupling = coo_array(coupling + joined(left, wanted))
    return coupling / a.sum(), np.asarray(log["v"])


SOLVERS: Mapping[str, Solver] = {"dense": by_assignment, "shortlist": by_shortlists, "pot": by_pot}
