"""The search for steep slopes of a study's critic: which methods look, from where, and what each finds."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from wganalyze import Need, Samples, Study
from wganalyze_plugins.lipschitz import lower
from wganalyze_plugins.lipschitz.lower import Score, Slope

if TYPE_CHECKING:
    from wganalyze_plugins.lipschitz.tracing import TracedCritic

STARTS = 32
FEW = 8

Places = Mapping[str, Sequence[Samples]]
"""Samples per replicate, by place."""


def find_slopes(study: Study, places: Places, traced: TracedCritic | None, steps: int) -> list[Slope]:
    """The steepest slope by method; the first one is that of the samples alone.

    Of a conditional critic every slope is one in the points, at a label that stays.
    """
    if study.lacks(Need.GRADIENT):
        return _without_gradients(study, places, steps)
    starts = steepest(study, [s for each in places.values() for s in each])
    x = points_of(study, starts)
    score = lower.in_its_precision(score_of(study, starts), x)
    slopes = [lower.steepest_slope(score, x, "gradients at samples")]
    conditional = bool(study.head.latent.classes)
    if "real" in places and "fake" in places and not conditional:
        real, fake = (points_of(study, places[place][0]) for place in ("real", "fake"))
        slopes.append(lower.steepest_pair(score, real, fake, "pairs of samples"))
    if steps:
        slopes.append(lower.steepest_slope(score, lower.hill_climb(score, x, steps), "Gaussian climb"))
    if steps and traced is not None and not conditional:
        smooth = [flat(lower.smoothed(traced.graph, beta)) for beta in lower.BETAS]
        # Some layers have no second derivative, or overwrite what it takes: the other methods stand.
        with contextlib.suppress(RuntimeError):
            ascended = lower.ascend(score, smooth, x, steps)
            slopes.append(lower.steepest_slope(score, ascended, "ascent on a smoothed copy"))
    return slopes


def _without_gradients(study: Study, places: Places, steps: int) -> list[Slope]:
    """Slopes between pairs alone: of samples, of pairs that climb, and along differences."""
    samples = Samples.concatenate([each[0] for each in places.values()])
    x = points_of(study, samples)
    if study.head.latent.classes:  # a pair has one label: that of its first point
        samples = samples.take(slice(STARTS))
        score = lower.in_its_precision(score_of(study, samples), x[:STARTS])
        first, second = x[:STARTS], x[:STARTS].roll(1, 0)
    else:
        score = lower.in_its_precision(score_of(study, samples), x[:STARTS])
        first, second = lower.steepest_pairs(score, x, x)
    slopes = [Slope(float(lower.certified_slopes(score, first, second).max()), "pairs of samples")]
    if steps:
        climbed = lower.climb_pairs(score, first, second, steps)
        slopes.append(Slope(float(lower.certified_slopes(score, *climbed).max()), "Gaussian climb of pairs"))
    if steps and first[0].numel() <= lower.COORDINATES:
        slopes.append(lower.steepest_along(score, first, lower.differences(score, first), "differences at samples"))
    return slopes


def steepest(study: Study, samples: Sequence[Samples]) -> Samples:
    """The samples of the largest gradients."""
    norms = np.concatenate([np.linalg.norm(study.gradient(s), axis=1) for s in samples])
    order = np.nan_to_num(norms, nan=0.0, posinf=0.0).argsort()[::-1]
    return Samples.concatenate(samples).take(order[:STARTS])


def points_of(study: Study, samples: Samples) -> Tensor:
    """(n, *shape of the critic's input), float64."""
    return torch.from_numpy(samples.points).to(study.device, torch.float64).reshape(-1, *study.critic_shape)


def score_of(study: Study, labelled: Samples) -> Score:
    """The score that the analyzers see, as a function of tensors: the logit where a probability is inverted.

    Of a conditional critic: at the labels of ``labelled``, so for as many points as these, or several times as many.
    """
    _, *labels = study.head.inputs(labelled, slice(None))
    score = flat(study.critic, *labels)
    if not study.head.invert:
        return score

    def logit(x: Tensor) -> Tensor:
        # Written out: a probability near 1 has lost digits, which shows in the size of its odds.
        probability = score(x)
        return torch.log(probability / (1 - probability))

    return logit


def flat(module: nn.Module, *labels: Tensor) -> Score:
    """One score a sample, (b,), of whatever shape the critic gives it."""

    def score(x: Tensor) -> Tensor:
        repeated = [each.repeat(len(x) // len(each), *[1] * (each.dim() - 1)) for each in labels]
        output = module(x.clone(), *repeated)  # some critics overwrite their input
        while isinstance(output, tuple | list):
            output = output[0]
        return output.reshape(len(x))  # type: ignore[no-any-return]

    return score


def no_function_of_one_sample(study: Study, samples: Samples) -> str:
    """Why the score is none, even in eval mode: it depends on the batch, or on the calls before; "" where it is one."""
    few = samples.take(slice(FEW))
    together = study.scores(few)
    single = isinstance(lower.in_its_precision(score_of(study, few), points_of(study, few)), lower.Single)
    # Sums in float32 depend on the size of the batch in their last digits.
    rounding = (1e-4, 1e-5) if single else (1e-6, 1e-9)
    if not _equal(together, study.scores(few), *rounding):
        return "the critic changes itself in eval mode: the same sample has another score at the next call"
    mixes = "the score is no function of one sample: the critic mixes the samples of a batch in eval mode"
    try:
        alone = np.concatenate([study.scores(few.take(slice(i, i + 1))) for i in range(len(few))])
    except ValueError:  # statistics of a batch of one
        return mixes
    return "" if _equal(together, alone, *rounding) else mixes


def _equal(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], relative: float, absolute: float) -> bool:
    return np.allclose(first, second, rtol=relative, atol=absolute * float(abs(first).max()))
