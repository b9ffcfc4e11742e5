"""What transport holds to: how exact is exact, and how much memory a problem may take."""

from __future__ import annotations

RELATIVE_GAP = 1e-9


ROUNDING = 1e-14


MEMORY_BYTES = 12 * 2**30
"""That a problem may take, unless the caller says otherwise."""
