"""Who is told how a training goes."""

from __future__ import annotations

from pathlib import Path


class Progress:
    """Told of each step; a subclass shows what it likes."""

    def begin(self, name: str, folder: Path, done: int, steps: int) -> None:
        """The method ``name`` trains in ``folder`` from step ``done`` on, to ``steps``."""

    def stepped(self, step: int) -> None:
        """A step was made."""

    def saved(self, path: Path, step: int, estimate: float) -> None:
        """A checkpoint was written; ``estimate``: what the method claims there, NaN where it claims nothing."""

    def ended(self, outcome: str, step: int) -> None:
        """It is over."""
