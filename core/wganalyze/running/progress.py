"""How a run tells what it does."""

from __future__ import annotations

from typing import Protocol

from wganalyze.cells.measuring import Outcome


class Progress(Protocol):
    """Told how a run goes; the command line shows it."""

    def note(self, line: str) -> None:
        """A line worth reading once."""
        ...

    def begin(self, cells: int) -> None:
        """The run has this many cells."""
        ...

    def cell(self, snapshot: str, analyzer: str) -> None:
        """This cell is looked at next."""
        ...

    def done(self, outcome: Outcome | None) -> None:
        """That cell is done; None: it was reused."""
        ...


class Silent:
    """Shows nothing."""

    def note(self, line: str) -> None: ...
    def begin(self, cells: int) -> None: ...
    def cell(self, snapshot: str, analyzer: str) -> None: ...
    def done(self, outcome: Outcome | None) -> None: ...
