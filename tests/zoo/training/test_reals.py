"""What is trained on: all of a finite source, a pool of a law, a tensor as it is."""

from __future__ import annotations

import numpy as np
import torch

from wganalyze import data_source
from wganalyze_plugins.digits import Digits
from wganalyze_zoo.training.reals import POOL, reals_of


def test_a_finite_source_gives_all_its_samples_in_the_cube() -> None:
    reals = reals_of("digits:train", seed=3)
    assert reals.points.shape == (897, 1, 8, 8)
    assert (reals.points.min(), reals.points.max()) == (-1, 1)
    assert (reals.text, reals.bounded, reals.endless, reals.dim) == ("digits:train", True, False, 64)
    stored = Digits("train").load().values / 8 - 1
    seen = reals.points.flatten(1).numpy()
    assert np.array_equal(np.unique(seen, axis=0), np.unique(stored.astype(np.float32), axis=0))
    assert torch.equal(seen_again(3), reals.points)
    assert torch.equal(seen_again(4), reals.points)


def seen_again(seed: int) -> torch.Tensor:
    """The same source, opened anew."""
    return reals_of(data_source("digits:train"), seed).points


def test_a_law_gives_a_pool_by_the_seed() -> None:
    reals = reals_of("ring8", seed=3)
    assert reals.points.shape == (POOL, 2)
    assert (reals.bounded, reals.endless) == (False, True)
    assert torch.equal(reals_of("ring8", seed=3).points, reals.points)
    assert not torch.equal(reals_of("ring8", seed=4).points, reals.points)


def test_a_tensor_is_bounded_where_it_lies_in_the_cube() -> None:
    points = torch.rand(10, 3)
    assert reals_of(points, 0).bounded
    assert not reals_of(2 + points, 0).bounded
    assert reals_of(points, 0).digest == reals_of(points.clone(), 1).digest != reals_of(2 + points, 0).digest
