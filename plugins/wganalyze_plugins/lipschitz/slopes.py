"""The search for steep slopes of a study's critic: which methods look, from where, and what each finds."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from wganalyze.data import Samples
from wganalyze_plugins.lipschitz import lower
from wganalyze_plugins.lipschitz.lower import Score, Slope

if TYPE_CHECKING:
    from wganalyze.study import Study
    from wganalyze_plugins.lipschitz.tracing import TracedCritic

STARTS = 32
FEW = 8

Places = Mapping[str, Sequence[Samples]]
"""Samples per replicate, by place."""


def find_slopes(study: Study, places: Places, traced: TracedCritic | None, steps: int) -> list[Slope]:
    """The steepest slope by method; the first one is that of the samples alone.

    Of a conditional critic every slope is one in the points, at a label that stays.
    """
    starts = steepest(study, [s for found in places.values() for s in found])
    score, x = score_of(study, starts), points_of(study, starts)
    found = [lower.steepest_slope(score, x, "gradients at samples")]
    conditional = bool(study.snapshot.latent.classes)
    if "real" in places and "fake" in places and not conditional:
        real, fake = (points_of(study, places[place][0]) for place in ("real", "fake"))
        found.append(lower.steepest_pair(score, real, fake, "pairs of samples"))
    if steps:
        found.append(lower.steepest_slope(score, lower.hill_climb(score, x, steps), "Gaussian climb"))
    if steps and traced is not None and not conditional:
        smooth = [flat(lower.smoothed(traced.graph, beta)) for beta in lower.BETAS]
        # Some layers have no second derivative, or overwrite what it takes: the other methods stand.
        with contextlib.suppress(RuntimeError):
            ascended = lower.ascend(score, smooth, x, steps)
            found.append(lower.steepest_slope(score, ascended, "ascent on a smoothed copy"))
    return found


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


def mixes_samples(study: Study, samples: Samples) -> bool:
    """Does the score of a sample depend on the batch that it is in, even in eval mode?"""
    few = samples.take(slice(FEW))
    together = study.scores(few)
    try:
        alone = np.concatenate([study.scores(few.take(slice(i, i + 1))) for i in range(len(few))])
    except ValueError:  # statistics of a batch of one
        return True
    return not np.allclose(together, alone, rtol=1e-6, atol=1e-9 * float(abs(together).max()))
