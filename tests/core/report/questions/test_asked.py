"""Which metric a name means: its own, with its analyzer, in a space."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.contracts.measurement import Headline, Metric
from wganalyze.errors import UsageError
from wganalyze.report.questions.asked import all_asked, asked, headline_metrics, with_direction
from wganalyze.report.reading import Report

WriteCell = Callable[..., str]


@pytest.fixture
def opened(report: Path, write_cell: WriteCell) -> Report:
    """Two analyzers that share a name, headlines of every kind, and a metric that was declared and never measured."""
    headline = Headline("x")
    declared = (
        Metric("same", "s", headline=headline),
        Metric("floor", "f", direction="lower", headline=headline),
        Metric("p", "p", direction="lower", correction="holm", headline=headline),
        Metric("own", "o", direction="higher", headline=headline),
        Metric("never", "n", direction="lower"),
    )
    row = {"value": 1.0, "plugin": "stranger"}
    numbers = {
        "same": row,
        "floor": {**row, "scope": "data", "direction": "lower"},
        "p": {**row, "correction": "holm", "direction": "lower"},
        "own": {**row, "direction": "higher"},
    }
    write_cell(report, "s", numbers, analyzer="a", metrics=declared, embedding="pixels")
    write_cell(report, "s", {"same": row, "spaceless": row}, analyzer="b", metrics=(Metric("same", "s"),))
    return Report(report)


def test_a_name_of_two_analyzers_needs_one(opened: Report) -> None:
    with pytest.raises(UsageError, match=r"--metric same: several analyzers give it; say a\.same or b\.same"):
        asked([opened], "same")
    assert asked([opened], "b.same").analyzer == "b"
    assert asked([opened], "b.same").name == "b.same"
    assert asked([opened], "own").name == "own"


def test_a_word_of_a_description_finds_the_metric(report: Path, write_cell: WriteCell) -> None:
    declared = (Metric("gauss", "The distance of two Gaussians, as FID is."), Metric("kid", "Kernels."))
    write_cell(report, "s", {"kid": 1.0}, analyzer="a", metrics=declared)
    with pytest.raises(UsageError, match=r"--by fid: no metric of the report is called so; what names it: gauss$"):
        asked([Report(report)], "fid", option="--by")


def test_a_metric_that_was_only_declared_is_known(opened: Report) -> None:
    assert asked([opened], "never").direction == "lower"


def test_spaces(opened: Report) -> None:
    assert asked([opened], "own").space == "pixels"
    assert asked([opened], "own@pixels").space == "pixels"
    assert asked([opened], "spaceless", "pixels").space is None
    with pytest.raises(UsageError, match="was not measured in the space 'x'; it was measured in pixels"):
        asked([opened], "own", "x")


def test_headlines_that_are_numbers_of_a_snapshot(opened: Report) -> None:
    """Neither a floor of the data, nor a p-value that was corrected over the snapshots."""
    assert [each.name for each in headline_metrics([opened])] == ["a.same", "own"]


def test_the_first_headline_that_has_a_direction(opened: Report) -> None:
    assert with_direction([opened]).metric == "own"
    assert with_direction([opened], "never").metric == "never"
    with pytest.raises(UsageError, match=r"--by b\.same: does not say which way is better; these do: own, never"):
        with_direction([opened], "b.same")


def test_wildcards_are_for_what_can_be_compared(opened: Report) -> None:
    first, *others = [each.name for each in all_asked([opened], ["own", "*"])]
    assert first == "own"
    assert sorted(others) == ["a.same", "b.same", "spaceless"]
    assert [each.name for each in all_asked([opened], ["o*"], "pixels")] == ["own"]
    with pytest.raises(UsageError, match=r"--metric x\*: no metric of the report is called so"):
        all_asked([opened], ["x*"])
