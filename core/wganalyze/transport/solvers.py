"""The exact solvers, and which of them takes which problem.

``dense``: Jonker-Volgenant on a cost matrix, for small samples of equal size. ``shortlist``: the same problem in high
dimension and of any size, without a cost matrix. ``pot``: POT's network simplex, for weights, unequal sizes, and the
plane, where nothing else is as fast.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from wganalyze.transport.metrics import Array, Metric, cost_matrix, directions
from wganalyze.transport.working import Flag, Unfinished

if TYPE_CHECKING:
    from scipy.sparse import coo_array

ITERATIONS = 10**9
UNSHIPPED = 1e-12
MATRICES = {"dense": 2, "pot": 5}
"""Cost matrices of 8 n m bytes that a solver holds at once; POT's plan, and three inside its simplex: measured."""
MEMORY_BYTES = 12 * 2**30
DENSE_SIZE, PLANE_SIZE = 1200, 400
"""Up to here the cost matrix is the faster way; in the plane, up to there."""
PLANE = 3
"""Up to this dimension shortlists are short of the truth: the best columns of a row are those of all its neighbours."""


@dataclass(frozen=True, eq=False)
class Problem:
    """x (n, d) with weights a (n,) to y (m, d) with b (m,), none of them 0, under the cost metric ** p."""

    x: Array
    y: Array
    a: Array
    b: Array
    p: float
    metric: Metric

    @cached_property
    def is_assignment(self) -> bool:
        """Equal sizes and equal weights: an optimal coupling is a bijection."""
        return len(self.x) == len(self.y) and bool(np.ptp(self.a) == 0) and bool(np.ptp(self.b) == 0)

    @property
    def choice(self) -> str:
        """The solver that is fastest here."""
        if not self.is_assignment:
            return "pot"
        low = self.x.shape[1] <= PLANE
        if len(self.x) <= (PLANE_SIZE if low else DENSE_SIZE):
            return "dense"
        return "pot" if low or self.metric not in ("euclidean", "cosine") else "shortlist"

    def bytes_held(self, solver: str) -> int:
        """The memory that a solver takes beyond the points, in bytes."""
        n, m = len(self.x), len(self.y)
        if solver == "shortlist":
            from wganalyze.transport.shortlist.pricing import bytes_held

            return bytes_held(n, self.x.shape[1])
        return MATRICES[solver] * 8 * n * m


@dataclass(frozen=True, eq=False)
class Solution:
    """``coupling``: (n, m) triplets whose marginals are a and b; ``v``: (m,) a potential of y, feasible or not."""

    coupling: coo_array
    v: Array
    solver: str


def solve(problem: Problem, solver: str, stop: Flag) -> Solution:
    """Solve by name; a shortlist that does not end is answered by POT, and the solution says so."""
    try:
        return SOLVERS[solver](problem, stop)
    except Unfinished:
        if stop[0]:
            raise KeyboardInterrupt from None
        if problem.bytes_held("pot") > MEMORY_BYTES:
            raise MemoryError(
                f"shortlists do not get to an end on these {len(problem.x)} points (many are equal, or they lie on "
                f"a curve or a surface), and POT would need {problem.bytes_held('pot') / 2**30:.1f} GiB; take fewer"
            ) from None
        solution = SOLVERS["pot"](problem, stop)
        return Solution(solution.coupling, solution.v, "pot, after shortlist did not finish")


def _scaled_costs(problem: Problem) -> tuple[Array, float]:
    """Costs metric ** p brought to a largest of 1, since solvers have absolute tolerances; and that largest."""
    costs = cost_matrix(problem.x, problem.y, problem.metric)
    top = float(costs.max())
    if top > 0:
        costs /= top
    if problem.p != 1:
        np.power(costs, problem.p, out=costs)
    return costs, top**problem.p


def _dense(problem: Problem, _: Flag) -> Solution:
    from wganalyze.transport.dense import assign

    costs, top = _scaled_costs(problem)
    n = len(costs)
    u, v, columns = np.empty(n), np.empty(n), np.empty(n, np.int32)
    assign(costs, u, v, columns)
    return Solution(_bijection(columns, problem), v * top, "dense")


def _shortlist(problem: Problem, stop: Flag) -> Solution:
    from wganalyze.transport.shortlist import match

    patient = problem.bytes_held("pot") > MEMORY_BYTES
    if problem.metric == "cosine":  # 1 - cos is half the squared distance of the directions
        matching = match(directions(problem.x), directions(problem.y), 2 * problem.p, stop, patient=patient)
        return Solution(_bijection(matching.columns, problem), matching.v * 0.5**problem.p, "shortlist")
    matching = match(problem.x, problem.y, problem.p, stop, patient=patient)
    return Solution(_bijection(matching.columns, problem), matching.v, "shortlist")


def _bijection(columns: npt.NDArray[np.int32], problem: Problem) -> coo_array:
    from scipy.sparse import coo_array

    n = len(columns)
    return coo_array((problem.a, (np.arange(n), columns)), shape=(n, n))


def _pot(problem: Problem, _: Flag) -> Solution:
    import ot
    from scipy.sparse import coo_array

    a, b = problem.a, problem.b
    costs, top = _scaled_costs(problem)
    if top == 0:
        return Solution(joined(a, b), np.zeros(len(b)), "pot")
    with warnings.catch_warnings():
        # A solver that stops early is seen by the gap of the certificate, and reported by it.
        warnings.simplefilter("ignore")
        plan, log = ot.emd(a, b * (a.sum() / b.sum()), costs, numItermax=ITERATIONS, log=True)
    # Stopped early, it has not moved all mass yet: only a coupling's cost is an upper end.
    left, wanted = np.maximum(a - plan.sum(axis=1), 0), np.maximum(b - plan.sum(axis=0), 0)
    coupling = coo_array(plan)
    if left.sum() > UNSHIPPED and wanted.sum() > UNSHIPPED:
        coupling = coo_array(coupling + joined(left, wanted))
    return Solution(coupling, np.asarray(log["v"]) * top, "pot")


def joined(a: Array, b: Array) -> coo_array:
    """Some coupling of a and b, whose totals agree, in n + m entries: mass moves in the order of the indices."""
    from scipy.sparse import coo_array

    ends_a, ends_b = np.cumsum(a), np.cumsum(b)
    ends_b *= ends_a[-1] / ends_b[-1]
    levels = np.union1d(ends_a, ends_b)
    rows = np.minimum(np.searchsorted(ends_a, levels), len(a) - 1)
    columns = np.minimum(np.searchsorted(ends_b, levels), len(b) - 1)
    return coo_array((np.diff(levels, prepend=0.0), (rows, columns)), shape=(len(a), len(b)))


SOLVERS: Mapping[str, Callable[[Problem, Flag], Solution]] = {"dense": _dense, "shortlist": _shortlist, "pot": _pot}
