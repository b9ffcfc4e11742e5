"""Mini-batches: real ones against each other and against a blur, and matching inside them against matching all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array

from wganalyze import Points, Samples, Study, WganalyzeError
from wganalyze.statistics import Estimate, student_t
from wganalyze.transport import paired_cost, wasserstein_batch

if TYPE_CHECKING:
    from wganalyze.transport import Array, Transport, Transports
    from wganalyze_plugins.clustering import Clustering

REDO = 5
MOST = 100
"""Batches that are solved against centroids of unequal masses, which takes longest."""
ROUNDING = 1e-9
MARGIN = 1e-6
"""Relative; means that differ by less are equal up to the rounding of float32 samples."""


class BlockMatchingError(WganalyzeError):
    """Matching inside batches came out below matching all, or above its bound: no number of it may be believed."""


@dataclass(frozen=True, eq=False)
class Batches:
    """Real batches of one size: W1 of ``count`` pairs a replicate, (R, count), and of each first one to a blur.

    ``mean``, ``data_mean``, ``uniform``: (R count,); ``centroids``: of the first MOST of them.
    """

    between: Array
    mean: Array
    data_mean: Array
    centroids: Array
    uniform: Array
    exact: bool
    solver: str

    @classmethod
    def of(cls, study: Study, m: int) -> Batches:
        """Batches of "x" against those of "x2"; means and centroids of "fit", which is disjoint from both."""
        from wganalyze.transport import wasserstein
        from wganalyze_plugins.clustering import real_clusters

        every = range(study.replicates)
        xs, ys = ([blocks(study.real(replicate=r, split=s), m) for r in every] for s in ("x", "x2"))
        between = [wasserstein_batch(x, y) for x, y in zip(xs, ys, strict=True)]
        fit = study.real(study.fit_size, split="fit").points
        clusters = real_clusters(study, m, redo=REDO)
        atoms = clusters.centroids.astype(xs[0].dtype)
        uniform = [wasserstein_batch(x, np.broadcast_to(atoms, x.shape)) for x in xs]
        batches, others = [batch for x in xs for batch in x], [batch for y in ys for batch in y]
        by_mass = [wasserstein(batch, atoms, b=clusters.mass) for batch in batches[:MOST]]
        centre = fit.mean(axis=0, dtype=np.float64)
        return cls(
            np.stack([w.value for w in between]),
            np.array([to_point(a, b.mean(axis=0, dtype=np.float64)) for a, b in zip(batches, others, strict=True)]),
            np.array([to_point(batch, centre) for batch in batches]),
            np.array([w.value for w in by_mass]),
            np.concatenate([w.value for w in uniform]),
            all(bool(w.exact.all()) for w in (*between, *uniform)) and all(w.exact for w in by_mass),
            by_mass[0].solver,
        )


@dataclass(frozen=True, eq=False)
class Matching:
    """One replicate, n = m * blocks samples a side: all matched at once, and inside blocks of m."""

    full: Transport
    inside: Transports
    bound: float
    bound_metric: float

    @classmethod
    def of(cls, study: Study, x: Samples, y: Samples, m: int) -> Matching:
        """Match the first n of ``x`` with those of ``y``, and check every inequality between the two ways."""
        n = len(x) // m * m
        x, y = first(x, n), first(y, n)
        full, inside = study.transport(x, y), wasserstein_batch(blocks(x, m), blocks(y, m))
        partner = (inside.columns + m * np.arange(n // m)[:, None]).ravel()
        plan = coo_array(full.plan)
        xs, ys = x.points.astype(np.float64), y.points.astype(np.float64)
        here, there = paired_cost(xs, ys[partner]), paired_cost(xs[plan.row], ys[plan.col])
        apart = paired_cost(ys[partner[plan.row]], ys[plan.col])
        bounds = [float(plan.data @ costs) for costs in (np.abs(here[plan.row] - there), apart)]
        matching = cls(full, inside, *bounds)
        matching.check()
        return matching

    @property
    def value(self) -> float:
        """MBWD."""
        return float(self.inside.value.mean())

    @property
    def exact(self) -> bool:
        """Is every matching exact?"""
        return self.full.exact and bool(self.inside.exact.all())

    def check(self) -> None:
        """BlockMatchingError where EWD <= MBWD <= EWD + bound <= EWD + second bound is violated."""
        room = ROUNDING * (self.value + self.full.scale)
        for low, high in (
            (self.full.lower, self.value),
            (self.value - self.full.value, self.bound),
            (self.bound, self.bound_metric),
        ):
            if low > high + room:
                raise BlockMatchingError(
                    f"EWD = {self.full.value:.12g}, MBWD = {self.value:.12g}, bounds of MBWD - EWD {self.bound:.12g} "
                    f"and {self.bound_metric:.12g}: not in the order that is proved; a fault of wganalyze"
                )


def blocks(samples: Samples, m: int) -> Points:
    """The samples as batches (B, m, d), in their order; what is left over is left out."""
    count = len(samples) // m
    return samples.points[: count * m].reshape(count, m, samples.dim)


def stratified(samples: Samples, m: int, *, clusters: Clustering) -> Points:
    """The first B m samples as batches (B, m, d), each with its share of every cluster, to within one sample.

    In the order of their nearest centroids they are dealt out to the batches in turn.
    """
    from wganalyze_plugins.clustering import nearest

    count = len(samples) // m
    points = samples.points[: count * m]
    index, _ = nearest(points, clusters.centroids)
    order = np.argsort(index, kind="stable").reshape(m, count).T
    return points[order]


def first(samples: Samples, n: int) -> Samples:
    """The first n, or all; their key says so, so that transports, scores and gradients are shared too."""
    if n >= len(samples):
        return samples
    return replace(samples.take(slice(0, n)), key=(*samples.key, "first", n) if samples.key else ())


def to_point(batch: Points, point: Array) -> float:
    """W1 to a single point: there is one coupling only."""
    return float(np.linalg.norm(batch - point, axis=1).mean())


def student(values: Array) -> Estimate:
    """Mean of independent batches, with its interval (None below three)."""
    estimate = student_t(tuple(values.tolist()))
    if estimate.interval is None:
        return estimate
    return replace(estimate, interval=replace(estimate.interval, method=f"Student t over {len(values)} batches, 95%"))


def conditional(estimate: Estimate, what: str) -> Estimate:
    """The same; its interval says that its replicates share something fitted, and are independent only given that."""
    if estimate.interval is None:
        return estimate
    return replace(estimate, interval=replace(estimate.interval, method=f"{estimate.interval.method}, given {what}"))


def paired_pvalue(smaller: Sequence[float], larger: Sequence[float]) -> float:
    """p of a paired one-sided t test over replicates: is the first smaller in expectation, or only by chance?

    1 below three replicates, and where the means differ by rounding alone.
    """
    from scipy.stats import t

    differences = np.subtract(smaller, larger)
    mean, count = float(differences.mean()), len(differences)
    if count < 3 or not mean < -MARGIN * max(np.abs(smaller).max(), np.abs(larger).max()):
        return 1.0
    error = float(differences.std(ddof=1)) / count**0.5
    return float(t.cdf(mean / error, count - 1)) if error > 0 else 0.0


def ratio_of_means(above: Array, below: Array) -> Estimate:
    """Ratio of two means over the same batches, with the interval of the linearised ratio (Cochran 1977, eq. 6.13)."""
    ratio = float(above.mean() / below.mean())
    return student(ratio + (above - ratio * below) / below.mean())
