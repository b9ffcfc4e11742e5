"""Long work ends within a second of an interruption, and hands over what it found or raised."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from wganalyze.transport.costs.working import SMALL, Flag, interruptible

SOLVING = """
import sys
import numpy as np
from wganalyze.transport import wasserstein
solver, n = sys.argv[1], int(sys.argv[2])
x, y = np.random.default_rng(0).standard_normal((2, n, 64))
wasserstein(x[:200], y[:200], solver=solver)  # compiles, and imports
print("solving", flush=True)
try:
    wasserstein(x, y, solver=solver)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
PRICING = """
import signal
import numpy as np
from wganalyze.transport import wasserstein
from wganalyze.transport.shortlist.pricing import Products
real = Products.nearest
def interrupted(self, v, size):
    if len(v) == 8000:
        signal.raise_signal(signal.SIGINT)
    for _ in range(10):
        found = real(self, v, size)
    return found
Products.nearest = interrupted
x, y = np.random.default_rng(0).standard_normal((2, 8000, 64)).astype(np.float32)
wasserstein(x, y, solver="shortlist")
"""


@pytest.mark.parametrize("size", [1, SMALL])
def test_results_are_returned(size: int) -> None:
    assert interruptible(lambda stop: (7, int(stop[0])), size) == (7, 0)
    assert interruptible(lambda stop: None, size) is None


@pytest.mark.parametrize("size", [1, SMALL])
@pytest.mark.parametrize("error", [ValueError, MemoryError, KeyboardInterrupt, SystemExit])
def test_errors_are_raised_to_the_caller(size: int, error: type[BaseException]) -> None:
    def work(stop: Flag) -> None:
        raise error("of the work")

    with pytest.raises(error, match="of the work"):
        interruptible(work, size)


def test_only_long_work_of_the_main_thread_gets_a_thread() -> None:
    assert threading.current_thread() is threading.main_thread()
    assert interruptible(lambda stop: threading.current_thread(), SMALL - 1) is threading.main_thread()
    assert interruptible(lambda stop: threading.current_thread(), SMALL) is not threading.main_thread()
    found: list[bool] = []

    def elsewhere() -> None:
        here = threading.current_thread()
        found.append(interruptible(lambda stop: threading.current_thread(), SMALL) is here)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [True]


def test_an_interrupted_thread_is_known_to_run_on() -> None:
    """Thread.join, interrupted, marks a running thread as ended (CPython to 3.12): a process would leave without it."""
    seen: list[threading.Thread] = []
    go = threading.Event()

    def work(stop: Flag) -> None:
        seen.append(threading.current_thread())
        signal.raise_signal(signal.SIGINT)
        go.wait(10)

    with pytest.raises(KeyboardInterrupt):
        interruptible(work, SMALL)
    alive = seen[0].is_alive()
    go.set()
    assert alive


def test_an_interruption_is_raised_at_once_and_told_to_the_work() -> None:
    told, done = threading.Event(), threading.Event()

    def work(stop: Flag) -> None:
        signal.raise_signal(signal.SIGINT)  # heard by the main thread
        while not stop[0] and not done.wait(0.01):
            pass
        told.set()

    with pytest.raises(KeyboardInterrupt):
        interruptible(work, SMALL)
    assert told.wait(10)
    done.set()


@pytest.mark.parametrize(("solver", "n"), [("pot", 4500), ("shortlist", 12_000)])
def test_solvers_are_interrupted(solver: str, n: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SOLVING, solver, str(n)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "solving\n", process.stderr.read()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        # Work that goes on in the background neither keeps the process nor breaks its end.
        assert process.wait(30) == 0, process.stderr.read()


def test_a_process_that_is_interrupted_while_it_prices_ends_as_any_other() -> None:
    """A thread that dies in foreign C++ when the interpreter ends takes the process with it: SIGABRT, a core dump."""
    done = subprocess.run([sys.executable, "-c", PRICING], capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr.rstrip().endswith("KeyboardInterrupt"), done.stderr
    assert "terminate called" not in done.stderr
    assert done.returncode == -signal.SIGINT
