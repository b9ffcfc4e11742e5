"""Threads of the libraries that are imported later: they read their number from the environment."""

from __future__ import annotations

import os

NAMES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def one_thread_each() -> dict[str, str]:
    """The variables that give each library one thread, without those that the user has set."""
    return {name: "1" for name in NAMES if name not in os.environ}
