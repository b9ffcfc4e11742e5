"""The search for steep slopes of a study's critic: which methods look, from where, and what each finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from wganalyze.analyzer import Need
from wganalyze.data import Samples, Split
from wganalyze_plugins.lipschitz import lower
from wganalyze_plugins.lipschitz.lower import Score, Slope

if TYPE_CHECKING:
    from wganalyze.study import Study
    from wganalyze_plugins.lipschitz.tracing import TracedCritic

STARTS = 32
BATCH = 512


def find_slopes(study: Study, samples: Sequence[Samples], traced: TracedCritic | None, steps: int) -> list[Slope]:
    """The steepest slope by method; without ``samples`` the search starts at standard normal points."""
    if study.snapshot.latent.classes:
        return [labelled_slope(study, s) for s in samples[:1]]
    shape = study.critic_shape
    points = [np.asarray(s.points, np.float64).reshape(len(s), *shape) for s in samples]
    if not points:
        points = [Split("normal").rng(study.seed).standard_normal((BATCH, *shape))]
    score = score_of(study)
    starts = steepest(score, torch.from_numpy(np.concatenate(points)).to(study.device))
    found = [lower.steepest_slope(score, starts, "gradients at samples")]
    if study.has(Need.REAL) and study.has(Need.FAKE):
        found.append(between_samples(study))
    if steps:
        found.append(lower.steepest_slope(score, lower.hill_climb(score, starts, steps), "Gaussian climb"))
    if steps and traced is not None:
        smooth = [flat(lower.smoothed(traced.graph, beta)) for beta in lower.BETAS]
        ascended = lower.ascend(score, smooth, starts, steps)
        found.append(lower.steepest_slope(score, ascended, "ascent on a smoothed copy"))
    return found


def score_of(study: Study) -> Score:
    """The score that the analyzers see, as a function of tensors: the logit where a probability is inverted."""
    score = flat(study.critic)
    if not study.head.invert:
        return score
    return lambda x: torch.logit(score(x))


def flat(module: nn.Module) -> Score:
    """One score a sample, (b,), of whatever shape the critic gives it."""

    def score(x: Tensor) -> Tensor:
        output = module(x)
        while isinstance(output, tuple | list):
            output = output[0]
        return output.reshape(len(x))  # type: ignore[no-any-return]

    return score


def steepest(score: Score, x: Tensor) -> Tensor:
    """The points of the largest gradients, among ``x`` (n, *shape)."""
    norms = torch.cat([lower.gradient_norms(score, part)[1] for part in torch.split(x, BATCH)])
    return x[norms.argsort(descending=True)[:STARTS]]


def between_samples(study: Study) -> Slope:
    """The steepest slope between any real and any generated sample of the first replicate."""
    from wganalyze.transport import pair_slope
    from wganalyze.transport.metrics import as_points

    x, y = study.real(), study.fake()
    fx, fy = study.scores(x), study.scores(y)
    points = as_points(x.points, "real"), as_points(y.points, "fake")
    both = pair_slope(fx, fy, *points), pair_slope(-fx, -fy, *points)
    return Slope(max((value for value in both if np.isfinite(value)), default=0.0), "pairs of samples")


def labelled_slope(study: Study, samples: Samples) -> Slope:
    """Of a conditional critic, along its gradients, each at its own label."""
    gradient = study.gradient(samples)
    norms = np.linalg.norm(gradient, axis=1)
    best = norms.argsort()[::-1][:STARTS]
    best = best[norms[best] > 0]
    chosen, direction = samples.take(best), gradient[best] / norms[best, None]
    reach = 1e-3 * float(np.linalg.norm(samples.points, axis=1).mean())
    ends = [np.asarray(chosen.points, np.float64) + sign * reach * direction for sign in (-1, 1)]
    first, second = (study.scores(chosen.with_points(end)) for end in ends)
    margin = lower.ROUNDING * (abs(first).max(initial=0) + abs(second).max(initial=0))
    slopes = (abs(second - first) - margin) / np.linalg.norm(ends[1] - ends[0], axis=1)
    return Slope(float(slopes.max(initial=0.0)), "gradients at samples, by label")
