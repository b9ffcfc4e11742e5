"""What an analyzer yields: a number is a number, and where there is none, a reason stands in its place."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.measurement import Finding, Measurement, Metric, Rows, Table
from wganalyze.statistics import Interval


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_is_a_value(value: float) -> None:
    measurement = Measurement("gap", value, Interval(value, value, "none"))
    assert measurement.value == value
    assert (measurement.status, measurement.certificate, measurement.message) == ("ok", "none", "")


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_with_the_way_out(value: float | None) -> None:
    with pytest.raises(ValueError, match=r"metric 'gap': .+ yield Measurement\.absent\(metric, reason\)"):
        Measurement("gap", value)


@given(st.text(), st.text())
def test_an_absent_number_keeps_its_reason(metric: str, reason: str) -> None:
    absent = Measurement.absent(metric, reason)
    assert (absent.metric, absent.value, absent.status, absent.message) == (metric, None, "skipped", reason)


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (Measurement("gap", 1.0), "value"),
        (Finding("info", "code", "text"), "message"),
        (Metric("gap", "A gap."), "unit"),
        (Interval(0, 1, "none"), "low"),
        (Rows("rows"), "table"),
        (Table("rows", "Rows.", {}), "columns"),
    ],
)
def test_nothing_changes_after_it_was_yielded(thing: object, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(thing, name, None)
