"""What holds where nothing is said."""

from __future__ import annotations

DEFAULT_N = 2000


DEFAULT_REPLICATES = 5


MIN_N = 2
