"""Answers in a terminal: whatever its width, no number is cut and every note is there."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from rich.console import Console

from wganalyze.report.questions.best_shown import show_best
from wganalyze.report.questions.comparing import compare
from wganalyze.report.questions.comparison_shown import latex, markdown, show_comparison
from wganalyze.report.reading import Report

WriteReport = Callable[..., Report]
A = [123456.0, 123999.0, 123111.0, 123777.0, 123222.0]
B = [0.0001234, 0.0001334, 0.0001434, 0.0001134, 0.0001034]
LOW, ALIKE, HIGH = [0.9, 1.0, 1.1, 0.95, 1.05], [1.1, 0.95, 1.0, 1.05, 0.95], [4.9, 5.0, 5.1, 5.05, 4.95]
LONG = "wgan-gp/some_run_of_mine/with_a_long_name"


def drawn(width: int, draw: Callable[[Console], None]) -> str:
    """What a terminal of that width shows."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, highlight=False, legacy_windows=False)
    draw(console)
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())


@pytest.mark.parametrize("width", [160, 120, 100, 80, 50])
def test_no_number_of_a_comparison_is_cut(width: int, write_report: WriteReport) -> None:
    snapshots = {f"{LONG}/{i}/G_{100000 * i}": {"ugliness": values} for i, values in ((1, A), (2, B), (3, A))}
    comparison = compare([write_report("r", snapshots)])
    text = drawn(width, lambda console: show_comparison(console, comparison))
    assert "…" not in text
    for figure in ("1.24e+05", "1.23e-04", "-1.24e+05", "100000", "300000"):
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", text), (figure, text)
    assert max(len(line.rstrip()) for line in text.splitlines()[1:]) <= max(width, 80)
    assert "Lower is better: ugliness." in text
    for form in (markdown(comparison), latex(comparison)):
        assert "not told apart" in form
        assert "better" in form


@pytest.mark.parametrize("width", [160, 120, 100, 80, 50])
def test_no_number_of_the_best_is_cut(width: int, write_report: WriteReport) -> None:
    snapshots = {f"{LONG}/{run}/G_{step}": {"ugliness": A} for run in "ab" for step in (100000, 200000)}
    best = write_report("r", snapshots).best()
    text = drawn(width, lambda console: show_best(console, best, "r"))
    assert "…" not in text
    for figure in ("1.24e+05", "[1.23e+05", "1.24e+05]", "100000", "200000", "1.000"):
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", text), (figure, text)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= max(width, 80)


def test_names_are_no_markup(write_report: WriteReport) -> None:
    best = write_report("r", {"[red]x[/]/s1": {"ugliness": A}, "[red]x[/]/s2": {"ugliness": B}}).best()
    assert "[red]x[/]/s2" in drawn(120, lambda console: show_best(console, best, "[b]r[/b]"))


def test_the_best_is_answered_in_words(write_report: WriteReport) -> None:
    def told(**snapshots: list[float]) -> str:
        name = str(hash(str(snapshots)))
        best = write_report(name, {f"r/{n}": {"ugliness": v} for n, v in snapshots.items()}).best()
        return drawn(160, lambda console: show_best(console, best, "r")).splitlines()[1].strip()

    assert told(s1=LOW, s2=HIGH) == "Best by ugliness: r/s1, 1.000; the other one is worse."
    assert told(s1=LOW, s2=ALIKE, s3=HIGH) == "Best by ugliness: r/s1, 1.000; 1 of the 2 others cannot be told from it."
    assert told(s1=LOW, s2=HIGH, s3=HIGH) == "Best by ugliness: r/s1, 1.000; all 2 others are worse."
    assert told(s1=LOW) == "Best by ugliness: r/s1, 1.000."


def test_a_comparison_is_answered_in_words_and_its_metrics_are_explained(write_report: WriteReport) -> None:
    report = write_report("r", {f"{name}/s1": {"ugliness": values, "size": LOW} for name, values in
                                (("a", HIGH), ("b", LOW), ("c", [*reversed(HIGH)]))})  # fmt: skip
    lines = drawn(160, lambda console: show_comparison(console, compare([report]))).splitlines()
    assert lines[1].startswith("By ugliness, b is better than a: a difference of -4.000 [")
    assert lines[2].startswith("By ugliness, c cannot be told from a: the difference 0.000 [")
    assert "ugliness: How ugly." in [line.strip() for line in lines]
    assert "size: How large." in [line.strip() for line in lines]
