"""What do mini-batches say? Real batches against a blur, and matching inside batches against matching all samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from wganalyze import (
    Analyzer,
    Estimate,
    Measurement,
    Metric,
    Need,
    NotMeasurable,
    Rows,
    Samples,
    Scalar,
    Scope,
    Study,
    Table,
    Yielded,
    hookimpl,
)

if TYPE_CHECKING:
    from wganalyze_plugins.batches import Batches

BLUR = "Stanczuk et al. 2103.01678: real batches are farther from each other than from a blur"
BLOCKS = "SCIENCE: EWD against MBWD"
STRATA = "Primal WGAN: batches that follow the data's distribution shrink the bias of mini-batches"
DEBIASED = "Fatras et al. 2101.01792: the debiased minibatch loss"
OF_REAL = {
    "batch_batch": "W1 between two batches of m real samples: also the floor of mbwd.",
    "batch_mean": "W1 between a batch of m real samples and the mean of another one.",
    "batch_data_mean": "W1 between a batch of m real samples and the mean of real data.",
    "batch_centroids": "W1 between a batch of m real samples and m K-Means centroids, weighted by cluster mass.",
    "batch_centroids_uniform": "W1 between a batch of m real samples and m K-Means centroids, weighted uniformly.",
    "blur_ratio_mean": "batch_batch / batch_mean; above 1: batches are farther from each other than from a mean.",
    "blur_ratio_centroids": "batch_batch / batch_centroids; above 1: farther from each other than from centroids.",
}
OF_BOTH = {
    "ewd": "W1 between n real and n generated samples, all matched at once, n a multiple of m.",
    "ewd_floor": "W1 between two real samples of that n.",
    "mbwd": "Mean W1 of mini-batches of m, real against generated; never below ewd. Its floor: batch_batch.",
    "mbwd_fake": "Mean W1 of mini-batches of m, generated against generated.",
    "mbwd_bias": "mbwd - ewd: what matching inside mini-batches adds.",
    "mbwd_bias_bound": "Mean |cost to the partner in the batch - cost to the partner among all|: at least mbwd_bias.",
    "mbwd_bias_bound_metric": "Mean distance of a sample's two partners, at least mbwd_bias_bound.",
    "mbwd_stratified": "mbwd where each real batch takes its share of m K-Means clusters, as in primal training.",
    "mbwd_stratified_both": "mbwd where batches of both sides take their shares of m K-Means clusters of the data.",
    "mbwd_bias_stratified": "mbwd_stratified - ewd: what matching inside stratified mini-batches adds.",
    "mbwd_bias_stratified_both": "mbwd_stratified_both - ewd.",
    "mbwd_debiased": "mbwd - (batch_batch + mbwd_fake) / 2: 0 on average for equal laws. A loss, no estimate of W1.",
}
METRICS = {**OF_REAL, **OF_BOTH}
SOURCES = {**dict.fromkeys(OF_REAL, BLUR), **dict.fromkeys(OF_BOTH, BLOCKS), "mbwd_debiased": DEBIASED}
SOURCES |= {name: STRATA for name in OF_BOTH if "stratified" in name}


class MiniBatch(Analyzer):
    """Are real batches farther from each other than from a blur, and what does matching in mini-batches add to W1?"""

    name = "minibatch"
    needs = frozenset({Need.REAL})
    in_spaces = True
    metrics = tuple(Metric(name, help, source=SOURCES[name]) for name, help in METRICS.items())
    tables = (
        Table(
            "sizes",
            "One row per batch size m: its batches over all replicates, n of ewd, and every metric (none: no value).",
            {"m": "int64", "batches": "int64", "n": "int64", **dict.fromkeys(METRICS, "float64")},
        ),
    )

    @dataclass(frozen=True)
    class Options:
        sizes: tuple[int, ...] = field(
            default=(16, 64, 256), metadata={"help": "Batch sizes m; those above n are left out."}
        )

        def __post_init__(self) -> None:
            if not self.sizes or min(self.sizes) < 2 or len(set(self.sizes)) < len(self.sizes):
                raise ValueError("sizes are different numbers, each at least 2")

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield rows for each m (n of a row: the size of what was matched), and the table.

        No findings: neither answer is good or bad news about a generator, and one of the two is always true.
        """
        sizes = [m for m in sorted(self.options.sizes) if m <= study.n]
        if not sizes:
            raise NotMeasurable(f"minibatch.sizes: all of them are above n = {study.n}; choose smaller ones")
        absent, seen = study.lacks(Need.FAKE), set()
        for m in sizes:
            batches = self._batches(study, m)
            measured = list(_of_real(study, batches, m))
            try:
                both = [] if absent else list(_of_both(study, batches, m))
            except NotMeasurable as reason:
                absent, both = str(reason), []
            measured += both
            for row in measured:
                if (row.metric, row.n) not in seen or row.n is None:  # two m may have one n of ewd
                    yield row
                seen.add((row.metric, row.n))
            values: dict[str, Scalar] = dict.fromkeys(METRICS) | {row.metric: row.value for row in measured}
            yield Rows("sizes", [{"m": m, "batches": batches.between.size, "n": study.n // m * m, **values}])
        for metric in OF_BOTH if absent else ():
            yield Measurement.absent(metric, absent)

    def _batches(self, study: Study, m: int) -> Batches:
        from wganalyze_plugins.batches import Batches

        return study.cached(("minibatch", m), lambda: Batches.of(study, m), scope="data")


def _row(
    study: Study, metric: str, n: int, estimate: Estimate, exact: bool, method: str, solver: str, scope: Scope = "data"
) -> Measurement:
    return Measurement.of(
        metric,
        estimate,
        study,
        n=n,
        replicates=study.replicates,
        space="euclidean",
        method=method,
        certificate="exact" if exact and "_bound" not in metric else "checked",
        solver=solver,
        scope=scope,
    )


def _of_real(study: Study, batches: Batches, m: int) -> Iterator[Measurement]:
    """The metrics of real data; ratios only where the blur is at a distance."""
    from wganalyze_plugins.batches import conditional, ratio_of_means, student

    pairs = batches.between.ravel()
    for name, values, solver in (
        ("batch_batch", pairs, "dense"),
        ("batch_mean", batches.mean, "one coupling"),
        ("batch_data_mean", batches.data_mean, "one coupling"),
        ("batch_centroids", batches.centroids, batches.solver),
        ("batch_centroids_uniform", batches.uniform, "dense"),
    ):
        fitted = {"batch_mean": "", "batch_batch": "", "batch_data_mean": "this mean"}.get(name, "these centroids")
        estimate = conditional(student(values), fitted) if fitted else student(values)
        yield _row(study, name, m, estimate, batches.exact, f"mean over {len(values)} batches of {m}", solver)
    for name, blur in (("blur_ratio_mean", batches.mean), ("blur_ratio_centroids", batches.centroids)):
        if not blur.mean() > 0:
            yield Measurement.absent(name, "the blur is at distance 0: real samples are equal")
            continue
        method = f"ratio of means over {len(blur)} batches of {m}"
        ratio = ratio_of_means(pairs[: len(blur)], blur)
        if name.endswith("centroids"):
            ratio = conditional(ratio, "these centroids")
        yield _row(study, name, m, ratio, batches.exact, method, batches.solver)


def _of_both(study: Study, batches: Batches, m: int) -> Iterator[Measurement]:
    """The metrics of real against generated samples, each an average over replicates."""
    from wganalyze.transport import wasserstein_batch
    from wganalyze_plugins.batches import Matching, blocks, first

    every = range(study.replicates)
    reals, fakes = [study.real(replicate=r) for r in every], [study.fake(replicate=r) for r in every]
    more_reals, more_fakes = ([side(replicate=r, split="x2") for r in every] for side in (study.real, study.fake))
    n = study.n // m * m
    matchings = [Matching.of(study, x, y, m) for x, y in zip(reals, fakes, strict=True)]
    floors = [study.transport(first(x, n), first(y, n)) for x, y in zip(reals, more_reals, strict=True)]
    variety = [wasserstein_batch(blocks(x, m), blocks(y, m)) for x, y in zip(fakes, more_fakes, strict=True)]
    own = [float(w.value.mean()) for w in variety]
    exact = all(w.exact for w in matchings) and all(w.exact for w in floors) and all(w.exact.all() for w in variety)
    at_once, inside = f"all {n} matched at once", f"matched inside batches of {m}, {n} samples"
    full = ", ".join(dict.fromkeys(w.solver for w in (*(w.full for w in matchings), *floors)))
    for metric, values, size, method in (
        ("ewd", [w.full.value for w in matchings], n, at_once),
        ("ewd_floor", [w.value for w in floors], n, at_once),
        ("mbwd", [w.value for w in matchings], m, inside),
        ("mbwd_fake", own, m, inside),
        ("mbwd_bias", [w.value - w.full.value for w in matchings], m, inside),
        ("mbwd_bias_bound", [w.bound for w in matchings], m, inside),
        ("mbwd_bias_bound_metric", [w.bound_metric for w in matchings], m, inside),
        (
            "mbwd_debiased",
            [w.value - (real.mean() + fake) / 2 for w, real, fake in zip(matchings, batches.between, own, strict=True)],
            m,
            f"{inside}; a loss: no estimate of W1, no correction of its bias",
        ),
    ):
        solver = "dense" if metric in ("mbwd", "mbwd_fake", "mbwd_debiased") else full
        scope: Scope = "data" if metric == "ewd_floor" or all(y.shared for y in fakes) else "snapshot"
        yield _row(study, metric, size, study.estimate(values.__getitem__), exact, method, solver, scope)
    yield from _stratified(study, reals, fakes, m, [w.full.value for w in matchings], exact)


def _stratified(
    study: Study, reals: Sequence[Samples], fakes: Sequence[Samples], m: int, ewd: Sequence[float], exact: bool
) -> Iterator[Measurement]:
    """Matching inside batches that each take their share of every cluster of the real data."""
    from wganalyze.transport import wasserstein_batch
    from wganalyze_plugins.batches import REDO, blocks, conditional, stratified
    from wganalyze_plugins.clustering import real_clusters

    clusters = real_clusters(study, m, redo=REDO)
    for suffix, arranged, which in (("", blocks, "real"), ("_both", partial(stratified, clusters=clusters), "all")):
        pairs = [
            wasserstein_batch(stratified(x, m, clusters=clusters), arranged(y, m))
            for x, y in zip(reals, fakes, strict=True)
        ]
        values = [float(w.value.mean()) for w in pairs]
        method = f"matched inside batches of {m}, {which} ones stratified by {len(clusters)} clusters"
        solved = exact and all(w.exact.all() for w in pairs)
        scope: Scope = "data" if all(y.shared for y in fakes) else "snapshot"
        for metric, of in (("mbwd", values), ("mbwd_bias", [v - w for v, w in zip(values, ewd, strict=True)])):
            estimate = conditional(study.estimate(of.__getitem__), "these centroids")
            yield _row(study, f"{metric}_stratified{suffix}", m, estimate, solved, method, "dense", scope)


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [MiniBatch]
