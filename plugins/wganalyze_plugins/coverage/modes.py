"""Modes of laws that know theirs, by name: which does the generator reach?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from wganalyze import Modes, Points
from wganalyze_plugins.clustering import nearest
from wganalyze_plugins.neighbours import within

NEAR = 3
"""Deviations about a centre that count as the mode: 1 - exp(-4.5) = .989 of a Gaussian in the plane."""
LEAST = 0.01
"""The share of all samples that reaches a mode (Srivastava et al. 1705.07761 count a single one)."""
OF_EQUAL = 0.25
"""Of an equal share, where that is less: above 25 modes."""
LEVEL = 0.01
"""Of all modes together: how often a generator of the right law is told that one is lost, at most."""


@dataclass(frozen=True, eq=False)
class Reached:
    """How many samples each mode gets.

    ``strict``: (k,) within 3 deviations of its centre; ``loose``: (k,) nearest to it, and within half the distance of
    its nearest neighbour among the centres (at any distance, where it is the only mode); ``total``: of all samples.
    """

    strict: npt.NDArray[np.int64]
    loose: npt.NDArray[np.int64]
    total: int

    @classmethod
    def of(cls, points: Points, modes: Modes) -> Reached:
        """Of ``points`` (n, d)."""
        k = len(modes.names)
        index, distance = nearest(points, modes.centres)
        # A hair more than half: float32 centres of a grid are not quite as far apart as they are meant to be.
        reach = within(modes.centres, 1)[:, 0] / 2 * (1 + 1e-6) if k > 1 else np.full(1, np.inf)
        strict, loose = distance <= NEAR * modes.deviation, distance <= reach[index]
        counts = [np.bincount(index[near], minlength=k) for near in (strict, loose)]
        return cls(counts[0], counts[1], len(points))

    @property
    def least(self) -> float:
        """Samples that reach a mode."""
        return self.total * min(LEAST, OF_EQUAL / len(self.strict))

    @cached_property
    def is_strict(self) -> npt.NDArray[np.bool_]:
        """Which modes are reached within 3 deviations."""
        return np.asarray(self.strict >= self.least)

    @cached_property
    def is_loose(self) -> npt.NDArray[np.bool_]:
        """Which modes are reached at all."""
        return np.asarray(self.loose >= self.least)

    @property
    def share(self) -> float:
        """Of the samples that lie on modes."""
        return float(self.strict.sum() / self.total)


def lost(fakes: Reached, reals: Reached) -> npt.NDArray[np.bool_]:
    """Which modes are not even loosely reached, and by fewer than chance allows: in LEVEL of all runs at most.

    For equal laws and as many samples, a mode's count among the fakes is binomial with 1/2 given that of both sides
    together: exact, by Bonferroni over the modes.
    """
    from scipy.stats import binom

    pvalues = np.asarray(binom.cdf(fakes.loose, fakes.loose + reals.loose, 0.5))
    return np.asarray(~fakes.is_loose & (len(pvalues) * pvalues <= LEVEL))
