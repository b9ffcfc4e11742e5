"""What is trained on: every sample outside the split "x", on which everything is measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wganalyze import Points, Samples, Study


def real_pool(study: Study, most: int) -> Points:
    """Real samples (at most ``most``, d) of "fit" and then of every "x2", disjoint from all "x"."""
    return _gathered(study, study.real, most)


def fake_pool(study: Study, most: int) -> Points:
    """Generated samples, disjoint from all "x": as many as one asks for, or what is stored of "fit" and "x2"."""
    if study.snapshot.make_generator is None and study.snapshot.make_samples is not None:
        return _gathered(study, study.fake, most)
    return study.fake(most, split="fit").points


def _gathered(study: Study, side: Callable[..., Samples], most: int) -> Points:
    parts = [side(min(study.fit_size, most), split="fit").points]
    for replicate in range(study.replicates):
        if sum(map(len, parts)) >= most:
            break
        parts.append(side(replicate=replicate, split="x2").points)
    return np.concatenate(parts)[:most]
