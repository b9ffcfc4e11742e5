"""Tables as text for papers: Markdown and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence

Rows = Sequence[Sequence[str]]
_ESCAPES = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}  # fmt: skip
_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?"
_NUMBERS = re.compile(rf"{_NUMBER}(?: \[{_NUMBER}, {_NUMBER}\])?")


def to_markdown(titles: Sequence[str], rows: Rows, notes: Sequence[str]) -> str:
    """A Markdown table, with its notes below it."""
    lines = [titles, ["---"] * len(titles), *rows]
    table = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
    return "\n\n".join([table, *notes]) + "\n"


def to_latex(titles: Sequence[str], rows: Rows, notes: Sequence[str]) -> str:
    r"""A LaTeX table for ``\usepackage{booktabs}``, numbers in mathematical type; notes are comments."""
    numeric = [any(_NUMBERS.fullmatch(row[place]) for row in rows) for place in range(len(titles))]
    body = [" & ".join(map(_latex, row)) + r" \\" for row in rows]
    lines = [
        *(f"% {note}" for note in notes),
        rf"\begin{{tabular}}{{{''.join('r' if each else 'l' for each in numeric)}}}",
        r"\toprule",
        " & ".join(map(_latex, titles)) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _latex(cell: str) -> str:
    if _NUMBERS.fullmatch(cell):
        powers = re.sub(r"e([+-]\d+)", lambda power: rf"\times10^{{{int(power[1])}}}", cell)
        spaced = powers.replace(" [", r"\;[")
        return f"${spaced}$"
    return "".join(_ESCAPES.get(character, character) for character in cell)
