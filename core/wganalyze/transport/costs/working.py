"""Long work in a worker thread, so that an interruption is heard while a library computes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")


Flag = npt.NDArray[np.uint8]


class Unfinished(Exception):
    """A solver used up its sweeps, or was asked to stop."""


def heed(stop: Flag) -> None:
    """Unfinished, where the flag is set."""
    if stop[0]:
        raise Unfinished


SMALL = 10**6


LISTENING = 0.1
"""Seconds between two looks for an interruption."""


def interruptible(work: Callable[[Flag], T], size: int) -> T:
    """``work(stop)``, in a thread of its own where it may be long; an interruption sets ``stop[0]``, and is raised.

    ``size``: pairs of points; below ``SMALL`` a thread would cost more than it helps. POT's solvers and our kernels
    release the GIL. A library that cannot be stopped goes on in the background; its thread ends with the process.
    """
    stop = np.zeros(1, np.uint8)
    if size < SMALL or threading.current_thread() is not threading.main_thread():
        return work(stop)
    results: list[T] = []
    errors: list[BaseException] = []
    ended = threading.Event()  # an interrupted join takes a thread for dead

    def run() -> None:
        try:
            results.append(work(stop))
        except BaseException as error:  # handed to the caller
            errors.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=run, daemon=True, name="wganalyze-transport")
    try:
        thread.start()
        while not ended.wait(LISTENING):
            pass
    except BaseException:
        stop[0] = 1
        raise
    if errors:
        raise errors[0]
    return results[0]
