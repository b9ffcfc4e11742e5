"""Blocks of rows in threads: a matrix product each, with BLAS on one thread, and a compiled loop over what it gives.

Two pools of threads, BLAS's own and a kernel's, would wait for each other by spinning, at milliseconds a block.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

BLOCK_BYTES = 8 * 2**20
"""Of a block of products or costs: what stays in the cache of the cores."""


LEAST_ROWS = 8
SHARED = 10**8
"""Multiplications from which all cores take part, though one block would hold it all."""


def in_blocks(
    rows: int, row_bytes: int, work: Callable[[slice], None], block_bytes: int = BLOCK_BYTES, operations: int = 0
) -> None:
    """``work(block)`` for consecutive slices of ``rows``, whose rows take ``row_bytes``, on all cores, in any order.

    A block takes ``block_bytes``, but has ``LEAST_ROWS`` rows in any case. What ``work`` raises is raised, once the
    blocks that have begun are done. ``operations``: of all rows together.
    """
    height = block_bytes // max(row_bytes, 1)
    if operations >= SHARED:
        height = min(height, -(-rows // workers()))
    height = max(LEAST_ROWS, height)
    parts = [slice(start, min(start + height, rows)) for start in range(0, rows, height)]
    threads = min(workers(), len(parts))
    if threads <= 1:
        for part in parts:
            work(part)
        return
    with ONE_THREAD as limited:
        if not limited:
            for part in parts:
                work(part)
            return
        pool = ThreadPoolExecutor(threads, thread_name_prefix="wganalyze-blocks")
        try:
            for _ in pool.map(work, parts):
                pass
        finally:
            pool.shutdown(cancel_futures=True)


@cache
def workers() -> int:
    """OMP_NUM_THREADS where it is set, else the cores that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(asked) if asked.isdigit() and int(asked) > 0 else available


class _OneThread:
    """BLAS on one thread while anybody is inside; it gets its threads back when the last one leaves.

    Entering tells whether that was possible: OpenBLAS hears one thread of a process until that thread ends
    (threadpoolctl 3.8), so that a thread is made for it, and another may be there already.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._leave = threading.Event()
        self._holder: threading.Thread | None = None

    def __enter__(self) -> bool:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                limited = threading.Event()
                self._leave.clear()
                self._holder = threading.Thread(target=self._hold, args=(limited,), daemon=True, name="wganalyze-blas")
                self._holder.start()
                limited.wait()
            return all(library.num_threads == 1 for library in _libraries().lib_controllers)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._holder is not None:
                self._leave.set()
                self._holder.join()

    def _hold(self, limited: threading.Event) -> None:
        try:
            with _libraries().limit(limits=1):
                limited.set()
                self._leave.wait()
        finally:
            limited.set()


ONE_THREAD = _OneThread()


@cache
def _libraries() -> Any:
    import numpy as np
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    _ = np.ones((1, 1)) @ np.ones((1, 1))  # its BLAS is loaded by now
    return ThreadpoolController().select(user_api="blas")
