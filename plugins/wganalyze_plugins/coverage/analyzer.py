"""The analyzer of coverage: what of the data the generator reaches, and what it repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wganalyze import (
    Analyzer,
    Estimate,
    Evidence,
    Finding,
    Measurement,
    Metric,
    Need,
    NotMeasurable,
    Rows,
    Samples,
    Scalar,
    Scope,
    Sentence,
    Series,
    Study,
    Table,
    TrainingRun,
    Yielded,
    hookimpl,
)
from wganalyze_plugins import sentences

if TYPE_CHECKING:
    from wganalyze_plugins.clustering import Clustering
    from wganalyze_plugins.coverage.matching import Service

QUANTILE = 0.05
"""Of the real samples that are as near to another one as a duplicate is."""
OF_MODES = ("modes_known", "modes_reached_strict", "modes_reached_loose", "share_on_modes", "share_on_modes_floor")
OF_PATHS = ("interpolation_ratio", "interpolation_ratio_floor")


class Coverage(Analyzer):
    """What of the data is reached: clusters under optimal matching, modes by name, copies, duplicates, latent paths."""

    name = "coverage"
    needs = frozenset({Need.REAL, Need.FAKE})
    in_spaces = True
    metrics = (
        Metric(
            "matched_share",
            "Share of real samples whose partner under the optimal matching lies in the same cluster of real data.",
            direction="higher",
            source="coupling of W1; clusters by K-Means on other real samples",
        ),
        Metric("matched_share_floor", "The same for other real samples: what a perfect generator serves."),
        Metric(
            "modes_missing",
            "Under-served clusters of which no real sample at all has its partner in the cluster.",
            direction="lower",
        ),
        Metric(
            "modes_underserved",
            "Clusters in which less than half as many real samples are served as by other reals, beyond chance.",
            direction="lower",
        ),
        Metric(
            "modes_overproduced",
            "Clusters with more generated samples to be carried away than they hold real ones, beyond chance.",
            direction="lower",
        ),
        Metric("modes_known", "Number of modes that the law of the data is known to have."),
        Metric(
            "modes_reached_strict",
            "Known modes with 1% of the generated samples within 3 deviations (1/4 of an equal share above 25 modes).",
            direction="higher",
            source="Metz et al. 1611.02163; Srivastava et al. 1705.07761",
        ),
        Metric(
            "modes_reached_loose",
            "The same within half the distance to the next mode.",
            direction="higher",
        ),
        Metric(
            "share_on_modes",
            "Share of the generated samples within 3 deviations of a known mode.",
            direction="higher",
            source="Srivastava et al. 1705.07761: high quality samples",
        ),
        Metric("share_on_modes_floor", "The same for real samples: 1 - exp(-4.5) = .989 of Gaussians in the plane."),
        Metric(
            "neighbour_ratio",
            "Median distance of generated samples to the nearest training sample, over that of real samples which were "
            "not trained on: below 1, nearer than chance brings them.",
        ),
        Metric(
            "nearer_training",
            "Share of generated samples nearer to one of k training samples than to any of k real ones that were not "
            "trained on; .5: no preference, however blurred they are.",
        ),
        Metric(
            "modes_testable",
            "Clusters of real data that hold enough samples for modes_missing to see that they are not served.",
        ),
        Metric(
            "duplicates",
            "Share of generated samples as near to another one as only the nearest 5% of real samples are; 1: "
            "collapsed.",
            direction="lower",
        ),
        Metric("duplicates_floor", "The same for other real samples."),
        Metric(
            "interpolation_ratio",
            "Distance to the nearest real sample from the middles of straight latent paths, over that from their ends.",
            source="White 1609.04468: straight lines leave the shell of a normal law",
        ),
        Metric("interpolation_ratio_floor", "The same from generated samples in place of the middles."),
    )
    series = (
        Series("modes", "modes_reached_loose", "half-way to the next", "modes reached"),
        Series("modes", "modes_reached_strict", "within 3 deviations", "modes reached"),
        Series("modes", "modes_known", "all modes", "modes reached", reference=True),
        Series("modes", "modes_underserved", "under-served", "clusters of real data"),
        Series("modes", "modes_missing", "not served at all", "clusters of real data"),
        Series("modes", "modes_testable", "large enough to tell", "clusters of real data", reference=True),
    )
    tables = (
        Table(
            "clusters",
            "One row per cluster of real data, counts over all replicates: real samples, those whose partner lies in "
            "the cluster too (served), generated samples in it; served_share and its floor, of other reals.",
            {
                "cluster": "int64",
                "count_real": "int64",
                "count_fake": "int64",
                "served": "int64",
                "served_floor": "int64",
                "served_share": "float64",
                "served_share_floor": "float64",
                "underserved": "bool",
                "overproduced": "bool",
            },
        ),
        Table(
            "modes",
            "One row per known mode, of all generated samples over all replicates: how many lie within 3 deviations of "
            "it, how many in its surroundings, and the same for as many real samples.",
            {
                "mode": "string",
                "strict": "int64",
                "loose": "int64",
                "strict_real": "int64",
                "loose_real": "int64",
                "reached_strict": "bool",
                "reached_loose": "bool",
                "lost": "bool",
            },
        ),
    )

    @dataclass(frozen=True)
    class Options:
        k: int | None = field(default=None, metadata={"help": "Clusters of real data; none: 64, or what fits."})

        def __post_init__(self) -> None:
            if self.k is not None and self.k < 2:
                raise ValueError("k is at least 2")

    @classmethod
    def verdict(cls, run: TrainingRun, evidence: Evidence) -> Iterator[Sentence]:
        yield from sentences.modes(run, evidence)

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield clusters, modes, copies, duplicates and paths, each where it can be asked."""
        sides = _Sides.of(study)
        yield from self._clusters(sides)
        yield from _modes(sides)
        yield _neighbour_ratio(sides)
        yield _nearer_training(sides)
        yield from _duplicates(sides)
        yield from _paths(sides)

    def _clusters(self, sides: _Sides) -> Iterator[Yielded]:
        from wganalyze_plugins.batches import conditional
        from wganalyze_plugins.clustering import real_clusters, usual_k
        from wganalyze_plugins.coverage.matching import Service, overproduced, powerful, underserved

        study = sides.study
        if self.options.k is not None and self.options.k > study.fit_size:
            raise NotMeasurable(f"coverage.k={self.options.k} clusters of {study.fit_size} points: choose fewer")
        k = self.options.k or usual_k(study.fit_size)
        clusters = real_clusters(study, k)
        fakes = sides.cached(f"clusters {k}", lambda: _served(sides, sides.fakes, clusters))
        floors = study.cached(("coverage floors", k), lambda: _served(sides, sides.others, clusters), "data")
        for name, parts in (("matched_share", fakes), ("matched_share_floor", floors)):
            estimate = conditional(study.estimate([part.share for part in parts].__getitem__), "these centroids")
            yield sides.row(name, estimate, f"coupling of W1, {k} clusters", solver=clusters.solver)
        own, floor = Service.total(fakes), Service.total(floors)
        under, over = underserved(own, floor), overproduced(own, floor)
        missing = under & (own.served == 0)
        testable = powerful(floor)
        for name, which in (
            ("missing", missing), ("underserved", under), ("overproduced", over), ("testable", testable),
        ):  # fmt: skip
            yield sides.row(f"modes_{name}", int(which.sum()), f"{k} clusters, counts over {len(fakes)} replicates")
        yield Rows("clusters", [_cluster(i, own, floor, bool(under[i]), bool(over[i])) for i in range(k)])
        if under.any():
            message = (
                f"{int(under.sum())} of {k} clusters of real data are served by less than half as many generated "
                "samples, under the optimal matching, as by other real ones"
                + (f"; {int(missing.sum())} of them by none at all" if missing.any() else "")
            )
            yield Finding("warning", "modes-underserved", message, ("modes_underserved", "modes_missing"))


