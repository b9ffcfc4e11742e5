"""The console that answers are printed to: names are shown as they are and obeyed by none, lines keep to the width."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Any

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.segment import Segment
from rich.text import Text

from wganalyze.report.format import LOG_WIDTH

_PIECES = re.compile(r"[^\s/_.\-]*[/_.\-]+|[^\s/_.\-]+|\s+")


class PlainConsole(Console):
    """Markup, emoji and highlighting are off; what cannot be printed is "?"; a dumb terminal has frames of ASCII."""

    def __init__(self, **more: Any):
        super().__init__(highlight=False, markup=False, emoji=False, **more)

    @property
    def encoding(self) -> str:
        """Of the characters that frames are made of."""
        return "ascii" if self.is_dumb_terminal else super().encoding

    def render_str(self, text: str, **more: Any) -> Text:
        """As it is, but for what acts on a terminal unseen."""
        return super().render_str(_seen(text), **more)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The same of whatever is printed: tables, cells, styled text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=_seen(segment.text))


def _seen(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def make_console() -> Console:
    """A console on stdout, as wide as the terminal, or as a log."""
    console = PlainConsole()
    return console if console.is_terminal else PlainConsole(width=LOG_WIDTH)


def say(console: Console, text: str | Text, style: str = "") -> None:
    """Print a line: on a terminal broken between words, in a log whole."""
    console.print(text, style=style or None, soft_wrap=not console.is_terminal)


def entry(console: Console, text: str, indent: int) -> None:
    """Print a line of a list: on a terminal what has no room in it goes on farther in."""
    begin, more = " " * indent, " " * (2 * indent + 2)
    lines = wrap(text, console.width, initial_indent=begin, subsequent_indent=more, break_on_hyphens=False)
    say(console, "\n".join(lines) if console.is_terminal else f"{begin}{text}")


class Folded:
    """A cell of words, names and paths, which is broken between their parts where its column is narrow."""

    def __init__(self, text: str | Text, style: str = ""):
        self.text = text if isinstance(text, Text) else Text(text, style=style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        longest = max([1, *map(cell_len, _PIECES.findall(self.text.plain))])
        whole = max([1, *map(cell_len, self.text.plain.split("\n"))])
        return Measurement(min(longest, options.max_width), min(whole, options.max_width))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        lines = [line for part in self.text.plain.split("\n") for line in folded(part, options.max_width)]
        yield Text("\n".join(lines), style=self.text.style)


def folded(text: str, width: int) -> list[str]:
    """The lines of a text, no longer than ``width``: broken at white space, behind / _ - and ., else anywhere."""
    lines = [""]
    for piece in _PIECES.findall(text):
        if cell_len(lines[-1]) + cell_len(piece.rstrip()) <= width:
            lines[-1] += piece
        elif piece.strip():
            lines += chop_cells(piece, width)
    return [line.rstrip() for line in lines if line.strip()] or [""]
