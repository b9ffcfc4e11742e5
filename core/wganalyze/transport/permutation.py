"""Are two samples told apart by W1? A permutation test, with the statistic summed over replicates."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wganalyze.transport.costs.metrics import Array, cost_matrix

TIE = 1e-12


def permutation_pvalue(
    pairs: Sequence[tuple[Array, Array]],
    *,
    permutations: int = 199,
    rng: np.random.Generator,
    p: float = 1,
    metric: str = "euclidean",
) -> float:
    """(1 + #{T* >= T}) / (1 + B), T the sum over ``pairs`` (x, y) of equal sizes of their transport costs W_p^p.

    Labels are permuted within each pair; under P = Q the p-value is uniform or larger, at any n (exact test).
    ValueError for no pairs, or samples of unequal sizes.
    """
    from wganalyze.transport.dense import assign

    def total(costs: Array, order: npt.NDArray[np.intp]) -> float:
        half = len(order) // 2
        block = costs[np.ix_(order[:half], order[half:])]
        u, v, columns = np.empty(half), np.empty(half), np.empty(half, np.int32)
        assign(block, u, v, columns)
        return float(block[np.arange(half), columns].mean())

    if not pairs or any(len(x) != len(y) for x, y in pairs):
        raise ValueError("a permutation test takes pairs of samples of equal sizes, at least one pair")
    pooled = [cost_matrix(both, both, metric) ** p for both in (np.concatenate(pair) for pair in pairs)]
    observed = math.fsum(total(costs, np.arange(len(costs))) for costs in pooled)
    as_extreme = 0
    for _ in range(permutations):
        permuted = math.fsum(total(costs, rng.permutation(len(costs))) for costs in pooled)
        as_extreme += permuted >= observed * (1 - TIE)
    return (1 + as_extreme) / (1 + permutations)
