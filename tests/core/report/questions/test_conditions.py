"""Conditions as they are written, and what intervals make of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.errors import UsageError
from wganalyze.report.questions.conditions import OPERATORS, Absence, Bound, parse

numbers = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("text", "metric", "operator", "bound"),
    [
        ("w1 < 3.5", "w1", "<", 3.5),
        ("w1<3.5", "w1", "<", 3.5),
        (" lipschitz_lower <= 1.1 ", "lipschitz_lower", "<=", 1.1),
        ("a-b.metric@space 2 >= -.5e-3", "a-b.metric@space 2", ">=", -0.5e-3),
        ("x > +1.", "x", ">", 1.0),
    ],
)
def test_bounds(text: str, metric: str, operator: str, bound: float) -> None:
    condition = parse(text)
    assert isinstance(condition, Bound)
    assert (condition.metric, condition.operator, condition.bound) == (metric, operator, bound)


@pytest.mark.parametrize(
    ("text", "levels"),
    [("no fault", {"fault"}), ("No Faults", {"fault"}), ("no  warning", {"fault", "warning"})],
)
def test_absences(text: str, levels: set[str]) -> None:
    condition = parse(text)
    assert isinstance(condition, Absence)
    assert {*condition.levels} == levels


@pytest.mark.parametrize(
    "text", ["", "w1", "w1 <", "< 3", "w1 == 3", "w1 = 3", "w1 < nan", "w1 < inf", "w1 < w2", "no info", "1 < w1 < 2"]
)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no condition; write 'METRIC < 3\.5'"):
        parse(text)


@pytest.mark.parametrize(
    ("operator", "low", "high", "outcome"),
    [
        ("<", 1, 2, "passed"), ("<", 1, 3, "undecided"), ("<=", 1, 3, "passed"), ("<", 3, 4, "failed"),
        ("<=", 3, 4, "undecided"), (">", 3, 4, "undecided"), (">=", 3, 4, "passed"), (">=", 1, 2, "failed"),
        ("<", None, None, "passed"),
    ],
)  # fmt: skip
def test_an_interval_decides_as_a_whole(operator: str, low: float | None, high: float | None, outcome: str) -> None:
    assert Bound("", "m", operator, 3.0).judge(1.5, low, high) == outcome


@given(st.sampled_from([*OPERATORS]), numbers, numbers, numbers, numbers)
def test_a_decision_holds_for_all_of_the_interval(operator: str, bound: float, a: float, b: float, c: float) -> None:
    low, inside, high = sorted((a, b, c))
    outcome = Bound("", "m", operator, bound).judge(inside, low, high)
    held = OPERATORS[operator](inside, bound)
    assert held or outcome != "passed"
    assert not held or outcome != "failed"
