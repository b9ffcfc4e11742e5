"""What an analyzer yields: a number is a number, and where there is none, a reason stands in its place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.cells.measuring import Question, measure, tables_of
from wganalyze.contracts.analyzer import Analyzer, NoOptions, Yielded
from wganalyze.contracts.measurement import Finding, Measurement, Metric, Rows, Table
from wganalyze.contracts.study import Study
from wganalyze.statistics import Estimate, Interval
from wganalyze.testing import shifted_gaussians


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_is_a_value(value: float) -> None:
    measurement = Measurement("gap", value, Interval(value, value, "none"))
    assert measurement.value == value
    assert (measurement.status, measurement.certificate, measurement.message) == ("ok", "none", "")


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_with_the_way_out(value: float | None) -> None:
    with pytest.raises(ValueError, match=r"metric 'gap': .+ yield Measurement\.absent\(metric, reason\)"):
        Measurement("gap", value)


@pytest.mark.parametrize("count", ["n", "dim", "replicates"])
def test_a_count_is_a_whole_number(count: str) -> None:
    assert getattr(Measurement("gap", 1.0, **{count: 3}), count) == 3
    with pytest.raises(ValueError, match=rf"metric 'gap': {count} = 2\.5 is no whole number"):
        Measurement("gap", 1.0, **{count: 2.5})


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


# Of a study


@dataclass(frozen=True)
class Sizes:
    """What a measurement asks a study."""

    n: int = 40
    space: str = "critic input [-1, 1]"


@given(st.floats(-1e6, 1e6), st.integers(1, 10**6), st.sampled_from(["", "critic input", "critic input [0, 1]"]))
def test_size_and_space_are_those_of_the_study(value: float, n: int, space: str) -> None:
    measurement = Measurement.of("gap", value, Sizes(n, space))
    assert measurement == Measurement("gap", value, n=n, space=space)
    assert Measurement.of("gap", np.float32(value), Sizes(n, space)).value == pytest.approx(value)


def test_the_interval_and_the_replicates_are_those_of_the_estimate() -> None:
    interval = Interval(1.0, 2.0, "Student t over 4 replicates, 95%")
    estimate = Estimate(1.5, interval, 4, (1.0, 2.0, 1.0, 2.0))
    measurement = Measurement.of("gap", estimate, Sizes())
    assert (measurement.value, measurement.interval, measurement.replicates) == (1.5, interval, 4)
    assert measurement.values == estimate.values
    assert Measurement.of("gap", estimate, Sizes(), replicates=9).values == ()  # they count something else
    single = Measurement.of("gap", 1.5, Sizes())
    assert (single.value, single.interval, single.replicates) == (1.5, None, None)


def test_what_is_said_goes_before_what_the_study_has() -> None:
    said = {"mode": "train", "method": "by hand", "certificate": "exact", "solver": "simplex", "message": "so"}
    estimate = Estimate(1.5, None, 2, (1.0, 2.0))
    measurement = Measurement.of(
        "gap",
        estimate,
        Sizes(),
        n=7,
        dim=3,
        replicates=9,
        space="l1",
        scope="data",
        **said,  # type: ignore[arg-type]
    )
    assert measurement == Measurement(
        "gap",
        1.5,
        None,
        replicates=9,
        n=7,
        dim=3,
        space="critic input [-1, 1], l1",
        scope="data",
        **said,  # type: ignore[arg-type]
    )


def test_without_data_only_what_is_said_is_asked_for() -> None:
    class Without:
        """A study that has no samples."""

        space = "critic input"

        @property
        def n(self) -> int:
            raise AssertionError("there are none")

    assert Measurement.of("gap", 1.0, Without(), n=1).n == 1


def test_the_row_has_the_dimension_of_the_data_where_none_was_said() -> None:
    class Sized(Analyzer):
        """Yields two numbers, of which one says its dimension."""

        name = "sized"
        metrics = (Metric("plain", "A number."), Metric("said", "Another."))

        def measure(self, study: Study) -> Iterator[Yielded]:
            yield Measurement.of("plain", 1.0, study)
            yield Measurement.of("said", 1.0, study, dim=2)

    study, question = shifted_gaussians(dim=5, n=30), Question(Sized, NoOptions())
    rows = tables_of(measure(study, question), study, question, "run", "cell").measurements.to_pylist()
    assert [(row["metric"], row["n"], row["dim"], row["space"]) for row in rows] == [
        ("plain", 30, 5, study.space),
        ("said", 30, 2, study.space),
    ]
