"""Lines: each sample where its numbers are, real ones above, generated ones below."""

from __future__ import annotations

import numpy as np
import pytest

from wganalyze_plugins.pictures.lines import GAP, HEIGHT, lines, panel
from wganalyze_plugins.pictures.plane import REAL, SIDE

GROUND = panel(np.full((1, 2), 9.0), REAL, 0.0, 1.0)[0, 0]


def test_a_constant_sample_is_a_level_line() -> None:
    for value, row in ((1.0, 0), (0.5, HEIGHT // 2), (0.0, HEIGHT - 1)):
        image = panel(np.full((1, 7), value), REAL, 0.0, 1.0)
        inked = (image != image[HEIGHT // 4, 0]).any(axis=2).all(axis=1)
        assert np.abs(np.flatnonzero(inked) - row).max() <= 1


def test_a_slope_goes_from_corner_to_corner() -> None:
    image = panel(np.array([[0.0, 0.25, 0.5, 0.75, 1.0]]), REAL, 0.0, 1.0)
    for share in (0.2, 0.5, 0.8):
        across, down = int(share * SIDE), int((1 - share) * HEIGHT)
        inked = np.flatnonzero((image[:, across] != GROUND).any(axis=1))
        assert 1 <= len(inked) <= 4
        assert np.abs(inked - down).max() <= 3


def test_real_ones_are_above_and_generated_ones_below_on_one_scale() -> None:
    image = lines(np.full((3, 4), 0.5), np.full((3, 4), 0.9), 0.0, 1.0)
    assert image.shape == (2 * HEIGHT + GAP, SIDE, 3)
    blueness = image[..., 2].astype(int) - image[..., 0]
    rows = {"real": np.flatnonzero((blueness > 40).any(axis=1)), "fake": np.flatnonzero((blueness < -40).any(axis=1))}
    assert rows["real"].mean() == pytest.approx(0.5 * HEIGHT, abs=2)
    assert rows["fake"].mean() == pytest.approx(HEIGHT + GAP + (1.15 - 0.9) / 1.3 * HEIGHT, abs=2)


@pytest.mark.parametrize("value", [-1e30, 1e30])
def test_what_leaves_the_scale_is_cut_off(value: float) -> None:
    image = panel(np.full((1, 4), value), REAL, 0.0, 1.0)
    assert len(np.unique(image.reshape(-1, 3), axis=0)) == 1
