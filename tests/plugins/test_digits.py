"""scikit-learn's digits, in halves that share no image and come from one law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_digits

from wganalyze.contracts.samples import Split
from wganalyze.errors import DataError
from wganalyze_plugins.digits import Digits


def images(argument: str) -> list[tuple[bytes, int]]:
    """Image and label of every sample, to be compared."""
    found = Digits(argument).everything
    assert found.labels is not None
    return [(row.tobytes(), int(label)) for row, label in zip(found.values, found.labels, strict=True)]


def halves() -> tuple[np.ndarray, np.ndarray]:
    """The values of both halves."""
    return Digits("train").everything.values, Digits("held-out").everything.values


def test_all_images_are_there_with_their_labels() -> None:
    stored, labels = load_digits(return_X_y=True)
    assert sorted(images("")) == sorted((row.tobytes(), int(label)) for row, label in zip(stored, labels, strict=True))


def test_the_halves_share_no_image_and_lose_none() -> None:
    train, held_out = images("train"), images("held-out")
    assert (len(train), len(held_out)) == (897, 900)
    assert not set(train) & set(held_out)
    assert sorted(train + held_out) == sorted(images(""))


def p_value(statistic: float, pooled: np.ndarray, first: int) -> float:
    """Permutation p-value of the distance between the means of the first rows and the others."""
    rng = np.random.default_rng(0)
    others = [
        mean_distance(pooled[order := rng.permutation(len(pooled))][:first], pooled[order][first:]) for _ in range(199)
    ]
    return (1 + sum(other >= statistic for other in others)) / 200


def mean_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Between the mean images."""
    return float(np.linalg.norm(a.mean(axis=0) - b.mean(axis=0)))


def test_the_halves_are_exchangeable_and_those_in_file_order_are_not() -> None:
    train, held_out = halves()
    assert p_value(mean_distance(train, held_out), np.concatenate([train, held_out]), 897) > 0.05
    stored = load_digits(return_X_y=True)[0]
    assert p_value(mean_distance(stored[:897], stored[897:]), stored, 897) == 1 / 200


def test_every_digit_is_as_frequent_in_both_halves() -> None:
    counts = [np.bincount([label for _, label in images(half)], minlength=10) for half in ("train", "held-out")]
    assert stats.chi2_contingency(np.array(counts)).pvalue > 0.01


@pytest.mark.parametrize(
    ("argument", "size", "held_out"), [("", 1797, None), ("train", 897, False), ("held-out", 900, True)]
)
def test_what_is_said_of_them_is_so(argument: str, size: int, held_out: bool | None) -> None:
    digits = Digits(argument)
    found = digits.everything
    assert (digits.size, digits.held_out, digits.shape, digits.classes) == (size, held_out, (1, 8, 8), 10)
    assert found.values.shape == (size, 64)
    assert digits.value_range == (found.values.min(), found.values.max()) == (0, 16)
    assert found.labels is not None
    assert found.labels.dtype == np.int64
    assert set(found.labels) == set(range(10))


def test_content_and_order_do_not_change_between_runs() -> None:
    assert Digits("train").digest == Digits("train").digest
    assert len({Digits(part).digest for part in ("", "train", "held-out")}) == 3
    first, second = (Digits("train").draw(20, Split("x"), offset=5, seed=3).values for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("argument", ["test", "Train", "train "])
def test_another_part_is_refused(argument: str) -> None:
    with pytest.raises(DataError, match=f"--data digits:{argument}: choose digits, digits:train or digits:held-out"):
        Digits(argument)
