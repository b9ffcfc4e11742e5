"""Every row is worked on once, in threads that leave BLAS as they found it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from wganalyze.transport.costs import blocks
from wganalyze.transport.costs.blocks import LEAST_ROWS, ONE_THREAD, in_blocks, workers

LEAVING = """
import json, sys, threading
import numpy as np
from threadpoolctl import threadpool_info
from wganalyze.transport.costs.blocks import LEAST_ROWS, ONE_THREAD, in_blocks

def blas():
    np.ones((2, 2)) @ np.ones((2, 2))
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

case, before, inside = sys.argv[1], blas(), []
entered = {name: threading.Event() for name in ("main", "thread")}
left = {name: threading.Event() for name in ("main", "thread")}

def run(name, waits):
    def work(part):
        inside.extend(blas())
        if part.start == 0:
            entered[name].set()
            for event in waits:
                assert event.wait(30)
            inside.extend(blas())
    in_blocks(4 * LEAST_ROWS, 10**9, work)
    left[name].set()

def beside(waits, first=()):
    def go():
        for event in first:
            assert event.wait(30)
        run("thread", waits)
    thread = threading.Thread(target=go)
    thread.start()
    return thread

if case == "a thread":
    beside([]).join()
elif case == "an error":
    def fails(part):
        inside.extend(blas())
        raise ValueError("inside")
    try:
        in_blocks(4 * LEAST_ROWS, 10**9, fails)
    except ValueError:
        run("main", [])
elif case == "the plain way":
    with ONE_THREAD as alone:
        assert alone
        inside.extend(blas())
elif case == "main leaves first":
    thread = beside([left["main"]], first=[entered["main"]])
    run("main", [entered["thread"]])
    thread.join()
elif case == "main leaves last":
    thread = beside([entered["main"]])
    assert entered["thread"].wait(30)
    run("main", [left["thread"]])
    thread.join()
else:  # one after the other
    beside([]).join()
    run("main", [])
print(json.dumps([before, inside, blas()]))
"""
WORKERS = "from wganalyze.transport.costs.blocks import workers; print(workers())"


def blas_threads() -> list[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return [int(library["num_threads"]) for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.fixture
def threaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three workers, whatever the machine has."""
    monkeypatch.setattr(blocks, "workers", lambda: 3)


@given(st.integers(0, 2000), st.integers(0, 10**7), st.sampled_from([1, 2, 5]))
def test_every_row_is_covered_once(rows: int, row_bytes: int, threads: int) -> None:
    counted = np.zeros(rows, int)
    heights: list[int] = []

    def work(part: slice) -> None:
        counted[part] += 1
        heights.append(part.stop - part.start)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "workers", lambda: threads)
        in_blocks(rows, row_bytes, work)
    assert (counted == 1).all()
    assert sum(heights) == rows  # none beyond the end
    assert all(height <= LEAST_ROWS or height * row_bytes <= blocks.BLOCK_BYTES for height in heights)
    # No more blocks than that asks for.
    assert len(heights) <= 1 + rows * max(row_bytes, 1) / blocks.BLOCK_BYTES * 2 or max(heights) == LEAST_ROWS


@pytest.mark.usefixtures("threaded")
def test_blocks_run_beside_each_other() -> None:
    """Three that wait for each other would never end in one thread."""
    barrier = threading.Barrier(3, timeout=30)
    seen: set[int] = set()

    def work(part: slice) -> None:
        barrier.wait()
        seen.add(threading.get_ident())

    in_blocks(3 * LEAST_ROWS, 10**9, work)
    assert len(seen) == 3
    assert threading.get_ident() not in seen


def test_one_block_stays_in_its_thread() -> None:
    seen: list[int] = []
    in_blocks(LEAST_ROWS, 10**9, lambda part: seen.append(threading.get_ident()))
    assert seen == [threading.get_ident()]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_work_raises_is_raised(threads: int, error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "workers", lambda: threads)
    before = blas_threads()
    begun: list[int] = []
    ended: list[int] = []

    def work(part: slice) -> None:
        begun.append(part.start)
        if part.start == 10 * LEAST_ROWS:
            raise error("of block 10")
        time.sleep(0.001)
        ended.append(part.start)

    with pytest.raises(error, match="of block 10"):
        in_blocks(1000 * LEAST_ROWS, 10**9, work)
    found = len(begun)
    assert sorted([*ended, 10 * LEAST_ROWS]) == sorted(begun), "a block goes on"
    assert found < 1000
    assert len(begun) == found
    assert blas_threads() == before


@pytest.mark.usefixtures("threaded")
def test_where_somebody_else_has_limited_blas_it_is_left_alone() -> None:
    """OpenBLAS hears one thread of a process: entering tells the truth, and all rows are worked on in any case."""
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert before
        with ONE_THREAD as alone:
            assert alone == (set(blas_threads()) == {1})
        counted = np.zeros(50 * LEAST_ROWS, int)

        def work(part: slice) -> None:
            counted[part] += 1

        in_blocks(len(counted), 10**9, work)
        assert (counted == 1).all()
        assert blas_threads() == before


@pytest.mark.usefixtures("threaded")
def test_rows_are_covered_from_two_threads_at_once() -> None:
    counted = np.zeros((2, 40 * LEAST_ROWS), int)
    both = threading.Barrier(2, timeout=30)

    def run(number: int) -> None:
        def work(part: slice) -> None:
            if part.start == 0:
                both.wait()
            counted[number, part] += 1

        in_blocks(40 * LEAST_ROWS, 10**9, work)

    threads = [threading.Thread(target=run, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (counted == 1).all()


@pytest.mark.parametrize(
    "case", ["the plain way", "a thread", "an error", "main leaves first", "main leaves last", "one after the other"]
)
def test_blas_gets_its_threads_back_whoever_leaves_last(case: str) -> None:
    """In a process of its own, whose BLAS starts with two threads: nobody else has limited it yet."""
    environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")}
    done = subprocess.run(
        [sys.executable, "-c", LEAVING, case], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    before, inside, after = json.loads(done.stdout)
    assert before
    assert set(inside) == {1}
    assert after == before


@pytest.mark.usefixtures("threaded")
def test_blocks_within_blocks() -> None:
    before = blas_threads()
    counted = np.zeros((5, 3 * LEAST_ROWS), int)

    def outer(part: slice) -> None:
        def inner(columns: slice) -> None:
            counted[part.start // LEAST_ROWS, columns] += 1

        in_blocks(3 * LEAST_ROWS, 10**9, inner)

    in_blocks(5 * LEAST_ROWS, 10**9, outer)
    assert (counted == 1).all()
    assert blas_threads() == before


@pytest.mark.parametrize(
    ("asked", "expected"), [("1", 1), ("3", 3), ("0", None), ("", None), ("many", None), (None, None)]
)
def test_workers_honour_what_is_asked_for(asked: str | None, expected: int | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if asked is not None:
        environment["OMP_NUM_THREADS"] = asked
    done = subprocess.run(
        [sys.executable, "-c", WORKERS], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert int(done.stdout) == (expected or available)


def test_workers_are_at_least_one() -> None:
    assert workers() >= 1


def test_much_work_is_shared_where_one_block_would_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "workers", lambda: 3)
    seen: list[slice] = []
    for operations, parts in ((blocks.SHARED - 1, 1), (blocks.SHARED, 3)):
        seen.clear()
        in_blocks(100, 8, seen.append, operations=operations)
        assert sorted(range(100)) == sorted(i for part in seen for i in range(part.start, part.stop))
        assert len(seen) == parts
