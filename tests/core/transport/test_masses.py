"""Weights to one total without rounding, and what pairs cannot carry of them."""

from __future__ import annotations

import numpy as np
import pytest

from wganalyze.transport.masses import exact_masses, left_over


def test_equal_totals_stay_as_they_are() -> None:
    a, b = np.full(3, 1 / 3), np.array([1 / 6, 1 / 6, 1 / 3, 1 / 3])
    found = exact_masses(a, b)
    assert found is not None
    np.testing.assert_array_equal(found[0], a)
    np.testing.assert_array_equal(found[1], b)


def test_whole_numbers_are_brought_to_one_total() -> None:
    found = exact_masses(np.array([1.0, 2.0]), np.array([3.0, 2.0, 2.0]))
    assert found is not None
    assert found[0].sum() == found[1].sum() == 21
    np.testing.assert_array_equal(found[0], [7, 14])
    np.testing.assert_array_equal(found[1], [9, 6, 6])


@pytest.mark.parametrize(("a", "b"), [([0.1, 0.2], [0.3]), ([0.5, 0.25], [1.0]), ([1.0], [2.0**53])])
def test_what_would_round_is_none(a: list[float], b: list[float]) -> None:
    assert exact_masses(np.array(a), np.array(b)) is None


def test_pairs_that_connect_all_leave_nothing_over() -> None:
    assert left_over(np.ones(2), np.ones(2), np.array([0, 0, 1]), np.array([0, 1, 1])) == 0


def test_a_group_with_too_much_leaves_the_difference() -> None:
    assert left_over(np.array([3.0, 1.0]), np.ones(2), np.array([0, 1]), np.array([0, 1])) == 0.25
    rest = left_over(np.array([0.1, 0.1, 0.1, 0.7]), np.array([0.3, 0.7]), np.arange(4), np.array([0, 0, 0, 1]))
    assert 1e-17 < rest < 3e-17
