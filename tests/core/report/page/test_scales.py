"""Scales of a chart: pixels and round numbers that are known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.report.page.scales import Scale, domain, linear_ticks, log_ticks, spans_decades, tick_labels


def test_a_linear_scale_is_a_line_and_may_run_down() -> None:
    scale = Scale(0, 10, 100, 0)
    assert [scale(value) for value in (0, 2.5, 10)] == [100, 75, 0]
    assert math.isnan(scale(math.nan))


def test_a_log_scale_gives_each_decade_the_same_room() -> None:
    scale = Scale(0.1, 100, 0, 300, log=True)
    assert [scale(value) for value in (0.1, 1, 10, 100)] == pytest.approx([0, 100, 200, 300])
    assert math.isnan(scale(0))
    assert math.isnan(scale(-1))
    assert math.isnan(scale(math.nan))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 10, [0, 5, 10]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (3.31, 4.13, [3.4, 3.6, 3.8, 4.0]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (50, 1200, [500, 1000]),
        (1e-6, 5e-6, [1e-6, 2e-6, 3e-6, 4e-6, 5e-6]),
    ],
)
def test_linear_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert linear_ticks(low, high, len(ticks) if low == 0 and high == 1 else 5) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.5, 2000, [1, 10, 100, 1000]),
        (1, 1e8, [1, 1e2, 1e4, 1e6, 1e8]),
        (1.2, 30, [2, 5, 10, 20]),
        (2.1, 2.9, [2.2, 2.4, 2.6, 2.8]),
    ],
)
def test_log_ticks_are_powers_of_ten_or_between(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high) == pytest.approx(ticks)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 10))
def test_there_are_never_more_linear_ticks_than_asked_for_and_all_lie_inside(
    low: float, width: float, most: int
) -> None:
    high = low + width
    if high - low < 1e-9 * max(abs(low), abs(high)):  # no scale is made of these: domain widens them
        return
    ticks = linear_ticks(low, high, most)
    assert len(ticks) <= most
    assert all(low - 1e-6 * width <= tick <= high + 1e-6 * width for tick in ticks)
    assert ticks == sorted(ticks)


@given(st.floats(1e-9, 1e9), st.floats(1.01, 1e12))
def test_log_ticks_lie_inside(low: float, ratio: float) -> None:
    ticks = log_ticks(low, low * ratio)
    assert all(low * 0.999 <= tick <= low * ratio * 1.001 for tick in ticks)
    assert len(ticks) <= 10


def test_a_domain_holds_its_values_with_a_margin() -> None:
    assert domain([0, 10, math.nan], margin=0.1) == (-1, 11)
    assert domain([1, 100, 0, -5], log=True, margin=0.5) == pytest.approx((0.1, 1000))
    assert domain([]) == (0, 1)
    assert domain([-1.0], log=True) == (1, 10)
    low, high = domain([5.0, 5.0])
    assert low < 5 < high
    low, high = domain([5.0], log=True)
    assert 0 < low < 5 < high
    low, high = domain([0.0])
    assert low < 0 < high


def test_a_log_scale_is_for_positive_numbers_far_apart() -> None:
    assert spans_decades([1, 30, math.nan])
    assert not spans_decades([1, 29])
    assert not spans_decades([0, 1000])
    assert not spans_decades([-1, 1000])
    assert not spans_decades([])


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([3.4, 3.6, 3.8, 4.0], ["3.4", "3.6", "3.8", "4.0"]),
        ([0, 5, 10], ["0", "5", "10"]),
        ([0, 500, 1000], ["0", "500", "1000"]),
        ([0, 5000, 10000], ["0", "5k", "10k"]),
        ([0, 50000, 100000], ["0", "50k", "100k"]),
        ([1e-5, 1.5e-5, 2e-5], ["1.0e-5", "1.5e-5", "2.0e-5"]),
        ([0, 1e13, 2e13], ["0", "1e13", "2e13"]),
        ([1000000, 1500000], ["1.0M", "1.5M"]),
        ([1e-6, 2e-6], ["1e-6", "2e-6"]),
        ([0.25, 0.3], ["0.25", "0.30"]),
    ],
)
def test_labels_have_the_decimals_that_tell_them_apart(ticks: list[float], labels: list[str]) -> None:
    assert tick_labels(ticks) == labels


def test_labels_of_shares_and_of_decades() -> None:
    assert tick_labels([0, 0.5, 1], percent=True) == ["0 %", "50 %", "100 %"]
    assert tick_labels([0.01, 0.1, 1, 10, 1e5], log=True) == ["0.01", "0.1", "1", "10", "100k"]


@given(st.floats(-1e6, 1e6), st.floats(1e-5, 1e9))
def test_no_two_labels_are_alike(low: float, width: float) -> None:
    ticks = linear_ticks(low, low + width, 5)
    assert len({*tick_labels(ticks)}) == len(ticks)
