"""One reason, told once for all the analyzers that give it."""

from __future__ import annotations

import pandas as pd

from wganalyze.report.gathering import troubles

COLUMNS = ["status", "analyzer", "snapshot", "message"]


def gathered(*rows: tuple[str, str, str, str]) -> list[tuple[str, list[str], list[str], str]]:
    """What is told of these rows."""
    return [*troubles(pd.DataFrame(rows, columns=COLUMNS))]


def test_analyzers_with_one_reason_for_the_same_snapshots_are_one_line() -> None:
    rows = [("failed", a, s, "no file") for a in ("one", "two") for s in ("x", "y")]
    assert gathered(*rows) == [("failed", ["one", "two"], ["x", "y"], "no file")]


def test_other_reasons_other_snapshots_and_other_ends_stay_apart() -> None:
    rows = [("failed", "a", "x", "m"), ("failed", "b", "y", "m"), ("skipped", "c", "x", "m"), ("failed", "d", "x", "n")]
    assert [line[1] for line in gathered(*rows)] == [["a"], ["b"], ["c"], ["d"]]


def test_nothing_is_told_of_nothing() -> None:
    assert gathered() == []
