"""Numbers, intervals and labels as a reader sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def bracket(low: float, high: float) -> str:
    """A Lipschitz bracket; an end without a number is an open end."""
    if math.isnan(low) and math.isnan(high):
        return "-"
    return f"[{'0' if math.isnan(low) else number(low)}, {'none' if math.isnan(high) else number(high)}]"


def where(labels: Sequence[str]) -> str:
    """A few labels in words."""
    if len(labels) <= 2:
        return ", ".join(labels)
    return f"{labels[0]} and {len(labels) - 1} more"


LOG_WIDTH = 140
"""Characters of a line that goes to a log."""


def number(value: float | None) -> str:
    """Three to four digits, as a table wants them; "-" where there is none."""
    if value is None or math.isnan(value):
        return "-"
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.2e}"
    digits = 3 if abs(value) < 10 else 2 if abs(value) < 100 else 1 if abs(value) < 1000 else 0
    return f"{value:.{digits}f}"


def spread(low: float | None, high: float | None) -> str:
    """An interval, or "" where there is none."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"[{number(low)}, {number(high)}]"
