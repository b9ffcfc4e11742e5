"""Does the generator only do k-means? Centroids of real data against generated samples (FAISS)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wganalyze import (
    Analyzer,
    Estimate,
    Finding,
    Measurement,
    Metric,
    Need,
    NotMeasurable,
    Rows,
    Samples,
    Scope,
    Study,
    Table,
    Yielded,
    hookimpl,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from wganalyze_plugins.clustering import Clustering

SOURCE = "Stanczuk et al. 2103.01678: W1 prefers centroids to real samples"
MISSING_FROM = 10
OVERPRODUCED_FROM = 4.0
LEVEL = 0.01
"""Of every finding: how often it may be wrong, at most."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """One sample against the clusters and against n real samples: means of distances, W1, and counts per cluster."""

    nearest_centroid: float
    nearest_real: float
    w1_centroids: float
    w1_centroids_mass: float
    exact: bool
    counts: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]

    @classmethod
    def of(cls, sample: Samples, clusters: Clustering, reals: Samples) -> Comparison:
        """Compare ``sample`` (n, d) with ``clusters`` and with ``reals``, which are other samples."""
        import numpy as np

        from wganalyze.transport import wasserstein
        from wganalyze_plugins.clustering import nearest

        index, distance = nearest(sample.points, clusters.centroids)
        uniform = wasserstein(sample.points, clusters.centroids)
        by_mass = wasserstein(sample.points, clusters.centroids, b=clusters.mass)
        return cls(
            float(distance.mean()),
            float(nearest(sample.points, reals.points)[1].mean()),
            uniform.value,
            by_mass.value,
            uniform.exact and by_mass.exact,
            np.bincount(index, minlength=len(clusters)),
            np.bincount(index, distance, minlength=len(clusters)).astype(np.float64),
        )


class KMeans(Analyzer):
    """Generated samples against K-Means centroids of real data: distances, occupancy, similarity, all with floors."""

    name = "kmeans"
    needs = frozenset({Need.REAL, Need.FAKE})
    in_spaces = True
    metrics = (
        Metric("nearest_centroid", "Mean distance of a generated sample to its nearest real centroid.", source=SOURCE),
        Metric("nearest_centroid_floor", "The same for real samples that were not clustered."),
        Metric("nearest_real", "Mean distance of a generated sample to the nearest of n real samples.", source=SOURCE),
        Metric("nearest_real_floor", "The same for other real samples."),
        Metric("w1_centroids", "W1 between generated samples and the centroids, weighted uniformly.", source=SOURCE),
        Metric("w1_centroids_floor", "The same for real samples that were not clustered."),
        Metric("w1_centroids_mass", "W1 between generated samples and the centroids, weighted by cluster mass."),
        Metric("w1_centroids_mass_floor", "The same for real samples that were not clustered."),
        Metric(
            "centroid_similarity",
            "Mean cosine of matched centroids, generated against real, about the mean of real data.",
            direction="higher",
        ),
        Metric(
            "centroid_similarity_floor",
            "The same between two seeds on the same real data: no similarity means more than this one.",
        ),
        Metric("occupancy_distance", "Total variation between real and generated cluster shares.", direction="lower"),
        Metric("occupancy_distance_floor", "The same between two real samples."),
        Metric(
            "clusters_missing",
            "Clusters without a generated sample that hold 10 real ones or more (13 where there are 64 clusters).",
        ),
        Metric("clusters_overproduced", "Clusters with more than twice their real count, beyond 4 standard errors."),
        Metric("clusters", "Number of clusters k."),
    )
    tables = (
        Table(
            "clusters",
            "One row per cluster of real data; counts over all replicates, which are as many on both sides.",
            {
                "cluster": "int64",
                "mass": "float64",
                "count_real": "int64",
                "count_fake": "int64",
                "distance_real": "float64",
                "distance_fake": "float64",
                "matched_cosine": "float64",
            },
        ),
    )

    @dataclass(frozen=True)
    class Options:
        k: int | None = field(
            default=None, metadata={"help": "Clusters: the batch size that a claim is about; none: 64, or what fits."}
        )
        redo: int = field(default=5, metadata={"help": "Restarts of K-Means; the best is kept."})

        def __post_init__(self) -> None:
            if (self.k is not None and self.k < 2) or self.redo < 1:
                raise ValueError("k is at least 2, redo at least 1")

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield distances, transports, occupancy and similarity, and the table of clusters."""
        from wganalyze_plugins.clustering import real_clusters

        fit = study.real(study.fit_size, split="fit")
        k, note = self._choose_k(len(fit))
        clusters = real_clusters(study, k, redo=self.options.redo)
        reals = [study.real(replicate=r) for r in range(study.replicates)]
        generated = [study.fake(replicate=r) for r in range(study.replicates)]
        # Where no network is involved (the two sides of a pair), one comparison serves all snapshots.
        scope: Scope = "data" if all(y.shared for y in generated) else "snapshot"
        fakes = study.cached(
            ("kmeans fakes", len(clusters), self.options),
            lambda: [Comparison.of(y, clusters, x) for x, y in zip(reals, generated, strict=True)],
            scope=scope,
        )
        floors = self._floors(study, clusters, reals)
        report = _Writer(study, clusters, note, scope)
        yield report.row("clusters", k, "what was clustered", n=len(fit))
        yield from report.distances(fakes, floors)
        real_counts = self._real_counts(study, clusters, reals)
        yield from report.occupancy(fakes, floors, real_counts)
        cosines = study.cached(
            ("kmeans cosines", len(clusters), self.options), lambda: self._cosines(study, fit, clusters), scope=scope
        )
        floor = self._similarity_floor(study, fit, clusters)
        similarity = float(cosines.mean())
        yield report.row("centroid_similarity", similarity, "cosines of matched centroids", n=len(fit))
        yield report.row("centroid_similarity_floor", floor, "two seeds on the same real data", n=len(fit))
        yield report.table(fakes, floors, real_counts, cosines)
        yield from _findings(fakes, floors, real_counts)

    def _choose_k(self, points: int) -> tuple[int, str]:
        from wganalyze_plugins.clustering import DEFAULT_K, POINTS_PER_CENTROID, usual_k

        if self.options.k is None:
            k = usual_k(points)
            note = f"k = {k}: what {points} points allow, {POINTS_PER_CENTROID} to a centroid"
            return k, "" if k == DEFAULT_K else note
        if self.options.k > points:
            raise NotMeasurable(
                f"kmeans.k={self.options.k} clusters of {points} points: choose fewer, or a smaller --n"
            )
        return int(self.options.k), ""

    def _floors(self, study: Study, clusters: Clustering, reals: Sequence[Samples]) -> list[Comparison]:
        """The second real samples in the place of the generated ones; computed once a run."""

        def make() -> list[Comparison]:
            return [Comparison.of(study.real(replicate=r, split="x2"), clusters, x) for r, x in enumerate(reals)]

        return study.cached(("kmeans floors", len(clusters), self.options), make, scope="data")

    def _real_counts(self, study: Study, clusters: Clustering, reals: Sequence[Samples]) -> npt.NDArray[np.int64]:
        """How many of the first real samples each cluster holds, (replicates, k)."""
        import numpy as np

        from wganalyze_plugins.clustering import nearest

        def make() -> npt.NDArray[np.int64]:
            index = [nearest(x.points, clusters.centroids)[0] for x in reals]
            return np.stack([np.bincount(i, minlength=len(clusters)) for i in index])

        return study.cached(("kmeans counts", len(clusters), self.options), make, scope="data")

    def _cosines(self, study: Study, fit: Samples, clusters: Clustering) -> npt.NDArray[np.float64]:
        from wganalyze_plugins.clustering import cluster, matched_cosines

        fakes = study.fake(len(fit), split="fit")
        generated = cluster(fakes.points, len(clusters), seed=0, redo=self.options.redo)
        return matched_cosines(clusters.centroids, generated.centroids, fit.points.mean(axis=0, dtype="float64"))

    def _similarity_floor(self, study: Study, fit: Samples, clusters: Clustering) -> float:
        from wganalyze_plugins.clustering import matched_cosines, real_clusters

        again = real_clusters(study, len(clusters), redo=self.options.redo, seed=1)
        centre = fit.points.mean(axis=0, dtype="float64")
        return float(matched_cosines(clusters.centroids, again.centroids, centre).mean())


