"""Clusters of real data under the optimal matching: which of them are served, and which are over-produced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from wganalyze_plugins.clustering import nearest

if TYPE_CHECKING:
    from wganalyze import Samples, Study
    from wganalyze_plugins.clustering import Clustering

Counts = npt.NDArray[np.int64]
"""(k,), one of each cluster."""

LEVEL = 0.01
"""Of all clusters together: how often a generator of the right law is told that one is under-served, at most."""
HALF = 0.5
"""Of what other reals serve: an under-served cluster has less."""
OVERPRODUCED_FROM = 4.0
"""Standard errors."""


@dataclass(frozen=True, eq=False)
class Service:
    """What the clusters of real samples get from others that are matched to them.

    ``reals``: real samples of each cluster; ``served``: those whose partner lies in it too; ``others``: partners that
    lie in it, whatever they are matched to. A sample lies in the cluster of the nearest centroid.
    """

    reals: Counts
    served: Counts
    others: Counts

    @classmethod
    def of(cls, study: Study, x: Samples, y: Samples, clusters: Clustering) -> Service:
        """Of ``y`` matched to ``x``, both (n, d), by the coupling of W1."""
        from scipy.sparse import coo_array

        k = len(clusters)
        own, other = (nearest(side.points, clusters.centroids)[0] for side in (x, y))
        plan = coo_array(study.transport(x, y).plan)
        cluster = own[plan.row]
        mass = len(x) * plan.data * (cluster == other[plan.col])
        # Equal sizes are matched one to one; a vertex of the polytope has no fractions but those of rounding.
        served = np.rint(np.bincount(cluster, mass, k)).astype(np.int64)
        return cls(np.bincount(own, minlength=k), served, np.bincount(other, minlength=k))

    @classmethod
    def total(cls, parts: Sequence[Service]) -> Service:
        """Of all replicates."""
        return cls(*(np.sum([getattr(p, f) for p in parts], axis=0) for f in ("reals", "served", "others")))

    @property
    def share(self) -> float:
        """Of the real samples that are served."""
        return float(self.served.sum() / self.reals.sum())

    @property
    def strays(self) -> Counts:
        """Partners in a cluster that have to leave it."""
        return self.others - self.served


def underserved(fakes: Service, reals: Service) -> npt.NDArray[np.bool_]:
    """Which clusters get less than half of what other reals serve, beyond chance: in LEVEL of all runs at most.

    For equal laws both counts are exchangeable, and given their sum the first is binomial with 1/2 if they are Poisson;
    they spread less, since no cluster serves more than it holds. Bonferroni over the clusters.
    """
    from scipy.stats import binom

    pvalues = np.asarray(binom.cdf(fakes.served, fakes.served + reals.served, 0.5))
    few = fakes.served < HALF * reals.served
    return np.asarray(few & (len(pvalues) * pvalues <= LEVEL))


def powerful(reals: Service) -> npt.NDArray[np.bool_]:
    """Of which clusters would ``underserved`` see that no sample at all is served?"""
    return underserved(replace(reals, served=np.zeros_like(reals.served)), reals)


def overproduced(fakes: Service, reals: Service) -> npt.NDArray[np.bool_]:
    """Which clusters hold so many strays, more than other reals leave there, that they would fill it once more.

    Beyond 4 standard errors of the difference.
    """
    excess = fakes.strays - reals.strays
    return np.asarray((excess > fakes.reals) & (excess > OVERPRODUCED_FROM * np.sqrt(fakes.strays + reals.strays)))
