"""Numbers, intervals and labels short enough to read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.report.format import bracket, number, spread, where


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (math.nan, "-"),
        (0.0, "0.000"),
        (6.5432, "6.543"),
        (-6.5432, "-6.543"),
        (65.432, "65.43"),
        (654.32, "654.3"),
        (6543.2, "6543"),
        (99999, "99999"),
        (123456, "1.23e+05"),
        (0.001, "0.001"),
        (0.0005, "5.00e-04"),
        (math.inf, "inf"),
    ],
)
def test_a_number_has_three_to_five_digits(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(-1e300, 1e300))
def test_a_number_is_read_back_within_its_digits(value: float) -> None:
    read = float(number(value))
    assert read == pytest.approx(value, rel=5.01e-3, abs=5.01e-4 if 1e-3 <= abs(value) < 0.1 else 0)
    assert len(number(value)) <= 10


def test_an_interval_has_both_ends_or_is_nothing() -> None:
    assert spread(6.4, 6.6) == "[6.400, 6.600]"
    assert spread(None, 1.0) == spread(1.0, None) == spread(math.nan, 1.0) == spread(1.0, math.nan) == ""


def test_an_end_of_a_bracket_without_a_number_is_open() -> None:
    assert bracket(2.0, 3.0) == "[2.000, 3.000]"
    assert bracket(math.nan, 3.0) == "[0, 3.000]"
    assert bracket(2.0, math.nan) == "[2.000, none]"
    assert bracket(math.nan, math.nan) == "-"


def test_a_few_labels_are_named_and_many_are_counted() -> None:
    assert where(["a"]) == "a"
    assert where(["a", "b"]) == "a, b"
    assert where(["a", "b", "c"]) == "a and 2 more"
