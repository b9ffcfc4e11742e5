"""Modes by name: strictly and loosely reached, lost ones, and what a perfect generator of the toys gets."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chi2

from wganalyze import Modes
from wganalyze_plugins.coverage.modes import LEAST, Reached, lost
from wganalyze_plugins.toys import Grid25, Ring8, mixed

LINE = Modes(("left", "middle", "right"), np.array([[-4.0], [0.0], [8.0]]), 0.5)


def test_strict_is_three_deviations_and_loose_half_way_to_the_next() -> None:
    points = np.array([[-4.0], [-2.5], [-2.4], [-2.1], [-1.9], [1.9], [2.1], [3.9], [4.1], [11.9], [12.1]])
    found = Reached.of(points, LINE)
    assert list(found.strict) == [2, 0, 0]
    # At 2.1 and 3.9 nearest to the middle, but beyond half of 4; half of 8 about the right one.
    assert list(found.loose) == [4, 2, 2]
    assert found.total == 11
    assert found.share == pytest.approx(2 / 11)
    assert list(found.is_strict) == [True, False, False]
    assert list(found.is_loose) == [True, True, True]


def test_a_single_mode_is_loosely_reached_from_anywhere() -> None:
    found = Reached.of(np.array([[100.0, 0.0], [0.0, 0.1]]), Modes(("one",), np.zeros((1, 2)), 0.1))
    assert (list(found.strict), list(found.loose)) == ([1], [2])


@pytest.mark.parametrize(("k", "share"), [(2, LEAST), (25, LEAST), (100, 0.0025)])
def test_how_many_samples_reach_a_mode(k: int, share: float) -> None:
    modes = Modes(tuple(map(str, range(k))), 10.0 * np.arange(k)[:, None], 1.0)
    points = np.zeros((2000, 1))
    points[: round(2000 * share)] = 10
    assert Reached.of(points, modes).is_strict[1]
    points[0] = 0
    assert not Reached.of(points, modes).is_strict[1]


@pytest.mark.parametrize("toy", [Ring8(), Grid25()])
def test_samples_of_the_toys_reach_all_modes(toy: Ring8 | Grid25) -> None:
    found = Reached.of(toy.sample(20000, np.random.default_rng(0)).values, toy.modes)
    assert found.is_strict.all()
    assert found.is_loose.all()
    assert found.share == pytest.approx(1 - np.exp(-4.5), abs=0.003)
    assert found.share == pytest.approx(chi2.cdf(9, 2), abs=0.003)
    assert found.loose.sum() == 20000


def reached(loose: list[int], total: int) -> Reached:
    return Reached(np.array(loose), np.array(loose), total)


@pytest.mark.parametrize(
    ("fakes", "reals", "is_lost"),
    [(0, 8, True), (0, 7, False), (1, 11, True), (1, 10, False), (2, 100, False)],
)
def test_a_mode_is_lost_beyond_chance_and_below_its_share(fakes: int, reals: int, is_lost: bool) -> None:
    """Two modes, 200 samples: 2 reach a mode."""
    found = lost(reached([fakes, 200 - fakes], 200), reached([reals, 200 - reals], 200))
    assert list(found) == [is_lost, False]
    assert is_lost == bool(fakes < 2 and 2 * binom.cdf(fakes, fakes + reals, 0.5) <= 0.01)


@pytest.mark.parametrize(("toy", "n"), [(Ring8(), 30), (Ring8(), 72), (Grid25(), 100), (Grid25(), 200)])
def test_a_perfect_generator_rarely_loses_one(toy: Ring8 | Grid25, n: int) -> None:
    """500 pairs: no more alarms than 1% makes in all but .1% of such tests."""
    rng = np.random.default_rng(0)
    alarms = sum(
        bool(lost(*(Reached.of(mixed(toy.modes, n, rng).values, toy.modes) for _ in range(2))).any())
        for _ in range(500)
    )
    assert binom.sf(alarms - 1, 500, 0.01) > 0.001


def test_a_rare_mode_is_not_lost_by_chance() -> None:
    """Modes of unequal weight: only the reals say how many are to be expected."""
    rng = np.random.default_rng(0)

    def draw() -> Reached:
        weights = [0.02, 0.49, 0.49]
        return Reached.of(LINE.centres[rng.choice(3, 200, p=weights)] + 0.5 * rng.standard_normal((200, 1)), LINE)

    assert sum(bool(lost(draw(), draw()).any()) for _ in range(1000)) <= 20