@dataclass(frozen=True)
class _Writer:
    """Turns comparisons into rows; ``note``: why k is what it is; ``scope``: of what depends on generated samples."""

    study: Study
    clusters: Clustering
    note: str
    scope: Scope

    def row(self, metric: str, value: Estimate | float, method: str, **more: Any) -> Measurement:
        return Measurement.of(
            metric,
            value,
            self.study,
            space="euclidean",
            method=method,
            solver=self.clusters.solver,
            message=self.note,
            scope="data" if metric == "clusters" or metric.endswith("_floor") else self.scope,
            **more,
        )

    def estimate(self, metric: str, values: Sequence[float], certificate: str = "none") -> Measurement:
        from wganalyze_plugins.batches import conditional

        estimate = self.study.estimate(values.__getitem__)
        if not metric.startswith("nearest_real"):
            estimate = conditional(estimate, "these centroids")
        method = f"mean over {estimate.replicates} fresh samples, {len(self.clusters)} clusters"
        return self.row(metric, estimate, method, certificate=certificate)

    def distances(self, fakes: Sequence[Comparison], floors: Sequence[Comparison]) -> Iterator[Measurement]:
        for metric in ("nearest_centroid", "nearest_real", "w1_centroids", "w1_centroids_mass"):
            exact = metric.startswith("w1") and all(c.exact for c in (*fakes, *floors))
            for name, side in ((metric, fakes), (f"{metric}_floor", floors)):
                yield self.estimate(name, [getattr(c, metric) for c in side], "exact" if exact else "none")

    def occupancy(
        self, fakes: Sequence[Comparison], floors: Sequence[Comparison], real_counts: npt.NDArray[np.int64]
    ) -> Iterator[Measurement]:
        for name, side in (("occupancy_distance", fakes), ("occupancy_distance_floor", floors)):
            differences = [
                abs(c.counts - real).sum() / (2 * self.study.n) for c, real in zip(side, real_counts, strict=True)
            ]
            yield self.estimate(name, differences)
        missing, over = occupied(sum_counts(fakes), real_counts.sum(axis=0))
        method = f"counts over {len(fakes)} replicates"
        yield self.row("clusters_missing", int(missing.sum()), method)
        yield self.row("clusters_overproduced", int(over.sum()), method)

    def table(
        self,
        fakes: Sequence[Comparison],
        floors: Sequence[Comparison],
        real_counts: npt.NDArray[np.int64],
        cosines: npt.NDArray[np.float64],
    ) -> Rows:
        counts, others = sum_counts(fakes), sum_counts(floors)
        sums, other_sums = sum_distances(fakes), sum_distances(floors)
        records = [
            {
                "cluster": i,
                "mass": float(self.clusters.mass[i]),
                "count_real": int(real_counts[:, i].sum()),
                "count_fake": int(counts[i]),
                "distance_real": float(other_sums[i] / others[i]) if others[i] else None,
                "distance_fake": float(sums[i] / counts[i]) if counts[i] else None,
                "matched_cosine": float(cosines[i]),
            }
            for i in range(len(self.clusters))
        ]
        return Rows("clusters", records)


