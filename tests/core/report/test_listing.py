"""Which of very many snapshots get a line of their own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.cli import call
from wganalyze.report.listing import MOST_LINES, evenly, listed
from wganalyze.report.page.writing import write_page
from wganalyze.report.reading import open_report

WriteCell = Callable[..., str]


@pytest.mark.parametrize(
    ("count", "most", "places"),
    [(3, 6, [0, 1, 2]), (6, 6, [0, 1, 2, 3, 4, 5]), (100, 3, [0, 50, 99]), (11, 6, [0, 2, 4, 6, 8, 10]), (9, 1, [8]),
     (9, 2, [0, 8]), (0, 6, [])],
)  # fmt: skip
def test_first_last_and_evenly_between(count: int, most: int, places: list[int]) -> None:
    assert evenly(count, most) == places


@given(st.integers(0, 10_000), st.integers(1, 200))
def test_places_are_different_and_gaps_alike(count: int, most: int) -> None:
    places = evenly(count, most)
    assert len(places) == min(count, most)
    gaps = [after - before for before, after in pairwise(places)]
    assert max(gaps, default=1) - min(gaps, default=1) <= 1
    assert min(gaps, default=1) >= 1


def test_of_each_trajectory_some_and_the_last() -> None:
    runs = [[f"{run}/s{step}" for step in range(10)] for run in "abc"]
    labels = [label for run in runs for label in run]
    assert listed(labels, runs, 30) == labels
    assert listed(labels, runs, 6) == ["a/s0", "a/s9", "b/s0", "b/s9", "c/s0", "c/s9"]
    assert listed(labels, runs, 5) == ["a/s9", "b/s9", "c/s9"]
    assert listed(labels, runs, 2) == ["a/s9", "c/s9"]


def test_a_long_run_has_a_short_table_and_a_small_page(
    report: Path, write_cell: WriteCell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = 3 * MOST_LINES
    for step in range(count):
        write_cell(report, f"s{step}", {"x": float(step)}, step=step)

    for options in ((), ("--metric", "x")):
        assert call(["show", str(report), *options]) == 0
        said = capsys.readouterr().out
        assert f"{MOST_LINES} of {count} snapshots" in said
        shown = [int(word[1:]) for line in said.splitlines() for word in line.replace("│", " ").split()[:1]
                 if word[:1] == "s" and word[1:].isdigit()]  # fmt: skip
        assert (len(shown), min(shown), max(shown)) == (MOST_LINES, 0, count - 1)
    for options in (("--all",), ("--snapshot", "*")):
        assert call(["show", str(report), *options]) == 0
        said = capsys.readouterr().out
        assert f"s{count // 2} " in said
        assert "--all)" not in said
    page = tmp_path / "page.html"
    write_page([open_report(report)], page)
    text = page.read_text()
    assert f"{MOST_LINES} of {count} snapshots are listed" in text
    assert text.count('<th scope="row">') < 4 * MOST_LINES
