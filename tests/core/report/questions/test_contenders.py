"""Which runs are compared, and what they are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from wganalyze.errors import UsageError
from wganalyze.report.questions.contenders import _names, contenders, settings_by_pattern
from wganalyze.report.reading import Report

WriteReport = Callable[..., Report]
V = {"ugliness": [1.0, 2.0, 3.0]}


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x/report"], ["report"]),
        (["x/report", "y/report"], ["x", "y"]),
        (["out/a", "out/b"], ["a", "b"]),
        (["lr=1/seed=0/r", "lr=1/seed=1/r", "lr=2/seed=0/r"], ["lr=1/seed=0", "lr=1/seed=1", "lr=2/seed=0"]),
        (["a", "a/b"], ["a", "a/b"]),
        (["a/b", "b"], ["a/b", "b"]),
    ],
)  # fmt: skip
def test_reports_are_called_by_what_tells_them_apart(paths: Sequence[str], names: Sequence[str]) -> None:
    assert _names([Path(path) for path in paths]) == names


def test_runs_of_one_report_are_called_by_their_folders(write_report: WriteReport) -> None:
    report = write_report("r", {"a/s1": V, "a/s2": V, "b/s1": V, "final": V})
    assert [(run.name, run.snapshot) for run in contenders([report], "last")] == [
        ("a", "a/s2"),
        ("b", "b/s1"),
        ("final", "final"),
    ]


def test_runs_of_several_reports_have_their_names(write_report: WriteReport) -> None:
    reports = [write_report("x", {"a/s1": V, "b/s1": V}), write_report("y", {"a/s1": V})]
    assert [run.name for run in contenders(reports, "last")] == ["x/a", "x/b", "y"]


def test_patterns_choose_and_order_runs(write_report: WriteReport) -> None:
    report = write_report("r", {"a1/s1": V, "a2/s1": V, "b/s1": V})
    assert [run.name for run in contenders([report], "last", ["b", "a*", "*"])] == ["b", "a1", "a2"]
    with pytest.raises(UsageError, match=r"--run c\*: no run is called so; there are: a1, a2, b"):
        contenders([report], "last", ["c*"])


@pytest.mark.parametrize(
    ("names", "patterns", "settings"),
    [
        (["lr=1/seed=0", "lr=1/seed=1", "lr=2/seed=0"], ["lr=*/seed=*"], ["lr=1/seed=*", "lr=2/seed=*"]),
        (["seed-0/a", "seed-0/b", "seed-1/a"], ["seed-*/*"], ["seed-*/a", "seed-*/b"]),
        (["a_s0", "a_s1", "b_s0"], ["b_s*", "a_s*"], ["b_s*", "a_s*"]),
        (["g/lr=1/seed=0", "h/lr=1/seed=0"], ["lr=*/seed=*"], ["g/lr=1/seed=*", "h/lr=1/seed=*"]),
        (["a/seed=0", "a/seed=1"], ["a/*", "seed=*"], ["a/*", "a/seed=*"]),
    ],
)
def test_settings(
    names: Sequence[str], patterns: Sequence[str], settings: Sequence[str], write_report: WriteReport
) -> None:
    runs = contenders([write_report("r", {f"{name}/s1": V for name in names})], "last")
    assert [each.name for each in settings_by_pattern(runs, patterns)] == settings


def test_a_setting_needs_a_place_for_the_seed(write_report: WriteReport) -> None:
    runs = contenders([write_report("r", {"a/s1": V})], "last")
    with pytest.raises(UsageError, match=r"--group a: has no \* for the training seed"):
        settings_by_pattern(runs, ["a"])
    with pytest.raises(UsageError, match=r"--group b/\*: no run is called so; there are: a"):
        settings_by_pattern(runs, ["b/*"])
