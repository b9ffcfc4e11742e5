"""The console that verbs print to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wganalyze.report.format import LOG_WIDTH

if TYPE_CHECKING:
    from rich.console import Console


def make_console() -> Console:
    """A console on stdout that shows names as they are, and obeys none; as wide as the terminal, or as a log."""
    from rich.console import Console
    from rich.text import Text

    class Shown(Console):
        def render_str(self, text: str, **more: Any) -> Text:
            return super().render_str("".join(c if c.isprintable() or c == "\n" else "?" for c in text), **more)

    console = Shown(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Shown(highlight=False, markup=False, emoji=False, width=LOG_WIDTH)
