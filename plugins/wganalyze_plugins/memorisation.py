"""Does a generator give back what it was trained on? Nearest neighbours, held against those of other real samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wganalyze import Finding, Measurement, Metric, Points, Samples, Scope, Study, Yielded

if TYPE_CHECKING:
    import numpy.typing as npt

    from wganalyze.transport import Array

COPY = 1 / 3
"""A sample this much nearer to its nearest neighbour than to the next is taken for a copy."""
LEVEL = 0.01
"""Of the finding: how often a generator of the right law gets it, at most."""
OVERLAP = 0.01
"""Of real samples that are equal to some that were trained on, as two images may be."""
TINY = 1e-12
"""Below which no digit of a p-value is worth telling."""
EACH = 256
"""Samples of a replicate whose neighbours are looked for, at most: of 60,000 images that takes a second."""

RATIO = "Yoon et al. 2023, 'Diffusion probabilistic models generalize when they fail to memorize'"

METRICS = (
    Metric("nearest_training", "Mean distance of a generated sample to the nearest of the training samples."),
    Metric("nearest_training_floor", "The same for real samples that were not trained on."),
    Metric(
        "copies_of_training",
        "Share of generated samples 3 times nearer to a training sample than to the next one.",
        direction="lower",
        source=RATIO,
    ),
    Metric("copies_of_training_floor", "The same for real samples that were not trained on."),
)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Distances of some samples, a replicate after the other, to the nearest of others; ``copies``, of ``total``.

    The ratio of two neighbours needs no scale; independent samples have it too, 3^-d of them where the law is smooth:
    hold it against those.
    """

    nearest: Sequence[Array]
    copies: int
    total: int

    @classmethod
    def of(cls, sides: Sequence[Samples], targets: Callable[[int], Points]) -> Neighbours:
        """Of the first EACH samples of each replicate, among ``targets`` (m, d), m >= 2, of that replicate.

        Equal samples count once: a generator that collapsed to one point is no evidence a thousand times.
        """
        import numpy as np

        points = [side.points[:EACH] for side in sides]
        first = np.zeros(sum(map(len, points)), bool)
        first[np.unique(np.concatenate(points), axis=0, return_index=True)[1]] = True
        found = [two_nearest(each, targets(r)) for r, each in enumerate(points)]
        near = np.concatenate(found)[first]
        copies = int((near[:, 0] <= COPY * near[:, 1]).sum())
        return cls([pair[:, 0] for pair in found], copies, len(near))

    @property
    def equal(self) -> float:
        """The share of samples that are among the others themselves."""
        import numpy as np

        return float(np.mean(np.concatenate(self.nearest) == 0))

    @property
    def percent(self) -> str:
        """The share of copies, as text."""
        return f"{100 * self.share:.3g}%"

    @property
    def share(self) -> float:
        """The share of copies."""
        return self.copies / self.total


def two_nearest(points: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Array:
    """Distances (n, 2) of ``points`` (n, d) to the two nearest of ``targets`` (m, d), m >= 2, by differences."""
    import faiss
    import numpy as np

    from wganalyze.transport import paired_cost

    centre = targets.mean(axis=0, dtype=np.float64)
    x, y = (np.ascontiguousarray(side - centre, np.float32) for side in (points, targets))
    _, index = faiss.knn(x, y, 2)  # in float32, which names the neighbours; their distances are taken again
    near = [paired_cost(np.asarray(points, np.float64), np.asarray(targets[index[:, k]], np.float64)) for k in (0, 1)]
    return np.sort(np.stack(near, axis=1), axis=1)


def more_copies(fakes: Neighbours, others: Neighbours) -> float:
    """p of Fisher's exact test, one-sided: are there more copies among the first than chance gives?

    Exact where both are samples of one law, whatever the targets are.
    """
    from scipy.stats import hypergeom

    both = fakes.copies + others.copies
    return float(hypergeom.sf(fakes.copies - 1, fakes.total + others.total, both, fakes.total))


def in_training(study: Study, fakes: Sequence[Samples], others: Sequence[Samples]) -> tuple[Neighbours, Neighbours]:
    """Neighbours among what was trained on, which is known: of generated samples, and of ``others``, real ones."""
    training = study.training
    assert training is not None
    targets = training.points

    def of(sides: Sequence[Samples], name: str) -> Neighbours:
        scope: Scope = "data" if all(side.shared for side in sides) else "snapshot"
        return study.cached((f"neighbours of {name}",), lambda: Neighbours.of(sides, lambda _: targets), scope=scope)

    return of(fakes, "fakes"), of(others, "reals")


def of_training(study: Study, fakes: Sequence[Samples], others: Sequence[Samples]) -> Iterator[Yielded]:
    """Neighbours of generated samples among those that were trained on, held against those of ``others``, real ones.

    Nothing where the training data were not said.
    """
    training = study.training
    if training is None:
        return
    own, floor = in_training(study, fakes, others)
    if floor.equal > OVERLAP:
        message = (
            f"{100 * floor.equal:.3g}% of the samples of --data are samples of --training-data, too, so that nothing "
            "shows how near others come by chance; measure on samples that were held out"
        )
        yield Finding("warning", "training-overlaps", message)
        return
    scope: Scope = "data" if all(each.shared for each in fakes) else "snapshot"
    method = f"nearest of {len(training):,} training samples"
    for name, side in (("nearest_training", own), ("nearest_training_floor", floor)):
        yield Measurement.of(
            name,
            study.estimate([float(near.mean()) for near in side.nearest].__getitem__),
            study,
            n=len(side.nearest[0]),
            space="euclidean",
            method=f"mean distance to the {method}",
            solver="faiss",
            scope="data" if side is floor else scope,
        )
    for name, side in (("copies_of_training", own), ("copies_of_training_floor", floor)):
        yield Measurement.of(
            name,
            side.share,
            study,
            n=side.total,
            space="euclidean",
            method=f"two {method}",
            solver="faiss",
            scope="data" if side is floor else scope,
        )
    if (pvalue := more_copies(own, floor)) <= LEVEL:
        message = (
            f"memorised: {own.percent} of the generated samples are copies of a training sample, 3 times nearer to it "
            f"than to the next; {floor.percent} of the real ones that were not trained on are "
            f"(p {f'= {pvalue:.2g}' if pvalue > TINY else f'< {TINY:g}'})"
        )
        yield Finding("warning", "memorised", message, ("copies_of_training", "copies_of_training_floor"))
