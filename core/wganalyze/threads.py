"""Threads of the libraries that are imported later: they read their number from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for each library of this process that is imported, as the variables above would have it.

    Those that the user has set stay.
    """
    import numba
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    said = [name for name in NAMES if os.environ.get(name, "1") != "1"]
    if said:
        yield
        return
    torch_threads, numba_threads = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(torch_threads)
        numba.set_num_threads(numba_threads)
