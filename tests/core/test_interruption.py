"""Ctrl-C that is put off comes afterwards, once, and nowhere else."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from wganalyze.interruption import interrupt, uninterrupted


def interrupted(done: list[str]) -> None:
    """Ctrl-C inside, and a second putting off."""
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
        with uninterrupted():
            done.append("inner")
        done.append("outer")


def asked_to_end(done: list[int]) -> None:
    """SIGTERM inside."""
    with uninterrupted():
        signal.raise_signal(signal.SIGTERM)
        done.append(1)


def wrong(*, after_ctrl_c: bool) -> None:
    """An error inside."""
    with uninterrupted():
        if after_ctrl_c:
            signal.raise_signal(signal.SIGINT)
        raise ValueError("wrong")


def test_it_comes_when_it_is_over() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(done)
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def asked_twice(done: list[int]) -> None:
    """What is inside hangs, say."""
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append(1)
        signal.raise_signal(signal.SIGINT)
        done.append(2)


def test_the_second_one_comes_at_once() -> None:
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        asked_twice(done)
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_inside_passes_and_ctrl_c_comes_before_it() -> None:
    with pytest.raises(ValueError, match="wrong"):
        wrong(after_ctrl_c=False)
    with pytest.raises(KeyboardInterrupt) as caught:
        wrong(after_ctrl_c=True)
    assert isinstance(caught.value.__context__, ValueError)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_counts_as_ctrl_c_is_put_off_too() -> None:
    done: list[int] = []
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            asked_to_end(done)
        assert done == [1]
        assert signal.getsignal(signal.SIGTERM) is interrupt
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_handler_of_somebody_else_stays_his() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            assert heard == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_hear_nothing_anyway() -> None:
    def work() -> bool:
        with uninterrupted():
            return threading.current_thread() is not threading.main_thread()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result()
