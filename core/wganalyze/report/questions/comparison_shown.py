"""A comparison as a person reads it: in a terminal, in Markdown and in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from wganalyze.report.format import number
from wganalyze.report.questions.comparison import Answered, Compared, Comparison, Entry
from wganalyze.report.questions.showing import Cell, Column, measured, notes, show
from wganalyze.report.questions.tabulated import to_latex, to_markdown

LEAST = 10
STYLES = {"better": "green", "worse": "red", "higher": "cyan", "lower": "cyan", "not told apart": "dim"}
AT = {"last": "the last snapshot of each", "best": "the best snapshot of each"}


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print the answer in words, the table and its notes."""
    titles, rows = laid_out(comparison)
    columns = [Column(title, title in ("metric", what(comparison), "against", ""), LEAST) for title in titles]
    styled: list[list[Cell]] = [[*row[:-1], Text(row[-1], style=STYLES.get(row[-1], ""))] for row in rows]
    show(console, in_a_line(comparison), columns, styled, in_words(comparison))
    notes(console, comparison.notes)


def markdown(comparison: Comparison) -> str:
    """The table and its notes in Markdown."""
    titles, rows = laid_out(comparison)
    return to_markdown(titles, rows, comparison.notes)


def latex(comparison: Comparison) -> str:
    """The table in LaTeX, its notes as comments."""
    titles, rows = laid_out(comparison)
    return to_latex(titles, rows, comparison.notes)


def in_a_line(comparison: Comparison) -> str:
    """What is compared with what, and where."""
    against = "all pairs" if comparison.pairs else f"against {comparison.names[0]}"
    at = AT.get(str(comparison.at), f"step {comparison.at}")
    return f"{len(comparison.names)} {what(comparison)}s, {against}: {at}"


def in_words(comparison: Comparison) -> list[str]:
    """The answer by the first metric that says which way is better, a sentence for each that was tested."""
    directed = [each for each in comparison.answers if each.asked.direction in ("lower", "higher")]
    return [_sentence(each, answer) for answer in directed[:1] for each in answer.compared if each.verdict]


def _sentence(each: Compared, answer: Answered) -> str:
    gap = each.difference
    value = measured(gap.value, gap.low, gap.high)
    if each.verdict == "not told apart":
        told = f"cannot be told from {each.against.name}: the difference {value} may be chance"
    else:
        told = f"is {each.verdict} than {each.against.name}: a difference of {value}"
    return f"By {answer.asked.name}, {each.entry.name} {told} (p = {number(each.pvalue)})."


def what(comparison: Comparison) -> str:
    """What is compared: "run" or "setting"."""
    return "run" if comparison.of == "replicates" else "setting"


def laid_out(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Titles, and a row for each metric and run (for each pair of them, with ``pairs``)."""
    seeds = comparison.of != "replicates"
    many = len(comparison.names) > 2
    titles = ["metric", what(comparison), "seeds" if seeds else "step", "value [95% CI]"]
    titles += [*(["against"] if comparison.pairs else []), "difference [95% CI]", "p (Holm)" if many else "p", ""]
    rows: list[list[str]] = []
    for answer in comparison.answers:
        title = answer.asked.name
        for entry in answer.entries:
            mine: Sequence[Compared | None] = [each for each in answer.compared if each.entry is entry] or [None]
            for place, each in enumerate(mine):
                shown = _entry(entry, seeds) if place == 0 else ["", "", ""]
                rows.append([title, *shown, *_difference(each, answer, comparison)])
                title = ""
    return titles, rows


def _entry(entry: Entry, seeds: bool) -> list[str]:
    step = "-" if entry.step is None else str(entry.step)
    return [entry.name, str(entry.count) if seeds else step, measured(entry.value, entry.low, entry.high)]


def _difference(each: Compared | None, answer: Answered, comparison: Comparison) -> list[str]:
    against = [each.against.name if each else ""] if comparison.pairs else []
    if each is None:
        return [*against, "", "", ""]
    gap = each.difference
    pvalue = number(each.pvalue) if each.pvalue is not None else ""
    return [*against, measured(gap.value, gap.low, gap.high), pvalue, each.verdict]
