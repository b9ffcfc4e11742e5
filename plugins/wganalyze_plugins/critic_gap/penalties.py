"""What gradient penalties find: at real and generated samples, between them at random, and along optimal transport."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from wganalyze import Estimate, Finding, Measurement, Rows, Samples, Scalar, Study, Yielded
from wganalyze.statistics import student_t
from wganalyze_plugins.critic_gap.estimates import ends
from wganalyze_plugins.critic_gap.gradients import norms, norms_in_train_mode, why_none, why_not_in_train_mode
from wganalyze_plugins.critic_gap.segments import Segments
from wganalyze_plugins.lipschitz.modes import BATCH
from wganalyze_plugins.lipschitz.places import sample_places

if TYPE_CHECKING:
    from wganalyze.transport import Array

SAMPLES = 512
"""A replicate and place: as many as ``lipschitz`` looks at by default, so that one gradient serves both."""
IN_TRAINING = 2 * BATCH
TRAIN = f"train, batches of {BATCH}"
LAWS: Mapping[str, Callable[[Array], Array]] = {
    "1-centred": lambda norms: (norms - 1) ** 2,  # 1704.00028, eq. 3
    "one-sided": lambda norms: np.maximum(norms - 1, 0) ** 2,  # 1709.08894, eq. 8
    "zero-centred": lambda norms: norms**2,  # 1801.04406, eq. 9
}
MISSED = 0.5
"""Of 1: how far a mean gradient norm may be off."""


def penalties(study: Study, segments: Sequence[Segments | None]) -> Iterator[Yielded]:
    """The table, the mean slope between matched samples, and what BatchNorm hides of a penalty."""
    rows, means = [], {}
    between = [None if each is None else each.points for each in segments]
    reason = why_none(study, between)
    unlike = reason or why_not_in_train_mode(study)
    if not reason:
        places: dict[str, Sequence[Samples] | str] = {**sample_places(study, SAMPLES)}
        places["transport"] = [each for each in between if each is not None]
        for place, mode, found in _found(study, places, in_train_mode=not unlike):
            if all(np.isfinite(each).all() for each in found):
                means[place, mode] = student_t([float(each.mean()) for each in found])
                rows += list(_rows(study, place, mode, found, means[place, mode]))
        yield Rows("penalties", rows)
    trained = means.get(("interpolate", TRAIN))
    yield _slope(study, means.get(("transport", "eval")), "gradient_norm_transport", "eval", reason)
    yield _slope(study, trained, "gradient_norm_train", TRAIN, unlike)
    yield from _hidden(study, means.get(("interpolate", "eval")), trained)


def _found(
    study: Study, places: Mapping[str, Sequence[Samples] | str], *, in_train_mode: bool
) -> Iterator[tuple[str, str, list[Array]]]:
    """Gradient norms by place and mode, of each replicate."""
    for place, samples in places.items():
        if not isinstance(samples, str):
            yield place, "eval", [norms(study, each) for each in samples]
    if in_train_mode and not isinstance(between := places["interpolate"], str):
        yield "interpolate", TRAIN, [norms_in_train_mode(study, each, IN_TRAINING) for each in between]


def _rows(study: Study, place: str, mode: str, found: Sequence[Array], mean: Estimate) -> Iterator[dict[str, Scalar]]:
    weight = study.snapshot.penalty
    for law, penalty in LAWS.items():
        value = student_t([float(penalty(each).mean()) for each in found])
        yield {
            "place": place,
            "law": law,
            "mode": mode,
            "samples": sum(map(len, found)),
            **ends("value", value),
            "weighted": weight * value.value if weight else None,
            "mean_norm": mean.value,
        }


def _slope(study: Study, estimate: Estimate | None, metric: str, mode: str, without: str) -> Measurement:
    if estimate is None:
        return Measurement.absent(metric, without or "the gradient is NaN or infinite at some samples")
    method = "mean of autograd norms, float32"
    return Measurement.of(metric, estimate, study, mode=mode, method=method, message=study.critic_note)


def _hidden(study: Study, evaluated: Estimate | None, trained: Estimate | None) -> Iterator[Finding]:
    """A penalty that training kept in train mode may say nothing of the critic in eval mode."""
    weight = study.snapshot.penalty
    if not weight or evaluated is None or trained is None or study.head.output != "score":
        return
    if abs(trained.value - 1) <= MISSED < abs(evaluated.value - 1):
        message = (
            f"the gradient penalty of weight {weight:g}, if it wants slope 1, is kept in train mode (mean gradient "
            f"norm {trained.value:.3g} on interpolates, in batches of {BATCH}), and in eval mode the norm is "
            f"{evaluated.value:.3g}: BatchNorm makes another function of the critic there, which no penalty has seen"
        )
        yield Finding("warning", "penalty-hidden-by-batch-norm", message, ("gradient_norm_train",))