@dataclass(frozen=True)
class _Sides:
    """The samples of all replicates; ``scope``: of what depends on generated ones, as the two sides of a pair do not.

    ``others``: second real samples, which the floors take in place of the generated ones.
    """

    study: Study
    reals: Sequence[Samples]
    others: Sequence[Samples]
    fakes: Sequence[Samples]
    scope: Scope

    @classmethod
    def of(cls, study: Study) -> _Sides:
        every = range(study.replicates)
        reals, others = ([study.real(replicate=r, split=split) for r in every] for split in ("x", "x2"))
        fakes = [study.fake(replicate=r) for r in every]
        return cls(study, reals, others, fakes, "data" if all(y.shared for y in fakes) else "snapshot")

    def cached(self, key: str, make: Callable[[], Any]) -> Any:
        return self.study.cached(("coverage", key), make, scope=self.scope)

    def row(self, metric: str, value: Estimate | float, method: str, **more: Any) -> Measurement:
        fixed = metric.endswith("_floor") or metric == "modes_known"
        scope = {"scope": "data" if fixed else self.scope, "space": "euclidean"}
        return Measurement.of(metric, value, self.study, method=method, **{**scope, **more})


def _served(sides: _Sides, others: Sequence[Samples], clusters: Clustering) -> list[Service]:
    from wganalyze_plugins.coverage.matching import Service

    return [Service.of(sides.study, x, y, clusters) for x, y in zip(sides.reals, others, strict=True)]