def sum_counts(comparisons: Sequence[Comparison]) -> npt.NDArray[np.int64]:
    """Counts per cluster, (k,), over all comparisons."""
    import numpy as np

    return np.asarray(np.sum([c.counts for c in comparisons], axis=0))


def sum_distances(comparisons: Sequence[Comparison]) -> npt.NDArray[np.float64]:
    """Sums of distances to the centroid per cluster, (k,), over all comparisons."""
    import numpy as np

    return np.asarray(np.sum([c.distances for c in comparisons], axis=0))


def occupied(
    fake: npt.NDArray[np.int64], real: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which clusters are missing, and which over-produced, from counts (k,) out of equally many samples.

    Missing: none of the fakes, 10 reals or more, and so many that k clusters of equal laws have none of one side with a
    probability below LEVEL: given the sum of both counts, each is binomial with 1/2 (so it is in all k together).
    Over-produced: more than twice the reals, and beyond 4 standard errors of the difference (3e-5 a cluster).
    """
    import numpy as np

    missing = (fake == 0) & (real >= MISSING_FROM) & (len(real) * 0.5**real <= LEVEL)
    over = (fake > 2 * real) & (fake - real > OVERPRODUCED_FROM * np.sqrt(fake + real))
    return missing, over


def _findings(
    fakes: Sequence[Comparison], floors: Sequence[Comparison], real_counts: npt.NDArray[np.int64]
) -> Iterator[Finding]:
    """What a generator of the same law gets in LEVEL of all runs at most, each."""
    from wganalyze_plugins.batches import paired_pvalue

    missing, over = occupied(sum_counts(fakes), real_counts.sum(axis=0))
    total = int(sum_counts(fakes).sum())
    if missing.any():
        message = (
            f"{int(missing.sum())} of {len(missing)} clusters of real data get none of {total:,} generated samples"
        )
        yield Finding("warning", "clusters-missing", message, ("clusters_missing", "occupancy_distance"))
    if over.any():
        message = f"{int(over.sum())} of {len(over)} clusters of real data get more than twice their share"
        yield Finding("info", "clusters-overproduced", message, ("clusters_overproduced", "occupancy_distance"))
    near, near_floor = ([c.nearest_centroid for c in side] for side in (fakes, floors))
    if (pvalue := paired_pvalue(near, near_floor)) <= LEVEL:
        message = (
            f"generated samples lie nearer to the centroids ({sum(near) / len(near):.4g}) than real ones do "
            f"({sum(near_floor) / len(near_floor):.4g}; paired over {len(near)} replicates, p = {pvalue:.2g}): they "
            "are smoother than the data, as a pixel metric rewards"
        )
        yield Finding("info", "nearer-than-real", message, ("nearest_centroid", "nearest_centroid_floor"))


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [KMeans]
