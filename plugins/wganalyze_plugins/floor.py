"""On which side of its floor W1 lies, what that means, and why it lies below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wganalyze import Samples, Study
from wganalyze_plugins import memorisation
from wganalyze_plugins.memorisation import Neighbours, more_copies

if TYPE_CHECKING:
    from wganalyze.transport import Transport

LEVEL = 0.01
"""Of the paired test of W1 against its floor, one-sided, over the replicates."""


@dataclass(frozen=True)
class Side:
    """On which side of its floor W1 lies.

    ``below``, ``above``: p-values of the paired t test, one-sided; 1 below three replicates.
    """

    value: float
    floor: float
    below: float
    above: float

    @classmethod
    def of(cls, solved: Sequence[Transport], floor: Sequence[Transport]) -> Side:
        """From the transports of the replicates to generated samples, and to other real ones."""
        from wganalyze_plugins.batches import paired_pvalue

        values, floors = ([transport.value for transport in side] for side in (solved, floor))
        below, above = paired_pvalue(values, floors), paired_pvalue(floors, values)
        return cls(sum(values) / len(values), sum(floors) / len(floors), below, above)

    @property
    def is_below(self) -> bool:
        """Significantly?"""
        return self.below <= LEVEL

    @property
    def meaning(self) -> str:
        """The side in words, for a generator that was told apart."""
        if self.is_below:
            return (
                "it lies BELOW the floor, as that of averaged (blurred) or memorised samples does: a smaller W1 is no "
                "better generator here"
            )
        if self.above <= LEVEL:
            return "it lies above the floor: farther from real samples than other real samples are"
        return "it lies on neither side of the floor for certain, so that its size alone does not say what differs"


def cause_below(study: Study, fakes: Sequence[Samples]) -> str:
    """Memorised or averaged? By the nearest of real samples, and by centroids of others of them."""
    from wganalyze_plugins.batches import paired_pvalue
    from wganalyze_plugins.clustering import nearest, real_clusters, usual_k

    every = range(study.replicates)
    others, reals = ([study.real(replicate=r, split=split) for r in every] for split in ("x2", "x"))
    if study.training is not None:
        own, by_chance = memorisation.in_training(study, fakes, reals)
        if by_chance.equal <= memorisation.OVERLAP and more_copies(own, by_chance) <= LEVEL:
            return f"memorised: {own.percent} of the generated samples are copies of a training sample"
    copies, chance = (Neighbours.of(side, lambda r: reals[r].points) for side in (fakes, others))
    if more_copies(copies, chance) <= LEVEL:
        return (
            f"memorised: {copies.percent} of the generated samples are copies of one of n real samples (3 times nearer "
            f"to it than to the next; {chance.percent} of other real samples are)"
        )
    centroids = real_clusters(study, usual_k(study.fit_size)).centroids
    near, floor = ([float(nearest(y.points, centroids)[1].mean()) for y in side] for side in (fakes, others))
    if paired_pvalue(near, floor) <= LEVEL:
        distances = f"{sum(near) / len(near):.4g} from the nearest centroid, real ones {sum(floor) / len(floor):.4g}"
        blurred = f"averaged (blurred): generated samples are {distances}"
        return f"{blurred}; {_possible(study)}" if _possible(study) else blurred
    return either(study)


def either(study: Study) -> str:
    """Where distances do not tell which."""
    if study.training is not None:
        return "averaged (blurred), as they are no copies of what was trained on"
    return f"averaged (blurred), or memorised; {_possible(study) or 'these data are held out'}"


def _possible(study: Study) -> str:
    """That samples may be memorised too: where these may be what the generator was trained on, and are not endless."""
    if study.held_out is True or study.data_size is None or study.training is not None:
        return ""
    known = "these are training data" if study.held_out is False else "whether these are training data is unknown"
    return f"{known}, so that memorisation is possible too: measure on held-out data"
