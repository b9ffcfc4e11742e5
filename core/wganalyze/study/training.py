"""What a generator was trained on, beside the data that it is measured on: may the two be compared?"""

from __future__ import annotations

import math

import numpy as np

from wganalyze.contracts.data import DataSource
from wganalyze.contracts.samples import Split
from wganalyze.errors import DataError, UsageError

LOOKED_AT = 500
"""Samples of either side whose values are compared."""
APART = 1.5
"""How many times wider the values of one side may be spread than those of the other."""


def check_training(training: DataSource, data: DataSource, name: str) -> None:
    """DataError or UsageError where ``training``, called ``name``, cannot stand beside ``data``."""
    if training.size is None:
        raise UsageError(f"--training-data {name}: a law without end; name the samples that were trained on")
    if training.size < 2:
        raise DataError(f"--training-data {name}: {training.size} samples; at least 2 are needed")
    if math.prod(training.shape) != math.prod(data.shape):
        raise DataError(f"--training-data {name}: samples of shape {training.shape}, those of --data have {data.shape}")
    if training.digest == data.digest:
        raise UsageError(
            f"--training-data {name}: the same samples as --data; measure on samples that were held out (or drop "
            "--training-data, and say --not-held-out)"
        )
    if training.value_range == data.value_range:  # else they are brought to that of the data
        ours, theirs = (_values(source) for source in (training, data))
        if (
            not 1 / APART <= ours.std() / (theirs.std() or 1.0) <= APART
            or abs(ours.mean() - theirs.mean()) > theirs.std()
        ):
            spans = [f"[{side.min():.3g}, {side.max():.3g}]" for side in (ours, theirs)]
            raise DataError(
                f"--training-data {name}: values in {spans[0]}, those of --data in {spans[1]}: bring both to one scale"
            )


def _values(source: DataSource) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    n = LOOKED_AT if source.size is None else min(LOOKED_AT, source.size)
    return source.draw(n, Split("training"), offset=0, seed=0).values.astype(np.float64).ravel()
