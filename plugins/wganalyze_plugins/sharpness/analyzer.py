"""The analyzer of sharpness: blurred, and how much more than a centroid?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wganalyze import (
    Analyzer,
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
    from wganalyze_plugins.sharpness.images import Sharp

SMALLEST = 4
"""Pixels a side, below which there are no frequencies to speak of."""
LEVEL = 0.01
"""Of each finding: how often a generator of the right law gets it, at most."""
EFFECT = 0.1
"""The least part of the floor's gradient energy by which a finding differs from it."""
DURALL = "Durall et al. 2003.01826"
BLUR = "Stanczuk et al. 2103.01678: WGANs and blur"


class Sharpness(Analyzer):
    """Are the images blurred or noisy, and how much more than K-Means centroids? Gradient energy and power spectrum."""

    name = "sharpness"
    needs = frozenset({Need.REAL, Need.FAKE})
    metrics = (
        Metric(
            "gradient_energy",
            "Mean squared difference of neighbouring pixels, over that of real images; below 1: smoother.",
            source="Subbarao et al. 1993, 'Focusing techniques': energy of the image gradient",
        ),
        Metric("gradient_energy_floor", "The same for other real images."),
        Metric("gradient_energy_centroids", "The same for K-Means centroids of real images, by mass.", source=BLUR),
        Metric("gradient_energy_mean", "The same for the mean image."),
        Metric(
            "high_frequency",
            "Share of the power above half the Nyquist frequency, over that of real images: no matter of contrast.",
            source=DURALL,
        ),
        Metric("high_frequency_floor", "The same for other real images."),
        Metric("high_frequency_centroids", "The same for K-Means centroids of real images, by mass.", source=BLUR),
    )
    tables = (
        Table(
            "spectrum",
            "One row per ring of frequencies (cycles a pixel; Nyquist: .5): mean power of real images, of generated "
            "and of other real ones, of centroids and of the mean image. White noise has its variance everywhere.",
            dict.fromkeys(("frequency", "real", "fake", "real_other", "centroids", "mean"), "float64"),
        ),
    )

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield ratios, the table of spectra, and whether the images are blurred or noisy."""
        from wganalyze_plugins.batches import conditional

        shape = study.real().shape
        if len(shape) not in (2, 3) or min(shape[-2:]) < SMALLEST:
            raise NotMeasurable(
                f"samples of shape {shape} are no images: sharpness takes (c, h, w) or (h, w) of at least {SMALLEST} "
                "pixels a side"
            )
        sides = _Sides.of(study, shape)
        method = f"mean over {study.replicates} fresh samples of images"
        for metric, of in (("gradient_energy", "energy"), ("high_frequency", "high")):
            reals = [getattr(sharp, of) for sharp in sides.reals]
            if not all(value > 0 for value in reals):
                names = (m.name for m in self.metrics if m.name.startswith(metric))
                yield from (Measurement.absent(name, "real images have none") for name in names)
                continue
            for name, values in sides.compared(of):
                if (metric, name) == ("high_frequency", "_mean"):
                    continue
                estimate = study.estimate([v / real for v, real in zip(values, reals, strict=True)].__getitem__)
                if name in ("_centroids", "_mean"):
                    estimate = conditional(estimate, "these centroids" if name == "_centroids" else "this mean")
                scope = "data" if name else sides.scope
                yield Measurement.of(f"{metric}{name}", estimate, study, method=method, scope=scope)
        yield Rows("spectrum", sides.spectra(shape))
        yield from sides.findings()


@dataclass(frozen=True, eq=False)
class _Sides:
    """How sharp each replicate's images are, and centroids and mean image; ``scope``: of what generated images give."""

    reals: Sequence[Sharp]
    others: Sequence[Sharp]
    fakes: Sequence[Sharp]
    centroids: Sharp
    mean: Sharp
    scope: Scope

    @classmethod
    def of(cls, study: Study, shape: tuple[int, ...]) -> _Sides:
        from wganalyze_plugins.clustering import real_clusters, usual_k
        from wganalyze_plugins.sharpness.images import Sharp

        every = range(study.replicates)
        generated = [study.fake(replicate=r) for r in every]
        scope: Scope = "data" if all(y.shared for y in generated) else "snapshot"

        def sharp(name: str, sides: Sequence[Samples], scope: Scope) -> list[Sharp]:
            return study.cached(("sharp", name), lambda: [Sharp.of(side.points, shape) for side in sides], scope)

        reals, others = (sharp(s, [study.real(replicate=r, split=s) for r in every], "data") for s in ("x", "x2"))
        clusters = real_clusters(study, usual_k(study.fit_size))
        mean = study.real(study.fit_size, split="fit").points.mean(axis=0, dtype="float64")
        centroids, blur = study.cached(
            ("sharp", "blurs"),
            lambda: (Sharp.of(clusters.centroids, shape, clusters.mass), Sharp.of(mean[None], shape)),
            scope="data",
        )
        return cls(reals, others, sharp("fake", generated, scope), centroids, blur, scope)

    def compared(self, of: str) -> Iterator[tuple[str, list[float]]]:
        """What is held against real images, by the end of its metric's name: one number a replicate."""
        yield "", [getattr(sharp, of) for sharp in self.fakes]
        yield "_floor", [getattr(sharp, of) for sharp in self.others]
        yield "_centroids", [getattr(self.centroids, of)] * len(self.reals)
        yield "_mean", [getattr(self.mean, of)] * len(self.reals)

    def spectra(self, shape: tuple[int, ...]) -> list[dict[str, float]]:
        """The rows of the table."""
        import numpy as np

        from wganalyze_plugins.sharpness.images import rings

        sides = {"real": self.reals, "fake": self.fakes, "real_other": self.others}
        columns = {name: np.mean([sharp.spectrum for sharp in side], axis=0) for name, side in sides.items()}
        columns |= {"centroids": self.centroids.spectrum, "mean": self.mean.spectrum, "frequency": rings(*shape[-2:])}
        return [{name: float(column[i]) for name, column in columns.items()} for i in range(len(columns["frequency"]))]

    def findings(self) -> Iterator[Finding]:
        """Gradient energy AND the share of high frequencies differ from other real images, each by a paired t test.

        So a mere loss of contrast is no blur. Both, and EFFECT, can only make it rarer than LEVEL.
        """
        from wganalyze_plugins.batches import paired_pvalue

        fake, other = ([sharp.energy for sharp in side] for side in (self.fakes, self.others))
        high, high_other = ([sharp.high for sharp in side] for side in (self.fakes, self.others))
        real, floor = sum(s.energy for s in self.reals), sum(other)
        if not min(real, floor) > 0:
            return
        ratio = sum(fake) / floor
        blurred = ratio < 1 - EFFECT
        if not (blurred or ratio > 1 + EFFECT):
            return
        sides = ((fake, other), (high, high_other))
        pvalue = max(paired_pvalue(*(pair if blurred else pair[::-1])) for pair in sides)
        if pvalue > LEVEL:
            return
        count, centroid = len(fake), self.centroids.energy * len(fake) / real
        numbers = (
            f"the gradient energy of generated images is {sum(fake) / real:.2f} of real ones (other real ones: "
            f"{floor / real:.2f}, K-Means centroids: {centroid:.2f}; paired over {count} replicates, p = {pvalue:.2g})"
        )
        if blurred:
            than = ", more than centroids are" if sum(fake) / real < centroid else ""
            words = f"blurred{than}: {numbers}, and they lack high frequencies"
        else:
            words = f"rougher than real images: {numbers}, with more high frequencies, as noise and artefacts have"
        evidence = ("gradient_energy", "gradient_energy_floor", "high_frequency", "high_frequency_floor")
        yield Finding("info", "blurred" if blurred else "noisy", words, evidence)


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [Sharpness]
