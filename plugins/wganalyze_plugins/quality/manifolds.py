"""Balls about samples as an estimate of a law's support: precision, recall, density, coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wganalyze import Points
from wganalyze.transport import Array, cost_blocks


@dataclass(frozen=True)
class Overlap:
    """How two samples lie in the balls about each other's points, which are closed, as in the papers' equations.

    ``precision``: share of fakes in some real sample's ball; ``recall``: of reals in some fake's (Kynkaanniemi et al.
    1904.06991, eq. 1 and 2).
    ``density``: real balls that a fake lies in, over k; ``coverage``: share of real balls that hold a fake (Naeem et
    al. 2002.09797, sec. 3).
    """

    precision: float
    recall: float
    density: float
    coverage: float

    @classmethod
    def of(cls, x: Points, y: Points, radii: Array, radii_y: Array, balls: Array, k: int) -> Overlap:
        """Of reals ``x`` (n, d) and fakes ``y`` (m, d).

        ``radii`` (n,), ``radii_y`` (m,): of the balls of precision and recall; ``balls`` (n,): of density and coverage,
        the distance to the k-th nearest.
        """
        inside, held = np.zeros(len(y), bool), np.zeros(len(x), bool)
        covered, count = np.zeros(len(x), bool), 0
        for rows, costs in cost_blocks(np.asarray(x, np.float64), np.asarray(y, np.float64)):
            inside |= (costs <= radii[rows, None]).any(axis=0)
            held[rows] = (costs <= radii_y).any(axis=1)
            within = costs <= balls[rows, None]
            covered[rows] = within.any(axis=1)
            count += int(within.sum())
        return cls(float(inside.mean()), float(held.mean()), count / (k * len(y)), float(covered.mean()))


def expected_coverage(n: int, k: int) -> float:
    """Coverage expected of two samples of n of one law, k < n: 1 - (n-1)...(n-k) / ((2n-1)...(2n-k)).

    Naeem et al. 2002.09797, sec. 3.3: whatever the law, as long as it has a density.
    """
    return 1 - float(np.prod([(n - i) / (2 * n - i) for i in range(1, k + 1)]))
