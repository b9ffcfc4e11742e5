"""Processes for trainings and their analysis, one for each core, each with one thread."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread

from wganalyze import WganalyzeError

LIMITS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
"""One thread a process, since there are as many processes as cores."""


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def workers(count: int, out: Path) -> Iterator[ProcessPoolExecutor]:
    """So many processes; what fails inside ends them. WganalyzeError, with ``out``, where one of them was killed."""
    with limited(), ProcessPoolExecutor(count, get_context("spawn"), initializer=end_with_others) as pool:
        try:
            yield pool
        except BrokenProcessPool:
            raise WganalyzeError(
                f"--out {out}: a process was killed (out of memory?); the same command goes on from there"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def limited() -> Iterator[None]:
    """Processes that are started inside have one thread each, unless the user said otherwise."""
    new = {name: value for name, value in LIMITS.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            del os.environ[name]


def end_with_others() -> None:
    """Ctrl-C ends this process at once, and so does the end of the one that started it, also where that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=follow, daemon=True).start()
