"""Exact Wasserstein distances between samples, each proved by a certificate that no solver has a part in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from wganalyze.transport.certificate import (
    CertificateError,
    certain,
    claimed,
    dual_value,
    potential_rounding,
    size_of,
    upper_end,
    within_rounding,
)
from wganalyze.transport.costs.blocks import ONE_THREAD, in_blocks
from wganalyze.transport.costs.metrics import (
    Array,
    Metric,
    as_points,
    check_metric,
    farthest,
    flipped,
    metric_name,
    paired_cost,
)
from wganalyze.transport.costs.transforms import c_transform
from wganalyze.transport.costs.working import Flag, interruptible
from wganalyze.transport.limits import RELATIVE_GAP, ROUNDING, memory_limit
from wganalyze.transport.merging import Merged
from wganalyze.transport.problem import Problem, Solution
from wganalyze.transport.solvers import SOLVERS, Capped, Solver, bytes_needed, solve

if TYPE_CHECKING:
    from scipy.sparse import csr_array


REFINEMENTS = 8
"""Solutions of a problem that is not exact yet, at most; each is nearer by some twelve digits, if it can be."""

LOST_MASS = 1e-14
"""That normalised weights may lack or have too much, together."""


@dataclass(frozen=True, eq=False)
class Transport:
    """A solved transport problem.

    ``value``: W_p, the p-th root of the cost of ``plan``, so an upper end; ``lower``: W_p certified from below by
    ``potentials`` (u, v), which satisfy u_i + v_j <= c(x_i, y_j)^p in float64, less what rounding may have added;
    ``plan``: the coupling, (n, m), sparse; ``solver``: which one found them. ``scale``: see ``exact``.
    """

    value: float
    lower: float
    potentials: tuple[Array, Array]
    plan: csr_array
    p: float
    metric: str
    solver: str
    scale: float = field(repr=False, default=0.0)

    @property
    def gap(self) -> float:
        """How far value and lower are apart; the true distance of the samples lies between."""
        return max(0.0, self.value - self.lower)

    @property
    def exact(self) -> bool:
        """Is the gap within rounding: 1e-9 value, and for p = 1 also 1e-14 max|x_i - mean|?"""
        return bool(within_rounding(self.value, self.lower, self.p, self.scale))

    @property
    def certificate(self) -> str:
        """ "exact", or "checked" where the bracket [lower, value] is wider than rounding."""
        return "exact" if self.exact else "checked"


def wasserstein(
    x: Any,
    y: Any,
    p: float = 1,
    a: Any = None,
    b: Any = None,
    metric: Metric = "euclidean",
    solver: str = "auto",
    memory: int | None = None,
) -> Transport:
    """W_p between the weighted samples x (n, d) and y (m, d), arrays or tensors.

    Float32 points are taken as they are: the value is the float64 cost of those points. ``a`` (n,) and ``b`` (m,) are
    weights, uniform by default; they are normalised, and zeros are allowed. ``metric``: "euclidean", "l1", "cosine"
    (1 - cos), or a function of (a, d) and (b, d) points that gives (a, b) costs. ``solver``: "dense" (for equal sizes
    and weights), "shortlist" or "pot"; "auto" takes the fastest, and ``Transport.solver`` names it.
    ``memory``: bytes that a problem may take; MemoryError beyond. None: those of the run (--memory), else 12 GiB.

    ValueError: other shapes, NaN, negative weights, p < 1 or infinite, a solver that does not take the problem.
    MemoryError, before anything starts: what the solver holds would not fit (5 matrices of 8 n m bytes for "pot", 2 for
    "dense", 14.4 kB a point and 20 bytes a coordinate for "shortlist").
    """
    problem = as_problem(x, y, p, a, b, metric)
    memory = memory_limit() if memory is None else memory
    merged = Merged.of(problem.positive) if solver == "auto" else None
    chosen = _chosen(solver, problem.positive if merged is None else merged.problem, memory)

    def solved(given: Problem, stop: Flag) -> Solution:
        if merged is None:
            return solve(given, stop, chosen, memory)
        return merged.spread(solve(merged.problem, stop, chosen, memory))

    return _refined(problem, certified(problem, solved), memory)


def _refined(problem: Problem, found: Transport, memory: int) -> Transport:
    """The same, solved again without the costs that are too large to matter, where it is not exact yet."""
    capped = Capped(problem, memory)
    for _ in range(REFINEMENTS):
        ceiling = 0.0 if found.exact or not capped.fits else capped.ceiling(found.plan)
        if ceiling == 0:
            break
        again = certified(problem, partial(capped.solve, ceiling=ceiling))
        best = min(found, again, key=lambda transport: transport.value)
        proof = max(found, again, key=lambda transport: transport.lower)
        better = best.value < found.value * (1 - RELATIVE_GAP) or proof.lower > found.lower * (1 + RELATIVE_GAP)
        lower = min(best.value, proof.lower)
        found = replace(best, lower=lower, potentials=proof.potentials, solver=found.solver)
        if not better:
            break
    return found


def as_problem(x: Any, y: Any, p: float = 1, a: Any = None, b: Any = None, metric: Metric = "euclidean") -> Problem:
    """What ``wasserstein`` takes, checked, with weights that are normalised; ValueError as there."""
    x, y = as_points(x, "x"), as_points(y, "y")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"x has dimension {x.shape[1]}, y has {y.shape[1]}")
    if not 1 <= p < math.inf:
        raise ValueError(f"p = {p}: Wasserstein distances need 1 <= p < infinity")
    check_metric(metric, x, y)
    a, b = _weights(a, len(x), "a"), _weights(b, len(y), "b")
    return Problem(x, y, a / math.fsum(a), b / math.fsum(b), float(p), metric, (a, b))


def certified(problem: Problem, solver: Solver) -> Transport:
    """Solved by any solver, which need not be right, and proved without it; CertificateError where it cannot be."""
    with ONE_THREAD:
        solution = interruptible(lambda stop: solver(problem.positive, stop), len(problem.x) * len(problem.y))
        return _proved(problem, solution)


def _chosen(solver: str, problem: Problem, memory: int) -> Solver:
    """The solver of that name; ValueError where it does not take the problem, MemoryError where that would not fit."""
    name = problem.choice if solver == "auto" else solver
    if name not in SOLVERS:
        raise ValueError(f"solver {solver!r}: choose auto, {', '.join(SOLVERS)}")
    if name == "dense" and not problem.is_assignment:
        raise ValueError("solver 'dense' takes samples of equal sizes and weights; choose shortlist or pot")
    needed = bytes_needed(problem, name)
    if needed > memory:
        raise MemoryError(
            f"{len(problem.x)} x {len(problem.y)} points need {needed / 2**30:.1f} GiB for the solver {name}, "
            f"the limit is {memory / 2**30:.1f} GiB"
        )
    return SOLVERS[name]


def _weights(weights: Any, n: int, name: str) -> Array:
    if weights is None:
        return np.ones(n)
    if hasattr(weights, "detach"):
        weights = weights.detach().cpu().double().numpy()
    masses = np.asarray(weights, dtype=np.float64)
    if masses.shape != (n,) or not np.isfinite(masses).all() or (masses < 0).any() or not masses.sum() > 0:
        raise ValueError(f"{name}: weights are {n} numbers, not negative and not all zero")
    return masses


def _proved(problem: Problem, solution: Solution) -> Transport:
    """Put value, potentials and bound together, from the points; points of weight 0 take part in feasibility too."""
    from scipy.sparse import coo_array, csr_array

    x, y, p, metric = problem.x, problem.y, problem.p, problem.metric
    rows, columns = problem.support
    coupling = solution.coupling
    at_x, at_y = rows[coupling.row], columns[coupling.col]
    paired = np.empty(len(at_x))

    def block(pairs: slice) -> None:
        paired[pairs] = paired_cost(x[at_x[pairs]], y[at_y[pairs]], metric)

    in_blocks(len(at_x), 64 * x.shape[1], block)
    masses = coupling.data / math.fsum(coupling.data)
    top = float(paired.max()) or 1.0  # powers of small costs would vanish
    power = math.fsum(masses * (paired / top) ** p)
    if p > 1:
        # What float64 loses of the masses may have to go far.
        dearest = (farthest(x, y, metric) / top) ** p
        if LOST_MASS * dearest > RELATIVE_GAP * power:
            power += problem.left_over(at_x, at_y) * dearest
    cost = top * power ** (1 / p)
    equal = cost == 0 and all(np.array_equal(x[i], y[j]) for i, j in zip(at_x, at_y, strict=True))
    value = float(upper_end(cost, equal, x.shape[1], metric))
    plan = csr_array(coo_array((coupling.data, (at_x, at_y)), shape=(len(x), len(y))))
    scale = size_of(x, metric)

    def bracket(u: Array, v: Array) -> Transport:
        if np.isnan(u).any() or np.isnan(v).any():  # where squares of the costs vanish: then 0 is all that is proved
            u, v = np.zeros(len(x)), np.zeros(len(y))
        dual, slack = dual_value(u, v, problem.a, problem.b), potential_rounding(u, v, problem.a, problem.b)
        lower = float(certain(dual, slack, x.shape[1], p, metric))
        most = float(certain(value**p * (1 + RELATIVE_GAP) + ROUNDING * scale**p, 0.0, x.shape[1], p, "euclidean"))
        if not lower <= most:
            raise CertificateError(
                f"the dual value {dual:.12g} exceeds the cost {value**p:.12g} of a coupling: a fault of wganalyze; "
                "please report it"
            )
        lower = float(claimed(value, lower, x.shape[1]))
        return Transport(value, lower, (u, v), plan, p, metric_name(metric), solution.solver, scale)

    # A point without weight must not bind the others: it enters with the potential -inf, and is raised at the end.
    v = np.full(len(y), -np.inf)
    v[columns] = solution.v
    near = np.full(len(x), -1, np.intp)
    near[at_x] = at_y
    if solution.u is None:
        u = c_transform(x, y, v, p, metric, near)
    else:
        u = np.empty(len(x))
        u[rows] = solution.u
        without = np.flatnonzero(problem.a == 0)
        u[without] = c_transform(x[without], y, v, p, metric) if len(without) else 0.0
    idle = np.flatnonzero(problem.b == 0)
    if len(idle):
        v[idle] = c_transform(y[idle], x, u, p, flipped(metric))
    first = bracket(u, v)
    if first.exact:
        return first
    # What the solver gave is not tight everywhere, or far from 0: another double transform never lowers the dual.
    weighted = np.where(problem.a > 0, u - np.median(u[rows]), -np.inf)
    v = c_transform(y, x, weighted, p, flipped(metric))
    return max(first, bracket(c_transform(x, y, v, p, metric), v), key=lambda transport: transport.lower)
