"""Compiled kernels: cached on disk where that is possible, and never entered in parallel from two threads."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

_ENTERED = threading.RLock()
"""Numba's plainest threading layer aborts the process on a second entry."""
ORDERED = frozenset({"nnan", "nsz", "reassoc", "contract"})
"""What a minimum over many needs to be vectorised, where infinities may occur."""


@contextmanager
def in_parallel() -> Iterator[None]:
    """Around kernels that run in parallel: one at a time, on no more threads than torch has, which it has afterwards.

    Both run on one OpenMP, whose number of threads numba sets when it begins, for the rest of the process.
    """
    torch = sys.modules.get("torch")
    with _ENTERED:
        if torch is None or not hasattr(torch, "set_num_threads"):  # or another thread has just begun to import it
            yield
            return
        threads, most = torch.get_num_threads(), numba.get_num_threads()
        numba.set_num_threads(min(most, threads))
        try:
            yield
        finally:
            numba.set_num_threads(most)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)


def kernel(*, parallel: bool = False, fastmath: bool | frozenset[str] = False) -> Callable[[F], F]:
    """``numba.njit`` that releases the GIL and keeps its machine code for the next process.

    Where nothing can be written (read-only site-packages, no home), it compiles again in every process and says so.
    """

    def compile_(function: F) -> F:
        options: dict[str, Any] = {"nogil": True, "parallel": parallel}
        options["fastmath"] = set(fastmath) if isinstance(fastmath, frozenset) else fastmath
        try:
            return cast(F, numba.njit(cache=True, **options)(function))
        except RuntimeError:  # "cannot cache function: no locator available"
            _say_once()
            return cast(F, numba.njit(cache=False, **options)(function))

    return compile_


_said = threading.Event()


def _say_once() -> None:
    if not _said.is_set():
        _said.set()
        warnings.warn(
            "compiled kernels cannot be cached, so that every process compiles them again (some 20 s): "
            "set NUMBA_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
            stacklevel=4,
        )
