"""The best snapshots, as a terminal shows them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from wganalyze.report.format import number
from wganalyze.report.questions.best import Best, Candidate, Ranking
from wganalyze.report.questions.showing import Cell, Column, measured, notes, show

MOST = 12
"""Snapshots that are listed where nothing says which are as good."""


def show_best(console: Console, answer: Best, title: str) -> None:
    """Print the answer in words, the best of each trajectory and of all, and the notes."""
    asked, overall = answer.asked, answer.overall
    heading = f"{title}: best by {asked.name} ({asked.sense})"
    value = f"{asked.name} [95% CI]" if overall.best.number.low is not None else asked.name
    words = [in_words(answer)]
    if len(answer.trajectories) > 1:
        columns = [Column("trajectory", name=True), Column("best", name=True), Column("step"), Column(value)]
        columns.append(Column("not told apart", name=True))
        show(console, heading, columns, [_of_trajectory(each, overall) for each in answer.trajectories], words)
        heading, words = "Best of all", []
    listed = [overall.best, *overall.alike] if overall.replicates else [*overall.candidates[:MOST]]
    columns = [Column("snapshot", name=True), Column("step"), Column(value), Column("worse by"), Column("p (Holm)")]
    columns.append(Column("", name=True))
    show(console, heading, columns, [_line(each, overall) for each in listed], words)
    more = len(overall.candidates) - len(listed)
    verb = ("is", "are")[more > 1] + (" worse" if overall.replicates else " left out")
    told = [f"{more} other{'s' if more > 1 else ''} {verb} (--format csv lists all)."] if more else []
    notes(console, [*told, *answer.notes])


def in_words(answer: Best) -> str:
    """The answer in one sentence: the best snapshot, and how many others may be as good."""
    overall = answer.overall
    count = len(overall.candidates) - 1
    text = f"Best by {answer.asked.name}: {overall.best.label}, {number(overall.best.number.value)}"
    if count == 0 or not overall.replicates:
        return f"{text}."
    alike = len(overall.alike)
    if alike == 0:
        return f"{text}; {'the other one is' if count == 1 else f'all {count} others are'} worse."
    others = "the other one" if count == 1 else f"{alike} of the {count} others"
    return f"{text}; {others} cannot be told from it."


def _of_trajectory(ranking: Ranking, overall: Ranking) -> Sequence[Cell]:
    best = ranking.best
    label = Text(best.label.removeprefix(f"{ranking.name}/"), style="bold" if best.label == overall.best.label else "")
    as_good = ", ".join(_short(each, ranking.name) for each in ranking.alike)
    if not ranking.replicates:
        as_good = "the only one" if len(ranking.candidates) == 1 else "unknown"
    return [ranking.name, label, _step(best), _value(best), as_good or f"none of {len(ranking.worse)}"]


def _line(each: Candidate, ranking: Ranking) -> Sequence[Cell]:
    if each is ranking.best:
        return [Text(each.label, style="bold"), _step(each), _value(each), "", "", Text("best", style="bold green")]
    verdict = "" if each.as_good is None else "not told apart" if each.as_good else "worse"
    return [each.label, _step(each), _value(each), number(each.behind), number(each.pvalue), verdict]


def _short(each: Candidate, trajectory: str) -> str:
    return str(each.step) if each.step is not None else each.label.removeprefix(f"{trajectory}/")


def _step(each: Candidate) -> str:
    return "-" if each.step is None else str(each.step)


def _value(each: Candidate) -> str:
    return measured(each.number.value, each.number.low, each.number.high)
