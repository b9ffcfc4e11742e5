"""What cannot stand beside the data that are measured on is refused, with the reason, before anything runs."""

from __future__ import annotations

import numpy as np
import pytest

from wganalyze import FiniteSource, Values
from wganalyze.errors import DataError, UsageError
from wganalyze.study.training import check_training
from wganalyze.testing import Gaussian


class Rows(FiniteSource):
    """Normal rows."""

    name = "rows"
    help = "for tests"
    value_range = None

    def __init__(self, size: int, dim: int = 3, scale: float = 1.0, shift: float = 0.0, seed: int = 0) -> None:
        self.shape = (dim,)
        self.values = shift + scale * np.random.default_rng(seed).standard_normal((size, dim))

    def load(self) -> Values:
        return Values(self.values)


def test_other_samples_of_one_scale_are_taken() -> None:
    check_training(Rows(100, seed=1), Rows(200), "rows")
    check_training(Rows(100, seed=1), Gaussian(3), "rows")


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (Rows(1, seed=1), "1 samples; at least 2 are needed"),
        (Rows(100, 4, seed=1), r"samples of shape \(4,\), those of --data have \(3,\)"),
        (Rows(100, scale=127.5, seed=1), r"values in \[.*\], those of --data in \[.*\]: bring both to one scale"),
        (Rows(100, shift=5, seed=1), ".*: bring both to one scale"),
    ],
)
def test_what_does_not_fit_is_a_fault_of_the_data(training: Rows, message: str) -> None:
    with pytest.raises(DataError, match=f"--training-data rows: {message}"):
        check_training(training, Rows(200), "rows")


def test_the_same_samples_and_a_law_are_refused() -> None:
    with pytest.raises(UsageError, match="the same samples as --data"):
        check_training(Rows(200), Rows(200), "rows")
    with pytest.raises(UsageError, match="a law without end"):
        check_training(Gaussian(3), Rows(200), "law")
