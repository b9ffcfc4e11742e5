"""The analyzer of sample quality, in whatever space the samples are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from wganalyze import (
    Analyzer,
    Measurement,
    Metric,
    Need,
    NotMeasurable,
    Samples,
    Scope,
    Study,
    Yielded,
    hookimpl,
)

HEUSEL = "Heusel et al. 1706.08500, eq. 6; Dowson and Landau 1982"
BINKOWSKI = "Binkowski et al. 1801.01401, sec. 4; Gretton et al. 2012, lemma 6"
KYNKAANNIEMI = "Kynkaanniemi et al. 1904.06991, eq. 2"
NAEEM = "Naeem et al. 2002.09797, sec. 3"
BIASED = "Chong and Forsyth 1911.07023: the bias depends on n and on the generator"
ENOUGH = 10
"""Samples to a dimension below which the covariance is a rough one, and the Frechet distance far above its limit."""
NAMES = ("frechet", "kid", "precision", "recall", "density", "coverage")
"""In the order of the numbers of a comparison."""


class Quality(Analyzer):
    """Are the samples better? Frechet distance, KID, precision, recall, density, coverage, all beside their floors."""

    name = "quality"
    needs = frozenset({Need.REAL, Need.FAKE})
    in_spaces = True
    metrics = (
        Metric(
            "frechet",
            "Frechet distance of Gaussians fitted to n real and n generated samples, squared as FID is; in this space, "
            "not Inception's.",
            direction="lower",
            source=HEUSEL,
        ),
        Metric("frechet_floor", "The same between two real samples of n: its bias.", source=BIASED),
        Metric(
            "kid",
            "Squared MMD with the kernel (x.y/d + 1)^3, unbiased, so that it can be negative; depends on the scale of "
            "the space.",
            direction="lower",
            source=BINKOWSKI,
        ),
        Metric("kid_floor", "The same between two real samples: 0 but for chance."),
        Metric(
            "precision",
            "Share of generated samples within reach of a real one: the distance to its k-th nearest real one, k = 3.",
            direction="higher",
            source=KYNKAANNIEMI,
        ),
        Metric("precision_floor", "The same for other real samples."),
        Metric(
            "recall",
            "Share of real samples within reach of a generated one.",
            direction="higher",
            source=KYNKAANNIEMI,
        ),
        Metric("recall_floor", "The same for other real samples."),
        Metric(
            "density",
            "How many real samples a generated one is within reach of, over k, k = 5; 1 for equal laws, above 1 where "
            "samples keep to the middle of the data.",
            source=NAEEM,
        ),
        Metric("density_floor", "The same for other real samples."),
        Metric(
            "coverage",
            "Share of real samples that have a generated one within reach, k = 5.",
            direction="higher",
            source=NAEEM,
        ),
        Metric("coverage_floor", "The same for other real samples.", source="Naeem et al. 2002.09797, sec. 3.3"),
    )

    @dataclass(frozen=True)
    class Options:
        k: int = field(default=3, metadata={"help": "The neighbour that sets the reach in precision and recall."})
        k_coverage: int = field(
            default=5, metadata={"help": "The neighbour that sets the reach in density and coverage."}
        )

        def __post_init__(self) -> None:
            if min(self.k, self.k_coverage) < 1:
                raise ValueError("k and k_coverage are at least 1")

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield each number of generated samples, and of the second real samples in their place."""
        most = max(self.options.k, self.options.k_coverage)
        if study.n <= most:
            raise NotMeasurable(f"quality: the {most}th neighbour takes {most + 1} samples, n is {study.n}")
        every = range(study.replicates)
        reals, others = ([study.real(replicate=r, split=split) for r in every] for split in ("x", "x2"))
        fakes = [study.fake(replicate=r) for r in every]
        # Where no network is involved (the two sides of a pair), one comparison serves all snapshots.
        scope: Scope = "data" if all(y.shared for y in fakes) else "snapshot"
        own = study.cached(("quality fakes", self.options), lambda: self._compared(study, reals, fakes), scope=scope)
        floor = study.cached(("quality floors", self.options), lambda: self._compared(study, reals, others), "data")
        for i, metric in enumerate(NAMES):
            yield self._row(study, metric, [numbers[i] for numbers in own], scope)
            yield self._row(study, f"{metric}_floor", [numbers[i] for numbers in floor], "data")

    def _compared(self, study: Study, reals: Sequence[Samples], others: Sequence[Samples]) -> list[tuple[float, ...]]:
        return [self._compare(study, x, y) for x, y in zip(reals, others, strict=True)]

    def _compare(self, study: Study, x: Samples, y: Samples) -> tuple[float, ...]:
        """All of ``NAMES`` between a real sample and another one."""
        from wganalyze_plugins.neighbours import own_neighbours
        from wganalyze_plugins.quality.distances import frechet, kernel_between
        from wganalyze_plugins.quality.manifolds import Overlap

        k, balls = self.options.k, self.options.k_coverage
        near, near_y = (own_neighbours(study, side, max(k, balls)) for side in (x, y))
        overlap = Overlap.of(x.points, y.points, near[:, k - 1], near_y[:, k - 1], near[:, balls - 1], balls)
        kid = _kernel_within(study, x) + _kernel_within(study, y) - 2 * kernel_between(x.points, y.points)
        return (frechet(x.points, y.points), kid, *astuple(overlap))

    def _row(self, study: Study, metric: str, values: Sequence[float], scope: Scope) -> Measurement:
        estimate = study.estimate(values.__getitem__)
        name = metric.removesuffix("_floor")
        what: dict[str, str] = {"frechet": "singular values of a product of factors", "kid": "unbiased U-statistic"}
        nearest = self.options.k if name in ("precision", "recall") else self.options.k_coverage
        more: dict[str, Any] = {"space": "euclidean"}
        if name == "frechet":
            more |= {"solver": "numpy svd", "message": _bias(study)}
        elif name == "kid":
            more = {"space": "kernel (x.y/d + 1)^3"}
        method = f"{what.get(name, f'{nearest} nearest neighbours')}, mean over {estimate.replicates} fresh samples"
        return Measurement.of(metric, estimate, study, method=method, scope=scope, **more)


def _kernel_within(study: Study, samples: Samples) -> float:
    from wganalyze_plugins.quality.distances import kernel_within

    scope: Scope = "data" if samples.shared else "snapshot"
    return study.cached(("kernel within", samples.key), lambda: kernel_within(samples.points), scope=scope)


def _bias(study: Study) -> str:
    """What a reader has to know of a Frechet distance from few samples."""
    if study.n >= ENOUGH * study.dim:
        return ""
    return (
        f"biased upward: n = {study.n} samples in {study.dim} dimensions; compare at equal n only, and with its floor "
        "(Chong and Forsyth 1911.07023)"
    )


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [Quality]
