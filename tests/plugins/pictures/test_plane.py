"""The plane: places to pixels and back, contours of a linear critic, segments between matched points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze_plugins.pictures.plane import BANDS, FAKE, FIELD, REAL, SIDE, Plane, background, bands, drawn

UNIT = Plane(np.array([-1.0, -1.0]), np.array([1.0, 1.0]))
NONE = np.zeros((0, 2))


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.1, 50))
def test_corners_are_corners(left: float, bottom: float, size: float) -> None:
    low = np.array([left, bottom])
    plane = Plane(low, low + size)
    corners = np.array([[left, bottom], [left + size, bottom + size]])
    np.testing.assert_allclose(plane.pixels(corners), [[0, SIDE], [SIDE, 0]], atol=1e-6)


def test_the_critic_is_asked_row_by_row_from_the_top() -> None:
    places = UNIT.places().reshape(FIELD, FIELD, 2)
    assert places[0, 0] == pytest.approx([-1 + 1 / FIELD, 1 - 1 / FIELD])
    assert places[-1, 0] == pytest.approx([-1 + 1 / FIELD, -1 + 1 / FIELD])
    np.testing.assert_allclose(UNIT.pixels(places.reshape(-1, 2), FIELD) % 1, 0.5)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2, 2.5])
def test_the_contours_of_a_linear_critic_are_straight_and_equally_wide(angle: float) -> None:
    direction = np.array([np.cos(angle), np.sin(angle)])
    field = UNIT.places() @ direction
    index = bands(field)
    assert index.min() == 0
    assert index.max() == BANDS - 1
    # A band is a strip across the direction, and nothing else.
    width = (field.max() - field.min()) / BANDS
    for band in range(BANDS):
        inside = field[index.ravel() == band]
        assert inside.max() - inside.min() <= width * (1 + 1e-9)


@given(st.floats(0.1, 1e3), st.floats(-1e3, 1e3))
def test_scale_and_offset_of_the_critic_change_nothing(scale: float, offset: float) -> None:
    field = np.sin(np.arange(FIELD * FIELD))
    np.testing.assert_array_equal(bands(field), bands(64 * field))
    assert (bands(scale * field + offset) != bands(field)).mean() < 0.001  # rounding at the edges


@pytest.mark.parametrize("value", [0.0, 3.0, np.nan, np.inf])
def test_a_critic_without_contours_is_one_ground(value: float) -> None:
    assert len(np.unique(background(np.full(FIELD * FIELD, value)).reshape(-1, 3), axis=0)) == 1


def test_one_number_that_is_none_leaves_the_others() -> None:
    field = np.linspace(0, 1, FIELD * FIELD)
    field[7] = np.nan
    assert (np.delete(bands(field).ravel(), 7) == np.delete(bands(np.linspace(0, 1, FIELD * FIELD)).ravel(), 7)).all()


def test_points_are_drawn_where_they_are() -> None:
    image = drawn(UNIT, np.array([[-0.5, 0.5]]), np.array([[0.5, 0.5]]), np.array([0]))
    quarter = SIDE // 4
    assert image[quarter, quarter].tolist() == [*REAL]
    assert image[quarter, 3 * quarter].tolist() == [*FAKE]
    assert (image[2 * quarter :] == 255).all()


def test_segments_join_matched_points_and_no_others() -> None:
    real = np.array([[-0.5, 0.5], [-0.5, -0.5]])
    fake = np.array([[0.5, 0.5], [0.5, -0.5]])
    straight, crossed = (drawn(UNIT, real, fake, np.array(partner)) for partner in ([0, 1], [1, 0]))
    quarter, half = SIDE // 4, SIDE // 2
    assert (straight[quarter - 1 : quarter + 2, half] < 255).any()
    assert (straight[half - 2 : half + 2, half] == 255).all()
    assert (crossed[half - 2 : half + 2, half - 2 : half + 2] < 255).any()
    assert (crossed[quarter - 2 : quarter + 2, half] == 255).all()


def test_few_colours() -> None:
    rng = np.random.default_rng(0)
    image = drawn(UNIT, *(rng.uniform(-1, 1, (50, 2)) for _ in range(2)), np.arange(50), UNIT.places()[:, 0])
    assert len(np.unique(image.reshape(-1, 3), axis=0)) <= 32
    assert image.shape == (SIDE, SIDE, 3)
