"""Exact solvers that pip installs, each from points to a value: what they need on the way is their own affair."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from wganalyze.transport import wasserstein, wasserstein_batch

Points = npt.NDArray[Any]
Solver = Callable[[Points, Points], float]
CORES = 2


def costs(x: Points, y: Points) -> npt.NDArray[np.float64]:
    """The cost matrix in float64, the quickest way that is accurate: by inner products, in torch, on all cores."""
    import torch

    a, b = torch.from_numpy(x).double(), torch.from_numpy(y).double()
    if x.shape[1] <= 16:
        return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").numpy()  # type: ignore[no-any-return]
    centre = b.mean(0)
    a, b = a - centre, b - centre
    squares = torch.addmm((b * b).sum(1)[None], a, b.T, alpha=-2)
    squares += (a * a).sum(1)[:, None]
    return squares.clamp_(min=0).sqrt_().numpy()  # type: ignore[no-any-return]


def ours(x: Points, y: Points) -> float:
    """With its certificate."""
    found = wasserstein(x, y)
    assert found.exact
    return found.value


def pot(x: Points, y: Points) -> float:
    """The network simplex, run until it has converged."""
    import ot

    return float(ot.emd2([], [], costs(x, y), numItermax=10**9))


def pot_lazy(x: Points, y: Points) -> float:
    """The same without a cost matrix."""
    import ot

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"metric": "euclidean", "numItermax": 10**9, "return_matrix": False}
        found = ot.lp.emd2_lazy(x.astype(float), y.astype(float), **options)
    return float(found)


def scipy(x: Points, y: Points) -> float:
    """Crouse's modified Jonker-Volgenant."""
    from scipy.optimize import linear_sum_assignment

    c = costs(x, y)
    return float(c[linear_sum_assignment(c)].mean())


def lapx(x: Points, y: Points) -> float:
    """Jonker-Volgenant in C++."""
    from lap import lapjv

    return float(lapjv(costs(x, y))[0]) / len(x)


def src_d(x: Points, y: Points) -> float:
    """src-d's lapjv, vectorised by hand."""
    from lapjv import lapjv

    c = costs(x, y)
    rows, _, _ = lapjv(c)
    return float(c[np.arange(len(c)), rows].mean())


def ortools(x: Points, y: Points) -> float:
    """Google's cost scaling, for integer costs: 2^31 steps to the largest."""
    from ortools.graph.python import linear_sum_assignment

    c = costs(x, y)
    n = len(c)
    scaled = np.rint(c * (2**31 / c.max())).astype(np.int64).ravel()
    solver = linear_sum_assignment.SimpleLinearSumAssignment()
    solver.add_arcs_with_cost(np.repeat(np.arange(n), n), np.tile(np.arange(n), n), scaled)
    assert solver.solve() == solver.OPTIMAL
    return float(np.mean([c[i, solver.right_mate(i)] for i in range(n)]))


SINGLE: Mapping[str, Solver] = {
    "wganalyze": ours,
    "POT": pot,
    "src-d lapjv": src_d,
    "scipy": scipy,
    "lapx": lapx,
    "ortools": ortools,
    "POT lazy": pot_lazy,
}


def _many(solver: Solver, x: Points, y: Points) -> float:
    with ThreadPoolExecutor(CORES) as pool:
        return float(np.mean(list(pool.map(solver, x, y))))


def ours_in_batches(x: Points, y: Points) -> float:
    """All at once, each with its certificate."""
    found = wasserstein_batch(x, y)
    assert found.exact.all()
    return float(found.value.mean())


def _cdist(solve: Callable[[Points], float], x: Points, y: Points) -> float:
    from scipy.spatial.distance import cdist

    return solve(cdist(x, y))


def _pot_value(c: Points) -> float:
    import ot

    return float(ot.emd2([], [], c))


def _scipy_value(c: Points) -> float:
    from scipy.optimize import linear_sum_assignment

    return float(c[linear_sum_assignment(c)].mean())


def _lapx_value(c: Points) -> float:
    from lap import lapjv

    return float(lapjv(c)[0]) / len(c)


def in_threads(solve: Callable[[Points], float]) -> Solver:
    """The others in a thread pool, on costs by cdist, which is the quickest at this size."""
    return partial(_many, partial(_cdist, solve))


BATCHED: Mapping[str, Solver] = {
    "wganalyze": ours_in_batches,
    "POT": in_threads(_pot_value),
    "scipy": in_threads(_scipy_value),
    "lapx": in_threads(_lapx_value),
}
