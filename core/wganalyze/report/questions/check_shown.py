"""What became of conditions, as a terminal shows it."""

from __future__ import annotations

from itertools import pairwise

from rich.console import Console
from rich.text import Text

from wganalyze.report.questions.checking import Check, Checked
from wganalyze.report.questions.showing import Cell, Column, measured, notes, show

STYLES = {"passed": "green", "failed": "bold red", "undecided": "yellow", "not measured": "bold red"}


def show_check(console: Console, check: Check, title: str) -> None:
    """Print each condition with its number and what became of it, and the sum."""
    columns = [Column("condition", name=True), Column("snapshot", name=True), Column("number [95% CI]")]
    columns += [Column("", name=True, least=9), Column("why", name=True, least=16)]
    rows = [_row(each) for each in check.checked]
    for earlier, row in reversed([*pairwise(rows)]):
        row[0] = "" if row[0] == earlier[0] else row[0]
    width = len(columns) if any(row[-1] for row in rows) else len(columns) - 1
    show(console, title, columns[:width], [row[:width] for row in rows])
    notes(console, check.notes)
    held = sum(map(check.holds, check.checked))
    sum_ = f"{held} of {len(check.checked)} hold"
    console.print(Text(sum_, style="bold green" if check.passed else "bold red"))


def _row(each: Checked) -> list[Cell]:
    number = each.number
    value = measured(number.value, number.low, number.high) if number else "-" if each.reason else ""
    return [each.condition.text, each.snapshot, value, Text(each.outcome, style=STYLES[each.outcome]), each.reason]
