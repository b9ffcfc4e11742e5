"""The search for steep slopes of a study's critic: which methods look, from where, and what each finds."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from wganalyze import Need, Samples, Study
from wganalyze_plugins.lipschitz import lower
from wganalyze_plugins.lipschitz.lower import Score, Slope

if TYPE_CHECKING:
    from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box
    from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic

STARTS = 32
ASCENTS = 16
"""Starts of an ascent on pairs."""
LOW = 16
"""Dimensions up to which the crowd of a climb finds small linear regions that single starts miss."""
THOROUGH = 5e5
"""Operations of a score up to which a climb and an ascent on smoothed copies cost next to nothing."""
FEW = 8

Places = Mapping[str, Sequence[Samples]]
"""Samples per replicate, by place."""

Confine = Callable[[Score], Score]
"""Makes a score one of the points of a box alone, or leaves it as it is."""


def find_slopes(
    study: Study,
    places: Places,
    traced: TracedCritic | None,
    steps: int,
    seconds: float | None = None,
    box: Box | None = None,
) -> list[Slope]:
    """The steepest slope by method; the first one is that of the samples alone.

    ``seconds``: after which no method begins, and none takes another step.
    Of a conditional critic every slope is one in the points, at a label that stays. ``box``: both ends lie in it.
    """
    until = lower.Deadline(seconds)
    confine = _confine(box)
    if study.lacks(Need.GRADIENT):
        return _without_gradients(study, places, steps, until, confine)
    starts = steepest(study, [s for each in places.values() for s in each])
    x = points_of(study, starts)
    score = confine(lower.in_its_precision(score_of(study, starts), x))
    slopes = _search(study, places, traced, steps, until, confine, starts, x, score)
    if not study.head.is_conditional:  # whose score is one for as many points as labels
        best = max(range(len(slopes)), key=lambda each: slopes[each].value)
        slopes[best] = lower.shortened(score, slopes[best])
    return slopes


def _search(
    study: Study,
    places: Places,
    traced: TracedCritic | None,
    steps: int,
    until: lower.Deadline,
    confine: Confine,
    starts: Samples,
    x: Tensor,
    score: Score,
) -> list[Slope]:
    """By each method in turn, until there is no more time; ``x``: the points of ``starts``."""
    conditional = study.head.is_conditional
    few = slice(None if conditional else lower.FINALISTS)  # a conditional score is one for as many points as labels
    slopes = [lower.steepest_slope(score, x[few], "gradients at samples")]
    if "real" in places and "fake" in places and not conditional:
        real, fake = (points_of(study, places[place][0]) for place in ("real", "fake"))
        slopes.append(lower.steepest_pair(score, real, fake, "pairs of samples"))
    if not steps or until.is_over:
        return slopes
    slopes.append(_ascent_on_pairs(study, starts, x, steps, slopes[0], until, confine))
    light = _work(score, x) <= THOROUGH
    if (not light and x[0].numel() > LOW) or until.is_over:
        return slopes
    slopes.append(_climb(study, starts, score, x, steps, until, confine, light=light or conditional))
    if traced is not None and not conditional and not until.is_over:
        smooth = [flat(lower.smoothed(traced.graph, beta)) for beta in lower.BETAS]
        # Some layers have no second derivative, or overwrite what it takes: the other methods stand.
        with contextlib.suppress(RuntimeError):
            ascended = lower.ascend(score, smooth, x, steps, until)
            slopes.append(lower.steepest_slope(score, ascended, "ascent on a smoothed copy"))
    return slopes


def slope_at(study: Study, places: Places, point: Sequence[float], box: Box | None = None) -> Slope:
    """The slope along the gradient at a point that an upper bound was attained at; of a critic without labels."""
    some = next(iter(places.values()))[0]
    score = _confine(box)(lower.in_its_precision(score_of(study, some), points_of(study, some.take(slice(FEW)))))
    x = torch.tensor(point, dtype=torch.float64, device=study.device).reshape(1, *study.critic_shape)
    return lower.steepest_slope(score, x, "the steepest linear region", lower.FINE)


def _confine(box: Box | None) -> Confine:
    return lambda score: score if box is None else lower.Confined(score, box.nearest)


def _climb(
    study: Study,
    starts: Samples,
    score: Score,
    x: Tensor,
    steps: int,
    until: lower.Deadline,
    confine: Confine,
    *,
    light: bool,
) -> Slope:
    """In double precision where that is ``light``; else in single, and the steepest points are certified in double."""
    points = x
    if light:
        points = lower.hill_climb(score, x, steps, until=until)
    else:
        single = confine(_in_single(score_of(study, starts, single=True), score, x))
        crowd = lower.hill_climb(single, x.float(), steps, until=until)
        points = crowd[lower.gradient_norms(single, crowd)[1].argsort(descending=True)[:STARTS]].double()
    return lower.steepest_slope(score, points, "Gaussian climb")


def _ascent_on_pairs(
    study: Study, starts: Samples, x: Tensor, steps: int, least: Slope, until: lower.Deadline, confine: Confine
) -> Slope:
    """Found in single precision; the best pairs, and slopes along the gradients at the best, certified in double.

    ``least``: the slope that it begins with.
    """
    few, x = starts.take(slice(ASCENTS)), x[:ASCENTS]
    conditional = study.head.is_conditional

    def exact(order: Tensor) -> Score:
        return confine(lower.in_its_precision(score_of(study, few.take(order.cpu().numpy())), x[: len(order)]))

    whole = exact(torch.arange(len(x)))
    single = confine(_in_single(score_of(study, few, single=True), whole, x))
    slopes = [least]
    for stride in lower.STRIDES:
        order, ends = lower.ascend_pairs(single, x.float(), steps, stride, until)
        a, b = (end.double() for end in ends)
        slopes.append(lower.steepest_of(exact(order) if conditional else whole, a, b, ""))
        best = torch.cat([a[:1], b[:1], (a + b)[:1] / 2])
        slopes.append(lower.steepest_slope(exact(order[:1]) if conditional else whole, best, ""))
    return replace(max(slopes, key=lambda slope: slope.value), method="ascent on pairs")


def _in_single(single: Score, score: Score, x: Tensor) -> Score:
    """``single``, where it runs and is the same function; else ``score``, for points of float32."""
    with contextlib.suppress(RuntimeError, TypeError, ValueError), torch.no_grad():
        if torch.allclose(single(x.float()).double(), score(x), rtol=1e-2, atol=1e-3):
            return single
    return lambda points: score(points.double()).to(points.dtype)


def _work(score: Score, x: Tensor) -> float:
    """Operations of one score, times the copies that a Gaussian climb makes of each start."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        score(x)
    return float(counter.get_total_flops()) / len(x) * max(1, lower.CROWD // x[0].numel())


def _without_gradients(
    study: Study, places: Places, steps: int, until: lower.Deadline, confine: Confine
) -> list[Slope]:
    """Slopes between pairs alone: of samples, of pairs that climb, and along differences."""
    samples = Samples.concatenate([each[0] for each in places.values()])
    x = points_of(study, samples)
    if study.head.is_conditional:  # a pair has one label: that of its first point
        samples = samples.take(slice(STARTS))
        score = confine(lower.in_its_precision(score_of(study, samples), x[:STARTS]))
        first, second = x[:STARTS], x[:STARTS].roll(1, 0)
    else:
        score = confine(lower.in_its_precision(score_of(study, samples), x[:STARTS]))
        first, second = lower.steepest_pairs(score, x, x)
    slopes = [lower.steepest_of(score, first, second, "pairs of samples")]
    if steps:
        climbed = lower.climb_pairs(score, first, second, steps, until=until)
        slopes.append(lower.steepest_of(score, *climbed, "Gaussian climb of pairs"))
    if steps and first[0].numel() <= lower.COORDINATES and not until.is_over:
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


def score_of(study: Study, labelled: Samples, *, single: bool = False) -> Score:
    """The score that the analyzers see, as a function of tensors: the logit where a probability is inverted.

    Of a conditional critic: at the labels of ``labelled``, so for as many points as these, or several times as many.
    ``single``: computed in float32, for points of float32.
    """
    _, *labels = study.head.inputs(labelled, slice(None))
    critic = copy.deepcopy(study.critic).float() if single else study.critic
    if single:
        labels = [label.float() if label.is_floating_point() else label for label in labels]
    score = flat(critic, *labels)
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
