"""Gradients of a critic where it has any: what they are wanted for is beside the bounds, and must not cost these."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wganalyze import Need, Samples, Study, WganalyzeError
from wganalyze.transport import Array
from wganalyze_plugins.lipschitz.modes import BATCH, has_batch_norm

REFUSED = (RuntimeError, TypeError, ValueError, WganalyzeError)
"""What a critic raises that cannot be differentiated, or not in train mode."""


def why_none(study: Study, between: Sequence[Samples | None]) -> str:
    """Why there are no gradients between matched samples, one set for each replicate; "" where there are."""
    if reason := study.lacks(Need.GRADIENT):
        return reason
    there = [each for each in between if each is not None]
    if len(there) < len(between):
        return "W1 is 0: there is nothing between the two samples"
    try:
        finite = all(np.isfinite(study.gradient(each)).all() for each in there)
    except REFUSED as error:
        return f"the critic cannot be differentiated: {str(error).splitlines()[0]}"
    return "" if finite else "the gradient is NaN or infinite at some samples"


def norms(study: Study, samples: Samples) -> Array:
    """Of the gradients in eval mode, (n,)."""
    return np.asarray(np.linalg.norm(study.gradient(samples), axis=1))


def norms_in_train_mode(study: Study, samples: Samples, most: int) -> Array:
    """Of the first ``most``, as training sees them: BatchNorm takes its statistics from batches of these points."""
    most = min(len(samples), most)
    parts = [slice(start, min(start + BATCH, most)) for start in range(0, most, BATCH) if most - start > 1]
    gradients = [study.gradient(samples.take(part), "train") for part in parts]
    return np.asarray(np.linalg.norm(np.concatenate(gradients), axis=1))


def why_not_in_train_mode(study: Study) -> str:
    """Why train mode has nothing of its own to say; "" where it has."""
    if not has_batch_norm(study):
        return "the critic has no BatchNorm: its modes agree"
    try:
        study.scores(study.real().take(slice(BATCH)), "train", BATCH, single=True)
    except REFUSED as error:
        return f"the critic does not run in train mode: {str(error).splitlines()[0]}"
    return ""
