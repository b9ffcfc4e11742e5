"""Does the critic say the same in eval and in train mode? BatchNorm makes a score depend on its batch."""

from __future__ import annotations

from collections.abc import Iterator

from wganalyze import Finding, Measurement, Need, Samples, Split, Study, Yielded
from wganalyze.statistics import auc

BATCH = 64
SHIFT = 0.2
MODES = {
    "auc_eval": "eval",
    "auc_train_separate": f"train, batches of {BATCH}, real and fake apart",
    "auc_train_mixed": f"train, batches of {BATCH} that mix real and fake",
}


def compare_modes(study: Study) -> Iterator[Yielded]:
    """AUC of the first replicate in three modes, and a finding where they contradict each other."""
    reason = study.lacks(Need.REAL) or study.lacks(Need.FAKE)
    if not reason and not has_batch_norm(study):
        reason = "the critic has no BatchNorm: its modes agree"
    if reason:
        for metric in MODES:
            yield Measurement.absent(metric, reason)
        return
    by_mode = aucs(study, study.real(), study.fake())
    for metric, mode in MODES.items():
        yield Measurement.of(metric, by_mode[metric], study, mode=mode, method="first replicate; buffers unchanged")
    if max(by_mode.values()) - min(by_mode.values()) > SHIFT:
        evaluated, separate, mixed = (by_mode[metric] for metric in MODES)
        message = (
            f"BatchNorm decides what this critic says: AUC of real over fake is {evaluated:.2f} in eval mode, "
            f"{separate:.2f} in train mode with batches of their own, {mixed:.2f} in mixed batches of {BATCH}; "
            "every number of the critic holds for eval mode only"
        )
        yield Finding("warning", "modes-disagree", message, tuple(MODES))


def has_batch_norm(study: Study) -> bool:
    """Is a layer of the critic one that takes statistics of its batch?"""
    from torch.nn.modules.batchnorm import _BatchNorm

    return any(
        isinstance(module, _BatchNorm) or getattr(module, "uses_batch_statistics", False)
        for module in study.critic.modules()
    )


def aucs(study: Study, real: Samples, fake: Samples) -> dict[str, float]:
    """P(score of a real > score of a fake) by mode, as the critic gives its scores."""
    mixed = Samples.concatenate([real, fake])
    order = Split("mixed batches").rng(study.seed).permutation(len(mixed))
    scores = study.scores(mixed.take(order), "train", BATCH, single=True)
    is_real = order < len(real)
    return {
        "auc_eval": auc(study.scores(real, single=True), study.scores(fake, single=True)),
        "auc_train_separate": auc(*(study.scores(side, "train", BATCH, single=True) for side in (real, fake))),
        "auc_train_mixed": auc(scores[is_real], scores[~is_real]),
    }
