"""Numbers with their replicates, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.report.questions.asked import asked
from wganalyze.report.questions.numbers import (
    Draw,
    differences_of_draws,
    first_numbers,
    missing,
    numbers,
    which_of_several,
)
from wganalyze.report.reading import Report
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, table_of
from wganalyze.report.store import CellStore, CellTables, slot

WriteReport = Callable[..., Report]


def test_values_and_draw(write_report: WriteReport) -> None:
    report = write_report("r", {"s1": {"ugliness": [1.0, 2.0, 3.0]}}, seed=4)
    number = first_numbers(report, asked([report], "ugliness"))["s1"]
    assert (number.value, number.values, number.replicated) == (2.0, (1.0, 2.0, 3.0), True)
    assert number.draw == Draw(4, "d", 50)
    assert number.low is not None
    assert number.low < 2 < (number.high or 0)


def test_values_that_are_no_numbers_are_none(write_report: WriteReport) -> None:
    report = write_report("r", {"s1": {"ugliness": {"value": 1.0, "values": [1.0, float("nan"), 1.0]}}})
    assert first_numbers(report, asked([report], "ugliness"))["s1"].values == ()


def test_the_number_of_the_runs_own_size_comes_first(report: Path) -> None:
    place = {"snapshot": "s", "analyzer": "a", "metric": "m", "status": "ok", "n_split": 50}
    rows = [{**place, "n": n, "value": float(n)} for n in (10, 50, 90, 20)]
    store = CellStore(report)
    store.choose({slot("s", "a"): "0" * 32})
    name = store.next_name("0" * 32, "ok")
    table = table_of(MEASUREMENTS, [{**row, "cell": name} for row in rows])
    store.commit(name, CellTables(table, table_of(FINDINGS, []), {}))
    opened = Report(report)
    wanted = asked([opened], "m")
    found = numbers(opened, wanted)["s"]
    assert [each.n for each in found] == [50, 90, 20, 10]
    assert which_of_several(wanted, found[:1]) == ["m has several numbers of a snapshot: this is n = 50."]


def test_why_there_is_none(write_report: WriteReport, write_cell: Callable[..., str]) -> None:
    report = write_report("r", {"s1": {"ugliness": {"value": None, "status": "skipped", "message": "s1: no critic"}}})
    wanted = asked([report], "ugliness")
    assert missing(report, wanted, "s1").reason == "beauty skipped: no critic"
    assert first_numbers(report, wanted)["s1"].value is None
    assert missing(report, wanted, "s9").reason == "beauty did not measure it"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (Draw(0, "d", 50), []),
        (Draw(1, "d", 60), ["seed 0 and 1", "n = 50 and 60"]),
        (Draw(0, "e", 50), ["other data"]),
    ],
)
def test_how_draws_differ(other: Draw, told: list[str]) -> None:
    assert differences_of_draws(Draw(0, "d", 50), other) == told
