"""The smoothed c-transform of a critic's scores, which bounds the entropic cost and not W1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wganalyze.transport.costs.blocks import BLOCK_BYTES
from wganalyze.transport.costs.metrics import Array, cost_blocks


def entropic_c_transform(
    f: Array, x: Array, y: Array, epsilon: float, metric: str = "euclidean", block_bytes: int = BLOCK_BYTES
) -> Array:
    """f^{c,eps}(y_j) = -eps log((1/n) sum_i exp((f(x_i) - c(x_i, y_j)) / eps)), (m,) (1910.03875, eq. 12).

    0 <= f^{c,eps} - f^c <= eps log n, so that it bounds the entropic cost and is NO lower bound of W1.
    ``block_bytes``: what a block of costs takes.
    """
    return np.asarray(entropic_c_transforms(f, x, y, (epsilon,), metric, block_bytes)[0])


def entropic_c_transforms(
    f: Array,
    x: Array,
    y: Array,
    epsilons: Sequence[float],
    metric: str = "euclidean",
    block_bytes: int = BLOCK_BYTES,
) -> Array:
    """The same for several epsilons, (k, m), in one pass over the costs. ValueError unless all are above 0.

    Mean f(x) + mean f^{c,eps}(y) is at most the entropic cost min_pi <pi, c> + eps KL(pi | P_n x Q_m), whatever f: it
    is the dual of that problem, at the second potential that is best for f.
    """
    if wrong := [epsilon for epsilon in epsilons if not epsilon > 0]:
        raise ValueError(f"epsilon = {wrong[0]}: choose a number above 0")
    smoothed = np.empty((len(epsilons), len(y)))
    # A block holds all of x for some of y, so that each sum is complete; the metrics by name are symmetric.
    for rows, costs in cost_blocks(y, x, metric, block_bytes):
        exponents = np.subtract(f[None], costs, out=costs)
        top = exponents.max(axis=1)
        exponents -= top[:, None]
        for k, epsilon in enumerate(epsilons):
            smoothed[k, rows] = -top - epsilon * np.log(np.exp(exponents / epsilon).mean(axis=1))
    return smoothed
