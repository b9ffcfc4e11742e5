"""Answers in a terminal: tables that fit, and the notes under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.box import HEAVY_HEAD, SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wganalyze.report.console import Folded, say
from wganalyze.report.format import LOG_WIDTH, number, spread

LEAST_WIDTH = 80


@dataclass(frozen=True)
class Column:
    """A column of an answer; ``name``: is it of words, which may be broken? Else of numbers, which are never cut.

    ``least``: characters of a word column that stand in one line, where there is no room for all.
    """

    title: str
    name: bool = False
    least: int = 20


Cell = str | Text


@dataclass(frozen=True)
class Form:
    """How a table is laid out; ``breaks``: at what a number goes on in the next line; ``gap``: between columns."""

    framed: bool
    breaks: Literal["", " [", " "] = ""
    gap: int = 2


FORMS = (
    Form(framed=True),
    Form(framed=False),
    Form(framed=False, breaks=" ["),
    Form(framed=False, breaks=" [", gap=1),
    Form(framed=False, breaks=" "),
)
"""From the widest."""


def show(
    console: Console, title: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], words: Sequence[str] = ()
) -> None:
    """Print a table under its title and the answer in ``words``.

    Where it is too wide, it is without its frame, and if need be has intervals in lines of their own.
    """
    console.width = max(console.width, LEAST_WIDTH) if console.is_terminal else LOG_WIDTH
    longest = [max(len(str(row[place])) for row in rows) for place in range(len(columns))] if rows else []
    known = zip(columns, longest, strict=False)
    spare = sum(max(0, length - column.least) for column, length in known if column.name)
    say(console, Text(title, style="italic"))
    for line in words:
        say(console, Text(line, style="bold"))
    for form in FORMS:
        table = _table(columns, rows, form)
        full = console.measure(table, options=console.options.update(width=10_000)).maximum
        if full - spare <= console.width or form is FORMS[-1]:
            console.print(table)
            return


def notes(console: Console, lines: Sequence[str]) -> None:
    """Print what a reader has to know about a table."""
    for line in lines:
        console.print(Text(line, style="dim"))


def measured(value: float | None, low: float | None, high: float | None) -> str:
    """A number with its interval, where it has one."""
    return f"{number(value)} {spread(low, high)}".strip()


def _table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], form: Form) -> Table:
    table = Table(
        header_style="bold",
        box=HEAVY_HEAD if form.framed else SIMPLE_HEAD,
        padding=(0, 1) if form.framed else (0, form.gap - 1, 0, 0),
        pad_edge=False,
        show_edge=form.framed,
    )
    for column in columns:
        if column.name:
            table.add_column(column.title)
        else:
            table.add_column(_laid(column.title, form), justify="right", no_wrap=True)
    for row in rows:
        cells = zip(columns, row, strict=True)
        table.add_row(*(Folded(cell) if column.name else _laid(cell, form) for column, cell in cells))
    return table


def _laid(cell: Cell, form: Form) -> Text:
    text = Text(cell) if isinstance(cell, str) else cell
    if not form.breaks:
        return text
    return Text(text.plain.replace(form.breaks, f"\n{form.breaks.strip()}"), style=text.style)
