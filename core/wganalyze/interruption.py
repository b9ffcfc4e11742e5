"""Ctrl-C, put off while something is taken that has to be given back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """KeyboardInterrupt comes when this is over, not inside: for short things that must not be left half done.

    Python raises it between any two steps, also where a ``with`` has been entered and is not yet to be left. Only the
    main thread hears Ctrl-C, and a handler that somebody else has set is his.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if heard:
            raise KeyboardInterrupt
