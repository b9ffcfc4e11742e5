"""Exact Wasserstein distances between samples: solved by POT, proved by a certificate of our own."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport.certificate import CertificateError, dual_value, feasible_potentials
from wganalyze.transport.metrics import Array, as_points, check_metric, cost_matrix, paired_cost

if TYPE_CHECKING:
    from scipy.sparse import coo_array, csr_array

RELATIVE_GAP = 1e-9
ROUNDING = 1e-14
ITERATIONS = 10**9
UNSHIPPED = 1e-12
MATRICES_HELD = 5  # the costs, the plan, and three inside the network simplex: measured
MEMORY_BYTES = 12 * 2**30


@dataclass(frozen=True, eq=False)
class Transport:
    """A solved transport problem.

    ``value``: W_p, the p-th root of the cost of ``plan``, so an upper end; ``lower``: W_p certified from below by
    ``potentials`` (u, v), which satisfy u_i + v_j <= c(x_i, y_j)^p in float64; ``plan``: the coupling, (n, m), sparse.
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
        """Is the gap within rounding: 1e-9 value + 1e-14 max|x_i - mean|?"""
        return self.gap <= RELATIVE_GAP * self.value + ROUNDING * self.scale

    @property
    def certificate(self) -> str:
        """ "exact", or "checked" where the bracket [lower, value] is wider than rounding."""
        return "exact" if self.exact else "checked"


def wasserstein(x: Any, y: Any, p: float = 1, a: Any = None, b: Any = None, metric: str = "euclidean") -> Transport:
    """W_p between the weighted samples x (n, d) and y (m, d), arrays or tensors; float64 throughout.

    ``a`` (n,) and ``b`` (m,) are weights, uniform by default; they are normalised, and zeros are allowed. ``metric``:
    "euclidean", "l1", or "cosine" (1 - cos). ValueError: other shapes, NaN, negative weights, p < 1 or infinite.
    MemoryError, before anything starts: the 5 matrices of 8 n m bytes that the solver takes would not fit.
    """
    x, y = as_points(x, "x"), as_points(y, "y")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"x has dimension {x.shape[1]}, y has {y.shape[1]}")
    if not 1 <= p < math.inf:
        raise ValueError(f"p = {p}: Wasserstein distances need 1 <= p < infinity")
    check_metric(metric, x, y)
    needed = MATRICES_HELD * 8 * len(x) * len(y)
    if needed > MEMORY_BYTES:
        raise MemoryError(
            f"{len(x)} x {len(y)} points need {MATRICES_HELD} * 8 n m = {needed / 2**30:.1f} GiB, "
            f"the limit is {MEMORY_BYTES / 2**30:.0f} GiB"
        )
    a, b = _weights(a, len(x), "a"), _weights(b, len(y), "b")
    rows, columns = np.flatnonzero(a), np.flatnonzero(b)
    plan, u = _solve(x[rows], y[columns], a[rows], b[columns], p, metric)
    return _certified(x, y, a, b, rows, columns, plan, u, p, metric)


def _weights(weights: Any, n: int, name: str) -> Array:
    if weights is None:
        return np.full(n, 1.0 / n)
    if hasattr(weights, "detach"):
        weights = weights.detach().cpu().double().numpy()
    found = np.asarray(weights, dtype=np.float64)
    if found.shape != (n,) or not np.isfinite(found).all() or (found < 0).any() or not found.sum() > 0:
        raise ValueError(f"{name}: weights are {n} numbers, not negative and not all zero")
    return np.asarray(found / math.fsum(found))


def _solve(x: Array, y: Array, a: Array, b: Array, p: float, metric: str) -> tuple[coo_array, Array]:
    """A coupling (triplets) and the potential on x, by POT's network simplex, run until it is done.

    Costs are scaled to 1, since the solver's own tolerances are absolute.
    """
    import ot
    from scipy.sparse import coo_array

    costs = cost_matrix(x, y, metric)
    top = float(costs.max())
    if top == 0:
        return _joined(a, b), np.zeros(len(x))
    costs /= top
    if p != 1:
        costs **= p
    with warnings.catch_warnings():
        # A solver that stops early is seen by the gap of the certificate, and reported by it.
        warnings.simplefilter("ignore")
        plan, log = ot.emd(a, b * (a.sum() / b.sum()), costs, numItermax=ITERATIONS, log=True)
    # Stopped early, it has not moved all mass yet: only a coupling's cost is an upper end.
    left, wanted = np.maximum(a - plan.sum(axis=1), 0), np.maximum(b - plan.sum(axis=0), 0)
    coupling = coo_array(plan)
    if left.sum() > UNSHIPPED and wanted.sum() > UNSHIPPED:
        coupling = coo_array(coupling + _joined(left, wanted))
    return coupling, np.asarray(log["u"]) * top**p


def _joined(a: Array, b: Array) -> coo_array:
    """Some coupling of a and b, whose totals agree, in n + m entries: mass moves in the order of the indices."""
    from scipy.sparse import coo_array

    ends_a, ends_b = np.cumsum(a), np.cumsum(b)
    ends_b *= ends_a[-1] / ends_b[-1]
    levels = np.union1d(ends_a, ends_b)
    rows = np.minimum(np.searchsorted(ends_a, levels), len(a) - 1)
    columns = np.minimum(np.searchsorted(ends_b, levels), len(b) - 1)
    return coo_array((np.diff(levels, prepend=0.0), (rows, columns)), shape=(len(a), len(b)))


def _certified(
    x: Array,
    y: Array,
    a: Array,
    b: Array,
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    plan: coo_array,
    u: Array,
    p: float,
    metric: str,
) -> Transport:
    """Put value, potentials and bound together, from the points; rows of weight 0 take part in feasibility too."""
    from scipy.sparse import coo_array, csr_array

    paired = paired_cost(x[rows[plan.row]], y[columns[plan.col]], metric)
    power = math.fsum(plan.data * paired**p) / math.fsum(plan.data)
    # A point without weight must not bind the others: it enters with the potential -inf, and is raised at the end.
    start = np.full(len(x), -np.inf)
    start[rows] = u
    u_all, v_all = feasible_potentials(x, y, start, p=p, metric=metric)
    dual = dual_value(u_all, v_all, a, b)
    whole = coo_array((plan.data, (rows[plan.row], columns[plan.col])), shape=(len(x), len(y)))
    scale = float(np.linalg.norm(x - x.mean(axis=0), axis=1).max()) if metric != "cosine" else 1.0
    if not dual <= power + RELATIVE_GAP * power + ROUNDING * scale**p:
        raise CertificateError(
            f"the dual value {dual:.12g} exceeds the cost {power:.12g} of a coupling: a fault of wganalyze; "
            "please report it"
        )
    lower = min(max(dual, 0.0), power)
    return Transport(
        power ** (1 / p), lower ** (1 / p), (u_all, v_all), csr_array(whole), float(p), metric, "pot-emd", scale
    )
