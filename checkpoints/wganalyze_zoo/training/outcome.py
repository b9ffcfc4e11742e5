"""What came of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Ending = Literal["complete", "nan"]


@dataclass(frozen=True)
class Run:
    """A training that has ended.

    ``folder``: where it lies; ``checkpoints``: in the order of their steps.
    ``outcome``: "complete", or "nan": a loss or a weight was no finite number behind ``step``, and nothing was written
    after that.
    ``settings``: what it depended on, as the checkpoints state it.
    ``trained``: False where all was there already.
    """

    folder: Path
    outcome: Ending
    step: int
    checkpoints: tuple[Path, ...]
    settings: Mapping[str, str | int | float]
    trained: bool = True
