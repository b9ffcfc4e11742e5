"""The handwritten digits that come with scikit-learn: 1,797 images of 8x8, no download."""

from __future__ import annotations

from typing import ClassVar

from wganalyze import DataError, DataSource, FiniteSource, Values, hookimpl

TRAINING = 897
"""Size of the half ``digits:train``; the other 900 are ``digits:held-out``."""
_PARTS = {"": None, "train": False, "held-out": True}


class Digits(FiniteSource):
    """8x8 digits: ``digits`` (all), ``digits:train`` (897) and ``digits:held-out`` (900), which share no image."""

    name: ClassVar[str] = "digits"
    help: ClassVar[str] = "scikit-learn's 8x8 digits: digits (1,797), digits:train (897), digits:held-out (900)"
    shape = (1, 8, 8)
    value_range = (0.0, 16.0)
    classes = 10

    def __init__(self, argument: str = "") -> None:
        if argument not in _PARTS:
            raise DataError(f"--data digits:{argument}: choose digits, digits:train or digits:held-out")
        self.part = argument
        self.held_out = _PARTS[argument]

    def load(self) -> Values:
        """(n, 64) values in 0..16, with the digits as labels."""
        import numpy as np
        from sklearn.datasets import load_digits

        images, labels = (np.asarray(part) for part in load_digits(return_X_y=True))
        # The file is ordered by writer; the halves are to come from one law.
        order = np.random.default_rng(0).permutation(len(images))
        rows = {"": order, "train": order[:TRAINING], "held-out": order[TRAINING:]}[self.part]
        return Values(images[rows], labels[rows].astype(np.int64))


@hookimpl
def wganalyze_data() -> list[type[DataSource]]:
    return [Digits]
