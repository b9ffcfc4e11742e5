"""Ctrl-C, put off while something is taken that has to be given back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def interrupt(*_: Any) -> None:
    """A handler of signals: as Ctrl-C."""
    raise KeyboardInterrupt


@contextmanager
def uninterrupted() -> Iterator[None]:
    """KeyboardInterrupt comes when this is over, not inside: for short things that must not be left half done.

    Python raises it between any two steps, also where a ``with`` has been entered and is not yet to be left. Whoever
    asks twice does not want to wait: the second one comes at once. Only the main thread hears signals, and a handler
    that somebody else has set is his.
    """
    main = threading.current_thread() is threading.main_thread()
    raising = (signal.default_int_handler, interrupt)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    put_off = {number: handler for number, handler in handlers.items() if main and handler in raising}
    heard: list[int] = []

    def hear(number: int, _: Any) -> None:
        heard.append(number)
        if len(heard) > 1:
            raise KeyboardInterrupt

    try:
        for number in put_off:
            signal.signal(number, hear)
        yield
    finally:
        for number, handler in put_off.items():
            signal.signal(number, handler)
        if heard:
            raise KeyboardInterrupt