def _cluster(i: int, own: Service, floor: Service, under: bool, over: bool) -> dict[str, Scalar]:
    reals = int(own.reals[i])
    return {
        "cluster": i,
        "count_real": reals,
        "count_fake": int(own.others[i]),
        "served": int(own.served[i]),
        "served_floor": int(floor.served[i]),
        "served_share": int(own.served[i]) / reals if reals else None,
        "served_share_floor": int(floor.served[i]) / reals if reals else None,
        "underserved": under,
        "overproduced": over,
    }


def _modes(sides: _Sides) -> Iterator[Yielded]:
    modes = sides.study.modes
    if modes is None:
        reason = "no modes are known of these data in this space"
        yield from (Measurement.absent(metric, reason) for metric in OF_MODES)
        return
    import numpy as np

    from wganalyze_plugins.coverage.modes import LEAST, NEAR, Reached, lost

    own, floor = (Reached.of(np.concatenate([s.points for s in side]), modes) for side in (sides.fakes, sides.reals))
    method = f"{LEAST:.0%} of {own.total:,} samples over {len(sides.fakes)} replicates"
    yield sides.row("modes_known", len(modes.names), "stated by the data")
    yield sides.row("modes_reached_strict", int(own.is_strict.sum()), method)
    yield sides.row("modes_reached_loose", int(own.is_loose.sum()), method)
    for name, side in (("share_on_modes", sides.fakes), ("share_on_modes_floor", sides.reals)):
        shares = [Reached.of(samples.points, modes).share for samples in side]
        yield sides.row(name, sides.study.estimate(shares.__getitem__), f"within {NEAR} deviations of a mode")
    gone = lost(own, floor)
    records: list[dict[str, Scalar]] = [
        {
            "mode": mode,
            "strict": int(own.strict[i]),
            "loose": int(own.loose[i]),
            "strict_real": int(floor.strict[i]),
            "loose_real": int(floor.loose[i]),
            "reached_strict": bool(own.is_strict[i]),
            "reached_loose": bool(own.is_loose[i]),
            "lost": bool(gone[i]),
        }
        for i, mode in enumerate(modes.names)
    ]
    yield Rows("modes", records)
    if gone.any():
        names = ", ".join(mode for mode, is_lost in zip(modes.names, gone, strict=True) if is_lost)
        message = f"{int(gone.sum())} of {len(modes.names)} modes are lost: {names}"
        yield Finding("warning", "modes-lost", message, ("modes_reached_loose", "modes_known"))


