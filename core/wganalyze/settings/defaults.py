"""What holds where nothing is said."""

from __future__ import annotations

N = 2000
"""Samples a split."""

LEAST_N = 2
REPLICATES = 5
SEED = 0
DEVICE = "auto"
"""The first GPU that torch sees, else the CPU."""
