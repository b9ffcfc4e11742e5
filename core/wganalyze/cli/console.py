"""The console that verbs print to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def make_console() -> Console:
    """A console on stdout that shows names as they are, and obeys none; as wide as the terminal, or as a log."""
    from wganalyze.report.console import make_console as make

    return make()
