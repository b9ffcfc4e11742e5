"""The critic's loss in train mode, where its BatchNorm sees the batch: real and generated apart, and mixed."""

from __future__ import annotations

from collections.abc import Iterator

from wganalyze import Measurement, Samples, Split, Study
from wganalyze_plugins.batches import first
from wganalyze_plugins.critic_gap.estimates import mean
from wganalyze_plugins.critic_gap.gradients import why_not_in_train_mode
from wganalyze_plugins.lipschitz.modes import BATCH

TRAIN = {
    "dual_train_separate": f"train, batches of {BATCH}, real and fake apart",
    "dual_train_mixed": f"train, batches of {BATCH} that mix real and fake",
}
MOST = 2 * BATCH
"""Samples a side and replicate."""


def in_train_mode(study: Study) -> Iterator[Measurement]:
    """Both losses, of a critic with BatchNorm."""
    if reason := why_not_in_train_mode(study):
        yield from (Measurement.absent(metric, reason) for metric in TRAIN)
        return
    found = [_duals(study, r) for r in range(study.replicates)]
    for k, (metric, mode) in enumerate(TRAIN.items()):
        yield mean(study, metric, [duals[k] for duals in found], n=min(MOST, study.n), mode=mode)


def _duals(study: Study, replicate: int) -> tuple[float, float]:
    x, y = (first(side(replicate=replicate), MOST) for side in (study.real, study.fake))
    apart = [study.scores(side, "train", BATCH, single=True) for side in (x, y)]
    mixed = Samples.concatenate([x, y])
    order = Split("mixed batches", replicate).rng(study.seed).permutation(len(mixed))
    scores = study.scores(mixed.take(order), "train", BATCH, single=True)
    is_real = order < len(x)
    return (
        float(study.orientation * (apart[0].mean() - apart[1].mean())),
        float(study.orientation * (scores[is_real].mean() - scores[~is_real].mean())),
    )
