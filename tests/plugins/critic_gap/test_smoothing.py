"""The sweep of epsilons: each value in the bounds of its row, and none called a bound of W1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wganalyze.testing import shifted_gaussians

Call = Callable[..., Any]


@given(st.integers(0, 1000), st.integers(1, 10), st.floats(0.1, 10), st.floats(0, 4))
@settings(max_examples=15)
def test_every_value_lies_in_its_bounds(critique: Call, seed: int, dim: int, slope: float, shift: float) -> None:
    outcome = critique(shifted_gaussians(shift, dim, n=20, seed=seed, slope=slope), epsilons=(0.001, 0.1, 1.0, 50.0))
    rows = outcome.rows["smoothed"]
    assert [row["epsilon_over_w1"] for row in rows] == [0.001, 0.1, 1.0, 50.0]
    for row in rows:
        room = 1e-9 * (1 + abs(row["value"]))
        assert row["bound_low"] - room <= row["value"] <= row["bound_high"] + room
        assert row["value_low"] <= row["value"] <= row["value_high"]
        assert row["epsilon"] == pytest.approx(row["epsilon_over_w1"] * row["w1"])
        assert row["bounds"] == "the entropic cost; no lower bound of W1"
    values = [row["value"] for row in rows]
    assert values == sorted(values)  # f^{c,eps} grows with eps


def test_a_small_epsilon_is_the_c_transform_and_a_large_one_exceeds_w1(critique: Call, values: Call) -> None:
    outcome = critique(shifted_gaussians(0.3, 2, n=60), epsilons=(1e-6, 10.0))
    small, large = outcome.rows["smoothed"]
    assert small["value"] == pytest.approx(values(outcome)["dual_c_from_real"], abs=1e-5)
    assert large["value"] > 1.5 * large["w1"]


@pytest.mark.parametrize(("options", "message"), [({"epsilons": (0.0,)}, "above 0"), ({"batch": -1}, "or 0")])
def test_options_that_mean_nothing_are_refused(critique: Call, options: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        critique(shifted_gaussians(n=20), **options)


def test_none_are_asked_for(critique: Call) -> None:
    assert "smoothed" not in critique(shifted_gaussians(n=20), epsilons=()).rows
