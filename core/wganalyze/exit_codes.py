"""What the process that runs a command returns."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How it went."""

    OK = 0
    """No cell failed, and at least one is ok."""
    FAILED = 1
    """A cell failed, or all were skipped."""
    USAGE = 2
    """It cannot be carried out as asked, or nothing could be opened."""
    INTERRUPTED = 130
    """By the user; what was done is kept."""