def _neighbour_ratio(sides: _Sides) -> Measurement:
    """The finding of copies is made elsewhere, by a test; this is the size of the effect."""
    import numpy as np

    from wganalyze_plugins.memorisation import OVERLAP, in_training

    study, metric = sides.study, "neighbour_ratio"
    if study.training is None:
        return Measurement.absent(metric, "what the generator was trained on is unknown: say --training-data NAME")
    own, floor = in_training(study, sides.fakes, sides.reals)
    if floor.equal > OVERLAP:
        return Measurement.absent(metric, "samples of --data are among --training-data: nothing is held out")
    medians = [
        (float(np.median(near)), float(np.median(far))) for near, far in zip(own.nearest, floor.nearest, strict=True)
    ]
    if not all(far > 0 for _, far in medians):
        return Measurement.absent(metric, "most real samples are among those that were trained on")
    estimate = study.estimate(lambda r: medians[r][0] / medians[r][1])
    method = f"medians of the nearest of {len(study.training):,} training samples"
    return sides.row(metric, estimate, method, n=len(own.nearest[0]), solver="faiss")


def _nearer_training(sides: _Sides) -> Measurement:
    """Real samples that stand beside are those of the splits "x2" and "fit"; a tie counts half."""
    import numpy as np

    from wganalyze_plugins.memorisation import OVERLAP, two_nearest

    study, metric = sides.study, "nearer_training"
    if study.training is None:
        return Measurement.absent(metric, "what the generator was trained on is unknown: say --training-data NAME")
    trained, fit = study.training.points, study.real(study.fit_size, split="fit").points
    k = min(len(trained), study.n + len(fit))
    shares = []
    for r, (fakes, others) in enumerate(zip(sides.fakes, sides.others, strict=True)):
        rows = np.random.default_rng((study.seed, r)).permutation(len(trained))[:k]
        beside = np.concatenate([others.points, fit])[:k]
        if k < 2 or (two_nearest(beside, trained)[:, 0] == 0).mean() > OVERLAP:
            return Measurement.absent(metric, "samples of --data are among --training-data: nothing is held out")
        near, far = (two_nearest(fakes.points, side)[:, 0] for side in (trained[rows], beside))
        shares.append(float(((near < far) + 0.5 * (near == far)).mean()))
    estimate = study.estimate(shares.__getitem__)
    return sides.row(metric, estimate, f"nearest of {k} training and of {k} other samples", solver="faiss")


def _duplicates(sides: _Sides) -> Iterator[Measurement]:
    import numpy as np

    from wganalyze_plugins.neighbours import own_neighbours

    if sides.study.n < 2:
        yield from (Measurement.absent(m, "a single sample has no other") for m in ("duplicates", "duplicates_floor"))
        return
    reals, others, fakes = (
        [own_neighbours(sides.study, samples)[:, 0] for samples in side]
        for side in (sides.reals, sides.others, sides.fakes)
    )
    near = [float(np.quantile(distances, QUANTILE)) for distances in reals]
    for name, side in (("duplicates", fakes), ("duplicates_floor", others)):
        shares = [float((distances <= near[r]).mean()) for r, distances in enumerate(side)]
        method = f"nearest other within the {QUANTILE:.0%} quantile of real samples"
        yield sides.row(name, sides.study.estimate(shares.__getitem__), method)


def _paths(sides: _Sides) -> Iterator[Measurement]:
    from wganalyze_plugins.coverage.paths import PAIRS, ends_and_middles, ratio

    study = sides.study
    if reason := study.lacks(Need.GENERATOR):
        yield from (Measurement.absent(metric, reason) for metric in OF_PATHS)
        return
    try:
        paths = [ends_and_middles(study, r) for r in range(study.replicates)]
        middles = [ratio(middle, ends, x) for (ends, middle), x in zip(paths, sides.reals, strict=True)]
        fresh = [ratio(y.points, ends, x) for (ends, _), y, x in zip(paths, sides.fakes, sides.reals, strict=True)]
    except NotMeasurable as reason:
        yield from (Measurement.absent(metric, str(reason)) for metric in OF_PATHS)
        return
    method = f"{PAIRS} straight paths a replicate; nearest of n real samples"
    yield sides.row("interpolation_ratio", study.estimate(middles.__getitem__), method)
    yield sides.row("interpolation_ratio_floor", study.estimate(fresh.__getitem__), method, scope=sides.scope)


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [Coverage]
