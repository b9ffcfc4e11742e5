"""Holm's correction over the snapshots of a report, by the columns correction and scope."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from wganalyze.report.holm import DERIVED, corrected_name, families
from wganalyze.report.reading import open_report
from wganalyze.report.store import CellStore
from wganalyze.report.views import Views

WriteCell = Callable[..., str]
HOLM = {"unit": "p-value", "correction": "holm", "scope": "snapshot"}


@pytest.mark.parametrize("n", [64, None])
def test_a_hypothesis_tested_once_for_all_snapshots_counts_once(
    report: Path, write_cell: WriteCell, n: int | None
) -> None:
    once = {**HOLM, "value": 0.005, "scope": "data", "n": n, "seed": 0, "data_id": "d", "options": "{}"}
    for label in ("a", "b", "c"):
        write_cell(report, label, {"p": once})
    numbers = open_report(report).measurements
    corrected = numbers[numbers["metric"] == "p_holm"]
    assert list(corrected["value"]) == [0.005] * 3
    assert set(corrected["method"]) == {"Holm over 1 tests of p"}


@pytest.mark.parametrize(("snapshots", "noted"), [(10, False), (11, True)])
def test_too_few_permutations_for_so_many_snapshots_are_said(
    snapshots: int, noted: bool, report: Path, write_cell: WriteCell
) -> None:
    for label in range(snapshots):
        write_cell(report, f"s{label}", {"p": {**HOLM, "value": 0.005, "message": "training data"}})
    numbers = open_report(report).measurements
    (message,) = set(numbers.loc[numbers["metric"] == "p_holm", "message"])
    told = (
        "Holm: over 11 tests the least p of 0.005 becomes 0.055, so that none is below 0.05: ask for more permutations"
    )
    assert message == (f"{told}; training data" if noted else "training data")


def test_pvalues_are_corrected_over_the_snapshots_of_each_metric(report: Path, write_cell: WriteCell) -> None:
    for snapshot, p in (("a", 0.01), ("b", 0.02), ("c", 0.5)):
        write_cell(report, snapshot, {"p": {**HOLM, "value": p, "ci_low": 0.0, "ci_method": "x"}, "w": 1.0})
    write_cell(report, "d", {"p": {**HOLM, "value": None, "status": "skipped"}})
    write_cell(report, "a", {"q": {**HOLM, "value": 0.04}}, analyzer="z")
    views = Views(CellStore(report))
    views.refresh(force=True)
    views.refresh(force=True)
    numbers = pd.read_parquet(report / "measurements")
    corrected = numbers[numbers["plugin"] == DERIVED].set_index(["snapshot", "metric"])
    assert corrected["value"].to_dict() == {
        ("a", "p_holm"): pytest.approx(0.03),
        ("b", "p_holm"): pytest.approx(0.04),
        ("c", "p_holm"): pytest.approx(0.5),
        ("a", "q_holm"): pytest.approx(0.04),
    }
    assert corrected["method"].to_dict()["a", "p_holm"] == "Holm over 3 tests of p"
    assert corrected["ci_low"].isna().all()
    assert corrected["ci_method"].isna().all()
    assert set(corrected["correction"]) == {"none"}
    # Cells stay as they were measured.
    assert len(numbers) == 8 + 4


def test_a_unit_does_not_ask_for_a_correction(report: Path, write_cell: WriteCell) -> None:
    """The column does, whatever the number is called."""
    write_cell(report, "a", {"p": {"value": 0.01, "unit": "p-value", "correction": "none"}})
    write_cell(report, "b", {"q": {"value": 0.01, "unit": "", "correction": "holm"}}, analyzer="b")
    assert set(open_report(report).measurements["metric"]) == {"p", "q", "q_holm"}


def test_one_name_of_two_analyzers_is_two_families(report: Path, write_cell: WriteCell) -> None:
    for analyzer in ("one", "two"):
        for label in ("a", "b"):
            write_cell(report, label, {"p": {**HOLM, "value": 0.01}}, analyzer=analyzer)
    corrected = open_report(report).measurements.query("metric == 'p_holm'")
    assert list(corrected["value"]) == [pytest.approx(0.02)] * 4


@pytest.mark.parametrize("other", [{"value": 0.01}, {"n": 65}, {"seed": 1}, {"data_id": "e"}, {"options": "{1}"}])
def test_another_value_or_setting_is_another_test(report: Path, write_cell: WriteCell, other: dict[str, Any]) -> None:
    once = {**HOLM, "value": 0.005, "scope": "data", "n": 64, "seed": 0, "data_id": "d", "options": "{}"}
    for label, row in (("a", once), ("b", once), ("c", once | other)):
        write_cell(report, label, {"p": row})
    corrected = open_report(report).measurements.query("metric == 'p_holm'")
    assert set(corrected["method"]) == {"Holm over 2 tests of p"}


def test_equal_values_of_each_snapshot_are_tests_of_their_own(report: Path, write_cell: WriteCell) -> None:
    for label in ("a", "b", "c"):
        write_cell(report, label, {"p": {**HOLM, "value": 0.01, "n": 64, "seed": 0}})
    corrected = open_report(report).measurements.query("metric == 'p_holm'")
    assert list(corrected["value"]) == [pytest.approx(0.03)] * 3


@pytest.mark.parametrize("n", [64.0, float("nan"), None])
def test_a_size_that_is_missing_parts_no_test(n: float | None) -> None:
    """As pandas has it, where it is NaN, and as Arrow has it."""
    rows = [
        {"analyzer": "a", "metric": "p", "value": 0.04, "scope": "data", "n": n, "seed": 0, "data_id": "d",
         "options": "{}", "cell": label}
        for label in "abc"
    ]  # fmt: skip
    (family,) = families(rows if n is None else [{**row, "n": float(n)} for row in rows])
    assert list(family.corrected.values()) == [0.04]
    assert family.note == ""
    assert {corrected_name(row["metric"]) for row in family.members} == {"p_holm"}
